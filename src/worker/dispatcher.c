/*-------------------------------------------------------------------------
 *
 * dispatcher.c
 *		The loop that claims, sends and settles; one process a database.
 *
 *		wait -> step the network -> settle results and claim the next wave in
 *		one transaction -> commit -> hand the wave to the network -> wait
 *
 * No transaction, snapshot or lock is held while the network is used.  The
 * claim's commit is durable before a byte leaves; a commit that only settles
 * may be lost in a crash, and its texts are in doubt then.
 *
 * Slots are refilled as they become free, a quarter of the window at a time so
 * that a wave is worth its transaction.  Nothing is polled: the loop sleeps
 * until a commit wakes it, a text is due, the network moves, or the safety
 * poll interval is over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "settings.h"
#include "worker/transfer.h"
#include "worker/worker.h"

#define SF_SETTLE_BATCH 128
#define SF_SETTLE_DELAY_US (50 * 1000)
#define SF_LOOKUPS_AT_ONCE 16
#define SF_ERROR_DELAY_MS 1000
#define SF_MAX_WAVES 8			/* a transaction */

static sf_claimer claimer;
static MemoryContext wave_context;
static bool need_claim = true;	/* something may be due */
static TimestampTz next_due = DT_NOBEGIN;	/* clock of the rules */
static TimestampTz next_lookup = DT_NOBEGIN;
static bool reread = false;		/* settings changed: compile the providers again */
static bool recovered = false;	/* what an earlier dispatcher left is in doubt */
static bool handing_over = false;	/* permits are durable, and not all of their texts have a transfer */
static int	cautious;			/* waves of one text left, after an error */
static uint32 wait_event = 0;

/*
 * Adds to a counter of stat_worker.
 */
static inline void
count(pg_atomic_uint64 *counter, int64 n)
{
	if (n != 0)
		pg_atomic_fetch_add_u64(counter, n);
}

/*
 * Before the first claim, and again after a time without permission to send:
 * a new epoch, and what was in flight under others.  Not earlier: a copy of
 * the data that nobody adopted is not touched.
 */
static void
recover(void)
{
	bool		isnull;
	int			doubted;
	int64		epoch;

	sf_process_begin("recovering");
	if (SPI_execute("SELECT pg_catalog.nextval('smsfollow.epoch_seq')", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not get an epoch");
	epoch = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	sf_claimer_init(&claimer, epoch);
	claimer.busy = sf_transfers_busy;
	sf_config_refresh(true);
	doubted = sf_settle_recover(epoch);
	sf_process_commit();
	count(&sf_my_slot->counters.in_doubt, doubted);
	recovered = true;
	if (doubted > 0)
		ereport(LOG,
				(errmsg("smsfollow: %d texts in flight when an earlier dispatcher ended are in doubt now", doubted)));
}

/*
 * How many results the next transaction writes: all, or after an error one, so
 * that a result that cannot be written is found.
 */
static int
to_settle(sf_result **results, TimestampTz *oldest)
{
	int			n = sf_transfers_results(results, oldest);

	return cautious > 0 ? Min(n, 1) : n;
}

/*
 * Answers to lookups that wait to be written.
 */
static int
lookups_to_settle(void)
{
	sf_doubt_result *doubts;

	return sf_transfers_doubt_results(&doubts);
}

/*
 * Writes results in the open transaction.
 */
static void
settle(void)
{
	sf_result  *results;
	sf_doubt_result *doubts;
	TimestampTz oldest;
	int			n = to_settle(&results, &oldest);
	int			ndoubts = sf_transfers_doubt_results(&doubts);
	TimestampTz start = GetCurrentTimestamp();

	if (n > 0)
	{
		int			settled = sf_settle(claimer.epoch, results, n);

		count(&sf_my_slot->counters.stale, n - settled);
		sf_transfers_sandbox_receipts(n);
	}
	sf_lookup_settle(doubts, ndoubts);
	count(&sf_my_slot->counters.settle_us, GetCurrentTimestamp() - start);
}

/*
 * After the commit that settled: counts, and what follows from the results.
 */
static void
settled(void)
{
	sf_result  *results;
	TimestampTz oldest;
	int			n = to_settle(&results, &oldest);

	for (int i = 0; i < n; i++)
	{
		const char *outcome = results[i].outcome;

		if (strcmp(outcome, "accepted") == 0)
			count(&sf_my_slot->counters.accepted, 1);
		else if (strcmp(outcome, "rejected") == 0)
			count(&sf_my_slot->counters.rejected, 1);
		else if (strcmp(outcome, "retry") == 0)
		{
			count(&sf_my_slot->counters.retried, 1);
			next_due = Min(next_due, results[i].retry_at);
		}
		else
		{
			count(&sf_my_slot->counters.in_doubt, 1);
			next_lookup = Min(next_lookup, results[i].next_lookup_at);
		}
	}
	if (n + lookups_to_settle() > 0 && claimer.nparked > 0)
		need_claim = true;		/* a contact or a provider may be free now */
	sf_transfers_settled(n);
	sf_wake(SF_SCHEDULER);
}

/*
 * Claims into the open transaction until the slots are full or nothing is due.
 * Returns the texts of all waves, in wave_context.
 */
static int
claim(sf_text ***all)
{
	int			room = cautious > 0 ? 1 : Min(sf_transfers_free(), sf_wave_size);
	int			n = 0;
	TimestampTz start = GetCurrentTimestamp();
	uint64		sweeps = claimer.sweeps;
	uint64		missed = claimer.missed;
	MemoryContext caller = MemoryContextSwitchTo(wave_context);

	sf_config_refresh(reread);
	reread = false;
	sf_config_forget_claims();
	*all = palloc(sizeof(sf_text *) * Max(room, 1));
	next_due = sf_claim_next_due(&claimer);
	for (int wave = 0; wave < SF_MAX_WAVES && room > 0; wave++)
	{
		sf_text    *texts;
		int			seen = sf_claim_wave(&claimer, room, &texts);

		if (seen == 0)
			break;
		for (int i = 0; i < seen; i++)
			switch (texts[i].fate)
			{
				case SF_FATE_SEND:
					(*all)[n++] = &texts[i];
					room--;
					break;
				case SF_FATE_DEFER:
					count(&sf_my_slot->counters.deferred, 1);
					break;
				case SF_FATE_SUPPRESS:
				case SF_FATE_EXPIRE:
				case SF_FATE_CANCEL:
					count(&sf_my_slot->counters.suppressed, 1);
					break;
				case SF_FATE_PARK:
					break;
			}
		if (cautious > 0)
			break;
	}
	need_claim = false;
	next_due = sf_claim_next_due(&claimer);
	if (next_due <= sf_clock())
		need_claim = true;
	count(&sf_my_slot->counters.waves, n > 0 ? 1 : 0);
	count(&sf_my_slot->counters.claimed, n);
	count(&sf_my_slot->counters.claim_us, GetCurrentTimestamp() - start);
	count(&sf_my_slot->counters.sweeps, claimer.sweeps - sweeps);
	count(&sf_my_slot->counters.missed, claimer.missed - missed);
	MemoryContextSwitchTo(caller);
	return n;
}

/*
 * A failed transaction: go on one text and one result at a time, so that the
 * one that makes transactions fail is found and set aside; a failure of the
 * server itself is not blamed on a text.
 */
static void
after_error(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);
	bool		blameless = category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_SYSTEM_ERROR ||
		category == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		category == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION;

	if (!blameless && lookups_to_settle() > 0)
		sf_transfers_settled(0);	/* the first suspects: they are asked again */
	else if (!blameless && cautious > 0)
	{
		sf_result  *results;
		TimestampTz oldest;

		if (claimer.single != 0 && claimer.npoison < SF_MAX_POISON)
			claimer.poison[claimer.npoison++] = claimer.single;
		else if (claimer.single == 0 && sf_transfers_results(&results, &oldest) > 0 && !sf_transfers_strip_first())
		{
			/* its lease stays, so the next dispatcher puts it in doubt */
			ereport(WARNING,
					(errmsg("smsfollow cannot record the outcome of text " INT64_FORMAT, results[0].message_id)));
			sf_transfers_settled(1);
		}
	}
	cautious = blameless ? 0 : 2 * sf_wave_size;
	claimer.single = 0;
	/* the marks moved past rows whose claim was undone */
	sf_claim_sweep(&claimer);
	claimer.nparked = 0;
	need_claim = true;
}

/*
 * One transaction of work, and what may follow from its commit.
 */
static void
work(bool want_claim)
{
	sf_text   **texts = NULL;
	sf_doubt   *doubts = NULL;
	int			ntexts = 0;
	int			ndoubts = 0;

	if (want_claim)
		sf_process_begin("claiming and settling");
	else
	{
		sf_process_begin_final("settling");
		/* loses nothing but certainty: a lost result is a text in doubt */
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	}
	settle();
	if (next_lookup <= sf_clock())
	{
		MemoryContext caller = MemoryContextSwitchTo(wave_context);

		sf_config_refresh(false);
		ndoubts = sf_lookup_due(&doubts, SF_LOOKUPS_AT_ONCE);
		next_lookup = sf_lookup_next();
		MemoryContextSwitchTo(caller);
	}
	if (want_claim)
	{
		ntexts = claim(&texts);
		if (ntexts == 0)
			(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_LOCAL, true, 0, false);
	}
	sf_process_commit();
	settled();
	if (cautious > 0)
		cautious--;

	/* the permits are durable: now, and only now, the texts may leave */
	handing_over = true;
	for (int i = 0; i < ntexts; i++)
	{
		if (sf_process_stopping())
			sf_transfer_give_back(texts[i]);
		else
			sf_transfer_start(texts[i]);
	}
	handing_over = false;
	for (int i = 0; i < ndoubts; i++)
		(void) sf_transfer_lookup(&doubts[i]);
	MemoryContextReset(wave_context);
}

/*
 * SIGTERM: no more claims; running transfers may end, their results are
 * written, and what is still open then is in doubt.
 */
static void
shut_down(WaitEventSet *set)
{
	TimestampTz deadline = GetCurrentTimestamp() + sf_shutdown_grace * INT64CONST(1000);
	sf_result  *results;
	TimestampTz oldest;

	sf_process_activity("ending: waits for running transfers");
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		WaitEvent	events[3];
		long		timeout;

		sf_transfers_step();
		if (sf_transfers_active() == 0 || now >= deadline)
			break;
		timeout = (long) ((deadline - now) / 1000 + 1);
		if (sf_transfers_timeout() >= 0)
			timeout = Min(timeout, sf_transfers_timeout());
		(void) WaitEventSetWait(set, timeout, events, lengthof(events), wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	while (sf_transfers_results(&results, &oldest) + lookups_to_settle() > 0)
	{
		sf_process_begin_final("settling before the end");
		settle();
		sf_process_commit();
		settled();
	}
}

/*
 * How long the loop may sleep, ms.
 */
static long
sleep_time(bool may_send, bool room)
{
	TimestampTz wall = GetCurrentTimestamp();
	TimestampTz now = sf_clock();
	int64		sleep_us = sf_poll_interval * INT64CONST(1000);
	sf_result  *results;
	TimestampTz oldest;
	long		network;

	if (may_send && room)
	{
		if (need_claim)
			sleep_us = 0;
		if (next_due != DT_NOEND)
			sleep_us = Min(sleep_us, Max(next_due - now, 0));
	}
	if (may_send && next_lookup != DT_NOEND)
		sleep_us = Min(sleep_us, Max(next_lookup - now, 0));
	if (sf_transfers_results(&results, &oldest) > 0)
		sleep_us = Min(sleep_us, Max(oldest + SF_SETTLE_DELAY_US - wall, 0));
	network = sf_transfers_timeout();
	if (network >= 0)
		sleep_us = Min(sleep_us, network * INT64CONST(1000));
	return (long) ((sleep_us + 999) / 1000);
}

void
sf_dispatcher_main(Datum main_arg)
{
	WaitEventSet *set;
	MemoryContext loop_context;
	volatile TimestampTz last_poll = 0;

	sf_process_start(main_arg, SF_DISPATCHER);
	sf_pin_plans(GUC_ACTION_SET);
	loop_context = AllocSetContextCreate(TopMemoryContext, "smsfollow dispatcher", ALLOCSET_DEFAULT_SIZES);
	wave_context = AllocSetContextCreate(loop_context, "smsfollow wave", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(loop_context);
	wait_event = SF_WAIT_EVENT("SmsfollowDispatcher");
	sf_transfers_init();
	set = SF_CREATE_WAIT_EVENT_SET(3);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, sf_transfers_fd(), NULL, NULL);

	sf_process_activity("waits for texts");

	for (;;)
	{
		volatile long delay = 0;

		CHECK_FOR_INTERRUPTS();
		/* a loop that always finds work never waits for this event */
		if (!PostmasterIsAlive())
			proc_exit(1);
		PG_TRY();
		{
			sf_result  *results;
			TimestampTz oldest;
			TimestampTz wall;
			bool		may_send;
			bool		room;
			bool		want_claim;
			int			n;
			int			waiting;

			if (sf_process_reloaded())
			{
				sf_transfers_configure();
				reread = true;
				need_claim = true;
			}
			if (sf_process_woken())
				need_claim = true;
			sf_transfers_step();
			may_send = !sf_process_stopping() && sf_dispatch_enabled && sf_process_may_send();
			if (may_send && !recovered)
				recover();
			else if (!may_send && sf_transfers_free() >= sf_max_in_flight)
				recovered = false;	/* whatever comes now may come with other people's texts */
			wall = GetCurrentTimestamp();
			if (wall - last_poll >= sf_poll_interval * INT64CONST(1000) || wall < last_poll)
			{
				last_poll = wall;
				need_claim = true;
				next_lookup = DT_NOBEGIN;
			}
			n = sf_transfers_results(&results, &oldest);
			waiting = sf_transfers_active();
			room = sf_transfers_free() + n > 0 &&
				(waiting == 0 || sf_transfers_free() + n >= Max(Min(sf_wave_size, sf_max_in_flight / 4), 1));
			want_claim = may_send && room &&
				(need_claim || next_due <= sf_clock() || next_lookup <= sf_clock());
			if (cautious > 0 && n > 0)
				want_claim = false; /* one thing at a time, to know which one fails */
			if (!sf_process_stopping() &&
				(want_claim || n >= SF_SETTLE_BATCH ||
				 lookups_to_settle() > 0 ||
				 (n > 0 && (waiting == 0 || cautious > 0 || wall - oldest >= SF_SETTLE_DELAY_US))))
			{
				work(want_claim);
				count(&sf_my_slot->counters.wakeups, 1);
			}
			else if (!sf_process_stopping())
			{
				WaitEvent	events[3];

				(void) WaitEventSetWait(set, sleep_time(may_send, room), events, lengthof(events), wait_event);
				ResetLatch(MyLatch);
				count(&sf_my_slot->counters.wakeups, 1);
			}
		}
		PG_CATCH();
		{
			/* nobody knows the permits any more: the next dispatcher calls them doubtful */
			if (handing_over)
				PG_RE_THROW();
			after_error(sf_process_caught(loop_context));
			MemoryContextReset(wave_context);
			delay = cautious > 0 ? 10 : SF_ERROR_DELAY_MS;
		}
		PG_END_TRY();
		if (sf_process_stopping())
			break;
		if (delay > 0)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, delay, wait_event);
			ResetLatch(MyLatch);
		}
	}
	shut_down(set);
}
