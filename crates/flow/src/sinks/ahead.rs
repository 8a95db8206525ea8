//! What a snapshot needs of the stream, and how far it is with the rows.

use super::{Lsn, locked};
use crate::tables::Settled;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Ahead {
    /// Of the last session; `None`: none was to begin yet, and there may be no slot.
    settled: Mutex<Option<Arc<Settled>>>,
    came: Condvar,
    /// Where the first try of this process stood.
    first: Mutex<Option<Lsn>>,
    rows: AtomicU64,
    is_running: AtomicBool,
}

impl Ahead {
    /// A session is to begin.
    pub(super) fn set_tables(&self, settled: Arc<Settled>) {
        *locked(&self.settled) = Some(settled);
        self.came.notify_all();
    }

    /// `None`: not in that time.
    pub(super) fn tables(&self, most: Duration) -> Option<Arc<Settled>> {
        let settled = locked(&self.settled);
        let waited = self.came.wait_timeout_while(settled, most, |settled| settled.is_none());
        waited.map_or_else(|poisoned| poisoned.into_inner().0, |(settled, _)| settled).clone()
    }

    pub(super) fn first(&self) -> Option<Lsn> {
        *locked(&self.first)
    }

    pub(super) fn begin(&self, at: Lsn) {
        *locked(&self.first) = Some(at);
        self.is_running.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.is_running.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}
