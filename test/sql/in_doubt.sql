\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Texts in doubt: nobody knows whether they arrived, and none goes twice unasked.
SELECT smsfollow.create_program('news', 'marketing', 'Acme', sender => 'sandbox') > 0 AS program;
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT count(smsfollow.opt_in('+1415555010' || n, 'news', 'web_form')) FROM generate_series(1, 9) n;
SELECT smsfollow.send('+1415555010' || n, 'text ' || n) AS id FROM generate_series(1, 8) n;
SELECT count(*) FROM t.claim(1);
SELECT t.settle('in_doubt', 'ambiguous');
SELECT d.message_id, d.attempt, d.evidence, d.policy, d.body, d.segments, d.encoding, d.provider_message_id, d.lookups, d.absent, d.started_at <= d.since AS after, d.consent_event_id FROM smsfollow.in_doubt d ORDER BY 1;
SELECT id, state, tries, verdict, reason FROM t.log;
SELECT * FROM t.miscount;
-- they are not claimed again, but other texts to the same people are
SELECT smsfollow.send('+14155550101', 'another') AS id;
SELECT * FROM t.claim(1);
SELECT t.settle('accepted');
-- a person decides
SELECT smsfollow.resolve_in_doubt(1, 'accepted') AS r1, smsfollow.resolve_in_doubt(2, 'failed') AS r2, smsfollow.resolve_in_doubt(3, 'retry') AS r3;
SELECT id, state, tries, verdict, code, reason FROM t.log WHERE id <= 3;
SELECT a.message_id, a.attempt, a.outcome, a.reason, a.provider_message_id, a.epoch, a.consent_event_id, a.retry_at IS NOT NULL AS retry, a.body FROM smsfollow.attempt a WHERE a.message_id <= 3 ORDER BY 1, a.at;
SELECT * FROM t.miscount;
SELECT metric, reason, sum(n) AS n FROM smsfollow.kpi_count GROUP BY 1, 2 ORDER BY 1, 2;
-- the one to be tried again goes as the second try, through the gate
SELECT * FROM t.claim(1);
SELECT t.settle('accepted');
SELECT id, state, tries FROM t.log WHERE id = 3;
SELECT smsfollow.resolve_in_doubt(4, 'retry');
SELECT smsfollow.opt_out('+14155550104', method => 'keyword') > 0, smsfollow.opt_out('+14155550105', method => 'keyword') > 0;
SELECT smsfollow.resolve_in_doubt(5, 'retry');
SELECT id, state, code FROM t.log WHERE id IN (4, 5);
SELECT * FROM t.claim(1);
SELECT id, state, code FROM t.log WHERE id IN (4, 5);
SELECT * FROM t.miscount;
-- a receipt came in before the person did
SELECT t.receipt(6, 'delivered');
SELECT t.fails('SELECT smsfollow.resolve_in_doubt(6, ''failed'')');
SELECT id, state FROM t.log WHERE id = 6;
-- and one comes after: the evidence wins, and there is no second text
SELECT smsfollow.resolve_in_doubt(7, 'failed'), smsfollow.resolve_in_doubt(8, 'retry');
SELECT t.receipt(7, 'delivered'), t.receipt(8, 'sent');
SELECT id, state, verdict FROM t.log WHERE id IN (7, 8);
SELECT * FROM t.claim(1);
SELECT count(*) AS in_doubt FROM smsfollow.in_doubt;
SELECT * FROM t.miscount;
SELECT t.fails('SELECT smsfollow.resolve_in_doubt(' || a || ')') FROM unnest('{"NULL, ''retry''","1, NULL","1, ''lost''","1, ''rejected''","0, ''retry''","1, ''retry''"}'::text[]) a;
SELECT smsfollow.end_doubt(1, 1, 'accepted', 'person') AS no_doubt, smsfollow.end_doubt(99, 99, 'accepted', 'person') AS no_text;

-- a text keeps its place in its lane, and its pause
SELECT smsfollow.send('+14155550109', 'paused') AS id;
SELECT * FROM t.claim(1);
SELECT t.settle('in_doubt', 'ambiguous'), smsfollow.pause('news');
SELECT smsfollow.resolve_in_doubt(10, 'retry');
SELECT lane, code FROM smsfollow.ready;
SELECT * FROM t.claim(1);
SELECT lane, code FROM smsfollow.ready;
SELECT smsfollow.resume('news');
SELECT * FROM t.claim(1);
SELECT t.settle('accepted');
SELECT * FROM t.miscount;
SELECT smsfollow.fold_kpi() > 0;
SELECT * FROM t.miscount;
