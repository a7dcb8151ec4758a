/*-------------------------------------------------------------------------
 *
 * domain.h
 *		Is this the name of a site, written without http://?
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_DOMAIN_H
#define SF_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

/* host: letters, digits, hyphens and dots as they stand in the text, UTF-8. */
extern bool sf_is_bare_domain(const char *host, size_t len);

#endif							/* SF_DOMAIN_H */
