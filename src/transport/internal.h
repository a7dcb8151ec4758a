/*-------------------------------------------------------------------------
 *
 * internal.h
 *		What the files of src/transport share; nobody else includes it.
 *
 * Wording: a "transfer" is one slot of the window: a curl easy handle with
 * the buffers of the request it carries and of the reply it collects.  A
 * transfer is free, running, finished (in the done queue) or lent (its reply
 * is in the caller's hands until the next call).  Transfers are pooled: the
 * easy handle keeps its constant options from one request to the next.
 *
 * Callbacks run under a curl frame.  They return error values; they never
 * log, never jump and never call curl_multi functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TRANSPORT_INTERNAL_H
#define SF_TRANSPORT_INTERNAL_H

#include <curl/curl.h>
#include <signal.h>

#include "transport/transport.h"

#ifdef POSTGRES_H
#error "src/transport must not see a PostgreSQL header: a longjmp through a curl frame breaks the multi handle for ever"
#endif

/* The oldest libcurl we build with and run with: 7.76.0. */
#define SF_CURL_FLOOR 0x074c00

/*
 * libcurl repeats a request by itself when a reused connection dies before
 * the first byte of an answer.  From 7.80 on a callback sees each beginning
 * of a request, and refuses the second.  Before, the body comes from a read
 * callback that cannot rewind.  SF_TRANSPORT_READ_BODY selects the old way
 * with a new libcurl, so that the tests can prove both.
 */
#if LIBCURL_VERSION_NUM >= 0x075000 && !defined(SF_TRANSPORT_READ_BODY)
#define SF_CURL_HAS_PREREQ 1
#endif

#define SF_MAX_TIMEOUT_MS (24L * 3600 * 1000)
#define SF_MAX_URL 8192			/* bytes of a request's URL */
#define SF_MAX_HEADERS 64		/* headers of a request */
#define SF_MAX_REQUEST (1024 * 1024)	/* bytes of a request in all */
#define SF_MAX_REPLY_HEAD (64 * 1024)	/* bytes of all header lines of a reply */
#define SF_MAX_CAPTURED 32		/* reply headers handed to the caller */
#define SF_CAPTURED_SIZE 4096	/* bytes of their names and values */
#define SF_CURL_ONE_PIECE (64 * 1024)	/* curl before 8.7 sends a smaller body with the headers */
#define SF_KEEP_BUFFER (32 * 1024)	/* a pooled buffer above this is given back */

/* Interest in a descriptor, and what it is ready for. */
#define SF_POLL_IN 1
#define SF_POLL_OUT 2
#define SF_POLL_ERROR 4

typedef struct sf_buffer
{
	char	   *data;
	size_t		used;
	size_t		size;
} sf_buffer;

/* A ready descriptor.  round tells it from an earlier user of the number. */
typedef struct sf_poll_event
{
	int			fd;
	uint32_t	round;
	int			ready;
} sf_poll_event;

/* What we know of one descriptor number. */
typedef struct sf_watch
{
	uint32_t	round;			/* counts the times it was armed from nothing */
	unsigned char wanted;		/* what curl waits for */
	unsigned char armed;		/* what the kernel watches */
	bool		ours;			/* opened and closed by our callbacks */
} sf_watch;

typedef struct sf_watches
{
	int			pollfd;
	int			size;
	sf_watch   *list;			/* indexed by descriptor */
} sf_watches;

typedef struct sf_transfer
{
	struct sf_transfer *next;	/* in the list it stands in */
	sf_transport *owner;
	CURL	   *easy;			/* NULL until first used, and after a failure */
	uint64_t	generation;		/* of the options that easy carries; 0: none */
	bool		running;

	/* request */
	uint64_t	tag;
	int64_t		started_us;		/* when it was handed to curl, monotonic */
	char	   *url;			/* the one easy carries, accepted; or NULL */
	bool		plain;			/* url is http */
	long		timeout_ms;		/* the one easy carries */
	bool		begun;			/* curl went to the point of writing it */
	long		tunnel_bytes;	/* what curl had written for a proxy before */
	bool		repeated;		/* curl wanted to send it a second time */
	bool		closed;			/* not begun: the old connection was closed */
	bool		fresh;			/* easy must make a connection of its own */
	sf_buffer	request;		/* header lines and body; wiped after use */
	struct curl_slist *lines;	/* array of nodes pointing into request */
	int			nlines;
	const char *body;
	size_t		body_len;
#ifndef SF_CURL_HAS_PREREQ
	size_t		body_read;		/* bytes given to curl */
#endif

	/* reply */
	size_t		max_response;
	sf_buffer	reply;
	size_t		head_bytes;		/* header lines seen, all of them */
	bool		head_complete;	/* the blank line after a final status came */
	bool		reply_too_large;
	bool		head_too_large;
	bool		no_memory;
	int			ncaptured;
	size_t		captured_used;
	sf_http_header headers[SF_MAX_CAPTURED];
	char		captured[SF_CAPTURED_SIZE];
	const char *retry_after;
	char		curl_error[CURL_ERROR_SIZE];
	sf_http_response response;
} sf_transfer;

struct sf_transport
{
	CURLM	   *multi;
	sf_transport_options options;	/* strings are copies of our own */
	uint64_t	generation;		/* counts configure calls */
	int			window;			/* max_transfers, or what descriptors allow */
	int			active;			/* running or finished */
	int64_t		deadline_us;	/* monotonic; -1: curl waits for no timer */
	bool		http2;			/* libcurl speaks it */
	sf_watches	watches;
	sf_transfer **transfers;	/* SF_TRANSPORT_MAX_WINDOW places */
	int			ntransfers;
	sf_transfer *idle;			/* free ones, last used first */
	sf_transfer *done_head;
	sf_transfer *done_tail;
	sf_transfer *lent;
	sigset_t	all_signals;
};

/* transport.c */
extern int64_t sf_now_us(void);

/* buffer.c */
extern bool sf_buffer_reserve(sf_buffer *buffer, size_t size);
extern void sf_buffer_wipe(sf_buffer *buffer);
extern void sf_buffer_free(sf_buffer *buffer);
extern void sf_wipe(void *data, size_t len);

/* poll.c */
extern int	sf_poll_open(void);
extern bool sf_poll_change(int pollfd, int fd, uint32_t round, int from, int to);
extern int	sf_poll_wait(int pollfd, sf_poll_event *events, int max);

/* watch.c */
extern bool sf_watch_init(sf_watches *watches);
extern void sf_watch_free(sf_watches *watches);
extern bool sf_watch_opened(sf_watches *watches, int fd);
extern void sf_watch_closing(sf_watches *watches, int fd);
extern bool sf_watch_want(sf_watches *watches, int fd, int wanted);
extern int	sf_watch_ready(sf_watches *watches, const sf_poll_event *event);

/* options.c */
extern bool sf_options_check(const sf_transport_options *options, char *err);
extern bool sf_options_copy(sf_transport_options *to, const sf_transport_options *from);
extern void sf_options_free(sf_transport_options *options);
extern bool sf_options_apply(sf_transfer *transfer, char *err);
extern int	sf_options_window(int max_transfers);

/* request.c */
extern bool sf_request_load(sf_transfer *transfer, const sf_http_request *request, char *err);
extern void sf_request_drop(sf_transfer *transfer);

/* reply.c */
extern size_t sf_reply_body(char *data, size_t size, size_t count, void *context);
extern size_t sf_reply_header(char *data, size_t size, size_t count, void *context);
extern void sf_reply_reset(sf_transfer *transfer);
extern void sf_reply_finish(sf_transfer *transfer, CURLcode code);

#endif							/* SF_TRANSPORT_INTERNAL_H */
