\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Bad arguments of everything that a role may be allowed to call: one argument
-- at a time is NULL, or as bad as its type permits, the others are good.  What
-- must come of it is a result, or an error of ours: with an SQLSTATE that
-- names the caller's mistake and a hint that says what to do.  A broken
-- constraint, a failed conversion inside a function or an internal error is
-- listed.  A new function takes part by being granted to a level; a new kind of
-- argument needs a good value in "good".
SET client_min_messages = warning;
CREATE ROLE sf_errors_operator;
SELECT smsfollow.grant_access('sf_errors_operator', 'operator');
SELECT smsfollow.create_program('orders', 'transactional', 'Acme');
SELECT smsfollow.create_template('plain', 'Hello {{ name | default: "you" }}');
SELECT smsfollow.create_provider('acme', 'http', '{"url": "https://sms.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}"}}');
SELECT smsfollow.add_sender('acme', '+14155550100') > 0;
SELECT smsfollow.opt_in('+14155550123', 'orders', 'web_form') > 0;
SELECT smsfollow.send('+14155550123', 'Hello', idempotency_key => 'k') > 0, smsfollow.create_offer('spring') > 0;

CREATE SCHEMA sf_errors;
GRANT USAGE ON SCHEMA sf_errors TO sf_errors_operator;
-- a good value of each argument, by its name; ids where the type is a number
CREATE TABLE sf_errors.good (argument text PRIMARY KEY, value text);
INSERT INTO sf_errors.good VALUES
	('phone', '+14155550123'), ('program', 'orders'), ('campaign', 'orders'), ('template', 'plain'), ('provider', 'acme'),
	('kind', 'http'), ('body', 'Hello'), ('vars', '{}'), ('key', 'k'), ('idempotency_key', 'k2'), ('message_id', '1'),
	('amount', '1'), ('purpose', 'transactional'), ('brand', 'Acme'), ('method', 'web_form'), ('evidence', '{}'), ('region', 'US'),
	('missing', 'empty'), ('partials', '{}'), ('query', 'SELECT ''+14155550123'' AS phone, ''x'' AS body'), ('level', 'sender'),
	('settings', '{"url": "https://sms.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}"}}'),
	('on_invalid', 'skip'), ('outcome', 'failed'), ('worker', 'dispatcher'), ('mode', 'auto'), ('time_zone', 'Europe/Paris'),
	('locale', 'fr'), ('attributes', '{}'), ('http_status', '200'), ('segments_per_second', '1'), ('burst', '1'),
	('max_in_flight', '1'), ('max_attempts', '3'), ('lane', '1'), ('sender', 'acme/+14155550100'), ('expires_after', '1 hour'),
	('in_doubt_policy', 'hold'), ('payload', '{}'), ('name', 'acme'), ('address', '+14155550199'), ('secret_name', 'acme'),
	('value', '{"token": "x"}'), ('send_at', '2030-01-01'), ('at', '2030-01-01'), ('status', 'delivered'), ('input', '+14155550123'),
	('phones', '{+14155550123}'), ('bodies', '{Hello}'), ('keys', '{k3}'), ('send_ats', '{2030-01-01}'), ('description', '{}'),
	('campaign integer', '1'), ('sender integer', '1'), ('template integer', '1'), ('vars jsonb[]', '{"{}"}'),
	('offer', 'spring'), ('codes', '{A}'), ('domain', 'go.example.com'), ('params', '{}'), ('code', '0123456789'), ('user_agent', 'x'),
	('ip', '192.0.2.1'), ('prefetch', 'false'), ('token', 'abc'), ('class', 'bot'), ('since', '2030-01-01'), ('until', '2030-01-02'), ('expires_at', '2030-01-01'),
	('media', '{https://cdn.example.com/a.png}'), ('media jsonb[]', '{"[\"https://cdn.example.com/a.png\"]"}'),
	('most', '2'), ('per', '1 day'), ('scope', 'campaign'), ('target', 'orders'), ('unit', 'texts'), ('period', 'rolling'), ('on_exceed', 'defer'),
	('limits', 'all'), ('counts', 'all'), ('tags', '{sale}'), ('price_per_segment', '0.01'), ('currency', 'USD');
-- bad ones, by the name of the type
CREATE TABLE sf_errors.bad (type text, value text);
INSERT INTO sf_errors.bad
SELECT 'text', unnest(ARRAY['', ' ', 'nobody', repeat('x', 100000), 'é', E'\x01\x02', '{{', '''; DROP TABLE x; --', '+1', '+00000000000000000', U&'\+01F600'])
UNION ALL SELECT 'jsonb', unnest(ARRAY['null', '[]', '1', '"x"', '{"a": {"b": [null, 1e400]}}', '{"": ""}', '[[[[[]]]]]'])
UNION ALL SELECT t, unnest(ARRAY['0', '-1', '32767', '-32768']) FROM unnest(ARRAY['smallint', 'integer', 'bigint', 'numeric']) t
UNION ALL SELECT t, unnest(ARRAY['2147483647', '-2147483648']) FROM unnest(ARRAY['integer', 'bigint', 'numeric']) t
UNION ALL SELECT t, unnest(ARRAY['9223372036854775807', '-9223372036854775808']) FROM unnest(ARRAY['bigint', 'numeric']) t
UNION ALL SELECT 'numeric', unnest(ARRAY['NaN', 'Infinity', '-Infinity', '1e100', '0.00000000000000000001'])
UNION ALL SELECT 'timestamp with time zone', unnest(ARRAY['infinity', '-infinity', '4713-01-01 BC', '294276-12-31', '1970-01-01'])
UNION ALL SELECT 'interval', unnest(ARRAY['0', '-1 day', '178000000 years', '-178000000 years', '1 microsecond'])
UNION ALL SELECT 'text[]', unnest(ARRAY['{}', '{NULL}', '{nobody}', '{{a,b},{c,d}}', '{a,b}'])
UNION ALL SELECT 'bigint[]', unnest(ARRAY['{}', '{NULL}', '{-1}', '{{1,2},{3,4}}'])
UNION ALL SELECT 'jsonb[]', unnest(ARRAY['{}', '{NULL}', '{"[]"}', '{{"{}"},{"{}"}}'])
UNION ALL SELECT 'timestamp with time zone[]', unnest(ARRAY['{}', '{NULL}', '{infinity}', '{{2030-01-01},{2030-01-01}}']);

-- What comes of a statement, undone: empty when it is as it should be.
CREATE FUNCTION sf_errors.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	advice text;
BEGIN
	BEGIN
		EXECUTE statement;
		RAISE EXCEPTION USING ERRCODE = 'SF000';	-- undo
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
		RETURN CASE
			WHEN SQLSTATE = 'SF000' THEN ''
			WHEN SQLSTATE !~ '^(22|42704|42710|55000|54|42501|0A000|428|42601)' THEN format('%s %s', SQLSTATE, SQLERRM)
			WHEN advice = '' AND SQLSTATE !~ '^(42501|42601)' THEN format('%s %s (no hint)', SQLSTATE, SQLERRM)
			ELSE ''
		END;
	END;
END
$$;
GRANT EXECUTE ON FUNCTION sf_errors.outcome(text) TO sf_errors_operator;

-- Every call.
CREATE TABLE sf_errors.call AS
WITH functions AS (
	SELECT p.oid, p.proname, p.pronargs - p.pronargdefaults AS needed, a.n, a.name, format_type(a.type, NULL) AS type, g.value
	FROM pg_proc p
	CROSS JOIN LATERAL (
		SELECT t.n, t.type, coalesce(p.proargnames[t.n], '') AS name
		FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS t(type, n)) a
	LEFT JOIN LATERAL (
		SELECT x.value FROM sf_errors.good x
		WHERE x.argument IN (a.name, a.name || ' ' || format_type(a.type, NULL)) ORDER BY length(x.argument) DESC LIMIT 1) g ON true
	WHERE p.pronamespace = 'smsfollow'::regnamespace AND has_function_privilege('sf_errors_operator', p.oid, 'EXECUTE')
), bad AS (
	SELECT f.oid, f.n, x.value
	FROM functions f
	CROSS JOIN LATERAL (SELECT NULL AS value UNION ALL SELECT b.value FROM sf_errors.bad b WHERE b.type = f.type) x
)
SELECT b.oid::regprocedure::text AS function, f.name AS argument, left(b.value, 40) AS value,
	(SELECT format('SELECT smsfollow.%I(%s)', min(x.proname), string_agg(
			CASE WHEN x.name = '' THEN '' ELSE format('%I => ', x.name) END ||
			format('%L::%s', CASE WHEN x.n = b.n THEN b.value ELSE x.value END, x.type), ', ' ORDER BY x.n))
	 FROM functions x WHERE x.oid = b.oid AND (x.n <= x.needed OR x.n = b.n)) AS statement
FROM bad b JOIN functions f USING (oid, n);
GRANT SELECT ON sf_errors.call TO sf_errors_operator;

SELECT count(*) > 500 AS many, count(DISTINCT function) > 40 AS of_all FROM sf_errors.call;
SET ROLE sf_errors_operator;
SELECT c.function, c.argument, c.value, left(o.outcome, 150) AS outcome
FROM sf_errors.call c CROSS JOIN LATERAL sf_errors.outcome(c.statement) o(outcome)
WHERE o.outcome <> '' ORDER BY 1, 2, 3;
RESET ROLE;
-- whoever has no level may call none of them
CREATE ROLE sf_errors_nobody;
GRANT USAGE ON SCHEMA smsfollow TO sf_errors_nobody;
SELECT DISTINCT c.function FROM sf_errors.call c WHERE has_function_privilege('sf_errors_nobody', c.function, 'EXECUTE');
-- nothing of all this was written
SELECT (SELECT count(*) FROM smsfollow.message) AS texts, (SELECT count(*) FROM smsfollow.consent_event) AS events;
DROP SCHEMA sf_errors CASCADE;
DROP OWNED BY sf_errors_nobody, sf_errors_operator;
DROP ROLE sf_errors_nobody, sf_errors_operator;
