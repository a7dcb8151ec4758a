/*-------------------------------------------------------------------------
 *
 * dates.c
 *		Dates as HTTP, mail and JSON interfaces write them.
 *
 * Understood: IMF-fixdate and RFC 2822 ("Sun, 06 Nov 1994 08:49:37 GMT",
 * "6 Nov 1994 08:49:37 +0100"), RFC 850 ("Sunday, 06-Nov-94 08:49:37 GMT"),
 * asctime ("Sun Nov  6 08:49:37 1994") and ISO 8601 with a time
 * ("1994-11-06T08:49:37.5Z", "1994-11-06 08:49:37+01:00"; without a zone it
 * is UTC).  Years 1970 to 9999.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')

/* A date and time of day, with the zone's offset from UTC in seconds. */
typedef struct parts
{
	int			year;
	int			month;			/* 1 .. 12 */
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			offset;
} parts;

/* Reads min to max digits at *p and moves *p behind them. */
static bool
take_number(const char **p, int min, int max, int *out)
{
	int			n = 0;

	*out = 0;
	while (n < max && IS_DIGIT(**p))
	{
		*out = *out * 10 + (**p - '0');
		(*p)++;
		n++;
	}
	return n >= min;
}

/* Moves *p behind c, if that is there. */
static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static void
skip_blanks(const char **p)
{
	while (**p == ' ')
		(*p)++;
}

/* Reads the English three-letter name of a month. */
static bool
take_month(const char **p, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
	{
		if (pg_strncasecmp(*p, names + i * 3, 3) == 0)
		{
			*p += 3;
			*month = i + 1;
			return true;
		}
	}
	return false;
}

/* Reads HH:MM:SS, the seconds perhaps with a fraction that is dropped. */
static bool
take_time(const char **p, parts *d)
{
	if (!take_number(p, 2, 2, &d->hour) || !take_char(p, ':') ||
		!take_number(p, 2, 2, &d->minute) || !take_char(p, ':') ||
		!take_number(p, 2, 2, &d->second))
		return false;
	if (**p == '.' && IS_DIGIT((*p)[1]))
	{
		(*p)++;
		while (IS_DIGIT(**p))
			(*p)++;
	}
	return true;
}

/* Reads Z, GMT, UTC, +HHMM or +HH:MM, or nothing at all. */
static bool
take_zone(const char **p, parts *d)
{
	int			sign;
	int			hours;
	int			minutes = 0;

	skip_blanks(p);
	d->offset = 0;
	if (**p == '\0')
		return true;
	if (pg_strncasecmp(*p, "GMT", 3) == 0 || pg_strncasecmp(*p, "UTC", 3) == 0)
	{
		*p += 3;
		return true;
	}
	if (take_char(p, 'Z'))
		return true;
	if (**p != '+' && **p != '-')
		return false;
	sign = **p == '-' ? -1 : 1;
	(*p)++;
	if (!take_number(p, 2, 2, &hours))
		return false;
	if (take_char(p, ':') || IS_DIGIT(**p))
	{
		if (!take_number(p, 2, 2, &minutes))
			return false;
	}
	if (hours > 14 || minutes > 59)
		return false;
	d->offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* Reads the name of a day and what ends it, if there is one. */
static void
skip_weekday(const char **p)
{
	const char *q = *p;

	while ((*q >= 'A' && *q <= 'Z') || (*q >= 'a' && *q <= 'z'))
		q++;
	if (q - *p < 3)
		return;
	if (*q == ',')
		q++;
	*p = q;
	skip_blanks(p);
}

/* 1994-11-06T08:49:37... */
static bool
parse_iso(const char *p, parts *d)
{
	if (!take_number(&p, 4, 4, &d->year) || !take_char(&p, '-') ||
		!take_number(&p, 2, 2, &d->month) || !take_char(&p, '-') ||
		!take_number(&p, 2, 2, &d->day))
		return false;
	if (!take_char(&p, 'T') && !take_char(&p, ' '))
		return false;
	return take_time(&p, d) && take_zone(&p, d) && *p == '\0';
}

/* The three forms that HTTP knows, and the mail form. */
static bool
parse_named(const char *p, parts *d)
{
	skip_weekday(&p);
	if (!IS_DIGIT(*p))
	{
		/* asctime: month, day, time, year */
		if (!take_month(&p, &d->month))
			return false;
		skip_blanks(&p);
		if (!take_number(&p, 1, 2, &d->day) || !take_char(&p, ' ') || !take_time(&p, d) ||
			!take_char(&p, ' ') || !take_number(&p, 4, 4, &d->year))
			return false;
		d->offset = 0;
		return *p == '\0';
	}
	if (!take_number(&p, 1, 2, &d->day))
		return false;
	if (take_char(&p, '-'))
	{
		if (!take_month(&p, &d->month) || !take_char(&p, '-') ||
			!take_number(&p, 2, 2, &d->year))
			return false;
		d->year += d->year < 70 ? 2000 : 1900;
	}
	else
	{
		skip_blanks(&p);
		if (!take_month(&p, &d->month))
			return false;
		skip_blanks(&p);
		if (!take_number(&p, 4, 4, &d->year))
			return false;
	}
	return take_char(&p, ' ') && take_time(&p, d) && take_zone(&p, d) && *p == '\0';
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static int64
days_since_epoch(int year, int month, int day)
{
	/* Count years from March, so that the leap day comes last. */
	int64		y = month > 2 ? year : year - 1;
	int64		m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/*
 * Seconds since 1970 of the instant in text; false when it is none of the
 * forms above.
 */
bool
sf_parse_time(const char *text, int64 *epoch)
{
	static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	parts		d;

	if (!parse_iso(text, &d) && !parse_named(text, &d))
		return false;
	if (d.year < 1970 || d.month < 1 || d.month > 12 || d.day < 1 ||
		d.day > month_days[d.month - 1] || d.hour > 23 || d.minute > 59 || d.second > 60)
		return false;
	*epoch = days_since_epoch(d.year, d.month, d.day) * 86400 +
		d.hour * 3600 + d.minute * 60 + d.second - d.offset;
	return true;
}
