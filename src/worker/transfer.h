/*-------------------------------------------------------------------------
 *
 * transfer.h
 *		The dispatcher's open transfers, between permit and settling.
 *
 * A permitted text has one sf_transfer from the commit of its permit until its
 * result is committed; while it has one, its contact is busy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TRANSFER_H
#define SF_TRANSFER_H

#include "worker/dispatch.h"

/* A text of in_doubt, as a lookup needs it. */
typedef struct sf_doubt
{
	int64		message_id;
	int64		contact_id;
	char	   *phone;			/* NULL: erased meanwhile */
	char	   *body;
	char	   *provider_message_id;
	int64		sent_at;		/* s of the epoch, wall clock */
	int32		provider_id;
	char	   *policy;
	int			lookups;
	int			absent;
} sf_doubt;

typedef enum sf_verdict_on_doubt
{
	SF_DOUBT_ACCEPTED,
	SF_DOUBT_REJECTED,
	SF_DOUBT_ABSENT,
	SF_DOUBT_INCONCLUSIVE
} sf_verdict_on_doubt;

/* What a lookup brought. */
typedef struct sf_doubt_result
{
	int64		message_id;
	int64		contact_id;
	sf_verdict_on_doubt kind;
	char	   *provider_message_id;
} sf_doubt_result;

/* transfer.c */
extern void sf_transfers_init(void);
extern void sf_transfers_configure(void);	/* after a reload */
extern int	sf_transfers_fd(void);
/* Slots for further texts; results not settled yet occupy theirs. */
extern int	sf_transfers_free(void);
extern int	sf_transfers_active(void);
extern bool sf_transfers_busy(void *arg, int64 contact_id);
/* Hands a permitted text to its provider. */
extern void sf_transfer_start(const sf_text *text);
/* The permit came too late to be used: nothing is sent. */
extern void sf_transfer_give_back(const sf_text *text);
extern bool sf_transfer_lookup(const sf_doubt *doubt);
/* Moves everything that can move; finished texts become results. */
extern void sf_transfers_step(void);
/* ms until step must be called though nothing is readable; -1: no limit. */
extern long sf_transfers_timeout(void);
extern int	sf_transfers_results(sf_result **results, TimestampTz *oldest);
extern int	sf_transfers_doubt_results(sf_doubt_result **results);
/* Writes receipts of sandbox texts among the first n results; in the settling transaction. */
extern void sf_transfers_sandbox_receipts(int n);
/* The first n results and all answers to lookups are committed: their transfers end. */
extern void sf_transfers_settled(int n);
/* Leaves of the first result only what every table takes; false: it was so already. */
extern bool sf_transfers_strip_first(void);

/* lookup.c */
/* Picks due doubts and applies their policy; needs a transaction.  Those to ask are in *doubts. */
extern int	sf_lookup_due(sf_doubt **doubts, int limit);
extern void sf_lookup_settle(const sf_doubt_result *results, int n);
/* DT_NOEND: nothing will be due; clock of the rules. */
extern TimestampTz sf_lookup_next(void);

#endif							/* SF_TRANSFER_H */
