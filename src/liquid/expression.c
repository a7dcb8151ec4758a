/*-------------------------------------------------------------------------
 *
 * expression.c
 *		Parses expressions, filters and conditions.
 *
 * Each function starts at the current token, leaves the token behind what it
 * read, and returns NULL or false after it has filled the error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/filters.h"
#include "miscadmin.h"

/* A node of the given kind that starts at the current token. */
static sf_expr *
new_expr(sf_lexer *x, sf_expr_kind kind)
{
	sf_expr    *e = palloc0(sizeof(sf_expr));

	e->kind = kind;
	e->offset = x->tok.offset;
	e->literal = sf_nil();
	return e;
}

/* Steps over the given character, or complains. */
static bool
eat(sf_lexer *x, char c)
{
	char		what[] = {'"', c, '"', '\0'};

	if (!sf_at_char(x, c))
		return sf_lexer_expected(x, what);
	return sf_lexer_next(x);
}

/* Room for one more element of size bytes; grows by doubling. */
static void *
grow(void *items, int count, Size size)
{
	if (items == NULL)
		return palloc(4 * size);
	if (count >= 4 && (count & (count - 1)) == 0)
		return repalloc(items, 2 * count * size);
	return items;
}

/* Reads what follows the head of a path: .name and [expression]. */
static bool
parse_steps(sf_lexer *x, sf_expr *e)
{
	for (;;)
	{
		sf_step    *step;

		if (!sf_at_char(x, '.') && !sf_at_char(x, '['))
			return true;
		e->steps = grow(e->steps, e->nsteps, sizeof(sf_step));
		step = &e->steps[e->nsteps++];
		memset(step, 0, sizeof(sf_step));

		if (sf_at_char(x, '['))
		{
			if (!sf_lexer_next(x))
				return false;
			step->index = sf_parse_expression(x);
			if (step->index == NULL)
				return false;
			e->end = x->tok.end;
			if (!eat(x, ']'))
				return false;
			continue;
		}
		if (!sf_lexer_next(x))
			return false;
		if (x->tok.type != SF_T_ID)
			return sf_lexer_expected(x, "a name after \".\"");
		step->name = x->tok.start;
		step->len = x->tok.len;
		e->end = x->tok.end;
		if (!sf_lexer_next(x))
			return false;
	}
}

/* Turns a name into the literal that it stands for, if it does. */
static bool
literal_word(const sf_token *t, sf_value *v)
{
	static const struct
	{
		const char *word;
		sf_type		type;
		bool		b;
	}			words[] = {
		{"true", SF_V_BOOL, true},
		{"false", SF_V_BOOL, false},
		{"nil", SF_V_NIL, false},
		{"null", SF_V_NIL, false},
		{"empty", SF_V_EMPTY, false},
		{"blank", SF_V_BLANK, false}
	};
	int			i;

	for (i = 0; i < lengthof(words); i++)
	{
		if (t->len == strlen(words[i].word) && memcmp(t->start, words[i].word, t->len) == 0)
		{
			*v = sf_nil();
			v->type = words[i].type;
			v->u.b = words[i].b;
			return true;
		}
	}
	return false;
}

/* (from..to) */
static sf_expr *
parse_range(sf_lexer *x)
{
	sf_expr    *e = new_expr(x, SF_E_RANGE);

	if (!sf_lexer_next(x))
		return NULL;
	e->from = sf_parse_expression(x);
	if (e->from == NULL)
		return NULL;
	if (x->tok.type != SF_T_DOTDOT)
	{
		sf_lexer_expected(x, "\"..\"");
		return NULL;
	}
	if (!sf_lexer_next(x))
		return NULL;
	e->to = sf_parse_expression(x);
	if (e->to == NULL)
		return NULL;
	e->end = x->tok.end;
	return eat(x, ')') ? e : NULL;
}

/* A name, a path, or one of the words that are literals. */
static sf_expr *
parse_path(sf_lexer *x)
{
	sf_expr    *e = new_expr(x, SF_E_PATH);
	bool		word = literal_word(&x->tok, &e->literal);

	e->name = x->tok.start;
	e->len = x->tok.len;
	e->end = x->tok.end;
	if (!sf_lexer_next(x) || !parse_steps(x, e))
		return NULL;
	if (word && e->nsteps == 0)
		e->kind = SF_E_LITERAL;
	else
		sf_note_name(x->p, e->name, e->len, e->offset, false);
	return e;
}

/* [expression] as the head of a path. */
static sf_expr *
parse_bracketed(sf_lexer *x)
{
	sf_expr    *e = new_expr(x, SF_E_PATH);

	if (!sf_lexer_next(x))
		return NULL;
	e->head = sf_parse_expression(x);
	if (e->head == NULL)
		return NULL;
	e->end = x->tok.end;
	return eat(x, ']') && parse_steps(x, e) ? e : NULL;
}

/* A string or a number. */
static sf_expr *
parse_literal(sf_lexer *x)
{
	sf_expr    *e = new_expr(x, SF_E_LITERAL);

	if (x->tok.type == SF_T_STRING)
		e->literal = sf_str(x->tok.start, x->tok.len);
	else if (!sf_numeric_from_text(x->tok.start, x->tok.len, &e->literal))
	{
		sf_parse_error(x->p, x->tok.offset, "a number has more than %d digits", SF_MAX_DIGITS);
		return NULL;
	}
	e->end = x->tok.end;
	return sf_lexer_next(x) ? e : NULL;
}

/* An operand of a condition, where empty and blank are tests. */
sf_expr *
sf_parse_operand(sf_lexer *x)
{
	sf_expr    *e = NULL;

	if (++x->depth > SF_MAX_NESTING || stack_is_too_deep())
		sf_parse_error(x->p, x->tok.offset, "brackets are nested more than %d deep", x->depth - 1);
	else if (x->tok.type == SF_T_ID)
		e = parse_path(x);
	else if (x->tok.type == SF_T_STRING || x->tok.type == SF_T_NUMBER)
		e = parse_literal(x);
	else if (sf_at_char(x, '['))
		e = parse_bracketed(x);
	else if (sf_at_char(x, '('))
		e = parse_range(x);
	else
		sf_lexer_expected(x, "a value");
	x->depth--;
	return e;
}

/* Any other expression: there, empty and blank are the empty string. */
sf_expr *
sf_parse_expression(sf_lexer *x)
{
	sf_expr    *e = sf_parse_operand(x);

	if (e != NULL && e->kind == SF_E_LITERAL &&
		(e->literal.type == SF_V_EMPTY || e->literal.type == SF_V_BLANK))
		e->literal = sf_str("", 0);
	return e;
}

/* left, or left operator right */
static sf_condition *
parse_comparison(sf_lexer *x)
{
	sf_condition *c = palloc0(sizeof(sf_condition));

	c->left = sf_parse_operand(x);
	if (c->left == NULL)
		return NULL;
	if (x->tok.type == SF_T_COMPARE)
	{
		c->op = x->tok.op;
		if (!sf_lexer_next(x))
			return NULL;
		c->right = sf_parse_operand(x);
		if (c->right == NULL)
			return NULL;
	}
	return c;
}

/* Comparisons joined by and/or, up to the end of the tag. */
sf_condition *
sf_parse_condition(sf_lexer *x)
{
	sf_condition *first = parse_comparison(x);
	sf_condition *last = first;

	while (last != NULL && (sf_at_id(x, "and") || sf_at_id(x, "or")))
	{
		last->is_or = sf_at_id(x, "or");
		last->next = sf_lexer_next(x) ? parse_comparison(x) : NULL;
		last = last->next;
	}
	return last != NULL && sf_lexer_end(x) ? first : NULL;
}

/* Reads name: value when that is what comes next. */
bool
sf_parse_keyword(sf_lexer *x, sf_keyword *keyword, bool *found)
{
	sf_lexer	start = *x;

	*found = false;
	if (x->tok.type != SF_T_ID)
		return true;
	if (!sf_lexer_next(x))
		return false;
	if (!sf_at_char(x, ':'))
	{
		*x = start;
		return true;
	}
	keyword->name = start.tok.start;
	keyword->len = start.tok.len;
	*found = true;
	if (!sf_lexer_next(x))
		return false;
	keyword->value = sf_parse_expression(x);
	return keyword->value != NULL;
}

/* Any number of name: value, with or without commas, up to the end of the tag. */
bool
sf_parse_keywords(sf_lexer *x, int *count, sf_keyword **keywords)
{
	*count = 0;
	*keywords = NULL;
	for (;;)
	{
		bool		found;

		while (sf_at_char(x, ','))
			if (!sf_lexer_next(x))
				return false;
		if (x->tok.type == SF_T_END)
			return true;
		*keywords = grow(*keywords, *count, sizeof(sf_keyword));
		if (!sf_parse_keyword(x, &(*keywords)[*count], &found))
			return false;
		if (!found)
			return sf_lexer_expected(x, "name: value");
		(*count)++;
	}
}

/* The arguments of a filter, behind the colon; there may be none, or a comma behind them. */
static bool
parse_arguments(sf_lexer *x, sf_call *call)
{
	while (x->tok.type != SF_T_END && !sf_at_char(x, '|'))
	{
		sf_keyword	keyword;
		bool		found;
		int			offset = x->tok.offset;

		if (!sf_parse_keyword(x, &keyword, &found))
			return false;
		if (found)
		{
			if (call->filter->function != sf_filter_default || keyword.len != 11 ||
				memcmp(keyword.name, "allow_false", 11) != 0)
				return sf_parse_error(x->p, offset, "filter \"%s\" has no argument called \"%.*s\"",
									  call->filter->name, Min(keyword.len, 40), keyword.name);
			call->allow_false = keyword.value;
		}
		else
		{
			const sf_expr *value = sf_parse_expression(x);

			if (value == NULL)
				return false;
			call->args = grow(call->args, call->nargs, sizeof(sf_expr *));
			call->args[call->nargs++] = value;
		}
		if (!sf_at_char(x, ','))
			return true;
		if (!sf_lexer_next(x))
			return false;
	}
	return true;
}

/* One filter, behind the |. */
static bool
parse_call(sf_lexer *x, sf_call *call)
{
	const sf_filter *f;

	memset(call, 0, sizeof(sf_call));
	if (x->tok.type != SF_T_ID)
		return sf_lexer_expected(x, "the name of a filter after \"|\"");
	call->offset = x->tok.offset;
	f = sf_find_filter(x->tok.start, x->tok.len);
	if (f == NULL)
		return sf_parse_error(x->p, call->offset, "there is no filter \"%.*s\"",
							  Min(x->tok.len, 40), x->tok.start);
	call->filter = f;
	if (!sf_lexer_next(x))
		return false;
	if (sf_at_char(x, ':'))
	{
		if (!sf_lexer_next(x) || !parse_arguments(x, call))
			return false;
	}
	if (call->nargs < f->min_args || call->nargs > f->max_args)
	{
		if (f->min_args == f->max_args)
			return sf_parse_error(x->p, call->offset, "filter \"%s\" takes %d argument%s, not %d",
								  f->name, f->min_args, f->min_args == 1 ? "" : "s", call->nargs);
		return sf_parse_error(x->p, call->offset, "filter \"%s\" takes %d to %d arguments, not %d",
							  f->name, f->min_args, f->max_args, call->nargs);
	}
	return true;
}

/* An expression and its filters, up to the end of the tag. */
bool
sf_parse_pipe(sf_lexer *x, sf_pipe *pipe)
{
	memset(pipe, 0, sizeof(sf_pipe));
	if (x->tok.type == SF_T_END)
		return true;
	pipe->expr = sf_parse_expression(x);
	if (pipe->expr == NULL)
		return false;
	while (sf_at_char(x, '|'))
	{
		sf_call    *call;

		pipe->calls = grow(pipe->calls, pipe->ncalls, sizeof(sf_call));
		call = &pipe->calls[pipe->ncalls];
		if (!sf_lexer_next(x) || !parse_call(x, call))
			return false;
		pipe->ncalls++;
		if (call->filter->function == sf_filter_default)
			pipe->has_default = true;
	}
	return sf_lexer_end(x);
}
