/*-------------------------------------------------------------------------
 *
 * status.c
 *		What workers are doing, as SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "settings.h"
#include "worker/worker.h"

#define STATUS_COLUMNS 25
#define COUNTER_COLUMNS 14		/* whole numbers before the two times */

PG_FUNCTION_INFO_V1(smsfollow_preloaded);
PG_FUNCTION_INFO_V1(smsfollow_worker_listed);
PG_FUNCTION_INFO_V1(smsfollow_worker_status);

static const char *const kind_names[SF_WORKER_KINDS] = {"dispatcher", "scheduler"};

/* A state, in the word that stat_worker shows. */
static const char *
state_name(sf_worker_state state)
{
	switch (state)
	{
		case SF_WORKER_ABSENT:
			return "absent";
		case SF_WORKER_STARTING:
			return "starting";
		case SF_WORKER_RUNNING:
			return "running";
		case SF_WORKER_PAUSED:
			return "paused";
		case SF_WORKER_GUARDED:
			return "guarded";
		case SF_WORKER_STOPPED:
			return "stopped";
		case SF_WORKER_NO_EXTENSION:
			return "no extension";
	}
	return "unknown";
}

/* preloaded() returns boolean */
Datum
smsfollow_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sf_shared_state != NULL);
}

/*
 * worker_listed() returns boolean: whether smsfollow.databases names the
 * current database.  Raises an error when not preloaded.
 */
Datum
smsfollow_worker_listed(PG_FUNCTION_ARGS)
{
	const char *mine = get_database_name(MyDatabaseId);
	List	   *names;
	ListCell   *cell;

	sf_require_preload();
	sf_settings_split_list(sf_databases, &names);
	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), mine) == 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* One row of worker_status, from a copy of the slot; counters are read in place. */
static void
put_status(ReturnSetInfo *rsinfo, const sf_slot *slot, sf_counters *counters,
		   sf_worker_kind kind, bool show_error)
{
	const sf_worker_status *status = &slot->worker[kind];
	Datum		values[STATUS_COLUMNS] = {0};
	bool		nulls[STATUS_COLUMNS] = {false};
	int			c = 0;
	int			i;
	pg_atomic_uint64 *const whole[COUNTER_COLUMNS] = {
		&counters->in_flight, &counters->waves, &counters->claimed, &counters->accepted,
		&counters->rejected, &counters->retried, &counters->in_doubt, &counters->suppressed,
		&counters->deferred, &counters->stale, &counters->sweeps, &counters->missed,
		&counters->wakeups, &counters->errors
	};

	values[c++] = CStringGetTextDatum(slot->dbname);
	values[c++] = CStringGetTextDatum(kind_names[kind]);
	nulls[c] = status->pid == 0;
	values[c++] = Int32GetDatum(status->pid);
	values[c++] = CStringGetTextDatum(state_name(status->state));
	nulls[c] = status->activity[0] == '\0';
	values[c++] = CStringGetTextDatum(status->activity);
	nulls[c] = status->pid == 0;
	values[c++] = TimestampTzGetDatum(status->started_at);
	nulls[c] = status->last_active_at == 0;
	values[c++] = TimestampTzGetDatum(status->last_active_at);
	nulls[c] = status->last_error[0] == '\0' || !show_error;
	values[c++] = CStringGetTextDatum(status->last_error);
	nulls[c] = nulls[c - 1];
	values[c++] = TimestampTzGetDatum(status->last_error_at);

	/* Counters belong to the database; they stand in the dispatcher's row. */
	for (i = 0; i < COUNTER_COLUMNS; i++)
	{
		nulls[c] = kind != SF_DISPATCHER;
		values[c++] = Int64GetDatum((int64) pg_atomic_read_u64(whole[i]));
	}
	nulls[c] = kind != SF_DISPATCHER;
	values[c++] = Float8GetDatum(pg_atomic_read_u64(&counters->claim_us) / 1000.0);
	nulls[c] = kind != SF_DISPATCHER;
	values[c++] = Float8GetDatum(pg_atomic_read_u64(&counters->settle_us) / 1000.0);
	Assert(c == STATUS_COLUMNS);

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * worker_status() returns setof record: two rows for each listed database.
 * Errors of other databases are for members of pg_read_all_stats.
 */
Datum
smsfollow_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all_errors = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
	sf_slot    *copy;
	int			i;
	int			k;

	sf_require_preload();
	InitMaterializedSRF(fcinfo, 0);

	/* Copied under the lock, formatted outside. */
	copy = palloc(mul_size(sf_shared_state->nslots, sizeof(sf_slot)));
	LWLockAcquire(sf_shared_state->lock, LW_SHARED);
	memcpy(copy, sf_shared_state->slots, sf_shared_state->nslots * sizeof(sf_slot));
	LWLockRelease(sf_shared_state->lock);

	for (i = 0; i < sf_shared_state->nslots; i++)
	{
		if (!OidIsValid(copy[i].dboid))
			continue;
		for (k = 0; k < SF_WORKER_KINDS; k++)
			put_status(rsinfo, &copy[i], &sf_shared_state->slots[i].counters, k,
					   all_errors || copy[i].dboid == MyDatabaseId);
	}
	return (Datum) 0;
}
