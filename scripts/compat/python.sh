# Sourced: `environment NAME PACKAGE…` is the Python of an environment with exactly these packages in it.
environment() {
    local folder=$COMPAT_CACHE/$1
    shift
    if [ "$(cat "$folder/ok" 2>/dev/null)" != "$*" ]; then
        rm -rf -- "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        printf '%s\n' "$*" >"$folder/ok"
    fi
    python=$folder/bin/python
}

# `beside CHECKOUT FILE…`: a folder with these of the suite's files, away from the package that it is about.
beside() {
    folder=$(mktemp -d)
    trap 'rm -rf -- "$folder"' EXIT
    (cd "$1" && cp -r "${@:2}" "$folder")
    cd "$folder"
}
