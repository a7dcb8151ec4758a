/*-------------------------------------------------------------------------
 *
 * clean.c
 *		Takes out of a text what nobody should send.
 *
 * Control characters, which phones show as boxes or not at all; characters
 * that reorder what follows, with which a name can make a text read as
 * another one (the bidirectional embeddings, overrides and isolates of
 * Unicode UAX #9); and characters without width, which hide words from
 * filters and make a text UCS-2 for nothing.  Kept are tabs and line ends, the
 * joiners that emoji and some scripts need (U+200C, U+200D), variation
 * selectors, and the marks that scripts written from right to left need
 * (U+200E, U+200F, U+061C).  The separators of lines and paragraphs (U+2028,
 * U+2029) become line ends.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "text/text.h"
#include "text/utf8.h"

/* True for a character that is to go. */
static bool
is_unwanted(uint32_t c)
{
	if (c < 0x20)
		return c != '\t' && c != '\n' && c != '\r';
	return (c >= 0x7F && c <= 0x9F) ||
		c == 0x00AD ||			/* soft hyphen */
		c == 0x180E || c == 0x200B ||	/* Mongolian vowel separator, zero width space */
		(c >= 0x202A && c <= 0x202E) || /* embeddings and overrides */
		(c >= 0x2060 && c <= 0x206F) || /* word joiner, invisible operators, isolates */
		c == 0xFEFF ||			/* byte order mark */
		(c >= 0xFFF9 && c <= 0xFFFB) || /* interlinear annotation */
		(c & 0xFFFE) == 0xFFFE; /* no characters */
}

/* See text.h. */
size_t
sf_text_clean(char *body, size_t len)
{
	const unsigned char *p = (const unsigned char *) body;
	const unsigned char *end = p + len;
	char	   *out;

	/* mostly there is nothing to do, and ASCII is nearly all */
	while (p < end && *p >= 0x20 && *p < 0x7F)
		p++;
	out = body + ((const char *) p - body);
	while (p < end)
	{
		const unsigned char *start = p;
		uint32_t	c = sf_utf8_next(p, end, &p);

		if (c == 0x2028 || c == 0x2029)
			*out++ = '\n';
		else if (!is_unwanted(c))
		{
			memmove(out, start, p - start);
			out += p - start;
		}
	}
	return out - body;
}
