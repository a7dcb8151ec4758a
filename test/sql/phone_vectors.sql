-- All lines of the phone vectors, when they are there (SMSFOLLOW_VECTORS, by
-- default ../shared/vectors) and libphonenumber is: no row means no failure.
\set phones `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/phones.jsonl" 2>/dev/null || true`
SELECT (smsfollow.phone_info('+14155550100')).region IS NULL AS missing \gset
\if :missing
\set phones ''
\endif

SELECT n AS line, i.e164, i.type, i.reason
FROM regexp_split_to_table(:'phones', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v,
	smsfollow.phone_info(v ->> 'input', v ->> 'region') AS i
WHERE line <> ''
	AND (i.e164, i.type) IS DISTINCT FROM (v ->> 'e164', v ->> 'type');

-- phone() gives the same number, but refuses an extension
SELECT n AS line, p
FROM regexp_split_to_table(:'phones', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v,
	smsfollow.phone_info(v ->> 'input', v ->> 'region') AS i,
	LATERAL (SELECT CASE WHEN v ->> 'e164' IS NOT NULL AND i.extension IS NULL
			THEN smsfollow.phone(v ->> 'input', v ->> 'region') END AS p) AS q
WHERE line <> '' AND i.extension IS NULL
	AND p IS DISTINCT FROM v ->> 'e164';
