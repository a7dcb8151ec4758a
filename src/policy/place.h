/*-------------------------------------------------------------------------
 *
 * place.h
 *		Where the owner of a number may be: zones, countries, states.
 *
 * Plain C.  What is known best decides about the zone:
 *
 *	contact		the zone that somebody gave for the contact
 *	address		country and state of the contact.  A country with several zones
 *				is narrowed down by the number where that is of the same country
 *	prefix		the first digits of the number
 *	country		its calling code
 *
 * Where several zones are left, all of them count (of those that the server knows).  Where none is, nobody knows
 * what time it is there, and no text may go that depends on it.
 *
 * Laws are not narrowed down: those of the address and those of the number's
 * area apply both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PLACE_H
#define SF_PLACE_H

#include "phone/prefix.h"

#define SF_PLACE_MAX_AREAS 6

typedef enum sf_zone_origin
{
	SF_ZONE_UNKNOWN,
	SF_ZONE_CONTACT,
	SF_ZONE_ADDRESS,
	SF_ZONE_PREFIX,
	SF_ZONE_COUNTRY
} sf_zone_origin;

typedef struct sf_area
{
	char		region[3];		/* ISO 3166 */
	char		state[4];		/* "": not known */
} sf_area;

typedef struct sf_place
{
	sf_zone_origin origin;
	int			nzones;
	const char *zone[SF_PREFIX_MAX_ZONES];
	int			nareas;
	sf_area		area[SF_PLACE_MAX_AREAS];
} sf_place;

/*
 * Each argument may be NULL.  The strings of the result are static, but for
 * zone itself.
 */
extern void sf_place_find(const char *e164, const char *zone, const char *region, const char *state, sf_place *place);
extern const char *sf_zone_origin_name(sf_zone_origin origin);

#endif							/* SF_PLACE_H */
