# What the worker uses: memory in a burst, statistics, and nothing when idle.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Smsfollow qw(poll);

# A worker role of its own tells its statements from everybody else's.
my $sms = Smsfollow->new(conf => {
	'shared_preload_libraries' => "'smsfollow, pg_stat_statements'",
	'pg_stat_statements.track_utility' => 'off',
	'smsfollow.max_in_flight' => 64 });
my $gateway = $sms->gateway;

my $CONTACTS = 1000;

# Queues a text to every contact and waits until all are through.
sub burst
{
	my ($name) = @_;

	$sms->sql("SELECT smsfollow.schedule_many('SELECT ''+1415557'' || to_char(n, ''FM0000'') AS phone, ''$name '' || n AS body
		FROM generate_series(1, $CONTACTS) n')");
	return $sms->wait_for("SELECT count(*) FROM smsfollow.attempt WHERE outcome = 'accepted' AND body LIKE '$name %'", $CONTACTS);
}

# Private memory of a process, kB.
sub memory
{
	my ($pid) = @_;
	my ($kb) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;

	return $kb;
}

subtest burst_memory_flat => sub {
	$sms->sql("SELECT count(smsfollow.opt_in('+1415557' || to_char(n, 'FM0000'), 'orders', 'web_form')) FROM generate_series(1, $CONTACTS) n");
	my $pid = $sms->worker('pid');
	ok(burst($_), "burst $_") for 'one', 'two';
	my $before = memory($pid);
	cmp_ok($before, '>', 0, 'measured');
	ok(burst($_), "burst $_") for 'three', 'four', 'five', 'six';
	is($sms->worker('pid'), $pid, 'the same process');
	my $growth = memory($pid) - $before;
	# one more of the blocks that the allocators take at once is no leak, 128 bytes a text are
	cmp_ok($growth, '<', 512, "memory stays as it is ($before kB, and $growth kB)");
	is($sms->sql('SELECT accepted, in_doubt, failed FROM smsfollow.kpi_campaign'), 6 * $CONTACTS . '|0|0', 'every text is counted');
	is($sms->worker('claimed || \' \' || accepted'), 6 * $CONTACTS . ' ' . 6 * $CONTACTS, 'by the worker too');
	cmp_ok($sms->worker('waves'), '<', 6 * $CONTACTS / 4, 'many in a wave');
};

subtest pgstat_flush => sub {
	ok($sms->wait_for("SELECT n_tup_ins >= 6 * $CONTACTS AND n_tup_del >= 6 * $CONTACTS FROM pg_stat_user_tables
		WHERE relid = 'smsfollow.inflight'::regclass", 't', 10), 'what the worker did to the queue shows while it runs');
	like($sms->sql("SELECT query FROM pg_stat_activity WHERE pid = " . $sms->worker('pid')), qr/claiming|settling|reading/, 'and in pg_stat_activity it says what it does');
};

# An alarm text ends a stretch of idle time.  A long stretch costs as much as a
# short one: between the commit that queues it and its time nothing happens.
subtest idle_no_queries => sub {
	$sms->sql('CREATE EXTENSION pg_stat_statements; CREATE ROLE sms_worker LOGIN; SELECT smsfollow.grant_access(\'sms_worker\', \'worker\')');
	$sms->sql('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO sms_worker');
	$sms->sql("SELECT smsfollow.create_template('alarm', 'alarm')");
	$sms->reconfigure('smsfollow.worker_role' => "'sms_worker'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE usename = 'sms_worker' AND state = 'idle'", 2), 'the workers run');
	my $phone = $sms->contact;

	# statements and wake-ups so far, once they have not changed for a while
	my $quiet = sub {
		my ($last, $since) = ('', time);

		poll(sub {
			my $now = $sms->sql("SELECT coalesce(sum(calls), 0) || ' ' || (SELECT sum(wakeups) FROM smsfollow.stat_worker)
				FROM pg_stat_statements WHERE userid = 'sms_worker'::regrole");
			($last, $since) = ($now, time) if $now ne $last;
			return time - $since > 0.7;
		}) or fail('the workers are never quiet');
		return split(/ /, $last);
	};

	# what one alarm costs, from its order to its recorded answer
	my $alarm = sub {
		my ($wait) = @_;
		my @before = $quiet->();
		my $id = $sms->sql("SELECT smsfollow.schedule('$phone', 'alarm', '{}', smsfollow.clock() + interval '$wait ms')");

		ok($sms->wait_for_state($id, 'accepted'), "alarm after $wait ms");
		my @after = $quiet->();
		return map { $after[$_] - $before[$_] } 0, 1;
	};

	$alarm->(100);
	my @short = $alarm->(100);
	my @long = $alarm->(3100);
	note("short @short, long @long");
	cmp_ok($short[0], '>', 0, 'statements are seen');
	# a claim more may look once when the text is queued and once when it is due
	cmp_ok($long[0] - $short[0], '<=', 15, 'three more seconds without statements');
	cmp_ok($long[1] - $short[1], '<=', 6, 'nor wake-ups');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
is($sms->worker('missed'), 0, 'no text was found only by a full look');
done_testing();
