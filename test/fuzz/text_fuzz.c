/*-------------------------------------------------------------------------
 *
 * text_fuzz.c
 *		libFuzzer target for src/text.
 *
 * Any bytes: nothing is read or written out of bounds (the sanitizers watch).
 * The same bytes made valid UTF-8: the rules of packing hold, and smart
 * encoding is idempotent and never lets a GSM text change; links are in order,
 * and each is found again, as a whole, when it stands alone.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "text/link.h"
#include "text/text.h"
#include "text/utf8.h"

#define MAX_CUTS 64
#define MAX_FORCING 8
#define MAX_LINKS 32

/* Stops the fuzzer when a rule is broken. */
#define REQUIRE(condition) do { if (!(condition)) abort(); } while (0)

/* Calls everything with the bytes; returns what was counted. */
static sf_segments
call_all(const char *body, size_t len)
{
	sf_segments counted;
	int			cuts[MAX_CUTS];
	sf_forcing	forcing[MAX_FORCING];
	char	   *smart = malloc(SF_SMART_SIZE(len) + 1);
	int			n;

	sf_count_segments(body, len, &counted);
	REQUIRE(sf_segment_cuts(body, len, &counted, cuts, MAX_CUTS) ==
			(counted.segments > 0 ? counted.segments - 1 : 0));
	n = sf_forcing_chars(body, len, forcing, MAX_FORCING);
	REQUIRE((n > 0) == (counted.encoding == SF_UCS2));
	REQUIRE(sf_smart_encode(body, len, smart) <= SF_SMART_SIZE(len));
	free(smart);
	return counted;
}

/* Each segment is as long as its room allows, and no longer. */
static void
check_packing(const char *body, size_t len, const sf_segments *counted)
{
	const unsigned char *p = (const unsigned char *) body;
	const unsigned char *end = p + len;
	int			room = counted->encoding == SF_GSM7 ? SF_GSM7_PART : SF_UCS2_PART;
	int			used = 0;
	int			total = 0;
	int			position = 0;
	int			segment = 1;
	int			n = counted->segments - 1;
	int		   *cuts;

	if (n < 1)
		return;
	cuts = malloc(sizeof(int) * n);
	REQUIRE(sf_segment_cuts(body, len, counted, cuts, n) == n);
	while (p < end)
	{
		const unsigned char *at = p;
		sf_segments one;
		int			cost;
		uint32_t	cp = sf_utf8_next(p, end, &p);

		sf_count_segments((const char *) at, p - at, &one);
		cost = counted->encoding == SF_GSM7 ? one.units : 1 + (cp > 0xFFFF);
		position++;
		if (segment <= n && cuts[segment - 1] == position)
		{
			REQUIRE(used + cost > room);
			segment++;
			used = 0;
		}
		used += cost;
		total += cost;
		REQUIRE(used <= room);
	}
	REQUIRE(segment == counted->segments);
	REQUIRE(total == counted->units);
	free(cuts);
}

/* Encoding twice changes nothing more, and a GSM text not at all. */
static void
check_smart(const char *body, size_t len, const sf_segments *counted)
{
	char	   *once = malloc(SF_SMART_SIZE(len) + 1);
	size_t		once_len = sf_smart_encode(body, len, once);
	char	   *twice = malloc(SF_SMART_SIZE(once_len) + 1);
	size_t		twice_len = sf_smart_encode(once, once_len, twice);

	REQUIRE(once_len == twice_len && memcmp(once, twice, once_len) == 0);
	if (counted->encoding == SF_GSM7)
		REQUIRE(once_len == len && memcmp(once, body, len) == 0);
	free(once);
	free(twice);
}

/* Links do not overlap, stand alone as well, and take parameters within their bounds. */
static void
check_links(const char *body, size_t len)
{
	static const sf_link_param params[] = {{"utm_source", "sms"}, {"a", "%20"}};
	sf_link		list[MAX_LINKS];
	int			n = sf_find_links(body, len, list, MAX_LINKS);
	size_t		at = 0;

	for (int i = 0; i < n; i++)
	{
		size_t		size = sf_link_target_size(list[i].len, params, 2);
		char	   *target = malloc(size);
		sf_link		again[2];

		REQUIRE(list[i].offset >= at && list[i].len > 0);
		at = list[i].offset + list[i].len;
		REQUIRE(at <= len);
		REQUIRE(sf_find_links(body + list[i].offset, list[i].len, again, 2) == 1);
		REQUIRE(again[0].offset == 0 && again[0].len == list[i].len && again[0].kind == list[i].kind);
		REQUIRE(sf_link_target(body + list[i].offset, list[i].len, list[i].kind == SF_LINK_BARE, params, 2, target) <= size);
		free(target);
	}
}

/* Cleaning only takes away, or makes a line end, and leaves nothing for a second time. */
static void
check_clean(const unsigned char *body, size_t len)
{
	char	   *once = malloc(len + 1);
	size_t		once_len;
	size_t		i;

	memcpy(once, body, len);
	once_len = sf_text_clean(once, len);
	REQUIRE(once_len <= len);
	for (i = 0; i < once_len; i++)
		REQUIRE((unsigned char) once[i] >= 0x20 || strchr("\t\n\r", once[i]) != NULL);
	REQUIRE(sf_text_clean(once, once_len) == once_len);
	free(once);
}

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *exact = malloc(size > 0 ? size : 1);
	unsigned char *valid = malloc(3 * size + 1);
	size_t		len = 0;
	const unsigned char *p = data;
	sf_segments counted;

	/* a copy without a byte to spare, so that reading too far is seen */
	memcpy(exact, data, size);
	(void) call_all(exact, size);
	{
		sf_link		list[MAX_LINKS];

		(void) sf_find_links(exact, size, list, MAX_LINKS);
	}
	free(exact);

	while (p < data + size)
		len += sf_utf8_put(sf_utf8_next(p, data + size, &p), valid + len);
	counted = call_all((char *) valid, len);
	check_packing((char *) valid, len, &counted);
	check_smart((char *) valid, len, &counted);
	check_links((char *) valid, len);
	check_clean(valid, len);
	free(valid);
	return 0;
}
