//! How many rows a reader sees, asked of the store. A count over a large mirror costs (FINAL reads
//! every key), so an answer is kept for a multiple of what it cost.

use flow::status::TableReport;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, ddl};
use tokio::sync::Mutex;

const KEPT_MIN: Duration = Duration::from_secs(1);
/// At most one part in so many of the time goes into counting.
const KEPT_TIMES: u32 = 20;
const COUNT_TIME_MAX_SECONDS: u64 = 10;

#[derive(Clone)]
pub(super) struct Rows {
    store: Arc<dyn Store>,
    /// Held while counting: others wait for the answer and do not count again.
    counts: Arc<Mutex<HashMap<String, Count>>>,
}

#[derive(Clone, Copy)]
struct Count {
    rows: Option<u64>,
    until: Instant,
}

impl Rows {
    pub(super) fn new(store: Arc<dyn Store>) -> Rows {
        Rows { store, counts: Arc::default() }
    }

    pub(super) async fn fill(&self, tables: &mut [TableReport]) {
        let mut counts = self.counts.lock().await;
        for table in tables {
            let now = Instant::now();
            let kept = counts.get(&table.name).filter(|count| count.until > now);
            table.rows = match kept {
                Some(count) => count.rows,
                None => {
                    let rows = self.count(table).await;
                    let until = Instant::now() + KEPT_MIN.max(now.elapsed() * KEPT_TIMES);
                    counts.insert(table.name.clone(), Count { rows, until });
                    rows
                }
            };
        }
    }

    /// `None`: not there yet, or not counted in time.
    async fn count(&self, table: &TableReport) -> Option<u64> {
        let of_living = if table.mode == "mirror" { " FINAL" } else { "" };
        let sql = format!(
            "SELECT count() FROM {}{of_living} SETTINGS max_execution_time = {COUNT_TIME_MAX_SECONDS}",
            ddl::name(&table.rows_in)
        );
        let rows = self.store.query(&sql).await.ok()?;
        rows.first()?.first()?.as_ref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::status::{State, Way};
    use model::TableName;

    fn table(mode: &'static str, name: &str) -> TableReport {
        TableReport {
            name: format!("public.{name}"),
            way: Way::Stream,
            mode,
            target: format!("public.{name}"),
            state: State::Streaming,
            rows: None,
            copied_ratio: 1.0,
            copied_rows: 0,
            streamed_rows: 0,
            rows_per_second: 0.0,
            rejected_rows: 0,
            clamped_values: 0,
            clamped_columns: Default::default(),
            nulled_columns: Default::default(),
            defaulted_columns: Default::default(),
            taken_updates: 0,
            ignored_updates: 0,
            ignored_deletes: 0,
            duplicate_rows: 0,
            last_error: None,
            schema_change: None,
            verified: Default::default(),
            rows_in: TableName::new("main", name),
        }
    }

    #[tokio::test]
    async fn readers_rows_are_counted_and_kept_for_a_while() {
        let engine = crate::engine();
        for sql in [
            "CREATE TABLE main.m (id Int64, v UInt64, d UInt8) ENGINE = ReplacingMergeTree(v, d) ORDER BY id",
            "CREATE TABLE main.a (id Int64) ENGINE = MergeTree ORDER BY id",
            "INSERT INTO main.m SELECT number % 10, number, number = 19 FROM numbers(20)",
            "INSERT INTO main.a SELECT 1 FROM numbers(20)",
        ] {
            engine.execute(sql).await.unwrap();
        }
        let rows = Rows::new(Arc::new(engine.clone()));
        let mut tables = [table("mirror", "m"), table("append", "a"), table("append", "missing")];
        rows.fill(&mut tables).await;
        assert_eq!(tables.each_ref().map(|table| table.rows), [Some(9), Some(20), None]);
        engine.execute("INSERT INTO main.a SELECT 1").await.unwrap();
        for count in rows.counts.lock().await.values_mut() {
            count.until = Instant::now() + Duration::from_secs(3600);
        }
        rows.fill(&mut tables).await;
        assert_eq!(tables[1].rows, Some(20), "kept");
        rows.counts.lock().await.clear();
        rows.fill(&mut tables).await;
        assert_eq!(tables[1].rows, Some(21));
    }
}
