/*-------------------------------------------------------------------------
 *
 * erase.c
 *		The second half of an erasure: what SQL cannot reach.
 *
 * erase_contact() has cleared all rows it saw.  Two things are left then.
 *
 * Rows that other transactions were writing.  After a sweep with transaction
 * id X we wait until every snapshot of the database is younger than X: whoever
 * could still see the contact's number has ended by then.  When the next sweep
 * finds nothing, nothing more can come; a text under way keeps the erasure of
 * its contact for a later round.
 *
 * Old versions of rows.  VACUUM takes them off their pages, but leaves their
 * bytes in what is free space then, and copies of their keys in inner pages of
 * indexes.  So after it the free space of every page is overwritten with
 * zeros (logged as an image of the page, which clears it on standbys too), and
 * those indexes are built anew that have a personal column as key.
 *
 * All state is in memory.  A scheduler that starts again begins with the
 * first sweep; every step may be repeated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"

#include "worker/dispatch.h"
#include "worker/process.h"
#include "worker/worker.h"

/* Reading files takes at most one of so many parts of the time. */
#define REST_FACTOR 10
#define REST_AFTER_FAILURE_US (60 * USECS_PER_SEC)

/* A round, from its first sweep to the end. */
static int64 round_upto;		/* its last privacy_request; 0: none begun */
static TransactionId round_swept;	/* the last sweep that found anything */
static TimestampTz rest_until;

/* A table with the indexes that have a personal column as key. */
typedef struct erased_file
{
	Oid			relid;
	List	   *indexes;
} erased_file;

/*
 * One sweep.  clean: the requests of the round without a text under way, an
 * array in context.  Returns how many contacts had something.
 */
static int64
sweep(MemoryContext context, Datum *clean)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(round_upto)};
	bool		first = round_upto == 0;
	Datum		upto;
	int64		changed;
	bool		isnull;
	MemoryContext old;

	sf_process_begin("erasing contacts");
	if (SPI_execute_with_args("SELECT s.upto, s.clean, s.changed FROM smsfollow.sweep_erasures($1) s",
							  1, types, values, first ? "n" : " ", false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not sweep erasures");
	upto = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	round_upto = isnull ? 0 : DatumGetInt64(upto);
	*clean = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	changed = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	old = MemoryContextSwitchTo(context);
	*clean = datumCopy(*clean, false, -1);
	MemoryContextSwitchTo(old);
	if (round_upto != 0 && (first || changed > 0))
		round_swept = GetCurrentTransactionId();
	sf_process_commit();
	return changed;
}

/*
 * Has everybody ended who could see what was there before the last sweep?
 */
static bool
others_ended(void)
{
	Relation	relation;
	TransactionId horizon;

	sf_process_begin("erasing contacts");
	relation = table_openrv(makeRangeVar("smsfollow", "contact_phone", -1), AccessShareLock);
	horizon = GetOldestNonRemovableTransactionId(relation);
	table_close(relation, AccessShareLock);
	sf_process_commit();
	return TransactionIdPrecedes(round_swept, horizon);
}

/*
 * The files to clean, into context.  Only those of tables that this role
 * owns; sets *all to whether that is all.
 */
static List *
find_files(MemoryContext context, Datum clean, bool *all)
{
	Oid			types[] = {INT8ARRAYOID};
	List	   *files = NIL;

	sf_process_begin("erasing contacts");
	if (SPI_execute_with_args("SELECT f.relation, f.indexes, pg_catalog.pg_has_role(c.relowner, 'USAGE')"
							  " FROM smsfollow.erasure_files($1) f JOIN pg_catalog.pg_class c ON c.oid = f.relation",
							  1, types, &clean, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for files of erased contacts");
	*all = true;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum	   *index;
		int			n;
		erased_file *file;
		MemoryContext old;

		if (!DatumGetBool(SPI_getbinval(row, desc, 3, &isnull)))
		{
			*all = false;
			continue;
		}
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, desc, 2, &isnull)),
						  OIDOID, sizeof(Oid), true, TYPALIGN_INT, &index, NULL, &n);
		old = MemoryContextSwitchTo(context);
		file = palloc(sizeof(erased_file));
		file->relid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		file->indexes = NIL;
		for (int k = 0; k < n; k++)
			file->indexes = lappend_oid(file->indexes, DatumGetObjectId(index[k]));
		files = lappend(files, file);
		MemoryContextSwitchTo(old);
	}
	sf_process_commit();
	return files;
}

/* Is there anything but zeros in the free space of a page? */
static bool
has_remains(Page page)
{
	PageHeader	header = (PageHeader) page;

	for (int i = header->pd_lower; i < header->pd_upper; i++)
		if (page[i] != 0)
			return true;
	return false;
}

/*
 * Is there a row version on the page that VACUUM should have removed?  It
 * passes over a page that somebody else has pinned.
 */
static bool
has_dead_rows(Relation relation, Buffer buffer, BlockNumber block, TransactionId horizon)
{
	Page		page = BufferGetPage(buffer);
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++)
	{
		ItemId		item = PageGetItemId(page, i);
		HeapTupleData tuple;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_tableOid = RelationGetRelid(relation);
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		ItemPointerSet(&tuple.t_self, block, i);
		if (HeapTupleSatisfiesVacuum(&tuple, horizon, buffer) == HEAPTUPLE_DEAD)
			return true;
	}
	return false;
}

/*
 * Overwrites the free space of all pages of a table; false when VACUUM has
 * left a row that was erased.  Readers and writers go on meanwhile: nobody
 * reads what is free, and who fills it locks the page.
 */
static bool
clear_free_space(Oid relid)
{
	Relation	relation = try_table_open(relid, AccessShareLock);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	TransactionId horizon = round_swept;
	BlockNumber nblocks;
	bool		done = true;

	if (relation == NULL)
		return true;			/* dropped by the retention */
	TransactionIdAdvance(horizon);
	nblocks = RelationGetNumberOfBlocks(relation);
	for (BlockNumber block = 0; block < nblocks; block++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		page = BufferGetPage(buffer);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page))
		{
			done = done && !has_dead_rows(relation, buffer, block, horizon);
			if (has_remains(page))
			{
				LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
				LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
				START_CRIT_SECTION();
				memset(page + ((PageHeader) page)->pd_lower, 0,
					   ((PageHeader) page)->pd_upper - ((PageHeader) page)->pd_lower);
				MarkBufferDirty(buffer);
				if (RelationNeedsWAL(relation))
					log_newpage_buffer(buffer, true);
				END_CRIT_SECTION();
			}
		}
		UnlockReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	table_close(relation, AccessShareLock);
	return done;
}

/* The same for a table and its TOAST table, in a transaction without a snapshot of rows. */
static bool
clear_table(Oid relid)
{
	HeapTuple	tuple;
	Oid			toast = InvalidOid;
	bool		done;

	sf_process_begin_utility("clearing the free space of tables");
	disable_timeout(STATEMENT_TIMEOUT, false);	/* as long as the table is */
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		toast = ((Form_pg_class) GETSTRUCT(tuple))->reltoastrelid;
		ReleaseSysCache(tuple);
	}
	done = clear_free_space(relid);
	if (OidIsValid(toast))
		done = clear_free_space(toast) && done;
	sf_process_commit_utility();
	return done;
}

/* Drops what a REINDEX that was cut short has left. */
static void
drop_unfinished_indexes(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	sf_process_begin("building indexes anew");
	if (SPI_execute_with_args("SELECT pg_catalog.format('DROP INDEX smsfollow.%I', c.relname)"
							  " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
							  " WHERE i.indrelid = $1 AND NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'",
							  1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for unfinished indexes");
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		SPITupleTable *rows = SPI_tuptable;

		if (SPI_execute(SPI_getvalue(rows->vals[i], rows->tupdesc, 1), false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "could not drop an unfinished index");
		SPI_tuptable = rows;
	}
	sf_process_commit();
}

/*
 * REINDEX INDEX CONCURRENTLY.  Like VACUUM it runs transactions of its own and
 * keeps its state in the portal's context.  It waits for others without being
 * in their way, so it may do so longer than the worker does elsewhere.
 */
static pg_noinline void
reindex(ReindexStmt *statement, MemoryContext context)
{
	MemoryContext old_portal = PortalContext;
	char	   *usual = pstrdup(GetConfigOption("lock_timeout", false, false));

	PushActiveSnapshot(GetTransactionSnapshot());
	PortalContext = context;
	SetConfigOption("lock_timeout", "60s", PGC_SUSET, PGC_S_OVERRIDE);
	PG_TRY();
	{
		ExecReindex(NULL, statement, true);
	}
	PG_FINALLY();
	{
		PortalContext = old_portal;
		SetConfigOption("lock_timeout", usual, PGC_SUSET, PGC_S_OVERRIDE);
	}
	PG_END_TRY();
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
}

/* Builds an index anew, unless it is gone; context is where its name may live. */
static void
rebuild_index(Oid index, MemoryContext context)
{
	char	   *name;

	sf_process_begin_utility("building indexes anew");
	disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(context);
	name = get_rel_name(index);
	if (name != NULL)
	{
		ReindexStmt *statement = makeNode(ReindexStmt);

		statement->kind = REINDEX_OBJECT_INDEX;
		statement->relation = makeRangeVar("smsfollow", name, -1);
		statement->params = list_make1(makeDefElem("concurrently", NULL, -1));
		reindex(statement, context);
	}
	sf_process_commit_utility();
}

/* Notes the end of the round. */
static void
finish(Datum clean)
{
	Oid			types[] = {INT8ARRAYOID};

	sf_process_begin("erasing contacts");
	if (SPI_execute_with_args("SELECT smsfollow.finish_erasures($1)", 1, types, &clean, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not finish erasures");
	sf_process_commit();
	round_upto = 0;
}

/*
 * Goes on with erasures; returns 1 while there is more to do, which the
 * scheduler tries after the gap.  context is the caller's, reset by it
 * afterwards.
 */
int64
sf_finish_erasures(MemoryContext context)
{
	TimestampTz began = GetCurrentTimestamp();
	Datum		clean;
	List	   *files;
	ListCell   *cell;
	bool		done;

	if (round_upto == 0)
	{
		sweep(context, &clean);
		return round_upto == 0 ? 0 : 1;
	}
	if (began < rest_until || !others_ended() || sweep(context, &clean) > 0)
		return 1;
	if (ArrayGetNItems(ARR_NDIM(DatumGetArrayTypeP(clean)), ARR_DIMS(DatumGetArrayTypeP(clean))) == 0)
	{
		/* their answers wake us */
		round_upto = 0;
		return 0;
	}
	files = find_files(context, clean, &done);
	foreach(cell, files)
	{
		erased_file *file = lfirst(cell);

		sf_vacuum_table(file->relid, context);
		done = clear_table(file->relid) && done;
		if (file->indexes != NIL)
		{
			ListCell   *index;

			drop_unfinished_indexes(file->relid);
			foreach(index, file->indexes)
				rebuild_index(lfirst_oid(index), context);
		}
	}
	rest_until = GetCurrentTimestamp() + (GetCurrentTimestamp() - began) * REST_FACTOR + (done ? 0 : REST_AFTER_FAILURE_US);
	if (done)
		finish(clean);
	return 1;
}
