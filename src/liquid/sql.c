/*-------------------------------------------------------------------------
 *
 * sql.c
 *		smsfollow.render(): templates from SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "liquid/cache.h"
#include "phone/library.h"
#include "settings.h"
#include "template/saved.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(smsfollow_render);

/* A partial of those that the caller gave: a jsonb object of texts. */
static const sf_template *
given_partial(void *partials, const char *name, sf_liquid_error *error)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&((Jsonb *) partials)->root, name, strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return sf_cached_template(v.val.string.val, v.val.string.len, error);
}

/* The saved templates that a call of the function has looked up. */
typedef struct saved_partials
{
	sf_saved	saved;
	SnapshotData seen;			/* what they were looked up under */
} saved_partials;

/*
 * True when two snapshots show the same: transactions only ever leave the set
 * of those that run below xmax, so that as many are the same ones.
 */
static bool
same_view(const SnapshotData *a, const SnapshotData *b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		a->subxcnt == b->subxcnt && a->curcid == b->curcid;
}

/*
 * A saved template, looked up once for all the rows of a query: what was found
 * counts as long as the snapshot shows the same.
 */
static const sf_template *
saved_partial(void *function, const char *name, sf_liquid_error *error)
{
	FmgrInfo   *flinfo = function;
	saved_partials *partials = flinfo->fn_extra;
	Snapshot	snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : NULL;

	if (partials == NULL)
	{
		partials = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(saved_partials));
		partials->saved.context = AllocSetContextCreate(flinfo->fn_mcxt, "smsfollow partials", ALLOCSET_SMALL_SIZES);
		flinfo->fn_extra = partials;
	}
	if (partials->saved.bodies != NIL && (snapshot == NULL || !same_view(&partials->seen, snapshot)))
	{
		partials->saved.bodies = NIL;
		MemoryContextReset(partials->saved.context);
	}
	if (partials->saved.bodies == NIL && snapshot != NULL)
		partials->seen = *snapshot;
	return sf_saved_partial(&partials->saved, name, error);
}

/* Raises what went wrong. */
static void
raise(const sf_liquid_error *error)
{
	bool		missing = error->path[0] != '\0';

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("template cannot be rendered: %s", error->message),
			 error->line > 0 ? errdetail("Line %d, column %d.", error->line, error->column) : 0,
			 missing ? errhint("Give the variable a value, or the template a fallback: {{ %s | default: '...' }}.",
							   error->path) :
			 errhint("Correct the template, or the variable that it uses there.")));
}

/* Reads the argument missing. */
static sf_liquid_missing
missing_policy(const text *t)
{
	char	   *s = text_to_cstring(t);

	if (strcmp(s, "empty") == 0)
		return SF_MISSING_EMPTY;
	if (strcmp(s, "error") == 0)
		return SF_MISSING_ERROR;
	if (strcmp(s, "skip") == 0)
		return SF_MISSING_SKIP;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" does not say what to do about missing variables", s),
			 errhint("Use empty, error or skip.")));
	return SF_MISSING_EMPTY;	/* keep compiler quiet */
}

/* render(template text, vars jsonb, partials jsonb, missing text) returns text */
Datum
smsfollow_render(PG_FUNCTION_ARGS)
{
	sf_liquid_options options = {0};
	sf_liquid_error error = {0};
	sf_liquid_result result;
	const sf_template *t;
	text	   *template;
	Jsonb	   *vars = NULL;
	StringInfoData out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	template = PG_GETARG_TEXT_PP(0);
	if (!PG_ARGISNULL(1))
		vars = PG_GETARG_JSONB_P(1);
	if (vars != NULL && !JB_ROOT_IS_OBJECT(vars))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the variables of a template must be a JSON object"),
				 errhint("Give {} for none.")));
	if (!PG_ARGISNULL(2))
	{
		Jsonb	   *partials = PG_GETARG_JSONB_P(2);

		if (!JB_ROOT_IS_OBJECT(partials))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the partials of a template must be a JSON object of texts"),
					 errhint("Give {\"name\": \"text\", ...}, or NULL for the saved templates.")));
		options.partial = given_partial;
		options.partial_arg = partials;
	}
	else
	{
		options.partial = saved_partial;
		options.partial_arg = fcinfo->flinfo;
	}
	options.missing = PG_ARGISNULL(3) ? SF_MISSING_EMPTY : missing_policy(PG_GETARG_TEXT_PP(3));
	if (sf_default_region != NULL && sf_default_region[0] != '\0')
		options.region = sf_default_region;
	options.phone = sf_phone_written;
	options.now = sf_clock();

	t = sf_cached_template(VARDATA_ANY(template), VARSIZE_ANY_EXHDR(template), &error);
	if (t == NULL)
		raise(&error);
	initStringInfo(&out);
	result = sf_cached_render(t, vars, &options, &out, &error);
	if (result == SF_LIQUID_SKIP)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("text skipped: %s", error.message),
				 errdetail("Line %d, column %d.", error.line, error.column)));
	if (result == SF_LIQUID_ERROR)
		raise(&error);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
