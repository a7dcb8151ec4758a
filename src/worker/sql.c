/*-------------------------------------------------------------------------
 *
 * sql.c
 *		The dispatcher's claim and settling as SQL functions.
 *
 * For tests, which play two dispatchers against each other, and for
 * measurements without a network.  Nobody but the owner may call them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "settings.h"
#include "worker/dispatch.h"

PG_FUNCTION_INFO_V1(smsfollow_claim);
PG_FUNCTION_INFO_V1(smsfollow_settle);
PG_FUNCTION_INFO_V1(smsfollow_check_template);

/*
 * Plans as in the dispatcher, undone at the end of the function.
 */
static int
pin_plans(void)
{
	int			level = NewGUCNestLevel();

	sf_pin_plans(GUC_ACTION_SAVE);
	return level;
}

/*
 * claim(max_texts, epoch): one wave, in the caller's transaction.  Each call
 * looks from the start of the queue.
 */
Datum
smsfollow_claim(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	static sf_claimer claimer;
	static bool ready = false;
	int			limit = PG_GETARG_INT32(0);
	sf_text    *texts;
	int			n;
	int			level;

	if (limit < 1 || limit > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_texts must be from 1 to 10000")));
	InitMaterializedSRF(fcinfo, 0);
	if (!ready)
	{
		sf_claimer_init(&claimer, 0);
		ready = true;
	}
	claimer.epoch = PG_GETARG_INT64(1);
	claimer.nparked = 0;
	sf_claim_sweep(&claimer);
	SPI_connect();
	level = pin_plans();
	sf_config_refresh(false);
	sf_config_forget_claims();
	sf_claim_next_due(&claimer);
	n = sf_claim_wave(&claimer, limit, &texts);
	for (int i = 0; i < n; i++)
	{
		sf_text    *t = &texts[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int64GetDatum(t->message_id);
		values[1] = Int64GetDatum(t->contact_id);
		values[2] = CStringGetTextDatum(sf_fate_name(t->fate));
		nulls[3] = t->code == NULL || t->code[0] == '\0';
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(t->code);
		nulls[4] = t->fate != SF_FATE_SEND;
		values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(t->body);
		nulls[5] = t->fate != SF_FATE_SEND;
		values[5] = Int32GetDatum(t->segments.segments);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	AtEOXact_GUC(true, level);
	SPI_finish();
	return (Datum) 0;
}

/*
 * The program of the text in flight to a contact, which the dispatcher knows
 * from its claim; 0 when there is none.
 */
static int32
program_of(int64 contact_id)
{
	static const Oid types[] = {INT8OID};
	static SPIPlanPtr plan;
	Datum		values[1] = {Int64GetDatum(contact_id)};
	int32		program_id = 0;
	bool		isnull;

	sf_plan(&plan, "SELECT i.program_id FROM smsfollow.inflight i WHERE i.contact_id = $1", 1, types);
	sf_execute(plan, values, NULL, SPI_OK_SELECT);
	if (SPI_processed == 1)
		program_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return program_id;
}

/*
 * settle(message_ids, contact_ids, epoch, outcome, reason)
 */
Datum
smsfollow_settle(PG_FUNCTION_ARGS)
{
	ArrayType  *ids = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *contacts = PG_GETARG_ARRAYTYPE_P(1);
	char	   *outcome = text_to_cstring(PG_GETARG_TEXT_PP(3));
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(4));
	Datum	   *id;
	Datum	   *contact;
	int			n;
	int			m;
	int			settled;
	int			level;
	sf_result  *results;

	if (strcmp(outcome, "accepted") != 0 && strcmp(outcome, "rejected") != 0 &&
		strcmp(outcome, "retry") != 0 && strcmp(outcome, "in_doubt") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("outcome \"%s\" is not known", outcome)));
	if (array_contains_nulls(ids) || array_contains_nulls(contacts))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("ids must not be null")));
	deconstruct_array(ids, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &id, NULL, &n);
	deconstruct_array(contacts, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &contact, NULL, &m);
	if (n != m)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("message_ids and contact_ids must have one length")));
	if (reason[0] == '\0')
		reason = strcmp(outcome, "accepted") == 0 ? "ok" : "permanent";
	results = palloc0(sizeof(sf_result) * Max(n, 1));
	SPI_connect();
	level = pin_plans();
	for (int i = 0; i < n; i++)
	{
		sf_result  *r = &results[i];

		r->message_id = DatumGetInt64(id[i]);
		r->contact_id = DatumGetInt64(contact[i]);
		r->outcome = outcome;
		r->reason = reason;
		r->program_id = program_of(r->contact_id);
		r->provider_message_id = psprintf("test-" INT64_FORMAT, r->message_id);
		r->retry_at = strcmp(outcome, "retry") == 0 ? sf_backoff(sf_clock(), 1) : DT_NOEND;
		r->next_lookup_at = DT_NOEND;
		r->counts = true;
		r->policy = "hold";
	}
	settled = sf_settle(PG_GETARG_INT64(2), results, n);
	AtEOXact_GUC(true, level);
	SPI_finish();
	PG_RETURN_INT64(settled);
}

/*
 * check_template(body): an error with its place when it does not parse.
 */
Datum
smsfollow_check_template(PG_FUNCTION_ARGS)
{
	text	   *body = PG_GETARG_TEXT_PP(0);
	sf_liquid_error error = {0};

	if (sf_liquid_parse(CurrentMemoryContext, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &error) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 error.line > 0
				 ? errmsg("template has an error at line %d, column %d: %s", error.line, error.column, error.message)
				 : errmsg("template has an error: %s", error.message),
				 errhint("Correct it there; render() shows what a template becomes.")));
	PG_RETURN_VOID();
}
