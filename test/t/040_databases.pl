# The worker as a guest in the server: it holds nothing up while it waits for a
# provider, leaves when its database or extension goes, and follows settings.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Smsfollow;

my $sms = Smsfollow->new(databases => [ 'app', 'app2', 'gone', 'forced' ], conf => {
	'smsfollow.shutdown_grace' => "'3s'",
	# nothing here may wait for an answer, so a wait would be seen
	'smsfollow.request_timeout' => "'2min'" });
my $gateway = $sms->gateway;

# Sends a text whose answer comes when it is released, long after the test is
# through; gives its id when it is at the provider.
sub slow_text
{
	my ($database) = @_;
	my $phone = $sms->contact($database);

	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $id = $sms->send($phone, 'slow', database => $database);
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.inflight", 1, undef, $database), 'in flight');
	ok(Smsfollow::poll(sub { grep { $_->{to} eq $phone } $sms->requests }), 'at the provider');
	return $id;
}

# Lets the provider answer.
sub release { return $gateway->control('POST', 'release') }

# Runs a statement; gives how many seconds it took.
sub seconds
{
	my ($sql, $database) = @_;
	my $start = time;

	$sms->sql($sql, $database);
	return time - $start;
}

subtest slow_provider_no_xmin => sub {
	my $id = slow_text();
	my $pid = $sms->worker('pid');

	is($sms->sql("SELECT backend_xmin IS NULL, backend_xid IS NULL, xact_start IS NULL, state, application_name FROM pg_stat_activity WHERE pid = $pid"),
		't|t|t|idle|smsfollow dispatcher', 'no transaction, no snapshot');
	is($sms->sql("SELECT coalesce(string_agg(DISTINCT locktype, ','), '') FROM pg_locks WHERE pid = $pid"), 'advisory', 'no lock but the one that says who it is');
	is($sms->sql("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $pid"), 'Extension', 'it waits');
	# a row that died after the text left can be vacuumed away at once
	$sms->sql('CREATE TABLE public.t (i int); INSERT INTO public.t VALUES (1); DELETE FROM public.t');
	my ($status, $out, $messages) = $sms->try_sql('VACUUM (VERBOSE) public.t', 'app');
	like($messages, qr/tuples: 1 removed/, 'vacuum is not held back');
	is($sms->state($id), 'sending', 'and the text is still at the provider');
	release();
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
};

subtest create_database_in_flight => sub {
	my $id = slow_text();

	cmp_ok(seconds('CREATE DATABASE other TEMPLATE template0', 'postgres'), '<', 30, 'CREATE DATABASE');
	cmp_ok(seconds('DROP DATABASE other', 'postgres'), '<', 30, 'DROP DATABASE');
	is($sms->state($id), 'sending', 'while a text was at the provider');
	release();
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
};

subtest two_databases => sub {
	isnt($sms->worker('pid'), $sms->worker('pid', undef, 'app2'), 'each has its dispatcher');
	my $phone = $sms->contact('app2');
	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $slow = $sms->send($phone, 'slow', database => 'app2');
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.inflight', 1, undef, 'app2'), 'a text of one is in flight');
	my @ids = map { $sms->send($sms->contact, "here $_") } 1 .. 5;
	ok($sms->wait_for_state($_, 'accepted'), 'texts of the other go') for @ids;
	is($sms->state($slow, 'app2'), 'sending', 'while the first waits for its provider');
	ok(Smsfollow::poll(sub { grep { $_->{to} eq $phone } $sms->requests }), 'which has it');
	$gateway->control('POST', 'release');
	ok($sms->wait_for_state($slow, 'accepted', 'app2'), 'and answers in the end');
	is($sms->sql("SELECT count(*) FROM smsfollow.message WHERE body LIKE 'here %'", 'app2'), 0, 'nothing of the one is in the other');
	$sms->sql('SELECT smsfollow.pause_worker()', 'app2');
	ok($sms->wait_for_worker('paused', 'dispatcher', 'app2'), 'one is paused');
	my $paused = $sms->send($sms->contact('app2'), 'paused', database => 'app2');
	my $id = $sms->send($sms->contact, 'goes');
	ok($sms->wait_for_state($id, 'accepted'), 'the other goes on');
	is($sms->state($paused, 'app2'), 'scheduled', 'the paused one waits');
	$sms->sql('SELECT smsfollow.resume_worker()', 'app2');
	ok($sms->wait_for_state($paused, 'accepted', 'app2'), 'until it is resumed');
};

subtest reload_live => sub {
	my $pid = $sms->worker('pid');

	$sms->reconfigure('smsfollow.dispatch_enabled' => 'off');
	ok($sms->wait_for('SHOW smsfollow.dispatch_enabled', 'off'), 'switched off');
	my $phone = $sms->contact;
	# the worker looks at its settings before it looks at its queue
	my $id = $sms->send($phone, 'later');
	my $wakeups = $sms->worker('wakeups');
	$sms->sql("SELECT smsfollow.wake('dispatcher')");
	ok($sms->wait_for("SELECT wakeups > $wakeups FROM smsfollow.stat_worker WHERE database = 'app' AND worker = 'dispatcher'", 't'), 'the worker was awake');
	is($sms->state($id), 'scheduled', 'and sent nothing');
	$sms->reconfigure('smsfollow.dispatch_enabled' => 'on');
	ok($sms->wait_for_state($id, 'accepted'), 'switched on, it goes');

	$sms->reconfigure('smsfollow.max_in_flight' => 2);
	ok($sms->wait_for('SHOW smsfollow.max_in_flight', '2'), 'two at once');
	$gateway->control('POST', 'latency', ms => 200);
	my @phones = map { $sms->contact } 1 .. 8;
	$sms->sql(join(' UNION ALL ', map { "SELECT smsfollow.send('$_', 'one of many')" } @phones));
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.message_log WHERE body = 'one of many' AND state = 'accepted'", 8), 'all go');
	# the most that were with the provider at once, by its log
	my %reply = map { $_->{seq} => $_->{us} } $gateway->log_lines('reply');
	my @many = grep { $_->{body} eq 'one of many' } $sms->requests;
	my ($most) = sort { $b <=> $a } map {
		my $at = $_->{us};
		scalar(grep { $_->{us} <= $at && $reply{ $_->{seq} } > $at } @many) } @many;
	is($most, 2, 'never more than two at once');
	$gateway->control('POST', 'latency', ms => 0);
	$sms->reconfigure('smsfollow.max_in_flight' => 256);

	$sms->reconfigure('smsfollow.databases' => "'app, gone, forced'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = 'app2' AND backend_type LIKE 'smsfollow%'", 0), 'a database that is no longer listed loses its workers');
	my $waits = $sms->send($sms->contact('app2'), 'waits', database => 'app2');
	$sms->reconfigure('smsfollow.databases' => "'app, app2, gone, forced'");
	ok($sms->wait_for_state($waits, 'accepted', 'app2'), 'and gets them back');
	is($sms->worker('pid'), $pid, 'the worker of the first is still the same');
};

subtest stop_restart_start => sub {
	my $pid = $sms->wait_for_worker('running', 'dispatcher', 'app2');
	my $id = slow_text('app2');

	$sms->sql('SELECT smsfollow.restart_worker()', 'app2');
	release();
	ok($sms->wait_for("SELECT pid <> $pid FROM smsfollow.stat_worker WHERE database = 'app2' AND worker = 'dispatcher' AND state = 'running'", 't'), 'restarted: another process');
	ok($sms->wait_for_state($id, 'accepted', 'app2'), 'the text under way was finished');
	$sms->sql('SELECT smsfollow.stop_worker()', 'app2');
	ok($sms->wait_for("SELECT string_agg(state, ' ') FROM smsfollow.stat_worker WHERE database = 'app2'", 'stopped stopped'), 'stopped');
	my $waits = $sms->send($sms->contact('app2'), 'waits', database => 'app2');
	# a launcher that looks at everything again does not start them
	$sms->node->reload;
	$sms->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'smsfollow launcher'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'smsfollow launcher' AND backend_start > now() - interval '1 minute'", 1), 'the launcher is a new one');
	is($sms->state($waits, 'app2'), 'scheduled', 'and stay so');
	$sms->sql('SELECT smsfollow.start_worker()', 'app2');
	ok($sms->wait_for_state($waits, 'accepted', 'app2'), 'started again, it sends');
};

subtest drop_extension_in_flight => sub {
	my $id = slow_text('app2');
	my $pid = $sms->worker('pid', undef, 'app2');

	cmp_ok(seconds('DROP EXTENSION smsfollow', 'app2'), '<', 30, 'nothing holds it up');
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = 'app2' AND backend_type LIKE 'smsfollow%'", 0), 'the workers leave');
	ok($sms->wait_for("SELECT state FROM smsfollow.stat_worker WHERE database = 'app2' AND worker = 'dispatcher'", 'no extension'), 'and say why');
	$sms->set_up('app2');
	my $next = $sms->send($sms->contact('app2'), 'new life', database => 'app2');
	ok($sms->wait_for_state($next, 'accepted', 'app2'), 'made again, it sends again');
};

subtest drop_database_in_flight => sub {
	my $id = slow_text('gone');

	my ($status, $out, $messages) = $sms->try_sql('DROP DATABASE gone', 'postgres');
	isnt($status, 0, 'DROP DATABASE fails while the workers are connected');
	like($messages, qr/is being accessed by other users/, 'with the usual message');
	$sms->sql('SELECT smsfollow.stop_worker()', 'gone');
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = 'gone'", 0), 'stop_worker() makes them leave');
	cmp_ok(seconds('DROP DATABASE gone', 'postgres'), '<', 30, 'then it works');

	slow_text('forced');
	cmp_ok(seconds('DROP DATABASE forced WITH (FORCE)', 'postgres'), '<', 30, 'WITH (FORCE) works at once');
	is($sms->sql("SELECT count(*) FROM pg_database WHERE datname IN ('gone', 'forced')"), 0, 'both are gone');
	release();
	my $next = $sms->send($sms->contact, 'Hello');
	ok($sms->wait_for_state($next, 'accepted'), 'the others go on');
	unlike($sms->log, qr/PANIC|TRAP|terminated by signal/, 'no process died');
};

# A new database of the same name starts from nothing, and is found without a restart.
subtest database_made_again => sub {
	$sms->sql('CREATE DATABASE gone', 'postgres');
	$sms->set_up('gone');
	$sms->reconfigure('smsfollow.poll_interval' => "'60s'");
	my $id = $sms->send($sms->contact('gone'), 'Hello', database => 'gone');
	ok($sms->wait_for_state($id, 'accepted', 'gone'), 'sends');
};

is_deeply([ map { my $database = $_; map { "$database: $_" } $sms->oracle($database) } qw(app app2 gone) ], [], 'nothing lost, nothing twice');
is_deeply([ $sms->taken_twice ], [], 'also of the databases that went');
done_testing();
