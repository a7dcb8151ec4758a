\set ECHO none
\getenv dir PG_ABS_SRCDIR
\set setup :dir /sql/include/fresh.psql
\i :setup
-- What is kept about a contact: given out, forgotten, left alone.

-- every table about contacts, and every column of theirs that could hold words, is known to contact_tables()
SELECT c.relname AS unknown_table FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'contact_id'
	AND c.relname NOT IN (SELECT relation FROM smsfollow.contact_tables());
SELECT t.relation, p AS no_such_column FROM smsfollow.contact_tables() t, unnest(t.personal) p
WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('smsfollow.' || t.relation) AND a.attname = p);
-- ANALYZE takes no sample of personal columns, in partitions neither
SELECT smsfollow.make_partitions(smsfollow.clock(), 0) > 0 AS made;
SELECT a.attrelid::regclass, a.attname FROM smsfollow.contact_tables() t
JOIN pg_partition_tree(to_regclass('smsfollow.' || t.relation)) p ON true
JOIN pg_attribute a ON a.attrelid = p.relid AND a.attname = ANY (t.personal) WHERE a.attstattarget <> 0
UNION ALL SELECT a.attrelid::regclass, a.attname FROM smsfollow.contact_tables() t
JOIN pg_attribute a ON a.attrelid = to_regclass('smsfollow.' || t.relation) AND a.attname = ANY (t.personal) WHERE a.attstattarget <> 0;

-- a contact with something in every table: number, name and wording are what must be found, and later not
SELECT smsfollow.create_program('news', 'transactional', 'Acme', sender => 'sandbox') > 0 AS ok, smsfollow.create_template('hello', 'Dear {{ name }}') AS version;
CREATE FUNCTION t.plant(number text, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM smsfollow.add_contact(number, name, 'Europe/Paris', 'fr-FR', 'FR', jsonb_build_object('nick', name));
	PERFORM smsfollow.opt_in(number, 'news', 'web_form', jsonb_build_object('name', name, 'number', number));
	PERFORM smsfollow.send(number, name || ', this was accepted', idempotency_key => 'order of ' || name);
	PERFORM t.claim(1), t.settle('accepted', phones => ARRAY[right(number, 4)]);
	PERFORM t.receipt(max(message_id), 'sent', jsonb_build_object('to', number, 'msisdn', substr(number, 2)::bigint, 'text', name)) FROM smsfollow.message;
	PERFORM smsfollow.send(number, name || ', this is in doubt');
	PERFORM t.claim(1), t.settle('in_doubt', 'ambiguous', ARRAY[right(number, 4)]);
	PERFORM smsfollow.send(number, template => 'hello', vars => jsonb_build_object('name', name));
	PERFORM smsfollow.schedule(number, 'hello', jsonb_build_object('name', name), smsfollow.clock() + interval '1 day');
END
$$;
SELECT t.plant('+14155550177', 'Zebulon');
-- one waits, one is under way, one is in doubt, one has arrived
SELECT phone, fate, body FROM t.claim();
-- where does any column of a table hold one of these words?
CREATE FUNCTION t.hits(VARIADIC words text[]) RETURNS TABLE (place text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT c.relname, a.attname, coalesce(h.inhparent, c.oid)::regclass AS parent FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
		WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind = 'r'
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, count(*) FROM smsfollow.%I x WHERE x.%I::text ~ $1 HAVING count(*) > 0', r.parent || '.' || r.attname, r.relname, r.attname)
		USING array_to_string(words, '|');
	END LOOP;
END
$$;
-- a receipt is kept without the number
SELECT payload FROM smsfollow.receipt;
-- what these calls leave out is planted by hand, in every personal column that takes it
INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code) VALUES (smsfollow.clock(), 4, 1, 'defer', 'retry');
INSERT INTO smsfollow.link (created_at, code, message_id, contact_id, campaign_id, expires_at, target) VALUES (smsfollow.clock(), 'abc', 1, 1, 1, smsfollow.clock(), 'x');
INSERT INTO smsfollow.click (at, clicked_at, code, message_id, contact_id, campaign_id, class, rule_version, prefetch) VALUES (smsfollow.clock(), smsfollow.clock(), 'abc', 1, 1, 1, 'human', 1, false);
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT t.relation, a.attname, a.atttypid::regtype AS type FROM smsfollow.contact_tables() t
		JOIN pg_attribute a ON a.attrelid = to_regclass('smsfollow.' || t.relation) AND a.attname = ANY (t.personal)
		-- not those with a form of their own, or that refuse to be changed
		WHERE t.relation NOT IN ('contact_phone', 'consent_evidence') AND a.attname NOT IN ('region', 'subdivision', 'time_zone', 'hours', 'key', 'media') AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)
	LOOP
		EXECUTE format('UPDATE smsfollow.%I SET %I = %L::%s WHERE contact_id = 1', c.relation, c.attname,
					   CASE c.type WHEN 'jsonb'::regtype THEN '{"x": "Zebulon"}' ELSE 'Zebulon' END, c.type);
	END LOOP;
END
$$;
SELECT place, sum(n) FROM t.hits('4155550177', 'Zebulon') GROUP BY 1 ORDER BY place COLLATE "C";
SELECT t.relation || '.' || p AS not_planted FROM smsfollow.contact_tables() t, unnest(t.personal) p
WHERE NOT EXISTS (SELECT FROM t.hits('4155550177', 'Zebulon') h WHERE h.place = 'smsfollow.' || t.relation || '.' || p) ORDER BY 1;
SELECT smsfollow.redact('{"+14155550177": ["(415) 555-0177", 4155550177, 12.5, null, true, "sent"], "SMabc12345": {"x": "call 415.555.0177 now"}}');
SELECT smsfollow.redact('"+14155550177"'), smsfollow.redact('[]'), smsfollow.redact('4155550177');

-- export: all of it, with names beside the ids
SELECT smsfollow.export_contact('+1 415 555 0177') AS export \gset
SELECT :'export'::jsonb ->> 'format' AS format, :'export'::jsonb -> 'version' AS version, :'export'::jsonb ->> 'phone' AS phone;
SELECT k.key AS table, jsonb_array_length(k.value) AS rows FROM jsonb_each(:'export'::jsonb -> 'tables') k WHERE k.value <> '[]' ORDER BY k.key COLLATE "C";
SELECT (SELECT array_agg(relation ORDER BY relation) FROM smsfollow.contact_tables()) = (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'export'::jsonb -> 'tables') k) AS all_tables;
SELECT m ->> 'message_id' AS id, m ->> 'campaign' AS campaign, m ->> 'template' AS template, m ->> 'vars' AS vars FROM jsonb_array_elements(:'export'::jsonb -> 'tables' -> 'message') m WHERE m ? 'template';
SELECT a ->> 'outcome' AS outcome, a ->> 'provider' AS provider, a ->> 'body' AS body, a ? 'error_text' AS nulls FROM jsonb_array_elements(:'export'::jsonb #> '{tables,attempt}') a;
SELECT kind, finished_at IS NOT NULL AS finished, requested_by = session_user AS by_me FROM smsfollow.privacy_request ORDER BY request_id;
SELECT t.fails($$SELECT smsfollow.export_contact('+14155550999')$$);
SELECT t.fails($$SELECT smsfollow.export_contact(NULL)$$);
SELECT t.fails($$SELECT smsfollow.export_contact('1')$$);

-- restriction: nothing is sent, nothing is erased, everything stays
SELECT t.plant('+14155550188', 'Ludmilla');
SELECT phone, fate FROM t.claim();
SELECT t.settle('accepted', phones => '{0188}');
SELECT smsfollow.restrict_contact('+14155550188'), smsfollow.restrict_contact('+14155550188') AS again;
SELECT smsfollow.send('+14155550188', 'waits') > 0 AS queued;
SELECT phone, fate, code FROM t.claim();
SELECT rule, verdict, code, regexp_replace(value, 'since .*', 'since (time)') AS value FROM smsfollow.explain('+14155550188', 'news') WHERE verdict <> 'allow';
SELECT t.fails($$SELECT smsfollow.erase_contact('+14155550188')$$);
SELECT smsfollow.export_contact('+14155550188') #>> '{tables,contact,0,name}' AS exports;
SELECT smsfollow.unrestrict_contact('+14155550188'), smsfollow.unrestrict_contact('+14155550188') AS again;
SELECT smsfollow.send('+14155550188', 'goes') > 0 AS queued;
SELECT phone, fate, code FROM t.claim();
SELECT t.settle('accepted', phones => '{0188}');
SELECT t.fails($$SELECT smsfollow.restrict_contact(NULL)$$);
SELECT t.fails($$SELECT smsfollow.restrict_contact('+14155550999')$$);
SELECT t.fails($$SELECT smsfollow.unrestrict_contact('+14155550999')$$);

-- erasure: one text is under way, one in doubt, one waits, one has arrived
SELECT id, state, tries, verdict, code FROM t.log WHERE phone = '0177';
SELECT t.fails($$SELECT smsfollow.erase_contact(NULL)$$);
SELECT t.fails($$SELECT smsfollow.erase_contact('hello')$$);
SELECT t.fails($$SELECT smsfollow.erase_contact('+14155550999')$$);
SELECT smsfollow.contact_id('+14155550177') AS contact \gset
SELECT smsfollow.erase_contact('+14155550177') AS request \gset
SELECT t.fails($$SELECT smsfollow.erase_contact('+14155550177')$$);
SELECT t.fails($$SELECT smsfollow.export_contact('+14155550177')$$);
-- only the text under way still has its body
SELECT place, n FROM t.hits('4155550177', 'Zebulon') ORDER BY place COLLATE "C";
CREATE VIEW t.fate AS SELECT l.message_id AS id, l.phone, state, attempts AS tries, verdict, code, rule, reason, coalesce(l.body, '(none)') AS body FROM smsfollow.message_log l;
SELECT f.* FROM t.fate f JOIN smsfollow.message m ON m.message_id = f.id WHERE m.contact_id = :contact ORDER BY 1;
SELECT * FROM t.miscount;
SELECT reason, metric, texts FROM smsfollow.kpi_reason WHERE reason = 'erased' ORDER BY metric;
-- the scheduler comes again: not clean while the text is under way
SELECT s.upto = :request AS upto, s.clean, s.changed FROM smsfollow.sweep_erasures(NULL) s;
SELECT smsfollow.settle(array_agg(message_id), array_agg(contact_id), 1, 'retry', 'transient') FROM smsfollow.inflight;
SELECT state, code FROM t.fate WHERE id = 3;
SELECT s.clean = ARRAY[:request::bigint] AS clean, s.changed FROM smsfollow.sweep_erasures(:request) s;
SELECT s.clean = ARRAY[:request::bigint] AS clean, s.changed FROM smsfollow.sweep_erasures(:request) s;
SELECT place, n FROM t.hits('4155550177', 'Zebulon') ORDER BY place COLLATE "C";
SELECT regexp_replace(x.relation::regclass::text, 'p[0-9]{8}$', 'p(week)') AS relation, regexp_replace(x.indexes::regclass[]::text, 'p[0-9]{8}', 'p(week)', 'g') AS indexes FROM smsfollow.erasure_files(ARRAY[:request::bigint]) x ORDER BY x.relation::regclass::text COLLATE "C";
-- what others wrote while they could still see the number goes, too
INSERT INTO smsfollow.message (message_id, created_at, contact_id, campaign_id, template_version_id, sender_id, lane, send_at, expires_at, created_by, body, vars) SELECT 999, smsfollow.clock(), :contact, campaign_id, NULL, NULL, lane, send_at, expires_at, created_by, 'Zebulon, late', NULL FROM smsfollow.message WHERE message_id = 1;
INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id) SELECT lane, send_at, message_id, created_at, contact_id, campaign_id, 1 FROM smsfollow.message WHERE message_id = 999;
INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n) VALUES (1, smsfollow.clock(), 'scheduled', 1);
UPDATE smsfollow.contact SET name = 'Zebulon' WHERE contact_id = :contact;
-- and the gate would not let it out in between
SELECT message_id, fate, code FROM smsfollow.claim(10, 1) WHERE message_id = 999;
SELECT s.changed FROM smsfollow.sweep_erasures(:request) s;
SELECT place, n FROM t.hits('4155550177', 'Zebulon') ORDER BY place COLLATE "C";
SELECT * FROM t.miscount;
-- a late receipt counts and brings nothing back, one of a doubt that was ended corrects the count
SELECT t.receipt(1, 'delivered', '{"to": "+14155550177", "text": "Zebulon"}'), t.receipt(2, 'delivered', '{"to": "+14155550177", "text": "Zebulon"}');
-- of a text that nobody knows nothing is kept but what it says
SELECT t.receipt(12345, 'delivered', '{"to": "+14155550177", "text": "Zebulon"}');
SELECT payload, count(*) FROM smsfollow.receipt WHERE contact_id IS DISTINCT FROM smsfollow.contact_id('+14155550188') GROUP BY 1;
SELECT id, state FROM t.fate WHERE id IN (1, 2) ORDER BY 1;
SELECT * FROM t.miscount;
SELECT smsfollow.finish_erasures(ARRAY[:request::bigint]), smsfollow.finish_erasures(ARRAY[:request::bigint]) AS again;
SELECT s.* FROM smsfollow.sweep_erasures(NULL) s;
-- the ledger proves that it is whole
SELECT * FROM smsfollow.verify_consent();
SELECT event, method, evidence_hash IS NOT NULL AS had_evidence FROM smsfollow.consent_event WHERE contact_id = :contact ORDER BY 1, ordinal;
-- other contacts are as they were
SELECT place, sum(n) FROM t.hits('4155550188', 'Ludmilla') GROUP BY 1 ORDER BY place COLLATE "C";
-- the same number later is another contact
SELECT smsfollow.add_contact('+14155550177') <> :contact AS another, smsfollow.consent_at('+14155550177', 'news') AS consent;
SELECT smsfollow.send('+14155550177', 'again', idempotency_key => 'order of Zebulon') > 0 AS queued;
SELECT phone, fate, code FROM t.claim();
