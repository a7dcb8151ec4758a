/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *		schedule_many: any SELECT becomes a batch of texts.
 *
 * Its rows go in chunks to smsfollow.enqueue, which has the rights to write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "worker/batch.h"

PG_FUNCTION_INFO_V1(smsfollow_schedule_many);

/* What is the same for all rows. */
typedef struct call
{
	Datum		ids[3];			/* campaign, template version, sender */
	bool		idnull[3];
	Datum		send_at;
	bool		no_send_at;
	Datum		expires_after;
	bool		no_expires_after;
	int64		queued;
} call;

/*
 * Queues one chunk.
 */
static void
take_chunk(sf_batch *batch)
{
	static const Oid types[] = {
		INT4OID, INT4OID, INT4OID, INTERVALOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
		JSONBARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID
	};
	static SPIPlanPtr plan;
	call	   *c = batch->arg;
	Datum		values[10];
	char		nulls[10];
	bool		isnull;

	if (!c->no_send_at)
		for (int i = 0; i < batch->n; i++)
			if (batch->times.nulls[i])
			{
				batch->times.values[i] = c->send_at;
				batch->times.nulls[i] = false;
			}
	memset(nulls, ' ', sizeof(nulls));
	for (int i = 0; i < 3; i++)
	{
		values[i] = c->ids[i];
		nulls[i] = c->idnull[i] ? 'n' : ' ';
	}
	values[3] = c->expires_after;
	nulls[3] = c->no_expires_after ? 'n' : ' ';
	values[4] = sf_array_datum(&batch->phones, TEXTOID);
	values[5] = sf_array_datum(&batch->times, TIMESTAMPTZOID);
	values[6] = sf_array_datum(&batch->vars, JSONBOID);
	values[7] = sf_array_datum(&batch->bodies, TEXTOID);
	nulls[7] = batch->has_body ? ' ' : 'n';
	values[8] = sf_array_datum(&batch->keys, TEXTOID);
	nulls[8] = batch->has_key ? ' ' : 'n';
	values[9] = sf_array_datum(&batch->media, JSONBOID);
	nulls[9] = batch->has_media ? ' ' : 'n';
	sf_plan(&plan, "SELECT q.queued FROM smsfollow.enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) q", 10, types);
	sf_execute(plan, values, nulls, SPI_OK_SELECT);
	c->queued += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

/*
 * schedule_many(query, template, campaign, send_at, sender, expires_after, on_invalid)
 */
Datum
smsfollow_schedule_many(PG_FUNCTION_ARGS)
{
	call		c;
	sf_batch	batch = {0};
	char	   *query;
	bool		skip;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null"),
				 errhint("Pass one SELECT with a column phone.")));
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	memset(&c, 0, sizeof(c));
	skip = !PG_ARGISNULL(6) && sf_batch_skips(PG_GETARG_TEXT_PP(6));
	c.no_send_at = PG_ARGISNULL(3);
	c.send_at = c.no_send_at ? (Datum) 0 : PG_GETARG_DATUM(3);
	c.no_expires_after = PG_ARGISNULL(5);
	c.expires_after = c.no_expires_after ? (Datum) 0 : PG_GETARG_DATUM(5);
	batch.take = take_chunk;
	batch.arg = &c;
	SPI_connect();
	sf_batch_resolve(PG_GETARG_DATUM(1), PG_ARGISNULL(1), PG_GETARG_DATUM(2), PG_ARGISNULL(2),
					 PG_GETARG_DATUM(4), PG_ARGISNULL(4), c.ids, c.idnull);
	(void) sf_batch_run(query, skip, &batch);
	SPI_finish();
	PG_RETURN_INT64(c.queued);
}
