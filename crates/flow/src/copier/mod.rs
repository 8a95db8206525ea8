//! The copy beside the stream, from the first second: tables as one snapshot sees them.
//!
//! ```text
//! Snapshot ─▶ pieces of all tables ─▶ N workers: COPY ─▶ decode ─▶ insert ─▶ record the range
//!    ▲            (plan)                              (a block is inserted while the next decodes)
//!    └── what could not be finished goes into the next round, under a new snapshot
//! ```
//!
//! # What makes it exact
//! - **Mirrors** need nothing: copied rows carry the snapshot's position as their version, and every
//!   change committed after it wins, whichever arrives first.
//! - **Append tables** drop the stream's rows that committed before the first snapshot's position
//!   P1, and P1 is durable before a row of either kind is inserted ([`What::Begin`]). Until P1 is
//!   known the loop takes no row of the stream for that table and confirms nothing; then it reads
//!   the log again from the last confirmed position, if a row at or after P1 came by.
//! - **A later snapshot** S2 of an append table also sees rows that the stream has delivered, and
//!   rows that were copied and then updated. [`plan`] tells the rows that cannot be either from the
//!   others; for those S2 waits until the stream has delivered everything before P2, and takes only
//!   what the store does not have by key, counting rows older than P2.
//! - **Without a usable key** (or after the source changed one) a later snapshot starts over: it
//!   waits likewise, deletes every row older than P2, makes P2 the first position, and copies all.
//!   A crash in between starts over again, with nothing to repair.

mod piece;
mod plan;
mod round;
mod throttle;

pub(crate) use piece::forget_ranges;
pub(crate) use round::copy_tables;

use crate::status::Status;
use crate::tables::CopyState;
use model::{Error, Lsn, Result, TableId};
use source::Address;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Store, Target};
use tokio::sync::{RwLock, RwLockReadGuard, mpsc, oneshot, watch};

/// One table to copy.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) target: Arc<Target>,
    pub(crate) copy: CopyState,
    pub(crate) rekeyed_at: Arc<AtomicU64>,
    pub(crate) gate: Gate,
}

impl Job {
    fn id(&self) -> TableId {
        self.target.table.id
    }

    /// Facts whose key changed since count as others.
    fn is_rekeyed(&self) -> bool {
        if self.copy.repairs {
            return false;
        }
        let rekeyed_at = Lsn(self.rekeyed_at.load(Ordering::Acquire));
        CopyState { rekeyed_at, ..self.copy }.is_rekeyed()
    }
}

/// Rows pass it one block at a time. Closing waits for the block that is passing; after that
/// nothing more of this copy reaches the store.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<RwLock<bool>>);

impl Gate {
    pub(crate) async fn close(&self) {
        *self.0.write().await = true;
    }

    /// Whether it is the gate of the same copy.
    pub(crate) fn is(&self, other: &Gate) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    async fn is_closed(&self) -> bool {
        *self.0.read().await
    }

    /// Closing it waits until what is returned is dropped. Whoever holds it must not wait for the
    /// loop, which closes it.
    pub(crate) async fn pass(&self) -> Result<RwLockReadGuard<'_, bool>> {
        let passing = self.0.read().await;
        match *passing {
            false => Ok(passing),
            true => Err(Error::transient("could not go on: the copy is not wanted any more")),
        }
    }
}

/// What a copy tells the loop. By its gate the loop knows the copy that is still wanted.
pub(crate) struct Told {
    pub(crate) id: TableId,
    pub(crate) gate: Gate,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// To be made durable before the first row is inserted; then answer.
    Begin {
        copy: CopyState,
        ack: oneshot::Sender<()>,
    },
    Done,
    /// It is another table at the source than the one that was to be copied.
    Changed,
    Failed(Error),
}

#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) address: Address,
    pub(crate) publication: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) status: Arc<Status>,
    /// Everything that committed before this position is in the store.
    pub(crate) settled: watch::Receiver<Lsn>,
    pub(crate) told: mpsc::Sender<Told>,
}
