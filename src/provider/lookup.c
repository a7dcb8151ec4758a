/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Asking the provider what became of a text in doubt.
 *
 * "fetch" asks by the provider's id, "lookup" lists what went to a recipient
 * and looks for the same body at or after the time of hand-over.  Saying
 * ABSENT leads to a second send, so it is said only when the whole list was
 * seen and every entry of it could be judged; everything less is
 * INCONCLUSIVE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

/* How far the provider's clock may run behind ours, in seconds. */
#define CLOCK_SLACK_S 60

/* Farther away than any time after the hand-over: such an entry is second choice. */
#define BEFORE (INT64CONST(1) << 40)

/* Compiles the part "fetch" or "lookup". */
sf_lookup *
sf_lookup_compile(sf_compiler *compiler, const char *part, sf_node *node,
				  bool allow_insecure_http)
{
	sf_lookup  *l = palloc0(sizeof(sf_lookup));
	const char *each = sf_node_scalar(sf_node_get(node, "each"));
	const sf_node *match = sf_node_get(node, "match");

	sf_check_members(compiler, part, node, SF_IN_REQUEST | SF_IN_ANSWER |
					 (strcmp(part, "lookup") == 0 ? SF_IN_LIST : 0));
	if (match != NULL)
		sf_check_members(compiler, "lookup.match", match, SF_IN_MATCH);
	if (sf_node_get(node, "method") == NULL)
	{
		sf_node    *method = sf_node_make(SF_NODE_STRING, "method");

		method->text = "GET";
		sf_node_put(node, method);
	}
	l->endpoint = sf_endpoint_compile(compiler, part, node, allow_insecure_http);
	sf_reader_compile(compiler, part, node, &l->reader);
	if (l->reader.is_text)
		sf_compile_error(compiler, part, "can only read JSON", NULL);
	if (strcmp(part, "fetch") == 0)
		return l;

	if (each == NULL || l->reader.id.nchoices == 0)
		sf_compile_error(compiler, part, "needs \"each\", the path of the list, and \"id\"", NULL);
	sf_path_compile(each, &l->each);
	sf_field_compile(compiler, "lookup.match.to", sf_node_get(match, "to"), &l->to);
	sf_field_compile(compiler, "lookup.match.body", sf_node_get(match, "body"), &l->body);
	sf_field_compile(compiler, "lookup.match.time", sf_node_get(match, "time"), &l->time);
	sf_field_compile(compiler, "lookup.next_page", sf_node_get(node, "next_page"), &l->next_page);
	if (l->to.nchoices == 0 || l->body.nchoices == 0 || l->time.nchoices == 0)
		sf_compile_error(compiler, "lookup.match", "needs the paths of to, body and time", NULL);
	return l;
}

/* As provider.h says. */
void
sf_provider_lookup_request(const sf_provider *provider, const sf_outgoing *message,
						   const char *provider_message_id, int64 sent_at_epoch_s,
						   sf_http_request *request)
{
	sf_values	values = {message, provider->callback, provider_message_id, sent_at_epoch_s, 0};
	const sf_lookup *l = provider_message_id ? provider->fetch : provider->lookup;

	if (l == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("provider \"%s\" cannot be asked about a text%s", provider->name,
						provider_message_id ? " by its id" : ""),
				 errhint("Its kind needs a lookup in its description; see add_provider_kind().")));
	sf_endpoint_render(l->endpoint, &values, request);
}

/* True when both texts have the same digits, and any at all. */
static bool
same_digits(const char *a, const char *b)
{
	int			n = 0;

	for (;;)
	{
		while (*a != '\0' && (*a < '0' || *a > '9'))
			a++;
		while (*b != '\0' && (*b < '0' || *b > '9'))
			b++;
		if (*a != *b)
			return false;
		if (*a == '\0')
			return n > 0;
		a++;
		b++;
		n++;
	}
}

/* body without blanks at either end and with plain line ends, palloc'd. */
static char *
normal_body(const char *body)
{
	const char *end = body + strlen(body);
	char	   *out = palloc(end - body + 1);
	char	   *p = out;

	while (*body != '\0' && strchr(" \t\r\n", *body) != NULL)
		body++;
	while (end > body && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	for (; body < end; body++)
	{
		if (body[0] == '\r' && body[1] == '\n')
			continue;
		*p++ = *body;
	}
	*p = '\0';
	return out;
}

/* What the provider's record of a text says about it. */
static sf_lookup_kind
judge(const sf_provider *provider, const sf_reading *reading, const char *id, sf_outcome *outcome)
{
	const sf_mapping *mapping = sf_status_map_find(&provider->status_map, reading->status);

	outcome->provider_message_id = reading->id ? reading->id : pstrdup(id);
	outcome->status = mapping && mapping->status ? pstrdup(mapping->status) : NULL;
	outcome->segments = reading->segments;
	outcome->cost = reading->cost;
	outcome->currency = reading->currency;
	outcome->error_code = sf_redact(&provider->secrets, reading->error_code);
	outcome->error_text = sf_redact(&provider->secrets, reading->error_text);
	outcome->kind = SF_ACCEPTED;
	outcome->reason = "ok";
	if (outcome->status != NULL &&
		(strcmp(outcome->status, "failed") == 0 || strcmp(outcome->status, "cancelled") == 0))
	{
		sf_class	class = sf_rules_classify(&provider->dlr_classify, reading->error_code, 0);

		outcome->kind = SF_REJECTED;
		outcome->reason = sf_class_name(class != SF_CLASS_NONE ? class : SF_CLASS_PERMANENT);
	}
	return SF_LOOKUP_FOUND;
}

/* Looks through the list at list for the text in question. */
static sf_lookup_kind
search(const sf_provider *provider, const sf_outgoing *message, int64 sent_at,
	   JsonbContainer *list, bool complete, sf_outcome *outcome)
{
	const sf_lookup *l = provider->lookup;
	const char *imported = sf_text_import(message->body, strlen(message->body));
	const char *wanted = imported ? normal_body(imported) : NULL;
	sf_reading	best;
	int64		best_distance = PG_INT64_MAX;
	int			n = JsonContainerSize(list);

	if (wanted == NULL)
		return SF_LOOKUP_INCONCLUSIVE;
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(list, i);
		JsonbContainer *c;
		const char *to;
		const char *body;
		const char *at;
		int64		epoch;
		int64		distance;

		if (element == NULL || element->type != jbvBinary)
		{
			complete = false;
			continue;
		}
		c = element->val.binary.data;
		to = sf_field_get(c, &l->to);
		body = sf_field_get(c, &l->body);
		at = sf_field_get(c, &l->time);
		if (to != NULL && !same_digits(to, message->to))
			continue;
		if (at != NULL && sf_parse_time(at, &epoch) && epoch < sent_at - CLOCK_SLACK_S)
			continue;
		/* Some accounts put words of their own around the body. */
		if (body != NULL && strstr(normal_body(body), wanted) == NULL)
			continue;
		/* It may be ours, but the provider no longer says enough. */
		if (to == NULL || body == NULL || at == NULL || !sf_parse_time(at, &epoch))
		{
			complete = false;
			continue;
		}
		distance = epoch >= sent_at ? epoch - sent_at : BEFORE + sent_at - epoch;
		if (distance < best_distance)
		{
			sf_reading	reading;

			sf_reader_read_json(&l->reader, c, &reading);
			if (reading.id == NULL)
			{
				complete = false;
				continue;
			}
			best = reading;
			best_distance = distance;
		}
	}
	if (best_distance != PG_INT64_MAX)
		return judge(provider, &best, "", outcome);
	return complete ? SF_LOOKUP_ABSENT : SF_LOOKUP_INCONCLUSIVE;
}

/*
 * Reads the answer to a lookup request.  outcome is filled when the text was
 * found: accepted, or rejected when the provider took it and then refused it.
 */
sf_lookup_kind
sf_provider_lookup_outcome(const sf_provider *provider, const sf_outgoing *message,
						   const char *provider_message_id, int64 sent_at_epoch_s,
						   const sf_http_response *response, sf_outcome *outcome)
{
	const sf_lookup *l = provider_message_id ? provider->fetch : provider->lookup;
	sf_reading	reading;
	JsonbValue	list;
	Jsonb	   *jb;

	sf_outcome_init(outcome);
	if (l == NULL || response->stage != SF_STAGE_ANSWERED ||
		response->status < 200 || response->status > 299)
		return SF_LOOKUP_INCONCLUSIVE;
	jb = sf_json_parse(response->body, response->body_len);
	if (jb == NULL)
		return SF_LOOKUP_INCONCLUSIVE;

	if (provider_message_id != NULL)
	{
		sf_reader_read_json(&l->reader, &jb->root, &reading);
		if (!reading.ok || reading.status == NULL ||
			(reading.id != NULL && strcmp(reading.id, provider_message_id) != 0))
			return SF_LOOKUP_INCONCLUSIVE;
		return judge(provider, &reading, provider_message_id, outcome);
	}
	if (!sf_path_get(&jb->root, &l->each, &list) || list.type != jbvBinary ||
		!JsonContainerIsArray(list.val.binary.data) ||
		JsonContainerIsScalar(list.val.binary.data))
		return SF_LOOKUP_INCONCLUSIVE;
	return search(provider, message, sent_at_epoch_s, list.val.binary.data,
				  sf_field_get(&jb->root, &l->next_page) == NULL, outcome);
}
