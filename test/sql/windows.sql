\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Windows, jurisdictions and zones: what they allow, what is refused, what the gate makes of them.
UPDATE smsfollow.jurisdiction j SET hours = x.hours FROM t.jurisdiction x WHERE x.name = j.name AND x.builtin;
SET timezone = 'UTC';
SELECT smsfollow.create_program('orders', 'transactional', 'Acme') AS orders, smsfollow.create_program('news', 'marketing', 'Acme') AS news,
	smsfollow.create_campaign('sale', 'news') AS sale;
-- the seed: 29 rows, each with its source and review
SELECT count(*), count(*) FILTER (WHERE source <> '' AND reviewed_on IS NOT NULL AND confidence <> '' AND builtin) AS sourced FROM smsfollow.jurisdiction;
-- the next allowed instant in a zone: the window of the program alone
SELECT smsfollow.set_window('09:00-18:00', program => 'orders');
CREATE FUNCTION t.next(place text, from_at timestamp, zone text DEFAULT NULL, program text DEFAULT 'orders') RETURNS text LANGUAGE sql AS $$
	SELECT to_char(smsfollow.next_allowed(place, program, from_at AT TIME ZONE coalesce(zone, place)) AT TIME ZONE coalesce(zone, place), 'Dy YYYY-MM-DD HH24:MI:SS.US')
$$;
SELECT t.next('America/New_York', x) FROM unnest('{2026-06-01 08:59:59.5, 2026-06-01 09:00, 2026-06-01 17:59:59.999, 2026-06-01 18:00}'::timestamp[]) x;
-- clocks that change: a start that does not exist, an end that comes twice, a day that begins at 01:00
SELECT smsfollow.set_window('02:30-04:00', program => 'orders');
SELECT t.next('America/New_York', '2026-03-08 00:00'), t.next('Europe/London', '2026-03-29 00:30'), t.next('Australia/Sydney', '2026-10-04 00:00');
SELECT smsfollow.set_window('00:00-00:30,01:30-02:00', program => 'orders');
SELECT smsfollow.next_allowed('America/New_York', 'orders', '2026-11-01 00:30-04'), smsfollow.next_allowed('Africa/Cairo', 'orders', '2026-04-23 22:00+00');
SELECT smsfollow.set_window('00:30-01:30', program => 'orders');
SELECT smsfollow.next_allowed('America/New_York', 'orders', '2026-11-01 01:29-04'), smsfollow.next_allowed('America/New_York', 'orders', '2026-11-01 01:30-04');
SELECT smsfollow.set_window('Mon-Fri 08:00-20:00; Sat 20:00-02:00', program => 'orders');
SELECT t.next(z, '2026-07-18 12:00') FROM unnest('{Asia/Kathmandu,Pacific/Chatham,America/St_Johns,Pacific/Kiritimati,Antarctica/Troll,America/Phoenix}'::text[]) z;
SELECT t.next('Europe/Paris', x) FROM unnest('{2026-07-18 23:59, 2026-07-19 01:59, 2026-07-19 02:00}'::timestamp[]) x;
-- one clock of a zone, however it is written
SELECT sum(total_bytes) AS bytes FROM pg_backend_memory_contexts WHERE name = 'smsfollow clocks' \gset
SELECT DISTINCT t.next(overlay(overlay('europe/paris' PLACING upper(substr('europe/paris', n, 1)) FROM n) PLACING upper(substr('europe/paris', k, 1)) FROM k), '2026-07-19 01:59') FROM generate_series(1, 12) n, generate_series(1, 12) k;
SELECT sum(total_bytes) = :bytes AS same FROM pg_backend_memory_contexts WHERE name = 'smsfollow clocks';
-- holidays of one's own
SELECT smsfollow.set_holiday('closed days', '2026-07-20', 'Inventory'), smsfollow.set_holiday('closed days', '2026-07-21', observed => false);
SELECT smsfollow.set_window('Mon-Fri 08:00-20:00; holidays closed', program => 'orders', holidays => '{closed days}');
SELECT t.next('Europe/Paris', '2026-07-19 02:00');
-- numbers: the law of the country and of the state; fifteen minutes are kept free at its end
SELECT smsfollow.jurisdictions_of(p, r, s) FROM (VALUES ('+12125550100', NULL, NULL), ('+13055550100', NULL, NULL), ('+13055550100', 'US', 'TX'),
	('+18005550100', NULL, NULL), ('+18005550100', 'US', 'CT'), ('+14165550100', NULL, NULL), ('+447700900123', NULL, NULL), ('+33612345678', NULL, NULL),
	('+34612345678', NULL, NULL), ('+4915112345678', NULL, NULL), ('+5511961234567', NULL, NULL), ('+447700900123', 'FR', NULL)) v(p, r, s);
SELECT t.next('+13055550100', '2026-06-01 19:44', 'America/New_York', 'news'), t.next('+13055550100', '2026-06-01 19:45', 'America/New_York', 'news'),
	t.next('+12125550100', '2026-06-01 20:44:59', 'America/New_York', 'news'), t.next('+12125550100', '2026-06-01 20:45', 'America/New_York', 'news');
SELECT t.next('+33612345678', '2026-12-24 22:00', 'Europe/Paris', 'news'), t.next('+27821234567', '2026-12-12 13:00', 'Africa/Johannesburg', 'news');
-- several zones: all must be open
SELECT t.next('+18505550100', '2026-06-01 05:00', 'America/New_York', 'news'), t.next('+61412345678', '2026-06-01 05:00', 'Australia/Perth', 'news');
-- nobody knows: 42 zones from Guam to St John's, no zone at all
SELECT smsfollow.next_allowed('+18005550100', 'news', '2026-06-01'), smsfollow.next_allowed('+80012345678', 'news', '2026-06-01');
-- what is refused
SELECT t.fails(format('SELECT smsfollow.set_window(%s)', a)) FROM unnest(ARRAY[$$''$$, $$'Mon closed'$$, $$'25:00-26:00'$$, $$'10:00-10:00'$$, $$'08:00-20:00,19:00-21:00'$$,
	$$'Mon-Fri 08:00-20:00; Tue 09:00-10:00'$$, $$'08:00-20:00', on_quiet => 'wait'$$, $$'08:00-20:00', program => 'nothing'$$, $$'08:00-20:00', campaign => 'nothing'$$,
	$$'08:00-20:00', program => 'news', campaign => 'sale'$$, $$'08:00-20:00', holidays => '{moon}'$$, $$'08:00-20:00', program => 'news', all_purposes => true$$,
	$$'22:00-23:00'$$, $$'22:00-06:00', campaign => 'sale'$$, $$'21:45-22:00'$$]) a;
SELECT smsfollow.set_window('08:00-12:00', program => 'news');
SELECT t.fails($$SELECT smsfollow.set_window('12:00-13:00', campaign => 'sale')$$), t.fails($$SELECT smsfollow.set_window('14:00-15:00')$$);
SELECT smsfollow.set_window(NULL, program => 'news');
SELECT t.fails(format('SELECT smsfollow.next_allowed(%s)', a)) FROM unnest(ARRAY[$$'Mars/Phobos'$$, $$'FOO5'$$, $$'+1'$$, $$'Europe/Paris', 'nothing'$$, $$'Europe/Paris', from_at => 'infinity'$$, 'NULL']) a;
SELECT t.fails(format('SELECT smsfollow.set_jurisdiction(%s)', a)) FROM unnest(ARRAY[$$'x', '{us}'$$, $$'x', '{US,NULL}'$$, $$'x', '{US}', 'never'$$, $$'x', '{US}', '21:00-22:00'$$, $$'x', '{US}', '20:50-21:00'$$,
	$$'x', '{US}', subdivision => 'florida'$$, $$'x', '{}', subdivision => 'FL'$$, $$'x', '{US}', consent => 'none'$$, $$'x', '{US}', cap_most => 3$$, $$'x', '{US}', cap_most => 0, cap_per => '1 day'$$,
	$$'x', '{US}', valid_from => '2026-01-01', valid_to => '2026-01-01'$$, $$'x', '{US}', holidays => '{moon}'$$, $$'', '{US}'$$]) a;
SELECT t.fails(format('SELECT smsfollow.set_contact_window(%s)', a)) FROM unnest(ARRAY[$$'+12125550100', '23:00-06:00'$$, $$'+12125550100', 'noon'$$, $$'12', '10:00-11:00'$$, $$'+12125550100', repeat(' ', 201)$$]) a;
SELECT t.fails($$SELECT smsfollow.add_contact('+12125550100', subdivision => 'FL')$$), t.fails($$SELECT smsfollow.add_contact('+12125550100', region => 'US', subdivision => 'XX')$$);
SELECT count(*) FROM smsfollow.send_window;
-- the gate, at a moment in May 2027 (New York 20:50, Los Angeles 17:50, London 01:50)
CREATE FUNCTION t.at(moment timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('smsfollow.clock_offset', (extract(epoch FROM moment) - extract(epoch FROM clock_timestamp()))::text, false) $$;
-- sends one text and says what the claim makes of all that wait for the contact
CREATE FUNCTION t.try(number text, campaign text, expires_after interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	fates text[] := '{}';
BEGIN
	PERFORM t.settle('accepted'), smsfollow.send(number, 'x', campaign => campaign, expires_after => expires_after);
	FOR i IN 1..4 LOOP	-- a wave is of one lane
		fates := fates || ARRAY(SELECT concat_ws(' ', c.fate, c.code) FROM t.claim() c WHERE c.phone = right(number, 4) AND c.fate <> 'park');
		PERFORM t.settle('accepted');
	END LOOP;
	RETURN (SELECT string_agg(f, ', ' ORDER BY f) FROM unnest(fates) f);
END
$$;
SELECT t.at('2027-05-05 00:50:00+00');
SELECT count(smsfollow.opt_in(p, g, 'web')) FROM unnest('{+12125550101,+14155550102,+447700900103,+80012345104,+12125550105,+12125550106,+13055550107,+12125550108}'::text[]) p, unnest('{news,orders}'::text[]) g;
UPDATE smsfollow.contact_state SET number_type = NULL;
SELECT smsfollow.add_contact('+12125550105', time_zone => 'America/Los_Angeles') > 0, smsfollow.add_contact('+12125550106', region => 'US', subdivision => 'RI') > 0;
SELECT smsfollow.set_contact_window('+12125550108', '12:00-13:00');
SELECT smsfollow.set_window(NULL, program => 'orders');
SELECT count(smsfollow.send(p, 'x', campaign => 'news')) FROM unnest('{+12125550101,+14155550102,+447700900103,+80012345104,+12125550105,+12125550106,+13055550107,+12125550108}'::text[]) p;
SELECT phone, fate, code FROM t.claim();
SELECT right(p.phone, 4) AS phone, v.verdict, v.code, v.rule, v.next_at FROM smsfollow.verdict v JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY p.phone;
-- a contact's hours and place changed: its texts are looked at again
SELECT smsfollow.set_contact_window('+12125550108', NULL), smsfollow.add_contact('+12125550106', region => 'US', subdivision => 'NY') > 0;
SELECT phone, fate, code FROM t.claim();
-- transactional texts are exempt, unless told
SELECT t.try('+12125550101', 'orders');
SELECT smsfollow.set_window('always', program => 'orders', jurisdictions => true) AS looked_at_again;
SELECT t.try('+12125550101', 'orders');
SELECT smsfollow.set_window('10:00-17:00', all_purposes => true), smsfollow.set_window(NULL, program => 'orders');
SELECT t.try('+14155550102', 'orders');
SELECT smsfollow.set_window(NULL) AS looked_at_again;
SELECT t.try('+14155550102', 'orders');
-- on_quiet: wait until the end of one's time, expire at once if it is too late, cancel
SELECT smsfollow.cancel_for(p) FROM unnest('{+12125550101,+447700900103,+12125550106,+13055550107,+12125550108}'::text[]) p;
SELECT t.try('+12125550101', 'news', '1 hour');
SELECT r.send_at - x.at = '1 hour' AS until_its_end FROM smsfollow.ready r, LATERAL (SELECT max(m.send_at) AS at FROM smsfollow.message m WHERE m.message_id = r.message_id) x;
SELECT smsfollow.cancel_for('+12125550101'), smsfollow.set_window('always', program => 'news', on_quiet => 'defer_or_expire');
SELECT t.try('+12125550101', 'news', '1 hour'), t.try('+447700900103', 'news');
SELECT smsfollow.set_window('always', campaign => 'sale', on_quiet => 'cancel') AS looked_at_again;
SELECT t.try('+12125550106', 'sale'), t.try('+14155550102', 'sale');
-- a wider window is looked at again at once; a rule of one's own replaces the built-in one
SELECT t.try('+12125550101', 'news');
SELECT smsfollow.set_jurisdiction('us-fed', '{US}', 'always', note => 'test') AS looked_at_again;
SELECT phone, fate, code FROM t.claim() ORDER BY 1;
SELECT smsfollow.set_jurisdiction('us-fed', '{US}', blocked => true) AS looked_at_again;
SELECT t.try('+14155550102', 'news');
SELECT smsfollow.reset_jurisdiction('us-fed') AS looked_at_again, t.fails($$SELECT smsfollow.reset_jurisdiction('us-fed')$$);
SELECT t.try('+14155550102', 'news');
-- of rules that follow each other in time, the one of the day holds
SELECT smsfollow.set_jurisdiction('us-fed', '{US}', 'always', valid_to => '2027-05-05') IS NOT NULL, smsfollow.set_jurisdiction('us-fed', '{US}', '08:00-12:00', valid_from => '2027-05-05') IS NOT NULL;
SELECT t.try('+14155550102', 'news');
SELECT smsfollow.reset_jurisdiction('us-fed') AS looked_at_again;
-- so short before the end that the provider could not pass it on, it waits
SELECT smsfollow.set_window('17:00-18:00', program => 'orders'), t.at('2027-05-05 00:59:10+00');
SELECT t.try('+14155550102', 'orders');
SELECT t.at('2027-05-05 00:59:40+00');
SELECT t.try('+14155550102', 'orders');
-- who wrote past the functions shuts, and does not open
UPDATE smsfollow.send_window SET hours = 'nonsense' WHERE program_id = smsfollow.program_id('orders');
SELECT smsfollow.cancel_for('+14155550102') > 0;
SELECT t.try('+14155550102', 'orders');
-- a zone that the server does not know
UPDATE smsfollow.contact_state s SET time_zone = 'Mars/Phobos' FROM smsfollow.contact_phone p WHERE p.contact_id = s.contact_id AND p.phone = '+14155550102';
SELECT t.try('+14155550102', 'news');
-- kinds of numbers that get no texts
UPDATE smsfollow.contact_state s SET number_type = 'TOLL_FREE' FROM smsfollow.contact_phone p WHERE p.contact_id = s.contact_id AND p.phone = '+14155550102';
SELECT t.try('+14155550102', 'news');
SELECT * FROM t.miscount;
