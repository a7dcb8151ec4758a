# Claims while another session holds a snapshot: dead rows of the queue stay, and
# must not be walked over again and again.
use strict;
use warnings;

use Bench;

my $sms = Bench::server();
my $texts = 120_000;

queue($texts);
$sms->sql('VACUUM smsfollow.ready, smsfollow.inflight');
my $holder = $sms->node->background_psql('app');
$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');

# [claimed, milliseconds in claims] so far
my $counters = sub {
	return [ split(/\|/, $sms->sql("SELECT claimed, claim_ms FROM smsfollow.stat_worker WHERE worker = 'dispatcher' AND database = 'app'")) ];
};
my @samples = $counters->();
drain($texts, sub { push @samples, $counters->() });
push @samples, $counters->();
$holder->quit;

my $per_200 = sub {
	my ($from, $to) = map { $samples[0][0] + $_ * $texts } @_;
	my @in = grep { $_->[0] >= $from && $_->[0] <= $to } @samples;
	return ($in[-1][1] - $in[0][1]) / ($in[-1][0] - $in[0][0]) * 200;
};
my ($first, $last) = ($per_200->(0, 0.1), $per_200->(0.9, 1));
row("claim of 200 under a pinned snapshot, first tenth of $texts", '%8.2f ms', $first);
row('the same, last tenth', '%8.2f ms  (%.2f times; wanted: at most 1.5)', $last, $last / $first);
1;
