/*-------------------------------------------------------------------------
 *
 * url.c
 *		Which URLs a description may name.
 *
 * Only https, or http to this machine when the server allows it.  The host
 * must stand in the fixed start of the URL, so that no message can choose
 * whom the secrets are sent to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

/* Printable ASCII that RFC 3986 allows in a URL, % included. */
const char *
sf_url_check_text(const char *text)
{
	for (const unsigned char *p = (const unsigned char *) text; *p != '\0'; p++)
	{
		if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
			return "has a character that must be percent-encoded";
		if (*p == '#')
			return "must not have a fragment (#)";
	}
	return NULL;
}

/* 127.x.x.x, localhost or [::1]. */
static bool
is_loopback(const char *host, size_t len)
{
	int			dots = 0;

	if ((len == 9 && pg_strncasecmp(host, "localhost", 9) == 0) ||
		(len == 5 && strncmp(host, "[::1]", 5) == 0))
		return true;
	if (len < 9 || len > 15 || strncmp(host, "127.", 4) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (host[i] == '.')
		{
			dots++;
			if (i + 1 == len || host[i + 1] == '.')
				return false;
		}
		else if (host[i] < '0' || host[i] > '9')
			return false;
	}
	return dots == 3;
}

/*
 * Checks the fixed start of a URL; complete says that nothing follows it.
 * Returns NULL, or what is wrong as the end of a sentence about the URL.
 */
const char *
sf_url_check(const char *start, bool complete, bool allow_insecure_http)
{
	const char *problem = sf_url_check_text(start);
	const char *host;
	const char *port = NULL;
	size_t		authority;
	size_t		host_len;
	bool		plain = false;

	if (problem != NULL)
		return problem;
	if (pg_strncasecmp(start, "https://", 8) == 0)
		host = start + 8;
	else if (pg_strncasecmp(start, "http://", 7) == 0)
	{
		host = start + 7;
		plain = true;
	}
	else
		return "must begin with https://";

	authority = strcspn(host, "/?");
	if (host[authority] == '\0' && !complete)
		return "must not take its host from a message";
	if (memchr(host, '@', authority) != NULL)
		return "must not hold a user name; use auth instead";

	host_len = authority;
	if (host[0] == '[')
	{
		const char *close = memchr(host, ']', authority);

		if (close == NULL || close - host < 3 ||
			strspn(host + 1, "0123456789abcdefABCDEF:.") != close - host - 1)
			return "has a malformed host";
		host_len = close - host + 1;
	}
	else
	{
		host_len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
		host_len = Min(host_len, authority);
		if (host_len == 0 || host_len > 253)
			return "has no host, or a malformed one";
	}
	if (host_len < authority)
	{
		size_t		digits;
		long		number;

		port = host + host_len + 1;
		digits = strspn(port, "0123456789");
		number = strtol(port, NULL, 10);
		if (host[host_len] != ':' || digits == 0 || digits > 5 ||
			host_len + 1 + digits != authority || number < 1 || number > 65535)
			return "has a malformed host or port";
	}
	if (plain && !allow_insecure_http)
		return "must begin with https://";
	if (plain && !is_loopback(host, host_len))
		return "may use http:// only to this machine";
	return NULL;
}
