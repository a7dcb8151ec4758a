/*-------------------------------------------------------------------------
 *
 * claim.c
 *		One wave: take due texts, ask the gate, render, give the permit.
 *
 * Four steps in one READ COMMITTED transaction of the caller:
 *
 *	look	due rows of one lane past the low-water mark, in claim order
 *	lock	their contacts and the rows, skipping what others hold
 *	decide	(decide.c) the gate, in a statement of its own: its snapshot is taken
 *			after the locks, so every opt-out that committed before is seen, and
 *			one that comes later waits for this transaction
 *	write	(fate.c) inflight for what may go, verdicts for what may not, ready
 *			again for what may go later
 *
 * The commit of that transaction is the permit to send.
 *
 * Low-water mark.  Rows leave the head of ready's index all the time, and
 * under a pinned snapshot their dead entries stay there; so a claim starts
 * past the last key it saw.  That is safe only if no row can appear behind the
 * mark.  Enqueueing takes a transaction id first and reads the clock second,
 * and a row is never due before that reading.  Let X be the next transaction
 * id, read after the clock showed T.  A row that a later statement cannot see,
 * while every transaction id below X has ended, belongs to an id assigned
 * after X was read, so it is due at T or later.  Hence: remember (X, T) of one
 * claim, and once a later snapshot's xmin has reached X, T is safe for all
 * marks.  (A snapshot's xmax would not do for X: it is one more than the
 * newest id that has ended, and ids above it may be running since long ago.)
 * A clock step can break the argument; a sweep from the start
 * every minute finds what was missed, and counts it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "settings.h"
#include "worker/claim.h"
#include "worker/worker.h"

#define SF_SWEEP_INTERVAL_US (60 * USECS_PER_SEC)

const sf_queue_shard sf_shard = {
	.ready = "smsfollow.ready",
	.inflight = "smsfollow.inflight",
	.contact_state = "smsfollow.contact_state",
};

/* Shares of the worker's waves while every lane has due texts. */
static const int lane_weight[SF_LANES] = {8, 4, 2, 1};

static SPIPlanPtr plan_due;
static SPIPlanPtr plan_look;
static SPIPlanPtr plan_look_parked;
static SPIPlanPtr plan_lock;

/*
 * A claimer that has seen nothing yet: its first claims sweep.  May be called
 * again for a new epoch.
 */
void
sf_claimer_init(sf_claimer *claimer, int64 epoch)
{
	sf_parked  *parked = claimer->parked;

	if (parked == NULL)
		parked = MemoryContextAlloc(TopMemoryContext, sizeof(sf_parked) * SF_MAX_PARKED);
	memset(claimer, 0, sizeof(*claimer));
	claimer->epoch = epoch;
	claimer->safe = DT_NOBEGIN;
	claimer->parked = parked;
	for (int lane = 0; lane < SF_LANES; lane++)
	{
		claimer->mark[lane] = DT_NOBEGIN;
		claimer->old_mark[lane] = DT_NOBEGIN;
		claimer->due[lane] = DT_NOBEGIN;
	}
	claimer->last_sweep = GetCurrentTimestamp();
}

/*
 * Forgets the marks, so that the next claims see all rows.
 */
void
sf_claim_sweep(sf_claimer *claimer)
{
	for (int lane = 0; lane < SF_LANES; lane++)
	{
		if (claimer->mark[lane] != DT_NOBEGIN)
			claimer->old_mark[lane] = claimer->mark[lane];
		claimer->mark[lane] = DT_NOBEGIN;
		claimer->mark_id[lane] = 0;
		claimer->due[lane] = DT_NOBEGIN;
	}
	claimer->last_sweep = GetCurrentTimestamp();
	claimer->sweeps++;
}

/*
 * Moves the safe time on, see the head of this file.  Called before the
 * statement that looks, so its snapshot is at least as new as this one.
 */
static void
advance_safe_time(sf_claimer *claimer)
{
	TimestampTz now = sf_clock();
	Snapshot	snapshot = GetLatestSnapshot();
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);
	FullTransactionId xmin;

	/* a snapshot knows 32 bits; its xmin is within 2^31 of the next id */
	if (snapshot->xmin > XidFromFullTransactionId(next))
		epoch--;
	xmin = FullTransactionIdFromEpochAndXid(epoch, snapshot->xmin);

	if (claimer->have_candidate &&
		!FullTransactionIdPrecedes(xmin, claimer->candidate_xid))
	{
		claimer->safe = Max(claimer->safe, claimer->candidate_time);
		claimer->have_candidate = false;
	}
	if (!claimer->have_candidate)
	{
		claimer->candidate_xid = next;
		claimer->candidate_time = now;
		claimer->have_candidate = true;
	}
}

/*
 * Reads the earliest due time of each lane past its mark.
 */
TimestampTz
sf_claim_next_due(sf_claimer *claimer)
{
	TimestampTz earliest = DT_NOEND;
	TimestampTz wall = GetCurrentTimestamp();
	Datum		values[SF_LANES * 2];
	Oid			types[SF_LANES * 2];

	if (wall - claimer->last_sweep >= SF_SWEEP_INTERVAL_US || wall < claimer->last_sweep)
		sf_claim_sweep(claimer);
	for (int lane = 0; lane < SF_LANES; lane++)
	{
		types[lane * 2] = TIMESTAMPTZOID;
		types[lane * 2 + 1] = INT8OID;
		values[lane * 2] = TimestampTzGetDatum(claimer->mark[lane]);
		values[lane * 2 + 1] = Int64GetDatum(claimer->mark_id[lane]);
	}
	if (plan_due == NULL)
	{
		StringInfoData sql;

		initStringInfo(&sql);
		for (int lane = 0; lane < SF_LANES; lane++)
			appendStringInfo(&sql, "%s (SELECT r.send_at FROM %s r WHERE r.lane = %d::smallint"
							 " AND (r.send_at, r.message_id) > ($%d, $%d)"
							 " ORDER BY r.lane, r.send_at, r.message_id LIMIT 1)",
							 lane == 0 ? "SELECT" : ",", sf_shard.ready, lane,
							 lane * 2 + 1, lane * 2 + 2);
		sf_plan(&plan_due, sql.data, SF_LANES * 2, types);
	}
	sf_execute(plan_due, values, NULL, SPI_OK_SELECT);
	for (int lane = 0; lane < SF_LANES; lane++)
	{
		bool		isnull;
		Datum		due = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, lane + 1, &isnull);

		claimer->due[lane] = isnull ? DT_NOEND : DatumGetTimestampTz(due);
		earliest = Min(earliest, claimer->due[lane]);
	}
	for (int i = 0; i < claimer->nparked; i++)
		if (claimer->parked[i].offer_at != DT_NOEND)
		{
			/* offer_at is wall time; callers compare with the clock of the rules */
			earliest = Min(earliest, claimer->parked[i].offer_at + (sf_clock() - wall));
		}
	SPI_freetuptable(SPI_tuptable);
	return earliest;
}

/*
 * The lane whose turn it is among those with due texts, or -1.  Smooth
 * weighted round robin, so that bulk never starves and never blocks.
 */
static int
choose_lane(sf_claimer *claimer, TimestampTz now)
{
	int			best = -1;
	int			total = 0;

	for (int lane = 0; lane < SF_LANES; lane++)
	{
		if (claimer->due[lane] > now)
			continue;
		claimer->credit[lane] += lane_weight[lane];
		total += lane_weight[lane];
		if (best < 0 || claimer->credit[lane] > claimer->credit[best])
			best = lane;
	}
	if (best >= 0)
		claimer->credit[best] -= total;
	return best;
}

/*
 * Remembers a text that stays in ready behind the mark; urgent lanes first.
 */
static void
park(sf_claimer *claimer, const sf_text *text, TimestampTz offer_at)
{
	sf_parked  *p;
	int			place = claimer->nparked;

	if (claimer->nparked == SF_MAX_PARKED)
	{
		/* no room to remember: look at everything again in a second */
		claimer->last_sweep = GetCurrentTimestamp() - SF_SWEEP_INTERVAL_US + USECS_PER_SEC;
		return;
	}
	while (place > 0 && claimer->parked[place - 1].lane > text->lane)
		place--;
	p = &claimer->parked[place];
	memmove(p + 1, p, sizeof(sf_parked) * (claimer->nparked - place));
	claimer->nparked++;
	p->lane = text->lane;
	p->send_at = text->send_at;
	p->message_id = text->message_id;
	p->contact_id = text->contact_id;
	p->provider_id = text->full ? text->account->provider_id : 0;
	p->offer_at = offer_at;
}

/*
 * Is this text remembered already, at this place in the queue?  (Pause and
 * resume, or a retry, give it another one.)
 */
static bool
is_parked(const sf_claimer *claimer, const sf_text *text)
{
	for (int i = 0; i < claimer->nparked; i++)
	{
		const sf_parked *p = &claimer->parked[i];

		if (p->message_id == text->message_id && p->send_at == text->send_at && p->lane == text->lane)
			return true;
	}
	return false;
}

/*
 * May this parked text be offered now?
 */
static bool
may_offer(const sf_claimer *claimer, const sf_parked *p, TimestampTz wall)
{
	sf_account *account;

	if (p->offer_at != DT_NOEND)
		return p->offer_at <= wall;
	if (p->provider_id == 0)
		return !(claimer->busy && claimer->busy(claimer->busy_arg, p->contact_id));
	account = sf_config_account(p->provider_id);
	if (account == NULL)
		return true;
	if (!sf_has_room(account, account->offered))
		return false;
	account->offered++;
	return true;
}

/*
 * Takes over one row of a look statement.
 */
static void
read_candidate(HeapTuple tuple, TupleDesc desc, sf_text *text)
{
	bool		isnull;

	memset(text, 0, sizeof(*text));
	text->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 1, &isnull));
	text->lane = DatumGetInt16(SPI_getbinval(tuple, desc, 2, &isnull));
	text->send_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
	text->message_id = DatumGetInt64(SPI_getbinval(tuple, desc, 4, &isnull));
	text->message_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 5, &isnull));
	text->contact_id = DatumGetInt64(SPI_getbinval(tuple, desc, 6, &isnull));
	text->campaign_id = DatumGetInt32(SPI_getbinval(tuple, desc, 7, &isnull));
	text->program_id = DatumGetInt32(SPI_getbinval(tuple, desc, 8, &isnull));
	text->attempt = DatumGetInt16(SPI_getbinval(tuple, desc, 9, &isnull));
	text->returned = DatumGetBool(SPI_getbinval(tuple, desc, 10, &isnull));
	text->fate = SF_FATE_PARK;
}

#define LOOK_COLUMNS "r.ctid, r.lane, r.send_at, r.message_id, r.message_at, r.contact_id, r.campaign_id, r.program_id, r.attempt, r.code IS NOT NULL OR r.attempt > 0"

/*
 * Parked texts whose time has come again.  Those that are not in ready any
 * more were cancelled or suppressed.
 */
static int
look_parked(sf_claimer *claimer, int limit, sf_text *texts)
{
	static const Oid types[] = {INT2ARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID};
	TimestampTz wall = GetCurrentTimestamp();
	sf_array	lanes;
	sf_array	times;
	sf_array	ids;
	int			kept = 0;
	int			n;
	Datum		values[3];

	if (claimer->nparked == 0)
		return 0;
	for (int i = 0; i < claimer->nparked; i++)
	{
		sf_account *account = sf_config_account(claimer->parked[i].provider_id);

		if (account != NULL)
			account->offered = 0;
	}
	sf_array_init(&lanes, limit);
	sf_array_init(&times, limit);
	sf_array_init(&ids, limit);
	for (int i = 0; i < claimer->nparked; i++)
	{
		sf_parked  *p = &claimer->parked[i];

		if (ids.n < limit && may_offer(claimer, p, wall))
		{
			sf_array_add(&lanes, Int16GetDatum(p->lane));
			sf_array_add(&times, TimestampTzGetDatum(p->send_at));
			sf_array_add(&ids, Int64GetDatum(p->message_id));
		}
		else
			claimer->parked[kept++] = *p;
	}
	claimer->nparked = kept;
	if (ids.n == 0)
		return 0;
	if (plan_look_parked == NULL)
		sf_plan(&plan_look_parked,
				psprintf("SELECT " LOOK_COLUMNS " FROM unnest($1, $2, $3) AS p(lane, send_at, message_id)"
						 " CROSS JOIN LATERAL (SELECT x.ctid, x.* FROM %s x WHERE x.lane = p.lane"
						 "  AND x.send_at = p.send_at AND x.message_id = p.message_id OFFSET 0) r"
						 " ORDER BY r.send_at, r.message_id", sf_shard.ready),
				3, types);
	values[0] = sf_array_datum(&lanes, INT2OID);
	values[1] = sf_array_datum(&times, TIMESTAMPTZOID);
	values[2] = sf_array_datum(&ids, INT8OID);
	sf_execute(plan_look_parked, values, NULL, SPI_OK_SELECT);
	n = Min((int) SPI_processed, limit);
	for (int i = 0; i < n; i++)
		read_candidate(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &texts[i]);
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/*
 * Due rows of a lane past its mark; moves the mark.  What is parked waits for
 * its own turn: it is passed over, and must not use up the limit, or nothing
 * behind it would be seen while the safe time stands still.
 */
static int
look(sf_claimer *claimer, int lane, TimestampTz now, int limit, sf_text *texts)
{
	static const Oid types[] = {INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID};
	Datum		values[5];
	int			most = limit + claimer->nparked;
	int			n = 0;
	int			rows = 0;
	TimestampTz seen = now;
	int64		seen_id = PG_INT64_MAX;

	if (plan_look == NULL)
		sf_plan(&plan_look,
				psprintf("SELECT " LOOK_COLUMNS " FROM %s r"
						 " WHERE r.lane = $1 AND (r.send_at, r.message_id) > ($2, $3) AND r.send_at <= $4"
						 " ORDER BY r.lane, r.send_at, r.message_id LIMIT $5", sf_shard.ready),
				5, types);
	values[0] = Int16GetDatum(lane);
	values[1] = TimestampTzGetDatum(claimer->mark[lane]);
	values[2] = Int64GetDatum(claimer->mark_id[lane]);
	values[3] = TimestampTzGetDatum(now);
	values[4] = Int64GetDatum(most);
	sf_execute(plan_look, values, NULL, SPI_OK_SELECT);
	for (; rows < (int) SPI_processed && n < limit; rows++)
	{
		sf_text    *text = &texts[n];

		read_candidate(SPI_tuptable->vals[rows], SPI_tuptable->tupdesc, text);
		seen = text->send_at;
		seen_id = text->message_id;
		if (is_parked(claimer, text))
			continue;
		if (text->send_at < claimer->old_mark[lane])
			claimer->missed++;
		n++;
	}
	if (rows == (int) SPI_processed && rows < most)
	{
		seen = now;
		seen_id = PG_INT64_MAX;
		claimer->due[lane] = DT_NOEND;
		claimer->old_mark[lane] = DT_NOBEGIN;
	}
	else
		claimer->due[lane] = seen;
	SPI_freetuptable(SPI_tuptable);
	/* a row due at the very moment of the safe time may still appear */
	if (seen < claimer->safe)
	{
		claimer->mark[lane] = seen;
		claimer->mark_id[lane] = seen_id;
	}
	else if (claimer->safe > claimer->mark[lane])
	{
		claimer->mark[lane] = claimer->safe;
		claimer->mark_id[lane] = 0;
	}
	return n;
}

/*
 * Locks contact and row of each candidate; what somebody else holds stays
 * SF_FATE_PARK, the rest becomes SF_FATE_SEND for now.
 */
static void
lock_candidates(sf_claimer *claimer, sf_text *texts, int n)
{
	static const Oid types[] = {TIDARRAYOID, INT8ARRAYOID};
	sf_array	tids;
	sf_array	contacts;
	Datum		values[2];

	sf_array_init(&tids, n);
	sf_array_init(&contacts, n);
	for (int i = 0; i < n; i++)
	{
		bool		taken = claimer->busy && claimer->busy(claimer->busy_arg, texts[i].contact_id);

		/* one text a contact and wave: the earliest */
		for (int k = 0; k < i && !taken; k++)
			taken = texts[k].contact_id == texts[i].contact_id;
		if (taken)
			texts[i].next_at = DT_NOEND;	/* when the other one is settled */
		else
		{
			sf_array_add(&tids, PointerGetDatum(&texts[i].tid));
			sf_array_add(&contacts, Int64GetDatum(texts[i].contact_id));
		}
	}
	if (tids.n == 0)
		return;
	if (plan_lock == NULL)
		sf_plan(&plan_lock,
				psprintf("SELECT r.ctid, r.message_id FROM unnest($1, $2) AS u(tid, contact_id)"
						 " CROSS JOIN LATERAL (SELECT x.contact_id FROM %s x WHERE x.contact_id = u.contact_id"
						 "  FOR NO KEY UPDATE SKIP LOCKED) s"
						 " CROSS JOIN LATERAL (SELECT x.ctid, x.message_id FROM %s x"
						 "  WHERE x.ctid = u.tid AND s.contact_id IS NOT NULL FOR UPDATE SKIP LOCKED) r",
						 sf_shard.contact_state, sf_shard.ready),
				2, types);
	values[0] = sf_array_datum(&tids, TIDOID);
	values[1] = sf_array_datum(&contacts, INT8OID);
	sf_execute(plan_lock, values, NULL, SPI_OK_SELECT);
	/* rows come in ctid order more or less like ours: search from where the last was found */
	for (uint64 row = 0, at = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		ItemPointer tid = (ItemPointer) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));
		int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull));

		for (int k = 0; k < n; k++, at++)
		{
			sf_text    *text = &texts[at % n];

			/* the id too: the place may have been reused since we looked */
			if (ItemPointerEquals(&text->tid, tid) && text->message_id == id)
			{
				text->fate = SF_FATE_SEND;
				break;
			}
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * One wave.  The texts live in the current memory context.
 */
int
sf_claim_wave(sf_claimer *claimer, int limit, sf_text **texts)
{
	TimestampTz now = sf_clock();
	TimestampTz wall;
	int			n;
	int			lane;

	*texts = palloc0(sizeof(sf_text) * limit);
	advance_safe_time(claimer);
	n = look_parked(claimer, limit, *texts);
	if (n < limit && (lane = choose_lane(claimer, now)) >= 0)
	{
		int			found = look(claimer, lane, now, limit - n, *texts + n);
		int			kept = n;

		/* a sweep may meet a text that was parked and offered just now */
		for (int i = n; i < n + found; i++)
		{
			bool		twice = false;

			for (int k = 0; k < n && !twice; k++)
				twice = (*texts)[k].message_id == (*texts)[i].message_id;
			if (!twice)
				(*texts)[kept++] = (*texts)[i];
		}
		n = kept;
	}
	if (n == 0)
		return 0;
	claimer->single = n == 1 ? (*texts)[0].message_id : 0;
	for (int i = 0; i < n; i++)
		sf_process_check_text((*texts)[i].message_at);
	lock_candidates(claimer, *texts, n);
	sf_decide(claimer, *texts, n, now);
	sf_write_links(*texts, n, now);
	sf_write_fates(claimer, *texts, n, now);
	wall = GetCurrentTimestamp();
	for (int i = 0; i < n; i++)
		if ((*texts)[i].fate == SF_FATE_PARK)
			park(claimer, &(*texts)[i], (*texts)[i].next_at != 0 ? (*texts)[i].next_at : wall + SF_PARK_LOCKED_US);
	return n;
}
