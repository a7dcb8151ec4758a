/*-------------------------------------------------------------------------
 *
 * outcome.c
 *		From an answer to what the engine does next.
 *
 * The invariant: SF_RETRY only where the provider, or the lack of a single
 * byte on the wire, proves that the text was not accepted.  Whatever cannot
 * be proven is SF_IN_DOUBT, because a text sent twice cannot be taken back.
 *
 *	not one byte sent						retry, not_sent
 *	sent, no complete answer				in doubt
 *	2xx, id there (or none wanted)			accepted
 *	2xx, no JSON or no id					in doubt
 *	2xx, but the body says no				by its error code
 *	429										retry, the sender waits
 *	503 with Retry-After					retry, the sender waits
 *	5xx otherwise							by a rule, else in doubt
 *	4xx										by a rule, else by the HTTP defaults
 *	anything else							in doubt
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

/* Nothing known yet. */
void
sf_outcome_init(sf_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->kind = SF_IN_DOUBT;
	outcome->reason = "ambiguous";
	outcome->hold = SF_HOLD_NONE;
	outcome->retry_after_ms = -1;
}

/* Kind, reason and hold that follow from a class of errors. */
void
sf_outcome_set_class(sf_outcome *outcome, sf_class class)
{
	outcome->reason = sf_class_name(class);
	outcome->hold = SF_HOLD_NONE;
	switch (class)
	{
		case SF_CLASS_RATE_LIMITED:
			outcome->kind = SF_RETRY;
			outcome->hold = SF_HOLD_SENDER;
			break;
		case SF_CLASS_TRANSIENT:
			outcome->kind = SF_RETRY;
			break;
		case SF_CLASS_AUTH:
		case SF_CLASS_FUNDS:
			outcome->kind = SF_RETRY;
			outcome->hold = SF_HOLD_PROVIDER;
			break;
		case SF_CLASS_NONE:
		case SF_CLASS_AMBIGUOUS:
			outcome->kind = SF_IN_DOUBT;
			outcome->reason = "ambiguous";
			break;
		case SF_CLASS_OPTED_OUT:
		case SF_CLASS_BAD_RECIPIENT:
		case SF_CLASS_BLOCKED:
		case SF_CLASS_SENDER_CONFIG:
		case SF_CLASS_CONTENT:
		case SF_CLASS_PERMANENT:
			outcome->kind = SF_REJECTED;
			break;
	}
}

/* True for the classes after which a text may be sent again. */
static bool
is_retry(sf_class class)
{
	return class == SF_CLASS_RATE_LIMITED || class == SF_CLASS_TRANSIENT ||
		class == SF_CLASS_AUTH || class == SF_CLASS_FUNDS;
}

/* What an HTTP status says by itself. */
static sf_class
default_class(int http)
{
	if (http == 429)
		return SF_CLASS_RATE_LIMITED;
	if (http == 401 || http == 403)
		return SF_CLASS_AUTH;
	if (http == 402)
		return SF_CLASS_FUNDS;
	if (http == 408)
		return SF_CLASS_AMBIGUOUS;
	if (http >= 400 && http < 500)
		return SF_CLASS_PERMANENT;
	return SF_CLASS_AMBIGUOUS;
}

/* The class of an answer that does not accept the text. */
static sf_class
refusal_class(const sf_provider *provider, const sf_reading *reading, int http, int64 retry_after)
{
	sf_class	class = sf_rules_classify(&provider->classify, reading->error_code, http);

	/* 2xx with a body that says no: a refusal of a kind we have no rule for. */
	if (class == SF_CLASS_NONE && http >= 200 && http < 300)
		return reading->error_code ? SF_CLASS_PERMANENT : SF_CLASS_AMBIGUOUS;
	if (http == 429 && !is_retry(class))
		return SF_CLASS_RATE_LIMITED;
	if (class == SF_CLASS_NONE)
		class = default_class(http);
	if (http == 503 && retry_after >= 0 && class == SF_CLASS_AMBIGUOUS)
		return SF_CLASS_RATE_LIMITED;
	return class;
}

/* True when the answer accepts the text. */
static bool
accepts(const sf_provider *provider, const sf_reading *reading, int http)
{
	const sf_reader *r = &provider->response;
	bool		listed = r->nok == 0 && http >= 200 && http < 300;

	for (int i = 0; i < r->nok && !listed; i++)
		listed = r->ok_http[i] == http;
	if (r->reads_body && (!reading->parsed || !reading->ok))
		return false;
	if (r->id_required)
		return reading->id != NULL && http >= 200 && http < 300;
	return listed;
}

/*
 * Reads the answer to a send request.  Texts of outcome are palloc'd in the
 * current context or static.
 */
void
sf_provider_send_outcome(const sf_provider *provider, const sf_http_response *response,
						 sf_outcome *outcome)
{
	const sf_reader *r = &provider->response;
	int			http = (int) response->status;
	sf_reading	reading;
	const sf_mapping *mapping;

	sf_outcome_init(outcome);
	if (response->stage != SF_STAGE_ANSWERED)
	{
		if (response->stage == SF_STAGE_NOT_SENT)
		{
			outcome->kind = SF_RETRY;
			outcome->reason = "not_sent";
		}
		outcome->error_text = sf_redact(&provider->secrets, response->error);
		return;
	}

	sf_reader_read(r, response->body, response->body_len, &reading);
	outcome->error_code = sf_redact(&provider->secrets, reading.error_code);
	outcome->error_text = sf_redact(&provider->secrets, reading.error_text);
	outcome->retry_after_ms = sf_retry_after(&provider->retry, response);

	if (accepts(provider, &reading, http))
	{
		outcome->kind = SF_ACCEPTED;
		outcome->reason = "ok";
		outcome->retry_after_ms = -1;
		outcome->error_code = NULL;
		outcome->error_text = NULL;
		outcome->provider_message_id = reading.id;
		outcome->segments = reading.segments;
		outcome->cost = reading.cost;
		outcome->currency = reading.currency;
		mapping = sf_status_map_find(&provider->status_map, reading.status);
		if (mapping != NULL && mapping->status != NULL)
			outcome->status = pstrdup(mapping->status);
		return;
	}
	if (http >= 200 && http < 300 && reading.parsed && reading.ok)
	{
		/* The body does not say no either: without its id we cannot tell. */
		sf_outcome_set_class(outcome, SF_CLASS_AMBIGUOUS);
		outcome->retry_after_ms = -1;
	}
	else
		sf_outcome_set_class(outcome, refusal_class(provider, &reading, http,
													outcome->retry_after_ms));
	if (outcome->kind != SF_RETRY)
		outcome->retry_after_ms = -1;
	if (outcome->error_text == NULL && outcome->error_code == NULL)
		outcome->error_text = psprintf("HTTP status %d", http);
}
