//! How the pipeline was: a row every 10 s in `millrace.samples`, and one a table in `millrace.table_samples`, for
//! dashboards and alert rules, which ask in SQL.

use super::{Ops, metrics};
use flow::status::State;
use model::Result;
use std::time::Duration;
use store::Store;

const INTERVAL: Duration = Duration::from_secs(10);
const SAMPLES: &str = "millrace.samples (at, connected, lag_bytes, lag_seconds, freshness_p50_ms, freshness_p99_ms, \
     rows_per_second, slot_active, wal_status, tables, failed_tables, rejected_rows, memory_bytes, disk_free_bytes, \
     disk_total_bytes)";
const TABLES: &str =
    "millrace.table_samples (at, table, state, rows_per_second, streamed_rows, rejected_rows)";
const PARTITIONS: &str = "millrace.kafka_samples (at, consumer, topic, partition, offset, end, lag_messages, lag_seconds)";
const DISKS: &str =
    "SELECT sum(free_space), sum(total_space) FROM system.disks WHERE total_space < 1e18";

/// For as long as the port is served.
pub(super) async fn take(ops: Ops) {
    let mut clock = tokio::time::interval(INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Err(error) = take_one(&ops).await {
            tracing::debug!(error = %error.report(), "no sample of the pipeline was kept");
        }
    }
}

async fn take_one(ops: &Ops) -> Result<()> {
    let store = ops.store.as_ref();
    let (free, total) = disk(store).await?;
    let report = ops.handle.report();
    let at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let source = &report.source;
    let failed = report.tables.iter().filter(|table| table.state == State::Failed).count();
    let rejected: u64 = report.tables.iter().map(|table| table.rejected_rows).sum();
    let rate = report.tables.iter().fold(0.0, |sum, table| sum + table.rows_per_second);
    let memory = metrics::Process::read().resident_bytes.unwrap_or_default();
    let flag = |value: bool| Some(u8::from(value).to_string());
    let row = vec![
        Some(at.clone()),
        flag(source.connected),
        Some(source.lag_bytes.to_string()),
        Some(source.lag_seconds.to_string()),
        report.freshness_ms.p50.map(|ms| ms.to_string()),
        report.freshness_ms.p99.map(|ms| ms.to_string()),
        Some(rate.to_string()),
        // The slot is active for as long as somebody is connected to it, and that is us.
        flag(source.connected),
        Some(source.wal_status.clone().unwrap_or_default()),
        Some(report.tables.len().to_string()),
        Some(failed.to_string()),
        Some(rejected.to_string()),
        Some(memory.to_string()),
        Some(free),
        Some(total),
    ];
    store.record(SAMPLES, vec![row]).await?;
    let tables = report.tables.iter().map(|table| {
        let fields = [
            at.clone(),
            table.name.clone(),
            table.state.name().to_owned(),
            table.rows_per_second.to_string(),
            table.streamed_rows.to_string(),
            table.rejected_rows.to_string(),
        ];
        fields.map(Some).to_vec()
    });
    let tables: Vec<_> = tables.collect();
    let partitions = report.kafka.iter().flat_map(|kafka| {
        kafka.partitions.iter().map(|partition| {
            let fields = [
                at.clone(),
                kafka.group.clone(),
                partition.topic.clone(),
                partition.partition.to_string(),
                partition.offset.to_string(),
                partition.end.to_string(),
                partition.lag_messages.to_string(),
                partition.lag_seconds.to_string(),
            ];
            fields.map(Some).to_vec()
        })
    });
    for (into, rows) in [(TABLES, tables), (PARTITIONS, partitions.collect())] {
        if !rows.is_empty() {
            store.record(into, rows).await?;
        }
    }
    Ok(())
}

async fn disk(store: &dyn Store) -> Result<(String, String)> {
    let rows = store.query(DISKS).await?;
    let mut fields = rows.into_iter().next().unwrap_or_default().into_iter();
    let mut next = || fields.next().flatten().unwrap_or_else(|| "0".to_owned());
    Ok((next(), next()))
}
