/*-------------------------------------------------------------------------
 *
 * decide.c
 *		What becomes of each locked text of a wave.
 *
 * The gate is asked in a statement of its own, whose snapshot is taken after
 * the locks: every opt-out that committed before is seen, and one that comes
 * later waits for this transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "settings.h"
#include "worker/claim.h"

static SPIPlanPtr plan_decide;
static SPIPlanPtr plan_paused;

/*
 * Did this text, alone in a wave, make the wave fail?
 */
static bool
is_poison(const sf_claimer *claimer, int64 message_id)
{
	for (int i = 0; i < claimer->npoison; i++)
		if (claimer->poison[i] == message_id)
			return true;
	return false;
}

/*
 * Texts of paused campaigns leave the claim path until resume() brings them
 * back.  So the pause must outlast this transaction: a campaign that is being
 * resumed right now keeps its texts here, to be offered again soon.
 */
static void
hold_paused(sf_text *texts, int n)
{
	static const Oid types[] = {INT4ARRAYOID};
	TimestampTz offer_at = GetCurrentTimestamp() + SF_PARK_LOCKED_US;
	sf_array	ids;
	Datum		values[1];

	sf_array_init(&ids, n);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_DEFER && texts[i].next_at == DT_NOEND)
			sf_array_add(&ids, Int32GetDatum(texts[i].campaign_id));
	if (ids.n == 0)
		return;
	sf_plan(&plan_paused, "SELECT c.campaign_id FROM smsfollow.campaign c"
			" WHERE c.campaign_id = ANY ($1) AND c.paused FOR SHARE SKIP LOCKED", 1, types);
	values[0] = sf_array_datum(&ids, INT4OID);
	sf_execute(plan_paused, values, NULL, SPI_OK_SELECT);
	for (int i = 0; i < n; i++)
	{
		bool		paused = false;

		if (texts[i].fate != SF_FATE_DEFER || texts[i].next_at != DT_NOEND)
			continue;
		for (uint64 row = 0; row < SPI_processed && !paused; row++)
		{
			bool		isnull;

			paused = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)) == texts[i].campaign_id;
		}
		if (!paused)
		{
			texts[i].fate = SF_FATE_PARK;
			texts[i].next_at = offer_at;
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Asks the gate about the locked texts.
 */
void
sf_decide(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now)
{
	static const Oid types[] = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID};
	TimestampTz wall = GetCurrentTimestamp();
	sf_array	ids;
	sf_array	times;
	sf_array	returned;
	Datum		values[3];
	TupleDesc	desc;
	sf_saved	saved = {CurrentMemoryContext, NULL, NIL};
	int			at = 0;

	sf_array_init(&ids, n);
	sf_array_init(&times, n);
	sf_array_init(&returned, n);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND)
		{
			if (!is_poison(claimer, texts[i].message_id))
			{
				sf_array_add(&ids, Int64GetDatum(texts[i].message_id));
				sf_array_add(&times, TimestampTzGetDatum(texts[i].message_at));
				sf_array_add(&returned, BoolGetDatum(texts[i].returned));
			}
			texts[i].fate = SF_FATE_SUPPRESS;	/* until the gate says otherwise */
			texts[i].code = is_poison(claimer, texts[i].message_id) ? "template_error" : "expired";
			texts[i].rule = is_poison(claimer, texts[i].message_id)
				? "it made the dispatcher fail, see the server log" : "its row in message is gone";
		}
	if (ids.n == 0)
		return;
	sf_plan(&plan_decide,
			"SELECT g.message_id, g.verdict, g.code, g.rule, g.next_at, g.phone, g.template_version_id, g.body,"
			" CASE WHEN v.uses_contact THEN coalesce(g.vars, '{}') || pg_catalog.jsonb_build_object('contact',"
			"  k.attributes || pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
			"   'name', k.name, 'locale', k.locale, 'region', k.region))) ELSE g.vars END,"
			" g.provider_id, g.sender_id, g.consent_event_id, g.expires_at, g.max_attempts, g.in_doubt_policy,"
			" i.message_id IS NOT NULL, g.time_zone, k.locale, k.region,"
			" CASE WHEN u.returned THEN (SELECT x.rule FROM smsfollow.verdict x"
			"  WHERE x.message_id = u.message_id AND x.verdict = 'cancel' AND x.at >= u.message_at LIMIT 1) END"
			" FROM unnest($1, $2, $3) AS u(message_id, message_at, returned)"
			" CROSS JOIN LATERAL (SELECT * FROM smsfollow.gate x"
			"  WHERE x.message_id = u.message_id AND x.message_at = u.message_at OFFSET 0) g"
			" LEFT JOIN LATERAL (SELECT * FROM smsfollow.template_version x"
			"  WHERE x.template_version_id = g.template_version_id OFFSET 0) v ON true"
			" LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact x"
			"  WHERE x.contact_id = g.contact_id OFFSET 0) k ON true"
			" LEFT JOIN LATERAL (SELECT x.message_id FROM smsfollow.inflight x"
			"  WHERE x.contact_id = g.contact_id OFFSET 0) i ON true",
			3, types);
	values[0] = sf_array_datum(&ids, INT8OID);
	values[1] = sf_array_datum(&times, TIMESTAMPTZOID);
	values[2] = sf_array_datum(&returned, BOOLOID);
	sf_execute(plan_decide, values, NULL, SPI_OK_SELECT);
	desc = SPI_tuptable->tupdesc;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		sf_text    *t = NULL;
		Datum		v[20];
		bool		isnull[20];
		sf_draft	draft;
		int64		id;
		char	   *verdict;

		heap_deform_tuple(tuple, desc, v, isnull);
		id = DatumGetInt64(v[0]);
		for (int k = 0; k < n; k++, at++)
			if (texts[at % n].message_id == id)
			{
				t = &texts[at % n];
				break;
			}
		if (t == NULL)
			continue;
		verdict = TextDatumGetCString(v[1]);
		t->code = isnull[2] ? NULL : TextDatumGetCString(v[2]);
		t->rule = isnull[3] ? NULL : TextDatumGetCString(v[3]);
		if (DatumGetBool(v[15]))
		{
			/* another dispatcher's text to this contact; ours are known to be busy */
			t->fate = SF_FATE_PARK;
			t->next_at = wall + SF_PARK_LOCKED_US;
			continue;
		}
		if (!isnull[19])
		{
			t->fate = SF_FATE_CANCEL;
			t->code = "cancelled";
			t->rule = TextDatumGetCString(v[19]);
			continue;
		}
		if (strcmp(verdict, "suppress") == 0)
			continue;
		if (strcmp(verdict, "expire") == 0)
		{
			t->fate = SF_FATE_EXPIRE;
			continue;
		}
		if (strcmp(verdict, "defer") == 0)
		{
			t->fate = SF_FATE_DEFER;
			t->next_at = isnull[4] ? DT_NOEND : DatumGetTimestampTz(v[4]);
			/* no rule about this text: a row each minute would tell nothing */
			t->pacing = strcmp(t->code, "sender_unavailable") == 0;
			continue;
		}
		t->fate = SF_FATE_SEND;
		t->code = NULL;
		t->phone = TextDatumGetCString(v[5]);
		t->account = isnull[9] ? NULL : sf_config_account(DatumGetInt32(v[9]));
		t->sending = isnull[10] ? NULL : sf_config_sending(DatumGetInt32(v[10]));
		t->consent_event_id = isnull[11] ? 0 : DatumGetInt64(v[11]);
		t->expires_at = DatumGetTimestampTz(v[12]);
		t->max_attempts = isnull[13] ? sf_max_attempts : DatumGetInt32(v[13]);
		strlcpy(t->policy, TextDatumGetCString(v[14]), sizeof(t->policy));
		draft.has_template = !isnull[6];
		draft.template_version_id = isnull[6] ? 0 : DatumGetInt32(v[6]);
		draft.literal = isnull[7] ? NULL : TextDatumGetCString(v[7]);
		draft.vars = isnull[8] ? NULL : DatumGetJsonbP(v[8]);
		draft.zone = isnull[16] ? NULL : TextDatumGetCString(v[16]);
		draft.locale = isnull[17] ? NULL : TextDatumGetCString(v[17]);
		draft.region = isnull[18] ? NULL : TextDatumGetCString(v[18]);
		draft.saved = &saved;
		sf_compose(t, &draft);
		if (t->fate == SF_FATE_SEND && t->sending == NULL)
		{
			t->fate = SF_FATE_DEFER;
			t->code = "sender_unavailable";
			t->next_at = now + 60 * USECS_PER_SEC;
		}
		if (t->fate == SF_FATE_SEND)
			sf_pace(claimer, t, wall, now);
	}
	/* vars and bodies may point into the result, so it lives as long as the wave */
	hold_paused(texts, n);
}
