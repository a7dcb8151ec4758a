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
	{"base64_decode", 0, 0, sf_filter_base64_decode},
	{"base64_encode", 0, 0, sf_filter_base64_encode},
	{"base64_url_safe_decode", 0, 0, sf_filter_base64_url_safe_decode},
	{"base64_url_safe_encode", 0, 0, sf_filter_base64_url_safe_encode},
	{"capitalize", 0, 0, sf_filter_capitalize},
	{"ceil", 0, 0, sf_filter_ceil},
	{"compact", 0, 1, sf_filter_compact},
	{"concat", 1, 1, sf_filter_concat},
	{"date", 1, 1, sf_filter_date},
	{"default", 0, 1, sf_filter_default},
	{"divided_by", 1, 1, sf_filter_divided_by},
	{"downcase", 0, 0, sf_filter_downcase},
	{"escape", 0, 0, sf_filter_escape},
	{"escape_once", 0, 0, sf_filter_escape_once},
	{"find", 1, 2, sf_filter_find},
	{"find_index", 1, 2, sf_filter_find_index},
	{"first", 0, 0, sf_filter_first},
	{"floor", 0, 0, sf_filter_floor},
	{"gsm", 0, 0, sf_filter_gsm},
	{"h", 0, 0, sf_filter_escape},
	{"has", 1, 2, sf_filter_has},
	{"join", 0, 1, sf_filter_join},
	{"last", 0, 0, sf_filter_last},
	{"lstrip", 0, 0, sf_filter_lstrip},
	{"map", 1, 1, sf_filter_map},
	{"minus", 1, 1, sf_filter_minus},
	{"modulo", 1, 1, sf_filter_modulo},
	{"money", 1, 1, sf_filter_money},
	{"newline_to_br", 0, 0, sf_filter_newline_to_br},
	{"phone", 0, 0, sf_filter_phone},
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
	{"segments_max", 1, 2, sf_filter_segments_max},
	{"size", 0, 0, sf_filter_size},
	{"slice", 1, 2, sf_filter_slice},
	{"sort", 0, 1, sf_filter_sort},
	{"sort_natural", 0, 1, sf_filter_sort_natural},
	{"split", 1, 1, sf_filter_split},
	{"squish", 0, 0, sf_filter_squish},
	{"strip", 0, 0, sf_filter_strip},
	{"strip_html", 0, 0, sf_filter_strip_html},
	{"strip_newlines", 0, 0, sf_filter_strip_newlines},
	{"sum", 0, 1, sf_filter_sum},
	{"times", 1, 1, sf_filter_times},
	{"truncate", 0, 2, sf_filter_truncate},
	{"truncatewords", 0, 2, sf_filter_truncatewords},
	{"uniq", 0, 1, sf_filter_uniq},
	{"upcase", 0, 0, sf_filter_upcase},
	{"url_decode", 0, 0, sf_filter_url_decode},
	{"url_encode", 0, 0, sf_filter_url_encode},
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
