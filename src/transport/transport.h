/*-------------------------------------------------------------------------
 *
 * transport.h
 *		Many HTTP requests at once, behind a plain C interface.
 *
 * This header is seen by both worlds: the PostgreSQL side (worker, provider)
 * and the libcurl side (transport.c).  It therefore includes neither
 * postgres.h nor curl.h.  Nothing behind it may call into PostgreSQL: no
 * palloc, no ereport, no CHECK_FOR_INTERRUPTS, because a longjmp through a
 * curl frame leaves the multi handle unusable for ever.
 *
 * All strings are NUL-terminated unless a length stands beside them.  Times
 * are milliseconds unless the name says otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TRANSPORT_H
#define SF_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SF_TRANSPORT_ERROR_SIZE 256
#define SF_TRANSPORT_MAX_WINDOW 2000

typedef struct sf_transport sf_transport;

typedef struct sf_transport_options
{
	int			max_transfers;	/* own window, 1 .. SF_TRANSPORT_MAX_WINDOW */
	long		connect_timeout_ms; /* DNS + TCP + TLS, per request; up to a day */
	long		timeout_ms;		/* the whole request; up to a day */
	size_t		max_response;	/* bytes of body kept; more is an error */
	const char *ca_file;		/* NULL or "": the system's */
	const char *proxy;			/* NULL or "": none, whatever the environment says */
	const char *user_agent;
	bool		allow_insecure_http;	/* plain http, and to loopback only */
} sf_transport_options;

typedef struct sf_http_header
{
	const char *name;
	const char *value;
} sf_http_header;

/* A request as the provider layer describes it; sf_transport_add copies it. */
typedef struct sf_http_request
{
	uint64_t	tag;			/* given back with the response */
	const char *method;			/* GET or POST */
	const char *url;
	const char *userpwd;		/* "user:password" for Basic, or NULL */
	const sf_http_header *headers;
	int			nheaders;
	const char *body;			/* NULL for GET */
	size_t		body_len;
	long		timeout_ms;		/* 0: the transport's */
} sf_http_request;

/*
 * How far a transfer came.  This, not a guess from the error text, decides
 * between "may be sent again" and "in doubt".
 */
typedef enum sf_http_stage
{
	SF_STAGE_NOT_SENT,			/* not one byte of the request was written */
	SF_STAGE_SENT,				/* bytes went out or may have, no complete answer
								 * came, or one too large to keep */
	SF_STAGE_ANSWERED			/* a complete HTTP response is here */
} sf_http_stage;

typedef struct sf_http_response
{
	uint64_t	tag;
	sf_http_stage stage;
	int			curl_code;		/* CURLcode; 0 when answered */
	long		status;			/* HTTP status, 0 when none; known also when the
								 * rest of the answer did not come */
	const char *body;			/* NUL-terminated copy, may hold NULs itself; never NULL */
	size_t		body_len;
	const char *retry_after;	/* value of Retry-After, or NULL */
	const sf_http_header *headers;	/* X-* and Retry-After headers, lower-cased names */
	int			nheaders;
	uint64_t	bytes_out;		/* request bytes written, headers included; at
								 * least so many when no answer came */
	int64_t		dns_us;			/* phases, each measured from the start */
	int64_t		connect_us;
	int64_t		tls_us;
	int64_t		first_byte_us;
	int64_t		total_us;
	bool		reused;			/* over a connection that was already open */
	int			http_version;	/* 1 or 2 */
	char		error[SF_TRANSPORT_ERROR_SIZE];	/* "" when answered */
} sf_http_response;

/* Once a process, after fork.  Returns NULL or a static text naming what is wrong. */
extern const char *sf_transport_global_init(void);
/* libcurl's version, and NULL or a warning for the log (name resolution that can block). */
extern const char *sf_transport_version(const char **warning);

/*
 * NULL and a reason in err (SF_TRANSPORT_ERROR_SIZE bytes) when it cannot be
 * made.  Raises the process's soft limit of open files as far as the window
 * needs; where the hard limit does not allow that, the window is smaller
 * than asked for, as sf_transport_free tells.
 */
extern sf_transport *sf_transport_create(const sf_transport_options *options, char *err);
/* Takes effect for requests added from now on; running ones keep theirs.  On failure nothing changes. */
extern bool sf_transport_configure(sf_transport *t, const sf_transport_options *options, char *err);
extern void sf_transport_destroy(sf_transport *t);

/* A descriptor that polls readable when sf_transport_step has work. */
extern int	sf_transport_fd(const sf_transport *t);
/* Milliseconds until step must be called even if the fd is quiet, rounded up; -1: no limit. */
extern long sf_transport_timeout(const sf_transport *t);
extern int	sf_transport_active(const sf_transport *t);
extern int	sf_transport_free(const sf_transport *t);

/* False, and the reason in err, when the window is full or the request is refused. */
extern bool sf_transport_add(sf_transport *t, const sf_http_request *request, char *err);
/* Moves everything that can move without waiting. */
extern void sf_transport_step(sf_transport *t);
/* Takes one finished transfer; what it points to lives until the next call on t. */
extern bool sf_transport_next(sf_transport *t, sf_http_response *response);

#endif							/* SF_TRANSPORT_H */
