/*-------------------------------------------------------------------------
 *
 * tables.c
 *		Small tables of rules, as each backend keeps them.
 *
 * The tables are the truth.  config_version rises in the transaction that
 * changes one of them; all are read again when it moved.  The row's xmin is
 * compared too: a version that this backend saw in a transaction of its own
 * that was rolled back may come again with other contents.
 *
 * Rules that claim and explain hold pointers into live until the next
 * sf_policy_refresh(), which both call once at their beginning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "policy/budget.h"
#include "policy/cap.h"
#include "policy/gate.h"
#include "policy/jurisdiction.h"
#include "policy/quiet.h"
#include "policy/wording.h"
#include "worker/spi_array.h"

/*
 * Each reads its table into the current memory context and remembers it in a
 * variable of its own.  It must not leave half of it there when it fails.
 */
static void (*const loaders[]) (void) = {
	sf_caps_load,
	sf_budgets_load,
	sf_wording_load,
	sf_jurisdictions_load,
	sf_windows_load,
	NULL
};

static MemoryContext context = NULL;
static uint64 generation = 0;
static int64 known_version = -1;
static TransactionId known_xmin = InvalidTransactionId;

void
sf_policy_refresh(void)
{
	static SPIPlanPtr plan;
	MemoryContext caller;
	MemoryContext fresh;
	int64		version;
	TransactionId xmin;
	bool		isnull;

	sf_plan(&plan, "SELECT v.version, v.xmin FROM smsfollow.config_version v", 0, NULL);
	sf_execute(plan, NULL, NULL, SPI_OK_SELECT);
	if (SPI_processed != 1)
		elog(ERROR, "smsfollow.config_version must have one row");
	version = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	xmin = DatumGetTransactionId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
	if (version == known_version && xmin == known_xmin)
		return;

	/* from here until all are loaded, what is known belongs to no version */
	known_version = -1;
	fresh = AllocSetContextCreate(TopMemoryContext, "smsfollow rules", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(fresh);
	PG_TRY();
	{
		for (int i = 0; loaders[i] != NULL; i++)
			loaders[i] ();
	}
	PG_CATCH();
	{
		/* some point into the new context, some into the old one: the next call reads all again */
		if (context != NULL)
			MemoryContextSetParent(fresh, context);
		else
			context = fresh;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	if (context != NULL)
		MemoryContextDelete(context);
	context = fresh;
	known_version = version;
	known_xmin = xmin;
	generation++;
}

uint64
sf_policy_generation(void)
{
	return generation;
}
