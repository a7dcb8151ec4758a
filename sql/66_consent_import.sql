/*
 * Importing consent that was given elsewhere, set-based.
 *
 * An import says what the sender of texts knows, not what a person does now.
 * So it never opts anybody in again who has refused, or whose contact was
 * erased, and it changes nothing about who has agreed already in this kind.
 */
CREATE FUNCTION smsfollow.try_phone(input text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF smsfollow.are_e164(ARRAY[input]) THEN
		RETURN input;
	END IF;
	RETURN smsfollow.phone(input);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION smsfollow.try_phone(text) IS 'Internal: smsfollow.phone(), but NULL for what is no number';

CREATE FUNCTION smsfollow.try_time(input text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN input::timestamptz;
EXCEPTION WHEN data_exception THEN
	RETURN 'infinity';
END
$$;
COMMENT ON FUNCTION smsfollow.try_time(text) IS 'Internal: a time, or infinity, which no rule takes, for what is none';

CREATE FUNCTION smsfollow.import_consent_rows(
	program text, method text, evidence jsonb, kind text, captured_at timestamptz, expires_at timestamptz,
	first_row bigint, records jsonb[]
) RETURNS TABLE (row_number bigint, phone text, result text, reason text, hint text)
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- its rows are few and its expressions many: compiling takes longer than running
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	tenant integer := smsfollow.own_tenant();
	pid integer := smsfollow.program_id(program);
	refusal CONSTANT text := 'the holder of this number has opted out, or was erased';
	now timestamptz := smsfollow.clock();
	asked record;
	given record;
BEGIN
	IF method IS NULL OR records IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN method IS NULL THEN 'method' ELSE 'records' END);
	ELSIF method = '' OR length(method) > 100 THEN
		RAISE EXCEPTION 'method must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say in a few words where the consent comes from, such as import.';
	END IF;
	evidence := coalesce(evidence, '{}');
	kind := coalesce(kind, smsfollow.default_consent_kind(method));
	-- what is wrong for every row is an error
	SELECT * INTO given FROM smsfollow.consent_problem(CASE WHEN smsfollow.consent_rank(kind) IS NULL THEN kind END,
		evidence, coalesce(captured_at, now), expires_at, now);
	IF given.problem IS NOT NULL THEN
		RAISE EXCEPTION '%', given.problem USING ERRCODE = 'invalid_parameter_value', HINT = given.hint;
	END IF;

	SELECT array_agg(r.n) AS n, array_agg(r.input) AS input, array_agg(r.phone) AS phone, array_agg(r.kind) AS kind,
		array_agg(r.captured_at) AS captured_at, array_agg(r.expires_at) AS expires_at, array_agg(r.evidence) AS evidence,
		array_agg(CASE WHEN r.phone IS NULL THEN 'this is no phone number'
					   WHEN r.first < r.n THEN 'the number stands in row ' || r.first || ' already'
					   ELSE p.problem END) AS problem,
		array_agg(CASE WHEN r.phone IS NULL THEN 'Write it as +, country code and digits, or set smsfollow.default_region.'
					   WHEN r.first < r.n THEN 'Give each number once.'
					   ELSE p.hint END) AS hint
	INTO asked
	FROM (SELECT q.*, min(q.n) OVER (PARTITION BY q.phone) AS first
		  FROM (SELECT first_row + u.n - 1 AS n, u.r ->> 'phone' AS input, smsfollow.try_phone(u.r ->> 'phone') AS phone,
					coalesce(u.r ->> 'kind', import_consent_rows.kind) AS kind,
					coalesce(smsfollow.try_time(u.r ->> 'captured_at'), import_consent_rows.captured_at, now) AS captured_at,
					coalesce(smsfollow.try_time(u.r ->> 'expires_at'), import_consent_rows.expires_at) AS expires_at,
					CASE WHEN jsonb_typeof(u.r -> 'evidence') NOT IN ('object', 'null') THEN u.r -> 'evidence'
						 ELSE import_consent_rows.evidence || CASE jsonb_typeof(u.r -> 'evidence') WHEN 'object' THEN u.r -> 'evidence' ELSE '{}' END
							|| jsonb_strip_nulls(u.r - '{phone,kind,captured_at,expires_at,evidence}'::text[]) END AS evidence
				FROM unnest(records) WITH ORDINALITY AS u(r, n)) q
		  ORDER BY q.n) r
	CROSS JOIN LATERAL smsfollow.consent_problem(r.kind, r.evidence, r.captured_at, r.expires_at, now) p;
	PERFORM smsfollow.store_disclosure(d.evidence, now)
	FROM (SELECT DISTINCT jsonb_build_object('disclosure', u.evidence -> 'disclosure') AS evidence
		  FROM unnest(asked.evidence, asked.problem) AS u(evidence, problem)
		  WHERE u.problem IS NULL AND u.evidence ? 'disclosure') d;

	PERFORM smsfollow.ensure_contacts(ARRAY(
		SELECT u.phone FROM unnest(asked.phone, asked.problem) AS u(phone, problem) WHERE u.problem IS NULL), tenant);
	-- in one order, so that two imports cannot deadlock; numbers first, as everywhere
	PERFORM FROM smsfollow.contact_phone c
	WHERE c.phone = ANY (asked.phone) AND c.tenant_id = tenant ORDER BY c.phone FOR KEY SHARE;
	PERFORM FROM smsfollow.contact_state s
	WHERE s.contact_id IN (SELECT c.contact_id FROM smsfollow.contact_phone c WHERE c.phone = ANY (asked.phone) AND c.tenant_id = tenant)
	ORDER BY s.contact_id FOR NO KEY UPDATE;
	-- as lock_contact() does
	UPDATE smsfollow.contact_state s SET time_zone = s.time_zone
	WHERE s.contact_id IN (SELECT c.contact_id FROM smsfollow.contact_phone c WHERE c.phone = ANY (asked.phone) AND c.tenant_id = tenant);
	PERFORM pg_current_xact_id();	-- before the ids: sign_consent() relies on it
	now := smsfollow.clock();
	PERFORM smsfollow.wake('scheduler');

	RETURN QUERY
	WITH known AS MATERIALIZED (
		SELECT u.n, p.contact_id, u.kind, u.captured_at,
			CASE WHEN u.kind = 'implied' AND u.expires_at IS NULL THEN u.captured_at + smsfollow.implied_term(u.evidence ->> 'basis')
				 ELSE u.expires_at END AS expires_at,
			u.evidence - '{disclosure,disclosure_hash}'::text[] AS evidence,
			CASE WHEN u.evidence ? 'disclosure' THEN sha256(convert_to(u.evidence ->> 'disclosure', 'UTF8'))
				 ELSE decode(u.evidence ->> 'disclosure_hash', 'hex') END AS wording,
			c.state, c.kind AS known_kind, c.expires_at AS known_until, c.pending_until, l.ordinal, l.hash,
			-- as refused_since() says
			c.state = 'opted_out' OR b.blocked_code = 'do_not_text' OR c.state IS NULL AND a.refused IS NOT NULL
				OR s.since IS NOT NULL AS refused
		FROM unnest(asked.n, asked.phone, asked.kind, asked.captured_at, asked.expires_at, asked.evidence, asked.problem)
			AS u(n, phone, kind, captured_at, expires_at, evidence, problem)
		CROSS JOIN LATERAL (SELECT x.contact_id FROM smsfollow.contact_phone x WHERE x.phone = u.phone AND x.tenant_id = tenant LIMIT 1) p
		LEFT JOIN LATERAL (SELECT x.blocked_code FROM smsfollow.contact_state x WHERE x.contact_id = p.contact_id OFFSET 0) b ON true
		LEFT JOIN smsfollow.suppression_key k ON true
		LEFT JOIN LATERAL (SELECT x.since FROM smsfollow.suppression x
						   WHERE x.phone_hmac = smsfollow.hmac_sha256(k.key, smsfollow.number_in_tenant(u.phone, tenant)) OFFSET 0) s ON true
		LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_consent x
						   WHERE x.contact_id = p.contact_id AND x.program_id = pid OFFSET 0) c ON true
		LEFT JOIN LATERAL (SELECT true AS refused FROM smsfollow.consent_event x
						   WHERE x.contact_id = p.contact_id AND x.program_id IS NULL LIMIT 1) a ON true
		LEFT JOIN LATERAL (SELECT x.ordinal, x.hash FROM smsfollow.consent_event x
						   WHERE x.contact_id = p.contact_id ORDER BY x.consent_event_id DESC LIMIT 1) l ON true
		WHERE u.problem IS NULL
	), judged AS MATERIALIZED (
		SELECT k.*,
			CASE WHEN k.refused THEN refusal
				 WHEN k.pending_until > now THEN 'the person was asked to confirm and has not yet'
				 WHEN k.state = 'opted_in' AND coalesce(k.known_until > now, true)
					AND NOT (smsfollow.consent_rank(k.kind) > smsfollow.consent_rank(k.known_kind)
							 OR k.kind = k.known_kind AND coalesce(k.expires_at, 'infinity') > coalesce(k.known_until, 'infinity'))
				 THEN 'already' END AS verdict
		FROM known k
	), fresh AS MATERIALIZED (
		SELECT f.*, CASE WHEN f.evidence <> '{}' THEN uuid_send(gen_random_uuid()) END AS salt,
			nextval('smsfollow.consent_event_id_seq') AS id, coalesce(f.ordinal, 0) + 1 AS place
		FROM (SELECT j.* FROM judged j WHERE j.verdict IS NULL ORDER BY j.n) f
	), proof AS MATERIALIZED (
		SELECT f.*, smsfollow.evidence_hash(f.salt, f.evidence) AS evidence_hash FROM fresh f
	), kept AS (
		INSERT INTO smsfollow.consent_evidence (contact_id, consent_event_id, salt, evidence)
		SELECT f.contact_id, f.id, f.salt, f.evidence FROM proof f WHERE f.salt IS NOT NULL
	), written AS (
		INSERT INTO smsfollow.consent_event (consent_event_id, contact_id, ordinal, program_id, event, kind, method, captured_at,
			expires_at, disclosure_hash, evidence_hash, recorded_at, recorded_by, hash)
		SELECT f.id, f.contact_id, f.place, pid, 'opt_in', f.kind, import_consent_rows.method, f.captured_at, f.expires_at, f.wording, f.evidence_hash, now, session_user,
			smsfollow.consent_hash(f.hash, f.contact_id, f.place, f.id, pid, 'opt_in', f.kind, import_consent_rows.method, f.captured_at, f.expires_at,
								   f.wording, f.evidence_hash, now, session_user)
		FROM proof f
	), stated AS (
		INSERT INTO smsfollow.contact_consent AS x (contact_id, program_id, state, consent_event_id, since, kind, expires_at)
		SELECT f.contact_id, pid, 'opted_in', f.id, now, f.kind, f.expires_at FROM proof f
		ON CONFLICT (contact_id, program_id) DO UPDATE
		SET state = 'opted_in', consent_event_id = excluded.consent_event_id, since = excluded.since, kind = excluded.kind,
			expires_at = excluded.expires_at, pending_until = NULL, request_event_id = NULL
	)
	SELECT u.n, u.input,
		CASE WHEN u.problem IS NOT NULL OR j.n IS NULL THEN 'refused' WHEN j.verdict IS NULL THEN 'recorded'
			 WHEN j.verdict = 'already' THEN 'already' ELSE 'refused' END,
		CASE WHEN u.problem IS NULL AND j.n IS NULL THEN refusal	-- erased while we waited for its lock
			 ELSE coalesce(u.problem, nullif(j.verdict, 'already')) END,
		CASE WHEN u.problem IS NOT NULL THEN u.hint
			 WHEN j.n IS NULL OR j.verdict = refusal THEN 'Only the person can change this: record a new agreement with smsfollow.opt_in().'
			 WHEN j.verdict <> 'already' THEN 'Wait for the answer.' END
	FROM unnest(asked.n, asked.input, asked.problem, asked.hint) AS u(n, input, problem, hint)
	LEFT JOIN judged j ON j.n = u.n
	ORDER BY u.n;
END
$$;
COMMENT ON FUNCTION smsfollow.import_consent_rows(text, text, jsonb, text, timestamptz, timestamptz, bigint, jsonb[]) IS
'Internal, under import_consent: the rows of one part of it, numbered from first_row. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed for what concerns all of them';

CREATE FUNCTION smsfollow.import_consent(
	query text, program text, method text DEFAULT 'import', evidence jsonb DEFAULT '{}', kind text DEFAULT NULL,
	captured_at timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL
) RETURNS TABLE (row_number bigint, phone text, result text, reason text, hint text)
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_import_consent';
COMMENT ON FUNCTION smsfollow.import_consent(text, text, text, jsonb, text, timestamptz, timestamptz) IS
'Records consent that was given elsewhere for every row of a SELECT, which runs with the rights of the caller; returns a row for each: result is recorded, already (the consent on record is as good) or refused, with the reason and what to do. Columns: phone; captured_at, expires_at, kind and evidence (jsonb) where the arguments do not say it for all; every other column goes into the evidence under its name. Refused are what is no number, a number given twice, evidence that contradicts itself, and whoever has opted out, was erased, or was asked to confirm and has not: an import never opts anybody in again. Texts nobody. kind NULL: by the method, as opt_in does. Errors: syntax_error, undefined_column (no phone), invalid_parameter_value, undefined_object (program), null_value_not_allowed';
