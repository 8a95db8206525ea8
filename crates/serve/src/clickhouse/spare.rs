//! Connections that wait for another request. To open one of the engine's, move it to a database and give
//! it settings and roles costs two thirds of the CPU that `SELECT 1` itself does (0.24 ms beside 0.35). So
//! one that a statement has left as it found it is kept for a request that would make it in the same way:
//!
//! ```text
//! user, database, settings, roles, read-only ── equal ──▶ SET log_comment ─▶ the statement
//! ```
//!
//! None is kept after a failure or a cancelled statement, when something was set or made in it, or where
//! nothing can be set any more: those of viewers. (`changeable_in_readonly` would help them; this engine
//! refuses it.)

use super::error::Failure;
use super::lane::Lane;
use super::run::Work;
use super::sessions::Kept;
use super::settings::{self, Settings};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::embedded::{HOME_DATABASE, Session};

const SPARES_MAX: usize = 32;
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);
/// What a statement is found by: of the statement, and not of its connection.
const COMMENT: &str = "log_comment";

/// Everything that is done to a connection before its first statement.
#[derive(PartialEq, Eq)]
pub(super) struct Making {
    user: String,
    pub(super) database: String,
    settings: Settings,
    /// The engine's; `None`: those that it begins with.
    roles: Option<Vec<String>>,
    readonly: Settings,
}

impl Making {
    /// Whether the next statement can be named there.
    pub(super) fn goes_on(&self) -> bool {
        self.readonly.values().all(|level| level != "1")
    }
}

struct Spare<S> {
    making: Making,
    session: S,
    since: Instant,
}

pub(super) struct Spares<S = Session> {
    /// The longest idle first.
    idle: Mutex<Vec<Spare<S>>>,
}

impl<S> Default for Spares<S> {
    fn default() -> Spares<S> {
        Spares { idle: Mutex::default() }
    }
}

impl<S> Spares<S> {
    fn lock(&self) -> MutexGuard<'_, Vec<Spare<S>>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn take(&self, making: &Making) -> Option<S> {
        let mut idle = self.lock();
        let at = idle.iter().rposition(|spare| spare.making == *making)?;
        Some(idle.remove(at).session)
    }

    pub(super) fn put(&self, making: Making, session: S) {
        let mut idle = self.lock();
        let ended = (idle.len() >= SPARES_MAX).then(|| idle.remove(0));
        idle.push(Spare { making, session, since: Instant::now() });
        // Closing takes its time, so not under the lock.
        drop(idle);
        drop(ended);
    }

    /// Takes out what nobody has wanted for long.
    pub(super) fn sweep(&self, idle_max: Duration) -> Vec<S> {
        let mut idle = self.lock();
        let over = idle.iter().take_while(|spare| spare.since.elapsed() >= idle_max).count();
        idle.drain(..over).map(|spare| spare.session).collect()
    }
}

impl Work {
    /// A connection that no client has named, as this request wants it; it is to be sealed.
    pub(super) fn plain(&self) -> Result<Lane, Failure> {
        let mut settings = settings::from_the_start(self.wanted()?);
        let comment: Settings = settings.remove_entry(COMMENT).into_iter().collect();
        let making = Making {
            user: self.caller.user.clone(),
            database: self.database().unwrap_or(self.caller.home()).to_owned(),
            settings,
            roles: self.caller.roles(),
            readonly: self.readonly(),
        };
        if let Some(named) = self.database() {
            self.caller.check_database(named)?;
        }
        let spare = self.door.spares.take(&making);
        let spare = spare.and_then(|mut session| {
            again(&mut session, &making.database, &comment).is_ok().then_some(session)
        });
        let is_sealed = spare.is_some();
        let session = match spare {
            Some(session) => session,
            None => self.make(&making, comment)?,
        };
        let mut lane = Lane::of(Kept::new(session));
        lane.is_sealed = is_sealed;
        lane.making = Some(making);
        Ok(lane)
    }

    fn make(&self, making: &Making, comment: Settings) -> Result<Session, Failure> {
        let mut session = self.fresh()?;
        settings::use_database(&mut session, &making.database)?;
        settings::set(&mut session, &comment.into_iter().chain(making.settings.clone()).collect())?;
        self.caller.enter(&mut session, true)?;
        Ok(session)
    }
}

/// Names the next statement. A database that has been dropped since is noticed.
fn again(session: &mut Session, database: &str, comment: &Settings) -> Result<(), Failure> {
    if database != HOME_DATABASE {
        settings::use_database(session, database)?;
    }
    settings::set(session, comment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn making(user: &str, threads: &str) -> Making {
        Making {
            user: user.into(),
            database: "main".into(),
            settings: [("max_threads".to_owned(), threads.to_owned())].into(),
            roles: None,
            readonly: Settings::new(),
        }
    }

    #[test]
    fn one_is_for_whoever_would_make_it_so() {
        let spares = Spares::default();
        spares.put(making("ann", "1"), 1);
        spares.put(making("ann", "1"), 2);
        assert_eq!(spares.take(&making("bob", "1")), None);
        assert_eq!(spares.take(&making("ann", "2")), None);
        assert_eq!(spares.take(&making("ann", "1")), Some(2));
        assert_eq!(spares.take(&making("ann", "1")), Some(1));
        assert_eq!(spares.take(&making("ann", "1")), None);
    }

    #[test]
    fn there_are_so_many_for_so_long() {
        let spares = Spares::default();
        (0..=SPARES_MAX).for_each(|number| spares.put(making("ann", "1"), number));
        assert!(spares.sweep(IDLE_MAX).is_empty());
        assert_eq!(spares.sweep(Duration::ZERO), (1..=SPARES_MAX).collect::<Vec<_>>());
    }
}
