/*
 * Consent: an append-only ledger, and the state that follows from it.
 *
 * consent_event is the truth.  contact_consent is its last word per contact
 * and program, written in the same transaction under the lock of the
 * contact's contact_state row, so that the gate reads one row.
 */
CREATE SEQUENCE smsfollow.consent_event_id_seq;
COMMENT ON SEQUENCE smsfollow.consent_event_id_seq IS 'Ids of smsfollow.consent_event';

CREATE TABLE smsfollow.consent_event (
	consent_event_id bigint NOT NULL DEFAULT nextval('smsfollow.consent_event_id_seq'),
	contact_id bigint NOT NULL REFERENCES smsfollow.contact,
	program_id integer REFERENCES smsfollow.program,
	event text NOT NULL CHECK (event IN ('opt_in', 'opt_out')),
	method text NOT NULL CHECK (method <> '' AND length(method) <= 100),
	evidence jsonb NOT NULL CHECK (jsonb_typeof(evidence) = 'object'),
	recorded_at timestamptz NOT NULL,
	recorded_by text NOT NULL,
	PRIMARY KEY (contact_id, consent_event_id),
	CHECK (event = 'opt_out' OR program_id IS NOT NULL)
);
COMMENT ON TABLE smsfollow.consent_event IS 'The consent ledger: append-only, one row for each opt-in and opt-out with its evidence';
COMMENT ON COLUMN smsfollow.consent_event.program_id IS 'NULL: every program (opt-out only)';
COMMENT ON COLUMN smsfollow.consent_event.evidence IS 'What proves it: form, address, wording, document ...';

CREATE TABLE smsfollow.contact_consent (
	contact_id bigint NOT NULL,
	program_id integer NOT NULL REFERENCES smsfollow.program,
	state text NOT NULL CHECK (state IN ('opted_in', 'opted_out')),
	consent_event_id bigint NOT NULL,
	since timestamptz NOT NULL,
	PRIMARY KEY (contact_id, program_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE smsfollow.contact_consent IS 'Last word of the ledger per contact and program; no row means no consent';

CREATE FUNCTION smsfollow.refuse_ledger_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'the consent ledger is append-only'
		USING ERRCODE = 'restrict_violation',
			  DETAIL = format('%s on smsfollow.consent_event is refused for every role.', TG_OP),
			  HINT = 'Record a new event with smsfollow.opt_in() or smsfollow.opt_out().';
END
$$;
COMMENT ON FUNCTION smsfollow.refuse_ledger_change() IS 'Trigger: keeps the consent ledger append-only, for its owner too';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON smsfollow.consent_event
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.refuse_ledger_change();

CREATE FUNCTION smsfollow.record_consent(
	contact bigint, program integer, event text, method text, evidence jsonb
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
	now timestamptz;
BEGIN
	-- lock first, then read the clock: events of a contact are in the order of their times;
	-- an update, so that a transaction whose snapshot is older than another's event fails instead of overlooking it
	UPDATE smsfollow.contact_state s SET time_zone = s.time_zone WHERE s.contact_id = contact;
	now := smsfollow.clock();
	INSERT INTO smsfollow.consent_event (contact_id, program_id, event, method, evidence, recorded_at, recorded_by)
	VALUES (contact, program, event, method, coalesce(evidence, '{}'), now, session_user)
	RETURNING consent_event_id INTO id;
	IF program IS NULL THEN
		UPDATE smsfollow.contact_consent c SET state = 'opted_out', consent_event_id = id, since = now
		WHERE c.contact_id = contact AND c.state <> 'opted_out';
	ELSE
		INSERT INTO smsfollow.contact_consent (contact_id, program_id, state, consent_event_id, since)
		VALUES (contact, program, CASE event WHEN 'opt_in' THEN 'opted_in' ELSE 'opted_out' END, id, now)
		ON CONFLICT (contact_id, program_id) DO UPDATE
		SET state = excluded.state, consent_event_id = excluded.consent_event_id, since = excluded.since;
	END IF;
	IF event = 'opt_out' THEN
		PERFORM smsfollow.drop_queued(contact, program, 'suppress', 'opted_out', 'consent_event ' || id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.record_consent(bigint, integer, text, text, jsonb) IS
'Internal: writes the ledger and the state under the contact''s lock; an opt-out also takes the contact''s queued texts in scope out, in the same commit';

CREATE FUNCTION smsfollow.check_consent_arguments(phone text, method text, evidence jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF phone IS NULL OR method IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN phone IS NULL THEN 'phone' ELSE 'method' END);
	END IF;
	IF method = '' OR length(method) > 100 THEN
		RAISE EXCEPTION 'method must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Say in a few words how the person told you, such as web_form, keyword or paper.';
	END IF;
	IF evidence IS NOT NULL AND jsonb_typeof(evidence) <> 'object' THEN
		RAISE EXCEPTION 'evidence must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Write for example {"form": "checkout", "ip": "192.0.2.1"}.';
	END IF;
	RETURN smsfollow.phone(phone);
END
$$;
COMMENT ON FUNCTION smsfollow.check_consent_arguments(text, text, jsonb) IS 'Internal: common checks of opt_in and opt_out; returns the number as E.164';

CREATE FUNCTION smsfollow.opt_in(
	phone text, program text, method text, evidence jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.check_consent_arguments(phone, method, evidence);
	program_id integer := smsfollow.program_id(program);
BEGIN
	PERFORM smsfollow.ensure_contacts(ARRAY[e164]);
	RETURN smsfollow.record_consent(
		(SELECT c.contact_id FROM smsfollow.contact_phone c WHERE c.phone = e164),
		program_id, 'opt_in', method, evidence);
END
$$;
COMMENT ON FUNCTION smsfollow.opt_in(text, text, text, jsonb) IS
'Records that the holder of a number agreed to a program, with the evidence; returns the ledger row''s id. method: web_form, keyword, paper, voice, import ... Errors: invalid_parameter_value, undefined_object (program), null_value_not_allowed';

CREATE FUNCTION smsfollow.opt_out(
	phone text, program text DEFAULT NULL, method text DEFAULT 'api', evidence jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.check_consent_arguments(phone, method, evidence);
	program_id integer;
BEGIN
	IF program IS NOT NULL THEN
		program_id := smsfollow.program_id(program);
	END IF;
	PERFORM smsfollow.ensure_contacts(ARRAY[e164]);
	RETURN smsfollow.record_consent(
		(SELECT c.contact_id FROM smsfollow.contact_phone c WHERE c.phone = e164),
		program_id, 'opt_out', method, evidence);
END
$$;
COMMENT ON FUNCTION smsfollow.opt_out(text, text, text, jsonb) IS
'Records that the holder of a number wants no more texts of a program (NULL: of any), and takes queued ones out in the same commit; returns the ledger row''s id. A number never seen before is recorded too. Errors: invalid_parameter_value, undefined_object (program), null_value_not_allowed';

CREATE FUNCTION smsfollow.consent_at(phone text, program text, at timestamptz DEFAULT smsfollow.clock()) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: answers without giving access to the ledger
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	contact bigint;
	pid integer := smsfollow.program_id(program);
	last_event text;
BEGIN
	IF phone IS NULL OR at IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN phone IS NULL THEN 'phone' ELSE 'at' END);
	END IF;
	contact := smsfollow.contact_id(phone);
	SELECT e.event INTO last_event
	FROM smsfollow.consent_event e
	WHERE e.contact_id = contact
		AND (e.program_id = pid OR e.program_id IS NULL)
		AND e.recorded_at <= at
	ORDER BY e.recorded_at DESC, e.consent_event_id DESC
	LIMIT 1;
	RETURN CASE last_event WHEN 'opt_in' THEN 'opted_in' WHEN 'opt_out' THEN 'opted_out' ELSE 'none' END;
END
$$;
COMMENT ON FUNCTION smsfollow.consent_at(text, text, timestamptz) IS
'State of consent of a number for a program at a moment, from the ledger: opted_in, opted_out or none. Errors: invalid_parameter_value (number), undefined_object (program)';

CREATE VIEW smsfollow.consent_status WITH (security_barrier) AS
SELECT c.contact_id,
	CASE WHEN (SELECT pg_catalog.has_table_privilege('smsfollow.contact_phone', 'SELECT'))
		 THEN ph.phone ELSE smsfollow.mask_phone(ph.phone) END AS phone,
	p.name AS program, c.state, c.since, c.consent_event_id, e.method
FROM smsfollow.contact_consent c
JOIN smsfollow.program p USING (program_id)
LEFT JOIN smsfollow.contact_phone ph USING (contact_id)
LEFT JOIN smsfollow.consent_event e ON e.contact_id = c.contact_id AND e.consent_event_id = c.consent_event_id;
COMMENT ON VIEW smsfollow.consent_status IS 'Present consent per contact and program; numbers are masked for roles that may not read contact_phone';
