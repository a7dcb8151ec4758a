/*-------------------------------------------------------------------------
 *
 * place_test.c
 *		Zones, countries and states of numbers and addresses.
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/place.h"

static int	tests = 0;
static int	failed = 0;

static void
ok(bool passed, const char *name, const char *got)
{
	printf("%sok %d - %s%s%s\n", passed ? "" : "not ", ++tests, name, passed ? "" : ": ", passed ? "" : got);
	failed += !passed;
}

/* zones: "origin zone zone", or "origin number" of them; areas: "US/FL CA/" */
static void
place_is(const char *e164, const char *zone, const char *region, const char *state, const char *zones, const char *areas)
{
	sf_place	place;
	char		got[4000];
	char		name[200];
	int			at;

	snprintf(name, sizeof(name), "%s %s %s-%s", e164 ? e164 : "", zone ? zone : "", region ? region : "", state ? state : "");
	sf_place_find(e164, zone, region, state, &place);
	at = sprintf(got, "%s", sf_zone_origin_name(place.origin));
	if (place.nzones > 3)
		sprintf(got + at, " %d", place.nzones);
	else
		for (int i = 0; i < place.nzones; i++)
			at += sprintf(got + at, " %s", place.zone[i]);
	ok(strcmp(got, zones) == 0, name, got);
	got[at = 0] = '\0';
	for (int i = 0; i < place.nareas; i++)
		at += sprintf(got + at, "%s%s/%s", i > 0 ? " " : "", place.area[i].region, place.area[i].state);
	ok(strcmp(got, areas) == 0, name, got);
}

int
main(void)
{
	int			zones = 0;
	int			absent = 0;
	const char *zone;

	/* one zone by prefix */
	place_is("+12125550100", NULL, NULL, NULL, "prefix America/New_York", "US/NY");
	place_is("+33612345678", NULL, NULL, NULL, "country Europe/Paris", "FR/");
	place_is("+919812345678", NULL, NULL, NULL, "country Asia/Kolkata", "IN/");
	place_is("+9779812345678", NULL, NULL, NULL, "country Asia/Kathmandu", "NP/");
	place_is("+2726123456", NULL, NULL, NULL, "country Africa/Johannesburg", "ZA/");
	place_is("+447700900123", NULL, NULL, NULL, "country 4", "GB/");
	/* area codes in two zones, whatever the exchange */
	place_is("+18502010100", NULL, NULL, NULL, "prefix America/Chicago America/New_York", "US/FL");
	place_is("+12085550100", NULL, NULL, NULL, "prefix America/Boise America/Denver America/Los_Angeles", "US/ID");
	place_is("+18675550100", NULL, NULL, NULL, "prefix 5", "CA/NT CA/NU CA/YT");
	/* +1 alone */
	place_is("+18005550100", NULL, NULL, NULL, "country 42", "US/");
	place_is("+17105550100", NULL, NULL, NULL, "country 42", "US/");
	/* mobile numbers that are not tied to a place */
	place_is("+61412345678", NULL, NULL, NULL, "country 8", "AU/");
	place_is("+79161234567", NULL, NULL, NULL, "country 16", "RU/");
	/* calling codes that several countries share */
	place_is("+77011234567", NULL, NULL, NULL, "prefix Asia/Almaty Asia/Aqtobe", "KZ/");
	place_is("+12425550100", NULL, NULL, NULL, "prefix America/Nassau", "BS/");
	place_is("+17875550100", NULL, NULL, NULL, "prefix America/Puerto_Rico", "PR/");
	place_is("+14165550100", NULL, NULL, NULL, "prefix America/Toronto", "CA/ON");
	/* of no country */
	place_is("+80012345678", NULL, NULL, NULL, "unknown", "");
	place_is("+99912345678", NULL, NULL, NULL, "unknown", "");
	place_is(NULL, NULL, NULL, NULL, "unknown", "");
	/* the contact's own zone wins */
	place_is("+12125550100", "Asia/Tokyo", "US", "FL", "contact Asia/Tokyo", "US/FL US/NY");
	/* the address: state, country, country narrowed down by the number */
	place_is("+12125550100", NULL, "US", "FL", "address America/Chicago America/New_York", "US/FL US/NY");
	place_is("+12125550100", NULL, "US", "NY", "address America/New_York", "US/NY");
	place_is("+12125550100", NULL, "US", NULL, "address America/New_York", "US/NY");
	place_is("+18005550100", NULL, "US", "HI", "address Pacific/Honolulu", "US/HI");
	place_is("+12125550100", NULL, "FR", NULL, "address Europe/Paris", "FR/ US/NY");
	place_is("+61412345678", NULL, "AU", NULL, "address 6", "AU/");
	place_is("+447700900123", NULL, "GB", NULL, "address Europe/London", "GB/");
	place_is("+447700900123", NULL, "XX", NULL, "country 4", "XX/ GB/");
	place_is("+447700900123", NULL, "GB", "ENG", "address Europe/London", "GB/ENG");
	place_is(NULL, NULL, "DE", NULL, "address Europe/Berlin Europe/Busingen", "DE/");

	/* all names are names of today */
	for (; (zone = sf_prefix_zone(zones)) != NULL; zones++)
	{
		char		path[200];

		snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
		if (access("/usr/share/zoneinfo/zone.tab", R_OK) == 0 && access(path, R_OK) != 0)
			absent++;
	}
	/* but for one or two that are newer than this machine's data */
	ok(zones > 280 && absent <= 2, "every zone exists", "some do not");

	/* every start of a number has an answer, and never too many zones */
	for (int n = 10000; n < 100000; n++)
	{
		sf_place	place;
		char		e164[20];

		sprintf(e164, "+%d12345", n);
		sf_place_find(e164, NULL, NULL, NULL, &place);
		if ((place.nzones == 0) != (place.origin == SF_ZONE_UNKNOWN) || (place.nzones > 0) != (place.nareas > 0))
		{
			ok(false, "zones and country go together", e164);
			break;
		}
	}
	printf("1..%d\n", tests);
	return failed != 0;
}
