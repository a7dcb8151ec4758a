/*-------------------------------------------------------------------------
 *
 * settings.h
 *		The smsfollow.* settings, with unit and range beside each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SF_SETTINGS_H
#define SF_SETTINGS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* Which rules hold for a number of the US whose state nobody knows. */
typedef enum sf_state_policy
{
	SF_STATE_STRICT,			/* those with subdivision * too */
	SF_STATE_COUNTRY			/* the country's alone */
} sf_state_policy;

extern char *sf_databases;		/* list of database names; SIGHUP */
extern int	sf_max_databases;	/* 1 .. 64; at server start */
extern char *sf_worker_role;	/* role the workers log in as; empty: the extension's owner */
extern char *sf_secret_dir;		/* directory with one file per secret */
extern char *sf_ca_file;
extern char *sf_proxy;
extern char *sf_site;			/* name of this installation, checked by the restore guard */
extern bool sf_dispatch_enabled;	/* off: nothing is claimed anywhere */
extern bool sf_allow_insecure_http; /* superuser; loopback only */
extern int	sf_max_in_flight;	/* transfers, 1 .. 2000 */
extern int	sf_wave_size;		/* texts per claim, 1 .. 1000 */
extern int	sf_poll_interval;	/* ms, 100 .. 3600000: the safety poll */
extern int	sf_request_timeout; /* ms, 1000 .. 600000 */
extern int	sf_connect_timeout; /* ms, 100 .. 600000 */
extern int	sf_max_attempts;	/* 1 .. 100 */
extern int	sf_retry_base;		/* ms, 100 .. 86400000: first backoff */
extern int	sf_retry_cap;		/* ms, 1000 .. 604800000: longest backoff */
extern int	sf_lookup_interval;	/* ms, 100 .. 86400000: from a doubt to the first question about it */
extern int	sf_shutdown_grace;	/* ms, 0 .. 60000: how long running transfers may finish at shutdown */
extern int	sf_click_ip;		/* an sf_click_ip_kind: what is kept of the addresses of clicks */
extern int	sf_claim_commit;	/* synchronous_commit of the claim, a SyncCommitLevel; never off */
extern double sf_clock_offset;	/* s, within a hundred years, added to the wall clock; superuser, tests */
extern char *sf_tenant;			/* of acting_tenant() (sql/09_tenant.sql); USERSET */
extern char *sf_default_region; /* ISO 3166; USERSET */
extern char *sf_refused_number_types;	/* list of libphonenumber's names of types */
extern int	sf_window_margin;	/* minutes, 0 .. 240: jurisdictions' hours end so much earlier */
extern int	sf_unknown_state;	/* an sf_state_policy */

typedef enum sf_click_ip_kind
{
	SF_CLICK_IP_NONE,
	SF_CLICK_IP_TRUNCATED,
	SF_CLICK_IP_FULL
} sf_click_ip_kind;

extern void sf_settings_init(void);	/* all that may be set without preload */
/* Parses a list as sf_databases holds it into palloc'd char *; false: bad syntax. */
extern bool sf_settings_split_list(const char *list, List **names);
extern void sf_settings_init_preloaded(void);	/* POSTMASTER ones; reserves the prefix */

/* Now, as every rule of smsfollow sees it: the wall clock plus clock_offset. */
extern TimestampTz sf_clock(void);

#endif							/* SF_SETTINGS_H */
