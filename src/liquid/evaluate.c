/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *		Computes expressions, filters and conditions against the variables.
 *
 * Names are looked for in the loop variables and arguments, what was
 * assigned, the counters, and last in the variables of the text.  A value
 * from there is data: it is never read as a template.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "miscadmin.h"

/* The binding of a name, the last one made first; NULL: none. */
const sf_value *
sf_find_binding(const sf_bindings *bindings, const char *name, int len)
{
	int			i;

	for (i = bindings->count - 1; i >= 0; i--)
	{
		const sf_binding *b = &bindings->items[i];

		if (b->len == len && memcmp(b->name, name, len) == 0)
			return &b->value;
	}
	return NULL;
}

/* The value of a variable; false and nil when there is none of that name. */
bool
sf_find_variable(sf_render *r, const char *name, int len, sf_value *v)
{
	const sf_frame *f = r->frame;
	const sf_value *bound;

	if ((bound = sf_find_binding(&f->scoped, name, len)) != NULL ||
		(bound = sf_find_binding(&f->locals, name, len)) != NULL ||
		(bound = sf_find_binding(&f->counters, name, len)) != NULL)
	{
		*v = *bound;
		return true;
	}
	if (r->vars != NULL && sf_json_key(r->vars, name, len, v))
		return true;
	*v = sf_nil();
	return false;
}

/* A property of forloop or tablerowloop. */
static sf_value
loop_property(const sf_loop *loop, const char *name, int len)
{
	const struct
	{
		const char *name;
		bool		table;		/* of tablerowloop only */
		sf_value	value;
	}			properties[] = {
		{"index", false, sf_int(loop->index + 1)},
		{"index0", false, sf_int(loop->index)},
		{"first", false, sf_bool(loop->index == 0)},
		{"last", false, sf_bool(loop->index == loop->length - 1)},
		{"length", false, sf_int(loop->length)},
		{"rindex", false, sf_int(loop->length - loop->index)},
		{"rindex0", false, sf_int(loop->length - loop->index - 1)},
		{"col", true, sf_int(loop->col)},
		{"col0", true, sf_int(loop->col - 1)},
		{"col_first", true, sf_bool(loop->col == 1)},
		{"col_last", true, sf_bool(loop->col == loop->cols)},
		{"row", true, sf_int(loop->row)}
	};
	sf_value	v = sf_nil();
	int			i;

	for (i = 0; i < lengthof(properties); i++)
		if (len == strlen(properties[i].name) && memcmp(name, properties[i].name, len) == 0 &&
			(loop->table || !properties[i].table))
			return properties[i].value;
	if (!loop->table && len == 10 && memcmp(name, "parentloop", 10) == 0 && loop->parent != NULL)
	{
		v.type = SF_V_LOOP;
		v.u.loop = loop->parent;
	}
	else if (!loop->table && len == 4 && memcmp(name, "name", 4) == 0)
		v = sf_str(loop->name, loop->name_len);
	return v;
}

/* .size, .first and .last of what is no object with such a key. */
static bool
command(sf_render *r, sf_value object, const char *name, int len, sf_value *v)
{
	*v = sf_nil();
	if (len == 4 && memcmp(name, "size", 4) == 0)
	{
		int64		count = sf_count(object);

		if (object.type == SF_V_STR && !sf_charge_bytes(r, object.len))
			return false;
		if (count >= 0)
			*v = sf_int(count);
		return true;
	}
	if (len == 5 && memcmp(name, "first", 5) == 0)
		return sf_first(r, object, v);
	if (len == 4 && memcmp(name, "last", 4) == 0)
		return sf_charge_bytes(r, object.type == SF_V_STR ? object.len : 0) && sf_last(r, object, v);
	return true;
}

/* One step of a path, from object to *v (nil when it leads nowhere). */
static bool
take_step(sf_render *r, sf_value object, const sf_step *step, sf_value *v)
{
	sf_value	key;

	if (step->name != NULL)
		key = sf_str(step->name, step->len);
	else if (stack_is_too_deep())
		return sf_render_error(r, "an expression is nested too deep");
	else if (!sf_eval(r, step->index, &key))
		return false;

	*v = sf_nil();
	if (sf_is_object(object))
	{
		if (key.type == SF_V_STR && sf_json_key(object.u.json, key.u.str, key.len, v))
			return true;
	}
	else if (object.type == SF_V_LOOP)
	{
		if (key.type == SF_V_STR)
			*v = loop_property(object.u.loop, key.u.str, key.len);
		return true;
	}
	else if (sf_is_array(object) && key.type == SF_V_INT)
		return sf_index(r, object, key.u.i, v);
	if (step->name != NULL)
		return command(r, object, step->name, step->len, v);
	return true;
}

/* A path, to nil when one of its steps leads nowhere. */
static bool
eval_path(sf_render *r, const sf_expr *e, sf_value *v)
{
	int			i;

	if (e->head != NULL)
	{
		sf_value	key;

		if (!sf_eval(r, e->head, &key))
			return false;
		*v = sf_nil();
		if (key.type == SF_V_STR)
			(void) sf_find_variable(r, key.u.str, key.len, v);
	}
	else
		(void) sf_find_variable(r, e->name, e->len, v);

	for (i = 0; i < e->nsteps && v->type != SF_V_NIL; i++)
	{
		sf_value	object = *v;

		if (!take_step(r, object, &e->steps[i], v))
			return false;
	}
	return true;
}

/* One end of a range: strings and nil count as the number they start with. */
static bool
eval_bound(sf_render *r, const sf_expr *e, int64 *i)
{
	sf_value	v;

	if (!sf_eval(r, e, &v))
		return false;
	*i = 0;
	if (v.type == SF_V_NIL)
		return true;
	if (v.type == SF_V_STR)
	{
		(void) sf_leading_integer(v, i);
		return true;
	}
	if (v.type == SF_V_NUM && e->kind == SF_E_LITERAL && !sf_truncate_number(r, v, &v))
		return false;
	return sf_to_integer(r, v, i);
}

/* Computes an expression without filters. */
bool
sf_eval(sf_render *r, const sf_expr *e, sf_value *v)
{
	sf_range   *range;

	switch (e->kind)
	{
		case SF_E_LITERAL:
			*v = e->literal;
			return true;
		case SF_E_PATH:
			return eval_path(r, e, v);
		case SF_E_RANGE:
			range = palloc(sizeof(sf_range));
			if (!eval_bound(r, e->from, &range->from) || !eval_bound(r, e->to, &range->to))
				return false;
			*v = sf_nil();
			v->type = SF_V_RANGE;
			v->u.range = range;
			return true;
	}
	return false;
}

/*
 * Deals with a variable that is nil where the text needs it: false when that
 * ends the render.
 */
static bool
check_missing(sf_render *r, const sf_expr *e, sf_value v)
{
	sf_liquid_error *error = r->error;
	int			len;

	if (v.type != SF_V_NIL || e->kind != SF_E_PATH || r->options->missing == SF_MISSING_EMPTY)
		return true;
	len = sf_clip(r->tmpl->source + e->offset, e->end - e->offset, sizeof(error->path) - 1);
	r->offset = e->offset;
	if (r->options->missing == SF_MISSING_SKIP)
	{
		StringInfoData reason;

		initStringInfo(&reason);
		appendStringInfo(&reason, "missing_data:%.*s", len, r->tmpl->source + e->offset);
		(void) sf_skip(r, reason.data, reason.len);
	}
	else
		(void) sf_render_error(r, "variable \"%.*s\" has no value", len, r->tmpl->source + e->offset);
	memcpy(error->path, r->tmpl->source + e->offset, len);
	error->path[len] = '\0';
	return false;
}

/* Computes an expression that must have a value, as the options say. */
bool
sf_eval_required(sf_render *r, const sf_expr *e, sf_value *v)
{
	return sf_eval(r, e, v) && check_missing(r, e, *v);
}

/*
 * Computes an expression with its filters.  With required, variables that
 * have no value are dealt with as the options say, unless a default follows.
 */
bool
sf_eval_pipe(sf_render *r, const sf_pipe *pipe, bool required, sf_value *v)
{
	int			offset = r->offset;
	int			i;
	int			k;

	*v = sf_nil();
	if (pipe->expr == NULL)
		return true;
	required = required && !pipe->has_default;
	if (!sf_eval(r, pipe->expr, v) || (required && !check_missing(r, pipe->expr, *v)))
		return false;

	for (i = 0; i < pipe->ncalls; i++)
	{
		const sf_call *call = &pipe->calls[i];
		sf_value	values[SF_MAX_ARGS];
		sf_value	input = *v;
		sf_args		args;

		r->offset = call->offset;
		for (k = 0; k < call->nargs; k++)
		{
			if (!sf_eval(r, call->args[k], &values[k]) ||
				(required && !check_missing(r, call->args[k], values[k])))
				return false;
		}
		args.count = call->nargs;
		args.values = values;
		args.allow_false = false;
		if (call->allow_false != NULL)
		{
			sf_value	flag;

			if (!sf_eval(r, call->allow_false, &flag))
				return false;
			args.allow_false = sf_is_truthy(flag);
		}
		if (!sf_charge_bytes(r, input.type == SF_V_STR ? input.len : 0) ||
			!call->filter->function(r, input, &args, v))
			return false;
	}
	r->offset = offset;
	return true;
}

/* left contains right */
static bool
contains(sf_render *r, sf_value left, sf_value right, bool *result)
{
	*result = false;
	if (!sf_is_truthy(left) || !sf_is_truthy(right))
		return true;
	if (left.type == SF_V_STR)
	{
		if (!sf_to_string(r, right, &right) || !sf_charge_bytes(r, left.len))
			return false;
		*result = sf_find_bytes(left.u.str, left.len, right.u.str, right.len) >= 0;
	}
	else if (sf_is_object(left))
	{
		sf_value	v;

		*result = right.type == SF_V_STR && sf_json_key(left.u.json, right.u.str, right.len, &v);
	}
	else if (left.type == SF_V_RANGE)
		*result = (right.type == SF_V_INT || right.type == SF_V_NUM) &&
			sf_number_compare(right, sf_int(left.u.range->from)) >= 0 &&
			sf_number_compare(right, sf_int(left.u.range->to)) <= 0;
	else if (sf_is_array(left))
	{
		const sf_list *list;
		int			i;

		if (!sf_to_list(r, left, &list) || !sf_charge(r, list->count / 16) ||
			!sf_charge_bytes(r, sf_weight(left)))
			return false;
		for (i = 0; i < list->count && !*result; i++)
			*result = sf_equal(list->items[i], right);
	}
	return true;
}

/* Compares two values: below 0, 0, above 0.  False: they have no order. */
bool
sf_order(sf_value a, sf_value b, int *order)
{
	if ((a.type == SF_V_INT || a.type == SF_V_NUM) && (b.type == SF_V_INT || b.type == SF_V_NUM))
		*order = sf_number_compare(a, b);
	else if (a.type == SF_V_STR && b.type == SF_V_STR)
	{
		*order = memcmp(a.u.str, b.u.str, Min(a.len, b.len));
		if (*order == 0)
			*order = a.len - b.len;
	}
	else
		return false;
	return true;
}

/* One comparison. */
static bool
compare(sf_render *r, const sf_condition *c, bool *result)
{
	sf_value	a;
	sf_value	b;
	int			order;

	if (!sf_eval(r, c->left, &a))
		return false;
	if (c->op == SF_C_NONE)
	{
		*result = sf_is_truthy(a);
		return true;
	}
	if (!sf_eval(r, c->right, &b))
		return false;
	if (c->op == SF_C_CONTAINS)
		return contains(r, a, b, result);
	if (c->op == SF_C_EQ || c->op == SF_C_NE)
	{
		if (!sf_test_equal(r, a, b, result))
			return false;
		*result = *result == (c->op == SF_C_EQ);
		return true;
	}

	*result = false;
	if (a.type == SF_V_STR && b.type == SF_V_STR && !sf_charge_bytes(r, Min(a.len, b.len)))
		return false;
	if (!sf_order(a, b, &order))
	{
		bool		number = a.type == SF_V_INT || a.type == SF_V_NUM || b.type == SF_V_INT || b.type == SF_V_NUM;
		bool		string = a.type == SF_V_STR || b.type == SF_V_STR;

		r->offset = c->left->offset;
		return !(number && string) || sf_render_error(r, "a number cannot be compared with a string");
	}
	switch (c->op)
	{
		case SF_C_LT:
			*result = order < 0;
			break;
		case SF_C_GT:
			*result = order > 0;
			break;
		case SF_C_LE:
			*result = order <= 0;
			break;
		default:
			*result = order >= 0;
			break;
	}
	return true;
}

/* A chain of comparisons: what decides it ends it. */
bool
sf_eval_condition(sf_render *r, const sf_condition *c, bool *result)
{
	for (;; c = c->next)
	{
		if (!compare(r, c, result))
			return false;
		if (c->next == NULL || *result == c->is_or)
			return true;
	}
}
