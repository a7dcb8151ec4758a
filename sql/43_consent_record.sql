/*
 * Recording consent.  record_opt_in() and record_opt_out() are the only writers
 * of the ledger and of contact_consent (import_consent() does the same for many
 * contacts at once); what people call checks its arguments first, so that a
 * refused call leaves nothing behind.
 */
CREATE TABLE smsfollow.opt_out_rule (
	calling_code text NOT NULL CHECK (calling_code ~ '^([1-9][0-9]{0,6})?$'),
	effective_from timestamptz NOT NULL,
	scope text NOT NULL CHECK (scope IN ('program', 'all')),
	source text,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (calling_code, effective_from)
);
COMMENT ON TABLE smsfollow.opt_out_rule IS
'How far an opt-out from one program reaches: the latest row in effect among those whose calling code begins the number; without one, the program alone. Add rows of your own to override';
COMMENT ON COLUMN smsfollow.opt_out_rule.calling_code IS 'First digits of the number after +; empty: every number';
COMMENT ON COLUMN smsfollow.opt_out_rule.scope IS 'program: only the one named; all: every program';
COMMENT ON COLUMN smsfollow.opt_out_rule.builtin IS 'True: came with the extension, and is not dumped';
INSERT INTO smsfollow.opt_out_rule (calling_code, effective_from, scope, source, builtin) VALUES
	('1', '2027-01-31 00:00-05', 'all', '47 CFR 64.1200(a)(10), as waived until 2027-01-31 (FCC order of 2026-01-06)', true);

CREATE FUNCTION smsfollow.opt_out_scope(phone text, at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT r.scope FROM smsfollow.opt_out_rule r
					 WHERE starts_with(phone, '+' || r.calling_code) AND r.effective_from <= at
					 ORDER BY r.effective_from DESC, length(r.calling_code) DESC LIMIT 1), 'program');
END
$$;
COMMENT ON FUNCTION smsfollow.opt_out_scope(text, timestamptz) IS 'Internal: how far an opt-out from one program reaches for an E.164 number at a moment, after smsfollow.opt_out_rule';

CREATE FUNCTION smsfollow.default_consent_kind(method text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN method IN ('web', 'web_form', 'app', 'checkout', 'keyword', 'paper', 'email') THEN 'express_written' ELSE 'express' END;
COMMENT ON FUNCTION smsfollow.default_consent_kind(text) IS
'Kind of a consent where the caller names none: express_written for what a person wrote, ticked or texted (an electronic signature counts: 47 CFR 64.1200(f)(9)), else express';

CREATE FUNCTION smsfollow.implied_term(basis text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE basis WHEN 'inquiry' THEN interval '6 months' WHEN 'purchase' THEN interval '24 months'
	WHEN 'contract' THEN interval '24 months' WHEN 'non_business' THEN interval '24 months' END;
COMMENT ON FUNCTION smsfollow.implied_term(text) IS
'How long implied consent lasts after inquiry, purchase, contract or non_business relationship (CASL, S.C. 2010, c. 23, s. 10(10) and (13)); NULL for another word';

CREATE FUNCTION smsfollow.is_ip_address(address text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF address ~ '^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.|$)){4}$' AND address !~ '\.$' THEN
		RETURN true;
	ELSIF address !~ '^[0-9a-fA-F:.]{2,45}$' OR address !~ ':' THEN
		RETURN false;
	END IF;
	PERFORM address::inet;
	RETURN true;
EXCEPTION WHEN invalid_text_representation THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION smsfollow.is_ip_address(text) IS 'Internal: true for the text of an IPv4 or IPv6 address, without a mask';

CREATE FUNCTION smsfollow.consent_problem(
	kind text, evidence jsonb, captured_at timestamptz, expires_at timestamptz, at timestamptz, OUT problem text, OUT hint text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	member text;
BEGIN
	IF jsonb_typeof(evidence) <> 'object' THEN
		problem := 'evidence must be a JSON object';
		hint := 'Write for example {"form": "checkout", "ip": "192.0.2.1"}.';
	ELSIF kind IS NOT NULL AND smsfollow.consent_rank(kind) IS NULL THEN
		problem := format('kind "%s" is not known', kind);
		hint := 'Use implied, soft_opt_in, express, express_written or double_opt_in.';
	ELSIF NOT isfinite(captured_at) OR NOT isfinite(expires_at) THEN
		problem := 'captured_at and expires_at must be times';
		hint := 'Write them as 2027-01-31 12:00+00; leave out what is not known.';
	ELSIF captured_at > at + interval '1 minute' THEN
		problem := 'captured_at is in the future';
		hint := 'Give the moment at which the person agreed; leave it out for now.';
	ELSIF expires_at <= captured_at THEN
		problem := 'expires_at is not after captured_at';
		hint := 'Leave it out for a consent that does not expire.';
	ELSIF expires_at <= at THEN
		problem := 'the consent has expired already';
		hint := 'Ask the person again.';
	END IF;
	IF problem IS NOT NULL OR evidence = '{}' AND kind IS NOT NULL AND kind NOT IN ('implied', 'double_opt_in') THEN
		RETURN;
	END IF;
	FOREACH member IN ARRAY '{disclosure,disclosure_hash,language,ip,user_agent,source,basis}'::text[] LOOP
		IF evidence ? member AND jsonb_typeof(evidence -> member) <> 'string' OR evidence ->> member = '' THEN
			problem := format('%s in the evidence must be a text', member);
			hint := 'Leave it out when it is not known.';
			RETURN;
		END IF;
	END LOOP;
	IF evidence ? 'ip' AND NOT smsfollow.is_ip_address(evidence ->> 'ip') THEN
		problem := 'ip in the evidence is not an address';
		hint := 'Write one address, such as 192.0.2.1 or 2001:db8::1.';
	ELSIF evidence ? 'language' AND evidence ->> 'language' !~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$' THEN
		problem := 'language in the evidence is not a language tag';
		hint := 'Write a BCP 47 tag such as en-US.';
	ELSIF evidence ? 'disclosure_hash' AND evidence ->> 'disclosure_hash' !~ '^[0-9a-f]{64}$' THEN
		problem := 'disclosure_hash in the evidence is not a SHA-256 hash';
		hint := 'Write its 32 bytes as 64 hexadecimal digits in lower case.';
	ELSIF evidence ? 'disclosure' AND evidence ? 'disclosure_hash'
		AND encode(sha256(convert_to(evidence ->> 'disclosure', 'UTF8')), 'hex') <> evidence ->> 'disclosure_hash' THEN
		problem := 'disclosure and disclosure_hash in the evidence contradict each other';
		hint := 'The hash is the SHA-256 of the wording in UTF-8. Give the wording alone.';
	ELSIF evidence ? 'disclosure_hash' AND NOT evidence ? 'disclosure'
		AND NOT EXISTS (SELECT FROM smsfollow.disclosure d WHERE d.hash = decode(evidence ->> 'disclosure_hash', 'hex')) THEN
		problem := 'the wording of this disclosure_hash is not known';
		hint := 'Give the wording as disclosure the first time.';
	ELSIF evidence ? 'not_a_condition' AND jsonb_typeof(evidence -> 'not_a_condition') <> 'boolean' THEN
		problem := 'not_a_condition in the evidence must be true or false';
		hint := 'It says whether people were told that they need not agree in order to buy.';
	ELSIF kind = 'express_written' AND evidence -> 'not_a_condition' = 'false' THEN
		problem := 'consent that was a condition of a purchase is not express written consent';
		hint := 'See 47 CFR 64.1200(f)(9)(i)(B). Record it as the kind it is.';
	ELSIF kind = 'double_opt_in' AND coalesce(evidence -> 'confirmation', 'null') = 'null' THEN
		problem := 'a double opt-in needs the confirmation of the person';
		hint := 'Ask for it with opt_in(..., double_opt_in => true), or give the reply as confirmation in the evidence.';
	ELSIF kind = 'implied' AND evidence ? 'basis' AND smsfollow.implied_term(evidence ->> 'basis') IS NULL THEN
		problem := 'basis in the evidence is not known';
		hint := 'Use inquiry (6 months), purchase, contract or non_business (24 months).';
	ELSIF kind = 'implied' AND NOT evidence ? 'basis' AND expires_at IS NULL THEN
		problem := 'implied consent needs a basis or expires_at';
		hint := 'Give basis in the evidence: inquiry (6 months), purchase, contract or non_business (24 months).';
	ELSIF kind = 'implied' AND expires_at > captured_at + smsfollow.implied_term(evidence ->> 'basis') THEN
		problem := 'expires_at is later than the basis allows';
		hint := 'Leave expires_at out: it follows from the basis.';
	ELSIF kind = 'implied' AND captured_at + smsfollow.implied_term(evidence ->> 'basis') <= at THEN
		problem := 'the consent has expired already';
		hint := 'Ask the person again.';
	ELSIF octet_length(evidence::text) > 65536 THEN
		problem := 'evidence is larger than 64 kB';
		hint := 'Store documents elsewhere, and their address and hash here.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.consent_problem(text, jsonb, timestamptz, timestamptz, timestamptz) IS
'Internal: what is wrong with a consent of this kind (NULL: an opt-out) and evidence, with what to do; problem is NULL when nothing is. at: now';

CREATE FUNCTION smsfollow.store_disclosure(evidence jsonb, at timestamptz) RETURNS bytea
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	digest bytea;
BEGIN
	IF NOT evidence ? 'disclosure' THEN
		RETURN decode(evidence ->> 'disclosure_hash', 'hex');
	END IF;
	digest := sha256(convert_to(evidence ->> 'disclosure', 'UTF8'));
	IF NOT EXISTS (SELECT FROM smsfollow.disclosure d WHERE d.hash = digest) THEN
		INSERT INTO smsfollow.disclosure (hash, body, first_at) VALUES (digest, evidence ->> 'disclosure', at)
		ON CONFLICT (hash) DO NOTHING;
	END IF;
	RETURN digest;
END
$$;
COMMENT ON FUNCTION smsfollow.store_disclosure(jsonb, timestamptz) IS 'Internal: keeps the wording named in checked evidence and returns its hash; NULL when none is named';

CREATE FUNCTION smsfollow.append_consent(
	contact bigint, program integer, event text, kind text, method text, captured_at timestamptz, expires_at timestamptz,
	evidence jsonb, at timestamptz
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
	place integer;
	previous bytea;
	wording bytea := smsfollow.store_disclosure(evidence, at);
	proof jsonb := evidence - '{disclosure,disclosure_hash}'::text[];
	salt bytea;
	proof_hash bytea;
BEGIN
	SELECT e.ordinal, e.hash INTO place, previous
	FROM smsfollow.consent_event e WHERE e.contact_id = contact ORDER BY e.consent_event_id DESC LIMIT 1;
	place := coalesce(place, 0) + 1;
	PERFORM pg_current_xact_id();	-- before the id: sign_consent() relies on it
	id := nextval('smsfollow.consent_event_id_seq');
	IF proof <> '{}' THEN
		salt := uuid_send(gen_random_uuid());
		proof_hash := smsfollow.evidence_hash(salt, proof);
		INSERT INTO smsfollow.consent_evidence (contact_id, consent_event_id, salt, evidence) VALUES (contact, id, salt, proof);
	END IF;
	INSERT INTO smsfollow.consent_event (consent_event_id, contact_id, ordinal, program_id, event, kind, method, captured_at,
		expires_at, disclosure_hash, evidence_hash, recorded_at, recorded_by, hash)
	VALUES (id, contact, place, program, event, kind, method, captured_at, expires_at, wording, proof_hash, at, session_user,
		smsfollow.consent_hash(previous, contact, place, id, program, event, kind, method, captured_at, expires_at, wording,
							   proof_hash, at, session_user));
	PERFORM smsfollow.wake('scheduler');	-- signs it
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.append_consent(bigint, integer, text, text, text, timestamptz, timestamptz, jsonb, timestamptz) IS
'Internal: adds a row to the ledger, chained to the contact''s last one; the caller holds the contact''s lock and checked everything';

CREATE FUNCTION smsfollow.lock_contact(contact bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- an update, so that a transaction whose snapshot is older than another's event fails instead of overlooking it
	UPDATE smsfollow.contact_state s SET time_zone = s.time_zone WHERE s.contact_id = contact;
END
$$;
COMMENT ON FUNCTION smsfollow.lock_contact(bigint) IS 'Internal: makes decisions about a contact wait for each other, until this transaction ends';

CREATE FUNCTION smsfollow.queue_notice(
	contact bigint, program integer, notice text, body text, sender integer, expires_after interval
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint := nextval('smsfollow.message_id_seq');
	cid integer;
	now timestamptz;
BEGIN
	SELECT c.campaign_id INTO STRICT cid
	FROM smsfollow.campaign c JOIN smsfollow.program p USING (program_id)
	WHERE p.program_id = queue_notice.program
	ORDER BY c.name = p.name DESC, c.campaign_id LIMIT 1;
	PERFORM pg_current_xact_id();	-- before the clock: see the claim's low-water mark
	now := smsfollow.clock();
	PERFORM smsfollow.ensure_partition(now);
	INSERT INTO smsfollow.message (message_id, created_at, contact_id, campaign_id, sender_id, lane, send_at, expires_at, created_by, body, notice)
	VALUES (id, now, contact, cid, sender, 0, now, now + expires_after, session_user, body, notice);
	INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
	VALUES (0, now, id, now, contact, cid, program);
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n) VALUES (cid, date_trunc('minute', now), 'scheduled', 1);
	PERFORM smsfollow.wake('dispatcher'), smsfollow.wake('scheduler');
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.queue_notice(bigint, integer, text, text, integer, interval) IS
'Internal: queues a text about consent itself, in the first lane and under the program''s own campaign, paused or not; returns its id. sender NULL: the campaign''s';

CREATE FUNCTION smsfollow.confirm_opt_out(contact bigint, program integer, sender integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	about integer := program;
	p record;
BEGIN
	IF about IS NULL THEN
		-- of the program that texted last, or else that the person dealt with last
		SELECT c.program_id INTO about
		FROM (SELECT a.campaign_id FROM smsfollow.attempt a WHERE a.contact_id = contact ORDER BY a.at DESC LIMIT 1) l
		JOIN smsfollow.campaign c USING (campaign_id);
		IF about IS NULL THEN
			SELECT x.program_id INTO about FROM smsfollow.contact_consent x WHERE x.contact_id = contact ORDER BY x.since DESC, x.program_id LIMIT 1;
		END IF;
	END IF;
	SELECT g.stop_text, coalesce(confirm_opt_out.sender, c.sender_id, g.sender_id, (SELECT d.sender_id FROM smsfollow.default_sender d)) AS sender_id
	INTO p
	FROM smsfollow.program g LEFT JOIN smsfollow.campaign c ON c.program_id = g.program_id AND c.name = g.name
	WHERE g.program_id = about;
	IF p.stop_text IS NULL OR EXISTS (SELECT FROM smsfollow.sender s WHERE s.sender_id = p.sender_id AND s.provider_handles_keywords) THEN
		RETURN NULL;
	END IF;
	-- 47 CFR 64.1200(a)(12): within five minutes it is presumed to be covered by the consent that was withdrawn
	RETURN smsfollow.queue_notice(contact, about, 'opt_out_confirmation', p.stop_text, sender, '5 minutes');
END
$$;
COMMENT ON FUNCTION smsfollow.confirm_opt_out(bigint, integer, integer) IS
'Internal: queues the one text that confirms an opt-out, the stop_text of the program (NULL: the one the person dealt with last), from the sender the person wrote to; NULL when there is none or the provider confirms by itself';

CREATE FUNCTION smsfollow.refused_since(contact bigint, program integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c record;
	refused_at timestamptz;
BEGIN
	SELECT x.state, x.since INTO c FROM smsfollow.contact_consent x WHERE x.contact_id = contact AND x.program_id = program;
	IF NOT FOUND THEN
		SELECT max(e.recorded_at) INTO refused_at FROM smsfollow.consent_event e WHERE e.contact_id = contact AND e.program_id IS NULL;
	ELSIF c.state = 'opted_out' THEN
		refused_at := c.since;
	END IF;
	RETURN greatest(refused_at, smsfollow.suppressed_since(contact));
END
$$;
COMMENT ON FUNCTION smsfollow.refused_since(bigint, integer) IS 'Internal: since when a contact wants no texts of a program; NULL: that was never said, or is no longer so';

CREATE FUNCTION smsfollow.record_opt_out(contact bigint, program integer, method text, evidence jsonb, captured_at timestamptz DEFAULT NULL, OUT id bigint, OUT news boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz;
BEGIN
	-- lock first, then read the clock: events of a contact are in the order of their times
	PERFORM smsfollow.lock_contact(contact);
	now := smsfollow.clock();
	news := NOT EXISTS (SELECT FROM smsfollow.contact_consent x WHERE x.contact_id = contact AND (program IS NULL OR x.program_id = program))
		AND NOT EXISTS (SELECT FROM smsfollow.consent_event e WHERE e.contact_id = contact AND e.program_id IS NULL);
	id := smsfollow.append_consent(contact, program, 'opt_out', NULL, method, coalesce(captured_at, now), NULL, coalesce(evidence, '{}'), now);
	UPDATE smsfollow.contact_consent x
	SET state = 'opted_out', kind = NULL, expires_at = NULL, pending_until = NULL, request_event_id = NULL,
		consent_event_id = CASE x.state WHEN 'opted_out' THEN x.consent_event_id ELSE id END,
		since = CASE x.state WHEN 'opted_out' THEN x.since ELSE now END
	WHERE x.contact_id = contact AND (program IS NULL OR x.program_id = program)
		AND (x.state <> 'opted_out' OR x.pending_until IS NOT NULL);
	news := news OR FOUND;
	IF program IS NOT NULL THEN
		INSERT INTO smsfollow.contact_consent (contact_id, program_id, state, consent_event_id, since)
		VALUES (contact, program, 'opted_out', id, now)
		ON CONFLICT (contact_id, program_id) DO NOTHING;
	END IF;
	PERFORM smsfollow.drop_queued(contact, program, 'suppress', 'opted_out', 'consent_event ' || id);
END
$$;
COMMENT ON FUNCTION smsfollow.record_opt_out(bigint, integer, text, jsonb, timestamptz) IS
'Internal: an opt-out (program NULL: of all) into ledger and state, under the contact''s lock; takes the contact''s queued texts in scope out in the same commit. news: false for a repeat, which changed nothing. The arguments were checked';

CREATE FUNCTION smsfollow.record_opt_in(
	contact bigint, program integer, method text, evidence jsonb, kind text,
	captured_at timestamptz, expires_at timestamptz, double_opt_in boolean
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id bigint;
	now timestamptz;
	c smsfollow.contact_consent;
	p record;
	refused_at timestamptz;
BEGIN
	PERFORM smsfollow.lock_contact(contact);
	now := smsfollow.clock();
	captured_at := coalesce(captured_at, now);
	evidence := coalesce(evidence, '{}');
	SELECT x.* INTO c FROM smsfollow.contact_consent x WHERE x.contact_id = contact AND x.program_id = program;
	refused_at := smsfollow.refused_since(contact, program);
	IF refused_at IS NOT NULL AND method = 'import' OR captured_at <= refused_at THEN
		RAISE EXCEPTION 'the holder of this number has opted out since'
			USING ERRCODE = 'restrict_violation', DETAIL = format('Opted out at %s.', refused_at),
				  HINT = 'Only what the person agreed to after that counts: record it with its own method, and captured_at if it was not now.';
	END IF;
	-- who has confirmed once is not asked again
	IF double_opt_in AND coalesce(NOT (c.kind = 'double_opt_in' AND coalesce(c.expires_at > now, true)), true) THEN
		IF c.pending_until > now THEN
			RETURN c.request_event_id;
		END IF;
		SELECT g.request_text, g.confirm_within INTO p FROM smsfollow.program g WHERE g.program_id = program;
		evidence := evidence || jsonb_build_object('request_message_id',
			smsfollow.queue_notice(contact, program, 'opt_in_request', p.request_text, NULL, p.confirm_within));
		expires_at := now + p.confirm_within;
		id := smsfollow.append_consent(contact, program, 'request', kind, method, captured_at, expires_at, evidence, now);
		INSERT INTO smsfollow.contact_consent AS x (contact_id, program_id, state, consent_event_id, since, pending_until, request_event_id)
		VALUES (contact, program, 'none', id, now, expires_at, id)
		ON CONFLICT (contact_id, program_id) DO UPDATE
		SET pending_until = excluded.pending_until, request_event_id = excluded.request_event_id;
		IF refused_at IS NOT NULL THEN
			PERFORM smsfollow.lift_suppression(contact, false);
		END IF;
		RETURN id;
	END IF;
	id := smsfollow.append_consent(contact, program, 'opt_in', kind, method, captured_at, expires_at, evidence, now);
	IF NOT smsfollow.consent_stands(c.state, c.kind, c.expires_at, kind, expires_at, now) THEN
		INSERT INTO smsfollow.contact_consent AS x (contact_id, program_id, state, consent_event_id, since, kind, expires_at)
		VALUES (contact, program, 'opted_in', id, now, kind, expires_at)
		ON CONFLICT (contact_id, program_id) DO UPDATE
		SET state = 'opted_in', consent_event_id = excluded.consent_event_id, since = excluded.since, kind = excluded.kind,
			expires_at = excluded.expires_at, pending_until = NULL, request_event_id = NULL;
	ELSIF c.pending_until IS NOT NULL THEN
		UPDATE smsfollow.contact_consent x SET pending_until = NULL, request_event_id = NULL
		WHERE x.contact_id = contact AND x.program_id = program;
	END IF;
	IF refused_at IS NOT NULL THEN
		PERFORM smsfollow.lift_suppression(contact, true);
		PERFORM smsfollow.drop_queued(contact, program, 'suppress', 'notice_outdated', 'consent_event ' || id, 'opt_out_confirmation');
	END IF;
	IF c.pending_until IS NOT NULL THEN
		-- the request is answered; what waited for the answer may go
		PERFORM smsfollow.drop_queued(contact, program, 'suppress', 'notice_outdated', 'consent_event ' || id, 'opt_in_request');
		UPDATE smsfollow.ready r SET send_at = smsfollow.clock(), code = NULL
		WHERE r.contact_id = contact AND r.program_id = program AND r.code = 'doi_pending';
		PERFORM smsfollow.wake('dispatcher');
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.record_opt_in(bigint, integer, text, jsonb, text, timestamptz, timestamptz, boolean) IS
'Internal: an opt-in into ledger and state, under the contact''s lock, or with double_opt_in the request to confirm it, once while one is open; returns the row''s id. The arguments were checked. Error: restrict_violation for consent from before an opt-out';

CREATE FUNCTION smsfollow.check_consent_arguments(phone text, method text) RETURNS text
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
	RETURN smsfollow.phone(phone);
END
$$;
COMMENT ON FUNCTION smsfollow.check_consent_arguments(text, text) IS 'Internal: common checks of opt_in and opt_out; returns the number as E.164';

CREATE FUNCTION smsfollow.check_consent(kind text, evidence jsonb, captured_at timestamptz, expires_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	now timestamptz := smsfollow.clock();
BEGIN
	SELECT * INTO p FROM smsfollow.consent_problem(kind, coalesce(evidence, '{}'), coalesce(captured_at, now), expires_at, now);
	IF p.problem IS NOT NULL THEN
		RAISE EXCEPTION '%', p.problem USING ERRCODE = 'invalid_parameter_value', HINT = p.hint;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_consent(text, jsonb, timestamptz, timestamptz) IS 'Internal: raises invalid_parameter_value for evidence that is wrong or contradicts itself';

CREATE FUNCTION smsfollow.opt_in(
	phone text, program text, method text, evidence jsonb DEFAULT '{}', kind text DEFAULT NULL,
	captured_at timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL, double_opt_in boolean DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.check_consent_arguments(phone, method);
	pid integer := smsfollow.program_id(program);
	p record;
BEGIN
	kind := coalesce(kind, smsfollow.default_consent_kind(method));
	PERFORM smsfollow.check_consent(kind, evidence, captured_at, expires_at);
	SELECT g.consent_required, g.request_text INTO p FROM smsfollow.program g WHERE g.program_id = pid;
	double_opt_in := coalesce(double_opt_in, p.consent_required = 'double_opt_in') AND kind <> 'double_opt_in';
	IF double_opt_in AND p.request_text IS NULL THEN
		RAISE EXCEPTION 'program "%" has no text that asks to confirm', program
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Give it one with smsfollow.set_consent_rules(program, request_text => ...).';
	ELSIF double_opt_in AND expires_at IS NOT NULL THEN
		RAISE EXCEPTION 'expires_at and double_opt_in exclude each other'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'How long it can be confirmed is set by smsfollow.set_consent_rules(program, confirm_within => ...).';
	END IF;
	IF kind = 'implied' AND expires_at IS NULL THEN
		expires_at := coalesce(captured_at, smsfollow.clock()) + smsfollow.implied_term(evidence ->> 'basis');
	END IF;
	RETURN smsfollow.record_opt_in(smsfollow.hold_contact(e164), pid, method, evidence, kind, captured_at, expires_at, double_opt_in);
END
$$;
COMMENT ON FUNCTION smsfollow.opt_in(text, text, text, jsonb, text, timestamptz, timestamptz, boolean) IS
'Records that the holder of a number agreed to a program, with the evidence; returns the ledger row''s id. method: web_form, keyword, paper, voice, import ... kind: implied, soft_opt_in, express, express_written, double_opt_in; NULL: express_written where the method is in writing, else express. captured_at: when the person agreed, NULL: now. expires_at: NULL: never, for implied by the basis. double_opt_in: true: the program''s request_text asks the person to confirm first, once while the request is open; NULL: when the program asks for that kind. Members of evidence that are checked: disclosure (the exact wording), disclosure_hash, language, ip, user_agent, source, not_a_condition, basis, confirmation. Errors: invalid_parameter_value, undefined_object (program), null_value_not_allowed, object_not_in_prerequisite_state (no request_text), restrict_violation (the person opted out since)';

CREATE FUNCTION smsfollow.confirm_opt_in(
	phone text, program text DEFAULT NULL, evidence jsonb DEFAULT '{}', method text DEFAULT 'keyword'
) RETURNS bigint
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.check_consent_arguments(phone, method);
	pid integer;
	contact bigint;
	now timestamptz;
	c record;
BEGIN
	IF program IS NOT NULL THEN
		pid := smsfollow.program_id(program);
	END IF;
	PERFORM smsfollow.check_consent(NULL, evidence, NULL, NULL);
	SELECT x.contact_id INTO contact FROM smsfollow.contact_phone x WHERE x.phone = e164 AND x.tenant_id = smsfollow.own_tenant();
	PERFORM smsfollow.lock_contact(contact);
	now := smsfollow.clock();
	SELECT count(*) FILTER (WHERE x.pending_until > now) AS open, count(*) AS asked,
		min(x.program_id) FILTER (WHERE x.pending_until > now) AS program_id,
		min(x.request_event_id) FILTER (WHERE x.pending_until > now) AS event_id
	INTO c
	FROM smsfollow.contact_consent x
	WHERE x.contact_id = contact AND x.pending_until IS NOT NULL AND (pid IS NULL OR x.program_id = pid);
	IF c.open = 0 THEN
		RAISE EXCEPTION '%', CASE WHEN c.asked > 0 THEN 'the time to confirm is over' ELSE 'there is nothing to confirm for this number' END
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  HINT = 'Ask the person with smsfollow.opt_in(..., double_opt_in => true).';
	ELSIF c.open > 1 THEN
		RAISE EXCEPTION 'several programs wait for a confirmation'
			USING ERRCODE = 'ambiguous_parameter', HINT = 'Name the program.';
	END IF;
	-- what the person saw when asked, and what came back
	SELECT coalesce(v.evidence, '{}')
		|| CASE WHEN e.disclosure_hash IS NULL THEN '{}' ELSE jsonb_build_object('disclosure_hash', encode(e.disclosure_hash, 'hex')) END
		|| jsonb_build_object('confirmation', confirm_opt_in.method) || coalesce(confirm_opt_in.evidence, '{}')
		|| jsonb_build_object('request_event_id', e.consent_event_id)
	INTO evidence
	FROM smsfollow.consent_event e LEFT JOIN smsfollow.consent_evidence v USING (contact_id, consent_event_id)
	WHERE e.contact_id = contact AND e.consent_event_id = c.event_id;
	PERFORM smsfollow.check_consent('double_opt_in', evidence, NULL, NULL);
	RETURN smsfollow.record_opt_in(contact, c.program_id, method, evidence, 'double_opt_in', NULL, NULL, false);
END
$$;
COMMENT ON FUNCTION smsfollow.confirm_opt_in(text, text, jsonb, text) IS
'Records that the holder of a number confirmed a double opt-in (program NULL: the only one that is open), with the evidence of the request and the reply (confirmation in the evidence; else the method); returns the ledger row''s id. Texts that waited for it go. Errors: invalid_parameter_value, undefined_object (program), null_value_not_allowed, object_not_in_prerequisite_state (nothing is open, or not any more), ambiguous_parameter';

CREATE FUNCTION smsfollow.opt_out(
	phone text, program text DEFAULT NULL, method text DEFAULT 'api', evidence jsonb DEFAULT '{}',
	captured_at timestamptz DEFAULT NULL, scope text DEFAULT NULL, sender text DEFAULT NULL, confirm boolean DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
-- definer: the ledger is written through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.check_consent_arguments(phone, method);
	sender_id integer := smsfollow.sender_id(sender);
	named integer;
	asked integer;
	contact bigint;
	r record;
BEGIN
	IF program IS NOT NULL THEN
		named := smsfollow.program_id(program);
	END IF;
	IF scope NOT IN ('program', 'all') THEN
		RAISE EXCEPTION 'scope "%" is not known', scope USING ERRCODE = 'invalid_parameter_value', HINT = 'Use program or all.';
	ELSIF scope = 'program' AND program IS NULL THEN
		RAISE EXCEPTION 'scope program needs a program' USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the program.';
	END IF;
	PERFORM smsfollow.check_consent(NULL, evidence, captured_at, NULL);
	asked := named;
	IF named IS NOT NULL AND coalesce(scope, smsfollow.opt_out_scope(e164, smsfollow.clock())) = 'all' THEN
		asked := NULL;
		evidence := coalesce(evidence, '{}') || jsonb_build_object('program', program);
	END IF;
	contact := smsfollow.hold_contact(e164);
	SELECT * INTO r FROM smsfollow.record_opt_out(contact, asked, method, evidence, captured_at);
	IF r.news AND coalesce(confirm, method = 'keyword') THEN
		PERFORM smsfollow.confirm_opt_out(contact, named, sender_id);
	END IF;
	RETURN r.id;
END
$$;
COMMENT ON FUNCTION smsfollow.opt_out(text, text, text, jsonb, timestamptz, text, text, boolean) IS
'Records that the holder of a number wants no more texts of a program (NULL: of any), and takes queued ones out in the same commit; returns the ledger row''s id. A number never seen before is recorded too. captured_at: when the person said so, NULL: now. scope: program or all; NULL: as smsfollow.opt_out_rule says for the number and this day. confirm: whether the program''s stop_text confirms it, once, within 5 minutes, unless its sender''s provider does; NULL: when the method is keyword. sender: the one the person wrote to. Errors: invalid_parameter_value, undefined_object (program, sender), ambiguous_parameter (sender), null_value_not_allowed';

CREATE FUNCTION smsfollow.set_consent_rules(
	program text, consent_required text DEFAULT NULL, request_text text DEFAULT NULL, confirm_within interval DEFAULT NULL, stop_text text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
-- definer: callers write programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.program_id(program);
BEGIN
	IF consent_required IS NOT NULL AND smsfollow.consent_rank(consent_required) IS NULL THEN
		RAISE EXCEPTION 'consent_required "%" is not known', consent_required
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use implied, soft_opt_in, express, express_written or double_opt_in.';
	ELSIF length(request_text) > 1600 OR length(stop_text) > 1600 THEN
		RAISE EXCEPTION 'request_text and stop_text have at most 1600 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter one.';
	ELSIF confirm_within <= '0' OR confirm_within > '90 days' THEN
		RAISE EXCEPTION 'confirm_within must be more than zero and at most 90 days'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''72 hours''.';
	END IF;
	UPDATE smsfollow.program p SET
		consent_required = coalesce(set_consent_rules.consent_required, p.consent_required),
		request_text = nullif(coalesce(set_consent_rules.request_text, p.request_text), ''),
		confirm_within = coalesce(set_consent_rules.confirm_within, p.confirm_within),
		stop_text = nullif(coalesce(set_consent_rules.stop_text, p.stop_text), '')
	WHERE p.program_id = id;
	IF EXISTS (SELECT FROM smsfollow.program p WHERE p.program_id = id AND p.consent_required = 'double_opt_in' AND p.request_text IS NULL) THEN
		RAISE EXCEPTION 'program "%" asks for a double opt-in and has no text that asks to confirm', program
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give request_text too, such as ''Acme: reply YES to get our offers.''.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.set_consent_rules(text, text, text, interval, text) IS
'Changes what is given of a program''s rules for consent. consent_required: the weakest kind that is enough, unless the law of the recipient''s place asks for more. request_text asks to confirm a double opt-in, which is possible for confirm_within (default 72 hours, at most 90 days); stop_text confirms an opt-out; an empty text takes it away. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';
