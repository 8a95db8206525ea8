//! What runs beside the loop and only looks: the slot's health, a heartbeat, the store's parts,
//! whether its disk has room, and how busy the machine is.

use crate::pace::Pressure;
use crate::pause::Kept;
use crate::retry::needs_help;
use crate::status::Status;
use model::{Lsn, Result};
use source::{Address, slot};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use store::Store;
use tokio_postgres::Client;

const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The slot of an idle database moves as often as this.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
const PARTS_EVERY: Duration = Duration::from_secs(2);
/// Costs the reading of a number.
const ROOM_EVERY: Duration = Duration::from_millis(500);
const BUSY_EVERY: Duration = Duration::from_millis(500);

/// Never ends by itself. What fails is tried again at the next look; the loop reports outages.
pub(crate) async fn source(address: Address, slot: String, status: Arc<Status>, beats: bool) {
    let mut client: Option<Client> = None;
    let mut last_beat: Option<Instant> = None;
    loop {
        if !beats {
            last_beat = Some(Instant::now());
        }
        let looked = async {
            let connection = match client.take().filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => source::client::connect(&address).await?,
            };
            look(&connection, &slot, &status, &mut last_beat).await?;
            Ok(connection)
        };
        let looked: Result<Client> = looked.await;
        match looked {
            Ok(connection) => client = Some(connection),
            Err(error) => tracing::debug!(error = %error.report(), "could not look at the slot"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(
    client: &Client,
    slot: &str,
    status: &Status,
    last_beat: &mut Option<Instant>,
) -> Result<()> {
    if last_beat.is_none_or(|at| at.elapsed() >= HEARTBEAT_EVERY) {
        *last_beat = Some(Instant::now());
        // A standby takes none, and needs none: its primary's log comes by anyway.
        if let Err(error) = slot::heartbeat(client).await {
            tracing::debug!(error = %error.report(), "no heartbeat");
        }
    }
    if let Some(info) = slot::slot_info(client, slot).await? {
        let end = Lsn(info.confirmed_flush.unwrap_or(Lsn::ZERO).0 + info.lag_bytes);
        status.set_slot_health(end, Kept::of(&info), info.wal_status);
    }
    Ok(())
}

/// The most active parts that any partition of our tables has; a server has those of others, too. The
/// rows of a mirror are in the database that is called like its view's and `_raw`; those of a shard's have `_shard` behind it.
pub(crate) async fn parts(store: Arc<dyn Store>, pressure: Arc<Pressure>) {
    let sql = "SELECT max(parts) FROM (SELECT count() AS parts FROM system.parts WHERE active AND \
               (concat(database, '.', table) IN (SELECT target FROM millrace.tables) \
               OR concat(replaceRegexpOne(database, '(_raw)?(_shard)?$', ''), '.', table) IN (SELECT target FROM millrace.tables)) \
               GROUP BY database, table, partition_id)";
    let mut told = false;
    loop {
        tokio::time::sleep(PARTS_EVERY).await;
        let asked = store.query(sql).await;
        if let Err(error) = &asked
            && needs_help(error)
            && !std::mem::replace(&mut told, true)
        {
            tracing::warn!(error = %error.report(), "goes on without the store's parts, which hold it back where there are too many");
        }
        if let Ok(rows) = asked {
            let field = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
            let most = field.and_then(|text| text.parse().ok()).unwrap_or(0);
            pressure.parts.store(most, Ordering::Relaxed);
        }
    }
}

/// Shows a full disk while the store waits for room. Apart from `parts`, whose question may wait too.
pub(crate) async fn room(store: Arc<dyn Store>, status: Arc<Status>) {
    loop {
        status.set_out_of_room(store.is_out_of_room());
        tokio::time::sleep(ROOM_EVERY).await;
    }
}

/// The machine's busy time, where the system tells it.
pub(crate) async fn busy(pressure: Arc<Pressure>) {
    let mut last = cpu_times();
    loop {
        tokio::time::sleep(BUSY_EVERY).await;
        let now = cpu_times();
        if let (Some((busy, all)), Some((busy_then, all_then))) = (now, last) {
            let share = 1000 * busy.saturating_sub(busy_then) / all.saturating_sub(all_then).max(1);
            // Of the last seconds, not of an instant.
            let before = pressure.busy.load(Ordering::Relaxed);
            pressure.busy.store((before * 3 + share) / 4, Ordering::Relaxed);
        }
        last = now;
    }
}

/// Busy and all ticks of all cores since the start. Waiting for a disk is idle time, and so is what
/// runs at a nice value, merges among it: it gives way to everybody.
fn cpu_times() -> Option<(u64, u64)> {
    read_cpu_times(&std::fs::read_to_string("/proc/stat").ok()?)
}

fn read_cpu_times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    let ticks = line.split_whitespace().take(8).map(|field| field.parse().ok());
    let ticks: Vec<u64> = ticks.collect::<Option<_>>()?;
    let all = ticks.iter().sum::<u64>();
    Some((all - ticks.get(1)? - ticks.get(3)? - ticks.get(4)?, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting_nor_nice() {
        let stat = "cpu  10 1 20 300 40 2 3 4 99 99\ncpu0 1 2 3\n";
        assert_eq!(read_cpu_times(stat), Some((39, 380)));
        assert_eq!(read_cpu_times("intr 1 2 3\n"), None);
        assert_eq!(read_cpu_times("cpu  1 x\n"), None);
        assert!(cpu_times().is_some_and(|(busy, all)| busy < all));
    }
}
