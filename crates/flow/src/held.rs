//! Where each table of Postgres is kept, and what its columns are called there: as it is written down, for those who
//! only look. It holds for renamed tables and columns, too, whatever the configuration says by now.

use crate::tables::CopyState;
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::Store;

/// A row of it is an argument of [`Held::read`].
pub const TABLES: &str =
    "SELECT name, target, mode, detail FROM millrace.tables FINAL WHERE id != 0";

/// A table of Postgres as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// In Postgres.
    pub name: String,
    /// In the store.
    pub target: String,
    /// `mirror`, `append`, `history`.
    pub mode: String,
    /// By their names in the store those in Postgres. What is not among them, the store has of its own.
    pub columns: BTreeMap<String, String>,
}

impl Held {
    pub fn read(row: Vec<Option<String>>) -> Result<Held> {
        let fields = row.into_iter().collect::<Option<Vec<String>>>();
        let fields = fields.and_then(|fields| <[String; 4]>::try_from(fields).ok());
        let [name, target, mode, detail] =
            fields.ok_or_else(|| Error::bug("a row of millrace.tables does not read"))?;
        let (_, past, _, _) = CopyState::read(&detail)?;
        let named = past.live().filter_map(|column| {
            Some((past.stored_as(column.attnum)?.to_owned(), column.name.clone()))
        });
        Ok(Held { name, target, mode, columns: named.collect() })
    }
}

/// Every table that is kept.
pub async fn tables(store: &dyn Store) -> Result<Vec<Held>> {
    store.query(TABLES).await?.into_iter().map(Held::read).collect()
}
