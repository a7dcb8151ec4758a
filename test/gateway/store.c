/*-------------------------------------------------------------------------
 *
 * store.c
 *		The texts the gateway remembers, by id, by recipient and by reference.
 *
 * A ring of the newest messages; the oldest makes room.  Two hash tables of
 * doubly linked chains, newest first, find messages by recipient and by
 * reference in constant time and let the oldest go in constant time, however
 * long its chain.
 *
 * A sid is the random number of this run followed by the message's id, so a
 * lookup by sid needs no table, and sids of two runs never meet.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static record **ring;
static uint64_t ring_size;
static uint64_t oldest_id = 1;
static uint64_t next_id = 1;
static uint64_t run_number;

static record **by_to;
static record **by_ref;
static uint64_t mask;

/* FNV-1a */
static uint64_t
bucket(const char *text)
{
	uint64_t	hash = UINT64_C(0xCBF29CE484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001B3);
	return (hash ^ hash >> 32) & mask;
}

void
store_open(int64_t keep)
{
	uint64_t	buckets = 1024;

	ring_size = (uint64_t) keep;
	while (buckets < ring_size)
		buckets *= 2;
	mask = buckets - 1;
	ring = xcalloc(ring_size, sizeof(record *));
	by_to = xcalloc(buckets, sizeof(record *));
	by_ref = xcalloc(buckets, sizeof(record *));
	if (getrandom(&run_number, sizeof(run_number), 0) != sizeof(run_number))
		run_number = (uint64_t) now_us();
}

/* Forgets the oldest message, which is the last of its chains. */
static void
drop_oldest(void)
{
	record	  **slot = &ring[oldest_id % ring_size];
	record	   *m = *slot;

	if (m->to_newer != NULL)
		m->to_newer->to_older = NULL;
	else
		by_to[bucket(m->to)] = NULL;
	if (m->ref_newer != NULL)
		m->ref_newer->ref_older = NULL;
	else if (m->ref[0] != '\0')
		by_ref[bucket(m->ref)] = NULL;
	free(m);
	*slot = NULL;
	oldest_id++;
}

/* Forgets everything; ids and sids go on. */
void
store_clear(void)
{
	while (oldest_id < next_id)
		drop_oldest();
}

/* Copies text (NULL: nothing) to *at, moves *at behind it, returns the copy. */
static const char *
keep_text(char **at, const char *text, size_t len)
{
	char	   *copy = *at;

	memcpy(copy, text != NULL ? text : "", len + 1);
	*at += len + 1;
	return copy;
}

/* Writes the sid of a message: SM, the run, the id. */
static void
make_sid(record *m)
{
	static const char digits[] = "0123456789abcdef";

	m->sid[0] = 'S';
	m->sid[1] = 'M';
	for (int i = 0; i < 16; i++)
	{
		m->sid[2 + i] = digits[run_number >> (60 - 4 * i) & 15];
		m->sid[18 + i] = digits[m->id >> (60 - 4 * i) & 15];
	}
	m->sid[SID_LENGTH] = '\0';
}

/*
 * Remembers the send that r asks for.  r's verdict is final but for the
 * answer's status, which the caller fills in.
 */
record *
store_add(const request *r)
{
	const char *texts[] = {r->to, r->from, r->service, r->text, r->ref, r->callback};
	const char **kept[6];
	size_t		lengths[6];
	size_t		total = 0;
	record	   *m;
	record	  **head;
	char	   *at;

	for (int i = 0; i < 6; i++)
	{
		lengths[i] = texts[i] != NULL ? strlen(texts[i]) : 0;
		total += lengths[i] + 1;
	}
	if (next_id - oldest_id == ring_size)
		drop_oldest();

	m = xmalloc(sizeof(record) + total);
	memset(m, 0, sizeof(record));
	m->id = next_id++;
	m->seq = r->seq;
	m->kind = r->kind;
	m->accepted = r->acceptable;
	m->fault = r->fault.kind;
	m->received_us = r->received_us;
	m->start_us = r->due_us;
	m->media = r->media;
	if (m->accepted)
		make_sid(m);

	kept[0] = &m->to;
	kept[1] = &m->from;
	kept[2] = &m->service;
	kept[3] = &m->body;
	kept[4] = &m->ref;
	kept[5] = &m->callback;
	at = (char *) (m + 1);
	for (int i = 0; i < 6; i++)
		*kept[i] = keep_text(&at, texts[i], lengths[i]);

	head = &by_to[bucket(m->to)];
	m->to_older = *head;
	if (*head != NULL)
		(*head)->to_newer = m;
	*head = m;

	if (m->ref[0] != '\0')
	{
		for (const record *earlier = store_by_ref(m->ref); earlier != NULL && m->accepted;
			 earlier = store_by_ref_older(earlier))
			if (earlier->accepted)
			{
				m->redelivered = true;
				break;
			}
		head = &by_ref[bucket(m->ref)];
		m->ref_older = *head;
		if (*head != NULL)
			(*head)->ref_newer = m;
		*head = m;
	}

	ring[m->id % ring_size] = m;
	return m;
}

/* The message with that id, or NULL when it never was or has been forgotten. */
record *
store_get(uint64_t id)
{
	if (id < oldest_id || id >= next_id)
		return NULL;
	return ring[id % ring_size];
}

const record *
store_by_sid(const char *sid)
{
	char		half[17];
	uint64_t	id;
	const record *m;

	if (strlen(sid) != SID_LENGTH)
		return NULL;
	memcpy(half, sid + 18, 17);
	id = strtoull(half, NULL, 16);
	m = store_get(id);
	return m != NULL && m->accepted && strcmp(m->sid, sid) == 0 ? m : NULL;
}

const record *
store_newest(void)
{
	return store_get(next_id - 1);
}

const record *
store_older(const record *m)
{
	return store_get(m->id - 1);
}

const record *
store_by_to(const char *to)
{
	const record *m = by_to[bucket(to)];

	while (m != NULL && strcmp(m->to, to) != 0)
		m = m->to_older;
	return m;
}

const record *
store_by_to_older(const record *m)
{
	const char *to = m->to;

	do
		m = m->to_older;
	while (m != NULL && strcmp(m->to, to) != 0);
	return m;
}

const record *
store_by_ref(const char *ref)
{
	const record *m = by_ref[bucket(ref)];

	while (m != NULL && strcmp(m->ref, ref) != 0)
		m = m->ref_older;
	return m;
}

const record *
store_by_ref_older(const record *m)
{
	const char *ref = m->ref;

	do
		m = m->ref_older;
	while (m != NULL && strcmp(m->ref, ref) != 0);
	return m;
}

/*
 * The error a text to this number ends with, 0: it is delivered.  A number
 * ending in 003, 005 or 006 gives 30003, 30005 or 30006: three in a thousand
 * of random numbers, always the same ones.
 */
int
store_final_error(const char *to)
{
	size_t		len = strlen(to);

	if (len < 3 || to[len - 3] != '0' || to[len - 2] != '0')
		return 0;
	switch (to[len - 1])
	{
		case '3':
			return 30003;
		case '5':
			return 30005;
		case '6':
			return 30006;
	}
	return 0;
}

/* When the text leaves the provider. */
int64_t
store_sent_us(const record *m)
{
	return m->start_us + gateway_options.receipt_delay_ms * 1000;
}

/* What the provider would say of an accepted message at that time. */
const char *
store_state(const record *m, int64_t at_us, int *error_code)
{
	int64_t		sent_us = store_sent_us(m);

	*error_code = 0;
	if (at_us < sent_us)
		return "queued";
	if (at_us < sent_us + gateway_options.receipt_delay_ms * 1000)
		return "sent";
	*error_code = store_final_error(m->to);
	return *error_code != 0 ? "undelivered" : "delivered";
}
