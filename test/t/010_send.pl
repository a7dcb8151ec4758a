# One text: from the commit that asks for it to the provider's answer.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;

subtest send_ok => sub {
	my $phone = $sms->contact;
	my $id = $sms->send($phone, 'Hello');

	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	my ($request, @more) = $sms->requests($id);
	is(scalar @more, 0, 'one request');
	is_deeply([ @$request{qw(to from body accepted)} ], [ $phone, '+14155550100', 'Hello', JSON::PP::true ], 'as asked');
	is($sms->sql("SELECT outcome, reason, attempt, http_status, provider_message_id, segments, encoding, body
			FROM smsfollow.attempt WHERE message_id = $id"),
		"accepted|ok|1|201|$request->{sid}|1|GSM-7|Hello", 'recorded');
	is($sms->sql("SELECT accepted, segments, in_doubt, failed FROM smsfollow.kpi_campaign"), '1|1|0|0', 'counted');
	is($sms->sql('SELECT count(*) FROM smsfollow.ready') + $sms->sql('SELECT count(*) FROM smsfollow.inflight'), 0, 'off the queue');
};

# The safety poll is a minute away: only the commit can have woken the worker.
# The fastest of some, since this machine may be busy with something else.
subtest commit_wakes_the_worker => sub {
	my $phone = $sms->contact;
	my $session = $sms->node->background_psql('app');
	my $best = 1e9;

	for my $n (1 .. 20)
	{
		my ($id, $us) = split(/\|/, $session->query_safe("SELECT smsfollow.send('$phone', 'wake $n'), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint"));

		$sms->wait_for_state($id, 'accepted') or last;
		my $ms = (($sms->requests($id))[0]{us} - $us) / 1e3;
		$best = $ms if $ms < $best;
	}
	$session->quit;
	cmp_ok($best, '<', 100, "idle to provider in $best ms");
};

# Texts of two parts from a sender that may send 20 parts a second.
subtest sender_rate => sub {
	my $long = 'x' x 200;
	my @phones = map { $sms->contact } 1 .. 6;

	$sms->sql("SELECT smsfollow.add_sender('gw', '+14155550188', 20, 2)");
	$sms->sql(join(' UNION ALL ', map { "SELECT smsfollow.send('$_', '$long', sender => 'gw/+14155550188')" } @phones));
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.attempt WHERE segments = 2 AND outcome = 'accepted'", 6), 'all went');
	cmp_ok($sms->sql("SELECT extract(epoch FROM max(started_at) - min(started_at)) * 1000 FROM smsfollow.attempt WHERE segments = 2"),
		'>=', 5 * 100 - 50, 'each waited for the one before');
	is($sms->sql("SELECT count(*) FROM smsfollow.verdict WHERE code = 'sender_unavailable'"), 0, 'waiting for the rate is no verdict');
};

subtest send_without_consent => sub {
	my $id = $sms->send('+14155569999', 'Hello');

	ok($sms->wait_for_state($id, 'suppressed'), 'suppressed');
	is($sms->sql("SELECT code FROM smsfollow.message_log WHERE message_id = $id"), 'no_consent', 'and says why');
	is(scalar $sms->requests($id), 0, 'no request');
};

subtest rollback_sends_nothing => sub {
	my $phone = $sms->contact;

	$sms->sql("BEGIN; SELECT smsfollow.send('$phone', 'never'); ROLLBACK");
	$sms->sql("BEGIN; SELECT smsfollow.send('$phone', 'kept'); SAVEPOINT s; SELECT smsfollow.send('$phone', 'never'); ROLLBACK TO s; COMMIT");
	# a text queued last leaves last: after it, nothing of before is still to come
	my $last = $sms->send($phone, 'last');
	ok($sms->wait_for_state($last, 'accepted'), 'the last one arrived');
	is_deeply([ map { $_->{body} } grep { $_->{to} eq $phone } $sms->requests ], [ 'kept', 'last' ], 'only what was committed');
	is($sms->sql("SELECT count(*) FROM smsfollow.message WHERE body = 'never'"), 0, 'and nothing else is stored');
};

subtest cancelled_in_the_same_transaction => sub {
	my $phone = $sms->contact;

	is($sms->sql("BEGIN; SELECT smsfollow.cancel(smsfollow.send('$phone', 'never')); COMMIT"), 'cancelled', 'cancelled');
	my $last = $sms->send($phone, 'last');
	ok($sms->wait_for_state($last, 'accepted'), 'the last one arrived');
	is_deeply([ map { $_->{body} } grep { $_->{to} eq $phone } $sms->requests ], ['last'], 'the cancelled one did not');
};

subtest idempotency => sub {
	my ($phone, $other) = ($sms->contact, $sms->contact);
	my $key = "idempotency_key => 'order-1'";
	my $id = $sms->send($phone, 'first', more => $key);

	is($sms->send($phone, 'again', more => $key), $id, 'the same key gives the same text');
	isnt(my $second = $sms->send($other, 'other', more => $key), $id, 'keys of another contact are others');
	ok($sms->wait_for_state($id, 'accepted') && $sms->wait_for_state($second, 'accepted'), 'both arrived');
	is($sms->send($phone, 'much later', more => $key), $id, 'also after it was sent');

	# a key is free again when its transaction rolled back
	$sms->sql("BEGIN; SELECT smsfollow.send('$phone', 'never', idempotency_key => 'order-2'); ROLLBACK");
	my $third = $sms->send($phone, 'third', more => "idempotency_key => 'order-2'");
	ok($sms->wait_for_state($third, 'accepted'), 'after a rollback the key is free');

	# two at once: the second waits for the first and takes its text
	my $one = $sms->node->background_psql('app');
	my $two = $sms->node->background_psql('app');
	my $race = $one->query_safe("BEGIN; SELECT smsfollow.send('$phone', 'race', idempotency_key => 'order-3')");
	$two->query_until(qr/started/, "\\echo started\nSELECT smsfollow.send('$phone', 'race lost', idempotency_key => 'order-3');\n");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'race lost'", 1), 'the second waits');
	$one->query_safe('COMMIT');
	is($two->query_safe('SELECT 1') =~ s/\n1$//r, $race, 'and gets the first one\'s id');
	$_->quit for $one, $two;
	ok($sms->wait_for_state($race, 'accepted'), 'which arrived');
	is_deeply([ map { $_->{body} } grep { $_->{to} eq $phone } $sms->requests ], [ 'first', 'third', 'race' ], 'each once');
};

subtest two_texts_to_one_contact => sub {
	my $phone = $sms->contact;

	$sms->gateway->fault(kind => 'delay', latency => 300, to => $phone, count => 1);
	my @ids = split(/\n/, $sms->sql("SELECT smsfollow.send('$phone', 'text ' || n) FROM generate_series(1, 3) n"));
	ok($sms->wait_for_requests($ids[0], 1), 'the first is at the provider');
	my $wakeups = $sms->worker('wakeups');
	ok($sms->wait_for_state($_, 'accepted'), 'accepted') for @ids;
	my @requests = map { ($sms->requests($_))[0] } @ids;
	my $reply = $sms->gateway->log_line('reply', $requests[0]{seq});
	cmp_ok($requests[1]{us}, '>=', $reply->{us}, 'the second left after the answer to the first');
	is_deeply([ map { $_->{body} } sort { $a->{us} <=> $b->{us} } @requests ], [ map { "text $_" } 1 .. 3 ], 'in order');
	cmp_ok($sms->worker('wakeups') - $wakeups, '<', 60, 'waiting costs nothing');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
