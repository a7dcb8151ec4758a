/*-------------------------------------------------------------------------
 *
 * receiver.c
 *		A small webhook application: from a provider's callback to the database.
 *
 * Providers report what became of a text by calling a URL.  This program is
 * the least that has to stand behind that URL; it is meant to be read before
 * writing one's own.
 *
 *		/hook/NAME		a delivery receipt	-> smsfollow.record_receipt(NAME, payload)
 *		/inbound/NAME	a text from a contact -> smsfollow.record_inbound(NAME, payload)
 *
 * NAME is the provider's name in the database.  The payload is one JSON object:
 * the fields of the form, or the JSON body, plus the parameters of the URL
 * (such as the ref that the extension puts there).
 *
 * A callback is answered with 204 after the commit, so a provider that repeats
 * unanswered callbacks loses none; the functions ignore what they have seen.
 * One thread talks to the database.  Callbacks that arrive while it is busy
 * are recorded together by the next statement, so the load of a large campaign
 * costs few transactions.
 *
 * It listens on 127.0.0.1.  In front of it belongs a web server that ends TLS
 * and checks the provider's signature.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fields.h"

#define MAX_BODY 65536			/* bytes */
#define MAX_BATCH 500			/* callbacks recorded by one statement */
#define MAX_NAME 64				/* bytes of a provider's name */

/* One callback, from its first byte to its answer. */
typedef struct callback
{
	struct MHD_Connection *connection;
	const char *function;		/* what records it; NULL: no such path */
	char		provider[MAX_NAME];
	buffer		body;			/* as received */
	bool		too_large;
	buffer		payload;		/* JSON: the form, or the body itself */
	buffer		parameters;		/* JSON object: the URL's parameters */
	int			status;			/* of the answer; 0: not decided yet */
	struct callback *next;		/* in the queue */
} callback;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static callback *queue_head;
static callback **queue_tail = &queue_head;
static bool closing;

/* --- the database side --------------------------------------------------- */

static const char *conninfo = "";
static PGconn *connection;

/* Opens the connection if there is none, and again if it broke.  False: no database. */
static bool
connected(void)
{
	if (connection == NULL)
		connection = PQconnectdb(conninfo);
	else if (PQstatus(connection) != CONNECTION_OK)
		PQreset(connection);
	if (PQstatus(connection) == CONNECTION_OK)
		return true;
	fprintf(stderr, "receiver: %s", PQerrorMessage(connection));
	return false;
}

/*
 * True when the statement failed because the server went away: an error
 * without SQLSTATE is libpq's own, and 57P.. is the server's farewell.
 */
static bool
server_left(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return PQstatus(connection) != CONNECTION_OK ||
		(PQresultStatus(result) != PGRES_TUPLES_OK && (state == NULL || strncmp(state, "57P", 3) == 0));
}

/*
 * Records callbacks of one provider in one statement, that is, in one
 * transaction: all or none.  Each travels as a pair of texts, so a body that is
 * no JSON spoils only its own conversion, never its neighbours'.  Returns the
 * HTTP status for all of them.
 */
static int
record(callback **list, int count)
{
	const char *values[2];
	buffer		statement = {NULL, 0, 0};
	buffer		pairs = {NULL, 0, 0};
	PGresult   *result = NULL;
	bool		left = true;
	int			status = MHD_HTTP_INTERNAL_SERVER_ERROR;

	buffer_printf(&statement,
				  "SELECT %s($1, CASE jsonb_typeof(payload) WHEN 'object' THEN payload || parameters ELSE payload END)"
				  " FROM jsonb_array_elements($2::jsonb) AS pair,"
				  " LATERAL (SELECT (pair ->> 0)::jsonb, (pair ->> 1)::jsonb) AS c (payload, parameters)",
				  list[0]->function);
	buffer_text(&pairs, "[");
	for (int i = 0; i < count; i++)
	{
		buffer_text(&pairs, i > 0 ? ",[" : "[");
		buffer_json(&pairs, list[i]->payload.data, list[i]->payload.len);
		buffer_text(&pairs, ",");
		buffer_json(&pairs, list[i]->parameters.data, list[i]->parameters.len);
		buffer_text(&pairs, "]");
	}
	buffer_text(&pairs, "]");
	values[0] = list[0]->provider;
	values[1] = buffer_string(&pairs);

	/* That the server was restarted is found out by using the connection: then once more. */
	for (int attempt = 0; attempt < 2 && left && connected(); attempt++)
	{
		PQclear(result);
		result = PQexecParams(connection, statement.data, 2, NULL, values, NULL, NULL, 0);
		left = server_left(result);
		if (left)
			PQreset(connection);
	}

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		status = MHD_HTTP_NO_CONTENT;
	else if (result != NULL)
	{
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		/* Class 22: the payload itself is wrong, so sending it again is useless. */
		if (state != NULL && strncmp(state, "22", 2) == 0)
			status = MHD_HTTP_BAD_REQUEST;
		fprintf(stderr, "receiver: SQLSTATE %s\n", state != NULL ? state : "unknown");
	}
	PQclear(result);
	buffer_free(&statement);
	buffer_free(&pairs);
	return status;
}

/* Records a batch; if one of them spoils it, each on its own. */
static void
record_batch(callback **list, int count)
{
	int			status = record(list, count);
	bool		one_by_one = status != MHD_HTTP_NO_CONTENT && count > 1 &&
		PQstatus(connection) == CONNECTION_OK;

	for (int i = 0; i < count; i++)
		list[i]->status = one_by_one ? record(&list[i], 1) : status;
	for (int i = 0; i < count; i++)
		MHD_resume_connection(list[i]->connection);
}

/*
 * Takes the first waiting callback and those of the same provider that follow
 * it directly; waits for one when there is none.  0 when the program ends.
 */
static int
take_batch(callback **list)
{
	int			count = 0;

	pthread_mutex_lock(&lock);
	while (queue_head == NULL && !closing)
		pthread_cond_wait(&arrived, &lock);
	while (queue_head != NULL && count < MAX_BATCH &&
		   (count == 0 || (queue_head->function == list[0]->function &&
						   strcmp(queue_head->provider, list[0]->provider) == 0)))
	{
		list[count++] = queue_head;
		queue_head = queue_head->next;
	}
	if (queue_head == NULL)
		queue_tail = &queue_head;
	pthread_mutex_unlock(&lock);
	return count;
}

static void *
database_thread(void *unused)
{
	callback   *list[MAX_BATCH];
	int			count;

	while ((count = take_batch(list)) > 0)
		record_batch(list, count);
	PQfinish(connection);
	return unused;
}

/* --- the HTTP side ------------------------------------------------------- */

/* Finds the function and the provider that the path names. */
static void
read_path(callback *c, const char *path)
{
	static const struct
	{
		const char *prefix;
		const char *function;
	}			routes[] = {
		{"/hook/", "smsfollow.record_receipt"},
		{"/inbound/", "smsfollow.record_inbound"}
	};

	for (int i = 0; i < 2; i++)
	{
		size_t		len = strlen(routes[i].prefix);

		if (strncmp(path, routes[i].prefix, len) == 0 && path[len] != '\0' &&
			strlen(path + len) < sizeof(c->provider) && strchr(path + len, '/') == NULL)
		{
			c->function = routes[i].function;
			strcpy(c->provider, path + len);
		}
	}
}

/* Adds one member to the JSON object in b. */
static void
add_member(buffer *b, const char *name, const char *value)
{
	buffer_text(b, b->len == 0 ? "{" : ",");
	buffer_json(b, name, strlen(name));
	buffer_text(b, ":");
	buffer_json(b, value, strlen(value));
}

static enum MHD_Result
add_parameter(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	add_member(cls, name, value != NULL ? value : "");
	return MHD_YES;
}

/* Ends the JSON object in b. */
static void
end_object(buffer *b)
{
	buffer_text(b, b->len == 0 ? "{}" : "}");
}

/* Makes payload and parameters of what came; false when that cannot be. */
static bool
read_callback(callback *c)
{
	const char *type = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND,
												   MHD_HTTP_HEADER_CONTENT_TYPE);
	fields		form = {.count = 0};

	MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, add_parameter, &c->parameters);
	end_object(&c->parameters);

	buffer_string(&c->body);
	if (type != NULL && strncasecmp(type, "application/json", 16) == 0)
	{
		buffer_bytes(&c->payload, c->body.data, c->body.len);
		return true;			/* the database will tell whether it is JSON */
	}
	if (!fields_from_form(&form, c->body.data))
		return false;
	for (int i = 0; i < form.count; i++)
		add_member(&c->payload, form.list[i].name, form.list[i].value);
	end_object(&c->payload);
	return true;
}

/* Lets the connection sleep until the database thread has an answer. */
static bool
enqueue(callback *c)
{
	bool		open;

	pthread_mutex_lock(&lock);
	open = !closing;
	if (open)
	{
		MHD_suspend_connection(c->connection);
		c->next = NULL;
		*queue_tail = c;
		queue_tail = &c->next;
		pthread_cond_signal(&arrived);
	}
	pthread_mutex_unlock(&lock);
	return open;
}

static enum MHD_Result
answer(callback *c)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(c->connection, (unsigned int) c->status, response);

	MHD_destroy_response(response);
	return result;
}

/* The library calls this for the headers, for each piece of the body, and at the end. */
static enum MHD_Result
handle(void *cls, struct MHD_Connection *client, const char *path, const char *method,
	   const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	callback   *c = *con_cls;

	if (c == NULL)
	{
		*con_cls = c = xcalloc(1, sizeof(callback));
		c->connection = client;
		read_path(c, path);
		return MHD_YES;
	}
	if (*upload_size > 0)
	{
		c->too_large = c->too_large || c->body.len + *upload_size > MAX_BODY;
		if (!c->too_large)
			buffer_bytes(&c->body, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (c->status != 0)
		return answer(c);		/* woken by the database thread */

	if (c->function == NULL)
		c->status = MHD_HTTP_NOT_FOUND;
	else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0 && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		c->status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else if (c->too_large)
		c->status = MHD_HTTP_CONTENT_TOO_LARGE;
	else if (!read_callback(c))
		c->status = MHD_HTTP_BAD_REQUEST;
	else if (enqueue(c))
		return MHD_YES;
	else
		c->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	return answer(c);
}

static void
completed(void *cls, struct MHD_Connection *client, void **con_cls, enum MHD_RequestTerminationCode code)
{
	callback   *c = *con_cls;

	if (c == NULL)
		return;
	buffer_free(&c->body);
	buffer_free(&c->payload);
	buffer_free(&c->parameters);
	free(c);
	*con_cls = NULL;
}

/* --- start and end ------------------------------------------------------- */

static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "receiver: %s: %s\n", what, detail);
	exit(1);
}

/* Tells whoever waits that we are ready, and where; never half a file. */
static void
write_port_file(const char *path, unsigned int port)
{
	char		temporary[4096];
	FILE	   *file;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	if (file == NULL || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0 || rename(temporary, path) != 0)
		die(path, strerror(errno));
}

int
main(int argc, char **argv)
{
	static const struct option known[] = {
		{"port", required_argument, NULL, 'p'},
		{"port-file", required_argument, NULL, 'f'},
		{"conninfo", required_argument, NULL, 'c'},
		{NULL, 0, NULL, 0}
	};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *server;
	const char *port_file = NULL;
	pthread_t	database;
	sigset_t	signals;
	int			option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
	{
		if (option == 'p')
			address.sin_port = htons((uint16_t) atoi(optarg));
		else if (option == 'f')
			port_file = optarg;
		else if (option == 'c')
			conninfo = optarg;
		else
		{
			fputs("usage: receiver [--port N] [--port-file FILE] [--conninfo STRING]\n", stderr);
			return 2;
		}
	}

	/* JSON is UTF-8, whatever the environment says. */
	setenv("PGCLIENTENCODING", "UTF8", 1);

	/* Only the main thread, in sigwait below, hears the signals. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	server = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, NULL,
							  MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address,
							  MHD_OPTION_CONNECTION_LIMIT, 1024u,
							  MHD_OPTION_CONNECTION_TIMEOUT, 60u,
							  MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
							  MHD_OPTION_END);
	if (server == NULL)
		die("cannot listen", strerror(errno));
	if (pthread_create(&database, NULL, database_thread, NULL) != 0)
		die("cannot start a thread", strerror(errno));
	if (port_file != NULL)
		write_port_file(port_file, MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
	sigwait(&signals, &option);

	/* Whatever has been taken in is recorded and answered before the end. */
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_cond_signal(&arrived);
	pthread_mutex_unlock(&lock);
	pthread_join(database, NULL);
	MHD_stop_daemon(server);
	return 0;
}
