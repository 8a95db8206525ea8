//! What the receiver tells the thread, and sees of it, without waiting.

use super::again::{Again, Reread};
use super::{Place, Poison, Through};
use model::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::oneshot;

/// Shared by the thread and its receiver.
#[derive(Debug)]
pub struct Control {
    stop: AtomicBool,
    closed: AtomicBool,
    age_us: AtomicU64,
    /// A broker has answered.
    reached: AtomicBool,
    /// Messages were read that nobody has got yet.
    is_filling: AtomicBool,
    durable: Mutex<BTreeMap<Place, i64>>,
    lag: Mutex<BTreeMap<Place, Lag>>,
    trouble: Mutex<Option<String>>,
    again: Mutex<Option<Again>>,
}

/// How far a partition is, as the broker last said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lag {
    /// Behind the last message that a reader of committed ones sees.
    pub end: i64,
    /// Where the thread goes on: behind the last message, and marks that follow it.
    pub next: i64,
    /// Behind the last message alone.
    pub read: i64,
    /// When the last message that was read was produced, in milliseconds since 1970.
    pub read_ms: i64,
}

/// What the broker says of a partition.
pub(super) struct Ends<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) end: i64,
    /// No message waits before the end.
    pub(super) is_read: bool,
}

impl Control {
    pub fn new(age_us: u64) -> Control {
        Control {
            stop: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            age_us: AtomicU64::new(age_us),
            reached: AtomicBool::new(false),
            is_filling: AtomicBool::new(false),
            durable: Mutex::default(),
            lag: Mutex::default(),
            trouble: Mutex::default(),
            again: Mutex::default(),
        }
    }

    /// The thread commits what is durable, leaves the group and ends.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        let mut again = locked(&self.again);
        self.closed.store(true, Ordering::Release);
        *again = None;
    }

    /// Messages that could not be read, read now by the thread; its receiver settles their tables meanwhile.
    pub async fn read_again(&self, messages: Vec<Poison>) -> Result<Reread> {
        let gone = || Error::transient("could not read messages again: the consumer ended");
        let (reply, answer) = oneshot::channel();
        {
            let mut again = locked(&self.again);
            if self.is_closed() {
                return Err(gone());
            }
            *again = Some(Again { messages, reply });
        }
        answer.await.map_err(|_| gone())?
    }

    pub(super) fn take_again(&self) -> Option<Again> {
        locked(&self.again).take()
    }

    /// Whether the thread has ended.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn note_reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Whether a broker has answered, if with nothing to read.
    pub fn has_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// How old a batch may grow.
    pub fn set_age_us(&self, age_us: u64) {
        self.age_us.store(age_us, Ordering::Relaxed);
    }

    pub(super) fn age_us(&self) -> u64 {
        self.age_us.load(Ordering::Relaxed)
    }

    /// Everything before these offsets is durable: the group may know it.
    pub fn commit(&self, offsets: impl IntoIterator<Item = (Place, i64)>) {
        locked(&self.durable).extend(offsets);
    }

    pub(super) fn take_durable(&self) -> BTreeMap<Place, i64> {
        std::mem::take(&mut *locked(&self.durable))
    }

    pub(super) fn forget(&self, places: &[Place]) {
        locked(&self.durable).retain(|place, _| !places.contains(place));
        locked(&self.lag).retain(|place, _| !places.contains(place));
    }

    /// By partition, of those that are ours.
    pub fn lag(&self) -> BTreeMap<Place, Lag> {
        locked(&self.lag).clone()
    }

    /// What the broker says of partitions, those of others among them.
    pub(super) fn note_ends<'a>(&self, ends: impl Iterator<Item = Ends<'a>>) {
        let mut lags = locked(&self.lag);
        let is_filling = self.is_filling.load(Ordering::Relaxed);
        for now in ends {
            let place = Place { topic: now.topic.into(), partition: now.partition };
            let Some(lag) = lags.get_mut(&place) else { continue };
            lag.end = lag.end.max(now.end);
            // Marks of transactions are offsets without a message.
            if now.is_read && !is_filling {
                lag.next = lag.next.max(now.end);
            }
        }
    }

    pub(super) fn note_assigned(&self, place: &Place, next: i64) {
        locked(&self.lag).insert(place.clone(), Lag { end: next, next, read: next, read_ms: 0 });
    }

    pub(super) fn note_filling(&self) {
        self.is_filling.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_read(&self, through: &BTreeMap<Place, Through>) {
        let mut lags = locked(&self.lag);
        self.is_filling.store(false, Ordering::Relaxed);
        for (place, read) in through {
            let Some(lag) = lags.get_mut(place) else { continue };
            lag.next = lag.next.max(read.next);
            (lag.read, lag.read_ms) = (read.next, read.read_ms);
            lag.end = lag.end.max(lag.next);
        }
    }

    /// What keeps the thread from reading now, and may pass.
    pub fn trouble(&self) -> Option<String> {
        locked(&self.trouble).clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *locked(&self.trouble) = trouble;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
