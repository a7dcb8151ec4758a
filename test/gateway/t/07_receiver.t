# The example receiver: callbacks become calls in the database, none is lost
# when the server restarts, and one bad callback harms no other.
use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;

use Gateway;

my $bin = $ENV{PG_BINDIR} // '';
plan skip_all => 'no PostgreSQL server programs' unless -x "$bin/initdb" && -x "$bin/psql";

my $dir = File::Temp->newdir;
my $data = "$dir/data";
my $owner = $> == 0 ? 'postgres' : '';
plan skip_all => 'running as root, and there is no user postgres' if $owner && !defined getpwnam($owner);

# A server of our own on a socket in our directory; a server refuses to run as root.
sub server
{
	my ($program, @arguments) = @_;
	my @command = ("$bin/$program", @arguments);

	@command = ('runuser', '-u', $owner, '--', @command) if $owner;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		chdir "$dir";
		open(STDOUT, '>>', "$dir/server.out");
		open(STDERR, '>&', \*STDOUT);
		exec(@command) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	return $? == 0;
}

sub start_server
{
	return server('pg_ctl', '-D', $data, '-w', '-l', "$data/log", '-o', "-k $dir -h ''", 'start');
}

sub stop_server { return server('pg_ctl', '-D', $data, '-w', '-m', 'immediate', 'stop') }

my $conninfo = "host=$dir user=test dbname=postgres";

sub sql
{
	my ($text) = @_;

	open(my $out, '-|', "$bin/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $conninfo, '-c', $text) or die "psql: $!";
	chomp(my $answer = do { local $/; <$out> } // '');
	close $out or die "psql failed: $text";
	return $answer;
}

chmod 0755, "$dir";
chown scalar getpwnam($owner), -1, "$dir" if $owner;
ok(server('initdb', '-D', $data, '-A', 'trust', '-U', 'test', '-N', '-E', 'UTF8'), 'initdb') or BAIL_OUT("see $dir");
ok(start_server(), 'server started');
END { local $?; stop_server() if defined $data && -e "$data/postmaster.pid" }

# Stands in for the extension: keeps what it is given, refuses what says so.
sql(<<'SQL');
CREATE SCHEMA smsfollow;
CREATE TABLE smsfollow.seen (id bigserial, kind text, provider text, payload jsonb, transaction bigint DEFAULT txid_current());
CREATE FUNCTION smsfollow.record_receipt(provider text, payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF payload ->> 'raise' IS NOT NULL THEN
		RAISE EXCEPTION 'as asked' USING ERRCODE = payload ->> 'raise';
	END IF;
	INSERT INTO smsfollow.seen (kind, provider, payload) VALUES ('receipt', $1, $2);
END $$;
CREATE FUNCTION smsfollow.record_inbound(provider text, payload jsonb) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO smsfollow.seen (kind, provider, payload) VALUES ('inbound', $1, $2) RETURNING id;
$$;
SQL

my $receiver = bless { dir => $dir }, 'Gateway';
($receiver->{pid}, $receiver->{port}) = Gateway::start_program($dir, 'receiver', '--conninfo', $conninfo);

my $form = { 'Content-Type' => 'application/x-www-form-urlencoded' };
my $json = { 'Content-Type' => 'application/json' };

sub post { return $receiver->request('POST', $_[0], $_[1], $_[2])->{status} // 0 }
sub last_seen { return sql("SELECT kind, provider, payload FROM smsfollow.seen ORDER BY id DESC LIMIT 1") }

is(post('/hook/twilio?ref=m-1&x=%22', $form, 'MessageSid=SM1&MessageStatus=sent&Body=%C3%A9+%22%5C'), 204, 'form');
is(last_seen(), 'receipt|twilio|{"x": "\"", "ref": "m-1", "Body": "é \"\\\\", "MessageSid": "SM1", "MessageStatus": "sent"}'
		=~ s/é/\xC3\xA9/r, 'form: recorded with the parameters');
is(post('/hook/other?ref=m-2', $json, '{"id": 5, "status": {"name": "ok"}}'), 204, 'JSON');
is(last_seen(), 'receipt|other|{"id": 5, "ref": "m-2", "status": {"name": "ok"}}', 'JSON: recorded with the parameters');
is(post('/hook/other', $json, '[{"id": 1}, {"id": 2}]'), 204, 'JSON array');
is(last_seen(), 'receipt|other|[{"id": 1}, {"id": 2}]', 'JSON array: as it is');
is($receiver->request('GET', '/hook/bird?id=7&status=delivered')->{status}, 204, 'GET');
is(last_seen(), 'receipt|bird|{"id": "7", "status": "delivered"}', 'GET: recorded');
is(post('/inbound/twilio', $form, 'From=%2B14155550101&Body=STOP'), 204, 'inbound');
is(last_seen(), 'inbound|twilio|{"Body": "STOP", "From": "+14155550101"}', 'inbound: recorded');

my $seen = sql('SELECT count(*) FROM smsfollow.seen');
is(post('/nowhere', $form, 'a=b'), 404, 'unknown path');
is(post('/hook/', $form, 'a=b'), 404, 'no provider');
is(post('/hook/a/b', $form, 'a=b'), 404, 'deeper path');
is($receiver->request('DELETE', '/hook/a')->{status}, 405, 'unknown method');
is(post('/hook/a', $json, '{"id": 1'), 400, 'malformed JSON');
is(post('/hook/a', $json, '{"id": "\u0000"}'), 400, 'JSON that jsonb refuses');
is(post('/hook/a', $json, '{"id": 1}, {"id": 2}'), 400, 'more than one value');
is(post('/hook/a', $form, 'a=' . 'x' x 70000), 413, 'too large');
is(post('/hook/a', $form, join('&', map { "f$_=1" } 1 .. 70)), 400, 'too many fields');
is(post('/hook/a', $form, 'raise=22023'), 400, 'refused by the function');
is(post('/hook/a', $form, 'raise=40001'), 500, 'failed in the function');
is(sql('SELECT count(*) FROM smsfollow.seen'), $seen, 'none of them recorded');

# Under load callbacks share transactions, and a bad one among them fails alone.
# A lock on the table makes the first wait, so that the others gather behind it.
pipe(my $locked_out, my $locked_in);
my $locker = fork() // die "fork: $!";
if ($locker == 0)
{
	open(STDOUT, '>&', $locked_in);
	open(my $in, '|-', "$bin/psql", '-XAtq', '-d', $conninfo) or POSIX::_exit(1);
	$in->autoflush(1);
	print $in "BEGIN; LOCK TABLE smsfollow.seen; SELECT 'locked';\n";
	kill('STOP', $$);
	print $in "COMMIT;\n";
	close $in;
	POSIX::_exit(0);
}
ok(IO::Select->new($locked_out)->can_read($Gateway::DEADLINE), 'table locked');
my @sockets;
for my $n (1 .. 100)
{
	my $socket = $receiver->connect;

	Gateway::write_request($socket, 'POST', "/hook/many?n=$n", $json, $n == 50 ? '{"id": ' : $n == 60 ? '{"raise": "40001"}' : '{}');
	push @sockets, $socket;
}
ok(!IO::Select->new(@sockets)->can_read(0.2), 'none is answered before its commit');
Gateway::poll_until(sub { waitpid($locker, POSIX::WUNTRACED()) > 0 });
kill('CONT', $locker);
my @statuses = map { Gateway::read_answer($_)->{status} } @sockets;
waitpid($locker, 0);
is(sql("SELECT count(DISTINCT payload) FROM smsfollow.seen WHERE provider = 'many'"), 98, 'all good ones recorded');
is(sql("SELECT count(*) FROM smsfollow.seen WHERE provider = 'many'"), 98, 'once');
is($statuses[49], 400, 'the malformed one refused');
is($statuses[59], 500, 'the failing one failed');
is(scalar(grep { $_ == 204 } @statuses), 98, 'the others answered');

@sockets = map { my $socket = $receiver->connect; Gateway::write_request($socket, 'POST', "/hook/good?n=$_", $json, '{}'); $socket } 1 .. 200;
is(scalar(grep { Gateway::read_answer($_)->{status} == 204 } @sockets), 200, 'two hundred more');
cmp_ok(sql("SELECT count(DISTINCT transaction) FROM smsfollow.seen WHERE provider = 'good'"), '<', 150, 'in fewer transactions');

# The server goes away and comes back.
ok(stop_server(), 'server stopped');
is(post('/hook/twilio', $form, 'MessageSid=SM2'), 500, 'no database: the provider shall repeat it');
ok(start_server(), 'server started');
is(post('/hook/twilio', $form, 'MessageSid=SM2'), 204, 'connected again');
ok(stop_server() && start_server(), 'server restarted');
is(post('/hook/twilio', $form, 'MessageSid=SM3'), 204, 'not noticed');

# The whole way: a text, its receipts, the database; through a restart.
my $gateway = Gateway->start('--receipts', 'auto');
$gateway->send(To => '+14155550' . sprintf('%03d', $_ + 100), StatusCallback => "http://127.0.0.1:$receiver->{port}/hook/loop?ref=$_") for 1 .. 50;
ok(stop_server() && start_server(), 'server restarted meanwhile');
ok($gateway->wait_for(receipts_posted => 100), 'all receipts taken');
is(sql("SELECT count(DISTINCT (payload ->> 'ref', payload ->> 'MessageStatus')) FROM smsfollow.seen WHERE provider = 'loop'"),
	100, 'all receipts recorded');

is($receiver->stop, 0, 'ends cleanly');

done_testing();
