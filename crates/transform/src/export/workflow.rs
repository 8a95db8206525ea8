//! For GitHub Actions: a workflow with a job a schedule, run by the stock dbt on a machine of GitHub's.

use super::{Place, fields, identifier, not_kept, quoted, text};
use crate::environment::REQUIREMENTS;
use crate::schedule::Schedule;
use model::{Error, Result};

/// `project`: the folder of the dbt project in the repository.
pub fn github_actions(
    schedules: &[Schedule],
    place: &Place,
    project: &str,
    schema: &str,
) -> Result<String> {
    if place.zone != "UTC" {
        return Err(Error::definite("cannot export schedules to GitHub Actions")
            .detail(format!("They run by UTC there, and transform.zone is {}.", place.zone))
            .hint("say cron and window in UTC, and remove transform.zone"));
    }
    let mut lines = Vec::new();
    let mut jobs = String::new();
    for schedule in schedules {
        let fields = fields(schedule)?;
        if fields.starts_with("* ") || fields.starts_with("*/2 ") {
            return Err(Error::definite(format!("cannot export the schedule {}", schedule.name))
                .detail("GitHub runs nothing more often than every five minutes."));
        }
        if asks_freshness(schedule) {
            return Err(Error::definite(format!("cannot export the schedule {}", schedule.name))
                .detail(
                    "Up to when the mirrors are whole is known beside the pipeline alone (MILLRACE_FRESH_AT), \
                     which GitHub's machines are not.",
                )
                .hint(
                    "leave it to millrace up, or to --cron, --airflow or --dagster; export the others from a copy of \
                     millrace.toml without it: millrace --config FILE schedule export --github-actions",
                ));
        }
        jobs += &job(schedule, &fields, project);
        lines.push(fields);
    }
    lines.sort();
    lines.dedup();
    let crons: String = lines.iter().map(|line| format!("    - cron: {}\n", text(line))).collect();
    let requirements: Vec<&str> = REQUIREMENTS.split_whitespace().collect();
    Ok(format!(
        "# Written by `millrace schedule export --github-actions`, for .github/workflows/dbt.yml.\n\
         # Not kept of any: what was missed is not made up for; it runs while the pipeline does not read Postgres, too; what\n\
         # failed is not tried again, so neither are its failed nodes alone; millrace.runs does not hear of it.\n\
         # Variables of the repository: CLICKHOUSE_HOST, CLICKHOUSE_PORT. Secrets: CLICKHOUSE_USER, CLICKHOUSE_PASSWORD.\n\
         name: dbt\n\non:\n  schedule:\n{crons}  workflow_dispatch:\n\npermissions:\n  contents: read\n\n\
         env:\n  DBT_SEND_ANONYMOUS_USAGE_STATS: \"false\"\n  CLICKHOUSE_HOST: ${{{{ vars.CLICKHOUSE_HOST }}}}\n  \
         CLICKHOUSE_PORT: ${{{{ vars.CLICKHOUSE_PORT || '8443' }}}}\n  CLICKHOUSE_USER: ${{{{ secrets.CLICKHOUSE_USER }}}}\n  \
         DBT_ENV_SECRET_CLICKHOUSE_PASSWORD: ${{{{ secrets.CLICKHOUSE_PASSWORD }}}}\n  REQUIREMENTS: {}\n  PROFILE: |\n{}\n\
         jobs:\n{jobs}",
        text(&requirements.join(" ")),
        profile(schema),
    ))
}

fn asks_freshness(schedule: &Schedule) -> bool {
    let mut pairs = schedule.command.windows(2);
    pairs.any(|pair| pair[0] == "source" && pair[1].ends_with("freshness"))
}

fn job(schedule: &Schedule, fields: &str, project: &str) -> String {
    let words: Vec<String> = schedule.words().iter().map(|word| quoted(word)).collect();
    let run = format!(
        "dbt {} --profiles-dir \"$RUNNER_TEMP\" --profile millrace --target millrace",
        words.join(" ")
    );
    let name = identifier(schedule);
    let minutes = (schedule.max_runtime + 59) / 60;
    let setup =
        "printf '%s' \"$PROFILE\" > \"$RUNNER_TEMP/profiles.yml\" && pip install $REQUIREMENTS";
    format!(
        "{}  {name}:\n    name: {}\n    if: github.event_name == 'workflow_dispatch' || github.event.schedule == '{fields}'\n    \
         runs-on: ubuntu-latest\n    timeout-minutes: {minutes}\n    concurrency: {name}\n    defaults:\n      run:\n        \
         working-directory: {}\n    steps:\n      - uses: actions/checkout@v4\n      - uses: actions/setup-python@v5\n        with:\n          \
         python-version: \"3.12\"\n      - run: {}\n      - run: {}\n",
        not_kept(schedule, "  "),
        text(&schedule.name),
        text(project),
        text(setup),
        text(&run),
    )
}

fn profile(schema: &str) -> String {
    let lines = [
        "millrace:",
        "  target: millrace",
        "  outputs:",
        "    millrace:",
        "      type: clickhouse",
        "      driver: http",
        "      host: \"{{ env_var('CLICKHOUSE_HOST') }}\"",
        "      port: \"{{ env_var('CLICKHOUSE_PORT') | as_number }}\"",
        "      user: \"{{ env_var('CLICKHOUSE_USER') }}\"",
        "      password: \"{{ env_var('DBT_ENV_SECRET_CLICKHOUSE_PASSWORD') }}\"",
        &format!("      schema: {}", text(schema)),
        "      secure: true",
    ];
    lines.map(|line| format!("    {line}\n")).concat()
}
