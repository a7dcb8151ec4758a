# Caps, budgets and the kill switch with the worker: what it is told to hold
# back it holds back, and lets go at the very instant.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;
my $phone = $sms->contact;

# Puts the clock of the rules forward, of the worker too.
my $offset = 0;
sub forward
{
	$offset += $_[0];
	$sms->reconfigure('smsfollow.clock_offset' => $offset);
	$sms->wait_for("SELECT setting::float8 = $offset FROM pg_settings WHERE name = 'smsfollow.clock_offset'", 't');
}

subtest kill_switch => sub {
	$sms->sql("SELECT smsfollow.pause_all('drill')");
	ok($sms->wait_for("SELECT state FROM smsfollow.stat_worker WHERE worker = 'dispatcher' AND database = 'app'", 'paused'), 'the worker shows it');
	my $id = $sms->send($phone, 'held');
	is($sms->sql("SELECT code FROM smsfollow.explain($id) WHERE rule = 'now'"), 'kill_switch', 'explained');
	is($sms->sql("SELECT string_agg(fate, ',') FROM smsfollow.claim(10, 0)"), 'park', 'nobody else can claim it either');
	ok($sms->crash, 'a crash');
	$sms->node->start;
	$sms->wait_for_worker('paused');
	is($sms->state($id), 'scheduled', 'and it is still held');
	is($sms->sql("SELECT reason FROM smsfollow.kill_switch"), 'drill', 'with the reason');
	$sms->sql('SELECT smsfollow.resume_all()');
	ok($sms->wait_for_state($id, 'accepted'), 'then it goes');
};

subtest program => sub {
	$sms->sql("SELECT smsfollow.pause_program('orders')");
	my $id = $sms->send($phone, 'waits');
	is($sms->sql("SELECT code FROM smsfollow.ready WHERE message_id = $id AND lane < 0"), 'program_paused', 'held');
	$sms->sql("SELECT smsfollow.resume_program('orders')");
	ok($sms->wait_for_state($id, 'accepted'), 'and let go');
};

subtest cap => sub {
	my $other = $sms->contact;
	my $first = $sms->send($other, 'first');
	ok($sms->wait_for_state($first, 'accepted'), 'the first goes');
	$sms->sql("SELECT smsfollow.create_cap('hourly', 1, '1 hour', limits => 'all', counts => 'all')");
	my $id = $sms->send($other, 'second');
	ok($sms->wait_for("SELECT code FROM smsfollow.ready WHERE message_id = $id", 'cap:hourly'), 'the second waits');
	is($sms->sql("SELECT r.send_at - a.started_at FROM smsfollow.ready r, smsfollow.attempt a WHERE r.message_id = $id AND a.message_id = $first"), '01:00:00', 'for an hour');
	forward(3000);
	# another text goes now, and the capped one not yet
	my $third = $sms->send($sms->contact, 'third');
	ok($sms->wait_for_state($third, 'accepted'), 'fifty minutes later the worker has looked');
	is($sms->state($id), 'scheduled', 'and it still waits');
	forward(660);
	ok($sms->wait_for_state($id, 'accepted'), 'after an hour it goes');
	is($sms->sql("SELECT b.started_at - a.started_at >= '1 hour' FROM smsfollow.attempt a, smsfollow.attempt b WHERE a.message_id = $first AND b.message_id = $id"), 't', 'not a moment too early');
	$sms->sql("SELECT smsfollow.drop_cap('hourly')");
};

subtest budget => sub {
	$sms->sql("UPDATE smsfollow.sender SET price_per_segment = 0.01, price_currency = 'USD';
		SELECT smsfollow.create_budget('life', 0.02, 'USD', period => 'lifetime')");
	my @ids = map { $sms->send($sms->contact, "text $_") } 1 .. 4;
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.ready WHERE lane >= 0', 0), 'all were looked at');
	is($sms->sql("SELECT count(*) FROM smsfollow.ready WHERE code = 'budget:life'"), 2, 'two wait');
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.attempt WHERE message_id IN ($ids[0], $ids[1], $ids[2], $ids[3]) AND outcome = 'accepted'", 2), 'two went');
	is($sms->sql('SELECT left_over FROM smsfollow.budget_status') + 0, 0, 'to the last cent');
	$sms->sql("SELECT smsfollow.alter_budget('life', 0.04)");
	ok($sms->wait_for_state($_, 'accepted'), 'raised, the rest goes') for @ids;
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.spend_delta', 0), 'the scheduler folds');
	is($sms->sql('SELECT spent FROM smsfollow.budget_status') + 0, 0.04, 'and the sum is the same');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
