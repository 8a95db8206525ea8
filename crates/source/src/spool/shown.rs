//! What others see of the spool while a thread has it.

use model::Lsn;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a spool holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    pub bytes: u64,
    /// When its oldest segment was begun, in seconds since 1970. `None`: it is empty.
    pub since: Option<i64>,
    /// Whole transactions up to here survive whatever happens to the machine.
    pub synced: Lsn,
    /// Nothing more is taken: at the limit, or for what the disk says.
    pub is_full: bool,
    pub full_for: Option<String>,
    /// The log goes there, and not to the store.
    pub is_filled: bool,
}

#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Held>);

impl Shown {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn held(&self) -> Held {
        self.lock().clone()
    }

    pub(super) fn set(&self, bytes: u64, since: Option<i64>, synced: Lsn) {
        let mut held = self.lock();
        (held.bytes, held.since, held.synced) = (bytes, since, synced);
    }

    pub(super) fn set_full(&self, why: Option<String>) {
        let mut held = self.lock();
        held.is_full = true;
        held.full_for = why.or(held.full_for.take());
    }

    pub(super) fn set_not_full(&self) {
        let mut held = self.lock();
        (held.is_full, held.full_for) = (false, None);
    }

    pub(super) fn set_filled(&self, is_filled: bool) {
        self.lock().is_filled = is_filled;
    }
}
