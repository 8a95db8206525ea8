//! The thread that puts on disk what waits in memory for too long: then the log may be confirmed, whatever the
//! brokers do. A sink that keeps up never touches the disk.

use super::queue::{Disk, Inner, Queue};
use super::{Encoded, Error, Lsn, locked};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A broker that is well has answered by then. The confirmation of the log lags as long, which is what a record
/// of the store's takes.
const KEEP_AFTER: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A disk that was full is tried again.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// Written in one piece: all of it is there, or nothing.
const PIECE_BYTES: usize = 1 << 20;

pub(super) fn start(queue: &Arc<Queue>) {
    if queue.plan.spool.is_none() {
        return;
    }
    let of_thread = queue.clone();
    let thread = std::thread::Builder::new().name("sink spool".to_owned());
    if let Err(error) = thread.spawn(move || run(&of_thread)) {
        refuse(queue, format!("could not start the thread of its spool: {error}"));
    }
}

fn run(queue: &Queue) {
    while !queue.is_stopped() {
        if !wait(queue) {
            continue;
        }
        while keep_some(queue) && is_due(queue, &locked(&queue.inner)) {}
    }
    // Another one of this process may have it.
    *locked(&queue.spool) = None;
}

/// Whether something is due. A stop is seen soon enough.
fn wait(queue: &Queue) -> bool {
    let inner = locked(&queue.inner);
    let is_idle = |inner: &mut Inner| !is_due(queue, inner);
    let waited = queue.due.wait_timeout_while(inner, LOOK_EVERY, is_idle);
    waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
}

fn is_due(queue: &Queue, inner: &Inner) -> bool {
    let may = match &inner.disk {
        Disk::None | Disk::Opening => false,
        Disk::Works => true,
        Disk::Refuses(again, _) => *again <= Instant::now(),
    };
    let Some(since) = inner.since().filter(|_| may) else { return false };
    inner.is_urgent()
        || since.elapsed() >= KEEP_AFTER
        || inner.waiting_bytes >= queue.plan.queue_bytes_max / 2
}

/// The oldest in memory. `false`: not now.
pub(super) fn keep_some(queue: &Queue) -> bool {
    let mut spool = locked(&queue.spool);
    let Some(spool) = spool.as_mut() else { return false };
    // The sender takes nothing meanwhile; who puts does so behind them.
    let (in_flight, piece) = {
        let inner = locked(&queue.inner);
        let is_in_flight = inner.in_flight.iter().any(|encoded| !encoded.is_empty());
        match is_in_flight {
            true => (true, inner.in_flight.clone()),
            false => (false, next_piece(&inner)),
        }
    };
    if piece.is_empty() {
        return false;
    }
    let written = spool.append(&piece);
    if !matches!(written, Ok(true)) {
        refuse(queue, refusal(queue, written));
        return false;
    }
    let through = piece.last().map_or(Lsn::ZERO, Encoded::through);
    if in_flight {
        spool.take_appended();
    }
    let mut inner = locked(&queue.inner);
    match in_flight {
        true => inner.set_in_flight_kept(),
        false => {
            inner.waiting.drain(..piece.len());
            let bytes: usize = piece.iter().map(Encoded::size_bytes).sum();
            inner.waiting_bytes = inner.waiting_bytes.saturating_sub(bytes);
        }
    }
    inner.kept = inner.kept.max(through);
    inner.set_spooled(spool.unsent_bytes());
    inner.disk = Disk::Works;
    drop(inner);
    queue.wake_sender();
    queue.emptied.notify_one();
    true
}

/// Up to the last that would be missed: one behind it may still grow.
fn next_piece(inner: &Inner) -> Vec<Encoded> {
    let (mut piece, mut whole, mut bytes) = (Vec::new(), 0, 0);
    for (_, encoded) in &inner.waiting {
        if bytes >= PIECE_BYTES {
            break;
        }
        bytes += encoded.size_bytes();
        piece.push(encoded.clone());
        if !encoded.is_empty() {
            whole = piece.len();
        }
    }
    piece.truncate(whole);
    piece
}

fn refusal(queue: &Queue, written: io::Result<bool>) -> String {
    let Some(plan) = &queue.plan.spool else { return String::new() };
    let folder = plan.folder.display();
    let error = match written {
        Err(error) => Error::transient(format!("could not write to {folder}")).source(error),
        Ok(_) => Error::transient("could not put more of what waits on disk: it is full")
            .detail(format!("{folder} holds at most {} MiB.", plan.bytes_max >> 20))
            .hint("spool_mib under [[sink.kafka]]"),
    };
    error.report()
}

fn refuse(queue: &Queue, why: String) {
    let mut inner = locked(&queue.inner);
    if !std::mem::replace(&mut inner.is_refusal_told, true) {
        tracing::warn!(sink = %queue.plan.name, %why, "what has no room in memory is dropped, and counted");
    }
    inner.disk = Disk::Refuses(Instant::now() + REFUSED_PAUSE, why);
    drop(inner);
    queue.emptied.notify_one();
}
