/*-------------------------------------------------------------------------
 *
 * prefix.h
 *		What the first digits of a number tell: zones, country, state.
 *
 * Plain C over a generated table (prefix_table.h).  Numbers are E.164.  All
 * strings are static.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PREFIX_H
#define SF_PREFIX_H

#include <stdbool.h>

#define SF_PREFIX_MAX_ZONES 64

/*
 * Zones in which a number may be, by the longest prefix that is known; returns
 * how many, 0 for a number of no country.  *by_country: no more than the
 * country told.
 */
extern int	sf_prefix_zones(const char *e164, const char *zones[SF_PREFIX_MAX_ZONES], bool *by_country);

/*
 * ISO 3166 country of a number, and its states or provinces: codes of two
 * letters separated by blanks, or "".  NULL when it belongs to no country.
 */
extern const char *sf_prefix_region(const char *e164, const char **states);

/* Zones of a country (state "") or of a state of the US or Canada; 0 when it is not known. */
extern int	sf_place_zones(const char *region, const char *state, const char *zones[SF_PREFIX_MAX_ZONES]);

/* The n-th zone of the table; NULL past the last. */
extern const char *sf_prefix_zone(int n);

#endif							/* SF_PREFIX_H */
