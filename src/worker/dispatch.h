/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *		The path of one text through the dispatcher: claim, send, settle.
 *
 *	claim.c		takes due texts, locks their contacts; with decide.c, compose.c,
 *				pace.c and fate.c (see claim.h) asks the gate, makes the body, writes
 *				the permit (inflight) or the verdict
 *	settle.c	records what became of permitted texts
 *	lookup.c	asks providers about texts in doubt
 *	config.c	providers and senders as the dispatcher keeps them
 *	dispatcher.c	the loop around them, and the network
 *
 * claim.c and settle.c run inside a transaction that their caller opened, in
 * the dispatcher or in a backend (smsfollow.claim and settle, for tests).
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_DISPATCH_H
#define SF_DISPATCH_H

#include "postgres.h"

#include "executor/spi.h"
#include "liquid/liquid.h"
#include "provider/provider.h"
#include "storage/itemptr.h"
#include "text/text.h"
#include "utils/timestamp.h"
#include "worker/spi_array.h"

#define SF_LANES 4
#define SF_MAX_SEGMENTS 10
#define SF_MAX_PARKED 10000
#define SF_MAX_POISON 64
#define SF_LINK_CODE 10			/* characters: 59.5 bits */

/*
 * The relations one dispatcher works on.  There is one such shard today; a
 * dispatcher on a node of a distributed database would name its own.
 */
typedef struct sf_queue_shard
{
	const char *ready;
	const char *inflight;
	const char *contact_state;
} sf_queue_shard;

extern const sf_queue_shard sf_shard;

/* Account at a provider, compiled; lives until it is replaced and no transfer uses it. */
typedef struct sf_account
{
	int32		provider_id;	/* hash key */
	char	   *name;
	sf_provider *provider;		/* NULL: problem says why */
	char	   *problem;
	MemoryContext context;
	int			max_in_flight;
	int			in_flight;
	int			claimed;		/* permits of the open transaction */
	int			offered;		/* while parked texts are chosen */
	double		busy_us;		/* how long a request takes, on the average of the last ones; 0: not known */
	double		reserved[SF_LANES]; /* wall clock, us: end of the places promised to texts over max_in_flight */
	bool		paused;
	bool		replaced;		/* a newer one is in the cache */
	int			failures;		/* in a row: not reached, auth, funds */
	TimestampTz hold_until;		/* wall clock */
} sf_account;

/* A sender and its rate, as a generic cell rate algorithm over segments. */
typedef struct sf_sending
{
	int32		sender_id;		/* hash key */
	int32		provider_id;
	char		address[64];	/* "": the provider chooses */
	bool		paused;
	bool		present;		/* false: no longer in the table */
	double		rate;			/* segments a second */
	double		burst;			/* segments */
	double		tat;			/* theoretical arrival time, us of the wall clock */
	double		reserved[SF_LANES]; /* end of the slots promised to deferred texts of each lane */
	TimestampTz hold_until;		/* wall clock */
} sf_sending;

typedef enum sf_fate
{
	SF_FATE_SEND,
	SF_FATE_SUPPRESS,
	SF_FATE_EXPIRE,
	SF_FATE_DEFER,				/* back to ready, later */
	SF_FATE_PARK,				/* left in ready; offered again soon */
	SF_FATE_CANCEL				/* cancelled while an earlier try was under way */
} sf_fate;

/* A short link in a body, drawn but not yet written. */
typedef struct sf_short_link
{
	char		code[SF_LINK_CODE + 1];
	const char *target;
	bool		known;			/* an earlier try of this text wrote it */
} sf_short_link;

/* One text during a wave. */
typedef struct sf_text
{
	ItemPointerData tid;		/* of its row in ready */
	int16		lane;
	TimestampTz send_at;
	int64		message_id;
	TimestampTz message_at;
	int64		contact_id;
	int32		campaign_id;
	int32		program_id;
	int16		attempt;		/* that count, so far */
	bool		returned;		/* it was in the queue before: may be cancelled meanwhile */

	sf_fate		fate;
	const char *code;
	const char *rule;
	const char *detail;
	TimestampTz next_at;		/* for SF_FATE_DEFER; DT_NOEND: paused lane */
	bool		pacing;			/* deferred by a rate, not by a rule: no verdict row */
	bool		full;			/* parked because its provider has enough to do */

	const struct sf_facts *facts;	/* of one that goes, while the wave lasts */
	sf_account *account;
	sf_sending *sending;
	const char *phone;
	const char *body;
	sf_segments segments;
	const char *locale;			/* of the wording that was chosen; NULL: not known */
	bool		told;			/* it tells how to opt out, and that is to be remembered */
	int			nmedia;			/* that go along as an MMS */
	const char *const *media;	/* their addresses */
	int32		offer_id;		/* a code of which it carries; 0: none */
	const char *coupon;			/* that code, once it is taken */
	int			nlinks;
	sf_short_link *links;
	int64		links_last_us;	/* how long they lead somewhere */
	int64		consent_event_id;
	TimestampTz expires_at;
	TimestampTz valid_until;	/* must not arrive later: it expires, or quiet hours begin */
	int32		max_attempts;
	char		policy[20];		/* of the campaign, for doubts */
} sf_text;

/* A text left in ready behind the mark, to be offered again. */
typedef struct sf_parked
{
	int16		lane;
	TimestampTz send_at;
	int64		message_id;
	int64		contact_id;
	int32		provider_id;	/* waits for room at this provider; 0: for something else */
	TimestampTz offer_at;		/* wall clock; DT_NOEND: when the contact or the provider is free */
} sf_parked;

/* What a dispatcher remembers between claims. */
typedef struct sf_claimer
{
	int64		epoch;
	TimestampTz mark[SF_LANES]; /* no unseen row of the lane is due at or before ... */
	int64		mark_id[SF_LANES];	/* ... (mark, mark_id) */
	TimestampTz due[SF_LANES];	/* earliest row past the mark; DT_NOEND: none */
	int			credit[SF_LANES];
	TimestampTz safe;			/* no row will yet appear with an earlier send_at */
	bool		have_candidate;
	FullTransactionId candidate_xid;
	TimestampTz candidate_time;
	TimestampTz last_sweep;
	TimestampTz old_mark[SF_LANES];	/* before a sweep: rows found below were missed */
	int			nparked;
	sf_parked  *parked;
	bool		(*busy) (void *arg, int64 contact_id);	/* has a text in flight here */
	void	   *busy_arg;
	uint64		sweeps;
	uint64		missed;
	int64		single;			/* the text of a wave of one, to name it if the wave fails */
	int			npoison;
	int64		poison[SF_MAX_POISON];	/* texts that made a wave fail: suppressed unseen */
} sf_claimer;

extern void sf_claimer_init(sf_claimer *claimer, int64 epoch);
extern void sf_claim_sweep(sf_claimer *claimer);
/* Fills claimer->due; returns the earliest moment worth a claim, DT_NOEND if none. */
extern TimestampTz sf_claim_next_due(sf_claimer *claimer);
/*
 * One wave of at most limit texts from the lane whose turn it is.  Returns the
 * number of texts looked at; those with SF_FATE_SEND have their permit once the
 * caller's transaction has committed durably.
 */
extern int	sf_claim_wave(sf_claimer *claimer, int limit, sf_text **texts);
extern const char *sf_fate_name(sf_fate fate);

/* What became of a permitted text. */
typedef struct sf_result
{
	int64		message_id;
	int64		contact_id;
	const char *outcome;		/* accepted, rejected, retry, in_doubt */
	const char *reason;
	const char *provider_message_id;
	int			segments;		/* 0: as counted by us */
	const char *cost;
	const char *currency;
	int			http_status;
	const char *error_code;
	const char *error_text;
	TimestampTz retry_at;		/* DT_NOEND: not */
	bool		counts;			/* this try counts against max_attempts */
	TimestampTz next_lookup_at; /* in doubt; DT_NOEND: no lookup */
	const char *policy;			/* in doubt */
	int32		program_id;
} sf_result;

/* Rows of the log of now can be stored; call it before the statement that stores them. */
extern void sf_ensure_partition(TimestampTz now);
/* Returns how many leases were still ours. */
extern int	sf_settle(int64 epoch, const sf_result *results, int nresults);
/* Texts in flight under an older epoch are in doubt now; returns how many. */
extern int	sf_settle_recover(int64 epoch);
/* now + base * 2^(failures-1), capped, spread by a factor of 0.5 to 1. */
extern TimestampTz sf_backoff(TimestampTz now, int failures);

/* config.c */
extern void sf_config_init(void);
/* Reads providers and senders again if their version moved; needs a transaction. */
extern void sf_config_refresh(bool force);
extern sf_account *sf_config_account(int32 provider_id);
/* A new transaction: permits of one that was rolled back do not count. */
extern void sf_config_forget_claims(void);
extern sf_sending *sf_config_sending(int32 sender_id);
extern void sf_account_release(sf_account *account);

#endif							/* SF_DISPATCH_H */
