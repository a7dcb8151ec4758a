/*-------------------------------------------------------------------------
 *
 * test_loop.c
 *		Waiting: few wake-ups, few system calls, no wait that never ends.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>

#include "harness.h"
#include "transport/internal.h"

/* From this libcurl on, a socket callback that fails is heard of. */
#define SF_CURL_TELLS 0x075100

/* A slow request wakes the caller a few times, not thousands. */
static void
test_wakeups(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	int			wakeups;

	(void) add_post(t, 1, url_of(s, "/delay/900"), "x");
	wakeups = drive(t, 1, 5000);
	is_text(stage_name(results[0].r.stage), "answered", "a slow request is answered");
	ok(wakeups <= 12, "with few wake-ups: %d", wakeups);

	options.timeout_ms = 700;
	(void) sf_transport_configure(t, &options, last_error);
	(void) add_post(t, 1, url_of(s, "/hang"), "x");
	wakeups = drive(t, 1, 5000);
	is_long(results[0].r.curl_code, 28, "a request that hangs times out");
	ok(wakeups <= 12, "with few wake-ups: %d", wakeups);
	is_long(sf_transport_timeout(t), -1, "then there is nothing to wait for");
	sf_transport_destroy(t);
}

/* An idle connection that the other side closes wakes the caller once. */
static void
test_idle_close(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	struct pollfd p = {.fd = sf_transport_fd(t), .events = POLLIN};
	int			wakeups = 0;

	(void) post_once(t, url_of(s, "/ok"), "x");
	is_long(poll(&p, 1, 50), 0, "an idle connection is quiet");
	(void) post_once(t, url_of(s, "/ok-close"), "x");
	while (poll(&p, 1, 300) > 0 && ++wakeups < 100)
		sf_transport_step(t);
	ok(wakeups <= 2, "an idle connection that closes wakes us at most twice: %d", wakeups);
	is_text(stage_name(post_once(t, url_of(s, "/ok"), "x")->r.stage), "answered", "and is replaced");
	sf_transport_destroy(t);
}

/* On a connection that stays open a request costs no epoll_ctl, and two signal masks a call. */
static void
test_system_calls(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	int			controls;
	int			masks;
	int			i;

	(void) post_once(t, url_of(s, "/ok"), "x");
	controls = atomic_load(&epoll_ctls);
	for (i = 0; i < 100; i++)
		(void) post_once(t, url_of(s, "/ok"), "x");
	controls = atomic_load(&epoll_ctls) - controls;
#ifdef SF_CURL_HAS_PREREQ
	if (curl_version_info(CURLVERSION_NOW)->version_num < 0x080000)
		is_long(controls, 0, "no epoll_ctl on an open connection");
	else
#endif
		/* A body or a newer libcurl also waits until the socket takes more. */
		ok(controls <= 210, "two epoll_ctl a request: %d", controls);
	masks = atomic_load(&sigmasks);
	sf_transport_step(t);
	is_long(atomic_load(&sigmasks) - masks, 2, "two signal masks a step");
	masks = atomic_load(&sigmasks);
	(void) add_post(t, 1, url_of(s, "/ok"), "x");
	is_long(atomic_load(&sigmasks) - masks, 2, "two signal masks an add");
	drive(t, 1, 5000);
	sf_transport_destroy(t);
}

/* The kernel refuses to watch a socket: everything ends, nothing hangs, and it goes on. */
static void
test_poll_fails(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	int			at_once = 0;
	int			ended;
	int			i;

	options.timeout_ms = 2000;
	(void) sf_transport_configure(t, &options, last_error);
	for (i = 0; i < 5; i++)
		(void) add_post(t, (uint64_t) i, url_of(s, "/hang"), "x");
	for (i = 0; i < 20; i++)
	{
		sf_transport_step(t);
		(void) poll(NULL, 0, 1);
	}
	atomic_store(&fail_epoll_ctl, 1);
	(void) add_post(t, 5, url_of(s, "/ok"), "x");
	drive(t, 6, 3000);
	atomic_store(&fail_epoll_ctl, 0);
	ended = nresults;
	is_long(ended, 6, "when a socket cannot be watched, all requests end");
	for (i = 0; i < ended; i++)
		at_once += results[i].r.total_us < 1500000;
	if (curl_version_info(CURLVERSION_NOW)->version_num >= SF_CURL_TELLS)
		is_long(at_once, 6, "at once");
	else
		skip(1, "this libcurl does not tell; they time out");
	for (i = 0; i < ended && (results[i].r.tag == 5 || results[i].r.stage == SF_STAGE_SENT); i++)
		;
	is_long(i, ended, "those under way as sent");
	is_text(stage_name(post_once(t, url_of(s, "/ok"), "x")->r.stage), "answered", "the next is answered");
	sf_transport_destroy(t);
}

/* A descriptor number that changes hands does not inherit what was watched. */
static void
test_descriptor_reuse(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	int			good = 0;
	int			i;

	for (i = 0; i < 200; i++)
	{
		static const char *const paths[] = {"/ok", "/ok-close", "/read-close", "/ok", "/half-body"};

		(void) post_once(t, url_of(s, paths[i % 5]), "x");
		good += nresults == 1 && results[0].r.total_us < 1000000;
	}
	is_long(good, 200, "200 requests, connections coming and going, none hangs");
	sf_transport_destroy(t);
}

void
test_loop(void)
{
	server		s = server_start(NULL, NULL);

	test_wakeups(&s);
	test_idle_close(&s);
	test_system_calls(&s);
	test_poll_fails(&s);
	test_descriptor_reuse(&s);
	server_stop(&s);
}
