\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Template versions: wordings by language, declared variables, approval, the program's brand.
SELECT smsfollow.create_program('orders', 'transactional', 'Acme'), smsfollow.create_program('news', 'marketing', 'Acme');
SELECT count(smsfollow.opt_in('+1415555010' || n, 'orders', 'web_form')) FROM generate_series(1, 9) n;

-- what a template reads and says: names that it sets itself, or that belong to the language, are left out
SELECT * FROM smsfollow.template_names('Hi {{ first_name | default: nick }}, {% for i in items limit: n %}{{ i.name }} {{ forloop.index }}{% endfor %}{% assign x = price | times: 2 %}{{ x }}{{ contact.name }}{% if vip %}*{% endif %}{{ price }}{{ a["b"].c[k] }}{% comment %}{{ not_this }}{% endcomment %}{% raw %}{{ nor_this }}{% endraw %}');
SELECT * FROM smsfollow.template_names('{{ x }}{% assign x = 1 %}{{ x }}{% capture y %}{{ z }}{% endcapture %}{{ y }}{% increment n %}{{ true }}{{ "q" }}{{ 1 }}{% liquid
	assign w = v
	echo w %}{% render "f" with u as t %}{% tablerow r in s cols: 2 %}{{ r }}{% endtablerow %}');
SELECT '|' || smsfollow.literal_text('Hi {{ a }}é{%- if b -%} x {% endif %}{% raw %}{{c}}{% endraw %}{% comment %}no{% endcomment %}.') || '|' AS literal;
SELECT length(smsfollow.literal_text(b)) = length(b) AS same_length FROM (VALUES ('é{{ e | append: "é" }}😀{% if x %}ж{% endif %}'), (''), ('plain')) v(b);
SELECT t.fails($$SELECT smsfollow.template_names('{{ a')$$), t.fails($$SELECT smsfollow.literal_text('{% if %}')$$);
SELECT count(*) AS at_most FROM smsfollow.template_names((SELECT string_agg('{{ v' || i || ' }}', '') FROM generate_series(1, 3000) i));

-- wordings: the contact's locale, then shorter forms of it, then the default one
SELECT smsfollow.create_template('shipped', 'Hello {{ item }}', locale => 'en', wordings => '{"es": "Hola {{ item }}", "es_mx": "Qué onda {{ item }}", "zh-hant": "你好 {{ item }}", "de": "{{ item | divided_by: 0 }}"}') AS v1;
SELECT w.locale, w.body FROM smsfollow.template_wording w ORDER BY 1;
SELECT count(smsfollow.add_contact('+1415555010' || n, locale => l)) FROM unnest('{es-MX,es-AR,es,en-GB,zh-Hant-TW,zh,de-AT,ES_mx}'::text[]) WITH ORDINALITY u(l, n);
SELECT count(smsfollow.send('+1415555010' || n, template => 'shipped', vars => '{"item": "lamp"}', campaign => 'orders')) FROM generate_series(1, 9) n;
-- the language of the moment in which the text goes
SELECT smsfollow.add_contact('+14155550103', locale => 'fr') > 0;
SELECT phone, fate, code, body FROM t.claim();
SELECT t.settle('accepted', phones => '{0101,0102,0103,0104}'), t.settle('in_doubt', 'ambiguous', '{0105}'), t.settle('rejected', 'content', '{0106}'), t.settle('retry', 'transient', '{0108}');
SELECT right(phone, 4) AS phone, state, template, template_version AS version, locale FROM smsfollow.message_log ORDER BY message_id;
SELECT smsfollow.cancel_for('+14155550108'), smsfollow.resolve_in_doubt(message_id, 'accepted') FROM smsfollow.in_doubt;
SELECT locale, outcome FROM smsfollow.attempt WHERE encoding = 'UCS-2' ORDER BY at;
-- a new version keeps the other wordings, unless it has its own; what is queued keeps its version
SELECT smsfollow.send('+14155550101', template => 'shipped', vars => '{"item": "desk"}', campaign => 'orders') > 0 AS queued;
SELECT smsfollow.create_template('shipped', 'Hi {{ item }}') AS v2, smsfollow.create_template('shipped', 'Hey {{ item }}', wordings => '{"fr": "Salut {{ item }}", "en-GB": "Hullo {{ item }}"}') AS v3;
SELECT v.version, v.body, v.locale, (SELECT string_agg(w.locale || ': ' || w.body, ', ' ORDER BY w.locale) FROM smsfollow.template_wording w WHERE w.template_version_id = v.template_version_id) AS wordings FROM smsfollow.template_version v ORDER BY 1;
SELECT smsfollow.send('+14155550103', template => 'shipped', vars => '{"item": "desk"}', campaign => 'orders') > 0, smsfollow.send('+14155550104', template => 'shipped', vars => '{"item": "desk"}', campaign => 'orders') > 0;
SELECT phone, body FROM t.claim();
SELECT t.settle('accepted');
-- what includes it gets the newest wording, in the same language
SELECT smsfollow.create_template('footer', 'Bye.', locale => 'en', wordings => '{"es": "Adiós.", "pt-BR": "Tchau."}'), smsfollow.create_template('with footer', 'Hi! {% render "footer" %}');
SELECT l, smsfollow.template_body('footer', l) FROM unnest('{es-AR,pt-BR,pt,en,xx,NULL,ES_ES,-}'::text[]) l;
SELECT count(smsfollow.send('+1415555010' || n, template => 'with footer', campaign => 'orders')) FROM generate_series(1, 3) n;
SELECT phone, body FROM t.claim();
SELECT t.settle('accepted');

SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', locale => 'english')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => '["es"]')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => '{"es": 1}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => '{"es": "{{ a"}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => '{"nowhere": "a"}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => '{"en_us": "a", "en-US": "b"}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', wordings => (SELECT jsonb_object_agg('e' || chr(97 + i % 26) || chr(97 + i / 26), 'x') FROM generate_series(0, 100) i))$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', undeclared => 'ignore')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', cta => 'shout')$$);
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', program => 'none')$$);
SELECT count(*) AS none FROM smsfollow.template WHERE name = 'x';

-- declared variables: forms of a declaration, and what is none
SELECT smsfollow.create_template('order', 'Order {{ id }}{% if gift %} (gift){% endif %}, {{ name }}: {{ day | date: "%d.%m." }} {{ link | default: "-" }}', variables =>
	'{"id": "number", "gift": {"type": "boolean", "required": false}, "name": {"type": "text", "default": "you"}, "day": {"type": "date"}, "link": {"type": "url", "default": null}, "unused": {"type": "list", "required": false}}') AS v1;
SELECT jsonb_pretty(v.variables) AS variables, v.defaults FROM smsfollow.template_version v JOIN smsfollow.template t USING (template_id) WHERE t.name = 'order';
SELECT v, t.fails(format('SELECT smsfollow.create_template(''x'', ''x'', variables => %L)', v)) FROM unnest(ARRAY['[]', '{"a": "string"}', '{"a": {}}', '{"a": 1}', '{"a": {"type": "text", "max": 3}}',
	'{"a": {"type": "text", "required": 1}}', '{"a": {"type": "text", "required": true, "default": "x"}}', '{"a": {"type": "text", "default": 1}}', '{"a": {"type": ["text"]}}', '{"a b": "text"}', '{"contact": "object"}', '{"": "text"}', '{"1a": "text"}']) v;
SELECT t.fails($$SELECT smsfollow.create_template('x', 'x', variables => (SELECT jsonb_object_agg('v' || i, 'text') FROM generate_series(1, 201) i))$$);
SELECT t.fails($$SELECT smsfollow.create_template('order', 'Order {{ id }} of {{ date }}')$$);
SELECT t.fails($$SELECT smsfollow.create_template('order', 'Order {{ id }}', wordings => '{"es": "Pedido {{ numero }}"}')$$);
SELECT smsfollow.create_template('draft', '{{ id }} {{ date }}', variables => '{"id": "text"}', undeclared => 'lint') AS lint, smsfollow.create_template('draft', '{{ contact.name }}', variables => '{}', undeclared => 'error') AS nothing;

-- types, one by one
CREATE FUNCTION t.fits(type text, value jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT t.fails(format('SELECT smsfollow.check_variables(%L, ARRAY[%L]::jsonb[])', jsonb_build_object('v', jsonb_build_object('type', type)), jsonb_build_object('v', value))) = 'no error' $$;
SELECT type, string_agg(v, '  ' ORDER BY n) AS fit FROM unnest('{text,number,boolean,date,phone,url,list,object}'::text[]) type,
	unnest(ARRAY['"x"', '""', '1', '1.50', '"1"', 'true', '"true"', '[]', '[1]', '{}', '{"a": 1}', 'null', '"2026-02-28"', '"2028-02-29"', '"2026-02-29"', '"2026-02-28T23:59:59.123+05:30"', '"2026-02-28 10:00Z"', '"2026-02-28T24:00"', '"26-02-28"', '"2026-02-28x"', '"0000-01-01"',
		'"+14155550123"', '"14155550123"', '"+1 415"', '"https://example.com/a?b=c#d"', '"HTTP://x"', '"https://"', '"javascript:alert(1)"', '"https://a:b@example.com"', '"https://exa mple.com"', '"https://example.com/é"', '"ftp://x"']) WITH ORDINALITY u(v, n)
WHERE t.fits(type, v::jsonb) GROUP BY type ORDER BY type;
SELECT to_jsonb(d) AS d, t.fits('date', to_jsonb(d)) FROM (VALUES (timestamptz '2026-03-01 10:00:00.5+00'), (timestamptz '0009-03-01 10:00:00+00')) v(d)
UNION ALL SELECT to_jsonb(d), t.fits('date', to_jsonb(d)) FROM (VALUES (date '2026-03-01')) v(d) UNION ALL SELECT to_jsonb(d), t.fits('date', to_jsonb(d)) FROM (VALUES (timestamp '2026-03-01 10:00')) v(d);

-- send, schedule and schedule_many refuse what does not fit, and queue nothing
SELECT t.fails($$SELECT smsfollow.send('+14155550101', template => 'order', campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.send('+14155550101', template => 'order', vars => '{"id": "7", "day": "2026-03-01"}', campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.schedule('+14155550101', 'order', '{"id": 7, "day": "tomorrow"}', now(), campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT ''+1415555010'' || n AS phone, n AS id, date ''2026-03-01'' AS day, CASE WHEN n = 5 THEN ''x'' END AS gift FROM generate_series(1, 9) n', 'order', 'orders')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT ''+1415555010'' || n AS phone, n AS id FROM generate_series(1, 9) n', 'order', 'orders')$$);
SELECT count(*) AS queued FROM smsfollow.ready;
-- a null is not given: the default stands in; literal bodies among the rows need no variables
SELECT smsfollow.schedule_many($$SELECT '+1415555010' || n AS phone, CASE WHEN n <> 3 THEN n END AS id, date '2026-03-01' AS day, CASE n WHEN 1 THEN 'Ana' END AS name, n = 2 AS gift, CASE n WHEN 3 THEN 'literal' END AS body FROM generate_series(1, 3) n$$, 'order', 'orders') AS many;
SELECT smsfollow.send('+14155550104', template => 'order', vars => '{"id": 4, "day": "2026-03-01", "name": null, "more": {"x": null}}', campaign => 'orders') > 0;
SELECT phone, code, body FROM t.claim() ORDER BY 1;
SELECT v.code, v.rule FROM smsfollow.verdict v WHERE v.code = 'missing_data';
SELECT t.settle('accepted');

-- approval: a program that requires it takes the newest approved version
SELECT smsfollow.create_template('notice', 'First {{ contact.name | default: "you" }}') AS v1;
SELECT smsfollow.send('+14155550106', template => 'notice', campaign => 'orders') > 0 AS early;
SELECT smsfollow.set_text_rules('orders', requires_approval => true);
SELECT t.fails($$SELECT smsfollow.send('+14155550106', template => 'notice', campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.send('+14155550106', 'literal', campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT ''+14155550106'' AS phone, ''x'' AS body', campaign => 'orders')$$);
-- nor past the names: enqueue() looks itself
SELECT t.fails($$SELECT smsfollow.enqueue(1, template_version_id, NULL, NULL, '{+14155550106}', '{NULL}', '{NULL}', NULL, NULL) FROM smsfollow.template_version JOIN smsfollow.template t USING (template_id) WHERE t.name = 'notice'$$);
SELECT t.fails($$SELECT smsfollow.enqueue(1, 12345, NULL, NULL, '{+14155550106}', '{NULL}', '{NULL}', NULL, NULL)$$);
-- what was queued before is not sent
SELECT phone, fate, code FROM t.claim();
SELECT rule, verdict, code, value, hint FROM smsfollow.explain((SELECT max(message_id) FROM smsfollow.message)) WHERE rule IN ('state', 'approval');
SELECT smsfollow.approve_template('notice') AS approved, smsfollow.create_template('notice', 'Second') AS v2;
SELECT v.version, v.state, v.approved_by = session_user AS by_me, v.approved_at IS NOT NULL AS at FROM smsfollow.template_version v JOIN smsfollow.template t USING (template_id) WHERE t.name = 'notice' ORDER BY 1;
SELECT smsfollow.send('+14155550106', template => 'notice', campaign => 'orders') > 0;
SELECT phone, fate, body FROM t.claim();
SELECT t.settle('accepted');
SELECT smsfollow.approve_template('notice', 2);
SELECT smsfollow.send('+14155550106', template => 'notice', campaign => 'orders') > 0, smsfollow.send('+14155550107', template => 'notice', campaign => 'orders') > 0;
SELECT phone, fate, body FROM t.claim(max_texts => 1);
SELECT t.settle('accepted');
-- retired: neither scheduled nor sent, by anybody
SELECT smsfollow.retire_template('notice', 2) AS retired, smsfollow.retire_template('notice', 2) AS again;
SELECT phone, fate, code FROM t.claim();
SELECT v.code, v.rule FROM smsfollow.verdict v WHERE v.code = 'not_approved' ORDER BY v.at;
SELECT smsfollow.send('+14155550107', template => 'notice', campaign => 'orders') > 0;
SELECT phone, fate, body FROM t.claim();
SELECT t.settle('accepted');
-- what an approved one includes must be approved, too
SELECT smsfollow.create_template('sign', 'Acme'), smsfollow.create_template('letter', 'Hi. {% render "sign" %}'), smsfollow.approve_template('letter'), smsfollow.approve_template('sign'), smsfollow.create_template('sign', 'Draft');
SELECT smsfollow.send('+14155550108', template => 'letter', campaign => 'orders') > 0, smsfollow.template_body('sign') AS newest;
SELECT phone, fate, body FROM t.claim();
SELECT t.settle('accepted');
SELECT smsfollow.retire_template('notice') AS rest;
SELECT t.fails($$SELECT smsfollow.send('+14155550107', template => 'notice', campaign => 'news')$$);
SELECT t.fails($$SELECT smsfollow.send('+14155550107', template => 'notice', campaign => 'orders')$$);
SELECT smsfollow.template_body('notice') IS NULL AS not_included;
SELECT t.fails($$SELECT smsfollow.approve_template('none')$$);
SELECT t.fails($$SELECT smsfollow.approve_template(NULL)$$);
SELECT t.fails($$SELECT smsfollow.approve_template('notice', 9)$$);
SELECT t.fails($$SELECT smsfollow.retire_template('notice', 0)$$);

SELECT smsfollow.set_text_rules('orders', requires_approval => false);
-- the program's brand: refused when saved, or when a campaign of the program wants it
SELECT smsfollow.set_brand('news', 'Acme:', 'Your Acme team', '{acme,"over 18"}', '{guarantee,"risk free"}');
SELECT t.fails($$SELECT smsfollow.create_template('sale', 'Over 18? RISK-FREE shopping, risk  free!', program => 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_template('sale', 'Shop now', program => 'news')$$);
SELECT t.fails($$SELECT smsfollow.create_template('sale', 'Over 18? Shop now', wordings => '{"es": "Guarantee!"}', program => 'news')$$);
SELECT count(*) AS none FROM smsfollow.template WHERE name = 'sale';
SELECT smsfollow.create_template('sale', 'Over 18? {{ guarantee }}{% comment %}guarantee{% endcomment %}', program => 'news') AS v1;
SELECT t.fails($$SELECT smsfollow.create_template('sale', 'Guarantee over 18')$$);
SELECT t.fails($$SELECT smsfollow.create_template('sale', 'x', program => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('c', 'orders', 'sale')$$);
SELECT t.fails($$SELECT smsfollow.send('+14155550107', template => 'sale', campaign => 'orders')$$);
SELECT t.fails($$SELECT smsfollow.create_campaign('c', 'news', 'shipped')$$);
SELECT smsfollow.create_campaign('c', 'news', 'sale') > 0 AS fits;
SELECT * FROM t.miscount;
-- an extension made anew begins with the same ids, which stand for something else now
\set ECHO none
\i :setup
SELECT smsfollow.create_program('alone', 'transactional', 'Acme') > 0 AS program, smsfollow.create_template('anew', 'Anew') AS v1,
	smsfollow.opt_in('+14155550101', 'alone', 'web_form') > 0 AS agreed, smsfollow.send('+14155550101', template => 'anew') AS message_id;
SELECT phone, body FROM t.claim();
