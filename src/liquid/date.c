/*-------------------------------------------------------------------------
 *
 * date.c
 *		Reads dates and times out of strings.
 *
 * Understood: ISO 8601 in its usual forms, and words and numbers in any
 * order that is not ambiguous: March 14, 2016 3pm; 14 Mar 2016; Fri Jul 16
 * 01:00:00 2004; 14.03.2016; 3/14/2016 but not 3/4/2016, which is another day
 * in another country.  What the string leaves out comes from the present day.
 * A time without offset is meant in the zone of the reader.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/date.h"
#include "liquid/internal.h"
#include "utils/datetime.h"

static const char *const month_names[] = {
	"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December"
};
static const char *const day_names[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"
};

typedef struct reader
{
	const char *s;
	const char *end;
	int			year;			/* -1: not read yet, as below */
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			micros;			/* 0 when not read */
	bool		has_offset;
	int			offset;			/* s east of UTC */
} reader;

/* Days of a month of the Gregorian calendar. */
static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Seconds since 1970 of a moment in UTC. */
static int64
utc_seconds(int year, int month, int day, int seconds)
{
	return ((int64) date2j(year, month, day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY + seconds;
}

static bool
is_digit(const reader *d, int i)
{
	return d->end - d->s > i && d->s[i] >= '0' && d->s[i] <= '9';
}

/* Reads at most max digits; returns how many there were. */
static int
read_number(reader *d, int max, int *value)
{
	int			n = 0;

	*value = 0;
	while (n < max && is_digit(d, 0))
	{
		*value = *value * 10 + (*d->s - '0');
		d->s++;
		n++;
	}
	return n;
}

/* Steps over c when it comes next. */
static bool
skip(reader *d, char c)
{
	if (d->s == d->end || *d->s != c)
		return false;
	d->s++;
	return true;
}

/* Gives a field its value, once. */
static bool
set_once(int *field, int value)
{
	if (*field >= 0)
		return false;
	*field = value;
	return true;
}

/* A year of two digits is in 1969 .. 2068. */
static int
full_year(int year, int digits)
{
	if (digits > 2)
		return year;
	return year + (year < 69 ? 2000 : 1900);
}

/* am or pm, behind an hour of 1 .. 12. */
static bool
read_meridian(reader *d)
{
	const char *s = d->s;
	bool		pm;

	while (s < d->end && sf_is_space(*s))
		s++;
	if (d->end - s < 2 || pg_ascii_tolower(s[1]) != 'm' ||
		(d->end - s > 2 && sf_is_word(s[2])))
		return true;
	pm = pg_ascii_tolower(*s) == 'p';
	if (!pm && pg_ascii_tolower(*s) != 'a')
		return true;
	if (d->hour < 1 || d->hour > 12)
		return false;
	d->hour = d->hour % 12 + (pm ? 12 : 0);
	d->s = s + 2;
	return true;
}

/* Reads :mm[:ss[.fraction]] behind the hour. */
static bool
read_time(reader *d, int hour)
{
	int			value;

	if (!set_once(&d->hour, hour) || !skip(d, ':') || read_number(d, 2, &value) != 2)
		return false;
	d->minute = value;
	d->second = 0;
	if (skip(d, ':'))
	{
		if (read_number(d, 2, &value) != 2)
			return false;
		d->second = value;
		if ((skip(d, '.') || skip(d, ',')))
		{
			int			scale = 100000;

			if (!is_digit(d, 0))
				return false;
			for (; is_digit(d, 0); scale /= 10)
				d->micros += (*d->s++ - '0') * scale;
		}
	}
	return read_meridian(d);
}

/* Reads an offset behind its sign: hh, hhmm or hh:mm. */
static bool
read_offset(reader *d, int sign)
{
	int			hours;
	int			minutes = 0;

	if (d->has_offset || d->hour < 0 || read_number(d, 2, &hours) == 0)
		return false;
	if (skip(d, ':') && read_number(d, 2, &minutes) != 2)
		return false;
	else if (is_digit(d, 0) && read_number(d, 2, &minutes) != 2)
		return false;
	if (hours > 15 || minutes > 59)
		return false;
	d->has_offset = true;
	d->offset = sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE);
	return true;
}

/* Number of the name that starts with a word of at least three letters, from 1; or 0. */
static int
find_name(const char *const *names, int count, const char *word, int len)
{
	int			i;

	for (i = 0; i < count && len >= 3; i++)
		if (len <= strlen(names[i]) && pg_strncasecmp(names[i], word, len) == 0)
			return i + 1;
	return 0;
}

/* True for a word that says nothing. */
static bool
is_filler(const char *word, int len)
{
	static const char *const fillers[] = {"at", "of", "on", "the", "t"};
	int			i;

	for (i = 0; i < lengthof(fillers); i++)
		if (len == strlen(fillers[i]) && pg_strncasecmp(fillers[i], word, len) == 0)
			return true;
	return find_name(day_names, lengthof(day_names), word, len) > 0;
}

/* Reads a word: the name of a month, day or zone. */
static bool
read_word(reader *d)
{
	const char *word = d->s;
	int			len;
	int			month;

	while (d->s < d->end && pg_ascii_tolower(*d->s) >= 'a' && pg_ascii_tolower(*d->s) <= 'z')
		d->s++;
	len = d->s - word;
	if (d->s < d->end && *d->s == '.')	/* Mar. 14 */
		d->s++;
	month = find_name(month_names, lengthof(month_names), word, len);
	if (month > 0)
		return set_once(&d->month, month);
	if ((len == 1 && pg_ascii_tolower(*word) == 'z') ||
		(len == 3 && (pg_strncasecmp(word, "utc", 3) == 0 || pg_strncasecmp(word, "gmt", 3) == 0)))
	{
		if (d->has_offset || d->hour < 0)
			return false;
		d->has_offset = true;
		d->offset = 0;
		return true;
	}
	return len > 0 && is_filler(word, len);
}

/* Reads the rest of a date in numbers, behind its first and separator. */
static bool
read_numeric_date(reader *d, int first, int digits, char separator)
{
	int			second;
	int			third;
	int			n;

	if (separator == '-' && !is_digit(d, 0))	/* 14-Mar-2016 */
	{
		if (!set_once(&d->day, first) || !read_word(d))
			return false;
		if (!skip(d, '-'))
			return true;
		n = read_number(d, 4, &third);
		return n >= 2 && set_once(&d->year, full_year(third, n));
	}
	if (read_number(d, 2, &second) == 0)
		return false;
	if (!skip(d, separator))
		return digits == 4 && set_once(&d->year, first) && set_once(&d->month, second);
	n = read_number(d, 4, &third);
	if (n == 0 || is_digit(d, 0))
		return false;
	if (digits == 4)
		return n <= 2 && set_once(&d->year, first) && set_once(&d->month, second) && set_once(&d->day, third);
	if (n != 4)
		return false;
	if (separator == '/' && first != second)
	{
		if (first <= 12 && second <= 12)
			return false;
		if (first <= 12)
			return set_once(&d->month, first) && set_once(&d->day, second) && set_once(&d->year, third);
	}
	return set_once(&d->day, first) && set_once(&d->month, second) && set_once(&d->year, third);
}

/* Reads whatever starts with a digit. */
static bool
read_digits(reader *d)
{
	const char *start = d->s;
	int			value;
	int			n = read_number(d, 9, &value);
	char		c;

	if (n > 8 || (n == 6 && d->year >= 0 && d->hour < 0))
	{
		if (n != 6)
			return false;
		/* the time in 20160314T101112 */
		d->hour = value / 10000;
		d->minute = value / 100 % 100;
		d->second = value % 100;
		return true;
	}
	if (n == 8)
		return set_once(&d->year, value / 10000) && set_once(&d->month, value / 100 % 100) &&
			set_once(&d->day, value % 100);
	c = d->s < d->end ? *d->s : '\0';
	if (c == ':' && n <= 2)
		return read_time(d, value);
	if ((c == '-' || c == '/' || c == '.') && (n == 4 || n <= 2) &&
		(is_digit(d, 1) || (c == '-' && d->end - d->s > 1 && pg_ascii_tolower(d->s[1]) >= 'a')))
	{
		d->s++;
		return read_numeric_date(d, value, n, c);
	}
	if (n == 4)
		return set_once(&d->year, value);
	if (n > 2)
		return false;

	/* an hour with am or pm, a day with or without its ending, a short year */
	if (d->hour < 0)
	{
		const char *here = d->s;

		d->hour = value;
		if (!read_meridian(d))
			return false;
		if (d->s != here)
		{
			d->minute = d->second = 0;
			return true;
		}
		d->hour = -1;
	}
	if (d->end - d->s >= 2 && (pg_strncasecmp(d->s, "st", 2) == 0 || pg_strncasecmp(d->s, "nd", 2) == 0 ||
							   pg_strncasecmp(d->s, "rd", 2) == 0 || pg_strncasecmp(d->s, "th", 2) == 0))
		d->s += 2;
	if (d->day < 0)
		return set_once(&d->day, value);
	return d->s - start == 2 && d->month > 0 && set_once(&d->year, full_year(value, 2));
}

/* Reads everything; false when some of it is no part of a date. */
static bool
read_all(reader *d)
{
	while (d->s < d->end)
	{
		char		c = *d->s;

		if (sf_is_space(c) || c == ',')
			d->s++;
		else if (c >= '0' && c <= '9')
		{
			if (!read_digits(d))
				return false;
		}
		else if ((c == '+' || c == '-') && d->hour >= 0)
		{
			d->s++;
			if (!read_offset(d, c == '+' ? 1 : -1))
				return false;
		}
		else if (!read_word(d))
			return false;
	}
	return d->month >= 0 || d->hour >= 0;
}

/*
 * Reads a date; false when the string is none.  now and *t are in s since
 * 1970, *micros (0 .. 999999) adds to *t; zone is the reader's.
 */
bool
sf_read_date(const char *s, int len, pg_tz *zone, pg_time_t now, pg_time_t *t, int *micros)
{
	reader		d = {s, s + len, -1, -1, -1, -1, -1, -1, 0, false, 0};
	struct pg_tm *today = pg_localtime(&now, zone);
	int			seconds;

	if (len > 100 || today == NULL || !read_all(&d))
		return false;
	if (d.month < 0 && d.day < 0 && d.year < 0)
	{
		d.month = today->tm_mon + 1;
		d.day = today->tm_mday;
	}
	if (d.month < 0)
		return false;
	if (d.year < 0)
		d.year = today->tm_year + 1900;
	if (d.day < 0)
		d.day = 1;
	if (d.hour < 0)
		d.hour = d.minute = d.second = 0;
	if (d.year < 1 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > month_days(d.year, d.month) ||
		d.hour > 24 || d.minute > 59 || d.second > 60 ||
		(d.hour == 24 && (d.minute > 0 || d.second > 0)))
		return false;

	*micros = d.micros;
	seconds = d.hour * SECS_PER_HOUR + d.minute * SECS_PER_MINUTE + d.second;
	*t = utc_seconds(d.year, d.month, d.day, seconds);
	if (d.has_offset)
		*t -= d.offset;
	else
	{
		struct pg_tm tm = {0};

		tm.tm_year = d.year;
		tm.tm_mon = d.month;
		tm.tm_mday = d.day;
		tm.tm_hour = d.hour;
		tm.tm_min = d.minute;
		tm.tm_sec = d.second;
		*t += DetermineTimeZoneOffset(&tm, zone);
	}
	return true;
}
