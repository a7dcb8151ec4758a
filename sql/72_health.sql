/*
 * One look at everything that has to be right before a text can leave, in
 * plain words, with what to do about what is not.  Each part answers with rows
 * of item, status (ok, warning, error), detail and hint; health() puts them
 * together.
 */
CREATE FUNCTION smsfollow.health_workers() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	listed boolean;
BEGIN
	RETURN QUERY SELECT 'preload', CASE WHEN smsfollow.preloaded() THEN 'ok' ELSE 'error' END,
		CASE WHEN smsfollow.preloaded() THEN 'the server loaded smsfollow' ELSE 'the server did not load smsfollow at start' END,
		'Add smsfollow to shared_preload_libraries in postgresql.conf and restart the server.';
	IF NOT smsfollow.preloaded() THEN
		RETURN;
	END IF;
	IF pg_is_in_recovery() THEN
		RETURN QUERY SELECT 'standby', 'warning', 'this server is a standby and sends nothing',
			'Nothing to do: the workers start when it is promoted.';
		RETURN;
	END IF;

	listed := smsfollow.worker_listed();
	RETURN QUERY SELECT 'database', CASE WHEN listed THEN 'ok' ELSE 'error' END,
		format('%I is %s in smsfollow.databases', current_database(), CASE WHEN listed THEN 'listed' ELSE 'not listed' END),
		'Add it to smsfollow.databases in postgresql.conf and reload the configuration.';

	RETURN QUERY
	SELECT k.worker,
		CASE w.state WHEN 'running' THEN 'ok' WHEN 'paused' THEN 'warning' WHEN 'guarded' THEN 'warning'
					 WHEN 'starting' THEN 'warning' ELSE 'error' END,
		CASE WHEN w.state IS NULL THEN 'not started: the launcher does not know this database yet, or has no place for it'
			 ELSE concat_ws(', ', w.state, w.activity, 'last error: ' || w.last_error) END,
		CASE w.state
			WHEN 'paused' THEN 'Call smsfollow.resume_worker() when texts shall go again.'
			WHEN 'guarded' THEN 'See the row adoption.'
			WHEN 'starting' THEN 'Look again in a moment.'
			WHEN 'stopped' THEN 'Call smsfollow.start_worker().'
			WHEN 'no extension' THEN 'The server loaded another version of smsfollow: run ALTER EXTENSION smsfollow UPDATE, or restart the server.'
			ELSE 'Look into the server log; it is tried again with growing waits, or at once with smsfollow.start_worker(). Each database needs one of smsfollow.max_databases and two of max_worker_processes.'
		END
	FROM (VALUES ('dispatcher'), ('scheduler')) AS k(worker)
	LEFT JOIN smsfollow.worker_status() w ON w.worker = k.worker AND w.database = current_database()
	WHERE listed
	ORDER BY k.worker;
END
$$;
COMMENT ON FUNCTION smsfollow.health_workers() IS 'Internal: the part of health() about the server and the workers';

CREATE FUNCTION smsfollow.health_permission() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text := smsfollow.installation_problem();
	enabled boolean := current_setting('smsfollow.dispatch_enabled');
	c record;
	k record;
BEGIN
	RETURN QUERY SELECT 'adoption', CASE WHEN problem IS NULL THEN 'ok' ELSE 'error' END,
		coalesce(problem, 'this copy of the data may send'),
		'If texts shall be sent from here, call smsfollow.adopt(). If this is a test copy, leave it as it is.';
	RETURN QUERY SELECT 'dispatch_enabled', CASE WHEN enabled THEN 'ok' ELSE 'warning' END,
		CASE WHEN enabled THEN 'on' ELSE 'smsfollow.dispatch_enabled is off: nothing is sent from any database' END,
		'Set smsfollow.dispatch_enabled to on in postgresql.conf and reload the configuration.';
	SELECT * INTO c FROM smsfollow.control;
	SELECT * INTO k FROM smsfollow.kill_switch;
	RETURN QUERY SELECT 'paused', CASE WHEN c.paused OR c.stopped OR k.paused_by IS NOT NULL THEN 'warning' ELSE 'ok' END,
		CASE WHEN k.paused_by IS NOT NULL
			 THEN format('everything is paused by %s at %s%s', k.paused_by, k.paused_at, ': ' || k.reason)
			 WHEN c.paused OR c.stopped
			 THEN format('%s by %s at %s', CASE WHEN c.stopped THEN 'stopped' ELSE 'paused' END, c.changed_by, c.changed_at)
			 ELSE 'no' END,
		CASE WHEN k.paused_by IS NOT NULL THEN 'Call smsfollow.resume_all() when texts shall go again.'
			 WHEN c.stopped THEN 'Call smsfollow.start_worker().' ELSE 'Call smsfollow.resume_worker() when texts shall go again.' END;
END
$$;
COMMENT ON FUNCTION smsfollow.health_permission() IS 'Internal: the part of health() about whether anything may be sent at all';

CREATE FUNCTION smsfollow.health_secret(secret_name text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dir text := current_setting('smsfollow.secret_dir');
BEGIN
	IF EXISTS (SELECT FROM smsfollow.secret s WHERE s.name = health_secret.secret_name) THEN
		RETURN 'found';
	END IF;
	IF dir = '' THEN
		RETURN 'missing';
	END IF;
	-- looks whether the file is there, not into it
	RETURN CASE WHEN (pg_stat_file(dir || '/' || health_secret.secret_name, true)).size > 0 THEN 'found' ELSE 'missing' END;
EXCEPTION WHEN OTHERS THEN
	RETURN 'unknown';
END
$$;
COMMENT ON FUNCTION smsfollow.health_secret(text) IS
'Internal: found, missing or unknown (the directory cannot be read); never the secret';

CREATE FUNCTION smsfollow.health_provider() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	real integer;
	any_sender integer;
	missing text;
BEGIN
	SELECT count(*) INTO real FROM smsfollow.provider p WHERE NOT p.paused AND p.kind <> 'sandbox';
	RETURN QUERY SELECT 'provider', CASE WHEN real > 0 THEN 'ok' ELSE 'warning' END,
		CASE WHEN real > 0 THEN format('%s active', real) ELSE 'only the sandbox is active: texts do not reach anybody' END,
		'Add your account with smsfollow.create_provider() and a number with smsfollow.add_sender().';

	SELECT string_agg(format('%s of provider %s: %s', x.secret_name, x.name, x.found), '; ') INTO missing
	FROM (SELECT p.name, p.secret_name, smsfollow.health_secret(p.secret_name) AS found
		  FROM smsfollow.provider p
		  WHERE NOT p.paused AND p.secret_name IS NOT NULL) x
	WHERE x.found <> 'found';
	RETURN QUERY SELECT 'secret', CASE WHEN missing IS NULL THEN 'ok' ELSE 'error' END,
		coalesce(missing, 'every active provider that names a secret has it'),
		'Put a file of that name into smsfollow.secret_dir, readable for the server only, or call smsfollow.set_secret().';

	SELECT count(*) INTO any_sender
	FROM smsfollow.sender s JOIN smsfollow.provider p USING (provider_id)
	WHERE NOT s.paused AND NOT p.paused AND (p.kind <> 'sandbox' OR real = 0);
	RETURN QUERY SELECT 'sender', CASE WHEN any_sender > 0 THEN 'ok' ELSE 'error' END,
		CASE WHEN any_sender > 0 THEN format('%s active', any_sender) ELSE 'no active provider has an active sender' END,
		'Add one with smsfollow.add_sender(), or resume one with smsfollow.resume_sender().';
END
$$;
COMMENT ON FUNCTION smsfollow.health_provider() IS 'Internal: the part of health() about providers, secrets and senders';

CREATE FUNCTION smsfollow.health_time_zone() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	without bigint;
	looked_at bigint;
BEGIN
	BEGIN
		-- one zone that every copy of the time zone database has
		PERFORM now() AT TIME ZONE 'America/New_York';
	EXCEPTION WHEN invalid_parameter_value THEN
		RETURN QUERY SELECT 'time zone', 'error', 'the server has no time zone data',
			'Install the time zone package of the operating system (tzdata) and restart the server.';
		RETURN;
	END;
	SELECT count(*) FILTER (WHERE s.time_zone IS NULL), count(*) INTO without, looked_at
	FROM (SELECT c.time_zone FROM smsfollow.contact_state c LIMIT 10000) s;
	RETURN QUERY SELECT 'time zone', CASE WHEN without = 0 THEN 'ok' ELSE 'warning' END,
		CASE WHEN without = 0 THEN 'known for every contact looked at'
			 ELSE format('not known for %s of %s contacts looked at', without, looked_at) END,
		'Give contacts their IANA time zone with smsfollow.add_contact(), so that allowed hours are theirs.';
END
$$;
COMMENT ON FUNCTION smsfollow.health_time_zone() IS 'Internal: the part of health() about time zones; looks at 10000 contacts at most';

CREATE FUNCTION smsfollow.health_storage() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	long CONSTANT interval := '10 minutes';
	ahead integer;
	holder text;
	erasures bigint;
	first_erasure timestamptz;
BEGIN
	SELECT count(*) INTO ahead FROM generate_series(0, 4) AS n
	WHERE to_regclass('smsfollow.' || smsfollow.partition_name('message', smsfollow.clock() + n * interval '168 hours')) IS NOT NULL;
	IF NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = 'smsfollow.message'::regclass) THEN
		RETURN QUERY SELECT 'partitions', 'ok', 'the first text makes them', NULL::text;
	ELSE
		RETURN QUERY SELECT 'partitions', CASE WHEN ahead >= 2 THEN 'ok' ELSE 'warning' END,
			format('made for %s of this and the next 4 weeks', ahead),
			'The scheduler makes them each hour: see its row and the server log. By hand: smsfollow.maintain_partitions(smsfollow.clock()).';
	END IF;

	SELECT string_agg(x.who, '; ' ORDER BY x.since) INTO holder
	FROM (
		SELECT format('%s, process %s, since %s', coalesce(nullif(a.application_name, ''), a.backend_type), a.pid, a.xact_start) AS who,
			a.xact_start AS since
		FROM pg_stat_activity a
		WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.xact_start < now() - long
			AND a.backend_type <> 'autovacuum worker' AND a.pid <> pg_backend_pid()
		UNION ALL
		SELECT format('prepared transaction %s, since %s', p.gid, p.prepared), p.prepared
		FROM pg_prepared_xacts p WHERE p.prepared < now() - long
		UNION ALL
		SELECT format('replication slot %s, %s transactions behind', s.slot_name, age(s.xmin)), '-infinity'
		FROM pg_replication_slots s WHERE age(s.xmin) > 1000000
		ORDER BY 2 LIMIT 3
	) x;
	RETURN QUERY SELECT 'oldest snapshot', CASE WHEN holder IS NULL THEN 'ok' ELSE 'warning' END,
		coalesce(holder, 'none older than 10 minutes'),
		'It keeps dead rows of the queue from being removed. End it if it is forgotten: pg_terminate_backend(), ROLLBACK PREPARED or pg_drop_replication_slot().';

	SELECT count(*), min(p.requested_at) INTO erasures, first_erasure FROM smsfollow.privacy_request p WHERE p.finished_at IS NULL;
	RETURN QUERY SELECT 'erasures', CASE WHEN first_erasure < smsfollow.clock() - interval '1 hour' THEN 'warning' ELSE 'ok' END,
		CASE WHEN erasures = 0 THEN 'all are finished'
			 ELSE format('%s not finished, the oldest asked for at %s', erasures, date_trunc('second', first_erasure)) END,
		'Old versions of rows leave the files when no snapshot is older than the erasure (see oldest snapshot), no text to the contact is under way, and the worker owns the tables.';
END
$$;
COMMENT ON FUNCTION smsfollow.health_storage() IS 'Internal: the part of health() about partitions, old snapshots and erasures';

CREATE FUNCTION smsfollow.health_queue() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 100000;
	now timestamptz := smsfollow.clock();
	due bigint;
	oldest timestamptz;
	doubts bigint;
BEGIN
	SELECT count(*), min(x.send_at) INTO due, oldest
	FROM (SELECT r.send_at
		  FROM generate_series(0, 3) AS l(lane)
		  CROSS JOIN LATERAL (SELECT q.send_at FROM smsfollow.ready q
							  WHERE q.lane = l.lane AND q.send_at <= now ORDER BY q.send_at LIMIT most) r) x;
	RETURN QUERY SELECT 'queue', CASE WHEN oldest < now - interval '5 minutes' THEN 'warning' ELSE 'ok' END,
		CASE WHEN due = 0 THEN 'no text is due'
			 ELSE format('%s%s texts are due, the oldest for %s', CASE WHEN due >= most THEN 'more than ' END, due,
						 date_trunc('second', now - oldest)) END,
		'See the other rows, and smsfollow.explain(message_id) for a text; a slow sender (segments_per_second) also makes texts wait.';

	SELECT count(*) INTO doubts FROM (SELECT FROM smsfollow.in_doubt LIMIT most) d;
	RETURN QUERY SELECT 'in doubt', CASE WHEN doubts = 0 THEN 'ok' ELSE 'warning' END,
		CASE WHEN doubts = 0 THEN 'none' ELSE format('%s texts may or may not have reached the provider', doubts) END,
		'Those with a time in smsfollow.in_doubt.next_lookup_at are still looked up; decide about the others with smsfollow.resolve_in_doubt().';
END
$$;
COMMENT ON FUNCTION smsfollow.health_queue() IS 'Internal: the part of health() about waiting texts and texts in doubt';

CREATE FUNCTION smsfollow.health() RETURNS TABLE (item text, ok boolean, status text, detail text, hint text)
LANGUAGE sql
-- definer: tells people who may not read the tables behind it how it stands
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT h.item, h.status = 'ok', h.status, h.detail, CASE WHEN h.status <> 'ok' THEN h.hint ELSE 'Nothing to do.' END
	FROM (
		SELECT 1 AS part, * FROM smsfollow.health_workers()
		UNION ALL SELECT 2, * FROM smsfollow.health_permission()
		UNION ALL SELECT 3, * FROM smsfollow.health_provider()
		UNION ALL SELECT 4, * FROM smsfollow.health_time_zone()
		UNION ALL SELECT 5, * FROM smsfollow.health_storage()
		UNION ALL SELECT 6, * FROM smsfollow.health_queue()
		UNION ALL SELECT 7, * FROM smsfollow.health_consent()
	) h
	ORDER BY h.part
$$;
COMMENT ON FUNCTION smsfollow.health() IS
'Everything that has to be right before a text can leave: status is ok, warning or error; the hint of each row says what to do';
