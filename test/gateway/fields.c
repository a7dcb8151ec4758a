/*-------------------------------------------------------------------------
 *
 * fields.c
 *		The named values of one request, wherever they stood: query, form or JSON.
 *
 * The JSON reader knows what a provider's client sends: one object whose
 * interesting members are strings and numbers.  Deeper values are skipped over
 * by matching brackets and handed out as text.
 *
 *-------------------------------------------------------------------------
 */
#include "fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
fields_add(fields *f, const char *name, const char *value)
{
	if (f->count == FIELDS_MAX)
		return false;
	f->list[f->count].name = name;
	f->list[f->count].value = value;
	f->count++;
	return true;
}

/* The value of a hexadecimal digit, -1 for any other character. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* A NUL written as %00 ends the value early; nothing here needs one. */
void
url_decode(char *text)
{
	char	   *out = text;

	for (; *text != '\0'; text++)
	{
		if (*text == '+')
			*out++ = ' ';
		else if (*text == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0)
		{
			*out++ = (char) (hex_value(text[1]) << 4 | hex_value(text[2]));
			text += 2;
		}
		else
			*out++ = *text;
	}
	*out = '\0';
}

bool
url_parameter(const char *url, const char *name, char *out, size_t size)
{
	size_t		name_len = strlen(name);
	const char *at = strchr(url, '?');

	for (; at != NULL; at = strpbrk(at, "&#"))
	{
		size_t		len;

		if (*at++ == '#')
			break;
		if (strncmp(at, name, name_len) != 0 || at[name_len] != '=')
			continue;
		at += name_len + 1;
		len = strcspn(at, "&#");
		if (len >= size)
			return false;
		memcpy(out, at, len);
		out[len] = '\0';
		url_decode(out);
		return true;
	}
	return false;
}

bool
fields_from_form(fields *f, char *text)
{
	while (text != NULL && *text != '\0')
	{
		char	   *next = strchr(text, '&');
		char	   *value;

		if (next != NULL)
			*next++ = '\0';
		value = strchr(text, '=');
		if (value != NULL)
			*value++ = '\0';
		else
			value = text + strlen(text);
		url_decode(text);
		url_decode(value);
		if (*text != '\0' && !fields_add(f, text, value))
			return false;
		text = next;
	}
	return true;
}

static char *
skip_space(char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

/* Writes a code point as UTF-8 and returns the place behind it. */
static char *
put_utf8(char *out, uint32_t code)
{
	if (code < 0x80)
		*out++ = (char) code;
	else if (code < 0x800)
	{
		*out++ = (char) (0xC0 | code >> 6);
		*out++ = (char) (0x80 | (code & 0x3F));
	}
	else if (code < 0x10000)
	{
		*out++ = (char) (0xE0 | code >> 12);
		*out++ = (char) (0x80 | (code >> 6 & 0x3F));
		*out++ = (char) (0x80 | (code & 0x3F));
	}
	else
	{
		*out++ = (char) (0xF0 | code >> 18);
		*out++ = (char) (0x80 | (code >> 12 & 0x3F));
		*out++ = (char) (0x80 | (code >> 6 & 0x3F));
		*out++ = (char) (0x80 | (code & 0x3F));
	}
	return out;
}

/* Four hexadecimal digits, or -1. */
static int32_t
hex4(const char *at)
{
	int32_t		code = 0;

	for (int i = 0; i < 4; i++)
	{
		int			digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

/*
 * Reads the string whose opening quote is at *cursor, in place (an escape is
 * never shorter than what it stands for), and moves the cursor behind it.
 * NULL when it is malformed.
 */
static char *
json_string(char **cursor)
{
	char	   *at = *cursor + 1;
	char	   *start = at;
	char	   *out = at;

	for (; *at != '"'; at++)
	{
		int32_t		code;

		if ((unsigned char) *at < 0x20)
			return NULL;
		if (*at != '\\')
		{
			*out++ = *at;
			continue;
		}
		switch (*++at)
		{
			case '"':
			case '\\':
			case '/':
				*out++ = *at;
				break;
			case 'b':
				*out++ = '\b';
				break;
			case 'f':
				*out++ = '\f';
				break;
			case 'n':
				*out++ = '\n';
				break;
			case 'r':
				*out++ = '\r';
				break;
			case 't':
				*out++ = '\t';
				break;
			case 'u':
				code = hex4(at + 1);
				if (code <= 0)
					return NULL;
				at += 4;
				if (code >= 0xD800 && code <= 0xDFFF)
				{
					int32_t		low = at[1] == '\\' && at[2] == 'u' ? hex4(at + 3) : -1;

					if (code > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
						return NULL;
					code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
					at += 6;
				}
				out = put_utf8(out, (uint32_t) code);
				break;
			default:
				return NULL;
		}
	}
	*cursor = at + 1;
	*out = '\0';
	return start;
}

/* The end of the number, word, array or object that starts here; NULL if none does. */
static char *
json_other_end(char *at)
{
	char	   *start = at;
	int			depth = 0;

	for (; *at != '\0'; at++)
	{
		if (*at == '"')
		{
			for (at++; *at != '"'; at++)
			{
				if (*at == '\\' && at[1] != '\0')
					at++;
				if (*at == '\0')
					return NULL;
			}
		}
		else if (*at == '{' || *at == '[')
			depth++;
		else if (depth > 0 && (*at == '}' || *at == ']'))
			depth--;
		else if (depth == 0 && strchr(",} \t\r\n", *at) != NULL)
			break;
	}
	return at > start && depth == 0 ? at : NULL;
}

bool
fields_from_json(fields *f, char *text)
{
	char	   *at = skip_space(text);

	if (*at != '{')
		return false;
	at = skip_space(at + 1);
	if (*at == '}')
		return *skip_space(at + 1) == '\0';

	for (;;)
	{
		char	   *name;
		char	   *value;
		char		after;

		if (*at != '"' || (name = json_string(&at)) == NULL)
			return false;
		at = skip_space(at);
		if (*at != ':')
			return false;
		at = skip_space(at + 1);
		if (*at == '"')
		{
			value = json_string(&at);
			if (value == NULL)
				return false;
			at = skip_space(at);
			after = *at;
		}
		else
		{
			char	   *end;

			value = at;
			end = json_other_end(at);
			if (end == NULL)
				return false;
			at = skip_space(end);
			after = *at;
			*end = '\0';
			if (strcmp(value, "null") == 0)
				value = NULL;
		}
		if (value != NULL && !fields_add(f, name, value))
			return false;
		if (after == '}')
			return *skip_space(at + 1) == '\0';
		if (after != ',')
			return false;
		at = skip_space(at + 1);
	}
}

const char *
fields_get(const fields *f, const char *name)
{
	for (int i = 0; i < f->count; i++)
		if (strcmp(f->list[i].name, name) == 0)
			return f->list[i].value;
	return NULL;
}

const char *
fields_filled(const fields *f, const char *name)
{
	const char *value = fields_get(f, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

int64_t
fields_number(const fields *f, const char *name, int64_t fallback, bool *ok)
{
	const char *text = fields_get(f, name);
	char	   *end;
	long long	number;

	if (text == NULL)
		return fallback;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		*ok = false;
	return number;
}

double
fields_real(const fields *f, const char *name, double fallback, bool *ok)
{
	const char *text = fields_get(f, name);
	char	   *end;
	double		number;

	if (text == NULL)
		return fallback;
	number = strtod(text, &end);
	if (end == text || *end != '\0' || !(number >= 0 && number < 1e15))
		*ok = false;
	return number;
}
