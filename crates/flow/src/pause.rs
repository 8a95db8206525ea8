//! A pause that somebody asks for: what is answered, and how it outlives the process.
//!
//! While paused nothing is read and nothing is copied, and no session of ours is on the slot. The slot
//! itself stays, so the server keeps the log for it: that grows, and is told.

use crate::pipeline::Options;
use crate::retry::patiently;
use crate::status::{Status, now_us};
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{Rows, Store, ddl};

/// For the server to notice that we left.
const LEFT_MOST: Duration = Duration::from_secs(12);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paused {
    /// Seconds since 1970.
    pub since: i64,
    pub was_paused: bool,
    /// `None`: there is none, or the server could not be asked.
    pub slot: Option<Kept>,
}

/// The log that a server keeps for a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    pub retained_bytes: u64,
    /// Log that may still be written before the server may give the slot up; `None`: it has no limit
    /// for it.
    pub until_lost_bytes: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// Seconds since 1970; `None`: it was not paused.
    pub paused_since: Option<i64>,
}

const PAUSES: &str = "millrace.pauses (slot, since, version)";

/// When it was paused and how often that was written: see [`record`].
async fn read(store: &dyn Store, slot: &str) -> Result<(i64, i64)> {
    let slot = ddl::literal(slot);
    let sql = format!("SELECT since, version FROM millrace.pauses FINAL WHERE slot = {slot}");
    let Some(row) = store.query(&sql).await?.into_iter().next() else { return Ok((0, 0)) };
    let fields: Option<Vec<i64>> = row.into_iter().map(|field| field?.parse().ok()).collect();
    match fields.as_deref() {
        Some([since, version]) => Ok((*since, *version)),
        _ => Err(Error::bug("a row of millrace.pauses does not read back")),
    }
}

/// Since when the pipeline of the slot is paused, in seconds since 1970.
pub(crate) async fn since(store: &dyn Store, status: &Status, slot: &str) -> Result<Option<i64>> {
    let (since, _) = patiently(status, || read(store, slot)).await?;
    Ok((since > 0).then_some(since))
}

/// Begins a pause, or ends it. Returns since when it is paused now.
pub(crate) async fn record(
    paused: bool,
    store: &dyn Store,
    status: &Status,
    slot: &str,
) -> Result<i64> {
    let (_, version) = patiently(status, || read(store, slot)).await?;
    let since = if paused { now_us() / 1_000_000 } else { 0 };
    let row = [slot.to_owned(), since.to_string(), (version + 1).to_string()];
    let rows: Rows = vec![row.map(Some).to_vec()];
    patiently(status, || store.record(PAUSES, rows.clone())).await?;
    Ok(since)
}

/// What the server keeps for the slot, once nobody is on it any more.
pub(crate) async fn kept(options: &Options) -> Option<Kept> {
    let look = async {
        let client = source::client::connect(&options.address).await?;
        loop {
            let slot = source::slot::slot_info(&client, &options.slot).await?;
            match slot {
                Some(slot) if slot.active_pid.is_some() => tokio::time::sleep(LOOK_EVERY).await,
                slot => return Ok(slot.map(|slot| Kept::of(&slot))),
            }
        }
    };
    let looked: Result<Option<Kept>> =
        tokio::time::timeout(LEFT_MOST, look).await.unwrap_or(Ok(None));
    looked.unwrap_or_else(|error| {
        tracing::debug!(error = %error.report(), "could not look at the slot");
        None
    })
}

impl Kept {
    pub(crate) fn of(slot: &source::slot::Slot) -> Kept {
        Kept { retained_bytes: slot.retained_bytes, until_lost_bytes: slot.safe_wal_size }
    }
}
