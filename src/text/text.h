/*-------------------------------------------------------------------------
 *
 * text.h
 *		What a text costs: GSM 03.38 tables, segmentation, smart encoding.
 *
 * Pure C over UTF-8, no PostgreSQL header, so that it is fuzzed and tested
 * without a server.  Source of the alphabet and the lengths: 3GPP TS 23.038
 * and TS 23.040.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEXT_H
#define SF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sf_encoding
{
	SF_GSM7,
	SF_UCS2
} sf_encoding;

typedef struct sf_segments
{
	sf_encoding encoding;
	int			units;			/* septets, or UTF-16 code units */
	int			segments;		/* 0 for an empty body */
} sf_segments;

/* body must be valid UTF-8; counts by code unit, never splits an escape or surrogate pair. */
extern void sf_count_segments(const char *body, size_t len, sf_segments *out);
/* "GSM-7" or "UCS-2". */
extern const char *sf_encoding_name(sf_encoding encoding);

#endif							/* SF_TEXT_H */
