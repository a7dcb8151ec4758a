#!/bin/bash
#
# demo.sh
#	From nothing to a thousand texts and their receipts: installs what is
#	missing, builds, starts a server, a test gateway and a webhook receiver of
#	its own, runs a campaign, shows what came of it, and removes everything but
#	the installed packages and the extension's files.
#
#	make demo            the whole thing
#	make demo KEEP=1     leaves the server running and says how to reach and stop it
#
# Everything that runs is started and stopped by its process id; nothing
# listens but on 127.0.0.1 and on a socket in the demo's own folder.  As root,
# the server runs as user postgres, since PostgreSQL refuses root.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
keep=${KEEP:-}
deadline=60						# seconds for all texts and their receipts
unset MAKEFLAGS MFLAGS MAKELEVEL PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE
export PGCLIENTENCODING=UTF8

# --- what it says ---------------------------------------------------------

bold= dim= reset= live=
if [ -t 1 ]; then
	live=1
	if [ "${TERM:-dumb}" != dumb ]; then
		bold=$'\e[1m' dim=$'\e[2m' reset=$'\e[0m'
	fi
fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$reset"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$reset"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# Runs a command with its output in a file; shows the end of it if it fails.
quietly()
{
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 25 "$log" >&2
		die "failed: $*"
	fi
}

# --- the end --------------------------------------------------------------

dir=
log_dir=$(mktemp -d /tmp/smsfollow-build.XXXXXX)
ended=

finish()
{
	local status=$?
	trap - EXIT INT TERM HUP
	if [ -n "$dir" ] && [ -z "$ended" ]; then
		if [ $status -ne 0 ] && [ $status -lt 128 ] && [ -f "$dir/server.log" ]; then
			printf '\ndemo: the last lines of the server log:\n' >&2
			tail -n 5 "$dir/server.log" >&2
		fi
		sh "$dir/stop" || true
	fi
	rm -rf "$log_dir"
	exit $status
}
trap finish EXIT
trap 'printf "\n"; exit 130' INT
trap 'exit 143' TERM HUP

# --- packages, build, install ---------------------------------------------

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root for: $* (there is no sudo)"
	fi
}

# A pg_config whose installation can both build extensions and run a server.
complete()
{
	command -v "$1" >/dev/null && [ -f "$("$1" --pgxs)" ] && [ -f "$("$1" --includedir-server)/postgres.h" ] &&
		[ -x "$("$1" --bindir)/postgres" ]
}

pg_config=${PG_CONFIG:-pg_config}

install_packages()
{
	local wanted="make gcc g++ libcurl4-openssl-dev libssl-dev libmicrohttpd-dev libphonenumber-dev libpq-dev"
	local missing= package version

	command -v apt-get >/dev/null || return 0	# not Debian: the build will tell what is missing
	for package in $wanted; do
		dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
	done
	if [ -z "$missing" ] && complete "$pg_config"; then
		return
	fi
	step "Installing packages"
	# one source that cannot be read need not be the one that has them
	as_root apt-get update -q >"$log_dir/apt" 2>&1 || note "apt-get update failed; trying with the lists there are"
	if ! complete "$pg_config"; then
		version=$(apt-cache depends postgresql | sed -n 's/.*postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
		[ -n "$version" ] || die "apt knows no package postgresql"
		missing="$missing postgresql-$version postgresql-server-dev-$version"
	fi
	note "$(fold -sw 78 <<<"apt-get install$missing")"
	quietly "$log_dir/apt" as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends $missing
	complete "$pg_config" || die "$pg_config does not belong to a complete PostgreSQL; set PG_CONFIG"
}

build_and_install()
{
	local sudo=as_root

	step "Building and installing smsfollow for $("$pg_config" --version)"
	quietly "$log_dir/build" make -s -C "$top" -j"$(nproc)" PG_CONFIG="$pg_config"
	quietly "$log_dir/build" make -s -C "$top/test/gateway" -j"$(nproc)" PG_CONFIG="$pg_config"
	[ -w "$("$pg_config" --pkglibdir)" ] && [ -w "$("$pg_config" --sharedir)/extension" ] && sudo=
	quietly "$log_dir/build" $sudo make -s -C "$top" install PG_CONFIG="$pg_config"
}

# --- server, gateway, receiver --------------------------------------------

# Runs a command as the unprivileged user; the pid of the command is ours to know.
as_user()
{
	if [ "$(id -u)" = 0 ]; then
		cd "$dir"
		exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$dir" "$@"
	else
		exec "$@"
	fi
}

# Starts a program that writes its port to a file; sets port.
start_program()
{
	local name=$1 i
	shift
	(as_user setsid "$dir/$name" --port-file "$dir/$name.port" "$@" >"$dir/$name.out" 2>&1 </dev/null) &
	echo "$!" >"$dir/$name.pid"
	for ((i = 0; i < 200; i++)); do
		[ -s "$dir/$name.port" ] && break
		kill -0 "$(cat "$dir/$name.pid")" 2>/dev/null || die "$name did not start: $(cat "$dir/$name.out")"
		sleep 0.05
	done
	port=$(cat "$dir/$name.port")
}

make_folder()
{
	dir=$(mktemp -d /tmp/smsfollow-demo.XXXXXX)
	# Ends what the folder belongs to, each by the pid it wrote, and the folder.
	cat >"$dir/stop" <<-STOP
		#!/bin/sh
		# Stops the demo in $dir and removes it.
		for name in receiver gateway postmaster; do
			pid=\$(head -n 1 $dir/\$name.pid $dir/data/\$name.pid 2>/dev/null | grep '^[0-9]' | head -n 1)
			# only if the process still is the one that was started from here
			case "\$(tr '\\0' ' ' 2>/dev/null </proc/\${pid:-none}/cmdline)" in
				*$dir/*) ;;
				*) continue ;;
			esac
			kill -INT "\$pid"
			i=0
			while kill -0 "\$pid" 2>/dev/null && [ \$i -lt 200 ]; do
				sleep 0.05
				i=\$((i + 1))
			done
			kill -QUIT "\$pid" 2>/dev/null
		done
		rm -rf $dir
	STOP
	cp "$top/build/gateway" "$top/build/receiver" "$dir"
	mkdir -m 700 "$dir/secrets"
	echo 'auth_token=test-token' >"$dir/secrets/acme"
	chmod 600 "$dir/secrets/acme"
	if [ "$(id -u)" = 0 ]; then
		getent passwd postgres >/dev/null || die "there is no user postgres to run the server as"
		chown -R postgres: "$dir"
	fi
}

start_server()
{
	quietly "$log_dir/initdb" as_user_wait "$bin/initdb" -D "$dir/data" -A trust -U demo -E UTF8 --no-locale -N
	cat >"$dir/settings" <<-SETTINGS
		listen_addresses = ''
		unix_socket_directories = '$dir'
		fsync = on
		shared_preload_libraries = 'smsfollow'
		smsfollow.databases = 'shop'
		smsfollow.secret_dir = '$dir/secrets'
		smsfollow.allow_insecure_http = on	# the gateway is on this machine
		smsfollow.retry_base = 500ms		# a demo is impatient
		smsfollow.lookup_interval = 2s
	SETTINGS
	cat "$dir/settings" >>"$dir/data/postgresql.conf"
	quietly "$log_dir/start" as_user_wait "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -s start
	"$bin/createdb" -h "$dir" -U demo shop
}

# The same as as_user, in the foreground.
as_user_wait() { (as_user "$@"); }

sql() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$dir" -U demo -d shop "$@"; }

# --- the campaign ---------------------------------------------------------

schedule()
{
	step "Scheduling the follow-ups: one SELECT over the orders, in one transaction"
	cat "$here/schedule.sql"
	printf '%s texts scheduled.\n' "$(sql -At -f "$here/schedule.sql")"
}

# Draws a line like: [######......] 512 accepted, 400 delivered
progress()
{
	local done=$1 all=$2 width=24 filled bar

	shift 2
	filled=$((all > 0 ? width * done / all : 0))
	bar=$(printf '%*s' "$filled" '' | tr ' ' '#')$(printf '%*s' $((width - filled)) '' | tr ' ' '.')
	if [ -n "$live" ]; then
		printf '\r[%s] %s\e[K' "$bar" "$*"
	else
		printf '[%s] %s\n' "$bar" "$*"
	fi
}

# Until every text that is due is decided and every accepted one has its last receipt.
watch_it()
{
	local start=$EPOCHREALTIME now pause=0.1 all later todo accepted arrived other kept doubt

	step "Sending"
	[ -n "$live" ] || pause=1
	while :; do
		read -r all accepted arrived other kept doubt later todo < <(sql -At -F ' ' -c "
			SELECT k.scheduled, k.accepted, k.delivered, k.undelivered + k.failed, k.suppressed + k.expired,
				k.in_doubt, r.later, r.due + (SELECT count(*) FROM smsfollow.inflight)
			FROM smsfollow.kpi_campaign k,
				(SELECT count(*) FILTER (WHERE later) AS later, count(*) FILTER (WHERE NOT later) AS due
				 FROM (SELECT code IS NULL AND send_at > smsfollow.clock() AS later FROM smsfollow.ready) x) r
			WHERE k.campaign = 'how is it'")
		now=$EPOCHREALTIME
		progress $((arrived + other + kept)) $((all - later)) \
			"$accepted accepted, $arrived delivered, $kept held back, $todo to go"
		[ $((todo + doubt)) = 0 ] && [ $((arrived + other + kept)) = $((all - later)) ] && break
		[ $((${now%.*} - ${start%.*})) -lt $deadline ] || die "not all receipts came within $deadline s"
		sleep $pause
	done
	[ -z "$live" ] || printf '\n'
	printf 'All receipts came within %s s; %s texts wait for their day.\n' \
		"$(awk -v a="$start" -v b="$now" 'BEGIN { printf "%.1f", b - a }')" "$later"
}

# What the gateway itself counted: the other side's word on lost and doubled texts.
ask_gateway()
{
	local stats

	exec 3<>"/dev/tcp/127.0.0.1/$gateway_port"
	printf 'GET /_control/stats HTTP/1.0\r\n\r\n' >&3
	stats=$(cat <&3)
	exec 3>&-
	count_of() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" <<<"$stats"; }
	printf "%sThe gateway's own count:%s %s requests, %s texts taken, %s of them twice;\n" \
		"$bold" "$reset" "$(count_of received)" "$(count_of accepted)" "$(count_of duplicates)"
	printf '%s requests refused, %s answers broken off.\n' "$(count_of rejected)" "$(count_of lost)"
}

# --- main -----------------------------------------------------------------

install_packages
build_and_install
bin=$("$pg_config" --bindir)
make_folder

step "Starting a server, a gateway that speaks Twilio's API, and a webhook receiver"
start_server
# Answers in about 30 ms, breaks three connections after taking the text, is
# out of order for five texts, and knows landlines and unsubscribed numbers.
start_program gateway --quiet --log "$dir/gateway.log" --seed 7 --latency-lognormal 30,120 \
	--receipts auto --receipt-delay 300 \
	--fail kind=reset,skip=100,count=3 --fail kind=status,status=503,skip=200,count=5 \
	--fail kind=status,status=400,code=21614,to=77,count=4 --fail kind=status,status=400,code=21610,to=44,count=3
gateway_port=$port
start_program receiver --conninfo "host=$dir user=demo dbname=shop"
receiver_port=$port

step "Loading 1,000 orders, and who agreed to texts"
awk -f "$here/orders.awk" | sql -o /dev/null -v gateway="$gateway_port" -v receiver="$receiver_port" -f "$here/setup.sql"
schedule
watch_it
sql -v b="$bold" -v r="$reset" -f "$here/report.sql"
ask_gateway

become=
[ -z "${SUDO_USER:-}" ] || become='sudo '
if [ -n "$keep" ]; then
	ended=1
	step "It keeps running. Look around:"
	printf '  %s%s -h %s -U demo shop\n' "$become" "$bin/psql" "$dir"
else
	step "To look around yourself: make demo KEEP=1, and in psql for example"
fi
cat <<'NEXT'

  SELECT * FROM smsfollow.message_log WHERE state = 'scheduled' LIMIT 1 \gx
  BEGIN;
  SELECT smsfollow.cancel_for(key => 'how is it 5023');   -- cancelled with your
  ROLLBACK;                                               -- transaction, or not
  SELECT smsfollow.opt_out('+12135550100');
  SELECT smsfollow.send('+13125550100', 'Your refund is on its way.');
  SELECT * FROM smsfollow.stat_worker \gx
NEXT
if [ -n "$keep" ]; then
	printf '\nTo stop it and remove its folder:\n\n  %ssh %s/stop\n' "$become" "$dir"
else
	sh "$dir/stop"
	ended=1
	printf '\nEverything is stopped and removed; packages and extension stay (make uninstall).\n'
fi
