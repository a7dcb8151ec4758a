/*-------------------------------------------------------------------------
 *
 * test_refuse.c
 *		Requests and options that are not taken.
 *
 *-------------------------------------------------------------------------
 */
#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static sf_transport *t;

/* A URL that must be refused, and a word of the reason. */
static void
refused_url(const char *url, const char *word)
{
	ok(!add_post(t, 1, url, "x") && strstr(last_error, word) != NULL, "refused, %s: %.60s", word, url);
}

/* A header that must be refused. */
static void
refused_header(const char *name, const char *value, const char *what)
{
	sf_http_header header = {name, value};
	sf_http_request request = {
		.method = "POST", .url = "https://good.test/", .headers = &header, .nheaders = 1, .body = "x", .body_len = 1
	};

	ok(!add_request(t, &request) && strstr(last_error, "header") != NULL, "header refused: %s", what);
}

/* A request that must be refused. */
static void
refused_request(sf_http_request request, const char *what)
{
	ok(!add_request(t, &request) && last_error[0] != '\0', "refused: %s (%s)", what, last_error);
}

/* Options that must be refused, and a word of the reason. */
static void
refused_options(sf_transport_options options, const char *word)
{
	sf_transport *other = sf_transport_create(&options, last_error);

	ok(other == NULL && strstr(last_error, word) != NULL, "options refused: %s (%s)", word, last_error);
	sf_transport_destroy(other);
	ok(!sf_transport_configure(t, &options, last_error), "by configure too");
}

static void
test_urls(void)
{
	char		long_url[9000] = "https://good.test/";
	server		s = server_start(NULL, NULL);
	sf_transport_options options = usual_options();
	const char *const fine[] = {"http://127.0.0.1:%d/ok", "http://localhost:%d/ok", "http://LocalHost:%d/ok",
	"http://127.0.0.1:%d/ok?to=%%2B1"};
	char		url[100];
	size_t		i;

	refused_url("http://example.com/", "this machine only");
	refused_url("http://10.0.0.1/", "this machine only");
	refused_url("http://128.0.0.1/", "this machine only");
	refused_url("http://127.0.0.1.example.com/", "this machine only");
	refused_url("http://localhost.example.com/", "this machine only");
	refused_url("http://localhost./", "this machine only");
	refused_url("http://[::2]/", "this machine only");
	refused_url("http://[::ffff:127.0.0.1]/", "this machine only");
	refused_url("http://[2001:db8::1]/", "this machine only");
	refused_url("http://0.0.0.0/", "this machine only");
	refused_url("http://127.0.0.1@example.com/", "user name");
	refused_url("http://user:secret@127.0.0.1/", "user name");
	refused_url("https://user:secret@good.test/", "user name");
	refused_url("https://user@good.test/", "user name");
	refused_url("http://127.0.0.1\\@example.com/", "character");
	refused_url("https://good.test/a b", "character");
	refused_url("https://good.test/a\r\nX-Evil: 1", "character");
	refused_url("https://good.test/a\nb", "character");
	refused_url("https://good.test/a\tb", "character");
	refused_url("https://good.test/\x7f", "character");
	refused_url("https://good.test/\xc3\xa9", "character");
	refused_url("ftp://127.0.0.1/", "https://");
	refused_url("file:///etc/passwd", "https://");
	refused_url("gopher://127.0.0.1/", "https://");
	refused_url("good.test/", "https://");
	refused_url("//good.test/", "https://");
	refused_url("", "https://");
	refused_url("https://", "malformed");
	refused_url("https://good.test:99999/", "malformed");
	memset(long_url + 18, 'a', sizeof(long_url) - 19);
	refused_url(long_url, "too long");

	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
	{
		snprintf(url, sizeof(url), fine[i], s.port);
		is_text(stage_name(post_once(t, url, "x")->r.stage), "answered", "taken: %s", fine[i]);
	}
	ok(add_post(t, 1, "http://[::1]:1/", "x"), "taken: http://[::1]");
	drive(t, 1, 5000);

	options.allow_insecure_http = false;
	ok(sf_transport_configure(t, &options, last_error), "plain http is switched off");
	refused_url(url, "not allowed");
	refused_url("http://127.0.0.1/", "not allowed");
	options.allow_insecure_http = true;
	ok(sf_transport_configure(t, &options, last_error), "and on");
	server_stop(&s);
}

static void
test_headers(void)
{
	static const char *const framing[] = {"Content-Length", "transfer-encoding", "CONNECTION", "Host", "Expect",
	"Upgrade", "TE", "Trailer", "Proxy-Authorization"};
	sf_http_header many[65];
	sf_http_request request = {
		.method = "POST", .url = "https://good.test/", .headers = many, .nheaders = 65, .body = "x", .body_len = 1
	};
	size_t		i;

	refused_header("X-A", "1\r\nX-Evil: 2", "CR LF in the value");
	refused_header("X-A", "1\nX-Evil: 2", "LF in the value");
	refused_header("X-A", "1\rX-Evil: 2", "CR in the value");
	refused_header("X-A", "\x01", "control character in the value");
	refused_header("X-A", "\x7f", "delete in the value");
	refused_header("X-A\r\nX-Evil", "1", "CR LF in the name");
	refused_header("X A", "1", "space in the name");
	refused_header("X-A:", "1", "colon in the name");
	refused_header("X-\xc3\xa4", "1", "not ASCII in the name");
	refused_header("", "1", "no name");
	refused_header(NULL, "1", "null name");
	refused_header("X-A", NULL, "null value");
	for (i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
		refused_header(framing[i], "1", framing[i]);
	for (i = 0; i < 65; i++)
		many[i] = (sf_http_header) {"X-A", "b"};
	refused_request(request, "65 headers");
	request.nheaders = -1;
	refused_request(request, "fewer than none");
}

static void
test_requests(void)
{
	sf_http_request good = {.method = "POST", .url = "https://good.test/", .body = "x", .body_len = 1};
	sf_http_request request = good;
	char	   *large = malloc(2 * 1024 * 1024);

	request.method = "PUT";
	refused_request(request, "another method");
	request.method = "post";
	refused_request(request, "a method in small letters");
	request.method = NULL;
	refused_request(request, "no method");
	request = good;
	request.url = NULL;
	refused_request(request, "no URL");
	request = good;
	request.method = "GET";
	refused_request(request, "GET with a body");
	request = good;
	request.body = NULL;
	refused_request(request, "a length without a body");
	request = good;
	request.timeout_ms = LONG_MAX;
	refused_request(request, "an absurd timeout");
	request.timeout_ms = -1;
	refused_request(request, "a negative timeout");
	request = good;
	memset(large, 'x', 2 * 1024 * 1024);
	request.body = large;
	request.body_len = 1024 * 1024 + 1;
	refused_request(request, "a body over 1 MB");
	request.body_len = SIZE_MAX;
	refused_request(request, "a body of absurd length");
	request = good;
	large[2 * 1024 * 1024 - 1] = '\0';
	request.userpwd = large;
	refused_request(request, "credentials over 1 MB");
	is_long(sf_transport_active(t), 0, "nothing refused takes a place");
	free(large);
}

static void
test_options(void)
{
	sf_transport_options good = usual_options();
	sf_transport_options options = good;

	options.max_transfers = 0;
	refused_options(options, "window");
	options.max_transfers = SF_TRANSPORT_MAX_WINDOW + 1;
	refused_options(options, "window");
	options = good;
	options.timeout_ms = 0;
	refused_options(options, "timeouts");
	options = good;
	options.connect_timeout_ms = -1;
	refused_options(options, "timeouts");
	options = good;
	options.max_response = 0;
	refused_options(options, "limit");
	options = good;
	options.ca_file = "/nonexistent/ca.pem";
	refused_options(options, "cannot be read");
	options = good;
	options.user_agent = "a\r\nX-Evil: 1";
	refused_options(options, "user agent");
	options = good;
	options.proxy = "http://a b";
	refused_options(options, "proxy");
	options = good;
	options.timeout_ms = LONG_MAX;
	refused_options(options, "timeouts");
	options = good;
	options.connect_timeout_ms = LONG_MAX;
	refused_options(options, "timeouts");
}

/* The window never outgrows the descriptors the process may have. */
static void
test_descriptor_limit(void)
{
	pid_t		pid;
	int			status;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
	{
		struct rlimit limit = {.rlim_cur = 100, .rlim_max = 164};
		sf_transport_options options = usual_options();
		sf_transport *other;

		options.max_transfers = 500;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			_exit(1);
		other = sf_transport_create(&options, last_error);
		if (other == NULL || sf_transport_free(other) != 100)
			_exit(2);
		if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 164)
			_exit(3);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		skip(1, "the limit of open files cannot be changed here");
	else
		is_long(status, 0, "the window is cut to what descriptors allow, the soft limit raised");
}

void
test_refuse(void)
{
	sf_transport_options options = usual_options();

	t = make_transport(&options);
	test_urls();
	test_headers();
	test_requests();
	test_options();
	test_descriptor_limit();
	sf_transport_destroy(t);
}
