/*-------------------------------------------------------------------------
 *
 * fault.c
 *		Rules that make the gateway misbehave, and which one strikes.
 *
 * Rules are tried in the order they were added; the first that matches the
 * request, has let enough requests pass, may still strike and wins its toss
 * decides.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RULES 64

static const struct
{
	fault_kind	kind;
	const char *name;
}			names[] = {
	{FAULT_NONE, "none"},
	{FAULT_DELAY, "delay"},
	{FAULT_STATUS, "status"},
	{FAULT_RESET, "reset"},
	{FAULT_CLOSE, "close"},
	{FAULT_HALF, "half"},
	{FAULT_BIG, "big"},
	{FAULT_STALL, "stall"},
	{FAULT_DRIP, "drip"},
	{FAULT_GARBAGE, "garbage"},
	{FAULT_REDIRECT, "redirect"}
};

#define N_NAMES ((int) (sizeof(names) / sizeof(names[0])))

static fault_rule rules[MAX_RULES];
static int	n_rules;
static int	last_id;

const char *
fault_name(fault_kind kind)
{
	for (int i = 0; i < N_NAMES; i++)
		if (names[i].kind == kind)
			return names[i].name;
	return "none";
}

static char *
copy_or_null(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

/* True when the value is fit for a header line. */
static bool
header_safe(const char *text)
{
	return text == NULL || (strpbrk(text, "\r\n") == NULL && strlen(text) < RETRY_AFTER_SIZE);
}

/*
 * Adds the rule that the fields describe.  False, and *problem in plain words,
 * when they do not.
 */
bool
fault_add(const fields *f, const char **problem)
{
	fault_rule	rule = {.kind = FAULT_NONE};
	const char *kind = fields_get(f, "kind");
	const char *on = fields_get(f, "on");
	const char *accept = fields_get(f, "accept");
	bool		ok = true;

	for (int i = 1; kind != NULL && i < N_NAMES; i++)
		if (strcmp(names[i].name, kind) == 0)
			rule.kind = names[i].kind;
	rule.count = fields_number(f, "count", -1, &ok);
	rule.skip = fields_number(f, "skip", 0, &ok);
	rule.probability = fields_real(f, "p", 1, &ok);
	rule.latency_ms = fields_number(f, "latency", -1, &ok);
	rule.status = (int) fields_number(f, "status", 503, &ok);
	rule.code = (int) fields_number(f, "code", 0, &ok);
	rule.size = fields_number(f, "mb", 16, &ok) * 1024 * 1024;
	rule.interval_ms = fields_number(f, "interval", 100, &ok);
	rule.accept = rule.kind != FAULT_STATUS && rule.kind != FAULT_REDIRECT;
	if (accept != NULL)
		rule.accept = strcmp(accept, "1") == 0 || strcmp(accept, "true") == 0;

	*problem = NULL;
	if (rule.kind == FAULT_NONE)
		*problem = "kind must be one of delay, status, reset, close, half, big, stall, drip, garbage, redirect";
	else if (!ok)
		*problem = "count, skip, p, latency, status, code, mb and interval must be numbers";
	else if (rule.status < 200 || rule.status > 599)
		*problem = "status must be 200 to 599";
	else if (rule.probability > 1)
		*problem = "p must be 0 to 1";
	else if (rule.size < 0 || rule.size > INT64_C(1024) * 1024 * 1024)
		*problem = "mb must be 0 to 1024";
	else if (rule.interval_ms < 0 || rule.interval_ms > 3600000 || rule.latency_ms > 3600000)
		*problem = "interval and latency must be at most 3600000 milliseconds";
	else if (!header_safe(fields_get(f, "retry_after")))
		*problem = "retry_after must be one short line";
	else if (on != NULL && strcmp(on, "send") != 0 && strcmp(on, "lookup") != 0 && strcmp(on, "all") != 0)
		*problem = "on must be send, lookup or all";
	else if (n_rules == MAX_RULES)
		*problem = "too many rules";
	if (*problem != NULL)
		return false;

	rule.id = ++last_id;
	rule.to = copy_or_null(fields_get(f, "to"));
	rule.on = xstrdup(on != NULL ? on : "send");
	rule.body = copy_or_null(fields_get(f, "body"));
	rule.retry_after = copy_or_null(fields_get(f, "retry_after"));
	rules[n_rules++] = rule;
	return true;
}

/* The same from the command line: kind=status,status=503,count=2 */
bool
fault_add_spec(const char *spec, const char **problem)
{
	char	   *text = xstrdup(spec);
	fields		f = {.count = 0};
	bool		added;

	for (char *at = text; *at != '\0'; at++)
		if (*at == ',')
			*at = '&';
	*problem = "too many fields";
	added = fields_from_form(&f, text) && fault_add(&f, problem);
	free(text);
	return added;
}

/* Requests that a rule struck have copied what they need of it. */
void
fault_clear(void)
{
	for (int i = 0; i < n_rules; i++)
	{
		free(rules[i].to);
		free(rules[i].on);
		free(rules[i].body);
		free(rules[i].retry_after);
	}
	n_rules = 0;
}

/* Appends the rules as a JSON array. */
void
fault_list(buffer *b)
{
	buffer_text(b, "[");
	for (int i = 0; i < n_rules; i++)
	{
		const fault_rule *rule = &rules[i];

		buffer_printf(b, "%s{\"id\":%d,\"kind\":\"%s\",\"to\":", i > 0 ? "," : "",
					  rule->id, fault_name(rule->kind));
		buffer_json_or_null(b, rule->to);
		buffer_text(b, ",\"on\":");
		buffer_json_or_null(b, rule->on);
		buffer_printf(b, ",\"count\":%lld,\"skip\":%lld,\"p\":%g,\"accept\":%s,\"latency\":%lld,\"hits\":%lld}",
					  (long long) rule->count, (long long) rule->skip, rule->probability,
					  rule->accept ? "true" : "false", (long long) rule->latency_ms,
					  (long long) rule->hits);
	}
	buffer_text(b, "]");
}

static bool
ends_with(const char *text, const char *suffix)
{
	size_t		text_len = strlen(text);
	size_t		len = strlen(suffix);

	return text_len >= len && strcmp(text + text_len - len, suffix) == 0;
}

static bool
matches(const fault_rule *rule, const request *r)
{
	bool		send = r->kind == KIND_TWILIO_SEND || r->kind == KIND_GENERIC_SEND;

	if (strcmp(rule->on, "all") != 0 && send != (strcmp(rule->on, "send") == 0))
		return false;
	return rule->to == NULL || (r->to != NULL && ends_with(r->to, rule->to));
}

/* Copies the rule that strikes this request to *chosen; FAULT_NONE if none does. */
void
fault_choose(const request *r, fault_rule *chosen)
{
	for (int i = 0; i < n_rules; i++)
	{
		fault_rule *rule = &rules[i];

		if (rule->count == 0 || !matches(rule, r))
			continue;
		if (rule->skip > 0)
		{
			rule->skip--;
			continue;
		}
		if (rule->probability < 1 && chance_uniform() >= rule->probability)
			continue;
		if (rule->count > 0)
			rule->count--;
		rule->hits++;
		*chosen = *rule;
		return;
	}
	memset(chosen, 0, sizeof(*chosen));
	chosen->latency_ms = -1;
	chosen->accept = true;
}
