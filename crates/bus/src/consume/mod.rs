//! The consumer: one thread a group's member, from the broker to columns.
//!
//! ```text
//! poll ─▶ read::Reader ─▶ open blocks ─▶ Delivery ─▶ flow
//!  ▲                                        │
//!  └── committed offsets ◀── Control::commit ◀┘
//! ```
//!
//! # Contract
//! - Messages of a partition come in its order. The channel is bounded; while it is full, the thread goes on
//!   to answer the group.
//! - `Assigned`, `Revoked`, `Shape` and `Truncate` are barriers: all before them was delivered, and nothing
//!   after them is read until they are answered.
//! - No offset is committed that the receiver has not said to be durable.
//! - After an error the thread ends with [`Delivery::Ended`]; the receiver decides whether to start anew.

mod again;
mod context;
mod control;
mod open;
mod thread;

pub use again::{Reread, fetch};
pub use control::{Control, Lag};

use crate::read::ReaderOptions;
use crate::security::Security;
use model::{Block, Error, Lsn, Table, Version};
use source::stream::Permit;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::sync::mpsc;

/// What to read, and as whom.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    pub brokers: String,
    pub security: Security,
    /// Names; one that begins with `^` is a pattern.
    pub topics: Vec<String>,
    pub group: String,
    pub reader: ReaderOptions,
    /// A table is a history: headers are read, which say of a key what it was before.
    pub key_changes: bool,
    /// The most memory that batches may hold together, from the thread until they are dropped.
    pub memory_bytes: usize,
}

/// Partitions of topics, by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// A partition that the group gave us, as the broker has it.
#[derive(Clone, Debug)]
pub struct Assigned {
    pub place: Place,
    /// The first offset that is there, and the one behind the last.
    pub low: i64,
    pub high: i64,
    /// What the group has committed.
    pub committed: Option<i64>,
}

/// From where a partition is read. A topic that was made anew begins another epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
    pub epoch: u16,
    pub offset: i64,
}

/// How rows of a table are gathered.
#[derive(Clone, Debug)]
pub struct Settled {
    /// As the receiver keeps it: the same columns in the same order.
    pub table: Arc<Table>,
    /// Partitions apart, each in its order, with the times of their commits.
    pub is_ordered: bool,
    /// A key that changed is one change, told by the new key's message.
    pub is_history: bool,
}

/// What the thread hands over.
#[derive(Debug)]
pub enum Delivery {
    Batch(Batch),
    /// `None`: what the broker says is not to be believed yet, and is asked for again a moment later.
    Assigned {
        partitions: Vec<Assigned>,
        /// Since the first time that it was asked for.
        looked_for: Duration,
        reply: SyncSender<Option<Vec<Begin>>>,
    },
    Revoked {
        partitions: Vec<Place>,
        /// Others have them already: nothing more of them may be written.
        are_lost: bool,
        done: SyncSender<()>,
    },
    /// A table has another shape from here on, or is new. `None`: its rows are skipped.
    Shape {
        table: Arc<Table>,
        topic: Arc<str>,
        reply: SyncSender<Option<Settled>>,
    },
    /// Every row of a table goes.
    Truncate {
        table: Arc<Table>,
        place: Place,
        version: Version,
        /// Of the source, zero: not known.
        lsn: Lsn,
        commit_us: i64,
        done: SyncSender<()>,
    },
    Ended(Error),
}

/// Rows of partitions, each in its order, cut by bytes, rows or age.
#[derive(Debug, Default)]
pub struct Batch {
    pub parts: Vec<Part>,
    /// Where each partition goes on: commit these once all parts up to here are durable.
    pub through: BTreeMap<Place, Through>,
    pub poison: Vec<Poison>,
    /// Commit times (µs since 1970) of the oldest and newest row; 0: there is none.
    pub oldest_commit_us: i64,
    pub newest_commit_us: i64,
    /// Keep it as long as the blocks.
    pub permit: Permit,
}

/// How far a partition was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Through {
    /// Behind the last message.
    pub next: i64,
    /// When that one was produced, in milliseconds since 1970.
    pub read_ms: i64,
}

/// Rows of one table.
#[derive(Debug)]
pub struct Part {
    pub block: Block,
    pub topic: Arc<str>,
    /// Where partitions are apart.
    pub partition: Option<i32>,
}

/// A message that cannot be read, as it was.
#[derive(Clone, Debug)]
pub struct Poison {
    pub place: Place,
    pub offset: i64,
    pub version: Version,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Of a key that changed, as in [`Message`](crate::Message).
    pub new_key: Option<Vec<u8>>,
    pub old_key: Option<Vec<u8>>,
    pub reason: String,
}

/// The rows of a key are in one partition, so its offset orders them. Beside it the position in the
/// source's own log, where the message says it.
pub fn version(epoch: u16, offset: i64, lsn: Lsn) -> Version {
    Version::of_change(position(epoch, offset), lsn)
}

/// An offset as a position: the first one is not zero.
pub fn position(epoch: u16, offset: i64) -> Lsn {
    Lsn(u64::from(epoch) << OFFSET_BITS | offset as u64)
}

/// Of a version's upper half. So many messages take a partition centuries.
const OFFSET_BITS: u32 = 48;

/// The first epoch of a partition.
pub const FIRST_EPOCH: u16 = 1;

/// Deliveries that wait for the receiver: one being written, one ready. Memory is bounded by bytes.
const DELIVERIES_MAX: usize = 2;

/// Starts the thread. `known`: tables as they were last seen. After [`Delivery::Ended`] the channel closes.
pub fn start(
    options: ConsumerOptions,
    known: Vec<Table>,
    control: Arc<Control>,
) -> mpsc::Receiver<Delivery> {
    let (out, deliveries) = mpsc::channel(DELIVERIES_MAX);
    let failed = out.clone();
    let spawned = std::thread::Builder::new()
        .name("kafka".to_owned())
        .spawn(move || thread::run(options, known, &control, out));
    if let Err(error) = spawned {
        let error = Error::transient("could not start the consumer's thread").source(error);
        let _ = failed.try_send(Delivery::Ended(error));
    }
    deliveries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_offsets_and_a_topic_made_anew_comes_later() {
        let first = version(FIRST_EPOCH, 0, Lsn::ZERO);
        assert!(first > Version(0));
        assert!(version(FIRST_EPOCH, 1, Lsn::ZERO) > version(FIRST_EPOCH, 0, Lsn::MAX));
        assert!(version(2, 0, Lsn::ZERO) > version(1, (1 << 48) - 1, Lsn::MAX));
        assert_eq!(version(1, 7, Lsn(9)).commit(), position(1, 7));
    }
}
