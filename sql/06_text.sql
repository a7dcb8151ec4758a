/* What a text costs: encoding, segments, smart encoding. */

CREATE FUNCTION smsfollow.segments(
	body text,
	OUT encoding text,
	OUT units int,
	OUT segments int,
	OUT cuts int[],
	OUT forcing jsonb)
RETURNS record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_segments';

COMMENT ON FUNCTION smsfollow.segments(text) IS
'How a body is sent. encoding: GSM-7 (GSM 03.38 with its extension table) or UCS-2; units: septets, an extension character counting 2, or UTF-16 code units; segments: parts billed, 1 up to 160 or 70 units, else packed by 153 or 67 without splitting a character, 0 for an empty body; cuts: positions (characters, from 1, as in substr) where segment 2, 3, ... start, empty if there are none; forcing: the first 20 characters that are not GSM as [{char, position, codepoint}], [] for GSM-7. Error 22P05 or 22021 when the body cannot be converted to UTF-8.';

CREATE FUNCTION smsfollow.smart_encode(body text, mode text DEFAULT 'always')
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_smart_encode';

COMMENT ON FUNCTION smsfollow.smart_encode(text, text) IS
'The body with characters outside GSM 03.38 replaced by look-alikes inside it, after Unicode normalisation (NFC): curly quotes, dashes, bullets, fractions, the ellipsis, full-width forms; any wide space, and a tab, becomes one space, what has no width vanishes. A body that is GSM-7 comes back as it is. mode: off (no change), always, only_if_gsm (change only if the result is GSM-7 and takes fewer segments). Error 22023 for another mode.';

CREATE FUNCTION smsfollow.has_phrase(body text, phrase text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_has_phrase';

COMMENT ON FUNCTION smsfollow.has_phrase(text, text) IS
'Whether a body says a phrase as a reader sees it: whole words, any case, any white space, look-alikes and characters without width as by smart_encode. False for a phrase of white space.';

CREATE FUNCTION smsfollow.has_opt_out(body text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_has_opt_out';

COMMENT ON FUNCTION smsfollow.has_opt_out(text) IS
'Whether a body tells how to get no more texts: unsubscribe, opt out and their like; STOP and its like after a word that asks for a reply, or in capitals with what it does behind it (STOP to end, STOP=end, STOP 36111) or at the very end; other opt-out words (END, CANCEL) after a word that asks for a reply. STOP BY, NON-STOP and STOP paying do not count. Words of CTIA and the carriers, and of some 20 languages; when in doubt, false: the line is then added.';

CREATE FUNCTION smsfollow.locale(locale text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text[];
BEGIN
	part := regexp_match(locale, '^([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:[-_]([A-Za-z0-9]{5,8}))?$');
	IF part IS NULL AND locale IS NOT NULL THEN
		RAISE EXCEPTION 'locale "%" is not a language tag', left(locale, 40)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use language, script and country as in BCP 47: en, en-US, zh-Hant-TW.';
	END IF;
	RETURN CASE WHEN part IS NOT NULL THEN concat_ws('-', lower(part[1]), initcap(part[2]), upper(part[3]), lower(part[4])) END;
END
$$;

COMMENT ON FUNCTION smsfollow.locale(text) IS
'A language tag (BCP 47: language, script, country, variant) in its usual form: en_us becomes en-US. Error 22023 for anything else.';
