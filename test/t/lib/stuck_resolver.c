/*-------------------------------------------------------------------------
 *
 * stuck_resolver.c
 *		A resolver that never answers for names that begin with "stuck".
 *
 * Loaded into the server with LD_PRELOAD.  Other names go to the real one.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	while (node != NULL && strncmp(node, "stuck", 5) == 0)
		pause();
	return real(node, service, hints, result);
}
