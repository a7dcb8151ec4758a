/*-------------------------------------------------------------------------
 *
 * cap.h
 *		Frequency caps: how much may reach one contact within a while.
 *
 *	cap.c	which caps bind a text, what they count, when they are free again;
 *			no table
 *	past.c	what a contact has had, a wave of contacts in one statement
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_CAP_H
#define SF_CAP_H

#include "policy/gate.h"
#include "policy/period.h"

#define SF_MONEY_SCALE 1000000	/* money is counted in millionths */

typedef enum sf_scope
{
	SF_SCOPE_EVERYTHING,
	SF_SCOPE_PROGRAM,
	SF_SCOPE_CAMPAIGN,
	SF_SCOPE_SENDER,
	SF_SCOPE_TAG
} sf_scope;

typedef enum sf_unit
{
	SF_UNIT_TEXTS,
	SF_UNIT_SEGMENTS,
	SF_UNIT_MONEY
} sf_unit;

typedef struct sf_cap
{
	const char *name;
	const char *code;			/* for verdicts */
	sf_scope	scope;
	int32		target;			/* id of program, campaign or sender */
	const char *tag;
	int64		most;
	sf_unit		unit;
	const char *currency;
	sf_period	period;
	int64		per;			/* SF_ROLLING: microseconds */
	sf_verdict	on_exceed;
	bool		limits_all;		/* not marketing only */
	bool		counts_all;
} sf_cap;

/* A text that the contact has had, or may have had. */
typedef struct sf_past
{
	TimestampTz at;				/* claimed */
	int32		campaign_id;
	int32		program_id;
	int32		sender_id;
	ArrayType  *tags;
	bool		marketing;
	int32		segments;
	int64		money;
	const char *currency;		/* NULL: nobody knows what it cost */
} sf_past;

/* Finds the caps that bind a text, and since when the past of its contact matters; DT_NOEND: it does not. */
extern TimestampTz sf_caps_since(sf_facts *facts, bool *counts_all);

/* The rule of the gate. */
extern void sf_caps_judge(const sf_facts *facts, sf_answer *answer);
extern TimestampTz sf_caps_next(const sf_facts *facts, TimestampTz t);
extern int	sf_caps_explain(const sf_facts *facts, sf_answer *answers, int room);

/* The loader for tables.c. */
extern void sf_caps_load(void);

/* past.c: fills past and npast of those to whom it matters; runs inside SPI */
extern void sf_past_of(sf_facts *facts, int n);

#endif							/* SF_CAP_H */
