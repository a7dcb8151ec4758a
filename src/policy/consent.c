/*-------------------------------------------------------------------------
 *
 * consent.c
 *		The rule of the gate about consent.
 *
 * A consent must hold at this moment, and be of a kind that is strict enough.
 * While a double opt-in can still be confirmed, texts wait for that.  Two texts
 * are about consent itself and go without it, each only as long as it is true:
 * the one that confirms an opt-out and the one that asks to confirm an opt-in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/gate.h"

/* From the weakest to the strictest, as consent_rank() has it. */
static const char *const kinds[] = {"implied", "soft_opt_in", "express", "express_written", "double_opt_in"};

/* 1 to 5; 0 for what is no kind. */
static int
rank(const char *kind)
{
	for (int i = 0; kind != NULL && i < lengthof(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return i + 1;
	return 0;
}

static bool
is_opted_in(const sf_facts *facts)
{
	return facts->consent_state != NULL && strcmp(facts->consent_state, "opted_in") == 0 &&
		(facts->consent_expires_at == 0 || facts->consent_expires_at > facts->now);
}

/* The row of the ledger, or in words. */
static void
saw_event(const sf_facts *facts, sf_answer *answer)
{
	if (answer->wordy)
		sf_saw(answer, "program %s %s%s%s since %s", facts->program, facts->consent_state,
			   facts->consent_kind ? " " : "", facts->consent_kind ? facts->consent_kind : "",
			   timestamptz_to_str(facts->consent_since));
	else
		sf_saw(answer, "consent_event " INT64_FORMAT, facts->consent_event_id);
}

static void
judge_notice(const sf_facts *facts, sf_answer *answer)
{
	bool		holds;

	if (strcmp(facts->notice, "opt_in_request") == 0)
		holds = facts->consent_pending_until > facts->now;
	else
		holds = !is_opted_in(facts);
	if (!holds)
		sf_refuse(answer, SF_SUPPRESS, "notice_outdated", 0);
	sf_saw(answer, "%s", facts->notice);
}

void
sf_rule_consent(const sf_facts *facts, sf_answer *answer)
{
	bool		opted_in = is_opted_in(facts);
	const char *state = facts->consent_state ? facts->consent_state : "none";

	if (facts->notice != NULL)
	{
		judge_notice(facts, answer);
		return;
	}
	if (opted_in && rank(facts->consent_kind) >= rank(facts->consent_required))
	{
		saw_event(facts, answer);
		return;
	}
	if (facts->consent_pending_until > facts->now)
	{
		sf_refuse(answer, SF_DEFER, "doi_pending", facts->consent_pending_until);
		sf_saw(answer, "program %s, can be confirmed until %s", facts->program,
			   timestamptz_to_str(facts->consent_pending_until));
	}
	else if (opted_in)
	{
		sf_refuse(answer, SF_SUPPRESS, "consent_kind", 0);
		sf_saw(answer, "%s, program %s asks for %s", facts->consent_kind ? facts->consent_kind : "no kind",
			   facts->program, facts->consent_required);
	}
	else if (strcmp(state, "opted_in") == 0)
	{
		sf_refuse(answer, SF_SUPPRESS, "consent_expired", 0);
		saw_event(facts, answer);
	}
	else if (strcmp(state, "opted_out") == 0)
	{
		sf_refuse(answer, SF_SUPPRESS, "opted_out", 0);
		saw_event(facts, answer);
	}
	else
	{
		sf_refuse(answer, SF_SUPPRESS, "no_consent", 0);
		sf_saw(answer, "program %s", facts->program);
	}
}
