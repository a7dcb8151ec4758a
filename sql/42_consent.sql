/*
 * Consent: an append-only ledger, and the state that follows from it.
 *
 *   consent_event     the truth: one row for each thing that happened, chained
 *                     by hashes; nothing personal but the contact's id
 *   consent_evidence  what proves it: address, form, wording of the request ...;
 *                     erasing a person deletes these rows and breaks no hash
 *   disclosure        wordings people agreed to, stored once each
 *   contact_consent   the last word per contact and program, written in the
 *                     same transaction under the lock of the contact's
 *                     contact_state row, so that the gate reads one row
 *
 * Triggers refuse changes by every role and fire under
 * session_replication_role = replica too; they are there for each row as well,
 * because a statement on a table that the ledger was made to inherit from
 * fires those of the statement only there.  Who owns the tables can still
 * disable or drop the triggers; nothing inside a database can prevent that.
 * The hashes tell: see verify_consent().
 */
CREATE SEQUENCE smsfollow.consent_event_id_seq;
COMMENT ON SEQUENCE smsfollow.consent_event_id_seq IS 'Ids of smsfollow.consent_event';

CREATE TABLE smsfollow.disclosure (
	hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
	body text NOT NULL CHECK (body <> ''),
	first_at timestamptz NOT NULL
);
COMMENT ON TABLE smsfollow.disclosure IS 'Wordings that people agreed to, exactly as shown; append-only';
COMMENT ON COLUMN smsfollow.disclosure.hash IS 'SHA-256 of body in UTF-8';

CREATE TABLE smsfollow.consent_event (
	consent_event_id bigint NOT NULL DEFAULT nextval('smsfollow.consent_event_id_seq'),
	contact_id bigint NOT NULL REFERENCES smsfollow.contact,
	ordinal integer NOT NULL CHECK (ordinal > 0),
	program_id integer REFERENCES smsfollow.program,
	event text NOT NULL CHECK (event IN ('opt_in', 'opt_out', 'request', 'erase')),
	kind text CHECK (kind IN ('implied', 'soft_opt_in', 'express', 'express_written', 'double_opt_in')),
	method text NOT NULL CHECK (method <> '' AND length(method) <= 100),
	captured_at timestamptz NOT NULL,
	expires_at timestamptz,
	disclosure_hash bytea,
	evidence_hash bytea,
	recorded_at timestamptz NOT NULL,
	recorded_by text NOT NULL,
	hash bytea NOT NULL,
	PRIMARY KEY (contact_id, consent_event_id),
	CHECK (event IN ('opt_out', 'erase') OR program_id IS NOT NULL AND kind IS NOT NULL)
);
-- ids come in about the order of the table: heads read them by range
CREATE INDEX consent_event_id ON smsfollow.consent_event USING brin (consent_event_id) WITH (pages_per_range = 16);
COMMENT ON TABLE smsfollow.consent_event IS 'The consent ledger: append-only, one row for each opt-in, opt-out and request to confirm, chained by hashes per contact';
COMMENT ON COLUMN smsfollow.consent_event.ordinal IS 'Place in the contact''s chain, from 1 without gaps';
COMMENT ON COLUMN smsfollow.consent_event.program_id IS 'NULL: every program (opt-out and erase only)';
COMMENT ON COLUMN smsfollow.consent_event.event IS 'opt_in, opt_out, request (asked to confirm a double opt-in), erase (the person was erased)';
COMMENT ON COLUMN smsfollow.consent_event.kind IS 'implied < soft_opt_in < express < express_written < double_opt_in; NULL for opt-outs';
COMMENT ON COLUMN smsfollow.consent_event.captured_at IS 'When the person agreed or refused, as the application says; at most recorded_at';
COMMENT ON COLUMN smsfollow.consent_event.expires_at IS 'The consent, or the request to confirm, ends then; NULL: never';
COMMENT ON COLUMN smsfollow.consent_event.disclosure_hash IS 'The wording agreed to, in smsfollow.disclosure';
COMMENT ON COLUMN smsfollow.consent_event.evidence_hash IS 'SHA-256 of the salt and the evidence (its jsonb output in UTF-8) in smsfollow.consent_evidence; NULL: there was none';
COMMENT ON COLUMN smsfollow.consent_event.hash IS 'consent_hash() of this row and of the contact''s previous row''s hash';

CREATE TABLE smsfollow.consent_evidence (
	contact_id bigint NOT NULL,
	consent_event_id bigint NOT NULL,
	salt bytea NOT NULL,
	evidence jsonb NOT NULL CHECK (jsonb_typeof(evidence) = 'object'),
	PRIMARY KEY (contact_id, consent_event_id)
);
COMMENT ON TABLE smsfollow.consent_evidence IS 'What proves a row of the ledger: form, address, document, messages ...; never changed, deleted only when the person is erased';
COMMENT ON COLUMN smsfollow.consent_evidence.salt IS 'Random: keeps the hash in the ledger from being guessed back once the evidence is gone';

CREATE TABLE smsfollow.contact_consent (
	contact_id bigint NOT NULL,
	program_id integer NOT NULL REFERENCES smsfollow.program,
	state text NOT NULL CHECK (state IN ('none', 'opted_in', 'opted_out')),
	consent_event_id bigint NOT NULL,
	since timestamptz NOT NULL,
	kind text,
	expires_at timestamptz,
	pending_until timestamptz,
	request_event_id bigint,
	PRIMARY KEY (contact_id, program_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE smsfollow.contact_consent IS 'Last word of the ledger per contact and program; no row means no consent';
COMMENT ON COLUMN smsfollow.contact_consent.state IS 'opted_in, opted_out, or none while only a double opt-in was asked for';
COMMENT ON COLUMN smsfollow.contact_consent.kind IS 'Of the consent; NULL without one';
COMMENT ON COLUMN smsfollow.contact_consent.expires_at IS 'The consent ends then; NULL: never';
COMMENT ON COLUMN smsfollow.contact_consent.pending_until IS 'A double opt-in asked for can be confirmed until then; NULL: none is open';
COMMENT ON COLUMN smsfollow.contact_consent.request_event_id IS 'The row of the ledger that asked for it';

CREATE FUNCTION smsfollow.refuse_ledger_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'the consent ledger is append-only'
		USING ERRCODE = 'restrict_violation',
			  DETAIL = format('%s on smsfollow.%s is refused for every role.', TG_OP, TG_TABLE_NAME),
			  HINT = CASE TG_TABLE_NAME WHEN 'consent_evidence' THEN 'Evidence goes when its person is erased, with smsfollow.erase_contact().'
					 ELSE 'Record a new event with smsfollow.opt_in() or smsfollow.opt_out().' END;
END
$$;
COMMENT ON FUNCTION smsfollow.refuse_ledger_change() IS 'Trigger: keeps the consent ledger append-only, for its owner too. Error: restrict_violation';

CREATE FUNCTION smsfollow.refuse_evidence_loss() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM smsfollow.consent_event e
				   WHERE e.contact_id = OLD.contact_id AND e.consent_event_id > OLD.consent_event_id AND e.event = 'erase') THEN
		RAISE EXCEPTION 'evidence of consent cannot be deleted'
			USING ERRCODE = 'restrict_violation', DETAIL = format('Contact %s was not erased.', OLD.contact_id),
				  HINT = 'Evidence goes when its person is erased, with smsfollow.erase_contact().';
	END IF;
	RETURN OLD;
END
$$;
COMMENT ON FUNCTION smsfollow.refuse_evidence_loss() IS 'Trigger: evidence goes only after the ledger says that the person was erased. Error: restrict_violation';

CREATE FUNCTION smsfollow.keep_append_only(ledger regclass, deletable boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER append_only BEFORE %s ON %s FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.refuse_ledger_change()',
				   CASE WHEN deletable THEN 'UPDATE OR TRUNCATE' ELSE 'UPDATE OR DELETE OR TRUNCATE' END, ledger);
	EXECUTE format('CREATE TRIGGER append_only_row BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION smsfollow.refuse_ledger_change()',
				   CASE WHEN deletable THEN 'UPDATE' ELSE 'UPDATE OR DELETE' END, ledger);
	EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_row', ledger);
	IF deletable THEN
		EXECUTE format('CREATE TRIGGER keep_evidence BEFORE DELETE ON %s FOR EACH ROW EXECUTE FUNCTION smsfollow.refuse_evidence_loss()', ledger);
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER keep_evidence', ledger);
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.keep_append_only(regclass, boolean) IS
'Internal: puts the triggers on a table of the ledger, for statements and rows, firing always; deletable: rows of erased persons may go';

SELECT smsfollow.keep_append_only('smsfollow.consent_event', false),
	smsfollow.keep_append_only('smsfollow.disclosure', false),
	smsfollow.keep_append_only('smsfollow.consent_evidence', true);

CREATE FUNCTION smsfollow.consent_hash(
	previous bytea, contact_id bigint, ordinal integer, consent_event_id bigint, program_id integer, event text, kind text,
	method text, captured_at timestamptz, expires_at timestamptz, disclosure_hash bytea, evidence_hash bytea,
	recorded_at timestamptz, recorded_by text
) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_consent_hash';
COMMENT ON FUNCTION smsfollow.consent_hash(bytea, bigint, integer, bigint, integer, text, text, text, timestamptz, timestamptz, bytea, bytea, timestamptz, text) IS
'Hash of a row of the ledger: SHA-256 over the text "smsfollow consent 1" and the arguments in their order, each as its length in 4 bytes and then its bytes; NULL is the length FFFFFFFF alone. Texts in UTF-8; numbers in 8 bytes; times as microseconds since 2000-01-01 00:00 UTC in 8 bytes; the most significant byte first. previous: the hash of the contact''s row before, NULL for the first';

CREATE FUNCTION smsfollow.hmac_sha256(key bytea, message bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_hmac_sha256';
COMMENT ON FUNCTION smsfollow.hmac_sha256(bytea, bytea) IS 'Keyed hash after RFC 2104 with SHA-256';

CREATE FUNCTION smsfollow.evidence_hash(salt bytea, evidence jsonb) RETURNS bytea
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN pg_catalog.sha256(salt || pg_catalog.convert_to(evidence::text, 'UTF8'));
COMMENT ON FUNCTION smsfollow.evidence_hash(bytea, jsonb) IS 'What consent_event.evidence_hash is: SHA-256 of the salt and of the jsonb output in UTF-8';

CREATE FUNCTION smsfollow.consent_rank(kind text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE kind WHEN 'implied' THEN 1 WHEN 'soft_opt_in' THEN 2 WHEN 'express' THEN 3 WHEN 'express_written' THEN 4 WHEN 'double_opt_in' THEN 5 END;
COMMENT ON FUNCTION smsfollow.consent_rank(text) IS 'How strict a kind of consent is, 1 (implied) to 5 (double_opt_in); NULL for what is none';

CREATE FUNCTION smsfollow.consent_stands(
	state text, kind text, expires_at timestamptz, new_kind text, new_expires_at timestamptz, at timestamptz
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(state = 'opted_in' AND coalesce(expires_at > at, true) AND (
	smsfollow.consent_rank(kind) > smsfollow.consent_rank(new_kind)
	OR kind = new_kind AND coalesce(expires_at, 'infinity') > coalesce(new_expires_at, 'infinity')), false);
COMMENT ON FUNCTION smsfollow.consent_stands(text, text, timestamptz, text, timestamptz, timestamptz) IS
'Internal: a consent that is valid at that moment and stricter, or lasts longer, stays the last word when a weaker one is recorded after it';

CREATE FUNCTION smsfollow.consent_state(
	phone text, program text, at timestamptz DEFAULT smsfollow.clock(),
	OUT state text, OUT kind text, OUT since timestamptz, OUT expires_at timestamptz, OUT consent_event_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: answers without giving access to the ledger
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	contact bigint;
	pid integer := smsfollow.program_id(program);
	pending timestamptz;
	e record;
BEGIN
	IF phone IS NULL OR at IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN phone IS NULL THEN 'phone' ELSE 'at' END);
	END IF;
	contact := smsfollow.contact_id(phone);
	state := 'none';
	FOR e IN
		SELECT x.* FROM smsfollow.consent_event x
		WHERE x.contact_id = contact AND (x.program_id = pid OR x.program_id IS NULL) AND x.recorded_at <= at
		ORDER BY x.ordinal
	LOOP
		CASE e.event
			WHEN 'request' THEN
				pending := e.expires_at;
			WHEN 'opt_in' THEN
				pending := NULL;
				CONTINUE WHEN smsfollow.consent_stands(state, kind, expires_at, e.kind, e.expires_at, e.recorded_at);
				state := 'opted_in';
				kind := e.kind;
				since := e.recorded_at;
				expires_at := e.expires_at;
				consent_event_id := e.consent_event_id;
			ELSE
				pending := NULL;
				kind := NULL;
				expires_at := NULL;
				CONTINUE WHEN state = 'opted_out';
				state := 'opted_out';
				since := e.recorded_at;
				consent_event_id := e.consent_event_id;
		END CASE;
	END LOOP;
	IF state = 'opted_in' AND expires_at <= at THEN
		state := 'expired';
	END IF;
	IF state <> 'opted_in' AND pending > at THEN
		state := 'pending';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.consent_state(text, text, timestamptz) IS
'Consent of a number for a program at a moment, from the ledger. state: opted_in, opted_out, none, expired, or pending (a double opt-in that was not confirmed yet and still can be). kind, since, expires_at and consent_event_id are those of the last word. Errors: invalid_parameter_value (number), undefined_object (program), null_value_not_allowed';

CREATE FUNCTION smsfollow.consent_at(phone text, program text, at timestamptz DEFAULT smsfollow.clock()) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT s.state FROM smsfollow.consent_state(phone, program, at) s $$;
COMMENT ON FUNCTION smsfollow.consent_at(text, text, timestamptz) IS
'State of consent of a number for a program at a moment, from the ledger: opted_in, opted_out, none, expired or pending; see consent_state. Errors: invalid_parameter_value (number), undefined_object (program), null_value_not_allowed';

CREATE VIEW smsfollow.consent_status WITH (security_barrier) AS
SELECT c.contact_id,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN ph.phone ELSE smsfollow.mask_phone(ph.phone) END AS phone,
	p.name AS program,
	CASE WHEN c.state = 'opted_in' AND coalesce(c.expires_at > smsfollow.clock(), true) THEN 'opted_in'
		 WHEN c.pending_until > smsfollow.clock() THEN 'pending'
		 WHEN c.state = 'opted_in' THEN 'expired'
		 ELSE c.state END AS state,
	c.kind, c.since, c.expires_at, c.pending_until, c.consent_event_id, e.method
FROM smsfollow.contact_consent c
JOIN smsfollow.program p USING (program_id)
LEFT JOIN smsfollow.contact_phone ph USING (contact_id)
LEFT JOIN smsfollow.consent_event e ON e.contact_id = c.contact_id AND e.consent_event_id = c.consent_event_id
WHERE coalesce(p.tenant_id = (SELECT smsfollow.acting_tenant()), true);
COMMENT ON VIEW smsfollow.consent_status IS 'Present consent per contact and program; numbers are masked for who does not see persons';
COMMENT ON COLUMN smsfollow.consent_status.state IS 'opted_in, opted_out, none, expired or pending, as consent_at() says';
