//! What may be of the network or of the statement itself: tried again, and not for ever.
//!
//! Counted for each work by itself: a statement by its text, data by the block or the rows as well, for a table
//! has several writers. Lookups of which each try is another text are tried for as long as it takes: to go on
//! trying hurts nobody, and to stop a table for a cut connection does.

use super::server::locked;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Some three minutes of the pauses between tries (`flow::retry`).
const TRIES_MAX: u32 = 20;
/// Those that follow closer are one: of several who ask the same at once, too.
const TRIES_APART: Duration = Duration::from_secs(1);
/// Works that are in doubt at once; with more of them it is no single statement's fault.
const WORKS_MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Doubts {
    hasher: RandomState,
    works: Mutex<HashMap<Work, Tries>>,
}

struct Tries {
    count: u32,
    last: Instant,
}

/// What is tried again, as long as it is the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Work(u64);

impl Doubts {
    pub(super) fn work(&self, what: impl Hash) -> Work {
        Work(self.hasher.hash_one(what))
    }

    /// Whether it may be tried once more. If not, that is the end of it: who takes it up again, once somebody has
    /// helped, has all of the tries.
    pub(super) fn once_more(&self, work: Work, now: Instant) -> bool {
        let mut works = locked(&self.works);
        if works.len() >= WORKS_MAX {
            works.clear();
        }
        let tries = works.entry(work).or_insert(Tries { count: 1, last: now });
        if now.saturating_duration_since(tries.last) >= TRIES_APART {
            *tries = Tries { count: tries.count + 1, last: now };
        }
        let is_over = tries.count > TRIES_MAX;
        if is_over {
            works.remove(&work);
        }
        !is_over
    }

    pub(super) fn went_well(&self, work: Work) {
        locked(&self.works).remove(&work);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Remote;
    use super::super::line::Failed;
    use super::*;
    use crate::exception::Exception;
    use model::Fate;

    #[test]
    fn each_work_has_its_own_tries_and_all_of_them_again_once_it_went_well_or_is_over() {
        let doubts = Doubts::default();
        let mut now = Instant::now();
        let mut once_more = |work| {
            now += TRIES_APART;
            doubts.once_more(doubts.work(work), now)
        };
        assert!((0..TRIES_MAX).all(|_| once_more("a")));
        assert!(!once_more("a") && once_more("b"));
        assert!((0..TRIES_MAX).all(|_| once_more("a")), "taken up again");
        doubts.went_well(doubts.work("a"));
        assert!(once_more("a"));
    }

    #[test]
    fn tries_at_once_are_one() {
        let (doubts, now) = (Doubts::default(), Instant::now());
        let work = doubts.work("a");
        for second in 0..TRIES_MAX {
            let now = now + TRIES_APART * second;
            assert!((0..8).all(|_| doubts.once_more(work, now)));
        }
        assert!(!doubts.once_more(work, now + TRIES_APART * TRIES_MAX));
    }

    /// What may be of a cut request is tried again; what comes each time is of the statement.
    #[test]
    fn what_may_be_of_the_network_is_definite_only_in_the_end() {
        let remote = Remote::nowhere();
        let doubts = &remote.inner.doubts;
        let work = doubts.work("SELECT 7");
        for code in [3, 32, 33, 40, 159, 271] {
            let fate = || {
                let failed = Failed::Exception(Exception::new(code, "NAME", "some text"));
                remote.judged::<()>(work, "read", Err(failed)).unwrap_err().fate()
            };
            let before = Instant::now() - TRIES_APART * (TRIES_MAX + 1);
            for second in 0..TRIES_MAX {
                let then = before + TRIES_APART * second;
                assert!(doubts.once_more(work, then), "{code}");
            }
            assert_eq!(fate(), Fate::Definite, "{code}");
            assert_eq!(fate(), Fate::Transient, "{code}");
            remote.judged(work, "read", Ok(())).unwrap();
        }
    }
}
