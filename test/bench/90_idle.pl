# What workers do when nothing is due and the safety poll is far away: nothing.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;
use Smsfollow qw(poll);

my $sms = Bench::server();

$sms->reconfigure('smsfollow.poll_interval' => "'30min'");
$sms->sql('SELECT smsfollow.resume_worker()');
$sms->wait_for('SELECT count(*) FROM smsfollow.kpi_delta', 0);
# the scheduler's last job after work comes a minute later
my ($wakeups, $settled) = ('', 0);
poll(sub {
	select(undef, undef, undef, 0.5);
	my $now = $sms->sql("SELECT sum(calls) FROM pg_stat_statements WHERE query !~ 'stat_worker|pg_stat_statements'") . ' ' . $sms->worker('wakeups');
	($settled, $wakeups) = (time + 70, $now) if $now ne $wakeups;
	return time >= $settled;
});
$wakeups = $sms->worker('wakeups');
$sms->sql('SELECT pg_stat_statements_reset()');
my $until = time + 20;
poll(sub { time >= $until });
row('idle for 20 s: wake-ups of the dispatcher', '%8d  (wanted: 0)', $sms->worker('wakeups') - $wakeups);
row('idle for 20 s: statements of the workers', '%8s  (wanted: 0)', $sms->sql("SELECT count(*) || coalesce(': ' || string_agg(left(s.query, 60), '; '), '')
	FROM pg_stat_statements s WHERE s.query !~ 'stat_worker|pg_stat_statements'"));
$sms->reconfigure('smsfollow.poll_interval' => "'1min'");
pause();
1;
