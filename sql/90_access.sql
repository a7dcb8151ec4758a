/*
 * Who may do what.  Nothing is granted to PUBLIC; roles get a level.
 */
CREATE FUNCTION smsfollow.grant_access(role regrole, level text, tenant text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	f text;
	t text;
	bound integer;
	senders text[] := ARRAY['consent_state', 'confirm_opt_in', 'import_consent', 'import_consent_rows',
		'set_contact_cap',
		'resolve_link', 'record_click',
		'send', 'schedule', 'schedule_many', 'enqueue', 'enqueue_one', 'resolve_batch', 'cancel', 'cancel_for',
		'preview_cost', 'measure_texts', 'segment_price', 'lint_text',
		'explain', 'add_contact', 'opt_in', 'opt_out', 'consent_at', 'record_receipt',
		'next_allowed', 'set_contact_window', 'jurisdictions_of', 'place_zones', 'acting_tenant', 'sees_persons', 'phone', 'phone_info', 'mask_phone', 'render', 'template_body', 'segments', 'smart_encode', 'has_opt_out', 'has_phrase', 'clock'];
	analysts text[] := ARRAY['acting_tenant', 'sees_persons', 'mask_target', 'mask_code', 'period_bounds', 'explain', 'segments', 'mask_phone', 'receipt_rank', 'clock', 'health', 'worker_status'];
	operators text[] := senders || ARRAY['mask_target', 'mask_code', 'verify_consent', 'consent_proof', 'set_consent_rules',
		'set_campaign_tags', 'create_cap', 'alter_cap', 'drop_cap', 'create_budget', 'alter_budget', 'drop_budget',
		'pause_program', 'resume_program', 'pause_all', 'resume_all', 'period_bounds',
		'create_offer', 'add_coupons', 'set_offer', 'set_media', 'set_template_media',
		'set_link_domain', 'set_link_params', 'set_click_rule', 'reclassify_clicks',
		'create_program', 'create_campaign', 'create_template', 'check_template',
		'approve_template', 'retire_template', 'lint', 'template_names', 'literal_text',
		'set_brand', 'set_opt_out_line', 'set_text_rules', 'pause', 'resume',
		'set_window', 'set_jurisdiction', 'reset_jurisdiction', 'set_holiday',
		'resolve_in_doubt', 'create_provider', 'alter_provider', 'add_sender', 'alter_sender', 'pause_provider', 'resume_provider',
		'pause_sender', 'resume_sender', 'set_secret', 'check_provider', 'add_provider_kind', 'preview_request', 'preview_answer', 'start_worker', 'stop_worker',
		'restart_worker', 'pause_worker', 'resume_worker', 'adopt', 'health', 'receipt_rank', 'worker_status',
		'set_retention', 'export_contact', 'erase_contact', 'restrict_contact', 'unrestrict_contact'];
	views text[] := ARRAY['budget_status', 'message_log', 'kpi_link', 'click_log', 'kpi_campaign', 'kpi_reason', 'kpi_count', 'consent_status', 'stat_worker', 'reason_code'];
	-- what concerns the whole database, its workers and accounts, or rules over everything is for operators of no tenant
	everywhere text[] := ARRAY['record_receipt', 'record_click', 'resolve_link', 'health', 'worker_status', 'stat_worker', 'verify_consent',
		'create_cap', 'alter_cap', 'drop_cap', 'create_budget', 'alter_budget', 'drop_budget', 'set_window', 'set_jurisdiction', 'reset_jurisdiction',
		'set_holiday', 'set_click_rule', 'reclassify_clicks', 'set_retention',
		'create_provider', 'alter_provider', 'add_sender', 'alter_sender', 'pause_provider', 'resume_provider', 'pause_sender', 'resume_sender',
		'set_secret', 'check_provider', 'add_provider_kind', 'preview_request', 'preview_answer',
		'start_worker', 'stop_worker', 'restart_worker', 'pause_worker', 'resume_worker', 'adopt', 'pause_all', 'resume_all'];
	names text[];
	relations text[] := '{}';
BEGIN
	IF role IS NULL OR level IS NULL THEN
		PERFORM smsfollow.raise_null(CASE WHEN role IS NULL THEN 'role' ELSE 'level' END);
	END IF;
	IF tenant IS NOT NULL THEN
		bound := smsfollow.tenant_id(tenant);
		IF level NOT IN ('sender', 'analyst', 'operator') THEN
			RAISE EXCEPTION 'level "%" cannot be given for one tenant', level
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Use sender, analyst or operator.';
		ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.oid = role AND r.rolsuper) OR has_table_privilege(role, 'smsfollow.contact_phone', 'SELECT') THEN
			RAISE EXCEPTION 'role % sees the whole database already', role
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Take another role for the tenant.';
		END IF;
	END IF;
	CASE level
		WHEN 'sender' THEN names := senders;
		WHEN 'analyst' THEN names := analysts; relations := views;
		WHEN 'operator' THEN names := operators; relations := views || ARRAY[
			'offer', 'coupon', 'offer_status',
			'program_link', 'campaign_link', 'click_rule',
			'privacy_request', 'retention', 'consent_evidence', 'disclosure', 'opt_out_rule', 'consent_head',
			'cap_rule', 'budget', 'kill_switch',
			'contact', 'contact_phone', 'program', 'program_text', 'program_wording', 'campaign',
			'template', 'template_version', 'template_wording', 'provider', 'provider_kind', 'sender', 'send_window', 'jurisdiction', 'jurisdiction_in_force', 'holiday', 'in_doubt', 'consent_event'];
		WHEN 'worker' THEN
			-- everything in the schema, and nothing outside it
			EXECUTE format('GRANT USAGE ON SCHEMA smsfollow TO %s', role);
			EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA smsfollow TO %s', role);
			EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA smsfollow TO %s', role);
			EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA smsfollow TO %s', role);
			RETURN;
		ELSE
			RAISE EXCEPTION 'level "%" is not known', level
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Use sender, analyst, operator or worker.';
	END CASE;
	IF bound IS NOT NULL THEN
		-- tables have no owner's eye on who reads them: views only
		SELECT array_agg(u.n) INTO names FROM unnest(names) AS u(n) WHERE u.n <> ALL (everywhere);
		SELECT coalesce(array_agg(u.r), '{}') INTO relations FROM unnest(relations) AS u(r)
		WHERE u.r <> ALL (everywhere) AND (u.r = 'reason_code' OR EXISTS (
			SELECT FROM pg_class c WHERE c.oid = to_regclass(format('smsfollow.%I', u.r)) AND c.reloptions @> '{security_barrier=true}'));
		INSERT INTO smsfollow.tenant_role (role, tenant_id, sees_persons) VALUES (grant_access.role, bound, level = 'operator')
		ON CONFLICT ON CONSTRAINT tenant_role_pkey DO UPDATE SET tenant_id = excluded.tenant_id, sees_persons = excluded.sees_persons;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA smsfollow TO %s', role);
	FOR f IN
		SELECT p.oid::regprocedure::text FROM pg_proc p
		WHERE p.pronamespace = 'smsfollow'::regnamespace AND p.proname = ANY (names)
	LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', f, role);
	END LOOP;
	FOREACH t IN ARRAY relations LOOP
		EXECUTE format('GRANT SELECT ON smsfollow.%I TO %s', t, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.grant_access(regrole, text, text) IS
'Gives a role a level: sender (schedule and cancel texts, record consent and receipts), analyst (log and KPIs, numbers masked), operator (all of these, configuration and workers), worker (for smsfollow.worker_role). tenant: the role acts for it alone, may not touch what concerns the whole database, and reads views only; NULL: none. To be called by the owner of the extension. Errors: invalid_parameter_value, undefined_object (tenant), object_not_in_prerequisite_state (the role sees everything already), null_value_not_allowed';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA smsfollow FROM PUBLIC;

/*
 * What pg_dump takes along.  Seed rows stay out by condition; secrets always do.
 */
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT c.oid, CASE c.relname
				WHEN 'provider_kind' THEN 'WHERE NOT builtin'
				WHEN 'click_rule' THEN 'WHERE NOT builtin'
				WHEN 'jurisdiction' THEN 'WHERE NOT builtin'
				WHEN 'holiday' THEN 'WHERE NOT builtin'
				WHEN 'provider' THEN 'WHERE provider_id >= 100'
				WHEN 'sender' THEN 'WHERE sender_id >= 100'
				WHEN 'opt_out_rule' THEN 'WHERE NOT builtin'
				ELSE '' END AS condition
		FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'smsfollow'::pg_catalog.regnamespace
			AND (c.relkind IN ('r', 'p', 'S') AND c.relname NOT IN ('consent_horizon', 'secret', 'reason_code', 'config_version'))
	LOOP
		PERFORM pg_catalog.pg_extension_config_dump(r.oid, r.condition);
	END LOOP;
END
$$;

/* The launcher looks again when this commits. */
SELECT smsfollow.worker_changed();
