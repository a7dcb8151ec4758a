-- What a text costs: encoding, units, segments, cuts, forcing characters.
CREATE TEMP VIEW sample (name, body) AS VALUES
	('empty', ''),
	('plain', 'Hi Dana, your table for 4 is booked for 19:45.'),
	('all of the extension', E'\f^{}\\[~]|€'),
	('accents of the alphabet', 'èéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà ¡¿ ¤§ ΔΦΓΛΩΠΨΣΘΞ'),
	('line ends', E'one\r\ntwo\nthree'),
	('160 septets', repeat('a', 160)),
	('161 septets', repeat('a', 161)),
	('306 septets', repeat('a', 306)),
	('307 septets', repeat('a', 307)),
	('80 pairs', repeat('[', 80)),
	('81 pairs', repeat('[', 81)),
	('pair at the cut', repeat('a', 152) || '[' || repeat('b', 152)),
	('70 units', repeat('ж', 70)),
	('71 units', repeat('ж', 71)),
	('134 units', repeat('ж', 134)),
	('135 units', repeat('ж', 135)),
	('35 emoji', repeat('😀', 35)),
	('36 emoji', repeat('😀', 36)),
	('67 emoji', repeat('😀', 67)),
	('brackets are one unit in UCS-2', 'ж' || repeat('[', 69)),
	('one curly quote', 'Don’t miss out');

SELECT name, s.encoding, s.units, s.segments, s.cuts
FROM sample, smsfollow.segments(body) AS s;

-- which characters force UCS-2, and where
SELECT body, f.*
FROM (VALUES ('Don’t – naïve'), ('a😀b`'), (E'tab\there'), (U&'no\00A0break')) AS v(body),
	smsfollow.segments(body) AS s,
	jsonb_to_recordset(s.forcing) AS f("char" text, position int, codepoint text);
SELECT smsfollow.segments('plain [€]');
SELECT jsonb_array_length((smsfollow.segments(repeat('ж', 1000))).forcing) AS listed;

-- every piece fits its segment, and the next character would not have fitted
WITH body AS (
	SELECT string_agg((ARRAY['a', 'b', '[', '€', 'ñ', ' '])[1 + (i * i * 7 + i * seed) % 6], '' ORDER BY i)
		|| CASE WHEN seed % 2 = 0 THEN '😀ж' ELSE '' END AS body
	FROM generate_series(1, 40) AS seed, generate_series(1, 400 + seed) AS i
	GROUP BY seed
), piece AS (
	SELECT body, s.encoding, s.units, s.segments, n,
		substr(body, start, stop - start) AS piece, substr(body, stop, 1) AS next
	FROM body, smsfollow.segments(body) AS s,
		LATERAL (SELECT 1 || s.cuts AS starts) AS a,
		generate_series(1, s.segments) AS n,
		LATERAL (SELECT starts[n] AS start, coalesce(starts[n + 1], length(body) + 1) AS stop) AS b
), cost AS (
	SELECT *,
		CASE encoding WHEN 'GSM-7' THEN length(piece) + length(regexp_replace(piece, '[^][€]', '', 'g'))
			ELSE length(piece) + length(regexp_replace(piece, '[^😀]', '', 'g')) END AS units_used,
		CASE WHEN next = '' THEN 1000 WHEN encoding = 'GSM-7' AND next ~ '[][€]' OR next = '😀' THEN 2 ELSE 1 END AS units_next,
		CASE encoding WHEN 'GSM-7' THEN 153 ELSE 67 END AS room
	FROM piece
)
SELECT encoding, count(DISTINCT body) AS bodies, bool_and(units_used <= room) AS fit,
	bool_and(units_used + units_next > room) AS full, sum(units_used) = sum(units / segments::numeric)::bigint AS complete
FROM cost GROUP BY encoding ORDER BY encoding;

-- the body is what substr gives back
SELECT string_agg(substr(body, start, stop - start), '' ORDER BY start) = body AS whole
FROM (VALUES (repeat('[a😀', 90))) AS v(body), smsfollow.segments(body) AS s,
	unnest(1 || s.cuts, s.cuts || (length(body) + 1)) AS p(start, stop)
GROUP BY body;

-- nothing for nothing
SELECT smsfollow.segments(NULL) IS NULL AS is_null;
SELECT provolatile, proisstrict, proparallel FROM pg_proc
WHERE oid IN ('smsfollow.segments(text)'::regprocedure, 'smsfollow.smart_encode(text, text)'::regprocedure);
