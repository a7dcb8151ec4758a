/*-------------------------------------------------------------------------
 *
 * smsfollow.c
 *		Module magic and initialisation.
 *
 * Loaded by any session the SQL interface works.  Only a library named in
 * shared_preload_libraries gets shared memory and the launcher, and with them
 * the workers that send.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"
#include "settings.h"
#include "worker/worker.h"

SF_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Defines the settings and, when the server starts, asks for shared memory and
 * registers the launcher.  Nothing of ours may run during pg_upgrade.
 */
void
_PG_init(void)
{
	sf_settings_init();

	if (!process_shared_preload_libraries_in_progress)
		return;

	sf_settings_init_preloaded();

	if (IsBinaryUpgrade)
		return;

	sf_shmem_init();
	sf_wake_init();
	sf_launcher_register();
}
