/*-------------------------------------------------------------------------
 *
 * test_send.c
 *		Requests that go well: what the server sees, what comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

/* One POST with everything a provider needs. */
static void
test_whole_request(const server *s)
{
	static const sf_http_header headers[] = {
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"X-Empty", ""},
		{"Accept", "application/json"}
	};
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	sf_http_request request = {
		.tag = 42, .method = "POST", .url = url_of(s, "/echo"), .userpwd = "Aladdin:open sesame",
		.headers = headers, .nheaders = 3, .body = "To=%2B1&Body=a", .body_len = 14
	};
	result	   *res = &results[0];

	ok(add_request(t, &request), "a request is taken: %s", last_error);
	is_long(sf_transport_active(t), 1, "it is active");
	is_long(sf_transport_timeout(t), 0, "step is wanted at once");
	drive(t, 1, 5000);
	is_long(nresults, 1, "it ends");
	is_long((long) res->r.tag, 42, "the tag comes back");
	is_text(stage_name(res->r.stage), "answered", "it was answered");
	is_long(res->r.status, 200, "status");
	is_long(res->r.curl_code, 0, "no curl error");
	is_text(res->r.error, "", "no error text");
	is_long(res->r.http_version, 1, "HTTP/1");
	ok(!res->r.reused, "over a new connection");
	ok(strncmp(res->body, "POST /echo HTTP/1.1\r\n", 21) == 0, "request line");
	ok(strstr(res->body, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n") != NULL, "credentials");
	ok(strstr(res->body, "\r\nContent-Type: application/x-www-form-urlencoded\r\n") != NULL, "a header");
	ok(strstr(res->body, "\r\nX-Empty:\r\n") != NULL, "a header without value");
	ok(strstr(res->body, "\r\nAccept: application/json\r\n") != NULL, "a header that replaces curl's");
	ok(strstr(res->body, "\r\nUser-Agent: transport-test\r\n") != NULL, "user agent");
	ok(strstr(res->body, "\r\nContent-Length: 14\r\n") != NULL, "length");
	ok(strstr(res->body, "Expect") == NULL, "no Expect");
	ok(strstr(res->body, "\r\n\r\nTo=%2B1&Body=a") != NULL, "body");
	is_long((long) res->r.bytes_out, atomic_load(&s->counts->last_size), "bytes_out is what the server read");
	ok(res->r.total_us >= res->r.first_byte_us && res->r.first_byte_us >= res->r.connect_us &&
	   res->r.connect_us > 0, "times are in order");
	is_long(sf_transport_active(t), 0, "nothing is active");

	request.userpwd = NULL;
	request.tag = 43;
	ok(add_request(t, &request), "a second request is taken");
	drive(t, 1, 5000);
	is_long((long) res->r.tag, 43, "its tag");
	ok(res->r.reused, "over the same connection");
	ok(strstr(res->body, "Authorization") == NULL, "without the credentials of the first");
	is_long((long) res->r.bytes_out, atomic_load(&s->counts->last_size), "bytes_out again");

	ok(add_get(t, 44, url_of(s, "/echo")), "a GET is taken");
	drive(t, 1, 5000);
	ok(strncmp(res->body, "GET /echo HTTP/1.1\r\n", 20) == 0, "as a GET");
	ok(strstr(res->body, "Content-Length") == NULL && strstr(res->body, "To=") == NULL, "without a body");
	is_long((long) res->r.bytes_out, atomic_load(&s->counts->last_size), "bytes_out of a GET");

	res = post_once(t, url_of(s, "/echo"), NULL);
	ok(strncmp(res->body, "POST /echo", 10) == 0 &&
	   strstr(res->body, "\r\nContent-Length: 0\r\n") != NULL, "a POST without a body");
	sf_transport_destroy(t);
}

/* Bodies around the sizes where curl and the sockets change their ways. */
static void
test_body_sizes(const server *s)
{
	static const size_t sizes[] = {1, 1000, 16383, 16384, 16385, 65535, 65536, 100000, 200000};
	sf_transport_options options = usual_options();
	sf_transport *t;
	char	   *body = malloc(200001);
	size_t		i;

	options.max_response = 300000;
	t = make_transport(&options);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		sf_http_request request = {
			.tag = i, .method = "POST", .url = url_of(s, "/echo"), .body = body, .body_len = sizes[i]
		};

		memset(body, 'a' + (int) i, sizes[i]);
		ok(add_request(t, &request), "a body of %zu bytes is taken", sizes[i]);
		drive(t, 1, 5000);
		is_long((long) results[0].r.body_len, atomic_load(&s->counts->last_size), "and arrives whole");
		ok(results[0].r.bytes_out > sizes[i] &&
		   (long) results[0].r.bytes_out <= atomic_load(&s->counts->last_size), "and is counted");
	}
	atomic_store(&short_sends, 50);
	memset(body, 'z', 1000);
	body[1000] = '\0';
	(void) post_once(t, url_of(s, "/echo"), body);
	atomic_store(&short_sends, 0);
	is_text(stage_name(results[0].r.stage), "answered", "a request the socket takes in small pieces is answered");
	ok(strstr(results[0].body, "zzzz") != NULL && results[0].r.bytes_out >= 1000, "and counted");
	free(body);
	sf_transport_destroy(t);
}

/* Many at once, more often than there are places. */
static void
test_many(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	char		seen[1000] = {0};
	int			added = 0;
	int			ended = 0;
	int			good = 0;
	int			i;

	while (ended < 1000)
	{
		for (; added < 1000 && sf_transport_free(t) > 0; added++)
			if (!add_post(t, (uint64_t) added, url_of(s, "/ok"), "Body=x"))
				break;
		drive(t, 1, 5000);
		if (nresults == 0)
			break;
		for (i = 0; i < nresults; i++)
		{
			if (results[i].r.stage == SF_STAGE_ANSWERED && results[i].r.status == 201 &&
				strcmp(results[i].body, "{\"sid\":\"SM1\"}") == 0)
				good++;
			if (results[i].r.tag < 1000)
				seen[results[i].r.tag]++;
		}
		ended += nresults;
	}
	is_long(good, 1000, "1000 requests are answered");
	for (i = 0; i < 1000 && seen[i] == 1; i++)
		;
	is_long(i, 1000, "each exactly once");
	sf_transport_destroy(t);
}

/* The window. */
static void
test_window(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	sf_http_response response;

	options.max_transfers = 3;
	t = make_transport(&options);
	is_long(sf_transport_free(t), 3, "three places are free");
	is_long(sf_transport_timeout(t), -1, "nothing to wait for");
	ok(add_post(t, 1, url_of(s, "/ok"), "a") && add_post(t, 2, url_of(s, "/ok"), "b") &&
	   add_post(t, 3, url_of(s, "/ok"), "c"), "three requests are taken");
	is_long(sf_transport_free(t), 0, "no place is free");
	ok(!add_post(t, 4, url_of(s, "/ok"), "d"), "a fourth is refused");
	is_text(last_error, "the window of 3 transfers is full", "with a reason");
	drive(t, 3, 5000);
	is_long(nresults, 3, "the three end");
	is_long(sf_transport_free(t), 3, "and leave their places");

	/* A finished one keeps its place until it is taken; its reply lives until the next call. */
	ok(add_post(t, 5, url_of(s, "/ok"), "e"), "one more");
	while (sf_transport_active(t) > 0 && !sf_transport_next(t, &response))
		sf_transport_step(t);
	is_long(sf_transport_free(t), 3, "taken: the place is free");
	is_text(response.body, "{\"sid\":\"SM1\"}", "and the reply still there");
	ok(!sf_transport_next(t, &response), "there is no other");
	sf_transport_destroy(t);
}

/* Destroying with requests under way. */
static void
test_destroy(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	int			before = open_descriptors();
	int			i;

	for (i = 0; i < 20; i++)
		(void) add_post(t, (uint64_t) i, url_of(s, i % 2 ? "/hang" : "/ok"), "x");
	for (i = 0; i < 20; i++)
		sf_transport_step(t);
	sf_transport_destroy(t);
	ok(open_descriptors() < before, "destroyed with requests under way, no descriptor left");
	sf_transport_destroy(NULL);
	ok(1, "destroying nothing is nothing");
}

void
test_send(void)
{
	server		s = server_start(NULL, NULL);

	test_whole_request(&s);
	test_body_sizes(&s);
	test_many(&s);
	test_window(&s);
	test_destroy(&s);
	server_stop(&s);
}
