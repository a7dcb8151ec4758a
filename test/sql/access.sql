\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_nobody, regress_sender, regress_analyst, regress_operator, regress_worker, "regress_Odd ""name";
RESET client_min_messages;
\set ECHO all
-- Who may do what: nobody anything, until grant_access() gives a level.
CREATE ROLE regress_nobody;
CREATE ROLE regress_sender;
CREATE ROLE regress_analyst;
CREATE ROLE regress_operator;
CREATE ROLE regress_worker;
CREATE ROLE "regress_Odd ""name";
GRANT USAGE ON SCHEMA t TO PUBLIC;
SELECT smsfollow.create_program('news', 'marketing', 'Acme', sender => 'sandbox') > 0, smsfollow.create_template('hello', 'Hello {{ name }}') > 0, smsfollow.create_campaign('spring', 'news', 'hello') > 0;
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT smsfollow.opt_in('+14155550101', 'news', 'web_form') > 0, smsfollow.send('+14155550101', 'Hello') AS id;
CREATE TABLE t.private (phone text, secret text);
INSERT INTO t.private VALUES ('+14155550101', 'x');
CREATE TABLE t.public (phone text, name text);
INSERT INTO t.public VALUES ('+14155550101', 'Ana');
GRANT SELECT ON t.public TO PUBLIC;

SELECT smsfollow.grant_access('regress_sender', 'sender'), smsfollow.grant_access('regress_analyst', 'analyst'), smsfollow.grant_access('regress_operator', 'operator'), smsfollow.grant_access('regress_worker', 'worker');
SELECT smsfollow.grant_access('"regress_Odd ""name"', 'sender');
-- again, and for what was there before: nothing changes
SELECT smsfollow.grant_access('regress_sender', 'sender');
SELECT t.fails($$SELECT smsfollow.grant_access(NULL, 'sender')$$);
SELECT t.fails($$SELECT smsfollow.grant_access('regress_nobody', NULL)$$);
SELECT t.fails($$SELECT smsfollow.grant_access('regress_nobody', 'Sender')$$);
SELECT t.fails($$SELECT smsfollow.grant_access('regress_none', 'sender')$$);

-- functions: what each level may call, beyond the level before it
CREATE VIEW t.may AS
SELECT p.oid::regprocedure::text COLLATE "C" AS function, has_function_privilege('regress_nobody', p.oid, 'EXECUTE') AS nobody, has_function_privilege('regress_sender', p.oid, 'EXECUTE') AS sender,
	has_function_privilege('regress_analyst', p.oid, 'EXECUTE') AS analyst, has_function_privilege('regress_operator', p.oid, 'EXECUTE') AS operator, has_function_privilege('regress_worker', p.oid, 'EXECUTE') AS worker
FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace;
SELECT * FROM t.may WHERE nobody OR sender AND NOT operator OR NOT worker ORDER BY 1;
SELECT function AS sender FROM t.may WHERE sender ORDER BY 1;
SELECT function AS analyst FROM t.may WHERE analyst ORDER BY 1;
SELECT function AS operator FROM t.may WHERE operator AND NOT sender ORDER BY 1;
SELECT function AS nobody_but_owner_and_worker FROM t.may WHERE NOT operator AND NOT analyst ORDER BY 1;
-- relations: who reads, who writes
SELECT c.relname, string_agg(substr(r.rolname, 9), ', ' ORDER BY r.rolname) AS readers FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'v', 'p') AND NOT c.relispartition AND r.rolname IN ('regress_nobody', 'regress_sender', 'regress_analyst', 'regress_operator') AND has_table_privilege(r.oid, c.oid, 'SELECT')
GROUP BY c.relname ORDER BY c.relname COLLATE "C";
SELECT c.relname, r.rolname FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'S') AND r.rolname IN ('regress_nobody', 'regress_sender', 'regress_analyst', 'regress_operator')
	AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE') ELSE has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') END;
SELECT substr(rolname, 9) AS role, has_schema_privilege(oid, 'smsfollow', 'USAGE') AS usage, has_schema_privilege(oid, 'smsfollow', 'CREATE') AS creates FROM pg_roles WHERE rolname LIKE 'regress_%' ORDER BY rolname COLLATE "C";

-- nobody
SET ROLE regress_nobody;
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x')$$);
SELECT t.fails('SELECT * FROM smsfollow.message_log');
SELECT t.fails('SELECT smsfollow.clock()');
RESET ROLE;
GRANT USAGE ON SCHEMA smsfollow TO regress_nobody;
SET ROLE regress_nobody;
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x')$$);
SELECT t.fails($$SELECT smsfollow.enqueue_one('+14155550101', 'x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$);
SELECT t.fails($$SELECT smsfollow.grant_access('regress_nobody', 'operator')$$);
SELECT t.fails('SELECT smsfollow.clock()');
SELECT t.fails('SELECT * FROM smsfollow.message_log');
RESET ROLE;

-- a sender: every function of his works, and he sees no table
SET ROLE regress_sender;
SELECT smsfollow.opt_in('+14155550102', 'news', 'web_form') > 0, smsfollow.add_contact('+14155550102', 'Ana', 'Europe/Paris') > 0;
SELECT smsfollow.consent_at('+14155550102', 'news');
SELECT smsfollow.send('+14155550102', template => 'hello', vars => '{"name": "Ana"}') > 0, smsfollow.schedule('+14155550102', NULL, '{"name": "Ana"}', now(), campaign => 'spring', idempotency_key => 'k') > 0,
	smsfollow.schedule_many('SELECT phone, name FROM t.public', 'hello') AS many;
SELECT rule, verdict, code FROM smsfollow.explain(1), generate_series(1, 1);
SELECT rule, verdict FROM smsfollow.explain('+14155550102', 'spring');
SELECT smsfollow.cancel(1), smsfollow.cancel_for('+14155550102', campaign => 'spring'), smsfollow.opt_out('+14155550102', method => 'keyword') > 0;
SELECT smsfollow.record_receipt('sandbox', '{"id": "x", "status": "sent"}');
SELECT smsfollow.phone('+1 415 555 0100'), smsfollow.mask_phone('+14155550100'), smsfollow.render('{{ a }}', '{"a": 1}'), (smsfollow.segments('x')).segments, smsfollow.smart_encode('“x”'), smsfollow.clock() > now() AS clock;
SELECT t.fails('SELECT * FROM smsfollow.' || r) FROM unnest('{message,ready,contact,contact_phone,consent_event,message_log,consent_status,kpi_campaign,secret,provider,stat_worker}'::text[]) r;
SELECT t.fails($$SELECT smsfollow.create_program('x', 'marketing', 'x')$$);
SELECT t.fails($$SELECT smsfollow.pause('news')$$);
SELECT t.fails($$SELECT smsfollow.claim(1, 1)$$);
SELECT t.fails($$SELECT smsfollow.resolve_in_doubt(1, 'retry')$$);
-- schedule_many reads with his rights, not with those of the extension
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT phone, secret FROM t.private', 'hello')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT phone FROM smsfollow.contact_phone', 'hello')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT phone, name FROM t.public WHERE EXISTS (SELECT FROM smsfollow.secret)', 'hello')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT phone, smsfollow.create_program(''x'', ''marketing'', ''x'') FROM t.public', 'hello')$$);
SELECT smsfollow.schedule_many('SELECT phone, current_user AS name FROM t.public', 'hello', idempotency_key) FROM (SELECT NULL::text) v(idempotency_key);
-- a clock of his own he cannot set
SELECT t.fails('SET smsfollow.clock_offset = 10');
RESET ROLE;
SELECT m.vars, m.created_by = session_user AS by_session FROM smsfollow.message m WHERE vars ->> 'name' LIKE 'regress%';
-- a search path with traps changes nothing for what runs with the owner's rights
GRANT CREATE ON SCHEMA t TO regress_sender;
SET ROLE regress_sender;
CREATE FUNCTION t.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE FUNCTION t.count() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE FUNCTION t.isfinite(timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE FUNCTION t.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trap'; END $$;
CREATE OPERATOR t.= (LEFTARG = text, RIGHTARG = text, FUNCTION = t.eq);
CREATE OPERATOR t.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = t.eq);
SET search_path = t, pg_catalog;
SELECT 'a'::text = 'b'::text;
SELECT smsfollow.opt_in('+14155550103', 'news', 'web_form') > 0, smsfollow.send('+14155550103', template => 'hello', vars => '{"name": "Ana"}') > 0, smsfollow.cancel_for('+14155550103'), smsfollow.opt_out('+14155550103') OPERATOR(pg_catalog.>) 0;
SELECT smsfollow.schedule_many('SELECT phone, name FROM t.public', 'hello') AS many;
RESET search_path;
RESET ROLE;
DROP FUNCTION t.lower(text), t.count(), t.isfinite(timestamptz);
DROP OPERATOR t.= (text, text);
DROP OPERATOR t.~ (text, text);

-- an analyst: numbers are masked, and no function hands them out
SET ROLE regress_analyst;
SELECT DISTINCT phone, campaign, state FROM smsfollow.message_log ORDER BY 1, 2, 3;
SELECT DISTINCT phone, program, state FROM smsfollow.consent_status ORDER BY 1, 2, 3;
SELECT count(*) FROM smsfollow.message_log WHERE phone = '+14155550101';
SELECT campaign, scheduled > 0 AS scheduled FROM smsfollow.kpi_campaign ORDER BY 1;
SELECT DISTINCT metric, reason FROM smsfollow.kpi_reason ORDER BY 1, 2;
SELECT count(*) > 0 AS counts FROM smsfollow.kpi_count;
SELECT count(*) > 0 AS reasons FROM smsfollow.reason_code;
SELECT DISTINCT item FROM smsfollow.health() WHERE item = 'adoption';
SELECT count(*) > 0 AS rows FROM smsfollow.explain(1);
SELECT t.fails('SELECT * FROM smsfollow.stat_worker') !~ '^42501' AS may_look_at_workers;
SELECT t.fails('SELECT * FROM smsfollow.' || r) FROM unnest('{message,contact,contact_phone,consent_event,secret,provider,verdict,in_doubt}'::text[]) r;
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x')$$);
SELECT t.fails($$SELECT smsfollow.contact_id('+14155550101')$$);
-- not through a function that would see the number before it is masked either
CREATE FUNCTION pg_temp.look(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1 ~ '^\+[0-9]+$' THEN RAISE 'seen'; END IF; RETURN true; END $$;
SELECT count(*) > 0 AS none_seen FROM smsfollow.message_log WHERE pg_temp.look(phone);
SELECT count(*) > 0 AS none_seen FROM smsfollow.consent_status WHERE pg_temp.look(phone);
DROP FUNCTION pg_temp.look(text);
RESET ROLE;

-- an operator: configuration and workers, with plain numbers, but no secrets
SET ROLE regress_operator;
SELECT DISTINCT phone FROM smsfollow.message_log ORDER BY 1;
SELECT smsfollow.create_program('p', 'marketing', 'Acme') > 0, smsfollow.create_campaign('c', 'p') > 0, smsfollow.create_template('t', 'x') > 0, smsfollow.pause('c'), smsfollow.resume('c'), smsfollow.check_template('x');
SELECT smsfollow.create_provider('gw', 'http', '{"url": "https://sms.example/", "fields": {"to": "{{to}}", "text": "{{body}}", "key": "{{cred.key}}"}}', 'gw') > 0, smsfollow.set_secret('gw', '{"key": "hidden"}'),
	smsfollow.add_sender('gw', 'ACME') > 0, smsfollow.alter_sender('ACME', 2), smsfollow.alter_provider('gw', max_in_flight => 3), smsfollow.pause_sender('ACME'), smsfollow.resume_sender('ACME'), smsfollow.pause_provider('gw'), smsfollow.resume_provider('gw');
SELECT smsfollow.check_provider('http', '{"url": "https://sms.example/", "fields": {"to": "{{to}}", "text": "{{body}}"}}'), smsfollow.preview_request('gw', '+14155550101', 'x') ->> 'url' AS url, smsfollow.preview_answer('gw', 200, '{}') ->> 'outcome' AS outcome;
SELECT smsfollow.preview_request('gw', '+14155550101', 'x')::text LIKE '%hidden%' AS leaks;
SELECT t.fails('SELECT * FROM smsfollow.secret');
SELECT t.fails('UPDATE smsfollow.campaign SET paused = true');
SELECT t.fails('DELETE FROM smsfollow.consent_event');
SELECT t.fails('SELECT smsfollow.claim(1, 1)');
SELECT t.fails($$SELECT smsfollow.record_opt_in(1, 1, 'x', '{}', 'express', NULL, NULL, false)$$);
SELECT t.fails($$SELECT smsfollow.resolve_in_doubt(1, 'retry')$$);
SELECT t.fails($$SELECT smsfollow.grant_access('regress_operator', 'worker')$$);
SELECT count(*) > 0 AS health FROM smsfollow.health();
SELECT t.fails('SELECT smsfollow.pause_worker()') !~ '^42501' AS may_control_workers, t.fails('SELECT * FROM smsfollow.stat_worker') !~ '^42501' AS may_look_at_workers;
RESET ROLE;
SELECT smsfollow.cancel_for('+14155550101');

-- the worker's role: claims and settles without being anybody's superuser
SELECT smsfollow.send('+14155550101', 'for the worker', campaign => 'news') > 0;
SET ROLE regress_worker;
SELECT fate, body FROM smsfollow.claim(10, 1) WHERE body LIKE 'for%';
SELECT smsfollow.settle(array_agg(message_id), array_agg(contact_id), 1, 'retry', 'transient') FROM smsfollow.inflight;
SELECT smsfollow.fold_kpi() > 0, smsfollow.match_receipts();
SELECT t.fails('ALTER TABLE smsfollow.message ADD x int');
SELECT t.fails('SELECT * FROM t.private');
RESET ROLE;
SELECT * FROM t.miscount;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP EXTENSION smsfollow;
DROP ROLE regress_nobody, regress_sender, regress_analyst, regress_operator, regress_worker, "regress_Odd ""name";
CREATE EXTENSION smsfollow;
