/*-------------------------------------------------------------------------
 *
 * list.c
 *		Arrays: what can be iterated, and how.
 *
 * A loop sees an object as pairs and an array as it is; a filter sees an
 * object as one item and an array with its nested arrays unfolded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"

typedef struct builder
{
	sf_list    *list;
	int			size;
} builder;

/* Room for count items; count is set. */
sf_list *
sf_list_new(int count)
{
	sf_list    *list = palloc(offsetof(sf_list, items) + sizeof(sf_value) * Max(count, 1));

	list->count = count;
	return list;
}

/* Appends one item. */
static void
push(builder *b, sf_value v)
{
	if (b->list == NULL)
	{
		b->size = 8;
		b->list = sf_list_new(b->size);
		b->list->count = 0;
	}
	else if (b->list->count == b->size)
	{
		b->size *= 2;
		b->list = repalloc(b->list, offsetof(sf_list, items) + sizeof(sf_value) * b->size);
	}
	b->list->items[b->list->count++] = v;
}

/* [key, value] */
static sf_value
make_pair(JsonbValue *key, JsonbValue *value)
{
	sf_list    *pair = sf_list_new(2);

	pair->items[0] = sf_from_jsonb(key);
	pair->items[1] = sf_from_jsonb(value);
	return sf_list_value(pair);
}

/* Appends the elements of a jsonb array, or the pairs of an object. */
static void
push_container(builder *b, JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbValue	v;
	JsonbValue	key = {0};
	JsonbIteratorToken token = JsonbIteratorNext(&it, &v, true);

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			push(b, sf_from_jsonb(&v));
		else if (token == WJB_KEY)
			key = v;
		else if (token == WJB_VALUE)
			push(b, make_pair(&key, &v));
	}
}

/* The list built, or an empty one. */
static const sf_list *
built(builder *b)
{
	return b->list != NULL ? b->list : sf_list_new(0);
}

/* A range item by item; its size is known to be affordable. */
static void
push_range(builder *b, const sf_range *range)
{
	int64		n = range->to < range->from ? 0 : range->to - range->from + 1;
	int64		i;

	for (i = 0; i < n; i++)
		push(b, sf_int(range->from + i));
}

/* What a loop iterates over: nothing for values that are no collection. */
bool
sf_to_list(sf_render *r, sf_value v, const sf_list **list)
{
	builder		b = {0};

	if (v.type == SF_V_LIST)
	{
		*list = v.u.list;
		return true;
	}
	if (v.type == SF_V_JSON || v.type == SF_V_RANGE)
	{
		if (!sf_charge(r, sf_count(v)))
			return false;
		if (v.type == SF_V_JSON)
			push_container(&b, v.u.json);
		else
			push_range(&b, v.u.range);
	}
	else if (v.type == SF_V_STR && v.len > 0)
		push(&b, v);
	*list = built(&b);
	return true;
}

/* Appends the items of an array, and those of arrays in it. */
static bool
flatten(sf_render *r, builder *b, sf_value array, int depth)
{
	const sf_list *list;
	int			i;

	if (depth > SF_MAX_NESTING)
		return sf_render_error(r, "an array is nested more than %d deep", SF_MAX_NESTING);
	if (!sf_to_list(r, array, &list))
		return false;
	for (i = 0; i < list->count; i++)
	{
		if (sf_is_array(list->items[i]))
		{
			if (!flatten(r, b, list->items[i], depth + 1))
				return false;
		}
		else
			push(b, list->items[i]);
	}
	return true;
}

/* What a filter sees of its input. */
bool
sf_items(sf_render *r, sf_value v, const sf_list **list)
{
	builder		b = {0};

	if (sf_is_array(v))
	{
		if (!sf_charge(r, sf_count(v)) || !flatten(r, &b, v, 0))
			return false;
	}
	else if (v.type == SF_V_RANGE)
		return sf_to_list(r, v, list);
	else if (v.type != SF_V_NIL)
		push(&b, v);
	*list = built(&b);
	return true;
}

/* Item i of an array, from the end when negative; nil when there is none. */
bool
sf_index(sf_render *r, sf_value array, int64 i, sf_value *v)
{
	int64		count = sf_count(array);
	JsonbValue *found;

	*v = sf_nil();
	if (i < 0)
		i += count;
	if (i < 0 || i >= count)
		return true;
	if (array.type == SF_V_LIST)
	{
		*v = array.u.list->items[i];
		return true;
	}
	found = getIthJsonbValueFromContainer(array.u.json, i);
	if (found != NULL)
	{
		*v = sf_from_jsonb(found);
		pfree(found);
	}
	return true;
}

/* First item, pair or character; nil when there is none, but of an empty string itself. */
bool
sf_first(sf_render *r, sf_value v, sf_value *item)
{
	*item = sf_nil();
	if (sf_is_array(v))
		return sf_index(r, v, 0, item);
	if (sf_is_object(v) && JsonContainerSize(v.u.json) > 0)
	{
		JsonbIterator *it = JsonbIteratorInit(v.u.json);
		JsonbValue	key;
		JsonbValue	value;

		(void) JsonbIteratorNext(&it, &key, true);
		(void) JsonbIteratorNext(&it, &key, true);
		(void) JsonbIteratorNext(&it, &value, true);
		*item = make_pair(&key, &value);
	}
	else if (v.type == SF_V_RANGE)
		*item = sf_int(v.u.range->from);
	else if (v.type == SF_V_STR)
		*item = sf_str(v.u.str, v.len > 0 ? sf_char_len(v.u.str, v.u.str + v.len) : 0);
	return true;
}

/* Last item or character, see sf_first; an object has none. */
bool
sf_last(sf_render *r, sf_value v, sf_value *item)
{
	*item = sf_nil();
	if (sf_is_array(v))
		return sf_index(r, v, -1, item);
	if (v.type == SF_V_RANGE)
		*item = sf_int(v.u.range->to);
	else if (v.type == SF_V_STR)
	{
		int			start = sf_char_offset(v.u.str, v.len, sf_chars(v.u.str, v.len) - 1);

		*item = sf_str(v.u.str + start, v.len - start);
	}
	return true;
}
