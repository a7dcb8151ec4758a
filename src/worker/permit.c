/*-------------------------------------------------------------------------
 *
 * permit.c
 *		Whether anything may be sent from this database at all.
 *
 * Three tables decide: control (a person paused or stopped the workers),
 * kill_switch (a person stopped everything) and installation
 * (this copy of the data was adopted here).  They are the truth; the change
 * counter in shared memory only says when to read them again.  What cannot be
 * read counts as "no".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "worker/process.h"
#include "worker/worker.h"

#define FOREIGN_REASON "it has texts that were made before smsfollow was installed here"

PG_FUNCTION_INFO_V1(smsfollow_system_identifier);

static bool known = false;		/* the following hold */
static bool may_send = false;
static uint32 known_change;
static TimestampTz known_at;
static sf_worker_state known_state = SF_WORKER_RUNNING;
static TimestampTz since = DT_NOEND;	/* texts from before were made elsewhere */
static bool foreign_seen = false;	/* there is such a text */

/*
 * Reads what persons decided.  No row: nobody decided anything.
 */
void
sf_process_read_control(bool *paused, bool *stopped)
{
	bool		isnull;

	if (SPI_execute("SELECT coalesce(pg_catalog.bool_or(c.paused), false) OR EXISTS (SELECT FROM smsfollow.kill_switch), "
					"coalesce(pg_catalog.bool_or(c.stopped), false) "
					"FROM smsfollow.control c", true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read smsfollow.control");
	*paused = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*stopped = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
}

bool
sf_process_guarded(char *reason, Size reason_size)
{
	const char *problem;
	TimestampTz now_since;
	bool		isnull;

	if (SPI_execute("SELECT smsfollow.installation_problem(), pg_catalog.max(i.since) "
					"FROM smsfollow.installation i", true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read smsfollow.installation");
	problem = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	now_since = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (isnull)
		now_since = DT_NOEND;
	if (now_since != since)
		foreign_seen = false;
	since = now_since;

	if (problem == NULL && foreign_seen)
		problem = FOREIGN_REASON;
	if (problem == NULL)
		return false;
	strlcpy(reason, problem, reason_size);
	return true;
}

void
sf_process_look_again(void)
{
	known = false;
}

/* Shows a change of state; the dispatcher also logs it. */
static void
enter_state(sf_worker_state state, const char *reason)
{
	int			level = sf_process_kind() == SF_DISPATCHER ? LOG : DEBUG1;

	if (state == known_state)
		return;
	known_state = state;

	switch (state)
	{
		case SF_WORKER_GUARDED:
			sf_process_state(state, "waits for smsfollow.adopt()");
			ereport(level,
					(errmsg("smsfollow sends nothing in database \"%s\": %s", sf_my_slot->dbname, reason),
					 errhint("If texts shall be sent from this copy of the data, call smsfollow.adopt().")));
			break;
		case SF_WORKER_PAUSED:
			sf_process_state(state, "paused by a person");
			ereport(level,
					(errmsg("smsfollow sends nothing in database \"%s\": it was paused", sf_my_slot->dbname)));
			break;
		default:
			sf_process_state(state, "may send");
			ereport(level,
					(errmsg("smsfollow may send in database \"%s\"", sf_my_slot->dbname)));
			break;
	}
}

bool
sf_process_may_send(void)
{
	uint32		change = pg_atomic_read_u32(&sf_my_slot->changed);
	TimestampTz now = GetCurrentTimestamp();
	char		reason[200] = "";
	bool		paused;
	bool		stopped;
	bool		guarded;

	if (known && change == known_change && now - known_at < sf_poll_interval * INT64CONST(1000))
		return may_send;

	/* The counter was read first: what changes from here on is seen next time. */
	pg_memory_barrier();
	known = false;
	sf_process_begin("reading whether texts may be sent");
	sf_process_read_control(&paused, &stopped);
	guarded = sf_process_guarded(reason, sizeof(reason));
	sf_process_commit();

	if (stopped)
		sf_process_end(SF_EXIT_STOPPED);

	may_send = !paused && !guarded && !stopped;
	known_change = change;
	known_at = now;
	known = true;
	enter_state(guarded ? SF_WORKER_GUARDED : paused ? SF_WORKER_PAUSED : SF_WORKER_RUNNING, reason);
	return may_send;
}

void
sf_process_check_text(TimestampTz message_at)
{
	/* Only a dispatcher sends. */
	if (sf_my_slot == NULL || message_at >= since)
		return;
	foreign_seen = true;
	sf_process_look_again();
	enter_state(SF_WORKER_GUARDED, FOREIGN_REASON);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a text is older than the installation of smsfollow in this database"),
			 errhint("If texts shall be sent from this copy of the data, call smsfollow.adopt().")));
}

bool
sf_process_adopted(void)
{
	return known_state != SF_WORKER_GUARDED;
}

/* system_identifier() returns bigint: of this cluster, as pg_control_system() says it. */
Datum
smsfollow_system_identifier(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) GetSystemIdentifier());
}
