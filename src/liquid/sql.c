/*-------------------------------------------------------------------------
 *
 * sql.c
 *		smsfollow.render(): templates from SQL.
 *
 * Parsed templates are kept per backend, keyed by their text, in a context of
 * their own.  When the cache is full it is emptied as a whole: a session that
 * renders the same few templates keeps them, one that renders ever new ones
 * gains nothing from a finer rule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "liquid/internal.h"
#include "mb/pg_wchar.h"
#include "settings.h"
#include "utils/builtins.h"
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
	cache_key	key;
	sf_template *tmpl;
} cache_entry;

static MemoryContext cache_context = NULL;
static HTAB *cache = NULL;

sf_liquid_partial sf_liquid_saved_partial = NULL;

PG_FUNCTION_INFO_V1(smsfollow_render);

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

/* Starts an empty cache. */
static void
open_cache(void)
{
	HASHCTL		ctl = {0};

	cache = NULL;
	if (cache_context != NULL)
		MemoryContextDelete(cache_context);
	cache_context = NULL;
	cache_context = AllocSetContextCreate(CacheMemoryContext, "smsfollow templates", ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(cache_key);
	ctl.entrysize = sizeof(cache_entry);
	ctl.hash = hash_text;
	ctl.match = match_text;
	ctl.hcxt = cache_context;
	cache = hash_create("smsfollow templates", CACHE_TEMPLATES, &ctl,
						HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/*
 * The parsed template of a text; NULL and the error filled when it is none.
 * Only with evict is a full cache emptied, which ends the templates in it;
 * without, a template that finds no room lives as long as the current
 * context.
 */
static const sf_template *
cached_template(const char *text, int len, bool evict, sf_liquid_error *error)
{
	cache_key	key = {text, len};
	cache_entry *entry;
	MemoryContext mine;
	sf_template *t;
	bool		full;

	if (cache != NULL)
	{
		entry = hash_search(cache, &key, HASH_FIND, NULL);
		if (entry != NULL)
			return entry->tmpl;
	}

	mine = AllocSetContextCreate(CurrentMemoryContext, "smsfollow template", ALLOCSET_SMALL_SIZES);
	t = sf_liquid_parse(mine, text, len, error);
	if (t == NULL)
	{
		MemoryContextDelete(mine);
		return NULL;
	}
	full = cache == NULL || hash_get_num_entries(cache) >= CACHE_TEMPLATES ||
		MemoryContextMemAllocated(cache_context, true) > CACHE_BYTES;
	if (full && !evict)
		return t;
	if (full)
		open_cache();
	key.text = t->source;
	entry = hash_search(cache, &key, HASH_ENTER, NULL);
	entry->tmpl = t;
	MemoryContextSetParent(mine, cache_context);
	return t;
}

/* A partial that a render has used; text points into its jsonb. */
typedef struct used_partial
{
	const char *text;
	const sf_template *tmpl;
	struct used_partial *next;
} used_partial;

/* Where render() takes its partials from. */
typedef struct partial_source
{
	Jsonb	   *partials;		/* an object of texts */
	used_partial *used;
	sf_liquid_error error;		/* of the partial that could not be parsed */
	char		name[NAMEDATALEN];	/* of that; "": none */
} partial_source;

/* Looks a partial up in the jsonb that the caller gave. */
static const sf_template *
given_partial(void *arg, const char *name)
{
	partial_source *source = arg;
	JsonbValue	v;
	used_partial *used;

	if (getKeyJsonValueFromContainer(&source->partials->root, name, strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	for (used = source->used; used != NULL; used = used->next)
		if (used->text == v.val.string.val)
			return used->tmpl;
	used = palloc(sizeof(used_partial));
	used->text = v.val.string.val;
	used->tmpl = cached_template(v.val.string.val, v.val.string.len, false, &source->error);
	used->next = source->used;
	if (used->tmpl == NULL)
		strlcpy(source->name, name, sf_clip(name, strlen(name), sizeof(source->name) - 1) + 1);
	else
		source->used = used;
	return used->tmpl;
}

/* Raises what went wrong; name is the partial at fault, or NULL. */
static void
raise(const sf_liquid_error *error, const char *name)
{
	bool		missing = error->path[0] != '\0';

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 name != NULL ? errmsg("template \"%s\" is not valid: %s", name, error->message) :
			 errmsg("template cannot be rendered: %s", error->message),
			 error->line > 0 ? errdetail("Line %d, column %d.", error->line, error->column) : 0,
			 missing ? errhint("Give the variable a value, or the template a fallback: {{ %s | default: '...' }}.",
							   error->path) :
			 errhint("Correct the template, or the variable that it uses there.")));
}

/* Reads the argument missing. */
static sf_liquid_missing
missing_policy(const text *t)
{
	char	   *s = text_to_cstring(t);

	if (strcmp(s, "empty") == 0)
		return SF_MISSING_EMPTY;
	if (strcmp(s, "error") == 0)
		return SF_MISSING_ERROR;
	if (strcmp(s, "skip") == 0)
		return SF_MISSING_SKIP;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" does not say what to do about missing variables", s),
			 errhint("Use empty, error or skip.")));
	return SF_MISSING_EMPTY;	/* keep compiler quiet */
}

/* How many renders are at work in this backend; their templates must stay. */
static int	busy = 0;

static sf_liquid_result
guarded_render(const sf_template *t, Jsonb *vars, const sf_liquid_options *options,
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

/* render(template text, vars jsonb, partials jsonb, missing text) returns text */
Datum
smsfollow_render(PG_FUNCTION_ARGS)
{
	sf_liquid_options options = {0};
	sf_liquid_error error = {0};
	partial_source source = {0};
	sf_liquid_result result;
	const sf_template *t;
	text	   *template;
	Jsonb	   *vars = NULL;
	StringInfoData out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	template = PG_GETARG_TEXT_PP(0);
	if (!PG_ARGISNULL(1))
		vars = PG_GETARG_JSONB_P(1);
	if (vars != NULL && !JB_ROOT_IS_OBJECT(vars))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the variables of a template must be a JSON object"),
				 errhint("Give {} for none.")));
	if (!PG_ARGISNULL(2))
	{
		source.partials = PG_GETARG_JSONB_P(2);
		if (!JB_ROOT_IS_OBJECT(source.partials))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the partials of a template must be a JSON object of texts"),
					 errhint("Give {\"name\": \"text\", ...}, or NULL for the saved templates.")));
		options.partial = given_partial;
		options.partial_arg = &source;
	}
	else
		options.partial = sf_liquid_saved_partial;
	options.missing = PG_ARGISNULL(3) ? SF_MISSING_EMPTY : missing_policy(PG_GETARG_TEXT_PP(3));
	options.now = sf_clock();

	t = cached_template(VARDATA_ANY(template), VARSIZE_ANY_EXHDR(template), busy == 0, &error);
	if (t == NULL)
		raise(&error, NULL);
	initStringInfo(&out);
	result = guarded_render(t, vars, &options, &out, &error);
	if (result == SF_LIQUID_SKIP)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("text skipped: %s", error.message),
				 errdetail("Line %d, column %d.", error.line, error.column)));
	if (result == SF_LIQUID_ERROR)
		raise(source.name[0] != '\0' ? &source.error : &error, source.name[0] != '\0' ? source.name : NULL);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
