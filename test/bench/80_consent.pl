# The consent ledger: recording one by one and by import, signing heads, and
# proving all of it.  In a database of its own, which no worker looks at.
use strict;
use warnings;

use Time::HiRes qw(time);

use Bench;

my $sms = Bench::server();
my $IMPORTED = $ENV{BENCH_IMPORTED} // 100_000;
my $ONE_BY_ONE = 5_000;
my (@single, @import, @again, @sign, @verify);

# Seconds that a statement takes.
sub seconds
{
	my ($sql) = @_;
	my $start = time;

	$sms->sql($sql, 'ledger');
	return time - $start;
}

$sms->sql('CREATE DATABASE ledger', 'postgres');
for my $round (1 .. $ROUNDS)
{
	my $import = "SELECT count(*) FROM smsfollow.import_consent(
		\$\$SELECT '+1415' || 2000000 + g AS phone, now() - interval '1 day' AS captured_at, '192.0.2.1' AS ip, 'I agree' AS disclosure
		FROM generate_series(1, $IMPORTED) g\$\$, 'orders', kind => 'express_written')";

	$sms->sql("DROP EXTENSION IF EXISTS smsfollow; CREATE EXTENSION smsfollow;
		SELECT smsfollow.create_program('orders', 'transactional', 'Acme')", 'ledger');
	push @single, $ONE_BY_ONE / seconds("DO \$\$
		BEGIN
			FOR g IN 1 .. $ONE_BY_ONE LOOP
				PERFORM smsfollow.opt_in('+1415' || 9000000 + g, 'orders', 'web_form', '{\"ip\": \"192.0.2.1\", \"disclosure\": \"I agree\"}');
				COMMIT;
			END LOOP;
		END \$\$");
	push @import, $IMPORTED / seconds($import);
	push @again, $IMPORTED / seconds($import);
	# the first call only learns how far the ledger is decided
	$sms->sql('SELECT smsfollow.sign_consent()', 'ledger');
	push @sign, ($IMPORTED + $ONE_BY_ONE) / seconds('SELECT smsfollow.sign_consent()');
	push @verify, ($IMPORTED + $ONE_BY_ONE) / seconds('SELECT smsfollow.verify_consent()');
}
row('opt_in(), one in a transaction', '%8.0f /s', median(@single));
row('import_consent(), new numbers', '%8.0f rows/s', median(@import));
row('import_consent() of the same again', '%8.0f rows/s', median(@again));
row('signing a head over the ledger', '%8.0f rows/s', median(@sign));
row('verify_consent()', '%8.0f rows/s', median(@verify));
1;
