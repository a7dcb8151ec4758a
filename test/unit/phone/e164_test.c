/*-------------------------------------------------------------------------
 *
 * e164_test.c
 *		Tests of strict E.164 without a server or library; prints TAP.
 *
 * Numbers are from ranges set aside for fiction.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phone/phone.h"

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

static int	tests;
static int	failures;

/* Reports one test; control characters in its name would break the TAP line. */
static void
ok(bool good, char *name)
{
	for (char *c = name; *c != '\0'; c++)
		if (*c == '\n' || *c == '\t')
			*c = '?';
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	if (!good)
		failures++;
}

/* Reads input from a buffer of exactly its length; expected NULL: refused. */
static void
reads(const char *input, size_t len, const char *expected)
{
	char	   *exact = malloc(len > 0 ? len : 1);
	char		out[SF_PHONE_SIZE];
	char		name[160];
	const char *why = "not set";
	bool		got;

	memcpy(exact, input, len);
	got = sf_phone_e164(exact, len, out, &why);
	if (expected != NULL)
	{
		snprintf(name, sizeof(name), "'%s' is %s", input, expected);
		ok(got && strcmp(out, expected) == 0 && why == NULL, name);
	}
	else
	{
		snprintf(name, sizeof(name), "'%.30s' is refused: %s", input, why);
		ok(!got && out[0] == '\0' && why != NULL && strcmp(why, "not set") != 0,
		   name);
	}
	free(exact);
}

/* Masks one number. */
static void
masks(const char *number, const char *expected)
{
	char		out[SF_PHONE_SIZE];
	char		name[80];

	sf_phone_mask(number, out);
	snprintf(name, sizeof(name), "%s is shown as %s", number, out);
	ok(strcmp(out, expected) == 0, name);
}

int
main(void)
{
	static const struct
	{
		const char *input;
		const char *e164;		/* NULL: refused */
	}			cases[] = {
		{"+14155550100", "+14155550100"},
		{"+1 (415) 555-0100", "+14155550100"},
		{"  +1.415.555.0100 ", "+14155550100"},
		{"+\t44 7700 900123", "+447700900123"},
		{"+33 6 39 98 00 01", "+33639980001"},
		{"+39 06 1234567", "+39061234567"},
		{"+1234567", "+1234567"},
		{"+123456789012345", "+123456789012345"},
		{"", NULL},
		{"   ", NULL},
		{"+", NULL},
		{"14155550100", NULL},
		{"(415) 555-0100", NULL},
		{"0014155550100", NULL},
		{"+0415555010", NULL},
		{"+ 0415555010", NULL},
		{"+123456", NULL},
		{"+1234567890123456", NULL},
		{"++14155550100", NULL},
		{"+1415555+0100", NULL},
		{"+44 (0)7700 900123", NULL},
		{"+4407700900123", NULL},
		{"+3530209100000", NULL},
		{"+10155550100", NULL},
		{"+70123456789", NULL},
		{"+39 (06) 1234567", "+39061234567"},
		{"+225 07 00 00 00 01", "+2250700000001"},
		{"+229 01 00 00 00 01", "+2290100000001"},
		{"+442079460018", "+442079460018"},
		{"+201012345678", "+201012345678"},
		{"+2100234567", NULL},
		{"+1 (415 555-0100", NULL},
		{"+1 415) 555-0100", NULL},
		{"+1 ((415)) 555-0100", NULL},
		{"+1415555010x", NULL},
		{"+14155550100 ext. 7", NULL},
		{"+14155550100;ext=7", NULL},
		{"+1415555\xEF\xBC\x90" "100", NULL},
		{"+1415555\xC2\xA0" "0100", NULL},
		{"+14155550100\n", NULL},
		{"tel:+14155550100", NULL},
		{"DROP TABLE", NULL}
	};

	for (size_t i = 0; i < lengthof(cases); i++)
		reads(cases[i].input, strlen(cases[i].input), cases[i].e164);
	reads("+1415555\0" "0100", 13, NULL);
	reads("+14155550100999", 12, "+14155550100");

	{
		size_t		len = 10 * 1000 * 1000;
		char	   *digits = malloc(len);

		memset(digits, '9', len);
		digits[0] = '+';
		digits[31] = '\0';
		reads(digits, len, NULL);
		memset(digits, ' ', len);
		memcpy(digits + len - 12, "+14155550100", 12);
		digits[31] = '\0';
		reads(digits, len, NULL);
		free(digits);
	}

	masks("+14155550100", "+1415*****00");
	masks("+447700900123", "+4477******23");
	masks("+123456789012345", "+1234*********45");
	masks("+1234567", "+1****67");
	masks("+12345678", "+12****78");
	masks("+1234567890", "+1234****90");
	masks("+123456", "***");
	masks("", "***");
	masks("+", "***");
	masks("+1234567890123456", "***");
	masks("4155550100", "***");
	masks("+1415555x100", "***");
	masks("US:878787", "***");

	printf("1..%d\n", tests);
	return failures > 0;
}
