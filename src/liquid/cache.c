/*-------------------------------------------------------------------------
 *
 * cache.c
 *		Parsed templates of a backend, found by their text.
 *
 * Texts are compared as a whole, so a hit is always right and nothing has to
 * be invalidated.  The templates used least recently go when there are too
 * many of them, but never while a render is at work: it holds some.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "liquid/cache.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define CACHE_TEMPLATES		256
#define CACHE_BYTES			(8 * 1024 * 1024)

typedef struct cache_key
{
	const char *text;
	int			len;
} cache_key;

typedef struct cache_entry
{
	cache_key	key;			/* points into the template */
	const sf_template *tmpl;
	MemoryContext context;		/* of the template */
	Size		bytes;
	dlist_node	node;			/* in recent */
} cache_entry;

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;
static dlist_head recent = DLIST_STATIC_INIT(recent);	/* the last one used first */
static Size cache_bytes = 0;
static int	busy = 0;			/* renders at work */

static uint32
hash_text(const void *key, Size size)
{
	const cache_key *k = key;

	return DatumGetUInt32(hash_any((const unsigned char *) k->text, k->len));
}

static int
match_text(const void *a, const void *b, Size size)
{
	const cache_key *x = a;
	const cache_key *y = b;

	return x->len != y->len || memcmp(x->text, y->text, x->len) != 0;
}

static void
open_cache(void)
{
	HASHCTL		ctl = {0};

	cache_context = AllocSetContextCreate(CacheMemoryContext, "smsfollow templates", ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(cache_key);
	ctl.entrysize = sizeof(cache_entry);
	ctl.hash = hash_text;
	ctl.match = match_text;
	ctl.hcxt = cache_context;
	cache = hash_create("smsfollow templates", CACHE_TEMPLATES, &ctl,
						HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* Makes room for one more. */
static void
evict(void)
{
	while (busy == 0 && !dlist_is_empty(&recent) &&
		   (hash_get_num_entries(cache) >= CACHE_TEMPLATES || cache_bytes > CACHE_BYTES))
	{
		cache_entry *last = dlist_tail_element(cache_entry, node, &recent);
		MemoryContext context = last->context;

		dlist_delete(&last->node);
		cache_bytes -= last->bytes;
		/* its key is in the context, so that goes last */
		hash_search(cache, &last->key, HASH_REMOVE, NULL);
		MemoryContextDelete(context);
	}
}

/*
 * The parsed template of a text; NULL and the error filled when it is none.
 * It stays at least until the next call while no render is at work.
 */
const sf_template *
sf_cached_template(const char *text, int len, sf_liquid_error *error)
{
	cache_key	key = {text, len};
	cache_entry *entry;
	MemoryContext context;
	const sf_template *t;

	if (cache == NULL)
		open_cache();
	/* mostly it is the same one again: then the text need not be hashed */
	if (!dlist_is_empty(&recent))
	{
		entry = dlist_head_element(cache_entry, node, &recent);
		if (match_text(&entry->key, &key, sizeof(key)) == 0)
			return entry->tmpl;
	}
	entry = hash_search(cache, &key, HASH_FIND, NULL);
	if (entry != NULL)
	{
		dlist_move_head(&recent, &entry->node);
		return entry->tmpl;
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "smsfollow template", ALLOCSET_SMALL_SIZES);
	t = sf_liquid_parse(context, text, len, error);
	if (t == NULL)
	{
		MemoryContextDelete(context);
		return NULL;
	}
	evict();
	key.text = sf_liquid_source(t);
	entry = hash_search(cache, &key, HASH_ENTER, NULL);
	entry->tmpl = t;
	entry->context = context;
	entry->bytes = MemoryContextMemAllocated(context, true);
	dlist_push_head(&recent, &entry->node);
	cache_bytes += entry->bytes;
	MemoryContextSetParent(context, cache_context);
	return t;
}

/*
 * Renders while all templates in the cache stay.
 */
sf_liquid_result
sf_cached_render(const sf_template *t, Jsonb *vars, const sf_liquid_options *options,
				 StringInfo out, sf_liquid_error *error)
{
	volatile sf_liquid_result result = SF_LIQUID_ERROR;

	busy++;
	PG_TRY();
	{
		result = sf_liquid_render(t, vars, options, out, error);
	}
	PG_FINALLY();
	{
		busy--;
	}
	PG_END_TRY();
	return result;
}
