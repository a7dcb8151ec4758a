-- Providers, senders, kinds and secrets: who may be made, and what is refused.
\set VERBOSITY terse
SET TIME ZONE 'UTC';

-- A new install can send without an account.
SELECT provider_id, name, kind, settings, paused FROM smsfollow.provider WHERE provider_id < 100 ORDER BY 1;
SELECT sender_id, provider_id, address, segments_per_second, burst, paused FROM smsfollow.sender WHERE sender_id < 100 ORDER BY 1;
SELECT name, builtin FROM smsfollow.provider_kind WHERE builtin ORDER BY 1;
-- Every kind that comes along works with the settings its note names.
SELECT smsfollow.check_provider('sandbox', '{"delay_ms": 5}');
SELECT smsfollow.check_provider('twilio', '{"account": "AC1"}');
SELECT smsfollow.check_provider('http', '{"url": "https://gw.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}"}}');

-- create_provider
SELECT smsfollow.create_provider('main', 'twilio', '{"account": "AC00000000000000000000000000000001"}', 'twilio-main', 50) >= 100 AS own_id;
SELECT smsfollow.create_provider('main', 'twilio', '{"account": "AC1"}', 'x');
SELECT smsfollow.create_provider(NULL, 'twilio', '{"account": "AC1"}');
SELECT smsfollow.create_provider('Main', 'twilio', '{"account": "AC1"}');
SELECT smsfollow.create_provider('a b', 'twilio', '{"account": "AC1"}');
SELECT smsfollow.create_provider('other', 'pigeon', '{}');
SELECT smsfollow.create_provider('other', NULL, '{}');
SELECT smsfollow.create_provider('other', 'twilio', NULL);
SELECT smsfollow.create_provider('other', 'twilio', '[]');
SELECT smsfollow.create_provider('other', 'twilio', '{}');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1", "callback": "https://sms.example.com/"}', 'x');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1", "base_url": "http://api.example.com"}', 'x');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}', '../etc/passwd');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}', '/etc/passwd');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}', '');
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}', 'x', max_in_flight => 0);
SELECT smsfollow.create_provider('other', 'twilio', '{"account": "AC1"}', 'x', max_in_flight => 2001);
-- The hint says what to do.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT smsfollow.create_provider('other', 'pigeon', '{}');
SELECT smsfollow.create_provider('other', 'http', '{}');
SELECT smsfollow.create_provider('other', 'http', '{"url": "http://gw.example.com/", "fields": {"to": "{{to}}", "text": "{{body}}"}}');
\set VERBOSITY terse

-- alter_provider: what is not named stays
SELECT smsfollow.alter_provider('main', max_in_flight => 60);
SELECT settings, secret_name, max_in_flight FROM smsfollow.provider WHERE name = 'main';
SELECT smsfollow.alter_provider('main', '{"account": "AC2"}', 'other');
SELECT settings, secret_name, max_in_flight FROM smsfollow.provider WHERE name = 'main';
SELECT smsfollow.alter_provider('main', secret_name => '', max_in_flight => 0);
SELECT smsfollow.alter_provider('main', max_in_flight => 0);
SELECT settings, secret_name, max_in_flight FROM smsfollow.provider WHERE name = 'main';
SELECT smsfollow.alter_provider('main', '{}');
SELECT smsfollow.alter_provider('main', '5');
SELECT smsfollow.alter_provider('main', max_in_flight => -1);
SELECT smsfollow.alter_provider('main', secret_name => 'a/b');
SELECT smsfollow.alter_provider('nobody', '{}');
SELECT smsfollow.alter_provider(NULL, '{}');
SELECT settings, secret_name, max_in_flight FROM smsfollow.provider WHERE name = 'main';

-- pause and resume
SELECT smsfollow.pause_provider('main');
SELECT paused FROM smsfollow.provider WHERE name = 'main';
SELECT smsfollow.resume_provider('main');
SELECT paused FROM smsfollow.provider WHERE name = 'main';
SELECT smsfollow.pause_provider('nobody');
SELECT smsfollow.resume_provider(NULL);

-- senders
SELECT smsfollow.add_sender('main', '+18005551212') >= 100 AS own_id;
SELECT smsfollow.add_sender('main', NULL, 0.5, 3) >= 100 AS own_id;
SELECT smsfollow.add_sender('main', '12345', 100) >= 100 AS own_id;
SELECT smsfollow.add_sender('main', 'Acme & Co', 100000) >= 100 AS own_id;
SELECT smsfollow.add_sender('main', 'MG00000000000000000000000000000001', 0.001) >= 100 AS own_id;
SELECT smsfollow.add_sender('main', '+18005551212');
SELECT smsfollow.add_sender('main', NULL);
SELECT smsfollow.add_sender('main', '');
SELECT smsfollow.add_sender('main', '+1');
SELECT smsfollow.add_sender('main', E'Acme\nBcc');
SELECT smsfollow.add_sender('main', 'A name that is too long');
SELECT smsfollow.add_sender('main', '54321', 0);
SELECT smsfollow.add_sender('main', '54321', 100001);
SELECT smsfollow.add_sender('main', '54321', 'NaN');
SELECT smsfollow.add_sender('main', '54321', NULL);
SELECT smsfollow.add_sender('main', '54321', 1, 0);
SELECT smsfollow.add_sender('nobody', '54321');
SELECT smsfollow.alter_sender('12345', 50);
SELECT smsfollow.alter_sender('main/12345', burst => 7);
SELECT smsfollow.pause_sender('+18005551212');
SELECT smsfollow.alter_sender('99999', 50);
SELECT smsfollow.alter_sender(NULL, 50);
SELECT smsfollow.alter_sender('12345', -1);
SELECT address, segments_per_second, burst, sender.paused FROM smsfollow.sender JOIN smsfollow.provider USING (provider_id)
WHERE name = 'main' ORDER BY sender_id;
SELECT smsfollow.resume_sender('+18005551212');
SELECT paused FROM smsfollow.sender WHERE address = '+18005551212';
SELECT smsfollow.pause_sender('99999');
SELECT smsfollow.resume_sender(NULL);

-- secrets
SELECT smsfollow.set_secret('twilio-main', '{"auth_token": "one"}');
SELECT smsfollow.set_secret('twilio-main', '{"auth_token": "two"}');
SELECT value FROM smsfollow.secret WHERE name = 'twilio-main';
SELECT smsfollow.set_secret('twilio-main', '"two"');
SELECT smsfollow.set_secret('twilio-main', '{"auth_token": {"a": "two"}}');
SELECT smsfollow.set_secret('twilio-main', '{"auth_token": null}');
SELECT smsfollow.set_secret('a/b', '{}');
SELECT smsfollow.set_secret(NULL, '{}');
SELECT smsfollow.set_secret('twilio-main', NULL);
SELECT count(*) FROM smsfollow.secret WHERE name = 'twilio-main';

-- kinds of one's own
SELECT smsfollow.add_provider_kind('acme', '{"base_url": "https://api.example.com", "send": {"path": "/sms", "body": {"to": "{{to|digits}}", "text": "{{body}}"}}}');
SELECT smsfollow.create_provider('acme', 'acme') >= 100 AS own_id;
SELECT smsfollow.preview_request('acme', '+14155550100', 'hi');
SELECT smsfollow.add_provider_kind('acme', '{"base_url": "https://api.example.com", "send": {"path": "/v2", "body": {"to": "{{to}}", "text": "{{body}}"}}}');
SELECT smsfollow.preview_request('acme', '+14155550100', 'hi') ->> 'url' AS url;
SELECT smsfollow.add_provider_kind('acme', '{"base_url": "https://api.example.com", "send": {"path": "/v3", "body": {"to": "{{to}}"}}}');
SELECT smsfollow.preview_request('acme', '+14155550100', 'hi') ->> 'url' AS still_the_old_one;
SELECT smsfollow.add_provider_kind('twilio', '{"send": {}}');
SELECT smsfollow.add_provider_kind('Acme', '{}');
SELECT smsfollow.add_provider_kind('other', '[]');
SELECT smsfollow.add_provider_kind('other', NULL);
SELECT smsfollow.add_provider_kind('other', '{"webhooks": {}}');
SELECT smsfollow.add_provider_kind('other', '{"bse_url": "x"}');

-- Whoever may create providers needs no right on the tables, and cannot read secrets.
CREATE ROLE regress_provider_operator;
GRANT USAGE ON SCHEMA smsfollow TO regress_provider_operator;
GRANT EXECUTE ON FUNCTION smsfollow.create_provider, smsfollow.alter_provider, smsfollow.add_sender, smsfollow.pause_sender, smsfollow.set_secret,
	smsfollow.add_provider_kind, smsfollow.check_provider(text, jsonb), smsfollow.preview_request(text, text, text, text[]),
	smsfollow.preview_answer(text, integer, text, text) TO regress_provider_operator;
SET ROLE regress_provider_operator;
SELECT smsfollow.create_provider('mine', 'twilio', '{"account": "AC1"}', 'mine') >= 100 AS own_id;
SELECT smsfollow.alter_provider('mine', max_in_flight => 5);
SELECT smsfollow.add_sender('mine', '77777') >= 100 AS own_id;
SELECT smsfollow.pause_sender('77777');
SELECT smsfollow.set_secret('mine', '{"auth_token": "hidden"}');
SELECT smsfollow.check_provider('twilio', '{"account": "AC1"}');
SELECT smsfollow.preview_request('mine', '+14155550100', 'x') -> 'headers' ->> 'Authorization' AS shown;
SELECT smsfollow.preview_answer('mine', 429, '');
SELECT smsfollow.add_provider_kind('twilio', '{}');
SELECT smsfollow.provider_by_name('mine');
SELECT count(*) FROM smsfollow.secret;
SELECT count(*) FROM smsfollow.provider;
RESET ROLE;
DROP OWNED BY regress_provider_operator;
DROP ROLE regress_provider_operator;

SELECT smsfollow.set_secret('mine', NULL);
DELETE FROM smsfollow.sender s USING smsfollow.provider p WHERE p.provider_id = s.provider_id AND p.name IN ('main', 'acme', 'mine');
DELETE FROM smsfollow.provider WHERE name IN ('main', 'acme', 'mine');
DELETE FROM smsfollow.provider_kind WHERE name = 'acme';
