/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Launcher, dispatcher, scheduler and the status they share.
 *
 * One launcher per cluster (no database) starts, for each database of
 * smsfollow.databases, a dispatcher (claims, sends, settles) and a scheduler
 * (everything that is not latency-critical).  Nothing durable lives in shared
 * memory: a crash of any backend wipes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_WORKER_H
#define SF_WORKER_H

#include "postgres.h"

#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

typedef enum sf_worker_kind
{
	SF_DISPATCHER = 0,
	SF_SCHEDULER = 1
} sf_worker_kind;

#define SF_WORKER_KINDS 2

typedef enum sf_worker_state
{
	SF_WORKER_ABSENT = 0,		/* not started yet, or waiting to be started again */
	SF_WORKER_STARTING,
	SF_WORKER_RUNNING,
	SF_WORKER_PAUSED,			/* runs, sends nothing: paused by a person */
	SF_WORKER_GUARDED,			/* runs, sends nothing: database is not adopted */
	SF_WORKER_STOPPED,			/* stopped by a person, until start_worker() */
	SF_WORKER_NO_EXTENSION		/* the database lacks the extension or has another version */
} sf_worker_state;

/* Why the last process of a worker ended; decides when the next one starts. */
typedef enum sf_worker_exit
{
	SF_EXIT_NONE = 0,			/* there was none yet */
	SF_EXIT_ERROR,				/* failed: backoff from 5 s to 5 min */
	SF_EXIT_TERMINATED,			/* SIGTERM: start again at once */
	SF_EXIT_ROLE,				/* has to log in as another role: start again at once */
	SF_EXIT_NO_EXTENSION,		/* nothing to run: look again each minute, or when told */
	SF_EXIT_STOPPED				/* stopped by a person: only when told */
} sf_worker_exit;

/* Counters since the server started; monotonic. */
typedef struct sf_counters
{
	pg_atomic_uint64 waves;		/* claims that took at least one text */
	pg_atomic_uint64 claimed;	/* texts handed over */
	pg_atomic_uint64 accepted;
	pg_atomic_uint64 rejected;
	pg_atomic_uint64 retried;
	pg_atomic_uint64 in_doubt;
	pg_atomic_uint64 suppressed;
	pg_atomic_uint64 deferred;
	pg_atomic_uint64 stale;		/* results whose lease was gone */
	pg_atomic_uint64 sweeps;	/* full scans of ready */
	pg_atomic_uint64 missed;	/* rows only a sweep found: expected 0 */
	pg_atomic_uint64 claim_us;	/* time in claims */
	pg_atomic_uint64 settle_us;
	pg_atomic_uint64 wakeups;	/* loop iterations */
	pg_atomic_uint64 errors;
	pg_atomic_uint64 in_flight; /* gauge */
} sf_counters;

typedef struct sf_worker_status
{
	int			pid;			/* 0: none */
	Latch	   *latch;			/* of the running process */
	sf_worker_state state;
	sf_worker_exit exit;		/* of the last process */
	Oid			role;			/* it runs as; InvalidOid: not known yet */
	bool		told_to_end;	/* the launcher sent SIGTERM to this process */
	bool		restart;		/* restart_worker(): end this process */
	bool		recheck;		/* something changed: start now, whatever the exit was */
	bool		absence_logged; /* no extension, stopped: said once, not each minute */
	int			backoff_s;		/* after SF_EXIT_ERROR */
	TimestampTz launched_at;	/* by the launcher */
	TimestampTz ended_at;
	TimestampTz started_at;
	TimestampTz last_active_at;
	TimestampTz last_error_at;
	char		activity[96];	/* what it does, in words */
	char		last_error[256];
	pg_atomic_uint32 wake;		/* set by sf_wake, cleared by the worker before it looks */
} sf_worker_status;

/* One database.  Guarded by sf_shared->lock but for the atomics. */
typedef struct sf_slot
{
	Oid			dboid;			/* InvalidOid: free */
	char		dbname[NAMEDATALEN];
	bool		listed;			/* still in smsfollow.databases; kept by the launcher */
	Oid			owner;			/* of the extension; InvalidOid: not known yet */
	pg_atomic_uint32 changed;	/* raised by worker_changed(): read control, guard, version again */
	sf_worker_status worker[SF_WORKER_KINDS];
	sf_counters counters;
} sf_slot;

typedef struct sf_shared
{
	LWLock	   *lock;
	Latch	   *launcher_latch;
	int			launcher_pid;
	int			nslots;
	sf_slot		slots[FLEXIBLE_ARRAY_MEMBER];
} sf_shared;

extern sf_shared *sf_shared_state;	/* NULL when not preloaded */
extern sf_slot *sf_my_slot;		/* in a worker: its database */

/* shmem.c */
extern void sf_shmem_init(void);	/* installs the hooks; from _PG_init, preloaded only */
extern sf_slot *sf_find_slot(Oid dboid);	/* caller holds lock, or only reads atomics */
extern void sf_init_counters(sf_counters *counters);
extern void sf_require_preload(void);	/* raises an error when not preloaded */
extern void sf_worker_ended(sf_worker_status *status, sf_worker_exit how);	/* caller holds lock */

/* wake.c */
extern void sf_wake_init(void); /* installs a hook; from _PG_init, preloaded only */

/*
 * Marks that the current transaction gave a worker something to do; at commit
 * its latch is set.  Cheap, may be called many times.  Does nothing when not
 * preloaded.  Two-phase commit does not fire it: the safety poll covers that.
 */
extern void sf_wake_at_commit(sf_worker_kind kind);
/* At once, from a worker that has just committed. */
extern void sf_wake(sf_worker_kind kind);

/* launcher.c */
extern void sf_launcher_register(void);

/* process.c: what dispatcher and scheduler have in common */

/*
 * Connects to the database in bgw_main_arg as the worker role, claims the
 * slot, pins the session's settings, checks extension and version.  Does not
 * return (exit 0) when there is nothing to run.  The main function that called
 * it ends by returning.
 */
extern void sf_process_start(Datum main_arg, sf_worker_kind kind);
/* True when the extension is still the one we started with; needs a transaction. */
extern bool sf_process_extension_present(void);
/* True when another system or database wrote this data and nobody adopted it; needs a transaction. */
extern bool sf_process_guarded(char *reason, Size reason_size);

/*
 * False while nothing may be sent: paused by a person, or guarded.  Cheap; asks
 * the database, in a transaction of its own, only when somebody changed
 * something, after a reload, and each poll interval.  When a person stopped the
 * worker, sf_process_stopping() is true afterwards.  Call it outside a
 * transaction, before each claim.
 */
extern bool sf_process_may_send(void);
/*
 * In a dispatcher, before it commits a claim: raises an error when a claimed
 * text was made before smsfollow was installed here, so by another database
 * whose dump is being restored.  From then on sf_process_may_send says no.
 */
extern void sf_process_check_text(TimestampTz message_at);
/* What stat_worker shows: the state, which sf_process_may_send keeps up to date, and words. */
extern void sf_process_state(sf_worker_state state, const char *activity);
extern void sf_process_activity(const char *activity);
/* True once after each wake-up through shared memory; ask before looking for work. */
extern bool sf_process_woken(void);
/* True once after each SIGHUP, settings already reloaded. */
extern bool sf_process_reloaded(void);
/*
 * SIGTERM came: finish what is cheap, then leave.  From the first time this
 * answers true the process has shutdown_grace and a second more; a second
 * SIGTERM ends it at the next CHECK_FOR_INTERRUPTS.
 */
extern bool sf_process_stopping(void);

/*
 * A transaction: snapshot pushed, SPI connected, activity reported.  The
 * memory context of the caller is current again after commit or abort.  Leaves
 * the process quietly when the extension is gone.
 *
 * Between begin and commit SIGTERM also cancels the running statement, so that
 * a lock wait or a missing synchronous standby cannot hold up a shutdown; a
 * commit that waited for a standby then counts as done, so ask
 * sf_process_stopping() before acting on what was committed.  begin_final is
 * for results that must not be lost: SIGTERM lets its statements finish, which
 * get shutdown_grace and three seconds, and only ends a wait for a standby.
 */
extern void sf_process_begin(const char *activity);
extern void sf_process_begin_final(const char *activity);
extern void sf_process_commit(void);
extern void sf_process_abort(void);

/* Logs an error with numbers masked and without DETAIL, keeps it for stat_worker, counts it. */
extern void sf_process_error(ErrorData *edata);

/*
 * In PG_CATCH: aborts the transaction if there is one and treats the error as
 * sf_process_error does.  context becomes current; it must outlive the
 * transaction.  Returns the error's SQLSTATE.
 */
extern int	sf_process_caught(MemoryContext context);

/* dispatcher.c, scheduler.c */
extern PGDLLEXPORT void sf_launcher_main(Datum main_arg);
extern PGDLLEXPORT void sf_dispatcher_main(Datum main_arg);
extern PGDLLEXPORT void sf_scheduler_main(Datum main_arg);

#endif							/* SF_WORKER_H */
