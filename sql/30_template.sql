/*
 * Templates.  A version is never changed: a text that was scheduled points at
 * the version it was scheduled with.
 */
CREATE SEQUENCE smsfollow.template_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.template_id_seq IS 'Ids of smsfollow.template';
CREATE SEQUENCE smsfollow.template_version_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.template_version_id_seq IS 'Ids of smsfollow.template_version';

CREATE TABLE smsfollow.template (
	template_id integer PRIMARY KEY DEFAULT nextval('smsfollow.template_id_seq'),
	name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 100),
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.template IS 'A named text with variables; its wordings are in template_version';

CREATE TABLE smsfollow.template_version (
	template_version_id integer PRIMARY KEY DEFAULT nextval('smsfollow.template_version_id_seq'),
	template_id integer NOT NULL REFERENCES smsfollow.template,
	version integer NOT NULL,
	body text NOT NULL,
	missing text NOT NULL CHECK (missing IN ('error', 'empty', 'skip')),
	uses_contact boolean NOT NULL GENERATED ALWAYS AS (body ~ '\m(contact|include|render)\M') STORED,
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	created_by text NOT NULL DEFAULT session_user,
	UNIQUE (template_id, version)
);
COMMENT ON TABLE smsfollow.template_version IS 'Wordings of templates, never changed once saved; the highest version is the one in use';
COMMENT ON COLUMN smsfollow.template_version.missing IS 'What a variable without value does: error or skip suppress the text, empty writes nothing';

COMMENT ON COLUMN smsfollow.template_version.uses_contact IS 'It, or a template that it includes, may read contact.*, so the claim hands that over too';

CREATE FUNCTION smsfollow.check_template(body text) RETURNS void
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_check_template';
COMMENT ON FUNCTION smsfollow.check_template(text) IS
'Parses a template; raises invalid_parameter_value with line and column when it is none';

CREATE FUNCTION smsfollow.create_template(name text, body text, missing text DEFAULT 'error') RETURNS integer
LANGUAGE plpgsql
-- definer: callers write templates through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
	next_version integer;
BEGIN
	IF name IS NULL OR body IS NULL OR missing IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN name IS NULL THEN 'name' WHEN body IS NULL THEN 'body' ELSE 'missing' END);
	END IF;
	IF name = '' OR length(name) > 100 THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter name that is not empty.';
	END IF;
	IF missing NOT IN ('error', 'empty', 'skip') THEN
		RAISE EXCEPTION 'missing "%" is not known', missing
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use error, empty or skip.';
	END IF;
	PERFORM smsfollow.check_template(body);
	INSERT INTO smsfollow.template AS t (name) VALUES (create_template.name)
	ON CONFLICT ON CONSTRAINT template_name_key DO UPDATE SET name = excluded.name	-- locks the row: versions count up one by one
	RETURNING t.template_id INTO id;
	SELECT coalesce(max(v.version), 0) + 1 INTO next_version
	FROM smsfollow.template_version v WHERE v.template_id = id;
	INSERT INTO smsfollow.template_version (template_id, version, body, missing)
	VALUES (id, next_version, body, missing);
	RETURN next_version;
END
$$;
COMMENT ON FUNCTION smsfollow.create_template(text, text, text) IS
'Saves a wording under a name and returns its version, 1 for a new name. missing: error (default), empty or skip. Errors: invalid_parameter_value (syntax, with line and column), null_value_not_allowed';

CREATE FUNCTION smsfollow.template_version_id(template text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF template IS NULL THEN
		PERFORM smsfollow.raise_null('template');
	END IF;
	SELECT v.template_version_id INTO id
	FROM smsfollow.template t JOIN smsfollow.template_version v USING (template_id)
	WHERE t.name = template
	ORDER BY v.version DESC LIMIT 1;
	IF id IS NULL THEN
		RAISE EXCEPTION 'template "%" does not exist', template
			USING ERRCODE = 'undefined_object', HINT = 'Save it with smsfollow.create_template().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.template_version_id(text) IS 'Internal: newest version of a template; raises undefined_object';

CREATE FUNCTION smsfollow.template_body(template text, locale text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: whoever may render a text may have it include the saved ones
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT v.body FROM smsfollow.template t JOIN smsfollow.template_version v USING (template_id)
		WHERE t.name = template ORDER BY v.version DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION smsfollow.template_body(text, text) IS
'The wording of a saved template that counts now, which is what include and render write; NULL if there is no such template. locale: of the reader, such as de-AT; NULL when not known';
