-- Functions of provider_unit.c and a little TAP.  :module is the path of the
-- module, :kinds the SQL file that makes the kinds known.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\set QUIET on
SET client_min_messages = warning;

CREATE FUNCTION unit_request(jsonb, jsonb, jsonb, jsonb) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_outcome(jsonb, jsonb, jsonb, stage text, status int, body bytea, header text DEFAULT '', value text DEFAULT '', error text DEFAULT '') RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_lookup_request(jsonb, jsonb, jsonb, jsonb, text, bigint) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_lookup_outcome(jsonb, jsonb, jsonb, jsonb, text, bigint, text, int, bytea) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_sandbox(jsonb, jsonb, jsonb, text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_time(text) RETURNS bigint AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_secret(text) RETURNS jsonb AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_redact(jsonb, jsonb, jsonb, text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_bench(jsonb, jsonb, jsonb, jsonb, text, int) RETURNS text AS :'module' LANGUAGE C STRICT;

CREATE SEQUENCE test_number;
CREATE FUNCTION is(got text, want text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT CASE WHEN got IS NOT DISTINCT FROM want THEN '' ELSE 'not ' END || 'ok ' || nextval('test_number') || ' - ' || what;
	IF got IS DISTINCT FROM want THEN
		RETURN NEXT '# got:  ' || COALESCE(got, '(null)');
		RETURN NEXT '# want: ' || COALESCE(want, '(null)');
	END IF;
END $$;
-- The message of the error that a query raises, or what it returned.
CREATE FUNCTION error_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN 'no error: ' || COALESCE(answer, '(null)');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- Wrappers for the twilio kind.
CREATE FUNCTION tw() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT description FROM smsfollow.provider_kind WHERE name = 'twilio' $$;
CREATE FUNCTION tws() RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$ SELECT '{"account": "AC00000000000000000000000000000001"}'::jsonb $$;
CREATE FUNCTION twc() RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$ SELECT '{"auth_token": "s3cr3t t0ken+/"}'::jsonb $$;
CREATE FUNCTION tw_outcome(stage text, status int, body text, header text DEFAULT '', value text DEFAULT '', error text DEFAULT '') RETURNS text
	LANGUAGE sql AS $$ SELECT unit_outcome(tw(), tws(), twc(), stage, status, convert_to(body, 'UTF8'), header, value, error) $$;
-- A gateway of kind http with the given settings on top.
CREATE FUNCTION gw(settings jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT '{"url": "https://gw.example.com/send", "fields": {"to": "{{to}}", "text": "{{body}}"}}'::jsonb || settings $$;
CREATE FUNCTION http() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT description FROM smsfollow.provider_kind WHERE name = 'http' $$;
CREATE FUNCTION gw_request(settings jsonb, message jsonb DEFAULT '{}', secret jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT unit_request(http(), gw(settings), secret, '{"to": "+14155550100", "body": "hi", "ref": "42"}'::jsonb || message) $$;
CREATE FUNCTION gw_outcome(settings jsonb, status int, body text, header text DEFAULT '', value text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT unit_outcome(http(), gw(settings), '{}', 'answered', status, convert_to(body, 'UTF8'), header, value) $$;

\ir request.sql
\ir outcome.sql
\ir lookup.sql
\ir sandbox.sql
\ir secret.sql
\ir webhooks.sql
SELECT '1..' || last_value FROM test_number;
