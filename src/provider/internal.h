/*-------------------------------------------------------------------------
 *
 * internal.h
 *		What the files of src/provider share: the compiled description.
 *
 * Nobody outside this folder includes it.  Everything reachable from an
 * sf_provider lives in provider->context and is not changed after
 * compilation.  Texts are UTF-8, whatever the encoding of the database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PROVIDER_INTERNAL_H
#define SF_PROVIDER_INTERNAL_H

#include "compat.h"
#include "provider/provider.h"

#include "lib/stringinfo.h"

/* ----- node.c: a jsonb document as a tree that may be changed ----- */

typedef enum sf_node_kind
{
	SF_NODE_NULL,
	SF_NODE_BOOL,
	SF_NODE_NUMBER,
	SF_NODE_STRING,
	SF_NODE_ARRAY,
	SF_NODE_OBJECT
} sf_node_kind;

typedef struct sf_node
{
	sf_node_kind kind;
	char	   *key;			/* inside an object, else NULL */
	char	   *text;			/* string, number as written, "true" or "false" */
	struct sf_node *child;		/* first element of an array or object */
	struct sf_node *next;
	bool		used;			/* a setting that something refers to */
} sf_node;

extern sf_node *sf_node_from_jsonb(Jsonb *jb);
extern sf_node *sf_node_make(sf_node_kind kind, const char *key);
extern sf_node *sf_node_get(const sf_node *object, const char *key);
extern sf_node *sf_node_object(sf_node *object, const char *key);
extern void sf_node_put(sf_node *object, sf_node *member);
extern void sf_node_merge(sf_node *base, const sf_node *over);
extern const char *sf_node_scalar(const sf_node *node);
extern int	sf_node_length(const sf_node *node);

/* ----- template.c: {{name|filter:arg}} ----- */

typedef enum sf_escape
{
	SF_ESC_NONE,				/* as it is */
	SF_ESC_FORM,				/* %XX, blank as + */
	SF_ESC_PERCENT,				/* %XX, blank as %20 */
	SF_ESC_PATH,				/* the same, but the template's own text stays: URLs */
	SF_ESC_JSON,				/* inside a JSON string */
	SF_ESC_HEADER				/* as it is; control characters are refused */
} sf_escape;

typedef enum sf_var
{
	SF_VAR_NONE,				/* known, but this engine has no value for it */
	SF_VAR_TO,
	SF_VAR_FROM,
	SF_VAR_BODY,
	SF_VAR_REF,
	SF_VAR_REF_INT,
	SF_VAR_MESSAGE_ID,
	SF_VAR_TTL_S,
	SF_VAR_TTL_MIN,
	SF_VAR_TTL_MS,
	SF_VAR_EXPIRES_AT,
	SF_VAR_IS_UNICODE,
	SF_VAR_CALLBACK,
	SF_VAR_MEDIA,				/* the one at media_index */
	SF_VAR_ID,					/* the provider's id; lookups only */
	SF_VAR_SENT_AT,				/* when the text was handed over; lookups only */
	SF_VAR_CONST				/* settings and secrets: known at compile time */
} sf_var;

typedef enum sf_type
{
	SF_TYPE_TEXT,
	SF_TYPE_NUMBER,
	SF_TYPE_BOOL,
	SF_TYPE_TIME				/* seconds since 1970; reads as a number */
} sf_type;

typedef enum sf_filter_kind
{
	SF_FILTER_PLUS,
	SF_FILTER_DIGITS,
	SF_FILTER_NANP10,
	SF_FILTER_DIGITS_IF_PHONE,
	SF_FILTER_PLUS_IF_PHONE,
	SF_FILTER_ISO,
	SF_FILTER_STRFTIME,
	SF_FILTER_EPOCH,
	SF_FILTER_DATE,
	SF_FILTER_CONST,
	SF_FILTER_DEFAULT,
	SF_FILTER_IF,
	SF_FILTER_FIRST,
	SF_FILTER_UPPER,
	SF_FILTER_URLENCODE,
	SF_FILTER_IF_PREFIX,
	SF_FILTER_UNLESS_PREFIX,
	SF_FILTER_OR,
	SF_FILTER_MAX
} sf_filter_kind;

/* What a template may stand for while it is rendered or folded. */
typedef struct sf_operand
{
	sf_var		var;
	const char *constant;		/* SF_VAR_CONST: its value, "" when it has none */
	sf_type		type;			/* SF_VAR_CONST: as it was written */
	const char *missing;		/* name of a secret that is not at hand, or NULL */
} sf_operand;

typedef struct sf_filter
{
	sf_filter_kind kind;
	const char *arg;
	const char *arg2;			/* second half of if:A:B */
	sf_operand	operand;		/* of "or" */
} sf_filter;

typedef struct sf_part
{
	const char *text;			/* constant, escaped already; NULL: an expression */
	int			len;
	sf_operand	operand;
	int			nfilters;
	sf_filter  *filters;
} sf_part;

typedef struct sf_template
{
	int			nparts;
	sf_part    *parts;
	sf_escape	escape;
	bool		whole;			/* one expression and nothing else: keeps its type */
	bool		repeats;		/* {{media}}: once for each of them */
	sf_type		type;			/* of a constant that was one expression */
} sf_template;

/* The facts a request is rendered from. */
typedef struct sf_values
{
	const sf_outgoing *message;
	const sf_template *callback;
	const char *id;
	int64		sent_at;		/* s since 1970; 0: none */
	int			media_index;	/* which of them {{media}} stands for */
} sf_values;

/* What compilation needs to know everywhere. */
typedef struct sf_compiler
{
	const char *name;			/* for messages */
	sf_node    *description;	/* settings merged in */
	sf_node    *settings;
	sf_node    *secrets;
	bool		placeholder_secrets;	/* a missing secret reads as its own name */
	bool		required;		/* a constant without a value is an error */
	uint32		vars_used;		/* bit per sf_var */
} sf_compiler;

extern void sf_template_compile(sf_compiler *compiler, const char *where, const char *source,
								sf_escape escape, sf_template *out);
extern bool sf_template_append(StringInfo buf, const sf_template *t, const sf_values *values);
extern bool sf_template_is_constant(const sf_template *t);
extern char *sf_template_text(const sf_template *t, const sf_values *values);
/* The value of a whole template before escaping, with its type. */
extern const char *sf_template_value(const sf_template *t, const sf_values *values,
									 char *scratch, sf_type *type);

/* ----- filter.c ----- */

/* NULL, or a static text naming what is wrong. */
extern const char *sf_filter_compile(const char *name, const char *arg, sf_filter *filter);
extern const char *sf_filters_apply(const sf_part *part, const char *value, sf_type *type,
									const sf_values *values);
extern const char *sf_operand_value(const sf_operand *operand, const sf_values *values,
									char *scratch, sf_type *type);
#define SF_SCRATCH_SIZE 32		/* an int64 in decimal */

/* ----- escape.c ----- */

extern void sf_escape_append(StringInfo buf, const char *text, int len, sf_escape escape);
extern bool sf_has_control(const char *text);

/* ----- endpoint.c: one HTTP request ----- */

typedef enum sf_encoding_kind
{
	SF_ENC_FORM,
	SF_ENC_JSON,
	SF_ENC_QUERY
} sf_encoding_kind;

/* A field of a form or query, or a node of a JSON body. */
typedef struct sf_body
{
	enum
	{
		SF_BODY_LEAF,
		SF_BODY_OBJECT,
		SF_BODY_ARRAY
	}			kind;
	const char *prefix;			/* "key=" or "\"key\":", escaped; "" in arrays */
	int			prefix_len;
	bool		fixed;			/* prefix holds the value too */
	sf_template leaf;
	struct sf_body *child;
	struct sf_body *next;
} sf_body;

typedef struct sf_endpoint
{
	const char *method;
	sf_template url;
	bool		url_has_query;	/* the URL itself holds a ? */
	sf_body    *query;			/* fields that go into the URL */
	sf_body    *body;			/* an object, or a list of form fields */
	sf_encoding_kind encoding;
	const char *userpwd;
	int			nheaders;
	const char **header_names;
	sf_template *header_values;
	const sf_http_header *constant_headers; /* all of them, when none varies */
} sf_endpoint;

extern sf_endpoint *sf_endpoint_compile(sf_compiler *compiler, const char *part, sf_node *node,
										bool allow_insecure_http);
extern void sf_endpoint_render(const sf_endpoint *endpoint, const sf_values *values,
							   sf_http_request *request);

/* ----- url.c ----- */

/* NULL, or a static text naming what is wrong with the fixed start of a URL. */
extern const char *sf_url_check(const char *start, bool complete, bool allow_insecure_http);
/* The same for any other fixed piece of a URL. */
extern const char *sf_url_check_text(const char *text);

/* ----- json.c: reading foreign JSON without being thrown off ----- */

typedef struct sf_path
{
	int			nsteps;			/* 0: the document itself */
	const char **steps;
	int		   *indexes;		/* of an array; -1: not a number, -2: every element */
} sf_path;

/* Paths tried in order; or a text made of several. */
typedef struct sf_field
{
	int			nchoices;
	struct sf_choice
	{
		int			npieces;	/* 1: the path alone */
		sf_path    *paths;		/* steps NULL: a literal */
		const char **literals;
	}		   *choices;
} sf_field;

/* NULL when the bytes are no JSON document. */
extern Jsonb *sf_json_parse(const char *body, size_t len);
/* Server encoding; NULL when the bytes are no UTF-8 text. */
extern char *sf_text_import(const char *body, size_t len);
extern void sf_path_compile(const char *source, sf_path *path);
extern bool sf_path_get(JsonbContainer *root, const sf_path *path, JsonbValue *value);
extern char *sf_json_scalar(const JsonbValue *value);
extern void sf_field_compile(sf_compiler *compiler, const char *where, const sf_node *node,
							 sf_field *field);
/* NULL when nothing is there, or only an empty text. */
extern char *sf_field_get(JsonbContainer *root, const sf_field *field);
/* Runs work(arg); false when it failed on its data.  Anything else is thrown on. */
extern bool sf_guarded(void (*work) (void *), void *arg);

/* ----- match.c: conditions and classes ----- */

typedef struct sf_condition
{
	enum
	{
		SF_COND_HAS,
		SF_COND_IN
	}			kind;
	sf_path		path;
	int			nvalues;
	const char **values;
} sf_condition;

typedef struct sf_when
{
	int			nconditions;	/* all must hold; 0: always */
	sf_condition *conditions;
} sf_when;

typedef enum sf_class
{
	SF_CLASS_NONE,
	SF_CLASS_RATE_LIMITED,
	SF_CLASS_TRANSIENT,
	SF_CLASS_AMBIGUOUS,
	SF_CLASS_AUTH,
	SF_CLASS_FUNDS,
	SF_CLASS_OPTED_OUT,
	SF_CLASS_BAD_RECIPIENT,
	SF_CLASS_BLOCKED,
	SF_CLASS_SENDER_CONFIG,
	SF_CLASS_CONTENT,
	SF_CLASS_PERMANENT
} sf_class;

typedef struct sf_strings
{
	int			n;
	const char **items;
} sf_strings;

typedef struct sf_rule
{
	sf_class	as;
	sf_strings	code;
	sf_strings	prefix;
	sf_strings	suffix;
	int			nhttp;
	int		   *http;
} sf_rule;

typedef struct sf_rules
{
	int			n;
	sf_rule    *items;
} sf_rules;

/* A provider's word and ours. */
typedef struct sf_mapping
{
	const char *word;
	const char *status;			/* static; NULL: says nothing */
	sf_class	reason;			/* the word named a class, else NONE */
} sf_mapping;

typedef struct sf_status_map
{
	int			n;
	sf_mapping *items;
} sf_status_map;

extern void sf_strings_compile(sf_compiler *compiler, const char *where, const sf_node *node,
							   sf_strings *out);
extern void sf_http_list_compile(sf_compiler *compiler, const char *where, const sf_node *node,
								 int *n, int **list);
extern void sf_when_compile(sf_compiler *compiler, const char *where, const sf_node *node,
							sf_when *when);
extern bool sf_when_holds(JsonbContainer *root, const sf_when *when);
extern void sf_rules_compile(sf_compiler *compiler, const char *where, const sf_node *node,
							 sf_rules *rules);
/* code may be NULL; http 0: not an HTTP answer. */
extern sf_class sf_rules_classify(const sf_rules *rules, const char *code, int http);
extern const char *sf_class_name(sf_class class);
extern void sf_status_map_compile(sf_compiler *compiler, const sf_node *node, sf_status_map *map);
extern const sf_mapping *sf_status_map_find(const sf_status_map *map, const char *word);

/* ----- reader.c: what is taken from an answer ----- */

typedef struct sf_regex
{
	text	   *source;			/* NULL: none */
} sf_regex;

typedef struct sf_reader
{
	bool		is_text;
	bool		reads_body;		/* something of the body decides the outcome */
	bool		id_required;
	int			nok;
	int		   *ok_http;
	sf_when		ok_when;
	sf_field	id;
	sf_field	status;
	sf_field	segments;
	sf_field	cost;
	sf_field	currency;
	sf_field	error_code;
	sf_field	error_text;
	sf_regex	ok_regex;
	sf_regex	id_regex;
	sf_regex	error_code_regex;
	sf_regex	error_text_regex;
} sf_reader;

/* What was found; NULL or 0 where nothing was. */
typedef struct sf_reading
{
	bool		parsed;
	bool		ok;				/* ok_when or ok_regex holds */
	char	   *id;
	char	   *status;			/* the provider's word */
	int			segments;
	char	   *cost;
	char	   *currency;
	char	   *error_code;
	char	   *error_text;		/* raw: redact before use */
} sf_reading;

extern void sf_reader_compile(sf_compiler *compiler, const char *part, const sf_node *node,
							  sf_reader *reader);
extern void sf_reader_read(const sf_reader *reader, const char *body, size_t len,
						   sf_reading *reading);
extern void sf_reader_read_json(const sf_reader *reader, JsonbContainer *root,
								sf_reading *reading);
extern void sf_regex_compile(sf_compiler *compiler, const char *where, const sf_node *node,
							 sf_regex *regex);
/* First capture, or the whole match; NULL when it does not match. */
extern char *sf_regex_match(const sf_regex *regex, const char *body, size_t len);
extern int	sf_parse_segments(const char *text);
extern char *sf_parse_cost(const char *text);

/* ----- retry.c, dates.c ----- */

typedef struct sf_retry_rule
{
	const char *header;			/* lower case, or NULL */
	sf_regex	body;
	bool		milliseconds;
} sf_retry_rule;

typedef struct sf_retry_rules
{
	int			n;
	sf_retry_rule *items;
} sf_retry_rules;

extern void sf_retry_compile(sf_compiler *compiler, const sf_node *node, sf_retry_rules *rules);
extern int64 sf_retry_after(const sf_retry_rules *rules, const sf_http_response *response);
/* Seconds since 1970 of an HTTP, mail or ISO 8601 date; false for anything else. */
extern bool sf_parse_time(const char *text, int64 *epoch);

/* ----- redact.c ----- */

extern void sf_redact_compile(sf_compiler *compiler, const char *userpwd, sf_strings *secrets);
extern char *sf_redact(const sf_strings *secrets, const char *text);

/* ----- lookup.c ----- */

typedef struct sf_lookup
{
	sf_endpoint *endpoint;
	sf_reader	reader;
	sf_path		each;			/* lookup: the list of texts */
	sf_field	to;
	sf_field	body;
	sf_field	time;
	sf_field	next_page;
} sf_lookup;

extern sf_lookup *sf_lookup_compile(sf_compiler *compiler, const char *part, sf_node *node,
									bool allow_insecure_http);

/* ----- event.c ----- */

typedef struct sf_event_rule sf_event_rule;

extern void sf_events_compile(sf_compiler *compiler, const sf_node *node, sf_provider *provider);

/* ----- compile.c ----- */

struct sf_provider
{
	MemoryContext context;
	const char *name;
	bool		sandbox;
	int			sandbox_delay_ms;
	sf_template *callback;		/* NULL: none */
	sf_endpoint *send;
	bool		send_complete;	/* it carries the recipient and the body */
	int			max_media;		/* that it carries; 0: none */
	sf_reader	response;
	sf_rules	classify;
	sf_rules	dlr_classify;
	sf_status_map status_map;
	sf_retry_rules retry;
	sf_lookup  *fetch;			/* by id, or NULL */
	sf_lookup  *lookup;			/* by recipient, or NULL */
	bool		id_is_ref;
	int			nevents;
	sf_event_rule *events;
	sf_strings	secrets;		/* texts that must not appear anywhere */
};

#define SF_COMPILE_PLACEHOLDERS 1	/* secrets are not at hand */
#define SF_COMPILE_EVENTS_ONLY 2	/* only callbacks will be read */

extern sf_provider *sf_provider_compile_flags(MemoryContext context, const char *name,
											  Jsonb *description, Jsonb *settings, Jsonb *secrets,
											  bool allow_insecure_http, int flags);
SF_NORETURN extern void sf_compile_error(const sf_compiler *compiler, const char *where,
										 const char *problem, const char *hint);

#define SF_IN_REQUEST 1
#define SF_IN_AUTH 2
#define SF_IN_ANSWER 4
#define SF_IN_LIST 8
#define SF_IN_MATCH 16
#define SF_IN_WEBHOOK 32
extern void sf_check_members(sf_compiler *compiler, const char *part, const sf_node *node,
							 int where);

/* ----- outcome.c ----- */

extern void sf_outcome_init(sf_outcome *outcome);
extern void sf_outcome_set_class(sf_outcome *outcome, sf_class class);

#endif							/* SF_PROVIDER_INTERNAL_H */
