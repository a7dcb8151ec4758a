/*-------------------------------------------------------------------------
 *
 * test_reply.c
 *		What is kept of an answer, and what is too much.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

/* Headers the caller sees. */
static void
test_headers(const server *s, sf_transport *t)
{
	result	   *res = post_once(t, url_of(s, "/headers"), "x");
	int			i;

	is_long(res->r.status, 429, "429");
	is_text(stage_name(res->r.stage), "answered", "is an answer");
	is_text(res->retry_after, "17", "Retry-After, trimmed");
	is_text(header_of(res, "retry-after"), "17", "among the headers too");
	is_text(header_of(res, "x-limit"), "5", "an X- header, its name in small letters");
	is_text(header_of(res, "x-empty"), "", "an empty one");
	is_text(header_of(res, "x-strange"), "a?b?", "what is not printable is replaced");
	is_text(header_of(res, "set-cookie"), NULL, "no other header");
	is_text(header_of(res, "content-length"), NULL, "none at all");
	is_long(res->nheaders, 32, "and not more than 32");
	for (i = 0; i < res->nheaders && res->names[i][0] != '\0'; i++)
		;
	is_long(i, 32, "all with a name");

	res = post_once(t, url_of(s, "/ok"), "x");
	is_text(header_of(res, "x-request-id"), "Ab1", "the next answer has its own");
	is_long(res->nheaders, 1, "and no others");
	ok(res->r.retry_after == NULL, "and no Retry-After");

	res = post_once(t, url_of(s, "/interim"), "x");
	is_long(res->r.status, 201, "an interim answer is not the answer");
	is_text(header_of(res, "x-late"), "2", "headers of the final one");
	is_text(header_of(res, "x-early"), NULL, "not of the interim one");

	res = post_once(t, url_of(s, "/big-head/30000"), "x");
	is_text(stage_name(res->r.stage), "answered", "30 kB of headers are read");
	ok(res->nheaders <= 32, "and mostly dropped");
}

/* Answers above the limits. */
static void
test_limits(const server *s, sf_transport *t)
{
	result	   *res = post_once(t, url_of(s, "/big/65536"), "x");

	is_text(stage_name(res->r.stage), "answered", "an answer as large as allowed");
	is_long((long) res->r.body_len, 65536, "is whole");
	res = post_once(t, url_of(s, "/big/65537"), "x");
	is_text(stage_name(res->r.stage), "sent", "a byte more is no answer");
	is_text(res->r.error, "response too large", "and says why");
	is_long(res->r.status, 200, "its status is known");
	is_long(res->r.curl_code, 23, "curl could not write it");
	res = post_once(t, url_of(s, "/big/100000000"), "x");
	is_text(res->r.error, "response too large", "nor are 100 MB read");
	res = post_once(t, url_of(s, "/big-head/70000"), "x");
	is_text(stage_name(res->r.stage), "sent", "too many headers are no answer");
	is_text(res->r.error, "response headers too large", "and say why");
	res = post_once(t, url_of(s, "/ok"), "x");
	is_text(stage_name(res->r.stage), "answered", "the next request is not harmed");
	is_text(res->body, "{\"sid\":\"SM1\"}", "and its body is clean");
}

/* Redirects are answers, not orders. */
static void
test_redirect(const server *s, sf_transport *t)
{
	long		before = atomic_load(&s->counts->requests);
	result	   *res = post_once(t, url_of(s, "/redirect"), "x");

	is_long(res->r.status, 302, "a redirect is the answer");
	is_text(stage_name(res->r.stage), "answered", "a complete one");
	is_long(atomic_load(&s->counts->requests) - before, 1, "and is not followed");
}

void
test_reply(void)
{
	server		s = server_start(NULL, NULL);
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);

	test_headers(&s, t);
	test_limits(&s, t);
	test_redirect(&s, t);
	sf_transport_destroy(t);
	server_stop(&s);
}
