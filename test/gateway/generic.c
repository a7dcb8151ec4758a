/*-------------------------------------------------------------------------
 *
 * generic.c
 *		An SMS gateway as many smaller providers have it: one URL, a few fields.
 *
 * Takes the fields from the query, a form or a JSON object, under the usual
 * names or chosen ones, and answers JSON or plain text.  The same code plays
 * Kannel's sendsms page, whose answer carries no id.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <string.h>

#define KANNEL_PATH "/cgi-bin/sendsms"

bool
is_kannel(const request *r)
{
	return strcmp(r->path, KANNEL_PATH) == 0;
}

void
generic_error(request *r, int status, const char *message)
{
	r->reply.len = 0;
	buffer_text(&r->reply, "{\"status\":\"error\",\"error\":");
	buffer_json_or_null(&r->reply, message);
	buffer_text(&r->reply, "}");
	reply_json(r, status);
	r->acceptable = false;
}

/* The chosen field if one was chosen, else the first of the usual ones that is there. */
static const char *
pick(const request *r, const char *chosen, const char *const usual[])
{
	const char *value;

	if (chosen != NULL)
		return fields_get(&r->fields, chosen);
	for (int i = 0; usual[i] != NULL; i++)
	{
		value = fields_get(&r->fields, usual[i]);
		if (value != NULL)
			return value;
	}
	return NULL;
}

/* How to answer: as the request's own _answer field says, or the option. */
static const char *
answer_style(const request *r)
{
	const char *style = fields_get(&r->fields, "_answer");

	if (is_kannel(r))
		return "kannel";
	return style != NULL ? style : gateway_options.generic_answer;
}

static void
reply_text(request *r, int status, const char *text)
{
	r->reply.len = 0;
	buffer_text(&r->reply, text);
	r->status = status;
	r->content_type = "text/plain";
}

static void
accepted(request *r, const record *m)
{
	const char *style = answer_style(r);

	if (strcmp(style, "kannel") == 0)
		reply_text(r, MHD_HTTP_ACCEPTED, "0: Accepted for delivery");
	else if (strcmp(style, "text") == 0)
	{
		reply_text(r, MHD_HTTP_OK, "OK ");
		buffer_text(&r->reply, m->sid);
		buffer_text(&r->reply, "\n");
	}
	else
	{
		r->reply.len = 0;
		buffer_text(&r->reply, "{\"id\":\"");
		buffer_text(&r->reply, m->sid);
		buffer_text(&r->reply, "\",\"status\":\"ok\"}");
		reply_json(r, MHD_HTTP_OK);
	}
}

static void
refuse(request *r, int status, const char *message)
{
	const char *style = answer_style(r);

	if (strcmp(style, "json") != 0)
	{
		reply_text(r, status, message);
		r->acceptable = false;
	}
	else
		generic_error(r, status, message);
}

static bool
authorized(const request *r)
{
	const char *given = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
													MHD_HTTP_HEADER_AUTHORIZATION);

	return given != NULL && strcmp(given, gateway_options.generic_auth) == 0;
}

/* Kannel takes its user and password as parameters: here the account and its token. */
static bool
kannel_login(const request *r)
{
	const char *user = fields_get(&r->fields, "username");
	const char *password = fields_get(&r->fields, "password");

	return user != NULL && strcmp(user, gateway_options.account) == 0 &&
		password != NULL && strcmp(password, gateway_options.token) == 0;
}

void
generic_request(request *r)
{
	static const char *const to[] = {"to", "To", "phone", "recipient", "destination", NULL};
	static const char *const from[] = {"from", "From", "sender", NULL};
	static const char *const body[] = {"text", "body", "Body", "message", NULL};
	static const char *const ref[] = {"ref", "reference", "client-ref", NULL};
	static const char *const callback[] = {"callback", "dlr-url", "StatusCallback", NULL};

	r->kind = KIND_GENERIC_SEND;
	r->to = pick(r, gateway_options.generic_to, to);
	r->from = pick(r, gateway_options.generic_from, from);
	r->text = pick(r, gateway_options.generic_body, body);
	r->ref = pick(r, gateway_options.generic_ref, ref);
	r->callback = pick(r, NULL, callback);
	ref_from_callback(r);
	r->accepted = accepted;
	r->acceptable = true;
	if (gateway_options.generic_auth != NULL && !is_kannel(r) && !authorized(r))
		refuse(r, MHD_HTTP_UNAUTHORIZED, "not authorized");
	else if (is_kannel(r) && !kannel_login(r))
		refuse(r, MHD_HTTP_FORBIDDEN, "Authorization failed for sendsms");
	else if (is_kannel(r) && strcmp(r->method, MHD_HTTP_METHOD_GET) != 0)
		refuse(r, MHD_HTTP_BAD_REQUEST, "Unsupported method or content type");
	else if (r->to == NULL || r->to[0] == '\0')
		refuse(r, MHD_HTTP_BAD_REQUEST, "missing recipient");
	else if (r->text == NULL || r->text[0] == '\0')
		refuse(r, MHD_HTTP_BAD_REQUEST, "missing text");
	else if (control_opted_out(r->to))
		refuse(r, MHD_HTTP_FORBIDDEN, "recipient has opted out");
}
