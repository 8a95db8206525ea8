//! What the pipeline shows of itself. Every number here is measured; nothing is derived from hope.

mod spool;
mod topics;

pub use spool::SpoolReport;
pub use topics::{KafkaReport, PartitionReport, SinkReport, Way};

use crate::pause::Kept;
use crate::rules::Altered;
use crate::sinks::Sinks;
use crate::verify::Piece;
use model::{Error, Fate, Lsn, Mode, Table, TableName};
use serde::Serialize;
use source::spool::Spool;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Freshness is shown over this many of the latest batches.
const FRESHNESS_SAMPLES: usize = 1024;
/// Rates are shown over this span.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// What a table is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Known, nothing done yet.
    Waiting,
    /// Rows of the snapshot arrive; the stream runs beside it. Survives a restart.
    Copying,
    /// Everything committed arrives. Survives a restart.
    Streaming,
    /// Stopped with a reason until a person helps; the other tables go on. Survives a restart.
    Failed,
    /// Not in the publication any more, or dropped at the source: its rows stay as they are. Published
    /// again, it is copied again. Survives a restart.
    Removed,
}

const STATES: [State; 5] =
    [State::Waiting, State::Copying, State::Streaming, State::Failed, State::Removed];

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Copying => "copying",
            State::Streaming => "streaming",
            State::Failed => "failed",
            State::Removed => "removed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<State> {
        STATES.into_iter().find(|state| state.name() == name)
    }
}

/// The last change of a table at the source.
#[derive(Clone, Debug, Serialize)]
pub struct SchemaChange {
    /// Seconds since 1970.
    pub at: i64,
    pub change: String,
    /// `in place`, `copy in place`, `copy in another shape` or `stop`.
    pub followed_by: String,
    /// What is not there any more, or is of another type, as it was called before.
    pub touched: Vec<Touched>,
}

/// Whoever reads the table has to follow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Touched {
    Column(String),
    Table(String),
}

/// What was compared beside the stream, since the start of the process.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    pub rows: u64,
    pub differences: u64,
    /// When a round through the table was last over, in seconds since 1970.
    pub at: Option<i64>,
}

impl Verified {
    pub(crate) fn count(&mut self, piece: &Piece) {
        self.rows += piece.rows;
        self.differences += piece.differences.len() as u64;
        if piece.next.is_none() && piece.skipped.is_none() {
            self.at = Some(now_us() / 1_000_000);
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TableStatus {
    pub(crate) mode: Mode,
    pub(crate) target: TableName,
    pub(crate) rows_in: TableName,
    pub(crate) state: State,
    pub(crate) copied_rows: u64,
    pub(crate) pages_done: u64,
    pub(crate) pages_total: u64,
    pub(crate) streamed_rows: u64,
    pub(crate) rejected_rows: u64,
    /// These by column.
    pub(crate) clamped: BTreeMap<String, u64>,
    pub(crate) nulled: BTreeMap<String, u64>,
    pub(crate) defaulted: BTreeMap<String, u64>,
    pub(crate) taken_updates: u64,
    pub(crate) ignored_updates: u64,
    pub(crate) ignored_deletes: u64,
    /// Facts of topics whose keys came before.
    pub(crate) duplicate_rows: u64,
    pub(crate) last_error: Option<String>,
    pub(crate) schema_change: Option<SchemaChange>,
    pub(crate) verified: Verified,
    recent: VecDeque<(Instant, u64)>,
}

impl TableStatus {
    pub(crate) fn new(mode: Mode, target: TableName, rows_in: TableName) -> TableStatus {
        TableStatus {
            mode,
            target,
            rows_in,
            state: State::Waiting,
            copied_rows: 0,
            pages_done: 0,
            pages_total: 0,
            streamed_rows: 0,
            rejected_rows: 0,
            clamped: BTreeMap::new(),
            nulled: BTreeMap::new(),
            defaulted: BTreeMap::new(),
            taken_updates: 0,
            ignored_updates: 0,
            ignored_deletes: 0,
            duplicate_rows: 0,
            last_error: None,
            schema_change: None,
            verified: Verified::default(),
            recent: VecDeque::new(),
        }
    }

    /// Another start of its pipeline.
    fn renew(&mut self, now: TableStatus) {
        (self.mode, self.state, self.last_error) = (now.mode, now.state, now.last_error);
        (self.target, self.rows_in) = (now.target, now.rows_in);
    }

    /// Rows that became visible just now.
    pub(crate) fn count_rows(&mut self, rows: u64) {
        self.recent.push_back((Instant::now(), rows));
        self.forget_old();
    }

    /// Values that rules altered.
    pub(crate) fn count_altered(&mut self, table: &Table, altered: &Altered) {
        for (count, altered) in [
            (&mut self.clamped, &altered.clamped),
            (&mut self.nulled, &altered.nulled),
            (&mut self.defaulted, &altered.defaulted),
        ] {
            for (column, values) in altered {
                *count.entry(table.columns[*column].name.clone()).or_default() += values;
            }
        }
    }

    fn forget_old(&mut self) {
        while self.recent.front().is_some_and(|(at, _)| at.elapsed() > RATE_WINDOW) {
            self.recent.pop_front();
        }
    }

    fn rows_per_second(&mut self) -> f64 {
        self.forget_old();
        let rows: u64 = self.recent.iter().map(|(_, rows)| rows).sum();
        rows as f64 / RATE_WINDOW.as_secs_f64()
    }

    fn copied_ratio(&self) -> f64 {
        match (self.state, self.pages_total) {
            (State::Streaming, _) => 1.0,
            (_, 0) => 0.0,
            (_, total) => (self.pages_done as f64 / total as f64).min(1.0),
        }
    }
}

#[derive(Default)]
struct Inner {
    tables: BTreeMap<String, TableStatus>,
    slot: String,
    connected: bool,
    waiting_for: Option<String>,
    received: Lsn,
    confirmed: Lsn,
    applied: Lsn,
    server_end: Lsn,
    kept: Option<Kept>,
    wal_status: Option<String>,
    oldest_unapplied_us: i64,
    freshness_ms: VecDeque<u32>,
    last_error: Option<(String, Fate)>,
    out_of_room: bool,
    paused_since: Option<i64>,
    spool: Option<Arc<Spool>>,
    is_starting: bool,
    sinks: Option<Arc<Sinks>>,
}

/// Everything is brought up as long as it lives.
pub(crate) struct Starting<'a>(&'a Status);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.lock().is_starting = false;
    }
}

/// Written by the pipeline, read by whoever asks.
#[derive(Default)]
pub struct Status {
    inner: Mutex<Inner>,
}

/// `millrace status --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Seconds since 1970; `None`: it is not paused.
    pub paused_since: Option<i64>,
    pub tables: Vec<TableReport>,
    pub source: SourceReport,
    /// `None`: there is none.
    pub spool: Option<SpoolReport>,
    /// `None`: no topics are read.
    pub kafka: Option<KafkaReport>,
    /// Topics that the stream goes to.
    pub sinks: Vec<SinkReport>,
    pub freshness_ms: Freshness,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    pub name: String,
    pub way: Way,
    pub mode: &'static str,
    pub target: String,
    pub state: State,
    /// Rows that a reader sees now; filled in by whoever has the store at hand.
    pub rows: Option<u64>,
    pub copied_ratio: f64,
    pub copied_rows: u64,
    pub streamed_rows: u64,
    pub rows_per_second: f64,
    /// This and the counts below: since the start of the process.
    pub rejected_rows: u64,
    pub clamped_values: u64,
    pub clamped_columns: BTreeMap<String, u64>,
    /// Values that became NULL, because ClickHouse cannot carry them.
    pub nulled_columns: BTreeMap<String, u64>,
    /// NULLs that became their column's default.
    pub defaulted_columns: BTreeMap<String, u64>,
    /// UPDATEs whose rows an append table took, and changes that were not followed.
    pub taken_updates: u64,
    pub ignored_updates: u64,
    pub ignored_deletes: u64,
    /// Facts of topics whose keys came before: left out.
    pub duplicate_rows: u64,
    pub last_error: Option<String>,
    pub schema_change: Option<SchemaChange>,
    pub verified: Verified,
    /// The table that holds the rows; not shown.
    #[serde(skip)]
    pub rows_in: TableName,
}

#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    pub slot: String,
    pub connected: bool,
    /// What keeps the copy from starting, when something does.
    pub waiting_for: Option<String>,
    pub received_lsn: String,
    pub applied_lsn: String,
    pub confirmed_lsn: String,
    /// Log that the server has written and the store does not hold yet.
    pub lag_bytes: u64,
    /// Log that the server keeps for the slot, and how much more may be written before the server may give
    /// the slot up. `None`: not known, and no limit.
    pub retained_bytes: Option<u64>,
    pub until_lost_bytes: Option<i64>,
    /// Age of the oldest commit that is on its way; 0 when nothing is.
    pub lag_seconds: f64,
    pub wal_status: Option<String>,
    pub last_error: Option<String>,
}

/// Commit to visible, over the latest batches. `None` before the first one.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Freshness {
    pub p50: Option<u32>,
    pub p99: Option<u32>,
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn set_slot(&self, slot: &str) {
        self.lock().slot = slot.to_owned();
    }

    pub(crate) fn set_spool(&self, spool: Option<Arc<Spool>>) {
        self.lock().spool = spool;
    }

    pub(crate) fn set_sinks(&self, sinks: Arc<Sinks>) {
        self.lock().sinks = Some(sinks);
    }

    pub(crate) fn starting(&self) -> Starting<'_> {
        self.lock().is_starting = true;
        Starting(self)
    }

    /// Whether somebody has the slot who reads nothing, and there is a spool.
    pub(crate) fn keeps_from_spool(&self) -> bool {
        let inner = self.lock();
        inner.is_starting && inner.spool.is_some()
    }

    /// Whether the latest attempt at the store was answered.
    pub(crate) fn note_store(&self, answers: bool) {
        if let Some(spool) = &self.lock().spool {
            spool.note_store(answers);
        }
    }

    pub(crate) fn slot(&self) -> String {
        self.lock().slot.clone()
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        let mut inner = self.lock();
        inner.connected = connected;
        if connected {
            inner.last_error = None;
        }
    }

    /// In seconds since 1970.
    pub(crate) fn set_paused(&self, since: Option<i64>) {
        self.lock().paused_since = since;
    }

    pub fn is_paused(&self) -> bool {
        self.lock().paused_since.is_some()
    }

    pub(crate) fn set_waiting_for(&self, what: Option<String>) {
        self.lock().waiting_for = what;
    }

    /// For something at the source.
    pub(crate) fn is_waiting(&self) -> bool {
        self.lock().waiting_for.is_some()
    }

    pub(crate) fn set_error(&self, error: &Error) {
        self.lock().last_error = Some((error.report(), error.fate()));
    }

    pub(crate) fn clear_error(&self) {
        self.lock().last_error = None;
    }

    /// Its own mark: it comes and goes without touching the last error.
    pub(crate) fn set_out_of_room(&self, out_of_room: bool) {
        self.lock().out_of_room = out_of_room;
    }

    /// What was counted of it stays.
    pub(crate) fn set_table(&self, name: &str, status: TableStatus) {
        let mut inner = self.lock();
        match inner.tables.get_mut(name) {
            Some(shown) => shown.renew(status),
            None => drop(inner.tables.insert(name.to_owned(), status)),
        }
    }

    /// From the first name to the second, of each pair: they may change places.
    pub(crate) fn rename_tables(&self, names: &[(String, String)]) {
        let mut inner = self.lock();
        let shown: Vec<_> = names.iter().map(|(before, _)| inner.tables.remove(before)).collect();
        let shown = shown.into_iter().zip(names);
        let shown = shown.filter_map(|(shown, (_, now))| Some((now.clone(), shown?)));
        inner.tables.extend(shown);
    }

    /// Others are nobody's any more.
    pub(crate) fn keep_tables(&self, is_kept: impl Fn(&String) -> bool) {
        self.lock().tables.retain(|name, _| is_kept(name));
    }

    pub(crate) fn has_table(&self, name: &str) -> bool {
        self.lock().tables.contains_key(name)
    }

    pub(crate) fn set_schema_change(&self, name: &str, shown: Option<SchemaChange>) {
        if let Some(shown) = shown {
            self.with_table(name, |table| table.schema_change = Some(shown));
        }
    }

    pub(crate) fn with_table(&self, name: &str, change: impl FnOnce(&mut TableStatus)) {
        if let Some(table) = self.lock().tables.get_mut(name) {
            change(table);
        }
    }

    pub(crate) fn set_positions(&self, received: Lsn, applied: Lsn, confirmed: Lsn, end: Lsn) {
        let mut inner = self.lock();
        inner.received = received;
        inner.applied = inner.applied.max(applied);
        inner.confirmed = confirmed;
        inner.server_end = inner.server_end.max(end);
    }

    pub(crate) fn set_slot_health(&self, server_end: Lsn, kept: Kept, wal_status: Option<String>) {
        let mut inner = self.lock();
        inner.server_end = inner.server_end.max(server_end);
        (inner.kept, inner.wal_status) = (Some(kept), wal_status);
    }

    pub(crate) fn set_slot_health_end(&self, server_end: Lsn) {
        let mut inner = self.lock();
        inner.server_end = inner.server_end.max(server_end);
    }

    /// `None`: nothing is on its way.
    pub(crate) fn set_oldest_unapplied(&self, commit_us: Option<i64>) {
        self.lock().oldest_unapplied_us = commit_us.unwrap_or(0);
    }

    /// How late the oldest and the newest change of a flush is; 0: nobody knows when it was committed.
    pub(crate) fn sample_freshness(&self, commits_us: [i64; 2]) {
        let now = now_us();
        for commit_us in commits_us.into_iter().filter(|us| *us > 0) {
            let millis = (now - commit_us).max(0) / 1000;
            self.add_freshness(u32::try_from(millis).unwrap_or(u32::MAX));
        }
    }

    fn add_freshness(&self, millis: u32) {
        let mut inner = self.lock();
        if inner.freshness_ms.len() == FRESHNESS_SAMPLES {
            inner.freshness_ms.pop_front();
        }
        inner.freshness_ms.push_back(millis);
    }

    /// Every table streams.
    pub fn is_ready(&self) -> bool {
        let inner = self.lock();
        let is_ready =
            |table: &TableStatus| matches!(table.state, State::Streaming | State::Removed);
        inner.connected && inner.tables.values().all(is_ready)
    }

    pub fn report(&self) -> Report {
        let mut inner = self.lock();
        let tables =
            inner.tables.iter_mut().map(|(name, table)| report_table(name, table)).collect();
        let mut samples: Vec<u32> = inner.freshness_ms.iter().copied().collect();
        samples.sort_unstable();
        let lag_us = match inner.oldest_unapplied_us {
            0 => 0,
            commit_us => (now_us() - commit_us).max(0),
        };
        let held = inner.spool.as_ref().map(|spool| (spool.clone(), spool.held()));
        let spooled = held.as_ref().map_or(Lsn::ZERO, |(_, held)| held.synced);
        let source = SourceReport {
            slot: inner.slot.clone(),
            connected: inner.connected,
            waiting_for: inner.waiting_for.clone(),
            received_lsn: inner.received.to_string(),
            applied_lsn: inner.applied.to_string(),
            confirmed_lsn: inner.confirmed.max(spooled).to_string(),
            lag_bytes: inner.server_end.bytes_since(inner.applied),
            retained_bytes: inner.kept.map(|kept| kept.retained_bytes),
            until_lost_bytes: inner.kept.and_then(|kept| kept.until_lost_bytes),
            lag_seconds: lag_us as f64 / 1e6,
            wal_status: inner.wal_status.clone(),
            last_error: match inner.out_of_room {
                // Whatever else fails now fails because of it.
                true => Some(out_of_room().report()),
                false => inner.last_error.as_ref().map(|(text, _)| text.clone()),
            },
        };
        let freshness_ms =
            Freshness { p50: percentile(&samples, 50), p99: percentile(&samples, 99) };
        let spool = held.map(|(spool, held)| SpoolReport::of(&spool, held));
        let paused_since = inner.paused_since;
        let sinks = inner.sinks.as_ref().map(|sinks| sinks.report()).unwrap_or_default();
        Report { paused_since, tables, source, spool, kafka: None, sinks, freshness_ms }
    }
}

fn out_of_room() -> Error {
    Error::transient("could not write to the store: its disk is full")
        .detail("Nothing is lost: writes wait, and go on by themselves once there is room.")
        .hint("free space on the disk of the data directory")
}

fn report_table(name: &str, table: &mut TableStatus) -> TableReport {
    TableReport {
        name: name.to_owned(),
        way: Way::Stream,
        mode: table.mode.name(),
        target: table.target.to_string(),
        state: table.state,
        rows: None,
        copied_ratio: table.copied_ratio(),
        copied_rows: table.copied_rows,
        streamed_rows: table.streamed_rows,
        rows_per_second: table.rows_per_second(),
        rejected_rows: table.rejected_rows,
        clamped_values: table.clamped.values().sum(),
        clamped_columns: table.clamped.clone(),
        nulled_columns: table.nulled.clone(),
        defaulted_columns: table.defaulted.clone(),
        taken_updates: table.taken_updates,
        ignored_updates: table.ignored_updates,
        ignored_deletes: table.ignored_deletes,
        duplicate_rows: table.duplicate_rows,
        last_error: table.last_error.clone(),
        schema_change: table.schema_change.clone(),
        verified: table.verified.clone(),
        rows_in: table.rows_in.clone(),
    }
}

fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[last * percent / 100])
}

pub(crate) fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_samples() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&(1..=100).collect::<Vec<_>>(), 50), Some(50));
        assert_eq!(percentile(&(1..=100).collect::<Vec<_>>(), 99), Some(99));
    }

    #[test]
    fn a_full_disk_is_shown_as_long_as_it_is_full() {
        let status = Status::default();
        let shown = || status.report().source.last_error;
        status.set_error(&Error::transient("could not read on"));
        status.set_out_of_room(true);
        let full = shown().unwrap();
        assert!(full.contains("its disk is full"), "{full}");
        assert!(full.contains("hint: free space on the disk of the data directory"), "{full}");
        status.set_out_of_room(false);
        assert_eq!(shown().as_deref(), Some("could not read on"));
        status.clear_error();
        assert_eq!(shown(), None);
    }

    #[test]
    fn states_have_names_that_come_back() {
        for state in STATES {
            assert_eq!(State::from_name(state.name()), Some(state));
        }
    }
}
