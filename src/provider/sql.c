/*-------------------------------------------------------------------------
 *
 * sql.c
 *		The provider layer as SQL functions: check, preview, read callbacks.
 *
 * None of these functions sees a secret: a template that names one shows
 * the name instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"
#include "phone/phone.h"
#include "settings.h"
#include "text/text.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(smsfollow_check_provider);
PG_FUNCTION_INFO_V1(smsfollow_max_media);
PG_FUNCTION_INFO_V1(smsfollow_preview_request);
PG_FUNCTION_INFO_V1(smsfollow_preview_answer);
PG_FUNCTION_INFO_V1(smsfollow_provider_event);
PG_FUNCTION_INFO_V1(smsfollow_provider_events);

/* ----- writing jsonb ----- */

/* Begins the member called key of the object in buf. */
static void
json_key(StringInfo buf, const char *key)
{
	if (buf->data[buf->len - 1] != '{')
		appendStringInfoChar(buf, ',');
	escape_json(buf, key);
	appendStringInfoChar(buf, ':');
}

/* Adds a text; nothing when it is NULL. */
static void
json_text(StringInfo buf, const char *key, const char *text)
{
	if (text == NULL)
		return;
	json_key(buf, key);
	escape_json(buf, text);
}

/* Adds a number; nothing when it is skip. */
static void
json_int(StringInfo buf, const char *key, int64 number, int64 skip)
{
	if (number == skip)
		return;
	json_key(buf, key);
	appendStringInfo(buf, INT64_FORMAT, number);
}

static Datum
json_result(StringInfo buf)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf->data));
}

/* Compiles arguments 0 to 2: name, description, settings. */
static sf_provider *
compile_arguments(FunctionCallInfo fcinfo, int flags)
{
	return sf_provider_compile_flags(CurrentMemoryContext,
									 text_to_cstring(PG_GETARG_TEXT_PP(0)),
									 PG_GETARG_JSONB_P(1),
									 PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), NULL,
									 sf_allow_insecure_http, flags);
}

/* ----- functions ----- */

/*
 * check_provider(name, description, settings or NULL, has_secret): raises the
 * error that the worker would meet, at the time when it can be mended.
 */
Datum
smsfollow_check_provider(PG_FUNCTION_ARGS)
{
	int			flags = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(2))
		flags |= SF_COMPILE_EVENTS_ONLY;
	if (PG_GETARG_BOOL(3))
		flags |= SF_COMPILE_PLACEHOLDERS;
	sf_provider_free(compile_arguments(fcinfo, flags));
	PG_RETURN_VOID();
}

/* Adds what an outcome says. */
static void
json_outcome(StringInfo buf, const sf_outcome *o)
{
	static const char *const kinds[] = {"accepted", "rejected", "retry", "in_doubt"};
	static const char *const holds[] = {NULL, "sender", "provider"};

	json_text(buf, "outcome", kinds[o->kind]);
	json_text(buf, "reason", o->reason);
	json_text(buf, "hold", holds[o->hold]);
	json_int(buf, "retry_after_ms", o->retry_after_ms, -1);
	json_text(buf, "provider_message_id", o->provider_message_id);
	json_text(buf, "status", o->status);
	json_int(buf, "segments", o->segments, 0);
	json_text(buf, "cost", o->cost);
	json_text(buf, "currency", o->currency);
	json_text(buf, "error_code", o->error_code);
	json_text(buf, "error_text", o->error_text);
}

/* max_media(name, description, settings): how many go along with a text. */
Datum
smsfollow_max_media(PG_FUNCTION_ARGS)
{
	sf_provider *provider = compile_arguments(fcinfo, SF_COMPILE_PLACEHOLDERS);
	int			max = sf_provider_max_media(provider);

	sf_provider_free(provider);
	PG_RETURN_INT32(max);
}

/* The addresses of media for a preview. */
static void
take_media(const sf_provider *provider, ArrayType *array, sf_outgoing *message)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;
	const char **media;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n > sf_provider_max_media(provider))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the provider takes at most %d media", sf_provider_max_media(provider)),
				 errhint("More go as links at the end of the text.")));
	media = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		media[i] = nulls[i] ? "" : TextDatumGetCString(items[i]);
	message->media = media;
	message->nmedia = n;
}

/* preview_request(name, description, settings, phone, sender or NULL, body, media or NULL) */
Datum
smsfollow_preview_request(PG_FUNCTION_ARGS)
{
	sf_provider *provider;
	sf_outgoing message = {0};
	sf_http_request request;
	sf_segments segments;
	char		to[SF_PHONE_SIZE];
	const char *why = NULL;
	text	   *phone;
	char	   *body;
	StringInfoData buf;

	for (int i = 0; i < 6; i++)
	{
		if (i != 4 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	provider = compile_arguments(fcinfo, SF_COMPILE_PLACEHOLDERS);
	phone = PG_GETARG_TEXT_PP(3);
	if (!sf_phone_e164(VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone), to, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid phone number: %s", why),
				 errhint("Write it with country code, for example +14155550100.")));
	body = text_to_cstring(PG_GETARG_TEXT_PP(5));
	message.message_id = 1;
	message.to = to;
	message.from = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	message.body = pg_server_to_any(body, strlen(body), PG_UTF8);
	message.ref = "1";
	sf_count_segments(message.body, strlen(message.body), &segments);
	message.is_unicode = segments.encoding == SF_UCS2;
	if (!PG_ARGISNULL(6))
		take_media(provider, PG_GETARG_ARRAYTYPE_P(6), &message);

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if (sf_provider_is_sandbox(provider))
	{
		sf_outcome	outcome;
		int			delay_ms;

		sf_provider_sandbox(provider, &message, &outcome, &delay_ms);
		json_text(&buf, "engine", "sandbox");
		json_outcome(&buf, &outcome);
		json_int(&buf, "delay_ms", delay_ms, 0);
		json_text(&buf, "receipt", sf_provider_sandbox_receipt(message.to));
	}
	else
	{
		sf_provider_send_request(provider, &message, &request);
		json_text(&buf, "method", request.method);
		json_text(&buf, "url", request.url);
		json_key(&buf, "headers");
		appendStringInfoChar(&buf, '{');
		if (request.userpwd != NULL)
			json_text(&buf, "Authorization", psprintf("Basic %s", request.userpwd));
		for (int i = 0; i < request.nheaders; i++)
			json_text(&buf, request.headers[i].name,
					  pg_any_to_server(request.headers[i].value,
									   strlen(request.headers[i].value), PG_UTF8));
		appendStringInfoChar(&buf, '}');
		if (request.body != NULL)
			json_text(&buf, "body", pg_any_to_server(request.body, request.body_len, PG_UTF8));
	}
	appendStringInfoChar(&buf, '}');
	return json_result(&buf);
}

/* preview_answer(name, description, settings, http_status, body, retry_after or NULL) */
Datum
smsfollow_preview_answer(PG_FUNCTION_ARGS)
{
	sf_provider *provider;
	sf_http_response response = {0};
	sf_outcome	outcome;
	char	   *body;
	StringInfoData buf;

	for (int i = 0; i < 5; i++)
	{
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	provider = compile_arguments(fcinfo, SF_COMPILE_PLACEHOLDERS);
	if (sf_provider_is_sandbox(provider))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the sandbox has no HTTP answers"),
				 errhint("Use smsfollow.preview_request(), which shows what it decides.")));
	body = text_to_cstring(PG_GETARG_TEXT_PP(4));
	body = pg_server_to_any(body, strlen(body), PG_UTF8);
	response.stage = SF_STAGE_ANSWERED;
	response.status = PG_GETARG_INT32(3);
	response.body = body;
	response.body_len = strlen(body);
	response.retry_after = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	sf_provider_send_outcome(provider, &response, &outcome);

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	json_outcome(&buf, &outcome);
	appendStringInfoChar(&buf, '}');
	return json_result(&buf);
}

/* Adds one event as an object. */
static void
json_event(StringInfo buf, const sf_event *e)
{
	ListCell   *lc;

	appendStringInfoChar(buf, '{');
	json_text(buf, "type", e->type);
	json_text(buf, "provider_message_id", e->provider_message_id);
	json_text(buf, "ref", e->ref);
	json_text(buf, "status", e->status);
	json_text(buf, "provider_status", e->provider_status);
	json_text(buf, "error_code", e->error_code);
	json_text(buf, "reason", e->reason);
	json_int(buf, "segments", e->segments, 0);
	json_text(buf, "cost", e->cost);
	json_text(buf, "currency", e->currency);
	json_text(buf, "from", e->from);
	json_text(buf, "to", e->to);
	json_text(buf, "body", e->body);
	json_text(buf, "occurred_at", e->occurred_at);
	json_text(buf, "event_id", e->event_id);
	json_text(buf, "in_reply_to", e->in_reply_to);
	json_text(buf, "opt", e->opt);
	json_text(buf, "concat_ref", e->concat_ref);
	json_int(buf, "concat_part", e->concat_part, 0);
	json_int(buf, "concat_total", e->concat_total, 0);
	if (e->media != NIL)
	{
		json_key(buf, "media");
		appendStringInfoChar(buf, '[');
		foreach(lc, e->media)
		{
			if (lc != list_head(e->media))
				appendStringInfoChar(buf, ',');
			escape_json(buf, lfirst(lc));
		}
		appendStringInfoChar(buf, ']');
	}
	appendStringInfoChar(buf, '}');
}

/* True when both documents are the same bytes. */
static bool
same_document(const Jsonb *a, const Jsonb *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/* A copy of a document in the current context. */
static Jsonb *
copy_document(const Jsonb *jb)
{
	Jsonb	   *copy = palloc(VARSIZE(jb));

	memcpy(copy, jb, VARSIZE(jb));
	return copy;
}

/*
 * The events of arguments 0 to 2: description, settings, payload.  A session
 * that receives callbacks receives many of one provider, so the last compiled
 * description is kept.
 */
static List *
events_of_arguments(FunctionCallInfo fcinfo)
{
	static sf_provider *last = NULL;
	static Jsonb *last_description;
	static Jsonb *last_settings;
	Jsonb	   *description = PG_GETARG_JSONB_P(0);
	Jsonb	   *settings = PG_GETARG_JSONB_P(1);

	if (last == NULL || !same_document(description, last_description) ||
		!same_document(settings, last_settings))
	{
		sf_provider *provider = sf_provider_compile_flags(CurrentMemoryContext, "callback",
														  description, settings, NULL, false,
														  SF_COMPILE_EVENTS_ONLY);
		MemoryContext old = MemoryContextSwitchTo(provider->context);

		description = copy_document(description);
		settings = copy_document(settings);
		MemoryContextSwitchTo(old);
		MemoryContextSetParent(provider->context, TopMemoryContext);
		if (last != NULL)
			sf_provider_free(last);
		last = provider;
		last_description = description;
		last_settings = settings;
	}
	return sf_provider_events(last, PG_GETARG_JSONB_P(2));
}

/* provider_event(description, settings, payload): the first event, or NULL */
Datum
smsfollow_provider_event(PG_FUNCTION_ARGS)
{
	List	   *events = events_of_arguments(fcinfo);
	StringInfoData buf;

	if (events == NIL)
		PG_RETURN_NULL();
	initStringInfo(&buf);
	json_event(&buf, linitial(events));
	return json_result(&buf);
}

/* provider_events(description, settings, payload): an array, empty when no rule fits */
Datum
smsfollow_provider_events(PG_FUNCTION_ARGS)
{
	List	   *events = events_of_arguments(fcinfo);
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	foreach(lc, events)
	{
		if (lc != list_head(events))
			appendStringInfoChar(&buf, ',');
		json_event(&buf, lfirst(lc));
	}
	appendStringInfoChar(&buf, ']');
	return json_result(&buf);
}
