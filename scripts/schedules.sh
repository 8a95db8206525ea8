#!/usr/bin/env bash
# Exported schedules, read by whom they are for: actionlint, Airflow's DagBag, Dagster's loader, and crontab where there is one.
# They are installed into ~/.cache/millrace/compat/schedules (Python and Go from their registries). Go is the one thing here that
# `make setup` does not bring: actionlint is a program of its, and PyPI's package of it takes a binary from elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=${XDG_CACHE_HOME:-$HOME/.cache}/millrace/compat/schedules
millrace=$PWD/target/debug/millrace
if [ ! -f "$home/ok" ]; then
    if ! command -v go >/dev/null; then
        echo "error: cannot install actionlint: there is no Go" >&2
        echo "hint: install Go (https://go.dev/dl), then: make test-schedules" >&2
        exit 1
    fi
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
"$home/bin/python" - <<'PYTHON'
import warnings
warnings.simplefilter("ignore")
from dagster import DagsterInstance, DagsterRunStatus, build_schedule_context
from dbt_schedules import schedules
with DagsterInstance.local_temp(".") as instance:
    for schedule in schedules:
        ticks = lambda: len(schedule.evaluate_tick(build_schedule_context(instance=instance)).run_requests)
        assert ticks() == 1, schedule
        run = instance.create_run_for_job(schedule.job, status=DagsterRunStatus.STARTED)
        assert ticks() == 0, schedule
        instance.delete_run(run.run_id)
        assert ticks() == 1, schedule
PYTHON
echo "ok  Dagster: $("$home/bin/dagster" --version)"
# cronie calls it -T, Debian's -n, and others only install.
usage=$(crontab --help 2>&1 || true)
case $usage in
    *"-T <file>"*) try=-T ;;
    *"dry run"*) try=-n ;;
    *) try= ;;
esac
if [ -n "$try" ]; then
    crontab "$try" crontab >said 2>&1 || { cat said >&2; exit 1; }
    echo "ok  crontab $try"
else
    echo "--  there is no crontab here that only reads"
fi
