/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		Vacuums the small tables through which every text passes.
 *
 * Autovacuum looks once a minute and may be busy elsewhere for hours; the
 * queue gains dead rows much faster.  The scheduler vacuums a table itself
 * when it has many dead rows and the oldest snapshot has moved since the last
 * time: a snapshot that stays would keep every one of them.  VACUUM runs its
 * own transactions, so it is called as the command is, at top level.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/vacuum.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "worker/process.h"
#include "worker/worker.h"

#define MAX_TABLES 3

/* What is known of a table from the last time. */
typedef struct vacuumed
{
	Oid			relid;
	TransactionId horizon;		/* nothing younger could be removed then */
} vacuumed;

static vacuumed known[MAX_TABLES];

/*
 * True, and remembers it, when the horizon of a table has moved since it was
 * last vacuumed here.
 */
static bool
horizon_moved(Oid relid)
{
	Relation	relation = try_table_open(relid, AccessShareLock);
	TransactionId horizon;
	int			i;

	if (relation == NULL)
		return false;
	horizon = GetOldestNonRemovableTransactionId(relation);
	table_close(relation, AccessShareLock);

	for (i = 0; i < MAX_TABLES; i++)
	{
		if (known[i].relid == relid || !OidIsValid(known[i].relid))
			break;
	}
	if (i == MAX_TABLES)
	{
		/* The extension was made anew: forget the old tables. */
		memset(known, 0, sizeof(known));
		i = 0;
	}
	if (known[i].relid == relid && known[i].horizon == horizon)
		return false;
	known[i].relid = relid;
	known[i].horizon = horizon;
	return true;
}

/*
 * Tables worth a vacuum, into context.  Only those that this role may vacuum:
 * a worker role that does not own the tables leaves them to autovacuum.
 */
static List *
find_tables(MemoryContext context)
{
	List	   *found = NIL;
	uint64		i;

	sf_process_begin("looking for dead rows");
	if (SPI_execute("SELECT c.oid FROM pg_catalog.pg_class c "
					"WHERE c.relnamespace = 'smsfollow'::pg_catalog.regnamespace "
					"AND c.relname IN ('ready', 'inflight', 'kpi_delta') AND c.relkind = 'r' "
					"AND pg_catalog.pg_has_role(c.relowner, 'USAGE') "
					"AND pg_catalog.pg_stat_get_dead_tuples(c.oid) > 5000 + 0.05 * greatest(c.reltuples, 0)",
					true, MAX_TABLES) != SPI_OK_SELECT)
		elog(ERROR, "could not look for dead rows");
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		if (horizon_moved(relid))
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			found = lappend_oid(found, relid);
			MemoryContextSwitchTo(old);
		}
	}
	sf_process_commit();
	return found;
}

/*
 * VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF, SKIP_LOCKED) of one table.  Without
 * truncation it never takes a lock that the queue would feel.
 */
void
sf_vacuum_table(Oid relid, MemoryContext context)
{
	VacuumStmt *statement;
	MemoryContext old_portal = PortalContext;

	statement = makeNode(VacuumStmt);
	statement->is_vacuumcmd = true;
	statement->options = list_make3(makeDefElem("index_cleanup", (Node *) makeString("on"), -1),
									makeDefElem("truncate", (Node *) makeString("off"), -1),
									makeDefElem("skip_locked", (Node *) makeString("on"), -1));
	statement->rels = list_make1(makeVacuumRelation(NULL, relid, NIL));

	sf_process_begin_utility("vacuuming");
	/* VACUUM keeps its state across its transactions in the portal's context. */
	PortalContext = context;
	PG_TRY();
	{
		ExecVacuum(NULL, statement, true);
	}
	PG_FINALLY();
	{
		PortalContext = old_portal;
	}
	PG_END_TRY();
	sf_process_commit_utility();
}

/*
 * Vacuums what needs it; returns 0: there is no sense in doing it again at
 * once.  context is the caller's, reset by it afterwards.
 */
int64
sf_vacuum_queue(MemoryContext context)
{
	List	   *tables = find_tables(context);
	ListCell   *cell;

	foreach(cell, tables)
		sf_vacuum_table(lfirst_oid(cell), context);
	return 0;
}
