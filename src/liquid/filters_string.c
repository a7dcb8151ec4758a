/*-------------------------------------------------------------------------
 *
 * filters_string.c
 *		Filters that cut, join and change strings.
 *
 * Lengths and positions count characters.  What only cuts points into its
 * input; what may grow stops at max_string.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"
#include "text/utf8.h"

/* Cuts white space off the chosen ends. */
static bool
strip(sf_render *r, sf_value input, bool left, bool right, sf_value *result)
{
	if (!sf_to_string(r, input, result))
		return false;
	while (left && result->len > 0 && sf_is_space(*result->u.str))
	{
		result->u.str++;
		result->len--;
	}
	while (right && result->len > 0 && sf_is_space(result->u.str[result->len - 1]))
		result->len--;
	return true;
}

bool
sf_filter_strip(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return strip(r, input, true, true, result);
}

bool
sf_filter_lstrip(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return strip(r, input, true, false, result);
}

bool
sf_filter_rstrip(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return strip(r, input, false, true, result);
}

/* a and b as one string. */
static bool
concatenate(sf_render *r, sf_value a, sf_value b, sf_value *result)
{
	StringInfoData out;

	if (!sf_to_string(r, a, &a) || !sf_to_string(r, b, &b))
		return false;
	sf_start_string(&out, (int64) a.len + b.len);
	if (!sf_append(r, &out, a.u.str, a.len) || !sf_append(r, &out, b.u.str, b.len))
		return false;
	*result = sf_str(out.data, out.len);
	return true;
}

bool
sf_filter_append(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return concatenate(r, input, args->values[0], result);
}

bool
sf_filter_prepend(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return concatenate(r, args->values[0], input, result);
}

/*
 * Changes the case: the first character as first says, the others as rest
 * says (u, l).  No character becomes longer.
 */
static bool
change_case(sf_render *r, sf_value input, char first, char rest, sf_value *result)
{
	const char *s;
	const char *end;
	char	   *out;
	int			n = 0;
	char		how = first;

	if (!sf_to_string(r, input, &input))
		return false;
	out = palloc(input.len + 1);
	end = input.u.str + input.len;
	for (s = input.u.str; s < end; how = rest)
	{
		int			len = sf_char_len(s, end);
		uint32		c = sf_decode_char(s, len);

		if (len == 1)
			out[n++] = c < 0x80 ? (char) (how == 'u' ? sf_upper(c) : sf_lower(c)) : *s;
		else if (c == 0xDF && how == 'u')	/* sharp s */
		{
			out[n++] = 'S';
			out[n++] = first == rest ? 'S' : 's';
		}
		else
			n += sf_utf8_put(how == 'u' ? sf_upper(c) : sf_lower(c), (unsigned char *) out + n);
		s += len;
	}
	*result = sf_str(out, n);
	return true;
}

bool
sf_filter_upcase(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return change_case(r, input, 'u', 'u', result);
}

bool
sf_filter_downcase(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return change_case(r, input, 'l', 'l', result);
}

bool
sf_filter_capitalize(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return change_case(r, input, 'u', 'l', result);
}

/*
 * Replaces what in input; max < 0: everywhere.  The empty string stands
 * before each character and at the end.
 */
static bool
replace(sf_render *r, sf_value input, sf_value what, sf_value with, int max, sf_value *result)
{
	StringInfoData out;
	const char *s;
	const char *end;

	if (!sf_to_string(r, input, &input) || !sf_to_string(r, what, &what) || !sf_to_string(r, with, &with))
		return false;
	s = input.u.str;
	end = s + input.len;
	sf_start_string(&out, input.len);
	while (max != 0)
	{
		int			at = sf_find_bytes(s, end - s, what.u.str, what.len);

		if (at < 0)
			break;
		if (!sf_append(r, &out, s, at) || !sf_append(r, &out, with.u.str, with.len))
			return false;
		s += at + what.len;
		max--;
		if (what.len > 0)
			continue;
		if (s == end)
			break;
		at = sf_char_len(s, end);
		if (!sf_append(r, &out, s, at))
			return false;
		s += at;
	}
	if (!sf_append(r, &out, s, end - s))
		return false;
	*result = sf_str(out.data, out.len);
	return true;
}

/* Replaces the last of what. */
static bool
replace_last(sf_render *r, sf_value input, sf_value what, sf_value with, sf_value *result)
{
	StringInfoData out;
	int			at;

	if (!sf_to_string(r, input, &input) || !sf_to_string(r, what, &what) || !sf_to_string(r, with, &with))
		return false;
	*result = input;
	if (!sf_charge_bytes(r, (int64) (input.len - what.len) * what.len))
		return false;
	for (at = input.len - what.len; at >= 0; at--)
		if (memcmp(input.u.str + at, what.u.str, what.len) == 0)
			break;
	if (at < 0)
		return true;
	sf_start_string(&out, (int64) input.len + with.len);
	if (!sf_append(r, &out, input.u.str, at) || !sf_append(r, &out, with.u.str, with.len) ||
		!sf_append(r, &out, input.u.str + at + what.len, input.len - at - what.len))
		return false;
	*result = sf_str(out.data, out.len);
	return true;
}

bool
sf_filter_replace(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace(r, input, args->values[0], sf_arg(args, 1), -1, result);
}

bool
sf_filter_replace_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace(r, input, args->values[0], sf_arg(args, 1), 1, result);
}

bool
sf_filter_replace_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace_last(r, input, args->values[0], args->values[1], result);
}

bool
sf_filter_remove(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace(r, input, args->values[0], sf_nil(), -1, result);
}

bool
sf_filter_remove_first(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace(r, input, args->values[0], sf_nil(), 1, result);
}

bool
sf_filter_remove_last(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace_last(r, input, args->values[0], sf_nil(), result);
}

/* Replaces line ends (LF, CR LF) by with. */
static bool
replace_newlines(sf_render *r, sf_value input, const char *with, sf_value *result)
{
	StringInfoData out;
	const char *s;
	const char *end;

	if (!sf_to_string(r, input, &input))
		return false;
	sf_start_string(&out, input.len);
	end = input.u.str + input.len;
	for (s = input.u.str; s < end;)
	{
		const char *hit = memchr(s, '\n', end - s);
		const char *stop = hit == NULL ? end : hit > s && hit[-1] == '\r' ? hit - 1 : hit;

		if (!sf_append(r, &out, s, stop - s) ||
			(hit != NULL && !sf_append(r, &out, with, strlen(with))))
			return false;
		s = hit != NULL ? hit + 1 : end;
	}
	*result = sf_str(out.data, out.len);
	return true;
}

bool
sf_filter_strip_newlines(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace_newlines(r, input, "", result);
}

bool
sf_filter_newline_to_br(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	return replace_newlines(r, input, "<br />\n", result);
}

/* slice: offset, length = 1; of an array its items. */
bool
sf_filter_slice(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	bool		array = sf_is_array(input);
	int64		offset;
	int64		length = 1;
	int64		count;

	if (!sf_to_integer(r, args->values[0], &offset) ||
		(args->count > 1 && args->values[1].type != SF_V_NIL && !sf_to_integer(r, args->values[1], &length)) ||
		(!array && !sf_to_string(r, input, &input)))
		return false;
	count = sf_count(input);
	if (offset < 0)
		offset += count;
	if (offset < 0 || offset > count || length < 0)
		length = offset = 0;
	length = Min(length, count - offset);

	if (array)
	{
		const sf_list *list;
		sf_list    *part;

		if (!sf_to_list(r, input, &list))
			return false;
		part = sf_list_new(length);
		memcpy(part->items, list->items + offset, length * sizeof(sf_value));
		*result = sf_list_value(part);
	}
	else
	{
		int			start = sf_char_offset(input.u.str, input.len, offset);

		*result = sf_str(input.u.str + start,
						 sf_char_offset(input.u.str + start, input.len - start, length));
	}
	return true;
}

/* truncate: length = 50, ellipsis = '...'; the length includes the ellipsis. */
bool
sf_filter_truncate(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	int64		length = 50;
	sf_value	ellipsis = sf_str("...", 3);

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_to_string(r, input, result) ||
		(args->count > 0 && !sf_to_integer(r, args->values[0], &length)) ||
		(args->count > 1 && !sf_to_string(r, args->values[1], &ellipsis)))
		return false;
	if (sf_chars(result->u.str, result->len) <= length)
		return true;
	length = Max(Max(length, 0) - sf_chars(ellipsis.u.str, ellipsis.len), 0);
	return concatenate(r, sf_str(result->u.str, sf_char_offset(result->u.str, result->len, length)),
					   ellipsis, result);
}

/* Reads the next word; false when there is none. */
static bool
next_word(const char **s, const char *end, const char **word, int *len)
{
	while (*s < end && sf_is_space(**s))
		(*s)++;
	*word = *s;
	while (*s < end && !sf_is_space(**s))
		(*s)++;
	*len = *s - *word;
	return *len > 0;
}

/* truncatewords: words = 15, ellipsis = '...'; one blank between words. */
bool
sf_filter_truncatewords(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	StringInfoData out;
	int64		words = 15;
	sf_value	ellipsis = sf_str("...", 3);
	const char *s;
	const char *end;
	const char *word;
	int			len;
	int64		n;

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_to_string(r, input, result) ||
		(args->count > 0 && !sf_to_integer(r, args->values[0], &words)) ||
		(args->count > 1 && !sf_to_string(r, args->values[1], &ellipsis)))
		return false;
	words = Max(words, 1);
	s = result->u.str;
	end = s + result->len;
	sf_start_string(&out, result->len);
	for (n = 0; n < words && next_word(&s, end, &word, &len); n++)
	{
		if ((n > 0 && !sf_append(r, &out, " ", 1)) || !sf_append(r, &out, word, len))
			return false;
	}
	if (n < words || s == end)
		return true;
	if (!sf_append(r, &out, ellipsis.u.str, ellipsis.len))
		return false;
	*result = sf_str(out.data, out.len);
	return true;
}

/* squish: no white space at the ends, and one blank wherever there is some. */
bool
sf_filter_squish(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	char	   *out;
	const char *s;
	const char *end;
	const char *word;
	int			len;
	int			n = 0;

	*result = input;
	if (input.type == SF_V_NIL)
		return true;
	if (!sf_to_string(r, input, &input))
		return false;
	s = input.u.str;
	end = s + input.len;
	out = palloc(input.len + 1);
	while (next_word(&s, end, &word, &len))
	{
		if (n > 0)
			out[n++] = ' ';
		memcpy(out + n, word, len);
		n += len;
	}
	*result = sf_str(out, n);
	return true;
}

/* The next piece of a string that split cuts; false at its end. */
static bool
next_piece(const char **s, const char *end, sf_value separator, sf_value *piece)
{
	const char *word;
	int			len;

	if (separator.len == 1 && *separator.u.str == ' ')
	{
		if (!next_word(s, end, &word, &len))
			return false;
		*piece = sf_str(word, len);
		return true;
	}
	if (*s > end || (*s == end && separator.len == 0))
		return false;
	if (separator.len == 0)
		len = sf_char_len(*s, end);
	else
	{
		len = sf_find_bytes(*s, end - *s, separator.u.str, separator.len);
		if (len < 0)
			len = end - *s;
	}
	*piece = sf_str(*s, len);
	*s += len + separator.len;
	return true;
}

/*
 * split: separator.  A blank splits at white space, the empty string into
 * characters; empty pieces at the end go.
 */
bool
sf_filter_split(sf_render *r, sf_value input, const sf_args *args, sf_value *result)
{
	sf_value	separator;
	sf_value	piece;
	sf_list    *list;
	const char *s;
	const char *end;
	int			n = 0;

	if (!sf_to_string(r, input, &input) || !sf_to_string(r, args->values[0], &separator))
		return false;
	end = input.u.str + input.len;
	for (s = input.u.str; next_piece(&s, end, separator, &piece);)
		n++;
	if (!sf_charge(r, n / 16))
		return false;
	list = sf_list_new(n);
	n = 0;
	for (s = input.u.str; next_piece(&s, end, separator, &piece);)
		list->items[n++] = piece;
	while (n > 0 && list->items[n - 1].len == 0)
		n--;
	list->count = n;
	*result = sf_list_value(list);
	return true;
}
