/*-------------------------------------------------------------------------
 *
 * link.h
 *		Links in a finished text: where they are, and what is added to them.
 *
 * Pure C over UTF-8, no PostgreSQL header.  A link is what a person who reads
 * the text would take for one and a phone would make clickable:
 *
 *	http://x or https://x	whatever the host
 *	www.example.com			any domain after www.
 *	example.com/sale		a domain of a known top-level domain
 *
 * Source of the syntax: RFC 3986.  It allows more than people mean, so
 * punctuation at the end belongs to the sentence, and a closing bracket to
 * the link only if it was opened in there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LINK_H
#define SF_LINK_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sf_link_kind
{
	SF_LINK_HTTP,				/* begins with http:// or https:// */
	SF_LINK_BARE,				/* begins with the host: https:// is meant */
	SF_LINK_CREDENTIALS,		/* http://user@host: seems to lead elsewhere than it does */
	SF_LINK_SCRIPT				/* javascript:, vbscript: or data: */
} sf_link_kind;

typedef struct sf_link
{
	size_t		offset;			/* bytes before it */
	size_t		len;			/* bytes */
	sf_link_kind kind;
} sf_link;

/*
 * Finds the links of a text, in order; at most max are written, and their
 * number is returned.  Takes linear time whatever the text.
 */
extern int	sf_find_links(const char *body, size_t len, sf_link *list, int max);

/* One parameter for the query of a link, both halves percent-encoded already. */
typedef struct sf_link_param
{
	const char *name;
	const char *value;
} sf_link_param;

/* Room for what sf_link_target writes, without a terminating zero. */
extern size_t sf_link_target_size(size_t len, const sf_link_param *params, int nparams);
/*
 * The address a found link leads to: with https:// before a bare one, and
 * with those parameters added to its query that it does not name itself.
 * Its own query and fragment stay as they are.  Returns the length.
 */
extern size_t sf_link_target(const char *url, size_t len, bool bare,
							 const sf_link_param *params, int nparams, char *out);

#endif							/* SF_LINK_H */
