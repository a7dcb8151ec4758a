/*-------------------------------------------------------------------------
 *
 * event.c
 *		From a callback payload to events.
 *
 * The web front hands a payload over as jsonb: a JSON body as it came, a form
 * or query as an object of texts.  Rules are tried in order for every element
 * of the payload; one payload may hold many events.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#define MAX_EVENTS 1000			/* of one payload */
#define MAX_MEDIA 32			/* of one inbound text */

struct sf_event_rule
{
	const char *type;			/* receipt, inbound, opt, subscribe */
	sf_when		when;
	bool		has_each;
	sf_path		each;
	bool		has_unwrap;
	sf_path		unwrap;			/* a text that holds JSON itself */
	sf_field	id;
	sf_field	provider_id;
	sf_field	ref;
	sf_field	status;
	sf_field	error_code;
	sf_field	permanent;
	sf_field	segments;
	sf_field	cost;
	sf_field	currency;
	sf_field	from;
	sf_field	to;
	sf_field	body;
	sf_field	at;
	sf_field	event_id;
	sf_field	in_reply_to;
	bool		has_media;
	sf_path		media;
	sf_field	media_count;
	const char *media_name;		/* "MediaUrl{i}" */
	sf_field	concat_ref;
	sf_field	concat_part;
	sf_field	concat_total;
	sf_field	opt_field;
	const sf_node *opt_map;		/* word -> out, in, help */
	const sf_node *opt_flags;	/* path -> out, in, help */
	const char *opt_const;
};

/* ----- compiling ----- */

/* Our word for the kinds of callbacks. */
static const char *
event_type(sf_compiler *compiler, const char *word)
{
	static const char *const table[][2] = {
		{"dlr", "receipt"}, {"receipt", "receipt"}, {"inbound", "inbound"},
		{"opt", "opt"}, {"subscribe", "subscribe"}
	};

	for (int i = 0; word != NULL && i < lengthof(table); i++)
	{
		if (strcmp(table[i][0], word) == 0)
			return table[i][1];
	}
	sf_compile_error(compiler, "webhooks.event", "must be dlr, inbound, opt or subscribe", NULL);
}

/* What a recipient may have said: out, in or help. */
static void
check_opt_word(sf_compiler *compiler, const char *word)
{
	if (word == NULL || (strcmp(word, "out") != 0 && strcmp(word, "in") != 0 &&
						 strcmp(word, "help") != 0))
		sf_compile_error(compiler, "webhooks.opt", "must lead to out, in or help", NULL);
}

/* All values of node must be such words. */
static void
check_opt_words(sf_compiler *compiler, const sf_node *node)
{
	for (const sf_node *n = node ? node->child : NULL; n != NULL; n = n->next)
		check_opt_word(compiler, sf_node_scalar(n));
}

/* One rule of "webhooks". */
static void
compile_rule(sf_compiler *compiler, const sf_node *node, sf_event_rule *rule)
{
	const char *each = sf_node_scalar(sf_node_get(node, "each"));
	const char *unwrap = sf_node_scalar(sf_node_get(node, "unwrap_json"));
	const char *media = sf_node_scalar(sf_node_get(node, "media"));
	const sf_node *indexed = sf_node_get(node, "media_indexed");
	const sf_node *concat = sf_node_get(node, "concat");
	const sf_node *opt = sf_node_get(node, "opt");

#define FIELD(member, from, key) \
	sf_field_compile(compiler, "webhooks." key, sf_node_get(from, key), &rule->member)

	sf_check_members(compiler, "webhooks", node, SF_IN_WEBHOOK);
	rule->type = event_type(compiler, sf_node_scalar(sf_node_get(node, "event")));
	sf_when_compile(compiler, "webhooks.when", sf_node_get(node, "when"), &rule->when);
	rule->has_each = each != NULL;
	if (each != NULL)
		sf_path_compile(each, &rule->each);
	rule->has_unwrap = unwrap != NULL;
	if (unwrap != NULL)
		sf_path_compile(unwrap, &rule->unwrap);

	FIELD(id, node, "id");
	FIELD(provider_id, node, "provider_id");
	FIELD(ref, node, "ref");
	FIELD(status, node, "status");
	FIELD(error_code, node, "error_code");
	FIELD(permanent, node, "permanent");
	FIELD(segments, node, "segments");
	FIELD(cost, node, "cost");
	FIELD(currency, node, "currency");
	FIELD(from, node, "from");
	FIELD(to, node, "to");
	FIELD(body, node, "body");
	FIELD(at, node, "at");
	FIELD(event_id, node, "event_id");
	FIELD(in_reply_to, node, "in_reply_to");
	FIELD(concat_ref, concat, "ref");
	FIELD(concat_part, concat, "part");
	FIELD(concat_total, concat, "total");
	FIELD(media_count, indexed, "count");
	FIELD(opt_field, opt, "path");
#undef FIELD

	rule->has_media = media != NULL;
	if (media != NULL)
		sf_path_compile(media, &rule->media);
	rule->media_name = sf_node_scalar(sf_node_get(indexed, "url"));
	if (rule->media_name != NULL && strstr(rule->media_name, "{i}") == NULL)
		sf_compile_error(compiler, "webhooks.media_indexed.url", "must contain {i}", NULL);
	rule->opt_map = sf_node_get(opt, "map");
	rule->opt_flags = sf_node_get(opt, "flags");
	rule->opt_const = sf_node_scalar(sf_node_get(opt, "const"));
	check_opt_words(compiler, rule->opt_map);
	check_opt_words(compiler, rule->opt_flags);
	if (rule->opt_const != NULL)
		check_opt_word(compiler, rule->opt_const);
}

/* Compiles the part "webhooks" into provider. */
void
sf_events_compile(sf_compiler *compiler, const sf_node *node, sf_provider *provider)
{
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	if (node->kind != SF_NODE_ARRAY)
		sf_compile_error(compiler, "webhooks", "must be an array of objects", NULL);
	provider->events = palloc0(sizeof(sf_event_rule) * Max(sf_node_length(node), 1));
	for (const sf_node *n = node->child; n != NULL; n = n->next)
		compile_rule(compiler, n, &provider->events[provider->nevents++]);
}

/* ----- reading ----- */

/* out, in or help when the payload says that the recipient said so; else NULL. */
static const char *
read_opt(const sf_event_rule *rule, JsonbContainer *root)
{
	const char *word = sf_field_get(root, &rule->opt_field);

	if (rule->opt_const != NULL)
		return rule->opt_const;
	if (word != NULL && sf_node_get(rule->opt_map, word) != NULL)
		return sf_node_scalar(sf_node_get(rule->opt_map, word));
	for (const sf_node *n = rule->opt_flags ? rule->opt_flags->child : NULL; n != NULL; n = n->next)
	{
		sf_path		path;
		JsonbValue	value;

		sf_path_compile(n->key, &path);
		if (sf_path_get(root, &path, &value) && value.type == jbvBool && value.val.boolean)
			return sf_node_scalar(n);
	}
	return NULL;
}

/* Adds value, or what is in it, to the list of addresses. */
static List *
add_media(List *list, const JsonbValue *value)
{
	char	   *text = sf_json_scalar(value);

	if (text != NULL && list_length(list) < MAX_MEDIA)
		return lappend(list, text);
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		int			n = JsonContainerSize(value->val.binary.data);

		for (int i = 0; i < Min(n, MAX_MEDIA); i++)
		{
			JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, i);

			if (element != NULL && element->type != jbvBinary)
				list = add_media(list, element);
		}
	}
	return list;
}

/* Follows a path in which one step may be "*". */
static List *
read_media_path(const sf_path *path, JsonbContainer *root)
{
	JsonbValue	value;
	List	   *list = NIL;
	int			star = 0;
	sf_path		head = *path;
	sf_path		tail = *path;

	while (star < path->nsteps && path->indexes[star] != -2)
		star++;
	if (star == path->nsteps)
		return sf_path_get(root, path, &value) ? add_media(NIL, &value) : NIL;

	head.nsteps = star;
	tail.nsteps = path->nsteps - star - 1;
	tail.steps += star + 1;
	tail.indexes += star + 1;
	if (!sf_path_get(root, &head, &value) || value.type != jbvBinary ||
		!JsonContainerIsArray(value.val.binary.data))
		return NIL;
	for (int i = 0; i < Min((int) JsonContainerSize(value.val.binary.data), MAX_MEDIA); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(value.val.binary.data, i);

		if (element == NULL)
			break;
		if (tail.nsteps == 0)
			list = add_media(list, element);
		else if (element->type == jbvBinary)
		{
			JsonbValue	inner;

			if (sf_path_get(element->val.binary.data, &tail, &inner))
				list = add_media(list, &inner);
		}
	}
	return list;
}

/* Addresses of pictures, whichever way the provider lists them. */
static List *
read_media(const sf_event_rule *rule, JsonbContainer *root)
{
	List	   *list = NIL;
	const char *hole = rule->media_name ? strstr(rule->media_name, "{i}") : NULL;
	const char *count = sf_field_get(root, &rule->media_count);
	int			n = count ? Min(sf_parse_segments(count), MAX_MEDIA) : MAX_MEDIA;

	if (rule->has_media)
		return read_media_path(&rule->media, root);
	for (int i = 0; hole != NULL && i < n; i++)
	{
		sf_path		path;
		JsonbValue	value;

		sf_path_compile(psprintf("%.*s%d%s", (int) (hole - rule->media_name), rule->media_name,
								 i, hole + 3), &path);
		if (sf_path_get(root, &path, &value))
			list = add_media(list, &value);
	}
	return list;
}

/* The reason why a text was not delivered, when the payload tells one. */
static const char *
read_reason(const sf_provider *provider, const sf_event_rule *rule, const sf_mapping *mapping,
			const sf_event *event, JsonbContainer *root)
{
	const char *status = event->status;
	const char *permanent;
	sf_class	class;

	if (status != NULL && strcmp(status, "undelivered") != 0 && strcmp(status, "failed") != 0 &&
		strcmp(status, "expired") != 0)
		return NULL;
	class = sf_rules_classify(&provider->dlr_classify, event->error_code, 0);
	if (class == SF_CLASS_NONE && mapping != NULL)
		class = mapping->reason;
	if (class == SF_CLASS_NONE && status != NULL)
	{
		permanent = sf_field_get(root, &rule->permanent);
		if (permanent != NULL)
			class = strcmp(permanent, "true") == 0 ? SF_CLASS_PERMANENT : SF_CLASS_TRANSIENT;
	}
	return sf_class_name(class);
}

/* Fills event from one element of the payload. */
static void
read_event(const sf_provider *provider, const sf_event_rule *rule, JsonbContainer *root,
		   sf_event *event)
{
	const sf_mapping *mapping;

	memset(event, 0, sizeof(*event));
	event->type = unconstify(char *, rule->type);
	event->provider_message_id = sf_field_get(root, &rule->id);
	event->ref = sf_field_get(root, &rule->ref);
	if (provider->id_is_ref && event->ref == NULL && strcmp(rule->type, "receipt") == 0)
		event->ref = event->provider_message_id;
	event->provider_status = sf_field_get(root, &rule->status);
	mapping = sf_status_map_find(&provider->status_map, event->provider_status);
	if (mapping != NULL)
		event->status = unconstify(char *, mapping->status);
	event->error_code = sf_field_get(root, &rule->error_code);
	event->reason = unconstify(char *, read_reason(provider, rule, mapping, event, root));
	event->segments = sf_parse_segments(sf_field_get(root, &rule->segments));
	event->cost = sf_parse_cost(sf_field_get(root, &rule->cost));
	event->currency = sf_field_get(root, &rule->currency);
	event->from = sf_field_get(root, &rule->from);
	event->to = sf_field_get(root, &rule->to);
	event->body = sf_field_get(root, &rule->body);
	if (event->body == NULL && strcmp(rule->type, "inbound") == 0)
		event->body = pstrdup("");
	event->occurred_at = sf_field_get(root, &rule->at);
	event->event_id = sf_field_get(root, &rule->event_id);
	event->in_reply_to = sf_field_get(root, &rule->in_reply_to);
	event->opt = unconstify(char *, read_opt(rule, root));
	event->media = read_media(rule, root);
	event->concat_ref = sf_field_get(root, &rule->concat_ref);
	event->concat_part = sf_parse_segments(sf_field_get(root, &rule->concat_part));
	event->concat_total = sf_parse_segments(sf_field_get(root, &rule->concat_total));
}

/* Applies rule to one element; true when it fits. */
static bool
try_element(const sf_provider *provider, const sf_event_rule *rule, JsonbContainer *element,
			List **seen, List **events)
{
	sf_event   *event;

	if (!JsonContainerIsObject(element) || list_member_ptr(*seen, element) ||
		list_length(*events) >= MAX_EVENTS || !sf_when_holds(element, &rule->when))
		return false;
	event = palloc(sizeof(sf_event));
	read_event(provider, rule, element, event);
	*seen = lappend(*seen, element);
	*events = lappend(*events, event);
	return true;
}

/* The container that a rule looks at; NULL when the payload lacks it. */
static JsonbContainer *
rule_root(const sf_event_rule *rule, JsonbContainer *payload)
{
	JsonbValue	value;
	Jsonb	   *inner;
	const char *text;

	if (!rule->has_unwrap)
		return payload;
	if (!sf_path_get(payload, &rule->unwrap, &value))
		return NULL;
	text = sf_json_scalar(&value);
	inner = text ? sf_json_parse(text, strlen(text)) : NULL;
	return inner ? &inner->root : NULL;
}

/*
 * All events of a payload, at most MAX_EVENTS, in the order of the rules; an
 * empty list when no rule fits.  Everything is palloc'd in the current
 * context.
 */
List *
sf_provider_events(const sf_provider *provider, Jsonb *payload)
{
	List	   *events = NIL;
	List	   *seen = NIL;

	for (int i = 0; i < provider->nevents; i++)
	{
		const sf_event_rule *rule = &provider->events[i];
		JsonbContainer *root = rule_root(rule, &payload->root);
		JsonbValue	value;
		JsonbContainer *list;

		if (root == NULL)
			continue;
		if (!rule->has_each)
		{
			if (try_element(provider, rule, root, &seen, &events))
				break;
			continue;
		}
		if (!sf_path_get(root, &rule->each, &value) || value.type != jbvBinary)
			continue;
		list = value.val.binary.data;
		if (JsonContainerIsObject(list))
			try_element(provider, rule, list, &seen, &events);
		else if (JsonContainerIsArray(list) && !JsonContainerIsScalar(list))
		{
			for (int j = 0; j < Min((int) JsonContainerSize(list), MAX_EVENTS); j++)
			{
				JsonbValue *element = getIthJsonbValueFromContainer(list, j);

				if (element != NULL && element->type == jbvBinary)
					try_element(provider, rule, element->val.binary.data, &seen, &events);
			}
		}
	}
	return events;
}

/* The first event of a payload; false when no rule fits. */
bool
sf_provider_event(const sf_provider *provider, Jsonb *payload, sf_event *event)
{
	List	   *events = sf_provider_events(provider, payload);

	if (events == NIL)
		return false;
	*event = *(sf_event *) linitial(events);
	return true;
}
