/*-------------------------------------------------------------------------
 *
 * filters_web.c
 *		Filters for what a text has in common with the web: HTML, URLs, base64.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"
#include "mb/pg_wchar.h"

/* The HTML name of a character, or NULL. */
static const char *
html_name(char c)
{
	switch (c)
	{
		case '&':
			return "&amp;";
		case '<':
			return "&lt;";
		case '>':
			return "&gt;";
		case '"':
			return "&quot;";
		case '\'':
			return "&#39;";
		default:
			return NULL;
	}
}

/* True when an entity stands at s, which is an ampersand: &amp; or &#38; */
static bool
is_entity(const char *s, const char *end)
{
	const char *start = ++s;

	if (s < end && *s == '#')
	{
		start = ++s;
		while (s < end && *s >= '0' && *s <= '9')
			s++;
	}
	else
		while (s < end && ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
			s++;
	return s > start && s < end && *s == ';';
}

/* Escapes for HTML; with once, entities that are there stay. */
static bool
escape(sf_render *r, sf_value input, bool once, sf_value *result)
{
	StringInfoData out;
	const char *s;
	const char *end;

	if (!sf_to_string(r, input, &input))
		return false;
	sf_start_string(&out, input.len);
	end = input.u.str + input.len;
	for (s = input.u.str; s < end; s++)
	{
		const char *name = html_name(*s);

		if (name != NULL && !(once && *s == '&' && is_entity(s, end)))
		{
			if (!sf_append(r, &out, name, strlen(name)))
				return false;
		}
		else if (!sf_append(r, &out, s, 1))
			return false;
	}
	*result = sf_str(out.data, out.len);
	return true;
}

bool
sf_filter_escape(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	*result = input;
	return input.type == SF_V_NIL || escape(r, input, false, result);
}

bool
sf_filter_escape_once(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return escape(r, input, true, result);
}

/* What strip_html takes out as a whole, from the start to the end. */
static const struct
{
	const char *start;
	const char *end;
}			html_blocks[] = {
	{"<script", "</script>"},
	{"<!--", "-->"},
	{"<style", "</style>"}
};

/* Copies s without scripts, styles and comments. */
static int
strip_blocks(const char *s, int len, char *out)
{
	bool		gone[lengthof(html_blocks)] = {false};	/* no end of it follows */
	int			n = 0;
	int			i = 0;
	int			k;

	while (i < len)
	{
		int			skip = 0;

		for (k = 0; k < lengthof(html_blocks) && s[i] == '<'; k++)
		{
			int			start = strlen(html_blocks[k].start);
			int			end = strlen(html_blocks[k].end);
			int			at;

			if (gone[k] || len - i < start || memcmp(s + i, html_blocks[k].start, start) != 0)
				continue;
			at = sf_find_bytes(s + i + start, len - i - start, html_blocks[k].end, end);
			if (at < 0)
				gone[k] = true;
			else
			{
				skip = start + at + end;
				break;
			}
		}
		if (skip > 0)
			i += skip;
		else
			out[n++] = s[i++];
	}
	return n;
}

bool
sf_filter_strip_html(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	char	   *out;
	int			len;
	int			n = 0;
	int			i = 0;

	if (!sf_to_string(r, input, &input))
		return false;
	out = palloc(input.len + 1);
	len = strip_blocks(input.u.str, input.len, out);
	while (i < len)
	{
		const char *end = out[i] == '<' ? memchr(out + i, '>', len - i) : NULL;

		if (out[i] == '<' && end == NULL)
		{
			memmove(out + n, out + i, len - i);
			n += len - i;
			break;
		}
		if (end != NULL)
			i = end - out + 1;
		else
			out[n++] = out[i++];
	}
	*result = sf_str(out, n);
	return true;
}

/* Value of a hexadecimal digit, or -1. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* As in a query string: a blank becomes +. */
bool
sf_filter_url_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	static const char hex[] = "0123456789ABCDEF";
	StringInfoData out;
	int			i;

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_to_string(r, input, &input))
		return false;
	sf_start_string(&out, input.len);
	for (i = 0; i < input.len; i++)
	{
		unsigned char c = input.u.str[i];
		char		buf[3] = {'%', hex[c >> 4], hex[c & 15]};
		bool		plain = sf_is_word(c) || c == '.' || c == '-' || c == '~';

		if (c == ' ' || plain)
			buf[0] = c == ' ' ? '+' : c;
		if (!sf_append(r, &out, buf, c == ' ' || plain ? 1 : 3))
			return false;
	}
	*result = sf_str(out.data, out.len);
	return true;
}

/* Bytes that were decoded, as long as they are text. */
static bool
decoded(sf_render *r, const char *s, int len, sf_value *result)
{
	if (memchr(s, 0, len) != NULL || !pg_verify_mbstr(GetDatabaseEncoding(), s, len, true))
		return sf_render_error(r, "what was decoded is no text");
	*result = sf_str(s, len);
	return true;
}

bool
sf_filter_url_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	char	   *out;
	int			n = 0;
	int			i;

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_to_string(r, input, &input))
		return false;
	out = palloc(input.len + 1);
	for (i = 0; i < input.len; i++)
	{
		char		c = input.u.str[i];

		if (c == '%' && i + 2 < input.len && hex_digit(input.u.str[i + 1]) >= 0 &&
			hex_digit(input.u.str[i + 2]) >= 0)
		{
			out[n++] = hex_digit(input.u.str[i + 1]) * 16 + hex_digit(input.u.str[i + 2]);
			i += 2;
		}
		else
			out[n++] = c == '+' ? ' ' : c;
	}
	return decoded(r, out, n, result);
}

static const char base64_plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Encodes with an alphabet, padded. */
static bool
base64_encode(sf_render *r, sf_value input, const char *alphabet, sf_value *result)
{
	StringInfoData out;
	int			i;

	if (!sf_to_string(r, input, &input))
		return false;
	initStringInfo(&out);
	for (i = 0; i < input.len; i += 3)
	{
		const unsigned char *s = (const unsigned char *) input.u.str + i;
		int			left = input.len - i;
		uint32		bits = s[0] << 16 | (left > 1 ? s[1] << 8 : 0) | (left > 2 ? s[2] : 0);
		char		buf[4];

		buf[0] = alphabet[bits >> 18];
		buf[1] = alphabet[bits >> 12 & 63];
		buf[2] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		buf[3] = left > 2 ? alphabet[bits & 63] : '=';
		if (!sf_append(r, &out, buf, 4))
			return false;
	}
	*result = sf_str(out.data, out.len);
	return true;
}

/* Value of a digit, or -1; the plain ones are digits in URLs too. */
static int
base64_digit(const char *alphabet, char c)
{
	const char *found = memchr(alphabet, c, 64);

	if (found != NULL)
		return found - alphabet;
	return alphabet == base64_url ? base64_digit(base64_plain, c) : -1;
}

/*
 * Decodes strictly: nothing but the alphabet, and padding at the end, which
 * only the alphabet for URLs may leave out.
 */
static bool
base64_decode(sf_render *r, sf_value input, const char *alphabet, sf_value *result)
{
	char	   *out;
	int			len;
	int			n = 0;
	int			i;
	uint32		bits = 0;
	bool		valid;

	if (!sf_to_string(r, input, &input))
		return false;
	len = input.len;
	valid = len % 4 == 0 || (alphabet == base64_url && input.u.str[len - 1] != '=');
	if (len % 4 == 0)
		for (i = 0; i < 2 && len > 0 && input.u.str[len - 1] == '='; i++)
			len--;
	out = palloc(len + 1);
	for (i = 0; i < len && valid; i++)
	{
		int			digit = base64_digit(alphabet, input.u.str[i]);

		valid = digit >= 0;
		bits = bits << 6 | (digit & 63);
		if (i % 4 > 0)
			out[n++] = (char) (bits >> (6 - 2 * (i % 4)));
	}
	/* a lone digit is no byte, and what is left over must be zero */
	if (valid && (len % 4 == 1 || (len % 4 == 2 && (bits & 15) != 0) || (len % 4 == 3 && (bits & 3) != 0)))
		valid = false;
	if (!valid)
		return sf_render_error(r, "this is no base64");
	return decoded(r, out, n, result);
}

bool
sf_filter_base64_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return base64_encode(r, input, base64_plain, result);
}

bool
sf_filter_base64_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return base64_decode(r, input, base64_plain, result);
}

bool
sf_filter_base64_url_safe_encode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return base64_encode(r, input, base64_url, result);
}

bool
sf_filter_base64_url_safe_decode(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return base64_decode(r, input, base64_url, result);
}
