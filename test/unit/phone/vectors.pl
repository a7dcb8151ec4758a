# Runs the libphonenumber shim over the vector files of a sibling folder, when
# they are there: SMSFOLLOW_VECTORS, by default ../shared/vectors beside the
# repository.  Prints TAP; skips what is not there.
use strict;
use warnings;
use Encode qw(encode);
use FindBin;
use JSON::PP;

my ($probe) = @ARGV;
my $dir = $ENV{SMSFOLLOW_VECTORS} // "$FindBin::Bin/../../../../shared/vectors";
my $tests = 0;
my $bad = 0;

# One TAP line for a file: number and type must be the row's, or, where the row
# tells what an older release of the library says, that.
sub check
{
	my ($name) = @_;
	$tests++;
	my $in;
	if (!open($in, '<:raw', "$dir/$name"))
	{
		print "ok $tests - $name # skip not found\n";
		return;
	}
	my @rows = map { decode_json($_) } <$in>;

	my $file = "$probe.in";
	open(my $out, '>', $file) or die "$file: $!";
	print $out uc($_->{region} // '-'), ' ',
	  unpack('H*', encode('UTF-8', $_->{input})), "\n" for @rows;
	close($out) or die;
	my @answers = `'$probe' < '$file'`;
	die "probe failed" if $? || @answers != @rows;
	unlink $file;

	my $failed = 0;
	for my $i (0 .. $#rows)
	{
		my $row = $rows[$i];
		my $new = ($row->{e164} // '-') . "\t$row->{type}\n";
		my $old = exists $row->{debian_8_12_57_type}
		  ? ($row->{debian_8_12_57_e164} // '-') . "\t$row->{debian_8_12_57_type}\n"
		  : $new;
		next if $answers[$i] eq $new || $answers[$i] eq $old;
		$failed++;
		print "# line ", $i + 1, "\n";
	}
	my $passed = @rows - $failed;
	print $failed ? 'not ' : '',
	  "ok $tests - $name: $passed passed, $failed failed\n";
	$bad += $failed;
}

check('phones.jsonl');
check('phones_divergent.jsonl');
print "1..$tests\n";
exit($bad > 0);
