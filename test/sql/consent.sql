\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Consent: an append-only ledger and the state that follows from it.
SELECT smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme');
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT smsfollow.opt_in('+14155550101', 'news', 'web_form', '{"form": "checkout", "ip": "192.0.2.1"}') AS event;
SELECT smsfollow.opt_in('+14155550101', 'orders', 'keyword') AS event;
SELECT smsfollow.opt_in('+1 (415) 555-0102', 'news', 'paper', NULL) AS event;
SELECT phone, program, state, method FROM smsfollow.consent_status ORDER BY phone, program;
-- one program, then all of them, then one again
SELECT smsfollow.opt_out('+14155550101', 'news', 'keyword', '{"word": "STOP"}') AS event;
SELECT phone, program, state, method FROM smsfollow.consent_status ORDER BY phone, program;
SELECT smsfollow.opt_out('+14155550101') AS event;
SELECT phone, program, state, method FROM smsfollow.consent_status ORDER BY phone, program;
SELECT smsfollow.opt_in('+14155550101', 'orders', 'voice') AS event;
-- a number never seen before may opt out, too
SELECT smsfollow.opt_out('+14155550103') AS event;
SELECT phone, program, state, method FROM smsfollow.consent_status ORDER BY phone, program;
SELECT e.consent_event_id, right(p.phone, 4) AS phone, e.program_id, e.event, e.kind, e.method, v.evidence, e.recorded_by = session_user AS by_me
FROM smsfollow.consent_event e JOIN smsfollow.contact_phone p USING (contact_id)
LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id) ORDER BY 1;

-- at moments: just before, at and after each event
CREATE VIEW t.moments AS
SELECT e.consent_event_id AS n, e.event, e.program_id AS p,
	smsfollow.consent_at('+14155550101', 'news', e.recorded_at - interval '1 us') AS news_before,
	smsfollow.consent_at('+14155550101', 'news', e.recorded_at) AS news_at,
	smsfollow.consent_at('+14155550101', 'orders', e.recorded_at - interval '1 us') AS orders_before,
	smsfollow.consent_at('+14155550101', 'orders', e.recorded_at) AS orders_at
FROM smsfollow.consent_event e WHERE e.contact_id = smsfollow.contact_id('+14155550101') ORDER BY 1;
SELECT * FROM t.moments;
SELECT smsfollow.consent_at('+14155550101', 'news') AS out_now, smsfollow.consent_at('+14155550101', 'orders') AS in_now,
	smsfollow.consent_at('+14155550101', 'orders', 'infinity') AS ever, smsfollow.consent_at('+14155550101', 'orders', '-infinity') AS never,
	smsfollow.consent_at('+14155550102', 'orders') AS other_program, smsfollow.consent_at('+14155550103', 'orders') AS all_programs,
	smsfollow.consent_at('+14155550199', 'news') AS nobody;
-- the cached state is what the ledger says, for everybody who has one
SELECT s.phone, s.program, s.state, smsfollow.consent_at(s.phone, s.program) FROM smsfollow.consent_status s
WHERE s.state <> smsfollow.consent_at(s.phone, s.program);

-- append-only, for its owner and a superuser too
SELECT t.fails('UPDATE smsfollow.consent_event SET method = ''x''');
SELECT t.fails('UPDATE smsfollow.consent_event SET method = ''x'' WHERE false');
SELECT t.fails('DELETE FROM smsfollow.consent_event');
SELECT t.fails('TRUNCATE smsfollow.consent_event');
SET client_min_messages = warning;
SELECT t.fails('TRUNCATE smsfollow.contact CASCADE');
RESET client_min_messages;
SELECT t.fails('DELETE FROM smsfollow.contact');
SELECT t.fails($$MERGE INTO smsfollow.consent_event e USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE$$);
SELECT t.fails($$INSERT INTO smsfollow.consent_event SELECT * FROM smsfollow.consent_event ON CONFLICT (contact_id, consent_event_id) DO UPDATE SET method = 'x'$$);
SELECT count(*) FROM smsfollow.consent_event;

-- errors of both, nothing half-written
SELECT f, t.fails(format('SELECT smsfollow.%s(%s)', f, a))
FROM unnest('{opt_in,opt_out}'::text[]) f, unnest(ARRAY[
	$$NULL, 'news', 'web'$$, $$'+12', 'news', 'web'$$, $$'+14155550104', 'nothing', 'web'$$, $$'+14155550104', 'news', NULL$$, $$'+14155550104', 'news', ''$$,
	$$'+14155550104', 'news', repeat('x', 101)$$, $$'+14155550104', 'news', 'web', '[]'$$, $$'+14155550104', 'news', 'web', '"x"'$$,
	$$'+14155550104', 'news', 'web', 'null'$$]) a;
SELECT t.fails($$SELECT smsfollow.opt_in('+14155550104', NULL, 'web')$$);
SELECT t.fails($$SELECT smsfollow.consent_at(NULL, 'news')$$);
SELECT t.fails($$SELECT smsfollow.consent_at('+14155550101', NULL)$$);
SELECT t.fails($$SELECT smsfollow.consent_at('+14155550101', 'nothing')$$);
SELECT t.fails($$SELECT smsfollow.consent_at('+14155550101', 'news', NULL)$$);
SELECT t.fails($$SELECT smsfollow.consent_at('+12', 'news')$$);
SELECT smsfollow.contact_id('+14155550104') IS NULL AS nothing_written;

-- an opt-out takes what is queued out, in its own transaction
SELECT smsfollow.opt_in('+14155550105', p, 'web_form') > 0 FROM unnest('{news,orders}'::text[]) p;
SELECT smsfollow.send('+14155550105', 'one', campaign => 'news') > 0, smsfollow.send('+14155550105', 'two', campaign => 'orders') > 0,
	smsfollow.send('+14155550105', 'three', campaign => 'news') > 0;
BEGIN;
SELECT smsfollow.opt_out('+14155550105', 'news', 'keyword') > 0;
SELECT state, code, rule LIKE 'consent_event %' AS names_event, body FROM t.log;
ROLLBACK;
SELECT state, code, body FROM t.log;
SELECT smsfollow.opt_out('+14155550105', 'news', 'keyword') > 0;
SELECT state, code, body FROM t.log;
SELECT * FROM t.miscount;
SELECT smsfollow.opt_out('+14155550105', method => 'keyword') > 0;
SELECT state, code, body FROM t.log;
-- an opt-in does not bring them back, but lets later ones go
SELECT smsfollow.opt_in('+14155550105', 'news', 'keyword') > 0;
SELECT smsfollow.send('+14155550105', 'four', campaign => 'news') > 0, smsfollow.send('+14155550105', 'five', campaign => 'orders') > 0;
SELECT fate, code, body FROM t.claim();
SELECT fate, code, body FROM t.claim();
SELECT t.settle('accepted');
SELECT state, code, body FROM t.log;
-- those of a paused campaign, too, and those that wait for a later moment
SELECT smsfollow.pause('news');
SELECT smsfollow.send('+14155550102', 'paused', campaign => 'news') > 0;
SELECT smsfollow.opt_out('+14155550102', 'news') > 0;
SELECT smsfollow.resume('news');
SELECT smsfollow.opt_in('+14155550102', 'news', 'keyword') > 0;
SELECT smsfollow.schedule_many($$SELECT '+14155550102' AS phone, 'next year' AS body$$, campaign => 'news', send_at => smsfollow.clock() + interval '1 year');
SELECT smsfollow.opt_out('+14155550102', 'news') > 0;
SELECT state, code, body FROM t.log WHERE phone = '0102';
-- one in flight is past recall: it is accepted, and the ledger says that it was allowed at its time
SELECT smsfollow.send('+14155550105', 'six', campaign => 'news') > 0;
SELECT fate, body FROM t.claim();
SELECT smsfollow.opt_out('+14155550105', method => 'keyword') > 0;
SELECT t.settle('accepted');
SELECT state, code, body FROM t.log WHERE body = 'six';
SELECT smsfollow.consent_at('+14155550105', 'news', a.started_at) AS then, smsfollow.consent_at('+14155550105', 'news') AS now,
	e.event AS allowed_by
FROM smsfollow.attempt a JOIN smsfollow.consent_event e USING (consent_event_id) WHERE a.body = 'six';
SELECT * FROM t.miscount;
SELECT metric, reason, texts FROM smsfollow.kpi_reason ORDER BY campaign, metric, reason;
