\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- The ledger: what it takes, what it refuses, and that no change to it stays unseen.
SELECT smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme');

-- what is wrong or contradicts itself is refused with what to do, and leaves nothing
SELECT n, t.fails(format('SELECT smsfollow.opt_in(%s)', a)) FROM unnest(ARRAY[
	$$'+14155550101', 'news', 'web_form', '{"ip": "300.1.1.1"}'$$, $$'+14155550101', 'news', 'web_form', '{"ip": "192.0.2.1."}'$$,
	$$'+14155550101', 'news', 'web_form', '{"ip": "192.0.2.0/24"}'$$, $$'+14155550101', 'news', 'web_form', '{"ip": "2001:db8::g"}'$$,
	$$'+14155550101', 'news', 'web_form', '{"ip": "2001:db8:::1"}'$$, $$'+14155550101', 'news', 'web_form', '{"ip": 1}'$$,
	$$'+14155550101', 'news', 'web_form', '{"language": "english, please"}'$$, $$'+14155550101', 'news', 'web_form', '{"source": ""}'$$,
	$$'+14155550101', 'news', 'web_form', '{"disclosure": "I agree", "disclosure_hash": "0000000000000000000000000000000000000000000000000000000000000000"}'$$,
	$$'+14155550101', 'news', 'web_form', '{"disclosure_hash": "0000000000000000000000000000000000000000000000000000000000000000"}'$$,
	$$'+14155550101', 'news', 'web_form', '{"disclosure_hash": "abc"}'$$, $$'+14155550101', 'news', 'web_form', '{"not_a_condition": "yes"}'$$,
	$$'+14155550101', 'news', 'web_form', '{"not_a_condition": false}'$$,
	$$'+14155550101', 'news', 'web_form', kind => 'verbal'$$, $$'+14155550101', 'news', 'web_form', kind => 'double_opt_in'$$,
	$$'+14155550101', 'news', 'web_form', '{"confirmation": null}', kind => 'double_opt_in'$$,
	$$'+14155550101', 'news', 'api', kind => 'implied'$$, $$'+14155550101', 'news', 'api', '{"basis": "friendship"}', kind => 'implied'$$,
	$$'+14155550101', 'news', 'api', '{"basis": "inquiry"}', kind => 'implied', expires_at => now() + interval '7 months'$$,
	$$'+14155550101', 'news', 'api', '{"basis": "inquiry"}', kind => 'implied', captured_at => now() - interval '7 months'$$,
	$$'+14155550101', 'news', 'web_form', captured_at => now() + interval '1 hour'$$, $$'+14155550101', 'news', 'web_form', captured_at => '-infinity'$$,
	$$'+14155550101', 'news', 'web_form', captured_at => now() - interval '1 day', expires_at => now() - interval '2 days'$$,
	$$'+14155550101', 'news', 'web_form', captured_at => now() - interval '2 days', expires_at => now() - interval '1 day'$$,
	$$'+14155550101', 'news', 'web_form', expires_at => 'infinity'$$,
	$$'+14155550101', 'news', 'web_form', jsonb_build_object('x', repeat('x', 70000))$$]) WITH ORDINALITY x(a, n);
SELECT n, t.fails(format('SELECT smsfollow.opt_out(%s)', a)) FROM unnest(ARRAY[
	$$'+14155550101', scope => 'program'$$, $$'+14155550101', 'news', scope => 'some'$$, $$'+14155550101', evidence => '{"ip": "x"}'$$,
	$$'+14155550101', captured_at => now() + interval '1 hour'$$]) WITH ORDINALITY x(a, n);
SELECT (SELECT count(*) FROM smsfollow.consent_event) AS events, (SELECT count(*) FROM smsfollow.contact) AS contacts, (SELECT count(*) FROM smsfollow.disclosure) AS wordings;
-- what is right
SELECT a, smsfollow.is_ip_address(a) FROM unnest('{192.0.2.1,0.0.0.0,255.255.255.255,256.1.1.1,1.2.3,1.2.3.4.5,01.2.3.4,::1,2001:db8::1,::ffff:192.0.2.1,2001:db8::1/64,"",fe80::1%eth0,12345::1}'::text[]) a;

-- kinds: by the method, or as told; wordings are kept once
SELECT smsfollow.opt_in('+14155550111', 'news', 'web_form', '{"disclosure": "I agree to texts of Acme.", "ip": "192.0.2.1", "not_a_condition": true}') AS e1;
SELECT smsfollow.opt_in('+14155550112', 'news', 'voice', jsonb_build_object('disclosure_hash', encode(sha256('I agree to texts of Acme.'), 'hex'))) AS e2;
SELECT smsfollow.opt_in('+14155550113', 'orders', 'api', '{"basis": "purchase"}', 'implied', now() - interval '1 month') > 0,
	smsfollow.opt_in('+14155550114', 'orders', 'api', kind => 'soft_opt_in', captured_at => now(), expires_at => now() + interval '1 day') > 0,
	smsfollow.opt_in('+14155550115', 'news', 'keyword', '{"confirmation": "YES"}', 'double_opt_in') > 0;
SELECT s.phone, s.program, s.state, s.kind, age(s.expires_at, e.captured_at) AS lasts, e.disclosure_hash = sha256('I agree to texts of Acme.') AS wording, v.evidence
FROM smsfollow.consent_status s JOIN smsfollow.consent_event e USING (contact_id, consent_event_id) LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) ORDER BY 1;
SELECT count(*), min(body) FROM smsfollow.disclosure;

-- a weaker or shorter consent does not replace one that holds; when that has expired it does
SELECT smsfollow.opt_in('+14155550111', 'news', 'voice') > 0, smsfollow.opt_in('+14155550111', 'news', 'web_form', expires_at => now() + interval '1 year') > 0;
SELECT kind, expires_at IS NULL AS for_ever, smsfollow.consent_at('+14155550111', 'news') FROM smsfollow.consent_status WHERE phone = '+14155550111';
SELECT smsfollow.opt_in('+14155550114', 'orders', 'api', '{"basis": "inquiry"}', 'implied') > 0;
SELECT kind, (smsfollow.consent_state('+14155550114', 'orders')).kind FROM smsfollow.consent_status WHERE phone = '+14155550114';
BEGIN;
SET LOCAL smsfollow.clock_offset = 172800;
SELECT state, kind, smsfollow.consent_at('+14155550114', 'orders'), smsfollow.consent_at('+14155550114', 'orders', now()) AS before FROM smsfollow.consent_status WHERE phone = '+14155550114';
SELECT smsfollow.opt_in('+14155550114', 'orders', 'api', '{"basis": "inquiry"}', 'implied') > 0;
SELECT state, kind, smsfollow.consent_at('+14155550114', 'orders') FROM smsfollow.consent_status WHERE phone = '+14155550114';
SELECT ok, problem FROM smsfollow.verify_consent();
ROLLBACK;

-- what a person agreed to before he refused does not count, and an import never opts in again
SELECT smsfollow.opt_out('+14155550111', 'news', 'keyword') > 0;
SELECT regexp_replace(t.fails(a), 'out at [^.]*[.][^.]*[.]', 'out at (time).') FROM unnest(ARRAY[
	$$SELECT smsfollow.opt_in('+14155550111', 'news', 'web_form', captured_at => now() - interval '1 hour')$$, $$SELECT smsfollow.opt_in('+14155550111', 'news', 'import')$$]) a;
SELECT smsfollow.opt_in('+14155550111', 'orders', 'import') > 0 AS another_program;
SELECT smsfollow.opt_in('+14155550111', 'news', 'web_form') > 0 AS anew;
SELECT smsfollow.opt_out('+14155550119') > 0;
SELECT regexp_replace(t.fails($$SELECT smsfollow.opt_in('+14155550119', 'orders', 'import')$$), 'out at [^.]*[.][^.]*[.]', 'out at (time).');
SELECT smsfollow.opt_in('+14155550119', 'orders', 'voice') > 0;
SELECT smsfollow.consent_at('+14155550119', 'orders'), smsfollow.consent_at('+14155550119', 'news');

-- the scope of an opt-out follows the day: STOP to one program ends all of them from 2027-01-31 on, for numbers of the North American plan
INSERT INTO smsfollow.opt_out_rule TABLE t.opt_out_rule;
SELECT calling_code, effective_from AT TIME ZONE 'America/New_York' AS from, scope FROM smsfollow.opt_out_rule;
SELECT p, d, smsfollow.opt_out_scope(p, d::timestamptz) FROM unnest('{+14155550101,+447700900123}'::text[]) p, unnest('{2027-01-30 23:59:59-05,2027-01-31 00:00:00-05}'::text[]) d;
INSERT INTO smsfollow.opt_out_rule (calling_code, effective_from, scope) VALUES ('', '2020-01-01', 'all'), ('44', '2021-01-01', 'program'), ('447', '2022-01-01', 'all');
SELECT p, smsfollow.opt_out_scope(p, '2023-01-01') FROM unnest('{+14155550101,+442079460018,+447700900123,+33639980001}'::text[]) p;
SELECT smsfollow.opt_in('+33639980001', p, 'web_form') > 0 FROM unnest('{news,orders}'::text[]) p;
SELECT smsfollow.opt_out('+33639980001', 'news', 'keyword') > 0;
SELECT program, state FROM smsfollow.consent_status WHERE phone = '+33639980001' ORDER BY 1;
SELECT e.event, e.program_id, v.evidence FROM smsfollow.consent_event e JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE e.contact_id = smsfollow.contact_id('+33639980001');
SELECT smsfollow.opt_in('+33639980001', p, 'web_form') > 0 FROM unnest('{news,orders}'::text[]) p;
SELECT smsfollow.opt_out('+33639980001', 'news', 'web_form', scope => 'program') > 0;
SELECT program, state FROM smsfollow.consent_status WHERE phone = '+33639980001' ORDER BY 1;
DELETE FROM smsfollow.opt_out_rule;

-- append-only: also under session_replication_role, through a table it inherits from, and for evidence and wordings
SET session_replication_role = replica;
SELECT t.fails(s) FROM unnest(ARRAY['UPDATE smsfollow.consent_event SET method = method', 'DELETE FROM smsfollow.consent_evidence', 'UPDATE smsfollow.consent_evidence SET salt = ''x''',
	'TRUNCATE smsfollow.consent_evidence', 'UPDATE smsfollow.disclosure SET body = ''x''', 'TRUNCATE smsfollow.disclosure', 'DELETE FROM smsfollow.consent_head']) s;
RESET session_replication_role;
CREATE TABLE t.parent (contact_id bigint NOT NULL, method text NOT NULL);
ALTER TABLE smsfollow.consent_event INHERIT t.parent;
SELECT t.fails('UPDATE t.parent SET method = ''x'''), t.fails('DELETE FROM t.parent'), t.fails('TRUNCATE t.parent');
ALTER TABLE smsfollow.consent_event NO INHERIT t.parent;

-- heads: what has committed is signed by the second call, in order, once; others' transactions may delay it
CREATE PROCEDURE t.sign() LANGUAGE plpgsql AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + interval '10 seconds';
BEGIN
	WHILE smsfollow.sign_consent() > 0 LOOP
		COMMIT;
		IF clock_timestamp() > deadline THEN
			RAISE EXCEPTION 'not all rows were signed in time';
		END IF;
	END LOOP;
END
$$;
SELECT smsfollow.sign_consent() AS waits, (SELECT count(*) FROM smsfollow.consent_head) AS heads;
CALL t.sign();
SELECT smsfollow.sign_consent() AS nothing_new;
SELECT head_id, events = (SELECT count(*) FROM smsfollow.consent_event) AS events, signature IS NULL AS unsigned FROM smsfollow.consent_head;
SELECT item, status, hint FROM smsfollow.health() WHERE item LIKE 'consent%';
SELECT smsfollow.set_secret('consent', '{"key": "short"}');
SELECT smsfollow.opt_in('+14155550121', 'news', 'paper', '{"source": "card 17"}') > 0;
SELECT smsfollow.sign_consent() AS waits;
SELECT t.fails('CALL t.sign()');
SELECT smsfollow.set_secret('consent', '{"key": "0123456789abcdef0123456789abcdef"}');
CALL t.sign();
-- not in a transaction that has its id already
BEGIN;
SELECT smsfollow.opt_in('+14155550122', 'news', 'paper', '{"source": "card 18"}') > 0;
SELECT smsfollow.sign_consent() AS later, smsfollow.sign_consent() AS not_yet;
COMMIT;
CALL t.sign();
-- an id that was drawn and given back is no gap
BEGIN; SELECT smsfollow.opt_in('+14155550123', 'news', 'paper') > 0; ROLLBACK;
CALL t.sign();
SELECT head_id, events > 1 AS many, signature IS NOT NULL AS signed FROM smsfollow.consent_head ORDER BY 1;
SELECT h.signature = smsfollow.hmac_sha256('0123456789abcdef0123456789abcdef', h.hash) AS hmac FROM smsfollow.consent_head h WHERE h.head_id = 2;
SELECT item, status, detail LIKE '%, the last signed at %' AS signed FROM smsfollow.health() WHERE item = 'consent heads';
SELECT ok, events = (SELECT count(*) FROM smsfollow.consent_event) AS events, heads, signed_heads, unsigned_events, contact_id, consent_event_id, head_id, problem FROM smsfollow.verify_consent();
SELECT ok, events, heads, unsigned_events, problem FROM smsfollow.verify_consent('+14155550121');
SELECT t.fails($$SELECT smsfollow.verify_consent('+14155550999')$$), t.fails($$SELECT smsfollow.verify_consent('x')$$);
-- hashes are what the comments say: anybody can compute them
SELECT e.hash = sha256('\x00000013' || 'smsfollow consent 1'::bytea || '\xffffffff' || '\x00000008' || int8send(e.contact_id) || '\x00000008' || int8send(1) || '\x00000008' || int8send(e.consent_event_id)
	|| '\x00000008' || int8send(e.program_id) || '\x00000006' || 'opt_in'::bytea || '\x0000000f' || 'express_written'::bytea || '\x00000005' || 'paper'::bytea
	|| '\x00000008' || timestamptz_send(e.captured_at) || '\xffffffff' || '\xffffffff' || '\x00000020' || e.evidence_hash || '\x00000008' || timestamptz_send(e.recorded_at)
	|| int4send(octet_length(e.recorded_by)) || convert_to(e.recorded_by, 'UTF8')) AS hash, e.evidence_hash = sha256(v.salt || '{"source": "card 17"}'::bytea) AS evidence
FROM smsfollow.consent_event e JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE e.contact_id = smsfollow.contact_id('+14155550121');
SELECT h.hash = sha256('smsfollow head 1'::bytea || b.hash || int8send(2) || timestamptz_send(h.at) || int8send(h.last_id) || int8send(1)
	|| sha256(int8send(e.contact_id) || int8send(e.consent_event_id) || e.hash)) AS head
FROM smsfollow.consent_head h JOIN smsfollow.consent_head b ON b.head_id = 1 JOIN smsfollow.consent_event e ON e.consent_event_id = h.last_id WHERE h.head_id = 2;
-- RFC 4231, test cases 2 and 6
SELECT encode(smsfollow.hmac_sha256('Jefe', 'what do ya want for nothing?'), 'hex'), encode(smsfollow.hmac_sha256(decode(repeat('aa', 131), 'hex'), 'Test Using Larger Than Block-Size Key - Hash Key First'), 'hex');

-- tampering with the triggers off, each kind: seen, and the row is named
CREATE FUNCTION t.tamper(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s text;
	v record;
BEGIN
	FOREACH s IN ARRAY '{consent_event,consent_evidence,disclosure,consent_head}'::text[] LOOP
		EXECUTE format('ALTER TABLE smsfollow.%I DISABLE TRIGGER USER', s);
	END LOOP;
	EXECUTE what;
	FOREACH s IN ARRAY '{consent_event,consent_evidence,disclosure,consent_head}'::text[] LOOP
		EXECUTE format('ALTER TABLE smsfollow.%I ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_row', s);
	END LOOP;
	ALTER TABLE smsfollow.consent_evidence ENABLE ALWAYS TRIGGER keep_evidence;
	SELECT * INTO v FROM smsfollow.verify_consent();
	-- all as before
	RAISE EXCEPTION USING MESSAGE = concat_ws(' | ', CASE WHEN v.ok THEN 'NOT SEEN' END, v.problem, 'contact ' || v.contact_id, 'event ' || v.consent_event_id, 'head ' || v.head_id), ERRCODE = 'T0001';
EXCEPTION WHEN SQLSTATE 'T0001' THEN
	RETURN SQLERRM;
END
$$;
SELECT count(*) FILTER (WHERE contact_id = 1) AS first, count(*) FILTER (WHERE contact_id = 2) AS second, count(*) FILTER (WHERE contact_id = 3) AS third FROM smsfollow.consent_event;
SELECT n, t.tamper(w) FROM unnest(ARRAY[
	'UPDATE smsfollow.consent_event SET method = ''paper'' WHERE contact_id = 1 AND ordinal = 2',
	'UPDATE smsfollow.consent_event SET recorded_at = recorded_at - interval ''1 us'' WHERE contact_id = 1 AND ordinal = 1',
	'UPDATE smsfollow.consent_event SET captured_at = captured_at - interval ''1 day'' WHERE contact_id = 2',
	'UPDATE smsfollow.consent_event SET expires_at = expires_at + interval ''1 day'' WHERE contact_id = 3',
	'UPDATE smsfollow.consent_event SET kind = ''express_written'' WHERE contact_id = 2',
	'UPDATE smsfollow.consent_event SET program_id = 1 WHERE contact_id = 3',
	'UPDATE smsfollow.consent_event SET event = ''opt_in'', kind = ''express'' WHERE contact_id = 1 AND event = ''opt_out''',
	'UPDATE smsfollow.consent_event SET recorded_by = ''nobody'' WHERE contact_id = 1 AND ordinal = 3',
	'UPDATE smsfollow.consent_event SET disclosure_hash = NULL WHERE contact_id = 2',
	'UPDATE smsfollow.consent_event SET evidence_hash = NULL WHERE contact_id = 1 AND ordinal = 1',
	-- missing: first, middle, last
	'DELETE FROM smsfollow.consent_event WHERE contact_id = 1 AND ordinal = 1',
	'DELETE FROM smsfollow.consent_event WHERE contact_id = 1 AND event = ''opt_out''',
	'DELETE FROM smsfollow.consent_event WHERE contact_id = 1 AND ordinal = (SELECT max(ordinal) FROM smsfollow.consent_event WHERE contact_id = 1)',
	-- all of a contact, its state too
	'WITH s AS (DELETE FROM smsfollow.contact_consent WHERE contact_id = 2), v AS (DELETE FROM smsfollow.consent_evidence WHERE contact_id = 2) DELETE FROM smsfollow.consent_event WHERE contact_id = 2',
	-- inserted
	'INSERT INTO smsfollow.consent_event SELECT 10000, contact_id, ordinal + 1, program_id, event, kind, method, captured_at, expires_at, disclosure_hash, evidence_hash, recorded_at, recorded_by, hash FROM smsfollow.consent_event WHERE contact_id = 2',
	'INSERT INTO smsfollow.consent_event SELECT 0, contact_id, 1, program_id, event, kind, method, captured_at, expires_at, disclosure_hash, NULL, recorded_at, recorded_by, smsfollow.consent_hash(NULL, contact_id, 1, 0, program_id, event, kind, method, captured_at, expires_at, disclosure_hash, NULL, recorded_at, recorded_by) FROM smsfollow.consent_event WHERE contact_id = 2',
	-- reordered
	'UPDATE smsfollow.consent_event SET consent_event_id = 20000 - consent_event_id WHERE contact_id = 1',
	'UPDATE smsfollow.consent_event SET consent_event_id = 30000, ordinal = 30 WHERE contact_id = 1 AND ordinal = 3',
	-- a chain hashed anew: the head tells
	'UPDATE smsfollow.consent_event SET method = ''paper'', hash = smsfollow.consent_hash(NULL, contact_id, ordinal, consent_event_id, program_id, event, kind, ''paper'', captured_at, expires_at, disclosure_hash, evidence_hash, recorded_at, recorded_by) WHERE contact_id = 2',
	-- evidence and wording
	'UPDATE smsfollow.consent_evidence SET evidence = evidence || ''{"ip": "192.0.2.2"}'' WHERE contact_id = 1',
	'UPDATE smsfollow.consent_evidence SET salt = salt || ''x'' WHERE contact_id = 1',
	'DELETE FROM smsfollow.consent_evidence WHERE contact_id = 1',
	'INSERT INTO smsfollow.consent_evidence VALUES (2, 10000, ''x'', ''{}'')',
	'UPDATE smsfollow.disclosure SET body = body || '' And more.''',
	'DELETE FROM smsfollow.disclosure',
	-- the state that the gate reads
	'UPDATE smsfollow.contact_consent SET kind = ''double_opt_in'' WHERE contact_id = 2',
	'UPDATE smsfollow.contact_consent SET expires_at = NULL WHERE contact_id = 3',
	'UPDATE smsfollow.contact_consent SET state = ''opted_out'' WHERE contact_id = 2',
	'UPDATE smsfollow.contact_consent SET pending_until = ''infinity'' WHERE contact_id = 2',
	'UPDATE smsfollow.contact_consent c SET consent_event_id = 1, state = ''opted_in'' WHERE contact_id = 1 AND program_id = 1',
	'INSERT INTO smsfollow.contact_consent VALUES (2, 2, ''opted_in'', 2, now(), ''express'')',
	-- heads
	'UPDATE smsfollow.consent_head SET events = events + 1 WHERE head_id = 1',
	'UPDATE smsfollow.consent_head SET at = at - interval ''1 day'' WHERE head_id = 2',
	'UPDATE smsfollow.consent_head SET signature = ''\x00'' WHERE head_id = 2',
	'DELETE FROM smsfollow.consent_head WHERE head_id = 1',
	'UPDATE smsfollow.secret SET value = ''{"key": "fedcba9876543210fedcba9876543210"}'' WHERE name = ''consent''']) WITH ORDINALITY w(w, n);
ALTER TABLE smsfollow.consent_event DISABLE TRIGGER append_only_row;
SELECT problem FROM smsfollow.verify_consent();
SELECT item, status, detail FROM smsfollow.health() WHERE item = 'consent ledger';
ALTER TABLE smsfollow.consent_event ENABLE ALWAYS TRIGGER append_only_row;
-- an older key stays good beside its successor; without any key signatures cannot be checked
SELECT smsfollow.set_secret('consent', '{"key": "fedcba9876543210fedcba9876543210", "2026": "0123456789abcdef0123456789abcdef"}');
SELECT ok, signed_heads FROM smsfollow.verify_consent();
SELECT smsfollow.set_secret('consent', NULL);
SELECT ok, heads, signed_heads, problem, hint FROM smsfollow.verify_consent();
