//! `millrace transform keep`, which `up` starts: dbt by the schedules, until standard input ends.
//!
//! ```text
//! due ─▶ may begin? ─▶ running ─▶ told to up
//!          │             └ failed: its failed nodes once more (dbt retry)
//!          └ not beside a run that builds the same nodes, or that is by hand
//! ```
//!
//! A schedule has a folder in the data directory: dbt's `target/` and `logs/`, and when it began last.

use super::runs::RUNNING;
use super::transform::{dbt_profile, project};
use super::{Answer, runs};
use crate::assemble::block_on;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use ::transform::{Environment, Group, Project, Results, Schedule, TARGET};
use jiff::Timestamp;
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use serve::ops::Run;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// dbt that is told to stop, before it is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// A store or a network that failed may be back by then.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// dbt's verb for the nodes that failed or were skipped.
const RETRY: &str = "retry";
const TELL_AGAIN: Duration = Duration::from_secs(5);

pub(super) fn run(environment: Environment, config: &Config) -> Result<Answer> {
    talk::start_logs(tracing::Level::INFO)?;
    let keeper = Arc::new(Keeper {
        project: project(config)?,
        environment,
        config: config.clone(),
        folder: folder(config)?,
    });
    block_on(async move {
        let (stop, stopped) = watch::channel(false);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.send_replace(true);
        });
        keep(keeper, stopped).await
    })?;
    Ok(Answer::Yes)
}

/// dbt takes a relative one for one of the project's.
fn folder(config: &Config) -> Result<PathBuf> {
    let folder = config.store.data_dir.join("transform");
    std::path::absolute(&folder)
        .map_err(|error| Error::definite(format!("cannot find {}", folder.display())).source(error))
}

struct Keeper {
    project: Project,
    environment: Environment,
    config: Config,
    folder: PathBuf,
}

/// A schedule, and what is known of it.
struct Kept {
    schedule: Schedule,
    folder: PathBuf,
    state: State,
    is_running: bool,
}

/// On disk.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// When the last run began, in milliseconds since 1970.
    started: Option<i64>,
    /// What it builds, as of the last run that was whole.
    nodes: Option<BTreeSet<String>>,
    /// What `up` has not heard of the last run.
    untold: Option<Run>,
}

async fn keep(keeper: Arc<Keeper>, stopped: watch::Receiver<bool>) -> Result<()> {
    let born = Timestamp::now();
    let schedules = keeper.config.transform.schedules.iter();
    let mut all: Vec<Kept> =
        schedules.map(|schedule| Kept::open(schedule, &keeper.folder)).collect();
    // dbt of a keeper that was killed may be on its way out.
    while keeper.project.claim()?.is_none() {
        if pause(LOOK_EVERY, &stopped).await {
            return Ok(());
        }
    }
    for kept in &mut all {
        kept.tell_the_rest(&keeper, &stopped).await;
    }
    let mut running = JoinSet::new();
    while !pause(LOOK_EVERY, &stopped).await {
        while let Some(done) = running.try_join_next() {
            let at: usize = done.map_err(|panic| Error::bug("a run broke").source(panic))?;
            all[at].is_running = false;
            all[at].state = State::read(&all[at].folder);
        }
        for at in 0..all.len() {
            if all[at].is_due(born) && may_begin(&all, at) && keeper.may_begin(&all[at]).await {
                let kept = &mut all[at];
                kept.is_running = true;
                let (schedule, folder) = (kept.schedule.clone(), kept.folder.clone());
                let (keeper, stopped) = (keeper.clone(), stopped.clone());
                running.spawn(async move {
                    keeper.run(&schedule, &folder, &stopped).await;
                    at
                });
            }
        }
    }
    while running.join_next().await.is_some() {}
    Ok(())
}

/// Whether it is time to end.
async fn pause(span: Duration, stopped: &watch::Receiver<bool>) -> bool {
    let mut stopped = stopped.clone();
    tokio::time::timeout(span, stopped.wait_for(|stopped| *stopped)).await.is_ok()
}

/// Two that build the same would take each other's tables away.
fn may_begin(all: &[Kept], at: usize) -> bool {
    let is_apart = |other: &Kept| match (&all[at].state.nodes, &other.state.nodes) {
        (Some(own), Some(others)) => own.is_disjoint(others),
        _ => false,
    };
    all.iter().filter(|other| other.is_running).all(is_apart)
}

impl Kept {
    fn open(schedule: &Schedule, all: &Path) -> Kept {
        let folder = all.join(schedule.plain_name());
        let state = State::read(&folder);
        Kept { schedule: schedule.clone(), folder, state, is_running: false }
    }

    fn is_due(&self, born: Timestamp) -> bool {
        let last = self.state.started.and_then(|at| Timestamp::from_millisecond(at).ok());
        !self.is_running && self.schedule.due(last, born) <= Timestamp::now()
    }

    /// Of a run whose end a keeper of before did not see, or could not tell.
    async fn tell_the_rest(&mut self, keeper: &Keeper, stopped: &watch::Receiver<bool>) {
        let Some(mut run) = self.state.untold.take() else { return };
        if run.status == RUNNING {
            run.status = "interrupted".into();
            run.error = "the process that watched it was ended".into();
        }
        if keeper.tell(&run, stopped).await {
            self.state.write(&self.folder);
        }
    }
}

impl State {
    const FILE: &str = "last.json";

    /// What does not read is as if it had never run.
    fn read(folder: &Path) -> State {
        let text = std::fs::read(folder.join(State::FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Whole, or not at all.
    fn write(&self, folder: &Path) {
        let fresh = folder.join("last.new");
        let written = serde_json::to_vec(self).map_err(std::io::Error::other).and_then(|text| {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&fresh, text)?;
            std::fs::rename(&fresh, folder.join(State::FILE))
        });
        if let Err(error) = written {
            tracing::warn!(folder = %folder.display(), %error, "cannot keep when a schedule ran");
        }
    }
}

impl Keeper {
    async fn may_begin(&self, kept: &Kept) -> bool {
        if !kept.schedule.after_copied {
            return true;
        }
        let data_dir = self.config.store.data_dir.clone();
        let ready = move || Running::need(&data_dir).and_then(|up| up.get("/readyz")).is_ok();
        tokio::task::spawn_blocking(ready).await.unwrap_or(false)
    }

    /// The run, and the failed nodes of it once more.
    async fn run(&self, schedule: &Schedule, folder: &Path, stopped: &watch::Receiver<bool>) {
        let begins = Timestamp::now();
        let is_worth_it = self.run_once(schedule, folder, None, begins, stopped).await;
        if is_worth_it && !pause(RETRY_AFTER, stopped).await {
            self.run_once(schedule, folder, Some(RETRY), begins, stopped).await;
        }
    }

    /// Whether some of its nodes failed.
    async fn run_once(
        &self,
        schedule: &Schedule,
        folder: &Path,
        verb: Option<&str>,
        begins: Timestamp,
        stopped: &watch::Receiver<bool>,
    ) -> bool {
        let started = Timestamp::now();
        let words = verb.map_or_else(|| schedule.words(), |verb| vec![verb.to_owned()]);
        let is_whole = verb.is_none();
        let (at, command) = (started.as_millisecond(), words.join(" "));
        let id = format!("{}-{at}", schedule.plain_name());
        let mut run = begun(schedule, id, command.clone(), at);
        let mut state =
            State { started: Some(at), untold: Some(run.clone()), ..State::read(folder) };
        state.write(folder);
        self.tell(&run, stopped).await;
        let patience = schedule.patience(begins) - begins.duration_until(started);
        let patience = Duration::try_from(patience).unwrap_or_default();
        let before = Results::read(&folder.join(TARGET), None).ok().flatten();
        let (status, said) = self.dbt(folder, &words, patience, stopped).await;
        let results = Results::read(&folder.join(TARGET), before.as_ref());
        run.seconds = started.duration_until(Timestamp::now()).as_secs_f64();
        (run.status, run.error) = (status.to_owned(), said);
        let results = results.unwrap_or_else(|error| {
            run.error += &error.report();
            None
        });
        let failed = results.as_ref().map_or(0, Results::failed);
        run.nodes = runs::nodes(results.as_ref());
        if is_whole && !run.nodes.is_empty() {
            state.nodes = Some(run.nodes.iter().map(|node| node.node.clone()).collect());
        }
        state.untold = Some(run.clone());
        state.write(folder);
        let (seconds, count) = (run.seconds, run.nodes.len());
        match status {
            "success" => {
                tracing::info!(schedule = %schedule.name, %command, seconds, nodes = count, "dbt has run");
            }
            _ => {
                tracing::warn!(schedule = %schedule.name, %command, status, seconds, failed, error = %run.error, "dbt did not run well");
            }
        }
        if self.tell(&run, stopped).await {
            state.untold = None;
            state.write(folder);
        }
        status == "failed" && failed > 0
    }

    /// What became of it, and what dbt said of what went wrong.
    async fn dbt(
        &self,
        folder: &Path,
        words: &[String],
        patience: Duration,
        stopped: &watch::Receiver<bool>,
    ) -> (&'static str, String) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let begun = async {
            let claim = loop {
                if let Some(claim) = self.project.claim_beside()? {
                    break claim;
                }
                if pause(LOOK_EVERY, stopped).await {
                    return Ok(None);
                }
            };
            let (dbt, profile) = (self.environment.dbt()?, dbt_profile(&self.config, &words)?);
            self.project.start(dbt, profile, &words, Some(claim), Some(folder)).map(Some)
        };
        let run = match begun.await {
            Ok(Some(run)) => run,
            Ok(None) => return ("interrupted", String::new()),
            Err(error) => return ("error", error.report()),
        };
        let group = run.group();
        let mut ended = tokio::task::spawn_blocking(move || {
            let mut said = Vec::new();
            let status = run.wait(|event| said.extend(runs::complaint(&event)));
            status.map(|status| (status, said.join("\n")))
        });
        let mut stopping = stopped.clone();
        let why = tokio::select! {
            ended = &mut ended => return outcome(ended),
            () = tokio::time::sleep(patience) => "timeout",
            _ = stopping.wait_for(|stopped| *stopped) => "interrupted",
        };
        let said = end(group, &mut ended).await.unwrap_or_default();
        (why, said)
    }

    /// For as long as it takes: nothing that ran is left out.
    async fn tell(&self, run: &Run, stopped: &watch::Receiver<bool>) -> bool {
        let json = serde_json::to_string(run).expect("texts and numbers");
        for attempt in 0.. {
            let (data_dir, json) = (self.config.store.data_dir.clone(), json.clone());
            let told = move || Running::need(&data_dir).and_then(|up| up.post(runs::PATH, &json));
            let error = match tokio::task::spawn_blocking(told).await {
                Ok(Ok(_)) => return true,
                Ok(Err(error)) => error.report(),
                Err(panic) => panic.to_string(),
            };
            if attempt == 0 {
                tracing::debug!(%error, "could not tell of a run; trying again");
            }
            if pause(TELL_AGAIN, stopped).await {
                return false;
            }
        }
        false
    }
}

type Ended = Result<(ExitStatus, String)>;

/// In order, or at once. dbt is gone then, and all that it has started.
async fn end(group: Group, ended: &mut tokio::task::JoinHandle<Ended>) -> Option<String> {
    group.interrupt();
    let said = match tokio::time::timeout(STOPS_WITHIN, &mut *ended).await {
        Ok(ended) => ended,
        Err(_) => {
            group.kill();
            ended.await
        }
    };
    // What it has started may have outlived it.
    group.kill();
    said.ok()?.ok().map(|(_, said)| said)
}

fn begun(schedule: &Schedule, id: String, command: String, started: i64) -> Run {
    let sla_seconds = schedule.sla.map(|seconds| seconds as f64);
    Run { schedule: schedule.name.clone(), sla_seconds, ..runs::begun(id, command, started) }
}

fn outcome(ended: Result<Ended, tokio::task::JoinError>) -> (&'static str, String) {
    match ended {
        Ok(Ok((status, said))) => runs::outcome(status, said),
        Ok(Err(error)) => ("error", error.report()),
        Err(panic) => ("error", panic.to_string()),
    }
}
