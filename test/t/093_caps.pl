# Caps and budgets with many claims at once: sixteen connections, each of which
# queues, claims and settles, and the worker, all after the same contact in the
# same moment, round after round with a contact of its own.
#
# Environment: SMSFOLLOW_CAP_ROUNDS (60), SMSFOLLOW_SEED
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $rounds = $ENV{SMSFOLLOW_CAP_ROUNDS} // 60;
my $seed = $ENV{SMSFOLLOW_SEED} // int(rand(1_000_000));
my $sms = Smsfollow->new(conf => { max_connections => 60 });

diag("seed $seed, $rounds rounds");
$sms->sql("
	SELECT smsfollow.opt_in('+1415' || lpad(n::text, 7, '0'), 'orders', 'web_form') FROM generate_series(1, $rounds) n;
	UPDATE smsfollow.sender SET segments_per_second = 100000, burst = 100000, price_per_segment = 0.01, price_currency = 'USD';
	SELECT smsfollow.create_cap('two', 2, '1 day', limits => 'all', counts => 'all');
	-- enough for half of what the cap lets through
	SELECT smsfollow.create_budget('all', 0.01 * $rounds, 'USD', period => 'lifetime');
	CREATE FUNCTION public.settle(epoch bigint, outcome text) RETURNS bigint LANGUAGE sql AS \$\$
		SELECT smsfollow.settle(array_agg(i.message_id), array_agg(i.contact_id), settle.epoch, outcome) FROM smsfollow.inflight i WHERE i.epoch = settle.epoch
	\$\$;
	-- never more than one at a time, and never more than the cap or the budget allow, at any moment that anybody can see
	CREATE VIEW public.taken AS
	SELECT x.contact_id, count(*) AS n, sum(x.price) AS spent FROM (
		SELECT a.contact_id, a.price FROM smsfollow.attempt a WHERE a.outcome = 'accepted'
		UNION ALL SELECT i.contact_id, i.price FROM smsfollow.inflight i
		UNION ALL SELECT d.contact_id, d.price FROM smsfollow.in_doubt d) x GROUP BY x.contact_id");

# all connections are at the same contact: each counts the rounds for itself
my $script = $sms->node->basedir . '/caps.sql';
open(my $file, '>', $script) or die $!;
print $file <<'SQL';
\set round :round + 1
\set chance random(1, 100)
SELECT smsfollow.send('+1415' || lpad(:round::text, 7, '0'), 'x', campaign => 'orders');
\if :chance <= 40
SELECT count(*) FROM smsfollow.claim(20, 1000 + :client_id);
SELECT public.settle(1000 + :client_id, (ARRAY['accepted', 'accepted', 'rejected', 'retry', 'in_doubt'])[1 + :chance % 5]);
\endif
\if :chance = 100
SELECT smsfollow.end_doubt(contact_id, message_id, (ARRAY['accepted', 'rejected', 'retry'])[1 + :round % 3], 'person') FROM smsfollow.in_doubt LIMIT 1;
\endif
SELECT 1 / CASE WHEN max(n) > 2 OR sum(spent) > (SELECT amount FROM smsfollow.budget) THEN 0 ELSE 1 END FROM public.taken;
SQL
close $file;
my $said = `pgbench -n -c 16 -j 2 -t $rounds -D round=0 --random-seed=$seed -f $script -h @{[ $sms->node->host ]} -p @{[ $sms->node->port ]} app 2>&1`;
is($?, 0, 'sixteen connections and the worker, and at no moment was anything exceeded') or diag($said);

# what is left goes its way: accepted by the worker, or put off
ok($sms->wait_for("SELECT count(*) FROM smsfollow.ready WHERE lane >= 0 AND send_at <= smsfollow.clock() AND coalesce(code, '') <> 'retry'", 0), 'nothing due is left');
ok($sms->wait_for("SELECT count(*) FROM smsfollow.inflight WHERE epoch < 1000", 0), 'and the worker has its answers');
is($sms->sql('SELECT count(*) FROM public.taken WHERE n > 2'), 0, 'no contact got more than two');
is($sms->sql('SELECT coalesce(sum(spent), 0) <= (SELECT amount FROM smsfollow.budget) FROM public.taken'), 't', 'the budget was not passed');
is($sms->sql('SELECT spent = (SELECT coalesce(sum(t.spent), 0) FROM public.taken t) FROM smsfollow.budget_status'), 't', 'and is exact');
ok($sms->sql('SELECT count(*) FROM public.taken') > $rounds / 4, 'texts did go');
ok($sms->sql("SELECT count(*) FROM smsfollow.verdict WHERE code = 'cap:two' AND next_at IS NOT NULL") > 0, 'the cap was met');
is($sms->sql("SELECT count(*) FROM smsfollow.verdict v JOIN smsfollow.attempt a USING (contact_id)
	WHERE v.code = 'cap:two' AND v.next_at <> ALL (ARRAY(SELECT b.started_at + interval '24 hours' FROM smsfollow.attempt b WHERE b.contact_id = v.contact_id))"), 0,
	'each was put off to the instant at which one of the texts before it is a day old');

done_testing();
