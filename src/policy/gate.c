/*-------------------------------------------------------------------------
 *
 * gate.c
 *		The rules of the gate, in the order in which they win.
 *
 * No table is read here and nothing is written: facts in, answer out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/budget.h"
#include "policy/cap.h"
#include "policy/gate.h"
#include "policy/quiet.h"

#define SF_NEXT_STEPS 1000		/* until rules about time agree on an instant, or never will */

static void
rule_kill_switch(const sf_facts *facts, sf_answer *answer)
{
	if (facts->all_paused)
		sf_refuse(answer, SF_DEFER, "kill_switch", DT_NOEND);
	sf_saw(answer, facts->all_paused ? "everything is paused" : "off");
}

static void
rule_number(const sf_facts *facts, sf_answer *answer)
{
	/* explain may suppose a number that is no contact yet; a text without number was erased */
	if (facts->phone == NULL && facts->message_id != 0)
		sf_refuse(answer, SF_SUPPRESS, "erased", 0);
	if (facts->contact_id == 0)
		sf_saw(answer, "not a contact yet");
	else
		sf_saw(answer, "contact " INT64_FORMAT "%s", facts->contact_id, facts->phone ? "" : " has no number");
}

static void
rule_expiry(const sf_facts *facts, sf_answer *answer)
{
	if (facts->expires_at == 0)
		return;
	if (facts->expires_at <= facts->now)
		sf_refuse(answer, SF_EXPIRE, "expired", 0);
	sf_saw(answer, "expires_at %s", timestamptz_to_str(facts->expires_at));
}

static void
rule_blocked(const sf_facts *facts, sf_answer *answer)
{
	if (facts->blocked_code == NULL)
		return;
	sf_refuse(answer, SF_SUPPRESS, facts->blocked_code, 0);
	sf_saw(answer, "contact " INT64_FORMAT " is blocked", facts->contact_id);
}

/* GDPR Art. 18: of a person who wants that, data are kept and nothing else. */
static void
rule_restricted(const sf_facts *facts, sf_answer *answer)
{
	if (facts->restricted_at == 0)
		return;
	sf_refuse(answer, SF_SUPPRESS, "restricted", 0);
	sf_saw(answer, "restricted since %s", timestamptz_to_str(facts->restricted_at));
}

static void
rule_pause(const sf_facts *facts, sf_answer *answer)
{
	/* a notice goes all the same: it answers the contact */
	if (facts->notice != NULL)
		return;
	if (facts->campaign_paused)
		sf_refuse(answer, SF_DEFER, "campaign_paused", DT_NOEND);
	else if (facts->program_paused)
		sf_refuse(answer, SF_DEFER, "program_paused", DT_NOEND);
	if (facts->program_paused && !facts->campaign_paused)
		sf_saw(answer, "program %s", facts->program);
	else
		sf_saw(answer, "campaign %s", facts->campaign);
}

static void
rule_sender(const sf_facts *facts, sf_answer *answer)
{
	if (facts->sender_id == 0 || facts->sender_paused)
		sf_refuse(answer, SF_DEFER, "sender_unavailable", facts->now + SF_RETRY_US);
	else if (facts->provider_paused)
		sf_refuse(answer, SF_DEFER, "provider_down", facts->now + SF_RETRY_US);
	answer->quiet = true;
	sf_saw(answer, "sender %s", facts->sender ? facts->sender : "none");
}

/* Before the body is made: what needs no more than the facts. */
static const sf_rule before_body[] = {
	{"kill_switch", rule_kill_switch, NULL, NULL},
	{"number", rule_number, NULL, NULL},
	{"expiry", rule_expiry, NULL, NULL},
	{"blocked", rule_blocked, NULL, NULL},
	{"restricted", rule_restricted, NULL, NULL},
	{"recipient", sf_rule_recipient, NULL, NULL},
	{"consent", sf_rule_consent, NULL, NULL},
	{"approval", sf_rule_approval, NULL, NULL},
	{"pause", rule_pause, NULL, NULL},
	{"sender", rule_sender, NULL, NULL},
	{"quiet_hours", sf_rule_quiet, sf_quiet_next, NULL},
	{NULL}
};

/* Afterwards: what is counted in segments or money. */
static const sf_rule after_body[] = {
	{"caps", sf_caps_judge, sf_caps_next, sf_caps_explain},
	{"budgets", sf_budgets_judge, sf_budgets_next, sf_budgets_explain},
	{NULL}
};

static const sf_rule *const stages[] = {before_body, after_body};

/*
 * Name of a verdict for SQL.
 */
const char *
sf_verdict_name(sf_verdict verdict)
{
	static const char *const names[] = {"allow", "suppress", "expire", "defer"};

	return names[verdict];
}

/*
 * What rules say.
 */
void
sf_refuse(sf_answer *answer, sf_verdict verdict, const char *code, TimestampTz next_at)
{
	answer->verdict = verdict;
	answer->code = code;
	answer->next_at = next_at;
}

void
sf_saw(sf_answer *answer, const char *format,...)
{
	StringInfoData text;

	if (answer->verdict == SF_ALLOW && !answer->wordy)
		return;
	initStringInfo(&text);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&text, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	answer->value = text.data;
}

bool
sf_is_marketing(const sf_facts *facts)
{
	return facts->purpose == NULL || strcmp(facts->purpose, "marketing") == 0;
}

void
sf_judge_by_time(const sf_facts *facts, sf_answer *answer, const char *code,
				 TimestampTz (*next) (const sf_facts *facts, TimestampTz t))
{
	TimestampTz t = next(facts, facts->now);

	if (t <= facts->now)
		return;
	sf_refuse(answer, SF_DEFER, code, t);
	answer->exact = true;
}

/*
 * The first instant from t on that suits every rule about time; DT_NOEND when
 * there is none.
 */
static TimestampTz
next_for_all(const sf_facts *facts, TimestampTz t)
{
	for (int step = 0; step < SF_NEXT_STEPS; step++)
	{
		TimestampTz before = t;

		for (int stage = 0; stage < lengthof(stages); stage++)
			for (const sf_rule *rule = stages[stage]; rule->name != NULL; rule++)
				if (rule->next != NULL && (t = Max(t, rule->next(facts, t))) == DT_NOEND)
					return DT_NOEND;
		if (t == before)
			return t;
	}
	return DT_NOEND;
}

/*
 * Asks one rule.
 */
static void
ask(const sf_rule *rule, const sf_facts *facts, bool wordy, sf_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->rule = rule->name;
	answer->wordy = wordy;
	rule->judge(facts, answer);
}

/*
 * A text that could go only after its time is over will not go: it says so
 * now, and its place is free.
 */
static void
settle_time(const sf_facts *facts, sf_answer *answer)
{
	if (answer->verdict != SF_DEFER || !answer->exact)
		return;
	answer->next_at = next_for_all(facts, answer->next_at);
	if (answer->next_at == DT_NOEND || (facts->expires_at != 0 && answer->next_at >= facts->expires_at))
	{
		answer->verdict = SF_EXPIRE;
		answer->next_at = 0;
		if (answer->patient && facts->expires_at != 0)
		{
			answer->verdict = SF_DEFER;
			answer->next_at = facts->expires_at;
		}
	}
}

void
sf_gate_judge(const sf_facts *facts, sf_stage stage, sf_answer *answer)
{
	for (const sf_rule *rule = stages[stage]; rule->name != NULL; rule++)
	{
		ask(rule, facts, false, answer);
		if (answer->verdict != SF_ALLOW)
		{
			settle_time(facts, answer);
			return;
		}
	}
	memset(answer, 0, sizeof(*answer));
}

int
sf_gate_explain(const sf_facts *facts, sf_stage stage, sf_answer *answers)
{
	int			n = 0;

	for (const sf_rule *rule = stages[stage]; rule->name != NULL; rule++)
	{
		if (rule->explain != NULL)
			n += rule->explain(facts, answers + n, SF_MAX_RULES - n);
		else if (n < SF_MAX_RULES)
			ask(rule, facts, true, &answers[n++]);
	}
	return n;
}
