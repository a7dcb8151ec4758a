-- The template language: output, expressions, tags, white space.
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on

-- each line: template => text
CREATE FUNCTION pg_temp.show(templates text[], vars jsonb DEFAULT '{}', partials jsonb DEFAULT '{}')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	template text;
BEGIN
	FOREACH template IN ARRAY templates LOOP
		BEGIN
			RETURN NEXT template || '  =>  ' || smsfollow.render(template, vars, partials);
		EXCEPTION WHEN OTHERS THEN
			RETURN NEXT template || '  =>  ' || SQLSTATE || ' ' || SQLERRM;
		END;
	END LOOP;
END
$$;

\echo --- text and output
SELECT pg_temp.show(ARRAY[
	'', 'no tags at all', 'a { b } c', 'ünï 😀 {{ name }}', 'Hi {{ name }}!', '{{name}}{{ name }}', '{{ }}', '{{ "a" }}{{ ''b''}}',
	'{{ 12 }} {{ -3 }} {{ 1.50 }}', '{{ true }} {{ false }} [{{ nil }}]', '{{ gone }}|{{ name.gone }}|{{ gone.gone }}',
	'{{ price }}', '{{ big }}', '{{ list }}', '{{ person }}', '{{ nested }}', '{{ (1..4) }}',
	'{{ ''{{ name }}'' }}'],
	'{"name": "Jane", "price": 19.90, "big": 123456789012345678901234567890, "list": ["a", 1, null, [2, "b"]],
	  "person": {"age": 7, "tags": ["x", null]}, "nested": [{"k": "a \"quoted\" word\n"}]}');

\echo --- paths
SELECT pg_temp.show(ARRAY[
	'{{ order.id }}', '{{ order["id"] }}', '{{ order[key] }}', '{{ [''order''].id }}', '{{ [name_of].id }}', '{{ items[0].name }}',
	'{{ items[-1].name }}', '{{ items[2] }}|{{ items[-3] }}', '{{ items[n].name }}', '{{ items["0"] }}', '{{ items.first.name }}',
	'{{ items.last.name }}', '{{ items.size }} {{ order.size }} {{ word.size }}', '{{ word.first }}{{ word.last }}', '{{ word[0] }}',
	'{{ order.first | join: "=" }}', '{{ sized.size }} {{ sized.first }}', '{{ items
	[1]
	.name }}', '{{ under_score }} {{ hy-phen }} {{ really? }}', '{{ matrix[1][0] }}'],
	'{"order": {"id": 77}, "key": "id", "name_of": "order", "items": [{"name": "tea"}, {"name": "milk"}], "n": 1, "word": "häß",
	  "sized": {"size": "XL", "first": "f"}, "under_score": 1, "hy-phen": 2, "really?": 3, "matrix": [[1, 2], [3, 4]]}');

\echo --- truth and comparison
SELECT pg_temp.show(ARRAY(SELECT format('{%% if %s %%}yes{%% else %%}no{%% endif %%}', c) FROM unnest(ARRAY[
	'true', 'nil', 'gone', '0', '""', 'none', '1 == 1.0', '1 == "1"', '"a" == ''a''', 'none == empty', '"" == empty', 'nil == empty',
	'" " == blank', 'gone == blank', 'false == blank', '0 == blank', 'obj == empty', 'n != 3', 'n <> 4', 'n > 2 and n < 4', 'n >= 3', 'n <= 2',
	'"abc" < "abd"', '"B" < "a"', 'gone < 1', 'n > "2"', 'list contains "b"', 'list contains 2', '"signature" contains "nat"',
	'"12" contains 1', 'obj2 contains "k"', 'gone contains "x"', '(1..5) contains 3', 'true or false and false', 'false and false or true',
	'list == same', 'list == other', 'obj2 == obj3', 'n contains 3', 'dec == 2.50', 'huge > 99999999999999999999']) AS c),
	'{"none": [], "obj": {}, "n": 3, "list": ["a", "b", 2], "same": ["a", "b", 2.0], "other": ["a"], "obj2": {"k": 1}, "obj3": {"k": 1.0},
	  "dec": 2.5, "huge": 100000000000000000000}');

\echo --- if, unless, case
SELECT pg_temp.show(ARRAY[
	'{% if n == 1 %}one{% elsif n == 2 %}two{% else %}many{% endif %}', '{% if n == 2 %}a{% endif %}b', '{% unless n == 2 %}a{% else %}b{% endunless %}',
	'{% unless n == 2 %}a{% elsif n == 2 %}c{% endunless %}', '{% if n %}{% if gone %}x{% else %}y{% endif %}{% endif %}',
	'{% case n %}{% when 1 %}one{% when 2, 3 %}two or three{% else %}many{% endcase %}', '{% case n %}{% when 5 or 2 %}hit{% endcase %}',
	'{% case n %}ignored{% when 9 %}x{% endcase %}.', '{% case n %}{% when 2 %}a{% when 2 %}b{% else %}c{% endcase %}',
	'{% case gone %}{% when blank %}blank{% endcase %}'],
	'{"n": 2}');

\echo --- for
SELECT pg_temp.show(ARRAY[
	'{% for i in list %}{{ i }};{% endfor %}', '{% for i in (1..3) %}{{ i }}{% endfor %}', '{% for i in (n..1) %}x{% else %}empty{% endfor %}',
	'{% for i in list limit: 2 offset: 1 %}{{ i }}{% endfor %}', '{% for i in list reversed limit: 2 %}{{ i }}{% endfor %}',
	'{% for i in list limit: 2 %}{{ i }}{% endfor %}|{% for i in list offset: continue limit: 1 %}{{ i }}{% endfor %}|{% for i in list offset: continue %}{{ i }}{% endfor %}',
	'{% for i in list %}{% if i == 2 %}{% continue %}{% elsif i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}.',
	'{% for i in list %}{{ forloop.index }}/{{ forloop.length }} {{ forloop.index0 }} {{ forloop.rindex }} {{ forloop.rindex0 }} {{ forloop.first }} {{ forloop.last }}; {% endfor %}',
	'{% for i in (1..2) %}{% for j in (1..2) %}{{ forloop.parentloop.index }}.{{ forloop.index }} {% endfor %}{% endfor %}',
	'{% for p in obj %}{{ p[0] }}={{ p[1] }} {{ p.last }};{% endfor %}', '{% for c in "word" %}<{{ c }}>{% endfor %}', '{% for i in gone %}x{% endfor %}.',
	'{% for i in list %}{% endfor %}{{ i }}{{ forloop.index }}.', '{% for i in list %}{% assign last = i %}{% endfor %}{{ last }}',
	'{% for i in list %}{{ forloop.name }} {% break %}{% endfor %}',
	'{% tablerow i in list cols: 3 %}{{ i }}{% if tablerowloop.last %}!{% endif %}{% endtablerow %}'],
	'{"list": [1, 2, 3, 4], "n": 3, "obj": {"a": 1, "b": 2}}');

\echo --- assign, capture, cycle, counters, echo, ifchanged
SELECT pg_temp.show(ARRAY[
	'{% assign x = 5 %}{{ x }}{% assign x = x | plus: 1 %}{{ x }}', '{% assign x = list | first %}{{ x }}', '{% assign name = "local" %}{{ name }}',
	'{% capture x %}a {{ name }}{% endcapture %}[{{ x }}]', '{% capture x %}a{% endcapture %}{% assign y = x %}{% capture x %}b{% endcapture %}{{ x }}{{ y }}',
	'{% for i in (1..4) %}{% cycle "odd", "even" %} {% endfor %}', '{% cycle a: 1, 2 %}{% cycle b: 1, 2 %}{% cycle "g": 1, 2 %}{% cycle "g": 1, 2 %}',
	'{% increment c %}{% increment c %}{{ c }} {% decrement d %}{% decrement d %}{{ d }}', '{% increment n %}{% increment n %}{{ n }}',
	'{% echo name | upcase %}', '{% for i in same %}{% ifchanged %}{{ i }}{% endifchanged %}{% endfor %}'],
	'{"name": "global", "list": ["f", "l"], "n": 7, "same": [1, 1, 2, 2, 1]}');

\echo --- raw, comment, doc, liquid
SELECT pg_temp.show(ARRAY[
	'{% raw %}{{ x }} {% if %}{% endraw %}.', '{% raw %}{% open {% endraw %}.', '{% comment %}{{ x }}{% foo %}{% comment %}{% endcomment %}{% endcomment %}.', '{% # note %}.', '{%- # one
  # two -%} .', '{% doc %}{% if %}{{{% enddoc %}.', '{% liquid
  assign x = 2
  if x == 2
    echo "two"
  else
    echo "other"
  endif
  # done
  for i in (1..3)
    echo i
  endfor
%}.', '{% liquid echo "a" %}{% liquid
  comment
  not a tag
  endcomment
  echo "b"
%}']);

\echo --- white space
SELECT pg_temp.show(ARRAY[
	'a  {{- 1 -}}  b', 'a {{-}} b', 'a {{- -}} b', 'a {%- if true %} b {% endif -%} c', E'a\n\t{%- assign x = 1 -%}\n b', 'a{% if true %}   {% endif %}b', 'a{% if true %} {{ "" }} {% endif %}b',
	'a{% for i in (1..2) %} {% assign x = i %} {% endfor %}b', 'a {%- raw -%} x {%- endraw -%} b', U&'a\00A0{{- 1 }}']);

\echo --- partials
SELECT pg_temp.show(ARRAY[
	'{% include "hello" %}', '{% include "hello", name: "Ann" %} {{ name }}', '{% include which %}', '{% include "hello" with "Bo" as name %}',
	'{% include "item" with list %}', '{% render "item" for list %}', '{% render "item" for list as x %}', '{% render "item" with list[1] %}',
	'{% assign local = 1 %}{% render "sees" %}|{% include "sees" %}', '{% render "sets" %}[{{ set }}]{% include "sets" %}[{{ set }}]', '{% render "hello", name: "Cy" %}',
	'{% for i in (1..3) %}{% include "breaks" %}{{ i }}{% endfor %}|{% for i in (1..3) %}{% render "breaks" %}{{ i }}{% endfor %}', '{% render "dir/part" with "v" %}',
	'{% increment c %}{% render "counts" %}{% include "counts" %}', '{% render "includes" %}', '{% render "gone" %}', '{% render which %}', '{% include 5 %}', '{% render "broken" %}', '{% render "fails" %}'],
	'{"name": "Jane", "which": "hello", "list": ["x", "y"]}',
	'{"hello": "Hi {{ name }}.", "item": "<{{ item }}{{ x }}{{ forloop.index }}>", "sees": "{{ local }}{{ name }}", "sets": "{% assign set = 1 %}", "breaks": "{% break %}",
	  "dir/part": "{{ part }}", "counts": "{% increment c %}", "includes": "{% include \"hello\" %}", "broken": "line one\n{% if %}", "fails": "ab\n c{{ 1 | divided_by: 0 }}"}');
