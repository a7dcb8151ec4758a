/*-------------------------------------------------------------------------
 *
 * import.c
 *		import_consent: any SELECT becomes rows of the consent ledger.
 *
 * The query runs with the rights of the caller, through a cursor; its rows go
 * in chunks to smsfollow.import_consent_rows, which has the rights to write.
 * So a caller reads nothing he could not read anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "worker/spi_array.h"

PG_FUNCTION_INFO_V1(smsfollow_import_consent);

#define SF_CHUNK 10000
#define RESULT_COLUMNS 5

/*
 * The caller's query, each row as one jsonb.  A query that is none, or has no
 * phone, is an error here.
 */
static Portal
open_query(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT * FROM (%s\n) q", query), 0, NULL);
	Portal		portal;
	bool		phone;

	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be one SELECT"),
				 errhint("Pass one SELECT with a column phone.")));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	phone = SPI_fnumber(portal->tupDesc, "phone") > 0;
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	if (!phone)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column phone"),
				 errhint("Write for example SELECT mobile AS phone, signed_up_at AS captured_at FROM ...")));
	plan = SPI_prepare(psprintf("SELECT pg_catalog.to_jsonb(q.*) FROM (%s\n) q", query), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	return SPI_cursor_open(NULL, plan, NULL, NULL, false);
}

/*
 * import_consent(query, program, method, evidence, kind, captured_at, expires_at)
 */
Datum
smsfollow_import_consent(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {
		TEXTOID, TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, JSONBARRAYOID
	};
	static SPIPlanPtr plan_rows;
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[8];
	char		nulls[9] = "        ";
	Portal		portal;
	int64		row = 1;
	MemoryContext chunk_context;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null"),
				 errhint("Pass one SELECT with a column phone.")));
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 6; i++)
	{
		values[i] = PG_ARGISNULL(i + 1) ? (Datum) 0 : PG_GETARG_DATUM(i + 1);
		nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
	}
	SPI_connect();
	portal = open_query(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	chunk_context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow chunk", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		SPITupleTable *rows;
		uint64		n;
		sf_array	records;
		MemoryContext outer;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, SF_CHUNK);
		n = SPI_processed;
		rows = SPI_tuptable;
		/* an empty query too, so that wrong arguments are an error */
		if (n == 0 && row > 1)
			break;
		outer = MemoryContextSwitchTo(chunk_context);
		sf_array_init(&records, n);
		for (uint64 i = 0; i < n; i++)
		{
			bool		isnull;

			sf_array_add(&records, SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		}
		values[6] = Int64GetDatum(row);
		values[7] = sf_array_datum(&records, JSONBOID);
		sf_plan(&plan_rows, "SELECT r.row_number, r.phone, r.result, r.reason, r.hint"
				" FROM smsfollow.import_consent_rows($1, $2, $3, $4, $5, $6, $7, $8) r", 8, types);
		sf_execute(plan_rows, values, nulls, SPI_OK_SELECT);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		v[RESULT_COLUMNS];
			bool		isnull[RESULT_COLUMNS];

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, v, isnull);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, isnull);
		}
		SPI_freetuptable(SPI_tuptable);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(chunk_context);
		SPI_freetuptable(rows);
		row += n;
		if (n == 0)
			break;
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return (Datum) 0;
}
