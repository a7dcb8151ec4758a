/*-------------------------------------------------------------------------
 *
 * process.c
 *		What dispatcher and scheduler have in common: start, signals,
 *		transactions, errors.
 *
 * Invariants:
 * - One process of each kind per database: the slot says so, and a session
 *   advisory lock with the key (SF_ADVISORY_CLASS, kind) says so to whoever
 *   does not know the slot.
 * - The process logs in as the worker role itself, so nothing that runs in it,
 *   such as a trigger somebody planted, can return to a mightier role.
 * - Settings that could change the meaning or the durability of a statement
 *   are pinned above what ALTER ROLE or ALTER DATABASE say.
 * - QueryCancelPending is only ever set inside a transaction of ours, so an
 *   interrupt check between transactions never raises an error for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "compat.h"
#include "settings.h"
#include "worker/process.h"
#include "worker/worker.h"

#define SF_ADVISORY_CLASS 0x534D5346	/* "SMSF" */
#define FINAL_TIMEOUT_MS (sf_shutdown_grace + 3000)
#define END_SLACK_MS 1000
#define REPEATED_ERROR_US (INT64CONST(60) * USECS_PER_SEC)
#define SAME_SIGTERM_US (INT64CONST(250) * 1000)

/* What SIGTERM may interrupt. */
typedef enum section
{
	SECTION_NONE = 0,			/* no transaction */
	SECTION_CANCELLABLE,		/* the running statement, or the commit's wait */
	SECTION_FINAL				/* nothing: results are being written */
} section;

static sf_worker_kind my_kind;
static sf_worker_status *my_status = NULL;
static Oid	my_extension = InvalidOid;
static sf_worker_exit my_exit = SF_EXIT_NONE;

static volatile sig_atomic_t current_section = SECTION_NONE;
static volatile sig_atomic_t told_to_end = false;	/* by SIGTERM */
static bool end_timer_set = false;
static TimeoutId end_timer;
static MemoryContext caller_context = NULL;

static const char *const kind_names[SF_WORKER_KINDS] = {"dispatcher", "scheduler"};

/* What this process is. */
sf_worker_kind
sf_process_kind(void)
{
	return my_kind;
}

/*
 * SIGTERM: the first asks the loop to end and cancels a statement that may be
 * cancelled; a second one ends the process at the next interrupt check.  A
 * server that shuts down signals each worker twice at once, itself and its
 * process group, so what follows within a moment is the same SIGTERM.
 */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;
	static TimestampTz told_at;
	TimestampTz now = GetCurrentTimestamp();

	if (told_to_end && now - told_at < SAME_SIGTERM_US)
		return;
	if (told_to_end)
	{
		ProcDiePending = true;
		InterruptPending = true;
	}
	else if (current_section == SECTION_CANCELLABLE)
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
	told_to_end = true;
	told_at = now;
	ShutdownRequestPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

/*
 * SIGINT, from pg_cancel_backend or the statement timeout: only a transaction
 * of ours can be cancelled.
 */
static void
handle_sigint(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (current_section != SECTION_NONE)
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

/* The grace is over: end at the next interrupt check. */
static void
handle_end_timer(void)
{
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Leaves the slot and tells the launcher how it went. */
static void
leave_slot(int code, Datum arg)
{
	sf_worker_exit how = my_exit;

	if (how == SF_EXIT_NONE)
		how = (ShutdownRequestPending || ProcDiePending || code == 0) ?
			SF_EXIT_TERMINATED : SF_EXIT_ERROR;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	sf_worker_ended(my_status, how);
	if (my_kind == SF_DISPATCHER)
		pg_atomic_write_u64(&sf_my_slot->counters.in_flight, 0);
	if (sf_shared_state->launcher_latch != NULL)
		SetLatch(sf_shared_state->launcher_latch);
	LWLockRelease(sf_shared_state->lock);
}

/*
 * Enters the slot that the launcher made for this database.  A process that
 * finds none, or another process in it, has no business here.
 */
static void
enter_slot(Oid dboid)
{
	sf_slot    *slot;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	slot = sf_find_slot(dboid);
	if (slot == NULL || !slot->listed || slot->worker[my_kind].pid != 0)
	{
		LWLockRelease(sf_shared_state->lock);
		proc_exit(0);
	}
	sf_my_slot = slot;
	my_status = &slot->worker[my_kind];
	my_status->pid = MyProcPid;
	my_status->latch = MyLatch;
	my_status->state = SF_WORKER_STARTING;
	my_status->role = InvalidOid;
	my_status->started_at = GetCurrentTimestamp();
	my_status->last_active_at = my_status->started_at;
	LWLockRelease(sf_shared_state->lock);

	before_shmem_exit(leave_slot, (Datum) 0);
}

/*
 * Ends the process as meant: exit code 0, and the launcher knows why.
 */
void
sf_process_leave(sf_worker_exit how)
{
	my_exit = how;
	proc_exit(0);
}

/*
 * Lets the loop end as after SIGTERM, so that what is under way is finished,
 * and tells the launcher why.
 */
void
sf_process_end(sf_worker_exit how)
{
	my_exit = how;
	ShutdownRequestPending = true;
	SetLatch(MyLatch);
}

/*
 * Says once, not at each look, that a worker does not run: until it runs
 * again, absence_logged keeps later processes quiet.  Only the dispatcher
 * speaks: both are in the same position.
 */
static bool
absence_is_news(void)
{
	bool		news;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	news = !my_status->absence_logged;
	my_status->absence_logged = true;
	LWLockRelease(sf_shared_state->lock);
	return news && my_kind == SF_DISPATCHER;
}

/* Sets what no ALTER ROLE or ALTER DATABASE may change under the worker. */
static void
pin_settings(void)
{
	static const char *const pins[][2] = {
		{"role", "none"},
		{"smsfollow.tenant", ""},	/* all of them */
		{"search_path", "pg_catalog, pg_temp"},
		{"standard_conforming_strings", "on"},
		{"synchronous_commit", "on"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"transform_null_equals", "off"},
		{"array_nulls", "on"},
		{"row_security", "on"},
		{"default_tablespace", ""},
		{"default_table_access_method", "heap"},
		{"client_min_messages", "error"},
		{"lock_timeout", "800ms"},	/* below deadlock_timeout: the worker gives in first */
		{"idle_in_transaction_session_timeout", "0"},
		{"plan_cache_mode", "force_generic_plan"},
		{"jit", "off"},
	};
	int			i;

	for (i = 0; i < lengthof(pins); i++)
		SetConfigOption(pins[i][0], pins[i][1], PGC_SUSET, PGC_S_OVERRIDE);

	SetConfigOption("statement_timeout", my_kind == SF_DISPATCHER ? "30s" : "10min",
					PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name",
					my_kind == SF_DISPATCHER ? "smsfollow dispatcher" : "smsfollow scheduler",
					PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * The only process of its kind: a session advisory lock, freed when the
 * process ends.  Key: (SF_ADVISORY_CLASS, kind).
 */
static void
take_advisory_lock(void)
{
	if (!DatumGetBool(DirectFunctionCall2(pg_try_advisory_lock_int4,
										  Int32GetDatum(SF_ADVISORY_CLASS),
										  Int32GetDatum((int32) my_kind))))
		ereport(FATAL,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("another smsfollow %s runs in database \"%s\"",
						kind_names[my_kind], sf_my_slot->dbname)));
}

/*
 * Finds the extension; does not return when it is missing, has another
 * version than this library, or belongs to another role than we run as.
 */
static void
check_extension(void)
{
	char	   *version;
	Oid			owner;
	bool		isnull;

	if (SPI_execute("SELECT e.oid, e.extversion, e.extowner FROM pg_catalog.pg_extension e "
					"WHERE e.extname = 'smsfollow'", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the extension");

	if (SPI_processed == 0)
	{
		if (absence_is_news())
			ereport(LOG,
					(errmsg("smsfollow does not run in database \"%s\": it lacks the extension", sf_my_slot->dbname),
					 errhint("CREATE EXTENSION smsfollow starts it.")));
		sf_process_leave(SF_EXIT_NO_EXTENSION);
	}

	my_extension = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));

	if (strcmp(version, SF_VERSION) != 0)
	{
		if (absence_is_news())
			ereport(LOG,
					(errmsg("smsfollow does not run in database \"%s\": the extension has version %s, the server loaded %s",
							sf_my_slot->dbname, version, SF_VERSION),
					 errhint("Run ALTER EXTENSION smsfollow UPDATE, or restart the server if it loaded an older library.")));
		sf_process_leave(SF_EXIT_NO_EXTENSION);
	}

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	sf_my_slot->owner = owner;
	LWLockRelease(sf_shared_state->lock);
	if (sf_worker_role[0] == '\0' && owner != GetSessionUserId())
		sf_process_leave(SF_EXIT_ROLE);
}

/*
 * One transaction that finds out whether this process has anything to do; if
 * not, it does not return.
 */
static void
check_duty(void)
{
	bool		paused;
	bool		stopped;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	check_extension();
	take_advisory_lock();
	sf_process_read_control(&paused, &stopped);
	if (stopped)
	{
		if (absence_is_news())
			ereport(LOG,
					(errmsg("smsfollow does not run in database \"%s\": it was stopped", sf_my_slot->dbname),
					 errhint("smsfollow.start_worker() starts it.")));
		sf_process_leave(SF_EXIT_STOPPED);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_context);
}

void
sf_process_start(Datum main_arg, sf_worker_kind kind)
{
	Oid			dboid = DatumGetObjectId(main_arg);
	Oid			role;

	my_kind = kind;
	memcpy(&role, MyBgworkerEntry->bgw_extra, sizeof(role));

	/* Until connected there is nothing to finish: SIGTERM ends the process. */
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	enter_slot(dboid);
	BackgroundWorkerInitializeConnectionByOid(dboid, role, BGWORKER_BYPASS_ROLELOGINCHECK);

	end_timer = RegisterTimeout(USER_TIMEOUT, handle_end_timer);
	pqsignal(SIGINT, handle_sigint);
	pqsignal(SIGTERM, handle_sigterm);
	pin_settings();

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	my_status->role = GetSessionUserId();
	LWLockRelease(sf_shared_state->lock);

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "smsfollow worker",
												ALLOCSET_DEFAULT_SIZES));
	caller_context = CurrentMemoryContext;

	PG_TRY();
	{
		check_duty();
	}
	PG_CATCH();
	{
		sf_process_caught(caller_context);
		proc_exit(1);
	}
	PG_END_TRY();

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	my_status->absence_logged = false;
	LWLockRelease(sf_shared_state->lock);
	sf_process_state(SF_WORKER_RUNNING, "started");
	ereport(LOG,
			(errmsg("smsfollow %s started in database \"%s\"", kind_names[my_kind], sf_my_slot->dbname)));
}

bool
sf_process_extension_present(void)
{
	return get_extension_oid("smsfollow", true) == my_extension;
}

void
sf_process_state(sf_worker_state state, const char *activity)
{
	my_status->state = state;
	sf_process_activity(activity);
}

void
sf_process_activity(const char *activity)
{
	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	my_status->last_active_at = GetCurrentTimestamp();
	strlcpy(my_status->activity, activity, sizeof(my_status->activity));
	LWLockRelease(sf_shared_state->lock);
}

bool
sf_process_woken(void)
{
	return pg_atomic_exchange_u32(&my_status->wake, 0) != 0;
}

bool
sf_process_reloaded(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	sf_process_look_again();
	return true;
}

bool
sf_process_stopping(void)
{
	if (ShutdownRequestPending && !end_timer_set)
	{
		enable_timeout_after(end_timer, sf_shutdown_grace + END_SLACK_MS);
		end_timer_set = true;
	}
	return ShutdownRequestPending;
}

/*
 * Starts a transaction that SIGTERM may interrupt as kind says, and leaves the
 * process if the extension is gone.
 */
static void
begin_section(const char *activity, section kind, int timeout_ms)
{
	caller_context = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	current_section = kind;
	/* A bgworker has no command loop that would arm this one. */
	enable_timeout_after(STATEMENT_TIMEOUT, timeout_ms);
	pgstat_report_activity(STATE_RUNNING, activity);

	if (!sf_process_extension_present())
	{
		if (absence_is_news())
			ereport(LOG,
					(errmsg("smsfollow ends in database \"%s\": the extension was dropped", sf_my_slot->dbname)));
		sf_process_leave(SF_EXIT_NO_EXTENSION);
	}
}

/* After commit or abort: nothing to cancel any more. */
static void
end_section(void)
{
	current_section = SECTION_NONE;
	QueryCancelPending = false;
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
sf_process_begin(const char *activity)
{
	begin_section(activity, SECTION_CANCELLABLE, StatementTimeout);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
sf_process_begin_final(const char *activity)
{
	begin_section(activity, SECTION_FINAL, FINAL_TIMEOUT_MS);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * For a command that manages transactions by itself, such as VACUUM: neither
 * SPI nor a snapshot.
 */
void
sf_process_begin_utility(const char *activity)
{
	begin_section(activity, SECTION_CANCELLABLE, StatementTimeout);
}

void
sf_process_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	sf_process_commit_utility();
}

/* Ends what sf_process_begin_utility began. */
void
sf_process_commit_utility(void)
{
	/* A timeout must not cut short the wait for a synchronous standby. */
	disable_timeout(STATEMENT_TIMEOUT, false);

	if (current_section == SECTION_FINAL && ShutdownRequestPending &&
		synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	current_section = SECTION_CANCELLABLE;
	CommitTransactionCommand();

	end_section();
	MemoryContextSwitchTo(caller_context);
}

void
sf_process_abort(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	current_section = SECTION_NONE;
	AbortCurrentTransaction();

	end_section();
	MemoryContextSwitchTo(caller_context);
}

/*
 * Copies text with every run of seven or more digits replaced: error messages
 * quote values, and a value may be a phone number.
 */
static void
mask_numbers(const char *text, char *out, Size size)
{
	Size		n = 0;

	while (*text != '\0' && n + 4 < size)
	{
		Size		digits = 0;

		while (isdigit((unsigned char) text[digits]))
			digits++;
		if (digits >= 7)
		{
			memcpy(out + n, "***", 3);
			n += 3;
			text += digits;
		}
		else
			out[n++] = *text++;
	}
	out[n] = '\0';
	/* Cut off whole characters only. */
	n = pg_mbcliplen(out, n, n);
	out[n] = '\0';
}

/*
 * DETAIL is left out as it may quote whole rows.  The same error again within
 * a minute is only counted.
 */
void
sf_process_error(ErrorData *edata)
{
	char		masked[sizeof(my_status->last_error)];
	TimestampTz now = GetCurrentTimestamp();
	bool		news;

	mask_numbers(edata->message != NULL ? edata->message : "unknown error", masked, sizeof(masked));

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	news = strcmp(masked, my_status->last_error) != 0 ||
		now - my_status->last_error_at > REPEATED_ERROR_US;
	if (news)
	{
		strlcpy(my_status->last_error, masked, sizeof(my_status->last_error));
		my_status->last_error_at = now;
	}
	LWLockRelease(sf_shared_state->lock);
	pg_atomic_fetch_add_u64(&sf_my_slot->counters.errors, 1);

	if (news)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("smsfollow %s in database \"%s\": %s",
						kind_names[my_kind], sf_my_slot->dbname, masked)));
}

int
sf_process_caught(MemoryContext context)
{
	ErrorData  *edata;
	int			sqlstate;

	caller_context = context;
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	sf_process_abort();

	sqlstate = edata->sqlerrcode;
	/* A statement we cancelled ourselves, to leave, is no error. */
	if (!(ShutdownRequestPending && sqlstate == ERRCODE_QUERY_CANCELED))
		sf_process_error(edata);
	FreeErrorData(edata);
	return sqlstate;
}
