/*-------------------------------------------------------------------------
 *
 * hours.c
 *		Specifications of hours as text, and what can be said of layers alone.
 *
 * The reader sets one bit a minute and never the same twice: an interval that
 * meets a bit that is set overlaps another.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "policy/window.h"

#define WEEK_MINUTES (7 * SF_DAY_MINUTES)

typedef struct reader
{
	const char *at;
	const char *end;
	const char *why;
} reader;

static const char *const day_names[] = {
	"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
};

static bool
get_minute(const sf_day *day, int minute)
{
	return (day->word[minute / 64] >> (minute % 64)) & 1;
}

/* False when it was set before. */
static bool
set_minute(sf_day *day, int minute)
{
	uint64_t	bit = UINT64_C(1) << (minute % 64);

	if (day->word[minute / 64] & bit)
		return false;
	day->word[minute / 64] |= bit;
	return true;
}

static bool
fail(reader *r, const char *why)
{
	r->why = why;
	return false;
}

static void
skip_blanks(reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n'))
		r->at++;
}

/* Takes one character, with blanks before it. */
static bool
take(reader *r, char c)
{
	skip_blanks(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/*
 * Takes a word of letters, in lower case; empty when there is none, or when
 * it is longer than any word known here.
 */
static void
take_word(reader *r, char word[16])
{
	size_t		n = 0;

	skip_blanks(r);
	for (; r->at < r->end && ((*r->at >= 'a' && *r->at <= 'z') || (*r->at >= 'A' && *r->at <= 'Z')); r->at++)
		if (n < 15)
			word[n++] = *r->at | 0x20;
	word[n] = '\0';
}

/* 0 to 6; -1: no day. A day's name may be cut to three letters. */
static int
day_of(const char *word)
{
	for (int day = 0; day < 7; day++)
		if (strcmp(word, day_names[day]) == 0 ||
			(strlen(word) == 3 && strncmp(word, day_names[day], 3) == 0))
			return day;
	return -1;
}

/* Takes HH:MM, up to 24:00. */
static bool
take_minute(reader *r, int *minute)
{
	int			part[2] = {0, 0};

	skip_blanks(r);
	for (int i = 0; i < 2; i++)
	{
		int			digits = 0;

		if (i == 1 && !(r->at < r->end && *r->at++ == ':'))
			return fail(r, "a time is written HH:MM");
		for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && digits < 3; r->at++, digits++)
			part[i] = part[i] * 10 + (*r->at - '0');
		if (digits == 0 || digits > 2 || (i == 1 && digits != 2))
			return fail(r, "a time is written HH:MM");
	}
	if (part[1] > 59 || part[0] * 60 + part[1] > SF_DAY_MINUTES)
		return fail(r, "a time of day is between 00:00 and 24:00");
	*minute = part[0] * 60 + part[1];
	return true;
}

/*
 * Takes the days of one part: true in days[0..6], days[7] for holidays.  No
 * name at all means every day of the week.
 */
static bool
take_days(reader *r, bool days[8])
{
	memset(days, 0, 8 * sizeof(bool));
	skip_blanks(r);
	if (r->at < r->end && *r->at >= '0' && *r->at <= '9')
	{
		memset(days, 1, 7 * sizeof(bool));
		return true;
	}
	do
	{
		char		word[16];
		int			first;
		int			last;

		take_word(r, word);
		if (strcmp(word, "daily") == 0)
		{
			for (int day = 0; day < 7; day++)
			{
				if (days[day])
					return fail(r, "a day is named twice");
				days[day] = true;
			}
			continue;
		}
		if (strcmp(word, "holiday") == 0 || strcmp(word, "holidays") == 0)
		{
			if (days[7])
				return fail(r, "holidays are named twice");
			days[7] = true;
			continue;
		}
		first = last = day_of(word);
		if (first >= 0 && take(r, '-'))
		{
			take_word(r, word);
			last = day_of(word);
		}
		if (first < 0 || last < 0)
			return fail(r, "days are Mon to Sun, daily or holidays");
		for (int day = first;; day = (day + 1) % 7)
		{
			if (days[day])
				return fail(r, "a day is named twice");
			days[day] = true;
			if (day == last)
				break;
		}
	} while (take(r, ','));
	return true;
}

/*
 * Sets an interval for one day (7: holidays).
 */
static bool
set_interval(reader *r, sf_hours *hours, int day, int start, int end)
{
	int			length = end > start ? end - start : end + SF_DAY_MINUTES - start;

	if (day == 7 && end <= start)
		return fail(r, "hours of holidays end before midnight");
	for (int i = 0; i < length; i++)
	{
		int			minute = start + i;
		sf_day	   *of = &hours->holiday;

		if (day < 7)
			of = &hours->week[(day + minute / SF_DAY_MINUTES) % 7];
		if (!set_minute(of, minute % SF_DAY_MINUTES))
			return fail(r, "intervals overlap");
	}
	return true;
}

/*
 * Takes the intervals of one part, or "closed".
 */
static bool
take_intervals(reader *r, sf_hours *hours, const bool days[8])
{
	int			n = 0;

	skip_blanks(r);
	if (r->at < r->end && (*r->at | 0x20) == 'c')
	{
		char		word[16];

		take_word(r, word);
		return strcmp(word, "closed") == 0 ? true : fail(r, "hours are HH:MM-HH:MM or closed");
	}
	do
	{
		int			start;
		int			end;

		if (++n > SF_HOURS_MAX_INTERVALS)
			return fail(r, "a day has at most 12 intervals");
		if (!take_minute(r, &start))
			return false;
		if (!take(r, '-'))
			return fail(r, "hours are HH:MM-HH:MM or closed");
		if (!take_minute(r, &end))
			return false;
		if (start == end || start == SF_DAY_MINUTES)
			return fail(r, "an interval has no minute in it");
		for (int day = 0; day < 8; day++)
			if (days[day] && !set_interval(r, hours, day, start, end))
				return false;
	} while (take(r, ','));
	return true;
}

/* See window.h. */
bool
sf_hours_parse(const char *text, size_t len, sf_hours *hours, const char **why)
{
	reader		r = {text, text + len, NULL};
	bool		named[8] = {false};
	bool		days[8];
	char		word[16];
	bool		any = false;

	memset(hours, 0, sizeof(*hours));
	*why = NULL;
	if (len > SF_HOURS_MAX_TEXT)
	{
		*why = "it is too long";
		return false;
	}
	take_word(&r, word);
	skip_blanks(&r);
	if (strcmp(word, "always") == 0 && r.at == r.end)
	{
		r.at = "daily 00:00-24:00";
		r.end = r.at + strlen(r.at);
	}
	else
		r.at = text;
	do
	{
		skip_blanks(&r);
		if (r.at == r.end)
			break;
		if (take_days(&r, days))
			for (int day = 0; day < 8; day++)
			{
				if (days[day] && named[day])
					fail(&r, "a day is named twice");
				named[day] |= days[day];
			}
		if (r.why == NULL)
			take_intervals(&r, hours, days);
		if (r.why != NULL)
		{
			*why = r.why;
			return false;
		}
	} while (take(&r, ';'));
	skip_blanks(&r);
	if (r.at != r.end)
	{
		*why = "parts are separated by semicolons, intervals and days by commas";
		return false;
	}
	if (!named[7])
		for (int minute = 0; minute < SF_DAY_MINUTES; minute++)
			set_minute(&hours->holiday, minute);
	for (int day = 0; day < 7; day++)
		for (int word_no = 0; word_no < SF_DAY_WORDS; word_no++)
			any |= hours->week[day].word[word_no] != 0;
	if (!any)
		*why = "it leaves no minute in which a text may go";
	return any;
}

/*
 * See window.h.  The week is a ring; of a holiday the end of the day is no end.
 */
void
sf_hours_shorten(sf_hours *hours, int minutes)
{
	sf_hours	was = *hours;
	int			open = 0;		/* how many minutes, this one included, follow without a break */

	/* twice around: the first time finds what follows the end of the week */
	for (int i = 2 * WEEK_MINUTES - 1; i >= 0; i--)
	{
		int			day = i / SF_DAY_MINUTES % 7;
		int			minute = i % SF_DAY_MINUTES;

		open = get_minute(&was.week[day], minute) ? open + 1 : 0;
		if (i < WEEK_MINUTES && open <= minutes)
			hours->week[day].word[minute / 64] &= ~(UINT64_C(1) << (minute % 64));
	}
	open = minutes;
	for (int minute = SF_DAY_MINUTES - 1; minute >= 0; minute--)
	{
		open = get_minute(&was.holiday, minute) ? open + 1 : 0;
		if (open <= minutes)
			hours->holiday.word[minute / 64] &= ~(UINT64_C(1) << (minute % 64));
	}
}

/* See window.h. */
bool
sf_hours_common(const sf_hours *const *layer, int n)
{
	for (int day = 0; day < 7; day++)
		for (int word = 0; word < SF_DAY_WORDS; word++)
		{
			uint64_t	open = ~UINT64_C(0);

			for (int i = 0; i < n; i++)
				open &= layer[i]->week[day].word[word];
			if (open != 0)
				return true;
		}
	return false;
}
