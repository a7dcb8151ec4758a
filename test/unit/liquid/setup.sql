-- Functions of the two modules, and what the tests share.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE FUNCTION liquid_unit(template text, vars jsonb, options jsonb, OUT result text, OUT body text, OUT message text, OUT line int, OUT "column" int, OUT path text)
LANGUAGE c AS :'unit', 'liquid_unit';
CREATE FUNCTION liquid_unit_bench(text, jsonb, int) RETURNS float8 LANGUAGE c STRICT AS :'unit', 'liquid_unit_bench';
CREATE FUNCTION liquid_fuzz(templates text[], vars jsonb, times int, seed int, file text) RETURNS text LANGUAGE c STRICT
AS :'guarded', 'liquid_fuzz';

-- what the fuzzer starts from
CREATE TABLE corpus AS SELECT ARRAY[
	$$Hi {{ text | split: ' ' | first | default: 'there' }}, {{ number | money: 'USD' }} on {{ 'now' | date: '%b %d' }}. {% if list contains 2 and object.k %}x{% elsif html %}y{% else %}z{% endif %}$$,
	$$/{% for i in list limit: 3 offset: 1 %}{{ forloop.index }}{{ i }}{% unless forloop.last %}, {% endunless %}{% else %}none{% endfor %}{% for i in list offset: continue %}{{ i }}{% endfor %}$$,
	$${% case number %}{% when 1, 2 %}a{% when blank or empty %}b{% else %}c{% endcase %}{% tablerow i in (1..4) cols: 2 %}{{ i }}{% endtablerow %}$$,
	$${% assign x = names | sort | reverse | uniq | join: '-' %}{% capture y %}{{ x }}{% endcapture %}{{ y | upcase | truncate: 5 }}{% cycle 'a', 'b' %}{% increment n %}$$,
	$${% liquid
	for i in object
		echo i[0]
		echo i.last
		if i[1] == nil
			continue
		endif
	endfor
	comment
	endcomment
%}{% raw %}{{ x }}{% endraw %}{%- # note -%} {% comment %}{% endcomment %}{% doc %}x{% enddoc %}$$,
	$${% render 'p', x: 1 %}{% render 'q' for list as x %}{% ifchanged %}{{ html | strip_html | escape }}{% endifchanged %}{% if number < 0 %}{% skip 'low' %}{% endif %}$$,
	$${{ number | plus: 1.5 | times: number | divided_by: 7 | round: 3 }} {{ text | replace: 'a', 'b' | append: text | url_encode | url_decode | base64_encode | base64_decode }}$$,
	$${{ objects | where: 'k' | map: 'k' | first }}{{ names | sort_natural | concat: names | compact | last }}{{ nested | join | size }}{{ text | gsm | segments_max: 1 }}{{ '+14155552671' | phone }}{{ text | slice: -3, 2 | capitalize }}$$
] AS templates, jsonb_build_object('list', '[1, 2.5, "three", null, true, {"k": "v"}, [4, [5]]]'::jsonb, 'object', '{"k": 1, "first": null, "m": {"n": []}}'::jsonb,
	'text', 'Grüße, 😀 a b  c' || E'\n', 'number', 19.90, 'big', 1e300, 'html', '<p>Tom &amp; <b>Jerry</b></p><script>x</script>', 'nested', '[[1, [2]], []]'::jsonb,
	'names', '["bee", "Ant", null, "bee"]'::jsonb, 'objects', '[{"k": 1}, {"k": "zwei"}]'::jsonb,
	'p', '{{ x }}{{ p }}{% render "q" %}', 'q', '[{{ x }}{{ forloop.index }}{% break %}]') AS vars;
