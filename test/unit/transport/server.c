/*-------------------------------------------------------------------------
 *
 * server.c
 *		A web server that misbehaves on request, in a process of its own.
 *
 * One thread per connection, blocking calls: slow, and simple enough to be
 * believed.  What a path asks for is in the table at the end of answer().
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

#define REQUEST_SIZE (256 * 1024)

typedef struct connection
{
	int			fd;
	SSL		   *tls;
	long		seen;			/* requests read so far */
	size_t		used;
	char		data[REQUEST_SIZE + 1];
} connection;

static server_counts *counts;
static SSL_CTX *tls_context;

/* Reads some bytes; 0 at the end, negative on failure. */
static int
read_some(connection *c)
{
	size_t		room = REQUEST_SIZE - c->used;
	int			n;

	if (c->tls != NULL)
		n = SSL_read(c->tls, c->data + c->used, (int) room);
	else
		n = (int) recv(c->fd, c->data + c->used, room, 0);
	if (n > 0)
		c->used += (size_t) n;
	c->data[c->used] = '\0';
	return n;
}

/* Writes all bytes. */
static bool
write_all(connection *c, const char *data, size_t len)
{
	while (len > 0)
	{
		int			n = c->tls != NULL ? SSL_write(c->tls, data, (int) len) :
			(int) send(c->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t) n;
	}
	return true;
}

/* Writes a text made of a format. */
static bool
say(connection *c, const char *format,...)
{
	char		text[8192];
	va_list		args;
	int			len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return write_all(c, text, (size_t) len);
}

/* Writes a whole answer. */
static bool
reply(connection *c, const char *status, const char *headers, const char *body, size_t body_len)
{
	return say(c, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, body_len, headers) &&
		write_all(c, body, body_len);
}

/* Waits some milliseconds, or until the client says or closes something; true when it did. */
static bool
wait_ms(connection *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/* Writes N bytes of body. */
static bool
big(connection *c, long size)
{
	char	   *body = malloc((size_t) size + 1);
	bool		ok;

	memset(body, 'b', (size_t) size);
	ok = reply(c, "200 OK", "", body, (size_t) size);
	free(body);
	return ok;
}

/* Writes lines of 100 bytes of headers, N bytes in all. */
static bool
big_head(connection *c, long size)
{
	if (!say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"))
		return false;
	for (; size >= 100; size -= 100)
		if (!say(c, "X-Filler: %088d\r\n", 1))
			return false;
	return say(c, "\r\n");
}

/* Writes a body of one byte every 20 ms until the client is gone. */
static bool
drip(connection *c)
{
	if (!say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
		return false;
	while (!wait_ms(c, 20))
		if (!say(c, "d"))
			break;
	return false;
}

/* Writes more headers than anybody wants. */
static bool
many_headers(connection *c)
{
	int			i;

	if (!say(c, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n"
			 "Retry-After:  17 \r\nX-Limit: 5\r\nx-Empty:\r\nX-Strange: a\tb\x80\r\n"))
		return false;
	for (i = 0; i < 100; i++)
		if (!say(c, "X-Number-%d: %d\r\n", i, i))
			return false;
	return say(c, "\r\n{}");
}

/* Says something that ends in mid-sentence, and closes. */
static bool
cut_short(connection *c, const char *text)
{
	(void) say(c, "%s", text);
	return false;
}

/* Makes the close of a connection a reset. */
static bool
reset(connection *c)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return false;
}

/* Does what the request's path says; false: close the connection. */
static bool
answer(connection *c, const char *path, size_t request_len)
{
	static const char small[] = "{\"sid\":\"SM1\"}";
	static const struct
	{
		const char *path;
		const char *text;
	}			cuts[] = {
		{"/half-status", "HTTP/1.1 20"},
		{"/half-line", "HTTP/1.1 201 Created\r\nContent-Ty"},
		{"/half-head", "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nX-A: b\r\n"},
		{"/half-body", "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nten bytes."},
		{"/half-chunk", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nten bytes."},
		{"/no-last-chunk", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"},
		{"/interim-only", "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"},
		{"/not-http", "220 mail.example.com ESMTP\r\n\r\n"},
		{"/to-the-end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"},
		{"/read-close", ""}
	};
	size_t		i;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		if (strcmp(path, cuts[i].path) == 0)
			return cut_short(c, cuts[i].text);
	if (strcmp(path, "/ok") == 0)
		return reply(c, "201 Created", "X-Request-Id: Ab1\r\n", small, sizeof(small) - 1);
	if (strcmp(path, "/ok-close") == 0)
		return reply(c, "201 Created", "", small, sizeof(small) - 1) && false;
	if (strcmp(path, "/ok-reset") == 0)
		return reply(c, "201 Created", "", small, sizeof(small) - 1) && reset(c);
	if (strcmp(path, "/echo") == 0)
		return reply(c, "200 OK", "", c->data, request_len);
	if (strcmp(path, "/interim") == 0)
		return say(c, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n") &&
			reply(c, "201 Created", "X-Late: 2\r\n", small, sizeof(small) - 1);
	if (strcmp(path, "/redirect") == 0)
		return reply(c, "302 Found", "Location: /ok\r\n", "", 0);
	if (strcmp(path, "/headers") == 0)
		return many_headers(c);
	if (strcmp(path, "/read-reset") == 0)
		return reset(c);
	if (strcmp(path, "/drip") == 0)
		return drip(c);
	if (strcmp(path, "/hang") == 0)
		return wait_ms(c, -1) && false;
	if (strncmp(path, "/delay/", 7) == 0)
		return !wait_ms(c, atoi(path + 7)) && reply(c, "201 Created", "", small, sizeof(small) - 1);
	if (strncmp(path, "/big/", 5) == 0)
		return big(c, atol(path + 5));
	if (strncmp(path, "/big-head/", 10) == 0)
		return big_head(c, atol(path + 10));
	return reply(c, "404 Not Found", "", "", 0);
}

/* Bytes of the first request in data, 0 while it is not whole. */
static size_t
whole_request(connection *c)
{
	const char *end = strstr(c->data, "\r\n\r\n");
	const char *length;
	size_t		len;

	if (end == NULL)
		return 0;
	len = (size_t) (end + 4 - c->data);
	length = strcasestr(c->data, "\r\nContent-Length:");
	if (length != NULL && length < end)
		len += strtoul(length + 17, NULL, 10);
	return len <= c->used ? len : 0;
}

/* Serves requests on a connection until one of us closes it. */
static void
serve(connection *c)
{
	for (;;)
	{
		char		path[256] = "";
		size_t		len = whole_request(c);
		bool		go_on;

		if (len == 0)
		{
			if (read_some(c) > 0)
				continue;
			if (c->used > 0)
				atomic_fetch_add(&counts->fragments, 1);
			return;
		}
		if (strncmp(c->data, "CONNECT ", 8) == 0)
		{
			atomic_fetch_add(&counts->tunnels, 1);
			(void) reply(c, "403 Forbidden", "", "", 0);
			return;
		}
		atomic_store(&counts->last_size, (long) len);
		atomic_store(&counts->last_repeat, c->seen);
		atomic_fetch_add(&counts->requests, 1);
		c->seen++;
		(void) sscanf(c->data, "%*s %255s", path);
		go_on = answer(c, path, len);
		memmove(c->data, c->data + len, c->used - len + 1);
		c->used -= len;
		if (!go_on)
			return;
	}
}

/* One connection from handshake to close. */
static void *
connection_main(void *context)
{
	connection *c = context;
	bool		ready = true;

	if (tls_context != NULL)
	{
		c->tls = SSL_new(tls_context);
		SSL_set_fd(c->tls, c->fd);
		ready = SSL_accept(c->tls) == 1;
	}
	if (ready)
		serve(c);
	if (c->tls != NULL)
		SSL_free(c->tls);
	close(c->fd);
	free(c);
	atomic_fetch_add(&counts->closed, 1);
	return NULL;
}

/* Accepts connections for ever. */
static void
accept_loop(int listener)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (;;)
	{
		connection *c;
		pthread_t	thread;
		int			one = 1;
		int			fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		atomic_fetch_add(&counts->connections, 1);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = malloc(sizeof(connection));
		c->fd = fd;
		c->tls = NULL;
		c->seen = 0;
		c->used = 0;
		c->data[0] = '\0';
		if (pthread_create(&thread, &attr, connection_main, c) != 0)
		{
			close(fd);
			free(c);
		}
	}
}

/* Starts a server on 127.0.0.1; over TLS when a certificate is given. */
server
server_start(const char *certificate, const char *key)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	len = sizeof(address);
	server		s;
	int			listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.counts = mmap(NULL, sizeof(server_counts), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.counts == MAP_FAILED ||
		bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(listener, 1024) != 0 ||
		getsockname(listener, (struct sockaddr *) &address, &len) != 0)
	{
		perror("test server");
		exit(1);
	}
	s.port = ntohs(address.sin_port);
	fflush(stdout);
	s.pid = fork();
	if (s.pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		counts = s.counts;
		if (certificate != NULL)
		{
			tls_context = SSL_CTX_new(TLS_server_method());
			if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
				SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1)
				_exit(1);
		}
		accept_loop(listener);
	}
	close(listener);
	return s;
}

/* Ends a server. */
void
server_stop(server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->counts, sizeof(server_counts));
}
