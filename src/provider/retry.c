/*-------------------------------------------------------------------------
 *
 * retry.c
 *		When a provider says that it may be asked again.
 *
 * Retry-After as RFC 9110 has it, plus what a description names: another
 * header, or a number in the body.  No wait is longer than a day, and what
 * cannot be understood counts as not said.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "provider/internal.h"

#define MAX_WAIT_MS (INT64CONST(24) * 3600 * 1000)

/* [{"header": name | "body_regex": expression, "unit": "s" | "ms"}] */
void
sf_retry_compile(sf_compiler *compiler, const sf_node *node, sf_retry_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	if (node == NULL || node->kind == SF_NODE_NULL)
		return;
	if (node->kind != SF_NODE_ARRAY)
		sf_compile_error(compiler, "retry_after", "must be an array", NULL);
	rules->items = palloc0(sizeof(sf_retry_rule) * Max(sf_node_length(node), 1));
	for (const sf_node *n = node->child; n != NULL; n = n->next)
	{
		sf_retry_rule *rule = &rules->items[rules->n++];
		const char *header = sf_node_scalar(sf_node_get(n, "header"));
		const char *unit = sf_node_scalar(sf_node_get(n, "unit"));

		if (unit != NULL && strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0)
			sf_compile_error(compiler, "retry_after.unit", "must be s or ms", NULL);
		rule->milliseconds = unit != NULL && strcmp(unit, "ms") == 0;
		sf_regex_compile(compiler, "retry_after.body_regex", sf_node_get(n, "body_regex"),
						 &rule->body);
		if (header != NULL)
		{
			char	   *lower = pstrdup(header);

			for (char *p = lower; *p != '\0'; p++)
				*p = pg_ascii_tolower((unsigned char) *p);
			rule->header = lower;
		}
		if ((rule->header == NULL) == (rule->body.source == NULL))
			sf_compile_error(compiler, "retry_after", "needs either header or body_regex", NULL);
	}
}

/* Milliseconds named by text, a whole number or a date; -1 when it is neither. */
static int64
parse_wait(const char *text, bool milliseconds)
{
	int64		epoch;
	int64		wait = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text >= '0' && *text <= '9')
	{
		const char *p = text;

		/* Stop counting far above the cap, long before an overflow. */
		while (*p >= '0' && *p <= '9')
		{
			if (wait < INT64CONST(1000000000000))
				wait = wait * 10 + (*p - '0');
			p++;
		}
		while (*p == ' ' || *p == '\t')
			p++;
		if (*p == '\0')
			return Min(milliseconds ? wait : wait * 1000, MAX_WAIT_MS);
	}
	/* The provider's clock is the world's, not the one that tests may move. */
	if (!sf_parse_time(text, &epoch))
		return -1;
	wait = epoch - (int64) time(NULL);
	if (wait <= 0)
		return 0;
	return Min(wait, MAX_WAIT_MS / 1000) * 1000;
}

/* Milliseconds that the answer asks us to wait; -1 when it says nothing. */
int64
sf_retry_after(const sf_retry_rules *rules, const sf_http_response *response)
{
	for (int i = 0; i < rules->n; i++)
	{
		const sf_retry_rule *rule = &rules->items[i];
		const char *text = NULL;
		int64		wait;

		if (rule->header == NULL)
			text = sf_regex_match(&rule->body, response->body, response->body_len);
		else
		{
			for (int j = 0; j < response->nheaders; j++)
			{
				if (strcmp(response->headers[j].name, rule->header) == 0)
					text = response->headers[j].value;
			}
		}
		wait = text ? parse_wait(text, rule->milliseconds) : -1;
		if (wait >= 0)
			return wait;
	}
	return response->retry_after ? parse_wait(response->retry_after, false) : -1;
}
