# Runs src/text over the vector files of a sibling folder, when they are there:
# SMSFOLLOW_VECTORS, by default ../shared/vectors beside the repository.
# Prints TAP; skips what is not there.
use strict;
use warnings;
use Encode qw(encode decode);
use FindBin;
use JSON::PP;
use Unicode::Normalize qw(NFC);

my ($probe) = @ARGV;
my $dir = $ENV{SMSFOLLOW_VECTORS} // "$FindBin::Bin/../../../../shared/vectors";
my $tests = 0;
my $bad = 0;

# The rows of a vector file, or none when it is absent.
sub rows
{
	my ($name) = @_;
	open(my $in, '<:raw', "$dir/$name") or return;
	return map { decode_json($_) } <$in>;
}

# Asks the probe about all bodies at once.
sub ask
{
	my @bodies = @_;
	my $file = "$probe.in";
	open(my $out, '>', $file) or die "$file: $!";
	print $out unpack('H*', encode('UTF-8', $_)), "\n" for @bodies;
	close($out) or die;
	open(my $answers, '-|', "'$probe' < '$file'") or die;
	my @answers;
	while (my $line = <$answers>)
	{
		chomp $line;
		my ($encoding, $units, $segments, $hex) = split /\t/, $line, -1;
		push @answers,
		  {
			encoding => $encoding,
			units => $units,
			segments => $segments,
			smart => decode('UTF-8', pack('H*', $hex))
		  };
	}
	close($answers) or die "probe failed";
	unlink $file;
	die "answers are missing" if @answers != @bodies;
	return @answers;
}

# One TAP line for a file: every row must satisfy the check.
sub check
{
	my ($name, $bodies, $good) = @_;
	my @rows = rows($name);
	$tests++;
	if (!@rows)
	{
		print "ok $tests - $name # skip not found\n";
		return;
	}
	my @answers = ask(map { $bodies->($_) } @rows);
	my $failed = 0;
	for my $i (0 .. $#rows)
	{
		next if $good->($rows[$i], $answers[$i]);
		$failed++;
		print "# line ", $i + 1, "\n";
	}
	my $passed = @rows - $failed;
	print $failed ? 'not ' : '',
	  "ok $tests - $name: $passed passed, $failed failed\n";
	$bad += $failed;
}

sub same
{
	my ($row, $answer, $segments) = @_;
	return
		 $answer->{encoding} eq $row->{encoding}
	  && $answer->{units} == $row->{units}
	  && $answer->{segments} == $row->{$segments};
}

# Spaces: the file writes a wide space as two and a tab as seven, we as one.
sub one_space
{
	my ($s) = @_;
	$s =~ s/ +/ /g;
	return $s;
}

check(
	'segments.jsonl',
	sub { $_[0]{body} },
	sub { same(@_, 'segments') });
check(
	'segments_quirks.jsonl',
	sub { $_[0]{body} },
	sub { same(@_, 'segments_codeunit') });
# Smart bodies: equal but for spaces; a decomposed letter is composed first by
# us and spelled out by the file.
check(
	'segments_smart.jsonl',
	sub { NFC($_[0]{body}) },
	sub {
		my ($row, $answer) = @_;
		return 1 if one_space($answer->{smart}) eq one_space($row->{smart_body});
		return NFC($row->{body}) ne $row->{body} && $answer->{smart} eq NFC($row->{body});
	});
# The counts of the smart bodies as the file has them.
check(
	'segments_smart.jsonl',
	sub { $_[0]{smart_body} },
	sub { same(@_, 'segments') });
check(
	'smart_encoding_map.jsonl',
	sub { chr(hex(substr($_[0]{from}, 2))) },
	sub {
		my ($row, $answer) = @_;
		return $answer->{smart} eq one_space($row->{to});
	});

print "1..$tests\n";
exit($bad > 0);
