/*
 * The workers as people see them: what they do, and the switches.  What a
 * person switched stands in a table, because shared memory does not survive a
 * crash and a crash must not resume texting that somebody paused.
 */
CREATE FUNCTION smsfollow.preloaded() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_preloaded';
COMMENT ON FUNCTION smsfollow.preloaded() IS 'True when smsfollow is in shared_preload_libraries, so that workers can run';

CREATE FUNCTION smsfollow.wake(worker text) RETURNS void
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'smsfollow_wake';
COMMENT ON FUNCTION smsfollow.wake(text) IS
'Internal: at commit of this transaction the worker (dispatcher or scheduler) of this database looks for work; nothing happens where none runs. Error: invalid_parameter_value';

CREATE FUNCTION smsfollow.worker_changed() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_worker_changed';
COMMENT ON FUNCTION smsfollow.worker_changed() IS
'Internal: at commit of this transaction launcher and workers read again what decides whether they run and send';

CREATE FUNCTION smsfollow.worker_restart() RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_worker_restart';
COMMENT ON FUNCTION smsfollow.worker_restart() IS
'Internal: at commit of this transaction the workers of this database end and start again. Error: object_not_in_prerequisite_state';

CREATE FUNCTION smsfollow.worker_listed() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_worker_listed';
COMMENT ON FUNCTION smsfollow.worker_listed() IS
'Internal: true when smsfollow.databases names this database. Error: object_not_in_prerequisite_state when smsfollow is not preloaded';

CREATE FUNCTION smsfollow.worker_status(
	OUT database text, OUT worker text, OUT pid integer, OUT state text, OUT activity text,
	OUT started_at timestamptz, OUT last_active_at timestamptz, OUT last_error text, OUT last_error_at timestamptz,
	OUT in_flight bigint, OUT waves bigint, OUT claimed bigint, OUT accepted bigint, OUT rejected bigint,
	OUT retried bigint, OUT in_doubt bigint, OUT suppressed bigint, OUT deferred bigint, OUT stale bigint,
	OUT sweeps bigint, OUT missed bigint, OUT wakeups bigint, OUT errors bigint,
	OUT claim_ms double precision, OUT settle_ms double precision
) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'smsfollow_worker_status';
COMMENT ON FUNCTION smsfollow.worker_status() IS
'The dispatcher and the scheduler of each listed database, from shared memory; see the view stat_worker. Error: object_not_in_prerequisite_state when smsfollow is not preloaded';

CREATE VIEW smsfollow.stat_worker AS
SELECT database, worker, pid, state, activity, started_at, last_active_at, last_error, last_error_at,
	in_flight, waves, claimed, accepted, rejected, retried, in_doubt, suppressed, deferred, stale,
	sweeps, missed, wakeups, errors, claim_ms, settle_ms
FROM smsfollow.worker_status();
COMMENT ON VIEW smsfollow.stat_worker IS
'The workers of each listed database; counts are since the server started and stand in the dispatcher''s row';
COMMENT ON COLUMN smsfollow.stat_worker.state IS
'absent, starting, running, paused, guarded (this copy of the data is not adopted), stopped, no extension (or another version of it)';
COMMENT ON COLUMN smsfollow.stat_worker.activity IS 'What it does, in words';
COMMENT ON COLUMN smsfollow.stat_worker.last_error IS 'Numbers masked; of other databases only for members of pg_read_all_stats';
COMMENT ON COLUMN smsfollow.stat_worker.in_flight IS 'Requests at providers right now';
COMMENT ON COLUMN smsfollow.stat_worker.waves IS 'Claims that took at least one text';
COMMENT ON COLUMN smsfollow.stat_worker.claimed IS 'Texts permitted to go';
COMMENT ON COLUMN smsfollow.stat_worker.stale IS 'Results that came after somebody else had decided about the text';
COMMENT ON COLUMN smsfollow.stat_worker.sweeps IS 'Full looks at the queue';
COMMENT ON COLUMN smsfollow.stat_worker.missed IS 'Texts that only a full look found; expected 0';
COMMENT ON COLUMN smsfollow.stat_worker.errors IS 'Errors of both workers';
COMMENT ON COLUMN smsfollow.stat_worker.claim_ms IS 'Time in claims, ms';
COMMENT ON COLUMN smsfollow.stat_worker.settle_ms IS 'Time writing results, ms';

/*
 * Which copy of the data this is.  CREATE EXTENSION writes a row for here, and
 * a dump carries the row of where it was made.  A restored database therefore
 * has two, a database copied as a template one with the wrong OID, a copy of
 * the data directory that was given a new system identifier one with the wrong
 * identifier; none of them may text anybody before a person adopts it.  A
 * promoted standby keeps everything and goes on.  No unique constraint: it
 * would make the restore fail instead.
 *
 * While a restore runs, the dumped row may come last.  Until then "since" holds
 * the line: texts from before CREATE EXTENSION were not made here.
 */
CREATE TABLE smsfollow.installation (
	incarnation uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	site text NOT NULL,
	since timestamptz NOT NULL,
	adopted_at timestamptz NOT NULL,
	adopted_by text NOT NULL
);
COMMENT ON TABLE smsfollow.installation IS
'Where texts may be sent from: exactly one row that matches this server, database and smsfollow.site; see adopt()';
COMMENT ON COLUMN smsfollow.installation.system_identifier IS 'Of the cluster, as pg_control_system() says';
COMMENT ON COLUMN smsfollow.installation.site IS 'smsfollow.site at that time; empty: not set';
COMMENT ON COLUMN smsfollow.installation.since IS
'Texts and counts from before this moment were made elsewhere and are left alone; -infinity once a person called adopt()';

CREATE FUNCTION smsfollow.tell_workers() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.worker_changed();
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION smsfollow.tell_workers() IS
'Trigger: at commit the workers read again whether they may run and send, whoever changed it, a restore included';
CREATE TRIGGER tell_workers AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.installation
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.tell_workers();

CREATE FUNCTION smsfollow.system_identifier() RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_system_identifier';
COMMENT ON FUNCTION smsfollow.system_identifier() IS 'Internal: identifier of this cluster, as pg_control_system() says';

CREATE FUNCTION smsfollow.site() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_site';
COMMENT ON FUNCTION smsfollow.site() IS 'Internal: smsfollow.site; empty when not set';

INSERT INTO smsfollow.installation (system_identifier, database_oid, site, since, adopted_at, adopted_by)
SELECT smsfollow.system_identifier(), d.oid, smsfollow.site(), smsfollow.clock(), pg_catalog.clock_timestamp(), session_user
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();

CREATE FUNCTION smsfollow.installation_problem() RETURNS text
LANGUAGE sql STABLE
-- definer: health() shows it to people who need not read the table
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN count(i.incarnation) = 0 THEN 'nobody adopted this database'
		WHEN count(i.incarnation) > 1 THEN 'this database was restored from a dump and not adopted since'
		WHEN min(i.system_identifier) <> smsfollow.system_identifier() THEN 'the data come from another server'
		WHEN min(i.database_oid) <> min(d.oid) THEN 'this database is a copy of another one'
		WHEN min(i.site) <> smsfollow.site() THEN
			format('the database was adopted for site "%s", but smsfollow.site is "%s"', min(i.site), smsfollow.site())
		END
	FROM pg_database d LEFT JOIN smsfollow.installation i ON true
	WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION smsfollow.installation_problem() IS
'Why this database must not send before adopt(), in words; NULL: it may';

CREATE FUNCTION smsfollow.adopt() RETURNS text
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 100000;
	problem text;
	due bigint;
BEGIN
	LOCK TABLE smsfollow.installation IN SHARE ROW EXCLUSIVE MODE;
	problem := smsfollow.installation_problem();
	DELETE FROM smsfollow.installation;
	INSERT INTO smsfollow.installation (system_identifier, database_oid, site, since, adopted_at, adopted_by)
	SELECT smsfollow.system_identifier(), d.oid, smsfollow.site(), '-infinity', clock_timestamp(), session_user
	FROM pg_database d WHERE d.datname = current_database();
	SELECT count(*) INTO due FROM (
		SELECT FROM smsfollow.ready r WHERE r.lane >= 0 AND r.send_at <= smsfollow.clock() LIMIT most + 1) x;
	RETURN format('Adopted%s. Texts that are due and go as soon as this commits: %s.',
				  ' (' || problem || ')', CASE WHEN due > most THEN 'more than ' || most ELSE due::text END);
END
$$;
COMMENT ON FUNCTION smsfollow.adopt() IS
'Makes this copy of the data the one that sends, from commit on; says what it did and how many texts are due. To hold them back, call pause_worker() first. Needed after a restore, a copy of the database, pg_upgrade, or a change of smsfollow.site';

/*
 * What persons decided about the workers of this database.  At most one row;
 * none: nobody decided anything.  No seed row, which a restore would meet again.
 */
CREATE TABLE smsfollow.control (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	paused boolean NOT NULL DEFAULT false,
	stopped boolean NOT NULL DEFAULT false,
	changed_at timestamptz NOT NULL,
	changed_by text NOT NULL
);
COMMENT ON TABLE smsfollow.control IS 'Whether the workers of this database are paused or stopped; outlives crash and restart';
COMMENT ON COLUMN smsfollow.control.paused IS 'True: the dispatcher runs and sends nothing';
COMMENT ON COLUMN smsfollow.control.stopped IS 'True: neither worker runs';
CREATE TRIGGER tell_workers AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.control
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.tell_workers();
CREATE TRIGGER tell_workers AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.kill_switch
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.tell_workers();

CREATE FUNCTION smsfollow.set_control(paused boolean, stopped boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- raises an error when not preloaded: then there is no worker to control
	PERFORM smsfollow.worker_listed();
	INSERT INTO smsfollow.control AS c (paused, stopped, changed_at, changed_by)
	VALUES (coalesce(set_control.paused, false), coalesce(set_control.stopped, false), clock_timestamp(), session_user)
	ON CONFLICT (only_row) DO UPDATE SET
		paused = coalesce(set_control.paused, c.paused),
		stopped = coalesce(set_control.stopped, c.stopped),
		changed_at = excluded.changed_at,
		changed_by = excluded.changed_by;
END
$$;
COMMENT ON FUNCTION smsfollow.set_control(boolean, boolean) IS
'Internal: changes smsfollow.control (NULL: as it is). Error: object_not_in_prerequisite_state when smsfollow is not preloaded';

CREATE FUNCTION smsfollow.start_worker() RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT smsfollow.worker_listed() THEN
		RAISE EXCEPTION 'database "%" is not listed in smsfollow.databases', current_database()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Add it to smsfollow.databases in postgresql.conf and reload the configuration; the workers then start by themselves.';
	END IF;
	PERFORM smsfollow.set_control(NULL, false);
END
$$;
COMMENT ON FUNCTION smsfollow.start_worker() IS
'Starts the workers of this database after stop_worker(), or at once instead of after a wait, from commit on. Error: object_not_in_prerequisite_state when not preloaded or the database is not listed';

CREATE FUNCTION smsfollow.stop_worker() RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.set_control(NULL, true);
END
$$;
COMMENT ON FUNCTION smsfollow.stop_worker() IS
'Ends the workers of this database at commit, until start_worker(), also across server restarts; then nobody is connected for them and the database can be dropped, renamed or copied. Error: object_not_in_prerequisite_state when not preloaded';

CREATE FUNCTION smsfollow.restart_worker() RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.worker_restart();
END
$$;
COMMENT ON FUNCTION smsfollow.restart_worker() IS
'Replaces both worker processes of this database after commit; running requests get smsfollow.shutdown_grace to finish. Error: object_not_in_prerequisite_state when not preloaded';

CREATE FUNCTION smsfollow.pause_worker() RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.set_control(true, NULL);
END
$$;
COMMENT ON FUNCTION smsfollow.pause_worker() IS
'Sends nothing from this database from commit on, until resume_worker(), also after a crash or restart; requests that are under way are finished and recorded. Error: object_not_in_prerequisite_state when not preloaded';

CREATE FUNCTION smsfollow.resume_worker() RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.set_control(false, NULL);
END
$$;
COMMENT ON FUNCTION smsfollow.resume_worker() IS
'Sends again after pause_worker(), from commit on. Error: object_not_in_prerequisite_state when not preloaded';
