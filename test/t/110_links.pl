# Links, media and coupons as the provider gets them.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;

sub click
{
	my ($code, $agent) = @_;
	return $sms->sql("SELECT state, target, class FROM smsfollow.record_click('$code', '$agent', at => smsfollow.clock() + interval '1 minute')");
}

$sms->sql("SELECT smsfollow.set_link_domain('orders', 'go.example.com', '{\"utm_source\": \"sms\"}')");

subtest short_link => sub {
	my @phones = map { $sms->contact } 1 .. 2;
	my @ids = map { $sms->send($_, 'Track it: https://shop.example.com/o?id=1&x=2#top, thanks') } @phones;
	my %codes;

	for my $id (@ids)
	{
		ok($sms->wait_for_state($id, 'accepted'), 'accepted');
		my ($request) = $sms->requests($id);
		like($request->{body}, qr{^Track it: https://go\.example\.com/[0-9A-Za-z]{10}, thanks$}, 'the provider got a short link');
		my ($code) = $request->{body} =~ m{com/(\w+)};
		$codes{$code} = $id;
		is(click($code, 'Mozilla/5.0 (iPhone)'), 'live|https://shop.example.com/o?id=1&x=2&utm_source=sms#top|human', 'it leads there');
		is(click($code, 'WhatsApp/2.23'), 'live|https://shop.example.com/o?id=1&x=2&utm_source=sms#top|preview', 'a preview is none');
	}
	is(scalar keys %codes, 2, 'each recipient has one of his own');
	is($sms->sql('SELECT clicks, bot_clicks, clickers FROM smsfollow.kpi_campaign'), '2|2|2', 'counted');
	is($sms->sql("SELECT clicks, links FROM smsfollow.message_log WHERE message_id = $ids[0]"),
		'1|{"' . (grep { $codes{$_} == $ids[0] } keys %codes)[0] . '": "https://shop.example.com/o?id=1&x=2&utm_source=sms#top"}', 'in the log');
};

# What is tried again says what it said before.
subtest retry => sub {
	my $phone = $sms->contact;

	$sms->gateway->fault(kind => 'status', status => 503, to => $phone, count => 1);
	my $id = $sms->send($phone, 'Again: https://shop.example.com/again');
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	my @bodies = map { $_->{body} } $sms->requests($id);
	is(scalar @bodies, 2, 'two tries');
	is($bodies[0], $bodies[1], 'the same link');
	is($sms->sql("SELECT count(*) FROM smsfollow.link WHERE message_id = $id"), 1, 'one link');
};

subtest mms => sub {
	my $phone = $sms->contact;
	my @urls = map { "https://cdn.example.com/$_.png?a=1&b=%20" } 1 .. 10;
	my $id = $sms->send($phone, 'See', more => 'media => ARRAY[' . join(',', map { "'$_'" } @urls) . ']');

	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	my ($request) = $sms->requests($id);
	is($request->{body}, 'See', 'the text');
	is_deeply($request->{media}, \@urls, 'each picture, in order');
	is($sms->sql("SELECT encoding, segments FROM smsfollow.message_log WHERE message_id = $id"), 'MMS|1', 'one message');

	# an account that takes none
	$sms->sql("SELECT smsfollow.alter_provider('gw', settings || '{\"media\": null}') FROM smsfollow.provider WHERE name = 'gw'");
	$id = $sms->send($phone, 'See', more => "media => ARRAY['$urls[0]']");
	ok($sms->wait_for_state($id, 'accepted'), 'accepted');
	($request) = $sms->requests($id);
	like($request->{body}, qr{^See https://go\.example\.com/[0-9A-Za-z]{10}$}, 'a short link instead');
	is($request->{media}, undef, 'and no picture');
};

subtest coupons => sub {
	my @phones = map { $sms->contact } 1 .. 40;

	$sms->sql("SELECT smsfollow.create_offer('spring');
		SELECT smsfollow.add_coupons('spring', (SELECT array_agg('CODE' || n) FROM generate_series(1, 30) n));
		SELECT smsfollow.create_campaign('sale', 'orders', (SELECT 'code' FROM smsfollow.create_template('code', 'Yours: {{ coupon.code }}')));
		SELECT smsfollow.set_offer('sale', 'spring')");
	$sms->sql("SELECT smsfollow.schedule_many(\$\$SELECT unnest('{" . join(',', @phones) . "}'::text[]) AS phone\$\$, campaign => 'sale')");
	ok($sms->wait_for("SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE code = 'offer_exhausted') FROM smsfollow.message_log WHERE campaign = 'sale'", '30|10'),
		'as many as there are codes');
	my %seen = map { $_->{body} => 1 } grep { $_->{body} =~ /^Yours: CODE\d+$/ } $sms->gateway->log_lines('request');
	is(scalar keys %seen, 30, 'each got its own');
};

# What the provider got is known, whenever the server died.
subtest crash => sub {
	my @phones = map { $sms->contact } 1 .. 60;

	$sms->gateway->control('POST', 'latency', ms => 20);
	$sms->sql("SELECT smsfollow.schedule_many(\$\$SELECT unnest('{" . join(',', @phones) . "}'::text[]) AS phone, 'Look: https://shop.example.com/crash' AS body\$\$, campaign => 'orders')");
	Smsfollow::poll(sub { (grep { $_->{body} =~ /^Look/ } $sms->gateway->log_lines('request')) >= 5 });
	ok($sms->crash, 'the server died');
	$sms->node->start;
	$sms->wait_for("SELECT count(*) FROM smsfollow.message_log WHERE state IN ('scheduled', 'sending') AND campaign = 'orders'", 0);
	my @codes = map { $_->{body} =~ m{^Look: https://go\.example\.com/(\w{10})$} ? $1 : () } $sms->gateway->log_lines('request');
	cmp_ok(scalar @codes, '>=', 5, 'some went');
	is($sms->sql("SELECT count(*) FROM unnest('{" . join(',', @codes) . "}'::text[]) c, smsfollow.resolve_link(c) r WHERE r.state = 'live'"),
		scalar @codes, 'each link that was sent leads somewhere');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
