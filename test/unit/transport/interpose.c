/*-------------------------------------------------------------------------
 *
 * interpose.c
 *		System calls that count themselves, and fail or stall on demand.
 *
 * The program exports these names, so libcurl binds to them too.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "harness.h"

atomic_int	stuck_lookups;
atomic_int	release_lookups;
atomic_int	lookups;
atomic_int	localhost_elsewhere;
atomic_int	fail_sends;
atomic_int	short_sends;
atomic_int	fail_epoll_ctl;
atomic_int	epoll_ctls;
atomic_int	sigmasks;

/* Takes one from a count if there is one. */
static bool
take_one(atomic_int *count)
{
	if (atomic_load(count) <= 0)
		return false;
	atomic_fetch_sub(count, 1);
	return true;
}

/*
 * Names under .test are this machine; stuck.test first hangs until it is
 * released.  Everything else goes to the real one, as numbers only: tests ask
 * no name server.
 */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	static int	(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo numeric = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	size_t		len = node == NULL ? 0 : strlen(node);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	atomic_fetch_add(&lookups, 1);
	if (node != NULL && strcmp(node, "stuck.test") == 0)
	{
		atomic_fetch_add(&stuck_lookups, 1);
		while (!atomic_load(&release_lookups))
			(void) poll(NULL, 0, 5);
		atomic_fetch_sub(&stuck_lookups, 1);
		return EAI_AGAIN;
	}
	if (hints != NULL)
		numeric = *hints;
	numeric.ai_flags = AI_NUMERICHOST;
	if (len > 5 && strcmp(node + len - 5, ".test") == 0)
		node = "127.0.0.1";
	else if (node != NULL && strcmp(node, "localhost") == 0)
		node = atomic_load(&localhost_elsewhere) ? "192.0.2.1" : "127.0.0.1";
	return real(node, service, &numeric, result);
}

/* Fails with EPIPE, or takes a part only, when told to. */
ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	static ssize_t (*real) (int, const void *, size_t, int);
	int			most = atomic_load(&short_sends);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "send");
	if (take_one(&fail_sends))
	{
		errno = EPIPE;
		return -1;
	}
	if (most > 0 && len > (size_t) most)
		len = (size_t) most;
	return real(fd, data, len, flags);
}

/* Fails with ENOMEM when told to. */
int
epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	static int	(*real) (int, int, int, struct epoll_event *);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "epoll_ctl");
	atomic_fetch_add(&epoll_ctls, 1);
	if (take_one(&fail_epoll_ctl))
	{
		errno = ENOMEM;
		return -1;
	}
	return real(set, op, fd, event);
}

/* Counts. */
int
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	static int	(*real) (int, const sigset_t *, sigset_t *);

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "pthread_sigmask");
	atomic_fetch_add(&sigmasks, 1);
	return real(how, set, old);
}
