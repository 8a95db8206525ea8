//! A loop in a task of its own, as whoever started it has it: told to stop in order, or dropped.

use model::{Error, Result};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A store or a source that hangs must not keep the process from ending.
const SHUTDOWN_MOST: Duration = Duration::from_secs(10);

/// Dropped without a shutdown it ends where it stands.
pub(crate) struct Running {
    /// For messages.
    what: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<()>>,
    is_over: bool,
}

impl Running {
    pub(crate) fn new(
        what: &'static str,
        stop: watch::Sender<bool>,
        task: JoinHandle<Result<()>>,
    ) -> Running {
        Running { what, stop, task, is_over: false }
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self) -> Error {
        let ended = (&mut self.task).await;
        self.is_over = true;
        let what = self.what;
        match ended {
            Ok(Err(error)) => error,
            Ok(Ok(())) => Error::bug(format!("the {what} ended without a reason")),
            Err(panic) => Error::bug(format!("the {what} broke")).source(panic),
        }
    }

    /// What ended it before, and was not asked for yet, is told here.
    pub(crate) async fn shutdown(mut self) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        let _ = self.stop.send(true);
        match tokio::time::timeout(SHUTDOWN_MOST, &mut self.task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::bug(format!("the {} broke", self.what)).source(panic)),
            Err(_) => Err(Error::transient("could not finish in time")
                .detail("What was not made durable will be read again at the next start.")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
