/*
 * Retention: how long which data are kept.  Nothing is removed unless somebody
 * says so with set_retention().
 *
 *   log       whole weeks of the log (apply_retention() in 75_partition.sql)
 *   wording   bodies, variables and what providers wrote, out of rows that stay
 *   clicks    addresses and user agents of clicks
 *   contacts  persons of whom nothing was sent or heard: erased altogether,
 *             with the evidence of their consents
 *
 * The rows of the log go together, never one table alone: the state of a text
 * is read off all of them.
 */
CREATE TABLE smsfollow.retention (
	data text PRIMARY KEY CHECK (data IN ('log', 'wording', 'clicks', 'contacts')),
	days integer NOT NULL CHECK (days > 0)
);
COMMENT ON TABLE smsfollow.retention IS 'How many days which data are kept; no row: for ever';

CREATE TABLE smsfollow.retention_progress (
	relation text PRIMARY KEY,
	next bigint NOT NULL,
	ended_at timestamptz
);
COMMENT ON TABLE smsfollow.retention_progress IS 'How far partitions have been emptied and contacts looked at';
COMMENT ON COLUMN smsfollow.retention_progress.next IS 'Block of the partition, or id of the contact, at which it goes on';
COMMENT ON COLUMN smsfollow.retention_progress.ended_at IS 'When it came to the end; NULL: not yet';

CREATE FUNCTION smsfollow.set_retention(data text, days integer) RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- of contacts: claims about a text expire after 4 years (28 USC 1658), so its proof is kept 5
	least integer := CASE set_retention.data WHEN 'log' THEN 30 WHEN 'wording' THEN 7 WHEN 'clicks' THEN 1 WHEN 'contacts' THEN 1827 END;
BEGIN
	IF data IS NULL THEN
		PERFORM smsfollow.raise_null('data');
	ELSIF least IS NULL THEN
		RAISE EXCEPTION 'data "%" is not known', data
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use log, wording, clicks or contacts.';
	ELSIF days NOT BETWEEN least AND 36525 THEN
		RAISE EXCEPTION '% must be kept from % to 36525 days', data, least
			USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL keeps it for ever.';
	ELSIF data = 'log' AND days * interval '24 hours' < smsfollow.longest_cap() THEN
		RAISE EXCEPTION 'a cap looks back further than % days', days
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Caps count in the log: keep it longer, or change the cap with smsfollow.alter_cap().';
	END IF;
	IF days IS NULL THEN
		DELETE FROM smsfollow.retention r WHERE r.data = set_retention.data;
	ELSE
		INSERT INTO smsfollow.retention (data, days) VALUES (set_retention.data, set_retention.days)
		ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET days = excluded.days;
	END IF;
	PERFORM smsfollow.wake('scheduler');
END
$$;
COMMENT ON FUNCTION smsfollow.set_retention(text, integer) IS
'Says for how many days data are kept, NULL: for ever. data: log (whole weeks of it, at least 30 days), wording (bodies, variables, words of providers, at least 7), clicks (addresses and user agents, at least 1), contacts (erased when nothing was sent to them or heard of them for so long, at least 1827). The scheduler applies it each hour, in small steps. Errors: invalid_parameter_value, null_value_not_allowed';

/* Weeks of the log that ended before a moment and have no text that still waits. */
CREATE FUNCTION smsfollow.past_weeks(before timestamptz) RETURNS TABLE (parent text, relation text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.relname::text, w.relname::text
	FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_class w ON w.oid = h.inhrelid
	CROSS JOIN LATERAL (SELECT to_timestamp(right(w.relname, 8) || ' 00:00 +00', 'YYYYMMDD HH24:MI TZH') AS week) b
	WHERE p.relnamespace = 'smsfollow'::regnamespace AND w.relname ~ '_p[0-9]{8}$' AND b.week + interval '168 hours' <= before
		AND NOT EXISTS (SELECT FROM smsfollow.ready r WHERE r.message_at >= b.week AND r.message_at < b.week + interval '168 hours')
		AND NOT EXISTS (SELECT FROM smsfollow.inflight f WHERE f.message_at >= b.week AND f.message_at < b.week + interval '168 hours')
		AND NOT EXISTS (SELECT FROM smsfollow.in_doubt d WHERE d.message_at >= b.week AND d.message_at < b.week + interval '168 hours')
	ORDER BY b.week, p.relname
$$;
COMMENT ON FUNCTION smsfollow.past_weeks(timestamptz) IS 'Internal: partitions of the log that ended before a moment, oldest first; not those with texts that still wait';

CREATE FUNCTION smsfollow.empty_columns(before timestamptz, columns jsonb) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT bigint := 2000;	-- blocks
	w record;
	changed bigint;
BEGIN
	SELECT x.relation, coalesce(p.next, 0) AS next, pg_relation_size(format('smsfollow.%I', x.relation)::regclass) / current_setting('block_size')::bigint AS blocks,
		smsfollow.emptying(x.relation, ARRAY(SELECT jsonb_array_elements_text(columns -> x.parent))) AS assignment
	INTO w
	FROM smsfollow.past_weeks(before) x LEFT JOIN smsfollow.retention_progress p ON p.relation = x.relation
	WHERE columns ? x.parent AND p.ended_at IS NULL LIMIT 1;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	EXECUTE format('UPDATE smsfollow.%I SET %s AND ctid >= %L AND ctid < %L', w.relation, w.assignment,
				   format('(%s,0)', w.next), format('(%s,0)', w.next + most));
	GET DIAGNOSTICS changed = ROW_COUNT;
	INSERT INTO smsfollow.retention_progress AS p (relation, next, ended_at)
	VALUES (w.relation, w.next + most, CASE WHEN w.next + most >= w.blocks THEN smsfollow.clock() END)
	ON CONFLICT ON CONSTRAINT retention_progress_pkey DO UPDATE SET next = excluded.next, ended_at = excluded.ended_at;
	RETURN changed + 1;
END
$$;
COMMENT ON FUNCTION smsfollow.empty_columns(timestamptz, jsonb) IS
'Internal: empties columns (by parent table) in the next 2000 blocks of the oldest week of the log that ended before a moment; 0 when there is nothing left to do';

CREATE FUNCTION smsfollow.forget_old_contacts(before timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 1000;
	p smsfollow.retention_progress;
	ids bigint[];
	c bigint;
BEGIN
	SELECT x.* INTO p FROM smsfollow.retention_progress x WHERE x.relation = 'contact';
	IF p.ended_at > smsfollow.clock() - interval '24 hours' THEN
		RETURN 0;
	END IF;
	ids := ARRAY(SELECT x.contact_id FROM smsfollow.contact_phone x
				 WHERE x.contact_id > CASE WHEN p.ended_at IS NULL THEN coalesce(p.next, 0) ELSE 0 END ORDER BY x.contact_id LIMIT most);
	FOR c IN
		SELECT k.contact_id FROM smsfollow.contact k JOIN smsfollow.contact_state s USING (contact_id)
		WHERE k.contact_id = ANY (ids) AND k.created_at < before AND s.restricted_at IS NULL
			-- the log may be shorter than this: who still agrees may have been texted since
			AND NOT EXISTS (SELECT FROM smsfollow.contact_consent x WHERE x.contact_id = k.contact_id
							AND (x.since >= before OR x.pending_until >= before OR x.state = 'opted_in' AND coalesce(x.expires_at >= before, true)))
			AND NOT EXISTS (SELECT FROM smsfollow.consent_event x WHERE x.contact_id = k.contact_id AND x.recorded_at >= before)
			AND NOT EXISTS (SELECT FROM smsfollow.attempt x WHERE x.contact_id = k.contact_id AND x.at >= before)
			AND NOT EXISTS (SELECT FROM smsfollow.ready x WHERE x.contact_id = k.contact_id)
			AND NOT EXISTS (SELECT FROM smsfollow.under_way x WHERE x.contact_id = k.contact_id)
	LOOP
		PERFORM smsfollow.forget_contact(c);
	END LOOP;
	INSERT INTO smsfollow.retention_progress AS r (relation, next, ended_at)
	VALUES ('contact', coalesce(ids[cardinality(ids)], 0), CASE WHEN cardinality(ids) < most THEN smsfollow.clock() END)
	ON CONFLICT ON CONSTRAINT retention_progress_pkey DO UPDATE SET next = excluded.next, ended_at = excluded.ended_at;
	RETURN cardinality(ids) + 1;
END
$$;
COMMENT ON FUNCTION smsfollow.forget_old_contacts(timestamptz) IS
'Internal: looks at the next 1000 contacts and erases those of whom nothing was sent, agreed or heard since a moment; once through all of them a day; 0 when there is nothing to do';

CREATE FUNCTION smsfollow.apply_data_retention() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	r record;
	done bigint := 0;
BEGIN
	DELETE FROM smsfollow.retention_progress p WHERE p.relation <> 'contact' AND to_regclass(format('smsfollow.%I', p.relation)) IS NULL;
	FOR r IN SELECT x.data, now - x.days * interval '24 hours' AS before FROM smsfollow.retention x LOOP
		done := done + CASE r.data
			WHEN 'wording' THEN smsfollow.empty_columns(r.before, '{"message": ["body", "vars", "media"], "attempt": ["body", "error_text"], "verdict": ["detail"], "receipt": ["payload"]}')
			WHEN 'clicks' THEN smsfollow.empty_columns(r.before, '{"click": ["user_agent", "ip"]}')
			WHEN 'contacts' THEN smsfollow.forget_old_contacts(r.before)
			ELSE 0 END;
	END LOOP;
	RETURN done;
END
$$;
COMMENT ON FUNCTION smsfollow.apply_data_retention() IS 'Internal, part of apply_retention(): one step of what is not dropped by whole weeks; 0 when there is nothing left to do';
