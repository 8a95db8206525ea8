//! The session of a request, with the request's database and settings in force: a connection of its
//! own, new or spare ([`super::spare`]), or the one that its client names. The last two go back afterwards.

use super::Door;
use super::error::Failure;
use super::run::Work;
use super::sessions::{Kept, Lease};
use super::settings::{self, Settings};
use super::spare::Making;
use super::sql::Outline;
use crate::access;
use store::embedded::{HOME_DATABASE, Session};

/// A session, and where it goes afterwards.
pub(super) struct Lane {
    pub(super) kept: Kept,
    lease: Option<Lease>,
    /// How it was made, of one that no client has named.
    pub(super) making: Option<Making>,
    /// What the engine lists it as, when it may be another's afterwards.
    pub(super) comment: Option<String>,
    /// Nothing more can be set.
    pub(super) is_sealed: bool,
    is_new: bool,
    /// Temporary ones that came with the request and go with it.
    pub(super) tables: Vec<String>,
}

impl Lane {
    pub(super) fn of(kept: Kept) -> Lane {
        Lane {
            kept,
            lease: None,
            making: None,
            comment: None,
            is_sealed: false,
            is_new: true,
            tables: Vec::new(),
        }
    }

    /// Its client has named it, and may have moved it.
    pub(super) fn is_named(&self) -> bool {
        self.lease.is_some()
    }

    /// A connection like its own cannot be had.
    pub(super) fn is_alone(&self) -> bool {
        self.kept.is_own || !self.tables.is_empty()
    }

    /// `went_well`: its statement came to an end of its own, and nobody ends it any more.
    pub(super) fn close(mut self, door: &Door, went_well: bool) {
        if let Some(making) = self.making {
            let is_as_found = went_well && !self.kept.is_own && self.kept.session.is_open();
            if let Some(comment) = self.comment.filter(|_| is_as_found) {
                door.spares.put(making, comment, self.kept.session);
            }
            return;
        }
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
    pub(super) fn fresh(&self) -> Result<Session, Failure> {
        let session = self.door.engine.session();
        session.map_err(|error| Failure::new(210, "NETWORK_ERROR", error.report()))
    }

    /// The session that the client names. From here on the caller has the roles that were chosen in it.
    pub(super) fn named(&mut self) -> Result<Option<Lane>, Failure> {
        // Somebody who only reads has nothing to keep, and a read-only session takes no settings.
        let wanted = self.request.session.as_ref().filter(|_| !self.caller.only_reads());
        let Some(wanted) = wanted else { return Ok(None) };
        let name = self.caller.session_name(&wanted.id);
        let (lease, kept) = self.door.sessions.take(wanted, &self.caller.user, name)?;
        let lane = match kept {
            Some(kept) => Lane { is_new: false, ..Lane::of(kept) },
            None => Lane::of(Kept::new(self.fresh()?)),
        };
        if let Some(roles) = &lane.kept.roles
            && self.request.roles.is_empty()
        {
            self.caller = self.caller.with_roles_left(roles)?;
            self.statement.set_caller(&self.caller);
        }
        Ok(Some(Lane { lease: Some(lease), ..lane }))
    }

    /// What also data needs that comes before the statement: the request's database and settings. It is
    /// ours to put it into tables: a reader may not make any.
    pub(super) fn open(&self, lane: &mut Lane) -> Result<(), Failure> {
        if !lane.is_new {
            access::leave(&mut lane.kept.session)?;
        }
        self.enter(lane, false)?;
        set(lane, self.wanted()?)
    }

    /// For the statement itself, in the caller's roles; of one without a name that data has come into.
    pub(super) fn prepare(&self, lane: &mut Lane, outline: &Outline) -> Result<(), Failure> {
        let is_new = lane.is_new;
        self.enter(lane, outline.verb == "USE")?;
        let wanted = self.wanted()?;
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
        match lane.lease.is_some() || lane.is_sealed {
            true => Ok(()),
            false => settings::set(&mut lane.kept.session, &self.readonly()),
        }
    }

    pub(super) fn readonly(&self) -> Settings {
        let readonly = self.request.setting("readonly").filter(|value| *value != "0");
        let readonly = readonly.or(self.request.reads_only.then_some("2"));
        let readonly = if self.caller.only_reads() { Some("1") } else { readonly };
        readonly.map(|level| ("readonly".to_owned(), level.to_owned())).into_iter().collect()
    }

    /// A session is moved for one request, as ClickHouse does it. `leaves`: the statement itself moves it for good,
    /// also out of a database that is not there any more.
    fn enter(&self, lane: &mut Lane, leaves: bool) -> Result<(), Failure> {
        let is_new = std::mem::take(&mut lane.is_new);
        if is_new && lane.lease.is_some() {
            settings::begin(&mut lane.kept.session, Settings::new())?;
        }
        let kept = &mut lane.kept;
        if is_new {
            // Not there yet: the engine begins in a database of its own.
            kept.moved_from = Some(self.caller.home().to_owned());
        }
        if let Some(named) = self.database() {
            if kept.moved_from.is_none() {
                kept.moved_from = Some(access::current_database(&mut kept.session)?);
            }
            self.caller.check_database(named)?;
            return settings::use_database(&mut kept.session, named);
        }
        if let Some(own) = kept.moved_from.as_deref().filter(|_| is_new || !leaves) {
            settings::use_database(&mut kept.session, own)?;
            kept.moved_from = None;
        }
        Ok(())
    }

    /// The one that the request names.
    pub(super) fn database(&self) -> Option<&str> {
        let database = self.request.database.as_deref().filter(|name| !name.is_empty());
        database.map(|name| if name == "default" { HOME_DATABASE } else { name })
    }

    /// What the caller may have of what the request wants.
    pub(super) fn wanted(&self) -> Result<Settings, Failure> {
        let mut wanted = settings::wanted(&self.request, self.statement.comment());
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
