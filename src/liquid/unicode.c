/*-------------------------------------------------------------------------
 *
 * unicode.c
 *		Characters of UTF-8 text: counting, cutting, upper and lower case.
 *
 * Case does not depend on the locale of the database, so a template gives
 * the same text everywhere.  Covered: Latin, Greek, Cyrillic and Armenian,
 * the scripts with case that people text in.  Bytes that are no UTF-8 count
 * as one character each and are passed through.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "mb/pg_wchar.h"
#include "text/utf8.h"

/* Where what first stands in s; -1: nowhere.  Takes linear time. */
int
sf_find_bytes(const char *s, int len, const char *what, int what_len)
{
	const char *p = memmem(s, len, what, what_len);

	return p != NULL ? p - s : -1;
}

/* How many of len bytes to show in a message of at most max: whole characters. */
int
sf_clip(const char *s, int len, int max)
{
	return pg_mbcliplen(s, len, max);
}

/* Length in bytes of the character at s (s < end). */
int
sf_char_len(const char *s, const char *end)
{
	const unsigned char *next;

	if ((unsigned char) *s < 0x80)
		return 1;
	(void) sf_utf8_next((const unsigned char *) s, (const unsigned char *) end, &next);
	return next - (const unsigned char *) s;
}

/* Number of characters. */
int64
sf_chars(const char *s, int len)
{
	const char *end = s + len;
	int64		n = 0;

	for (; s < end; s += sf_char_len(s, end))
		n++;
	return n;
}

/* Bytes before character number chars (0 = first); len when there are fewer. */
int
sf_char_offset(const char *s, int len, int64 chars)
{
	const char *p = s;
	const char *end = s + len;

	while (p < end && chars-- > 0)
		p += sf_char_len(p, end);
	return p - s;
}

/* The character at s, of which len > 0 bytes are there. */
uint32
sf_decode_char(const char *s, int len)
{
	const unsigned char *next;

	return sf_utf8_next((const unsigned char *) s, (const unsigned char *) s + len, &next);
}

/*
 * Characters whose upper and lower case lie at a fixed distance, or take
 * turns (distance 1: the upper case is the even or odd one of each pair).
 */
typedef struct case_range
{
	uint32		first;			/* lowest upper-case character */
	uint32		last;
	int32		distance;		/* lower = upper + distance; 1: pairs */
} case_range;

static const case_range case_ranges[] = {
	{'A', 'Z', 32},
	{0x00C0, 0x00D6, 32},
	{0x00D8, 0x00DE, 32},
	{0x0100, 0x012E, 1},
	{0x0132, 0x0136, 1},
	{0x0139, 0x0147, 1},
	{0x014A, 0x0176, 1},
	{0x0178, 0x0178, -121},
	{0x0179, 0x017D, 1},
	{0x01CD, 0x01DB, 1},
	{0x01DE, 0x01EE, 1},
	{0x01F8, 0x021E, 1},
	{0x0222, 0x0232, 1},
	{0x0386, 0x0386, 38},
	{0x0388, 0x038A, 37},
	{0x038C, 0x038C, 64},
	{0x038E, 0x038F, 63},
	{0x0391, 0x03A1, 32},
	{0x03A3, 0x03AB, 32},
	{0x0400, 0x040F, 80},
	{0x0410, 0x042F, 32},
	{0x0460, 0x0480, 1},
	{0x048A, 0x04BE, 1},
	{0x04C1, 0x04CD, 1},
	{0x04D0, 0x052E, 1},
	{0x0531, 0x0556, 48},
	{0x1E00, 0x1E94, 1},
	{0x1EA0, 0x1EFE, 1}
};

/* Upper case of c, or c. */
uint32
sf_upper(uint32 c)
{
	int			i;

	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? c - 32 : c;
	if (c == 0x03C2)			/* final sigma */
		return 0x03A3;
	if (c == 0x0131)			/* dotless i */
		return 'I';
	for (i = 0; i < lengthof(case_ranges); i++)
	{
		const case_range *k = &case_ranges[i];

		if (k->distance == 1)
		{
			if (c > k->first && c <= k->last + 1 && (c - k->first) % 2 == 1)
				return c - 1;
		}
		else if (c >= k->first + k->distance && c <= k->last + k->distance)
			return c - k->distance;
	}
	return c;
}

/* Lower case of c, or c. */
uint32
sf_lower(uint32 c)
{
	int			i;

	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (c == 0x0130)			/* dotted I */
		return 'i';
	for (i = 0; i < lengthof(case_ranges); i++)
	{
		const case_range *k = &case_ranges[i];

		if (c < k->first || c > k->last)
			continue;
		if (k->distance == 1)
			return (c - k->first) % 2 == 0 ? c + 1 : c;
		return c + k->distance;
	}
	return c;
}
