\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Cancelling: in the transaction of the caller, only what still waits.
SELECT smsfollow.create_program('news', 'marketing', 'Acme') > 0 AS program, smsfollow.create_campaign('spring', 'news') > 0 AS campaign;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'news', 'web_form')) FROM generate_series(1, 9) n;
-- ids 1 to 8: a text to each of eight numbers
SELECT smsfollow.send('+1415555010' || n, 'text ' || n, campaign => CASE WHEN n > 4 THEN 'spring' ELSE 'news' END, idempotency_key => CASE WHEN n > 2 THEN 'order-' || n % 2 END) AS id FROM generate_series(1, 8) n;
SELECT smsfollow.cancel(1) AS waiting, smsfollow.cancel(1) AS again;
BEGIN;
SELECT smsfollow.cancel(2);
SELECT state FROM t.log WHERE id = 2;
ROLLBACK;
SELECT state FROM t.log WHERE id = 2;
SELECT id, state, verdict, code, rule FROM t.log WHERE id = 1;
SELECT * FROM t.miscount;
-- past recall: the answer is the state it is in
SELECT phone, fate FROM t.claim(1, 4);
SELECT smsfollow.cancel(2);
SELECT t.settle('accepted', phones => '{0102}'), t.settle('rejected', phones => '{0103}'), t.settle('retry', phones => '{0104}'), t.settle('in_doubt', phones => '{0105}');
SELECT id, smsfollow.cancel(id) FROM generate_series(2, 5) id;
SELECT t.receipt(2, 'delivered'), smsfollow.cancel(2);
SELECT smsfollow.opt_out('+14155550106', method => 'keyword') > 0, smsfollow.cancel(6);
-- a paused one, and one that waits for a later try, can be cancelled
SELECT smsfollow.pause('spring');
SELECT smsfollow.cancel(7);
SELECT * FROM t.claim();
SELECT id, state, code FROM t.log;
SELECT * FROM t.miscount;
SELECT t.fails('SELECT smsfollow.cancel(NULL)');
SELECT t.fails('SELECT smsfollow.cancel(0)');
SELECT t.fails('SELECT smsfollow.cancel(-9223372036854775808)');

-- by number, by key, of one campaign or all
SELECT smsfollow.resume('spring');
SELECT smsfollow.cancel_for('+14155550108') AS one, smsfollow.cancel_for('+14155550108') AS none_left, smsfollow.cancel_for('+14155550199') AS nobody;
SELECT smsfollow.send('+1415555010' || n % 3 + 1, 'text', campaign => CASE WHEN n % 2 = 0 THEN 'spring' ELSE 'news' END, idempotency_key => 'new-' || n % 2) AS id FROM generate_series(1, 6) n;
SELECT message_id AS id, right(phone, 4) AS phone, campaign FROM smsfollow.message_log WHERE message_id > 8 ORDER BY 1;
SELECT smsfollow.cancel_for(key => 'new-1', phone => '+14155550102', campaign => 'spring') AS none, smsfollow.cancel_for(key => 'new-1', phone => '+14155550102') AS one,
	smsfollow.cancel_for(key => 'new-1', campaign => 'spring') AS none_either, smsfollow.cancel_for(key => 'new-1') AS two;
SELECT smsfollow.cancel_for('+1 (415) 555-0101', campaign => 'news') AS none, smsfollow.cancel_for('+1 (415) 555-0101', campaign => 'spring') AS one, smsfollow.cancel_for(key => 'none') AS none;
BEGIN;
SELECT smsfollow.cancel_for(key => 'new-0');
ROLLBACK;
SELECT id, state, verdict, code, rule FROM t.log WHERE id > 8;
-- the key stays taken: a cancelled order is not scheduled again by its repetition
SELECT smsfollow.send('+14155550102', 'again', idempotency_key => 'new-1') AS first_id;
SELECT * FROM t.miscount;
SELECT t.fails('SELECT smsfollow.cancel_for()');
SELECT t.fails($$SELECT smsfollow.cancel_for(campaign => 'news')$$);
SELECT t.fails($$SELECT smsfollow.cancel_for('+12')$$);
SELECT t.fails($$SELECT smsfollow.cancel_for('+14155550101', campaign => 'none')$$);
SELECT t.fails($$SELECT smsfollow.cancel_for('+14155550199', campaign => 'none')$$);
-- many at once
SELECT smsfollow.schedule_many($$SELECT '+14155550109' AS phone, 'x' AS body FROM generate_series(1, 1000)$$, campaign => 'news');
SELECT smsfollow.cancel_for('+14155550109');
SELECT * FROM t.miscount;

-- what is under way when it is cancelled is not tried again
SELECT count(smsfollow.opt_in('+141555501' || n, 'news', 'web_form')) FROM generate_series(20, 26) n;
SELECT smsfollow.send('+141555501' || n, 'under way 1' || n, campaign => 'news', idempotency_key => 'way-' || n) > 0 FROM generate_series(20, 26) n;
SELECT count(*) FROM t.claim() WHERE fate = 'send' AND phone BETWEEN '0120' AND '0126';
SELECT t.settle('in_doubt', 'ambiguous', ARRAY['0124', '0125', '0126']);
SELECT phone, state, smsfollow.cancel(id) FROM t.log WHERE phone BETWEEN '0120' AND '0125';
SELECT smsfollow.cancel_for(key => 'way-26') AS none_waits;
SELECT t.settle('retry', 'transient', '{0120}'), t.settle('accepted', phones => '{0121}'), t.settle('rejected', 'content', '{0122}');
SELECT smsfollow.resolve_in_doubt(id, 'retry') FROM t.log WHERE phone IN ('0124', '0126');
SELECT smsfollow.resolve_in_doubt(id, 'failed') FROM t.log WHERE phone = '0125';
SELECT phone, state, verdict, code, rule, reason FROM t.log WHERE phone BETWEEN '0120' AND '0126';
SELECT count(*) AS waiting FROM smsfollow.ready r JOIN smsfollow.contact_phone USING (contact_id) WHERE right(phone, 4) BETWEEN '0120' AND '0126';
SELECT * FROM t.miscount;
-- the answer came in the moment of the cancellation: the claim finds it
SELECT t.settle('retry', 'transient', '{0123}');
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id, attempt, code)
SELECT m.lane, smsfollow.clock(), m.message_id, m.created_at, m.contact_id, m.campaign_id, c.program_id, 1, 'retry' FROM smsfollow.message m JOIN smsfollow.campaign c USING (campaign_id) WHERE m.body = 'under way 123';
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n) SELECT campaign_id, now(), 'cancelled', 'cancelled', -1 FROM smsfollow.message WHERE body = 'under way 123';
SELECT state FROM t.log WHERE phone = '0123';
SELECT * FROM t.miscount;
SELECT phone, fate, code FROM t.claim(7) WHERE phone = '0123';
SELECT state, verdict, code, rule FROM t.log WHERE phone = '0123';
SELECT * FROM t.miscount;
-- one that had arrived all the same
SELECT t.receipt(id, 'delivered') FROM t.log WHERE phone = '0124';
SELECT state, verdict FROM t.log WHERE phone = '0124';
SELECT * FROM t.miscount;
