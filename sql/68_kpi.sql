/*
 * KPIs: every transaction that moves texts adds one small row a campaign and
 * metric (kpi_delta); the scheduler folds them by the minute (kpi_minute).
 * The views add both, so they are exact at any instant.
 */
CREATE TABLE smsfollow.kpi_delta (
	campaign_id integer NOT NULL,
	bucket timestamptz NOT NULL,
	metric text NOT NULL,
	reason text NOT NULL DEFAULT '',
	n bigint NOT NULL,
	cost numeric NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE smsfollow.kpi_delta IS 'Counts not folded yet: one row a transaction, campaign and metric';
COMMENT ON COLUMN smsfollow.kpi_delta.metric IS 'scheduled, cancelled, suppressed, expired, deferred (each time a rule puts a text off), accepted, retried, in_doubt (a level: it goes down again), failed, sent, delivered, undelivered, read, segments, cost, clicks, clickers (contacts with a human click)';
COMMENT ON COLUMN smsfollow.kpi_delta.reason IS 'Reason code, the currency of a cost, or the class of a click';

CREATE TABLE smsfollow.kpi_minute (
	campaign_id integer NOT NULL,
	bucket timestamptz NOT NULL,
	metric text NOT NULL,
	reason text NOT NULL,
	n bigint NOT NULL,
	cost numeric NOT NULL,
	PRIMARY KEY (campaign_id, bucket, metric, reason)
);
COMMENT ON TABLE smsfollow.kpi_minute IS 'Counts by campaign, minute, metric and reason';

CREATE VIEW smsfollow.kpi_count WITH (security_barrier) AS
SELECT k.campaign_id, k.bucket, k.metric, k.reason, k.n, k.cost
FROM (SELECT m.campaign_id, m.bucket, m.metric, m.reason, m.n, m.cost FROM smsfollow.kpi_minute m
	  UNION ALL
	  SELECT d.campaign_id, d.bucket, d.metric, d.reason, d.n, d.cost FROM smsfollow.kpi_delta d) k
WHERE (SELECT smsfollow.acting_tenant()) IS NULL
	OR k.campaign_id IN (SELECT c.campaign_id FROM smsfollow.campaign c WHERE c.tenant_id = (SELECT smsfollow.acting_tenant()));
COMMENT ON VIEW smsfollow.kpi_count IS 'All counts, folded or not: sum n and cost by what you like';

CREATE VIEW smsfollow.kpi_campaign WITH (security_barrier) AS
SELECT c.campaign_id, c.name AS campaign, p.name AS program,
	k.scheduled, k.cancelled, k.suppressed, k.expired, k.accepted, k.in_doubt, k.delivered, k.undelivered, k.failed,
	k.segments, m.cost, m.currency,
	round(k.delivered::numeric / nullif(k.delivered + k.undelivered + k.failed, 0), 4) AS delivery_rate,
	k.clicks, k.bot_clicks, k.clickers, round(k.clickers::numeric / nullif(k.delivered, 0), 4) AS ctr
FROM smsfollow.campaign c
JOIN smsfollow.program p USING (program_id)
CROSS JOIN LATERAL (
	SELECT coalesce(sum(x.n) FILTER (WHERE x.metric = 'scheduled'), 0)::bigint AS scheduled,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'cancelled'), 0)::bigint AS cancelled,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'suppressed'), 0)::bigint AS suppressed,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'expired'), 0)::bigint AS expired,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'accepted'), 0)::bigint AS accepted,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'in_doubt'), 0)::bigint AS in_doubt,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'delivered'), 0)::bigint AS delivered,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'undelivered'), 0)::bigint AS undelivered,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'failed'), 0)::bigint AS failed,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'segments'), 0)::bigint AS segments,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'clicks' AND x.reason = 'human'), 0)::bigint AS clicks,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'clicks' AND x.reason <> 'human'), 0)::bigint AS bot_clicks,
		coalesce(sum(x.n) FILTER (WHERE x.metric = 'clickers'), 0)::bigint AS clickers
	FROM smsfollow.kpi_count x WHERE x.campaign_id = c.campaign_id) k
CROSS JOIN LATERAL (
	SELECT CASE WHEN count(DISTINCT x.reason) <= 1 THEN sum(x.cost) END AS cost,
		CASE WHEN count(DISTINCT x.reason) <= 1 THEN nullif(min(x.reason), '') ELSE 'mixed' END AS currency
	FROM smsfollow.kpi_count x WHERE x.campaign_id = c.campaign_id AND x.metric = 'cost') m
WHERE coalesce(c.tenant_id = (SELECT smsfollow.acting_tenant()), true);
COMMENT ON VIEW smsfollow.kpi_campaign IS 'Counts of each campaign, exact at any instant';
COMMENT ON COLUMN smsfollow.kpi_campaign.accepted IS 'Taken by a provider; later delivered, undelivered or failed, as receipts tell';
COMMENT ON COLUMN smsfollow.kpi_campaign.failed IS 'Refused by the provider for good, or reported as failed';
COMMENT ON COLUMN smsfollow.kpi_campaign.in_doubt IS 'Of now: may or may not have arrived at the provider; not counted as failed';
COMMENT ON COLUMN smsfollow.kpi_campaign.segments IS 'Billed parts of accepted texts';
COMMENT ON COLUMN smsfollow.kpi_campaign.cost IS 'As providers told; NULL when none did or in more than one currency: see kpi_count';
COMMENT ON COLUMN smsfollow.kpi_campaign.clicks IS 'On short links, of class human';
COMMENT ON COLUMN smsfollow.kpi_campaign.bot_clicks IS 'On short links, of class bot or preview';
COMMENT ON COLUMN smsfollow.kpi_campaign.clickers IS 'Contacts with at least one human click in the campaign';
COMMENT ON COLUMN smsfollow.kpi_campaign.ctr IS 'clickers / delivered, NULL when nothing is delivered';
COMMENT ON COLUMN smsfollow.kpi_campaign.delivery_rate IS 'delivered / (delivered + undelivered + failed), NULL when none is final';

CREATE VIEW smsfollow.kpi_reason WITH (security_barrier) AS
SELECT c.name AS campaign, k.metric, k.reason, sum(k.n)::bigint AS texts, r.meaning, r.hint
FROM smsfollow.kpi_count k
JOIN smsfollow.campaign c USING (campaign_id)
LEFT JOIN smsfollow.reason_code r ON r.code = split_part(k.reason, ':', 1)
WHERE k.metric IN ('suppressed', 'expired', 'cancelled', 'deferred', 'failed', 'undelivered')
GROUP BY c.campaign_id, c.name, k.metric, k.reason, r.meaning, r.hint
HAVING sum(k.n) <> 0;
COMMENT ON VIEW smsfollow.kpi_reason IS 'Why texts did not arrive, or not yet (deferred: how often a rule has put one off), by campaign and reason, with what to do';

/*
 * The log: every text with its present state.
 */
CREATE VIEW smsfollow.message_log WITH (security_barrier) AS
SELECT m.message_id, m.created_at, m.contact_id,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN ph.phone ELSE smsfollow.mask_phone(ph.phone) END AS phone,
	c.name AS campaign, p.name AS program, t.name AS template, tv.version AS template_version, coalesce(i.locale, d.locale, a.locale) AS locale,
	CASE
		WHEN rc.status IS NOT NULL THEN rc.status
		WHEN i.message_id IS NOT NULL THEN 'sending'
		WHEN d.message_id IS NOT NULL THEN 'in_doubt'
		WHEN r.message_id IS NOT NULL THEN 'scheduled'
		WHEN a.outcome = 'accepted' THEN 'accepted'
		WHEN a.outcome = 'rejected' THEN 'failed'
		WHEN v.verdict = 'suppress' THEN 'suppressed'
		WHEN v.verdict = 'cancel' THEN 'cancelled'
		WHEN v.verdict = 'expire' THEN 'expired'
		ELSE 'scheduled' END AS state,
	m.send_at, r.send_at AS due_at, m.expires_at,
	coalesce(i.started_at, d.started_at, a.started_at) AS started_at,
	a.at AS answered_at, rc.at AS receipt_at,
	coalesce(i.attempt, d.attempt, a.attempt, 0) AS attempts,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN coalesce(i.body, d.body, a.body, m.body) END AS body,
	coalesce(i.segments, d.segments, a.segments) AS segments,
	coalesce(i.encoding, d.encoding, a.encoding) AS encoding,
	pv.name AS provider, s.address AS sender, a.provider_message_id,
	coalesce(a.cost, rc.any_cost) AS cost, CASE WHEN a.cost IS NULL THEN rc.any_currency ELSE a.currency END AS currency,
	CASE WHEN r.message_id IS NOT NULL THEN coalesce(r.code, 'waiting')
		 WHEN a.outcome = 'accepted' THEN 'allow'
		 WHEN a.outcome = 'rejected' THEN NULL ELSE v.verdict END AS verdict,
	CASE WHEN a.outcome IN ('accepted', 'rejected') THEN NULL ELSE v.code END AS code,
	CASE WHEN a.outcome = 'accepted' THEN 'consent_event ' || a.consent_event_id
		 WHEN a.outcome = 'rejected' THEN NULL
		 -- the reason is the template's own wording
		 WHEN v.code <> 'template_skip' OR (SELECT smsfollow.sees_persons()) THEN v.rule END AS rule,
	coalesce(rc.error_code, a.error_code) AS error_code,
	CASE WHEN rc.status IN ('undelivered', 'failed') THEN rc.reason ELSE nullif(a.reason, 'ok') END AS reason,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN a.error_text END AS error_text,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN d.evidence END AS in_doubt_evidence,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN m.vars END AS vars, m.created_by,
	(SELECT CASE WHEN (SELECT smsfollow.sees_persons()) THEN jsonb_object_agg(x.code, x.target)
		ELSE jsonb_object_agg(smsfollow.mask_code(x.code), smsfollow.mask_target(x.target)) END FROM smsfollow.link x
	 WHERE x.message_id = m.message_id AND x.created_at >= m.created_at) AS links,
	(SELECT count(*) FROM smsfollow.click x WHERE x.contact_id = m.contact_id AND x.message_id = m.message_id
	 AND x.at >= m.created_at AND x.class = 'human') AS clicks,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN
		(SELECT x.code FROM smsfollow.coupon x WHERE x.contact_id = m.contact_id AND x.message_id = m.message_id) END AS coupon,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN m.media END AS media
FROM smsfollow.message m
JOIN smsfollow.campaign c ON c.campaign_id = m.campaign_id
JOIN smsfollow.program p ON p.program_id = c.program_id
LEFT JOIN smsfollow.contact_phone ph ON ph.contact_id = m.contact_id
LEFT JOIN smsfollow.template_version tv ON tv.template_version_id = m.template_version_id
LEFT JOIN smsfollow.template t ON t.template_id = tv.template_id
LEFT JOIN smsfollow.ready r ON r.contact_id = m.contact_id AND r.message_id = m.message_id
LEFT JOIN smsfollow.inflight i ON i.contact_id = m.contact_id AND i.message_id = m.message_id
LEFT JOIN smsfollow.in_doubt d ON d.contact_id = m.contact_id AND d.message_id = m.message_id
LEFT JOIN LATERAL (
	SELECT x.* FROM smsfollow.attempt x
	WHERE x.message_id = m.message_id AND x.at >= m.created_at
	ORDER BY x.at DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
	SELECT x.* FROM smsfollow.verdict x
	WHERE x.message_id = m.message_id AND x.at >= m.created_at
	ORDER BY x.at DESC LIMIT 1) v ON true
LEFT JOIN LATERAL (
	-- the first price named is the one that counts
	SELECT x.status, x.at, x.reason, x.error_code, first_value(x.cost) OVER price AS any_cost, first_value(x.currency) OVER price AS any_currency
	FROM smsfollow.receipt x
	WHERE x.message_id = m.message_id AND x.counted AND x.at >= m.created_at
	WINDOW price AS (ORDER BY x.cost IS NULL, x.at)
	ORDER BY smsfollow.receipt_rank(x.status) DESC, x.at LIMIT 1) rc ON true
LEFT JOIN smsfollow.provider pv ON pv.provider_id = coalesce(i.provider_id, d.provider_id, a.provider_id)
LEFT JOIN smsfollow.sender s ON s.sender_id = coalesce(i.sender_id, d.sender_id, a.sender_id)
WHERE coalesce(c.tenant_id = (SELECT smsfollow.acting_tenant()), true);
COMMENT ON VIEW smsfollow.message_log IS 'Every text with its present state, times, body, provider''s id, segments, price and verdict. Who does not see persons (sees_persons()) gets masked numbers and codes of links, and no body, variables, coupon, or words of providers';
COMMENT ON COLUMN smsfollow.message_log.state IS 'scheduled, sending, accepted, sent, delivered, undelivered, failed, read, suppressed, cancelled, expired or in_doubt';
COMMENT ON COLUMN smsfollow.message_log.locale IS 'Of the wording that was sent; NULL: a literal text, or the wording names none';
COMMENT ON COLUMN smsfollow.message_log.due_at IS 'When it is looked at next, for a text that waits';
COMMENT ON COLUMN smsfollow.message_log.attempts IS 'Tries that count against max_attempts';
COMMENT ON COLUMN smsfollow.message_log.links IS 'Its short links: code and target';
COMMENT ON COLUMN smsfollow.message_log.media IS 'Addresses of what goes along with it; encoding MMS says that it did';
COMMENT ON COLUMN smsfollow.message_log.coupon IS 'Its code of the campaign''s offer';
COMMENT ON COLUMN smsfollow.message_log.clicks IS 'Clicks of class human on its links';
COMMENT ON COLUMN smsfollow.message_log.code IS 'Reason of the last verdict against it, see reason_code';

/*
 * Explain: the same gate, in words.
 */
CREATE FUNCTION smsfollow.explain(message_id bigint)
RETURNS TABLE (rule text, verdict text, code text, value text, next_at timestamptz, hint text)
LANGUAGE plpgsql VOLATILE
-- definer: answers without giving access to the tables behind it
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	l record;
	persons boolean := smsfollow.sees_persons();
BEGIN
	IF explain.message_id IS NULL THEN
		PERFORM smsfollow.raise_null('message_id');
	END IF;
	SELECT * INTO l FROM smsfollow.message_log x WHERE x.message_id = explain.message_id;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'message % does not exist', explain.message_id
			USING ERRCODE = 'undefined_object', HINT = 'Give the id that send() or schedule() returned; smsfollow.message_log lists them.';
	END IF;
	l.code := coalesce(l.code, CASE WHEN l.state IN ('undelivered', 'failed', 'in_doubt') THEN l.reason END);
	RETURN QUERY SELECT 'state', NULL::text, l.code, l.state::text, l.due_at,
		(SELECT k.hint FROM smsfollow.reason_code k WHERE k.code = split_part(l.code, ':', 1));
	IF l.state = 'scheduled' THEN
		-- the verdict of now, which its time may put off, and every rule behind it
		RETURN QUERY
		SELECT coalesce(g.rule, 'now'), CASE WHEN g.rule IS NULL AND g.verdict = 'allow' AND r.send_at > smsfollow.clock() THEN 'defer' ELSE g.verdict END,
			w.code, CASE WHEN g.rule IS NULL THEN coalesce(g.value, 'due ' || date_trunc('second', r.send_at)) ELSE g.value END,
			CASE WHEN g.rule IS NULL AND g.verdict = 'allow' THEN r.send_at ELSE g.next_at END, k.hint
		FROM smsfollow.judge(l.message_id, l.created_at) WITH ORDINALITY AS g(rule, verdict, code, value, next_at, n)
		LEFT JOIN smsfollow.ready r ON r.contact_id = l.contact_id AND r.message_id = l.message_id
		CROSS JOIN LATERAL (SELECT coalesce(g.code, CASE WHEN g.rule IS NULL THEN r.code END) AS code) w
		LEFT JOIN smsfollow.reason_code k ON k.code = split_part(w.code, ':', 1)
		ORDER BY g.n;
	END IF;
	RETURN QUERY
	SELECT 'verdict of ' || date_trunc('second', v.at), v.verdict, v.code,
		concat_ws(': ', CASE WHEN v.code <> 'template_skip' OR persons THEN v.rule END, CASE WHEN persons THEN v.detail END), v.next_at, k.hint
	FROM smsfollow.verdict v LEFT JOIN smsfollow.reason_code k ON k.code = split_part(v.code, ':', 1)
	WHERE v.message_id = explain.message_id ORDER BY v.at;
	RETURN QUERY
	SELECT 'attempt ' || a.attempt || ' of ' || date_trunc('second', a.started_at), a.outcome, a.reason,
		concat_ws(' ', 'http ' || a.http_status, a.error_code, CASE WHEN persons THEN a.error_text END), a.retry_at, k.hint
	FROM smsfollow.attempt a LEFT JOIN smsfollow.reason_code k ON k.code = a.reason AND a.outcome <> 'accepted'
	WHERE a.message_id = explain.message_id ORDER BY a.at;
	RETURN QUERY
	SELECT 'receipt of ' || date_trunc('second', r.at), r.status, r.reason, concat_ws(' ', r.error_code, CASE WHEN NOT r.counted THEN 'changed nothing' END),
		NULL::timestamptz, k.hint
	FROM smsfollow.receipt r LEFT JOIN smsfollow.reason_code k ON k.code = r.reason
	WHERE r.message_id = explain.message_id ORDER BY r.at;
END
$$;
COMMENT ON FUNCTION smsfollow.explain(bigint) IS
'Why a text went, or did not, or not yet: its state, what the gate says of a waiting one now, and every stored verdict, attempt and receipt; without words of templates and providers for who does not see persons. Errors: undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.explain(phone text, campaign text)
RETURNS TABLE (rule text, verdict text, code text, value text, next_at timestamptz, hint text)
LANGUAGE plpgsql VOLATILE
-- definer: answers without giving access to the tables behind it
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF explain.phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	RETURN QUERY
	SELECT coalesce(g.rule, 'now'), g.verdict, g.code, g.value, g.next_at, k.hint
	FROM smsfollow.judge(smsfollow.contact_id(explain.phone), smsfollow.campaign_id(explain.campaign))
		WITH ORDINALITY AS g(rule, verdict, code, value, next_at, n)
	LEFT JOIN smsfollow.reason_code k ON k.code = split_part(g.code, ':', 1)
	ORDER BY g.n;
END
$$;
COMMENT ON FUNCTION smsfollow.explain(text, text) IS
'What the gate would say to a text of a campaign to a number at this moment: the verdict, then rule by rule what each saw. next_at: when a text that waits would be tried again. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';
