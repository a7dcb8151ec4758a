# What the sections of the benchmark share: one server with durable settings, a
# gateway that syncs its log before each answer, customers with orders, and how
# figures are printed.  Nothing of it is made before a section asks for it.
#
#	use Bench;
#	my $sms = Bench::server();		# see test/perl/Smsfollow.pm
#	row('what was measured', '%8.0f /s', $figure);
#
# The sections run one after the other in one process, in the order of their
# files, and any of them alone: each leaves the worker paused, the queue empty
# and the settings as it found them.
package Bench;

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use Time::HiRes qw(time);

use Test::More ();

use PostgreSQL::Test::Cluster;

use Gateway;
use Smsfollow qw(poll);

our @EXPORT = qw($TEXTS $ROUNDS row note median drain queue pause memory);

our $TEXTS = $ENV{BENCH_TEXTS} // 100_000;	# of one drain
our $ROUNDS = $ENV{BENCH_ROUNDS} // 3;		# of what is compared
my $CUSTOMERS = 200_000;

my ($out, $sms, $customers, $batch);

# PostgreSQL::Test::Utils sends STDOUT to a log of its own
BEGIN { open($out, '>&', \*STDOUT) or die $!; }
$out->autoflush(1);
$Smsfollow::DEADLINE = 600;

# One figure.
sub row
{
	my ($what, $format, @values) = @_;

	printf $out "%-58s " . $format . "\n", $what, @values;
}

# How a figure came about.
sub note
{
	my ($format, @values) = @_;

	printf $out "# " . $format . "\n", @values;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;

	return $sorted[ $#sorted / 2 ];
}

# The server, with database "app" and a gateway as provider "gw".
sub server
{
	return $sms if $sms;
	Test::More->builder->output('/dev/null');	# what sessions write about themselves
	$sms = Smsfollow->new(
		gateway => ['--keep', 500_000],
		conf => {
			'shared_preload_libraries' => "'smsfollow, pg_stat_statements'",
			'shared_buffers' => "'1GB'",
			'max_wal_size' => "'8GB'",
			'checkpoint_timeout' => "'30min'",
			'fsync' => 'on',
			'synchronous_commit' => 'on',
			# for throughput: fewer commits a text, and a provider that takes many at once
			'smsfollow.max_in_flight' => 1000,
			'smsfollow.wave_size' => 500 });
	$sms->sql('CREATE EXTENSION pg_stat_statements');
	note('%s', $sms->sql('SELECT version()'));
	note('%s', $sms->sql("SELECT string_agg(name || '=' || setting, ' ') FROM pg_settings
		WHERE name IN ('shared_buffers', 'max_wal_size', 'fsync', 'synchronous_commit', 'smsfollow.max_in_flight', 'smsfollow.wave_size')"));
	return $sms;
}

# Customers who agreed to texts, a table "orders" with one order of each (order_id,
# phone, first_name), and the campaign "followup" with a template; gives how many.
sub customers
{
	my $server = server();

	return $CUSTOMERS if $customers++;
	pause();
	$server->sql("
		UPDATE smsfollow.sender SET segments_per_second = 100000, burst = 100000;
		SELECT smsfollow.create_template('shipped', 'Hi {{ first_name | default: \"there\" }}, your order {{ order_id }} is on its way. Reply STOP to opt out.');
		SELECT smsfollow.create_campaign('followup', 'orders', 'shipped');
		CREATE TABLE orders AS
			SELECT g AS order_id, '+1415' || lpad(g::text, 7, '0') AS phone, 'Name' || g AS first_name FROM generate_series(1, $CUSTOMERS) g;
		INSERT INTO smsfollow.contact (contact_id) SELECT 1000 + order_id FROM orders;
		INSERT INTO smsfollow.contact_phone SELECT phone, 1000 + order_id FROM orders;
		INSERT INTO smsfollow.contact_state (contact_id) SELECT 1000 + order_id FROM orders;
		INSERT INTO smsfollow.consent_event (consent_event_id, contact_id, ordinal, program_id, event, kind, method, captured_at, recorded_at, recorded_by, hash)
			SELECT 1000 + order_id, 1000 + order_id, 1, 1, 'opt_in', 'express', 'import', now(), now(), 'bench', '' FROM orders;
		INSERT INTO smsfollow.contact_consent (contact_id, program_id, state, consent_event_id, since, kind)
			SELECT 1000 + order_id, 1, 'opted_in', 1000 + order_id, now(), 'express' FROM orders");
	$server->sql('VACUUM ANALYZE');
	return $CUSTOMERS;
}

sub pause
{
	$sms->sql('SELECT smsfollow.pause_worker()');
}

# Queues a text to each of the first n customers while the worker rests.
sub queue
{
	my ($n) = @_;

	customers() >= $n or die "there are only $CUSTOMERS customers";
	pause();
	my $key = 'b' . ++$batch . '-';
	$sms->sql("SELECT smsfollow.schedule_many('SELECT phone, first_name, order_id, ''$key'' || order_id AS idempotency_key
		FROM orders WHERE order_id <= $n', campaign => 'followup')");
}

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
	}) or die "the worker did not accept $n texts";
	my $seconds = time - $start;
	pause();
	return $seconds;
}

# Private memory of a process, kB.
sub memory
{
	my ($pid) = @_;

	open(my $status, '<', "/proc/$pid/status") or return 0;
	my ($kb) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$status>;
	return $kb;
}

# Ends the server, if there is one.
sub end
{
	$sms->node->stop if $sms;
}

1;
