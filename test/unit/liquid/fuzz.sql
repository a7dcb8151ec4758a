-- Fuzzes for so many seconds with seeds that depend on the clock.
\ir setup.sql
SELECT set_config('test.file', :'dir' || '/current', false), set_config('test.seconds', :'seconds', false) \gset
DO $$
DECLARE
	stop timestamptz := clock_timestamp() + make_interval(secs => current_setting('test.seconds')::float8);
	seed int := extract(epoch FROM clock_timestamp())::bigint % 1000000000;
	outcome text;
	rounds int := 0;
BEGIN
	WHILE clock_timestamp() < stop LOOP
		SELECT liquid_fuzz(templates, vars, 5000, seed, current_setting('test.file')) INTO outcome FROM corpus;
		IF outcome !~ '^[0-9]+ texts$' THEN
			RAISE EXCEPTION 'seed %: %', seed, outcome;
		END IF;
		seed := seed + 1;
		rounds := rounds + 1;
	END LOOP;
	RAISE WARNING '% templates, nothing found', rounds * 5000;
END
$$;
