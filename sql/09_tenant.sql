/*
 * Tenants: several businesses in one database.
 *
 * Programs, campaigns, templates and offers belong to a tenant, and so do
 * contacts: the same number is another contact for each of them, with its own
 * name, consents and log.  Everything else follows from these.  A database of
 * one business has no row here; all is of tenant 1 then, and nobody is asked.
 *
 * A role given access for a tenant acts for it alone.  Functions that run with
 * the owner's rights see no difference between callers, and row-level security
 * does not bind an owner, so the question is asked where names become ids
 * (program_id(), campaign_id(), template_id ..., contact_id(), message_log) and
 * in the views.  Policies stand behind that for who reads tables
 * (82_row_security.sql).
 */
CREATE SEQUENCE smsfollow.tenant_id_seq AS integer START WITH 2;
COMMENT ON SEQUENCE smsfollow.tenant_id_seq IS 'Ids of smsfollow.tenant; 1 is the tenant of all that was given to none';

CREATE TABLE smsfollow.tenant (
	tenant_id integer PRIMARY KEY DEFAULT nextval('smsfollow.tenant_id_seq'),
	name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.tenant IS 'Businesses that share the database, beside tenant 1, which has no row';

CREATE TABLE smsfollow.tenant_role (
	role regrole PRIMARY KEY,
	tenant_id integer NOT NULL REFERENCES smsfollow.tenant,
	sees_persons boolean NOT NULL
);
COMMENT ON TABLE smsfollow.tenant_role IS 'Roles that act for one tenant, with what grant_access() gave them';
COMMENT ON COLUMN smsfollow.tenant_role.sees_persons IS 'False: numbers, names and wording are masked for it';

CREATE FUNCTION smsfollow.caller() RETURNS regrole
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE current_setting('role') WHEN 'none' THEN quote_ident(session_user) ELSE quote_ident(current_setting('role')) END::regrole
$$;
COMMENT ON FUNCTION smsfollow.caller() IS
'Internal: the role the session acts as; SET ROLE counts, the rights of a function that runs as its owner do not';

CREATE FUNCTION smsfollow.acting_tenant() RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: everybody is asked, and nobody reads who is bound to what
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- where the server does not preload the library, this session may not have loaded it yet
	asked text := coalesce(current_setting('smsfollow.tenant', true), '');
	who regrole;
	ids integer[];
BEGIN
	IF NOT EXISTS (SELECT FROM smsfollow.tenant) THEN
		RETURN NULL;
	END IF;
	who := smsfollow.caller();
	IF EXISTS (SELECT FROM pg_roles r WHERE r.oid = who AND r.rolsuper)
		OR has_table_privilege(who, 'smsfollow.tenant_role', 'SELECT') THEN
		RETURN CASE WHEN asked <> '' THEN smsfollow.tenant_id(asked) END;
	END IF;
	SELECT array_agg(DISTINCT r.tenant_id) INTO ids FROM smsfollow.tenant_role r JOIN pg_roles x ON x.oid = r.role
	WHERE pg_has_role(who, r.role, 'MEMBER');
	IF cardinality(ids) > 1 THEN
		IF asked = '' OR smsfollow.tenant_id(asked) <> ALL (ids) THEN
			RAISE EXCEPTION 'the role acts for several tenants'
				USING ERRCODE = 'insufficient_privilege', HINT = 'Name one of them: SET smsfollow.tenant = ...';
		END IF;
		RETURN smsfollow.tenant_id(asked);
	END IF;
	RETURN coalesce(ids[1], 1);
END
$$;
COMMENT ON FUNCTION smsfollow.acting_tenant() IS
'The tenant whose data the session may see: that of its role (of several: the one in smsfollow.tenant), tenant 1 for a role of none; NULL: all of them (one business, or owner, superuser and worker while smsfollow.tenant is empty). Errors: insufficient_privilege, undefined_object (smsfollow.tenant)';

CREATE FUNCTION smsfollow.own_tenant() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(smsfollow.acting_tenant(), 1);
COMMENT ON FUNCTION smsfollow.own_tenant() IS 'Internal: the tenant in which names are looked up and new things are made';

CREATE FUNCTION smsfollow.tenant_id(tenant text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := (SELECT t.tenant_id FROM smsfollow.tenant t WHERE t.name = tenant);
BEGIN
	IF id IS NULL THEN
		RAISE EXCEPTION 'tenant "%" does not exist', coalesce(tenant, '(null)')
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_tenant().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.tenant_id(text) IS 'Internal: id of a tenant; raises undefined_object';

CREATE FUNCTION smsfollow.create_tenant(name text) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF name IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	ELSIF name !~ '^[a-z][a-z0-9_-]{0,62}$' THEN
		RAISE EXCEPTION 'name "%" is not one of a tenant', name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use a small letter, then up to 62 small letters, digits, underscores or hyphens.';
	END IF;
	INSERT INTO smsfollow.tenant AS t (name) VALUES (create_tenant.name)
	ON CONFLICT ON CONSTRAINT tenant_name_key DO NOTHING RETURNING t.tenant_id INTO id;
	IF id IS NULL THEN
		RAISE EXCEPTION 'tenant "%" already exists', name USING ERRCODE = 'duplicate_object', HINT = 'Choose another name.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_tenant(text) IS
'Makes a tenant; returns its id. Give roles access to it with grant_access(role, level, tenant); act for it as owner with SET smsfollow.tenant. From the first one on, every other role without a tenant acts for tenant 1. To be called by the owner of the extension. Errors: invalid_parameter_value, duplicate_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.sees_persons() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
-- definer: everybody is asked, and nobody reads who is bound to what
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
	SELECT has_table_privilege(smsfollow.caller(), 'smsfollow.contact_phone', 'SELECT')
		OR EXISTS (SELECT FROM smsfollow.tenant_role r JOIN pg_roles x ON x.oid = r.role
				   WHERE r.sees_persons AND r.tenant_id = smsfollow.acting_tenant() AND pg_has_role(smsfollow.caller(), r.role, 'MEMBER'))
$$;
COMMENT ON FUNCTION smsfollow.sees_persons() IS
'Whether the session may see numbers, names and wording: a role that may read contact_phone, or an operator of its tenant';
