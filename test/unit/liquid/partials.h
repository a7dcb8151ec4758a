/*-------------------------------------------------------------------------
 *
 * partials.h
 *		The partials of the tests: texts among the variables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEST_PARTIALS_H
#define SF_TEST_PARTIALS_H

#include "liquid/liquid.h"

/* The template under a name of the variables (arg); NULL: there is none. */
static const sf_template *
find_partial(void *arg, const char *name, sf_liquid_error *error)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&((Jsonb *) arg)->root, name, strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return sf_liquid_parse(CurrentMemoryContext, v.val.string.val, v.val.string.len, error);
}

#endif							/* SF_TEST_PARTIALS_H */
