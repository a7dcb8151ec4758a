/*-------------------------------------------------------------------------
 *
 * options.c
 *		The options of a transport, and what they mean for curl.
 *
 * Setting thirty options costs more than some requests need in all, so a
 * pooled easy handle keeps them; they are set again only when the transport
 * was configured anew.  What differs between requests is in request.c.
 *
 * Nothing here can be switched off by the environment of the server: proxy
 * variables, netrc files and key logs are all overruled.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/internal.h"

#define SF_DNS_CACHE_S 60L		/* seconds a resolved name is believed */
#define SF_IDLE_CONNECTION_S 60L	/* an older idle connection is not used again */
#define SF_CONNECTION_LIFE_S 600L	/* nor an older connection at all */
#define SF_CA_CACHE_S 300L		/* a replaced CA file is read again after this */
#define SF_KEEPALIVE_S 30L
#define SF_IO_BUFFER 16384L		/* curl's own buffers; one TLS record */
#define SF_SPARE_DESCRIPTORS 64 /* left to the rest of the process at least */
#define SF_USUAL_DESCRIPTORS 1024	/* what the rest of the process may well use */

/* Elsewhere poll reports an end of the stream as POLLHUP, which needs no asking for. */
#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* True when a text may stand in an option: printable, no space, not too long. */
static bool
is_plain_text(const char *text, size_t max, bool spaces)
{
	size_t		i;

	for (i = 0; text[i] != '\0'; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (i >= max || c > 0x7e || c < 0x20 || (c == 0x20 && !spaces))
			return false;
	}
	return true;
}

/* Says in err what is wrong with options, if anything. */
bool
sf_options_check(const sf_transport_options *options, char *err)
{
	if (options->max_transfers < 1 || options->max_transfers > SF_TRANSPORT_MAX_WINDOW)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the window must be between 1 and %d transfers",
				 SF_TRANSPORT_MAX_WINDOW);
		return false;
	}
	if (options->connect_timeout_ms < 1 || options->connect_timeout_ms > SF_MAX_TIMEOUT_MS ||
		options->timeout_ms < 1 || options->timeout_ms > SF_MAX_TIMEOUT_MS)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "timeouts must be between one millisecond and one day");
		return false;
	}
	if (options->max_response < 1 || options->max_response > SIZE_MAX / 4)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the limit for responses is out of range");
		return false;
	}
	if (options->proxy != NULL && !is_plain_text(options->proxy, SF_MAX_URL, false))
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the proxy is not a valid URL");
		return false;
	}
	if (options->user_agent != NULL && !is_plain_text(options->user_agent, 256, true))
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the user agent holds a character that is not allowed");
		return false;
	}
	if (options->ca_file != NULL && options->ca_file[0] != '\0' &&
		access(options->ca_file, R_OK) != 0)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the file of certificate authorities cannot be read: %s",
				 strerror(errno));
		return false;
	}
	return true;
}

/* A copy on the heap; an absent text becomes an empty one.  NULL without memory. */
static const char *
copy_text(const char *text)
{
	return strdup(text == NULL ? "" : text);
}

/* Copies options with their texts; false, with nothing kept, without memory. */
bool
sf_options_copy(sf_transport_options *to, const sf_transport_options *from)
{
	*to = *from;
	to->ca_file = copy_text(from->ca_file);
	to->proxy = copy_text(from->proxy);
	to->user_agent = copy_text(from->user_agent);
	if (to->ca_file != NULL && to->proxy != NULL && to->user_agent != NULL)
		return true;
	sf_options_free(to);
	return false;
}

/* Frees the texts of copied options. */
void
sf_options_free(sf_transport_options *options)
{
	free((void *) options->ca_file);
	free((void *) options->proxy);
	free((void *) options->user_agent);
	options->ca_file = NULL;
	options->proxy = NULL;
	options->user_agent = NULL;
}

/*
 * How many transfers the process has descriptors for, at most what is asked.
 * Each takes one, a little more while a name is resolved.  The soft limit is
 * raised where the hard one permits; the caller's process is a worker of its
 * own, so this touches nobody else.
 */
int
sf_options_window(int max_transfers)
{
	struct rlimit limit;
	rlim_t		wanted = (rlim_t) max_transfers * 3 + SF_USUAL_DESCRIPTORS;
	rlim_t		room;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return max_transfers;
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted &&
		(limit.rlim_max == RLIM_INFINITY || limit.rlim_cur < limit.rlim_max))
	{
		struct rlimit raised = limit;

		raised.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ?
			wanted : limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	if (limit.rlim_cur == RLIM_INFINITY)
		return max_transfers;
	room = limit.rlim_cur > SF_SPARE_DESCRIPTORS ? limit.rlim_cur - SF_SPARE_DESCRIPTORS : 1;
	return room < (rlim_t) max_transfers ? (int) room : max_transfers;
}

/* True for an address of this machine itself: 127.0.0.0/8 or ::1. */
static bool
is_loopback(const struct curl_sockaddr *address)
{
	if (address->family == AF_INET)
	{
		struct sockaddr_in in;

		memcpy(&in, &address->addr, sizeof(in));
		return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
	}
	if (address->family == AF_INET6)
	{
		struct sockaddr_in6 in6;

		if (address->addrlen < sizeof(in6))
			return false;
		memcpy(&in6, &address->addr, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	}
	return false;
}

/*
 * curl opens a socket.  Refused are a plain http connection that leaves this
 * machine, whatever the name resolved to, and a connection to repeat a
 * request that has begun: nothing else can need one then.
 */
static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	sf_transfer *transfer = context;
	int			type = address->socktype;
	int			fd;

	(void) purpose;
	if (transfer->begun)
	{
		transfer->repeated = true;
		return CURL_SOCKET_BAD;
	}
	if (transfer->plain && !is_loopback(address))
		return CURL_SOCKET_BAD;
#ifdef SOCK_CLOEXEC
	type |= SOCK_CLOEXEC;
#endif
	fd = socket(address->family, type, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!sf_watch_opened(&transfer->owner->watches, fd))
	{
		close(fd);
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* curl closes a socket, perhaps long after the transfer that opened it. */
static int
close_socket(void *context, curl_socket_t fd)
{
	sf_watch_closing(context, fd);
	return close(fd);
}

#ifdef SF_CURL_HAS_PREREQ
/*
 * True when the connection is an old one that the other side has closed.  From
 * 8.22 on curl looks once a second at most, and a request written there would
 * be in doubt.  Where curl does not tell the socket it has looked itself.
 */
static bool
closed_meanwhile(const sf_transfer *transfer)
{
	struct pollfd p = {.events = POLLRDHUP};
	curl_socket_t fd = CURL_SOCKET_BAD;
	long		connections = 0;

	if (curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections) != CURLE_OK || connections > 0 ||
		curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
		return false;
	p.fd = fd;
	return poll(&p, 1, 0) > 0;
}

/*
 * curl is about to write the request.  Once: a second time would be a repeat
 * on another connection, and the first may have been acted upon.  What it
 * wrote until now asked a proxy for a tunnel and is not the request.
 */
static int
begin_request(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	sf_transfer *transfer = context;

	(void) remote_ip;
	(void) local_ip;
	(void) remote_port;
	(void) local_port;
	if (transfer->begun)
	{
		transfer->repeated = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (closed_meanwhile(transfer))
	{
		transfer->closed = true;
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->begun = true;
	(void) curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &transfer->tunnel_bytes);
	return CURL_PREREQFUNC_OK;
}
#else
/* Hands the body to curl, once: there is no way back. */
static size_t
read_body(char *to, size_t size, size_t count, void *context)
{
	sf_transfer *transfer = context;
	size_t		left = transfer->body_len - transfer->body_read;
	size_t		room = size * count;

	transfer->begun = true;
	if (left > room)
		left = room;
	if (left > 0)
		memcpy(to, transfer->body + transfer->body_read, left);
	transfer->body_read += left;
	return left;
}

/* curl wants to begin the body again. */
static int
refuse_rewind(void *context, curl_off_t offset, int origin)
{
	sf_transfer *transfer = context;

	(void) offset;
	(void) origin;
	transfer->repeated = true;
	return CURL_SEEKFUNC_FAIL;
}
#endif

/*
 * Gives an easy handle all options that stay the same between requests.
 * False, and the option curl refused in err, when libcurl lacks something.
 */
bool
sf_options_apply(sf_transfer *transfer, char *err)
{
	const sf_transport_options *options = &transfer->owner->options;
	CURL	   *easy = transfer->easy;
	const char *refused = NULL;

#define SET(option, value) \
	do { \
		if (refused == NULL && curl_easy_setopt(easy, option, value) != CURLE_OK) \
			refused = #option; \
	} while (0)

	curl_easy_reset(easy);
	free(transfer->url);
	transfer->url = NULL;
	transfer->timeout_ms = 0;

	/* process: no signal, no waiting for a stuck resolver thread */
	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	SET(CURLOPT_VERBOSE, 0L);
	SET(CURLOPT_NOPROGRESS, 1L);

	/* callbacks */
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->curl_error);
	SET(CURLOPT_WRITEFUNCTION, sf_reply_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, sf_reply_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, &transfer->owner->watches);
#ifdef SF_CURL_HAS_PREREQ
	SET(CURLOPT_PREREQFUNCTION, begin_request);
	SET(CURLOPT_PREREQDATA, transfer);
#else
	SET(CURLOPT_READFUNCTION, read_body);
	SET(CURLOPT_READDATA, transfer);
	SET(CURLOPT_SEEKFUNCTION, refuse_rewind);
	SET(CURLOPT_SEEKDATA, transfer);
#endif

	/* where to, and nowhere else */
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, options->allow_insecure_http ? "http,https" : "https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTPS | (options->allow_insecure_http ? CURLPROTO_HTTP : 0)));
	SET(CURLOPT_REDIR_PROTOCOLS, (long) CURLPROTO_HTTPS);
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, SF_DNS_CACHE_S);

	/* TLS */
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (options->ca_file[0] != '\0')
	{
		SET(CURLOPT_CAINFO, options->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_CA_CACHE_TIMEOUT, SF_CA_CACHE_S);
#endif

	/* connections */
	SET(CURLOPT_CONNECTTIMEOUT_MS, options->connect_timeout_ms);
	SET(CURLOPT_MAXAGE_CONN, SF_IDLE_CONNECTION_S);
#if LIBCURL_VERSION_NUM >= 0x075000
	SET(CURLOPT_MAXLIFETIME_CONN, SF_CONNECTION_LIFE_S);
#endif
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, SF_KEEPALIVE_S);
	SET(CURLOPT_TCP_KEEPINTVL, SF_KEEPALIVE_S);
	SET(CURLOPT_BUFFERSIZE, SF_IO_BUFFER);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, SF_IO_BUFFER);

	if (options->user_agent[0] != '\0')
		SET(CURLOPT_USERAGENT, options->user_agent);

#undef SET

	if (refused != NULL)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "libcurl %s does not support %s",
				 curl_version_info(CURLVERSION_NOW)->version, refused);
		return false;
	}
	transfer->generation = transfer->owner->generation;
	return true;
}
