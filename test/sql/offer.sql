\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Coupon pools: each text gets a code of its own, taken with its permit.
SELECT smsfollow.create_program('shop', 'transactional', 'Acme') > 0 AS program, smsfollow.create_offer('spring', '2100-06-01 00:00+00') > 0 AS offer;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'shop', 'web_form')) FROM generate_series(1, 9) n;
SELECT smsfollow.create_template('code', 'Your code: {{ coupon.code }} ({{ coupon.offer }}, until {{ coupon.expires_at | date: "%Y" }})'),
	smsfollow.create_template('quiet', 'No code for you'), smsfollow.create_template('outer', 'Now {% render "inner" %}'), smsfollow.create_template('inner', 'inner');
SELECT smsfollow.add_coupons('spring', '{B,A,C}'), smsfollow.add_coupons('spring', '{A,B,LONGER-CODE}'), smsfollow.add_coupons('spring', '{}');
SELECT offer, codes, taken, free, last_taken_at FROM smsfollow.offer_status;

-- without an offer the variable has no value
SELECT smsfollow.send('+14155550101', template => 'code') > 0;
SELECT * FROM t.claim();
SELECT smsfollow.set_offer('shop', 'spring');
SELECT count(smsfollow.send('+1415555010' || n, template => 'code')) FROM generate_series(1, 2) n;
SELECT smsfollow.send('+14155550103', template => 'quiet') > 0, smsfollow.send('+14155550104', 'literal {{ coupon.code }}') > 0;
SELECT * FROM t.claim();
-- codes in their order, each once; a text that shows none takes none
SELECT code, contact_id, taken_at IS NOT NULL AS taken FROM smsfollow.coupon ORDER BY coupon_id;
-- tried again: the same code
SELECT t.settle('retry', 'transient');
SET smsfollow.clock_offset = 100;
SELECT * FROM t.claim() ORDER BY phone;
SELECT t.settle('accepted');
SELECT right(phone, 4) AS phone, state, coupon FROM smsfollow.message_log ORDER BY message_id;
-- a refused text keeps its code: nobody else gets it; one that is rolled back does not
SELECT smsfollow.send('+14155550105', template => 'code') > 0;
BEGIN;
SELECT body FROM t.claim();
ROLLBACK;
SELECT body FROM t.claim();
SELECT t.settle('rejected');
-- a text over its sender's rate takes none yet
SELECT smsfollow.add_sender('sandbox', 'SLOW', 0.001, 1) > 0, smsfollow.add_coupons('spring', '{LATE}');
SELECT count(smsfollow.send('+1415555010' || n, template => 'code', sender => 'SLOW')) FROM generate_series(6, 7) n;
SELECT * FROM t.claim();
SELECT t.settle('accepted');
SELECT offer, codes, taken, free FROM smsfollow.offer_status;
-- the pool is empty: suppressed, with the reason
SELECT count(smsfollow.send('+1415555010' || n, template => 'code')) FROM generate_series(1, 3) n;
SELECT smsfollow.add_coupons('spring', '{LAST}');
SELECT * FROM t.claim();
SELECT v.verdict, v.code, v.rule, r.hint FROM smsfollow.verdict v JOIN smsfollow.reason_code r USING (code) WHERE v.code = 'offer_exhausted' AND v.verdict = 'suppress';
SELECT t.settle('accepted');
SELECT smsfollow.send('+14155550101', template => 'code') > 0;
SELECT fate, code FROM t.claim();
-- segments are those of the code it got
SELECT smsfollow.add_coupons('spring', ARRAY[repeat('9', 50), 'AFTER']);
SELECT smsfollow.create_template('long', repeat('x', 120) || '{{ coupon.code }}') > 0;
SELECT smsfollow.send('+14155550101', template => 'long') > 0, smsfollow.send('+14155550102', template => 'long') > 0;
SELECT phone, fate, segments, length(body) FROM t.claim();
SELECT t.settle('accepted');
-- a template with another one in it counts as one that shows a code
SELECT smsfollow.add_coupons('spring', '{PARTIAL}'), smsfollow.create_template('inner', 'inner {{ coupon.code }}');
SELECT smsfollow.create_template('outer', 'Now {% include "inner" %}') > 0, smsfollow.send('+14155550101', template => 'outer') > 0;
SELECT body FROM t.claim();
SELECT t.settle('accepted');
-- an offer that has ended
SELECT smsfollow.create_offer('gone', smsfollow.clock() - interval '1 s') > 0, smsfollow.add_coupons('gone', '{G}');
SELECT smsfollow.set_offer('shop', 'gone'), smsfollow.send('+14155550101', template => 'code') > 0;
SELECT fate, code FROM t.claim();
SELECT rule FROM smsfollow.verdict ORDER BY at DESC LIMIT 1;
SELECT smsfollow.set_offer('shop', NULL);
SELECT offer_id FROM smsfollow.campaign;

-- arguments
SELECT t.fails('SELECT smsfollow.create_offer(''spring'')'), t.fails('SELECT smsfollow.create_offer('''')');
SELECT t.fails('SELECT smsfollow.add_coupons(''winter'', ''{A}'')');
SELECT t.fails(format('SELECT smsfollow.add_coupons(''spring'', %L)', c)) FROM unnest(ARRAY['{"a b"}', '{""}', '{NULL}', '{' || repeat('x', 51) || '}', E'{"a\u0007"}']) c;
SELECT t.fails('SELECT smsfollow.set_offer(''nowhere'', ''spring'')'), t.fails('SELECT smsfollow.set_offer(''shop'', ''winter'')');
