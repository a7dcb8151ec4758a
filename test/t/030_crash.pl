# Death of processes while texts are on their way: nothing is lost, nothing is
# sent twice unless its campaign says so, and what is unknown is called so.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Smsfollow;

my $sms = Smsfollow->new(conf => { 'smsfollow.shutdown_grace' => "'3s'", 'smsfollow.request_timeout' => "'60s'" });
my $gateway = $sms->gateway;

sub attempts
{
	my ($id) = @_;

	return [ split(/\n/, $sms->sql("SELECT outcome || ' ' || reason FROM smsfollow.attempt WHERE message_id = $id ORDER BY at")) ];
}

# Waits until the server answers again.
sub wait_for_server
{
	return $sms->wait_for('SELECT pg_is_in_recovery()', 'f');
}

for my $policy (qw(hold retry_after_lookup retry drop))
{
	$sms->sql("SELECT smsfollow.create_campaign('$policy', 'orders', in_doubt_policy => '$policy')");
}

# One text of each kind is at the provider, which has taken it and does not
# answer, when the dispatcher is killed.
subtest in_doubt_after_kill => sub {
	my %policy = (hold => 'hold', receipt => 'hold', found => 'retry_after_lookup', absent => 'retry_after_lookup',
		again => 'retry', dropped => 'drop');
	my (%phone, %id);

	# each is the first text to its contact, which tells how to opt out
	$sms->sql("SELECT smsfollow.set_opt_out_line('orders', 'first')");
	for my $kind (sort keys %policy)
	{
		$phone{$kind} = $sms->contact;
		$gateway->fault(kind => 'stall', to => $phone{$kind}, count => 1, accept => $kind eq 'absent' ? 0 : 1);
		$gateway->fault(kind => 'status', status => 404, on => 'lookup', to => $phone{$kind}) if $policy{$kind} eq 'hold';
		$id{$kind} = $sms->send($phone{$kind}, "text $kind", more => "campaign => '$policy{$kind}'");
		ok($sms->wait_for_requests($id{$kind}, 1), "$kind is at the provider");
	}
	my $pid = $sms->worker('pid');
	is($sms->states, 'sending 6', 'all are in flight');
	my $restarts = () = $sms->log =~ /all server processes terminated; reinitializing/g;
	is(kill('KILL', $pid), 1, 'the dispatcher is killed');
	ok(Smsfollow::poll(sub { (() = $sms->log =~ /all server processes terminated; reinitializing/g) > $restarts }), 'the server starts again');
	ok(wait_for_server(), 'and answers');

	ok($sms->wait_for_state($id{found}, 'accepted'), 'found: the provider knows it');
	is_deeply(attempts($id{found}), [ 'in_doubt worker_died', 'accepted lookup' ], 'found: recorded');
	ok($sms->wait_for_state($id{absent}, 'accepted'), 'absent: the provider does not know it, so it is sent again');
	is_deeply(attempts($id{absent}), [ 'in_doubt worker_died', 'retry lookup', 'accepted ok' ], 'absent: recorded');
	ok($sms->wait_for_state($id{again}, 'accepted'), 'retry: sent again');
	is_deeply(attempts($id{again}), [ 'in_doubt worker_died', 'retry ambiguous', 'accepted ok' ], 'retry: recorded');
	ok($sms->wait_for_state($id{dropped}, 'failed'), 'drop: given up');
	is_deeply(attempts($id{dropped}), [ 'in_doubt worker_died', 'rejected dropped' ], 'drop: recorded');
	is($sms->state($id{hold}), 'in_doubt', 'hold: stays in doubt');
	like($sms->sql("SELECT in_doubt_evidence FROM smsfollow.message_log WHERE message_id = $id{hold}"), qr/worker ended/, 'hold: says why');

	my ($request) = $sms->requests($id{receipt});
	is($sms->sql("SELECT smsfollow.record_receipt('gw', '{\"MessageSid\": \"$request->{sid}\", \"MessageStatus\": \"delivered\", \"ref\": \"$id{receipt}\"}')"),
		't', 'receipt: moves it');
	is($sms->state($id{receipt}), 'delivered', 'receipt: delivered');
	is_deeply({ map { $_ => scalar $sms->requests($id{$_}) } keys %id },
		{ hold => 1, receipt => 1, found => 1, absent => 2, again => 2, dropped => 1 }, 'requests of each');

	is($sms->sql("SELECT in_doubt, accepted, delivered, failed FROM smsfollow.kpi_campaign WHERE campaign = '$_'"),
		{ hold => '1|1|1|0', retry_after_lookup => '0|2|0|0', retry => '0|1|0|0', drop => '0|0|0|1' }->{$_}, "counts of $_")
	  for qw(hold retry_after_lookup retry drop);
	$sms->sql("SELECT smsfollow.resolve_in_doubt($id{hold}, 'failed')");
	is($sms->state($id{hold}), 'failed', 'hold: a person decides');
	is_deeply({ map { $_ => $sms->sql("SELECT at IS NOT NULL FROM smsfollow.opt_out_told JOIN smsfollow.contact_phone USING (contact_id) WHERE phone = '$phone{$_}'") } keys %id },
		{ hold => 'f', receipt => 't', found => 't', absent => 't', again => 't', dropped => 'f' }, 'who has been told how to opt out');
	$sms->sql("SELECT smsfollow.set_opt_out_line('orders', 'never')");
	$gateway->control('DELETE', 'faults');
	$gateway->control('POST', 'release');
};

subtest postmaster_crash => sub {
	my @done = map { $sms->send($sms->contact, 'before') } 1 .. 3;
	ok($sms->wait_for_state($_, 'accepted'), 'sent') for @done;
	my $phone = $sms->contact;
	my $later = $sms->contact;
	my $later_id;

	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_requests($id, 1), 'at the provider');
	$later_id = $sms->send($phone, 'waits for the first');
	ok($sms->crash, 'the workers end with the postmaster');
	$sms->node->start;
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is_deeply(attempts($id), [ 'in_doubt worker_died', 'accepted lookup' ], 'by a lookup');
	ok($sms->wait_for_state($later_id, 'accepted'), 'the one that waited goes on');
	is(scalar $sms->requests($_), 1, 'one request') for $id, $later_id, @done;
	$gateway->control('POST', 'release');
};

subtest worker_terminate_restarts => sub {
	my $phone = $sms->contact;
	my $pid = $sms->wait_for_worker('running');

	# grace is 3 s
	$gateway->fault(kind => 'delay', latency => 200, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_requests($id, 1), 'at the provider');
	is($sms->sql("SELECT pg_terminate_backend($pid)"), 't', 'terminated');
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	is_deeply(attempts($id), ['accepted ok'], 'its answer was still taken');
	ok($sms->wait_for("SELECT pid <> $pid FROM smsfollow.stat_worker WHERE worker = 'dispatcher' AND state = 'running'", 't'), 'another dispatcher runs');
	my $next = $sms->send($phone, 'next');
	ok($sms->wait_for_state($next, 'accepted'), 'and sends');

	$pid = $sms->wait_for_worker('running', 'scheduler');
	$sms->sql("SELECT pg_terminate_backend($pid)");
	ok($sms->wait_for("SELECT pid <> $pid FROM smsfollow.stat_worker WHERE worker = 'scheduler' AND state = 'running'", 't'), 'another scheduler runs');

	$pid = $sms->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'smsfollow launcher'");
	$sms->sql("SELECT pg_terminate_backend($pid)");
	ok($sms->wait_for("SELECT pid <> $pid FROM pg_stat_activity WHERE backend_type = 'smsfollow launcher'", 't'), 'another launcher runs');
	$next = $sms->send($phone, 'after the launcher');
	ok($sms->wait_for_state($next, 'accepted'), 'nobody noticed');
};

subtest fast_shutdown => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello', more => "campaign => 'hold'");
	ok($sms->wait_for_requests($id, 1), 'at the provider');
	my $start = time;
	$sms->node->stop('fast');
	# a minute would pass if it waited for the answer
	cmp_ok(time - $start, '<', 20, 'the server ends after the grace');
	$gateway->fault(kind => 'status', status => 404, on => 'lookup', to => $phone);
	$sms->node->start;
	ok($sms->wait_for_state($id, 'in_doubt'), 'in doubt then');
	like($sms->sql("SELECT in_doubt_evidence FROM smsfollow.message_log WHERE message_id = $id"), qr/worker ended/, 'and says why');
	$gateway->control('DELETE', 'faults');
	$gateway->control('POST', 'release');
	ok($sms->wait_for_state($id, 'accepted'), 'resolved once the provider can be asked');
	is(scalar $sms->requests($id), 1, 'one request');
};

subtest fast_shutdown_within_the_grace => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'delay', latency => 200, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_requests($id, 1), 'at the provider');
	$sms->node->restart;
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	is_deeply(attempts($id), ['accepted ok'], 'the answer came in time and was recorded');
};

# As a server does that shuts down, to the process and its group.
subtest signalled_twice_at_once => sub {
	my $phone = $sms->contact;
	my $pid = $sms->wait_for_worker('running');

	$gateway->fault(kind => 'delay', latency => 200, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_requests($id, 1), 'at the provider');
	my $end = time + 0.05;
	do { kill('TERM', $pid, -$pid) } while time < $end;
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	is_deeply(attempts($id), ['accepted ok'], 'its answer was still taken');
};

subtest stop_between_schedule_and_send => sub {
	my $phone = $sms->contact;

	$sms->sql("SELECT smsfollow.create_template('plain', 'Hello {{ name }}')");
	my ($due, $short, $far) = split(/\n/, $sms->sql("SELECT smsfollow.schedule('$phone', 'plain', '{\"name\": \"Ana\"}', smsfollow.clock() + interval '700 ms');
		SELECT smsfollow.schedule('$phone', 'plain', '{\"name\": \"Bo\"}', smsfollow.clock() + interval '700 ms', expires_after => '1 ms');
		SELECT smsfollow.schedule('$phone', 'plain', '{\"name\": \"Cy\"}', smsfollow.clock() + interval '1 hour')"));
	my $at = time + 0.7;
	is($sms->state($due), 'scheduled', 'not due yet');
	$sms->node->stop('immediate');
	Smsfollow::poll(sub { time > $at + 0.1 });
	is(scalar $sms->requests($due), 0, 'nothing left before its time');
	$sms->node->start;
	ok($sms->wait_for_state($due, 'accepted'), 'sent once the server is back');
	is(($sms->requests($due))[0]{body}, 'Hello Ana', 'as scheduled');
	ok($sms->wait_for_state($short, 'expired'), 'one whose time is over expires');
	is(scalar $sms->requests($short), 0, 'unsent');
	is($sms->state($far), 'scheduled', 'one for later still waits');
	is(scalar $sms->requests($due), 1, 'one request');
};

# Many in flight, many waiting, and the loop never idle.
subtest postmaster_crash_under_load => sub {
	my $texts = 3000;

	$sms->sql("SELECT count(smsfollow.opt_in('+1415557' || to_char(n, 'FM0000'), 'orders', 'web_form')) FROM generate_series(1, $texts) n");
	my $had = $gateway->control('GET', 'stats')->{received};
	$sms->sql("SELECT smsfollow.schedule_many('SELECT ''+1415557'' || to_char(n, ''FM0000'') AS phone, ''text '' || n AS body FROM generate_series(1, $texts) n',
		campaign => 'retry_after_lookup')");
	ok($gateway->wait_for(received => $had + $texts / 10), 'under way');
	ok($sms->crash, 'the workers end with the postmaster');
	cmp_ok($gateway->control('GET', 'stats')->{received} - $had, '<', $texts, 'before all was sent');
	$sms->node->start;
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.message_log WHERE body LIKE 'text %' AND campaign = 'retry_after_lookup' AND phone LIKE '+1415557%'
		AND state = 'accepted'", $texts), 'all arrive');
	is($sms->sql('SELECT count(*) FROM smsfollow.in_doubt'), 0, 'no doubt is left');
	cmp_ok($sms->sql("SELECT count(*) FROM smsfollow.attempt WHERE reason = 'worker_died' AND body LIKE 'text %'"), '>', 0, 'although there was some');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
