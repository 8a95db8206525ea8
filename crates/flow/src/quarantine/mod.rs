//! Rows that ClickHouse cannot carry, kept aside in `millrace.quarantine`: each once.
//!
//! ```text
//! decoder, sift, lookup ─▶ record ─▶ waiting ─▶ replaying ─▶ replayed     written by the ordinary path
//!                                       ├────▶ dropped                    a person forgot it
//!                                       └────▶ superseded                 a newer copy has its table, or a newer row its place
//! ```
//!
//! What tells a row apart:
//!
//! | table | came by | is |
//! | --- | --- | --- |
//! | mirror | any way | its key: of several versions only the newest counts |
//! | append | the stream | its place in the log, and its number among the refused rows there |
//! | append with a key | a copy | its key: another snapshot sees it again |
//! | append without | a copy | its piece, block and number: a piece is read again as the same blocks |
//!
//! A row of the table is replaced by one of the same row with a larger `rank`: the version, then
//! `step`, which is 0 as the row comes and grows with whatever is done about it. So a log that is read
//! again changes nothing, and what is settled stays so. `FINAL` does not show what is settled.

mod ask;
mod newest;
mod page;
mod record;
mod replaced;
mod replay;
mod words;

pub use ask::{drop_rows, list, show};
pub use words::{Dropped, Filter, Group, ReplayOptions, Replayed, Shown};

#[cfg(feature = "kafka")]
pub(crate) use newest::ask as newest;
#[cfg(feature = "kafka")]
pub(crate) use page::{Kept, mark, next as page, refused};
pub(crate) use record::{Origin, Stage, record};
pub(crate) use replaced::{refused_before, supersede_older};
#[cfg(feature = "kafka")]
pub(crate) use replay::interrupted;
pub(crate) use replay::{Replay, finish_interrupted, look_for_copied, look_for_newer_of, not_now};

use crate::retry::patiently;
use crate::status::{Status, now_us};
use model::{Result, TableName, Version};
use store::{Store, ddl};

/// Of a row that waits.
pub(crate) const WAITING: &str = "state = 'waiting'";

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    /// It is being written, as a part of the block with its token.
    Replaying,
    Replayed,
    Dropped,
    Superseded,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Replaying => "replaying",
            State::Replayed => "replayed",
            State::Dropped => "dropped",
            State::Superseded => "superseded",
        }
    }
}

/// The rows of that table that came before `version`, and wait, do so no more. `is_settled`: nobody
/// will want to see them.
pub(crate) async fn supersede(
    store: &dyn Store,
    status: &Status,
    table: &TableName,
    version: Option<Version>,
    is_settled: bool,
) -> Result<()> {
    let version = version
        .map_or(String::new(), |version| format!(" AND version < toUInt128('{}')", version.0));
    let which = format!(
        "source_table = {} AND state IN ('waiting', 'replaying'){version}",
        ddl::literal(&table.to_string())
    );
    let sql = change(State::Superseded, is_settled, &which);
    patiently(status, || store.execute(&sql)).await
}

/// The statement that gives rows another state.
pub(crate) fn change(state: State, is_settled: bool, which: &str) -> String {
    format!(
        "INSERT INTO millrace.quarantine \
         (source_table, id, version, op, column, reason, row, key, state, step, settled, at) \
         SELECT source_table, id, version, op, column, reason, if({0}, '', row), key, '{1}', \
         greatest(toUInt64({2}), step + 1), {0}, at FROM millrace.quarantine FINAL WHERE {which}",
        u8::from(is_settled),
        state.name(),
        now_us(),
    )
}
