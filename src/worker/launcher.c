/*-------------------------------------------------------------------------
 *
 * launcher.c
 *		Keeps a dispatcher and a scheduler running in each listed database.
 *
 * The launcher is connected to no database, so it is in nobody's way.  It
 * reads smsfollow.databases, looks the names up in the shared catalogs, takes
 * a slot for each and starts the workers that are missing.  Each cycle begins
 * from the slots, so a launcher that was itself restarted goes on where the
 * last one was.  It wakes up when a worker starts or ends, when a session asks
 * (worker_changed, worker_restart), on reload, and each minute.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "settings.h"
#include "worker/worker.h"

#define LAUNCHER_RESTART_S 5
#define CYCLE_MS (60 * 1000)
#define RESTART_MS 1000			/* least time between two starts of a worker */
#define ATTACH_MS (10 * 1000)	/* a started process is in its slot by then */
#define NO_WORKER_SLOT_MS (10 * 1000)

/* Why a name of smsfollow.databases gets no workers. */
typedef enum listed_problem
{
	LISTED_OK = 0,
	LISTED_MISSING,
	LISTED_CLOSED,				/* allows no connections */
	LISTED_NO_SLOT				/* more names than max_databases */
} listed_problem;

/* What was last said about a name, so that it is said once. */
typedef struct listed_name
{
	char		name[NAMEDATALEN];	/* hash key */
	listed_problem said;
} listed_name;

static HTAB *listed_names = NULL;
static bool role_missing_said = false;
static bool no_worker_slot_said = false;

/* Handles of the processes this launcher started; [slot][kind]. */
static BackgroundWorkerHandle *(*handles)[SF_WORKER_KINDS] = NULL;

static const char *const kind_names[SF_WORKER_KINDS] = {"dispatcher", "scheduler"};
static const char *const kind_functions[SF_WORKER_KINDS] = {"sf_dispatcher_main", "sf_scheduler_main"};

/*
 * Registers the launcher: after recovery, so that a standby texts nobody until
 * it is promoted.
 */
void
sf_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "smsfollow launcher");
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "smsfollow launcher");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "smsfollow");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "sf_launcher_main");
	RegisterBackgroundWorker(&worker);
}

/* Takes the launcher's latch out of shared memory. */
static void
leave_shared(int code, Datum arg)
{
	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	sf_shared_state->launcher_latch = NULL;
	sf_shared_state->launcher_pid = 0;
	LWLockRelease(sf_shared_state->lock);
}

/*
 * Says once what is wrong with a listed name, and nothing when it is as it was.
 */
static void
note_listed(const char *name, listed_problem problem)
{
	bool		found;
	listed_name *entry = hash_search(listed_names, name, HASH_ENTER, &found);

	if (!found)
		entry->said = LISTED_OK;
	if (entry->said == problem)
		return;
	entry->said = problem;

	switch (problem)
	{
		case LISTED_OK:
			break;
		case LISTED_MISSING:
			ereport(LOG,
					(errcode(ERRCODE_UNDEFINED_DATABASE),
					 errmsg("database \"%s\" of smsfollow.databases does not exist", name)));
			break;
		case LISTED_CLOSED:
			ereport(LOG,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("database \"%s\" of smsfollow.databases does not accept connections", name)));
			break;
		case LISTED_NO_SLOT:
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no place for database \"%s\" of smsfollow.databases", name),
					 errhint("Raise smsfollow.max_databases (now %d) and restart the server.", sf_max_databases)));
			break;
	}
}

/*
 * The row with this name in a shared catalog, as a copy, or NULL.  Scans the
 * table: a process without a database may not have the index descriptors.
 * Needs a transaction.
 */
static HeapTuple
find_by_name(Oid catalog, AttrNumber column, const char *name)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	NameData	key_name;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	namestrcpy(&key_name, name);
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&key_name));
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return tuple;
}

/*
 * OID of a database that can be connected to, else InvalidOid and why.  Needs
 * a transaction.
 */
static Oid
resolve_database(const char *name, listed_problem *problem)
{
	HeapTuple	tuple = find_by_name(DatabaseRelationId, Anum_pg_database_datname, name);
	Form_pg_database form;

	if (tuple == NULL)
	{
		*problem = LISTED_MISSING;
		return InvalidOid;
	}
	form = (Form_pg_database) GETSTRUCT(tuple);
	/* A limit of -2 marks what an interrupted DROP DATABASE left. */
	if (!form->datallowconn || form->datconnlimit == -2)
	{
		*problem = LISTED_CLOSED;
		return InvalidOid;
	}
	return form->oid;
}

/* The slot of a database; takes a free one if it has none.  The caller holds the lock. */
static sf_slot *
take_slot(Oid dboid)
{
	sf_slot    *slot = sf_find_slot(dboid);
	int			k;

	if (slot != NULL)
		return slot;
	slot = sf_find_slot(InvalidOid);
	if (slot == NULL)
		return NULL;

	slot->dboid = dboid;
	slot->owner = InvalidOid;
	for (k = 0; k < SF_WORKER_KINDS; k++)
	{
		sf_worker_status *status = &slot->worker[k];
		pg_atomic_uint32 *wake = &status->wake;

		memset(status, 0, offsetof(sf_worker_status, wake));
		pg_atomic_write_u32(wake, 0);
	}
	sf_init_counters(&slot->counters);
	return slot;
}

/*
 * Brings the slots in line with smsfollow.databases.  Slots of databases that
 * are no longer listed lose their mark, at the end and only they: a worker that
 * is just starting looks at it.
 */
static void
read_list(void)
{
	bool	   *seen = palloc0(sf_shared_state->nslots * sizeof(bool));
	List	   *names = NIL;
	ListCell   *cell;
	int			i;

	/* The check hook has accepted the syntax. */
	sf_settings_split_list(sf_databases, &names);

	foreach(cell, names)
	{
		char	   *name = lfirst(cell);
		listed_problem problem = LISTED_OK;
		Oid			dboid = resolve_database(name, &problem);

		if (OidIsValid(dboid))
		{
			sf_slot    *slot;

			LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
			slot = take_slot(dboid);
			if (slot != NULL)
			{
				seen[slot - sf_shared_state->slots] = true;
				slot->listed = true;
				strlcpy(slot->dbname, name, sizeof(slot->dbname));
			}
			LWLockRelease(sf_shared_state->lock);
			if (slot == NULL)
				problem = LISTED_NO_SLOT;
		}
		note_listed(name, problem);
	}

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	for (i = 0; i < sf_shared_state->nslots; i++)
	{
		if (!seen[i])
			sf_shared_state->slots[i].listed = false;
	}
	LWLockRelease(sf_shared_state->lock);
}

/*
 * The role workers have to run as.  False when smsfollow.worker_role names
 * none; InvalidOid when it is empty, for the extension's owner.  Needs a
 * transaction.
 */
static bool
resolve_role(Oid *role)
{
	*role = InvalidOid;
	if (sf_worker_role[0] != '\0')
	{
		HeapTuple	tuple = find_by_name(AuthIdRelationId, Anum_pg_authid_rolname, sf_worker_role);

		if (tuple == NULL)
		{
			if (!role_missing_said)
				ereport(WARNING,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("role \"%s\" of smsfollow.worker_role does not exist", sf_worker_role),
						 errhint("Create it or change the setting; no worker starts until then.")));
			role_missing_said = true;
			return false;
		}
		*role = ((Form_pg_authid) GETSTRUCT(tuple))->oid;
	}
	role_missing_said = false;
	return true;
}

/* Starts one worker; false when the server has no place for another one. */
static bool
start_worker(int i, sf_worker_kind kind, Oid role)
{
	sf_slot    *slot = &sf_shared_state->slots[i];
	sf_worker_status *status = &slot->worker[kind];
	BackgroundWorker worker;
	MemoryContext old;
	bool		registered;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "smsfollow %s %s", kind_names[kind], slot->dbname);
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "smsfollow %s", kind_names[kind]);
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "smsfollow");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "%s", kind_functions[kind]);
	worker.bgw_main_arg = ObjectIdGetDatum(slot->dboid);
	memcpy(worker.bgw_extra, &role, sizeof(role));
	worker.bgw_notify_pid = MyProcPid;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	status->state = SF_WORKER_STARTING;
	status->told_to_end = false;
	status->recheck = false;
	status->launched_at = GetCurrentTimestamp();
	LWLockRelease(sf_shared_state->lock);

	/* The handle outlives this cycle. */
	old = MemoryContextSwitchTo(TopMemoryContext);
	registered = RegisterDynamicBackgroundWorker(&worker, &handles[i][kind]);
	MemoryContextSwitchTo(old);

	if (registered)
	{
		no_worker_slot_said = false;
		return true;
	}

	handles[i][kind] = NULL;
	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	status->state = SF_WORKER_ABSENT;
	LWLockRelease(sf_shared_state->lock);
	if (!no_worker_slot_said)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker slot is free for the smsfollow %s of database \"%s\"",
						kind_names[kind], slot->dbname),
				 errhint("Raise max_worker_processes and restart the server: smsfollow needs one, and two for each database.")));
	no_worker_slot_said = true;
	return false;
}

/*
 * True while a process that this or an earlier launcher started may still
 * enter its slot.  Drops the handle of one that has ended.
 */
static bool
start_under_way(int i, sf_worker_kind kind, const sf_worker_status *status, TimestampTz now)
{
	pid_t		pid;

	if (handles[i][kind] != NULL)
	{
		BgwHandleStatus handle_status = GetBackgroundWorkerPid(handles[i][kind], &pid);

		if (handle_status == BGWH_NOT_YET_STARTED || handle_status == BGWH_STARTED)
			return true;
		pfree(handles[i][kind]);
		handles[i][kind] = NULL;
		return false;
	}
	return status->state == SF_WORKER_STARTING &&
		now < TimestampTzPlusMilliseconds(status->launched_at, ATTACH_MS);
}

/* When a worker that is not there starts again. */
static TimestampTz
next_start(const sf_worker_status *status)
{
	switch (status->exit)
	{
		case SF_EXIT_NONE:
			return DT_NOBEGIN;
		case SF_EXIT_ERROR:
			return TimestampTzPlusMilliseconds(status->ended_at, (int64) status->backoff_s * 1000);
		case SF_EXIT_TERMINATED:
		case SF_EXIT_ROLE:
			return TimestampTzPlusMilliseconds(status->launched_at, RESTART_MS);
		case SF_EXIT_NO_EXTENSION:
			return TimestampTzPlusMilliseconds(status->ended_at, CYCLE_MS);
		case SF_EXIT_STOPPED:
			break;
	}
	return DT_NOEND;
}

/*
 * Sends SIGTERM, once, to a process that must not go on: its database is no
 * longer listed, a person asked for a restart, or it runs as another role than
 * it should.  The caller holds the lock, so the pid is still its own.
 */
static void
end_if_unwanted(const sf_slot *slot, sf_worker_status *status, Oid role)
{
	bool		wrong_role = OidIsValid(role) && OidIsValid(status->role) && status->role != role;

	if (status->told_to_end || (slot->listed && !status->restart && !wrong_role))
		return;
	status->told_to_end = true;
	kill(status->pid, SIGTERM);
}

/*
 * Looks after one worker.  Returns the time in ms until it needs the launcher
 * again, at most CYCLE_MS.
 */
static long
tend(int i, sf_worker_kind kind, bool role_known, Oid setting_role)
{
	sf_slot    *slot = &sf_shared_state->slots[i];
	sf_worker_status *status = &slot->worker[kind];
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due;
	Oid			role;
	bool		listed;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	role = OidIsValid(setting_role) ? setting_role : slot->owner;
	listed = slot->listed;
	if (status->pid != 0)
	{
		end_if_unwanted(slot, status, role);
		LWLockRelease(sf_shared_state->lock);
		return CYCLE_MS;
	}
	if (start_under_way(i, kind, status, now))
	{
		LWLockRelease(sf_shared_state->lock);
		return RESTART_MS;
	}
	/* A process that never came as far as its slot. */
	if (status->state == SF_WORKER_STARTING)
		sf_worker_ended(status, SF_EXIT_ERROR);
	due = status->recheck ? DT_NOBEGIN : next_start(status);
	/* The owner we remember may be what failed, such as a dropped role. */
	if (status->exit == SF_EXIT_ERROR)
		role = setting_role;
	LWLockRelease(sf_shared_state->lock);

	if (!listed || !role_known)
		return CYCLE_MS;
	if (due <= now)
		return start_worker(i, kind, role) ? RESTART_MS : NO_WORKER_SLOT_MS;
	if (due >= TimestampTzPlusMilliseconds(now, CYCLE_MS))
		return CYCLE_MS;
	return TimestampDifferenceMilliseconds(now, due);
}

/* Frees the slot of a database that is no longer listed once its workers are gone. */
static void
free_slot_if_unused(int i)
{
	sf_slot    *slot = &sf_shared_state->slots[i];
	bool		used = false;
	int			k;

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	for (k = 0; k < SF_WORKER_KINDS; k++)
		used |= slot->worker[k].pid != 0 || handles[i][k] != NULL;
	if (!slot->listed && !used)
		slot->dboid = InvalidOid;
	LWLockRelease(sf_shared_state->lock);
}

/* One round over everything; returns the ms until the next one. */
static long
cycle(void)
{
	MemoryContext context = CurrentMemoryContext;
	long		wait = CYCLE_MS;
	Oid			role;
	bool		role_known;
	int			i;
	int			k;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	read_list();
	role_known = resolve_role(&role);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);

	for (i = 0; i < sf_shared_state->nslots; i++)
	{
		if (!OidIsValid(sf_shared_state->slots[i].dboid))
			continue;
		for (k = 0; k < SF_WORKER_KINDS; k++)
			wait = Min(wait, tend(i, k, role_known, role));
		free_slot_if_unused(i);
	}
	return wait;
}

void
sf_launcher_main(Datum main_arg)
{
	MemoryContext context;
	HASHCTL		hash;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	LWLockAcquire(sf_shared_state->lock, LW_EXCLUSIVE);
	sf_shared_state->launcher_latch = MyLatch;
	sf_shared_state->launcher_pid = MyProcPid;
	LWLockRelease(sf_shared_state->lock);
	before_shmem_exit(leave_shared, (Datum) 0);

	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	handles = MemoryContextAllocZero(TopMemoryContext,
									 mul_size(sf_shared_state->nslots, sizeof(*handles)));
	memset(&hash, 0, sizeof(hash));
	hash.keysize = NAMEDATALEN;
	hash.entrysize = sizeof(listed_name);
	listed_names = hash_create("smsfollow listed databases", 16, &hash, HASH_ELEM | HASH_STRINGS);
	context = AllocSetContextCreate(TopMemoryContext, "smsfollow launcher", ALLOCSET_DEFAULT_SIZES);
	wait_event = SF_WAIT_EVENT("SmsfollowLauncher");

	for (;;)
	{
		long		wait;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		MemoryContextSwitchTo(context);
		wait = cycle();
		MemoryContextReset(context);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait,
						 wait_event);
		ResetLatch(MyLatch);
	}
}
