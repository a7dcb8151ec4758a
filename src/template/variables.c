/*-------------------------------------------------------------------------
 *
 * variables.c
 *		Do the values of texts fit what their template declares?
 *
 * Asked once for all texts of a call, so that a batch costs a look at each
 * value and no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "phone/phone.h"

PG_FUNCTION_INFO_V1(smsfollow_check_variables);

#define MAX_DATE 64				/* characters */
#define MAX_URL 2000

static bool
is_text(const JsonbValue *v)
{
	return v->type == jbvString;
}

static bool
is_number(const JsonbValue *v)
{
	return v->type == jbvNumeric;
}

static bool
is_boolean(const JsonbValue *v)
{
	return v->type == jbvBool;
}

/* So many digits at s; their value. */
static bool
digits(const char *s, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return false;
		*value = *value * 10 + (s[i] - '0');
	}
	return true;
}

/*
 * A day as ISO 8601 writes it, 2026-03-01, and perhaps a time behind it,
 * T10:30, 10:30:15.5, with a zone such as Z or +01:00: what to_jsonb() makes of
 * the types date, timestamp and timestamptz.
 */
static bool
is_date(const JsonbValue *v)
{
	char		s[MAX_DATE + 1];
	const char *p = s + 10;
	int			year;
	int			month;
	int			day;
	int			n;

	if (v->type != jbvString || v->val.string.len < 10 || v->val.string.len > MAX_DATE)
		return false;
	memcpy(s, v->val.string.val, v->val.string.len);
	s[v->val.string.len] = '\0';
	if (!digits(s, 4, &year) || s[4] != '-' || !digits(s + 5, 2, &month) || s[7] != '-' || !digits(s + 8, 2, &day) ||
		year < 1 || month < 1 || month > 12 || day < 1 || day > day_tab[isleap(year)][month - 1])
		return false;
	if (*p == '\0')
		return true;
	if ((*p != 'T' && *p != ' ') || !digits(p + 1, 2, &n) || n > 23 || p[3] != ':' || !digits(p + 4, 2, &n) || n > 59)
		return false;
	p += 6;
	if (*p == ':')
	{
		if (!digits(p + 1, 2, &n) || n > 60)
			return false;
		p += 3;
		if (*p == '.')
			for (p++; *p >= '0' && *p <= '9'; p++)
				;
	}
	if (*p == 'Z')
		p++;
	else if (*p == '+' || *p == '-')
	{
		if (!digits(p + 1, 2, &n) || n > 15)
			return false;
		p += 3;
		if (*p == ':')
			p++;
		if (*p != '\0')
		{
			if (!digits(p, 2, &n) || n > 59)
				return false;
			p += 2;
		}
	}
	return *p == '\0';
}

static bool
is_phone(const JsonbValue *v)
{
	char		e164[SF_PHONE_SIZE];
	const char *why;

	return v->type == jbvString && sf_phone_e164(v->val.string.val, v->val.string.len, e164, &why) &&
		strlen(e164) == v->val.string.len && memcmp(e164, v->val.string.val, v->val.string.len) == 0;
}

/*
 * http or https with a host, in visible ASCII; nobody's name and password
 * before it.  What a text does with it is the link finder's matter.
 */
static bool
is_url(const JsonbValue *v)
{
	const char *s = v->val.string.val;
	int			len;
	int			i;
	int			host;

	if (v->type != jbvString || v->val.string.len > MAX_URL)
		return false;
	len = v->val.string.len;
	if (len >= 8 && pg_strncasecmp(s, "https://", 8) == 0)
		i = 8;
	else if (len >= 7 && pg_strncasecmp(s, "http://", 7) == 0)
		i = 7;
	else
		return false;
	host = i;
	while (i < len && strchr("/?#", s[i]) == NULL)
		if (s[i++] == '@')
			return false;
	if (i == host)
		return false;
	for (i = host; i < len; i++)
		if ((unsigned char) s[i] <= ' ' || (unsigned char) s[i] >= 0x7F || strchr("<>\"\\^`{|}", s[i]) != NULL)
			return false;
	return true;
}

static bool
is_list(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data) && !JsonContainerIsScalar(v->val.binary.data);
}

static bool
is_object(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);
}

static const struct
{
	const char *name;
	const char *expected;		/* in words */
	bool		(*test) (const JsonbValue *v);
}			types[] = {
	{"text", "a text", is_text},
	{"number", "a number", is_number},
	{"boolean", "true or false", is_boolean},
	{"date", "a date as ISO 8601 writes it, such as \"2026-03-01\" or \"2026-03-01T10:30:00+01:00\"", is_date},
	{"phone", "a phone number in E.164 form, such as \"+14155550123\"", is_phone},
	{"url", "an address that begins with http:// or https://", is_url},
	{"list", "a list, such as [1, 2]", is_list},
	{"object", "an object, such as {\"a\": 1}", is_object}
};

/* One declared variable. */
typedef struct declared
{
	const char *name;
	int			len;
	int			type;			/* place in types */
	bool		required;
} declared;

/*
 * Reads a declaration as create_template() stores it: name -> {type, required}.
 */
static declared *
read_declaration(Jsonb *declaration, int *n)
{
	declared   *list = palloc(sizeof(declared) * Max(JB_ROOT_COUNT(declaration), 1));
	JsonbIterator *it = JsonbIteratorInit(&declaration->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	*n = 0;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		declared   *d = &list[*n];
		JsonbValue	member;

		if (token == WJB_BEGIN_OBJECT)
			continue;
		if (token == WJB_KEY)
		{
			d->name = v.val.string.val;
			d->len = v.val.string.len;
			continue;
		}
		if (token != WJB_VALUE)
			continue;
		d->type = -1;
		if (v.type == jbvBinary && JsonContainerIsObject(v.val.binary.data) &&
			getKeyJsonValueFromContainer(v.val.binary.data, "type", 4, &member) != NULL && member.type == jbvString)
			for (int i = 0; i < lengthof(types); i++)
				if (strlen(types[i].name) == member.val.string.len &&
					memcmp(types[i].name, member.val.string.val, member.val.string.len) == 0)
					d->type = i;
		if (d->type < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("variable \"%.*s\" is declared without a known type", Min(d->len, 100), d->name),
					 errhint("Use text, number, boolean, date, phone, url, list or object.")));
		d->required = getKeyJsonValueFromContainer(v.val.binary.data, "required", 8, &member) != NULL &&
			member.type == jbvBool && member.val.boolean;
		(*n)++;
	}
	return list;
}

/*
 * check_variables(declaration, vars): an error that names the first value that
 * does not fit, and its place among the texts when there are several.
 */
Datum
smsfollow_check_variables(PG_FUNCTION_ARGS)
{
	int			ndeclared;
	declared   *list = read_declaration(PG_GETARG_JSONB_P(0), &ndeclared);
	Datum	   *vars;
	bool	   *nulls;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT, &vars, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		Jsonb	   *values = nulls[i] ? NULL : DatumGetJsonbP(vars[i]);

		if ((i & 0xFF) == 0)
			CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < ndeclared; k++)
		{
			const declared *d = &list[k];
			JsonbValue	v;
			bool		given = values != NULL && JB_ROOT_IS_OBJECT(values) &&
				getKeyJsonValueFromContainer(&values->root, d->name, d->len, &v) != NULL && v.type != jbvNull;

			if (given ? types[d->type].test(&v) : !d->required)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 given ? errmsg("variable \"%.*s\" must be %s", Min(d->len, 100), d->name, types[d->type].expected)
					 : errmsg("variable \"%.*s\" is required", Min(d->len, 100), d->name),
					 n > 1 ? errdetail("Of text %d of %d.", i + 1, n) : 0,
					 given ? errhint("The template declares it as %s; correct the value.", types[d->type].name)
					 : errhint("Give it a value of type %s in vars, or declare it with a default.", types[d->type].name)));
		}
		if (values != NULL && (Pointer) values != DatumGetPointer(vars[i]))
			pfree(values);
	}
	PG_RETURN_VOID();
}
