# Who may do what, and as whom the worker acts.
use strict;
use warnings;

use Test::More;

use Smsfollow;

my $sms = Smsfollow->new;

$sms->sql('CREATE ROLE nobody LOGIN; CREATE ROLE shop LOGIN; CREATE ROLE ana LOGIN; CREATE ROLE ops LOGIN; CREATE ROLE sms_worker LOGIN;
	CREATE DATABASE other', 'postgres');
$sms->sql("SELECT smsfollow.create_tenant('branch')");

# Runs a statement as a role.
sub as_role
{
	my ($role, $sql) = @_;

	return $sms->try_sql("SET SESSION AUTHORIZATION $role; $sql");
}

sub refused
{
	my ($role, $sql, $name) = @_;
	my ($status, $out, $messages) = as_role($role, $sql);

	return like($messages, qr/permission denied|must be/, $name // "$role may not: $sql");
}

sub allowed
{
	my ($role, $sql, $name) = @_;
	my ($status, $out, $messages) = as_role($role, $sql);

	return is("$status $messages", '0 ', $name // "$role may: $sql");
}

subtest no_privileges_for_public => sub {
	my $in_schema = "n.nspname = 'smsfollow'";

	is($sms->sql("SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE $in_schema AND has_function_privilege('nobody', p.oid, 'EXECUTE')"), '', 'no function');
	is($sms->sql("SELECT string_agg(c.relname, ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $in_schema AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND (has_table_privilege('nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') OR has_any_column_privilege('nobody', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))"), '', 'no table or view');
	is($sms->sql("SELECT string_agg(c.relname, ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $in_schema AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('nobody', c.oid, 'USAGE, SELECT, UPDATE') END"), '', 'no sequence');
	is($sms->sql("SELECT has_schema_privilege('nobody', 'smsfollow', 'USAGE, CREATE')"), 'f', 'not the schema');
	# partitions made by the worker later on, too
	$sms->sql('SELECT smsfollow.maintain_partitions(smsfollow.clock() + interval \'40 days\')');
	is($sms->sql("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $in_schema AND c.relkind = 'r' AND has_table_privilege('nobody', c.oid, 'SELECT')"), 0, 'nor later partitions');
	refused('nobody', "SELECT smsfollow.send('+14155560001', 'x')");
	refused('nobody', 'SELECT * FROM smsfollow.message_log');
	# the same with a grant of the schema alone
	$sms->sql('GRANT USAGE ON SCHEMA smsfollow TO nobody');
	refused('nobody', $_) for "SELECT smsfollow.send('+14155560001', 'x')", 'SELECT * FROM smsfollow.message_log', 'SELECT smsfollow.stop_worker()',
	  "SELECT smsfollow.wake('dispatcher')", 'SELECT * FROM smsfollow.secret';
};

subtest levels => sub {
	my $phone = $sms->contact;

	$sms->sql("SELECT smsfollow.grant_access('shop', 'sender'); SELECT smsfollow.grant_access('ana', 'analyst'); SELECT smsfollow.grant_access('ops', 'operator')");
	my ($status, $id, $messages) = as_role('shop', "SELECT smsfollow.send('$phone', 'Hello')");
	is($status, 0, 'a sender sends');
	ok($sms->wait_for_state($id, 'accepted'), 'and it arrives');
	is($sms->sql("SELECT created_by FROM smsfollow.message_log WHERE message_id = $id"), 'shop', 'under its name');
	refused('shop', $_) for 'SELECT * FROM smsfollow.message', 'SELECT * FROM smsfollow.message_log', "INSERT INTO smsfollow.ready DEFAULT VALUES",
	  'DELETE FROM smsfollow.ready', "SELECT smsfollow.set_secret('x', '{}')", 'SELECT smsfollow.stop_worker()', 'SELECT smsfollow.adopt()';

	($status, my $seen, $messages) = as_role('ana', "SELECT phone, state FROM smsfollow.message_log WHERE message_id = $id");
	is($status, 0, 'an analyst reads the log');
	unlike($seen, qr/\Q$phone/, 'with the number masked');
	like($seen, qr/\|accepted$/, 'and the state');
	allowed('ana', 'SELECT * FROM smsfollow.kpi_campaign');
	refused('ana', $_) for "SELECT smsfollow.send('$phone', 'x')", 'SELECT * FROM smsfollow.contact_phone', 'SELECT * FROM smsfollow.attempt', 'SELECT * FROM smsfollow.secret';

	allowed('ops', $_) for 'SELECT smsfollow.pause_worker()', 'SELECT smsfollow.resume_worker()', 'SELECT * FROM smsfollow.contact_phone',
	  "SELECT smsfollow.set_secret('x', '{\"auth_token\": \"y\"}')";
	refused('ops', $_) for 'SELECT * FROM smsfollow.secret', 'UPDATE smsfollow.provider SET kind = kind', 'DELETE FROM smsfollow.consent_event';
	$sms->sql("SELECT smsfollow.set_secret('x', NULL)");
};

subtest planted_trigger_is_not_superuser => sub {
	is($sms->sql("SELECT usename FROM pg_stat_activity WHERE pid = " . $sms->wait_for_worker('running')), 'postgres', 'without a setting the worker is the owner of the extension');
	$sms->sql("SELECT smsfollow.grant_access('sms_worker', 'worker')");
	$sms->reconfigure('smsfollow.worker_role' => "'sms_worker'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'smsfollow %' AND usename = 'sms_worker'", 2), 'both workers log in as the role');

	# what a trigger could want to do with the worker's rights
	$sms->sql(q{
		CREATE TABLE public.seen (what text, answer text);
		GRANT INSERT ON public.seen TO PUBLIC;
		CREATE FUNCTION public.planted() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			attempt text;
		BEGIN
			INSERT INTO public.seen VALUES ('user', session_user || ' ' || current_user || ' ' || current_setting('is_superuser'));
			FOREACH attempt IN ARRAY ARRAY['SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION', 'SET ROLE postgres', 'RESET ROLE'] LOOP
				BEGIN
					EXECUTE attempt;
				EXCEPTION WHEN OTHERS THEN NULL;
				END;
				INSERT INTO public.seen VALUES (attempt, current_setting('is_superuser'));
			END LOOP;
			FOREACH attempt IN ARRAY ARRAY['ALTER ROLE nobody SUPERUSER', 'CREATE ROLE evil', 'COPY public.seen TO PROGRAM ''true''',
					'SELECT pg_read_file(''postgresql.conf'')', 'DELETE FROM smsfollow.consent_event'] LOOP
				BEGIN
					EXECUTE attempt;
					INSERT INTO public.seen VALUES (attempt, 'done');
				EXCEPTION WHEN OTHERS THEN
					INSERT INTO public.seen VALUES (attempt, 'refused');
				END;
			END LOOP;
			RETURN NEW;
		END $$;
		CREATE TRIGGER planted BEFORE INSERT ON smsfollow.inflight FOR EACH ROW EXECUTE FUNCTION public.planted()});
	my $id = $sms->send($sms->contact, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'a text goes as that role');
	is($sms->sql("SELECT answer FROM public.seen WHERE what = 'user'"), 'sms_worker sms_worker off', 'the trigger is nobody else');
	is($sms->sql("SELECT count(*) FROM public.seen WHERE what ~ 'SET' AND answer = 'on'"), 0, 'and becomes nobody else');
	is($sms->sql("SELECT count(*) FROM public.seen WHERE what ~ 'SET'"), 4, 'however it tries');
	is($sms->sql("SELECT string_agg(what, ', ') FROM public.seen WHERE answer = 'done'"), '', 'nor does what only a superuser may');
	is($sms->sql("SELECT count(*) FROM public.seen WHERE answer = 'refused'"), 5, 'all of it is refused');
	is($sms->sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'nobody'"), 'f', 'nothing came of it');
	$sms->sql('DROP TRIGGER planted ON smsfollow.inflight; DROP FUNCTION public.planted()');

	# everything the workers do is possible with these rights
	$sms->sql(q{SELECT smsfollow.create_template('sign', 'Yours'), smsfollow.create_template('letter', 'Hello. {% render "sign" %}')});
	my $letter = $sms->sql("SELECT smsfollow.send('" . $sms->contact . "', template => 'letter')");
	ok($sms->wait_for_state($letter, 'accepted'), 'a template that includes another is sent');
	is($sms->sql("SELECT body FROM smsfollow.message_log WHERE message_id = $letter"), 'Hello. Yours', 'as a whole');
	my $phone = $sms->contact;
	$sms->gateway->fault(kind => 'reset', to => $phone, count => 1);
	my $doubt = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($doubt, 'accepted'), 'lookups too');
	$sms->gateway->fault(kind => 'status', status => 400, code => 21610, to => $phone);
	my $out = $sms->send($phone, 'Hello');
	ok($sms->wait_for_state($out, 'failed'), 'refusals too');
	is($sms->sql("SELECT smsfollow.consent_at('$phone', 'orders')"), 'opted_out', 'with the ledger');
	ok($sms->wait_for('SELECT count(*) FROM smsfollow.kpi_delta', 0), 'the scheduler folds');
	allowed('sms_worker', "SELECT smsfollow.maintain_partitions(smsfollow.clock() + interval '400 days')", 'partitions are made');
	refused('nobody', "SELECT * FROM smsfollow." . $sms->sql("SELECT relname FROM pg_class WHERE relnamespace = 'smsfollow'::regnamespace
		AND relname ~ '^message_' AND relkind = 'r' ORDER BY oid DESC LIMIT 1"), 'for nobody else');
	ok($sms->wait_for("SELECT count(*) FROM smsfollow.stat_worker WHERE last_error IS NOT NULL", 0), 'no worker had an error');
};

subtest worker_role_dropped => sub {
	$sms->reconfigure('smsfollow.worker_role' => "'not_there'");
	ok(Smsfollow::poll(sub { $sms->log =~ /role "not_there" of smsfollow.worker_role does not exist/ }), 'a role that is not there is named');
	$sms->reconfigure('smsfollow.worker_role' => "''");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'smsfollow %' AND usename = 'postgres' AND datname = 'app'", 2), 'the owner again');
	my $id = $sms->send($sms->contact, 'Hello');
	ok($sms->wait_for_state($id, 'accepted'), 'and texts go');
};

# Roles go while texts of theirs wait, and while a worker runs as one of them.
subtest roles_dropped => sub {
	my $phone = $sms->contact;

	$sms->sql("CREATE ROLE temp LOGIN; SELECT smsfollow.grant_access('temp', 'sender'); CREATE ROLE brief LOGIN; SELECT smsfollow.grant_access('brief', 'worker')");
	$sms->sql("SELECT smsfollow.create_template('later', 'Hello')");
	my ($status, $id, $messages) = as_role('temp', "SELECT smsfollow.schedule('$phone', 'later', '{}', smsfollow.clock() + interval '2 s')");
	is($status, 0, 'a role schedules a text');
	$sms->sql('DROP OWNED BY temp; DROP ROLE temp');
	$sms->reconfigure('smsfollow.worker_role' => "'brief'");
	ok($sms->wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'smsfollow %' AND usename = 'brief'", 2), 'another one runs the workers');
	$sms->sql('DROP OWNED BY brief; DROP ROLE brief');
	my $stays = $sms->send($phone, 'waits for a role');
	ok(Smsfollow::poll(sub { $sms->log =~ /role "brief" of smsfollow.worker_role does not exist/ || $sms->worker('last_error') ne '' }), 'what is wrong is said');
	is($sms->state($stays), 'scheduled', 'nothing goes');
	$sms->reconfigure('smsfollow.worker_role' => "''");
	ok($sms->wait_for_state($_, 'accepted'), 'with a role that exists, texts go') for $id, $stays;
	is($sms->sql("SELECT created_by FROM smsfollow.message_log WHERE message_id = $id"), 'temp', 'also those of a role that is gone');
};

subtest secrets_stay_secret => sub {
	my $log = $sms->log;

	unlike($log, qr/\Q$Gateway::TOKEN/, 'not in the log');
	unlike($sms->sql("SELECT string_agg(x::text, '') FROM smsfollow.message_log x") . $sms->sql("SELECT string_agg(x::text, '') FROM smsfollow.attempt x")
		. $sms->sql("SELECT smsfollow.preview_request('gw', '+14155560001', 'Hello')::text") . $sms->sql("SELECT string_agg(x::text, '') FROM smsfollow.provider x"),
		qr/\Q$Gateway::TOKEN/, 'nor in log, attempts, previews or providers');
	unlike($log =~ s/^.*STATEMENT:.*$//mgr, qr/\+?1415556\d{4}/, 'no phone number in the log');
};

is_deeply([ $sms->oracle ], [], 'nothing lost, nothing twice');
done_testing();
