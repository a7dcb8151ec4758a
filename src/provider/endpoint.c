/*-------------------------------------------------------------------------
 *
 * endpoint.c
 *		One HTTP request of a description: compiled, and rendered.
 *
 * A part such as "send" names method, URL, headers, encoding and a tree of
 * fields.  Authentication is worked in here, so rendering knows nothing of
 * it.  Fields whose value comes out empty are left out, and so are objects
 * and arrays that have nothing in them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

#include "miscadmin.h"

/* Headers that belong to the transport. */
static const char *const reserved_headers[] = {
	"host", "content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"
};

/* ----- compiling ----- */

/* "part.key", for messages. */
static const char *
place(const char *part, const char *key)
{
	return psprintf("%s.%s", part, key);
}

/* The text of a field, or an error when it is an object or array. */
static const char *
scalar_or_error(sf_compiler *compiler, const char *where, const sf_node *node)
{
	const char *text = sf_node_scalar(node);

	if (text == NULL)
		sf_compile_error(compiler, where, "must be a text", NULL);
	return text;
}

/* Compiles one value of a form or query, with prefix "key=", onto *tail. */
static sf_body **
compile_field(sf_compiler *compiler, const char *where, const char *prefix, const sf_node *node,
			  sf_escape escape, sf_body **tail)
{
	sf_body    *field;

	if (node->kind == SF_NODE_NULL)
		return tail;
	if (node->kind == SF_NODE_ARRAY)
	{
		for (const sf_node *n = node->child; n != NULL; n = n->next)
			tail = compile_field(compiler, where, prefix, n, escape, tail);
		return tail;
	}
	if (node->kind == SF_NODE_OBJECT)
		sf_compile_error(compiler, where, "must be a text or an array of texts",
						 "Objects inside objects need \"encoding\": \"json\".");

	field = palloc0(sizeof(sf_body));
	field->kind = SF_BODY_LEAF;
	sf_template_compile(compiler, where, node->text, escape, &field->leaf);
	if (sf_template_is_constant(&field->leaf))
	{
		if (field->leaf.nparts == 0)
			return tail;
		prefix = psprintf("%s%s", prefix, field->leaf.parts[0].text);
		field->fixed = true;
	}
	field->prefix = prefix;
	field->prefix_len = strlen(prefix);
	*tail = field;
	return &field->next;
}

/* Compiles the members of node as fields, onto *tail; returns the new tail. */
static sf_body **
compile_fields(sf_compiler *compiler, const char *where, const sf_node *node, sf_escape escape,
			   sf_body **tail)
{
	if (node == NULL)
		return tail;
	if (node->kind != SF_NODE_OBJECT)
		sf_compile_error(compiler, where, "must be an object", NULL);
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		StringInfoData key;

		initStringInfo(&key);
		sf_escape_append(&key, n->key, strlen(n->key), escape);
		appendStringInfoChar(&key, '=');
		tail = compile_field(compiler, place(where, n->key), key.data, n, escape, tail);
	}
	return tail;
}

/* Compiles one node of a JSON body; NULL when it can never have a value. */
static sf_body *
compile_json(sf_compiler *compiler, const char *where, const sf_node *node)
{
	sf_body    *out;
	sf_body   **tail;
	StringInfoData prefix;

	check_stack_depth();
	if (node->kind == SF_NODE_NULL)
		return NULL;
	out = palloc0(sizeof(sf_body));
	initStringInfo(&prefix);
	if (node->key != NULL)
	{
		appendStringInfoChar(&prefix, '"');
		sf_escape_append(&prefix, node->key, strlen(node->key), SF_ESC_JSON);
		appendStringInfoString(&prefix, "\":");
	}

	switch (node->kind)
	{
		case SF_NODE_NULL:
			break;
		case SF_NODE_OBJECT:
		case SF_NODE_ARRAY:
			out->kind = node->kind == SF_NODE_OBJECT ? SF_BODY_OBJECT : SF_BODY_ARRAY;
			tail = &out->child;
			for (const sf_node *n = node->child; n != NULL; n = n->next)
			{
				*tail = compile_json(compiler, place(where, n->key ? n->key : "*"), n);
				if (*tail != NULL)
					tail = &(*tail)->next;
			}
			if (out->child == NULL)
				return NULL;
			break;
		case SF_NODE_NUMBER:
		case SF_NODE_BOOL:
			out->fixed = true;
			appendStringInfoString(&prefix, node->text);
			break;
		case SF_NODE_STRING:
			sf_template_compile(compiler, where, node->text, SF_ESC_JSON, &out->leaf);
			if (sf_template_is_constant(&out->leaf))
			{
				bool		bare = out->leaf.whole && out->leaf.type != SF_TYPE_TEXT;

				if (out->leaf.nparts == 0)
					return NULL;
				out->fixed = true;
				appendStringInfo(&prefix, bare ? "%s" : "\"%s\"", out->leaf.parts[0].text);
			}
			break;
	}
	out->prefix = prefix.data;
	out->prefix_len = prefix.len;
	return out;
}

/* Collects headers while an endpoint is compiled. */
static void
add_header(sf_compiler *compiler, const char *where, sf_endpoint *endpoint, const char *name,
		   const char *source)
{
	int			n = endpoint->nheaders;

	if (name[0] == '\0' ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != strlen(name))
		sf_compile_error(compiler, where, "is not the name of a header", NULL);
	for (int i = 0; i < lengthof(reserved_headers); i++)
	{
		if (pg_strcasecmp(name, reserved_headers[i]) == 0)
			sf_compile_error(compiler, where, "is a header that the transport sets itself", NULL);
	}
	for (int i = 0; i < n; i++)
	{
		if (pg_strcasecmp(name, endpoint->header_names[i]) == 0)
			sf_compile_error(compiler, where, "is a header that is set twice", NULL);
	}
	if (n == 0)
	{
		endpoint->header_names = palloc(sizeof(char *));
		endpoint->header_values = palloc(sizeof(sf_template));
	}
	else
	{
		endpoint->header_names = repalloc(endpoint->header_names, sizeof(char *) * (n + 1));
		endpoint->header_values = repalloc(endpoint->header_values, sizeof(sf_template) * (n + 1));
	}
	endpoint->header_names[n] = pstrdup(name);
	if (sf_has_control(source))
		sf_compile_error(compiler, where, "must not contain control characters", NULL);
	sf_template_compile(compiler, where, source, SF_ESC_HEADER, &endpoint->header_values[n]);
	endpoint->nheaders++;
}

/* Adds every member of node as a header. */
static void
add_headers(sf_compiler *compiler, const char *where, sf_endpoint *endpoint, const sf_node *node)
{
	if (node == NULL)
		return;
	if (node->kind != SF_NODE_OBJECT)
		sf_compile_error(compiler, where, "must be an object", NULL);
	for (const sf_node *n = node->child; n != NULL; n = n->next)
		add_header(compiler, place(where, n->key), endpoint, n->key,
				   scalar_or_error(compiler, place(where, n->key), n));
}

/* The constant text of member key of the auth part. */
static const char *
auth_text(sf_compiler *compiler, const sf_node *auth, const char *key)
{
	sf_template t;
	const char *where = place("auth", key);

	sf_template_compile(compiler, where,
						scalar_or_error(compiler, where, sf_node_get(auth, key)),
						SF_ESC_NONE, &t);
	if (!sf_template_is_constant(&t))
		sf_compile_error(compiler, where, "must not depend on the message", NULL);
	if (t.nparts == 0 || sf_has_control(t.parts[0].text))
		sf_compile_error(compiler, where, "is empty or contains control characters", NULL);
	return t.parts[0].text;
}

/*
 * Works the auth part in.  Returns the node with parameters that go where
 * the fields go, or NULL.
 */
static const sf_node *
compile_auth(sf_compiler *compiler, sf_endpoint *endpoint)
{
	const sf_node *auth = sf_node_get(compiler->description, "auth");
	const char *type;

	if (auth == NULL)
		return NULL;
	sf_check_members(compiler, "auth", auth, SF_IN_AUTH);
	type = sf_node_scalar(sf_node_get(auth, "type"));
	if (type == NULL)
		sf_compile_error(compiler, "auth.type", "is missing",
						 "Use none, basic, bearer, headers or params.");
	if (strcmp(type, "none") == 0)
		return NULL;
	if (strcmp(type, "basic") == 0)
	{
		const char *user = auth_text(compiler, auth, "user");

		if (strchr(user, ':') != NULL)
			sf_compile_error(compiler, "auth.user", "must not contain a colon", NULL);
		endpoint->userpwd = psprintf("%s:%s", user, auth_text(compiler, auth, "password"));
		return NULL;
	}
	if (strcmp(type, "bearer") == 0)
	{
		add_header(compiler, "auth.token", endpoint, "Authorization",
				   psprintf("Bearer %s",
							scalar_or_error(compiler, "auth.token", sf_node_get(auth, "token"))));
		return NULL;
	}
	if (strcmp(type, "headers") == 0)
	{
		add_headers(compiler, "auth.headers", endpoint, sf_node_get(auth, "headers"));
		return NULL;
	}
	if (strcmp(type, "params") == 0)
		return sf_node_get(auth, "params");
	sf_compile_error(compiler, "auth.type", psprintf("\"%s\" is not supported", type),
					 "Use none, basic, bearer, headers or params.");
}

/* Raises problem, if there is one, about the URL at where. */
static void
check_url(sf_compiler *compiler, const char *where, const char *problem, bool allow_insecure_http)
{
	if (problem != NULL)
		sf_compile_error(compiler, where, problem,
						 strstr(problem, "http") == NULL || allow_insecure_http ? NULL :
						 "Plain http, to this machine only, needs smsfollow.allow_insecure_http.");
}

/* The URL: base_url and path, or url alone. */
static void
compile_url(sf_compiler *compiler, const char *part, sf_node *node, bool allow_insecure_http,
			sf_endpoint *endpoint)
{
	const char *url = sf_node_scalar(sf_node_get(node, "url"));
	const char *path = sf_node_scalar(sf_node_get(node, "path"));
	const char *base = sf_node_scalar(sf_node_get(compiler->description, "base_url"));
	const char *problem = NULL;
	sf_template *t = &endpoint->url;

	if (url != NULL)
		sf_template_compile(compiler, place(part, "url"), url, SF_ESC_PATH, t);
	else
	{
		sf_template start;

		if (base == NULL || path == NULL)
			sf_compile_error(compiler, part, "has no URL",
							 "Set \"url\" to the address of the gateway, beginning with https://.");
		sf_template_compile(compiler, "base_url", base, SF_ESC_NONE, &start);
		if (!sf_template_is_constant(&start))
			sf_compile_error(compiler, "base_url", "must not depend on the message", NULL);
		check_url(compiler, "base_url", sf_url_check(sf_template_text(&start, NULL), true,
													 allow_insecure_http), allow_insecure_http);
		sf_template_compile(compiler, place(part, "path"), path, SF_ESC_PATH, t);
		if (path[0] != '/')
			sf_compile_error(compiler, place(part, "path"), "must begin with a slash", NULL);
		/* path begins with constant text, so there is a first part to lengthen. */
		t->parts[0].text = psprintf("%s%s", sf_template_text(&start, NULL), t->parts[0].text);
		t->parts[0].len = strlen(t->parts[0].text);
	}

	if (t->nparts == 0 || t->parts[0].text == NULL)
		problem = "must begin with https://";
	else
		problem = sf_url_check(t->parts[0].text, t->nparts == 1, allow_insecure_http);
	for (int i = 0; i < t->nparts && problem == NULL; i++)
	{
		if (t->parts[i].text == NULL)
			continue;
		problem = sf_url_check_text(t->parts[i].text);
		if (strchr(t->parts[i].text, '?') != NULL)
			endpoint->url_has_query = true;
	}
	check_url(compiler, place(part, url ? "url" : "path"), problem, allow_insecure_http);
}

/*
 * Compiles the request part called part, whose node is the object node, or
 * raises an error that names the place.
 */
sf_endpoint *
sf_endpoint_compile(sf_compiler *compiler, const char *part, sf_node *node,
					bool allow_insecure_http)
{
	sf_endpoint *e = palloc0(sizeof(sf_endpoint));
	const char *method = sf_node_scalar(sf_node_get(node, "method"));
	const char *encoding = sf_node_scalar(sf_node_get(node, "encoding"));
	const char *space = sf_node_scalar(sf_node_get(node, "space"));
	const char *content_type = sf_node_scalar(sf_node_get(node, "content_type"));
	sf_node    *body = sf_node_get(node, "body");
	sf_escape	escape;
	const sf_node *params;
	sf_body   **tail;

	e->method = method ? method : "POST";
	if (strcmp(e->method, "GET") != 0 && strcmp(e->method, "POST") != 0)
		sf_compile_error(compiler, place(part, "method"), "must be GET or POST", NULL);

	if (encoding == NULL)
		encoding = strcmp(e->method, "GET") == 0 ? "query" : "json";
	if (strcmp(encoding, "form") == 0)
		e->encoding = SF_ENC_FORM;
	else if (strcmp(encoding, "json") == 0)
		e->encoding = SF_ENC_JSON;
	else if (strcmp(encoding, "query") == 0)
		e->encoding = SF_ENC_QUERY;
	else
		sf_compile_error(compiler, place(part, "encoding"), "must be form, json or query", NULL);
	if (strcmp(e->method, "GET") == 0 && e->encoding != SF_ENC_QUERY && body != NULL)
		sf_compile_error(compiler, place(part, "encoding"), "must be query for a GET request", NULL);
	if (space != NULL && strcmp(space, "+") != 0 && strcmp(space, "%20") != 0)
		sf_compile_error(compiler, place(part, "space"), "must be + or %20", NULL);
	escape = space && strcmp(space, "%20") == 0 ? SF_ESC_PERCENT : SF_ESC_FORM;

	compiler->required = true;
	compile_url(compiler, part, node, allow_insecure_http, e);
	add_headers(compiler, place(part, "headers"), e, sf_node_get(node, "headers"));
	params = compile_auth(compiler, e);
	compiler->required = false;

	tail = compile_fields(compiler, place(part, "query"), sf_node_get(node, "query"), escape,
						  &e->query);
	if (e->encoding == SF_ENC_JSON)
	{
		sf_node    *whole = sf_node_make(SF_NODE_OBJECT, NULL);

		if (body != NULL && body->kind == SF_NODE_ARRAY)
			whole = body;
		else if (body != NULL)
			sf_node_merge(whole, body);
		if (params != NULL && whole->kind == SF_NODE_OBJECT)
			sf_node_merge(whole, params);
		e->body = compile_json(compiler, place(part, "body"), whole);
	}
	else
	{
		if (e->encoding == SF_ENC_FORM)
			tail = &e->body;
		tail = compile_fields(compiler, place(part, "body"), body, escape, tail);
		compiler->required = true;
		compile_fields(compiler, "auth.params", params, escape, tail);
		compiler->required = false;
	}

	if (strcmp(e->method, "POST") == 0 && e->encoding != SF_ENC_QUERY)
		add_header(compiler, place(part, "content_type"), e, "Content-Type",
				   content_type ? content_type :
				   e->encoding == SF_ENC_JSON ? "application/json" :
				   "application/x-www-form-urlencoded");

	/* Most providers send the same headers every time: keep them ready. */
	for (int i = 0; i < e->nheaders; i++)
	{
		if (!sf_template_is_constant(&e->header_values[i]))
			return e;
	}
	if (e->nheaders > 0)
	{
		sf_http_header *ready = palloc(sizeof(sf_http_header) * e->nheaders);

		for (int i = 0; i < e->nheaders; i++)
		{
			ready[i].name = e->header_names[i];
			ready[i].value = sf_template_text(&e->header_values[i], NULL);
		}
		e->constant_headers = ready;
	}
	return e;
}

/* ----- rendering ----- */

/* Appends the fields that have a value; first goes before the first one. */
static void
render_fields(StringInfo buf, const sf_body *field, const sf_values *values, const char *first)
{
	const char *separator = first;

	for (; field != NULL; field = field->next)
	{
		sf_values	one = *values;

		do
		{
			int			start = buf->len;

			appendStringInfoString(buf, separator);
			appendBinaryStringInfo(buf, field->prefix, field->prefix_len);
			if (!field->fixed && !sf_template_append(buf, &field->leaf, &one))
			{
				buf->len = start;
				buf->data[start] = '\0';
				break;
			}
			separator = "&";
			one.media_index++;
		} while (field->leaf.repeats);
	}
}

/* Appends a node of a JSON body; false when it is empty: the caller takes it back. */
static bool
render_json(StringInfo buf, const sf_body *node, const sf_values *values)
{
	bool		any = false;

	appendBinaryStringInfo(buf, node->prefix, node->prefix_len);
	if (node->fixed)
		return true;
	if (node->kind == SF_BODY_LEAF && node->leaf.repeats)
	{
		sf_values	one = *values;

		for (appendStringInfoChar(buf, '['); one.media_index < values->message->nmedia; one.media_index++)
		{
			appendStringInfoString(buf, any ? ",\"" : "\"");
			any = sf_template_append(buf, &node->leaf, &one);
			appendStringInfoChar(buf, '"');
		}
		appendStringInfoChar(buf, ']');
	}
	else if (node->kind == SF_BODY_LEAF && node->leaf.whole)
	{
		char		scratch[SF_SCRATCH_SIZE];
		sf_type		type;
		const char *value = sf_template_value(&node->leaf, values, scratch, &type);

		any = value[0] != '\0';
		if (type == SF_TYPE_TEXT)
			appendStringInfoChar(buf, '"');
		sf_escape_append(buf, value, strlen(value), SF_ESC_JSON);
		if (type == SF_TYPE_TEXT)
			appendStringInfoChar(buf, '"');
	}
	else if (node->kind == SF_BODY_LEAF)
	{
		appendStringInfoChar(buf, '"');
		any = sf_template_append(buf, &node->leaf, values);
		appendStringInfoChar(buf, '"');
	}
	else
	{
		appendStringInfoChar(buf, node->kind == SF_BODY_OBJECT ? '{' : '[');
		for (const sf_body *c = node->child; c != NULL; c = c->next)
		{
			int			before = buf->len;

			if (any)
				appendStringInfoChar(buf, ',');
			if (render_json(buf, c, values))
				any = true;
			else
				buf->len = before;
		}
		appendStringInfoChar(buf, node->kind == SF_BODY_OBJECT ? '}' : ']');
	}
	return any;
}

/* Headers of which at least one depends on the message; empty ones are left out. */
static void
render_headers(const sf_endpoint *e, const sf_values *values, sf_http_request *request)
{
	sf_http_header *headers = palloc(sizeof(sf_http_header) * e->nheaders);
	int			n = 0;

	for (int i = 0; i < e->nheaders; i++)
	{
		headers[n].name = e->header_names[i];
		headers[n].value = sf_template_text(&e->header_values[i], values);
		if (headers[n].value[0] != '\0')
			n++;
	}
	request->headers = headers;
	request->nheaders = n;
}

/*
 * Fills request from the endpoint and the facts of one message.  Constant
 * texts point into the description, the rest is palloc'd in the current
 * context.  Raises an error for a message this provider cannot take.
 */
void
sf_endpoint_render(const sf_endpoint *e, const sf_values *values, sf_http_request *request)
{
	StringInfoData buf;

	memset(request, 0, sizeof(*request));
	request->method = e->method;
	request->userpwd = e->userpwd;

	if (e->query == NULL)
		request->url = sf_template_text(&e->url, values);
	else
	{
		initStringInfo(&buf);
		sf_template_append(&buf, &e->url, values);
		render_fields(&buf, e->query, values, e->url_has_query ? "&" : "?");
		request->url = buf.data;
	}

	if (e->constant_headers != NULL || e->nheaders == 0)
	{
		request->headers = e->constant_headers;
		request->nheaders = e->nheaders;
	}
	else
		render_headers(e, values, request);

	if (strcmp(e->method, "POST") != 0)
		return;
	initStringInfo(&buf);
	if (e->encoding == SF_ENC_FORM)
		render_fields(&buf, e->body, values, "");
	else if (e->encoding == SF_ENC_JSON && e->body != NULL)
		render_json(&buf, e->body, values);
	request->body = buf.data;
	request->body_len = buf.len;
}
