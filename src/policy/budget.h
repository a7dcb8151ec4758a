/*-------------------------------------------------------------------------
 *
 * budget.h
 *		Budgets: what may be spent in a day, a month or a lifetime.
 *
 *	budget.c	the rule of the gate; no table
 *	spent.c		what has been spent, once a wave
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_BUDGET_H
#define SF_BUDGET_H

#include "policy/gate.h"

/* A budget, and how it stands during a wave. */
typedef struct sf_budget
{
	int32		budget_id;
	const char *name;
	const char *code;			/* for verdicts */
	int32		program_id;		/* 0: of all programs */
	int32		campaign_id;	/* 0: of all campaigns */
	int64		amount;			/* in millionths of ... */
	const char *currency;
	const char *period;			/* day, month, lifetime */
	const char *time_zone;
	bool		skip;			/* suppress, do not wait */

	/* once sf_budgets_open() was called for a wave that draws on it */
	bool		locked;			/* or need not be */
	TimestampTz starts;
	TimestampTz ends;			/* DT_NOEND: never */
	int64		spent;
} sf_budget;

/* Steps through the budgets that a text draws on; *at begins at 0. */
extern sf_budget *sf_next_budget(const sf_facts *facts, int *at);

/* The rule of the gate. */
extern void sf_budgets_judge(const sf_facts *facts, sf_answer *answer);
extern TimestampTz sf_budgets_next(const sf_facts *facts, TimestampTz t);
extern int	sf_budgets_explain(const sf_facts *facts, sf_answer *answers, int room);
/* The text goes: its price is spent. */
extern void sf_budgets_take(const sf_facts *facts);
/* A budget that the text draws on is being changed right now. */
extern bool sf_budgets_busy(const sf_facts *facts);

/* The loader for tables.c. */
extern void sf_budgets_load(void);

/*
 * spent.c: how the budgets stand that these texts draw on; runs inside SPI.
 * With lock, until the end of the transaction nobody else takes of them.
 */
extern void sf_budgets_open(const sf_facts *facts, int n, bool lock);

#endif							/* SF_BUDGET_H */
