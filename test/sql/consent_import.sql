\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Importing consent, and numbers that stay suppressed though their contacts are gone.
SELECT smsfollow.create_program('news', 'transactional', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme');
-- claims and accepts, time and again
CREATE FUNCTION t.go() RETURNS TABLE (phone text, fate text, code text, body text) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..5 LOOP
		RETURN QUERY SELECT c.phone, c.fate, c.code, c.body FROM t.claim() c WHERE c.fate <> 'park' ORDER BY 1;
		PERFORM t.settle('accepted');
	END LOOP;
END
$$;
CREATE TABLE t.list (n integer, mobile text, signed_up_at timestamptz, kind text, expires_at timestamptz, evidence jsonb, ip text, disclosure text, language text);

-- what is wrong for all of them is an error
SELECT t.fails(format('SELECT * FROM smsfollow.import_consent(%s)', a)) FROM unnest(ARRAY[$$NULL, 'news'$$, $$'SELECT 1', NULL$$, $$'SELECT mobile AS phone FROM t.list', NULL$$,
	$$'SELECT mobile AS phone FROM t.list', 'none'$$, $$'SELECT mobile FROM t.list', 'news'$$, $$'DELETE FROM t.list', 'news'$$, $$'SELECT 1; SELECT 2', 'news'$$, $$'nonsense', 'news'$$,
	$$'SELECT mobile AS phone FROM t.list', 'news', NULL$$, $$'SELECT mobile AS phone FROM t.list', 'news', ''$$, $$'SELECT mobile AS phone FROM t.list', 'news', evidence => '[]'$$,
	$$'SELECT mobile AS phone FROM t.list', 'news', kind => 'verbal'$$, $$'SELECT mobile AS phone FROM t.list', 'news', evidence => '{"ip": "x"}'$$,
	$$'SELECT mobile AS phone FROM t.list', 'news', captured_at => now() + interval '1 day'$$]) a;
SELECT * FROM smsfollow.import_consent('SELECT mobile AS phone FROM t.list', 'news');

-- one of each kind
SELECT smsfollow.opt_in('+14155550106', 'news', 'voice') > 0, smsfollow.opt_in('+14155550107', 'news', 'web_form') > 0,
	smsfollow.opt_in('+14155550108', 'news', 'web_form') > 0, smsfollow.opt_out('+14155550108', 'news') > 0, smsfollow.opt_out('+14155550109') > 0,
	smsfollow.opt_in('+14155550110', 'news', 'api', expires_at => clock_timestamp() + interval '1 millisecond') > 0;
SELECT smsfollow.set_consent_rules('news', request_text => 'Reply YES');
SELECT smsfollow.opt_in('+14155550111', 'news', 'web_form', double_opt_in => true) > 0;
INSERT INTO t.list (n, mobile) VALUES (1, '+14155550101'), (2, '+1 (415) 555-0102'), (3, '+12'), (4, NULL), (5, 'mobile'), (6, '+14155550106'), (7, '+14155550107'), (8, '+14155550108'), (9, '+14155550109'),
	(10, '+14155550110'), (11, '+14155550111'), (12, '+14155550101'), (13, '+14155550102');
INSERT INTO t.list (n, mobile, ip, disclosure) VALUES (14, '+14155550114', '192.0.2.14', 'I agree'), (15, '+14155550115', '192.0.2.999', NULL), (16, '+14155550116', NULL, 'I agree, too');
INSERT INTO t.list (n, mobile, kind, expires_at, evidence, signed_up_at) VALUES (17, '+14155550117', 'implied', NULL, '{"basis": "inquiry"}', now() - interval '1 month'), (18, '+14155550118', 'implied', NULL, NULL, NULL),
	(19, '+14155550119', 'implied', NULL, '{"basis": "inquiry"}', '2020-01-01'), (20, '+14155550120', 'spoken', NULL, NULL, NULL), (21, '+14155550121', NULL, '2020-01-01', NULL, '2019-01-01'), (22, '+14155550122', NULL, NULL, '[1]', NULL),
	(23, '+14155550123', 'double_opt_in', NULL, NULL, NULL), (24, '+14155550124', 'double_opt_in', NULL, '{"confirmation": "YES"}', NULL), (25, '+14155550125', NULL, NULL, NULL, 'infinity'), (26, '+14155550106', 'express_written', NULL, NULL, NULL);
SELECT * FROM smsfollow.import_consent($$SELECT mobile AS phone, signed_up_at AS captured_at, kind, expires_at, evidence, ip, disclosure, n FROM t.list ORDER BY n$$, 'news', evidence => '{"source": "crm", "language": "en"}');
SELECT right(s.phone, 4) AS phone, s.state, s.kind, s.method, e.ordinal, e.captured_at < e.recorded_at AS earlier, age(e.expires_at, e.captured_at) AS lasts, d.body AS wording, v.evidence
FROM smsfollow.consent_status s JOIN smsfollow.consent_event e USING (contact_id, consent_event_id) LEFT JOIN smsfollow.disclosure d ON d.hash = e.disclosure_hash
LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE s.program = 'news' ORDER BY 1;
-- again: nothing new; a stricter kind or a longer one is
SELECT result, count(*) FROM smsfollow.import_consent($$SELECT mobile AS phone FROM t.list$$, 'news') GROUP BY 1 ORDER BY 1;
SELECT row_number, result FROM smsfollow.import_consent($$SELECT '+14155550101' AS phone, 'express_written' AS kind UNION ALL SELECT '+14155550117', 'express' UNION ALL SELECT '+14155550107', 'express'$$, 'news');
SELECT right(s.phone, 4) AS phone, s.kind, (SELECT max(ordinal) FROM smsfollow.consent_event e WHERE e.contact_id = s.contact_id) AS events FROM smsfollow.consent_status s WHERE s.phone IN ('+14155550101', '+14155550107', '+14155550117') ORDER BY 1;
-- another program: only who refused all of them is refused
SELECT row_number, result, reason FROM smsfollow.import_consent($$SELECT mobile AS phone FROM t.list WHERE n IN (1, 8, 9) ORDER BY n$$, 'orders', 'crm');
-- times that are none, in a column of text; columns of any type become evidence
SELECT row_number, result, reason FROM smsfollow.import_consent($$SELECT '+1415555013' || n AS phone, c AS captured_at, n % 2 = 0 AS newsletter FROM unnest('{2026-05-01 10:00+02,yesterdayish,2026-13-01,""}'::text[]) WITH ORDINALITY x(c, n)$$, 'news');
SELECT e.captured_at AT TIME ZONE 'UTC' AS captured_at, v.evidence FROM smsfollow.consent_event e JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE e.contact_id = smsfollow.contact_id('+14155550131');
-- nobody is texted but who was asked before, and all of it can be proven
SELECT state, body FROM t.log;
SELECT ok, problem FROM smsfollow.verify_consent();
SELECT s.phone, s.program, s.state, c.* FROM smsfollow.consent_status s, smsfollow.consent_state(s.phone, s.program) c
WHERE (s.state, s.kind) IS DISTINCT FROM (c.state, c.kind) OR s.state <> 'pending' AND (s.since, s.expires_at, s.consent_event_id) IS DISTINCT FROM (c.since, c.expires_at, c.consent_event_id);
-- several chunks, with the same number in two of them
SELECT result, count(*), count(reason) FROM smsfollow.import_consent($$SELECT '+1415' || 6660000 + g % 11000 AS phone FROM generate_series(0, 11999) g$$, 'news') GROUP BY 1 ORDER BY 1;
SELECT ok, problem FROM smsfollow.verify_consent();
-- the rights of the caller
CREATE ROLE regress_importer;
GRANT USAGE ON SCHEMA t TO regress_importer;
SELECT smsfollow.grant_access('regress_importer', 'sender');
SET ROLE regress_importer;
SELECT t.fails($$SELECT * FROM smsfollow.import_consent('SELECT mobile AS phone FROM t.list', 'news')$$);
SELECT result FROM smsfollow.import_consent($$SELECT '+14155550141' AS phone$$, 'news');
RESET ROLE;
SELECT recorded_by = session_user AS by_session FROM smsfollow.consent_event WHERE contact_id = smsfollow.contact_id('+14155550141');
SET client_min_messages = warning;
DROP OWNED BY regress_importer; DROP ROLE regress_importer;
RESET client_min_messages;

-- suppression: an erased contact's number comes back as another contact
CREATE FUNCTION t.erase(phone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	contact bigint := smsfollow.contact_id(phone);
BEGIN
	PERFORM smsfollow.lock_contact(contact), smsfollow.remember_suppression(phone, contact);
	PERFORM smsfollow.append_consent(contact, NULL, 'erase', NULL, 'erase_contact', smsfollow.clock(), NULL, '{}', smsfollow.clock());
	DELETE FROM smsfollow.consent_evidence WHERE contact_id = contact;
	DELETE FROM smsfollow.contact_consent WHERE contact_id = contact;
	DELETE FROM smsfollow.contact_phone WHERE contact_id = contact;
END
$$;
SELECT t.fails($$DELETE FROM smsfollow.consent_evidence WHERE contact_id = smsfollow.contact_id('+14155550114')$$);
SELECT t.erase(p) FROM unnest('{+14155550114,+14155550116,+14155550117}'::text[]) p;
SELECT count(*), count(DISTINCT phone_hmac), bool_and(phone_hmac = smsfollow.hmac_sha256(k.key, convert_to(p, 'UTF8'))) AS hashes FROM unnest('{+14155550114,+14155550116,+14155550117}'::text[]) p
JOIN smsfollow.suppression_key k ON true JOIN smsfollow.suppression s ON s.phone_hmac = smsfollow.hmac_sha256(k.key, convert_to(p, 'UTF8'));
SELECT ok, problem FROM smsfollow.verify_consent();
SELECT row_number, result, reason, hint FROM smsfollow.import_consent($$SELECT mobile AS phone FROM t.list WHERE n IN (14, 16) ORDER BY n$$, 'news');
SELECT regexp_replace(t.fails($$SELECT smsfollow.opt_in('+14155550114', 'news', 'import')$$), 'out at [^.]*[.][^.]*[.]', 'out at (time).');
SELECT regexp_replace(t.fails($$SELECT smsfollow.opt_in('+14155550114', 'news', 'paper', captured_at => now() - interval '1 day')$$), 'out at [^.]*[.][^.]*[.]', 'out at (time).');
SELECT smsfollow.send('+14155550114', 'Hello', campaign => 'news') > 0, smsfollow.add_contact('+14155550116', 'Ana') > 0, smsfollow.send('+14155550116', 'Hello', campaign => 'news') > 0;
SELECT * FROM t.go();
SELECT rule, code, value IS NOT NULL AS value, hint FROM smsfollow.explain('+14155550114', 'news') WHERE verdict = 'suppress';
-- until the person agrees anew
SELECT smsfollow.opt_in('+14155550114', 'news', 'web_form') > 0, smsfollow.send('+14155550114', 'Hello again', campaign => 'news') > 0;
SELECT * FROM t.go();
SELECT row_number, result, reason FROM smsfollow.import_consent($$SELECT '+14155550114' AS phone$$, 'orders');
-- or asks to and confirms: the request goes, but does not make up for the answer
SELECT smsfollow.opt_in('+14155550116', 'news', 'web_form', double_opt_in => true) > 0;
SELECT * FROM t.go();
SELECT row_number, result, reason FROM smsfollow.import_consent($$SELECT '+14155550116' AS phone$$, 'orders');
SELECT smsfollow.confirm_opt_in('+14155550116') > 0;
SELECT row_number, result, reason FROM smsfollow.import_consent($$SELECT '+14155550116' AS phone$$, 'orders');
SELECT count(*) AS still_suppressed FROM smsfollow.suppression;
SELECT * FROM t.miscount;
SELECT ok, problem FROM smsfollow.verify_consent();
