/*-------------------------------------------------------------------------
 *
 * compat.h
 *		What differs between PostgreSQL 15 and 18, in one place.
 *
 * No other file looks at PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_COMPAT_H
#define SF_COMPAT_H

#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "pgstat.h"
#include "storage/latch.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"				/* VARSIZE and its kin left postgres.h */
#endif

#if PG_VERSION_NUM < 150000
#error "smsfollow needs PostgreSQL 15 or later"
#endif

/* Wait event sets belong to a resource owner from 17 on; ours live as long as the process. */
#if PG_VERSION_NUM >= 170000
#define SF_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(NULL, (n))
#else
#define SF_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* Named wait events exist from 17 on; before, pg_stat_activity says Extension. */
#if PG_VERSION_NUM >= 170000
#define SF_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define SF_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

/* From 17 on a worker may log in as a role that has no LOGIN. */
#ifndef BGWORKER_BYPASS_ROLELOGINCHECK
#define BGWORKER_BYPASS_ROLELOGINCHECK 0
#endif

/* From 19 on DROP DATABASE and the like may end a worker of the database. */
#ifndef BGWORKER_INTERRUPTIBLE
#define BGWORKER_INTERRUPTIBLE 0
#endif

/* Before the declaration of a function that does not return. */
#ifdef pg_noreturn
#define SF_NORETURN pg_noreturn
#else
#define SF_NORETURN pg_attribute_noreturn()
#endif

#ifdef PG_MODULE_MAGIC_EXT
#define SF_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "smsfollow", .version = SF_VERSION)
#else
#define SF_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* SF_COMPAT_H */
