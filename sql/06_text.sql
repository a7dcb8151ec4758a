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
