/*-------------------------------------------------------------------------
 *
 * transport.c
 *		Many HTTP requests at once, on one multi handle and one descriptor.
 *
 * Invariants:
 *  - A request is handed to curl only when the window has a free place, for
 *    curl counts the time a request queues inside it into its timeout.
 *  - All signals are blocked while curl runs.  It may start a thread for name
 *    resolution, which inherits the mask; a signal handled there would set
 *    the latch of nobody.
 *  - No callback calls back into the multi handle.
 *  - A finished transfer is taken out of the multi handle before its buffers
 *    are touched, and keeps its reply until the caller's next call.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/internal.h"

_Static_assert(LIBCURL_VERSION_NUM >= SF_CURL_FLOOR, "libcurl 7.76.0 or later is needed");

#define SF_EVENTS_PER_STEP 256
#define SF_STREAMS 100L			/* requests at once on one HTTP/2 connection */

/* Monotonic time in microseconds. */
int64_t
sf_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Prepares libcurl for this process.  Must run after fork, since libcurl and
 * its TLS library may not be carried over one.
 */
const char *
sf_transport_global_init(void)
{
	static bool done = false;
	const curl_version_info_data *info;

	if (done)
		return NULL;

	/* A key log would let whoever reads it decrypt everything we send. */
	unsetenv("SSLKEYLOGFILE");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return "libcurl could not be initialized";
	info = curl_version_info(CURLVERSION_NOW);
	if (info->version_num < SF_CURL_FLOOR)
		return "libcurl is older than 7.76.0";
	if ((info->features & CURL_VERSION_SSL) == 0)
		return "libcurl was built without TLS";
	done = true;
	return NULL;
}

/*
 * The version of the library that is loaded, which need not be the one
 * compiled with.  Warns where name resolution can hold up everything: without
 * threads or c-ares always, with threads when curl waits for one that hangs.
 */
const char *
sf_transport_version(const char **warning)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (warning == NULL)
		return info->version;
	*warning = NULL;
	if ((info->features & CURL_VERSION_ASYNCHDNS) == 0)
		*warning = "libcurl was built without asynchronous name resolution: a slow name server holds up every request";
	else if (info->ares_num == 0 && (info->version_num < 0x075700 || LIBCURL_VERSION_NUM < 0x075700))
		*warning = "libcurl is older than 7.87: a name server that does not answer holds up every request";
	return info->version;
}

/* curl tells what to watch a socket for. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *of_socket)
{
	sf_transport *t = context;
	int			wanted = 0;

	(void) easy;
	(void) of_socket;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		wanted |= SF_POLL_IN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		wanted |= SF_POLL_OUT;
	return sf_watch_want(&t->watches, fd, wanted) ? 0 : -1;
}

/* curl tells when it wants to be called at the latest; -1: no time. */
static int
on_timer(CURLM *multi, long timeout_ms, void *context)
{
	sf_transport *t = context;

	(void) multi;
	t->deadline_us = timeout_ms < 0 ? -1 : sf_now_us() + (int64_t) timeout_ms * 1000;
	return 0;
}

/*
 * Sizes the multi handle to the window: so many connections, idle ones
 * included.  Streams on one connection are few, because libcurl looks at all
 * of them whenever the connection has something to say: with 500 on one, a
 * request costs ten times as much.
 */
static bool
size_multi(sf_transport *t)
{
	return curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long) t->window) == CURLM_OK &&
		curl_multi_setopt(t->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, SF_STREAMS) == CURLM_OK &&
		curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long) t->window) == CURLM_OK;
}

/* Frees a transfer that is not in the multi handle. */
static void
free_transfer(sf_transfer *transfer)
{
	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	free(transfer->url);
	free(transfer->lines);
	sf_buffer_free(&transfer->request);
	sf_buffer_free(&transfer->reply);
	sf_wipe(transfer, sizeof(*transfer));
	free(transfer);
}

/* Gives a transfer back to the pool. */
static void
pool_transfer(sf_transport *t, sf_transfer *transfer)
{
	transfer->next = t->idle;
	t->idle = transfer;
}

/* A transfer for one more request: a pooled one or a new one; NULL and a reason. */
static sf_transfer *
take_transfer(sf_transport *t, char *err)
{
	sf_transfer *transfer = t->idle;

	if (transfer == NULL)
	{
		transfer = calloc(1, sizeof(*transfer));
		if (transfer == NULL)
		{
			snprintf(err, SF_TRANSPORT_ERROR_SIZE, "out of memory");
			return NULL;
		}
		transfer->owner = t;
		t->transfers[t->ntransfers++] = transfer;
		pool_transfer(t, transfer);
	}
	if (transfer->easy == NULL)
	{
		transfer->easy = curl_easy_init();
		transfer->generation = 0;
		if (transfer->easy == NULL)
		{
			snprintf(err, SF_TRANSPORT_ERROR_SIZE, "out of memory");
			return NULL;
		}
	}
	if (transfer->generation != t->generation && !sf_options_apply(transfer, err))
		return NULL;
	t->idle = transfer->next;
	transfer->next = NULL;
	return transfer;
}

/* Ends the loan of the last reply that was handed out. */
static void
release_lent(sf_transport *t)
{
	if (t->lent == NULL)
		return;
	sf_reply_reset(t->lent);
	pool_transfer(t, t->lent);
	t->lent = NULL;
}

/* Frees pooled transfers beyond the window; signals are blocked by the caller. */
static void
trim_pool(sf_transport *t)
{
	int			i;

	while (t->idle != NULL && t->ntransfers > t->window)
	{
		sf_transfer *transfer = t->idle;

		t->idle = transfer->next;
		for (i = 0; t->transfers[i] != transfer; i++)
			;
		t->transfers[i] = t->transfers[--t->ntransfers];
		free_transfer(transfer);
	}
}

/* Makes a transport.  See transport.h. */
sf_transport *
sf_transport_create(const sf_transport_options *options, char *err)
{
	sf_transport *t;
	sf_transfer *first;

	if (!sf_options_check(options, err))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "out of memory");
		return NULL;
	}
	sigfillset(&t->all_signals);
	t->generation = 1;
	t->deadline_us = -1;
	t->window = sf_options_window(options->max_transfers);
	t->http2 = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0;
	t->transfers = calloc(SF_TRANSPORT_MAX_WINDOW, sizeof(*t->transfers));
	t->multi = curl_multi_init();
	if (!sf_watch_init(&t->watches))
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "no descriptor to wait with: %s", strerror(errno));
	else if (t->transfers == NULL || t->multi == NULL || !sf_options_copy(&t->options, options) ||
			 curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
			 curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t) != CURLM_OK ||
			 curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
			 curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t) != CURLM_OK ||
			 curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX) != CURLM_OK ||
#if LIBCURL_VERSION_NUM >= 0x081400
			 curl_multi_setopt(t->multi, CURLMOPT_QUICK_EXIT, 1L) != CURLM_OK ||
#endif
			 !size_multi(t))
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "out of memory");

	/* The first transfer proves that libcurl knows every option. */
	else if ((first = take_transfer(t, err)) != NULL)
	{
		pool_transfer(t, first);
		return t;
	}
	sf_transport_destroy(t);
	return NULL;
}

/*
 * Puts other options in force.  On failure the old ones stay.  See
 * transport.h.
 */
bool
sf_transport_configure(sf_transport *t, const sf_transport_options *options, char *err)
{
	sf_transport_options copy;
	sigset_t	before;

	release_lent(t);
	if (!sf_options_check(options, err))
		return false;
	if (!sf_options_copy(&copy, options))
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "out of memory");
		return false;
	}
	sf_options_free(&t->options);
	t->options = copy;
	t->generation++;
	t->window = sf_options_window(options->max_transfers);

	pthread_sigmask(SIG_SETMASK, &t->all_signals, &before);
	(void) size_multi(t);
	trim_pool(t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return true;
}

/* Ends everything, what is running too.  See transport.h. */
void
sf_transport_destroy(sf_transport *t)
{
	sigset_t	before;
	int			i;

	if (t == NULL)
		return;
	pthread_sigmask(SIG_SETMASK, &t->all_signals, &before);
	for (i = 0; i < t->ntransfers; i++)
	{
		if (t->transfers[i]->running)
			(void) curl_multi_remove_handle(t->multi, t->transfers[i]->easy);
		sf_reply_reset(t->transfers[i]);
		free_transfer(t->transfers[i]);
	}
	if (t->multi != NULL)
		(void) curl_multi_cleanup(t->multi);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sf_watch_free(&t->watches);
	sf_options_free(&t->options);
	free(t->transfers);
	free(t);
}

/* The descriptor to wait for. */
int
sf_transport_fd(const sf_transport *t)
{
	return t->watches.pollfd;
}

/*
 * Milliseconds to wait at most.  Rounded up: a wait that ends a fraction of a
 * millisecond early finds nothing to do, and would come back thousands of
 * times.
 */
long
sf_transport_timeout(const sf_transport *t)
{
	int64_t		left;

	if (t->deadline_us < 0)
		return -1;
	left = t->deadline_us - sf_now_us();
	return left <= 0 ? 0 : (long) ((left + 999) / 1000);
}

/* Transfers that are running, or finished and not yet taken. */
int
sf_transport_active(const sf_transport *t)
{
	return t->active;
}

/* How many requests sf_transport_add would take now. */
int
sf_transport_free(const sf_transport *t)
{
	return t->active < t->window ? t->window - t->active : 0;
}

/* Takes a request on.  See transport.h. */
bool
sf_transport_add(sf_transport *t, const sf_http_request *request, char *err)
{
	sf_transfer *transfer;
	sigset_t	before;
	CURLMcode	code;

	release_lent(t);
	if (t->active >= t->window)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "the window of %d transfers is full", t->window);
		return false;
	}
	transfer = take_transfer(t, err);
	if (transfer == NULL)
		return false;
	if (!sf_request_load(transfer, request, err))
	{
		pool_transfer(t, transfer);
		return false;
	}

	pthread_sigmask(SIG_SETMASK, &t->all_signals, &before);
	code = curl_multi_add_handle(t->multi, transfer->easy);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != CURLM_OK)
	{
		snprintf(err, SF_TRANSPORT_ERROR_SIZE, "%s", curl_multi_strerror(code));
		sf_request_drop(transfer);
		pool_transfer(t, transfer);
		return false;
	}
	transfer->running = true;
	transfer->started_us = sf_now_us();
	t->active++;
	return true;
}

/*
 * Moves a transfer that ended with code to the done queue.  After a failure
 * its easy handle is not used again: libcurl 7.88 remembers there that it
 * wanted to rewind the body, and would fail the next request for it.
 */
static void
finish(sf_transport *t, sf_transfer *transfer, CURLcode code)
{
	sf_reply_finish(transfer, code);
	(void) curl_multi_remove_handle(t->multi, transfer->easy);
	if (code != CURLE_OK)
	{
		curl_easy_cleanup(transfer->easy);
		transfer->easy = NULL;
	}
	transfer->running = false;
	sf_request_drop(transfer);
	transfer->next = NULL;
	if (t->done_tail != NULL)
		t->done_tail->next = transfer;
	else
		t->done_head = transfer;
	t->done_tail = transfer;
}

/*
 * Begins a transfer again that met a closed connection before a byte of it
 * was written, now on a connection of its own, which cannot be an old one.
 */
static bool
begin_again(sf_transport *t, sf_transfer *transfer)
{
	transfer->closed = false;
	transfer->fresh = true;
	(void) curl_multi_remove_handle(t->multi, transfer->easy);
	sf_reply_reset(transfer);
	return curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
		curl_multi_add_handle(t->multi, transfer->easy) == CURLM_OK;
}

/*
 * Lets curl act on a socket, or on its timer, and collects what ended.  Done
 * after each socket, because removing a handle walks the messages that wait.
 */
static void
run(sf_transport *t, curl_socket_t fd, int ready)
{
	CURLMsg    *message;
	CURLMcode	code;
	int			number;
	int			i;

	code = curl_multi_socket_action(t->multi, fd, ready, &number);
	while ((message = curl_multi_info_read(t->multi, &number)) != NULL)
	{
		CURLcode	result = message->data.result;
		sf_transfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
		if (!transfer->closed || !begin_again(t, transfer))
			finish(t, transfer, result);
	}
	if (code == CURLM_OK)
		return;

	/*
	 * The multi handle cannot go on: out of memory, or the kernel refused to
	 * watch a socket.  Nothing would end any more, so end it all.  With no
	 * transfer left, curl can start afresh.
	 */
	for (i = 0; i < t->ntransfers; i++)
	{
		sf_transfer *transfer = t->transfers[i];

		if (!transfer->running)
			continue;
		snprintf(transfer->curl_error, sizeof(transfer->curl_error), "%s", curl_multi_strerror(code));
		finish(t, transfer, CURLE_ABORTED_BY_CALLBACK);
	}
}

/* Moves all that can move.  See transport.h. */
void
sf_transport_step(sf_transport *t)
{
	sf_poll_event events[SF_EVENTS_PER_STEP];
	sigset_t	before;
	int			n;
	int			i;

	release_lent(t);
	pthread_sigmask(SIG_SETMASK, &t->all_signals, &before);
	n = sf_poll_wait(t->watches.pollfd, events, SF_EVENTS_PER_STEP);
	for (i = 0; i < n; i++)
	{
		int			ready = sf_watch_ready(&t->watches, &events[i]);
		int			bits = 0;

		if (ready == 0)
			continue;
		if (ready & SF_POLL_IN)
			bits |= CURL_CSELECT_IN;
		if (ready & SF_POLL_OUT)
			bits |= CURL_CSELECT_OUT;

		/*
		 * With the error bit alone curl gives up without reading what the
		 * other side said before it closed.
		 */
		if (ready & SF_POLL_ERROR)
			bits |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
		run(t, events[i].fd, bits);
	}
	if (t->deadline_us >= 0 && t->deadline_us <= sf_now_us())
	{
		t->deadline_us = -1;	/* curl sets the next one, if any */
		run(t, CURL_SOCKET_TIMEOUT, 0);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Hands out one reply.  See transport.h. */
bool
sf_transport_next(sf_transport *t, sf_http_response *response)
{
	sf_transfer *transfer;

	release_lent(t);
	transfer = t->done_head;
	if (transfer == NULL)
		return false;
	t->done_head = transfer->next;
	if (t->done_head == NULL)
		t->done_tail = NULL;
	t->lent = transfer;
	t->active--;
	*response = transfer->response;
	return true;
}
