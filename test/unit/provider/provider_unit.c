/*-------------------------------------------------------------------------
 *
 * provider_unit.c
 *		Calls src/provider from SQL, with secrets and faults of choice.
 *
 * Built by the Makefile beside it into a module of its own, never part of the
 * extension: it would show secrets to anybody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"
#include "settings.h"

#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

/* What settings.c gives in the extension. */
bool		sf_allow_insecure_http = false;
char	   *sf_secret_dir = NULL;

extern PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(unit_request);
PG_FUNCTION_INFO_V1(unit_outcome);
PG_FUNCTION_INFO_V1(unit_lookup_request);
PG_FUNCTION_INFO_V1(unit_lookup_outcome);
PG_FUNCTION_INFO_V1(unit_sandbox);
PG_FUNCTION_INFO_V1(unit_time);
PG_FUNCTION_INFO_V1(unit_secret);
PG_FUNCTION_INFO_V1(unit_redact);
PG_FUNCTION_INFO_V1(unit_bench);

void
_PG_init(void)
{
	DefineCustomBoolVariable("unit.allow_insecure_http", "As smsfollow.allow_insecure_http.", NULL,
							 &sf_allow_insecure_http, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("unit.secret_dir", "As smsfollow.secret_dir.", NULL,
							   &sf_secret_dir, "", PGC_USERSET, 0, NULL, NULL, NULL);
}

/* Arguments 0 to 2: description, settings, secrets. */
static sf_provider *
provider_arg(FunctionCallInfo fcinfo)
{
	return sf_provider_compile(CurrentMemoryContext, "unit", PG_GETARG_JSONB_P(0),
							   PG_GETARG_JSONB_P(1), PG_GETARG_JSONB_P(2),
							   sf_allow_insecure_http);
}

/* An object with to, from, body, ref, ttl_s, is_unicode, message_id. */
static void
message_arg(Jsonb *jb, sf_outgoing *m)
{
	sf_node    *node = sf_node_from_jsonb(jb);
	const char *ttl = sf_node_scalar(sf_node_get(node, "ttl_s"));
	const char *id = sf_node_scalar(sf_node_get(node, "message_id"));
	const char *unicode = sf_node_scalar(sf_node_get(node, "is_unicode"));

	memset(m, 0, sizeof(*m));
	m->message_id = id ? strtoll(id, NULL, 10) : 7;
	m->to = sf_node_scalar(sf_node_get(node, "to"));
	m->from = sf_node_scalar(sf_node_get(node, "from"));
	m->body = sf_node_scalar(sf_node_get(node, "body"));
	m->ref = sf_node_scalar(sf_node_get(node, "ref"));
	m->ttl_s = ttl ? atoi(ttl) : 0;
	m->is_unicode = unicode && strcmp(unicode, "true") == 0;
}

/* "POST url | user:password | Name: value | body" */
static Datum
request_result(const sf_http_request *r)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s %s", r->method, r->url);
	if (r->userpwd)
		appendStringInfo(&buf, " | %s", r->userpwd);
	for (int i = 0; i < r->nheaders; i++)
		appendStringInfo(&buf, " | %s: %s", r->headers[i].name, r->headers[i].value);
	if (r->body)
	{
		appendStringInfo(&buf, " | %s", r->body);
		if (strlen(r->body) != r->body_len)
			elog(ERROR, "body_len is wrong");
	}
	return PointerGetDatum(cstring_to_text(buf.data));
}

/* "rejected bad_recipient hold=provider wait=1000 id=.. ..." */
static char *
outcome_text(const sf_outcome *o)
{
	static const char *const kinds[] = {"accepted", "rejected", "retry", "in_doubt"};
	static const char *const holds[] = {"none", "sender", "provider"};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s %s", kinds[o->kind], o->reason);
	if (o->hold != SF_HOLD_NONE)
		appendStringInfo(&buf, " hold=%s", holds[o->hold]);
	if (o->retry_after_ms != -1)
		appendStringInfo(&buf, " wait=" INT64_FORMAT, o->retry_after_ms);
	if (o->provider_message_id)
		appendStringInfo(&buf, " id=%s", o->provider_message_id);
	if (o->status)
		appendStringInfo(&buf, " status=%s", o->status);
	if (o->segments)
		appendStringInfo(&buf, " segments=%d", o->segments);
	if (o->cost)
		appendStringInfo(&buf, " cost=%s%s", o->cost, o->currency ? o->currency : "");
	if (o->error_code)
		appendStringInfo(&buf, " code=%s", o->error_code);
	if (o->error_text)
		appendStringInfo(&buf, " text=%s", o->error_text);
	return buf.data;
}

/* unit_request(description, settings, secrets, message) */
Datum
unit_request(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);
	sf_outgoing m;
	sf_http_request r;

	message_arg(PG_GETARG_JSONB_P(3), &m);
	sf_provider_send_request(p, &m, &r);
	return request_result(&r);
}

/* A response: stage, status, body, one header, error text. */
static void
response_args(FunctionCallInfo fcinfo, int first, sf_http_response *r)
{
	const char *stage = text_to_cstring(PG_GETARG_TEXT_PP(first));
	bytea	   *body = PG_GETARG_BYTEA_PP(first + 2);

	memset(r, 0, sizeof(*r));
	r->stage = strcmp(stage, "answered") == 0 ? SF_STAGE_ANSWERED :
		strcmp(stage, "sent") == 0 ? SF_STAGE_SENT : SF_STAGE_NOT_SENT;
	r->status = PG_GETARG_INT32(first + 1);
	r->body_len = VARSIZE_ANY_EXHDR(body);
	r->body = pnstrdup(VARDATA_ANY(body), r->body_len);
}

/* unit_outcome(description, settings, secrets, stage, status, body, header, value, error) */
Datum
unit_outcome(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);
	sf_http_response r;
	sf_http_header header;
	sf_outcome	o;

	response_args(fcinfo, 3, &r);
	header.name = text_to_cstring(PG_GETARG_TEXT_PP(6));
	header.value = text_to_cstring(PG_GETARG_TEXT_PP(7));
	strlcpy(r.error, text_to_cstring(PG_GETARG_TEXT_PP(8)), sizeof(r.error));
	if (strcmp(header.name, "retry-after") == 0)
		r.retry_after = header.value;
	else if (header.name[0] != '\0')
	{
		r.headers = &header;
		r.nheaders = 1;
	}
	sf_provider_send_outcome(p, &r, &o);
	PG_RETURN_TEXT_P(cstring_to_text(outcome_text(&o)));
}

/* The provider's id, "" for none. */
static const char *
id_arg(FunctionCallInfo fcinfo, int n)
{
	const char *id = text_to_cstring(PG_GETARG_TEXT_PP(n));

	return id[0] == '\0' ? NULL : id;
}

/* unit_lookup_request(description, settings, secrets, message, id, sent_at) */
Datum
unit_lookup_request(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);
	sf_outgoing m;
	sf_http_request r;

	message_arg(PG_GETARG_JSONB_P(3), &m);
	sf_provider_lookup_request(p, &m, id_arg(fcinfo, 4), PG_GETARG_INT64(5), &r);
	return request_result(&r);
}

/* unit_lookup_outcome(description, settings, secrets, message, id, sent_at, stage, status, body) */
Datum
unit_lookup_outcome(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"found", "absent", "inconclusive"};
	sf_provider *p = provider_arg(fcinfo);
	sf_outgoing m;
	sf_http_response r;
	sf_outcome	o;
	sf_lookup_kind kind;

	message_arg(PG_GETARG_JSONB_P(3), &m);
	response_args(fcinfo, 6, &r);
	kind = sf_provider_lookup_outcome(p, &m, id_arg(fcinfo, 4), PG_GETARG_INT64(5), &r, &o);
	PG_RETURN_TEXT_P(cstring_to_text(kind == SF_LOOKUP_FOUND ?
									 psprintf("found %s", outcome_text(&o)) : kinds[kind]));
}

/* unit_sandbox(description, settings, secrets, to) */
Datum
unit_sandbox(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);
	sf_outgoing m = {0};
	sf_outcome	o;
	int			delay;
	const char *receipt;

	m.message_id = 7;
	m.to = text_to_cstring(PG_GETARG_TEXT_PP(3));
	m.body = "x";
	sf_provider_sandbox(p, &m, &o, &delay);
	receipt = sf_provider_sandbox_receipt(m.to);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s delay=%d receipt=%s", outcome_text(&o), delay,
											  receipt ? receipt : "-")));
}

/* unit_time(text): seconds, NULL when it is no time */
Datum
unit_time(PG_FUNCTION_ARGS)
{
	int64		epoch;

	if (!sf_parse_time(text_to_cstring(PG_GETARG_TEXT_PP(0)), &epoch))
		PG_RETURN_NULL();
	PG_RETURN_INT64(epoch);
}

/* unit_secret(name) */
Datum
unit_secret(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(sf_provider_load_secret(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* unit_redact(description, settings, secrets, text) */
Datum
unit_redact(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);

	PG_RETURN_TEXT_P(cstring_to_text(sf_redact(&p->secrets,
											   text_to_cstring(PG_GETARG_TEXT_PP(3)))));
}

/*
 * unit_bench(description, settings, secrets, message, answer, n): nanoseconds
 * for one request built, one answer read, and one description compiled.
 */
Datum
unit_bench(PG_FUNCTION_ARGS)
{
	sf_provider *p = provider_arg(fcinfo);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bench",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	sf_outgoing m;
	sf_http_request q;
	sf_http_response r = {0};
	sf_outcome	o;
	int			n = PG_GETARG_INT32(5);
	double		ns[3];

	message_arg(PG_GETARG_JSONB_P(3), &m);
	r.stage = SF_STAGE_ANSWERED;
	r.status = 201;
	r.body = text_to_cstring(PG_GETARG_TEXT_PP(4));
	r.body_len = strlen(r.body);
	old = MemoryContextSwitchTo(scratch);
	for (int what = 0; what < 3; what++)
	{
		instr_time	start;
		instr_time	end;

		INSTR_TIME_SET_CURRENT(start);
		for (int i = 0; i < n; i++)
		{
			if (what == 0)
				sf_provider_send_request(p, &m, &q);
			else if (what == 1)
				sf_provider_send_outcome(p, &r, &o);
			else
				sf_provider_free(provider_arg(fcinfo));
			MemoryContextReset(scratch);
		}
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, start);
		ns[what] = INSTR_TIME_GET_DOUBLE(end) * 1e9 / n;
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("request %.0f ns, answer %.0f ns, compile %.0f ns",
											  ns[0], ns[1], ns[2])));
}
