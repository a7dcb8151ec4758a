/*
 * Windows: the hours in which texts may go, in the recipient's local time.
 *
 * A text must suit all that bind it: the tenant's (here), the contact's
 * (contact_state.hours) and those of the law (smsfollow.jurisdiction).  The
 * arithmetic is in src/policy/window.c, which of them bind in quiet.c.
 */
CREATE TABLE smsfollow.send_window (
	program_id integer REFERENCES smsfollow.program,
	campaign_id integer REFERENCES smsfollow.campaign,
	hours text NOT NULL,
	holidays text[] NOT NULL DEFAULT '{}',
	on_quiet text NOT NULL DEFAULT 'defer' CHECK (on_quiet IN ('defer', 'defer_or_expire', 'cancel')),
	all_purposes boolean NOT NULL DEFAULT false,
	jurisdictions boolean NOT NULL DEFAULT false,
	CONSTRAINT send_window_one_per_scope UNIQUE NULLS NOT DISTINCT (program_id, campaign_id),
	CHECK (num_nonnulls(program_id, campaign_id) <= 1)
);
COMMENT ON TABLE smsfollow.send_window IS 'Hours in which texts may go: of one program, one campaign, or (both NULL) of everything';
COMMENT ON COLUMN smsfollow.send_window.hours IS 'For example Mon-Fri 08:00-20:00; Sat 09:00-13:00; holidays closed. In the local time of the recipient, the end not included';
COMMENT ON COLUMN smsfollow.send_window.holidays IS 'Calendars in smsfollow.holiday on whose days the holiday hours hold';
COMMENT ON COLUMN smsfollow.send_window.on_quiet IS 'Outside of its hours a text waits (defer), waits if it can still go in time (defer_or_expire), or is cancelled; the strictest of its windows decides';
COMMENT ON COLUMN smsfollow.send_window.all_purposes IS 'Of the window for everything: binds transactional and conversational texts too, not marketing alone';
COMMENT ON COLUMN smsfollow.send_window.jurisdictions IS 'The hours of jurisdiction and contact bind these texts too where they are not marketing';

CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.send_window
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.jurisdiction
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.holiday
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

/*
 * Rules that never let a text go are refused when they are saved.  With the
 * law it is enough that one country is left: a tenant may serve one only.
 */
CREATE FUNCTION smsfollow.check_windows() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r record;
BEGIN
	-- what a country and its states, and the default, leave
	FOR r IN
		SELECT j.name, x.name AS other FROM smsfollow.jurisdiction_in_force j
		JOIN smsfollow.jurisdiction_in_force x ON j.regions && x.regions AND x.subdivision IS NULL
			AND daterange(j.valid_from, j.valid_to) && daterange(x.valid_from, x.valid_to)
		WHERE j.hours IS NOT NULL AND x.hours IS NOT NULL AND NOT j.blocked AND NOT x.blocked
			AND NOT smsfollow.hours_in_common('{}', ARRAY[j.hours, x.hours])
		ORDER BY j.name, other LIMIT 1
	LOOP
		RAISE EXCEPTION 'jurisdictions "%" and "%" have no hour in common', r.name, r.other
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Widen the one or the other; smsfollow.window_margin shortens both. To allow no texts at all, set blocked.';
	END LOOP;
	FOR r IN
		SELECT j.name FROM smsfollow.jurisdiction_in_force j
		WHERE j.regions = '{}' AND j.hours IS NOT NULL AND NOT j.blocked AND NOT smsfollow.hours_in_common('{}', ARRAY[j.hours])
	LOOP
		RAISE EXCEPTION 'jurisdiction "%" leaves no hour', r.name
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Widen it; smsfollow.window_margin shortens it.';
	END LOOP;
	-- every program and campaign with its own windows; those that the law binds too, with every country
	FOR r IN
		SELECT b.scope, smsfollow.hours_in_common(b.hours, '{}') AS possible
		FROM (
			SELECT coalesce('campaign "' || c.name || '"', 'program "' || p.name || '"', 'everything') AS scope,
				CASE WHEN coalesce(p.purpose, 'marketing') = 'marketing' OR e.all_purposes THEN e.hours END AS everything,
				ARRAY[CASE WHEN coalesce(p.purpose, 'marketing') = 'marketing' OR e.all_purposes THEN e.hours END, pw.hours, cw.hours] AS hours,
				coalesce(p.purpose, 'marketing') = 'marketing' OR coalesce(e.all_purposes AND e.jurisdictions, false)
					OR coalesce(pw.jurisdictions, false) OR coalesce(cw.jurisdictions, false) AS lawful
			FROM smsfollow.send_window w
			LEFT JOIN smsfollow.campaign c USING (campaign_id)
			LEFT JOIN smsfollow.program p ON p.program_id = coalesce(w.program_id, c.program_id)
			LEFT JOIN smsfollow.send_window e ON e.program_id IS NULL AND e.campaign_id IS NULL
			LEFT JOIN smsfollow.send_window pw ON pw.program_id = p.program_id
			LEFT JOIN smsfollow.send_window cw ON cw.campaign_id = c.campaign_id
		) b
		WHERE NOT smsfollow.hours_in_common(b.hours, '{}')
			OR b.lawful AND NOT EXISTS (
				SELECT FROM smsfollow.jurisdiction_in_force j
				WHERE j.subdivision IS NULL AND NOT j.blocked AND smsfollow.hours_in_common(b.hours, ARRAY[j.hours]))
		ORDER BY b.scope LIMIT 1
	LOOP
		RAISE EXCEPTION 'the windows of % have no hour in common%', r.scope,
				CASE WHEN r.possible THEN ' with those of any jurisdiction' ELSE '' END
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'No text could ever go. Widen one of them; see smsfollow.send_window and smsfollow.jurisdiction.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.check_windows() IS
'Internal: raises invalid_parameter_value when the windows of a program or campaign, alone or with those of every jurisdiction, or the jurisdictions of a country, leave no common minute of the week';

CREATE FUNCTION smsfollow.check_calendars(calendars text[]) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text;
BEGIN
	SELECT u.name INTO missing FROM unnest(calendars) AS u(name)
	WHERE u.name IS NULL OR NOT EXISTS (SELECT FROM smsfollow.holiday h WHERE h.calendar = u.name) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'calendar "%" has no day', coalesce(left(missing, 50), 'null')
			USING ERRCODE = 'undefined_object', HINT = 'Fill it with smsfollow.set_holiday(); SELECT DISTINCT calendar FROM smsfollow.holiday lists what there is.';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.check_calendars(text[]) IS 'Internal: raises undefined_object for a name under which smsfollow.holiday has no day';

CREATE FUNCTION smsfollow.set_window(
	hours text,
	program text DEFAULT NULL,
	campaign text DEFAULT NULL,
	on_quiet text DEFAULT 'defer',
	holidays text[] DEFAULT '{}',
	all_purposes boolean DEFAULT false,
	jurisdictions boolean DEFAULT false
) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write windows through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pid integer;
	cid integer;
BEGIN
	IF program IS NOT NULL AND campaign IS NOT NULL THEN
		RAISE EXCEPTION 'program and campaign exclude each other'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'A campaign is bound by the window of its program too.';
	ELSIF on_quiet IS NULL OR holidays IS NULL OR all_purposes IS NULL OR jurisdictions IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN on_quiet IS NULL THEN 'on_quiet' WHEN holidays IS NULL THEN 'holidays'
			WHEN all_purposes IS NULL THEN 'all_purposes' ELSE 'jurisdictions' END);
	ELSIF on_quiet NOT IN ('defer', 'defer_or_expire', 'cancel') THEN
		RAISE EXCEPTION 'on_quiet "%" is not known', left(on_quiet, 50)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use defer, defer_or_expire or cancel.';
	ELSIF all_purposes AND num_nonnulls(program, campaign) > 0 THEN
		RAISE EXCEPTION 'all_purposes is for the window of everything'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'The window of a program or campaign binds its texts whatever their purpose.';
	END IF;
	PERFORM smsfollow.check_hours(hours), smsfollow.check_calendars(holidays);
	pid := CASE WHEN program IS NOT NULL THEN smsfollow.program_id(program) END;
	cid := CASE WHEN campaign IS NOT NULL THEN smsfollow.campaign_id(campaign) END;
	-- one at a time: two windows that exclude each other must not be saved side by side
	LOCK TABLE smsfollow.send_window IN SHARE ROW EXCLUSIVE MODE;
	DELETE FROM smsfollow.send_window w WHERE w.program_id IS NOT DISTINCT FROM pid AND w.campaign_id IS NOT DISTINCT FROM cid;
	IF hours IS NOT NULL THEN
		INSERT INTO smsfollow.send_window (program_id, campaign_id, hours, holidays, on_quiet, all_purposes, jurisdictions)
		VALUES (pid, cid, hours, holidays, on_quiet, all_purposes, jurisdictions);
		PERFORM smsfollow.check_windows();
	END IF;
	RETURN smsfollow.look_again('quiet_hours');
END
$$;
COMMENT ON FUNCTION smsfollow.set_window(text, text, text, text, text[], boolean, boolean) IS
'Says in which hours, local to the recipient, the texts of a program, of a campaign, or all marketing texts (neither given) may go; replaces what was said before, hours NULL takes it away. Returns how many waiting texts are looked at again. hours: parts of days and hours, separated by semicolons: Mon-Fri 08:00-12:00,14:00-20:00; Sat 20:00-02:00; holidays closed; without days every day; always; the end is not included. on_quiet: outside of its hours a text waits (defer), waits if it can still go before it expires (defer_or_expire), or is cancelled (cancel). holidays: calendars whose days are holidays. all_purposes: binds transactional and conversational texts too. jurisdictions: the law''s and the contact''s hours bind these texts even if they are not marketing. Errors: invalid_parameter_value (also when no common hour would be left), undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_contact_window(phone text, hours text) RETURNS void
LANGUAGE plpgsql
-- definer: callers write contacts through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text;
	contact bigint;
	k record;
	everything text;
BEGIN
	IF phone IS NULL THEN
		PERFORM smsfollow.raise_null('phone');
	ELSIF length(hours) > 200 THEN
		RAISE EXCEPTION 'hours must have at most 200 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Days with the same hours can share a part: Mon-Fri 08:00-20:00.';
	END IF;
	PERFORM smsfollow.check_hours(hours);
	e164 := smsfollow.phone(phone);
	contact := smsfollow.hold_contact(e164);
	SELECT c.contact_id, c.region, c.subdivision INTO STRICT k FROM smsfollow.contact c WHERE c.contact_id = contact;
	everything := (SELECT w.hours FROM smsfollow.send_window w WHERE w.program_id IS NULL AND w.campaign_id IS NULL);
	IF hours IS NOT NULL AND NOT smsfollow.hours_in_common(ARRAY[set_contact_window.hours, everything], (
			SELECT coalesce(array_agg(j.hours), '{}') FROM smsfollow.jurisdiction_in_force j
			WHERE j.name = ANY (smsfollow.jurisdictions_of(e164, k.region, k.subdivision)) AND NOT j.blocked
				AND smsfollow.clock() >= j.valid_from AND smsfollow.clock() < j.valid_to)) THEN
		RAISE EXCEPTION 'these hours have none in common with the windows that bind every text to this contact'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'No marketing text could ever go. Widen them, or record an opt-out.';
	END IF;
	UPDATE smsfollow.contact_state s SET hours = set_contact_window.hours WHERE s.contact_id = k.contact_id;
	PERFORM smsfollow.look_again_at(contact);
END
$$;
COMMENT ON FUNCTION smsfollow.set_contact_window(text, text) IS
'Says in which hours a contact wants marketing texts, in its local time; NULL takes it back. It only tightens what the other windows allow. Texts that hours have put off are judged anew. hours as in set_window, at most 200 characters. Errors: invalid_parameter_value (also when no common hour would be left), null_value_not_allowed';

CREATE FUNCTION smsfollow.set_jurisdiction(
	name text,
	regions text[],
	hours text DEFAULT NULL,
	subdivision text DEFAULT NULL,
	holidays text[] DEFAULT '{}',
	consent text DEFAULT NULL,
	consent_lifetime interval DEFAULT NULL,
	implied_lifetime interval DEFAULT NULL,
	cap_most integer DEFAULT NULL,
	cap_per interval DEFAULT NULL,
	cap_same_subject boolean DEFAULT false,
	blocked boolean DEFAULT false,
	valid_from date DEFAULT '-infinity',
	valid_to date DEFAULT 'infinity',
	source text DEFAULT NULL,
	note text DEFAULT NULL,
	reviewed_on date DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write jurisdictions through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL OR regions IS NULL OR holidays IS NULL OR cap_same_subject IS NULL OR blocked IS NULL OR valid_from IS NULL OR valid_to IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN name IS NULL THEN 'name' WHEN regions IS NULL THEN 'regions' WHEN holidays IS NULL THEN 'holidays'
			WHEN cap_same_subject IS NULL THEN 'cap_same_subject' WHEN blocked IS NULL THEN 'blocked'
			WHEN valid_from IS NULL THEN 'valid_from' ELSE 'valid_to' END);
	ELSIF name = '' OR length(name) > 50 THEN
		RAISE EXCEPTION 'name must have 1 to 50 characters' USING ERRCODE = 'invalid_parameter_value', HINT = 'Name it like us-fl.';
	ELSIF EXISTS (SELECT FROM unnest(regions) AS u(region) WHERE u.region IS NULL OR u.region !~ '^[A-Z]{2}$') THEN
		RAISE EXCEPTION 'regions must be country codes'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use two capital letters of ISO 3166 each, such as GB; an empty array makes it the default.';
	ELSIF subdivision IS NOT NULL AND (subdivision !~ '^([A-Z0-9]{1,3}|\*)$' OR cardinality(regions) = 0) THEN
		RAISE EXCEPTION 'subdivision "%" is not known', left(subdivision, 20)
			USING ERRCODE = 'invalid_parameter_value',
				  HINT = 'Use the second part of a code of ISO 3166-2, such as FL, or * for recipients whose state is not known, together with a region.';
	ELSIF consent NOT IN ('implied', 'soft_opt_in', 'express', 'express_written', 'double_opt_in') THEN
		RAISE EXCEPTION 'consent "%" is not known', left(consent, 50)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use implied, soft_opt_in, express, express_written or double_opt_in.';
	ELSIF consent_lifetime <= '0' OR implied_lifetime <= '0' THEN
		RAISE EXCEPTION 'lifetimes must be more than zero' USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''24 months''.';
	ELSIF (cap_most IS NULL) <> (cap_per IS NULL) OR cap_most <= 0 OR cap_per <= '0' OR cap_per > '366 days' THEN
		RAISE EXCEPTION 'cap_most and cap_per must be given together, more than zero, and at most 366 days'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example cap_most => 3, cap_per => ''24 hours''.';
	ELSIF valid_from >= valid_to THEN
		RAISE EXCEPTION 'valid_from must be before valid_to' USING ERRCODE = 'invalid_parameter_value', HINT = 'valid_to is the first day on which it does not hold.';
	END IF;
	PERFORM smsfollow.check_hours(hours), smsfollow.check_calendars(holidays), smsfollow.check_log_reaches(cap_per);
	LOCK TABLE smsfollow.send_window, smsfollow.jurisdiction IN SHARE ROW EXCLUSIVE MODE;
	INSERT INTO smsfollow.jurisdiction (name, valid_from, valid_to, regions, subdivision, hours, holidays, consent, consent_lifetime,
		implied_lifetime, cap_most, cap_per, cap_same_subject, blocked, source, note, reviewed_on)
	VALUES (name, valid_from, valid_to, regions, subdivision, hours, holidays, consent, consent_lifetime,
		implied_lifetime, cap_most, cap_per, cap_same_subject, blocked, source, note, reviewed_on)
	ON CONFLICT ON CONSTRAINT jurisdiction_pkey DO UPDATE SET valid_to = EXCLUDED.valid_to, regions = EXCLUDED.regions,
		subdivision = EXCLUDED.subdivision, hours = EXCLUDED.hours, holidays = EXCLUDED.holidays, consent = EXCLUDED.consent,
		consent_lifetime = EXCLUDED.consent_lifetime, implied_lifetime = EXCLUDED.implied_lifetime, cap_most = EXCLUDED.cap_most,
		cap_per = EXCLUDED.cap_per, cap_same_subject = EXCLUDED.cap_same_subject, blocked = EXCLUDED.blocked,
		source = EXCLUDED.source, note = EXCLUDED.note, reviewed_on = EXCLUDED.reviewed_on;
	PERFORM smsfollow.check_windows();
	RETURN smsfollow.look_again('quiet_hours');
END
$$;
COMMENT ON FUNCTION smsfollow.set_jurisdiction(text, text[], text, text, text[], text, interval, interval, integer, interval, boolean, boolean, date, date, text, text, date) IS
'Adds or changes a rule of your own about marketing texts in a country or state; one of the name of a built-in rule replaces it. Returns how many waiting texts are looked at again. regions: ISO 3166, empty for the default; subdivision: second part of ISO 3166-2, * where it is not known; hours and holidays as in set_window, hours NULL: any; consent: the least kind; cap: rolling; blocked: no marketing texts at all; valid_to: not any more on that day. Several rows of one name may follow each other in time. Errors: invalid_parameter_value (also when no common hour would be left), undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.reset_jurisdiction(name text) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers write jurisdictions through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL THEN
		PERFORM smsfollow.raise_null('name');
	END IF;
	LOCK TABLE smsfollow.send_window, smsfollow.jurisdiction IN SHARE ROW EXCLUSIVE MODE;
	DELETE FROM smsfollow.jurisdiction j WHERE j.name = reset_jurisdiction.name AND NOT j.builtin;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no jurisdiction "%" of your own', left(name, 50)
			USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM smsfollow.jurisdiction WHERE NOT builtin lists them.';
	END IF;
	PERFORM smsfollow.check_windows();
	RETURN smsfollow.look_again('quiet_hours');
END
$$;
COMMENT ON FUNCTION smsfollow.reset_jurisdiction(text) IS
'Takes back what set_jurisdiction() said under a name; the built-in rule of that name holds again. Returns how many waiting texts are looked at again. Errors: undefined_object, invalid_parameter_value (no common hour would be left), null_value_not_allowed';

CREATE FUNCTION smsfollow.next_open(phone text, time_zone text, region text, subdivision text, contact_hours text,
	program integer, campaign integer, purpose text, from_at timestamptz) RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'smsfollow_next_open';
COMMENT ON FUNCTION smsfollow.next_open(text, text, text, text, text, integer, integer, text, timestamptz) IS
'Internal, under next_allowed: the first instant from from_at on that suits all windows; NULL when there is none. purpose NULL counts as marketing';

CREATE FUNCTION smsfollow.next_allowed(place text, program text DEFAULT NULL, from_at timestamptz DEFAULT NULL, campaign text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql
-- definer: reads tables that callers may not read
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e164 text;
	k record;
	cid integer;
	p record;
	starts timestamptz := coalesce(from_at, smsfollow.clock());
BEGIN
	IF place IS NULL THEN
		PERFORM smsfollow.raise_null('place');
	ELSIF NOT isfinite(starts) OR starts NOT BETWEEN '1900-01-01' AND '9000-01-01' THEN
		RAISE EXCEPTION 'from_at must be between the years 1900 and 9000'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out to begin now.';
	END IF;
	IF campaign IS NOT NULL THEN
		cid := smsfollow.campaign_id(campaign);
		SELECT x.program_id, x.purpose INTO p FROM smsfollow.campaign c JOIN smsfollow.program x USING (program_id) WHERE c.campaign_id = cid;
	ELSE
		SELECT x.program_id, x.purpose INTO p FROM smsfollow.program x
		WHERE x.program_id = CASE WHEN program IS NOT NULL THEN smsfollow.program_id(program) END;
	END IF;
	IF place ~ '^[[:space:]]*[+(0-9]' THEN
		e164 := smsfollow.phone(place);
		SELECT s.time_zone, c.region, c.subdivision, s.hours INTO k
		FROM smsfollow.contact c JOIN smsfollow.contact_state s USING (contact_id)
		WHERE c.contact_id = smsfollow.contact_id(e164);
		RETURN smsfollow.next_open(e164, k.time_zone, k.region, k.subdivision, k.hours, p.program_id, cid, p.purpose, starts);
	END IF;
	PERFORM smsfollow.check_time_zone(place);
	RETURN smsfollow.next_open(NULL, place, NULL, NULL, NULL, p.program_id, cid, p.purpose, starts);
END
$$;
COMMENT ON FUNCTION smsfollow.next_allowed(text, text, timestamptz, text) IS
'The first instant at or after from_at (default: now) at which the windows let a text of a program (or campaign) go to a number, or to somebody in a time zone; NULL when there is none within 400 days, or nobody knows the zone of the number. place: a phone number, or a name of pg_timezone_names. Neither program nor campaign: a marketing text that only the window of everything and the law bind. A zone says nothing about the country: jurisdictions are looked at for numbers only. Windows alone are looked at, not consent or caps: see explain(). Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';
