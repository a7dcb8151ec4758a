/*-------------------------------------------------------------------------
 *
 * template.c
 *		{{name|filter:arg}}: parsed once, rendered for every text.
 *
 * Compilation resolves settings and secrets, folds every expression that
 * depends on nothing else, escapes it and melts it into the constant text
 * beside it.  Rendering therefore copies constants and escapes the few values
 * that belong to the message.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

static const struct
{
	const char *name;
	sf_var		var;
}			var_table[] =
{
	{"to", SF_VAR_TO},
	{"from", SF_VAR_FROM},
	{"body", SF_VAR_BODY},
	{"ref", SF_VAR_REF},
	{"ref_int", SF_VAR_REF_INT},
	{"message_id", SF_VAR_MESSAGE_ID},
	{"ttl_s", SF_VAR_TTL_S},
	{"ttl_min", SF_VAR_TTL_MIN},
	{"ttl_ms", SF_VAR_TTL_MS},
	{"expires_at", SF_VAR_EXPIRES_AT},
	{"is_unicode", SF_VAR_IS_UNICODE},
	{"callback", SF_VAR_CALLBACK},
	{"media", SF_VAR_MEDIA},
	{"id", SF_VAR_ID},
	{"sent_at", SF_VAR_SENT_AT},
	/* Features of gateways that this engine does itself or does not use. */
	{"send_at", SF_VAR_NONE},
	{"delay_min", SF_VAR_NONE},
	{"class", SF_VAR_NONE},
	{"priority", SF_VAR_NONE},
	{"subject", SF_VAR_NONE},
	{"max_parts", SF_VAR_NONE},
	{"campaign", SF_VAR_NONE},
	{"uuid", SF_VAR_NONE}
};

/* Fills operand from a setting or secret node; NULL is an empty text. */
static void
operand_from_node(sf_operand *operand, sf_node *node)
{
	const char *text = sf_node_scalar(node);

	operand->var = SF_VAR_CONST;
	operand->constant = text ? text : "";
	operand->type = SF_TYPE_TEXT;
	if (node != NULL)
	{
		node->used = true;
		if (node->kind == SF_NODE_NUMBER)
			operand->type = SF_TYPE_NUMBER;
		else if (node->kind == SF_NODE_BOOL)
			operand->type = SF_TYPE_BOOL;
	}
}

/* Resolves a name as written in a template. */
static void
resolve(sf_compiler *compiler, const char *where, const char *name, sf_operand *operand)
{
	memset(operand, 0, sizeof(*operand));
	if (strncmp(name, "cred.", 5) == 0)
	{
		sf_node    *node = sf_node_get(compiler->secrets, name + 5);

		if (node == NULL)
			node = sf_node_get(compiler->settings, name + 5);
		operand_from_node(operand, node);
		if (node == NULL && compiler->placeholder_secrets)
			operand->missing = pstrdup(name);
		return;
	}
	if (strncmp(name, "setting.", 8) == 0)
	{
		operand_from_node(operand, sf_node_get(compiler->settings, name + 8));
		return;
	}
	for (int i = 0; i < lengthof(var_table); i++)
	{
		if (strcmp(var_table[i].name, name) == 0)
		{
			operand->var = var_table[i].var;
			compiler->vars_used |= (uint32) 1 << operand->var;
			/* Nothing to wait for: it can be folded as an empty constant. */
			if (operand->var == SF_VAR_NONE)
				operand_from_node(operand, NULL);
			return;
		}
	}
	sf_compile_error(compiler, where, psprintf("there is no value called \"%s\"", name),
					 "Values are to, from, body, ref, callback, ttl_s and others, "
					 "cred.NAME for a field of the secret, setting.NAME for a setting.");
}

/* A palloc'd copy of [start, end) without blanks at either side. */
static char *
trimmed(const char *start, const char *end)
{
	while (start < end && *start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	return pnstrdup(start, end - start);
}

/* Parses what stands between {{ and }}. */
static void
parse_expression(sf_compiler *compiler, const char *where, const char *start, const char *end,
				 sf_part *part)
{
	const char *bar = memchr(start, '|', end - start);
	int			n = 0;

	memset(part, 0, sizeof(*part));
	resolve(compiler, where, trimmed(start, bar ? bar : end), &part->operand);
	for (const char *p = bar; p != NULL; p = memchr(p + 1, '|', end - p - 1))
		n++;
	part->filters = palloc0(sizeof(sf_filter) * Max(n, 1));
	while (bar != NULL)
	{
		const char *next = memchr(bar + 1, '|', end - bar - 1);
		char	   *filter = trimmed(bar + 1, next ? next : end);
		char	   *arg = strchr(filter, ':');
		sf_filter  *f = &part->filters[part->nfilters++];
		const char *problem;

		if (arg != NULL)
			*arg++ = '\0';
		problem = sf_filter_compile(filter, arg, f);
		if (problem != NULL)
			sf_compile_error(compiler, where, psprintf("\"%s\" %s", filter, problem), NULL);
		if (f->kind == SF_FILTER_OR)
			resolve(compiler, where, arg, &f->operand);
		bar = next;
	}
}

/* True when nothing of the message decides the value of part. */
static bool
part_is_constant(const sf_part *part)
{
	if (part->operand.var != SF_VAR_CONST)
		return false;
	for (int i = 0; i < part->nfilters; i++)
	{
		if (part->filters[i].kind == SF_FILTER_OR &&
			part->filters[i].operand.var != SF_VAR_CONST)
			return false;
	}
	return true;
}

/*
 * The value of a constant part.  A secret that is not at hand reads as its
 * own name, unless the template itself names a default.
 */
static const char *
fold(const sf_part *part, sf_type *type)
{
	char		scratch[SF_SCRATCH_SIZE];
	const char *value = sf_operand_value(&part->operand, NULL, scratch, type);

	value = sf_filters_apply(part, value, type, NULL);
	if (value[0] != '\0')
		return value;
	for (int i = -1; i < part->nfilters; i++)
	{
		const sf_operand *o = i < 0 ? &part->operand : &part->filters[i].operand;

		if (o->missing != NULL)
		{
			*type = SF_TYPE_TEXT;
			return sf_filters_apply(part, o->missing, type, NULL);
		}
	}
	return value;
}

/*
 * Compiles source.  where names the place in the description, for messages.
 * While compiler->required is set, an expression that cannot have a value is
 * an error: a URL or a password with a hole in it never works.
 */
void
sf_template_compile(sf_compiler *compiler, const char *where, const char *source,
					sf_escape escape, sf_template *out)
{
	const char *p = source;
	int			max = 1;
	StringInfoData constant;

	for (const char *q = strstr(p, "{{"); q != NULL; q = strstr(q + 2, "{{"))
		max += 2;
	memset(out, 0, sizeof(*out));
	out->escape = escape;
	out->parts = palloc0(sizeof(sf_part) * max);
	out->whole = strncmp(source, "{{", 2) == 0 && max == 3 &&
		strlen(source) >= 4 && strstr(source, "}}") == source + strlen(source) - 2;
	initStringInfo(&constant);

	for (;;)
	{
		const char *open = strstr(p, "{{");
		const char *close;
		const char *literal;
		sf_part		part;

		/* The text of a URL is meant as it stands; in a form or JSON it is data. */
		literal = open ? pnstrdup(p, open - p) : p;
		sf_escape_append(&constant, literal, strlen(literal),
						 escape == SF_ESC_PATH ? SF_ESC_NONE : escape);
		if (open == NULL)
			break;
		close = strstr(open, "}}");
		if (close == NULL)
			sf_compile_error(compiler, where, "a {{ has no matching }}", NULL);
		parse_expression(compiler, where, open + 2, close, &part);
		p = close + 2;

		if (part_is_constant(&part))
		{
			const char *value = fold(&part, &out->type);

			if (value[0] == '\0' && compiler->required)
				sf_compile_error(compiler, where,
								 psprintf("%s has no value", pnstrdup(open, close + 2 - open)),
								 "Add it to the settings, or to the secret when it must stay hidden.");
			sf_escape_append(&constant, value, strlen(value), escape);
			continue;
		}
		if (constant.len > 0)
		{
			out->parts[out->nparts].text = constant.data;
			out->parts[out->nparts++].len = constant.len;
			initStringInfo(&constant);
		}
		out->parts[out->nparts++] = part;
	}
	if (constant.len > 0)
	{
		out->parts[out->nparts].text = constant.data;
		out->parts[out->nparts++].len = constant.len;
	}
	out->repeats = out->whole && out->nparts == 1 && out->parts[0].text == NULL &&
		out->parts[0].operand.var == SF_VAR_MEDIA && out->parts[0].nfilters == 0;
}

/* True when no message can change what t renders to. */
bool
sf_template_is_constant(const sf_template *t)
{
	return t->nparts == 0 || (t->nparts == 1 && t->parts[0].text != NULL);
}

/* Appends t to buf, escaped; false when it came out empty. */
bool
sf_template_append(StringInfo buf, const sf_template *t, const sf_values *values)
{
	int			start = buf->len;

	for (int i = 0; i < t->nparts; i++)
	{
		const sf_part *part = &t->parts[i];
		char		scratch[SF_SCRATCH_SIZE];
		sf_type		type;
		const char *value;

		if (part->text != NULL)
		{
			appendBinaryStringInfo(buf, part->text, part->len);
			continue;
		}
		value = sf_operand_value(&part->operand, values, scratch, &type);
		value = sf_filters_apply(part, value, &type, values);
		sf_escape_append(buf, value, strlen(value), t->escape);
	}
	return buf->len > start;
}

/* The value of a template that is one expression, unescaped, with its type. */
const char *
sf_template_value(const sf_template *t, const sf_values *values, char *scratch, sf_type *type)
{
	const char *value = sf_operand_value(&t->parts[0].operand, values, scratch, type);

	return sf_filters_apply(&t->parts[0], value, type, values);
}

/* t as a text of its own: static when it is constant, else palloc'd. */
char *
sf_template_text(const sf_template *t, const sf_values *values)
{
	StringInfoData buf;

	if (sf_template_is_constant(t))
		return t->nparts == 0 ? "" : unconstify(char *, t->parts[0].text);
	initStringInfo(&buf);
	sf_template_append(&buf, t, values);
	return buf.data;
}
