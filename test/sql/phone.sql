-- Numbers in international form: no library is needed.
SELECT input, smsfollow.phone(input)
FROM (VALUES
	('+14155550100'),
	('+1 (415) 555-0100'),
	('  +1.415.555.0100 '),
	('+44 7700 900123'),
	('+33 6 39 98 00 01'),
	('+39 (06) 1234567'),
	('+1234567'),
	('+123456789012345')) AS v(input);
-- by its form alone: nobody has this number
SELECT smsfollow.phone('+44 7700 900 123', 'US') AS region_does_not_matter,
	smsfollow.phone('+999 123 4567') AS no_such_country;
SELECT smsfollow.phone(NULL) IS NULL AS is_null, smsfollow.phone_info(NULL) IS NULL AS info_is_null;

-- a region is two letters
SELECT smsfollow.phone('+14155550100', 'USA');
SELECT smsfollow.phone('+14155550100', 'U');
SELECT smsfollow.phone_info('+14155550100', '1!');
SELECT smsfollow.phone('+14155550100', 'us'), smsfollow.phone('+14155550100', '');

-- masking
SELECT input, smsfollow.mask_phone(input)
FROM (VALUES
	('+14155550100'),
	('+1 415 555 0100'),
	('+447700900123'),
	('+1234567'),
	('4155550100'),
	('US:878787'),
	('')) AS v(input);

SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc
WHERE oid IN ('smsfollow.phone(text, text)'::regprocedure,
	'smsfollow.phone_info(text, text)'::regprocedure,
	'smsfollow.mask_phone(text)'::regprocedure)
ORDER BY proname;
