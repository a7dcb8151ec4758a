/*
 * Programs: the named streams of texts that people consent to.
 */
CREATE SEQUENCE smsfollow.program_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.program_id_seq IS 'Ids of smsfollow.program';

CREATE TABLE smsfollow.program (
	program_id integer PRIMARY KEY DEFAULT nextval('smsfollow.program_id_seq'),
	name text NOT NULL CHECK (name <> '' AND length(name) <= 100),
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	CONSTRAINT program_name_key UNIQUE (tenant_id, name),
	purpose text NOT NULL CHECK (purpose IN ('marketing', 'transactional', 'conversational', 'compliance')),
	brand text NOT NULL CHECK (brand <> ''),
	disclosure text,
	help_text text,
	stop_text text,
	sender_id integer REFERENCES smsfollow.sender,
	consent_required text NOT NULL DEFAULT 'implied'
		CHECK (consent_required IN ('implied', 'soft_opt_in', 'express', 'express_written', 'double_opt_in')),
	request_text text CHECK (length(request_text) BETWEEN 1 AND 1600),
	confirm_within interval NOT NULL DEFAULT '72 hours' CHECK (confirm_within > '0' AND confirm_within <= '90 days'),
	paused boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.program IS 'A stream of texts that people consent to: brand, purpose, disclosure, HELP and STOP texts';
COMMENT ON COLUMN smsfollow.program.purpose IS 'marketing, transactional, conversational or compliance; decides the lane and the in-doubt policy where a campaign names none';
COMMENT ON COLUMN smsfollow.program.disclosure IS 'Wording shown where people sign up';
COMMENT ON COLUMN smsfollow.program.stop_text IS 'Confirms an opt-out by keyword, once; NULL: nothing does';
COMMENT ON COLUMN smsfollow.program.consent_required IS 'The weakest kind of consent that is enough, unless the law of the recipient''s place asks for a stricter one';
COMMENT ON COLUMN smsfollow.program.request_text IS 'Asks to confirm a double opt-in';
COMMENT ON COLUMN smsfollow.program.confirm_within IS 'How long a double opt-in can be confirmed';
COMMENT ON COLUMN smsfollow.program.paused IS 'True: the texts of all its campaigns wait';
COMMENT ON COLUMN smsfollow.program.sender_id IS 'Sender of its texts; NULL: the first active sender';

CREATE FUNCTION smsfollow.program_id(program text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF program IS NULL THEN
		PERFORM smsfollow.raise_null('program');
	END IF;
	SELECT p.program_id INTO id FROM smsfollow.program p WHERE p.name = program AND p.tenant_id = smsfollow.own_tenant();
	IF id IS NULL THEN
		RAISE EXCEPTION 'program "%" does not exist', program
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_program().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.program_id(text) IS 'Internal: id of a program; raises undefined_object';

CREATE FUNCTION smsfollow.sender_id(sender text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ids integer[];
BEGIN
	IF sender IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT array_agg(s.sender_id) INTO ids
	FROM smsfollow.sender s JOIN smsfollow.provider p USING (provider_id)
	WHERE (s.address = sender OR p.name || '/' || coalesce(s.address, '') = sender OR (s.address IS NULL AND p.name = sender))
		AND coalesce(s.tenant_id = smsfollow.acting_tenant(), true);
	IF ids IS NULL THEN
		RAISE EXCEPTION 'sender "%" does not exist', sender
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.add_sender().';
	ELSIF cardinality(ids) > 1 THEN
		RAISE EXCEPTION 'sender "%" is ambiguous', sender
			USING ERRCODE = 'ambiguous_parameter', HINT = 'Write it as provider/address.';
	END IF;
	RETURN ids[1];
END
$$;
COMMENT ON FUNCTION smsfollow.sender_id(text) IS 'Internal: id of a sender by address, by provider/address, or by provider alone when the provider chooses the number';

CREATE FUNCTION smsfollow.assign_sender(sender text, tenant text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.existing_sender(sender);
BEGIN
	UPDATE smsfollow.sender s SET tenant_id = CASE WHEN tenant IS NOT NULL THEN smsfollow.tenant_id(tenant) END WHERE s.sender_id = id;
END
$$;
COMMENT ON FUNCTION smsfollow.assign_sender(text, text) IS
'Lets one tenant alone use a sender, and only where a program, campaign or text names it; NULL: every tenant. To be called by the owner of the extension. Errors: undefined_object, ambiguous_parameter, null_value_not_allowed (sender)';

CREATE FUNCTION smsfollow.create_program(
	name text,
	purpose text,
	brand text,
	disclosure text DEFAULT NULL,
	help_text text DEFAULT NULL,
	stop_text text DEFAULT NULL,
	sender text DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF name IS NULL OR purpose IS NULL OR brand IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN name IS NULL THEN 'name' WHEN purpose IS NULL THEN 'purpose' ELSE 'brand' END);
	END IF;
	IF name = '' OR length(name) > 100 THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter name that is not empty.';
	ELSIF brand = '' THEN
		RAISE EXCEPTION 'brand must not be empty'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the name under which people know the sender.';
	ELSIF purpose NOT IN ('marketing', 'transactional', 'conversational', 'compliance') THEN
		RAISE EXCEPTION 'purpose "%" is not known', purpose
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Use marketing, transactional, conversational or compliance.';
	END IF;
	IF EXISTS (SELECT FROM smsfollow.program p WHERE p.name = create_program.name AND p.tenant_id = smsfollow.own_tenant()) THEN
		RAISE EXCEPTION 'program "%" already exists', name
			USING ERRCODE = 'duplicate_object', HINT = 'Choose another name, or use the program that is there.';
	END IF;
	INSERT INTO smsfollow.program (name, purpose, brand, disclosure, help_text, stop_text, sender_id)
	VALUES (name, purpose, brand, disclosure, help_text, stop_text, smsfollow.sender_id(sender))
	RETURNING program_id INTO id;
	-- texts that belong to no campaign of their own are counted under the program's
	PERFORM smsfollow.create_campaign(name, name);
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_program(text, text, text, text, text, text, text) IS
'Makes a program, and a campaign of the same name for single texts. purpose: marketing, transactional, conversational or compliance. Errors: invalid_parameter_value, null_value_not_allowed, duplicate_object, undefined_object (sender)';
