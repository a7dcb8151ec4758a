/*-------------------------------------------------------------------------
 *
 * wording.h
 *		How the texts of a program are worded, as the claim keeps it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_WORDING_H
#define SF_WORDING_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "text/text.h"
#include "utils/timestamp.h"

typedef enum sf_line_when
{
	SF_LINE_ALWAYS,
	SF_LINE_FIRST,
	SF_LINE_DAYS,
	SF_LINE_NEVER
} sf_line_when;

/* A phrase as it is shown and as it is compared. */
typedef struct sf_phrase
{
	const char *shown;
	const char *folded;
	size_t		len;
} sf_phrase;

/* A text in one language. */
typedef struct sf_line
{
	const char *locale;			/* "default": for all others */
	sf_phrase	text;
} sf_line;

typedef struct sf_wording
{
	int32		program_id;		/* hash key */
	sf_phrase	prefix;			/* shown NULL: none */
	sf_phrase	sign_off;
	int			nrequired;
	sf_phrase  *required;
	int			nbanned;
	sf_phrase  *banned;
	sf_line_when line_when;
	int			line_days;
	int			nlines;
	sf_line    *lines;
	sf_smart_mode smart;
	int			max_segments;
	bool		requires_approval;
} sf_wording;

/* Reads all programs into the current memory context; one of the loaders of tables.c. */
extern void sf_wording_load(void);
/* NULL: there is no such program. */
extern const sf_wording *sf_wording_find(int32 program_id);

#endif							/* SF_WORDING_H */
