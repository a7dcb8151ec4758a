/*-------------------------------------------------------------------------
 *
 * module.c
 *		Makes smsfollow_phone.so a module that PostgreSQL agrees to load.
 *
 * Everything else of the module is C++ and sees no PostgreSQL header.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
