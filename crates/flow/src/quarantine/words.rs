//! What is asked of the quarantine, and what is answered: the API's JSON.

use serde::{Deserialize, Serialize};

/// Which rows; nothing: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// As `schema.table`.
    pub tables: Vec<String>,
    /// By its name in Postgres.
    pub column: Option<String>,
    /// The most rows that are shown; 0: as many as may be.
    pub rows_max: usize,
}

/// Rows of one table that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub table: String,
    pub column: String,
    pub reason: String,
    /// That wait to be replayed.
    pub rows: u64,
    /// That a newer row, or a newer copy, made a thing of the past.
    pub superseded: u64,
    /// When the newest came, in UTC.
    pub newest: String,
}

/// One row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    pub table: String,
    /// Of its commit in the log, or of the snapshot that it was copied from.
    pub position: String,
    pub op: String,
    pub column: String,
    pub reason: String,
    pub state: String,
    /// When it came, in UTC.
    pub at: String,
    /// Its values as Postgres prints them.
    pub row: serde_json::Value,
}

/// Tables to replay; no table: all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayOptions {
    pub tables: Vec<String>,
}

/// What became of a table's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    pub table: String,
    pub replayed: u64,
    /// Still.
    pub refused: u64,
    /// Newer rows of their keys are there: they are forgotten.
    pub superseded: u64,
    /// Why it could not be done, or not be finished.
    pub skipped: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub table: String,
    pub rows: u64,
}
