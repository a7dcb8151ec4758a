# A server with smsfollow, databases that send, and the test gateway they send to.
#
#	my $sms = Smsfollow->new(conf => { 'smsfollow.max_in_flight' => 4 });
#	my $id = $sms->send($sms->contact, 'Hello');
#	$sms->wait_for_state($id, 'accepted');
#	is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
#
# Options of new:
#	name		name of the server (default main)
#	databases	databases that send, each with the extension (default [ 'app' ])
#	conf		settings, on top of the ones below
#	gateway		arguments of the gateway, or undef for none (default [])
#	init		parameters of PostgreSQL::Test::Cluster's init
#	preload		0: the server does not load smsfollow at start
#
# Nothing sleeps: what takes time is asked for until it is so, or the deadline passes.
package Smsfollow;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use Gateway;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();

our @EXPORT_OK = qw(poll);
our $DEADLINE = $ENV{PG_TEST_TIMEOUT_DEFAULT} // 120;	# seconds until a test gives up waiting

# Whoever runs the tests, the superuser has this name.
$ENV{PGUSER} = 'postgres';

# Who is told to end stops its servers first.
$SIG{$_} = sub { exit 1 } for qw(TERM INT HUP);

my %SETTINGS = (
	'shared_preload_libraries' => "'smsfollow'",
	'restart_after_crash' => 'on',
	'log_statement' => 'none',
	'jit' => 'off',
	'max_worker_processes' => 20,
	'smsfollow.allow_insecure_http' => 'on',
	'smsfollow.retry_base' => "'100ms'",
	'smsfollow.retry_cap' => "'1s'",
	'smsfollow.lookup_interval' => "'100ms'");

sub new
{
	my ($class, %options) = @_;
	my $self = bless { databases => $options{databases} // ['app'], phones => 100 }, $class;
	my $node = $self->{node} = PostgreSQL::Test::Cluster->new($options{name} // 'main');
	my %init = %{ $options{init} // {} };

	$node->init(%init, extra => [ '--no-locale', '--encoding=UTF8', '--username=postgres' ]);
	$self->{secrets} = $node->basedir . '/secrets';
	mkdir $self->{secrets};
	$self->secret(gateway => { auth_token => $Gateway::TOKEN });
	$self->configure(%SETTINGS,
		'smsfollow.databases' => "'" . join(', ', @{ $self->{databases} }) . "'",
		'smsfollow.secret_dir' => "'$self->{secrets}'",
		%{ $options{conf} // {} },
		($options{preload} // 1) ? () : (shared_preload_libraries => "''"));
	$self->{gateway} = Gateway->start(@{ $options{gateway} // [] })
	  unless exists $options{gateway} && !defined $options{gateway};
	$node->start;
	$node->safe_psql('postgres', join(';', map { "CREATE DATABASE $_" } @{ $self->{databases} }) =~ s/;/;\n/gr);
	$self->set_up($_) for @{ $self->{databases} };
	return $self;
}

sub node { return $_[0]{node} }

sub gateway { return $_[0]{gateway} }

# Starts the gateway again where it was, with the same log.
sub start_gateway_again
{
	my ($self, @arguments) = @_;
	my $old = $self->{gateway};

	$old->stop;
	my $new = Gateway->start('--port', $old->{port}, '--log', $old->{log}, @arguments);
	$new->{log} = $old->{log};
	push @{ $self->{old_gateways} }, $old;	# the log is in its folder
	return $self->{gateway} = $new;
}

sub log { return PostgreSQL::Test::Utils::slurp_file($_[0]{node}->logfile) }

# Calls the code until it gives something true, which is returned, or the deadline passes.
sub poll
{
	my ($code, $deadline) = @_;
	my $end = time + ($deadline // $DEADLINE);

	while (1)
	{
		my $result = $code->();
		return $result if $result || time >= $end;
		select(undef, undef, undef, 0.01);
	}
}

# Writes settings; a later value wins.
sub configure
{
	my ($self, %settings) = @_;

	$self->{node}->append_conf('postgresql.conf', join("\n", map { "$_ = $settings{$_}" } sort keys %settings));
}

# The same for a server that runs.
sub reconfigure
{
	my ($self, %settings) = @_;

	$self->configure(%settings);
	$self->{node}->reload;
}

# Writes a secret file that only the server reads.
sub secret
{
	my ($self, $name, $fields) = @_;
	my $file = "$self->{secrets}/$name";

	umask(0077);
	open(my $out, '>', $file) or die "$file: $!";
	print $out JSON::PP->new->encode($fields);
	close $out;
}

# The extension, a program, and the gateway as the provider "gw".
sub set_up
{
	my ($self, $database) = @_;

	$self->sql('CREATE EXTENSION smsfollow', $database);
	# whatever the time of the day
	$self->sql('UPDATE smsfollow.jurisdiction SET hours = NULL', $database);
	$self->sql("SELECT smsfollow.create_program('orders', 'transactional', 'Acme')", $database);
	$self->provider('gw', database => $database) if $self->{gateway};
}

# A Twilio account at the gateway with one fast sender; the first one is the
# default of texts that name none.
sub provider
{
	my ($self, $name, %options) = @_;
	my $settings = JSON::PP->new->encode({
		base_url => $options{url} // $self->{gateway}->url,
		account => $Gateway::ACCOUNT,
		callback_url => 'https://receiver.test/sms?ref={{ref}}' });
	my $address = $options{address} // '+14155550100';

	$self->sql("SELECT smsfollow.create_provider('$name', 'twilio', \$\$$settings\$\$, 'gateway');
		SELECT smsfollow.add_sender('$name', '$address', 10000, 10000)", $options{database});
}

# Kills the postmaster and waits until its children have noticed; true when
# they all ended.  A dead process that nobody has waited for counts as ended;
# the next postmaster would think otherwise, so the lock files go.
sub crash
{
	my ($self) = @_;
	my $lock_file = $self->{node}->data_dir . '/postmaster.pid';
	my ($postmaster) = PostgreSQL::Test::Utils::slurp_file($lock_file) =~ /^(\d+)/;
	my @pids = ($postmaster, split(/\n/, $self->sql('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()')));

	$self->{node}->kill9;
	my $ended = poll(sub { return !grep { -e "/proc/$_/exe" } @pids }, 20);
	unlink $lock_file, sprintf('%s/.s.PGSQL.%d.lock', $self->{node}->host, $self->{node}->port) if $ended;
	return $ended;
}

# One or more statements; gives what they print, dies on errors.
sub sql
{
	my ($self, $sql, $database) = @_;

	my $out = eval { $self->{node}->safe_psql($database // $self->{databases}[0], $sql) };

	return $out if defined $out;
	diag("$@$sql");
	die $@;
}

# The same where an error is expected: gives exit status, output and messages.
sub try_sql
{
	my ($self, $sql, $database, @more) = @_;

	return $self->{node}->psql($database // $self->{databases}[0], $sql, @more);
}

# Repeats a query until it gives what is expected; true when it did.  The
# server may be on its way up or down meanwhile.
sub wait_for
{
	my ($self, $sql, $expected, $deadline, $database) = @_;
	my ($last, $messages);
	my $reached = poll(sub {
		my $status;
		($status, $last, $messages) = $self->try_sql($sql, $database);
		return $status == 0 && $last eq $expected;
	}, $deadline);

	diag("waited for '$expected', got '" . ($last // '') . "' $messages\n$sql") unless $reached;
	return $reached;
}

# A number that nobody used yet, with consent.  From +14155560101 on: the last
# digits mean something to the sandbox below.
sub contact
{
	my ($self, $database) = @_;
	my $phone = sprintf('+1415556%04d', ++$self->{phones});

	$self->sql("SELECT smsfollow.opt_in('$phone', 'orders', 'web_form')", $database);
	return $phone;
}

# Queues a text in a transaction of its own; gives its id.
sub send
{
	my ($self, $phone, $body, %options) = @_;
	my $more = $options{more} ? ", $options{more}" : '';

	return $self->sql("SELECT smsfollow.send('$phone', '$body'$more)", $options{database});
}

sub state
{
	my ($self, $id, $database) = @_;

	return $self->sql("SELECT state FROM smsfollow.message_log WHERE message_id = $id", $database);
}

sub wait_for_state
{
	my ($self, $id, $state, $database) = @_;

	return $self->wait_for("SELECT state FROM smsfollow.message_log WHERE message_id = $id", $state, undef, $database);
}

# The number of texts in each state, as "accepted 3, scheduled 1".
sub states
{
	my ($self, $database) = @_;

	return $self->sql("SELECT coalesce(string_agg(state || ' ' || n, ', ' ORDER BY state), '') FROM (
		SELECT state, count(*) AS n FROM smsfollow.message_log GROUP BY 1) x", $database);
}

# One value of a worker's row in stat_worker.
sub worker
{
	my ($self, $column, $kind, $database) = @_;

	$kind //= 'dispatcher';
	$database //= $self->{databases}[0];
	return $self->sql("SELECT $column FROM smsfollow.stat_worker WHERE database = '$database' AND worker = '$kind'", $database);
}

# Waits for a worker to be in that state; gives its pid.
sub wait_for_worker
{
	my ($self, $state, $kind, $database) = @_;

	$kind //= 'dispatcher';
	$database //= $self->{databases}[0];
	$self->wait_for("SELECT state FROM smsfollow.stat_worker WHERE database = '$database' AND worker = '$kind'", $state, undef, $database);
	return $self->worker('pid', $kind, $database);
}

# Another gateway whose requests count, such as one with certificates.
sub also
{
	my ($self, $gateway) = @_;

	push @{ $self->{also} }, $gateway;
	return $gateway;
}

# Everything the gateways were asked to send, by text: a list of log lines.  Only
# what is new in a log is read.
sub requests
{
	my ($self, $id) = @_;

	for my $log (map { $_->{log} } $self->{gateway}, @{ $self->{also} // [] })
	{
		open(my $in, '<', $log) or die "$log: $!";
		seek($in, $self->{log_read}{$log} //= 0, 0);
		while (my $line = <$in>)
		{
			last unless $line =~ /\n\z/;
			$self->{log_read}{$log} += length $line;
			next unless index($line, '"event":"request"') >= 0;	# decoding is slow
			my $request = Gateway::decode($line);
			next unless $request->{event} eq 'request' && $request->{method} eq 'POST';
			push @{ $self->{requests} }, $request;
		}
	}
	return grep { !defined $id || ($_->{ref} // '') eq $id } @{ $self->{requests} // [] };
}

# Waits until the gateway has been asked n times to send this text.
sub wait_for_requests
{
	my ($self, $id, $n) = @_;

	return poll(sub { return scalar($self->requests($id)) >= $n });
}

# Compares the log of the gateway, which is synced to disk before each answer,
# with what a database believes.  Gives a list of contradictions:
# - a text the gateway took twice, unless its campaign's policy is "retry",
#   whose meaning that is
# - a text the gateway took that the database holds for not sent
# - a text the database holds for accepted that the gateway never took
# - more requests for a text than the database tried, so one without permit
# - a request for a text that the database does not know
# - a text that is nowhere: neither waiting, nor under way, nor ended
# - a doubt without evidence
# Ids are those of one database, so requests count for the database that has
# their number, where there are several.  Sandbox texts go to no gateway.
sub oracle
{
	my ($self, $database) = @_;
	my (%asked, %took, %known, %ours, @problems);

	$ours{$_} = 1 for split(/\n/, $self->sql('SELECT phone FROM smsfollow.contact_phone', $database));
	for ($self->requests)
	{
		my $ref = $_->{ref} // "none, to $_->{to}";

		next if @{ $self->{databases} } > 1 && !$ours{ $_->{to} };
		$asked{$ref}++;
		push @{ $took{$ref} }, $_->{sid} if $_->{accepted};
	}
	my $texts = $self->sql("SELECT l.message_id, l.state, coalesce(l.reason, ''), coalesce(l.in_doubt_evidence, '') <> '', c.in_doubt_policy,
			l.due_at IS NULL, l.provider IN (SELECT name FROM smsfollow.provider WHERE kind = 'sandbox'),
			(SELECT count(*) FROM smsfollow.attempt a WHERE a.message_id = l.message_id),
			(SELECT string_agg(a.provider_message_id, ' ') FROM smsfollow.attempt a
			 WHERE a.message_id = l.message_id AND a.outcome = 'accepted')
		FROM smsfollow.message_log l JOIN smsfollow.campaign c ON c.name = l.campaign", $database);
	for my $text (split(/\n/, $texts))
	{
		my ($id, $state, $reason, $evidence, $policy, $gone, $sandbox, $tries, $believed) = split(/\|/, $text, -1);
		my @sids = @{ $took{$id} // [] };

		$known{$id} = 1;
		push @problems, "text $id is nowhere" if $state eq 'scheduled' && $gone eq 't';
		push @problems, "text $id is in doubt for no reason" if $state eq 'in_doubt' && $evidence ne 't';
		next if $sandbox eq 't';
		push @problems, "text $id was taken " . @sids . ' times' if @sids > 1 && $policy ne 'retry';
		push @problems, "text $id was asked for $asked{$id} times and tried $tries times"
		  if ($asked{$id} // 0) > $tries + ($state eq 'sending');
		push @problems, "text $id was taken and is $state"
		  if @sids && $state !~ /^(?:sending|in_doubt|accepted|sent|delivered|undelivered|read)$/
		  && !($state eq 'failed' && $reason =~ /^(?:dropped|person)$/)
		  && !($policy eq 'retry' && $state eq 'scheduled');
		for my $sid (split(/ /, $believed))
		{
			push @problems, "text $id was not taken as $sid" unless grep { $_ eq $sid } @sids;
		}
		push @problems, "text $id is accepted and was not taken" if $state eq 'accepted' && !@sids;
	}
	push @problems, map { "unknown text $_ was sent" } grep { !$known{$_} } sort keys %asked;
	return @problems;
}

# Numbers and texts that a gateway took more than once, whichever database asked.
sub taken_twice
{
	my ($self) = @_;
	my %taken;

	$taken{"$_->{to} " . ($_->{ref} // '')}++ for grep { $_->{accepted} } $self->requests;
	return grep { $taken{$_} > 1 } sort keys %taken;
}

1;
