/*-------------------------------------------------------------------------
 *
 * fields.h
 *		The named values of one request, wherever they stood: query, form or JSON.
 *
 * Values are NUL-terminated copies or point into the text that was parsed,
 * which parsing changes in place and which must live as long as the fields.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELDS_MAX 64

typedef struct field
{
	const char *name;
	const char *value;
} field;

typedef struct fields
{
	int			count;
	field		list[FIELDS_MAX];
} fields;

/* Adds one; false when there are too many. */
extern bool fields_add(fields *f, const char *name, const char *value);

/*
 * Reads a form body (a=1&b=2); text must be NUL-terminated and is decoded in
 * place.  False when it holds too many fields.
 */
extern bool fields_from_form(fields *f, char *text);

/*
 * Reads a JSON object in place.  Strings lose their quotes and escapes, other
 * values keep their JSON text, a null is left out.  False when it is not one
 * well-formed object.
 */
extern bool fields_from_json(fields *f, char *text);

/* The first value of that name, or NULL. */
extern const char *fields_get(const fields *f, const char *name);
/* The same, with the empty string as none: clients leave fields empty. */
extern const char *fields_filled(const fields *f, const char *name);
/* The value as a number, or the fallback when absent; *ok turns false on nonsense. */
extern int64_t fields_number(const fields *f, const char *name, int64_t fallback, bool *ok);
extern double fields_real(const fields *f, const char *name, double fallback, bool *ok);

/*
 * Copies the decoded value of a parameter in a URL's query to out; false when
 * the URL has none of that name or out (size bytes) is too small.
 */
extern bool url_parameter(const char *url, const char *name, char *out, size_t size);

/* Undoes %XX and '+' in place. */
extern void url_decode(char *text);

#endif							/* FIELDS_H */
