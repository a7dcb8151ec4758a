# Starts the test gateway and talks to it, with core modules only.
#
#	my $gateway = Gateway->start('--latency', 50);
#	my $answer = $gateway->send(To => '+14155550101');
#	my $stats = $gateway->control('GET', 'stats');
#	my @lines = $gateway->log_lines;
#
# The gateway ends with the object.  Programs are looked for in $ENV{BUILD}, or
# in build/ at the top of the repository.
package Gateway;

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use POSIX qw(WNOHANG);
use Time::HiRes qw(time);

our $ACCOUNT = 'AC00000000000000000000000000000001';
our $TOKEN = 'test-token';
our $DEADLINE = 30;		# seconds until a test gives up waiting

# Calls the code until it gives something true, which is returned, or the deadline passes.
sub poll_until
{
	my ($code) = @_;
	my $end = time + $DEADLINE;

	while (time < $end)
	{
		my $result = $code->();
		return $result if $result;
		select(undef, undef, undef, 0.005);
	}
	return;
}

sub slurp
{
	open(my $in, '<', $_[0]) or return;
	local $/;
	return scalar <$in>;
}

# Runs a program of the build directory that writes a port file; gives pid and port.
sub start_program
{
	my ($dir, $name, @arguments) = @_;
	my $program = ($ENV{BUILD} // dirname(__FILE__) . '/../../build') . "/$name";
	my $file = "$dir/$name.port";

	unlink $file;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDERR, '>>', "$dir/$name.err");
		exec($program, '--port-file', $file, @arguments) or POSIX::_exit(127);
	}
	poll_until(sub { -s $file || waitpid($pid, WNOHANG) != 0 });
	open(my $in, '<', $file) or die "$name did not start: " . (slurp("$dir/$name.err") // '');
	chomp(my $port = <$in>);
	return ($pid, $port);
}

sub start
{
	my ($class, @arguments) = @_;
	my $self = bless { dir => File::Temp->newdir }, $class;

	$self->{log} = "$self->{dir}/gateway.log";
	push @arguments, '--log', $self->{log} unless grep { $_ eq '--log' } @arguments;
	($self->{pid}, $self->{port}) = start_program($self->{dir}, 'gateway', '--quiet', @arguments);
	return $self;
}

# Ends it with the signal and waits; gives the exit status.
sub stop
{
	my ($self, $signal) = @_;

	return unless $self->{pid};
	kill($signal // 'TERM', $self->{pid});
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return $?;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);

	$self->stop('KILL');
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

sub encode
{
	my ($text) = @_;

	utf8::encode($text) if utf8::is_utf8($text);
	$text =~ s/([^A-Za-z0-9_.~-])/sprintf('%%%02X', ord $1)/ge;
	return $text;
}

# A form from a list of names and values.
sub form
{
	my @parts;

	while (my ($name, $value) = splice(@_, 0, 2))
	{
		push @parts, encode($name) . '=' . encode($value);
	}
	return join('&', @parts);
}

sub connect
{
	my ($self) = @_;

	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp')
		// die "cannot connect: $@";
}

sub write_request
{
	my ($socket, $method, $path, $headers, $body) = @_;
	my $text = "$method $path HTTP/1.1\r\nHost: 127.0.0.1\r\n";

	$text .= "$_: $headers->{$_}\r\n" for sort keys %$headers;
	$text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
	$text .= "\r\n" . ($body // '');
	local $SIG{PIPE} = 'IGNORE';
	return (syswrite($socket, $text) // -1) == length($text);
}

# Reads one answer.  How it ended: complete, closed, reset or timeout.
sub read_answer
{
	my ($socket, $seconds) = @_;
	my $end = time + ($seconds // $DEADLINE);
	my $answer = { raw => '', body => '', headers => {} };

	while (1)
	{
		if ($answer->{raw} =~ /\A(.*?)\r\n\r\n(.*)\z/s)
		{
			my ($head, $body) = ($1, $2);
			my ($first, @lines) = split(/\r\n/, $head);

			($answer->{status}) = $first =~ m{^HTTP/1\.1 (\d+)};
			$answer->{headers} = { map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @lines };
			$answer->{body} = $body;
			my $length = $answer->{status} == 204 ? 0 : $answer->{headers}{'content-length'};
			if (defined $length && length($body) >= $length)
			{
				$answer->{ended} = 'complete';
				return $answer;
			}
		}
		my $left = $end - time;
		if ($left <= 0 || !IO::Select->new($socket)->can_read($left))
		{
			$answer->{ended} = 'timeout';
			return $answer;
		}
		my $n = sysread($socket, $answer->{raw}, 65536, length $answer->{raw});
		if (!$n)
		{
			$answer->{ended} = defined $n ? 'closed' : $!{ECONNRESET} ? 'reset' : "error $!";
			return $answer;
		}
	}
}

# One request on a connection of its own.
sub request
{
	my ($self, $method, $path, $headers, $body, $seconds) = @_;
	my $socket = $self->connect;

	write_request($socket, $method, $path, $headers // {}, $body);
	return read_answer($socket, $seconds);
}

sub messages_path { return "/2010-04-01/Accounts/$ACCOUNT/Messages" }

sub authorization { return { Authorization => 'Basic ' . encode_base64("$ACCOUNT:$TOKEN", '') } }

sub form_headers
{
	return { %{ authorization() }, 'Content-Type' => 'application/x-www-form-urlencoded' };
}

# Fills in what a good text needs; undef takes a field away.
sub text_fields
{
	my %fields = (To => '+14155550101', From => '+14155550100', Body => 'Hello', @_);

	delete $fields{$_} for grep { !defined $fields{$_} } keys %fields;
	return map { $_ => $fields{$_} } sort keys %fields;
}

# Sends a text as Twilio's clients do.
sub send
{
	my ($self, @fields) = @_;

	return $self->request('POST', messages_path() . '.json', form_headers(), form(text_fields(@fields)));
}

# The same without waiting for the answer: gives the socket.
sub begin_send
{
	my ($self, @fields) = @_;
	my $socket = $self->connect;

	write_request($socket, 'POST', messages_path() . '.json', form_headers(), form(text_fields(@fields)));
	return $socket;
}

# Asks for one message or the list, with query parameters.
sub lookup
{
	my ($self, $sid, @query) = @_;
	my $path = messages_path() . (defined $sid ? "/$sid" : '') . '.json';

	$path .= '?' . form(@query) if @query;
	return $self->request('GET', $path, authorization());
}

# Calls the control API; gives the decoded answer, dies when refused.
sub control
{
	my ($self, $method, $what, @query) = @_;
	my $path = "/_control/$what" . (@query ? '?' . form(@query) : '');
	my $answer = $self->request($method, $path);

	die "$path: $answer->{ended} $answer->{body}" unless ($answer->{status} // 0) == 200;
	return decode($answer->{body});
}

sub fault
{
	my ($self, @rule) = @_;

	return $self->control('POST', 'faults', @rule);
}

# Waits until the counter reaches n; true when it did.
sub wait_for
{
	my ($self, $counter, $n) = @_;

	return $self->control('GET', 'wait', counter => $counter, n => $n, timeout_ms => 1000 * $DEADLINE)->{reached};
}

sub decode { return JSON::PP->new->utf8->decode($_[0]) }

# The log as it stands: a list of hashes, all lines or those of one event.
sub log_lines
{
	my ($self, $event) = @_;

	open(my $in, '<', $self->{log}) or die "$self->{log}: $!";
	my @lines = map { decode($_) } grep { /\n\z/ } <$in>;
	return grep { !defined $event || $_->{event} eq $event } @lines;
}

# The line of that event for that request, when it has been written.
sub log_line
{
	my ($self, $event, $seq) = @_;

	return poll_until(sub { (grep { ($_->{seq} // 0) == $seq } $self->log_lines($event))[0] });
}

1;
