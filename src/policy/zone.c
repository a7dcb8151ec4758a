/*-------------------------------------------------------------------------
 *
 * zone.c
 *		Reads the changes of a zone's clock from PostgreSQL's time zone data.
 *
 * Each zone is read for a stretch of years around the instant in question and
 * kept; an instant outside of it makes it read again.  It is kept under the
 * name that the server gives it: zones may be written in any case.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "policy/zone.h"

#define BEFORE_DAYS 400			/* that a clock is read for, around an instant */
#define AFTER_DAYS 1600
#define NEEDED_DAYS 2			/* that must be left before it, and after it past the horizon */
#define MAX_CHANGES 200

typedef struct zone_entry
{
	char		name[TZ_STRLEN_MAX + 1];	/* hash key */
	sf_zone		zone;
	sf_change	change[MAX_CHANGES];
} zone_entry;

int64
sf_unix_seconds(TimestampTz at)
{
	int64		shifted = at + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	return shifted / USECS_PER_SEC - (shifted % USECS_PER_SEC < 0);
}

TimestampTz
sf_from_unix_seconds(int64 at)
{
	return (at - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) * USECS_PER_SEC;
}

/*
 * Reads a clock; false when the time zone data cannot say.
 */
static bool
read_clock(zone_entry *entry, pg_tz *tz, int64 at)
{
	pg_time_t	t = at - (int64) BEFORE_DAYS * SF_DAY_SECONDS;

	entry->zone.name = entry->name;
	entry->zone.from = t;
	entry->zone.to = at + (int64) AFTER_DAYS * SF_DAY_SECONDS;
	entry->zone.change = entry->change;
	entry->zone.n = 0;
	for (bool first = true;; first = false)
	{
		long		before;
		long		after;
		int			before_dst;
		int			after_dst;
		pg_time_t	boundary;
		int			found = pg_next_dst_boundary(&t, &before, &before_dst, &boundary, &after, &after_dst, tz);

		if (found < 0)
			return false;
		if (first)
			entry->zone.offset = (int32) before;
		if (found == 0 || boundary >= entry->zone.to)
			return true;
		if (after != before)
		{
			if (entry->zone.n == MAX_CHANGES)
			{
				entry->zone.to = boundary;
				return true;
			}
			entry->change[entry->zone.n].at = boundary;
			entry->change[entry->zone.n++].offset = (int32) after;
		}
		t = boundary;
	}
}

/* See zone.h. */
const sf_zone *
sf_zone_clock(const char *name, int64 at)
{
	static HTAB *clocks = NULL;
	char		key[TZ_STRLEN_MAX + 1];
	zone_entry *entry;
	bool		found;
	pg_tz	   *tz;

	if (strlen(name) > TZ_STRLEN_MAX)
		return NULL;
	if (clocks == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(key);
		ctl.entrysize = sizeof(zone_entry);
		ctl.hcxt = TopMemoryContext;
		clocks = hash_create("smsfollow clocks", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	strlcpy(key, name, sizeof(key));
	entry = hash_search(clocks, key, HASH_FIND, NULL);
	if (entry != NULL &&
		at - (int64) NEEDED_DAYS * SF_DAY_SECONDS >= entry->zone.from &&
		at + (int64) (SF_WINDOW_HORIZON_DAYS + NEEDED_DAYS) * SF_DAY_SECONDS <= entry->zone.to)
		return &entry->zone;

	tz = pg_tzset(name);
	if (tz == NULL || !pg_tz_acceptable(tz))
		return NULL;
	if (strcmp(key, pg_get_timezone_name(tz)) != 0)
		return sf_zone_clock(pg_get_timezone_name(tz), at);
	entry = hash_search(clocks, key, HASH_ENTER, &found);
	if (!read_clock(entry, tz, at))
	{
		hash_search(clocks, key, HASH_REMOVE, NULL);
		return NULL;
	}
	return &entry->zone;
}
