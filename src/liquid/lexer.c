/*-------------------------------------------------------------------------
 *
 * lexer.c
 *		Cuts a template into text, outputs and tags, and what stands inside
 *		those into tokens.
 *
 * The first cut knows nothing of quotes: a tag ends at the first %}, an
 * output at the first }}.  That is how Liquid is defined, and it lets raw and
 * comment hold anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"

/* White space of the language: ASCII only, so that no-break spaces stay. */
bool
sf_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* May stand in a tag name. */
bool
sf_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_';
}

/*
 * Finds the two-byte mark from position from on; -1 when it is not there.
 */
static int
find_mark(const sf_parser *p, int from, char first, char second)
{
	int			i = from;

	while (i + 1 < p->limit)
	{
		const char *hit = memchr(p->source + i, first, p->limit - 1 - i);

		if (hit == NULL)
			return -1;
		i = hit - p->source;
		if (p->source[i + 1] == second)
			return i;
		i++;
	}
	return -1;
}

/*
 * Sets inner to what stands between the delimiters, without the hyphens that
 * control white space, and for a tag reads its name.
 */
static void
look_inside(const sf_parser *p, sf_piece *piece)
{
	const char *s = p->source;
	int			i = piece->offset + 2;
	int			end = piece->end - 2;

	/* a hyphen alone is that of both sides */
	piece->trim_left = i < end && s[i] == '-';
	piece->trim_right = i < end && s[end - 1] == '-';
	if (piece->trim_left)
		i++;
	if (piece->trim_right && end > i)
		end--;
	piece->inner = i;
	piece->inner_end = end;
	piece->name = NULL;
	if (piece->type != SF_P_TAG)
		return;

	while (i < end && sf_is_space(s[i]))
		i++;
	piece->name = s + i;
	if (i < end && s[i] == '#')
		i++;
	else
		while (i < end && sf_is_word(s[i]))
			i++;
	piece->name_len = s + i - piece->name;
	if (piece->name_len == 0)
		piece->name = NULL;
	piece->inner = i;
}

/*
 * The next line of a {% liquid %} tag as a tag; empty lines are passed over.
 */
static void
next_line(sf_parser *p, sf_piece *piece)
{
	const char *s = p->source;

	for (;;)
	{
		int			i = p->pos;
		int			end = i;

		if (i >= p->limit)
		{
			piece->type = SF_P_END;
			piece->offset = piece->end = p->limit;
			return;
		}
		while (end < p->limit && s[end] != '\n')
			end++;
		p->pos = end < p->limit ? end + 1 : end;
		while (i < end && sf_is_space(s[i]))
			i++;
		if (i == end)
			continue;

		piece->type = SF_P_TAG;
		piece->offset = i;
		piece->end = end;
		piece->trim_left = piece->trim_right = false;
		piece->name = s + i;
		if (s[i] == '#')
			i++;
		else
			while (i < end && sf_is_word(s[i]))
				i++;
		piece->name_len = s + i - piece->name;
		if (piece->name_len == 0)
			piece->name = NULL;
		piece->inner = i;
		piece->inner_end = end;
		return;
	}
}

/*
 * Finds the end of the output that starts at pos: behind the first }}.  A
 * single } or a tag inside is an error; -1 then.
 */
static int
output_end(const sf_parser *p, int pos)
{
	const char *s = p->source;
	int			i;

	for (i = pos + 2; i + 1 < p->limit; i++)
	{
		if (s[i] == '}')
			return s[i + 1] == '}' ? i + 2 : -1;
		if (s[i] == '{' && s[i + 1] == '%')
			return -1;
	}
	return -1;
}

/*
 * Reads the next piece of the source.  False when a tag or output does not
 * end; the error then names its start.
 */
bool
sf_next_piece(sf_parser *p, sf_piece *piece)
{
	const char *s = p->source;
	int			i = p->pos;

	if (p->lines)
	{
		next_line(p, piece);
		return true;
	}

	piece->offset = i;
	piece->name = NULL;
	piece->name_len = 0;
	if (i >= p->limit)
	{
		piece->type = SF_P_END;
		piece->end = i;
		return true;
	}

	if (s[i] == '{' && i + 1 < p->limit && s[i + 1] == '%')
	{
		int			end = find_mark(p, i + 2, '%', '}');

		if (end < 0)
			return sf_parse_error(p, i, "this tag does not end: expected %%}");
		piece->type = SF_P_TAG;
		piece->end = end + 2;
		look_inside(p, piece);
	}
	else if (s[i] == '{' && i + 1 < p->limit && s[i + 1] == '{')
	{
		int			end = output_end(p, i);

		if (end < 0)
			return sf_parse_error(p, i, "this output does not end: expected }}");
		piece->type = SF_P_OUTPUT;
		piece->end = end;
		look_inside(p, piece);
	}
	else
	{
		while (i < p->limit)
		{
			const char *hit = memchr(s + i, '{', p->limit - i);

			i = hit ? hit - s : p->limit;
			if (i + 1 >= p->limit)
			{
				i = p->limit;
				break;
			}
			if (s[i + 1] == '%' || s[i + 1] == '{')
				break;
			i++;
		}
		piece->type = SF_P_TEXT;
		piece->end = i;
	}
	p->pos = piece->end;
	return true;
}

/*
 * Reads the next tag and passes over everything before it, outputs that do
 * not end included.  The type is SF_P_END when there is none.
 */
void
sf_next_tag(sf_parser *p, sf_piece *piece)
{
	int			start;
	int			stop;

	if (p->lines)
	{
		next_line(p, piece);
		return;
	}
	start = find_mark(p, p->pos, '{', '%');
	stop = start < 0 ? -1 : find_mark(p, start + 2, '%', '}');
	piece->type = stop < 0 ? SF_P_END : SF_P_TAG;
	piece->offset = stop < 0 ? p->limit : start;
	piece->end = p->pos = stop < 0 ? p->limit : stop + 2;
	if (stop >= 0)
		look_inside(p, piece);
}

/*
 * Looks for {% name %}, whatever stands before it, and moves behind it.  The
 * body ends at *body_end.  A tag begins at the last {% before its %}.
 */
bool
sf_find_raw_end(sf_parser *p, const char *name, int *body_end, sf_piece *end)
{
	int			len = strlen(name);
	int			pos = p->pos;

	while ((pos = find_mark(p, pos, '{', '%')) >= 0)
	{
		int			stop = find_mark(p, pos + 2, '%', '}');
		int			later;

		if (stop < 0)
			break;
		while ((later = find_mark(p, pos + 2, '{', '%')) >= 0 && later < stop)
			pos = later;
		end->type = SF_P_TAG;
		end->offset = pos;
		end->end = stop + 2;
		look_inside(p, end);
		if (end->name != NULL && end->name_len == len && memcmp(end->name, name, len) == 0)
		{
			*body_end = pos;
			p->pos = end->end;
			return true;
		}
		pos = end->end;
	}
	return false;
}

/* Complains about the current token. */
bool
sf_lexer_expected(sf_lexer *x, const char *what)
{
	if (x->p->failed)
		return false;
	if (x->tok.type == SF_T_END)
		return sf_parse_error(x->p, x->tok.offset, "expected %s but this ends here", what);
	return sf_parse_error(x->p, x->tok.offset, "expected %s but found \"%.*s\"", what,
						  sf_clip(x->p->source + x->tok.offset, x->tok.end - x->tok.offset, 40),
						  x->p->source + x->tok.offset);
}

/*
 * Reads comparison operators; the word contains is one when white space
 * follows.
 */
static bool
read_compare(sf_lexer *x, const char *s, int left)
{
	sf_token   *t = &x->tok;
	int			len = 2;

	if (left >= 2 && s[0] == '=' && s[1] == '=')
		t->op = SF_C_EQ;
	else if (left >= 2 && s[0] == '!' && s[1] == '=')
		t->op = SF_C_NE;
	else if (left >= 2 && s[0] == '<' && s[1] == '>')
		t->op = SF_C_NE;
	else if (left >= 2 && s[0] == '<' && s[1] == '=')
		t->op = SF_C_LE;
	else if (left >= 2 && s[0] == '>' && s[1] == '=')
		t->op = SF_C_GE;
	else if (s[0] == '<' || s[0] == '>')
	{
		t->op = s[0] == '<' ? SF_C_LT : SF_C_GT;
		len = 1;
	}
	else if (left >= 9 && memcmp(s, "contains", 8) == 0 && sf_is_space(s[8]))
	{
		t->op = SF_C_CONTAINS;
		len = 8;
	}
	else
		return false;

	t->type = SF_T_COMPARE;
	t->len = len;
	x->pos += len;
	return true;
}

/* Moves to the next token. */
bool
sf_lexer_next(sf_lexer *x)
{
	const char *source = x->p->source;
	sf_token   *t = &x->tok;
	const char *s;
	int			left;

	while (x->pos < x->limit && sf_is_space(source[x->pos]))
		x->pos++;
	s = source + x->pos;
	left = x->limit - x->pos;
	t->offset = x->pos;
	t->start = s;
	t->len = 0;

	if (left == 0)
		t->type = SF_T_END;
	else if (read_compare(x, s, left))
		;
	else if (*s == '"' || *s == '\'')
	{
		const char *end = memchr(s + 1, *s, left - 1);

		if (end == NULL)
			return sf_parse_error(x->p, x->pos, "this string does not end: expected %c", *s);
		t->type = SF_T_STRING;
		t->start = s + 1;
		t->len = end - s - 1;
		x->pos += t->len + 2;
	}
	else if ((*s >= '0' && *s <= '9') || (*s == '-' && left > 1 && s[1] >= '0' && s[1] <= '9'))
	{
		int			n = 1;

		while (n < left && s[n] >= '0' && s[n] <= '9')
			n++;
		if (n + 1 < left && s[n] == '.' && s[n + 1] >= '0' && s[n + 1] <= '9')
		{
			n += 2;
			while (n < left && s[n] >= '0' && s[n] <= '9')
				n++;
		}
		t->type = SF_T_NUMBER;
		t->len = n;
		x->pos += n;
	}
	else if (sf_is_word(*s))
	{
		int			n = 1;

		while (n < left && (sf_is_word(s[n]) || s[n] == '-'))
			n++;
		if (n < left && s[n] == '?')
			n++;
		t->type = SF_T_ID;
		t->len = n;
		x->pos += n;
	}
	else if (left >= 2 && s[0] == '.' && s[1] == '.')
	{
		t->type = SF_T_DOTDOT;
		x->pos += 2;
	}
	else if (strchr("|.:,[]()?-=", *s) != NULL && *s != '\0')
	{
		t->type = SF_T_CHAR;
		t->c = *s;
		x->pos++;
	}
	else
	{
		uint32		c = sf_decode_char(s, left);

		if (c < 0x20 || c >= 0x7F)
			return sf_parse_error(x->p, x->pos, "unexpected character U+%04X", c);
		return sf_parse_error(x->p, x->pos, "unexpected character \"%c\"", (char) c);
	}
	t->end = x->pos;
	return true;
}

/* Starts to read source bytes from .. to and reads the first token. */
bool
sf_lexer_start(sf_lexer *x, sf_parser *p, int from, int to)
{
	x->p = p;
	x->pos = from;
	x->limit = to;
	x->depth = 0;
	return sf_lexer_next(x);
}

/* True when nothing is left; complains otherwise. */
bool
sf_lexer_end(sf_lexer *x)
{
	if (x->p->failed)
		return false;
	if (x->tok.type != SF_T_END)
		return sf_parse_error(x->p, x->tok.offset, "expected the end of this tag but found \"%.*s\"",
							  sf_clip(x->p->source + x->tok.offset, x->tok.end - x->tok.offset, 40),
							  x->p->source + x->tok.offset);
	return true;
}
