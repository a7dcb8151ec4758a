/*
 * What a batch of texts would cost, before it is queued.
 */
CREATE FUNCTION smsfollow.measure_texts(
	campaign integer, template_version integer, sender integer, phones text[], vars jsonb[], bodies text[], media jsonb[]
) RETURNS TABLE (segments integer, encoding text, units integer, code text, because text)
LANGUAGE c STABLE
-- definer: composes texts from tables that callers may not read, and tells numbers only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'smsfollow_measure_texts';
COMMENT ON FUNCTION smsfollow.measure_texts(integer, integer, integer, text[], jsonb[], text[], jsonb[]) IS
'Internal, under preview_cost: composes texts as they would go, without sending or writing anything; one row for each, in order. code: reason why it would be refused; because: the rule, or the first character that forces UCS-2. What is known of contacts is used only if the session may see persons; of campaigns of other tenants there is no row';

CREATE FUNCTION smsfollow.segment_price(campaign integer, sender integer, OUT price numeric, OUT currency text)
LANGUAGE sql STABLE PARALLEL SAFE
-- definer: callers may not read senders
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.price_per_segment, s.price_currency
	FROM (SELECT) one
	LEFT JOIN smsfollow.campaign c ON c.campaign_id = segment_price.campaign
	LEFT JOIN smsfollow.program p USING (program_id)
	LEFT JOIN smsfollow.sender s ON s.sender_id = coalesce(segment_price.sender, c.sender_id, p.sender_id,
		(SELECT d.sender_id FROM smsfollow.default_sender d))
$$;
COMMENT ON FUNCTION smsfollow.segment_price(integer, integer) IS 'Internal: price of a segment from the sender that a campaign''s texts get, NULL when it has none';

CREATE FUNCTION smsfollow.preview_cost(
	query text,
	template text DEFAULT NULL,
	campaign text DEFAULT NULL,
	sender text DEFAULT NULL,
	on_invalid text DEFAULT 'error',
	examples integer DEFAULT 20,
	OUT texts bigint,
	OUT refused bigint,
	OUT segments bigint,
	OUT mean numeric,
	OUT worst integer,
	OUT histogram jsonb,
	OUT ucs2 bigint,
	OUT above bigint,
	OUT longest jsonb,
	OUT cost numeric,
	OUT currency text
)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_preview_cost';
COMMENT ON FUNCTION smsfollow.preview_cost(text, text, text, text, text, integer) IS
'What the texts of a SELECT would cost, composed as they would go (media, brand, opt-out line, short links, smart encoding), with nothing written. The query is one of schedule_many and runs with the rights of the caller. texts: rows; refused: those that would not be sent whatever the gate says; segments, mean, worst, histogram (texts by segments), ucs2: of the others; above: texts with more segments than most have; longest: refused texts and those above, the worst first, at most examples (0 to 1,000): row, phone, segments, encoding, code (why refused), because (rule, or the first character that forces UCS-2), vars; cost: segments times the sender''s price, NULL when it has none. Contacts'' names and locales count if the session may see persons. Errors: as schedule_many';
