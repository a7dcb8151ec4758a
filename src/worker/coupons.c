/*-------------------------------------------------------------------------
 *
 * coupons.c
 *		A code of an offer for each text that carries one.
 *
 * Codes are taken last, for texts that the gate allows and whose sender has
 * room: the transaction that takes a code writes the permit, so nobody else
 * gets it and no text holds one that it does not need.  Before that, a body
 * is made with a stand-in as long as the longest code, to count its segments.
 *
 * Taken codes leave dead entries at the head of the index of free ones, until
 * vacuum; so a wave starts past the last code that this process took, and
 * from the start only when there is none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "worker/claim.h"

/* An offer as this process knows it. */
typedef struct offer
{
	int32		offer_id;		/* hash key */
	char	   *name;
	char	   *stand_in;
	TimestampTz expires_at;
	int64		mark;			/* codes up to this one are taken, or were when we looked */
	TimestampTz looked_at;		/* the wave that looked whether there are any */
	bool		empty;			/* what it saw */
} offer;

static MemoryContext offer_context = NULL;
static HTAB *offers = NULL;
static uint64 known_generation = 0;

static SPIPlanPtr plan_offer;
static SPIPlanPtr plan_free;
static SPIPlanPtr plan_known;
static SPIPlanPtr plan_lock;
static SPIPlanPtr plan_take;

/*
 * The offer of a campaign.
 */
static offer *
find_offer(int32 offer_id)
{
	static const Oid types[] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(offer_id)};
	offer		fresh = {.offer_id = offer_id, .looked_at = DT_NOBEGIN};
	offer	   *o;
	bool		isnull;
	bool		found;
	int			length;
	MemoryContext caller;

	if (offers != NULL && known_generation != sf_policy_generation())
	{
		MemoryContextDelete(offer_context);
		offers = NULL;
	}
	if (offers == NULL)
	{
		HASHCTL		ctl = {0};

		offer_context = AllocSetContextCreate(TopMemoryContext, "smsfollow offers", ALLOCSET_DEFAULT_SIZES);
		ctl.keysize = sizeof(int32);
		ctl.entrysize = sizeof(offer);
		ctl.hcxt = offer_context;
		offers = hash_create("smsfollow offers", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		known_generation = sf_policy_generation();
	}
	o = hash_search(offers, &offer_id, HASH_FIND, NULL);
	if (o != NULL)
		return o;
	sf_plan(&plan_offer, "SELECT o.name, o.code_length, o.expires_at FROM smsfollow.offer o WHERE o.offer_id = $1", 1, types);
	sf_execute(plan_offer, values, NULL, SPI_OK_SELECT);
	caller = MemoryContextSwitchTo(offer_context);
	fresh.name = TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	length = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	fresh.stand_in = palloc(length + 1);
	memset(fresh.stand_in, 'X', length);
	fresh.stand_in[length] = '\0';
	fresh.expires_at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
	o = hash_search(offers, &offer_id, HASH_ENTER, &found);
	*o = fresh;
	return o;
}

/*
 * Is there a free code, past the mark or anywhere?  One that another
 * transaction is about to take counts: it may yet be given back.
 */
static bool
has_free(offer *o)
{
	static const Oid types[] = {INT4OID, INT8OID};
	Datum		values[2] = {Int32GetDatum(o->offer_id), Int64GetDatum(o->mark)};
	bool		found;

	sf_plan(&plan_free, "SELECT FROM smsfollow.coupon x WHERE x.offer_id = $1 AND x.message_id IS NULL AND x.coupon_id > $2"
			" ORDER BY x.offer_id, x.coupon_id LIMIT 1", 2, types);
	for (;;)
	{
		sf_execute(plan_free, values, NULL, SPI_OK_SELECT);
		found = SPI_processed > 0;
		SPI_freetuptable(SPI_tuptable);
		if (found || values[1] == Int64GetDatum(0))
			return found;
		o->mark = 0;
		values[1] = Int64GetDatum(0);
	}
}

/* Suppresses a text that gets no code. */
static void
exhausted(sf_text *text, const offer *o, TimestampTz now)
{
	text->fate = SF_FATE_SUPPRESS;
	text->code = "offer_exhausted";
	text->rule = psprintf(o->expires_at <= now ? "offer %s has ended" : "offer %s has no codes left", o->name);
}

/* Adds a key, or a text as its value, to the object under construction. */
static void
push(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, text);
	v.val.string.len = strlen(text);
	(void) pushJsonbValue(state, token, &v);
}

/*
 * The variables of a template with coupon.code, coupon.offer and, where the
 * offer ends, coupon.expires_at.  Without a code of its own yet, the text gets
 * the stand-in.  NULL when it is suppressed: there is nothing to give.
 */
Jsonb *
sf_coupon_vars(sf_text *text, const sf_draft *draft)
{
	offer	   *o = find_offer(draft->offer_id);
	JsonbParseState *state = NULL;
	Jsonb	   *coupon;

	if (draft->coupon == NULL && !text->returned)
	{
		/* once a wave */
		if (o->looked_at != draft->now)
		{
			o->empty = o->expires_at <= draft->now || !has_free(o);
			o->looked_at = draft->now;
		}
		if (o->empty)
		{
			exhausted(text, o, draft->now);
			return NULL;
		}
	}
	text->offer_id = draft->offer_id;
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push(&state, WJB_KEY, "coupon");
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push(&state, WJB_KEY, "code");
	push(&state, WJB_VALUE, draft->coupon ? draft->coupon : o->stand_in);
	push(&state, WJB_KEY, "offer");
	push(&state, WJB_VALUE, o->name);
	if (!TIMESTAMP_NOT_FINITE(o->expires_at))
	{
		char		buf[MAXDATELEN + 1];

		push(&state, WJB_KEY, "expires_at");
		push(&state, WJB_VALUE, pstrdup(JsonEncodeDateTime(buf, TimestampTzGetDatum(o->expires_at), TIMESTAMPTZOID, NULL)));
	}
	(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	coupon = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	if (draft->vars == NULL)
		return coupon;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(draft->vars), JsonbPGetDatum(coupon)));
}

/*
 * Texts that were tried before keep the code they had.
 */
static void
keep_known(sf_text *texts, int n)
{
	static const Oid types[] = {INT8ARRAYOID, INT8ARRAYOID};
	sf_array	contacts;
	sf_array	messages;
	Datum		values[2];

	sf_array_init(&contacts, n);
	sf_array_init(&messages, n);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND && texts[i].offer_id != 0 && texts[i].returned)
		{
			sf_array_add(&contacts, Int64GetDatum(texts[i].contact_id));
			sf_array_add(&messages, Int64GetDatum(texts[i].message_id));
		}
	if (contacts.n == 0)
		return;
	sf_plan(&plan_known,
			"SELECT u.message_id, l.code FROM unnest($1, $2) AS u(contact_id, message_id)"
			" CROSS JOIN LATERAL (SELECT x.code FROM smsfollow.coupon x"
			"  WHERE x.contact_id = u.contact_id AND x.message_id = u.message_id OFFSET 0) l", 2, types);
	values[0] = sf_array_datum(&contacts, INT8OID);
	values[1] = sf_array_datum(&messages, INT8OID);
	sf_execute(plan_known, values, NULL, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));

		for (int i = 0; i < n; i++)
			if (texts[i].message_id == id)
				texts[i].coupon = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Takes codes of one offer for the texts of a wave that still lack one, in
 * their order.
 */
static void
take_of(offer *o, sf_text *texts, int n, TimestampTz now)
{
	static const Oid lock_types[] = {INT4OID, INT8OID, INT8OID};
	static const Oid take_types[] = {TIDARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID};
	sf_array	tids;
	sf_array	contacts;
	sf_array	messages;
	int			wanted = 0;
	int			at = 0;
	bool		more;
	Datum		values[4];

	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND && texts[i].offer_id == o->offer_id && texts[i].coupon == NULL)
			wanted++;
	sf_array_init(&tids, wanted);
	sf_array_init(&contacts, wanted);
	sf_array_init(&messages, wanted);
	sf_plan(&plan_lock, "SELECT x.ctid, x.code, x.coupon_id FROM smsfollow.coupon x"
			" WHERE x.offer_id = $1 AND x.message_id IS NULL AND x.coupon_id > $2"
			" ORDER BY x.offer_id, x.coupon_id LIMIT $3 FOR UPDATE SKIP LOCKED", 3, lock_types);
	/* an offer that ended gives nothing; what was promised to an earlier try was kept above */
	while (tids.n < wanted && o->expires_at > now)
	{
		int64		from = o->mark;

		values[0] = Int32GetDatum(o->offer_id);
		values[1] = Int64GetDatum(from);
		values[2] = Int64GetDatum(wanted - tids.n);
		sf_execute(plan_lock, values, NULL, SPI_OK_SELECT);
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			bool		isnull;
			ItemPointer tid = palloc(sizeof(ItemPointerData));

			*tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 1, &isnull));
			while (texts[at].fate != SF_FATE_SEND || texts[at].offer_id != o->offer_id || texts[at].coupon != NULL)
				at++;
			texts[at].coupon = SPI_getvalue(tuple, desc, 2);
			o->mark = DatumGetInt64(SPI_getbinval(tuple, desc, 3, &isnull));
			sf_array_add(&tids, PointerGetDatum(tid));
			sf_array_add(&contacts, Int64GetDatum(texts[at].contact_id));
			sf_array_add(&messages, Int64GetDatum(texts[at].message_id));
		}
		SPI_freetuptable(SPI_tuptable);
		if (from == 0)
			break;
		/* behind the mark may be codes that somebody else did not take in the end */
		if (tids.n < wanted)
			o->mark = 0;
		if (tids.n > 0)
			break;
	}
	if (tids.n > 0)
	{
		sf_plan(&plan_take, "UPDATE smsfollow.coupon c SET contact_id = u.contact_id, message_id = u.message_id, taken_at = $4"
				" FROM unnest($1, $2, $3) AS u(tid, contact_id, message_id) WHERE c.ctid = u.tid", 4, take_types);
		values[0] = sf_array_datum(&tids, TIDOID);
		values[1] = sf_array_datum(&contacts, INT8OID);
		values[2] = sf_array_datum(&messages, INT8OID);
		values[3] = TimestampTzGetDatum(now);
		sf_execute(plan_take, values, NULL, SPI_OK_UPDATE);
	}
	if (tids.n == wanted)
		return;
	more = o->expires_at > now && has_free(o);
	for (int i = 0; i < n; i++)
	{
		if (texts[i].fate != SF_FATE_SEND || texts[i].offer_id != o->offer_id || texts[i].coupon != NULL)
			continue;
		if (more)
		{
			/* held by another transaction, or behind the mark: soon there are some, or none */
			texts[i].fate = SF_FATE_PARK;
			texts[i].code = NULL;
			texts[i].next_at = GetCurrentTimestamp() + SF_PARK_LOCKED_US;
		}
		else
			exhausted(&texts[i], o, now);
	}
}

void
sf_take_coupons(sf_text *texts, int n, TimestampTz now)
{
	keep_known(texts, n);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND && texts[i].offer_id != 0 && texts[i].coupon == NULL)
			take_of(find_offer(texts[i].offer_id), texts, n, now);
}
