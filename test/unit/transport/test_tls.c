/*-------------------------------------------------------------------------
 *
 * test_tls.c
 *		Certificates, hosts, protocol versions, HTTP/2.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define H2_TESTS 14

/* A POST over TLS that must fail before it is sent, with this curl code. */
static void
untrusted(sf_transport *t, const server *s, const char *host, int code, const char *what)
{
	long		before = atomic_load(&s->counts->requests);
	result	   *res = post_once(t, tls_url_of(s, host, "/ok"), "x");

	is_text(stage_name(res->r.stage), "not sent", "%s: not sent", what);
	is_long(res->r.curl_code, code, "%s: curl says so (%s)", what, res->r.error);
	is_long(atomic_load(&s->counts->requests) - before, 0, "%s: the server saw nothing", what);
}

static void
test_certificates(void)
{
	server		good = server_start(file_of("good.pem"), file_of("good.key"));
	server		expired = server_start(file_of("expired.pem"), file_of("expired.key"));
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	char		ca[512];
	char		other_ca[512];
	char		expired_ca[512];
	result	   *res;

	snprintf(ca, sizeof(ca), "%s", file_of("good-ca.pem"));
	snprintf(other_ca, sizeof(other_ca), "%s", file_of("other-ca.pem"));
	snprintf(expired_ca, sizeof(expired_ca), "%s", file_of("expired-ca.pem"));

	untrusted(t, &good, "good.test", 60, "unknown authority");
	options.ca_file = other_ca;
	ok(sf_transport_configure(t, &options, last_error), "another authority is set");
	untrusted(t, &good, "good.test", 60, "another authority");

	options.ca_file = ca;
	ok(sf_transport_configure(t, &options, last_error), "the right authority is set");
	res = post_once(t, tls_url_of(&good, "good.test", "/echo"), "Body=x");
	is_text(stage_name(res->r.stage), "answered", "the right authority: answered (%s)", res->r.error);
	ok(res->r.tls_us > res->r.connect_us, "the handshake took time");
	is_long((long) res->r.bytes_out, atomic_load(&good.counts->last_size), "bytes_out over TLS");
	res = post_once(t, tls_url_of(&good, "good.test", "/ok"), "x");
	ok(res->r.reused, "the connection is reused");
	options.ca_file = other_ca;
	ok(sf_transport_configure(t, &options, last_error), "the authority is taken away");
	untrusted(t, &good, "good.test", 60, "no trust from before");
	options.ca_file = ca;
	ok(sf_transport_configure(t, &options, last_error), "and given back");
	untrusted(t, &good, "wrong.test", 60, "another host");
	untrusted(t, &good, "127.0.0.1", 60, "a number for a host");

	options.ca_file = NULL;
	ok(sf_transport_configure(t, &options, last_error), "back to the system's authorities");
	untrusted(t, &good, "good.test", 60, "the system's authorities");

	options.ca_file = expired_ca;
	ok(sf_transport_configure(t, &options, last_error), "the authority of an expired certificate");
	untrusted(t, &expired, "good.test", 60, "expired certificate");
	sf_transport_destroy(t);

	/* A request that dies on a reused TLS connection is not repeated either. */
	options.ca_file = ca;
	t = make_transport(&options);
	(void) post_once(t, tls_url_of(&good, "good.test", "/ok"), "x");
	atomic_store(&good.counts->requests, 0);
	res = post_once(t, tls_url_of(&good, "good.test", "/read-close"), "x");
	is_text(stage_name(res->r.stage), "sent", "closed without an answer over TLS: sent");
	is_long(atomic_load(&good.counts->last_repeat), 1, "on a reused connection");
	res = post_once(t, tls_url_of(&good, "good.test", "/ok"), "x");
	is_text(stage_name(res->r.stage), "answered", "the next is answered");
	is_long(atomic_load(&good.counts->requests), 2, "one request each");
	sf_transport_destroy(t);
	server_stop(&good);
	server_stop(&expired);
}

/* Many requests at once to an HTTP/1.1 server over TLS: none waits for ever. */
static void
test_burst(void)
{
	server		s = server_start(file_of("good.pem"), file_of("good.key"));
	sf_transport_options options = usual_options();
	sf_transport *t;
	char		ca[512];
	int			good = 0;
	int			i;

	snprintf(ca, sizeof(ca), "%s", file_of("good-ca.pem"));
	options.ca_file = ca;
	options.connect_timeout_ms = options.timeout_ms = 60000;
	t = make_transport(&options);
	for (i = 0; i < 64; i++)
		(void) add_post(t, (uint64_t) i, tls_url_of(&s, "good.test", "/delay/20"), "x");
	drive(t, 64, 60000);
	for (i = 0; i < nresults; i++)
		good += results[i].r.stage == SF_STAGE_ANSWERED;
	is_long(good, 64, "64 requests at once over TLS are answered");
	ok(atomic_load(&s.counts->connections) > 8, "over more than a few connections: %ld",
	   atomic_load(&s.counts->connections));
	sf_transport_destroy(t);
	server_stop(&s);
}

/* Starts nghttpd on a free port; -1 when it is not installed. */
static pid_t
start_nghttpd(int *port)
{
	static const char *const places[] = {"/usr/bin/nghttpd", "/usr/sbin/nghttpd", "/usr/local/bin/nghttpd"};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	len = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t		end = clock_us() + 5000000;
	const char *program = NULL;
	char		number[16];
	pid_t		pid;
	size_t		i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			program = places[i];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		program = NULL;
	close(fd);
	if (program == NULL)
		return -1;
	*port = ntohs(address.sin_port);
	snprintf(number, sizeof(number), "%d", *port);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "-a", "127.0.0.1", "--echo-upload", number, file_of("good.key"),
			  file_of("good.pem"), (char *) NULL);
		_exit(127);
	}
	for (;;)
	{
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
			break;
		close(fd);
		if (clock_us() > end)
			return -1;
		(void) poll(NULL, 0, 10);
	}
	close(fd);
	return pid;
}

/* Many requests share one connection, and none is repeated when it dies. */
static void
test_http2(void)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	server		h2 = {.pid = -1};
	char		ca[512];
	char		url[512];
	int			connections = 0;
	int			good = 0;
	int			v2 = 0;
	int			whole = 0;
	int			i;

	h2.pid = start_nghttpd(&h2.port);
	if (h2.pid < 0)
	{
		skip(H2_TESTS, "nghttpd is not installed");
		return;
	}
	snprintf(ca, sizeof(ca), "%s", file_of("good-ca.pem"));
	snprintf(url, sizeof(url), "%s", tls_url_of(&h2, "good.test", "/"));
	options.ca_file = ca;
	options.timeout_ms = 3000;
	t = make_transport(&options);
	for (i = 0; i < 50; i++)
		(void) add_post(t, (uint64_t) i, url, "To=%2B15551234567&Body=hello");
	drive(t, 50, 5000);
	is_long(nresults, 50, "50 requests at once over HTTP/2 end");
	for (i = 0; i < nresults; i++)
	{
		good += results[i].r.stage == SF_STAGE_ANSWERED && results[i].r.status == 200;
		v2 += results[i].r.http_version == 2;
		connections += !results[i].r.reused;
		whole += strcmp(results[i].body, "To=%2B15551234567&Body=hello") == 0;
	}
	is_long(good, 50, "all answered");
	is_long(v2, 50, "all with HTTP/2");
	is_long(whole, 50, "all with the right body");
	is_long(connections, 1, "over one connection");
	ok(results[0].r.bytes_out > 28, "bytes are counted: %ld", (long) results[0].r.bytes_out);
	ok(add_get(t, 1, url), "a GET for what is not there");
	drive(t, 1, 5000);
	is_long(results[0].r.status, 404, "is answered");
	is_text(stage_name(post_once(t, url, NULL)->r.stage), "answered", "a POST without a body");

	/* The server stands still, takes the request, and dies. */
	kill(h2.pid, SIGSTOP);
	(void) add_post(t, 7, url, "Body=x");
	for (i = 0; i < 5; i++)
	{
		sf_transport_step(t);
		(void) poll(NULL, 0, 10);
	}
	is_long(sf_transport_active(t), 1, "a request to a server that stands still");
	kill(h2.pid, SIGKILL);
	waitpid(h2.pid, NULL, 0);
	drive(t, 1, 5000);
	is_long(nresults, 1, "ends when it dies");
	is_text(stage_name(results[0].r.stage), "sent", "sent");
	ok(results[0].r.total_us < 2000000 && results[0].r.error[0] != '\0', "at once, with a reason: %s",
	   results[0].r.error);
	is_text(stage_name(post_once(t, url, "x")->r.stage), "not sent", "the next finds nobody");
	sf_transport_destroy(t);
}

void
test_tls(void)
{
	test_certificates();
	test_burst();
	test_http2();
}
