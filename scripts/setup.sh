#!/usr/bin/env bash
# Installs what this machine lacks to build, test and run Millrace: build tools (libclang too), a Postgres server,
# the embedded ClickHouse engine (libchdb), and the stock clients that tests run. Every step looks first, so that a machine that has
# everything answers in a fraction of a second: lint, test and build all call this.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=setup
. "$here/machine.sh"
version=26.7.3-stable.1
package=@chdb/lib-linux-x64-gnu
tarball=chdb-lib-linux-x64-gnu-$version.tgz
library_bytes=566330096
cache=${XDG_CACHE_HOME:-$HOME/.cache}/millrace
library=$cache/libchdb-$version.so
venv=$cache/venv
python_clients=('clickhouse-connect==1.12.*')
work=

cleanup() {
    if [ -n "$work" ]; then rm -rf -- "$work"; fi
}
trap cleanup EXIT

need_rust() {
    if has cargo || [ -x "$HOME/.cargo/bin/cargo" ]; then return; fi
    fail "no Rust toolchain" "install one from https://rustup.rs"
}

need_build_tools() {
    local missing=()
    has cc || missing+=(gcc libc6-dev)
    has c++ || missing+=(g++)
    has make || missing+=(make)
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

# The Kafka client (librdkafka) is C, made while building on the system's zlib and OpenSSL.
need_rdkafka_libraries() {
    local missing=()
    has pkg-config || missing+=(pkg-config)
    [ -f /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
    [ -f /usr/include/zlib.h ] || missing+=(zlib1g-dev)
    if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

# Postgres's own grammar (crate pg_query) is C, and its Rust face is made by libclang while building.
# The small packages: libclang-dev would bring 240 MB of static libraries.
need_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ] || have_libclang; then return; fi
    apt_install libclang1
    local libraries version
    libraries=$(compgen -G '/usr/lib/llvm-*/lib/libclang.so.1' | sort -V || true)
    version=$(tail -1 <<<"$libraries")
    version=${version#/usr/lib/llvm-}
    apt_install "libclang-common-${version%%/*}-dev"
}

have_libclang() {
    if compgen -G '/usr/lib/llvm-*/lib/libclang.so.1' >/dev/null; then
        compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stdbool.h' >/dev/null
    else
        has clang && has ldconfig && ldconfig -p | grep -q 'libclang[-.]'
    fi
}

# The server's programs are enough: tests and the demo start clusters of their own.
need_postgres() {
    if has postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then return; fi
    apt_install postgresql
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
        fail "the package postgresql brought no server" "install a Postgres server, 14 to 18"
}

# Certificates for the tests of TLS.
need_openssl() {
    has openssl || apt_install openssl
}

expected() { awk -v name="$1" '$2 == name { print $1 }' "$here/libchdb.sha256"; }

verify() { # FILE NAME: compares with the checksum that the repository holds
    local got
    got=$(sha256sum "$1" | cut -d' ' -f1)
    [ "$got" = "$(expected "$2")" ] ||
        fail "the checksum of $2 is $got, not the one in scripts/libchdb.sha256" \
            "a broken or altered download: run make setup again"
}

fetch_tarball() { # leaves $work/$tarball
    if [ -n "${MILLRACE_LIBCHDB_TGZ:-}" ]; then
        say "taking $MILLRACE_LIBCHDB_TGZ"
        cp -- "$MILLRACE_LIBCHDB_TGZ" "$work/$tarball"
    elif has npm; then
        say "downloading $package@$version with npm (about 180 MB)"
        (cd "$work" && npm pack --silent "$package@$version" >/dev/null) ||
            fail "could not download $package@$version with npm" "check the network and npm's registry (npm config get registry)"
    else
        local registry=${NPM_CONFIG_REGISTRY:-${npm_config_registry:-https://registry.npmjs.org}}
        has curl || apt_install curl ca-certificates
        say "downloading $package@$version from $registry (about 180 MB)"
        curl -fsSL --retry 3 -o "$work/$tarball" "${registry%/}/$package/-/lib-linux-x64-gnu-$version.tgz" ||
            fail "could not download $package@$version from $registry" "set NPM_CONFIG_REGISTRY when a mirror must be used"
    fi
}

# 566 MB are not hashed on every run: the size, and a marker written after the hash was right.
have_libchdb() {
    [ -f "$library.ok" ] && [ "$(stat -c %s "$library" 2>/dev/null || echo 0)" = "$library_bytes" ]
}

need_libchdb() {
    if [ -n "${MILLRACE_LIBCHDB:-}" ] && [ -f "$MILLRACE_LIBCHDB" ]; then return; fi
    if have_libchdb; then return; fi
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        fail "there is no libchdb $version for $(uname -sm)" "set MILLRACE_LIBCHDB to a library of that version"
    mkdir -p "$cache"
    # Beside its destination, so that the last step is a rename.
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    fetch_tarball
    verify "$work/$tarball" "$tarball"
    say "unpacking libchdb.so (566 MB) to $library"
    tar -xzf "$work/$tarball" -C "$work" package/libchdb.so
    verify "$work/package/libchdb.so" libchdb.so
    rm -f "$library.ok"
    mv -f "$work/package/libchdb.so" "$library"
    touch "$library.ok"
    rm -rf -- "$work"
    work=
    say "libchdb $version is in place"
}

# The stock clients that the tests run against the ClickHouse door, in an environment of their own.
need_python_clients() {
    if [ "$(cat "$venv/millrace.ok" 2>/dev/null)" = "${python_clients[*]}" ]; then return; fi
    has python3 || apt_install python3
    if ! python3 -c 'import ensurepip' 2>/dev/null; then apt_install python3-venv; fi
    mkdir -p "$cache"
    say "installing ${python_clients[*]} to $venv"
    rm -rf -- "$venv"
    python3 -m venv "$venv" || fail "could not make a Python environment in $venv" "install python3-venv, then run make setup again"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_clients[@]}" >&2 ||
        fail "could not install ${python_clients[*]} with pip" "check the network and pip's index (pip config list)"
    printf '%s\n' "${python_clients[*]}" >"$venv/millrace.ok"
}

# The dbt of `millrace transform`: the place and the versions are those of crates/transform/src/environment.rs.
need_dbt() {
    local wanted=$here/../crates/transform/src/requirements.txt folder
    folder=$cache/dbt-$(sha256sum "$wanted" | cut -c1-8)
    if [ -f "$folder/millrace.ok" ]; then return; fi
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    flock 9
    if [ -f "$folder/millrace.ok" ]; then return; fi
    say "installing dbt to $folder"
    rm -rf -- "$folder"
    python3 -m venv "$folder" || fail "could not make a Python environment in $folder" "install python3-venv, then run make setup again"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2 ||
        fail "could not install dbt with pip" "check the network and pip's index (pip config list)"
    cp -- "$wanted" "$folder/millrace.ok"
}

# The page is built by npm. Vite wants a Node.js of 20.19 or newer.
node_is_new() {
    has npm && has node && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
}

need_node() {
    if node_is_new; then return; fi
    has node || apt_install nodejs npm
    node_is_new || fail "the page needs Node.js 20.19 or newer with npm, and this is $(node --version 2>/dev/null || echo none)" \
        "install one from https://nodejs.org, or from your distribution's backports"
}

# The page's tests look at it in a real browser.
need_chromium() {
    if has chromium || has chromium-browser || has google-chrome; then return; fi
    apt_install chromium fonts-dejavu-core
}

need_curl() {
    has curl || apt_install curl ca-certificates
}

if [ "${1:-}" = node ]; then
    need_node
    exit
fi

need_rust
need_build_tools
need_rdkafka_libraries
need_libclang
need_postgres
need_openssl
need_libchdb
need_curl
need_python_clients
need_dbt
need_node
need_chromium
