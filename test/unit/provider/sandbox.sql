-- The sandbox decides by the last four digits.
CREATE FUNCTION sb(t text, settings jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT unit_sandbox((SELECT description FROM smsfollow.provider_kind WHERE name = 'sandbox'), settings, '{}', t) $$;
SELECT is(sb(t), want, 'sandbox ' || t)
FROM (VALUES
	('+14155550001', 'rejected bad_recipient code=1 text=the sandbox does not know this number delay=0 receipt=-'),
	('+14155550002', 'rejected opted_out code=2 text=the sandbox says that this number opted out delay=0 receipt=-'),
	('+14155550003', 'retry transient code=3 text=the sandbox is busy delay=0 receipt=-'),
	('+14155550004', 'retry rate_limited hold=sender wait=1000 code=4 text=the sandbox wants fewer texts delay=0 receipt=-'),
	('+14155550005', 'in_doubt ambiguous text=the sandbox lost its answer delay=0 receipt=-'),
	('+14155550006', 'accepted ok id=sandbox-7 status=accepted delay=2000 receipt=delivered'),
	('+14155550007', 'accepted ok id=sandbox-7 status=accepted delay=0 receipt=undelivered'),
	('+14155550008', 'accepted ok id=sandbox-7 status=accepted delay=0 receipt=delivered'),
	('+14155550000', 'accepted ok id=sandbox-7 status=accepted delay=0 receipt=delivered'),
	('+14155551001', 'accepted ok id=sandbox-7 status=accepted delay=0 receipt=delivered'),
	('1', 'accepted ok id=sandbox-7 status=accepted delay=0 receipt=delivered')) AS v (t, want);
SELECT is(sb('+14155550006', '{"delay_ms": 250}'), 'accepted ok id=sandbox-7 status=accepted delay=2250 receipt=delivered', 'a delay of one''s own');
SELECT is(error_of(format('SELECT sb(%L, %L)', '+14155550006', jsonb_build_object('delay_ms', v))), '22023 provider "unit": setting "delay_ms": must be a whole number from 0 to 60000', 'delay ' || v)
FROM unnest(ARRAY['-1', '60001', '1.5', 'x', '99999999999']) AS v;
