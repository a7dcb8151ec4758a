-- Templates that are wrong, missing data, limits, and hostile input.
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on

-- text, or SQLSTATE, message and detail; what is long is cut
CREATE FUNCTION pg_temp.try(template text, vars jsonb DEFAULT '{}', missing text DEFAULT 'empty', partials jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	RETURN left(smsfollow.render(template, vars, partials, missing), 100);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || message || ' | ' || detail;
END
$$;

\echo --- what is wrong, and where
SELECT t || '  =>  ' || pg_temp.try(t) FROM unnest(ARRAY[
	'{{ name', 'ab{{ name }', '{% if x', '{{ name | nope }}', '{{ name | upcase: 1 }}', '{{ name | replace }}', '{{ a b }}', '{{ a | }}', '{{ "a }}', '{{ a. }}', '{{ a[1 }}', '{{ (1..) }}', '{{ a ! b }}', '{{ a § b }}', '{{ a | default: 1, nope: 2 }}', '{{ -a }}',
	'{% nope %}', '{% %}', '{% if %}x{% endif %}', '{% if a %}', '{% if a %}{% endfor %}', '{% endif %}', '{% else %}', '{% if a == %}x{% endif %}', '{% if a and %}x{% endif %}', '{% if not a %}x{% endif %}', '{% for i %}{% endfor %}', '{% for i in a nope: 1 %}{% endfor %}',
	'{% for i in a limit: 2 reversed %}{% endfor %}', '{% case %}{% endcase %}', '{% case a %}{% when %}{% endcase %}', '{% assign x %}', '{% assign = 1 %}', '{% capture %}{% endcapture %}', '{% capture x y %}{% endcapture %}', '{% capture "x %}{% endcapture %}', '{% increment x y %}', '{% cycle %}', '{% increment %}', '{% raw %}', '{% comment %}', '{% doc %}', '{% raw x %}{% endraw %}',
	'{% # a
 b %}', '{% liquid
 echo 1
 nope %}', 'line 1
  line 2 ä {{ x | nope }}', '{% render name %}', '{% include "gone" %}', '{% skip "a" b %}', '{{ 1 | divided_by: 0 }}', 'x
{{ "a" | slice: "b" }}', '{% if 1 < "a" %}{% endif %}', '{% for i in (1..3) limit: "x" %}{% endfor %}']) AS t;

\echo --- errors of the function
SELECT smsfollow.render('x', '[1]');
SELECT smsfollow.render('x', '{}', '[1]');
SELECT smsfollow.render('x', '{}', NULL, 'nope');
SELECT smsfollow.render('{{ a.b }}', '{}', NULL, 'error');
SELECT smsfollow.render(NULL) IS NULL, smsfollow.render('x', NULL, NULL, NULL);
SELECT smsfollow.render('{% include "x" %}');

\echo --- missing data
SELECT t || '  =>  ' || pg_temp.try(t, '{"nothing": null, "e": "", "o": {"k": 1}, "l": []}', m)
FROM unnest(ARRAY['error', 'skip']) AS m, unnest(ARRAY[
	'{{ gone }}', '{{ nothing }}', '[{{ e }}]', '{{ o.gone.deep }}', '{{ o["gone"] }}', '{{ gone | default: "x" }}', '{{ gone | upcase | default: "x" }}', '{{ gone | upcase }}', '{{ "a" | append: gone }}', '{{ gone | default: gone2 }}', '{% if gone %}a{% else %}b{% endif %}',
	'{% assign x = gone %}ok', '{% assign x = gone %}{{ x }}', '{% for i in gone %}{% endfor %}', '{% for i in gone %}a{% else %}b{% endfor %}', '{% for i in l %}{% endfor %}ok', '{% case gone %}{% else %}ok{% endcase %}', '{% echo gone %}', '{{ nil }}ok']) AS t;

\echo --- skip
SELECT t || '  =>  ' || pg_temp.try(t, '{"n": 2}') FROM unnest(ARRAY[
	'{% skip "no stock" %}', 'text {% if n < 3 %}{% skip "only " | append: n %}{% endif %}', '{% skip %}', '{% if n > 3 %}{% skip "x" %}{% endif %}sent']) AS t;

\echo --- values are data, never templates
SELECT pg_temp.try('{{ a }} {{ b }} {% if a contains "{%" %}has{% endif %}', '{"a": "{% skip %}{{ b }}", "b": "{{ a }}"}');
SELECT pg_temp.try('{{ "{{ a" | append: " }}" }}', '{"a": "x"}');
SELECT pg_temp.try('{{ size }} {{ first }} {{ forloop }} {{ x["a.b"] }} {{ x.y }}', '{"size": 1, "first": 2, "x": {"a.b": 3, "y": {"z": 1}}}');

\echo --- limits
SELECT pg_temp.try(repeat('a', 65536)) = repeat('a', 100);
SELECT pg_temp.try(repeat('a', 65537));
SELECT pg_temp.try('{{ a }}', jsonb_build_object('a', repeat('a', 65537)));
SELECT pg_temp.try('{{ a | truncate: 5 }}', jsonb_build_object('a', repeat('a', 100000)));
SELECT pg_temp.try('{% for i in (1..1000000000) %}{% endfor %}');
SELECT pg_temp.try('{% for i in (1..1000000000) %}{{ i }}{% if i == 3 %}{% break %}{% endif %}{% endfor %}');
SELECT pg_temp.try('{% for i in (1..1000000000) reversed limit: 2 %}{{ i }} {% endfor %}{{ (1..9223372036854775807) | size }} {{ (-9223372036854775807..9223372036854775807) | size }}');
SELECT pg_temp.try('{{ (1..1000000000) | join }}');
SELECT pg_temp.try('{% for i in (1..400) %}{% for j in (1..400) %}{% endfor %}{% endfor %}');
SELECT pg_temp.try('{% assign a = "x" %}{% for i in (1..40) %}{% assign a = a | append: a %}{% endfor %}');
SELECT pg_temp.try('{% assign a = "xx" %}{% for i in (1..40) %}{% assign a = a | replace: "x", a %}{% endfor %}');
SELECT pg_temp.try('{% assign a = "x," %}{% for i in (1..40) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}');
SELECT pg_temp.try('{% assign a = "x,y" | split: "," %}{% for i in (1..40) %}{% assign a = a | concat: a %}{% endfor %}');
SELECT pg_temp.try('{% assign a = 9 %}{% for i in (1..40) %}{% assign a = a | times: a %}{% endfor %}');
SELECT pg_temp.try('{% assign a = 0.9 %}{% for i in (1..40) %}{% assign a = a | times: a %}{% endfor %}');
SELECT pg_temp.try('{% assign a = "x" %}{% for i in (1..12) %}{% assign a = a | append: a %}{% endfor %}{% assign l = a | split: "" | uniq | size %}{{ l }} {{ a | replace: "xxxxxxxxxxxxxxxxxxxxxxxxy", "" | size }}');
SELECT pg_temp.try('{{ n }}', jsonb_build_object('n', 1e1001::numeric));
SELECT pg_temp.try('{{ n | plus: 1 }}', jsonb_build_object('n', 1e1001::numeric));
SELECT pg_temp.try('{{ ' || repeat('9', 1001) || ' }}');
SELECT pg_temp.try('{{ "' || repeat('9', 1001) || '" | plus: 1 }}');
SELECT length(smsfollow.render('{{ ' || repeat('9', 999) || ' | plus: 1 }}'));
SELECT pg_temp.try(repeat('{% if true %}', 99) || 'deep' || repeat('{% endif %}', 99));
SELECT pg_temp.try(repeat('{% if true %}', 101) || 'deep' || repeat('{% endif %}', 101));
SELECT pg_temp.try('{{ ' || repeat('[', 30000) || ' }}');
SELECT pg_temp.try('{{ ' || repeat('(', 200) || '1..2) }}');
SELECT pg_temp.try('{% liquid ' || repeat('liquid ', 200) || 'echo 1 %}');
SELECT pg_temp.try('{% include "a" %}', '{}', 'empty', '{"a": "{% include \"b\" %}", "b": "{% include \"a\" %}"}');
SELECT pg_temp.try('{% render "a" %}', '{}', 'empty', '{"a": "x{% render \"a\" %}"}');
SELECT pg_temp.try('{{ a }}', jsonb_build_object('a', (repeat('[', 200) || repeat(']', 200))::jsonb));
SELECT pg_temp.try('{{ a | join }}', jsonb_build_object('a', (repeat('[', 200) || repeat(']', 200))::jsonb));
SELECT pg_temp.try('{{ a }}', jsonb_build_object('a', (repeat('{"a":', 200) || '1' || repeat('}', 200))::jsonb));
SELECT pg_temp.try('{% if a == b %}same{% endif %}', jsonb_build_object('a', (repeat('[', 2000) || repeat(']', 2000))::jsonb, 'b', (repeat('[', 2000) || repeat(']', 2000))::jsonb));
SELECT pg_temp.try('{{ a[9223372036854775807] }}{{ a[-9223372036854775807] }}{{ a | slice: -9223372036854775807, 9223372036854775807 | size }}{{ a | slice: 0, 9223372036854775807 | size }}', '{"a": [1]}');
SELECT pg_temp.try('{% for i in a limit: 9223372036854775807 offset: 1 %}{{ i }}{% endfor %}{% for i in a offset: continue limit: 9223372036854775807 %}{{ i }}{% endfor %}', '{"a": [1, 2]}');
SELECT pg_temp.try(E'\x01\x1f\x7f{{ a }}', jsonb_build_object('a', E'\x01\x02'));
SELECT pg_temp.try('{{ "é" | slice: 0 }}{{ "日本語" | truncate: 2, "" }}{{ "😀😀" | reverse }}{{ "😀😀" | split: "" | reverse | join }}');

\echo --- the cache of parsed templates: more templates than it holds, partials while it is full
SELECT count(*) FROM generate_series(1, 1000) AS i WHERE smsfollow.render('{{ a }} ' || i, '{"a": 1}') = '1 ' || i;
SELECT count(*) FROM generate_series(1, 600) AS i
WHERE smsfollow.render('{% for j in (1..3) %}{% render "p" %}{% endfor %}' || i, '{}', jsonb_build_object('p', 'x' || i % 7)) = repeat('x' || i % 7, 3) || i;
SELECT DISTINCT pg_temp.try('{{ a') FROM generate_series(1, 300);
