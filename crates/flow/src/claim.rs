//! The slot, claimed at the store as long as we have it: whoever had it before writes nothing any more.
//!
//! ```text
//! start ─▶ begin ─▶ another's ─▶ hold the slot, claim, let it go ─▶ begin ─▶ what is kept is read
//! the stream has its slot ─▶ claim
//! ```

use crate::agree;
use crate::pipeline::Options;
use crate::retry::patiently;
use crate::status::Status;
use crate::task::Task;
use model::{Error, Result};
use source::{holding, slot};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use tokio_postgres::Client;

/// A server that hears nothing from us for longer may give the slot to another one.
const HOLD_MOST: Duration = Duration::from_secs(10);

/// From another process that may still run. Nobody claims what somebody reads from.
pub(crate) async fn take_over(options: &Options, client: &Client, store: &dyn Store) -> Result<()> {
    let (name, found) = (&options.slot, slot::slot_info(client, &options.slot).await?);
    let held = match found.filter(|found| !found.is_lost()) {
        Some(found) => {
            agree::check(name, &found, options.address.database())?;
            Some(holding::hold(&options.address, name, &options.publication).await?)
        }
        // What is not there is nobody's.
        None => None,
    };
    let claimed = tokio::time::timeout(HOLD_MOST, store.claim(watch::channel(false).1)).await;
    if let Some(held) = held {
        held.let_go().await?;
    }
    let could_not = || Error::transient(format!("could not take over slot {name}"));
    claimed.map_err(|_| could_not().detail("The store does not answer."))??;
    tracing::warn!(slot = %name, "taken over from another process; what it still writes is waited for");
    match store.begin().await? {
        false => Ok(()),
        true => Err(could_not().detail("Another process has done so meanwhile.")),
    }
}

/// Once the stream has its slot. That another one has claimed it since is told by the next write.
pub(crate) fn of_stream(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    mut held: watch::Receiver<bool>,
) -> Task<()> {
    Task::spawn(async move {
        if held.wait_for(|held| *held).await.is_ok()
            && let Err(error) = patiently(&status, || store.claim(held.clone())).await
        {
            tracing::debug!(error = %error.report(), "the slot is not claimed");
        }
    })
}
