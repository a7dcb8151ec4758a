/*-------------------------------------------------------------------------
 *
 * tags_partial.c
 *		include and render: templates saved under a name.
 *
 * include shares the variables of the template around it.  render starts
 * with its arguments and the variables of the text, and leaves nothing
 * behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"

typedef struct partial_node
{
	sf_node		base;
	const sf_expr *name;
	const sf_expr *with;		/* NULL: no variable is passed */
	bool		each;			/* render 'x' for: once for each item */
	const char *alias;			/* NULL: the last part of the name */
	int			alias_len;
	int			nkeywords;
	sf_keyword *keywords;
} partial_node;

/* Loads the template whose name is v; NULL and an error when there is none. */
static const sf_template *
load(sf_render *r, sf_value v, char *name)
{
	sf_liquid_error error = {0};
	const sf_template *t;

	if (v.type != SF_V_STR || v.len == 0 || v.len >= NAMEDATALEN * 4 || memchr(v.u.str, 0, v.len) != NULL)
	{
		sf_render_error(r, "expected the name of a template in up to %d bytes", NAMEDATALEN * 4 - 1);
		return NULL;
	}
	memcpy(name, v.u.str, v.len);
	name[v.len] = '\0';
	t = r->options->partial != NULL ? r->options->partial(r->options->partial_arg, name, &error) : NULL;
	if (t == NULL && error.message[0] != '\0')
		sf_render_error(r, "template \"%.*s\" is not valid: line %d, column %d: %s",
						sf_clip(name, v.len, 60), name, error.line, error.column, error.message);
	else if (t == NULL)
		sf_render_error(r, "there is no template \"%.*s\"", sf_clip(name, v.len, 60), name);
	return t;
}

/* Renders a partial in the frame at hand. */
static sf_status
run(sf_render *r, const sf_template *t, const char *name)
{
	const sf_template *tmpl = r->tmpl;
	const char *partial = r->partial;
	int			offset = r->offset;
	sf_status	status;

	r->tmpl = t;
	r->partial = name;
	status = sf_render_block(r, &t->body);
	r->tmpl = tmpl;
	r->partial = partial;
	r->offset = offset;
	return status;
}

/* The name of the variable that a partial gets. */
static void
variable_name(const partial_node *n, const char *name, const char **variable, int *len)
{
	const char *slash = strrchr(name, '/');

	*variable = slash != NULL ? slash + 1 : name;
	*len = strlen(*variable);
	if (n->alias != NULL)
	{
		*variable = n->alias;
		*len = n->alias_len;
	}
}

static sf_status
render_include(sf_render *r, const sf_node *node)
{
	const partial_node *n = (const partial_node *) node;
	sf_bindings *scoped = &r->frame->scoped;
	int			mark = scoped->count;
	char	   *name = palloc(NAMEDATALEN * 4);
	const sf_template *t;
	const char *variable;
	int			len;
	sf_value	v;
	sf_status	status = SF_GO;
	int			i;

	if (r->frame->no_include)
	{
		sf_render_error(r, "include cannot be used in a template that render loads");
		return SF_FAIL;
	}
	if (!sf_eval(r, n->name, &v) || (t = load(r, v, name)) == NULL)
		return SF_FAIL;
	variable_name(n, name, &variable, &len);
	if (n->with == NULL)
		(void) sf_find_variable(r, name, strlen(name), &v);
	else if (!sf_eval(r, n->with, &v))
		return SF_FAIL;

	for (i = 0; i < n->nkeywords; i++)
	{
		sf_value	value;

		if (!sf_eval(r, n->keywords[i].value, &value))
			return SF_FAIL;
		sf_bind(scoped, n->keywords[i].name, n->keywords[i].len, value);
	}
	if (sf_is_array(v))
	{
		const sf_list *list;
		int			at = scoped->count;

		if (!sf_to_list(r, v, &list))
			return SF_FAIL;
		sf_bind(scoped, variable, len, sf_nil());
		for (i = 0; i < list->count && status == SF_GO; i++)
		{
			scoped->items[at].value = list->items[i];
			status = sf_charge(r, 1) ? run(r, t, name) : SF_FAIL;
		}
	}
	else
	{
		sf_bind(scoped, variable, len, v);
		status = run(r, t, name);
	}
	scoped->count = mark;
	return status;
}

/* Renders a partial with variables of its own. */
static sf_status
run_isolated(sf_render *r, const partial_node *n, const sf_template *t, const char *name,
			 sf_value v, const sf_loop *loop)
{
	sf_frame   *outer = r->frame;
	sf_frame	frame;
	const char *variable;
	int			len;
	sf_status	status;
	int			i;

	memset(&frame, 0, sizeof(frame));
	frame.no_include = true;
	if (loop != NULL)
	{
		sf_value	forloop = sf_nil();

		forloop.type = SF_V_LOOP;
		forloop.u.loop = loop;
		sf_set(&frame.locals, "forloop", 7, forloop);
	}
	for (i = 0; i < n->nkeywords; i++)
	{
		sf_value	value;

		if (!sf_eval(r, n->keywords[i].value, &value))
			return SF_FAIL;
		sf_set(&frame.locals, n->keywords[i].name, n->keywords[i].len, value);
	}
	variable_name(n, name, &variable, &len);
	if (v.type != SF_V_NIL)
		sf_set(&frame.locals, variable, len, v);
	r->frame = &frame;
	status = run(r, t, name);
	r->frame = outer;
	return status == SF_FAIL ? SF_FAIL : SF_GO;
}

static sf_status
render_render(sf_render *r, const sf_node *node)
{
	const partial_node *n = (const partial_node *) node;
	char	   *name = palloc(NAMEDATALEN * 4);
	const sf_template *t = load(r, n->name->literal, name);
	const sf_list *list;
	sf_loop    *loop;
	sf_value	v = sf_nil();

	if (t == NULL || (n->with != NULL && !sf_eval(r, n->with, &v)))
		return SF_FAIL;
	if (!n->each || !(sf_is_array(v) || sf_is_object(v) || v.type == SF_V_RANGE))
		return run_isolated(r, n, t, name, v, NULL);

	if (!sf_to_list(r, v, &list))
		return SF_FAIL;
	loop = palloc0(sizeof(sf_loop));
	loop->length = list->count;
	loop->name = name;
	loop->name_len = strlen(name);
	for (; loop->index < list->count; loop->index++)
		if (!sf_charge(r, 1) ||
			run_isolated(r, n, t, name, list->items[loop->index], loop) == SF_FAIL)
			return SF_FAIL;
	return SF_GO;
}

/* Steps over word and reads the value behind it, unless word names a keyword. */
static bool
parse_with(sf_lexer *x, const char *word, partial_node *n)
{
	sf_lexer	start = *x;

	if (n->with != NULL || !sf_at_id(x, word))
		return true;
	if (!sf_lexer_next(x))
		return false;
	if (sf_at_char(x, ':'))
	{
		*x = start;
		return true;
	}
	n->with = sf_parse_expression(x);
	return n->with != NULL;
}

/* name [with value | for value] [as alias], name: value ... */
static bool
parse_partial(sf_parser *p, const sf_tag *tag, partial_node *n, bool literal)
{
	sf_lexer	x;

	if (!sf_lexer_start(&x, p, tag->inner, tag->inner_end))
		return false;
	if (literal && x.tok.type != SF_T_STRING)
		return sf_lexer_expected(&x, "the name of a template in quotes");
	n->name = sf_parse_expression(&x);
	if (n->name == NULL || !parse_with(&x, "with", n))
		return false;
	n->each = n->with == NULL;
	if (!parse_with(&x, "for", n))
		return false;
	if (sf_at_id(&x, "as"))
	{
		if (!sf_lexer_next(&x))
			return false;
		if (x.tok.type != SF_T_ID)
			return sf_lexer_expected(&x, "a name after \"as\"");
		n->alias = x.tok.start;
		n->alias_len = x.tok.len;
		if (!sf_lexer_next(&x))
			return false;
	}
	return sf_parse_keywords(&x, &n->nkeywords, &n->keywords);
}

bool
sf_parse_include(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	partial_node *n = sf_node_new(sizeof(partial_node), tag, false, render_include);

	return parse_partial(p, tag, n, false) && sf_block_add(block, &n->base);
}

bool
sf_parse_render(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	partial_node *n = sf_node_new(sizeof(partial_node), tag, false, render_render);

	return parse_partial(p, tag, n, true) && sf_block_add(block, &n->base);
}
