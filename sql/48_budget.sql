/*
 * The kill switch, and budgets: what stops texts for everybody at once.
 *
 * Money is counted from the claim on: a text that is permitted adds its
 * expected price, a definite failure takes it back, and what the provider
 * tells replaces it.  spend_delta gets these rows from whoever moves a text;
 * fold_spend() sums them up.  The sum of both tables is what was spent or may
 * yet have been, at any instant.  A bucket is the quarter of an hour in which
 * the text was claimed: days of all zones begin on one.
 *
 * A claim locks the budgets that its texts draw on and reads the sums after
 * that, so two claims cannot both take what is left.  Whoever only gives back
 * or corrects takes no lock.
 */
CREATE TABLE smsfollow.kill_switch (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	reason text CHECK (length(reason) <= 1000),
	paused_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	paused_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE smsfollow.kill_switch IS 'A row: nothing at all is sent from this database, see pause_all()';

CREATE FUNCTION smsfollow.pause_all(reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF length(reason) > 1000 THEN
		RAISE EXCEPTION 'reason is longer than 1000 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Shorten it.';
	END IF;
	INSERT INTO smsfollow.kill_switch (reason) VALUES (pause_all.reason)
	ON CONFLICT (only_row) DO UPDATE SET reason = coalesce(excluded.reason, kill_switch.reason);
END
$$;
COMMENT ON FUNCTION smsfollow.pause_all(text) IS
'The kill switch: no text at all is permitted to go from this commit on, whoever claims it, until resume_all(), also after a crash or restart. Texts stay where they are in the queue; what is at a provider already is past recall. Error: invalid_parameter_value';

CREATE FUNCTION smsfollow.resume_all() RETURNS boolean
LANGUAGE plpgsql
-- definer: operators decide through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM smsfollow.kill_switch;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION smsfollow.resume_all() IS
'Ends what pause_all() began, from this commit on; false when it was not paused. Pauses of programs, campaigns, senders and the worker stay';

CREATE SEQUENCE smsfollow.budget_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.budget_id_seq IS 'Ids of smsfollow.budget';

CREATE TABLE smsfollow.budget (
	budget_id integer PRIMARY KEY DEFAULT nextval('smsfollow.budget_id_seq'),
	name text NOT NULL UNIQUE CHECK (name ~ '^[^:[:cntrl:]]{1,100}$'),
	scope text NOT NULL CHECK (scope IN ('everything', 'program', 'campaign')),
	program_id integer REFERENCES smsfollow.program,
	campaign_id integer REFERENCES smsfollow.campaign,
	amount numeric NOT NULL CHECK (amount >= 0 AND amount <= 1000000000),
	currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	period text NOT NULL CHECK (period IN ('day', 'month', 'lifetime')),
	time_zone text NOT NULL,
	on_exceed text NOT NULL CHECK (on_exceed IN ('wait', 'skip')),
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	created_by text NOT NULL DEFAULT session_user,
	CHECK (num_nonnulls(program_id, campaign_id) = CASE scope WHEN 'everything' THEN 0 ELSE 1 END)
);
COMMENT ON TABLE smsfollow.budget IS 'What may be spent at most: by all texts, those of a program or those of a campaign';
COMMENT ON COLUMN smsfollow.budget.period IS 'day or month of the time zone, or lifetime';
COMMENT ON COLUMN smsfollow.budget.on_exceed IS 'wait (for the next period; of a lifetime, until the budget is raised) or skip (suppress)';
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.budget
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE TABLE smsfollow.spend_delta (
	campaign_id integer NOT NULL,
	bucket timestamptz NOT NULL,
	currency text NOT NULL,
	amount numeric NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE smsfollow.spend_delta IS 'Money not folded yet: one row a transaction, campaign and quarter of an hour; negative when it was given back';

CREATE TABLE smsfollow.spend (
	campaign_id integer NOT NULL,
	currency text NOT NULL,
	bucket timestamptz NOT NULL,
	amount numeric NOT NULL,
	PRIMARY KEY (campaign_id, currency, bucket)
);
COMMENT ON TABLE smsfollow.spend IS 'Money by campaign, currency and quarter of an hour: spent, or reserved for texts whose price is not known yet';
COMMENT ON COLUMN smsfollow.spend.bucket IS '-infinity: all that is older than any day or month that a budget looks at';

CREATE VIEW smsfollow.spend_count AS
SELECT campaign_id, currency, bucket, amount FROM smsfollow.spend
UNION ALL
SELECT campaign_id, currency, bucket, amount FROM smsfollow.spend_delta;
COMMENT ON VIEW smsfollow.spend_count IS 'All money, folded or not: sum the amount by what you like';

CREATE FUNCTION smsfollow.note_spend(campaign integer, claimed_at timestamptz, currency text, amount numeric) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO smsfollow.spend_delta (campaign_id, bucket, currency, amount)
	SELECT note_spend.campaign, date_bin('15 minutes', note_spend.claimed_at, 'epoch'), note_spend.currency, note_spend.amount
	WHERE note_spend.amount <> 0 AND note_spend.currency IS NOT NULL
$$;
COMMENT ON FUNCTION smsfollow.note_spend(integer, timestamptz, text, numeric) IS
'Internal: corrects what a campaign has spent by a text that was claimed at a moment; nothing where the amount or the currency is NULL';

CREATE FUNCTION smsfollow.period_bounds(period text, time_zone text, at timestamptz, OUT starts timestamptz, OUT ends timestamptz)
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'smsfollow_period_bounds';
COMMENT ON FUNCTION smsfollow.period_bounds(text, text, timestamptz) IS
'The day, week (from Monday) or month of a zone that contains a moment: starts <= at < ends, exact where clocks are changed; lifetime: -infinity to infinity. Error: invalid_parameter_value';

CREATE VIEW smsfollow.budget_status AS
SELECT b.name, b.scope, coalesce(p.name, c.name) AS target, b.amount, b.currency, b.period, b.time_zone, b.on_exceed,
	x.starts, x.ends, s.spent, b.amount - s.spent AS left_over
FROM smsfollow.budget b
LEFT JOIN smsfollow.program p ON p.program_id = b.program_id
LEFT JOIN smsfollow.campaign c ON c.campaign_id = b.campaign_id
CROSS JOIN LATERAL smsfollow.period_bounds(b.period, b.time_zone, smsfollow.clock()) x
CROSS JOIN LATERAL (
	SELECT coalesce(sum(k.amount), 0) AS spent FROM smsfollow.spend_count k JOIN smsfollow.campaign m USING (campaign_id)
	WHERE k.currency = b.currency AND k.bucket >= x.starts
		AND (b.campaign_id IS NULL OR k.campaign_id = b.campaign_id) AND (b.program_id IS NULL OR m.program_id = b.program_id)) s;
COMMENT ON VIEW smsfollow.budget_status IS 'Each budget with what has been spent of it in the present period, texts under way at their expected price included';

CREATE FUNCTION smsfollow.check_budget(amount numeric, currency text, period text, on_exceed text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF amount < 0 OR amount > 1000000000 OR amount = 'NaN' OR amount <> round(amount, 6) THEN
		RAISE EXCEPTION 'amount must be from 0 to 1000000000, in millionths at the finest'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give what may be spent in a period, for example 250.';
	ELSIF currency !~ '^[A-Z]{3}$' THEN
		RAISE EXCEPTION 'currency is not a code of ISO 4217'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use three capital letters such as USD.';
	ELSIF period NOT IN ('day', 'month', 'lifetime') THEN
		RAISE EXCEPTION 'period "%" is not known', left(period, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use day, month or lifetime.';
	ELSIF on_exceed NOT IN ('wait', 'skip') THEN
		RAISE EXCEPTION 'on_exceed "%" is not known', left(on_exceed, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use wait or skip.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_budget(numeric, text, text, text) IS
'Internal: raises invalid_parameter_value unless these can be the values of a budget; NULL passes';

CREATE FUNCTION smsfollow.create_budget(
	name text,
	amount numeric,
	currency text,
	scope text DEFAULT 'everything',
	target text DEFAULT NULL,
	period text DEFAULT 'day',
	time_zone text DEFAULT 'UTC',
	on_exceed text DEFAULT 'wait'
) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write budgets through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
	missing text;
BEGIN
	missing := CASE WHEN name IS NULL THEN 'name' WHEN amount IS NULL THEN 'amount' WHEN currency IS NULL THEN 'currency'
		WHEN scope IS NULL THEN 'scope' WHEN period IS NULL THEN 'period' WHEN time_zone IS NULL THEN 'time_zone'
		WHEN on_exceed IS NULL THEN 'on_exceed' END;
	IF missing IS NOT NULL THEN
		PERFORM smsfollow.raise_null(missing);
	END IF;
	IF name !~ '^[^:[:cntrl:]]{1,100}$' THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters and no colon'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is part of the reason code, as in budget:daily.';
	ELSIF scope NOT IN ('everything', 'program', 'campaign') THEN
		RAISE EXCEPTION 'scope "%" is not known', left(scope, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use everything, program or campaign.';
	ELSIF (scope = 'everything') <> (target IS NULL) THEN
		RAISE EXCEPTION 'target and scope do not fit together'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the program or campaign; a budget for everything has no target.';
	END IF;
	PERFORM smsfollow.check_budget(amount, currency, period, on_exceed);
	PERFORM smsfollow.check_time_zone(time_zone);
	INSERT INTO smsfollow.budget AS b (name, scope, program_id, campaign_id, amount, currency, period, time_zone, on_exceed)
	VALUES (create_budget.name, create_budget.scope,
			CASE scope WHEN 'program' THEN smsfollow.program_id(target) END,
			CASE scope WHEN 'campaign' THEN smsfollow.campaign_id(target) END,
			amount, currency, period, time_zone, on_exceed)
	ON CONFLICT ON CONSTRAINT budget_name_key DO NOTHING
	RETURNING b.budget_id INTO id;
	IF id IS NULL THEN
		RAISE EXCEPTION 'budget "%" already exists', name
			USING ERRCODE = 'duplicate_object', HINT = 'Change it with smsfollow.alter_budget(), or choose another name.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_budget(text, numeric, text, text, text, text, text, text) IS
'Limits what is spent: at most so much (amount, from 0) of a currency (ISO 4217) in a day, month (of time_zone) or lifetime. scope everything, program or campaign; target names which. A text goes only if its expected price still fits: price_per_segment of its sender times its segments, see alter_sender(); texts whose sender has no price in the currency wait. on_exceed wait (for the next period; of a lifetime, until the budget is raised) or skip. What was spent before counts. Compliance texts are never held back. Errors: invalid_parameter_value, null_value_not_allowed, undefined_object, duplicate_object';

CREATE FUNCTION smsfollow.budget_id(budget text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF budget IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	END IF;
	SELECT b.budget_id INTO id FROM smsfollow.budget b WHERE b.name = budget;
	IF id IS NULL THEN
		RAISE EXCEPTION 'budget "%" does not exist', left(budget, 100)
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_budget(); SELECT * FROM smsfollow.budget_status lists them.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.budget_id(text) IS 'Internal: id of a budget; raises undefined_object';

CREATE FUNCTION smsfollow.alter_budget(name text, amount numeric DEFAULT NULL, on_exceed text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write budgets through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.budget_id(alter_budget.name);
BEGIN
	PERFORM smsfollow.check_budget(alter_budget.amount, NULL, NULL, alter_budget.on_exceed);
	-- waits for a claim that draws on it; what that one puts off is found below
	UPDATE smsfollow.budget b SET amount = coalesce(alter_budget.amount, b.amount), on_exceed = coalesce(alter_budget.on_exceed, b.on_exceed)
	WHERE b.budget_id = id;
	RETURN smsfollow.look_again('budget:' || alter_budget.name);
END
$$;
COMMENT ON FUNCTION smsfollow.alter_budget(text, numeric, text) IS
'Changes a budget; what is NULL stays. Texts that wait because of it are judged anew; returns how many. Errors: undefined_object, invalid_parameter_value, null_value_not_allowed, feature_not_supported (isolation level above read committed)';

CREATE FUNCTION smsfollow.drop_budget(name text) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write budgets through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM smsfollow.budget b WHERE b.budget_id = smsfollow.budget_id(drop_budget.name);
	RETURN smsfollow.look_again('budget:' || drop_budget.name);
END
$$;
COMMENT ON FUNCTION smsfollow.drop_budget(text) IS
'Takes a budget away. Texts that wait because of it are judged anew; returns how many. Errors: undefined_object, null_value_not_allowed, feature_not_supported (isolation level above read committed)';
