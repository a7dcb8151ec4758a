/*-------------------------------------------------------------------------
 *
 * claim.c
 *		One wave: take due texts, ask the gate, render, give the permit.
 *
 * Four steps in one READ COMMITTED transaction of the caller:
 *
 *	look	due rows of one lane past the low-water mark, in claim order
 *	lock	their contacts and the rows, skipping what others hold
 *	decide	the gate, in a statement of its own: its snapshot is taken after the
 *			locks, so every opt-out that committed before is seen, and one that
 *			comes later waits for this transaction
 *	write	inflight for what may go, verdicts for what may not, ready again
 *			for what may go later
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
#include "worker/dispatch.h"
#include "worker/worker.h"

#define SF_SWEEP_INTERVAL_US (60 * USECS_PER_SEC)
#define SF_PARK_LOCKED_US (200 * 1000)
#define SF_PARKED_AT_PROVIDER 16	/* texts kept at hand for a provider that is full, at least */
#define SF_IDLE_US (10 * (double) USECS_PER_SEC)	/* nobody waits for a sender that is free that long */
#define SF_BUSY_US (500 * 1000.0)	/* a request, while nothing is known of the provider */

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
static SPIPlanPtr plan_decide;
static SPIPlanPtr plan_paused;
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
 * Has the provider room for one more request?
 */
static bool
has_room(const sf_account *account, int more)
{
	return account->max_in_flight == 0 || account->in_flight + account->claimed + more < account->max_in_flight;
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
	if (!has_room(account, account->offered))
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
 * Renders the body of a text that may go, with dates and amounts as its contact
 * writes them; a template that fails suppresses this text and no other.
 */
static void
render(sf_text *text, bool has_template, int32 template_version_id, const char *literal, Jsonb *vars,
	   const char *zone, const char *locale, const char *region)
{
	sf_liquid_options options = {0};
	sf_liquid_error error = {0};
	StringInfoData out;
	const sf_template *template;
	sf_liquid_result result;

	if (!has_template)
		text->body = literal;
	else
	{
		template = sf_config_template(template_version_id, &options.missing, &error);
		if (template == NULL)
			result = SF_LIQUID_ERROR;
		else
		{
			initStringInfo(&out);
			options.now = sf_clock();
			options.zone = zone ? pg_tzset(zone) : NULL;
			options.locale = locale;
			options.region = region;
			result = sf_liquid_render(template, vars, &options, &out, &error);
			text->body = out.data;
		}
		if (result != SF_LIQUID_OK)
		{
			text->fate = SF_FATE_SUPPRESS;
			if (error.path[0] != '\0')
			{
				text->code = "missing_data";
				text->rule = pstrdup(error.path);
			}
			else if (result == SF_LIQUID_SKIP)
			{
				text->code = "template_skip";
				text->rule = pstrdup(error.message);
			}
			else
			{
				text->code = "template_error";
				text->rule = psprintf("line %d, column %d", error.line, error.column);
				text->detail = pstrdup(error.message);
			}
			return;
		}
	}
	if (text->body == NULL || text->body[0] == '\0')
	{
		text->fate = SF_FATE_SUPPRESS;
		text->code = "template_error";
		text->rule = "empty text";
		return;
	}
	sf_count_segments(text->body, strlen(text->body), &text->segments);
	if (text->segments.segments > SF_MAX_SEGMENTS)
	{
		text->fate = SF_FATE_SUPPRESS;
		text->code = "too_many_segments";
		text->rule = psprintf("%d segments", text->segments.segments);
	}
}

/*
 * The provider has as many requests under way as it may have.  Some texts are
 * kept at hand for the moment when one ends; the others get a place in the
 * future, by how long its requests take, so that a long backlog stands in
 * nobody's way.
 */
static void
wait_for_room(const sf_claimer *claimer, sf_text *text, double us, TimestampTz now)
{
	sf_account *account = text->account;
	double		takes = account->busy_us > 0 ? account->busy_us : SF_BUSY_US;
	double	   *reserved = &account->reserved[text->lane];
	int			parked = 0;

	for (int i = 0; i < claimer->nparked; i++)
		if (claimer->parked[i].provider_id == account->provider_id &&
			claimer->parked[i].lane <= text->lane)
			parked++;
	if (parked < account->max_in_flight + SF_PARKED_AT_PROVIDER)
	{
		text->fate = SF_FATE_PARK;
		text->full = true;
		text->next_at = DT_NOEND;
		return;
	}
	text->fate = SF_FATE_DEFER;
	text->pacing = true;
	text->code = "sender_unavailable";
	*reserved = Max(*reserved, us + takes) + takes / account->max_in_flight;
	text->next_at = now + (TimestampTz) (*reserved - us);
}

/*
 * Holds of provider and sender, and the sender's rate.  A text over the rate
 * gets a slot of its own in the future, so that a long backlog is moved once
 * and never blocks texts of other senders.  Each lane has its own row of slots:
 * an urgent text waits for the sender, not for the end of a bulk campaign.
 * Where two lanes promised one slot, the text that comes second gets a later
 * one.
 */
static void
pace(const sf_claimer *claimer, sf_text *text, TimestampTz wall, TimestampTz now)
{
	sf_account *account = text->account;
	sf_sending *sending = text->sending;
	double		cost;
	double		tolerance;
	double		earliest;
	double		us = (double) wall;

	if (account == NULL || account->provider == NULL || account->paused ||
		account->hold_until > wall)
	{
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "provider_down";
		text->next_at = now + 60 * USECS_PER_SEC;
		if (account != NULL && account->hold_until > wall)
			text->next_at = now + (account->hold_until - wall);
		return;
	}
	if (sending->hold_until > wall)
	{
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "sender_unavailable";
		text->next_at = now + (sending->hold_until - wall);
		return;
	}
	if (!has_room(account, 0))
	{
		wait_for_room(claimer, text, us, now);
		return;
	}
	cost = text->segments.segments * (double) USECS_PER_SEC / sending->rate;
	tolerance = sending->burst * (double) USECS_PER_SEC / sending->rate;
	/* those to whom slots were promised are gone: cancelled, suppressed, expired */
	if (us - sending->tat > SF_IDLE_US)
		memset(sending->reserved, 0, sizeof(sending->reserved));
	sending->tat = Max(sending->tat, us);
	/* when it fits into the burst; one longer than that goes when nothing else did */
	earliest = Min(sending->tat, sending->tat + cost - tolerance);
	if (earliest > us)
	{
		double		slot = Max(sending->reserved[text->lane], earliest);

		sending->reserved[text->lane] = slot + cost;
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "sender_unavailable";
		text->next_at = now + (TimestampTz) (slot - us) + 1;
		return;
	}
	sending->tat += cost;
	account->claimed++;
}

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
 * Asks the gate about the locked texts.
 */
static void
decide(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now)
{
	static const Oid types[] = {INT8ARRAYOID, TIMESTAMPTZARRAYOID, BOOLARRAYOID};
	TimestampTz wall = GetCurrentTimestamp();
	sf_array	ids;
	sf_array	times;
	sf_array	returned;
	Datum		values[3];
	TupleDesc	desc;
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
		render(t, !isnull[6], isnull[6] ? 0 : DatumGetInt32(v[6]),
			   isnull[7] ? NULL : TextDatumGetCString(v[7]),
			   isnull[8] ? NULL : DatumGetJsonbP(v[8]),
			   isnull[16] ? NULL : TextDatumGetCString(v[16]),
			   isnull[17] ? NULL : TextDatumGetCString(v[17]),
			   isnull[18] ? NULL : TextDatumGetCString(v[18]));
		if (t->fate == SF_FATE_SEND && t->sending == NULL)
		{
			t->fate = SF_FATE_DEFER;
			t->code = "sender_unavailable";
			t->next_at = now + 60 * USECS_PER_SEC;
		}
		if (t->fate == SF_FATE_SEND)
			pace(claimer, t, wall, now);
	}
	/* vars and bodies may point into the result, so it lives as long as the wave */
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
 * Writes permits, verdicts and new places in the queue.
 */
static void
write_fates(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now)
{
	static const Oid permit_types[] = {
		TIDARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
		INT2ARRAYOID, INT2ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT2ARRAYOID,
		TEXTARRAYOID, TEXTARRAYOID, INT8OID, TIMESTAMPTZOID
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
	sf_array	p[14];
	sf_array	left;
	sf_array	v[8];
	sf_array	a[9];

	for (int i = 0; i < 14; i++)
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
		Datum		values[16];

		if (plan_permit == NULL)
			sf_plan(&plan_permit,
					psprintf("WITH gone AS (DELETE FROM %s WHERE ctid = ANY ($1))"
							 " INSERT INTO %s (message_id, message_at, contact_id, campaign_id, program_id, lane,"
							 "  attempt, provider_id, sender_id, consent_event_id, segments, encoding, body, epoch, started_at)"
							 " SELECT u.*, $15, $16 FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS u",
							 sf_shard.ready, sf_shard.inflight),
					16, permit_types);
		for (int i = 0; i < 14; i++)
			values[i] = sf_array_datum(&p[i], get_element_type(permit_types[i]));
		values[14] = Int64GetDatum(claimer->epoch);
		values[15] = TimestampTzGetDatum(now);
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
				"   CASE s.verdict WHEN 'suppress' THEN 'suppressed' WHEN 'cancel' THEN 'cancelled' ELSE 'expired' END, s.code, pg_catalog.count(*)"
				"  FROM said s WHERE s.verdict <> 'defer' GROUP BY 1, 3, 4)"
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
	decide(claimer, *texts, n, now);
	hold_paused(*texts, n);
	write_fates(claimer, *texts, n, now);
	wall = GetCurrentTimestamp();
	for (int i = 0; i < n; i++)
		if ((*texts)[i].fate == SF_FATE_PARK)
			park(claimer, &(*texts)[i], (*texts)[i].next_at != 0 ? (*texts)[i].next_at : wall + SF_PARK_LOCKED_US);
	return n;
}
