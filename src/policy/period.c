/*-------------------------------------------------------------------------
 *
 * period.c
 *		Calendar days, weeks and months of a time zone, as instants.
 *
 * A day begins at the first instant whose wall clock is at or past midnight of
 * that day.  Where clocks are put forward over midnight that is the moment of
 * the change; where they are put back over it, midnight's first occurrence.
 * So a day has 23, 24, 25 or some other number of hours, and days neither
 * overlap nor leave gaps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "policy/period.h"
#include "utils/datetime.h"

#define DAY_US USECS_PER_DAY

/*
 * Wall clock of a zone at an instant, as microseconds of the same scale.
 */
static int64
wall(TimestampTz t, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(t, &tz, &tm, &fsec, NULL, zone) != 0)
		return t;				/* out of range: nobody lives then */
	return t - tz * USECS_PER_SEC;
}

/*
 * First instant whose wall clock is at least local.  Its offset is that of the
 * day before or that of the day after, or a change lies between the two.
 */
static TimestampTz
first_instant(int64 local, pg_tz *zone)
{
	TimestampTz a = local - (wall(local - DAY_US, zone) - (local - DAY_US));
	TimestampTz b = local - (wall(local + DAY_US, zone) - (local + DAY_US));
	TimestampTz low = Min(a, b);
	TimestampTz high = Max(a, b);

	if (wall(low, zone) >= local)
		return low;
	/* put forward over it: the change is between low and high */
	while (high - low > 1)
	{
		TimestampTz middle = low + (high - low) / 2;

		if (wall(middle, zone) >= local)
			high = middle;
		else
			low = middle;
	}
	return high;
}

void
sf_period_bounds(sf_period period, pg_tz *zone, TimestampTz t, TimestampTz *start, TimestampTz *end)
{
	int64		local = wall(t, zone);
	int			first;			/* Julian days */
	int			next;

	first = (int) (local / DAY_US);
	if (local % DAY_US < 0)
		first--;
	first += POSTGRES_EPOCH_JDATE;
	next = first + 1;
	if (period == SF_WEEK)
	{
		first -= (j2day(first) + 6) % 7;
		next = first + 7;
	}
	else if (period == SF_MONTH)
	{
		int			year;
		int			month;
		int			day;

		j2date(first, &year, &month, &day);
		first = date2j(year, month, 1);
		next = month == 12 ? date2j(year + 1, 1, 1) : date2j(year, month + 1, 1);
	}
	*start = first_instant((int64) (first - POSTGRES_EPOCH_JDATE) * DAY_US, zone);
	*end = first_instant((int64) (next - POSTGRES_EPOCH_JDATE) * DAY_US, zone);
}

/*
 * Zones change by less than a day: Samoa left one out altogether.
 */
int64
sf_period_longest(sf_period period)
{
	return (period == SF_DAY ? 2 : period == SF_WEEK ? 8 : 32) * DAY_US;
}
