\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- A year of traffic, in every time zone that a number or an address may tell
-- and to numbers that leave several zones open: nothing goes outside its
-- window.  The clock is moved; what went is judged by PostgreSQL's AT TIME ZONE.
SET timezone = 'UTC';
SELECT smsfollow.create_program('offers', 'marketing', 'Acme') > 0 AS offers;
SELECT count(smsfollow.set_holiday('inventory', d::date)) FROM generate_series(date '2027-01-11', '2027-12-31', '37 days') d;
SELECT smsfollow.set_window('Mon-Fri 08:00-20:00; Sat 10:00-14:00; holidays 12:00-13:00', program => 'offers', holidays => '{inventory}');
CREATE TABLE t.recipient (phone text PRIMARY KEY, zones text[], local boolean);
-- one contact in each zone
INSERT INTO t.recipient
SELECT '+9991' || lpad(row_number() OVER (ORDER BY z)::text, 7, '0'), ARRAY[z]
FROM (SELECT DISTINCT unnest(smsfollow.place_zones(chr(a) || chr(b))) AS z FROM generate_series(65, 90) a, generate_series(65, 90) b) x
WHERE z IN (SELECT name FROM pg_timezone_names);
-- and numbers that tell by themselves: one and several zones
INSERT INTO t.recipient SELECT p, (smsfollow.phone_info(p)).time_zones
FROM unnest('{+12125550101,+18505550101,+12085550101,+16055550101,+14235550101,+61412345601,+61891234501,+79161234501,+5511961234501,+5592991234501,+628121234501,+34612345601,+351912345601,+56961234501,+8613812345601,+77011234501,+447700900101,+525512345601,+27821234501,+919812345601}'::text[]) p;
SELECT count(*) > 400 AS contacts, count(DISTINCT z) > 400 AS zones, bool_or(cardinality(zones) > 1) AS several FROM t.recipient, unnest(zones) z;
SELECT count(smsfollow.add_contact(phone, time_zone => CASE WHEN phone LIKE '+9991%' THEN zones[1] END)) = count(*) AS added FROM t.recipient;
SELECT count(smsfollow.opt_in(phone, 'offers', 'web')) = count(*) AS agreed FROM t.recipient;
UPDATE smsfollow.contact_state SET number_type = NULL;
SELECT setseed(0.31);
CREATE TABLE t.wish AS SELECT phone, timestamptz '2027-01-01 00:00+00' + random() * interval '365 days' AS send_at FROM t.recipient, generate_series(1, 6);
CREATE FUNCTION t.set_clock(moment timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('smsfollow.clock_offset', (extract(epoch FROM moment) - extract(epoch FROM clock_timestamp()))::text, false) $$;
SELECT t.set_clock('2027-01-01 00:00+00');
SELECT smsfollow.schedule_many('SELECT phone, send_at, ''x'' AS body FROM t.wish', campaign => 'offers', expires_after => '10 days') = count(*) AS scheduled FROM t.wish;
-- the clock goes from one moment at which something is due to the next, at least five hours
CREATE PROCEDURE t.year() LANGUAGE plpgsql AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	due timestamptz;
BEGIN
	LOOP
		SELECT r.send_at INTO due FROM smsfollow.ready r WHERE r.lane = 3 ORDER BY r.lane, r.send_at, r.message_id LIMIT 1;
		EXIT WHEN due IS NULL;
		now := greatest(now + interval '307 minutes', due);
		PERFORM t.set_clock(now);
		PERFORM FROM smsfollow.claim(1000, 1);
		PERFORM t.settle('accepted');
		COMMIT;	-- what is done is out of the way of the next look
	END LOOP;
END
$$;
SET synchronous_commit = off;
CALL t.year();
SELECT smsfollow.clock() > '2027-12-31' AS a_year_has_passed;
-- what went, by the clock where each recipient may be
CREATE VIEW t.went AS
SELECT a.message_id, p.phone, z.zone, a.started_at AT TIME ZONE z.zone AS local
FROM smsfollow.attempt a JOIN smsfollow.contact_phone p USING (contact_id) JOIN t.recipient r USING (phone), unnest(r.zones) AS z(zone);
SELECT count(DISTINCT message_id) > 2500 AS many_texts, count(DISTINCT zone) > 400 AS zones,
	count(DISTINCT date_trunc('day', local)) > 300 AS days, count(DISTINCT extract(hour FROM local)) AS hours FROM t.went;
SELECT * FROM t.went w
WHERE CASE WHEN extract(isodow FROM local) <= 5 THEN local::time >= '08:00' AND local::time < '20:00'
		WHEN extract(isodow FROM local) = 6 THEN local::time >= '10:00' AND local::time < '14:00' ELSE false END IS NOT TRUE
	OR EXISTS (SELECT FROM smsfollow.holiday h WHERE h.calendar = 'inventory' AND h.day = local::date) AND NOT (local::time >= '12:00' AND local::time < '13:00');
-- and nothing else became of them; those that waited went at the instant that was promised, give or take the steps of the clock
SELECT DISTINCT state, code FROM smsfollow.message_log;

SELECT count(*) > 1000 AS waited, bool_and(a.started_at >= v.next_at) AS not_before, bool_and(a.started_at < v.next_at + interval '640 minutes') AS nor_later
FROM smsfollow.attempt a JOIN smsfollow.verdict v USING (message_id)
WHERE v.at = (SELECT max(x.at) FROM smsfollow.verdict x WHERE x.message_id = v.message_id);
