/*-------------------------------------------------------------------------
 *
 * claim.h
 *		What the steps of a claim hand each other.
 *
 *	claim.c		which texts: marks, look, lock; the wave as a whole
 *	decide.c	what the gate says about each of them
 *	compose.c	the body of a text that may go
 *	media.c		what goes along with it
 *	coupons.c	a code of an offer for it
 *	links.c		short links in it
 *	pace.c		whether its provider and sender can take it now
 *	fate.c		writes permits, verdicts and new places in the queue
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_CLAIM_H
#define SF_CLAIM_H

#include "policy/gate.h"
#include "template/saved.h"
#include "worker/dispatch.h"

#define SF_MAX_LINKS 500			/* more than fit into the longest text */
#define SF_PARK_LOCKED_US (200 * 1000)	/* until a locked text is offered again */

/* What a body is made of. */
typedef struct sf_draft
{
	bool		has_template;
	int32		template_version_id;
	const char *literal;		/* when it has none */
	Jsonb	   *vars;			/* NULL: none */
	Jsonb	   *media;			/* NULL: none */
	int32		provider_id;	/* of its sender; 0: it has none */
	int32		offer_id;		/* of its campaign; 0: none */
	const char *coupon;			/* its code, where it has one already */
	TimestampTz now;
	const char *zone;			/* of the contact, as are the next two; NULL: not known */
	const char *locale;
	const char *region;
	bool		compliance;		/* it answers STOP, HELP and the like */
	sf_saved   *saved;			/* partials that the wave has looked up */
	TimestampTz told_at;		/* when a text of the program last told how to opt out; 0: never */
} sf_draft;

/* decide.c: turns SF_FATE_SEND of locked texts into what the gate says */
extern void sf_decide(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now);
/* Composes the body of a text with SF_FATE_SEND and tells the facts its length, or suppresses it. */
extern void sf_make_body(sf_text *text, sf_facts *facts, sf_saved *saved);

/* compose.c: fills body and segments, or suppresses the text */
extern void sf_compose(sf_text *text, const sf_draft *draft);

/* coupons.c */
/* The variables with the text's code, or a stand-in for it; NULL: suppressed. */
extern Jsonb *sf_coupon_vars(sf_text *text, const sf_draft *draft);
/* Gives each text that goes and carries a code one, or suppresses it. */
extern void sf_take_coupons(sf_text *texts, int n, TimestampTz now);

/* media.c: along with the text, or as links at its end */
extern void sf_attach_media(sf_text *text, const sf_draft *draft);

/* links.c: puts short links into the body, or suppresses the text */
extern void sf_shorten_links(sf_text *text);
/* Writes the links of texts that may go; those of an earlier try keep their codes. */
extern void sf_write_links(sf_text *texts, int n, TimestampTz now);

/* pace.c: leaves the text as it is, or defers or parks it */
extern void sf_pace(const sf_claimer *claimer, sf_text *text, TimestampTz wall, TimestampTz now);
/* Has the provider room for one more request, after so many more? */
extern bool sf_has_room(const sf_account *account, int more);

/* fate.c */
extern void sf_write_fates(sf_claimer *claimer, sf_text *texts, int n, TimestampTz now);

#endif							/* SF_CLAIM_H */
