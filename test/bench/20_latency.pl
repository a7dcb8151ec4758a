# A provider that takes 50 ms, 512 transfers at once: at most 10,240 texts a
# second.  And an idle worker: from the commit to the request at the provider.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;

my $sms = Bench::server();
my $gateway = $sms->gateway;

Bench::customers();
$sms->reconfigure('smsfollow.max_in_flight' => 512);
$gateway->control('POST', 'latency', ms => 50);
queue($TEXTS);
row('drain at 50 ms with 512 in flight', '%8.0f /s  (bound: 10240)', $TEXTS / drain($TEXTS));
$gateway->control('POST', 'latency', ms => 0);
$sms->reconfigure('smsfollow.max_in_flight' => 1000);

# one session, so that only the commit and the worker are measured
my @ms;
my $phone = $sms->contact;
my $session = $sms->node->background_psql('app');
$sms->sql('SELECT smsfollow.resume_worker()');
$sms->requests;
for my $n (1 .. 100)
{
	my ($id, $us) = split(/\|/, $session->query_safe("SELECT smsfollow.send('$phone', 'wake $n'), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint"));

	$sms->wait_for_state($id, 'accepted');
	my ($request) = $sms->requests($id);
	push @ms, ($request->{us} - $us) / 1e3;
}
$session->quit;
pause();
@ms = sort { $a <=> $b } @ms;
row('idle: from send() to the provider, median', '%8.1f ms  (wanted: well below 100)', median(@ms));
row('the same, 95 of 100', '%8.1f ms', $ms[94]);
1;
