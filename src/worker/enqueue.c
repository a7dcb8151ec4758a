/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *		schedule_many: any SELECT becomes a batch of texts.
 *
 * The query runs with the rights of the caller, through a cursor; its rows go
 * in chunks to smsfollow.enqueue, which has the rights to write.  So a caller
 * reads nothing he could not read anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "phone/phone.h"
#include "worker/dispatch.h"

PG_FUNCTION_INFO_V1(smsfollow_schedule_many);

#define SF_CHUNK 10000

typedef struct batch_columns
{
	bool		send_at;
	bool		body;
	bool		key;
} batch_columns;

/*
 * Wraps the caller's query: (phone, send_at, body, key, vars).  Columns that
 * are not ours become one jsonb of variables.
 */
static char *
wrap_query(const char *query, batch_columns *have)
{
	char	   *probe = psprintf("SELECT * FROM (%s\n) q", query);
	SPIPlanPtr	plan = SPI_prepare(probe, 0, NULL);
	List	   *sources;
	TupleDesc	desc;
	StringInfoData fields;
	StringInfoData sql;
	bool		phone = false;
	bool		vars = false;

	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query is not a SELECT"),
				 errhint("Pass one SELECT with a column phone.")));
	sources = SPI_plan_get_plan_sources(plan);
	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be one SELECT"),
				 errhint("Pass one SELECT with a column phone.")));
	desc = ((CachedPlanSource *) linitial(sources))->resultDesc;
	memset(have, 0, sizeof(*have));
	initStringInfo(&fields);
	for (int i = 0; desc != NULL && i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (strcmp(name, "phone") == 0)
			phone = true;
		else if (strcmp(name, "send_at") == 0)
			have->send_at = true;
		else if (strcmp(name, "body") == 0)
			have->body = true;
		else if (strcmp(name, "idempotency_key") == 0)
			have->key = true;
		else if (strcmp(name, "vars") == 0)
		{
			if (TupleDescAttr(desc, i)->atttypid != JSONBOID)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column vars must be of type jsonb"),
						 errhint("Cast it, or give each variable a column of its own name.")));
			vars = true;
		}
		else
			appendStringInfo(&fields, "%sq.%s", fields.len > 0 ? ", " : "", quote_identifier(name));
	}
	SPI_freeplan(plan);
	if (!phone)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column phone"),
				 errhint("Write for example SELECT customer_phone AS phone, first_name FROM ...")));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT q.phone::pg_catalog.text, %s, %s, %s, ",
					 have->send_at ? "q.send_at::pg_catalog.timestamptz" : "NULL::pg_catalog.timestamptz",
					 have->body ? "q.body::pg_catalog.text" : "NULL::pg_catalog.text",
					 have->key ? "q.idempotency_key::pg_catalog.text" : "NULL::pg_catalog.text");
	if (fields.len == 0)
		appendStringInfoString(&sql, vars ? "q.vars" : "NULL::pg_catalog.jsonb");
	else
		appendStringInfo(&sql, "%s(SELECT pg_catalog.to_jsonb(r.*) FROM (SELECT %s) r)",
						 vars ? "coalesce(q.vars, '{}') OPERATOR(pg_catalog.||) " : "", fields.data);
	appendStringInfo(&sql, " FROM (%s\n) q", query);
	return sql.data;
}

/*
 * A number as E.164, or NULL; national formats go through phone_info and the
 * default region.
 */
static char *
read_phone(const char *input)
{
	static const Oid types[] = {TEXTOID};
	static SPIPlanPtr plan;
	char		e164[SF_PHONE_SIZE];
	const char *why;
	SPITupleTable *outer = SPI_tuptable;
	uint64		outer_processed = SPI_processed;
	char	   *result = NULL;
	Datum		values[1];

	if (sf_phone_e164(input, strlen(input), e164, &why))
		return pstrdup(e164);
	if (input[0] == '+')
		return NULL;
	values[0] = CStringGetTextDatum(input);
	sf_plan(&plan, "SELECT i.e164 FROM smsfollow.phone_info($1) i", 1, types);
	sf_execute(plan, values, NULL, SPI_OK_SELECT);
	if (SPI_processed == 1)
		result = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = outer;
	SPI_processed = outer_processed;
	return result;
}

/*
 * schedule_many(query, template, campaign, send_at, sender, expires_after, on_invalid)
 */
Datum
smsfollow_schedule_many(PG_FUNCTION_ARGS)
{
	static const Oid resolve_types[] = {TEXTOID, TEXTOID, TEXTOID};
	static const Oid enqueue_types[] = {
		INT4OID, INT4OID, INT4OID, INTERVALOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
		JSONBARRAYOID, TEXTARRAYOID, TEXTARRAYOID
	};
	static SPIPlanPtr plan_resolve;
	static SPIPlanPtr plan_enqueue;
	char	   *query;
	char	   *on_invalid;
	bool		skip;
	char	   *sql;
	batch_columns have;
	Datum		values[9];
	char		nulls[10];
	Datum		ids[3];
	bool		idnull[3];
	SPIPlanPtr	plan;
	Portal		portal;
	int64		queued = 0;
	int64		invalid = 0;
	int64		row = 0;
	MemoryContext chunk_context;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null"),
				 errhint("Pass one SELECT with a column phone.")));
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	on_invalid = PG_ARGISNULL(6) ? "error" : text_to_cstring(PG_GETARG_TEXT_PP(6));
	skip = strcmp(on_invalid, "skip") == 0;
	if (!skip && strcmp(on_invalid, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_invalid \"%s\" is not known", on_invalid),
				 errhint("Use error or skip.")));

	SPI_connect();

	for (int i = 0; i < 3; i++)
	{
		int			arg = i == 0 ? 1 : i == 1 ? 2 : 4;

		values[i] = PG_ARGISNULL(arg) ? (Datum) 0 : PG_GETARG_DATUM(arg);
		nulls[i] = PG_ARGISNULL(arg) ? 'n' : ' ';
	}
	sf_plan(&plan_resolve, "SELECT r.campaign_id, r.template_version_id, r.sender_id FROM smsfollow.resolve_batch($1, $2, $3) r",
			3, resolve_types);
	sf_execute(plan_resolve, values, nulls, SPI_OK_SELECT);
	for (int i = 0; i < 3; i++)
		ids[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &idnull[i]);
	SPI_freetuptable(SPI_tuptable);

	sql = wrap_query(query, &have);
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	chunk_context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow chunk", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		sf_array	phones;
		sf_array	times;
		sf_array	vars;
		sf_array	bodies;
		sf_array	keys;
		MemoryContext outer;
		SPITupleTable *rows;
		uint64		n;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, SF_CHUNK);
		n = SPI_processed;
		rows = SPI_tuptable;
		if (n == 0)
			break;
		outer = MemoryContextSwitchTo(chunk_context);
		sf_array_init(&phones, n);
		sf_array_init(&times, n);
		sf_array_init(&vars, n);
		sf_array_init(&bodies, n);
		sf_array_init(&keys, n);
		for (uint64 i = 0; i < n; i++)
		{
			Datum		v[5];
			bool		isnull[5];
			char	   *phone;

			row++;
			heap_deform_tuple(rows->vals[i], rows->tupdesc, v, isnull);
			phone = isnull[0] ? NULL : read_phone(TextDatumGetCString(v[0]));
			if (phone == NULL)
			{
				if (!skip)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("row " INT64_FORMAT " of the query has no valid phone number", row),
							 errhint("Correct it, or pass on_invalid => 'skip'.")));
				invalid++;
				continue;
			}
			sf_array_add_text(&phones, phone);
			if (!isnull[1])
				sf_array_add(&times, v[1]);
			else if (!PG_ARGISNULL(3))
				sf_array_add(&times, PG_GETARG_DATUM(3));
			else
				sf_array_add_null(&times);
			for (int k = 2; k < 5; k++)
			{
				sf_array   *a = k == 2 ? &bodies : k == 3 ? &keys : &vars;

				if (isnull[k])
					sf_array_add_null(a);
				else
					sf_array_add(a, v[k]);
			}
		}
		if (phones.n > 0)
		{
			for (int i = 0; i < 3; i++)
				values[i] = ids[i];
			values[3] = PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5);
			values[4] = sf_array_datum(&phones, TEXTOID);
			values[5] = sf_array_datum(&times, TIMESTAMPTZOID);
			values[6] = sf_array_datum(&vars, JSONBOID);
			values[7] = sf_array_datum(&bodies, TEXTOID);
			values[8] = sf_array_datum(&keys, TEXTOID);
			memset(nulls, ' ', sizeof(nulls));
			nulls[1] = idnull[1] ? 'n' : ' ';
			nulls[2] = idnull[2] ? 'n' : ' ';
			nulls[3] = PG_ARGISNULL(5) ? 'n' : ' ';
			nulls[7] = have.body ? ' ' : 'n';
			nulls[8] = have.key ? ' ' : 'n';
			sf_plan(&plan_enqueue,
					"SELECT q.queued FROM smsfollow.enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9) q",
					9, enqueue_types);
			sf_execute(plan_enqueue, values, nulls, SPI_OK_SELECT);
			{
				bool		isnull;

				queued += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
			}
			SPI_freetuptable(SPI_tuptable);
		}
		MemoryContextSwitchTo(outer);
		MemoryContextReset(chunk_context);
		SPI_freetuptable(rows);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (invalid > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld row without a valid phone number was skipped",
							   "%lld rows without a valid phone number were skipped",
							   (unsigned long) invalid, (long long) invalid)));
	PG_RETURN_INT64(queued);
}
