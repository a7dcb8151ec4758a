\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- How long which data are kept.  Nothing goes unless somebody says so.
SELECT t.fails($$SELECT smsfollow.set_retention(NULL, 30)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('texts', 30)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('log', 29)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('wording', 6)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('contacts', 1826)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('clicks', 0)$$);
SELECT t.fails($$SELECT smsfollow.set_retention('clicks', 40000)$$);
SELECT smsfollow.set_retention('log', 30), smsfollow.set_retention('log', 60), smsfollow.set_retention('clicks', NULL);
SELECT * FROM smsfollow.retention;
SELECT smsfollow.set_retention('log', NULL);

SELECT smsfollow.create_program('news', 'transactional', 'Acme', sender => 'sandbox') > 0 AS ok;
SELECT count(smsfollow.opt_in(p, 'news', 'web_form', '{"form": "x"}')) FROM unnest('{+14155550101,+14155550102,+14155550103,+14155550104}'::text[]) p;
SELECT count(smsfollow.send('+14155550101', 'words ' || n, vars => '{"a": 1}')) FROM generate_series(1, 3) n;
SELECT phone, fate FROM t.claim();
SELECT t.settle('accepted');
SELECT t.receipt(1, 'delivered', '{"x": "words"}');
INSERT INTO smsfollow.click (at, clicked_at, code, message_id, contact_id, campaign_id, class, rule_version, prefetch, user_agent, ip)
VALUES (smsfollow.clock(), smsfollow.clock(), 'x', 1, 1, 1, 'human', 1, false, 'agent', '192.0.2.1');
CREATE FUNCTION t.retain() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 200 LOOP
		IF smsfollow.apply_retention() = 0 THEN
			RETURN 'done';
		END IF;
	END LOOP;
	RETURN 'never ends';
END
$$;
CREATE VIEW t.words AS SELECT m.message_id AS id, m.body, m.vars, a.body AS sent, r.payload - 'id' AS payload FROM smsfollow.message m LEFT JOIN smsfollow.attempt a USING (message_id) LEFT JOIN smsfollow.receipt r USING (message_id) ORDER BY 1;
-- for ever by default
SET smsfollow.clock_offset = '20d';
SELECT t.retain();
SELECT * FROM t.words;
SELECT smsfollow.set_retention('wording', 7), smsfollow.set_retention('clicks', 7);
-- a week with a text that still waits is left alone
SELECT t.retain();
SELECT count(*) AS with_words FROM t.words WHERE body IS NOT NULL;
SELECT user_agent FROM smsfollow.click;
SELECT smsfollow.cancel(2), smsfollow.cancel(3);
SELECT t.retain();
SELECT * FROM t.words;
SELECT user_agent, ip, class FROM smsfollow.click;
SELECT id, state, tries, verdict FROM t.log;
SELECT * FROM t.miscount;
SELECT bool_and(ended_at IS NOT NULL) AS ended FROM smsfollow.retention_progress;
-- what is younger stays
SELECT smsfollow.send('+14155550102', 'new words') > 0 AS queued;
SELECT smsfollow.cancel_for('+14155550102');
SELECT t.retain();
SELECT count(*) AS with_words FROM t.words WHERE body IS NOT NULL;
-- the log of those weeks goes later, and what is known of their progress
SELECT smsfollow.set_retention('log', 30);
SET smsfollow.clock_offset = '60d';
SELECT t.retain();
SELECT count(*) FROM smsfollow.message;
SELECT count(*) AS of_what_is_gone FROM smsfollow.retention_progress WHERE to_regclass('smsfollow.' || relation) IS NULL;

-- contacts: who has no consent any more, and nothing was sent or heard for so long, is erased
SELECT smsfollow.opt_out('+14155550102', 'news', 'keyword') > 0, smsfollow.opt_out('+14155550103') > 0, smsfollow.opt_out('+14155550104') > 0, smsfollow.restrict_contact('+14155550104');
SELECT smsfollow.add_contact('+14155550105') > 0;
SELECT smsfollow.set_retention('contacts', 1827);
SET smsfollow.clock_offset = '1860d';
SELECT smsfollow.opt_out('+14155550103', 'news', 'keyword') > 0 AS heard_again;
SELECT t.retain();
SELECT count(*) AS all_are_there FROM smsfollow.contact_phone;
SET smsfollow.clock_offset = '1900d';
SELECT t.retain();
SELECT right(phone, 4) AS stays FROM smsfollow.contact_phone ORDER BY 1;
SELECT contact_id, kind FROM smsfollow.privacy_request WHERE kind = 'erase' ORDER BY 1;
SELECT ok FROM smsfollow.verify_consent();
-- they are looked at once a day
SELECT smsfollow.apply_retention();
SET smsfollow.clock_offset = '1902d';
SELECT smsfollow.apply_retention() > 0 AS again, t.retain();
RESET smsfollow.clock_offset;
