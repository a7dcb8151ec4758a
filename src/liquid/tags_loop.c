/*-------------------------------------------------------------------------
 *
 * tags_loop.c
 *		for and tablerow.
 *
 * A range is walked without being made into a list, so a loop that breaks
 * early over a large range costs what it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "liquid/internal.h"

typedef struct loop_node
{
	sf_node		base;
	const char *variable;
	int			len;
	const sf_expr *collection;
	const char *name;			/* variable-collection: what offset: continue goes on with */
	int			name_len;
	const sf_expr *limit;
	const sf_expr *offset;
	const sf_expr *cols;
	bool		go_on;			/* offset: continue */
	bool		reversed;
	bool		has_else;
	sf_block	block;
	sf_block	otherwise;
} loop_node;

/* The part of a collection that a loop walks. */
typedef struct segment
{
	const sf_list *list;		/* NULL: range */
	const sf_range *range;
	int64		start;			/* index of the first item */
	int64		count;
} segment;

/* a + b, at the nearest int64 when that does not fit. */
static int64
add_clamped(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		return b < 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return sum;
}

/* Cuts items from .. to (not included; NULL: all) out of a collection. */
static bool
cut_segment(sf_render *r, sf_value v, int64 from, const int64 *to, segment *s)
{
	int64		total;
	int64		end;

	s->list = NULL;
	s->range = NULL;
	if (v.type == SF_V_STR)
	{
		/* one item as a whole, whatever part is asked for */
		from = 0;
		to = NULL;
	}
	if (v.type == SF_V_RANGE)
	{
		s->range = v.u.range;
		total = sf_count(v);
	}
	else
	{
		if (!sf_to_list(r, v, &s->list))
			return false;
		total = s->list->count;
	}
	end = to != NULL ? Min(*to, total) : total;
	s->start = Max(from, 0);
	s->count = Max(end - s->start, 0);
	return true;
}

/* Item number i of a segment. */
static sf_value
segment_item(const segment *s, int64 i, bool reversed)
{
	int64		at = s->start + (reversed ? s->count - 1 - i : i);

	return s->list != NULL ? s->list->items[at] : sf_int(s->range->from + at);
}

/* Walks a segment; what is bound here ends with the loop. */
static sf_status
walk(sf_render *r, const loop_node *n, const segment *s)
{
	sf_frame   *f = r->frame;
	int			mark = f->scoped.count;
	sf_loop    *loop = palloc0(sizeof(sf_loop));
	sf_value	v = sf_nil();
	sf_status	status = SF_GO;

	loop->length = s->count;
	loop->parent = f->loop;
	loop->name = n->name;
	loop->name_len = n->name_len;
	v.type = SF_V_LOOP;
	v.u.loop = loop;
	sf_bind(&f->scoped, "forloop", 7, v);
	sf_bind(&f->scoped, n->variable, n->len, sf_nil());
	f->loop = loop;
	for (; loop->index < s->count; loop->index++)
	{
		if (!sf_charge(r, 1))
		{
			status = SF_FAIL;
			break;
		}
		f->scoped.items[mark + 1].value = segment_item(s, loop->index, n->reversed);
		status = sf_render_block(r, &n->block);
		if (status == SF_BREAK || status == SF_FAIL)
			break;
	}
	f->loop = loop->parent;
	f->scoped.count = mark;
	return status == SF_FAIL ? SF_FAIL : SF_GO;
}

static sf_status
render_for(sf_render *r, const sf_node *node)
{
	const loop_node *n = (const loop_node *) node;
	int64	   *at;
	int64		from = 0;
	int64		to = 0;
	bool		limited = false;
	sf_value	v;
	segment		s;

	if (!sf_loop_offset(r, n->name, n->name_len, &at))
		return SF_FAIL;
	if (n->go_on)
		from = *at;
	if (n->offset != NULL)
	{
		if (!sf_eval(r, n->offset, &v) || (v.type != SF_V_NIL && !sf_to_integer(r, v, &from)))
			return SF_FAIL;
	}
	if (n->limit != NULL)
	{
		if (!sf_eval(r, n->limit, &v) || (v.type != SF_V_NIL && !sf_to_integer(r, v, &to)))
			return SF_FAIL;
		limited = v.type != SF_V_NIL;
		to = add_clamped(from, to);
	}
	if (!(n->has_else ? sf_eval(r, n->collection, &v) : sf_eval_required(r, n->collection, &v)) ||
		!cut_segment(r, v, from, limited ? &to : NULL, &s))
		return SF_FAIL;
	*at = add_clamped(from, s.count);
	if (s.count == 0)
		return n->has_else ? sf_render_block(r, &n->otherwise) : SF_GO;
	return walk(r, n, &s);
}

/* The name that offset: continue knows a loop by: without white space. */
static void
name_loop(loop_node *n, const char *source)
{
	const char *s = source + n->collection->offset;
	int			len = n->collection->end - n->collection->offset;
	char	   *name = palloc(n->len + len + 1);
	int			i;

	memcpy(name, n->variable, n->len);
	n->name_len = n->len;
	name[n->name_len++] = '-';
	for (i = 0; i < len; i++)
		if (!sf_is_space(s[i]))
			name[n->name_len++] = s[i];
	n->name = name;
}

/* variable in collection */
static bool
parse_head(sf_lexer *x, loop_node *n)
{
	if (x->tok.type != SF_T_ID)
		return sf_lexer_expected(x, "the name of a variable");
	n->variable = x->tok.start;
	n->len = x->tok.len;
	sf_note_name(x->p, n->variable, n->len, x->tok.end, true);
	if (!sf_lexer_next(x))
		return false;
	if (!sf_at_id(x, "in"))
		return sf_lexer_expected(x, "\"in\"");
	if (!sf_lexer_next(x))
		return false;
	n->collection = sf_parse_expression(x);
	if (n->collection == NULL)
		return false;
	name_loop(n, x->p->source);
	return true;
}

/* limit: n, offset: n, cols: n, with or without commas; before them reversed. */
static bool
parse_attributes(sf_lexer *x, loop_node *n, bool table)
{
	if (!table && sf_at_id(x, "reversed"))
	{
		n->reversed = true;
		if (!sf_lexer_next(x))
			return false;
	}
	while (x->tok.type != SF_T_END)
	{
		sf_keyword	k;
		bool		found;

		if (sf_at_char(x, ','))
		{
			if (!sf_lexer_next(x))
				return false;
			continue;
		}
		if (!sf_parse_keyword(x, &k, &found))
			return false;
		if (!found)
			return sf_lexer_expected(x, table ? "limit, offset or cols" : "limit or offset");
		if (k.len == 5 && memcmp(k.name, "limit", 5) == 0)
			n->limit = k.value;
		else if (k.len == 6 && memcmp(k.name, "offset", 6) == 0)
		{
			n->go_on = !table && k.value->kind == SF_E_PATH && k.value->nsteps == 0 &&
				k.value->len == 8 && memcmp(k.value->name, "continue", 8) == 0;
			n->offset = n->go_on ? NULL : k.value;
		}
		else if (table && k.len == 4 && memcmp(k.name, "cols", 4) == 0)
			n->cols = k.value;
		else if (!table)
			return sf_parse_error(x->p, k.name - x->p->source,
								  "expected limit or offset but found \"%.*s\"", Min(k.len, 40), k.name);
	}
	return true;
}

bool
sf_parse_for(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	loop_node  *n = sf_node_new(sizeof(loop_node), tag, false, render_for);
	sf_lexer	x;
	sf_tag		stop;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end) || !parse_head(&x, n) ||
		!parse_attributes(&x, n, false) || !sf_parse_body(p, &n->block, &stop))
		return false;
	n->base.blank = n->block.blank;
	if (sf_tag_is(&stop, "else"))
	{
		n->has_else = true;
		if (!sf_parse_body(p, &n->otherwise, &stop))
			return false;
		n->base.blank = n->base.blank && n->otherwise.blank;
	}
	if (!sf_tag_ends(&stop, tag))
		return sf_unexpected_tag(p, tag, &stop);
	if (n->base.blank)
	{
		sf_block_drop_text(&n->block);
		sf_block_drop_text(&n->otherwise);
	}
	return sf_block_add(block, &n->base);
}

/* A number of tablerow: strings count as the number they start with. */
static bool
eval_count(sf_render *r, const sf_expr *e, int64 *i)
{
	sf_value	v;

	*i = 0;
	if (!sf_eval(r, e, &v))
		return false;
	if (v.type == SF_V_NIL)
		return true;
	if (v.type == SF_V_STR)
	{
		(void) sf_leading_integer(v, i);
		return true;
	}
	return (v.type != SF_V_NUM || sf_truncate_number(r, v, &v)) && sf_to_integer(r, v, i);
}

/* Writes a cell, and the row that begins behind it. */
static sf_status
render_cell(sf_render *r, const loop_node *n, sf_loop *loop)
{
	char		buf[64];
	sf_status	status;

	if (!sf_charge(r, 1) ||
		!sf_emit(r, buf, snprintf(buf, sizeof(buf), "<td class=\"col" INT64_FORMAT "\">", loop->col)))
		return SF_FAIL;
	status = sf_render_block(r, &n->block);
	if (status == SF_FAIL || !sf_emit(r, "</td>", 5))
		return SF_FAIL;
	if (status == SF_BREAK)
		return status;
	if (loop->col == loop->cols && loop->index < loop->length - 1 &&
		!sf_emit(r, buf, snprintf(buf, sizeof(buf), "</tr>\n<tr class=\"row" INT64_FORMAT "\">", loop->row + 1)))
		return SF_FAIL;
	if (loop->col == loop->cols)
	{
		loop->col = 1;
		loop->row++;
	}
	else
		loop->col++;
	return SF_GO;
}

static sf_status
render_tablerow(sf_render *r, const sf_node *node)
{
	const loop_node *n = (const loop_node *) node;
	sf_bindings *scoped = &r->frame->scoped;
	int			mark = scoped->count;
	sf_loop    *loop;
	int64		from = 0;
	int64		to = 0;
	sf_value	v;
	segment		s;
	sf_status	status = SF_GO;

	if (!sf_eval_required(r, n->collection, &v))
		return SF_FAIL;
	if (!sf_is_truthy(v))
		return SF_GO;
	if ((n->offset != NULL && !eval_count(r, n->offset, &from)) ||
		(n->limit != NULL && !eval_count(r, n->limit, &to)))
		return SF_FAIL;
	to = add_clamped(from, to);
	if (!cut_segment(r, v, from, n->limit != NULL ? &to : NULL, &s))
		return SF_FAIL;

	loop = palloc0(sizeof(sf_loop));
	loop->table = true;
	loop->length = loop->cols = s.count;
	loop->col = loop->row = 1;
	if (n->cols != NULL && !eval_count(r, n->cols, &loop->cols))
		return SF_FAIL;
	v = sf_nil();
	v.type = SF_V_LOOP;
	v.u.loop = loop;
	if (!sf_emit(r, "<tr class=\"row1\">\n", 18))
		return SF_FAIL;
	sf_bind(scoped, "tablerowloop", 12, v);
	sf_bind(scoped, n->variable, n->len, sf_nil());
	for (; loop->index < s.count && status == SF_GO; loop->index++)
	{
		scoped->items[mark + 1].value = segment_item(&s, loop->index, false);
		status = render_cell(r, n, loop);
	}
	scoped->count = mark;
	return status != SF_FAIL && sf_emit(r, "</tr>\n", 6) ? SF_GO : SF_FAIL;
}

bool
sf_parse_tablerow(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	loop_node  *n = sf_node_new(sizeof(loop_node), tag, false, render_tablerow);
	sf_lexer	x;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end) || !parse_head(&x, n) ||
		!parse_attributes(&x, n, true) || !sf_parse_until(p, tag, &n->block))
		return false;
	n->base.blank = n->block.blank;
	return sf_block_add(block, &n->base);
}
