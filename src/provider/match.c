/*-------------------------------------------------------------------------
 *
 * match.c
 *		Conditions on a document, classes of errors, and status words.
 *
 * Rules are tried in the order in which the description lists them; the
 * first that fits wins.  After them come the HTTP defaults, which are the
 * same for every provider.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "mb/pg_wchar.h"

static const struct
{
	const char *name;
	sf_class	class;
}			class_table[] =
{
	{"rate_limited", SF_CLASS_RATE_LIMITED},
	{"transient", SF_CLASS_TRANSIENT},
	{"ambiguous", SF_CLASS_AMBIGUOUS},
	{"auth", SF_CLASS_AUTH},
	{"funds", SF_CLASS_FUNDS},
	{"opted_out", SF_CLASS_OPTED_OUT},
	{"bad_recipient", SF_CLASS_BAD_RECIPIENT},
	{"blocked", SF_CLASS_BLOCKED},
	{"sender_config", SF_CLASS_SENDER_CONFIG},
	{"content", SF_CLASS_CONTENT},
	{"permanent", SF_CLASS_PERMANENT}
};

/* The class called name, or NONE. */
static sf_class
class_find(const char *name)
{
	for (int i = 0; i < lengthof(class_table); i++)
	{
		if (strcmp(class_table[i].name, name) == 0)
			return class_table[i].class;
	}
	return SF_CLASS_NONE;
}

/* The static name of a class; NULL for NONE. */
const char *
sf_class_name(sf_class class)
{
	for (int i = 0; i < lengthof(class_table); i++)
	{
		if (class_table[i].class == class)
			return class_table[i].name;
	}
	return NULL;
}

/* A scalar or an array of scalars as texts; none when node is NULL or null. */
void
sf_strings_compile(sf_compiler *compiler, const char *where, const sf_node *node,
				   sf_strings *out)
{
	out->n = 0;
	out->items = NULL;
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	out->items = palloc(sizeof(char *) * Max(sf_node_length(node), 1));
	if (node->kind == SF_NODE_OBJECT)
		sf_compile_error(compiler, where, "must be a text or an array of texts", NULL);
	if (node->kind != SF_NODE_ARRAY)
	{
		out->items[out->n++] = node->text;
		return;
	}
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		if (n->text == NULL)
			sf_compile_error(compiler, where, "must be a text or an array of texts", NULL);
		out->items[out->n++] = n->text;
	}
}

/* A list of HTTP statuses, 100 to 599. */
void
sf_http_list_compile(sf_compiler *compiler, const char *where, const sf_node *node,
					 int *n, int **list)
{
	sf_strings	texts;

	sf_strings_compile(compiler, where, node, &texts);
	*n = texts.n;
	*list = palloc(sizeof(int) * Max(texts.n, 1));
	for (int i = 0; i < texts.n; i++)
	{
		if (strlen(texts.items[i]) != 3 || strspn(texts.items[i], "0123456789") != 3 ||
			texts.items[i][0] < '1' || texts.items[i][0] > '5')
			sf_compile_error(compiler, where, "must list HTTP statuses from 100 to 599", NULL);
		(*list)[i] = atoi(texts.items[i]);
	}
}

/* {"has": path}, {"eq": [path, value]}, {"in": [path, [values]]}; all must hold. */
void
sf_when_compile(sf_compiler *compiler, const char *where, const sf_node *node, sf_when *when)
{
	memset(when, 0, sizeof(*when));
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	if (node->kind != SF_NODE_OBJECT)
		sf_compile_error(compiler, where, "must be an object", NULL);
	when->conditions = palloc0(sizeof(sf_condition) * Max(sf_node_length(node), 1));
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		sf_condition *c = &when->conditions[when->nconditions++];
		bool		is_in = strcmp(n->key, "in") == 0;

		if (strcmp(n->key, "has") == 0 && n->kind == SF_NODE_STRING)
		{
			c->kind = SF_COND_HAS;
			sf_path_compile(n->text, &c->path);
		}
		else if ((is_in || strcmp(n->key, "eq") == 0) && n->kind == SF_NODE_ARRAY &&
				 sf_node_length(n) == 2 && n->child->kind == SF_NODE_STRING &&
				 is_in == (n->child->next->kind == SF_NODE_ARRAY))
		{
			sf_strings	values;

			sf_strings_compile(compiler, where, n->child->next, &values);
			c->kind = SF_COND_IN;
			c->nvalues = values.n;
			c->values = values.items;
			sf_path_compile(n->child->text, &c->path);
		}
		else
			sf_compile_error(compiler, where, psprintf("\"%s\" is not a condition", n->key),
							 "Conditions are {\"has\": path}, {\"eq\": [path, value]} and "
							 "{\"in\": [path, [values]]}.");
	}
}

/* True when all conditions hold for the document at root. */
bool
sf_when_holds(JsonbContainer *root, const sf_when *when)
{
	for (int i = 0; i < when->nconditions; i++)
	{
		const sf_condition *c = &when->conditions[i];
		JsonbValue	value;
		char	   *text;
		bool		found = false;

		if (!sf_path_get(root, &c->path, &value) || value.type == jbvNull)
			return false;
		if (c->kind == SF_COND_HAS)
			continue;
		text = sf_json_scalar(&value);
		for (int j = 0; j < c->nvalues && text != NULL && !found; j++)
			found = strcmp(text, c->values[j]) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* [{"code": [...], "code_prefix": [...], "code_suffix": [...], "http": [...], "as": class}] */
void
sf_rules_compile(sf_compiler *compiler, const char *where, const sf_node *node, sf_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	if (node->kind != SF_NODE_ARRAY)
		sf_compile_error(compiler, where, "must be an array of rules", NULL);
	rules->items = palloc0(sizeof(sf_rule) * Max(sf_node_length(node), 1));
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		sf_rule    *rule = &rules->items[rules->n++];
		const char *as = sf_node_scalar(sf_node_get(n, "as"));

		rule->as = as ? class_find(as) : SF_CLASS_NONE;
		if (rule->as == SF_CLASS_NONE)
			sf_compile_error(compiler, where, "a rule has no class that we know in \"as\"",
							 "Classes are rate_limited, transient, ambiguous, auth, funds, "
							 "opted_out, bad_recipient, blocked, sender_config, content and permanent.");
		for (const sf_node *k = n->child; k != NULL; k = k->next)
		{
			if (strcmp(k->key, "code") == 0)
				sf_strings_compile(compiler, where, k, &rule->code);
			else if (strcmp(k->key, "code_prefix") == 0)
				sf_strings_compile(compiler, where, k, &rule->prefix);
			else if (strcmp(k->key, "code_suffix") == 0)
				sf_strings_compile(compiler, where, k, &rule->suffix);
			else if (strcmp(k->key, "http") == 0)
				sf_http_list_compile(compiler, where, k, &rule->nhttp, &rule->http);
			else if (strcmp(k->key, "as") != 0)
				sf_compile_error(compiler, where, psprintf("\"%s\" is not part of a rule", k->key),
								 "A rule has code, code_prefix, code_suffix, http and as.");
		}
		if (rule->code.n + rule->prefix.n + rule->suffix.n + rule->nhttp == 0)
			sf_compile_error(compiler, where, "a rule has nothing to compare", NULL);
	}
}

/* True when one of the lists that the rule has for the code holds it. */
static bool
rule_fits_code(const sf_rule *rule, const char *code)
{
	size_t		len = strlen(code);

	for (int i = 0; i < rule->code.n; i++)
	{
		if (strcmp(rule->code.items[i], code) == 0)
			return true;
	}
	for (int i = 0; i < rule->prefix.n; i++)
	{
		if (strncmp(rule->prefix.items[i], code, strlen(rule->prefix.items[i])) == 0)
			return true;
	}
	for (int i = 0; i < rule->suffix.n; i++)
	{
		size_t		suffix = strlen(rule->suffix.items[i]);

		if (suffix <= len && strcmp(rule->suffix.items[i], code + len - suffix) == 0)
			return true;
	}
	return false;
}

/* The class of the first rule that fits, or NONE. */
sf_class
sf_rules_classify(const sf_rules *rules, const char *code, int http)
{
	for (int i = 0; i < rules->n; i++)
	{
		const sf_rule *rule = &rules->items[i];
		bool		fits = rule->nhttp == 0;

		for (int j = 0; j < rule->nhttp && !fits; j++)
			fits = rule->http[j] == http;
		if (fits && rule->code.n + rule->prefix.n + rule->suffix.n > 0)
			fits = code != NULL && rule_fits_code(rule, code);
		if (fits)
			return rule->as;
	}
	return SF_CLASS_NONE;
}

/* Our word for a word of the status map; false when it is none. */
static bool
status_find(const char *word, const char **status)
{
	static const char *const table[][2] = {
		{"accepted", "accepted"}, {"scheduled", "accepted"}, {"sent", "sent"},
		{"delivered", "delivered"}, {"read", "read"}, {"undelivered", "undelivered"},
		{"failed", "failed"}, {"expired", "expired"}, {"cancelled", "cancelled"},
		{"canceled", "cancelled"}, {"unknown", NULL}
	};

	for (int i = 0; i < lengthof(table); i++)
	{
		if (strcmp(table[i][0], word) == 0)
		{
			*status = table[i][1];
			return true;
		}
	}
	return false;
}

/*
 * {"provider's word": "our word"}.  Our word is a state, "unknown", or a
 * class of errors: then the text was not delivered, for that reason.
 */
void
sf_status_map_compile(sf_compiler *compiler, const sf_node *node, sf_status_map *map)
{
	memset(map, 0, sizeof(*map));
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	if (node->kind != SF_NODE_OBJECT)
		sf_compile_error(compiler, "status_map", "must be an object", NULL);
	map->items = palloc0(sizeof(sf_mapping) * Max(sf_node_length(node), 1));
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		sf_mapping *m = &map->items[map->n++];
		const char *target = sf_node_scalar(n);

		m->word = n->key;
		if (target != NULL && status_find(target, &m->status))
			continue;
		m->status = "undelivered";
		m->reason = target ? class_find(target) : SF_CLASS_NONE;
		if (m->reason == SF_CLASS_NONE)
			sf_compile_error(compiler, psprintf("status_map.%s", n->key),
							 "is neither a state nor a class of errors",
							 "States are accepted, scheduled, sent, delivered, read, undelivered, "
							 "failed, expired, cancelled and unknown.");
	}
}

/* The mapping of a provider's word, letter case included; NULL when there is none. */
const sf_mapping *
sf_status_map_find(const sf_status_map *map, const char *word)
{
	for (int i = 0; word != NULL && i < map->n; i++)
	{
		if (strcmp(map->items[i].word, word) == 0)
			return &map->items[i];
	}
	return NULL;
}
