#!/usr/bin/env bash
# One public suite against a real door: `scripts/compat/run.sh connect|dbt|go|rust|node|jdbc|frames [CHECKOUT]`.
# What it installs (clients in their registries' own ways) stays in ~/.cache/millrace/compat; a checkout is not changed.
# Which revision to check out, and what passes: docs/compatibility.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export COMPAT_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/compat
mkdir -p "$COMPAT_CACHE"

suite=${1:-}
checkout=${2:-}
door=()
case $suite in
    connect) source=clickhouse-connect revision=842e4131e76cc44cef00052a48f695c57a5c187c ;;
    dbt) source=dbt-clickhouse revision=c5c810b8740b417c695e22007f4e08e500d91320 door=(--open) ;;
    go) source=clickhouse-go revision=0c09672ddf7252afcdc32db324a2b53a78113377 ;;
    rust) source=clickhouse-rs revision=5e0a2ef79a4ec48e7174fad4c52b07b6f0c27ab9 door=(--open) ;;
    node | jdbc | frames) source= ;;
    *)
        sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
esac
if [ -n "$source" ]; then
    if [ ! -d "$checkout" ]; then
        echo "error: the suite $suite needs a checkout of ClickHouse/$source" >&2
        echo "hint: git clone https://github.com/ClickHouse/$source && git -C $source checkout $revision" >&2
        echo "hint: make compat-$suite SUITE=$source" >&2
        exit 1
    fi
    checkout=$(realpath "$checkout")
fi
exec "$here/door.sh" "${door[@]}" "$here/$suite.sh" "$checkout"
