/*-------------------------------------------------------------------------
 *
 * filters.h
 *		The functions behind the table of filters.c.
 *
 * A filter gets as many arguments as its entry in the table allows; nothing
 * is said here about each, see the comment above its function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LIQUID_FILTERS_H
#define SF_LIQUID_FILTERS_H

#include "liquid/internal.h"

/* Argument i, or nil when it was not given. */
static inline sf_value
sf_arg(const sf_args *args, int i)
{
	return i < args->count ? args->values[i] : sf_nil();
}

extern bool sf_filter_abs(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_append(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_at_least(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_at_most(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_base64_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_base64_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_base64_url_safe_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_base64_url_safe_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_capitalize(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_ceil(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_compact(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_concat(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_date(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_default(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_divided_by(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_downcase(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_escape(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_escape_once(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_find(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_find_index(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_floor(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_gsm(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_has(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_join(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_lstrip(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_map(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_minus(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_modulo(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_money(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_newline_to_br(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_phone(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_plus(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_prepend(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_reject(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_remove(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_remove_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_remove_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_replace(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_replace_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_replace_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_reverse(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_round(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_rstrip(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_segments_max(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_size(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_slice(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_sort(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_sort_natural(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_split(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_squish(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_strip(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_strip_html(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_strip_newlines(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_sum(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_times(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_truncate(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_truncatewords(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_uniq(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_upcase(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_url_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_url_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result);
extern bool sf_filter_where(sf_render *r, sf_value input, const sf_args *args, sf_value *result);

#endif							/* SF_LIQUID_FILTERS_H */
