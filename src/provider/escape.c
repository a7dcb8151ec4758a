/*-------------------------------------------------------------------------
 *
 * escape.c
 *		Putting a text into a form, a URL, a JSON string or a header.
 *
 * Each escaping writes straight into the buffer, which is first grown for the
 * worst case: this runs for every text that is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

static const char hex_digits[] = "0123456789ABCDEF";

/* RFC 3986 unreserved: letters, digits, - . _ ~ */
static inline bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '.' || c == '_' || c == '~';
}

/* Percent-encodes everything that is not unreserved; a blank becomes + or %20. */
static void
append_percent(StringInfo buf, const char *text, int len, bool blank_as_plus)
{
	char	   *out;

	enlargeStringInfo(buf, len * 3);
	out = buf->data + buf->len;
	for (int i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (is_unreserved(c))
			*out++ = c;
		else if (c == ' ' && blank_as_plus)
			*out++ = '+';
		else
		{
			*out++ = '%';
			*out++ = hex_digits[c >> 4];
			*out++ = hex_digits[c & 15];
		}
	}
	*out = '\0';
	buf->len = out - buf->data;
}

/* Escapes what RFC 8259 wants escaped; bytes from 128 on pass as UTF-8. */
static void
append_json(StringInfo buf, const char *text, int len)
{
	char	   *out;

	enlargeStringInfo(buf, len * 6);
	out = buf->data + buf->len;
	for (int i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c == '"' || c == '\\')
		{
			*out++ = '\\';
			*out++ = c;
		}
		else if (c == '\n')
		{
			*out++ = '\\';
			*out++ = 'n';
		}
		else if (c < 0x20 || c == 0x7f)
		{
			memcpy(out, "\\u00", 4);
			out[4] = hex_digits[c >> 4];
			out[5] = hex_digits[c & 15];
			out += 6;
		}
		else
			*out++ = c;
	}
	*out = '\0';
	buf->len = out - buf->data;
}

/* True when text holds a control character, which no header or URL may carry. */
bool
sf_has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *) text; *p != '\0'; p++)
	{
		if (*p < 0x20 || *p == 0x7f)
			return true;
	}
	return false;
}

/*
 * Appends len bytes of text under the given escaping.  Raises an error for a
 * control character where a header value is wanted: it would end the header
 * and start one that the writer of the text chose.
 */
void
sf_escape_append(StringInfo buf, const char *text, int len, sf_escape escape)
{
	switch (escape)
	{
		case SF_ESC_FORM:
			append_percent(buf, text, len, true);
			break;
		case SF_ESC_PATH:
			/* A path step of dots alone would climb out of the fixed path. */
			if ((len == 1 && text[0] == '.') || (len == 2 && text[0] == '.' && text[1] == '.'))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("a value made of dots alone cannot be part of a URL"),
						 errhint("Give the account, id or address that the provider knows.")));
			/* FALLTHROUGH */
		case SF_ESC_PERCENT:
			append_percent(buf, text, len, false);
			break;
		case SF_ESC_JSON:
			append_json(buf, text, len);
			break;
		case SF_ESC_HEADER:
			if (sf_has_control(text))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("a header value must not contain control characters"),
						 errhint("Remove line breaks and tabs, which often come along when a secret is pasted.")));
			/* FALLTHROUGH */
		case SF_ESC_NONE:
			appendBinaryStringInfo(buf, text, len);
			break;
	}
}
