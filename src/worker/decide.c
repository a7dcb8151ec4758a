/*-------------------------------------------------------------------------
 *
 * decide.c
 *		What becomes of each locked text of a wave.
 *
 * The gate is asked in a statement of its own, whose snapshot is taken after
 * the locks: every opt-out that committed before is seen, and one that comes
 * later waits for this transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "policy/budget.h"
#include "policy/gate.h"
#include "policy/jurisdiction.h"
#include "policy/quiet.h"
#include "settings.h"
#include "worker/claim.h"

#define SF_DECIDE_US USECS_PER_SEC	/* a wave looks at no further text after this */

static SPIPlanPtr plan_paused;

/*
 * Did this text, alone in a wave, make the wave fail?
 */
static bool
is_poison(const sf_claimer *claimer, int64 message_id)
{
	for (int i = 0; i < claimer->npoison; i++)
		if (claimer->poison[i] == message_id)
			return true;
	return false;
}

/*
 * Is this text to leave the claim path because of a pause?
 */
static bool
is_paused(const sf_text *text)
{
	return text->fate == SF_FATE_DEFER && text->next_at == DT_NOEND &&
		(strcmp(text->code, "campaign_paused") == 0 || strcmp(text->code, "program_paused") == 0);
}

/*
 * Texts of paused campaigns and programs leave the claim path until resume()
 * or resume_program() brings them back.  So the pause must outlast this
 * transaction: what is being resumed right now keeps its texts here, to be
 * offered again soon.
 */
static void
hold_paused(sf_text *texts, int n)
{
	static const Oid types[] = {INT4ARRAYOID};
	TimestampTz offer_at = GetCurrentTimestamp() + SF_PARK_LOCKED_US;
	sf_array	ids;
	Datum		values[1];

	sf_array_init(&ids, n);
	for (int i = 0; i < n; i++)
		if (is_paused(&texts[i]))
			sf_array_add(&ids, Int32GetDatum(texts[i].campaign_id));
	if (ids.n == 0)
		return;
	sf_plan(&plan_paused, "SELECT c.campaign_id, smsfollow.paused_code(c.paused, p.paused)"
			" FROM smsfollow.campaign c JOIN smsfollow.program p USING (program_id)"
			" WHERE c.campaign_id = ANY ($1) FOR SHARE SKIP LOCKED", 1, types);
	values[0] = sf_array_datum(&ids, INT4OID);
	sf_execute(plan_paused, values, NULL, SPI_OK_SELECT);
	for (int i = 0; i < n; i++)
	{
		bool		paused = false;

		if (!is_paused(&texts[i]))
			continue;
		for (uint64 row = 0; row < SPI_processed && !paused; row++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			bool		isnull;
			char	   *code = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2);

			paused = DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull)) == texts[i].campaign_id &&
				code != NULL && strcmp(code, texts[i].code) == 0;
		}
		if (!paused)
		{
			texts[i].fate = SF_FATE_PARK;
			texts[i].next_at = offer_at;
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Takes over what the gate says; true when the text may still go.
 */
static bool
take_answer(sf_text *text, const sf_answer *answer)
{
	static const sf_fate fates[] = {SF_FATE_SEND, SF_FATE_SUPPRESS, SF_FATE_EXPIRE, SF_FATE_DEFER};

	text->fate = fates[answer->verdict];
	text->code = answer->code;
	text->rule = answer->value;
	text->next_at = answer->next_at;
	text->pacing = answer->quiet;
	return answer->verdict == SF_ALLOW;
}

/*
 * What is known of a text that goes on to the body and the sender.
 */
static void
take_facts(sf_text *text, const sf_facts *facts)
{
	text->facts = facts;
	text->phone = facts->phone;
	text->account = sf_config_account(facts->provider_id);
	text->sending = sf_config_sending(facts->sender_id);
	text->consent_event_id = facts->consent_event_id;
	text->expires_at = facts->expires_at;
	text->max_attempts = facts->max_attempts > 0 ? facts->max_attempts : sf_max_attempts;
	strlcpy(text->policy, facts->in_doubt_policy, sizeof(text->policy));
}

/*
 * What the body of a text is made of.  coupon is NULL until its code is taken.
 * Where nobody said where a contact is, its number tells the region, and the
 * zone unless that leaves several.
 */
static void
make_draft(const sf_facts *facts, sf_saved *saved, const char *coupon, sf_draft *draft)
{
	sf_place	place;

	sf_facts_place(facts, &place);
	draft->has_template = facts->template_version_id != 0;
	draft->template_version_id = facts->template_version_id;
	draft->literal = facts->body;
	draft->vars = facts->vars;
	draft->zone = place.nzones == 1 ? place.zone[0] : NULL;
	draft->locale = facts->locale;
	draft->region = facts->region != NULL ? facts->region :
		place.nareas > 0 ? pstrdup(place.area[0].region) : NULL;
	draft->compliance = strcmp(facts->purpose, "compliance") == 0;
	draft->saved = saved;
	saved->tenant_id = facts->tenant_id;
	draft->told_at = facts->told_at;
	draft->media = facts->media;
	draft->provider_id = facts->provider_id;
	draft->offer_id = facts->offer_id;
	draft->coupon = coupon;
	draft->now = facts->now;
}

/*
 * Makes the body of a text, as the claim and explain() know it.
 */
void
sf_make_body(sf_text *text, sf_facts *facts, sf_saved *saved)
{
	sf_draft	draft;

	text->locale = NULL;
	make_draft(facts, saved, NULL, &draft);
	sf_compose(text, &draft);
	if (text->fate == SF_FATE_SEND)
		facts->segments = text->segments.segments;
}

/*
 * One text through the gate, the making of its body, and the pace of its sender.
 */
static void
decide_one(sf_claimer *claimer, sf_text *text, sf_facts *facts, sf_saved *saved, TimestampTz wall)
{
	sf_answer	answer;

	if (facts->contact_busy || facts->all_paused || sf_budgets_busy(facts) ||
		GetCurrentTimestamp() - wall > SF_DECIDE_US)
	{
		/*
		 * Another dispatcher's text to this contact (ours are known to be busy);
		 * the kill switch, which leaves texts where they are; a budget that
		 * somebody else is drawing on; or a wave of templates that do much work,
		 * while others wait for the contacts it has locked.
		 */
		text->fate = SF_FATE_PARK;
		text->code = NULL;
		text->next_at = wall + SF_PARK_LOCKED_US;
		return;
	}
	if (facts->cancelled != NULL)
	{
		text->fate = SF_FATE_CANCEL;
		text->code = "cancelled";
		text->rule = facts->cancelled;
		return;
	}
	sf_gate_judge(facts, SF_BEFORE_BODY, &answer);
	if (!take_answer(text, &answer))
		return;
	take_facts(text, facts);
	sf_make_body(text, facts, saved);
	if (text->fate != SF_FATE_SEND)
		return;
	sf_gate_judge(facts, SF_AFTER_BODY, &answer);
	if (!take_answer(text, &answer))
		return;
	if (text->sending == NULL)
	{
		/* made or resumed since the caches were read */
		text->fate = SF_FATE_DEFER;
		text->pacing = true;
		text->code = "sender_unavailable";
		text->next_at = facts->now + 60 * USECS_PER_SEC;
		return;
	}
	sf_pace(claimer, text, wall, facts->now);
	if (text->fate != SF_FATE_SEND)
		return;
	sf_budgets_take(facts);
	text->valid_until = sf_quiet_until(facts, facts->expires_at);
}

/*
 * Asks the gate about the locked texts.
 */
void
sf_decide(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now)
{
	TimestampTz wall = GetCurrentTimestamp();
	sf_array	ids;
	sf_array	times;
	sf_array	returned;
	sf_saved	saved = {.context = CurrentMemoryContext};
	sf_facts   *facts;
	int			nfacts;

	sf_array_init(&ids, n);
	sf_array_init(&times, n);
	sf_array_init(&returned, n);
	for (int i = 0; i < n; i++)
	{
		sf_text    *t = &texts[i];
		bool		poison;

		if (t->fate != SF_FATE_SEND)
			continue;
		poison = is_poison(claimer, t->message_id);
		if (!poison)
		{
			sf_array_add(&ids, Int64GetDatum(t->message_id));
			sf_array_add(&times, TimestampTzGetDatum(t->message_at));
			sf_array_add(&returned, BoolGetDatum(t->returned));
		}
		t->fate = SF_FATE_SUPPRESS; /* until the gate says otherwise */
		t->code = poison ? "template_error" : "expired";
		t->rule = poison ? "it made the dispatcher fail, see the server log" : "its row in message is gone";
	}
	if (ids.n == 0)
		return;
	sf_policy_refresh();
	nfacts = sf_facts_of_texts(sf_array_datum(&ids, INT8OID), sf_array_datum(&times, TIMESTAMPTZOID),
							   sf_array_datum(&returned, BOOLOID), now, &facts);
	sf_budgets_open(facts, nfacts, true);
	/* rows come in our order, but for texts that are gone: search from where the last was found */
	for (int row = 0, at = 0; row < nfacts; row++)
		for (int k = 0; k < n; k++, at++)
			if (texts[at % n].message_id == facts[row].message_id)
			{
				decide_one(claimer, &texts[at % n], &facts[row], &saved, wall);
				break;
			}
	sf_take_coupons(texts, n, now);
	for (int i = 0; i < n; i++)
		if (texts[i].fate == SF_FATE_SEND && texts[i].coupon != NULL)
		{
			sf_draft	draft;

			make_draft(texts[i].facts, &saved, texts[i].coupon, &draft);
			sf_compose(&texts[i], &draft);
		}
	hold_paused(texts, n);
}
