/*-------------------------------------------------------------------------
 *
 * nfc.c
 *		Smart encoding of texts in PostgreSQL: UTF-8, NFC, then the map.
 *
 * NFC comes first because a letter and its combining accent may be one GSM
 * character: n and U+0303 are the GSM letter U+00F1, not "n~".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "text/text_pg.h"
#include "text/utf8.h"

/*
 * Longest run, in characters, that is normalised at once.  unicode_normalize()
 * sorts combining marks in quadratic time and cannot be interrupted; a longer
 * run without any ASCII character stays as it is.
 */
#define MAX_RUN 512

/* See text_pg.h. */
char *
sf_text_utf8(const char *s, size_t len, size_t *utf8_len)
{
	char	   *utf8 = pg_server_to_any(s, len, PG_UTF8);

	*utf8_len = utf8 == s ? len : strlen(utf8);
	return utf8;
}

/* See text_pg.h. */
size_t
sf_text_safe(char *body, size_t len)
{
	return GetDatabaseEncoding() == PG_UTF8 ? sf_text_clean(body, len) : len;
}

/* Appends the NFC of some characters (ended by 0), which are the len bytes at s. */
static void
append_run(StringInfo out, const pg_wchar *chars, const unsigned char *s,
		   size_t len)
{
	pg_wchar   *composed;

	if (unicode_is_normalized_quickcheck(UNICODE_NFC, chars) == UNICODE_NORM_QC_YES)
	{
		appendBinaryStringInfo(out, (const char *) s, len);
		return;
	}
	composed = unicode_normalize(UNICODE_NFC, chars);
	for (const pg_wchar *c = composed; *c != 0; c++)
	{
		unsigned char utf8[4];

		appendBinaryStringInfo(out, (char *) utf8, sf_utf8_put(*c, utf8));
	}
	pfree(composed);
}

/*
 * Returns body in NFC, palloc'd.  An ASCII character never joins with what
 * stands before it, so each run of other characters is normalised alone,
 * together with the ASCII character that it may modify.
 */
static char *
to_nfc(const char *body, size_t len, size_t *out_len)
{
	const unsigned char *p = (const unsigned char *) body;
	const unsigned char *end = p + len;
	StringInfoData out;

	initStringInfo(&out);
	while (p < end)
	{
		const unsigned char *start = p;
		pg_wchar	chars[MAX_RUN + 1];
		int			n = 0;

		CHECK_FOR_INTERRUPTS();
		while (p < end && *p < 0x80 && (p + 1 == end || p[1] < 0x80))
			p++;
		appendBinaryStringInfo(&out, (const char *) start, p - start);

		start = p;
		while (p < end && (p == start || *p >= 0x80))
		{
			uint32_t	c = sf_utf8_next(p, end, &p);

			if (n < MAX_RUN)
				chars[n] = c;
			n++;
		}
		if (n > MAX_RUN)
			appendBinaryStringInfo(&out, (const char *) start, p - start);
		else if (n > 0)
		{
			chars[n] = 0;
			append_run(&out, chars, start, p - start);
		}
	}
	*out_len = out.len;
	return out.data;
}

/* See text_pg.h. */
char *
sf_text_smart(char *body, size_t len, sf_smart_mode mode, size_t *out_len)
{
	sf_segments counted;
	char	   *composed;
	char	   *encoded;
	size_t		composed_len;

	*out_len = len;
	if (mode == SF_SMART_OFF)
		return body;
	sf_count_segments(body, len, &counted);
	if (counted.encoding == SF_GSM7)
		return body;

	composed = to_nfc(body, len, &composed_len);
	if (SF_SMART_SIZE(composed_len) >= MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text is too long for smart encoding")));
	encoded = palloc(SF_SMART_SIZE(composed_len) + 1);
	*out_len = sf_smart_encode(composed, composed_len, encoded);
	encoded[*out_len] = '\0';
	pfree(composed);

	if (mode == SF_SMART_ONLY_IF_GSM &&
		!sf_smart_pays(&counted, encoded, *out_len))
	{
		pfree(encoded);
		*out_len = len;
		return body;
	}
	return encoded;
}
