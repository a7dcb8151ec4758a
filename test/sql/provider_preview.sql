-- What goes out, what an answer means, what a callback says: seen without sending anything.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on

-- twilio
SELECT smsfollow.create_provider('tw', 'twilio', '{"account": "AC00000000000000000000000000000001", "callback_url": "https://sms.example.com/twilio?ref={{ref}}"}', 'tw') > 0;
SELECT smsfollow.add_sender('tw', '+18005551212') > 0;
SELECT jsonb_pretty(smsfollow.preview_request('tw', '+14155550100', E'Salt & pepper = 100%\nYes? Ja, für 5 €! 👍'));
SELECT smsfollow.preview_request('tw', '(415) 555-0100', 'x');
SELECT smsfollow.preview_request('tw', NULL, 'x') IS NULL;
SELECT smsfollow.preview_request('nobody', '+14155550100', 'x');
SELECT jsonb_pretty(smsfollow.preview_answer('tw', 201, '{"sid": "SM00000000000000000000000000000001", "status": "queued", "num_segments": "2", "price": "-0.0150", "price_unit": "USD"}'));
SELECT s, b, r, smsfollow.preview_answer('tw', s, b, r) FROM (VALUES
	(400, '{"code": 21610, "message": "Attempt to send to unsubscribed recipient +1 415 555 0100"}', NULL),
	(400, '{"code": 21211}', NULL), (400, '{"code": 1}', NULL), (401, '{"code": 20003}', NULL),
	(429, '{"code": 20429}', NULL), (429, '{"code": 20429}', '5'), (429, '', 'Thu, 01 Jan 2015 00:00:00 GMT'), (429, '', '99999999'), (429, '', 'later'),
	(500, '', NULL), (503, '', NULL), (503, '', '2'), (201, '', NULL), (201, '{}', NULL), (302, '', NULL)) AS v (s, b, r);
SELECT smsfollow.preview_answer('tw', 201, NULL) IS NULL;

-- a gateway without a kind of its own
SELECT smsfollow.create_provider('gw', 'http', '{"url": "https://gw.example.com/v1/sms", "auth": {"type": "headers", "headers": {"X-Api-Key": "{{cred.key}}"}},
	"fields": {"recipient": "{{to|digits}}", "from": "{{from}}", "message": {"text": "{{body}}", "unicode": "{{is_unicode}}"}, "tags": ["{{ref}}"]},
	"response": {"id": "result.id", "error_code": "error.code", "error_text": "error.message"},
	"classify": [{"code": ["STOP"], "as": "opted_out"}],
	"webhooks": [{"event": "dlr", "when": {"has": "state"}, "id": "id", "status": "state", "error_code": "code", "at": "when"}],
	"status_map": {"OK": "delivered", "KO": "undelivered", "STOP": "opted_out", "?": "unknown"}}', 'gw') > 0;
SELECT jsonb_pretty(smsfollow.preview_request('gw', '+14155550100', E'"Hi" \\ für 5 €'));
SELECT smsfollow.preview_answer('gw', 200, '{"result": {"id": 12345678901234567890}}');
SELECT smsfollow.preview_answer('gw', 200, '{"result": {}}');
SELECT smsfollow.preview_answer('gw', 422, '{"error": {"code": "STOP", "message": "no"}}');
SELECT smsfollow.alter_provider('gw', '{"method": "GET", "url": "https://gw.example.com/send", "fields": {"to": "{{to}}", "text": "{{body}}", "key": "{{cred.key}}"}, "ok_http": [200]}');
SELECT smsfollow.preview_request('gw', '+14155550100', E'a&b=c d+e\r\nX-Header: 1');
SELECT smsfollow.alter_provider('gw', '{"encoding": "form", "url": "https://gw.example.com/send", "fields": {"to": ["{{to}}", "{{from}}"], "text": "{{body}}"}}');
SELECT smsfollow.preview_request('gw', '+14155550100', E'a&b=c d+e\r\nX-Header: 1');
SELECT smsfollow.alter_provider('gw', '{"url": "https://{{body}}/", "fields": {"to": "{{to}}"}}');
SELECT smsfollow.alter_provider('gw', '{"url": "https://gw.example.com{{body}}", "fields": {"to": "{{to}}"}}');

-- the sandbox
SELECT smsfollow.preview_request('sandbox', '+1415555' || lpad(n::text, 4, '0'), 'x') FROM generate_series(0, 8) AS n;
SELECT smsfollow.preview_answer('sandbox', 200, '');

-- callbacks
SELECT smsfollow.provider_event(k.description, '{}', p) FROM smsfollow.provider_kind k, (VALUES
	('{"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155550100", "From": "+18005551212", "ref": "42"}'::jsonb),
	('{"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006"}'),
	('{"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "21610"}'),
	('{"MessageSid": "SM1", "MessageStatus": "read"}'),
	('{"MessageSid": "SM1", "MessageStatus": "quantum"}'),
	('{"MessageSid": "SM2", "Body": "STOP", "From": "+14155550100", "To": "+18005551212", "NumSegments": "1", "NumMedia": "0", "OptOutType": "STOP"}'),
	('{"MessageSid": "SM3", "Body": "", "From": "+14155550100", "To": "+18005551212", "NumMedia": "2", "MediaUrl0": "https://m.example.com/0", "MediaUrl1": "https://m.example.com/1"}'),
	('{}'), ('[]'), ('"x"'), ('null'), ('{"MessageStatus": null}'), ('{"MessageStatus": {"a": 1}}')) AS v (p)
WHERE k.name = 'twilio';
SELECT smsfollow.provider_event(k.description, '{}', '{"id": "sandbox-1", "status": "undelivered", "ref": "1"}') FROM smsfollow.provider_kind k WHERE k.name = 'sandbox';
-- rules from settings, several events in one payload
SELECT smsfollow.provider_events('{}', '{"webhooks": [{"event": "dlr", "each": "reports", "when": {"in": ["state", ["OK", "KO", "STOP", "?"]]}, "id": "id", "status": "state", "error_code": ["code", "sub.code"], "permanent": "final", "cost": "price"}],
	"status_map": {"OK": "delivered", "KO": "undelivered", "STOP": "opted_out", "?": "unknown"}, "dlr_classify": [{"code_prefix": ["4"], "as": "blocked"}]}',
	'{"reports": [{"id": 1, "state": "OK", "price": -0.010}, {"id": 2, "state": "KO", "code": "41"}, {"id": 3, "state": "KO", "sub": {"code": 5}, "final": true}, {"id": 4, "state": "KO", "final": false}, {"id": 5, "state": "STOP"}, {"id": 6, "state": "?"}, {"id": 7, "state": "other"}, 8, null]}');
-- two rules fit the first element: the earlier one has it
SELECT smsfollow.provider_events('{"webhooks": [{"event": "inbound", "each": "$", "when": {"eq": ["kind", "reply"]}, "body": "text"}, {"event": "dlr", "each": "$", "when": {"has": "kind"}, "id": "id"}]}', '{}',
	'[{"kind": "reply", "text": "hi"}, {"kind": "sent", "id": 5}]');
SELECT smsfollow.provider_events('{"webhooks": [{"event": "inbound", "unwrap_json": "Message", "when": {"has": "text"}, "id": "{{from}}@{{at}}", "from": "from", "body": "text", "media": "media.*.url", "opt": {"flags": {"out": "out"}}, "concat": {"ref": "c.r", "part": "c.p", "total": "c.t"}}]}', '{}',
	'{"Message": "{\"text\": \"hi\", \"from\": \"1\", \"at\": \"2\", \"out\": true, \"media\": [{\"url\": \"a\"}, {\"x\": 1}, {\"url\": \"b\"}], \"c\": {\"r\": \"r1\", \"p\": 2, \"t\": \"3\"}}"}');
SELECT smsfollow.provider_events('{"webhooks": [{"event": "inbound", "unwrap_json": "Message", "body": "text"}]}', '{}', jsonb_build_object('Message', m))
FROM unnest(ARRAY['{"text":', '', '[1]', repeat('[', 100000)]) AS m;
SELECT smsfollow.provider_event('{"webhooks": [{"event": "dlr", "stauts": "x"}]}', '{}', '{}');
SELECT smsfollow.provider_event('{"webhooks": [{"event": "inbound", "opt": {"const": "maybe"}}]}', '{}', '{}');

DELETE FROM smsfollow.sender s USING smsfollow.provider p WHERE p.provider_id = s.provider_id AND p.name = 'tw';
DELETE FROM smsfollow.provider WHERE name IN ('tw', 'gw');
