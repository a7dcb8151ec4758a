/*-------------------------------------------------------------------------
 *
 * consent.c
 *		The rule of the gate about consent.
 *
 * A consent must hold at this moment, and be of a kind that is strict enough:
 * for its program, and for marketing for the law of every place the contact may
 * be in, which may also let consent end after a time.  While a double opt-in can still be confirmed, texts wait for that.  Two texts
 * are about consent itself and go without it, each only as long as it is true:
 * the one that confirms an opt-out and the one that asks to confirm an opt-in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "policy/gate.h"
#include "policy/jurisdiction.h"

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

/* What a consent must be, and what has ended it. */
typedef struct demands
{
	const char *kind;			/* the strictest that anybody asks for */
	const char *rule;			/* the law that asks for it; NULL: the program */
	const char *ended;			/* the law under which it has ended; NULL: none */
} demands;

/* Has so much time passed since it was recorded? */
static bool
is_over(const sf_facts *facts, const Interval *life)
{
	return life != NULL &&
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												TimestampTzGetDatum(facts->consent_since),
												IntervalPGetDatum(life))) <= facts->now;
}

static void
find_demands(const sf_facts *facts, demands *d)
{
	const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS];
	int			n;

	memset(d, 0, sizeof(*d));
	d->kind = facts->consent_required;
	if (!sf_is_marketing(facts))
		return;
	n = sf_jurisdictions_of(facts, rules);
	for (int i = 0; i < n; i++)
	{
		if (rank(rules[i]->consent) > rank(d->kind))
		{
			d->kind = rules[i]->consent;
			d->rule = rules[i]->name;
		}
		if (is_over(facts, rules[i]->consent_lifetime) ||
			(rank(facts->consent_kind) == rank("implied") && is_over(facts, rules[i]->implied_lifetime)))
			d->ended = rules[i]->name;
	}
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
	demands		d = {0};

	if (facts->notice != NULL)
	{
		judge_notice(facts, answer);
		return;
	}
	if (opted_in)
	{
		find_demands(facts, &d);
		if (d.ended == NULL && rank(facts->consent_kind) >= rank(d.kind))
		{
			saw_event(facts, answer);
			return;
		}
	}
	if (facts->consent_pending_until > facts->now)
	{
		sf_refuse(answer, SF_DEFER, "doi_pending", facts->consent_pending_until);
		sf_saw(answer, "program %s, can be confirmed until %s", facts->program,
			   timestamptz_to_str(facts->consent_pending_until));
	}
	else if (d.ended != NULL)
	{
		sf_refuse(answer, SF_SUPPRESS, "consent_expired", 0);
		sf_saw(answer, "consent_event " INT64_FORMAT ", rule %s", facts->consent_event_id, d.ended);
	}
	else if (opted_in)
	{
		sf_refuse(answer, SF_SUPPRESS, "consent_kind", 0);
		sf_saw(answer, "%s, %s %s asks for %s", facts->consent_kind ? facts->consent_kind : "no kind",
			   d.rule ? "rule" : "program", d.rule ? d.rule : facts->program, d.kind);
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
