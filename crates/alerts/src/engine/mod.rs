//! Where rules live: they are evaluated on time, their state is kept, and what is news is sent.
//!
//! ```text
//! tick ─▶ due rules ─▶ Ask (tasks) ─▶ step ─▶ Memory ─▶ Dispatcher ─▶ Office (tasks) ─▶ Memory
//! ```
//!
//! Each group is evaluated at the multiples of its interval; all its rules see that moment as now. An evaluation takes
//! 30 s at most and is tried three times. One that did not happen, because the one before it ran still or nobody was there,
//! is counted as missed.
//!
//! # Nothing is sent twice after a restart
//! State is saved before anything is sent of it, and what a receiver was told is one row a group and receiver. That row is
//! written around each request: before it ("on the wire"), after a try that failed ("not on the wire") and after the
//! one that was taken. So after `kill -9` the requests that were on the wire are in doubt, and no other:
//! - a webhook gets it again under the same `Idempotency-Key`, PagerDuty under the same `dedup_key`: they tell a repeat;
//! - for the others it counts as sent, and is counted in `in_doubt`. Should it have been lost, a group that still fires is
//!   told again after its `repeat_interval`, and its end is told in any case.
//!
//! When memory does not answer, alerts are sent all the same: those that nobody hears of are worse than those heard twice.

mod core;
mod evaluating;
mod handle;
mod sending;
mod shown;
mod turning;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Result;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::expr::Answer;
use crate::file::Files;
use crate::send::{Http, Office, Smtp};
use core::Core;
pub use handle::{Handle, Tested};
pub use shown::{
    GroupShown, InstanceShown, Metrics, PointShown, RuleShown, SilenceShown, Snapshot,
};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keys and texts; None is a row that is gone.
pub type Rows = Vec<(String, Option<String>)>;

/// One SQL query of a rule. Macros (`$__timeFilter`, …) are expanded by who answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub sql: String,
    /// Unix milliseconds.
    pub from: i64,
    pub to: i64,
    pub interval_ms: i64,
    pub max_points: i64,
    /// The uid in the file; there may be one data source only.
    pub datasource: String,
}

/// Answers queries.
///
/// Errors are shown to people and sent to receivers: they hold no row values. Transient ones are tried again.
pub trait Ask: Send + Sync + 'static {
    fn ask<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Answer>>;
}

/// Keeps rows of text over restarts.
///
/// A `save` has happened when it returns, as a whole or not at all; a row of None is gone. `kind` is one of a few words.
pub trait Memory: Send + Sync + 'static {
    fn load<'a>(&'a self, kind: &'static str) -> BoxFuture<'a, Result<Vec<(String, String)>>>;
    fn save<'a>(&'a self, kind: &'static str, rows: Rows) -> BoxFuture<'a, Result<()>>;
    /// Lines of the history, the oldest first: unix milliseconds and JSON.
    fn append<'a>(&'a self, lines: Vec<(i64, String)>) -> BoxFuture<'a, Result<()>>;
    /// The newest first.
    fn history<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<String>>>;
}

/// The kinds of rows.
pub const INSTANCES: &str = "instances";
pub const RULES: &str = "rules";
pub const SILENCES: &str = "silences";
pub const TOLD: &str = "told";
pub const KINDS: [&str; 4] = [INSTANCES, RULES, SILENCES, TOLD];

#[derive(Clone)]
pub struct Options {
    /// Unix milliseconds.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// How often is looked for what is due.
    pub tick: Duration,
    pub evaluation_timeout: Duration,
    pub evaluation_tries: u32,
    /// Before the second try of a message; each further one waits twice as long.
    pub retry: Duration,
    pub send_tries: u32,
    /// The page's address for links in messages, with a slash at its end; empty for none.
    pub external_url: String,
    pub smtp: Option<Smtp>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            now: Arc::new(|| jiff::Timestamp::now().as_millisecond()),
            tick: Duration::from_secs(1),
            // Grafana's own.
            evaluation_timeout: Duration::from_secs(30),
            evaluation_tries: 3,
            retry: Duration::from_secs(2),
            send_tries: 5,
            external_url: String::new(),
            smtp: None,
        }
    }
}

/// Queries that run at once; ClickHouse has other readers too.
const EVALUATIONS_AT_ONCE: usize = 4;
const SENDS_AT_ONCE: usize = 8;
/// Of them to one contact point.
const SENDS_TO_ONE_AT_ONCE: usize = 2;
/// Messages on their way to one contact point; what is more than that is due again with its group.
const SENDS_QUEUED_MAX: usize = 500;
/// Memory may be the database that the alert is about.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the loop, its tasks and the handles share.
struct Shared {
    core: Mutex<Core>,
    ask: Arc<dyn Ask>,
    memory: Arc<dyn Memory>,
    options: Options,
    office: Office,
    wake: Notify,
    evaluations: Semaphore,
    sends: Semaphore,
    /// By contact point.
    sends_by_point: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    saving: tokio::sync::Mutex<()>,
}

impl Shared {
    /// Nothing panics with it in hand that leaves it half done.
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        (self.options.now)()
    }

    fn sends_to(&self, contact_point: &str) -> Arc<Semaphore> {
        let mut all = self.sends_by_point.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(contact_point.to_owned());
        own.or_insert_with(|| Arc::new(Semaphore::new(SENDS_TO_ONE_AT_ONCE))).clone()
    }

    async fn save(&self, kind: &'static str, rows: Rows) -> bool {
        if rows.is_empty() {
            return true;
        }
        match tokio::time::timeout(MEMORY_TIMEOUT, self.memory.save(kind, rows)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(kind, error = %error.report(), "the state of alerts could not be saved; it is tried again");
                false
            }
            Err(_) => {
                tracing::warn!(
                    kind,
                    "the state of alerts could not be saved in time; it is tried again"
                );
                false
            }
        }
    }
}

pub struct Engine;

impl Engine {
    /// Loads what was, and begins. Ends with `Handle::stop`, with the last handle, or with the runtime.
    pub async fn start(
        files: Files,
        ask: Arc<dyn Ask>,
        memory: Arc<dyn Memory>,
        options: Options,
    ) -> Result<Handle> {
        let smtp = options.smtp.clone();
        let office =
            tokio::task::spawn_blocking(move || Office::new(Http::new(), smtp.as_ref())).await;
        let office = office
            .map_err(|error| model::Error::bug("the senders could not be made").source(error))??;
        let mut rows = Vec::new();
        for kind in KINDS {
            let loaded = memory
                .load(kind)
                .await
                .map_err(|error| error.context("load the state of alerts"))?;
            rows.push((kind, loaded));
        }
        let core = Core::load(files, &options.external_url, rows, (options.now)());
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            ask,
            memory,
            options,
            office,
            wake: Notify::new(),
            evaluations: Semaphore::new(EVALUATIONS_AT_ONCE),
            sends: Semaphore::new(SENDS_AT_ONCE),
            sends_by_point: Mutex::default(),
            saving: tokio::sync::Mutex::new(()),
        });
        let (stop, stopped) = mpsc::channel(1);
        let turning = tokio::spawn(watched(turning::turn(shared.clone(), stopped)));
        Ok(Handle::new(shared, stop, turning))
    }
}

/// Rules that nobody evaluates any more are worse than any of them.
async fn watched(turning: impl Future<Output = ()> + Send + 'static) {
    if tokio::spawn(turning).await.is_err_and(|error| error.is_panic()) {
        tracing::error!(
            "a bug has ended the engine of alerts: no rule is evaluated until the next start"
        );
    }
}

/// A short name of a text.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
