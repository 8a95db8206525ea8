//! What is on its way into the store, one of each at a time, and what it is worth once it is there.

use crate::flush::Flushed;
use crate::task::Task;
use model::Result;
use std::time::Instant;

/// A flush, and the work that it is of.
pub(crate) struct Flight<P> {
    pub(crate) flushed: Task<Result<Flushed>>,
    pub(crate) prepared: P,
    pub(crate) begun: Instant,
    pub(crate) tables: usize,
}

/// Positions on their way into the store.
pub(crate) type Recording<P> = (P, Task<Result<()>>);

/// Without one on its way it waits for ever.
pub(crate) async fn flushed<P>(flight: &mut Option<Flight<P>>) -> Result<Flushed> {
    match flight {
        Some(flight) => flight.flushed.join().await?,
        None => std::future::pending().await,
    }
}

/// The same.
pub(crate) async fn recorded<P>(recording: &mut Option<Recording<P>>) -> Result<()> {
    match recording {
        Some((_, task)) => task.join().await?,
        None => std::future::pending().await,
    }
}
