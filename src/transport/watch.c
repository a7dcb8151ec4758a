/*-------------------------------------------------------------------------
 *
 * watch.c
 *		Which descriptors the poll set watches, with as few system calls as
 *		can be.
 *
 * curl announces interest in a socket when a request starts and withdraws it
 * when the request ends, twice per request on a connection that stays open.
 * So a withdrawal is only noted: the kernel goes on watching, and the next
 * request on the connection finds the socket armed.  An idle connection is
 * quiet until the other side closes it; then one event comes that nobody
 * wants, and the socket is taken out of the set for good.
 *
 * This needs to know when a descriptor number changes hands, or a new socket
 * would be taken for an armed one and never wake anybody.  Sockets are
 * therefore opened and closed by our callbacks; descriptors that curl opens
 * by itself (name resolution) are taken out at once.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/internal.h"

/* Opens the poll set; false and errno when it cannot. */
bool
sf_watch_init(sf_watches *watches)
{
	memset(watches, 0, sizeof(*watches));
	watches->pollfd = sf_poll_open();
	return watches->pollfd >= 0;
}

/* Closes the poll set. */
void
sf_watch_free(sf_watches *watches)
{
	if (watches->pollfd >= 0)
		close(watches->pollfd);
	free(watches->list);
	watches->list = NULL;
	watches->size = 0;
	watches->pollfd = -1;
}

/* The entry of a descriptor, made when new; NULL without memory. */
static sf_watch *
entry_of(sf_watches *watches, int fd)
{
	if (fd < 0)
		return NULL;
	if (fd >= watches->size)
	{
		int			size = fd < 64 ? 64 : fd + fd / 2 + 1;
		sf_watch   *list = realloc(watches->list, (size_t) size * sizeof(sf_watch));

		if (list == NULL)
			return NULL;
		memset(list + watches->size, 0, (size_t) (size - watches->size) * sizeof(sf_watch));
		watches->list = list;
		watches->size = size;
	}
	return &watches->list[fd];
}

/* Brings the kernel's view to what is given. */
static bool
arm(sf_watches *watches, int fd, sf_watch *watch, int wanted)
{
	if (watch->armed == wanted)
		return true;
	if (watch->armed == 0)
		watch->round++;
	if (!sf_poll_change(watches->pollfd, fd, watch->round, watch->armed, wanted))
		return false;
	watch->armed = (unsigned char) wanted;
	return true;
}

/* A socket of ours was opened.  False without memory: then do not use it. */
bool
sf_watch_opened(sf_watches *watches, int fd)
{
	sf_watch   *watch = entry_of(watches, fd);

	if (watch == NULL)
		return false;
	watch->ours = true;
	watch->wanted = 0;
	watch->armed = 0;
	return true;
}

/* A socket of ours is about to be closed. */
void
sf_watch_closing(sf_watches *watches, int fd)
{
	sf_watch   *watch = entry_of(watches, fd);

	if (watch == NULL)
		return;
	(void) arm(watches, fd, watch, 0);
	watch->ours = false;
	watch->wanted = 0;
	watch->armed = 0;
}

/* curl wants to hear of this readiness of a descriptor; 0: of none. */
bool
sf_watch_want(sf_watches *watches, int fd, int wanted)
{
	sf_watch   *watch = entry_of(watches, fd);

	if (watch == NULL)
		return false;
	watch->wanted = (unsigned char) wanted;
	if (wanted == 0 && watch->ours)
	{
		/* Idle, it would always be writable. */
		if (watch->armed & SF_POLL_OUT)
			(void) arm(watches, fd, watch, SF_POLL_IN);
		return true;
	}
	return arm(watches, fd, watch, wanted);
}

/*
 * What curl should be told of an event: its readiness, or 0 when it is about
 * an earlier user of the number or about a socket that nobody waits for.
 */
int
sf_watch_ready(sf_watches *watches, const sf_poll_event *event)
{
	sf_watch   *watch = entry_of(watches, event->fd);

	if (watch == NULL || watch->armed == 0 || watch->round != event->round)
		return 0;
	if (watch->wanted == 0)
	{
		(void) arm(watches, event->fd, watch, 0);
		return 0;
	}
	return event->ready;
}
