//! The session of a request, with the request's database and settings in force: a connection of its own, or
//! the one that its client names, which goes back afterwards.

use super::error::Failure;
use super::format::Way;
use super::request::Request;
use super::run::{Work, is_select};
use super::sessions::{Kept, Lease};
use super::settings::{self, Settings};
use super::sql::Outline;
use crate::access;
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
        if !self.tables.is_empty() && access::leave(&mut self.kept.session).is_err() {
            return;
        }
        for table in &self.tables {
            // A session that kept another's table would not be its client's any more: it ends.
            let sql = format!("DROP TEMPORARY TABLE {}", store::ddl::ident(table));
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

    /// One more for this request, made as its own was if that is new. What runs in it has been let
    /// through the gate for the first.
    pub(super) fn beside(&self, outline: &Outline) -> Result<Lane, Failure> {
        let mut lane = self.fresh()?;
        self.prepare(&mut lane, outline, Way::Rows)?;
        self.seal(&mut lane)?;
        Ok(lane)
    }

    /// From here on the caller has the roles that were chosen in the session before.
    pub(super) fn lane(&mut self) -> Result<Lane, Failure> {
        // Somebody who only reads has nothing to keep, and a read-only session takes no settings.
        let wanted = self.request.session.as_ref().filter(|_| !self.caller.only_reads());
        let Some(wanted) = wanted else { return self.fresh() };
        let (lease, kept) = self.door.sessions.take(wanted, &self.caller.user)?;
        let lane = match kept {
            Some(kept) => Lane { kept, lease: None, is_new: false, tables: Vec::new() },
            None => self.fresh()?,
        };
        if let Some(roles) = &lane.kept.roles
            && self.request.roles.is_empty()
        {
            self.caller = self.caller.with_roles(Some(roles))?;
        }
        Ok(Lane { lease: Some(lease), ..lane })
    }

    /// What also data needs that comes before the statement: the request's database and settings. It is
    /// ours to put it into tables: a reader may not make any.
    pub(super) fn open(&self, lane: &mut Lane) -> Result<(), Failure> {
        if !lane.is_new {
            access::leave(&mut lane.kept.session)?;
        }
        self.enter(lane)?;
        set(lane, self.wanted()?)
    }

    /// For the statement itself, in the caller's roles.
    pub(super) fn prepare(
        &self,
        lane: &mut Lane,
        outline: &Outline,
        way: Way,
    ) -> Result<(), Failure> {
        let is_new = lane.is_new;
        self.enter(lane)?;
        let mut wanted = self.wanted()?;
        if way == Way::Document && is_select(outline) {
            let limit = || DOCUMENT_BYTES_MAX.to_owned();
            wanted.entry("max_result_bytes".into()).or_insert_with(limit);
        }
        match lane.lease.is_some() && outline.verb == "SET" {
            // What a SET statement sets stays: nothing of ours may be restored over it.
            true => settings::restore(&mut lane.kept)?,
            false => set(lane, wanted)?,
        }
        self.caller.enter(&mut lane.kept.session, is_new)
    }

    /// Last: nothing can be set after it, and it cannot be taken back, which is why sessions that go on
    /// have only the door's own check.
    pub(super) fn seal(&self, lane: &mut Lane) -> Result<(), Failure> {
        if lane.lease.is_some() {
            return Ok(());
        }
        let readonly = self.request.setting("readonly").filter(|value| *value != "0");
        let readonly = readonly.or(self.request.reads_only.then_some("2"));
        let readonly = if self.caller.only_reads() { Some("1") } else { readonly };
        match readonly {
            Some(level) => {
                let level = [("readonly".to_owned(), level.to_owned())];
                settings::set(&mut lane.kept.session, &level.into())
            }
            None => Ok(()),
        }
    }

    fn enter(&self, lane: &mut Lane) -> Result<(), Failure> {
        let is_new = std::mem::take(&mut lane.is_new);
        if is_new && lane.lease.is_some() {
            settings::begin(&mut lane.kept.session, Settings::new())?;
        }
        let database = self.request.database.as_deref().filter(|name| !name.is_empty());
        lane.kept.is_moved |= database.is_some();
        match database.or(is_new.then_some(HOME_DATABASE)) {
            Some(database) => {
                let database = if database == "default" { HOME_DATABASE } else { database };
                self.caller.check_database(database)?;
                settings::use_database(&mut lane.kept.session, database)
            }
            None => Ok(()),
        }
    }

    /// What the caller may have of what the request wants.
    fn wanted(&self) -> Result<Settings, Failure> {
        let mut wanted = settings::wanted(&self.request, &self.statement.comment);
        self.caller.settings(&mut wanted)?;
        wanted.remove("readonly");
        Ok(wanted)
    }
}

fn set(lane: &mut Lane, wanted: Settings) -> Result<(), Failure> {
    match lane.lease {
        Some(_) => settings::lend(&mut lane.kept, wanted),
        None => settings::begin(&mut lane.kept.session, wanted),
    }
}
