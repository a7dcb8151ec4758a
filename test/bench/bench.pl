# Measures the engine on this machine: perl bench.pl, started by "make bench".
#
# Everything is compared within this one run, on one server with durable
# settings (fsync and synchronous_commit on), against the test gateway, whose
# log is synced before each answer.  Figures are medians of the rounds.
#
#	c	the transport alone posts the same requests, no database
#	d	claim and settle alone, no network
#	r	the whole: due texts through the gateway
#
# A text that claims, sends and settles in one process cannot be faster than
# 1 / (1/c + 1/d); r is quoted as a share of that.
#
# Environment: BENCH_TEXTS (100000), BENCH_ROUNDS (3), BENCH_BULK (1000000)
use strict;
use warnings;

use IO::Handle;
use List::Util qw(min max sum0);
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(time);

use Gateway;
use Smsfollow qw(poll);

my $TEXTS = $ENV{BENCH_TEXTS} // 100_000;
my $ROUNDS = $ENV{BENCH_ROUNDS} // 3;
my $BULK = $ENV{BENCH_BULK} // 1_000_000;
my $PINNED = 120_000;
my $CONTACTS = max($TEXTS, $PINNED);

$Smsfollow::DEADLINE = 600;
# PostgreSQL::Test::Utils sends STDOUT to a log of its own
my $out;
BEGIN { open($out, '>&', \*STDOUT) or die $!; }
$out->autoflush(1);

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[ $#sorted / 2 ];
}

sub row
{
	my ($what, $format, @values) = @_;
	printf $out "%-58s " . $format . "\n", $what, @values;
}

my $sms = Smsfollow->new(
	gateway => ['--keep', 400_000],
	conf => {
		'shared_preload_libraries' => "'smsfollow, pg_stat_statements'",
		'shared_buffers' => "'1GB'",
		'max_wal_size' => "'8GB'",
		'checkpoint_timeout' => "'30min'",
		'fsync' => 'on',
		'synchronous_commit' => 'on',
		'smsfollow.max_in_flight' => 256 });
my $gateway = $sms->gateway;

print $out "# ", $sms->sql('SELECT version()'), "\n";
print $out "# ", $sms->sql("SELECT string_agg(name || '=' || setting, ' ') FROM pg_settings
	WHERE name IN ('shared_buffers', 'max_wal_size', 'fsync', 'synchronous_commit', 'smsfollow.max_in_flight', 'smsfollow.wave_size')"), "\n";

# consented contacts, and the orders that are followed up
$sms->sql("
	CREATE EXTENSION pg_stat_statements;
	UPDATE smsfollow.sender SET segments_per_second = 100000, burst = 100000;
	SELECT smsfollow.create_template('shipped', 'Hi {{ first_name | default: \"there\" }}, your order {{ order_id }} is on its way. Reply STOP to opt out.');
	SELECT smsfollow.create_campaign('followup', 'orders', 'shipped');
	CREATE TABLE orders AS
		SELECT g AS order_id, '+1415' || lpad(g::text, 7, '0') AS phone, 'Name' || g AS first_name FROM generate_series(1, $CONTACTS) g;
	INSERT INTO smsfollow.contact (contact_id) SELECT 1000 + order_id FROM orders;
	INSERT INTO smsfollow.contact_phone SELECT phone, 1000 + order_id FROM orders;
	INSERT INTO smsfollow.contact_state (contact_id) SELECT 1000 + order_id FROM orders;
	INSERT INTO smsfollow.consent_event (consent_event_id, contact_id, program_id, event, method, evidence, recorded_at, recorded_by)
		SELECT 1000 + order_id, 1000 + order_id, 1, 'opt_in', 'import', '{}', now(), 'bench' FROM orders;
	INSERT INTO smsfollow.contact_consent SELECT 1000 + order_id, 1, 'opted_in', 1000 + order_id, now() FROM orders");
$sms->sql('VACUUM ANALYZE');

# Queues n texts while the worker is paused; gives seconds.
my $batch = 0;
sub queue
{
	my ($n) = @_;
	my $key = 'b' . ++$batch . '-';
	my $start = time;

	$sms->sql("SELECT smsfollow.schedule_many('SELECT phone, first_name, order_id, ''$key'' || order_id AS idempotency_key
		FROM orders WHERE order_id <= $n', campaign => 'followup')");
	return time - $start;
}

sub pause { $sms->sql('SELECT smsfollow.pause_worker()'); return }

# Lets the worker go until it has accepted n more texts; gives seconds, and calls $each now and then.
# Asks shared memory, not the queue: a look at the queue would cost the worker processor time.
sub drain
{
	my ($n, $each) = @_;
	my $before = $sms->worker('accepted');
	my $start = time;

	$sms->sql('SELECT smsfollow.resume_worker()');
	poll(sub {
		select(undef, undef, undef, 0.1);
		$each->() if $each;
		return $sms->worker('accepted') - $before >= $n;
	});
	return time - $start;
}

sub memory
{
	my ($pid) = @_;
	open(my $status, '<', "/proc/$pid/status") or return 0;
	my ($kb) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$status>;
	return $kb;
}

sub lsn { return $sms->sql('SELECT pg_current_wal_insert_lsn()') }

sub bytes_since { return $sms->sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$_[0]')") }

my (@c, @d, @r, @wal);
my $pid = $sms->wait_for_worker('running');
my @memory;

for my $round (1 .. $ROUNDS)
{
	# c
	my $post = `$ENV{BUILD}/transport/post --url @{[ $gateway->url ]}/2010-04-01/Accounts/$Gateway::ACCOUNT/Messages.json --count $TEXTS --in-flight 256 --body-size 80 --userpwd $Gateway::ACCOUNT:$Gateway::TOKEN`;
	die "post failed: $post" unless $post =~ /per_second=([\d.]+)/;
	push @c, $1;

	# d
	pause();
	queue($TEXTS);
	my $start = time;
	$sms->sql("DO \$\$
		DECLARE
			ids bigint[];
			contacts bigint[];
		BEGIN
			LOOP
				SELECT array_agg(c.message_id), array_agg(c.contact_id) INTO ids, contacts
				FROM smsfollow.claim(200, 0) c WHERE c.fate = 'send';
				COMMIT;
				EXIT WHEN ids IS NULL;
				PERFORM smsfollow.settle(ids, contacts, 0, 'accepted');
				COMMIT;
			END LOOP;
		END \$\$");
	push @d, $TEXTS / (time - $start);

	# r, and WAL from schedule to accepted
	my $lsn = lsn();
	queue($TEXTS);
	push @r, $TEXTS / drain($TEXTS);
	push @wal, bytes_since($lsn) / $TEXTS;
	push @memory, memory($pid);
	printf $out "# round %d: c %.0f/s  d %.0f/s  r %.0f/s  WAL %.0f bytes a text\n", $round, $c[-1], $d[-1], $r[-1], $wal[-1];
}
my ($c, $d, $r) = (median(@c), median(@d), median(@r));
my $bound = 1 / (1 / $c + 1 / $d);

print $out "\n";
row('transport alone (c)', '%8.0f /s', $c);
row('claim and settle alone (d)', '%8.0f /s', $d);
row("drain of $TEXTS due texts at 0 ms (r)", '%8.0f /s', $r);
row('r / (1 / (1/c + 1/d))', '%8.2f', $r / $bound);
row('WAL from schedule to accepted', '%8.0f bytes a text', median(@wal));

# 50 ms at the provider, 512 transfers
$sms->reconfigure('smsfollow.max_in_flight' => 512);
$gateway->control('POST', 'latency', ms => 50);
pause();
queue($TEXTS);
row('drain at 50 ms with 512 in flight', '%8.0f /s  (bound: 10240 /s)', $TEXTS / drain($TEXTS));
$gateway->control('POST', 'latency', ms => 0);
$sms->reconfigure('smsfollow.max_in_flight' => 256);

# a snapshot held through the claims
pause();
queue($PINNED);
$sms->sql('VACUUM smsfollow.ready, smsfollow.inflight');
my $holder = $sms->node->background_psql('app');
$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
my $counters = sub { return map { split /\|/ } $sms->sql("SELECT claimed, claim_ms FROM smsfollow.stat_worker WHERE worker = 'dispatcher' AND database = 'app'") };
my ($claimed0, $ms0) = $counters->();
my @samples;
drain($PINNED, sub { push @samples, [ $counters->() ] });
push @samples, [ $counters->() ];
$holder->quit;
my $per_200 = sub {
	my ($from, $to) = @_;
	my @in = grep { $_->[0] - $claimed0 >= $from * $PINNED && $_->[0] - $claimed0 <= $to * $PINNED } ([ $claimed0, $ms0 ], @samples);
	return ($in[-1][1] - $in[0][1]) / ($in[-1][0] - $in[0][0]) * 200;
};
my ($first, $last) = ($per_200->(0, 0.1), $per_200->(0.9, 1));
row("claim of 200 under a pinned snapshot, first tenth of $PINNED", '%8.2f ms', $first);
row('the same, last tenth', '%8.2f ms  (%.2f times)', $last, $last / $first);
push @memory, memory($pid);

my $same = $pid == $sms->worker('pid');
row('worker memory after each drain (RssAnon)', '%s kB%s', join(' ', @memory), $same ? '' : ' (the worker was restarted)');
row('texts through this worker', '%s', ($counters->())[0]);
row('rows that only a sweep found', '%s', $sms->worker('missed'));

# schedule_many against a bare insert of the same rows into the same tables
pause();
$sms->sql("CREATE TABLE bulk AS SELECT '+1415' || lpad((1 + g % $CONTACTS)::text, 7, '0') AS phone, 'Name' || g AS first_name, g AS order_id
	FROM generate_series(1, $BULK) g");
$sms->sql('VACUUM ANALYZE bulk');
my (@many, @bare);
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
row("schedule_many of $BULK rows", '%8.1f s  (%.0f /s)', median(@many), $BULK / median(@many));
row('bare INSERT ... SELECT of the same rows', '%8.1f s  (%.2f of its speed)', median(@bare), median(@bare) / median(@many));

# idle: nothing due, and the safety poll far away
$sms->reconfigure('smsfollow.poll_interval' => "'30min'");
$sms->sql('SELECT smsfollow.resume_worker()');
$sms->wait_for("SELECT count(*) FROM smsfollow.kpi_delta", 0);
my $wakeups = $sms->worker('wakeups');
my $settled = time + 5;
poll(sub {
	my $now = $sms->worker('wakeups');
	($settled, $wakeups) = (time + 5, $now) if $now != $wakeups;
	return time >= $settled;
});
$sms->sql('SELECT pg_stat_statements_reset()');
$wakeups = $sms->worker('wakeups');
my $until = time + 20;
poll(sub { time >= $until });
row('idle for 20 s: wake-ups of the dispatcher', '%8d', $sms->worker('wakeups') - $wakeups);
row('idle for 20 s: statements of the workers', '%s', $sms->sql("SELECT count(*) || coalesce(': ' || string_agg(left(s.query, 60), '; '), '')
	FROM pg_stat_statements s WHERE s.query !~ 'stat_worker|pg_stat_statements'"));
$sms->node->stop;
