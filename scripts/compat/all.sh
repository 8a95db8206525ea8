#!/usr/bin/env bash
# Every suite, one after another: `scripts/compat/all.sh FOLDER`, which holds the checkouts under their repositories' names.
# Goes on after a suite that fails (each has tests that do, see docs/compatibility.md) and prints their last lines.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-.}
lines=()
each() {
    printf '\n== %s\n' "$1"
    "$here/run.sh" "$@" 2>&1 | tee "$log" || true
    lines+=("$1: $(grep -E '[0-9]+ (passed|failed)|# (pass|fail)|ℹ (pass|fail)' "$log" | tail -2 | tr '\n' ' ')")
}
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
each connect "$folder/clickhouse-connect"
each dbt "$folder/dbt-clickhouse"
each go "$folder/clickhouse-go"
each rust "$folder/clickhouse-rs"
each node
each jdbc
each frames
printf '\n'
printf '%s\n' "${lines[@]}"
