/*
 * Short links: one for each link of each text, on the program's own domain,
 * and the clicks on them.
 *
 * A code is drawn by the claim from the strong random source and its row is
 * written in the transaction that permits the text: no link is sent that is
 * not known, and none is known that could not have been sent.  Ten characters
 * of 62 are 59.5 bits: with 100 million links alive, a guess finds one in
 * 8 billion tries.
 *
 * link is partitioned by week, as message is.  New codes then go into an index
 * of one week, which stays in memory; one index over all codes would be hit
 * at random places, and each place costs a page of WAL after a checkpoint.
 * A look-up asks the latest weeks first.
 */
CREATE TABLE smsfollow.program_link (
	program_id integer PRIMARY KEY REFERENCES smsfollow.program,
	domain text NOT NULL CHECK (domain ~ '^https://[^/]+/([^?#]*/)?$'),
	params jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
	expires_after interval NOT NULL
);
COMMENT ON TABLE smsfollow.program_link IS 'Programs whose links are shortened. Write through smsfollow.set_link_domain()';
COMMENT ON COLUMN smsfollow.program_link.domain IS 'What a short link begins with: https://, host, and a path that ends in /';
COMMENT ON COLUMN smsfollow.program_link.params IS 'Query parameters added to each target; values are templates over campaign and program (their names)';
COMMENT ON COLUMN smsfollow.program_link.expires_after IS 'From sending, 1 hour to 2 years';

CREATE TABLE smsfollow.campaign_link (
	campaign_id integer PRIMARY KEY REFERENCES smsfollow.campaign,
	params jsonb NOT NULL CHECK (jsonb_typeof(params) = 'object')
);
COMMENT ON TABLE smsfollow.campaign_link IS 'Query parameters of a campaign''s own, laid over the program''s; null takes one away';

CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.program_link
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();
CREATE TRIGGER raise_config_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON smsfollow.campaign_link
	FOR EACH STATEMENT EXECUTE FUNCTION smsfollow.raise_config_version();

CREATE TABLE smsfollow.link (
	created_at timestamptz NOT NULL,
	code text NOT NULL,
	message_id bigint NOT NULL,
	contact_id bigint NOT NULL,
	campaign_id integer NOT NULL,
	expires_at timestamptz NOT NULL,
	target text NOT NULL
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE smsfollow.link IS 'Short links of texts that were permitted to go; never changed';
COMMENT ON COLUMN smsfollow.link.code IS 'Ten letters and digits at the end of the short link';
COMMENT ON COLUMN smsfollow.link.target IS 'Where it leads: the link of the text, with the parameters of program and campaign';

CREATE TABLE smsfollow.click (
	at timestamptz NOT NULL,
	clicked_at timestamptz NOT NULL,
	code text NOT NULL,
	message_id bigint NOT NULL,
	contact_id bigint NOT NULL,
	campaign_id integer NOT NULL,
	class text NOT NULL,
	rule text,
	rule_version integer NOT NULL,
	prefetch boolean NOT NULL,
	user_agent text,
	ip inet
) PARTITION BY RANGE (at);
COMMENT ON TABLE smsfollow.click IS 'Every request for a short link, whoever made it';
COMMENT ON COLUMN smsfollow.click.at IS 'When it was recorded';
COMMENT ON COLUMN smsfollow.click.class IS 'human, bot, or preview (a messenger that shows what is behind the link)';
COMMENT ON COLUMN smsfollow.click.rule IS 'What decided the class: prefetch, too_soon, many_links, before_delivery, or a rule of smsfollow.click_rule; NULL for a human';
COMMENT ON COLUMN smsfollow.click.rule_version IS 'Version of the rules that gave it this class';
COMMENT ON COLUMN smsfollow.click.prefetch IS 'The application said that it was a HEAD request or a prefetch';
COMMENT ON COLUMN smsfollow.click.ip IS 'As smsfollow.click_ip says: whole, truncated (24 bits of IPv4, 48 of IPv6) or NULL';

CREATE TABLE smsfollow.clicker (
	contact_id bigint NOT NULL,
	campaign_id integer NOT NULL,
	clicks bigint NOT NULL CHECK (clicks >= 0),
	PRIMARY KEY (contact_id, campaign_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE smsfollow.clicker IS 'Who clicked in a campaign: counts each contact once, however many clicks come at the same time';
COMMENT ON COLUMN smsfollow.clicker.clicks IS 'Clicks of class human';

CREATE TABLE smsfollow.click_rule (
	token text NOT NULL CHECK (token = lower(token) AND length(token) BETWEEN 3 AND 100),
	class text NOT NULL CHECK (class IN ('human', 'bot', 'preview')),
	version integer NOT NULL,
	builtin boolean NOT NULL DEFAULT false,
	PRIMARY KEY (token, builtin)
);
COMMENT ON TABLE smsfollow.click_rule IS 'User agents that are no people: what contains the token, in small letters, is of this class; the longest token that fits decides, of equal ones yours. Add your own with smsfollow.set_click_rule()';
COMMENT ON COLUMN smsfollow.click_rule.class IS 'bot, preview, or human: an exception from shorter tokens';
COMMENT ON COLUMN smsfollow.click_rule.version IS 'Version of the rules since which it stands; the highest is the present version';
COMMENT ON COLUMN smsfollow.click_rule.builtin IS 'True for the rules that come with the extension; they follow its version and are not dumped';

INSERT INTO smsfollow.click_rule (token, class, version, builtin)
SELECT t, 'preview', 1, true FROM unnest(ARRAY[
	'facebookexternalhit', 'facebot', 'twitterbot', 'whatsapp/', 'telegrambot', 'slackbot', 'slack-imgproxy', 'discordbot',
	'linkedinbot', 'skypeuripreview', 'google-pagerenderer', 'google messages', 'googlemessages', 'bingpreview', 'iframely',
	'embedly', 'redditbot', 'pinterestbot', 'mattermost', 'snap url preview', 'yahoo link preview', 'kakaotalk-scrap', 'vkshare',
	'link preview', 'linkpreview', 'url preview', 'viberbot', 'zoombot', 'signal-preview', 'imessagebot']) AS t
UNION ALL
SELECT t, 'bot', 1, true FROM unnest(ARRAY[
	'googlebot', 'google-safety', 'google-read-aloud', 'googleother', 'bingbot', 'yandexbot', 'baiduspider', 'duckduckbot',
	'applebot', 'bitlybot', 'ahrefsbot', 'semrushbot', 'mj12bot', 'petalbot', 'bytespider', 'amazonbot', 'bot/', 'bot;', 'bot)', '+http',
	'crawler', 'spider', 'scanner', 'curl/', 'wget/', 'python-requests', 'python-urllib', 'aiohttp', 'python-httpx', 'go-http-client',
	'java/', 'apache-httpclient', 'okhttp', 'libwww-perl', 'node-fetch', 'axios/', 'headlesschrome', 'phantomjs', 'puppeteer',
	'playwright', 'selenium', 'proofpoint', 'barracuda', 'mimecast', 'safelinks', 'ms-office', 'microsoft office', 'outlook',
	'virustotal', 'urlscan', 'uptimerobot', 'pingdom']) AS t;

CREATE FUNCTION smsfollow.check_link_params(params jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	e record;
BEGIN
	IF jsonb_typeof(params) <> 'object' THEN
		RAISE EXCEPTION 'params must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example {"utm_source": "sms"}.';
	END IF;
	IF (SELECT count(*) FROM jsonb_object_keys(params)) > 10 THEN
		RAISE EXCEPTION 'params has more than 10 members'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Keep to the utm_ parameters that your analytics reads.';
	END IF;
	FOR e IN SELECT p.key, p.value FROM jsonb_each(params) p LOOP
		IF e.key !~ '^[A-Za-z0-9_.-]{1,50}$' THEN
			RAISE EXCEPTION 'params member "%" is no name of a query parameter', left(e.key, 60)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 1 to 50 letters, digits, underscores, dots or hyphens.';
		ELSIF jsonb_typeof(e.value) NOT IN ('string', 'null') OR length(e.value #>> '{}') > 200 THEN
			RAISE EXCEPTION 'params member "%" must be a text of at most 200 characters', e.key
				USING ERRCODE = 'invalid_parameter_value', HINT = 'null takes the program''s parameter away.';
		ELSIF jsonb_typeof(e.value) = 'string' THEN
			PERFORM smsfollow.render(e.value #>> '{}', '{"campaign": "c", "program": "p"}', '{}');
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.check_link_params(jsonb) IS 'Internal: raises invalid_parameter_value unless these can be parameters of links';

CREATE FUNCTION smsfollow.set_link_domain(
	program text,
	domain text,
	params jsonb DEFAULT '{"utm_source": "{{ program }}", "utm_medium": "sms", "utm_campaign": "{{ campaign }}"}',
	expires_after interval DEFAULT '90 days'
) RETURNS text
LANGUAGE plpgsql
-- definer: callers write programs through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.program_id(program);
	address text := domain;
BEGIN
	IF domain IS NULL THEN
		DELETE FROM smsfollow.program_link l WHERE l.program_id = id;
		RETURN NULL;
	END IF;
	IF address !~ '^[A-Za-z]+://' THEN
		address := 'https://' || address;
	END IF;
	IF right(address, 1) <> '/' THEN
		address := address || '/';
	END IF;
	IF address !~ '^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/([A-Za-z0-9_-]+/)*$' OR length(address) > 100 THEN
		RAISE EXCEPTION 'domain "%" cannot be the start of short links', left(domain, 110)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write a host that your application serves with https, such as go.example.com.';
	ELSIF expires_after IS NULL OR expires_after < '1 hour' OR expires_after > '2 years' THEN
		RAISE EXCEPTION 'expires_after must be from 1 hour to 2 years'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example interval ''90 days''.';
	END IF;
	PERFORM smsfollow.check_link_params(coalesce(params, '{}'));
	INSERT INTO smsfollow.program_link AS l (program_id, domain, params, expires_after)
	VALUES (id, address, coalesce(params, '{}'), expires_after)
	ON CONFLICT ON CONSTRAINT program_link_pkey DO UPDATE
	SET domain = excluded.domain, params = excluded.params, expires_after = excluded.expires_after;
	RETURN address;
END
$$;
COMMENT ON FUNCTION smsfollow.set_link_domain(text, text, jsonb, interval) IS
'Has the links of a program''s texts shortened to this host (and path), from the next text on; returns what short links begin with. domain NULL: no shortening. params: query parameters added to targets that do not name them; values are templates over campaign and program. expires_after: 1 hour to 2 years from sending. Links sent before keep working as long as your application serves their host. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_link_params(campaign text, params jsonb) RETURNS void
LANGUAGE plpgsql
-- definer: callers write campaigns through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id integer := smsfollow.campaign_id(campaign);
BEGIN
	IF params IS NULL THEN
		DELETE FROM smsfollow.campaign_link l WHERE l.campaign_id = id;
		RETURN;
	END IF;
	PERFORM smsfollow.check_link_params(params);
	INSERT INTO smsfollow.campaign_link AS l (campaign_id, params) VALUES (id, params)
	ON CONFLICT ON CONSTRAINT campaign_link_pkey DO UPDATE SET params = excluded.params;
END
$$;
COMMENT ON FUNCTION smsfollow.set_link_params(text, jsonb) IS
'Gives a campaign''s links query parameters of their own, laid over the program''s: null as a value takes one away, NULL for params all of the campaign''s. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.link_param(template text, campaign text, program text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN left(smsfollow.render(template, jsonb_build_object('campaign', campaign, 'program', program), '{}'), 200);
EXCEPTION WHEN invalid_parameter_value OR no_data_found THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION smsfollow.link_param(text, text, text) IS
'Internal: the value of a query parameter for the links of a campaign, at most 200 characters; NULL where its template fails or skips for these names: then the link goes without it';

CREATE FUNCTION smsfollow.link_config(campaign integer, OUT domain text, OUT expires_us bigint, OUT names text[], OUT vals text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT l.domain, (extract(epoch FROM l.expires_after) * 1000000)::bigint, p.names, p.vals
	FROM smsfollow.campaign c
	JOIN smsfollow.program g USING (program_id)
	JOIN smsfollow.program_link l USING (program_id)
	LEFT JOIN smsfollow.campaign_link o USING (campaign_id)
	CROSS JOIN LATERAL (
		SELECT array_agg(e.key ORDER BY e.key) AS names, array_agg(e.value ORDER BY e.key) AS vals
		FROM (SELECT x.key, smsfollow.link_param(x.value, c.name, g.name) AS value
			  FROM jsonb_each_text(l.params || coalesce(o.params, '{}')) x WHERE x.value IS NOT NULL) e
		WHERE e.value <> '') p
	WHERE c.campaign_id = link_config.campaign
$$;
COMMENT ON FUNCTION smsfollow.link_config(integer) IS
'Internal: how the links of a campaign are shortened, for the claim; NULLs when they are not. expires_us in microseconds';

/*
 * A look-up asks the last two weeks first, where nearly every click goes, and
 * the older ones only for what is not found there.
 */
CREATE FUNCTION smsfollow.find_link(code text) RETURNS smsfollow.link
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	recent timestamptz := smsfollow.clock() - interval '14 days';
	l smsfollow.link;
BEGIN
	IF code !~ '^[0-9A-Za-z]{10}$' THEN
		RETURN NULL;
	END IF;
	SELECT x.* INTO l FROM smsfollow.link x WHERE x.code = find_link.code AND x.created_at > recent
	ORDER BY x.created_at DESC LIMIT 1;
	IF NOT FOUND THEN
		SELECT x.* INTO l FROM smsfollow.link x WHERE x.code = find_link.code AND x.created_at <= recent
		ORDER BY x.created_at DESC LIMIT 1;
	END IF;
	RETURN l;
END
$$;
COMMENT ON FUNCTION smsfollow.find_link(text) IS 'Internal: the link of a code, NULL when there is none';

CREATE FUNCTION smsfollow.resolve_link(code text, OUT state text, OUT target text)
LANGUAGE plpgsql STABLE
-- definer: answers without giving access to the links
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l smsfollow.link;
BEGIN
	IF code IS NULL THEN
		PERFORM smsfollow.raise_null('code');
	END IF;
	l := smsfollow.find_link(code);
	state := CASE
		-- nothing is told of a contact that was erased
		WHEN NOT EXISTS (SELECT FROM smsfollow.contact_phone p WHERE p.contact_id = l.contact_id) THEN 'unknown'
		WHEN l.expires_at <= smsfollow.clock() THEN 'expired' ELSE 'live' END;
	target := CASE WHEN state = 'live' THEN l.target END;
END
$$;
COMMENT ON FUNCTION smsfollow.resolve_link(text) IS
'Where the short link with this code leads. state: live; expired or unknown, then target is NULL. Records nothing: see record_click. Error: null_value_not_allowed';

CREATE FUNCTION smsfollow.click_facts(
	code text, message bigint, contact bigint, linked_at timestamptz, clicked_at timestamptz, user_agent text, ip inet,
	OUT sent_at timestamptz, OUT delivered_at timestamptz, OUT neighbours bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first_sent_at timestamptz;
BEGIN
	-- the hand-over that the click may follow: the last one before it
	SELECT max(s.started_at) FILTER (WHERE s.started_at <= clicked_at), min(s.started_at) INTO sent_at, first_sent_at
	FROM (SELECT a.started_at FROM smsfollow.attempt a WHERE a.message_id = message AND a.at >= linked_at
		  UNION ALL
		  SELECT i.started_at FROM smsfollow.inflight i WHERE i.contact_id = contact AND i.message_id = message) s;
	sent_at := coalesce(sent_at, first_sent_at, linked_at);
	SELECT min(r.at) INTO delivered_at FROM smsfollow.receipt r
	WHERE r.message_id = message AND r.at >= linked_at AND r.status IN ('delivered', 'read');
	-- a truncated address is that of a whole town
	IF masklen(ip) = (CASE family(ip) WHEN 4 THEN 32 ELSE 128 END) THEN
		SELECT count(DISTINCT c.code) FILTER (WHERE c.code <> click_facts.code) + 1 INTO neighbours FROM smsfollow.click c
		WHERE c.ip = click_facts.ip AND c.at >= click_facts.clicked_at - interval '1 hour'
			AND c.clicked_at BETWEEN click_facts.clicked_at - interval '10 seconds' AND click_facts.clicked_at + interval '10 seconds'
			AND c.user_agent IS NOT DISTINCT FROM click_facts.user_agent;
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.click_facts(text, bigint, bigint, timestamptz, timestamptz, text, inet) IS
'Internal: what the class of a click depends on beside itself: when its text was sent and delivered, and how many links the same device asked for within ten seconds';

CREATE FUNCTION smsfollow.classify_click(
	clicked_at timestamptz, prefetch boolean, user_agent text, sent_at timestamptz, delivered_at timestamptz, neighbours bigint,
	OUT class text, OUT rule text, OUT rule_version integer
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT max(r.version) INTO rule_version FROM smsfollow.click_rule r;
	IF prefetch THEN
		class := 'preview';
		rule := 'prefetch';
		RETURN;
	END IF;
	SELECT r.class, r.token INTO class, rule FROM smsfollow.click_rule r
	WHERE strpos(lower(user_agent), r.token) > 0 ORDER BY length(r.token) DESC, r.builtin, r.token LIMIT 1;
	IF class IN ('bot', 'preview') THEN
		RETURN;
	END IF;
	rule := CASE
		WHEN user_agent = '' THEN 'no_user_agent'
		WHEN clicked_at < sent_at + interval '2 seconds' THEN 'too_soon'
		WHEN clicked_at < delivered_at - interval '1 minute' THEN 'before_delivery'
		WHEN neighbours >= 10 THEN 'many_links' END;
	class := CASE WHEN rule IS NULL THEN 'human' ELSE 'bot' END;
END
$$;
COMMENT ON FUNCTION smsfollow.classify_click(timestamptz, boolean, text, timestamptz, timestamptz, bigint) IS
'Internal: human, bot or preview, and the rule that says so. A person needs 2 s to open a text, and has it before it is reported as delivered (receipts may be late by a minute); ten links at once from one device are a scanner''s';

CREATE FUNCTION smsfollow.count_click(contact bigint, campaign integer, at timestamptz, class text, n integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clickers integer := 0;
	left_over bigint;
BEGIN
	IF class = 'human' AND n > 0 THEN
		INSERT INTO smsfollow.clicker AS k (contact_id, campaign_id, clicks) VALUES (contact, campaign, 1)
		ON CONFLICT ON CONSTRAINT clicker_pkey DO UPDATE SET clicks = k.clicks + 1
		RETURNING k.clicks INTO left_over;
		clickers := CASE left_over WHEN 1 THEN 1 ELSE 0 END;
	ELSIF class = 'human' THEN
		UPDATE smsfollow.clicker k SET clicks = k.clicks - 1
		WHERE k.contact_id = contact AND k.campaign_id = campaign AND k.clicks > 0 RETURNING k.clicks INTO left_over;
		clickers := CASE left_over WHEN 0 THEN -1 ELSE 0 END;
	END IF;
	INSERT INTO smsfollow.kpi_delta (campaign_id, bucket, metric, reason, n)
	SELECT campaign, date_trunc('minute', at), k.metric, k.reason, k.n
	FROM (VALUES ('clicks', class, n), ('clickers', '', clickers)) AS k(metric, reason, n) WHERE k.n <> 0;
	PERFORM smsfollow.wake('scheduler');
END
$$;
COMMENT ON FUNCTION smsfollow.count_click(bigint, integer, timestamptz, text, integer) IS
'Internal: counts a click of a class once more (n = 1) or once less (-1), and its contact as a clicker with the first human click';

CREATE FUNCTION smsfollow.record_click(
	code text,
	user_agent text DEFAULT NULL,
	ip inet DEFAULT NULL,
	at timestamptz DEFAULT NULL,
	prefetch boolean DEFAULT false,
	OUT state text,
	OUT target text,
	OUT class text
)
LANGUAGE plpgsql
-- definer: callers write clicks through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now timestamptz := smsfollow.clock();
	clicked timestamptz := coalesce(at, now);
	agent text := left(user_agent, 500);
	address inet;
	l smsfollow.link;
	f record;
	k record;
BEGIN
	IF code IS NULL THEN
		PERFORM smsfollow.raise_null('code');
	ELSIF NOT isfinite(clicked) OR clicked > now + interval '5 minutes' THEN
		RAISE EXCEPTION 'at must not be in the future'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for a click of this moment.';
	END IF;
	l := smsfollow.find_link(code);
	-- a contact that is being erased keeps nothing of it
	IF l.code IS NOT NULL THEN
		PERFORM FROM smsfollow.contact_phone p WHERE p.contact_id = l.contact_id FOR KEY SHARE;
		IF NOT FOUND THEN
			l := NULL;
		END IF;
	END IF;
	IF l.code IS NULL THEN
		state := 'unknown';
		RETURN;
	END IF;
	state := CASE WHEN l.expires_at <= now THEN 'expired' ELSE 'live' END;
	target := CASE WHEN state = 'live' THEN l.target END;
	address := CASE current_setting('smsfollow.click_ip')
		WHEN 'full' THEN host(ip)::inet
		WHEN 'truncated' THEN network(set_masklen(ip, CASE family(ip) WHEN 4 THEN 24 ELSE 48 END)) END;
	PERFORM smsfollow.ensure_partition(now);
	f := smsfollow.click_facts(l.code, l.message_id, l.contact_id, l.created_at, clicked, agent, address);
	k := smsfollow.classify_click(clicked, coalesce(prefetch, false), agent, f.sent_at, f.delivered_at, f.neighbours);
	class := k.class;
	INSERT INTO smsfollow.click (at, clicked_at, code, message_id, contact_id, campaign_id, class, rule, rule_version, prefetch, user_agent, ip)
	VALUES (now, clicked, l.code, l.message_id, l.contact_id, l.campaign_id, k.class, k.rule, k.rule_version,
			coalesce(prefetch, false), agent, address);
	PERFORM smsfollow.count_click(l.contact_id, l.campaign_id, clicked, k.class, 1);
END
$$;
COMMENT ON FUNCTION smsfollow.record_click(text, text, inet, timestamptz, boolean) IS
'Records a request for a short link and says where to send it: state live (redirect to target), expired or unknown (target is NULL; of an unknown code nothing is kept); class human, bot or preview. user_agent: the header, '''' when there was none, NULL when not known; at most 500 characters are kept. ip is kept as smsfollow.click_ip says. at: when, NULL for now. prefetch: it was a HEAD request or carried Sec-Purpose or Purpose: prefetch. Errors: invalid_parameter_value, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_click_rule(token text, class text) RETURNS integer
LANGUAGE plpgsql
-- definer: callers write rules through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	next_version integer;
BEGIN
	IF token IS NULL OR class IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN token IS NULL THEN 'token' ELSE 'class' END);
	END IF;
	IF length(token) NOT BETWEEN 3 AND 100 THEN
		RAISE EXCEPTION 'token must have 3 to 100 characters'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Take a part of the user agent that no browser of people has.';
	ELSIF class NOT IN ('human', 'bot', 'preview') THEN
		RAISE EXCEPTION 'class "%" is not known', left(class, 100)
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Use human, bot or preview.';
	END IF;
	LOCK TABLE smsfollow.click_rule IN SHARE ROW EXCLUSIVE MODE;
	SELECT max(r.version) + 1 INTO next_version FROM smsfollow.click_rule r;
	INSERT INTO smsfollow.click_rule AS r (token, class, version) VALUES (lower(token), set_click_rule.class, next_version)
	ON CONFLICT ON CONSTRAINT click_rule_pkey DO UPDATE SET class = excluded.class, version = excluded.version;
	RETURN next_version;
END
$$;
COMMENT ON FUNCTION smsfollow.set_click_rule(text, text) IS
'Says of what class clicks are whose user agent contains the token (3 to 100 characters, large and small letters alike); the longest token that fits decides, so human makes an exception. Returns the new version of the rules. Clicks that were recorded keep their class until smsfollow.reclassify_clicks(). Errors: invalid_parameter_value, null_value_not_allowed';

CREATE FUNCTION smsfollow.reclassify_clicks(since timestamptz, until timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
-- definer: callers change clicks through this function only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changed bigint := 0;
	c record;
	f record;
	k record;
BEGIN
	IF since IS NULL THEN
		PERFORM smsfollow.raise_null('since');
	END IF;
	-- one at a time: each moves a count from class to class
	PERFORM pg_advisory_xact_lock(1397576518, 57);
	FOR c IN
		SELECT x.tableoid, x.ctid, x.*, l.created_at
		FROM smsfollow.click x
		JOIN LATERAL (SELECT y.created_at FROM smsfollow.link y
					  WHERE y.code = x.code AND y.message_id = x.message_id LIMIT 1) l ON true
		WHERE x.at >= since AND (until IS NULL OR x.at < until)
			-- what was forgotten by retention or erasure cannot be judged again
			AND (x.user_agent IS NOT NULL OR x.ip IS NOT NULL)
	LOOP
		f := smsfollow.click_facts(c.code, c.message_id, c.contact_id, c.created_at, c.clicked_at, c.user_agent, c.ip);
		k := smsfollow.classify_click(c.clicked_at, c.prefetch, c.user_agent, f.sent_at, f.delivered_at, f.neighbours);
		CONTINUE WHEN k.class = c.class AND k.rule IS NOT DISTINCT FROM c.rule;
		UPDATE smsfollow.click x SET class = k.class, rule = k.rule, rule_version = k.rule_version
		WHERE x.tableoid = c.tableoid AND x.ctid = c.ctid AND x.at = c.at;
		CONTINUE WHEN NOT FOUND;	-- erased meanwhile
		IF k.class <> c.class THEN
			PERFORM smsfollow.count_click(c.contact_id, c.campaign_id, c.clicked_at, c.class, -1);
			PERFORM smsfollow.count_click(c.contact_id, c.campaign_id, c.clicked_at, k.class, 1);
		END IF;
		changed := changed + 1;
	END LOOP;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION smsfollow.reclassify_clicks(timestamptz, timestamptz) IS
'Looks again at the clicks recorded from since on, before until (NULL: to the last), with the rules of now and what is known by now: receipts, and other clicks of the same device. Counts move along, in the minute of the click. Clicks whose user agent and address are not (or no longer) known keep their class. Returns how many changed. Error: null_value_not_allowed';

/*
 * What people look at.
 */
CREATE FUNCTION smsfollow.mask_target(target text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.regexp_replace(target, '[?#].*$', '');
COMMENT ON FUNCTION smsfollow.mask_target(text) IS 'The target of a link without its query and fragment, which may name a person';

CREATE FUNCTION smsfollow.mask_code(code text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog."left"(code, 3) || '*******';
COMMENT ON FUNCTION smsfollow.mask_code(text) IS 'The code of a short link so that nobody can follow it to what mask_target() leaves out';

CREATE VIEW smsfollow.click_log WITH (security_barrier) AS
SELECT c.clicked_at, c.at AS recorded_at, k.name AS campaign, c.message_id, c.contact_id,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN c.code ELSE smsfollow.mask_code(c.code) END AS code,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN l.target ELSE smsfollow.mask_target(l.target) END AS target,
	c.class, c.rule, c.user_agent,
	CASE WHEN (SELECT smsfollow.sees_persons()) THEN c.ip
		 ELSE network(set_masklen(c.ip, least(masklen(c.ip), CASE family(c.ip) WHEN 4 THEN 24 ELSE 48 END))) END AS ip
FROM smsfollow.click c
JOIN smsfollow.campaign k USING (campaign_id)
LEFT JOIN LATERAL (SELECT x.target FROM smsfollow.link x
				   WHERE x.code = c.code AND x.message_id = c.message_id AND x.created_at <= c.at LIMIT 1) l ON true
WHERE coalesce(k.tenant_id = (SELECT smsfollow.acting_tenant()), true);
COMMENT ON VIEW smsfollow.click_log IS 'Every request for a short link, with its class and the rule that gave it. Addresses are truncated, and codes and targets masked, for roles that do not see persons';

CREATE VIEW smsfollow.kpi_link WITH (security_barrier) AS
SELECT k.name AS campaign, t.target, count(*) AS links,
	coalesce(sum(c.clicks), 0)::bigint AS clicks, coalesce(sum(c.bot_clicks), 0)::bigint AS bot_clicks,
	count(DISTINCT l.contact_id) FILTER (WHERE c.clicks > 0) AS clickers
FROM smsfollow.link l
JOIN smsfollow.campaign k USING (campaign_id)
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE x.class = 'human') AS clicks, count(*) FILTER (WHERE x.class <> 'human') AS bot_clicks
				   FROM smsfollow.click x
				   WHERE x.contact_id = l.contact_id AND x.message_id = l.message_id AND x.code = l.code AND x.at >= l.created_at) c ON true
CROSS JOIN LATERAL (SELECT CASE WHEN (SELECT smsfollow.sees_persons()) THEN l.target ELSE smsfollow.mask_target(l.target) END AS target) t
WHERE coalesce(k.tenant_id = (SELECT smsfollow.acting_tenant()), true)
GROUP BY k.campaign_id, k.name, t.target;
COMMENT ON VIEW smsfollow.kpi_link IS 'Clicks by campaign and target, counted from the links that the log still has; narrow it to a campaign. kpi_campaign is quicker, and complete';
COMMENT ON COLUMN smsfollow.kpi_link.clickers IS 'Contacts with at least one human click on this target';
