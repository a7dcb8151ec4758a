# The generic gateway: any method, any encoding, several answers; and Kannel.
use strict;
use warnings;
use utf8;

use Test::More;

use Gateway;

my $gateway = Gateway->start;
my $form = { 'Content-Type' => 'application/x-www-form-urlencoded' };
my $json = { 'Content-Type' => 'application/json; charset=utf-8' };

sub last_text { return $gateway->control('GET', 'received', limit => 1)->[0] }

for my $case (
	[ 'query', 'GET', '?to=%2B14155550101&from=Shop&text=Hi+%E2%82%AC&ref=r1', {}, undef ],
	[ 'form', 'POST', '', $form, 'to=%2B14155550101&from=Shop&text=Hi+%E2%82%AC&ref=r1' ],
	[ 'form and query', 'POST', '?ref=r1', $form, 'to=%2B14155550101&from=Shop&text=Hi+%E2%82%AC' ],
	[ 'JSON', 'POST', '', $json, '{"to":"+14155550101", "from":"Shop","text":"Hi \u20ac","ref":"r1","n":1,"deep":{"a":["}"]}}' ],
	[ 'PUT', 'PUT', '', $json, '{"to":"+14155550101","from":"Shop","text":"Hi €","ref":"r1"}' ])
{
	my ($name, $method, $query, $headers, $body) = @$case;

	utf8::encode($body) if defined $body;
	my $answer = $gateway->request($method, "/generic/send$query", $headers, $body);
	is($answer->{status}, 200, "$name: taken");
	my $text = last_text();
	is_deeply(Gateway::decode($answer->{body}), { id => $text->{sid}, status => 'ok' }, "$name: answer");
	is_deeply([ @$text{qw(to from body ref)} ], [ '+14155550101', 'Shop', 'Hi €', 'r1' ], "$name: fields");
}

# JSON in detail
for my $case (
	[ '{"to":"1","text":"\ud83d\udc4d\"\\\\\/\n"}', "\x{1F44D}\"\\/\n" ], [ ' { "to" : 1 , "text" : "x" , "from" : null } ', 'x' ],
	[ '{"to":"1","text":12.50}', '12.50' ], [ '{"a":"b]}\"","to":"1","text":"y","z":[1,{"q":"\\\\"}]}', 'y' ])
{
	my ($body, $want) = @$case;

	is($gateway->request('POST', '/generic/send', $json, $body)->{status}, 200, "JSON $body");
	is(last_text()->{body}, $want, "JSON $body: text");
}
for my $bad ('', '{', '[]', '{"to":"1","text":"x"', '{"to":"1" "text":"x"}', '{"to":"1","text":"x"}}', '{"to":"1","text":"\x"}',
	'{"to":"1","text":"\u12"}', '{"to":"1","text":"\ud83dx"}', '{"to":"1","text":"a' . "\n" . '"}', '{"to":"1","text":}',
	'{"to":"1","text":[1}', '{to:"1","text":"x"}', '{' . join(',', map { "\"f$_\":1" } 1 .. 65) . '}')
{
	is($gateway->request('POST', '/generic/send', $json, $bad)->{status}, 400, 'refused: ' . substr($bad, 0, 30));
}

for my $case ([ 'to=&text=x', 'recipient' ], [ 'text=x', 'recipient' ], [ 'to=1', 'text' ], [ 'to=1&text=', 'text' ])
{
	my $answer = $gateway->request('GET', "/generic/send?$case->[0]");

	is($answer->{status}, 400, "refused: $case->[0]");
	like(Gateway::decode($answer->{body})->{error}, qr/$case->[1]/, "refused: $case->[0]: says why");
}

my $answer = $gateway->request('GET', '/generic/send?to=1&text=x&_answer=text');
like($answer->{body}, qr/^OK SM[0-9a-f]{32}$/, 'answer as text');
is($answer->{headers}{'content-type'}, 'text/plain', 'answer as text: type');
is($gateway->request('GET', '/generic/send?to=1&_answer=text')->{body}, 'missing text', 'refusal as text');
$gateway->fault(kind => 'status', status => 503, count => 1);
is($gateway->request('GET', '/generic/send?to=1&text=x')->{status}, 503, 'faults strike here too');

# Kannel's page
my $login = "username=$Gateway::ACCOUNT&password=$Gateway::TOKEN";
$answer = $gateway->request('GET', "/cgi-bin/sendsms?$login&to=%2B14155550101&from=Shop&text=Hi&dlr-url=http%3A%2F%2F127.0.0.1%3A9%2F%3Fref%3Dk1%26d%3D%25d");
is($answer->{status}, 202, 'Kannel: accepted');
is($answer->{body}, '0: Accepted for delivery', 'Kannel: answer');
is(last_text()->{ref}, 'k1', 'Kannel: ref in the callback');
$answer = $gateway->request('GET', '/cgi-bin/sendsms?username=a&password=b&to=1&text=x');
is($answer->{status}, 403, 'Kannel: wrong password');
is($answer->{body}, 'Authorization failed for sendsms', 'Kannel: says so');
is($gateway->request('POST', '/cgi-bin/sendsms', $form, "$login&to=1&text=x")->{status}, 400, 'Kannel: no forms');
$gateway->stop;

$gateway = Gateway->start('--generic-answer', 'text', '--generic-fields', 'to=dest,body=msg,ref=custom_id', '--generic-auth', 'Bearer abc');
is($gateway->request('GET', '/generic/send?dest=1&msg=x')->{status}, 401, 'authorization wanted');
is($gateway->request('GET', '/generic/send?dest=1&msg=x', { Authorization => 'Bearer abd' })->{status}, 401, 'the right one');
$answer = $gateway->request('GET', '/generic/send?dest=1&msg=x&custom_id=7', { Authorization => 'Bearer abc' });
like($answer->{body}, qr/^OK /, 'answer chosen by option');
is_deeply([ @{ last_text() }{qw(to body ref)} ], [ 1, 'x', 7 ], 'fields chosen by option');
is($gateway->request('GET', '/generic/send?to=1&msg=x', { Authorization => 'Bearer abc' })->{status}, 400, 'then no others');

done_testing();
