/*
 * Row-level security by tenant, behind the conditions in functions and views.
 * It binds who reads tables and does not own them: operators of no tenant, and
 * whomever an administrator grants more than grant_access() does.  A row whose
 * tenant stands elsewhere is seen by who sees the row it belongs to.  For the
 * worker's role it costs one question a statement; tables that each text reads
 * and no level is granted have no policy.
 *
 * pg_dump leaves the policies of an extension's tables to its script.
 */
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT v.relation, CASE WHEN v.parent IS NULL THEN 'coalesce(tenant_id = (SELECT smsfollow.acting_tenant()), true)'
			ELSE pg_catalog.format('(SELECT smsfollow.acting_tenant()) IS NULL OR EXISTS (SELECT FROM smsfollow.%1$I p WHERE p.%2$I = %3$I.%2$I)',
								   v.parent, v.key, v.relation) END AS condition
		FROM (VALUES
			('contact', NULL, NULL), ('contact_phone', NULL, NULL), ('program', NULL, NULL),
			('campaign', NULL, NULL), ('template', NULL, NULL), ('offer', NULL, NULL),
			('consent_event', 'contact', 'contact_id'), ('consent_evidence', 'contact', 'contact_id'),
			('in_doubt', 'contact', 'contact_id'), ('privacy_request', 'contact', 'contact_id'),
			('program_text', 'program', 'program_id'), ('program_link', 'program', 'program_id'),
			('campaign_link', 'campaign', 'campaign_id'), ('coupon', 'offer', 'offer_id'),
			('template_version', 'template', 'template_id'),
			('template_wording', 'template_version', 'template_version_id')) AS v(relation, parent, key)
	LOOP
		EXECUTE pg_catalog.format('CREATE POLICY tenant ON smsfollow.%I USING (%s)', r.relation, r.condition);
		EXECUTE pg_catalog.format('COMMENT ON POLICY tenant ON smsfollow.%I IS %L', r.relation, 'Rows of the tenant that the session acts for');
		EXECUTE pg_catalog.format('ALTER TABLE smsfollow.%I ENABLE ROW LEVEL SECURITY', r.relation);
	END LOOP;
END
$$;
