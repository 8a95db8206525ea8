//! How far a statement is: `X-ClickHouse-Progress` while it runs, where the client asks for it
//! (`send_progress_in_http_headers`), and `X-ClickHouse-Summary` at the end.
//!
//! The engine tells its counts only with blocks and at the end, and a long aggregation has none until
//! then. So the list of processes is asked, on a connection of our own, every
//! `http_headers_progress_interval_ms`: from there come also the rows that are still to be read and the memory, which
//! nothing else tells. Without it they are not known.
//!
//! A statement that waits for its turn, or fills the tables of its form, is not told of: what is told settles
//! the status, and one that gets no turn is to have its 503.

use super::answer::Head;
use super::request::Request;
use super::statement::Statement;
use crate::early::Early;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::Engine;
use store::embedded::Stats;
use tokio::sync::oneshot;

/// ClickHouse's default, and here the least: each look is a statement.
const INTERVAL_MS: u64 = 100;
const INTERVAL_MS_MAX: u64 = 600_000;
const HEADER: &str = "X-ClickHouse-Progress";

/// What looks have found, for the end. Zero: not known.
#[derive(Default)]
pub(super) struct Seen {
    rows_to_read: AtomicU64,
    memory_bytes: AtomicU64,
}

/// Looks at one statement.
pub(super) struct Watch {
    pub(super) engine: Engine,
    pub(super) statement: Arc<Statement>,
    pub(super) early: Early,
    pub(super) interval: Duration,
}

/// How often the client wants to hear, if at all.
pub(super) fn interval(request: &Request) -> Option<Duration> {
    let wanted = request.setting("send_progress_in_http_headers")?;
    let given = request.setting("http_headers_progress_interval_ms");
    let ms = given.and_then(|ms| ms.parse().ok()).unwrap_or(INTERVAL_MS);
    let is_wanted = matches!(wanted, "1" | "true");
    is_wanted.then(|| Duration::from_millis(ms.clamp(INTERVAL_MS, INTERVAL_MS_MAX)))
}

/// The answer's head when it comes, and meanwhile how far it is.
pub(super) async fn until(
    head: &mut oneshot::Receiver<Head>,
    watch: Option<Watch>,
) -> Result<Head, oneshot::error::RecvError> {
    let Some(watch) = watch else { return head.await };
    let since = Instant::now();
    let mut told = Stats::default();
    loop {
        tokio::select! {
            biased;
            head = &mut *head => return head,
            () = tokio::time::sleep(watch.interval) => {}
        }
        if watch.statement.has_begun() && watch.tell(since, &mut told).await.is_err() {
            // Nobody reads any more; hyper will see that, too.
            return head.await;
        }
    }
}

impl Watch {
    /// Never less than before: a statement that has just ended is not listed any more.
    async fn tell(&self, since: Instant, told: &mut Stats) -> std::io::Result<()> {
        let (engine, statement) = (self.engine.clone(), self.statement.clone());
        let looked = move || {
            let seen = look(&engine, &statement.comment());
            // By now the connection may be another's.
            seen.filter(|_| !statement.has_left())
        };
        let looked = tokio::task::spawn_blocking(looked).await;
        let (stats, rows_to_read, memory_bytes) = looked.ok().flatten().unwrap_or_default();
        *told = Stats {
            read_rows: stats.read_rows.max(told.read_rows),
            read_bytes: stats.read_bytes.max(told.read_bytes),
            written_rows: stats.written_rows.max(told.written_rows),
            written_bytes: stats.written_bytes.max(told.written_bytes),
            elapsed_seconds: since.elapsed().as_secs_f64(),
            ..Stats::default()
        };
        let seen = &self.statement.seen;
        seen.rows_to_read.fetch_max(rows_to_read, Ordering::Relaxed);
        seen.memory_bytes.fetch_max(memory_bytes, Ordering::Relaxed);
        self.early.send(HEADER, &json(told, seen)).await
    }
}

/// The statement's counts, the rows it will read, its memory.
fn look(engine: &Engine, comment: &str) -> Option<(Stats, u64, u64)> {
    let sql = format!(
        "SELECT sum(read_rows), sum(read_bytes), sum(written_rows), sum(written_bytes), \
         sum(total_rows_approx), max(peak_memory_usage) FROM system.processes \
         WHERE Settings['log_comment'] = {}",
        store::ddl::literal(comment)
    );
    let mut session = engine.session().ok()?;
    let answer = session.query(&sql, "TabSeparated", &[]).ok()?;
    let text = std::str::from_utf8(answer.bytes()).ok()?;
    let mut numbers = text.trim_end().split('\t').map(|number| number.parse::<u64>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let stats = Stats {
        read_rows: next(),
        read_bytes: next(),
        written_rows: next(),
        written_bytes: next(),
        ..Stats::default()
    };
    Some((stats, next(), next()))
}

/// Numbers as strings, as ClickHouse has them.
pub(super) fn json(stats: &Stats, seen: &Seen) -> String {
    let memory = match seen.memory_bytes.load(Ordering::Relaxed) {
        0 => String::new(),
        bytes => format!(",\"memory_usage\":\"{bytes}\""),
    };
    format!(
        "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\
         \"written_bytes\":\"{}\",\"total_rows_to_read\":\"{}\",\"result_rows\":\"{}\",\
         \"result_bytes\":\"{}\",\"elapsed_ns\":\"{}\"{memory}}}",
        stats.read_rows,
        stats.read_bytes,
        stats.written_rows,
        stats.written_bytes,
        seen.rows_to_read.load(Ordering::Relaxed),
        stats.result_rows.max(stats.written_rows),
        stats.result_bytes.max(stats.written_bytes),
        (stats.elapsed_seconds * 1e9) as u64,
    )
}
