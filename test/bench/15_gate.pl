# What the gate costs: time in claim() alone, without network and settling.
#
#	bare	texts of a compliance program, which caps, budgets and windows do not
#			bind: the claim with consent, pauses and sender
#	full	texts of a marketing program to the same contacts, with three caps that
#			each count the contact's past, a budget, and windows
#
# Then the full gate again, with 10,000 attempts in the log and with
# BENCH_ATTEMPTS (10,000,000) of them spread over a year.
use strict;
use warnings;

use Bench;

my $ATTEMPTS = $ENV{BENCH_ATTEMPTS} // 10_000_000;
my $CLAIMED = 20_000;
my $customers = Bench::customers();
my $sms = Bench::server();

# noon in New York, where all of them live
my $offset = $sms->sql("SELECT extract(epoch FROM (date_trunc('day', now() AT TIME ZONE 'America/New_York') + interval '36 hours') AT TIME ZONE 'America/New_York' - now())");
$sms->sql("
	SELECT smsfollow.create_program('notices', 'compliance', 'Acme'), smsfollow.create_program('offers', 'marketing', 'Acme');
	UPDATE smsfollow.sender SET price_per_segment = 0.0079, price_currency = 'USD';
	INSERT INTO smsfollow.contact_consent (contact_id, program_id, state, consent_event_id, since, kind)
		SELECT 1000 + order_id, p.program_id, 'opted_in', 1000 + order_id, now(), 'express_written'
		FROM orders, smsfollow.program p WHERE p.name IN ('notices', 'offers');
	UPDATE smsfollow.contact_state SET time_zone = 'America/New_York' WHERE contact_id > 1000");
$sms->sql('VACUUM ANALYZE smsfollow.contact_consent, smsfollow.contact_state');

# Microseconds a text in claim(), for texts of a program to the first customers.
# They are not settled, so that the log stays as it is.
sub claim_us
{
	my ($program) = @_;

	$sms->sql("SET smsfollow.clock_offset = $offset;
		SELECT smsfollow.schedule_many('SELECT phone, ''Your order '' || order_id || '' is on its way. Reply STOP to opt out.'' AS body
			FROM orders WHERE order_id <= $CLAIMED', campaign => '$program')");
	$sms->sql('VACUUM ANALYZE smsfollow.ready');
	my $us = $sms->sql("SET smsfollow.clock_offset = $offset;
		CREATE TEMPORARY TABLE taken (n integer, us double precision);
		DO \$\$
		DECLARE
			start timestamptz;
			sent integer;
			kept integer;
		BEGIN
			LOOP
				start := clock_timestamp();
				SELECT count(*) FILTER (WHERE c.fate = 'send'), count(*) FILTER (WHERE c.fate <> 'send') INTO sent, kept
				FROM smsfollow.claim(200, 0) c;
				INSERT INTO taken VALUES (sent, extract(epoch FROM clock_timestamp() - start) * 1e6);
				COMMIT;
				IF kept > 0 THEN
					RAISE EXCEPTION '% texts did not go: %', kept, (SELECT max(v.code || ', ' || v.rule) FROM smsfollow.verdict v);
				END IF;
				EXIT WHEN sent = 0;
			END LOOP;
		END \$\$;
		-- the first waves make plans and read tables
		SELECT sum(us) / sum(n) FROM (SELECT * FROM taken WHERE n > 0 OFFSET 5) t");
	$sms->sql('DELETE FROM smsfollow.inflight; DELETE FROM smsfollow.spend_delta');
	$sms->sql('VACUUM smsfollow.ready, smsfollow.inflight, smsfollow.message');
	return $us;
}

# Attempts in the log: n of the first customers or of all, so many days back.
sub fill
{
	my ($n, $of, $days) = @_;

	$sms->sql("SELECT smsfollow.make_partitions(now() - $days * interval '24 hours', 1 + $days / 7)");
	$sms->sql("INSERT INTO smsfollow.attempt (at, message_id, contact_id, campaign_id, attempt, epoch, started_at, outcome, reason,
			provider_id, sender_id, provider_message_id, segments, encoding, body, program_id, marketing, price, price_currency)
		SELECT x.at, -g, 1001 + g % $of, c.campaign_id, 1, 0, x.at, 'accepted', 'ok', s.provider_id, s.sender_id, 'bench-' || g, 1, 'GSM-7',
			'Your order is on its way.', c.program_id, true, 0.0079, 'USD'
		FROM smsfollow.campaign c, smsfollow.default_sender d JOIN smsfollow.sender s USING (sender_id), generate_series(1, $n) g
		CROSS JOIN LATERAL (SELECT now() - (g::bigint * 7919 % (86400 * $days)) * interval '1 second' AS at) x
		WHERE c.name = 'offers'");
	$sms->sql('VACUUM ANALYZE smsfollow.attempt');
}

# Takes the limits away again.
sub lift
{
	$sms->sql("SELECT smsfollow.set_window(NULL), smsfollow.set_window(NULL, program => 'offers'), smsfollow.set_window(NULL, campaign => 'offers');
		UPDATE smsfollow.contact_state SET hours = NULL WHERE contact_id > 1000;
		SELECT smsfollow.drop_cap(name) FROM smsfollow.cap_rule;
		SELECT smsfollow.drop_budget(name) FROM smsfollow.budget");
}

fill(10_000, $CLAIMED / 4, 7);
claim_us('notices');	# what is read for the first time comes from disk
my (@bare, @without, @full);
for my $round (1 .. $ROUNDS)
{
	push @bare, claim_us('notices');
	push @without, claim_us('offers');
	$sms->sql("SELECT smsfollow.set_window('08:00-20:00'), smsfollow.set_window('Mon-Sun 09:00-19:00; holidays 10:00-18:00', program => 'offers', holidays => '{us}'),
			smsfollow.set_window('10:00-18:00', campaign => 'offers');
		UPDATE smsfollow.contact_state SET hours = '09:30-18:30' WHERE contact_id > 1000;
		SELECT smsfollow.create_cap('week', 50, '168 hours'), smsfollow.create_cap('day', 20, '1 day', 'program', 'offers'),
			smsfollow.create_cap('month', 100, '1 month', period => 'calendar', unit => 'segments'),
			smsfollow.create_budget('day', 1000000, 'USD')");
	push @full, claim_us('offers');
	lift() if $round < $ROUNDS;
	note('round %d: bare %.1f us  marketing %.1f us  full %.1f us', $round, $bare[-1], $without[-1], $full[-1]);
}
my ($bare, $full) = (median(@bare), median(@full));
row('claim of a text that nothing limits', '%8.1f us', $bare);
row('the same of a marketing text', '%8.1f us', median(@without));
row('the same with windows of three layers, three caps, a budget', '%8.1f us', $full);
row('the full gate adds', '%8.1f us a text  (wanted: at most 40)', $full - $bare);

my $small = median(map { claim_us('offers') } 1 .. $ROUNDS);
fill($ATTEMPTS, $customers, 360);
my $large = median(map { claim_us('offers') } 1 .. $ROUNDS);
row('full gate with 10000 attempts in the log', '%8.1f us', $small);
row("the same with $ATTEMPTS", '%8.1f us  (%.2f times, wanted: at most 1.3)', $large, $large / $small);

# as it was
lift();
$sms->sql('DELETE FROM smsfollow.attempt WHERE message_id < 0');
$sms->sql('VACUUM smsfollow.attempt');
1;
