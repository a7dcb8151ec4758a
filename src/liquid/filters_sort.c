/*-------------------------------------------------------------------------
 *
 * filters_sort.c
 *		sort and sort_natural.  Both keep the order of equal items and put nil
 *		at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"
#include "port/pg_bitutils.h"

typedef struct sort_item
{
	sf_value	key;
	sf_value	item;
	int			at;
} sort_item;

/* qsort_arg passes the flag on: set when two keys have no order. */
typedef struct sort_state
{
	bool		natural;
	bool		failed;
} sort_state;

/* Compares strings without regard to the case of ASCII letters. */
static int
compare_natural(sf_value a, sf_value b)
{
	int			i;

	for (i = 0; i < a.len && i < b.len; i++)
	{
		int			x = pg_ascii_tolower((unsigned char) a.u.str[i]);
		int			y = pg_ascii_tolower((unsigned char) b.u.str[i]);

		if (x != y)
			return x - y;
	}
	return a.len - b.len;
}

static int
compare_items(const void *x, const void *y, void *arg)
{
	const sort_item *a = x;
	const sort_item *b = y;
	sort_state *state = arg;
	bool		a_nil = a->key.type == SF_V_NIL;
	bool		b_nil = b->key.type == SF_V_NIL;
	int			order = 0;

	if (a_nil || b_nil)
		order = (int) a_nil - (int) b_nil;
	else if (state->natural)
		order = compare_natural(a->key, b->key);
	else if (!sf_order(a->key, b->key, &order))
	{
		order = 0;
		if (!sf_equal(a->key, b->key))
			state->failed = true;
	}
	return order != 0 ? order : a->at - b->at;
}

/* True when an item can be asked for a property at all. */
static bool
has_properties(sf_value v)
{
	return v.type == SF_V_STR || v.type == SF_V_INT || v.type == SF_V_JSON || v.type == SF_V_LIST;
}

/* Sorts by the items themselves, or by a property of theirs. */
static bool
sort(sf_render *r, sf_value input, const sf_args *args, bool natural, sf_value *result)
{
	sort_state	state = {.natural = natural};
	const sf_list *list;
	const sf_list *keys;
	sf_list    *sorted;
	sort_item  *items;
	int64		cost = 0;
	int			i;

	if (!sf_items(r, input, &list))
		return false;
	*result = sf_list_value(list);
	keys = list;
	if (list->count > 0 && sf_arg(args, 0).type != SF_V_NIL)
	{
		sf_value	v;

		for (i = 0; i < list->count; i++)
		{
			if (!has_properties(list->items[i]))
			{
				*result = sf_nil();
				return true;
			}
		}
		if (list->count == 1)
			return true;
		if (!sf_filter_map(r, sf_list_value(list), args, &v))
			return false;
		keys = v.u.list;
	}
	items = palloc(sizeof(sort_item) * (list->count + 1));
	for (i = 0; i < list->count; i++)
	{
		items[i].item = list->items[i];
		items[i].key = keys->items[i];
		items[i].at = i;
		if (natural && keys->items[i].type != SF_V_NIL && !sf_to_string(r, keys->items[i], &items[i].key))
			return false;
		cost += 1 + sf_weight(items[i].key) / 64;
	}
	if (!sf_charge(r, cost * (1 + pg_leftmost_one_pos32(list->count + 1)) / 16))
		return false;
	qsort_arg(items, list->count, sizeof(sort_item), compare_items, &state);
	if (state.failed)
		return sf_render_error(r, "values of different types cannot be sorted");
	sorted = sf_list_new(list->count);
	for (i = 0; i < list->count; i++)
		sorted->items[i] = items[i].item;
	*result = sf_list_value(sorted);
	return true;
}

/* sort: property = the item itself */
bool
sf_filter_sort(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sort(r, input, args, false, result);
}

/* sort_natural: property = the item itself; as strings, without case */
bool
sf_filter_sort_natural(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return sort(r, input, args, true, result);
}
