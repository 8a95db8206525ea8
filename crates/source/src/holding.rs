//! The slot in the hands of somebody who reads nothing: nobody else has it meanwhile.

use crate::wire::Session;
use crate::{Address, stream};
use model::{Error, Lsn, Result};

pub struct Holding {
    address: Address,
    slot: String,
    session: Session,
}

/// Fails where another one has it.
pub async fn hold(address: &Address, slot: &str, publication: &str) -> Result<Holding> {
    let (address, slot) = (address.clone(), slot.to_owned());
    let wanted = stream::wanted(publication, false);
    blocking(move || {
        let mut session = Session::connect_replicating(&address)?;
        // What is sent meanwhile is sent again: nothing is confirmed.
        session.start_replication(&slot, Lsn::ZERO, &wanted)?;
        Ok(Holding { address, slot, session })
    })
    .await
}

impl Holding {
    /// Returns once the next one can have it.
    pub async fn let_go(self) -> Result<()> {
        blocking(move || {
            let Holding { address, slot, session } = self;
            drop(session);
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
