//! What ran: `system.query_log`. The engine has no such log, so the door writes its own, of what
//! came through the door; what the pipeline does itself is not in it.
//!
//! ```text
//! a worker ─▶ Log::add ─▶ rows in RowBinary (memory, bounded) ─▶ writer, every second ─▶ millrace.query_log
//!                                       └─ no room: dropped, counted         └─ system.query_log is its view
//! ```
//!
//! - **Nobody waits for it.** A row is appended to the bytes of the next insert; when there is no room
//!   for it, because the disk is full or the engine slow, it is dropped and [`dropped`] says so.
//! - `SYSTEM FLUSH LOGS` waits until all that was added before it is in the table ([`Log::flush`]).
//! - **Nothing secret**: texts come without their secrets (`secrets.rs`), an error that may quote one
//!   is withheld, and values of `param_…` are not kept at all.
//! - A finished statement gets both its rows at its end. One that runs longer than a second has its
//!   `QueryStart` written meanwhile, so that it is known what ran when a process died.

mod table;

use super::client::cut;
use super::error::Failure;
use super::processes::Processes;
use super::sql::Tokens;
use super::statement::{Statement, Text};
use model::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Engine;
use store::embedded::Stats;

/// Between two inserts. What runs longer has its start logged before its end.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// What waits to be written at most.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// So much is written without waiting for the next second.
const BATCH_BYTES: usize = 2 << 20;
const EXCEPTION_BYTES_MAX: usize = 16 << 10;
/// `SYSTEM FLUSH LOGS` gives up after so long.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);
/// The table's days are dropped from the oldest on while it has more, whatever their number.
const BYTES_MAX: u64 = 4 << 30;
const SIZE_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Rows that nobody will see, over the life of the process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// ClickHouse's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    QueryStart = 1,
    QueryFinish = 2,
    ExceptionBeforeStart = 3,
    ExceptionWhileProcessing = 4,
}

struct Event<'a> {
    kind: Kind,
    text: &'a Text,
    stats: Stats,
    duration: Duration,
    exception_code: i32,
    exception: &'a str,
}

impl<'a> Event<'a> {
    fn start(text: &'a Text) -> Event<'a> {
        let stats = Stats::default();
        let (duration, exception_code, exception) = (Duration::ZERO, 0, "");
        Event { kind: Kind::QueryStart, text, stats, duration, exception_code, exception }
    }
}

pub(super) struct Log {
    shared: Arc<Shared>,
    /// Until it is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do.
    wake: Condvar,
    /// Something has been done.
    written: Condvar,
}

#[derive(Default)]
struct Queue {
    rows: Vec<u8>,
    count: u64,
    /// Rows ever added, and how many of them need no more waiting.
    added: u64,
    settled: u64,
    wanted: bool,
    closed: bool,
}

impl Log {
    /// Makes the table and its view, and starts the writer.
    pub(super) fn open(engine: &Engine, processes: &Arc<Processes>) -> Result<Log> {
        for sql in [table::table(), table::ADDED.to_owned(), table::view()] {
            let mut session = engine.session()?;
            session
                .query(&sql, "Null", &[])
                .map_err(|e| e.error("set up the log of statements"))?;
        }
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            shared: shared.clone(),
            processes: processes.clone(),
            engine: engine.clone(),
            failed: false,
        };
        let thread = std::thread::Builder::new().name("query-log".into());
        let writer = thread.spawn(move || writer.run()).map_err(|error| {
            Error::transient("could not start the thread of the log of statements").source(error)
        })?;
        Ok(Log { shared, writer: Mutex::new(Some(writer)) })
    }

    /// A statement is over.
    pub(super) fn add(&self, statement: &Statement, stats: Stats, failure: Option<&Failure>) {
        // What could not be read was never a statement.
        let Some(text) = statement.text() else { return };
        let exception = failure.map_or(String::new(), |failure| shown(failure, &text));
        let duration = statement.elapsed();
        let mut end = Event {
            kind: match failure {
                None => Kind::QueryFinish,
                Some(failure) if stats == Stats::default() && is_of_the_text(failure, &text) => {
                    Kind::ExceptionBeforeStart
                }
                Some(_) => Kind::ExceptionWhileProcessing,
            },
            text: &text,
            stats,
            duration,
            exception_code: failure.map_or(0, |failure| failure.exception.code as i32),
            exception: &exception,
        };
        let (mut rows, mut count) = (Vec::new(), 1);
        match statement.takes_start() {
            true if end.kind == Kind::ExceptionBeforeStart => {}
            true => {
                table::put(&mut rows, statement, &Event::start(&text), statement.started());
                count += 1;
            }
            // What was logged as begun has begun.
            false if failure.is_some() => end.kind = Kind::ExceptionWhileProcessing,
            false => {}
        }
        table::put(&mut rows, statement, &end, statement.started() + duration);
        let mut queue = self.shared.lock();
        queue.add(&rows, count);
        if queue.rows.len() >= BATCH_BYTES && !queue.wanted {
            queue.wanted = true;
            self.shared.wake.notify_one();
        }
    }

    /// Waits until what was added so far is in the table.
    pub(super) fn flush(&self) -> Result<(), Failure> {
        let until = Instant::now() + FLUSH_TIMEOUT;
        let mut queue = self.shared.lock();
        let wanted = queue.added;
        while queue.settled < wanted && !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = "Timeout exceeded: the log of statements could not be written in time";
                return Err(Failure::new(159, "TIMEOUT_EXCEEDED", text));
            }
            queue.wanted = true;
            self.shared.wake.notify_one();
            let waited = self.shared.written.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        Ok(())
    }

    /// Writes what waits, and ends.
    pub(super) fn close(&self) {
        self.shared.close();
        let writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::warn!("the writer of the log of statements ended early");
        }
    }
}

impl Drop for Log {
    /// Of a door that was given up: nobody waits for the writer.
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }
}

impl Queue {
    fn add(&mut self, rows: &[u8], count: u64) {
        if self.rows.len() + rows.len() > WAITING_BYTES_MAX {
            DROPPED.fetch_add(count, Ordering::Relaxed);
            return;
        }
        self.rows.extend_from_slice(rows);
        self.count += count;
        self.added += count;
    }
}

struct Writer {
    shared: Arc<Shared>,
    processes: Arc<Processes>,
    engine: Engine,
    /// The last insert did; it is said once.
    failed: bool,
}

impl Writer {
    fn run(mut self) {
        let mut size_checked = Instant::now();
        loop {
            let (rows, count, closed) = self.wait();
            if count > 0 {
                self.write(&rows, count);
                let mut queue = self.shared.lock();
                queue.settled += count;
                self.shared.written.notify_all();
            } else if closed {
                return;
            }
            if size_checked.elapsed() >= SIZE_CHECK_INTERVAL {
                size_checked = Instant::now();
                if let Err(error) = self.keep_small() {
                    tracing::warn!(
                        error = error.report(),
                        "could not shorten the log of statements"
                    );
                }
            }
        }
    }

    /// Until there is something to write, and a second has passed or somebody wants it now.
    fn wait(&self) -> (Vec<u8>, u64, bool) {
        let until = Instant::now() + WRITE_INTERVAL;
        let mut queue = self.shared.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.add_starts(&mut queue);
            }
            let due = left.is_zero() && queue.count > 0;
            if due || queue.wanted || queue.closed {
                queue.wanted = false;
                let count = std::mem::take(&mut queue.count);
                return (std::mem::take(&mut queue.rows), count, queue.closed);
            }
            let left = if left.is_zero() { WRITE_INTERVAL } else { left };
            let waited = self.shared.wake.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// Of those that have been running for a while.
    fn add_starts(&self, queue: &mut Queue) {
        for statement in self.processes.all() {
            if statement.elapsed() < WRITE_INTERVAL || statement.has_ended() {
                continue;
            }
            if let Some(text) = statement.text().filter(|_| statement.takes_start()) {
                let mut row = Vec::new();
                table::put(&mut row, &statement, &Event::start(&text), statement.started());
                queue.add(&row, 1);
            }
        }
    }

    fn write(&mut self, rows: &[u8], count: u64) {
        let written = self.engine.session().and_then(|session| {
            let failed =
                |error: store::embedded::Exception| error.error("write millrace.query_log");
            let mut body = session.insert(table::INSERT, "RowBinary", &[]).map_err(failed)?;
            body.append(rows).map_err(failed)?;
            body.finish().map_err(failed)
        });
        match written {
            Ok(_) => self.failed = false,
            Err(error) => {
                DROPPED.fetch_add(count, Ordering::Relaxed);
                if !self.failed {
                    tracing::warn!(
                        error = error.report(),
                        "statements are missing in system.query_log"
                    );
                }
                self.failed = true;
            }
        }
    }

    /// Drops the oldest days of a log that has grown too large.
    fn keep_small(&self) -> Result<()> {
        let sql = format!(
            "SELECT id FROM (SELECT partition_id AS id, sum(sum(bytes_on_disk)) OVER \
             (ORDER BY partition_id DESC) AS bytes FROM system.parts WHERE database = 'millrace' \
             AND table = 'query_log' AND active GROUP BY id) WHERE bytes > {BYTES_MAX}"
        );
        let failed = |error: store::embedded::Exception| error.error("measure the log");
        let mut session = self.engine.session()?;
        let answer = session.query(&sql, "TabSeparated", &[]).map_err(failed)?;
        let days = String::from_utf8_lossy(answer.bytes()).into_owned();
        drop(answer);
        for day in days.lines() {
            tracing::info!(day, "the log of statements is too large; a day of it is dropped");
            let sql = format!("ALTER TABLE millrace.query_log DROP PARTITION ID '{day}'");
            session.query(&sql, "Null", &[]).map_err(failed)?;
        }
        Ok(())
    }
}

/// `SYSTEM FLUSH LOGS`, of all logs or of some by name.
pub(super) fn is_flush(sql: &str) -> bool {
    let mut words = Tokens::new(sql.as_bytes()).map(|token| &sql[token.start..token.end]);
    ["SYSTEM", "FLUSH", "LOGS"]
        .iter()
        .all(|wanted| words.next().is_some_and(|word| word.eq_ignore_ascii_case(wanted)))
}

/// The exception's text, unless it may quote a secret.
fn shown(failure: &Failure, text: &Text) -> String {
    let exception = &failure.exception;
    match text.has_secrets {
        false => cut(&exception.text, EXCEPTION_BYTES_MAX).to_owned(),
        true => {
            format!("Code: {}. DB::Exception: [HIDDEN] ({})", exception.code, exception.name())
        }
    }
}

/// Whether ClickHouse would have failed before it began. It runs what is no SELECT and no INSERT as
/// a part of its preparation; of the others these are the errors that an analysis finds.
fn is_of_the_text(failure: &Failure, text: &Text) -> bool {
    const ANALYSIS: [u32; 34] = [
        16, 20, 35, 36, 42, 43, 46, 47, 48, 50, 51, 53, 60, 62, 63, 73, 81, 82, 115, 164, 179, 184,
        190, 202, 207, 215, 216, 220, 352, 386, 403, 452, 456, 497,
    ];
    !matches!(text.verb.as_str(), "SELECT" | "WITH" | "FROM" | "INSERT")
        || ANALYSIS.contains(&failure.exception.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_dropped_and_counted() {
        let mut queue = Queue::default();
        let before = dropped();
        for _ in 0..20 {
            queue.add(&[0; 1 << 20], 1);
        }
        assert_eq!((queue.count, queue.added), (16, 16));
        assert_eq!(dropped() - before, 4);
    }

    #[test]
    fn a_flush_is_told_by_its_words() {
        assert!(is_flush(" /* now */ system flush LOGS query_log;"));
        assert!(!is_flush("SYSTEM FLUSH DISTRIBUTED x"));
        assert!(!is_flush("SELECT 'SYSTEM FLUSH LOGS'"));
        assert!(!is_flush("SYSTEM FLUSH"));
    }
}
