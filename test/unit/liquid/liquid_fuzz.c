/*-------------------------------------------------------------------------
 *
 * liquid_fuzz.c
 *		Parses and renders mutated templates.
 *
 * Whatever the template: no error is raised, the text is valid UTF-8 and not
 * longer than allowed, a failure leaves the output as it was and says what
 * and where, and nothing is read or written out of bounds (guard.h).  The
 * template at work is in a file, for the case that the server ends.
 *
 *-------------------------------------------------------------------------
 */
#include "guard.h"

#include <fcntl.h>
#include <unistd.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "partials.h"
#include "utils/array.h"
#include "utils/memutils.h"

#define MAX_LENGTH 4000			/* of a mutated template, bytes */

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(liquid_fuzz);

/* What templates are made of. */
static const char *const words[] = {
	"{{", "}}", "{%", "%}", "{%-", "-%}", "{{-", "-}}", "|", ":", ",", ".", "..", "[", "]", "(", ")", "\n", " ", "'", "\"", "-", "?",
	"if ", "elsif ", "else", "endif", "unless ", "endunless", "case ", "when ", "endcase", "for i in ", "endfor", "tablerow i in ",
	"endtablerow", "limit: 2", "offset: 1", "offset: continue", "reversed", "cols: 2", "break", "continue", "forloop.index",
	"forloop.parentloop", "tablerowloop.col", "assign x = ", "capture x", "endcapture", "cycle ", "increment x", "decrement x", "echo ",
	"ifchanged", "endifchanged", "raw", "endraw", "comment", "endcomment", "doc", "enddoc", "liquid ", "# ", "skip ", "include 'p'",
	"render 'p'", "render 'q' for list", "with ", "for ", "as ", "and ", "or ", "contains ", "==", "!=", "<", ">", "<=", ">=", "nil", "true",
	"false", "empty", "blank", "list", "object", "text", "number", "html", "x", "i", ".size", ".first", ".last", "[0]", "[-1]", "(1..3)",
	"0", "-1", "1.5", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "'a'", "''", "' '", "'\xC3\xA9'",
	"'\xF0\x9F\x98\x80'", "| append: text", "| prepend: 'a'", "| replace: 'a', 'bb'", "| replace_last: '', 'b'", "| remove: 'a'", "| split: ''",
	"| split: ' '", "| join: ','", "| sort", "| sort_natural", "| uniq", "| compact", "| map: 'k'", "| where: 'k'", "| reject: 'k', 1",
	"| find: 'k'", "| sum", "| concat: list", "| reverse", "| slice: 1, 2", "| slice: -2", "| truncate: 5", "| truncatewords: 2", "| plus: 1",
	"| minus: 1.5", "| times: number", "| divided_by: 3", "| divided_by: 0", "| modulo: -2.5", "| round: 2", "| round: -30", "| ceil", "| abs",
	"| at_least: 3", "| default: 'd', allow_false: true", "| date: '%Y-%m-%d %10N %^a'", "'now' ", "| escape", "| escape_once", "| strip_html",
	"| url_encode", "| url_decode", "| base64_encode", "| base64_decode", "| upcase", "| capitalize", "| squish", "| money: 'EUR'", "| phone",
	"| gsm", "| segments_max: 1"
};

static uint64 state;

/* xorshift64 */
static uint32
next_random(uint32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32) (state >> 11) % below;
}

/* Puts len bytes into the template at a random place. */
static void
insert(char *buf, int *used, const char *s, int len)
{
	int			at = next_random(*used + 1);

	len = Min(len, MAX_LENGTH - *used);
	memmove(buf + at + len, buf + at, *used - at);
	memcpy(buf + at, s, len);
	*used += len;
}

/* Changes the template once. */
static void
mutate(char *buf, int *used, const char *other, int other_len)
{
	char		copy[64];
	int			at = next_random(*used + 1);
	int			len = Min(next_random(sizeof(copy)), *used - at);

	switch (next_random(12))
	{
		case 0:
			memmove(buf + at, buf + at + len, *used - at - len);
			*used -= len;
			break;
		case 1:
			memcpy(copy, buf + at, len);
			insert(buf, used, copy, len);
			break;
		case 2:
			insert(buf, used, other, Min(other_len, 1000));
			break;
		case 3:
			if (at < *used)
				buf[at] = 1 + next_random(126);
			break;
		default:
			{
				const char *word = words[next_random(lengthof(words))];

				insert(buf, used, word, strlen(word));
			}
	}
}

/* Parses and renders one template; NULL, or what is wrong. */
static const char *
try(const char *source, int len, Jsonb *vars, int *texts)
{
	static const char *const regions[] = {NULL, "US", "DE"};
	static const char *const locales[] = {NULL, "en-US", "de-DE", "fr"};
	sf_liquid_options options = {0};
	sf_liquid_error error;
	sf_liquid_result result;
	sf_template *t;
	StringInfoData out;

	options.missing = next_random(3);
	options.region = regions[next_random(3)];
	options.locale = locales[next_random(4)];
	options.max_output = next_random(2) == 0 ? 300 : 0;
	options.max_steps = 5000;
	options.partial = find_partial;
	options.partial_arg = vars;
	memset(&error, 'x', sizeof(error));
	t = sf_liquid_parse(CurrentMemoryContext, source, len, &error);
	initStringInfo(&out);
	appendStringInfoString(&out, "before");
	result = t != NULL ? sf_liquid_render(t, vars, &options, &out, &error) : SF_LIQUID_ERROR;
	if (strncmp(out.data, "before", 6) != 0 || strlen(out.data) != out.len)
		return "the output is damaged";
	if (result == SF_LIQUID_OK)
	{
		(*texts)++;
		if (options.max_output > 0 && out.len > options.max_output + 6)
			return "the text is too long";
		return pg_verify_mbstr(PG_UTF8, out.data, out.len, true) ? NULL : "the text is not UTF-8";
	}
	if (out.len != 6)
		return "a failure left text behind";
	if (error.message[0] == '\0' || error.line < 1 || error.column < 1 ||
		memchr(error.message, 0, sizeof(error.message)) == NULL ||
		memchr(error.path, 0, sizeof(error.path)) == NULL)
		return "the error says too little";
	return pg_verify_mbstr(PG_UTF8, error.message, strlen(error.message), true) ? NULL : "the error is not UTF-8";
}

/* Leaves the template where it is found when the server ends. */
static void
note(const char *file, const char *source, int len)
{
	int			fd = open(file, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, source, len) != len || close(fd) != 0)
		elog(ERROR, "could not write \"%s\": %m", file);
}

/*
 * liquid_fuzz(templates text[], vars jsonb, times int, seed int, file text)
 * returns text: what is wrong and with which template, or how many texts came
 * out.
 */
Datum
liquid_fuzz(PG_FUNCTION_ARGS)
{
	Jsonb	   *vars = PG_GETARG_JSONB_P(1);
	int			times = PG_GETARG_INT32(2);
	char	   *file = text_to_cstring(PG_GETARG_TEXT_PP(4));
	MemoryContext mine = AllocSetContextCreate(CurrentMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	volatile int texts = 0;
	Datum	   *templates;
	int			count;
	int			i;

	state = (uint64) PG_GETARG_INT32(3) * UINT64CONST(2654435761) + 12345;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &templates, NULL, &count);
	for (i = 0; i < times; i++)
	{
		text	   *first = DatumGetTextPP(templates[next_random(count)]);
		text	   *second = DatumGetTextPP(templates[next_random(count)]);
		int			used = Min(VARSIZE_ANY_EXHDR(first), MAX_LENGTH);
		int			changes = next_random(4);
		const char *volatile wrong = NULL;
		char		buf[MAX_LENGTH];
		char	   *source;

		CHECK_FOR_INTERRUPTS();
		memcpy(buf, VARDATA_ANY(first), used);
		while (changes-- > 0)
			mutate(buf, &used, VARDATA_ANY(second), VARSIZE_ANY_EXHDR(second));
		if (!pg_verify_mbstr(PG_UTF8, buf, used, true))
			continue;
		source = guard_alloc(used);
		memcpy(source, buf, used);
		note(file, source, used);

		PG_TRY();
		{
			int			n = 0;

			MemoryContextSwitchTo(mine);
			wrong = try(source, used, vars, &n);
			texts += n;
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(old);
			error = CopyErrorData();
			if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
				PG_RE_THROW();
			FlushErrorState();
			wrong = psprintf("an error was raised: %s", error->message);
		}
		PG_END_TRY();
		MemoryContextSwitchTo(old);
		guard_reset();
		MemoryContextReset(mine);
		if (wrong != NULL)
			PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s, with: %s", wrong, pnstrdup(buf, used))));
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d texts", texts)));
}
