/*
 * Receipts: what providers report after the hand-over.
 */
CREATE FUNCTION smsfollow.receipt_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE status WHEN 'sent' THEN 1 WHEN 'delivered' THEN 3 WHEN 'undelivered' THEN 3 WHEN 'failed' THEN 3 WHEN 'read' THEN 4 ELSE 0 END;
COMMENT ON FUNCTION smsfollow.receipt_rank(text) IS
'How far a status is: a text only moves to a higher rank, and from undelivered or failed nowhere, so a late or contradicting receipt never regresses it';

/*
 * A text that was given up or waits for another try has arrived after all.
 * It must not go again, and counts as what it is.
 */
CREATE FUNCTION smsfollow.accept_late(contact bigint, message bigint, provider_message_id text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tried smsfollow.attempt;
	now timestamptz;
BEGIN
	-- no claim may hold one of its rows while we look
	PERFORM FROM smsfollow.contact_state s WHERE s.contact_id = contact FOR NO KEY UPDATE;
	SELECT a.* INTO tried FROM smsfollow.attempt a WHERE a.message_id = message ORDER BY a.at DESC LIMIT 1;
	IF NOT FOUND OR tried.outcome = 'accepted'
		OR EXISTS (SELECT FROM smsfollow.inflight i WHERE i.contact_id = contact AND i.message_id = message) THEN
		RETURN false;
	END IF;
	now := smsfollow.clock();
	DELETE FROM smsfollow.ready r WHERE r.contact_id = contact AND r.message_id = message;
	IF NOT FOUND THEN
		-- it was counted among those that did not go
		INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
		SELECT tried.campaign_id, date_trunc('minute', now), k.metric, k.reason, -1
		FROM (SELECT CASE v.verdict WHEN 'suppress' THEN 'suppressed' WHEN 'cancel' THEN 'cancelled' ELSE 'expired' END, v.code
			  FROM (SELECT x.verdict, x.code FROM smsfollow.verdict x
					WHERE x.message_id = message ORDER BY x.at DESC LIMIT 1) v
			  WHERE tried.outcome <> 'rejected' AND v.verdict <> 'defer'
			  UNION ALL
			  SELECT 'failed', tried.reason WHERE tried.outcome = 'rejected') AS k(metric, reason);
	END IF;
	tried.at := now;
	tried.outcome := 'accepted';
	tried.reason := 'receipt';
	tried.provider_message_id := coalesce(accept_late.provider_message_id, tried.provider_message_id);
	tried.retry_at := NULL;
	PERFORM smsfollow.ensure_partition(now);
	INSERT INTO smsfollow.attempt SELECT tried.*;
	PERFORM smsfollow.note_spend(tried.campaign_id, tried.started_at, tried.price_currency, tried.price);
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, n)
	VALUES (tried.campaign_id, date_trunc('minute', now), 'accepted', 1),
		   (tried.campaign_id, date_trunc('minute', now), 'segments', tried.segments);
	RETURN true;
END
$$;
COMMENT ON FUNCTION smsfollow.accept_late(bigint, bigint, text) IS
'Internal: a provider knows a text that waits for another try or was given up: takes it off the queue and counts it as accepted; false when there is nothing to correct';

CREATE FUNCTION smsfollow.apply_receipt(
	provider integer, provider_message_id text, ref text, status text, reason text, error_code text,
	segments integer, cost numeric, currency text, payload jsonb
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	mid bigint;
	contact bigint;
	campaign integer;
	last_outcome text;
	against boolean := status IN ('undelivered', 'failed');
	known_cost numeric;
	known_rank integer;
	known_against boolean;
	moves boolean := false;
	accepted boolean := false;
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		-- another's receipt of the same text would be overlooked, and the text counted twice
		RAISE EXCEPTION 'a receipt cannot be recorded in a transaction of isolation level %', current_setting('transaction_isolation')
			USING ERRCODE = 'feature_not_supported', HINT = 'Use a transaction of isolation level read committed.';
	END IF;
	PERFORM smsfollow.ensure_partition(now);
	SELECT a.message_id INTO mid
	FROM smsfollow.attempt a
	WHERE a.provider_message_id = apply_receipt.provider_message_id AND a.provider_id = provider
	LIMIT 1;
	/*
	 * Our own reference names the text when its answer was lost or is not
	 * recorded yet.  It is only believed of the provider the text went to.
	 */
	IF mid IS NULL AND ref ~ '^[0-9]{1,18}$' THEN
		SELECT x.message_id INTO mid
		FROM (SELECT i.message_id, i.provider_id FROM smsfollow.inflight i
			  UNION ALL SELECT d.message_id, d.provider_id FROM smsfollow.in_doubt d
			  UNION ALL SELECT a.message_id, a.provider_id FROM smsfollow.attempt a
						WHERE a.provider_message_id IS NULL OR apply_receipt.provider_message_id IS NULL) x
		WHERE x.message_id = ref::bigint AND x.provider_id = provider
		LIMIT 1;
	END IF;
	IF mid IS NOT NULL THEN
		-- one receipt of a text at a time, so that each step is counted once
		SELECT m.contact_id, m.campaign_id INTO contact, campaign
		FROM smsfollow.message m WHERE m.message_id = mid FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			mid := NULL;	-- older than the log
		END IF;
	END IF;
	IF mid IS NOT NULL THEN
		SELECT coalesce(max(smsfollow.receipt_rank(r.status)), 0), max(r.cost),
			coalesce(bool_or(r.status IN ('undelivered', 'failed')), false)
		INTO known_rank, known_cost, known_against
		FROM smsfollow.receipt r WHERE r.message_id = mid AND r.counted;
		moves := smsfollow.receipt_rank(status) > known_rank AND NOT known_against;
		-- any receipt proves that the provider took the text
		accepted := smsfollow.end_doubt(contact, mid, 'accepted', 'receipt', provider_message_id);
		IF NOT accepted AND NOT EXISTS (SELECT FROM smsfollow.inflight i WHERE i.contact_id = contact AND i.message_id = mid) THEN
			SELECT a.outcome INTO last_outcome FROM smsfollow.attempt a WHERE a.message_id = mid ORDER BY a.at DESC LIMIT 1;
			IF last_outcome <> 'accepted' AND against THEN
				moves := false;		-- of a try that was given up anyway
			ELSIF last_outcome <> 'accepted' THEN
				accepted := smsfollow.accept_late(contact, mid, provider_message_id);
			END IF;
		END IF;
	END IF;
	INSERT INTO smsfollow.receipt (at, message_id, contact_id, provider_id, provider_message_id, status, counted,
								   reason, error_code, segments, cost, currency, payload)
	VALUES (now, mid, contact, provider, provider_message_id, status, moves, reason, error_code, segments, cost, currency,
			-- what names no contact of ours could not be found again when that contact is erased
			CASE WHEN EXISTS (SELECT FROM smsfollow.contact_phone p WHERE p.contact_id = contact)
				 THEN smsfollow.redact(payload) ELSE '{}' END);
	IF mid IS NULL THEN
		PERFORM smsfollow.wake('scheduler');	-- tries again to match it
		RETURN false;
	END IF;
	IF moves THEN
		IF cost IS NOT NULL AND known_cost IS NULL THEN
			SELECT max(a.cost) INTO known_cost FROM smsfollow.attempt a WHERE a.message_id = mid;
			IF known_cost IS NULL THEN
				-- what it cost takes the place of what it was expected to
				PERFORM smsfollow.note_spend(campaign, a.started_at, a.price_currency, -a.price),
					smsfollow.note_spend(campaign, a.started_at, apply_receipt.currency, apply_receipt.cost)
				FROM (SELECT x.* FROM smsfollow.attempt x WHERE x.message_id = mid AND x.outcome = 'accepted' ORDER BY x.at DESC LIMIT 1) a;
			END IF;
		END IF;
		INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n, cost)
		SELECT campaign, date_trunc('minute', now), k.metric, k.reason, k.n, k.cost
		FROM (VALUES (status, coalesce(apply_receipt.reason, ''), 1, 0::numeric),
					 -- who reads a text has got it
					 ('delivered', '', CASE WHEN status = 'read' AND known_rank < smsfollow.receipt_rank('delivered') THEN 1 ELSE 0 END, 0),
					 ('cost', coalesce(apply_receipt.currency, ''), 0,
					  CASE WHEN known_cost IS NULL THEN coalesce(apply_receipt.cost, 0) ELSE 0 END)) AS k(metric, reason, n, cost)
		WHERE k.n <> 0 OR k.cost <> 0;
		PERFORM smsfollow.wake('scheduler');
		IF against THEN
			PERFORM smsfollow.untell_opt_out(contact, mid);
		END IF;
		IF against AND reason IN ('opted_out', 'bad_recipient') THEN
			PERFORM smsfollow.note_recipient(contact, c.program_id, apply_receipt.reason, apply_receipt.error_code)
			FROM smsfollow.campaign c WHERE c.campaign_id = campaign;
		END IF;
	END IF;
	RETURN moves OR accepted;
END
$$;
COMMENT ON FUNCTION smsfollow.apply_receipt(integer, text, text, text, text, text, integer, numeric, text, jsonb) IS
'Internal: stores a receipt, counts it if it moves its text forward, and resolves a doubt; true when anything changed';

CREATE FUNCTION smsfollow.record_receipt(provider text, payload jsonb) RETURNS boolean
LANGUAGE plpgsql
-- definer: callers write receipts through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
	e record;
BEGIN
	IF provider IS NULL OR payload IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN provider IS NULL THEN 'provider' ELSE 'payload' END);
	END IF;
	SELECT v.provider_id, v.kind, v.settings, k.description INTO p
	FROM smsfollow.provider v JOIN smsfollow.provider_kind k ON k.name = v.kind
	WHERE v.name = record_receipt.provider;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'provider "%" does not exist', provider
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_provider().';
	END IF;
	IF jsonb_typeof(payload) <> 'object' THEN
		RAISE EXCEPTION 'payload must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass the fields of the callback, one object for each receipt.';
	END IF;
	SELECT * INTO e FROM jsonb_to_record(smsfollow.provider_event(p.description, p.settings, payload))
		AS x(type text, provider_message_id text, ref text, status text, reason text, error_code text,
			 segments integer, cost numeric, currency text);
	IF e.type IS DISTINCT FROM 'receipt' OR e.status IS NULL THEN
		RAISE EXCEPTION 'payload is not a receipt of a provider of kind "%"', p.kind
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Pass the callback''s fields under their own names; see the webhooks of the kind''s description.';
	END IF;
	RETURN smsfollow.apply_receipt(p.provider_id, e.provider_message_id, e.ref, e.status, e.reason, e.error_code,
								   e.segments, e.cost, e.currency, payload);
END
$$;
COMMENT ON FUNCTION smsfollow.record_receipt(text, jsonb) IS
'Records a delivery receipt as the provider''s callback delivered it; true when it moved its text forward or resolved a doubt. Repeats and late ones are kept and change nothing. Errors: undefined_object (provider), invalid_parameter_value, null_value_not_allowed, feature_not_supported (isolation level above read committed)';

CREATE FUNCTION smsfollow.believe_receipts(contacts bigint[], messages bigint[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	k record;
BEGIN
	FOR k IN
		SELECT DISTINCT ON (u.message_id) u.contact_id, u.message_id, r.provider_message_id
		FROM unnest(contacts, messages) AS u(contact_id, message_id)
		JOIN smsfollow.receipt r ON r.message_id = u.message_id
		WHERE r.status NOT IN ('undelivered', 'failed') OR EXISTS (
			SELECT FROM smsfollow.in_doubt d WHERE d.contact_id = u.contact_id AND d.message_id = u.message_id)
		ORDER BY u.message_id, r.at DESC
	LOOP
		IF NOT smsfollow.end_doubt(k.contact_id, k.message_id, 'accepted', 'receipt', k.provider_message_id) THEN
			PERFORM smsfollow.accept_late(k.contact_id, k.message_id, k.provider_message_id);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.believe_receipts(bigint[], bigint[]) IS
'Internal, run when texts were put in doubt or back into the queue: those whose receipt came before the answer was given up have been accepted';

CREATE FUNCTION smsfollow.match_receipts() RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	matched bigint := 0;
	late record;
BEGIN
	/* Receipts that overtook the recording of their own text's acceptance. */
	FOR late IN SELECT * FROM (
		SELECT DISTINCT ON (r.provider_id, r.provider_message_id, r.status) r.*
		FROM smsfollow.receipt r
		WHERE r.message_id IS NULL AND r.at > now - interval '1 day'
			AND EXISTS (SELECT FROM smsfollow.attempt a
						WHERE a.provider_message_id = r.provider_message_id AND a.provider_id = r.provider_id)
			AND NOT EXISTS (SELECT FROM smsfollow.receipt d
							WHERE d.provider_message_id = r.provider_message_id AND d.provider_id = r.provider_id
								AND d.status = r.status AND d.message_id IS NOT NULL)
		ORDER BY r.provider_id, r.provider_message_id, r.status, r.at
	) x ORDER BY x.at
	LOOP
		IF smsfollow.apply_receipt(late.provider_id, late.provider_message_id, NULL, late.status, late.reason, late.error_code,
								   late.segments, late.cost, late.currency, late.payload) THEN
			matched := matched + 1;
		END IF;
	END LOOP;
	/* Receipts that came at the very moment in which their text was put in doubt. */
	FOR late IN
		SELECT d.contact_id, d.message_id FROM smsfollow.in_doubt d
		WHERE d.since > now - interval '1 hour'
			AND EXISTS (SELECT FROM smsfollow.receipt r WHERE r.message_id = d.message_id AND r.at >= d.started_at)
	LOOP
		PERFORM smsfollow.believe_receipts(ARRAY[late.contact_id], ARRAY[late.message_id]);
		matched := matched + 1;
	END LOOP;
	RETURN matched;
END
$$;
COMMENT ON FUNCTION smsfollow.match_receipts() IS
'Internal, run by the scheduler: applies receipts that came before the acceptance of their text was recorded, or while it was put in doubt; returns how many';
