/*
 * The queue and the log.
 *
 *   message     immutable, one row a text, partitioned by creation time
 *   ready       narrow: texts that wait for their time
 *   inflight    narrow: texts at a provider right now; one a contact
 *   in_doubt    texts whose fate nobody knows yet
 *   attempt     append-only: each hand-over to a provider, with the exact body
 *   verdict     append-only: why a text did not go, or not yet
 *   receipt     append-only: what providers reported later
 *   idempotency key -> message
 *
 * A text is in at most one of ready, inflight and in_doubt.  It leaves them
 * with a final attempt or a final verdict in the same transaction.  No status
 * column of a big table is ever updated.  Partitioned parents carry no index,
 * key or constraint: each partition gets its own when it is made (a dump of an
 * extension's partitioned table with a key on the parent cannot be restored).
 */
CREATE SEQUENCE smsfollow.message_id_seq;
COMMENT ON SEQUENCE smsfollow.message_id_seq IS 'Ids of smsfollow.message';
CREATE SEQUENCE smsfollow.epoch_seq;
COMMENT ON SEQUENCE smsfollow.epoch_seq IS 'Raised by each dispatcher that starts; fences results of an earlier one';

/*
 * Tables with a row for each text have their wide columns first: a gap in front
 * of each would go into the log of the server with it.
 */
CREATE TABLE smsfollow.message (
	message_id bigint NOT NULL,
	created_at timestamptz NOT NULL,
	contact_id bigint NOT NULL,
	send_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	campaign_id integer NOT NULL,
	template_version_id integer,
	sender_id integer,
	lane smallint NOT NULL,
	created_by text NOT NULL,
	body text,
	vars jsonb,
	tags text[],
	notice text,
	media jsonb
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE smsfollow.message IS 'One text to one contact as it was asked for; never changed. See message_log for what became of it';
COMMENT ON COLUMN smsfollow.message.body IS 'Literal text, when no template was given';
COMMENT ON COLUMN smsfollow.message.media IS 'Addresses of what goes along with it, a list of texts, see send(); NULL: nothing';
COMMENT ON COLUMN smsfollow.message.vars IS 'Values for the template';
COMMENT ON COLUMN smsfollow.message.tags IS 'Those of its campaign when it was queued; NULL: none';
COMMENT ON COLUMN smsfollow.message.notice IS 'opt_out_confirmation or opt_in_request: a text about consent itself, which only the functions that record consent write; NULL: an ordinary text';
COMMENT ON COLUMN smsfollow.message.send_at IS 'Not before this moment';
COMMENT ON COLUMN smsfollow.message.expires_at IS 'Not after this moment';

CREATE TABLE smsfollow.ready (
	send_at timestamptz NOT NULL,
	message_id bigint NOT NULL,
	message_at timestamptz NOT NULL,
	contact_id bigint NOT NULL,
	campaign_id integer NOT NULL,
	program_id integer NOT NULL,
	lane smallint NOT NULL,
	attempt smallint NOT NULL DEFAULT 0,
	code text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
		autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.5);
CREATE INDEX ready_due ON smsfollow.ready (lane, send_at, message_id);
CREATE INDEX ready_contact ON smsfollow.ready (contact_id);
COMMENT ON TABLE smsfollow.ready IS 'Texts that wait for their time, in claim order; a lane below 0 is paused';
COMMENT ON COLUMN smsfollow.ready.attempt IS 'Attempts so far that count against max_attempts';
COMMENT ON COLUMN smsfollow.ready.code IS 'Why it waits, when not only for its time';

CREATE TABLE smsfollow.inflight (
	message_id bigint NOT NULL,
	message_at timestamptz NOT NULL,
	contact_id bigint NOT NULL,
	epoch bigint NOT NULL,
	started_at timestamptz NOT NULL,
	consent_event_id bigint,
	campaign_id integer NOT NULL,
	program_id integer NOT NULL,
	provider_id integer NOT NULL,
	sender_id integer NOT NULL,
	lane smallint NOT NULL,
	attempt smallint NOT NULL,
	segments smallint NOT NULL,
	told_opt_out boolean NOT NULL,
	marketing boolean NOT NULL,
	encoding text NOT NULL,
	locale text,
	body text NOT NULL,
	tags text[],
	price numeric,
	price_currency text,
	CONSTRAINT inflight_one_per_contact UNIQUE (contact_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
		autovacuum_vacuum_cost_delay = 0, fillfactor = 90);
COMMENT ON TABLE smsfollow.inflight IS 'Texts handed to a provider whose answer is not recorded yet; the committed row is the permit to send';
COMMENT ON COLUMN smsfollow.inflight.told_opt_out IS 'It tells how to opt out, which the settling remembers in opt_out_told';
COMMENT ON CONSTRAINT inflight_one_per_contact ON smsfollow.inflight IS 'No two sends to one contact overlap';

CREATE TABLE smsfollow.in_doubt (
	message_id bigint NOT NULL,
	message_at timestamptz NOT NULL,
	contact_id bigint NOT NULL,
	campaign_id integer NOT NULL,
	program_id integer NOT NULL,
	lane smallint NOT NULL,
	attempt smallint NOT NULL,
	started_at timestamptz NOT NULL,
	since timestamptz NOT NULL,
	evidence text NOT NULL,
	provider_id integer NOT NULL,
	sender_id integer NOT NULL,
	consent_event_id bigint,
	segments smallint NOT NULL,
	encoding text NOT NULL,
	locale text,
	body text NOT NULL,
	provider_message_id text,
	policy text NOT NULL,
	next_lookup_at timestamptz,
	lookups smallint NOT NULL DEFAULT 0,
	absent smallint NOT NULL DEFAULT 0,
	marketing boolean NOT NULL,
	tags text[],
	price numeric,
	price_currency text,
	PRIMARY KEY (contact_id, message_id)
);
CREATE INDEX in_doubt_lookup ON smsfollow.in_doubt (next_lookup_at) WHERE next_lookup_at IS NOT NULL;
COMMENT ON TABLE smsfollow.in_doubt IS 'Texts that may or may not have reached the provider; resolved by lookup, receipt, policy or a person';
COMMENT ON COLUMN smsfollow.in_doubt.evidence IS 'What is known: where the transfer stopped, or that the worker died';
COMMENT ON COLUMN smsfollow.in_doubt.policy IS 'The campaign''s policy when the doubt arose: hold, retry_after_lookup, retry or drop';
COMMENT ON COLUMN smsfollow.in_doubt.next_lookup_at IS 'When the provider is asked next; NULL: not any more';
COMMENT ON COLUMN smsfollow.in_doubt.absent IS 'Lookups in which the provider said that it does not know the text';

CREATE TABLE smsfollow.attempt (
	at timestamptz NOT NULL,
	message_id bigint NOT NULL,
	contact_id bigint NOT NULL,
	epoch bigint NOT NULL,
	started_at timestamptz NOT NULL,
	consent_event_id bigint,
	campaign_id integer NOT NULL,
	program_id integer NOT NULL,
	provider_id integer NOT NULL,
	sender_id integer NOT NULL,
	attempt smallint NOT NULL,
	segments smallint NOT NULL,
	http_status smallint,
	marketing boolean NOT NULL,
	outcome text NOT NULL,
	reason text NOT NULL,
	provider_message_id text,
	encoding text NOT NULL,
	locale text,
	cost numeric,
	currency text,
	error_code text,
	error_text text,
	retry_at timestamptz,
	body text NOT NULL,
	tags text[],
	price numeric,
	price_currency text
) PARTITION BY RANGE (at);
COMMENT ON TABLE smsfollow.attempt IS 'Each hand-over to a provider and its outcome; append-only';
COMMENT ON COLUMN smsfollow.attempt.outcome IS 'accepted, rejected, retry or in_doubt; a later row of the same attempt number resolves an in_doubt one';
COMMENT ON COLUMN smsfollow.attempt.reason IS 'Class of the outcome: ok, not_sent, rate_limited, transient, auth, funds, opted_out, bad_recipient, blocked, sender_config, content, permanent, ambiguous, worker_died, lookup, receipt, person, max_attempts, dropped';
COMMENT ON COLUMN smsfollow.attempt.consent_event_id IS 'The ledger row that allowed this text';
COMMENT ON COLUMN smsfollow.attempt.marketing IS 'Of a marketing program: what caps count unless told otherwise';
COMMENT ON COLUMN smsfollow.attempt.tags IS 'Of the text, for caps that count by tag';
COMMENT ON COLUMN smsfollow.attempt.price IS 'As expected when it was claimed, from the sender''s price per segment; NULL: the sender had none. cost is what the provider said';
COMMENT ON COLUMN smsfollow.attempt.locale IS 'Of the wording that was chosen; NULL: a literal text, or the wording names none';
COMMENT ON COLUMN smsfollow.attempt.body IS 'The exact text handed over';

CREATE TABLE smsfollow.verdict (
	at timestamptz NOT NULL,
	message_id bigint NOT NULL,
	contact_id bigint NOT NULL,
	verdict text NOT NULL,
	code text NOT NULL,
	rule text,
	next_at timestamptz,
	detail text
) PARTITION BY RANGE (at);
COMMENT ON TABLE smsfollow.verdict IS 'Why a text did not go (suppress, cancel, expire) or not yet (defer); append-only';
COMMENT ON COLUMN smsfollow.verdict.code IS 'Reason, see smsfollow.reason_code';
COMMENT ON COLUMN smsfollow.verdict.rule IS 'The rule or value that decided';

CREATE TABLE smsfollow.receipt (
	at timestamptz NOT NULL,
	message_id bigint,
	contact_id bigint,
	provider_id integer NOT NULL,
	provider_message_id text,
	status text NOT NULL,
	counted boolean NOT NULL,
	reason text,
	error_code text,
	segments smallint,
	cost numeric,
	currency text,
	payload jsonb NOT NULL
) PARTITION BY RANGE (at);
COMMENT ON TABLE smsfollow.receipt IS 'What providers reported after the hand-over; append-only';
COMMENT ON COLUMN smsfollow.receipt.message_id IS 'NULL: no text of ours is known under that id';
COMMENT ON COLUMN smsfollow.receipt.payload IS 'What the provider posted, numbers hidden; empty when it belongs to no text or to an erased contact';
COMMENT ON COLUMN smsfollow.receipt.counted IS 'True when it moved the text forward; a repeated, late or contradicting receipt is kept and moves nothing';

CREATE TABLE smsfollow.idempotency (
	contact_id bigint NOT NULL,
	key text NOT NULL,
	message_id bigint NOT NULL,
	expires_at timestamptz NOT NULL
) PARTITION BY HASH (contact_id);
COMMENT ON TABLE smsfollow.idempotency IS 'Idempotency keys of send and schedule, scoped to the contact; kept 30 days';

/*
 * The keys of a contact are only looked for when it is exported or erased: that
 * reads one of the partitions, where an index would cost every text.
 */
DO $$
BEGIN
	FOR i IN 0..7 LOOP
		EXECUTE format('CREATE TABLE smsfollow.idempotency_%s PARTITION OF smsfollow.idempotency
						(PRIMARY KEY (key, contact_id)) FOR VALUES WITH (MODULUS 8, REMAINDER %s)', i, i);
		EXECUTE format('COMMENT ON TABLE smsfollow.idempotency_%s IS ''Partition of smsfollow.idempotency''', i);
	END LOOP;
END
$$;

/*
 * Reasons: a closed list, so that reports can group by it and people can look
 * up what it means and what to do.
 */
CREATE TABLE smsfollow.reason_code (
	code text PRIMARY KEY,
	meaning text NOT NULL,
	hint text NOT NULL
);
COMMENT ON TABLE smsfollow.reason_code IS 'Why a text did not go, or not yet: the closed list of codes, with what to do about each';
INSERT INTO smsfollow.reason_code (code, meaning, hint) VALUES
	('no_consent', 'The contact never agreed to this program', 'Record the agreement with smsfollow.opt_in() once you have it.'),
	('consent_expired', 'The consent of the contact has expired', 'Ask the contact again; what implies consent anew, such as a purchase, is recorded with smsfollow.opt_in().'),
	('consent_kind', 'The consent on record is of a weaker kind than the program or the law asks for', 'Ask the contact for the kind in the rule; see consent_required of the program.'),
	('do_not_text', 'The holder of the number was erased and has not agreed again', 'Do not text; only a new opt-in of the person changes this.'),
	('doi_pending', 'The contact was asked to confirm and has not yet', 'Nothing to do: it goes when smsfollow.confirm_opt_in() records the reply.'),
	('notice_outdated', 'The consent that it speaks of has changed since', 'Nothing to do.'),
	('opted_out', 'The contact asked for no more texts', 'Do not text; only a new opt-in of the contact changes this.'),
	('invalid_number', 'The provider says that the number cannot receive texts', 'Ask the contact for another number.'),
	('erased', 'The contact was erased', 'Nothing to do: the number is not known any more.'),
	('restricted', 'Processing of the contact''s data is restricted', 'smsfollow.unrestrict_contact(), once the reason for the restriction is gone.'),
	('not_mobile', 'The number is of a kind that gets no texts: premium rate, toll-free, fixed line ...', 'Ask for a mobile number; see smsfollow.refused_number_types.'),
	('quiet_hours', 'It is outside the hours in which it may go', 'Nothing to do; it goes at the time shown. See smsfollow.send_window and smsfollow.jurisdiction.'),
	('quiet_cancelled', 'It was outside its hours, and its window says that it is then cancelled', 'Use on_quiet => ''defer'' in smsfollow.set_window() for texts that shall wait.'),
	('unknown_timezone', 'Nobody knows what time it is where the recipient is', 'Give the contact a time_zone or a region with smsfollow.add_contact() and send again.'),
	('no_window', 'There is no time that suits all its windows in every zone where the recipient may be', 'Give the contact a time_zone or an address with smsfollow.add_contact(), or widen the windows.'),
	('jurisdiction_block', 'The law of the recipient''s country or state allows no such text', 'See smsfollow.jurisdiction, rows with blocked.'),
	('expired', 'Its time ran out before it could go', 'Raise the campaign''s expires_after, or see why it waited.'),
	('cancelled', 'It was cancelled', 'Nothing to do.'),
	('missing_data', 'A variable of its template had no value', 'Give it a value, use the default filter, or save with missing => empty.'),
	('template_skip', 'Its template skipped it, for the reason in the rule', 'Nothing to do, unless the template is wrong.'),
	('template_error', 'Its template could not be rendered with these values', 'Try smsfollow.render() with the same values.'),
	('too_many_segments', 'The text is longer than its program allows', 'Shorten it, replace the character that detail names, or raise max_segments with set_text_rules(); see smsfollow.segments().'),
	('not_approved', 'Its template version is retired, or not approved where its program wants that', 'See smsfollow.approve_template(); then queue the text again.'),
	('brand', 'The text breaks the brand profile of its program', 'Change the wording that rule names, or the profile with smsfollow.set_brand().'),
	('offer_exhausted', 'The offer of its campaign has no codes left, or has ended', 'Add codes with smsfollow.add_coupons(), or take the offer from the campaign with smsfollow.set_offer().'),
	('unsafe_link', 'It has a link with a user name in front of the host, or a javascript, vbscript or data link', 'Look at the values of its template; write links as https://host/path.'),
	('sender_unavailable', 'No active sender, or the sender is at its limit', 'Add a sender, resume it, or raise its segments_per_second.'),
	('provider_down', 'The provider does not answer, refuses for now, or is paused', 'See smsfollow.health() and the attempts; it goes on by itself, a paused one with smsfollow.resume_provider().'),
	('retry', 'A try failed and another follows', 'Nothing to do; see the attempts.'),
	('campaign_paused', 'Its campaign is paused', 'smsfollow.resume().'),
	('program_paused', 'Its program is paused', 'smsfollow.resume_program().'),
	('kill_switch', 'Everything is paused', 'smsfollow.resume_all().'),
	('budget', 'What may be spent has been spent, or would be by this text', 'Wait for the next day or month, or raise it with smsfollow.alter_budget().'),
	('cap', 'The contact has had as many as this cap allows', 'Nothing to do; smsfollow.alter_cap() changes a cap.'),
	('contact_pref', 'The contact wants no more than so many', 'Nothing to do; smsfollow.set_contact_cap() records another wish.'),
	('no_price', 'A cap or budget is in money, and the sender has no price in its currency', 'Give it one with smsfollow.alter_sender().'),
	('in_doubt', 'Nobody can say whether an earlier try arrived', 'See smsfollow.in_doubt; resolve it with smsfollow.resolve_in_doubt().'),
	-- what providers say, in attempts and receipts
	('bad_recipient', 'The provider cannot reach this number', 'Ask the contact for another number.'),
	('blocked', 'A carrier or the provider filtered it', 'Look at the wording and at the registration of the sender with the provider.'),
	('content', 'The provider does not take this text', 'See error_text in smsfollow.attempt; change the template.'),
	('sender_config', 'The provider does not let this sender text this number', 'Set up the sender with the provider: registration, country, capability.'),
	('permanent', 'The provider refused it for good', 'See error_code and error_text in smsfollow.attempt.'),
	('transient', 'A passing trouble of the provider or the handset', 'Nothing to do; queue the text again if it still matters.'),
	('rate_limited', 'The provider wants fewer texts a second', 'Lower the sender''s segments_per_second.'),
	('auth', 'The provider does not accept the credentials', 'Correct the secret; its texts wait until then.'),
	('funds', 'The account with the provider has no credit', 'Top it up; its texts wait until then.'),
	('not_sent', 'The provider could not be reached', 'Look at network, proxy and smsfollow.health(); it goes on by itself.'),
	('ambiguous', 'The connection ended before the answer came', 'See smsfollow.in_doubt; a lookup or a receipt may still tell.'),
	('worker_died', 'The worker ended before the answer was recorded', 'See smsfollow.in_doubt; a lookup or a receipt may still tell.'),
	('stopped', 'The worker was stopped before it sent the text', 'Nothing to do; it goes when the worker runs again.'),
	('max_attempts', 'Every try that the campaign allows failed', 'Raise max_attempts, or see the attempts for what is wrong.'),
	('dropped', 'In doubt, and the campaign''s policy is drop', 'Nothing to do; choose another in_doubt_policy if that is not wanted.'),
	('lookup', 'The provider was asked and told', 'Nothing to do.'),
	('person', 'A person decided with resolve_in_doubt()', 'Nothing to do.');

/*
 * Takes queued texts of a contact off the queue with a final verdict.  What is
 * in flight is past recall.  The caller holds the contact's lock.
 */
CREATE FUNCTION smsfollow.drop_queued(contact bigint, program integer, verdict text, code text, rule text, notice text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	dropped bigint;
BEGIN
	PERFORM smsfollow.ensure_partition(now);
	WITH gone AS (
		DELETE FROM smsfollow.ready r
		WHERE r.contact_id = contact AND (program IS NULL OR r.program_id = program)
			AND CASE WHEN drop_queued.notice IS NULL AND drop_queued.code <> 'opted_out' THEN true
				ELSE EXISTS (SELECT FROM smsfollow.message m
							 WHERE m.message_id = r.message_id AND m.created_at = r.message_at
								AND CASE WHEN drop_queued.notice IS NULL THEN m.notice IS DISTINCT FROM 'opt_out_confirmation'
									ELSE m.notice = drop_queued.notice END) END
		RETURNING r.message_id, r.contact_id, r.campaign_id
	), said AS (
		INSERT INTO smsfollow.verdict (at, message_id, contact_id, verdict, code, rule)
		SELECT now, g.message_id, g.contact_id, drop_queued.verdict, drop_queued.code, drop_queued.rule FROM gone g
	), counted AS (
		INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
		SELECT g.campaign_id, date_trunc('minute', now),
			   CASE drop_queued.verdict WHEN 'cancel' THEN 'cancelled' ELSE 'suppressed' END, drop_queued.code, count(*)
		FROM gone g GROUP BY g.campaign_id
	)
	SELECT count(*) INTO dropped FROM gone;
	IF dropped > 0 THEN
		PERFORM smsfollow.wake('scheduler');
	END IF;
	RETURN dropped;
END
$$;
COMMENT ON FUNCTION smsfollow.drop_queued(bigint, integer, text, text, text, text) IS
'Internal: takes a contact''s queued texts (of one program, or all) off the queue with a final verdict; returns how many. notice: only those; an opt-out leaves its own confirmation';

/*
 * A text that was cancelled while it was under way has a verdict that says so.
 * When it comes back to be tried again, it leaves the queue with that.
 */
CREATE FUNCTION smsfollow.drop_cancelled(contacts bigint[], messages bigint[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	WITH gone AS (
		DELETE FROM smsfollow.ready r USING unnest(contacts, messages) AS u(contact_id, message_id)
		WHERE r.contact_id = u.contact_id AND r.message_id = u.message_id
			AND EXISTS (SELECT FROM smsfollow.verdict v
						WHERE v.message_id = r.message_id AND v.at >= r.message_at AND v.verdict = 'cancel')
		RETURNING r.campaign_id, (SELECT v.code FROM smsfollow.verdict v
								  WHERE v.message_id = r.message_id AND v.at >= r.message_at ORDER BY v.at DESC LIMIT 1) AS code
	)
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
	SELECT g.campaign_id, date_trunc('minute', smsfollow.clock()), 'cancelled', g.code, count(*) FROM gone g GROUP BY g.campaign_id, g.code
$$;
COMMENT ON FUNCTION smsfollow.drop_cancelled(bigint[], bigint[]) IS
'Internal, run when texts were put back into the queue: takes those out again that were cancelled while they were under way';
