/*-------------------------------------------------------------------------
 *
 * jurisdiction.c
 *		Loads the rules of countries and states, and finds those that apply.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "policy/jurisdiction.h"
#include "settings.h"
#include "worker/spi_array.h"

static sf_jurisdiction *loaded = NULL;
static int	nloaded = 0;
static int	loaded_margin;		/* that early was computed with */

/* A text column, or NULL. */
static const char *
get_text(Datum value, bool isnull)
{
	return isnull ? NULL : TextDatumGetCString(value);
}

static const Interval *
get_interval(Datum value, bool isnull)
{
	Interval   *copy;

	if (isnull)
		return NULL;
	copy = palloc(sizeof(Interval));
	*copy = *DatumGetIntervalP(value);
	return copy;
}

/* See jurisdiction.h. */
const sf_calendar *
sf_calendar_load(Datum names)
{
	static const Oid types[] = {TEXTARRAYOID};
	static SPIPlanPtr plan;
	SPITupleTable *outer = SPI_tuptable;
	uint64		outer_processed = SPI_processed;
	sf_calendar *calendar;
	int32	   *days;

	sf_plan(&plan, "SELECT h.day FROM smsfollow.holiday h WHERE h.calendar = ANY ($1)"
			" GROUP BY h.day HAVING pg_catalog.bool_or(h.observed AND (NOT h.builtin OR NOT EXISTS ("
			"  SELECT FROM smsfollow.holiday x WHERE x.calendar = h.calendar AND x.day = h.day AND NOT x.builtin)))"
			" ORDER BY h.day", 1, types);
	sf_execute(plan, &names, NULL, SPI_OK_SELECT);
	calendar = palloc(sizeof(sf_calendar));
	days = palloc(sizeof(int32) * Max(SPI_processed, 1));
	calendar->n = (int) SPI_processed;
	calendar->day = days;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;

		days[row] = DatumGetDateADT(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull)) +
			(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
	}
	SPI_freetuptable(SPI_tuptable);
	/* the caller walks a result of its own meanwhile */
	SPI_tuptable = outer;
	SPI_processed = outer_processed;
	return calendar->n > 0 ? calendar : NULL;
}

/* The hours less the margin that is set now. */
static void
apply_margin(void)
{
	for (int i = 0; i < nloaded; i++)
	{
		loaded[i].early = loaded[i].hours;
		sf_hours_shorten(&loaded[i].early, sf_window_margin);
	}
	loaded_margin = sf_window_margin;
}

/* See jurisdiction.h. */
void
sf_jurisdictions_load(void)
{
	static SPIPlanPtr plan;
	sf_jurisdiction *rules;
	SPITupleTable *table;
	int			n;

	sf_plan(&plan, "SELECT j.name, j.regions, j.subdivision, j.valid_from, j.valid_to, j.blocked, j.hours, j.holidays,"
			" j.consent, j.consent_lifetime, j.implied_lifetime, j.cap_most, j.cap_per, j.cap_same_subject"
			" FROM smsfollow.jurisdiction_in_force j ORDER BY j.name, j.valid_from", 0, NULL);
	sf_execute(plan, NULL, NULL, SPI_OK_SELECT);
	n = (int) SPI_processed;
	table = SPI_tuptable;
	rules = palloc0(sizeof(sf_jurisdiction) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		sf_jurisdiction *rule = &rules[i];
		Datum		v[14];
		bool		isnull[14];
		Datum	   *regions;
		const char **names;
		const char *why;

		heap_deform_tuple(table->vals[i], table->tupdesc, v, isnull);
		rule->name = get_text(v[0], false);
		deconstruct_array(DatumGetArrayTypeP(v[1]), TEXTOID, -1, false, TYPALIGN_INT, &regions, NULL, &rule->nregions);
		names = palloc(sizeof(char *) * Max(rule->nregions, 1));
		for (int k = 0; k < rule->nregions; k++)
			names[k] = TextDatumGetCString(regions[k]);
		rule->region = names;
		rule->state = get_text(v[2], isnull[2]);
		rule->valid_from = DatumGetDateADT(v[3]);
		rule->valid_to = DatumGetDateADT(v[4]);
		rule->blocked = DatumGetBool(v[5]);
		if (!isnull[6])
		{
			const char *hours = get_text(v[6], false);

			/* what somebody wrote into the table past set_jurisdiction() shuts, it does not open */
			rule->has_hours = true;
			if (!sf_hours_parse(hours, strlen(hours), &rule->hours, &why))
				memset(&rule->hours, 0, sizeof(rule->hours));
			rule->hours.calendar = sf_calendar_load(v[7]);
		}
		rule->consent = get_text(v[8], isnull[8]);
		rule->consent_lifetime = get_interval(v[9], isnull[9]);
		rule->implied_lifetime = get_interval(v[10], isnull[10]);
		rule->cap_most = isnull[11] ? 0 : DatumGetInt32(v[11]);
		rule->cap_per = get_interval(v[12], isnull[12]);
		rule->cap_same_subject = DatumGetBool(v[13]);
	}
	SPI_freetuptable(table);
	loaded = rules;
	nloaded = n;
	apply_margin();
}

/* See jurisdiction.h. */
void
sf_facts_place(const sf_facts *facts, sf_place *place)
{
	sf_place_find(facts->phone, facts->time_zone, facts->region, facts->subdivision, place);
}

/* Does a rule speak of this area? */
static bool
matches(const sf_jurisdiction *rule, const sf_area *area)
{
	bool		here = false;

	for (int i = 0; i < rule->nregions && !here; i++)
		here = strcmp(rule->region[i], area->region) == 0;
	if (!here || rule->state == NULL)
		return here;
	if (strcmp(rule->state, "*") == 0)
		return area->state[0] == '\0' && sf_unknown_state == SF_STATE_STRICT;
	return strcmp(rule->state, area->state) == 0;
}

/* Adds a rule once; what finds no place any more is left out, which the size of the array excludes in practice. */
static int
add_rule(const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS], int n, const sf_jurisdiction *rule)
{
	for (int i = 0; i < n; i++)
		if (rules[i] == rule)
			return n;
	if (n < SF_MAX_JURISDICTIONS)
		rules[n++] = rule;
	return n;
}

/* See jurisdiction.h. */
int
sf_jurisdictions_at(const sf_place *place, TimestampTz now, const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS])
{
	DateADT		today = (DateADT) (now / USECS_PER_DAY - (now % USECS_PER_DAY < 0));
	int			n = 0;
	bool		any_default = place->nareas == 0;

	if (loaded_margin != sf_window_margin)
		apply_margin();
	for (int a = 0; a < place->nareas; a++)
	{
		bool		found = false;

		for (int i = 0; i < nloaded; i++)
			if (today >= loaded[i].valid_from && today < loaded[i].valid_to && matches(&loaded[i], &place->area[a]))
			{
				n = add_rule(rules, n, &loaded[i]);
				found = true;
			}
		any_default |= !found;
	}
	for (int i = 0; i < nloaded && any_default; i++)
		if (today >= loaded[i].valid_from && today < loaded[i].valid_to && loaded[i].nregions == 0)
			n = add_rule(rules, n, &loaded[i]);
	return n;
}

/* See jurisdiction.h. */
int
sf_jurisdictions_of(const sf_facts *facts, const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS])
{
	sf_place	place;

	sf_facts_place(facts, &place);
	return sf_jurisdictions_at(&place, facts->now, rules);
}
