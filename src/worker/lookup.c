/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Texts in doubt: whom to ask, and what an answer means.
 *
 * A doubt is asked about lookup_interval after it arose, because providers
 * list a text some seconds late, and then at growing distances.  Found means
 * accepted (or refused).  Absent must be said twice before policy
 * retry_after_lookup sends again.  No policy sends a text more often than its
 * max_attempts: after the last attempt policy retry asks too, and a text that
 * the provider does not know has failed.  A doubt that cannot be resolved this
 * way stays until a receipt or a person resolves it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "settings.h"
#include "worker/transfer.h"

#define SF_MAX_LOOKUPS 10
#define SF_ABSENT_NEEDED 2

static SPIPlanPtr plan_next;
static SPIPlanPtr plan_due;
static SPIPlanPtr plan_schedule;
static SPIPlanPtr plan_end;
static SPIPlanPtr plan_absent;
static SPIPlanPtr plan_other;

/*
 * When the next doubt wants to be looked at.
 */
TimestampTz
sf_lookup_next(void)
{
	bool		isnull;
	Datum		next;

	sf_plan(&plan_next, "SELECT d.next_lookup_at FROM smsfollow.in_doubt d WHERE d.next_lookup_at IS NOT NULL"
			" ORDER BY d.next_lookup_at LIMIT 1", 0, NULL);
	sf_execute(plan_next, NULL, NULL, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return DT_NOEND;
	next = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return DatumGetTimestampTz(next);
}

/*
 * Ends a doubt; see smsfollow.end_doubt.
 */
static void
end_doubt(int64 contact_id, int64 message_id, const char *outcome, const char *reason,
		  const char *provider_message_id)
{
	static const Oid types[] = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[5];
	char		nulls[] = "     ";

	sf_plan(&plan_end, "SELECT smsfollow.end_doubt($1, $2, $3, $4, $5)", 5, types);
	values[0] = Int64GetDatum(contact_id);
	values[1] = Int64GetDatum(message_id);
	values[2] = CStringGetTextDatum(outcome);
	values[3] = CStringGetTextDatum(reason);
	values[4] = provider_message_id ? CStringGetTextDatum(provider_message_id) : (Datum) 0;
	nulls[4] = provider_message_id ? ' ' : 'n';
	sf_execute(plan_end, values, nulls, SPI_OK_SELECT);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Sets when a doubt is looked at next; DT_NOEND: not any more.
 */
static void
schedule_lookup(const sf_doubt *doubt, TimestampTz at)
{
	static const Oid types[] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		values[3];
	char		nulls[] = "   ";

	sf_plan(&plan_schedule, "UPDATE smsfollow.in_doubt SET next_lookup_at = $3, lookups = lookups + 1"
			" WHERE contact_id = $1 AND message_id = $2", 3, types);
	values[0] = Int64GetDatum(doubt->contact_id);
	values[1] = Int64GetDatum(doubt->message_id);
	values[2] = TimestampTzGetDatum(at);
	nulls[2] = at == DT_NOEND ? 'n' : ' ';
	sf_execute(plan_schedule, values, nulls, SPI_OK_UPDATE);
}

int
sf_lookup_due(sf_doubt **doubts, int limit)
{
	static const Oid types[] = {TIMESTAMPTZOID, INT8OID, INT4OID};
	TimestampTz now;
	Datum		values[3];
	SPITupleTable *rows;
	uint64		n;
	int			ask = 0;

	(void) GetCurrentTransactionId();	/* before the clock: retries go to ready */
	now = sf_clock();
	sf_plan(&plan_due,
			"SELECT d.message_id, d.contact_id, p.phone, d.body, d.provider_message_id,"
			" extract(epoch FROM d.started_at)::int8, d.provider_id, d.policy, d.lookups, d.absent,"
			" d.attempt < coalesce(c.max_attempts, $3)"
			" FROM smsfollow.in_doubt d JOIN smsfollow.campaign c USING (campaign_id)"
			" LEFT JOIN smsfollow.contact_phone p USING (contact_id)"
			" WHERE d.next_lookup_at <= $1 ORDER BY d.next_lookup_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED", 3, types);
	values[0] = TimestampTzGetDatum(now);
	values[1] = Int64GetDatum(limit);
	values[2] = Int32GetDatum(sf_max_attempts);
	sf_execute(plan_due, values, NULL, SPI_OK_SELECT);
	rows = SPI_tuptable;
	n = SPI_processed;
	*doubts = palloc0(sizeof(sf_doubt) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		sf_doubt   *d = &(*doubts)[ask];
		Datum		v[11];
		bool		isnull[11];
		sf_account *account;

		heap_deform_tuple(rows->vals[i], rows->tupdesc, v, isnull);
		d->message_id = DatumGetInt64(v[0]);
		d->contact_id = DatumGetInt64(v[1]);
		d->phone = isnull[2] ? NULL : TextDatumGetCString(v[2]);
		d->body = TextDatumGetCString(v[3]);
		d->provider_message_id = isnull[4] ? NULL : TextDatumGetCString(v[4]);
		d->sent_at = DatumGetInt64(v[5]);
		d->provider_id = DatumGetInt32(v[6]);
		d->policy = TextDatumGetCString(v[7]);
		d->lookups = DatumGetInt16(v[8]);
		d->absent = DatumGetInt16(v[9]);
		account = sf_config_account(d->provider_id);
		if (strcmp(d->policy, "drop") == 0)
			end_doubt(d->contact_id, d->message_id, "rejected", "dropped", NULL);
		else if (strcmp(d->policy, "retry") == 0 && DatumGetBool(v[10]))
			end_doubt(d->contact_id, d->message_id, "retry", "ambiguous", NULL);
		else if (d->lookups >= SF_MAX_LOOKUPS || d->phone == NULL ||
				 account == NULL || account->provider == NULL ||
				 !(sf_provider_can_lookup_by_recipient(account->provider) ||
				   (d->provider_message_id != NULL && sf_provider_can_lookup_by_id(account->provider))))
			schedule_lookup(d, DT_NOEND);
		else
		{
			schedule_lookup(d, now + ((int64) sf_lookup_interval * 1000 << Min(d->lookups, 8)));
			ask++;
		}
	}
	SPI_freetuptable(rows);
	return ask;
}

/*
 * Is this provider id known as that of another text?
 */
static bool
is_another_text(int64 message_id, const char *provider_message_id)
{
	static const Oid types[] = {TEXTOID, INT8OID};
	Datum		values[2];
	bool		found;

	if (provider_message_id == NULL)
		return false;
	sf_plan(&plan_other, "SELECT 1 FROM smsfollow.attempt a WHERE a.provider_message_id = $1 AND a.message_id <> $2 LIMIT 1",
			2, types);
	values[0] = CStringGetTextDatum(provider_message_id);
	values[1] = Int64GetDatum(message_id);
	sf_execute(plan_other, values, NULL, SPI_OK_SELECT);
	found = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

void
sf_lookup_settle(const sf_doubt_result *results, int n)
{
	static const Oid types[] = {INT8OID, INT8OID, INT4OID, INT4OID};

	for (int i = 0; i < n; i++)
	{
		const sf_doubt_result *r = &results[i];
		Datum		values[4];
		char	   *end;

		switch (r->kind)
		{
			case SF_DOUBT_ACCEPTED:
				if (is_another_text(r->message_id, r->provider_message_id))
					break;		/* an equal text to the same contact: says nothing about this one */
				end_doubt(r->contact_id, r->message_id, "accepted", "lookup", r->provider_message_id);
				break;
			case SF_DOUBT_REJECTED:
				end_doubt(r->contact_id, r->message_id, "rejected", "lookup", r->provider_message_id);
				break;
			case SF_DOUBT_ABSENT:
				sf_plan(&plan_absent,
						"UPDATE smsfollow.in_doubt d SET absent = d.absent + 1,"
						" next_lookup_at = CASE WHEN d.absent + 1 >= $3 THEN NULL ELSE d.next_lookup_at END,"
						" evidence = d.evidence || CASE WHEN d.absent + 1 >= $3 THEN '; the provider does not know it' ELSE '' END"
						" FROM smsfollow.campaign c"
						" WHERE d.contact_id = $1 AND d.message_id = $2 AND c.campaign_id = d.campaign_id"
						" RETURNING CASE WHEN d.absent < $3 OR d.policy NOT IN ('retry_after_lookup', 'retry') THEN 'none'"
						"  WHEN d.attempt < coalesce(c.max_attempts, $4) THEN 'retry' ELSE 'rejected' END", 4, types);
				values[0] = Int64GetDatum(r->contact_id);
				values[1] = Int64GetDatum(r->message_id);
				values[2] = Int32GetDatum(SF_ABSENT_NEEDED);
				values[3] = Int32GetDatum(sf_max_attempts);
				sf_execute(plan_absent, values, NULL, SPI_OK_UPDATE_RETURNING);
				if (SPI_processed == 0)
					break;		/* resolved meanwhile */
				end = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
				if (strcmp(end, "retry") == 0)
					end_doubt(r->contact_id, r->message_id, end, "lookup", NULL);
				else if (strcmp(end, "rejected") == 0)
					end_doubt(r->contact_id, r->message_id, end, "max_attempts", NULL);
				break;
			case SF_DOUBT_INCONCLUSIVE:
				break;
		}
	}
}
