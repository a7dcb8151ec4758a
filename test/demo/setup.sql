-- What a shop does once: its own table, then program, template and provider.
-- Variables: gateway and receiver, the ports of the two on 127.0.0.1.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;

CREATE TABLE orders (
	order_id integer PRIMARY KEY,
	first_name text,
	last_name text NOT NULL,
	phone text NOT NULL,
	country text NOT NULL,
	time_zone text NOT NULL,
	item text,
	delivered_at timestamptz NOT NULL,
	sms text NOT NULL CHECK (sms IN ('yes', 'no', 'stopped'))
);
CREATE TEMP TABLE csv (order_id integer, first_name text, last_name text, phone text, country text,
	time_zone text, item text, days_ago integer, sms text);
\copy csv FROM pstdin WITH (FORMAT csv, HEADER)
INSERT INTO orders
SELECT order_id, first_name, last_name, phone, country, time_zone, item, now() - days_ago * interval '1 day', sms
FROM csv;

CREATE EXTENSION smsfollow;

-- The account at the gateway. Its token is in a file under smsfollow.secret_dir.
SELECT smsfollow.create_provider('acme', 'twilio',
	settings => jsonb_build_object(
		'base_url', 'http://127.0.0.1:' || :'gateway',
		'account', 'AC00000000000000000000000000000001',
		'callback_url', 'http://127.0.0.1:' || :'receiver' || '/hook/acme?ref={{ref}}'),
	secret_name => 'acme');
SELECT smsfollow.add_sender('acme', '+14155550199', segments_per_second => 250);

SELECT smsfollow.create_program('order care', purpose => 'transactional', brand => 'Juniper & Rye');
SELECT smsfollow.create_template('how is it',
	'Hi {{ first_name | default: "there" }}, your {{ item }} arrived {{ delivered_at | date: "%-d %b" }}.'
	' How do you like it, 1 to 5? Juniper & Rye. Reply STOP to end.');
SELECT smsfollow.create_campaign('how is it', program => 'order care', template => 'how is it');

-- Who agreed, and who said STOP since.
SELECT count(smsfollow.add_contact(phone, concat_ws(' ', first_name, last_name), time_zone, region => country)) FROM orders;
SELECT count(smsfollow.opt_in(phone, 'order care', 'web_form', jsonb_build_object('form', 'checkout', 'order', order_id)))
FROM orders WHERE sms <> 'no';
SELECT count(smsfollow.opt_out(phone, 'order care', 'keyword', '{"keyword": "STOP"}')) FROM orders WHERE sms = 'stopped';
COMMIT;
