/*-------------------------------------------------------------------------
 *
 * sink.c
 *		The fastest HTTP server we can be, to measure clients against.
 *
 * One process, one epoll set, plain HTTP/1.1 with connections kept open.
 * Reads a request up to its Content-Length and answers 201 with a small JSON
 * object.  Not a test double: the tests have server.c.
 *
 * sink PORT (0: any) prints the port and serves until SIGTERM.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 8192
#define REQUEST_SIZE 16384

typedef struct connection
{
	size_t		used;
	char		data[REQUEST_SIZE];
} connection;

static connection *connections[MAX_CONNECTIONS];

static const char answer[] =
	"HTTP/1.1 201 Created\r\n"
	"Content-Type: application/json\r\n"
	"X-Request-Id: 1234567890\r\n"
	"Content-Length: 75\r\n"
	"\r\n"
	"{\"sid\":\"SM0123456789abcdef0123456789abcdef\",\"status\":\"queued\",\"segments\":1}";

/* Bytes of the first request in data, or 0 when it is not whole yet. */
static size_t
request_length(connection *c)
{
	const char *end;
	const char *length;

	c->data[c->used] = '\0';
	end = strstr(c->data, "\r\n\r\n");
	if (end == NULL)
		return 0;
	length = strcasestr(c->data, "\r\nContent-Length:");
	if (length == NULL || length > end)
		return (size_t) (end + 4 - c->data);
	return (size_t) (end + 4 - c->data) + strtoul(length + 17, NULL, 10);
}

/* Reads what a client sent and answers every whole request in it. */
static int
serve(int fd)
{
	connection *c = connections[fd];
	ssize_t		n = recv(fd, c->data + c->used, REQUEST_SIZE - 1 - c->used, 0);
	size_t		len;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	c->used += (size_t) n;
	while ((len = request_length(c)) > 0 && len <= c->used)
	{
		if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) != (ssize_t) sizeof(answer) - 1)
			return -1;
		memmove(c->data, c->data + len, c->used - len);
		c->used -= len;
	}
	return c->used < REQUEST_SIZE - 1 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	len = sizeof(address);
	struct rlimit limit;
	struct epoll_event event;
	int			one = 1;
	int			listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int			set = epoll_create1(0);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(argc > 1 ? (unsigned short) atoi(argv[1]) : 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(listener, 4096) != 0)
	{
		perror("listen");
		return 1;
	}
	getsockname(listener, (struct sockaddr *) &address, &len);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);

	event.events = EPOLLIN;
	event.data.fd = listener;
	epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
	for (;;)
	{
		struct epoll_event ready[256];
		int			n = epoll_wait(set, ready, 256, -1);

		for (int i = 0; i < n; i++)
		{
			int			fd = ready[i].data.fd;

			if (fd != listener)
			{
				if (serve(fd) != 0)
				{
					free(connections[fd]);
					connections[fd] = NULL;
					close(fd);
				}
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
			{
				if (fd >= MAX_CONNECTIONS || (connections[fd] = calloc(1, sizeof(connection))) == NULL)
				{
					close(fd);
					continue;
				}
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				event.events = EPOLLIN;
				event.data.fd = fd;
				epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
			}
		}
	}
}
