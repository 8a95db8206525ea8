//! When a sink may take its snapshot, and how far it is with the rows.
//!
//! Between two sessions of the stream alone: the slot is there, what the last session read is older than the
//! snapshot, and the next one begins before it. A session that does not wait for a sink shuts it out: what it has
//! told the others by then nobody would tell this one.

use super::locked;
use crate::tables::Settled;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A snapshot waits for the transactions that write. One that failed, or took longer than a session waits, is not
/// asked for again at once: each time the stream stands still.
const LATER: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Ahead {
    gate: Mutex<Gate>,
    changed: Condvar,
    rows: AtomicU64,
    is_running: AtomicBool,
}

#[derive(Default)]
struct Gate {
    /// The tables of the last session.
    settled: Option<Arc<Settled>>,
    /// It has not begun yet.
    is_open: bool,
    /// From its broker's answer until the snapshot is there.
    is_waiting: bool,
    not_before: Option<Instant>,
}

impl Ahead {
    /// A session is to begin.
    pub(super) fn let_in(&self, settled: Arc<Settled>) {
        let mut gate = locked(&self.gate);
        (gate.settled, gate.is_open) = (Some(settled), true);
        self.changed.notify_all();
    }

    /// It begins.
    pub(super) fn shut(&self) {
        locked(&self.gate).is_open = false;
    }

    /// It needs a session that begins.
    pub(super) fn waits(&self) -> bool {
        let gate = locked(&self.gate);
        let may_ask = gate.not_before.is_none_or(|at| Instant::now() >= at);
        gate.is_waiting && !gate.is_open && !self.is_running() && may_ask
    }

    /// A session that begins had better wait for it.
    pub(super) fn is_coming(&self) -> bool {
        locked(&self.gate).is_waiting && !self.is_running()
    }

    /// It failed, and tries again later.
    pub(super) fn leave(&self) {
        let mut gate = locked(&self.gate);
        if std::mem::take(&mut gate.is_waiting) {
            gate.not_before = Some(Instant::now() + LATER);
        }
    }

    /// `None`: not in that time. One that runs already goes on whenever it can: sessions know of it.
    pub(super) fn wait(&self, most: Duration) -> Option<Arc<Settled>> {
        let mut gate = locked(&self.gate);
        gate.is_waiting = true;
        let is_shut = |gate: &mut Gate| !gate.is_open && !self.is_running();
        let waited = self.changed.wait_timeout_while(gate, most, is_shut);
        let mut gate = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(gate, _)| gate);
        let is_shut = is_shut(&mut gate);
        gate.settled.clone().filter(|_| !is_shut)
    }

    /// `false`: the session has begun, and nothing was done.
    pub(super) fn pass(&self, open: impl FnOnce()) -> bool {
        let mut gate = locked(&self.gate);
        let may_pass = gate.is_open || self.is_running();
        if may_pass {
            self.is_running.store(true, Ordering::Relaxed);
            open();
        }
        gate.is_waiting = false;
        gate.not_before = (!may_pass).then(|| Instant::now() + LATER);
        may_pass
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
