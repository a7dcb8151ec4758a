/*-------------------------------------------------------------------------
 *
 * link.c
 *		Finds links in a text as people read it.
 *
 * The text is read word by word, a word being letters, digits, dots, hyphens
 * and underscores.  A word may be the scheme of a link, the host of a bare
 * one, or the name in an e-mail address; what follows it tells.
 *
 * Where a link ends is a matter of custom, not of RFC 3986:
 *
 * - at a blank, a control or invisible character, a quotation mark, < > ` \ ^
 *   { }, and at symbols and punctuation outside ASCII, emoji included
 * - before trailing . , ! ? : ; | ' and before a bracket that closes what was
 *   not opened in the link, or that is never closed
 * - before a * _ ~ or ' that stands in front of the link too, and before 's
 * - before , ; or | that the next link follows
 * - where, after Latin letters, a script begins that writes no blanks between
 *   words: the sentence goes on there
 *
 * Time is linear: each byte is read once by the walk over words, at most once
 * as part of an authority (the slash after it ends that), and at most
 * MAX_OPEN + 1 times as part of a path, since only an unclosed bracket makes
 * the walk return to what a path has read.
 *
 *-------------------------------------------------------------------------
 */
#include "text/link.h"

#include <stdint.h>
#include <string.h>

#include "text/domain.h"
#include "text/utf8.h"

#define MAX_OPEN 16				/* brackets open at the same time in one link */

/* What a character means for the borders of words and links. */
typedef enum sf_glyph
{
	GLYPH_END,					/* no part of any link */
	GLYPH_WORD,					/* letter, digit, dot, hyphen, underscore */
	GLYPH_UNSPACED,				/* letter of a script without blanks between words */
	GLYPH_MARK					/* other ASCII that may stand in a path */
} sf_glyph;

typedef struct sf_walk
{
	const unsigned char *body;
	const unsigned char *end;
	sf_link    *list;
	int			n;
	int			max;
} sf_walk;

/* Scripts that people write without blanks, or whose particles stick to words. */
static bool
is_unspaced(uint32_t cp)
{
	return (cp >= 0x0E00 && cp <= 0x0EFF) || (cp >= 0x1000 && cp <= 0x11FF) ||
		(cp >= 0x1780 && cp <= 0x17FF) || (cp >= 0x2E80 && cp <= 0xA4CF) ||
		(cp >= 0xAC00 && cp <= 0xD7FF) || (cp >= 0xF900 && cp <= 0xFAFF) ||
		(cp >= 0xFF66 && cp <= 0xFF9D) || (cp >= 0x20000 && cp <= 0x3FFFF);
}

/* Blanks, invisible characters, punctuation and symbols outside ASCII. */
static bool
is_foreign_end(uint32_t cp)
{
	return (cp < 0xC0 && cp != 0xAA && cp != 0xB5 && cp != 0xBA) || cp == 0xD7 || cp == 0xF7 ||
		cp == 0x061C || cp == 0x1680 || cp == 0x180E || (cp >= 0x2000 && cp <= 0x20CF) ||
		(cp >= 0x2190 && cp <= 0x2BFF) || (cp >= 0x2E00 && cp <= 0x2E7F) ||
		(cp >= 0x2FF0 && cp <= 0x3004) || (cp >= 0x3008 && cp <= 0x3020) || cp == 0x3030 ||
		(cp >= 0xE000 && cp <= 0xF8FF) || (cp >= 0xFE00 && cp <= 0xFE6F) || cp == 0xFEFF ||
		(cp >= 0xFF00 && cp <= 0xFF0F) || (cp >= 0xFF1A && cp <= 0xFF20) ||
		(cp >= 0xFF3B && cp <= 0xFF40) || (cp >= 0xFF5B && cp <= 0xFF65) ||
		(cp >= 0xFFE0 && cp <= 0xFFFF) || (cp >= 0x1F000 && cp <= 0x1FAFF) || cp >= 0xE0000;
}

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Reads the character at p and says what it is. */
static sf_glyph
glyph_at(const unsigned char *p, const unsigned char *end, const unsigned char **next)
{
	uint32_t	cp = sf_utf8_next(p, end, next);

	if (cp >= 0x80)
		return is_foreign_end(cp) ? GLYPH_END : is_unspaced(cp) ? GLYPH_UNSPACED : GLYPH_WORD;
	if (is_alnum(cp) || cp == '.' || cp == '-' || cp == '_')
		return GLYPH_WORD;
	if (cp <= ' ' || cp == 0x7F || strchr("\"<>`\\^{}", (int) cp) != NULL)
		return GLYPH_END;
	return GLYPH_MARK;
}

/* Does the text at p begin with a word, in small letters or capitals? */
static bool
begins(const unsigned char *p, const unsigned char *end, const char *word)
{
	for (; *word; word++, p++)
		if (p >= end || (*p | 0x20) != (unsigned char) (*word | 0x20))
			return false;
	return true;
}

static void
add(sf_walk *walk, const unsigned char *start, const unsigned char *end, sf_link_kind kind)
{
	if (walk->n >= walk->max)
		return;
	walk->list[walk->n].offset = start - walk->body;
	walk->list[walk->n].len = end - start;
	walk->list[walk->n].kind = kind;
	walk->n++;
}

/* Without the punctuation at the end of start .. p. */
static const unsigned char *
trim(const unsigned char *start, const unsigned char *p)
{
	while (p > start && strchr(".,!?:;|'", p[-1]) != NULL)
		p--;
	return p;
}

/*
 * The end of path, query and fragment that begin at p.  before is the
 * character in front of the link.
 */
static const unsigned char *
tail_end(const unsigned char *p, const unsigned char *end, unsigned char before)
{
	const unsigned char *start = p;
	const unsigned char *next;
	const unsigned char *open[MAX_OPEN];
	int			nopen = 0;
	bool		latin = false;	/* the present piece of the path began so */
	bool		begun = false;

	for (; p < end; p = next)
	{
		sf_glyph	glyph = glyph_at(p, end, &next);

		if (glyph == GLYPH_END)
			break;
		if (glyph == GLYPH_UNSPACED && latin)
			break;
		if (*p == '(' || *p == '[')
		{
			if (nopen == MAX_OPEN)
				break;
			open[nopen++] = p;
		}
		else if (*p == ')' || *p == ']')
		{
			if (nopen == 0 || *open[nopen - 1] != (*p == ')' ? '(' : '['))
				break;
			nopen--;
		}
		else if ((*p == ',' || *p == ';' || *p == '|') && (begins(next, end, "http://") || begins(next, end, "https://")))
			break;
		else if (*p == '\'' && begins(next, end, "s") && (next + 1 == end || !is_alnum(next[1])))
			break;
		else if (*p == before && strchr("*_~'", before) != NULL && (next == end || !is_alnum(*next)))
			break;
		if (glyph == GLYPH_MARK || *p == '.' || *p == '-' || *p == '_')
			begun = false;
		else if (!begun)
		{
			latin = glyph == GLYPH_WORD;
			begun = true;
		}
		if (!begun)
			latin = *p == '%';
	}
	if (nopen > 0)
		p = open[0];
	return trim(start, p);
}

/* Behind a port that begins at p, or p itself when there is none. */
static const unsigned char *
port_end(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *digit = p + 1;
	int			port = 0;

	if (p >= end || *p != ':')
		return p;
	while (digit < end && *digit >= '0' && *digit <= '9' && digit - p <= 5)
		port = port * 10 + (*digit++ - '0');
	if (port < 1 || port > 65535 || (digit < end && is_alnum(*digit)))
		return p;
	return digit;
}

/* The end of what follows a host: port, path, query, fragment. */
static const unsigned char *
after_host(const unsigned char *p, const unsigned char *end, unsigned char before)
{
	p = port_end(p, end);
	if (p < end && (*p == '/' || *p == '?' || *p == '#'))
		p = tail_end(p, end, before);
	return p;
}

/* The end of a host that begins at p; p itself when none does. */
static const unsigned char *
host_end(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *start = p;
	const unsigned char *next;
	bool		latin = false;
	bool		begun = false;

	if (p < end && *p == '[')
	{
		for (p++; p < end && (*p == ':' || *p == '.' || is_alnum(*p)); p++);
		return p < end && *p == ']' && p - start > 2 ? p + 1 : start;
	}
	if (p < end && (*p == '.' || *p == '-'))
		return start;
	for (; p < end; p = next)
	{
		sf_glyph	glyph = glyph_at(p, end, &next);

		if (glyph != GLYPH_WORD && glyph != GLYPH_UNSPACED)
			break;
		if (glyph == GLYPH_UNSPACED && latin && sf_is_bare_domain((const char *) start, p - start))
			break;
		if (*p == '.')
			begun = latin = false;
		else if (!begun)
		{
			latin = glyph == GLYPH_WORD;
			begun = true;
		}
	}
	while (p > start && (p[-1] == '.' || p[-1] == '-' || p[-1] == '_'))
		p--;
	return p;
}

/* Behind the run of characters at p that could belong to a link. */
static const unsigned char *
run_end(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *next;

	while (p < end && glyph_at(p, end, &next) != GLYPH_END)
		p = next;
	return p;
}

/* Behind the letters, digits, dots, hyphens and underscores at p. */
static const unsigned char *
word_end(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *next;

	while (p < end && glyph_at(p, end, &next) == GLYPH_WORD)
		p = next;
	return p;
}

/* Is there a name in front of an @ before the host, at p behind "://"? */
static bool
has_credentials(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *next;

	for (; p < end && strchr("/?#[]", *p) == NULL; p = next)
	{
		if (*p == '@')
			return true;
		if (glyph_at(p, end, &next) == GLYPH_END)
			break;
	}
	return false;
}

/* Is it the rest of a data: address, as in "text/html,..." or ";base64,..."? */
static bool
is_data(const unsigned char *p, const unsigned char *end)
{
	bool		typed = p < end && (*p == ',' || *p == ';');

	for (; p < end && (is_alnum(*p) || (*p != '\0' && strchr("/+.-", *p) != NULL)); p++)
		typed |= *p == '/';
	return typed && p < end && (*p == ',' || *p == ';');
}

/*
 * A word and a colon at colon: a link with a scheme?  Returns where to go on;
 * NULL when the word is no scheme.
 */
static const unsigned char *
scheme(sf_walk *walk, const unsigned char *word, const unsigned char *colon)
{
	const unsigned char *start = colon;
	const unsigned char *p = colon + 1;
	unsigned char before;

	while (start > word && is_alnum(start[-1]))
		start--;
	before = start > walk->body ? start[-1] : ' ';
	if ((colon - start == 10 && begins(start, colon, "javascript")) ||
		(colon - start == 8 && begins(start, colon, "vbscript")) ||
		(colon - start == 4 && begins(start, colon, "data") && is_data(p, walk->end)))
	{
		p = run_end(p, walk->end);
		if (p > colon + 1)
			add(walk, start, p, SF_LINK_SCRIPT);
		return p;
	}
	if (walk->end - p < 2 || p[0] != '/' || p[1] != '/' || start == colon)
		return NULL;
	p += 2;
	if ((colon - start != 4 || !begins(start, colon, "http")) &&
		(colon - start != 5 || !begins(start, colon, "https")))
		return run_end(p, walk->end);	/* of another kind: nothing in it is a link of its own */
	if (has_credentials(p, walk->end))
	{
		p = run_end(p, walk->end);
		add(walk, start, p, SF_LINK_CREDENTIALS);
		return p;
	}
	else
	{
		const unsigned char *host = host_end(p, walk->end);

		/* a name that cannot be: what follows is no link of its own either */
		if (host == p)
		{
			while (p < walk->end && *p > ' ')
				p++;
			return p;
		}
		p = after_host(host, walk->end, before);
		add(walk, start, p, SF_LINK_HTTP);
		return p;
	}
}

/*
 * May a bare link begin behind this character?  What stands behind / = @ and
 * the like is a part of something else.
 */
static bool
may_precede(const sf_walk *walk, const unsigned char *word)
{
	return word == walk->body || word[-1] >= 0x80 || word[-1] <= ' ' ||
		strchr("([{<\"'`,;:!?>}])|*_~", word[-1]) != NULL;
}

/*
 * A word that may be a host.  Returns where to go on; end, the end of the
 * word, when it is none.
 */
static const unsigned char *
bare(sf_walk *walk, const unsigned char *word, const unsigned char *end)
{
	const unsigned char *last = end;

	if (!may_precede(walk, word))
		return end;
	while (word < last && *word == '_')
		word++;
	while (last > word && (last[-1] == '.' || last[-1] == '-' || last[-1] == '_'))
		last--;
	if (!sf_is_bare_domain((const char *) word, last - word))
		return end;
	/* name.al+x@example.com, a.to=b */
	if (end < walk->end && strchr("+=&%$", *end) != NULL && *end != '\0')
		return end;
	if (last == end)
		last = after_host(end, walk->end, word > walk->body ? word[-1] : ' ');
	add(walk, word, last, SF_LINK_BARE);
	return last > end ? last : end;
}

int
sf_find_links(const char *body, size_t len, sf_link *list, int max)
{
	sf_walk		walk = {(const unsigned char *) body, (const unsigned char *) body + len, list, 0, max};
	const unsigned char *p = walk.body;
	const unsigned char *end = walk.end;

	while (p < end && walk.n < max)
	{
		const unsigned char *next;
		const unsigned char *word = p;
		sf_glyph	glyph = glyph_at(p, end, &next);

		if (*p == '@')
		{
			/* the host of an address, or somebody's name */
			p = word_end(next, end);
			continue;
		}
		if (glyph != GLYPH_WORD)
		{
			p = next;
			continue;
		}
		p = word_end(p, end);
		if (p < end && *p == '@')
			continue;
		if (p < end && *p == ':' && (next = scheme(&walk, word, p)) != NULL)
			p = next;
		else
			p = bare(&walk, word, p);
	}
	return walk.n;
}
