/*-------------------------------------------------------------------------
 *
 * buffer.h
 *		A growable byte buffer, and writing JSON and form text into it.
 *
 * Running out of memory ends the program: these are test tools, and a half
 * written log line would be worse than no gateway.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buffer
{
	char	   *data;
	size_t		len;
	size_t		size;
} buffer;

/* malloc, calloc and strdup that end the program instead of failing. */
extern void *xmalloc(size_t size);
extern void *xcalloc(size_t count, size_t size);
extern void *xrealloc(void *pointer, size_t size);
extern char *xstrdup(const char *text);

/* Makes room for extra more bytes and returns where they go. */
extern char *buffer_reserve(buffer *b, size_t extra);
extern void buffer_free(buffer *b);

extern void buffer_bytes(buffer *b, const void *data, size_t len);
extern void buffer_text(buffer *b, const char *text);
extern void buffer_number(buffer *b, int64_t number);
extern void buffer_printf(buffer *b, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Ends the text with a NUL that is not counted, and returns it. */
extern char *buffer_string(buffer *b);

/* A quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
extern void buffer_json(buffer *b, const char *text, size_t len);
/* The same, or null for a NULL pointer. */
extern void buffer_json_or_null(buffer *b, const char *text);

/* application/x-www-form-urlencoded */
extern void buffer_urlencode(buffer *b, const char *text);

#endif							/* BUFFER_H */
