# What the workers show of themselves while they wait, and the vacuum of the queue.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new(conf => { 'autovacuum' => 'off' });
my $named = $sms->sql('SHOW server_version_num') >= 170000;

# Wait events have names of their own from PostgreSQL 17 on.
for my $worker (qw(Launcher Scheduler Dispatcher))
{
	my $event = $named ? "Smsfollow$worker" : 'Extension';

	ok($sms->wait_for("SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity WHERE backend_type = lower('smsfollow $worker')", "Extension $event"),
		"the \L$worker\E waits for $event");
}

# Texts that were cancelled a moment later, many at once.
my $vacuumed = "SELECT vacuum_count > 0 FROM pg_stat_all_tables WHERE relid = 'smsfollow.ready'::regclass";
$sms->sql('INSERT INTO smsfollow.ready (lane, send_at, message_id, message_at, contact_id, campaign_id, program_id)
		SELECT 1, now() + interval \'1 day\', g, now(), g, 1, 1 FROM generate_series(1, 20000) g;
	DELETE FROM smsfollow.ready');
is($sms->sql($vacuumed), 'f', 'dead rows');
ok(Smsfollow::poll(sub { $sms->sql("SELECT smsfollow.wake('scheduler')"); $sms->sql($vacuumed) eq 't' }), 'the scheduler vacuums them');
is($sms->sql("SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = 'smsfollow.ready'::regclass"), 0, 'away');
my $id = $sms->send($sms->contact, 'Hello');
ok($sms->wait_for_state($id, 'accepted'), 'and the queue goes on');
unlike($sms->log, qr/(WARNING|ERROR|FATAL|PANIC):/, 'without an error');
is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
