-- What came of it. Variables: none.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset footer off
\pset null ''

\qecho
\qecho 'The log: SELECT ... FROM smsfollow.message_log'
\qecho
SELECT id, phone, state, code, seg, text FROM (
	SELECT message_id AS id, phone, state, coalesce(code, error_code) AS code, segments AS seg,
		substr(body, 1, 38) || '...' AS text,
		row_number() OVER (PARTITION BY state, coalesce(code, error_code) ORDER BY message_id) AS n
	FROM smsfollow.message_log) l
WHERE n <= CASE state WHEN 'delivered' THEN 3 ELSE 1 END
ORDER BY state <> 'delivered', id;
