# The log is what tests believe: nothing is answered that it does not hold.
use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use Fcntl;
use IO::Select;
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time);

use Gateway;

my $gateway = Gateway->start;
my $before = time;
my $body = "Grüße,\n\"zwölf\" \\ \t Äpfel";
my $sid = Gateway::decode($gateway->send(Body => $body, StatusCallback => 'http://127.0.0.1:9/?ref=a%20b')->{body})->{sid};
$gateway->send(Body => '', ref => 'own');
$gateway->lookup($sid);
$gateway->request('GET', '/nowhere');
$gateway->request('POST', Gateway::messages_path() . '.json', Gateway::form_headers(), "To=%2B14155550101&From=123&Body=%FF%00x");
$gateway->request('POST', Gateway::messages_path() . '.json', Gateway::form_headers(), 'Body=' . 'a' x 70000);
my @lines = $gateway->log_lines('request');
is(scalar @lines, 6, 'a line for every request');
is_deeply([ map { $_->{seq} } @lines ], [ 1 .. 6 ], 'numbered');

my $line = $lines[0];
is_deeply([ sort keys %$line ],
	[ sort qw(event seq us method path to from ref sid accepted status fault validity sha256 body) ], 'fields of a line');
cmp_ok(abs($line->{us} / 1e6 - $before), '<', 5, 'time');
is($line->{method}, 'POST', 'method');
is($line->{path}, Gateway::messages_path() . '.json', 'path');
is($line->{to}, '+14155550101', 'to');
is($line->{from}, '+14155550100', 'from');
is($line->{ref}, 'a b', 'ref');
is($line->{sid}, $sid, 'sid');
is($line->{status}, 201, 'status');
is($line->{fault}, 'none', 'fault');
is($line->{body}, $body, 'body');
my $bytes = $body;
utf8::encode($bytes);
is($line->{sha256}, sha256_hex($bytes), 'hash');
ok($line->{accepted}, 'accepted');

ok(!$lines[1]{accepted} && $lines[1]{status} == 400 && !defined $lines[1]{sid}, 'a refused text');
is($lines[1]{ref}, 'own', 'a ref field');
is_deeply([ @{ $lines[2] }{qw(method status to)} ], [ 'GET', 200, '+14155550101' ], 'a lookup');
is($lines[3]{status}, 404, 'an unknown path');
is($lines[4]{body}, "\x{FFFD}", 'bytes that are no UTF-8, and an end at NUL');
is($lines[5]{status}, 413, 'too large a body');
is($gateway->log_line('reply', $_)->{sent}, JSON::PP::true, "reply $_ sent") for 1 .. 6;

# The log goes on where it was, and a sid never comes twice.
is($gateway->stop, 0, 'ends cleanly');
is_deeply([ map { $_->{event} } ($gateway->log_lines)[0, -1] ], [ 'start', 'stop' ], 'start and stop are logged');
my $again = Gateway->start('--log', $gateway->{log});
$again->{log} = $gateway->{log};
$again->send;
my @sids = map { $_->{sid} // () } $again->log_lines('request');
is(scalar @sids, 3, 'the log is appended to');
is(scalar keys %{ { map { $_ => 1 } @sids } }, 3, 'sids of two runs differ');
$again->stop;

# kill -9 in the middle of heavy traffic: every answered text is in the log.
for my $sync ('group', 'none')
{
	$gateway = Gateway->start('--log-sync', $sync);
	my (%answered, $sent);
	my $request = sub
	{
		Gateway::write_request($_[0], 'POST', Gateway::messages_path() . '.json', Gateway::form_headers(),
			Gateway::form(Gateway::text_fields(ref => ++$sent)));
	};
	my $select = IO::Select->new(map { $gateway->connect } 1 .. 32);
	my $end = time + $Gateway::DEADLINE;

	$request->($_) for $select->handles;
	while ($select->count > 0 && time < $end)
	{
		for my $socket ($select->can_read(1))
		{
			my $answer = Gateway::read_answer($socket);

			if ($answer->{ended} eq 'complete')
			{
				$answered{ Gateway::decode($answer->{body})->{sid} } = 1;
				kill('KILL', $gateway->{pid}) if keys %answered == 1000;
				$request->($socket);
			}
			else
			{
				$select->remove($socket);
			}
		}
	}
	cmp_ok(scalar keys %answered, '>=', 1000, "$sync: texts answered before the kill");
	my %logged = map { ($_->{sid} // '') => 1 } $gateway->log_lines('request');
	is_deeply([ grep { !$logged{$_} } keys %answered ], [], "$sync: all of them are in the log");
}

# With a log that cannot be written, answers wait; they come when it can.  A
# pipe that nobody reads takes 64 kB, then stands still.
my $dir = File::Temp->newdir;
mkfifo("$dir/log", 0600) or die "mkfifo: $!";
sysopen(my $pipe, "$dir/log", O_RDWR) or die "$dir/log: $!";
$gateway = Gateway->start('--log', "$dir/log", '--log-sync', 'none');
my ($answers, $stuck) = (0);
while ($answers < 1000)
{
	$stuck = $gateway->begin_send(Body => 'a' x 1600);
	last unless IO::Select->new($stuck)->can_read(2);
	$answers++;
}
cmp_ok($answers, '>', 10, 'answers while the log takes lines');
cmp_ok($answers, '<', 65536 / 1600, 'none when it does not');
sysread($pipe, my $text, 65536);
is(Gateway::read_answer($stuck)->{status}, 201, 'and again when it does');
$gateway->stop('KILL');

done_testing();
