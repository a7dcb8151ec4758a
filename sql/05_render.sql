/* Templates: Liquid over jsonb. */

CREATE FUNCTION smsfollow.render(
	template text,
	vars jsonb DEFAULT '{}',
	partials jsonb DEFAULT NULL,
	missing text DEFAULT 'empty')
RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_render';

COMMENT ON FUNCTION smsfollow.render(text, jsonb, jsonb, text) IS
'The text of a Liquid template. template: at most 64 kB; vars: an object, NULL for none; partials: an object of templates by name for include and render, NULL for the saved templates (their newest wording); missing: what a variable without value is where the text needs it and no default follows: empty (nothing), error, or skip (no text). Dates are in the time zone of the session, phone numbers as people of smsfollow.default_region write them; the text has at most 64 kB, the work at most 100,000 steps. Error 22023 for a template that is not valid or fails, with line and column; P0002 when the template skips the text. NULL for a NULL template.';
