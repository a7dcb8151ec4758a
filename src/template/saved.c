/*-------------------------------------------------------------------------
 *
 * saved.c
 *		Saved templates as the partials of others: {% render 'footer' %}.
 *
 * The engine asks for a partial by name when it comes to it.  What counts is
 * the newest wording at the moment of rendering, as for everything else that
 * is decided when a text goes: a footer is changed in one place, and each
 * attempt keeps the body that was sent.  Parsed templates come from the cache
 * by text, so a partial is parsed once however often it is looked up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "liquid/cache.h"
#include "template/saved.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define MAX_REMEMBERED 100		/* names; others are looked up each time */

typedef struct saved_body
{
	const char *name;
	const char *locale;			/* NULL: not known */
	int32		tenant_id;
	bool		approved;
	char	   *body;			/* NULL: there is no such template */
	int			len;
} saved_body;

static SPIPlanPtr plan_body;

/* Asks the database; everything that is kept goes to the current context. */
static saved_body *
look_up(const char *name, const sf_saved *saved)
{
	static Oid	types[] = {TEXTOID, TEXTOID, INT4OID, BOOLOID};
	const char *locale = saved->locale;
	MemoryContext mine = CurrentMemoryContext;
	saved_body *found = palloc0(sizeof(saved_body));
	Datum		values[4];
	char		nulls[] = {' ', locale != NULL ? ' ' : 'n', saved->tenant_id != 0 ? ' ' : 'n', ' ', '\0'};

	found->name = pstrdup(name);
	found->locale = locale != NULL ? pstrdup(locale) : NULL;
	found->tenant_id = saved->tenant_id;
	found->approved = saved->approved;
	values[0] = CStringGetTextDatum(name);
	values[1] = locale != NULL ? CStringGetTextDatum(locale) : (Datum) 0;
	values[2] = Int32GetDatum(saved->tenant_id);
	values[3] = BoolGetDatum(saved->approved);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (plan_body == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare("SELECT smsfollow.template_body($1, $2, $3, $4)", 4, types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the query for partials: %s", SPI_result_code_string(SPI_result));
		plan_body = plan;
	}
	/* the snapshot of the query that renders; the dispatcher has none of its own here */
	if (SPI_execute_plan(plan_body, values, nulls, ActiveSnapshotSet(), 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the template \"%s\"", name);
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		body = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
		{
			text	   *t = DatumGetTextPP(body);

			found->len = VARSIZE_ANY_EXHDR(t);
			found->body = MemoryContextAlloc(mine, found->len + 1);
			memcpy(found->body, VARDATA_ANY(t), found->len);
			found->body[found->len] = '\0';
		}
	}
	SPI_finish();
	return found;
}

/*
 * The saved template of a name; see sf_liquid_partial.
 */
const sf_template *
sf_saved_partial(void *arg, const char *name, sf_liquid_error *error)
{
	sf_saved   *saved = arg;
	saved_body *found = NULL;
	ListCell   *cell;

	foreach(cell, saved->bodies)
	{
		saved_body *b = lfirst(cell);

		if (strcmp(b->name, name) == 0 && b->tenant_id == saved->tenant_id && b->approved == saved->approved &&
			(b->locale == NULL ? saved->locale == NULL : saved->locale != NULL && strcmp(b->locale, saved->locale) == 0))
			found = b;
	}
	if (found == NULL)
	{
		bool		keep = list_length(saved->bodies) < MAX_REMEMBERED;
		MemoryContext caller = MemoryContextSwitchTo(keep ? saved->context : CurrentMemoryContext);

		found = look_up(name, saved);
		if (keep)
			saved->bodies = lappend(saved->bodies, found);
		MemoryContextSwitchTo(caller);
	}
	return found->body != NULL ? sf_cached_template(found->body, found->len, error) : NULL;
}
