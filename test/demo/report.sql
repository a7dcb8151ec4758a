-- What came of the texts, as a person would ask for it; psql shows each query.
-- Variables: b and r, what switches bold on and off.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
\pset footer off
\pset null ''
\pset format wrapped
\pset columns 99

\echo
\echo :b'The log: every text with its present state. One of each kind:':r
\set ECHO queries
SELECT DISTINCT ON (state, code, error_code)
       message_id AS id, phone, state, coalesce(code, error_code) AS why, left(body, 36) AS body
FROM smsfollow.message_log
ORDER BY state, code, error_code, message_id;
\set ECHO none

\echo :b'Why some did not arrive, and what to do about it':r
\set ECHO queries
SELECT texts, reason, hint FROM smsfollow.kpi_reason ORDER BY texts DESC;
\set ECHO none

SELECT min(message_id) AS id FROM smsfollow.attempt WHERE outcome = 'in_doubt' \gset
\echo :b'The story of one text: the gateway took it and broke the connection':r
\set ECHO queries
SELECT split_part(rule, ' of ', 1) AS rule, verdict, code, value FROM smsfollow.explain(:id);
\set ECHO none

SELECT phone FROM orders WHERE sms = 'stopped' ORDER BY order_id LIMIT 1 \gset
\echo :b'What the gate would say to another text to somebody who sent STOP':r
\set ECHO queries
SELECT rule, verdict, code, value FROM smsfollow.explain(:'phone', 'how is it');
\set ECHO none

\echo :b'The campaign in numbers: exact at any moment':r
\set ECHO queries
SELECT scheduled, suppressed, accepted, delivered, undelivered, failed, in_doubt, delivery_rate
FROM smsfollow.kpi_campaign WHERE campaign = 'how is it';
\set ECHO none

\echo :b'The same beside your own data: accents cost segments':r
\set ECHO queries
SELECT o.country, l.encoding, count(*) AS accepted, sum(l.segments) AS segments,
       round(avg((l.state = 'delivered')::int) * 100, 1) AS delivered_percent
FROM orders o JOIN smsfollow.message_log l ON l.vars ->> 'order_id' = o.order_id::text
WHERE l.segments IS NOT NULL
GROUP BY o.country, l.encoding ORDER BY o.country, l.encoding;
\set ECHO none

\echo :b'Is everything all right?':r
\set ECHO queries
SELECT item, status, detail FROM smsfollow.health();
