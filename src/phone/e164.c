/*-------------------------------------------------------------------------
 *
 * e164.c
 *		Strict E.164: reading and masking, without any metadata.
 *
 * Accepted: an optional run of blanks, '+', a digit 1-9, 6 to 14 more digits,
 * with blanks, dots, hyphens and pairs of parentheses between the digits.
 * Refused though it looks harmless: a group "(0...)", because the zero is
 * mostly a trunk prefix that is not dialled from abroad, and only metadata
 * knows.
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
	bool		group_start = false;	/* the last thing read is '(' */

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
			else if (c == '0' && group_start)
				*why = "a zero in parentheses is not dialled from abroad";
			else if (digits == MAX_DIGITS)
				*why = "it has more than 15 digits";
			else
				out[1 + digits++] = c;
			group_start = false;
		}
		else if (c == '(' && !open)
			open = group_start = true;
		else if (c == ')' && open)
			open = group_start = false;
		else if (!is_blank(c) && c != '.' && c != '-')
			*why = "it has a character that is no digit, blank, dot, hyphen or pair of parentheses";
	}

	if (*why == NULL && open)
		*why = "a parenthesis is not closed";
	if (*why == NULL && digits < MIN_DIGITS)
		*why = "it has fewer than 7 digits";
	if (*why != NULL)
		return false;
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
