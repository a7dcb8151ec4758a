/*
 * Campaigns: one audience, one content, one goal; the unit that KPIs count by.
 */
CREATE SEQUENCE smsfollow.campaign_id_seq AS integer;
COMMENT ON SEQUENCE smsfollow.campaign_id_seq IS 'Ids of smsfollow.campaign';

CREATE TABLE smsfollow.campaign (
	campaign_id integer PRIMARY KEY DEFAULT nextval('smsfollow.campaign_id_seq'),
	name text NOT NULL CHECK (name <> '' AND length(name) <= 100),
	tenant_id integer NOT NULL DEFAULT smsfollow.own_tenant(),
	CONSTRAINT campaign_name_key UNIQUE (tenant_id, name),
	program_id integer NOT NULL REFERENCES smsfollow.program,
	template_id integer REFERENCES smsfollow.template,
	sender_id integer REFERENCES smsfollow.sender,
	lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 3),
	in_doubt_policy text NOT NULL CHECK (in_doubt_policy IN ('hold', 'retry_after_lookup', 'retry', 'drop')),
	max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
	expires_after interval NOT NULL DEFAULT '72 hours' CHECK (expires_after > '0' AND expires_after <= '10 years'),
	paused boolean NOT NULL DEFAULT false,
	offer_id integer REFERENCES smsfollow.offer,
	media jsonb,
	tags text[] NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT smsfollow.clock(),
	created_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE smsfollow.campaign IS 'One audience, one content, one goal; every text belongs to one';
COMMENT ON COLUMN smsfollow.campaign.template_id IS 'Template of its texts where a call names none';
COMMENT ON COLUMN smsfollow.campaign.sender_id IS 'Sender of its texts; NULL: the program''s';
COMMENT ON COLUMN smsfollow.campaign.lane IS '0 compliance, 1 transactional, 2 conversational, 3 marketing: lanes share the worker 8:4:2:1';
COMMENT ON COLUMN smsfollow.campaign.in_doubt_policy IS 'hold, retry_after_lookup (the provider must say twice that it does not know the text), retry or drop';
COMMENT ON COLUMN smsfollow.campaign.max_attempts IS 'NULL: smsfollow.max_attempts';
COMMENT ON COLUMN smsfollow.campaign.expires_after IS 'A text that could not go this long after its send_at is not sent';
COMMENT ON COLUMN smsfollow.campaign.offer_id IS 'Offer whose codes its texts carry, as {{ coupon.code }}; NULL: none';
COMMENT ON COLUMN smsfollow.campaign.media IS 'What goes along with its texts that bring none of their own, see send(); NULL: nothing';
COMMENT ON COLUMN smsfollow.campaign.paused IS 'True: its texts wait';
COMMENT ON COLUMN smsfollow.campaign.tags IS 'What caps may count by; a text keeps those that its campaign had when it was queued';

CREATE FUNCTION smsfollow.check_tags(tags text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF cardinality(tags) > 20 OR array_ndims(tags) > 1
		OR EXISTS (SELECT FROM unnest(tags) AS u(tag) WHERE u.tag IS NULL OR u.tag !~ '^[^[:cntrl:]]{1,50}$') THEN
		RAISE EXCEPTION 'tags must be at most 20, each of 1 to 50 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example ARRAY[''offers''].';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_tags(text[]) IS 'Internal: raises invalid_parameter_value for what cannot be the tags of a campaign; NULL passes';

CREATE FUNCTION smsfollow.campaign_id(campaign text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
BEGIN
	IF campaign IS NULL THEN
		PERFORM smsfollow.raise_null('campaign');
	END IF;
	SELECT c.campaign_id INTO id FROM smsfollow.campaign c WHERE c.name = campaign AND c.tenant_id = smsfollow.own_tenant();
	IF id IS NULL THEN
		RAISE EXCEPTION 'campaign "%" does not exist', campaign
			USING ERRCODE = 'undefined_object',
				  HINT = 'Make it with smsfollow.create_campaign(), or name a program: each has a campaign of its own name.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.campaign_id(text) IS 'Internal: id of a campaign; raises undefined_object';

CREATE FUNCTION smsfollow.check_template_program(template integer, program integer) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t record;
BEGIN
	SELECT x.name, p.name AS program, p.program_id INTO t
	FROM smsfollow.template x JOIN smsfollow.program p USING (program_id) WHERE x.template_id = template;
	IF t.program_id <> program THEN
		RAISE EXCEPTION 'template "%" belongs to program "%"', t.name, t.program
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use a template of the campaign''s own program, or one that belongs to none.';
	ELSIF t.program_id IS NULL AND EXISTS (SELECT FROM smsfollow.program_text x
			WHERE x.program_id = program AND cardinality(x.required_phrases || x.banned_phrases) > 0) THEN
		PERFORM smsfollow.check_brand(program, v.body)
		FROM (SELECT x.template_version_id, x.body FROM smsfollow.template_version x
			  WHERE x.template_id = template AND x.state <> 'retired' ORDER BY x.version DESC LIMIT 1) v;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_template_program(integer, integer) IS
'Internal: raises invalid_parameter_value when a template belongs to another program, or its newest version breaks the brand profile of this one';

CREATE FUNCTION smsfollow.create_campaign(
	name text,
	program text,
	template text DEFAULT NULL,
	sender text DEFAULT NULL,
	in_doubt_policy text DEFAULT NULL,
	max_attempts integer DEFAULT NULL,
	expires_after interval DEFAULT '72 hours',
	lane integer DEFAULT NULL,
	tags text[] DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write campaigns through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer;
	pid integer;
	purpose text;
	tid integer;
BEGIN
	IF name IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	END IF;
	IF name = '' OR length(name) > 100 THEN
		RAISE EXCEPTION 'name must have 1 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a shorter name that is not empty.';
	END IF;
	pid := smsfollow.program_id(program);
	SELECT p.purpose INTO purpose FROM smsfollow.program p WHERE p.program_id = pid;
	IF template IS NOT NULL THEN
		tid := smsfollow.template_id(template);
		PERFORM smsfollow.check_template_program(tid, pid);
	END IF;
	IF in_doubt_policy NOT IN ('hold', 'retry_after_lookup', 'retry', 'drop') THEN
		RAISE EXCEPTION 'in_doubt_policy "%" is not known', in_doubt_policy
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use hold, retry_after_lookup, retry or drop.';
	ELSIF max_attempts NOT BETWEEN 1 AND 100 THEN
		RAISE EXCEPTION 'max_attempts must be from 1 to 100'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for the default, smsfollow.max_attempts.';
	ELSIF lane NOT BETWEEN 0 AND 3 THEN
		RAISE EXCEPTION 'lane must be from 0 to 3'
			USING ERRCODE = 'invalid_parameter_value', HINT = '0 is the most urgent; leave it out for that of the purpose of the program.';
	ELSIF expires_after IS NULL OR expires_after <= '0' OR expires_after > '10 years' THEN
		RAISE EXCEPTION 'expires_after must be more than zero and at most 10 years'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''72 hours''.';
	END IF;
	PERFORM smsfollow.check_tags(tags);
	INSERT INTO smsfollow.campaign AS c (name, program_id, template_id, sender_id, lane, in_doubt_policy, max_attempts, expires_after, tags)
	VALUES (create_campaign.name, pid, tid, smsfollow.sender_id(sender),
			coalesce(lane, CASE purpose WHEN 'compliance' THEN 0 WHEN 'transactional' THEN 1 WHEN 'conversational' THEN 2 ELSE 3 END),
			coalesce(in_doubt_policy, CASE purpose WHEN 'marketing' THEN 'hold' ELSE 'retry_after_lookup' END),
			max_attempts, expires_after, coalesce(tags, '{}'))
	ON CONFLICT ON CONSTRAINT campaign_name_key DO NOTHING
	RETURNING c.campaign_id INTO id;
	IF id IS NULL THEN
		RAISE EXCEPTION 'campaign "%" already exists', name
			USING ERRCODE = 'duplicate_object', HINT = 'Choose another name, or use the campaign that is there.';
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION smsfollow.create_campaign(text, text, text, text, text, integer, interval, integer, text[]) IS
'Makes a campaign within a program. in_doubt_policy: hold (default for marketing), retry_after_lookup (default else), retry, drop. max_attempts 1 to 100, NULL: the setting. expires_after counts from each text''s send_at, at most 10 years. lane 0 to 3, NULL: by the program''s purpose. tags: what caps may count by. Errors: invalid_parameter_value, duplicate_object, undefined_object';

CREATE FUNCTION smsfollow.set_campaign_tags(campaign text, tags text[]) RETURNS void
LANGUAGE plpgsql
-- definer: callers change campaigns through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.campaign_id(campaign);
BEGIN
	PERFORM smsfollow.check_tags(tags);
	UPDATE smsfollow.campaign c SET tags = coalesce(set_campaign_tags.tags, '{}') WHERE c.campaign_id = id;
END
$$;
COMMENT ON FUNCTION smsfollow.set_campaign_tags(text, text[]) IS
'Replaces the tags of a campaign, for texts that are queued from now on; caps of scope tag count by them. At most 20 of 1 to 50 characters; NULL: none. Errors: undefined_object, invalid_parameter_value, null_value_not_allowed';

/*
 * A paused campaign or program: its texts leave the claim path, into lanes below
 * zero, which are never scanned.  ready.code says which of the two keeps a
 * text; where it is both, the claim finds the other one when the first is over.
 */
CREATE FUNCTION smsfollow.paused_code(campaign_paused boolean, program_paused boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN campaign_paused THEN 'campaign_paused' WHEN program_paused THEN 'program_paused' END;
COMMENT ON FUNCTION smsfollow.paused_code(boolean, boolean) IS 'Internal: why a text goes into a lane below zero; NULL: it does not';

CREATE FUNCTION smsfollow.move_paused(program integer, campaign integer, code text, to_paused boolean) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	moved bigint;
	now timestamptz;
BEGIN
	IF NOT to_paused AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		-- texts that came to wait after its snapshot would be overlooked and wait for ever
		RAISE EXCEPTION 'a % cannot be resumed in a transaction of isolation level %',
				CASE WHEN campaign IS NULL THEN 'program' ELSE 'campaign' END, current_setting('transaction_isolation')
			USING ERRCODE = 'feature_not_supported', HINT = 'Use a transaction of isolation level read committed.';
	END IF;
	PERFORM pg_current_xact_id();	-- before the clock: see the claim's low-water mark
	now := smsfollow.clock();
	IF campaign IS NULL THEN
		UPDATE smsfollow.program p SET paused = to_paused WHERE p.program_id = program AND p.paused <> to_paused;
	ELSE
		UPDATE smsfollow.campaign c SET paused = to_paused WHERE c.campaign_id = campaign AND c.paused <> to_paused;
	END IF;
	IF to_paused THEN
		-- notices, which go in lane 0 whatever their campaign's is, are not held back
		UPDATE smsfollow.ready r SET lane = -1 - r.lane, code = move_paused.code
		WHERE (r.campaign_id = campaign OR campaign IS NULL AND r.program_id = program) AND r.lane >= 0
			AND (r.lane > 0 OR (SELECT c.lane FROM smsfollow.campaign c WHERE c.campaign_id = r.campaign_id) = 0);
	ELSE
		UPDATE smsfollow.ready r SET lane = -1 - r.lane, send_at = greatest(r.send_at, now), code = NULL
		WHERE (r.campaign_id = campaign OR campaign IS NULL AND r.program_id = program) AND r.lane < 0 AND r.code = move_paused.code;
	END IF;
	GET DIAGNOSTICS moved = ROW_COUNT;
	PERFORM smsfollow.wake('dispatcher');
	RETURN moved;
END
$$;
COMMENT ON FUNCTION smsfollow.move_paused(integer, integer, text, boolean) IS 'Internal: common part of pause and resume, of a campaign or (campaign NULL) of a program';

CREATE FUNCTION smsfollow.pause(campaign text) RETURNS bigint
LANGUAGE sql
-- definer: callers change campaigns through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.move_paused(NULL, smsfollow.campaign_id(campaign), 'campaign_paused', true) $$;
COMMENT ON FUNCTION smsfollow.pause(text) IS
'Makes a campaign''s texts wait from this commit on; returns how many are waiting. Texts already handed to the provider are not called back. Errors: undefined_object';

CREATE FUNCTION smsfollow.resume(campaign text) RETURNS bigint
LANGUAGE sql
-- definer: callers change campaigns through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.move_paused(NULL, smsfollow.campaign_id(campaign), 'campaign_paused', false) $$;
COMMENT ON FUNCTION smsfollow.resume(text) IS
'Lets a paused campaign go on; returns how many texts may go again (those past their expiry will not). Errors: undefined_object, feature_not_supported (isolation level above read committed)';

CREATE FUNCTION smsfollow.pause_program(program text) RETURNS bigint
LANGUAGE sql
-- definer: callers change programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.move_paused(smsfollow.program_id(program), NULL, 'program_paused', true) $$;
COMMENT ON FUNCTION smsfollow.pause_program(text) IS
'Makes the texts of all campaigns of a program wait from this commit on; returns how many it stopped. Texts already handed to the provider are not called back. Errors: undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.resume_program(program text) RETURNS bigint
LANGUAGE sql
-- definer: callers change programs through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT smsfollow.move_paused(smsfollow.program_id(program), NULL, 'program_paused', false) $$;
COMMENT ON FUNCTION smsfollow.resume_program(text) IS
'Lets a paused program go on, but for its campaigns that are paused by themselves; returns how many texts may go again (those past their expiry will not). Errors: undefined_object, null_value_not_allowed, feature_not_supported (isolation level above read committed)';
