-- Values and templates of somebody who means harm, or does not know better: a
-- clear error or a text that can be sent, in bounded time.
SET timezone = 'UTC';
-- nothing here takes long; what does is a failure
SET statement_timeout = '60s';
\pset format unaligned
\pset tuples_only on

-- text, or SQLSTATE, message and detail; what is long is cut
CREATE FUNCTION pg_temp.try(template text, vars jsonb DEFAULT '{}', partials jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	RETURN left(smsfollow.render(template, vars, partials), 100);
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || message || ' | ' || detail;
END
$$;
-- what is not ASCII as \uXXXX
CREATE FUNCTION pg_temp.shown(t text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(CASE WHEN c BETWEEN ' ' AND '~' AND c <> '\' THEN c ELSE '\u' || upper(lpad(to_hex(ascii(c)), greatest(4, length(to_hex(ascii(c)))), '0')) END, '' ORDER BY n), '')
	FROM regexp_split_to_table(t, '') WITH ORDINALITY AS s(c, n) WHERE c <> ''
$$;

\echo --- characters that no phone should get: gone from values and templates; line ends, tabs, joiners and marks stay
SELECT pg_temp.shown(smsfollow.render('[{{ a }}]', jsonb_build_object('a', a))) FROM (VALUES
	(1, E'bell \x07, escape \x1b[31m, delete \x7f, next line \u0085, tab \t, line\nfeed, return\r'),
	(2, E'reordered \u202Etxt.exe\u202C \u2066isolated\u2069, marks \u200E\u200F\u061C stay'),
	(3, E'hid\u200Bden s\u00ADoft \uFEFFjoined\u2060 \u180E\u2063x'),
	(4, E'\u2028lines\u2029and paragraphs, \uFFFE\U0001FFFF no characters \uFFF9a\uFFFAb\uFFFB'),
	(5, E'family \U0001F468\u200D\U0001F469\u200D\U0001F466, heart \u2764\uFE0F, \u06CC\u200C\u0647')) AS v(n, a) ORDER BY n;
SELECT pg_temp.shown(smsfollow.render(E'\x01{{ "\u202E" }}{{ "a\u200Bb" | upcase }}{% capture x %}\x02c{% endcapture %}{{ x }}{{ x | size }}'));
SELECT smsfollow.render(repeat(E'\u202E', 1000)) = '', smsfollow.render('{{ a }}', jsonb_build_object('a', repeat(E'x\x01', 20000))) = repeat('x', 20000);

\echo --- a value that looks like a template, or like SQL
SELECT pg_temp.try('{{ a }}|{{ a | upcase }}|{{ a | append: b }}|{% capture c %}{{ a }}{% endcapture %}{{ c }}|{% assign d = a %}{{ d }}', '{"a": "{{ b }}", "b": "{% skip \"x\" %}"}');
SELECT pg_temp.try('{% include a %}', '{"a": "{{ b }}"}', '{"x": "y"}'), pg_temp.try('{% render "x", b: a %}', '{"a": "{{ b }}{% include \"x\" %}"}', '{"x": "<{{ b }}>"}');
SELECT pg_temp.try('{{ [a] }}{{ o[a] }}', '{"a": "o''; DROP TABLE x; --", "o": {"k": 1}}');

\echo --- escapes that are no text
SELECT t || '  =>  ' || pg_temp.try(t) FROM unnest(ARRAY['{{ "%ff%fe" | url_decode }}', '{{ "%c3" | url_decode }}', '{{ "%ed%a0%80" | url_decode }}', '{{ "%f4%90%80%80" | url_decode }}', '{{ "%00" | url_decode }}', '{{ "%c3%a9%" | url_decode }}',
	'{{ "/w==" | base64_decode }}', '{{ "AAAA" | base64_decode }}', '{{ "w6k=" | base64_decode }}', '{{ "\u0000" }}']) AS t;

\echo --- large values
SELECT length(smsfollow.render('{{ a | slice: 0, 100 }}{{ a | truncatewords: 2 | size }}', jsonb_build_object('a', repeat('word ', 20000))));
SELECT pg_temp.try('{{ a }}', jsonb_build_object('a', repeat('x', 102400)));
SELECT pg_temp.try('{{ a | upcase | downcase | strip | escape | url_encode | truncate: 10 }}', jsonb_build_object('a', repeat('x', 40000)));
SELECT pg_temp.try('{{ a | ' || repeat('upcase | ', 500) || 'size }}', jsonb_build_object('a', repeat('x', 102400)));
SELECT pg_temp.try('{{ a | plus: b }}', jsonb_build_object('a', (repeat('9', 1000))::numeric, 'b', 1)), length(smsfollow.render('{{ a | plus: 1 }}', jsonb_build_object('a', repeat('9', 999)::numeric)));
SELECT pg_temp.try('{{ a | times: a }}', jsonb_build_object('a', repeat('9', 1000)::numeric)), pg_temp.try('{{ 1 | divided_by: a }}', jsonb_build_object('a', ('0.' || repeat('0', 999) || '1')::numeric));
SELECT pg_temp.try('{{ a | date: "%9999999999999999d %Y" }}{{ "now" | date: a }}', jsonb_build_object('a', repeat('%c', 30000)));

\echo --- little template, much work: steps run out
SELECT t || '  =>  ' || pg_temp.try(t, vars) FROM
	(SELECT jsonb_build_object('s', repeat('a', 60000), 't', repeat('a', 60000) || 'b', 'l', l.list, 'm', l.list, 'o', l.object, 'n', repeat('7', 480)::numeric) AS vars
	 FROM (SELECT jsonb_agg(i) AS list, jsonb_object_agg(i, repeat('x', 30)) AS object FROM generate_series(1, 9000) AS i) AS l) AS v,
	unnest(ARRAY[
	'{% for i in (1..45000) %}{% if s == t %}{% endif %}{% if s < t %}{% endif %}{% endfor %}',
	'{% for i in (1..45000) %}{% if l == m %}{% endif %}{% endfor %}',
	'{% for i in (1..45000) %}{% case o %}{% when o %}{% endcase %}{% endfor %}',
	'{% for i in (1..45000) %}{% if s contains t %}{% endif %}{% endfor %}',
	'{% for i in (1..45000) %}{{ s.size }}{% endfor %}',
	'{% for i in (1..45000) %}{{ s.last }}{% endfor %}',
	'{% for i in (1..45000) %}{% capture c %}{{ s }}{% endcapture %}{% endfor %}',
	'{% for i in (1..45000) %}{% assign c = o | append: "x" %}{% endfor %}',
	'{% for i in (1..45000) %}{% assign c = n | times: n %}{% endfor %}',
	'{% for i in (1..45000) %}{% assign c = l | sort | uniq | reverse %}{% endfor %}',
	'{% for i in (1..45000) %}{% assign c = s | split: "" %}{% endfor %}',
	'{% for i in (1..45000) %}{% assign c = s | replace: "a", "b" %}{% endfor %}',
	'{% for i in l %}{% for j in l %}{% for k in l %}{% endfor %}{% endfor %}{% endfor %}']) AS t;
SELECT pg_temp.try((SELECT string_agg('{% assign v' || i || ' = 1 %}', '') FROM generate_series(1, 2500) AS i) || '{% for i in (1..90000) %}{{ v2499 }}{% endfor %}');

\echo --- cancelled in the middle: else it would end as above
CREATE TEMP TABLE large AS SELECT jsonb_build_object('l', jsonb_agg(i), 'm', jsonb_agg(i)) AS vars FROM generate_series(1, 9000) AS i;
SET statement_timeout = '10ms';
SELECT smsfollow.render('{% for i in (1..45000) %}{% if l == m %}{% endif %}{% endfor %}', vars) FROM large;
SET statement_timeout = '60s';

\echo --- deep templates
SELECT pg_temp.try(repeat('{% if true %}', 3000)), pg_temp.try(repeat('{% for i in (1..2) %}', 90) || 'x' || repeat('{% endfor %}', 90));
SELECT pg_temp.try('{{ a' || repeat('[a', 120) || repeat(']', 120) || ' }}'), pg_temp.try('{{ a' || repeat('.a', 10000) || ' }}', '{"a": 1}');
SELECT pg_temp.try('{% if ' || repeat('a or ', 10000) || 'b %}{% endif %}'), pg_temp.try('{{ a ' || repeat('| size', 8000) || ' }}');
SET max_stack_depth = '100kB';
SELECT pg_temp.try(repeat('{% if true %}', 90) || '{{ a' || repeat('[a', 90) || repeat(']', 90) || ' }}' || repeat('{% endif %}', 90), '{"a": {"a": 1}}') IS NOT NULL AS alive;
RESET max_stack_depth;
