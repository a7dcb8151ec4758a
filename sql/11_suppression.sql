/*
 * Numbers that must not be texted although nothing else is known about them:
 * their contacts were erased.  Only a keyed hash is kept; a plain one of a
 * number could be found again by trying all numbers.  The key stands in a table
 * of its own that only the owner and the worker read.  Dumps take it along: a
 * restored database that had lost it would text people who asked not to be, so
 * who can read a dump can test whether a number is among them.
 */
CREATE TABLE smsfollow.suppression_key (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	key bytea NOT NULL CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE smsfollow.suppression_key IS 'Key of the hashes in smsfollow.suppression, made when the first one is; without it they are worthless';

CREATE TABLE smsfollow.suppression (
	phone_hmac bytea PRIMARY KEY CHECK (octet_length(phone_hmac) = 32),
	reason text NOT NULL,
	since timestamptz NOT NULL
);
COMMENT ON TABLE smsfollow.suppression IS 'Numbers of erased contacts that are not texted until the person agrees anew; outlives contact and restore';
COMMENT ON COLUMN smsfollow.suppression.phone_hmac IS 'HMAC-SHA256 of the E.164 number with smsfollow.suppression_key';

CREATE FUNCTION smsfollow.number_in_tenant(phone text, tenant integer) RETURNS bytea
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN pg_catalog.convert_to(CASE tenant WHEN 1 THEN phone ELSE phone || ' ' || tenant END, 'UTF8');
COMMENT ON FUNCTION smsfollow.number_in_tenant(text, integer) IS 'Internal: what is hashed: who asks one business to forget a number has asked no other';

CREATE FUNCTION smsfollow.remember_suppression(phone text, contact bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO smsfollow.suppression_key (key)
	SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
	WHERE NOT EXISTS (SELECT FROM smsfollow.suppression_key)
	ON CONFLICT (only_row) DO NOTHING;
	INSERT INTO smsfollow.suppression AS s (phone_hmac, reason, since)
	SELECT smsfollow.hmac_sha256(k.key, smsfollow.number_in_tenant(remember_suppression.phone,
			(SELECT c.tenant_id FROM smsfollow.contact c WHERE c.contact_id = contact))), 'erased', smsfollow.clock()
	FROM smsfollow.suppression_key k
	ON CONFLICT (phone_hmac) DO UPDATE SET since = excluded.since;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'could not see the key that another transaction has just made'
			USING ERRCODE = 'serialization_failure', HINT = 'Repeat the transaction.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.remember_suppression(text, bigint) IS
'Internal, for the erasure of a contact: keeps the keyed hash of its E.164 number, so that it is not texted when it comes back without the person''s doing. Error: serialization_failure (isolation level above read committed)';

CREATE FUNCTION smsfollow.suppressed_since(contact bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key bytea := (SELECT k.key FROM smsfollow.suppression_key k);
BEGIN
	IF key IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN (SELECT s.since FROM smsfollow.suppression s
			WHERE s.phone_hmac = smsfollow.hmac_sha256(key, (
				SELECT smsfollow.number_in_tenant(p.phone, p.tenant_id) FROM smsfollow.contact_phone p WHERE p.contact_id = contact)));
END
$$;
COMMENT ON FUNCTION smsfollow.suppressed_since(bigint) IS 'Internal: since when a contact''s number is suppressed; NULL: it is not';

CREATE FUNCTION smsfollow.lift_suppression(contact bigint, for_good boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE smsfollow.contact_state s SET blocked_code = NULL, blocked_at = NULL
	WHERE s.contact_id = contact AND s.blocked_code = 'do_not_text';
	IF for_good THEN
		DELETE FROM smsfollow.suppression s
		USING smsfollow.suppression_key k, smsfollow.contact_phone p
		WHERE p.contact_id = contact AND s.phone_hmac = smsfollow.hmac_sha256(k.key, smsfollow.number_in_tenant(p.phone, p.tenant_id));
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.lift_suppression(bigint, boolean) IS
'Internal: the person agreed anew; for_good false: asked for it, and has yet to confirm';
