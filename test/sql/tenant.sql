\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
SET client_min_messages = warning;
DROP ROLE IF EXISTS sf_tenant_op_a, sf_tenant_send_a, sf_tenant_ana_a, sf_tenant_op_b, sf_tenant_free, sf_tenant_both, sf_tenant_worker, sf_tenant_main;
RESET client_min_messages;
\set ECHO all
-- Several businesses in one database: a role of one of them sees and touches nothing of the others.
CREATE ROLE sf_tenant_op_a;
CREATE ROLE sf_tenant_send_a;
CREATE ROLE sf_tenant_ana_a;
CREATE ROLE sf_tenant_op_b;
CREATE ROLE sf_tenant_free;
CREATE ROLE sf_tenant_both;
CREATE ROLE sf_tenant_worker;
GRANT USAGE ON SCHEMA t TO PUBLIC;
-- as long as there is none, all is as if there were no such thing
SELECT smsfollow.acting_tenant();
SELECT smsfollow.create_program('news', 'transactional', 'Zero', sender => 'sandbox'), smsfollow.add_contact('+14155550101', 'Zora');
SELECT smsfollow.create_tenant('a'), smsfollow.create_tenant('b');
SELECT t.fails($$SELECT smsfollow.create_tenant('a')$$);
SELECT t.fails($$SELECT smsfollow.create_tenant('A b')$$);
SELECT t.fails($$SELECT smsfollow.create_tenant(NULL)$$);
SELECT smsfollow.grant_access('sf_tenant_op_a', 'operator', 'a'), smsfollow.grant_access('sf_tenant_send_a', 'sender', 'a'), smsfollow.grant_access('sf_tenant_ana_a', 'analyst', 'a'),
	smsfollow.grant_access('sf_tenant_op_b', 'operator', 'b'), smsfollow.grant_access('sf_tenant_free', 'sender'), smsfollow.grant_access('sf_tenant_worker', 'worker');
SELECT t.fails($$SELECT smsfollow.grant_access('sf_tenant_op_a', 'operator', 'c')$$);
SELECT t.fails($$SELECT smsfollow.grant_access('sf_tenant_op_a', 'worker', 'a')$$);
SELECT t.fails($$SELECT smsfollow.grant_access(session_user::regrole, 'operator', 'a')$$) ~ '^55000 role .* sees the whole database already' AS refused;
GRANT sf_tenant_op_a, sf_tenant_op_b TO sf_tenant_both;

-- whom the session acts for
SELECT smsfollow.acting_tenant() AS all_of_them;
SET smsfollow.tenant = 'b';
SELECT smsfollow.acting_tenant();
SET smsfollow.tenant = 'c';
SELECT t.fails('SELECT smsfollow.acting_tenant()');
SET smsfollow.tenant = 'b';
SET ROLE sf_tenant_op_a;
SELECT smsfollow.acting_tenant() AS whatever_is_set;
SET ROLE sf_tenant_free;
SELECT smsfollow.acting_tenant() AS of_none;
SET ROLE sf_tenant_both;
SELECT smsfollow.acting_tenant() AS one_of_both;
RESET smsfollow.tenant;
SELECT t.fails('SELECT smsfollow.acting_tenant()');
SET ROLE sf_tenant_worker;
SELECT smsfollow.acting_tenant() AS worker_sees_all;
RESET ROLE;

-- both businesses use the same names and the same number
SELECT smsfollow.assign_sender('sandbox', NULL);
CREATE FUNCTION t.business(label text, number text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM smsfollow.create_program('news', 'transactional', label || ' Inc', sender => 'sandbox');
	PERFORM smsfollow.create_program(label || 'prog', 'transactional', label || ' Inc', sender => 'sandbox');
	PERFORM smsfollow.create_template('hello', label || ' says hello, {{ contact.name }}');
	PERFORM smsfollow.create_template(label || 'tmpl', label || ' secret wording');
	PERFORM smsfollow.create_campaign(label || 'camp', label || 'prog', 'hello');
	PERFORM smsfollow.create_offer(label || 'offer'), smsfollow.add_coupons(label || 'offer', ARRAY[label || '1', label || '2']);
	PERFORM smsfollow.add_contact('+14155550101', label || ' person'), smsfollow.add_contact(number, label || ' other');
	PERFORM smsfollow.opt_in('+14155550101', 'news', 'web_form', jsonb_build_object('note', label)), smsfollow.opt_in(number, label || 'prog', 'web_form', jsonb_build_object('note', label));
	PERFORM smsfollow.send('+14155550101', template => 'hello', campaign => 'news', vars => jsonb_build_object('x', label)), smsfollow.send(number, label || ' body', campaign => label || 'camp', idempotency_key => 'shared key');
	PERFORM smsfollow.schedule(number, 'hello', '{}', smsfollow.clock() + interval '1 day', campaign => label || 'camp');
END
$$;
SET ROLE sf_tenant_op_a;
SELECT t.business('alpha', '+14155550111');
SET ROLE sf_tenant_op_b;
SELECT t.business('bravo', '+14155550122');
RESET ROLE;
SELECT c.tenant_id, c.name, p.phone FROM smsfollow.contact c JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY 1, 2;
SELECT phone, fate, code, body FROM t.claim() ORDER BY 1, 4;
SELECT t.settle('accepted');
-- receipts come for the whole account, whoever's texts they are
SET ROLE sf_tenant_free;
SELECT smsfollow.record_receipt('sandbox', jsonb_build_object('id', 'test-' || n, 'status', 'delivered')) FROM generate_series(1, 5) n;
RESET ROLE;

-- what each sees
SET ROLE sf_tenant_op_a;
SELECT phone, campaign, template, state, body FROM smsfollow.message_log ORDER BY message_id;
SELECT campaign, scheduled, accepted FROM smsfollow.kpi_campaign ORDER BY 1;
SELECT phone, program, state FROM smsfollow.consent_status ORDER BY 1;
SELECT * FROM smsfollow.offer_status;
SET ROLE sf_tenant_ana_a;
SELECT phone, campaign, template, state, body, vars FROM smsfollow.message_log ORDER BY message_id;
SET ROLE sf_tenant_op_b;
SELECT phone, campaign, template, state, body FROM smsfollow.message_log ORDER BY message_id;
RESET ROLE;
SET smsfollow.tenant = 'a';
SELECT count(*) FROM smsfollow.message_log;
RESET smsfollow.tenant;
SELECT count(*) FROM smsfollow.message_log;

-- who reads tables sees the rows of his tenant alone, though an administrator granted them all: operators of no tenant those of the first one
CREATE ROLE sf_tenant_main;
SELECT smsfollow.grant_access('sf_tenant_main', 'operator');
GRANT SELECT ON ALL TABLES IN SCHEMA smsfollow TO sf_tenant_both;
REVOKE SELECT ON smsfollow.tenant_role FROM sf_tenant_both;
REVOKE sf_tenant_op_b FROM sf_tenant_both;
CREATE FUNCTION t.reads(words text) RETURNS TABLE (reader text, relation name, n bigint) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT o.rolname, c.relname FROM pg_class c, pg_roles o WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relrowsecurity AND o.rolname IN ('sf_tenant_main', 'sf_tenant_both', 'sf_tenant_worker')
	LOOP
		EXECUTE format('SET LOCAL ROLE %I', r.rolname);
		RETURN QUERY EXECUTE format('SELECT %L, %L::name, count(*) FROM smsfollow.%I x WHERE x::text ~ %L', r.rolname, r.relname, r.relname, words);
		RESET ROLE;
	END LOOP;
END
$$;
SELECT a.relation, a.n AS of_a, m.n AS of_none, w.n AS of_worker FROM t.reads('.') a JOIN t.reads('.') m USING (relation) JOIN t.reads('.') w USING (relation)
WHERE a.reader = 'sf_tenant_both' AND m.reader = 'sf_tenant_main' AND w.reader = 'sf_tenant_worker' ORDER BY 1;
SELECT reader, relation, n FROM t.reads('bravo|5550122') WHERE n > 0 AND reader <> 'sf_tenant_worker';
SELECT reader, relation, n FROM t.reads('Zero|Zora') WHERE n > 0 AND reader = 'sf_tenant_both';
SELECT count(*) > 0 AS but_of_a FROM t.reads('alpha') WHERE n > 0 AND reader = 'sf_tenant_both';
REVOKE ALL ON ALL TABLES IN SCHEMA smsfollow FROM sf_tenant_both;
GRANT sf_tenant_op_b TO sf_tenant_both;

-- nothing of b in any relation that roles of a may read
CREATE FUNCTION t.seen(words text) RETURNS TABLE (reader text, relation name, n bigint) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT c.relname, o.rolname FROM pg_class c, pg_roles o WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'v', 'p')
		AND o.rolname IN ('sf_tenant_op_a', 'sf_tenant_send_a', 'sf_tenant_ana_a') AND has_table_privilege(o.oid, c.oid, 'SELECT') ORDER BY 1, 2
	LOOP
		EXECUTE format('SET LOCAL ROLE %I', r.rolname);
		RETURN QUERY EXECUTE format('SELECT %L, %L::name, count(*) FROM smsfollow.%I x WHERE x::text ~ %L', r.rolname, r.relname, r.relname, words);
		RESET ROLE;
	END LOOP;
END
$$;
SELECT relation, string_agg(substr(reader, 11), ', ' ORDER BY reader) AS readers, sum(n) AS rows_of_b FROM t.seen('bravo|5550122|Zero|Zora') GROUP BY 1 ORDER BY 1;
SELECT count(*) > 0 AS but_of_a FROM t.seen('alpha') WHERE n > 0;
-- an analyst sees no person of his own business either
SELECT relation, n FROM t.seen('4155550101|4155550111|alpha (person|other|says hello|body)') WHERE reader = 'sf_tenant_ana_a' AND n > 0;
-- not through a function that looks before the view has decided either
SET ROLE sf_tenant_op_a;
CREATE FUNCTION pg_temp.look(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1 ~ 'bravo' THEN RAISE 'seen'; END IF; RETURN true; END $$;
SELECT count(*) > 0 AS none_seen FROM smsfollow.message_log WHERE pg_temp.look(campaign) AND pg_temp.look(body);
SELECT count(*) > 0 AS none_seen FROM smsfollow.kpi_campaign WHERE pg_temp.look(campaign);
SELECT count(*) > 0 AS none_seen FROM smsfollow.consent_status WHERE pg_temp.look(program);
SELECT count(*) > 0 AS none_seen FROM smsfollow.offer_status WHERE pg_temp.look(offer);
DROP FUNCTION pg_temp.look(text);
RESET ROLE;

-- every function, with everything of b by name, number and id: changes nothing of b, and tells nothing
CREATE FUNCTION t.of_b() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	sum text := '';
	part text;
	r record;
BEGIN
	FOR r IN SELECT t.relation, 'x.contact_id IN (SELECT contact_id FROM smsfollow.contact WHERE tenant_id <> 2)' AS cond FROM smsfollow.contact_tables() t
		UNION ALL SELECT c.relname, CASE WHEN a.attname = 'tenant_id' THEN 'x.tenant_id <> 2' WHEN a.attname = 'program_id' THEN 'x.program_id IN (SELECT program_id FROM smsfollow.program WHERE tenant_id <> 2)'
				ELSE 'x.template_version_id IN (SELECT template_version_id FROM smsfollow.template_version JOIN smsfollow.template USING (template_id) WHERE tenant_id <> 2)' END
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('tenant_id', 'program_id', 'template_version_id')
			WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'tenant_role'
	LOOP
		EXECUTE format('SELECT md5(coalesce(string_agg(x::text, '' '' ORDER BY x::text), '''')) FROM smsfollow.%I x WHERE %s', r.relation, r.cond) INTO part;
		sum := sum || part;
	END LOOP;
	RETURN md5(sum);
END
$$;
CREATE TABLE t.argument (name text PRIMARY KEY, value text);
INSERT INTO t.argument VALUES ('phone', '+14155550122'), ('program', 'bravoprog'), ('campaign', 'bravocamp'), ('template', 'bravotmpl'), ('offer', 'bravooffer'), ('name', 'bravoprog'),
	('key', 'shared key'), ('query', 'SELECT ''+14155550122'' AS phone, ''x'' AS body'), ('phones', '{+14155550122}'), ('bodies', '{hello}'), ('keys', '{shared key}'), ('send_ats', '{2030-01-01}'), ('vars', '{}'),
	('vars jsonb[]', '{"{}"}'), ('method', 'web_form'), ('evidence', '{}'), ('body', 'hello'), ('codes', '{x}'), ('tags', '{x}'), ('level', 'sender'), ('kind', 'express'), ('missing', 'empty'), ('purpose', 'transactional'),
	('brand', 'x'), ('sender', 'sandbox'), ('at', '2030-01-01'), ('send_at', '2030-01-01'), ('outcome', 'failed'), ('domain', 'go.example.com'), ('params', '{}'), ('most', '1'), ('per', '1 day'), ('locale', 'fr'), ('code', 'bravo1'),
	('attributes', '{}'), ('time_zone', 'Europe/Paris'), ('region', 'FR'), ('input', '+14155550122'), ('text', 'hello'), ('mode', 'auto'), ('message_id', (SELECT max(message_id)::text FROM smsfollow.message_log WHERE campaign = 'bravocamp' AND state = 'scheduled')),
	('campaign integer', (SELECT campaign_id::text FROM smsfollow.campaign WHERE name = 'bravocamp')), ('template_version integer', (SELECT max(template_version_id)::text FROM smsfollow.template_version WHERE body ~ 'bravo secret')), ('expires_after', '1 hour'), ('version', '1'), ('tenant', '3'), ('sender integer', '1');
CREATE FUNCTION t.try(as_role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := t.of_b();
	told text;
	changed boolean;
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', as_role);
		EXECUTE statement INTO told;
		RESET ROLE;
		changed := t.of_b() <> before;
		RAISE EXCEPTION USING ERRCODE = 'SF000';	-- undo
	EXCEPTION WHEN OTHERS THEN
		RETURN CASE WHEN SQLSTATE <> 'SF000' THEN '' WHEN changed THEN 'changes b' WHEN told ~ 'bravo (secret|person|other|body|says)|\+14155550122.*bravo' THEN 'tells ' || told ELSE '' END;
	END;
END
$$;
CREATE TABLE t.call AS
SELECT r.rolname, p.oid, format('SELECT x::text FROM smsfollow.%I(%s) x', p.proname, (
		SELECT string_agg(CASE WHEN g.value IS NULL THEN 'NULL' ELSE quote_literal(g.value) END || '::' || y.t::regtype, ', ' ORDER BY y.n)
		FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS y(t, n)
		LEFT JOIN LATERAL (SELECT a.value FROM t.argument a WHERE a.name IN (p.proargnames[y.n] || ' ' || y.t::regtype, p.proargnames[y.n]) ORDER BY length(a.name) DESC LIMIT 1) g ON true)) AS statement
FROM pg_proc p JOIN pg_roles r ON r.rolname IN ('sf_tenant_op_a', 'sf_tenant_send_a', 'sf_tenant_ana_a') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.prokind = 'f';
-- the arguments are good: as b, the same calls do change or tell something
SELECT count(DISTINCT oid) > 40 AS many_functions, count(*) FILTER (WHERE t.try('sf_tenant_op_b', statement) <> '') > 15 AS and_the_calls_work FROM t.call WHERE rolname = 'sf_tenant_op_a';
SELECT * FROM (SELECT rolname, oid::regprocedure, t.try(rolname, statement) AS outcome, statement FROM t.call OFFSET 0) x WHERE outcome <> '' ORDER BY 1, 2::text;
-- every argument that names something of b is refused as what does not exist
SET ROLE sf_tenant_op_a;
SELECT t.fails($$SELECT smsfollow.send('+14155550101', 'x', campaign => 'bravocamp')$$);
SELECT t.fails($$SELECT smsfollow.send('+14155550101', template => 'bravotmpl', campaign => 'news')$$);
SELECT t.fails(format('SELECT smsfollow.enqueue(%s, NULL, NULL, NULL, ARRAY[''+14155550101''], ARRAY[NULL::timestamptz], ARRAY[NULL::jsonb], ARRAY[''x''], ARRAY[NULL::text])', value)) ~ 'does not exist' AS refused FROM (SELECT 6) x(value);
SELECT t.fails($$SELECT smsfollow.explain(5)$$) ~ '^42704' AS refused;
SELECT smsfollow.render('{% render "bravotmpl" %}|{% render "alphatmpl" %}', '{}', missing => 'empty');
SELECT smsfollow.template_body('bravotmpl', NULL, 3);
SELECT t.fails($$SELECT smsfollow.erase_contact('+14155550122')$$);
SELECT t.fails($$SELECT smsfollow.export_contact('+14155550122')$$);
SELECT smsfollow.cancel_for(key => 'shared key'), smsfollow.cancel_for('+14155550122');
SELECT t.fails('SELECT * FROM smsfollow.' || r) FROM unnest('{contact,contact_phone,program,tenant_role,message,provider,secret,consent_evidence}'::text[]) r;
SELECT t.fails($$SELECT smsfollow.stop_worker()$$), t.fails($$SELECT smsfollow.set_secret('x', '{}')$$);
SELECT t.fails($$SELECT smsfollow.create_tenant('x')$$), t.fails($$SELECT smsfollow.grant_access('sf_tenant_op_a', 'operator')$$);
-- its own can be erased: that of b with the same number stays
SELECT smsfollow.export_contact('+14155550101') #>> '{tables,contact,0,name}' AS own;
SELECT smsfollow.erase_contact('+14155550101') > 0 AS erased;
RESET ROLE;
SELECT c.tenant_id, coalesce(c.name, '(none)') AS name, p.phone FROM smsfollow.contact c LEFT JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY 1, 2;
-- templates of the claim include those of their own business alone
SET ROLE sf_tenant_op_a;
SELECT smsfollow.create_template('steals', 'x{% render "bravotmpl" %}{% render "alphatmpl" %}', 'empty');
SELECT smsfollow.send('+14155550111', template => 'steals', campaign => 'alphacamp') > 0;
RESET ROLE;
SELECT phone, fate, code, body FROM t.claim();
-- a sender of one tenant
SELECT smsfollow.create_provider('bprov', 'sandbox') > 0, smsfollow.add_sender('bprov', '+14155559999') > 0, smsfollow.assign_sender('+14155559999', 'b');
SET ROLE sf_tenant_op_a;
SELECT t.fails($$SELECT smsfollow.send('+14155550111', 'x', campaign => 'alphacamp', sender => '+14155559999')$$);
SET ROLE sf_tenant_op_b;
SELECT smsfollow.send('+14155550122', 'x', campaign => 'bravocamp', sender => '+14155559999') > 0 AS queued;
RESET ROLE;
SELECT t.fails($$SELECT smsfollow.assign_sender('+14155559999', 'c')$$);
SELECT t.fails($$SELECT smsfollow.assign_sender(NULL, 'b')$$);
-- a role that is gone
DROP OWNED BY sf_tenant_op_b;
DROP ROLE sf_tenant_both, sf_tenant_op_b;
SET ROLE sf_tenant_op_a;
SELECT smsfollow.acting_tenant();
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP EXTENSION smsfollow;
DROP ROLE sf_tenant_op_a, sf_tenant_send_a, sf_tenant_ana_a, sf_tenant_free, sf_tenant_worker, sf_tenant_main;
CREATE EXTENSION smsfollow;
