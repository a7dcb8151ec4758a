/*-------------------------------------------------------------------------
 *
 * fate.c
 *		Writes what was decided: permits, verdicts, new places in the queue.
 *
 * A text leaves ready in the statement or transaction that says where it goes:
 * inflight (the permit, once this transaction is durable), verdict (why it did
 * not go, or not yet), ready again at a later time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "policy/gate.h"
#include "worker/claim.h"

static SPIPlanPtr plan_permit;
static SPIPlanPtr plan_leave;
static SPIPlanPtr plan_verdict;
static SPIPlanPtr plan_again;

/*
 * Name of a fate for SQL.
 */
const char *
sf_fate_name(sf_fate fate)
{
	static const char *const names[] = {"send", "suppress", "expire", "defer", "park", "cancel"};

	return names[fate];
}

/*
 * Writes permits, verdicts and new places in the queue.
 */
void
sf_write_fates(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now)
{
	static const Oid permit_types[] = {
		TIDARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
		INT2ARRAYOID, INT2ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT2ARRAYOID,
		TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID, BOOLARRAYOID,
		TEXTARRAYOID, INT8OID, TIMESTAMPTZOID
	};
	static const Oid leave_types[] = {TIDARRAYOID};
	static const Oid verdict_types[] = {
		TIMESTAMPTZOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID
	};
	static const Oid again_types[] = {
		INT2ARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID,
		INT4ARRAYOID, INT4ARRAYOID, INT2ARRAYOID, TEXTARRAYOID
	};
	sf_array	p[20];
	sf_array	left;
	sf_array	v[8];
	sf_array	a[9];

	for (int i = 0; i < 20; i++)
		sf_array_init(&p[i], n);
	for (int i = 0; i < 8; i++)
		sf_array_init(&v[i], n);
	for (int i = 0; i < 9; i++)
		sf_array_init(&a[i], n);
	sf_array_init(&left, n);
	for (int i = 0; i < n; i++)
	{
		sf_text    *t = &texts[i];

		if (t->fate == SF_FATE_PARK)
			continue;
		if (t->fate == SF_FATE_SEND)
		{
			sf_array_add(&p[0], PointerGetDatum(&t->tid));
			sf_array_add(&p[1], Int64GetDatum(t->message_id));
			sf_array_add(&p[2], TimestampTzGetDatum(t->message_at));
			sf_array_add(&p[3], Int64GetDatum(t->contact_id));
			sf_array_add(&p[4], Int32GetDatum(t->campaign_id));
			sf_array_add(&p[5], Int32GetDatum(t->program_id));
			sf_array_add(&p[6], Int16GetDatum(t->lane));
			sf_array_add(&p[7], Int16GetDatum(t->attempt + 1));
			sf_array_add(&p[8], Int32GetDatum(t->account->provider_id));
			sf_array_add(&p[9], Int32GetDatum(t->sending->sender_id));
			sf_array_add(&p[10], Int64GetDatum(t->consent_event_id));
			sf_array_add(&p[11], Int16GetDatum(t->segments.segments));
			sf_array_add_text(&p[12], sf_encoding_name(t->segments.encoding));
			sf_array_add_text(&p[13], t->body);
			sf_array_add(&p[14], BoolGetDatum(sf_is_marketing(t->facts)));
			if (t->facts->tags != NULL)
				sf_array_add_text(&p[15], OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(t->facts->tags)));
			else
				sf_array_add_null(&p[15]);
			if (t->facts->price_currency != NULL)
				sf_array_add(&p[16], Int64GetDatum(t->facts->price_per_segment * t->segments.segments));
			else
				sf_array_add_null(&p[16]);
			sf_array_add_text(&p[17], t->facts->price_currency);
			sf_array_add(&p[18], BoolGetDatum(t->told));
			sf_array_add_text(&p[19], t->locale);
			continue;
		}
		sf_array_add(&left, PointerGetDatum(&t->tid));
		if (!t->pacing)
		{
			sf_array_add(&v[0], Int64GetDatum(t->message_id));
			sf_array_add(&v[1], Int64GetDatum(t->contact_id));
			sf_array_add(&v[2], Int32GetDatum(t->campaign_id));
			sf_array_add_text(&v[3], sf_fate_name(t->fate));
			sf_array_add_text(&v[4], t->code);
			sf_array_add_text(&v[5], t->rule);
			if (t->fate == SF_FATE_DEFER && t->next_at != DT_NOEND)
				sf_array_add(&v[6], TimestampTzGetDatum(t->next_at));
			else
				sf_array_add_null(&v[6]);
			sf_array_add_text(&v[7], t->detail);
		}
		if (t->fate == SF_FATE_DEFER)
		{
			/* no next instant: into the paused lane, until somebody resumes */
			bool		paused = t->next_at == DT_NOEND;

			sf_array_add(&a[0], Int16GetDatum(paused ? -1 - t->lane : t->lane));
			sf_array_add(&a[1], TimestampTzGetDatum(paused ? t->send_at : t->next_at));
			sf_array_add(&a[2], Int64GetDatum(t->message_id));
			sf_array_add(&a[3], TimestampTzGetDatum(t->message_at));
			sf_array_add(&a[4], Int64GetDatum(t->contact_id));
			sf_array_add(&a[5], Int32GetDatum(t->campaign_id));
			sf_array_add(&a[6], Int32GetDatum(t->program_id));
			sf_array_add(&a[7], Int16GetDatum(t->attempt));
			sf_array_add_text(&a[8], t->code);
		}
	}
	if (p[0].n > 0)
	{
		Datum		values[22];

		if (plan_permit == NULL)
			sf_plan(&plan_permit,
					psprintf("WITH gone AS (DELETE FROM %s WHERE ctid = ANY ($1)),"
							 " permitted AS (INSERT INTO %s (message_id, message_at, contact_id, campaign_id, program_id, lane,"
							 "  attempt, provider_id, sender_id, consent_event_id, segments, encoding, body, marketing, tags,"
							 "  price, price_currency, told_opt_out, locale, epoch, started_at)"
							 " SELECT u.message_id, u.message_at, u.contact_id, u.campaign_id, u.program_id, u.lane, u.attempt,"
							 "  u.provider_id, u.sender_id, u.consent_event_id, u.segments, u.encoding, u.body, u.marketing, u.tags::text[],"
							 "  pg_catalog.round(u.price / 1000000::numeric, 6), u.price_currency, u.told_opt_out, u.locale, $21, $22"
							 " FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
							 "  AS u(message_id, message_at, contact_id, campaign_id, program_id, lane, attempt, provider_id, sender_id,"
							 "   consent_event_id, segments, encoding, body, marketing, tags, price, price_currency, told_opt_out, locale)"
							 "  RETURNING campaign_id, price_currency, price)"
							 " INSERT INTO smsfollow.spend_delta (campaign_id, bucket, currency, amount)"
							 " SELECT p.campaign_id, pg_catalog.date_bin('15 minutes', $22, 'epoch'), p.price_currency, pg_catalog.sum(p.price)"
							 " FROM permitted p WHERE p.price > 0 GROUP BY 1, 3",
							 sf_shard.ready, sf_shard.inflight),
					22, permit_types);
		for (int i = 0; i < 20; i++)
			values[i] = sf_array_datum(&p[i], get_element_type(permit_types[i]));
		values[20] = Int64GetDatum(claimer->epoch);
		values[21] = TimestampTzGetDatum(now);
		sf_execute(plan_permit, values, NULL, SPI_OK_INSERT);
	}
	if (left.n > 0)
	{
		Datum		values[1];

		if (plan_leave == NULL)
			sf_plan(&plan_leave, psprintf("DELETE FROM %s WHERE ctid = ANY ($1)", sf_shard.ready), 1, leave_types);
		values[0] = sf_array_datum(&left, TIDOID);
		sf_execute(plan_leave, values, NULL, SPI_OK_DELETE);
	}
	if (v[0].n > 0)
	{
		Datum		values[9];

		sf_ensure_partition(now);
		sf_plan(&plan_verdict,
				"WITH said AS (SELECT * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9)"
				"  AS u(message_id, contact_id, campaign_id, verdict, code, rule, next_at, detail)),"
				" counted AS (INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)"
				"  SELECT s.campaign_id, pg_catalog.date_trunc('minute', $1),"
				"   CASE s.verdict WHEN 'suppress' THEN 'suppressed' WHEN 'cancel' THEN 'cancelled' WHEN 'defer' THEN 'deferred' ELSE 'expired' END,"
				"   s.code, pg_catalog.count(*)"
				"  FROM said s GROUP BY 1, 3, 4)"
				" INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule, next_at, detail)"
				" SELECT $1, s.message_id, s.contact_id, s.verdict, s.code, s.rule, s.next_at, s.detail FROM said s",
				9, verdict_types);
		values[0] = TimestampTzGetDatum(now);
		for (int i = 0; i < 8; i++)
			values[i + 1] = sf_array_datum(&v[i], get_element_type(verdict_types[i + 1]));
		sf_execute(plan_verdict, values, NULL, SPI_OK_INSERT);
	}
	if (a[0].n > 0)
	{
		Datum		values[9];

		if (plan_again == NULL)
			sf_plan(&plan_again,
					psprintf("INSERT INTO %s (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id, attempt, code)"
							 " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)", sf_shard.ready),
					9, again_types);
		for (int i = 0; i < 9; i++)
			values[i] = sf_array_datum(&a[i], get_element_type(again_types[i]));
		sf_execute(plan_again, values, NULL, SPI_OK_INSERT);
	}
}
