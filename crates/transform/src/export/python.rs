//! For Airflow (2.4 and later) and Dagster: modules of Python.

use super::{KILLED_AFTER, Place, fields, identifier, not_kept, text};
use crate::schedule::Schedule;
use model::Result;

/// A DAG a schedule: a run at a time, none for what was missed, and one that fails once more.
pub fn airflow(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut out = format!(
        "# Written by `millrace schedule export --airflow`, for the folder of DAGs.\n\
         # Schedules run one after the other; who waits spends max_runtime.\n\
         # Not kept of any: it runs while the pipeline does not read Postgres, too; what failed is tried once more, but whole and\n\
         # not its failed nodes alone.\n\
         from datetime import timedelta\n\n\
         import pendulum\n\
         from airflow import DAG\n\n\
         try:  # Airflow 3\n    from airflow.providers.standard.operators.bash import BashOperator\n\
         except ImportError:\n    from airflow.operators.bash import BashOperator\n\n\
         START = pendulum.datetime(2026, 1, 1, tz={})\n",
        text(&place.zone)
    );
    for schedule in schedules {
        let name = identifier(schedule);
        let command = place.command(schedule);
        out += &format!(
            "\n{}with DAG(\n    {},\n    description={},\n    schedule={},\n    start_date=START,\n    catchup=False,\n    \
             max_active_runs=1,\n) as {name}:\n    BashOperator(\n        task_id=\"dbt\",\n        \
             # The space keeps Airflow from taking the end of it for the name of a file.\n        \
             bash_command={},\n        execution_timeout=timedelta(seconds={}),\n        retries=1,\n    )\n",
            not_kept(schedule, ""),
            text(&name),
            text(&schedule.name),
            text(&fields(schedule)?),
            // Airflow's templates would read braces.
            text(&format!("{{% raw %}}{command}{{% endraw %}} ")),
            // What has ended it by then goes first.
            schedule.max_runtime + 2 * i64::from(KILLED_AFTER),
        );
    }
    Ok(out)
}

/// A job and its schedule each. Dagster's own limits of how many run at once stand in its instance's configuration, which
/// is no part of a module: so the schedule looks.
pub fn dagster(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut out = format!(
        "{DAGSTER}ZONE = {}\nKILLED_AFTER = {KILLED_AFTER}  # seconds, once it was told to stop\n\nschedules = [\n",
        text(&place.zone)
    );
    for schedule in schedules {
        let words: Vec<String> = place.words(schedule).iter().map(|word| text(word)).collect();
        out += &format!(
            "{}    dbt({}, [{}], {}, {}),\n",
            not_kept(schedule, "    "),
            text(&identifier(schedule)),
            words.join(", "),
            schedule.max_runtime,
            text(&fields(schedule)?),
        );
    }
    Ok(out + "]\n\ndefs = Definitions(schedules=schedules)\n")
}

const DAGSTER: &str = "\
# Written by `millrace schedule export --dagster`: dagster dev -f dbt_schedules.py
# Schedules run one after the other; who waits spends max_runtime.
# Not kept of any: it runs while the pipeline does not read Postgres, too; what failed is not tried again, so neither are
# its failed nodes alone.
import signal
import subprocess
from datetime import datetime, timedelta, timezone

from dagster import (
    DagsterRunStatus,
    DefaultScheduleStatus,
    Definitions,
    Failure,
    RunsFilter,
    ScheduleDefinition,
    job,
    op,
)

IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def dbt(name, words, seconds, cron):
    @op(name=name + \"_run\")
    def run():
        with subprocess.Popen(words) as child:
            try:
                child.wait(seconds)
            except BaseException:  # Its time is over, or somebody ends the run.
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(KILLED_AFTER)
                finally:
                    child.kill()
                raise
        if child.returncode != 0:
            raise Failure(f\"dbt ended with {child.returncode}\")

    @job(name=name, tags={\"dagster/max_runtime\": seconds + 2 * KILLED_AFTER})
    def whole():
        run()

    def is_alone(context):
        # A run whose process is gone may be in progress for ever: what should have ended a minute ago does not count.
        since = datetime.now(timezone.utc) - timedelta(seconds=seconds + KILLED_AFTER + 60)
        others = RunsFilter(job_name=name, statuses=IN_PROGRESS, updated_after=since)
        return context.instance.get_runs_count(others) == 0

    return ScheduleDefinition(
        job=whole,
        cron_schedule=cron,
        execution_timezone=ZONE,
        should_execute=is_alone,
        default_status=DefaultScheduleStatus.RUNNING,
    )


";
