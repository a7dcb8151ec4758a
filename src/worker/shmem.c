/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		The shared memory of launcher, workers and sessions.
 *
 * One array of slots, one for each database, behind one lock.  The launcher
 * alone takes and frees slots; a worker writes its own status; sessions read,
 * and set flags that ask for something.  A crash of any backend wipes it all,
 * so nothing durable is kept here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "settings.h"
#include "worker/worker.h"

#define FIRST_BACKOFF_S 5
#define LONGEST_BACKOFF_S (5 * 60)
#define HEALTHY_US (INT64CONST(10) * 60 * USECS_PER_SEC)

sf_shared  *sf_shared_state = NULL;
sf_slot    *sf_my_slot = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* Bytes for smsfollow.max_databases slots. */
static Size
shared_size(void)
{
	return add_size(offsetof(sf_shared, slots),
					mul_size((Size) sf_max_databases, sizeof(sf_slot)));
}

/* Asks for the memory and the lock. */
static void
request_shmem(void)
{
	if (previous_request_hook != NULL)
		previous_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("smsfollow", 1);
}

/* All counters of one database, at zero. */
void
sf_init_counters(sf_counters *counters)
{
	pg_atomic_uint64 *first = (pg_atomic_uint64 *) counters;
	Size		n = sizeof(sf_counters) / sizeof(pg_atomic_uint64);
	Size		i;

	for (i = 0; i < n; i++)
		pg_atomic_init_u64(&first[i], 0);
}

/* Makes the array, or finds it (EXEC_BACKEND); also after a crash restart. */
static void
startup_shmem(void)
{
	bool		found;
	int			i;
	int			k;

	if (previous_startup_hook != NULL)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	sf_shared_state = ShmemInitStruct("smsfollow", shared_size(), &found);
	if (!found)
	{
		memset(sf_shared_state, 0, shared_size());
		sf_shared_state->lock = &(GetNamedLWLockTranche("smsfollow"))->lock;
		sf_shared_state->nslots = sf_max_databases;
		for (i = 0; i < sf_max_databases; i++)
		{
			sf_slot    *slot = &sf_shared_state->slots[i];

			pg_atomic_init_u32(&slot->changed, 0);
			for (k = 0; k < SF_WORKER_KINDS; k++)
				pg_atomic_init_u32(&slot->worker[k].wake, 0);
			sf_init_counters(&slot->counters);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Installs the hooks.  Only from _PG_init while the server starts.
 */
void
sf_shmem_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/*
 * The slot of a database, or NULL.  The caller holds the lock, unless the
 * database is that of a running worker, whose slot stays.
 */
sf_slot *
sf_find_slot(Oid dboid)
{
	int			i;

	for (i = 0; i < sf_shared_state->nslots; i++)
	{
		if (sf_shared_state->slots[i].dboid == dboid)
			return &sf_shared_state->slots[i];
	}
	return NULL;
}

/*
 * Raises an error, with what to do, when there is no shared memory of ours.
 */
void
sf_require_preload(void)
{
	if (sf_shared_state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("smsfollow must be loaded via shared_preload_libraries"),
				 errhint("Add smsfollow to shared_preload_libraries in postgresql.conf and restart the server.")));
}

/*
 * Notes that the process of a worker is gone, and how long to wait after a
 * failure: 5 s, doubling to 5 min, from the start again after ten good
 * minutes.  Changing the role says nothing about health.  The caller holds the
 * lock.
 */
void
sf_worker_ended(sf_worker_status *status, sf_worker_exit how)
{
	TimestampTz now = GetCurrentTimestamp();

	if (how == SF_EXIT_ERROR)
	{
		if (status->backoff_s == 0 || now - status->launched_at >= HEALTHY_US)
			status->backoff_s = FIRST_BACKOFF_S;
		else
			status->backoff_s = Min(status->backoff_s * 2, LONGEST_BACKOFF_S);
	}
	else if (how != SF_EXIT_ROLE)
		status->backoff_s = 0;

	status->pid = 0;
	status->latch = NULL;
	status->exit = how;
	status->ended_at = now;
	status->restart = false;
	switch (how)
	{
		case SF_EXIT_NO_EXTENSION:
			status->state = SF_WORKER_NO_EXTENSION;
			break;
		case SF_EXIT_STOPPED:
			status->state = SF_WORKER_STOPPED;
			break;
		default:
			status->state = SF_WORKER_ABSENT;
			break;
	}
	status->activity[0] = '\0';
}
