//! What the stream makes of a table, for who reads the table beside it.

use super::Tables;
use model::{Table, TableId, TableOptions};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use store::Target;

/// Of one moment.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Their rows are not taken.
    skipped: HashSet<TableId>,
    options: BTreeMap<String, TableOptions>,
    database_pattern: Option<String>,
}

impl Tables {
    pub(crate) fn settled(&self) -> Settled {
        let stopped = self.by_id.iter().filter(|(_, entry)| entry.is_stopped()).map(|(id, _)| *id);
        Settled {
            skipped: stopped.chain(self.left_out.keys().copied()).collect(),
            options: self.options.clone(),
            database_pattern: self.database_pattern.clone(),
        }
    }
}

impl Settled {
    /// `None`: its rows are not streamed.
    pub(crate) fn table(&self, table: Table) -> Option<Arc<Table>> {
        if self.skipped.contains(&table.id) {
            return None;
        }
        let options = self.options.get(&table.name.to_string()).cloned().unwrap_or_default();
        let target = Target::resolve(Arc::new(table), &options, self.database_pattern.as_deref());
        target.ok().map(|target| target.table)
    }
}
