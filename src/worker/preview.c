/*-------------------------------------------------------------------------
 *
 * preview.c
 *		preview_cost: what a batch of texts would cost, before it is queued.
 *
 * The query runs with the rights of the caller, as for schedule_many.  Each
 * text is composed by the code that composes it when it goes, so that what is
 * counted is what is sent; the opt-out line is supposed to be due, which is
 * the worst case.  Nothing is written.
 *
 * measure_texts() composes with the owner's rights and tells numbers, not
 * bodies: what a template makes of a contact's data is shown to nobody who may
 * not read it.
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
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"
#include "policy/gate.h"
#include "settings.h"
#include "template/saved.h"
#include "worker/batch.h"
#include "worker/claim.h"

PG_FUNCTION_INFO_V1(smsfollow_measure_texts);
PG_FUNCTION_INFO_V1(smsfollow_preview_cost);

#define MAX_COUNTED 32			/* segments told apart */
#define MAX_EXAMPLES 1000

static SPIPlanPtr plan_check;
static SPIPlanPtr plan_inputs;
static SPIPlanPtr plan_measure;
static SPIPlanPtr plan_summary;

/*
 * measure_texts(campaign, template_version, sender, phones, vars, bodies, media):
 * segments, encoding, units and refusal of each, in order.
 */
Datum
smsfollow_measure_texts(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT4OID, TEXTARRAYOID, JSONBARRAYOID, TEXTARRAYOID, INT4OID, JSONBARRAYOID, INT4OID, INT4OID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[8];
	char		nulls[8] = {PG_ARGISNULL(1) ? 'n' : ' ', ' ', ' ', PG_ARGISNULL(5) ? 'n' : ' ', ' ', PG_ARGISNULL(6) ? 'n' : ' ', PG_ARGISNULL(2) ? 'n' : ' ', ' '};
	sf_saved	saved = {.context = CurrentMemoryContext};
	sf_facts	facts;
	SPITupleTable *rows;
	uint64		n;
	MemoryContext caller;
	MemoryContext row_context;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("campaign, phones and vars must not be null"),
				 errhint("Call preview_cost(), which gives them.")));
	InitMaterializedSRF(fcinfo, 0);
	caller = CurrentMemoryContext;
	SPI_connect();
	sf_policy_refresh();
	if (!sf_facts_of_pair(0, PG_GETARG_INT32(0), sf_clock(), &facts))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("campaign %d does not exist", PG_GETARG_INT32(0)),
				 errhint("Look into smsfollow.campaign for the ids.")));
	sf_plan(&plan_inputs,
			"SELECT CASE WHEN coalesce(u.body, '') = '' THEN v.template_version_id END, nullif(u.body, ''),"
			" CASE WHEN v.defaults IS NULL AND NOT v.uses_contact THEN u.vars ELSE"
			"  coalesce(v.defaults || pg_catalog.jsonb_strip_nulls(coalesce(u.vars, '{}')), u.vars, '{}')"
			"  || pg_catalog.jsonb_build_object('contact', coalesce(k.attributes, '{}') || pg_catalog.jsonb_strip_nulls("
			"   pg_catalog.jsonb_build_object('name', k.name, 'locale', k.locale, 'region', k.region))) END,"
			" k.locale, k.region, st.time_zone, coalesce(u.media, c.media, t.media),"
			" (SELECT s.provider_id FROM smsfollow.sender s WHERE s.sender_id = $7)"
			" FROM unnest($2, $3, $4, $6) WITH ORDINALITY AS u(phone, vars, body, media, n)"
			" JOIN smsfollow.campaign c ON c.campaign_id = $8"
			" LEFT JOIN (smsfollow.template_version v JOIN smsfollow.template t USING (template_id))"
			"  ON v.template_version_id = $1 AND t.tenant_id = $5"
			" LEFT JOIN smsfollow.contact_phone p ON p.phone = u.phone AND p.tenant_id = $5"
			"  AND (SELECT smsfollow.sees_persons())"
			" LEFT JOIN smsfollow.contact k ON k.contact_id = p.contact_id"
			" LEFT JOIN smsfollow.contact_state st ON st.contact_id = p.contact_id"
			" WHERE coalesce($5 = (SELECT smsfollow.acting_tenant()), true)"
			" ORDER BY u.n", 8, types);
	values[0] = nulls[0] == 'n' ? (Datum) 0 : PG_GETARG_DATUM(1);
	values[1] = PG_GETARG_DATUM(3);
	values[2] = PG_GETARG_DATUM(4);
	values[3] = nulls[3] == 'n' ? (Datum) 0 : PG_GETARG_DATUM(5);
	values[4] = Int32GetDatum(facts.tenant_id);
	if (nulls[5] != 'n')
	{
		static const Oid media_type[] = {JSONBARRAYOID};
		Datum		media[1] = {PG_GETARG_DATUM(6)};

		sf_plan(&plan_check, "SELECT smsfollow.check_media(x.m) FROM (SELECT DISTINCT u.m FROM unnest($1) AS u(m)) x", 1, media_type);
		sf_execute(plan_check, media, NULL, SPI_OK_SELECT);
		SPI_freetuptable(SPI_tuptable);
	}
	values[5] = nulls[5] == 'n' ? (Datum) 0 : PG_GETARG_DATUM(6);
	values[6] = nulls[6] == 'n' ? (Datum) 0 : PG_GETARG_DATUM(2);
	values[7] = PG_GETARG_DATUM(0);
	saved.tenant_id = facts.tenant_id;
	sf_execute(plan_inputs, values, nulls, SPI_OK_SELECT);
	rows = SPI_tuptable;
	n = SPI_processed;
	row_context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow preview", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(row_context);
	for (uint64 i = 0; i < n; i++)
	{
		Datum		v[8];
		bool		isnull[8];
		Datum		out[5];
		bool		outnull[5] = {false};
		sf_text		t = {0};
		sf_draft	draft = {0};

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(rows->vals[i], rows->tupdesc, v, isnull);
		t.fate = SF_FATE_SEND;
		t.campaign_id = facts.campaign_id;
		t.program_id = facts.program_id;
		t.facts = &facts;
		draft.has_template = !isnull[0];
		draft.template_version_id = isnull[0] ? 0 : DatumGetInt32(v[0]);
		draft.literal = isnull[1] ? NULL : TextDatumGetCString(v[1]);
		draft.vars = isnull[2] ? NULL : DatumGetJsonbP(v[2]);
		draft.locale = isnull[3] ? NULL : TextDatumGetCString(v[3]);
		draft.region = isnull[4] ? NULL : TextDatumGetCString(v[4]);
		draft.zone = isnull[5] ? NULL : TextDatumGetCString(v[5]);
		draft.media = isnull[6] ? NULL : DatumGetJsonbP(v[6]);
		draft.provider_id = isnull[7] ? facts.provider_id : DatumGetInt32(v[7]);
		draft.compliance = strcmp(facts.purpose, "compliance") == 0;
		draft.saved = &saved;
		draft.offer_id = facts.offer_id;
		draft.now = facts.now;
		sf_compose(&t, &draft);
		out[0] = Int32GetDatum(t.segments.segments);
		out[1] = CStringGetTextDatum(sf_encoding_name(t.segments.encoding));
		out[2] = Int32GetDatum(t.segments.units);
		outnull[3] = t.fate == SF_FATE_SEND;
		out[3] = outnull[3] ? (Datum) 0 : CStringGetTextDatum(t.code);
		outnull[4] = t.fate == SF_FATE_SEND && t.segments.encoding != SF_UCS2;
		if (t.fate != SF_FATE_SEND)
			out[4] = CStringGetTextDatum(t.rule ? t.rule : "");
		else if (!outnull[4])
		{
			sf_forcing	first;

			(void) sf_forcing_chars(t.body, strlen(t.body), &first, 1);
			out[4] = PointerGetDatum(cstring_to_text(psprintf("U+%04X at character %d", first.codepoint, first.position)));
		}
		MemoryContextSwitchTo(caller);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, out, outnull);
		MemoryContextSwitchTo(row_context);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
	return (Datum) 0;
}

/* One text that is longer than most, or refused. */
typedef struct example
{
	int64		row;
	char	   *phone;
	char	   *vars;			/* as JSON; NULL: none */
	int			segments;
	char	   *encoding;
	char	   *code;			/* refused; NULL: not */
	char	   *because;
} example;

/* What is counted. */
typedef struct preview
{
	Datum		ids[3];
	bool		idnull[3];
	int64		texts;
	int64		refused;
	int64		ucs2;
	int64		segments;
	int64		counts[MAX_COUNTED];
	int			worst;
	int			nexamples;
	int			max_examples;
	example    *examples;		/* the longest and the refused first, then by row */
	MemoryContext context;
} preview;

/* Refused texts come first, then the longest. */
static int
weight(int segments, const char *code)
{
	return code != NULL ? PG_INT32_MAX : segments;
}

/*
 * Keeps a text if it is among those worth showing.
 */
static void
keep_example(preview *p, const sf_batch *batch, int i, int segments, Datum encoding, const char *code, const char *because)
{
	MemoryContext caller;
	example    *e;
	int			place = p->nexamples;

	while (place > 0 && weight(p->examples[place - 1].segments, p->examples[place - 1].code) < weight(segments, code))
		place--;
	if (place >= p->max_examples)
		return;
	caller = MemoryContextSwitchTo(p->context);
	if (p->nexamples == p->max_examples)
		p->nexamples--;
	e = &p->examples[place];
	memmove(e + 1, e, sizeof(example) * (p->nexamples - place));
	p->nexamples++;
	e->row = batch->rows[i];
	e->phone = TextDatumGetCString(batch->phones.values[i]);
	e->vars = batch->vars.nulls[i] ? NULL
		: JsonbToCString(NULL, &DatumGetJsonbP(batch->vars.values[i])->root, -1);
	e->segments = segments;
	e->encoding = TextDatumGetCString(encoding);
	e->code = code ? pstrdup(code) : NULL;
	e->because = because ? pstrdup(because) : NULL;
	MemoryContextSwitchTo(caller);
}

/*
 * Measures one chunk.
 */
static void
measure_chunk(sf_batch *batch)
{
	static const Oid types[] = {INT4OID, INT4OID, INT4OID, TEXTARRAYOID, JSONBARRAYOID, TEXTARRAYOID, JSONBARRAYOID};
	preview    *p = batch->arg;
	Datum		values[7];
	char		nulls[7];

	memset(nulls, ' ', sizeof(nulls));
	for (int i = 0; i < 3; i++)
	{
		values[i] = p->ids[i];
		nulls[i] = p->idnull[i] ? 'n' : ' ';
	}
	values[3] = sf_array_datum(&batch->phones, TEXTOID);
	values[4] = sf_array_datum(&batch->vars, JSONBOID);
	values[5] = sf_array_datum(&batch->bodies, TEXTOID);
	nulls[5] = batch->has_body ? ' ' : 'n';
	values[6] = sf_array_datum(&batch->media, JSONBOID);
	nulls[6] = batch->has_media ? ' ' : 'n';
	sf_plan(&plan_measure, "SELECT m.* FROM smsfollow.measure_texts($1, $2, $3, $4, $5, $6, $7) m", 7, types);
	sf_execute(plan_measure, values, nulls, SPI_OK_SELECT);
	if (SPI_processed != batch->n)
		elog(ERROR, "texts were not measured one by one");
	for (int i = 0; i < batch->n; i++)
	{
		Datum		v[5];
		bool		isnull[5];
		int			segments;

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, v, isnull);
		segments = DatumGetInt32(v[0]);
		p->texts++;
		if (!isnull[3])
			p->refused++;
		else
		{
			p->segments += segments;
			p->worst = Max(p->worst, segments);
			p->counts[Min(segments, MAX_COUNTED - 1)]++;
			if (isnull[4] == false)
				p->ucs2++;
		}
		if (!isnull[3] || segments > 1)
			keep_example(p, batch, i, segments, v[1], isnull[3] ? NULL : TextDatumGetCString(v[3]),
						 isnull[4] ? NULL : TextDatumGetCString(v[4]));
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
add_string(JsonbParseState **state, const char *key, const char *s)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = unconstify(char *, s);
	v.val.string.len = strlen(s);
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

static void
add_number(JsonbParseState **state, const char *key, int64 n)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &v);
	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(n);
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/* {"1": 900, "2": 100} */
static Datum
histogram(const preview *p)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < MAX_COUNTED; i++)
		if (p->counts[i] > 0)
			add_number(&state, psprintf("%d", i), p->counts[i]);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The texts that are refused, or longer than usual. */
static Datum
show_examples(const preview *p, int usual)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < p->nexamples; i++)
	{
		const example *e = &p->examples[i];

		if (e->code == NULL && e->segments <= usual)
			continue;
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		add_number(&state, "row", e->row);
		add_string(&state, "phone", e->phone);
		add_number(&state, "segments", e->segments);
		add_string(&state, "encoding", e->encoding);
		if (e->code != NULL)
			add_string(&state, "code", e->code);
		if (e->because != NULL)
			add_string(&state, "because", e->because);
		if (e->vars != NULL)
		{
			JsonbValue	v;

			v.type = jbvString;
			v.val.string.val = "vars";
			v.val.string.len = 4;
			(void) pushJsonbValue(&state, WJB_KEY, &v);
			v.type = jbvBinary;
			v.val.binary.data = &DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(e->vars)))->root;
			v.val.binary.len = VARSIZE_ANY_EXHDR((Jsonb *) ((char *) v.val.binary.data - offsetof(Jsonb, root)));
			(void) pushJsonbValue(&state, WJB_VALUE, &v);
		}
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/*
 * preview_cost(query, template, campaign, sender, on_invalid, examples)
 */
Datum
smsfollow_preview_cost(PG_FUNCTION_ARGS)
{
	static const Oid price_types[] = {INT4OID, INT4OID};
	preview		p;
	sf_batch	batch = {0};
	char	   *query;
	bool		skip;
	TupleDesc	desc;
	Datum		out[11];
	bool		outnull[11] = {false};
	Datum		values[2];
	char		nulls[2];
	int			usual = 0;
	int64		above = 0;
	MemoryContext caller = CurrentMemoryContext;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null"),
				 errhint("Pass one SELECT with a column phone.")));
	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	skip = !PG_ARGISNULL(4) && sf_batch_skips(PG_GETARG_TEXT_PP(4));
	memset(&p, 0, sizeof(p));
	p.max_examples = PG_ARGISNULL(5) ? 20 : PG_GETARG_INT32(5);
	if (p.max_examples < 0 || p.max_examples > MAX_EXAMPLES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("examples must be from 0 to %d", MAX_EXAMPLES),
				 errhint("Filter the query to see others.")));
	p.context = caller;
	p.examples = palloc(sizeof(example) * (p.max_examples + 1));
	batch.take = measure_chunk;
	batch.arg = &p;
	SPI_connect();
	sf_batch_resolve(PG_GETARG_DATUM(1), PG_ARGISNULL(1), PG_GETARG_DATUM(2), PG_ARGISNULL(2),
					 PG_GETARG_DATUM(3), PG_ARGISNULL(3), p.ids, p.idnull);
	(void) sf_batch_run(query, skip, &batch);
	for (int i = 0; i < MAX_COUNTED; i++)
		if (p.counts[i] > p.counts[usual])
			usual = i;
	for (int i = usual + 1; i < MAX_COUNTED; i++)
		above += p.counts[i];

	/* what a segment costs stands with the sender */
	sf_plan(&plan_summary, "SELECT s.price, s.currency FROM smsfollow.segment_price($1, $2) s", 2, price_types);
	values[0] = p.ids[0];
	values[1] = p.ids[2];
	nulls[0] = ' ';
	nulls[1] = p.idnull[2] ? 'n' : ' ';
	sf_execute(plan_summary, values, nulls, SPI_OK_SELECT);
	out[9] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &outnull[9]);
	out[10] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &outnull[10]);
	MemoryContextSwitchTo(caller);
	if (!outnull[9])
		out[9] = DirectFunctionCall2(numeric_mul, out[9], NumericGetDatum(int64_to_numeric(p.segments)));
	if (!outnull[10])
		out[10] = PointerGetDatum(PG_DETOAST_DATUM_COPY(out[10]));
	SPI_finish();

	out[0] = Int64GetDatum(p.texts);
	out[1] = Int64GetDatum(p.refused);
	out[2] = Int64GetDatum(p.segments);
	outnull[3] = p.texts == p.refused;
	if (!outnull[3])
		out[3] = DirectFunctionCall2(numeric_round,
									 DirectFunctionCall2(numeric_div, NumericGetDatum(int64_to_numeric(p.segments)),
														 NumericGetDatum(int64_to_numeric(p.texts - p.refused))),
									 Int32GetDatum(3));
	out[4] = Int32GetDatum(p.worst);
	out[5] = histogram(&p);
	out[6] = Int64GetDatum(p.ucs2);
	out[7] = Int64GetDatum(above);
	out[8] = show_examples(&p, usual);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, out, outnull)));
}
