/*-------------------------------------------------------------------------
 *
 * liquid.h
 *		The template language: Liquid over jsonb, without database access.
 *
 * Parse once, render often.  A parsed template is read-only and lives in the
 * memory context it was parsed in.  Errors in a template or in its data are
 * results, not ereports: one bad template must not stop a wave of texts.
 *
 * The language is Liquid as documented, parsed strictly: unknown tags and
 * filters, and wrong numbers of arguments, are errors when it is parsed.  What
 * is peculiar to this implementation:
 * - Numbers are exact.  A decimal prints as the data has it (19.90), a result
 *   without zeros at its end; a quotient that does not end has 16 digits.
 * - An object's keys come in the order of jsonb.
 * - Dates print in the reader's time zone and language.  3/4/2026 is two days, so it is
 *   none and stays as it is.
 * - A template loaded by render sees its arguments and the variables of the
 *   text, but nothing that was assigned around it.
 * - The text has no control characters and no invisible ones that reorder or
 *   hide (text/clean.c).
 * - {% skip "reason" %} and the filters phone, money, gsm and segments_max.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LIQUID_H
#define SF_LIQUID_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "pgtime.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct sf_template sf_template;

typedef enum sf_liquid_missing
{
	SF_MISSING_EMPTY,			/* an absent variable is the empty string */
	SF_MISSING_ERROR,			/* it is an error that names the variable */
	SF_MISSING_SKIP				/* it suppresses the text: missing_data:<path> */
} sf_liquid_missing;

typedef enum sf_liquid_result
{
	SF_LIQUID_OK,
	SF_LIQUID_ERROR,			/* error says where and what */
	SF_LIQUID_SKIP				/* {% skip %} or SF_MISSING_SKIP: error.message is the reason */
} sf_liquid_result;

typedef struct sf_liquid_error
{
	int			line;			/* 1-based, 0 when unknown */
	int			column;			/* 1-based, in characters */
	char		message[256];
	char		path[128];		/* the variable, for SF_MISSING_*, else "" */
} sf_liquid_error;

/* A name that a template reads, or gives a value itself. */
typedef struct sf_liquid_name
{
	int			offset;			/* in the source */
	int			len;
	int			from;			/* binds: the value is there from this offset on */
	bool		binds;			/* assign, capture, for ...; false: read */
} sf_liquid_name;

/* Literal text of a template. */
typedef struct sf_liquid_span
{
	int			offset;
	int			len;
} sf_liquid_span;

/* What stands in a template, in the order of its source. */
typedef struct sf_liquid_survey
{
	int			nnames;
	sf_liquid_name *names;
	int			nspans;
	sf_liquid_span *spans;
} sf_liquid_survey;

/*
 * Gives the parsed template of a name, or NULL: there is none, or, with the
 * error filled, it is not valid.  It must stay until the render ends.
 */
typedef const sf_template *(*sf_liquid_partial) (void *arg, const char *name, sf_liquid_error *error);

/* Writes a number of a region as people there do; false when it is none of theirs. */
typedef bool (*sf_liquid_phone) (const char *e164, const char *region, char out[32]);

typedef struct sf_liquid_options
{
	sf_liquid_missing missing;
	sf_liquid_partial partial;	/* NULL: there are none */
	void	   *partial_arg;
	pg_tz	   *zone;			/* recipient's zone for dates; NULL: session_timezone */
	const char *locale;			/* BCP 47 such as en-US, or NULL */
	const char *region;			/* ISO 3166 region for phone formats, or NULL */
	sf_liquid_phone phone;		/* NULL: only numbers of the US and Canada have such a form */
	TimestampTz now;			/* value of 'now' in the date filter */
	int			max_output;		/* bytes; 0: 64 kB */
	int			max_steps;		/* loop iterations and tags in all; 0: 100,000 */
} sf_liquid_options;

/* NULL and error filled when the source is not a template. */
extern sf_template *sf_liquid_parse(MemoryContext context, const char *source, int len,
									sf_liquid_error *error);
/* The same, and what stands in it; the lists go to the context, too. */
extern sf_template *sf_liquid_look_over(MemoryContext context, const char *source, int len,
										sf_liquid_survey *survey, sf_liquid_error *error);
/* Its text, NUL-terminated; lives as long as it. */
extern const char *sf_liquid_source(const sf_template *t);
/* Appends to out; what it allocates beside goes to the current context. */
extern sf_liquid_result sf_liquid_render(const sf_template *t, Jsonb *vars,
										 const sf_liquid_options *options,
										 StringInfo out, sf_liquid_error *error);

#endif							/* SF_LIQUID_H */
