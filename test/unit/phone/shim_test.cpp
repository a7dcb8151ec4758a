/*-------------------------------------------------------------------------
 *
 * shim_test.cpp
 *		Tests of the libphonenumber shim without a server; prints TAP.
 *
 * It replaces operator new, to see that a failing allocation anywhere in a
 * look-up comes back as a status and leaves the library usable.
 *
 *-------------------------------------------------------------------------
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "phone/lib/shim.h"

static int	tests;
static int	failures;

/* Allocations until one fails; negative: none does. */
static long allocations_left = -1;

void *
operator new(size_t size)
{
	void	   *p;

	if (allocations_left == 0)
		throw std::bad_alloc();
	if (allocations_left > 0)
		allocations_left--;
	p = malloc(size);
	if (p == NULL)
		throw std::bad_alloc();
	return p;
}

void
operator delete(void *p) noexcept
{
	free(p);
}

void
operator delete(void *p, size_t) noexcept
{
	free(p);
}

/* Reports one test. */
static void
ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	if (!good)
		failures++;
}

/* Looks one number up and compares every field. */
static void
finds(const char *input, const char *region, sf_lib_status status,
	  const char *e164, const char *found_region, const char *type,
	  const char *extension)
{
	sf_lib_number n;
	char		name[200];

	sf_phone_lib_lookup_v1(input, strlen(input), region, &n);
	snprintf(name, sizeof(name), "'%s' (%s): %s %s %s %s", input,
			 region != NULL ? region : "no region", n.e164, n.region, n.type,
			 n.reason != NULL ? n.reason : "");
	ok(n.status == status && strcmp(n.e164, e164) == 0 &&
	   strcmp(n.region, found_region) == 0 && strcmp(n.type, type) == 0 &&
	   strcmp(n.extension, extension) == 0 &&
	   (n.reason == NULL) == (status == SF_LIB_VALID), name);
}

/* Writes one number. */
static void
writes(const char *e164, const char *region, const char *text)
{
	sf_lib_written w;
	char		name[200];

	memset(&w, 0xAA, sizeof(w));
	sf_phone_lib_write_v1(e164, &w);
	snprintf(name, sizeof(name), "'%s' is written '%s' in '%s'", e164, w.text, w.region);
	ok(strcmp(w.region, region) == 0 && strcmp(w.text, text) == 0, name);
}

/* Makes each allocation of a look-up fail once. */
static void
test_no_memory(void)
{
	const char *input = "(415) 555-0100 ext. 7";
	sf_lib_number n;
	long		failed = 0;
	bool		good = true;

	for (long i = 0;; i++)
	{
		allocations_left = i;
		sf_phone_lib_lookup_v1(input, strlen(input), "US", &n);
		allocations_left = -1;
		if (n.status != SF_LIB_NO_MEMORY)
			break;
		good = good && n.e164[0] == '\0' && n.type[0] == '\0';
		failed++;
	}
	ok(failed > 0 && good, "a failing allocation is a status");
	printf("# %ld allocations failed in turn\n", failed);
	ok(n.status == SF_LIB_VALID && strcmp(n.e164, "+14155550100") == 0,
	   "the library works afterwards");
}

/* Random bytes, many of them characters of phone numbers. */
static void
test_random(void)
{
	static const char likely[] = "+0123456789 ()-./;=exttel:#*";
	static const char *const regions[] = {NULL, "US", "GB", "FR", "ZZ", "BR"};
	sf_lib_number n;
	bool		good = true;
	long		valid = 0;

	srand(20261123);
	for (int round = 0; round < 50000; round++)
	{
		char		input[SF_LIB_MAX_INPUT + 8];
		size_t		len = rand() % (round % 8 ? 24 : sizeof(input));

		for (size_t i = 0; i < len; i++)
			input[i] = rand() % 20 ? likely[rand() % (sizeof(likely) - 1)] :
				(char) rand();
		memset(&n, 0xAA, sizeof(n));
		sf_phone_lib_lookup_v1(input, len, regions[rand() % 6], &n);
		good = good && n.status <= SF_LIB_UNPARSEABLE &&
			memchr(n.e164, 0, sizeof(n.e164)) != NULL &&
			memchr(n.extension, 0, sizeof(n.extension)) != NULL &&
			(n.e164[0] == '+') == (n.status == SF_LIB_VALID);
		valid += n.status == SF_LIB_VALID;
	}
	ok(good, "50000 random inputs get a well-formed answer");
	printf("# %ld of them are valid numbers\n", valid);
}

int
main()
{
	char		longest[SF_LIB_MAX_INPUT + 1];

	writes("+14155550100", "US", "(415) 555-0100");
	writes("+442079460018", "GB", "020 7946 0018");
	writes("+33199000001", "FR", "01 99 00 00 01");
	writes("+44", "", "");
	writes("", "", "");
	writes("no number", "", "");
	finds("(415) 555-0100", "US", SF_LIB_VALID, "+14155550100", "US",
		  "FIXED_LINE_OR_MOBILE", "");
	finds("0491 570 156", "AU", SF_LIB_VALID, "+61491570156", "AU", "MOBILE", "");
	finds("020 7946 0018", "GB", SF_LIB_VALID, "+442079460018", "GB",
		  "FIXED_LINE", "");
	finds("+44 (0)20 7946 0018", NULL, SF_LIB_VALID, "+442079460018", "GB",
		  "FIXED_LINE", "");
	finds("01 99 00 00 01", "FR", SF_LIB_VALID, "+33199000001", "FR",
		  "FIXED_LINE", "");
	finds("0808 157 0123", "GB", SF_LIB_VALID, "+448081570123", "GB",
		  "TOLL_FREE", "");
	finds("0909 8790 123", "GB", SF_LIB_VALID, "+449098790123", "GB",
		  "PREMIUM_RATE", "");
	finds("+1 415 555 0100 ext. 7", NULL, SF_LIB_VALID, "+14155550100", "US",
		  "FIXED_LINE_OR_MOBILE", "7");
	finds("\xEF\xBC\x8B\xEF\xBC\x91 415 555 0100", NULL, SF_LIB_VALID,
		  "+14155550100", "US", "FIXED_LINE_OR_MOBILE", "");
	finds("+800 1234 5678", NULL, SF_LIB_VALID, "+80012345678", "001",
		  "TOLL_FREE", "");
	finds("415 555", "US", SF_LIB_INVALID, "", "", "", "");
	finds("555 0100", "US", SF_LIB_INVALID, "", "", "", "");
	/* reserved for fiction, so not assigned */
	finds("07700 900123", "GB", SF_LIB_INVALID, "", "", "", "");
	finds("+1 000 555 0100", NULL, SF_LIB_INVALID, "", "", "", "");
	finds("(415) 555-0100", NULL, SF_LIB_UNPARSEABLE, "", "", "", "");
	finds("(415) 555-0100", "ZZ", SF_LIB_UNPARSEABLE, "", "", "", "");
	finds("+999 123 456 789", NULL, SF_LIB_UNPARSEABLE, "", "", "", "");
	finds("hello", "US", SF_LIB_UNPARSEABLE, "", "", "", "");
	finds("", "US", SF_LIB_UNPARSEABLE, "", "", "", "");

	memset(longest, '1', sizeof(longest));
	{
		sf_lib_number n;

		sf_phone_lib_lookup_v1(longest, sizeof(longest), "US", &n);
		ok(n.status == SF_LIB_UNPARSEABLE, "longer input is refused unread");
	}

	test_no_memory();
	test_random();
	printf("1..%d\n", tests);
	return failures > 0;
}
