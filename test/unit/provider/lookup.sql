-- Asking what became of a text.  It was handed over at 1763899200, 2025-11-23 12:00:00 UTC.
CREATE FUNCTION msg() RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$ SELECT '{"to": "+14155550100", "body": "Your order is ready", "ref": "42"}'::jsonb $$;
CREATE FUNCTION tw_fetch(status int, body text, stage text DEFAULT 'answered') RETURNS text LANGUAGE sql AS $$
	SELECT unit_lookup_outcome(tw(), tws(), twc(), msg(), 'SM1', 1763899200, stage, status, convert_to(body, 'UTF8')) $$;
CREATE FUNCTION tw_list(status int, body text, stage text DEFAULT 'answered') RETURNS text LANGUAGE sql AS $$
	SELECT unit_lookup_outcome(tw(), tws(), twc(), msg(), '', 1763899200, stage, status, convert_to(body, 'UTF8')) $$;
-- A list of one entry, with changes.
CREATE FUNCTION entry(change jsonb DEFAULT '{}') RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT '{"sid": "SM1", "to": "+14155550100", "body": "Your order is ready", "date_created": "Sun, 23 Nov 2025 12:00:01 +0000", "status": "delivered", "num_segments": "1", "price": "-0.0075", "price_unit": "USD", "error_code": null}'::jsonb || change $$;
CREATE FUNCTION list() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT '{"messages": [], "next_page_uri": null}' $$;
CREATE FUNCTION list(VARIADIC entries jsonb[]) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT jsonb_build_object('messages', to_jsonb(entries), 'next_page_uri', NULL)::text $$;

SELECT is(unit_lookup_request(tw(), tws(), twc(), msg(), 'SM1/..', 1763899200),
	'GET https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/SM1%2F...json | AC00000000000000000000000000000001:s3cr3t t0ken+/', 'by id');
SELECT is(unit_lookup_request(tw(), tws(), twc(), msg(), '', 1763899200),
	'GET https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?To=%2B14155550100&PageSize=100 | AC00000000000000000000000000000001:s3cr3t t0ken+/', 'by recipient');
SELECT is(error_of($$SELECT unit_lookup_request(http(), gw('{}'), '{}', msg(), 'x', 0)$$), '0A000 provider "unit" cannot be asked about a text by its id', 'a gateway without fetch');
SELECT is(error_of($$SELECT unit_lookup_request(http(), gw('{}'), '{}', msg(), '', 0)$$), '0A000 provider "unit" cannot be asked about a text', 'a gateway without lookup');

SELECT is(tw_fetch(200, entry(c)::text), want, 'fetch ' || c::text)
FROM (VALUES
	('{}'::jsonb, 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"status": "queued"}', 'found accepted ok id=SM1 status=accepted segments=1 cost=0.0075USD'),
	('{"status": "undelivered", "error_code": 30006}', 'found accepted ok id=SM1 status=undelivered segments=1 cost=0.0075USD code=30006'),
	('{"status": "failed", "error_code": 30006, "error_message": "no 4155550100"}', 'found rejected bad_recipient id=SM1 status=failed segments=1 cost=0.0075USD code=30006 text=no **********'),
	('{"status": "failed", "error_code": 99999}', 'found rejected permanent id=SM1 status=failed segments=1 cost=0.0075USD code=99999'),
	('{"status": "canceled"}', 'found rejected permanent id=SM1 status=cancelled segments=1 cost=0.0075USD'),
	('{"status": null}', 'inconclusive'),
	('{"sid": "SM2"}', 'inconclusive')) AS v (c, want);
SELECT is(tw_fetch(404, '{"code": 20404}'), 'inconclusive', 'an id that was known once is never absent');
SELECT is(tw_fetch(200, 'x'), 'inconclusive', 'no JSON');
SELECT is(tw_fetch(200, entry()::text, 'sent'), 'inconclusive', 'half an answer');

SELECT is(tw_list(200, list()), 'absent', 'an empty list');
SELECT is(tw_list(200, list(entry(c))), want, 'list ' || c::text)
FROM (VALUES
	('{}'::jsonb, 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"to": "14155550100"}', 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"body": " Your order is ready\r\n"}', 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"body": "Sent from a trial account - Your order is ready"}', 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"status": "failed", "error_code": 30007}', 'found rejected blocked id=SM1 status=failed segments=1 cost=0.0075USD code=30007'),
	('{"date_created": "Sun, 23 Nov 2025 11:59:01 +0000"}', 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD'),
	('{"date_created": "Sun, 23 Nov 2025 11:58:59 +0000"}', 'absent'),
	('{"date_created": "2025-11-22T12:00:00Z"}', 'absent'),
	('{"to": "+14155550101"}', 'absent'),
	('{"body": "Your order is late"}', 'absent'),
	('{"date_created": null}', 'inconclusive'),
	('{"date_created": "yesterday"}', 'inconclusive'),
	('{"body": null}', 'inconclusive'),
	('{"body": ""}', 'inconclusive'),
	('{"to": null}', 'inconclusive'),
	('{"sid": null}', 'inconclusive'),
	('{"to": "+14155550101", "date_created": null}', 'absent')) AS v (c, want);
SELECT is(tw_list(200, list(entry('{"sid": "SM3", "date_created": "Sun, 23 Nov 2025 12:10:00 +0000"}'), entry(), entry('{"to": "+1"}'))),
	'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'the first after the hand-over');
SELECT is(tw_list(200, list(entry(), entry('{"sid": "SM3", "date_created": "Sun, 23 Nov 2025 12:10:00 +0000"}'))),
	'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'the first after the hand-over, oldest first');
SELECT is(tw_list(200, list(entry('{"sid": "SM0", "date_created": "Sun, 23 Nov 2025 11:59:30 +0000"}'), entry('{"date_created": "Sun, 23 Nov 2025 11:59:50 +0000"}'))),
	'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'else the last before it');
SELECT is(tw_list(200, list(entry('{"sid": "SM0", "date_created": "Sun, 23 Nov 2025 11:59:59 +0000"}'), entry('{"date_created": "Sun, 23 Nov 2025 12:09:00 +0000"}'))),
	'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'a later one comes before an earlier one');
SELECT is(tw_list(200, list(entry('{"body": null}'), entry())), 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'certainty beside doubt');
SELECT is(tw_list(200, (list(entry('{"to": "+1"}'))::jsonb || '{"next_page_uri": "/x"}')::text), 'inconclusive', 'there is a second page');
SELECT is(tw_list(200, (list(entry())::jsonb || '{"next_page_uri": "/x"}')::text), 'found accepted ok id=SM1 status=delivered segments=1 cost=0.0075USD', 'found on the first of two pages');
SELECT is(tw_list(s, b), 'inconclusive', 'list answer ' || s || ' ' || b)
FROM (VALUES (500, ''), (404, '{"messages": []}'), (301, '{"messages": []}'), (200, ''), (200, '{}'), (200, '[]'), (200, '{"messages": null}'), (200, '{"messages": {}}'), (200, '{"messages": "x"}'), (200, '{"messages": [1]}'), (200, '{"messages": []')) AS v (s, b);
SELECT is(tw_list(200, list(), 'sent'), 'inconclusive', 'half a list');
SELECT is(tw_list(0, '', 'not_sent'), 'inconclusive', 'not asked at all');
