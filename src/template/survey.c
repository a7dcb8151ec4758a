/*-------------------------------------------------------------------------
 *
 * survey.c
 *		What stands in a template, for SQL: the variables it reads, and its
 *		literal text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "liquid/liquid.h"
#include "compat.h"
#include "text/utf8.h"

PG_FUNCTION_INFO_V1(smsfollow_template_names);
PG_FUNCTION_INFO_V1(smsfollow_literal_text);

/*
 * Parses a body; an error with its place when it is no template.
 */
static const char *
look_over(text *body, sf_liquid_survey *survey)
{
	sf_liquid_error error = {0};
	sf_template *t;

	memset(survey, 0, sizeof(*survey));
	t = sf_liquid_look_over(CurrentMemoryContext, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), survey, &error);
	if (t == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 error.line > 0
				 ? errmsg("template has an error at line %d, column %d: %s", error.line, error.column, error.message)
				 : errmsg("template has an error: %s", error.message),
				 errhint("Correct it there; render() shows what a template becomes.")));
	return sf_liquid_source(t);
}

/* Characters in the first so many bytes. */
static int
chars_before(const char *s, int bytes)
{
	int			n = 0;

	for (int i = 0; i < bytes; i++)
		n += !sf_utf8_follows((unsigned char) s[i]);
	return n;
}

/*
 * Has the template given the name a value before it reads it there?
 */
static bool
is_bound(const sf_liquid_survey *survey, const char *source, const sf_liquid_name *read)
{
	for (int i = 0; i < survey->nnames; i++)
	{
		const sf_liquid_name *n = &survey->names[i];

		if (n->binds && n->from <= read->offset && n->len == read->len &&
			memcmp(source + n->offset, source + read->offset, n->len) == 0)
			return true;
	}
	return false;
}

/*
 * Names that are no variables of the text: of the language, or the contact.
 */
static bool
is_given(const char *name, int len)
{
	static const char *const given[] = {"contact", "forloop", "tablerowloop", "continue"};

	for (int i = 0; i < lengthof(given); i++)
		if (strlen(given[i]) == len && memcmp(given[i], name, len) == 0)
			return true;
	return false;
}

/* template_names(body): each name that must come from outside, where it is first read. */
Datum
smsfollow_template_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	sf_liquid_survey survey;
	const char *source = look_over(PG_GETARG_TEXT_PP(0), &survey);
	int			shown = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < survey.nnames && shown < 1000; i++)
	{
		const sf_liquid_name *n = &survey.names[i];
		const char *name = source + n->offset;
		bool		before = false;
		Datum		values[2];
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		if (n->binds || is_given(name, n->len) || is_bound(&survey, source, n))
			continue;
		for (int k = 0; k < i && !before; k++)
			before = !survey.names[k].binds && survey.names[k].len == n->len &&
				memcmp(source + survey.names[k].offset, name, n->len) == 0;
		if (before)
			continue;
		values[0] = PointerGetDatum(cstring_to_text_with_len(name, n->len));
		values[1] = Int32GetDatum(chars_before(source, n->offset) + 1);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		shown++;
	}
	return (Datum) 0;
}

/*
 * literal_text(body): the body with a space for each character that is not
 * literal text, so that places in it are places in the template.
 */
Datum
smsfollow_literal_text(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	sf_liquid_survey survey;
	const char *source = look_over(body, &survey);
	int			len = VARSIZE_ANY_EXHDR(body);
	char	   *out = palloc(len + 1);
	int			n = 0;
	int			span = 0;

	for (int i = 0; i < len; i++)
	{
		while (span < survey.nspans && i >= survey.spans[span].offset + survey.spans[span].len)
			span++;
		if (span < survey.nspans && i >= survey.spans[span].offset)
			out[n++] = source[i];
		else if (!sf_utf8_follows((unsigned char) source[i]))
			out[n++] = ' ';
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out, n));
}
