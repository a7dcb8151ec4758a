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
/*
 * Writes a number as people of the region do.  False when it is none of that
 * region, or the module is not installed.
 */
#define SF_WRITTEN_SIZE 32
extern bool sf_phone_written(const char *e164, const char *region, char out[SF_WRITTEN_SIZE]);

#endif							/* SF_PHONE_LIBRARY_H */
