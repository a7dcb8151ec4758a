# After an erasure, no file of the database holds number, name or wording.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new(conf => { 'autovacuum' => 'off' });
my @words = ('1415777', 'Zebulon');		# of those who will be erased

# The tables and indexes in whose files any of the words stands, as "table: word".
sub traces
{
	my $dir = $sms->node->data_dir . '/base/' . $sms->sql('SELECT oid FROM pg_database WHERE datname = current_database()');
	my %traces;

	$sms->sql('CHECKPOINT');
	opendir(my $list, $dir) or die "$dir: $!";
	for my $file (grep { /^\d/ } readdir $list)
	{
		open(my $in, '<:raw', "$dir/$file") or next;	# dropped meanwhile
		my $content = do { local $/; <$in> } // '';
		my ($node) = $file =~ /^(\d+)/;
		for my $word (grep { index($content, $_) >= 0 } @words)
		{
			my $name = $sms->sql("SELECT coalesce((SELECT oid::regclass::text FROM pg_class WHERE pg_relation_filenode(oid) = $node), '$file')");
			$traces{"$name: $word"} = 1;
		}
	}
	return join(', ', sort keys %traces);
}

sub wait_for_end
{
	return $sms->wait_for('SELECT count(*) FROM smsfollow.privacy_request WHERE finished_at IS NULL', 0);
}

# So many that some of the numbers stand in inner pages of the index.
my $of = "'+1415777' || to_char(n, 'FM0000')";

$sms->sql("SELECT smsfollow.add_contact('+1415555' || to_char(n, 'FM0000'), 'Ana ' || n) FROM generate_series(1, 1000) n;
	SELECT smsfollow.create_template('hello', 'Dear {{ name }}');
	SELECT smsfollow.add_contact($of, 'Zebulon ' || n, attributes => jsonb_build_object('words', repeat('Zebulon', 5) || md5(n::text))),
		smsfollow.opt_in($of, 'orders', 'web_form', '{\"name\": \"Zebulon\"}'),
		smsfollow.send($of, 'Dear Zebulon ' || n, idempotency_key => 'Zebulon' || n),
		smsfollow.schedule($of, 'hello', '{\"name\": \"Zebulon\"}', now() + interval '1 day')
	FROM generate_series(1, 300) n");
ok($sms->wait_for("SELECT count(*) FROM smsfollow.message_log WHERE state = 'accepted'", 300), 'texts are accepted');
$sms->sql("SELECT smsfollow.record_receipt('gw', jsonb_build_object('MessageSid', provider_message_id, 'MessageStatus', 'delivered', 'To', phone, 'Text', 'Zebulon'))
	FROM smsfollow.message_log WHERE state = 'accepted';
	SELECT smsfollow.add_contact($of, 'Zebulon ' || repeat('!', 200) || n, attributes => jsonb_build_object('words', repeat('Zebulon', 400) || md5(n::text))) FROM generate_series(1, 300) n;
	ANALYZE");
my $before = traces();
like($before, qr/smsfollow\.$_: /, "before: $_") for qw(contact_phone contact_phone_pkey contact consent_evidence idempotency_\d idempotency_\d_pkey message_p\d+ attempt_p\d+ inflight receipt_p\d+);
unlike($before, qr/pg_statistic/, 'ANALYZE has taken no sample');

# One text is under way while its contact is erased.
$sms->gateway->fault(kind => 'delay', latency => 2000, to => '+14157770001', count => 1);
my $id = $sms->send('+14157770001', 'Zebulon, wait');
ok($sms->wait_for_state($id, 'sending'), 'a text is under way');
my $held = $sms->node->background_psql('app', on_error_die => 1);
$held->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM smsfollow.contact_phone');
$sms->sql("SELECT smsfollow.erase_contact($of) FROM generate_series(1, 300) n");
is($sms->sql("SELECT count(*) FROM smsfollow.contact_phone WHERE phone LIKE '+1415777%'"), 0, 'at once no query finds a number');
is($sms->sql("SELECT count(*) FROM smsfollow.message WHERE body LIKE '%Zebulon%' OR vars::text LIKE '%Zebulon%'"), 0, 'nor wording');
ok($sms->wait_for_state($id, 'accepted'), 'the text under way is recorded');
ok($sms->wait_for("SELECT body FROM smsfollow.attempt WHERE message_id = $id", ''), 'its body goes when the answer has come');
is($sms->sql('SELECT count(*) FROM smsfollow.privacy_request WHERE finished_at IS NOT NULL'), 0, 'nothing is finished while an old snapshot could see the number');
$held->quit;
ok(wait_for_end(), 'then it is finished');
is(traces(), '', 'and no file has a trace');
is($sms->sql("SELECT cancelled FROM smsfollow.kpi_campaign WHERE campaign = 'orders'"), 300, 'what waited was cancelled');
is($sms->sql("SELECT accepted, delivered FROM smsfollow.kpi_campaign WHERE campaign = 'orders'"), '301|300', 'counts stay');

# What comes later brings nothing back.
$sms->sql("SELECT smsfollow.record_receipt('gw', jsonb_build_object('MessageSid', provider_message_id, 'MessageStatus', 'delivered', 'To', '+14157770001', 'Text', 'Zebulon'))
	FROM smsfollow.attempt WHERE message_id = $id;
	SELECT smsfollow.record_receipt('gw', '{\"MessageSid\": \"SMunknown\", \"MessageStatus\": \"sent\", \"To\": \"+14157770001\", \"Text\": \"Zebulon\"}')");
is($sms->state($id), 'delivered', 'a late receipt counts');
is(traces(), '', 'and leaves no trace');

# The rest of the table is as it was.
is($sms->sql("SELECT count(*), count(*) FILTER (WHERE name LIKE 'Ana %') FROM smsfollow.contact JOIN smsfollow.contact_phone USING (contact_id)"), '1000|1000', 'other contacts are untouched');
$sms->sql('SET enable_seqscan = off; SELECT count(*) FROM smsfollow.contact_phone; CREATE EXTENSION amcheck');
is($sms->sql("SELECT bt_index_check('smsfollow.contact_phone_pkey', true)"), '', 'the index is whole');
is($sms->sql("SELECT count(*) FROM pg_class c CROSS JOIN LATERAL verify_heapam(c.oid) WHERE c.relnamespace = 'smsfollow'::regnamespace AND c.relkind = 'r'"), 0, 'and the tables');
is($sms->sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), 0, 'no index is left over');
unlike($sms->log, qr/(WARNING|ERROR|FATAL|PANIC):/, 'without an error');
done_testing();
