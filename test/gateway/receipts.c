/*-------------------------------------------------------------------------
 *
 * receipts.c
 *		Posts delivery receipts to the callback URL of each accepted text.
 *
 * One thread with libcurl's multi interface and a bounded queue ordered by
 * time.  A text's second receipt is queued when its first has been taken, so
 * they arrive in order; with chaos they are queued at once, at random times,
 * some of them twice.  A receiver that cannot be reached or answers 5xx is
 * tried again.
 *
 * Receipts go to this machine only: a test that names an outside URL must not
 * reach it.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_US 250000
#define MAX_ATTEMPTS 240		/* a minute */
#define TIMEOUT_MS 15000L
#define CHAOS_SPREAD_US 500000	/* receipts of one text scatter over this time */
#define CHAOS_TWICE 0.2			/* share of receipts that come twice */

typedef struct receipt
{
	int64_t		due_us;
	uint64_t	generation;		/* of the queue when it was added */
	request_kind kind;
	bool		final;
	bool		follow;			/* the final receipt is queued when this one is taken */
	int			attempts;
	int			error_code;		/* of the final state, 0: delivered */
	char		sid[SID_LENGTH + 1];
	char	   *url;			/* these point into text */
	char	   *to;
	char	   *from;
	char	   *service;
	char	   *ref;
	char		text[];
} receipt;

/* One transfer at a time; the buffers live as long as it does. */
typedef struct slot
{
	CURL	   *easy;
	receipt    *receipt;		/* NULL: free */
	buffer		url;
	buffer		body;
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static receipt **queue;			/* binary heap, the earliest at 0 */
static int64_t queue_count;
static uint64_t generation;
static bool closing;

static CURLM *multi;
static slot *slots;
static pthread_t poster;
static bool running;

/* --- the queue, under the lock ----------------------------------------- */

static void
queue_push(receipt *e)
{
	int64_t		at = queue_count++;

	while (at > 0 && queue[(at - 1) / 2]->due_us > e->due_us)
	{
		queue[at] = queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	queue[at] = e;
}

static receipt *
queue_pop(void)
{
	receipt    *first = queue[0];
	receipt    *last = queue[--queue_count];
	int64_t		at = 0;

	for (;;)
	{
		int64_t		child = 2 * at + 1;

		if (child >= queue_count)
			break;
		if (child + 1 < queue_count && queue[child + 1]->due_us < queue[child]->due_us)
			child++;
		if (last->due_us <= queue[child]->due_us)
			break;
		queue[at] = queue[child];
		at = child;
	}
	queue[at] = last;
	return first;
}

static void
count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Adds the receipt, or drops it when the queue is full. */
static void
enqueue(receipt *e)
{
	bool		first;

	pthread_mutex_lock(&lock);
	if (e->generation != generation || queue_count == gateway_options.receipt_queue)
	{
		if (e->generation == generation)
			count(&gateway_counters.receipts_dropped);
		pthread_mutex_unlock(&lock);
		free(e);
		return;
	}
	queue_push(e);
	first = queue[0] == e;
	pthread_mutex_unlock(&lock);
	if (first)
		curl_multi_wakeup(multi);
}

/* --- what the main thread calls ---------------------------------------- */

static char *
keep(char **at, const char *text)
{
	char	   *copy = *at;
	size_t		size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static receipt *
make_receipt(const record *m, bool final, int64_t due_us)
{
	receipt    *e;
	char	   *at;

	e = xmalloc(sizeof(receipt) + strlen(m->callback) + strlen(m->to) + strlen(m->from) +
				strlen(m->service) + strlen(m->ref) + 5);
	memset(e, 0, sizeof(*e));
	e->due_us = due_us;
	e->generation = generation;
	e->kind = m->kind;
	e->final = final;
	e->error_code = store_final_error(m->to);
	memcpy(e->sid, m->sid, sizeof(e->sid));
	at = e->text;
	e->url = keep(&at, m->callback);
	e->to = keep(&at, m->to);
	e->from = keep(&at, m->from);
	e->service = keep(&at, m->service);
	e->ref = keep(&at, m->ref);
	return e;
}

/* Queues the receipts of an accepted message that asks for them. */
void
receipts_add(const record *m)
{
	int64_t		sent_us = store_sent_us(m);
	int64_t		final_us = sent_us + gateway_options.receipt_delay_ms * 1000;
	receipt    *e;

	if (!running || m->callback[0] == '\0')
		return;
	if (!gateway_options.receipt_chaos)
	{
		e = make_receipt(m, false, sent_us);
		e->follow = true;
		enqueue(e);
		return;
	}
	for (int i = 0; i < 2; i++)
	{
		int			times = chance_uniform() < CHAOS_TWICE ? 2 : 1;

		while (times-- > 0)
			enqueue(make_receipt(m, i == 1, (i == 1 ? final_us : sent_us) +
								 (int64_t) (chance_uniform() * CHAOS_SPREAD_US)));
	}
}

/* Forgets all receipts not posted yet. */
void
receipts_clear(void)
{
	pthread_mutex_lock(&lock);
	generation++;
	while (queue_count > 0)
		free(queue[--queue_count]);
	pthread_mutex_unlock(&lock);
}

/* --- what a receipt says ----------------------------------------------- */

static void
form_field(buffer *b, const char *name, const char *value)
{
	if (b->len > 0)
		buffer_text(b, "&");
	buffer_text(b, name);
	buffer_text(b, "=");
	buffer_urlencode(b, value);
}

/* Twilio's status callback. */
static void
twilio_form(buffer *b, const receipt *e)
{
	const char *status = !e->final ? "sent" : e->error_code != 0 ? "undelivered" : "delivered";
	char		text[32];

	form_field(b, "MessageSid", e->sid);
	form_field(b, "SmsSid", e->sid);
	form_field(b, "MessageStatus", status);
	form_field(b, "SmsStatus", status);
	if (e->final && e->error_code != 0)
	{
		snprintf(text, sizeof(text), "%d", e->error_code);
		form_field(b, "ErrorCode", text);
	}
	form_field(b, "To", e->to);
	if (e->from[0] != '\0')
		form_field(b, "From", e->from);
	if (e->service[0] != '\0')
		form_field(b, "MessagingServiceSid", e->service);
	form_field(b, "AccountSid", gateway_options.account);
	form_field(b, "ApiVersion", "2010-04-01");
	if (e->final)
	{
		time_t		now = time(NULL);
		struct tm	tm;

		gmtime_r(&now, &tm);
		strftime(text, sizeof(text), "%y%m%d%H%M", &tm);
		form_field(b, "RawDlrDoneDate", text);
	}
}

static void
generic_form(buffer *b, const receipt *e)
{
	char		code[16];

	form_field(b, "id", e->sid);
	form_field(b, "to", e->to);
	form_field(b, "status", !e->final ? "sent" : e->error_code != 0 ? "undelivered" : "delivered");
	if (e->ref[0] != '\0')
		form_field(b, "ref", e->ref);
	if (e->final && e->error_code != 0)
	{
		snprintf(code, sizeof(code), "%d", e->error_code);
		form_field(b, "error", code);
	}
}

/*
 * A callback URL with Kannel's escapes: %d the status (8 taken by the network,
 * 1 delivered, 2 undelivered), %p and %P the phones, %T the time, %I the id.
 * Any other percent sign is left alone.
 */
static bool
kannel_url(buffer *b, const receipt *e)
{
	bool		escapes = false;

	for (const char *at = e->url; *at != '\0'; at++)
	{
		char		next = at[0] == '%' ? at[1] : '\0';

		if (next == 'd')
			buffer_number(b, !e->final ? 8 : e->error_code != 0 ? 2 : 1);
		else if (next == 'T')
			buffer_number(b, (int64_t) time(NULL));
		else if (next == 'p')
			buffer_urlencode(b, e->to);
		else if (next == 'P')
			buffer_urlencode(b, e->from);
		else if (next == 'I')
			buffer_urlencode(b, e->sid);
		else
		{
			buffer_bytes(b, at, 1);
			continue;
		}
		escapes = true;
		at++;
	}
	return escapes;
}

/* True for http and https URLs of this machine. */
static bool
is_local(const char *url)
{
	CURLU	   *parsed = curl_url();
	char	   *scheme = NULL;
	char	   *host = NULL;
	bool		local;

	local = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		(strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parsed);
	return local;
}

/* --- the posting thread ------------------------------------------------ */

static size_t
discard(char *data, size_t size, size_t count, void *unused)
{
	return size * count;
}

static void
start_transfer(slot *s, receipt *e)
{
	bool		get = false;

	s->url.len = s->body.len = 0;
	if (e->kind == KIND_GENERIC_SEND)
		get = kannel_url(&s->url, e);
	else
		buffer_text(&s->url, e->url);
	if (e->kind == KIND_TWILIO_SEND)
		twilio_form(&s->body, e);
	else
		generic_form(&s->body, e);

	if (!is_local(buffer_string(&s->url)))
	{
		count(&gateway_counters.receipts_failed);
		free(e);
		return;
	}
	s->receipt = e;
	curl_easy_setopt(s->easy, CURLOPT_URL, s->url.data);
	if (get)
		curl_easy_setopt(s->easy, CURLOPT_HTTPGET, 1L);
	else
	{
		curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long) s->body.len);
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->body.data);
	}
	curl_multi_add_handle(multi, s->easy);
}

/* A transfer has ended: count it, try again, or go on to the next receipt. */
static void
finish_transfer(CURL *easy, CURLcode code)
{
	slot	   *s = NULL;
	receipt    *e;
	long		status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &s);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(multi, easy);
	e = s->receipt;
	s->receipt = NULL;

	if (code == CURLE_OK && status >= 200 && status < 300)
	{
		count(&gateway_counters.receipts_posted);
		if (e->follow)
		{
			e->follow = false;
			e->final = true;
			e->attempts = 0;
			e->due_us += gateway_options.receipt_delay_ms * 1000;
			enqueue(e);
			return;
		}
	}
	else if ((code != CURLE_OK || status >= 500) && ++e->attempts < MAX_ATTEMPTS)
	{
		e->due_us = now_us() + RETRY_US;
		enqueue(e);
		return;
	}
	else
		count(&gateway_counters.receipts_failed);
	free(e);
}

/* Starts what is due as far as slots are free; returns milliseconds to the next. */
static int
start_due(void)
{
	int64_t		wait_us = 1000000;

	for (int64_t i = 0; i < gateway_options.receipt_connections; i++)
	{
		receipt    *e = NULL;

		if (slots[i].receipt != NULL)
			continue;
		pthread_mutex_lock(&lock);
		if (queue_count > 0)
		{
			wait_us = queue[0]->due_us - now_us();
			if (wait_us <= 0)
				e = queue_pop();
		}
		pthread_mutex_unlock(&lock);
		if (e == NULL)
			break;
		start_transfer(&slots[i], e);
	}
	return wait_us <= 0 ? 1000 : wait_us > 1000000 ? 1000 : (int) ((wait_us + 999) / 1000);
}

static bool
is_closing(void)
{
	bool		answer;

	pthread_mutex_lock(&lock);
	answer = closing;
	pthread_mutex_unlock(&lock);
	return answer;
}

static void *
post_receipts(void *unused)
{
	while (!is_closing())
	{
		int			wait_ms = start_due();
		int			active;
		int			left;
		bool		ended = false;
		CURLMsg    *message;

		curl_multi_perform(multi, &active);
		while ((message = curl_multi_info_read(multi, &left)) != NULL)
			if (message->msg == CURLMSG_DONE)
			{
				finish_transfer(message->easy_handle, message->data.result);
				ended = true;
			}
		if (!ended)
			curl_multi_poll(multi, NULL, 0, wait_ms, NULL);
	}
	return unused;
}

bool
receipts_open(void)
{
	if (!gateway_options.receipts)
		return true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (multi = curl_multi_init()) == NULL)
		return false;
	queue = xcalloc((size_t) gateway_options.receipt_queue, sizeof(receipt *));
	slots = xcalloc((size_t) gateway_options.receipt_connections, sizeof(slot));
	for (int64_t i = 0; i < gateway_options.receipt_connections; i++)
	{
		CURL	   *easy = curl_easy_init();

		if (easy == NULL)
			return false;
		slots[i].easy = easy;
		curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *) &slots[i]);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "smsfollow-test-gateway");
	}
	running = pthread_create(&poster, NULL, post_receipts, NULL) == 0;
	return running;
}

/* Ends the thread; receipts not posted are lost, as with a provider that dies. */
void
receipts_close(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_mutex_unlock(&lock);
	curl_multi_wakeup(multi);
	pthread_join(poster, NULL);
	for (int64_t i = 0; i < gateway_options.receipt_connections; i++)
	{
		curl_multi_remove_handle(multi, slots[i].easy);
		curl_easy_cleanup(slots[i].easy);
		free(slots[i].receipt);
		buffer_free(&slots[i].url);
		buffer_free(&slots[i].body);
	}
	receipts_clear();
	free(queue);
	free(slots);
	curl_multi_cleanup(multi);
}
