/*
 * Templates.  A version is never changed, but for whether it may be used: a
 * text that was scheduled points at the version it was scheduled with.  Which
 * of the version's wordings a contact gets is chosen when the text goes.
 */
CREATE SEQUENCE smsfollow.template_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.template_id_seq IS 'Ids of smsfollow.template';
CREATE SEQUENCE smsfollow.template_version_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.template_version_id_seq IS 'Ids of smsfollow.template_version';

CREATE TABLE smsfollow.template (
	template_id integer PRIMARY KEY DEFAULT nextval('smsfollow.template_id_seq'),
	name text NOT NULL CHECK (name <> '' AND length(name) <= 100),
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	CONSTRAINT template_name_key UNIQUE (tenant_id, name),
	program_id integer,
	media jsonb,
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock()
);
COMMENT ON TABLE smsfollow.template IS 'A named text with variables; its wordings are in template_version and template_wording';
COMMENT ON COLUMN smsfollow.template.media IS 'What goes along with its texts where neither they nor their campaign bring any, see send(); NULL: nothing';
COMMENT ON COLUMN smsfollow.template.program_id IS 'The program it belongs to, whose brand profile it keeps; NULL: any may use it';

CREATE TABLE smsfollow.template_version (
	template_version_id integer PRIMARY KEY DEFAULT nextval('smsfollow.template_version_id_seq'),
	template_id integer NOT NULL REFERENCES smsfollow.template,
	version integer NOT NULL,
	body text NOT NULL,
	locale text,
	missing text NOT NULL CHECK (missing IN ('error', 'empty', 'skip')),
	variables jsonb CHECK (jsonb_typeof(variables) = 'object'),
	defaults jsonb CHECK (jsonb_typeof(defaults) = 'object'),
	undeclared text NOT NULL CHECK (undeclared IN ('error', 'lint')),
	cta text CHECK (cta IN ('link', 'reply', 'call', 'none')),
	uses_contact boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	created_by text NOT NULL DEFAULT session_user,
	state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved', 'retired')),
	approved_at timestamptz,
	approved_by text,
	retired_at timestamptz,
	retired_by text,
	UNIQUE (template_id, version)
);
COMMENT ON TABLE smsfollow.template_version IS 'Versions of templates; what a version says is never changed. The highest version that is not retired, or that is approved where the program wants it, is the one in use';
COMMENT ON COLUMN smsfollow.template_version.body IS 'The default wording';
COMMENT ON COLUMN smsfollow.template_version.locale IS 'Language of the default wording (BCP 47); NULL: not named';
COMMENT ON COLUMN smsfollow.template_version.missing IS 'What a variable without value does: error or skip suppress the text, empty writes nothing';
COMMENT ON COLUMN smsfollow.template_version.variables IS 'Declared variables: name -> {type, required, default}; NULL: none are declared';
COMMENT ON COLUMN smsfollow.template_version.defaults IS 'Values of declared variables that a text does not give; NULL: none';
COMMENT ON COLUMN smsfollow.template_version.undeclared IS 'A variable that the wording reads and nobody declared: error refuses to save it, lint reports it';
COMMENT ON COLUMN smsfollow.template_version.cta IS 'What the reader is asked to do: link, reply, call, none; NULL: not declared';
COMMENT ON COLUMN smsfollow.template_version.uses_contact IS 'A wording, or a template that it includes, may read contact.*, so the claim hands that over too';
COMMENT ON COLUMN smsfollow.template_version.state IS 'draft, approved, or retired: neither scheduled nor sent any more';

CREATE TABLE smsfollow.template_wording (
	template_version_id integer NOT NULL REFERENCES smsfollow.template_version,
	locale text NOT NULL,
	body text NOT NULL,
	PRIMARY KEY (template_version_id, locale)
);
COMMENT ON TABLE smsfollow.template_wording IS 'The wordings of template versions in other languages than the default one';
COMMENT ON COLUMN smsfollow.template_wording.locale IS 'BCP 47: for contacts of this locale, or of a longer form of it that has no wording of its own';

CREATE FUNCTION smsfollow.check_template(body text) RETURNS void
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_check_template';
COMMENT ON FUNCTION smsfollow.check_template(text) IS
'Parses a template; raises invalid_parameter_value with line and column when it is none';

CREATE FUNCTION smsfollow.template_names(body text) RETURNS TABLE (name text, "position" integer)
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_template_names';
COMMENT ON FUNCTION smsfollow.template_names(text) IS
'The variables that a template reads and does not set itself, contact left out, with the position (characters, from 1) where each is read first; at most 1,000. Templates that it includes are not looked into. Raises invalid_parameter_value for what is no template';

CREATE FUNCTION smsfollow.literal_text(body text) RETURNS text
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_literal_text';
COMMENT ON FUNCTION smsfollow.literal_text(text) IS
'A template with a space for each character that is not literal text, so that positions in it are positions in the template. Raises invalid_parameter_value for what is no template';

CREATE FUNCTION smsfollow.check_variables(declaration jsonb, vars jsonb[]) RETURNS void
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_check_variables';
COMMENT ON FUNCTION smsfollow.check_variables(jsonb, jsonb[]) IS
'Internal: raises invalid_parameter_value, naming variable and expected type, for the first of some texts whose values do not fit a declaration as template_version.variables has it';

CREATE FUNCTION smsfollow.declare_variables(variables jsonb, OUT declaration jsonb, OUT defaults jsonb)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v record;
	d jsonb;
	unknown text;
BEGIN
	IF variables IS NULL THEN
		RETURN;
	ELSIF jsonb_typeof(variables) <> 'object' THEN
		RAISE EXCEPTION 'variables must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"item": "text", "price": {"type": "number", "required": false}}.';
	ELSIF (SELECT count(*) FROM jsonb_object_keys(variables)) > 200 THEN
		RAISE EXCEPTION 'there are more than 200 variables'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Group them in an object.';
	END IF;
	declaration := '{}';
	defaults := '{}';
	FOR v IN SELECT e.key, e.value FROM jsonb_each(variables) e LOOP
		IF v.key !~ '^[A-Za-z_][A-Za-z0-9_-]*$' OR length(v.key) > 100 OR v.key IN ('contact', 'forloop', 'tablerowloop') THEN
			RAISE EXCEPTION 'variable "%" cannot be declared', left(v.key, 100)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'A name has 1 to 100 letters, digits, _ or -; contact belongs to the contact.';
		END IF;
		d := CASE jsonb_typeof(v.value) WHEN 'string' THEN jsonb_build_object('type', v.value) ELSE v.value END;
		IF jsonb_typeof(d) <> 'object' THEN
			RAISE EXCEPTION 'variable "%" must be declared by a type or an object', v.key
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example "text", or {"type": "text", "default": "there"}.';
		END IF;
		SELECT k INTO unknown FROM jsonb_object_keys(d) k WHERE k NOT IN ('type', 'required', 'default') LIMIT 1;
		IF unknown IS NOT NULL THEN
			RAISE EXCEPTION 'the declaration of variable "%" has the unknown member "%"', v.key, left(unknown, 100)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Use type, required and default.';
		ELSIF jsonb_typeof(d -> 'required') NOT IN ('boolean', 'null') THEN
			RAISE EXCEPTION 'required of variable "%" must be true or false', v.key
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for a variable that must be given.';
		ELSIF (d -> 'required')::text = 'true' AND d ? 'default' THEN
			RAISE EXCEPTION 'variable "%" cannot be required and have a default', v.key
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave one of them out.';
		END IF;
		d := d || jsonb_build_object('required', NOT d ? 'default' AND coalesce((d -> 'required')::text, 'true') <> 'false');
		PERFORM smsfollow.check_variables(jsonb_build_object(v.key, d || '{"required": false}'), ARRAY[jsonb_build_object(v.key, d -> 'default')]);
		declaration := declaration || jsonb_build_object(v.key, d);
		IF d -> 'default' <> 'null' THEN
			defaults := defaults || jsonb_build_object(v.key, d -> 'default');
		END IF;
	END LOOP;
	defaults := nullif(defaults, '{}');
END
$$;
COMMENT ON FUNCTION smsfollow.declare_variables(jsonb) IS
'Internal: a declaration of variables in its full form, and their default values; raises invalid_parameter_value';

CREATE FUNCTION smsfollow.check_brand(program integer, wording text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w record;
	plain text;
	phrase text;
BEGIN
	SELECT * INTO w FROM smsfollow.program_wording x WHERE x.program_id = check_brand.program;
	plain := smsfollow.literal_text(wording);
	FOREACH phrase IN ARRAY w.banned_phrases LOOP
		IF smsfollow.has_phrase(plain, phrase) THEN
			RAISE EXCEPTION 'template breaks the brand profile of program "%": it says "%"', w.program, phrase
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Take the banned phrase "%s" out of the wording.', phrase);
		END IF;
	END LOOP;
	FOREACH phrase IN ARRAY w.required_phrases LOOP
		IF NOT smsfollow.has_phrase(concat_ws(' ', w.prefix, plain, w.sign_off), phrase) THEN
			RAISE EXCEPTION 'template breaks the brand profile of program "%": it does not say "%"', w.program, phrase
				USING ERRCODE = 'invalid_parameter_value', HINT = format('Add the required phrase "%s" to the wording.', phrase);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.check_brand(integer, text) IS
'Internal: raises invalid_parameter_value, naming the phrase, for a template that breaks the brand profile of a program by what it says literally; what its values say is looked at when a text goes';

CREATE FUNCTION smsfollow.check_names(declaration jsonb, wording text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n record;
BEGIN
	SELECT x.name, x."position" INTO n FROM smsfollow.template_names(wording) x WHERE NOT declaration ? x.name ORDER BY 2 LIMIT 1;
	IF n.name IS NOT NULL THEN
		RAISE EXCEPTION 'variable "%" is not declared', n.name
			USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Read at character %s of %s.', n."position", what),
				HINT = 'Declare it in variables, correct its name, or save with undeclared => lint.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_names(jsonb, text, text) IS 'Internal: raises invalid_parameter_value for a wording that reads a variable nobody declared';

CREATE FUNCTION smsfollow.create_template(
	name text,
	body text,
	missing text DEFAULT 'error',
	locale text DEFAULT NULL,
	wordings jsonb DEFAULT NULL,
	variables jsonb DEFAULT NULL,
	undeclared text DEFAULT NULL,
	cta text DEFAULT NULL,
	program text DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write templates through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
	old record;
	pid integer := CASE WHEN program IS NOT NULL THEN smsfollow.program_id(program) END;
	texts jsonb := '{}';
	w record;
	declared record;
	id integer;
BEGIN
	IF name IS NULL OR body IS NULL OR missing IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN name IS NULL THEN 'name' WHEN body IS NULL THEN 'body' ELSE 'missing' END);
	END IF;
	IF name = '' OR length(name) > 100 THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter name that is not empty.';
	ELSIF missing NOT IN ('error', 'empty', 'skip') THEN
		RAISE EXCEPTION 'missing "%" is not known', missing
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use error, empty or skip.';
	ELSIF undeclared NOT IN ('error', 'lint') THEN
		RAISE EXCEPTION 'undeclared "%" is not known', undeclared
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use error or lint.';
	ELSIF cta NOT IN ('link', 'reply', 'call', 'none') THEN
		RAISE EXCEPTION 'cta "%" is not known', cta
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use link, reply, call or none.';
	ELSIF jsonb_typeof(wordings) <> 'object' OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof(wordings) WHEN 'object' THEN wordings END) e WHERE jsonb_typeof(e.value) <> 'string') THEN
		RAISE EXCEPTION 'wordings must be a JSON object of templates by locale'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"es": "Hola {{ first_name }}"}.';
	END IF;
	IF wordings IS NOT NULL AND (SELECT count(*) FROM jsonb_object_keys(wordings)) > 100 THEN
		RAISE EXCEPTION 'there are more than 100 wordings'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a wording to a language rather than to each country.';
	END IF;
	PERFORM smsfollow.check_template(body);
	locale := smsfollow.locale(locale);
	SELECT * INTO declared FROM smsfollow.declare_variables(variables);

	INSERT INTO smsfollow.template AS x (name, program_id) VALUES (create_template.name, pid)
	ON CONFLICT ON CONSTRAINT template_name_key DO UPDATE SET program_id = coalesce(x.program_id, excluded.program_id)	-- locks the row: versions count up one by one
	RETURNING x.template_id, x.program_id INTO t;
	IF t.program_id <> pid THEN
		RAISE EXCEPTION 'template "%" belongs to another program', name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Save it under another name.';
	END IF;
	-- what is not given stays as it was in the version before
	SELECT v.* INTO old FROM smsfollow.template_version v WHERE v.template_id = t.template_id ORDER BY v.version DESC LIMIT 1;
	IF variables IS NULL THEN
		declared.declaration := old.variables;
		declared.defaults := old.defaults;
	END IF;
	undeclared := coalesce(undeclared, old.undeclared, 'error');
	locale := coalesce(locale, old.locale);
	IF wordings IS NULL THEN
		SELECT coalesce(jsonb_object_agg(x.locale, x.body), '{}') INTO texts
		FROM smsfollow.template_wording x WHERE x.template_version_id = old.template_version_id;
	ELSE
		FOR w IN SELECT e.key, e.value FROM jsonb_each_text(wordings) e LOOP
			PERFORM smsfollow.check_template(w.value);
			IF texts ? smsfollow.locale(w.key) THEN
				RAISE EXCEPTION 'wordings has locale "%" twice', smsfollow.locale(w.key)
					USING ERRCODE = 'invalid_parameter_value', HINT = 'Write each locale once.';
			END IF;
			texts := texts || jsonb_build_object(smsfollow.locale(w.key), w.value);
		END LOOP;
	END IF;
	texts := texts - coalesce(locale, '');
	FOR w IN SELECT 'the default wording' AS what, create_template.body AS body UNION ALL SELECT 'the wording in ' || e.key, e.value FROM jsonb_each_text(texts) e LOOP
		IF declared.declaration IS NOT NULL AND undeclared = 'error' THEN
			PERFORM smsfollow.check_names(declared.declaration, w.body, w.what);
		END IF;
		IF t.program_id IS NOT NULL THEN
			PERFORM smsfollow.check_brand(t.program_id, w.body);
		END IF;
	END LOOP;

	INSERT INTO smsfollow.template_version AS v (template_id, version, body, locale, missing, variables, defaults, undeclared, cta, uses_contact)
	VALUES (t.template_id, coalesce(old.version, 0) + 1, body, locale, missing, declared.declaration, declared.defaults, undeclared,
			coalesce(cta, old.cta), (body || ' ' || texts::text) ~ '\m(contact|include|render)\M')
	RETURNING v.template_version_id INTO id;
	INSERT INTO smsfollow.template_wording (template_version_id, locale, body)
	SELECT id, e.key, e.value FROM jsonb_each_text(texts) e;
	RETURN coalesce(old.version, 0) + 1;
END
$$;
COMMENT ON FUNCTION smsfollow.create_template(text, text, text, text, jsonb, jsonb, text, text, text) IS
'Saves a wording under a name and returns its version, 1 for a new name; new versions are drafts. missing: error (default), empty or skip. locale: language of body; wordings: object of bodies by locale for contacts of other languages. variables: object of declarations by name, a type (text, number, boolean, date, phone, url, list, object) or {type, required, default}; required unless it has a default or required is false. undeclared: error (default) refuses a wording that reads a variable not in variables, lint leaves it to lint(). cta: link, reply, call or none. program: whose brand profile it keeps, and who alone may use it. Of locale, wordings, variables, undeclared, cta and program, NULL means as in the version before. Errors: invalid_parameter_value (syntax, with line and column; variable; phrase), undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.template_id(template text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF template IS NULL THEN
		PERFORM smsfollow.raise_null('template');
	END IF;
	SELECT t.template_id INTO id FROM smsfollow.template t WHERE t.name = template AND t.tenant_id = smsfollow.own_tenant();
	IF id IS NULL THEN
		RAISE EXCEPTION 'template "%" does not exist', left(template, 100)
			USING ERRCODE = 'undefined_object', HINT = 'Save it with smsfollow.create_template().';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.template_id(text) IS 'Internal: id of a template; raises undefined_object';

CREATE FUNCTION smsfollow.template_version_id(template text, program integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tid integer := smsfollow.template_id(template);
	approval boolean := coalesce((SELECT x.requires_approval FROM smsfollow.program_text x WHERE x.program_id = program), false);
	id integer;
BEGIN
	SELECT v.template_version_id INTO id
	FROM smsfollow.template_version v
	WHERE v.template_id = tid AND CASE WHEN approval THEN v.state = 'approved' ELSE v.state <> 'retired' END
	ORDER BY v.version DESC LIMIT 1;
	IF id IS NULL THEN
		RAISE EXCEPTION 'template "%" has no %', template, CASE WHEN approval THEN 'approved version' ELSE 'version that is not retired' END
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Approve one with smsfollow.approve_template(), or save a new one.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.template_version_id(text, integer) IS
'Internal: newest version of a template that may be used, in a program or in any; raises undefined_object, object_not_in_prerequisite_state';

CREATE FUNCTION smsfollow.approve_template(template text, version integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write templates through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tid integer := smsfollow.template_id(template);
	n integer;
BEGIN
	UPDATE smsfollow.template_version v
	SET state = 'approved', approved_at = smsfollow.clock(), approved_by = session_user, retired_at = NULL, retired_by = NULL
	WHERE v.template_id = tid AND v.version = coalesce(approve_template.version,
		(SELECT max(x.version) FROM smsfollow.template_version x WHERE x.template_id = tid))
	RETURNING v.version INTO n;
	IF n IS NULL THEN
		RAISE EXCEPTION 'template "%" has no version %', template, approve_template.version
			USING ERRCODE = 'undefined_object', HINT = 'See smsfollow.template_version for the versions that exist.';
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION smsfollow.approve_template(text, integer) IS
'Approves a version of a template, the newest for NULL, and returns its number; who and when is recorded. Also takes its retirement back. Errors: undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.retire_template(template text, version integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write templates through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tid integer := smsfollow.template_id(template);
	n integer;
BEGIN
	UPDATE smsfollow.template_version v
	SET state = 'retired', retired_at = smsfollow.clock(), retired_by = session_user
	WHERE v.template_id = tid AND v.version = coalesce(retire_template.version, v.version) AND v.state <> 'retired';
	GET DIAGNOSTICS n = ROW_COUNT;
	IF n = 0 AND NOT EXISTS (SELECT FROM smsfollow.template_version v
							 WHERE v.template_id = tid AND v.version = coalesce(retire_template.version, v.version)) THEN
		RAISE EXCEPTION 'template "%" has no version %', template, retire_template.version
			USING ERRCODE = 'undefined_object', HINT = 'See smsfollow.template_version for the versions that exist.';
	END IF;
	RETURN n;
END
$$;
COMMENT ON FUNCTION smsfollow.retire_template(text, integer) IS
'Takes a version of a template, or all for NULL, out of use, and returns how many: it is scheduled no more, and its texts that still wait are suppressed. Errors: undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.template_body(template text, locale text DEFAULT NULL, tenant integer DEFAULT NULL, approved boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: whoever may render a text may have it include the saved ones
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	v record;
	tag text := lower(replace(locale, '_', '-'));
	found text;
BEGIN
	SELECT x.template_version_id, x.locale, x.body INTO v
	FROM smsfollow.template t JOIN smsfollow.template_version x USING (template_id)
	WHERE t.name = template AND CASE WHEN approved THEN x.state = 'approved' ELSE x.state <> 'retired' END
		AND t.tenant_id = coalesce(smsfollow.acting_tenant(), template_body.tenant, 1) ORDER BY x.version DESC LIMIT 1;
	WHILE tag <> '' AND tag IS DISTINCT FROM lower(v.locale) LOOP
		SELECT w.body INTO found FROM smsfollow.template_wording w
		WHERE w.template_version_id = v.template_version_id AND lower(w.locale) = tag;
		IF found IS NOT NULL THEN
			RETURN found;
		END IF;
		tag := regexp_replace(tag, '-?[^-]*$', '');
	END LOOP;
	RETURN v.body;
END
$$;
COMMENT ON FUNCTION smsfollow.template_body(text, text, integer, boolean) IS
'The wording of a saved template that counts now, which is what include and render write; NULL if there is no such template. locale: of the reader, such as de-AT: its own wording, that of de, or the default one; NULL when not known. tenant: for the claim, which acts for all; nobody else gets another than his own. approved: only from an approved version';
