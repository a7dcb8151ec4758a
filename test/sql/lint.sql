\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Lint: each rule with texts that it finds, and the like that it must not find.
SELECT smsfollow.create_program('news', 'marketing', 'Juniper & Rye'), smsfollow.create_program('orders', 'transactional', 'Juniper & Rye');
CREATE FUNCTION t.lint(rule text, bodies text[], program text DEFAULT NULL, locale text DEFAULT NULL, cta text DEFAULT NULL, variables jsonb DEFAULT NULL)
RETURNS TABLE (body text, severity text, "position" integer, found text) LANGUAGE sql AS $$
	SELECT left(b, 60), l.severity, l."position", l.found FROM unnest(bodies) WITH ORDINALITY u(b, n)
	LEFT JOIN LATERAL (SELECT * FROM smsfollow.lint_text(b, program, locale, cta, variables) x WHERE x.rule = lint.rule) l ON true ORDER BY n
$$;

-- a text as it should be
SELECT * FROM smsfollow.lint_text('Juniper & Rye: 20% off all lamps until Sunday. Shop now: juniperrye.com/lamps. Reply STOP to opt out.', 'news');
SELECT * FROM smsfollow.lint_text('Juniper & Rye: your order {{ id }} is on its way.', 'orders', variables => '{"id": "number"}');

-- no call to action
SELECT * FROM t.lint('no_call_to_action', '{"Our new lamps are here. Reply STOP to opt out.","Winter is coming.",""}');
SELECT * FROM t.lint('no_call_to_action', '{"New lamps: juniperrye.com","Reply YES to hear more. Reply STOP to end","Call +1 415 555 0123","Text LAMP to 12345","See www.x.org"}');
SELECT * FROM t.lint('no_call_to_action', '{"Your order is on its way."}', 'orders');
SELECT * FROM t.lint('no_call_to_action', '{"Your order is on its way.","Your order: example.com/o/1"}', 'orders', cta => 'link');
SELECT cta, (SELECT string_agg(left(l.body, 22), ' | ') FROM t.lint('no_call_to_action', '{"Look: juniperrye.com","Reply YES","Call 415 555 0123","{{ more }}"}', cta => cta, variables => '{"more": "url"}') l WHERE l.severity IS NOT NULL) AS fires FROM unnest('{link,reply,call,none,NULL}'::text[]) cta;

-- no opt-out: unless the program adds it
SELECT * FROM t.lint('no_opt_out', '{"New lamps: juniperrye.com","Don''t stop dreaming"}');
SELECT * FROM t.lint('no_opt_out', '{"New lamps. STOP to end","{% if x %}Reply STOP to opt out{% endif %}"}');
SELECT * FROM t.lint('no_opt_out', '{"New lamps: juniperrye.com"}', 'news');
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT * FROM t.lint('no_opt_out', '{"New lamps: juniperrye.com"}', 'news');
SELECT * FROM t.lint('no_opt_out', '{"Your lamp is here"}', 'orders');

-- public shorteners
SELECT * FROM t.lint('public_shortener', '{"Look: https://bit.ly/3xyz","{{ name }}, look: TinyURL.com/abc","t.co"}');
SELECT * FROM t.lint('public_shortener', '{"Look: https://rabbit.ly/x","Look: not.company/x","https://bit.lyon.fr/","https://example.com/bit"}');

-- shouting
SELECT * FROM t.lint('shouting', '{"BUY NOW TODAY and save","Last chance!!!","Everything is REDUCEDAGAIN","{{ a }} KAUFEN SIE JETZT"}');
SELECT * FROM t.lint('shouting', '{"Reply STOP or HELP","Buy now! Today only?!","JUNIPER & RYE news","新しいランプ","OK, SMS from us","FREE lamp","Reply UNSUBSCRIBE to end","Words: STOP HELP INFO"}', 'news');

-- too many segments
SELECT * FROM t.lint('too_many_segments', ARRAY[repeat('lamp ', 100), repeat('ж', 210)]);
SELECT * FROM t.lint('too_many_segments', ARRAY[repeat('lamp ', 90), 'short']);
SELECT smsfollow.set_text_rules('orders', max_segments => 1);
SELECT * FROM t.lint('too_many_segments', ARRAY[repeat('lamp ', 33), repeat('lamp ', 32)], 'orders');

-- missing brand
SELECT * FROM t.lint('missing_brand', '{"New lamps: example.com","Juniper and Rye"}', 'news');
SELECT * FROM t.lint('missing_brand', '{"New lamps from JUNIPER & RYE","juniper  & rye here"}', 'news');
SELECT * FROM t.lint('missing_brand', '{"New lamps"}');
SELECT smsfollow.set_brand('news', 'Juniper & Rye:');
SELECT * FROM t.lint('missing_brand', '{"New lamps"}', 'news');

-- long-winded, by words or, without spaces, by characters
SELECT * FROM t.lint('long_winded', ARRAY[repeat('a lamp. ', 23), repeat('lamp ', 26)]);
SELECT * FROM t.lint('long_winded', ARRAY[repeat('a lamp. ', 22), repeat('lamp ', 25), repeat('ランプ', 10)], locale => 'ja');
SELECT * FROM t.lint('long_winded', ARRAY[repeat('ランプ', 20)], locale => 'ja');

-- variables never declared
SELECT * FROM t.lint('undeclared_variable', '{"Hi {{ name }}"}');
SELECT * FROM t.lint('undeclared_variable', '{"Hi {{ name }} {{ nmae }}"}', variables => '{"name": "text"}');
SELECT * FROM t.lint('undeclared_variable', '{"Hi {{ name }}, {{ contact.name }}{% assign x = 1 %}{{ x }}"}', variables => '{"name": "text"}');

-- UCS-2 by accident: not where the language needs it, nor where the program mends it
SELECT * FROM t.lint('ucs2_by_accident', '{"Hi {{ a }}, don’t wait","Only today – save","Café au lait ú","{{ x }}{% raw %}…{% endraw %}"}', locale => 'en');
SELECT * FROM t.lint('ucs2_by_accident', '{"Don''t wait","Crème brûlée: à l’école, où ça été, naïf, Noël, forêt","Größe Ü","{{ a | default: \"…\" }}","Привет","新しいランプ"}');
SELECT * FROM t.lint('ucs2_by_accident', '{"Лампа – здесь"}', locale => 'ru-RU');
SELECT smsfollow.set_text_rules('news', 'only_if_gsm');
SELECT * FROM t.lint('ucs2_by_accident', '{"Don’t wait"}', 'news');

-- a saved template, all its wordings, for its program or another one
SELECT smsfollow.create_template('sale', 'Hi {{ name }}, SALE SALE SALE', locale => 'en', wordings => '{"es": "Hola {{ name }}, mira: bit.ly/x", "de": "{% if y %}Ohne{% endif %}"}', variables => '{"name": {"type": "text", "default": "there"}}', undeclared => 'lint', cta => 'link') AS v1;
SELECT locale, rule, severity, "position", found FROM smsfollow.lint('sale');
SELECT rule, hint FROM smsfollow.lint('sale', 'news') WHERE locale = 'en';
SELECT smsfollow.create_template('sale', 'Better: example.com', wordings => '{}', program => 'news') AS v2;
SELECT * FROM smsfollow.lint('sale');
SELECT count(*) AS older FROM smsfollow.lint('sale', version => 1);

SELECT t.fails($$SELECT smsfollow.lint(NULL)$$);
SELECT t.fails($$SELECT smsfollow.lint('none')$$);
SELECT t.fails($$SELECT smsfollow.lint('sale', 'none')$$);
SELECT t.fails($$SELECT smsfollow.lint('sale', version => 3)$$);
SELECT t.fails($$SELECT smsfollow.lint_text(NULL)$$);
SELECT t.fails($$SELECT smsfollow.lint_text('{{')$$);
SELECT t.fails($$SELECT smsfollow.lint_text('x', cta => 'look')$$);
SELECT t.fails($$SELECT smsfollow.lint_text('x', locale => 'english')$$);
SELECT t.fails($$SELECT smsfollow.lint_text('x', variables => '[]')$$);
-- hostile texts take no time
SELECT count(*) > 0 AS found FROM unnest(ARRAY[repeat('A', 60000), repeat('A ', 30000), repeat('1 ', 30000), repeat('!?', 30000), repeat('.', 60000), repeat('a.b/', 15000), repeat('{{ a }}', 8000), repeat('reply ', 10000), repeat('http://', 8000), E'\u202E' || repeat('…', 20000)]) b, smsfollow.lint_text(b);
-- and templates that skip, fail or never print
SELECT b, count(l.rule) > 0 AS found FROM unnest(ARRAY['{% skip "x" %}', '{{ a | divided_by: 0 }}', '{% for i in (1..100000) %}{{ i }}{% endfor %}', '{% include "none" %}']) b LEFT JOIN smsfollow.lint_text(b) l ON true GROUP BY b ORDER BY b;
