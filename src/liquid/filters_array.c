/*-------------------------------------------------------------------------
 *
 * filters_array.c
 *		Filters that make, search and pick from arrays, and default.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"

/* default: value = '', allow_false: whether false is kept */
bool
sf_filter_default(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	bool		absent = args->allow_false ? input.type == SF_V_NIL : !sf_is_truthy(input);

	if (!absent && !sf_is_empty(input))
		*result = input;
	else
		*result = args->count > 0 ? args->values[0] : sf_str("", 0);
	return true;
}

/* Number of characters, items or pairs; 0 for what has none. */
bool
sf_filter_size(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	*result = sf_int(Max(sf_count(input), 0));
	return true;
}

bool
sf_filter_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_first(r, input, result);
}

bool
sf_filter_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sf_last(r, input, result);
}

/* join: separator = ' ' */
bool
sf_filter_join(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	separator = sf_str(" ", 1);
	const sf_list *list;
	StringInfoData out;
	int			i;

	if ((args->count > 0 && !sf_to_string(r, args->values[0], &separator)) ||
		!sf_items(r, input, &list))
		return false;
	initStringInfo(&out);
	for (i = 0; i < list->count; i++)
	{
		if ((i > 0 && !sf_append(r, &out, separator.u.str, separator.len)) ||
			!sf_append_string(r, &out, list->items[i]))
			return false;
	}
	*result = sf_str(out.data, out.len);
	return true;
}

bool
sf_filter_reverse(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	sf_list    *reversed;
	int			i;

	if (!sf_items(r, input, &list))
		return false;
	reversed = sf_list_new(list->count);
	for (i = 0; i < list->count; i++)
		reversed->items[list->count - 1 - i] = list->items[i];
	*result = sf_list_value(reversed);
	return true;
}

/* concat: array */
bool
sf_filter_concat(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *a;
	const sf_list *b;
	sf_list    *both;

	if (!sf_is_array(args->values[0]))
		return sf_render_error(r, "concat expects an array");
	if (!sf_items(r, input, &a) || !sf_to_list(r, args->values[0], &b) ||
		!sf_charge(r, (a->count + b->count) / 16))
		return false;
	both = sf_list_new(a->count + b->count);
	memcpy(both->items, a->items, a->count * sizeof(sf_value));
	memcpy(both->items + a->count, b->items, b->count * sizeof(sf_value));
	*result = sf_list_value(both);
	return true;
}

typedef enum property_result
{
	PROPERTY_OK,
	PROPERTY_NONE,				/* the item is no collection at all */
	PROPERTY_ERROR				/* it cannot be asked for such a property; the error is filled */
} property_result;

/* Says that a property cannot be had. */
static property_result
no_property(sf_render *r, sf_value property)
{
	sf_value	s;

	if (sf_to_string(r, property, &s))
		sf_render_error(r, "an item has no property \"%.*s\"", sf_clip(s.u.str, s.len, 60), s.u.str);
	return PROPERTY_ERROR;
}

/*
 * What item[property] is: of an object a value, of a string the part of it
 * that was asked for, of an integer a bit.
 */
static property_result
get_property(sf_render *r, sf_value item, sf_value property, sf_value *v)
{
	*v = sf_nil();
	if (sf_is_object(item))
	{
		if (property.type == SF_V_STR)
			(void) sf_json_key(item.u.json, property.u.str, property.len, v);
		return PROPERTY_OK;
	}
	if (item.type == SF_V_STR)
	{
		if (!sf_charge_bytes(r, item.len))
			return PROPERTY_ERROR;
		if (property.type == SF_V_NIL)
			property = sf_str("", 0);
		if (property.type == SF_V_STR)
		{
			if (sf_find_bytes(item.u.str, item.len, property.u.str, property.len) >= 0)
				*v = property;
			return PROPERTY_OK;
		}
		if (property.type == SF_V_INT)
		{
			int64		i = property.u.i < 0 ? property.u.i + sf_chars(item.u.str, item.len) : property.u.i;
			int			at = i < 0 ? item.len : sf_char_offset(item.u.str, item.len, i);

			if (at < item.len)
				*v = sf_str(item.u.str + at, sf_char_len(item.u.str + at, item.u.str + item.len));
			return PROPERTY_OK;
		}
		return no_property(r, property);
	}
	if (item.type == SF_V_INT)
	{
		if (property.type != SF_V_INT)
			return no_property(r, property);
		*v = sf_int(property.u.i < 0 ? 0 : (item.u.i >> Min(property.u.i, 63)) & 1);
		return PROPERTY_OK;
	}
	return PROPERTY_NONE;
}

/* The properties of all items; *none: one of them can have none. */
static bool
get_properties(sf_render *r, const sf_list *list, sf_value property, sf_list **values, bool *none)
{
	int			i;

	*none = false;
	*values = sf_list_new(list->count);
	for (i = 0; i < list->count; i++)
	{
		switch (get_property(r, list->items[i], property, &(*values)->items[i]))
		{
			case PROPERTY_OK:
				break;
			case PROPERTY_NONE:
				*none = true;
				break;
			case PROPERTY_ERROR:
				return false;
		}
	}
	return true;
}

/* map: property */
bool
sf_filter_map(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	sf_list    *values;
	bool		none;

	if (!sf_items(r, input, &list) || !get_properties(r, list, args->values[0], &values, &none))
		return false;
	*result = sf_list_value(values);
	return true;
}

/* sum: property = the item itself */
bool
sf_filter_sum(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	sf_list    *values;
	bool		none;
	int			i;

	*result = sf_int(0);
	if (!sf_items(r, input, &list))
		return false;
	if (sf_arg(args, 0).type != SF_V_NIL)
	{
		if (!get_properties(r, list, args->values[0], &values, &none) ||
			!sf_items(r, sf_list_value(values), &list))
			return false;
	}
	for (i = 0; i < list->count; i++)
		if (!sf_arithmetic(r, '+', *result, sf_to_number(list->items[i]), result))
			return false;
	return true;
}

/* compact: property = the item itself; drops what is nil */
bool
sf_filter_compact(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	property = sf_arg(args, 0);
	const sf_list *list;
	sf_list    *kept;
	int			i;

	if (!sf_items(r, input, &list))
		return false;
	kept = sf_list_new(list->count);
	kept->count = 0;
	for (i = 0; i < list->count; i++)
	{
		sf_value	v = list->items[i];

		if (property.type != SF_V_NIL)
		{
			property_result found = get_property(r, list->items[i], property, &v);

			if (found == PROPERTY_ERROR)
				return false;
			if (found == PROPERTY_NONE)
			{
				*result = sf_nil();
				return true;
			}
		}
		if (v.type != SF_V_NIL)
			kept->items[kept->count++] = list->items[i];
	}
	*result = sf_list_value(kept);
	return true;
}

/* uniq: property = the item itself; the first of equal ones stays */
bool
sf_filter_uniq(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	property = sf_arg(args, 0);
	const sf_list *list;
	sf_list    *kept;
	sf_list    *keys;
	int			i;
	int			k;

	if (!sf_items(r, input, &list))
		return false;
	*result = sf_list_value(list);
	if (list->count < 2)
		return true;
	kept = sf_list_new(list->count);
	keys = sf_list_new(list->count);
	kept->count = 0;
	for (i = 0; i < list->count; i++)
	{
		sf_value	key = list->items[i];

		if (property.type != SF_V_NIL)
		{
			property_result found = get_property(r, list->items[i], property, &key);

			if (found == PROPERTY_ERROR)
				return false;
			if (found == PROPERTY_NONE)
			{
				*result = sf_nil();
				return true;
			}
		}
		if (!sf_charge(r, (int64) kept->count * (1 + sf_weight(key) / 256) / 16))
			return false;
		for (k = 0; k < kept->count; k++)
			if (sf_identical(keys->items[k], key))
				break;
		if (k == kept->count)
		{
			keys->items[k] = key;
			kept->items[kept->count++] = list->items[i];
		}
	}
	*result = sf_list_value(kept);
	return true;
}

/*
 * Tests items one after the other: whether the property equals the second
 * argument, or is truthy when there is none.  *stop: an item can have no
 * property, then the filter as a whole is nil.
 */
static bool
matches(sf_render *r, sf_value item, const sf_args *args, bool *match, bool *stop)
{
	sf_value	target = sf_arg(args, 1);
	sf_value	v;

	*stop = false;
	switch (get_property(r, item, args->values[0], &v))
	{
		case PROPERTY_ERROR:
			return false;
		case PROPERTY_NONE:
			*stop = true;
			return true;
		case PROPERTY_OK:
			break;
	}
	*match = sf_is_truthy(v);
	return target.type == SF_V_NIL || sf_test_equal(r, v, target, match);
}

/* The items that match, or with reject those that do not. */
static bool
select_items(sf_render *r, sf_value input, const sf_args *args, bool reject, sf_value *result)
{
	const sf_list *list;
	sf_list    *kept;
	int			i;

	if (!sf_items(r, input, &list))
		return false;
	kept = sf_list_new(list->count);
	kept->count = 0;
	for (i = 0; i < list->count; i++)
	{
		bool		match;
		bool		stop;

		if (!matches(r, list->items[i], args, &match, &stop))
			return false;
		if (stop)
		{
			*result = sf_nil();
			return true;
		}
		if (match != reject)
			kept->items[kept->count++] = list->items[i];
	}
	*result = sf_list_value(kept);
	return true;
}

/* where: property, value = any that is truthy */
bool
sf_filter_where(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return select_items(r, input, args, false, result);
}

/* reject: property, value = any that is truthy */
bool
sf_filter_reject(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return select_items(r, input, args, true, result);
}

/* Number of the first item that matches, -1: none, -2: the filter is nil. */
static bool
find_item(sf_render *r, sf_value input, const sf_args *args, const sf_list **list, int *at)
{
	int			i;

	*at = -1;
	if (!sf_items(r, input, list))
		return false;
	for (i = 0; i < (*list)->count; i++)
	{
		bool		match;
		bool		stop;

		if (!matches(r, (*list)->items[i], args, &match, &stop))
			return false;
		if (stop || match)
		{
			*at = stop ? -2 : i;
			return true;
		}
	}
	return true;
}

/* find: property, value = any that is truthy */
bool
sf_filter_find(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	int			at;

	if (!find_item(r, input, args, &list, &at))
		return false;
	*result = at >= 0 ? list->items[at] : sf_nil();
	return true;
}

/* find_index: property, value = any that is truthy */
bool
sf_filter_find_index(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	int			at;

	if (!find_item(r, input, args, &list, &at))
		return false;
	*result = at >= 0 ? sf_int(at) : sf_nil();
	return true;
}

/* has: property, value = any that is truthy */
bool
sf_filter_has(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	const sf_list *list;
	int			at;

	if (!find_item(r, input, args, &list, &at))
		return false;
	*result = at == -2 ? sf_nil() : sf_bool(at >= 0);
	return true;
}
