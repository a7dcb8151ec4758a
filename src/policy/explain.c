/*-------------------------------------------------------------------------
 *
 * explain.c
 *		The judgement of the gate as rows, for explain() and for tests.
 *
 * It takes no lock and changes nothing: what it says holds for the moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "policy/budget.h"
#include "policy/gate.h"
#include "settings.h"
#include "worker/claim.h"

PG_FUNCTION_INFO_V1(smsfollow_judge_text);
PG_FUNCTION_INFO_V1(smsfollow_judge_pair);

static void
put(ReturnSetInfo *rsinfo, const char *rule, const sf_answer *answer)
{
	Datum		values[5] = {0};
	bool		nulls[5] = {true, false, true, true, true};

	if (rule != NULL)
	{
		values[0] = CStringGetTextDatum(rule);
		nulls[0] = false;
	}
	values[1] = CStringGetTextDatum(sf_verdict_name(answer->verdict));
	if (answer->code != NULL)
	{
		values[2] = CStringGetTextDatum(answer->code);
		nulls[2] = false;
	}
	if (answer->value != NULL)
	{
		values[3] = CStringGetTextDatum(answer->value);
		nulls[3] = false;
	}
	if (answer->verdict == SF_DEFER && answer->next_at != DT_NOEND)
	{
		values[4] = TimestampTzGetDatum(answer->next_at);
		nulls[4] = false;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * Makes the body that a text would have now; as one more rule, since there may
 * be none.
 */
static void
judge_body(sf_facts *facts, sf_answer *answer)
{
	sf_saved	saved = {.context = CurrentMemoryContext};
	sf_text		text = {0};

	text.message_id = facts->message_id;
	text.contact_id = facts->contact_id;
	text.campaign_id = facts->campaign_id;
	text.program_id = facts->program_id;
	text.fate = SF_FATE_SEND;
	sf_make_body(&text, facts, &saved);
	memset(answer, 0, sizeof(*answer));
	answer->wordy = true;
	if (text.fate != SF_FATE_SEND)
	{
		sf_refuse(answer, SF_SUPPRESS, text.code, 0);
		answer->value = text.rule;
	}
	else
		sf_saw(answer, "%d segments, %s", text.segments.segments, sf_encoding_name(text.segments.encoding));
}

/*
 * First the verdict as the claim finds it, then each rule.
 */
static void
judge(ReturnSetInfo *rsinfo, sf_facts *facts)
{
	sf_answer  *answers = palloc(sizeof(sf_answer) * SF_MAX_RULES);
	sf_answer	verdict;
	sf_answer	body;
	int			n;

	sf_budgets_open(facts, 1, false);
	/* in the order of the claim, where a body is made after the first stage */
	sf_gate_judge(facts, SF_BEFORE_BODY, &verdict);
	if (facts->message_id != 0)
		judge_body(facts, &body);
	if (verdict.verdict == SF_ALLOW && facts->message_id != 0 && body.verdict != SF_ALLOW)
		verdict = body;
	if (verdict.verdict == SF_ALLOW)
		sf_gate_judge(facts, SF_AFTER_BODY, &verdict);
	put(rsinfo, NULL, &verdict);
	n = sf_gate_explain(facts, SF_BEFORE_BODY, answers);
	for (int i = 0; i < n; i++)
		put(rsinfo, answers[i].rule, &answers[i]);
	if (facts->message_id != 0)
		put(rsinfo, "body", &body);
	n = sf_gate_explain(facts, SF_AFTER_BODY, answers);
	for (int i = 0; i < n; i++)
		put(rsinfo, answers[i].rule, &answers[i]);
}

/*
 * judge(message_id, message_at)
 */
Datum
smsfollow_judge_text(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	sf_array	a[3];
	sf_facts   *facts;
	int			level;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	SPI_connect();
	level = NewGUCNestLevel();
	sf_pin_plans(GUC_ACTION_SAVE);
	sf_policy_refresh();
	for (int i = 0; i < 3; i++)
		sf_array_init(&a[i], 1);
	sf_array_add(&a[0], PG_GETARG_DATUM(0));
	sf_array_add(&a[1], PG_GETARG_DATUM(1));
	sf_array_add(&a[2], BoolGetDatum(false));
	if (sf_facts_of_texts(sf_array_datum(&a[0], INT8OID), sf_array_datum(&a[1], TIMESTAMPTZOID),
						  sf_array_datum(&a[2], BOOLOID), sf_clock(), &facts) == 1)
		judge(rsinfo, facts);
	AtEOXact_GUC(true, level);
	SPI_finish();
	return (Datum) 0;
}

/*
 * judge(contact, campaign)
 */
Datum
smsfollow_judge_pair(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	sf_facts	facts;
	int			level;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	SPI_connect();
	level = NewGUCNestLevel();
	sf_pin_plans(GUC_ACTION_SAVE);
	sf_policy_refresh();
	if (sf_facts_of_pair(PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), PG_GETARG_INT32(1), sf_clock(), &facts))
		judge(rsinfo, &facts);
	AtEOXact_GUC(true, level);
	SPI_finish();
	return (Datum) 0;
}
