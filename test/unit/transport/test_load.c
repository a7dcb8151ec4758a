/*-------------------------------------------------------------------------
 *
 * test_load.c
 *		Many requests: memory stays flat, no descriptor is lost.
 *
 * TRANSPORT_TEST_REQUESTS sets how many; 50,000 when unset.
 *
 *-------------------------------------------------------------------------
 */
#include <malloc.h>

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_KNOWN 0			/* the sanitizer has a heap of its own */
#else
#define HEAP_IS_KNOWN 1
#endif

/* Bytes on the heap in use. */
static long
heap_used(void)
{
#if HEAP_IS_KNOWN
	struct mallinfo2 info = mallinfo2();

	return (long) (info.uordblks + info.hblkhd);
#else
	return 0;
#endif
}

/* Sends count requests, some of them doomed; returns how many were answered. */
static long
send_many(sf_transport *t, const server *s, long count)
{
	char		fine[100];
	char		doomed[100];
	long		added = 0;
	long		ended = 0;
	long		answered = 0;
	int			i;

	snprintf(fine, sizeof(fine), "%s", url_of(s, "/ok"));
	snprintf(doomed, sizeof(doomed), "%s", url_of(s, "/read-close"));
	while (ended < count)
	{
		for (; added < count && sf_transport_free(t) > 0; added++)
			if (!add_post(t, (uint64_t) added, added % 100 == 99 ? doomed : fine, "To=%2B15551234567&Body=hello"))
				return -1;
		drive(t, 1, 5000);
		if (nresults == 0)
			return -1;
		ended += nresults;
		for (i = 0; i < nresults; i++)
			answered += results[i].r.stage == SF_STAGE_ANSWERED;
	}
	return answered;
}

void
test_load(void)
{
	server		s = server_start(NULL, NULL);
	const char *wanted = getenv("TRANSPORT_TEST_REQUESTS");
	long		count = wanted != NULL ? atol(wanted) : 50000;
	sf_transport_options options = usual_options();
	int			descriptors = open_descriptors();
	sf_transport *t;
	long		before;
	long		after;
	int			open_then;

	options.max_transfers = 32;
	t = make_transport(&options);
	ok(send_many(t, &s, count / 10) > 0, "warmed up");
	before = heap_used();
	open_then = open_descriptors();
	is_long(send_many(t, &s, count), count - count / 100, "%ld requests, each hundredth dropped by the server", count);
	after = heap_used();
	/* It goes up and down by some ten kilobytes, with newer versions of libcurl more than with older ones. */
	if (HEAP_IS_KNOWN)
		ok(after - before < 128 * 1024, "the heap did not grow: %ld bytes", after - before);
	else
		skip(1, "the heap is not known under a sanitizer");
	ok(open_descriptors() <= open_then + 32, "open descriptors stay within the window");
	is_long(atomic_load(&s.counts->requests), count + count / 10, "each was seen once");
	is_long(atomic_load(&s.counts->fragments), 0, "none in part");
	sf_transport_destroy(t);
	is_long(open_descriptors(), descriptors, "no descriptor is lost");
	server_stop(&s);
}
