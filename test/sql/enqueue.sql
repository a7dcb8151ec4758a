\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Putting texts into the queue: send, schedule, schedule_many, idempotency keys.
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x')$$);
SELECT smsfollow.create_program('orders', 'transactional', 'Acme'), smsfollow.create_template('shipped', 'Hi {{ name }}'),
	smsfollow.create_campaign('followup', 'orders', 'shipped', expires_after => '5 days');
SELECT count(smsfollow.opt_in('+1415555010' || n, 'orders', 'web_form')) FROM generate_series(1, 9) n;
CREATE VIEW t.message AS
SELECT m.message_id AS id, right(p.phone, 4) AS phone, c.name AS campaign, m.template_version_id AS template, m.sender_id AS sender, m.lane, m.body, m.vars,
	m.send_at - m.created_at AS delay, m.expires_at - m.send_at AS expires, m.created_by = session_user AS by_me,
	(r.send_at, r.lane, r.campaign_id, r.program_id, r.message_at) = (m.send_at, m.lane, m.campaign_id, c.program_id, m.created_at) AS queued
FROM smsfollow.message m JOIN smsfollow.contact_phone p USING (contact_id) JOIN smsfollow.campaign c USING (campaign_id)
LEFT JOIN smsfollow.ready r USING (contact_id, message_id) ORDER BY m.message_id;

-- the only program's campaign is meant where none is named; a new number becomes a contact
SELECT smsfollow.send('+14155550101', 'Hello') AS literal, smsfollow.send('+14155550102', template => 'shipped', vars => '{"name": "Ana"}') AS template,
	smsfollow.send('+14155550103', campaign => 'followup') AS of_campaign, smsfollow.send('+1 415 555 0100', body => 'x', expires_after => '1 hour', sender => 'sandbox') AS new_number;
SELECT smsfollow.schedule('+14155550104', 'shipped', NULL, 'epoch') AS past, smsfollow.schedule('+14155550105', NULL, '{"name": "Ben"}', smsfollow.clock() + interval '1 day', campaign => 'followup') AS tomorrow;
SELECT id, phone, campaign, template, sender, lane, body, vars, CASE WHEN delay < '1 minute' THEN delay = '0' END AS now, expires, by_me, queued FROM t.message;
SELECT * FROM t.miscount;

-- errors, one argument at a time
SELECT t.fails('SELECT smsfollow.send(' || a || ')') FROM unnest(ARRAY[
	$$NULL, 'x'$$, $$'+12', 'x'$$, $$'', 'x'$$, $$'+14155550101'$$, $$'+14155550101', ''$$, $$'+14155550101', NULL, NULL$$,
	$$'+14155550101', repeat('x', 1601)$$, $$'+14155550101', 'x', 'shipped'$$, $$'+14155550101', template => 'none'$$,
	$$'+14155550101', template => ''$$, $$'+14155550101', 'x', campaign => 'none'$$, $$'+14155550101', 'x', sender => 'none'$$,
	$$'+14155550101', 'x', vars => '[]'$$, $$'+14155550101', 'x', vars => '1'$$, $$'+14155550101', 'x', vars => 'null'$$,
	$$'+14155550101', 'x', idempotency_key => ''$$, $$'+14155550101', 'x', idempotency_key => repeat('k', 201)$$,
	$$'+14155550101', 'x', expires_after => '0'$$, $$'+14155550101', 'x', expires_after => '-1 day'$$, $$'+14155550101', 'x', expires_after => '11 years'$$]) a;
SELECT t.fails('SELECT smsfollow.schedule(' || a || ')') FROM unnest(ARRAY[
	$$'+14155550101', 'shipped', NULL, NULL$$, $$NULL, 'shipped', NULL, now()$$, $$'+14155550101', NULL, NULL, now()$$, $$'+14155550101', 'none', NULL, now()$$,
	$$'+14155550101', 'shipped', '[]', now()$$, $$'+14155550101', 'shipped', NULL, 'infinity'$$, $$'+14155550101', 'shipped', NULL, '-infinity'$$,
	$$'+14155550101', 'shipped', NULL, now() + interval '11 years'$$, $$'+14155550101', 'shipped', NULL, '294276-12-31'$$]) a;
SELECT t.fails($$SELECT smsfollow.enqueue(99, NULL, NULL, NULL, '{+14155550101}', '{NULL}', '{NULL}', '{x}', '{NULL}')$$);
SELECT t.fails($$SELECT smsfollow.enqueue(1, NULL, NULL, NULL, '{4155550101}', '{NULL}', '{NULL}', '{x}', '{NULL}')$$);
SELECT t.fails($$SELECT smsfollow.enqueue(1, NULL, NULL, NULL, '{NULL}', '{NULL}', '{NULL}', '{x}', '{NULL}')$$);
SELECT * FROM smsfollow.enqueue(1, NULL, NULL, NULL, '{}', '{}', '{}', '{}', '{}');
SELECT * FROM smsfollow.enqueue(1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT count(*) FROM t.message;
SELECT * FROM t.miscount;

-- all or nothing: the text exists if and only if its transaction commits
BEGIN;
SELECT smsfollow.send('+14155550101', 'never') > 0 AS queued;
ROLLBACK;
SELECT count(*) FROM t.message WHERE body = 'never';

-- idempotency keys: the first text wins, within a contact
SELECT smsfollow.send('+14155550106', 'first', idempotency_key => 'k1') = smsfollow.send('+14155550106', 'second', idempotency_key => 'k1') AS same,
	smsfollow.send('+14155550107', 'other contact', idempotency_key => 'k1') <> smsfollow.send('+14155550107', 'other key', idempotency_key => 'k2') AS different;
SELECT phone, body FROM t.message WHERE phone IN ('0106', '0107');
BEGIN;
SELECT smsfollow.send('+14155550106', 'third', idempotency_key => 'k3') > 0;
ROLLBACK;
SELECT smsfollow.send('+14155550106', 'fourth', idempotency_key => 'k3') > 0;
SELECT phone, body FROM t.message WHERE phone = '0106';
-- in one batch: ids are in the order of the call
SELECT ids[1] = ids[3] AS same, ids[2] = ids[4] AS same_null, ids[5] = (SELECT id FROM t.message WHERE body = 'first') AS old, queued
FROM smsfollow.enqueue(1, NULL, NULL, NULL, '{+14155550108,+14155550108,+14155550108,+14155550108,+14155550106}', array_fill(NULL::timestamptz, '{5}'),
	array_fill(NULL::jsonb, '{5}'), '{a,b,c,d,e}', '{k1,NULL,k1,NULL,k1}');
SELECT phone, body FROM t.message WHERE phone = '0108';
SELECT queued FROM smsfollow.enqueue(1, NULL, NULL, NULL, '{+14155550120,+14155550119,+14155550118,+14155550117}', NULL, NULL, '{a,b,c,d}', NULL);
SELECT phone, body FROM t.message WHERE phone BETWEEN '0117' AND '0120';
SELECT * FROM t.miscount;
-- kept for 30 days
SELECT key, (extract(epoch FROM i.expires_at - m.created_at) / 3600)::integer AS hours FROM smsfollow.idempotency i JOIN smsfollow.message m USING (contact_id, message_id) ORDER BY contact_id, key;
SET smsfollow.clock_offset = 2592001;
SELECT smsfollow.send('+14155550106', 'too early', idempotency_key => 'k1') = (SELECT id FROM t.message WHERE body = 'first') AS same;
SELECT smsfollow.apply_retention() AS removed, count(*) AS kept FROM smsfollow.idempotency;
SELECT smsfollow.send('+14155550106', 'again', idempotency_key => 'k1') = (SELECT id FROM t.message WHERE body = 'first') AS same;
RESET smsfollow.clock_offset;

-- schedule_many: any SELECT
CREATE TABLE t.customer (phone text, name text, id integer, "Odd name" text, vars jsonb, at timestamptz);
INSERT INTO t.customer VALUES ('+14155550111', 'Ana', 1, 'x', '{"name": "hidden", "more": [1]}', '2020-01-01'),
	('+1 (415) 555-0112', 'Ben', 2, NULL, NULL, NULL), ('+14155550113', NULL, 3, 'y', '{}', NULL);
SELECT smsfollow.schedule_many('SELECT phone, name, id, "Odd name", vars FROM t.customer ORDER BY id', campaign => 'followup');
SELECT phone, template, body, vars, queued FROM t.message WHERE phone LIKE '011%';
-- every column that is ours; a body stands for itself, else the template is used
SELECT smsfollow.schedule_many($$SELECT phone, at AS send_at, CASE id WHEN 1 THEN 'Literal' WHEN 2 THEN '' END AS body, 'many-' || id AS idempotency_key, '{"a": 1}'::jsonb AS vars
	FROM t.customer ORDER BY id$$, 'shipped', 'followup', '2099-01-01'::timestamptz - interval '70 years', 'sandbox', '1 hour');
SELECT phone, template, sender, body, vars, delay = '0' AS now, expires FROM t.message WHERE phone LIKE '011%' AND vars = '{"a": 1}';
-- the keys are taken now: nothing new
SELECT smsfollow.schedule_many($$SELECT phone, 'many-' || id AS idempotency_key FROM t.customer$$, 'shipped');
SELECT smsfollow.schedule_many($$SELECT phone, 'many-' || id AS idempotency_key FROM t.customer UNION ALL SELECT phone, 'many-x' FROM t.customer WHERE id = 1$$, 'shipped') AS one_new;
-- names of columns that could be mistaken for something of ours
SELECT smsfollow.schedule_many($$SELECT '+14155550114' AS phone, 1 AS r, 2 AS q, 3 AS "select", 4 AS "a b""c", 5 AS "?column?", ARRAY[1,2] AS list, NULL AS nothing$$, 'shipped');
SELECT vars FROM t.message WHERE phone = '0114';
-- other ways to write it
SELECT smsfollow.schedule_many($$TABLE t.customer$$, 'shipped') AS of_table;
SELECT smsfollow.schedule_many($$WITH w(phone) AS (VALUES ('+14155550115')) SELECT * FROM w -- with a comment$$, 'shipped') AS of_with;
SELECT smsfollow.schedule_many($$SELECT phone FROM t.customer WHERE false$$, 'shipped') AS none;
SELECT * FROM t.miscount;
-- more than one chunk
SELECT smsfollow.schedule_many($$SELECT '+1415' || (5560000 + n) AS phone, n AS name FROM generate_series(1, 20001) n$$, 'shipped') AS many;
SELECT count(*), count(DISTINCT contact_id), count(DISTINCT vars) FROM smsfollow.message WHERE vars ? 'name' AND jsonb_typeof(vars -> 'name') = 'number';
SELECT * FROM t.miscount;

-- bad numbers: an error, or left out
INSERT INTO t.customer VALUES ('nonsense', 'Cy', 4), (NULL, 'Di', 5), ('+12', 'Ed', 6);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT phone, name FROM t.customer ORDER BY id', 'shipped')$$);
SELECT smsfollow.schedule_many('SELECT phone, name FROM t.customer ORDER BY id', 'shipped', on_invalid => 'skip');
SELECT smsfollow.schedule_many('SELECT NULL AS phone', 'shipped', on_invalid => 'skip');
DELETE FROM t.customer WHERE id > 3;

-- errors
SELECT t.fails('SELECT smsfollow.schedule_many(' || a || ')') FROM unnest(ARRAY[
	$$NULL$$, $$''$$, $$'SELECT'$$, $$'SELECT 1'$$, $$'SELECT 1; SELECT 2'$$, $$'SELECT phone FROM t.customer;'$$,
	$$'SELECT phone FROM t.customer) q; DELETE FROM t.customer; SELECT * FROM (SELECT phone FROM t.customer'$$,
	$$'DELETE FROM t.customer RETURNING phone'$$, $$'INSERT INTO t.customer VALUES (1) RETURNING phone'$$, $$'WITH d AS (DELETE FROM t.customer RETURNING phone) SELECT * FROM d'$$,
	$$'SELECT phone INTO t.x FROM t.customer'$$, $$'EXPLAIN SELECT 1'$$, $$'SHOW all'$$, $$'CREATE TABLE t.x (a int)'$$, $$'SELECT phone FROM t.none'$$, $$'SELECT phone /* open'$$,
	$$'SELECT phone AS "Phone" FROM t.customer'$$, $$'SELECT phone, phone FROM t.customer'$$, $$'SELECT phone, $1 AS x FROM t.customer'$$,
	$$'SELECT phone, 1 AS vars FROM t.customer'$$, $$'SELECT phone, ''[]''::jsonb AS vars FROM t.customer'$$,
	$$'SELECT phone, ''someday'' AS send_at FROM t.customer'$$, $$'SELECT phone, ''infinity'' AS send_at FROM t.customer'$$,
	$$'SELECT phone, repeat(''x'', 1601) AS body FROM t.customer'$$, $$'SELECT phone, '''' AS idempotency_key FROM t.customer'$$,
	$$'SELECT phone, 1 / (id - 3) FROM t.customer'$$,
	$$'SELECT phone FROM t.customer', 'none'$$, $$'SELECT phone FROM t.customer'$$, $$'SELECT phone FROM t.customer', 'shipped', 'none'$$,
	$$'SELECT phone FROM t.customer', 'shipped', sender => 'none'$$, $$'SELECT phone FROM t.customer', 'shipped', send_at => 'infinity'$$,
	$$'SELECT phone FROM t.customer', 'shipped', expires_after => '0'$$, $$'SELECT phone FROM t.customer', 'shipped', on_invalid => 'ignore'$$]) a;
SELECT count(*) AS customers, to_regclass('t.x') AS x FROM t.customer;
SELECT * FROM t.miscount;

-- into a paused campaign
SELECT smsfollow.pause('followup') > 0;
SELECT smsfollow.send('+14155550109', 'waits', campaign => 'followup') > 0;
SELECT verdict, state FROM t.log WHERE body = 'waits';
