/*-------------------------------------------------------------------------
 *
 * test_delivery.c
 *		How far a transfer came, and that no request is ever sent twice.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "transport/internal.h"

/* A port nobody listens on. */
static int
closed_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	len = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		return 1;
	close(fd);
	return ntohs(address.sin_port);
}

/* Sends to a path over a new connection, then over a reused one: one request each, sent. */
static void
sent_once(const server *s, const char *path, const char *method, const char *body, long status)
{
	sf_transport_options options = usual_options();
	int			reused;

	options.timeout_ms = 300;
	for (reused = 0; reused < 2; reused++)
	{
		sf_transport *t = make_transport(&options);
		sf_http_request request = {
			.tag = 1, .method = method, .url = url_of(s, path), .body = body, .body_len = body ? strlen(body) : 0
		};
		char		what[100];
		long		before;
		result	   *res = &results[0];

		snprintf(what, sizeof(what), "%s %s, %s connection", method, path, reused ? "reused" : "new");
		if (reused)
			(void) post_once(t, url_of(s, "/ok"), "first");
		before = atomic_load(&s->counts->requests);
		(void) add_request(t, &request);
		drive(t, 1, 5000);
		is_long(nresults, 1, "%s: ends", what);
		is_text(stage_name(res->r.stage), "sent", "%s: sent", what);
		ok(res->r.bytes_out > 0 && res->r.curl_code != 0 && res->r.error[0] != '\0',
		   "%s: with bytes and a reason (%s)", what, res->r.error);
		is_long(res->r.status, status, "%s: status", what);
#ifndef SF_CURL_HAS_PREREQ
		/* curl forgets what it uploaded when it tries again; an empty POST gets a connection of its own. */
		ok((long) res->r.bytes_out <= atomic_load(&s->counts->last_size), "%s: bytes_out", what);
		is_long(atomic_load(&s->counts->last_repeat), reused && body != NULL, "%s: reused or not", what);
#else
		is_long((long) res->r.bytes_out, atomic_load(&s->counts->last_size), "%s: bytes_out", what);
		is_long(atomic_load(&s->counts->last_repeat), reused, "%s: reused or not", what);
#endif

		/* The next request on this transport proves that nothing else is on its way. */
		(void) post_once(t, url_of(s, "/ok"), "after");
		is_text(stage_name(res->r.stage), "answered", "%s: the next one is answered", what);
		is_long(atomic_load(&s->counts->requests) - before, 2, "%s: exactly one request was seen", what);
		sf_transport_destroy(t);
	}
}

/* Failures before a byte was written. */
static void
test_not_sent(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	char		url[100];
	result	   *res;
	long		before;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed_port());
	res = post_once(t, url, "x");
	is_text(stage_name(res->r.stage), "not sent", "connection refused: not sent");
	is_long(res->r.curl_code, 7, "curl says so");
	is_long((long) res->r.bytes_out, 0, "no bytes");
	is_long(res->r.status, 0, "no status");
	ok(res->r.error[0] != '\0', "a reason: %s", res->r.error);

	res = post_once(t, "https://127.0.0.1:1/", "x");
	is_text(stage_name(res->r.stage), "not sent", "connection refused over https: not sent");

	/* TLS spoken to a server that does not: the request was not written yet. */
	before = atomic_load(&s->counts->requests);
	res = post_once(t, tls_url_of(s, "127.0.0.1", "/ok"), "x");
	is_text(stage_name(res->r.stage), "not sent", "no TLS there: not sent");
	is_long(atomic_load(&s->counts->requests) - before, 0, "and no request was seen");
	sf_transport_destroy(t);
}

/* The server closed an idle connection; the next request must not suffer, nor be doubled. */
static void
test_idle_closed(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	long		before = atomic_load(&s->counts->requests);
	int			i;
	int			good = 0;

	for (i = 0; i < 50; i++)
	{
		result	   *res = post_once(t, url_of(s, "/ok-close"), "x");

		good += res->r.stage == SF_STAGE_ANSWERED && res->r.status == 201;
		if (!idle_closed(t))
			break;
	}
	is_long(good, 50, "a connection closed while idle is replaced");
	is_long(atomic_load(&s->counts->requests) - before, 50, "with one request each");
	sf_transport_destroy(t);
}

/*
 * The other side is found dead in the very write.  curl would try again; we
 * do not, and call it sent, since it had begun.
 */
static void
test_write_fails(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	long		before;
	result	   *res = post_once(t, url_of(s, "/ok"), "x");

	is_text(stage_name(res->r.stage), "answered", "a first request");
	before = atomic_load(&s->counts->requests);
	atomic_store(&fail_sends, 1);
	res = post_once(t, url_of(s, "/ok"), "x");
	atomic_store(&fail_sends, 0);
#ifndef SF_CURL_HAS_PREREQ
	/* Without the callback curl may repeat what it has not written a byte of. */
	ok(res->r.stage == SF_STAGE_ANSWERED || res->r.stage == SF_STAGE_SENT, "a write that fails at once: %s",
	   stage_name(res->r.stage));
	is_long(atomic_load(&s->counts->requests) - before, res->r.stage == SF_STAGE_ANSWERED, "one request or none");
	skip(1, "libcurl may repeat it");
#else
	is_text(stage_name(res->r.stage), "sent", "a write that fails at once is in doubt");
	is_long((long) res->r.bytes_out, 0, "though no byte is counted");
	is_long(atomic_load(&s->counts->requests) - before, 0, "and is not repeated");
#endif
	sf_transport_destroy(t);
}

/* A whole answer counts, even if a reset comes right behind it. */
static void
test_answer_then_reset(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	long		before = atomic_load(&s->counts->closed);
	int64_t		end = clock_us() + 2000000;

	(void) add_post(t, 1, url_of(s, "/ok-reset"), "x");

	/* The request goes out; then we look away until answer and reset are both here. */
	while (atomic_load(&s->counts->connections) == 0 || sf_transport_timeout(t) == 0)
		sf_transport_step(t);
	while (atomic_load(&s->counts->closed) == before && clock_us() < end)
		if (atomic_load(&s->counts->requests) == 0)
			sf_transport_step(t);
	drive(t, 1, 5000);
	is_long(atomic_load(&s->counts->closed), before + 1, "a connection was reset");
	is_text(stage_name(results[0].r.stage), "answered", "an answer with a reset behind it is an answer (%s)",
			results[0].r.error);
	is_long(results[0].r.status, 201, "with its status");
	sf_transport_destroy(t);
}

/* An answer without a length ends with the connection: complete as far as anybody can tell. */
static void
test_to_the_end(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	result	   *res = post_once(t, url_of(s, "/to-the-end"), "x");

	is_text(stage_name(res->r.stage), "answered", "an answer without a length is an answer");
	is_text(res->body, "until the end", "and whole");
	sf_transport_destroy(t);
}

void
test_delivery(void)
{
	server		s = server_start(NULL, NULL);

	test_answer_then_reset(&s);
	test_not_sent(&s);
	sent_once(&s, "/read-close", "POST", "To=1&Body=x", 0);
	sent_once(&s, "/read-reset", "POST", "To=1&Body=x", 0);
	sent_once(&s, "/read-close", "POST", NULL, 0);
	sent_once(&s, "/read-reset", "POST", NULL, 0);
#ifdef SF_CURL_HAS_PREREQ
	sent_once(&s, "/read-close", "GET", NULL, 0);
	sent_once(&s, "/read-reset", "GET", NULL, 0);
#endif
	sent_once(&s, "/half-status", "POST", "x", 0);
	sent_once(&s, "/half-line", "POST", "x", 201);
	sent_once(&s, "/half-head", "POST", "x", 201);
	sent_once(&s, "/half-body", "POST", "x", 201);
	sent_once(&s, "/half-chunk", "POST", "x", 201);
	sent_once(&s, "/no-last-chunk", "POST", "x", 201);
	sent_once(&s, "/interim-only", "POST", "x", 0);
	sent_once(&s, "/not-http", "POST", "x", 0);
	sent_once(&s, "/hang", "POST", "x", 0);
	sent_once(&s, "/drip", "POST", "x", 200);
	test_idle_closed(&s);
	test_write_fails(&s);
	test_to_the_end(&s);
	server_stop(&s);
}
