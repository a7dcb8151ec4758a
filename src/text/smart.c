/*-------------------------------------------------------------------------
 *
 * smart.c
 *		Smart encoding: look-alikes that keep a text in GSM 03.38.
 *
 * One curly quote makes a text UCS-2 and more than doubles its price.  The map
 * replaces such characters by what a reader takes for the same.  Rules: every
 * target is GSM, no source is; every kind of space, and a tab, becomes one
 * space; what has no width vanishes; what has no look-alike (an emoji, a
 * letter of another script) stays, and then the text stays UCS-2.
 *
 *-------------------------------------------------------------------------
 */
#include "text/text.h"

#include <string.h>

#include "text/utf8.h"

typedef struct look_alike
{
	uint16_t	from;
	char		to[4];			/* ASCII, ended by NUL */
} look_alike;

/* Sorted by from.  The full-width forms FF01 .. FF5E are in full_width(). */
static const look_alike look_alikes[] = {
	/* controls and the backquote */
	{0x0000, ""}, {0x0003, ""}, {0x0004, ""}, {0x0009, " "},
	{0x0010, ""}, {0x0011, ""}, {0x0012, ""}, {0x0013, ""},
	{0x0014, ""}, {0x0017, ""}, {0x0019, ""}, {0x0060, "'"},
	/* Latin-1 */
	{0x0080, " "}, {0x008D, " "}, {0x0090, " "}, {0x009B, " "},
	{0x009F, " "}, {0x00A0, " "}, {0x00AB, "\""}, {0x00B4, "'"},
	{0x00BB, "\""}, {0x00BC, "1/4"}, {0x00BD, "1/2"}, {0x00BE, "3/4"},
	{0x00F7, "/"},
	/* letters and small capitals */
	{0x01C3, "!"}, {0x0262, "G"}, {0x026A, "I"}, {0x0274, "N"},
	{0x0280, "R"}, {0x028F, "Y"}, {0x0299, "B"}, {0x029C, "H"},
	{0x029F, "L"},
	/* modifier letters */
	{0x02B9, "'"}, {0x02BA, "\""}, {0x02BB, "'"}, {0x02BC, "'"},
	{0x02BD, "'"}, {0x02C6, "^"}, {0x02C8, "'"}, {0x02CA, "'"},
	{0x02CB, "'"}, {0x02D0, ":"}, {0x02D6, "+"}, {0x02DC, "~"},
	{0x02EE, "\""}, {0x02F7, "~"}, {0x02F8, ":"},
	/* combining marks that no letter took up */
	{0x0302, "^"}, {0x0303, "~"}, {0x0313, "'"}, {0x0314, "'"},
	{0x0326, ","}, {0x0330, "~"}, {0x0332, "_"}, {0x0334, "~"},
	{0x0337, "/"}, {0x0338, "/"}, {0x0347, "="},
	/* small capitals */
	{0x1D00, "A"}, {0x1D04, "C"}, {0x1D05, "D"}, {0x1D07, "E"},
	{0x1D0A, "J"}, {0x1D0B, "K"}, {0x1D0D, "M"}, {0x1D0F, "O"},
	{0x1D18, "P"}, {0x1D1B, "T"}, {0x1D1C, "U"}, {0x1D20, "V"},
	{0x1D21, "W"}, {0x1D22, "Z"}, {0x1DCD, "^"},
	/* spaces, dashes, quotes, marks */
	{0x2000, " "}, {0x2001, " "}, {0x2002, " "}, {0x2003, " "},
	{0x2004, " "}, {0x2005, " "}, {0x2006, " "}, {0x2007, " "},
	{0x2008, " "}, {0x2009, " "}, {0x200A, " "}, {0x200B, ""},
	{0x200C, ""}, {0x2010, "-"}, {0x2013, "-"}, {0x2014, "-"},
	{0x2015, "-"}, {0x2017, "_"}, {0x2018, "'"}, {0x2019, "'"},
	{0x201A, ","}, {0x201B, "'"}, {0x201C, "\""}, {0x201D, "\""},
	{0x201E, "\""}, {0x201F, "\""}, {0x2022, "-"}, {0x2026, "..."},
	{0x2028, " "}, {0x2029, " "}, {0x202F, " "}, {0x2039, "<"},
	{0x203A, ">"}, {0x203C, "!!"}, {0x2043, "-"}, {0x2044, "/"},
	{0x204E, "*"}, {0x204F, ";"}, {0x205F, " "}, {0x2060, ""},
	/* combining marks for symbols */
	{0x20D2, "|"}, {0x20D3, "|"}, {0x20E5, "\\"},
	/* operators and lines */
	{0x2215, "/"}, {0x2217, "*"}, {0x2223, "|"}, {0x223C, "~"},
	{0x229B, "*"}, {0x239C, "|"}, {0x239F, "|"}, {0x23B8, "|"},
	{0x23B9, "|"}, {0x23BC, "-"}, {0x23BD, "-"}, {0x23D0, "|"},
	/* ornaments and brackets */
	{0x2722, "*"}, {0x2723, "*"}, {0x2724, "*"}, {0x2725, "*"},
	{0x2731, "*"}, {0x2732, "*"}, {0x2733, "*"}, {0x273A, "*"},
	{0x273B, "*"}, {0x273C, "*"}, {0x273D, "*"}, {0x2743, "*"},
	{0x2749, "*"}, {0x274A, "*"}, {0x274B, "*"}, {0x275B, "'"},
	{0x275C, "'"}, {0x275D, "\""}, {0x275E, "\""}, {0x2768, "("},
	{0x2769, ")"}, {0x276A, "("}, {0x276B, ")"}, {0x2774, "{"},
	{0x2775, "}"}, {0x27EE, "("}, {0x27EF, ")"},
	/* more operators */
	{0x2982, ":"}, {0x2985, "("}, {0x2986, ")"}, {0x29C6, "*"},
	{0x29F5, "\\"}, {0x29F8, "/"}, {0x29F9, "\\"},
	/* East Asian spaces and marks */
	{0x3000, " "}, {0x3001, ","}, {0x3002, "."}, {0x301D, "\""},
	{0x301E, "\""},
	/* small capitals and modifiers */
	{0xA730, "F"}, {0xA731, "S"}, {0xA789, ":"}, {0xA78A, "="},
	/* vertical and small forms */
	{0xFE10, "'"}, {0xFE11, "'"}, {0xFE13, ":"}, {0xFE14, ";"},
	{0xFE15, "!"}, {0xFE16, "?"}, {0xFE50, ","}, {0xFE51, ","},
	{0xFE52, "."}, {0xFE54, ";"}, {0xFE56, "?"}, {0xFE57, "!"},
	{0xFE59, "("}, {0xFE5A, ")"}, {0xFE5B, "{"}, {0xFE5C, "}"},
	{0xFE5F, "#"}, {0xFE60, "&"}, {0xFE61, "*"}, {0xFE62, "+"},
	{0xFE63, "-"}, {0xFE64, "<"}, {0xFE65, ">"}, {0xFE66, "="},
	{0xFE68, "\\"}, {0xFE69, "$"}, {0xFE6A, "%"}, {0xFE6B, "@"},
	/* byte order mark, half-width marks */
	{0xFEFF, ""}, {0xFF61, "."}, {0xFF64, ","},
};

/*
 * The look-alike of a character, or NULL if it has none.  buf serves the
 * full-width forms, which repeat ASCII; their small letters and accent
 * (FF40 .. FF5A) have no look-alike in the maps that senders know, so a text
 * costs here what it costs there.
 */
static const char *
find(uint32_t cp, char buf[2])
{
	size_t		low = 0;
	size_t		high = sizeof(look_alikes) / sizeof(look_alikes[0]);

	if ((cp >= 0xFF01 && cp <= 0xFF3F) || (cp >= 0xFF5B && cp <= 0xFF5E))
	{
		buf[0] = cp - 0xFF01 + '!';
		buf[1] = '\0';
		return buf;
	}
	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (look_alikes[middle].from == cp)
			return look_alikes[middle].to;
		if (look_alikes[middle].from < cp)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Reads the name of a mode; see text.h. */
bool
sf_smart_mode_parse(const char *name, sf_smart_mode *mode)
{
	if (strcmp(name, "off") == 0)
		*mode = SF_SMART_OFF;
	else if (strcmp(name, "always") == 0)
		*mode = SF_SMART_ALWAYS;
	else if (strcmp(name, "only_if_gsm") == 0)
		*mode = SF_SMART_ONLY_IF_GSM;
	else
		return false;
	return true;
}

/*
 * Applies the map.  The longest growth is a fraction, two bytes to three, so
 * SF_SMART_SIZE is enough; printable ASCII but the backquote maps to itself.
 */
size_t
sf_smart_encode(const char *body, size_t len, char *out)
{
	const unsigned char *p = (const unsigned char *) body;
	const unsigned char *end = p + len;
	char	   *at = out;

	while (p < end)
	{
		const unsigned char *start = p;
		const char *to;
		char		buf[2];
		size_t		n;

		if (*p >= ' ' && *p < 0x80 && *p != '`')
		{
			*at++ = *p++;
			continue;
		}
		to = find(sf_utf8_next(p, end, &p), buf);
		n = to != NULL ? strlen(to) : (size_t) (p - start);
		memcpy(at, to != NULL ? to : (const char *) start, n);
		at += n;
	}
	return at - out;
}

/* Whether the encoded text is worth the change; see text.h. */
bool
sf_smart_pays(const sf_segments *original, const char *encoded,
			  size_t encoded_len)
{
	sf_segments counted;

	sf_count_segments(encoded, encoded_len, &counted);
	return counted.encoding == SF_GSM7 &&
		counted.segments < original->segments;
}
