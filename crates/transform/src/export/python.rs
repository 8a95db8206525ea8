//! For Airflow (2.4 and later) and Dagster: modules of Python.

use super::{Place, fields, identifier, text};
use crate::schedule::Schedule;
use model::Result;

/// A DAG a schedule: a run at a time, none for what was missed, and one that fails once more.
pub fn airflow(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut out = format!(
        "# Written by `millrace schedule export --airflow`, for the folder of DAGs.\n\
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
            "\nwith DAG(\n    {},\n    description={},\n    schedule={},\n    start_date=START,\n    catchup=False,\n    \
             max_active_runs=1,\n) as {name}:\n    BashOperator(\n        task_id=\"dbt\",\n        \
             # The space keeps Airflow from taking the end of it for the name of a file.\n        \
             bash_command={},\n        execution_timeout=timedelta(seconds={}),\n        retries=1,\n    )\n",
            text(&name),
            text(&schedule.name),
            text(&fields(schedule)?),
            // Airflow's templates would read braces.
            text(&format!("{{% raw %}}{command}{{% endraw %}} ")),
            schedule.max_runtime,
        );
    }
    Ok(out)
}

/// A job and its schedule each.
pub fn dagster(schedules: &[Schedule], place: &Place) -> Result<String> {
    let mut out = "# Written by `millrace schedule export --dagster`: dagster dev -f dbt_schedules.py\n\
         import subprocess\n\n\
         from dagster import DefaultScheduleStatus, Definitions, Failure, ScheduleDefinition, job, op\n\n\n\
         def dbt(name, words, seconds):\n    \
         @op(name=name + \"_run\")\n    def run():\n        \
         done = subprocess.run(words, timeout=seconds, check=False)\n        \
         if done.returncode != 0:\n            \
         raise Failure(f\"dbt ended with {done.returncode}\")\n\n    \
         @job(name=name, tags={\"dagster/max_runtime\": seconds})\n    def whole():\n        run()\n\n    return whole\n\n\n\
         schedules = [\n"
        .to_owned();
    for schedule in schedules {
        let words: Vec<String> = place.words(schedule).iter().map(|word| text(word)).collect();
        out += &format!(
            "    ScheduleDefinition(\n        job=dbt({}, [{}], {}),\n        cron_schedule={},\n        \
             execution_timezone={},\n        default_status=DefaultScheduleStatus.RUNNING,\n    ),\n",
            text(&identifier(schedule)),
            words.join(", "),
            schedule.max_runtime,
            text(&fields(schedule)?),
            text(&place.zone),
        );
    }
    Ok(out + "]\n\ndefs = Definitions(schedules=schedules)\n")
}
