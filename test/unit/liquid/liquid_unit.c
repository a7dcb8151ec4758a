/*-------------------------------------------------------------------------
 *
 * liquid_unit.c
 *		Calls src/liquid from SQL with options of choice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "partials.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(liquid_unit);
PG_FUNCTION_INFO_V1(liquid_unit_bench);

/* A text option, NULL when it is not there. */
static char *
option(Jsonb *options, const char *name)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&options->root, name, strlen(name), &v) == NULL || v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* Reads options: missing, zone, locale, region, now, max_output, max_steps; all texts. */
static void
read_options(Jsonb *json, sf_liquid_options *options)
{
	char	   *missing = option(json, "missing");
	char	   *zone = option(json, "zone");
	char	   *now = option(json, "now");
	char	   *max_output = option(json, "max_output");
	char	   *max_steps = option(json, "max_steps");

	memset(options, 0, sizeof(*options));
	if (missing != NULL)
		options->missing = strcmp(missing, "skip") == 0 ? SF_MISSING_SKIP :
			strcmp(missing, "error") == 0 ? SF_MISSING_ERROR : SF_MISSING_EMPTY;
	options->zone = zone != NULL ? pg_tzset(zone) : NULL;
	options->locale = option(json, "locale");
	options->region = option(json, "region");
	options->now = now != NULL ?
		DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(now), ObjectIdGetDatum(InvalidOid),
												Int32GetDatum(-1))) : GetCurrentTimestamp();
	options->max_output = max_output != NULL ? atoi(max_output) : 0;
	options->max_steps = max_steps != NULL ? atoi(max_steps) : 0;
}

/*
 * liquid_unit(template text, vars jsonb, options jsonb, OUT result text, OUT
 * body text, OUT message text, OUT line int, OUT column int, OUT path text)
 * returns record.  Renders twice behind other output: the second time must
 * give the same, and nothing may be left in the context of the template.
 */
Datum
liquid_unit(PG_FUNCTION_ARGS)
{
	static const char *const results[] = {"ok", "error", "skip"};
	text	   *source = PG_GETARG_TEXT_P_COPY(0);
	Jsonb	   *vars = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	MemoryContext parsed = AllocSetContextCreate(CurrentMemoryContext, "parsed", ALLOCSET_SMALL_SIZES);
	sf_liquid_options options;
	sf_liquid_error error;
	sf_liquid_result result = SF_LIQUID_ERROR;
	sf_template *t;
	StringInfoData out;
	StringInfoData again;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	read_options(PG_GETARG_JSONB_P(2), &options);
	options.partial = vars != NULL ? find_partial : NULL;
	options.partial_arg = vars;
	initStringInfo(&out);
	initStringInfo(&again);
	appendStringInfoString(&out, ">");
	appendStringInfoString(&again, ">");
	t = sf_liquid_parse(parsed, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source), &error);
	if (t != NULL)
	{
		Size		size = MemoryContextMemAllocated(parsed, true);

		/* the template must not need the source any more */
		memset(VARDATA_ANY(source), 'x', VARSIZE_ANY_EXHDR(source));
		result = sf_liquid_render(t, vars, &options, &out, &error);
		if (sf_liquid_render(t, vars, &options, &again, &error) != result || strcmp(out.data, again.data) != 0)
			elog(ERROR, "the second render differs");
		if (MemoryContextMemAllocated(parsed, true) != size)
			elog(ERROR, "the render left memory with the template");
	}
	values[0] = CStringGetTextDatum(results[result]);
	values[1] = CStringGetTextDatum(out.data);
	values[2] = CStringGetTextDatum(result == SF_LIQUID_OK ? "" : error.message);
	values[3] = Int32GetDatum(result == SF_LIQUID_OK ? 0 : error.line);
	values[4] = Int32GetDatum(result == SF_LIQUID_OK ? 0 : error.column);
	values[5] = CStringGetTextDatum(result == SF_LIQUID_OK ? "" : error.path);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* liquid_unit_bench(template text, vars jsonb, times int) returns float8: us per render */
Datum
liquid_unit_bench(PG_FUNCTION_ARGS)
{
	text	   *source = PG_GETARG_TEXT_PP(0);
	Jsonb	   *vars = PG_GETARG_JSONB_P(1);
	int			times = PG_GETARG_INT32(2);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "each", ALLOCSET_DEFAULT_SIZES);
	sf_liquid_options options = {0};
	sf_liquid_error error;
	sf_template *t = sf_liquid_parse(CurrentMemoryContext, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source), &error);
	StringInfoData out;
	instr_time	start;
	instr_time	end;
	int			i;

	if (t == NULL)
		elog(ERROR, "%s", error.message);
	options.now = GetCurrentTimestamp();
	initStringInfo(&out);
	INSTR_TIME_SET_CURRENT(start);
	for (i = 0; i < times; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(each);

		resetStringInfo(&out);
		if (sf_liquid_render(t, vars, &options, &out, &error) != SF_LIQUID_OK)
			elog(ERROR, "%s", error.message);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e6 / times);
}
