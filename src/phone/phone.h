/*-------------------------------------------------------------------------
 *
 * phone.h
 *		E.164 numbers, strictly, in plain C.
 *
 * Form: '+', a digit 1-9, then 6 to 14 more digits (ITU-T E.164: at most 15
 * digits).  Blanks, dots, hyphens and parentheses are taken out of input that
 * starts with '+'; anything else needs libphonenumber and a region.  A zero
 * after the country code is refused unless the country's numbers have one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PHONE_H
#define SF_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#define SF_PHONE_SIZE 17		/* '+', 15 digits, NUL */

/* False, and a static text in *why, when in is not an international number. */
extern bool sf_phone_e164(const char *in, size_t len, char out[SF_PHONE_SIZE], const char **why);
/* Writes +1415*****00: up to four leading and the last two digits stay; *** for what is not E.164. */
extern void sf_phone_mask(const char *e164, char out[SF_PHONE_SIZE]);

#endif							/* SF_PHONE_H */
