-- Building requests.
SELECT is(unit_request(tw(), tws(), twc(), '{"to": "+14155550100", "from": "+18005551212", "body": "Hi & bye = 100% \"x\"", "ref": "42"}'),
	'POST https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json | AC00000000000000000000000000000001:s3cr3t t0ken+/ | Content-Type: application/x-www-form-urlencoded | To=%2B14155550100&Body=Hi+%26+bye+%3D+100%25+%22x%22&From=%2B18005551212',
	'twilio: a number as sender');
SELECT is(unit_request(tw(), tws(), twc() || '{"api_key": "SK1", "api_secret": "other"}', '{"to": "+14155550100", "from": "MG1", "body": "x", "ttl_s": 90000}'),
	'POST https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json | SK1:other | Content-Type: application/x-www-form-urlencoded | To=%2B14155550100&Body=x&ValidityPeriod=36000&MessagingServiceSid=MG1',
	'twilio: API key, messaging service as sender, validity cut to what Twilio takes');
SELECT is(unit_request(tw(), tws() || '{"messaging_service": "MG2", "callback_url": "https://sms.example.com/hook?ref={{ref}}#rc=3"}', twc(), '{"to": "+14155550100", "body": "x", "ref": "a b&c"}'),
	'POST https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json | AC00000000000000000000000000000001:s3cr3t t0ken+/ | Content-Type: application/x-www-form-urlencoded | To=%2B14155550100&Body=x&StatusCallback=https%3A%2F%2Fsms.example.com%2Fhook%3Fref%3Da%2520b%2526c%23rc%3D3&MessagingServiceSid=MG2',
	'twilio: callback with our reference, escaped twice');
SELECT is(unit_request(tw(), tws() || '{"fields": {"SmartEncoded": true, "Body": null, "Text": "{{body}}"}}', twc(), '{"to": "+14155550100", "body": "x"}'),
	'POST https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json | AC00000000000000000000000000000001:s3cr3t t0ken+/ | Content-Type: application/x-www-form-urlencoded | To=%2B14155550100&Text=x&SmartEncoded=true',
	'settings add and remove fields');

-- Encodings
SELECT is(gw_request('{}', '{"body": "a\"b\\c\n\r\t\u0001\u007f€😀"}'),
	'POST https://gw.example.com/send | Content-Type: application/json | {"to":"+14155550100","text":"a\"b\\c\n\u000D\u0009\u0001\u007F€😀"}', 'JSON escapes');
SELECT is(substring(gw_request('{}', '{"body": "a\"b\\c\n\r\t\u0001\u007f€😀"}') from '\{.*\}$')::jsonb ->> 'text', E'a"b\\c\n\r\t\x01\x7f€😀', 'JSON reads back as it was');
SELECT is(gw_request('{"encoding": "form"}', '{"body": "a b+c&d=e\r\n€😀~*"}'),
	'POST https://gw.example.com/send | Content-Type: application/x-www-form-urlencoded | to=%2B14155550100&text=a+b%2Bc%26d%3De%0D%0A%E2%82%AC%F0%9F%98%80~%2A', 'form escapes');
SELECT is(gw_request('{"method": "GET"}', '{"body": "a b#?/€"}'),
	'GET https://gw.example.com/send?to=%2B14155550100&text=a+b%23%3F%2F%E2%82%AC', 'query escapes');
SELECT is(gw_request('{"method": "GET", "url": "https://gw.example.com/send?v=1", "send": {"space": "%20"}}', '{"body": "a b"}'),
	'GET https://gw.example.com/send?v=1&to=%2B14155550100&text=a%20b', 'query after a query, blank as %20');
SELECT is(gw_request('{"encoding": "query"}'), 'POST https://gw.example.com/send?to=%2B14155550100&text=hi | ', 'POST with a query has an empty body');
SELECT is(gw_request('{"fields": {"to": "{{to}}", "text": "{{body}}", "a": [], "b": {}, "c": null, "d": {"e": {"f": "{{from}}"}}, "g": ["{{from}}", "{{ref}}"], "h": "", "n": 1.50, "z": false}}'),
	'POST https://gw.example.com/send | Content-Type: application/json | {"g":["42"],"n":1.50,"z":false,"to":"+14155550100","text":"hi"}', 'empty leaves, arrays and objects vanish; numbers keep their digits');
SELECT is(gw_request('{"encoding": "form", "fields": {"to": ["{{to}}", "x", "{{from}}", "y"], "text": "{{body}}", "n": 1.50, "z": false}}'),
	'POST https://gw.example.com/send | Content-Type: application/x-www-form-urlencoded | n=1.50&z=false&to=%2B14155550100&to=x&to=y&text=hi', 'arrays become repeated keys');
SELECT is(gw_request('{"fields": {"to": "{{to}}", "text": "{{body}}", "u": "{{is_unicode}}", "v": "x{{is_unicode}}", "t": "{{ttl_s}}", "m": "{{ttl_min}}", "ms": "{{ttl_ms}}", "i": "{{ref_int}}", "id": "{{message_id}}"}}', '{"ttl_s": 61}'),
	'POST https://gw.example.com/send | Content-Type: application/json | {"i":42,"m":1,"t":61,"u":false,"v":"xfalse","id":7,"ms":61000,"to":"+14155550100","text":"hi"}', 'a whole template keeps its type');
SELECT is(gw_request('{"k": 5, "b": true, "fields": {"to": "{{to}}", "text": "{{body}}", "k": "{{setting.k}}", "b": "{{setting.b}}", "c": "{{cred.n}}"}}', '{}', '{"n": "7"}'),
	'POST https://gw.example.com/send | Content-Type: application/json | {"b":true,"c":"7","k":5,"to":"+14155550100","text":"hi"}', 'settings keep their type, secrets are texts');

-- Filters
SELECT is(gw_request(jsonb_build_object('encoding', 'form', 'fields', jsonb_build_object('to', '{{to}}', 'text', '{{body}}', 'x', f)), m), 
	'POST https://gw.example.com/send | Content-Type: application/x-www-form-urlencoded | ' || CASE WHEN want = '' THEN '' ELSE 'x=' || want || '&' END || 'to=%2B14155550100&text=' || replace(COALESCE(m ->> 'body', 'hi'), ' ', '+'), 'filter ' || f || ' of ' || m)
FROM (VALUES
	('{{to|digits}}', '{}'::jsonb, '14155550100'),
	('{{to|nanp10}}', '{}', '4155550100'),
	('{{from|plus}}', '{"from": "1 (800) 555-1212"}', '%2B18005551212'),
	('{{from|plus}}', '{"from": "Acme"}', ''),
	('{{from|digits_if_phone}}', '{"from": "+18005551212"}', '18005551212'),
	('{{from|digits_if_phone}}', '{"from": "Acme 24"}', 'Acme+24'),
	('{{from|plus_if_phone}}', '{"from": "18005551212"}', '%2B18005551212'),
	('{{from|plus_if_phone}}', '{"from": "Acme"}', 'Acme'),
	('{{body|const:yes}}', '{}', 'yes'),
	('{{from|const:yes}}', '{}', ''),
	('{{from|default:a:b}}', '{}', 'a%3Ab'),
	('{{is_unicode|if:unicode:text}}', '{}', 'text'),
	('{{is_unicode|if:unicode:text}}', '{"is_unicode": true}', 'unicode'),
	('{{from|if:mms:sms}}', '{}', 'sms'),
	('{{body|first}}', '{}', 'hi'),
	('{{body|urlencode}}', '{"body": "a b"}', 'a%2520b'),
	('{{ttl_s|max:10}}', '{"ttl_s": 9}', '9'),
	('{{ttl_s|max:10}}', '{"ttl_s": 11}', '10'),
	('{{from|if_prefix:MG}}', '{"from": "MG1"}', 'MG1'),
	('{{from|unless_prefix:MG}}', '{"from": "MG1"}', ''),
	('{{from|or:ref}}', '{}', '42'),
	('{{send_at|iso}}', '{}', ''),
	('{{media|first|default:none}}', '{}', 'none'),
	('a{{from}}b', '{}', 'ab'),
	('{{ ref | upper }}', '{}', '42')) AS v (f, m, want);
SELECT is(substring(gw_request('{"fields": {"to": "{{to}}", "text": "{{body}}", "x": "{{body|upper}}"}}', '{"body": "straße a"}') from '\{.*'),
	'{"x":"STRAßE A","to":"+14155550100","text":"straße a"}', 'upper changes ASCII letters only');
SELECT is(unit_lookup_request(tw() || jsonb_build_object('lookup', (tw() -> 'lookup') || jsonb_build_object('query', jsonb_build_object('a', '{{sent_at|iso}}', 'b', '{{sent_at|date}}', 'c', '{{sent_at|epoch}}', 'd', '{{sent_at|strftime:%d.%m.%y %H:%M}}', 'e', '{{sent_at}}'))),
		tws(), twc(), '{"to": "+14155550100", "body": "x"}', '', 1763899200),
	'GET https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?a=2025-11-23T12%3A00%3A00Z&b=2025-11-23&c=1763899200&d=23.11.25+12%3A00&e=1763899200 | AC00000000000000000000000000000001:s3cr3t t0ken+/',
	'times');
SELECT is(error_of($$SELECT gw_request('{"fields": {"to": "{{to|nanp10}}", "text": "{{body}}"}}', '{"to": "+441632960000"}')$$),
	'22023 this provider takes only phone numbers of the United States and Canada', 'nanp10 never sends to another country');

-- Authentication
SELECT is(gw_request('{"auth": {"type": "bearer", "token": "{{cred.t}}"}}', '{}', '{"t": "abc"}'),
	'POST https://gw.example.com/send | Authorization: Bearer abc | Content-Type: application/json | {"to":"+14155550100","text":"hi"}', 'bearer');
SELECT is(gw_request('{"headers": {"X-A": "1", "X-Ref": "{{ref}}", "X-From": "{{from}}"}, "auth": {"type": "headers", "headers": {"api-key": "App {{cred.t}}"}}}', '{}', '{"t": "abc"}'),
	'POST https://gw.example.com/send | X-A: 1 | X-Ref: 42 | api-key: App abc | Content-Type: application/json | {"to":"+14155550100","text":"hi"}', 'headers; an empty one is left out');
SELECT is(gw_request('{"encoding": "form", "auth": {"type": "params", "params": {"user": "{{cred.u}}", "key": "{{cred.t}}"}}}', '{}', '{"t": "a&b", "u": "me"}'),
	'POST https://gw.example.com/send | Content-Type: application/x-www-form-urlencoded | to=%2B14155550100&text=hi&key=a%26b&user=me', 'parameters in a form');
SELECT is(gw_request('{"auth": {"type": "params", "params": {"key": "{{cred.t}}"}}}', '{}', '{"t": "a\"b"}'),
	'POST https://gw.example.com/send | Content-Type: application/json | {"to":"+14155550100","text":"hi","key":"a\"b"}', 'parameters in JSON');
SELECT is(gw_request('{"method": "GET", "auth": {"type": "params", "params": {"key": "{{cred.t}}"}}}', '{}', '{"t": "a b"}'),
	'GET https://gw.example.com/send?to=%2B14155550100&text=hi&key=a+b', 'parameters in a query');

-- Attacks
SELECT is(error_of($$SELECT gw_request('{"headers": {"X-Ref": "{{ref}}"}}', jsonb_build_object('ref', E'1\r\nX-Evil: 1'))$$),
	'22023 a header value must not contain control characters', 'CR LF in a header');
SELECT is(error_of($$SELECT gw_request('{"auth": {"type": "bearer", "token": "{{cred.t}}"}}', '{}', jsonb_build_object('t', E'a\nb'))$$),
	'22023 a header value must not contain control characters', 'LF in a secret');
SELECT is(error_of($$SELECT gw_request('{"auth": {"type": "basic", "user": "{{cred.u}}", "password": "x"}}', '{}', '{"u": "a:b"}')$$),
	'22023 provider "unit": auth.user: must not contain a colon', 'colon in a Basic user');
SELECT is(gw_request('{"url": "https://gw.example.com/to/{{to}}/{{ref}}"}', '{"ref": "../../x?y#z@h:1\\\r\n"}'),
	'POST https://gw.example.com/to/%2B14155550100/..%2F..%2Fx%3Fy%23z%40h%3A1%5C%0D%0A | Content-Type: application/json | {"to":"+14155550100","text":"hi"}', 'a path cannot be climbed out of');
SELECT is(error_of($$SELECT gw_request('{"url": "https://gw.example.com/to/{{ref}}/x"}', '{"ref": ".."}')$$),
	'22023 a value made of dots alone cannot be part of a URL', 'nor by dots alone');
SELECT is(gw_request('{"method": "GET"}', '{"body": "."}'), 'GET https://gw.example.com/send?to=%2B14155550100&text=.', 'a body of one dot is a body');
SELECT is(error_of(format('SELECT gw_request(%L)', jsonb_build_object('url', u))), '22023 provider "unit": send.url: ' || want, 'URL ' || to_json(u))
FROM (VALUES
	('https://{{to}}/x', 'must not take its host from a message'),
	('https://gw.example.com{{ref}}', 'must not take its host from a message'),
	('https://gw.{{ref}}.example.com/', 'must not take its host from a message'),
	('{{ref}}', 'must begin with https://'),
	('http://gw.example.com/', 'must begin with https://'),
	('ftp://gw.example.com/', 'must begin with https://'),
	('gw.example.com/', 'must begin with https://'),
	('https://user:pw@gw.example.com/', 'must not hold a user name; use auth instead'),
	('https:///x', 'has no host, or a malformed one'),
	('https://?x', 'has no host, or a malformed one'),
	('https://gw.example.com:0/', 'has a malformed host or port'),
	('https://gw.example.com:65536/', 'has a malformed host or port'),
	('https://gw.example.com:80x/', 'has a malformed host or port'),
	('https://gw.example.com:/', 'has a malformed host or port'),
	('https://[::1/', 'has a malformed host'),
	('https://[x]/', 'has a malformed host'),
	('https://gw.example.com/a b', 'has a character that must be percent-encoded'),
	('https://gw.example.com\evil/', 'has a character that must be percent-encoded'),
	(E'https://gw.example.com/\r\nX: 1', 'has a character that must be percent-encoded'),
	('https://gw.exämple.com/', 'has a character that must be percent-encoded'),
	('https://gw.example.com/#x', 'must not have a fragment (#)')) AS v (u, want);
SET unit.allow_insecure_http = on;
SELECT is(error_of(format('SELECT gw_request(%L)', jsonb_build_object('url', u))), '22023 provider "unit": send.url: may use http:// only to this machine', 'insecure URL ' || u)
FROM unnest(ARRAY['http://gw.example.com/', 'http://127.0.0.1.example.com/', 'http://128.0.0.1/', 'http://localhost.example.com/', 'http://127..0.1/', 'http://[::2]/']) AS u;
SELECT is(split_part(gw_request(jsonb_build_object('url', u)), ' | ', 1), 'POST ' || u, 'URL to this machine ' || u)
FROM unnest(ARRAY['http://127.0.0.1:8080/x', 'http://127.9.8.7/', 'http://localhost/', 'http://[::1]:1/', 'http://LOCALHOST?x']) AS u;
RESET unit.allow_insecure_http;
SELECT is(error_of(format('SELECT gw_request(%L)', s)), '22023 provider "unit": ' || want, 'description ' || s::text)
FROM (VALUES
	('{"fields": {"to": "{{to}}"}}'::jsonb, 'send: does not mention both {{to}} and {{body}}'),
	('{"fields": {"to": "{{to", "text": "{{body}}"}}', 'send.body.to: a {{ has no matching }}'),
	('{"fields": {"to": "{{tö}}", "text": "{{body}}"}}', 'send.body.to: there is no value called "tö"'),
	('{"fields": {"to": "{{to|shout}}", "text": "{{body}}"}}', 'send.body.to: "shout" is not a filter'),
	('{"fields": {"to": "{{to|digits:3}}", "text": "{{body}}"}}', 'send.body.to: "digits" takes no argument'),
	('{"fields": {"to": "{{to|default}}", "text": "{{body}}"}}', 'send.body.to: "default" needs an argument after a colon'),
	('{"fields": {"to": "{{to|if:x}}", "text": "{{body}}"}}', 'send.body.to: "if" needs two arguments, as in if:yes:no'),
	('{"fields": {"to": "{{to|or:x}}", "text": "{{body}}"}}', 'send.body.to: there is no value called "x"'),
	('{"fields": {"to": "{{to|max:x}}", "text": "{{body}}"}}', 'send.body.to: "max" needs a whole number'),
	('{"encoding": "form", "fields": {"to": {"x": "{{to}}"}, "text": "{{body}}"}}', 'send.body.to: must be a text or an array of texts'),
	('{"encoding": "xml"}', 'send.encoding: must be form, json or query'),
	('{"method": "PUT"}', 'send.method: must be GET or POST'),
	('{"method": "GET", "encoding": "form"}', 'send.encoding: must be query for a GET request'),
	('{"headers": {"Host": "x"}}', 'send.headers.Host: is a header that the transport sets itself'),
	('{"headers": {"X Y": "x"}}', 'send.headers.X Y: is not the name of a header'),
	('{"headers": {"X-Y": "x", "x-y": "y"}}', 'send.headers.x-y: is a header that is set twice'),
	('{"auth": {"type": "sigv4"}}', 'auth.type: "sigv4" is not supported'),
	('{"auth": {"type": "bearer"}}', 'auth.token: must be a text'),
	('{"auth": {"type": "basic", "user": "{{to}}", "password": "x"}}', 'auth.user: must not depend on the message'),
	('{"auth": {"type": "bearer", "token": "{{cred.nothing}}"}}', 'auth.token: {{cred.nothing}} has no value'),
	('{"account": "x"}', 'setting "account": is not used'),
	('{"callback_url": "ftp://x/"}', 'callback_url: must begin with https://'),
	('{"callback_url": "https://x/{{callback}}"}', 'callback_url: must not refer to itself'),
	('{"ok_http": [2000]}', 'response.ok_http: must list HTTP statuses from 100 to 599'),
	('{"classify": [{"code": ["1"], "as": "bad"}]}', 'classify: a rule has no class that we know in "as"'),
	('{"classify": [{"as": "auth"}]}', 'classify: a rule has nothing to compare'),
	('{"classify": [{"codes": [1], "as": "auth"}]}', 'classify: "codes" is not part of a rule'),
	('{"status_map": {"x": "gone"}}', 'status_map.x: is neither a state nor a class of errors'),
	('{"retry_after": [{"unit": "s"}]}', 'retry_after: needs either header or body_regex'),
	('{"retry_after": [{"header": "x", "unit": "h"}]}', 'retry_after.unit: must be s or ms'),
	('{"response": {"ok_when": {"is": ["a", "b"]}}}', 'response.ok_when: "is" is not a condition'),
	('{"response": {"format": "xml"}}', 'response.format: must be json or text'),
	('{"response": {"messageid": "x"}}', 'response.messageid: is not known here'),
	('{"send": {"pfad": "x"}}', 'send.pfad: is not known here'),
	('{"lookup": {"url": "https://gw.example.com/l", "each": "x"}}', 'lookup: needs "each", the path of the list, and "id"'),
	('{"webhooks": [{"event": "x"}]}', 'webhooks.event: must be dlr, inbound, opt or subscribe'),
	('{"engine": "smtp"}', 'engine: must be http or sandbox')) AS v (s, want);
SELECT is(error_of($$SELECT unit_request('{"bse_url": "x"}', '{}', '{}', '{}')$$), '22023 provider "unit": bse_url: is not a part of a description', 'unknown part');
SELECT is(error_of($$SELECT unit_request('[]', '{}', '{}', '{}')$$), '22023 provider "unit": description: must be an object', 'description that is no object');
SELECT is(error_of($$SELECT unit_request('{}', '{}', '{}', '{}')$$), '22023 provider "unit": send: is missing', 'empty description');
SELECT is(error_of($$SELECT unit_request(tw(), '{}', twc(), '{}')$$), '22023 provider "unit": send.path: {{cred.account}} has no value', 'twilio without account');
SELECT is(error_of($$SELECT unit_request(tw(), tws(), '{}', '{}')$$), '22023 provider "unit": auth.password: {{cred.api_secret|or:cred.auth_token}} has no value', 'twilio without a secret');
