/*-------------------------------------------------------------------------
 *
 * render.c
 *		Walks the tree of a template and writes the text.
 *
 * All that changes lives in sf_render and its frame.  What a template may
 * cost is bounded: the text by out_limit, values by max_string, work by
 * steps, depth by SF_MAX_NESTING.  Each node and each round of a loop is a
 * step, and work on large values is charged by its size.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "miscadmin.h"
#include "text/text_pg.h"
#include "utils/memutils.h"

/* {{ }} and {% echo %} */
typedef struct output_node
{
	sf_node		base;
	sf_pipe		pipe;
} output_node;

/* Fills the error with a position and a message; returns false. */
bool
sf_render_error(sf_render *r, const char *format,...)
{
	sf_liquid_error *error = r->error;
	va_list		args;
	int			used;

	if (r->result != SF_LIQUID_OK)
		return false;
	r->result = SF_LIQUID_ERROR;
	va_start(args, format);
	used = vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	if (r->partial != NULL && used < (int) sizeof(error->message))
		snprintf(error->message + used, sizeof(error->message) - used, " (in template \"%.*s\")",
				 sf_clip(r->partial, strlen(r->partial), 40), r->partial);
	error->message[sf_clip(error->message, strlen(error->message), sizeof(error->message) - 1)] = '\0';
	error->path[0] = '\0';
	sf_position(r->tmpl->source, r->tmpl->len, r->offset, error);
	return false;
}

/* Ends the render without a text. */
sf_status
sf_skip(sf_render *r, const char *reason, int len)
{
	sf_liquid_error *error = r->error;

	if (r->result != SF_LIQUID_OK)
		return SF_FAIL;
	len = sf_clip(reason, len, sizeof(error->message) - 1);
	memcpy(error->message, reason, len);
	error->message[len] = '\0';
	error->path[0] = '\0';
	sf_position(r->tmpl->source, r->tmpl->len, r->offset, error);
	r->result = SF_LIQUID_SKIP;
	return SF_FAIL;
}

/* Takes steps from what is left. */
bool
sf_charge(sf_render *r, int64 steps)
{
	CHECK_FOR_INTERRUPTS();
	if (steps > r->steps)
		return sf_render_error(r, "the template does too much work");
	r->steps -= (int) steps;
	return true;
}

/* Charges for work on a string or list: a step for each 256 bytes. */
bool
sf_charge_bytes(sf_render *r, int64 bytes)
{
	return bytes < 256 || sf_charge(r, bytes / 256);
}

/* Charges for bytes that were written somewhere: memory is bounded by steps, too. */
bool
sf_charge_written(sf_render *r, int len)
{
	int			bytes = r->written + len;

	r->written = bytes % 256;
	return bytes < 256 || sf_charge(r, bytes / 256);
}

/* Writes to the text, or to what a tag captures of it. */
bool
sf_emit(sf_render *r, const char *s, int len)
{
	if (len > r->out_limit - r->out->len)
		return sf_render_error(r, r->captures > 0 ? "what is captured becomes longer than %d bytes" :
							   "the text becomes longer than %d bytes", r->out_limit - r->out_start);
	appendBinaryStringInfo(r->out, s, len);
	return sf_charge_written(r, len);
}

/* Writes the items of an array one after the other. */
static bool
emit_items(sf_render *r, sf_value v, int depth)
{
	const sf_list *list;
	int			i;

	if (depth > SF_MAX_NESTING)
		return sf_render_error(r, "an array is nested more than %d deep", SF_MAX_NESTING);
	if (!sf_to_list(r, v, &list))
		return false;
	for (i = 0; i < list->count; i++)
	{
		sf_value	item = list->items[i];

		if (!(sf_is_array(item) ? emit_items(r, item, depth + 1) : sf_emit_value(r, item)))
			return false;
	}
	return true;
}

/* Writes a value as {{ }} does. */
bool
sf_emit_value(sf_render *r, sf_value v)
{
	if (v.type == SF_V_STR)
		return sf_emit(r, v.u.str, v.len);
	if (sf_is_array(v))
		return emit_items(r, v, 0);
	return sf_append_string(r, r->out, v);
}

/* Adds a binding, whether there is one of that name or not. */
void
sf_bind(sf_bindings *bindings, const char *name, int len, sf_value value)
{
	sf_binding *b;

	if (bindings->count == bindings->size)
	{
		bindings->size = Max(8, bindings->size * 2);
		if (bindings->items == NULL)
			bindings->items = palloc(bindings->size * sizeof(sf_binding));
		else
			bindings->items = repalloc(bindings->items, bindings->size * sizeof(sf_binding));
	}
	b = &bindings->items[bindings->count++];
	b->name = name;
	b->len = len;
	b->value = value;
}

/* Gives a name a value, in place of the one it has. */
void
sf_set(sf_bindings *bindings, const char *name, int len, sf_value value)
{
	sf_value   *bound = (sf_value *) sf_find_binding(bindings, name, len);

	if (bound != NULL)
		*bound = value;
	else
		sf_bind(bindings, name, len, value);
}

/* assign and capture: names cost steps when there are many. */
bool
sf_set_local(sf_render *r, const char *name, int len, sf_value value)
{
	sf_set(&r->frame->locals, name, len, value);
	return sf_charge(r, r->frame->locals.count / 16);
}

/* Renders the nodes of a block. */
sf_status
sf_render_block(sf_render *r, const sf_block *block)
{
	const sf_node *node;
	sf_status	status = SF_GO;

	if (++r->depth > SF_MAX_NESTING || stack_is_too_deep())
	{
		sf_render_error(r, "templates are nested more than %d deep", r->depth - 1);
		status = SF_FAIL;
	}
	for (node = block->first; node != NULL && status == SF_GO; node = node->next)
	{
		r->offset = node->offset;
		if (node->render == NULL)
			status = sf_emit(r, node->text, node->len) ? SF_GO : SF_FAIL;
		else
			status = sf_charge(r, 1 + (r->frame->locals.count + r->frame->scoped.count) / 64) ? node->render(r, node) : SF_FAIL;
	}
	r->depth--;
	return status;
}

/* Renders a block into a string of its own. */
sf_status
sf_render_captured(sf_render *r, const sf_block *block, StringInfo into)
{
	StringInfo	out = r->out;
	int			start = r->out_start;
	int			limit = r->out_limit;
	sf_status	status;

	initStringInfo(into);
	r->out = into;
	r->out_start = 0;
	r->out_limit = r->max_string;
	r->captures++;
	status = sf_render_block(r, block);
	r->captures--;
	r->out = out;
	r->out_start = start;
	r->out_limit = limit;
	return status;
}

/* Renders {{ }}. */
static sf_status
render_output(sf_render *r, const sf_node *node)
{
	sf_value	v;

	return sf_eval_pipe(r, &((const output_node *) node)->pipe, true, &v) &&
		sf_emit_value(r, v) ? SF_GO : SF_FAIL;
}

/* Parses what stands in {{ }} or behind echo. */
sf_node *
sf_output_node(sf_parser *p, int offset, int inner, int inner_end)
{
	output_node *node = palloc0(sizeof(output_node));
	sf_lexer	x;

	node->base.render = render_output;
	node->base.offset = offset;
	if (!sf_lexer_start(&x, p, inner, inner_end) || !sf_parse_pipe(&x, &node->pipe))
		return NULL;
	return &node->base;
}

/*
 * Renders a template.  vars is a jsonb object, or NULL for none; it and the
 * template must stay while the text is rendered.
 */
sf_liquid_result
sf_liquid_render(const sf_template *t, Jsonb *vars, const sf_liquid_options *options,
				 StringInfo out, sf_liquid_error *error)
{
	sf_frame	frame;
	sf_render	r;
	int			start = out->len;
	int			max_output = options->max_output > 0 ? options->max_output : SF_DEFAULT_OUTPUT;

	error->line = error->column = 0;
	error->message[0] = error->path[0] = '\0';
	memset(&frame, 0, sizeof(frame));
	memset(&r, 0, sizeof(r));
	r.tmpl = t;
	r.vars = vars != NULL && JB_ROOT_IS_OBJECT(vars) ? &vars->root : NULL;
	r.options = options;
	r.frame = &frame;
	r.out = out;
	r.max_string = Max(max_output, SF_MIN_STRING_LIMIT);
	r.out_start = start;
	r.out_limit = start + Min(max_output, MaxAllocSize - 1 - start);
	r.steps = options->max_steps > 0 ? options->max_steps : SF_DEFAULT_STEPS;
	r.error = error;
	r.result = SF_LIQUID_OK;

	/* whatever the data brought, the text is fit to be sent */
	if (sf_render_block(&r, &t->body) == SF_FAIL)
		out->len = start;
	else
		out->len = start + sf_text_safe(out->data + start, out->len - start);
	out->data[out->len] = '\0';
	return r.result;
}
