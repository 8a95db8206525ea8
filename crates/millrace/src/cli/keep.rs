//! `millrace transform keep`, which `up` starts: dbt by the schedules, until standard input ends.
//!
//! ```text
//! due ─▶ may begin? ─▶ running ─▶ told to up
//!          │             └ failed: its failed nodes once more (dbt retry)
//!          └ not beside a run that builds the same nodes or what it reads, or that is by hand
//! ```
//!
//! A schedule has a folder in the data directory: dbt's `target/` and `logs/`, and when it began last.

mod state;

use self::state::{State, Work};
use super::runs::{INTERRUPTED, RUNNING};
use super::transform::{dbt_profile, keep_lineage, project};
use super::{Answer, runs};
use crate::assemble::block_on;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use ::transform::{Claim, Environment, Group, Project, Results, Schedule, TARGET};
use jiff::Timestamp;
use model::{Error, Fate, Result};
use serve::ops::Run;
use std::ffi::OsString;
use std::fs::File;
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
/// dbt does not begin in less.
const RETRY_LEAST: Duration = Duration::from_secs(20);
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
    let folder = config.schedules();
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

async fn keep(keeper: Arc<Keeper>, stopped: watch::Receiver<bool>) -> Result<()> {
    // A keeper of before may still be on its way out, and dbt of one that was killed.
    let alone = match keeper.is_alone(&stopped).await? {
        Some(alone) => alone,
        None => return Ok(()),
    };
    let born = Timestamp::now();
    let schedules = keeper.config.transform.schedules.iter();
    let mut all: Vec<Kept> =
        schedules.map(|schedule| Kept::open(schedule, &keeper.folder)).collect();
    let mut running = JoinSet::new();
    for (at, kept) in all.iter_mut().enumerate() {
        kept.tell_the_rest(at, &keeper, &stopped, &mut running);
    }
    let mut was_ready = false;
    while !pause(LOOK_EVERY, &stopped).await {
        while let Some(done) = running.try_join_next() {
            let at: usize = done.map_err(|panic| Error::bug("a run broke").source(panic))?;
            all[at].is_over();
        }
        // Of those that are held up by a run: who is due later does not begin another one in their way.
        let mut held_up: Vec<usize> = Vec::new();
        // Asked once: tables that are copied meanwhile do not let a later one go before an earlier one.
        let mut pipeline = None;
        for at in due(&all, born, Timestamp::now()) {
            if !may_begin(&all, at, &held_up) {
                held_up.push(at);
                continue;
            }
            let pipeline = match pipeline {
                Some(pipeline) => pipeline,
                None => *pipeline.insert(keeper.pipeline().await),
            };
            was_ready |= pipeline == Pipeline::Ready;
            if pipeline == Pipeline::Away || (all[at].schedule.after_copied && !was_ready) {
                continue;
            }
            let Some(claim) = keeper.project.claim_beside()? else { break };
            let kept = &mut all[at];
            kept.begins();
            let (schedule, folder) = (kept.schedule.clone(), kept.folder.clone());
            let (keeper, stopped) = (keeper.clone(), stopped.clone());
            running.spawn(async move {
                keeper.run(&schedule, &folder, claim, &stopped).await;
                at
            });
        }
    }
    while running.join_next().await.is_some() {}
    drop(alone);
    Ok(())
}

/// What may begin by its pace and its window, the longest overdue first.
fn due(all: &[Kept], born: Timestamp, now: Timestamp) -> Vec<usize> {
    let mut due: Vec<(Timestamp, usize)> = all
        .iter()
        .enumerate()
        .filter(|(_, kept)| !kept.is_running)
        .map(|(at, kept)| (kept.due(born, now), at))
        .filter(|(due, _)| *due <= now)
        .collect();
    due.sort();
    due.into_iter().map(|(_, at)| at).collect()
}

/// Whether there is anything new, and all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipeline {
    /// It does not answer, or does not read the source: paused, waiting for the slot.
    Away,
    Connected,
    /// Every table streams.
    Ready,
}

/// Whether it is time to end.
async fn pause(span: Duration, stopped: &watch::Receiver<bool>) -> bool {
    let mut stopped = stopped.clone();
    tokio::time::timeout(span, stopped.wait_for(|stopped| *stopped)).await.is_ok()
}

/// Where it is not known what one of them does, it may be the same.
fn may_begin(all: &[Kept], at: usize, held_up: &[usize]) -> bool {
    let is_apart = |other: &Kept| match (all[at].work(), other.work()) {
        (Some(own), Some(others)) => own.is_apart(others),
        _ => false,
    };
    let running = all.iter().filter(|other| other.is_running);
    running.chain(held_up.iter().map(|&other| &all[other])).all(is_apart)
}

impl Kept {
    fn open(schedule: &Schedule, all: &Path) -> Kept {
        let folder = all.join(schedule.plain_name());
        let state = State::read(&folder);
        Kept { schedule: schedule.clone(), folder, state, is_running: false }
    }

    /// Not by a clock that was ahead.
    fn due(&self, born: Timestamp, now: Timestamp) -> Timestamp {
        let last = self.state.started.and_then(|at| Timestamp::from_millisecond(at).ok());
        let last = last.filter(|last| *last <= now);
        self.schedule.due(last, born.min(now), now)
    }

    fn work(&self) -> Option<&Work> {
        self.state.work_of(&self.schedule.words())
    }

    fn begins(&mut self) {
        self.is_running = true;
        self.state.started = Some(Timestamp::now().as_millisecond());
    }

    /// What is on the disk may be older, where that is full.
    fn is_over(&mut self) {
        let state = State::read(&self.folder);
        let started = self.state.started.max(state.started);
        (self.is_running, self.state) = (false, State { started, ..state });
    }

    /// Of a run whose end a keeper of before did not see, or could not tell.
    fn tell_the_rest(
        &mut self,
        at: usize,
        keeper: &Arc<Keeper>,
        stopped: &watch::Receiver<bool>,
        running: &mut JoinSet<usize>,
    ) {
        let Some(mut run) = self.state.untold.clone() else { return };
        if run.status == RUNNING {
            run.status = INTERRUPTED.into();
            run.error = "the process that watched it was ended".into();
        }
        self.is_running = true;
        let (keeper, stopped, folder) = (keeper.clone(), stopped.clone(), self.folder.clone());
        running.spawn(async move {
            if keeper.tell(&run, &stopped).await {
                State { untold: None, ..State::read(&folder) }.write(&folder);
            }
            at
        });
    }
}

impl Keeper {
    /// Held for life. `None`: it is time to end.
    async fn is_alone(&self, stopped: &watch::Receiver<bool>) -> Result<Option<File>> {
        let path = self.folder.join("keeper.lock");
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot lock {}", path.display())).source(error)
        };
        std::fs::create_dir_all(&self.folder).map_err(cannot)?;
        let file = File::create(&path).map_err(cannot)?;
        while file.try_lock().is_err() || self.project.claim()?.is_none() {
            if pause(LOOK_EVERY, stopped).await {
                return Ok(None);
            }
        }
        Ok(Some(file))
    }

    async fn pipeline(&self) -> Pipeline {
        let data_dir = self.config.store.data_dir.clone();
        let asked = move || {
            let up = Running::need(&data_dir)?;
            let ready = up.get("/readyz").is_ok();
            Ok::<_, Error>((ready, up.get("/api/status")?))
        };
        let Ok(Ok((is_ready, status))) = tokio::task::spawn_blocking(asked).await else {
            return Pipeline::Away;
        };
        let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
        let source = &status["source"];
        match (source["connected"] == true && source["waiting_for"].is_null(), is_ready) {
            (false, _) => Pipeline::Away,
            (true, false) => Pipeline::Connected,
            (true, true) => Pipeline::Ready,
        }
    }

    /// The run, and the failed nodes of it once more, if there is time.
    async fn run(
        &self,
        schedule: &Schedule,
        folder: &Path,
        claim: Claim,
        stopped: &watch::Receiver<bool>,
    ) {
        let begins = Timestamp::now();
        let patience = Duration::try_from(schedule.patience(begins)).unwrap_or_default();
        let until = tokio::time::Instant::now() + patience;
        let is_worth_it = self.run_once(schedule, folder, None, claim, until, stopped).await;
        let is_time_left = tokio::time::Instant::now() + RETRY_AFTER + RETRY_LEAST < until;
        if !is_worth_it || !is_time_left || pause(RETRY_AFTER, stopped).await {
            return;
        }
        // Whoever has come by hand meanwhile has fresher models.
        if let Ok(Some(claim)) = self.project.claim_beside() {
            self.run_once(schedule, folder, Some(RETRY), claim, until, stopped).await;
        }
    }

    /// Whether some of its nodes failed.
    async fn run_once(
        &self,
        schedule: &Schedule,
        folder: &Path,
        verb: Option<&str>,
        claim: Claim,
        until: tokio::time::Instant,
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
        let before = Results::read(&folder.join(TARGET), None).ok().flatten();
        let (status, said) = self.dbt(folder, &words, claim, until, stopped).await;
        let results = Results::read(&folder.join(TARGET), before.as_ref());
        run.seconds = started.duration_until(Timestamp::now()).as_secs_f64();
        (run.status, run.error) = (status.to_owned(), said);
        let results = results.unwrap_or_else(|error| {
            run.error += &error.report();
            None
        });
        let failed = results.as_ref().map_or(0, Results::failed);
        run.nodes = runs::nodes(results.as_ref());
        if is_whole && let Err(error) = state.learn(words, status, results.as_ref(), folder) {
            run.error += &error.report();
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
        if status == "success" || status == "failed" {
            let config = self.config.clone();
            let kept = tokio::task::spawn_blocking(move || keep_lineage(&config)).await;
            kept.unwrap_or_else(|panic| tracing::error!(%panic, "the lineage is not kept"));
        }
        status == "failed" && failed > 0
    }

    /// What became of it, and what dbt said of what went wrong.
    async fn dbt(
        &self,
        folder: &Path,
        words: &[String],
        claim: Claim,
        until: tokio::time::Instant,
        stopped: &watch::Receiver<bool>,
    ) -> (&'static str, String) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let begun = || {
            let (dbt, profile) = (self.environment.dbt()?, dbt_profile(&self.config, &words)?);
            self.project.start(dbt, profile, &words, Some(claim), Some(folder))
        };
        let run = match begun() {
            Ok(run) => run,
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
            () = tokio::time::sleep_until(until) => "timeout",
            _ = stopping.wait_for(|stopped| *stopped) => INTERRUPTED,
        };
        let said = end(group, &mut ended).await.unwrap_or_default();
        (why, said)
    }

    /// For as long as it takes: nothing that ran is left out.
    async fn tell(&self, run: &Run, stopped: &watch::Receiver<bool>) -> bool {
        let json = serde_json::to_string(run).expect("texts and numbers");
        for attempt in 0.. {
            let (data_dir, json) = (self.config.store.data_dir.clone(), json.clone());
            let told = move || match Running::find(&data_dir) {
                Some(up) => up.post(runs::PATH, &json),
                None => Err(Error::transient("could not tell of a run: nobody is there")),
            };
            let error = match tokio::task::spawn_blocking(told).await {
                Ok(Ok(_)) => return true,
                Ok(Err(error)) if error.fate() != Fate::Transient => {
                    tracing::warn!(run = %run.id, error = %error.report(), "a run is not in millrace.runs");
                    return true;
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use ::transform::Pace;

    const BUILD: [&str; 3] = ["build", "--select", "tag:fast"];

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn kept(folder: &Path, select: &str) -> Kept {
        let schedule = Schedule {
            name: "fast".into(),
            command: vec!["build".into()],
            select: Some(select.into()),
            pace: Pace::Every(300),
            window: None,
            max_runtime: 3_600,
            after_copied: false,
            sla: None,
        };
        Kept::open(&schedule, folder)
    }

    /// As dbt writes them for these nodes: each builds a table, some read others.
    fn ran(folder: &Path, nodes: &str) -> Results {
        let target = folder.join(TARGET);
        std::fs::create_dir_all(&target).unwrap();
        let result = |id: &str| {
            format!(r#"{{"unique_id": "{id}", "status": "success", "execution_time": 0.1}}"#)
        };
        let results: Vec<String> = nodes.split_whitespace().map(result).collect();
        let results = results.join(", ");
        let results =
            format!(r#"{{"metadata": {{"invocation_id": "1"}}, "results": [{results}]}}"#);
        std::fs::write(target.join("run_results.json"), results).unwrap();
        let manifest = r#"{"nodes": {"mart": {"config": {"materialized": "table"},
            "depends_on": {"nodes": ["base", "source.t"]}},
            "base": {"config": {"materialized": "incremental"}, "depends_on": {"nodes": ["source.t"]}},
            "other": {"config": {"materialized": "table"}, "depends_on": {"nodes": ["source.t"]}}}}"#;
        std::fs::write(target.join("manifest.json"), manifest).unwrap();
        Results::read(&target, None).unwrap().unwrap()
    }

    /// One that is running, and one that is due.
    fn two(folder: &Path, running: &str, due: &str) -> Vec<Kept> {
        let of = |number: usize, nodes: &str| {
            let mut kept = kept(&folder.join(number.to_string()), "tag:fast");
            if !nodes.is_empty() {
                let results = ran(&kept.folder, nodes);
                kept.state.learn(words(&BUILD), "success", Some(&results), &kept.folder).unwrap();
            }
            kept
        };
        let mut all = vec![of(0, running), of(1, due)];
        all[0].is_running = true;
        all
    }

    #[test]
    fn who_waits_is_not_passed_for_ever_and_a_clock_that_was_ahead_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = |at: usize| folder.path().join(at.to_string());
        let mut all: Vec<Kept> = (0..3).map(|at| kept(&place(at), "tag:fast")).collect();
        for (at, nodes) in [(0, "mart"), (2, "other")] {
            let results = ran(&place(at), nodes);
            all[at].state.learn(words(&BUILD), "success", Some(&results), &place(at)).unwrap();
        }
        all[0].is_running = true;
        // Of the second one nothing is known: it runs alone, once the first one is over.
        assert!(!may_begin(&all, 1, &[]));
        assert!(may_begin(&all, 2, &[]) && !may_begin(&all, 2, &[1]));
        let born = Timestamp::from_second(1_000_000).unwrap();
        let now = Timestamp::from_second(1_000_100).unwrap();
        all[1].state.started = Some(2_000_000 * 1_000);
        assert_eq!(all[1].due(born, now), born);
        assert_eq!(all[1].due(Timestamp::from_second(2_000_000).unwrap(), now), now);
    }

    #[test]
    fn at_first_they_begin_in_the_order_in_which_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<Kept> =
            (0..5).map(|at| kept(&folder.path().join(at.to_string()), "tag:fast")).collect();
        for (at, kept) in all.iter_mut().enumerate() {
            kept.schedule.name = format!("schedule {at}");
        }
        let born = Timestamp::from_second(1_000_000).unwrap();
        let now = Timestamp::from_second(1_000_100).unwrap();
        assert_eq!(due(&all, born, now), [0, 1, 2, 3, 4]);
        // Who has waited for longer comes first, from then on.
        all[3].state.started = Some((1_000_000 - 300) * 1_000);
        all[1].state.started = Some((1_000_000 - 250) * 1_000);
        assert_eq!(due(&all, born, now), [0, 2, 3, 4, 1]);
    }

    #[test]
    fn two_run_together_if_neither_touches_what_the_other_builds() {
        let folder = tempfile::tempdir().unwrap();
        for (running, due, may) in [
            ("base", "other", true),
            ("mart", "other", true),
            // The same node; one that the other reads, either way.
            ("base other", "other", false),
            ("base", "mart", false),
            ("mart", "base", false),
            ("", "other", false),
            ("other", "", false),
        ] {
            let mut all = two(folder.path(), running, due);
            assert_eq!(may_begin(&all, 1, &[]), may, "{running:?} beside {due:?}");
            all[0].is_running = false;
            assert!(may_begin(&all, 1, &[]), "{due:?} alone");
        }
    }

    #[test]
    fn what_it_builds_is_told_by_a_run_of_the_same_words_that_ended_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let open = |select| kept(folder.path(), select);
        let mut kept = open("tag:fast");
        let builds = |kept: &Kept| {
            let work = serde_json::to_value(kept.work()).unwrap();
            work["builds"].as_array().map(|builds| builds.len())
        };
        for (status, nodes, known) in [
            ("timeout", "base", None),
            ("success", "base other", Some(2)),
            // dbt writes what it had finished.
            ("timeout", "base", Some(2)),
            ("interrupted", "base", Some(2)),
            ("error", "base", Some(2)),
            ("failed", "base other mart", Some(3)),
            ("success", "", Some(3)),
        ] {
            let results = ran(&kept.folder, nodes);
            kept.state.learn(words(&BUILD), status, Some(&results), &kept.folder).unwrap();
            assert_eq!(builds(&kept), known, "{status} {nodes}");
        }
        kept.state.write(&kept.folder);
        assert_eq!(builds(&open("tag:fast")), Some(3));
        assert_eq!(builds(&open("tag:slow")), None);
        // What it reads is not known: it may be anything.
        let results = ran(&kept.folder, "base");
        std::fs::remove_file(kept.folder.join(TARGET).join("manifest.json")).unwrap();
        kept.state.learn(words(&BUILD), "success", Some(&results), &kept.folder).unwrap();
        assert_eq!(builds(&kept), None);
    }
}
