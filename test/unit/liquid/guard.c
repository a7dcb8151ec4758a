/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Memory with a page behind it that nobody may touch.
 *
 * Each piece ends where that page begins, so the first byte read or written
 * too far ends the server.  Pieces that are large, or more than there is room
 * for, come from the server as usual, and so may pieces that are freed here.
 *
 *-------------------------------------------------------------------------
 */
#define SF_TEST_GUARD_INSIDE
#include "guard.h"

#include <sys/mman.h>

#define MAX_PIECES	16384
#define MAX_SIZE	(1024 * 1024)
#define PAGE		4096

typedef struct piece
{
	char	   *p;
	Size		size;
	char	   *pages;
	Size		mapped;
} piece;

static piece pieces[MAX_PIECES];
static int	npieces;

void *
guard_alloc(Size size)
{
	Size		room = Max((size + PAGE - 1) / PAGE * PAGE, PAGE);
	piece	   *new = &pieces[npieces];

	if (npieces == MAX_PIECES || size > MAX_SIZE)
		return palloc(size);
	new->pages = mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new->pages == MAP_FAILED)
		return palloc(size);
	mprotect(new->pages + room, PAGE, PROT_NONE);
	memset(new->pages, 0xA5, room);
	new->p = new->pages + room - size;
	new->size = size;
	new->mapped = room + PAGE;
	npieces++;
	return new->p;
}

void *
guard_alloc0(Size size)
{
	return memset(guard_alloc(size), 0, size);
}

/* The piece at p, NULL: it is the server's. */
static piece *
find_piece(const void *p)
{
	int			i;

	for (i = npieces - 1; i >= 0; i--)
		if (pieces[i].p == p)
			return &pieces[i];
	return NULL;
}

void
guard_free(void *p)
{
	piece	   *old = find_piece(p);

	if (old == NULL)
	{
		pfree(p);
		return;
	}
	munmap(old->pages, old->mapped);
	*old = pieces[--npieces];
}

void *
guard_realloc(void *p, Size size)
{
	piece	   *old = find_piece(p);
	void	   *new;

	if (old == NULL)
		return repalloc(p, size);
	new = guard_alloc(size);
	memcpy(new, p, Min(size, old->size));
	guard_free(p);
	return new;
}

/* Frees everything. */
void
guard_reset(void)
{
	while (npieces > 0)
	{
		npieces--;
		munmap(pieces[npieces].pages, pieces[npieces].mapped);
	}
}
