/*
 * Lint: what a person who knows the trade would say about a text.  It looks at
 * what the template says literally, where it can name a position, and at a
 * sample of the text with values for its variables.
 *
 * Sources of the rules: CTIA Messaging Principles and Best Practices (brand
 * name, opt-out, public shorteners), the carriers' filters that follow them.
 */
CREATE FUNCTION smsfollow.lint_sample(body text, variables jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	vars jsonb;
BEGIN
	SELECT coalesce(jsonb_object_agg(n.name, coalesce(nullif(d -> 'default', 'null'), CASE d ->> 'type'
			WHEN 'text' THEN '"Jennifer"'
			WHEN 'number' THEN '10'
			WHEN 'boolean' THEN 'true'
			WHEN 'date' THEN '"2026-03-01"'
			WHEN 'phone' THEN '"+14155550123"'
			WHEN 'url' THEN '"https://example.com/abcdef"'
			WHEN 'list' THEN '["one", "two"]'
			WHEN 'object' THEN '{}'
			ELSE '"something"' END::jsonb)), '{}') || '{"contact": {"name": "Jennifer"}}'
	INTO vars
	FROM smsfollow.template_names(body) n, LATERAL (SELECT variables -> n.name) AS v(d);
	RETURN smsfollow.render(body, vars, NULL, 'empty');
EXCEPTION WHEN invalid_parameter_value OR no_data_found THEN
	-- these values do not suit it, or it skips them
	RETURN btrim(regexp_replace(smsfollow.literal_text(body), '\s+', ' ', 'g'));
END
$$;
COMMENT ON FUNCTION smsfollow.lint_sample(text, jsonb) IS 'Internal: a template with values of the usual length for its variables';

CREATE FUNCTION smsfollow.lint_wording(
	body text, wording_locale text, cta text, variables jsonb, program integer
) RETURNS TABLE (rule text, severity text, "position" integer, found text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	w record;
	lang text := split_part(coalesce(wording_locale, ''), '-', 1);
	plain text := smsfollow.literal_text(body);		-- positions in it are those of the template
	sample text := smsfollow.lint_sample(body, variables);
	marketing boolean;
	s record;
	f record;
	m text;
	words integer;
	longest integer;
	-- after a word that asks for a reply something else than an opt-out word
	asks CONSTANT text := '\m(reply|text|txt|send|respond|answer|responde|envía|envia|répondez|envoyez|antworte|antworten|sende|rispondi|invia|responda|envie|antwoord|stuur|svara|svar)\M'
		'[^[:alnum:]]+((with|the|word|con|mit|avec|com|met)[^[:alnum:]]+)*(?!(stop|stopp|baja|arret|arrêt|end|quit|cancel|unsubscribe|ende)\M)[[:alnum:]]';
	calls CONSTANT text := '\m(call|phone|ring|dial|llama|llámanos|appelez|ruf|rufen|anrufen|chiama|ligue|bel)\M|(^|[^[:alnum:]])\+?\(?[0-9][0-9 ().-]{6,}[0-9]';
	links CONSTANT text := '(https?://|\mwww\.)[^[:space:]]|\m[a-z0-9-]+\.(com|org|net|io|co|shop|store|app|info|biz|de|fr|es|it|nl|uk|eu|us|ca|au|mx|br)(/|\M)';
	shorteners CONSTANT text := '\m(bit\.ly|bitly\.com|tinyurl\.com|t\.co|goo\.gl|ow\.ly|is\.gd|v\.gd|buff\.ly|rebrand\.ly|cutt\.ly|rb\.gy|shorturl\.at|t\.ly|tiny\.cc|bl\.ink|lnkd\.in|s\.id|dub\.sh|short\.io|shorte\.st|adf\.ly|urlz\.fr|qr\.ae|clck\.ru)(?=/|[^[:alnum:].-]|$)';
BEGIN
	SELECT * INTO w FROM smsfollow.program_wording x WHERE x.program_id = lint_wording.program;
	marketing := coalesce(w.purpose, 'marketing') = 'marketing';

	-- what the reader is asked to do
	IF (marketing OR cta IN ('link', 'reply', 'call')) AND NOT (CASE cta
			WHEN 'link' THEN sample ~* links
			WHEN 'reply' THEN sample ~* asks
			WHEN 'call' THEN sample ~* calls
			WHEN 'none' THEN false
			ELSE sample ~* links OR sample ~* asks OR sample ~* calls END) THEN
		RETURN QUERY SELECT 'no_call_to_action', 'warning', NULL::integer, cta,
			CASE cta WHEN 'none' THEN 'A marketing text should say what to do next: give a link, a word to reply with, or a number to call.'
				WHEN 'link' THEN 'It declares a link, and has none: write one, or a variable of type url.'
				WHEN 'reply' THEN 'It declares a reply, and does not ask for one: write for example "Reply YES".'
				WHEN 'call' THEN 'It declares a call, and names no number: write one, or a variable of type phone.'
				ELSE 'Say what to do next: a link, a word to reply with, or a number to call; declare it with cta.' END;
	END IF;

	-- the way out
	IF marketing AND coalesce(w.opt_out_line, 'never') = 'never' AND NOT smsfollow.has_opt_out(plain) AND NOT smsfollow.has_opt_out(sample) THEN
		RETURN QUERY SELECT 'no_opt_out', CASE WHEN w.program_id IS NULL THEN 'warning' ELSE 'error' END, NULL::integer, NULL::text,
			'Add for example "Reply STOP to opt out", or let the program add it with set_opt_out_line().';
	END IF;

	-- carriers filter what hides where it leads
	m := substring(plain FROM '(?i)' || shorteners);
	IF m IS NOT NULL THEN
		RETURN QUERY SELECT 'public_shortener', 'error', strpos(plain, m), m,
			'Carriers block shared shorteners: write the full address, or use a domain of your own.';
	END IF;

	-- capitals; scripts without them cannot shout.  Words that are commands, and the brand, are written so.
	m := regexp_replace(plain, '\m(STOP|STOPP|HELP|INFO|START|YES|NO|BAJA|ARRET|END|UNSUBSCRIBE|SMS|USA|' || regexp_replace(coalesce(nullif(w.brand, ''), 'SMS'), '([^[:alnum:]])', '\\\1', 'g') || ')\M', 'x', 'g');
	m := coalesce(substring(m FROM '\m[[:upper:]]{2,}[^[:alnum:][:space:]]*[[:space:]]+[[:upper:]]{2,}[^[:alnum:][:space:]]*[[:space:]]+[[:upper:]]{2,}\M'),
		substring(m FROM '[!?¡¿]{3,}'), substring(m FROM '\m[[:upper:]]{10,}\M'));
	IF m IS NOT NULL THEN
		RETURN QUERY SELECT 'shouting', 'warning', nullif(strpos(plain, m), 0), left(m, 60),
			'Write it in small letters, with one mark at its end: shouting reads as spam, to carriers too.';
	END IF;

	-- length
	SELECT * INTO s FROM smsfollow.segments(smsfollow.smart_encode(concat_ws(' ', w.prefix, sample, w.sign_off)
		|| CASE WHEN coalesce(w.opt_out_line, 'never') <> 'never' AND NOT smsfollow.has_opt_out(sample) THEN E'\n' || (w.opt_out_texts ->> 'default') ELSE '' END,
		coalesce(w.smart_encoding, 'off')));
	IF s.segments > coalesce(w.max_segments, 3) THEN
		RETURN QUERY SELECT 'too_many_segments', 'error', NULL::integer, s.segments || ' segments',
			format('Shorten it: at most %s %s; segments() shows where it is cut.', coalesce(w.max_segments, 3), CASE WHEN w.program_id IS NULL THEN 'are usual' ELSE 'are allowed by the program' END);
	END IF;
	-- words, or for scripts that write without spaces two characters for one
	words := CASE WHEN lang IN ('zh', 'ja', 'th', 'lo', 'km', 'my') THEN length(sample) / 2
		ELSE (SELECT count(*) FROM regexp_matches(sample, '[[:alnum:]][^[:space:]]*', 'g')) END;
	SELECT max(CASE WHEN lang IN ('zh', 'ja', 'th', 'lo', 'km', 'my') THEN length(p) / 2
		ELSE (SELECT count(*) FROM regexp_matches(p, '[[:alnum:]][^[:space:]]*', 'g')) END) INTO longest
	FROM regexp_split_to_table(sample, '[.!?;。！？؟।](\s|$)|\n') p;
	IF words > 45 OR longest > 25 THEN
		RETURN QUERY SELECT 'long_winded', 'info', NULL::integer,
			CASE WHEN words > 45 THEN words || ' words' ELSE 'a sentence of ' || longest || ' words' END,
			'A text is read at a glance: at most 45 words, and 25 in a sentence.';
	END IF;

	-- who is it?
	IF w.brand IS NOT NULL AND NOT smsfollow.has_phrase(concat_ws(' ', w.prefix, sample, plain, w.sign_off), w.brand) THEN
		RETURN QUERY SELECT 'missing_brand', 'warning', NULL::integer, w.brand,
			format('Say who writes: add "%s", or let the program add it with set_brand().', w.brand);
	END IF;

	-- names nobody promised to give
	RETURN QUERY SELECT 'undeclared_variable', CASE WHEN lint_wording.variables IS NULL THEN 'info' ELSE 'warning' END, n."position", left(n.name, 100),
		format('Declare it: variables => ''{"%s": "text"}''; then a wrong value is refused when a text is scheduled.', left(n.name, 100))
	FROM smsfollow.template_names(body) n WHERE NOT coalesce(lint_wording.variables ? n.name, false)
	LIMIT 20;

	-- a character that doubles the price, in a language that can do without
	IF coalesce(w.smart_encoding, 'off') = 'off' AND lang NOT IN ('ru', 'uk', 'be', 'bg', 'sr', 'mk', 'el', 'zh', 'ja', 'ko', 'ar', 'fa', 'ur', 'he', 'hi', 'bn', 'ta', 'te', 'mr', 'ne', 'th', 'lo', 'km', 'my', 'ka', 'hy', 'am', 'vi') THEN
		SELECT x ->> 'char' AS char, x ->> 'codepoint' AS codepoint, (x ->> 'position')::integer AS at, g.forcing, count(*) OVER () AS n INTO f
		FROM smsfollow.segments(plain) g, jsonb_array_elements(g.forcing) x
		ORDER BY (x ->> 'position')::integer LIMIT 1;
		-- few of them among many others, or none that has no look-alike
		IF f.n IS NOT NULL AND (f.n <= 2 OR (smsfollow.segments(smsfollow.smart_encode(plain, 'always'))).encoding = 'GSM-7') THEN
			RETURN QUERY SELECT 'ucs2_by_accident', 'warning', f.at, f.char || ' ' || f.codepoint,
				CASE WHEN smsfollow.smart_encode(f.char, 'always') = f.char
					THEN 'It leaves 70 characters a segment instead of 160: choose another one.'
					ELSE format('It leaves 70 characters a segment instead of 160: write %s, or let set_text_rules() do it.', quote_literal(smsfollow.smart_encode(f.char, 'always'))) END;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.lint_wording(text, text, text, jsonb, integer) IS 'Internal, under lint and lint_text: the findings about one wording, for a program or (NULL) for marketing in general';

CREATE FUNCTION smsfollow.lint_text(
	body text,
	program text DEFAULT NULL,
	locale text DEFAULT NULL,
	cta text DEFAULT NULL,
	variables jsonb DEFAULT NULL
) RETURNS TABLE (rule text, severity text, "position" integer, found text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: reads how a program words its texts
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF body IS NULL THEN
		PERFORM smsfollow.raise_null('body');
	ELSIF cta NOT IN ('link', 'reply', 'call', 'none') THEN
		RAISE EXCEPTION 'cta "%" is not known', cta
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use link, reply, call or none.';
	END IF;
	RETURN QUERY SELECT * FROM smsfollow.lint_wording(body, smsfollow.locale(locale), cta,
		(SELECT d.declaration FROM smsfollow.declare_variables(variables) d),
		CASE WHEN program IS NOT NULL THEN smsfollow.program_id(program) END);
END
$$;
COMMENT ON FUNCTION smsfollow.lint_text(text, text, text, text, jsonb) IS
'What speaks against a template that is not saved yet, as lint does for a saved one; without a program it is judged as marketing. Errors: invalid_parameter_value, undefined_object (program), null_value_not_allowed';

CREATE FUNCTION smsfollow.lint(template text, program text DEFAULT NULL, version integer DEFAULT NULL)
RETURNS TABLE (locale text, rule text, severity text, "position" integer, found text, hint text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
-- definer: reads templates and how a program words its texts
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	tid integer := smsfollow.template_id(lint.template);
	pid integer := CASE WHEN lint.program IS NOT NULL THEN smsfollow.program_id(lint.program) END;
	v record;
BEGIN
	SELECT x.*, coalesce(pid, t.program_id) AS program_id INTO v
	FROM smsfollow.template_version x JOIN smsfollow.template t USING (template_id)
	WHERE x.template_id = tid AND x.version = coalesce(lint.version, x.version) ORDER BY x.version DESC LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'template "%" has no version %', lint.template, lint.version
			USING ERRCODE = 'undefined_object', HINT = 'See smsfollow.template_version for the versions that exist.';
	END IF;
	RETURN QUERY
	SELECT b.locale, l.rule, l.severity, l."position", l.found, l.hint
	FROM (SELECT v.locale AS locale, v.body AS body, 0 AS n
		  UNION ALL SELECT x.locale, x.body, 1 FROM smsfollow.template_wording x WHERE x.template_version_id = v.template_version_id) b,
		LATERAL smsfollow.lint_wording(b.body, b.locale, v.cta, v.variables, v.program_id) l
	ORDER BY b.n, b.locale, CASE l.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, l."position", l.rule;
END
$$;
COMMENT ON FUNCTION smsfollow.lint(text, text, integer) IS
'What speaks against the wordings of a saved template (its newest version, or one), in a program (its own for NULL; without one it is judged as marketing). rule: no_call_to_action, no_opt_out, public_shortener, shouting, too_many_segments, long_winded, missing_brand, undeclared_variable (at most 20), ucs2_by_accident; severity: error (it will be refused or filtered), warning, info; position: characters from 1 in the template, where there is one; found: what it saw; hint: what to do. No row: nothing speaks against it. Errors: undefined_object, null_value_not_allowed';
