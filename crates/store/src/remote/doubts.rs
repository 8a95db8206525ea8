//! What may be of the network or of the statement itself: tried again, and not for ever.
//!
//! Counted for each work by itself. Lookups of which each try is another text are tried for as long as it takes:
//! to go on trying hurts nobody, and to stop a table for a cut connection does.

use super::server::locked;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

/// Some two minutes of the pauses between tries (`flow::retry`).
const TRIES_MAX: u32 = 20;
/// Works that are in doubt at once; with more of them it is no single statement's fault.
const WORKS_MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Doubts {
    hasher: RandomState,
    tries: Mutex<HashMap<u64, u32>>,
}

impl Doubts {
    /// Whether it may be tried once more.
    pub(super) fn once_more(&self, work: &str) -> bool {
        let mut tries = locked(&self.tries);
        if tries.len() >= WORKS_MAX {
            tries.clear();
        }
        let tries = tries.entry(self.hasher.hash_one(work)).or_default();
        *tries += 1;
        *tries <= TRIES_MAX
    }

    pub(super) fn went_well(&self, work: &str) {
        let mut tries = locked(&self.tries);
        if !tries.is_empty() {
            tries.remove(&self.hasher.hash_one(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_work_has_its_own_tries_and_all_of_them_again_once_it_went_well() {
        let doubts = Doubts::default();
        assert!((0..TRIES_MAX).all(|_| doubts.once_more("a")));
        assert!(!doubts.once_more("a") && doubts.once_more("b"));
        doubts.went_well("a");
        assert!(doubts.once_more("a"));
    }
}
