\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Campaigns: one audience, one content, one goal; pausing, lanes, expiry.
SELECT smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme'),
	smsfollow.create_template('hello', 'Hello');
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT smsfollow.create_campaign('spring', 'news', 'hello', 'sandbox', 'retry', 3, '2 days', 2);
SELECT smsfollow.create_campaign('plain', 'news');
SELECT c.name, p.name AS program, t.name AS template, c.sender_id, c.lane, c.in_doubt_policy, c.max_attempts, c.expires_after, c.paused
FROM smsfollow.campaign c JOIN smsfollow.program p USING (program_id) LEFT JOIN smsfollow.template t USING (template_id) ORDER BY c.campaign_id;

SELECT t.fails($$SELECT smsfollow.create_campaign(NULL, 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', NULL)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('', 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign(repeat('x', 101), 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'nothing')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', 'nothing')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', sender => 'nobody')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', in_doubt_policy => 'maybe')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', max_attempts => 0)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', max_attempts => 101)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', lane => 4)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', lane => -1)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', expires_after => '0')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', expires_after => '-1 hour')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', expires_after => '11 years')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('x', 'news', expires_after => NULL)$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('spring', 'news')$$);
SELECT t.fails($$SELECT smsfollow.pause('nothing')$$);
SELECT t.fails($$SELECT smsfollow.resume('nothing')$$);
SELECT t.fails($$SELECT smsfollow.pause(NULL)$$);
SELECT t.fails($$SELECT smsfollow.resume(NULL)$$);

-- which campaign a call without one means
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x')$$);
SELECT smsfollow.resolve_campaign('spring') = smsfollow.campaign_id('spring') AS named;

-- pause and resume: texts that wait, texts that come meanwhile, texts in flight
SELECT count(smsfollow.opt_in('+1415555010' || n, p, 'web_form')) FROM generate_series(1, 6) n, unnest('{news,orders}'::text[]) p;
SELECT smsfollow.send('+14155550101', campaign => 'spring') > 0, smsfollow.send('+14155550102', campaign => 'spring') > 0,
	smsfollow.schedule('+14155550103', 'hello', NULL, now() + interval '1 hour', campaign => 'spring') > 0;
SELECT phone, fate FROM t.claim(1, 1);
SELECT smsfollow.pause('spring') AS waiting;
SELECT smsfollow.pause('spring') AS again;
SELECT smsfollow.send('+14155550104', campaign => 'spring') > 0;
SELECT * FROM t.claim();
SELECT phone, state, verdict FROM t.log;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
-- a text that comes back from the provider finds the campaign paused and joins the others
SELECT t.settle('retry', 'transient');
SET smsfollow.clock_offset = 1800;
SELECT * FROM t.claim();
SELECT verdict, code, rule, next_at FROM smsfollow.verdict;
SELECT lane, code, count(*) FROM smsfollow.ready GROUP BY 1, 2;
SELECT * FROM t.claim();
SELECT smsfollow.resume('spring') AS may_go;
SELECT smsfollow.resume('spring') AS again;
SELECT * FROM t.claim(2);
SELECT t.settle('accepted', epoch => 2);
SET smsfollow.clock_offset = 3700;
SELECT * FROM t.claim(2);
SELECT t.settle('accepted', epoch => 2);
SELECT phone, state, tries, verdict FROM t.log;
SELECT * FROM t.miscount;

-- expiry: a text that could not go in time does not go, paused or not
SELECT smsfollow.send('+14155550101', 'soon', campaign => 'plain', expires_after => '10 minutes') > 0,
	smsfollow.send('+14155550102', 'later', campaign => 'plain') > 0;
SELECT smsfollow.pause('plain');
SET smsfollow.clock_offset = 4400;
SELECT smsfollow.resume('plain');
SELECT * FROM t.claim(3);
SELECT phone, state, code, rule FROM t.log WHERE body IN ('soon', 'later');
SELECT t.settle('accepted', epoch => 3);
SELECT * FROM t.miscount;

-- lanes: by purpose or as the campaign says; all get their turn, 8 : 4 : 2 : 1
SELECT smsfollow.create_campaign('lane' || n, 'news', lane => n) > 0 FROM generate_series(0, 3) n;
SELECT count(smsfollow.schedule('+1415556' || lpad((lane * 100 + n)::text, 4, '0'), 'hello', NULL, now(), campaign => 'lane' || lane))
FROM generate_series(0, 3) lane, generate_series(1, 20) n;
SELECT DISTINCT m.lane, c.lane FROM smsfollow.message m JOIN smsfollow.campaign c USING (campaign_id) WHERE c.name LIKE 'lane%' ORDER BY 1;
CREATE TABLE t.turn (n serial, lane integer);
DO $$
BEGIN
	FOR i IN 1 .. 15 LOOP
		INSERT INTO t.turn (lane) SELECT m.lane FROM smsfollow.claim(1, 4) c JOIN smsfollow.message m USING (message_id);
	END LOOP;
END
$$;
SELECT string_agg(lane::text, '' ORDER BY n) AS turns FROM t.turn;
SELECT lane, count(*) FROM t.turn GROUP BY lane ORDER BY lane;
SELECT * FROM t.miscount;

-- within a lane: by time, then by age
SELECT count(smsfollow.cancel_for(phone => p.phone)) FROM smsfollow.contact_phone p WHERE p.phone LIKE '+1415556%';
SELECT smsfollow.schedule('+14155550103', 'hello', NULL, clock_timestamp() + interval '3 s', campaign => 'spring') > 0,
	smsfollow.schedule('+14155550104', 'hello', NULL, clock_timestamp() + interval '2 s', campaign => 'spring') > 0,
	smsfollow.schedule('+14155550105', 'hello', NULL, clock_timestamp() + interval '1 s', campaign => 'spring') > 0;
SET smsfollow.clock_offset = 4500;
SELECT phone, fate FROM t.claim(5);
SELECT * FROM t.miscount;
