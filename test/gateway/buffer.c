/*-------------------------------------------------------------------------
 *
 * buffer.c
 *		A growable byte buffer, and writing JSON and form text into it.
 *
 *-------------------------------------------------------------------------
 */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789ABCDEF";

/* Ends the program: see buffer.h. */
static void *
or_die(void *pointer)
{
	if (pointer == NULL)
	{
		fputs("out of memory\n", stderr);
		abort();
	}
	return pointer;
}

void *
xmalloc(size_t size)
{
	return or_die(malloc(size > 0 ? size : 1));
}

void *
xcalloc(size_t count, size_t size)
{
	return or_die(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *
xrealloc(void *pointer, size_t size)
{
	return or_die(realloc(pointer, size > 0 ? size : 1));
}

char *
xstrdup(const char *text)
{
	return or_die(strdup(text));
}

/* Grows by doubling, so that appending stays linear. */
char *
buffer_reserve(buffer *b, size_t extra)
{
	if (b->size - b->len < extra)
	{
		size_t		size = b->size > 0 ? b->size : 256;

		while (size - b->len < extra)
			size *= 2;
		b->data = xrealloc(b->data, size);
		b->size = size;
	}
	return b->data + b->len;
}

void
buffer_free(buffer *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void
buffer_bytes(buffer *b, const void *data, size_t len)
{
	if (len == 0)
		return;
	memcpy(buffer_reserve(b, len), data, len);
	b->len += len;
}

void
buffer_text(buffer *b, const char *text)
{
	buffer_bytes(b, text, strlen(text));
}

/* Decimal digits without the cost of printf: the log writes several a line. */
void
buffer_number(buffer *b, int64_t number)
{
	char		digits[24];
	char	   *start = digits + sizeof(digits);
	uint64_t	rest = number < 0 ? -(uint64_t) number : (uint64_t) number;

	do
		*--start = (char) ('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--start = '-';
	buffer_bytes(b, start, (size_t) (digits + sizeof(digits) - start));
}

void
buffer_printf(buffer *b, const char *format,...)
{
	va_list		args;
	int			len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	va_start(args, format);
	vsnprintf(buffer_reserve(b, (size_t) len + 1), (size_t) len + 1, format, args);
	va_end(args);
	b->len += (size_t) len;
}

char *
buffer_string(buffer *b)
{
	*buffer_reserve(b, 1) = '\0';
	return b->data;
}

/*
 * Length of the UTF-8 character at text, 0 when these bytes are none.  Follows
 * the table of well-formed sequences in the Unicode standard: no surrogates,
 * no overlong forms, nothing past U+10FFFF.
 */
static size_t
utf8_length(const unsigned char *text, size_t len)
{
	size_t		want;
	unsigned char low = 0x80;
	unsigned char high = 0xBF;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xC2 && text[0] <= 0xDF)
		want = 2;
	else if ((text[0] & 0xF0) == 0xE0)
	{
		want = 3;
		if (text[0] == 0xE0)
			low = 0xA0;
		if (text[0] == 0xED)
			high = 0x9F;
	}
	else if (text[0] >= 0xF0 && text[0] <= 0xF4)
	{
		want = 4;
		if (text[0] == 0xF0)
			low = 0x90;
		if (text[0] == 0xF4)
			high = 0x8F;
	}
	else
		return 0;

	if (len < want || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	return want;
}

void
buffer_json(buffer *b, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end = at + len;

	buffer_bytes(b, "\"", 1);
	while (at < end)
	{
		const unsigned char *plain = at;
		size_t		step;

		while (at < end && *at >= 0x20 && *at < 0x7F && *at != '"' && *at != '\\')
			at++;
		buffer_bytes(b, plain, (size_t) (at - plain));
		if (at == end)
			break;

		step = utf8_length(at, (size_t) (end - at));
		if (step > 1)
			buffer_bytes(b, at, step);
		else if (step == 0)
			buffer_text(b, "\\ufffd");
		else if (*at == '"' || *at == '\\')
		{
			buffer_bytes(b, "\\", 1);
			buffer_bytes(b, at, 1);
		}
		else if (*at == '\n')
			buffer_text(b, "\\n");
		else
			buffer_printf(b, "\\u%04x", *at);
		at += step > 0 ? step : 1;
	}
	buffer_bytes(b, "\"", 1);
}

void
buffer_json_or_null(buffer *b, const char *text)
{
	if (text == NULL)
		buffer_text(b, "null");
	else
		buffer_json(b, text, strlen(text));
}

void
buffer_urlencode(buffer *b, const char *text)
{
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_' || c == '.' || c == '~')
			buffer_bytes(b, text, 1);
		else
		{
			char		escape[3] = {'%', hex_digits[c >> 4], hex_digits[c & 15]};

			buffer_bytes(b, escape, 3);
		}
	}
}
