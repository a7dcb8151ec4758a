/*-------------------------------------------------------------------------
 *
 * test_resolve.c
 *		Name look-ups that hang, and signals that must not meet their threads.
 *
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "harness.h"

static pthread_t handled_by;
static volatile sig_atomic_t handled;

static void
on_signal(int number)
{
	(void) number;
	handled_by = pthread_self();
	handled = 1;
}

/* Steps until a look-up of stuck.test is under way. */
static bool
step_until_stuck(sf_transport *t, int lookups_wanted)
{
	int64_t		end = clock_us() + 2000000;

	while (atomic_load(&stuck_lookups) < lookups_wanted && clock_us() < end)
	{
		sf_transport_step(t);
		(void) poll(NULL, 0, 1);
	}
	return atomic_load(&stuck_lookups) >= lookups_wanted;
}

/* Lets hanging look-ups end, and waits for it. */
static void
release(void)
{
	int64_t		end = clock_us() + 2000000;

	atomic_store(&release_lookups, 1);
	while (atomic_load(&stuck_lookups) > 0 && clock_us() < end)
		(void) poll(NULL, 0, 1);
	atomic_store(&release_lookups, 0);
}

/* A look-up that hangs delays neither its own timeout nor anybody else. */
static void
test_stall(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t;
	int64_t		began;
	int64_t		longest = 0;
	int			good = 0;

	options.connect_timeout_ms = 1500;
	t = make_transport(&options);
	(void) add_post(t, 1, "https://stuck.test/", "x");
	ok(step_until_stuck(t, 1), "a name look-up hangs");

	began = clock_us();
	nresults = 0;
	while (nresults == 0 || results[0].r.tag != 1)
	{
		int64_t		at = clock_us();

		if (at - began > 5000000 || !add_post(t, 2, url_of(s, "/ok"), "x"))
			break;
		drive(t, 1, 1000);
		if (results[0].r.tag == 2 && results[0].r.stage == SF_STAGE_ANSWERED)
			good++;
		if (clock_us() - at > longest)
			longest = clock_us() - at;
		if (nresults == 2 && results[1].r.tag == 1)
			results[0] = results[1];
	}
	ok(good > 5, "others are answered meanwhile: %d", good);
	ok(longest < 1000000, "without waiting for it: %ld us", (long) longest);
	is_long((long) results[0].r.tag, 1, "the stuck one ends");
	is_text(stage_name(results[0].r.stage), "not sent", "not sent");
	is_long(results[0].r.curl_code, 28, "timed out");
	ok(results[0].r.total_us >= 1490000 && results[0].r.total_us < 3500000, "on time: %ld us",
	   (long) results[0].r.total_us);
	ok(atomic_load(&stuck_lookups) > 0, "while its look-up still hangs");

	(void) add_post(t, 3, "https://stuck.test/", "x");
	ok(step_until_stuck(t, 2), "another one hangs");
	began = clock_us();
	sf_transport_destroy(t);
	ok(clock_us() - began < 1000000, "destroying does not wait for it: %ld us", (long) (clock_us() - began));
	release();
	is_long(atomic_load(&stuck_lookups), 0, "the look-ups have ended");
}

/* A signal is never handled on the thread of a look-up. */
static void
test_signals(void)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	struct sigaction action;
	struct sigaction before;
	sigset_t	only;
	sigset_t	mask;
	sigset_t	now;
	int			i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, &before);
	(void) add_post(t, 1, "https://stuck.test/", "x");
	ok(step_until_stuck(t, 1), "a look-up runs on its own thread");

	/* With the signal blocked here, any other thread that could would take it. */
	sigemptyset(&only);
	sigaddset(&only, SIGUSR1);
	sigprocmask(SIG_BLOCK, &only, &mask);
	kill(getpid(), SIGUSR1);
	for (i = 0; i < 100 && !handled; i++)
		(void) poll(NULL, 0, 1);
	is_long(handled, 0, "a signal waits for the main thread");
	sf_transport_step(t);
	is_long(handled, 0, "a step leaves the caller's mask alone");
	sigprocmask(SIG_SETMASK, NULL, &now);
	is_long(sigismember(&now, SIGUSR1), 1, "the mask is as before");
	sigprocmask(SIG_SETMASK, &mask, NULL);
	is_long(handled, 1, "and is handled when it lets it");
	ok(handled && pthread_equal(handled_by, pthread_self()), "on the main thread");
	sf_transport_destroy(t);
	sigprocmask(SIG_SETMASK, NULL, &now);
	is_long(sigismember(&now, SIGTERM), 0, "nothing stays blocked");
	sigaction(SIGUSR1, &before, NULL);
	release();
}

/* Plain http by name stays on this machine, whatever the name resolves to. */
static void
test_localhost(const server *s)
{
	sf_transport_options options = usual_options();
	sf_transport *t = make_transport(&options);
	char		url[100];
	result	   *res;

	snprintf(url, sizeof(url), "http://localhost:%d/ok", s->port);
	atomic_store(&localhost_elsewhere, 1);
	res = post_once(t, url, "x");
	atomic_store(&localhost_elsewhere, 0);
	ok(res->r.stage == SF_STAGE_ANSWERED || (res->r.stage == SF_STAGE_NOT_SENT && res->r.total_us < 1000000),
	   "localhost is this machine or nothing: %s %s", stage_name(res->r.stage), res->r.error);
	sf_transport_destroy(t);
}

/* Names are looked up once for many requests. */
static void
test_cache(void)
{
	server		s = server_start(file_of("good.pem"), file_of("good.key"));
	sf_transport_options options = usual_options();
	sf_transport *t;
	char		ca[512];
	int			before;
	int			i;

	snprintf(ca, sizeof(ca), "%s", file_of("good-ca.pem"));
	options.ca_file = ca;
	t = make_transport(&options);
	(void) post_once(t, tls_url_of(&s, "good.test", "/ok-close"), "x");
	before = atomic_load(&lookups);
	ok(before > 0, "a name is looked up");
	for (i = 0; i < 4; i++)
	{
		(void) idle_closed(t);
		(void) post_once(t, tls_url_of(&s, "good.test", "/ok-close"), "x");
	}
	is_long(atomic_load(&s.counts->connections), 5, "for five connections");
	is_long(atomic_load(&lookups) - before, 0, "once");
	sf_transport_destroy(t);
	server_stop(&s);
}

void
test_resolve(void)
{
	server		s = server_start(NULL, NULL);
	const char *warning;

	(void) sf_transport_version(&warning);
	if (warning != NULL)
		skip(1, warning);
	else
	{
		test_stall(&s);
		test_signals();
	}
	test_localhost(&s);
	test_cache();
	server_stop(&s);
}
