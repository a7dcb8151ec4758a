# Quiet hours: what the worker does about them, and what the provider is told.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;

# Hours in UTC from an hour ago until so many minutes from now.
sub window
{
	my ($minutes) = @_;
	my $now = time;

	return sprintf('%02d:%02d-%02d:%02d', map { (gmtime($now + 60 * $_))[2, 1] } -60, $minutes);
}

# Hours in UTC from two hours from now on.
sub later
{
	my $now = time;

	return sprintf('%02d:%02d-%02d:%02d', map { (gmtime($now + 60 * $_))[2, 1] } 120, 180);
}

sub contact
{
	my $phone = $sms->contact;

	$sms->sql("UPDATE smsfollow.contact_state s SET time_zone = 'UTC' FROM smsfollow.contact_phone p
		WHERE p.contact_id = s.contact_id AND p.phone = '$phone'");
	return $phone;
}

# How long the provider may take, of a text sent now.
sub validity
{
	my ($options) = @_;
	my $id = $sms->sql("SELECT smsfollow.send('" . contact() . "', 'Hello'$options)");

	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	return ($sms->requests($id))[0]{validity};
}

subtest no_window => sub {
	is(validity(''), 36000, 'the longest that the provider knows');
	my $short = validity(", expires_after => '10 minutes'");

	ok($short > 500 && $short <= 570, "its own time less half a minute: $short s");
};

subtest the_window_ends_first => sub {
	$sms->sql("SELECT smsfollow.set_window('" . window(20) . "', program => 'orders')");
	my $validity = validity('');
	# the end is on a full minute
	ok($validity > 18 * 60 - 60 && $validity <= 20 * 60 - 30, "until the window ends less half a minute: $validity s");
	$validity = validity(", expires_after => '5 minutes'");
	ok($validity > 200 && $validity <= 270, "until it expires, which is sooner: $validity s");
};

# A wider window needs nobody to start anything.
subtest the_window_widens => sub {
	$sms->sql("SELECT smsfollow.set_window('" . later() . "', program => 'orders')");
	my $id = $sms->sql("SELECT smsfollow.send('" . contact() . "', 'Wider')");

	ok($sms->wait_for("SELECT code = 'quiet_hours' FROM smsfollow.ready WHERE message_id = $id", 't'), 'it waits');
	is($sms->sql("SELECT smsfollow.set_window(NULL, program => 'orders')"), 1, 'one text is looked at again');
	ok($sms->wait_for_state($id, 'accepted'), 'it went');
};

# A toll-free number, which libphonenumber knows.
subtest kinds_of_numbers => sub {
	my $phone = '+18002346391';

	plan skip_all => 'built without libphonenumber' if $sms->sql("SELECT smsfollow.number_type('$phone')") eq '';
	$sms->sql("SELECT smsfollow.opt_in('$phone', 'orders', 'web')");
	my $id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'suppressed'), 'refused');
	is($sms->sql("SELECT code, rule FROM smsfollow.message_log WHERE message_id = $id"), 'not_mobile|TOLL_FREE', 'and says why');
	$sms->reconfigure('smsfollow.refused_number_types' => "'PREMIUM_RATE'");
	ok($sms->wait_for("SELECT current_setting('smsfollow.refused_number_types')", 'PREMIUM_RATE'), 'only others are refused');
	$id = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'it goes');
};

subtest settings_of_the_law => sub {
	my $next = "SELECT smsfollow.next_allowed('+12125550100', NULL, '2027-06-01 20:50-04') = '2027-06-01 20:50-04'";
	my $rules = "SELECT smsfollow.jurisdictions_of('+18005550100')";

	$sms->sql("SELECT smsfollow.set_jurisdiction('us-fed', '{US}', '08:00-21:00')");
	is($sms->sql($next), 'f', 'a quarter of an hour is kept free');
	is($sms->sql($rules), '{us-fed,us-strict}', 'nobody knows the state: the strictest rules');
	$sms->reconfigure('smsfollow.window_margin' => 0, 'smsfollow.unknown_state' => 'country');
	ok($sms->wait_for($next, 't'), 'unless that is not wanted');
	ok($sms->wait_for($rules, '{us-fed}'), 'the rules of the country alone');
};

# A text that waits goes by itself when its window opens, and not before.  Last,
# because the clock of a database that sends must not go back.
subtest the_window_opens => sub {
	my $id;

	$sms->sql("SELECT smsfollow.set_window('" . later() . "', program => 'orders')");
	$id = $sms->sql("SELECT smsfollow.send('" . contact() . "', 'Later')");
	ok($sms->wait_for("SELECT code = 'quiet_hours' FROM smsfollow.ready WHERE message_id = $id", 't'), 'it waits');
	is($sms->sql("SELECT e.verdict, e.next_at = (SELECT r.send_at FROM smsfollow.ready r WHERE r.message_id = $id)
		FROM smsfollow.explain($id) e WHERE e.rule = 'quiet_hours'"), 'defer|t', 'and says until when');
	is(scalar $sms->requests($id), 0, 'nothing went');
	$sms->reconfigure('smsfollow.clock_offset' => 2 * 3600 - 90);
	is(scalar $sms->requests($id), 0, 'not a minute too early');
	$sms->reconfigure('smsfollow.clock_offset' => 2 * 3600 + 90);
	ok($sms->wait_for_state($id, 'accepted'), 'it went');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
