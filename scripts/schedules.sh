#!/usr/bin/env bash
# Exported schedules, read by whom they are for: actionlint, Airflow's DagBag, Dagster's loader, and crontab where there is one.
# They are installed into ~/.cache/millrace/compat/schedules (Python and Go from their registries).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/compat/schedules
millrace=$PWD/target/debug/millrace
if [ ! -f "$home/ok" ]; then
    rm -rf -- "$home"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check dagster==1.13.29 apache-airflow==3.3.2
    GOBIN=$home/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
    touch "$home/ok"
fi
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cp crates/millrace/tests/cli/schedules.toml "$folder/millrace.toml"
cd "$folder"
mkdir -p .github/workflows dags
"$millrace" schedule export --github-actions >.github/workflows/dbt.yml
"$millrace" schedule export --airflow >dags/dbt_schedules.py
"$millrace" schedule export --dagster >dbt_schedules.py
"$millrace" schedule export --cron >crontab

"$home/bin/actionlint" .github/workflows/dbt.yml
echo "ok  GitHub Actions: $("$home/bin/actionlint" --version | head -1)"
AIRFLOW_HOME=$folder AIRFLOW__CORE__LOAD_EXAMPLES=False "$home/bin/python" - <<'PYTHON'
import logging, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import airflow
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
assert not bag.import_errors, bag.import_errors
assert len(bag.dags) == 3, bag.dags
for dag in bag.dags.values():
    assert dag.max_active_runs == 1 and not dag.catchup, dag
print(f"ok  Airflow {airflow.__version__}: {', '.join(sorted(bag.dags))}")
PYTHON
"$home/bin/dagster" definitions validate -f dbt_schedules.py >said 2>&1 || { cat said >&2; exit 1; }
echo "ok  Dagster: $("$home/bin/dagster" --version)"
if command -v crontab >/dev/null; then
    crontab -T crontab 2>/dev/null && echo "ok  crontab -T" || echo "--  this crontab only installs"
fi
