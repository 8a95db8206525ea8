//! Rows that are read, not changed: where they stand in their snapshot.

use super::envelope::Said;
use super::options::{Origin, SinkOptions};
use model::Lsn;

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub place: Place,
    pub lsn: Lsn,
    pub xid: Option<u32>,
    /// When it was taken, µs since 1970.
    pub taken_us: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    First,
    FirstOfTable,
    Within,
    LastOfTable,
    Last,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Place::First => "first",
            Place::FirstOfTable => "first_in_data_collection",
            Place::Within => "true",
            Place::LastOfTable => "last_in_data_collection",
            Place::Last => "last",
        }
    }
}

impl Snapshot {
    pub(super) fn said<'a>(&self, options: &'a SinkOptions, origin: &'a Origin) -> Said<'a> {
        Said {
            name: &options.topic_prefix,
            database: &origin.database,
            snapshot: self.place.name(),
            commit_us: self.taken_us,
            last_commit: None,
            xid: self.xid,
        }
    }
}
