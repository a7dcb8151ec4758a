/*-------------------------------------------------------------------------
 *
 * budget.c
 *		Budgets: the rule of the gate.
 *
 * A text goes only if its expected price still fits into every budget that it
 * draws on.  What the texts before it in the same wave take is added here, in
 * memory; what they took is written with their permits (fate.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/budget.h"
#include "policy/cap.h"
#include "policy/rows.h"

static sf_budget *budgets;
static int	nbudgets;

/*
 * Reads budget.
 */
void
sf_budgets_load(void)
{
	static SPIPlanPtr plan;
	sf_budget  *fresh;
	int			n;

	sf_plan(&plan,
			"SELECT b.budget_id, b.name, b.program_id, b.campaign_id, (b.amount * 1000000)::bigint, b.currency,"
			" b.period, b.time_zone, b.on_exceed = 'skip'"
			" FROM smsfollow.budget b ORDER BY b.budget_id", 0, NULL);
	n = sf_rows(plan, NULL);
	fresh = palloc0(sizeof(sf_budget) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		sf_budget  *budget = &fresh[i];

		sf_row(i);
		budget->budget_id = sf_int4_at(0);
		budget->name = sf_text_at(1);
		budget->code = psprintf("budget:%s", budget->name);
		budget->program_id = sf_int4_at(2);
		budget->campaign_id = sf_int4_at(3);
		budget->amount = sf_int8_at(4);
		budget->currency = sf_text_at(5);
		budget->period = sf_text_at(6);
		budget->time_zone = sf_text_at(7);
		budget->skip = sf_bool_at(8);
	}
	sf_rows_done();
	budgets = fresh;
	nbudgets = n;
}

/*
 * What must be sent by law or politeness is never held back, though it costs.
 */
sf_budget *
sf_next_budget(const sf_facts *facts, int *at)
{
	if (nbudgets == 0 || strcmp(facts->purpose, "compliance") == 0)
		return NULL;
	while (*at < nbudgets)
	{
		sf_budget  *budget = &budgets[(*at)++];

		if ((budget->program_id == 0 || budget->program_id == facts->program_id) &&
			(budget->campaign_id == 0 || budget->campaign_id == facts->campaign_id))
			return budget;
	}
	return NULL;
}

static int64
price_of(const sf_facts *facts)
{
	/* explain may ask before there is a body: suppose a short one */
	return facts->price_per_segment * Max(facts->segments, 1);
}

static bool
fits(const sf_budget *budget, const sf_facts *facts)
{
	return budget->spent + price_of(facts) <= budget->amount;
}

static bool
has_price(const sf_budget *budget, const sf_facts *facts)
{
	return facts->price_currency != NULL && strcmp(facts->price_currency, budget->currency) == 0;
}

static void
judge_one(const sf_budget *budget, const sf_facts *facts, sf_answer *answer)
{
	if (!has_price(budget, facts))
	{
		sf_refuse(answer, SF_DEFER, "no_price", facts->now + SF_RETRY_US);
		answer->quiet = true;
		sf_saw(answer, "budget %s is in %s, sender %s", budget->name, budget->currency,
			   facts->price_currency ? facts->price_currency : "has no price");
		return;
	}
	if (!fits(budget, facts))
	{
		sf_refuse(answer, budget->skip ? SF_SUPPRESS : SF_DEFER, budget->code, budget->ends);
		/* a lifetime does not end: until somebody raises it */
		answer->exact = budget->ends != DT_NOEND;
	}
	if (answer->verdict != SF_ALLOW || answer->wordy)
		sf_saw(answer, "budget %s: %.6f of %.6f %s since %s, and %.6f for this text", budget->name,
			   (double) budget->spent / SF_MONEY_SCALE, (double) budget->amount / SF_MONEY_SCALE, budget->currency,
			   timestamptz_to_str(budget->starts), (double) price_of(facts) / SF_MONEY_SCALE);
}

/*
 * All must hold; as with caps, what ends a text wins, then what lasts longest.
 */
void
sf_budgets_judge(const sf_facts *facts, sf_answer *answer)
{
	sf_budget  *budget;
	int			at = 0;

	while ((budget = sf_next_budget(facts, &at)) != NULL)
	{
		sf_answer	one = {.rule = answer->rule,.wordy = answer->wordy};

		judge_one(budget, facts, &one);
		if (one.verdict == SF_ALLOW)
			continue;
		if (one.verdict != SF_DEFER || answer->verdict == SF_ALLOW || one.next_at > answer->next_at)
			*answer = one;
		if (one.verdict != SF_DEFER)
			return;
	}
}

/*
 * What is left grows only with a new period.
 */
TimestampTz
sf_budgets_next(const sf_facts *facts, TimestampTz t)
{
	sf_budget  *budget;
	int			at = 0;

	while ((budget = sf_next_budget(facts, &at)) != NULL)
		if (!budget->skip && budget->ends != DT_NOEND && t < budget->ends &&
			has_price(budget, facts) && !fits(budget, facts))
			t = budget->ends;
	return t;
}

int
sf_budgets_explain(const sf_facts *facts, sf_answer *answers, int room)
{
	sf_budget  *budget;
	int			at = 0;
	int			n = 0;

	while (n < room && (budget = sf_next_budget(facts, &at)) != NULL)
	{
		sf_answer  *answer = &answers[n++];

		memset(answer, 0, sizeof(*answer));
		answer->rule = psprintf("budget %s", budget->name);
		answer->wordy = true;
		judge_one(budget, facts, answer);
	}
	return n;
}

void
sf_budgets_take(const sf_facts *facts)
{
	sf_budget  *budget;
	int			at = 0;

	while ((budget = sf_next_budget(facts, &at)) != NULL)
		budget->spent += price_of(facts);
}

bool
sf_budgets_busy(const sf_facts *facts)
{
	sf_budget  *budget;
	int			at = 0;

	while ((budget = sf_next_budget(facts, &at)) != NULL)
		if (!budget->locked)
			return true;
	return false;
}
