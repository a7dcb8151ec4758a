/*-------------------------------------------------------------------------
 *
 * text.h
 *		What a text costs: GSM 03.38 tables, segmentation, smart encoding.
 *
 * Pure C over UTF-8, no PostgreSQL header, so that it is fuzzed and tested
 * without a server.  Source of the alphabet and the lengths: 3GPP TS 23.038
 * and TS 23.040.
 *
 * Positions are counted in characters (code points) from 1, as in SQL's
 * substr().
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEXT_H
#define SF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room of one message alone, and of each part of a longer one. */
#define SF_GSM7_SINGLE	160		/* septets */
#define SF_GSM7_PART	153
#define SF_UCS2_SINGLE	70		/* UTF-16 code units */
#define SF_UCS2_PART	67

typedef enum sf_encoding
{
	SF_GSM7,
	SF_UCS2,
	SF_MMS						/* not counted: set for a text that takes media along */
} sf_encoding;

typedef struct sf_segments
{
	sf_encoding encoding;
	int			units;			/* septets, or UTF-16 code units */
	int			segments;		/* 0 for an empty body */
} sf_segments;

/* A character that GSM 03.38 does not have. */
typedef struct sf_forcing
{
	uint32_t	codepoint;
	int			position;		/* 1 = first character */
	size_t		offset;			/* bytes before it */
	int			bytes;			/* 1 .. 4 */
} sf_forcing;

/* body must be valid UTF-8; counts by code unit, never splits an escape or surrogate pair. */
extern void sf_count_segments(const char *body, size_t len, sf_segments *out);
/* "GSM-7", "UCS-2" or "MMS". */
extern const char *sf_encoding_name(sf_encoding encoding);
/*
 * Writes the positions of the first characters of segment 2, 3, ... into
 * cuts, at most max of them, and returns how many there are (segments - 1, or
 * 0).  counted is what sf_count_segments said about the same body.
 */
extern int	sf_segment_cuts(const char *body, size_t len,
							const sf_segments *counted, int *cuts, int max);
/* Writes the first max characters that force UCS-2, in order; returns how many were written. */
extern int	sf_forcing_chars(const char *body, size_t len,
							 sf_forcing *list, int max);

/*
 * Takes control characters, characters that reorder text and most of those
 * without width out of a UTF-8 body, in place, and returns its new length.
 */
extern size_t sf_text_clean(char *body, size_t len);

/* What smart encoding may do to a text. */
typedef enum sf_smart_mode
{
	SF_SMART_OFF,				/* nothing */
	SF_SMART_ALWAYS,			/* replace whatever has a GSM look-alike */
	SF_SMART_ONLY_IF_GSM		/* only if the text becomes GSM-7 and takes fewer segments */
} sf_smart_mode;

/* Room that sf_smart_encode needs for len bytes. */
#define SF_SMART_SIZE(len) ((len) + (len) / 2)

/* Reads "off", "always" or "only_if_gsm"; false for anything else. */
extern bool sf_smart_mode_parse(const char *name, sf_smart_mode *mode);
/*
 * Replaces characters outside GSM 03.38 by look-alikes inside it and returns
 * the length written; body should be in NFC, out has SF_SMART_SIZE(len) bytes.
 */
extern size_t sf_smart_encode(const char *body, size_t len, char *out);
/* The rule of ONLY_IF_GSM: encoded is GSM-7 and takes fewer segments than the original. */
extern bool sf_smart_pays(const sf_segments *original,
						  const char *encoded, size_t encoded_len);

#endif							/* SF_TEXT_H */
