//! One life of the stream: its thread, its channel, and the end of both.

use crate::task::Task;
use model::{Error, Lsn, Result};
use source::spool::Quiet;
use source::stream::tap::Tap;
use source::stream::{self, Control, Delivery, StreamOptions};
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

pub(crate) struct Session {
    /// Counts up; work of an earlier session moves no position.
    pub(crate) number: u64,
    pub(crate) binary: bool,
    pub(crate) control: Arc<Control>,
    deliveries: Receiver<Delivery>,
    /// Of a session without a spool.
    _quiet: Option<Quiet>,
    /// Of the slot, at the store; see [`crate::claim::of_stream`].
    claiming: Task<Error>,
}

impl Session {
    pub(crate) fn start(
        options: StreamOptions,
        quiet: Option<Quiet>,
        number: u64,
        confirmed: Lsn,
        age_us: u64,
        tap: Option<Box<dyn Tap>>,
        claim: impl FnOnce(watch::Receiver<bool>) -> Task<Error>,
    ) -> Session {
        let control = Arc::new(Control::new(confirmed));
        control.set_age_us(age_us);
        let binary = options.binary;
        let deliveries = stream::start_tapped(options, control.clone(), tap);
        let claiming = claim(control.holds_slot());
        Session { number, binary, control, deliveries, _quiet: quiet, claiming }
    }

    /// `None`: the thread has ended. An error: another process has claimed the slot.
    pub(crate) async fn next(&mut self) -> Result<Option<Delivery>> {
        tokio::select! {
            biased;
            overtaken = self.claiming.join() => Err(overtaken.unwrap_or_else(|broke| broke)),
            delivery = self.deliveries.recv() => Ok(delivery),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closed first: a thread without a receiver has nothing to wait for.
        self.deliveries.close();
        self.control.stop();
    }
}
