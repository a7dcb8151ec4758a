/*
 * The sender of texts that name none.
 */
CREATE VIEW smsfollow.default_sender AS
SELECT s.sender_id
FROM smsfollow.sender s JOIN smsfollow.provider p USING (provider_id)
WHERE NOT s.paused AND NOT p.paused
ORDER BY p.kind = 'sandbox', s.sender_id
LIMIT 1;
COMMENT ON VIEW smsfollow.default_sender IS 'Internal: the sender of texts that name none: the first active one, the sandbox only when there is no other';

/*
 * The gate: may this text go now?
 *
 * One view decides, for the claim and for explain() alike, so that what is
 * explained is what is done.  verdict is allow, suppress, expire or defer;
 * the first rule that does not allow names itself.  The claim reads it after
 * it has locked the contacts, with a snapshot taken after that, so every
 * opt-out that committed before is seen and every later one waits.
 *
 * LATERAL with OFFSET 0 says how each table is reached: by its key, for each
 * text.  The claim keeps its plans for a long time, and one made while a table
 * was empty would else join by reading the whole of it for each text.
 */
CREATE VIEW smsfollow.gate AS
SELECT m.message_id, m.created_at AS message_at, m.contact_id, m.campaign_id, c.program_id, m.lane,
	m.template_version_id, m.body, m.vars, m.expires_at, ph.phone, st.time_zone,
	s.sender_id, s.provider_id, s.address AS sender_address, cc.consent_event_id,
	c.in_doubt_policy, c.max_attempts,
	v.code,
	CASE v.code
		WHEN 'expired' THEN 'expire'
		WHEN 'campaign_paused' THEN 'defer'
		WHEN 'sender_unavailable' THEN 'defer'
		WHEN '' THEN 'allow'
		ELSE 'suppress' END AS verdict,
	CASE v.code
		WHEN 'expired' THEN 'expires_at ' || m.expires_at
		WHEN 'no_consent' THEN 'program ' || p.name
		WHEN 'opted_out' THEN 'consent_event ' || cc.consent_event_id
		WHEN 'campaign_paused' THEN 'campaign ' || c.name
		END AS rule,
	CASE v.code WHEN 'sender_unavailable' THEN smsfollow.clock() + interval '1 minute' END AS next_at
FROM smsfollow.message m
CROSS JOIN LATERAL (SELECT * FROM smsfollow.campaign x WHERE x.campaign_id = m.campaign_id OFFSET 0) c
CROSS JOIN LATERAL (SELECT * FROM smsfollow.program x WHERE x.program_id = c.program_id OFFSET 0) p
LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_state x WHERE x.contact_id = m.contact_id OFFSET 0) st ON true
LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_phone x WHERE x.contact_id = m.contact_id OFFSET 0) ph ON true
LEFT JOIN LATERAL (SELECT * FROM smsfollow.contact_consent x
				   WHERE x.contact_id = m.contact_id AND x.program_id = c.program_id OFFSET 0) cc ON true
LEFT JOIN LATERAL (SELECT * FROM smsfollow.sender x
				   WHERE x.sender_id = coalesce(m.sender_id, c.sender_id, p.sender_id,
												(SELECT d.sender_id FROM smsfollow.default_sender d)) OFFSET 0) s ON true
CROSS JOIN LATERAL (SELECT CASE
		WHEN ph.phone IS NULL THEN 'invalid_number'
		WHEN m.expires_at <= smsfollow.clock() THEN 'expired'
		WHEN st.blocked_code IS NOT NULL THEN st.blocked_code
		WHEN cc.state IS NULL THEN 'no_consent'
		WHEN cc.state <> 'opted_in' THEN 'opted_out'
		WHEN c.paused THEN 'campaign_paused'
		WHEN s.sender_id IS NULL OR s.paused THEN 'sender_unavailable'
		ELSE '' END AS code) v;
COMMENT ON VIEW smsfollow.gate IS 'For each text: the verdict of every rule on it at this moment (allow, suppress, expire, defer), with code, rule and the next instant worth a try';
