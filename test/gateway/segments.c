/*-------------------------------------------------------------------------
 *
 * segments.c
 *		How many SMS a text takes, as a provider would count it.
 *
 * GSM 03.38 basic alphabet with its extension table, one alphabet for the
 * whole text, no national tables.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

/* Code points outside ASCII that the basic alphabet has. */
static const uint32_t gsm_other[] = {
	0xA1, 0xA3, 0xA4, 0xA5, 0xA7, 0xBF, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9, 0xD1, 0xD6, 0xD8, 0xDC,
	0xDF, 0xE0, 0xE4, 0xE5, 0xE6, 0xE8, 0xE9, 0xEC, 0xF1, 0xF2, 0xF6, 0xF8, 0xF9, 0xFC,
	0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9
};

/* Septets a code point takes, 0 when the alphabet does not have it. */
static int
gsm_septets(uint32_t code)
{
	switch (code)
	{
		case '^':
		case '{':
		case '}':
		case '\\':
		case '[':
		case '~':
		case ']':
		case '|':
		case '\f':
		case 0x20AC:
			return 2;
		case '\n':
		case '\r':
			return 1;
		case '`':
			return 0;
	}
	if (code >= 0x20 && code < 0x7F)
		return 1;
	for (size_t i = 0; i < sizeof(gsm_other) / sizeof(gsm_other[0]); i++)
		if (gsm_other[i] == code)
			return 1;
	return 0;
}

/* Decodes one code point; a byte that starts none counts as itself. */
static uint32_t
next_code(const unsigned char **at)
{
	const unsigned char *p = *at;
	uint32_t	code = *p++;
	int			more = code >= 0xF0 ? 3 : code >= 0xE0 ? 2 : code >= 0xC2 ? 1 : 0;

	if (more > 0)
		code &= 0x3F >> more;
	for (; more > 0 && (*p & 0xC0) == 0x80; more--)
		code = code << 6 | (*p++ & 0x3F);
	*at = p;
	return code;
}

int
segments_of(const char *text)
{
	const unsigned char *at = (const unsigned char *) text;
	int			septets = 0;
	int			units = 0;
	bool		gsm = true;

	while (*at != '\0')
	{
		uint32_t	code = next_code(&at);
		int			cost = gsm_septets(code);

		gsm = gsm && cost > 0;
		septets += cost;
		units += code >= 0x10000 ? 2 : 1;
	}
	if (gsm)
		return septets <= 160 ? 1 : (septets + 152) / 153;
	return units <= 70 ? 1 : (units + 66) / 67;
}
