/*-------------------------------------------------------------------------
 *
 * spent.c
 *		What has been spent, for the budgets that a wave draws on.
 *
 * The budgets are locked first and the sums read by a later statement, whose
 * snapshot then has all that claims before have taken.  A budget that somebody
 * else holds is not waited for: its texts are offered again soon.  What a
 * budget allows is read with the lock, too: whoever changed it since the rules
 * were read has looked for waiting texts already.  A wave that draws on no
 * budget costs nothing here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "policy/budget.h"
#include "policy/cap.h"
#include "policy/rows.h"

/* More than this is more than any budget: so much of a sum is enough to know. */
#define SF_MOST_SPENT "2000000000"

PG_FUNCTION_INFO_V1(smsfollow_period_bounds);

/*
 * The period of a budget that contains t.
 */
static void
bounds(const char *period, const char *time_zone, TimestampTz t, TimestampTz *starts, TimestampTz *ends)
{
	pg_tz	   *zone = pg_tzset(time_zone);
	sf_period	kind = strcmp(period, "day") == 0 ? SF_DAY : strcmp(period, "week") == 0 ? SF_WEEK
		: strcmp(period, "month") == 0 ? SF_MONTH : SF_ROLLING;

	*starts = DT_NOBEGIN;
	*ends = DT_NOEND;
	if (kind != SF_ROLLING)
		/* a zone that the server no longer knows: days of Greenwich are still days */
		sf_period_bounds(kind, zone ? zone : pg_tzset("UTC"), t, starts, ends);
}

void
sf_budgets_open(const sf_facts *facts, int n, bool lock)
{
	static SPIPlanPtr plan_lock;
	static SPIPlanPtr plan_spent;
	static const Oid lock_types[] = {INT4ARRAYOID};
	static const Oid spent_types[] = {INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID};
	sf_budget **used;
	List	   *budgets = NIL;
	int			nused;
	sf_array	a[5];
	Datum		values[5];
	int			rows;

	for (int i = 0; i < n; i++)
	{
		sf_budget  *budget;
		int			at = 0;

		while ((budget = sf_next_budget(&facts[i], &at)) != NULL)
			budgets = list_append_unique_ptr(budgets, budget);
	}
	nused = list_length(budgets);
	if (nused == 0)
		return;
	used = palloc(sizeof(sf_budget *) * nused);
	for (int i = 0; i < nused; i++)
		used[i] = list_nth(budgets, i);
	for (int i = 0; i < 5; i++)
		sf_array_init(&a[i], nused);
	for (int i = 0; i < nused; i++)
	{
		used[i]->locked = !lock;
		sf_array_add(&a[0], Int32GetDatum(used[i]->budget_id));
	}
	if (lock)
	{
		sf_plan(&plan_lock, "SELECT b.budget_id, (b.amount * 1000000)::bigint, b.on_exceed = 'skip' FROM smsfollow.budget b"
				" WHERE b.budget_id = ANY ($1) ORDER BY b.budget_id FOR NO KEY UPDATE SKIP LOCKED", 1, lock_types);
		values[0] = sf_array_datum(&a[0], INT4OID);
		rows = sf_rows(plan_lock, values);
		for (int row = 0; row < rows; row++)
		{
			sf_row(row);
			for (int i = 0; i < nused; i++)
				if (used[i]->budget_id == sf_int4_at(0))
				{
					used[i]->locked = true;
					used[i]->amount = sf_int8_at(1);
					used[i]->skip = sf_bool_at(2);
				}
		}
		sf_rows_done();
	}
	for (int i = 0; i < nused; i++)
	{
		bounds(used[i]->period, used[i]->time_zone, facts->now, &used[i]->starts, &used[i]->ends);
		sf_array_add(&a[1], Int32GetDatum(used[i]->program_id));
		sf_array_add(&a[2], Int32GetDatum(used[i]->campaign_id));
		sf_array_add_text(&a[3], used[i]->currency);
		sf_array_add(&a[4], TimestampTzGetDatum(used[i]->starts));
	}
	sf_plan(&plan_spent,
			"SELECT u.i::integer, pg_catalog.ceil(least(s.spent, " SF_MOST_SPENT ") * 1000000)::bigint"
			" FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS u(budget_id, program_id, campaign_id, currency, starts, i)"
			" CROSS JOIN LATERAL (SELECT CASE WHEN u.campaign_id <> 0 THEN ARRAY[u.campaign_id]"
			"  WHEN u.program_id <> 0 THEN ARRAY(SELECT c.campaign_id FROM smsfollow.campaign c WHERE c.program_id = u.program_id)"
			"  ELSE ARRAY(SELECT c.campaign_id FROM smsfollow.campaign c) END AS ids OFFSET 0) k"
			" CROSS JOIN LATERAL (SELECT coalesce((SELECT pg_catalog.sum(x.amount) FROM smsfollow.spend x"
			"   WHERE x.campaign_id = ANY (k.ids) AND x.currency = u.currency AND x.bucket >= u.starts), 0)"
			"  + coalesce((SELECT pg_catalog.sum(x.amount) FROM smsfollow.spend_delta x"
			"   WHERE x.campaign_id = ANY (k.ids) AND x.currency = u.currency AND x.bucket >= u.starts), 0) AS spent OFFSET 0) s",
			5, spent_types);
	for (int i = 0; i < 5; i++)
		values[i] = sf_array_datum(&a[i], i < 3 ? INT4OID : i == 3 ? TEXTOID : TIMESTAMPTZOID);
	rows = sf_rows(plan_spent, values);
	for (int row = 0; row < rows; row++)
	{
		sf_row(row);
		used[sf_int4_at(0) - 1]->spent = sf_int8_at(1);
	}
	sf_rows_done();
}

/*
 * period_bounds(period, time_zone, at)
 */
Datum
smsfollow_period_bounds(PG_FUNCTION_ARGS)
{
	char	   *period = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *time_zone = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TimestampTz starts;
	TimestampTz ends;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected type of result");
	if (strcmp(period, "day") != 0 && strcmp(period, "week") != 0 && strcmp(period, "month") != 0 && strcmp(period, "lifetime") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period is not known"),
				 errhint("Use day, week, month or lifetime.")));
	if (pg_tzset(time_zone) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone is not known"),
				 errhint("Use a name of pg_timezone_names such as America/New_York.")));
	bounds(period, time_zone, PG_GETARG_TIMESTAMPTZ(2), &starts, &ends);
	values[0] = TimestampTzGetDatum(starts);
	values[1] = TimestampTzGetDatum(ends);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
