\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Dates and amounts of a text: in the contact's zone, and in the language of the wording.
SET timezone = 'UTC';
SELECT smsfollow.create_program('p', 'transactional', 'Acme') > 0 AS program;
SELECT smsfollow.create_template('due', '{{ at | date: "%A %-d %B, %H:%M" }}: {{ price | money: "EUR" }} {% render "hours" %}', locale => 'en',
		wordings => '{"de": "{{ at | date: \"%A, %-d. %B, %H:%M Uhr\" }}: {{ price | money: \"EUR\" }} {% render \"hours\" %}"}') AS due,
	smsfollow.create_template('hours', 'until {{ at | date: "%a %x" }}', locale => 'en', wordings => '{"de": "bis {{ at | date: \"%a %x\" }}"}') AS hours,
	smsfollow.create_template('plain', '{{ at | date: "%A %-d %B, %H:%M %Z" }} {{ "+14155552671" | phone }}') AS plain;
-- 1: English by default; 2 and 3: German, with the amounts of each country; 4: no French wording, so all is English; 5: English as in Britain
SELECT count(smsfollow.add_contact('+1415555010' || n, time_zone => z, locale => l)) FROM unnest('{Europe/London,Europe/Berlin,Europe/Vienna,Europe/Paris,Europe/London}'::text[],
	'{NULL,de,de-AT,fr,en-GB}'::text[]) WITH ORDINALITY u(z, l, n);
-- regions and zones from numbers: California has one, France has one, Russia many, which leaves the server's
SELECT count(smsfollow.add_contact(phone)) FROM unnest('{+14155550106,+33612345678,+79161234567}'::text[]) phone;
SELECT smsfollow.add_contact('+14155550107', locale => 'fr') > 0;
SELECT count(smsfollow.opt_in(phone, 'p', 'web_form')) FROM smsfollow.contact_phone;
SELECT count(smsfollow.send('+1415555010' || n, template => 'due', vars => '{"at": "2026-07-06T15:30:00Z", "price": 1234.5}')) FROM generate_series(1, 5) n;
SELECT count(smsfollow.send(phone, template => 'plain', vars => '{"at": "2026-07-06T15:30:00Z"}')) FROM unnest('{+14155550106,+33612345678,+79161234567,+14155550107}'::text[]) phone;
SELECT phone, fate, body FROM t.claim() ORDER BY 1;
SELECT * FROM t.miscount;
