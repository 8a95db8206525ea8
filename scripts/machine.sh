# What the setup scripts share, to be sourced: their voice, and packages of this machine. `me` is the script's name.
# shellcheck shell=bash

say() { printf '%s: %s\n' "$me" "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf 'hint: %s\n' "$line" >&2; done
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "cannot install packages: not root, and there is no sudo" "run as root: $*"
    fi
}

apt_updated=
apt_install() {
    has apt-get || fail "cannot install $*: there is no apt-get on this machine" "install $* by hand, then run make $me again"
    if [ -z "$apt_updated" ]; then
        say "apt-get update"
        as_root apt-get update -qq >&2
        apt_updated=yes
    fi
    say "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}
