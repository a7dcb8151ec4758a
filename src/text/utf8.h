/*-------------------------------------------------------------------------
 *
 * utf8.h
 *		Reading UTF-8 one character at a time.
 *
 * The callers promise valid UTF-8.  Should the promise be broken, nothing is
 * read behind the end: each byte that starts no character counts as one
 * U+FFFD, so every function of text.h sees the same characters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_UTF8_H
#define SF_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#define SF_REPLACEMENT 0xFFFD

/* True for a byte that may follow the first byte of a character. */
static inline bool
sf_utf8_follows(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/*
 * Returns the character at p (p < end) and moves *next behind it.  Overlong
 * forms, surrogates and values above U+10FFFF are no characters.
 */
static inline uint32_t
sf_utf8_next(const unsigned char *p, const unsigned char *end,
			 const unsigned char **next)
{
	unsigned char c = *p;

	if (c < 0x80)
	{
		*next = p + 1;
		return c;
	}
	if (c >= 0xC2 && c < 0xE0 && end - p >= 2 && sf_utf8_follows(p[1]))
	{
		*next = p + 2;
		return (uint32_t) (c & 0x1F) << 6 | (p[1] & 0x3F);
	}
	if (c >= 0xE0 && c < 0xF0 && end - p >= 3 &&
		sf_utf8_follows(p[1]) && sf_utf8_follows(p[2]))
	{
		uint32_t	cp = (uint32_t) (c & 0x0F) << 12 |
			(uint32_t) (p[1] & 0x3F) << 6 | (p[2] & 0x3F);

		if (cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF))
		{
			*next = p + 3;
			return cp;
		}
	}
	else if (c >= 0xF0 && c < 0xF5 && end - p >= 4 &&
			 sf_utf8_follows(p[1]) && sf_utf8_follows(p[2]) &&
			 sf_utf8_follows(p[3]))
	{
		uint32_t	cp = (uint32_t) (c & 0x07) << 18 |
			(uint32_t) (p[1] & 0x3F) << 12 |
			(uint32_t) (p[2] & 0x3F) << 6 | (p[3] & 0x3F);

		if (cp >= 0x10000 && cp <= 0x10FFFF)
		{
			*next = p + 4;
			return cp;
		}
	}
	*next = p + 1;
	return SF_REPLACEMENT;
}

/* Writes a character as 1 to 4 bytes and returns how many. */
static inline int
sf_utf8_put(uint32_t cp, unsigned char *out)
{
	if (cp < 0x80)
	{
		out[0] = cp;
		return 1;
	}
	if (cp < 0x800)
	{
		out[0] = 0xC0 | cp >> 6;
		out[1] = 0x80 | (cp & 0x3F);
		return 2;
	}
	if (cp < 0x10000)
	{
		out[0] = 0xE0 | cp >> 12;
		out[1] = 0x80 | (cp >> 6 & 0x3F);
		out[2] = 0x80 | (cp & 0x3F);
		return 3;
	}
	out[0] = 0xF0 | cp >> 18;
	out[1] = 0x80 | (cp >> 12 & 0x3F);
	out[2] = 0x80 | (cp >> 6 & 0x3F);
	out[3] = 0x80 | (cp & 0x3F);
	return 4;
}

#endif							/* SF_UTF8_H */
