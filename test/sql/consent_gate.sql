\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Consent at the gate: kinds, expiry, double opt-in, and the two texts about consent itself.
SELECT smsfollow.create_program('news', 'transactional', 'Acme', stop_text => 'Acme: you will get no more texts.'), smsfollow.create_program('club', 'transactional', 'Acme'), smsfollow.create_program('plain', 'transactional', 'Acme');
-- claims and accepts, time and again
CREATE FUNCTION t.go() RETURNS TABLE (phone text, fate text, code text, body text) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..5 LOOP
		RETURN QUERY SELECT c.phone, c.fate, c.code, c.body FROM t.claim() c WHERE c.fate <> 'park';
		PERFORM t.settle('accepted');
	END LOOP;
END
$$;

-- wrong rules are refused, and change nothing
SELECT t.fails(format('SELECT smsfollow.set_consent_rules(%s)', a)) FROM unnest(ARRAY[$$'none', 'express'$$, $$NULL$$, $$'club', 'written'$$, $$'club', 'double_opt_in'$$, $$'club', confirm_within => '0'$$,
	$$'club', confirm_within => '91 days'$$, $$'club', request_text => repeat('x', 1601)$$]) a;
SELECT name, consent_required, request_text, confirm_within, stop_text FROM smsfollow.program ORDER BY program_id;

-- kinds: each is enough for what asks for it or less
SELECT smsfollow.opt_in('+1415555010' || n, 'plain', 'api', CASE n WHEN 1 THEN '{"basis": "purchase"}' WHEN 5 THEN '{"confirmation": "YES"}' ELSE '{}' END::jsonb, k) = n
FROM unnest('{implied,soft_opt_in,express,express_written,double_opt_in}'::text[]) WITH ORDINALITY k(k, n);
SELECT smsfollow.set_consent_rules('plain', 'express');
SELECT count(smsfollow.send('+1415555010' || n, 'kind ' || n, campaign => 'plain')) FROM generate_series(1, 5) n;
SELECT * FROM t.go();
SELECT state, code, rule, body FROM t.log;
SELECT rule, verdict, code, value, hint FROM smsfollow.explain('+14155550101', 'plain') WHERE rule = 'consent';
SELECT smsfollow.set_consent_rules('plain', 'express_written');
SELECT n, x.verdict, x.code, x.value FROM generate_series(3, 5) n, smsfollow.explain('+1415555010' || n, 'plain') x WHERE x.rule = 'consent' AND x.code IS NOT NULL;
SELECT smsfollow.set_consent_rules('plain', 'implied');
-- it expires at the very moment
SELECT smsfollow.send('+14155550101', 'before the end', campaign => 'plain', expires_after => '10 years') > 0;
BEGIN;
SELECT set_config('smsfollow.clock_offset', (extract(epoch FROM expires_at - now()) - 5)::text, true) > '' FROM smsfollow.contact_consent WHERE contact_id = 1;
SELECT fate, code, body FROM t.claim();
ROLLBACK;
BEGIN;
SELECT set_config('smsfollow.clock_offset', extract(epoch FROM expires_at - now())::text, true) > '' FROM smsfollow.contact_consent WHERE contact_id = 1;
SELECT fate, code, body FROM t.claim();
SELECT state, code, rule, body FROM t.log WHERE body = 'before the end';
ROLLBACK;
SELECT smsfollow.cancel_for('+14155550101');

-- double opt-in: one request, and what is scheduled meanwhile waits for the answer
SELECT t.fails($$SELECT smsfollow.opt_in('+14155550121', 'club', 'web_form', double_opt_in => true)$$);
SELECT smsfollow.set_consent_rules('club', 'double_opt_in', 'Acme club: reply YES to join.', '48 hours');
SELECT t.fails($$SELECT smsfollow.opt_in('+14155550121', 'club', 'web_form', expires_at => now() + interval '1 day')$$), t.fails($$SELECT smsfollow.confirm_opt_in('+14155550121')$$),
	t.fails($$SELECT smsfollow.confirm_opt_in(NULL)$$), t.fails($$SELECT smsfollow.confirm_opt_in('+14155550121', 'none')$$);
SELECT smsfollow.opt_in('+14155550121', 'club', 'web_form', '{"ip": "192.0.2.7", "disclosure": "Join the club"}') AS request;
SELECT smsfollow.opt_in('+14155550121', 'club', 'web_form') AS same_request;
SELECT smsfollow.send('+14155550121', 'Welcome', campaign => 'club') > 0;
SELECT state, kind, pending_until - since AS open, smsfollow.consent_at('+14155550121', 'club') FROM smsfollow.consent_status WHERE phone = '+14155550121';
SELECT t.fails($$SELECT smsfollow.confirm_opt_in('+14155550121', 'news')$$);
SELECT * FROM t.go();
SELECT l.state, l.code, l.due_at = c.pending_until AS until, l.body, m.notice FROM smsfollow.message_log l JOIN smsfollow.message m USING (message_id) JOIN smsfollow.contact_consent c ON c.contact_id = l.contact_id WHERE l.phone = '+14155550121' ORDER BY 1;
-- of two confirmations one counts
SELECT smsfollow.confirm_opt_in('+14155550121', evidence => '{"confirmation": "Yes!", "inbound": "SM1"}') > 0;
SELECT t.fails($$SELECT smsfollow.confirm_opt_in('+14155550121')$$);
SELECT e.event, e.kind, e.method, e.disclosure_hash = sha256('Join the club') AS wording, v.evidence - 'request_message_id' AS evidence, v.evidence ? 'request_message_id' AS request FROM smsfollow.consent_event e JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE contact_id = smsfollow.contact_id('+14155550121') ORDER BY ordinal;
SELECT state, kind, pending_until FROM smsfollow.consent_status WHERE phone = '+14155550121';
SELECT * FROM t.go();
-- who has confirmed is not asked again
SELECT smsfollow.opt_in('+14155550121', 'club', 'web_form') > 0;
SELECT event, kind FROM smsfollow.consent_event WHERE contact_id = smsfollow.contact_id('+14155550121') ORDER BY ordinal DESC LIMIT 1;
SELECT kind FROM smsfollow.consent_status WHERE phone = '+14155550121';
-- not answered in time: nothing to confirm, the text goes with the request
SELECT smsfollow.opt_in('+14155550122', 'club', 'web_form') > 0, smsfollow.send('+14155550122', 'Welcome too', campaign => 'club', expires_after => '30 days') > 0;
SELECT * FROM t.go();
BEGIN;
SET LOCAL smsfollow.clock_offset = 172801;
SELECT t.fails($$SELECT smsfollow.confirm_opt_in('+14155550122')$$);
SELECT smsfollow.consent_at('+14155550122', 'club');
SELECT * FROM t.go();
-- then he may be asked once more
SELECT smsfollow.opt_in('+14155550122', 'club', 'web_form') > 0;
SELECT * FROM t.go();
ROLLBACK;
-- a request that did not go before the answer came, or the refusal, does not go
SELECT smsfollow.opt_in('+14155550123', 'club', 'web_form') > 0, smsfollow.confirm_opt_in('+14155550123', 'club', method => 'voice') > 0;
SELECT smsfollow.opt_in('+14155550124', 'club', 'web_form') > 0, smsfollow.opt_out('+14155550124') > 0;
SELECT t.fails($$SELECT smsfollow.confirm_opt_in('+14155550124')$$);
SELECT phone, state, code, body FROM t.log WHERE phone IN ('0123', '0124');
-- several programs wait: which one?
SELECT smsfollow.opt_in('+14155550125', p, 'web_form', double_opt_in => true) > 0 FROM unnest('{club}'::text[]) p;
SELECT smsfollow.set_consent_rules('news', request_text => 'Acme news: reply YES.');
SELECT smsfollow.opt_in('+14155550125', 'news', 'web_form', double_opt_in => true) > 0;
SELECT t.fails($$SELECT smsfollow.confirm_opt_in('+14155550125')$$);
SELECT smsfollow.confirm_opt_in('+14155550125', 'news') > 0;
SELECT smsfollow.confirm_opt_in('+14155550125') > 0;
-- somebody who had refused signs up again: the request goes though he is opted out
SELECT smsfollow.opt_out('+14155550125', 'club') > 0, smsfollow.opt_in('+14155550125', 'club', 'web_form') > 0;
SELECT program, state, pending_until IS NOT NULL AS open FROM smsfollow.consent_status WHERE phone = '+14155550125' ORDER BY 1;
SELECT * FROM t.go();
SELECT smsfollow.confirm_opt_in('+14155550125') > 0;
SELECT program, state, kind FROM smsfollow.consent_status WHERE phone = '+14155550125' ORDER BY 1;
SELECT ok, problem FROM smsfollow.verify_consent();

-- the confirmation of an opt-out: once, though the person is opted out, and only of one by keyword
SELECT smsfollow.opt_in('+14155550131', p, 'web_form') > 0 FROM unnest('{news,plain}'::text[]) p;
SELECT smsfollow.send('+14155550131', 'queued', campaign => 'news') > 0;
SELECT smsfollow.opt_out('+14155550131', 'news', 'keyword', '{"word": "STOP"}') > 0;
SELECT smsfollow.opt_out('+14155550131', 'news', 'keyword', '{"word": "STOP"}') > 0 AS again;
SELECT state, code, body FROM t.log WHERE phone = '0131';
SELECT * FROM t.go();
SELECT smsfollow.opt_out('+14155550131', 'news', 'keyword') > 0 AS later;
SELECT state, code, body FROM t.log WHERE phone = '0131';
-- another refusal is confirmed too: of all programs, by the one that texted last
SELECT smsfollow.opt_out('+14155550131', method => 'keyword') > 0, smsfollow.opt_out('+14155550131', method => 'keyword') > 0;
SELECT * FROM t.go();
SELECT state, code, rule, body FROM t.log WHERE phone = '0131';
-- not by another way than a keyword, unless asked for; not of a program without stop_text, nor when the provider does
SELECT smsfollow.opt_in('+1415555014' || n, p, 'web_form') > 0 FROM generate_series(1, 6) n, unnest('{news,plain}'::text[]) p;
SELECT smsfollow.opt_out('+14155550141', 'news', 'web_form') > 0, smsfollow.opt_out('+14155550142', 'news', 'web_form', confirm => true) > 0,
	smsfollow.opt_out('+14155550143', 'news', 'keyword', confirm => false) > 0, smsfollow.opt_out('+14155550144', 'plain', 'keyword') > 0;
SELECT smsfollow.alter_sender('sandbox', provider_handles_keywords => true);
SELECT smsfollow.opt_out('+14155550145', 'news', 'keyword') > 0;
SELECT smsfollow.alter_sender('sandbox', provider_handles_keywords => false);
SELECT smsfollow.add_sender('sandbox', '+14155550900', 1, provider_handles_keywords => true) > 0;
SELECT smsfollow.opt_out('+14155550146', 'news', 'keyword', sender => '+14155550900') > 0;
SELECT phone, state, body FROM t.log WHERE phone BETWEEN '0141' AND '0149';
SELECT t.fails($$SELECT smsfollow.opt_out('+14155550146', 'news', 'keyword', sender => 'nobody')$$);
-- somebody who never wrote before is told once as well
SELECT smsfollow.opt_out('+14155550151', 'news', 'keyword') > 0, smsfollow.opt_out('+14155550151', 'news', 'keyword') > 0;
SELECT smsfollow.opt_out('+14155550152', method => 'keyword') > 0 AS of_which_program;
SELECT * FROM t.go();
SELECT phone, state, body FROM t.log WHERE phone IN ('0151', '0152');
-- who opts in again before it went is not told that he is out
SELECT smsfollow.opt_in('+14155550153', 'news', 'web_form') > 0, smsfollow.opt_out('+14155550153', 'news', 'keyword') > 0, smsfollow.opt_in('+14155550153', 'news', 'keyword') > 0;
SELECT phone, state, code, body FROM t.log WHERE phone = '0153';
-- nor when a try of it failed meanwhile
SELECT smsfollow.opt_out('+14155550153', 'news', 'keyword') > 0;
SELECT fate, body FROM t.claim();
SELECT smsfollow.opt_in('+14155550153', 'news', 'keyword') > 0, t.settle('retry');
BEGIN;
SET LOCAL smsfollow.clock_offset = 120;
SELECT fate, code, body FROM t.claim();
SELECT phone, state, code, body FROM t.log WHERE phone = '0153';
ROLLBACK;
-- a pause does not hold it back, before or after it was queued; after five minutes it is too late
SELECT smsfollow.opt_in('+1415555016' || n, 'news', 'web_form') > 0 FROM generate_series(1, 3) n;
SELECT smsfollow.cancel_for('+14155550153');
SELECT smsfollow.opt_out('+14155550161', 'news', 'keyword') > 0, smsfollow.pause('news'), smsfollow.opt_out('+14155550162', 'news', 'keyword') > 0;
SELECT * FROM t.go();
SELECT smsfollow.opt_out('+14155550163', 'news', 'keyword') > 0;
SELECT smsfollow.resume('news');
BEGIN;
SET LOCAL smsfollow.clock_offset = 300;
SELECT fate, code, body FROM t.claim();
ROLLBACK;
SELECT * FROM t.go();
-- a number that cannot be texted is not told either
SELECT smsfollow.opt_in('+14155550171', 'news', 'web_form') > 0;
UPDATE smsfollow.contact_state SET blocked_code = 'invalid_number' WHERE contact_id = smsfollow.contact_id('+14155550171');
SELECT smsfollow.opt_out('+14155550171', 'news', 'keyword') > 0;
SELECT fate, code, body FROM t.claim();
SELECT * FROM t.miscount;
SELECT ok, problem FROM smsfollow.verify_consent();
-- the cached state is what the ledger says, for everybody who has one
SELECT s.phone, s.program, s.state, c.* FROM smsfollow.consent_status s, smsfollow.consent_state(s.phone, s.program) c
WHERE (s.state, s.kind) IS DISTINCT FROM (c.state, c.kind) OR s.state <> 'pending' AND (s.since, s.expires_at, s.consent_event_id) IS DISTINCT FROM (c.since, c.expires_at, c.consent_event_id);
-- nobody writes such a text through the functions that queue texts
SELECT p.oid::regproc FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND 'notice' = ANY (p.proargnames) ORDER BY 1;
-- the evidence pack: what was agreed to, what was sent, and why what was not
SELECT t.fails('SELECT smsfollow.consent_proof(NULL)'), t.fails($$SELECT smsfollow.consent_proof('+14155550999')$$), t.fails($$SELECT smsfollow.consent_proof('x')$$);
CREATE TABLE t.proof AS SELECT smsfollow.consent_proof('+1 415 555 0121') AS p, smsfollow.consent_proof('+14155550131') AS q;
SELECT p ->> 'format' AS format, p ->> 'phone' AS phone, p -> 'verified' AS verified, p -> 'heads' AS heads, ARRAY(SELECT jsonb_object_keys(p) ORDER BY 1) AS members FROM t.proof;
SELECT e ->> 'event' AS event, e ->> 'program' AS program, e ->> 'kind' AS kind, e ->> 'disclosure' AS wording, e #>> '{evidence,confirmation}' AS confirmation, e #>> '{evidence,ip}' AS ip FROM t.proof, jsonb_array_elements(p -> 'consents') e;
SELECT x ->> 'notice' AS notice, x #>> '{attempts,0,outcome}' AS outcome, x #>> '{attempts,0,body}' AS body, x #>> '{verdicts,0,verdict}' AS verdict, x #>> '{verdicts,0,code}' AS code FROM t.proof, jsonb_array_elements(p -> 'texts') x;
SELECT x ->> 'notice' AS notice, x #>> '{attempts,0,outcome}' AS outcome, x #>> '{attempts,0,body}' AS body, x #>> '{verdicts,0,verdict}' AS verdict, x #>> '{verdicts,0,code}' AS code FROM t.proof, jsonb_array_elements(q -> 'texts') x;
-- the hashes can be computed from the document alone
SELECT bool_and(decode(e ->> 'hash', 'hex') = smsfollow.consent_hash(decode(lag, 'hex'), (p ->> 'contact_id')::bigint, (e ->> 'ordinal')::integer, (e ->> 'consent_event_id')::bigint, (e ->> 'program_id')::integer,
	e ->> 'event', e ->> 'kind', e ->> 'method', (e ->> 'captured_at')::timestamptz, (e ->> 'expires_at')::timestamptz, decode(e ->> 'disclosure_hash', 'hex'), decode(e ->> 'evidence_hash', 'hex'),
	(e ->> 'recorded_at')::timestamptz, e ->> 'recorded_by')) AS rows,
	bool_and(decode(e ->> 'evidence_hash', 'hex') = smsfollow.evidence_hash(decode(e ->> 'salt', 'hex'), e -> 'evidence')) AS evidence,
	bool_and(decode(e ->> 'disclosure_hash', 'hex') = sha256(convert_to(e ->> 'disclosure', 'UTF8'))) AS wordings
FROM (SELECT p, e, lag(e ->> 'hash') OVER (ORDER BY (e ->> 'ordinal')::integer) AS lag FROM t.proof, jsonb_array_elements(p -> 'consents') e) x;
-- the law of the recipient's place may ask for more than the program, of marketing; and end a consent
SELECT smsfollow.create_program('offers', 'marketing', 'Acme') > 0;
SELECT smsfollow.opt_in(p, g, 'voice') > 0 FROM unnest('{+14155550181,+447700900181,+4915112345678,+821012345678}'::text[]) p, unnest('{offers,plain}'::text[]) g;
SELECT smsfollow.opt_in('+16135550182', 'offers', 'api', '{"basis": "purchase"}', 'implied') > 0, smsfollow.opt_in('+447700900182', 'offers', 'api', kind => 'soft_opt_in') > 0,
	smsfollow.opt_in('+447700900183', 'offers', 'api', '{"basis": "purchase"}', 'implied') > 0, smsfollow.opt_in('+14155550183', 'offers', 'web_form') > 0,
	smsfollow.opt_in('+4915112345679', 'offers', 'web_form', '{"confirmation": "YES"}', 'double_opt_in') > 0;
SELECT s.phone, s.program, s.kind, x.verdict, x.code, regexp_replace(x.value, 'since .*', 'since (time)') AS value FROM smsfollow.consent_status s, smsfollow.explain(s.phone, s.program) x
WHERE x.rule = 'consent' AND s.phone IN ('+14155550181', '+447700900181', '+4915112345678', '+821012345678', '+16135550182', '+447700900182', '+447700900183', '+14155550183', '+4915112345679') ORDER BY 1, 2;
-- Korea has it renewed each two years; the gate says so as explain does
SELECT smsfollow.set_opt_out_line('offers', 'never'), smsfollow.send('+821012345678', 'Offer', campaign => 'offers', expires_after => '10 years') > 0;
BEGIN;
SELECT set_config('smsfollow.clock_offset', extract(epoch FROM since + interval '2 years' - now())::text, true) > '' FROM smsfollow.consent_status WHERE phone = '+821012345678' AND program = 'offers';
SELECT * FROM t.go() WHERE phone = '5678';
SELECT state, code, regexp_replace(rule, '[0-9]+', '(id)') AS rule, body FROM t.log WHERE body = 'Offer';
ROLLBACK;
-- it is renewed by a new opt-in
BEGIN;
SELECT set_config('smsfollow.clock_offset', extract(epoch FROM since + interval '2 years' - now())::text, true) > '' FROM smsfollow.consent_status WHERE phone = '+821012345678' AND program = 'offers';
SELECT smsfollow.opt_in('+821012345678', 'offers', 'voice') > 0;
SELECT * FROM t.go() WHERE phone = '5678';
ROLLBACK;
