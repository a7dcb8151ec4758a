-- Smart encoding: look-alikes that keep a text in GSM-7.
CREATE TEMP VIEW sample (body) AS VALUES
	('Don’t wait – doors open at “9”…'),
	('½ price • today only‼'),
	(E'a\tb' || U&'\00A0c\2003d\3000e\202Ff'),
	(U&'zero\200Bwidth\FEFF'),
	('１２ ＡＢ ＠ｈｏｍｅ'),
	(U&'man\0303ana, cafe\0301, u\0308ber'),
	(U&'A\030A and \212B, \2126, \212A'),
	('naïve – test'),
	('😀 – stays'),
	('already GSM: [€] é ñ'),
	('5 ` 6'),
	('');

-- unaligned: psql versions differ in how wide an invisible character is
\a
SELECT body, smsfollow.smart_encode(body) AS always,
	(smsfollow.segments(smsfollow.smart_encode(body))).encoding
FROM sample;
\a

-- off leaves everything; the result never needs encoding again
SELECT bool_and(smsfollow.smart_encode(body, 'off') = body) AS off,
	bool_and(smsfollow.smart_encode(smsfollow.smart_encode(body)) = smsfollow.smart_encode(body)) AS idempotent
FROM sample;

-- only_if_gsm: the whole text becomes GSM-7 and takes fewer segments, or nothing changes
SELECT name, smsfollow.smart_encode(body, 'only_if_gsm') <> body AS changed
FROM (VALUES
	('short, one segment either way', 'Don’t'),
	('80 characters with a quote', repeat('a', 79) || '’'),
	('80 characters, stays UCS-2', repeat('a', 78) || '’ж'),
	('60 ellipses, 3 x longer', repeat('…', 60)),
	('120 ellipses', repeat('…', 120))) AS v(name, body);

-- long runs: composed up to 512 characters without ASCII, left alone above
SELECT n, octet_length(smsfollow.smart_encode(repeat(U&'\1100\1161', n))) AS bytes
FROM (VALUES (1), (256), (257)) AS v(n);

SELECT smsfollow.smart_encode('x', 'sometimes');
SELECT smsfollow.smart_encode(NULL) IS NULL AS is_null;
