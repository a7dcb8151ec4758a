\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Frequency caps: what they count, what they limit, and when they are free.
SELECT smsfollow.create_program('news', 'marketing', 'Acme') > 0, smsfollow.create_program('orders', 'transactional', 'Acme') > 0, smsfollow.create_program('offers', 'marketing', 'Acme') > 0;
SELECT count(smsfollow.opt_in('+1415555010' || n, p, 'web_form')) FROM generate_series(1, 9) n, unnest('{news,orders,offers}'::text[]) p;
SELECT smsfollow.set_opt_out_line(p, 'never'), smsfollow.set_text_rules(p, max_segments => 10) FROM unnest('{news,offers}'::text[]) p;
UPDATE smsfollow.sender SET segments_per_second = 10000, burst = 10000;
-- one text, claimed and accepted; what waits instead says until when
CREATE FUNCTION t.send(who text, campaign text, body text DEFAULT 'x', outcome text DEFAULT 'accepted') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id bigint := smsfollow.send('+1415555' || who, body, campaign => campaign, expires_after => '90 days');
	said text;
BEGIN
	SELECT concat_ws(' ', c.fate, c.code) INTO said FROM smsfollow.claim(100, 1) c WHERE c.message_id = id;
	IF outcome <> '' THEN
		PERFORM t.settle(outcome);
	END IF;
	RETURN said;
END
$$;
-- how long after its last text a waiting one comes next
CREATE VIEW t.wait AS SELECT right(p.phone, 4) AS phone, r.code, v.code = r.code AS verdict, v.next_at = r.send_at AS says_so,
	date_trunc('minute', interval '30 seconds' + r.send_at - (SELECT max(a.started_at) FROM smsfollow.attempt a WHERE a.contact_id = r.contact_id AND a.outcome = 'accepted')) AS after_last,
	r.send_at - (SELECT min(a.started_at) FROM smsfollow.attempt a WHERE a.contact_id = r.contact_id AND a.outcome = 'accepted') AS after_first
FROM smsfollow.ready r JOIN smsfollow.contact_phone p USING (contact_id)
LEFT JOIN LATERAL (SELECT * FROM smsfollow.verdict x WHERE x.message_id = r.message_id ORDER BY x.at DESC LIMIT 1) v ON true ORDER BY 1, r.message_id;

-- two in 24 hours: the third goes 24 hours after the first one, to the microsecond
SELECT smsfollow.create_cap('daily', 2, '1 day') AS id;
SELECT t.send('0101', 'news');
SET smsfollow.clock_offset = 3600;
SELECT t.send('0101', 'offers');
SET smsfollow.clock_offset = 7200;
SELECT t.send('0101', 'news');
SELECT * FROM t.wait;
SELECT verdict, v.code, regexp_replace(rule, 'since .*', 'since (time)') AS rule FROM smsfollow.verdict v JOIN smsfollow.ready USING (message_id);
SELECT e.rule, e.verdict, e.code, regexp_replace(e.value, 'since .*', 'since (time)') AS value, e.next_at = r.send_at AS next, e.hint FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule IN ('now', 'cap daily');
SELECT rule, verdict, code, next_at > smsfollow.clock() AS next FROM smsfollow.explain('+14155550101', 'news') WHERE rule IN ('now', 'cap daily');
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value, next_at FROM smsfollow.explain('+14155550102', 'news') WHERE rule IN ('now', 'cap daily');
-- a transactional text is not limited, and does not count
SELECT t.send('0101', 'orders'), t.send('0102', 'orders'), t.send('0102', 'orders'), t.send('0102', 'orders'), t.send('0102', 'news'), t.send('0102', 'news'), t.send('0102', 'news');
SELECT smsfollow.cancel_for('+14155550102');
-- not a moment before, and then at once
CREATE FUNCTION t.at(moment timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT set_config('smsfollow.clock_offset', extract(epoch FROM moment - clock_timestamp())::float8::text, false) $$;
SELECT t.at(send_at - interval '1 second') IS NOT NULL FROM smsfollow.ready;
SELECT * FROM t.claim();
SELECT t.at(send_at) IS NOT NULL FROM smsfollow.ready;
SELECT * FROM t.claim();
SELECT t.settle('accepted');
SELECT count(*) AS late FROM (SELECT started_at, lag(started_at, 2) OVER (PARTITION BY contact_id ORDER BY started_at) AS before FROM smsfollow.attempt JOIN smsfollow.campaign c USING (campaign_id)
	WHERE c.name <> 'orders') x WHERE started_at - before < '1 day';
SELECT * FROM t.miscount;

-- a definite failure gives its place back, a doubt does not before it is decided
SELECT t.send('0103', 'news', outcome => 'rejected'), t.send('0103', 'news', outcome => 'rejected'), t.send('0103', 'news'), t.send('0103', 'news', outcome => 'in_doubt'), t.send('0103', 'news');
SELECT smsfollow.resolve_in_doubt(message_id, 'failed') FROM smsfollow.in_doubt;
SELECT t.send('0103', 'news');
SELECT t.send('0104', 'news', outcome => 'in_doubt'), t.send('0104', 'news', outcome => 'in_doubt'), t.send('0104', 'news');
SELECT smsfollow.resolve_in_doubt(message_id, 'accepted') FROM smsfollow.in_doubt;
SELECT t.send('0104', 'news');
-- a retry too: it takes its place again when it is claimed again
SELECT t.send('0105', 'news', outcome => 'retry'), t.send('0105', 'news'), t.send('0105', 'news'), t.send('0105', 'news');
-- one in flight: the next is not looked at
SELECT t.send('0106', 'news', outcome => ''), t.send('0106', 'news', outcome => '');
SELECT t.settle('accepted');
SELECT smsfollow.cancel_for(phone) > 0 FROM smsfollow.contact_phone ORDER BY phone;
-- changed and dropped: what waits is judged anew
SELECT t.send('0107', 'news'), t.send('0107', 'news'), t.send('0107', 'news');
SELECT smsfollow.alter_cap('daily', 3), (SELECT code FROM t.claim());
SELECT t.settle('accepted'), t.send('0107', 'news');
SELECT smsfollow.drop_cap('daily'), (SELECT code FROM t.claim());
SELECT t.settle('accepted');

-- what happens instead: skip and expire; counts by reason
RESET smsfollow.clock_offset;
SELECT smsfollow.create_cap('once', 1, '30 days', 'campaign', 'news', on_exceed => 'skip') > 0, smsfollow.create_cap('offers weekly', 1, '7 days', 'program', 'offers', on_exceed => 'expire') > 0;
SET smsfollow.clock_offset = 20000000;
SELECT t.send('0101', 'news'), t.send('0101', 'news'), t.send('0101', 'offers'), t.send('0101', 'offers'), t.send('0101', 'orders');
SELECT campaign, metric, reason, texts, meaning, hint FROM smsfollow.kpi_reason WHERE reason ~ ':' ORDER BY 1, 2;
SELECT verdict, code, regexp_replace(rule, 'since .*', 'since (time)') AS rule FROM smsfollow.verdict WHERE code ~ '^cap:' ORDER BY at DESC LIMIT 2;
-- tags count as they were when the text was queued
SELECT smsfollow.create_campaign('spring', 'news', tags => '{sale,spring}') > 0, smsfollow.create_campaign('autumn', 'offers', tags => '{sale}') > 0, smsfollow.create_cap('sale', 1, '1 day', 'tag', 'sale') > 0;
SELECT t.send('0102', 'spring');
SELECT smsfollow.set_campaign_tags('spring', NULL);
SELECT t.send('0102', 'autumn'), t.send('0102', 'spring'), t.send('0103', 'spring'), t.send('0103', 'autumn'), t.send('0103', 'autumn');
-- a sender; segments
SELECT smsfollow.drop_cap('once'), smsfollow.drop_cap('sale'), smsfollow.drop_cap('offers weekly');
SELECT smsfollow.cancel_for(phone) > 0 FROM smsfollow.contact_phone WHERE contact_id < 4 ORDER BY phone;
SELECT smsfollow.add_sender('sandbox', 'ACME', 10000) > 0, smsfollow.create_campaign('acme', 'news', sender => 'ACME') > 0, smsfollow.create_cap('acme segments', 3, '1 hour', 'sender', 'ACME', unit => 'segments') > 0;
SELECT t.send('0104', 'acme', repeat('x', 200)), t.send('0104', 'news', repeat('x', 500)), t.send('0104', 'acme', repeat('x', 200)), t.send('0105', 'acme', repeat('x', 500));
-- longer than the cap allows at all: it will never go, and says so now
SELECT verdict, code FROM smsfollow.verdict ORDER BY at DESC LIMIT 1;
-- what waits for place lets shorter ones go
SELECT t.send('0104', 'acme', 'short');
SELECT smsfollow.cancel_for('+14155550104') AS cancelled;
-- money, by the price of the sender, then by what the provider told
SELECT smsfollow.create_cap('cost', 0.05, '1 hour', unit => 'money', currency => 'USD') > 0;
SELECT t.send('0106', 'acme');
SELECT e.code, e.value FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule = 'now';
SELECT smsfollow.alter_sender('ACME', price_per_segment => 0.02, currency => 'USD');
SET smsfollow.clock_offset = 20000900;
SELECT * FROM t.claim();
SELECT price, price_currency FROM smsfollow.inflight;
SELECT t.settle('accepted'), t.send('0106', 'acme'), t.send('0106', 'acme');
SELECT e.rule, e.verdict, regexp_replace(e.value, 'since .*', 'since (time)') AS value FROM smsfollow.ready r, smsfollow.explain(r.message_id) e WHERE e.rule = 'cap cost';
SELECT smsfollow.drop_cap('cost'), smsfollow.drop_cap('acme segments'), smsfollow.cancel_for('+14155550106');
-- all of a kind: transactional texts limited and counted when told to, compliance never
SELECT smsfollow.create_cap('all', 1, '1 hour', limits => 'all', counts => 'all') > 0, smsfollow.create_program('legal', 'compliance', 'Acme') > 0, smsfollow.opt_in('+14155550107', 'legal', 'web_form') > 0;
SELECT t.send('0107', 'orders'), t.send('0107', 'orders'), t.send('0107', 'news'), t.send('0107', 'legal'), t.send('0107', 'legal');
SELECT smsfollow.drop_cap('all'), smsfollow.cancel_for('+14155550107');
-- the contact's wish only tightens
SELECT smsfollow.create_cap('daily', 2, '1 day') > 0, smsfollow.set_contact_cap('+14155550108', 1, '7 days');
SELECT t.send('0108', 'news'), t.send('0108', 'news'), t.send('0108', 'orders');
SELECT phone, code, after_last FROM t.wait;
SELECT rule, verdict, code FROM smsfollow.explain('+14155550108', 'news') WHERE rule ~ 'cap';
SELECT smsfollow.cancel_for('+14155550108');
SELECT smsfollow.set_contact_cap('+14155550108', 9, '1 day'), t.send('0108', 'news'), t.send('0108', 'news');
SELECT smsfollow.set_contact_cap('+14155550108', NULL, NULL), smsfollow.cancel_for('+14155550108'), smsfollow.drop_cap('daily');
-- what a wish has put off goes when it is taken back
SELECT smsfollow.set_contact_cap('+14155550108', 1, '7 days'), t.send('0108', 'news', outcome => '');
SELECT phone, code, verdict FROM t.wait;
SELECT smsfollow.set_contact_cap('+14155550108', NULL, NULL);
SELECT * FROM t.claim();
SELECT t.settle('accepted');
-- two caps that put off: both must be free
SELECT smsfollow.create_cap('hourly', 1, '1 hour') > 0, smsfollow.create_cap('two a day', 2, '1 day') > 0;
SET smsfollow.clock_offset = 30000000;
SELECT t.send('0109', 'news'), t.send('0109', 'news');
SELECT code, after_last FROM t.wait WHERE phone = '0109';
SET smsfollow.clock_offset = 30003601;
SELECT * FROM t.claim();
SELECT t.settle('accepted'), t.send('0109', 'news');
SELECT code, after_first FROM t.wait WHERE phone = '0109';
SELECT * FROM t.miscount;

-- calendar: days of the contact, 23, 24 or 25 hours long
SELECT smsfollow.drop_cap('hourly'), smsfollow.drop_cap('two a day'), smsfollow.cancel_for('+14155550109');
SELECT smsfollow.create_cap('calendar', 1, '1 day', period => 'calendar') > 0;
CREATE FUNCTION t.day(zone text, moment timestamptz, prefix text DEFAULT '+14155551') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	number text := prefix || lpad((SELECT count(*) FROM smsfollow.contact)::text, 3, '0');
	result text;
BEGIN
	PERFORM smsfollow.add_contact(number, time_zone => zone), smsfollow.opt_in(number, 'news', 'web_form'), t.at(moment);
	FOR n IN 1..2 LOOP
		PERFORM smsfollow.send(number, 'x', campaign => 'news', expires_after => '90 days');
		PERFORM smsfollow.claim(100, 1);
		PERFORM t.settle('accepted');
	END LOOP;
	SELECT to_char(r.send_at AT TIME ZONE coalesce(zone, 'UTC'), 'YYYY-MM-DD HH24:MI:SS') || ', after ' || date_trunc('minute', r.send_at - moment + interval '30 seconds') INTO result
	FROM smsfollow.ready r JOIN smsfollow.contact_phone p USING (contact_id) WHERE p.phone = number;
	PERFORM smsfollow.cancel_for(number);
	RETURN result;
END
$$;
SELECT t.day('America/New_York', '2027-03-13 22:00:00-05'), t.day('America/New_York', '2027-03-14 01:00:00-05'), t.day('America/New_York', '2027-11-07 00:30:00-04');
-- midnight is left out in Santiago, and comes twice in Havana
SELECT t.day('America/Santiago', '2025-09-06 20:00:00-04'), t.day('America/Havana', '2025-11-01 20:00:00-04'), t.day('America/Havana', '2025-11-02 00:30:00-05');
SELECT t.day('Asia/Kathmandu', '2027-01-01 00:00:00+05:45'), t.day('Pacific/Kiritimati', '2026-12-31 12:00:00+14'), t.day('Australia/Lord_Howe', '2027-04-03 23:00:00+11');
-- no zone but that of the number; one that may be in several of Australia's, whose last midnight counts; a number of no country, with the longest day there is
SELECT t.day(NULL, '2027-01-01 10:00:00+00'), t.day(NULL, '2027-01-01 10:00:00+00', '+61491570'), t.day(NULL, '2027-01-01 10:00:00+00', '+88216555');
-- what one of its zones calls today still counts when another one's day is over
SELECT smsfollow.opt_in('+61491570999', 'news', 'web_form') > 0, t.at('2027-01-05 10:00+00') IS NOT NULL, smsfollow.send('+61491570999', 'x', campaign => 'news') > 0;
SELECT phone, fate FROM t.claim();
SELECT t.settle('accepted'), t.at('2027-01-05 14:00+00') IS NOT NULL, smsfollow.send('+61491570999', 'x', campaign => 'news') > 0;
SELECT phone, fate, code FROM t.claim();
SELECT r.send_at AT TIME ZONE 'UTC' AS until FROM smsfollow.ready r JOIN smsfollow.contact_phone p USING (contact_id) WHERE p.phone = '+61491570999';
SELECT smsfollow.cancel_for('+61491570999');
SELECT smsfollow.drop_cap('calendar') >= 0, smsfollow.create_cap('week', 1, '7 days', period => 'calendar') > 0;
SELECT t.day('Europe/Paris', '2026-12-06 23:59:59+01'), t.day('Europe/Paris', '2026-12-07 00:00:00+01');
SELECT smsfollow.drop_cap('week') >= 0, smsfollow.create_cap('month', 1, '1 month', period => 'calendar') > 0;
SELECT t.day('Europe/Paris', '2026-12-06 12:00:00+01'), t.day('Europe/Paris', '2027-02-28 23:00:00+01'), t.day('Europe/Paris', '2028-02-29 00:00:00+01');
SELECT smsfollow.drop_cap('month') >= 0;
RESET smsfollow.clock_offset;
SELECT * FROM t.miscount;

-- the law of the recipient's place: three in 24 hours in Florida, Oklahoma, Maryland and Oregon, of one program where it says so
SELECT name, cap_most, cap_per, cap_same_subject FROM t.jurisdiction WHERE cap_most IS NOT NULL ORDER BY name;
SET smsfollow.clock_offset = 50000000;
CREATE FUNCTION t.law(number text, texts integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	campaign text;
BEGIN
	PERFORM smsfollow.opt_in(number, p, 'web_form') FROM unnest('{news,offers,orders}'::text[]) p;
	FOREACH campaign IN ARRAY array_fill('news'::text, ARRAY[texts]) || '{offers,orders}' LOOP
		PERFORM smsfollow.send(number, 'x', campaign => campaign);
		SELECT concat_ws(', ', said, campaign || ' ' || coalesce(c.code, c.fate)) INTO said
		FROM generate_series(1, 4) lane, smsfollow.claim(100 + 0 * lane, 1) c;
		PERFORM t.settle('accepted');
	END LOOP;
	PERFORM smsfollow.cancel_for(number);
	RETURN said;
END
$$;
SELECT t.law('+13055550101', 4) AS florida, t.law('+14055550101', 4) AS oklahoma, t.law('+15035550101', 4) AS oregon, t.law('+12065550101', 4) AS washington;
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value FROM smsfollow.explain('+13055550101', 'news') WHERE rule ~ 'cap';
RESET smsfollow.clock_offset;

-- who would have to wait past his expiry does not wait
SET smsfollow.clock_offset = 60000000;
SELECT smsfollow.create_cap('daily', 1, '1 day') > 0, t.send('0101', 'news'), smsfollow.send('+14155550101', 'late', campaign => 'news', expires_after => '2 hours') > 0, smsfollow.send('+14155550101', 'in time', campaign => 'news', expires_after => '25 hours') > 0;
SELECT m.body, c.fate, c.code FROM generate_series(1, 2) wave, LATERAL smsfollow.claim(100 + 0 * wave, 1) c JOIN smsfollow.message m USING (message_id) WHERE c.fate <> 'park' ORDER BY 1;
SELECT e.verdict, e.code, e.hint FROM smsfollow.message m, smsfollow.explain(m.message_id) e WHERE m.body = 'late' AND e.rule ~ 'verdict' AND e.verdict = 'expire';
SELECT smsfollow.drop_cap('daily'), smsfollow.cancel_for('+14155550101');
RESET smsfollow.clock_offset;

-- hours and a cap: the first instant that suits both
SELECT smsfollow.create_cap('slow', 1, '26 hours') > 0, smsfollow.set_window('09:00-18:00', program => 'news') AS again, smsfollow.add_contact('+14155550103', time_zone => 'UTC') > 0, t.at('2029-06-04 17:00+00') IS NOT NULL;
SELECT t.send('0103', 'news'), t.at('2029-06-04 20:00+00') IS NOT NULL;
SELECT t.send('0103', 'news', outcome => '');
SELECT v.code, v.next_at AT TIME ZONE 'UTC' AS next_at FROM smsfollow.verdict v JOIN smsfollow.ready r USING (message_id) JOIN smsfollow.contact_phone p ON p.contact_id = r.contact_id WHERE p.phone = '+14155550103';
SELECT smsfollow.cancel_for('+14155550103'), smsfollow.drop_cap('slow'), smsfollow.set_window(NULL, program => 'news');
RESET smsfollow.clock_offset;

-- errors
SELECT t.fails($$SELECT smsfollow.create_cap(NULL, 1, '1 day')$$), t.fails($$SELECT smsfollow.create_cap('x', NULL, '1 day')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, NULL)$$);
SELECT t.fails(format($$SELECT smsfollow.create_cap(%L, 1, '1 day')$$, n)) FROM unnest(ARRAY['', 'a:b', repeat('x', 101)]) n;
SELECT n, t.fails(format($$SELECT smsfollow.create_cap('x', %L, '1 day')$$, n)) FROM unnest('{0,-1,1.5,NaN,Infinity,1000000001}'::text[]) n;
SELECT n, t.fails(format($$SELECT smsfollow.create_cap('x', 1, %L)$$, n)) FROM unnest(ARRAY['0', '-1 day', '367 days', '1 month', '0.5 seconds']) n;
SELECT t.fails($$SELECT smsfollow.create_cap('x', 1, '2 days', period => 'calendar')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', period => 'weekly')$$);
SELECT t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'purpose')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'program')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', target => 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'program', 'none')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'campaign', 'none')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'sender', 'none')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', 'tag', '')$$);
SELECT t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', unit => 'parts')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', unit => 'money')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', currency => 'USD')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', unit => 'money', currency => 'usd')$$);
SELECT t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', on_exceed => 'drop')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', limits => 'none')$$), t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day', counts => 'none')$$);
SELECT smsfollow.create_cap('x', 1, '1 day') > 0, t.fails($$SELECT smsfollow.create_cap('x', 1, '1 day')$$), t.fails($$SELECT smsfollow.alter_cap('x', -1)$$), t.fails($$SELECT smsfollow.alter_cap('y', 1)$$), t.fails($$SELECT smsfollow.drop_cap('y')$$), t.fails($$SELECT smsfollow.drop_cap(NULL)$$);
SELECT t.fails($$SELECT smsfollow.set_contact_cap('+14155550101', 1, NULL)$$), t.fails($$SELECT smsfollow.set_contact_cap('+14155550101', 0, '1 day')$$), t.fails($$SELECT smsfollow.set_contact_cap('+14155559999', 1, '1 day')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('bad', 'news', tags => '{a,NULL}')$$), t.fails($$SELECT smsfollow.set_campaign_tags('none', '{a}')$$), t.fails(format($$SELECT smsfollow.set_campaign_tags('news', %L)$$, array_fill('t'::text, ARRAY[21])));
SELECT t.fails($$SELECT smsfollow.alter_sender('ACME', price_per_segment => -1, currency => 'USD')$$), t.fails($$SELECT smsfollow.alter_sender('ACME', price_per_segment => 1)$$), t.fails($$SELECT smsfollow.alter_sender('ACME', price_per_segment => 1, currency => 'x')$$);
-- nothing of that was stored
SELECT name, scope, most, unit, per, period, on_exceed, limits, counts FROM smsfollow.cap_rule;
-- the log has to reach back as far as a cap looks
SELECT smsfollow.set_retention('log', 30), t.fails($$SELECT smsfollow.create_cap('long', 1, '31 days')$$), t.fails($$SELECT smsfollow.create_cap('long', 1, '1 month', period => 'calendar')$$), t.fails($$SELECT smsfollow.alter_cap('x', per => '100 days')$$), t.fails($$SELECT smsfollow.set_contact_cap('+14155550101', 1, '31 days')$$), t.fails($$SELECT smsfollow.set_jurisdiction('x', '{GB}', cap_most => 1, cap_per => '31 days')$$);
SELECT smsfollow.set_retention('log', 40), smsfollow.create_cap('long', 1, '31 days') > 0, t.fails($$SELECT smsfollow.set_retention('log', 30)$$), smsfollow.set_retention('log', NULL);
-- a campaign, program or sender that a cap names cannot vanish under it
SELECT smsfollow.create_cap('on sender', 1, '1 day', 'sender', 'ACME') > 0, t.fails($$DELETE FROM smsfollow.sender WHERE address = 'ACME'$$) ~ '^23503' AS kept;
