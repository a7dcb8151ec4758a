/*-------------------------------------------------------------------------
 *
 * harness.h
 *		TAP output, driving a transport, and system calls that fail on demand.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEST_HARNESS_H
#define SF_TEST_HARNESS_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/transport.h"

#include "server.h"

#define MAX_RESULTS 4096

/* A response that outlives the call it came from. */
typedef struct result
{
	sf_http_response r;			/* pointers replaced by those below */
	char		body[2048];		/* its beginning */
	char		retry_after[128];
	int			nheaders;
	char		names[40][64];
	char		values[40][128];
} result;

/* What the last drive() brought. */
extern result *results;
extern int	nresults;

/* test.c of the same name */
extern void test_send(void);
extern void test_refuse(void);
extern void test_reply(void);
extern void test_delivery(void);
extern void test_configure(void);
extern void test_tls(void);
extern void test_resolve(void);
extern void test_loop(void);
extern void test_load(void);

/* A directory for the files of this run, with certificates in it. */
extern char work_dir[];

/* TAP */
extern int	ok(int condition, const char *format,...) __attribute__((format(printf, 2, 3)));
extern int	is_long(long got, long expected, const char *format,...) __attribute__((format(printf, 3, 4)));
extern int	is_text(const char *got, const char *expected, const char *format,...) __attribute__((format(printf, 3, 4)));
extern void skip(int count, const char *why);
extern void note(const char *format,...) __attribute__((format(printf, 1, 2)));

/* transports and requests */
extern sf_transport_options usual_options(void);
extern sf_transport *make_transport(const sf_transport_options *options);
extern bool add_post(sf_transport *t, uint64_t tag, const char *url, const char *body);
extern bool add_get(sf_transport *t, uint64_t tag, const char *url);
extern bool add_request(sf_transport *t, const sf_http_request *request);
extern char last_error[SF_TRANSPORT_ERROR_SIZE];
extern const char *url_of(const server *s, const char *path);
extern const char *tls_url_of(const server *s, const char *host, const char *path);
extern const char *file_of(const char *name);
/* Runs t until count responses came or ms passed; the wake-ups it took. */
extern int	drive(sf_transport *t, int count, int ms);
/* One POST from beginning to end; its result. */
extern result *post_once(sf_transport *t, const char *url, const char *body);
extern const char *header_of(const result *res, const char *name);
extern const char *stage_name(sf_http_stage stage);
extern int64_t clock_us(void);
extern int	open_descriptors(void);
/* Waits until the other side closes the idle connection; false after a second. */
extern bool idle_closed(sf_transport *t);

/* interpose.c: calls of libcurl and of the transport that we can bend */
extern atomic_int stuck_lookups;	/* name look-ups of stuck.test under way */
extern atomic_int release_lookups;	/* set: they end */
extern atomic_int lookups;		/* look-ups in all */
extern atomic_int localhost_elsewhere;	/* set: localhost resolves to another machine */
extern atomic_int fail_sends;	/* so many send() calls fail with EPIPE */
extern atomic_int short_sends;	/* set: send() takes at most so many bytes */
extern atomic_int fail_epoll_ctl;	/* so many epoll_ctl() calls fail with ENOMEM */
extern atomic_int epoll_ctls;	/* epoll_ctl() calls made */
extern atomic_int sigmasks;		/* pthread_sigmask() calls made */

#endif							/* SF_TEST_HARNESS_H */
