/*-------------------------------------------------------------------------
 *
 * window_test.c
 *		The next open instant, against a slow reference.
 *
 * The reference shares no code with the implementation.  It asks the C library
 * for the local time of every minute of more than a year, keeps the rules as
 * intervals it made up itself (the implementation gets them as text), and walks
 * the grid a minute at a time.  An instant whose local time comes twice is read
 * both ways, and both must be inside.
 *
 *	window_test CASES
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/window.h"

#define WEEK 10080
#define GRID_FROM INT64_C(1764547200)	/* 2025-12-01 */
#define GRID_MINUTES (425 * 1440)
#define SEARCH_MINUTES (9 * 1440)
#define GROUP 3					/* zones on the grid at a time */
#define MAX_RULES 3

/* The dates that are worth a look, with the change of 2026 there. */
static const char *const zones[] = {
	"America/New_York", "Europe/London", "Australia/Sydney",
	"America/Santiago", "Africa/Cairo", "Asia/Kathmandu",
	"Pacific/Chatham", "America/St_Johns", "Pacific/Kiritimati",
	"Antarctica/Troll", "America/Phoenix", "America/Boise",
	"America/Los_Angeles", "Australia/Lord_Howe", "Asia/Beirut",
	"America/Havana", "Africa/Casablanca", "Europe/Paris",
	"Asia/Kolkata", "UTC", "America/Sao_Paulo",
	"Pacific/Auckland", "Asia/Jerusalem", "Pacific/Marquesas",
	"America/Chicago", "America/Denver", "Pacific/Honolulu",
	"Europe/Dublin", "Asia/Tehran", "Atlantic/Azores",
};

#define NZONES ((int) (sizeof(zones) / sizeof(zones[0])))

typedef struct grid
{
	int32_t		local[GRID_MINUTES];	/* minutes since 1970, as the clock shows them */
	int32_t		other[GRID_MINUTES];	/* the other reading where the hour comes twice, else the same */
	sf_zone		zone;			/* the same for the implementation */
	sf_change	change[64];
} grid;

/* A rule as the reference knows it. */
typedef struct rule
{
	bool		open[WEEK];		/* minute of the week, Sunday first */
	bool		holiday_open[1440];
	int32_t		holiday[8];		/* days since 1970, ascending */
	int			nholidays;
} rule;

static grid grids[GROUP];
static int	failures = 0;

static uint64_t seed = 20260308;

static int
draw(int n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int) ((seed >> 33) % (uint64_t) n);
}

/* Offset by the C library, seconds east. */
static long
library_offset(int64_t at)
{
	time_t		t = at;
	struct tm	tm;

	localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

static void
fill_grid(grid *g, const char *name)
{
	int64_t		quarter = 15 * 60;

	setenv("TZ", name, 1);
	tzset();
	for (int i = 0; i < GRID_MINUTES; i += 15)
	{
		long		offset = library_offset(GRID_FROM + i * INT64_C(60));

		for (int k = i; k < i + 15; k++)
			g->local[k] = (int32_t) (GRID_FROM / 60 + k + offset / 60);
	}
	memcpy(g->other, g->local, sizeof(g->local));
	for (int i = 0; i < GRID_MINUTES; i++)
		for (int d = 15; d <= 180; d += 15)
		{
			if (i + d < GRID_MINUTES && g->local[i + d] == g->local[i])
				g->other[i] = g->local[i] - d;
			if (i - d >= 0 && g->local[i - d] == g->local[i])
				g->other[i] = g->local[i] + d;
		}

	memset(&g->zone, 0, sizeof(g->zone));
	g->zone.name = name;
	g->zone.from = GRID_FROM;
	g->zone.to = GRID_FROM + INT64_C(1200) * 86400;
	g->zone.offset = (int32_t) library_offset(GRID_FROM);
	g->zone.change = g->change;
	for (int64_t day = GRID_FROM; day < g->zone.to; day += 86400)
		if (library_offset(day) != library_offset(day + 86400))
			for (int64_t at = day; at < day + 86400; at += quarter)
				if (library_offset(at) != library_offset(at + quarter))
				{
					g->change[g->zone.n].at = at + quarter;
					g->change[g->zone.n++].offset = (int32_t) library_offset(at + quarter);
				}
}

static int
by_day(const void *a, const void *b)
{
	return *(const int32_t *) a - *(const int32_t *) b;
}

/*
 * Makes a rule up and writes it as a specification.
 */
static void
make_rule(rule *r, char *spec)
{
	static const char *const names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	bool		taken[WEEK];
	size_t		at = 0;

	memset(r, 0, sizeof(*r));
	memset(r->holiday_open, 1, sizeof(r->holiday_open));
	memset(taken, 0, sizeof(taken));
	for (int day = 0; day < 7; day++)
	{
		int			wanted = draw(5) == 0 ? 0 : 1 + draw(3);
		int			written = 0;

		if (day == 3)
			wanted = 1;			/* one day at least is open */
		for (int i = 0; i < wanted; i++)
		{
			/* often within the hours in which clocks change */
			int			start = draw(3) == 0 ? draw(240) : draw(1440);
			int			length = 1 + (draw(3) == 0 ? draw(90) : draw(900));
			bool		clash = false;
			int			end;

			if (length > 1439)
				length = 1439;
			for (int m = 0; m < length; m++)
				clash |= taken[(day * 1440 + start + m) % WEEK];
			if (clash)
				continue;
			for (int m = 0; m < length; m++)
			{
				taken[(day * 1440 + start + m) % WEEK] = true;
				r->open[(day * 1440 + start + m) % WEEK] = true;
			}
			end = start + length > 1440 ? start + length - 1440 : start + length;
			at += sprintf(spec + at, written++ == 0 ? "%s%s " : ",", at == 0 ? "" : "; ", names[day]);
			at += sprintf(spec + at, "%02d:%02d-%02d:%02d", start / 60, start % 60, end / 60, end % 60);
		}
	}
	r->nholidays = draw(2) == 0 ? 0 : 8;
	for (int i = 0; i < r->nholidays; i++)
		r->holiday[i] = (int32_t) (GRID_FROM / 86400) + draw(400);
	qsort(r->holiday, r->nholidays, sizeof(int32_t), by_day);
	if (draw(2) == 0)
	{
		int			start = draw(1200);
		int			end = start + 1 + draw(1440 - start);

		memset(r->holiday_open, 0, sizeof(r->holiday_open));
		memset(r->holiday_open + start, 1, end - start);
		at += sprintf(spec + at, "; holidays %02d:%02d-%02d:%02d", start / 60, start % 60, end / 60, end % 60);
	}
	else if (draw(2) == 0)
	{
		memset(r->holiday_open, 0, sizeof(r->holiday_open));
		at += sprintf(spec + at, "; holidays closed");
	}
}

/* Is this reading of the clock inside the rule? */
static bool
reference_reading(const rule *r, int32_t local)
{
	int32_t		day = local / 1440;

	/* day 0 was a Thursday; all days here are after it */
	if (!r->open[(local + 4 * 1440) % WEEK])
		return false;
	for (int i = 0; i < r->nholidays; i++)
		if (r->holiday[i] == day)
			return r->holiday_open[local % 1440];
	return true;
}

static bool
reference_open(const rule *rules, int nrules, const int *which, int nwhich, int minute)
{
	for (int z = 0; z < nwhich; z++)
		for (int i = 0; i < nrules; i++)
			if (!reference_reading(&rules[i], grids[which[z]].local[minute]) ||
				(grids[which[z]].other[minute] != grids[which[z]].local[minute] &&
				 !reference_reading(&rules[i], grids[which[z]].other[minute])))
				return false;
	return true;
}

static void
complain(const char *what, const sf_window *w, char spec[][4 * SF_HOURS_MAX_TEXT], int64_t from, int64_t got, int64_t wanted)
{
	if (++failures > 10)
		return;
	printf("# %s: from %lld got %lld wanted %lld", what, (long long) from, (long long) got, (long long) wanted);
	for (int i = 0; i < w->nzones; i++)
		printf(" %s", w->zone[i]->name);
	for (int i = 0; i < w->nlayers; i++)
		printf(" [%s]", spec[i]);
	printf("\n");
}

/*
 * A minute to start from: any, or one near a change of a clock.
 */
static int
draw_minute(const grid *g)
{
	int			minute = draw(365 * 1440) + 20 * 1440;

	if (g->zone.n > 0 && draw(3) > 0)
	{
		int			change = draw(g->zone.n < 3 ? g->zone.n : 3);	/* later ones are past the grid */
		int64_t		at = (g->change[change].at - GRID_FROM) / 60 + draw(4 * 1440) - 3 * 1440;

		if (at >= 1440 && at < 390 * 1440)
			minute = (int) at;
	}
	return minute;
}

static void
run_case(int *closed, int *changed)
{
	static rule rules[MAX_RULES];
	static char spec[MAX_RULES][4 * SF_HOURS_MAX_TEXT];
	static sf_hours hours[MAX_RULES];
	sf_calendar calendar[MAX_RULES];
	int			which[GROUP];
	sf_window	w = {0};
	int			start;
	int64_t		from;
	int64_t		got;
	int64_t		again;
	bool		found;
	int			minute;

	w.nlayers = draw(2) == 0 ? 1 : 1 + draw(MAX_RULES);
	for (int i = 0; i < w.nlayers; i++)
	{
		const char *why;

		make_rule(&rules[i], spec[i]);
		if (!sf_hours_parse(spec[i], strlen(spec[i]), &hours[i], &why))
		{
			printf("# [%s]: %s\n", spec[i], why);
			failures++;
			return;
		}
		calendar[i].n = rules[i].nholidays;
		calendar[i].day = rules[i].holiday;
		hours[i].calendar = rules[i].nholidays > 0 ? &calendar[i] : NULL;
		w.layer[i] = &hours[i];
	}
	w.nzones = draw(3) == 0 ? 1 + draw(GROUP) : 1;
	which[0] = draw(GROUP);
	for (int i = 0; i < w.nzones; i++)
	{
		which[i] = (which[0] + i) % GROUP;
		w.zone[i] = &grids[which[i]].zone;
	}
	start = draw_minute(&grids[which[0]]);
	from = GRID_FROM + start * INT64_C(60) + draw(60);

	found = sf_window_next(&w, from, &got);
	for (minute = start; minute < start + SEARCH_MINUTES; minute++)
		if (reference_open(rules, w.nlayers, which, w.nzones, minute))
			break;
	if (minute == start + SEARCH_MINUTES)
	{
		(*closed)++;
		if (found && got < GRID_FROM + minute * INT64_C(60))
			complain("nothing is open", &w, spec, from, got, 0);
		return;
	}
	{
		int64_t		wanted = minute == start ? from : GRID_FROM + minute * INT64_C(60);

		if (!found || got != wanted)
		{
			complain("next", &w, spec, from, found ? got : 0, wanted);
			return;
		}
	}
	for (int i = 0; i < grids[which[0]].zone.n; i++)
		*changed += grids[which[0]].change[i].at > from - 86400 && grids[which[0]].change[i].at < got + 86400;

	/* idempotent, in the window, and the later one starts the later one arrives */
	if (!sf_window_next(&w, got, &again) || again != got || !sf_window_open(&w, got))
		complain("repeated", &w, spec, got, again, got);
	if (got > from && sf_window_open(&w, got - 1))
		complain("earlier", &w, spec, from, got, got - 1);
	if (!sf_window_next(&w, from + 1 + draw(100000), &again) || again < got)
		complain("monotone", &w, spec, from, again, got);

	/* the end of what is open */
	{
		int64_t		limit = got + 2 * 86400;
		int64_t		end = sf_window_end(&w, got, limit);

		while (GRID_FROM + minute * INT64_C(60) < limit &&
			   reference_open(rules, w.nlayers, which, w.nzones, minute))
			minute++;
		if (end != (GRID_FROM + minute * INT64_C(60) < limit ? GRID_FROM + minute * INT64_C(60) : limit))
			complain("end", &w, spec, got, end, GRID_FROM + minute * INT64_C(60));
	}
}

int
main(int argc, char **argv)
{
	int			cases = argc > 1 ? atoi(argv[1]) : 10000;
	int			closed = 0;
	int			changed = 0;
	int			done = 0;

	for (int group = 0; group < NZONES; group += GROUP)
	{
		for (int i = 0; i < GROUP; i++)
			fill_grid(&grids[i], zones[group + i]);
		for (int i = 0; i < cases / (NZONES / GROUP); i++, done++)
			run_case(&closed, &changed);
	}
	printf("# %d cases in %d zones, %d near a change of the clock, %d without an open minute\n",
		   done, NZONES, changed, closed);
	printf("%sok 1 - the next open instant and its end agree with the reference\n", failures == 0 ? "" : "not ");
	printf("%sok 2 - enough of the cases are near a change of the clock\n", changed > done / 8 ? "" : "not ");
	printf("1..2\n");
	return failures == 0 && changed > done / 8 ? 0 : 1;
}
