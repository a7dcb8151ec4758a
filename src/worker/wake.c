/*-------------------------------------------------------------------------
 *
 * wake.c
 *		Telling workers and launcher that there is something to do.
 *
 * A transaction collects what it has to tell in one static set of flags; one
 * transaction callback, registered once in the life of a backend, tells it
 * after commit, when the changes are visible.  A rolled back subtransaction
 * may leave a flag set: a worker then looks and finds nothing.  What workers
 * must know is in tables; the flags only say that it is worth reading them.
 * An object access hook does the same for the extension itself, so that the
 * workers leave as soon as DROP EXTENSION commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"

#include "worker/worker.h"

PG_FUNCTION_INFO_V1(smsfollow_wake);
PG_FUNCTION_INFO_V1(smsfollow_worker_changed);
PG_FUNCTION_INFO_V1(smsfollow_worker_restart);

static struct
{
	bool		worker[SF_WORKER_KINDS];
	bool		changed;
	bool		restart;
	bool		any;
} pending;

static bool callback_registered = false;
static object_access_hook_type previous_object_access_hook = NULL;

/*
 * Sets the wake flag of one worker and, if nobody did since it last looked,
 * its latch.  The caller holds the lock, so the process behind the latch has
 * not left.
 */
static void
wake_worker(sf_worker_status *status)
{
	if (pg_atomic_exchange_u32(&status->wake, 1) == 0 && status->latch != NULL)
		SetLatch(status->latch);
}

/* Tells what the committed transaction collected. */
static void
tell(void)
{
	sf_slot    *slot;
	int			k;

	LWLockAcquire(sf_shared_state->lock,
				  pending.changed || pending.restart ? LW_EXCLUSIVE : LW_SHARED);
	slot = sf_find_slot(MyDatabaseId);
	if (slot != NULL)
	{
		if (pending.changed)
			pg_atomic_fetch_add_u32(&slot->changed, 1);
		for (k = 0; k < SF_WORKER_KINDS; k++)
		{
			sf_worker_status *status = &slot->worker[k];

			if (pending.changed)
				status->recheck = true;
			if (pending.restart)
				status->restart = true;
			if (pending.worker[k] || pending.changed)
				wake_worker(status);
		}
	}
	if ((pending.changed || pending.restart) && sf_shared_state->launcher_latch != NULL)
		SetLatch(sf_shared_state->launcher_latch);
	LWLockRelease(sf_shared_state->lock);
}

/* End of a transaction: tell after commit, forget otherwise. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!pending.any)
		return;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			tell();
			memset(&pending, 0, sizeof(pending));
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			memset(&pending, 0, sizeof(pending));
			break;
		default:
			break;
	}
}

/* Makes sure that the callback is there to see a flag that is set next. */
static void
note_pending(void)
{
	if (!callback_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		callback_registered = true;
	}
	pending.any = true;
}

/*
 * The worker looks for work once this transaction has committed.
 */
void
sf_wake_at_commit(sf_worker_kind kind)
{
	if (sf_shared_state == NULL || pending.worker[kind])
		return;
	note_pending();
	pending.worker[kind] = true;
}

/*
 * The worker of this process's database looks for work now.
 */
void
sf_wake(sf_worker_kind kind)
{
	sf_slot    *slot;

	if (sf_shared_state == NULL)
		return;
	LWLockAcquire(sf_shared_state->lock, LW_SHARED);
	slot = sf_find_slot(MyDatabaseId);
	if (slot != NULL)
		wake_worker(&slot->worker[kind]);
	LWLockRelease(sf_shared_state->lock);
}

/* Launcher and workers of this database look at everything again at commit. */
static void
note_changed(void)
{
	if (sf_shared_state == NULL)
		return;
	note_pending();
	pending.changed = true;
}

/* Somebody dropped or updated an extension: if it is ours, the workers want to know. */
static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (previous_object_access_hook != NULL)
		previous_object_access_hook(access, class_id, object_id, sub_id, arg);

	if (class_id == ExtensionRelationId && (access == OAT_DROP || access == OAT_POST_ALTER) &&
		get_extension_oid("smsfollow", true) == object_id)
		note_changed();
}

/*
 * Installs the hook.  Only from _PG_init while the server starts.
 */
void
sf_wake_init(void)
{
	previous_object_access_hook = object_access_hook;
	object_access_hook = on_object_access;
}

/* wake(worker text) returns void */
Datum
smsfollow_wake(PG_FUNCTION_ARGS)
{
	char	   *worker = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (strcmp(worker, "dispatcher") == 0)
		sf_wake_at_commit(SF_DISPATCHER);
	else if (strcmp(worker, "scheduler") == 0)
		sf_wake_at_commit(SF_SCHEDULER);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown worker \"%s\"", worker),
				 errhint("The workers are dispatcher and scheduler.")));
	PG_RETURN_VOID();
}

/*
 * worker_changed() returns void: at commit, launcher and workers of this
 * database read again what decides whether they run and send.
 */
Datum
smsfollow_worker_changed(PG_FUNCTION_ARGS)
{
	note_changed();
	PG_RETURN_VOID();
}

/* worker_restart() returns void: at commit, the launcher replaces both processes. */
Datum
smsfollow_worker_restart(PG_FUNCTION_ARGS)
{
	sf_require_preload();
	note_pending();
	pending.restart = true;
	PG_RETURN_VOID();
}
