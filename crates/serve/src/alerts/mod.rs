//! The project's alert rules: read from `alerting/`, asked of the store, remembered in it ([`alerts`] does the rest).
//!
//! ```text
//! alerting/*.yaml ─▶ Files ─▶ alerts::Engine ─▶ receivers
//!      ▲ two looks alike      │ ask ─▶ grafana::expand ─▶ Reader     memory ─▶ millrace.alert_state
//! ```
//!
//! Files that cannot be read are shown and change nothing: the rules of before go on. At a start there are none, and
//! what is remembered of them stays for when they can be read.

mod ask;
mod memory;

use crate::refusal::Refusal;
pub use alerts::Files;
use alerts::{Engine, Handle, Metrics, Secret, Smtp, SmtpTls, Surroundings, is_read};
use axum::http::StatusCode;
use model::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use store::{Reader, Store};
use tokio::task::JoinHandle;

const LOOK_INTERVAL: Duration = Duration::from_secs(3);
const FOLDER: &str = "alerting";

/// What rules are run with.
pub struct Options {
    /// The project: `alerting/` is in it.
    pub folder: PathBuf,
    pub reader: Arc<dyn Reader>,
    pub store: Arc<dyn Store>,
    /// The page's address for links in messages, with a slash at its end.
    pub external_url: String,
    pub mail: Option<Mail>,
    pub project: Project,
}

/// The rules as a project's files say, read before the process was confined to its files.
pub struct Project {
    pub files: Result<Files>,
    /// Of before they were read.
    stamp: Stamp,
}

impl Project {
    pub fn read(project: &Path) -> Project {
        let folder = project.join(FOLDER);
        let stamp = stamp(&folder);
        Project { files: Files::of_folder(&folder, &Surroundings::of_process()), stamp }
    }

    /// What is read of other places than the project's own folder.
    pub fn elsewhere(&self, project: &Path) -> BTreeSet<PathBuf> {
        let paths = || self.stamp.iter().map(|(path, ..)| path);
        let links = paths().filter(|path| path.is_symlink()).cloned();
        // From the texts: files that cannot be read now are read later.
        let texts = paths().filter_map(|path| std::fs::read_to_string(path).ok());
        let named: Vec<PathBuf> = texts.flat_map(|text| named_in(&text)).collect();
        links.chain(named).filter(|path| !is_in(project, path)).collect()
    }
}

/// What `$__file{}` names.
fn named_in(text: &str) -> Vec<PathBuf> {
    let after = text.split("$__file{").skip(1);
    after.filter_map(|rest| Some(PathBuf::from(rest.split_once('}')?.0))).collect()
}

fn is_in(project: &Path, path: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(path).zip(whole(project)).is_some_and(|(path, project)| path.starts_with(project))
}

/// The server that takes our mail.
#[derive(Clone, Debug)]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub from: String,
    pub user: Option<String>,
    pub password: Option<Password>,
}

/// A text that is never shown.
pub type Password = Secret;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailTls {
    None,
    StartTls,
    Whole,
}

impl Mail {
    fn smtp(self) -> Smtp {
        let tls = match self.tls {
            MailTls::None => SmtpTls::None,
            MailTls::StartTls => SmtpTls::StartTls,
            MailTls::Whole => SmtpTls::Whole,
        };
        let Mail { host, port, from, user, password, .. } = self;
        Smtp { host, port, tls, login: user.zip(password), from }
    }
}

#[derive(Clone)]
pub(crate) struct Alerts {
    engine: Arc<OnceLock<Handle>>,
    /// Why the files are not those that are in force, and what in them has no effect.
    told: Arc<Mutex<Told>>,
}

#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) error: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// Until it is stopped.
pub(crate) struct Running {
    task: JoinHandle<()>,
    alerts: Alerts,
}

impl Alerts {
    /// The engine, once the store has told it what was.
    pub(crate) fn engine(&self) -> Result<&Handle, Refusal> {
        self.engine.get().ok_or_else(|| {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the rules wait for the store")
        })
    }

    pub(crate) fn metrics(&self) -> Option<Metrics> {
        self.engine.get().map(Handle::metrics)
    }

    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, files: &Result<Files>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match files {
            Ok(files) => *told = Told { error: None, notes: files.notes.clone() },
            Err(error) => {
                let error = error.report();
                // Once: it is tried at each look.
                if told.error.as_ref() != Some(&error) {
                    tracing::warn!(%error, "alerting/ cannot be read: the rules of before go on");
                }
                told.error = Some(error);
            }
        }
    }
}

/// Begins as soon as the store answers.
pub(crate) fn start(options: Options) -> (Alerts, Running) {
    let alerts = Alerts { engine: Arc::default(), told: Arc::default() };
    let task = tokio::spawn(run(options, alerts.clone()));
    (alerts.clone(), Running { task, alerts })
}

impl Running {
    /// What is on its way is sent, and all is remembered.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
        if let Some(engine) = self.alerts.engine.get() {
            engine.stop().await;
        }
    }
}

async fn run(options: Options, alerts: Alerts) {
    let folder = options.folder.join(FOLDER);
    let ask = Arc::new(ask::OfStore::new(options.reader));
    let memory = Arc::new(memory::InStore::new(options.store));
    let of_engine = alerts::Options {
        external_url: options.external_url,
        smtp: options.mail.map(Mail::smtp),
        ..alerts::Options::default()
    };
    let mut looked = Looked::of(&options.project);
    alerts.tell(&options.project.files);
    let mut files = options.project.files.ok();
    let mut clock = tokio::time::interval(LOOK_INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let engine = loop {
        clock.tick().await;
        if let Some(read) = read_anew(&folder, &mut looked, &alerts).await {
            files = Some(read);
        }
        // Rules that are being written would be forgotten as gone.
        if !looked.is_settled() {
            continue;
        }
        let Some(files) = files.clone() else { continue };
        let started = Engine::start(files, ask.clone(), memory.clone(), of_engine.clone()).await;
        match started {
            Ok(engine) => break engine,
            Err(error) => tracing::debug!(error = %error.report(), "the rules wait for the store"),
        }
    };
    let engine = alerts.engine.get_or_init(|| engine);
    loop {
        clock.tick().await;
        if let Some(files) = read_anew(&folder, &mut looked, &alerts).await {
            engine.reload(files);
        }
    }
}

/// What the folder was like.
struct Looked {
    /// When it was read.
    read: Stamp,
    /// That failed, and is tried again: a secret that is named may come.
    failed: bool,
    /// At the last look. One that is being written is not believed: it is read when two looks are alike.
    last: Stamp,
}

impl Looked {
    fn of(project: &Project) -> Looked {
        let stamp = project.stamp.clone();
        Looked { read: stamp.clone(), failed: project.files.is_err(), last: stamp }
    }

    fn is_to_be_read(&mut self, now: Stamp) -> bool {
        let is_still = now == self.last;
        self.last = now;
        let is_read = is_still && (self.failed || self.read != self.last);
        if is_read {
            self.read.clone_from(&self.last);
        }
        is_read
    }

    fn is_settled(&self) -> bool {
        self.read == self.last
    }
}

/// If they have changed, and can be read.
async fn read_anew(folder: &Path, looked: &mut Looked, alerts: &Alerts) -> Option<Files> {
    if !looked.is_to_be_read(stamp(folder)) {
        return None;
    }
    let files = read(folder).await;
    looked.failed = files.is_err();
    alerts.tell(&files);
    files.ok()
}

async fn read(folder: &Path) -> Result<Files> {
    let folder = folder.to_owned();
    let read = move || Files::of_folder(&folder, &Surroundings::of_process());
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| model::Error::bug("alerting/ was not read").source(error))?
}

/// Which files there are, and of when.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

fn stamp(folder: &Path) -> Stamp {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_read(path));
    let mut all: Vec<_> = paths
        .map(|path| {
            let found = path.metadata().ok();
            let size = found.as_ref().map_or(0, |found| found.len());
            (path, found.and_then(|found| found.modified().ok()), size)
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_has_stopped_growing() {
        let of = |size| vec![(PathBuf::from("a.yaml"), None, size)];
        let mut looked = Looked { read: of(1), failed: false, last: of(1) };
        let mut reads = |size, is_good: bool| {
            let is_read = looked.is_to_be_read(of(size));
            if is_read {
                looked.failed = !is_good;
            }
            (is_read, looked.is_settled())
        };
        assert_eq!(reads(1, true), (false, true));
        assert_eq!(reads(0, true), (false, false));
        assert_eq!(reads(7, true), (false, false));
        assert_eq!(reads(7, true), (true, true));
        assert_eq!(reads(7, true), (false, true));
        // Written and written back.
        assert_eq!(reads(9, true), (false, false));
        assert_eq!(reads(7, true), (false, true));
        // What failed is tried again: a secret that is named may have come meanwhile.
        assert_eq!(reads(8, true), (false, false));
        assert_eq!(reads(8, false), (true, true));
        assert_eq!(reads(8, true), (true, true));
        assert_eq!(reads(8, true), (false, true));
    }

    #[test]
    fn what_is_read_elsewhere_is_known() {
        let (project, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let alerting = project.path().join("alerting");
        std::fs::create_dir(&alerting).unwrap();
        let secret = secrets.path().join("url");
        std::fs::write(&secret, "http://127.0.0.1/x").unwrap();
        let text = format!("templates: [{{name: a, template: '$__file{{{}}}'}}]", secret.display());
        std::fs::write(alerting.join("a.yaml"), text).unwrap();
        std::fs::write(secrets.path().join("b.yaml"), "").unwrap();
        std::os::unix::fs::symlink(secrets.path().join("b.yaml"), alerting.join("b.yaml")).unwrap();
        // One that cannot be read hides nothing of the others.
        std::fs::write(alerting.join("c.yaml"), "a: [").unwrap();
        let read = Project::read(project.path());
        assert!(read.files.is_err());
        assert_eq!(read.elsewhere(project.path()), [alerting.join("b.yaml"), secret].into());
    }
}
