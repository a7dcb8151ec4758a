-- The filters of the template language.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
\pset format unaligned
\pset tuples_only on

-- each line: expression => text
CREATE FUNCTION pg_temp.show(expressions text[], vars jsonb DEFAULT '{}')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	expression text;
BEGIN
	FOREACH expression IN ARRAY expressions LOOP
		BEGIN
			RETURN NEXT expression || '  =>  ' || smsfollow.render('{{ ' || expression || ' }}', vars);
		EXCEPTION WHEN OTHERS THEN
			RETURN NEXT expression || '  =>  ' || SQLSTATE || ' ' || SQLERRM;
		END;
	END LOOP;
END
$$;

\echo --- default, size, first, last
SELECT pg_temp.show(ARRAY[
	'gone | default: "x"', 'nil | default: "x"', 'false | default: "x"', 'false | default: "x", allow_false: true', '"" | default: "x"', '0 | default: "x"',
	'list | default: "x" | join', 'none | default: "x"', 'name | upcase | default: "x"', 'gone | upcase | default: "x"', 'gone | default', 'list | size', '"häß" | size', 'gone | size', 'obj | size',
	'list | first', 'list | last', 'obj | first', '"ab" | first', '"" | first | append: "."', '"ab" | first:', '"a" | append: "b", | append: "c",', '(3..9) | last'],
	'{"list": [3, 1, 2], "none": [], "obj": {"k": "v"}, "name": "jane"}');

\echo --- strings
SELECT pg_temp.show(ARRAY[
	'"a" | append: "b" | prepend: 1', '"jane DOE" | capitalize', '"Straße ÄÖŸ œuvre ЖУК Ωμέγα" | upcase', '"ÄÖÜ ŒUVRE Жук ΩΜΈΓΑ" | downcase', '"ßa" | capitalize',
	'"  a  " | strip | append: "|"', '"  a  " | lstrip | append: "|"', '"  a  " | rstrip | append: "|"', '"a  b   c " | squish',
	'"a-b-c" | remove: "-"', '"a-b-c" | remove_first: "-"', '"a-b-c" | remove_last: "-"', '"a-b-c" | replace: "-", "+"', '"a-b-c" | replace_first: "-", "+"',
	'"a-b-c" | replace_last: "-", "+"', '"aé" | replace: "", "."', '"aaa" | replace: "aa", "b"', '"abc" | replace: "b"', 'lines | strip_newlines', 'lines | newline_to_br',
	'"häßlich" | slice: 1', '"häßlich" | slice: 1, 3', '"häßlich" | slice: -3, 2', '"abc" | slice: 9', '"abc" | slice: 1, 99999999999999999999', '"abc" | slice: -99999999999999999999', '"abc" | slice: "99999999999999999999"', '"abc" | slice: 1.5', '"abc" | slice: 1, -1', '"a,b,,c,," | split: "," | join: "|"',
	'" a  b c " | split: " " | join: "|"', '"häß" | split: "" | join: "|"', '"Ground control to Major Tom." | truncate: 18', '"Ground control" | truncate: 8, "…"',
	'"abc" | truncate: 2', '"abc" | truncate: -9223372036854775808', '"abc" | truncate: 99999999999999999999', '"äöüäöü" | truncate: 4, ""', '"one two  three four" | truncatewords: 3', '"one two" | truncatewords: 3', '"one two three" | truncatewords: 2, "--"'],
	jsonb_build_object('lines', E'a\nb\r\nc'));

\echo --- web
SELECT pg_temp.show(ARRAY[
	'"<a href=''x''>&amp;</a>" | escape', 'html | escape', '"<&>" | h', 'html | escape_once', 'html | strip_html', '"a b&c=ä/~*" | url_encode', '"a+b%26%C3%A4%zz" | url_decode', '"%FF" | url_decode', '"%00" | url_decode',
	'"häß" | base64_encode', '"aMOkw58=" | base64_decode', '"aMOkw58" | base64_decode', '"_-8" | base64_url_safe_decode', '"Pz8_" | base64_url_safe_decode', '"???" | base64_url_safe_encode', '"@" | base64_decode', '"/w==" | base64_decode'],
	'{"html": "<p class=\"x\">Tom &amp; <b>Jerry</b> & co<script>alert(1)</script><!-- c --></p>"}');

\echo --- numbers
SELECT pg_temp.show(ARRAY[
	'1 | plus: 2', '0.1 | plus: 0.2', '"1.5" | plus: "2"', 'gone | plus: 1', '5 | minus: 7', '3 | times: 2.5', '7 | divided_by: 2', '-7 | divided_by: 2', '7 | divided_by: 2.0', '20 | divided_by: 7.0', '1 | divided_by: 3.0',
	'7 | modulo: 3', '-7 | modulo: 3', '5.5 | modulo: 2', '1 | divided_by: 0', '1 | modulo: 0.0', '-5 | abs', '-19.90 | abs', '4.2 | ceil', '-4.2 | floor', '4.5 | round', '-4.5 | round', '4.567 | round: 2', '1234 | round: -2',
	'3 | at_least: 5', '3 | at_most: 2', '9223372036854775807 | plus: 1', '-9223372036854775808 | minus: 1', '-9223372036854775808 | divided_by: -1', '9223372036854775807 | times: 9223372036854775807',
	'99999999999999999999 | divided_by: 3', '-99999999999999999999 | modulo: 7', '"12abc" | plus: 1', '"abc" | plus: 1', 'true | plus: 1', 'price | times: 3', 'list | sum', 'items | sum: "n"']
	, '{"price": 19.99, "list": [1, 2.5, "3"], "items": [{"n": 1}, {"n": 2}, {}]}');

\echo --- arrays
SELECT pg_temp.show(ARRAY[
	'list | join', 'list | join: ", "', 'list | sort | join', 'list | reverse | join', 'words | sort | join', 'words | sort_natural | join', 'list | concat: words | join', 'list | concat: 5',
	'list | uniq | join', 'gaps | compact | join', 'items | map: "name" | join', 'items | where: "ok" | map: "name" | join', 'items | where: "name", "b" | size', 'items | reject: "ok" | map: "name" | join',
	'items | find: "name", "b"', 'items | find_index: "name", "b"', 'items | has: "name", "z"', 'items | sort: "name" | map: "name" | join', 'items | uniq: "ok" | size', 'items | compact: "ok" | size', 'nested | join', 'mixed | sort', 'list | slice: 1, 2 | join', '(1..3) | reverse | join', 'obj | map: "k"', 'list | map: "x"'],
	'{"list": [3, 1, 2, 3], "words": ["b", "A", "a", "C"], "gaps": [1, null, 2], "nested": [1, [2, [3]]], "mixed": [1, "a"], "obj": {"k": "v"},
	  "items": [{"name": "c", "ok": true}, {"name": "a", "ok": false}, {"name": "b"}]}');

\echo --- dates, in UTC
SELECT pg_temp.show(ARRAY(SELECT format('"%s" | date: "%%Y-%%m-%%d %%H:%%M:%%S"', d) FROM unnest(ARRAY[
	'2026-01-05', '2026-01-05 09:30', '2026-01-05T09:30:15.123456Z', '2026-01-05T09:30:00+02:00', '2026-01-05 09:30:00-0530', '2026/1/5', '20260105', '20260105T093015Z', '5.1.2026', '13/1/2026', '1/13/2026', '3/4/2026',
	'Jan 5, 2026', 'January 5 2026 3pm', '5th January 2026 at 12:05 am', 'Mon, 5 Jan 2026 15:04:05 GMT', 'Mon Jan 5 15:04:05 2026', '5-Jan-26', 'March 2026', '1767571200', '-1', '2026-02-30', '2026-13-01', '2026-01-05 25:00', 'tomorrow', 'Jane', '', '2026-01-05 junk', '99999999999999999999', '12 Jan 10 Feb']) AS d));
SELECT pg_temp.show(ARRAY(SELECT format('"2026-03-07T16:05:09.045Z" | date: "%s"', f) FROM unnest(ARRAY[
	'%a %A %b %B %h', '%d %e %-d %j %m %-m %y %Y %C', '%H %k %I %l %-I %M %S %p %P', '%L %N %3N %s', '%z %:z %Z', '%u %w %U %W %V %G %g', '%c', '%x %X %D %F %T %R %r %v', '%^a %^B %#p %10A %-10A %05d %_5d %010Y', '%% %n %t %Q %', 'plain', '%1000d'
	]) AS f));
SELECT pg_temp.show(ARRAY['0 | date: "%F"', '-62135596801 | date: "%F"', '253402300799 | date: "%F"', '253402300800 | date: "%F"', 'gone | date: "%F"', '1.5 | date: "%F"', '"2026-01-05" | date: ""', 'list | date: "%F"'], '{"list": [1]}');
SELECT smsfollow.render('{{ "now" | date: "%s" }}') = floor(extract(epoch FROM smsfollow.clock()))::text
	OR smsfollow.render('{{ "today" | date: "%s" }}') = floor(extract(epoch FROM smsfollow.clock()))::text AS now_is_now;
SET timezone = 'America/New_York';
SELECT pg_temp.show(ARRAY['"2026-01-05T15:00:00Z" | date: "%H:%M %Z %z"', '"2026-07-05T15:00:00Z" | date: "%H:%M %Z"', '"2026-07-05 15:00" | date: "%H:%M %Z %s"', '"2026-03-08 02:30" | date: "%H:%M"']);
SET timezone = 'UTC';

\echo --- texts
SELECT pg_temp.show(ARRAY[
	'1234.5 | money: "USD"', '"19.995" | money: "usd"', '-5 | money: "EUR"', '1234567 | money: "JPY"', '1.2345 | money: "KWD"', '12 | money: "CHF"', '1 | money: "dollars"', '"abc" | money: "USD"', 'gone | money: "USD"',
	'"+14155552671" | phone', '"+49 170 1234567" | phone', '"no number" | phone', '"Don’t miss – 50 % off…" | gsm', 'long | segments_max: 1 | size', 'long | segments_max: 1, "" | size', 'emoji | segments_max: 1, "" | size', '"short" | segments_max: 1', '"x" | segments_max: 0'],
	jsonb_build_object('long', repeat('a', 161), 'emoji', repeat('😀', 40)));
-- as people of a region write numbers; others, and what is none, stay as they are
SET smsfollow.default_region = 'US';
SELECT pg_temp.show(ARRAY['"+14155552671" | phone', '"+442079460018" | phone', '"+1999" | phone']);
RESET smsfollow.default_region;
