# Transactions whose snapshot is older than what others have committed since.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;
my $phone = $sms->contact;

$sms->sql("SELECT smsfollow.create_program('news', 'marketing', 'Acme'); SELECT smsfollow.create_campaign('late', 'orders')");

# Opens a transaction with a snapshot of now.
sub old_snapshot
{
	my $session = $sms->node->background_psql('app', on_error_stop => 0);

	$session->query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM smsfollow.contact");
	return $session;
}

subtest opt_out => sub {
	my $session = old_snapshot();

	$sms->sql("SELECT smsfollow.opt_in('$phone', 'news', 'web_form')");
	$session->query("SELECT smsfollow.opt_out('$phone'); COMMIT");
	$session->quit;
	is($sms->sql("SELECT smsfollow.consent_at('$phone', 'news') = state FROM smsfollow.consent_status WHERE phone = '$phone' AND program = 'news'"),
		't', 'the gate and the ledger agree about consent');
	is($sms->sql("SELECT smsfollow.consent_at('$phone', 'news')"), 'opted_in', 'the opt-out that could not see the opt-in failed');
};

subtest resume => sub {
	$sms->sql("SELECT smsfollow.pause('late')");
	my $session = old_snapshot();
	my $id = $sms->send($phone, 'waits', more => "campaign => 'late'");

	$session->query("SELECT smsfollow.resume('late'); COMMIT");
	$session->quit;
	is($sms->sql("SELECT paused FROM smsfollow.campaign WHERE name = 'late'"), 't', 'a resume that would overlook a text is refused');
	$sms->sql("SELECT smsfollow.resume('late')");
	ok($sms->wait_for_state($id, 'accepted'), 'and it goes with the next one');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
