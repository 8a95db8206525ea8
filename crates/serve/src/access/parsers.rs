//! Sessions of the gate's own, in which the engine reads statements and runs none. To open one costs as much as
//! reading does, so one that has read well is kept for the next statement.

use crate::clickhouse::error::Failure;
use std::sync::{Mutex, MutexGuard};
use store::Engine;
use store::embedded::Session;

const IDLE_MAX: usize = 8;

#[derive(Default)]
pub(super) struct Parsers {
    idle: Mutex<Vec<Session>>,
}

impl Parsers {
    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn take(&self, engine: &Engine) -> Result<Session, Failure> {
        if let Some(session) = self.lock().pop() {
            return Ok(session);
        }
        let session = engine.session();
        let mut session =
            session.map_err(|error| Failure::new(210, "NETWORK_ERROR", error.report()))?;
        session.query("SET implicit_select = 0", "Null", &[])?;
        Ok(session)
    }

    /// After a failure it is not given back.
    pub(super) fn put(&self, session: Session) {
        let mut idle = self.lock();
        let ended = if idle.len() < IDLE_MAX {
            idle.push(session);
            None
        } else {
            Some(session)
        };
        drop(idle);
        drop(ended);
    }
}
