//! A task that ends with its owner.

use model::{Error, Result};
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
