/*-------------------------------------------------------------------------
 *
 * window.h
 *		Hours in which a text may go, in the recipient's local time.
 *
 * Plain C without PostgreSQL: everything here is arithmetic on tables that
 * the caller filled.  Instants are seconds since 1970 in UTC, days are days
 * since 1970-01-01, local time is an instant plus an offset.
 *
 * A layer (sf_hours) is one rule: a set of minutes for each weekday, and one
 * for holidays.  A window (sf_window) is several layers and the zones in which
 * the recipient may be: an instant is open when the local time in every zone
 * is inside every layer.
 *
 * Changes of the clock, for each zone:
 *	gap		hours that are skipped do not exist; a start inside the gap becomes
 *			the instant of the change
 *	overlap	hours that come twice are open only when the instant is inside by
 *			both readings of the clock, the one before and the one after: a
 *			start in them opens late, an end in them closes early
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_WINDOW_H
#define SF_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_DAY_SECONDS 86400
#define SF_DAY_MINUTES 1440
#define SF_DAY_WORDS 23			/* of 64 minutes */
#define SF_HOURS_MAX_TEXT 1000	/* bytes of a specification */
#define SF_HOURS_MAX_INTERVALS 12	/* a day */
#define SF_WINDOW_MAX_LAYERS 24
#define SF_WINDOW_MAX_ZONES 64
#define SF_WINDOW_HORIZON_DAYS 400	/* beyond that, never */

/* One day's minutes; bits past minute 1439 are never set. */
typedef struct sf_day
{
	uint64_t	word[SF_DAY_WORDS];
} sf_day;

/* Holidays in ascending order. */
typedef struct sf_calendar
{
	int			n;
	const int32_t *day;
} sf_calendar;

/* One layer. */
typedef struct sf_hours
{
	sf_day		week[7];		/* 0: Sunday */
	sf_day		holiday;		/* a holiday is open when its weekday is and this is */
	const sf_calendar *calendar;	/* NULL: no day is a holiday */
} sf_hours;

typedef struct sf_change
{
	int64_t		at;
	int32_t		offset;			/* seconds east of Greenwich from then on */
} sf_change;

/* A zone's clock; true between from and to, outside of which the caller must not ask. */
typedef struct sf_zone
{
	const char *name;
	int64_t		from;
	int64_t		to;
	int32_t		offset;			/* before the first change */
	int			n;
	const sf_change *change;	/* in ascending order */
} sf_zone;

typedef struct sf_window
{
	int			nlayers;		/* none: always open */
	const sf_hours *layer[SF_WINDOW_MAX_LAYERS];
	int			nzones;			/* at least one where there is a layer */
	const sf_zone *zone[SF_WINDOW_MAX_ZONES];
} sf_window;

/*
 * Reads a specification:
 *
 *	always									08:00-21:00
 *	Mon-Fri 08:00-20:00; Sat 09:00-13:00	Fri,Sat 20:00-02:00; holidays closed
 *	Mon-Sun 08:00-12:00,14:00-20:00; holidays 10:00-12:00
 *
 * Intervals include their start and not their end; one that ends before it
 * starts goes past midnight, into the next day.  Days not named are closed,
 * holidays not named are like other days.  False, and a static text in *why,
 * when it cannot be read, overlaps itself or leaves no minute.  Sets no
 * calendar.
 */
extern bool sf_hours_parse(const char *text, size_t len, sf_hours *hours, const char **why);

/* Moves every end so many minutes earlier, where there is an end. */
extern void sf_hours_shorten(sf_hours *hours, int minutes);

/* Is there a minute of the week that is in all layers?  Holidays apart. */
extern bool sf_hours_common(const sf_hours *const *layer, int n);

/* Is this instant open? */
extern bool sf_window_open(const sf_window *window, int64_t at);

/* The first open instant at or after from; false when there is none within the horizon. */
extern bool sf_window_next(const sf_window *window, int64_t from, int64_t *at);

/* The first instant after at that is not open, limit if it is later; at is open, limit within the horizon. */
extern int64_t sf_window_end(const sf_window *window, int64_t at, int64_t limit);

/* Seconds east of Greenwich at an instant. */
extern int32_t sf_zone_offset(const sf_zone *zone, int64_t at);

#endif							/* SF_WINDOW_H */
