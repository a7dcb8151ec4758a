/*
 * What the dispatcher and people do with texts on their way.  The statements
 * of the claim and of the settling are in src/worker.
 */
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.provider_kind
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.provider
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.sender
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.secret
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE FUNCTION smsfollow.note_recipient(contact bigint, program integer, reason text, error_code text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM smsfollow.contact_phone p WHERE p.contact_id = contact) THEN
		RETURN;		-- erased: nothing is kept about it, and nothing sent
	END IF;
	IF reason = 'opted_out' THEN
		PERFORM smsfollow.record_opt_out(contact, program, 'provider', jsonb_strip_nulls(jsonb_build_object('error_code', error_code)));
	ELSIF reason = 'bad_recipient' THEN
		UPDATE smsfollow.contact_state s SET blocked_code = 'invalid_number', blocked_at = smsfollow.clock()
		WHERE s.contact_id = contact AND s.blocked_code IS NULL;
		PERFORM smsfollow.drop_queued(contact, NULL, 'suppress', 'invalid_number', 'provider error ' || coalesce(error_code, '?'));
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.note_recipient(bigint, integer, text, text) IS
'Internal: what a provider says about a recipient becomes a ledger row (opted_out) or a block of the number (bad_recipient)';

/*
 * Ends a doubt.  outcome is accepted or rejected (an attempt row says so) or
 * retry (back into the queue, where the gate decides anew).
 */
CREATE FUNCTION smsfollow.end_doubt(
	contact bigint, message bigint, outcome text, reason text, provider_message_id text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d smsfollow.in_doubt;
	now timestamptz;
BEGIN
	PERFORM pg_current_xact_id();	-- before the clock: see the claim's low-water mark
	now := smsfollow.clock();
	DELETE FROM smsfollow.in_doubt x WHERE x.contact_id = contact AND x.message_id = message RETURNING x.* INTO d;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM smsfollow.ensure_partition(now);
	INSERT INTO smsfollow.attempt (at, message_id, contact_id, campaign_id, attempt, epoch, started_at, outcome, reason,
		provider_id, sender_id, provider_message_id, consent_event_id, segments, encoding, locale, retry_at, body,
		program_id, marketing, tags, price, price_currency)
	VALUES (now, d.message_id, d.contact_id, d.campaign_id, d.attempt, 0, d.started_at, outcome, reason,
		d.provider_id, d.sender_id, coalesce(end_doubt.provider_message_id, d.provider_message_id), d.consent_event_id,
		d.segments, d.encoding, d.locale, CASE outcome WHEN 'retry' THEN now END, d.body,
		d.program_id, d.marketing, d.tags, d.price, d.price_currency);
	IF outcome <> 'accepted' THEN
		PERFORM smsfollow.untell_opt_out(contact, message);
		PERFORM smsfollow.note_spend(d.campaign_id, d.started_at, d.price_currency, -d.price);
	END IF;
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
	SELECT d.campaign_id, date_trunc('minute', now), k.metric, k.reason, k.n
	FROM (VALUES ('in_doubt', '', -1),
				 (CASE outcome WHEN 'accepted' THEN 'accepted' WHEN 'rejected' THEN 'failed' ELSE 'retried' END,
				  CASE outcome WHEN 'accepted' THEN '' ELSE end_doubt.reason END, 1),
				 ('segments', '', CASE outcome WHEN 'accepted' THEN d.segments ELSE 0 END)) AS k(metric, reason, n)
	WHERE k.n <> 0;
	IF outcome = 'retry' THEN
		INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id, attempt, code)
		VALUES (d.lane, now, d.message_id, d.message_at, d.contact_id, d.campaign_id, d.program_id, d.attempt, 'retry');
		PERFORM smsfollow.drop_cancelled(ARRAY[contact], ARRAY[message]);
		PERFORM smsfollow.wake('dispatcher');
	END IF;
	PERFORM smsfollow.wake('scheduler');
	RETURN true;
END
$$;
COMMENT ON FUNCTION smsfollow.end_doubt(bigint, bigint, text, text, text) IS
'Internal: ends the doubt about a text as accepted, rejected or retry; false when it was not in doubt (any more)';

CREATE FUNCTION smsfollow.resolve_in_doubt(message_id bigint, outcome text) RETURNS text
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	m record;
BEGIN
	IF message_id IS NULL OR outcome IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN message_id IS NULL THEN 'message_id' ELSE 'outcome' END);
	END IF;
	IF outcome NOT IN ('accepted', 'failed', 'retry') THEN
		RAISE EXCEPTION 'outcome "%" is not known', outcome
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use accepted, failed or retry.';
	END IF;
	SELECT * INTO m FROM smsfollow.message_state(message_id);
	IF NOT smsfollow.end_doubt(m.contact_id, message_id, CASE outcome WHEN 'failed' THEN 'rejected' ELSE outcome END, 'person') THEN
		RAISE EXCEPTION 'message % is not in doubt', message_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
				  DETAIL = (SELECT format('Its state is %s.', s.state) FROM smsfollow.message_state(message_id) s),
				  HINT = 'Texts that can be decided about are in smsfollow.in_doubt.';
	END IF;
	RETURN (SELECT s.state FROM smsfollow.message_state(message_id) s);
END
$$;
COMMENT ON FUNCTION smsfollow.resolve_in_doubt(bigint, text) IS
'A person decides about a text in doubt: accepted, failed, or retry (queues it again, at the risk of a second text, unless it was cancelled meanwhile); returns its new state. Errors: invalid_parameter_value, undefined_object, object_not_in_prerequisite_state, null_value_not_allowed';

CREATE FUNCTION smsfollow.claim(max_texts integer, epoch bigint)
RETURNS TABLE (message_id bigint, contact_id bigint, fate text, code text, body text, segments integer)
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'smsfollow_claim';
COMMENT ON FUNCTION smsfollow.claim(integer, bigint) IS
'Internal, for tests and measurements: one wave of the dispatcher''s claim in this transaction, without sending. fate: send, suppress, expire, defer, park or cancel';

CREATE FUNCTION smsfollow.settle(message_ids bigint[], contact_ids bigint[], epoch bigint, outcome text, reason text DEFAULT '')
RETURNS bigint
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'smsfollow_settle';
COMMENT ON FUNCTION smsfollow.settle(bigint[], bigint[], bigint, text, text) IS
'Internal, for tests and measurements: records one outcome (accepted, rejected, retry, in_doubt) for claimed texts as the dispatcher does; reason empty: ok or permanent; returns how many leases were still valid. Errors: invalid_parameter_value, null_value_not_allowed';
