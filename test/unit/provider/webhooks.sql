-- Callback samples of many gateways, when the files are there: :descriptors
-- and :samples are their contents, empty when they are not.
SELECT :'samples' = '' AS absent \gset
\if :absent
\echo '# skip: no callback samples beside this repository'
\else
CREATE FUNCTION provider_events(jsonb, jsonb, jsonb) RETURNS jsonb AS :'module', 'smsfollow_provider_events' LANGUAGE C STRICT;
-- The text behind percent-encoding.
CREATE FUNCTION url_decode(t text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT COALESCE(convert_from(string_agg(CASE WHEN m[1] ~ '^%..$' THEN decode(substr(m[1], 2), 'hex') ELSE convert_to(m[1], 'UTF8') END, ''), 'UTF8'), '')
	FROM regexp_matches(replace(t, '+', ' '), '(%[0-9A-Fa-f]{2}|.)', 'g') AS m $$;
-- What the web front makes of a request's body.
CREATE FUNCTION payload(content_type text, body text) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT CASE WHEN content_type IN ('query', 'application/x-www-form-urlencoded')
		THEN (SELECT jsonb_object_agg(url_decode(split_part(f, '=', 1)), url_decode(substr(f, strpos(f, '=') + 1)))
			  FROM regexp_split_to_table(body, '&') AS f)
		ELSE body::jsonb END $$;
-- An event in the words of the samples, as far as the sample names them.
CREATE FUNCTION in_their_words(e jsonb, wanted jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT jsonb_object_agg(k, CASE k
		WHEN 'event' THEN to_jsonb(CASE e ->> 'type' WHEN 'receipt' THEN 'dlr' ELSE e ->> 'type' END)
		WHEN 'id' THEN e -> 'provider_message_id'
		WHEN 'status' THEN e -> 'provider_status'
		-- a class as norm: not delivered, for that reason
		WHEN 'norm' THEN CASE WHEN wanted ->> 'norm' IN ('bad_recipient', 'opted_out', 'blocked') AND e ->> 'status' = 'undelivered' THEN e -> 'reason' ELSE e -> 'status' END
		WHEN 'class' THEN e -> 'reason'
		WHEN 'concat' THEN jsonb_build_object('ref', e -> 'concat_ref', 'part', e ->> 'concat_part', 'total', e ->> 'concat_total')
		ELSE e -> k END) FROM jsonb_object_keys(wanted) AS k $$;
SELECT is(
	(SELECT jsonb_agg(in_their_words(e, s.sample -> 'expect' -> (n::int - 1)) ORDER BY n) FROM jsonb_array_elements(
		provider_events(:'descriptors'::jsonb -> 'kinds' -> (s.sample ->> 'kind'), '{}', payload(s.sample ->> 'content_type', s.sample ->> 'body'))) WITH ORDINALITY AS x (e, n))::text,
	-- ids are texts with us
	(SELECT jsonb_agg(CASE WHEN w ? 'id' THEN jsonb_set(w, '{id}', to_jsonb(w ->> 'id')) ELSE w END ORDER BY n) FROM jsonb_array_elements(s.sample -> 'expect') WITH ORDINALITY AS x (w, n))::text,
	'callback sample ' || s.i || ', ' || (s.sample ->> 'kind'))
FROM jsonb_array_elements(:'samples'::jsonb -> 'samples') WITH ORDINALITY AS s (sample, i);
\endif
