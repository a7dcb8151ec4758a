# Due texts through the gateway, with consent, idempotency keys, templates and
# the durable log.
#
#	c	the transport alone posts the same requests, no database
#	d	claim and settle alone, no network
#	r	the whole
#
# What claims, sends and settles in one process cannot be faster than
# 1 / (1/c + 1/d); r is quoted as a share of that.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;
use Gateway;

my $sms = Bench::server();
my $gateway = $sms->gateway;
my (@c, @d, @r, @wal);

Bench::customers();
for my $round (1 .. $ROUNDS)
{
	my $post = `$ENV{BUILD}/transport/post --url @{[ $gateway->url ]}/2010-04-01/Accounts/$Gateway::ACCOUNT/Messages.json --count $TEXTS --in-flight 256 --body-size 80 --userpwd $Gateway::ACCOUNT:$Gateway::TOKEN`;
	die "post failed: $post" unless $post =~ /per_second=([\d.]+)/;
	push @c, $1;

	queue($TEXTS);
	my $start = time;
	$sms->sql("DO \$\$
		DECLARE
			ids bigint[];
			contacts bigint[];
		BEGIN
			LOOP
				SELECT array_agg(c.message_id), array_agg(c.contact_id) INTO ids, contacts
				FROM smsfollow.claim(200, 0) c WHERE c.fate = 'send';
				COMMIT;
				EXIT WHEN ids IS NULL;
				PERFORM smsfollow.settle(ids, contacts, 0, 'accepted');
				COMMIT;
			END LOOP;
		END \$\$");
	push @d, $TEXTS / (time - $start);

	my $lsn = $sms->sql('SELECT pg_current_wal_insert_lsn()');
	queue($TEXTS);
	push @r, $TEXTS / drain($TEXTS);
	push @wal, $sms->sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn')") / $TEXTS;
	note('round %d: c %.0f/s  d %.0f/s  r %.0f/s  WAL %.0f bytes a text', $round, $c[-1], $d[-1], $r[-1], $wal[-1]);
}
my ($c, $d, $r) = (median(@c), median(@d), median(@r));

row('transport alone (c)', '%8.0f /s', $c);
row('claim and settle alone (d)', '%8.0f /s', $d);
row("drain of $TEXTS due texts at 0 ms (r)", '%8.0f /s  (wanted: 10000)', $r);
row('r / (1 / (1/c + 1/d))', '%8.2f  (wanted: 0.40)', $r * (1 / $c + 1 / $d));
row('WAL from schedule to accepted', '%8.0f bytes a text  (wanted: below 2000)', median(@wal));
row('rows that only a sweep found', '%8s', $sms->worker('missed'));
1;
