# Twilio's shapes: every answer a client meets, field by field.
use strict;
use warnings;
use utf8;

use POSIX qw(strftime);
use Test::More;

use Gateway;

my $gateway = Gateway->start('--receipt-delay', 60000);

# name => what the value must look like; undef in a list means null is allowed
my %message_fields = (
	account_sid => qr/^AC[0-9a-f]{32}$/,
	api_version => qr/^2010-04-01$/,
	body => qr/^.*$/s,
	date_created => qr/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000$/,
	date_sent => [ undef, qr/ \+0000$/ ],
	date_updated => qr/ \+0000$/,
	direction => qr/^outbound-api$/,
	error_code => [ undef, qr/^\d{5}$/ ],
	error_message => [ undef, qr/./ ],
	from => [ undef, qr/./ ],
	messaging_service_sid => [ undef, qr/^MG[0-9a-f]{32}$/ ],
	num_media => qr/^0$/,
	num_segments => qr/^\d+$/,
	price => [ undef, qr/^-\d+\.\d+$/ ],
	price_unit => qr/^USD$/,
	sid => qr/^SM[0-9a-f]{32}$/,
	status => qr/^(accepted|queued|sent|delivered|undelivered)$/,
	subresource_uris => undef,
	to => qr/./,
	uri => qr{^/2010-04-01/Accounts/AC[0-9a-f]{32}/Messages/SM[0-9a-f]{32}\.json$});

# The names of the fields of a message in the vendor's own description, if it is at hand.
sub described_fields
{
	my $file = ($ENV{SMSFOLLOW_PROVIDERS} // '../../../shared/providers') . '/twilio.openapi.yaml';
	my ($inside, @names);

	open(my $in, '<', $file) or return;
	while (<$in>)
	{
		$inside = 1, next if /^    api\.v2010\.account\.message:$/;
		last if $inside && /^    \S/;
		push @names, $1 if $inside && /^        (\w+):$/;
	}
	return @names;
}

sub check_message
{
	my ($message, $name) = @_;
	my @wrong;

	is_deeply([ sort keys %$message ], [ sort keys %message_fields ], "$name: fields");
	for my $field (sort keys %message_fields)
	{
		my $want = $message_fields{$field} // next;
		my $value = $message->{$field};

		next if ref $want eq 'ARRAY' && !defined $value;
		$want = $want->[1] if ref $want eq 'ARRAY';
		push @wrong, $field unless defined $value && !ref $value && $value =~ $want;
	}
	is_deeply(\@wrong, [], "$name: values");
	is($message->{subresource_uris}{media}, $message->{uri} =~ s/\.json$/\/Media.json/r, "$name: media");
}

sub check_error
{
	my ($answer, $status, $code, $name) = @_;
	my $error = Gateway::decode($answer->{body});

	is($answer->{status}, $status, "$name: status");
	is_deeply([ sort keys %$error ], [qw(code message more_info status)], "$name: fields");
	is($error->{code}, $code, "$name: code");
	is($error->{status}, $status, "$name: status in the body");
	like($error->{more_info}, qr/$code$/, "$name: page");
}

SKIP:
{
	my @names = described_fields() or skip 'no description of the API at hand', 1;

	is_deeply([ sort @names ], [ sort keys %message_fields ], 'the fields are the described ones');
}

# create
my $answer = $gateway->send(Body => 'Grüße, 5 €', StatusCallback => 'http://127.0.0.1:9/hook/t?a=b&ref=r-1#x');
is($answer->{status}, 201, 'created');
is($answer->{headers}{'content-type'}, 'application/json', 'content type');
my $created = Gateway::decode($answer->{body});
check_message($created, 'create');
is($created->{body}, 'Grüße, 5 €', 'body comes back');
is($created->{to}, '+14155550101', 'to comes back');
is($created->{from}, '+14155550100', 'from comes back');
is($created->{status}, 'queued', 'queued');
is($created->{price}, undef, 'no price yet');
is($created->{date_sent}, undef, 'not sent yet');
is($gateway->control('GET', 'received', ref => 'r-1')->[0]{sid}, $created->{sid}, 'ref taken from the callback URL');

my $service = Gateway::decode($gateway->send(From => undef, MessagingServiceSid => 'MG' . 'a' x 32)->{body});
check_message($service, 'create by messaging service');
is($service->{status}, 'accepted', 'a messaging service accepts first');
is($service->{from}, undef, 'its sender is not known yet');
is($service->{num_segments}, '0', 'nor the segments');
isnt($service->{sid}, $created->{sid}, 'another sid');

for my $case (
	[ 'a' x 160, 1 ], [ 'a' x 161, 2 ], [ 'a' x 306, 2 ], [ 'a' x 307, 3 ], [ '€' x 80, 1 ], [ '€' x 81, 2 ],
	[ '`', 1 ], [ 'é' x 160, 1 ], [ 'ê' x 70, 1 ], [ 'ê' x 71, 2 ], [ "\x{1F44D}" x 35, 1 ], [ "\x{1F44D}" x 36, 2 ],
	[ 'ê' x 134, 2 ], [ 'ê' x 135, 3 ])
{
	my ($body, $segments) = @$case;

	is(Gateway::decode($gateway->send(Body => $body)->{body})->{num_segments}, $segments,
		sprintf('%d characters like U+%04X take %d', length $body, ord $body, $segments));
}

# refusals
for my $case (
	[ 21604, To => undef ], [ 21604, To => '' ], [ 21211, To => '14155550101' ], [ 21211, To => '+1415555010x' ],
	[ 21211, To => '+0155550101' ], [ 21211, To => '+1234567890123456' ], [ 21603, From => undef ],
	[ 21603, From => '' ], [ 21212, From => 'Much too long a name' ], [ 21602, Body => undef ], [ 21602, Body => '' ],
	[ 21617, Body => 'a' x 1601 ], [ 21609, StatusCallback => 'ftp://127.0.0.1/' ], [ 20001, ValidityPeriod => 0 ],
	[ 20001, ValidityPeriod => 36001 ], [ 20001, ValidityPeriod => 'x' ], [ 20001, MessagingServiceSid => 'MG1' ],
	[ 21211, To => '+15005550001' ], [ 21612, To => '+15005550002' ], [ 21408, To => '+15005550003' ],
	[ 21610, To => '+15005550004' ], [ 21614, To => '+15005550009' ], [ 21212, From => '+15005550001' ],
	[ 21606, From => '+15005550007' ])
{
	my ($code, $field, $value) = @$case;

	check_error($gateway->send($field => $value), 400, $code, "$field " . substr($value // 'missing', 0, 20));
}
check_error($gateway->send(From => '+15005550008'), 429, 21611, 'sender queue full');
is($gateway->send(Body => 'a' x 1600, ValidityPeriod => 36000)->{status}, 201, '1600 characters and 36000 s are allowed');
is($gateway->send(From => 'My Shop')->{status}, 201, 'alphanumeric sender');
is($gateway->send(From => '12345')->{status}, 201, 'short code');

my $path = Gateway::messages_path();
my $good = Gateway::form(Gateway::text_fields());
my $type = { 'Content-Type' => 'application/x-www-form-urlencoded' };
check_error($gateway->request('POST', "$path.json", $type, $good), 401, 20003, 'no credentials');
check_error($gateway->request('POST', "$path.json", { %$type, Authorization => 'Basic eDp5' }, $good),
	401, 20003, 'wrong credentials');
check_error($gateway->request('POST', '/2010-04-01/Accounts/AC' . 'f' x 32 . '/Messages.json', Gateway::form_headers(), $good),
	404, 20404, 'wrong account');
check_error($gateway->request('PUT', "$path.json", Gateway::form_headers(), $good), 405, 20004, 'wrong method');

$gateway->control('POST', 'opt_out', to => '+14155550177');
check_error($gateway->send(To => '+14155550177'), 400, 21610, 'opted out');
is($gateway->send(To => '+14155550178')->{status}, 201, 'others are not');
$gateway->control('POST', 'opt_in', to => '+14155550177');
is($gateway->send(To => '+14155550177')->{status}, 201, 'opted in again');

# fetch
$answer = $gateway->lookup($created->{sid});
is($answer->{status}, 200, 'fetched');
is_deeply(Gateway::decode($answer->{body}), $created, 'still as created');
check_error($gateway->lookup('SM' . '0' x 32), 404, 20404, 'no such message');
check_error($gateway->lookup('SM' . ('f' x 16) . substr($created->{sid}, 18)), 404, 20404, 'sid of another run');
$gateway->stop;

# With no delay a message is delivered at once, or not, as its number says.
$gateway = Gateway->start;
for my $case ([ '+14155550101', 'delivered', undef ], [ '+14155550003', 'undelivered', 30003 ],
	[ '+14155550005', 'undelivered', 30005 ], [ '+14155551006', 'undelivered', 30006 ])
{
	my ($to, $status, $code) = @$case;
	my $sid = Gateway::decode($gateway->send(To => $to)->{body})->{sid};
	my $message = Gateway::decode($gateway->lookup($sid)->{body});

	check_message($message, "fetch $status");
	is($message->{status}, $status, "$to is $status");
	is($message->{error_code}, $code, "$to: error code");
	is($message->{price}, '-0.00790', "$to: has a price");
}

# list
my @sids;
push @sids, Gateway::decode($gateway->send(To => '+14155550200', Body => "number $_")->{body})->{sid} for 1 .. 5;
$gateway->send(To => '+14155550200', Body => '');
my $list = Gateway::decode($gateway->lookup(undef, To => '+14155550200')->{body});
is_deeply([ sort keys %$list ],
	[ sort qw(messages page page_size start end uri first_page_uri previous_page_uri next_page_uri) ], 'list: fields');
is_deeply([ map { $_->{sid} } @{ $list->{messages} } ], [ reverse @sids ], 'list: newest first, refused ones not');
check_message($list->{messages}[0], 'list');
is($list->{next_page_uri}, undef, 'list: one page');

my @paged;
my $next = "$path.json?" . Gateway::form(To => '+14155550200', PageSize => 2);
while (defined $next && @paged < 100)
{
	my $page = Gateway::decode($gateway->request('GET', $next, Gateway::authorization())->{body});

	cmp_ok(scalar @{ $page->{messages} }, '<=', 2, 'list: page size kept');
	push @paged, map { $_->{sid} } @{ $page->{messages} };
	$next = $page->{next_page_uri};
}
is_deeply(\@paged, [ reverse @sids ], 'list: pages give everything once');

sub listed { return scalar @{ Gateway::decode($gateway->lookup(undef, @_)->{body})->{messages} } }
my $today = strftime('%Y-%m-%d', gmtime);
my $tomorrow = strftime('%Y-%m-%d', gmtime(time + 86400));
my $yesterday = strftime('%Y-%m-%d', gmtime(time - 86400));
is(listed(To => '+14155550299'), 0, 'list: nobody');
is(listed(To => '+14155550200', 'DateSent>' => $yesterday), 5, 'list: sent since yesterday');
is(listed(To => '+14155550200', 'DateSent>' => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time - 600))), 5, 'list: since an instant');
is(listed(To => '+14155550200', 'DateSent>' => $tomorrow), 0, 'list: sent from tomorrow');
is(listed(To => '+14155550200', 'DateSent<' => $yesterday), 0, 'list: sent until yesterday');
is(listed(To => '+14155550200', 'DateSent' => $yesterday), 0, 'list: sent on another day');
is(listed(To => '+14155550200', From => '+14155550999'), 0, 'list: another sender');
is(listed(), 9, 'list: all');
check_error($gateway->lookup(undef, DateSent => 'soon'), 400, 20001, 'list: bad date');
check_error($gateway->lookup(undef, PageSize => 1001), 400, 20001, 'list: bad page size');
$gateway->stop;

# Only the newest are remembered, and the index forgets with the ring.
$gateway = Gateway->start('--keep', 3);
@sids = map { Gateway::decode($gateway->send(To => '+14155550300', ref => "r$_")->{body})->{sid} } 1 .. 5;
is($gateway->lookup($sids[1])->{status}, 404, 'the oldest are forgotten');
is($gateway->lookup($sids[2])->{status}, 200, 'the newest are not');
is(listed(To => '+14155550300'), 3, 'nor in the list');
is_deeply($gateway->control('GET', 'received', ref => 'r1'), [], 'nor by ref');
$gateway->send(To => "+1415555030$_", ref => 'same') for 1 .. 5;
is(listed(To => '+14155550301'), 0, 'a recipient is forgotten with the last text');
is(scalar @{ $gateway->control('GET', 'received', ref => 'same') }, 3, 'a ref is remembered as far as its texts');
is($gateway->send(To => '+14155550301')->{status}, 201, 'and may come again');
is(listed(To => '+14155550301'), 1, 'then it is found');

# Requests share a connection.
my $socket = $gateway->connect;
for (1 .. 3)
{
	Gateway::write_request($socket, 'POST', "$path.json", Gateway::form_headers(), $good);
	is(Gateway::read_answer($socket)->{status}, 201, 'kept alive');
}
is($gateway->stop, 0, 'ends cleanly');

# More than the agreed rate is refused.
$gateway = Gateway->start('--rate', 5);
my @answers = map { $gateway->send } 1 .. 20;
my @refused = grep { $_->{status} != 201 } @answers;
cmp_ok(@answers - @refused, '>=', 5, 'within the rate');
cmp_ok(scalar @refused, '>', 0, 'beyond the rate');
check_error($refused[0], 429, 20429, 'beyond the rate');

done_testing();
