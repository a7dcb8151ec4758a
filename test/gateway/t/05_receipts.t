# Receipts: their shape, their order, and what happens when nobody listens.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Gateway;

# A listener on that port (0: any).
sub listener
{
	my ($port) = @_;

	return IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1)
		// die "cannot listen: $@";
}

sub form_of
{
	my ($text) = @_;

	return map { s/\+/ /gr =~ s/%([0-9A-F]{2})/chr hex $1/gier } map { /^(.*?)=(.*)$/ ? ($1, $2) : () } split(/&/, $text);
}

# Takes receipts until n have come or the time is over, answering the status
# that the code chooses: a list of hashes with method, path, type and form.
sub collect
{
	my ($listener, $n, $seconds, $status) = @_;
	my $select = IO::Select->new($listener);
	my $end = time + ($seconds // $Gateway::DEADLINE);
	my (%text, @receipts);

	while (@receipts < $n && time < $end)
	{
		for my $socket ($select->can_read(0.05))
		{
			if ($socket == $listener)
			{
				$select->add($listener->accept);
				next;
			}
			if (!sysread($socket, $text{$socket}, 65536, length($text{$socket} // '')))
			{
				$select->remove($socket);
				next;
			}
			while (($text{$socket} // '') =~ /\A(.*?)\r\n\r\n/s)
			{
				my $head = $1;
				my $length = $head =~ /^Content-Length: (\d+)/mi ? $1 : 0;
				my $start = length($head) + 4;

				last if length($text{$socket}) < $start + $length;
				my $body = substr($text{$socket}, $start, $length);
				my ($method, $path) = $head =~ /\A(\S+) (\S+)/;
				substr($text{$socket}, 0, $start + $length) = '';
				push @receipts, { method => $method, path => $path, form => { form_of($body) },
					type => $head =~ /^Content-Type: (\S+)/mi ? $1 : '' };
				my $code = $status ? $status->(scalar @receipts) : 204;
				syswrite($socket, "HTTP/1.1 $code X\r\nContent-Length: 0\r\n\r\n");
			}
		}
	}
	return @receipts;
}

my $listener = listener(0);
my $port = $listener->sockport;
my $hook = "http://127.0.0.1:$port/hook/twilio";
my $gateway = Gateway->start('--receipts', 'auto');

# the shape
my $sid = Gateway::decode($gateway->send(StatusCallback => "$hook?ref=r1")->{body})->{sid};
my ($sent, $delivered) = collect($listener, 2);
my %common = (MessageSid => $sid, SmsSid => $sid, To => '+14155550101', From => '+14155550100',
	AccountSid => $Gateway::ACCOUNT, ApiVersion => '2010-04-01');
is($sent->{method}, 'POST', 'a POST');
is($sent->{path}, '/hook/twilio?ref=r1', 'to the URL as given');
is($sent->{type}, 'application/x-www-form-urlencoded', 'a form');
is_deeply($sent->{form}, { %common, MessageStatus => 'sent', SmsStatus => 'sent' }, 'sent');
like(delete $delivered->{form}{RawDlrDoneDate}, qr/^\d{10}$/, 'delivered: when');
is_deeply($delivered->{form}, { %common, MessageStatus => 'delivered', SmsStatus => 'delivered' }, 'delivered');

for my $code (30003, 30005, 30006)
{
	my $service = 'MG' . 'b' x 32;
	my $to = '+1415555' . sprintf('1%03d', $code % 10);

	$gateway->send(To => $to, From => undef, MessagingServiceSid => $service, StatusCallback => $hook);
	my ($first, $last) = map { $_->{form} } collect($listener, 2);
	is($first->{MessageStatus}, 'sent', "$code: sent first");
	is($last->{MessageStatus}, 'undelivered', "$code: undelivered");
	is($last->{ErrorCode}, $code, "$code: why");
	is($last->{MessagingServiceSid}, $service, "$code: service named");
	ok(!exists $last->{From}, "$code: no sender");
}

# Refused texts and texts without a URL give none; texts whose answer is lost do.
$gateway->send(StatusCallback => $hook, Body => '');
$gateway->send;
$gateway->fault(kind => 'reset', count => 1);
is($gateway->send(To => '+14155550142', StatusCallback => $hook)->{ended}, 'reset', 'answer lost');
is_deeply([ map { $_->{form}{To} } collect($listener, 2) ], [ ('+14155550142') x 2 ], 'receipts come all the same');
is(scalar collect($listener, 1, 0.3), 0, 'and no others');
ok($gateway->wait_for(receipts_posted => 10), 'counted');

# Many: all of them, in order for each.
my @refs = map { "n$_" } 1 .. 100;
my @sockets = map { $gateway->begin_send(StatusCallback => "$hook?ref=$_") } @refs;
my %seen;
push @{ $seen{ $_->{path} } }, $_->{form}{MessageStatus} for collect($listener, 200);
is(scalar(grep { "@{ $seen{\"/hook/twilio?ref=$_\"} // [] }" eq 'sent delivered' } @refs), 100, 'each in order');
Gateway::read_answer($_) for @sockets;

# A receiver that fails is tried again; one that refuses the receipt is not.
$gateway->send(StatusCallback => $hook);
my @receipts = collect($listener, 4, undef, sub { $_[0] <= 2 ? 500 : 204 });
is_deeply([ map { $_->{form}{MessageStatus} } @receipts ], [ qw(sent sent sent delivered) ], 'again after 500');
$gateway->send(StatusCallback => $hook);
is(scalar collect($listener, 2, 0.6, sub { 404 }), 1, 'not after 404');
is($gateway->control('GET', 'stats')->{receipts_failed}, 1, 'counted as failed');

# Nobody listens: it comes when somebody does.  The port is free meanwhile,
# because the listening socket alone is closed.
close $listener;
$gateway->send(StatusCallback => $hook);
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), 'nobody listens');
$listener = listener($port);
is(scalar collect($listener, 2), 2, 'again after a refused connection');

# Nothing leaves this machine.
my $failed = $gateway->control('GET', 'stats')->{receipts_failed};
$gateway->send(StatusCallback => 'https://192.0.2.1/hook');
ok($gateway->wait_for(receipts_failed => $failed + 1), 'an outside URL is not called');

# The generic shape, and Kannel's
$gateway->request('GET', '/generic/send?' . Gateway::form(to => '+14155551003', text => 'x', ref => 'g1', callback => $hook));
@receipts = collect($listener, 2);
is_deeply([ map { [ @{ $_->{form} }{qw(to ref status error)} ] } @receipts ],
	[ [ '+14155551003', 'g1', 'sent', undef ], [ '+14155551003', 'g1', 'undelivered', 30003 ] ], 'generic');
$gateway->request('GET', '/cgi-bin/sendsms?' . Gateway::form(username => $Gateway::ACCOUNT, password => $Gateway::TOKEN,
		to => '+14155550101', from => '+1', text => 'x', 'dlr-url' => "http://127.0.0.1:$port/dlr?s=%d&p=%p&q=%P&ref=k1"));
@receipts = collect($listener, 2);
is_deeply([ map { "$_->{method} $_->{path}" } @receipts ],
	[ map { "GET /dlr?s=$_&p=%2B14155550101&q=%2B1&ref=k1" } 8, 1 ], 'Kannel');

# A text is answered before its receipts come, and they take their time.
my $slow = Gateway->start('--receipts', 'auto', '--latency', 150, '--receipt-delay', 100);
my $start = time;
my $socket = $slow->begin_send(StatusCallback => $hook);
is(scalar collect($listener, 1), 1, 'first receipt');
cmp_ok(time - $start, '>=', 0.25, 'after latency and delay');
is(scalar collect($listener, 1), 1, 'second receipt');
cmp_ok(time - $start, '>=', 0.35, 'after another delay');
is(Gateway::read_answer($socket)->{status}, 201, 'answered');
$slow->stop;

# Chaos: some come twice, some in the wrong order; none is missing.
my $chaos = Gateway->start('--receipts', 'auto', '--receipt-chaos', '--seed', 3);
@sockets = map { $chaos->begin_send(StatusCallback => "$hook?ref=$_") } @refs;
Gateway::read_answer($_) for @sockets;
%seen = ();
push @{ $seen{ $_->{path} } }, $_->{form}{MessageStatus} for collect($listener, 1000, 3);
my @orders = map { join(' ', @{ $seen{"/hook/twilio?ref=$_"} // [] }) } @refs;
is(scalar(grep { /sent/ && /delivered/ } @orders), 100, 'chaos: none is missing');
cmp_ok(scalar(grep { tr/ // > 1 } @orders), '>', 10, 'chaos: some come twice');
cmp_ok(scalar(grep { /^delivered/ } @orders), '>', 10, 'chaos: some come in the wrong order');
$chaos->stop;

# A full queue drops and counts.
my $full = Gateway->start('--receipts', 'auto', '--receipt-queue', 2, '--receipt-delay', 60000);
$full->send(StatusCallback => $hook) for 1 .. 5;
is($full->control('GET', 'stats')->{receipts_dropped}, 3, 'beyond the bound dropped');
is($full->stop, 0, 'ends cleanly with receipts waiting');

done_testing();
