# render() and segments() through SQL, in one session, and the same templates
# over the same rows with liquidjs and handlebars, where node and npm are there.
# A template is parsed once on either side; each figure is one core's.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;

use Bench;

my $ROWS = 100_000;
my @cases = (
	{
		name => 'short',
		liquid => 'Hi {{ first_name | default: "there" }}, your order {{ order_id }} is on its way. Reply STOP to opt out.',
		handlebars => 'Hi {{#if first_name}}{{first_name}}{{else}}there{{/if}}, your order {{order_id}} is on its way. Reply STOP to opt out.',
	},
	{
		name => 'items',
		liquid => '{{ brand }}: Hi {{ contact.name }}, {% if gold %}thanks for your trust{% else %}thank you{% endif %}: '
			. '{% for item in order.items %}{{ item.count }}x {{ item.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}. '
			. 'Total {{ order.total }}. {{ link }} Reply STOP to opt out.',
		handlebars => '{{brand}}: Hi {{contact.name}}, {{#if gold}}thanks for your trust{{else}}thank you{{/if}}: '
			. '{{#each order.items}}{{count}}x {{name}}{{#unless @last}}, {{/unless}}{{/each}}. '
			. 'Total {{order.total}}. {{link}} Reply STOP to opt out.',
	});

my $sms = Bench::server();
my $folder = tempdir(CLEANUP => 1);
chmod(0755, $folder);

sub spew
{
	my ($file, $text) = @_;

	open(my $out, '>', $file) or die "$file: $!";
	print $out $text;
	close($out);
	return $file;
}

my $rows = spew("$folder/rows", join('', map {
	encode_json({
		brand => 'Juniper & Rye', first_name => "Name$_", order_id => $_, gold => $_ % 2 ? JSON::PP::true : JSON::PP::false,
		contact => { name => "Ana$_" }, link => "https://jr.example/$_",
		order => { total => $_ % 200, items => [ { count => 1, name => 'desk' }, { count => 2, name => 'lamp' }, { count => 1, name => 'chair' } ] } }) . "\n"
} 1 .. $ROWS));

$sms->sql("
	CREATE TABLE render_rows AS
		SELECT line::jsonb AS vars FROM regexp_split_to_table(rtrim(pg_read_file('$rows'), E'\\n'), E'\\n') AS line;
	CREATE TABLE render_texts AS
		SELECT smsfollow.render('Hi {{ first_name }}, your order {{ order_id }} is on its way. Reply STOP to opt out.', vars) AS body FROM render_rows;
	VACUUM ANALYZE render_rows, render_texts;
	-- seconds that one core needs
	CREATE FUNCTION seconds_of(query text, template text DEFAULT NULL) RETURNS float8 LANGUAGE plpgsql
	SET max_parallel_workers_per_gather = 0 SET jit = off AS \$\$
	DECLARE
		start timestamptz := clock_timestamp();
	BEGIN
		EXECUTE query USING template;
		RETURN extract(epoch FROM clock_timestamp() - start);
	END
	\$\$");

# Texts a second: the median of the rounds, after one that warms up.
sub speed
{
	my ($query, $template) = @_;

	$template //= '';
	my @seconds = split(/\n/, $sms->sql("SELECT seconds_of(\$q\$$query\$q\$, \$t\$$template\$t\$) FROM generate_series(0, $ROUNDS)"));
	shift @seconds;
	return $ROWS / median(@seconds);
}

# Characters as JavaScript counts them; no text has more than one unit each.
my (%speed, %characters);
for my $case (@cases)
{
	$speed{$case->{name}} = speed('SELECT count(smsfollow.render($1, vars)) FROM render_rows', $case->{liquid});
	$characters{$case->{name}} = $sms->sql("SELECT sum(length(smsfollow.render(\$t\$$case->{liquid}\$t\$, vars))) FROM render_rows");
	row("render, template \"$case->{name}\", through SQL", '%8.0f /s', $speed{$case->{name}});
}

$sms->sql(q{SELECT smsfollow.create_template('bench footer', '{{ brand }}. Reply STOP to opt out.')});
row('render, with a saved footer, through SQL', '%8.0f /s', speed('SELECT count(smsfollow.render($1, vars)) FROM render_rows',
	'Hi {{ first_name }}, your order {{ order_id }} is on its way. {% render "bench footer", brand: brand %}'));

if (system('command -v node >/dev/null && command -v npm >/dev/null') != 0)
{
	note('not compared with JavaScript: there is no node, or no npm');
}
elsif (system("cd '$folder' && timeout 120 npm install --silent --no-audit --no-fund --prefix '$folder' liquidjs handlebars >npm.log 2>&1") != 0)
{
	note('not compared with JavaScript: npm could not install liquidjs and handlebars');
}
else
{
	my $cases = spew("$folder/cases", encode_json(\@cases));
	my $script = dirname(abs_path(__FILE__)) . '/render.js';

	for my $line (`node '$script' '$folder' '$cases' '$rows' $ROUNDS`)
	{
		chomp($line);
		my ($what, $per_second, $characters) = split(/\t/, $line);
		my ($case, $engine) = split(/ /, $what);

		$characters == $characters{$case} or die "$what writes $characters characters, render() $characters{$case}";
		row("render, template \"$case\", $engine", '%8.0f /s', $per_second);
		row("render, template \"$case\", SQL to $engine", '%8.1f x%s', $speed{$case} / $per_second,
			$engine eq 'liquidjs' ? '  (wanted: 5 or more)' : '');
	}
}

row('segments, through SQL', '%8.0f /s  (wanted: 1,000,000 or more)', speed('SELECT count(smsfollow.segments(body)) FROM render_texts'));
row('segments, in FROM', '%8.0f /s', speed('SELECT sum(s.segments) FROM render_texts, smsfollow.segments(body) s'));
$sms->sql('DROP FUNCTION seconds_of; DROP TABLE render_rows, render_texts');
1;
