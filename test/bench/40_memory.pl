# Private memory of the worker over 200,000 texts.
use strict;
use warnings;

use Bench;

my $sms = Bench::server();
my ($texts, $steps) = (200_000, 10);

# the first texts fill caches, plans and connections
queue(10_000);
my $pid = $sms->wait_for_worker('paused');
drain(10_000);
my @kb = memory($pid);

queue($texts);
my $start = $sms->worker('accepted');
drain($texts, sub { push @kb, memory($pid) if $sms->worker('accepted') - $start >= @kb * $texts / $steps });
push @kb, memory($pid);
row("worker memory (RssAnon) over $texts texts", '%s kB', join(' ', @kb));
row('growth', '%8d kB%s  (wanted: flat)', $kb[-1] - $kb[0], $pid == $sms->worker('pid') ? '' : ' (the worker was restarted)');
1;
