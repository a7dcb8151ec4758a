-- The public conformance tests of Liquid, when they are there
-- (SMSFOLLOW_VECTORS, by default ../shared/vectors): no row means that none
-- failed but those that cannot pass.  With how many passed and failed, and all
-- that failed, first of the part that texts use most, then of the rest:
--	psql -v report=1 -f test/sql/liquid_vectors.sql
SET timezone = 'UTC';
\set golden `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/liquid/golden_liquid.json" 2>/dev/null || echo '{"tests": []}'`
\set profile `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/liquid/sms_profile.json" 2>/dev/null || echo '{"in_scope": []}'`
CREATE TEMP TABLE golden_result (name text, part text, ok boolean, got text, want text);

-- what cannot pass, and why
CREATE TEMP TABLE golden_known (name text, why text);
INSERT INTO golden_known
SELECT unnest(ARRAY[
	'filters, compact, array of objects with key property',
	'filters, reject, input is a hash, default value, nil match',
	'filters, reject, input is a hash, default value, no match',
	'filters, reject, input is a hash, explicit nil match',
	'filters, reject, input is a hash, int value, no match',
	'filters, uniq, array of objects with key property',
	'filters, uniq, array of objects with missing key property']), 'jsonb does not keep the order of keys';
INSERT INTO golden_known VALUES ('tags, case, unexpected when token, strict2', 'another test wants this template to succeed');

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
	CASE WHEN CAST(:'profile' AS jsonb) -> 'in_scope' ? (t ->> 'name') THEN 'profile' ELSE 'rest' END,
	CASE WHEN t ? 'invalid' THEN r.failed
		ELSE NOT r.failed AND (r.result = t ->> 'result' OR t -> 'results' ? r.result) END IS TRUE,
	r.result,
	coalesce(t ->> 'result', t ->> 'results', 'an error')
FROM jsonb_array_elements(CAST(:'golden' AS jsonb) -> 'tests') AS t,
	pg_temp.try(t ->> 'template', t -> 'data', t -> 'templates') AS r;

\if :{?report}
SELECT part, count(*) FILTER (WHERE ok) AS passed, count(*) FILTER (WHERE NOT ok) AS failed
FROM golden_result GROUP BY part ORDER BY part;
SELECT part, name, why, got, want FROM golden_result LEFT JOIN golden_known USING (name)
WHERE NOT ok ORDER BY part, name;
\endif

SELECT part, name, got, want FROM golden_result
WHERE NOT ok AND name NOT IN (SELECT name FROM golden_known)
ORDER BY part, name;
