/*-------------------------------------------------------------------------
 *
 * text_test.c
 *		Tests of src/text without a server; prints TAP.
 *
 * The alphabet is written here a second time, as text, and packing is done a
 * second time on an array of unit counts, so that a slip in the tables or in
 * the arithmetic shows as a difference.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"
#include "text/utf8.h"

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

static const char basic[] =
"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
" !\"#¤%&'()*+,-./0123456789:;<=>?"
"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
"¿abcdefghijklmnopqrstuvwxyzäöñüà";
static const char extension[] = "\f^{}\\[~]|€";

static int	tests;
static int	failures;

/* Reports one test. */
static void
ok(bool good, const char *format,...)
{
	va_list		args;

	printf("%sok %d - ", good ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!good)
		failures++;
}

/* What the alphabet above says of a character: 1 or 2 septets, 0 if it is not in it. */
static int
reference_septets(uint32_t cp)
{
	unsigned char utf8[5];
	int			n = sf_utf8_put(cp, utf8);

	utf8[n] = '\0';
	if (cp == 0)
		return 0;
	if (strstr(basic, (char *) utf8) != NULL)
		return 1;
	if (strstr(extension, (char *) utf8) != NULL)
		return 2;
	return 0;
}

/* Each of all code points alone: GSM or not, and what it costs. */
static void
test_alphabet(void)
{
	int			gsm = 0;
	int			wrong = 0;

	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++)
	{
		unsigned char utf8[4];
		sf_segments counted;
		int			septets;

		if (cp >= 0xD800 && cp <= 0xDFFF)
			continue;
		septets = reference_septets(cp);
		sf_count_segments((char *) utf8, sf_utf8_put(cp, utf8), &counted);
		gsm += septets != 0;
		if (counted.segments != 1 ||
			counted.encoding != (septets ? SF_GSM7 : SF_UCS2) ||
			counted.units != (septets ? septets : cp < 0x10000 ? 1 : 2))
		{
			printf("# U+%04X: %s, %d units\n", cp,
				   sf_encoding_name(counted.encoding), counted.units);
			wrong++;
		}
	}
	ok(gsm == 137, "the alphabet has 127 characters and 10 extensions");
	ok(wrong == 0, "every code point has its encoding and cost");
}

/* Builds prefix, then n times unit, then suffix. */
static char *
repeat(const char *prefix, const char *unit, int n, const char *suffix)
{
	char	   *s = malloc(strlen(prefix) + strlen(unit) * n + strlen(suffix) + 1);

	strcpy(s, prefix);
	for (int i = 0; i < n; i++)
		strcat(s, unit);
	return strcat(s, suffix);
}

/* The lengths where another segment begins. */
static void
test_boundaries(void)
{
	static const struct
	{
		const char *prefix;
		const char *unit;
		int			n;
		const char *suffix;
		sf_encoding encoding;
		int			units;
		int			segments;
	}			cases[] = {
		{"", "a", 0, "", SF_GSM7, 0, 0},
		{"", "a", 1, "", SF_GSM7, 1, 1},
		{"", "a", 160, "", SF_GSM7, 160, 1},
		{"", "a", 161, "", SF_GSM7, 161, 2},
		{"", "a", 306, "", SF_GSM7, 306, 2},
		{"", "a", 307, "", SF_GSM7, 307, 3},
		{"", "[", 80, "", SF_GSM7, 160, 1},
		{"", "[", 81, "", SF_GSM7, 162, 2},
		/* 152 septets of 153 used, the pair moves on */
		{"", "a", 152, "[aaaaaaaa", SF_GSM7, 162, 2},
		{"", "[", 152, "", SF_GSM7, 304, 2},
		{"", "[", 153, "", SF_GSM7, 306, 3},
		{"", "€", 76, "aaaaaaaaa", SF_GSM7, 161, 2},
		{"", "\r\n", 80, "", SF_GSM7, 160, 1},
		{"", "é", 160, "", SF_GSM7, 160, 1},
		{"", "ж", 70, "", SF_UCS2, 70, 1},
		{"", "ж", 71, "", SF_UCS2, 71, 2},
		{"", "ж", 134, "", SF_UCS2, 134, 2},
		{"", "ж", 135, "", SF_UCS2, 135, 3},
		{"’", "a", 69, "", SF_UCS2, 70, 1},
		{"’", "a", 70, "", SF_UCS2, 71, 2},
		{"", "😀", 35, "", SF_UCS2, 70, 1},
		{"", "😀", 36, "", SF_UCS2, 72, 2},
		/* 33 pairs and an idle unit in each segment */
		{"", "😀", 66, "", SF_UCS2, 132, 2},
		{"", "😀", 67, "", SF_UCS2, 134, 3},
		/* [ is one unit in UCS-2 */
		{"ж", "[", 69, "", SF_UCS2, 70, 1},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		char	   *body = repeat(cases[i].prefix, cases[i].unit, cases[i].n,
								  cases[i].suffix);
		sf_segments counted;

		sf_count_segments(body, strlen(body), &counted);
		ok(counted.encoding == cases[i].encoding &&
		   counted.units == cases[i].units &&
		   counted.segments == cases[i].segments,
		   "case %d: %s, %d units, %d segments", (int) i,
		   sf_encoding_name(counted.encoding), counted.units, counted.segments);
		free(body);
	}

	{
		char	   *body = repeat("", "a", 152, "[");
		char	   *longer = repeat(body, "a", 152, "");
		sf_segments counted;
		int			cuts[3] = {0, 0, -1};

		sf_count_segments(longer, strlen(longer), &counted);
		ok(counted.units == 306 && counted.segments == 3,
		   "306 septets take 3 segments when a pair does not fit");
		ok(sf_segment_cuts(longer, strlen(longer), &counted, cuts, 2) == 2 &&
		   cuts[0] == 153 && cuts[1] == 305, "cuts at characters 153 and 305");
		cuts[1] = -1;
		ok(sf_segment_cuts(longer, strlen(longer), &counted, cuts, 1) == 2 &&
		   cuts[1] == -1, "no more cuts are written than there is room for");
		free(body);
		free(longer);
	}
}

/* The position and bytes of characters outside the alphabet. */
static void
test_forcing(void)
{
	const char *body = "é’a😀`";
	sf_forcing	list[4];

	ok(sf_forcing_chars(body, strlen(body), list, 4) == 3 &&
	   list[0].codepoint == 0x2019 && list[0].position == 2 &&
	   list[0].offset == 2 && list[0].bytes == 3 &&
	   list[1].codepoint == 0x1F600 && list[1].position == 4 &&
	   list[1].offset == 6 && list[1].bytes == 4 &&
	   list[2].codepoint == '`' && list[2].position == 5,
	   "three forcing characters with positions and offsets");
	list[1].position = -1;
	ok(sf_forcing_chars(body, strlen(body), list, 1) == 1 &&
	   list[1].position == -1, "the list of forcing characters is bounded");
	ok(sf_forcing_chars("plain €", 9, list, 4) == 0, "none in a GSM text");
}

/* Random bodies against packing done once more, on unit counts. */
static void
test_random(void)
{
	static const uint32_t pool[] = {
		'a', 'b', ' ', '\n', '[', '~', '|', 0xE9, 0x20AC, 0x3A9,
		'`', 0x2019, 0x436, 0xE01, 0x4E2D, 0x1F600, 0x1F1EB, 0x200D
	};
	int			wrong = 0;

	srand(20261123);
	for (int round = 0; round < 20000; round++)
	{
		unsigned char body[4 * 700];
		uint32_t	chars[700];
		int			n = rand() % (round % 10 == 0 ? 700 : 180);
		/* GSM bodies are as frequent as others */
		int			choice = round % 2 ? 10 : (int) lengthof(pool);
		int			cuts[64];
		int			expected_cuts[64];
		int			used = 0;
		int			units = 0;
		int			segments = n > 0;
		int			single;
		int			part;
		size_t		len = 0;
		bool		gsm = true;
		sf_segments counted;

		for (int i = 0; i < n; i++)
		{
			chars[i] = pool[rand() % (rand() % 4 ? 3 : choice)];
			len += sf_utf8_put(chars[i], body + len);
			gsm = gsm && reference_septets(chars[i]) != 0;
		}
		single = gsm ? 160 : 70;
		part = gsm ? 153 : 67;
		for (int i = 0; i < n; i++)
			units += gsm ? reference_septets(chars[i]) : 1 + (chars[i] > 0xFFFF);
		for (int i = 0; units > single && i < n; i++)
		{
			int			cost = gsm ? reference_septets(chars[i]) :
				1 + (chars[i] > 0xFFFF);

			if (used + cost > part)
			{
				expected_cuts[segments - 1] = i + 1;
				segments++;
				used = 0;
			}
			used += cost;
		}

		sf_count_segments((char *) body, len, &counted);
		if (counted.encoding != (gsm ? SF_GSM7 : SF_UCS2) ||
			counted.units != units || counted.segments != segments ||
			sf_segment_cuts((char *) body, len, &counted, cuts, 64) !=
			(segments > 0 ? segments - 1 : 0) ||
			(segments > 1 && memcmp(cuts, expected_cuts,
									sizeof(int) * (segments - 1)) != 0))
			wrong++;
	}
	ok(wrong == 0, "20000 random bodies agree with a second implementation");
}

/* Broken UTF-8 is counted byte by byte and never read past its end. */
static void
test_broken(void)
{
	static const struct
	{
		const char *bytes;
		int			units;
	}			cases[] = {
		{"\x80", 1}, {"\xC3", 1}, {"\xC0\x80", 2}, {"\xE2\x82", 2},
		{"\xED\xA0\x80", 3}, {"\xF0\x9F\x98", 3}, {"\xF4\x90\x80\x80", 4},
		{"\xF5\x80\x80\x80", 4}, {"\xFF", 1}, {"\xE0\x80\x80", 3},
		{"\xF0\x80\x80\x80", 4}, {"\xC3(", 2}
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		size_t		len = strlen(cases[i].bytes);
		char	   *exact = malloc(len);	/* an overrun is seen by the sanitizer */
		sf_segments counted;

		memcpy(exact, cases[i].bytes, len);
		sf_count_segments(exact, len, &counted);
		ok(counted.encoding == SF_UCS2 && counted.units == cases[i].units,
		   "broken UTF-8, case %d: %d units", (int) i, counted.units);
		free(exact);
	}
}

/* True if smart encoding turns from into to. */
static bool
encodes(const char *from, const char *to)
{
	size_t		len = strlen(from);
	char	   *out = malloc(SF_SMART_SIZE(len) + 1);
	bool		same;

	out[sf_smart_encode(from, len, out)] = '\0';
	same = strcmp(out, to) == 0;
	if (!same)
		printf("# %s -> %s, not %s\n", from, out, to);
	free(out);
	return same;
}

/* Smart encoding: examples, and the map's rules over all characters. */
static void
test_smart(void)
{
	int			mapped = 0;
	int			wrong = 0;
	sf_segments original;
	sf_smart_mode mode;

	ok(encodes("Don’t wait – it’s “now”…", "Don't wait - it's \"now\"..."),
	   "quotes, dashes, ellipsis");
	ok(encodes("a\tb\xC2\xA0" "c\xE3\x80\x80" "d", "a b c d"),
	   "tab, no-break space and wide space become one space");
	ok(encodes("x\xE2\x80\x8By\xEF\xBB\xBF", "xy"), "what has no width vanishes");
	ok(encodes("½ ¼ ‼ ［１］", "1/2 1/4 !! [1]"),
	   "fractions and full-width forms");
	ok(encodes("plain [€] é\n", "plain [€] é\n"), "a GSM text stays");
	ok(encodes("naïve 😀 ж", "naïve 😀 ж"), "what has no look-alike stays");

	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++)
	{
		unsigned char from[4];
		char		to[16];
		size_t		len;
		size_t		n;
		sf_segments counted;

		if (cp >= 0xD800 && cp <= 0xDFFF)
			continue;
		len = sf_utf8_put(cp, from);
		n = sf_smart_encode((char *) from, len, to);
		if (n == len && memcmp(from, to, n) == 0)
			continue;
		mapped++;
		sf_count_segments(to, n, &counted);
		if (counted.encoding != SF_GSM7 || n > SF_SMART_SIZE(len) ||
			reference_septets(cp) != 0)
		{
			printf("# U+%04X breaks a rule of the map\n", cp);
			wrong++;
		}
	}
	ok(mapped == 271, "271 characters have a look-alike (%d)", mapped);
	ok(wrong == 0, "every target is GSM, no source is, each fits the bound");

	original.encoding = SF_UCS2;
	original.segments = 2;
	ok(sf_smart_pays(&original, "abc", 3), "GSM-7 with fewer segments pays");
	ok(!sf_smart_pays(&original, "ж", 2), "a text that stays UCS-2 does not pay");
	original.segments = 1;
	ok(!sf_smart_pays(&original, "abc", 3), "as many segments do not pay");

	ok(sf_smart_mode_parse("off", &mode) && mode == SF_SMART_OFF &&
	   sf_smart_mode_parse("always", &mode) && mode == SF_SMART_ALWAYS &&
	   sf_smart_mode_parse("only_if_gsm", &mode) &&
	   mode == SF_SMART_ONLY_IF_GSM && !sf_smart_mode_parse("Always", &mode) &&
	   !sf_smart_mode_parse("", &mode), "names of modes");
}

int
main(void)
{
	test_alphabet();
	test_boundaries();
	test_forcing();
	test_random();
	test_broken();
	test_smart();
	printf("1..%d\n", tests);
	return failures > 0;
}
