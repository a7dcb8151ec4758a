-- How long one text costs; prints figures, tests nothing.
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION unit_bench(jsonb, jsonb, jsonb, jsonb, text, int) RETURNS text AS :'module' LANGUAGE C STRICT;
SELECT k.name || ', ' || b.chars || ' characters: ' || unit_bench(k.description, s.settings, '{"auth_token": "0123456789abcdef0123456789abcdef"}',
	jsonb_build_object('to', '+14155550100', 'from', '+18005551212', 'ref', '123456789012', 'body', left(repeat('Your order is on its way & arrives today. ', 40), b.chars)),
	'{"account_sid":"AC00000000000000000000000000000001","api_version":"2010-04-01","body":"Your order is on its way & arrives today.","date_created":"Thu, 24 Aug 2023 05:01:45 +0000","date_sent":null,"date_updated":"Thu, 24 Aug 2023 05:01:45 +0000","direction":"outbound-api","error_code":null,"error_message":null,"from":"+18005551212","num_media":"0","num_segments":"1","price":null,"price_unit":"USD","messaging_service_sid":null,"sid":"SM00000000000000000000000000000001","status":"queued","subresource_uris":{"media":"/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/SM00000000000000000000000000000001/Media.json"},"to":"+14155550100","uri":"/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/SM00000000000000000000000000000001.json"}',
	50000)
FROM smsfollow.provider_kind k
JOIN (VALUES ('twilio', '{"account": "AC00000000000000000000000000000001", "callback_url": "https://sms.example.com/hook?ref={{ref}}"}'::jsonb),
	('http', '{"url": "https://gw.example.com/send", "fields": {"to": "{{to|digits}}", "text": "{{body}}", "ref": "{{ref}}"}, "auth": {"type": "bearer", "token": "{{cred.auth_token}}"}, "response": {"id": "sid"}}')) AS s (name, settings) USING (name)
CROSS JOIN (VALUES (40), (160), (480)) AS b (chars)
ORDER BY k.name DESC, b.chars;
