/*-------------------------------------------------------------------------
 *
 * gateway.h
 *		What the parts of the test gateway know of each other.
 *
 * One thread, the main one, owns everything: the HTTP daemon, the store of
 * messages, the fault rules.  Two helpers stand beside it, each behind a queue
 * of its own: the log writer (log.c), which makes lines durable, and the
 * receipt poster (receipts.c).
 *
 * The life of a request: its body is collected (server.c), it is judged
 * (twilio.c, generic.c), a fault rule may change the outcome (fault.c), it is
 * stored (store.c) and logged (log.c), and the connection sleeps.  When the
 * log line is durable and the latency has passed, the connection wakes and is
 * answered.  Nothing is ever answered that the log does not hold.
 *
 * Times are microseconds since the epoch, named _us, unless said otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <microhttpd.h>

#include "buffer.h"
#include "fields.h"

#define TWILIO_ACCOUNTS "/2010-04-01/Accounts/"
#define SID_LENGTH 34			/* SM and 32 hexadecimal digits */
#define RETRY_AFTER_SIZE 64
#define MAX_BODY 65536			/* bytes of request body read; more is a 413 */

typedef enum request_kind
{
	KIND_OTHER,					/* a path nobody serves */
	KIND_CONTROL,				/* ours; neither logged nor counted */
	KIND_TWILIO_SEND,
	KIND_TWILIO_FETCH,
	KIND_TWILIO_LIST,
	KIND_GENERIC_SEND
} request_kind;

typedef enum fault_kind
{
	FAULT_NONE,
	FAULT_DELAY,				/* only the latency differs */
	FAULT_STATUS,				/* a chosen HTTP status and body */
	FAULT_RESET,				/* TCP reset instead of an answer */
	FAULT_CLOSE,				/* orderly close instead of an answer */
	FAULT_HALF,					/* headers and half the body, then close */
	FAULT_BIG,					/* a body of many megabytes */
	FAULT_STALL,				/* never an answer */
	FAULT_DRIP,					/* the body one byte at a time */
	FAULT_GARBAGE,				/* 200 with a body that is no JSON */
	FAULT_REDIRECT				/* 302 to the same URL */
} fault_kind;

typedef struct fault_rule
{
	int			id;				/* 1, 2, ... in the order they were added */
	fault_kind	kind;
	char	   *to;				/* suffix of the recipient, or NULL: all */
	char	   *on;				/* send, lookup or all */
	int64_t		count;			/* times it may still strike, -1: no limit */
	int64_t		skip;			/* matching requests to let pass first */
	double		probability;	/* 0 .. 1 */
	bool		accept;			/* the message is taken although the answer fails */
	int64_t		latency_ms;		/* -1: the usual one */
	int			status;			/* FAULT_STATUS */
	int			code;			/* FAULT_STATUS: provider's error code, 0: by status */
	char	   *body;			/* FAULT_STATUS, FAULT_GARBAGE: NULL for the default */
	char	   *retry_after;	/* value of Retry-After, or NULL */
	int64_t		size;			/* FAULT_BIG: bytes */
	int64_t		interval_ms;	/* FAULT_DRIP: between two bytes */
	int64_t		hits;			/* times it struck */
} fault_rule;

/* One text handed to the gateway, accepted or not. */
typedef struct record
{
	uint64_t	id;				/* position in the store, never used twice */
	uint64_t	seq;			/* number of the request in the log */
	request_kind kind;
	bool		accepted;
	bool		redelivered;	/* its ref had been accepted before */
	int			status;			/* HTTP status of the answer, 0: none */
	fault_kind	fault;
	bool		replied;		/* the whole answer went to the kernel */
	int64_t		received_us;
	int64_t		start_us;		/* the message's own life counts from here */
	char		sid[SID_LENGTH + 1];	/* "" unless accepted */
	const char *to;				/* these point behind the struct */
	const char *from;			/* "" when there is none, as all that follow */
	const char *service;
	const char *body;
	const char *ref;
	const char *callback;
	int			media;			/* addresses of media that came along */
	struct record *to_older;	/* chains of the two indexes, newest first */
	struct record *to_newer;
	struct record *ref_older;
	struct record *ref_newer;
} record;

typedef enum request_state
{
	REQUEST_READING,
	REQUEST_SYNCING,			/* waits for the log */
	REQUEST_WAITING,			/* waits for its time, or for a control condition */
	REQUEST_STALLED,
	REQUEST_ANSWERING
} request_state;

typedef struct request
{
	struct MHD_Connection *connection;
	const char *method;
	const char *path;
	request_kind kind;
	request_state state;
	buffer		body;
	bool		too_large;
	fields		fields;			/* query first, then the body's */

	/* the verdict of twilio.c or generic.c */
	const char *to;				/* NULL when the request names none */
	const char *from;
	const char *service;
	const char *text;
	const char *ref;
	const char *callback;
	int			media;
	char		ref_copy[256];	/* a ref found inside the callback's URL */
	bool		acceptable;
	void		(*accepted) (struct request *r, const record *m);	/* fills reply */

	/* the answer */
	int			status;
	buffer		reply;
	const char *content_type;
	char		retry_after[RETRY_AFTER_SIZE];	/* "": none */

	fault_rule	fault;			/* copy of the rule that struck; its texts are not kept */
	uint64_t	record_id;		/* of a send; 0: none */
	uint64_t	seq;
	uint64_t	log_position;
	int64_t		received_us;
	int64_t		due_us;
	uint64_t	dripped;		/* FAULT_DRIP: bytes out so far */
	struct request *next;		/* free list, sync queue, stalled or waiting list */

	/* /_control/wait */
	const uint64_t *counter;
	uint64_t	counter_goal;
} request;

/* Counters since the start or the last reset; /_control/stats shows them all. */
typedef struct counters
{
	uint64_t	requests;		/* all but control */
	uint64_t	received;		/* sends */
	uint64_t	accepted;
	uint64_t	rejected;
	uint64_t	duplicates;		/* accepted sends whose ref had been accepted before */
	uint64_t	lookups;
	uint64_t	faults;
	uint64_t	replied;		/* answers that went out whole */
	uint64_t	lost;			/* answers that did not */
	uint64_t	receipts_posted;	/* receipts.c; read without a lock */
	uint64_t	receipts_failed;
	uint64_t	receipts_dropped;
} counters;

typedef struct options
{
	const char *account;
	const char *token;
	int64_t		latency_ms;		/* fixed, unless latency_p50 > 0 */
	double		latency_p50;
	double		latency_p99;
	int64_t		keep;			/* messages remembered */
	int64_t		rate;			/* sends a second before 429, 0: no limit */
	bool		receipts;
	bool		receipt_chaos;
	int64_t		receipt_delay_ms;
	int64_t		receipt_connections;
	int64_t		receipt_queue;
	const char *generic_answer; /* json, text or kannel */
	const char *generic_to;		/* names of the fields; NULL: the usual ones */
	const char *generic_from;
	const char *generic_body;
	const char *generic_ref;
	const char *generic_auth;	/* Authorization header wanted, NULL: none */
} options;

extern options gateway_options;
extern counters gateway_counters;
extern int64_t now_us(void);

/* chance.c: everything random, from one seed */
extern void chance_seed(uint64_t seed);
extern double chance_uniform(void);	/* 0 <= x < 1 */
extern int64_t chance_latency_us(void);

/* server.c */
extern bool server_start(uint16_t port, const char *cert, const char *key);
extern uint16_t server_port(void);
extern int	server_fd(void);
extern int	server_timeout_ms(void);
extern void server_step(void);
extern void server_release_stalled(void);
extern void server_stop(void);
extern void server_sleep(request *r);
extern void ref_from_callback(request *r);

/* answer.c */
extern void reply_json(request *r, int status);
extern void answer_apply_fault(request *r);
extern enum MHD_Result answer_send(request *r);

/* fault.c */
extern bool fault_add(const fields *f, const char **problem);
extern bool fault_add_spec(const char *spec, const char **problem);
extern void fault_clear(void);
extern void fault_list(buffer *b);
extern void fault_choose(const request *r, fault_rule *chosen);
extern const char *fault_name(fault_kind kind);

/* store.c */
extern void store_open(int64_t keep);
extern void store_clear(void);
extern record *store_add(const request *r);
extern record *store_get(uint64_t id);
extern const record *store_by_sid(const char *sid);
extern const record *store_newest(void);
extern const record *store_older(const record *m);
extern const record *store_by_to(const char *to);
extern const record *store_by_to_older(const record *m);
extern const record *store_by_ref(const char *ref);
extern const record *store_by_ref_older(const record *m);
extern const char *store_state(const record *m, int64_t at_us, int *error_code);
extern int	store_final_error(const char *to);
extern int64_t store_sent_us(const record *m);

/* log.c */
extern bool log_open(const char *path, bool sync);
extern bool log_enabled(void);
extern int	log_fd(void);
extern uint64_t log_request(const request *r, const record *m);
extern void log_reply(uint64_t seq, bool sent);
extern void log_event(const char *event);
extern void log_flush(int64_t at_us);
extern int64_t log_due_us(void);
extern uint64_t log_durable(void);
extern void log_close(void);

/* the providers */
extern void twilio_request(request *r);
extern void twilio_error(request *r, int status, int code, const char *message);
extern void twilio_fault_status(request *r, int status, int code);
extern void twilio_refuse(request *r, int code);
extern void twilio_append_message(buffer *b, const record *m, int64_t at_us);
extern void twilio_list(request *r);
extern void generic_request(request *r);
extern void generic_error(request *r, int status, const char *message);
extern bool is_kannel(const request *r);

/* control.c: false when the request has to wait */
extern bool control_request(request *r);
extern bool control_waited(request *r, int64_t at_us);
extern bool control_opted_out(const char *to);

/* segments.c */
extern int	segments_of(const char *text);

/* receipts.c */
extern bool receipts_open(void);
extern void receipts_add(const record *m);
extern void receipts_clear(void);
extern void receipts_close(void);

#endif							/* GATEWAY_H */
