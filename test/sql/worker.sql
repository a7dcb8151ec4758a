-- Workers as SQL: switches, the guard of copies, partitions, retention, folding
-- and health.  Runs with or without shared_preload_libraries.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
DROP EXTENSION IF EXISTS smsfollow CASCADE;
CREATE EXTENSION smsfollow;
CREATE SCHEMA sf_worker_test;

-- SQLSTATE of a statement; empty when it succeeds.
CREATE FUNCTION sf_worker_test.state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

-- ----- without preload there is no worker to switch -----
SELECT f, sf_worker_test.state_of(format('SELECT smsfollow.%s()', f)) = CASE WHEN smsfollow.preloaded() THEN '' ELSE '55000' END AS as_expected
FROM unnest(ARRAY['stop_worker', 'restart_worker', 'pause_worker', 'resume_worker', 'worker_status', 'worker_listed']) AS f;
SELECT sf_worker_test.state_of('SELECT FROM smsfollow.stat_worker') = CASE WHEN smsfollow.preloaded() THEN '' ELSE '55000' END AS as_expected;
-- This database is not listed, so there is nothing to start.
SELECT sf_worker_test.state_of('SELECT smsfollow.start_worker()');
SELECT smsfollow.wake('dispatcher'), smsfollow.wake('scheduler'), smsfollow.worker_changed();
SELECT smsfollow.wake('janitor');
SELECT smsfollow.wake(NULL) IS NULL AS nothing;

-- ----- what persons decided stays in a table -----
DELETE FROM smsfollow.control;
INSERT INTO smsfollow.control (paused, changed_at, changed_by) VALUES (true, '2026-01-01', 'anna');
SELECT item, status, detail FROM smsfollow.health() WHERE item = 'paused';
INSERT INTO smsfollow.control (paused, changed_at, changed_by) VALUES (false, '2026-01-01', 'ben');
UPDATE smsfollow.control SET stopped = true;
SELECT item, status, detail, hint FROM smsfollow.health() WHERE item = 'paused';
DELETE FROM smsfollow.control;
SELECT item, status, detail FROM smsfollow.health() WHERE item = 'paused';

-- ----- a copy of the data does not send before somebody adopts it -----
SELECT smsfollow.system_identifier() = (SELECT system_identifier FROM pg_control_system()) AS right_identifier;
SELECT smsfollow.installation_problem() IS NULL AS may_send;
SELECT since <= smsfollow.clock() AND since > '-infinity' AS only_its_own_texts FROM smsfollow.installation;
-- a restore adds the row of where the dump was made
INSERT INTO smsfollow.installation (system_identifier, database_oid, site, since, adopted_at, adopted_by)
SELECT system_identifier, database_oid, site, since, adopted_at, adopted_by FROM smsfollow.installation;
SELECT smsfollow.installation_problem();
SELECT item, ok, status, hint FROM smsfollow.health() WHERE item = 'adoption';
SELECT smsfollow.adopt();
SELECT count(*), bool_and(since = '-infinity') AS all_texts FROM smsfollow.installation;
SELECT smsfollow.installation_problem() IS NULL AS may_send;
-- a database copied as a template
UPDATE smsfollow.installation SET database_oid = 1;
SELECT smsfollow.installation_problem();
-- another cluster
SELECT smsfollow.adopt();
UPDATE smsfollow.installation SET system_identifier = system_identifier + 1;
SELECT smsfollow.installation_problem();
-- another site
SELECT smsfollow.adopt();
UPDATE smsfollow.installation SET site = 'elsewhere';
SELECT smsfollow.installation_problem();
SELECT smsfollow.adopt();
-- adoption by nobody
DELETE FROM smsfollow.installation;
SELECT smsfollow.installation_problem();
SELECT smsfollow.adopt();
SELECT smsfollow.adopt();
-- it says how many texts are due: not those of the future, nor paused ones
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
SELECT lane, smsfollow.clock() + shift, 1, smsfollow.clock(), 1, 1, 1
FROM (VALUES (0, interval '-1 minute'), (3, '-1 minute'), (-1, '-1 minute'), (0, '1 hour')) AS v(lane, shift);
SELECT smsfollow.adopt();
DELETE FROM smsfollow.ready;

-- ----- partitions: a week, Monday to Monday in UTC, all tables -----
SELECT count(*) AS none_after_create_extension FROM pg_inherits
WHERE inhparent IN ('smsfollow.message'::regclass, 'smsfollow.attempt'::regclass, 'smsfollow.receipt'::regclass, 'smsfollow.verdict'::regclass);
-- nothing was stored yet: none are made ahead
SELECT smsfollow.maintain_partitions('2100-03-01 00:00');
SELECT smsfollow.partition_name('message', '2100-02-28 23:59:59.999999+00'), smsfollow.partition_name('message', '2100-03-01 00:00+00');
SELECT smsfollow.partition_name('message', '2100-03-01 00:30+02'), smsfollow.partition_name('message', '2020-12-31 12:00+00');
SELECT smsfollow.ensure_partition('2100-03-03 12:00+00');
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
WHERE h.inhparent = 'smsfollow.message'::regclass ORDER BY 1;
SELECT h.inhparent::regclass AS parent, count(*) AS weeks,
	count(*) FILTER (WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = h.inhrelid AND d.deptype = 'e')) AS not_of_the_extension,
	(SELECT count(*) FROM pg_index i WHERE i.indrelid = min(h.inhrelid)) AS indexes
FROM pg_inherits h
WHERE h.inhparent IN ('smsfollow.message'::regclass, 'smsfollow.attempt'::regclass, 'smsfollow.receipt'::regclass, 'smsfollow.verdict'::regclass)
GROUP BY 1 ORDER BY 1::text;
-- again: there is nothing left to do; a week later: one more week of four tables
SELECT smsfollow.ensure_partition('2100-03-03 12:00+00');
SELECT smsfollow.maintain_partitions('2100-03-07 23:59+00');
SELECT smsfollow.maintain_partitions('2100-03-08 00:00+00');
SELECT smsfollow.make_partitions('infinity', 0);
SELECT smsfollow.make_partitions('-infinity', 0);
-- neighbours meet: the last and the first microsecond of a week have a place
INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code)
SELECT at, 1, 1, 'defer', 'retry' FROM unnest(ARRAY['2100-03-07 23:59:59.999999+00', '2100-03-08 00:00+00']::timestamptz[]) AS at;
SELECT tableoid::regclass, at FROM smsfollow.verdict ORDER BY at;
-- whoever may send may cause them, and they belong to the owner all the same
CREATE ROLE sf_worker_sender;
SELECT smsfollow.grant_access('sf_worker_sender', 'sender');
GRANT EXECUTE ON FUNCTION smsfollow.ensure_partition(timestamptz), smsfollow.make_partitions(timestamptz, integer), smsfollow.partition_name(text, timestamptz) TO sf_worker_sender;
SET ROLE sf_worker_sender;
SELECT smsfollow.ensure_partition('2101-01-01');
RESET ROLE;
SELECT relowner = (SELECT extowner FROM pg_extension WHERE extname = 'smsfollow') AS of_the_owner
FROM pg_class WHERE oid = 'smsfollow.verdict_p21001227'::regclass;
-- it may not switch anything
SET ROLE sf_worker_sender;
SELECT smsfollow.adopt();
SELECT smsfollow.pause_worker();
SELECT smsfollow.set_control(true, true);
SELECT smsfollow.apply_retention();
INSERT INTO smsfollow.control VALUES (true, true, true, now(), 'me');
RESET ROLE;

-- ----- retention: the oldest weeks, unless a text of theirs still waits -----
SELECT smsfollow.make_partitions(smsfollow.clock() - interval '30 days', 1);
INSERT INTO smsfollow.idempotency (contact_id, key, message_id, expires_at)
SELECT g, 'k', g, smsfollow.clock() + CASE WHEN g <= 20 THEN interval '-1 s' ELSE '1 day' END FROM generate_series(1, 30) g;
-- kept for ever by default; expired keys go
SELECT smsfollow.apply_retention();
SELECT count(*) FROM smsfollow.idempotency;
SELECT smsfollow.apply_retention();
INSERT INTO smsfollow.retention VALUES ('log', 14);
SELECT smsfollow.apply_retention() = 6 AS one_week_of_all_tables;
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
VALUES (0, '2030-01-01', 1, smsfollow.clock() - interval '23 days', 1, 1, 1);
SELECT smsfollow.apply_retention() AS a_text_waits;
DELETE FROM smsfollow.ready;
-- in a copy nobody adopted nothing is dropped
UPDATE smsfollow.installation SET database_oid = 1;
SELECT smsfollow.apply_retention() AS not_adopted;
UPDATE smsfollow.installation SET database_oid = d.oid, since = smsfollow.clock() FROM pg_database d WHERE d.datname = current_database();
SELECT smsfollow.apply_retention() AS from_before_the_installation;
UPDATE smsfollow.installation SET since = '-infinity';
SELECT smsfollow.apply_retention() = 6 AS the_next_week;
SELECT smsfollow.apply_retention() AS nothing_left;
-- a week has 168 hours, also where the clocks change in it: its last hour is of it
SELECT smsfollow.make_partitions('2026-03-04', 0);
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
VALUES (0, '2030-01-01', 1, '2026-03-08 23:30+00', 1, 1, 1);
SET TIME ZONE 'America/New_York';
SELECT smsfollow.apply_retention() AS a_text_of_its_last_hour_waits;
SET TIME ZONE 'UTC';
DELETE FROM smsfollow.ready;
SELECT smsfollow.apply_retention() AS gone;
-- links stay until they expire
SELECT smsfollow.make_partitions(smsfollow.clock() - interval '30 days', 0);
SELECT smsfollow.create_program('linked', 'transactional', 'Acme') > 0 AS program, smsfollow.set_link_domain('linked', 'go.example.com');
SELECT smsfollow.apply_retention() AS all_but_the_links, smsfollow.apply_retention() AS nothing_left;
SELECT smsfollow.set_link_domain('linked', 'go.example.com', expires_after => '1 day');
SELECT smsfollow.apply_retention() AS the_links;
DELETE FROM smsfollow.retention;

-- ----- folding changes no sum -----
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n, cost)
SELECT c, timestamptz '2027-01-01 00:00+00' + m * interval '1 minute', 'accepted', '', 1, 0.0075
FROM generate_series(1, 2) c, generate_series(0, 2) m, generate_series(1, 10) n;
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n) VALUES (1, '2027-01-01 00:00+00', 'in_doubt', 1);
SELECT metric, sum(n), sum(cost) FROM smsfollow.kpi_count GROUP BY 1 ORDER BY 1;
SELECT smsfollow.fold_kpi();
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n, cost) VALUES (1, '2027-01-01 00:00+00', 'in_doubt', -1, 0), (1, '2027-01-01 00:00+00', 'accepted', 1, 0.5);
SELECT smsfollow.fold_kpi(), smsfollow.fold_kpi();
SELECT campaign_id, bucket, metric, n, cost FROM smsfollow.kpi_minute ORDER BY 1, 2, 3;
SELECT metric, sum(n), sum(cost) FROM smsfollow.kpi_count GROUP BY 1 ORDER BY 1;
-- what a restore brings is not folded before its own kpi_minute is there
UPDATE smsfollow.installation SET since = '2027-06-01';
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n) VALUES (1, '2027-01-01', 'sent', 1), (1, '2027-06-01', 'sent', 1);
SELECT smsfollow.fold_kpi();
SELECT bucket FROM smsfollow.kpi_delta;
SELECT smsfollow.adopt() \g /dev/null
SELECT smsfollow.fold_kpi();

-- ----- health: every row says what to do -----
SELECT item, status FROM smsfollow.health()
WHERE item IN ('adoption', 'dispatch_enabled', 'paused', 'provider', 'secret', 'sender', 'time zone', 'oldest snapshot', 'queue', 'in doubt')
	-- a neighbour on the same server may hold a snapshot
	AND NOT (item = 'oldest snapshot' AND status = 'warning');
SELECT bool_and(ok = (status = 'ok') AND (hint = 'Nothing to do.') = ok AND detail <> '') AS consistent, count(*) > 10 AS complete FROM smsfollow.health();
SELECT ok = smsfollow.preloaded() AS tells_preload FROM smsfollow.health() WHERE item = 'preload';
-- a real provider without its secret, then with it; the secret is never shown
SELECT smsfollow.create_provider('main', 'twilio', '{"account": "AC1"}', 'main-token') > 0 AS made;
SELECT item, status, detail FROM smsfollow.health() WHERE item IN ('provider', 'secret', 'sender') ORDER BY item;
SELECT smsfollow.set_secret('main-token', '{"auth_token": "do-not-show-me"}');
SELECT smsfollow.add_sender('main', '+14155550100') > 0 AS made;
SELECT item, status, detail FROM smsfollow.health() WHERE item IN ('provider', 'secret', 'sender') ORDER BY item;
SELECT count(*) FROM smsfollow.health() h WHERE h::text LIKE '%do-not-show-me%';
SELECT smsfollow.pause_sender('+14155550100');
SELECT item, status, detail FROM smsfollow.health() WHERE item = 'sender';
-- an overdue queue
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
SELECT l, smsfollow.clock() - interval '10 minutes', l, smsfollow.clock(), l, 1, 1 FROM generate_series(0, 3) l;
SELECT item, status, regexp_replace(detail, 'for .*', 'for ...') AS detail FROM smsfollow.health() WHERE item = 'queue';
DELETE FROM smsfollow.ready;

DROP EXTENSION smsfollow CASCADE;
SELECT count(*) AS left_over FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'smsfollow';
DROP SCHEMA sf_worker_test CASCADE;
DROP ROLE sf_worker_sender;
CREATE EXTENSION smsfollow;
