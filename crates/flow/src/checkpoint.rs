//! Positions, named by what is promised of them.
//!
//! ```text
//! received  ≥  applied  ≥  recorded  ≥  confirmed
//! read         durable     in millrace   Postgres may
//! from the     in the      .checkpoints  forget the log
//! wire         store                     up to here
//! ```
//!
//! Recorded comes before confirmed, so that the slot never stands beyond what the store says it
//! holds: a slot that does was moved by somebody else, or the store is an older one.

use model::{Error, Lsn, Result};
use std::time::Duration;
use store::{Rows, Store};

/// While rows flow. Each record is an fsync of its own.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// While only the server's position moves.
const IDLE_PAUSE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Positions {
    received: Lsn,
    applied: Lsn,
    recorded: Lsn,
    confirmed: Lsn,
    /// Nothing before is to be had: it was confirmed long ago, and nobody needs it.
    floor: Lsn,
    /// Where what this session brings begins to be new to the store.
    new_from: Lsn,
}

impl Positions {
    /// `floor`: where the log that can be had begins.
    pub(crate) fn start(at: Lsn, floor: Lsn) -> Positions {
        Positions { received: at, applied: at, recorded: at, confirmed: at, floor, new_from: at }
    }

    pub(crate) fn received(&self) -> Lsn {
        self.received
    }

    pub(crate) fn applied(&self) -> Lsn {
        self.applied
    }

    pub(crate) fn recorded(&self) -> Lsn {
        self.recorded
    }

    pub(crate) fn confirmed(&self) -> Lsn {
        self.confirmed
    }

    /// The store has what was committed before, a TRUNCATE too: rows from before one would come back.
    pub(crate) fn new_from(&self) -> Lsn {
        self.new_from
    }

    /// A session that repeats the log moves nothing back.
    pub(crate) fn receive(&mut self, through: Lsn) {
        self.received = self.received.max(through);
        self.check();
    }

    pub(crate) fn apply(&mut self, through: Lsn) {
        self.applied = self.applied.max(through);
        self.check();
    }

    pub(crate) fn record(&mut self, through: Lsn) {
        self.recorded = self.recorded.max(through);
        self.check();
    }

    /// Others need the log as well, and know of no more of it yet: nothing behind that is confirmed. Returns where a
    /// session has to begin. Who has heard of nothing since the slot was confirmed further has missed nothing.
    pub(crate) fn hold(&mut self, others: Lsn) -> Lsn {
        let others = others.max(self.floor);
        self.confirmed = self.confirmed.min(others);
        self.new_from = self.applied;
        self.applied.min(others)
    }

    /// `others` have the log up to there as well.
    pub(crate) fn confirm(&mut self, others: Lsn) -> Lsn {
        let all = self.recorded.min(others);
        self.confirmed = self.confirmed.max(all);
        self.floor = self.floor.max(all);
        self.check();
        self.confirmed
    }

    /// Rows after the last record were not taken and will be read again.
    pub(crate) fn rewind(&mut self) {
        self.received = self.recorded;
        self.applied = self.recorded;
        self.check();
    }

    pub(crate) fn is_due(&self, since_last: Duration, busy: bool) -> bool {
        let pause = if busy { BUSY_PAUSE } else { IDLE_PAUSE };
        self.applied > self.recorded && since_last >= pause
    }

    fn check(&self) {
        assert!(
            self.received >= self.applied
                && self.applied >= self.recorded
                && self.recorded >= self.confirmed,
            "positions out of order: {self:?}"
        );
    }
}

pub(crate) const CHECKPOINTS: &str = "millrace.checkpoints (slot, confirmed)";

pub(crate) fn row(slot: &str, position: Lsn) -> Rows {
    vec![vec![Some(slot.to_owned()), Some(position.0.to_string())]]
}

/// What the store says it holds of the slot's log.
pub(crate) async fn last(store: &dyn Store, slot: &str) -> Result<Option<Lsn>> {
    let slot = store::ddl::literal(slot);
    let sql = format!("SELECT confirmed FROM millrace.checkpoints FINAL WHERE slot = {slot}");
    let rows = store.query(&sql).await?;
    let Some(field) = rows.into_iter().next().and_then(|row| row.into_iter().next()) else {
        return Ok(None);
    };
    let position = field.and_then(|text| text.parse().ok()).map(Lsn);
    position.map(Some).ok_or_else(|| Error::bug("a row of millrace.checkpoints does not read back"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_confirmed_only_after_each_promise_before_it() {
        let mut at = Positions::start(Lsn(10), Lsn(5));
        at.receive(Lsn(30));
        at.apply(Lsn(20));
        assert_eq!(at.confirm(Lsn::MAX), Lsn(10));
        at.record(at.applied());
        assert_eq!(at.confirm(Lsn::MAX), Lsn(20));
        at.receive(Lsn(15));
        assert_eq!(at.received(), Lsn(30));
        at.rewind();
        assert_eq!((at.received(), at.applied(), at.confirmed()), (Lsn(20), Lsn(20), Lsn(20)));
        at.receive(Lsn(40));
        at.apply(Lsn(40));
        at.record(Lsn(40));
        assert_eq!((at.confirm(Lsn(10)), at.confirm(Lsn(30))), (Lsn(20), Lsn(30)));
        // What was confirmed stays so, whoever says that they know of less.
        assert_eq!((at.hold(Lsn(25)), at.confirmed(), at.recorded()), (Lsn(30), Lsn(30), Lsn(40)));
        assert_eq!((at.hold(Lsn::MAX), at.confirmed()), (Lsn(40), Lsn(30)));
        at.receive(Lsn(50));
        at.apply(Lsn(50));
        assert_eq!((at.new_from(), at.hold(Lsn(40)), at.new_from()), (Lsn(40), Lsn(40), Lsn(50)));
    }

    /// Nothing of theirs was sent lately, or nothing was heard of them; the slot is further.
    #[test]
    fn nobody_is_waited_for_behind_what_can_be_had() {
        for (others, begins) in [(0, 20), (15, 20), (20, 20), (25, 25), (40, 30)] {
            let mut at = Positions::start(Lsn(30), Lsn(20));
            assert_eq!(
                (at.hold(Lsn(others)), at.confirmed()),
                (Lsn(begins), Lsn(begins)),
                "{others}"
            );
            assert_eq!(at.confirm(Lsn(others)), Lsn(begins), "{others}");
        }
    }

    #[test]
    #[should_panic(expected = "positions out of order")]
    fn what_was_not_received_cannot_be_applied() {
        Positions::start(Lsn(10), Lsn(5)).apply(Lsn(11));
    }

    #[test]
    fn records_are_rare() {
        let mut at = Positions::start(Lsn(10), Lsn(5));
        let (short, long) = (Duration::from_millis(1500), Duration::from_secs(60));
        assert!(!at.is_due(long, true));
        at.receive(Lsn(11));
        at.apply(Lsn(11));
        assert!(at.is_due(short, true) && !at.is_due(short, false) && at.is_due(long, false));
    }
}
