/*
 * The sender of texts that name none.
 */
CREATE VIEW smsfollow.default_sender AS
SELECT s.sender_id
FROM smsfollow.sender s JOIN smsfollow.provider p USING (provider_id)
WHERE NOT s.paused AND NOT p.paused AND s.tenant_id IS NULL
ORDER BY p.kind = 'sandbox', s.sender_id
LIMIT 1;
COMMENT ON VIEW smsfollow.default_sender IS 'Internal: the sender of texts that name none: the first active one, the sandbox only when there is no other';

/*
 * The gate: may this text go now?
 *
 * A list of rules in C (src/policy) decides, for the claim and for explain()
 * alike, so that what is explained is what is done.  What the rules know of a
 * text is what gate_facts() tells: the claim reads it after it has locked the
 * contacts, with a snapshot taken after that, so every opt-out that committed
 * before is seen and every later one waits.
 *
 * LATERAL with OFFSET 0 says how each table is reached: by its key, for each
 * text.  The claim keeps its plans for a long time, and one made while a table
 * was empty would else join by reading the whole of it for each text.
 *
 * It has no settings and is not strict, so that PostgreSQL expands it in the
 * statement that uses it.
 */
CREATE FUNCTION smsfollow.gate_facts(contact bigint, campaign integer, sender integer)
RETURNS TABLE (
	contact_id bigint, phone text, blocked_code text, restricted_at timestamptz, cap_most integer, cap_per bigint, time_zone text, locale text, region text, subdivision text,
	contact_hours text, number_type text, contact_vars jsonb,
	consent_state text, consent_event_id bigint, consent_since timestamptz,
	consent_kind text, consent_expires_at timestamptz, consent_pending_until timestamptz, consent_required text,
	campaign_id integer, campaign text, all_paused boolean, campaign_paused boolean, in_doubt_policy text, max_attempts integer, offer_id integer,
	program_id integer, tenant_id integer, program text, program_paused boolean, purpose text,
	sender_id integer, provider_id integer, sender text, sender_paused boolean, provider_paused boolean,
	price_per_segment bigint, price_currency text
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT gate_facts.contact, ph.phone, st.blocked_code, st.restricted_at, st.cap_most, (extract(epoch FROM st.cap_per) * 1000000)::bigint, st.time_zone, k.locale, k.region, k.subdivision,
		st.hours, st.number_type, jsonb_build_object('contact', k.attributes || jsonb_strip_nulls(jsonb_build_object(
			'name', k.name, 'locale', k.locale, 'region', k.region))),
		cc.state, cc.consent_event_id, cc.since, cc.kind, cc.expires_at, cc.pending_until, p.consent_required,
		c.campaign_id, c.name, EXISTS (SELECT FROM smsfollow.kill_switch), c.paused, c.in_doubt_policy, c.max_attempts, c.offer_id,
		p.program_id, p.tenant_id, p.name, p.paused, p.purpose,
		s.sender_id, s.provider_id, v.name || '/' || coalesce(s.address, ''), s.paused, v.paused,
		(s.price_per_segment * 1000000)::bigint, s.price_currency
	FROM (SELECT * FROM smsfollow.campaign x WHERE x.campaign_id = gate_facts.campaign OFFSET 0) c
	CROSS JOIN LATERAL (SELECT * FROM smsfollow.program x WHERE x.program_id = c.program_id OFFSET 0) p
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_state x WHERE x.contact_id = gate_facts.contact OFFSET 0) st ON true
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_phone x WHERE x.contact_id = gate_facts.contact OFFSET 0) ph ON true
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact x WHERE x.contact_id = gate_facts.contact OFFSET 0) k ON true
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_consent x
					   WHERE x.contact_id = gate_facts.contact AND x.program_id = c.program_id OFFSET 0) cc ON true
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.sender x
					   WHERE x.sender_id = coalesce(gate_facts.sender, c.sender_id, p.sender_id,
													(SELECT d.sender_id FROM smsfollow.default_sender d)) OFFSET 0) s ON true
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.provider x WHERE x.provider_id = s.provider_id OFFSET 0) v ON true;
END;
COMMENT ON FUNCTION smsfollow.gate_facts(bigint, integer, integer) IS
'Internal: all that the rules of the gate know of a text of a campaign to a contact from a sender (NULL: the campaign''s); one row, or none when there is no such campaign';

CREATE FUNCTION smsfollow.judge(message_id bigint, message_at timestamptz)
RETURNS TABLE (rule text, verdict text, code text, value text, next_at timestamptz)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_judge_text';
COMMENT ON FUNCTION smsfollow.judge(bigint, timestamptz) IS
'Internal, under explain: what the gate says of a text of the log at this moment. First row, without rule: the verdict as the claim would find it; then every rule with what it saw. next_at: when a deferred text is tried again, NULL when somebody must act first';

CREATE FUNCTION smsfollow.judge(contact bigint, campaign integer)
RETURNS TABLE (rule text, verdict text, code text, value text, next_at timestamptz)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_judge_pair';
COMMENT ON FUNCTION smsfollow.judge(bigint, integer) IS
'Internal, under explain: the same of a text that a campaign would send to a contact (NULL: to a number that is no contact yet)';
