//! Statements that may still run though nobody waits for their answers, and at whom.
//!
//! ```text
//! asked ─▶ answered: over
//!       ─▶ lost, or given up: astray ─▶ killed and seen to be gone, at the server that had it
//!                                    ─▶ that one is away: nothing else is written until it is back, or
//!                                       for as long as it could take
//! ```

use crate::ddl;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A server that does not come back within this has nothing of ours any more: twice as long as a block is
/// waited for.
const GONE_AFTER: Duration = Duration::from_secs(600);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Stray {
    id: String,
    /// The UUID of the server that has it.
    server: String,
    since: Instant,
}

#[derive(Default)]
pub(super) struct Astray(Mutex<Vec<Stray>>);

/// Those of one moment, from where one server is asked.
pub(super) struct Found {
    here: Vec<Stray>,
    elsewhere: Vec<Stray>,
}

impl Astray {
    pub(super) fn is_empty(&self) -> bool {
        super::server::locked(&self.0).is_empty()
    }

    pub(super) fn from(&self, server: &str) -> Found {
        let all = super::server::locked(&self.0).clone();
        let (here, elsewhere) = all.into_iter().partition(|stray| stray.server == server);
        Found { here, elsewhere }
    }

    /// Those here were seen to be gone, and those elsewhere may be forgotten.
    pub(super) fn forget(&self, found: &Found) {
        let is_over = |stray: &Stray| found.here.contains(stray) || found.elsewhere.contains(stray);
        super::server::locked(&self.0).retain(|stray| !is_over(stray));
    }
}

impl Found {
    /// A condition on `system.processes`.
    pub(super) fn which_are_here(&self) -> Option<String> {
        let ids: Vec<String> = self.here.iter().map(|stray| ddl::literal(&stray.id)).collect();
        (!ids.is_empty()).then(|| format!("query_id IN ({})", ids.join(", ")))
    }

    /// How long those elsewhere have to be waited for.
    pub(super) fn wait_for_others(&self, now: Instant) -> Option<Duration> {
        let left = self
            .elsewhere
            .iter()
            .map(|stray| GONE_AFTER.saturating_sub(now.saturating_duration_since(stray.since)));
        left.max().filter(|left| !left.is_zero())
    }
}

/// A request under way; also one that nobody waits for any more is one whose answer is lost.
pub(super) struct Pending<'a> {
    astray: &'a Astray,
    of: Option<(String, String)>,
}

impl<'a> Pending<'a> {
    pub(super) fn new(astray: &'a Astray, server: &str, id: &str) -> Pending<'a> {
        Pending { astray, of: Some((server.to_owned(), id.to_owned())) }
    }

    pub(super) fn is_over(&mut self) {
        self.of = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some((server, id)) = self.of.take() {
            let stray = Stray { id, server, since: Instant::now() };
            super::server::locked(&self.astray.0).push(stray);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_server_may_run_is_waited_for_but_not_for_ever() {
        let astray = Astray::default();
        drop(Pending::new(&astray, "a", "1"));
        drop(Pending::new(&astray, "b", "it's"));
        Pending::new(&astray, "a", "2").is_over();
        let now = Instant::now();
        let found = astray.from("b");
        assert_eq!(found.which_are_here().as_deref(), Some(r"query_id IN ('it\'s')"));
        assert!(found.wait_for_others(now).is_some_and(|left| left > GONE_AFTER / 2));
        assert_eq!(found.wait_for_others(now + GONE_AFTER), None);
        assert_eq!(astray.from("c").which_are_here(), None);
        astray.forget(&found);
        assert!(astray.is_empty());
    }
}
