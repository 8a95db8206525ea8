//! What the reader's thread and its owner tell one another, without locks.

use model::Lsn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// What others tell the running thread, without locks.
#[derive(Debug)]
pub struct Control {
    /// Postgres may forget the log up to here.
    confirmed: AtomicU64,
    /// Stop before the first transaction whose commit is at or after this position.
    hold_at: AtomicU64,
    /// Cut the open batch when its oldest row is this old.
    age_us: AtomicU64,
    stop: AtomicBool,
    closed: AtomicBool,
    received: AtomicU64,
    holds_slot: watch::Sender<bool>,
}

impl Control {
    pub fn new(confirmed: Lsn) -> Control {
        Control {
            confirmed: AtomicU64::new(confirmed.0),
            hold_at: AtomicU64::new(u64::MAX),
            age_us: AtomicU64::new(DEFAULT_AGE_US),
            stop: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            received: AtomicU64::new(0),
            holds_slot: watch::Sender::new(false),
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

    /// Ends the stream: what was read is still delivered, then the channel closes. The thread stays
    /// until that is confirmed, for at most 10 s, and tells the server.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The thread has ended and the server knows what was confirmed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the server lets us read from the slot, as far as the thread knows.
    pub fn holds_slot(&self) -> watch::Receiver<bool> {
        self.holds_slot.subscribe()
    }

    pub(super) fn set_holds_slot(&self, holds: bool) {
        self.holds_slot.send_replace(holds);
    }

    /// As long as what is returned lives.
    pub(super) fn hold_slot(&self) -> HoldsSlot<'_> {
        self.set_holds_slot(true);
        HoldsSlot(self)
    }

    /// The last position that came over the wire.
    pub fn received(&self) -> Lsn {
        Lsn(self.received.load(Ordering::Relaxed))
    }

    pub(super) fn set_received(&self, lsn: Lsn) {
        self.received.store(lsn.0, Ordering::Relaxed);
    }
}

pub(super) struct HoldsSlot<'a>(&'a Control);

impl Drop for HoldsSlot<'_> {
    fn drop(&mut self) {
        self.0.set_holds_slot(false);
    }
}

/// Until the flow says otherwise.
pub const DEFAULT_AGE_US: u64 = 50_000;
