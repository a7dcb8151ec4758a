/*-------------------------------------------------------------------------
 *
 * cap.c
 *		Frequency caps: arithmetic.
 *
 * A rolling cap counts what was claimed within the last "per" of elapsed time:
 * a text claimed at T counts until just before T + per.  A calendar cap counts
 * what was claimed in the same day, week or month of the contact; where the
 * contact's zone is not known, the longest that such a period can be, rolling,
 * which no zone makes too lenient; of several zones that it may be in, each.
 *
 * The facts hold all that the contact has had since the earliest moment that
 * any of these caps looks at (past.c).  Nothing is in flight: the claim judges
 * a text only when no other one to its contact is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "policy/cap.h"
#include "policy/jurisdiction.h"
#include "policy/rows.h"

static sf_cap *caps;
static int	ncaps;

/*
 * Reads cap_rule.
 */
void
sf_caps_load(void)
{
	static SPIPlanPtr plan;
	static const char *const scopes[] = {"everything", "program", "campaign", "sender", "tag"};
	sf_cap	   *fresh;
	int			n;

	sf_plan(&plan,
			"SELECT r.name, r.scope, coalesce(r.program_id, r.campaign_id, r.sender_id), r.tag,"
			" (r.most * CASE r.unit WHEN 'money' THEN 1000000 ELSE 1 END)::bigint, r.unit, r.currency, r.period,"
			" CASE r.period WHEN 'rolling' THEN (extract(epoch FROM r.per) * 1000000)::bigint"
			"  ELSE CASE WHEN r.per = '1 day' THEN 1 WHEN r.per = '7 days' THEN 2 ELSE 3 END END::bigint,"
			" r.on_exceed, r.limits = 'all', r.counts = 'all'"
			" FROM smsfollow.cap_rule r ORDER BY r.cap_id", 0, NULL);
	n = sf_rows(plan, NULL);
	fresh = palloc0(sizeof(sf_cap) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		sf_cap	   *cap = &fresh[i];
		const char *text;

		sf_row(i);
		cap->name = sf_text_at(0);
		cap->code = psprintf("cap:%s", cap->name);
		text = sf_text_at(1);
		for (int k = 0; k < lengthof(scopes); k++)
			if (strcmp(text, scopes[k]) == 0)
				cap->scope = (sf_scope) k;
		cap->target = sf_int4_at(2);
		cap->tag = sf_text_at(3);
		cap->most = sf_int8_at(4);
		text = sf_text_at(5);
		cap->unit = strcmp(text, "money") == 0 ? SF_UNIT_MONEY
			: strcmp(text, "segments") == 0 ? SF_UNIT_SEGMENTS : SF_UNIT_TEXTS;
		cap->currency = sf_text_at(6);
		if (strcmp(sf_text_at(7), "rolling") == 0)
			cap->per = sf_int8_at(8);
		else
			cap->period = (sf_period) sf_int8_at(8);
		text = sf_text_at(9);
		cap->on_exceed = strcmp(text, "skip") == 0 ? SF_SUPPRESS : strcmp(text, "expire") == 0 ? SF_EXPIRE : SF_DEFER;
		cap->limits_all = sf_bool_at(10);
		cap->counts_all = sf_bool_at(11);
	}
	sf_rows_done();
	caps = fresh;
	ncaps = n;
}

static bool
has_tag(ArrayType *tags, const char *tag)
{
	Datum	   *values;
	int			n;

	if (tags == NULL)
		return false;
	deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *t = DatumGetTextPP(values[i]);

		if (VARSIZE_ANY_EXHDR(t) == strlen(tag) && memcmp(VARDATA_ANY(t), tag, strlen(tag)) == 0)
			return true;
	}
	return false;
}

/*
 * Does a cap look at texts of this campaign, program, sender, with these tags?
 */
static bool
in_scope(const sf_cap *cap, int32 campaign_id, int32 program_id, int32 sender_id, ArrayType *tags)
{
	switch (cap->scope)
	{
		case SF_SCOPE_PROGRAM:
			return cap->target == program_id;
		case SF_SCOPE_CAMPAIGN:
			return cap->target == campaign_id;
		case SF_SCOPE_SENDER:
			return cap->target == sender_id;
		case SF_SCOPE_TAG:
			return has_tag(tags, cap->tag);
		case SF_SCOPE_EVERYTHING:
			break;
	}
	return true;
}

/*
 * Does a cap bind this text?  What the law or politeness requires to be sent
 * is never held back.
 */
static bool
binds(const sf_cap *cap, const sf_facts *facts)
{
	if (strcmp(facts->purpose, "compliance") == 0 || (!cap->limits_all && !sf_is_marketing(facts)))
		return false;
	return in_scope(cap, facts->campaign_id, facts->program_id, facts->sender_id, facts->tags);
}

/*
 * A cap that is no row of cap_rule: so many marketing texts within a while,
 * rolling, then put off.
 */
static sf_cap *
plain_cap(const char *name, const char *code, int64 most, int64 per)
{
	sf_cap	   *cap = palloc0(sizeof(sf_cap));

	cap->name = name;
	cap->code = code;
	cap->most = most;
	cap->per = per;
	cap->on_exceed = SF_DEFER;
	return cap;
}

/*
 * Finds the caps that bind a text: rules, the wish of the contact, and the law
 * of its place.
 */
static void
find_caps(sf_facts *facts)
{
	const sf_jurisdiction *laws[SF_MAX_JURISDICTIONS];
	int			nlaws = sf_is_marketing(facts) ? sf_jurisdictions_of(facts, laws) : 0;
	const sf_cap **found = palloc(sizeof(sf_cap *) * (ncaps + 1 + nlaws));
	int			n = 0;

	for (int i = 0; i < ncaps; i++)
		if (binds(&caps[i], facts))
			found[n++] = &caps[i];
	if (facts->cap_most > 0 && sf_is_marketing(facts))
		found[n++] = plain_cap("of the contact", "contact_pref", facts->cap_most, facts->cap_per);
	for (int i = 0; i < nlaws; i++)
		if (laws[i]->cap_most > 0)
		{
			const Interval *per = laws[i]->cap_per;
			sf_cap	   *cap = plain_cap(laws[i]->name, psprintf("cap:%s", laws[i]->name), laws[i]->cap_most,
										per->time + ((int64) per->month * 30 + per->day) * USECS_PER_DAY);

			if (laws[i]->cap_same_subject)
			{
				cap->scope = SF_SCOPE_PROGRAM;
				cap->target = facts->program_id;
			}
			found[n++] = cap;
		}
	facts->caps = found;
	facts->ncaps = n;
}

/*
 * What counts at t is what was claimed after "after".  Where the contact may be
 * in several zones, each of them is heeded.
 */
static TimestampTz
counts_after(const sf_cap *cap, const sf_facts *facts, TimestampTz t)
{
	sf_place	place;
	TimestampTz earliest = DT_NOEND;

	if (cap->period == SF_ROLLING)
		return t - cap->per;
	sf_facts_place(facts, &place);
	for (int i = 0; i < place.nzones; i++)
	{
		pg_tz	   *zone = pg_tzset(place.zone[i]);
		TimestampTz start;
		TimestampTz end;

		if (zone == NULL)
			continue;
		sf_period_bounds(cap->period, zone, t, &start, &end);
		earliest = Min(earliest, start - 1);
	}
	return earliest == DT_NOEND ? t - sf_period_longest(cap->period) : earliest;
}

/*
 * When a text claimed at "at" counts no more.
 */
static TimestampTz
counts_until(const sf_cap *cap, const sf_facts *facts, TimestampTz at)
{
	sf_place	place;
	TimestampTz latest = DT_NOBEGIN;

	if (cap->period == SF_ROLLING)
		return at + cap->per;
	sf_facts_place(facts, &place);
	for (int i = 0; i < place.nzones; i++)
	{
		pg_tz	   *zone = pg_tzset(place.zone[i]);
		TimestampTz start;
		TimestampTz end;

		if (zone == NULL)
			continue;
		sf_period_bounds(cap->period, zone, at, &start, &end);
		latest = Max(latest, end);
	}
	return latest == DT_NOBEGIN ? at + sf_period_longest(cap->period) : latest;
}

TimestampTz
sf_caps_since(sf_facts *facts, bool *counts_all)
{
	TimestampTz since = DT_NOEND;

	find_caps(facts);
	*counts_all = false;
	for (int i = 0; i < facts->ncaps; i++)
	{
		since = Min(since, counts_after(facts->caps[i], facts, facts->now));
		*counts_all |= facts->caps[i]->counts_all;
	}
	return since;
}

/*
 * What one text takes of a cap; -1: it cannot be told.
 */
static int64
amount(const sf_cap *cap, int32 segments, int64 money, const char *currency)
{
	switch (cap->unit)
	{
		case SF_UNIT_SEGMENTS:
			return segments;
		case SF_UNIT_MONEY:
			return currency != NULL && strcmp(currency, cap->currency) == 0 ? money : -1;
		case SF_UNIT_TEXTS:
			break;
	}
	return 1;
}

static int64
own_amount(const sf_cap *cap, const sf_facts *facts)
{
	/* explain may ask before there is a body: suppose a short one */
	int32		segments = Max(facts->segments, 1);

	return amount(cap, segments, facts->price_per_segment * segments, facts->price_currency);
}

/*
 * What a text of the past takes of a cap; of another currency, nothing.
 */
static int64
past_amount(const sf_cap *cap, const sf_past *past)
{
	if (!(past->marketing || cap->counts_all) ||
		!in_scope(cap, past->campaign_id, past->program_id, past->sender_id, past->tags))
		return 0;
	return Max(amount(cap, past->segments, past->money, past->currency), 0);
}

/*
 * How much is taken at t.
 */
static int64
taken(const sf_cap *cap, const sf_facts *facts, TimestampTz t)
{
	TimestampTz after = counts_after(cap, facts, t);
	int64		sum = 0;

	for (int i = 0; i < facts->npast; i++)
		if (facts->past[i].at > after)
			sum += past_amount(cap, &facts->past[i]);
	return sum;
}

/*
 * The earliest instant not before t at which the text fits, DT_NOEND if it
 * never does.  The past is in ascending order, so each step frees what is
 * oldest.
 */
static TimestampTz
free_at(const sf_cap *cap, const sf_facts *facts, TimestampTz t)
{
	int64		more = own_amount(cap, facts);
	int64		sum = taken(cap, facts, t);
	TimestampTz after = counts_after(cap, facts, t);

	if (more > cap->most)
		return DT_NOEND;
	for (int i = 0; i < facts->npast && sum + more > cap->most; i++)
	{
		const sf_past *past = &facts->past[i];

		if (past->at <= after)
			continue;
		sum -= past_amount(cap, past);
		t = Max(t, counts_until(cap, facts, past->at));
	}
	return t;
}

/*
 * "2 of 3 texts"
 */
static const char *
show(const sf_cap *cap, int64 sum)
{
	if (cap->unit == SF_UNIT_MONEY)
		return psprintf("%.6f of %.6f %s", (double) sum / SF_MONEY_SCALE, (double) cap->most / SF_MONEY_SCALE, cap->currency);
	return psprintf(INT64_FORMAT " of " INT64_FORMAT " %s", sum, cap->most,
					cap->unit == SF_UNIT_SEGMENTS ? "segments" : "texts");
}

/*
 * One cap on one text.
 */
static void
judge_one(const sf_cap *cap, const sf_facts *facts, sf_answer *answer)
{
	int64		more = own_amount(cap, facts);
	int64		sum;

	if (more < 0)
	{
		sf_refuse(answer, SF_DEFER, "no_price", facts->now + SF_RETRY_US);
		answer->quiet = true;
		sf_saw(answer, "cap %s is in %s, sender %s", cap->name, cap->currency,
			   facts->price_currency ? facts->price_currency : "has no price");
		return;
	}
	sum = taken(cap, facts, facts->now);
	if (sum + more > cap->most)
	{
		sf_refuse(answer, cap->on_exceed, cap->code, 0);
		if (cap->on_exceed == SF_DEFER)
		{
			answer->next_at = free_at(cap, facts, facts->now);
			answer->exact = true;
		}
	}
	if (answer->verdict != SF_ALLOW || answer->wordy)
		sf_saw(answer, "cap %s: %s since %s", cap->name, show(cap, sum),
			   timestamptz_to_str(counts_after(cap, facts, facts->now)));
}

/*
 * All must pass.  What ends a text wins over what puts it off; of several that
 * put it off, the one that lasts longest is named.
 */
void
sf_caps_judge(const sf_facts *facts, sf_answer *answer)
{
	for (int i = 0; i < facts->ncaps; i++)
	{
		sf_answer	one = {.rule = answer->rule,.wordy = answer->wordy};

		judge_one(facts->caps[i], facts, &one);
		if (one.verdict == SF_ALLOW)
			continue;
		if (one.verdict != SF_DEFER || answer->verdict == SF_ALLOW || one.next_at > answer->next_at)
			*answer = one;
		if (one.verdict != SF_DEFER)
			return;
	}
}

TimestampTz
sf_caps_next(const sf_facts *facts, TimestampTz t)
{
	for (int i = 0; i < facts->ncaps && t != DT_NOEND; i++)
		if (facts->caps[i]->on_exceed == SF_DEFER && own_amount(facts->caps[i], facts) >= 0)
			t = free_at(facts->caps[i], facts, t);
	return t;
}

/*
 * Each cap that binds, in a row of its own.
 */
int
sf_caps_explain(const sf_facts *facts, sf_answer *answers, int room)
{
	int			n = 0;

	for (int i = 0; i < facts->ncaps && n < room; i++)
	{
		const sf_cap *cap = facts->caps[i];
		sf_answer  *answer = &answers[n++];

		memset(answer, 0, sizeof(*answer));
		answer->rule = psprintf("cap %s", cap->name);
		answer->wordy = true;
		judge_one(cap, facts, answer);
	}
	return n;
}
