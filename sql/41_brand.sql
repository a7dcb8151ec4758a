/*
 * How the texts of a program are worded: brand profile, opt-out line, encoding,
 * length, approval.  A program without a row has the defaults of its purpose,
 * which the view program_wording shows for all.
 */
CREATE TABLE smsfollow.program_text (
	program_id integer PRIMARY KEY REFERENCES smsfollow.program,
	prefix text,
	sign_off text,
	required_phrases text[] NOT NULL DEFAULT '{}',
	banned_phrases text[] NOT NULL DEFAULT '{}',
	opt_out_line text CHECK (opt_out_line IN ('always', 'first', 'days', 'never')),
	opt_out_days integer CHECK (opt_out_days BETWEEN 1 AND 366),
	opt_out_texts jsonb CHECK (jsonb_typeof(opt_out_texts) = 'object'),
	smart_encoding text CHECK (smart_encoding IN ('off', 'always', 'only_if_gsm')),
	max_segments integer CHECK (max_segments BETWEEN 1 AND 10),
	requires_approval boolean NOT NULL DEFAULT false,
	CHECK ((opt_out_line IS NOT DISTINCT FROM 'days') = (opt_out_days IS NOT NULL))
);
COMMENT ON TABLE smsfollow.program_text IS 'How the texts of a program are worded; NULL: the default of its purpose, see program_wording';
COMMENT ON COLUMN smsfollow.program_text.prefix IS 'Stands before each text that does not begin with it';
COMMENT ON COLUMN smsfollow.program_text.sign_off IS 'Stands behind each text that does not have it';
COMMENT ON COLUMN smsfollow.program_text.required_phrases IS 'Every text says them, or is not sent';
COMMENT ON COLUMN smsfollow.program_text.banned_phrases IS 'No text says them';
COMMENT ON COLUMN smsfollow.program_text.opt_out_line IS 'Which texts tell how to opt out: always, first (of each contact), days (again after opt_out_days), never';
COMMENT ON COLUMN smsfollow.program_text.opt_out_texts IS 'The line by locale; member default where no other fits';
COMMENT ON COLUMN smsfollow.program_text.smart_encoding IS 'Mode of smart_encode for each text';
COMMENT ON COLUMN smsfollow.program_text.max_segments IS 'A longer text is not sent';
COMMENT ON COLUMN smsfollow.program_text.requires_approval IS 'Only texts of approved template versions go';

CREATE VIEW smsfollow.program_wording AS
SELECT p.program_id, p.name AS program, p.purpose, p.brand, t.prefix, t.sign_off,
	coalesce(t.required_phrases, '{}') AS required_phrases, coalesce(t.banned_phrases, '{}') AS banned_phrases,
	-- CTIA Messaging Principles 5.1: every marketing text says how to opt out, unless the program decides otherwise
	coalesce(t.opt_out_line, CASE p.purpose WHEN 'marketing' THEN 'always' ELSE 'never' END) AS opt_out_line,
	t.opt_out_days,
	'{"default": "Reply STOP to opt out."}' || coalesce(t.opt_out_texts, '{}') AS opt_out_texts,
	coalesce(t.smart_encoding, 'off') AS smart_encoding,
	coalesce(t.max_segments, CASE p.purpose WHEN 'marketing' THEN 3 ELSE 10 END) AS max_segments,
	coalesce(t.requires_approval, false) AS requires_approval
FROM smsfollow.program p LEFT JOIN smsfollow.program_text t USING (program_id);
COMMENT ON VIEW smsfollow.program_wording IS 'How the texts of each program are worded, defaults included: a marketing text carries the opt-out line always and has at most 3 segments; others carry none and have at most 10';

CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.program
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.program_text
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE FUNCTION smsfollow.check_wording(what text, wording text, longest integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF wording IS NULL THEN
		RETURN;
	ELSIF length(wording) > longest OR wording !~ '[^[:space:]]' THEN
		RAISE EXCEPTION '% must have 1 to % characters', what, longest
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter one that can be seen, or NULL for none.';
	ELSIF wording ~ '[\u0001-\u001f\u007f\u202a-\u202e\u2066-\u2069]' THEN
		RAISE EXCEPTION '% has control characters', what
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write it as plain text in one line.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_wording(text, text, integer) IS 'Internal: raises invalid_parameter_value for a prefix, sign-off, phrase or line that is empty, too long or has control or direction characters';

CREATE FUNCTION smsfollow.set_brand(
	program text,
	prefix text DEFAULT NULL,
	sign_off text DEFAULT NULL,
	required_phrases text[] DEFAULT '{}',
	banned_phrases text[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql
-- definer: callers write programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.program_id(program);
	phrase text;
BEGIN
	required_phrases := coalesce(required_phrases, '{}');
	banned_phrases := coalesce(banned_phrases, '{}');
	PERFORM smsfollow.check_wording('prefix', prefix, 60), smsfollow.check_wording('sign_off', sign_off, 60);
	IF cardinality(required_phrases) > 20 OR cardinality(banned_phrases) > 200 THEN
		RAISE EXCEPTION 'there may be at most 20 required and 200 banned phrases'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Keep to the phrases that matter most.';
	END IF;
	FOREACH phrase IN ARRAY required_phrases || banned_phrases LOOP
		IF phrase IS NULL THEN
			PERFORM smsfollow.raise_null('a phrase');
		END IF;
		PERFORM smsfollow.check_wording('a phrase', phrase, 100);
	END LOOP;
	FOREACH phrase IN ARRAY banned_phrases LOOP
		IF smsfollow.has_phrase(concat_ws(' ', prefix, sign_off) || ' ' || array_to_string(required_phrases, ' '), phrase) THEN
			RAISE EXCEPTION 'the banned phrase "%" is in the prefix, the sign-off or a required phrase', phrase
				USING ERRCODE = 'invalid_parameter_value', HINT = 'No text could go; leave the one or the other out.';
		END IF;
	END LOOP;
	INSERT INTO smsfollow.program_text AS t (program_id, prefix, sign_off, required_phrases, banned_phrases)
	VALUES (id, btrim(prefix), btrim(sign_off), required_phrases, banned_phrases)
	ON CONFLICT (program_id) DO UPDATE SET prefix = excluded.prefix, sign_off = excluded.sign_off,
		required_phrases = excluded.required_phrases, banned_phrases = excluded.banned_phrases;
END
$$;
COMMENT ON FUNCTION smsfollow.set_brand(text, text, text, text[], text[]) IS
'Sets the brand profile of a program as a whole. prefix and sign_off (at most 60 characters) are added to each text that lacks them; a text that says a banned phrase (at most 200) or lacks a required one (at most 20), 1 to 100 characters each, compared as by has_phrase, is not sent, and a template of the program not saved. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_opt_out_line(
	program text,
	carry text DEFAULT 'always',
	days integer DEFAULT NULL,
	texts jsonb DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
-- definer: callers write programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.program_id(program);
	line record;
	lines jsonb := '{}';
BEGIN
	IF carry IS NULL THEN
		PERFORM smsfollow.raise_null('carry');
	ELSIF carry NOT IN ('always', 'first', 'days', 'never') THEN
		RAISE EXCEPTION 'carry "%" is not known', carry
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use always, first, days or never.';
	ELSIF (carry = 'days') <> (days IS NOT NULL) OR days NOT BETWEEN 1 AND 366 THEN
		RAISE EXCEPTION 'days must be from 1 to 366 with carry "days", and not be given else'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example carry => ''days'', days => 30.';
	END IF;
	IF texts IS NOT NULL THEN
		IF jsonb_typeof(texts) <> 'object' OR EXISTS (SELECT FROM jsonb_each(texts) e WHERE jsonb_typeof(e.value) <> 'string') THEN
			RAISE EXCEPTION 'texts must be a JSON object of lines by locale'
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"default": "Reply STOP to opt out.", "es": "Responde BAJA para no recibir más."}.';
		END IF;
		FOR line IN SELECT e.key, e.value FROM jsonb_each_text(texts) e LOOP
			PERFORM smsfollow.check_wording('the line of ' || quote_literal(line.key), line.value, 160);
			lines := lines || jsonb_build_object(CASE line.key WHEN 'default' THEN 'default' ELSE smsfollow.locale(line.key) END, btrim(line.value));
		END LOOP;
	END IF;
	INSERT INTO smsfollow.program_text AS t (program_id, opt_out_line, opt_out_days, opt_out_texts)
	VALUES (id, carry, days, lines)
	ON CONFLICT (program_id) DO UPDATE SET opt_out_line = excluded.opt_out_line, opt_out_days = excluded.opt_out_days,
		opt_out_texts = CASE WHEN texts IS NULL THEN t.opt_out_texts ELSE excluded.opt_out_texts END;
END
$$;
COMMENT ON FUNCTION smsfollow.set_opt_out_line(text, text, integer, jsonb) IS
'Which texts of a program tell how to opt out. carry: always, first (the first text to each contact since it agreed), days (again when the last one is that many days old, 1 to 366), never. A text that tells it by itself (has_opt_out) gets no second line. texts: the line (at most 160 characters) by locale, and default for all others; NULL leaves it. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_text_rules(
	program text,
	smart_encoding text DEFAULT NULL,
	max_segments integer DEFAULT NULL,
	requires_approval boolean DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
-- definer: callers write programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.program_id(program);
BEGIN
	IF smart_encoding NOT IN ('off', 'always', 'only_if_gsm') THEN
		RAISE EXCEPTION 'smart_encoding "%" is not known', smart_encoding
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use off, always or only_if_gsm.';
	ELSIF max_segments NOT BETWEEN 1 AND 10 THEN
		RAISE EXCEPTION 'max_segments must be from 1 to 10'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'One segment has 160 characters, or 70 in UCS-2.';
	END IF;
	INSERT INTO smsfollow.program_text AS t (program_id, smart_encoding, max_segments, requires_approval)
	VALUES (id, smart_encoding, max_segments, coalesce(requires_approval, false))
	ON CONFLICT (program_id) DO UPDATE SET smart_encoding = coalesce(excluded.smart_encoding, t.smart_encoding),
		max_segments = coalesce(excluded.max_segments, t.max_segments),
		requires_approval = coalesce(set_text_rules.requires_approval, t.requires_approval);
END
$$;
COMMENT ON FUNCTION smsfollow.set_text_rules(text, text, integer, boolean) IS
'Changes what is given of a program''s rules for texts: smart_encoding (off, the default, always, only_if_gsm: see smart_encode), max_segments (1 to 10; default 3 for marketing, else 10), requires_approval (texts go only from approved template versions; literal bodies not at all). Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

/*
 * When a contact was last told how to opt out, for programs that do not tell it
 * each time.  Written with the outcome of the text that told it; the claim reads
 * it under the contact's lock, and a contact has one text in flight, so it is
 * exact.
 */
CREATE TABLE smsfollow.opt_out_told (
	contact_id bigint NOT NULL,
	program_id integer NOT NULL REFERENCES smsfollow.program,
	at timestamptz,
	message_id bigint,
	before_at timestamptz,
	PRIMARY KEY (contact_id, program_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE smsfollow.opt_out_told IS 'When each contact was last told how to opt out of a program whose texts do not always tell it';
COMMENT ON COLUMN smsfollow.opt_out_told.at IS 'When the text was handed over; NULL: none that arrived';
COMMENT ON COLUMN smsfollow.opt_out_told.message_id IS 'The text that told it, while it may still turn out to have failed';
COMMENT ON COLUMN smsfollow.opt_out_told.before_at IS 'The value of at before that text';

CREATE FUNCTION smsfollow.untell_opt_out(contact bigint, message bigint) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE smsfollow.opt_out_told t SET at = t.before_at, message_id = NULL, before_at = NULL
	WHERE t.contact_id = contact AND t.message_id = message
$$;
COMMENT ON FUNCTION smsfollow.untell_opt_out(bigint, bigint) IS 'Internal: a text that told how to opt out has not arrived, so the next one tells it';

ALTER TABLE smsfollow.template ADD FOREIGN KEY (program_id) REFERENCES smsfollow.program;
