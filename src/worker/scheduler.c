/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *		Everything that is not latency-critical: a list of jobs.
 *
 * A job is one SQL function, run in a transaction of its own, that returns how
 * much it did.  It runs when its time has come or, if it says so, after a
 * wake-up; as long as it finds something to do it runs again after its gap.
 * An idle database is not queried between two of these times.  A job that
 * fails waits longer each time and never stops the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "settings.h"
#include "worker/process.h"
#include "worker/worker.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define LONGEST_BACKOFF (5 * MINUTE)

typedef struct job
{
	const char *activity;		/* for stat_worker and pg_stat_activity */
	const char *sql;			/* returns bigint or integer; NULL: run does it */
	int64		(*run) (MemoryContext context); /* opens transactions itself */
	bool		on_wake;		/* also when somebody has given the scheduler something to do */
	int			gap;			/* ms between two runs, at least */
	int			every;			/* ms between two runs, at most */
} job;

/* How it stands with a job; all start due. */
typedef struct job_state
{
	TimestampTz due;
	TimestampTz ran_at;
	int			failures;		/* in a row */
} job_state;

static const job jobs[] = {
	{"folding KPIs", "SELECT smsfollow.fold_kpi()", NULL, true, SECOND, HOUR},
	{"folding what was spent", "SELECT smsfollow.fold_spend()", NULL, true, SECOND, HOUR},
	{"matching receipts", "SELECT smsfollow.match_receipts()", NULL, true, 5 * SECOND, HOUR},
	{"making partitions", "SELECT smsfollow.maintain_partitions(smsfollow.clock())", NULL, false, SECOND, HOUR},
	{"applying retention", "SELECT smsfollow.apply_retention()", NULL, false, SECOND, HOUR},
	{"signing consent", "SELECT smsfollow.sign_consent()", NULL, true, MINUTE, HOUR},
	{"vacuuming the queue", NULL, sf_vacuum_queue, true, 10 * SECOND, HOUR},
	{"erasing contacts", NULL, sf_finish_erasures, true, SECOND, HOUR},
};

static job_state states[lengthof(jobs)];

/* Runs a job that is one statement; returns what it returned. */
static int64
run_sql(const job *j)
{
	char	   *value;
	int64		done;

	sf_process_begin(j->activity);
	if (SPI_execute(j->sql, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "unexpected result of a scheduler job");
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	done = value == NULL ? 0 : strtoi64(value, NULL, 10);
	sf_process_commit();
	return done;
}

/* Runs one job and says when it is due again. */
static void
run_job(const job *j, job_state *state, MemoryContext context)
{
	volatile int64 wait = j->every;

	sf_process_activity(j->activity);
	PG_TRY();
	{
		int64		done = j->sql != NULL ? run_sql(j) : j->run(context);

		if (done > 0)
			wait = j->gap;
		state->failures = 0;
	}
	PG_CATCH();
	{
		sf_process_caught(context);
		/* Doubles from the gap. */
		wait = Min(j->gap * (INT64CONST(1) << Min(state->failures, 10)), LONGEST_BACKOFF);
		state->failures++;
	}
	PG_END_TRY();
	MemoryContextReset(context);

	state->ran_at = GetCurrentTimestamp();
	state->due = TimestampTzPlusMilliseconds(state->ran_at, wait);
}

/* A wake-up brings the jobs that wait for one forward, but not out of a backoff. */
static void
bring_forward(void)
{
	int			i;

	for (i = 0; i < lengthof(jobs); i++)
	{
		if (jobs[i].on_wake && states[i].failures == 0)
			states[i].due = Min(states[i].due,
								TimestampTzPlusMilliseconds(states[i].ran_at, jobs[i].gap));
	}
}

/* Runs what is due; returns the ms until the next job is. */
static long
run_due_jobs(MemoryContext context)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = TimestampTzPlusMilliseconds(now, sf_poll_interval);
	int			i;

	for (i = 0; i < lengthof(jobs) && !sf_process_stopping(); i++)
	{
		job_state  *state = &states[i];

		/* A clock that was set back must not put a job to sleep. */
		if (state->due <= now || state->ran_at > now)
			run_job(&jobs[i], state, context);
		next = Min(next, state->due);
	}
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
}

void
sf_scheduler_main(Datum main_arg)
{
	MemoryContext context;
	uint32		wait_event;

	sf_process_start(main_arg, SF_SCHEDULER);
	context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow scheduler job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	wait_event = SF_WAIT_EVENT("SmsfollowScheduler");

	while (!sf_process_stopping())
	{
		long		wait;

		CHECK_FOR_INTERRUPTS();
		sf_process_reloaded();

		/* Notices stop_worker() and DROP EXTENSION, too. */
		PG_TRY();
		{
			sf_process_may_send();
		}
		PG_CATCH();
		{
			sf_process_caught(context);
		}
		PG_END_TRY();

		if (sf_process_woken())
			bring_forward();
		/* A copy that nobody adopted is left as it is. */
		wait = sf_process_adopted() ? run_due_jobs(context) : sf_poll_interval;
		if (sf_process_stopping())
			break;

		sf_process_activity("waits");
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait, wait_event);
		ResetLatch(MyLatch);
	}
}
