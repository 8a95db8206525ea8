//! How many statements may be in the house, working or waiting: each holds a thread. One user leaves
//! room for the others. Who may work is another question ([`super::turns`]).
//!
//! A full house can be seen and emptied: beside its places there are a few for `KILL QUERY` and `SHOW
//! PROCESSLIST`. What a request is stands in its body, so those places are given before that is known, and
//! taken back from anything else ([`super::run`]).

use super::body;
use super::error::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

const STATEMENTS_MAX: usize = 200;
const OF_A_USER_MAX: usize = 150;
const EXTRA_MAX: usize = 16;
const EXTRA_OF_A_USER_MAX: usize = 4;
/// Nobody keeps such a place by sending slowly, nor sends more than such a statement is.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const EXTRA_TEXT_BYTES_MAX: usize = 16 << 10;

#[derive(Default)]
pub(super) struct House {
    guests: Mutex<Guests>,
}

/// By user.
#[derive(Default)]
struct Guests {
    usual: HashMap<String, usize>,
    extra: HashMap<String, usize>,
}

/// A place in it, until it is dropped.
pub(super) struct Guest {
    house: Arc<House>,
    user: String,
    /// Only to see and to end others.
    pub(super) is_extra: bool,
}

impl House {
    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Nobody waits at the door itself.
    pub(super) fn enter(self: &Arc<House>, user: &str) -> Result<Guest, Failure> {
        let guests = &mut *self.lock();
        let kinds = [
            (&mut guests.usual, STATEMENTS_MAX, OF_A_USER_MAX),
            (&mut guests.extra, EXTRA_MAX, EXTRA_OF_A_USER_MAX),
        ];
        for (is_extra, (guests, most, most_own)) in [false, true].into_iter().zip(kinds) {
            let own = guests.get(user).copied().unwrap_or(0);
            if guests.values().sum::<usize>() < most && own < most_own {
                guests.insert(user.to_owned(), own + 1);
                return Ok(Guest { house: self.clone(), user: user.to_owned(), is_extra });
            }
        }
        Err(full())
    }
}

pub(super) fn full() -> Failure {
    let text = format!(
        "Too many simultaneous queries. Maximum: {STATEMENTS_MAX}, of one user: {OF_A_USER_MAX}. \
         SHOW PROCESSLIST and KILL QUERY come in"
    );
    Failure::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
}

impl Guest {
    /// For each piece of its body.
    pub(super) fn body_timeout(&self) -> Duration {
        if self.is_extra { EXTRA_TIMEOUT } else { body::TIMEOUT }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut all = self.house.lock();
        let guests = if self.is_extra { &mut all.extra } else { &mut all.usual };
        match guests.get_mut(&self.user) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(guests.remove(&self.user)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_room_for_others() {
        let house = Arc::<House>::default();
        let many = |user: &str, count: usize, is_extra: bool| -> Vec<Guest> {
            let guests = (0..count).map(|_| house.enter(user).unwrap());
            guests.inspect(|guest| assert_eq!(guest.is_extra, is_extra)).collect()
        };
        let mut guests = many("ann", OF_A_USER_MAX, false);
        guests.extend(many("ann", EXTRA_OF_A_USER_MAX, true));
        assert_eq!(house.enter("ann").err().unwrap().status, 503);
        guests.extend(many("bob", STATEMENTS_MAX - OF_A_USER_MAX, false));
        for user in ["bob", "eve", "joe"] {
            guests.extend(many(user, EXTRA_OF_A_USER_MAX, true));
        }
        assert_eq!(house.enter("zoe").err().unwrap().exception.code, 202);
        guests.clear();
        assert!(house.lock().usual.is_empty() && house.lock().extra.is_empty());
        assert!(!house.enter("ann").unwrap().is_extra);
    }
}
