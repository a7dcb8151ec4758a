/*-------------------------------------------------------------------------
 *
 * version.c
 *		Template versions as the dispatcher keeps them, and the choice of the
 *		wording in the contact's language.
 *
 * What a version says never changes once it is saved; whether it may be used
 * is a fact that the gate reads.  The versions known go when the configuration
 * is read again all the same: the ids of an extension that is dropped and made
 * again begin anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "policy/gate.h"
#include "template/version.h"
#include "worker/spi_array.h"

#define SF_VERSION_CACHE 1000	/* versions kept before all are dropped */

typedef struct wording
{
	const char *locale;			/* NULL: not named */
	const sf_template *template;	/* NULL: error says why */
	sf_liquid_error *error;
} wording;

typedef struct version_entry
{
	int32		template_version_id;	/* hash key */
	sf_liquid_missing missing;
	int			n;				/* 0: there is no such version */
	wording    *wordings;		/* the default one first */
} version_entry;

static MemoryContext version_context = NULL;
static HTAB *versions = NULL;
static uint64 known_generation = 0;
static SPIPlanPtr plan_version;

/* See version.h. */
bool
sf_locale_cut(char *locale)
{
	int			len = strlen(locale);

	while (len > 0 && locale[len - 1] != '-' && locale[len - 1] != '_')
		len--;
	if (len <= 1)
		return false;
	locale[len - 1] = '\0';
	return true;
}

/* See version.h. */
bool
sf_locale_equal(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (pg_tolower((unsigned char) *a) != pg_tolower((unsigned char) *b) &&
			!(strchr("-_", *a) != NULL && strchr("-_", *b) != NULL))
			return false;
	return *a == *b;
}

/* See version.h. */
const char *
sf_locale_written(const char *wording, const char *reader)
{
	size_t		len;

	if (wording == NULL || reader == NULL)
		return wording != NULL ? wording : reader;
	len = strcspn(wording, "-_");
	return strcspn(reader, "-_") == len && pg_strncasecmp(wording, reader, len) == 0 ? reader : wording;
}

/* Parses one row of the version's statement. */
static void
load_wording(HeapTuple tuple, TupleDesc desc, wording *w)
{
	char	   *locale = SPI_getvalue(tuple, desc, 1);
	char	   *body = SPI_getvalue(tuple, desc, 2);
	sf_liquid_error error;

	w->locale = locale ? MemoryContextStrdup(version_context, locale) : NULL;
	w->template = sf_liquid_parse(version_context, body, strlen(body), &error);
	if (w->template == NULL)
	{
		w->error = MemoryContextAlloc(version_context, sizeof(sf_liquid_error));
		*w->error = error;
	}
}

/*
 * Reads a version; callers walk a result of their own meanwhile.
 */
static void
load_version(int32 template_version_id, version_entry *entry)
{
	static const Oid types[] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(template_version_id)};
	SPITupleTable *outer = SPI_tuptable;
	uint64		outer_processed = SPI_processed;

	sf_plan(&plan_version,
			"SELECT v.locale, v.body, v.missing, 0 AS n FROM smsfollow.template_version v WHERE v.template_version_id = $1"
			" UNION ALL SELECT w.locale, w.body, NULL, 1 FROM smsfollow.template_wording w WHERE w.template_version_id = $1"
			" ORDER BY n", 1, types);
	sf_execute(plan_version, values, NULL, SPI_OK_SELECT);
	entry->n = (int) SPI_processed;
	entry->missing = SF_MISSING_ERROR;
	entry->wordings = MemoryContextAllocZero(version_context, sizeof(wording) * Max(entry->n, 1));
	for (int i = 0; i < entry->n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		char	   *missing = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 3);

		load_wording(tuple, SPI_tuptable->tupdesc, &entry->wordings[i]);
		if (missing != NULL)
			entry->missing = strcmp(missing, "error") == 0 ? SF_MISSING_ERROR
				: strcmp(missing, "skip") == 0 ? SF_MISSING_SKIP : SF_MISSING_EMPTY;
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = outer;
	SPI_processed = outer_processed;
}

/* The wording of a version for a locale. */
static const wording *
choose(const version_entry *entry, const char *locale)
{
	char	   *tag;

	if (entry->n > 1 && locale != NULL)
	{
		tag = pstrdup(locale);
		do
		{
			for (int i = 0; i < entry->n; i++)
				if (entry->wordings[i].locale != NULL && sf_locale_equal(entry->wordings[i].locale, tag))
					return &entry->wordings[i];
		} while (sf_locale_cut(tag));
	}
	return &entry->wordings[0];
}

/* See version.h. */
const sf_template *
sf_version_template(int32 template_version_id, const char *locale, sf_liquid_missing *missing,
					const char **chosen, sf_liquid_error *error)
{
	version_entry *entry;
	version_entry loaded;
	const wording *w;

	if (versions != NULL &&
		(known_generation != sf_policy_generation() || hash_get_num_entries(versions) >= SF_VERSION_CACHE))
	{
		MemoryContextDelete(version_context);
		versions = NULL;
	}
	if (versions == NULL)
	{
		HASHCTL		ctl = {0};

		version_context = AllocSetContextCreate(TopMemoryContext, "smsfollow template versions", ALLOCSET_DEFAULT_SIZES);
		ctl.keysize = sizeof(int32);
		ctl.entrysize = sizeof(version_entry);
		ctl.hcxt = version_context;
		versions = hash_create("smsfollow template versions", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		known_generation = sf_policy_generation();
	}
	entry = hash_search(versions, &template_version_id, HASH_FIND, NULL);
	if (entry == NULL)
	{
		load_version(template_version_id, &loaded);
		entry = hash_search(versions, &template_version_id, HASH_ENTER, NULL);
		loaded.template_version_id = template_version_id;
		*entry = loaded;
	}
	*missing = entry->missing;
	*chosen = NULL;
	if (entry->n == 0)
	{
		strlcpy(error->message, "the template version is gone", sizeof(error->message));
		return NULL;
	}
	w = choose(entry, locale);
	*chosen = w->locale;
	if (w->template == NULL)
		*error = *w->error;
	return w->template;
}
