//! `millrace schedule export`: the schedules as files of others.

use super::Answer;
use crate::config::Config;
use crate::talk;
use ::transform::export::{self, Place};
use clap::Subcommand;
use model::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Print the schedules of millrace.toml for another scheduler
    Export(Export),
}

#[derive(clap::Args)]
#[group(id = "to", required = true, multiple = false)]
pub(crate) struct Export {
    /// A workflow: the stock dbt on GitHub's machines, with a store that they can reach
    #[arg(long, group = "to")]
    github_actions: bool,

    /// A module with a DAG a schedule, on this machine
    #[arg(long, group = "to")]
    airflow: bool,

    /// A module with a job a schedule, on this machine
    #[arg(long, group = "to")]
    dagster: bool,

    /// Lines for crontab -e, on this machine
    #[arg(long, group = "to")]
    cron: bool,
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    let Verb::Export(to) = verb;
    let (transform, place) = (&config.transform, place(config)?);
    let schedules = &transform.schedules;
    if schedules.is_empty() {
        return Err(Error::definite("cannot export schedules: there are none")
            .hint("[[transform.schedule]] in millrace.toml: docs/transform.md"));
    }
    export::check_names(schedules)?;
    let text = match (to.github_actions, to.airflow, to.dagster) {
        (true, ..) => {
            let project = in_repository(&transform.project, &config.file);
            export::github_actions(schedules, &place, &project, &transform.schema)
        }
        (_, true, _) => export::airflow(schedules, &place),
        (_, _, true) => export::dagster(schedules, &place),
        _ => export::crontab(schedules, &place),
    };
    talk::print(&text?)?;
    Ok(Answer::Yes)
}

fn place(config: &Config) -> Result<Place> {
    let cannot = |error| Error::definite("cannot say where this project is").source(error);
    let absolute = |path: &Path| std::path::absolute(path).map_err(cannot);
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    Ok(Place {
        millrace: text(std::env::current_exe().map_err(cannot)?),
        config: text(absolute(&config.file)?),
        data_dir: text(absolute(&config.store.data_dir)?),
        zone: config.transform.zone.clone(),
    })
}

/// millrace.toml is at the root of it, as far as anybody here knows.
fn in_repository(project: &Path, config: &Path) -> String {
    let folder = config.parent().unwrap_or(Path::new(""));
    let project = project.strip_prefix(folder).unwrap_or(project);
    project.components().collect::<PathBuf>().display().to_string()
}
