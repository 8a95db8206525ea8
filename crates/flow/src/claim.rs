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
use source::timeline::{self, Server};
use source::{holding, slot};
use std::sync::Arc;
use std::time::Duration;
use store::{Claimed, Store, ddl};
use tokio::sync::watch;
use tokio_postgres::Client;

/// A server that hears nothing from us for longer may give the slot to another one.
const HOLD_MOST: Duration = Duration::from_secs(10);

/// From another process that may still run. Nobody claims what somebody reads from.
pub(crate) async fn take_over(
    options: &Options,
    client: &Client,
    store: &dyn Store,
    claimed: Claimed,
) -> Result<()> {
    let (name, could_not) =
        (&options.slot, || Error::transient(format!("could not take over slot {}", options.slot)));
    let server = timeline::server(&options.address).await?;
    if !comes_after(&server, &claimed.source) {
        return Err(could_not()
            .detail(format!(
                "{} has one of that name, at another server than this one, or at a later timeline of it.",
                claimed.holder
            ))
            .hint(format!(
                "give each server its own store; where that process is no more: \
                 ALTER TABLE millrace.claims DELETE WHERE slot = {}",
                ddl::literal(name)
            )));
    }
    let found = slot::slot_info(client, name).await?;
    let held = match found.filter(|found| !found.is_lost()) {
        Some(found) => {
            agree::check(name, &found, options.address.database())?;
            Some(holding::hold(&options.address, name, &options.publication).await?)
        }
        // What is not there is nobody's.
        None => None,
    };
    let source = named(&server);
    let claim = store.claim(&source, watch::channel(false).1);
    let claimed = tokio::time::timeout(HOLD_MOST, claim).await;
    if let Some(held) = held {
        held.let_go().await?;
    }
    claimed.map_err(|_| could_not().detail("The store does not answer."))??;
    tracing::warn!(slot = %name, "taken over from another process; what it still writes is waited for");
    match store.begin().await? {
        None => Ok(()),
        Some(_) => Err(could_not().detail("Another process has done so meanwhile.")),
    }
}

/// Whether to hold the slot here says that the other one has lost it. Elsewhere it may well have its own; but what
/// was before a promotion is over.
fn comes_after(server: &Server, source: &str) -> bool {
    let theirs = source
        .split_once(' ')
        .and_then(|(system, timeline)| Some((system, timeline.parse::<u32>().ok()?)));
    theirs.is_some_and(|(system, timeline)| system == server.system && timeline <= server.timeline)
}

fn named(server: &Server) -> String {
    format!("{} {}", server.system, server.timeline)
}

/// Once the stream has its slot. That another one has claimed it since is told by the next write.
pub(crate) fn of_stream(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    server: &Server,
    mut held: watch::Receiver<bool>,
) -> Task<()> {
    let source = named(server);
    Task::spawn(async move {
        if held.wait_for(|held| *held).await.is_ok()
            && let Err(error) = patiently(&status, || store.claim(&source, held.clone())).await
        {
            tracing::debug!(error = %error.report(), "the slot is not claimed");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_taken_over_at_the_same_server_or_at_what_it_has_become() {
        let server = |timeline| Server { system: "7".into(), timeline };
        assert!(comes_after(&server(2), &named(&server(2))));
        assert!(comes_after(&server(2), &named(&server(1))));
        assert!(!comes_after(&server(1), &named(&server(2))), "the one of before");
        assert!(!comes_after(&server(2), "8 2") && !comes_after(&server(2), ""));
    }
}
