/*-------------------------------------------------------------------------
 *
 * quiet.c
 *		The rule of the gate about quiet hours.
 *
 * A text goes only if the provider has time left to pass it on: so long before
 * the end of its windows it waits for the next ones.
 *
 * Who does not know what time it is where the recipient is sends nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "policy/jurisdiction.h"
#include "policy/quiet.h"
#include "policy/zone.h"
#include "worker/spi_array.h"

#define CONTACT_HOURS_SIZE 201	/* with the NUL; checked by the table */
#define CONTACT_HOURS_KEPT 200	/* before all are dropped */
#define MAX_STEPS 1000			/* windows in a row that are too short */
#define UNTIL_SECONDS (2 * SF_DAY_SECONDS)	/* the farthest end that matters */

/* One row of smsfollow.send_window. */
typedef struct send_window
{
	int32		program_id;		/* 0: not a program's */
	int32		campaign_id;	/* 0: not a campaign's */
	const char *target;
	bool		all_purposes;
	bool		jurisdictions;
	sf_on_quiet on_quiet;
	sf_hours	hours;
} send_window;

typedef struct contact_hours
{
	char		text[CONTACT_HOURS_SIZE];	/* hash key */
	sf_hours	hours;
} contact_hours;

static const send_window *windows = NULL;
static int	nwindows = 0;

/* See quiet.h. */
void
sf_windows_load(void)
{
	static SPIPlanPtr plan;
	send_window *rows;
	SPITupleTable *table;
	int			n;

	sf_plan(&plan, "SELECT w.program_id, w.campaign_id, coalesce(p.name, c.name, ''), w.all_purposes, w.jurisdictions,"
			" w.on_quiet, w.hours, w.holidays FROM smsfollow.send_window w"
			" LEFT JOIN smsfollow.program p USING (program_id) LEFT JOIN smsfollow.campaign c USING (campaign_id)", 0, NULL);
	sf_execute(plan, NULL, NULL, SPI_OK_SELECT);
	n = (int) SPI_processed;
	table = SPI_tuptable;
	rows = palloc0(sizeof(send_window) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		send_window *row = &rows[i];
		Datum		v[8];
		bool		isnull[8];
		char	   *on_quiet;
		char	   *hours;
		const char *why;

		heap_deform_tuple(table->vals[i], table->tupdesc, v, isnull);
		row->program_id = isnull[0] ? 0 : DatumGetInt32(v[0]);
		row->campaign_id = isnull[1] ? 0 : DatumGetInt32(v[1]);
		row->target = TextDatumGetCString(v[2]);
		row->all_purposes = DatumGetBool(v[3]);
		row->jurisdictions = DatumGetBool(v[4]);
		on_quiet = TextDatumGetCString(v[5]);
		row->on_quiet = strcmp(on_quiet, "cancel") == 0 ? SF_QUIET_CANCEL
			: strcmp(on_quiet, "defer") == 0 ? SF_QUIET_DEFER : SF_QUIET_DEFER_OR_EXPIRE;
		/* what somebody wrote into the table past set_window() shuts, it does not open */
		hours = TextDatumGetCString(v[6]);
		if (!sf_hours_parse(hours, strlen(hours), &row->hours, &why))
			memset(&row->hours, 0, sizeof(row->hours));
		if (!isnull[7])
			row->hours.calendar = sf_calendar_load(v[7]);
	}
	SPI_freetuptable(table);
	windows = rows;
	nwindows = n;
}

/*
 * What a contact wants; the same few texts are parsed once.
 */
static const sf_hours *
hours_of_contact(const char *text)
{
	static HTAB *known = NULL;
	static MemoryContext context = NULL;
	char		key[CONTACT_HOURS_SIZE];
	contact_hours *entry;
	bool		found;
	const char *why;

	strlcpy(key, text, sizeof(key));
	if (known != NULL)
	{
		/* before anything is dropped: a caller may hold on to this one */
		entry = hash_search(known, key, HASH_FIND, NULL);
		if (entry != NULL)
			return &entry->hours;
		if (hash_get_num_entries(known) >= CONTACT_HOURS_KEPT)
		{
			MemoryContextDelete(context);
			known = NULL;
		}
	}
	if (known == NULL)
	{
		HASHCTL		ctl = {0};

		context = AllocSetContextCreate(TopMemoryContext, "smsfollow contacts' hours", ALLOCSET_DEFAULT_SIZES);
		ctl.keysize = CONTACT_HOURS_SIZE;
		ctl.entrysize = sizeof(contact_hours);
		ctl.hcxt = context;
		known = hash_create("smsfollow contacts' hours", 32, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	entry = hash_search(known, key, HASH_ENTER, &found);
	if (!sf_hours_parse(key, strlen(key), &entry->hours, &why))
		memset(&entry->hours, 0, sizeof(entry->hours));
	return &entry->hours;
}

/*
 * One layer more.  There is room for far more than can apply; should it be
 * full, the last one is shut rather than left out.
 */
static void
add_layer(sf_quiet *quiet, const sf_hours *open, const sf_hours *legal, const char *name, const char *target)
{
	static const sf_hours shut;
	int			n = quiet->open.nlayers;

	if (n == SF_WINDOW_MAX_LAYERS)
	{
		n--;
		open = legal = &shut;
	}
	quiet->open.layer[n] = open;
	quiet->legal.layer[n] = legal;
	quiet->layer[n] = name;
	quiet->target[n] = target;
	quiet->open.nlayers = quiet->legal.nlayers = n + 1;
}

/* See quiet.h. */
void
sf_quiet_find(const sf_facts *facts, TimestampTz t, sf_quiet *quiet)
{
	bool		bound = sf_is_marketing(facts);
	int64		at = sf_unix_seconds(t);

	quiet->on_quiet = SF_QUIET_DEFER;
	quiet->blocked = NULL;
	quiet->open.nlayers = quiet->legal.nlayers = 0;
	quiet->open.nzones = quiet->legal.nzones = 0;
	quiet->place.nzones = 0;
	quiet->place.origin = SF_ZONE_UNKNOWN;
	if (facts->purpose != NULL && strcmp(facts->purpose, "compliance") == 0)
		return;
	for (int i = 0; i < nwindows; i++)
	{
		const send_window *w = &windows[i];
		const char *name = "everything";

		if (w->campaign_id != 0)
		{
			if (w->campaign_id != facts->campaign_id)
				continue;
			name = "campaign ";
		}
		else if (w->program_id != 0)
		{
			if (w->program_id != facts->program_id)
				continue;
			name = "program ";
		}
		else if (!w->all_purposes && !sf_is_marketing(facts))
			continue;
		bound |= w->jurisdictions;
		quiet->on_quiet = Max(quiet->on_quiet, w->on_quiet);
		add_layer(quiet, &w->hours, &w->hours, name, w->target);
	}
	/* where it is matters only to what binds it */
	if (!bound && quiet->open.nlayers == 0)
		return;
	sf_facts_place(facts, &quiet->place);
	if (bound && facts->contact_hours != NULL)
	{
		const sf_hours *hours = hours_of_contact(facts->contact_hours);

		add_layer(quiet, hours, hours, "contact", "");
	}
	/* a zone alone says nothing about the country */
	if (bound && facts->phone != NULL)
	{
		const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS];
		int			n = sf_jurisdictions_at(&quiet->place, facts->now, rules);

		for (int i = 0; i < n; i++)
		{
			if (rules[i]->blocked)
				quiet->blocked = rules[i]->name;
			if (rules[i]->has_hours)
				add_layer(quiet, &rules[i]->early, &rules[i]->hours, rules[i]->name, "");
		}
	}
	if (quiet->open.nlayers == 0)
		return;
	for (int i = 0; i < quiet->place.nzones; i++)
	{
		const sf_zone *zone = sf_zone_clock(quiet->place.zone[i], at);
		int			n = quiet->open.nzones;

		/* one of several that is newer than the server's data belonged to another of them before */
		if (zone == NULL)
			continue;
		quiet->open.zone[n] = quiet->legal.zone[n] = zone;
		quiet->open.nzones = quiet->legal.nzones = n + 1;
	}
}

/* Nothing to wait for: nobody knows what time it is there. */
static bool
is_blind(const sf_quiet *quiet)
{
	return quiet->open.nlayers > 0 && quiet->open.nzones == 0;
}

/* See quiet.h. */
TimestampTz
sf_quiet_open(const sf_quiet *quiet, TimestampTz t)
{
	int64		from = sf_unix_seconds(t);
	int64		at;

	if (quiet->blocked != NULL || is_blind(quiet) || !sf_window_next(&quiet->open, from, &at))
		return DT_NOEND;
	return at == from ? t : sf_from_unix_seconds(at);
}

/*
 * The first open instant at which the provider has enough time.
 */
static TimestampTz
next_with_time(const sf_quiet *quiet, TimestampTz t)
{
	TimestampTz at = sf_quiet_open(quiet, t);

	for (int step = 0; step < MAX_STEPS && at != DT_NOEND; step++)
	{
		int64		from = sf_unix_seconds(at);
		int64		end = sf_window_end(&quiet->legal, from, from + SF_LEAST_VALIDITY);

		if (end == from + SF_LEAST_VALIDITY)
			return at;
		at = sf_quiet_open(quiet, sf_from_unix_seconds(end));
	}
	return DT_NOEND;
}

/* See quiet.h. */
TimestampTz
sf_quiet_next(const sf_facts *facts, TimestampTz t)
{
	sf_quiet	quiet;

	sf_quiet_find(facts, t, &quiet);
	return next_with_time(&quiet, t);
}

/* See quiet.h. */
TimestampTz
sf_quiet_until(const sf_facts *facts, TimestampTz limit)
{
	sf_quiet	quiet;
	int64		now = sf_unix_seconds(facts->now);
	int64		farthest = now + UNTIL_SECONDS;
	int64		end;

	sf_quiet_find(facts, facts->now, &quiet);
	if (quiet.legal.nlayers == 0 || quiet.blocked != NULL || is_blind(&quiet))
		return limit;
	end = sf_window_end(&quiet.legal, now, farthest);
	return end == farthest ? limit : Min(limit, sf_from_unix_seconds(end));
}

/*
 * What was seen: layers, zones and where they are from, local time there.
 */
static char *
describe(const sf_quiet *quiet, TimestampTz now)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < quiet->open.nlayers; i++)
		appendStringInfo(&text, "%s%s%s", i > 0 ? ", " : "", quiet->layer[i], quiet->target[i]);
	if (quiet->place.nzones == 0)
		appendStringInfoString(&text, "; zone unknown");
	for (int i = 0; i < quiet->place.nzones; i++)
	{
		if (i == 3)
		{
			appendStringInfo(&text, " and %d more", quiet->place.nzones - i);
			break;
		}
		appendStringInfo(&text, "%s%s", i == 0 ? "; " : ", ", quiet->place.zone[i]);
	}
	if (quiet->place.nzones > 0)
		appendStringInfo(&text, " (%s)", sf_zone_origin_name(quiet->place.origin));
	if (quiet->open.nzones > 0)
	{
		int64		local = sf_unix_seconds(now);
		int			year;
		int			month;
		int			day;
		int64		date;

		local += sf_zone_offset(quiet->open.zone[0], local);
		date = local / SF_DAY_SECONDS - (local % SF_DAY_SECONDS < 0);
		local -= date * SF_DAY_SECONDS;
		j2date((int) date + UNIX_EPOCH_JDATE, &year, &month, &day);
		appendStringInfo(&text, ", there %.3s %04d-%02d-%02d %02d:%02d", days[j2day((int) date + UNIX_EPOCH_JDATE)],
						 year, month, day, (int) (local / 3600), (int) (local / 60 % 60));
	}
	return text.data;
}

/* See quiet.h. */
void
sf_rule_quiet(const sf_facts *facts, sf_answer *answer)
{
	sf_quiet	quiet;
	TimestampTz next;

	/* explain may suppose a number that is no contact yet: nothing is known of it */
	if (facts->phone == NULL)
		return;
	sf_quiet_find(facts, facts->now, &quiet);
	if (quiet.blocked != NULL)
	{
		sf_refuse(answer, SF_SUPPRESS, "jurisdiction_block", 0);
		sf_saw(answer, "jurisdiction %s", quiet.blocked);
		return;
	}
	if (quiet.open.nlayers == 0)
	{
		sf_saw(answer, "purpose %s: no hours bind it", facts->purpose);
		return;
	}
	next = is_blind(&quiet) ? DT_NOEND : next_with_time(&quiet, facts->now);
	if (is_blind(&quiet))
		sf_refuse(answer, SF_SUPPRESS, "unknown_timezone", 0);
	else if (next == DT_NOEND)
		sf_refuse(answer, SF_SUPPRESS, "no_window", 0);
	else if (next > facts->now && quiet.on_quiet == SF_QUIET_CANCEL)
		sf_refuse(answer, SF_SUPPRESS, "quiet_cancelled", 0);
	else if (next > facts->now)
	{
		sf_refuse(answer, SF_DEFER, "quiet_hours", next);
		answer->exact = true;
		answer->patient = quiet.on_quiet == SF_QUIET_DEFER;
	}
	if (answer->verdict != SF_ALLOW || answer->wordy)
		sf_saw(answer, "%s", describe(&quiet, facts->now));
}
