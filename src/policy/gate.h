/*-------------------------------------------------------------------------
 *
 * gate.h
 *		The gate: may this text go now, and if not, why and until when?
 *
 * One list of rules (gate.c) decides, for the claim and for explain() alike,
 * so that what is explained is what is done.  A rule looks at the facts of one
 * text and answers; the first one that does not allow decides.  Explain asks
 * all of them.
 *
 *	gate.c		the list, and what a judgement is; no table, no SPI
 *	facts.c		reads the facts of a wave of texts in one statement
 *	cap.h		frequency caps
 *	consent.c	the rule about consent
 *	budget.h	budgets
 *	tables.c	small tables of rules, kept in memory until config_version moves
 *	explain.c	the same judgement as an SQL function
 *
 * To add a rule:
 *
 * 1. What it must know of a text, contact, campaign or program is a fact: a
 *	  member of sf_facts, a column of smsfollow.gate_facts() (sql/50_policy.sql)
 *	  and a line in the table in facts.c that maps one to the other.
 * 2. What it must know of a small table of rules of its own (windows, caps) is
 *	  kept in memory: a loader in the list in tables.c, and the trigger
 *	  raise_config_version on the table.
 * 3. Write sf_rule_NAME(facts, answer) in a file of its own.  It is called with
 *	  an answer that allows.  To refuse, it calls sf_refuse(), and says what it
 *	  saw with sf_saw().  It must not raise an error for what stands in a table
 *	  about a contact: one bad row must not stop a wave.
 * 4. A rule that depends on the time alone, given the facts, also has a next
 *	  function: the earliest instant not before t at which it allows (DT_NOEND:
 *	  never).  Where several such rules refuse, the gate looks for an instant
 *	  that suits all of them.  sf_judge_by_time() turns next into a rule.
 * 5. Add it to the list in gate.c in the place where it shall win, its code to
 *	  reason_code (sql/46_message.sql), and its cases to test/sql.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_GATE_H
#define SF_GATE_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef enum sf_verdict
{
	SF_ALLOW,
	SF_SUPPRESS,				/* not this text, ever */
	SF_EXPIRE,					/* its time is over */
	SF_DEFER					/* not now */
} sf_verdict;

/*
 * What is known of one text, real or supposed.  Strings are NULL and numbers 0
 * where there is nothing.
 */
typedef struct sf_facts
{
	TimestampTz now;			/* by the one clock */

	/* the text; of a supposed one there is no more than contact and campaign */
	int64		message_id;
	int64		contact_id;		/* 0: not a contact yet */
	TimestampTz expires_at;		/* 0: does not */
	int32		template_version_id;
	const char *template_state; /* of the version: draft, approved, retired */
	const char *body;			/* literal, instead of a template */
	Jsonb	   *vars;
	const char *notice;			/* a text about consent itself; its purpose is compliance */
	const char *cancelled;		/* by whom, while it was under way */
	bool		contact_busy;	/* a text to this contact is in flight */
	TimestampTz told_at;		/* when its program last told the contact how to opt out; 0: not since it agreed */
	ArrayType  *tags;
	Jsonb	   *media;
	int			segments;		/* once its body is made; 0: not yet */

	/* its contact */
	const char *phone;
	const char *blocked_code;
	TimestampTz restricted_at;	/* 0: is not */
	int32		cap_most;		/* what the contact wants at most, 0: said nothing ... */
	int64		cap_per;		/* ... within so many microseconds */
	const struct sf_cap **caps; /* those that bind it */
	int			ncaps;
	struct sf_past *past;		/* what it has had, as far as caps ask; in ascending order */
	int			npast;
	const char *time_zone;
	const char *locale;
	const char *region;
	const char *subdivision;	/* state or province of the address */
	const char *contact_hours;	/* in which the contact wants texts; NULL: said nothing */
	const char *number_type;	/* as libphonenumber has it; NULL: not known */
	const char *consent_state;	/* none, opted_in, opted_out */
	int64		consent_event_id;
	TimestampTz consent_since;
	const char *consent_kind;
	TimestampTz consent_expires_at; /* 0: never */
	TimestampTz consent_pending_until;	/* a double opt-in may be confirmed until then; 0: none is open */
	const char *consent_required;	/* by its program */

	/* its campaign and program */
	int32		campaign_id;
	const char *campaign;
	bool		all_paused;		/* the kill switch */
	bool		campaign_paused;
	const char *in_doubt_policy;
	int32		max_attempts;	/* 0: the setting */
	int32		offer_id;		/* whose codes its texts carry; 0: none */
	int32		program_id;
	int32		tenant_id;
	const char *program;
	bool		program_paused;
	const char *purpose;		/* marketing, transactional, conversational, compliance */

	/* its sender */
	int32		sender_id;		/* 0: none */
	int32		provider_id;
	const char *sender;			/* provider/address */
	bool		sender_paused;
	bool		provider_paused;
	int64		price_per_segment;	/* in millionths of ... */
	const char *price_currency; /* NULL: no price */
} sf_facts;

/* What a rule answers. */
typedef struct sf_answer
{
	const char *rule;			/* its name */
	sf_verdict	verdict;
	const char *code;			/* reason_code; NULL: allowed */
	const char *value;			/* what it saw */
	TimestampTz next_at;		/* SF_DEFER: when to try again; DT_NOEND: when somebody changed something */
	bool		exact;			/* next_at is the instant at which the rule allows, not a guess */
	bool		quiet;			/* no rule about this text: a verdict at each look would tell nothing */
	bool		patient;		/* waits for the end of its time where that comes first */
	bool		wordy;			/* asked by explain: say what you saw even if you allow */
} sf_answer;

/* One rule. */
typedef struct sf_rule
{
	const char *name;
	void		(*judge) (const sf_facts *facts, sf_answer *answer);
	TimestampTz (*next) (const sf_facts *facts, TimestampTz t);	/* NULL: not a matter of time */
	/* for a rule that is a list of rules: one answer each, named; returns how many */
	int			(*explain) (const sf_facts *facts, sf_answer *answers, int room);
} sf_rule;

/* In two stages, because some rules must know how long the body is. */
typedef enum sf_stage
{
	SF_BEFORE_BODY,
	SF_AFTER_BODY
} sf_stage;

/* gate.c */
/* The first refusal of a stage, or an answer that allows. */
extern void sf_gate_judge(const sf_facts *facts, sf_stage stage, sf_answer *answer);
/* Every rule of a stage; returns how many, at most SF_MAX_RULES. */
#define SF_MAX_RULES 200
extern int	sf_gate_explain(const sf_facts *facts, sf_stage stage, sf_answer *answers);
extern const char *sf_verdict_name(sf_verdict verdict);

/* for rules */
#define SF_RETRY_US (60 * USECS_PER_SEC)	/* until a text is tried again that waits for a person */
extern void sf_refuse(sf_answer *answer, sf_verdict verdict, const char *code, TimestampTz next_at);
/* Costs nothing unless somebody reads it: the rule refuses, or explain asked. */
extern void sf_saw(sf_answer *answer, const char *format,...) pg_attribute_printf(2, 3);
/* Defers to the exact instant at which next allows; code says why. */
extern void sf_judge_by_time(const sf_facts *facts, sf_answer *answer, const char *code,
							 TimestampTz (*next) (const sf_facts *facts, TimestampTz t));
/* Windows, caps and hours bind marketing only, unless told otherwise. */
extern bool sf_is_marketing(const sf_facts *facts);

/* rules in files of their own */
extern void sf_rule_consent(const sf_facts *facts, sf_answer *answer);
extern void sf_rule_approval(const sf_facts *facts, sf_answer *answer);

/* facts.c; these run inside SPI, after sf_policy_refresh() */
/* The facts of texts of the log; of one that is gone there is none.  Returns how many. */
extern int	sf_facts_of_texts(Datum ids, Datum times, Datum returned, TimestampTz now, sf_facts **facts);
/* Of a text that a campaign would send to a contact (0: to a number never seen). */
extern bool sf_facts_of_pair(int64 contact_id, int32 campaign_id, TimestampTz now, sf_facts *facts);

/* recipient.c */
extern void sf_rule_recipient(const sf_facts *facts, sf_answer *answer);

/* tables.c; runs inside SPI */
/* Reads the tables of rules again if somebody changed them. */
extern void sf_policy_refresh(void);
/* Changes whenever they were read again: what others keep of the configuration is old then. */
extern uint64 sf_policy_generation(void);

#endif							/* SF_GATE_H */
