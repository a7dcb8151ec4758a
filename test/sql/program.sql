\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- Programs: what people consent to.  Each has a campaign of its own name.
SELECT smsfollow.create_program('news', 'marketing', 'Acme', 'Up to 4 texts a month.', 'Reply HELP', 'Reply STOP');
SELECT smsfollow.create_program('orders', 'transactional', 'Acme', sender => 'sandbox');
SELECT smsfollow.create_program('chat', 'conversational', 'Acme'), smsfollow.create_program('legal', 'compliance', 'Acme');
SELECT p.name, p.purpose, p.brand, p.disclosure, p.help_text, p.stop_text, p.sender_id,
	c.name AS campaign, c.lane, c.in_doubt_policy, c.max_attempts, c.expires_after, c.paused
FROM smsfollow.program p JOIN smsfollow.campaign c USING (program_id) ORDER BY p.program_id;

SELECT t.fails($$SELECT smsfollow.create_program(NULL, 'marketing', 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program('x', NULL, 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program('x', 'marketing', NULL)$$);
SELECT t.fails($$SELECT smsfollow.create_program('', 'marketing', 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program(repeat('x', 101), 'marketing', 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program('x', 'marketing', '')$$);
SELECT t.fails($$SELECT smsfollow.create_program('x', 'Marketing', 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program('news', 'marketing', 'Acme')$$);
SELECT t.fails($$SELECT smsfollow.create_program('x', 'marketing', 'Acme', sender => 'nobody')$$);
-- a campaign may have the name already: then neither is made
SELECT smsfollow.create_campaign('spring', 'news') > 0 AS made;
SELECT t.fails($$SELECT smsfollow.create_program('spring', 'marketing', 'Acme')$$);
SELECT count(*) FROM smsfollow.program;

-- senders by address, by provider/address, or by provider when that chooses the number
SELECT smsfollow.create_provider('one', 'sandbox') > 99 AS one, smsfollow.create_provider('two', 'sandbox') > 99 AS two;
SELECT smsfollow.add_sender('one', '+14155550001') > 99, smsfollow.add_sender('two', '+14155550001') > 99, smsfollow.add_sender('two', 'ACME') > 99;
SELECT smsfollow.sender_id('ACME') = smsfollow.sender_id('two/ACME') AS same,
	smsfollow.sender_id('one/+14155550001') <> smsfollow.sender_id('two/+14155550001') AS different,
	smsfollow.sender_id('sandbox') AS sandbox, smsfollow.sender_id(NULL) AS none;
SELECT t.fails($$SELECT smsfollow.sender_id('+14155550001')$$);
SELECT t.fails($$SELECT smsfollow.sender_id('one')$$);
SELECT t.fails($$SELECT smsfollow.sender_id('')$$);
