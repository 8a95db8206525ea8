//! One table while the pipeline runs: its shape, its state, and how it enters the next one.

use super::Around;
use super::known::{CopyState, Known, with_way_back};
use crate::again;
use crate::evolve::{self, Change, Need, Past};
use crate::intervals::{Intervals, Takes};
use crate::retry::patiently;
use crate::status::{State, Status};
use crate::verify::Subject;
use model::{Error, Lsn, Mode, Result, Table, TableName};
use source::stream::Relation;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Store, Target, ddl};

/// One table while the pipeline runs.
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Today's shape.
    pub(crate) target: Arc<Target>,
    pub(crate) past: Past,
    /// The shapes that the stream sent.
    pub(super) shapes: Vec<Arc<Target>>,
    pub(crate) state: State,
    /// Of what the store remembers of it.
    pub(super) version: i64,
    /// Of all but mirrors.
    pub(crate) intervals: Option<Intervals>,
    /// DELETEs that an archive did not follow.
    pub(crate) kept_deletes: u64,
    /// Where the copy stands, while there is one.
    pub(crate) copy: CopyState,
    /// The last commit whose rows were not taken because the copy's position was not known yet.
    pub(crate) skipped: Option<Lsn>,
    /// [`CopyState::rekeyed_at`], for a running copy to see.
    pub(crate) rekeyed_at: Arc<AtomicU64>,
    /// Copies that began by themselves since the last one that was finished.
    pub(crate) begun_again: u32,
}

impl Entry {
    /// What changed while nobody looked.
    pub(super) async fn bring_up(
        &mut self,
        target: Arc<Target>,
        need: Need,
        changes: &[Change<'_>],
        around: &Around<'_>,
    ) -> Result<()> {
        if self.state == State::Failed {
            return Ok(());
        }
        let (store, status) = (around.store, around.status);
        let (name, how) = (self.name.clone(), need.followed_by());
        let shown = evolve::record(&name, Lsn::ZERO, changes, how, store, status).await?;
        status.set_schema_change(&name, shown);
        match need {
            Need::Nothing if self.past.is_now(&target) => Ok(()),
            Need::Nothing => {
                self.follow(target);
                // A new one is recorded with all that are new.
                if self.version == 0 {
                    return Ok(());
                }
                let state = self.state;
                self.enter(state, None, store, status).await
            }
            Need::Repair => {
                self.follow(target);
                // What was updated meanwhile nobody knows.
                (self.copy.repairs, self.copy.updated) = (true, true);
                self.enter(State::Copying, None, store, status).await
            }
            Need::Copy(_) => {
                let past = self.past_with(&target, &need);
                let rate = self.copy.rows_per_second_max;
                again::begin(self, target, past, rate, around).await.map(drop)
            }
            Need::Anew(why) => {
                tracing::warn!(table = %self.name, %why, "it is copied again in another shape");
                let rate = self.copy.rows_per_second_max;
                again::begin(self, target, None, rate, around).await.map(drop)
            }
        }
    }

    /// A copy that has no position yet, and which rows of the stream it will hold matters: those of an
    /// append table, or of a shape that is not known. None are taken.
    pub(crate) fn is_unpointed(&self) -> bool {
        let matters = self.target.mode == Mode::Append || self.skipped.is_some();
        matters && self.copy.attempt == 0 && !self.is_stopped()
    }

    /// Rows of the stream are left for the session that will read them again.
    pub(crate) fn is_skipping(&self) -> bool {
        self.is_unpointed() || self.skipped.is_some()
    }

    /// No row of the stream is taken.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Failed | State::Removed)
    }

    pub(crate) fn needs_copy(&self) -> bool {
        matches!(self.state, State::Waiting | State::Copying)
    }

    /// The shape in which the relation sends its rows. `None`: it is not known.
    pub(crate) fn shape_of(&mut self, relation: &Relation) -> Option<Arc<Table>> {
        let shape = self.past.shape_of(relation, &self.target)?;
        if let Some(known) = self.target_for(&shape.table) {
            return Some(known.table.clone());
        }
        self.shapes.push(Arc::new(shape));
        self.shapes.last().map(|shape| shape.table.clone())
    }

    /// What its rows in the log may look like behind a copy of that kind.
    pub(crate) fn past_with(&self, target: &Target, need: &Need) -> Option<Past> {
        (!matches!(need, Need::Anew(_))).then(|| self.past.with(target))
    }

    /// The store has followed: this is the table now. Rows of before go where their columns are.
    pub(crate) fn follow(&mut self, target: Arc<Target>) {
        // Facts show the fields that they had.
        self.copy.updated |= evolve::reads_otherwise(&target, &self.past);
        self.past.note(&target);
        // The stream may hold it, and goes on with it until the next relation.
        self.shapes.push(std::mem::replace(&mut self.target, target));
        for shape in &mut self.shapes {
            *shape = Arc::new(self.past.stored(shape.table.clone(), &self.target));
        }
        self.shapes.dedup_by(|one, other| one.table.columns == other.table.columns);
    }

    /// The target for blocks of that shape.
    pub(crate) fn target_for(&self, table: &Arc<Table>) -> Option<&Arc<Target>> {
        let is_it = |target: &&Arc<Target>| {
            Arc::ptr_eq(&target.table, table) || target.table.columns == table.columns
        };
        [&self.target].into_iter().chain(self.shapes.iter().rev()).find(is_it)
    }

    /// A copy begins or goes on. What the stream saw meanwhile stays.
    pub(crate) fn set_copy(&mut self, copy: CopyState) {
        let CopyState { rekeyed_at, updated, .. } = self.copy;
        self.copy = CopyState { rekeyed_at, updated, ..copy };
        if let Some(intervals) = &mut self.intervals
            && self.target.mode == Mode::Append
        {
            intervals.set_copied_before(copy.first_point);
        }
    }

    /// Whether the stream has just seen the first change of a key, which has to be made durable.
    pub(crate) fn note_rekeyed(&mut self) -> bool {
        let Some(intervals) = self.intervals.as_ref().filter(|_| self.state == State::Copying)
        else {
            return false;
        };
        let known = self.copy.is_rekeyed();
        let seen = Lsn(self.rekeyed_at.fetch_max(intervals.rekeyed_at.0, Ordering::AcqRel));
        self.copy.rekeyed_at = self.copy.rekeyed_at.max(intervals.rekeyed_at).max(seen);
        !known && self.copy.is_rekeyed()
    }

    /// Whether the stream has just seen the first update of a fact, which has to be made durable.
    pub(crate) fn note_updated(&mut self) -> bool {
        let is_updated = self.intervals.as_ref().is_some_and(|intervals| intervals.is_updated);
        let is_first = is_updated && !self.copy.updated && !self.is_stopped();
        self.copy.updated |= is_first;
        is_first
    }

    /// What is compared of it.
    pub(crate) fn subject(&self) -> Subject {
        Subject { target: self.target.clone(), is_updated: self.copy.updated }
    }

    /// What it was is over: it is copied again, in this shape.
    pub(crate) fn begin_again(&mut self, target: Arc<Target>, past: Past, copy: CopyState) {
        (self.rekeyed_at, self.shapes) = (Arc::default(), Vec::new());
        (self.target, self.past, self.copy, self.skipped) = (target, past, copy, None);
    }

    /// Its table is a new one, which no batch is in.
    pub(crate) async fn forget_batches(
        &mut self,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let Some(intervals) = &mut self.intervals else { return Ok(()) };
        let key = self.target.name.to_string();
        let sql =
            format!("ALTER TABLE millrace.batches DELETE WHERE target = {}", ddl::literal(&key));
        *intervals = Intervals::new(key, Takes::of(&self.target), None);
        let batches = TableName::new("millrace", "batches");
        patiently(status, || store.mutate(&batches, &sql)).await
    }

    pub(super) fn known(&self, state: State, version: i64) -> Known {
        let past = self.past.clone();
        Known { past, ..Known::of(&self.target, state, self.copy, version) }
    }

    /// Makes the state durable, then shows it.
    pub(crate) async fn enter(
        &mut self,
        state: State,
        reason: Option<&Error>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let text = reason.map(|error| match state {
            State::Removed => error.report(),
            _ => with_way_back(error, &self.name),
        });
        let known = Known { reason: text.clone(), ..self.known(state, self.version) };
        self.version = known.record(&self.name, store, status).await?;
        self.state = state;
        status.with_table(&self.name, |table| {
            table.state = state;
            table.last_error = text;
        });
        Ok(())
    }
}
