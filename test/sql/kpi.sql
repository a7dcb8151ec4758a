\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- KPIs are exact at any instant: after each step they equal a recount of the texts.
SELECT smsfollow.create_program('news', 'marketing', 'Acme', sender => 'sandbox') > 0, smsfollow.create_program('orders', 'transactional', 'Acme', sender => 'sandbox') > 0,
	smsfollow.create_campaign('spring', 'news') > 0, smsfollow.create_campaign('idle', 'news') > 0;
SELECT * FROM smsfollow.kpi_campaign ORDER BY campaign_id;
SELECT * FROM t.miscount;
-- a recount that disagrees would show
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n) VALUES (1, date_trunc('minute', now()), 'failed', 1);
SELECT source, campaign, failed FROM t.miscount;
DELETE FROM smsfollow.kpi_delta;

-- a thousand texts take every way there is; the way is drawn from the id, so each run is the same
SELECT count(smsfollow.opt_in('+1415' || 5550000 + n, p, 'web_form')) FROM generate_series(1, 1000) n, unnest('{news,orders}'::text[]) p WHERE n % 10 <> 0;
SELECT smsfollow.schedule_many($$SELECT '+1415' || 5550000 + n AS phone, repeat('x', n % 400 + 1) AS body, now() + (n % 3) * interval '1 hour' AS send_at FROM generate_series(1, 1000) n$$, campaign => c, expires_after => '90 minutes') AS queued
FROM unnest('{news,orders,spring}'::text[]) c;
SELECT * FROM t.miscount;
CREATE FUNCTION t.step(epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	claimed bigint := 0;
	o record;
BEGIN
	FOR i IN 1 .. 12 LOOP
		claimed := claimed + (SELECT count(*) FROM smsfollow.claim(300, step.epoch) c WHERE c.fate = 'send');
		FOR o IN SELECT x.outcome, x.reason, array_agg(i.message_id) AS messages, array_agg(i.contact_id) AS contacts
				 FROM smsfollow.inflight i CROSS JOIN LATERAL (
					SELECT CASE (i.message_id * 7919 + step.epoch * 31) % 11 WHEN 0 THEN 'rejected' WHEN 1 THEN 'rejected' WHEN 2 THEN 'retry' WHEN 3 THEN 'in_doubt' ELSE 'accepted' END AS outcome,
						CASE (i.message_id * 7919 + step.epoch * 31) % 11 WHEN 0 THEN 'content' WHEN 1 THEN CASE WHEN i.message_id % 2 = 0 THEN 'opted_out' ELSE 'bad_recipient' END
							WHEN 2 THEN 'transient' WHEN 3 THEN 'ambiguous' ELSE '' END AS reason) x
				 GROUP BY 1, 2 ORDER BY 1, 2 LOOP
			PERFORM smsfollow.settle(o.messages, o.contacts, step.epoch, o.outcome, o.reason);
		END LOOP;
	END LOOP;
	RETURN claimed;
END
$$;
SELECT t.step(1) > 500 AS many;
SELECT * FROM t.miscount;
SELECT smsfollow.fold_kpi() > 0;
SELECT * FROM t.miscount;
-- receipts, some of them twice, late, contradicting
SELECT count(*) FILTER (WHERE smsfollow.apply_receipt(1, 'test-' || l.message_id, NULL, s.status, s.reason, NULL, NULL, s.cost, 'USD', '{}')) > 500 AS moved
FROM smsfollow.message_log l CROSS JOIN LATERAL (VALUES
	(1, 'sent', NULL, 0.01), (2, 'delivered', NULL, NULL), (3, 'undelivered', 'blocked', NULL), (4, 'sent', NULL, NULL), (5, 'failed', 'bad_recipient', 0.02), (6, 'read', NULL, NULL), (7, 'delivered', NULL, 0.01)) s(n, status, reason, cost)
WHERE l.verdict = 'allow' AND l.message_id * s.n % 5 IN (1, 2);
SELECT * FROM t.miscount;
-- doubts resolved by persons and receipts, cancels, opt-outs, a pause, and time
SELECT count(smsfollow.resolve_in_doubt(d.message_id, (ARRAY['accepted', 'failed', 'retry'])[d.message_id % 3 + 1])) > 30 AS resolved FROM smsfollow.in_doubt d WHERE d.message_id % 4 <> 0;
SELECT count(t.receipt(d.message_id, (ARRAY['delivered', 'undelivered', 'sent'])[d.message_id % 3 + 1])) > 5 AS resolved FROM smsfollow.in_doubt d WHERE d.message_id % 4 = 0;
SELECT * FROM t.miscount;
SELECT count(smsfollow.cancel(r.message_id)) > 50 FROM smsfollow.ready r WHERE r.message_id % 5 = 0;
SELECT count(smsfollow.opt_out(p.phone, CASE WHEN p.contact_id % 2 = 0 THEN 'news' END, 'keyword')) > 20 FROM smsfollow.contact_phone p WHERE p.contact_id % 37 = 0;
SELECT sum(smsfollow.cancel_for(p.phone)) > 5 FROM smsfollow.contact_phone p WHERE p.contact_id % 41 = 0;
SELECT smsfollow.pause('spring') > 0;
SELECT * FROM t.miscount;
SET smsfollow.clock_offset = 3700;
SELECT t.step(2) > 100 AS many;
SELECT * FROM t.miscount;
SELECT smsfollow.resume('spring') > 0;
SET smsfollow.clock_offset = 9300;
SELECT t.step(3) > 100 AS many;
SELECT * FROM t.miscount;
SET smsfollow.clock_offset = 90000;
SELECT t.step(4) >= 0 AS rest;
SELECT * FROM t.miscount;
SELECT count(*) AS waiting FROM smsfollow.ready;
SELECT smsfollow.fold_kpi() > 0;
SELECT count(*) AS unfolded FROM smsfollow.kpi_delta;
SELECT * FROM t.miscount;
-- all states were there
SELECT state, count(*) > 0 AS some FROM smsfollow.message_log GROUP BY 1 ORDER BY 1;
-- sums that must agree: every text is in one state; what is accepted has segments
SELECT k.campaign, k.scheduled = (SELECT count(*) FROM smsfollow.message_log l WHERE l.campaign = k.campaign) AS all_texts,
	k.scheduled = k.cancelled + k.suppressed + k.expired + k.accepted + k.in_doubt
		+ (SELECT count(*) FROM smsfollow.message_log l WHERE l.campaign = k.campaign AND (l.state = 'scheduled' OR l.state = 'failed' AND l.verdict IS DISTINCT FROM 'allow')) AS every_one_once
FROM smsfollow.kpi_campaign k ORDER BY 1;
SELECT k.campaign, k.metric, k.texts = (SELECT count(*) FROM smsfollow.message_log l WHERE l.campaign = k.campaign AND l.state = k.metric AND coalesce(l.code, l.reason, '') = k.reason) AS by_reason, k.reason
FROM smsfollow.kpi_reason k ORDER BY 1, 2, 4;
SELECT DISTINCT k.reason FROM smsfollow.kpi_reason k WHERE k.meaning IS NULL AND k.reason <> '';

-- money in two currencies cannot be summed
SELECT cost IS NOT NULL AS cost, currency FROM smsfollow.kpi_campaign WHERE campaign = 'news';
SELECT smsfollow.apply_receipt(1, l.provider_message_id, NULL, 'delivered', NULL, NULL, NULL, 0.03, 'EUR', '{}') AS moved FROM smsfollow.message_log l WHERE campaign = 'news' AND state = 'accepted' ORDER BY message_id LIMIT 1;
SELECT cost, currency FROM smsfollow.kpi_campaign WHERE campaign = 'news';
SELECT reason AS currency, sum(cost) > 0 AS cost FROM smsfollow.kpi_count k JOIN smsfollow.campaign c USING (campaign_id) WHERE c.name = 'news' AND metric = 'cost' GROUP BY 1 ORDER BY 1;
