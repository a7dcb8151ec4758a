-- Outcomes: how far the transfer came, the status, the body.

-- The transfer did not end in an answer
SELECT is(tw_outcome('not_sent', 0, '', error => 'Could not resolve host'), 'retry not_sent text=Could not resolve host', 'nothing went out');
SELECT is(tw_outcome('sent', 0, '', error => 'Operation timed out after 30000 ms'), 'in_doubt ambiguous text=Operation timed out after 30000 ms', 'no answer');
SELECT is(tw_outcome('sent', 201, '{"sid": "SM1"}', error => 'response too large'), 'in_doubt ambiguous text=response too large', 'half an answer is no answer');
SELECT is(tw_outcome('not_sent', 429, '{"code": 21610}'), 'retry not_sent', 'the stage decides before anything else');

-- Twilio's answers
SELECT is(tw_outcome('answered', s, b), want, 'twilio ' || s || ' ' || left(b, 60))
FROM (VALUES
	(201, '{"sid": "SM1", "status": "queued", "num_segments": "2", "price": null, "price_unit": "USD", "error_code": null}', 'accepted ok id=SM1 status=accepted segments=2'),
	(201, '{"sid": "SM1", "status": "sent", "price": "-0.00750", "price_unit": "USD"}', 'accepted ok id=SM1 status=sent cost=0.00750USD'),
	(200, '{"sid": "SM1", "status": "quantum", "num_segments": "0"}', 'accepted ok id=SM1'),
	(202, '{"sid": "SM1"}', 'accepted ok id=SM1'),
	(201, '{"sid": ""}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": null}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": {"a": 1}}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '[]', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '"SM1"', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM1"', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '<html>SM1</html>', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM1", "x": "\u0000"}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM1", "x": "\ud800"}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM1", "x": 1e999999999}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM1", "price": "1e5"}', 'accepted ok id=SM1'),
	(201, '{"sid": "SM1", "price": 12345678901234567890}', 'accepted ok id=SM1'),
	(201, '{"sid": "SM1", "price": 1e131071}', 'accepted ok id=SM1'),
	(201, '{"sid": 9007199254740993}', 'accepted ok id=9007199254740993'),
	(201, repeat('[', 1000000), 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "' || repeat('x', 255) || '"}', 'accepted ok id=' || repeat('x', 255)),
	(201, '{"sid": "' || repeat('x', 256) || '"}', 'in_doubt ambiguous text=HTTP status 201'),
	(201, '{"sid": "SM\n1"}', 'in_doubt ambiguous text=HTTP status 201'),
	(204, '', 'in_doubt ambiguous text=HTTP status 204'),
	(301, '{"sid": "SM1"}', 'in_doubt ambiguous text=HTTP status 301'),
	(100, '', 'in_doubt ambiguous text=HTTP status 100'),
	(400, '{"code": 21211, "message": "Invalid ''To''", "status": 400}', 'rejected bad_recipient code=21211 text=Invalid ''To'''),
	(400, '{"code": 21610, "message": "x"}', 'rejected opted_out code=21610 text=x'),
	(400, '{"code": 21606}', 'rejected sender_config code=21606'),
	(400, '{"code": 21617}', 'rejected content code=21617'),
	(400, '{"code": 99999}', 'rejected permanent code=99999'),
	(400, '{"code": "21610"}', 'rejected opted_out code=21610'),
	(400, 'oops', 'rejected permanent text=HTTP status 400'),
	(404, '{"code": 20404}', 'retry auth hold=provider code=20404'),
	(404, '', 'rejected permanent text=HTTP status 404'),
	(451, '', 'rejected permanent text=HTTP status 451'),
	(401, '{"code": 20003, "message": "Authenticate"}', 'retry auth hold=provider code=20003 text=Authenticate'),
	(401, '', 'retry auth hold=provider text=HTTP status 401'),
	(403, '', 'retry auth hold=provider text=HTTP status 403'),
	(402, '', 'retry funds hold=provider text=HTTP status 402'),
	(408, '', 'in_doubt ambiguous text=HTTP status 408'),
	(429, '{"code": 20429}', 'retry rate_limited hold=sender code=20429'),
	(429, '<html>', 'retry rate_limited hold=sender text=HTTP status 429'),
	(429, '{"code": 21610}', 'retry rate_limited hold=sender code=21610'),
	(400, '{"code": 21611}', 'retry rate_limited hold=sender code=21611'),
	(500, '{"code": 20500}', 'in_doubt ambiguous code=20500'),
	(500, '{"code": 99999}', 'in_doubt ambiguous code=99999'),
	(500, '', 'in_doubt ambiguous text=HTTP status 500'),
	(502, '<html>bad gateway</html>', 'in_doubt ambiguous text=HTTP status 502'),
	(503, '{"code": 20503}', 'retry transient code=20503'),
	(503, '', 'in_doubt ambiguous text=HTTP status 503'),
	(504, '', 'in_doubt ambiguous text=HTTP status 504'),
	(522, '', 'in_doubt ambiguous text=HTTP status 522'),
	(0, '', 'in_doubt ambiguous text=HTTP status 0'),
	(999, '{"sid": "SM1"}', 'in_doubt ambiguous text=HTTP status 999')) AS v (s, b, want);
SELECT is(unit_outcome(tw(), tws(), twc(), 'answered', 201, b), 'in_doubt ambiguous text=HTTP status 201', 'bytes ' || encode(b, 'hex'))
FROM unnest(ARRAY['\x7b22736964223a22ff227d'::bytea, '\x7b22736964223a2261227d00', '\x00', '\x7b22736964223a22eda080227d', '\x7b22736964223a22c0af227d']) AS b;

-- Retry-After
SELECT is(tw_outcome('answered', 429, '', 'retry-after', v), 'retry rate_limited hold=sender' || want || ' text=HTTP status 429', 'Retry-After ' || v)
FROM (VALUES
	('0', ' wait=0'), ('7', ' wait=7000'), (' 7 ', ' wait=7000'), ('86400', ' wait=86400000'), ('86401', ' wait=86400000'),
	('99999999999999999999999999', ' wait=86400000'),
	('Sun, 06 Nov 1994 08:49:37 GMT', ' wait=0'), ('Sunday, 06-Nov-94 08:49:37 GMT', ' wait=0'), ('Sun Nov  6 08:49:37 1994', ' wait=0'),
	('Fri, 31 Dec 9999 23:59:59 GMT', ' wait=86400000'),
	('', ''), ('-5', ''), ('soon', ''), ('1.5', ''), ('7 apples', ''), ('0x10', ''), ('Sun, 06 Nov', ''), ('Sun, 31 Feb 2030 00:00:61 GMT', ''), ('+7', '')) AS v (v, want);
SELECT is(tw_outcome('answered', 503, '', 'retry-after', '3'), 'retry rate_limited hold=sender wait=3000 text=HTTP status 503', '503 that names a time was not taken');
SELECT is(tw_outcome('answered', 503, '', 'retry-after', 'junk'), 'in_doubt ambiguous text=HTTP status 503', '503 with junk may have been taken');
SELECT is(tw_outcome('answered', 500, '', 'retry-after', '3'), 'in_doubt ambiguous text=HTTP status 500', '500 with a time may have been taken');
SELECT is(tw_outcome('answered', 503, '{"code": 20503}', 'retry-after', '3'), 'retry transient wait=3000 code=20503', 'a rule that names the code wins');
SELECT is(tw_outcome('answered', 400, '{"code": 21610}', 'retry-after', '3'), 'rejected opted_out code=21610', 'a refusal has no wait');
SELECT is(((regexp_match(tw_outcome('answered', 429, '', 'retry-after', to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '100 s', 'Dy, DD Mon YYYY HH24:MI:SS "GMT"')), 'wait=(\d+)'))[1]::int BETWEEN 90000 AND 100000)::text, 'true', 'a date ahead of us')
FROM (SELECT set_config('lc_time', 'C', false)) AS c;
SELECT is(gw_outcome('{"retry_after": [{"header": "X-Reset-Milliseconds", "unit": "ms"}, {"body_regex": "wait (\\d+) ms", "unit": "ms"}]}', 429, b, h, v), 'retry rate_limited hold=sender wait=' || want || ' text=HTTP status 429', 'other ways to say when: ' || h || b)
FROM (VALUES ('', 'x-reset-milliseconds', '1500', '1500'), ('please wait 250 ms', '', '', '250'), ('please wait 250 ms', 'x-reset-milliseconds', 'x', '250'), ('', 'retry-after', '2', '2000')) AS v (b, h, v, want);

-- Dates
SELECT is(unit_time(v)::text, want::text, 'time ' || v)
FROM (VALUES
	('Sun, 06 Nov 1994 08:49:37 GMT', 784111777), ('Sunday, 06-Nov-94 08:49:37 GMT', 784111777), ('Sun Nov  6 08:49:37 1994', 784111777), ('Sun Nov 16 08:49:37 1994', 784975777),
	('6 Nov 1994 09:49:37 +0100', 784111777), ('Thu, 24 Aug 2023 05:01:45 +0000', 1692853305), ('Thu, 29 Feb 2024 00:00:00 -0330', 1709177400),
	('2023-08-24T05:01:45Z', 1692853305), ('2023-08-24 05:01:45', 1692853305), ('2023-08-24T07:01:45.123456+02:00', 1692853305), ('2023-08-24T05:01:45.000+0000', 1692853305), ('2023-08-24T03:01:45-02', 1692853305),
	('1970-01-01T00:00:00Z', 0), ('2000-02-29T00:00:00Z', 951782400), ('2100-03-01T00:00:00Z', 4107542400), ('Tue, 19 Jan 2038 03:14:08 GMT', 2147483648),
	('', NULL), ('now', NULL), ('2023-08-24', NULL), ('2023-13-24T05:01:45Z', NULL), ('2023-00-24T05:01:45Z', NULL), ('2023-08-32T05:01:45Z', NULL), ('2023-08-24T24:01:45Z', NULL),
	('1969-12-31T23:59:59Z', NULL), ('2023-08-24T05:01:45Q', NULL), ('2023-08-24T05:01:45Z ', NULL), ('2023-08-24T05:01:45+1', NULL), ('2023-08-24T05:01:45+99:00', NULL), ('Foo, 06 Bar 1994 08:49:37 GMT', NULL)) AS v (v, want);

-- Answers of other gateways
SELECT is(gw_outcome('{}', s, b), want, 'no id wanted: ' || s || ' ' || b)
FROM (VALUES (200, 'anything', 'accepted ok'), (204, '', 'accepted ok'), (302, '', 'in_doubt ambiguous text=HTTP status 302'), (400, '', 'rejected permanent text=HTTP status 400')) AS v (s, b, want);
SELECT is(gw_outcome('{"ok_http": [202]}', s, ''), want, 'only 202 means yes: ' || s)
FROM (VALUES (202, 'accepted ok'), (200, 'in_doubt ambiguous text=HTTP status 200')) AS v (s, want);
SELECT is(gw_outcome('{"response": {"ok_when": {"eq": ["messages.0.status", "0"]}, "id": "messages.0.id", "segments": "count", "cost": "messages.0.price", "error_code": "messages.0.status", "error_text": "messages.0.text"},
		"classify": [{"code": ["1"], "as": "rate_limited"}, {"code": ["9"], "as": "funds"}, {"code_prefix": ["7"], "as": "opted_out"}, {"code_suffix": ["Thrown"], "http": [400], "as": "transient"}]}', s, b), want, '200 is not yes: ' || s || ' ' || b)
FROM (VALUES
	(200, '{"count": 2, "messages": [{"status": "0", "id": "A", "price": "0.03"}]}', 'accepted ok id=A segments=2 cost=0.03'),
	(200, '{"count": 2, "messages": [{"status": 0, "id": "A"}]}', 'accepted ok id=A segments=2'),
	(200, '{"messages": [{"status": "0"}]}', 'in_doubt ambiguous code=0'),
	(200, '{"messages": [{"status": "1", "text": "wait"}]}', 'retry rate_limited hold=sender code=1 text=wait'),
	(200, '{"messages": [{"status": "9"}]}', 'retry funds hold=provider code=9'),
	(200, '{"messages": [{"status": "77"}]}', 'rejected opted_out code=77'),
	(200, '{"messages": [{"status": "2"}]}', 'rejected permanent code=2'),
	(200, '{"messages": []}', 'in_doubt ambiguous text=HTTP status 200'),
	(400, '{"messages": [{"status": "XThrown"}]}', 'retry transient code=XThrown'),
	(404, '{"messages": [{"status": "XThrown"}]}', 'rejected permanent code=XThrown')) AS v (s, b, want);
SELECT is(gw_outcome('{"ok_http": [200, 202], "response": {"format": "text", "ok_regex": "^(0|3): ", "error_text_regex": "^(.*)$"}, "classify": [{"http": [503], "as": "transient"}]}', s, b), want, 'text: ' || s || ' ' || b)
FROM (VALUES
	(202, '0: Accepted for delivery', 'accepted ok'), (202, '3: Queued for later delivery', 'accepted ok'),
	(202, 'Nonsense', 'in_doubt ambiguous text=Nonsense'), (403, 'Authorization failed', 'retry auth hold=provider text=Authorization failed'),
	(503, 'Temporal failure', 'retry transient text=Temporal failure')) AS v (s, b, want);
SELECT is(gw_outcome('{"response": {"format": "text", "id_regex": "<Id>([^<]+)</Id>", "error_code_regex": "<Code>([^<]+)</Code>", "error_text_regex": "<Message>([^<]*)</Message>"}, "classify": [{"code": ["OptedOut"], "as": "opted_out"}]}', s, b), want, 'XML: ' || s || ' ' || b)
FROM (VALUES
	(200, '<R><Id>ab-1</Id></R>', 'accepted ok id=ab-1'), (200, '<R><Id></Id></R>', 'in_doubt ambiguous text=HTTP status 200'),
	(400, '<E><Code>OptedOut</Code><Message>é</Message></E>', 'rejected opted_out code=OptedOut text=é')) AS v (s, b, want);
SELECT is(error_of($$SELECT gw_outcome('{"response": {"format": "text", "id_regex": "("}}', 200, '')$$), '2201B invalid regular expression: parentheses () not balanced', 'a broken expression is found at compilation');
SELECT is(gw_outcome('{"status_map": {"Q": "scheduled", "U": "unknown", "B": "blocked"}, "response": {"id": ["a.id", "b"], "status": "s"}}', 200, b), want, 'status and alternatives: ' || b)
FROM (VALUES ('{"b": "x", "s": "Q"}', 'accepted ok id=x status=accepted'), ('{"a": {"id": 1}, "b": "x", "s": "U"}', 'accepted ok id=1'), ('{"b": true, "s": "B"}', 'accepted ok id=true status=undelivered')) AS v (b, want);

-- What may be shown
SELECT is(unit_redact(tw(), tws(), '{"auth_token": "s3cr3t t0ken+/", "short": "abc", "n": 98765}', v), want, 'shown: ' || to_json(v))
FROM (VALUES
	('The ''To'' number +14155550100 is bad', 'The ''To'' number +*********** is bad'),
	('(415) 555-0100 and 415.555.0100', '(***) ***-**** and ***.***.****'),
	('code 21610, HTTP 400', 'code 21610, HTTP 400'),
	('123456 1234567', '****** *******'),
	('123456, 1234567', '123456, *******'),
	('token s3cr3t t0ken+/ here', 'token [secret] here'),
	('token s3cr3t+t0ken%2B%2F here', 'token [secret] here'),
	('abc stays', 'abc stays'),
	('n is 98765', 'n is [secret]'),
	('Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTpzM2NyM3QgdDBrZW4rLw==', 'Basic [secret]'),
	(E'a\r\nb\tc', 'a  b c'),
	(repeat('ä', 300), repeat('ä', 200)),
	(repeat('x', 195) || '12345678901234567890', repeat('x', 195) || '*****')) AS v (v, want);
SELECT is(tw_outcome('answered', 400, '{"code": "14155550100", "message": "key s3cr3t t0ken+/ of +14155550100"}'), 'rejected permanent code=*********** text=key [secret] of +***********', 'code and text are redacted');
SELECT is(tw_outcome('sent', 0, '', error => 'failed for 14155550100'), 'in_doubt ambiguous text=failed for ***********', 'the transport''s words are redacted');
