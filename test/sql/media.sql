\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Media: along with a text where its provider takes them, else as links at its end.
SELECT smsfollow.create_program('shop', 'transactional', 'Acme') > 0 AS program, smsfollow.create_template('spring', 'Spring!') > 0 AS template;
SELECT smsfollow.create_provider('mms', 'http', '{"url": "https://sms.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}", "pictures": "{{media}}"}, "media": {"max": 2}}') > 0 AS provider;
SELECT smsfollow.add_sender('mms', 'M', 100000, 100000) > 0 AS sender, smsfollow.add_sender('sandbox', 'S', 100000, 100000) > 0 AS other;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'shop', 'web_form')) FROM generate_series(1, 9) n;
CREATE VIEW t.flight AS SELECT contact_id, encoding, segments, body FROM smsfollow.inflight ORDER BY contact_id;

-- a text's own before its campaign's before its template's
SELECT smsfollow.set_template_media('spring', ARRAY['https://cdn.example.com/template.png']);
SELECT smsfollow.send('+14155550101', template => 'spring', sender => 'M') > 0;
SELECT smsfollow.set_media('shop', ARRAY['https://cdn.example.com/a1b2 image/gif 48000', 'https://cdn.example.com/two.JPG?x=1']);
SELECT smsfollow.send('+14155550102', template => 'spring', sender => 'M') > 0;
SELECT smsfollow.send('+14155550103', template => 'spring', sender => 'M', media => ARRAY['https://cdn.example.com/own.pdf']) > 0;
SELECT smsfollow.schedule_many('SELECT ''+14155550104'' AS phone, ARRAY[''https://cdn.example.com/many.jpg''] AS media', template => 'spring', sender => 'M');
SELECT smsfollow.schedule('+14155550105', 'spring', NULL, now(), sender => 'M', media => ARRAY['https://cdn.example.com/at.mp4']) > 0;
SELECT contact_id, media FROM smsfollow.message ORDER BY 1;
-- an MMS is one segment, however long and whatever its characters
SELECT smsfollow.send('+14155550106', repeat('ж', 200), sender => 'M', media => ARRAY['https://cdn.example.com/x.png']) > 0;
-- and yet there is an end
SELECT smsfollow.create_template('book', '{% for i in (1..500) %}lamp {% endfor %}') > 0 AS book;
SELECT smsfollow.send('+14155550107', template => 'book', sender => 'M', media => ARRAY['https://cdn.example.com/x.png']) > 0;
SELECT fate, code, segments FROM t.claim();
SELECT rule FROM smsfollow.verdict WHERE code = 'too_many_segments';
SELECT contact_id, encoding, segments, length(body) FROM t.flight;
SELECT t.settle('accepted');
SELECT encoding, segments, media FROM smsfollow.message_log WHERE contact_id = 2;
SELECT segments FROM smsfollow.kpi_campaign;
-- more than the provider takes, or none at all: links, short ones where there is a domain
SELECT smsfollow.send('+14155550107', 'Three', sender => 'M', media => ARRAY['https://cdn.example.com/1.png', 'https://cdn.example.com/2.png', 'https://cdn.example.com/3.png']) > 0;
SELECT smsfollow.send('+14155550108', 'Two', sender => 'S') > 0;
SELECT count(*) FROM t.claim();
SELECT * FROM t.flight;
SELECT t.settle('accepted');
SELECT smsfollow.set_link_domain('shop', 'go.example.com', NULL);
SELECT smsfollow.send('+14155550108', 'Two', sender => 'S') > 0;
SELECT regexp_replace(body, '/[0-9A-Za-z]{10}\M', '/(code)', 'g') AS body FROM t.claim();
SELECT target FROM smsfollow.link ORDER BY target;
SELECT t.settle('accepted');
-- explain() and preview_cost() know what the provider takes: an MMS, or links that make it longer
SELECT smsfollow.set_link_domain('shop', NULL), smsfollow.set_text_rules('shop', max_segments => 1);
SELECT smsfollow.send('+14155550109', repeat('x', 150), sender => 'M') > 0, smsfollow.send('+14155550108', repeat('x', 150), sender => 'S') > 0;
SELECT r.contact_id, e.* FROM smsfollow.ready r, LATERAL (SELECT rule, verdict, code, value FROM smsfollow.explain(r.message_id) WHERE rule = 'body') e ORDER BY r.message_id;
SELECT s, p.texts, p.refused, p.segments, p.ucs2 FROM unnest('{M,S}'::text[]) s, LATERAL smsfollow.preview_cost($$SELECT '+14155550109' AS phone, repeat('ж', 100) AS body$$, sender => s) p;
SELECT p.refused, p.longest -> 0 ->> 'because' AS because FROM smsfollow.preview_cost($$SELECT '+14155550109' AS phone, 'x' AS body, ARRAY['https://cdn.example.com/' || repeat('y', 200) || '.png'] AS media$$, sender => 'S') p;
SELECT t.fails($q$SELECT smsfollow.preview_cost($$SELECT '+14155550109' AS phone, 'x' AS body, ARRAY['y'] AS media$$)$q$);
SELECT phone, fate, code FROM t.claim();
SELECT t.settle('accepted');
SELECT smsfollow.set_text_rules('shop', max_segments => 10);
-- none any more
SELECT smsfollow.set_media('shop', NULL), smsfollow.set_template_media('spring', NULL);
SELECT smsfollow.send('+14155550101', template => 'spring', sender => 'M') > 0;
SELECT body FROM t.claim();
SELECT media IS NULL AS none FROM smsfollow.message ORDER BY message_id DESC LIMIT 1;

-- arguments
SELECT t.fails(format('SELECT smsfollow.send(''+14155550101'', ''x'', media => %L)', m)) FROM unnest(ARRAY[
	'{}', '{http://cdn.example.com/a.png}', '{https://cdn.example.com}', '{https://u:p@cdn.example.com/a.png}', '{"https://cdn.example.com/a b.png"}',
	'{https://cdn.example.com/a.exe}', '{https://cdn.example.com/a}', '{"https://cdn.example.com/a text/html"}', '{"https://cdn.example.com/a.png image/png 5242881"}',
	'{"https://cdn.example.com/a.png image/png x"}', '{NULL}', '{""}', '{' || repeat('https://cdn.example.com/a.png,', 10) || 'https://cdn.example.com/a.png}']) m;
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT ''+14155550101'' AS phone, ''x'' AS body, ''y'' AS media')$$);
SELECT t.fails($$SELECT smsfollow.schedule_many('SELECT ''+14155550101'' AS phone, ''x'' AS body, ARRAY[''y''] AS media')$$);
SELECT t.fails('SELECT smsfollow.set_media(''nowhere'', NULL)'), t.fails('SELECT smsfollow.set_template_media(''nowhere'', NULL)');
-- what a provider is sent: a field for each, or a list
SELECT smsfollow.create_provider('tw', 'twilio', '{"account": "AC00000000000000000000000000000000"}', 'twilio') > 0 AS twilio,
	smsfollow.create_provider('js', 'http', '{"url": "https://sms.example.com/", "encoding": "json", "media": {"max": 2},
		"fields": {"to": "{{to}}", "text": "{{body}}", "type": "{{media|if:mms:sms}}", "pictures": "{{media}}", "picture": "{{media|first}}"}}') > 0 AS json;
SELECT smsfollow.preview_request('tw', '+14155550101', 'x', ARRAY['https://cdn.example.com/a.png?b=1&c=%20', 'https://cdn.example.com/b image/png']) ->> 'body' AS form;
SELECT smsfollow.preview_request('js', '+14155550101', 'x', ARRAY['https://cdn.example.com/a.png', 'https://cdn.example.com/b.png']) ->> 'body' AS json;
SELECT smsfollow.preview_request('js', '+14155550101', 'x') ->> 'body' AS none;
SELECT t.fails($$SELECT smsfollow.preview_request('js', '+14155550101', 'x', array_fill('https://cdn.example.com/a.png'::text, '{3}'))$$);
-- descriptions
SELECT t.fails($$SELECT smsfollow.create_provider('bad', 'http', '{"url": "https://a.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}"}, "media": {"max": 2}}')$$);
SELECT t.fails($$SELECT smsfollow.create_provider('bad', 'http', '{"url": "https://a.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}", "m": "{{media}}"}, "media": {"max": 0}}')$$);
