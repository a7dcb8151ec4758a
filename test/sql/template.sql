\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Templates: a name, and wordings that are never changed once saved.
SELECT smsfollow.create_template('shipped', 'Hi {{ first_name }}') AS v1, smsfollow.create_template('shipped', 'Hello {{ first_name }}', 'empty') AS v2,
	smsfollow.create_template('back', 'Come back, {{ contact.name }}', missing => 'skip') AS other;
SELECT t.name, v.version, v.body, v.missing, v.uses_contact, v.created_by = session_user AS by_me
FROM smsfollow.template t JOIN smsfollow.template_version v USING (template_id) ORDER BY t.name, v.version;

SELECT t.fails($$SELECT smsfollow.create_template(NULL, 'x')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', NULL)$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', NULL)$$);
SELECT t.fails($$SELECT smsfollow.create_template('', 'x')$$);
SELECT t.fails($$SELECT smsfollow.create_template(repeat('x', 101), 'x')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', 'ignore')$$);
-- syntax errors say where
SELECT t.fails($$SELECT smsfollow.create_template('x', E'one\ntwo {{ name')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', '{% if %}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('shipped', '{{ a | no_such_filter }}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', repeat('x', 70000))$$);
SELECT count(*) FROM smsfollow.template_version;
SELECT smsfollow.check_template('fine {{ x }}') IS NULL AS null_for_void, smsfollow.check_template(NULL) IS NULL AS null_for_null;

SELECT smsfollow.template_version_id('shipped') = max(template_version_id) AS newest
FROM smsfollow.template_version v JOIN smsfollow.template t USING (template_id) WHERE t.name = 'shipped';
SELECT t.fails($$SELECT smsfollow.template_version_id('none')$$);
SELECT t.fails($$SELECT smsfollow.template_version_id(NULL)$$);

-- what a text is rendered from: the version it was scheduled with, and its own values
SELECT smsfollow.create_program('p', 'marketing', 'Acme') > 0 AS program;
SELECT smsfollow.set_opt_out_line('p', 'never');
SELECT count(smsfollow.opt_in('+141555501' || lpad(n::text, 2, '0'), 'p', 'web_form')) FROM generate_series(1, 10) n;
SELECT smsfollow.create_template('strict', 'A {{ a }}'), smsfollow.create_template('loose', 'A{{ a }}', 'empty'), smsfollow.create_template('skip', 'A {{ a }}', 'skip'),
	smsfollow.create_template('person', 'Hi {{ contact.name }} of {{ contact.city }}, {{ contact.region }}', 'empty'),
	smsfollow.create_template('nothing', '{{ a }}', 'empty'), smsfollow.create_template('long', '{{ a }}', 'empty');
SELECT smsfollow.send('+14155550101', template => 'strict', vars => '{"a": 1}') > 0;
SELECT smsfollow.create_template('strict', 'B {{ a }}');
SELECT smsfollow.send('+14155550102', template => 'strict', vars => '{"a": 1}') > 0;
SELECT smsfollow.send('+14155550103', template => 'strict', vars => '{"b": 1}') > 0;
SELECT smsfollow.send('+14155550104', template => 'loose') > 0;
SELECT smsfollow.send('+14155550105', template => 'skip', vars => '{"a": null}') > 0;
SELECT smsfollow.create_template('refuses', '{% if a > 1 %}{% skip "too many" %}{% endif %}fine'), smsfollow.create_template('fails', '{{ a | divided_by: 0 }}', 'empty');
SELECT smsfollow.send('+14155550109', template => 'refuses', vars => '{"a": 2}') > 0, smsfollow.send('+14155550110', template => 'fails', vars => '{"a": 2}') > 0;
SELECT smsfollow.add_contact('+14155550106', 'Ana', region => 'US', attributes => '{"city": "Bath", "name": "not this"}') > 0;
SELECT smsfollow.send('+14155550106', template => 'person', vars => '{"contact": {"name": "nor this"}}') > 0;
SELECT smsfollow.send('+14155550107', template => 'nothing', vars => '{"a": ""}') > 0;
SELECT smsfollow.send('+14155550108', template => 'long', vars => jsonb_build_object('a', repeat('x', 1531))) > 0;
SELECT * FROM t.claim();
SELECT right(p.phone, 4) AS phone, v.verdict, v.code, v.rule, v.detail FROM smsfollow.verdict v JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY 1;
SELECT t.settle('accepted');
SELECT phone, state, code, rule, body FROM t.log;
SELECT * FROM t.miscount;
