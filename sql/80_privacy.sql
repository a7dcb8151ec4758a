/*
 * Privacy: what is kept about a contact, and how it is given out, forgotten
 * and left alone.
 *
 * contact_tables() is the one list of tables about contacts.  Export, erasure,
 * retention and the planner's statistics go by it, and a test fails for a
 * table with contact_id that is not in it.
 *
 * An erasure has two halves.  erase_contact() unlinks the number and clears
 * every row it sees, in the transaction of the caller: from its commit on no
 * query finds number, name or wording, and nothing more is sent.  What is left
 * are rows that other transactions were writing at that moment, the answer to
 * a text that is under way, and old versions of rows in the files of tables
 * and indexes.  The scheduler sees to these (src/worker/erase.c) and then sets
 * privacy_request.finished_at.
 */
CREATE FUNCTION smsfollow.contact_tables() RETURNS TABLE (relation text, erase text, personal text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	VALUES
		('contact', 'clear', '{name,locale,region,subdivision,attributes}'::text[]),
		('contact_phone', 'delete', '{phone}'),
		('contact_state', 'clear', '{time_zone,hours}'),
		('consent_event', 'keep', '{}'),
		('consent_evidence', 'delete', '{salt,evidence}'),
		('contact_consent', 'delete', '{}'),
		('message', 'clear', '{body,vars,media}'),
		('ready', 'passes', '{}'),
		('inflight', 'passes', '{body}'),
		('in_doubt', 'passes', '{body,evidence}'),
		('attempt', 'clear', '{body,error_text}'),
		('verdict', 'clear', '{rule,detail}'),
		('receipt', 'clear', '{payload}'),
		('idempotency', 'delete', '{key}'),
		('opt_out_told', 'keep', '{}'),
		('link', 'clear', '{target}'),
		('click', 'clear', '{user_agent,ip}'),
		('clicker', 'keep', '{}'),
		('coupon', 'keep', '{}'),
		('privacy_request', 'keep', '{}')
$$;
COMMENT ON FUNCTION smsfollow.contact_tables() IS
'Internal: the tables about contacts. personal: columns that may hold a number, a name or wording. erase: delete (rows go), clear (personal columns are emptied), passes (rows go when their text has left the queue), keep (nothing personal)';

CREATE FUNCTION smsfollow.keep_out_of_statistics(relation text, parent text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changes text;
BEGIN
	SELECT string_agg(format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ') INTO changes
	FROM smsfollow.contact_tables() t
	JOIN pg_attribute a ON a.attrelid = to_regclass(format('smsfollow.%I', keep_out_of_statistics.relation)) AND a.attname = ANY (t.personal)
	WHERE t.relation = keep_out_of_statistics.parent;
	IF changes IS NOT NULL THEN
		EXECUTE format('ALTER TABLE smsfollow.%I ', relation) || changes;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.keep_out_of_statistics(text, text) IS
'Internal: ANALYZE takes no sample of the personal columns of a table, which is parent or a partition of it: pg_statistic would keep numbers and names';

CREATE SEQUENCE smsfollow.privacy_request_id_seq;
COMMENT ON SEQUENCE smsfollow.privacy_request_id_seq IS 'Ids of smsfollow.privacy_request';

CREATE TABLE smsfollow.privacy_request (
	contact_id bigint NOT NULL,
	request_id bigint NOT NULL DEFAULT nextval('smsfollow.privacy_request_id_seq'),
	kind text NOT NULL CHECK (kind IN ('export', 'erase', 'restrict', 'unrestrict')),
	requested_at timestamptz NOT NULL,
	requested_by text NOT NULL DEFAULT session_user,
	finished_at timestamptz,
	relations text[] NOT NULL DEFAULT '{}',
	PRIMARY KEY (contact_id, request_id)
);
CREATE INDEX privacy_request_pending ON smsfollow.privacy_request (request_id) WHERE finished_at IS NULL;
COMMENT ON TABLE smsfollow.privacy_request IS 'Who exported, erased, restricted or released the data of a contact, and when';
COMMENT ON COLUMN smsfollow.privacy_request.finished_at IS 'Of an erasure: when the last old version of a row had left the files; NULL: not yet';
COMMENT ON COLUMN smsfollow.privacy_request.relations IS 'Tables and partitions whose rows an erasure has cleared';

/*
 * What empties columns: the SET and WHERE of an UPDATE.  A column that must not
 * be null becomes empty.
 */
CREATE FUNCTION smsfollow.emptying(relation text, columns text[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('(%1$s) = ROW (%2$s) WHERE ROW (%1$s) IS DISTINCT FROM ROW (%2$s)',
				  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
				  string_agg(CASE WHEN NOT a.attnotnull THEN 'NULL::' || a.atttypid::regtype
							 ELSE format('%L::%s', CASE a.atttypid WHEN 'jsonb'::regtype THEN '{}' ELSE '' END, a.atttypid::regtype) END,
							 ', ' ORDER BY a.attnum))
	FROM pg_attribute a WHERE a.attrelid = to_regclass(format('smsfollow.%I', relation)) AND a.attname = ANY (columns)
$$;
COMMENT ON FUNCTION smsfollow.emptying(text, text[]) IS 'Internal: the end of an UPDATE that empties columns of a table, in rows where they are not empty';

CREATE FUNCTION smsfollow.clear_rows(relation text, contact bigint) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
	touched text[];
BEGIN
	SELECT * INTO STRICT t FROM smsfollow.contact_tables() x WHERE x.relation = clear_rows.relation;
	EXECUTE format('WITH gone AS (%s RETURNING tableoid) SELECT array_agg(DISTINCT c.relname) FROM gone g JOIN pg_class c ON c.oid = g.tableoid',
				   CASE t.erase WHEN 'delete' THEN format('DELETE FROM smsfollow.%I WHERE contact_id = $1', relation)
				   ELSE format('UPDATE smsfollow.%I SET %s AND contact_id = $1', relation, smsfollow.emptying(relation, t.personal)) END)
	INTO touched USING contact;
	RETURN coalesce(touched, '{}');
END
$$;
COMMENT ON FUNCTION smsfollow.clear_rows(text, bigint) IS
'Internal: empties the personal columns of a contact in one table, or deletes its rows, as contact_tables() says; returns the tables and partitions in which it found some';

/*
 * The ledger lets evidence go only after it says that the person was erased.
 */
CREATE FUNCTION smsfollow.note_erasure(contact bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	erased bigint := (SELECT max(e.consent_event_id) FROM smsfollow.consent_event e WHERE e.contact_id = contact AND e.event = 'erase');
	now timestamptz := smsfollow.clock();
BEGIN
	IF erased IS NULL OR EXISTS (SELECT FROM smsfollow.consent_evidence e WHERE e.contact_id = contact AND e.consent_event_id > erased) THEN
		PERFORM smsfollow.append_consent(contact, NULL, 'erase', NULL, 'erase_contact', now, NULL, '{}', now);
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.note_erasure(bigint) IS 'Internal: writes into the ledger that a contact was erased, unless that is its last word on all its evidence. The caller holds the contact''s lock';

CREATE FUNCTION smsfollow.clear_contact(contact bigint) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	touched text[] := '{}';
	t record;
	d record;
BEGIN
	/*
	 * A receipt locks its text, then the doubt about it, then the contact.
	 * Here it is the same order.  Every step finds what committed before it.
	 */
	touched := touched || smsfollow.clear_rows('message', contact);
	PERFORM FROM smsfollow.contact_state s WHERE s.contact_id = contact FOR NO KEY UPDATE;
	PERFORM smsfollow.note_erasure(contact);
	PERFORM smsfollow.drop_queued(contact, NULL, 'cancel', 'erased', NULL);
	FOR d IN SELECT x.message_id FROM smsfollow.in_doubt x WHERE x.contact_id = contact LOOP
		-- nobody can be asked about it any more
		PERFORM smsfollow.end_doubt(contact, d.message_id, 'rejected', 'erased');
	END LOOP;
	FOR t IN SELECT x.relation FROM smsfollow.contact_tables() x WHERE x.erase IN ('clear', 'delete') AND x.relation <> 'message' LOOP
		touched := touched || smsfollow.clear_rows(t.relation, contact);
	END LOOP;
	RETURN touched;
END
$$;
COMMENT ON FUNCTION smsfollow.clear_contact(bigint) IS
'Internal: takes a contact''s texts off the queue, ends its doubts and clears all that contact_tables() lists; returns the tables and partitions that had something. May be repeated';

CREATE FUNCTION smsfollow.known_contact(phone text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.phone(phone);
	id bigint;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	-- first of all locks, see hold_contact()
	SELECT c.contact_id INTO id FROM smsfollow.contact_phone c WHERE c.phone = e164 AND c.tenant_id = smsfollow.own_tenant() FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no contact has this number'
			USING ERRCODE = 'undefined_object',
				  HINT = 'Check the number; of a contact that was erased before, nothing is left.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.known_contact(text) IS
'Internal: the contact of a number, which the caller then is the only one to work on; raises invalid_parameter_value, undefined_object';

CREATE FUNCTION smsfollow.forget_contact(contact bigint) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number text;
	now timestamptz := smsfollow.clock();
	touched text[];
	id bigint;
BEGIN
	-- first of all locks, see hold_contact()
	SELECT p.phone INTO number FROM smsfollow.contact_phone p WHERE p.contact_id = contact FOR UPDATE;
	touched := smsfollow.clear_rows('message', contact);
	PERFORM smsfollow.lock_contact(contact);
	IF EXISTS (SELECT FROM smsfollow.contact_state s WHERE s.contact_id = contact AND s.restricted_at IS NOT NULL) THEN
		RAISE EXCEPTION 'the data of this contact are restricted and must be kept'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Call smsfollow.unrestrict_contact() first, if the reason for the restriction is gone.';
	END IF;
	PERFORM smsfollow.ensure_partition(now);
	-- what is under way is past recall, and not tried again
	INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code)
	SELECT now, i.message_id, i.contact_id, 'cancel', 'erased' FROM smsfollow.inflight i WHERE i.contact_id = contact;
	PERFORM smsfollow.remember_suppression(number, contact);
	touched := touched || smsfollow.clear_contact(contact);
	INSERT INTO smsfollow.privacy_request (contact_id, kind, requested_at, relations)
	SELECT contact, 'erase', now, ARRAY(SELECT DISTINCT u.r FROM unnest(touched) AS u(r) ORDER BY 1)
	RETURNING request_id INTO id;
	PERFORM smsfollow.wake('scheduler');
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.forget_contact(bigint) IS 'Internal: the first half of an erasure; returns the id of its privacy_request. Error: object_not_in_prerequisite_state (restricted)';

CREATE FUNCTION smsfollow.erase_contact(phone text) RETURNS bigint
LANGUAGE sql
-- definer: operators erase through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.forget_contact(smsfollow.known_contact(phone)) $$;
COMMENT ON FUNCTION smsfollow.erase_contact(text) IS
'Forgets a contact (GDPR Art. 17): from commit on no table holds its number, name or wording, and nothing more is sent; queued texts are cancelled (code erased). Counts, the proof of the ledger and a keyed hash against texting the number again stay. Old versions of rows leave the files a little later: see finished_at of the privacy_request whose id this returns. Errors: invalid_parameter_value, undefined_object (no such contact), object_not_in_prerequisite_state (restricted), null_value_not_allowed';

/*
 * The second half of erasures, for the scheduler: once more over what
 * transactions that had not ended then have written since.
 */
CREATE FUNCTION smsfollow.sweep_erasures(INOUT upto bigint, OUT clean bigint[], OUT changed bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 500;
	r record;
	under_way boolean;
	touched text[];
BEGIN
	clean := '{}';
	changed := 0;
	FOR r IN
		SELECT p.contact_id, p.request_id FROM smsfollow.privacy_request p
		WHERE p.finished_at IS NULL AND (upto IS NULL OR p.request_id <= upto)
		ORDER BY p.request_id LIMIT most
	LOOP
		-- asked before: an answer recorded later than this may still bring a body
		under_way := EXISTS (SELECT FROM smsfollow.inflight i WHERE i.contact_id = r.contact_id);
		touched := smsfollow.clear_contact(r.contact_id);
		IF touched <> '{}' THEN
			changed := changed + 1;
			UPDATE smsfollow.privacy_request p SET relations = ARRAY(
				SELECT DISTINCT u.x FROM unnest(p.relations || touched) AS u(x))
			WHERE p.contact_id = r.contact_id AND p.request_id = r.request_id;
		END IF;
		IF NOT under_way THEN
			clean := clean || r.request_id;
		END IF;
		upto := greatest(upto, r.request_id);
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.sweep_erasures(bigint) IS
'Internal: clears again what erased contacts have, up to a request (NULL: the first 500 that are not finished); returns the last request looked at, those without a text under way, and in how many something had come';

CREATE FUNCTION smsfollow.erasure_files(requests bigint[]) RETURNS TABLE (relation oid, indexes oid[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid, ARRAY(
		SELECT i.indexrelid FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = c.oid AND a.attname = ANY (t.personal) ORDER BY 1)
	FROM smsfollow.contact_tables() t
	JOIN pg_class p ON p.oid = to_regclass(format('smsfollow.%I', t.relation))
	JOIN pg_class c ON c.oid = p.oid AND c.relkind = 'r' OR c.oid IN (
		SELECT x.relid FROM pg_partition_tree(p.oid) x
		WHERE x.isleaf AND x.relid IN (SELECT to_regclass(format('smsfollow.%I', unnest(r.relations)))
									   FROM smsfollow.privacy_request r WHERE r.request_id = ANY (requests)))
	WHERE t.personal <> '{}'
	ORDER BY c.oid
$$;
COMMENT ON FUNCTION smsfollow.erasure_files(bigint[]) IS
'Internal: tables in whose files old versions of erased rows may stand, with those of their indexes that have a personal column as key';

CREATE FUNCTION smsfollow.finish_erasures(requests bigint[]) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	WITH done AS (
		UPDATE smsfollow.privacy_request p SET finished_at = smsfollow.clock()
		WHERE p.request_id = ANY (requests) AND p.finished_at IS NULL
		RETURNING 1
	)
	SELECT count(*) FROM done
$$;
COMMENT ON FUNCTION smsfollow.finish_erasures(bigint[]) IS 'Internal: notes that nothing is left of erasures; returns how many';

/*
 * Export.  Names stand beside the ids, so that the document can be read
 * without this database.
 */
CREATE FUNCTION smsfollow.export_row(row_data jsonb) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_strip_nulls(row_data || jsonb_build_object(
		'program', (SELECT p.name FROM smsfollow.program p WHERE p.program_id = (row_data ->> 'program_id')::integer),
		'campaign', (SELECT c.name FROM smsfollow.campaign c WHERE c.campaign_id = (row_data ->> 'campaign_id')::integer),
		'template', (SELECT t.name FROM smsfollow.template_version v JOIN smsfollow.template t USING (template_id)
					 WHERE v.template_version_id = (row_data ->> 'template_version_id')::integer),
		'provider', (SELECT p.name FROM smsfollow.provider p WHERE p.provider_id = (row_data ->> 'provider_id')::integer),
		'sender', (SELECT s.address FROM smsfollow.sender s WHERE s.sender_id = (row_data ->> 'sender_id')::integer)))
$$;
COMMENT ON FUNCTION smsfollow.export_row(jsonb) IS 'Internal: a row with the names of what its ids stand for, without its nulls';

CREATE FUNCTION smsfollow.export_contact(phone text) RETURNS jsonb
LANGUAGE plpgsql
-- definer: operators export through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	contact bigint := smsfollow.known_contact(phone);
	now timestamptz := smsfollow.clock();
	data jsonb := '{}';
	found_rows jsonb;
	t record;
BEGIN
	INSERT INTO smsfollow.privacy_request (contact_id, kind, requested_at, finished_at) VALUES (contact, 'export', now, now);
	FOR t IN SELECT x.relation FROM smsfollow.contact_tables() x LOOP
		EXECUTE format('SELECT coalesce(jsonb_agg(smsfollow.export_row(to_jsonb(x)) ORDER BY x), ''[]'') FROM smsfollow.%I x WHERE x.contact_id = $1', t.relation)
		INTO found_rows USING contact;
		data := data || jsonb_build_object(t.relation, found_rows);
	END LOOP;
	RETURN jsonb_build_object('format', 'smsfollow contact', 'version', 1, 'exported_at', now,
		'phone', smsfollow.phone(phone), 'contact_id', contact, 'tables', data);
END
$$;
COMMENT ON FUNCTION smsfollow.export_contact(text) IS
'All that is kept about a contact (GDPR Art. 15 and 20), as one document: format, version (1; raised when the shape changes), exported_at, phone, contact_id, and tables: an array of rows for each table of contact_tables(), with the names of program, campaign, template, provider and sender. Noted in privacy_request. Errors: invalid_parameter_value, undefined_object (no such contact), null_value_not_allowed';

/*
 * Restriction: the gate refuses, everything else stays.
 */
CREATE FUNCTION smsfollow.set_restricted(phone text, restricted boolean) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	contact bigint := smsfollow.known_contact(phone);
	now timestamptz := smsfollow.clock();
BEGIN
	UPDATE smsfollow.contact_state s SET restricted_at = CASE WHEN restricted THEN now END
	WHERE s.contact_id = contact AND (s.restricted_at IS NOT NULL) <> restricted;
	IF FOUND THEN
		INSERT INTO smsfollow.privacy_request (contact_id, kind, requested_at, finished_at)
		VALUES (contact, CASE WHEN restricted THEN 'restrict' ELSE 'unrestrict' END, now, now);
		RETURN true;
	END IF;
	RETURN false;
END
$$;
COMMENT ON FUNCTION smsfollow.set_restricted(text, boolean) IS 'Internal: common part of restrict_contact and unrestrict_contact';

CREATE FUNCTION smsfollow.restrict_contact(phone text) RETURNS boolean
LANGUAGE sql
-- definer: operators restrict through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.set_restricted(phone, true) $$;
COMMENT ON FUNCTION smsfollow.restrict_contact(text) IS
'From commit on, the data of a contact are only kept (GDPR Art. 18): the gate refuses its texts when they are due (code restricted), and it cannot be erased; export still works. False when it was restricted before. Errors: invalid_parameter_value, undefined_object (no such contact), null_value_not_allowed';

CREATE FUNCTION smsfollow.unrestrict_contact(phone text) RETURNS boolean
LANGUAGE sql
-- definer: operators restrict through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.set_restricted(phone, false) $$;
COMMENT ON FUNCTION smsfollow.unrestrict_contact(text) IS
'Ends a restriction made by restrict_contact(); texts that were refused meanwhile stay refused. False when there was none. Errors: invalid_parameter_value, undefined_object (no such contact), null_value_not_allowed';

/* No sample of personal columns in pg_statistic. */
DO $$
DECLARE
	p record;
BEGIN
	FOR p IN
		SELECT c.relname, t.relation FROM smsfollow.contact_tables() t
		CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass(pg_catalog.format('smsfollow.%I', t.relation)) AS oid) r
		CROSS JOIN LATERAL (
			SELECT r.oid UNION ALL SELECT h.inhrelid FROM pg_catalog.pg_inherits h WHERE h.inhparent = r.oid) x
		JOIN pg_catalog.pg_class c ON c.oid = x.oid
	LOOP
		PERFORM smsfollow.keep_out_of_statistics(p.relname, p.relation);
	END LOOP;
END
$$;
