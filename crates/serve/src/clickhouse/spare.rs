//! Connections that wait for another request. To open one of the engine's, move it to a database and give
//! it settings and roles costs two thirds of the CPU that `SELECT 1` itself does (0.24 ms beside 0.35). So
//! one that a statement has left as it found it is kept for a request that would make it in the same way:
//!
//! ```text
//! user, database, settings, roles, read-only ── equal ──▶ the statement
//! ```
//!
//! It has a name of its own in the engine's list (to name each statement there cost 0.05 ms more, and in
//! a viewer's connection nothing can be set any more). The statement is told, so that it is found there.
//!
//! None is kept after a failure or a cancelled statement, or when something was set or made in it.

use super::error::Failure;
use super::lane::Lane;
use super::run::Work;
use super::sessions::Kept;
use super::settings::{self, Settings};
use super::sql::Outline;
use super::statement::comment;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::embedded::{HOME_DATABASE, Session};

const SPARES_MAX: usize = 32;
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);
/// What it is listed as.
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

struct Spare<S> {
    making: Making,
    comment: String,
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

    fn take(&self, making: &Making) -> Option<(S, String)> {
        let mut idle = self.lock();
        let at = idle.iter().rposition(|spare| spare.making == *making)?;
        let spare = idle.remove(at);
        Some((spare.session, spare.comment))
    }

    pub(super) fn put(&self, making: Making, comment: String, session: S) {
        let mut idle = self.lock();
        let ended = (idle.len() >= SPARES_MAX).then(|| idle.remove(0));
        idle.push(Spare { making, comment, session, since: Instant::now() });
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
    /// `may_share`: it leaves the connection as it finds it.
    pub(super) fn plain(&self, may_share: bool) -> Result<Lane, Failure> {
        let mut settings = settings::from_the_start(self.wanted()?);
        let comment = settings.remove(COMMENT).filter(|_| !may_share);
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
        let spare = if may_share { self.door.spares.take(&making) } else { None };
        // A database that has been dropped since is noticed.
        let is_there = |session: &mut Session| {
            making.database == HOME_DATABASE
                || settings::use_database(session, &making.database).is_ok()
        };
        let spare = spare.and_then(|(mut session, comment)| {
            is_there(&mut session).then_some((session, comment))
        });
        let is_sealed = spare.is_some();
        let (session, comment) = match spare {
            Some(spare) => spare,
            None => {
                let comment = comment.unwrap_or_else(|| self.name_of_connection());
                (self.make(&making, &comment)?, comment)
            }
        };
        let mut lane = Lane::of(Kept::new(session));
        lane.is_sealed = is_sealed;
        lane.making = Some(making);
        lane.comment = may_share.then_some(comment);
        Ok(lane)
    }

    fn name_of_connection(&self) -> String {
        comment(self.door.count.fetch_add(1, Ordering::Relaxed), &self.caller.user, "")
    }

    fn make(&self, making: &Making, comment: &str) -> Result<Session, Failure> {
        let mut session = self.fresh()?;
        settings::use_database(&mut session, &making.database)?;
        let comment = (COMMENT.to_owned(), comment.to_owned());
        settings::set(
            &mut session,
            &making.settings.clone().into_iter().chain([comment]).collect(),
        )?;
        self.caller.enter(&mut session, true)?;
        Ok(session)
    }

    /// It leaves the connection as it finds it, and is listed there as any other.
    pub(super) fn may_share(&self, sql: &str, outline: &Outline) -> bool {
        let is_listed_so = self.request.setting(COMMENT).is_some() || self.statement.has_names();
        !is_listed_so && self.settings_before(sql, outline).is_empty()
    }
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
        spares.put(making("ann", "1"), "a".into(), 1);
        spares.put(making("ann", "1"), "b".into(), 2);
        assert_eq!(spares.take(&making("bob", "1")), None);
        assert_eq!(spares.take(&making("ann", "2")), None);
        assert_eq!(spares.take(&making("ann", "1")), Some((2, "b".into())));
        assert_eq!(spares.take(&making("ann", "1")), Some((1, "a".into())));
        assert_eq!(spares.take(&making("ann", "1")), None);
    }

    #[test]
    fn there_are_so_many_for_so_long() {
        let spares = Spares::default();
        (0..=SPARES_MAX).for_each(|number| spares.put(making("ann", "1"), String::new(), number));
        assert!(spares.sweep(IDLE_MAX).is_empty());
        assert_eq!(spares.sweep(Duration::ZERO), (1..=SPARES_MAX).collect::<Vec<_>>());
    }
}
