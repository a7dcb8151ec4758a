#!/bin/sh
# Starts a server of its own, runs a file of SQL in it, and stops the server.
#   run.sh FOLDER FILE [SECONDS]     FOLDER: absolute path of the built modules
# Needs pg_config's programs; as root it runs them as the user postgres.
set -eu
modules=$1
script=$2
seconds=${3:-0}
here=$(cd "$(dirname "$0")" && pwd)
bin=$("${PG_CONFIG:-pg_config}" --bindir)
dir=$(mktemp -d)
as=
if [ "$(id -u)" = 0 ]; then
	as='runuser -u postgres --'
fi
stop() {
	$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap stop EXIT

cp "$modules"/liquid_unit.so "$modules"/liquid_guarded.so "$dir"
if [ -n "$as" ]; then
	chown -R postgres "$dir"
fi
chmod 0755 "$dir"
$as "$bin/initdb" -D "$dir/data" -E UTF8 --no-locale -A trust -U unit >/dev/null
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
timezone = 'UTC'
fsync = off
CONF
$as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null
PGOPTIONS='' "$bin/psql" -X -q -h "$dir" -U unit -d postgres -v ON_ERROR_STOP=1 -v dir="$dir" \
	-v unit="$dir/liquid_unit.so" -v guarded="$dir/liquid_guarded.so" -v seconds="$seconds" \
	-f "$here/$script" >"$dir/out" || {
	cat "$dir/out"
	if [ -s "$dir/current" ]; then
		echo "the template at work was:"
		cat "$dir/current"
	fi
	exit 1
}
cat "$dir/out"
! grep -q '^not ok' "$dir/out"
