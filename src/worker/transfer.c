/*-------------------------------------------------------------------------
 *
 * transfer.c
 *		Open transfers: from the permit to a result.
 *
 * No transaction is open in here.  Results collect until the loop settles
 * them; what they point to lives in result_context until then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "policy/quiet.h"
#include "settings.h"
#include "worker/transfer.h"
#include "worker/worker.h"

typedef struct sf_transfer
{
	bool		used;
	bool		lookup;
	bool		finished;		/* a result waits to be settled */
	sf_account *account;
	sf_sending *sending;
	int64		message_id;
	int64		contact_id;
	int32		program_id;
	int			attempt;
	int			max_attempts;
	char		policy[20];
	char		phone[20];
	TimestampTz started_at;		/* wall clock */
	TimestampTz sandbox_at;		/* wall clock; 0: not a sandbox text */
	sf_outcome	sandbox;
	sf_doubt   *doubt;			/* lookup: in doubt_context */
} sf_transfer;

typedef struct busy_contact
{
	int64		contact_id;
} busy_contact;

static sf_transport *transport;
static sf_transfer *transfers;
static int	capacity;			/* slots made */
static int	used;
static int	sandboxes;			/* sandbox texts that wait for their time */
static int *free_list;
static int	nfree;
static HTAB *busy;
static MemoryContext scratch_context;	/* reset after each request */
static MemoryContext result_context;	/* reset when results are settled */
static sf_result *results;
static int *result_transfers;
static int	nresults;
static TimestampTz oldest_result;
static sf_doubt_result *doubt_results;
static int	ndoubt_results;

static void
read_options(sf_transport_options *options)
{
	memset(options, 0, sizeof(*options));
	/* lookups have room beside texts */
	options->max_transfers = Min(sf_max_in_flight + 16, SF_TRANSPORT_MAX_WINDOW);
	options->connect_timeout_ms = sf_connect_timeout;
	options->timeout_ms = sf_request_timeout;
	options->max_response = 64 * 1024;
	options->ca_file = sf_ca_file;
	options->proxy = sf_proxy;
	options->user_agent = "smsfollow/" SF_VERSION;
	options->allow_insecure_http = sf_allow_insecure_http;
}

/*
 * Once a process.  libcurl is first touched here, after the fork.
 */
void
sf_transfers_init(void)
{
	sf_transport_options options;
	char		err[SF_TRANSPORT_ERROR_SIZE];
	const char *problem = sf_transport_global_init();
	const char *warning;
	HASHCTL		ctl = {0};
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "smsfollow transfers", ALLOCSET_DEFAULT_SIZES);

	if (problem != NULL)
		ereport(FATAL, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("smsfollow cannot use libcurl: %s", problem)));
	(void) sf_transport_version(&warning);
	if (warning != NULL)
		ereport(WARNING, (errmsg("smsfollow: %s", warning)));
	read_options(&options);
	transport = sf_transport_create(&options, err);
	if (transport == NULL)
		ereport(FATAL, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("smsfollow cannot start its transport: %s", err)));

	capacity = SF_TRANSPORT_MAX_WINDOW;
	transfers = MemoryContextAllocZero(context, sizeof(sf_transfer) * capacity);
	free_list = MemoryContextAlloc(context, sizeof(int) * capacity);
	results = MemoryContextAlloc(context, sizeof(sf_result) * capacity);
	result_transfers = MemoryContextAlloc(context, sizeof(int) * capacity);
	doubt_results = MemoryContextAlloc(context, sizeof(sf_doubt_result) * capacity);
	for (nfree = 0; nfree < capacity; nfree++)
		free_list[nfree] = capacity - 1 - nfree;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(busy_contact);
	ctl.hcxt = context;
	busy = hash_create("smsfollow busy contacts", capacity, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	scratch_context = AllocSetContextCreate(context, "smsfollow request", ALLOCSET_DEFAULT_SIZES);
	result_context = AllocSetContextCreate(context, "smsfollow results", ALLOCSET_DEFAULT_SIZES);
}

/*
 * Settings changed: the transport takes them for requests to come.
 */
void
sf_transfers_configure(void)
{
	sf_transport_options options;
	char		err[SF_TRANSPORT_ERROR_SIZE];

	read_options(&options);
	if (!sf_transport_configure(transport, &options, err))
		ereport(WARNING, (errmsg("smsfollow keeps its old transport settings: %s", err)));
}

int
sf_transfers_fd(void)
{
	return sf_transport_fd(transport);
}

int
sf_transfers_free(void)
{
	return Max(Min(sf_max_in_flight, capacity) - used, 0);
}

int
sf_transfers_active(void)
{
	return used - nresults;
}

bool
sf_transfers_busy(void *arg, int64 contact_id)
{
	return hash_search(busy, &contact_id, HASH_FIND, NULL) != NULL;
}

/*
 * Takes a slot.
 */
static int
open_transfer(void)
{
	int			i = free_list[--nfree];

	Assert(!transfers[i].used);
	memset(&transfers[i], 0, sizeof(sf_transfer));
	transfers[i].used = true;
	used++;
	pg_atomic_write_u64(&sf_my_slot->counters.in_flight, used);
	return i;
}

static void
close_transfer(int i)
{
	sf_transfer *t = &transfers[i];

	if (!t->lookup)
		hash_search(busy, &t->contact_id, HASH_REMOVE, NULL);
	if (t->account != NULL)
		sf_account_release(t->account);
	t->used = false;
	free_list[nfree++] = i;
	used--;
	pg_atomic_write_u64(&sf_my_slot->counters.in_flight, used);
}

/*
 * Turns an outcome into a row to settle: backoff, limits, policy.
 */
static void
finish(int i, const sf_outcome *outcome, long http_status)
{
	sf_transfer *t = &transfers[i];
	sf_result  *r = &results[nresults];
	TimestampTz wall = GetCurrentTimestamp();
	TimestampTz now = sf_clock();
	MemoryContext caller = MemoryContextSwitchTo(result_context);

	memset(r, 0, sizeof(*r));
	r->message_id = t->message_id;
	r->contact_id = t->contact_id;
	r->program_id = t->program_id;
	r->reason = outcome->reason;
	r->provider_message_id = outcome->provider_message_id ? pstrdup(outcome->provider_message_id) : NULL;
	r->segments = outcome->segments;
	r->cost = outcome->cost ? pstrdup(outcome->cost) : NULL;
	r->currency = outcome->currency ? pstrdup(outcome->currency) : NULL;
	r->http_status = (int) http_status;
	r->error_code = outcome->error_code ? pstrdup(outcome->error_code) : NULL;
	r->error_text = outcome->error_text ? pstrdup(outcome->error_text) : NULL;
	r->retry_at = DT_NOEND;
	r->next_lookup_at = DT_NOEND;
	r->policy = t->policy;
	r->counts = true;
	t->account->busy_us += (wall - t->started_at - t->account->busy_us) * (t->account->busy_us > 0 ? 0.1 : 1);

	switch (outcome->kind)
	{
		case SF_ACCEPTED:
			r->outcome = "accepted";
			t->account->failures = 0;
			break;
		case SF_REJECTED:
			r->outcome = "rejected";
			t->account->failures = 0;
			break;
		case SF_RETRY:
			r->outcome = "retry";
			r->counts = strcmp(outcome->reason, "transient") == 0;
			if (r->counts && t->attempt >= t->max_attempts)
			{
				r->outcome = "rejected";
				r->reason = "max_attempts";
				break;
			}
			/* the account as a whole is not reached or refuses: everybody waits, longer each time */
			if (outcome->hold == SF_HOLD_PROVIDER || strcmp(outcome->reason, "not_sent") == 0)
			{
				if (t->account->hold_until <= wall)
				{
					t->account->failures++;
					t->account->hold_until = outcome->retry_after_ms >= 0
						? wall + outcome->retry_after_ms * 1000
						: sf_backoff(wall, t->account->failures);
				}
				r->retry_at = now + (t->account->hold_until - wall);
			}
			else if (outcome->hold == SF_HOLD_SENDER)
			{
				TimestampTz until = outcome->retry_after_ms >= 0
					? wall + outcome->retry_after_ms * 1000 : sf_backoff(wall, 1);

				t->sending->hold_until = Max(t->sending->hold_until, until);
				r->retry_at = now + (t->sending->hold_until - wall);
			}
			else if (outcome->retry_after_ms >= 0)
				r->retry_at = now + outcome->retry_after_ms * 1000;
			else
				r->retry_at = sf_backoff(now, t->attempt);
			break;
		case SF_IN_DOUBT:
			r->outcome = "in_doubt";
			if (strcmp(t->policy, "drop") == 0)
			{
				r->outcome = "rejected";
				r->reason = "dropped";
			}
			else if (strcmp(t->policy, "retry") == 0 && t->attempt < t->max_attempts)
			{
				r->outcome = "retry";
				r->retry_at = sf_backoff(now, t->attempt);
			}
			else if (sf_provider_can_lookup_by_recipient(t->account->provider) ||
					 (r->provider_message_id != NULL && sf_provider_can_lookup_by_id(t->account->provider)))
				r->next_lookup_at = now + sf_lookup_interval * INT64CONST(1000);
			break;
	}
	MemoryContextSwitchTo(caller);
	if (nresults == 0)
		oldest_result = wall;
	t->finished = true;
	result_transfers[nresults++] = i;
}

/*
 * For the catch block of work on one text: the error, which is over then.  An
 * order to end is thrown on.
 */
static ErrorData *
caught_error(void)
{
	ErrorData  *edata;

	MemoryContextSwitchTo(scratch_context);
	edata = CopyErrorData();
	if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		PG_RE_THROW();
	FlushErrorState();
	return edata;
}

/*
 * The slot of a permitted text.
 */
static int
open_text(const sf_text *text)
{
	int			i = open_transfer();
	sf_transfer *t = &transfers[i];

	t->account = text->account;
	t->account->in_flight++;
	t->sending = text->sending;
	t->message_id = text->message_id;
	t->started_at = GetCurrentTimestamp();
	t->contact_id = text->contact_id;
	t->program_id = text->program_id;
	t->attempt = text->attempt + 1;
	t->max_attempts = text->max_attempts;
	strlcpy(t->policy, text->policy, sizeof(t->policy));
	strlcpy(t->phone, text->phone, sizeof(t->phone));
	hash_search(busy, &t->contact_id, HASH_ENTER, NULL);
	return i;
}

/*
 * Nothing left this machine for it.
 */
static void
finish_not_sent(int i, const char *why)
{
	sf_outcome	outcome = {0};

	outcome.kind = SF_RETRY;
	outcome.reason = "not_sent";
	outcome.retry_after_ms = -1;
	outcome.error_text = unconstify(char *, why);
	finish(i, &outcome, 0);
}

void
sf_transfer_give_back(const sf_text *text)
{
	sf_outcome	outcome = {0};
	int			i = open_text(text);

	/* no fault of the provider: due again at once, after the restart */
	outcome.kind = SF_RETRY;
	outcome.reason = "stopped";
	outcome.retry_after_ms = 0;
	outcome.error_text = "the worker was stopped before it sent the text";
	finish(i, &outcome, 0);
}

/*
 * Builds the request and gives it to the transport.  A text whose request
 * cannot be built fails alone.
 */
void
sf_transfer_start(const sf_text *text)
{
	int			i = open_text(text);
	sf_transfer *t = &transfers[i];
	MemoryContext caller = MemoryContextSwitchTo(scratch_context);
	sf_outgoing out = {0};
	char		ref[24];
	TimestampTz now = sf_clock();

	snprintf(ref, sizeof(ref), INT64_FORMAT, text->message_id);
	out.message_id = text->message_id;
	out.to = text->phone;
	out.from = t->sending->address[0] ? t->sending->address : NULL;
	out.body = text->body;
	out.ref = ref;
	/* the provider must not pass it on later than that, and needs a moment to notice; never 0, which means no limit */
	out.ttl_s = (int) Min(Max((text->valid_until - now) / USECS_PER_SEC - SF_VALIDITY_MARGIN, 1), SF_MAX_VALIDITY);
	out.is_unicode = text->segments.encoding == SF_UCS2;
	out.nmedia = text->nmedia;
	out.media = text->media;

	PG_TRY();
	{
		if (sf_provider_is_sandbox(t->account->provider))
		{
			int			delay_ms = 0;

			MemoryContextSwitchTo(result_context);
			sf_provider_sandbox(t->account->provider, &out, &t->sandbox, &delay_ms);
			t->sandbox_at = GetCurrentTimestamp() + delay_ms * INT64CONST(1000) + 1;
			sandboxes++;
		}
		else
		{
			sf_http_request request = {0};
			char		err[SF_TRANSPORT_ERROR_SIZE];

			sf_provider_send_request(t->account->provider, &out, &request);
			request.tag = i;
			if (!sf_transport_add(transport, &request, err))
				finish_not_sent(i, err);
		}
	}
	PG_CATCH();
	{
		sf_outcome	outcome = {0};
		ErrorData  *edata = caught_error();

		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
			finish_not_sent(i, edata->message);
		else
		{
			outcome.kind = SF_REJECTED;
			outcome.reason = "permanent";
			outcome.retry_after_ms = -1;
			outcome.error_text = edata->message;
			finish(i, &outcome, 0);
		}
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_context);
}

/*
 * Asks a provider about a text in doubt; false when there is no room or no way
 * to ask now.
 */
bool
sf_transfer_lookup(const sf_doubt *doubt)
{
	sf_account *account = sf_config_account(doubt->provider_id);
	MemoryContext caller;
	MemoryContext context;
	sf_doubt   *copy;
	sf_outgoing out = {0};
	sf_http_request request = {0};
	char		err[SF_TRANSPORT_ERROR_SIZE];
	char		ref[24];
	int			i;
	volatile bool added = false;

	if (account == NULL || account->provider == NULL || nfree == 0 || sf_transport_free(transport) == 0)
		return false;
	context = AllocSetContextCreate(TopMemoryContext, "smsfollow lookup", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	copy = palloc(sizeof(sf_doubt));
	*copy = *doubt;
	copy->phone = pstrdup(doubt->phone);
	copy->body = pstrdup(doubt->body);
	copy->provider_message_id = doubt->provider_message_id ? pstrdup(doubt->provider_message_id) : NULL;
	snprintf(ref, sizeof(ref), INT64_FORMAT, copy->message_id);
	out.message_id = copy->message_id;
	out.to = copy->phone;
	out.body = copy->body;
	out.ref = pstrdup(ref);
	MemoryContextSwitchTo(scratch_context);
	i = open_transfer();
	transfers[i].lookup = true;
	transfers[i].account = account;
	transfers[i].doubt = copy;
	account->in_flight++;
	PG_TRY();
	{
		sf_provider_lookup_request(account->provider, &out, copy->provider_message_id, copy->sent_at, &request);
		request.tag = i;
		added = sf_transport_add(transport, &request, err);
	}
	PG_CATCH();
	{
		/* this text cannot be asked about; its doubt stays */
		(void) caught_error();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_context);
	if (!added)
	{
		close_transfer(i);
		MemoryContextDelete(context);
	}
	return added;
}

/*
 * An answer to a lookup.
 */
static void
finish_lookup(int i, const sf_http_response *response)
{
	sf_transfer *t = &transfers[i];
	sf_doubt   *doubt = t->doubt;
	sf_doubt_result *r = &doubt_results[ndoubt_results++];
	MemoryContext caller = MemoryContextSwitchTo(result_context);
	sf_outgoing out = {0};
	sf_outcome	outcome = {0};

	out.message_id = doubt->message_id;
	out.to = doubt->phone;
	out.body = doubt->body;
	r->message_id = doubt->message_id;
	r->contact_id = doubt->contact_id;
	r->provider_message_id = NULL;
	r->kind = SF_DOUBT_INCONCLUSIVE;
	PG_TRY();
	{
		switch (sf_provider_lookup_outcome(t->account->provider, &out, doubt->provider_message_id,
										   doubt->sent_at, response, &outcome))
		{
			case SF_LOOKUP_FOUND:
				r->kind = outcome.kind == SF_REJECTED ? SF_DOUBT_REJECTED : SF_DOUBT_ACCEPTED;
				r->provider_message_id = outcome.provider_message_id;
				break;
			case SF_LOOKUP_ABSENT:
				r->kind = SF_DOUBT_ABSENT;
				break;
			case SF_LOOKUP_INCONCLUSIVE:
				break;
		}
	}
	PG_CATCH();
	{
		(void) caught_error();	/* an answer that cannot be read says nothing */
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	close_transfer(i);
	MemoryContextDelete(GetMemoryChunkContext(doubt));
}

/*
 * An answer to a text.  One that cannot be read, for whatever reason, leaves
 * its text in doubt: every permitted text comes to a result.
 */
static void
finish_send(int i, const sf_http_response *response)
{
	MemoryContext caller = MemoryContextSwitchTo(scratch_context);
	sf_outcome	outcome = {0};

	PG_TRY();
	{
		sf_provider_send_outcome(transfers[i].account->provider, response, &outcome);
	}
	PG_CATCH();
	{
		(void) caught_error();
		memset(&outcome, 0, sizeof(outcome));
		outcome.kind = SF_IN_DOUBT;
		outcome.reason = "ambiguous";
		outcome.retry_after_ms = -1;
		outcome.error_text = pstrdup("the answer could not be read");
	}
	PG_END_TRY();
	finish(i, &outcome, response->status);
	MemoryContextSwitchTo(caller);
}

/*
 * Lets the transport work and takes what is finished, sandbox texts too.
 */
void
sf_transfers_step(void)
{
	sf_http_response response;

	sf_transport_step(transport);
	while (sf_transport_next(transport, &response))
	{
		int			i = (int) response.tag;

		if (transfers[i].lookup)
			finish_lookup(i, &response);
		else
			finish_send(i, &response);
	}
	MemoryContextReset(scratch_context);
	if (sandboxes > 0)
	{
		TimestampTz wall = GetCurrentTimestamp();

		for (int i = 0; i < capacity; i++)
			if (transfers[i].used && !transfers[i].finished && transfers[i].sandbox_at != 0 &&
				transfers[i].sandbox_at <= wall)
			{
				sandboxes--;
				finish(i, &transfers[i].sandbox, 0);
			}
	}
}

long
sf_transfers_timeout(void)
{
	long		timeout = sf_transport_timeout(transport);

	/* sandbox texts are either done at once or some seconds late: a coarse tick will do */
	if (sandboxes > 0 && (timeout < 0 || timeout > 50))
		timeout = 50;
	return timeout;
}

int
sf_transfers_results(sf_result **out, TimestampTz *oldest)
{
	*out = results;
	*oldest = oldest_result;
	return nresults;
}

int
sf_transfers_doubt_results(sf_doubt_result **out)
{
	*out = doubt_results;
	return ndoubt_results;
}

/*
 * The sandbox has no callbacks, so its receipts are written along with its
 * acceptances.
 */
void
sf_transfers_sandbox_receipts(int n)
{
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID};
	static SPIPlanPtr plan;

	for (int k = 0; k < n; k++)
	{
		sf_transfer *t = &transfers[result_transfers[k]];
		const char *status;
		Datum		values[3];

		if (t->sandbox_at == 0 || strcmp(results[k].outcome, "accepted") != 0 ||
			results[k].provider_message_id == NULL ||
			(status = sf_provider_sandbox_receipt(t->phone)) == NULL)
			continue;
		sf_plan(&plan, "SELECT smsfollow.apply_receipt($1, $2, NULL, $3, NULL, NULL, NULL, NULL, NULL, '{}')", 3, types);
		values[0] = Int32GetDatum(t->account->provider_id);
		values[1] = CStringGetTextDatum(results[k].provider_message_id);
		values[2] = CStringGetTextDatum(status);
		sf_execute(plan, values, NULL, SPI_OK_SELECT);
		SPI_freetuptable(SPI_tuptable);
	}
}

void
sf_transfers_settled(int n)
{
	for (int k = 0; k < n; k++)
		close_transfer(result_transfers[k]);
	nresults -= n;
	memmove(results, results + n, sizeof(sf_result) * nresults);
	memmove(result_transfers, result_transfers + n, sizeof(int) * nresults);
	ndoubt_results = 0;
	/* a sandbox text that still waits keeps its outcome in result_context */
	if (sandboxes == 0 && nresults == 0)
		MemoryContextReset(result_context);
}

bool
sf_transfers_strip_first(void)
{
	sf_result  *r = &results[0];

	if (nresults == 0 ||
		(r->cost == NULL && r->currency == NULL && r->provider_message_id == NULL &&
		 r->error_code == NULL && r->error_text == NULL))
		return false;
	r->cost = r->currency = r->provider_message_id = r->error_code = r->error_text = NULL;
	return true;
}
