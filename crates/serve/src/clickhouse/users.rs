//! Statements about users are the door's own: the engine never sees them, nor the passwords in them.

use super::answer::Answer;
use super::error::Failure;
use super::lane::Lane;
use super::run::{Stop, Work};
use super::sessions::Kept;
use super::text::Text;
use crate::access::{Done, Statement, current_database};

impl Work {
    pub(super) fn about_users(&self, text: &Text) -> Result<Option<Statement>, Failure> {
        let Text::Statement(sql) = text else { return Ok(None) };
        let current = self.database().unwrap_or(self.caller.home());
        // Of one that was not understood nobody knows where its password stands.
        self.caller.parse(sql, current).inspect_err(|_| self.statement.has_secrets())
    }

    /// The same statement where its session is: a name without a database means another table after USE.
    pub(super) fn where_it_is(
        &self,
        lane: &mut Lane,
        text: &Text,
        statement: Statement,
    ) -> Result<Statement, Failure> {
        let Text::Statement(sql) = text else { return Ok(statement) };
        if !lane.is_named() || self.database().is_some() {
            return Ok(statement);
        }
        let current = current_database(&mut lane.kept.session)?;
        Ok(self.caller.parse(sql, &current)?.unwrap_or(statement))
    }

    pub(super) fn answer_about_users(
        &self,
        kept: &mut Kept,
        statement: Statement,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let answered = self.caller.answer(statement, self.may_write(""));
        // Also of one that failed half-way.
        self.end_revoked();
        match answered? {
            Done::Quietly => {}
            Done::Roles(roles) => kept.roles = roles,
            Done::Select(sql) => self.whole(&mut kept.session, &sql, format, answer)?,
        }
        Ok(())
    }
}
