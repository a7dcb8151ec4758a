/*-------------------------------------------------------------------------
 *
 * phrase.c
 *		Phrases in texts, as a reader sees them.
 *
 * Two texts that look the same compare the same: both are folded, which means
 * look-alikes and characters without width by smart encoding, upper case to
 * lower case, and every run of white space to one space.  A phrase is found as
 * whole words; scripts that write without spaces know no words, so there it is
 * found anywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "liquid/internal.h"
#include "text/text_pg.h"
#include "text/utf8.h"

/*
 * Does a character belong to a word that ends where its letters end?
 */
static bool
in_word(uint32 c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	/* Latin-1 letters up to the scripts of South Asia; beyond, no spaces or no case */
	return c >= 0xC0 && c < 0x0E00 && c != 0xD7 && c != 0xF7;
}

/* See text_pg.h. */
char *
sf_text_fold(const char *s, size_t len, size_t *folded_len)
{
	char	   *plain = sf_text_smart(unconstify(char *, s), len, SF_SMART_ALWAYS, &len);
	const unsigned char *p = (const unsigned char *) plain;
	const unsigned char *end = p + len;
	StringInfoData out;
	bool		space = false;

	initStringInfo(&out);
	enlargeStringInfo(&out, len);
	while (p < end)
	{
		unsigned char utf8[4];
		uint32		c = sf_utf8_next(p, end, &p);

		if (c == ' ' || (c >= '\t' && c <= '\r'))
		{
			space = true;
			continue;
		}
		if (space && out.len > 0)
			appendStringInfoChar(&out, ' ');
		space = false;
		if (c < 0x80)
			appendStringInfoChar(&out, (char) sf_lower(c));
		else
			appendBinaryStringInfo(&out, (char *) utf8, sf_utf8_put(sf_lower(c), utf8));
	}
	*folded_len = out.len;
	return out.data;
}

/* The character before a place in a folded text; 0 at its start. */
static uint32
char_before(const char *text, const char *at)
{
	const unsigned char *next;
	const char *p = at;

	if (at == text)
		return 0;
	do
		p--;
	while (p > text && sf_utf8_follows((unsigned char) *p));
	return sf_utf8_next((const unsigned char *) p, (const unsigned char *) at, &next);
}

/* See text_pg.h. */
bool
sf_text_has_phrase(const char *text, size_t len, const char *phrase, size_t phrase_len)
{
	const char *end = text + len;
	const char *from = text;
	bool		word_first;
	bool		word_last;

	if (phrase_len == 0 || phrase_len > len)
		return false;
	word_first = in_word(sf_decode_char(phrase, phrase_len));
	word_last = in_word(char_before(phrase, phrase + phrase_len));
	while ((from = memmem(from, end - from, phrase, phrase_len)) != NULL)
	{
		const char *behind = from + phrase_len;

		if (!(word_first && in_word(char_before(text, from))) &&
			!(word_last && behind < end && in_word(sf_decode_char(behind, end - behind))))
			return true;
		from++;
	}
	return false;
}
