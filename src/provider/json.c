/*-------------------------------------------------------------------------
 *
 * json.c
 *		Reading foreign JSON without being thrown off.
 *
 * What a provider answers is hostile until shown otherwise: it may be no
 * UTF-8, no JSON, nested a million deep or hold numbers nobody can store.
 * None of that may end the worker's loop, so the parse runs guarded.  The
 * guard needs no subtransaction because parsing touches no table, lock,
 * buffer or file: what an error leaves behind is memory, and that belongs to
 * the caller's context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/*
 * Runs work(arg), which must do nothing but compute.  False when it raised
 * an error about its data: SQLSTATE class 22 (bad data) or 54 (too deep, too
 * long).  Everything else, out of memory and cancel among it, is thrown on.
 */
bool
sf_guarded(void (*work) (void *), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = true;

	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		int			category;

		MemoryContextSwitchTo(context);
		category = ERRCODE_TO_CATEGORY(geterrcode());
		if (category != ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED))
			PG_RE_THROW();
		FlushErrorState();
		done = false;
	}
	PG_END_TRY();
	return done;
}

/* Input and result of the two guarded jobs below. */
typedef struct text_job
{
	const char *in;
	size_t		len;
	char	   *out;
	Datum		jsonb;
} text_job;

static void
import_work(void *arg)
{
	text_job   *job = arg;

	job->out = pg_any_to_server(job->in, (int) job->len, PG_UTF8);
}

static void
parse_work(void *arg)
{
	text_job   *job = arg;

	job->jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(job->in));
}

/*
 * A palloc'd copy of UTF-8 text from outside in the encoding of the database;
 * NULL when it is not valid UTF-8, holds a NUL or cannot be converted.
 */
char *
sf_text_import(const char *body, size_t len)
{
	text_job	job;

	/* This refuses a NUL too, so the copy has all of it. */
	if (body == NULL || len >= MaxAllocSize || !pg_verify_mbstr(PG_UTF8, body, (int) len, true))
		return NULL;
	job.in = pnstrdup(body, len);
	job.len = len;
	if (!sf_guarded(import_work, &job))
		return NULL;
	return job.out;
}

/* The document in body, palloc'd; NULL when there is none. */
Jsonb *
sf_json_parse(const char *body, size_t len)
{
	text_job	job;

	job.in = sf_text_import(body, len);
	if (job.in == NULL || !sf_guarded(parse_work, &job))
		return NULL;
	return DatumGetJsonbP(job.jsonb);
}

/* ----- paths ----- */

/* Splits "a.0.b"; "$" is the document itself, "*" every element of an array. */
void
sf_path_compile(const char *source, sf_path *path)
{
	int			max = 1;
	const char *p = source;

	memset(path, 0, sizeof(*path));
	for (const char *q = source; *q != '\0'; q++)
	{
		if (*q == '.')
			max++;
	}
	path->steps = palloc0(sizeof(char *) * max);
	path->indexes = palloc0(sizeof(int) * max);
	if (strcmp(source, "$") == 0)
		return;
	for (;;)
	{
		size_t		len = strcspn(p, ".");
		const char *step = pnstrdup(p, len);
		int			index = -1;

		if (strcmp(step, "*") == 0)
			index = -2;
		else if (len > 0 && len <= 6 && strspn(step, "0123456789") == len)
			index = atoi(step);
		/* Keys of foreign documents arrive in the encoding of the database. */
		path->steps[path->nsteps] = pg_any_to_server(step, (int) len, PG_UTF8);
		path->indexes[path->nsteps++] = index;
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
}

/*
 * Follows path down from root; true when something is there, null included.
 * An element of an array is named by its number.
 */
bool
sf_path_get(JsonbContainer *root, const sf_path *path, JsonbValue *value)
{
	JsonbContainer *c = root;

	if (path->nsteps == 0)
	{
		value->type = jbvBinary;
		value->val.binary.data = root;
		value->val.binary.len = 0;
		return true;
	}
	for (int i = 0;; i++)
	{
		if (JsonContainerIsObject(c))
		{
			if (getKeyJsonValueFromContainer(c, path->steps[i], strlen(path->steps[i]),
											 value) == NULL)
				return false;
		}
		else
		{
			JsonbValue *element;

			if (!JsonContainerIsArray(c) || JsonContainerIsScalar(c) || path->indexes[i] < 0)
				return false;
			element = getIthJsonbValueFromContainer(c, path->indexes[i]);
			if (element == NULL)
				return false;
			*value = *element;
		}
		if (i + 1 == path->nsteps)
			return true;
		if (value->type != jbvBinary)
			return false;
		c = value->val.binary.data;
	}
}

/* A string, number or boolean as text; NULL for null, arrays and objects. */
char *
sf_json_scalar(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* ----- fields ----- */

/* One choice: a path, or a text with {{path}} in it. */
static void
choice_compile(sf_compiler *compiler, const char *where, const char *source,
			   struct sf_choice *choice)
{
	int			max = 1;
	const char *p = source;

	for (const char *q = strstr(source, "{{"); q != NULL; q = strstr(q + 2, "{{"))
		max += 2;
	choice->paths = palloc0(sizeof(sf_path) * max);
	choice->literals = palloc0(sizeof(char *) * max);
	choice->npieces = 0;
	if (max == 1)
	{
		sf_path_compile(source, &choice->paths[0]);
		choice->npieces = 1;
		return;
	}
	while (*p != '\0')
	{
		const char *open = strstr(p, "{{");
		const char *close;

		if (open != p)
		{
			choice->literals[choice->npieces++] = open ? pnstrdup(p, open - p) : pstrdup(p);
			if (open == NULL)
				return;
		}
		close = strstr(open, "}}");
		if (close == NULL)
			sf_compile_error(compiler, where, "a {{ has no matching }}", NULL);
		sf_path_compile(pnstrdup(open + 2, close - open - 2), &choice->paths[choice->npieces++]);
		p = close + 2;
	}
}

/* A path, or an array of paths to try in order; nothing when node is NULL or null. */
void
sf_field_compile(sf_compiler *compiler, const char *where, const sf_node *node, sf_field *field)
{
	sf_strings	sources;

	sf_strings_compile(compiler, where, node, &sources);
	field->nchoices = sources.n;
	field->choices = palloc0(sizeof(struct sf_choice) * Max(sources.n, 1));
	for (int i = 0; i < sources.n; i++)
		choice_compile(compiler, where, sources.items[i], &field->choices[i]);
}

/* The text of one choice; NULL unless every path of it has a value. */
static char *
choice_get(JsonbContainer *root, const struct sf_choice *choice)
{
	StringInfoData buf;
	JsonbValue	value;

	if (choice->npieces == 1 && choice->literals[0] == NULL)
		return sf_path_get(root, &choice->paths[0], &value) ? sf_json_scalar(&value) : NULL;
	initStringInfo(&buf);
	for (int i = 0; i < choice->npieces; i++)
	{
		const char *text = choice->literals[i];

		if (text == NULL)
			text = sf_path_get(root, &choice->paths[i], &value) ? sf_json_scalar(&value) : NULL;
		if (text == NULL)
			return NULL;
		appendStringInfoString(&buf, text);
	}
	return buf.data;
}

/* The first choice that is there and not empty. */
char *
sf_field_get(JsonbContainer *root, const sf_field *field)
{
	for (int i = 0; i < field->nchoices; i++)
	{
		char	   *text = choice_get(root, &field->choices[i]);

		if (text != NULL && text[0] != '\0')
			return text;
	}
	return NULL;
}
