//! The replication stream: one blocking thread a slot, from the socket to columns.
//!
//! ```text
//! socket ─▶ patient read ─▶ CopyData ─▶ pgoutput ─▶ open Blocks ─▶ Delivery ─▶ flow
//!    ▲                                                                        │
//!    └────────────────────── feedback ◀── Control::confirm ◀──────────────────┘
//! ```
//!
//! # Contract
//! - Deliveries come in log order. The channel is bounded; the thread never blocks for good on it and
//!   answers the server at least every 10 s whatever the receiver does.
//! - A transaction may be spread over many batches; `Batch::through` only ever names the end of a
//!   whole transaction (or an idle position of the server).
//! - Two rows with the same version are never separated by a cut.
//! - After an error the thread ends with [`Delivery::Ended`]; the receiver decides whether to start anew.

mod budget;
mod control;
mod draining;
mod open;
mod patience;
mod pgoutput;
mod reader;
pub mod tap;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use open::any_message;

pub use budget::{Budget, Permit};
pub use control::{Control, DEFAULT_AGE_US};

use crate::Address;
use crate::spool::Spool;
use model::{Block, Error, Lsn, Table, TableId, Version};
use std::sync::Arc;
use tap::{Tap, Tapped};
use tokio::sync::mpsc;

/// Which stream to read.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    pub address: Address,
    pub slot: String,
    pub publication: String,
    /// Where it begins, if the slot has not confirmed more: everything before is durable.
    pub from: Lsn,
    /// Ask for binary tuples; not possible when a column's type has no binary form that we read.
    pub binary: bool,
    /// The most memory that batches may hold together, from the reader until they are dropped.
    pub memory_bytes: usize,
    /// Where the log goes while nobody takes it.
    pub spool: Option<Arc<Spool>>,
}

/// What is asked of pgoutput.
pub(crate) fn wanted(publication: &str, binary: bool) -> String {
    let publication = publication.replace('"', "\"\"").replace('\'', "''");
    let binary = if binary { ", binary 'true'" } else { "" };
    format!("proto_version '1', publication_names '\"{publication}\"', messages 'true'{binary}")
}

/// Starts the reader's thread. After [`Delivery::Ended`] the channel closes; start anew to go on.
pub fn start(options: StreamOptions, control: Arc<Control>) -> mpsc::Receiver<Delivery> {
    start_tapped(options, control, None)
}

/// The same, with somebody who takes what comes beside the receiver.
pub fn start_tapped(
    options: StreamOptions,
    control: Arc<Control>,
    tap: Option<Box<dyn Tap>>,
) -> mpsc::Receiver<Delivery> {
    let (out, deliveries) = mpsc::channel(DELIVERIES_MAX);
    let name = format!("slot {}", options.slot);
    let thread = std::thread::Builder::new().name(name.chars().take(15).collect());
    let failed = out.clone();
    let spawned = thread.spawn(move || reader::run(&options, &control, out, tap));
    if let Err(error) = spawned {
        let error = Error::transient("could not start the reader's thread").source(error);
        let _ = failed.try_send(Delivery::Ended(error));
    }
    deliveries
}

/// Deliveries that wait for the receiver: one being written, one ready. Memory is bounded by bytes.
const DELIVERIES_MAX: usize = 2;

/// What the reader thread hands over.
#[derive(Debug)]
pub enum Delivery {
    Batch(Batch),
    /// What a [`Tap`] made of whole transactions, ahead of the batch that has their rows.
    Tapped(Tapped),
    /// A barrier: nothing after it is read until `reply` is answered. Sent before the first row of a
    /// relation in this session and whenever its description changes. `None`: skip its rows.
    Relation {
        relation: Relation,
        /// Of the transaction that it stands in.
        commit: Lsn,
        reply: std::sync::mpsc::SyncSender<Option<Arc<Table>>>,
    },
    /// A barrier like `Relation`: everything before it was delivered.
    Truncate {
        tables: Vec<TableId>,
        /// Rows of before are older, those of its own transaction too.
        version: Version,
        /// Microseconds since 1970.
        commit_us: i64,
        done: std::sync::mpsc::SyncSender<()>,
    },
    /// `pg_logical_emit_message`, when it was transactional or not.
    Message {
        prefix: String,
        content: Vec<u8>,
        lsn: Lsn,
    },
    /// Every transaction that committed before this position was delivered, and none that committed
    /// at or after it (see [`Control::hold_at`]).
    Held(Lsn),
    Ended(Error),
}

/// Rows in log order, a block a table, cut by bytes, rows or age.
#[derive(Debug, Default)]
pub struct Batch {
    /// At most one a table; empty when only the position moved.
    pub blocks: Vec<Block>,
    /// The end of the last whole transaction up to here: confirm it once these and all earlier
    /// blocks are durable.
    pub through: Lsn,
    /// The server's end of log when this was cut; lag is measured against it.
    pub server_end: Lsn,
    /// Commit times (µs since 1970) of the oldest and newest transaction with rows in here; 0 if none.
    pub oldest_commit_us: i64,
    pub newest_commit_us: i64,
    /// What a [`Tap`] made of the same log positions.
    pub tapped: Option<Tapped>,
    /// Keep it as long as the blocks.
    pub permit: Permit,
}

/// What pgoutput's Relation message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relation {
    pub id: TableId,
    pub schema: String,
    pub table: String,
    /// `d`, `n`, `f` or `i`.
    pub replica_identity: u8,
    pub columns: Vec<RelationColumn>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelationColumn {
    pub name: String,
    /// Part of the replica identity.
    pub in_identity: bool,
    pub type_oid: u32,
    pub typmod: i32,
}
