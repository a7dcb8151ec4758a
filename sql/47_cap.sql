/*
 * Frequency caps: how much may reach one contact within a while.
 *
 * Every rule that fits a text must pass.  The claim counts what providers have
 * accepted and what is in doubt; a text in flight counts too, because the next
 * one to its contact is not looked at before it is settled.  So a slot is taken
 * when the text is claimed, and a definite failure gives it back.  The
 * arithmetic is in src/policy/cap.c.
 *
 * The moment that counts is attempt.started_at, when the text was claimed.
 */
CREATE SEQUENCE smsfollow.cap_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.cap_id_seq IS 'Ids of smsfollow.cap_rule';

CREATE TABLE smsfollow.cap_rule (
	cap_id integer PRIMARY KEY DEFAULT nextval('smsfollow.cap_id_seq'),
	name text NOT NULL UNIQUE CHECK (name ~ '^[^:[:cntrl:]]{1,100}$'),
	scope text NOT NULL CHECK (scope IN ('everything', 'program', 'campaign', 'tag', 'sender')),
	program_id integer REFERENCES smsfollow.program,
	campaign_id integer REFERENCES smsfollow.campaign,
	sender_id integer REFERENCES smsfollow.sender,
	tag text,
	most numeric NOT NULL CHECK (most > 0 AND most <= 1000000000),
	unit text NOT NULL CHECK (unit IN ('texts', 'segments', 'money')),
	currency text CHECK (currency ~ '^[A-Z]{3}$'),
	per interval NOT NULL CHECK (per > '0' AND per <= '366 days'),
	period text NOT NULL CHECK (period IN ('rolling', 'calendar')),
	on_exceed text NOT NULL CHECK (on_exceed IN ('defer', 'skip', 'expire')),
	limits text NOT NULL CHECK (limits IN ('marketing', 'all')),
	counts text NOT NULL CHECK (counts IN ('marketing', 'all')),
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	created_by text NOT NULL DEFAULT session_user,
	CHECK ((unit = 'money') = (currency IS NOT NULL)),
	CHECK (num_nonnulls(program_id, campaign_id, sender_id, tag) = CASE scope WHEN 'everything' THEN 0 ELSE 1 END),
	CHECK (period = 'rolling' OR per IN ('1 day', '7 days', '1 month'))
);
COMMENT ON TABLE smsfollow.cap_rule IS 'Frequency caps: at most so many texts, segments or so much money to one contact within a while';
COMMENT ON COLUMN smsfollow.cap_rule.scope IS 'What it counts and limits: everything, or the texts of one program, campaign, tag or sender';
COMMENT ON COLUMN smsfollow.cap_rule.most IS 'In texts, in segments, or in units of the currency';
COMMENT ON COLUMN smsfollow.cap_rule.per IS 'rolling: elapsed time, a day is 24 hours; calendar: 1 day, 7 days (from Monday) or 1 month, in the contact''s zone';
COMMENT ON COLUMN smsfollow.cap_rule.on_exceed IS 'defer (to the instant at which it is free again), skip (suppress), or expire';
COMMENT ON COLUMN smsfollow.cap_rule.limits IS 'marketing: only texts of marketing programs are limited; all: transactional and conversational ones too, never compliance';
COMMENT ON COLUMN smsfollow.cap_rule.counts IS 'marketing: only texts of marketing programs count; all: every text';
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.cap_rule
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE FUNCTION smsfollow.check_cap(most numeric, per interval, unit text, period text, on_exceed text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF most <= 0 OR most > 1000000000 OR most = 'NaN' THEN
		RAISE EXCEPTION 'most must be more than 0 and at most 1000000000'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'To stop texts altogether, pause their campaign or program.';
	ELSIF unit NOT IN ('texts', 'segments', 'money') THEN
		RAISE EXCEPTION 'unit "%" is not known', left(unit, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use texts, segments or money.';
	ELSIF most <> round(most, (unit = 'money')::integer * 6) THEN
		RAISE EXCEPTION 'most has too many decimal places'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Texts and segments are counted in whole numbers, money in millionths.';
	ELSIF period NOT IN ('rolling', 'calendar') THEN
		RAISE EXCEPTION 'period "%" is not known', left(period, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use rolling (elapsed time) or calendar (days of the contact).';
	ELSIF on_exceed NOT IN ('defer', 'skip', 'expire') THEN
		RAISE EXCEPTION 'on_exceed "%" is not known', left(on_exceed, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use defer, skip or expire.';
	ELSIF per <= '0' OR per > '366 days' THEN
		RAISE EXCEPTION 'per must be more than zero and at most 366 days'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''7 days''.';
	ELSIF period = 'rolling' AND per < '1 second' THEN
		RAISE EXCEPTION 'per must be at least a second'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''7 days''.';
	ELSIF period = 'rolling' AND extract(year FROM per) * 12 + extract(month FROM per) <> 0 THEN
		RAISE EXCEPTION 'per of a rolling cap must not be in months'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write 30 days, or let the period be calendar.';
	ELSIF period = 'calendar' AND per NOT IN ('1 day', '7 days', '1 month') THEN
		RAISE EXCEPTION 'per of a calendar cap must be 1 day, 7 days or 1 month'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A week begins on Monday; for other lengths let the period be rolling.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_cap(numeric, interval, text, text, text) IS
'Internal: raises invalid_parameter_value unless these can be the values of a cap; NULL passes';

/*
 * Caps count in the log, so it has to reach back as far as they do.
 */
CREATE FUNCTION smsfollow.cap_reach(per interval, period text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN period = 'calendar' THEN per + interval '48 hours' ELSE per END;
COMMENT ON FUNCTION smsfollow.cap_reach(interval, text) IS 'Internal: how far back a cap looks at most; a calendar period may be longer than it says';

CREATE FUNCTION smsfollow.longest_cap() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT greatest((SELECT max(smsfollow.cap_reach(r.per, r.period)) FROM smsfollow.cap_rule r),
					(SELECT max(s.cap_per) FROM smsfollow.contact_state s),
					(SELECT max(j.cap_per) FROM smsfollow.jurisdiction_in_force j))
$$;
COMMENT ON FUNCTION smsfollow.longest_cap() IS 'Internal: how far back any cap looks, those that contacts wish for and those of the law included; NULL: there is none';

CREATE FUNCTION smsfollow.check_log_reaches(reach interval) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	days integer := (SELECT r.days FROM smsfollow.retention r WHERE r.data = 'log');
BEGIN
	IF days * interval '24 hours' < reach THEN
		RAISE EXCEPTION 'a cap cannot look back further than the log, which is kept for % days', days
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Count within a shorter while, or keep the log longer with smsfollow.set_retention().';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_log_reaches(interval) IS
'Internal: raises invalid_parameter_value when the log is not kept for so long; NULL passes';

CREATE FUNCTION smsfollow.cap_id(cap text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF cap IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	END IF;
	SELECT r.cap_id INTO id FROM smsfollow.cap_rule r WHERE r.name = cap;
	IF id IS NULL THEN
		RAISE EXCEPTION 'cap "%" does not exist', left(cap, 100)
			USING ERRCODE = 'undefined_object', HINT = 'Make it with smsfollow.create_cap(); SELECT * FROM smsfollow.cap_rule lists them.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.cap_id(text) IS 'Internal: id of a cap; raises undefined_object';

/*
 * Texts that a rule has put off are looked at again now: the rule changed.
 */
CREATE FUNCTION smsfollow.look_again(code text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz;
	moved bigint;
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		-- texts that came to wait after its snapshot would be overlooked and wait for ever
		RAISE EXCEPTION 'waiting texts cannot be released in a transaction of isolation level %', current_setting('transaction_isolation')
			USING ERRCODE = 'feature_not_supported', HINT = 'Use a transaction of isolation level read committed.';
	END IF;
	PERFORM pg_current_xact_id();	-- before the clock: see the claim's low-water mark
	now := smsfollow.clock();
	UPDATE smsfollow.ready r SET send_at = now, lane = CASE WHEN r.lane < 0 THEN -1 - r.lane ELSE r.lane END
	WHERE r.code = look_again.code AND (r.lane < 0 OR r.send_at > now);
	GET DIAGNOSTICS moved = ROW_COUNT;
	PERFORM smsfollow.wake('dispatcher');
	RETURN moved;
END
$$;
COMMENT ON FUNCTION smsfollow.look_again(text) IS
'Internal: texts that wait because of a rule are judged anew, because the rule has changed; returns how many. code as in ready.code. Error: feature_not_supported';

/*
 * The same for one contact, whose wishes or place changed: whatever rule of
 * time put its texts off.
 */
CREATE FUNCTION smsfollow.look_again_at(contact bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz;
BEGIN
	-- no claim that knows the contact as it was may put one off meanwhile
	PERFORM FROM smsfollow.contact_state s WHERE s.contact_id = contact FOR NO KEY UPDATE;
	PERFORM pg_current_xact_id();	-- before the clock: see the claim's low-water mark
	now := smsfollow.clock();
	UPDATE smsfollow.ready r SET send_at = now
	WHERE r.contact_id = contact AND r.lane >= 0 AND r.send_at > now
		AND (r.code IN ('quiet_hours', 'contact_pref') OR r.code LIKE 'cap:%');
	IF FOUND THEN
		PERFORM smsfollow.wake('dispatcher');
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.look_again_at(bigint) IS
'Internal: the texts of a contact that hours or caps have put off are judged anew, because its wishes or its place changed';

CREATE FUNCTION smsfollow.create_cap(
	name text,
	most numeric,
	per interval,
	scope text DEFAULT 'everything',
	target text DEFAULT NULL,
	unit text DEFAULT 'texts',
	currency text DEFAULT NULL,
	period text DEFAULT 'rolling',
	on_exceed text DEFAULT 'defer',
	limits text DEFAULT 'marketing',
	counts text DEFAULT 'marketing'
) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write caps through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
	missing text;
BEGIN
	missing := CASE WHEN name IS NULL THEN 'name' WHEN most IS NULL THEN 'most' WHEN per IS NULL THEN 'per'
		WHEN scope IS NULL THEN 'scope' WHEN unit IS NULL THEN 'unit' WHEN period IS NULL THEN 'period'
		WHEN on_exceed IS NULL THEN 'on_exceed' WHEN limits IS NULL THEN 'limits' WHEN counts IS NULL THEN 'counts' END;
	IF missing IS NOT NULL THEN
		PERFORM smsfollow.raise_null(missing);
	END IF;
	IF name !~ '^[^:[:cntrl:]]{1,100}$' THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters and no colon'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'It is part of the reason code, as in cap:weekly.';
	ELSIF scope NOT IN ('everything', 'program', 'campaign', 'tag', 'sender') THEN
		RAISE EXCEPTION 'scope "%" is not known', left(scope, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use everything, program, campaign, tag or sender.';
	ELSIF scope = 'everything' AND target IS NOT NULL THEN
		RAISE EXCEPTION 'a cap on everything has no target'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave target out, or name its scope.';
	ELSIF scope <> 'everything' AND target IS NULL THEN
		RAISE EXCEPTION 'target must be given for scope %', scope
			USING ERRCODE = 'invalid_parameter_value', HINT = format('Name the %s.', scope);
	ELSIF limits NOT IN ('marketing', 'all') OR counts NOT IN ('marketing', 'all') THEN
		RAISE EXCEPTION 'limits and counts must be marketing or all'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'marketing: texts of marketing programs; all: transactional and conversational ones too.';
	ELSIF unit = 'money' AND coalesce(currency, '') !~ '^[A-Z]{3}$' THEN
		RAISE EXCEPTION 'currency must be given for money'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use a code of ISO 4217 such as USD.';
	ELSIF unit <> 'money' AND currency IS NOT NULL THEN
		RAISE EXCEPTION 'currency is for money only'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out, or let the unit be money.';
	END IF;
	PERFORM smsfollow.check_cap(most, per, unit, period, on_exceed);
	PERFORM smsfollow.check_log_reaches(smsfollow.cap_reach(per, period));
	IF scope = 'tag' THEN
		PERFORM smsfollow.check_tags(ARRAY[target]);
	END IF;
	INSERT INTO smsfollow.cap_rule AS r (name, scope, program_id, campaign_id, sender_id, tag, most, unit, currency, per, period, on_exceed, limits, counts)
	VALUES (create_cap.name, create_cap.scope,
			CASE scope WHEN 'program' THEN smsfollow.program_id(target) END,
			CASE scope WHEN 'campaign' THEN smsfollow.campaign_id(target) END,
			CASE scope WHEN 'sender' THEN smsfollow.sender_id(target) END,
			CASE scope WHEN 'tag' THEN target END,
			most, unit, currency, per, period, on_exceed, limits, counts)
	ON CONFLICT ON CONSTRAINT cap_rule_name_key DO NOTHING
	RETURNING r.cap_id INTO id;
	IF id IS NULL THEN
		RAISE EXCEPTION 'cap "%" already exists', name
			USING ERRCODE = 'duplicate_object', HINT = 'Change it with smsfollow.alter_cap(), or choose another name.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_cap(text, numeric, interval, text, text, text, text, text, text, text, text) IS
'Limits what reaches one contact: at most so much (most, more than 0) in texts, segments or money (currency: ISO 4217) per while (at most 366 days). scope everything, program, campaign, tag or sender; target names which. period rolling (elapsed time, a day is 24 hours) or calendar (1 day, 7 days, 1 month in the contact''s zone; where that is not known, the longest that it can be, rolling). on_exceed defer (to the instant at which it is free), skip or expire. limits, counts: marketing or all. Errors: invalid_parameter_value, null_value_not_allowed, undefined_object, duplicate_object';

CREATE FUNCTION smsfollow.alter_cap(name text, most numeric DEFAULT NULL, per interval DEFAULT NULL, on_exceed text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write caps through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r smsfollow.cap_rule;
BEGIN
	SELECT x.* INTO r FROM smsfollow.cap_rule x WHERE x.cap_id = smsfollow.cap_id(alter_cap.name) FOR UPDATE;
	r.most := coalesce(alter_cap.most, r.most);
	r.per := coalesce(alter_cap.per, r.per);
	r.on_exceed := coalesce(alter_cap.on_exceed, r.on_exceed);
	PERFORM smsfollow.check_cap(r.most, r.per, r.unit, r.period, r.on_exceed);
	PERFORM smsfollow.check_log_reaches(smsfollow.cap_reach(r.per, r.period));
	UPDATE smsfollow.cap_rule x SET most = r.most, per = r.per, on_exceed = r.on_exceed WHERE x.cap_id = r.cap_id;
	RETURN smsfollow.look_again('cap:' || r.name);
END
$$;
COMMENT ON FUNCTION smsfollow.alter_cap(text, numeric, interval, text) IS
'Changes a cap; what is NULL stays. Texts that it has put off are judged anew; returns how many. Errors: undefined_object, invalid_parameter_value, null_value_not_allowed, feature_not_supported (isolation level above read committed)';

CREATE FUNCTION smsfollow.drop_cap(name text) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write caps through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM smsfollow.cap_rule r WHERE r.cap_id = smsfollow.cap_id(drop_cap.name);
	RETURN smsfollow.look_again('cap:' || drop_cap.name);
END
$$;
COMMENT ON FUNCTION smsfollow.drop_cap(text) IS
'Takes a cap away. Texts that it has put off are judged anew; returns how many. Errors: undefined_object, null_value_not_allowed, feature_not_supported (isolation level above read committed)';

CREATE FUNCTION smsfollow.set_contact_cap(phone text, most integer, per interval) RETURNS void
LANGUAGE plpgsql
-- definer: callers write contacts through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	contact bigint;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	END IF;
	IF (most IS NULL) <> (per IS NULL) THEN
		RAISE EXCEPTION 'most and per go together'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give both, or NULL for both to take the wish away.';
	END IF;
	PERFORM smsfollow.check_cap(most, per, 'texts', 'rolling', 'defer');
	PERFORM smsfollow.check_log_reaches(per);
	contact := smsfollow.contact_id(phone);
	IF contact IS NULL THEN
		RAISE EXCEPTION 'the number is no contact yet'
			USING ERRCODE = 'undefined_object', HINT = 'Add it with smsfollow.add_contact().';
	END IF;
	UPDATE smsfollow.contact_state s SET cap_most = most, cap_per = per WHERE s.contact_id = contact;
	PERFORM smsfollow.look_again_at(contact);
END
$$;
COMMENT ON FUNCTION smsfollow.set_contact_cap(text, integer, interval) IS
'What the contact wants at most: so many marketing texts within a while (elapsed time, at most 366 days; more are deferred), besides every cap: it can only tighten. NULL, NULL takes the wish away. Texts that it has put off are judged anew. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';
