\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- How the texts of a program are worded: phrases, opt-out line, encoding, length.

-- phrases: whole words, as a reader sees them
SELECT body, phrase, smsfollow.has_phrase(body, phrase) FROM (VALUES
	('Get it FREE today', 'free'), ('freedom', 'free'), ('carefree', 'free'), ('free', 'free'), ('fr' || U&'\200B' || 'ee!', 'FREE'), ('ｆｒｅｅ gift', 'free'),
	(E'limited \n\t time', 'limited time'), ('limited time', 'limited  time'), ('don’t wait', 'don''t wait'), ('ÄRGER', 'ärger'), ('Argerlich', 'arger'),
	('完全無料です', '無料'), ('100% off', '100%'), ('1100% off', '100%'), ('anything', ' '), ('', 'x'), ('free-ride freebies free', 'free'), ('ПРОДАЖА', 'продажа')) v(body, phrase);
SELECT smsfollow.has_phrase(repeat('a ', 50000), 'a a b') AS long, smsfollow.has_phrase(NULL, 'x') IS NULL AS no_body, smsfollow.has_phrase('x', NULL) IS NULL AS no_phrase;

-- wording that tells how to opt out, and wording that does not
SELECT body FROM (VALUES
	('10% off. Reply STOP to opt out.'), ('Sale ends soon. STOP to end'), ('Txt stop to 12345'), ('STOP2END'), ('Unsubscribe: example.com/u'), ('To opt-out reply 9'),
	('Text STOP'), ('REPLY STOP TO END'), ('ALL NOW CHEAPER. STOP TO OPT OUT'), ('"STOP" ends it'), ('Reply with the word END'), ('Envía BAJA para no recibir más'), ('STOP au 36111'),
	('Répondez ARRÊT'), ('Antworte mit STOPP'), ('Zum Abmelden STOPP senden'), ('ответьте СТОП'), ('Text END to quit'), ('SALE! Stop=STOP'), ('回复T退订'), ('ＳＴＯＰ to end, please'),
	('Reply end to quit'), ('Text us the word: CANCEL'), ('STOP 36111'), ('Abmelden? STOPP an 12345'), ('Opt-outs: STOP'), ('Offre. STOP=fin')) v(body)
WHERE NOT smsfollow.has_opt_out(body);
SELECT body FROM (VALUES
	('Don''t stop now'), ('DON''T STOP NOW, see our shop'), ('Bus stop sale'), ('NON-STOP fun with us'), ('STOP BY TODAY'), ('STOP by today'), ('Our one STOP shop'), ('The sale will END today'), ('No end of offers'),
	('Cancel any time'), ('The stop is near'), ('precio baja hoy'), ('DON’T STOP the music, dear'), ('Stopping soon'), ('full stop'), ('SALE ENDS NOW. STOP.'), ('nonstop'), (''), ('Please call us'),
	('STOP paying full price!'), ('STOP! Look at this offer'), ('Reply by end of May'), ('Send the end result'), ('Text a friend, cancel the rest'), ('We ship NON-STOP to Sunday'), ('STOP wishing. Start lamps.'), (repeat('stop ', 2000))) v(body)
WHERE smsfollow.has_opt_out(body);

-- locales in their usual form
SELECT smsfollow.locale('en_us') AS a, smsfollow.locale('ZH-hant-tw') AS b, smsfollow.locale('ES') AS c, smsfollow.locale('es-419') AS d, smsfollow.locale(NULL) IS NULL AS none;
SELECT smsfollow.locale('ca_es_VALENCIA') AS variant, smsfollow.locale('sl-nedis') AS no_country;
SELECT t.fails($$SELECT smsfollow.add_contact('+14155550199', locale => 'english')$$);
SELECT t.fails($$SELECT smsfollow.locale('english')$$);
SELECT t.fails($$SELECT smsfollow.locale('en-')$$);
SELECT t.fails($$SELECT smsfollow.locale(repeat('e', 1000))$$);

-- what a program says of itself, and refuses
SELECT smsfollow.create_program('news', 'marketing', 'Acme'), smsfollow.create_program('orders', 'transactional', 'Acme');
SELECT program, opt_out_line, opt_out_texts, smart_encoding, max_segments, requires_approval FROM smsfollow.program_wording ORDER BY 1;
SELECT t.fails($$SELECT smsfollow.set_brand(NULL)$$);
SELECT t.fails($$SELECT smsfollow.set_brand('none')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', '  ')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', repeat('x', 61))$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', sign_off => E'a\nb')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', U&'\202Ereversed')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', banned_phrases => '{a,NULL}')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', banned_phrases => '{""}')$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', banned_phrases => array_fill('x'::text, ARRAY[201]))$$);
SELECT t.fails($$SELECT smsfollow.set_brand('news', 'Acme:', banned_phrases => '{acme}')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', NULL)$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', 'sometimes')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', 'days')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', 'days', 0)$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', 'first', 3)$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', texts => '["x"]')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', texts => '{"default": 1}')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', texts => '{"klingon!": "x"}')$$);
SELECT t.fails($$SELECT smsfollow.set_opt_out_line('news', texts => '{"es": ""}')$$);
SELECT t.fails($$SELECT smsfollow.set_text_rules('news', 'perhaps')$$);
SELECT t.fails($$SELECT smsfollow.set_text_rules('news', max_segments => 0)$$);
SELECT t.fails($$SELECT smsfollow.set_text_rules('news', max_segments => 11)$$);
SELECT t.fails($$SELECT smsfollow.set_text_rules('none', 'off')$$);
SELECT count(*) AS rows FROM smsfollow.program_text;

-- prefix, sign-off and line are added where they are missing, each once
SELECT count(smsfollow.opt_in('+1415555010' || n, p, 'web_form')) FROM generate_series(1, 9) n, unnest('{news,orders}'::text[]) p;
SELECT smsfollow.set_brand('news', 'Acme:', '- Your Acme team', '{acme}', '{guaranteed,"act now"}');
SELECT count(smsfollow.send('+1415555010' || n, body, campaign => 'news')) FROM unnest(ARRAY[
	'New lamps are in.', 'ACME: new lamps.', 'New lamps. - your acme TEAM', E'New lamps. Reply STOP to end. \n', 'You are guaranteed to win', U&'A\200Bct\00A0now', 'Don’t stop now', 'Guaranteed-ish?'])
	WITH ORDINALITY u(body, n);
SELECT phone, fate, code, to_json(body) AS body, segments FROM t.claim() ORDER BY 1;
SELECT right(p.phone, 4) AS phone, v.code, v.rule, k.hint FROM smsfollow.verdict v JOIN smsfollow.reason_code k USING (code) JOIN smsfollow.contact_phone p USING (contact_id) ORDER BY 1;
SELECT t.settle('accepted');
-- another program is none of its business
SELECT smsfollow.send('+14155550109', 'Your lamp is guaranteed to be on its way.', campaign => 'orders') > 0;
SELECT body FROM t.claim();
SELECT t.settle('accepted');
-- remembered only where it is not told each time
SELECT count(*) FROM smsfollow.opt_out_told;

-- a phrase that must be there
SELECT smsfollow.set_brand('news', required_phrases => '{18+,"acme  lamps"}');
SELECT count(smsfollow.send('+1415555010' || n, body, campaign => 'news')) FROM unnest('{"Acme lamps, 18+","acme lamps","lamps 18+"}'::text[]) WITH ORDINALITY u(body, n);
SELECT phone, fate, code, to_json(body) AS body FROM t.claim() ORDER BY 1;
SELECT v.rule FROM smsfollow.verdict v JOIN smsfollow.contact_phone p USING (contact_id) WHERE v.rule ~ 'missing' ORDER BY p.phone;
SELECT t.settle('accepted');

-- the language of the line is the contact's
SELECT smsfollow.set_brand('news');
SELECT smsfollow.set_opt_out_line('news', texts => '{"es": "Responde BAJA para no recibir más.", "es_mx": "Manda BAJA y ya.", "default": " STOP=end "}');
SELECT opt_out_texts FROM smsfollow.program_wording WHERE program = 'news';
SELECT count(smsfollow.add_contact('+1415555010' || n, locale => l)) FROM unnest('{es-MX,es-AR,es,de,zh-Hant-TW}'::text[]) WITH ORDINALITY u(l, n);
SELECT count(smsfollow.send('+1415555010' || n, 'Hola', campaign => 'news')) FROM generate_series(1, 6) n;
SELECT phone, to_json(body) AS body FROM t.claim();
SELECT t.settle('accepted');

-- first: once for each contact, however its fate turns out
CREATE FUNCTION t.next(n integer, body text DEFAULT 'Hi') RETURNS json LANGUAGE sql AS $$
	SELECT smsfollow.send('+1415555010' || n, body, campaign => 'news');
	SELECT to_json(c.body) FROM t.claim() c;
$$;
SELECT smsfollow.set_opt_out_line('news', 'first', texts => '{"default": "STOP=end"}');
SELECT t.next(6), t.settle('accepted');
SELECT t.next(6), t.settle('accepted');
-- each program for itself; a refusal or a retry was not told, a doubt was until it is known better
SELECT t.next(7), t.settle('rejected', 'content');
SELECT t.next(7), t.settle('retry', 'transient');
SELECT smsfollow.cancel_for('+14155550107');
SELECT t.next(7), t.settle('in_doubt', 'ambiguous');
SELECT t.next(7), t.settle('accepted');
SELECT smsfollow.resolve_in_doubt(message_id, 'failed') FROM smsfollow.in_doubt;
SELECT t.next(7), t.settle('accepted');
SELECT t.next(7), t.settle('accepted');
-- a receipt says that the text which told it did not arrive
SELECT t.next(8), t.settle('accepted');
SELECT t.next(8), t.settle('accepted');
SELECT t.receipt(message_id, 'undelivered') FROM smsfollow.opt_out_told JOIN smsfollow.contact_phone USING (contact_id) WHERE phone LIKE '%0108';
SELECT t.next(8), t.settle('accepted');
SELECT t.receipt(message_id, 'delivered'), t.receipt(message_id, 'undelivered') FROM smsfollow.opt_out_told JOIN smsfollow.contact_phone USING (contact_id) WHERE phone LIKE '%0108';
SELECT t.next(8), t.settle('accepted');
-- a text that tells it by itself counts, and who agrees anew is told anew
SELECT t.next(9, 'Hi. Reply STOP to end.'), t.settle('accepted');
SELECT t.next(9), t.settle('accepted');
SELECT smsfollow.opt_out('+14155550109', 'news') > 0, smsfollow.opt_in('+14155550109', 'news', 'web_form') > 0;
SELECT t.next(9), t.settle('accepted');
-- days: when the last one is old enough, to the second
SELECT smsfollow.set_opt_out_line('news', 'days', 30);
SELECT opt_out_texts, opt_out_days FROM smsfollow.program_wording WHERE program = 'news';
SET smsfollow.clock_offset = 2591000;
SELECT t.next(9), t.settle('accepted');
SET smsfollow.clock_offset = 2592100;
SELECT t.next(9), t.settle('accepted');
SELECT t.next(9), t.settle('accepted');
SET smsfollow.clock_offset = 5184300;
SELECT t.next(9), t.settle('accepted');
RESET smsfollow.clock_offset;
SELECT smsfollow.set_opt_out_line('news', 'never');
SELECT t.next(5), t.settle('accepted');

-- smart encoding: off, always, only where the text gets shorter
CREATE FUNCTION t.encoded(mode text, body text) RETURNS TABLE (mode text, body json, encoding text, segments integer) LANGUAGE sql AS $$
	SELECT smsfollow.set_text_rules('news', mode);
	SELECT smsfollow.send('+14155550106', body, campaign => 'news');
	SELECT count(*) FROM t.claim();
	SELECT t.settle('accepted');
	SELECT mode, to_json(l.body), l.encoding, l.segments FROM smsfollow.message_log l ORDER BY l.message_id DESC LIMIT 1;
$$;
SELECT e.* FROM unnest('{off,always,only_if_gsm}'::text[]) m, unnest('{“Hi”,“Hi” ж}'::text[]) b, t.encoded(m, b) e;
-- two short offers that cost double for one apostrophe
SELECT m AS mode, n, e.encoding, e.segments FROM unnest('{off,only_if_gsm}'::text[]) m, unnest(ARRAY[
	'Hello Maya! Our spring sale starts on Friday with a fifth off all shoes. It’s on for two days: [link] ok?',
	'Hi Leo, we’ve kept a lamp in your size and colour for you, a third off until Sunday evening: [link]']) WITH ORDINALITY b(body, n), t.encoded(m, b.body) e ORDER BY 2, 1 DESC;

-- a link stays as it is to the byte
SELECT m, e.body FROM unnest('{always,only_if_gsm}'::text[]) m, unnest(ARRAY['“Here”: https://example.com/łódź – or not', 'Don’t wait: https://example.com/café, ' || repeat('x', 60)]) b, t.encoded(m, b) e;

-- a text that is too long says which character does it
SELECT smsfollow.set_text_rules('news', 'off', 1);
SELECT t.next(1, repeat('a', 160)), t.settle('accepted');
SELECT t.next(2, repeat('a', 161)), t.next(3, repeat('a', 80) || '’'), t.next(4, repeat('a', 80) || '“ж');
SELECT right(p.phone, 4) AS phone, v.code, v.rule, v.detail FROM smsfollow.verdict v JOIN smsfollow.contact_phone p USING (contact_id) WHERE v.code = 'too_many_segments' ORDER BY 1;
-- ten is the end for all
SELECT smsfollow.set_text_rules('news', max_segments => 10);
SELECT t.next(5, repeat('a', 1530)) #>> '{}' = repeat('a', 1530) AS ten, t.settle('accepted');
SELECT t.next(5, repeat('a', 1531));
SELECT * FROM t.miscount;
