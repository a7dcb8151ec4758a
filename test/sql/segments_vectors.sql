-- All lines of the vector files, when they are there (SMSFOLLOW_VECTORS, by
-- default ../shared/vectors): no row below means that no line failed.
\set segments `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/segments.jsonl" 2>/dev/null || true`
\set quirks `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/segments_quirks.jsonl" 2>/dev/null || true`
\set smart `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/segments_smart.jsonl" 2>/dev/null || true`
\set map `cat "${SMSFOLLOW_VECTORS:-../shared/vectors}/smart_encoding_map.jsonl" 2>/dev/null || true`

SELECT n AS line, s.encoding, s.units, s.segments
FROM regexp_split_to_table(:'segments', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v,
	smsfollow.segments(v ->> 'body') AS s
WHERE line <> ''
	AND (s.encoding, s.units, s.segments) IS DISTINCT FROM
		(v ->> 'encoding', (v ->> 'units')::int, (v ->> 'segments')::int);

SELECT n AS line, s.encoding, s.units, s.segments
FROM regexp_split_to_table(:'quirks', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v,
	smsfollow.segments(v ->> 'body') AS s
WHERE line <> ''
	AND (s.encoding, s.units, s.segments) IS DISTINCT FROM
		(v ->> 'encoding', (v ->> 'units')::int, (v ->> 'segments_codeunit')::int);

-- our rule of one space, and a letter with its accent composed first
SELECT n AS line, smsfollow.smart_encode(v ->> 'body')
FROM regexp_split_to_table(:'smart', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v
WHERE line <> ''
	AND regexp_replace(smsfollow.smart_encode(v ->> 'body'), ' +', ' ', 'g') IS DISTINCT FROM
		regexp_replace(CASE WHEN v ->> 'body' IS NFC NORMALIZED THEN v ->> 'smart_body'
			ELSE normalize(v ->> 'body') END, ' +', ' ', 'g');

-- sources that PostgreSQL cannot hold, or that NFC replaces before the map, are left out
SELECT n AS line, v
FROM regexp_split_to_table(:'map', E'\n') WITH ORDINALITY AS l(line, n),
	CAST(nullif(line, '') AS jsonb) AS v,
	CAST(('x' || lpad(substr(v ->> 'from', 3), 8, '0'))::bit(32) AS int) AS codepoint
WHERE line <> '' AND codepoint <> 0
	AND smsfollow.smart_encode(chr(codepoint)) IS DISTINCT FROM
		regexp_replace(v ->> 'to', ' +', ' ');
