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

/* date.c: English, which is what dates are read in */
extern bool sf_read_date(const char *s, int len, pg_tz *zone, pg_time_t now, pg_time_t *t, int *micros);

/* date_names.c: in the language of whoever gets the text */
typedef struct sf_date_names sf_date_names;

extern const sf_date_names *sf_find_date_names(const char *locale);
extern const char *sf_month_name(const sf_date_names *n, int month, bool brief, int *len);
extern const char *sf_day_name(const sf_date_names *n, int day, bool brief, int *len);
extern const char *sf_date_format(const char *locale);

#endif							/* SF_LIQUID_DATE_H */
