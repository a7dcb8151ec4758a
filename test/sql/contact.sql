\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Contacts: who may be texted, and where the number stands.
SELECT smsfollow.add_contact('+14155550100', 'Ana', 'America/New_York', 'en-US', 'US', '{"city": "Bath"}') AS ana,
	smsfollow.add_contact('+44 7700 900123') AS plain;
-- the same number again is the same contact; what is not given stays, attributes are merged
SELECT smsfollow.add_contact('+1 (415) 555-0100', locale => 'en-GB', attributes => '{"tier": 2}') AS ana;
SELECT smsfollow.add_contact('+14155550100') AS ana;
SELECT p.phone, c.name, c.locale, c.region, c.attributes, s.time_zone, s.blocked_code
FROM smsfollow.contact_phone p JOIN smsfollow.contact c USING (contact_id) JOIN smsfollow.contact_state s USING (contact_id)
ORDER BY p.contact_id;

-- zones: names the server knows, and nothing that only looks like one
SELECT zone, t.fails(format('SELECT smsfollow.add_contact(%L, time_zone => %L)', '+14155550100', zone))
FROM (VALUES ('UTC'), ('Europe/Paris'), ('America/Argentina/Buenos_Aires'), ('Etc/GMT+5'),
	('Europe/Atlantis'), ('Mars/Olympus'), ('PST8PDT9'), ('UTC+3'), ('FOO+1'), (''), ('<+07>-7'), ('+02:00'),
	('Europe/Paris; DROP TABLE x')) AS v(zone);

-- errors
SELECT t.fails('SELECT smsfollow.add_contact(NULL)');
SELECT t.fails($$SELECT smsfollow.add_contact('+12')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550100', region => 'us')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550100', region => 'USA')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550100', attributes => '[1]')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550100', attributes => '"x"')$$);
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550100', attributes => 'null')$$);
-- a failed call leaves nothing behind
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550199', time_zone => 'Nowhere/Land')$$);
SELECT count(*) FROM smsfollow.contact_phone;

-- the tables guard themselves against what does not come through the function
SELECT t.fails($$INSERT INTO smsfollow.contact_phone VALUES ('4155550100', 1)$$);
SELECT t.fails($$INSERT INTO smsfollow.contact_phone VALUES ('+4155550199', 1)$$);
SELECT t.fails($$INSERT INTO smsfollow.contact_phone VALUES ('+4155550199', 99)$$);
SELECT t.fails($$UPDATE smsfollow.contact SET attributes = '[]'$$);
SELECT t.fails($$UPDATE smsfollow.contact SET region = 'xx'$$);

-- what only we call
SELECT smsfollow.contact_id('+14155550100') AS ana, smsfollow.contact_id('+14155550111') AS nobody, smsfollow.contact_id(NULL) AS no_number;
SELECT t.fails($$SELECT smsfollow.contact_id('+12')$$);
SELECT smsfollow.ensure_contacts('{+14155550103,+14155550102,+14155550103,NULL,+14155550100}', 1);
SELECT p.phone, c.contact_id IS NOT NULL AS contact, s.contact_id IS NOT NULL AS state
FROM smsfollow.contact_phone p LEFT JOIN smsfollow.contact c USING (contact_id) LEFT JOIN smsfollow.contact_state s USING (contact_id)
ORDER BY p.phone;
SELECT smsfollow.ensure_contacts('{}', 1), smsfollow.ensure_contacts(NULL, 1);
