-- National formats, validity and types: libphonenumber.  The second expected
-- file is for an installation without it.
SELECT smsfollow.phone('(415) 555-0100', 'US');
SELECT * FROM smsfollow.phone_info('+14155550100');
SELECT (smsfollow.phone_info('+14155550100')).region IS NULL AS missing \gset
\if :missing
\quit
\endif

SELECT input, region, smsfollow.phone(input, region)
FROM (VALUES
	('415-555-0100', 'US'),
	('(415) 555-0100', 'us'),
	('0491 570 156', 'AU'),
	('020 7946 0018', 'GB'),
	('01 99 00 00 01', 'FR'),
	('070-174 06 05', 'SE'),
	('+44 (0)20 7946 0018', NULL),
	('+44 020 7946 0018', NULL),
	('+49 0171 3920012', NULL),
	('(+1) 415 555 0100', NULL),
	('tel:+1-415-555-0100', NULL),
	(U&'\FF0B\FF11 415 555 0100', NULL)) AS v(input, region);

-- the setting stands in for the argument, and the argument wins
SET smsfollow.default_region = 'AU';
SELECT smsfollow.phone('0491 570 156'), smsfollow.phone('415 555 0100', 'US');
SET smsfollow.default_region = 'au';
SELECT smsfollow.phone('0491 570 156', '');
RESET smsfollow.default_region;

-- refused; no message quotes the number
SELECT smsfollow.phone('0491 570 156');
SELECT smsfollow.phone('0491 570 156', 'ZZ');
SELECT smsfollow.phone('415 555', 'US');
SELECT smsfollow.phone('555 0100', 'US');
SELECT smsfollow.phone('415 555 0100 0100 0', 'US');
SELECT smsfollow.phone('07700 900123', 'GB');
SELECT smsfollow.phone('911', 'US');
SELECT smsfollow.phone('hello', 'US');
SELECT smsfollow.phone('', 'US');
SELECT smsfollow.phone('+1 415 555 0100 ext. 7');
SELECT smsfollow.phone(repeat('1', 251), 'US');
SELECT smsfollow.phone(repeat('1', 1000000), 'US');

SELECT input, v.region AS given, i.*
FROM (VALUES
	('+1 415 555 0100', NULL),
	('0491 570 156', 'AU'),
	('020 7946 0018', 'GB'),
	('0808 157 0123', 'GB'),
	('0909 8790 123', 'GB'),
	('+800 1234 5678', NULL),
	('+1 415 555 0100 ext. 7', NULL),
	('+447700900123', NULL),
	('415 555', 'US'),
	('911', 'US'),
	('0491 570 156', NULL),
	('hello', 'US'),
	('', NULL)) AS v(input, region),
	smsfollow.phone_info(input, v.region) AS i;

-- the filter phone: numbers of the region as people there write them, others in international form
SET smsfollow.default_region = 'GB';
SELECT smsfollow.render('{% for n in numbers %}{{ n | phone }}; {% endfor %}', '{"numbers": ["+442079460018", "+44 7400 123456", "+33199000001", "+14155550100", "+4412"]}');
SET smsfollow.default_region = 'FR';
SELECT smsfollow.render('{{ "+33199000001" | phone }}');
RESET smsfollow.default_region;
