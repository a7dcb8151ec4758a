/*
 * Media: pictures and the like that go along with a text, as an MMS where the
 * provider takes it, else as links at its end.
 *
 * An item is an address, and where that does not end in a known extension, a
 * blank and the type; then, if it is known, a blank and the size in bytes:
 *
 *	https://cdn.example.com/spring.jpg
 *	https://cdn.example.com/a1b2c3 image/png 48000
 *
 * The database cannot look at what is behind an address; the provider fetches
 * it, and refuses what is too large (reason content).
 */
CREATE FUNCTION smsfollow.check_media(media jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	item text;
	parts text[];
BEGIN
	IF jsonb_typeof(media) <> 'array' OR jsonb_array_length(media) NOT BETWEEN 1 AND 10 THEN
		RAISE EXCEPTION 'media must have 1 to 10 items'
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Write for example ARRAY[''https://cdn.example.com/spring.jpg''], or NULL for none.';
	END IF;
	FOR item IN SELECT a.value #>> '{}' FROM jsonb_array_elements(media) a LOOP
		parts := string_to_array(item, ' ');
		IF item IS NULL OR cardinality(parts) > 3 OR length(item) > 1000
			OR parts[1] !~ '^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/[A-Za-z0-9/._~:?#@!$&''()*+,;=%[\]-]+$' THEN
			RAISE EXCEPTION 'media item "%" is not an https address', left(item, 100)
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'Write https://host/path, percent-encoded; then, where needed, a blank and the type, a blank and the size in bytes.';
		ELSIF NOT coalesce(
			parts[2] = ANY (ARRAY['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'video/mp4', 'video/3gpp', 'audio/mpeg', 'audio/amr',
				'text/vcard', 'text/calendar', 'application/pdf']),
			lower(substring(parts[1] FROM '\.([A-Za-z0-9]+)([?#].*)?$'))
				= ANY (ARRAY['jpg', 'jpeg', 'png', 'gif', 'webp', 'mp4', '3gp', 'mp3', 'amr', 'vcf', 'ics', 'pdf']),
			false) THEN
			RAISE EXCEPTION 'media item "%" is of no type that phones show', left(item, 100)
				USING ERRCODE = 'invalid_parameter_value',
					  HINT = 'Use a JPEG, PNG, GIF, WebP, MP4, 3GP, MP3, AMR, vCard, iCalendar or PDF file; name the type, as in image/png, where the address does not tell.';
		ELSIF parts[3] !~ '^[1-9][0-9]{0,9}$' OR parts[3]::bigint > 5242880 THEN
			RAISE EXCEPTION 'media item "%" is too large, or its size is no number of bytes', left(item, 100)
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Providers take at most 5 MB; phones show pictures below 600 kB most reliably.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION smsfollow.check_media(jsonb) IS
'Internal: raises invalid_parameter_value unless it is a list of 1 to 10 media items: https address, and where needed type and size in bytes (at most 5 MB)';

CREATE FUNCTION smsfollow.set_media(campaign text, media text[]) RETURNS void
LANGUAGE plpgsql
-- definer: callers write campaigns through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM smsfollow.check_media(to_jsonb(media));
	UPDATE smsfollow.campaign c SET media = to_jsonb(set_media.media) WHERE c.campaign_id = smsfollow.campaign_id(campaign);
END
$$;
COMMENT ON FUNCTION smsfollow.set_media(text, text[]) IS
'Media that go along with texts of a campaign that bring none of their own, from the next one queued; media NULL: none. Items as in send. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';

CREATE FUNCTION smsfollow.set_template_media(template text, media text[]) RETURNS void
LANGUAGE plpgsql
-- definer: callers write templates through functions only
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF template IS NULL THEN
		PERFORM smsfollow.raise_null('template');
	END IF;
	PERFORM smsfollow.check_media(to_jsonb(media));
	UPDATE smsfollow.template t SET media = to_jsonb(set_template_media.media) WHERE t.name = template AND t.tenant_id = smsfollow.own_tenant();
	IF NOT FOUND THEN
		RAISE EXCEPTION 'template "%" does not exist', template
			USING ERRCODE = 'undefined_object', HINT = 'Save it with smsfollow.create_template().';
	END IF;
END
$$;
COMMENT ON FUNCTION smsfollow.set_template_media(text, text[]) IS
'Media that go along with texts of a template, where neither text nor campaign brings any, from the next one queued; media NULL: none. Items as in send. Errors: invalid_parameter_value, undefined_object, null_value_not_allowed';
