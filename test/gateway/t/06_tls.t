# HTTPS with the test certificates, good and bad, as curl judges them.
use strict;
use warnings;

use Test::More;

use Gateway;

plan skip_all => 'curl is not installed' if system('curl --version >/dev/null 2>&1') != 0;

my $dir = File::Temp->newdir;
is(system('./make-certs.sh', $dir), 0, 'certificates made');

# Sends a text with curl: gives its exit status and output.
sub curl
{
	my ($gateway, @options) = @_;
	my $url = "https://localhost:$gateway->{port}" . Gateway::messages_path() . '.json';

	open(my $out, '-|', 'curl', '-s', '--noproxy', '*', '--cacert', "$dir/ca.pem", '-u', "$Gateway::ACCOUNT:$Gateway::TOKEN",
		@options, '-d', Gateway::form(Gateway::text_fields()), $url) or die "curl: $!";
	my $text = do { local $/; <$out> };
	close $out;
	return ($? >> 8, $text // '');
}

# exit statuses of curl: 60 means that the certificate is not to be trusted
for my $case ([ 'good', 0 ], [ 'wrong-host', 60 ], [ 'expired', 60 ], [ 'self-signed', 60 ])
{
	my ($name, $want) = @$case;
	my $gateway = Gateway->start('--tls-cert', "$dir/$name.pem", '--tls-key', "$dir/$name.key");
	my ($status, $text) = curl($gateway);

	is($status, $want, "$name: curl's verdict");
	is(scalar $gateway->log_lines('request'), $want == 0 ? 1 : 0, "$name: texts received");
	if ($want == 0)
	{
		is(Gateway::decode($text)->{status}, 'queued', "$name: answer");
		for my $fault ([ reset => qr/^(35|56)$/ ], [ close => qr/^(52|56)$/ ], [ half => qr/^(18|56)$/ ], [ stall => qr/^28$/ ])
		{
			my ($kind, $verdict) = @$fault;

			$gateway->control_over_tls($dir, "faults?kind=$kind&count=1");
			($status) = curl($gateway, $kind eq 'stall' ? ('--max-time', 1) : ());
			like($status, $verdict, "$kind over TLS: curl's verdict");
		}
		($status, $text) = curl($gateway);
		is($status, 0, 'serves on');
		is(scalar $gateway->log_lines('request'), 6, 'all received');
	}
	else
	{
		($status) = curl($gateway, '-k');
		is($status, 0, "$name: served when nobody checks");
	}
	is($gateway->stop, 0, "$name: ends cleanly");
}

sub Gateway::control_over_tls
{
	my ($self, $certs, $what) = @_;

	system('curl', '-s', '-o', '/dev/null', '--noproxy', '*', '--cacert', "$certs/ca.pem", '-X', 'POST',
		"https://localhost:$self->{port}/_control/$what") == 0 or die "control failed: $what";
}

done_testing();
