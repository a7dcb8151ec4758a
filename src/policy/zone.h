/*-------------------------------------------------------------------------
 *
 * zone.h
 *		The clocks of time zones, from PostgreSQL's to the plain arithmetic's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_POLICY_ZONE_H
#define SF_POLICY_ZONE_H

#include "postgres.h"

#include "policy/window.h"
#include "utils/timestamp.h"

/*
 * The clock of a zone, good for what window.c asks about this instant; NULL
 * when the server does not know the zone.  It stays as it is until the next
 * call for the same zone.
 */
extern const sf_zone *sf_zone_clock(const char *name, int64 at);

/* Seconds since 1970, rounded down, and back. */
extern int64 sf_unix_seconds(TimestampTz at);
extern TimestampTz sf_from_unix_seconds(int64 at);

#endif							/* SF_POLICY_ZONE_H */
