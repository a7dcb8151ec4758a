/*-------------------------------------------------------------------------
 *
 * gsm.c
 *		The GSM 03.38 alphabet, and how a text is packed into segments.
 *
 * A text goes as GSM-7 when each of its characters is in the default alphabet
 * (1 septet) or its extension table (2 septets: escape and code), otherwise as
 * UCS-2, where a character costs one UTF-16 unit, or two above U+FFFF.  One
 * segment holds 160 septets or 70 units; of a longer text each segment holds
 * 153 or 67, since 6 octets go to the header that numbers the parts.
 *
 * Invariant: a character never lies in two segments, so an escape or surrogate
 * pair that does not fit moves to the next segment as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "text/text.h"

#include <limits.h>

#include "text/utf8.h"

/*
 * Septets of U+0000 .. U+00FF: 1 default alphabet, 2 extension table, 0 in
 * neither.  One row is 16 code points.
 */
static const uint8_t latin_septets[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0, 0, /* LF, FF, CR */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* ESC is no character */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* all of 20 .. 2F */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* all of 30 .. 3F */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* @ A .. O */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 1, /* P .. Z [ \ ] ^ _ */
	0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* no backquote; a .. o */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, /* p .. z { | } ~ */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, /* A1 A3 A4 A5 A7 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* BF */
	0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, /* C4 C5 C6 C7 C9 */
	0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, /* D1 D6 D8 DC DF */
	1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, /* E0 E4 E5 E6 E8 E9 EC */
	0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0	/* F1 F2 F6 F8 F9 FC */
};

/*
 * Septets of a character above U+00FF: ten Greek capitals that look like no
 * Latin letter, and the euro sign.
 */
static int
far_septets(uint32_t cp)
{
	switch (cp)
	{
		case 0x0393:			/* gamma */
		case 0x0394:			/* delta */
		case 0x0398:			/* theta */
		case 0x039B:			/* lambda */
		case 0x039E:			/* xi */
		case 0x03A0:			/* pi */
		case 0x03A3:			/* sigma */
		case 0x03A6:			/* phi */
		case 0x03A8:			/* psi */
		case 0x03A9:			/* omega */
			return 1;
		case 0x20AC:			/* euro */
			return 2;
		default:
			return 0;
	}
}

/* Septets of any character: 1, 2, or 0 when GSM 03.38 does not have it. */
static inline int
septets(uint32_t cp)
{
	return cp < 0x100 ? latin_septets[cp] : far_septets(cp);
}

/* UTF-16 code units of a character: 1 or 2. */
static inline int
utf16_units(uint32_t cp)
{
	return cp < 0x10000 ? 1 : 2;
}

/* Narrows a count; only bodies above a gigabyte can reach the bound. */
static inline int
to_int(uint64_t n)
{
	return n > INT_MAX ? INT_MAX : (int) n;
}

/*
 * Adds up the septets of a body.  False when some character is not in GSM
 * 03.38; *pairs tells whether any character takes two.
 */
static bool
count_septets(const unsigned char *p, const unsigned char *end,
			  uint64_t *units, bool *pairs)
{
	uint64_t	n = 0;
	uint64_t	chars = 0;

	while (p < end)
	{
		int			cost;

		if (*p < 0x80)
			cost = latin_septets[*p++];
		else
			cost = septets(sf_utf8_next(p, end, &p));
		if (cost == 0)
			return false;
		n += cost;
		chars++;
	}
	*units = n;
	*pairs = n != chars;
	return true;
}

/* Adds up the UTF-16 units of a body; *pairs: some character takes two. */
static void
count_utf16(const unsigned char *p, const unsigned char *end,
			uint64_t *units, bool *pairs)
{
	uint64_t	n = 0;
	uint64_t	chars = 0;

	while (p < end)
	{
		if (*p < 0x80)
		{
			p++;
			n++;
		}
		else
			n += utf16_units(sf_utf8_next(p, end, &p));
		chars++;
	}
	*units = n;
	*pairs = n != chars;
}

/*
 * Fills segment after segment with whole characters and returns the number of
 * segments (at least 1).  The position that starts each further segment goes
 * into cuts while there is room.
 */
static int
pack(const unsigned char *p, const unsigned char *end, sf_encoding encoding,
	 int *cuts, int max)
{
	int			room = encoding == SF_GSM7 ? SF_GSM7_PART : SF_UCS2_PART;
	int			used = 0;
	uint64_t	segments = 1;
	uint64_t	position = 0;

	while (p < end)
	{
		uint32_t	cp = sf_utf8_next(p, end, &p);
		int			cost = encoding == SF_GSM7 ? septets(cp) : utf16_units(cp);

		position++;
		if (used + cost > room)
		{
			if (segments <= (uint64_t) max)
				cuts[segments - 1] = to_int(position);
			segments++;
			used = 0;
		}
		used += cost;
	}
	return to_int(segments);
}

/*
 * Says how a body is encoded, how many units it has and how many segments it
 * takes.  Runs for every text: one pass, and a second one only for UCS-2 or
 * for a long body with pairs.
 */
void
sf_count_segments(const char *body, size_t len, sf_segments *out)
{
	const unsigned char *start = (const unsigned char *) body;
	const unsigned char *end = start + len;
	uint64_t	units;
	bool		pairs;
	int			single = SF_GSM7_SINGLE;
	int			part = SF_GSM7_PART;

	out->encoding = SF_GSM7;
	if (!count_septets(start, end, &units, &pairs))
	{
		out->encoding = SF_UCS2;
		single = SF_UCS2_SINGLE;
		part = SF_UCS2_PART;
		count_utf16(start, end, &units, &pairs);
	}
	out->units = to_int(units);

	if (units <= (uint64_t) single)
		out->segments = units > 0 ? 1 : 0;
	else if (pairs)
		out->segments = pack(start, end, out->encoding, NULL, 0);
	else
		out->segments = to_int((units + part - 1) / part);
}

/* The name people and providers use. */
const char *
sf_encoding_name(sf_encoding encoding)
{
	return encoding == SF_GSM7 ? "GSM-7" : encoding == SF_UCS2 ? "UCS-2" : "MMS";
}

/* Where a body is cut; see text.h. */
int
sf_segment_cuts(const char *body, size_t len, const sf_segments *counted,
				int *cuts, int max)
{
	const unsigned char *start = (const unsigned char *) body;

	if (counted->segments <= 1)
		return 0;
	return pack(start, start + len, counted->encoding, cuts, max) - 1;
}

/* Which characters are not in GSM 03.38; see text.h. */
int
sf_forcing_chars(const char *body, size_t len, sf_forcing *list, int max)
{
	const unsigned char *start = (const unsigned char *) body;
	const unsigned char *end = start + len;
	const unsigned char *p = start;
	uint64_t	position = 0;
	int			found = 0;

	while (p < end && found < max)
	{
		const unsigned char *at = p;
		uint32_t	cp = sf_utf8_next(p, end, &p);

		position++;
		if (septets(cp) != 0)
			continue;
		list[found].codepoint = cp;
		list[found].position = to_int(position);
		list[found].offset = at - start;
		list[found].bytes = p - at;
		found++;
	}
	return found;
}
