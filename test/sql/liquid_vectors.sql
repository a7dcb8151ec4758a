-- The public conformance tests of Liquid, when they are there
-- (SMSFOLLOW_VECTORS, by default ../shared/vectors): no row means that none
-- failed.  How many there were:
--	psql -f test/sql/liquid_vectors.sql -c 'SELECT count(*), count(*) FILTER (WHERE ok) FROM golden_result'
SET timezone = 'UTC';
\set golden `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/liquid/golden_liquid.json" 2>/dev/null || echo '{"tests": []}'`
CREATE TEMP TABLE golden_result (name text, ok boolean, got text, want text);

-- with a failure as such, not as an error
CREATE FUNCTION pg_temp.try(template text, vars jsonb, partials jsonb, OUT failed boolean, OUT result text) LANGUAGE plpgsql AS $$
BEGIN
	failed := false;
	result := smsfollow.render(template, coalesce(vars, '{}'), coalesce(partials, '{}'));
EXCEPTION WHEN OTHERS THEN
	failed := true;
	result := SQLERRM;
END
$$;

INSERT INTO golden_result
SELECT t ->> 'name',
	CASE WHEN t ? 'invalid' THEN r.failed
		ELSE NOT r.failed AND (r.result = t ->> 'result' OR t -> 'results' ? r.result) END IS TRUE,
	r.result,
	coalesce(t ->> 'result', t ->> 'results', 'an error')
FROM jsonb_array_elements(CAST(:'golden' AS jsonb) -> 'tests') AS t,
	pg_temp.try(t ->> 'template', t -> 'data', t -> 'templates') AS r;

SELECT name, got, want FROM golden_result
WHERE NOT ok
	-- jsonb does not keep the order of keys
	AND name NOT IN ('filters, compact, array of objects with key property',
		'filters, uniq, array of objects with key property',
		'filters, reject, input is a hash, default value, nil match',
		'filters, reject, input is a hash, explicit nil match')
	-- a template that another test wants to succeed
	AND name <> 'tags, case, unexpected when token, strict2'
ORDER BY name;
