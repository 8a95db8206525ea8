#!/usr/bin/env bash
# clickhouse-connect's own integration tests, with the released client; COMPAT_CLIENT=checkout takes the checkout's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
client='clickhouse-connect[async,sqlalchemy,pandas,numpy,polars,arrow]==1.12.0'
if [ "${COMPAT_CLIENT:-}" = checkout ]; then client="clickhouse-connect[async,sqlalchemy,pandas,numpy,polars,arrow] @ file://$1"; fi
environment "connect${COMPAT_CLIENT:+-$COMPAT_CLIENT}" "$client" 'aiohttp>=3.9' 'alembic>=1.18' 'numpy==2.4.*' 'pandas==3.0.6' \
    'pyarrow==26.0.1' 'polars>=1.0' lz4 backports.zstd 'pyjwt[crypto]==2.10.1' pytest pytest-asyncio pytest-mock pytest-dotenv pytest-xdist
beside "$1" tests pyproject.toml
export CLICKHOUSE_CONNECT_TEST_HOST=$CH_HOST CLICKHOUSE_CONNECT_TEST_PORT=$CH_PORT
export CLICKHOUSE_CONNECT_TEST_USER=$CH_USER CLICKHOUSE_CONNECT_TEST_PASSWORD=$CH_PASSWORD
"$python" -m pytest -o log_cli=false -q -n 2 -ra --tb=short tests/integration_tests
