/*-------------------------------------------------------------------------
 *
 * process.h
 *		What the files around process.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_PROCESS_H
#define SF_PROCESS_H

#include "compat.h"
#include "worker/worker.h"

/* process.c */
SF_NORETURN extern void sf_process_leave(sf_worker_exit how);	/* at once */
extern void sf_process_end(sf_worker_exit how); /* as after SIGTERM */
extern sf_worker_kind sf_process_kind(void);
extern void sf_process_begin_utility(const char *activity);
extern void sf_process_commit_utility(void);

/* permit.c */
extern void sf_process_read_control(bool *paused, bool *stopped);	/* needs SPI */
extern bool sf_process_adopted(void);	/* as sf_process_may_send last saw it */
extern void sf_process_look_again(void);	/* before the next claim, ask the database */

/* vacuum.c */
extern int64 sf_vacuum_queue(MemoryContext context);
extern void sf_vacuum_table(Oid relid, MemoryContext context);

/* erase.c */
extern int64 sf_finish_erasures(MemoryContext context);

#endif							/* SF_PROCESS_H */
