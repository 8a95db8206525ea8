//! A task that ends with its owner, and questions that are not waited for without end.

use model::{Error, Result};
use std::time::Duration;
use tokio::task::JoinHandle;

pub(crate) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(tokio::spawn(work))
    }

    pub(crate) async fn join(&mut self) -> Result<T> {
        (&mut self.0).await.map_err(|panic| Error::bug("a task broke").source(panic))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a source answers at once or not at all: a connection may be dead and not know it.
const ANSWER_MOST: Duration = Duration::from_secs(30);

pub(crate) async fn in_time<T>(ask: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(ANSWER_MOST, ask).await.unwrap_or_else(|_| {
        Err(Error::transient("could not look at the source")
            .detail(format!("It did not answer within {ANSWER_MOST:?}.")))
    })
}
