/*-------------------------------------------------------------------------
 *
 * tags_block.c
 *		Tags with a body that choose or keep text: if, unless, case, capture,
 *		ifchanged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"

/* One part of if, unless or case. */
typedef struct branch
{
	sf_condition *condition;	/* if, elsif */
	int			nvalues;		/* when */
	const sf_expr **values;
	bool		is_else;
	sf_block	block;
	struct branch *next;
} branch;

typedef struct choice_node
{
	sf_node		base;
	bool		negate;			/* unless: the first condition is turned round */
	const sf_expr *subject;		/* case */
	branch	   *first;
} choice_node;

/* Takes the text out of all parts when none prints more than white space. */
static void
settle_blank(choice_node *n, bool blank)
{
	branch	   *b;

	for (b = n->first; b != NULL; b = b->next)
		blank = blank && b->block.blank;
	n->base.blank = blank;
	for (b = n->first; b != NULL && blank; b = b->next)
		sf_block_drop_text(&b->block);
}

static sf_status
render_if(sf_render *r, const sf_node *node)
{
	const choice_node *n = (const choice_node *) node;
	const branch *b;

	for (b = n->first; b != NULL; b = b->next)
	{
		bool		holds = true;

		if (!b->is_else && !sf_eval_condition(r, b->condition, &holds))
			return SF_FAIL;
		if (holds != (n->negate && b == n->first))
			return sf_render_block(r, &b->block);
	}
	return SF_GO;
}

/* if and unless */
bool
sf_parse_if(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	choice_node *n = sf_node_new(sizeof(choice_node), tag, false, render_if);
	branch	  **link = &n->first;
	sf_tag		stop = *tag;

	n->negate = sf_tag_is(tag, "unless");
	do
	{
		branch	   *b = palloc0(sizeof(branch));
		sf_lexer	x;

		*link = b;
		link = &b->next;
		b->is_else = sf_tag_is(&stop, "else");
		if (!b->is_else)
		{
			if (!sf_lexer_start(&x, p, stop.inner, stop.inner_end))
				return false;
			b->condition = sf_parse_condition(&x);
			if (b->condition == NULL)
				return false;
		}
		if (!sf_parse_body(p, &b->block, &stop))
			return false;
	} while (sf_tag_is(&stop, "elsif") || sf_tag_is(&stop, "else"));

	if (!sf_tag_ends(&stop, tag))
		return sf_unexpected_tag(p, tag, &stop);
	settle_blank(n, true);
	return sf_block_add(block, &n->base);
}

/*
 * Every value that matches prints its part, and an else prints when nothing
 * before it has matched.
 */
static sf_status
render_case(sf_render *r, const sf_node *node)
{
	const choice_node *n = (const choice_node *) node;
	const branch *b;
	bool		matched = false;
	sf_value	subject;

	if (!sf_eval(r, n->subject, &subject))
		return SF_FAIL;
	for (b = n->first; b != NULL; b = b->next)
	{
		int			times = b->is_else && !matched ? 1 : 0;
		int			i;

		for (i = 0; i < b->nvalues; i++)
		{
			sf_value	v;

			bool		equal;

			if (!sf_eval(r, b->values[i], &v) || !sf_test_equal(r, subject, v, &equal))
				return SF_FAIL;
			if (equal)
				times++;
		}
		matched = matched || (!b->is_else && times > 0);
		while (times-- > 0)
		{
			sf_status	status = sf_render_block(r, &b->block);

			if (status != SF_GO)
				return status;
		}
	}
	return SF_GO;
}

/*
 * The values of a when, between commas or the word or.  What follows the
 * last of them is not looked at.
 */
static bool
parse_when(sf_parser *p, const sf_tag *tag, branch *b)
{
	sf_lexer	x;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end))
		return false;
	b->values = palloc(sizeof(sf_expr *) * (tag->inner_end - tag->inner + 1));
	for (;;)
	{
		const sf_expr *e = sf_parse_operand(&x);

		if (e == NULL)
			return false;
		b->values[b->nvalues++] = e;
		if (!sf_at_char(&x, ',') && !sf_at_id(&x, "or"))
			return true;
		if (!sf_lexer_next(&x))
			return false;
		if (x.tok.type == SF_T_END)
			return true;
	}
}

bool
sf_parse_case(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	choice_node *n = sf_node_new(sizeof(choice_node), tag, false, render_case);
	branch	  **link = &n->first;
	sf_block	ignored;		/* between case and the first when */
	sf_lexer	x;
	sf_tag		stop;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end) ||
		(n->subject = sf_parse_expression(&x)) == NULL || !sf_lexer_end(&x) ||
		!sf_parse_body(p, &ignored, &stop))
		return false;
	while (sf_tag_is(&stop, "when") || sf_tag_is(&stop, "else"))
	{
		branch	   *b = palloc0(sizeof(branch));

		*link = b;
		link = &b->next;
		b->is_else = sf_tag_is(&stop, "else");
		if (b->is_else)
		{
			if (!sf_lexer_start(&x, p, stop.inner, stop.inner_end) || !sf_lexer_end(&x))
				return false;
		}
		else if (!parse_when(p, &stop, b))
			return false;
		if (!sf_parse_body(p, &b->block, &stop))
			return false;
	}
	if (!sf_tag_ends(&stop, tag))
		return sf_unexpected_tag(p, tag, &stop);
	settle_blank(n, ignored.blank);
	return sf_block_add(block, &n->base);
}

/* capture, ifchanged */
typedef struct capture_node
{
	sf_node		base;
	const char *name;
	int			len;
	sf_block	block;
} capture_node;

static sf_status
render_capture(sf_render *r, const sf_node *node)
{
	const capture_node *n = (const capture_node *) node;
	StringInfoData text;
	sf_status	status = sf_render_captured(r, &n->block, &text);

	if (status != SF_FAIL && !sf_set_local(r, n->name, n->len, sf_str(text.data, text.len)))
		return SF_FAIL;
	return status;
}

bool
sf_parse_capture(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	capture_node *n = sf_node_new(sizeof(capture_node), tag, true, render_capture);
	int			pos;

	return sf_parse_target(p, tag, true, &pos, &n->name, &n->len) && sf_nothing_left(p, tag, pos) &&
		sf_parse_until(p, tag, &n->block) && sf_block_add(block, &n->base);
}

static sf_status
render_ifchanged(sf_render *r, const sf_node *node)
{
	sf_frame   *f = r->frame;
	StringInfoData text;
	sf_status	status = sf_render_captured(r, &((const capture_node *) node)->block, &text);

	if (status == SF_FAIL)
		return status;
	if (f->changed != NULL && f->changed_len == text.len && memcmp(f->changed, text.data, text.len) == 0)
		return status;
	f->changed = text.data;
	f->changed_len = text.len;
	return sf_emit(r, text.data, text.len) ? status : SF_FAIL;
}

bool
sf_parse_ifchanged(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	capture_node *n = sf_node_new(sizeof(capture_node), tag, false, render_ifchanged);

	if (!sf_parse_until(p, tag, &n->block))
		return false;
	n->base.blank = n->block.blank;
	return sf_block_add(block, &n->base);
}
