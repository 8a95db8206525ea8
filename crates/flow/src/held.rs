//! Where each table of Postgres is kept, and what its columns are called there: as it is written down, for those who
//! only look. It holds for renamed tables and columns, too, whatever the configuration says by now.

use crate::tables::CopyState;
use model::Result;
use std::collections::BTreeMap;

/// Its columns are the arguments of [`columns`] and what names the table.
pub const TABLES: &str =
    "SELECT name, target, mode, detail FROM millrace.tables FINAL WHERE id != 0";

/// By their names in the store those in Postgres. What is not among them, the store has of its own.
pub fn columns(detail: &str) -> Result<BTreeMap<String, String>> {
    let (_, past, _, _) = CopyState::read(detail)?;
    let named = past.live().filter_map(|column| {
        Some((past.stored_as(column.attnum)?.to_owned(), column.name.clone()))
    });
    Ok(named.collect())
}
