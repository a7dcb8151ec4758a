/*-------------------------------------------------------------------------
 *
 * guard.h
 *		Included before each file of the guarded build: memory comes from
 *		guard.c, which makes every byte behind it unreadable.
 *
 * The headers that allocate inline come first and keep the server's functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_TEST_GUARD_H
#define SF_TEST_GUARD_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/palloc.h"
#include "utils/timestamp.h"

extern void *guard_alloc(Size size);
extern void *guard_alloc0(Size size);
extern void *guard_realloc(void *p, Size size);
extern void guard_free(void *p);
extern void guard_reset(void);

#ifndef SF_TEST_GUARD_INSIDE
#define palloc guard_alloc
#define palloc0 guard_alloc0
#define repalloc guard_realloc
#define pfree guard_free
#endif

#endif							/* SF_TEST_GUARD_H */
