/*-------------------------------------------------------------------------
 *
 * redact.c
 *		Taking secrets and phone numbers out of a provider's words.
 *
 * What a provider says about an error is stored and shown to people who may
 * see neither.  Providers like to quote the number, and some quote the
 * request.  What they post as a receipt names the recipient nearly always; it
 * is stored too, and a number stands in contact_phone only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(smsfollow_redact);

#define MIN_SECRET_LENGTH 4		/* shorter ones would hit ordinary words */
#define MIN_NUMBER_DIGITS 7
#define MAX_TEXT_CHARS 200

/* Adds text, in the encoding of the database, unless it is too short. */
static void
add_secret(sf_strings *secrets, const char *text)
{
	if (strlen(text) < MIN_SECRET_LENGTH)
		return;
	secrets->items = repalloc(secrets->items, sizeof(char *) * (secrets->n + 1));
	secrets->items[secrets->n++] = pg_any_to_server(text, strlen(text), PG_UTF8);
}

/* Longest first, so that one secret inside another leaves nothing behind. */
static int
longer_first(const void *a, const void *b)
{
	size_t		la = strlen(*(const char *const *) a);
	size_t		lb = strlen(*(const char *const *) b);

	return la < lb ? 1 : la > lb ? -1 : 0;
}

/*
 * Lists what must not be seen: every field of the secret, also as it looks
 * in a form, and the Basic credentials as they go over the wire.
 */
void
sf_redact_compile(sf_compiler *compiler, const char *userpwd, sf_strings *secrets)
{
	secrets->n = 0;
	secrets->items = palloc(sizeof(char *));
	for (const sf_node *n = compiler->secrets->child; n != NULL; n = n->next)
	{
		const char *value = sf_node_scalar(n);
		StringInfoData form;

		if (value == NULL || n->kind == SF_NODE_BOOL)
			continue;
		add_secret(secrets, value);
		initStringInfo(&form);
		sf_escape_append(&form, value, strlen(value), SF_ESC_FORM);
		if (strcmp(form.data, value) != 0)
			add_secret(secrets, form.data);
	}
	if (userpwd != NULL)
	{
		int			len = pg_b64_enc_len(strlen(userpwd));
		char	   *encoded = palloc0(len + 1);

		if (pg_b64_encode((const void *) userpwd, strlen(userpwd), encoded, len) > 0)
			add_secret(secrets, encoded);
	}
	qsort(secrets->items, secrets->n, sizeof(char *), longer_first);
}

/* text with every occurrence of a secret replaced. */
static char *
hide_secrets(const sf_strings *secrets, char *text)
{
	for (int i = 0; i < secrets->n; i++)
	{
		const char *hit;
		StringInfoData buf;
		const char *p = text;

		if (strstr(text, secrets->items[i]) == NULL)
			continue;
		initStringInfo(&buf);
		while ((hit = strstr(p, secrets->items[i])) != NULL)
		{
			appendBinaryStringInfo(&buf, p, hit - p);
			appendStringInfoString(&buf, "[secret]");
			p = hit + strlen(secrets->items[i]);
		}
		appendStringInfoString(&buf, p);
		text = buf.data;
	}
	return text;
}

/*
 * Overwrites the digits of anything that could be a phone number: seven or
 * more digits with at most two characters of " -.()+/" between neighbours.
 */
static void
hide_numbers(char *text)
{
	char	   *p = text;

	while (*p != '\0')
	{
		char	   *end = p;
		int			digits = 0;

		for (char *q = p; *q != '\0' && q - end <= 3; q++)
		{
			if (*q >= '0' && *q <= '9')
			{
				digits++;
				end = q;
			}
			else if (strchr(" -.()+/", *q) == NULL)
				break;
		}
		if (digits >= MIN_NUMBER_DIGITS)
		{
			for (char *q = p; q <= end; q++)
			{
				if (*q >= '0' && *q <= '9')
					*q = '*';
			}
		}
		p = end + 1;
	}
}

/*
 * A palloc'd copy of text, in the encoding of the database, that may be shown:
 * no secret, no phone number, no control character, at most 200 characters.
 * NULL stays NULL.
 */
char *
sf_redact(const sf_strings *secrets, const char *text)
{
	char	   *out;
	int			len;

	if (text == NULL || text[0] == '\0')
		return NULL;
	out = pstrdup(text);
	for (char *p = out; *p != '\0'; p++)
	{
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	out = hide_secrets(secrets, out);
	hide_numbers(out);
	len = pg_mbcharcliplen(out, strlen(out), MAX_TEXT_CHARS);
	out[len] = '\0';
	return out;
}

/* Hides numbers in a scalar of a document; a number that hid becomes a string. */
static void
redact_scalar(JsonbValue *v)
{
	char	   *shown;
	char	   *hidden;

	if (v->type == jbvString)
		shown = pnstrdup(v->val.string.val, v->val.string.len);
	else if (v->type == jbvNumeric)
		shown = numeric_normalize(v->val.numeric);
	else
		return;
	hidden = pstrdup(shown);
	hide_numbers(hidden);
	if (strcmp(shown, hidden) == 0)
		return;
	v->type = jbvString;
	v->val.string.val = hidden;
	v->val.string.len = strlen(hidden);
}

/* redact(jsonb): the document without phone numbers, in keys neither */
Datum
smsfollow_redact(PG_FUNCTION_ARGS)
{
	JsonbIterator *it = JsonbIteratorInit(&PG_GETARG_JSONB_P(0)->root);
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbValue	v;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		bool		scalar = token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM;

		if (scalar)
			redact_scalar(&v);
		result = pushJsonbValue(&state, token,
								scalar || (token == WJB_BEGIN_ARRAY && v.val.array.rawScalar) ? &v : NULL);
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}
