# Providers that refuse, hang up, answer nonsense or are not there.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new(conf => { 'smsfollow.request_timeout' => "'5s'" });
my $gateway = $sms->gateway;

# The attempts of a text: "outcome reason" in order.
sub attempts
{
	my ($id) = @_;

	return [ split(/\n/, $sms->sql("SELECT outcome || ' ' || reason FROM smsfollow.attempt WHERE message_id = $id ORDER BY at")) ];
}

# Seconds between the requests for a text.
sub gaps
{
	my @at = map { $_->{us} / 1e6 } $sms->requests($_[0]);

	return map { $at[$_] - $at[$_ - 1] } 1 .. $#at;
}

$sms->sql("SELECT smsfollow.create_campaign('twice', 'orders', max_attempts => 2);
	SELECT smsfollow.create_campaign('again', 'orders', in_doubt_policy => 'retry', max_attempts => 2);
	SELECT smsfollow.create_campaign('held', 'orders', in_doubt_policy => 'hold')");

subtest retry_backoff => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'status', status => 503, to => $phone, count => 3);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'accepted in the end');
	is_deeply(attempts($id), [ ('retry transient') x 3, 'accepted ok' ], 'each attempt is recorded');
	# 100 ms, 200 ms, 400 ms, each spread over its upper half
	my @gaps = gaps($id);
	is(scalar @gaps, 3, 'four requests');
	for my $n (0 .. 2)
	{
		cmp_ok($gaps[$n], '>=', 0.05 * 2**$n, "wait $n is long enough");
		is($sms->sql("SELECT retry_at - at BETWEEN interval '50 ms' * 2 ^ $n - interval '20 ms' AND interval '100 ms' * 2 ^ $n
			FROM smsfollow.attempt WHERE message_id = $id ORDER BY at OFFSET $n LIMIT 1"), 't', "and doubles: $n");
	}
	is($sms->sql("SELECT attempts FROM smsfollow.message_log WHERE message_id = $id"), 4, 'counted');
};

subtest max_attempts => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'status', status => 503, to => $phone);
	my $id = $sms->send($phone, 'Hello', more => "campaign => 'twice'");
	ok($sms->wait_for_state($id, 'failed'), 'failed in the end');
	is_deeply(attempts($id), [ 'retry transient', 'rejected max_attempts' ], 'after as many attempts as allowed');
	is(scalar $sms->requests($id), 2, 'and requests');
	$gateway->control('DELETE', 'faults');
};

subtest retry_after => sub {
	my ($phone, $other) = ($sms->contact, $sms->contact);

	$gateway->fault(kind => 'status', status => 429, retry_after => 1, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_requests($id, 1), 'asked once');
	ok($sms->wait_for("SELECT outcome FROM smsfollow.attempt WHERE message_id = $id", 'retry'), 'refused');
	my $second = $sms->send($other, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'accepted in the end');
	ok($sms->wait_for_state($second, 'accepted'), 'another text too');
	cmp_ok((gaps($id))[0], '>=', 1, 'not before the time the provider asked for');
	my ($first) = $sms->requests($id);
	cmp_ok((($sms->requests($second))[0]{us} - $first->{us}) / 1e6, '>=', 0.99, 'nor did the sender\'s other texts');
	is($sms->sql("SELECT attempts FROM smsfollow.message_log WHERE message_id = $id"), 1, 'a rate limit uses up no attempt');
};

subtest refused_for_good => sub {
	my ($gone, $out) = ($sms->contact, $sms->contact);

	$gateway->fault(kind => 'status', status => 400, code => 21614, to => $gone);
	$gateway->fault(kind => 'status', status => 400, code => 21610, to => $out);
	my @ids = ($sms->send($gone, 'Hello'), $sms->send($out, 'Hello'));
	ok($sms->wait_for_state($_, 'failed'), 'failed') for @ids;
	is_deeply([ map { @{ attempts($_) } } @ids ], [ 'rejected bad_recipient', 'rejected opted_out' ], 'the reasons');
	my @more = ($sms->send($gone, 'Hello'), $sms->send($out, 'Hello'));
	ok($sms->wait_for_state($_, 'suppressed'), 'the next text is suppressed') for @more;
	is(scalar $sms->requests($_), 0, 'without a request') for @more;
	is($sms->sql("SELECT smsfollow.consent_at('$out', 'orders')"), 'opted_out', 'the ledger has the opt-out');
	$gateway->control('DELETE', 'faults');
};

subtest quoted_number => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'status', status => 400, to => $phone, body => "{\"code\": 21614, \"message\": \"'$phone' is not a mobile number\"}");
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'failed'), 'failed');
	is($sms->sql("SELECT error_text FROM smsfollow.message_log WHERE message_id = $id"), "'+***********' is not a mobile number",
		'what the provider says does not tell the number');
	$gateway->control('DELETE', 'faults');
};

subtest reset_after_send => sub {
	my ($phone, $held) = ($sms->contact, $sms->contact);

	$gateway->fault(kind => 'reset', to => $_, count => 1) for $phone, $held;
	$gateway->fault(kind => 'status', status => 404, on => 'lookup', to => $held);
	my $id = $sms->send($phone, 'Hello');
	my $second = $sms->send($held, 'Hello', more => "campaign => 'held'");
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is_deeply(attempts($id), [ 'in_doubt ambiguous', 'accepted lookup' ], 'by a lookup');
	is(scalar $sms->requests($id), 1, 'without a second request');
	is($sms->sql("SELECT provider_message_id FROM smsfollow.message_log WHERE message_id = $id"), ($sms->requests($id))[0]{sid}, 'its id is known');

	ok($sms->wait_for_state($second, 'in_doubt'), 'where lookups fail it stays in doubt');
	ok($sms->wait_for("SELECT lookups >= 3 FROM smsfollow.in_doubt WHERE message_id = $second", 't'), 'however often it is looked up');
	is(scalar $sms->requests($second), 1, 'and is not sent again');
	like($sms->sql("SELECT in_doubt_evidence FROM smsfollow.message_log WHERE message_id = $second"), qr/\w/, 'with the evidence');
	is($sms->sql("SELECT in_doubt FROM smsfollow.kpi_campaign WHERE campaign = 'held'"), 1, 'counted');
	is($sms->sql("SELECT smsfollow.resolve_in_doubt($second, 'accepted')"), 'accepted', 'a person decides');
	is($sms->sql("SELECT in_doubt, accepted FROM smsfollow.kpi_campaign WHERE campaign = 'held'"), '0|1', 'counted');
	$gateway->control('DELETE', 'faults');
};

subtest half_reply => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'half', to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is_deeply(attempts($id), [ 'in_doubt ambiguous', 'accepted lookup' ], 'half an answer is none');
	is(scalar $sms->requests($id), 1, 'one request');
};

subtest big_response => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'big', mb => 8, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is(attempts($id)->[0], 'in_doubt ambiguous', 'an answer that is too large is cut off');
	is(scalar $sms->requests($id), 1, 'one request');
	is($sms->gateway->log_line('reply', ($sms->requests($id))[0]{seq})->{sent}, JSON::PP::false, 'and not read to its end');
};

subtest garbage => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'garbage', accept => 1, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is_deeply(attempts($id), [ 'in_doubt ambiguous', 'accepted lookup' ], 'an answer that is no JSON says nothing');
	is(scalar $sms->requests($id), 1, 'one request');
};

subtest redirect => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'redirect', to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello', more => "campaign => 'held'");
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.attempt WHERE message_id = $id", 1), 'settled');
	is(scalar $sms->requests($id), 1, 'not followed');
	isnt($sms->state($id), 'accepted', 'and not taken for an acceptance');
};

subtest request_timeout => sub {
	my $phone = $sms->contact;

	$sms->reconfigure('smsfollow.request_timeout' => "'1s'");
	$gateway->fault(kind => 'stall', to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'resolved');
	is_deeply(attempts($id), [ 'in_doubt ambiguous', 'accepted lookup' ], 'no answer in time is a doubt');
	is(scalar $sms->requests($id), 1, 'one request');
	$gateway->control('POST', 'release');
	$sms->reconfigure('smsfollow.request_timeout' => "'5s'");
};

subtest absent_is_sent_again => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'reset', accept => 0, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'accepted in the end');
	is_deeply(attempts($id), [ 'in_doubt ambiguous', 'retry lookup', 'accepted ok' ], 'once the provider said that it does not know it');
	is(scalar $sms->requests($id), 2, 'two requests');
	my @lookups = grep { $_->{method} eq 'GET' && ($_->{to} // '') eq $phone } $gateway->log_lines('request');
	cmp_ok(scalar @lookups, '>=', 2, 'said twice');
};

subtest policy_retry_has_an_end => sub {
	my $phone = $sms->contact;

	$gateway->fault(kind => 'status', status => 500, accept => 1, to => $phone);
	my $id = $sms->send($phone, 'Hello', more => "campaign => 'again'");
	ok($sms->wait_for_state($id, 'accepted'), 'ends');
	is_deeply(attempts($id), [ 'retry ambiguous', 'in_doubt ambiguous', 'accepted lookup' ], 'by a lookup after the last attempt');
	is(scalar $sms->requests($id), 2, 'after as many attempts as allowed');
	$phone = $sms->contact;
	$gateway->fault(kind => 'status', status => 500, accept => 0, to => $phone);
	$id = $sms->send($phone, 'Hello', more => "campaign => 'again'");
	ok($sms->wait_for_state($id, 'failed'), 'one that the provider does not know has failed then');
	is_deeply(attempts($id), [ 'retry ambiguous', 'in_doubt ambiguous', 'rejected max_attempts' ], 'for this reason');
	is(scalar $sms->requests($id), 2, 'and was not sent more often either');
	my $later = $sms->send($sms->contact, 'Hello', more => "campaign => 'again'");
	ok($sms->wait_for_state($later, 'accepted'), 'others go on');
	$gateway->control('DELETE', 'faults');
};

subtest connection_refused_then_back => sub {
	my $phone = $sms->contact;

	is($gateway->stop, 0, 'the provider is gone');
	my @ids = map { $sms->send($phone, "text $_") } 1 .. 3;
	ok($sms->wait_for("SELECT count(*) >= 3 FROM smsfollow.attempt WHERE outcome = 'retry' AND reason = 'not_sent'", 't'), 'tried, and tried again');
	is($sms->sql("SELECT count(*) FROM smsfollow.in_doubt WHERE message_id IN (" . join(',', @ids) . ")"), 0, 'no doubt: nothing left the machine');
	$sms->start_gateway_again;
	ok($sms->wait_for_state($_, 'accepted'), 'sent when it is back') for @ids;
	is(scalar $sms->requests($_), 1, 'once') for @ids;
	is($sms->sql("SELECT max(attempts) FROM smsfollow.message_log WHERE message_id IN (" . join(',', @ids) . ")"), 1, 'no attempt was used up');
};

subtest poison_row => sub {
	$sms->sql(q{CREATE FUNCTION public.choke() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN IF NEW.body = 'poison' THEN RAISE EXCEPTION 'choked on +14155560000'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER choke BEFORE INSERT ON smsfollow.inflight FOR EACH ROW EXECUTE FUNCTION public.choke()});
	my @phones = map { $sms->contact } 1 .. 20;
	# one wave: the good ones around the bad one
	my %ids = map { split /\|/ } split(/\n/, $sms->sql(join(' UNION ALL ', map {
		"SELECT smsfollow.send('$phones[$_]', '" . ($_ == 10 ? 'poison' : "good $_") . "') || '|$_'" } 0 .. $#phones)));
	my ($poison) = grep { $ids{$_} == 10 } keys %ids;
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.attempt WHERE outcome = \'accepted\' AND message_id IN (' . join(',', keys %ids) . ')', 19), 'the others went');
	ok($sms->wait_for_state($poison, 'suppressed'), 'the bad one was set aside');
	is($sms->sql("SELECT code FROM smsfollow.message_log WHERE message_id = $poison"), 'template_error', 'and says why');
	is($sms->worker('state'), 'running', 'the worker runs');
	unlike($sms->log, qr/4155560000/, 'no number in the log');
	$sms->sql('DROP TRIGGER choke ON smsfollow.inflight; DROP FUNCTION public.choke()');
	my $after = $sms->send($phones[10], 'Hello');
	ok($sms->wait_for_state($after, 'accepted'), 'the contact gets later texts');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
is($sms->worker('missed'), 0, 'no text was found only by a full look');
done_testing();
