/*-------------------------------------------------------------------------
 *
 * prefix.c
 *		Looks numbers and places up in the generated table.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "phone/prefix.h"
#include "phone/prefix_table.h"

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))
#define MAX_PREFIX 9			/* digits of the longest prefix that fits into 32 bits for sure */

/* The first n digits of a number; 0 when it has not so many. */
static uint32_t
first_digits(const char *e164, int n)
{
	uint32_t	prefix = 0;

	if (*e164++ != '+')
		return 0;
	for (int i = 0; i < n; i++)
	{
		if (e164[i] < '0' || e164[i] > '9')
			return 0;
		prefix = prefix * 10 + (e164[i] - '0');
	}
	return prefix;
}

/*
 * Both tables begin with the prefix and are sorted by it.
 */
static int
find(const void *table, size_t width, int n, uint32_t prefix)
{
	int			low = 0;
	int			high = n - 1;

	while (low <= high)
	{
		int			middle = low + (high - low) / 2;
		uint32_t	at;

		memcpy(&at, (const char *) table + middle * width, sizeof(at));
		if (at == prefix)
			return middle;
		if (at < prefix)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

static int
longest(const void *table, size_t width, int n, const char *e164, int *digits)
{
	for (*digits = MAX_PREFIX; *digits > 0; (*digits)--)
	{
		uint32_t	prefix = first_digits(e164, *digits);
		int			at = prefix == 0 ? -1 : find(table, width, n, prefix);

		if (at >= 0)
			return at;
	}
	return -1;
}

static int
get_list(int at, const char *zones[SF_PREFIX_MAX_ZONES])
{
	int			n = zone_lists[at];

	for (int i = 0; i < n; i++)
		zones[i] = zone_names[zone_lists[at + 1 + i]];
	return n;
}

/* See prefix.h. */
int
sf_prefix_zones(const char *e164, const char *zones[SF_PREFIX_MAX_ZONES], bool *by_country)
{
	int			digits;
	int			at = longest(zone_prefixes, sizeof(zone_prefixes[0]), LENGTH(zone_prefixes), e164, &digits);

	if (at < 0)
		return 0;
	/* no shorter prefix is known: these digits are the country's */
	*by_country = true;
	while (--digits > 0 && *by_country)
		*by_country = find(zone_prefixes, sizeof(zone_prefixes[0]), LENGTH(zone_prefixes),
						   first_digits(e164, digits)) < 0;
	return get_list(zone_prefixes[at].zones, zones);
}

/* See prefix.h. */
const char *
sf_prefix_region(const char *e164, const char **states)
{
	int			digits;
	int			at = longest(region_prefixes, sizeof(region_prefixes[0]), LENGTH(region_prefixes), e164, &digits);

	if (at < 0)
		return NULL;
	*states = region_prefixes[at].states;
	return region_prefixes[at].region;
}

/* See prefix.h. */
int
sf_place_zones(const char *region, const char *state, const char *zones[SF_PREFIX_MAX_ZONES])
{
	int			low = 0;
	int			high = LENGTH(place_zones) - 1;

	while (low <= high)
	{
		int			middle = low + (high - low) / 2;
		int			order = strcmp(place_zones[middle].region, region);

		if (order == 0)
			order = strcmp(place_zones[middle].state, state);
		if (order == 0)
			return get_list(place_zones[middle].zones, zones);
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return 0;
}

/* See prefix.h. */
const char *
sf_prefix_zone(int n)
{
	return n < LENGTH(zone_names) ? zone_names[n] : NULL;
}
