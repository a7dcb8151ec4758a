/*-------------------------------------------------------------------------
 *
 * compile.c
 *		From a description, settings and secrets to an sf_provider.
 *
 * Settings are laid over the kind's description, so that an installation can
 * name another host, add a field or teach a new error code without a kind of
 * its own.  Everything that can be wrong is found here, so that a description
 * which compiled does not fail later for reasons of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "utils/memutils.h"

/* Parts of a description; a setting of the same name is laid over it. */
static const char *const parts[] = {
	"engine", "base_url", "auth", "send", "response", "classify", "dlr_classify", "status_map",
	"retry_after", "lookup", "fetch", "webhooks", "verify", "limits", "poll", "cancel", "media"
};

/* Settings that are short for something inside a part. */
static const struct
{
	const char *name;
	const char *part;
	const char *member;
}			shorthands[] =
{
	{"url", "send", "url"},
	{"method", "send", "method"},
	{"encoding", "send", "encoding"},
	{"headers", "send", "headers"},
	{"fields", "send", "body"},
	{"content_type", "send", "content_type"},
	{"ok_http", "response", "ok_http"}
};

/* Settings with a meaning of their own, whether a template names them or not. */
static const char *const plain_settings[] = {"callback_url", "delay_ms"};

/* Raises the error that something in the description cannot work. */
void
sf_compile_error(const sf_compiler *compiler, const char *where, const char *problem,
				 const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("provider \"%s\": %s: %s", compiler->name, where, problem),
			 errhint("%s", hint ? hint : "src/provider/README.md explains the members of a description.")));
}

/* True when list has name. */
static bool
listed(const char *const *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

/* Members of the parts that are objects; the description's own are in parts. */
static const struct
{
	const char *name;
	int			where;			/* SF_IN_* */
}			members[] =
{
	{"method", SF_IN_REQUEST},
	{"path", SF_IN_REQUEST},
	{"url", SF_IN_REQUEST},
	{"encoding", SF_IN_REQUEST},
	{"content_type", SF_IN_REQUEST},
	{"headers", SF_IN_REQUEST | SF_IN_AUTH},
	{"body", SF_IN_REQUEST | SF_IN_WEBHOOK | SF_IN_MATCH},
	{"query", SF_IN_REQUEST},
	{"space", SF_IN_REQUEST},
	{"type", SF_IN_AUTH},
	{"user", SF_IN_AUTH},
	{"password", SF_IN_AUTH},
	{"token", SF_IN_AUTH},
	{"params", SF_IN_AUTH},
	{"format", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"ok_http", SF_IN_ANSWER},
	{"ok_when", SF_IN_ANSWER},
	{"ok_regex", SF_IN_ANSWER},
	{"id", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"id_regex", SF_IN_ANSWER},
	{"id_is_ref", SF_IN_ANSWER},
	{"status", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"segments", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"cost", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"currency", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"error_code", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"error_code_regex", SF_IN_ANSWER},
	{"error_text", SF_IN_ANSWER | SF_IN_WEBHOOK},
	{"error_text_regex", SF_IN_ANSWER},
	{"each", SF_IN_LIST | SF_IN_WEBHOOK},
	{"match", SF_IN_LIST},
	{"next_page", SF_IN_LIST},
	{"time", SF_IN_MATCH},
	{"to", SF_IN_MATCH | SF_IN_WEBHOOK},
	{"event", SF_IN_WEBHOOK},
	{"when", SF_IN_WEBHOOK},
	{"unwrap_json", SF_IN_WEBHOOK},
	{"provider_id", SF_IN_WEBHOOK},
	{"ref", SF_IN_WEBHOOK},
	{"permanent", SF_IN_WEBHOOK},
	{"from", SF_IN_WEBHOOK},
	{"at", SF_IN_WEBHOOK},
	{"event_id", SF_IN_WEBHOOK},
	{"in_reply_to", SF_IN_WEBHOOK},
	{"media", SF_IN_WEBHOOK},
	{"media_indexed", SF_IN_WEBHOOK},
	{"concat", SF_IN_WEBHOOK},
	{"opt", SF_IN_WEBHOOK},
	{"confirm_url", SF_IN_WEBHOOK},
	{"ack", SF_IN_WEBHOOK}
};

/*
 * Raises an error when node is no object or has a member that does not belong
 * to any of the places in where; members that begin with _ are notes.
 */
void
sf_check_members(sf_compiler *compiler, const char *part, const sf_node *node, int where)
{
	if (node->kind != SF_NODE_OBJECT)
		sf_compile_error(compiler, part, "must be an object", NULL);
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		bool		known = n->key[0] == '_';

		for (int i = 0; i < lengthof(members) && !known; i++)
			known = (members[i].where & where) != 0 && strcmp(members[i].name, n->key) == 0;
		if (!known)
			sf_compile_error(compiler, psprintf("%s.%s", part, n->key), "is not known here", NULL);
	}
}

/* A copy of setting under another name, so that the merge puts it in place. */
static sf_node *
renamed(const sf_node *setting, const char *name)
{
	sf_node    *copy = palloc(sizeof(sf_node));

	*copy = *setting;
	copy->key = pstrdup(name);
	copy->next = NULL;
	return copy;
}

/* Lays the settings that stand for parts over the description. */
static void
apply_settings(sf_compiler *compiler)
{
	sf_node    *overlay = sf_node_make(SF_NODE_OBJECT, NULL);

	for (sf_node *n = compiler->settings->child; n != NULL; n = n->next)
	{
		if (listed(parts, lengthof(parts), n->key))
		{
			sf_node_put(overlay, renamed(n, n->key));
			n->used = true;
		}
		else if (listed(plain_settings, lengthof(plain_settings), n->key))
			n->used = true;
	}
	sf_node_merge(compiler->description, overlay);

	for (sf_node *n = compiler->settings->child; n != NULL; n = n->next)
	{
		for (int i = 0; i < lengthof(shorthands); i++)
		{
			sf_node    *part = sf_node_make(SF_NODE_OBJECT, NULL);

			if (strcmp(shorthands[i].name, n->key) != 0)
				continue;
			sf_node_put(part, renamed(n, shorthands[i].member));
			sf_node_merge(sf_node_object(compiler->description, shorthands[i].part), part);
			n->used = true;
		}
	}
}

/* A setting that nothing reads is a slip of the pen. */
static void
check_settings_used(sf_compiler *compiler)
{
	for (const sf_node *n = compiler->settings->child; n != NULL; n = n->next)
	{
		if (!n->used)
			sf_compile_error(compiler, psprintf("setting \"%s\"", n->key), "is not used",
							 "See the description in smsfollow.provider_kind for what this kind reads.");
	}
}

/* Members of the description that this code does not know are errors, but for notes. */
static void
check_parts(sf_compiler *compiler)
{
	for (const sf_node *n = compiler->description->child; n != NULL; n = n->next)
	{
		if (n->key[0] != '_' && !listed(parts, lengthof(parts), n->key))
			sf_compile_error(compiler, n->key, "is not a part of a description",
							 "Parts are base_url, auth, send, response, classify, dlr_classify, "
							 "status_map, retry_after, fetch, lookup, webhooks and limits.");
	}
}

/* The callback URL: a template of its own, whose values are percent-encoded. */
static void
compile_callback(sf_compiler *compiler, sf_provider *p, bool allow_insecure_http)
{
	const char *source = sf_node_scalar(sf_node_get(compiler->settings, "callback_url"));
	uint32		vars = compiler->vars_used;
	const char *problem;

	if (source == NULL || source[0] == '\0')
		return;
	p->callback = palloc(sizeof(sf_template));
	compiler->required = true;
	sf_template_compile(compiler, "callback_url", source, SF_ESC_PATH, p->callback);
	compiler->required = false;
	if ((compiler->vars_used & ~vars) & ((uint32) 1 << SF_VAR_CALLBACK))
		sf_compile_error(compiler, "callback_url", "must not refer to itself", NULL);
	/* The provider calls it, not we: only its form matters, and a fragment is welcome. */
	problem = p->callback->nparts == 0 || p->callback->parts[0].text == NULL ?
		"must begin with https://" : NULL;
	if (problem == NULL && pg_strncasecmp(p->callback->parts[0].text, "https://", 8) != 0 &&
		!(allow_insecure_http && pg_strncasecmp(p->callback->parts[0].text, "http://", 7) == 0))
		problem = "must begin with https://";
	if (problem == NULL && sf_has_control(source))
		problem = "must not contain control characters";
	if (problem != NULL)
		sf_compile_error(compiler, "callback_url", problem, NULL);
}

/* How many media the request that was just compiled carries. */
static void
compile_media(sf_compiler *compiler, sf_provider *p, const sf_node *media)
{
	const char *max;

	if (media == NULL || media->kind == SF_NODE_NULL)
		return;
	max = media->kind == SF_NODE_OBJECT ? sf_node_scalar(sf_node_get(media, "max")) : NULL;
	if (max == NULL || strlen(max) > 2 || strspn(max, "0123456789") != strlen(max) || atoi(max) < 1)
		sf_compile_error(compiler, "media.max", "must be a whole number from 1 to 99",
						 "Write for example {\"max\": 10}, or leave the part out: media then go as links.");
	if ((compiler->vars_used & ((uint32) 1 << SF_VAR_MEDIA)) == 0)
		sf_compile_error(compiler, "media", "has no {{media}} in send to go with it",
						 "Put {{media}} into the field for their addresses.");
	p->max_media = atoi(max);
}

/* The parts that only an HTTP provider has. */
static void
compile_http(sf_compiler *compiler, sf_provider *p, bool allow_insecure_http)
{
	sf_node    *d = compiler->description;
	sf_node    *fetch = sf_node_get(d, "fetch");
	sf_node    *lookup = sf_node_get(d, "lookup");
	const uint32 wanted = ((uint32) 1 << SF_VAR_TO) | ((uint32) 1 << SF_VAR_BODY);

	compile_callback(compiler, p, allow_insecure_http);
	compiler->vars_used = 0;
	if (sf_node_get(d, "send") == NULL)
		sf_compile_error(compiler, "send", "is missing",
						 "Set \"url\" and \"fields\", or write a \"send\" part.");
	sf_check_members(compiler, "send", sf_node_get(d, "send"), SF_IN_REQUEST);
	p->send = sf_endpoint_compile(compiler, "send", sf_node_get(d, "send"), allow_insecure_http);
	p->send_complete = (compiler->vars_used & wanted) == wanted;
	compile_media(compiler, p, sf_node_get(d, "media"));
	if (fetch != NULL)
		p->fetch = sf_lookup_compile(compiler, "fetch", fetch, allow_insecure_http);
	if (lookup != NULL)
		p->lookup = sf_lookup_compile(compiler, "lookup", lookup, allow_insecure_http);
}

/* Compiles into provider; runs in provider's context. */
static void
compile(sf_provider *p, sf_compiler *compiler, bool allow_insecure_http, int flags)
{
	const sf_node *response;
	const char *engine;

	apply_settings(compiler);
	check_parts(compiler);
	response = sf_node_get(compiler->description, "response");
	engine = sf_node_scalar(sf_node_get(compiler->description, "engine"));
	if (engine != NULL && strcmp(engine, "http") != 0 && strcmp(engine, "sandbox") != 0)
		sf_compile_error(compiler, "engine", "must be http or sandbox", NULL);
	p->sandbox = engine != NULL && strcmp(engine, "sandbox") == 0;

	if (p->sandbox)
	{
		const char *delay = sf_node_scalar(sf_node_get(compiler->settings, "delay_ms"));

		if (delay != NULL && (strlen(delay) > 5 || strspn(delay, "0123456789") != strlen(delay) ||
							  atoi(delay) > 60000))
			sf_compile_error(compiler, "setting \"delay_ms\"",
							 "must be a whole number from 0 to 60000", NULL);
		p->sandbox_delay_ms = delay ? atoi(delay) : 0;
	}
	else if ((flags & SF_COMPILE_EVENTS_ONLY) == 0)
		compile_http(compiler, p, allow_insecure_http);

	if ((flags & SF_COMPILE_EVENTS_ONLY) == 0)
	{
		if (response != NULL)
			sf_check_members(compiler, "response", response, SF_IN_ANSWER);
		sf_reader_compile(compiler, "response", response, &p->response);
	}
	if (response != NULL && sf_node_scalar(sf_node_get(response, "id_is_ref")) != NULL)
		p->id_is_ref = strcmp(sf_node_scalar(sf_node_get(response, "id_is_ref")), "true") == 0;
	sf_rules_compile(compiler, "classify", sf_node_get(compiler->description, "classify"),
					 &p->classify);
	sf_rules_compile(compiler, "dlr_classify", sf_node_get(compiler->description, "dlr_classify"),
					 &p->dlr_classify);
	sf_status_map_compile(compiler, sf_node_get(compiler->description, "status_map"),
						  &p->status_map);
	sf_retry_compile(compiler, sf_node_get(compiler->description, "retry_after"), &p->retry);
	sf_events_compile(compiler, sf_node_get(compiler->description, "webhooks"), p);
	sf_redact_compile(compiler, p->send ? p->send->userpwd : NULL, &p->secrets);
	if ((flags & SF_COMPILE_EVENTS_ONLY) != 0)
		return;
	check_settings_used(compiler);
	if (p->send != NULL && !p->send_complete)
		sf_compile_error(compiler, "send", "does not mention both {{to}} and {{body}}",
						 "Put them into \"fields\", as in {\"to\": \"{{to}}\", \"text\": \"{{body}}\"}.");
}

/*
 * Compiles with flags (SF_COMPILE_*).  The result, and all it needs, lives in
 * a child of context: sf_provider_free, or deleting context, frees it.
 */
sf_provider *
sf_provider_compile_flags(MemoryContext context, const char *name, Jsonb *description,
						  Jsonb *settings, Jsonb *secrets, bool allow_insecure_http, int flags)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "smsfollow provider",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	sf_provider *p = palloc0(sizeof(sf_provider));
	sf_compiler compiler = {0};

	p->context = own;
	p->name = pstrdup(name);
	compiler.name = p->name;
	compiler.description = sf_node_from_jsonb(description);
	compiler.settings = sf_node_from_jsonb(settings);
	compiler.secrets = sf_node_from_jsonb(secrets);
	compiler.placeholder_secrets = (flags & SF_COMPILE_PLACEHOLDERS) != 0;
	if (compiler.description->kind != SF_NODE_OBJECT)
		sf_compile_error(&compiler, "description", "must be an object", NULL);
	if (compiler.settings->kind != SF_NODE_OBJECT)
		sf_compile_error(&compiler, "settings", "must be an object", NULL);
	if (compiler.secrets->kind != SF_NODE_OBJECT)
		sf_compile_error(&compiler, "secret", "must be an object", NULL);
	compile(p, &compiler, allow_insecure_http, flags);
	MemoryContextSwitchTo(old);
	/* Only now: what failed goes away with the caller's context. */
	MemoryContextSetParent(own, context);
	return p;
}

/* As provider.h says. */
sf_provider *
sf_provider_compile(MemoryContext context, const char *name, Jsonb *description,
					Jsonb *settings, Jsonb *secrets, bool allow_insecure_http)
{
	return sf_provider_compile_flags(context, name, description, settings, secrets,
									 allow_insecure_http, 0);
}

void
sf_provider_free(sf_provider *provider)
{
	MemoryContextDelete(provider->context);
}

bool
sf_provider_is_sandbox(const sf_provider *provider)
{
	return provider->sandbox;
}

int
sf_provider_max_media(const sf_provider *provider)
{
	return provider->max_media;
}

bool
sf_provider_can_lookup_by_id(const sf_provider *provider)
{
	return provider->fetch != NULL;
}

bool
sf_provider_can_lookup_by_recipient(const sf_provider *provider)
{
	return provider->lookup != NULL;
}

/* Builds the request that hands one text over. */
void
sf_provider_send_request(const sf_provider *provider, const sf_outgoing *message,
						 sf_http_request *request)
{
	sf_values	values = {message, provider->callback, NULL, 0, 0};

	if (provider->send == NULL)
		elog(ERROR, "provider \"%s\" sends nothing over HTTP", provider->name);
	sf_endpoint_render(provider->send, &values, request);
}
