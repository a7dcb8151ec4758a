\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_preview;
RESET client_min_messages;
-- What a batch would cost, before it is queued: the same texts as would go, and nothing written.
SELECT smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme');
SELECT smsfollow.alter_sender('sandbox', price_per_segment => 0.0075, currency => 'USD') IS NOT NULL AS priced;
CREATE TABLE t.customer (id integer, phone text, name text, vip boolean);
INSERT INTO t.customer SELECT n, '+1415555' || lpad(n::text, 4, '0'), CASE n WHEN 3 THEN 'Zoé' WHEN 5 THEN 'Anaïs' WHEN 7 THEN repeat('Maximilian', 4) ELSE 'Ana' END, n = 9 FROM generate_series(1, 10) n;
-- with "Ana" 155 characters; one name is long, one is not in the alphabet
SELECT smsfollow.create_template('sale', 'Hi {{ name }}, ' || repeat('x', 121) || ' STOP to end, bye'), smsfollow.create_campaign('spring', 'news', 'sale') > 0;
CREATE VIEW t.shown AS SELECT texts, refused, segments, mean, worst, histogram, ucs2, above, cost, currency FROM smsfollow.preview_cost('SELECT phone, name FROM t.customer', campaign => 'spring');
SELECT * FROM t.shown;
SELECT jsonb_pretty(longest) FROM smsfollow.preview_cost('SELECT phone, name, id FROM t.customer', campaign => 'spring');
-- smart encoding and the opt-out line are part of it, as they are of the text
SELECT smsfollow.set_brand('news', 'Acme:');
SELECT * FROM t.shown;
SELECT segments, histogram, ucs2 FROM smsfollow.preview_cost($$SELECT phone, repeat('x', 150) AS body FROM t.customer$$, campaign => 'spring');
SELECT segments, histogram, ucs2 FROM smsfollow.preview_cost($$SELECT phone, repeat('x', 150) AS body FROM t.customer$$, campaign => 'orders');
SELECT smsfollow.set_text_rules('orders', 'off', 1);
SELECT texts, refused, segments, mean, worst, histogram, longest FROM smsfollow.preview_cost($$SELECT phone, repeat('x', 75) || '’' AS body FROM t.customer WHERE id = 1$$, campaign => 'orders');
SELECT smsfollow.set_text_rules('orders', 'always');
SELECT refused, segments, histogram, ucs2, longest FROM smsfollow.preview_cost($$SELECT phone, repeat('x', 75) || '’' AS body FROM t.customer WHERE id = 1$$, campaign => 'orders');
-- it counts what the claim sends
SELECT smsfollow.set_brand('news'), smsfollow.set_text_rules('news', max_segments => 2);
SELECT count(smsfollow.opt_in(phone, 'news', 'web_form')) FROM t.customer;
SELECT smsfollow.schedule_many('SELECT phone, name FROM t.customer', campaign => 'spring');
SELECT count(*) FILTER (WHERE fate = 'send') AS sent, sum(segments) AS segments FROM t.claim();
SELECT segments, cost FROM t.shown;
SELECT t.settle('accepted');
-- what a value lacks is a refusal with its reason; contacts' own data and languages count
SELECT smsfollow.create_template('hello', 'Hello {{ contact.name }}', wordings => '{"ru": "Привет {{ contact.name }}"}');
SELECT smsfollow.add_contact('+14155550001', 'Ana') > 0, smsfollow.add_contact('+14155550002', 'Иван', locale => 'ru') > 0;
SELECT texts, refused, segments, ucs2, longest FROM smsfollow.preview_cost('SELECT phone FROM t.customer WHERE id <= 3 ORDER BY id', 'hello', 'orders');
SELECT jsonb_array_length(longest) AS shown, refused FROM smsfollow.preview_cost('SELECT phone FROM t.customer', 'hello', 'orders', examples => 3);
SELECT texts, mean, worst, histogram, above, longest, cost FROM smsfollow.preview_cost('SELECT phone FROM t.customer WHERE false', 'hello', 'orders');
SELECT texts FROM smsfollow.preview_cost($$SELECT CASE WHEN id > 2 THEN phone ELSE 'x' END AS phone, name FROM t.customer$$, 'sale', 'spring', on_invalid => 'skip');
-- more than a chunk
SELECT texts, segments, worst, above, jsonb_path_query_array(longest, '$[*].row') AS rows FROM smsfollow.preview_cost($$SELECT '+1415555' || lpad(n::text, 4, '0') AS phone, CASE WHEN n % 5000 = 1 THEN repeat('Ana', 20) ELSE 'Ana' END AS name FROM generate_series(0, 24999) n WHERE n < 10000 OR n % 5000 = 1$$, campaign => 'spring');

-- nothing was written
SELECT (SELECT count(*) FROM smsfollow.message) AS texts, (SELECT count(*) FROM smsfollow.contact) AS contacts, (SELECT count(*) FROM smsfollow.link) AS links;
-- with the caller's rights
CREATE ROLE regress_preview;
SELECT smsfollow.grant_access('regress_preview', 'sender');
GRANT USAGE ON SCHEMA t TO regress_preview;
SET ROLE regress_preview;
SELECT t.fails($$SELECT * FROM smsfollow.preview_cost('SELECT phone, name FROM t.customer', campaign => 'spring')$$);
SELECT t.fails($$SELECT * FROM smsfollow.preview_cost('SELECT phone FROM smsfollow.contact_phone', campaign => 'spring')$$);
SELECT texts, segments, cost FROM smsfollow.preview_cost($$SELECT '+14155550001' AS phone, 'Ana' AS name$$, campaign => 'spring');
RESET ROLE;
SELECT t.fails('SELECT smsfollow.preview_cost(NULL)');
SELECT t.fails('SELECT smsfollow.preview_cost(''SELECT 1'', ''sale'', ''spring'')');
SELECT t.fails('SELECT smsfollow.preview_cost(''DELETE FROM t.customer'', ''sale'', ''spring'')');
SELECT t.fails($$SELECT smsfollow.preview_cost('SELECT ''x'' AS phone', 'sale', 'spring')$$);
SELECT t.fails($$SELECT smsfollow.preview_cost('SELECT phone FROM t.customer', 'none', 'spring')$$);
SELECT t.fails($$SELECT smsfollow.preview_cost('SELECT phone FROM t.customer', 'sale', 'none')$$);
SELECT t.fails($$SELECT smsfollow.preview_cost('SELECT phone FROM t.customer', 'sale', 'spring', on_invalid => 'x')$$);
SELECT t.fails($$SELECT smsfollow.preview_cost('SELECT phone FROM t.customer', 'sale', 'spring', examples => 1001)$$);
-- an error in a batch says which rows it is about
SELECT smsfollow.create_template('typed', '{{ n }}', variables => '{"n": "number"}');
CREATE FUNCTION t.context(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN substring(context FROM 'rows .* of the query');
END
$$;
SELECT t.context($$SELECT smsfollow.schedule_many('SELECT phone, CASE WHEN id < 8 THEN ''1'' ELSE ''"x"'' END::jsonb AS n FROM t.customer', 'typed', 'orders')$$);
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP EXTENSION smsfollow;
DROP ROLE regress_preview;
CREATE EXTENSION smsfollow;
