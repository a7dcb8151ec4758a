\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- What the catalogs say about the extension: nothing undocumented, nothing
-- open to the public, nothing that trusts a search_path.
CREATE VIEW t.object AS
SELECT d.classid, d.objid, o.type, o.identity
FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) o
WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'smsfollow') AND d.deptype = 'e';

-- every object has a comment, triggers of the tables excepted: their functions have one
SELECT type, identity FROM t.object o
WHERE obj_description(objid, classid::regclass::name) IS NULL AND type <> 'type'
	-- of an identity column
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'i') ORDER BY 1, identity COLLATE "C";
-- comments of functions that are not internal name their errors
SELECT type, identity FROM t.object o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
WHERE p.prorettype <> 'trigger'::regtype AND p.prosrc ~ 'ERRCODE|raise_null' AND obj_description(p.oid, 'pg_proc') !~ 'Internal|[Ee]rror|[Rr]aises' ORDER BY 1, 2;
-- columns of the views that people read, and of the tables behind them, say what is not obvious; a table's comment is enough else
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND length(obj_description(c.oid, 'pg_class')) < 20;

-- everything stands in the schema smsfollow, which holds nothing else
SELECT type, identity FROM t.object WHERE identity NOT LIKE 'smsfollow%' ORDER BY 1, 2;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND NOT EXISTS (SELECT FROM t.object o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid);
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S', 'm') AND NOT c.relispartition
	AND NOT EXISTS (SELECT FROM t.object o WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid)
	-- of an identity column: belongs to the table
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i');

-- definer or not, every function in SQL or PL/pgSQL has its names bound: by a pinned path, or when it was made
SELECT p.oid::regprocedure, l.lanname, p.prosecdef FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.prosqlbody IS NULL AND (l.lanname IN ('sql', 'plpgsql') OR p.prosecdef)
	AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp'] ORDER BY p.oid::regprocedure::text COLLATE "C";
-- triggers name their functions
SELECT tgrelid::regclass, tgname, tgfoid::regproc, tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'smsfollow'::regnamespace AND NOT tgisinternal ORDER BY tgrelid::regclass::text COLLATE "C", 2;

-- nothing is granted to PUBLIC
SELECT 'schema' AS what, nspname::text AS name FROM pg_namespace WHERE nspname = 'smsfollow' AND EXISTS (SELECT FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a WHERE a.grantee = 0)
UNION ALL SELECT 'function', p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'smsfollow'::regnamespace AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0)
UNION ALL SELECT 'relation', c.relname FROM pg_class c WHERE relnamespace = 'smsfollow'::regnamespace AND EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee = 0)
UNION ALL SELECT 'column', c.relname || '.' || b.attname FROM pg_class c JOIN pg_attribute b ON b.attrelid = c.oid WHERE relnamespace = 'smsfollow'::regnamespace AND EXISTS (SELECT FROM aclexplode(b.attacl) a WHERE a.grantee = 0);

-- what runs with the owner's rights
SELECT p.oid::regprocedure AS definer FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.prosecdef ORDER BY p.oid::regprocedure::text COLLATE "C";
-- views that show numbers do not leak them through a function in a WHERE
SELECT c.relname AS barrier FROM pg_class c WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.reloptions::text LIKE '%security_barrier%' ORDER BY 1;

-- volatility, strictness and parallel safety of every function
SELECT p.oid::regprocedure AS function, l.lanname AS language, p.provolatile AS volatile, p.proisstrict AS strict, p.proparallel AS parallel
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'smsfollow'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";
-- a function that writes or takes a lock is not stable, and none that calls it may be parallel safe
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.provolatile <> 'v'
	AND p.prosrc ~* '\m(INSERT INTO|UPDATE smsfollow|DELETE FROM|FOR (NO KEY )?UPDATE|FOR SHARE|nextval|pg_advisory)';
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_proc q ON regexp_replace(p.prosrc, 'HINT\s*=[^\n]*', '', 'g') ~ ('smsfollow\.' || q.proname || '\(') AND q.pronamespace = 'smsfollow'::regnamespace
WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.proparallel = 's' AND q.proparallel <> 's' AND NOT EXISTS (
	SELECT FROM pg_proc o WHERE o.proname = q.proname AND o.pronamespace = q.pronamespace AND o.proparallel = 's') ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_proc q ON regexp_replace(p.prosrc, 'HINT\s*=[^\n]*', '', 'g') ~ ('smsfollow\.' || q.proname || '\(') AND q.pronamespace = 'smsfollow'::regnamespace
WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.provolatile <> 'v' AND q.provolatile = 'v' AND NOT EXISTS (
	SELECT FROM pg_proc o WHERE o.proname = q.proname AND o.pronamespace = q.pronamespace AND o.provolatile <> 'v') ORDER BY p.oid::regprocedure::text COLLATE "C";

-- a partitioned parent has no index, key or constraint of its own: a dump of it could not be restored
SELECT c.relname, i.indexrelid::regclass FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind = 'p';
SELECT c.relname, k.conname FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind = 'p' AND k.contype <> 'n';
-- what a dump takes along, and what it does not
SELECT c.relname, x.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(oid, condition) JOIN pg_class c ON c.oid = x.oid WHERE e.extname = 'smsfollow' ORDER BY c.relname COLLATE "C";
SELECT o.identity AS not_dumped FROM t.object o JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass WHERE c.relkind IN ('r', 'p', 'S')
	AND NOT c.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'smsfollow')::oid[]) ORDER BY o.identity COLLATE "C";
-- the reasons that the engine uses are all in the list people look them up in
SELECT code FROM smsfollow.reason_code ORDER BY code COLLATE "C";
