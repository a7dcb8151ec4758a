/*-------------------------------------------------------------------------
 *
 * compose.c
 *		The body of a text that the gate allows.
 *
 * Runs inside the claim, once a text, so it asks no table beyond what is
 * cached; a partial is looked up once in a wave.  A text whose body cannot be made is suppressed with the reason; it
 * never makes the wave fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "liquid/cache.h"
#include "settings.h"
#include "worker/claim.h"

/*
 * Renders the body of a text that may go, with dates and amounts as its contact
 * writes them; a template that fails suppresses this text and no other.
 */
void
sf_compose(sf_text *text, const sf_draft *draft)
{
	sf_liquid_options options = {0};
	sf_liquid_error error = {0};
	StringInfoData out;
	const sf_template *template;
	sf_liquid_result result;

	if (!draft->has_template)
		text->body = draft->literal;
	else
	{
		template = sf_config_template(draft->template_version_id, &options.missing, &error);
		if (template == NULL)
			result = SF_LIQUID_ERROR;
		else
		{
			initStringInfo(&out);
			options.now = sf_clock();
			options.zone = draft->zone ? pg_tzset(draft->zone) : NULL;
			options.locale = draft->locale;
			options.region = draft->region;
			draft->saved->locale = draft->locale;
			options.partial = sf_saved_partial;
			options.partial_arg = draft->saved;
			result = sf_cached_render(template, draft->vars, &options, &out, &error);
			text->body = out.data;
		}
		if (result != SF_LIQUID_OK)
		{
			text->fate = SF_FATE_SUPPRESS;
			if (error.path[0] != '\0')
			{
				text->code = "missing_data";
				text->rule = pstrdup(error.path);
			}
			else if (result == SF_LIQUID_SKIP)
			{
				text->code = "template_skip";
				text->rule = pstrdup(error.message);
			}
			else
			{
				text->code = "template_error";
				text->rule = psprintf("line %d, column %d", error.line, error.column);
				text->detail = pstrdup(error.message);
			}
			return;
		}
	}
	if (text->body == NULL || text->body[0] == '\0')
	{
		text->fate = SF_FATE_SUPPRESS;
		text->code = "template_error";
		text->rule = "empty text";
		return;
	}
	sf_count_segments(text->body, strlen(text->body), &text->segments);
	if (text->segments.segments > SF_MAX_SEGMENTS)
	{
		text->fate = SF_FATE_SUPPRESS;
		text->code = "too_many_segments";
		text->rule = psprintf("%d segments", text->segments.segments);
	}
}
