/*-------------------------------------------------------------------------
 *
 * value.c
 *		Values: taken out of jsonb, turned into text, compared.
 *
 * Strings and containers point into the jsonb; only numbers that do not fit
 * int64 are touched by numeric.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "miscadmin.h"

static bool inspect(sf_render *r, StringInfo out, sf_value v, int depth);

/* The value of a jsonb element. */
sf_value
sf_from_jsonb(JsonbValue *v)
{
	sf_value	result = sf_nil();

	switch (v->type)
	{
		case jbvBool:
			return sf_bool(v->val.boolean);
		case jbvNumeric:
			return sf_from_numeric(v->val.numeric);
		case jbvString:
			return sf_str(v->val.string.val, v->val.string.len);
		case jbvBinary:
			result.type = SF_V_JSON;
			result.u.json = v->val.binary.data;
			return result;
		default:
			return result;
	}
}

/* The value of a key of an object; false when it has no such key. */
bool
sf_json_key(JsonbContainer *object, const char *name, int len, sf_value *v)
{
	JsonbValue	found;

	if (getKeyJsonValueFromContainer(object, name, len, &found) == NULL)
		return false;
	*v = sf_from_jsonb(&found);
	return true;
}

bool
sf_is_object(sf_value v)
{
	return v.type == SF_V_JSON && JsonContainerIsObject(v.u.json);
}

bool
sf_is_array(sf_value v)
{
	return v.type == SF_V_LIST || (v.type == SF_V_JSON && !JsonContainerIsObject(v.u.json));
}

/* Number of elements, pairs or characters; -1 for what has none. */
int64
sf_count(sf_value v)
{
	switch (v.type)
	{
		case SF_V_STR:
			return sf_chars(v.u.str, v.len);
		case SF_V_LIST:
			return v.u.list->count;
		case SF_V_JSON:
			return JsonContainerSize(v.u.json);
		case SF_V_RANGE:
			{
				const sf_range *range = v.u.range;

				if (range->to < range->from)
					return 0;
				/* the difference may not fit: int64 has twice as many values */
				if ((uint64) range->to - (uint64) range->from >= PG_INT64_MAX)
					return PG_INT64_MAX;
				return range->to - range->from + 1;
			}
		case SF_V_INT:
			return sizeof(int64);	/* as the reference has it: bytes */
		default:
			return -1;
	}
}

/* An empty string with room for len bytes, or as many as make sense at first. */
void
sf_start_string(StringInfo out, int64 len)
{
	out->maxlen = Min(len, SF_MIN_STRING_LIMIT) + 1;
	out->data = palloc(out->maxlen);
	resetStringInfo(out);
}

/* Appends bytes as long as the string they go to may grow. */
bool
sf_append(sf_render *r, StringInfo out, const char *s, int len)
{
	if (out == r->out)
		return sf_emit(r, s, len);
	if (len > r->max_string - out->len)
		return sf_render_error(r, "a string becomes longer than %d bytes", r->max_string);
	appendBinaryStringInfo(out, s, len);
	return sf_charge_written(r, len);
}

/* Appends a string in double quotes, with what is not printable escaped. */
static bool
inspect_string(sf_render *r, StringInfo out, const char *s, int len)
{
	static const char escapes[][2] = {
		{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\t', 't'}, {'\r', 'r'},
		{'\f', 'f'}, {'\v', 'v'}, {'\a', 'a'}, {'\b', 'b'}, {'\033', 'e'}
	};
	int			i;
	int			k;

	if (!sf_append(r, out, "\"", 1))
		return false;
	for (i = 0; i < len; i++)
	{
		char		buf[8];
		int			n = 1;

		buf[0] = s[i];
		for (k = 0; k < lengthof(escapes); k++)
		{
			if (s[i] == escapes[k][0])
			{
				buf[0] = '\\';
				buf[1] = escapes[k][1];
				n = 2;
			}
		}
		if (n == 1 && ((unsigned char) s[i] < 0x20 || s[i] == 0x7F))
			n = snprintf(buf, sizeof(buf), "\\u%04X", s[i]);
		if (!sf_append(r, out, buf, n))
			return false;
	}
	return sf_append(r, out, "\"", 1);
}

/* Appends [a, b] or {"key"=>value, ...}. */
static bool
inspect_container(sf_render *r, StringInfo out, JsonbContainer *container, int depth)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	bool		object = JsonContainerIsObject(container);
	JsonbValue	v;
	JsonbIteratorToken token;
	bool		first = true;

	(void) JsonbIteratorNext(&it, &v, true);
	if (!sf_append(r, out, object ? "{" : "[", 1))
		return false;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_KEY && token != WJB_VALUE && token != WJB_ELEM)
			continue;
		if (token != WJB_VALUE && !first && !sf_append(r, out, ", ", 2))
			return false;
		first = false;
		if (!inspect(r, out, sf_from_jsonb(&v), depth + 1))
			return false;
		if (token == WJB_KEY && !sf_append(r, out, "=>", 2))
			return false;
	}
	return sf_append(r, out, object ? "}" : "]", 1);
}

/* Appends a value as it looks inside an array or object. */
static bool
inspect(sf_render *r, StringInfo out, sf_value v, int depth)
{
	int			i;

	if (depth > SF_MAX_NESTING)
		return sf_render_error(r, "a value is nested more than %d deep", SF_MAX_NESTING);
	switch (v.type)
	{
		case SF_V_NIL:
			return sf_append(r, out, "nil", 3);
		case SF_V_STR:
			return inspect_string(r, out, v.u.str, v.len);
		case SF_V_JSON:
			return inspect_container(r, out, v.u.json, depth);
		case SF_V_LIST:
			if (!sf_append(r, out, "[", 1))
				return false;
			for (i = 0; i < v.u.list->count; i++)
			{
				if (i > 0 && !sf_append(r, out, ", ", 2))
					return false;
				if (!inspect(r, out, v.u.list->items[i], depth + 1))
					return false;
			}
			return sf_append(r, out, "]", 1);
		default:
			return sf_append_string(r, out, v);
	}
}

/* Appends the value as text. */
bool
sf_append_string(sf_render *r, StringInfo out, sf_value v)
{
	char		buf[64];

	switch (v.type)
	{
		case SF_V_NIL:
		case SF_V_EMPTY:
		case SF_V_BLANK:
			return true;
		case SF_V_BOOL:
			return v.u.b ? sf_append(r, out, "true", 4) : sf_append(r, out, "false", 5);
		case SF_V_INT:
		case SF_V_NUM:
			/* then the check that there was room for it */
			return sf_number_text(r, v, out) && sf_append(r, out, "", 0);
		case SF_V_STR:
			return sf_append(r, out, v.u.str, v.len);
		case SF_V_RANGE:
			return sf_append(r, out, buf, snprintf(buf, sizeof(buf), INT64_FORMAT ".." INT64_FORMAT,
											 v.u.range->from, v.u.range->to));
		case SF_V_LOOP:
			return v.u.loop->table ? sf_append(r, out, "tablerowloop", 12) : sf_append(r, out, "forloop", 7);
		case SF_V_LIST:
		case SF_V_JSON:
			return inspect(r, out, v, 0);
	}
	return true;
}

/* The value as a string; copies only what is not one yet. */
bool
sf_to_string(sf_render *r, sf_value v, sf_value *s)
{
	StringInfoData out;

	if (v.type == SF_V_STR)
	{
		*s = v;
		return true;
	}
	if (v.type == SF_V_NIL)
	{
		*s = sf_str("", 0);
		return true;
	}
	initStringInfo(&out);
	if (!sf_append_string(r, &out, v))
		return false;
	*s = sf_str(out.data, out.len);
	return true;
}

/* True for empty strings, arrays and objects. */
bool
sf_is_empty(sf_value v)
{
	return v.type != SF_V_INT && v.type != SF_V_RANGE && sf_count(v) == 0;
}

/* True for what is empty, nil, false, or a string of white space. */
static bool
is_blank(sf_value v)
{
	int			i;

	if (v.type == SF_V_NIL || (v.type == SF_V_BOOL && !v.u.b))
		return true;
	if (v.type != SF_V_STR)
		return sf_is_empty(v);
	for (i = 0; i < v.len; i++)
		if (!sf_is_space(v.u.str[i]))
			return false;
	return true;
}

/* Element i of an array that is known to have it. */
static sf_value
element(sf_value array, int i)
{
	JsonbValue *found;
	sf_value	v = sf_nil();

	if (array.type == SF_V_LIST)
		return array.u.list->items[i];
	found = getIthJsonbValueFromContainer(array.u.json, i);
	if (found != NULL)
	{
		v = sf_from_jsonb(found);
		pfree(found);
	}
	return v;
}

/*
 * True when two values are the same.  With strict, 1 and 1.0 differ.
 */
static bool
same(sf_value a, sf_value b, bool strict)
{
	if (a.type == SF_V_EMPTY || b.type == SF_V_EMPTY)
		return sf_is_empty(a.type == SF_V_EMPTY ? b : a);
	if (a.type == SF_V_BLANK || b.type == SF_V_BLANK)
		return is_blank(a.type == SF_V_BLANK ? b : a);
	if ((a.type == SF_V_INT || a.type == SF_V_NUM) && (b.type == SF_V_INT || b.type == SF_V_NUM))
	{
		bool		alike = (a.type == SF_V_NUM && sf_is_decimal(a.u.num)) ==
			(b.type == SF_V_NUM && sf_is_decimal(b.u.num));

		return (alike || !strict) && sf_number_compare(a, b) == 0;
	}
	if (sf_is_array(a) && sf_is_array(b) && (a.type == SF_V_LIST || b.type == SF_V_LIST))
	{
		int64		n = sf_count(a);
		int64		i;

		check_stack_depth();
		if (n != sf_count(b))
			return false;
		for (i = 0; i < n; i++)
			if (!same(element(a, i), element(b, i), strict))
				return false;
		return true;
	}
	if (a.type != b.type)
		return false;
	switch (a.type)
	{
		case SF_V_BOOL:
			return a.u.b == b.u.b;
		case SF_V_STR:
			return a.len == b.len && memcmp(a.u.str, b.u.str, a.len) == 0;
		case SF_V_JSON:
			return a.u.json == b.u.json || compareJsonbContainers(a.u.json, b.u.json) == 0;
		case SF_V_RANGE:
			return a.u.range->from == b.u.range->from && a.u.range->to == b.u.range->to;
		case SF_V_LOOP:
			return a.u.loop == b.u.loop;
		default:
			return true;
	}
}

/* Bytes that a comparison may have to look at. */
int64
sf_weight(sf_value v)
{
	int64		bytes = 0;
	int			i;

	switch (v.type)
	{
		case SF_V_STR:
			return v.len;
		case SF_V_JSON:
			/* where its last child ends */
			return getJsonbOffset(v.u.json, JsonContainerSize(v.u.json) * (JsonContainerIsObject(v.u.json) ? 2 : 1));
		case SF_V_LIST:
			for (i = 0; i < v.u.list->count; i++)
				bytes += 16 + (v.u.list->items[i].type == SF_V_LIST ? 0 : sf_weight(v.u.list->items[i]));
			return bytes;
		default:
			return 0;
	}
}

/* True when two values are equal, 1 and 1.0 included. */
bool
sf_equal(sf_value a, sf_value b)
{
	return same(a, b, false);
}

/* == of the language: sf_equal, charged. */
bool
sf_test_equal(sf_render *r, sf_value a, sf_value b, bool *equal)
{
	*equal = sf_equal(a, b);
	if (a.type < SF_V_STR || b.type < SF_V_STR)
		return true;
	return sf_charge_bytes(r, Min(sf_weight(a), sf_weight(b)));
}

/* Equality that tells 1 from 1.0: uniq. */
bool
sf_identical(sf_value a, sf_value b)
{
	return same(a, b, true);
}
