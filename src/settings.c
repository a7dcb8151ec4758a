/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The smsfollow.* settings and the one clock.
 *
 * Check hooks look at the form of a value only: they run in every backend, so
 * they never open a file or a catalog.  Everything but the size of shared
 * memory takes effect on reload.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "settings.h"

#define ONE_SECOND	1000
#define ONE_MINUTE	(60 * ONE_SECOND)
#define ONE_HOUR	(60 * ONE_MINUTE)
#define ONE_DAY		(24 * ONE_HOUR)
#define HUNDRED_YEARS_S	(36525.0 * 86400.0)

char	   *sf_databases = NULL;
int			sf_max_databases = 8;
char	   *sf_worker_role = NULL;
char	   *sf_secret_dir = NULL;
char	   *sf_ca_file = NULL;
char	   *sf_proxy = NULL;
char	   *sf_site = NULL;
bool		sf_dispatch_enabled = true;
bool		sf_allow_insecure_http = false;
int			sf_max_in_flight = 256;
int			sf_wave_size = 200;
int			sf_poll_interval = ONE_MINUTE;
int			sf_request_timeout = 30 * ONE_SECOND;
int			sf_connect_timeout = 10 * ONE_SECOND;
int			sf_max_attempts = 5;
int			sf_retry_base = 30 * ONE_SECOND;
int			sf_retry_cap = ONE_HOUR;
int			sf_lookup_interval = ONE_MINUTE;
int			sf_shutdown_grace = 2 * ONE_SECOND;
int			sf_click_ip = SF_CLICK_IP_FULL;
int			sf_claim_commit = SYNCHRONOUS_COMMIT_ON;
double		sf_clock_offset = 0;
char	   *sf_default_region = NULL;
char	   *sf_refused_number_types = NULL;
char	   *sf_tenant = NULL;
int			sf_window_margin = 15;
int			sf_unknown_state = SF_STATE_STRICT;

/* The claim is the permit to send, so it has to be durable: no "off". */
static const struct config_enum_entry claim_commit_options[] = {
	{"local", SYNCHRONOUS_COMMIT_LOCAL_FLUSH, false},
	{"remote_write", SYNCHRONOUS_COMMIT_REMOTE_WRITE, false},
	{"on", SYNCHRONOUS_COMMIT_ON, false},
	{"remote_apply", SYNCHRONOUS_COMMIT_REMOTE_APPLY, false},
	{NULL, 0, false}
};

static const struct config_enum_entry click_ip_options[] = {
	{"none", SF_CLICK_IP_NONE, false},
	{"truncated", SF_CLICK_IP_TRUNCATED, false},
	{"full", SF_CLICK_IP_FULL, false},
	{NULL, 0, false}
};

static const struct config_enum_entry unknown_state_options[] = {
	{"strict", SF_STATE_STRICT, false},
	{"country", SF_STATE_COUNTRY, false},
	{NULL, 0, false}
};

PG_FUNCTION_INFO_V1(smsfollow_clock);
PG_FUNCTION_INFO_V1(smsfollow_site);

/* True when text holds a control character, which no setting of ours needs. */
static bool
has_control_character(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (iscntrl((unsigned char) *text))
			return true;
	}
	return false;
}

/*
 * Splits a comma-separated list of names, as search_path is written: names
 * are folded to lower case unless in double quotes.  The names live in the
 * current memory context.
 */
bool
sf_settings_split_list(const char *list, List **names)
{
	return SplitIdentifierString(pstrdup(list), ',', names);
}

/* smsfollow.databases: a list of names. */
static bool
check_databases(char **newval, void **extra, GucSource source)
{
	List	   *names;
	bool		ok = sf_settings_split_list(*newval, &names);

	list_free(names);
	if (!ok)
	{
		GUC_check_errdetail("List syntax is invalid.");
		GUC_check_errhint("Separate database names by commas, and put names with capital letters or special characters in double quotes.");
	}
	return ok;
}

/* smsfollow.worker_role: one role name, exactly as it is. */
static bool
check_role_name(char **newval, void **extra, GucSource source)
{
	if (strlen(*newval) >= NAMEDATALEN)
	{
		GUC_check_errdetail("A role name has at most %d bytes.", NAMEDATALEN - 1);
		return false;
	}
	if (has_control_character(*newval))
	{
		GUC_check_errdetail("A role name must not contain control characters.");
		return false;
	}
	return true;
}

/* File and directory settings: empty or an absolute path. */
static bool
check_path(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0')
		return true;
	if (strlen(*newval) >= MAXPGPATH || has_control_character(*newval))
	{
		GUC_check_errdetail("A path has at most %d bytes and no control characters.", MAXPGPATH - 1);
		return false;
	}
	if (!is_absolute_path(*newval))
	{
		GUC_check_errdetail("The path must be absolute.");
		return false;
	}
	return true;
}

/*
 * smsfollow.proxy: empty or scheme://host[:port].  A password in it would be
 * visible to whoever may read settings, so user information is refused.
 */
static bool
check_proxy(char **newval, void **extra, GucSource source)
{
	const char *p = *newval;
	const char *host;

	if (p[0] == '\0')
		return true;

	host = strstr(p, "://");
	if (strlen(p) >= MAXPGPATH || has_control_character(p) || strchr(p, ' ') != NULL ||
		host == NULL || host == p || host[3] == '\0')
	{
		GUC_check_errdetail("A proxy is written scheme://host:port.");
		return false;
	}
	if (strchr(p, '@') != NULL)
	{
		GUC_check_errdetail("A proxy must not carry a user name or password.");
		return false;
	}
	return true;
}

/* smsfollow.site: letters, digits, dot, hyphen, underscore. */
static bool
check_site(char **newval, void **extra, GucSource source)
{
	const char *p;

	if (strlen(*newval) >= NAMEDATALEN)
	{
		GUC_check_errdetail("A site name has at most %d characters.", NAMEDATALEN - 1);
		return false;
	}
	for (p = *newval; *p != '\0'; p++)
	{
		bool		letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
		bool		digit = *p >= '0' && *p <= '9';

		if (!letter && !digit && strchr("._-", *p) == NULL)
		{
			GUC_check_errdetail("A site name has letters, digits, dots, hyphens and underscores only.");
			return false;
		}
	}
	return true;
}

/* smsfollow.default_region: empty or two letters, kept in upper case. */
static bool
check_region(char **newval, void **extra, GucSource source)
{
	char	   *p = *newval;

	if (p[0] == '\0')
		return true;
	p[0] = pg_ascii_toupper((unsigned char) p[0]);
	if (p[0] >= 'A' && p[0] <= 'Z' && p[1] != '\0')
	{
		p[1] = pg_ascii_toupper((unsigned char) p[1]);
		if (p[1] >= 'A' && p[1] <= 'Z' && p[2] == '\0')
			return true;
	}
	GUC_check_errdetail("A region is the two-letter ISO 3166 code of a country, such as US, GB or FR.");
	return false;
}

/* smsfollow.refused_number_types: names of types, separated by commas. */
static bool
check_number_types(char **newval, void **extra, GucSource source)
{
	static const char *const types[] = {
		"FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST",
		"VOIP", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL", "UNKNOWN"
	};

	for (const char *p = *newval + strspn(*newval, ", "); *p != '\0';)
	{
		size_t		n = strcspn(p, ", ");
		bool		known = false;

		for (int i = 0; i < lengthof(types) && !known; i++)
			known = strlen(types[i]) == n && pg_strncasecmp(types[i], p, n) == 0;
		if (!known)
		{
			GUC_check_errdetail("\"%.*s\" is no type of phone number.", (int) n, p);
			GUC_check_errhint("Types are FIXED_LINE, MOBILE, FIXED_LINE_OR_MOBILE, TOLL_FREE, PREMIUM_RATE, SHARED_COST, VOIP, PERSONAL_NUMBER, PAGER, UAN, VOICEMAIL and UNKNOWN.");
			return false;
		}
		p += n;
		p += strspn(p, ", ");
	}
	return true;
}

/* Settings of the worker that name things outside the database. */
static void
define_places(void)
{
	DefineCustomStringVariable("smsfollow.databases",
							   "Databases in which texts are sent.",
							   "A comma-separated list. Each of them gets a dispatcher and a scheduler.",
							   &sf_databases, "",
							   PGC_SIGHUP, GUC_LIST_INPUT | GUC_SUPERUSER_ONLY,
							   check_databases, NULL, NULL);
	DefineCustomStringVariable("smsfollow.worker_role",
							   "Role that the workers log in as.",
							   "Empty: the owner of the extension. Before PostgreSQL 17 the role needs LOGIN.",
							   &sf_worker_role, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_role_name, NULL, NULL);
	DefineCustomStringVariable("smsfollow.secret_dir",
							   "Directory with one file for each provider secret.",
							   "Empty: secrets are read from the table smsfollow.secret only.",
							   &sf_secret_dir, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_path, NULL, NULL);
	DefineCustomStringVariable("smsfollow.ca_file",
							   "File with the certificate authorities that providers are verified against.",
							   "Empty: the ones of the operating system.",
							   &sf_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_path, NULL, NULL);
	DefineCustomStringVariable("smsfollow.proxy",
							   "HTTP proxy for requests to providers, as scheme://host:port.",
							   "Empty: no proxy, whatever the server's environment says.",
							   &sf_proxy, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_proxy, NULL, NULL);
	DefineCustomStringVariable("smsfollow.site",
							   "Name of this installation.",
							   "A database that was adopted under another name sends nothing until smsfollow.adopt() is called.",
							   &sf_site, "",
							   PGC_SIGHUP, 0,
							   check_site, NULL, NULL);
	DefineCustomBoolVariable("smsfollow.allow_insecure_http",
							 "Allows plain http to providers at a loopback address, for tests.",
							 NULL,
							 &sf_allow_insecure_http, false,
							 PGC_SIGHUP, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
}

/* How much, how often, how long. */
static void
define_tuning(void)
{
	DefineCustomBoolVariable("smsfollow.dispatch_enabled",
							 "Sends texts; off: nothing is claimed in any database.",
							 NULL,
							 &sf_dispatch_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.max_in_flight",
							"Most requests to providers at the same time, per database.",
							NULL,
							&sf_max_in_flight, 256, 1, 2000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.wave_size",
							"Most texts taken from the queue in one transaction.",
							NULL,
							&sf_wave_size, 200, 1, 1000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.poll_interval",
							"Time after which an idle worker looks at its database unasked.",
							"Work is announced through shared memory; this catches what was not.",
							&sf_poll_interval, ONE_MINUTE, 100, ONE_HOUR,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.request_timeout",
							"Longest time for one request to a provider.",
							"A text whose answer did not come in time is in doubt.",
							&sf_request_timeout, 30 * ONE_SECOND, ONE_SECOND, 10 * ONE_MINUTE,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.connect_timeout",
							"Longest time to connect to a provider.",
							"Nothing was sent yet, so the text is tried again.",
							&sf_connect_timeout, 10 * ONE_SECOND, 100, 10 * ONE_MINUTE,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.max_attempts",
							"Most attempts for one text, where its campaign does not say.",
							NULL,
							&sf_max_attempts, 5, 1, 100,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.retry_base",
							"Wait before the second attempt; it doubles with each further one.",
							NULL,
							&sf_retry_base, 30 * ONE_SECOND, 100, ONE_DAY,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.retry_cap",
							"Longest wait between two attempts.",
							NULL,
							&sf_retry_cap, ONE_HOUR, ONE_SECOND, 7 * ONE_DAY,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.lookup_interval",
							"Wait before a provider is first asked about a text in doubt; it doubles with each further question.",
							NULL,
							&sf_lookup_interval, ONE_MINUTE, 100, ONE_DAY,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("smsfollow.shutdown_grace",
							"Time that running requests get to finish when a worker is told to stop.",
							NULL,
							&sf_shutdown_grace, 2 * ONE_SECOND, 0, ONE_MINUTE,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("smsfollow.refused_number_types",
							   "Types of phone numbers to which no text goes.",
							   "A comma-separated list of libphonenumber's types. Numbers of unknown type pass unless UNKNOWN is listed.",
							   &sf_refused_number_types, "PREMIUM_RATE, TOLL_FREE, SHARED_COST, UAN, FIXED_LINE, VOICEMAIL",
							   PGC_SIGHUP, 0,
							   check_number_types, NULL, NULL);
	DefineCustomIntVariable("smsfollow.window_margin",
							"Minutes before the end of a jurisdiction's hours after which no text goes any more.",
							"Carriers queue texts; this is the time they may take.",
							&sf_window_margin, 15, 0, 240,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomEnumVariable("smsfollow.unknown_state",
							 "Which rules hold for a recipient whose state nobody knows.",
							 "strict: those of smsfollow.jurisdiction with subdivision * too; country: the country's alone.",
							 &sf_unknown_state, SF_STATE_STRICT, unknown_state_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("smsfollow.claim_commit",
							 "The synchronous_commit level of the transaction that permits a text to be sent.",
							 NULL,
							 &sf_claim_commit, SYNCHRONOUS_COMMIT_ON, claim_commit_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/*
 * Defines every setting that any session may meet, preloaded or not.
 */
void
sf_settings_init(void)
{
	define_places();
	define_tuning();

	DefineCustomRealVariable("smsfollow.clock_offset",
							 "Seconds added to the wall clock in every rule of smsfollow, for tests.",
							 NULL,
							 &sf_clock_offset, 0.0, -HUNDRED_YEARS_S, HUNDRED_YEARS_S,
							 PGC_SUSET, GUC_UNIT_S | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	DefineCustomEnumVariable("smsfollow.click_ip",
							 "What is kept of the addresses that clicks come from.",
							 "truncated: 24 bits of IPv4, 48 of IPv6.",
							 &sf_click_ip, SF_CLICK_IP_FULL, click_ip_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("smsfollow.tenant",
							   "The tenant that owner and superuser act for, or one of several of a role.",
							   "Empty: the owner sees all tenants.",
							   &sf_tenant, "",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("smsfollow.default_region",
							   "Country of phone numbers that are not in international form.",
							   "Empty: only numbers in international form are taken.",
							   &sf_default_region, "",
							   PGC_USERSET, 0,
							   check_region, NULL, NULL);
}

/*
 * Defines what sizes shared memory, and refuses unknown smsfollow.* names from
 * then on.  A session that loads the library later must not do this: it would
 * warn about smsfollow.max_databases in postgresql.conf.
 */
void
sf_settings_init_preloaded(void)
{
	DefineCustomIntVariable("smsfollow.max_databases",
							"Most databases in which texts are sent.",
							NULL,
							&sf_max_databases, 8, 1, 64,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("smsfollow");
}

/*
 * Now, for every rule: the wall clock plus smsfollow.clock_offset.
 */
TimestampTz
sf_clock(void)
{
	TimestampTz now = GetCurrentTimestamp();

	/* At most a hundred years of microseconds: far from overflow. */
	return now + (int64) (sf_clock_offset * USECS_PER_SEC);
}

/* clock() returns timestamptz */
Datum
smsfollow_clock(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(sf_clock());
}

/* site() returns text: the setting, whose form is checked as this library is loaded. */
Datum
smsfollow_site(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(sf_site != NULL ? sf_site : ""));
}
