/*-------------------------------------------------------------------------
 *
 * filters.c
 *		The table of filters.  A new filter is a function and one line here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"

/* name, fewest and most arguments */
static const sf_filter filters[] = {
	{"abs", 0, 0, sf_filter_abs},
	{"append", 1, 1, sf_filter_append},
	{"at_least", 1, 1, sf_filter_at_least},
	{"at_most", 1, 1, sf_filter_at_most},
	{"capitalize", 0, 0, sf_filter_capitalize},
	{"ceil", 0, 0, sf_filter_ceil},
	{"compact", 0, 1, sf_filter_compact},
	{"concat", 1, 1, sf_filter_concat},
	{"default", 0, 1, sf_filter_default},
	{"divided_by", 1, 1, sf_filter_divided_by},
	{"downcase", 0, 0, sf_filter_downcase},
	{"find", 1, 2, sf_filter_find},
	{"find_index", 1, 2, sf_filter_find_index},
	{"first", 0, 0, sf_filter_first},
	{"floor", 0, 0, sf_filter_floor},
	{"has", 1, 2, sf_filter_has},
	{"join", 0, 1, sf_filter_join},
	{"last", 0, 0, sf_filter_last},
	{"lstrip", 0, 0, sf_filter_lstrip},
	{"map", 1, 1, sf_filter_map},
	{"minus", 1, 1, sf_filter_minus},
	{"modulo", 1, 1, sf_filter_modulo},
	{"newline_to_br", 0, 0, sf_filter_newline_to_br},
	{"plus", 1, 1, sf_filter_plus},
	{"prepend", 1, 1, sf_filter_prepend},
	{"reject", 1, 2, sf_filter_reject},
	{"remove", 1, 1, sf_filter_remove},
	{"remove_first", 1, 1, sf_filter_remove_first},
	{"remove_last", 1, 1, sf_filter_remove_last},
	{"replace", 1, 2, sf_filter_replace},
	{"replace_first", 1, 2, sf_filter_replace_first},
	{"replace_last", 2, 2, sf_filter_replace_last},
	{"reverse", 0, 0, sf_filter_reverse},
	{"round", 0, 1, sf_filter_round},
	{"rstrip", 0, 0, sf_filter_rstrip},
	{"size", 0, 0, sf_filter_size},
	{"slice", 1, 2, sf_filter_slice},
	{"sort", 0, 1, sf_filter_sort},
	{"sort_natural", 0, 1, sf_filter_sort_natural},
	{"split", 1, 1, sf_filter_split},
	{"strip", 0, 0, sf_filter_strip},
	{"strip_newlines", 0, 0, sf_filter_strip_newlines},
	{"sum", 0, 1, sf_filter_sum},
	{"times", 1, 1, sf_filter_times},
	{"truncate", 0, 2, sf_filter_truncate},
	{"truncatewords", 0, 2, sf_filter_truncatewords},
	{"uniq", 0, 1, sf_filter_uniq},
	{"upcase", 0, 0, sf_filter_upcase},
	{"where", 1, 2, sf_filter_where}
};

/* The filter of a name, or NULL. */
const sf_filter *
sf_find_filter(const char *name, int len)
{
	int			i;

	for (i = 0; i < lengthof(filters); i++)
		if (strlen(filters[i].name) == len && memcmp(filters[i].name, name, len) == 0)
			return &filters[i];
	return NULL;
}
