# The claim starts past what it has seen, and still misses no text; and what has
# to wait is in nobody's way.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new(conf => { 'max_prepared_transactions' => 2 });

# Lets the dispatcher look without any transaction id being used.
sub look
{
	my $wakeups = $sms->worker('wakeups');

	$sms->sql("BEGIN READ ONLY; SELECT smsfollow.wake('dispatcher'); COMMIT");
	return $sms->wait_for("SELECT wakeups >= $wakeups + 2 FROM smsfollow.stat_worker WHERE worker = 'dispatcher'", 't');
}

my ($slow, $fast) = map { $sms->contact } 1 .. 2;
ok($sms->wait_for_state($sms->send($fast, 'first'), 'accepted'), 'it sends');

subtest open_transaction => sub {
	# its transaction id is the newest there is, and stays open while the claim goes on
	my $session = $sms->node->background_psql('app');
	my $id = $session->query_safe("BEGIN; SELECT smsfollow.send('$slow', 'scheduled early, committed late')");

	ok(look(), 'a claim while the transaction is open');
	ok($sms->wait_for_state($sms->send($fast, 'overtakes'), 'accepted'), 'a later text overtakes it');
	$session->query_safe('COMMIT');
	$session->quit;
	ok($sms->wait_for_state($id, 'accepted'), 'it goes when its transaction commits');
	is($sms->worker('missed'), 0, 'at once, not when the queue is swept');
};

# A commit in two steps wakes nobody; the text must not be overlooked all the same.
subtest prepared_transaction => sub {
	my $id = $sms->sql("BEGIN; SELECT smsfollow.send('$slow', 'prepared'); PREPARE TRANSACTION 'order'");

	ok($sms->wait_for_state($sms->send($fast, 'overtakes again'), 'accepted'), 'a later text overtakes it');
	ok(look(), 'the worker looked at everything');
	$sms->sql("COMMIT PREPARED 'order'");
	ok($sms->wait_for_state($sms->send($fast, 'and again'), 'accepted'), 'another text wakes the worker');
	ok($sms->wait_for_state($id, 'accepted'), 'and it goes too');
	is($sms->worker('missed'), 0, 'at once, not when the queue is swept');
};

subtest full_provider => sub {
	$sms->sql("SELECT smsfollow.create_provider('slow', 'sandbox', '{\"delay_ms\": 2000}', NULL, 1);
		SELECT smsfollow.add_sender('slow', 'SLOW', 10000, 10000);
		SELECT smsfollow.opt_in('+1415557' || n, 'orders', 'web_form') FROM generate_series(1000, 1999) n");
	$sms->sql("SELECT smsfollow.schedule_many('SELECT ''+1415557'' || n AS phone, ''waits'' AS body FROM generate_series(1000, 1999) n',
		campaign => 'orders', sender => 'slow/SLOW')");
	my $id = $sms->send($fast, 'goes by another provider');
	ok($sms->wait_for_state($id, 'accepted'), 'a text of another provider passes');
	cmp_ok($sms->sql("SELECT count(*) FROM smsfollow.attempt WHERE provider_id = (SELECT provider_id FROM smsfollow.provider WHERE name = 'slow')"),
		'<', 10, 'while the full one has hardly begun');
	is($sms->sql("SELECT max(n) FROM (SELECT count(*) AS n FROM smsfollow.inflight i JOIN smsfollow.provider p USING (provider_id)
		WHERE p.name = 'slow') x"), 1, 'and never has more at once than it may');
	ok($sms->wait_for("SELECT count(*) >= 3 FROM smsfollow.attempt WHERE body = 'waits' AND outcome = 'accepted'", 't'), 'but goes on');
};

subtest urgent_text_of_a_busy_sender => sub {
	$sms->sql("SELECT smsfollow.add_sender('slow', 'ONE', 5, 1);
		SELECT smsfollow.alter_provider('slow', '{}', NULL, 0);
		SELECT smsfollow.create_campaign('news', 'orders', lane => 3);
		SELECT smsfollow.opt_in('+1415557' || n, 'orders', 'web_form') FROM generate_series(3000, 3999) n;
		SELECT smsfollow.opt_in('+1415557' || n, 'orders', 'web_form') FROM generate_series(4000, 4009) n");
	$sms->sql("SELECT smsfollow.schedule_many('SELECT ''+1415557'' || n AS phone, ''news'' AS body FROM generate_series(3000, 3999) n',
		campaign => 'news', sender => 'slow/ONE')");
	ok($sms->wait_for("SELECT count(*) > 900 FROM smsfollow.ready WHERE code = 'sender_unavailable' AND lane = 3", 't'), 'a bulk campaign fills minutes');
	my @ids = map { $sms->send("+1415557400$_", 'code', more => "campaign => 'orders', sender => 'slow/ONE'") } 0 .. 9;
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.attempt WHERE body = 'code' AND outcome = 'accepted'", 10, 30), 'urgent texts pass it');
	ok($sms->wait_for("SELECT count(*) >= 5 FROM smsfollow.attempt WHERE body = 'news'", 't'), 'and it goes on');
};

is($sms->worker('errors'), 0, 'no errors');
is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
