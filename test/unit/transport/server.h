/*-------------------------------------------------------------------------
 *
 * server.h
 *		A web server that misbehaves on request, in a process of its own.
 *
 * The path of a request says what becomes of it; see server.c.  Counts live
 * in memory shared with the test.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEST_SERVER_H
#define SF_TEST_SERVER_H

#include <stdatomic.h>
#include <sys/types.h>

typedef struct server_counts
{
	atomic_long connections;	/* accepted */
	atomic_long requests;		/* read to their last byte */
	atomic_long closed;			/* connections we are done with */
	atomic_long fragments;		/* connections that ended within a request */
	atomic_long last_size;		/* bytes of the last whole request */
	atomic_long last_repeat;	/* requests seen on the connection before it */
	atomic_long tunnels;		/* CONNECT requests, all refused */
} server_counts;

typedef struct server
{
	pid_t		pid;
	int			port;
	server_counts *counts;
} server;

/* Starts a server on 127.0.0.1; over TLS when a certificate is given. */
extern server server_start(const char *certificate, const char *key);
extern void server_stop(server *s);

#endif							/* SF_TEST_SERVER_H */
