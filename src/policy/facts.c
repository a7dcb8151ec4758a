/*-------------------------------------------------------------------------
 *
 * facts.c
 *		Reads the facts of texts, a wave in one statement.
 *
 * The statement is smsfollow.gate_facts() (sql/50_policy.sql) for each text,
 * which PostgreSQL expands in place, with what the text itself says.  The table
 * below makes the statement's list of columns and says which member of
 * sf_facts each of them fills.
 *
 * Whoever asks has locked the contacts before, and asks with a snapshot taken
 * after that, if he acts upon the answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "policy/cap.h"
#include "worker/spi_array.h"

typedef enum fact_type
{
	FACT_BOOL,
	FACT_INT4,
	FACT_INT8,
	FACT_TIME,
	FACT_TEXT,
	FACT_JSONB,
	FACT_ARRAY
} fact_type;

typedef struct fact_column
{
	const char *name;			/* of the member, and of the column of gate_facts() */
	const char *expression;		/* NULL: that column; else one about the text */
	fact_type	type;
	Size		offset;
} fact_column;

#define OF_TEXT(name, type, expression) {#name, expression, FACT_##type, offsetof(sf_facts, name)}
#define FACT(name, type) OF_TEXT(name, type, NULL)

static const fact_column columns[] = {
	OF_TEXT(message_id, INT8, "m.message_id"),
	OF_TEXT(expires_at, TIME, "m.expires_at"),
	OF_TEXT(template_version_id, INT4, "m.template_version_id"),
	OF_TEXT(body, TEXT, "m.body"),
	OF_TEXT(template_state, TEXT, "v.state"),
	/* what is given as null counts as not given, so that its default stands */
	OF_TEXT(vars, JSONB, "CASE WHEN v.uses_contact OR v.defaults IS NOT NULL"
			" THEN coalesce(v.defaults || pg_catalog.jsonb_strip_nulls(coalesce(m.vars, '{}')), m.vars, '{}')"
			"  || CASE WHEN v.uses_contact THEN f.contact_vars ELSE '{}' END ELSE m.vars END"),
	OF_TEXT(notice, TEXT, "m.notice"),
	OF_TEXT(cancelled, TEXT, "CASE WHEN u.returned THEN (SELECT x.rule FROM smsfollow.verdict x"
			" WHERE x.message_id = u.message_id AND x.verdict = 'cancel' AND x.at >= u.message_at LIMIT 1) END"),
	OF_TEXT(contact_busy, BOOL, "i.message_id IS NOT NULL"),
	OF_TEXT(told_at, TIME, "(SELECT x.at FROM smsfollow.opt_out_told x"
			" WHERE x.contact_id = f.contact_id AND x.program_id = f.program_id AND x.at >= f.consent_since)"),
	OF_TEXT(tags, ARRAY, "m.tags"),
	OF_TEXT(media, JSONB, "m.media"),
	FACT(contact_id, INT8),
	FACT(phone, TEXT),
	FACT(blocked_code, TEXT),
	FACT(restricted_at, TIME),
	FACT(cap_most, INT4),
	FACT(cap_per, INT8),
	FACT(time_zone, TEXT),
	FACT(locale, TEXT),
	FACT(region, TEXT),
	FACT(subdivision, TEXT),
	FACT(contact_hours, TEXT),
	FACT(number_type, TEXT),
	FACT(consent_state, TEXT),
	FACT(consent_event_id, INT8),
	FACT(consent_since, TIME),
	FACT(consent_kind, TEXT),
	FACT(consent_expires_at, TIME),
	FACT(consent_pending_until, TIME),
	FACT(consent_required, TEXT),
	FACT(campaign_id, INT4),
	FACT(campaign, TEXT),
	FACT(all_paused, BOOL),
	FACT(campaign_paused, BOOL),
	FACT(in_doubt_policy, TEXT),
	FACT(max_attempts, INT4),
	FACT(offer_id, INT4),
	FACT(program_id, INT4),
	FACT(tenant_id, INT4),
	FACT(program, TEXT),
	FACT(program_paused, BOOL),
	FACT(purpose, TEXT),
	FACT(sender_id, INT4),
	FACT(provider_id, INT4),
	FACT(sender, TEXT),
	FACT(sender_paused, BOOL),
	FACT(provider_paused, BOOL),
	FACT(price_per_segment, INT8),
	FACT(price_currency, TEXT),
};

static SPIPlanPtr plan_texts;
static SPIPlanPtr plan_pair;

/*
 * The list of columns: all, or those that need no text.
 */
static char *
column_list(bool of_text)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(columns); i++)
	{
		if (columns[i].expression != NULL && !of_text)
			continue;
		appendStringInfoString(&list, list.len > 0 ? ", " : "");
		if (columns[i].expression != NULL)
			appendStringInfoString(&list, columns[i].expression);
		else
			appendStringInfo(&list, "f.%s", columns[i].name);
	}
	return list.data;
}

/*
 * One row of a statement with such a list.
 */
static void
read_facts(HeapTuple tuple, TupleDesc desc, bool of_text, TimestampTz now, sf_facts *facts)
{
	Datum		values[lengthof(columns)];
	bool		isnull[lengthof(columns)];
	int			k = -1;

	memset(facts, 0, sizeof(*facts));
	facts->now = now;
	heap_deform_tuple(tuple, desc, values, isnull);
	for (int i = 0; i < lengthof(columns); i++)
	{
		char	   *member = (char *) facts + columns[i].offset;

		if (columns[i].expression != NULL && !of_text)
			continue;
		if (isnull[++k])
			continue;
		switch (columns[i].type)
		{
			case FACT_BOOL:
				*(bool *) member = DatumGetBool(values[k]);
				break;
			case FACT_INT4:
				*(int32 *) member = DatumGetInt32(values[k]);
				break;
			case FACT_INT8:
				*(int64 *) member = DatumGetInt64(values[k]);
				break;
			case FACT_TIME:
				*(TimestampTz *) member = DatumGetTimestampTz(values[k]);
				break;
			case FACT_TEXT:
				*(char **) member = TextDatumGetCString(values[k]);
				break;
			case FACT_JSONB:
				*(Jsonb **) member = DatumGetJsonbPCopy(values[k]);
				break;
			case FACT_ARRAY:
				*(ArrayType **) member = DatumGetArrayTypePCopy(values[k]);
				break;
		}
	}
	/* whatever its program is for */
	if (facts->notice != NULL)
		facts->purpose = "compliance";
}

int
sf_facts_of_texts(Datum ids, Datum times, Datum returned, TimestampTz now, sf_facts **facts)
{
	static const Oid types[] = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID};
	Datum		values[3] = {ids, times, returned};
	int			n;

	if (plan_texts == NULL)
		sf_plan(&plan_texts,
				psprintf("SELECT %s FROM unnest($1, $2, $3) AS u(message_id, message_at, returned)"
						 " CROSS JOIN LATERAL (SELECT * FROM smsfollow.message x"
						 "  WHERE x.message_id = u.message_id AND x.created_at = u.message_at OFFSET 0) m"
						 " CROSS JOIN LATERAL smsfollow.gate_facts(m.contact_id, m.campaign_id, m.sender_id) f"
						 " LEFT JOIN LATERAL (SELECT * FROM smsfollow.template_version x"
						 "  WHERE x.template_version_id = m.template_version_id OFFSET 0) v ON true"
						 " LEFT JOIN LATERAL (SELECT x.message_id FROM smsfollow.inflight x"
						 "  WHERE x.contact_id = m.contact_id OFFSET 0) i ON true",
						 column_list(true)),
				3, types);
	sf_execute(plan_texts, values, NULL, SPI_OK_SELECT);
	n = (int) SPI_processed;
	*facts = palloc(sizeof(sf_facts) * Max(n, 1));
	for (int i = 0; i < n; i++)
		read_facts(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, true, now, &(*facts)[i]);
	SPI_freetuptable(SPI_tuptable);
	sf_past_of(*facts, n);
	return n;
}

bool
sf_facts_of_pair(int64 contact_id, int32 campaign_id, TimestampTz now, sf_facts *facts)
{
	static const Oid types[] = {INT8OID, INT4OID};
	Datum		values[2] = {Int64GetDatum(contact_id), Int32GetDatum(campaign_id)};

	if (plan_pair == NULL)
		sf_plan(&plan_pair,
				psprintf("SELECT %s FROM smsfollow.gate_facts($1, $2, NULL) f", column_list(false)), 2, types);
	sf_execute(plan_pair, values, NULL, SPI_OK_SELECT);
	if (SPI_processed != 1)
		return false;
	read_facts(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, false, now, facts);
	SPI_freetuptable(SPI_tuptable);
	sf_past_of(facts, 1);
	return true;
}
