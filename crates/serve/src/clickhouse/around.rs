//! What is around a statement's run: those that the door answers in the engine's place, its turn,
//! its place in the log.

use super::answer::Answer;
use super::error::Failure;
use super::run::{Stop, Work};
use super::sql::Outline;
use super::{kill, processes, turns};
use std::time::Duration;

impl Work {
    /// A SELECT that stands for a statement which the engine cannot answer as it is.
    pub(super) fn instead(&self, sql: &str, outline: &Outline) -> Result<Option<String>, Failure> {
        match outline.verb.as_str() {
            "KILL" if kill::is_asked(sql) => {
                if self.request.reads_only {
                    let text = "Cannot execute query in readonly mode";
                    return Err(Failure::new(164, "READONLY", text));
                }
                let of_others = self.caller.is_admin() && self.may_write("");
                let params = &self.request.params;
                kill::run(sql, params, &self.statement, of_others, &self.door).map(Some)
            }
            "SELECT" | "WITH" | "FROM" => Ok(self.with_names(processes::with_our_names(sql))),
            "SHOW" => Ok(self.with_names(processes::list_instead_of_show(sql))),
            _ => Ok(None),
        }
    }

    /// What reads the list brings along what others are called that it may see.
    fn with_names(&self, reads_list: Option<String>) -> Option<String> {
        let of = Some(self.statement.user.as_str()).filter(|_| !self.caller.is_admin());
        reads_list.inspect(|_| self.statement.learn(&self.door.processes.names(of)))
    }

    /// Shows the statement to others, from its first call on in a place that no other of its `query_id` may
    /// have meanwhile. `own`: names of tables that it brings along.
    pub(super) fn take_place(
        &mut self,
        text: &str,
        verb: &str,
        own: &[String],
    ) -> Result<(), Failure> {
        self.statement.set_text(text, verb, own);
        if self.place.is_none() {
            let replace = self.request.setting("replace_running_query").is_some_and(|v| v != "0");
            self.caller.begin()?;
            let door = &self.door;
            self.place = Some(door.processes.enter(&self.statement, replace, &door.engine)?);
        }
        Ok(())
    }

    /// Its body may have come slowly, and its user may have less by now. What is taken away from here on ends
    /// it ([`Work::end_revoked`]): so it is looked at again once that can see what it runs with.
    pub(super) fn renew(&mut self) -> Result<(), Failure> {
        self.caller = self.caller.renewed()?;
        self.statement.set_caller(&self.caller);
        match self.statement.is_revoked() {
            true => Err(Failure::new(497, "ACCESS_DENIED", "Not enough privileges any more")),
            false => self.statement.may_go_on(),
        }
    }

    /// Ends what runs with rights that are no more.
    pub(super) fn end_revoked(&self) {
        let others = self.door.processes.all().into_iter();
        let others = others.filter(|other| other.number != self.statement.number);
        for other in others.filter(|other| other.is_revoked()) {
            kill::cancel_later(&self.door.engine, &other);
        }
    }

    /// What shows or ends other statements, and what sets something, needs none. (A SELECT from
    /// `system.processes` does: it may be of anything else as well.)
    pub(super) fn wait_for_turn(&self, outline: &Outline) -> Result<(), Stop> {
        if !matches!(outline.verb.as_str(), "KILL" | "SHOW" | "SET" | "USE" | "SYSTEM") {
            self.take_turn()?;
        }
        self.statement.begin();
        Ok(())
    }

    pub(super) fn take_turn(&self) -> Result<(), Stop> {
        let asked = self.request.setting("queue_max_wait_ms").and_then(|ms| ms.parse().ok());
        let most = asked.filter(|ms| *ms > 0).map(Duration::from_millis);
        self.turn.take(most.map_or(turns::WAIT_DEFAULT, |most| most.min(turns::WAIT_MAX)))?;
        self.statement.may_go_on()?;
        if self.statement.is_given_up() { Err(Stop::Gone) } else { Ok(()) }
    }

    /// Before the last bytes go out, as the client may look for it at once.
    pub(super) fn log(&self, result: &Result<(), Stop>, answer: &Answer) {
        let failure = match result {
            Ok(()) => None,
            Err(Stop::Failed(failure)) => Some(failure.clone()),
            Err(Stop::Gone) => {
                let text = "Query was cancelled: its client has gone away";
                Some(Failure::new(394, "QUERY_WAS_CANCELLED", text))
            }
        };
        self.door.log.add(&self.statement, answer.stats, failure.as_ref());
    }
}
