/*-------------------------------------------------------------------------
 *
 * config.c
 *		Providers and senders as the dispatcher keeps them.
 *
 * Tables are the truth.  config_version rises in the transaction that changes
 * a provider, sender, secret or kind; the caches are read again when it moved.
 * An account that transfers still use outlives its replacement.  The state of
 * a sender's rate survives a reload, so that reloading never grants a burst.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "settings.h"
#include "worker/dispatch.h"

typedef struct account_entry
{
	int32		provider_id;
	sf_account *account;
} account_entry;

static MemoryContext config_context = NULL;
static HTAB *accounts = NULL;
static HTAB *sendings = NULL;
static int64 known_version = -1;

static SPIPlanPtr plan_version;
static SPIPlanPtr plan_providers;
static SPIPlanPtr plan_senders;

static HTAB *
make_hash(const char *name, Size entrysize, MemoryContext context)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(int32);
	ctl.entrysize = entrysize;
	ctl.hcxt = context;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Empty caches; called once before anything else here.
 */
void
sf_config_init(void)
{
	if (config_context != NULL)
		return;
	config_context = AllocSetContextCreate(TopMemoryContext, "smsfollow configuration", ALLOCSET_DEFAULT_SIZES);
	accounts = make_hash("smsfollow accounts", sizeof(account_entry), config_context);
	sendings = make_hash("smsfollow senders", sizeof(sf_sending), config_context);
}

/*
 * One user of an account less; frees it when it was replaced meanwhile.
 */
void
sf_account_release(sf_account *account)
{
	account->in_flight--;
	if (account->replaced && account->in_flight <= 0)
		MemoryContextDelete(account->context);
}

/*
 * Compiles one row.  A description or secret that does not work leaves an
 * account with a problem; its texts wait.
 */
static sf_account *
load_account(HeapTuple tuple, TupleDesc desc, const sf_account *old)
{
	MemoryContext context = AllocSetContextCreate(config_context, "smsfollow account", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	sf_account *account = palloc0(sizeof(sf_account));
	Datum		v[8];
	bool		isnull[8];

	heap_deform_tuple(tuple, desc, v, isnull);
	account->context = context;
	account->provider_id = DatumGetInt32(v[0]);
	account->name = TextDatumGetCString(v[1]);
	account->max_in_flight = isnull[5] ? 0 : DatumGetInt32(v[5]);
	account->paused = DatumGetBool(v[6]);
	if (old != NULL)
	{
		account->failures = old->failures;
		account->hold_until = old->hold_until;
		account->busy_us = old->busy_us;
	}
	PG_TRY();
	{
		Jsonb	   *secret = NULL;

		if (!isnull[7])
			secret = DatumGetJsonbP(v[7]);
		else if (!isnull[4])
			secret = sf_provider_load_secret(TextDatumGetCString(v[4]));
		account->provider = sf_provider_compile(context, account->name, DatumGetJsonbP(v[2]),
												DatumGetJsonbP(v[3]), secret, sf_allow_insecure_http);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		/* pure computation and a file read: no subtransaction is needed to go on */
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
			ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
			PG_RE_THROW();
		FlushErrorState();
		account->provider = NULL;
		account->problem = pstrdup(edata->message);
		ereport(WARNING,
				(errmsg("smsfollow cannot use provider \"%s\": %s", account->name, account->problem),
				 edata->hint ? errhint("%s", edata->hint) : 0));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return account;
}

static void
load_accounts(void)
{
	HASH_SEQ_STATUS seq;
	account_entry *entry;
	List	   *fresh = NIL;

	sf_plan(&plan_providers,
			"SELECT p.provider_id, p.name, k.description, p.settings, p.secret_name, p.max_in_flight, p.paused, s.value"
			" FROM smsfollow.provider p JOIN smsfollow.provider_kind k ON k.name = p.kind"
			" LEFT JOIN smsfollow.secret s ON s.name = p.secret_name", 0, NULL);
	sf_execute(plan_providers, NULL, NULL, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		int32		id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));

		entry = hash_search(accounts, &id, HASH_FIND, NULL);
		fresh = lappend(fresh, load_account(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
											entry ? entry->account : NULL));
	}
	SPI_freetuptable(SPI_tuptable);

	/* nothing below can fail but for memory: the old ones are given up only now */
	hash_seq_init(&seq, accounts);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		entry->account->replaced = true;
		if (entry->account->in_flight <= 0)
			MemoryContextDelete(entry->account->context);
		hash_search(accounts, &entry->provider_id, HASH_REMOVE, NULL);
	}
	for (int i = 0; i < list_length(fresh); i++)
	{
		sf_account *account = list_nth(fresh, i);

		entry = hash_search(accounts, &account->provider_id, HASH_ENTER, NULL);
		entry->account = account;
	}
}

static void
load_sendings(void)
{
	HASH_SEQ_STATUS seq;
	sf_sending *sending;

	hash_seq_init(&seq, sendings);
	while ((sending = hash_seq_search(&seq)) != NULL)
		sending->present = false;
	sf_plan(&plan_senders,
			"SELECT s.sender_id, s.provider_id, s.address, s.segments_per_second::float8, s.burst, s.paused"
			" FROM smsfollow.sender s", 0, NULL);
	sf_execute(plan_senders, NULL, NULL, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		v[6];
		bool		isnull[6];
		bool		found;
		int32		id;

		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, v, isnull);
		id = DatumGetInt32(v[0]);
		sending = hash_search(sendings, &id, HASH_ENTER, &found);
		if (!found)
		{
			memset(sending, 0, sizeof(*sending));
			sending->sender_id = id;
		}
		/* another rate: the slots that were promised mean nothing any more */
		if (sending->rate != DatumGetFloat8(v[3]))
			memset(sending->reserved, 0, sizeof(sending->reserved));
		sending->present = true;
		sending->provider_id = DatumGetInt32(v[1]);
		strlcpy(sending->address, isnull[2] ? "" : TextDatumGetCString(v[2]), sizeof(sending->address));
		sending->rate = DatumGetFloat8(v[3]);
		sending->burst = isnull[4] ? sending->rate : DatumGetInt32(v[4]);
		sending->paused = DatumGetBool(v[5]);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Reads providers and senders again if somebody changed them.
 */
void
sf_config_refresh(bool force)
{
	bool		isnull;
	int64		version;

	sf_config_init();
	sf_plan(&plan_version, "SELECT version FROM smsfollow.config_version", 0, NULL);
	sf_execute(plan_version, NULL, NULL, SPI_OK_SELECT);
	version = SPI_processed == 1
		? DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) : 0;
	SPI_freetuptable(SPI_tuptable);
	if (version == known_version && !force)
		return;
	load_accounts();
	load_sendings();
	known_version = version;
}

/*
 * NULL when there is no such provider.
 */
sf_account *
sf_config_account(int32 provider_id)
{
	account_entry *entry = hash_search(accounts, &provider_id, HASH_FIND, NULL);

	return entry ? entry->account : NULL;
}

void
sf_config_forget_claims(void)
{
	HASH_SEQ_STATUS seq;
	account_entry *entry;

	hash_seq_init(&seq, accounts);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entry->account->claimed = 0;
}

/*
 * NULL when there is no such sender.
 */
sf_sending *
sf_config_sending(int32 sender_id)
{
	sf_sending *sending = hash_search(sendings, &sender_id, HASH_FIND, NULL);

	return sending != NULL && sending->present ? sending : NULL;
}
