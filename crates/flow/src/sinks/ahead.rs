//! What a sink needs to know of the stream before it goes on or begins, and how far it is with the rows of before.

use super::{Lsn, locked};
use crate::agree::Ground;
use crate::tables::Settled;
use model::Result;
use source::timeline::Server;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Ahead {
    /// Of the last session; `None`: none was to begin yet, and there may be no slot.
    stage: Mutex<Option<Stage>>,
    came: Condvar,
    /// Where the topics stand was compared with the ground: from here on they have what we send.
    is_judged: AtomicBool,
    /// Where the first try of this process stood.
    first: Mutex<Option<Lsn>>,
    rows: AtomicU64,
    is_running: AtomicBool,
}

#[derive(Clone)]
pub(super) struct Stage {
    pub(super) settled: Arc<Settled>,
    pub(super) ground: Arc<Ground>,
}

/// What another ground means for what was found out on the one before.
pub(super) struct Change {
    /// What the topics have is to be compared again.
    pub(super) is_renewed: bool,
    /// What waits was read of what may never have been on this server.
    pub(super) is_other: bool,
}

/// What a position in the topics is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Worth {
    /// All that lies behind it can be told.
    Whole,
    /// Something behind it is missing, and why.
    Gap(String),
    /// It is of another history.
    Other(String),
}

/// `left_at`: where the server's history left that timeline.
pub(super) fn worth(
    ground: &Ground,
    at: Lsn,
    server: Option<&Server>,
    end: Lsn,
    left_at: impl FnOnce(u32) -> Result<Option<Lsn>>,
) -> Result<Worth> {
    let Server { system, timeline: now } = &ground.server;
    if server.is_some_and(|server| server.system != *system) {
        return Ok(Worth::Other("They have the log of another server.".into()));
    }
    if let Some(Server { timeline, .. }) = server
        && timeline != now
        && left_at(*timeline)?.is_none_or(|left| left < at)
    {
        return Ok(Worth::Other(format!(
            "The server is on timeline {now} now; they have timeline {timeline} up to {at}, which it left before that."
        )));
    }
    Ok(match () {
        () if at > end => {
            Worth::Other(format!("The server's log ends at {end}, they have it up to {at}."))
        }
        () if at < ground.begins => Worth::Gap(format!(
            "The slot begins at {}, they have the log up to {at}.",
            ground.begins
        )),
        () => Worth::Whole,
    })
}

impl Ahead {
    /// A session is to begin. The sink's thread sees it once what it means was done.
    pub(super) fn set(
        &self,
        settled: Arc<Settled>,
        ground: &Arc<Ground>,
        apply: impl FnOnce(Change),
    ) {
        let mut stage = locked(&self.stage);
        let is_same = stage.as_ref().is_some_and(|stage| Arc::ptr_eq(&stage.ground, ground));
        let moved = |stage: &Stage| ground.is_anew || stage.ground.server != ground.server;
        let is_renewed = !is_same && stage.as_ref().is_some_and(moved);
        if is_renewed {
            self.is_judged.store(false, Ordering::Relaxed);
            *locked(&self.first) = None;
        }
        apply(Change { is_renewed, is_other: !is_same && ground.is_other });
        *stage = Some(Stage { settled, ground: ground.clone() });
        self.came.notify_all();
    }

    /// `None`: not in that time.
    pub(super) fn stage(&self, most: Duration) -> Option<Stage> {
        let stage = locked(&self.stage);
        let waited = self.came.wait_timeout_while(stage, most, |stage| stage.is_none());
        waited.map_or_else(|poisoned| poisoned.into_inner().0, |(stage, _)| stage).clone()
    }

    pub(super) fn is_judged(&self) -> bool {
        self.is_judged.load(Ordering::Relaxed)
    }

    /// Unless another ground has come while they were compared with this one.
    pub(super) fn set_judged(&self, ground: &Arc<Ground>) {
        let stage = locked(&self.stage);
        let is_of_it = stage.as_ref().is_some_and(|stage| Arc::ptr_eq(&stage.ground, ground));
        self.is_judged.fetch_or(is_of_it, Ordering::Relaxed);
    }

    pub(super) fn first(&self) -> Option<Lsn> {
        *locked(&self.first)
    }

    pub(super) fn begin(&self, at: Lsn) {
        *locked(&self.first) = Some(at);
        self.is_running.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.is_running.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(system: &str, timeline: u32) -> Server {
        Server { system: system.to_owned(), timeline }
    }

    #[test]
    fn a_position_is_worth_what_the_log_behind_it_is() {
        let ground = Ground {
            server: server("7", 3),
            floor: Lsn(60),
            begins: Lsn(50),
            end: Lsn(90),
            missed: None,
            is_other: false,
            is_anew: false,
        };
        let of = |at, server: Option<Server>| {
            let left = |timeline| Ok((timeline == 2).then_some(Lsn(70)));
            match worth(&ground, Lsn(at), server.as_ref(), ground.end, left).unwrap() {
                Worth::Whole => "whole",
                Worth::Gap(_) => "gap",
                Worth::Other(_) => "other",
            }
        };
        // As written before there was a server in it.
        assert_eq!((of(90, None), of(91, None), of(49, None)), ("whole", "other", "gap"));
        // The slot was confirmed further while there was nothing to send.
        assert_eq!(of(50, Some(server("7", 3))), "whole");
        assert_eq!((of(49, Some(server("7", 3))), of(91, Some(server("7", 3)))), ("gap", "other"));
        assert_eq!(
            (of(70, Some(server("7", 2))), of(71, Some(server("7", 2)))),
            ("whole", "other")
        );
        assert_eq!(
            (of(60, Some(server("7", 1))), of(60, Some(server("8", 3)))),
            ("other", "other")
        );
    }
}
