-- The settings: what they are, what they refuse, and the clock.
\set SHOW_CONTEXT never
-- Loads the library, so that its settings are known.
SELECT smsfollow.clock() IS NOT NULL AS loaded;

SELECT name, context, vartype, unit, min_val, max_val, boot_val, enumvals
FROM pg_settings
WHERE name LIKE 'smsfollow.%' AND name <> 'smsfollow.max_databases'
ORDER BY name COLLATE "C";
-- Every setting says what it is for.
SELECT name FROM pg_settings WHERE name LIKE 'smsfollow.%' AND coalesce(short_desc, '') = '';

-- Lists of databases: the syntax of search_path.
ALTER SYSTEM SET smsfollow.databases = 'a b';
ALTER SYSTEM SET smsfollow.databases = 'a,';
ALTER SYSTEM SET smsfollow.databases = '"a';
-- Role names: one name as it is.
ALTER SYSTEM SET smsfollow.worker_role = 'a123456789b123456789c123456789d123456789e123456789f123456789g123';
ALTER SYSTEM SET smsfollow.worker_role = E'a\nb';
-- Paths: absolute or empty; never opened here.
ALTER SYSTEM SET smsfollow.secret_dir = 'secrets';
ALTER SYSTEM SET smsfollow.ca_file = '../ca.pem';
ALTER SYSTEM SET smsfollow.ca_file = E'/ca\t.pem';
-- Proxies: a URL without a password in it.
ALTER SYSTEM SET smsfollow.proxy = 'proxy.example.com:3128';
ALTER SYSTEM SET smsfollow.proxy = 'http://';
ALTER SYSTEM SET smsfollow.proxy = 'http://user:secret@proxy.example.com:3128';
ALTER SYSTEM SET smsfollow.proxy = 'http://proxy.example.com :3128';
-- Types of numbers.
ALTER SYSTEM SET smsfollow.refused_number_types = 'TOLL_FREE, landline';
-- Site names.
ALTER SYSTEM SET smsfollow.site = 'Hamburg 1';
\set VERBOSITY sqlstate
-- A claim must not be lost.
ALTER SYSTEM SET smsfollow.claim_commit = off;
-- Numbers stay in their range.
ALTER SYSTEM SET smsfollow.max_in_flight = 0;
ALTER SYSTEM SET smsfollow.wave_size = 1001;
ALTER SYSTEM SET smsfollow.poll_interval = '99ms';
ALTER SYSTEM SET smsfollow.request_timeout = '11min';
ALTER SYSTEM SET smsfollow.shutdown_grace = '61s';

-- What takes effect in workers cannot be set in a session.
SET smsfollow.dispatch_enabled = off;
SET smsfollow.site = 'elsewhere';

\set VERBOSITY default
-- Regions: two letters, kept in upper case; anybody's own.
SET smsfollow.default_region = 'de';
SHOW smsfollow.default_region;
SET smsfollow.default_region = 'USA';
SET smsfollow.default_region = 'U1';
SET smsfollow.default_region = 'U';
SET smsfollow.default_region = '';

-- The clock moves for whoever is superuser, within a hundred years.
SELECT abs(extract(epoch FROM smsfollow.clock() - clock_timestamp())) < 5 AS is_now;
SET smsfollow.clock_offset = '2d';
SELECT abs(extract(epoch FROM smsfollow.clock() - clock_timestamp() - interval '2 days')) < 5 AS two_days_ahead;
SET smsfollow.clock_offset = -31557600;
SELECT abs(extract(epoch FROM smsfollow.clock() - clock_timestamp()) + 31557600) < 5 AS a_year_back;
SET smsfollow.clock_offset = 0.25;
SELECT smsfollow.clock() > clock_timestamp() AS fraction_counts;
\set VERBOSITY sqlstate
SET smsfollow.clock_offset = 3155760001;
RESET smsfollow.clock_offset;
CREATE ROLE sf_settings_user;
SET ROLE sf_settings_user;
SET smsfollow.clock_offset = 1;
SET smsfollow.default_region = 'FR';
-- Where things are is for superusers.
SHOW smsfollow.secret_dir;
SHOW smsfollow.databases;
SHOW smsfollow.max_in_flight;
RESET ROLE;
DROP ROLE sf_settings_user;
