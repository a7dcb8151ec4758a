/*-------------------------------------------------------------------------
 *
 * window.c
 *		When a window is open: now, next, and until when.
 *
 * Between two changes of a zone's clock its offset is fixed, so local time is
 * a matter of an addition.  Around a change backwards there are two readings
 * of the clock for as long as hours repeat, and both must be inside.  So a
 * zone is a sequence of stretches with one or more offsets each, and the next
 * open instant is found by moving on for each offset of each zone until none
 * of them objects: nothing that is skipped can be open, so the first instant
 * to which nobody objects is the first open one.
 *
 * Every step moves on by at least a second and the horizon ends all searches.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/window.h"

#define MAX_OFFSETS 3			/* the clock's own, and those of the changes before and after */
#define NEVER INT64_MAX

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool
is_holiday(const sf_calendar *calendar, int64_t day)
{
	int			low = 0;
	int			high = calendar->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (calendar->day[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low < calendar->n && calendar->day[low] == day;
}

/*
 * One local day of all layers, word by word as needed.
 */
typedef struct local_day
{
	int			n;
	const sf_day *part[2 * SF_WINDOW_MAX_LAYERS];
} local_day;

static void
local_day_init(const sf_window *window, int64_t day, local_day *local)
{
	int			weekday = (int) (((day + 4) % 7 + 7) % 7);	/* 1970-01-01 was a Thursday */

	local->n = 0;
	for (int i = 0; i < window->nlayers; i++)
	{
		const sf_hours *layer = window->layer[i];

		local->part[local->n++] = &layer->week[weekday];
		if (layer->calendar != NULL && is_holiday(layer->calendar, day))
			local->part[local->n++] = &layer->holiday;
	}
}

/*
 * The first minute from this one on that is open, or closed; 1440 when none is.
 */
static int
find_minute(const local_day *local, int minute, bool open)
{
	uint64_t	mask = ~UINT64_C(0) << (minute % 64);

	for (int w = minute / 64; w < SF_DAY_WORDS; w++)
	{
		uint64_t	bits = ~UINT64_C(0);

		for (int i = 0; i < local->n; i++)
			bits &= local->part[i]->word[w];
		if (!open)
			bits = ~bits;
		bits &= mask;
		mask = ~UINT64_C(0);
		if (bits != 0)
		{
			int			found = w * 64;

			while (!(bits & 1))
			{
				bits >>= 1;
				found++;
			}
			return found < SF_DAY_MINUTES ? found : SF_DAY_MINUTES;
		}
	}
	return SF_DAY_MINUTES;
}

/*
 * The first local second at or after this one whose minute is open, or closed;
 * NEVER past the limit.
 */
static int64_t
local_find(const sf_window *window, int64_t local, int64_t limit, bool open)
{
	int64_t		day = floor_div(local, SF_DAY_SECONDS);
	int			minute = (int) ((local - day * SF_DAY_SECONDS) / 60);

	for (; day * SF_DAY_SECONDS <= limit; day++, minute = 0)
	{
		local_day	today;
		int			found;

		local_day_init(window, day, &today);
		found = find_minute(&today, minute, open);
		if (found < SF_DAY_MINUTES)
		{
			int64_t		at = day * SF_DAY_SECONDS + found * 60;

			return at > local ? at : local;
		}
	}
	return NEVER;
}

/* How many changes are at or before this instant. */
static int
changes_before(const sf_zone *zone, int64_t at)
{
	int			low = 0;
	int			high = zone->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (zone->change[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Offset after so many changes. */
static int32_t
offset_after(const sf_zone *zone, int changes)
{
	return changes == 0 ? zone->offset : zone->change[changes - 1].offset;
}

/* See window.h. */
int32_t
sf_zone_offset(const sf_zone *zone, int64_t at)
{
	return offset_after(zone, changes_before(zone, at));
}

/*
 * The readings of the clock that count at an instant, and until when it is
 * these.
 */
static int
readings(const sf_zone *zone, int64_t at, int32_t offset[MAX_OFFSETS], int64_t *until)
{
	int			passed = changes_before(zone, at);
	int			n = 0;

	offset[n++] = offset_after(zone, passed);
	*until = NEVER;
	if (passed > 0)
	{
		int64_t		repeated_until = zone->change[passed - 1].at + offset_after(zone, passed - 1) - offset[0];

		if (at < repeated_until)
		{
			offset[n++] = offset_after(zone, passed - 1);
			*until = repeated_until;
		}
	}
	if (passed < zone->n)
	{
		int64_t		next = zone->change[passed].at;
		int64_t		repeated_from = next - (offset[0] - zone->change[passed].offset);

		if (at >= repeated_from)
			offset[n++] = zone->change[passed].offset;
		else if (repeated_from < next)
			next = repeated_from;
		if (next < *until)
			*until = next;
	}
	return n;
}

/*
 * The first instant at or after this one to which the zone does not object;
 * NEVER past the limit.
 */
static int64_t
zone_next(const sf_window *window, const sf_zone *zone, int64_t at, int64_t limit)
{
	bool		moved = true;

	while (moved && at <= limit)
	{
		int32_t		offset[MAX_OFFSETS];
		int64_t		until;
		int			n = readings(zone, at, offset, &until);

		moved = false;
		for (int i = 0; i < n && !moved; i++)
		{
			int64_t		next = local_find(window, at + offset[i], limit + offset[i], true);

			if (next != NEVER)
				next -= offset[i];
			if (next > until)
				next = until;	/* there the clock changes, look again */
			moved = next > at;
			at = next;
		}
	}
	return at <= limit ? at : NEVER;
}

/* See window.h. */
bool
sf_window_open(const sf_window *window, int64_t at)
{
	for (int i = 0; i < window->nzones; i++)
		if (zone_next(window, window->zone[i], at, at) != at)
			return false;
	return true;
}

/* See window.h. */
bool
sf_window_next(const sf_window *window, int64_t from, int64_t *at)
{
	int64_t		limit = from + (int64_t) SF_WINDOW_HORIZON_DAYS * SF_DAY_SECONDS;
	int64_t		now = from;
	int			agreed = 0;		/* zones in a row that do not object */

	if (window->nlayers == 0)
		agreed = window->nzones;
	for (int i = 0; agreed < window->nzones; i = (i + 1) % window->nzones)
	{
		int64_t		next = zone_next(window, window->zone[i], now, limit);

		if (next == NEVER)
			return false;
		agreed = next == now ? agreed + 1 : 1;
		now = next;
	}
	*at = now;
	return true;
}

/* See window.h. */
int64_t
sf_window_end(const sf_window *window, int64_t at, int64_t limit)
{
	int64_t		end = limit;

	if (window->nlayers == 0)
		return limit;
	for (int i = 0; i < window->nzones; i++)
	{
		const sf_zone *zone = window->zone[i];
		int64_t		now = at;

		while (now < end)
		{
			int32_t		offset[MAX_OFFSETS];
			int64_t		until;
			int			n = readings(zone, now, offset, &until);

			for (int k = 0; k < n; k++)
			{
				int64_t		close = local_find(window, now + offset[k], end + offset[k], false);

				if (close != NEVER && close - offset[k] < until && close - offset[k] < end)
					end = close - offset[k];
			}
			now = until;
		}
	}
	return end;
}
