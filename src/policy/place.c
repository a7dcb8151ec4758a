/*-------------------------------------------------------------------------
 *
 * place.c
 *		Finds the place of a contact, see place.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <string.h>

#include "policy/place.h"

/* Adds an area once. */
static void
add_area(sf_place *place, const char *region, const char *state, size_t len)
{
	sf_area		area = {"", ""};

	if (strlen(region) >= sizeof(area.region) || len >= sizeof(area.state))
		return;
	memcpy(area.region, region, strlen(region));
	memcpy(area.state, state, len);
	for (int i = 0; i < place->nareas; i++)
		if (strcmp(place->area[i].region, area.region) == 0 && strcmp(place->area[i].state, area.state) == 0)
			return;
	if (place->nareas < SF_PLACE_MAX_AREAS)
		place->area[place->nareas++] = area;
}

/*
 * The areas of the address and of the number.  A country without state is left
 * out where the other one tells a state of it.
 */
static void
find_areas(const char *e164, const char *region, const char *state, sf_place *place)
{
	const char *states = "";
	const char *of_number = e164 == NULL ? NULL : sf_prefix_region(e164, &states);
	bool		same = of_number != NULL && region != NULL && strcmp(of_number, region) == 0;

	if (region != NULL && (state != NULL || !same || states[0] == '\0'))
		add_area(place, region, state ? state : "", state ? strlen(state) : 0);
	if (of_number == NULL || (same && state != NULL && states[0] == '\0'))
		return;
	do
	{
		size_t		len = strcspn(states, " ");

		add_area(place, of_number, states, len);
		states += len;
	} while (*states++ == ' ');
}

/* Keeps those of the place's zones that are in the list, unless that are none. */
static void
narrow(sf_place *place, const char *const *zones, int n)
{
	int			kept = 0;
	const char *both[SF_PREFIX_MAX_ZONES];

	for (int i = 0; i < place->nzones; i++)
		for (int k = 0; k < n; k++)
			if (place->zone[i] == zones[k])	/* all of one table */
			{
				both[kept++] = zones[k];
				break;
			}
	if (kept == 0)
		return;
	memcpy(place->zone, both, kept * sizeof(both[0]));
	place->nzones = kept;
}

/* See place.h. */
void
sf_place_find(const char *e164, const char *zone, const char *region, const char *state, sf_place *place)
{
	const char *of_number[SF_PREFIX_MAX_ZONES];
	bool		by_country = false;
	int			n;

	place->origin = SF_ZONE_UNKNOWN;
	place->nzones = 0;
	place->nareas = 0;
	find_areas(e164, region, state, place);
	if (zone != NULL)
	{
		place->origin = SF_ZONE_CONTACT;
		place->zone[0] = zone;
		place->nzones = 1;
		return;
	}
	n = e164 == NULL ? 0 : sf_prefix_zones(e164, of_number, &by_country);
	if (region != NULL)
	{
		place->origin = SF_ZONE_ADDRESS;
		if (state != NULL && (place->nzones = sf_place_zones(region, state, place->zone)) > 0)
			return;
		if ((place->nzones = sf_place_zones(region, "", place->zone)) > 0)
		{
			narrow(place, of_number, n);
			return;
		}
	}
	place->origin = n == 0 ? SF_ZONE_UNKNOWN : by_country ? SF_ZONE_COUNTRY : SF_ZONE_PREFIX;
	place->nzones = n;
	memcpy(place->zone, of_number, n * sizeof(of_number[0]));
}

/* See place.h. */
const char *
sf_zone_origin_name(sf_zone_origin origin)
{
	static const char *const names[] = {"unknown", "contact", "address", "prefix", "country"};

	return names[origin];
}
