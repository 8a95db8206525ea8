//! The thread of a sink: what waits, in order, until its broker has it.

use super::queue::Queue;
use super::{Source, before};
use bus::write::{Position, Producer};
use model::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at whether it is to end.
const WAIT_MOST: Duration = Duration::from_millis(500);
/// What a person has to mend may be mended without a restart.
const DEFINITE_PAUSE: Duration = Duration::from_secs(30);
/// That pause doubles so often: half an hour at most.
const SNAPSHOT_TRIES_MOST: u32 = 6;

pub(super) fn start(queue: Arc<Queue>, source: Source) {
    let name = format!("sink {}", queue.plan.name);
    let of_thread = queue.clone();
    let thread = std::thread::Builder::new().name(name.chars().take(15).collect());
    if let Err(error) = thread.spawn(move || run(&of_thread, &source)) {
        queue.set_trouble(&Error::transient("could not start the sink's thread").source(error));
    }
}

fn run(queue: &Queue, source: &Source) {
    let mut tries = 0;
    while !queue.is_stopped() {
        queue.begin_anew();
        let opened = queue.open_spool().and_then(|()| Producer::open(&queue.plan.options));
        let ended = opened.and_then(|mut producer| {
            let known = before::open(queue, source, &mut producer)?;
            serve(queue, producer, known)
        });
        let Err(error) = ended else { continue };
        if queue.is_stopped() || queue.is_anew() {
            continue;
        }
        if !queue.has_trouble() {
            tracing::warn!(sink = %queue.plan.name, error = %error.report(), "nothing is sent now; trying again");
            // With each try at a snapshot all rows come again, however far it came.
            tries = if queue.ahead.is_running() { tries } else { 0 };
        }
        queue.set_trouble(&error);
        tries += 1;
        let longer = if queue.ahead.is_running() { 1 << tries.min(SNAPSHOT_TRIES_MOST) } else { 1 };
        let pause = crate::retry::pause(error.fate(), tries).unwrap_or(DEFINITE_PAUSE * longer);
        let begun = Instant::now();
        while begun.elapsed() < pause && !queue.is_stopped() && !queue.is_anew() {
            std::thread::sleep(WAIT_MOST.min(pause));
        }
    }
}

/// Until something fails: what was not sent waits on. `known`: of the session before, one may have been committed
/// although nobody heard of it; and what the disk holds, or a stream that began without knowing, may have been sent
/// long ago.
fn serve(queue: &Queue, mut producer: Producer, known: Position) -> Result<()> {
    let heartbeat = queue.plan.options.heartbeat;
    let mut told = Instant::now();
    while !queue.is_stopped() && !queue.is_anew() {
        let mut batches = queue.next(WAIT_MOST)?;
        if queue.is_anew() {
            // Not by a producer that knows of the server of before.
            queue.put_back(batches);
            break;
        }
        if !batches.is_empty() {
            batches.iter_mut().for_each(|encoded| encoded.leave_out(known));
            if let Err(error) = producer.send(&mut batches) {
                queue.put_back(batches);
                return Err(error);
            }
            queue.done(&batches);
            told = Instant::now();
        } else if !heartbeat.is_zero() && told.elapsed() >= heartbeat {
            producer.heartbeat(crate::status::now_us() / 1000)?;
            told = Instant::now();
        }
    }
    Ok(())
}
