# schedule_many against a bare INSERT ... SELECT of the same rows into the same tables.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;

my $sms = Bench::server();
my $rows = $ENV{BENCH_BULK} // 1_000_000;
my $customers = Bench::customers();
my (@many, @bare);

pause();
$sms->sql("CREATE TABLE bulk AS SELECT '+1415' || lpad((1 + g % $customers)::text, 7, '0') AS phone, 'Name' || g AS first_name, g AS order_id
	FROM generate_series(1, $rows) g");
$sms->sql('VACUUM ANALYZE bulk');
for my $round (1 .. $ROUNDS)
{
	my $start = time;
	$sms->sql("SELECT smsfollow.schedule_many('SELECT phone, first_name, order_id FROM bulk', campaign => 'followup', send_at => now() + interval '30 days')");
	push @many, time - $start;
	$sms->sql("CREATE TABLE IF NOT EXISTS kept AS SELECT m.*, r.program_id FROM smsfollow.message m JOIN smsfollow.ready r USING (message_id)
		WHERE r.send_at > now() + interval '1 day'");
	$sms->sql('DELETE FROM smsfollow.ready');
	$sms->sql('VACUUM smsfollow.ready');
	$sms->sql('VACUUM ANALYZE kept');
	$sms->sql('CHECKPOINT');
	$start = time;
	$sms->sql("BEGIN;
		INSERT INTO smsfollow.message (message_id, created_at, contact_id, campaign_id, template_version_id, sender_id, lane, send_at, expires_at, created_by, body, vars)
			SELECT message_id, created_at, contact_id, campaign_id, template_version_id, sender_id, lane, send_at, expires_at, created_by, body, vars FROM kept;
		INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
			SELECT lane, send_at, message_id, created_at, contact_id, campaign_id, program_id FROM kept;
		COMMIT");
	push @bare, time - $start;
	$sms->sql('DELETE FROM smsfollow.ready');
	$sms->sql('VACUUM smsfollow.ready');
	$sms->sql('CHECKPOINT');
}
$sms->sql('DROP TABLE bulk, kept');
row("schedule_many of $rows rows", '%8.1f s  (%.0f /s)', median(@many), $rows / median(@many));
row('bare INSERT ... SELECT of the same rows', '%8.1f s  (%.2f of its speed; wanted: 0.50)', median(@bare), median(@bare) / median(@many));
1;
