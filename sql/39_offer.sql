/*
 * Offers: pools of coupon codes.  Each text of a campaign with an offer gets
 * an unused code of its own, in the transaction that permits it; a text that
 * is tried again keeps it.
 *
 * A code that was in a permit is never given to another text, whatever became
 * of that one: nobody can say for certain that it was not read.
 */
CREATE SEQUENCE smsfollow.offer_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.offer_id_seq IS 'Ids of smsfollow.offer';
CREATE SEQUENCE smsfollow.coupon_id_seq;
COMMENT ON SEQUENCE smsfollow.coupon_id_seq IS 'Ids of smsfollow.coupon, in the order in which codes are given out';

CREATE TABLE smsfollow.offer (
	offer_id integer PRIMARY KEY DEFAULT nextval('smsfollow.offer_id_seq'),
	name text NOT NULL CHECK (name <> '' AND length(name) <= 100),
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	CONSTRAINT offer_name_key UNIQUE (tenant_id, name),
	code_length integer NOT NULL DEFAULT 0,
	expires_at timestamptz NOT NULL DEFAULT 'infinity',
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.offer IS 'Pools of coupon codes';
COMMENT ON COLUMN smsfollow.offer.code_length IS 'Characters of the longest code ever added: what a text reckons with before it has its code';
COMMENT ON COLUMN smsfollow.offer.expires_at IS 'From then on no code is given out';

CREATE TABLE smsfollow.coupon (
	offer_id integer NOT NULL REFERENCES smsfollow.offer,
	code text NOT NULL CHECK (code ~ '^[^[:space:][:cntrl:]]{1,50}$'),
	coupon_id bigint NOT NULL DEFAULT nextval('smsfollow.coupon_id_seq'),
	contact_id bigint,
	message_id bigint,
	taken_at timestamptz,
	PRIMARY KEY (offer_id, code)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX coupon_free ON smsfollow.coupon (offer_id, coupon_id) WHERE message_id IS NULL;
CREATE UNIQUE INDEX coupon_taken ON smsfollow.coupon (contact_id, message_id) WHERE message_id IS NOT NULL;
COMMENT ON TABLE smsfollow.coupon IS 'Codes of offers, and who got them';
COMMENT ON COLUMN smsfollow.coupon.message_id IS 'The text that carries it; NULL: nobody has it';

CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.offer
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE FUNCTION smsfollow.offer_id(offer text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF offer IS NULL THEN
		PERFORM smsfollow.raise_null('offer');
	END IF;
	SELECT o.offer_id INTO id FROM smsfollow.offer o WHERE o.name = offer AND o.tenant_id = smsfollow.own_tenant();
	IF id IS NULL THEN
		RAISE EXCEPTION 'offer "%" does not exist', offer
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_offer().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.offer_id(text) IS 'Internal: id of an offer; raises undefined_object';

CREATE FUNCTION smsfollow.create_offer(name text, expires_at timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write offers through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF name IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	END IF;
	IF name = '' OR length(name) > 100 THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose a short name such as spring-10.';
	END IF;
	INSERT INTO smsfollow.offer AS o (name, expires_at) VALUES (create_offer.name, coalesce(create_offer.expires_at, 'infinity'))
	ON CONFLICT ON CONSTRAINT offer_name_key DO NOTHING RETURNING o.offer_id INTO id;
	IF id IS NULL THEN
		RAISE EXCEPTION 'offer "%" already exists', name
			USING ERRCODE = 'duplicate_object', HINT = 'Choose another name, or add codes to it with smsfollow.add_coupons().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_offer(text, timestamptz) IS
'Makes an empty pool of coupon codes. expires_at: from then on no code is given out, NULL: no end. Errors: invalid_parameter_value, duplicate_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.add_coupons(offer text, codes text[]) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write codes through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.offer_id(offer);
	longest integer;
	added bigint;
BEGIN
	IF codes IS NULL THEN
		PERFORM smsfollow.raise_null('codes');
	END IF;
	IF EXISTS (SELECT FROM unnest(codes) AS u(c) WHERE u.c IS NULL OR u.c !~ '^[^[:space:][:cntrl:]]{1,50}$') THEN
		RAISE EXCEPTION 'a code must have 1 to 50 characters, and no blanks'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Trim the codes, and leave out empty ones.';
	END IF;
	-- in one order, so that two callers cannot deadlock
	INSERT INTO smsfollow.coupon (offer_id, code)
	SELECT id, u.c FROM unnest(codes) AS u(c) ORDER BY u.c
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS added = ROW_COUNT;
	SELECT max(length(u.c)) INTO longest FROM unnest(codes) AS u(c);
	UPDATE smsfollow.offer o SET code_length = longest WHERE o.offer_id = id AND o.code_length < longest;
	RETURN added;
END
$$;
COMMENT ON FUNCTION smsfollow.add_coupons(text, text[]) IS
'Adds codes to an offer; returns how many are new: one that the offer has or had is not added again. Codes are given out about in the order in which they were added, those of one call in alphabetical order. A code has 1 to 50 characters without blanks. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_offer(campaign text, offer text) RETURNS void
LANGUAGE plpgsql
-- definer: callers write campaigns through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE smsfollow.campaign c SET offer_id = CASE WHEN offer IS NOT NULL THEN smsfollow.offer_id(offer) END
	WHERE c.campaign_id = smsfollow.campaign_id(campaign);
END
$$;
COMMENT ON FUNCTION smsfollow.set_offer(text, text) IS
'Gives each text of a campaign whose template mentions coupon (or includes another template) a code of an offer, as {{ coupon.code }}; offer NULL: no more. Errors: undefined_object, null_value_not_allowed';

CREATE VIEW smsfollow.offer_status WITH (security_barrier) AS
SELECT o.name AS offer, count(c.code) AS codes, count(c.message_id) AS taken, count(c.code) - count(c.message_id) AS free,
	o.expires_at, max(c.taken_at) AS last_taken_at
FROM smsfollow.offer o LEFT JOIN smsfollow.coupon c USING (offer_id)
WHERE coalesce(o.tenant_id = (SELECT smsfollow.acting_tenant()), true)
GROUP BY o.offer_id;
COMMENT ON VIEW smsfollow.offer_status IS 'Offers: how many codes each has, and how many of them are taken';
