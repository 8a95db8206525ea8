#!/usr/bin/env bash
# Runs a command beside a real door: `scripts/compat/door.sh [--open] COMMAND…`. A private Postgres with an empty
# publication, `millrace up` on it, free ports, all in a temporary directory that is gone afterwards.
# The command finds CH_HOST, CH_PORT, CH_USER, CH_PASSWORD; the user is an admin, or with --open `default` without
# a password. MILLRACE is the binary, by default target/debug/millrace.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
binary=$(realpath "${MILLRACE:-$root/target/debug/millrace}")

export CH_USER=tester CH_PASSWORD=compat-tester
users="[serve.users.$CH_USER]
password = \"$CH_PASSWORD\"
roles = [\"admin\"]"
if [ "${1:-}" = --open ]; then
    shift
    CH_USER=default CH_PASSWORD='' users=
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/millrace-compat.XXXXXX")
up=
programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1)
as_server=()
if [ "$(id -u)" -eq 0 ]; then as_server=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi
server() { (cd "$work/postgres" && "${as_server[@]}" "$programs/$1" "${@:2}"); }

finish() {
    if [ -n "$up" ] && kill -INT "$up" 2>/dev/null; then wait "$up" || true; fi
    if [ -f "$work/postgres/data/postmaster.pid" ]; then server pg_ctl -D data -m fast -s -w stop || true; fi
    rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$work/postgres" "$work/project"
if [ "$(id -u)" -eq 0 ]; then
    chmod 711 "$work"
    chown nobody "$work/postgres"
fi
server initdb -D data -U postgres --auth=trust --no-sync --encoding=UTF8 --locale=C >/dev/null
server pg_ctl -D data -s -w -l log -o "-c listen_addresses='' -c unix_socket_directories='$work/postgres' \
    -c wal_level=logical -c fsync=off" start
server psql -q -h "$work/postgres" -U postgres -c 'CREATE PUBLICATION millrace'

cat >"$work/project/millrace.toml" <<END
[source]
url = "postgres://postgres@${work//\//%2F}%2Fpostgres/postgres"
[serve]
clickhouse = "127.0.0.1:0"
ui = "127.0.0.1:0"
$users
END
log=${COMPAT_LOG:-$work/up.log}
# The zone of the images that the suites were written for.
TZ=UTC "$binary" -c "$work/project/millrace.toml" up >"$log" 2>&1 &
up=$!
place=$work/project/.millrace/up.json
until [ -s "$place" ]; do
    if ! kill -0 "$up" 2>/dev/null; then
        cat "$log" >&2
        exit 1
    fi
    sleep 0.1
done
export CH_HOST=127.0.0.1
CH_PORT=$(sed -n 's/.*"clickhouse" *: *"[^"]*:\([0-9]*\)".*/\1/p' "$place")
export CH_PORT
status=0
"$@" || status=$?
if ! kill -0 "$up" 2>/dev/null; then
    echo "error: millrace did not live until the end" >&2
    tail -5 "$log" >&2
    exit 1
fi
exit $status
