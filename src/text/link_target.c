/*-------------------------------------------------------------------------
 *
 * link_target.c
 *		The address behind a short link: the link that was found, with
 *		https:// where it had no scheme and with parameters for analytics.
 *
 * A parameter is only added when the query does not name it already: who put
 * utm_source into a link meant it.
 *
 *-------------------------------------------------------------------------
 */
#include "text/link.h"

#include <string.h>

static const char https[] = "https://";

/* Does the query of len bytes have a parameter of that name? */
static bool
names(const char *query, size_t len, const char *name)
{
	size_t		name_len = strlen(name);

	while (len > 0)
	{
		const char *and = memchr(query, '&', len);
		size_t		piece = and ? (size_t) (and - query) : len;

		if (piece >= name_len && memcmp(query, name, name_len) == 0 &&
			(piece == name_len || query[name_len] == '='))
			return true;
		if (and == NULL)
			return false;
		query += piece + 1;
		len -= piece + 1;
	}
	return false;
}

static char *
put(char *out, const char *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

size_t
sf_link_target_size(size_t len, const sf_link_param *params, int nparams)
{
	size_t		size = len + sizeof(https) - 1;

	for (int i = 0; i < nparams; i++)
		size += strlen(params[i].name) + strlen(params[i].value) + 2;
	return size;
}

size_t
sf_link_target(const char *url, size_t len, bool bare,
			   const sf_link_param *params, int nparams, char *out)
{
	const char *hash = memchr(url, '#', len);
	size_t		head = hash ? (size_t) (hash - url) : len;
	const char *mark = memchr(url, '?', head);
	const char *query = mark ? mark + 1 : url + head;
	size_t		query_len = url + head - query;
	char	   *p = out;
	char		separator = mark ? '&' : '?';

	if (bare)
		p = put(p, https, sizeof(https) - 1);
	p = put(p, url, head);
	if (mark && (query_len == 0 || query[query_len - 1] == '&'))
		separator = '\0';
	for (int i = 0; i < nparams; i++)
	{
		if (names(query, query_len, params[i].name))
			continue;
		if (separator != '\0')
			*p++ = separator;
		separator = '&';
		p = put(p, params[i].name, strlen(params[i].name));
		*p++ = '=';
		p = put(p, params[i].value, strlen(params[i].value));
	}
	p = put(p, url + head, len - head);
	return p - out;
}
