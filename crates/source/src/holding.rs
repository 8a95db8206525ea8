//! The slot in the hands of somebody who reads nothing: nobody else has it meanwhile.

use crate::wire::Session;
use crate::{Address, stream};
use model::{Error, Lsn, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Well within any wal_sender_timeout.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// It is let go when this is dropped, at the latest.
pub struct Holding {
    address: Address,
    slot: String,
    letting_go: Sender<()>,
    thread: JoinHandle<()>,
}

/// Fails where another one has it.
pub async fn hold(address: &Address, slot: &str, publication: &str) -> Result<Holding> {
    let (address, slot) = (address.clone(), slot.to_owned());
    let wanted = stream::wanted(publication, false);
    blocking(move || {
        let mut session = Session::connect_replicating(&address)?;
        session.start_replication(&slot, Lsn::ZERO, &wanted)?;
        let (letting_go, until) = channel();
        let thread = std::thread::Builder::new().name("holding".into());
        let thread = thread.spawn(move || stay(session, &until)).map_err(|error| {
            Error::transient("could not start the thread that holds the slot").source(error)
        })?;
        Ok(Holding { address, slot, letting_go, thread })
    })
    .await
}

/// What is sent meanwhile is not read, and sent again: nothing is confirmed.
fn stay(mut session: Session, until: &Receiver<()>) {
    while until.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout)
        && session.tell(Lsn::ZERO, Lsn::ZERO, false).is_ok()
    {}
}

impl Holding {
    /// As far as is known.
    pub fn is_held(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Returns once the next one can have it.
    pub async fn let_go(self) -> Result<()> {
        blocking(move || {
            let Holding { address, slot, letting_go, thread } = self;
            drop(letting_go);
            thread.join().map_err(|_| Error::bug("what held the slot broke"))?;
            Session::connect_replicating(&address)?.wait_until_free(&slot)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| Error::bug("could not hold the slot").source(panic))?
}
