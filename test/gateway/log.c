/*-------------------------------------------------------------------------
 *
 * log.c
 *		The log of every request, durable before the answer leaves.
 *
 * The main thread formats lines into the open batch.  A writer thread takes
 * the whole batch, writes it, makes it durable with one fdatasync and says how
 * far the log is safe; meanwhile the next batch fills.  So one sync serves all
 * requests that came during the one before, and the cost of a sync falls as
 * the load grows.
 *
 * A batch is handed over when somebody needs it: at once for a request that is
 * to be answered at once, somewhat later for one that has a latency to wait
 * for, and later still for a line about a reply, which only adds to what is
 * known.
 *
 * A log that cannot be written ends the program: an answer without a log line
 * would make every test that counts texts wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GATHER_US 2000			/* a line that nobody waits for yet */
#define SYNC_US 1000			/* before the answer is due */
#define REPLY_US 20000			/* a line about a reply */

/* main thread only */
static buffer open_batch;
static uint64_t open_position;	/* of the last request line in open_batch */
static int64_t open_due_us = INT64_MAX; /* when open_batch is to be handed over */
static bool writer_idle = true; /* as last seen; when it ends, wake_fd tells */
static EVP_MD *sha256;
static EVP_MD_CTX *digest_context;

static int	file = -1;
static int	wake_fd = -1;
static bool sync_file;
static pthread_t writer;

/* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static buffer taken;			/* what the writer has; empty: it is idle */
static uint64_t taken_position;
static uint64_t durable_position;
static bool closing;

/* Writes the whole batch or ends the program. */
static void
write_batch(const buffer *b)
{
	size_t		done = 0;

	while (done < b->len)
	{
		ssize_t		n = write(file, b->data + done, b->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
		{
			perror("gateway: cannot write the log");
			_exit(1);
		}
		done += (size_t) n;
	}
	if (sync_file && fdatasync(file) != 0)
	{
		perror("gateway: cannot sync the log");
		_exit(1);
	}
}

/* The writer thread: waits for a batch, makes it durable, wakes the main loop. */
static void *
write_batches(void *unused)
{
	pthread_mutex_lock(&lock);
	for (;;)
	{
		while (taken.len == 0 && !closing)
			pthread_cond_wait(&work, &lock);
		if (taken.len == 0)
			break;
		pthread_mutex_unlock(&lock);
		write_batch(&taken);
		pthread_mutex_lock(&lock);
		taken.len = 0;
		durable_position = taken_position;
		eventfd_write(wake_fd, 1);
	}
	pthread_mutex_unlock(&lock);
	return unused;
}

bool
log_open(const char *path, bool sync)
{
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (file < 0)
		return false;
	sync_file = sync;
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	digest_context = EVP_MD_CTX_new();
	return wake_fd >= 0 && sha256 != NULL && digest_context != NULL &&
		pthread_create(&writer, NULL, write_batches, NULL) == 0;
}

bool
log_enabled(void)
{
	return file >= 0;
}

/* Readable when more of the log has become durable; -1 without a log. */
int
log_fd(void)
{
	return wake_fd;
}

/* The open batch is to be handed over at that time, or before. */
static void
due_by(int64_t at_us)
{
	if (at_us < open_due_us)
		open_due_us = at_us;
}

static void
member(buffer *b, const char *name, const char *value)
{
	buffer_text(b, name);
	buffer_json_or_null(b, value);
}

/* The SHA-256 of the text in hexadecimal, quoted, or null. */
static void
append_hash(buffer *b, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char	   *out;

	if (text == NULL)
	{
		buffer_text(b, "null");
		return;
	}
	EVP_DigestInit_ex2(digest_context, sha256, NULL);
	EVP_DigestUpdate(digest_context, text, strlen(text));
	EVP_DigestFinal_ex(digest_context, hash, &len);
	out = buffer_reserve(b, 2 * len + 2);
	*out++ = '"';
	for (unsigned int i = 0; i < len; i++)
	{
		*out++ = digits[hash[i] >> 4];
		*out++ = digits[hash[i] & 15];
	}
	*out = '"';
	b->len += 2 * len + 2;
}

/*
 * Adds the line about a request (m: the message it made, or NULL) and returns
 * the position that log_durable must reach before it may be answered.
 */
uint64_t
log_request(const request *r, const record *m)
{
	buffer	   *b = &open_batch;

	if (file < 0)
		return 0;
	buffer_text(b, "{\"event\":\"request\",\"seq\":");
	buffer_number(b, (int64_t) r->seq);
	buffer_text(b, ",\"us\":");
	buffer_number(b, r->received_us);
	member(b, ",\"method\":", r->method);
	member(b, ",\"path\":", r->path);
	member(b, ",\"to\":", r->to);
	member(b, ",\"from\":", r->from != NULL ? r->from : r->service);
	member(b, ",\"ref\":", r->ref);
	member(b, ",\"sid\":", m != NULL && m->accepted ? m->sid : NULL);
	buffer_text(b, ",\"accepted\":");
	buffer_text(b, m != NULL && m->accepted ? "true" : "false");
	buffer_text(b, ",\"status\":");
	buffer_number(b, r->status);
	member(b, ",\"fault\":", fault_name(r->fault.kind));
	buffer_text(b, ",\"sha256\":");
	append_hash(b, r->text);
	member(b, ",\"validity\":", fields_get(&r->fields, "ValidityPeriod"));
	member(b, ",\"body\":", r->text);
	if (r->media > 0)
	{
		const char *separator = ",\"media\":[";

		for (int i = 0; i < r->fields.count; i++)
			if (strcmp(r->fields.list[i].name, "MediaUrl") == 0)
			{
				member(b, separator, r->fields.list[i].value);
				separator = ",";
			}
		buffer_text(b, "]");
	}
	buffer_text(b, "}\n");
	due_by(r->due_us - SYNC_US);
	due_by(r->received_us + GATHER_US);
	return ++open_position;
}

/* Adds the line about what became of the answer. */
void
log_reply(uint64_t seq, bool sent)
{
	buffer	   *b = &open_batch;
	int64_t		at_us = now_us();

	if (file < 0)
		return;
	buffer_text(b, "{\"event\":\"reply\",\"seq\":");
	buffer_number(b, (int64_t) seq);
	buffer_text(b, ",\"us\":");
	buffer_number(b, at_us);
	buffer_text(b, sent ? ",\"sent\":true}\n" : ",\"sent\":false}\n");
	due_by(at_us + REPLY_US);
}

/* Adds a line about the gateway itself: start, reset, stop. */
void
log_event(const char *event)
{
	if (file < 0)
		return;
	buffer_text(&open_batch, "{\"event\":");
	buffer_json_or_null(&open_batch, event);
	buffer_text(&open_batch, ",\"us\":");
	buffer_number(&open_batch, now_us());
	buffer_text(&open_batch, "}\n");
	due_by(0);
}

/* Hands the open batch to the writer if that is due and the writer is idle. */
void
log_flush(int64_t at_us)
{
	if (at_us < open_due_us)
		return;
	pthread_mutex_lock(&lock);
	writer_idle = taken.len == 0;
	if (writer_idle)
	{
		buffer		empty = taken;

		taken = open_batch;
		taken_position = open_position;
		open_batch = empty;
		open_due_us = INT64_MAX;
		writer_idle = false;
		pthread_cond_signal(&work);
	}
	pthread_mutex_unlock(&lock);
}

/* When log_flush has something to do, as far as that is a matter of time. */
int64_t
log_due_us(void)
{
	return writer_idle ? open_due_us : INT64_MAX;
}

/* How far the log is safe. */
uint64_t
log_durable(void)
{
	uint64_t	position;

	pthread_mutex_lock(&lock);
	position = durable_position;
	writer_idle = taken.len == 0;
	pthread_mutex_unlock(&lock);
	return position;
}

/* Writes what is left and ends the writer. */
void
log_close(void)
{
	if (file < 0)
		return;
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_cond_signal(&work);
	pthread_mutex_unlock(&lock);
	pthread_join(writer, NULL);
	write_batch(&open_batch);
	close(file);
	file = -1;
	buffer_free(&open_batch);
	buffer_free(&taken);
	EVP_MD_CTX_free(digest_context);
	EVP_MD_free(sha256);
}
