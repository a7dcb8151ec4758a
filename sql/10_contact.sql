/*
 * Contacts.  The number stands in contact_phone and nowhere else, so that
 * erasing a person is one DELETE there; everything about a contact carries
 * contact_id, and every unique key includes it.
 */
CREATE SEQUENCE smsfollow.contact_id_seq;
COMMENT ON SEQUENCE smsfollow.contact_id_seq IS 'Ids of smsfollow.contact';

CREATE TABLE smsfollow.contact (
	contact_id bigint PRIMARY KEY DEFAULT nextval('smsfollow.contact_id_seq'),
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	name text,
	locale text,
	region text CHECK (region ~ '^[A-Z]{2}$'),
	subdivision text CHECK (subdivision ~ '^[A-Z0-9]{1,3}$'),
	attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.contact IS 'A person or device we may text; the phone number is in contact_phone';
COMMENT ON COLUMN smsfollow.contact.locale IS 'BCP 47 tag such as en-US, for templates';
COMMENT ON COLUMN smsfollow.contact.region IS 'ISO 3166-1 alpha-2 country';
COMMENT ON COLUMN smsfollow.contact.subdivision IS 'State or province, second part of its ISO 3166-2 code, such as FL: decides with the region about time zone and law';
COMMENT ON COLUMN smsfollow.contact.attributes IS 'Facts for templates, under contact.*';

CREATE TABLE smsfollow.contact_phone (
	phone text NOT NULL CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
	contact_id bigint NOT NULL UNIQUE REFERENCES smsfollow.contact,
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	PRIMARY KEY (phone, tenant_id)
);
COMMENT ON TABLE smsfollow.contact_phone IS 'The number of each contact, E.164; the only place a number is stored';

/*
 * One narrow row a contact.  Everything that decides whether a contact may be
 * texted locks it first (opt-out, opt-in, claim), which is what makes the gate
 * exact under concurrency.
 */
CREATE TABLE smsfollow.contact_state (
	contact_id bigint PRIMARY KEY,
	time_zone text,
	blocked_code text,
	blocked_at timestamptz,
	cap_most integer,
	cap_per interval,
	restricted_at timestamptz,
	hours text CHECK (length(hours) <= 200),
	number_type text
) WITH (fillfactor = 80);
COMMENT ON TABLE smsfollow.contact_state IS 'Per contact: what the gate needs, and the row that serialises decisions about the contact';
COMMENT ON COLUMN smsfollow.contact_state.time_zone IS 'IANA zone; NULL: not known';
COMMENT ON COLUMN smsfollow.contact_state.hours IS 'Hours in which the contact wants marketing texts; NULL: said nothing';
COMMENT ON COLUMN smsfollow.contact_state.number_type IS 'Type of the number as libphonenumber told when the contact was made; NULL: not known';
COMMENT ON COLUMN smsfollow.contact_state.cap_most IS 'So many marketing texts within cap_per the contact wants at most; NULL: said nothing';
COMMENT ON COLUMN smsfollow.contact_state.blocked_code IS 'Reason code when a provider says that the number cannot be texted; NULL: none';

COMMENT ON COLUMN smsfollow.contact_state.restricted_at IS 'Since when its data are only kept, not used (GDPR Art. 18); NULL: not restricted';

CREATE FUNCTION smsfollow.ensure_contacts(phones text[], tenant integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made_phones text[];
	made_contacts bigint[];
BEGIN
	WITH fresh AS (
		SELECT p.phone, nextval('smsfollow.contact_id_seq') AS contact_id
		FROM (SELECT DISTINCT u.phone FROM unnest(phones) AS u(phone)
			  LEFT JOIN LATERAL (SELECT true AS found FROM smsfollow.contact_phone c WHERE c.phone = u.phone AND c.tenant_id = tenant OFFSET 0) c ON true
			  WHERE u.phone IS NOT NULL AND c.found IS NULL
			  ORDER BY u.phone) p
	), linked AS (
		INSERT INTO smsfollow.contact_phone (phone, contact_id, tenant_id)
		SELECT phone, contact_id, tenant FROM fresh
		ON CONFLICT (phone, tenant_id) DO NOTHING
		RETURNING contact_id, phone
	), made AS (
		INSERT INTO smsfollow.contact (contact_id, tenant_id) SELECT contact_id, tenant FROM linked
	), stated AS (
		INSERT INTO smsfollow.contact_state (contact_id, number_type) SELECT contact_id, smsfollow.number_type(phone) FROM linked
	)
	SELECT array_agg(l.phone), array_agg(l.contact_id) INTO made_phones, made_contacts FROM linked l;
	IF made_contacts IS NOT NULL AND EXISTS (SELECT FROM smsfollow.suppression_key) THEN
		-- a statement of its own: it sees what an erasure left that the first one waited for
		UPDATE smsfollow.contact_state s SET blocked_code = 'do_not_text', blocked_at = x.since
		FROM unnest(made_phones, made_contacts) AS u(phone, contact_id)
		CROSS JOIN smsfollow.suppression_key k
		CROSS JOIN LATERAL (SELECT y.since FROM smsfollow.suppression y
							WHERE y.phone_hmac = smsfollow.hmac_sha256(k.key, smsfollow.number_in_tenant(u.phone, tenant)) OFFSET 0) x
		WHERE s.contact_id = u.contact_id;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.ensure_contacts(text[], integer) IS
'Internal: makes a contact of a tenant for each E.164 number that has none, blocked when the number is suppressed; numbers in one order, so that two callers cannot deadlock';

CREATE FUNCTION smsfollow.contact_id(phone text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text := smsfollow.phone(phone);
BEGIN
	RETURN (SELECT c.contact_id FROM smsfollow.contact_phone c WHERE c.phone = e164 AND c.tenant_id = smsfollow.own_tenant());
END
$$;
COMMENT ON FUNCTION smsfollow.contact_id(text) IS 'Internal: the contact of a number, NULL when there is none; raises invalid_parameter_value for what is no number';

/*
 * The number is locked before anything else of a contact, here and in
 * erase_contact(), so that the two cannot deadlock.
 */
CREATE FUNCTION smsfollow.hold_contact(e164 text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tenant integer := smsfollow.own_tenant();
	id bigint;
	made boolean := false;
BEGIN
	LOOP
		SELECT c.contact_id INTO id FROM smsfollow.contact_phone c WHERE c.phone = e164 AND c.tenant_id = tenant FOR KEY SHARE;
		EXIT WHEN FOUND;
		-- erased just now, or made by another transaction that an old snapshot does not see
		IF made AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
			RAISE EXCEPTION 'could not see a contact that another transaction has just made'
				USING ERRCODE = 'serialization_failure', HINT = 'Repeat the transaction.';
		END IF;
		PERFORM smsfollow.ensure_contacts(ARRAY[e164], tenant);
		made := true;
	END LOOP;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.hold_contact(text) IS
'Internal: the contact of an E.164 number, made if there is none, which stays that of this number until the transaction ends: an erasure waits. Error: serialization_failure (isolation level above read committed)';

CREATE FUNCTION smsfollow.is_own(contact bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM smsfollow.contact c WHERE c.contact_id = contact AND coalesce(c.tenant_id = smsfollow.acting_tenant(), true))
$$;
COMMENT ON FUNCTION smsfollow.is_own(bigint) IS 'Internal: whether a contact is one of the tenant the session acts for';

CREATE FUNCTION smsfollow.check_time_zone(time_zone text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- the list of names is slow to read, so it decides only where the syntax could be a POSIX rule
	IF time_zone IS NULL OR time_zone = 'UTC' THEN
		RETURN;
	ELSIF time_zone ~ '^[A-Za-z_-]+(/[A-Za-z_-]+)+$' THEN
		BEGIN
			PERFORM timestamptz 'epoch' AT TIME ZONE time_zone;
			RETURN;
		EXCEPTION WHEN invalid_parameter_value THEN
			NULL;	-- reported below
		END;
	ELSIF EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = time_zone) THEN
		RETURN;
	END IF;
	RAISE EXCEPTION 'time zone "%" is not known', time_zone
		USING ERRCODE = 'invalid_parameter_value',
			  HINT = 'Use a name of pg_timezone_names such as America/New_York.';
END
$$;
COMMENT ON FUNCTION smsfollow.check_time_zone(text) IS 'Internal: raises invalid_parameter_value for a name the server does not know';

CREATE FUNCTION smsfollow.add_contact(
	phone text,
	name text DEFAULT NULL,
	time_zone text DEFAULT NULL,
	locale text DEFAULT NULL,
	region text DEFAULT NULL,
	attributes jsonb DEFAULT NULL,
	subdivision text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write contacts through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text;
	id bigint;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	PERFORM smsfollow.check_time_zone(time_zone);
	IF attributes IS NOT NULL AND jsonb_typeof(attributes) <> 'object' THEN
		RAISE EXCEPTION 'attributes must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"city": "Bath"}.';
	END IF;
	locale := smsfollow.locale(add_contact.locale);
	IF region IS NOT NULL AND region !~ '^[A-Z]{2}$' THEN
		RAISE EXCEPTION 'region "%" is not a country code', region
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use two capital letters of ISO 3166, such as GB.';
	END IF;
	IF subdivision IS NOT NULL AND (subdivision !~ '^[A-Z0-9]{1,3}$' OR region IS NULL
			OR region IN ('US', 'CA') AND smsfollow.place_zones(region, subdivision) IS NULL) THEN
		RAISE EXCEPTION 'subdivision "%" is not known', left(subdivision, 20)
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Use the second part of a code of ISO 3166-2, such as FL, together with the region.';
	END IF;
	e164 := smsfollow.phone(phone, region);
	id := smsfollow.hold_contact(e164);
	UPDATE smsfollow.contact c SET
		name = coalesce(add_contact.name, c.name),
		locale = coalesce(add_contact.locale, c.locale),
		region = coalesce(add_contact.region, c.region),
		-- a new country leaves the old state behind
		subdivision = CASE WHEN add_contact.subdivision IS NULL AND (add_contact.region IS NULL OR add_contact.region = c.region)
			THEN c.subdivision ELSE add_contact.subdivision END,
		attributes = c.attributes || coalesce(add_contact.attributes, '{}')
	WHERE c.contact_id = id
		AND num_nonnulls(add_contact.name, add_contact.locale, add_contact.region, add_contact.attributes) > 0;
	UPDATE smsfollow.contact_state s SET time_zone = add_contact.time_zone
	WHERE s.contact_id = id AND add_contact.time_zone IS NOT NULL;
	IF num_nonnulls(time_zone, region, subdivision) > 0 THEN
		PERFORM smsfollow.look_again_at(id);
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.add_contact(text, text, text, text, text, jsonb, text) IS
'Adds a contact, or changes what is given of an existing one; returns its id. Says nothing about consent: see opt_in. locale: a language tag such as en-US. Errors: invalid_parameter_value for a bad number, zone, locale, region, attributes or subdivision (state or province; needs the region)';
