/*-------------------------------------------------------------------------
 *
 * liquid_fuzz.c
 *		libFuzzer target for src/liquid.
 *
 * The engine computes with the server's numeric and walks the server's jsonb,
 * so the fuzzer runs inside a server: one process in single-user mode, in
 * which liquid_fuzz() hands over to libFuzzer.  The engine's memory has a page
 * behind each piece that nobody may touch (guard.h).
 *
 * Input: one byte that chooses options, a template, and behind a zero byte
 * the value of the variable "text".  Whatever it is: no error is raised, the
 * result is valid UTF-8 and not longer than allowed, a failure leaves the
 * output as it was and says what and where, and a second render gives the
 * same.
 *
 *-------------------------------------------------------------------------
 */
#include "guard.h"

#include "catalog/pg_type.h"
#include "liquid/liquid.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(liquid_fuzz);

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*callback) (const uint8_t *data, size_t size));

static Jsonb *variables;		/* fixed ones */
static MemoryContext each;		/* what one input needs of the server */
static pg_tz *zones[3];

/* Stops the fuzzer when a rule is broken. */
static void
require(bool condition, const char *rule)
{
	if (condition)
		return;
	fprintf(stderr, "broken: %s\n", rule);
	abort();
}

/* Copies bytes without one to spare; what is no UTF-8 becomes question marks. */
static char *
take(const uint8_t *data, int size)
{
	char	   *copy = guard_alloc(size);
	int			i = 0;

	memcpy(copy, data, size);
	while (i < size)
	{
		int			len = pg_utf_mblen((unsigned char *) copy + i);

		if (i + len > size || !pg_utf8_islegal((unsigned char *) copy + i, len))
		{
			copy[i] = '?';
			len = 1;
		}
		i += len;
	}
	return copy;
}

/* The fixed variables and text. */
static Jsonb *
make_variables(const char *text, int len)
{
	JsonbParseState *state = NULL;
	JsonbValue	v;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	v.type = jbvString;
	v.val.string.val = "text";
	v.val.string.len = 4;
	(void) pushJsonbValue(&state, WJB_KEY, &v);
	v.val.string.val = unconstify(char *, text);
	v.val.string.len = len;
	(void) pushJsonbValue(&state, WJB_VALUE, &v);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(variables),
											  JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)))));
}

/* Partials are variables, and the template itself. */
static const sf_template *
find_partial(void *arg, const char *name, sf_liquid_error *error)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&((Jsonb *) arg)->root, name, strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return sf_liquid_parse(CurrentMemoryContext, v.val.string.val, v.val.string.len, error);
}

/* Renders once and looks at what must hold. */
static sf_liquid_result
render(const sf_template *t, Jsonb *vars, const sf_liquid_options *options, StringInfo out)
{
	sf_liquid_error error;
	sf_liquid_result result;

	initStringInfo(out);
	appendStringInfoString(out, "before");
	memset(&error, 'x', sizeof(error));
	result = sf_liquid_render(t, vars, options, out, &error);
	require(strncmp(out->data, "before", 6) == 0 && strlen(out->data) == out->len, "the output is a string behind what was there");
	if (result == SF_LIQUID_OK)
	{
		require(out->len <= options->max_output + 6, "the text is as long as allowed");
		require(pg_verify_mbstr(PG_UTF8, out->data, out->len, true), "the text is UTF-8");
		return result;
	}
	require(out->len == 6, "a failure leaves no text");
	require(error.line >= 1 && error.column >= 1, "an error says where");
	require(memchr(error.message, 0, sizeof(error.message)) != NULL && error.message[0] != '\0', "an error says what");
	require(memchr(error.path, 0, sizeof(error.path)) != NULL, "a path ends");
	require(pg_verify_mbstr(PG_UTF8, error.message, strlen(error.message), true), "an error is UTF-8");
	return result;
}

/* Parses and renders one input. */
static void
try(const uint8_t *data, size_t size)
{
	static const char *const regions[] = {NULL, "US", "DE"};
	static const char *const locales[] = {NULL, "en-US", "de-DE", "fr", "pt-BR", "xx"};
	const uint8_t *end = memchr(data + 1, 0, size - 1);
	int			len = (end != NULL ? end : data + size) - (data + 1);
	int			text_len = end != NULL ? data + size - (end + 1) : 0;
	char	   *source = take(data + 1, len);
	char	   *text;
	sf_liquid_options options = {0};
	sf_liquid_error error;
	sf_template *t;
	Jsonb	   *vars;
	StringInfoData out;
	StringInfoData again;
	int			i;

	memset(&error, 'x', sizeof(error));
	t = sf_liquid_parse(CurrentMemoryContext, source, len, &error);
	if (t == NULL)
	{
		require(error.line >= 1 && error.column >= 1 && error.message[0] != '\0' &&
				pg_verify_mbstr(PG_UTF8, error.message, strlen(error.message), true), "a syntax error says what and where");
		return;
	}
	text = take(end != NULL ? end + 1 : data, text_len);
	for (i = 0; i < text_len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	vars = make_variables(text, text_len);
	options.missing = data[0] % 3;
	options.region = regions[data[0] / 3 % 3];
	options.locale = locales[data[0] / 9 % 6];
	options.zone = zones[data[0] / 54 % 3];
	options.max_output = data[0] % 2 == 0 ? 300 : 20000;
	options.max_steps = 5000;
	options.partial = find_partial;
	options.partial_arg = vars;
	if (render(t, vars, &options, &out) == render(t, vars, &options, &again))
		require(strcmp(out.data, again.data) == 0, "a second render gives the same");
}

static int
one_input(const uint8_t *data, size_t size)
{
	MemoryContext old = MemoryContextSwitchTo(each);

	if (size > 0)
	{
		PG_TRY();
		{
			try(data, size);
		}
		PG_CATCH();
		{
			EmitErrorReport();
			require(false, "no error is raised");
		}
		PG_END_TRY();
	}
	guard_reset();
	MemoryContextSwitchTo(old);
	MemoryContextReset(each);
	return 0;
}

/* liquid_fuzz(vars jsonb, VARIADIC arguments text[]): those of libFuzzer; does not return. */
Datum
liquid_fuzz(PG_FUNCTION_ARGS)
{
	Datum	   *items;
	int			count;
	int			argc = 1;
	char	  **argv;
	int			i;

	variables = PG_GETARG_JSONB_P(0);
	each = AllocSetContextCreate(TopMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	zones[1] = pg_tzset("America/New_York");
	zones[2] = pg_tzset("Asia/Kathmandu");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &count);
	argv = palloc0(sizeof(char *) * (count + 2));
	argv[0] = "liquid_fuzz";
	for (i = 0; i < count; i++)
		argv[argc++] = TextDatumGetCString(items[i]);
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&argc, &argv, one_input));
}
