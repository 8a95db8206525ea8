//! How many statements may be in the house, working or waiting: each holds a thread. One user leaves
//! room for the others. Who may work is another question ([`super::turns`]).

use super::error::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

const STATEMENTS_MAX: usize = 200;
const OF_A_USER_MAX: usize = 150;

#[derive(Default)]
pub(super) struct House {
    guests: Mutex<HashMap<String, usize>>,
}

/// A place in it, until it is dropped.
pub(super) struct Guest {
    house: Arc<House>,
    user: String,
}

impl House {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.guests.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Nobody waits at the door itself.
    pub(super) fn enter(self: &Arc<House>, user: &str) -> Result<Guest, Failure> {
        let mut guests = self.lock();
        let (all, own) = (guests.values().sum::<usize>(), guests.get(user).copied().unwrap_or(0));
        if all >= STATEMENTS_MAX || own >= OF_A_USER_MAX {
            let text = format!(
                "Too many simultaneous queries. Maximum: {STATEMENTS_MAX}, of one user: {OF_A_USER_MAX}"
            );
            return Err(Failure::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text));
        }
        guests.insert(user.to_owned(), own + 1);
        Ok(Guest { house: self.clone(), user: user.to_owned() })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.house.lock();
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
        let mut guests: Vec<Guest> =
            (0..OF_A_USER_MAX).map(|_| house.enter("ann").unwrap()).collect();
        assert_eq!(house.enter("ann").err().unwrap().status, 503);
        guests.extend((OF_A_USER_MAX..STATEMENTS_MAX).map(|_| house.enter("bob").unwrap()));
        assert_eq!(house.enter("eve").err().unwrap().exception.code, 202);
        guests.clear();
        assert!(house.lock().is_empty());
        assert!(house.enter("ann").is_ok());
    }
}
