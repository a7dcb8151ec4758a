/*-------------------------------------------------------------------------
 *
 * test_configure.c
 *		Options that change while requests run, and memory that forgets.
 *
 *-------------------------------------------------------------------------
 */
#include <unistd.h>

#include "harness.h"
#include "transport/internal.h"

/* The window grows and shrinks at once; running requests are left alone. */
static void
test_window(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	int			i;

	options.max_transfers = 4;
	t = make_transport(&options);
	for (i = 0; i < 4; i++)
		(void) add_post(t, (uint64_t) i, url_of(s, "/delay/100"), "x");
	sf_transport_step(t);
	options.max_transfers = 2;
	ok(sf_transport_configure(t, &options, last_error), "the window shrinks");
	is_long(sf_transport_active(t), 4, "four requests go on");
	is_long(sf_transport_free(t), 0, "no place is free");
	ok(!add_post(t, 9, url_of(s, "/ok"), "x"), "no request is taken");
	drive(t, 4, 5000);
	is_long(nresults, 4, "the four end");
	for (i = 0; i < 4 && results[i].r.stage == SF_STAGE_ANSWERED; i++)
		;
	is_long(i, 4, "answered");
	is_long(sf_transport_free(t), 2, "two places are left");
	ok(sf_transport_configure(t, &options, last_error), "configured again");
	is_long(t->ntransfers, 2, "two transfers are kept");
	options.max_transfers = 10;
	ok(sf_transport_configure(t, &options, last_error), "the window grows");
	for (i = 0; i < 10 && add_post(t, (uint64_t) i, url_of(s, "/ok"), "x"); i++)
		;
	is_long(i, 10, "ten requests are taken");
	drive(t, 10, 5000);
	is_long(nresults, 10, "and end");
	sf_transport_destroy(t);
}

/* Timeouts and limits apply to requests added from then on. */
static void
test_timeouts(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	sf_http_request hurried = {
		.tag = 3, .method = "POST", .url = url_of(s, "/delay/4000"), .body = "x", .body_len = 1, .timeout_ms = 100
	};

	(void) add_post(t, 1, url_of(s, "/delay/600"), "x");
	sf_transport_step(t);
	options.timeout_ms = 150;
	ok(sf_transport_configure(t, &options, last_error), "a shorter timeout");
	(void) add_post(t, 2, url_of(s, "/delay/600"), "x");
	drive(t, 2, 5000);
	is_long((long) results[0].r.tag, 2, "the later request ends first");
	is_text(stage_name(results[0].r.stage), "sent", "timed out");
	is_long(results[0].r.curl_code, 28, "curl says so");
	ok(results[0].r.total_us >= 149000, "not before its timeout: %ld us", (long) results[0].r.total_us);
	is_text(stage_name(results[1].r.stage), "answered", "the earlier one keeps its own");

	options.timeout_ms = 10000;
	ok(sf_transport_configure(t, &options, last_error), "a longer timeout");
	(void) add_request(t, &hurried);
	drive(t, 1, 5000);
	ok(results[0].r.curl_code == 28 && results[0].r.total_us < 3000000, "a request's own timeout wins: %ld us",
	   (long) results[0].r.total_us);
	(void) post_once(t, url_of(s, "/delay/300"), "x");
	is_text(stage_name(results[0].r.stage), "answered", "and is not inherited");

	options.max_response = 5;
	ok(sf_transport_configure(t, &options, last_error), "a lower limit for responses");
	is_text(post_once(t, url_of(s, "/ok"), "x")->r.error, "response too large", "is in force");
	options.max_response = 1000;
	ok(sf_transport_configure(t, &options, last_error), "a higher one");
	is_text(stage_name(post_once(t, url_of(s, "/ok"), "x")->r.stage), "answered", "too");

	options.max_transfers = 0;
	ok(!sf_transport_configure(t, &options, last_error), "bad options are refused");
	is_text(stage_name(post_once(t, url_of(s, "/ok"), "x")->r.stage), "answered", "and the old ones stay");
	sf_transport_destroy(t);
}

/* A proxy: the configured one, never the environment's. */
static void
test_proxy(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	char		proxy[100];
	result	   *res;

	/* The environment names a proxy that is not there: see main(). */
	t = make_transport(&options);
	is_text(stage_name(post_once(t, url_of(s, "/ok"), "x")->r.stage), "answered", "the environment's proxy is ignored");

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", s->port);
	options.proxy = proxy;
	ok(sf_transport_configure(t, &options, last_error), "a proxy is set");
	res = post_once(t, "https://good.test/", "x");
	is_long(atomic_load(&s->counts->tunnels), 1, "and asked for a tunnel");
	is_text(stage_name(res->r.stage), "not sent", "refused there: not sent");
	res = post_once(t, url_of(s, "/echo"), "x");
	ok(strncmp(res->body, "POST /echo ", 11) == 0, "plain http to this machine does not use it");
	options.proxy = "";
	ok(sf_transport_configure(t, &options, last_error), "and taken away");
	res = post_once(t, "https://good.test:1/", "x");
	is_long(atomic_load(&s->counts->tunnels), 1, "and asked no more");
	sf_transport_destroy(t);
}

/* True when memory holds a text. */
static bool
holds(const char *memory, size_t size, const char *text)
{
	return memory != NULL && memmem(memory, size, text, strlen(text)) != NULL;
}

/* Nothing of a request or reply is left in the buffers of a pooled transfer. */
static void
test_forgets(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	sf_http_header header = {"X-Api-Key", "KEYSECRET"};
	sf_http_request request = {
		.tag = 1, .method = "POST", .url = url_of(s, "/echo"), .userpwd = "user:PASSSECRET",
		.headers = &header, .nheaders = 1, .body = "BODYSECRET", .body_len = 10
	};
	sf_transfer *transfer;
	sf_http_response response;
	size_t		request_used;
	size_t		reply_used;
	char	   *large;

	options.max_transfers = 1;
	t = make_transport(&options);
	(void) add_request(t, &request);
	transfer = t->transfers[0];
	request_used = transfer->request.used;
	ok(holds(transfer->request.data, request_used, "BODYSECRET") &&
	   holds(transfer->request.data, request_used, "KEYSECRET"), "a running request is in memory");
	while (!sf_transport_next(t, &response))
		sf_transport_step(t);
	reply_used = transfer->reply.used;
	ok(holds(transfer->reply.data, reply_used, "BODYSECRET"), "its reply is in memory");
	ok(!holds(transfer->request.data, request_used, "SECRET") &&
	   !holds(transfer->request.data, request_used, "dXNlcjpQQVNT"), "the request is wiped as soon as it ended");
	ok(add_request(t, &request), "the next request may come before the reply was given up");
	is_long(t->ntransfers, 1, "and takes its place");
	ok(!holds(transfer->reply.data, reply_used, "SECRET"), "the reply is wiped after use");
	drive(t, 1, 5000);

	large = malloc(100001);
	memset(large, 'x', 100000);
	large[100000] = '\0';
	(void) post_once(t, url_of(s, "/echo"), large);
	sf_transport_step(t);
	ok(transfer->request.size <= SF_KEEP_BUFFER && transfer->reply.size <= SF_KEEP_BUFFER,
	   "large buffers are not kept");
	free(large);
	ok(access(file_of("keylog"), F_OK) != 0, "no key log was written");
	sf_transport_destroy(t);
}

void
test_configure(void)
{
	server		s = server_start(NULL, NULL);

	test_window(&s);
	test_timeouts(&s);
	test_proxy(&s);
	test_forgets(&s);
	server_stop(&s);
}
