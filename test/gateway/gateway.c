/*-------------------------------------------------------------------------
 *
 * gateway.c
 *		The test gateway: options, start, main loop, end.
 *
 * A provider of text messages on 127.0.0.1 for tests, demo and benchmark; see
 * gateway.h for how it works and README.md for how it is used.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

options		gateway_options = {
	.account = "AC00000000000000000000000000000001",
	.token = "test-token",
	.keep = 300000,
	.receipt_connections = 16,
	.receipt_queue = 300000,
	.generic_answer = "json"
};
counters	gateway_counters;

static const char usage[] =
"usage: gateway [options]\n"
"  --port N                  port on 127.0.0.1, 0 (default) for any free one\n"
"  --port-file FILE          write the port there when ready\n"
"  --log FILE                append a line for every request\n"
"  --log-sync group|none     sync the log before answering (default group)\n"
"  --latency MS              answer after this time\n"
"  --latency-lognormal P50,P99  the same, drawn from a distribution\n"
"  --fail SPEC               add a fault rule, for example kind=status,status=503,count=2\n"
"  --seed N                  seed of everything random\n"
"  --rate N                  refuse sends beyond N a second with 429\n"
"  --keep N                  messages remembered (default 300000)\n"
"  --account SID, --token T  the account the provider knows\n"
"  --tls-cert FILE, --tls-key FILE  serve HTTPS\n"
"  --receipts none|auto      post receipts to the callback URLs (default none)\n"
"  --receipt-delay MS        from answer to sent, and from sent to delivered\n"
"  --receipt-connections N   at once (default 16)\n"
"  --receipt-queue N         receipts waiting at most (default 300000)\n"
"  --receipt-chaos           receipts out of order, some twice\n"
"  --generic-answer json|text|kannel  what /generic/send answers\n"
"  --generic-fields to=NAME,from=NAME,body=NAME,ref=NAME  fields it reads\n"
"  --generic-auth VALUE      Authorization header it wants, for example 'Bearer abc'\n"
"  --quiet                   print nothing when ready\n";

int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "gateway: %s: %s\n", what, detail);
	exit(1);
}

/* A whole number within bounds, or the end. */
static int64_t
number_option(const char *name, const char *text, int64_t low, int64_t high)
{
	char	   *end;
	long long	number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < low || number > high)
		die(name, "not a number in range");
	return number;
}

/* The whole file as text. */
static char *
read_file(const char *path)
{
	FILE	   *file = fopen(path, "rb");
	buffer		b = {NULL, 0, 0};
	size_t		n;

	if (file == NULL)
		die(path, strerror(errno));
	while ((n = fread(buffer_reserve(&b, 4096), 1, 4096, file)) > 0)
		b.len += n;
	fclose(file);
	return buffer_string(&b);
}

/* Whoever waits for the file never sees half of it. */
static void
write_port_file(const char *path, uint16_t port)
{
	buffer		temporary = {NULL, 0, 0};
	FILE	   *file;

	buffer_printf(&temporary, "%s.new", path);
	file = fopen(temporary.data, "w");
	if (file == NULL || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0 ||
		rename(temporary.data, path) != 0)
		die(path, strerror(errno));
	buffer_free(&temporary);
}

static void
set_lognormal(const char *text)
{
	char		end;

	if (sscanf(text, "%lf,%lf%c", &gateway_options.latency_p50, &gateway_options.latency_p99, &end) != 2 ||
		!(gateway_options.latency_p50 > 0) || !(gateway_options.latency_p99 >= gateway_options.latency_p50) ||
		gateway_options.latency_p99 > 3600000)
		die("--latency-lognormal", "needs P50,P99 in milliseconds");
}

static void
set_generic_fields(const char *text)
{
	char	   *copy = xstrdup(text);	/* the names live for ever */
	fields		f = {.count = 0};

	for (char *at = copy; *at != '\0'; at++)
		if (*at == ',')
			*at = '&';
	if (!fields_from_form(&f, copy))
		die("--generic-fields", "too many");
	gateway_options.generic_to = fields_get(&f, "to");
	gateway_options.generic_from = fields_get(&f, "from");
	gateway_options.generic_body = fields_get(&f, "body");
	gateway_options.generic_ref = fields_get(&f, "ref");
}

/* One of two or three words, or the end. */
static void
check_word(const char *name, const char *value, const char *words)
{
	const char *at = strstr(words, value);

	if (value[0] == '\0' || at == NULL || (at != words && at[-1] != '|') ||
		(at[strlen(value)] != '|' && at[strlen(value)] != '\0'))
		die(name, words);
}

typedef struct start_options
{
	uint16_t	port;
	const char *port_file;
	const char *log;
	bool		log_sync;
	char	   *cert;			/* PEM text */
	char	   *key;
	bool		quiet;
} start_options;

static void
read_options(int argc, char **argv, start_options *start)
{
	enum
	{
		PORT = 256, PORT_FILE, LOG, LOG_SYNC, LATENCY, LOGNORMAL, FAIL, SEED, RATE, KEEP, ACCOUNT,
		TOKEN, CERT, KEY, RECEIPTS, RECEIPT_DELAY, RECEIPT_CONNECTIONS, RECEIPT_QUEUE, RECEIPT_CHAOS,
		GENERIC_ANSWER, GENERIC_FIELDS, GENERIC_AUTH, QUIET, HELP
	};
	static const struct option known[] = {
		{"port", required_argument, NULL, PORT},
		{"port-file", required_argument, NULL, PORT_FILE},
		{"log", required_argument, NULL, LOG},
		{"log-sync", required_argument, NULL, LOG_SYNC},
		{"latency", required_argument, NULL, LATENCY},
		{"latency-lognormal", required_argument, NULL, LOGNORMAL},
		{"fail", required_argument, NULL, FAIL},
		{"seed", required_argument, NULL, SEED},
		{"rate", required_argument, NULL, RATE},
		{"keep", required_argument, NULL, KEEP},
		{"account", required_argument, NULL, ACCOUNT},
		{"token", required_argument, NULL, TOKEN},
		{"tls-cert", required_argument, NULL, CERT},
		{"tls-key", required_argument, NULL, KEY},
		{"receipts", required_argument, NULL, RECEIPTS},
		{"receipt-delay", required_argument, NULL, RECEIPT_DELAY},
		{"receipt-connections", required_argument, NULL, RECEIPT_CONNECTIONS},
		{"receipt-queue", required_argument, NULL, RECEIPT_QUEUE},
		{"receipt-chaos", no_argument, NULL, RECEIPT_CHAOS},
		{"generic-answer", required_argument, NULL, GENERIC_ANSWER},
		{"generic-fields", required_argument, NULL, GENERIC_FIELDS},
		{"generic-auth", required_argument, NULL, GENERIC_AUTH},
		{"quiet", no_argument, NULL, QUIET},
		{"help", no_argument, NULL, HELP},
		{NULL, 0, NULL, 0}
	};
	const char *problem;
	int			option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		switch (option)
		{
			case PORT:
				start->port = (uint16_t) number_option("--port", optarg, 0, 65535);
				break;
			case PORT_FILE:
				start->port_file = optarg;
				break;
			case LOG:
				start->log = optarg;
				break;
			case LOG_SYNC:
				check_word("--log-sync", optarg, "group|none");
				start->log_sync = strcmp(optarg, "group") == 0;
				break;
			case LATENCY:
				gateway_options.latency_ms = number_option("--latency", optarg, 0, 3600000);
				break;
			case LOGNORMAL:
				set_lognormal(optarg);
				break;
			case FAIL:
				if (!fault_add_spec(optarg, &problem))
					die("--fail", problem);
				break;
			case SEED:
				chance_seed((uint64_t) number_option("--seed", optarg, INT64_MIN, INT64_MAX));
				break;
			case RATE:
				gateway_options.rate = number_option("--rate", optarg, 0, 1000000000);
				break;
			case KEEP:
				gateway_options.keep = number_option("--keep", optarg, 1, 100000000);
				break;
			case ACCOUNT:
				gateway_options.account = optarg;
				break;
			case TOKEN:
				gateway_options.token = optarg;
				break;
			case CERT:
				start->cert = read_file(optarg);
				break;
			case KEY:
				start->key = read_file(optarg);
				break;
			case RECEIPTS:
				check_word("--receipts", optarg, "none|auto");
				gateway_options.receipts = strcmp(optarg, "auto") == 0;
				break;
			case RECEIPT_DELAY:
				gateway_options.receipt_delay_ms = number_option("--receipt-delay", optarg, 0, 86400000);
				break;
			case RECEIPT_CONNECTIONS:
				gateway_options.receipt_connections = number_option("--receipt-connections", optarg, 1, 256);
				break;
			case RECEIPT_QUEUE:
				gateway_options.receipt_queue = number_option("--receipt-queue", optarg, 1, 10000000);
				break;
			case RECEIPT_CHAOS:
				gateway_options.receipt_chaos = true;
				break;
			case GENERIC_ANSWER:
				check_word("--generic-answer", optarg, "json|text|kannel");
				gateway_options.generic_answer = optarg;
				break;
			case GENERIC_FIELDS:
				set_generic_fields(optarg);
				break;
			case GENERIC_AUTH:
				gateway_options.generic_auth = optarg;
				break;
			case QUIET:
				start->quiet = true;
				break;
			case HELP:
				fputs(usage, stdout);
				exit(0);
			default:
				fputs(usage, stderr);
				exit(2);
		}
	}
	if (optind < argc || (start->cert == NULL) != (start->key == NULL))
	{
		fputs(usage, stderr);
		exit(2);
	}
}

/* As many descriptors as the system lets us have: a connection each. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Blocks the signals that end the program and gives a descriptor that reads them. */
static int
signal_descriptor(void)
{
	sigset_t	signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll", strerror(errno));
}

/* Runs until a signal asks for the end. */
static void
run(int epoll, int signals)
{
	for (;;)
	{
		struct epoll_event events[8];
		int			n = epoll_wait(epoll, events, 8, server_timeout_ms());

		for (int i = 0; i < n; i++)
		{
			uint64_t	unused;

			if (events[i].data.fd == signals)
				return;
			if (events[i].data.fd == log_fd() && read(log_fd(), &unused, sizeof(unused)) < 0 && errno != EAGAIN)
				die("log", strerror(errno));
		}
		server_step();
	}
}

int
main(int argc, char **argv)
{
	start_options start = {.log_sync = true};
	int			signals;
	int			epoll;

	chance_seed(1);
	read_options(argc, argv, &start);
	raise_descriptor_limit();
	signals = signal_descriptor();
	store_open(gateway_options.keep);
	if (start.log != NULL && !log_open(start.log, start.log_sync))
		die(start.log, strerror(errno));
	if (!receipts_open())
		die("receipts", "cannot start libcurl");
	if (!server_start(start.port, start.cert, start.key))
		die("cannot listen", strerror(errno));
	log_event("start");

	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(epoll, signals);
	watch(epoll, server_fd());
	watch(epoll, log_fd());
	if (start.port_file != NULL)
		write_port_file(start.port_file, server_port());
	if (!start.quiet)
	{
		printf("%u\n", server_port());
		fflush(stdout);
	}
	run(epoll, signals);

	server_stop();
	receipts_close();
	log_event("stop");
	log_close();
	store_clear();
	free(start.cert);
	free(start.key);
	return 0;
}
