/*-------------------------------------------------------------------------
 *
 * control.c
 *		The paths under /_control/ that tests steer and question the gateway with.
 *
 * Answers are JSON.  Parameters come as query, form or JSON, as everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <stdlib.h>
#include <string.h>

#define MAX_OPTED_OUT 1024

static char *opted_out[MAX_OPTED_OUT];
static int	n_opted_out;
static options initial;			/* as started, for reset */
static bool have_initial;

static const struct
{
	const char *name;
	uint64_t   *value;
}			counter_names[] = {
	{"requests", &gateway_counters.requests},
	{"received", &gateway_counters.received},
	{"accepted", &gateway_counters.accepted},
	{"rejected", &gateway_counters.rejected},
	{"duplicates", &gateway_counters.duplicates},
	{"lookups", &gateway_counters.lookups},
	{"faults", &gateway_counters.faults},
	{"replied", &gateway_counters.replied},
	{"lost", &gateway_counters.lost},
	{"receipts_posted", &gateway_counters.receipts_posted},
	{"receipts_failed", &gateway_counters.receipts_failed},
	{"receipts_dropped", &gateway_counters.receipts_dropped}
};

#define N_COUNTERS (sizeof(counter_names) / sizeof(counter_names[0]))

/* The receipt poster counts too, on its own thread. */
static uint64_t
read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void
bad(request *r, const char *problem)
{
	generic_error(r, MHD_HTTP_BAD_REQUEST, problem);
}

static void
done(request *r)
{
	buffer_text(&r->reply, "{\"status\":\"ok\"}");
	reply_json(r, MHD_HTTP_OK);
}

static void
stats(request *r)
{
	buffer_text(&r->reply, "{");
	for (size_t i = 0; i < N_COUNTERS; i++)
		buffer_printf(&r->reply, "%s\"%s\":%llu", i > 0 ? "," : "", counter_names[i].name,
					  (unsigned long long) read_counter(counter_names[i].value));
	buffer_text(&r->reply, "}");
	reply_json(r, MHD_HTTP_OK);
}

static void
set_latency(request *r)
{
	bool		ok = true;
	int64_t		ms = fields_number(&r->fields, "ms", 0, &ok);
	double		p50 = fields_real(&r->fields, "p50", 0, &ok);
	double		p99 = fields_real(&r->fields, "p99", p50, &ok);

	if (!ok || ms < 0 || ms > 3600000 || p99 < p50 || p99 > 3600000)
	{
		bad(r, "latency needs ms, or p50 and p99, 0 to 3600000");
		return;
	}
	gateway_options.latency_ms = ms;
	gateway_options.latency_p50 = p50;
	gateway_options.latency_p99 = p99;
	done(r);
}

static void
faults(request *r)
{
	const char *problem;

	if (strcmp(r->method, MHD_HTTP_METHOD_GET) != 0)
	{
		if (strcmp(r->method, MHD_HTTP_METHOD_DELETE) == 0)
			fault_clear();
		else if (!fault_add(&r->fields, &problem))
		{
			bad(r, problem);
			return;
		}
	}
	fault_list(&r->reply);
	reply_json(r, MHD_HTTP_OK);
}

bool
control_opted_out(const char *to)
{
	for (int i = 0; i < n_opted_out; i++)
		if (strcmp(opted_out[i], to) == 0)
			return true;
	return false;
}

/* Puts a number on the list of those who said STOP, or takes it off. */
static void
opt(request *r, bool out)
{
	const char *to = fields_get(&r->fields, "to");

	if (to == NULL || to[0] == '\0')
	{
		bad(r, "to is missing");
		return;
	}
	if (out && !control_opted_out(to))
	{
		if (n_opted_out == MAX_OPTED_OUT)
		{
			bad(r, "too many numbers have opted out");
			return;
		}
		opted_out[n_opted_out++] = xstrdup(to);
	}
	for (int i = 0; !out && i < n_opted_out; i++)
		if (strcmp(opted_out[i], to) == 0)
		{
			free(opted_out[i]);
			opted_out[i--] = opted_out[--n_opted_out];
		}
	done(r);
}

/* Back to the state after the start, with an empty store; the log goes on. */
static void
reset(request *r)
{
	gateway_options = initial;
	fault_clear();
	receipts_clear();
	store_clear();
	server_release_stalled();
	while (n_opted_out > 0)
		free(opted_out[--n_opted_out]);
	for (size_t i = 0; i < N_COUNTERS; i++)
		__atomic_store_n(counter_names[i].value, 0, __ATOMIC_RELAXED);
	log_event("reset");
	done(r);
}

static void
append_record(buffer *b, const record *m)
{
	buffer_printf(b, "{\"id\":%llu,\"seq\":%llu,\"us\":%lld,\"sid\":", (unsigned long long) m->id,
				  (unsigned long long) m->seq, (long long) m->received_us);
	buffer_json_or_null(b, m->accepted ? m->sid : NULL);
	buffer_text(b, ",\"to\":");
	buffer_json_or_null(b, m->to);
	buffer_text(b, ",\"from\":");
	buffer_json_or_null(b, m->from[0] != '\0' ? m->from : m->service);
	buffer_text(b, ",\"ref\":");
	buffer_json_or_null(b, m->ref);
	buffer_text(b, ",\"body\":");
	buffer_json_or_null(b, m->body);
	buffer_printf(b, ",\"accepted\":%s,\"duplicate\":%s,\"status\":%d,\"fault\":\"%s\",\"replied\":%s}",
				  m->accepted ? "true" : "false", m->redelivered ? "true" : "false", m->status,
				  fault_name(m->fault), m->replied ? "true" : "false");
}

/* The sends remembered, newest first, all or those of one recipient or reference. */
static void
received(request *r)
{
	const char *to = fields_get(&r->fields, "to");
	const char *ref = fields_get(&r->fields, "ref");
	bool		ok = true;
	int64_t		limit = fields_number(&r->fields, "limit", 1000, &ok);
	const record *m;
	bool		first = true;

	if (!ok || limit < 0)
	{
		bad(r, "limit must be a number");
		return;
	}
	m = ref != NULL ? store_by_ref(ref) : to != NULL ? store_by_to(to) : store_newest();
	buffer_text(&r->reply, "[");
	for (; m != NULL && limit > 0; limit--)
	{
		if (!first)
			buffer_text(&r->reply, ",");
		first = false;
		append_record(&r->reply, m);
		m = ref != NULL ? store_by_ref_older(m) : to != NULL ? store_by_to_older(m) : store_older(m);
	}
	buffer_text(&r->reply, "]");
	reply_json(r, MHD_HTTP_OK);
}

/* Begins to wait until a counter reaches n; true when that needs no waiting. */
static bool
wait_for(request *r)
{
	const char *name = fields_get(&r->fields, "counter");
	bool		ok = true;
	int64_t		goal = fields_number(&r->fields, "n", -1, &ok);
	int64_t		timeout_ms = fields_number(&r->fields, "timeout_ms", 10000, &ok);

	for (size_t i = 0; i < N_COUNTERS; i++)
		if (strcmp(counter_names[i].name, name != NULL ? name : "received") == 0)
			r->counter = counter_names[i].value;
	if (!ok || goal < 0 || timeout_ms < 0 || timeout_ms > 3600000 || r->counter == NULL)
	{
		bad(r, "wait needs n, counter (a name from stats) and timeout_ms, at most 3600000");
		return true;
	}
	r->counter_goal = (uint64_t) goal;
	r->due_us = r->received_us + timeout_ms * 1000;
	return control_waited(r, r->received_us);
}

/* True, with a reply, when the wait is over. */
bool
control_waited(request *r, int64_t at_us)
{
	uint64_t	value = read_counter(r->counter);
	bool		reached = value >= r->counter_goal;

	if (!reached && at_us < r->due_us)
		return false;
	buffer_printf(&r->reply, "{\"reached\":%s,\"value\":%llu}", reached ? "true" : "false",
				  (unsigned long long) value);
	reply_json(r, MHD_HTTP_OK);
	return true;
}

bool
control_request(request *r)
{
	const char *what = r->path + strlen("/_control/");

	if (!have_initial)
	{
		initial = gateway_options;
		have_initial = true;
	}
	if (strcmp(what, "stats") == 0)
		stats(r);
	else if (strcmp(what, "latency") == 0)
		set_latency(r);
	else if (strcmp(what, "faults") == 0)
		faults(r);
	else if (strcmp(what, "received") == 0)
		received(r);
	else if (strcmp(what, "wait") == 0)
		return wait_for(r);
	else if (strcmp(what, "opt_out") == 0)
		opt(r, true);
	else if (strcmp(what, "opt_in") == 0)
		opt(r, false);
	else if (strcmp(what, "release") == 0)
	{
		server_release_stalled();
		done(r);
	}
	else if (strcmp(what, "reset") == 0)
		reset(r);
	else
		generic_error(r, MHD_HTTP_NOT_FOUND, "no such control path");
	return true;
}
