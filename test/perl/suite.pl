# Runs the tests of a tree that is built and installed; called by test/run.
#
#	perl suite.pl --tree DIR --log DIR --pg-config PROGRAM [part ...]
#
# Every assertion of a TAP program counts as one test, and so do a file of
# pg_regress, a specification of the isolation tester and a fuzzer.  A program
# that ends with an error although all its assertions held counts as a failure.
# The last line is "N passed, N failed".
use strict;
use warnings;

use File::Basename qw(basename dirname);
use Getopt::Long;
use IO::Handle;
use POSIX ();
use TAP::Harness;
use Time::HiRes qw(time);

my @PARTS = qw(unit gateway regress tap fuzz);
my @EXTRA = qw(bench);		# only when asked for
my $FUZZ_SECONDS = $ENV{FUZZ_SECONDS} // 10;	# of each fuzzer
my $TAP_JOBS = 4;			# clusters at once: the tests mostly wait

my ($tree, $log, $pg_config);
my ($passed, $failed, $skipped) = (0, 0, 0);
my $data;					# data directory of the server of pg_regress, while it runs
my $child;					# pid of the program that runs now, leader of its group

STDOUT->autoflush(1);
GetOptions('tree=s' => \$tree, 'log=s' => \$log, 'pg-config=s' => \$pg_config) or exit 2;
my @parts = @ARGV ? @ARGV : @PARTS;
for my $part (@parts)
{
	next if grep { $_ eq $part } @PARTS, @EXTRA;
	print STDERR "there is no part \"$part\" of the tests; there are: @PARTS @EXTRA\n";
	exit 2;
}
chdir $tree or die "$tree: $!";
chomp(my $bindir = `$pg_config --bindir`);
chomp(my $pgxs = `$pg_config --pgxs`);
my $pgxs_src = dirname(dirname($pgxs));
$ENV{PG_CONFIG} = $pg_config;
$ENV{PG_BINDIR} = $bindir;
$ENV{BUILD} = "$tree/build";

$SIG{$_} = sub { exit 143 } for qw(TERM HUP);
$SIG{INT} = sub { exit 130 };

# Whatever happens, nothing that was started here stays.
END
{
	local $?;
	if ($child)
	{
		# TAP programs stop their servers before they end
		kill('TERM', -$child);
		waitpid($child, 0);
		my $end = time + 20;
		select(undef, undef, undef, 0.05) while kill(0, -$child) && time < $end;
		undef $child;
	}
	stop_server();
}

sub slurp
{
	open(my $in, '<', $_[0]) or return '';
	local $/;
	return scalar(<$in>) // '';
}

# Shows the end of a file, where there is something in it.
sub show_tail
{
	my ($file, $lines) = @_;
	my @text = split(/^/, slurp($file));

	return unless @text;
	splice(@text, 0, @text - $lines) if @text > $lines;
	print "--- end of ", basename($file), "\n", @text, "---\n";
}

# Adds to the sums and says how a part went.
sub report
{
	my ($name, $start, $good, $bad, $left_out) = @_;

	$passed += $good;
	$failed += $bad;
	$skipped += $left_out // 0;
	printf("%-28s %5d passed, %d failed%s  (%.0f s)\n", $name, $good, $bad,
		$left_out ? ", $left_out skipped" : '', time - $start);
}

# Runs a command, or code in a process of its own, with its output in the log;
# gives the exit status.  It leads a process group, so that it can be ended with
# all that it started.
sub run
{
	my ($file, @command) = @_;

	$child = fork() // die "fork: $!";
	if ($child == 0)
	{
		setpgrp(0, 0);
		$SIG{$_} = 'DEFAULT' for qw(TERM HUP INT);
		open(STDOUT, '>>', $file) && open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		POSIX::_exit($command[0]->() ? 0 : 1) if ref $command[0];
		exec(@command) or POSIX::_exit(127);
	}
	waitpid($child, 0);
	my $status = $?;
	undef $child;
	return $status;
}

# Counts what a log says: TAP lines, and the lines of pg_regress before 16.
sub count_log
{
	my ($text) = @_;
	my ($good, $bad, $left_out) = (0, 0, 0);

	for (split(/\n/, $text))
	{
		if (/^not ok\b/ && !/# *TODO/i) { $bad++ }
		elsif (/^ok\b.*# *skip/i || /^1\.\.0 *# *skip/i) { $left_out++ }
		elsif (/^ok\b/) { $good++ }
		elsif (/^test .* \.\.\. ok\b/ || /^     .* \.\.\. ok\b/) { $good++ }
		elsif (/^test .* \.\.\. FAILED\b/ || /^     .* \.\.\. FAILED\b/) { $bad++ }
	}
	return ($good, $bad, $left_out);
}

# A command whose output is counted.
sub counted
{
	my ($name, @command) = @_;
	my $start = time;
	my $file = "$log/$name.log" =~ s/ /-/gr;
	my $status = run($file, @command);
	my ($good, $bad, $left_out) = count_log(slurp($file));

	$bad = 1 if $status != 0 && $bad == 0;
	$bad = 1 if $good + $bad + $left_out == 0;	# nothing ran
	report($name, $start, $good, $bad, $left_out);
	show_tail($file, 40) if $bad > 0;
	return $bad == 0;
}

# Runs TAP programs; writes to a file how many assertions held, failed and were skipped.
sub run_harness
{
	my ($counts, $jobs, $lib, @files) = @_;
	my $harness = TAP::Harness->new({ jobs => $jobs, lib => $lib, verbosity => 0, timer => 1, failures => 1 });
	my $aggregate = $harness->runtests(@files);
	my $bad = $aggregate->failed;

	# a program that died, or did not run as many tests as it planned
	for my $program (@files)
	{
		my ($parser) = $aggregate->parsers($program);
		$bad++ if $parser && !$parser->failed && ($parser->exit || $parser->parse_errors);
	}
	my $left_out = scalar($aggregate->skipped) + grep { $_->skip_all } $aggregate->parsers(@files);
	open(my $out, '>', $counts) or return 0;
	print $out join(' ', $aggregate->passed - $aggregate->skipped, $bad, $left_out);
	close $out;
	STDOUT->flush;
	return 1;
}

# TAP programs in Perl.
sub harness
{
	my ($name, $jobs, $lib, @files) = @_;
	my $start = time;
	my $file = "$log/$name.log";
	my $counts = "$ENV{HOME}/$name.counts";
	my $status = run($file, sub { run_harness($counts, $jobs, $lib, @files) });
	my ($good, $bad, $left_out) = $status == 0 ? split(/ /, slurp($counts)) : (0, 1, 0);

	report($name, $start, $good, $bad, $left_out);
	show_tail($file, 100) if $bad > 0;
}

sub unit
{
	for my $makefile (sort glob('test/unit/*/Makefile'))
	{
		my $folder = dirname($makefile);

		counted('unit ' . basename($folder), 'make', '-s', '-C', $folder, "PG_CONFIG=$pg_config", 'check');
	}
}

sub gateway
{
	my $start = time;

	if (run("$log/gateway-build.log", 'make', '-s', '-C', 'test/gateway', "PG_CONFIG=$pg_config", 'all') != 0)
	{
		report('gateway', $start, 0, 1);
		show_tail("$log/gateway-build.log", 40);
		return;
	}
	# one at a time: some measure times
	chdir 'test/gateway' or die;
	harness('gateway', 1, ["$tree/test/gateway"], sort glob('t/*.t'));
	chdir $tree or die;
}

# The server of pg_regress: nothing is listed in smsfollow.databases, so no
# worker disturbs what the tests see.
sub start_server
{
	my $folder = "$ENV{HOME}/regress";
	my $logfile = "$log/regress-server.log";

	mkdir $folder;
	$data = "$folder/data";
	run("$log/initdb.log", "$bindir/initdb", '-D', $data, '-A', 'trust', '-U', 'postgres', '-N', '--no-locale', '-E', 'UTF8') == 0
		or return 0;
	open(my $conf, '>>', "$data/postgresql.conf") or return 0;
	print $conf "listen_addresses = ''\nunix_socket_directories = '$folder'\nfsync = off\n",
		"shared_preload_libraries = 'smsfollow'\n";
	close $conf;
	return run("$log/initdb.log", "$bindir/pg_ctl", '-D', $data, '-l', $logfile, '-w', 'start') == 0;
}

sub stop_server
{
	return unless defined $data && -f "$data/postmaster.pid";
	run("$log/initdb.log", "$bindir/pg_ctl", '-D', $data, '-m', 'immediate', '-w', 'stop');
}

sub regress
{
	if (start_server())
	{
		my $good = counted('regress', 'make', '-s', "PG_CONFIG=$pg_config", 'with_llvm=no',
			"PGHOST=" . dirname($data), 'PGPORT=5432', 'PGUSER=postgres', 'installcheck');

		if (-s 'regression.diffs')
		{
			run("$log/copy.log", 'cp', 'regression.diffs', $log);
			show_tail('regression.diffs', 80);
		}
		show_tail("$log/regress-server.log", 20) unless $good;
	}
	else
	{
		report('regress', time, 0, 1);
		show_tail("$log/initdb.log", 20);
		show_tail("$log/regress-server.log", 20);
	}
	stop_server();
}

# Runs code in the environment that PostgreSQL::Test::Cluster wants, with the
# gateway built; false when that cannot be built.
sub with_clusters
{
	my ($name, $code) = @_;
	my $folder = "$ENV{HOME}/$name";

	mkdir $folder;
	local $ENV{TESTDIR} = $folder;
	local $ENV{TESTDATADIR} = "$folder/tmp_check";
	local $ENV{TESTLOGDIR} = "$folder/tmp_check/log";
	local $ENV{PG_REGRESS} = "$pgxs_src/test/regress/pg_regress";
	local $ENV{PG_TEST_PORT_DIR} = "$folder/ports";
	if (run("$log/gateway-build.log", 'make', '-s', '-C', 'test/gateway', "PG_CONFIG=$pg_config", 'all') != 0)
	{
		report($name, time, 0, 1);
		show_tail("$log/gateway-build.log", 40);
		return;
	}
	$code->("$tree/test/perl", "$tree/test/gateway", "$pgxs_src/test/perl");
	run("$log/copy.log", 'cp', '-R', "$folder/tmp_check/log", "$log/$name");
}

sub tap
{
	with_clusters('tap', sub { harness('tap', $TAP_JOBS, [@_], sort glob('test/t/*.pl')) });
}

# Not among the tests: measures, and prints what it measured.
sub bench
{
	with_clusters('bench', sub {
		my $start = time;
		my $bad = run("$log/bench-build.log", 'make', '-s', '-C', 'test/unit/transport', "BUILD=$ENV{BUILD}/transport", 'all') != 0;

		show_tail("$log/bench-build.log", 40) if $bad;
		if (!$bad)
		{
			open(my $out, '-|', $^X, map({ "-I$_" } @_), 'test/bench/bench.pl', split(' ', $ENV{BENCH_ONLY} // '')) or die "bench.pl: $!";
			while (my $line = <$out>) { print $line }
			$bad = !close $out;
		}
		report('bench', $start, $bad ? 0 : 1, $bad ? 1 : 0);
	});
}

sub fuzz
{
	for my $makefile (sort glob('test/fuzz/*.mk'))
	{
		my $start = time;
		my $name = 'fuzz ' . basename($makefile, '.mk');
		my $file = "$log/$name.log" =~ s/ /-/gr;

		if (system('command -v clang >/dev/null') != 0)
		{
			report("$name (no clang)", $start, 0, 0, 1);
			next;
		}
		my $status = run($file, 'make', '-s', '-C', 'test/fuzz', '-f', basename($makefile), "PG_CONFIG=$pg_config",
			"SECONDS=$FUZZ_SECONDS", 'run');
		report($name, $start, $status == 0 ? 1 : 0, $status == 0 ? 0 : 1);
		show_tail($file, 40) if $status != 0;
	}
}

my %run = (unit => \&unit, gateway => \&gateway, regress => \&regress, tap => \&tap, fuzz => \&fuzz, bench => \&bench);

print "== testing; logs are in build/test/log\n";
$run{$_}->() for @parts;
print "== skipped: $skipped\n" if $skipped > 0;
print "$passed passed, $failed failed\n";
exit($failed > 0 || $passed == 0 ? 1 : 0);
