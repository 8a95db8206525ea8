//! What waits for a sink's broker, and how far the sink is.
//!
//! ```text
//! put ─▶ memory ─────────────────────▶ next ─▶ done
//!          └ keeping.rs ─▶ disk ─▶ first ┘  └▶ put_back
//! ```
//!
//! What is on disk is older than what is in memory. Locks: the spool's before `inner`.

use super::ahead::Ahead;
use super::spool::Spool;
use super::{Encoded, Error, Lsn, Position, Result, SinkPlan, SinkReport, locked};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A transaction costs its broker the same whatever is in it.
const AT_ONCE_BYTES: usize = 8 << 20;

/// Between the stream's loop and the sink's threads.
pub(super) struct Queue {
    pub(super) plan: SinkPlan,
    pub(super) ahead: Ahead,
    pub(super) inner: Mutex<Inner>,
    /// `None`: not opened, or closed, or there is none.
    pub(super) spool: Mutex<Option<Spool>>,
    filled: Condvar,
    /// For who keeps things on disk.
    pub(super) due: Condvar,
    pub(super) emptied: Notify,
}

pub(super) struct Inner {
    /// With the time when it came.
    pub(super) waiting: VecDeque<(Instant, Encoded)>,
    /// With what is being sent, as long as that is in memory alone.
    pub(super) waiting_bytes: usize,
    /// What is being sent out of memory; it is kept if need be.
    pub(super) in_flight: Vec<Encoded>,
    pub(super) in_flight_since: Instant,
    sends_from_disk: bool,
    pub(super) disk: Disk,
    spooled_bytes: u64,
    /// Everything in memory is to be on disk soon.
    keeps_now: bool,
    /// Said once for all that waits.
    pub(super) is_refusal_told: bool,
    /// All of it was put here; `None`: what the topics have is not known yet.
    enqueued: Option<Position>,
    /// What lies before is not in memory alone.
    pub(super) kept: Lsn,
    acknowledged: Lsn,
    is_heard: bool,
    /// The position that it had counts no more, until its thread has looked again.
    is_anew: bool,
    /// What is on disk is not to be sent, once it is opened.
    forgets_disk: bool,
    /// What is not in the topics, and cannot be told any more.
    missed: Option<String>,
    trouble: Option<Trouble>,
    sent_messages: u64,
    dropped_messages: u64,
    lost_values: u64,
    is_stopped: bool,
}

/// Whether what waits can be put on disk.
pub(super) enum Disk {
    None,
    Opening,
    Works,
    /// It is tried again then; and why.
    Refuses(Instant, String),
}

/// Why nothing is sent now.
#[derive(Clone)]
struct Trouble {
    text: String,
    what: String,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Trouble {
        Trouble { text: error.report(), what: error.what().to_owned() }
    }
}

impl Queue {
    pub(super) fn new(plan: SinkPlan) -> Queue {
        let keeps =
            !plan.is_required && plan.spool.as_ref().is_some_and(|spool| spool.bytes_max > 0);
        let inner = Inner {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            in_flight: Vec::new(),
            in_flight_since: Instant::now(),
            sends_from_disk: false,
            disk: if keeps { Disk::Opening } else { Disk::None },
            spooled_bytes: 0,
            keeps_now: false,
            is_refusal_told: false,
            enqueued: None,
            kept: Lsn::ZERO,
            acknowledged: Lsn::ZERO,
            is_heard: false,
            is_anew: false,
            forgets_disk: false,
            missed: None,
            trouble: None,
            sent_messages: 0,
            dropped_messages: 0,
            lost_values: 0,
            is_stopped: false,
        };
        Queue {
            plan,
            ahead: Ahead::default(),
            inner: Mutex::new(inner),
            spool: Mutex::default(),
            filled: Condvar::new(),
            due: Condvar::new(),
            emptied: Notify::new(),
        }
    }

    pub(super) fn enqueued(&self) -> Option<Position> {
        locked(&self.inner).enqueued
    }

    /// Up to where the log may be confirmed for it. One that is not required has it once nothing of it is in
    /// memory alone, and where there is no room on disk nobody waits for that.
    pub(super) fn confirmable(&self) -> Lsn {
        let inner = locked(&self.inner);
        match inner.disk {
            _ if self.plan.is_required => inner.acknowledged,
            Disk::None | Disk::Refuses(..) => Lsn::MAX,
            Disk::Opening | Disk::Works if inner.is_bare() => Lsn::MAX,
            Disk::Opening | Disk::Works => inner.kept,
        }
    }

    /// Nothing has been heard of it yet.
    pub(super) fn is_opening(&self) -> bool {
        let inner = locked(&self.inner);
        inner.enqueued.is_none() && inner.trouble.is_none()
    }

    /// Something waits in memory, and its broker takes it.
    pub(super) fn can_empty(&self) -> bool {
        let inner = locked(&self.inner);
        inner.is_connected() && !inner.waiting.is_empty() && !self.ahead.is_running()
    }

    /// The same, or is being sent.
    pub(super) fn can_settle(&self) -> bool {
        self.can_empty() || !locked(&self.inner).in_flight.is_empty()
    }

    /// Whether the stream may bring more. It waits for the brokers of one that is required, and for the disk of
    /// one that is not, but not for a disk that refuses.
    pub(super) fn has_room(&self) -> bool {
        let inner = locked(&self.inner);
        let is_waited_for = self.plan.is_required || inner.disk.is_usable();
        !is_waited_for || inner.waiting_bytes < self.plan.queue_bytes_max
    }

    pub(super) async fn changed(&self) {
        self.emptied.notified().await;
    }

    pub(super) fn not_open(&self) -> Error {
        let trouble = locked(&self.inner).trouble.clone();
        let name = &self.plan.name;
        let error = Error::transient(format!("could not stream yet: sink {name} is not there"));
        match trouble {
            Some(trouble) => error.detail(format!("It {}.", trouble.what)),
            None => error.detail("It is being opened."),
        }
    }

    /// Its part of a batch. What is not required and has no room is dropped.
    pub(super) fn put(&self, mut encoded: Encoded) {
        let mut inner = locked(&self.inner);
        let before = inner.enqueued.unwrap_or_default();
        // A session that began further back may not have known.
        encoded.leave_out(before);
        encoded.shed();
        encoded.position = encoded.position.join(before);
        inner.enqueued = Some(encoded.position);
        inner.lost_values += encoded.lost;
        let has_room = inner.waiting_bytes < self.plan.queue_bytes_max;
        if !self.plan.is_required && !has_room && !inner.disk.is_usable() {
            inner.dropped_messages += encoded.messages().len() as u64;
            return;
        }
        if let Some((_, last)) = inner.waiting.back_mut()
            && last.is_empty()
            && encoded.is_empty()
        {
            last.position = encoded.position;
            return;
        }
        if inner.is_bare() {
            inner.kept = before.through;
        }
        inner.waiting_bytes += encoded.size_bytes();
        inner.waiting.push_back((Instant::now(), encoded));
        self.filled.notify_one();
        if inner.waiting_bytes >= self.plan.queue_bytes_max / 2 {
            self.due.notify_one();
        }
    }

    /// What an earlier process left on disk is sent first.
    pub(super) fn open_spool(&self) -> Result<()> {
        let mut spool = locked(&self.spool);
        let Some(plan) = &self.plan.spool else { return Ok(()) };
        if spool.is_some() || self.is_stopped() {
            return Ok(());
        }
        let opened = Spool::open(plan);
        let mut inner = locked(&self.inner);
        let keeps = !matches!(inner.disk, Disk::None);
        match opened {
            Ok(mut opened) => {
                if std::mem::take(&mut inner.forgets_disk) {
                    opened.forget();
                }
                if let Some(last) = opened.last() {
                    let behind = |(_, encoded): &mut (Instant, Encoded)| encoded.leave_out(last);
                    inner.waiting.iter_mut().for_each(behind);
                    inner.enqueued = Some(last.join(inner.enqueued.unwrap_or_default()));
                    inner.kept = inner.kept.max(last.through);
                }
                inner.spooled_bytes = opened.unsent_bytes();
                if keeps {
                    inner.disk = Disk::Works;
                }
                *spool = Some(opened);
                Ok(())
            }
            Err(error) => {
                if keeps {
                    inner.disk = Disk::Refuses(Instant::now(), error.report());
                }
                Err(error)
            }
        }
    }

    /// The topics have all up to here.
    pub(super) fn open(&self, position: Position) {
        let mut inner = locked(&self.inner);
        if inner.is_anew {
            return;
        }
        inner.enqueued = Some(position.join(inner.enqueued.unwrap_or_default()));
        inner.acknowledged = inner.acknowledged.max(position.through);
        (inner.trouble, inner.is_heard) = (None, true);
        drop(inner);
        self.emptied.notify_one();
    }

    /// A position of before counts no more. What waits is of the same log all the same.
    pub(super) fn renew(&self) {
        let spool = locked(&self.spool);
        let mut inner = locked(&self.inner);
        inner.is_anew = true;
        (inner.acknowledged, inner.kept) = (Lsn::ZERO, Lsn::ZERO);
        inner.enqueued = spool.as_ref().and_then(Spool::last);
        drop(inner);
        self.filled.notify_one();
    }

    /// What waits is of a log that may never have been on the server that is read now.
    pub(super) fn forget(&self) {
        let mut spool = locked(&self.spool);
        let mut inner = locked(&self.inner);
        let all = inner.waiting.iter().map(|(_, encoded)| encoded).chain(&inner.in_flight);
        let messages: usize = all.map(|encoded| encoded.messages().len()).sum();
        inner.dropped_messages += messages as u64;
        inner.waiting.clear();
        inner.in_flight.clear();
        (inner.waiting_bytes, inner.enqueued) = (0, None);
        let disk_bytes = inner.spooled_bytes;
        match spool.as_mut() {
            Some(spool) => spool.forget(),
            None => inner.forgets_disk = true,
        }
        inner.set_spooled(0);
        if messages > 0 || disk_bytes > 0 {
            tracing::warn!(sink = %self.plan.name, messages, disk_bytes, "what waits is of another server, and is not sent");
        }
    }

    /// Its thread looks at what the topics have.
    pub(super) fn begin_anew(&self) {
        locked(&self.inner).is_anew = false;
    }

    pub(super) fn is_anew(&self) -> bool {
        locked(&self.inner).is_anew
    }

    pub(super) fn set_missed(&self, what: String) {
        locked(&self.inner).missed = Some(what);
    }

    pub(super) fn set_trouble(&self, error: &Error) {
        locked(&self.inner).trouble = Some(error.into());
        self.due.notify_one();
        self.emptied.notify_one();
    }

    pub(super) fn has_trouble(&self) -> bool {
        locked(&self.inner).trouble.is_some()
    }

    /// What to send next, at once: more has come while the last was sent. It waits on until it is
    /// [`Queue::done`]. Empty: nothing came in that time.
    pub(super) fn next(&self, most: Duration) -> Result<Vec<Encoded>> {
        let inner = locked(&self.inner);
        let is_idle = |inner: &mut Inner| {
            let is_empty = inner.waiting.is_empty() && inner.spooled_bytes == 0;
            is_empty && !inner.is_stopped && !inner.is_anew
        };
        drop(self.filled.wait_timeout_while(inner, most, is_idle));
        let mut spool = locked(&self.spool);
        if let Some(spool) = spool.as_mut().filter(|spool| spool.has_more()) {
            let taken = spool.take(AT_ONCE_BYTES)?;
            if taken.is_empty() {
                spool.sent();
            }
            let mut inner = locked(&self.inner);
            (inner.sends_from_disk, inner.spooled_bytes) = (true, spool.unsent_bytes());
            return Ok(taken);
        }
        let mut inner = locked(&self.inner);
        let (mut taken, mut bytes) = (Vec::new(), 0);
        inner.in_flight_since = inner.waiting.front().map_or_else(Instant::now, |(came, _)| *came);
        while bytes < AT_ONCE_BYTES
            && let Some((_, encoded)) = inner.waiting.pop_front()
        {
            bytes += encoded.size_bytes();
            taken.push(encoded);
        }
        inner.sends_from_disk = false;
        inner.in_flight.clone_from(&taken);
        Ok(taken)
    }

    /// They could not be sent.
    pub(super) fn put_back(&self, batches: Vec<Encoded>) {
        let mut spool = locked(&self.spool);
        let mut inner = locked(&self.inner);
        let was_in_flight = !inner.in_flight.is_empty();
        inner.in_flight.clear();
        let since = inner.in_flight_since;
        match (inner.sends_from_disk, spool.as_mut()) {
            (true, Some(spool)) => spool.rewind(),
            (true, None) => {}
            // They were forgotten meanwhile.
            (false, _) if !was_in_flight => {}
            (false, _) => {
                let mut back = |encoded| inner.waiting.push_front((since, encoded));
                batches.into_iter().rev().for_each(&mut back);
            }
        }
    }

    pub(super) fn done(&self, batches: &[Encoded]) {
        let mut spool = locked(&self.spool);
        let from_disk = locked(&self.inner).sends_from_disk;
        // Before the lock of those who put: files are removed.
        let unsent = spool.as_mut().filter(|_| from_disk).map(|spool| {
            spool.sent();
            spool.unsent_bytes()
        });
        let mut inner = locked(&self.inner);
        for encoded in batches {
            inner.sent_messages += encoded.messages().len() as u64;
        }
        let through = batches.iter().map(Encoded::through).max().unwrap_or_default();
        if !inner.is_anew {
            inner.acknowledged = inner.acknowledged.max(through);
        }
        if from_disk {
            inner.spooled_bytes = unsent.unwrap_or(inner.spooled_bytes);
            // A file may have gone.
            if let Disk::Refuses(again, _) = &mut inner.disk {
                *again = Instant::now();
            }
        } else if !inner.in_flight.is_empty() {
            let bytes: usize = batches.iter().map(Encoded::size_bytes).sum();
            inner.waiting_bytes = inner.waiting_bytes.saturating_sub(bytes);
            inner.in_flight.clear();
            inner.kept = inner.kept.max(through);
        }
        inner.trouble = None;
        drop(inner);
        self.emptied.notify_one();
    }

    /// What waits in memory is to be on disk, whatever its broker does.
    pub(super) fn keep_now(&self) {
        let mut inner = locked(&self.inner);
        inner.keeps_now = !inner.is_bare();
        self.due.notify_one();
    }

    /// Nothing that matters is in memory alone, or nothing can be done about it.
    pub(super) fn is_kept(&self) -> bool {
        let inner = locked(&self.inner);
        inner.is_bare() || !inner.disk.is_usable()
    }

    pub(super) fn wake_sender(&self) {
        self.filled.notify_one();
    }

    /// Rows that were sent ahead of what waits here.
    pub(super) fn sent_ahead(&self, rows: &Encoded) {
        let mut inner = locked(&self.inner);
        inner.sent_messages += rows.messages().len() as u64;
        inner.lost_values += rows.lost;
        self.ahead.count(rows.messages().len());
    }

    pub(super) fn stop(&self) {
        locked(&self.inner).is_stopped = true;
        self.filled.notify_all();
        self.due.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        locked(&self.inner).is_stopped
    }

    pub(super) fn report(&self) -> SinkReport {
        let inner = locked(&self.inner);
        let refusal = match &inner.disk {
            Disk::Refuses(_, why) => Some(why),
            _ => None,
        };
        let error = inner.trouble.as_ref().map(|trouble| &trouble.text).or(inner.missed.as_ref());
        SinkReport {
            name: self.plan.name.clone(),
            brokers: self.plan.options.brokers.clone(),
            required: self.plan.is_required,
            connected: inner.is_connected(),
            acknowledged_lsn: inner.acknowledged.to_string(),
            queued_bytes: inner.waiting_bytes as u64,
            spooled_bytes: inner.spooled_bytes,
            sent_messages: inner.sent_messages,
            dropped_messages: inner.dropped_messages,
            lost_values: inner.lost_values,
            snapshot_rows: self.ahead.rows(),
            in_snapshot: self.ahead.is_running(),
            last_error: refusal.or(error).cloned(),
        }
    }
}

impl Inner {
    fn is_connected(&self) -> bool {
        self.is_heard && self.trouble.is_none()
    }

    /// Nothing that would be missed is in memory alone.
    pub(super) fn is_bare(&self) -> bool {
        let mut waiting = self.waiting.iter().map(|(_, encoded)| encoded);
        self.in_flight.iter().all(Encoded::is_empty) && waiting.all(Encoded::is_empty)
    }

    /// When the oldest came that would be missed.
    pub(super) fn since(&self) -> Option<Instant> {
        let in_flight = self.in_flight.iter().any(|encoded| !encoded.is_empty());
        let mut waiting = self.waiting.iter().filter(|(_, encoded)| !encoded.is_empty());
        match in_flight {
            true => Some(self.in_flight_since),
            false => waiting.next().map(|(came, _)| *came),
        }
    }

    /// Nobody is to wait for its broker any longer.
    pub(super) fn is_urgent(&self) -> bool {
        self.keeps_now || self.trouble.is_some()
    }

    /// Those on their way out of memory are on disk now.
    pub(super) fn set_in_flight_kept(&mut self) {
        let bytes: usize = self.in_flight.iter().map(Encoded::size_bytes).sum();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.in_flight.clear();
        self.sends_from_disk = true;
    }

    pub(super) fn set_spooled(&mut self, bytes: u64) {
        self.is_refusal_told &= self.spooled_bytes > 0;
        self.spooled_bytes = bytes;
        self.keeps_now &= !self.is_bare();
    }
}

impl Disk {
    fn is_usable(&self) -> bool {
        matches!(self, Disk::Opening | Disk::Works)
    }
}

#[cfg(test)]
mod tests;
