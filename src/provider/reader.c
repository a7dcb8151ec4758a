/*-------------------------------------------------------------------------
 *
 * reader.c
 *		What is taken from the body of an answer.
 *
 * JSON is read by paths.  Plain text and XML are read by regular expressions
 * of PostgreSQL's own engine (advanced flavour, collation C), which keeps
 * compiled expressions in a cache of its own and cannot run for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"

#define MAX_ID_LENGTH 255		/* bytes; a longer id is no id */
#define MAX_CODE_LENGTH 100

/* ----- regular expressions ----- */

/* Compiles once to see that it can be compiled. */
void
sf_regex_compile(sf_compiler *compiler, const char *where, const sf_node *node, sf_regex *regex)
{
	const char *source;

	regex->source = NULL;
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	source = sf_node_scalar(node);
	if (source == NULL)
		sf_compile_error(compiler, where, "must be a regular expression", NULL);
	source = pg_any_to_server(source, strlen(source), PG_UTF8);
	regex->source = cstring_to_text(source);
	RE_compile_and_cache(regex->source, REG_ADVANCED, C_COLLATION_OID);
}

typedef struct regex_job
{
	const sf_regex *regex;
	const char *text;
	char	   *out;
} regex_job;

/* Matches, and copies out the first capture or the whole match. */
static void
regex_work(void *arg)
{
	regex_job  *job = arg;
	regmatch_t	match[2];
	regex_t    *re;
	int			len = strlen(job->text);
	pg_wchar   *wide = palloc(sizeof(pg_wchar) * (len + 1));
	size_t		wide_len = pg_mb2wchar_with_len(job->text, wide, len);
	int			which;

	re = RE_compile_and_cache(job->regex->source, REG_ADVANCED, C_COLLATION_OID);
	if (pg_regexec(re, wide, wide_len, 0, NULL, 2, match, 0) == REG_OKAY)
	{
		which = (re->re_nsub > 0 && match[1].rm_so >= 0) ? 1 : 0;
		len = match[which].rm_eo - match[which].rm_so;
		job->out = palloc(len * pg_database_encoding_max_length() + 1);
		len = pg_wchar2mb_with_len(wide + match[which].rm_so, job->out, len);
		job->out[len] = '\0';
	}
	pfree(wide);
}

char *
sf_regex_match(const sf_regex *regex, const char *body, size_t len)
{
	regex_job	job = {regex, sf_text_import(body, len), NULL};

	if (regex->source == NULL || job.text == NULL || !sf_guarded(regex_work, &job))
		return NULL;
	return job.out;
}

/* ----- values ----- */

/* text when it is 1 .. max bytes of printable characters, else NULL. */
static char *
bounded(char *text, size_t max)
{
	if (text == NULL || text[0] == '\0' || strlen(text) > max || sf_has_control(text))
		return NULL;
	return text;
}

/* 1 .. 255 parts; 0 for anything else, a zero that only means "not known yet" included. */
int
sf_parse_segments(const char *text)
{
	int			n;

	if (text == NULL || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return 0;
	n = atoi(text);
	return n <= 255 ? n : 0;
}

/*
 * A decimal of at most 12 digits on either side of the point, without its
 * sign: providers write what they charge as a negative amount, or as a
 * positive one, and mean the same.  NULL for anything else.
 */
char *
sf_parse_cost(const char *text)
{
	size_t		whole;
	size_t		fraction = 0;

	if (text == NULL)
		return NULL;
	if (text[0] == '-' || text[0] == '+')
		text++;
	whole = strspn(text, "0123456789");
	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, "0123456789");
	if (whole < 1 || whole > 12 || fraction > 12 ||
		text[whole + (text[whole] == '.' ? fraction + 1 : 0)] != '\0' ||
		(text[whole] == '.' && fraction == 0))
		return NULL;
	return pstrdup(text);
}

/* ----- readers ----- */

/* Compiles the part called part; node is an object, or NULL: nothing is read. */
void
sf_reader_compile(sf_compiler *compiler, const char *part, const sf_node *node, sf_reader *r)
{
	const char *format = sf_node_scalar(sf_node_get(node, "format"));
	const sf_node *id;

#define FIELD(name) \
	sf_field_compile(compiler, psprintf("%s." #name, part), sf_node_get(node, #name), &r->name)
#define REGEX(name) \
	sf_regex_compile(compiler, psprintf("%s." #name, part), sf_node_get(node, #name), &r->name)

	memset(r, 0, sizeof(*r));
	if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		sf_compile_error(compiler, psprintf("%s.format", part), "must be json or text", NULL);
	r->is_text = format != NULL && strcmp(format, "text") == 0;

	FIELD(id);
	FIELD(status);
	FIELD(segments);
	FIELD(cost);
	FIELD(currency);
	FIELD(error_code);
	FIELD(error_text);
	REGEX(ok_regex);
	REGEX(id_regex);
	REGEX(error_code_regex);
	REGEX(error_text_regex);
	sf_http_list_compile(compiler, psprintf("%s.ok_http", part), sf_node_get(node, "ok_http"),
						 &r->nok, &r->ok_http);
	sf_when_compile(compiler, psprintf("%s.ok_when", part), sf_node_get(node, "ok_when"),
					&r->ok_when);

	id = sf_node_get(node, "id");
	r->id_required = r->is_text ? r->id_regex.source != NULL : id != NULL && r->id.nchoices > 0;
	r->reads_body = r->id_required || r->ok_when.nconditions > 0 || r->ok_regex.source != NULL;
#undef FIELD
#undef REGEX
}

/* Reads a JSON document that is parsed already. */
void
sf_reader_read_json(const sf_reader *r, JsonbContainer *root, sf_reading *reading)
{
	memset(reading, 0, sizeof(*reading));
	reading->parsed = true;
	reading->ok = sf_when_holds(root, &r->ok_when);
	reading->id = bounded(sf_field_get(root, &r->id), MAX_ID_LENGTH);
	reading->status = bounded(sf_field_get(root, &r->status), MAX_CODE_LENGTH);
	reading->segments = sf_parse_segments(sf_field_get(root, &r->segments));
	reading->cost = sf_parse_cost(sf_field_get(root, &r->cost));
	reading->currency = bounded(sf_field_get(root, &r->currency), 8);
	reading->error_code = bounded(sf_field_get(root, &r->error_code), MAX_CODE_LENGTH);
	reading->error_text = sf_field_get(root, &r->error_text);
}

/* Reads an answer; reading->parsed says whether it could be read at all. */
void
sf_reader_read(const sf_reader *r, const char *body, size_t len, sf_reading *reading)
{
	memset(reading, 0, sizeof(*reading));
	if (!r->is_text)
	{
		Jsonb	   *jb = sf_json_parse(body, len);

		if (jb != NULL)
			sf_reader_read_json(r, &jb->root, reading);
		return;
	}
	reading->parsed = sf_text_import(body, len) != NULL;
	if (!reading->parsed)
		return;
	reading->ok = r->ok_regex.source == NULL || sf_regex_match(&r->ok_regex, body, len) != NULL;
	reading->id = bounded(sf_regex_match(&r->id_regex, body, len), MAX_ID_LENGTH);
	reading->error_code = bounded(sf_regex_match(&r->error_code_regex, body, len), MAX_CODE_LENGTH);
	reading->error_text = sf_regex_match(&r->error_text_regex, body, len);
}
