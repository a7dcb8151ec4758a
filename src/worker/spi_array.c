/*-------------------------------------------------------------------------
 *
 * spi_array.c
 *		Prepared statements over arrays: how a wave of texts crosses SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "worker/spi_array.h"

/*
 * Starts an array that takes up to capacity elements.
 */
void
sf_array_init(sf_array *array, int capacity)
{
	array->values = palloc(sizeof(Datum) * Max(capacity, 1));
	array->nulls = palloc(sizeof(bool) * Max(capacity, 1));
	array->n = 0;
}

/*
 * Appends a value.
 */
void
sf_array_add(sf_array *array, Datum value)
{
	array->values[array->n] = value;
	array->nulls[array->n++] = false;
}

/*
 * Appends a null.
 */
void
sf_array_add_null(sf_array *array)
{
	array->values[array->n] = (Datum) 0;
	array->nulls[array->n++] = true;
}

/*
 * Appends a text, or a null for NULL.
 */
void
sf_array_add_text(sf_array *array, const char *value)
{
	if (value == NULL)
		sf_array_add_null(array);
	else
		sf_array_add(array, CStringGetTextDatum(value));
}

/*
 * The array as a Datum of type[].
 */
Datum
sf_array_datum(const sf_array *array, Oid type)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			dims[1];
	int			lbs[1] = {1};

	if (array->n == 0)
		return PointerGetDatum(construct_empty_array(type));
	dims[0] = array->n;
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(array->values, array->nulls, 1, dims, lbs,
											  type, typlen, typbyval, typalign));
}

/*
 * The queue's tables are empty at one moment and full at the next, and the
 * statistics know neither; so a wave's statements get the plan that is never
 * bad, nested loops over indexes, whatever the statistics say.  That an index
 * is entered by its key the statements say themselves, by LATERAL with OFFSET 0.
 * The cost of such a plan is no cost (a table that may not be scanned and has
 * no index costs 1e10), so nothing is compiled because of it.
 */
void
sf_pin_plans(GucAction action)
{
	static const char *const pins[][2] = {
		{"plan_cache_mode", "force_generic_plan"},
		{"enable_seqscan", "off"},
		{"enable_hashjoin", "off"},
		{"enable_mergejoin", "off"},
		{"enable_bitmapscan", "off"},
		{"enable_material", "off"},
		{"join_collapse_limit", "1"},
		{"jit", "off"},
	};

	for (int i = 0; i < lengthof(pins); i++)
		(void) set_config_option(pins[i][0], pins[i][1], PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
}

/*
 * Prepares a statement once and keeps it for the life of the process.  SPI
 * leaves its own memory context current; here the caller's stays.
 */
SPIPlanPtr
sf_plan(SPIPlanPtr *plan, const char *sql, int nargs, const Oid *types)
{
	if (*plan == NULL)
	{
		MemoryContext caller = CurrentMemoryContext;
		SPIPlanPtr	prepared = SPI_prepare(sql, nargs, (Oid *) types);

		if (prepared == NULL)
			elog(ERROR, "could not prepare statement: %s", SPI_result_code_string(SPI_result));
		if (SPI_keepplan(prepared) != 0)
			elog(ERROR, "could not keep statement");
		MemoryContextSwitchTo(caller);
		*plan = prepared;
	}
	return *plan;
}

/*
 * Executes a plan and insists on the kind of result.  The caller's memory
 * context stays current, as in sf_plan.
 */
void
sf_execute(SPIPlanPtr plan, Datum *values, const char *nulls, int expected)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result = SPI_execute_plan(plan, values, nulls, false, 0);

	MemoryContextSwitchTo(caller);
	if (result != expected)
		elog(ERROR, "unexpected result of a statement: %s", SPI_result_code_string(result));
}
