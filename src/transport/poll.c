/*-------------------------------------------------------------------------
 *
 * poll.c
 *		A set of descriptors that is itself a descriptor.
 *
 * The caller waits for one descriptor together with things of its own (a
 * latch, the death of the postmaster), so the set behind it must be pollable:
 * epoll on Linux, kqueue on the BSDs and macOS.  Level-triggered both.
 *
 *-------------------------------------------------------------------------
 */
#ifdef POSTGRES_H
#error "no PostgreSQL header here"
#endif

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && !defined(SF_POLL_KQUEUE)
#include <sys/epoll.h>
#else
#define SF_POLL_KQUEUE 1
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#endif

#include "transport/internal.h"

#define SF_POLL_BATCH 256

#ifndef SF_POLL_KQUEUE

/* Makes an empty set; -1 and errno when there is none to be had. */
int
sf_poll_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

/*
 * Changes what is watched of a descriptor from one interest to another; no
 * interest removes it.  round comes back with its events.  Removing one that
 * the kernel has dropped already is no error.
 */
bool
sf_poll_change(int pollfd, int fd, uint32_t round, int from, int to)
{
	struct epoll_event event;
	int			op = from == 0 ? EPOLL_CTL_ADD : to == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	memset(&event, 0, sizeof(event));
	event.events = ((to & SF_POLL_IN) ? EPOLLIN : 0) | ((to & SF_POLL_OUT) ? EPOLLOUT : 0);
	event.data.u64 = (uint64_t) round << 32 | (uint32_t) fd;
	if (epoll_ctl(pollfd, op, fd, &event) == 0)
		return true;
	return to == 0 && (errno == ENOENT || errno == EBADF);
}

/* Fills events with what is ready now, at most max; returns how many. */
int
sf_poll_wait(int pollfd, sf_poll_event *events, int max)
{
	struct epoll_event ready[SF_POLL_BATCH];
	int			n;
	int			i;

	n = epoll_wait(pollfd, ready, max < SF_POLL_BATCH ? max : SF_POLL_BATCH, 0);
	for (i = 0; i < n; i++)
	{
		events[i].fd = (int) (ready[i].data.u64 & UINT32_MAX);
		events[i].round = (uint32_t) (ready[i].data.u64 >> 32);
		events[i].ready = ((ready[i].events & EPOLLIN) ? SF_POLL_IN : 0) |
			((ready[i].events & EPOLLOUT) ? SF_POLL_OUT : 0) |
			((ready[i].events & (EPOLLERR | EPOLLHUP)) ? SF_POLL_ERROR : 0);
	}
	return n < 0 ? 0 : n;
}

#else							/* SF_POLL_KQUEUE */

/* Makes an empty set; -1 and errno when there is none to be had. */
int
sf_poll_open(void)
{
	int			fd = kqueue();

	if (fd >= 0)
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/*
 * Changes what is watched of a descriptor from one interest to another; no
 * interest removes it.  round comes back with its events.  Removing one that
 * the kernel has dropped already is no error.
 */
bool
sf_poll_change(int pollfd, int fd, uint32_t round, int from, int to)
{
	static const struct
	{
		int			bit;
		int			filter;
	}			parts[] = {{SF_POLL_IN, EVFILT_READ}, {SF_POLL_OUT, EVFILT_WRITE}};
	size_t		i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		struct kevent change;

		if (((from ^ to) & parts[i].bit) == 0)
			continue;
		EV_SET(&change, fd, parts[i].filter, (to & parts[i].bit) ? EV_ADD : EV_DELETE,
			   0, 0, (void *) (uintptr_t) round);
		if (kevent(pollfd, &change, 1, NULL, 0, NULL) != 0 &&
			((to & parts[i].bit) || (errno != ENOENT && errno != EBADF)))
			return false;
	}
	return true;
}

/* Fills events with what is ready now, at most max; returns how many. */
int
sf_poll_wait(int pollfd, sf_poll_event *events, int max)
{
	static const struct timespec at_once = {0, 0};
	struct kevent ready[SF_POLL_BATCH];
	int			n;
	int			i;

	n = kevent(pollfd, NULL, 0, ready, max < SF_POLL_BATCH ? max : SF_POLL_BATCH, &at_once);
	for (i = 0; i < n; i++)
	{
		events[i].fd = (int) ready[i].ident;
		events[i].round = (uint32_t) (uintptr_t) ready[i].udata;
		events[i].ready = (ready[i].filter == EVFILT_READ ? SF_POLL_IN : SF_POLL_OUT) |
			((ready[i].flags & (EV_EOF | EV_ERROR)) ? SF_POLL_ERROR : 0);
	}
	return n < 0 ? 0 : n;
}

#endif							/* SF_POLL_KQUEUE */
