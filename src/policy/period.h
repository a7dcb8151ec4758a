/*-------------------------------------------------------------------------
 *
 * period.h
 *		Calendar days, weeks and months of a time zone, as instants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PERIOD_H
#define SF_PERIOD_H

#include "postgres.h"

#include "pgtime.h"
#include "utils/timestamp.h"

typedef enum sf_period
{
	SF_ROLLING,					/* elapsed time, no calendar */
	SF_DAY,
	SF_WEEK,					/* from Monday */
	SF_MONTH
} sf_period;

/* The calendar period that contains t: [start, end). */
extern void sf_period_bounds(sf_period period, pg_tz *zone, TimestampTz t, TimestampTz *start, TimestampTz *end);

/* The longest that such a period can be, in microseconds. */
extern int64 sf_period_longest(sf_period period);

#endif							/* SF_PERIOD_H */
