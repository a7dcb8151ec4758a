# Every way to misbehave, and which requests a rule strikes.
use strict;
use warnings;

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Gateway;

my $gateway = Gateway->start;

# Was the text taken, although the answer failed?
sub taken
{
	my ($ref) = @_;

	return $gateway->control('GET', 'received', ref => $ref)->[0]{accepted};
}

# One rule, one text: gives the answer and the text's log line.
my $number = 0;

sub struck
{
	my (@rule) = @_;
	my $ref = 'struck-' . ++$number;

	$gateway->fault(@rule, count => 1);
	my $answer = $gateway->send(ref => $ref);
	my ($line) = grep { ($_->{ref} // '') eq $ref } $gateway->log_lines('request');
	return ($answer, $line, $ref);
}

my ($answer, $line, $ref) = struck(kind => 'status', status => 503);
is($answer->{status}, 503, 'status');
is(Gateway::decode($answer->{body})->{code}, 20503, 'status: the usual error code');
is($line->{status}, 503, 'status: logged');
is($line->{fault}, 'status', 'status: fault logged');
ok(!taken($ref), 'status: not taken');
is($gateway->log_line('reply', $line->{seq})->{sent}, JSON::PP::true, 'status: reply sent');
is($gateway->send->{status}, 201, 'a rule with a count ends');

($answer, $line, $ref) = struck(kind => 'status', status => 500, accept => 1);
is($answer->{status}, 500, 'status with accept');
ok(taken($ref), 'status with accept: taken');

($answer) = struck(kind => 'status', status => 429, retry_after => 7);
is($answer->{headers}{'retry-after'}, 7, 'Retry-After');
is(Gateway::decode($answer->{body})->{code}, 20429, '429 has its code');
($answer) = struck(kind => 'status', status => 400, code => 21610);
is(Gateway::decode($answer->{body})->{code}, 21610, 'chosen code');
like(Gateway::decode($answer->{body})->{message}, qr/unsubscribed/, 'and its message');
($answer) = struck(kind => 'status', status => 418, body => '{"a":"b, c"}');
is($answer->{body}, '{"a":"b, c"}', 'chosen body');

($answer, $line, $ref) = struck(kind => 'reset');
is($answer->{ended}, 'reset', 'reset');
is($answer->{raw}, '', 'reset: not a byte before');
ok(taken($ref), 'reset: taken');
is($line->{status}, 0, 'reset: no status logged');
is($gateway->log_line('reply', $line->{seq})->{sent}, JSON::PP::false, 'reset: no reply sent');
is($gateway->control('GET', 'received', ref => $ref)->[0]{replied}, JSON::PP::false, 'reset: nor remembered');
($answer, $line, $ref) = struck(kind => 'reset', accept => 0);
ok(!taken($ref), 'reset without accept: not taken');

($answer, $line, $ref) = struck(kind => 'close');
is($answer->{ended}, 'closed', 'close');
is($answer->{raw}, '', 'close: not a byte before');
ok(taken($ref), 'close: taken');

($answer, $line, $ref) = struck(kind => 'half');
is($answer->{ended}, 'closed', 'half');
is($answer->{status}, 201, 'half: headers complete');
is(length $answer->{body}, int($answer->{headers}{'content-length'} / 2), 'half: half the body');
ok(taken($ref), 'half: taken');
is($gateway->log_line('reply', $line->{seq})->{sent}, JSON::PP::false, 'half: not sent whole');

($answer) = struck(kind => 'big', mb => 3);
is($answer->{ended}, 'complete', 'big');
cmp_ok(length $answer->{body}, '>', 3 * 1024 * 1024, 'big: size');
is(Gateway::decode($answer->{body})->{status}, 'queued', 'big: still JSON');

my $start = time;
($answer) = struck(kind => 'drip', interval => 1);
is($answer->{ended}, 'complete', 'drip');
cmp_ok(time - $start, '>=', 0.001 * (length($answer->{body}) - 1), 'drip: slow');
is(Gateway::decode($answer->{body})->{status}, 'queued', 'drip: whole');

($answer, $line, $ref) = struck(kind => 'garbage');
is($answer->{status}, 200, 'garbage');
ok(!eval { Gateway::decode($answer->{body}) }, 'garbage: no JSON');
($answer) = struck(kind => 'garbage', body => 'OK?');
is($answer->{body}, 'OK?', 'garbage of our own');

($answer, $line, $ref) = struck(kind => 'redirect');
is($answer->{status}, 302, 'redirect');
is($answer->{headers}{location}, Gateway::messages_path() . '.json', 'redirect: to itself');
ok(!taken($ref), 'redirect: not taken');

$start = time;
($answer) = struck(kind => 'delay', latency => 250);
is($answer->{status}, 201, 'delay');
cmp_ok(time - $start, '>=', 0.25, 'delay: slow');

# stall: no answer, however long; release closes; a client that leaves is noticed
$gateway->fault(kind => 'stall', count => 2);
my $first = $gateway->begin_send(ref => 'stall-1');
my $second = $gateway->begin_send(ref => 'stall-2');
ok($gateway->wait_for(faults => $gateway->control('GET', 'stats')->{faults}), 'stall: others are served');
ok(Gateway::poll_until(sub { $gateway->control('GET', 'received', ref => 'stall-2')->[0] }), 'stall: received');
ok(taken('stall-1') && taken('stall-2'), 'stall: taken');
my $lost = $gateway->control('GET', 'stats')->{lost};
close $first;
ok($gateway->wait_for(lost => $lost + 1), 'stall: a client that leaves is noticed');
ok(!IO::Select->new($second)->can_read(0), 'stall: the other still waits');
$gateway->control('POST', 'release');
is(Gateway::read_answer($second)->{ended}, 'closed', 'stall: released');

# which requests
$gateway->control('DELETE', 'faults');
$gateway->fault(kind => 'status', status => 500, to => '0177');
is($gateway->send(To => '+14155550177')->{status}, 500, 'suffix matches');
is($gateway->send(To => '+14155550178')->{status}, 201, 'suffix does not match');
$gateway->control('DELETE', 'faults');
$gateway->fault(kind => 'status', status => 500, skip => 2, count => 1);
is_deeply([ map { $gateway->send->{status} } 1 .. 4 ], [ 201, 201, 500, 201 ], 'skip and count');
$gateway->control('DELETE', 'faults');
$gateway->fault(kind => 'status', status => 500, on => 'lookup');
is($gateway->send->{status}, 201, 'lookups only: not a send');
is($gateway->lookup(undef)->{status}, 500, 'lookups only: a lookup');
$gateway->control('DELETE', 'faults');
$gateway->fault(kind => 'status', status => 500);
is($gateway->lookup(undef)->{status}, 200, 'sends only: not a lookup');
$gateway->control('DELETE', 'faults');
$gateway->fault(kind => 'status', status => 500, on => 'all');
is_deeply([ $gateway->send->{status}, $gateway->lookup(undef)->{status} ], [ 500, 500 ], 'all');
$gateway->fault(kind => 'status', status => 501);
is($gateway->send->{status}, 500, 'the first rule decides');
is_deeply([ map { "$_->{kind} $_->{hits}" } @{ $gateway->control('GET', 'faults') } ],
	[ 'status 3', 'status 0' ], 'rules are listed with their hits');

# A ref accepted twice is a duplicate; one that was refused before is not.
$gateway->control('POST', 'reset');
$gateway->fault(kind => 'status', status => 503, count => 1);
$gateway->fault(kind => 'reset', count => 1);
$gateway->send(ref => 'twice') for 1 .. 4;
my $stats = $gateway->control('GET', 'stats');
is_deeply([ @$stats{qw(received accepted rejected duplicates)} ], [ 4, 3, 1, 2 ], 'counters');
is_deeply([ map { $_->{duplicate} ? 1 : 0 } @{ $gateway->control('GET', 'received', ref => 'twice') } ], [ 1, 1, 0, 0 ], 'duplicates are marked');

# reset: rules, counters and texts are gone, options are back
$gateway->control('POST', 'latency', ms => 5000);
$gateway->control('POST', 'opt_out', to => '+14155550101');
$gateway->control('POST', 'reset');
is_deeply($gateway->control('GET', 'received'), [], 'reset: texts');
is($gateway->control('GET', 'stats')->{received}, 0, 'reset: counters');
$start = time;
is($gateway->send->{status}, 201, 'reset: rules and opt-outs');
cmp_ok(time - $start, '<', 4, 'reset: latency');
is(scalar(grep { $_->{event} eq 'reset' } $gateway->log_lines), 2, 'reset: logged');

# bad rules are refused
for my $bad ([ kind => 'odd' ], [ kind => 'status', status => 99 ], [ kind => 'status', p => 2 ],
	[ kind => 'status', count => 'x' ], [ kind => 'status', on => 'x' ],
	[ kind => 'status', retry_after => "1\r\nX: y" ], [ status => 500 ])
{
	is($gateway->request('POST', '/_control/faults?' . Gateway::form(@$bad))->{status}, 400, "refused: @$bad" =~ s/\W+/ /gr);
}
is($gateway->request('GET', '/_control/wait?n=x')->{status}, 400, 'refused: wait');
is($gateway->request('GET', '/_control/latency?p50=5&p99=1')->{status}, 400, 'refused: latency');
is($gateway->request('GET', '/_control/odd')->{status}, 404, 'refused: unknown control');
is($gateway->request('POST', '/_control/faults', { 'Content-Type' => 'application/json' },
		'{"kind":"status","status":502,"count":1}')->{status}, 200, 'a rule as JSON');
is($gateway->send->{status}, 502, 'strikes');
my $waited = $gateway->control('GET', 'wait', counter => 'received', n => 1000, timeout_ms => 50);
is_deeply($waited, { reached => JSON::PP::false, value => 2 }, 'a wait ends at its deadline');
$gateway->stop;

# The same seed makes the same choices, another seed others.
sub pattern
{
	my ($seed) = @_;
	my $one = Gateway->start('--seed', $seed, '--fail', 'kind=status,status=500,p=0.5');

	return join('', map { $one->send->{status} == 500 ? 'x' : '.' } 1 .. 64);
}
my $pattern = pattern(7);
is(pattern(7), $pattern, 'same seed, same faults');
isnt(pattern(8), $pattern, 'another seed, other faults');
my $hits = ($pattern =~ tr/x//);
cmp_ok($hits, '>', 16, 'about half');
cmp_ok($hits, '<', 48, 'about half');

# Latency: fixed, and lognormal with the chosen median and tail, many at once.
$gateway = Gateway->start('--latency', 200);
$start = time;
my @sockets = map { $gateway->begin_send } 1 .. 50;
is(scalar(grep { Gateway::read_answer($_)->{status} == 201 } @sockets), 50, 'fixed latency: all answered');
cmp_ok(time - $start, '>=', 0.2, 'fixed latency: after it');
cmp_ok(time - $start, '<', 5, 'fixed latency: side by side');
$gateway->fault(kind => 'delay', latency => 3000, count => 2);
@sockets = map { $gateway->begin_send } 1 .. 2;
ok($gateway->wait_for(faults => 2), 'two are slow');
is($gateway->send->{status}, 201, 'a quick one');
ok(!IO::Select->new(@sockets)->can_read(0), 'overtakes them');
$gateway->control('POST', 'latency', p50 => 50, p99 => 200);
my (%began, @took);
for (1 .. 200)
{
	my $socket = $gateway->begin_send;
	$began{$socket} = [ $socket, time ];
}
my $select = IO::Select->new(map { $_->[0] } values %began);
while ($select->count > 0)
{
	my @ready = $select->can_read($Gateway::DEADLINE) or last;
	for my $socket (@ready)
	{
		push @took, time - $began{$socket}[1];
		$select->remove($socket);
	}
}
@took = sort { $a <=> $b } @took;
is(scalar @took, 200, 'lognormal latency: all answered');
cmp_ok($took[100], '>=', 0.035, 'lognormal latency: median');
# milliseconds, not seconds; a machine that is busy with something else adds some
cmp_ok($took[100], '<', 2, 'lognormal latency: median');
cmp_ok($took[197], '>', 0.1, 'lognormal latency: tail');
is($gateway->stop, 0, 'ends cleanly');

# Ends cleanly too while connections wait and stall.
$gateway = Gateway->start('--latency', 60000, '--fail', 'kind=stall,count=1');
@sockets = map { $gateway->begin_send } 1 .. 3;
push @sockets, $gateway->connect;
Gateway::write_request($sockets[-1], 'GET', '/_control/wait?n=100');
ok($gateway->wait_for(received => 3), 'three are waiting');
is($gateway->stop, 0, 'ends cleanly with waiting connections');

done_testing();
