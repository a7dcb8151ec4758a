/*
 * Proof of the ledger.
 *
 * Each row is chained to the contact's row before it; that finds every change
 * that is not followed by hashing the rest of the contact's chain anew.  Heads
 * close the rest: the scheduler hashes all new rows, whatever their contact,
 * chains that to the head before and signs it with a key that the database
 * does not hand out.  From then on nobody without the key can change, remove,
 * add or reorder a row it covers and stay unseen.  Rows after the last head
 * are protected by their chains only, and nothing proves the absence of heads
 * that were cut off at the end: keep a copy of the latest head elsewhere.
 *
 * A head covers the rows with ids after the previous head's last_id up to its
 * own.  Ids are drawn before their rows commit, so a head may only go as far
 * as every transaction that drew one has ended: consent_horizon remembers an
 * id and a transaction id that was assigned after it was read; once no
 * transaction up to that one runs any more, all ids up to that one are decided
 * (append_consent takes its transaction id before it draws an id).
 */
CREATE TABLE smsfollow.consent_head (
	head_id bigint PRIMARY KEY CHECK (head_id > 0),
	at timestamptz NOT NULL,
	last_id bigint NOT NULL,
	events bigint NOT NULL,
	events_hash bytea NOT NULL,
	hash bytea NOT NULL,
	signature bytea
);
COMMENT ON TABLE smsfollow.consent_head IS 'Signed heads over the consent ledger: append-only, written by the scheduler';
COMMENT ON COLUMN smsfollow.consent_head.head_id IS 'From 1, without gaps';
COMMENT ON COLUMN smsfollow.consent_head.last_id IS 'It covers the rows of consent_event with ids after the previous head''s last_id up to this one';
COMMENT ON COLUMN smsfollow.consent_head.events IS 'How many rows it covers';
COMMENT ON COLUMN smsfollow.consent_head.events_hash IS 'SHA-256 over contact_id, consent_event_id (8 bytes each) and hash of those rows, by id';
COMMENT ON COLUMN smsfollow.consent_head.hash IS 'head_hash() of this row and of the previous head''s hash';
COMMENT ON COLUMN smsfollow.consent_head.signature IS 'HMAC-SHA256 of hash with the member "key" of the secret "consent"; NULL: there was no such secret';
SELECT smsfollow.keep_append_only('smsfollow.consent_head', false);

CREATE TABLE smsfollow.consent_horizon (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	decided bigint NOT NULL,
	candidate bigint NOT NULL,
	taken_before xid8 NOT NULL
);
COMMENT ON TABLE smsfollow.consent_horizon IS 'Internal: how far ids of the ledger are decided; means nothing in another cluster and is not dumped';
COMMENT ON COLUMN smsfollow.consent_horizon.decided IS 'Every transaction that drew an id up to this one has ended';
COMMENT ON COLUMN smsfollow.consent_horizon.candidate IS 'So far it will be once every transaction up to taken_before has';

CREATE FUNCTION smsfollow.sign(secret_name text, message bytea) RETURNS bytea
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'smsfollow_sign';
COMMENT ON FUNCTION smsfollow.sign(text, bytea) IS
'Internal: HMAC-SHA256 of a message with the member "key" of a secret (smsfollow.secret, or else a file in smsfollow.secret_dir); NULL when there is no such secret. Errors: config_file_error for one that cannot be used';

CREATE FUNCTION smsfollow.signature_holds(secret_name text, message bytea, signature bytea) RETURNS boolean
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'smsfollow_signature_holds';
COMMENT ON FUNCTION smsfollow.signature_holds(text, bytea, bytea) IS
'Internal: true when any member of the secret makes this signature, so that an older key may stay there under another name; NULL when there is no such secret. Errors as of sign';

CREATE FUNCTION smsfollow.head_hash(previous bytea, head_id bigint, at timestamptz, last_id bigint, events bigint, events_hash bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.sha256('smsfollow head 1'::bytea || coalesce(previous, ''::bytea) || pg_catalog.int8send(head_id)
	|| pg_catalog.timestamptz_send(at) || pg_catalog.int8send(last_id) || pg_catalog.int8send(events) || events_hash);
COMMENT ON FUNCTION smsfollow.head_hash(bytea, bigint, timestamptz, bigint, bigint, bytea) IS
'Hash of a head: SHA-256 over the text "smsfollow head 1", the previous head''s hash (nothing for the first), head_id, at (microseconds since 2000-01-01 00:00 UTC), last_id and events in 8 bytes each, most significant first, and events_hash';

CREATE FUNCTION smsfollow.events_hash(after_id bigint, up_to_id bigint, most integer, OUT events bigint, OUT last_id bigint, OUT first_at timestamptz, OUT hash bytea)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
-- always by the index on ids, whatever the statistics of a young table say
SET enable_seqscan = off
AS $$
	SELECT count(*), max(e.consent_event_id), min(e.recorded_at),
		sha256(string_agg(int8send(e.contact_id) || int8send(e.consent_event_id) || e.hash, ''::bytea ORDER BY e.consent_event_id))
	FROM (SELECT x.contact_id, x.consent_event_id, x.recorded_at, x.hash FROM smsfollow.consent_event x
		  WHERE x.consent_event_id > after_id AND x.consent_event_id <= up_to_id
		  ORDER BY x.consent_event_id LIMIT most) e
$$;
COMMENT ON FUNCTION smsfollow.events_hash(bigint, bigint, integer) IS
'Internal: what a head says about the first rows of the ledger after an id up to another one; most NULL: all of them';

CREATE FUNCTION smsfollow.sign_consent() RETURNS bigint
LANGUAGE plpgsql
-- definer: reads the key
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 200000;
	newest bigint;
	horizon smsfollow.consent_horizon;
	fresh boolean := pg_current_xact_id_if_assigned() IS NULL;
	last_head smsfollow.consent_head;
	e record;
	now timestamptz;
	hash bytea;
BEGIN
	IF smsfollow.installation_problem() IS NOT NULL THEN
		RETURN 0;
	END IF;
	-- one at a time; takes no transaction id
	LOCK TABLE smsfollow.consent_head IN SHARE ROW EXCLUSIVE MODE;
	SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO newest FROM smsfollow.consent_event_id_seq s;
	SELECT * INTO horizon FROM smsfollow.consent_horizon;
	IF horizon.taken_before < pg_snapshot_xmin(pg_current_snapshot()) THEN
		horizon.decided := horizon.candidate;
	END IF;
	horizon.decided := coalesce(horizon.decided, 0);
	-- the next candidate: only in a transaction whose id is newer than that reading
	IF fresh AND newest > horizon.decided AND (horizon.only_row IS NULL OR horizon.decided = horizon.candidate) THEN
		horizon.candidate := newest;
		horizon.taken_before := pg_current_xact_id();
	END IF;
	IF horizon.taken_before IS NOT NULL THEN
		INSERT INTO smsfollow.consent_horizon AS h (decided, candidate, taken_before)
		VALUES (horizon.decided, horizon.candidate, horizon.taken_before)
		ON CONFLICT (only_row) DO UPDATE
		SET decided = excluded.decided, candidate = excluded.candidate, taken_before = excluded.taken_before
		WHERE (h.decided, h.candidate) <> (excluded.decided, excluded.candidate);
	END IF;

	SELECT * INTO last_head FROM smsfollow.consent_head h ORDER BY h.head_id DESC LIMIT 1;
	SELECT * INTO e FROM smsfollow.events_hash(coalesce(last_head.last_id, 0), horizon.decided, most);
	-- what a running restore has brought so far is left alone: its heads are still to come
	IF e.events = 0 OR e.first_at < (SELECT max(o.since) FROM smsfollow.installation o) THEN
		RETURN (newest > horizon.decided)::integer;
	END IF;
	now := smsfollow.clock();
	hash := smsfollow.head_hash(last_head.hash, coalesce(last_head.head_id, 0) + 1, now, e.last_id, e.events, e.hash);
	INSERT INTO smsfollow.consent_head (head_id, at, last_id, events, events_hash, hash, signature)
	VALUES (coalesce(last_head.head_id, 0) + 1, now, e.last_id, e.events, e.hash, hash, smsfollow.sign('consent', hash));
	RETURN e.events;
END
$$;
COMMENT ON FUNCTION smsfollow.sign_consent() IS
'Signs a head over the rows of the ledger that are new since the last one, at most 200000, once every transaction that may still add one before them has ended; returns how many, or 1 when it has to be called again for some. The scheduler runs it, at most once a minute. Does nothing in a database nobody adopted. Errors: config_file_error for a secret "consent" that cannot be used';

CREATE FUNCTION smsfollow.ledger_guard_problem() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('trigger %s of smsfollow.%s is missing or disabled', w.trigger, w.ledger)
	FROM (VALUES ('consent_event', 'append_only'), ('consent_event', 'append_only_row'),
				 ('consent_evidence', 'append_only'), ('consent_evidence', 'append_only_row'), ('consent_evidence', 'keep_evidence'),
				 ('disclosure', 'append_only'), ('disclosure', 'append_only_row'),
				 ('consent_head', 'append_only'), ('consent_head', 'append_only_row')) AS w(ledger, trigger)
	WHERE NOT EXISTS (SELECT FROM pg_trigger t
					  WHERE t.tgrelid = to_regclass('smsfollow.' || w.ledger) AND t.tgname = w.trigger AND t.tgenabled = 'A')
	LIMIT 1
$$;
COMMENT ON FUNCTION smsfollow.ledger_guard_problem() IS 'Internal: which trigger that keeps the ledger append-only does not work; NULL: they all do';

CREATE FUNCTION smsfollow.verify_chains(contact bigint, OUT contact_id bigint, OUT consent_event_id bigint, OUT problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- streams along the primary key; stops at the first bad row
	SELECT x.contact_id, x.consent_event_id,
		CASE WHEN x.ordinal > x.place THEN 'a row before this one is missing'
			 WHEN x.ordinal < x.place THEN 'this row, or one before it, was inserted'
			 ELSE 'this row was changed or reordered' END
	INTO contact_id, consent_event_id, problem
	FROM (SELECT e.*, lag(e.hash) OVER chain AS previous, row_number() OVER chain AS place
		  FROM smsfollow.consent_event e
		  WHERE contact IS NULL OR e.contact_id = contact
		  WINDOW chain AS (PARTITION BY e.contact_id ORDER BY e.consent_event_id)) x
	WHERE x.ordinal <> x.place
		OR x.hash <> smsfollow.consent_hash(x.previous, x.contact_id, x.ordinal, x.consent_event_id, x.program_id, x.event, x.kind,
			x.method, x.captured_at, x.expires_at, x.disclosure_hash, x.evidence_hash, x.recorded_at, x.recorded_by)
	LIMIT 1;
	IF problem IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT coalesce(e.contact_id, v.contact_id), coalesce(e.consent_event_id, v.consent_event_id),
		CASE WHEN e.contact_id IS NULL THEN 'evidence without a row in the ledger'
			 WHEN v.contact_id IS NULL THEN 'the evidence of this row is missing'
			 ELSE 'the evidence of this row was changed' END
	INTO contact_id, consent_event_id, problem
	FROM (SELECT * FROM smsfollow.consent_event x WHERE (contact IS NULL OR x.contact_id = contact) AND x.evidence_hash IS NOT NULL) e
	FULL JOIN (SELECT * FROM smsfollow.consent_evidence x WHERE contact IS NULL OR x.contact_id = contact) v
		ON v.contact_id = e.contact_id AND v.consent_event_id = e.consent_event_id
	WHERE e.contact_id IS NULL
		OR v.contact_id IS NOT NULL AND smsfollow.evidence_hash(v.salt, v.evidence) <> e.evidence_hash
		OR v.contact_id IS NULL AND NOT EXISTS (
			SELECT FROM smsfollow.consent_event g
			WHERE g.contact_id = e.contact_id AND g.consent_event_id > e.consent_event_id AND g.event = 'erase')
	ORDER BY 1, 2 LIMIT 1;
	IF problem IS NOT NULL THEN
		RETURN;
	END IF;
	SELECT e.contact_id, e.consent_event_id,
		CASE WHEN d.hash IS NULL THEN 'the wording that this row names is missing' ELSE 'the wording that this row names was changed' END
	INTO contact_id, consent_event_id, problem
	FROM smsfollow.consent_event e LEFT JOIN smsfollow.disclosure d ON d.hash = e.disclosure_hash
	WHERE (contact IS NULL OR e.contact_id = contact) AND e.disclosure_hash IS NOT NULL
		AND (d.hash IS NULL OR d.hash <> sha256(convert_to(d.body, 'UTF8')))
	ORDER BY 1, 2 LIMIT 1;
END
$$;
COMMENT ON FUNCTION smsfollow.verify_chains(bigint) IS
'Internal: the first row of the ledger whose chain, evidence or wording is not what its hash says; of one contact, or all (NULL)';

CREATE FUNCTION smsfollow.verify_state(contact bigint, OUT contact_id bigint, OUT consent_event_id bigint, OUT problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT c.contact_id, c.consent_event_id,
		CASE WHEN e.contact_id IS NULL THEN 'the row of the ledger that the state of consent rests on is missing'
			 ELSE 'the state of consent is not what the ledger says' END
	INTO contact_id, consent_event_id, problem
	FROM smsfollow.contact_consent c
	LEFT JOIN smsfollow.consent_event e ON e.contact_id = c.contact_id AND e.consent_event_id = c.consent_event_id
	WHERE (contact IS NULL OR c.contact_id = contact)
		AND (e.contact_id IS NULL
			OR e.program_id <> c.program_id
			OR (CASE e.event WHEN 'opt_in' THEN 'opted_in' WHEN 'request' THEN 'none' ELSE 'opted_out' END) <> c.state
			OR c.state = 'opted_in' AND (e.kind, e.expires_at, e.recorded_at) IS DISTINCT FROM (c.kind, c.expires_at, c.since)
			-- a later word that must have changed it
			OR EXISTS (SELECT FROM smsfollow.consent_event l
					   WHERE l.contact_id = c.contact_id AND l.consent_event_id > c.consent_event_id
						AND (l.program_id = c.program_id OR l.program_id IS NULL)
						AND (c.state <> 'opted_out' AND l.event IN ('opt_out', 'erase')
							 OR c.state <> 'opted_in' AND l.event = 'opt_in'))
			OR c.pending_until IS NOT NULL AND NOT EXISTS (
				SELECT FROM smsfollow.consent_event q
				WHERE q.contact_id = c.contact_id AND q.consent_event_id = c.request_event_id AND q.event = 'request'
					AND q.program_id = c.program_id AND q.expires_at = c.pending_until))
	ORDER BY 1, 2 LIMIT 1;
END
$$;
COMMENT ON FUNCTION smsfollow.verify_state(bigint) IS
'Internal: the first state of consent, which the gate reads, that does not follow from the ledger; of one contact, or all (NULL)';

CREATE FUNCTION smsfollow.verify_heads(OUT heads bigint, OUT signed bigint, OUT unchecked bigint, OUT head_id bigint, OUT problem text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	h smsfollow.consent_head;
	before smsfollow.consent_head;
	e record;
	holds boolean;
BEGIN
	heads := 0;
	signed := 0;
	unchecked := 0;
	FOR h IN SELECT x.* FROM smsfollow.consent_head x ORDER BY x.head_id LOOP
		SELECT * INTO e FROM smsfollow.events_hash(coalesce(before.last_id, 0), h.last_id, NULL);
		holds := smsfollow.signature_holds('consent', h.hash, h.signature);
		problem := CASE
			WHEN h.head_id <> heads + 1 THEN format('head %s is missing', heads + 1)
			WHEN h.hash <> smsfollow.head_hash(before.hash, h.head_id, h.at, h.last_id, h.events, h.events_hash)
				THEN 'the head was changed'
			WHEN NOT holds
				THEN 'the signature is not of a key in the secret "consent"'
			WHEN e.events <> h.events OR e.hash IS DISTINCT FROM h.events_hash
				THEN format('of the ledger''s rows %s to %s, which were %s, there are %s%s', coalesce(before.last_id, 0) + 1, h.last_id,
							h.events, e.events, CASE WHEN e.events = h.events THEN ' others' ELSE '' END)
			END;
		head_id := h.head_id;
		EXIT WHEN problem IS NOT NULL;
		heads := heads + 1;
		signed := signed + coalesce(holds, false)::integer;
		unchecked := unchecked + (h.signature IS NOT NULL AND holds IS NULL)::integer;
		before := h;
	END LOOP;
	IF problem IS NULL THEN
		head_id := NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.verify_heads() IS
'Internal: recomputes every head; head_id and problem name the first that does not hold. unchecked: signatures for which there is no key';

CREATE FUNCTION smsfollow.verify_consent(
	phone text DEFAULT NULL,
	OUT ok boolean, OUT events bigint, OUT heads bigint, OUT signed_heads bigint, OUT unsigned_events bigint,
	OUT contact_id bigint, OUT consent_event_id bigint, OUT head_id bigint, OUT problem text, OUT hint text
)
LANGUAGE plpgsql
-- definer: reads the whole ledger and the key, and tells only whether it holds
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	contact bigint;
	last_signed bigint;
	unchecked bigint;
BEGIN
	IF phone IS NOT NULL THEN
		contact := smsfollow.contact_id(phone);
		IF contact IS NULL THEN
			RAISE EXCEPTION 'this number is not a contact' USING ERRCODE = 'undefined_object', HINT = 'Nothing was recorded about it, or it was erased.';
		END IF;
	END IF;
	SELECT count(*) INTO events FROM smsfollow.consent_event e WHERE contact IS NULL OR e.contact_id = contact;
	SELECT v.contact_id, v.consent_event_id, v.problem INTO contact_id, consent_event_id, problem FROM smsfollow.verify_chains(contact) v;
	IF problem IS NULL THEN
		SELECT v.contact_id, v.consent_event_id, v.problem INTO contact_id, consent_event_id, problem FROM smsfollow.verify_state(contact) v;
	END IF;
	IF problem IS NULL AND phone IS NULL THEN
		SELECT v.heads, v.signed, v.unchecked, v.head_id, v.problem INTO heads, signed_heads, unchecked, head_id, problem FROM smsfollow.verify_heads() v;
	END IF;
	IF problem IS NULL THEN
		problem := smsfollow.ledger_guard_problem();
	END IF;
	SELECT max(h.last_id) INTO last_signed FROM smsfollow.consent_head h WHERE h.signature IS NOT NULL;
	SELECT count(*) INTO unsigned_events FROM smsfollow.consent_event e
	WHERE (contact IS NULL OR e.contact_id = contact) AND e.consent_event_id > coalesce(last_signed, 0);
	ok := problem IS NULL;
	IF NOT ok THEN
		hint := 'Somebody changed the ledger past its functions, or a restore is not complete. Compare with a backup from before.';
	ELSIF unchecked > 0 THEN
		hint := 'Signatures were not checked: put the key into the secret "consent".';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.verify_consent(text) IS
'Proves the ledger, or that of one number, or names the first thing wrong with it: contact_id and consent_event_id of the row, or head_id. Looks at every row''s hash, order, evidence and wording, at the states that the gate reads, at the heads and their signatures (for the whole ledger) and at the triggers. unsigned_events: rows that no signed head covers yet. Reads everything: tens of thousands of rows a second. Errors: undefined_object (number), invalid_parameter_value, config_file_error (secret "consent")';

CREATE FUNCTION smsfollow.health_consent() RETURNS TABLE (item text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	guard text := smsfollow.ledger_guard_problem();
	h smsfollow.consent_head;
BEGIN
	RETURN QUERY SELECT 'consent ledger', CASE WHEN guard IS NULL THEN 'ok' ELSE 'error' END, coalesce(guard, 'append-only'),
		'Enable the trigger again (ALTER TABLE ... ENABLE ALWAYS TRIGGER), and see smsfollow.verify_consent().';
	SELECT * INTO h FROM smsfollow.consent_head x ORDER BY x.head_id DESC LIMIT 1;
	RETURN QUERY SELECT 'consent heads', CASE WHEN h.head_id IS NULL OR h.signature IS NOT NULL THEN 'ok' ELSE 'warning' END,
		CASE WHEN h.head_id IS NULL THEN 'none yet'
			 ELSE format('%s, the last %s at %s', h.head_id, CASE WHEN h.signature IS NULL THEN 'not signed' ELSE 'signed' END, date_trunc('second', h.at)) END,
		'Make a secret "consent" with a member "key" of random characters, as a file in smsfollow.secret_dir or with smsfollow.set_secret(); the next head then covers the earlier ones.';
END
$$;
COMMENT ON FUNCTION smsfollow.health_consent() IS 'Internal: the part of health() about the proof of consent';

CREATE FUNCTION smsfollow.consent_proof(phone text) RETURNS jsonb
LANGUAGE plpgsql
-- definer: gathers from tables that operators read in part only, and reads the key
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text;
	contact bigint;
	checked record;
	consents jsonb;
	texts jsonb;
	heads jsonb;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	e164 := smsfollow.phone(phone);
	contact := smsfollow.contact_id(e164);
	IF contact IS NULL THEN
		RAISE EXCEPTION 'this number is not a contact' USING ERRCODE = 'undefined_object', HINT = 'Nothing was recorded about it, or it was erased.';
	END IF;
	SELECT * INTO checked FROM smsfollow.verify_consent(e164);
	SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
			'consent_event_id', e.consent_event_id, 'ordinal', e.ordinal, 'event', e.event, 'program', p.name, 'brand', p.brand, 'purpose', p.purpose,
			'kind', e.kind, 'method', e.method, 'captured_at', e.captured_at, 'expires_at', e.expires_at, 'disclosure', d.body,
			'disclosure_hash', encode(e.disclosure_hash, 'hex'), 'evidence', v.evidence, 'salt', encode(v.salt, 'hex'),
			'evidence_hash', encode(e.evidence_hash, 'hex'), 'recorded_at', e.recorded_at, 'recorded_by', e.recorded_by,
			'program_id', e.program_id, 'hash', encode(e.hash, 'hex'), 'head_id', h.head_id)) ORDER BY e.ordinal), '[]'),
		coalesce(jsonb_agg(DISTINCT h.head_id) FILTER (WHERE h.head_id IS NOT NULL), '[]')
	INTO consents, heads
	FROM smsfollow.consent_event e
	LEFT JOIN smsfollow.program p USING (program_id)
	LEFT JOIN smsfollow.disclosure d ON d.hash = e.disclosure_hash
	LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id)
	LEFT JOIN LATERAL (SELECT x.head_id FROM smsfollow.consent_head x
					   WHERE x.last_id >= e.consent_event_id ORDER BY x.head_id LIMIT 1) h ON true
	WHERE e.contact_id = contact;
	SELECT coalesce(jsonb_agg(jsonb_build_object('head_id', h.head_id, 'at', h.at, 'last_id', h.last_id, 'events', h.events,
			'events_hash', encode(h.events_hash, 'hex'), 'hash', encode(h.hash, 'hex'), 'signature', encode(h.signature, 'hex')) ORDER BY h.head_id), '[]')
	INTO heads
	FROM smsfollow.consent_head h WHERE to_jsonb(h.head_id) <@ heads;
	SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
			'message_id', m.message_id, 'created_at', m.created_at, 'created_by', m.created_by, 'campaign', c.name, 'program', p.name,
			'notice', m.notice, 'send_at', m.send_at, 'expires_at', m.expires_at,
			'attempts', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('attempt', a.attempt, 'started_at', a.started_at, 'at', a.at,
							'outcome', a.outcome, 'reason', a.reason, 'consent_event_id', a.consent_event_id, 'sender', s.address,
							'provider_message_id', a.provider_message_id, 'body', a.body)) ORDER BY a.at)
						 FROM smsfollow.attempt a LEFT JOIN smsfollow.sender s USING (sender_id)
						 WHERE a.message_id = m.message_id AND a.at >= m.created_at),
			'verdicts', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', v.at, 'verdict', v.verdict, 'code', v.code,
							'rule', v.rule, 'next_at', v.next_at)) ORDER BY v.at)
						 FROM smsfollow.verdict v WHERE v.message_id = m.message_id AND v.at >= m.created_at),
			'receipts', (SELECT jsonb_agg(jsonb_build_object('at', r.at, 'status', r.status) ORDER BY r.at)
						 FROM smsfollow.receipt r WHERE r.message_id = m.message_id AND r.at >= m.created_at))) ORDER BY m.created_at, m.message_id), '[]')
	INTO texts
	FROM smsfollow.message m
	JOIN smsfollow.campaign c USING (campaign_id)
	JOIN smsfollow.program p USING (program_id)
	WHERE m.contact_id = contact;
	RETURN jsonb_build_object('format', 'smsfollow consent proof 1', 'generated_at', smsfollow.clock(), 'phone', e164, 'contact_id', contact,
		'verified', jsonb_strip_nulls(jsonb_build_object('ok', checked.ok, 'problem', checked.problem, 'consent_event_id', checked.consent_event_id,
			'unsigned_events', checked.unsigned_events)),
		'consents', consents, 'heads', heads, 'texts', texts);
END
$$;
COMMENT ON FUNCTION smsfollow.consent_proof(text) IS
'All that proves what the holder of a number agreed to and was sent, as one document: consents (the rows of the ledger with evidence and wording, and what their hashes are made of), heads (the signed heads that cover them), texts (each with its attempts and exact bodies, verdicts and receipts, as far back as the log goes) and verified (what verify_consent says now). Errors: undefined_object (number), invalid_parameter_value, null_value_not_allowed, config_file_error (secret "consent")';
