/*-------------------------------------------------------------------------
 *
 * settle.c
 *		Records what became of permitted texts, in batches.
 *
 * Every result is fenced by (contact, message, epoch): a lease that is gone
 * (the text was put in doubt by a later dispatcher) is not written again.
 * One statement moves a batch: inflight rows go, attempts come, retries return
 * to ready, doubts to in_doubt, and one KPI row is added a campaign and metric.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "settings.h"
#include "worker/dispatch.h"

static SPIPlanPtr plan_settle;
static SPIPlanPtr plan_any;
static SPIPlanPtr plan_recover;
static SPIPlanPtr plan_note;
static SPIPlanPtr plan_correct;
static SPIPlanPtr plan_believe;
static SPIPlanPtr plan_partition;

/* Counts a batch of attempts, and what they cost; $1 is now, "gone" the rows. */
#define COUNT_ATTEMPTS \
	" counted AS (INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n, cost)" \
	"  SELECT g.campaign_id, pg_catalog.date_trunc('minute', $1), k.metric, k.reason, pg_catalog.sum(k.n), pg_catalog.sum(k.cost)" \
	"  FROM gone g CROSS JOIN LATERAL (VALUES" \
	"   (CASE g.outcome WHEN 'rejected' THEN 'failed' WHEN 'retry' THEN 'retried' ELSE g.outcome END," \
	"    CASE WHEN g.outcome IN ('rejected', 'retry') THEN g.reason ELSE '' END, 1, 0::numeric)," \
	"   ('segments', '', CASE g.outcome WHEN 'accepted' THEN g.billed ELSE 0 END, 0)," \
	"   ('cost', coalesce(g.currency, ''), 0, coalesce(g.cost, 0))) AS k(metric, reason, n, cost)" \
	"  WHERE k.n <> 0 OR k.cost <> 0 GROUP BY 1, 3, 4)," \
	" spent AS (INSERT INTO smsfollow.spend_delta (campaign_id, bucket, currency, amount)" \
	"  SELECT g.campaign_id, pg_catalog.date_bin('15 minutes', g.started_at, 'epoch'), k.currency, pg_catalog.sum(k.amount)" \
	"  FROM gone g CROSS JOIN LATERAL (VALUES" \
	"   (g.price_currency, CASE WHEN g.outcome IN ('rejected', 'retry')" \
	"    OR g.outcome = 'accepted' AND g.cost IS NOT NULL AND g.currency IS NOT NULL THEN - g.price END)," \
	"   (g.currency, CASE WHEN g.outcome = 'accepted' THEN g.cost END)) AS k(currency, amount)" \
	"  WHERE k.amount <> 0 AND k.currency IS NOT NULL GROUP BY 1, 2, 3)"

/* Remembers which of the rows of "gone" told how to opt out. */
#define TELL_OPT_OUT \
	" told AS (INSERT INTO smsfollow.opt_out_told AS t (contact_id, program_id, at, message_id)" \
	"  SELECT g.contact_id, g.program_id, g.started_at, g.message_id FROM gone g" \
	"  WHERE g.told_opt_out AND g.outcome IN ('accepted', 'in_doubt') ORDER BY g.contact_id" \
	"  ON CONFLICT (contact_id, program_id) DO UPDATE" \
	"  SET at = excluded.at, message_id = excluded.message_id, before_at = t.at),"

/*
 * Backoff: base * 2^(failures - 1), at most the cap, spread over half of it so
 * that texts that failed together do not come back together.
 */
TimestampTz
sf_backoff(TimestampTz now, int failures)
{
	double		ms = sf_retry_base;

	for (int i = 1; i < failures && ms < sf_retry_cap; i++)
		ms *= 2;
	ms = Min(ms, (double) sf_retry_cap);
	return now + (TimestampTz) (ms * 1000 * (0.5 + pg_prng_double(&pg_global_prng_state) / 2));
}

/*
 * Makes sure that rows of now have a partition; a look-up in the catalog.
 */
void
sf_ensure_partition(TimestampTz now)
{
	static const Oid types[] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(now)};

	sf_plan(&plan_partition, "SELECT smsfollow.ensure_partition($1)", 1, types);
	sf_execute(plan_partition, values, NULL, SPI_OK_SELECT);
}

/*
 * Texts put in doubt or back into the queue, of which more is known.  Those
 * whose receipt came before: the provider has taken them, so they are neither
 * in doubt nor tried again.  And those that were cancelled on their way.
 */
static void
correct(const sf_result *results, int nresults)
{
	static const Oid types[] = {INT8ARRAYOID, INT8ARRAYOID};
	sf_array	contacts;
	sf_array	messages;
	Datum		values[2];

	sf_array_init(&contacts, nresults);
	sf_array_init(&messages, nresults);
	for (int i = 0; i < nresults; i++)
		if (strcmp(results[i].outcome, "in_doubt") == 0 || strcmp(results[i].outcome, "retry") == 0)
		{
			sf_array_add(&contacts, Int64GetDatum(results[i].contact_id));
			sf_array_add(&messages, Int64GetDatum(results[i].message_id));
		}
	if (contacts.n == 0)
		return;
	sf_plan(&plan_correct, "SELECT smsfollow.believe_receipts($1, $2), smsfollow.drop_cancelled($1, $2)", 2, types);
	values[0] = sf_array_datum(&contacts, INT8OID);
	values[1] = sf_array_datum(&messages, INT8OID);
	sf_execute(plan_correct, values, NULL, SPI_OK_SELECT);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Writes a batch of results; what the provider said about recipients goes
 * into the ledger in the same transaction.
 */
int
sf_settle(int64 epoch, const sf_result *results, int nresults)
{
	static const Oid types[] = {
		TIMESTAMPTZOID, INT8OID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT2ARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID
	};
	sf_array	a[15];
	Datum		values[17];
	int			settled;
	TimestampTz now;

	/* transaction id before the clock: retries go to ready, see claim.c */
	(void) GetCurrentTransactionId();
	now = sf_clock();
	for (int i = 0; i < 15; i++)
		sf_array_init(&a[i], nresults);
	for (int i = 0; i < nresults; i++)
	{
		const sf_result *r = &results[i];

		sf_array_add(&a[0], Int64GetDatum(r->contact_id));
		sf_array_add(&a[1], Int64GetDatum(r->message_id));
		sf_array_add_text(&a[2], r->outcome);
		sf_array_add_text(&a[3], r->reason);
		sf_array_add_text(&a[4], r->provider_message_id);
		sf_array_add(&a[5], Int16GetDatum(Min(r->segments, PG_INT16_MAX)));
		sf_array_add_text(&a[6], r->cost);
		sf_array_add_text(&a[7], r->currency);
		if (r->http_status > 0)
			sf_array_add(&a[8], Int16GetDatum(Min(r->http_status, PG_INT16_MAX)));
		else
			sf_array_add_null(&a[8]);
		sf_array_add_text(&a[9], r->error_code);
		sf_array_add_text(&a[10], r->error_text);
		if (r->retry_at != DT_NOEND)
			sf_array_add(&a[11], TimestampTzGetDatum(r->retry_at));
		else
			sf_array_add_null(&a[11]);
		sf_array_add(&a[12], BoolGetDatum(r->counts));
		if (r->next_lookup_at != DT_NOEND)
			sf_array_add(&a[13], TimestampTzGetDatum(r->next_lookup_at));
		else
			sf_array_add_null(&a[13]);
		sf_array_add_text(&a[14], r->policy);
	}
	if (plan_settle == NULL)
		sf_plan(&plan_settle,
				psprintf("WITH gone AS (DELETE FROM %s i"
						 "  USING unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
						 "   AS r(contact_id, message_id, outcome, reason, provider_message_id, segments, cost, currency,"
						 "    http_status, error_code, error_text, retry_at, counts, next_lookup_at, policy)"
						 "  CROSS JOIN LATERAL (SELECT x.ctid FROM %s x WHERE x.contact_id = r.contact_id"
						 "   AND x.message_id = r.message_id AND x.epoch = $2 OFFSET 0) l(tid)"
						 "  WHERE i.ctid = l.tid"
						 "  RETURNING i.*, r.outcome, r.reason, r.provider_message_id, r.cost::numeric AS cost, r.currency, r.http_status,"
						 "   r.error_code, r.error_text, r.retry_at, r.counts, r.next_lookup_at, r.policy,"
						 "   CASE WHEN r.segments > 0 THEN r.segments ELSE i.segments END AS billed),"
						 " tried AS (INSERT INTO smsfollow.attempt (at, message_id, contact_id, campaign_id, attempt, epoch, started_at,"
						 "   outcome, reason, provider_id, sender_id, provider_message_id, consent_event_id, segments, encoding, locale, cost,"
						 "   currency, http_status, error_code, error_text, retry_at, body, program_id, marketing, tags, price, price_currency)"
						 "  SELECT $1, g.message_id, g.contact_id, g.campaign_id, g.attempt, g.epoch, g.started_at,"
						 "   g.outcome, g.reason, g.provider_id, g.sender_id, g.provider_message_id, nullif(g.consent_event_id, 0),"
						 "   g.billed, g.encoding, g.locale, g.cost, g.currency, g.http_status, g.error_code, g.error_text, g.retry_at, g.body,"
						 "   g.program_id, g.marketing, g.tags, g.price, g.price_currency"
						 "  FROM gone g),"
						 " again AS (INSERT INTO %s (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id, attempt, code)"
						 "  SELECT g.lane, g.retry_at, g.message_id, g.message_at, g.contact_id, g.campaign_id, g.program_id,"
						 "   g.attempt - CASE WHEN g.counts THEN 0 ELSE 1 END, 'retry'"
						 "  FROM gone g WHERE g.outcome = 'retry'),"
						 " doubted AS (INSERT INTO smsfollow.in_doubt (message_id, message_at, contact_id, campaign_id, program_id, lane,"
						 "   attempt, started_at, since, evidence, provider_id, sender_id, consent_event_id, segments, encoding, locale, body,"
						 "   provider_message_id, policy, next_lookup_at, marketing, tags, price, price_currency)"
						 "  SELECT g.message_id, g.message_at, g.contact_id, g.campaign_id, g.program_id, g.lane, g.attempt, g.started_at,"
						 "   $1, coalesce(g.error_text, g.reason), g.provider_id, g.sender_id, nullif(g.consent_event_id, 0), g.segments,"
						 "   g.encoding, g.locale, g.body, g.provider_message_id, g.policy, g.next_lookup_at, g.marketing, g.tags, g.price, g.price_currency"
						 "  FROM gone g WHERE g.outcome = 'in_doubt'),"
						 TELL_OPT_OUT
						 COUNT_ATTEMPTS
						 " SELECT pg_catalog.count(*) FROM gone",
						 sf_shard.inflight, sf_shard.inflight, sf_shard.ready),
				17, types);
	values[0] = TimestampTzGetDatum(now);
	values[1] = Int64GetDatum(epoch);
	for (int i = 0; i < 15; i++)
		values[i + 2] = sf_array_datum(&a[i], get_element_type(types[i + 2]));
	sf_ensure_partition(now);
	sf_execute(plan_settle, values, NULL, SPI_OK_SELECT);
	{
		bool		isnull;

		settled = (int) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	correct(results, nresults);

	for (int i = 0; i < nresults; i++)
	{
		static const Oid note_types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID};
		const sf_result *r = &results[i];
		Datum		note[4];
		char		nulls[] = "    ";

		if (strcmp(r->outcome, "rejected") != 0 ||
			(strcmp(r->reason, "opted_out") != 0 && strcmp(r->reason, "bad_recipient") != 0))
			continue;
		sf_plan(&plan_note, "SELECT smsfollow.note_recipient($1, $2, $3, $4)", 4, note_types);
		note[0] = Int64GetDatum(r->contact_id);
		note[1] = Int32GetDatum(r->program_id);
		note[2] = CStringGetTextDatum(r->reason);
		note[3] = r->error_code ? CStringGetTextDatum(r->error_code) : (Datum) 0;
		nulls[3] = r->error_code ? ' ' : 'n';
		sf_execute(plan_note, note, nulls, SPI_OK_SELECT);
		SPI_freetuptable(SPI_tuptable);
	}
	return settled;
}

/*
 * Puts in doubt what an earlier dispatcher left in flight: it was permitted,
 * and nobody can say how far it came.
 */
int
sf_settle_recover(int64 epoch)
{
	static const Oid types[] = {TIMESTAMPTZOID, INT8OID};
	Datum		values[2];
	int			recovered;
	bool		isnull;
	TimestampTz now;

	/* nothing is written where nothing was in flight: a restore may be under way */
	if (plan_any == NULL)
		sf_plan(&plan_any, psprintf("SELECT 1 FROM %s LIMIT 1", sf_shard.inflight), 0, NULL);
	sf_execute(plan_any, NULL, NULL, SPI_OK_SELECT);
	SPI_freetuptable(SPI_tuptable);
	if (SPI_processed == 0)
		return 0;

	(void) GetCurrentTransactionId();
	now = sf_clock();
	if (plan_recover == NULL)
		sf_plan(&plan_recover,
				psprintf("WITH gone AS (DELETE FROM %s i USING smsfollow.campaign c"
						 "  WHERE c.campaign_id = i.campaign_id AND i.epoch <> $2"
						 "  RETURNING i.*, 'in_doubt'::text AS outcome, 'worker_died'::text AS reason, NULL::numeric AS cost,"
						 "   NULL::text AS currency, 0 AS billed, c.in_doubt_policy AS policy),"
						 " tried AS (INSERT INTO smsfollow.attempt (at, message_id, contact_id, campaign_id, attempt, epoch, started_at,"
						 "   outcome, reason, provider_id, sender_id, consent_event_id, segments, encoding, locale, body,"
						 "   program_id, marketing, tags, price, price_currency)"
						 "  SELECT $1, g.message_id, g.contact_id, g.campaign_id, g.attempt, g.epoch, g.started_at, g.outcome, g.reason,"
						 "   g.provider_id, g.sender_id, nullif(g.consent_event_id, 0), g.segments, g.encoding, g.locale, g.body,"
						 "   g.program_id, g.marketing, g.tags, g.price, g.price_currency FROM gone g),"
						 " doubted AS (INSERT INTO smsfollow.in_doubt (message_id, message_at, contact_id, campaign_id, program_id, lane,"
						 "   attempt, started_at, since, evidence, provider_id, sender_id, consent_event_id, segments, encoding, locale, body,"
						 "   policy, next_lookup_at, marketing, tags, price, price_currency)"
						 "  SELECT g.message_id, g.message_at, g.contact_id, g.campaign_id, g.program_id, g.lane, g.attempt, g.started_at,"
						 "   $1, 'the worker ended before it recorded the answer', g.provider_id, g.sender_id, nullif(g.consent_event_id, 0),"
						 "   g.segments, g.encoding, g.locale, g.body, g.policy, $1, g.marketing, g.tags, g.price, g.price_currency"
						 "  FROM gone g),"
						 TELL_OPT_OUT
						 COUNT_ATTEMPTS
						 " SELECT pg_catalog.count(*), pg_catalog.array_agg(g.contact_id), pg_catalog.array_agg(g.message_id) FROM gone g",
						 sf_shard.inflight),
				2, types);
	values[0] = TimestampTzGetDatum(now);
	values[1] = Int64GetDatum(epoch);
	sf_ensure_partition(now);
	sf_execute(plan_recover, values, NULL, SPI_OK_SELECT);
	recovered = (int) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (recovered > 0)
	{
		static const Oid believe_types[] = {INT8ARRAYOID, INT8ARRAYOID};

		values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		values[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
		sf_plan(&plan_believe, "SELECT smsfollow.believe_receipts($1, $2)", 2, believe_types);
		sf_execute(plan_believe, values, NULL, SPI_OK_SELECT);
	}
	return recovered;
}
