//! The session of a request, with the request's database and settings in force: a connection of its own, or
//! the one that its client names, which goes back afterwards.

use super::error::Failure;
use super::format::Way;
use super::request::Request;
use super::run::{Work, is_select};
use super::sessions::{Kept, Lease};
use super::settings::{self, Settings};
use super::sql::Outline;
use store::embedded::HOME_DATABASE;

/// A document is made whole in memory; this is the limit of its rows there.
const DOCUMENT_BYTES_MAX: &str = "268435456";

/// A session, and where it goes afterwards.
pub(super) struct Lane {
    pub(super) kept: Kept,
    lease: Option<Lease>,
    is_new: bool,
    /// Temporary ones that came with the request and go with it.
    pub(super) tables: Vec<String>,
}

impl Lane {
    /// A connection like its own cannot be had.
    pub(super) fn is_alone(&self, request: &Request) -> bool {
        let moved = self.kept.is_moved && request.database.is_none();
        self.kept.is_own || moved || !self.tables.is_empty()
    }

    pub(super) fn close(mut self) {
        let Some(lease) = self.lease else { return };
        for table in &self.tables {
            // A session that kept another's table would not be its client's any more: it ends.
            let sql = format!("DROP TEMPORARY TABLE {}", settings::identifier(table));
            if self.kept.session.query_and_keep(&sql, "Null", &[]).is_err() {
                return;
            }
        }
        lease.give_back(self.kept);
    }
}

impl Work {
    fn fresh(&self) -> Result<Lane, Failure> {
        let session = self.door.engine.session();
        let session =
            session.map_err(|error| Failure::new(210, "NETWORK_ERROR", error.report()))?;
        Ok(Lane { kept: Kept::new(session), lease: None, is_new: true, tables: Vec::new() })
    }

    /// One more for this request, made as its own was if that is new.
    pub(super) fn beside(&self, outline: &Outline) -> Result<Lane, Failure> {
        let mut lane = self.fresh()?;
        self.prepare(&mut lane, outline, Way::Rows)?;
        Ok(lane)
    }

    pub(super) fn lane(&self) -> Result<Lane, Failure> {
        let Some(wanted) = &self.request.session else { return self.fresh() };
        let (lease, kept) = self.door.sessions.take(wanted)?;
        let lane = match kept {
            Some(kept) => Lane { kept, lease: None, is_new: false, tables: Vec::new() },
            None => self.fresh()?,
        };
        Ok(Lane { lease: Some(lease), ..lane })
    }

    /// What also data needs that comes before the statement: the request's database and settings.
    pub(super) fn open(&self, lane: &mut Lane) -> Result<(), Failure> {
        self.enter(lane)?;
        set(lane, self.wanted())
    }

    /// For the statement itself.
    pub(super) fn prepare(
        &self,
        lane: &mut Lane,
        outline: &Outline,
        way: Way,
    ) -> Result<(), Failure> {
        self.enter(lane)?;
        if lane.lease.is_some() && outline.verb == "SET" {
            // What a SET statement sets stays: nothing of ours may be restored over it.
            return settings::restore(&mut lane.kept);
        }
        let mut wanted = self.wanted();
        if way == Way::Document && is_select(outline) {
            let limit = || DOCUMENT_BYTES_MAX.to_owned();
            wanted.entry("max_result_bytes".into()).or_insert_with(limit);
        }
        set(lane, wanted)?;
        if lane.lease.is_none() {
            // Last: nothing can be set after it, and it cannot be taken back, which is why
            // sessions that go on have only the door's own check.
            let readonly = self.request.setting("readonly").filter(|value| *value != "0");
            if let Some(level) = readonly.or(self.request.reads_only.then_some("2")) {
                let level = [("readonly".to_owned(), level.to_owned())];
                settings::set(&mut lane.kept.session, &level.into())?;
            }
        }
        Ok(())
    }

    fn enter(&self, lane: &mut Lane) -> Result<(), Failure> {
        let is_new = std::mem::take(&mut lane.is_new);
        if is_new && lane.lease.is_some() {
            settings::begin(&mut lane.kept.session, Settings::new())?;
        }
        let database = self.request.database.as_deref().filter(|name| !name.is_empty());
        lane.kept.is_moved |= database.is_some();
        match database.or(is_new.then_some(HOME_DATABASE)) {
            Some(database) => settings::use_database(&mut lane.kept.session, database),
            None => Ok(()),
        }
    }

    fn wanted(&self) -> Settings {
        let mut wanted = settings::wanted(&self.request, &self.statement.comment);
        wanted.remove("readonly");
        wanted
    }
}

fn set(lane: &mut Lane, wanted: Settings) -> Result<(), Failure> {
    match lane.lease {
        Some(_) => settings::lend(&mut lane.kept, wanted),
        None => settings::begin(&mut lane.kept.session, wanted),
    }
}
