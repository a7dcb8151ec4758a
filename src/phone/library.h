/*-------------------------------------------------------------------------
 *
 * library.h
 *		libphonenumber as the extension sees it: loaded when first needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PHONE_LIBRARY_H
#define SF_PHONE_LIBRARY_H

#include "postgres.h"

#include "phone/lib/shim.h"

/*
 * Looks a number up; input is in the database's encoding, region two capital
 * letters or NULL.  Returns VALID, INVALID or UNPARSEABLE in out->status and
 * raises an error for anything else.  When the module is not installed:
 * false, or an error with a hint if required.
 */
extern bool sf_phone_lookup(const char *input, size_t len, const char *region,
							bool required, sf_lib_number *out);

#endif							/* SF_PHONE_LIBRARY_H */
