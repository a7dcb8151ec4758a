-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION smsfollow" to load this file. \quit

/*
 * The schema is made here, without IF NOT EXISTS: a schema somebody prepared
 * beforehand, with objects of his own in it, must make the installation fail.
 */
CREATE SCHEMA smsfollow;
COMMENT ON SCHEMA smsfollow IS 'SMS follow-ups: consent, campaigns, queue, message log and KPIs';

CREATE FUNCTION smsfollow.clock() RETURNS timestamptz
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'smsfollow_clock';
COMMENT ON FUNCTION smsfollow.clock() IS
'Now, for every rule of smsfollow: the wall clock (not the start of the transaction) plus smsfollow.clock_offset seconds, a superuser setting for tests';

/*
 * A version that every statement on a configuration table raises.  The
 * dispatcher compares it once a wave and reads its caches again when it moved.
 * A row, not a sequence: the change must show only when it commits.
 */
CREATE TABLE smsfollow.config_version (
	version bigint NOT NULL
);
COMMENT ON TABLE smsfollow.config_version IS 'One row: raised in the transaction that changes a provider, sender, secret or kind';
INSERT INTO smsfollow.config_version VALUES (1);

CREATE FUNCTION smsfollow.raise_config_version() RETURNS trigger
LANGUAGE plpgsql
-- definer: whoever may change a provider need not be able to write config_version
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE smsfollow.config_version SET version = version + 1;
	PERFORM smsfollow.wake('dispatcher');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION smsfollow.raise_config_version() IS 'Trigger: makes the dispatcher read its configuration again at commit';

CREATE FUNCTION smsfollow.raise_null(argument text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION '% must not be null', argument
		USING ERRCODE = 'null_value_not_allowed', HINT = format('Give a value for %s.', argument);
END
$$;
COMMENT ON FUNCTION smsfollow.raise_null(text) IS 'Raises null_value_not_allowed, naming the argument';
