/*-------------------------------------------------------------------------
 *
 * parser.c
 *		Builds the tree: text, outputs and the table of tags.
 *
 * A body ends at the first tag that is no tag of the table; whoever opened
 * the body decides whether that tag is its end, one of its parts, or an
 * error.  White space control happens here, and so does the rule that a
 * block which prints nothing but white space prints nothing at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "liquid/internal.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static const sf_tag_def tags[] = {
	{"#", sf_parse_inline_comment},
	{"assign", sf_parse_assign},
	{"break", sf_parse_interrupt},
	{"capture", sf_parse_capture},
	{"case", sf_parse_case},
	{"comment", sf_parse_comment},
	{"continue", sf_parse_interrupt},
	{"cycle", sf_parse_cycle},
	{"decrement", sf_parse_counter},
	{"doc", sf_parse_raw},
	{"echo", sf_parse_echo},
	{"for", sf_parse_for},
	{"if", sf_parse_if},
	{"ifchanged", sf_parse_ifchanged},
	{"include", sf_parse_include},
	{"increment", sf_parse_counter},
	{"liquid", sf_parse_liquid},
	{"raw", sf_parse_raw},
	{"render", sf_parse_render},
	{"skip", sf_parse_skip},
	{"tablerow", sf_parse_tablerow},
	{"unless", sf_parse_if}
};

/* Fills line and column (in characters) of a byte offset. */
void
sf_position(const char *source, int len, int offset, sf_liquid_error *error)
{
	const char *line = source;
	const char *p;

	error->line = 1;
	for (p = source; p < source + Min(offset, len); p++)
	{
		if (*p == '\n')
		{
			error->line++;
			line = p + 1;
		}
	}
	error->column = 1 + (int) sf_chars(line, p - line);
}

/* Fills the error of the parser, the first one only; returns false. */
bool
sf_parse_error(sf_parser *p, int offset, const char *format,...)
{
	va_list		args;

	if (p->failed)
		return false;
	p->failed = true;
	va_start(args, format);
	vsnprintf(p->error->message, sizeof(p->error->message), format, args);
	va_end(args);
	p->error->message[sf_clip(p->error->message, strlen(p->error->message),
							  sizeof(p->error->message) - 1)] = '\0';
	p->error->path[0] = '\0';
	sf_position(p->source, p->limit, offset, p->error);
	return false;
}

/* True when the tag has this name. */
bool
sf_tag_is(const sf_tag *tag, const char *name)
{
	return tag->name != NULL && tag->name_len == strlen(name) &&
		memcmp(tag->name, name, tag->name_len) == 0;
}

/* True when stop is the end tag of opener. */
bool
sf_tag_ends(const sf_tag *stop, const sf_tag *opener)
{
	return stop->name != NULL && stop->name_len == opener->name_len + 3 &&
		memcmp(stop->name, "end", 3) == 0 &&
		memcmp(stop->name + 3, opener->name, opener->name_len) == 0;
}

/* Says why stop cannot stand in the body of opener (NULL: outside any block). */
bool
sf_unexpected_tag(sf_parser *p, const sf_tag *opener, const sf_tag *stop)
{
	int			len = Min(stop->name_len, 40);

	if (stop->name == NULL)
		return sf_parse_error(p, opener->offset, "tag \"%.*s\" is never closed: expected \"end%.*s\"",
							  opener->name_len, opener->name, opener->name_len, opener->name);
	if (!sf_tag_is(stop, "else") && !sf_tag_is(stop, "elsif") && !sf_tag_is(stop, "when") &&
		!(stop->name_len > 3 && memcmp(stop->name, "end", 3) == 0))
		return sf_parse_error(p, stop->offset, "there is no tag \"%.*s\"", len, stop->name);
	if (opener == NULL)
		return sf_parse_error(p, stop->offset, "tag \"%.*s\" stands outside any block", len, stop->name);
	return sf_parse_error(p, stop->offset, "expected \"end%.*s\" but found \"%.*s\"",
						  opener->name_len, opener->name, len, stop->name);
}

/* Appends a node. */
bool
sf_block_add(sf_block *block, sf_node *node)
{
	node->next = NULL;
	if (block->last != NULL)
		block->last->next = node;
	else
		block->first = node;
	block->last = node;
	block->blank = block->blank && node->blank;
	return true;
}

/* Takes the text out of a block that prints nothing but white space. */
void
sf_block_drop_text(sf_block *block)
{
	sf_node   **link = &block->first;

	block->last = NULL;
	while (*link != NULL)
	{
		if ((*link)->render == NULL)
			*link = (*link)->next;
		else
		{
			block->last = *link;
			link = &(*link)->next;
		}
	}
}

/* A node of size bytes, which starts with a sf_node. */
void *
sf_node_new(Size size, const sf_tag *tag, bool blank,
			sf_status (*render) (sf_render *, const sf_node *))
{
	sf_node    *node = palloc0(size);

	node->render = render;
	node->offset = tag->offset;
	node->blank = blank;
	return node;
}

/* Room for one more element of a list that grows by doubling. */
static void *
grow(void *items, int n, Size size)
{
	if (items == NULL)
		return palloc(16 * size);
	return n >= 16 && (n & (n - 1)) == 0 ? repalloc(items, 2 * n * size) : items;
}

/* Notes a name for whoever looks the template over. */
void
sf_note_name(sf_parser *p, const char *name, int len, int from, bool binds)
{
	sf_liquid_survey *survey = p->survey;
	sf_liquid_name *n;

	if (survey == NULL)
		return;
	survey->names = grow(survey->names, survey->nnames, sizeof(sf_liquid_name));
	n = &survey->names[survey->nnames++];
	n->offset = name - p->source;
	n->len = len;
	n->from = from;
	n->binds = binds;
}

/* The same of literal text. */
void
sf_note_text(sf_parser *p, int offset, int len)
{
	sf_liquid_survey *survey = p->survey;

	if (survey == NULL)
		return;
	survey->spans = grow(survey->spans, survey->nspans, sizeof(sf_liquid_span));
	survey->spans[survey->nspans].offset = offset;
	survey->spans[survey->nspans++].len = len;
}

/* Adds text without the white space that its neighbours take away. */
static void
add_text(sf_parser *p, const sf_piece *piece, sf_block *block)
{
	const char *s = p->source + piece->offset;
	int			len = piece->end - piece->offset;
	sf_node    *node;
	int			i = 0;

	sf_note_text(p, piece->offset, len);
	if (p->trim)
	{
		while (len > 0 && sf_is_space(*s))
		{
			s++;
			len--;
		}
	}
	p->trim = false;
	if (len == 0)
		return;

	node = palloc0(sizeof(sf_node));
	node->offset = piece->offset;
	node->text = s;
	node->len = len;
	while (i < len && sf_is_space(s[i]))
		i++;
	node->blank = i == len;
	sf_block_add(block, node);
}

/* Trims the text before a tag or output, and remembers to trim what follows. */
static void
trim_around(sf_parser *p, const sf_piece *piece, sf_block *block)
{
	if (piece->trim_left && block->last != NULL && block->last->render == NULL)
	{
		sf_node    *text = block->last;

		while (text->len > 0 && sf_is_space(text->text[text->len - 1]))
			text->len--;
	}
	p->trim = piece->trim_right;
}

/*
 * Reads nodes into block until a tag that is not in the table, which is
 * returned in stop, or until the end (stop->name is NULL).
 */
static bool
parse_nodes(sf_parser *p, sf_block *block, sf_tag *stop)
{
	sf_piece	piece;

	for (;;)
	{
		sf_tag		tag;
		int			i;

		CHECK_FOR_INTERRUPTS();
		if (!sf_next_piece(p, &piece))
			return false;
		if (piece.type == SF_P_END)
		{
			memset(stop, 0, sizeof(sf_tag));
			stop->offset = piece.offset;
			return true;
		}
		if (piece.type == SF_P_TEXT)
		{
			add_text(p, &piece, block);
			continue;
		}
		if (!p->lines)
			trim_around(p, &piece, block);
		if (piece.type == SF_P_OUTPUT)
		{
			sf_node    *node = sf_output_node(p, piece.offset, piece.inner, piece.inner_end);

			if (node == NULL)
				return false;
			sf_block_add(block, node);
			continue;
		}

		if (piece.name == NULL)
			return sf_parse_error(p, piece.offset, "expected the name of a tag");
		tag.name = piece.name;
		tag.name_len = piece.name_len;
		tag.offset = piece.offset;
		tag.inner = piece.inner;
		tag.inner_end = piece.inner_end;
		for (i = 0; i < lengthof(tags); i++)
			if (sf_tag_is(&tag, tags[i].name))
				break;
		if (i == lengthof(tags))
		{
			*stop = tag;
			return true;
		}
		if (!tags[i].parse(p, &tag, block))
			return false;
	}
}

/* Reads one body of a block tag; see parse_nodes. */
bool
sf_parse_body(sf_parser *p, sf_block *block, sf_tag *stop)
{
	bool		ok;

	block->first = block->last = NULL;
	block->blank = true;
	if (p->depth >= SF_MAX_NESTING || stack_is_too_deep())
		return sf_parse_error(p, p->pos, "blocks are nested more than %d deep", p->depth);
	p->depth++;
	ok = parse_nodes(p, block, stop);
	p->depth--;
	return ok;
}

/* Reads the body of a tag that has no parts, up to its end tag. */
bool
sf_parse_until(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	sf_tag		stop;

	if (!sf_parse_body(p, block, &stop))
		return false;
	return sf_tag_ends(&stop, tag) || sf_unexpected_tag(p, tag, &stop);
}

/* {% liquid %}: each line is a tag, and all belong to the block around. */
bool
sf_parse_liquid(sf_parser *p, const sf_tag *tag, sf_block *block)
{
	sf_parser	inner = *p;
	sf_tag		stop;

	inner.lines = true;
	inner.pos = tag->inner;
	inner.limit = tag->inner_end;
	inner.depth++;
	if (inner.depth > SF_MAX_NESTING || stack_is_too_deep())
		return sf_parse_error(p, tag->offset, "blocks are nested more than %d deep", p->depth);
	if (parse_nodes(&inner, block, &stop) && stop.name != NULL)
		sf_unexpected_tag(&inner, NULL, &stop);
	p->failed = inner.failed;
	return !p->failed;
}

/* The text that a template was parsed from. */
const char *
sf_liquid_source(const sf_template *t)
{
	return t->source;
}

/*
 * Parses a source of len bytes, which may hold anything, into context.
 */
sf_template *
sf_liquid_look_over(MemoryContext context, const char *source, int len, sf_liquid_survey *survey,
					sf_liquid_error *error)
{
	MemoryContext old;
	sf_template *t;
	sf_parser	p;
	sf_tag		stop;
	char	   *copy;
	bool		ok;

	memset(error, 0, sizeof(*error));
	if (len > SF_MAX_SOURCE)
	{
		snprintf(error->message, sizeof(error->message),
				 "a template may have at most %d bytes, this one has %d", SF_MAX_SOURCE, len);
		return NULL;
	}

	old = MemoryContextSwitchTo(context);
	copy = palloc(len + 1);
	memcpy(copy, source, len);
	copy[len] = '\0';
	t = palloc0(sizeof(sf_template));
	t->source = copy;
	t->len = len;

	memset(&p, 0, sizeof(p));
	p.source = copy;
	p.limit = len;
	p.error = error;
	p.survey = survey;
	ok = sf_parse_body(&p, &t->body, &stop);
	if (ok && stop.name != NULL)
		ok = sf_unexpected_tag(&p, NULL, &stop);
	MemoryContextSwitchTo(old);
	return ok ? t : NULL;
}

sf_template *
sf_liquid_parse(MemoryContext context, const char *source, int len, sf_liquid_error *error)
{
	return sf_liquid_look_over(context, source, len, NULL, error);
}
