/*-------------------------------------------------------------------------
 *
 * e164.c
 *		Strict E.164: reading and masking, without any metadata.
 *
 * Accepted: an optional run of blanks, '+', a digit 1-9, 6 to 14 more digits,
 * with blanks, dots, hyphens and pairs of parentheses between the digits.
 * Refused though it looks harmless: a zero right after the country code, as in
 * "+44 (0)20 ...", unless numbers of that country do begin with one.  It is a
 * trunk prefix that is not dialled from abroad; left in, one person would have
 * two numbers, and an opt-out from one of them would not hold for the other.
 *
 *-------------------------------------------------------------------------
 */
#include "phone/phone.h"

#include <string.h>

#define MIN_DIGITS	7
#define MAX_DIGITS	15

/* What a mask leaves visible, and the least it hides. */
#define MASK_LEAD	4
#define MASK_TAIL	2
#define MASK_HIDDEN	4

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * The length of the country code that digits begin with: 1 for North America
 * and for Russia, 2 for the codes listed by their first digit, else 3.  No code
 * is the beginning of another (ITU-T E.164).
 */
static int
country_code_length(const char *digits)
{
	static const char *const two_digits[] = {
		"", "", "07", "0123469", "013456789", "12345678", "0123456", "",
		"1246", "0123458"
	};

	if (digits[0] == '1' || digits[0] == '7')
		return 1;
	return strchr(two_digits[digits[0] - '0'], digits[1]) != NULL ? 2 : 3;
}

/*
 * True if people are reached under numbers that begin with zero there: Italy,
 * some countries of Africa, San Marino, Tajikistan, and three codes without a
 * country.
 */
static bool
keeps_zero(const char *digits, int length)
{
	static const char *const codes[] = {
		"39", "225", "226", "229", "241", "242", "250", "378", "992",
		"800", "881", "888"
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strlen(codes[i]) == (size_t) length &&
			memcmp(codes[i], digits, length) == 0)
			return true;
	return false;
}

/*
 * Reads an international number into out, or returns false and says why in
 * *why (a static text; out is then empty).  The reason never quotes the input.
 */
bool
sf_phone_e164(const char *in, size_t len, char out[SF_PHONE_SIZE],
			  const char **why)
{
	size_t		i = 0;
	int			digits = 0;
	bool		open = false;
	int			code;

	out[0] = '\0';
	*why = NULL;

	while (i < len && is_blank(in[i]))
		i++;
	if (i == len)
		*why = "it is empty";
	else if (in[i] != '+')
		*why = "it does not start with + and a country code";

	for (i++; i < len && *why == NULL; i++)
	{
		char		c = in[i];

		if (is_digit(c))
		{
			if (c == '0' && digits == 0)
				*why = "a country code does not start with 0";
			else if (digits == MAX_DIGITS)
				*why = "it has more than 15 digits";
			else
				out[1 + digits++] = c;
		}
		else if (c == '(' && !open)
			open = true;
		else if (c == ')' && open)
			open = false;
		else if (!is_blank(c) && c != '.' && c != '-')
			*why = "it has a character that is no digit, blank, dot, hyphen or pair of parentheses";
	}

	if (*why == NULL && open)
		*why = "a parenthesis is not closed";
	if (*why == NULL && digits < MIN_DIGITS)
		*why = "it has fewer than 7 digits";
	if (*why != NULL)
		return false;
	code = country_code_length(out + 1);
	if (out[1 + code] == '0' && !keeps_zero(out + 1, code))
	{
		*why = "the zero after its country code is not dialled from abroad";
		return false;
	}
	out[0] = '+';
	out[1 + digits] = '\0';
	return true;
}

/*
 * Masks a number for logs and for people who may not see it: up to four
 * leading and the last two digits stay, never fewer than four are hidden.
 * What is not E.164 becomes "***", so nothing of it shows.
 */
void
sf_phone_mask(const char *e164, char out[SF_PHONE_SIZE])
{
	size_t		digits = 0;
	size_t		lead;

	if (e164[0] == '+')
		while (digits <= MAX_DIGITS && is_digit(e164[1 + digits]))
			digits++;
	if (digits < MIN_DIGITS || digits > MAX_DIGITS || e164[1 + digits] != '\0')
	{
		strcpy(out, "***");
		return;
	}

	lead = digits - MASK_TAIL - MASK_HIDDEN;
	if (lead > MASK_LEAD)
		lead = MASK_LEAD;
	memcpy(out, e164, 1 + digits + 1);
	memset(out + 1 + lead, '*', digits - lead - MASK_TAIL);
}
