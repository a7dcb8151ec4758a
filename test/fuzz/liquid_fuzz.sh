#!/bin/sh
# Runs the fuzzer of the engine in single-user mode of a new PostgreSQL.
#   liquid_fuzz.sh FOLDER SECONDS     FOLDER: absolute path of liquid_fuzz.so
# An input that breaks a rule ends up as crash-* in FOLDER.  As root it runs as the user postgres.
set -eu
build=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
bin=$("${PG_CONFIG:-pg_config}" --bindir)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
as=
if [ "$(id -u)" = 0 ]; then
	as='runuser -u postgres --'
fi

mkdir -p "$build/liquid_found" "$dir/found"
cp "$build/liquid_fuzz.so" "$here/liquid.dict" "$dir"
cp -R "$here/liquid_corpus" "$dir"
find "$build/liquid_found" -type f -exec cp -t "$dir/found" {} +
if [ -n "$as" ]; then
	chown -R postgres "$dir"
fi
chmod 0755 "$dir"
$as "$bin/initdb" -D "$dir/data" -E UTF8 --no-locale -A trust -U unit -N >"$dir/initdb.log"

# one statement a line
vars=$(tr -d '\n' <"$here/liquid_vars.json" | sed "s/'/''/g")
cat >"$dir/sql" <<SQL
CREATE FUNCTION liquid_fuzz(jsonb, VARIADIC text[]) RETURNS int LANGUAGE c AS '$dir/liquid_fuzz.so'
SELECT liquid_fuzz('$vars', '-max_total_time=$seconds', '-max_len=4000', '-timeout=20', '-rss_limit_mb=0', '-handle_int=0', '-print_final_stats=1', '-dict=$dir/liquid.dict', '-artifact_prefix=$dir/', '$dir/found', '$dir/liquid_corpus')
SQL
status=0
$as "$bin/postgres" --single -D "$dir/data" -c timezone=UTC -c log_min_messages=error postgres <"$dir/sql" || status=$?
find "$dir" -maxdepth 1 \( -name 'crash-*' -o -name 'timeout-*' -o -name 'oom-*' -o -name 'slow-*' \) -exec cp -t "$build" {} +
find "$dir/found" -type f -exec cp -t "$build/liquid_found" {} +
exit $status
