/*-------------------------------------------------------------------------
 *
 * post.c
 *		The transport without a database: the yardstick of the benchmark.
 *
 * Posts forms shaped like Twilio's through the very objects the worker uses,
 * keeping the window full, and prints how long it took and what it cost.
 *
 * post --url URL --count N --in-flight K --body-size B
 *		[--userpwd USER:PASSWORD] [--ca FILE]
 *
 * Output: one line of name=value pairs.  Exit status 1 when any request did
 * not end with a 2xx answer.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "transport/transport.h"

typedef struct settings
{
	const char *url;
	const char *userpwd;
	const char *ca_file;
	long		count;
	int			in_flight;
	int			body_size;
} settings;

typedef struct totals
{
	long		started;
	long		ended;
	long		errors;			/* no answer, or not 2xx */
	long		connections;
	long		steps;
	double		latency_us;		/* sum */
	char		first_error[SF_TRANSPORT_ERROR_SIZE];
} totals;

/* Seconds of wall clock since some fixed moment. */
static double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Seconds of processor time this process has used. */
static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Prints how to call this and ends. */
static void
usage(void)
{
	fprintf(stderr, "usage: post --url URL [--count N] [--in-flight K] [--body-size B] "
			"[--userpwd USER:PASSWORD] [--ca FILE]\n");
	exit(2);
}

/* A whole number of an argument, within bounds. */
static long
number(const char *text, long low, long high)
{
	char	   *end;
	long		value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || value < low || value > high)
		usage();
	return value;
}

/* Reads the command line. */
static void
read_settings(settings *set, int argc, char **argv)
{
	static const struct option names[] = {
		{"url", required_argument, NULL, 'u'},
		{"count", required_argument, NULL, 'n'},
		{"in-flight", required_argument, NULL, 'k'},
		{"body-size", required_argument, NULL, 'b'},
		{"userpwd", required_argument, NULL, 'p'},
		{"ca", required_argument, NULL, 'c'},
		{NULL, 0, NULL, 0}
	};
	int			c;

	memset(set, 0, sizeof(*set));
	set->count = 100000;
	set->in_flight = 64;
	set->body_size = 120;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
	{
		switch (c)
		{
			case 'u':
				set->url = optarg;
				break;
			case 'n':
				set->count = number(optarg, 1, 1000000000);
				break;
			case 'k':
				set->in_flight = (int) number(optarg, 1, SF_TRANSPORT_MAX_WINDOW);
				break;
			case 'b':
				set->body_size = (int) number(optarg, 0, 100000);
				break;
			case 'p':
				set->userpwd = optarg;
				break;
			case 'c':
				set->ca_file = optarg;
				break;
			default:
				usage();
		}
	}
	if (set->url == NULL || optind != argc)
		usage();
}

/* Starts requests until the window is full or all are on their way. */
static void
fill_window(sf_transport *t, const settings *set, const char *text, char *form, size_t form_size,
			totals *sum)
{
	static const sf_http_header headers[] = {
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Accept", "application/json"}
	};
	char		err[SF_TRANSPORT_ERROR_SIZE];

	while (sum->started < set->count && sf_transport_free(t) > 0)
	{
		sf_http_request request = {
			.tag = (uint64_t) sum->started, .method = "POST", .url = set->url,
			.userpwd = set->userpwd, .headers = headers, .nheaders = 2, .body = form
		};

		request.body_len = (size_t)
			snprintf(form, form_size,
					 "To=%%2B1555%07ld&From=%%2B15550001111&Body=%s"
					 "&StatusCallback=https%%3A%%2F%%2Fexample.com%%2Freceipt%%3Fid%%3D%ld",
					 sum->started % 10000000, text, sum->started);
		if (!sf_transport_add(t, &request, err))
		{
			fprintf(stderr, "post: %s\n", err);
			exit(1);
		}
		sum->started++;
	}
}

/* Takes what has ended. */
static void
take_responses(sf_transport *t, totals *sum)
{
	sf_http_response response;

	while (sf_transport_next(t, &response))
	{
		sum->ended++;
		sum->latency_us += (double) response.total_us;
		if (!response.reused)
			sum->connections++;
		if (response.stage == SF_STAGE_ANSWERED && response.status >= 200 && response.status < 300)
			continue;
		if (sum->errors++ == 0)
			snprintf(sum->first_error, sizeof(sum->first_error), "%s",
					 response.error[0] != '\0' ? response.error : "status is not 2xx");
	}
}

int
main(int argc, char **argv)
{
	settings	set;
	totals		sum;
	sf_transport_options options;
	sf_transport *t;
	struct pollfd wait_for;
	char		err[SF_TRANSPORT_ERROR_SIZE];
	const char *problem;
	char	   *text;
	char	   *form;
	size_t		form_size;
	double		began;
	double		cpu;
	double		took;

	read_settings(&set, argc, argv);
	memset(&sum, 0, sizeof(sum));
	memset(&options, 0, sizeof(options));
	options.max_transfers = set.in_flight;
	options.connect_timeout_ms = 10000;
	options.timeout_ms = 30000;
	options.max_response = 65536;
	options.ca_file = set.ca_file;
	options.user_agent = "smsfollow-bench";
	options.allow_insecure_http = true;

	form_size = (size_t) set.body_size + 256;
	text = malloc((size_t) set.body_size + 1);
	form = malloc(form_size);
	if (text == NULL || form == NULL)
		return 1;
	memset(text, 'x', (size_t) set.body_size);
	text[set.body_size] = '\0';

	problem = sf_transport_global_init();
	t = problem == NULL ? sf_transport_create(&options, err) : NULL;
	if (t == NULL)
	{
		fprintf(stderr, "post: %s\n", problem != NULL ? problem : err);
		return 1;
	}

	wait_for.fd = sf_transport_fd(t);
	wait_for.events = POLLIN;
	began = wall_seconds();
	cpu = cpu_seconds();
	while (sum.ended < set.count)
	{
		fill_window(t, &set, text, form, form_size, &sum);
		if (sf_transport_timeout(t) != 0)
			(void) poll(&wait_for, 1, (int) sf_transport_timeout(t));
		sf_transport_step(t);
		sum.steps++;
		take_responses(t, &sum);
	}
	took = wall_seconds() - began;
	cpu = cpu_seconds() - cpu;
	printf("requests=%ld seconds=%.3f per_second=%.0f cpu_seconds=%.3f cpu_us_per_request=%.2f "
		   "errors=%ld connections=%ld steps=%ld mean_latency_us=%.0f\n",
		   sum.ended, took, (double) sum.ended / took, cpu, cpu * 1e6 / (double) sum.ended,
		   sum.errors, sum.connections, sum.steps, sum.latency_us / (double) sum.ended);
	if (sum.errors > 0)
		fprintf(stderr, "post: first error: %s\n", sum.first_error);
	sf_transport_destroy(t);
	free(text);
	free(form);
	return sum.errors > 0 ? 1 : 0;
}
