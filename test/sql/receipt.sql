\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Receipts: they move a text forward, each step is counted once.
SELECT smsfollow.create_program('news', 'marketing', 'Acme', sender => 'sandbox') > 0 AS program;
SELECT count(smsfollow.opt_in('+141555501' || lpad(n::text, 2, '0'), 'news', 'web_form')) FROM generate_series(1, 30) n;
SELECT count(smsfollow.send('+141555501' || lpad(n::text, 2, '0'), 'text ' || n)) FROM generate_series(1, 14) n;
SELECT count(*) FROM t.claim();
SELECT t.settle('accepted');
-- every pair of reports, in the order they came: what each moved, and where the text stands then
CREATE TABLE t.report (id bigint, statuses text[]);
INSERT INTO t.report VALUES (1, '{sent,delivered}'), (2, '{delivered,sent}'), (3, '{delivered,undelivered}'), (4, '{undelivered,delivered}'), (5, '{sent,sent}'), (6, '{delivered,delivered}'),
	(7, '{sent,undelivered}'), (8, '{accepted,sent}'), (9, '{undelivered,undelivered}');
SELECT r.id, r.statuses, array_agg(t.receipt(r.id, s.status) ORDER BY s.n) AS moved FROM t.report r, unnest(r.statuses) WITH ORDINALITY s(status, n) GROUP BY r.id, r.statuses ORDER BY r.id;
SELECT r.id, l.state, l.receipt_at >= l.answered_at AS later, (SELECT string_agg(x.status || CASE WHEN x.counted THEN '' ELSE ' (no)' END, ', ' ORDER BY x.at) FROM smsfollow.receipt x WHERE x.message_id = r.id) AS kept
FROM t.report r JOIN smsfollow.message_log l ON l.message_id = r.id ORDER BY r.id;
SELECT * FROM t.miscount;
SELECT delivered, undelivered, failed, accepted, delivery_rate FROM smsfollow.kpi_campaign;
-- read and failed, which other kinds report; who reads has got it
SELECT smsfollow.apply_receipt(1, 'test-' || id, NULL, status, reason, code, NULL, NULL, NULL, '{}') AS moved
FROM (VALUES (10, 'read', NULL, NULL), (10, 'delivered', NULL, NULL), (11, 'delivered', NULL, NULL), (11, 'read', NULL, NULL), (12, 'failed', 'blocked', '30007'), (12, 'read', NULL, NULL), (13, 'queued', NULL, NULL), (13, 'cancelled', NULL, NULL)) v(id, status, reason, code);
SELECT id, state, reason FROM t.log WHERE id BETWEEN 10 AND 13;
SELECT * FROM t.miscount;
SELECT metric, reason, texts FROM smsfollow.kpi_reason ORDER BY 1, 2;
-- money: the first price counts, whoever names it
SELECT smsfollow.apply_receipt(1, 'test-13', NULL, status, NULL, NULL, NULL, cost, 'USD', '{}') AS moved FROM (VALUES ('sent', 0.0075), ('delivered', 0.01)) v(status, cost);
SELECT smsfollow.apply_receipt(1, 'test-14', NULL, status, NULL, NULL, NULL, cost, 'USD', '{}') AS moved FROM (VALUES ('sent', NULL), ('delivered', 0.02)) v(status, cost);
SELECT message_id, state, cost, currency FROM smsfollow.message_log WHERE cost IS NOT NULL ORDER BY 1;
SELECT cost, currency FROM smsfollow.kpi_campaign;
SELECT * FROM t.miscount;

-- what a receipt says about the recipient
SELECT count(smsfollow.send('+141555501' || n, 'text ' || n)) FROM generate_series(15, 25) n;
SELECT count(*) FROM t.claim();
SELECT t.settle('accepted', phones => '{0115,0116}');
SELECT smsfollow.send('+14155550115', 'later') > 0, smsfollow.send('+14155550116', 'later') > 0;
SELECT smsfollow.apply_receipt(1, 'test-15', NULL, 'undelivered', 'opted_out', '21610', NULL, NULL, NULL, '{}'), smsfollow.apply_receipt(1, 'test-16', NULL, 'failed', 'bad_recipient', '30005', NULL, NULL, NULL, '{}');
SELECT phone, state, code, reason FROM t.log WHERE phone IN ('0115', '0116');
SELECT e.event, e.method, v.evidence FROM smsfollow.consent_event e LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) WHERE e.contact_id = smsfollow.contact_id('+14155550115') ORDER BY consent_event_id;
SELECT s.blocked_code FROM smsfollow.contact_state s WHERE s.contact_id = smsfollow.contact_id('+14155550116');
SELECT * FROM t.miscount;

-- a receipt that is faster than the answer: found by our own reference while the text is in flight
SELECT smsfollow.create_provider('other', 'sandbox') > 0;
SELECT smsfollow.record_receipt('other', '{"id": "O-17", "ref": "17", "status": "undelivered"}') AS not_whom_it_went_to;
SELECT smsfollow.record_receipt('sandbox', '{"id": "SM-17", "ref": "17", "status": "delivered"}') AS moved;
SELECT id, state FROM t.log WHERE id = 17;
SELECT t.settle('accepted', phones => '{0117}');
SELECT id, state, verdict FROM t.log WHERE id = 17;
SELECT * FROM t.miscount;
-- without a reference it waits for the answer to be recorded
SELECT t.receipt(18, 'sent'), t.receipt(18, 'delivered'), t.receipt(18, 'delivered');
SELECT id, state FROM t.log WHERE id = 18;
SELECT smsfollow.match_receipts() AS too_early;
SELECT t.settle('accepted', phones => '{0118}');
SELECT id, state FROM t.log WHERE id = 18;
SELECT smsfollow.match_receipts() AS matched, smsfollow.match_receipts() AS again;
SELECT id, state FROM t.log WHERE id = 18;
SELECT status, counted, count(*) FROM smsfollow.receipt WHERE message_id = 18 OR provider_message_id = 'test-18' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM t.miscount;
-- the answer was lost, but the receipt had come: no doubt, no second text
SELECT smsfollow.record_receipt('sandbox', jsonb_build_object('id', 'SM-' || n, 'ref', n::text, 'status', s)) FROM (VALUES (19, 'sent'), (20, 'delivered'), (21, 'undelivered'), (22, 'delivered')) v(n, s);
SELECT t.settle('in_doubt', 'ambiguous', '{0119,0120,0121}'), t.settle('retry', 'transient', '{0122}');
SELECT id, state, verdict, reason FROM t.log WHERE id BETWEEN 19 AND 22;
SELECT count(*) AS in_doubt FROM smsfollow.in_doubt;
SELECT count(*) AS waiting FROM smsfollow.ready WHERE message_id BETWEEN 19 AND 22;
SELECT a.message_id, a.outcome, a.reason, a.provider_message_id FROM smsfollow.attempt a WHERE a.message_id BETWEEN 19 AND 22 ORDER BY a.message_id, a.at;
SELECT * FROM t.miscount;
-- a receipt resolves a doubt
SELECT t.settle('in_doubt', 'ambiguous', '{0123,0124}');
SELECT smsfollow.record_receipt('sandbox', '{"id": "SM-23", "ref": "23", "status": "sent"}') AS by_reference, t.receipt(24, 'undelivered') AS by_id;
SELECT id, state, verdict, reason FROM t.log WHERE id IN (23, 24);
SELECT t.receipt(24, 'delivered') AS too_late, smsfollow.record_receipt('sandbox', '{"id": "SM-23", "status": "delivered"}') AS by_its_new_id;
SELECT * FROM t.miscount;
-- given up or waiting for another try, and arrived after all
SELECT t.settle('rejected', 'max_attempts', '{0125}');
SELECT count(smsfollow.send('+141555501' || n, 'text ' || n)) FROM generate_series(26, 30) n;
SELECT min(m.message_id) AS first, max(m.message_id) AS last FROM smsfollow.ready m;
SELECT count(*) FROM t.claim();
SELECT t.settle('retry', 'transient', '{0126,0127,0128,0129,0130}');
SELECT smsfollow.cancel_for('+14155550127'), smsfollow.opt_out('+14155550128') > 0;
SELECT t.receipt(id, 'undelivered') FROM t.log WHERE phone IN ('0125', '0126');
SELECT phone, state, code, reason FROM t.log WHERE phone BETWEEN '0125' AND '0130';
SELECT * FROM t.miscount;
SELECT t.receipt(id, 'delivered') FROM t.log WHERE phone BETWEEN '0125' AND '0129';
SELECT phone, state, verdict, code, reason FROM t.log WHERE phone BETWEEN '0125' AND '0130';
SELECT count(*) AS waiting FROM smsfollow.ready;
SELECT * FROM t.miscount;
SELECT smsfollow.fold_kpi() > 0;
SELECT * FROM t.miscount;

-- not ours: kept, and nobody's
SELECT smsfollow.record_receipt('sandbox', '{"id": "unknown", "status": "delivered"}') AS unknown, smsfollow.record_receipt('sandbox', '{"id": "x", "ref": "99999", "status": "delivered"}') AS unknown_ref,
	smsfollow.record_receipt('sandbox', '{"id": "x", "ref": "1; DROP TABLE x", "status": "delivered"}') AS odd_ref, smsfollow.record_receipt('sandbox', '{"id": "x", "ref": "999999999999999999999", "status": "delivered"}') AS long_ref;
SELECT message_id, contact_id, provider_message_id, counted FROM smsfollow.receipt WHERE provider_message_id IN ('unknown', 'x');
-- another provider's word about our text is not believed
SELECT smsfollow.record_receipt('other', jsonb_build_object('id', 'test-5', 'ref', '5', 'status', 'delivered'));
SELECT id, state FROM t.log WHERE id = 5;
SELECT t.fails('SELECT smsfollow.record_receipt(' || a || ')') FROM unnest(ARRAY[$$NULL, '{}'$$, $$'sandbox', NULL$$, $$'none', '{}'$$, $$'sandbox', '{}'$$, $$'sandbox', '[]'$$, $$'sandbox', '"x"'$$,
	$$'sandbox', '{"id": "test-1"}'$$, $$'sandbox', '{"id": "test-1", "status": "lost"}'$$, $$'sandbox', '{"body": "STOP", "from": "+14155550101"}'$$, $$'sandbox', '{"id": ["test-1"], "status": {}}'$$]) a;
SELECT * FROM t.miscount;
SELECT status, smsfollow.receipt_rank(status) FROM unnest('{accepted,sent,delivered,undelivered,failed,read,whatever,NULL}'::text[]) status;
