//! Whether the store holds what the source holds, at one position of the log.

use serde::{Deserialize, Serialize};

/// What to compare; no table: all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VerifyOptions {
    pub tables: Vec<String>,
    /// The most differing keys that are listed of each table.
    pub keys_max: usize,
}

/// The answer, as `millrace verify --json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    pub position: String,
    pub tables: Vec<TableVerdict>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableVerdict {
    pub name: String,
    pub mode: String,
    pub source_rows: u64,
    pub store_rows: u64,
    pub differing_keys: u64,
    /// `missing`, `extra`, `changed` or `duplicate`, with the key as text.
    pub differences: Vec<Difference>,
    /// Columns that were not compared, and other remarks: `properties_json (JSON)`.
    pub notes: Vec<String>,
    /// Why the table could not be compared.
    pub skipped: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Difference {
    pub kind: String,
    pub key: String,
}

impl Verdict {
    /// Everything that was to be compared was compared, and is equal.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| table.skipped.is_none() && table.differing_keys == 0)
    }
}

/// Compares the tables as the snapshot sees them with the store.
pub(crate) async fn compare(
    _snapshot: &source::copy::Snapshot,
    _targets: Vec<std::sync::Arc<store::Target>>,
    _store: std::sync::Arc<dyn store::Store>,
    _options: &VerifyOptions,
) -> model::Result<Vec<TableVerdict>> {
    Err(model::Error::bug("the comparison is not merged yet"))
}
