/*-------------------------------------------------------------------------
 *
 * provider.h
 *		From a message to an HTTP request, and from what came back to an outcome.
 *
 * A provider kind is data: one jsonb description (table provider_kind) says
 * how the request is built and how answers are read.  This folder interprets
 * it; it neither sends nor touches the database.  Compiled descriptions live
 * in the memory context given to sf_provider_compile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PROVIDER_H
#define SF_PROVIDER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "transport/transport.h"
#include "utils/jsonb.h"

typedef struct sf_provider sf_provider;

/* What the engine does next with a message. */
typedef enum sf_outcome_kind
{
	SF_ACCEPTED,				/* the provider has it */
	SF_REJECTED,				/* permanently refused */
	SF_RETRY,					/* definitely not accepted; may be tried again */
	SF_IN_DOUBT					/* bytes went out, nobody can say */
} sf_outcome_kind;

/* Whom a temporary refusal holds back. */
typedef enum sf_hold
{
	SF_HOLD_NONE,
	SF_HOLD_SENDER,				/* rate limits: this sender waits */
	SF_HOLD_PROVIDER			/* auth, funds: the whole account waits */
} sf_hold;

/* One text on its way out. */
typedef struct sf_outgoing
{
	int64		message_id;
	const char *to;				/* E.164 */
	const char *from;			/* sender address; NULL: the provider chooses */
	const char *body;			/* UTF-8 */
	const char *ref;			/* our reference, echoed in receipts where possible */
	int			ttl_s;			/* validity at the provider; 0: none */
	bool		is_unicode;		/* does not fit GSM-7 */
	int			nmedia;			/* at most sf_provider_max_media() */
	const char *const *media;	/* addresses */
} sf_outgoing;

typedef struct sf_outcome
{
	sf_outcome_kind kind;
	const char *reason;			/* static: rate_limited, transient, auth, funds,
								 * opted_out, bad_recipient, blocked, sender_config,
								 * content, permanent, ambiguous, not_sent, ok */
	sf_hold		hold;
	int64		retry_after_ms; /* -1: the provider named no time */
	char	   *provider_message_id;	/* NULL when there is none */
	char	   *status;			/* our state word after the provider's status map, or NULL */
	int			segments;		/* 0: not told */
	char	   *cost;			/* decimal text, positive, or NULL */
	char	   *currency;
	char	   *error_code;
	char	   *error_text;		/* never holds the phone number or a secret */
} sf_outcome;

/* Answer of a lookup for a text whose fate is unknown. */
typedef enum sf_lookup_kind
{
	SF_LOOKUP_FOUND,			/* outcome says what became of it */
	SF_LOOKUP_ABSENT,			/* the provider does not know it */
	SF_LOOKUP_INCONCLUSIVE		/* ask again later */
} sf_lookup_kind;

/* What a provider reports later. */
typedef struct sf_event
{
	char	   *type;			/* receipt, inbound, opt, subscribe */
	char	   *provider_message_id;
	char	   *ref;
	char	   *status;			/* accepted sent delivered undelivered failed read expired
								 * cancelled; NULL: the provider's word says nothing */
	char	   *error_code;
	char	   *reason;			/* class of the error, as in sf_outcome, or NULL */
	int			segments;
	char	   *cost;
	char	   *currency;
	char	   *from;
	char	   *to;
	char	   *body;
	char	   *occurred_at;	/* the provider's text, or NULL */
	char	   *provider_status;	/* the provider's own word for status */
	char	   *event_id;		/* of the callback itself, where it has one */
	char	   *in_reply_to;	/* inbound: id of the text it answers */
	char	   *opt;			/* out, in, help: the provider took it as such */
	List	   *media;			/* of char *, addresses of pictures */
	char	   *concat_ref;		/* inbound in parts: what they have in common */
	int			concat_part;	/* 1 .. concat_total; 0: not in parts */
	int			concat_total;
} sf_event;

/*
 * Compiles a description.  settings overrides top-level facts (base_url,
 * account, callback_url, fields of the http kind); secrets holds the values
 * behind {{cred.*}}.  Raises ERRCODE_INVALID_PARAMETER_VALUE with a hint for
 * a description that cannot work.  allow_insecure_http: http:// to loopback.
 */
extern sf_provider *sf_provider_compile(MemoryContext context, const char *name,
										Jsonb *description, Jsonb *settings,
										Jsonb *secrets, bool allow_insecure_http);

extern void sf_provider_free(sf_provider *provider);

extern bool sf_provider_is_sandbox(const sf_provider *provider);
/* How many media a text may have; 0: the provider takes none. */
extern int	sf_provider_max_media(const sf_provider *provider);
extern bool sf_provider_can_lookup_by_id(const sf_provider *provider);
extern bool sf_provider_can_lookup_by_recipient(const sf_provider *provider);

/*
 * Fills request (palloc'd in the current context, but for texts that live as
 * long as provider).  Raises ERRCODE_INVALID_PARAMETER_VALUE for a message
 * that this provider cannot take: that message is at fault, nothing else.
 */
extern void sf_provider_send_request(const sf_provider *provider, const sf_outgoing *message,
									 sf_http_request *request);
extern void sf_provider_send_outcome(const sf_provider *provider, const sf_http_response *response,
									 sf_outcome *outcome);

/* provider_message_id may be NULL: then by recipient, body and time. */
extern void sf_provider_lookup_request(const sf_provider *provider, const sf_outgoing *message,
									   const char *provider_message_id, int64 sent_at_epoch_s,
									   sf_http_request *request);
extern sf_lookup_kind sf_provider_lookup_outcome(const sf_provider *provider,
												 const sf_outgoing *message,
												 const char *provider_message_id,
												 int64 sent_at_epoch_s,
												 const sf_http_response *response,
												 sf_outcome *outcome);

/* The sandbox kind: decides from the recipient's last digits, without network. */
extern void sf_provider_sandbox(const sf_provider *provider, const sf_outgoing *message,
								sf_outcome *outcome, int *delay_ms);
/* State in which the sandbox ends a text to this number; NULL: never accepted. */
extern const char *sf_provider_sandbox_receipt(const char *to);

/* Reads a callback payload; false when the description has no rule for it. */
extern bool sf_provider_event(const sf_provider *provider, Jsonb *payload, sf_event *event);
/* All events of a payload that may hold several: a list of sf_event *. */
extern List *sf_provider_events(const sf_provider *provider, Jsonb *payload);

/*
 * Reads a secret from the file secret_name in smsfollow.secret_dir: a JSON
 * object of texts, or lines of key=value.  Raises an error, which never shows
 * what the file holds.
 */
extern Jsonb *sf_provider_load_secret(const char *secret_name);

#endif							/* SF_PROVIDER_H */
