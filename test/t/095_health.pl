# What a person sees who sets it up: nothing goes wrong in silence, and health()
# says what is missing.
use strict;
use warnings;

use Test::More;

use Smsfollow;

# Items of health() that are not ok: "item status", in order.
sub problems
{
	my ($sms, $database) = @_;

	return [ split(/\n/, $sms->sql("SELECT item || ' ' || status FROM smsfollow.health() WHERE NOT ok ORDER BY item", $database)) ];
}

my $sms = Smsfollow->new(databases => [ 'app', 'second' ], preload => 0, conf => { 'smsfollow.max_databases' => 1 });

subtest not_preloaded => sub {
	my $phone = $sms->contact;
	my $id = $sms->send($phone, 'queued without a worker');

	is($sms->state($id), 'scheduled', 'texts can be queued');
	is($sms->sql("SELECT smsfollow.schedule_many('SELECT ''$phone'' AS phone, ''x'' AS body')"), 1, 'many, too');
	is($sms->sql('SELECT smsfollow.cancel(max(message_id)) FROM smsfollow.message'), 'cancelled', 'and cancelled');
	is($sms->sql("SELECT count(*) > 0 FROM smsfollow.explain($id)"), 't', 'and explained');
	is($sms->sql("SELECT scheduled FROM smsfollow.kpi_campaign"), 2, 'and counted');
	ok((grep { $_ eq 'preload error' } @{ problems($sms) }), 'health() says that nobody sends them');
	like($sms->sql("SELECT hint FROM smsfollow.health() WHERE item = 'preload'"), qr/shared_preload_libraries/, 'and what to do');
	my ($status, $out, $messages) = $sms->try_sql('SELECT smsfollow.restart_worker()', 'app');
	like($messages, qr/must be loaded via shared_preload_libraries.*HINT/s, 'what needs a worker says so');
	$sms->configure(shared_preload_libraries => "'smsfollow'");
	$sms->node->restart;
	ok($sms->wait_for_state($id, 'accepted'), 'once it is loaded, the text goes');
};

subtest all_is_well => sub {
	$sms->sql('UPDATE smsfollow.contact_state SET time_zone = \'America/New_York\'');
	$sms->wait_for_worker('running', $_) for 'dispatcher', 'scheduler';
	is_deeply(problems($sms), [], 'nothing to do');
	my %looked_at = map { $_ => 1 } split(/\n/, $sms->sql('SELECT item FROM smsfollow.health()'));
	is_deeply([ grep { !$looked_at{$_} } 'preload', 'database', 'dispatcher', 'scheduler', 'adoption', 'dispatch_enabled', 'paused',
			'provider', 'secret', 'sender', 'time zone', 'partitions', 'oldest snapshot', 'queue', 'in doubt' ], [], 'everything was looked at');
	is($sms->sql('SELECT count(*) FROM smsfollow.health() WHERE hint IS NULL OR detail IS NULL'), 0, 'each row has a hint');
};

subtest no_place => sub {
	like($sms->log, qr/no place for database "second" of smsfollow\.databases/, 'a database too many is named in the log');
	my @rows = split(/\n/, $sms->sql("SELECT item || '|' || status || '|' || hint FROM smsfollow.health() WHERE item IN ('database', 'dispatcher', 'scheduler')", 'second'));
	like($rows[0], qr/^database\|ok/, 'health() sees that it is listed');
	like($_, qr/\|error\|.*smsfollow\.max_databases/, 'and that it has no worker, and why') for @rows[ 1, 2 ];
};

subtest what_is_missing => sub {
	my %hint = (
		'database' => qr/smsfollow\.databases/, 'secret' => qr/smsfollow\.secret_dir/, 'sender' => qr/add_sender/,
		'dispatch_enabled' => qr/postgresql\.conf/, 'paused' => qr/resume_worker/, 'time zone' => qr/add_contact/);

	$sms->contact;
	$sms->sql("SELECT smsfollow.pause_worker(); SELECT smsfollow.create_provider('acme', 'twilio', '{\"account\": \"AC1\"}', 'nowhere');
		SELECT smsfollow.pause_provider('gw')");
	$sms->reconfigure('smsfollow.dispatch_enabled' => 'off', 'smsfollow.databases' => "'second'");
	ok($sms->wait_for("SELECT ok FROM smsfollow.health() WHERE item = 'database'", 'f'), 'another database is listed');
	my %is = map { split(/\|/) } split(/\n/, $sms->sql('SELECT item, hint FROM smsfollow.health() WHERE NOT ok'));
	like($is{$_} // '', $hint{$_}, "$_: says what to do") for sort keys %hint;
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
