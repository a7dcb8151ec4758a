/*-------------------------------------------------------------------------
 *
 * sandbox.c
 *		The provider that needs no account: it decides by the number.
 *
 * The last four digits of the recipient choose what happens; nothing is
 * remembered between texts, so the same number always behaves the same way.
 *
 *	0001	rejected, bad_recipient
 *	0002	rejected, opted_out
 *	0003	retry, transient
 *	0004	retry, rate_limited, after one second
 *	0005	in doubt
 *	0006	accepted after two seconds, then delivered
 *	0007	accepted, then undelivered
 *	others	accepted, then delivered
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "provider/internal.h"

/* The number made of the last four characters of to; -1 when it is shorter. */
static int
magic_of(const char *to)
{
	size_t		len = to ? strlen(to) : 0;

	return len < 4 ? -1 : atoi(to + len - 4);
}

/* Decides about one text.  delay_ms: how long to wait before telling anybody. */
void
sf_provider_sandbox(const sf_provider *provider, const sf_outgoing *message,
					sf_outcome *outcome, int *delay_ms)
{
	static const struct
	{
		int			magic;
		sf_class	class;
		const char *code;
		const char *text;
	}			refusals[] =
	{
		{1, SF_CLASS_BAD_RECIPIENT, "1", "the sandbox does not know this number"},
		{2, SF_CLASS_OPTED_OUT, "2", "the sandbox says that this number opted out"},
		{3, SF_CLASS_TRANSIENT, "3", "the sandbox is busy"},
		{4, SF_CLASS_RATE_LIMITED, "4", "the sandbox wants fewer texts"},
		{5, SF_CLASS_AMBIGUOUS, NULL, "the sandbox lost its answer"}
	};
	int			magic = magic_of(message->to);

	sf_outcome_init(outcome);
	*delay_ms = provider->sandbox_delay_ms;
	for (int i = 0; i < lengthof(refusals); i++)
	{
		if (refusals[i].magic != magic)
			continue;
		sf_outcome_set_class(outcome, refusals[i].class);
		outcome->error_code = refusals[i].code ? pstrdup(refusals[i].code) : NULL;
		outcome->error_text = pstrdup(refusals[i].text);
		if (refusals[i].class == SF_CLASS_RATE_LIMITED)
			outcome->retry_after_ms = 1000;
		return;
	}
	if (magic == 6)
		*delay_ms += 2000;
	outcome->kind = SF_ACCEPTED;
	outcome->reason = "ok";
	outcome->provider_message_id = psprintf("sandbox-" INT64_FORMAT, message->message_id);
	outcome->status = pstrdup("accepted");
}

/*
 * The state in which a text to this number ends, as a receipt would report
 * it: delivered or undelivered; NULL when it is never accepted.
 */
const char *
sf_provider_sandbox_receipt(const char *to)
{
	int			magic = magic_of(to);

	if (magic >= 1 && magic <= 5)
		return NULL;
	return magic == 7 ? "undelivered" : "delivered";
}
