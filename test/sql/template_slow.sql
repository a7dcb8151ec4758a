\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Templates that work as much as they may: a wave ends in time, and the texts
-- that it did not come to wait for the next one. There are more than any
-- machine renders in that time.
SELECT smsfollow.create_program('p', 'transactional', 'Acme') > 0 AS program;
SELECT smsfollow.create_template('slow', '{% for i in (1..100000) %}{% assign x = "Mon, 5 Jan 2026 15:04:05" | date: "%c" %}{% endfor %}') AS slow;
SELECT count(smsfollow.opt_in('+1415555' || lpad(n::text, 4, '0'), 'p', 'web_form')) FROM generate_series(1000, 1999) n;
SELECT count(smsfollow.send('+1415555' || lpad(n::text, 4, '0'), template => 'slow')) FROM generate_series(1000, 1999) n;
CREATE TABLE t.first AS SELECT * FROM smsfollow.claim(1000, 1);
SELECT DISTINCT fate, code FROM t.first ORDER BY 1;
SELECT count(*) FILTER (WHERE fate = 'park') = (SELECT count(*) FROM smsfollow.ready) AS parked_texts_wait,
	count(*) FILTER (WHERE fate = 'suppress') = (SELECT count(*) FROM smsfollow.verdict) AS others_have_a_verdict FROM t.first;
SELECT DISTINCT code, detail FROM smsfollow.verdict;
SELECT * FROM t.miscount;
