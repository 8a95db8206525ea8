//! Sessions that clients name: settings, temporary tables and the current database outlive the
//! request. One request at a time has a session; nobody waits for it. An idle one is closed after
//! its time-out, and there is a most of them, because each is a connection of the engine's; one user leaves
//! some to the others.

use super::error::Failure;
use super::request::SessionRequest;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::embedded::Session;

const SESSIONS_MAX: usize = 1000;
/// A run of dbt has a few hundred at a time.
const OF_A_USER_MAX: usize = 600;

/// A session with what the door changed in it for the sake of single requests.
pub(super) struct Kept {
    pub(super) session: Session,
    /// Settings from URLs that are in force now: they belong to requests, not to the session.
    pub(super) applied: BTreeMap<String, String>,
    /// Its client has set or made something in it: no other connection is like it.
    pub(super) is_own: bool,
    /// Settings that its client has had to do with in it.
    pub(super) has_set: BTreeSet<&'static str>,
    /// Its own database, while it is in one that a request named.
    pub(super) moved_from: Option<String>,
    /// What these settings were before; `None`: the default.
    pub(super) before: BTreeMap<String, Option<String>>,
    /// Of its user's roles, only these (`SET ROLE`).
    pub(super) roles: Option<Vec<String>>,
}

impl Kept {
    pub(super) fn new(session: Session) -> Kept {
        Kept {
            session,
            is_own: false,
            moved_from: None,
            has_set: BTreeSet::new(),
            applied: BTreeMap::new(),
            before: BTreeMap::new(),
            roles: None,
        }
    }
}

enum Entry {
    Busy,
    Idle { kept: Box<Kept>, until: Instant },
}

#[derive(Clone, Default)]
pub(super) struct Sessions {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

/// The right to one session, until it is given back or dropped. Dropped, the session ends.
pub(super) struct Lease {
    sessions: Sessions,
    id: String,
    timeout: Duration,
    close: bool,
    held: bool,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// `None` in place of a session: it is new. `name` is the session's among those of all users, and begins
    /// with the user's.
    pub(super) fn take(
        &self,
        request: &SessionRequest,
        user: &str,
        name: String,
    ) -> Result<(Lease, Option<Kept>), Failure> {
        let of_user = format!("{user}\0");
        let ended = self.sweep();
        let mut entries = self.lock();
        let kept = match entries.get(&name) {
            Some(Entry::Busy) => {
                let text = format!("Session {} is locked by a concurrent client", request.id);
                return Err(Failure::new(373, "SESSION_IS_LOCKED", text));
            }
            Some(Entry::Idle { .. }) => match entries.remove(&name) {
                Some(Entry::Idle { kept, .. }) => Some(*kept),
                _ => None,
            },
            None if request.must_exist => {
                let text = format!("Session {} not found", request.id);
                return Err(Failure::new(372, "SESSION_NOT_FOUND", text));
            }
            None if own(&entries, &of_user) >= OF_A_USER_MAX => {
                let text =
                    format!("User {user} has {OF_A_USER_MAX} sessions already: {CLOSE_SOME}");
                return Err(Failure::new(700, "USER_SESSION_LIMIT_EXCEEDED", text));
            }
            None if entries.len() >= SESSIONS_MAX => {
                let text = format!("There are {SESSIONS_MAX} sessions already: {CLOSE_SOME}");
                return Err(Failure::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text));
            }
            None => None,
        };
        entries.insert(name.clone(), Entry::Busy);
        drop(entries);
        // Closing connections takes its time, so not under the lock.
        drop(ended);
        let (id, timeout, close) = (name, request.timeout, request.close);
        Ok((Lease { sessions: self.clone(), id, timeout, close, held: true }, kept))
    }

    /// Takes out what has been idle for too long.
    pub(super) fn sweep(&self) -> Vec<Kept> {
        let now = Instant::now();
        let mut entries = self.lock();
        let is_over = |entry: &Entry| matches!(entry, Entry::Idle { until, .. } if *until <= now);
        let over: Vec<String> =
            entries.iter().filter(|(_, entry)| is_over(entry)).map(|(id, _)| id.clone()).collect();
        let ended = over.iter().filter_map(|id| match entries.remove(id)? {
            Entry::Idle { kept, .. } => Some(*kept),
            Entry::Busy => None,
        });
        ended.collect()
    }
}

const CLOSE_SOME: &str = "end them with close_session=1, or give them a shorter session_timeout";

fn own(entries: &HashMap<String, Entry>, of_user: &str) -> usize {
    entries.keys().filter(|name| name.starts_with(of_user)).count()
}

impl Lease {
    pub(super) fn give_back(mut self, kept: Kept) {
        let mut entries = self.sessions.lock();
        if self.close || !kept.session.is_open() {
            entries.remove(&self.id);
            drop(entries);
            self.held = false;
            return;
        }
        let until = Instant::now() + self.timeout;
        entries.insert(self.id.clone(), Entry::Idle { kept: Box::new(kept), until });
        drop(entries);
        self.held = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.held {
            self.sessions.lock().remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_sessions_to_others() {
        let sessions = Sessions::default();
        let take = |user: &str, number: usize| {
            let (id, timeout) = (number.to_string(), Duration::from_secs(60));
            let request = SessionRequest { id, timeout, must_exist: false, close: false };
            sessions.take(&request, user, format!("{user}\0{number}")).map(|(lease, _)| lease)
        };
        let code = |user| take(user, 0).err().map(|failure| failure.exception.code);
        let many = |user, count| -> Vec<Lease> {
            (1..=count).map(|number| take(user, number).unwrap()).collect()
        };
        let of_ann = many("ann", OF_A_USER_MAX);
        assert_eq!(code("ann"), Some(700));
        // Not those of another whose name begins alike.
        let of_others = many("an", SESSIONS_MAX - OF_A_USER_MAX);
        assert_eq!(code("eve"), Some(202));
        drop((of_ann, of_others));
        assert_eq!(code("ann"), None);
    }
}
