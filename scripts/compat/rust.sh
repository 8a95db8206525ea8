#!/usr/bin/env bash
# The official Rust crate's tests/it. Its address is a constant there: a copy of the checkout gets the door's.
set -euo pipefail
copy=$COMPAT_CACHE/rust
mkdir -p "$copy"
cp -r "$1"/. "$copy"
cd "$copy"
sed -i "s#http://localhost:8123#http://$CH_HOST:$CH_PORT#" tests/it/main.rs
rm -f rust-toolchain.toml
cargo test --test it --features test-util,inserter,uuid,time,lz4,zstd,chrono,futures03,opentelemetry,rustls-tls --no-fail-fast
