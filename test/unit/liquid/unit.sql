\ir setup.sql
CREATE TABLE expectation (n int GENERATED ALWAYS AS IDENTITY, name text, got text, want text);

-- options
INSERT INTO expectation (name, got, want)
SELECT name, r.result || ' ' || r.body, want
FROM (VALUES
	('text goes behind what is there', 'a{{ x }}', '{"x": 1}', '{}', 'ok >a1'),
	('no variables at all', '[{{ x }}]', NULL, '{}', 'ok >[]'),
	('a date in the zone of the reader', '{{ "2026-07-05T15:00:00Z" | date: "%H:%M %Z" }}', '{}', '{"zone": "Asia/Tokyo"}', 'ok >00:00 JST'),
	('a local time stays what it is', '{{ "2026-07-05 15:00" | date: "%H:%M %z" }}', '{}', '{"zone": "America/Denver"}', 'ok >15:00 -0600'),
	('now is an option', '{{ "now" | date: "%F %T.%L" }} {{ "today" | date: "%a" }}', '{}', '{"now": "2026-01-05 23:30:00.25+00", "zone": "Europe/Berlin"}', 'ok >2026-01-06 00:30:00.250 Tue'),
	('a time alone is today', '{{ "9:15" | date: "%F %R" }}', '{}', '{"now": "2026-01-05 23:30:00+00", "zone": "Europe/Berlin"}', 'ok >2026-01-06 09:15'),
	('a date in German', '{{ "2026-03-05" | date: "%A, %-d. %B %Y (%a %b) %x" }}', '{}', '{"locale": "de-AT"}', 'ok >Donnerstag, 5. März 2026 (Do März) 05.03.2026'),
	('in Polish, beside its day', '{{ "2026-09-05" | date: "%-d %B" }}', '{}', '{"locale": "pl"}', 'ok >5 września'),
	('in Norwegian, by another name', '{{ "2026-03-05" | date: "%A %x" }}', '{}', '{"locale": "no_NO"}', 'ok >torsdag 05.03.2026'),
	('in capitals, padded by characters', '{{ "2026-08-05" | date: "%^B|%8B|%-8B|%#b" }}', '{}', '{"locale": "fr-FR"}', 'ok >AOÛT|    août|août|AOÛT'),
	('in a country of its own form', '{{ "2026-03-05" | date: "%x %B" }}', '{}', '{"locale": "en-GB"}', 'ok >05/03/2026 March'),
	('in a language of another script', '{{ "2026-03-05" | date: "%x %b %a" }}', '{}', '{"locale": "ja"}', 'ok >2026/03/05 3月 木'),
	('in English otherwise', '{{ "2026-03-05" | date: "%A %d %B %x" }}', '{}', '{"locale": "xx-YY"}', 'ok >Thursday 05 March 03/05/26'),
	('dollars, English', '{{ 1234567.891 | money: "USD" }}', '{}', '{"locale": "en-GB"}', 'ok >$1,234,567.89'),
	('euros, German', '{{ -1234.5 | money: "EUR" }}', '{}', '{"locale": "de-DE"}', 'ok >-1.234,50 €'),
	('euros, Austrian', '{{ 1234.5 | money: "EUR" }}', '{}', '{"locale": "de_AT"}', 'ok >€ 1.234,50'),
	('francs, Swiss', '{{ 1234.5 | money: "CHF" }}', '{}', '{"locale": "de-CH"}', 'ok >CHF 1''234.50'),
	('euros, French, with plain blanks', '{{ 1234.5 | money: "EUR" }}', '{}', '{"locale": "fr"}', 'ok >1 234,50 €'),
	('a language that is not known', '{{ 1234.5 | money: "EUR" }}', '{}', '{"locale": "xx"}', 'ok >€1,234.50'),
	('a number at home', '{{ "+14155552671" | phone }}', '{}', '{"region": "US"}', 'ok >(415) 555-2671'),
	('a number abroad', '{{ "+491701234567" | phone }}', '{}', '{"region": "US"}', 'ok >+491701234567'),
	('output may be as long as allowed', '{{ x }}', '{"x": "12345"}', '{"max_output": "5"}', 'ok >12345'),
	('values inside may be longer', '{{ x | truncate: 4, "" }}', '{"x": "1234567890"}', '{"max_output": "5"}', 'ok >1234'),
	('a failure takes its text back', 'text {{ 1 | divided_by: 0 }}', '{}', '{}', 'error >')
) AS v(name, template, vars, options, want), liquid_unit(template, vars::jsonb, options::jsonb) AS r;

-- errors
INSERT INTO expectation (name, got, want)
SELECT name, concat_ws('|', r.result, r.message, r.line, r."column", r.path), want
FROM (VALUES
	('too long', '123456', '{}', '{"max_output": "5"}', 'error|the text becomes longer than 5 bytes|1|1|'),
	('too much work', '{% for i in (1..50) %}{{ i }}{% endfor %}', '{}', '{"max_steps": "60"}', 'error|the template does too much work|1|23|'),
	('enough work', '{% for i in (1..50) %}{% endfor %}', '{}', '{"max_steps": "51"}', 'ok||0|0|'),
	('missing', E'a\nb {{ order.items[0].name | upcase }}', '{}', '{"missing": "error"}', 'error|variable "order.items[0].name" has no value|2|6|order.items[0].name'),
	('missing, skipped', '{{ order.id }}', '{"order": {}}', '{"missing": "skip"}', 'skip|missing_data:order.id|1|4|order.id'),
	('skipped', '{% skip "no " | append: x %}', '{"x": "stock"}', '{}', 'skip|no stock|1|1|'),
	('a reason that is long', '{% skip x %}', jsonb_build_object('x', repeat('ä', 200))::text, '{}', 'skip|' || repeat('ä', 127) || '|1|1|'),
	('a name that is long', '{{ ' || repeat('a', 300) || ' }}', '{}', '{"missing": "error"}', 'error|variable "' || repeat('a', 127) || '" has no value|1|4|' || repeat('a', 127)),
	('columns are characters', 'äöü😀{{ }', '{}', '{}', 'error|this output does not end: expected }}|1|5|')
) AS v(name, template, vars, options, want), liquid_unit(template, vars::jsonb, options::jsonb) AS r;

-- what the fuzzer starts from must work, or it finds nothing
INSERT INTO expectation (name, got, want)
SELECT 'seed ' || n, r.result || ' ' || r.message, 'ok '
FROM corpus, unnest(templates) WITH ORDINALITY AS t(template, n), liquid_unit(template, vars, '{}') AS r;

-- mutated templates, the same ones every time
INSERT INTO expectation (name, got, want)
SELECT 'fuzz ' || i, regexp_replace(liquid_fuzz(templates, vars, 3000, i, :'dir' || '/current'), '^[1-9][0-9]{2,} texts$', 'hundreds of texts'), 'hundreds of texts'
FROM corpus, generate_series(1, 5) AS i;

SELECT '1..' || count(*) FROM expectation;
SELECT concat_ws(' ', CASE WHEN got = want THEN 'ok' ELSE 'not ok' END, n, '-', name) ||
	CASE WHEN got = want THEN '' ELSE E'\n# got:  ' || coalesce(got, 'NULL') || E'\n# want: ' || want END
FROM expectation ORDER BY n;
