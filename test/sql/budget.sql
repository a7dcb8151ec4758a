\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Budgets, and the switches that stop programs and everything.
SELECT smsfollow.create_program('news', 'marketing', 'Acme') > 0, smsfollow.create_program('orders', 'transactional', 'Acme') > 0, smsfollow.create_program('legal', 'compliance', 'Acme') > 0;
SELECT smsfollow.set_opt_out_line('news', 'never'), smsfollow.set_text_rules('news', max_segments => 10);
SELECT count(smsfollow.opt_in('+141555501' || lpad(n::text, 2, '0'), p, 'web_form')) FROM generate_series(1, 40) n, unnest('{news,orders,legal}'::text[]) p;
UPDATE smsfollow.sender SET segments_per_second = 10000, burst = 10000;
SELECT smsfollow.create_campaign('spring', 'news') > 0;
CREATE FUNCTION t.queue(numbers int4range, campaign text, body text DEFAULT 'x') RETURNS bigint LANGUAGE sql AS $$
	SELECT count(smsfollow.send('+141555501' || lpad(n::text, 2, '0'), queue.body, campaign => queue.campaign, expires_after => '90 days')) FROM generate_series(lower(numbers), upper(numbers) - 1) n
$$;
CREATE VIEW t.fates AS SELECT c.fate, c.code, count(*), sum(c.segments) AS segments FROM generate_series(1, 4) lane, smsfollow.claim(100 + 0 * lane, 1) c WHERE c.fate <> 'park' OR lane = 1 GROUP BY 1, 2 ORDER BY 1 DESC, 2;
-- from the next noon on, so that no day begins meanwhile
CREATE FUNCTION t.later(seconds integer) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('smsfollow.clock_offset', extract(epoch FROM date_trunc('day', now(), 'UTC') + interval '36 hours' - now() + seconds * interval '1 second')::text, false)
$$;
SELECT t.later(0);
CREATE VIEW t.budget AS SELECT name, spent, left_over FROM smsfollow.budget_status ORDER BY name;
-- what was spent, counted anew from the texts themselves
CREATE VIEW t.misspent AS
SELECT * FROM (SELECT c.name, coalesce((SELECT sum(k.amount) FROM smsfollow.spend_count k WHERE k.campaign_id = c.campaign_id), 0) AS spent,
	coalesce((SELECT sum(x.money) FROM (
		SELECT coalesce(a.cost, (SELECT r.cost FROM smsfollow.receipt r WHERE r.message_id = a.message_id AND r.counted AND r.cost IS NOT NULL ORDER BY r.at LIMIT 1), a.price) AS money, a.campaign_id FROM smsfollow.attempt a WHERE a.outcome = 'accepted'
		UNION ALL SELECT i.price, i.campaign_id FROM smsfollow.inflight i
		UNION ALL SELECT d.price, d.campaign_id FROM smsfollow.in_doubt d) x WHERE x.campaign_id = c.campaign_id), 0) AS texts
	FROM smsfollow.campaign c) m WHERE spent <> texts;

-- a sender without a price: texts wait for one
SELECT smsfollow.create_budget('daily', 0.10, 'USD') AS id;
SELECT t.queue('[1,2)', 'news');
SELECT * FROM t.fates;
SELECT e.rule, e.verdict, e.code, e.value, e.hint FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule IN ('now', 'budget daily');
SELECT smsfollow.alter_sender('sandbox', price_per_segment => 0.01, currency => 'EUR');
SELECT t.later(1000);
SELECT * FROM t.fates;
SELECT smsfollow.alter_sender('sandbox', price_per_segment => 0.01, currency => 'USD');
SELECT t.later(2000);
SELECT * FROM t.fates;
-- it stops before it is passed: nine cents are in flight or spent, a text of two segments is not sent, one of one is
SELECT t.settle('accepted'), t.queue('[2,10)', 'news');
SELECT * FROM t.fates;
SELECT * FROM t.budget;
SELECT t.queue('[10,11)', 'news', repeat('x', 200));
SELECT * FROM t.fates;
SELECT code, next_at = send_at AS says_so, send_at = date_trunc('day', smsfollow.clock() + interval '1 day', 'UTC') AS tomorrow FROM smsfollow.ready JOIN smsfollow.verdict USING (message_id, code);
SELECT regexp_replace(e.value, 'since .*,', 'since (time),') AS value, e.hint FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule = 'budget daily';
SELECT t.queue('[11,13)', 'news');
SELECT * FROM t.fates;
SELECT * FROM t.budget;
SELECT * FROM t.misspent;
-- a definite failure gives back, a doubt does not; then what was put off has to be judged again
SELECT t.settle('rejected', 'content', '{0102,0103}'), t.settle('in_doubt', 'ambiguous', '{0104}'), t.settle('retry', 'transient', '{0105}'), t.settle('accepted');
SELECT * FROM t.budget;
SELECT smsfollow.resolve_in_doubt(message_id, 'failed') FROM smsfollow.in_doubt;
SELECT * FROM t.budget;
SELECT * FROM t.misspent;
SELECT smsfollow.alter_budget('daily', 0.20);
SELECT t.later(4000);
SELECT * FROM t.fates;
SELECT t.settle('accepted');
SELECT * FROM t.misspent;
-- what the provider tells takes the place of what was expected, once
SELECT a.price, smsfollow.apply_receipt(1, a.provider_message_id, NULL, 'sent', NULL, NULL, NULL, 0.03, 'USD', '{}') FROM smsfollow.attempt a JOIN smsfollow.contact_phone p USING (contact_id) WHERE right(p.phone, 2) = '06';
SELECT smsfollow.apply_receipt(1, a.provider_message_id, NULL, 'delivered', NULL, NULL, NULL, 0.04, 'USD', '{}') FROM smsfollow.attempt a JOIN smsfollow.contact_phone p USING (contact_id) WHERE right(p.phone, 2) = '06';
SELECT * FROM t.budget;
SELECT * FROM t.misspent;
-- a text that was given up has arrived after all
SELECT t.receipt(a.message_id, 'delivered') FROM smsfollow.attempt a JOIN smsfollow.contact_phone p USING (contact_id) WHERE right(p.phone, 2) = '02';
SELECT * FROM t.budget;
SELECT * FROM t.misspent;
SELECT smsfollow.fold_spend() > 0 AS folded, smsfollow.fold_spend() AS nothing_left;
SELECT * FROM t.budget;
SELECT * FROM t.misspent;
SELECT * FROM t.miscount;
-- tomorrow there is a new one
SELECT t.later(90000);
SELECT * FROM t.fates;
SELECT * FROM t.budget;

-- by campaign and lifetime: who waits for it waits until it is raised; and skip
SELECT smsfollow.drop_budget('daily'), t.settle('accepted');
SELECT smsfollow.create_budget('spring', 0.03, 'USD', 'campaign', 'spring', 'lifetime') > 0, smsfollow.create_budget('news', 0, 'USD', 'program', 'orders', 'month', on_exceed => 'skip') > 0;
SELECT t.queue('[20,25)', 'spring'), t.queue('[25,26)', 'orders'), t.queue('[26,28)', 'legal');
SELECT * FROM t.fates;
SELECT lane, code FROM smsfollow.ready;
SELECT verdict, code, next_at FROM smsfollow.verdict WHERE code = 'budget:spring';
SELECT e.rule, e.verdict, e.code, e.next_at FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule = 'now';
SELECT campaign, metric, reason, texts FROM smsfollow.kpi_reason WHERE reason ~ '^budget:' ORDER BY 1, 2, 3;
SELECT smsfollow.pause('spring'), smsfollow.resume('spring'), count(*) FROM smsfollow.ready WHERE lane < 0;
SELECT smsfollow.alter_budget('spring', 0.04);
SELECT * FROM t.fates;
SELECT smsfollow.drop_budget('spring');
SELECT * FROM t.fates;
SELECT t.settle('accepted');
SELECT * FROM t.misspent;
-- what is old becomes one row, and a lifetime still sees it
SELECT smsfollow.fold_spend() > 0 AS folded;
SELECT t.later(9000000);
SELECT t.queue('[30,31)', 'spring');
SELECT * FROM t.fates;
SELECT smsfollow.fold_spend() > 0 AS folded;
SELECT count(*) FILTER (WHERE bucket = '-infinity') AS old, count(*) FILTER (WHERE bucket > '-infinity') AS new FROM smsfollow.spend JOIN smsfollow.campaign USING (campaign_id) WHERE name = 'spring';
SELECT smsfollow.create_budget('spring', 1, 'USD', 'campaign', 'spring', 'lifetime') > 0;
SELECT * FROM t.budget;
SELECT t.settle('accepted');
SELECT * FROM t.misspent;
RESET smsfollow.clock_offset;
-- days of a zone
SELECT x.starts AT TIME ZONE z AS starts, x.ends - x.starts AS length FROM unnest('{UTC,America/Havana,Asia/Kathmandu}'::text[], '{2025-11-02 12:00+00,2025-11-02 12:00+00,2025-11-02 12:00+00}'::timestamptz[]) u(z, at), smsfollow.period_bounds('day', z, at) x;
SELECT smsfollow.period_bounds('week', 'Europe/Paris', '2026-12-06 22:00+00'), smsfollow.period_bounds('month', 'Europe/Paris', '2026-10-31 23:30+00'), smsfollow.period_bounds('lifetime', 'UTC', 'now');

-- programs: pause and resume, and those that are queued meanwhile
SELECT smsfollow.drop_budget('spring'), smsfollow.drop_budget('news');
SELECT t.queue('[1,3)', 'news'), t.queue('[3,5)', 'spring'), t.queue('[5,7)', 'orders');
SELECT smsfollow.pause_program('news');
SELECT t.queue('[7,9)', 'spring');
SELECT * FROM t.fates;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
SELECT e.rule, e.verdict, e.code, e.value, e.hint FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule IN ('now', 'pause') ORDER BY r.message_id, 1 LIMIT 2;
SELECT rule, verdict, code FROM smsfollow.explain('+14155550131', 'spring') WHERE rule IN ('now', 'pause');
-- both: what the one lets go the other keeps
SELECT smsfollow.pause('spring'), smsfollow.resume_program('news');
SELECT * FROM t.fates;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
SELECT smsfollow.pause_program('news'), smsfollow.resume('spring');
SELECT * FROM t.fates;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
SELECT smsfollow.resume_program('news');
SELECT * FROM t.fates;
SELECT t.settle('accepted');
SELECT * FROM t.miscount;
-- a text that was already in its lane when its program was paused
SELECT t.queue('[1,3)', 'news');
UPDATE smsfollow.program SET paused = true WHERE name = 'news';
SELECT * FROM t.fates;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
SELECT smsfollow.resume_program('news');

-- everything: nobody claims anything, and the texts stay where they are
SELECT smsfollow.pause_all('wrong list'), smsfollow.pause_all();
SELECT reason, paused_by = session_user AS by_me FROM smsfollow.kill_switch;
SELECT item, status, regexp_replace(detail, 'by .* at .*: ', 'by (me) at (time): ') AS detail, hint FROM smsfollow.health() WHERE item = 'paused';
SELECT t.queue('[3,4)', 'orders'), t.queue('[4,5)', 'legal');
SELECT * FROM t.fates;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2 ORDER BY 1;
SELECT e.rule, e.verdict, e.code, e.value, e.hint FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule IN ('now', 'kill_switch') AND r.lane = 1;
SELECT rule, verdict, code, hint FROM smsfollow.explain('+14155550131', 'orders') WHERE rule IN ('now', 'kill_switch');
SELECT smsfollow.resume_all(), smsfollow.resume_all() AS again;
SELECT * FROM t.fates;
SELECT t.settle('accepted');
SELECT * FROM t.miscount;
SELECT * FROM t.misspent;

-- errors
SELECT t.fails($$SELECT smsfollow.create_budget(NULL, 1, 'USD')$$), t.fails($$SELECT smsfollow.create_budget('x', NULL, 'USD')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, NULL)$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', time_zone => NULL)$$);
SELECT n, t.fails(format($$SELECT smsfollow.create_budget('x', %L, 'USD')$$, n)) FROM unnest('{-1,NaN,1000000001,0.0000001}'::text[]) n;
SELECT t.fails($$SELECT smsfollow.create_budget('x', 1, 'usd')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', period => 'week')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', on_exceed => 'drop')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', time_zone => 'Mars/Base')$$), t.fails($$SELECT smsfollow.create_budget('a:b', 1, 'USD')$$);
SELECT t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', 'tag', 'x')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', 'program')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', target => 'news')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', 'program', 'none')$$), t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD', 'campaign', 'none')$$);
SELECT smsfollow.create_budget('x', 1, 'USD') > 0, t.fails($$SELECT smsfollow.create_budget('x', 1, 'USD')$$), t.fails($$SELECT smsfollow.alter_budget('x', -1)$$), t.fails($$SELECT smsfollow.alter_budget('y', 1)$$), t.fails($$SELECT smsfollow.alter_budget(NULL, 1)$$), t.fails($$SELECT smsfollow.drop_budget('y')$$);
INSERT INTO smsfollow.spend_delta (campaign_id, bucket, currency, amount) SELECT campaign_id, smsfollow.clock(), 'USD', 1e15 FROM smsfollow.campaign WHERE name = 'orders';
SELECT rule, verdict, code FROM smsfollow.explain('+14155550131', 'orders') WHERE rule = 'budget x';
SELECT t.fails($$SELECT smsfollow.pause_program('none')$$), t.fails($$SELECT smsfollow.resume_program(NULL)$$), t.fails(format($$SELECT smsfollow.pause_all(%L)$$, repeat('x', 1001))), t.fails($$SELECT smsfollow.period_bounds('year', 'UTC', 'now')$$), t.fails($$SELECT smsfollow.period_bounds('day', 'Mars/Base', 'now')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.fails($$SELECT smsfollow.resume_program('news')$$), t.fails($$SELECT smsfollow.alter_budget('x', 2)$$);
ROLLBACK;
SELECT name, amount, currency, scope, period, time_zone, on_exceed FROM smsfollow.budget;
