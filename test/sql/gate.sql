\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- The gate, the claim that asks it, and what is recorded of each text.
SELECT smsfollow.create_program('news', 'marketing', 'Acme') > 0 AS program, smsfollow.create_template('strict', '{{ a }}') > 0 AS template;
SELECT smsfollow.set_opt_out_line('news', 'never');
CREATE FUNCTION t.explain(message_id bigint) RETURNS TABLE (rule text, verdict text, code text, value text, next_at boolean, hint text) LANGUAGE sql AS $$
	SELECT regexp_replace(e.rule, ' of .*', ''), e.verdict, e.code, replace(regexp_replace(e.value, '(due|expires_at|since) .*', '\1 (time)'), 'by ' || session_user, 'by (me)'), e.next_at IS NOT NULL, e.hint
	FROM smsfollow.explain(message_id) e
$$;

-- the order of the rules: each text fails by its rule and all later ones
SELECT smsfollow.add_contact('+1415555010' || n) > 0 FROM generate_series(1, 8) n;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'news', 'web_form')) FROM unnest('{1,2,3,5,6,7,8}'::int[]) n;
SELECT smsfollow.create_campaign('stopped', 'news') > 0;
SELECT count(smsfollow.send('+1415555010' || n, 'text', campaign => 'stopped', expires_after => '1 hour')) FROM generate_series(1, 7) n;
SELECT smsfollow.send('+14155550108', 'text', campaign => 'stopped') > 0;
-- 1 has no number any more, 2 comes too late, 3 is blocked, 4 never agreed, 5 opted out (its text was queued all the same), all are paused, 8 is the last
DELETE FROM smsfollow.contact_phone WHERE phone = '+14155550101';
UPDATE smsfollow.contact_state SET blocked_code = 'invalid_number' WHERE contact_id IN (1, 2, 3);
UPDATE smsfollow.contact_consent SET state = 'opted_out' WHERE contact_id IN (1, 2, 3, 5);
UPDATE smsfollow.campaign SET paused = true WHERE name = 'stopped';
UPDATE smsfollow.sender SET paused = true;
CREATE VIEW t.gate AS SELECT m.contact_id, g.verdict, g.code, regexp_replace(g.value, '^expires_at .*', 'expires_at (time)') AS value,
	g.next_at IS NOT NULL AS next_at FROM smsfollow.message m, smsfollow.judge(m.message_id, m.created_at) g WHERE g.rule IS NULL ORDER BY 1;
SELECT * FROM t.gate;
SET smsfollow.clock_offset = 4000;
SELECT * FROM t.gate;
UPDATE smsfollow.campaign SET paused = false WHERE name = 'stopped';
UPDATE smsfollow.contact_state SET blocked_code = NULL WHERE contact_id = 3;
SELECT * FROM t.gate WHERE contact_id IN (3, 8);
RESET smsfollow.clock_offset;
SELECT * FROM t.gate;
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value, hint FROM smsfollow.explain('+14155550108', 'stopped');
-- and so does the claim, with a stored verdict for each
SELECT c.contact_id, c.fate, c.code FROM smsfollow.claim(100, 1) c ORDER BY 1;
SELECT contact_id, verdict, code, rule, next_at FROM smsfollow.verdict ORDER BY 1;
SELECT contact_id, code, send_at - now() BETWEEN '59 s' AND '61 s' AS in_a_minute FROM smsfollow.ready ORDER BY 1;
UPDATE smsfollow.sender SET paused = false;
UPDATE smsfollow.contact_consent SET state = 'opted_in';
SET smsfollow.clock_offset = 61;
SELECT c.contact_id, c.fate, c.code FROM smsfollow.claim(100, 1) c ORDER BY 1;
SELECT t.settle('accepted');
SELECT * FROM t.miscount;
RESET smsfollow.clock_offset;

-- explain a number and a campaign, rule by rule
SELECT * FROM smsfollow.explain('+14155550104', 'news');
SELECT * FROM smsfollow.explain('+14155550199', 'news');
SELECT smsfollow.opt_in('+14155550111', 'news', 'web') > 0, smsfollow.opt_in('+14155550112', 'news', 'web') > 0, smsfollow.opt_out('+14155550112') > 0;
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value FROM smsfollow.explain('+14155550111', 'news');
SELECT smsfollow.pause('news');
UPDATE smsfollow.contact_state SET blocked_code = 'invalid_number' WHERE contact_id = smsfollow.contact_id('+14155550112');
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value, hint FROM smsfollow.explain('+14155550112', 'news');
SELECT smsfollow.resume('news');
SELECT t.fails($$SELECT smsfollow.explain(NULL, 'news')$$);
SELECT t.fails($$SELECT smsfollow.explain('+14155550111', NULL)$$);
SELECT t.fails($$SELECT smsfollow.explain('+14155550111', 'none')$$);
SELECT t.fails($$SELECT smsfollow.explain('+12', 'news')$$);
SELECT t.fails('SELECT smsfollow.explain(NULL::bigint)');
SELECT t.fails('SELECT smsfollow.explain(0)');

-- the life of a text, with the log and an explanation at each station
SELECT count(smsfollow.opt_in('+1415555020' || n, 'news', 'web_form')) FROM generate_series(1, 9) n;
CREATE TABLE t.text (name text, id bigint);
INSERT INTO t.text SELECT 'waits', smsfollow.schedule('+14155550201', 'strict', '{"a": "x"}', smsfollow.clock() + interval '1 day');
SELECT e.* FROM t.text, t.explain(id) e WHERE name = 'waits';
SELECT smsfollow.cancel(id) FROM t.text WHERE name = 'waits';
SELECT e.* FROM t.text, t.explain(id) e WHERE name = 'waits';
INSERT INTO t.text SELECT 'missing', smsfollow.send('+14155550201', template => 'strict');
INSERT INTO t.text SELECT n, smsfollow.send('+1415555020' || i, n) FROM unnest('{accepted,rejected,out,bad,retry,doubt}'::text[]) WITH ORDINALITY u(n, i);
SELECT e.* FROM t.text, t.explain(id) e WHERE name = 'accepted';
SELECT * FROM t.claim();
-- the second text to 0201 waited for the first one to be decided
SELECT * FROM t.claim();
SELECT l.state, l.started_at IS NOT NULL AS started, l.attempts, l.segments, l.encoding, l.provider, l.sender FROM smsfollow.message_log l JOIN t.text ON id = message_id WHERE name = 'accepted';
SELECT e.* FROM t.text, t.explain(id) e WHERE name = 'accepted';
SELECT t.settle('accepted', phones => '{0201}'), t.settle('rejected', 'content', '{0202}'), t.settle('rejected', 'opted_out', '{0203}'),
	t.settle('rejected', 'bad_recipient', '{0204}'), t.settle('retry', 'transient', '{0205}'), t.settle('in_doubt', 'ambiguous', '{0206}');
SELECT name, e.* FROM t.text, t.explain(id) e WHERE name <> 'waits';
SELECT x.name, l.state, l.attempts, l.body, l.segments, l.encoding, l.provider, l.provider_message_id = 'test-' || x.id AS id, l.verdict, l.code, replace(l.rule, 'by ' || session_user, 'by (me)') AS rule, l.reason, l.in_doubt_evidence,
	l.started_at <= l.answered_at AS answered, l.due_at IS NOT NULL AS due, l.created_by = session_user AS by_me
FROM smsfollow.message_log l JOIN t.text x ON x.id = l.message_id ORDER BY l.message_id;
SELECT a.outcome, a.reason, a.consent_event_id = c.consent_event_id AS consent, a.epoch, a.retry_at IS NOT NULL AS retry FROM smsfollow.attempt a LEFT JOIN smsfollow.contact_consent c USING (contact_id) ORDER BY a.message_id;
-- what providers say about recipients: a ledger row, a block
SELECT event, method, evidence FROM smsfollow.consent_event e JOIN smsfollow.contact_phone p USING (contact_id) LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE p.phone = '+14155550203' ORDER BY consent_event_id;
SELECT smsfollow.consent_at('+14155550203', 'news');
SELECT blocked_code, blocked_at IS NOT NULL AS at FROM smsfollow.contact_state JOIN smsfollow.contact_phone USING (contact_id) WHERE phone = '+14155550204';
SELECT * FROM t.miscount;
SELECT smsfollow.fold_kpi() > 0 AS folded;
SELECT * FROM t.miscount;
SELECT smsfollow.fold_kpi() AS nothing_left;
SELECT metric, reason, texts FROM smsfollow.kpi_reason ORDER BY metric, reason;
SELECT metric, reason, sum(n) AS n FROM smsfollow.kpi_count GROUP BY 1, 2 ORDER BY 1, 2;
-- they take their queued texts along, and later ones do not go either
INSERT INTO t.text SELECT 'after ' || n, smsfollow.send('+1415555020' || n, 'after') FROM unnest('{3,4}'::text[]) n;
SELECT * FROM t.claim();
-- a try later: it is not due before its time, then goes as the second try
SELECT r.attempt, r.code, r.send_at - now() BETWEEN '14 s' AND '31 s' AS later FROM smsfollow.ready r;
SET smsfollow.clock_offset = 40;
SELECT * FROM t.claim(2);
SELECT l.attempts, l.state FROM smsfollow.message_log l JOIN t.text ON id = message_id WHERE name = 'retry';
-- results of an earlier dispatcher are not recorded, and those of this one once
SELECT t.settle('accepted', epoch => 1) AS stale;
SELECT t.settle('accepted', epoch => 2), t.settle('accepted', epoch => 2) AS again;
SELECT smsfollow.settle('{1,99}', '{99,1}', 2, 'accepted') AS unknown;
RESET smsfollow.clock_offset;
SELECT e.* FROM t.text, t.explain(id) e WHERE name = 'retry';
SELECT * FROM t.miscount;

-- senders: of the text, of the campaign, of the program, else the first active one that is not the sandbox
SELECT smsfollow.create_provider('one', 'sandbox', max_in_flight => 2) > 0, smsfollow.add_sender('one', '+14155550001', 1000) > 0, smsfollow.add_sender('one', '+14155550002', 0.01, 1) > 0,
	smsfollow.create_program('orders', 'transactional', 'Acme', sender => '+14155550001') > 0, smsfollow.create_campaign('slow', 'orders', sender => '+14155550002') > 0;
SELECT count(smsfollow.opt_in('+1415555030' || n, 'orders', 'web_form')) FROM generate_series(1, 9) n;
SELECT smsfollow.send('+14155550301', 'program', campaign => 'orders') > 0, smsfollow.send('+14155550302', 'campaign', campaign => 'slow') > 0, smsfollow.send('+14155550303', 'text', campaign => 'slow', sender => 'sandbox') > 0,
	smsfollow.send('+14155550207', 'default', campaign => 'news') > 0;
SELECT m.body, f.sender FROM smsfollow.message m JOIN smsfollow.ready r USING (message_id), smsfollow.gate_facts(m.contact_id, m.campaign_id, m.sender_id) f ORDER BY m.message_id;
SELECT * FROM t.claim(3);
SELECT i.body, s.address, i.consent_event_id IS NOT NULL AS consent FROM smsfollow.inflight i LEFT JOIN smsfollow.sender s USING (sender_id) ORDER BY message_id;
SELECT t.settle('accepted', epoch => 3);
BEGIN;
SELECT smsfollow.create_provider('gateway', 'http', '{"url": "https://sms.example/", "fields": {"to": "{{to}}", "text": "{{body}}"}}') > 0, smsfollow.add_sender('gateway', 'ACME') > 0;
SELECT m.body, f.sender FROM smsfollow.message m JOIN smsfollow.ready r USING (message_id), smsfollow.gate_facts(m.contact_id, m.campaign_id, m.sender_id) f ORDER BY m.message_id;
UPDATE smsfollow.sender SET paused = true;
SELECT rule, verdict, code, value FROM smsfollow.explain('+14155550207', 'news') WHERE rule = 'sender';
ROLLBACK;
-- the rate of a sender: a text over it gets a later slot and no verdict
SELECT smsfollow.send('+14155550304', 'over', campaign => 'slow') > 0, smsfollow.send('+14155550305', 'over', campaign => 'slow') > 0;
SELECT * FROM t.claim(3);
SELECT r.code, count(*), max(r.send_at) - min(r.send_at) BETWEEN '99 s' AND '101 s' AS apart FROM smsfollow.ready r GROUP BY 1 ORDER BY 1;
SELECT count(*) AS verdicts FROM smsfollow.verdict v JOIN smsfollow.ready r USING (message_id);
SELECT verdict, code FROM t.log WHERE body = 'over';
SELECT count(smsfollow.cancel(message_id)) FROM smsfollow.ready;
-- no more at once than a provider takes
SELECT count(smsfollow.send('+1415555030' || n, 'many', campaign => 'orders')) FROM generate_series(1, 3) n;
SELECT phone, fate FROM t.claim(3);
SELECT t.settle('accepted', epoch => 3);
SELECT phone, fate FROM t.claim(3);
SELECT t.settle('accepted', epoch => 3);
-- a paused sender, a paused provider
SELECT smsfollow.pause_sender('+14155550001');
SELECT smsfollow.send('+14155550306', 'paused sender', campaign => 'orders') > 0;
SELECT * FROM t.claim(3);
SELECT verdict, code, state FROM t.log WHERE body = 'paused sender';
SELECT smsfollow.resume_sender('+14155550001'), smsfollow.pause_provider('one');
SELECT smsfollow.send('+14155550307', 'paused provider', campaign => 'orders') > 0;
SET smsfollow.clock_offset = 61;
SELECT * FROM t.claim(3);
SELECT body, e.verdict, e.code, e.next_at, e.hint FROM smsfollow.ready JOIN smsfollow.message USING (message_id), t.explain(message_id) e WHERE e.rule = 'now' ORDER BY 1;
SELECT rule, verdict, code, value, hint FROM smsfollow.explain('+14155550307', 'orders') WHERE rule = 'sender';
SELECT smsfollow.resume_provider('one');
SET smsfollow.clock_offset = 130;
SELECT phone, fate, code, body FROM t.claim(3);
SELECT t.settle('accepted', epoch => 3);
RESET smsfollow.clock_offset;
SELECT * FROM t.miscount;

-- errors of the two
SELECT t.fails('SELECT smsfollow.claim(0, 1)');
SELECT t.fails('SELECT smsfollow.claim(10001, 1)');
SELECT t.fails($$SELECT smsfollow.settle('{1}', '{1,2}', 1, 'accepted')$$);
SELECT t.fails($$SELECT smsfollow.settle('{1}', '{NULL}', 1, 'accepted')$$);
SELECT t.fails($$SELECT smsfollow.settle('{1}', '{1}', 1, 'lost')$$);
SELECT smsfollow.settle('{}', '{}', 1, 'accepted') AS nothing, smsfollow.settle(NULL, '{}', 1, 'accepted') AS null;
