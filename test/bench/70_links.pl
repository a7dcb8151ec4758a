# A whole claim with rendering, segments and one short link, against the same
# texts without one; and what the application that serves the links costs.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;

my $sms = Bench::server();
my $customers = Bench::customers();
my $batch = 0;
my (@plain, @linked, @wal);

$sms->sql("SELECT smsfollow.create_campaign('unlinked', 'orders', (SELECT 'unlinked' FROM smsfollow.create_template('unlinked',
		'Hi {{ first_name | default: \"there\" }}, your order {{ order_id }} is at shop,example,com/orders/{{ order_id }}. Reply STOP to opt out.')));
	SELECT smsfollow.create_campaign('linked', 'orders', (SELECT 'linked' FROM smsfollow.create_template('linked',
		'Hi {{ first_name | default: \"there\" }}, your order {{ order_id }} is at https://shop.example.com/orders/{{ order_id }}. Reply STOP to opt out.')));
	SELECT smsfollow.set_link_domain('orders', 'go.example.com')");

# Seconds for n texts of a campaign, and bytes of WAL from claim to settling.
sub measure
{
	my ($campaign) = @_;

	Bench::pause();
	$batch++;
	$sms->sql("SELECT smsfollow.schedule_many('SELECT phone, first_name, order_id, ''l$batch-'' || order_id AS idempotency_key
		FROM orders WHERE order_id <= $TEXTS', campaign => '$campaign')");
	my $lsn = $sms->sql('SELECT pg_current_wal_insert_lsn()');
	my $seconds = drain($TEXTS);
	return ($TEXTS / $seconds, $sms->sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn')") / $TEXTS);
}

for my $round (1 .. $ROUNDS)
{
	my ($plain, $plain_wal) = measure('unlinked');
	my ($linked, $linked_wal) = measure('linked');

	push @plain, $plain;
	push @linked, $linked;
	push @wal, $linked_wal - $plain_wal;
	note('round %d: without a link %.0f/s, with one %.0f/s, WAL of a link %.0f bytes', $round, $plain, $linked, $wal[-1]);
}
row('drain of texts without a link', '%8.0f /s', median(@plain));
row('drain of texts with one short link', '%8.0f /s  (wanted: 8000)', median(@linked));
row('of the speed without', '%8.2f', median(@linked) / median(@plain));
row('WAL of one short link', '%8.0f bytes', median(@wal));

# what the application asks for each request, in one session
for my $what ([ 'resolve_link', 'smsfollow.resolve_link(l.code)' ],
	[ 'record_click', "smsfollow.record_click(l.code, 'Mozilla/5.0 (iPhone)', '192.0.2.1'::inet + l.n)" ])
{
	my ($name, $call) = @$what;
	my $start = time;

	$sms->sql("SELECT count(*) FROM (SELECT code, row_number() OVER () AS n FROM smsfollow.link LIMIT 5000) l, LATERAL $call c");
	row("$name, one session, among " . $TEXTS * $ROUNDS . ' links', '%8.0f /s', 5000 / (time - $start));
}
$sms->sql("SELECT smsfollow.set_link_domain('orders', NULL)");
1;
