# The proof of consent outlives crashes, dumps and restores; the texts about
# consent go, once, and nothing else to who has opted out.
use strict;
use warnings;

use Test::More;

use PostgreSQL::Test::Utils ();

use Smsfollow;

my $KEY = '0123456789abcdef0123456789abcdef';
my $sms = Smsfollow->new;
my $node = $sms->node;

$sms->secret(consent => { key => $KEY });

# What the scheduler does once a minute it also does when it starts: a new one
# is started until no row is left unsigned.
sub signed
{
	my ($database) = @_;

	$database //= 'app';
	for my $try (1 .. 10)
	{
		my $pid = $sms->wait_for_worker('running', 'scheduler', $database);

		return 1 if $sms->sql('SELECT unsigned_events FROM smsfollow.verify_consent()', $database) == 0;
		$sms->sql('SELECT smsfollow.restart_worker()', $database);
		$sms->wait_for("SELECT pid <> $pid AND activity = 'waits' FROM smsfollow.stat_worker WHERE database = '$database' AND worker = 'scheduler'", 't', undef, $database);
	}
	return 0;
}

sub verified
{
	my ($database) = @_;

	return $sms->sql("SELECT ok, coalesce(problem, ''), heads = signed_heads FROM smsfollow.verify_consent()", $database);
}

subtest texts_about_consent => sub {
	$sms->sql("SELECT smsfollow.set_consent_rules('orders', request_text => 'Reply YES', stop_text => 'No more texts')");
	my $phone = $sms->contact;
	$sms->sql("SELECT smsfollow.opt_out('$phone', 'orders', 'keyword', confirm => true)") for 1 .. 3;
	my $confirmation = $sms->sql("SELECT string_agg(message_id::text, ',') FROM smsfollow.message WHERE notice = 'opt_out_confirmation'");
	like($confirmation, qr/^\d+$/, 'one confirmation of three opt-outs');
	ok($sms->wait_for_state($confirmation, 'accepted'), 'it goes though the person is opted out');
	my $after = $sms->send($phone, 'never');
	ok($sms->wait_for_state($after, 'suppressed'), 'nothing else does');

	my $new = '+14155569001';
	$sms->sql("SELECT smsfollow.opt_in('$new', 'orders', 'web_form', double_opt_in => true)");
	my $request = $sms->sql("SELECT message_id FROM smsfollow.message WHERE notice = 'opt_in_request'");
	my $welcome = $sms->send($new, 'Welcome');
	ok($sms->wait_for_state($request, 'accepted'), 'the request to confirm goes');
	ok($sms->wait_for("SELECT code FROM smsfollow.message_log WHERE message_id = $welcome", 'doi_pending'), 'what was scheduled waits for the answer');
	$sms->sql("SELECT smsfollow.confirm_opt_in('$new')");
	ok($sms->wait_for_state($welcome, 'accepted'), 'and goes at once when it comes');
	is(scalar $sms->requests($_), 1, 'asked once') for $confirmation, $request, $welcome;
};

subtest heads_survive_a_crash => sub {
	ok(signed(), 'the scheduler signs all rows');
	is(verified(), 't||t', 'and the ledger is proven');
	unlike($sms->log, qr/$KEY/, 'the key is not in the log');
	my $heads = $sms->sql('SELECT max(head_id) FROM smsfollow.consent_head');

	# an id that was drawn and given back stays a gap
	$sms->sql("SELECT smsfollow.opt_in('+14155569002', 'orders', 'web_form')");
	$sms->sql("BEGIN; SELECT smsfollow.opt_in('+14155569003', 'orders', 'web_form'); ROLLBACK");
	ok($sms->crash, 'the server is killed');
	$node->start;
	ok(signed(), 'the scheduler signs what is left');
	is(verified(), 't||t', 'the ledger is proven');
	cmp_ok($sms->sql('SELECT max(head_id) FROM smsfollow.consent_head'), '>', $heads, 'by new heads');
};

subtest dump_and_restore => sub {
	my $dump = $node->basedir . '/dump';
	my $gone = '+14155569001';

	$sms->sql("SELECT smsfollow.erase_contact('$gone')");
	ok(signed(), 'the erasure is signed, too');
	is(verified(), 't||t', 'and breaks nothing');
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-Fc', '-f', $dump, $node->connstr('app'));
	$sms->reconfigure('smsfollow.databases' => "'restored'");
	$sms->sql('CREATE DATABASE restored', 'postgres');
	PostgreSQL::Test::Utils::system_or_bail('pg_restore', '-d', $node->connstr('restored'), $dump);
	is(verified('restored'), 't||t', 'the restored ledger is proven by the same key');
	is($sms->sql("SELECT * FROM smsfollow.import_consent(\$\$SELECT '$gone' AS phone\$\$, 'orders')", 'restored') =~ s/.*\|(refused)\|.*/$1/r, 'refused',
		'and an import does not bring back who was erased');
	$sms->sql('SELECT smsfollow.adopt()', 'restored');
	$sms->sql("SELECT smsfollow.opt_in('+14155569004', 'orders', 'web_form')", 'restored');
	ok(signed('restored'), 'adopted, it goes on signing');
	is(verified('restored'), 't||t', 'where the original had stopped');

	# without the key, what was signed cannot be checked, and with another one it does not hold
	$sms->secret(consent => { key => scalar reverse $KEY });
	like(verified('restored'), qr/^f\|the signature is not of a key/, 'another key does not do');
	$sms->secret(consent => { key => scalar(reverse $KEY), old => $KEY });
	is(verified('restored'), 't||t', 'unless the old one is there as well');
	unlink "$sms->{secrets}/consent";
	like($sms->sql('SELECT ok, signed_heads, hint FROM smsfollow.verify_consent()', 'restored'), qr/^t\|0\|Signatures were not checked/, 'and without any it says so');
};

is_deeply([ $sms->oracle ], [], 'database and gateway agree');
done_testing();
