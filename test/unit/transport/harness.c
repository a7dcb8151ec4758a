/*-------------------------------------------------------------------------
 *
 * harness.c
 *		TAP output, and driving a transport.
 *
 *-------------------------------------------------------------------------
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certs.h"
#include "harness.h"
#include "transport/internal.h"

result	   *results;
int			nresults;
char		last_error[SF_TRANSPORT_ERROR_SIZE];
char		work_dir[] = "/tmp/transport_test.XXXXXX";

static int	tests_run;
static int	tests_failed;

/* One test: its number, whether it passed, what it is about. */
int
ok(int condition, const char *format,...)
{
	va_list		args;

	tests_run++;
	if (!condition)
		tests_failed++;
	printf("%sok %d - ", condition ? "" : "not ", tests_run);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return condition;
}

/* A test that a number is the expected one. */
int
is_long(long got, long expected, const char *format,...)
{
	char		name[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (!ok(got == expected, "%s", name))
		note("got %ld, expected %ld", got, expected);
	return got == expected;
}

/* A test that a text is the expected one. */
int
is_text(const char *got, const char *expected, const char *format,...)
{
	char		name[512];
	va_list		args;
	bool		same = got == NULL || expected == NULL ? got == expected : strcmp(got, expected) == 0;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (!ok(same, "%s", name))
		note("got \"%s\", expected \"%s\"", got == NULL ? "(null)" : got, expected == NULL ? "(null)" : expected);
	return same;
}

/* Tests that cannot run here. */
void
skip(int count, const char *why)
{
	while (count-- > 0)
		printf("ok %d # skip %s\n", ++tests_run, why);
	fflush(stdout);
}

/* A line for the reader. */
void
note(const char *format,...)
{
	va_list		args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* Options that suit most tests. */
sf_transport_options
usual_options(void)
{
	sf_transport_options options;

	memset(&options, 0, sizeof(options));
	options.max_transfers = 64;
	options.connect_timeout_ms = 5000;
	options.timeout_ms = 10000;
	options.max_response = 64 * 1024;
	options.user_agent = "transport-test";
	options.allow_insecure_http = true;
	return options;
}

/* A transport; ends the tests when there is none. */
sf_transport *
make_transport(const sf_transport_options *options)
{
	sf_transport *t = sf_transport_create(options, last_error);

	if (t == NULL)
	{
		printf("Bail out! no transport: %s\n", last_error);
		exit(1);
	}
	return t;
}

/* sf_transport_add, with the reason in last_error. */
bool
add_request(sf_transport *t, const sf_http_request *request)
{
	last_error[0] = '\0';
	return sf_transport_add(t, request, last_error);
}

/* Adds a POST of a form; NULL: without a body. */
bool
add_post(sf_transport *t, uint64_t tag, const char *url, const char *body)
{
	sf_http_request request = {
		.tag = tag, .method = "POST", .url = url, .body = body, .body_len = body == NULL ? 0 : strlen(body)
	};

	return add_request(t, &request);
}

/* Adds a GET. */
bool
add_get(sf_transport *t, uint64_t tag, const char *url)
{
	sf_http_request request = {.tag = tag, .method = "GET", .url = url};

	return add_request(t, &request);
}

/* One of a few texts that live until their turn comes again. */
static char *
rotating(void)
{
	static char texts[8][512];
	static int	next;

	return texts[next++ % 8];
}

/* The URL of a path of a plain server. */
const char *
url_of(const server *s, const char *path)
{
	char	   *url = rotating();

	snprintf(url, 512, "http://127.0.0.1:%d%s", s->port, path);
	return url;
}

/* The URL of a path of a TLS server, by a host name. */
const char *
tls_url_of(const server *s, const char *host, const char *path)
{
	char	   *url = rotating();

	snprintf(url, 512, "https://%s:%d%s", host, s->port, path);
	return url;
}

/* The path of a file of this run. */
const char *
file_of(const char *name)
{
	char	   *path = rotating();

	snprintf(path, 512, "%s/%s", work_dir, name);
	return path;
}

/* Monotonic microseconds. */
int64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Keeps a copy of a response. */
static void
keep(const sf_http_response *response)
{
	result	   *res = &results[nresults++ % MAX_RESULTS];
	int			i;

	memset(res, 0, sizeof(*res));
	res->r = *response;
	snprintf(res->body, sizeof(res->body), "%s", response->body);
	if (response->retry_after != NULL)
		snprintf(res->retry_after, sizeof(res->retry_after), "%s", response->retry_after);
	for (i = 0; i < response->nheaders && i < 40; i++)
	{
		snprintf(res->names[i], sizeof(res->names[i]), "%s", response->headers[i].name);
		snprintf(res->values[i], sizeof(res->values[i]), "%s", response->headers[i].value);
	}
	res->nheaders = response->nheaders;
}

/* Runs t until count responses came or ms passed; returns the wake-ups it took. */
int
drive(sf_transport *t, int count, int ms)
{
	int64_t		end = clock_us() + (int64_t) ms * 1000;
	struct pollfd p = {.fd = sf_transport_fd(t), .events = POLLIN};
	int			wakeups = 0;

	nresults = 0;
	while (nresults < count && clock_us() < end)
	{
		sf_http_response response;
		long		timeout = sf_transport_timeout(t);

		if (timeout < 0 || timeout > 1000)
			timeout = 1000;
		(void) poll(&p, 1, (int) timeout);
		wakeups++;
		sf_transport_step(t);
		while (sf_transport_next(t, &response))
			keep(&response);
	}
	return wakeups;
}

/* One POST from beginning to end; a result with an impossible tag when it never ended. */
result *
post_once(sf_transport *t, const char *url, const char *body)
{
	memset(&results[0], 0, sizeof(results[0]));
	results[0].r.tag = UINT64_MAX;
	results[0].r.curl_code = -1;
	if (!add_post(t, 1, url, body))
	{
		note("refused: %s", last_error);
		return &results[0];
	}
	drive(t, 1, 20000);
	return &results[0];
}

/* A captured header; NULL without. */
const char *
header_of(const result *res, const char *name)
{
	int			i;

	for (i = 0; i < res->nheaders && i < 40; i++)
		if (strcmp(res->names[i], name) == 0)
			return res->values[i];
	return NULL;
}

/* The word for a stage. */
const char *
stage_name(sf_http_stage stage)
{
	return stage == SF_STAGE_NOT_SENT ? "not sent" : stage == SF_STAGE_SENT ? "sent" : "answered";
}

/* Descriptors this process has open. */
int
open_descriptors(void)
{
	DIR		   *dir = opendir("/proc/self/fd");
	int			n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Waits until the other side closes the idle connection; false after a second. */
bool
idle_closed(sf_transport *t)
{
	struct pollfd p = {.fd = sf_transport_fd(t), .events = POLLIN};

	if (poll(&p, 1, 1000) != 1)
		return false;
	sf_transport_step(t);
	return true;
}

/* Removes the files of this run. */
static void
remove_work_dir(void)
{
	DIR		   *dir = opendir(work_dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			(void) unlink(file_of(entry->d_name));
	if (dir != NULL)
		closedir(dir);
	(void) rmdir(work_dir);
}

int
main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		void		(*run) (void);
	}			groups[] = {
		{"send", test_send}, {"refuse", test_refuse}, {"reply", test_reply},
		{"delivery", test_delivery}, {"configure", test_configure}, {"tls", test_tls},
		{"resolve", test_resolve}, {"loop", test_loop}, {"load", test_load}
	};
	const char *problem;
	const char *warning;
	size_t		i;

	signal(SIGPIPE, SIG_IGN);

#ifndef SF_CURL_HAS_PREREQ
	/* The old way never meets a libcurl that may take closed connections for open ones. */
	if (curl_version_info(CURLVERSION_NOW)->version_num >= 0x081600)
	{
		printf("1..0 # skip libcurl is too new for the old way\n");
		return 0;
	}
#endif

	/* Traps: none of this may have any effect. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	setenv("no_proxy", "*", 1);
	results = calloc(MAX_RESULTS, sizeof(result));
	if (results == NULL || mkdtemp(work_dir) == NULL)
		return 1;
	setenv("SSLKEYLOGFILE", file_of("keylog"), 1);

	certs_make(work_dir, "good", "good.test", 0);
	certs_make(work_dir, "other", "good.test", 0);
	certs_make(work_dir, "expired", "good.test", 1);
	problem = sf_transport_global_init();
	if (problem != NULL)
	{
		printf("Bail out! %s\n", problem);
		return 1;
	}
	note("libcurl %s", sf_transport_version(&warning));
	if (warning != NULL)
		note("%s", warning);

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
	{
		if (argc > 1 && strcmp(argv[1], groups[i].name) != 0)
			continue;
		note("%s", groups[i].name);
		groups[i].run();
	}
	printf("1..%d\n", tests_run);
	remove_work_dir();
	free(results);
	return tests_failed > 0 ? 1 : 0;
}
