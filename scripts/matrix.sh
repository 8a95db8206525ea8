#!/usr/bin/env bash
# Runs the tests that need a Postgres once for each server: the folders of programs that
# MILLRACE_TEST_PG names (dir:dir), else the installed one and an 18 (scripts/postgres.sh).
# Further words go to cargo test: scripts/matrix.sh -p flow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folders=${MILLRACE_TEST_PG:-}
if [ -z "$folders" ]; then
    installed=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1 || true)
    folders=$installed:$(scripts/postgres.sh)
fi
suites=("$@")
if [ ${#suites[@]} -eq 0 ]; then
    suites=(-p cluster -p source -p flow -p serve -p lint -p millrace)
fi

results=()
failed=0
IFS=: read -ra each <<<"$folders"
for folder in "${each[@]}"; do
    if [ -z "$folder" ]; then continue; fi
    version=$("$folder/postgres" --version)
    printf '\n== %s in %s\n' "$version" "$folder"
    if MILLRACE_TEST_PG=$folder cargo test --no-fail-fast "${suites[@]}"; then
        results+=("ok      $version")
    else
        results+=("FAILED  $version")
        failed=1
    fi
done
if [ ${#results[@]} -eq 0 ]; then
    echo "error: there is no folder with a Postgres server in it: $folders" >&2
    exit 1
fi
printf '\n'
printf '%s\n' "${results[@]}"
exit $failed
