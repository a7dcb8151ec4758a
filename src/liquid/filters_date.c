/*-------------------------------------------------------------------------
 *
 * filters_date.c
 *		The date filter: strftime in the time zone of whoever gets the text.
 *
 * Formats are those of Ruby's Time#strftime, which Liquid is documented with;
 * names of months and days, and %x, are in the language of the reader.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/date.h"
#include "liquid/filters.h"
#include "text/utf8.h"
#include "utils/datetime.h"

/* First second of year 1 and of year 10000: what is outside is no date. */
#define FIRST_SECOND	INT64CONST(-62135596800)
#define LAST_SECOND		INT64CONST(253402300800)

/* A moment as the formats need it. */
typedef struct moment
{
	pg_time_t	t;
	int			micros;
	struct pg_tm tm;
} moment;

/* How one conversion is to be padded. */
typedef struct style
{
	char		pad;			/* '0', ' ', '-' for none, 0: as usual */
	int			width;			/* 0: as usual */
	bool		upper;
	bool		swap;
	int			colons;
} style;

static bool format_date(sf_render *r, const moment *m, const char *format, int len,
						StringInfo out);

/* Appends a number, padded to width unless the style says otherwise. */
static bool
put_number(sf_render *r, StringInfo out, const style *s, int64 n, char pad, int width)
{
	char		digits[24];
	char		buf[160];
	int			len = snprintf(digits, sizeof(digits), INT64_FORMAT, n < 0 ? -n : n);
	int			at = 0;

	if (s->pad == '-')
		width = 0;
	else if (s->pad != 0)
		pad = s->pad;
	if (s->width > 0 && s->pad != '-')
		width = s->width;
	if (n < 0 && pad == '0')
		buf[at++] = '-';
	while (at + len + (n < 0 && pad != '0') < width)
		buf[at++] = pad;
	if (n < 0 && pad != '0')
		buf[at++] = '-';
	memcpy(buf + at, digits, len);
	return sf_append(r, out, buf, at + len);
}

/* Appends a word, padded with blanks on the left, in the case that is asked for. */
static bool
put_text(sf_render *r, StringInfo out, const style *s, const char *text, int len)
{
	int64		pad = s->pad == '-' || s->width == 0 ? 0 : s->width - sf_chars(text, len);
	const char *end = text + len;
	bool		capitals = true;
	const char *p;

	for (p = text; p < end; p++)
		capitals = capitals && (*p < 'a' || *p > 'z');
	for (; pad > 0; pad--)
		if (!sf_append(r, out, s->pad == '0' ? "0" : " ", 1))
			return false;
	if (!s->upper && !s->swap)
		return sf_append(r, out, text, len);
	while (text < end)
	{
		unsigned char buf[4];
		int			n = sf_char_len(text, end);
		uint32		c = sf_decode_char(text, n);

		/* # turns AM into am and everything else into capitals */
		c = s->upper || !capitals ? sf_upper(c) : sf_lower(c);
		if (!sf_append(r, out, (char *) buf, sf_utf8_put(c, buf)))
			return false;
		text += n;
	}
	return true;
}

/* Appends +hhmm, or with colons +hh:mm, +hh:mm:ss. */
static bool
put_offset(sf_render *r, StringInfo out, const style *s, long offset)
{
	char		buf[16];
	long		a = labs(offset);
	int			len;

	if (s->colons == 0)
		len = snprintf(buf, sizeof(buf), "%c%02d%02d", offset < 0 ? '-' : '+',
					   (int) (a / 3600 % 100), (int) (a / 60 % 60));
	else if (s->colons == 1)
		len = snprintf(buf, sizeof(buf), "%c%02d:%02d", offset < 0 ? '-' : '+',
					   (int) (a / 3600 % 100), (int) (a / 60 % 60));
	else
		len = snprintf(buf, sizeof(buf), "%c%02d:%02d:%02d", offset < 0 ? '-' : '+',
					   (int) (a / 3600 % 100), (int) (a / 60 % 60), (int) (a % 60));
	return sf_append(r, out, buf, len);
}

/* Appends the fraction of the second with so many digits. */
static bool
put_fraction(sf_render *r, StringInfo out, const style *s, int micros, int digits)
{
	char		buf[8];
	int			i;

	snprintf(buf, sizeof(buf), "%06d", micros % 1000000);
	if (s->width > 0)
		digits = s->width;
	for (i = 0; i < digits; i++)
		if (!sf_append(r, out, i < 6 ? buf + i : "0", 1))
			return false;
	return true;
}

/* Number of the week of a year whose weeks start on a day (0: Sunday). */
static int
week_of_year(const struct pg_tm *tm, int first_day)
{
	return (tm->tm_yday + 7 - (tm->tm_wday - first_day + 7) % 7) / 7;
}

/* Appends what one conversion character stands for; *known: it is one. */
static bool
convert(sf_render *r, const moment *m, char c, const style *s, StringInfo out, bool *known)
{
	static const struct
	{
		char		c;
		const char *format;
	}			combined[] = {
		{'c', "%a %b %e %H:%M:%S %Y"}, {'D', "%m/%d/%y"},
		{'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'X', "%H:%M:%S"}, {'R', "%H:%M"},
		{'r', "%I:%M:%S %p"}, {'v', "%e-%^b-%Y"}
	};
	const struct pg_tm *tm = &m->tm;
	int			year = tm->tm_year + 1900;
	int			hour12 = tm->tm_hour % 12 == 0 ? 12 : tm->tm_hour % 12;
	style		whole = *s;
	const char *format = NULL;
	const char *text;
	int			len;
	int			i;

	*known = true;
	if (c == 'x')
		format = sf_date_format(r->options->locale);
	for (i = 0; i < lengthof(combined) && format == NULL; i++)
		if (combined[i].c == c)
			format = combined[i].format;
	if (format != NULL)
	{
		StringInfoData part;

		initStringInfo(&part);
		whole.swap = false;
		return format_date(r, m, format, strlen(format), &part) &&
			put_text(r, out, &whole, part.data, part.len);
	}
	switch (c)
	{
		case 'Y':
			return put_number(r, out, s, year, '0', 4);
		case 'C':
			return put_number(r, out, s, year / 100, '0', 2);
		case 'y':
			return put_number(r, out, s, year % 100, '0', 2);
		case 'm':
			return put_number(r, out, s, tm->tm_mon + 1, '0', 2);
		case 'B':
		case 'b':
		case 'h':
			text = sf_month_name(sf_find_date_names(r->options->locale), tm->tm_mon, c != 'B', &len);
			return put_text(r, out, s, text, len);
		case 'd':
			return put_number(r, out, s, tm->tm_mday, '0', 2);
		case 'e':
			return put_number(r, out, s, tm->tm_mday, ' ', 2);
		case 'j':
			return put_number(r, out, s, tm->tm_yday + 1, '0', 3);
		case 'H':
			return put_number(r, out, s, tm->tm_hour, '0', 2);
		case 'k':
			return put_number(r, out, s, tm->tm_hour, ' ', 2);
		case 'I':
			return put_number(r, out, s, hour12, '0', 2);
		case 'l':
			return put_number(r, out, s, hour12, ' ', 2);
		case 'M':
			return put_number(r, out, s, tm->tm_min, '0', 2);
		case 'S':
			return put_number(r, out, s, tm->tm_sec, '0', 2);
		case 'L':
			return put_fraction(r, out, s, m->micros, 3);
		case 'N':
			return put_fraction(r, out, s, m->micros, 9);
		case 'p':
			return put_text(r, out, s, tm->tm_hour < 12 ? "AM" : "PM", 2);
		case 'P':
			return put_text(r, out, s, tm->tm_hour < 12 ? "am" : "pm", 2);
		case 'z':
			return put_offset(r, out, s, tm->tm_gmtoff);
		case 'Z':
			text = tm->tm_zone != NULL ? tm->tm_zone : "";
			return put_text(r, out, s, text, strlen(text));
		case 'A':
		case 'a':
			text = sf_day_name(sf_find_date_names(r->options->locale), tm->tm_wday, c == 'a', &len);
			return put_text(r, out, s, text, len);
		case 'u':
			return put_number(r, out, s, tm->tm_wday == 0 ? 7 : tm->tm_wday, '0', 1);
		case 'w':
			return put_number(r, out, s, tm->tm_wday, '0', 1);
		case 'G':
			return put_number(r, out, s, date2isoyear(year, tm->tm_mon + 1, tm->tm_mday), '0', 4);
		case 'g':
			return put_number(r, out, s, date2isoyear(year, tm->tm_mon + 1, tm->tm_mday) % 100, '0', 2);
		case 'V':
			return put_number(r, out, s, date2isoweek(year, tm->tm_mon + 1, tm->tm_mday), '0', 2);
		case 'U':
			return put_number(r, out, s, week_of_year(tm, 0), '0', 2);
		case 'W':
			return put_number(r, out, s, week_of_year(tm, 1), '0', 2);
		case 's':
			return put_number(r, out, s, m->t, '0', 1);
		case 'n':
			return put_text(r, out, s, "\n", 1);
		case 't':
			return put_text(r, out, s, "\t", 1);
		case '%':
			return put_text(r, out, s, "%", 1);
		default:
			*known = false;
			return true;
	}
}

/* Appends the moment in a format; what is no conversion stays as it is. */
static bool
format_date(sf_render *r, const moment *m, const char *format, int len, StringInfo out)
{
	int			i = 0;

	while (i < len)
	{
		const char *percent = memchr(format + i, '%', len - i);
		int			start = percent != NULL ? percent - format : len;
		style		s = {0};
		bool		known;
		bool		flag = true;

		if (!sf_append(r, out, format + i, start - i))
			return false;
		if (percent == NULL)
			return true;
		if (!sf_charge(r, 1))
			return false;
		for (i = start + 1; i < len && flag;)
		{
			switch (format[i])
			{
				case '-':
				case '0':
					s.pad = format[i];
					break;
				case '_':
					s.pad = ' ';
					break;
				case '^':
					s.upper = true;
					break;
				case '#':
					s.swap = true;
					break;
				case ':':
					s.colons++;
					break;
				default:
					flag = false;
			}
			if (flag)
				i++;
		}
		while (i < len && format[i] >= '0' && format[i] <= '9')
		{
			s.width = Min(s.width * 10 + (format[i] - '0'), 100);
			i++;
		}
		while (i < len && format[i] == ':')
		{
			s.colons++;
			i++;
		}
		if (i < len && (format[i] == 'E' || format[i] == 'O') && i + 1 < len)
			i++;
		known = false;
		if (i < len && !convert(r, m, format[i], &s, out, &known))
			return false;
		if (known)
			i++;
		else
		{
			i = Min(i + 1, len);
			if (!sf_append(r, out, format + start, i - start))
				return false;
		}
	}
	return true;
}

/* The moment that a value names; false when it names none. */
static bool
to_moment(sf_render *r, sf_value v, pg_tz *zone, moment *m)
{
	pg_time_t	now = timestamptz_to_time_t(r->options->now);
	struct pg_tm *tm;

	m->micros = 0;
	if (v.type == SF_V_INT)
		m->t = v.u.i;
	else if (v.type != SF_V_STR)
		return false;
	else if ((v.len == 3 && pg_strncasecmp(v.u.str, "now", 3) == 0) ||
			 (v.len == 5 && pg_strncasecmp(v.u.str, "today", 5) == 0))
	{
		m->t = now;
		m->micros = (r->options->now % USECS_PER_SEC + USECS_PER_SEC) % USECS_PER_SEC;
	}
	else
	{
		int			i = 0;

		while (i < v.len && v.u.str[i] >= '0' && v.u.str[i] <= '9')
			i++;
		if (i == v.len && v.len > 0 && sf_leading_integer(v, &m->t))
			;
		else if (i == v.len || !sf_read_date(v.u.str, v.len, zone, now, &m->t, &m->micros))
			return false;
	}
	if (m->t < FIRST_SECOND || m->t >= LAST_SECOND)
		return false;
	tm = pg_localtime(&m->t, zone);
	if (tm == NULL || tm->tm_year + 1900 < 1)
		return false;
	m->tm = *tm;
	return true;
}

/* date: format; what is no date stays as it is */
bool
sf_filter_date(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	pg_tz	   *zone = r->options->zone != NULL ? r->options->zone : session_timezone;
	StringInfoData out;
	sf_value	format;
	moment		m;

	*result = input;
	if (!sf_to_string(r, args->values[0], &format))
		return false;
	if (format.len == 0 || !to_moment(r, input, zone, &m))
		return true;
	sf_start_string(&out, format.len + 32);
	if (!format_date(r, &m, format.u.str, format.len, &out))
		return false;
	*result = sf_str(out.data, out.len);
	return true;
}
