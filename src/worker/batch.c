/*-------------------------------------------------------------------------
 *
 * batch.c
 *		Any SELECT as a batch of texts.
 *
 * The query runs with the rights of the caller, through a cursor; its rows are
 * handed on in chunks.  So a caller reads nothing he could not read anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "phone/phone.h"
#include "worker/batch.h"

#define SF_CHUNK 10000

/*
 * Wraps the caller's query: (phone, send_at, body, key, media, vars).  Columns
 * that are not ours become one jsonb of variables.
 */
static char *
wrap_query(const char *query, sf_batch *have)
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
	initStringInfo(&fields);
	for (int i = 0; desc != NULL && i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (strcmp(name, "phone") == 0)
			phone = true;
		else if (strcmp(name, "send_at") == 0)
			have->has_send_at = true;
		else if (strcmp(name, "body") == 0)
			have->has_body = true;
		else if (strcmp(name, "idempotency_key") == 0)
			have->has_key = true;
		else if (strcmp(name, "media") == 0)
		{
			if (TupleDescAttr(desc, i)->atttypid != TEXTARRAYOID)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column media must be of type text[]"),
						 errhint("Write for example ARRAY[picture_url] AS media.")));
			have->has_media = true;
		}
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
	appendStringInfo(&sql, "SELECT q.phone::pg_catalog.text, %s, %s, %s, %s, ",
					 have->has_send_at ? "q.send_at::pg_catalog.timestamptz" : "NULL::pg_catalog.timestamptz",
					 have->has_body ? "q.body::pg_catalog.text" : "NULL::pg_catalog.text",
					 have->has_key ? "q.idempotency_key::pg_catalog.text" : "NULL::pg_catalog.text",
					 have->has_media ? "pg_catalog.to_jsonb(q.media)" : "NULL::pg_catalog.jsonb");
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

/* See batch.h. */
bool
sf_batch_skips(text *on_invalid)
{
	char	   *s = text_to_cstring(on_invalid);

	if (strcmp(s, "skip") == 0)
		return true;
	if (strcmp(s, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_invalid \"%s\" is not known", s),
				 errhint("Use error or skip.")));
	return false;
}

/* See batch.h. */
void
sf_batch_resolve(Datum template, bool no_template, Datum campaign, bool no_campaign,
				 Datum sender, bool no_sender, Datum *ids, bool *idnull)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	static SPIPlanPtr plan;
	Datum		values[3] = {template, campaign, sender};
	char		nulls[3] = {no_template ? 'n' : ' ', no_campaign ? 'n' : ' ', no_sender ? 'n' : ' '};

	sf_plan(&plan, "SELECT r.campaign_id, r.template_version_id, r.sender_id FROM smsfollow.resolve_batch($1, $2, $3) r",
			3, types);
	sf_execute(plan, values, nulls, SPI_OK_SELECT);
	for (int i = 0; i < 3; i++)
		ids[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &idnull[i]);
	SPI_freetuptable(SPI_tuptable);
}

/* Says which rows of the query an error is about. */
static void
name_rows(void *arg)
{
	const sf_batch *batch = arg;

	if (batch->n > 0)
		errcontext("rows " INT64_FORMAT " to " INT64_FORMAT " of the query", batch->first_row, batch->last_row);
}

/* See batch.h. */
int64
sf_batch_run(const char *query, bool skip, sf_batch *batch)
{
	char	   *sql = wrap_query(query, batch);
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);
	Portal		portal;
	int64		invalid = 0;
	ErrorContextCallback context;

	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	batch->context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow chunk", ALLOCSET_DEFAULT_SIZES);
	batch->last_row = 0;
	context.callback = name_rows;
	context.arg = batch;
	for (;;)
	{
		MemoryContext outer;
		SPITupleTable *rows;
		uint64		n;

		CHECK_FOR_INTERRUPTS();
		batch->n = 0;
		SPI_cursor_fetch(portal, true, SF_CHUNK);
		n = SPI_processed;
		rows = SPI_tuptable;
		if (n == 0)
			break;
		outer = MemoryContextSwitchTo(batch->context);
		sf_array_init(&batch->phones, n);
		sf_array_init(&batch->times, n);
		sf_array_init(&batch->vars, n);
		sf_array_init(&batch->bodies, n);
		sf_array_init(&batch->keys, n);
		sf_array_init(&batch->media, n);
		batch->rows = palloc(sizeof(int64) * n);
		batch->first_row = batch->last_row + 1;
		for (uint64 i = 0; i < n; i++)
		{
			Datum		v[6];
			bool		isnull[6];
			char	   *phone;

			batch->last_row++;
			heap_deform_tuple(rows->vals[i], rows->tupdesc, v, isnull);
			phone = isnull[0] ? NULL : read_phone(TextDatumGetCString(v[0]));
			if (phone == NULL)
			{
				if (!skip)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("row " INT64_FORMAT " of the query has no valid phone number", batch->last_row),
							 errhint("Correct it, or pass on_invalid => 'skip'.")));
				invalid++;
				continue;
			}
			batch->rows[batch->n++] = batch->last_row;
			sf_array_add_text(&batch->phones, phone);
			for (int k = 1; k < 6; k++)
			{
				sf_array   *a = k == 1 ? &batch->times : k == 2 ? &batch->bodies : k == 3 ? &batch->keys
					: k == 4 ? &batch->media : &batch->vars;

				if (isnull[k])
					sf_array_add_null(a);
				else
					sf_array_add(a, v[k]);
			}
		}
		if (batch->n > 0)
		{
			context.previous = error_context_stack;
			error_context_stack = &context;
			batch->take(batch);
			error_context_stack = context.previous;
		}
		MemoryContextSwitchTo(outer);
		MemoryContextReset(batch->context);
		SPI_freetuptable(rows);
	}
	SPI_cursor_close(portal);
	if (invalid > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld row without a valid phone number was skipped",
							   "%lld rows without a valid phone number were skipped",
							   (unsigned long) invalid, (long long) invalid)));
	return invalid;
}
