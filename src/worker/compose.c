/*-------------------------------------------------------------------------
 *
 * compose.c
 *		The body of a text that the gate allows.
 *
 * In this order: template, media, brand and opt-out line, short links, smart encoding,
 * length.
 * Runs inside the claim, once a text, so it asks no table beyond what is
 * cached; a partial is looked up once in a wave.  A text whose body cannot be
 * made is suppressed with the reason; it never makes the wave fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "liquid/cache.h"
#include "phone/library.h"
#include "policy/wording.h"
#include "settings.h"
#include "template/version.h"
#include "text/link.h"
#include "text/text_pg.h"
#include "worker/claim.h"

/* Suppresses a text. */
static void
refuse(sf_text *text, const char *code, const char *rule, const char *detail)
{
	text->fate = SF_FATE_SUPPRESS;
	text->code = code;
	text->rule = rule;
	text->detail = detail;
}

/* Does a template name the coupon, or another template that may? */
static bool
may_show_coupon(const char *source)
{
	return strstr(source, "coupon") != NULL || strstr(source, "include") != NULL || strstr(source, "render") != NULL;
}

/*
 * Renders the body of a text that may go, with dates and amounts as its contact
 * writes them in the language of the wording; a template that fails suppresses this text and no other.
 */
static void
render(sf_text *text, const sf_draft *draft)
{
	sf_liquid_options options = {0};
	sf_liquid_error error = {0};
	StringInfoData out;
	const sf_template *template;
	const char *locale;
	Jsonb	   *vars = draft->vars;
	MemoryContext each;
	MemoryContext caller;
	sf_liquid_result result = SF_LIQUID_ERROR;

	if (!draft->has_template)
	{
		if (draft->literal != NULL)
		{
			char	   *body = pstrdup(draft->literal);

			body[sf_text_safe(body, strlen(body))] = '\0';
			text->body = body;
		}
		return;
	}
	template = sf_version_template(draft->template_version_id, draft->locale, &options.missing, &locale, &error);
	/* the versions that are kept may all go before the wave ends */
	text->locale = locale != NULL ? pstrdup(locale) : NULL;
	if (template != NULL && draft->offer_id != 0 && may_show_coupon(sf_liquid_source(template)))
	{
		vars = sf_coupon_vars(text, draft);
		if (vars == NULL)
			return;
	}
	if (template != NULL)
	{
		initStringInfo(&out);
		options.now = sf_clock();
		options.zone = draft->zone ? pg_tzset(draft->zone) : NULL;
		options.locale = draft->saved->locale = sf_locale_written(text->locale, draft->locale);
		options.region = draft->region;
		options.phone = sf_phone_written;
		options.partial = sf_saved_partial;
		options.partial_arg = draft->saved;
		/* what a render leaves behind may be large, and a wave renders many */
		each = AllocSetContextCreate(CurrentMemoryContext, "smsfollow render", ALLOCSET_DEFAULT_SIZES);
		caller = MemoryContextSwitchTo(each);
		result = sf_cached_render(template, vars, &options, &out, &error);
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(each);
		text->body = out.data;
	}
	if (result == SF_LIQUID_OK)
		return;
	if (error.path[0] != '\0')
		refuse(text, "missing_data", pstrdup(error.path), NULL);
	else if (result == SF_LIQUID_SKIP)
		refuse(text, "template_skip", pstrdup(error.message), NULL);
	else
		refuse(text, "template_error", psprintf("line %d, column %d", error.line, error.column),
			   pstrdup(error.message));
}

/* Does a text say a phrase?  Folds the text when it is first needed. */
static bool
says(const char *body, sf_phrase *folded, const sf_phrase *phrase)
{
	if (folded->shown != body)
	{
		folded->folded = sf_text_fold(body, strlen(body), &folded->len);
		folded->shown = body;
	}
	return sf_text_has_phrase(folded->folded, folded->len, phrase->folded, phrase->len);
}

/* The line that tells how to opt out, in the language of the text; NULL: none is set. */
static const sf_line *
choose_line(const sf_wording *w, const char *locale)
{
	char	   *tag = pstrdup(locale ? locale : "default");

	for (;;)
	{
		for (int i = 0; i < w->nlines; i++)
			if (sf_locale_equal(w->lines[i].locale, tag))
				return &w->lines[i];
		if (strcmp(tag, "default") == 0)
			return NULL;
		if (!sf_locale_cut(tag))
			tag = "default";
	}
}

/*
 * Brand and opt-out line.  Each part is added only where the text lacks it.
 */
static void
add_wording(sf_text *text, const sf_draft *draft, const sf_wording *w)
{
	sf_phrase	folded = {0};
	StringInfoData out;
	const sf_line *line;
	bool		prefix;
	bool		sign_off;
	bool		due;
	bool		tells = false;

	prefix = w->prefix.shown != NULL && !(says(text->body, &folded, &w->prefix) &&
										  strncmp(folded.folded, w->prefix.folded, w->prefix.len) == 0);
	sign_off = w->sign_off.shown != NULL && !says(text->body, &folded, &w->sign_off);
	due = !draft->compliance && w->line_when != SF_LINE_NEVER &&
		(w->line_when == SF_LINE_ALWAYS ||
		 (draft->told_at == 0 ||
		  (w->line_when == SF_LINE_DAYS && draft->told_at + w->line_days * USECS_PER_DAY <= sf_clock())));
	line = due ? choose_line(w, text->locale ? text->locale : draft->locale) : NULL;
	if (w->line_when != SF_LINE_NEVER)
		tells = sf_text_has_opt_out(text->body, strlen(text->body)) ||
			(line != NULL && says(text->body, &folded, &line->text));
	if (prefix || sign_off || (line != NULL && !tells))
	{
		initStringInfo(&out);
		if (prefix)
			appendStringInfo(&out, "%s ", w->prefix.shown);
		appendStringInfoString(&out, text->body);
		if (sign_off || line != NULL)
			while (out.len > 0 && (out.data[out.len - 1] == ' ' || out.data[out.len - 1] == '\n'))
				out.data[--out.len] = '\0';
		if (sign_off)
			appendStringInfo(&out, " %s", w->sign_off.shown);
		if (line != NULL && !tells)
		{
			appendStringInfo(&out, "\n%s", line->text.shown);
			tells = true;
		}
		text->body = out.data;
	}
	/* where it is not told each time, the settling remembers when it was */
	text->told = tells && w->line_when != SF_LINE_ALWAYS;
}

/*
 * Does the text keep to the brand profile?
 */
static void
check_brand(sf_text *text, const sf_wording *w)
{
	sf_phrase	folded = {0};

	for (int i = 0; i < w->nbanned; i++)
		if (says(text->body, &folded, &w->banned[i]))
		{
			refuse(text, "brand", psprintf("banned phrase \"%s\"", w->banned[i].shown), NULL);
			return;
		}
	for (int i = 0; i < w->nrequired; i++)
		if (!says(text->body, &folded, &w->required[i]))
		{
			refuse(text, "brand", psprintf("required phrase \"%s\" is missing", w->required[i].shown), NULL);
			return;
		}
}

/*
 * Which character makes the text longer than it need be; NULL: none does.
 */
static const char *
name_character(const char *body)
{
	size_t		len = strlen(body);
	sf_forcing	first;
	sf_segments plain;
	size_t		plain_len;
	char	   *gsm;

	if (sf_forcing_chars(body, len, &first, 1) == 0)
		return NULL;
	gsm = sf_text_smart(unconstify(char *, body), len, SF_SMART_ALWAYS, &plain_len);
	sf_count_segments(gsm, plain_len, &plain);
	if (plain.encoding == SF_GSM7)
		return psprintf("character %d, U+%04X, forces UCS-2; segments with smart encoding: %d",
						first.position, first.codepoint, plain.segments);
	(void) sf_forcing_chars(gsm, plain_len, &first, 1);
	return psprintf("character %d, U+%04X, forces UCS-2 and has no look-alike in GSM-7",
					first.position, first.codepoint);
}

/*
 * Smart encoding by the program's mode.  A link stays as it is to the byte:
 * with another letter it would lead elsewhere.
 */
static void
smart_encode(sf_text *text, sf_smart_mode mode)
{
	size_t		len = strlen(text->body);
	sf_link    *links;
	sf_segments counted;
	StringInfoData out;
	size_t		at = 0;
	int			n;

	if (mode == SF_SMART_OFF)
		return;
	sf_count_segments(text->body, len, &counted);
	if (counted.encoding == SF_GSM7)
		return;
	links = palloc(sizeof(sf_link) * SF_MAX_LINKS);
	n = sf_find_links(text->body, len, links, SF_MAX_LINKS);
	initStringInfo(&out);
	for (int i = 0; i <= n; i++)
	{
		size_t		end = i < n ? links[i].offset : len;
		size_t		encoded_len;
		char	   *encoded = sf_text_smart(pnstrdup(text->body + at, end - at), end - at, SF_SMART_ALWAYS, &encoded_len);

		appendBinaryStringInfo(&out, encoded, encoded_len);
		if (i < n)
			appendBinaryStringInfo(&out, text->body + end, links[i].len);
		at = i < n ? end + links[i].len : len;
	}
	if (mode == SF_SMART_ALWAYS || sf_smart_pays(&counted, out.data, out.len))
		text->body = out.data;
}

/*
 * The body of a text that the gate allows, ready to be handed over.
 */
void
sf_compose(sf_text *text, const sf_draft *draft)
{
	const sf_wording *w = sf_wording_find(text->program_id);
	int			most = w != NULL && !draft->compliance ? w->max_segments : SF_MAX_SEGMENTS;

	draft->saved->approved = w != NULL && w->requires_approval;
	render(text, draft);
	if (text->fate != SF_FATE_SEND)
		return;
	if (text->body == NULL || text->body[0] == '\0')
	{
		refuse(text, "template_error", "empty text", NULL);
		return;
	}
	if (draft->media != NULL)
		sf_attach_media(text, draft);
	if (w != NULL)
	{
		add_wording(text, draft, w);
		/* what answers STOP or HELP goes whatever the brand thinks of its words */
		if (!draft->compliance)
			check_brand(text, w);
	}
	if (text->fate == SF_FATE_SEND)
		sf_shorten_links(text);
	if (text->fate != SF_FATE_SEND)
		return;
	if (w != NULL)
		smart_encode(text, w->smart);
	sf_count_segments(text->body, strlen(text->body), &text->segments);
	/* an MMS is one message whatever its characters, but not a book */
	if (text->nmedia > 0 && text->segments.segments <= SF_MAX_SEGMENTS)
	{
		text->segments.encoding = SF_MMS;
		text->segments.segments = 1;
	}
	if (text->segments.segments > most)
		refuse(text, "too_many_segments",
			   psprintf("%d segments, at most %d allowed", text->segments.segments, most),
			   text->segments.encoding == SF_UCS2 ? name_character(text->body) : NULL);
}
