/*-------------------------------------------------------------------------
 *
 * buffer.c
 *		Growing buffers that forget what they held.
 *
 * Requests hold credentials, requests and replies hold phone numbers and
 * texts.  Memory is overwritten before it is given back or used again.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <stdlib.h>
#include <string.h>

#include "transport/internal.h"

/*
 * Overwrites memory in a way the compiler may not leave out, although nobody
 * reads it afterwards: it cannot know what the volatile pointer points to.
 */
void
sf_wipe(void *data, size_t len)
{
	static void *(*const volatile fill) (void *, int, size_t) = memset;

	if (len > 0)
		fill(data, 0, len);
}

/*
 * Makes room for size bytes in all, keeping what is there.  False when there
 * is no memory; the buffer is then as before.  realloc would leave a copy
 * behind, so the contents are moved by hand and the old place is wiped.
 */
bool
sf_buffer_reserve(sf_buffer *buffer, size_t size)
{
	size_t		grown = buffer->size < 512 ? 512 : buffer->size;
	char	   *data;

	if (size <= buffer->size)
		return true;
	while (grown < size)
	{
		if (grown > SIZE_MAX / 2)
			return false;
		grown *= 2;
	}
	data = malloc(grown);
	if (data == NULL)
		return false;
	if (buffer->used > 0)
		memcpy(data, buffer->data, buffer->used);
	sf_wipe(buffer->data, buffer->used);
	free(buffer->data);
	buffer->data = data;
	buffer->size = grown;
	return true;
}

/* Empties a buffer; keeps its memory for the next use unless it grew large. */
void
sf_buffer_wipe(sf_buffer *buffer)
{
	sf_wipe(buffer->data, buffer->used);
	buffer->used = 0;
	if (buffer->size > SF_KEEP_BUFFER)
		sf_buffer_free(buffer);
}

/* Empties a buffer and gives its memory back. */
void
sf_buffer_free(sf_buffer *buffer)
{
	sf_wipe(buffer->data, buffer->used);
	free(buffer->data);
	buffer->data = NULL;
	buffer->used = 0;
	buffer->size = 0;
}
