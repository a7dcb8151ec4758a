\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Installing, updating and removing the extension.
SELECT e.extversion = a.default_version AS newest, e.extrelocatable FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname WHERE extname = 'smsfollow';
-- every older version can be brought to this one
SELECT p.source, p.target FROM pg_extension_update_paths('smsfollow') p JOIN pg_available_extensions a ON a.name = 'smsfollow' AND a.default_version = p.target WHERE p.path IS NULL;
SELECT split_part(t.fails('ALTER EXTENSION smsfollow SET SCHEMA t'), '|', 1);

-- use makes partitions, which belong to no extension but go with it
CREATE FUNCTION t.use() RETURNS TABLE (fate text, body text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.set_opt_out_line('news', 'never'), smsfollow.create_template('hello', 'Hello {{ name }}');
	PERFORM smsfollow.opt_in('+14155550101', 'news', 'web_form'), smsfollow.opt_in('+14155550102', 'news', 'web_form');
	PERFORM smsfollow.send('+14155550101', 'literal'), smsfollow.schedule_many($q$SELECT '+14155550102' AS phone, 'Ana' AS name$q$, 'hello');
	RETURN QUERY SELECT c.fate, c.body FROM smsfollow.claim(10, 1) c;
	PERFORM smsfollow.settle(array_agg(i.message_id), array_agg(i.contact_id), 1, 'accepted') FROM smsfollow.inflight i;
	PERFORM smsfollow.record_receipt('sandbox', '{"id": "test-1", "status": "delivered"}');
END
$$;
SELECT * FROM t.use();
SELECT campaign, scheduled, accepted, delivered FROM smsfollow.kpi_campaign;
SELECT count(*) > 0 AS partitions FROM pg_inherits WHERE inhparent = 'smsfollow.message'::regclass;
CREATE VIEW t.holds AS SELECT * FROM smsfollow.kpi_campaign;
SELECT split_part(t.fails('DROP EXTENSION smsfollow'), '|', 1);
DROP VIEW t.holds, t.log, t.recount, t.miscount;
DROP FUNCTION t.claim(bigint, integer);
DROP EXTENSION smsfollow;
SELECT to_regnamespace('smsfollow') AS schema;
-- a schema that somebody prepared, with things of his own in it, is not taken over
CREATE SCHEMA smsfollow;
SELECT t.fails('CREATE EXTENSION smsfollow');
DROP SCHEMA smsfollow;
-- the same session goes on with a new installation
CREATE EXTENSION smsfollow;
SELECT * FROM t.use();
SELECT campaign, scheduled, accepted, delivered FROM smsfollow.kpi_campaign;
-- in one transaction, and undone
BEGIN;
DROP EXTENSION smsfollow;
CREATE EXTENSION smsfollow;
SELECT * FROM t.use();
ROLLBACK;
SELECT campaign, scheduled, accepted, delivered FROM smsfollow.kpi_campaign;
SELECT fate FROM smsfollow.claim(10, 1);
