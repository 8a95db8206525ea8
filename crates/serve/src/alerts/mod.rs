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
use alerts::{Engine, Handle, Metrics, Secret, Smtp, SmtpTls, Surroundings};
use axum::http::StatusCode;
use model::Result;
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
    /// As they were read before the process was confined to its files ([`of_folder`]).
    pub files: Result<Files>,
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
                tracing::warn!(error = %error.report(), "alerting/ cannot be read: the rules of before go on");
                told.error = Some(error.report());
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
    let mut looked = Looked::at(&folder);
    alerts.tell(&options.files);
    let mut files = options.files.ok();
    let mut clock = tokio::time::interval(LOOK_INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let engine = loop {
        clock.tick().await;
        if let Some(read) = read_anew(&folder, &mut looked, &alerts).await {
            files = Some(read);
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
    /// At the last look. One that is being written is not believed: it is read when two looks are alike.
    last: Stamp,
}

impl Looked {
    fn at(folder: &Path) -> Looked {
        let now = stamp(folder);
        Looked { read: now.clone(), last: now }
    }

    fn is_to_be_read(&mut self, now: Stamp) -> bool {
        let is_still = now == self.last;
        let is_new = now != self.read;
        if is_still && is_new {
            self.read.clone_from(&now);
        }
        self.last = now;
        is_still && is_new
    }
}

/// If they have changed, and can be read.
async fn read_anew(folder: &Path, looked: &mut Looked, alerts: &Alerts) -> Option<Files> {
    if !looked.is_to_be_read(stamp(folder)) {
        return None;
    }
    let files = read(folder).await;
    alerts.tell(&files);
    files.ok()
}

async fn read(folder: &Path) -> Result<Files> {
    let folder = folder.to_owned();
    let read = move || Files::of_folder(&folder, &Surroundings::of_process());
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| model::Error::bug("alerting/ was not read").source(error))?
}

/// The rules as a project's files say.
pub fn of_folder(project: &Path) -> Result<Files> {
    Files::of_folder(&project.join(FOLDER), &Surroundings::of_process())
}

/// Which files there are, and of when.
type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

fn stamp(folder: &Path) -> Stamp {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
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
        let mut looked = Looked { read: of(1), last: of(1) };
        let mut reads = |size| looked.is_to_be_read(of(size));
        assert!(!reads(1));
        assert!(!reads(0) && !reads(7));
        assert!(reads(7) && !reads(7));
        // Written and written back.
        assert!(!reads(9) && !reads(7) && !reads(7));
    }
}
