//! What waits for a sink's broker, and how far the sink is.

use super::ahead::Ahead;
use super::{Encoded, Error, Lsn, Position, SinkPlan, SinkReport, locked};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// A transaction costs its broker the same whatever is in it.
const AT_ONCE_BYTES: usize = 8 << 20;

/// Between the stream's loop and the sink's thread.
pub(super) struct Queue {
    pub(super) plan: SinkPlan,
    pub(super) ahead: Ahead,
    inner: Mutex<Inner>,
    filled: Condvar,
    emptied: Notify,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Encoded>,
    waiting_bytes: usize,
    /// All of it was put here; `None`: what the topics have is not known yet.
    enqueued: Option<Position>,
    acknowledged: Lsn,
    trouble: Option<Trouble>,
    sent_messages: u64,
    dropped_messages: u64,
    lost_values: u64,
    is_stopped: bool,
}

/// Why nothing is sent now.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) text: String,
    what: String,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Trouble {
        Trouble { text: error.report(), what: error.what().to_owned() }
    }
}

impl Queue {
    pub(super) fn new(plan: SinkPlan) -> Queue {
        let (inner, filled, emptied) = Default::default();
        Queue { plan, ahead: Ahead::default(), inner, filled, emptied }
    }

    pub(super) fn enqueued(&self) -> Option<Position> {
        locked(&self.inner).enqueued
    }

    pub(super) fn acknowledged(&self) -> Lsn {
        locked(&self.inner).acknowledged
    }

    /// Nothing has been heard of it yet.
    pub(super) fn is_opening(&self) -> bool {
        let inner = locked(&self.inner);
        inner.enqueued.is_none() && inner.trouble.is_none()
    }

    /// Something waits, and is being sent.
    pub(super) fn can_empty(&self) -> bool {
        let inner = locked(&self.inner);
        let is_open = inner.enqueued.is_some() && inner.trouble.is_none();
        is_open && !inner.waiting.is_empty() && !self.ahead.is_running()
    }

    pub(super) fn has_room(&self) -> bool {
        locked(&self.inner).waiting_bytes < self.plan.queue_bytes_max
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
    pub(super) fn put(&self, encoded: Encoded) {
        let mut inner = locked(&self.inner);
        // A session that repeats the log says again where it was.
        inner.enqueued = inner.enqueued.max(Some(encoded.position));
        inner.lost_values += encoded.lost;
        let has_room = inner.waiting_bytes < self.plan.queue_bytes_max;
        if !self.plan.is_required && !has_room {
            inner.dropped_messages += encoded.messages().count() as u64;
            return;
        }
        inner.waiting_bytes += encoded.size_bytes();
        inner.waiting.push_back(encoded);
        self.filled.notify_one();
    }

    /// The stream begins without it.
    pub(super) fn leave_out(&self) {
        tracing::warn!(
            sink = %self.plan.name,
            "its broker is away: what is committed until the stream's next session is not sent"
        );
    }

    /// The topics have all up to here.
    pub(super) fn open(&self, position: Position) {
        let mut inner = locked(&self.inner);
        inner.enqueued.get_or_insert(position);
        inner.acknowledged = inner.acknowledged.max(position.through);
        inner.trouble = None;
        drop(inner);
        self.emptied.notify_one();
    }

    pub(super) fn set_trouble(&self, error: &Error) {
        locked(&self.inner).trouble = Some(error.into());
        self.emptied.notify_one();
    }

    pub(super) fn has_trouble(&self) -> bool {
        locked(&self.inner).trouble.is_some()
    }

    /// What to send next, at once: more has come while the last was sent. It waits on until it is
    /// [`Queue::done`]. Empty: nothing came in that time.
    pub(super) fn next(&self, most: Duration) -> Vec<Encoded> {
        let inner = locked(&self.inner);
        let is_idle = |inner: &mut Inner| inner.waiting.is_empty() && !inner.is_stopped;
        let waited = self.filled.wait_timeout_while(inner, most, is_idle);
        let mut inner = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(inner, _)| inner);
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < AT_ONCE_BYTES
            && let Some(encoded) = inner.waiting.pop_front()
        {
            bytes += encoded.size_bytes();
            taken.push(encoded);
        }
        taken
    }

    /// They could not be sent.
    pub(super) fn put_back(&self, batches: Vec<Encoded>) {
        let mut inner = locked(&self.inner);
        batches.into_iter().rev().for_each(|encoded| inner.waiting.push_front(encoded));
    }

    pub(super) fn done(&self, batches: &[Encoded]) {
        let mut inner = locked(&self.inner);
        for encoded in batches {
            inner.waiting_bytes = inner.waiting_bytes.saturating_sub(encoded.size_bytes());
            inner.acknowledged = inner.acknowledged.max(encoded.through());
            inner.sent_messages += encoded.messages().count() as u64;
        }
        inner.trouble = None;
        drop(inner);
        self.emptied.notify_one();
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
    }

    pub(super) fn is_stopped(&self) -> bool {
        locked(&self.inner).is_stopped
    }

    pub(super) fn report(&self) -> SinkReport {
        let inner = locked(&self.inner);
        SinkReport {
            name: self.plan.name.clone(),
            brokers: self.plan.options.brokers.clone(),
            required: self.plan.is_required,
            connected: inner.enqueued.is_some() && inner.trouble.is_none(),
            acknowledged_lsn: inner.acknowledged.to_string(),
            queued_bytes: inner.waiting_bytes as u64,
            sent_messages: inner.sent_messages,
            dropped_messages: inner.dropped_messages,
            lost_values: inner.lost_values,
            snapshot_rows: self.ahead.rows(),
            in_snapshot: self.ahead.is_running(),
            last_error: inner.trouble.as_ref().map(|trouble| trouble.text.clone()),
        }
    }
}
