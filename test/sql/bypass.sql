\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_bypass;
RESET client_min_messages;
\set ECHO all
-- Ways to text somebody who never agreed, as a role that may queue texts: over
-- every table, sequence and function of the schema, so that new ones take part
-- by being there.  Each attempt fails for lack of rights, and whatever is
-- queued the rightful way does not go.
CREATE ROLE regress_bypass;
SELECT smsfollow.grant_access('regress_bypass', 'sender');
GRANT USAGE ON SCHEMA t TO regress_bypass;
SELECT smsfollow.create_program('news', 'marketing', 'Acme') > 0, smsfollow.create_program('orders', 'transactional', 'Acme') > 0, smsfollow.create_template('plain', 'Hello') > 0, smsfollow.create_campaign('spring', 'news', 'plain') > 0;
-- 0198 took it back, 0199 never agreed, 0197 agreed and has a text in flight and one that waits
SELECT smsfollow.opt_in('+1415555019' || n, 'news', 'web_form') > 0 FROM generate_series(7, 8) n;
SELECT smsfollow.opt_out('+14155550198') > 0, smsfollow.add_contact('+14155550199') > 0;
SELECT smsfollow.send('+14155550197', 'in flight', campaign => 'news') > 0;
SELECT fate FROM smsfollow.claim(10, 1);
SELECT smsfollow.schedule('+14155550197', 'plain', NULL, smsfollow.clock() + interval '24 hours', campaign => 'news') > 0;

-- A statement as that role; its SQLSTATE, or "done".
CREATE FUNCTION t.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_bypass;
	EXECUTE statement;
	RESET ROLE;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RESET ROLE;
	RETURN SQLSTATE;
END
$$;
CREATE VIEW t.attempt AS
-- tables, partitions included, and views: reading tells whom to text, writing would be the permit, the consent, the text or a changed rule
SELECT c.relname, format(s, 'smsfollow.' || quote_ident(c.relname), (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = 1)) AS statement
FROM pg_class c, unnest(ARRAY['SELECT * FROM %s', 'INSERT INTO %s DEFAULT VALUES', 'INSERT INTO %1$s SELECT * FROM %1$s', 'UPDATE %s SET %s = %2$s', 'DELETE FROM %s',
	'SELECT * FROM %s FOR UPDATE', 'CREATE RULE r AS ON INSERT TO %s DO NOTHING', 'ALTER TABLE %s RENAME TO x', 'GRANT INSERT ON %s TO regress_bypass', 'COPY %s FROM ''/dev/null''']) s
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT c.relname, format(s, 'smsfollow.' || quote_ident(c.relname))
FROM pg_class c, unnest(ARRAY['TRUNCATE %s', 'LOCK TABLE %s', 'CREATE TRIGGER x BEFORE INSERT ON %s EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'ALTER TABLE %s DISABLE TRIGGER ALL', 'DROP TABLE %s']) s
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p')
UNION ALL
SELECT c.relname, format(s, quote_literal('smsfollow.' || c.relname)) FROM pg_class c, unnest(ARRAY['SELECT nextval(%s)', 'SELECT setval(%s, 1)']) s
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind = 'S'
UNION ALL
-- functions: those that are not his, and changing any
SELECT p.proname, format('SELECT %s(%s) FROM (SELECT %s OFFSET 0) x', p.oid::regproc, (SELECT string_agg('x.a' || n, ', ' ORDER BY n) FROM generate_series(1, p.pronargs) n),
	(SELECT string_agg(format('NULL::%s AS a%s', format_type(a.t, NULL), a.n), ', ' ORDER BY a.n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, n)))
FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND NOT has_function_privilege('regress_bypass', p.oid, 'EXECUTE')
UNION ALL
SELECT p.proname, format(s, p.oid::regprocedure) FROM pg_proc p, unnest(ARRAY['ALTER FUNCTION %s SECURITY INVOKER', 'DROP FUNCTION %s']) s
WHERE p.pronamespace = 'smsfollow'::regnamespace
UNION ALL
SELECT p.proname, format('GRANT EXECUTE ON FUNCTION %s TO regress_bypass', p.oid::regprocedure) FROM pg_proc p
WHERE p.pronamespace = 'smsfollow'::regnamespace AND NOT has_function_privilege('regress_bypass', p.oid, 'EXECUTE');
SELECT count(DISTINCT relname) > 150 AS objects, count(*) > 1000 AS attempts FROM t.attempt;
-- what did anything but fail for lack of rights, or because nobody can write into such a view
SELECT a.statement, x.result FROM t.attempt a CROSS JOIN LATERAL (SELECT t.try(a.statement) AS result OFFSET 0) x WHERE x.result NOT IN ('42501', '55000') ORDER BY a.statement COLLATE "C";

-- around the tables
SELECT s, t.try(s) FROM unnest(ARRAY['SET smsfollow.clock_offset = 100000', 'CREATE FUNCTION smsfollow.x() RETURNS int LANGUAGE sql RETURN 1',
	'CREATE TABLE smsfollow.x ()', 'DROP EXTENSION smsfollow', 'ALTER EXTENSION smsfollow UPDATE', 'ALTER EXTENSION smsfollow ADD TABLE t.nothing', 'DROP SCHEMA smsfollow CASCADE', 'ALTER SCHEMA smsfollow RENAME TO x',
	'UPDATE pg_catalog.pg_proc SET prosecdef = false', 'CREATE FUNCTION pg_temp.c() RETURNS int LANGUAGE c AS ''smsfollow'', ''smsfollow_claim''',
	$$SELECT smsfollow.schedule_many('SELECT phone, ''x'' AS body FROM smsfollow.contact_phone', campaign => 'news')$$,
	$$SELECT smsfollow.schedule_many('SELECT ''+14155550199'' AS phone, ''x'' AS body, smsfollow.claim(10, 1)', campaign => 'news')$$,
	$$SELECT smsfollow.schedule_many('WITH w AS (INSERT INTO smsfollow.contact_consent SELECT * FROM smsfollow.contact_consent RETURNING 1) SELECT ''+14155550199'' AS phone, ''x'' AS body FROM w', campaign => 'news')$$]) s;

-- the rightful ways, with everything that he may call: each function, its numbers the victim's.  Who records an agreement that
-- was never given commits a forgery, under his own name in the ledger; that apart, nothing of it makes a text go.
CREATE FUNCTION t.value(argument text, type text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN type = 'text' AND argument = 'phone' THEN '''+14155550199''' WHEN type = 'text[]' AND argument = 'phones' THEN '''{+14155550199,+14155550198}'''
		WHEN argument = 'campaign' AND type = 'integer' THEN '1' WHEN argument = 'campaign' THEN '''news''' WHEN argument = 'program' THEN '''news''' WHEN argument = 'template' THEN '''plain'''
		WHEN argument = 'body' THEN '''hello''' WHEN argument = 'bodies' THEN '''{a,b}''' WHEN argument = 'send_ats' THEN '''{now,now}''' WHEN argument = 'query' THEN '''SELECT ''''+14155550199'''' AS phone, ''''x'''' AS body'''
		WHEN argument IN ('message_id', 'message') THEN '1' WHEN argument = 'provider' THEN '''sandbox''' WHEN argument = 'payload' THEN '''{"id": "test-1", "status": "delivered"}''' ELSE 'NULL' END
$$;
SELECT count(*) > 20 AS called FROM (
	SELECT t.try(format('SELECT %s(%s)', p.oid::regproc, (SELECT string_agg(format('%s::%s', t.value(a.name, format_type(a.t, NULL)), format_type(a.t, NULL)), ', ' ORDER BY a.n)
		FROM unnest(p.proargtypes::oid[], (p.proargnames)[1:p.pronargs]) WITH ORDINALITY a(t, name, n)))) AS result
	FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND has_function_privilege('regress_bypass', p.oid, 'EXECUTE')
		AND p.proname NOT IN ('opt_in', 'confirm_opt_in', 'import_consent', 'import_consent_rows') OFFSET 0) x;
-- and the plain ones, to both, in every campaign and as often as it may help
SELECT phone, campaign, t.try(format($$SELECT smsfollow.send(%L, 'x', campaign => %L), smsfollow.schedule(%1$L, 'plain', NULL, now(), campaign => %2$L)$$, phone, campaign))
FROM unnest('{+14155550198,+14155550199}'::text[]) phone, unnest('{news,orders,spring}'::text[]) campaign ORDER BY 1, 2;
-- tables and functions of his own under their names change nothing
BEGIN;
SET LOCAL ROLE regress_bypass;
CREATE TEMPORARY TABLE contact_consent (contact_id bigint, program_id integer, state text, kind text);
INSERT INTO contact_consent SELECT n, 1, 'opted_in', 'double_opt_in' FROM generate_series(1, 9) n;
CREATE FUNCTION pg_temp.clock() RETURNS timestamptz LANGUAGE sql AS 'SELECT now() + interval ''999 hours''';
SELECT smsfollow.send('+14155550199', 'shadowed', campaign => 'news') > 0;
COMMIT;
-- what became of them: no text to either of them goes, each says why
SELECT DISTINCT right(p.phone, 4) AS phone, c.fate, c.code FROM generate_series(1, 40) wave, LATERAL smsfollow.claim(100 + 0 * wave, 1) c JOIN smsfollow.contact_phone p USING (contact_id) WHERE right(p.phone, 4) IN ('0198', '0199') AND c.fate <> 'park' ORDER BY 1, 2, 3;
SELECT DISTINCT state, code FROM smsfollow.message_log WHERE phone IN ('+14155550198', '+14155550199') ORDER BY 1, 2;
SELECT count(*) AS in_flight, max(body) FROM smsfollow.inflight;
SELECT count(*) AS consents FROM smsfollow.contact_consent WHERE state = 'opted_in';
DROP OWNED BY regress_bypass;
DROP ROLE regress_bypass;
