#!/usr/bin/env bash
# SQLAlchemy and ibis: python/frames.py.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/python.sh"
environment frames 'clickhouse-connect[sqlalchemy]==1.12.0' 'ibis-framework[clickhouse]==12.0.0' pandas==3.0.6 packaging 'sqlglot<28'
"$python" "$here/python/frames.py"
