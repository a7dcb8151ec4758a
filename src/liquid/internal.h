/*-------------------------------------------------------------------------
 *
 * internal.h
 *		What the files of the template language share.
 *
 * Lexer and parser turn a source into a tree of nodes; the tree is never
 * written to after parsing.  A render walks it with a sf_render, which holds
 * everything that changes.  Values are small tagged structs that point into
 * the jsonb or into the source where they can, so that nothing is copied
 * before it must be.
 *
 * Functions that can fail return false (or SF_FAIL) after they have filled
 * the error; the caller only passes that on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_LIQUID_INTERNAL_H
#define SF_LIQUID_INTERNAL_H

#include "liquid/liquid.h"

#include "utils/numeric.h"

#define SF_MAX_SOURCE		65536	/* bytes of a template */
#define SF_MAX_NESTING		100 /* blocks and partials inside each other */
#define SF_MAX_ARGS			4	/* of a filter */
#define SF_MAX_DIGITS		1000	/* of a number, before or after the point */
#define SF_DEFAULT_OUTPUT	65536	/* bytes */
#define SF_DEFAULT_STEPS	100000
#define SF_MIN_STRING_LIMIT	65536	/* a value inside may always grow to this many bytes */

/* ---- values ---- */

typedef enum sf_type
{
	SF_V_NIL,
	SF_V_BOOL,
	SF_V_INT,
	SF_V_NUM,					/* numeric: a decimal, or an integer that does not fit int64 */
	SF_V_STR,					/* len bytes, not terminated */
	SF_V_LIST,					/* an array made by a filter */
	SF_V_JSON,					/* an array or object inside a jsonb */
	SF_V_RANGE,
	SF_V_LOOP,					/* forloop, tablerowloop */
	SF_V_EMPTY,					/* the words empty and blank; only in conditions */
	SF_V_BLANK
} sf_type;

typedef struct sf_list sf_list;
typedef struct sf_range sf_range;
typedef struct sf_loop sf_loop;

typedef struct sf_value
{
	sf_type		type;
	int32		len;			/* of a string, bytes */
	union
	{
		bool		b;
		int64		i;
		Numeric		num;
		const char *str;
		const sf_list *list;
		JsonbContainer *json;
		const sf_range *range;
		const sf_loop *loop;
	}			u;
} sf_value;

struct sf_list
{
	int			count;
	sf_value	items[FLEXIBLE_ARRAY_MEMBER];
};

struct sf_range
{
	int64		from;
	int64		to;				/* below from: the range is empty */
};

struct sf_loop
{
	bool		table;
	int64		length;
	int64		index;			/* 0-based */
	int64		cols,
				col,			/* 1-based; tablerow only */
				row;
	const sf_loop *parent;
	const char *name;
	int			name_len;
};

static inline sf_value
sf_nil(void)
{
	sf_value	v;

	v.type = SF_V_NIL;
	v.len = 0;
	v.u.i = 0;
	return v;
}

static inline sf_value
sf_bool(bool b)
{
	sf_value	v = sf_nil();

	v.type = SF_V_BOOL;
	v.u.b = b;
	return v;
}

static inline sf_value
sf_int(int64 i)
{
	sf_value	v;

	v.type = SF_V_INT;
	v.len = 0;
	v.u.i = i;
	return v;
}

static inline sf_value
sf_str(const char *s, int len)
{
	sf_value	v;

	v.type = SF_V_STR;
	v.len = len;
	v.u.str = s;
	return v;
}

static inline sf_value
sf_list_value(const sf_list *list)
{
	sf_value	v;

	v.type = SF_V_LIST;
	v.len = 0;
	v.u.list = list;
	return v;
}

static inline bool
sf_is_truthy(sf_value v)
{
	return v.type != SF_V_NIL && (v.type != SF_V_BOOL || v.u.b);
}

/* ---- the tree ---- */

typedef struct sf_render sf_render;
typedef struct sf_expr sf_expr;
typedef struct sf_node sf_node;

typedef enum sf_status
{
	SF_GO,
	SF_BREAK,					/* {% break %} looks for its loop */
	SF_CONTINUE,
	SF_FAIL						/* r->result and r->error are filled */
} sf_status;

typedef enum sf_expr_kind
{
	SF_E_LITERAL,
	SF_E_PATH,
	SF_E_RANGE
} sf_expr_kind;

/* One .name or [expression] of a path. */
typedef struct sf_step
{
	const char *name;			/* NULL: index */
	int			len;
	const sf_expr *index;
} sf_step;

struct sf_expr
{
	sf_expr_kind kind;
	int			offset;			/* of its first byte in the source */
	int			end;			/* of the byte after its last */
	sf_value	literal;
	const char *name;			/* path: first name, or NULL: head */
	int			len;
	const sf_expr *head;
	int			nsteps;
	sf_step    *steps;
	const sf_expr *from;		/* range */
	const sf_expr *to;
};

typedef struct sf_filter sf_filter;

typedef struct sf_keyword
{
	const char *name;
	int			len;
	const sf_expr *value;
} sf_keyword;

/* One "| name: arguments" */
typedef struct sf_call
{
	const sf_filter *filter;
	int			offset;
	int			nargs;
	const sf_expr **args;
	const sf_expr *allow_false; /* the one keyword of the language, of default */
} sf_call;

/* An expression with its filters: what stands in {{ }}. */
typedef struct sf_pipe
{
	const sf_expr *expr;		/* NULL: nothing at all */
	int			ncalls;
	sf_call    *calls;
	bool		has_default;	/* a missing variable is no error */
} sf_pipe;

typedef enum sf_compare
{
	SF_C_NONE,					/* the left side alone */
	SF_C_EQ,
	SF_C_NE,
	SF_C_LT,
	SF_C_GT,
	SF_C_LE,
	SF_C_GE,
	SF_C_CONTAINS
} sf_compare;

/* and/or bind to the right: a and (b or (c and d)). */
typedef struct sf_condition
{
	const sf_expr *left;
	sf_compare	op;
	const sf_expr *right;
	bool		is_or;			/* how next is joined */
	struct sf_condition *next;
} sf_condition;

struct sf_node
{
	/* NULL: text */
	sf_status	(*render) (sf_render *r, const sf_node *node);
	int			offset;
	bool		blank;			/* prints nothing that is not white space */
	const char *text;
	int			len;
	sf_node    *next;
};

typedef struct sf_block
{
	sf_node    *first;
	sf_node    *last;
	bool		blank;			/* all nodes are */
} sf_block;

struct sf_template
{
	const char *source;			/* NUL-terminated copy */
	int			len;
	sf_block	body;
};

/* ---- lexer ---- */

typedef enum sf_token_type
{
	SF_T_END,
	SF_T_ID,
	SF_T_STRING,				/* start and len without the quotes */
	SF_T_NUMBER,
	SF_T_COMPARE,
	SF_T_DOTDOT,
	SF_T_CHAR					/* one of | . : , [ ] ( ) ? - = */
} sf_token_type;

typedef struct sf_token
{
	sf_token_type type;
	int			offset;			/* in the source */
	int			end;
	const char *start;
	int			len;
	char		c;				/* SF_T_CHAR */
	sf_compare	op;				/* SF_T_COMPARE */
} sf_token;

/* Reads the tokens of one tag or output; tok is the current one. */
typedef struct sf_lexer
{
	struct sf_parser *p;
	int			pos;
	int			limit;
	sf_token	tok;
	int			depth;			/* of brackets */
} sf_lexer;

typedef enum sf_piece_type
{
	SF_P_END,
	SF_P_TEXT,
	SF_P_OUTPUT,
	SF_P_TAG
} sf_piece_type;

/* Text, {{ }} or {% %}; or one line of a {% liquid %} tag. */
typedef struct sf_piece
{
	sf_piece_type type;
	int			offset;
	int			end;
	int			inner;			/* of what stands between the delimiters */
	int			inner_end;
	bool		trim_left;
	bool		trim_right;
	const char *name;			/* of a tag; NULL: none could be read */
	int			name_len;
} sf_piece;

/* ---- parser ---- */

typedef struct sf_parser
{
	const char *source;
	int			pos;
	int			limit;
	bool		lines;			/* inside {% liquid %} */
	bool		trim;			/* the text that follows loses its leading white space */
	int			depth;
	sf_liquid_error *error;
	bool		failed;
	sf_liquid_survey *survey;	/* NULL: nobody asks */
} sf_parser;

/* A tag as its parse function gets it. */
typedef struct sf_tag
{
	const char *name;			/* NULL: end of the source */
	int			name_len;
	int			offset;			/* of the tag */
	int			inner;			/* of what follows the name */
	int			inner_end;
} sf_tag;

/* parser.c */
extern bool sf_parse_error(sf_parser *p, int offset, const char *format,...) pg_attribute_printf(3, 4);
extern bool sf_parse_body(sf_parser *p, sf_block *block, sf_tag *stop);
extern bool sf_parse_until(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_unexpected_tag(sf_parser *p, const sf_tag *opener, const sf_tag *stop);
extern void sf_block_drop_text(sf_block *block);
extern void *sf_node_new(Size size, const sf_tag *tag, bool blank,
						 sf_status (*render) (sf_render *, const sf_node *));
extern bool sf_tag_is(const sf_tag *tag, const char *name);
extern bool sf_tag_ends(const sf_tag *stop, const sf_tag *opener);
extern void sf_note_name(sf_parser *p, const char *name, int len, int from, bool binds);
extern void sf_note_text(sf_parser *p, int offset, int len);
extern void sf_position(const char *source, int len, int offset, sf_liquid_error *error);

/* lexer.c */
extern bool sf_next_piece(sf_parser *p, sf_piece *piece);
extern void sf_next_tag(sf_parser *p, sf_piece *piece);
extern bool sf_find_raw_end(sf_parser *p, const char *name, int *body_end, sf_piece *end);
extern bool sf_lexer_start(sf_lexer *x, sf_parser *p, int from, int to);
extern bool sf_lexer_next(sf_lexer *x);
extern bool sf_lexer_end(sf_lexer *x);
extern bool sf_lexer_expected(sf_lexer *x, const char *what);
extern bool sf_is_space(char c);
extern bool sf_is_word(char c);

static inline bool
sf_at_char(const sf_lexer *x, char c)
{
	return x->tok.type == SF_T_CHAR && x->tok.c == c;
}

static inline bool
sf_at_id(const sf_lexer *x, const char *word)
{
	return x->tok.type == SF_T_ID && x->tok.len == strlen(word) &&
		memcmp(x->tok.start, word, x->tok.len) == 0;
}

/* expression.c */
extern sf_expr *sf_parse_expression(sf_lexer *x);
extern sf_expr *sf_parse_operand(sf_lexer *x);
extern sf_condition *sf_parse_condition(sf_lexer *x);
extern bool sf_parse_pipe(sf_lexer *x, sf_pipe *pipe);
extern bool sf_parse_keywords(sf_lexer *x, int *count, sf_keyword **keywords);
extern bool sf_parse_keyword(sf_lexer *x, sf_keyword *keyword, bool *found);

/* ---- tags ---- */

/* parse reads what belongs to the tag and appends its nodes to block. */
typedef struct sf_tag_def
{
	const char *name;
	bool		(*parse) (sf_parser *p, const sf_tag *tag, sf_block *block);
} sf_tag_def;

extern bool sf_block_add(sf_block *block, sf_node *node);
extern bool sf_parse_if(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_case(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_for(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_tablerow(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_ifchanged(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_capture(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_assign(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_echo(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_cycle(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_counter(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_interrupt(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_skip(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_raw(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_comment(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_inline_comment(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_liquid(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_include(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_render(sf_parser *p, const sf_tag *tag, sf_block *block);
extern bool sf_parse_target(sf_parser *p, const sf_tag *tag, bool quotes, int *pos,
							const char **name, int *len);
extern bool sf_nothing_left(sf_parser *p, const sf_tag *tag, int pos);
extern bool sf_loop_offset(sf_render *r, const char *name, int len, int64 **at);
extern sf_node *sf_output_node(sf_parser *p, int offset, int inner, int inner_end);

/* ---- render ---- */

typedef struct sf_binding
{
	const char *name;
	int			len;
	sf_value	value;
} sf_binding;

typedef struct sf_bindings
{
	int			count;
	int			size;
	sf_binding *items;
} sf_bindings;

/* State of one {% cycle %} group, or of the offset of one for loop. */
typedef struct sf_progress
{
	const void *tag;			/* a group of its own, or NULL: key */
	bool		named;
	sf_value	key;
	int64		value;
	struct sf_progress *next;
} sf_progress;

/* What {% render %} starts afresh. */
typedef struct sf_frame
{
	sf_bindings scoped;			/* loop variables, arguments: the last one counts */
	sf_bindings locals;			/* assign, capture */
	sf_bindings counters;		/* increment, decrement */
	sf_progress *cycles;
	sf_progress *offsets;
	const sf_loop *loop;		/* innermost for */
	const char *changed;		/* last output of ifchanged; NULL: none yet */
	int			changed_len;
	bool		no_include;
} sf_frame;

struct sf_render
{
	const sf_template *tmpl;	/* whose source offsets are meant */
	const char *partial;		/* its name, NULL in the template itself */
	JsonbContainer *vars;		/* NULL: none */
	const sf_liquid_options *options;
	sf_frame   *frame;
	StringInfo	out;
	int			out_start;		/* out->len at first, and what it may grow to */
	int			out_limit;
	int			max_string;
	int			steps;			/* left */
	int			written;		/* bytes that no step was charged for yet */
	int			captures;		/* of those around what is at work */
	int			depth;
	int			offset;			/* of the node at work */
	sf_liquid_error *error;
	sf_liquid_result result;
};

/* render.c */
extern bool sf_render_error(sf_render *r, const char *format,...) pg_attribute_printf(2, 3);
extern bool sf_charge(sf_render *r, int64 steps);
extern bool sf_charge_bytes(sf_render *r, int64 bytes);
extern bool sf_charge_written(sf_render *r, int len);
extern sf_status sf_render_block(sf_render *r, const sf_block *block);
extern sf_status sf_render_captured(sf_render *r, const sf_block *block, StringInfo into);
extern bool sf_emit(sf_render *r, const char *s, int len);
extern bool sf_emit_value(sf_render *r, sf_value v);
extern void sf_bind(sf_bindings *bindings, const char *name, int len, sf_value value);
extern void sf_set(sf_bindings *bindings, const char *name, int len, sf_value value);
extern bool sf_set_local(sf_render *r, const char *name, int len, sf_value value);
extern const sf_value *sf_find_binding(const sf_bindings *bindings, const char *name, int len);
extern sf_status sf_skip(sf_render *r, const char *reason, int len);

/* evaluate.c */
extern bool sf_eval(sf_render *r, const sf_expr *e, sf_value *v);
extern bool sf_eval_pipe(sf_render *r, const sf_pipe *pipe, bool required, sf_value *v);
extern bool sf_eval_condition(sf_render *r, const sf_condition *c, bool *result);
extern bool sf_eval_required(sf_render *r, const sf_expr *e, sf_value *v);
extern bool sf_find_variable(sf_render *r, const char *name, int len, sf_value *v);

extern bool sf_order(sf_value a, sf_value b, int *order);

/* value.c */
extern sf_value sf_from_jsonb(JsonbValue *v);
extern bool sf_json_key(JsonbContainer *object, const char *name, int len, sf_value *v);
extern bool sf_is_object(sf_value v);
extern bool sf_is_array(sf_value v);
extern int64 sf_count(sf_value v);
extern bool sf_to_string(sf_render *r, sf_value v, sf_value *s);
extern bool sf_append(sf_render *r, StringInfo out, const char *s, int len);
extern void sf_start_string(StringInfo out, int64 len);
extern bool sf_append_string(sf_render *r, StringInfo out, sf_value v);
extern bool sf_equal(sf_value a, sf_value b);
extern bool sf_test_equal(sf_render *r, sf_value a, sf_value b, bool *equal);
extern int64 sf_weight(sf_value v);
extern bool sf_identical(sf_value a, sf_value b);
extern bool sf_is_empty(sf_value v);

/* list.c */
extern sf_list *sf_list_new(int count);
extern bool sf_to_list(sf_render *r, sf_value v, const sf_list **list);
extern bool sf_items(sf_render *r, sf_value v, const sf_list **list);
extern bool sf_index(sf_render *r, sf_value array, int64 i, sf_value *v);
extern bool sf_first(sf_render *r, sf_value v, sf_value *item);
extern bool sf_last(sf_render *r, sf_value v, sf_value *item);

/* number.c */
extern bool sf_numeric_from_text(const char *s, int len, sf_value *v);
extern sf_value sf_from_numeric(Numeric num);
extern bool sf_is_decimal(Numeric num);
extern bool sf_is_number(sf_value v);
extern sf_value sf_to_number(sf_value v);
extern bool sf_to_integer(sf_render *r, sf_value v, int64 *i);
extern bool sf_leading_integer(sf_value s, int64 *i);
extern int	sf_number_compare(sf_value a, sf_value b);
extern bool sf_number_text(sf_render *r, sf_value v, StringInfo out);
extern bool sf_fixed_text(sf_render *r, sf_value v, int decimals, StringInfo out);
extern bool sf_arithmetic(sf_render *r, char op, sf_value a, sf_value b, sf_value *result);
extern bool sf_check_number(sf_render *r, sf_value v);
extern bool sf_negate(sf_render *r, sf_value v, sf_value *result);
extern bool sf_truncate_number(sf_render *r, sf_value v, sf_value *result);
extern bool sf_round(sf_render *r, sf_value v, char how, int64 digits, sf_value *result);

/* unicode.c */
extern int	sf_clip(const char *s, int len, int max);
extern int	sf_find_bytes(const char *s, int len, const char *what, int what_len);
extern int	sf_char_len(const char *s, const char *end);
extern int64 sf_chars(const char *s, int len);
extern int	sf_char_offset(const char *s, int len, int64 chars);
extern uint32 sf_decode_char(const char *s, int len);
extern uint32 sf_upper(uint32 c);
extern uint32 sf_lower(uint32 c);

/* ---- filters ---- */

typedef struct sf_args
{
	int			count;
	sf_value   *values;
	bool		allow_false;
} sf_args;

/* Fills result; on false the error is filled. */
typedef bool (*sf_filter_function) (sf_render *r, sf_value input, const sf_args *args, sf_value *result);

struct sf_filter
{
	const char *name;
	int			min_args;
	int			max_args;
	sf_filter_function function;
};

extern const sf_filter *sf_find_filter(const char *name, int len);

#endif							/* SF_LIQUID_INTERNAL_H */
