#!/usr/bin/env bash
# The official client for Node.js: node/client.test.mjs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$COMPAT_CACHE/node"
cp "$here"/node/* "$COMPAT_CACHE/node"
cd "$COMPAT_CACHE/node"
npm install --silent --no-audit --no-fund >&2
node --test --test-reporter=spec client.test.mjs
