/*
 * Housekeeping of the log: weekly partitions, retention, KPI folding.  The
 * scheduler runs these; each may also be called by hand.
 *
 * message, attempt, verdict, receipt, link and click get one partition each for
 * every week (Monday, UTC), named message_p20261123 and so on, always all
 * together.
 * They are made outside the extension's script, so they are no members of the
 * extension: pg_dump takes them along with their data, and DROP EXTENSION
 * drops them with their parents.  CREATE EXTENSION makes none: in a restore it
 * runs before the dumped partitions, and one for the same week would be in
 * their way.  For the same reason the scheduler makes the first ones only
 * after something has been stored.
 */
CREATE FUNCTION smsfollow.partition_indexes(parent text) RETURNS TABLE (suffix text, definition text, is_unique boolean)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT v.suffix, v.definition, v.suffix = 'code'
	FROM (VALUES
		('message', 'id', '(message_id)'),
		('message', 'contact', '(contact_id)'),
		('attempt', 'message', '(message_id)'),
		('attempt', 'contact', '(contact_id, at)'),
		('attempt', 'provider', '(provider_message_id) WHERE provider_message_id IS NOT NULL'),
		('verdict', 'message', '(message_id)'),
		('verdict', 'contact', '(contact_id)'),
		('receipt', 'message', '(message_id)'),
		('receipt', 'contact', '(contact_id) WHERE contact_id IS NOT NULL'),
		('receipt', 'provider', '(provider_message_id)'),
		('link', 'code', '(code)'),
		('link', 'message', '(message_id)'),
		('link', 'contact', '(contact_id)'),
		('click', 'contact', '(contact_id, message_id)'),
		('click', 'ip', '(ip, clicked_at) WHERE ip IS NOT NULL')
	) AS v(parent, suffix, definition)
	WHERE v.parent = partition_indexes.parent
$$;
COMMENT ON FUNCTION smsfollow.partition_indexes(text) IS
'Internal: the indexes that each partition of message, attempt, verdict, receipt, link or click gets when it is made';

CREATE FUNCTION smsfollow.partition_name(parent text, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT parent || '_p' || to_char(date_trunc('week', at AT TIME ZONE 'UTC'), 'YYYYMMDD')
$$;
COMMENT ON FUNCTION smsfollow.partition_name(text, timestamptz) IS
'Internal: name of the partition for the week of a moment, within schema smsfollow';

CREATE FUNCTION smsfollow.make_partitions(at timestamptz, weeks integer) RETURNS integer
LANGUAGE plpgsql
-- definer: partitions belong to the owner of the tables, whoever stores the first text of a week
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_week timestamp := date_trunc('week', make_partitions.at AT TIME ZONE 'UTC');
	week timestamptz;
	parent text;
	part text;
	made integer := 0;
	i record;
BEGIN
	IF NOT isfinite(make_partitions.at) THEN
		RAISE EXCEPTION 'cannot make partitions for %', make_partitions.at
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a finite time.';
	END IF;
	-- one session at a time; the others then find what they need
	PERFORM pg_advisory_xact_lock(1397576518, 16);
	FOR n IN 0 .. weeks LOOP
		week := (first_week + n * interval '7 days') AT TIME ZONE 'UTC';
		FOREACH parent IN ARRAY ARRAY['message', 'attempt', 'receipt', 'link', 'click', 'verdict'] LOOP
			part := smsfollow.partition_name(parent, week);
			CONTINUE WHEN to_regclass(format('smsfollow.%I', part)) IS NOT NULL;
			-- made apart and attached when ready: the parent is never locked against reading or writing
			EXECUTE format('CREATE TABLE smsfollow.%I (LIKE smsfollow.%I
							INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)', part, parent);
			FOR i IN SELECT x.suffix, x.definition, x.is_unique FROM smsfollow.partition_indexes(parent) x LOOP
				EXECUTE format('CREATE %s INDEX %I ON smsfollow.%I %s', CASE WHEN i.is_unique THEN 'UNIQUE' END,
							   part || '_' || i.suffix, part, i.definition);
			END LOOP;
			PERFORM smsfollow.keep_out_of_statistics(part, parent);
			EXECUTE format('ALTER TABLE smsfollow.%I ATTACH PARTITION smsfollow.%I FOR VALUES FROM (%L) TO (%L)',
						   parent, part, week, (first_week + (n + 1) * interval '7 days') AT TIME ZONE 'UTC');
			made := made + 1;
		END LOOP;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION smsfollow.make_partitions(timestamptz, integer) IS
'Internal: makes the missing partitions of the week of a moment and of so many weeks after it; returns how many tables it made. Error: invalid_parameter_value for infinity';

CREATE FUNCTION smsfollow.ensure_partition(at timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass('smsfollow.' || smsfollow.partition_name('verdict', at)) IS NULL THEN
		PERFORM smsfollow.make_partitions(at, 4);
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.ensure_partition(timestamptz) IS
'Internal: makes sure that rows of this moment can be stored; cheap when they can. Call it before the statement that stores them';

CREATE FUNCTION smsfollow.maintain_partitions(now timestamptz) RETURNS integer
LANGUAGE plpgsql STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = 'smsfollow.message'::regclass) THEN
		RETURN 0;
	END IF;
	RETURN smsfollow.make_partitions(now, 4);
END
$$;
COMMENT ON FUNCTION smsfollow.maintain_partitions(timestamptz) IS
'Makes the missing partitions of this week and of four weeks ahead, once the first text was stored; returns how many tables it made. The scheduler runs it each hour';

CREATE FUNCTION smsfollow.apply_retention() RETURNS bigint
LANGUAGE plpgsql
-- definer: only the owner may drop partitions
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- rather try again later than make the dispatcher wait
SET lock_timeout = '200ms'
AS $$
DECLARE
	batch CONSTANT integer := 10000;
	days integer := (SELECT r.days FROM smsfollow.retention r WHERE r.data = 'log');
	now timestamptz := smsfollow.clock();
	removed bigint := 0;
	deleted bigint;
	i record;
BEGIN
	IF smsfollow.installation_problem() IS NOT NULL THEN
		RETURN 0;
	END IF;
	IF days IS NOT NULL THEN
		FOR i IN
			SELECT p.name, p.week
			-- weeks in hours: a day of the session's zone may have 23 or 25
			FROM (SELECT c.relname AS name, h.inhparent = 'smsfollow.message'::regclass AS is_message,
						 h.inhparent = 'smsfollow.link'::regclass AS is_link,
						 to_timestamp(right(c.relname, 8) || ' 00:00 +00', 'YYYYMMDD HH24:MI TZH') AS week
				  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
				  WHERE h.inhparent = ANY (ARRAY['smsfollow.message', 'smsfollow.attempt', 'smsfollow.receipt',
												 'smsfollow.link', 'smsfollow.click', 'smsfollow.verdict']::regclass[])
					AND c.relname ~ '_p[0-9]{8}$') p
			WHERE p.week + interval '168 hours' <= now - days * interval '24 hours'
				AND p.week + interval '168 hours' > (SELECT max(o.since) FROM smsfollow.installation o)
				-- a link outlives its text's log until it expires
				AND (NOT p.is_link OR p.week + interval '168 hours' <=
					 now - (SELECT make_interval(secs => coalesce(max(extract(epoch FROM l.expires_after)), 0)::double precision)
							FROM smsfollow.program_link l))
				-- a text that still waits needs its row, and its week its verdicts
				AND NOT EXISTS (SELECT FROM smsfollow.ready r
								WHERE r.message_at >= p.week AND r.message_at < p.week + interval '168 hours')
				AND NOT EXISTS (SELECT FROM smsfollow.inflight f
								WHERE f.message_at >= p.week AND f.message_at < p.week + interval '168 hours')
				AND NOT EXISTS (SELECT FROM smsfollow.in_doubt d
								WHERE d.message_at >= p.week AND d.message_at < p.week + interval '168 hours')
			ORDER BY p.week, p.is_message
			LIMIT 6
		LOOP
			EXECUTE format('DROP TABLE smsfollow.%I', i.name);
			removed := removed + 1;
		END LOOP;
	END IF;
	FOR i IN
		SELECT h.inhrelid::regclass AS part FROM pg_inherits h WHERE h.inhparent = 'smsfollow.idempotency'::regclass ORDER BY 1
	LOOP
		EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE expires_at <= $1 LIMIT $2))', i.part, i.part)
		USING now, batch;
		GET DIAGNOSTICS deleted = ROW_COUNT;
		removed := removed + deleted;
	END LOOP;
	RETURN removed + smsfollow.apply_data_retention();
END
$$;
COMMENT ON FUNCTION smsfollow.apply_retention() IS
'Drops the oldest week of the log that is past its retention, unless one of its texts still waits, and a batch of expired idempotency keys; returns how many tables and keys, 0 when there is nothing left to do. KPIs stay. Does nothing in a database nobody adopted. The scheduler runs it each hour';

CREATE FUNCTION smsfollow.fold_kpi() RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	/*
	 * One statement: a crash repeats nothing, and every snapshot sums right.
	 * What a running restore has brought so far stays as it is: its kpi_minute
	 * is still to come.
	 */
	WITH gone AS (
		DELETE FROM smsfollow.kpi_delta
		WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM smsfollow.kpi_delta d
								WHERE d.bucket >= (SELECT date_trunc('minute', max(o.since)) FROM smsfollow.installation o)
								LIMIT 20000))
		RETURNING campaign_id, bucket, metric, reason, n, cost
	), folded AS (
		INSERT INTO smsfollow.kpi_minute AS k (campaign_id, bucket, metric, reason, n, cost)
		SELECT campaign_id, bucket, metric, reason, sum(n), sum(cost)
		FROM gone
		GROUP BY campaign_id, bucket, metric, reason
		ORDER BY campaign_id, bucket, metric, reason
		ON CONFLICT (campaign_id, bucket, metric, reason)
		DO UPDATE SET n = k.n + excluded.n, cost = k.cost + excluded.cost
	)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION smsfollow.fold_kpi() IS
'Adds up to 20000 rows of kpi_delta into kpi_minute; returns how many. Sums over both never change. The scheduler runs it each second while there is something to fold';

CREATE FUNCTION smsfollow.fold_spend() RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	/* one statement, and nothing of a running restore: as in fold_kpi() */
	WITH gone AS (
		DELETE FROM smsfollow.spend_delta
		WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM smsfollow.spend_delta d
								WHERE d.bucket > (SELECT max(o.since) - interval '15 minutes' FROM smsfollow.installation o)
								LIMIT 20000))
		RETURNING campaign_id, currency, bucket, amount
	), old AS (
		-- a campaign that spends: what is old of it becomes one row
		DELETE FROM smsfollow.spend s
		USING (SELECT DISTINCT g.campaign_id, g.currency FROM gone g) g
		WHERE s.campaign_id = g.campaign_id AND s.currency = g.currency
			AND s.bucket > '-infinity' AND s.bucket < smsfollow.clock() - interval '1536 hours'
			AND s.bucket NOT IN (SELECT g2.bucket FROM gone g2 WHERE g2.campaign_id = s.campaign_id AND g2.currency = s.currency)
		RETURNING s.campaign_id, s.currency, s.amount
	), folded AS (
		INSERT INTO smsfollow.spend AS s (campaign_id, currency, bucket, amount)
		SELECT x.campaign_id, x.currency, x.bucket, sum(x.amount)
		FROM (SELECT campaign_id, currency, bucket, amount FROM gone
			  UNION ALL SELECT campaign_id, currency, '-infinity', amount FROM old) x
		GROUP BY x.campaign_id, x.currency, x.bucket
		ORDER BY x.campaign_id, x.currency, x.bucket
		ON CONFLICT (campaign_id, currency, bucket) DO UPDATE SET amount = s.amount + excluded.amount
	)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION smsfollow.fold_spend() IS
'Adds up to 20000 rows of spend_delta into spend, and what is older than 64 days of the same campaigns into one row each; returns how many rows it took. Sums over both never change. The scheduler runs it each second while there is something to fold';
