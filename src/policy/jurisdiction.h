/*-------------------------------------------------------------------------
 *
 * jurisdiction.h
 *		The rules of countries and states, as they apply to one contact.
 *
 * Rules are rows of smsfollow.jurisdiction, read into memory when somebody
 * changed them.  A row of somebody's own replaces the built-in ones of its name.
 * All rules of the areas of a contact apply together: those of a country, of its
 * states, by address and by number.  Where an area has none, the default does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_JURISDICTION_H
#define SF_JURISDICTION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "policy/gate.h"
#include "policy/place.h"
#include "policy/window.h"
#include "utils/date.h"

#define SF_MAX_JURISDICTIONS 12

typedef struct sf_jurisdiction
{
	const char *name;
	int			nregions;		/* 0: where no other rule applies */
	const char *const *region;
	const char *state;			/* NULL: the whole country; "*": where the state is not known */
	DateADT		valid_from;
	DateADT		valid_to;		/* not any more on that day */
	bool		blocked;		/* no marketing texts at all */

	bool		has_hours;
	sf_hours	hours;			/* as the rule says */
	sf_hours	early;			/* the same less smsfollow.window_margin */

	const char *consent;		/* least kind of consent; NULL: says nothing */
	const Interval *consent_lifetime;	/* NULL: for ever */
	const Interval *implied_lifetime;	/* of what is less than express consent; NULL: for ever */

	int32		cap_most;		/* texts to a recipient, 0: no cap ... */
	const Interval *cap_per;	/* ... within so long, rolling */
	bool		cap_same_subject;	/* those of one program count together, not all */
} sf_jurisdiction;

/* The zones and areas of a text's contact. */
extern void sf_facts_place(const sf_facts *facts, sf_place *place);

/* The rules that apply to a text's contact on the day of facts->now; returns how many. */
extern int	sf_jurisdictions_of(const sf_facts *facts, const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS]);
extern int	sf_jurisdictions_at(const sf_place *place, TimestampTz now, const sf_jurisdiction *rules[SF_MAX_JURISDICTIONS]);

/* Reads a calendar of holidays, several merged; NULL when there is no day in it.  Inside SPI. */
extern const sf_calendar *sf_calendar_load(Datum names);

/* For the list in tables.c. */
extern void sf_jurisdictions_load(void);

#endif							/* SF_JURISDICTION_H */
