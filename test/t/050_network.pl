# Names that do not resolve, and certificates that do not hold.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use Time::HiRes qw(time);

use Smsfollow;

my $here = dirname(abs_path($0));
my $folder = File::Temp->newdir;
my $preload = "$folder/stuck_resolver.so";
is(system($ENV{CC} // 'cc', '-shared', '-fPIC', '-o', $preload, "$here/lib/stuck_resolver.c", '-ldl'), 0, 'the resolver is built');

# The server, and only it, gets the resolver.
my $sms = do {
	local $ENV{LD_PRELOAD} = $preload;
	Smsfollow->new(conf => { 'smsfollow.connect_timeout' => "'2s'", 'smsfollow.shutdown_grace' => "'300ms'" });
};
my $gateway = $sms->gateway;

sub last_attempt
{
	my ($id) = @_;

	return $sms->sql("SELECT outcome || ' ' || reason FROM smsfollow.attempt WHERE message_id = $id ORDER BY at DESC LIMIT 1");
}

subtest dns_stall => sub {
	$sms->provider('stuck', url => 'https://stuck.test', address => '+14155550199');
	my $stuck = $sms->send($sms->contact, 'stuck', more => "sender => 'stuck/+14155550199'");
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.inflight', 1), 'one waits for a name');
	my $id = $sms->send($sms->contact, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'another provider answers');
	ok($sms->wait_for("SELECT count(*) > 0 FROM smsfollow.attempt WHERE message_id = $stuck", 't'), 'the time to connect runs out');
	is($sms->sql("SELECT (SELECT min(at) FROM smsfollow.attempt WHERE message_id = $id) < (SELECT min(at) FROM smsfollow.attempt WHERE message_id = $stuck)"), 't',
		'only after the other was through');
	is(last_attempt($stuck), 'retry not_sent', 'nothing left, so it is tried again');
	ok($sms->wait_for("SELECT count(*) > 1 FROM smsfollow.attempt WHERE message_id = $stuck", 't'), 'and again');
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.inflight', 1), 'it waits once more');
	my $start = time;
	{
		local $ENV{LD_PRELOAD} = $preload;
		$sms->node->stop('fast');
		cmp_ok(time - $start, '<', 30, 'a stuck name does not hold up a shutdown');
		$sms->node->start;
	}
	$sms->sql("SELECT smsfollow.cancel($stuck)");
	ok($sms->wait_for("SELECT state IN ('cancelled', 'in_doubt') FROM smsfollow.message_log WHERE message_id = $stuck", 't'), 'cancelled, or known to be open');
	$sms->sql("SELECT smsfollow.pause_provider('stuck')");
};

subtest tls_bad_cert => sub {
	my $certs = "$folder/certs";
	my %names = ('good' => 'good', 'wrong' => 'wrong-host', 'expired' => 'expired', 'selfsigned' => 'self-signed');
	my (%tls, %text);

	is(system("$here/../gateway/make-certs.sh", $certs), 0, 'certificates are made');
	for my $name (sort keys %names)
	{
		my $cert = "$certs/$names{$name}";

		$tls{$name} = $sms->also(Gateway->start('--tls-cert', "$cert.pem", '--tls-key', "$cert.key"));
		$sms->provider($name, url => "https://localhost:$tls{$name}{port}", address => '+14155550101');
	}

	# nobody trusts the authority yet
	$text{$_} = $sms->send($sms->contact, "to $_", more => "sender => '$_/+14155550101'") for sort keys %names;
	ok($sms->wait_for("SELECT count(*) > 1 FROM smsfollow.attempt WHERE message_id = $text{$_}", 't'), "$_: tried, and tried again") for sort keys %names;
	is(last_attempt($text{$_}), 'retry not_sent', "$_: refused") for sort keys %names;
	like($sms->sql("SELECT error_text FROM smsfollow.attempt WHERE message_id = $text{$_} LIMIT 1"), qr/certificate|SSL|TLS/i, "$_: says why") for sort keys %names;
	is(scalar($tls{$_}->log_lines('request')), 0, "$_: no request") for sort keys %names;

	$sms->reconfigure('smsfollow.ca_file' => "'$certs/ca.pem'");
	ok($sms->wait_for_state($text{good}, 'accepted'), 'good: accepted once its authority is trusted');
	is(scalar(grep { $_->{method} eq 'POST' } $tls{good}->log_lines('request')), 1, 'good: one request');
	for my $name (qw(wrong expired selfsigned))
	{
		my $had = $sms->sql("SELECT count(*) FROM smsfollow.attempt WHERE message_id = $text{$name}");

		ok($sms->wait_for("SELECT count(*) > $had + 1 FROM smsfollow.attempt WHERE message_id = $text{$name}", 't'), "$name: tried with it");
		is(last_attempt($text{$name}), 'retry not_sent', "$name: refused");
		is(scalar($tls{$name}->log_lines('request')), 0, "$name: no request");
		is($sms->sql("SELECT smsfollow.cancel($text{$name})") =~ /cancelled|sending/, 1, "$name: given up");
	}

	# a file that is not there: nothing goes, nothing breaks
	$sms->reconfigure('smsfollow.ca_file' => "'$certs/none.pem'");
	my $id = $sms->send($sms->contact, 'no authority', more => "sender => 'good/+14155550101'");
	my $plain = $sms->send($sms->contact, 'plain');
	ok($sms->wait_for_state($plain, 'accepted'), 'plain http goes on');
	$sms->reconfigure('smsfollow.ca_file' => "'$certs/ca.pem'");
	ok($sms->wait_for_state($id, 'accepted'), 'and with it again');
};

subtest no_plain_http_but_at_home => sub {
	my ($status, $out, $messages) = $sms->try_sql("SELECT smsfollow.create_provider('abroad', 'twilio',
		'{\"base_url\": \"http://192.0.2.1:9\", \"account\": \"AC1\"}', 'gateway')");
	isnt($status, 0, 'plain http to elsewhere is refused');
	like($messages, qr{http:// only to this machine}, 'with the reason');
	$sms->reconfigure('smsfollow.allow_insecure_http' => 'off');
	my $id = $sms->send($sms->contact, 'Hello');
	ok($sms->wait_for("SELECT state || ' ' || verdict FROM smsfollow.message_log WHERE message_id = $id", 'scheduled provider_down'),
		'without the setting a text waits');
	is(scalar $sms->requests($id), 0, 'and does not even go to this machine');
	like($sms->log, qr/cannot use provider "gw".*must begin with https/, 'the log says why');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
