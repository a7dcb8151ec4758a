/* Phone numbers: reading, judging and masking them. */

CREATE FUNCTION smsfollow.phone(input text, region text DEFAULT NULL)
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_phone';

COMMENT ON FUNCTION smsfollow.phone(text, text) IS
'The number in E.164 form: +, country code, digits, 7 to 15 digits in all. Input that starts with + and has only digits, blanks, dots, hyphens and parentheses is taken by its form alone; any other form, and a zero after the country code where it is not part of the number, is read by libphonenumber and must be valid there. region: two-letter country whose national form is meant; NULL or empty: smsfollow.default_region. Error 22023 when it is no number or has an extension, 0A000 when libphonenumber is needed and not installed. NULL for NULL.';

CREATE FUNCTION smsfollow.phone_info(
	input text,
	region text DEFAULT NULL,
	OUT e164 text,
	OUT region text,
	OUT type text,
	OUT time_zones text[],
	OUT extension text,
	OUT reason text)
RETURNS record
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_phone_info';

COMMENT ON FUNCTION smsfollow.phone_info(text, text) IS
'What libphonenumber knows about a number. e164: NULL unless the number is valid; region: its two-letter country, 001 for numbers of no country; type: MOBILE, FIXED_LINE, FIXED_LINE_OR_MOBILE, TOLL_FREE, PREMIUM_RATE, SHARED_COST, VOIP, PERSONAL_NUMBER, PAGER, UAN, VOICEMAIL or UNKNOWN, or INVALID (read, but no such number exists) or UNPARSEABLE; time_zones: zones the number may be in by its first digits (all of a country for mobile numbers that are not tied to a place), NULL for numbers of no country; extension: digits dialled after the connection; reason: why it is not valid, or what could not be checked. Never an error for a bad number; error 22023 for a region that is not two letters, 0A000 when libphonenumber is needed and not installed. NULL for NULL.';

CREATE FUNCTION smsfollow.mask_phone(phone text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_mask_phone';

COMMENT ON FUNCTION smsfollow.mask_phone(text) IS
'The number with all but up to four leading and the last two digits replaced by *, at least four digits hidden; *** for what is not E.164.';

CREATE FUNCTION smsfollow.number_type(phone text)
RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_number_type';
COMMENT ON FUNCTION smsfollow.number_type(text) IS
'Internal: type of an E.164 number as phone_info() has it; NULL when it is not valid or libphonenumber is not installed';

CREATE FUNCTION smsfollow.place_zones(region text, subdivision text DEFAULT NULL)
RETURNS text[]
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_place_zones';
COMMENT ON FUNCTION smsfollow.place_zones(text, text) IS
'Time zones of a country (ISO 3166), or of a state or province of the US or Canada (second part of ISO 3166-2); NULL when it is not known';

CREATE FUNCTION smsfollow.are_e164(phones text[])
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_are_e164';

COMMENT ON FUNCTION smsfollow.are_e164(text[]) IS
'Internal: true when every element is in E.164 form already; a null is not.';
