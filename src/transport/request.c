/*-------------------------------------------------------------------------
 *
 * request.c
 *		Checks a request and lays it out for curl.
 *
 * Everything of a request that curl reads while it runs lies in one block of
 * the transfer: header lines, credentials, body.  The list nodes that curl
 * walks point into it, so a request costs no allocation once the block has
 * grown, and it can be wiped whole.  Credentials become a header line of our
 * own, because curl would keep copies of them that nobody wipes.
 *
 * Checks are made here and not left to curl: a line break in a value would
 * smuggle in headers or whole requests, and plain http is for loopback only.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/internal.h"

/* Header lines that frame a message; curl writes them, or they must not be there. */
static const char *const framing_headers[] = {
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"
};

/* Puts a reason into err; for "return refuse(...)". */
static bool
refuse(char *err, const char *reason)
{
	snprintf(err, SF_TRANSPORT_ERROR_SIZE, "%s", reason);
	return false;
}

/* True for a character that may stand in a header name (RFC 9110, token). */
static bool
is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Checks one header: a token, not one that frames the message, a value on one line. */
static bool
check_header(const sf_http_header *header, char *err)
{
	const unsigned char *c;
	size_t		i;

	if (header->name == NULL || header->name[0] == '\0' || header->value == NULL)
		return refuse(err, "a header lacks its name or value");
	for (c = (const unsigned char *) header->name; *c != '\0'; c++)
		if (!is_token_char(*c))
			return refuse(err, "a header name holds a character that is not allowed");
	for (c = (const unsigned char *) header->value; *c != '\0'; c++)
		if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
			return refuse(err, "a header value holds a control character");
	for (i = 0; i < sizeof(framing_headers) / sizeof(framing_headers[0]); i++)
		if (strcasecmp(header->name, framing_headers[i]) == 0)
			return refuse(err, "a header that frames the message cannot be set");
	return true;
}

/* True when a host names this machine: localhost, 127.0.0.0/8 or ::1. */
static bool
is_loopback_host(const char *host)
{
	struct in_addr in;
	struct in6_addr in6;
	char		bare[INET6_ADDRSTRLEN];
	size_t		len = strlen(host);

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &in) == 1)
		return (ntohl(in.s_addr) >> 24) == 127;
	if (len < 3 || len - 2 >= sizeof(bare) || host[0] != '[' || host[len - 1] != ']')
		return false;
	memcpy(bare, host + 1, len - 2);
	bare[len - 2] = '\0';
	return inet_pton(AF_INET6, bare, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

/*
 * Checks a URL: https, or http to loopback where that is allowed; no user, no
 * character outside printable ASCII.  curl's own parser finds the host, so
 * that we judge the host it will talk to.
 */
static bool
check_url(const char *url, bool allow_insecure_http, bool *plain, char *err)
{
	CURLU	   *parsed;
	CURLUcode	code;
	char	   *host = NULL;
	const unsigned char *c;
	bool		loopback;

	for (c = (const unsigned char *) url; *c != '\0'; c++)
		if (*c <= 0x20 || *c > 0x7e || *c == '\\')
			return refuse(err, "the URL holds a character that is not allowed");
	if (c - (const unsigned char *) url > SF_MAX_URL)
		return refuse(err, "the URL is too long");

	*plain = strncasecmp(url, "http://", 7) == 0;
	if (!*plain && strncasecmp(url, "https://", 8) != 0)
		return refuse(err, "the URL must begin with https://");
	if (*plain && !allow_insecure_http)
		return refuse(err, "plain http is not allowed");

	parsed = curl_url();
	if (parsed == NULL)
		return refuse(err, "out of memory");
	code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK)
		code = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
	curl_url_cleanup(parsed);
	if (code == CURLUE_USER_NOT_ALLOWED)
		return refuse(err, "the URL must not hold a user name or password");
	if (code != CURLUE_OK)
		return refuse(err, "the URL is malformed");
	loopback = is_loopback_host(host);
	curl_free(host);
	if (*plain && !loopback)
		return refuse(err, "plain http is allowed to this machine only");
	return true;
}

/* Bytes of base64 text for len bytes. */
static size_t
base64_length(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Writes base64; returns the end of what was written. */
static char *
base64(char *to, const char *from, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *) from;
	size_t		i;

	for (i = 0; i < len; i += 3)
	{
		uint32_t	group = (uint32_t) in[i] << 16 |
			(i + 1 < len ? (uint32_t) in[i + 1] << 8 : 0) | (i + 2 < len ? in[i + 2] : 0);

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[group & 63] : '=';
	}
	return to;
}

/* Copies a text without its end; returns the end of what was written. */
static char *
put(char *to, const char *text)
{
	size_t		len = strlen(text);

	memcpy(to, text, len);
	return to + len;
}

/* Makes the list of lines one longer; line must live as long as the request. */
static void
add_line(sf_transfer *transfer, char *line)
{
	struct curl_slist *node = &transfer->lines[transfer->nlines];

	node->data = line;
	node->next = NULL;
	if (transfer->nlines > 0)
		node[-1].next = node;
	transfer->nlines++;
}

/*
 * Fills the block with header lines, credentials and body, and the list with
 * the lines.  An empty value needs curl's own form "Name;", since "Name:"
 * would take the header away.
 */
static bool
lay_out(sf_transfer *transfer, const sf_http_request *request, char *err)
{
	static char no_expect[] = "Expect:";
	size_t		size = request->body_len + 1;
	char	   *to;
	int			i;

	for (i = 0; i < request->nheaders; i++)
		size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 3;
	if (request->userpwd != NULL)
		size += base64_length(strlen(request->userpwd)) + sizeof("Authorization: Basic ");
	if (size > SF_MAX_REQUEST)
		return refuse(err, "the request is too large");
	if (transfer->lines == NULL)
		transfer->lines = calloc(SF_MAX_HEADERS + 2, sizeof(struct curl_slist));
	if (transfer->lines == NULL || !sf_buffer_reserve(&transfer->request, size))
		return refuse(err, "out of memory");

	to = transfer->request.data;
	transfer->request.used = size;
	transfer->nlines = 0;
	for (i = 0; i < request->nheaders; i++)
	{
		const sf_http_header *header = &request->headers[i];
		char	   *line = to;

		to = put(to, header->name);
		if (header->value[0] == '\0')
			*to++ = ';';
		else
		{
			to = put(to, ": ");
			to = put(to, header->value);
		}
		*to++ = '\0';
		add_line(transfer, line);
	}
	if (request->userpwd != NULL)
	{
		char	   *line = to;

		to = put(to, "Authorization: Basic ");
		to = base64(to, request->userpwd, strlen(request->userpwd));
		*to++ = '\0';
		add_line(transfer, line);
	}
	add_line(transfer, no_expect);

	if (request->body_len > 0)
		memcpy(to, request->body, request->body_len);
	to[request->body_len] = '\0';
	transfer->body = to;
	transfer->body_len = request->body_len;
	return true;
}

/*
 * Gives easy its URL and what follows from it, unless it carries it already,
 * which is the rule: a provider has one address for sending.
 */
static bool
set_url(sf_transfer *transfer, const char *url, char *err)
{
	const sf_transport_options *options = &transfer->owner->options;
	CURL	   *easy = transfer->easy;
	long		version;

	if (transfer->url != NULL && strcmp(transfer->url, url) == 0)
		return true;
	if (!check_url(url, options->allow_insecure_http, &transfer->plain, err))
		return false;
	free(transfer->url);
	transfer->url = strdup(url);

	/*
	 * Waiting for a connection that may be shared pays over TLS, where the
	 * handshake tells whether HTTP/2 is spoken.  Plain http is HTTP/1.1, and
	 * never goes through a proxy: loopback means this machine.
	 */
	version = transfer->plain || !transfer->owner->http2 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
	if (transfer->url == NULL ||
		curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_PIPEWAIT, transfer->plain ? 0L : 1L) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_PROXY, transfer->plain ? "" : options->proxy) != CURLE_OK)
	{
		free(transfer->url);
		transfer->url = NULL;
		return refuse(err, "out of memory");
	}
	return true;
}

/*
 * Gives easy method and body.  Without the prerequest callback, a body that
 * is empty cannot refuse to be read twice, so it gets a connection of its
 * own; a GET may be repeated by curl then, which is harmless.
 */
static bool
set_method(sf_transfer *transfer, bool post)
{
	CURL	   *easy = transfer->easy;

#ifndef SF_CURL_HAS_PREREQ
	transfer->body_read = 0;
	if (curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, post && transfer->body_len == 0 ? 1L : 0L) != CURLE_OK)
		return false;
#endif
	if (!post)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
#ifdef SF_CURL_HAS_PREREQ
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body) == CURLE_OK &&
#endif
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) transfer->body_len) == CURLE_OK;
}

/*
 * Checks a request and makes a transfer ready to run it.  False, the reason
 * in err and the transfer unchanged in all that matters, when it is refused.
 */
bool
sf_request_load(sf_transfer *transfer, const sf_http_request *request, char *err)
{
	long		timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : transfer->owner->options.timeout_ms;
	bool		post;
	int			i;

	if (request->method == NULL || request->url == NULL)
		return refuse(err, "a request needs a method and a URL");
	post = strcmp(request->method, "POST") == 0;
	if (!post && strcmp(request->method, "GET") != 0)
		return refuse(err, "the method must be GET or POST");
	if (!post && request->body_len > 0)
		return refuse(err, "a GET request has no body");
	if (request->body_len > 0 && request->body == NULL)
		return refuse(err, "the body is missing");
	if (request->body_len > SF_MAX_REQUEST)
		return refuse(err, "the request is too large");
	if (request->timeout_ms < 0 || request->timeout_ms > SF_MAX_TIMEOUT_MS)
		return refuse(err, "the timeout is out of range");
	if (request->nheaders < 0 || request->nheaders > SF_MAX_HEADERS)
		return refuse(err, "the request has too many headers");
	for (i = 0; i < request->nheaders; i++)
		if (!check_header(&request->headers[i], err))
			return false;
	if (!set_url(transfer, request->url, err) || !lay_out(transfer, request, err))
		return false;

	if ((timeout_ms != transfer->timeout_ms &&
		 curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK) ||
		(transfer->fresh && curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 0L) != CURLE_OK) ||
		!set_method(transfer, post) ||
		curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->lines) != CURLE_OK)
	{
		sf_request_drop(transfer);
		return refuse(err, "out of memory");
	}
	transfer->timeout_ms = timeout_ms;
	transfer->tag = request->tag;
	transfer->begun = false;
	transfer->tunnel_bytes = 0;
	transfer->repeated = false;
	transfer->closed = false;
	transfer->fresh = false;
	transfer->max_response = transfer->owner->options.max_response;
	return true;
}

/* Forgets the request: credentials, phone number, text. */
void
sf_request_drop(sf_transfer *transfer)
{
	sf_buffer_wipe(&transfer->request);
	transfer->nlines = 0;
	transfer->body = NULL;
	transfer->body_len = 0;
}
