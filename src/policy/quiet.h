/*-------------------------------------------------------------------------
 *
 * quiet.h
 *		Quiet hours: which windows bind a text, and what follows.
 *
 * The layers of a text are
 *
 *	- the tenant's windows (smsfollow.send_window): the one for everything binds
 *	  marketing unless it says more; those of its program and its campaign bind
 *	  it whatever its purpose
 *	- what the contact wants, and what the law of its countries and states says:
 *	  marketing, and texts whose own windows say so
 *
 * Texts of purpose compliance are bound by none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_QUIET_H
#define SF_QUIET_H

#include "postgres.h"

#include "policy/gate.h"
#include "policy/place.h"
#include "policy/window.h"

#define SF_VALIDITY_MARGIN 30	/* seconds that a provider may take to notice that a text is over */
#define SF_LEAST_VALIDITY (SF_VALIDITY_MARGIN + 5)
#define SF_MAX_VALIDITY 36000	/* the longest that providers know */

/* What becomes of a text outside of its windows, from the mildest on. */
typedef enum sf_on_quiet
{
	SF_QUIET_DEFER,				/* it waits, in vain if its time is over before */
	SF_QUIET_DEFER_OR_EXPIRE,	/* it waits if that is not in vain */
	SF_QUIET_CANCEL
} sf_on_quiet;

/* What binds one text. */
typedef struct sf_quiet
{
	sf_place	place;
	sf_on_quiet on_quiet;		/* the strictest of its layers' */
	const char *blocked;		/* by this jurisdiction, altogether; NULL: by none */
	sf_window	open;			/* when it may go */
	sf_window	legal;			/* when it may arrive: the same, without margins */
	const char *layer[SF_WINDOW_MAX_LAYERS];	/* names */
	const char *target[SF_WINDOW_MAX_LAYERS];	/* "" where the name says it all */
} sf_quiet;

/* What binds a text at an instant. */
extern void sf_quiet_find(const sf_facts *facts, TimestampTz t, sf_quiet *quiet);

/* The first open instant from t on; DT_NOEND: never. */
extern TimestampTz sf_quiet_open(const sf_quiet *quiet, TimestampTz t);

/* Until when a text that goes now may arrive, at most until limit. */
extern TimestampTz sf_quiet_until(const sf_facts *facts, TimestampTz limit);

/* For the lists in gate.c and tables.c. */
extern void sf_rule_quiet(const sf_facts *facts, sf_answer *answer);
extern TimestampTz sf_quiet_next(const sf_facts *facts, TimestampTz t);
extern void sf_windows_load(void);

#endif							/* SF_QUIET_H */
