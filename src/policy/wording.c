/*-------------------------------------------------------------------------
 *
 * wording.c
 *		How the texts of each program are worded, kept in memory.
 *
 * The view program_wording is the truth; see tables.c.  Phrases are folded here, once, so that a text is folded once and
 * compared with all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "policy/wording.h"
#include "text/text_pg.h"
#include "worker/spi_array.h"

static HTAB *wordings = NULL;
static SPIPlanPtr plan_wordings;

static sf_phrase
make_phrase(const char *shown)
{
	sf_phrase	phrase;

	phrase.shown = shown;
	phrase.folded = sf_text_fold(shown, strlen(shown), &phrase.len);
	return phrase;
}

static sf_phrase *
read_phrases(Datum array, int *n)
{
	Datum	   *items;
	sf_phrase  *phrases;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, n);
	phrases = palloc(sizeof(sf_phrase) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		phrases[i] = make_phrase(TextDatumGetCString(items[i]));
	return phrases;
}

/* An object of lines by locale. */
static sf_line *
read_lines(Jsonb *object, int *n)
{
	sf_line    *lines = palloc(sizeof(sf_line) * Max(JB_ROOT_COUNT(object), 1));
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	*n = 0;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			lines[*n].locale = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && v.type == jbvString)
			lines[(*n)++].text = make_phrase(pnstrdup(v.val.string.val, v.val.string.len));
	}
	return lines;
}

/* See wording.h. */
void
sf_wording_load(void)
{
	static const char *const when[] = {"always", "first", "days", "never"};
	HASHCTL		ctl = {0};
	HTAB	   *table;

	sf_plan(&plan_wordings,
			"SELECT w.program_id, w.prefix, w.sign_off, w.required_phrases, w.banned_phrases, w.opt_out_line,"
			" w.opt_out_days, w.opt_out_texts, w.smart_encoding, w.max_segments, w.requires_approval"
			" FROM smsfollow.program_wording w", 0, NULL);
	sf_execute(plan_wordings, NULL, NULL, SPI_OK_SELECT);
	ctl.keysize = sizeof(int32);
	ctl.entrysize = sizeof(sf_wording);
	ctl.hcxt = CurrentMemoryContext;
	table = hash_create("smsfollow wordings", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		v[11];
		bool		isnull[11];
		int32		id;
		sf_wording *w;
		char	   *name;

		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, v, isnull);
		id = DatumGetInt32(v[0]);
		w = hash_search(table, &id, HASH_ENTER, NULL);
		memset((char *) w + sizeof(int32), 0, sizeof(sf_wording) - sizeof(int32));
		if (!isnull[1])
			w->prefix = make_phrase(TextDatumGetCString(v[1]));
		if (!isnull[2])
			w->sign_off = make_phrase(TextDatumGetCString(v[2]));
		w->required = read_phrases(v[3], &w->nrequired);
		w->banned = read_phrases(v[4], &w->nbanned);
		name = TextDatumGetCString(v[5]);
		for (int i = 0; i < lengthof(when); i++)
			if (strcmp(when[i], name) == 0)
				w->line_when = i;
		w->line_days = isnull[6] ? 0 : DatumGetInt32(v[6]);
		w->lines = read_lines(DatumGetJsonbP(v[7]), &w->nlines);
		(void) sf_smart_mode_parse(TextDatumGetCString(v[8]), &w->smart);
		w->max_segments = DatumGetInt32(v[9]);
		w->requires_approval = DatumGetBool(v[10]);
	}
	SPI_freetuptable(SPI_tuptable);
	wordings = table;
}

/* See wording.h. */
const sf_wording *
sf_wording_find(int32 program_id)
{
	return wordings ? hash_search(wordings, &program_id, HASH_FIND, NULL) : NULL;
}
