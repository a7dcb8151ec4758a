\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Saved templates inside others: include and render.
SELECT smsfollow.create_program('p', 'transactional', 'Acme') > 0 AS program;
SELECT smsfollow.create_template('footer', '{{ brand | default: "Acme" }}. STOP to end.', 'empty'),
	smsfollow.create_template('who', '{{ contact.name | default: "you" }}'),
	smsfollow.create_template('nest', 'a {% render "footer", brand: brand %}'),
	smsfollow.create_template('again', '{{ n }}{% assign n = n | plus: 1 %}{% include "again" %}'),
	smsfollow.create_template('needs', '{{ absent }}', 'empty');

\echo --- without partials, names are those of saved templates
SELECT smsfollow.render('Hi. {% render "footer" %}'), smsfollow.render('Hi. {% render "footer", brand: "B" %}');
SELECT smsfollow.render('{% include name %}', '{"name": "footer", "brand": "Data"}');
SELECT smsfollow.render('{% render "nest", brand: "Deep" %}');
SELECT string_agg(smsfollow.render('{% render "footer", brand: n %}', jsonb_build_object('n', n)), ' ') FROM generate_series(1, 3) n;
SELECT smsfollow.render('{% for i in (1..3) %}{% render "who" %}{% endfor %}', '{"contact": {"name": "Ana"}}');
-- but not with them
SELECT t.fails($$SELECT smsfollow.render('{% render "footer" %}', '{}', '{}')$$);
SELECT t.fails($$SELECT smsfollow.render('x {% render "none" %}')$$);
SELECT t.fails($$SELECT smsfollow.render('{% include "again" %}', '{"n": 1}')$$);
-- the policy about missing variables is that of the whole
SELECT t.fails($$SELECT smsfollow.render('{% render "needs" %}', '{}', NULL, 'error')$$);
SELECT smsfollow.render('[{% render "needs" %}]');
-- a value that names a template is a name and nothing else
SELECT t.fails($$SELECT smsfollow.render('{% include name %}', '{"name": "footer'' OR true --"}')$$);
SELECT t.fails($$SELECT smsfollow.render('{% include name %}', '{"name": "{% include \"footer\" %}"}')$$);

\echo --- the newest wording counts, in a transaction of its own, too
SELECT smsfollow.create_template('footer', 'New. STOP to end.');
SELECT smsfollow.render('Hi. {% render "footer" %}');
BEGIN;
SELECT smsfollow.create_template('footer', 'Never.');
SELECT smsfollow.render('Hi. {% render "footer" %}');
ROLLBACK;
SELECT smsfollow.render('Hi. {% render "footer" %}');
-- in a loop of one transaction, too, where the function is set up but once
DO $$
DECLARE
	said text := '';
BEGIN
	FOR i IN 1 .. 3 LOOP
		IF i = 3 THEN
			PERFORM smsfollow.create_template('changing', 'two');
		ELSIF i = 1 THEN
			PERFORM smsfollow.create_template('changing', 'one');
		END IF;
		said := said || ' ' || smsfollow.render('{% render "changing" %}');
	END LOOP;
	RAISE NOTICE '%', said;
END
$$;
SELECT smsfollow.template_body('footer'), smsfollow.template_body('none') IS NULL AS none, smsfollow.template_body(NULL) IS NULL AS nothing;

\echo --- in texts: a partial may read the contact, and wordings are those of the moment
SELECT name, uses_contact FROM smsfollow.template JOIN smsfollow.template_version USING (template_id) WHERE version = 1 ORDER BY 1;
SELECT smsfollow.create_template('greet', 'Hi {% render "who" %}! {% render "footer" %}'), smsfollow.create_template('lost', 'Hi {% render "none" %}'),
	smsfollow.create_template('loop', '{% include "loop" %}'), smsfollow.create_template('strict', '{% render "needs" %}');
SELECT smsfollow.add_contact('+14155550101', 'Ana') > 0, smsfollow.add_contact('+14155550102', 'Bo') > 0;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'p', 'web_form')) FROM generate_series(1, 6) n;
SELECT smsfollow.send('+14155550101', template => 'greet') > 0, smsfollow.send('+14155550102', template => 'greet') > 0, smsfollow.send('+14155550103', template => 'greet') > 0,
	smsfollow.send('+14155550104', template => 'lost') > 0, smsfollow.send('+14155550105', template => 'loop') > 0, smsfollow.send('+14155550106', template => 'strict') > 0;
SELECT smsfollow.create_template('footer', 'Newest. STOP to end.');
SELECT phone, fate, code, body FROM t.claim();
SELECT right(p.phone, 4) AS phone, v.code, v.rule, v.detail FROM smsfollow.verdict v JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY 1;
SELECT * FROM t.miscount;

\echo --- a body without a template loses what no phone should get, too; what is nothing else is no text
SELECT smsfollow.add_contact('+14155550107') > 0, smsfollow.add_contact('+14155550108') > 0;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'p', 'web_form')) FROM generate_series(7, 8) n;
SELECT smsfollow.send('+14155550107', E'Your\u202E code\x07 is\u200B 1') > 0, smsfollow.send('+14155550108', E'\u200B\u2066') > 0;
SELECT phone, fate, code, body, segments FROM t.claim();

\echo --- who may schedule texts may render with them, but reads no table for it
CREATE ROLE regress_partials;
SELECT smsfollow.grant_access('regress_partials', 'sender');
SET ROLE regress_partials;
SELECT smsfollow.render('Hi. {% render "footer" %}');
SELECT count(*) FROM smsfollow.template_version;
RESET ROLE;
DROP OWNED BY regress_partials;
DROP ROLE regress_partials;
