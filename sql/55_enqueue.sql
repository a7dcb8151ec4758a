/*
 * Enqueue: how applications put texts into the queue, in their own transaction.
 */
CREATE FUNCTION smsfollow.enqueue(
	campaign integer,
	template_version integer,
	sender integer,
	expires_after interval,
	phones text[],
	send_ats timestamptz[],
	vars jsonb[],
	bodies text[],
	keys text[],
	media jsonb[] DEFAULT NULL,
	OUT ids bigint[],
	OUT queued bigint
)
LANGUAGE plpgsql
-- definer: callers put texts into the queue through these checks only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- planning takes longer than queueing a text: once a session, by the indexes, as tables may grow later
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
	c record;
	v record;
	now timestamptz;
BEGIN
	SELECT k.program_id, k.tenant_id, k.lane, smsfollow.paused_code(k.paused, p.paused) AS held, nullif(k.tags, '{}') AS tags, k.media,
		coalesce(enqueue.expires_after, k.expires_after) AS expires_after,
		x.requires_approval
	INTO c FROM smsfollow.campaign k JOIN smsfollow.program p USING (program_id)
	LEFT JOIN smsfollow.program_text x ON x.program_id = k.program_id
	WHERE k.campaign_id = campaign AND coalesce(k.tenant_id = smsfollow.acting_tenant(), true);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'campaign % does not exist', campaign
			USING ERRCODE = 'undefined_object', HINT = 'Look into smsfollow.campaign for the ids.';
	END IF;
	IF c.expires_after <= '0' OR c.expires_after > '10 years' THEN
		RAISE EXCEPTION 'expires_after must be more than zero and at most 10 years'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''72 hours''.';
	END IF;
	IF NOT smsfollow.are_e164(phones) THEN
		RAISE EXCEPTION 'a phone number is not in E.164 form'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass it through smsfollow.phone() first.';
	END IF;
	IF EXISTS (SELECT FROM unnest(send_ats) AS u(at) WHERE NOT isfinite(u.at) OR u.at > smsfollow.clock() + interval '10 years') THEN
		RAISE EXCEPTION 'send_at must be a finite time within 10 years'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Schedule later what lies further ahead.';
	END IF;
	IF EXISTS (SELECT FROM unnest(vars) AS u(v) WHERE jsonb_typeof(u.v) <> 'object') THEN
		RAISE EXCEPTION 'vars must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"first_name": "Ana"}.';
	END IF;
	SELECT x.template_version_id, x.template_id, x.version, x.state, x.variables, t.name, t.program_id, t.media INTO v
	FROM smsfollow.template_version x JOIN smsfollow.template t USING (template_id)
	WHERE x.template_version_id = template_version AND t.tenant_id = c.tenant_id;
	IF v.template_version_id IS DISTINCT FROM template_version THEN
		RAISE EXCEPTION 'template version % does not exist', template_version
			USING ERRCODE = 'undefined_object', HINT = 'Save a template with smsfollow.create_template().';
	ELSIF v.state = 'retired' THEN
		RAISE EXCEPTION 'version % of template "%" is retired', v.version, v.name
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use another one, or approve it again with smsfollow.approve_template().';
	ELSIF v.program_id <> c.program_id THEN
		PERFORM smsfollow.check_template_program(v.template_id, c.program_id);
	ELSIF coalesce(c.requires_approval, false) AND v.state IS DISTINCT FROM 'approved' THEN
		RAISE EXCEPTION 'the program requires approved texts, and %',
				CASE WHEN v.version IS NULL THEN 'a literal body is none' ELSE format('version %s of template "%s" is %s', v.version, v.name, v.state) END
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use an approved template; see smsfollow.approve_template().';
	ELSIF c.requires_approval AND EXISTS (SELECT FROM unnest(bodies) AS u(b) WHERE u.b <> '') THEN
		RAISE EXCEPTION 'the program requires approved texts, and a literal body is none'
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Use an approved template; see smsfollow.approve_template().';
	END IF;
	IF v.variables IS NOT NULL THEN
		PERFORM smsfollow.check_variables(v.variables, (
			SELECT array_agg(u.v ORDER BY u.n) FROM unnest(phones, vars, bodies) WITH ORDINALITY AS u(phone, v, b, n)
			WHERE coalesce(u.b, '') = ''));
	END IF;
	IF sender IS NOT NULL AND NOT EXISTS (SELECT FROM smsfollow.sender s WHERE s.sender_id = sender AND coalesce(s.tenant_id = c.tenant_id, true)) THEN
		RAISE EXCEPTION 'sender % does not exist', sender
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.add_sender().';
	END IF;
	IF EXISTS (SELECT FROM unnest(keys) AS u(k) WHERE u.k = '' OR length(u.k) > 200) THEN
		RAISE EXCEPTION 'idempotency_key must have 1 to 200 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a short name of what the text is about, such as an order number, or NULL for none.';
	END IF;
	IF template_version IS NULL AND EXISTS (
			SELECT FROM generate_subscripts(phones, 1) AS i WHERE coalesce(bodies[i], '') = '') THEN
		RAISE EXCEPTION 'there is neither a body nor a template'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give one of them, or create the campaign with a template.';
	END IF;
	IF EXISTS (SELECT FROM unnest(bodies) AS u(b) WHERE length(u.b) > 1600) THEN
		RAISE EXCEPTION 'body is longer than 1600 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Shorten it; a text has at most 10 segments.';
	END IF;

	PERFORM smsfollow.check_media(u.m) FROM (SELECT DISTINCT x.m FROM unnest(media) AS x(m)) u;

	PERFORM smsfollow.ensure_contacts(phones, c.tenant_id);
	IF c.held IS NOT NULL THEN
		-- waits for a resume() that runs, and makes a later one wait: it must find these texts
		SELECT smsfollow.paused_code(k.paused, p.paused) INTO c.held
		FROM smsfollow.campaign k JOIN smsfollow.program p USING (program_id) WHERE k.campaign_id = campaign FOR SHARE;
	END IF;
	/*
	 * Transaction id first, clock second: a text is never due before its
	 * transaction had an id.  The claim's low-water mark relies on that.
	 */
	PERFORM pg_current_xact_id();
	now := smsfollow.clock();
	PERFORM smsfollow.ensure_partition(now);

	WITH asked AS MATERIALIZED (
		-- ids in the order of the call: texts of one moment go in that order.
		-- LIMIT 1: there are no statistics of numbers, and the planner would expect many rows of each
		SELECT o.n, nextval('smsfollow.message_id_seq') AS message_id, o.contact_id,
			   greatest(o.send_at, now) AS send_at, o.vars, o.body, o.key, o.media
		FROM (SELECT u.n, p.contact_id, u.send_at, u.vars, u.body, u.key, u.media
			  FROM unnest(phones, send_ats, vars, bodies, keys, media) WITH ORDINALITY AS u(phone, send_at, vars, body, key, media, n)
			  CROSS JOIN LATERAL (SELECT x.contact_id FROM smsfollow.contact_phone x WHERE x.phone = u.phone AND x.tenant_id = c.tenant_id LIMIT 1) p
			  ORDER BY u.n) o
	), keyed AS (
		INSERT INTO smsfollow.idempotency (contact_id, key, message_id, expires_at)
		SELECT a.contact_id, a.key, a.message_id, now + interval '720 hours' FROM asked a WHERE a.key IS NOT NULL
		ORDER BY a.contact_id, a.key, a.n	-- two callers cannot deadlock
		ON CONFLICT DO NOTHING
		RETURNING message_id
	), taken AS MATERIALIZED (
		SELECT a.*, a.key IS NULL OR a.message_id IN (SELECT k.message_id FROM keyed k) AS is_new FROM asked a
	), written AS (
		INSERT INTO smsfollow.message (message_id, created_at, contact_id, campaign_id, template_version_id,
									   sender_id, lane, send_at, expires_at, created_by, body, vars, tags, media)
		SELECT t.message_id, now, t.contact_id, campaign, CASE WHEN coalesce(t.body, '') = '' THEN template_version END, sender, c.lane,
			   t.send_at, t.send_at + c.expires_after, session_user, nullif(t.body, ''), t.vars, c.tags, coalesce(t.media, c.media, v.media)
		FROM taken t WHERE t.is_new
	), placed AS (
		INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id, code)
		SELECT CASE WHEN c.held IS NOT NULL THEN -1 - c.lane ELSE c.lane END, t.send_at, t.message_id, now, t.contact_id,
			   campaign, c.program_id, c.held
		FROM taken t WHERE t.is_new
	)
	SELECT array_agg(CASE WHEN t.is_new THEN t.message_id END ORDER BY t.n), count(*) FILTER (WHERE t.is_new) INTO ids, queued
	FROM taken t;

	IF coalesce(cardinality(ids), 0) <> coalesce(cardinality(phones), 0) THEN
		RAISE EXCEPTION 'could not see contacts that another transaction has just made'
			USING ERRCODE = 'serialization_failure', HINT = 'Repeat the transaction.';
	END IF;
	IF queued > 0 THEN
		INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n)
		VALUES (campaign, date_trunc('minute', now), 'scheduled', queued);
		PERFORM smsfollow.wake('dispatcher'), smsfollow.wake('scheduler');
	END IF;
	IF queued < cardinality(phones) THEN
		-- repeated keys: the first call's ids, read with a snapshot that sees them
		SELECT array_agg(coalesce(u.id, i.message_id) ORDER BY u.n) INTO ids
		FROM unnest(ids, phones, keys) WITH ORDINALITY AS u(id, phone, key, n)
		LEFT JOIN smsfollow.contact_phone p ON p.phone = u.phone AND p.tenant_id = c.tenant_id AND u.id IS NULL
		LEFT JOIN smsfollow.idempotency i ON i.key = u.key AND i.contact_id = p.contact_id;
		IF array_position(ids, NULL) IS NOT NULL THEN
			RAISE EXCEPTION 'could not see the text that another transaction has just scheduled under this key'
				USING ERRCODE = 'serialization_failure', HINT = 'Repeat the transaction.';
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.enqueue(integer, integer, integer, interval, text[], timestamptz[], jsonb[], text[], text[], jsonb[]) IS
'Internal, under send, schedule and schedule_many: writes texts and their places in the queue, set-based; ids are in order, the first id for a repeated key; queued counts the new ones. Numbers must be E.164';

CREATE FUNCTION smsfollow.resolve_campaign(campaign text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names text[];
BEGIN
	IF campaign IS NOT NULL THEN
		RETURN smsfollow.campaign_id(campaign);
	END IF;
	SELECT array_agg(p.name) INTO names FROM (SELECT p.name FROM smsfollow.program p WHERE p.tenant_id = smsfollow.own_tenant() LIMIT 2) p;
	IF cardinality(names) = 1 THEN
		RETURN smsfollow.campaign_id(names[1]);
	END IF;
	RAISE EXCEPTION 'campaign must be named'
		USING ERRCODE = 'invalid_parameter_value',
			  HINT = CASE WHEN names IS NULL THEN 'Make a program first: smsfollow.create_program().'
						  ELSE 'There are several programs; name a campaign, or a program for its default campaign.' END;
END
$$;
COMMENT ON FUNCTION smsfollow.resolve_campaign(text) IS 'Internal: campaign by name; NULL is the only program''s, where there is just one';

CREATE FUNCTION smsfollow.enqueue_one(
	phone text, body text, template text, vars jsonb, send_at timestamptz,
	campaign text, idempotency_key text, sender text, expires_after interval, media text[]
) RETURNS bigint
LANGUAGE plpgsql
-- definer: resolves names in tables that callers may not read
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off	-- as enqueue()
AS $$
DECLARE
	cid integer;
	version integer;
	e164 text;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	IF body IS NOT NULL AND template IS NOT NULL THEN
		RAISE EXCEPTION 'body and template exclude each other'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the one or the other.';
	END IF;
	cid := smsfollow.resolve_campaign(campaign);
	IF template IS NOT NULL THEN
		version := smsfollow.template_version_id(template, (SELECT c.program_id FROM smsfollow.campaign c WHERE c.campaign_id = cid));
	ELSIF body IS NULL THEN
		SELECT smsfollow.template_version_id(t.name, c.program_id) INTO version
		FROM smsfollow.campaign c JOIN smsfollow.template t USING (template_id) WHERE c.campaign_id = cid;
	END IF;
	e164 := smsfollow.phone(phone);
	RETURN (SELECT q.ids[1] FROM smsfollow.enqueue(cid, version, smsfollow.sender_id(sender), expires_after,
		ARRAY[e164], ARRAY[send_at], ARRAY[vars], ARRAY[body], ARRAY[idempotency_key], ARRAY[to_jsonb(media)]) q);
END
$$;
COMMENT ON FUNCTION smsfollow.enqueue_one(text, text, text, jsonb, timestamptz, text, text, text, interval, text[]) IS 'Internal: common part of send and schedule';

CREATE FUNCTION smsfollow.send(
	phone text,
	body text DEFAULT NULL,
	template text DEFAULT NULL,
	vars jsonb DEFAULT NULL,
	campaign text DEFAULT NULL,
	idempotency_key text DEFAULT NULL,
	sender text DEFAULT NULL,
	expires_after interval DEFAULT NULL,
	media text[] DEFAULT NULL
) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.enqueue_one(phone, body, template, vars, NULL, campaign, idempotency_key, sender, expires_after, media) $$;
COMMENT ON FUNCTION smsfollow.send(text, text, text, jsonb, text, text, text, interval, text[]) IS
'Queues one text, to go as soon as this transaction has committed and the gate allows; returns its id, or the first id when the idempotency key (1 to 200 characters, kept 30 days, scoped to the contact) was used before. body: at most 1600 characters, literal. media: 1 to 10 https addresses of pictures and the like, each with a blank and its type where the address does not end in a known extension, and a blank and its size in bytes (at most 5 MB) where it is known; NULL: those of the campaign or template. Errors: invalid_parameter_value, undefined_object (campaign, template, sender), object_not_in_prerequisite_state (template not approved, or retired), null_value_not_allowed';

CREATE FUNCTION smsfollow.schedule(
	phone text,
	template text,
	vars jsonb,
	send_at timestamptz,
	campaign text DEFAULT NULL,
	idempotency_key text DEFAULT NULL,
	sender text DEFAULT NULL,
	expires_after interval DEFAULT NULL,
	media text[] DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF send_at IS NULL THEN
		PERFORM smsfollow.raise_null('send_at');
	END IF;
	RETURN smsfollow.enqueue_one(phone, NULL, template, vars, send_at, campaign, idempotency_key, sender, expires_after, media);
END
$$;
COMMENT ON FUNCTION smsfollow.schedule(text, text, jsonb, timestamptz, text, text, text, interval, text[]) IS
'Queues one text for a moment: finite, at most 10 years ahead, a past one means now; returns its id as send does. template NULL: the campaign''s. media as in send. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.resolve_batch(
	template text, campaign text, sender text, OUT campaign_id integer, OUT template_version_id integer, OUT sender_id integer
)
LANGUAGE plpgsql
-- definer: resolves names in tables that callers may not read
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	campaign_id := smsfollow.resolve_campaign(campaign);
	IF template IS NULL THEN
		SELECT t.name INTO template
		FROM smsfollow.campaign c JOIN smsfollow.template t USING (template_id)
		WHERE c.campaign_id = resolve_batch.campaign_id;
	END IF;
	IF template IS NOT NULL THEN
		template_version_id := smsfollow.template_version_id(template,
			(SELECT c.program_id FROM smsfollow.campaign c WHERE c.campaign_id = resolve_batch.campaign_id));
	END IF;
	sender_id := smsfollow.sender_id(sender);
END
$$;
COMMENT ON FUNCTION smsfollow.resolve_batch(text, text, text) IS 'Internal: the names of a schedule_many call as ids';

CREATE FUNCTION smsfollow.schedule_many(
	query text,
	template text DEFAULT NULL,
	campaign text DEFAULT NULL,
	send_at timestamptz DEFAULT NULL,
	sender text DEFAULT NULL,
	expires_after interval DEFAULT NULL,
	on_invalid text DEFAULT 'error'
) RETURNS bigint
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'smsfollow_schedule_many';
COMMENT ON FUNCTION smsfollow.schedule_many(text, text, text, timestamptz, text, interval, text) IS
'Queues one text for each row of a SELECT, which runs with the rights of the caller; returns how many were queued. Columns: phone (required); send_at, body (literal, instead of the template), vars jsonb, idempotency_key and media text[] where given; all others become variables of the template under their names. Rows whose idempotency key was used before are not queued again. on_invalid: error (default: a bad phone number stops all) or skip. Values must fit the variables that the template declares. Errors: invalid_parameter_value, undefined_column (phone), undefined_object, object_not_in_prerequisite_state (template not approved, or retired), null_value_not_allowed, and what the query raises';

CREATE FUNCTION smsfollow.message_state(message bigint, OUT state text, OUT contact_id bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT l.state, l.contact_id INTO state, contact_id FROM smsfollow.message_log l WHERE l.message_id = message;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'message % does not exist', message
			USING ERRCODE = 'undefined_object', HINT = 'Give the id that send() or schedule() returned; smsfollow.message_log lists them.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.message_state(bigint) IS 'Internal: state and contact of a text; raises undefined_object';

CREATE VIEW smsfollow.under_way AS
SELECT i.message_id, i.contact_id, i.campaign_id FROM smsfollow.inflight i
UNION ALL
SELECT d.message_id, d.contact_id, d.campaign_id FROM smsfollow.in_doubt d;
COMMENT ON VIEW smsfollow.under_way IS 'Internal: texts that were handed over and may come back to the queue to be tried again';

CREATE FUNCTION smsfollow.cancel(message_id bigint) RETURNS text
LANGUAGE plpgsql
-- definer: callers change the queue through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	m record;
	cid integer;
	now timestamptz := smsfollow.clock();
BEGIN
	IF message_id IS NULL THEN
		PERFORM smsfollow.raise_null('message_id');
	END IF;
	SELECT * INTO m FROM smsfollow.message_state(message_id);
	LOOP
		-- waits for a claim that holds the row, and then finds it gone
		DELETE FROM smsfollow.ready r
		WHERE r.contact_id = m.contact_id AND r.message_id = cancel.message_id
		RETURNING r.campaign_id INTO cid;
		EXIT WHEN FOUND;
		-- on its way, unless that claim has put it back for later
		IF NOT EXISTS (SELECT FROM smsfollow.ready r
					   WHERE r.contact_id = m.contact_id AND r.message_id = cancel.message_id) THEN
			-- what is under way may come back to be tried again: the claim looks for this
			PERFORM smsfollow.ensure_partition(now);
			INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule)
			SELECT now, u.message_id, u.contact_id, 'cancel', 'cancelled', 'cancel() by ' || session_user
			FROM smsfollow.under_way u
			WHERE u.contact_id = m.contact_id AND u.message_id = cancel.message_id;
			RETURN (SELECT s.state FROM smsfollow.message_state(message_id) s);
		END IF;
	END LOOP;
	PERFORM smsfollow.ensure_partition(now);
	INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule)
	VALUES (now, message_id, m.contact_id, 'cancel', 'cancelled', 'cancel() by ' || session_user);
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
	VALUES (cid, date_trunc('minute', now), 'cancelled', 'cancelled', 1);
	PERFORM smsfollow.wake('scheduler');
	RETURN 'cancelled';
END
$$;
COMMENT ON FUNCTION smsfollow.cancel(bigint) IS
'Cancels a text that still waits, in this transaction; returns the state it has then: cancelled, or for one that is past recall the state it is in (sending, accepted, delivered ...); one that is sending or in doubt is not tried again. Errors: undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.cancel_for(phone text DEFAULT NULL, key text DEFAULT NULL, campaign text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers change the queue through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	contact bigint;
	cid integer;
	messages bigint[];
	contacts bigint[];
	n bigint;
	dropped bigint := 0;
	now timestamptz := smsfollow.clock();
BEGIN
	IF phone IS NULL AND key IS NULL THEN
		RAISE EXCEPTION 'phone or key must be given'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name whose texts, or which, shall be cancelled; pause() holds a whole campaign.';
	END IF;
	IF campaign IS NOT NULL THEN
		cid := smsfollow.campaign_id(campaign);
	END IF;
	IF phone IS NOT NULL THEN
		contact := smsfollow.contact_id(phone);
		IF contact IS NULL THEN
			RETURN 0;
		END IF;
	END IF;
	PERFORM smsfollow.ensure_partition(now);
	LOOP
		-- again until none is left: a claim that held a row may have put it back for later
		SELECT array_agg(r.message_id), array_agg(r.contact_id) INTO messages, contacts
		FROM smsfollow.ready r
		WHERE (cancel_for.key IS NULL AND r.contact_id = contact
			   OR (r.contact_id, r.message_id) IN (
					SELECT i.contact_id, i.message_id FROM smsfollow.idempotency i
					WHERE i.key = cancel_for.key AND (contact IS NULL AND smsfollow.is_own(i.contact_id) OR i.contact_id = contact)))
			AND (cid IS NULL OR r.campaign_id = cid);
		EXIT WHEN messages IS NULL;
		WITH gone AS (
			DELETE FROM smsfollow.ready r USING unnest(messages, contacts) AS u(message_id, contact_id)
			WHERE r.contact_id = u.contact_id AND r.message_id = u.message_id
			RETURNING r.message_id, r.contact_id, r.campaign_id
		), said AS (
			INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule)
			SELECT now, g.message_id, g.contact_id, 'cancel', 'cancelled', 'cancel_for() by ' || session_user FROM gone g
		), counted AS (
			INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
			SELECT g.campaign_id, date_trunc('minute', now), 'cancelled', 'cancelled', count(*) FROM gone g GROUP BY g.campaign_id
		)
		SELECT count(*) INTO n FROM gone;
		dropped := dropped + n;
	END LOOP;
	INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule)
	SELECT now, u.message_id, u.contact_id, 'cancel', 'cancelled', 'cancel_for() by ' || session_user
	FROM smsfollow.under_way u
	WHERE (cancel_for.key IS NULL AND u.contact_id = contact
		   OR (u.contact_id, u.message_id) IN (
				SELECT i.contact_id, i.message_id FROM smsfollow.idempotency i
				WHERE i.key = cancel_for.key AND (contact IS NULL AND smsfollow.is_own(i.contact_id) OR i.contact_id = contact)))
		AND (cid IS NULL OR u.campaign_id = cid);
	IF dropped > 0 THEN
		PERFORM smsfollow.wake('scheduler');
	END IF;
	RETURN dropped;
END
$$;
COMMENT ON FUNCTION smsfollow.cancel_for(text, text, text) IS
'Cancels the waiting texts of a number, or those scheduled under an idempotency key, or both, of one campaign or all; returns how many. Texts in flight are past recall and not counted, but not tried again either. Errors: invalid_parameter_value, undefined_object (campaign)';
