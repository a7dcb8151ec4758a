# Copies of the data: a promoted standby goes on by itself, everything else
# sends nothing until a person says so.
use strict;
use warnings;

use Test::More;

use PostgreSQL::Test::Utils ();

use Smsfollow;

# "app" is full of due texts and has no workers: what reaches the gateway comes
# from a copy.
subtest dump_restore_guard => sub {
	my $sms = Smsfollow->new(name => 'copies', conf => { 'smsfollow.poll_interval' => "'1s'" });
	my $node = $sms->node;
	my $dump = $node->basedir . '/dump';
	my $sent = $sms->send($sms->contact, 'before');

	ok($sms->wait_for_state($sent, 'accepted'), 'the original sends');
	is($sms->sql('SELECT smsfollow.installation_problem()'), '', 'and is where it belongs');
	$sms->reconfigure('smsfollow.databases' => "'restored, late, cloned'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'smsfollow (dispatcher|scheduler)'", 0), 'its workers are gone');
	my @due = map { $sms->send($sms->contact, "due $_") } 1 .. 5;
	$sms->sql("SELECT smsfollow.set_secret('mine', '{\"auth_token\": \"very-secret\"}')");

	# rules of one's own go along, those of the extension come with it
	$sms->sql("SELECT smsfollow.set_window('always', program => 'orders'), smsfollow.set_holiday('fr', '2027-01-02'),
		smsfollow.set_jurisdiction('us-fl', '{US}', '10:00-12:00', subdivision => 'FL')");
	$sms->sql("SELECT smsfollow.create_tenant('branch')");
	my $rules = "SELECT (SELECT count(*) FROM smsfollow.jurisdiction), (SELECT count(*) FROM smsfollow.holiday), (SELECT string_agg(hours, ',') FROM smsfollow.send_window),
		(SELECT hours FROM smsfollow.jurisdiction_in_force WHERE name = 'us-fl'),
		(SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_class WHERE relrowsecurity)";

	my $guarded = sub {
		my ($database, $why, $had) = @_;

		$sms->wait_for_worker('guarded', 'dispatcher', $database);
		like($sms->sql('SELECT smsfollow.installation_problem()', $database), $why, "$database: says what is wrong");
		# it was awake and looked at everything, and still sent nothing
		my $wakeups = $sms->worker('wakeups', 'dispatcher', $database);
		$sms->sql("SELECT smsfollow.wake('dispatcher')", $database);
		ok($sms->wait_for("SELECT wakeups > $wakeups FROM smsfollow.stat_worker WHERE database = '$database' AND worker = 'dispatcher'", 't'),
			"$database: its worker was awake");
		is($sms->sql('SELECT count(*) FROM smsfollow.ready WHERE send_at <= smsfollow.clock()', $database), 5, "$database: has due texts");
		is(scalar(() = $sms->requests), $had, "$database: nothing was sent");
	};

	# The workers of the new database start in the middle of the restore.
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-Fc', '-f', $dump, $node->connstr('app'));
	$sms->sql('CREATE DATABASE restored', 'postgres');
	PostgreSQL::Test::Utils::system_or_bail('pg_restore', '-d', $node->connstr('restored'), $dump);
	$guarded->('restored', qr/restored from a dump/, 1);
	is($sms->sql("SELECT count(*) FROM smsfollow.secret", 'restored'), 0, 'secrets are not dumped');
	is($sms->sql("SELECT (SELECT count(*) FROM smsfollow.message), (SELECT count(*) FROM smsfollow.attempt), (SELECT count(*) FROM smsfollow.consent_event)", 'restored'),
		$sms->sql("SELECT (SELECT count(*) FROM smsfollow.message), (SELECT count(*) FROM smsfollow.attempt), (SELECT count(*) FROM smsfollow.consent_event)"),
		'texts, attempts and the ledger are');
	is($sms->sql($rules, 'restored'), $sms->sql($rules), 'and so are windows, holidays, jurisdictions and policies of tenants');
	is($sms->state($sent, 'restored'), 'accepted', 'the log is the same');
	like($sms->sql('SELECT smsfollow.adopt()', 'restored'), qr/restored from a dump.*: 5\./, 'adopt() says what follows');
	ok($sms->wait_for_state($_, 'accepted', 'restored'), 'adopted, it sends') for @due;
	is(scalar $sms->requests($_), 1, 'once') for @due;
	my $new = $sms->sql("SELECT smsfollow.send('+14155560101', 'new')", 'restored');
	cmp_ok($new, '>', $due[-1], 'ids go on where they were');
	ok($sms->wait_for_state($new, 'accepted', 'restored'), 'new texts go too');

	# a copy of a database
	my $had = () = $sms->requests;
	$sms->sql('CREATE DATABASE cloned TEMPLATE app', 'postgres');
	$sms->node->reload;
	$guarded->('cloned', qr/copy of another one/, $had);
	$sms->sql('SELECT smsfollow.adopt()', 'cloned');
	ok($sms->wait_for_state($_, 'accepted', 'cloned'), 'adopted, it sends') for @due;

	# a plain dump, restored as one script without a transaction around it
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-f', "$dump.sql", $node->connstr('app'));
	$had = () = $sms->requests;
	$sms->sql('CREATE DATABASE late', 'postgres');
	PostgreSQL::Test::Utils::system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr('late'));
	$guarded->('late', qr/restored from a dump/, $had);

	# the original was not touched by all this
	$sms->sql('DROP DATABASE late WITH (FORCE)', 'postgres');
	is($sms->sql('SELECT smsfollow.installation_problem()'), '', 'the original may still send');
	is($sms->states, 'accepted 1, scheduled 5', 'and still has its texts');
	$node->stop;
};

subtest standby_promote => sub {
	my $sms = Smsfollow->new(name => 'primary', init => { allows_streaming => 1 });
	my $gateway = $sms->gateway;
	my $primary = $sms->node;
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	my $sent = $sms->send($sms->contact, 'before');
	ok($sms->wait_for_state($sent, 'accepted'), 'the primary sends');
	is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'smsfollow%'"), 0, 'no worker runs on the standby');

	# one at the provider, one waiting behind it, one for later
	my $phone = $sms->contact;
	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $open = $sms->send($phone, 'open');
	ok($sms->wait_for_requests($open, 1), 'one is at the provider');
	my $waits = $sms->send($phone, 'waits');
	my $out = $sms->contact;
	my $stopped = $sms->sql("SELECT smsfollow.opt_out('$out', 'orders'); SELECT smsfollow.send('$out', 'never')") =~ s/.*\n//r;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is($standby->safe_psql('app', "SELECT state FROM smsfollow.message_log WHERE message_id = $open"), 'sending', 'the standby sees the log');
	my ($status, $output, $messages) = $standby->psql('app', "SELECT smsfollow.send('$phone', 'x')");
	isnt($status, 0, 'and queues nothing');
	$primary->stop('immediate');
	is(scalar $sms->requests($waits), 0, 'the waiting one did not leave');
	$standby->promote;

	$sms->{node} = $standby;
	ok($sms->wait_for_state($open, 'accepted'), 'promoted, it finds out about the open one');
	is(scalar $sms->requests($open), 1, 'without sending it again');
	ok($sms->wait_for_state($waits, 'accepted'), 'sends the waiting one');
	is(scalar $sms->requests($waits), 1, 'once');
	is($sms->state($stopped), 'suppressed', 'and nothing to those who opted out');
	my $new = $sms->send($phone, 'new');
	ok($sms->wait_for_state($new, 'accepted'), 'nobody had to adopt it');
	is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
	$gateway->control('POST', 'release');
};

done_testing();
