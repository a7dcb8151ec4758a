# Measures the engine on this machine: perl bench.pl [section ...], started by
# "make bench".  A section is a file NN_name.pl beside this one; without
# arguments all of them run, in the order of their numbers.  Everything that is
# compared is measured in the same run; figures are medians of the rounds.
#
# Environment: BENCH_TEXTS (100000), BENCH_ROUNDS (3), BENCH_BULK (1000000)
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $here;
BEGIN { $here = dirname(abs_path($0)); }
use lib $here;

use Bench;

my %file = map { m{/\d+_(\w+)\.pl$} ? ($1 => $_) : () } glob("$here/[0-9]*.pl");
my @all = sort { $file{$a} cmp $file{$b} } keys %file;
my @sections = @ARGV ? @ARGV : @all;

for my $section (@sections)
{
	next if $file{$section};
	print STDERR "there is no section \"$section\" of the benchmark; there are: @all\n";
	exit 2;
}
for my $section (@sections)
{
	note('-- %s', $section);
	do $file{$section} // die($@ || "$file{$section}: $!");
}
Bench::end();
