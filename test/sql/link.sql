\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Short links: made by the claim, resolved, clicked, counted.
SELECT smsfollow.create_program('shop', 'transactional', 'Acme') > 0 AS program;
SELECT count(smsfollow.opt_in('+1415555010' || n, 'shop', 'web_form')) FROM generate_series(1, 9) n;
-- codes differ from run to run
CREATE FUNCTION t.masked(body text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(body, '(https://go[a-z/.:0-9]*/)[0-9A-Za-z]{10}\M', '\1(code)', 'g')
$$;
CREATE FUNCTION t.sent(body text) RETURNS TABLE (fate text, code text, said text, rule text, targets text[]) LANGUAGE plpgsql AS $$
DECLARE
	id bigint := smsfollow.send('+14155550101', body);
BEGIN
	SELECT c.fate, c.code, t.masked(c.body) INTO fate, sent.code, said FROM t.claim() c;
	SELECT v.rule INTO rule FROM smsfollow.verdict v WHERE v.message_id = id;
	PERFORM t.settle('accepted');
	RETURN QUERY SELECT sent.fate, sent.code, said, sent.rule, (SELECT array_agg(l.target ORDER BY l.target) FROM smsfollow.link l WHERE l.message_id = id);
END
$$;

-- without a domain nothing is shortened, but what nobody should follow does not go
SELECT * FROM t.sent('See https://example.com/a.');
SELECT * FROM t.sent('See https://user:pw@example.com/a.');
SELECT * FROM t.sent('See javascript:alert(1)');
SELECT meaning FROM smsfollow.reason_code WHERE code = 'unsafe_link';

SELECT smsfollow.set_link_domain('shop', 'go.example.com');
SELECT * FROM t.sent('See https://example.com/a, or (www.example.com/b_(c)?x=1#top). Bye!');
-- the same link twice is one link; the domain's own links stay
SELECT * FROM t.sent('example.com and example.com, not https://go.example.com/0123456789');
SELECT * FROM t.sent('See https://user:pw@example.com/a.');
SELECT * FROM t.sent('Nothing to see.');
-- parameters of the campaign over those of the program, encoded, and not over the link's own
SELECT smsfollow.set_link_domain('shop', 'https://go.example.com:8443/s/', '{"utm_source": "sms", "utm_content": "a & b é", "x": "{{ campaign | upcase }}/{{ program }}"}', '1 hour');
SELECT smsfollow.set_link_params('shop', '{"utm_source": null, "y": "1"}');
SELECT * FROM t.sent('https://example.com/?y=2#z');
-- one that fails for this campaign is left out, a long one cut; nobody's saved templates
SELECT smsfollow.create_template('own', 'Ours') AS version;
SELECT t.fails($$SELECT smsfollow.set_link_params('shop', '{"a": "{% include ''own'' %}"}')$$);
SELECT smsfollow.set_link_params('shop', '{"utm_content": null, "x": "{% if campaign == program %}{% skip \"it\" %}{% endif %}", "y": "{% for i in (1..500) %}{{ i }}{% endfor %}"}');
SELECT fate, said, length(targets[1]) AS length FROM t.sent('https://example.com/');
SELECT smsfollow.set_link_params('shop', NULL);
SELECT * FROM t.sent('https://example.com/');
SELECT l.expires_at - l.created_at AS lasts, length(l.code) AS code, count(*) OVER () AS links FROM smsfollow.link l ORDER BY l.message_id DESC LIMIT 1;
-- segments are counted with the short link in it
SELECT smsfollow.set_link_domain('shop', 'go.example.com', NULL);
SELECT segments, body = said, length(said) FROM (SELECT c.segments, c.body, t.masked(c.body) AS said FROM
	(SELECT smsfollow.send('+14155550102', repeat('x', 120) || ' https://example.com/' || repeat('y', 80))) s, LATERAL t.claim() c) q;
SELECT t.settle('accepted');

-- a text that is tried again keeps its code; a deferred one leaves no row behind
CREATE TEMP TABLE b (n serial, body text);
SELECT smsfollow.send('+14155550103', 'Once https://example.com/once') > 0;
INSERT INTO b (body) SELECT body FROM t.claim();
SELECT t.settle('retry', 'transient');
SET smsfollow.clock_offset = 100;
INSERT INTO b (body) SELECT body FROM t.claim();
SELECT t.settle('retry', 'transient');
-- but not once it has expired
SET smsfollow.clock_offset = 7862400;
UPDATE smsfollow.ready SET send_at = smsfollow.clock();
UPDATE smsfollow.message SET expires_at = 'infinity' WHERE contact_id = 3;
INSERT INTO b (body) SELECT body FROM t.claim();
SELECT t.settle('accepted');
SELECT count(*) AS tries, count(DISTINCT body) AS bodies FROM b;
SELECT count(*) FROM smsfollow.link WHERE contact_id = 3;
RESET smsfollow.clock_offset;
SELECT smsfollow.add_sender('sandbox', 'SLOW', 0.001, 1) > 0;
SELECT smsfollow.send('+14155550104', 'https://example.com/1', sender => 'SLOW') > 0, smsfollow.send('+14155550105', 'https://example.com/2', sender => 'SLOW') > 0;
SELECT phone, fate, code, t.masked(body) AS body FROM t.claim();
SELECT contact_id, target FROM smsfollow.link WHERE contact_id IN (4, 5);
SELECT t.settle('accepted');
SELECT smsfollow.cancel_for('+14155550105');

-- resolving
SELECT code AS c1 FROM smsfollow.link WHERE target LIKE '%/1' \gset
SELECT * FROM smsfollow.resolve_link(:'c1');
SELECT * FROM smsfollow.resolve_link('0123456789');
SELECT * FROM smsfollow.resolve_link('');
SELECT * FROM smsfollow.resolve_link(repeat('x', 100000));
SET smsfollow.clock_offset = 7776010;
SELECT * FROM smsfollow.resolve_link(:'c1');
SELECT * FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (iPhone)');
RESET smsfollow.clock_offset;
SELECT t.fails('SELECT smsfollow.resolve_link(NULL)');

-- clicks: two seconds after sending, by people and others
SET smsfollow.clock_offset = 100;
SELECT * FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (iPhone)', '192.0.2.77');
SELECT * FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (iPhone)', '192.0.2.77');
SELECT class FROM smsfollow.record_click(:'c1', 'WhatsApp/2.23.20.0 A', '2001:db8:1:2::3');
SELECT class FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)');
SELECT class FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (Linux; Android 14; CUBOT X70)');
SELECT class FROM smsfollow.record_click(:'c1', '');
SELECT class FROM smsfollow.record_click(:'c1', NULL);
SELECT class FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (iPhone)', prefetch => true);
SELECT class FROM smsfollow.record_click(:'c1', 'Mozilla/5.0 (iPhone)', at => clock_timestamp());
SELECT * FROM smsfollow.record_click('0123456789', 'Mozilla/5.0 (iPhone)');
SELECT t.fails(format('SELECT smsfollow.record_click(%L, at => ''infinity'')', :'c1'));
SELECT t.fails('SELECT smsfollow.record_click(NULL)');
SELECT class, rule, rule_version AS version, prefetch, user_agent, ip FROM smsfollow.click ORDER BY at;
SELECT campaign, delivered, clicks, bot_clicks, clickers, ctr FROM smsfollow.kpi_campaign;
SELECT * FROM smsfollow.clicker;
-- the same contact in another text of the campaign is no new clicker, another contact is
SELECT smsfollow.send('+14155550104', 'https://example.com/3') > 0, smsfollow.send('+14155550106', 'https://example.com/4') > 0;
SELECT count(*) FROM t.claim();
SELECT t.settle('accepted');
SELECT t.receipt(max(message_id), 'delivered') FROM smsfollow.message;
SELECT code AS c3 FROM smsfollow.link WHERE target LIKE '%/3' \gset
SELECT code AS c4 FROM smsfollow.link WHERE target LIKE '%/4' \gset
SET smsfollow.clock_offset = 200;
SELECT class FROM smsfollow.record_click(:'c3', 'Mozilla/5.0 (iPhone)');
SELECT class FROM smsfollow.record_click(:'c4', 'Mozilla/5.0 (Scanly)');
SELECT campaign, delivered, clicks, bot_clicks, clickers, ctr FROM smsfollow.kpi_campaign;
SELECT smsfollow.fold_kpi() > 0;
SELECT clicks, bot_clicks, clickers FROM smsfollow.kpi_campaign;

-- new rules, looked at again: counts move along
SELECT smsfollow.set_click_rule('Scanly', 'bot');
SELECT smsfollow.set_click_rule('googlebot/2.1; +http', 'human');
SELECT smsfollow.reclassify_clicks('-infinity');
SELECT smsfollow.reclassify_clicks('-infinity');
SELECT class, rule, rule_version AS version, left(user_agent, 40) AS user_agent FROM smsfollow.click WHERE rule_version > 1 ORDER BY at;
SELECT clicks, bot_clicks, clickers FROM smsfollow.kpi_campaign;
SELECT smsfollow.set_click_rule('scanly', 'human');
SELECT smsfollow.reclassify_clicks('-infinity', '-infinity'), smsfollow.reclassify_clicks('-infinity');
SELECT clicks, bot_clicks, clickers FROM smsfollow.kpi_campaign;
SELECT t.fails('SELECT smsfollow.set_click_rule(''ab'', ''bot'')'), t.fails('SELECT smsfollow.set_click_rule(''abc'', ''fox'')');
-- before the receipt of delivery by more than a minute
SELECT t.receipt(message_id, 'delivered') FROM smsfollow.link WHERE code = :'c3';
UPDATE smsfollow.receipt SET at = at + interval '2 minutes' WHERE message_id = (SELECT message_id FROM smsfollow.link WHERE code = :'c3');
SELECT smsfollow.reclassify_clicks('-infinity');
SELECT class, rule FROM smsfollow.click WHERE code = :'c3';
-- ten links of one device within ten seconds
SELECT smsfollow.send('+14155550107', (SELECT string_agg('https://example.com/p' || n, ' ') FROM generate_series(1, 10) n)) > 0;
SELECT segments FROM t.claim();
SELECT t.settle('accepted');
SET smsfollow.clock_offset = 300;
SELECT count(*), class FROM (SELECT (smsfollow.record_click(l.code, 'Mozilla/5.0 (X11)', '192.0.2.1')).class
	FROM smsfollow.link l WHERE l.contact_id = 7 ORDER BY l.target) c GROUP BY class ORDER BY class;
SELECT smsfollow.reclassify_clicks('-infinity');
SELECT count(*), class, rule FROM smsfollow.click WHERE contact_id = 7 GROUP BY 2, 3;
SELECT clicks, bot_clicks, clickers FROM smsfollow.kpi_campaign;
-- counts are what the clicks say
SELECT (SELECT count(*) FROM smsfollow.click WHERE class = 'human') AS clicks, (SELECT count(*) FROM smsfollow.click WHERE class <> 'human') AS bot_clicks,
	(SELECT count(DISTINCT contact_id) FROM smsfollow.click WHERE class = 'human') AS clickers;
SELECT campaign, target, links, clicks, bot_clicks, clickers FROM smsfollow.kpi_link WHERE target ~ '/[1234p]$' OR target ~ 'p10' ORDER BY target;
SELECT clicks, t.masked((SELECT string_agg(value, ' ') FROM jsonb_each_text(links))) AS links FROM smsfollow.message_log WHERE clicks > 0 ORDER BY message_id;

-- who sees no persons cannot follow their links either
CREATE ROLE regress_link_analyst;
SELECT smsfollow.grant_access('regress_link_analyst', 'analyst');
SET ROLE regress_link_analyst;
SELECT count(*) > 0 AS clicks, count(*) FILTER (WHERE code !~ '^\w{3}\*{7}$') AS shown FROM smsfollow.click_log;
SELECT count(*) AS texts, min(length(k)) AS code, bool_and(k ~ '^\w{3}\*{7}$') AS masked FROM smsfollow.message_log m, jsonb_object_keys(m.links) k WHERE m.clicks > 0;
RESET ROLE;
DROP OWNED BY regress_link_analyst;
DROP ROLE regress_link_analyst;
SELECT count(*) > 0 AS clicks, count(*) FILTER (WHERE code ~ '^\w{10}$') > 0 AS shown FROM smsfollow.click_log;

-- a contact whose number is gone leaves no more traces
DELETE FROM smsfollow.contact_phone WHERE contact_id = 6;
SELECT * FROM smsfollow.resolve_link(:'c4');
SELECT * FROM smsfollow.record_click(:'c4', 'Mozilla/5.0 (iPhone)');

-- what is kept of addresses
SET smsfollow.clock_offset = 400;
SET smsfollow.click_ip = 'truncated';
SELECT smsfollow.record_click(:'c1', 'truncated', '192.0.2.77') IS NOT NULL, smsfollow.record_click(:'c1', 'truncated', '2001:db8:1:2::3') IS NOT NULL;
SET smsfollow.click_ip = 'none';
SELECT smsfollow.record_click(:'c1', 'none', '192.0.2.77') IS NOT NULL;
RESET smsfollow.click_ip;
SELECT user_agent, ip FROM smsfollow.click WHERE user_agent IN ('truncated', 'none') ORDER BY at;

-- what is forgotten keeps its class
UPDATE smsfollow.click SET user_agent = NULL, ip = NULL;
SELECT smsfollow.reclassify_clicks('-infinity');

-- arguments
SELECT t.fails('SELECT smsfollow.set_link_domain(''nowhere'', ''go.example.com'')');
SELECT t.fails(format('SELECT smsfollow.set_link_domain(''shop'', %L)', d))
FROM unnest(ARRAY['http://go.example.com', 'go.example.com/?a', 'go example.com', 'https://u@go.example.com', 'https:///', 'go.example.com/' || repeat('a', 100)]) d;
SELECT t.fails(format('SELECT smsfollow.set_link_domain(''shop'', ''go.example.com'', %L)', p))
FROM unnest(ARRAY['[]', '{"a b": "c"}', '{"a": 1}', '{"a": "{{"}', '{"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1","g":"1","h":"1","i":"1","j":"1","k":"1"}']) p;
SELECT t.fails('SELECT smsfollow.set_link_domain(''shop'', ''go.example.com'', expires_after => ''59 minutes'')');
SELECT t.fails('SELECT smsfollow.set_link_params(''nowhere'', ''{}'')'), t.fails('SELECT smsfollow.set_link_params(''shop'', ''{"a": []}'')');
SELECT smsfollow.set_link_domain('shop', NULL);
SELECT * FROM t.sent('https://example.com/last');
