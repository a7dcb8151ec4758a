#!/bin/sh
# Starts a server of its own, runs unit.sql in it, and stops the server.
#   run.sh MODULE [SQL FILE]     MODULE: absolute path of provider_unit.so
# Needs pg_config's programs; as root it runs them as the user postgres.
set -eu
module=$1
here=$(cd "$(dirname "$0")" && pwd)
script=${2:-$here/unit.sql}
samples=${SMSFOLLOW_VECTORS:-$here/../../../../shared/vectors}/../providers
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

cp "$module" "$dir/provider_unit.so"
mkdir "$dir/secrets" "$dir/secrets/dir"
printf '%s' '{"user": "me", "auth_token": "a=b", "n": 5}' >"$dir/secrets/json"
printf '# a note\nuser=me\r\n\nauth_token=a=b "c\\d\n' >"$dir/secrets/lines"
: >"$dir/secrets/empty"
printf '{"a": {"b": "c"}}' >"$dir/secrets/nested"
printf 'user=me\nno equals sign\n' >"$dir/secrets/broken"
printf '{"a": ' >"$dir/secrets/badjson"
printf 'a=\377\n' >"$dir/secrets/binary"
printf 'a=b\n' >"$dir/secrets/world"
head -c 65537 /dev/zero | tr '\0' 'x' >"$dir/secrets/large"
mkfifo "$dir/secrets/fifo"
chmod 0600 "$dir/secrets/"[!d]*
chmod 0604 "$dir/secrets/world"
if [ -n "$as" ]; then
	chown -R postgres "$dir"
fi
chmod 0755 "$dir"

$as "$bin/initdb" -D "$dir/data" -E UTF8 --no-locale -A trust -U unit >/dev/null
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
CONF
$as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null

# The kinds are what the extension's script seeds, and nothing else of it.
{
	echo 'CREATE SCHEMA smsfollow;'
	echo 'CREATE TABLE smsfollow.provider_kind (name text, description jsonb, builtin boolean);'
	sed -n '/^INSERT INTO smsfollow.provider_kind/,/true);$/p' "$here/../../../sql/35_provider.sql"
} >"$dir/kinds.sql"
PGOPTIONS='' "$bin/psql" -X -q -h "$dir" -U unit -d postgres -v ON_ERROR_STOP=1 -f "$dir/kinds.sql"
"$bin/psql" -X -q -h "$dir" -U unit -d postgres -v ON_ERROR_STOP=1 \
	-v module="$dir/provider_unit.so" -v dir="$dir/secrets" \
	-v descriptors="$(cat "$samples/descriptors.proposal.json" 2>/dev/null || true)" \
	-v samples="$(cat "$samples/webhook-samples.json" 2>/dev/null || true)" -f "$script" >"$dir/out" || {
	cat "$dir/out"
	exit 1
}
cat "$dir/out"
! grep -q '^not ok' "$dir/out"
