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

use crate::Address;
use model::{Block, Error, Lsn, Table, TableId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which stream to read.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    pub address: Address,
    pub slot: String,
    pub publication: String,
    /// Ask for binary tuples; not possible when a column's type has no binary form that we read.
    pub binary: bool,
    /// The most memory that batches may hold together, from the reader until they are dropped.
    pub memory_bytes: usize,
}

/// Starts the reader's thread. It begins where the slot was last confirmed. After
/// [`Delivery::Ended`] the channel closes; start anew to go on.
pub fn start(
    _options: StreamOptions,
    _control: Arc<Control>,
) -> tokio::sync::mpsc::Receiver<Delivery> {
    tokio::sync::mpsc::channel(1).1
}

/// Bytes of the memory budget; they are free again when this is dropped.
#[derive(Debug, Default)]
pub struct Permit {}

/// What the reader thread hands over.
#[derive(Debug)]
pub enum Delivery {
    Batch(Batch),
    /// A barrier: nothing after it is read until `reply` is answered. Sent before the first row of a
    /// relation in this session and whenever its description changes. `None`: skip its rows.
    Relation {
        relation: Relation,
        reply: std::sync::mpsc::SyncSender<Option<Arc<Table>>>,
    },
    /// A barrier like `Relation`: everything before it was delivered.
    Truncate {
        tables: Vec<TableId>,
        commit: Lsn,
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

/// What others tell the running thread, without locks.
#[derive(Debug)]
pub struct Control {
    /// Postgres may forget the log up to here.
    confirmed: AtomicU64,
    /// Stop before the first transaction whose commit is at or after this position.
    hold_at: AtomicU64,
    /// Cut the open batch when its oldest row is this old.
    age_us: AtomicU64,
    stop: AtomicU64,
    received: AtomicU64,
}

impl Control {
    pub fn new(confirmed: Lsn) -> Control {
        Control {
            confirmed: AtomicU64::new(confirmed.0),
            hold_at: AtomicU64::new(u64::MAX),
            age_us: AtomicU64::new(DEFAULT_AGE_US),
            stop: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// Moves the confirmed position forward; an earlier one changes nothing.
    pub fn confirm(&self, durable: Lsn) {
        self.confirmed.fetch_max(durable.0, Ordering::Release);
    }

    pub fn confirmed(&self) -> Lsn {
        Lsn(self.confirmed.load(Ordering::Acquire))
    }

    /// [`Lsn::ZERO`] holds before the next transaction, [`Lsn::MAX`] lets everything through.
    pub fn set_hold(&self, before: Lsn) {
        self.hold_at.store(before.0, Ordering::Release);
    }

    pub fn hold_at(&self) -> Lsn {
        Lsn(self.hold_at.load(Ordering::Acquire))
    }

    pub fn set_age_us(&self, age_us: u64) {
        self.age_us.store(age_us, Ordering::Relaxed);
    }

    pub fn age_us(&self) -> u64 {
        self.age_us.load(Ordering::Relaxed)
    }

    /// Ends the thread after its current read; it tells the server goodbye with a last feedback.
    pub fn stop(&self) {
        self.stop.store(1, Ordering::Release);
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) != 0
    }

    /// The last position that came over the wire.
    pub fn received(&self) -> Lsn {
        Lsn(self.received.load(Ordering::Relaxed))
    }

    pub fn set_received(&self, lsn: Lsn) {
        self.received.store(lsn.0, Ordering::Relaxed);
    }
}

/// Until the flow says otherwise.
pub const DEFAULT_AGE_US: u64 = 50_000;
