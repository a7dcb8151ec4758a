-- Secrets in files; :dir is a directory that run.sh filled.
SET unit.secret_dir = :'dir';
SELECT is(unit_secret('json')::text, '{"n": 5, "user": "me", "auth_token": "a=b"}', 'JSON');
SELECT is(unit_secret('lines')::text, '{"user": "me", "auth_token": "a=b \"c\\d"}', 'lines');
SELECT is(unit_secret('empty')::text, '{}', 'an empty file is an empty secret');
SELECT is(error_of(format('SELECT unit_secret(%L)', n)), want, 'secret ' || n)
FROM (VALUES
	('nested', 'F0000 secret "nested" cannot be used: its file is neither a JSON object of texts nor lines of key=value'),
	('broken', 'F0000 secret "broken" cannot be used: its file is neither a JSON object of texts nor lines of key=value'),
	('badjson', 'F0000 secret "badjson" cannot be used: its file is neither a JSON object of texts nor lines of key=value'),
	('binary', 'F0000 secret "binary" cannot be used: its file is neither a JSON object of texts nor lines of key=value'),
	('world', 'F0000 secret "world" cannot be used: everybody may read or change its file'),
	('large', 'F0000 secret "large" cannot be used: its file is larger than 64 kB'),
	('dir', 'F0000 secret "dir" cannot be used: it is not a regular file'),
	('fifo', 'F0000 secret "fifo" cannot be used: it is not a regular file'),
	('absent', '58P01 secret "absent" cannot be read: No such file or directory'),
	('../json', '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots'),
	('dir/json', '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots'),
	('.json', '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots'),
	('a..b', '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots'),
	('', '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots'),
	(repeat('x', 65), '22023 the name of a secret must be 1 to 64 letters, digits, hyphens, underscores or dots')) AS v (n, want);
RESET unit.secret_dir;
SELECT is(error_of($$SELECT unit_secret('json')$$), 'F0000 secret "json" cannot be used: there is no directory for secrets', 'no directory');
