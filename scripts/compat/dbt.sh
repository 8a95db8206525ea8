#!/usr/bin/env bash
# dbt-clickhouse's own integration tests, over HTTP and without a cluster. Deselected: databases of the engine Replicated,
# which need Keeper and leave a setting behind that breaks every later test.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/python.sh"
environment dbt dbt-clickhouse==1.10.3 'dbt-core==1.11.*' clickhouse-connect==1.12.0 'dbt-tests-adapter>=1.10,<2.0' \
    pandas==3.0.6 'pytest>=7.2' pytest-dotenv==0.5.2 pytest-timeout==2.4.0 'requests~=2.32.5' 'setuptools>=69.2'
beside "$1" tests pytest.ini
export DBT_CH_TEST_HOST=$CH_HOST DBT_CH_TEST_PORT=$CH_PORT DBT_CH_TEST_USER=$CH_USER DBT_CH_TEST_PASSWORD=$CH_PASSWORD
export DO_NOT_TRACK=1
# pandas is loaded first: under a frozen clock its import fails.
"$python" -m pytest -q -ra --tb=short -p pandas tests/integration --ignore=tests/integration/adapter/replicated_database
