/*-------------------------------------------------------------------------
 *
 * cache.h
 *		Parsed templates of a backend, found by their text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LIQUID_CACHE_H
#define SF_LIQUID_CACHE_H

#include "liquid/liquid.h"

extern const sf_template *sf_cached_template(const char *text, int len, sf_liquid_error *error);
extern sf_liquid_result sf_cached_render(const sf_template *t, Jsonb *vars, const sf_liquid_options *options,
										 StringInfo out, sf_liquid_error *error);

#endif							/* SF_LIQUID_CACHE_H */
