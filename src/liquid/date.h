/*-------------------------------------------------------------------------
 *
 * date.h
 *		Dates of the date filter.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LIQUID_DATE_H
#define SF_LIQUID_DATE_H

#include "postgres.h"

#include "pgtime.h"

extern const char *const sf_month_names[12];
extern const char *const sf_day_names[7];	/* Sunday first */

extern bool sf_read_date(const char *s, int len, pg_tz *zone, pg_time_t now, pg_time_t *t, int *micros);

#endif							/* SF_LIQUID_DATE_H */
