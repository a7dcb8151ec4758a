/*-------------------------------------------------------------------------
 *
 * server.c
 *		The life of a request: read, judge, log, sleep, answer.
 *
 * Runs libmicrohttpd without threads of its own: the main loop calls
 * server_step, which lets the library read, then wakes the connections whose
 * log line is durable and whose time has come.  A connection sleeps by being
 * suspended, so ten thousand waiting ones cost no thread and no polling.
 *
 *-------------------------------------------------------------------------
 */
#include "gateway.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTION_LIMIT 4096
#define STALL_CHECK_US 200000	/* how often stalled clients are looked at */
#define POLL_MS 20				/* how often those who wait for a counter are */
#define GRID_US 1000			/* waiting connections wake together, once in this time */

static struct MHD_Daemon *daemon_handle;
static request *free_requests;

/* Requests whose log line is not durable yet, in the order of their lines. */
static request *sync_head;
static request **sync_tail = &sync_head;

/* Requests waiting for their time: a binary heap, the earliest at 0. */
static request *heap[2 * CONNECTION_LIMIT];
static int	heap_count;

static request *stalled;
static request *waiters;		/* of /_control/wait */
static int64_t stall_checked_us;
static uint64_t last_seq;
static int	woken;				/* connections resumed since the library last ran */

/* --- waiting ----------------------------------------------------------- */

static void
heap_push(request *r)
{
	int			at = heap_count++;

	while (at > 0 && heap[(at - 1) / 2]->due_us > r->due_us)
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = r;
}

static request *
heap_pop(void)
{
	request    *first = heap[0];
	request    *last = heap[--heap_count];
	int			at = 0;

	for (;;)
	{
		int			child = 2 * at + 1;

		if (child >= heap_count)
			break;
		if (child + 1 < heap_count && heap[child + 1]->due_us < heap[child]->due_us)
			child++;
		if (last->due_us <= heap[child]->due_us)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return first;
}

/* Suspends the connection until due_us. */
void
server_sleep(request *r)
{
	MHD_suspend_connection(r->connection);
	r->state = REQUEST_WAITING;
	heap_push(r);
}

/* Lets the library call the handler again, which will answer. */
static void
wake(request *r)
{
	r->state = REQUEST_ANSWERING;
	MHD_resume_connection(r->connection);
	woken++;
}

/* The request's line is durable: it waits for its time, for ever, or not at all. */
static void
synced(request *r, int64_t at_us)
{
	record	   *m = store_get(r->record_id);

	if (m != NULL && m->accepted)
		receipts_add(m);
	if (r->fault.kind == FAULT_STALL)
	{
		r->state = REQUEST_STALLED;
		r->next = stalled;
		stalled = r;
	}
	else if (r->due_us <= at_us)
		wake(r);
	else
	{
		r->state = REQUEST_WAITING;
		heap_push(r);
	}
}

/* True when the client behind a suspended connection has gone. */
static bool
client_gone(request *r)
{
	const union MHD_ConnectionInfo *info;
	struct pollfd client = {.events = POLLRDHUP};

	info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	client.fd = info->connect_fd;
	return poll(&client, 1, 0) != 0;
}

/* The library does not watch suspended connections, so stalled ones are checked here. */
static void
check_stalled(bool all)
{
	request   **link = &stalled;

	while (*link != NULL)
	{
		request    *r = *link;

		if (all || client_gone(r))
		{
			*link = r->next;
			wake(r);
		}
		else
			link = &r->next;
	}
}

static void
check_waiters(int64_t at_us, bool all)
{
	request   **link = &waiters;

	while (*link != NULL)
	{
		request    *r = *link;

		if (control_waited(r, all ? INT64_MAX : at_us))
		{
			*link = r->next;
			wake(r);
		}
		else
			link = &r->next;
	}
}

/* --- reading and judging ----------------------------------------------- */

static enum MHD_Result
collect_query(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	request    *r = cls;

	return fields_add(&r->fields, name, value != NULL ? value : "") ? MHD_YES : MHD_NO;
}

/* Query and body become fields; false, with a reply, when the body is unreadable. */
static bool
collect_fields(request *r)
{
	const char *type;
	bool		read = true;

	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, collect_query, r);
	if (r->too_large)
	{
		generic_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "request body too large");
		return false;
	}
	if (r->body.len == 0)
		return true;
	type = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
	buffer_string(&r->body);
	if (type == NULL || strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0)
		read = fields_from_form(&r->fields, r->body.data);
	else if (strncasecmp(type, "application/json", 16) == 0)
		read = fields_from_json(&r->fields, r->body.data);
	if (!read)
		generic_error(r, MHD_HTTP_BAD_REQUEST, "malformed request body");
	return read;
}

/* A request without a ref of its own has that of its callback URL, if any. */
void
ref_from_callback(request *r)
{
	if (r->ref == NULL && r->callback != NULL &&
		url_parameter(r->callback, "ref", r->ref_copy, sizeof(r->ref_copy)))
		r->ref = r->ref_copy;
}

/* Finds who serves the path and lets it judge the request. */
static void
judge(request *r)
{
	bool		readable = collect_fields(r);

	if (strncmp(r->path, "/_control/", 10) == 0)
		r->kind = KIND_CONTROL;
	else if (!readable)
		r->kind = KIND_OTHER;
	else if (strncmp(r->path, "/2010-04-01/", 12) == 0)
		twilio_request(r);
	else if (strcmp(r->path, "/generic/send") == 0 || is_kannel(r))
		generic_request(r);
	else
		generic_error(r, MHD_HTTP_NOT_FOUND, "no such path");
}

/* Counts and stores the outcome of a send. */
static record *
store_send(request *r)
{
	record	   *m;

	r->acceptable = r->acceptable && r->fault.accept;
	m = store_add(r);
	r->record_id = m->id;
	gateway_counters.received++;
	if (!m->accepted)
		gateway_counters.rejected++;
	else
	{
		gateway_counters.accepted++;
		gateway_counters.duplicates += m->redelivered;
		r->accepted(r, m);
	}
	return m;
}

/* The whole request is here: decide everything about it, log it, let it sleep. */
static enum MHD_Result
request_complete(request *r)
{
	record	   *m = NULL;
	int64_t		latency_us;

	r->received_us = now_us();
	judge(r);
	if (r->kind == KIND_CONTROL)
	{
		if (r->status != 0 || control_request(r))
			return answer_send(r);
		MHD_suspend_connection(r->connection);
		r->state = REQUEST_WAITING;
		r->next = waiters;
		waiters = r;
		return MHD_YES;
	}

	r->seq = ++last_seq;
	gateway_counters.requests++;
	fault_choose(r, &r->fault);
	gateway_counters.faults += r->fault.kind != FAULT_NONE;
	latency_us = r->fault.latency_ms >= 0 ? r->fault.latency_ms * 1000 : chance_latency_us();
	r->due_us = r->received_us;
	if (latency_us > 0)
		r->due_us += latency_us + GRID_US - (r->received_us + latency_us) % GRID_US;
	if (r->kind == KIND_TWILIO_SEND || r->kind == KIND_GENERIC_SEND)
		m = store_send(r);
	else if (r->kind != KIND_OTHER)
		gateway_counters.lookups++;
	answer_apply_fault(r);
	if (m != NULL)
		m->status = r->status;
	r->log_position = log_request(r, m);

	MHD_suspend_connection(r->connection);
	r->state = REQUEST_SYNCING;
	r->next = NULL;
	*sync_tail = r;
	sync_tail = &r->next;
	return MHD_YES;
}

/* --- the library's callbacks ------------------------------------------- */

static request *
request_begin(struct MHD_Connection *connection, const char *path, const char *method)
{
	request    *r = free_requests;
	buffer		body = {NULL, 0, 0};
	buffer		reply = {NULL, 0, 0};

	if (r != NULL)
	{
		free_requests = r->next;
		body = r->body;
		reply = r->reply;
	}
	else
		r = xmalloc(sizeof(request));
	/* The list of fields is long, and its count says what of it is valid. */
	r->fields.count = 0;
	memset((char *) r + offsetof(request, to), 0, sizeof(request) - offsetof(request, to));
	r->connection = connection;
	r->path = path;
	r->method = method;
	r->kind = KIND_OTHER;
	r->state = REQUEST_READING;
	r->too_large = false;
	r->body = body;
	r->body.len = 0;
	r->reply = reply;
	r->reply.len = 0;
	r->content_type = "application/json";
	return r;
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	request    *r = *con_cls;

	if (r == NULL)
	{
		*con_cls = request_begin(connection, url, method);
		return MHD_YES;
	}
	if (*upload_size > 0)
	{
		if (r->body.len + *upload_size > MAX_BODY)
			r->too_large = true;
		else
			buffer_bytes(&r->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (r->state == REQUEST_READING)
		return request_complete(r);
	return answer_send(r);
}

/* The answer is out, or never will be. */
static void
completed(void *cls, struct MHD_Connection *connection, void **con_cls,
		  enum MHD_RequestTerminationCode code)
{
	request    *r = *con_cls;
	bool		sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	record	   *m;

	if (r == NULL)
		return;
	*con_cls = NULL;
	if (r->seq != 0)
	{
		if (sent)
			gateway_counters.replied++;
		else
			gateway_counters.lost++;
		m = store_get(r->record_id);
		if (m != NULL)
			m->replied = sent;
		log_reply(r->seq, sent);
	}
	r->next = free_requests;
	free_requests = r;
}

/* --- what the main loop calls ------------------------------------------ */

/* Listens on 127.0.0.1; cert and key (PEM texts) make it HTTPS. */
bool
server_start(uint16_t port, const char *cert, const char *key)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *) cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *) key},
		{MHD_OPTION_END, 0, NULL}
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	/* TURBO also keeps the library from sending a FIN before our RST. */
	daemon_handle = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME |
									 MHD_USE_SUPPRESS_DATE_NO_CLOCK |
									 (cert != NULL ? MHD_USE_TLS : 0),
									 port, NULL, NULL, handle, NULL,
									 MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address,
									 MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
									 MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u,
									 MHD_OPTION_CONNECTION_LIMIT, (unsigned int) CONNECTION_LIMIT,
									 MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
									 MHD_OPTION_ARRAY, cert != NULL ? tls : none,
									 MHD_OPTION_END);
	return daemon_handle != NULL;
}

uint16_t
server_port(void)
{
	return MHD_get_daemon_info(daemon_handle, MHD_DAEMON_INFO_BIND_PORT)->port;
}

int
server_fd(void)
{
	return MHD_get_daemon_info(daemon_handle, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

/* How long the main loop may sleep, in milliseconds; -1: until something happens. */
int
server_timeout_ms(void)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	int64_t		wait_ms = INT_MAX;
	int64_t		due_us = INT64_MAX;

	if (MHD_get_timeout(daemon_handle, &library_ms) == MHD_YES && library_ms < INT_MAX)
		wait_ms = (int64_t) library_ms;
	if (heap_count > 0)
		due_us = heap[0]->due_us;
	if (log_due_us() < due_us)
		due_us = log_due_us();
	if (due_us < INT64_MAX)
	{
		int64_t		due_ms = (due_us - now_us() + 999) / 1000;

		if (due_ms < wait_ms)
			wait_ms = due_ms > 0 ? due_ms : 0;
	}
	if ((stalled != NULL || waiters != NULL) && wait_ms > POLL_MS)
		wait_ms = POLL_MS;
	return wait_ms == INT_MAX ? -1 : (int) wait_ms;
}

/* One turn: read what came, wake whose time has come, hand the log on. */
void
server_step(void)
{
	uint64_t	durable;
	int64_t		at_us;

	MHD_run(daemon_handle);
	durable = log_durable();
	at_us = now_us();
	log_flush(at_us);
	while (sync_head != NULL && sync_head->log_position <= durable)
	{
		request    *r = sync_head;

		sync_head = r->next;
		if (sync_head == NULL)
			sync_tail = &sync_head;
		synced(r, at_us);
	}
	while (heap_count > 0 && heap[0]->due_us <= at_us)
		wake(heap_pop());
	if (stalled != NULL && at_us - stall_checked_us >= STALL_CHECK_US)
	{
		stall_checked_us = at_us;
		check_stalled(false);
	}
	if (waiters != NULL)
		check_waiters(at_us, false);

	/* The library reads its wake-up flag only when it runs. */
	if (woken > 0)
	{
		woken = 0;
		MHD_run(daemon_handle);
	}
}

/* Ends the stalled connections: their clients see a close. */
void
server_release_stalled(void)
{
	check_stalled(true);
}

/* Suspended connections must all be resumed before the library may stop. */
void
server_stop(void)
{
	check_stalled(true);
	check_waiters(0, true);
	while (sync_head != NULL)
	{
		request    *r = sync_head;

		sync_head = r->next;
		r->fault.kind = FAULT_CLOSE;
		wake(r);
	}
	sync_tail = &sync_head;
	while (heap_count > 0)
	{
		request    *r = heap_pop();

		r->fault.kind = FAULT_CLOSE;
		wake(r);
	}
	MHD_run(daemon_handle);
	MHD_stop_daemon(daemon_handle);
	while (free_requests != NULL)
	{
		request    *r = free_requests;

		free_requests = r->next;
		buffer_free(&r->body);
		buffer_free(&r->reply);
		free(r);
	}
}
