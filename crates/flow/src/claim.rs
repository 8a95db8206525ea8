//! The slot, claimed at the store as long as we have it: whoever had it before writes nothing any more.
//!
//! ```text
//! start ─▶ begin ─▶ another's ─▶ hold the slot, claim ─▶ begin ─▶ what is kept is read ─▶ let it go ─▶ the stream
//! the stream has its slot ─▶ claim
//! ```
//!
//! Two that run would take it from each other without end. So who takes over has the slot all the time, and who
//! has lost it waits for a while before it takes it back from one that has not ended.

use crate::agree;
use crate::checkpoint;
use crate::pipeline::Options;
use crate::retry::patiently;
use crate::status::Status;
use crate::task::Task;
use model::{Error, Lsn, Result};
use source::holding::{self, Holding};
use source::slot;
use source::timeline::{self, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Claimed, Store, ddl};
use tokio::sync::watch;
use tokio_postgres::Client;

/// The slot is kept from others no longer where the store does not answer us: it may answer them.
const CLAIM_MOST: Duration = Duration::from_secs(10);
/// Who took the slot from us streams by then.
const LEAVE_IT_FOR: Duration = Duration::from_secs(30);

/// Who has taken the slot over from us.
#[derive(Default)]
pub(crate) struct Lost {
    is_lost: bool,
    seen: Option<(Claimed, Instant)>,
}

impl Lost {
    pub(crate) fn set_lost(&mut self) {
        self.is_lost = true;
    }

    /// Whether it may be taken over from that one now.
    fn check(&mut self, claimed: &Claimed, now: Instant) -> Result<()> {
        let seen = self.seen.take().filter(|(before, _)| before == claimed);
        let (_, since) = self.seen.insert(seen.unwrap_or((claimed.clone(), now)));
        if self.is_lost && now.saturating_duration_since(*since) < LEAVE_IT_FOR {
            return Err(Error::transient("could not start: the slot was taken over")
                .detail(format!("{} has it, and is not asked for it yet.", claimed.holder))
                .hint("a slot is for one `millrace up`: stop one of the two"));
        }
        Ok(())
    }
}

/// From another process that may still run. Nobody claims what somebody reads from. Returns the slot, for
/// nobody else to have it until the stream has.
pub(crate) async fn take_over(
    options: &Options,
    client: &Client,
    store: &dyn Store,
    claimed: Claimed,
    lost: &mut Lost,
) -> Result<Option<Holding>> {
    let may_be_taken = lost.check(&claimed, Instant::now());
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
                "give each server its own store; where that process is no more: {}",
                forget(name)
            )));
    }
    let found = slot::slot_info(client, name).await?.filter(|found| !found.is_lost());
    if let Some(found) = &found {
        agree::check(name, found, options.address.database(), false)?;
    }
    may_be_taken?;
    if let Some(confirmed) = found.as_ref().and_then(|found| found.confirmed_flush)
        && is_elsewhere(options, store, confirmed).await?
    {
        return Err(could_not()
            .detail(format!(
                "{} has confirmed {confirmed}, and the store holds less: the rest may be in its spool.",
                claimed.holder
            ))
            .hint(format!(
                "start that one again; where its spool is lost, this copies every table again: {}",
                forget(name)
            )));
    }
    let held = match found {
        Some(_) => Some(holding::hold(&options.address, name, &options.publication).await?),
        // What is not there is nobody's.
        None => None,
    };
    let source = named(&server);
    let claim = store.claim(&source, watch::channel(false).1);
    let claimed = tokio::time::timeout(CLAIM_MOST, claim).await;
    claimed.map_err(|_| could_not().detail("The store does not answer."))??;
    *lost = Lost::default();
    tracing::warn!(slot = %name, "taken over from another process; what it still writes is waited for");
    match store.begin().await? {
        None => Ok(held),
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

/// Whether somebody else's spool may have what Postgres need not keep any more.
async fn is_elsewhere(options: &Options, store: &dyn Store, confirmed: Lsn) -> Result<bool> {
    let Some(recorded) = checkpoint::last(store, &options.slot).await? else { return Ok(false) };
    let span = match &options.spool {
        Some(spool) => spool.span().await?,
        None => None,
    };
    Ok(confirmed > recorded && !span.is_some_and(|span| span.bridges(recorded, confirmed)))
}

fn forget(slot: &str) -> String {
    format!("ALTER TABLE millrace.claims DELETE WHERE slot = {}", ddl::literal(slot))
}

fn named(server: &Server) -> String {
    format!("{} {}", server.system, server.timeline)
}

/// Once the stream has its slot, and as long as it has. Ends where another process has claimed it since, and then
/// with what says so.
pub(crate) fn of_stream(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    server: &Server,
    mut held: watch::Receiver<bool>,
) -> Task<Error> {
    let source = named(server);
    Task::spawn(async move {
        if held.wait_for(|held| *held).await.is_ok() {
            let mut lost = held.clone();
            let claimed = tokio::select! {
                biased;
                // Whoever has it next claims it.
                _ = lost.wait_for(|held| !*held) => Ok(()),
                claimed = patiently(&status, || store.claim(&source, held.clone())) => claimed,
            };
            match claimed {
                Err(error) if store.is_taken_over() => return error,
                Err(error) => {
                    tracing::warn!(error = %error.report(), "the slot is not claimed");
                }
                Ok(()) => {}
            }
        }
        std::future::pending().await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_the_slot_leaves_it_for_a_while_to_the_one_that_took_it() {
        let of = |holder: &str| Claimed { holder: holder.into(), source: "7 1".into() };
        let (mut lost, now) = (Lost::default(), Instant::now());
        lost.check(&of("a"), now).unwrap();
        lost.set_lost();
        assert!(lost.check(&of("a"), now + LEAVE_IT_FOR / 2).is_err());
        lost.check(&of("a"), now + LEAVE_IT_FOR).unwrap();
        assert!(lost.check(&of("b"), now + LEAVE_IT_FOR).is_err());
        lost.check(&of("b"), now + LEAVE_IT_FOR * 2).unwrap();
    }

    #[test]
    fn a_slot_is_taken_over_at_the_same_server_or_at_what_it_has_become() {
        let server = |timeline| Server { system: "7".into(), timeline };
        assert!(comes_after(&server(2), &named(&server(2))));
        assert!(comes_after(&server(2), &named(&server(1))));
        assert!(!comes_after(&server(1), &named(&server(2))), "the one of before");
        assert!(!comes_after(&server(2), "8 2") && !comes_after(&server(2), ""));
    }
}
