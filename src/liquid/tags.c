/*-------------------------------------------------------------------------
 *
 * tags.c
 *		Tags without a body: assign, echo, cycle, increment, decrement, break,
 *		continue, skip; and those whose body is no template: raw, doc,
 *		comment, #.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"

/* assign */
typedef struct assign_node
{
	sf_node		base;
	const char *name;
	int			len;
	sf_pipe		pipe;
} assign_node;

static sf_status
render_assign(sf_render *r, const sf_node *node)
{
	const assign_node *n = (const assign_node *) node;
	sf_value	v;

	return sf_eval_pipe(r, &n->pipe, false, &v) && sf_set_local(r, n->name, n->len, v) ? SF_GO : SF_FAIL;
}

/*
 * Reads the name that a tag gives a value to.  It may be more than an
 * identifier: [ ] . and digits are allowed, as in Liquid, and with quotes it
 * may stand in quotes.
 */
bool
sf_parse_target(sf_parser *p, const sf_tag *tag, bool quotes, int *pos, const char **name, int *len)
{
	const char *s = p->source;
	int			i = tag->inner;
	char		quote = 0;

	while (i < tag->inner_end && sf_is_space(s[i]))
		i++;
	if (quotes && i < tag->inner_end && (s[i] == '"' || s[i] == '\''))
		quote = s[i++];
	*name = s + i;
	while (i < tag->inner_end && (sf_is_word(s[i]) || s[i] == '.' || s[i] == '[' || s[i] == ']' ||
								  (s[i] == '-' && s + i > *name)))
		i++;
	*len = s + i - *name;
	if (*len == 0)
		return sf_parse_error(p, i, "expected the name of a variable");
	sf_note_name(p, *name, *len, tag->inner_end, true);
	if (quote)
	{
		if (i >= tag->inner_end || s[i] != quote)
			return sf_parse_error(p, i, "this name does not end: expected %c", quote);
		i++;
	}
	*pos = i;
	return true;
}

/* True when nothing but white space stands in the tag from pos on. */
bool
sf_nothing_left(sf_parser *p, const sf_tag *tag, int pos)
{
	int			end = tag->inner_end;

	while (pos < end && sf_is_space(p->source[pos]))
		pos++;
	while (end > pos && sf_is_space(p->source[end - 1]))
		end--;
	return pos == end ||
		sf_parse_error(p, pos, "expected the end of this tag but found \"%.*s\"",
					   sf_clip(p->source + pos, end - pos, 40), p->source + pos);
}

bool
sf_parse_assign(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	assign_node *n = sf_node_new(sizeof(assign_node), tag, true, render_assign);
	sf_lexer	x;
	int			pos;

	if (!sf_parse_target(p, tag, false, &pos, &n->name, &n->len))
		return false;
	while (pos < tag->inner_end && sf_is_space(p->source[pos]))
		pos++;
	if (pos >= tag->inner_end || p->source[pos] != '=')
		return sf_parse_error(p, pos, "expected \"=\" after the name");
	return sf_lexer_start(&x, p, pos + 1, tag->inner_end) && sf_parse_pipe(&x, &n->pipe) &&
		sf_block_add(block, &n->base);
}

bool
sf_parse_echo(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	sf_node    *node = sf_output_node(p, tag->offset, tag->inner, tag->inner_end);

	return node != NULL && sf_block_add(block, node);
}

/* cycle */
typedef struct cycle_node
{
	sf_node		base;
	const sf_expr *name;		/* NULL: the items name the group */
	const void *own;			/* a group of this tag alone */
	sf_value	key;			/* group of literal items */
	int			count;
	const sf_expr **items;
} cycle_node;

/* The counter of a group; starts at 0.  False: too much work. */
static bool
progress(sf_render *r, sf_progress **list, const void *tag, bool named, sf_value key, int64 **at)
{
	sf_progress *p;
	int			n = 0;

	for (p = *list; p != NULL; p = p->next, n++)
		if (p->tag == tag && p->named == named && sf_identical(p->key, key))
			break;
	if (p == NULL)
	{
		p = palloc0(sizeof(sf_progress));
		p->tag = tag;
		p->named = named;
		p->key = key;
		p->next = *list;
		*list = p;
	}
	*at = &p->value;
	return sf_charge(r, n / 16);
}

/* Where a for loop of this name went on to. */
bool
sf_loop_offset(sf_render *r, const char *name, int len, int64 **at)
{
	return progress(r, &r->frame->offsets, NULL, true, sf_str(name, len), at);
}

static sf_status
render_cycle(sf_render *r, const sf_node *node)
{
	const cycle_node *n = (const cycle_node *) node;
	sf_value	key = n->key;
	sf_value	v = sf_nil();
	int64	   *at;

	if (n->name != NULL && !sf_eval(r, n->name, &key))
		return SF_FAIL;
	if (!progress(r, &r->frame->cycles, n->own, n->name != NULL, key, &at))
		return SF_FAIL;
	if (*at < n->count && !sf_eval(r, n->items[*at], &v))
		return SF_FAIL;
	if (++*at >= n->count)
		*at = 0;
	return sf_emit_value(r, v) ? SF_GO : SF_FAIL;
}

bool
sf_parse_cycle(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	cycle_node *n = sf_node_new(sizeof(cycle_node), tag, false, render_cycle);
	sf_list    *literals;
	sf_lexer	x;
	int			i;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end))
		return false;
	n->items = palloc(sizeof(sf_expr *) * (tag->inner_end - tag->inner + 1));
	for (;;)
	{
		const sf_expr *e = sf_parse_expression(&x);

		if (e == NULL)
			return false;
		if (n->count == 0 && n->name == NULL && sf_at_char(&x, ':'))
			n->name = e;
		else
		{
			n->items[n->count++] = e;
			if (!sf_at_char(&x, ','))
				break;
		}
		if (!sf_lexer_next(&x))
			return false;
		if (x.tok.type == SF_T_END && n->count > 0)
			break;
	}
	if (!sf_lexer_end(&x))
		return false;

	/* tags with the same literals share a group; one with a variable has its own */
	literals = sf_list_new(n->count);
	for (i = 0; i < n->count; i++)
	{
		literals->items[i] = n->items[i]->literal;
		if (n->items[i]->kind != SF_E_LITERAL && n->name == NULL)
			n->own = n;
	}
	n->key = n->own == NULL ? sf_list_value(literals) : sf_nil();
	return sf_block_add(block, &n->base);
}

/* increment, decrement */
typedef struct counter_node
{
	sf_node		base;
	const char *name;
	int			len;
	bool		down;
} counter_node;

static sf_status
render_counter(sf_render *r, const sf_node *node)
{
	const counter_node *n = (const counter_node *) node;
	const sf_value *bound = sf_find_binding(&r->frame->counters, n->name, n->len);
	sf_value	v = sf_nil();
	sf_value	next;

	if (bound != NULL)
		v = *bound;
	else if (r->vars != NULL)
		(void) sf_json_key(r->vars, n->name, n->len, &v);
	if (v.type != SF_V_INT && v.type != SF_V_NUM)
		v = sf_int(0);
	if (!sf_arithmetic(r, n->down ? '-' : '+', v, sf_int(1), &next))
		return SF_FAIL;
	sf_set(&r->frame->counters, n->name, n->len, next);
	return sf_emit_value(r, n->down ? next : v) ? SF_GO : SF_FAIL;
}

bool
sf_parse_counter(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	counter_node *n = sf_node_new(sizeof(counter_node), tag, false, render_counter);
	int			pos;

	n->down = sf_tag_is(tag, "decrement");
	return sf_parse_target(p, tag, false, &pos, &n->name, &n->len) && sf_nothing_left(p, tag, pos) &&
		sf_block_add(block, &n->base);
}

/* break, continue */
static sf_status
render_break(sf_render *r, const sf_node *node)
{
	return SF_BREAK;
}

static sf_status
render_continue(sf_render *r, const sf_node *node)
{
	return SF_CONTINUE;
}

bool
sf_parse_interrupt(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	return sf_block_add(block, sf_node_new(sizeof(sf_node), tag, false,
										   sf_tag_is(tag, "break") ? render_break : render_continue));
}

/* skip: this text must not be sent */
typedef struct skip_node
{
	sf_node		base;
	sf_pipe		reason;
} skip_node;

static sf_status
render_skip(sf_render *r, const sf_node *node)
{
	sf_value	v;

	if (!sf_eval_pipe(r, &((const skip_node *) node)->reason, false, &v) || !sf_to_string(r, v, &v))
		return SF_FAIL;
	return v.len > 0 ? sf_skip(r, v.u.str, v.len) : sf_skip(r, "skipped by the template", 23);
}

bool
sf_parse_skip(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	skip_node  *n = sf_node_new(sizeof(skip_node), tag, false, render_skip);
	sf_lexer	x;

	return sf_lexer_start(&x, p, tag->inner, tag->inner_end) && sf_parse_pipe(&x, &n->reason) &&
		sf_block_add(block, &n->base);
}

/* True when the range has a {% doc %} tag. */
static bool
has_doc(const sf_parser *p, int from, int to)
{
	for (; from + 4 < to; from++)
	{
		int			i = from + 2;

		if (p->source[from] != '{' || p->source[from + 1] != '%')
			continue;
		if (p->source[i] == '-')
			i++;
		while (i < to && sf_is_space(p->source[i]))
			i++;
		if (to - i >= 4 && memcmp(p->source + i, "doc", 3) == 0 && !sf_is_word(p->source[i + 3]))
			return true;
	}
	return false;
}

static sf_status
render_raw(sf_render *r, const sf_node *node)
{
	return sf_emit(r, node->text, node->len) ? SF_GO : SF_FAIL;
}

static sf_status
render_nothing(sf_render *r, const sf_node *node)
{
	return SF_GO;
}

/* raw prints its body as it stands; doc prints nothing. */
bool
sf_parse_raw(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	bool		raw = sf_tag_is(tag, "raw");
	sf_piece	end;
	int			from = p->pos;
	int			to;
	sf_node    *node;

	if (!sf_nothing_left(p, tag, tag->inner))
		return false;
	if (p->lines || !sf_find_raw_end(p, raw ? "endraw" : "enddoc", &to, &end))
	{
		sf_tag		none = {0};

		return sf_unexpected_tag(p, tag, &none);
	}
	if (!raw && has_doc(p, from, to))
		return sf_parse_error(p, tag->offset, "doc tags cannot be nested");
	p->trim = end.trim_right;

	/* rendered by a function, so that white space control leaves it alone */
	node = sf_node_new(sizeof(sf_node), tag, from == to, raw ? render_raw : render_nothing);
	node->text = p->source + from;
	node->len = to - from;
	if (raw)
		sf_note_text(p, from, node->len);
	return sf_block_add(block, node);
}

/* comment: its body need not be well formed, but comment and raw nest in it. */
bool
sf_parse_comment(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	int			depth = 1;
	sf_piece	piece;

	while (depth > 0)
	{
		sf_tag		inside = {0};

		sf_next_tag(p, &piece);
		if (piece.type == SF_P_END)
			return sf_unexpected_tag(p, tag, &inside);
		if (piece.name == NULL)
			continue;
		inside.name = piece.name;
		inside.name_len = piece.name_len;
		inside.offset = piece.offset;
		if (sf_tag_is(&inside, "comment"))
			depth++;
		else if (sf_tag_is(&inside, "endcomment"))
			depth--;
		else if (sf_tag_is(&inside, "raw") && !p->lines)
		{
			sf_piece	end;
			int			to;
			sf_tag		none = {0};

			if (!sf_find_raw_end(p, "endraw", &to, &end))
				return sf_unexpected_tag(p, &inside, &none);
		}
	}
	if (!p->lines)
		p->trim = piece.trim_right;
	return sf_block_add(block, sf_node_new(sizeof(sf_node), tag, true, render_nothing));
}

/* # comments: each line of it starts with a # */
bool
sf_parse_inline_comment(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	const char *s = p->source;
	int			i;

	for (i = tag->inner; i < tag->inner_end; i++)
	{
		if (s[i] != '\n')
			continue;
		while (i + 1 < tag->inner_end && sf_is_space(s[i + 1]))
			i++;
		if (i + 1 < tag->inner_end && s[i + 1] != '#')
			return sf_parse_error(p, i + 1, "each line of a comment tag must start with #");
	}
	return sf_block_add(block, sf_node_new(sizeof(sf_node), tag, true, render_nothing));
}
