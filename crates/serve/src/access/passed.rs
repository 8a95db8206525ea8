//! Tables that pass on the rows of others, for users with a row filter: a filter goes by the name of
//! the table that is asked, so what stands behind it would be shown whole.

use super::gate::{Gate, denied};
use super::lists::ENGINES;
use crate::clickhouse::error::Failure;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    /// A table that she may read keeps its rows itself, or has a filter of its own. Views are read by
    /// the engine as their text is, with the filters.
    pub(super) fn check_passed(&self, database: &str, table: &str) -> Result<()> {
        let of_server = matches!(database, "system" | "information_schema" | "INFORMATION_SCHEMA");
        if self.rights.filters.is_empty() || of_server || self.has_filter(database, table) {
            return Ok(());
        }
        let engine = self.known.engine_of(database, table)?;
        let passes = match engine.as_deref() {
            None => false,
            // What it fills is read without the filter that is on it.
            Some("MaterializedView") => {
                let target = self.known.target_of(database, table)?;
                let ordinary = |engine: Option<String>| {
                    engine.is_some_and(|engine| ENGINES.contains(&engine.as_str()))
                };
                match target {
                    Some((database, table)) => {
                        self.has_filter(&database, &table)
                            || !ordinary(self.known.engine_of(&database, &table)?)
                    }
                    None => true,
                }
            }
            Some(engine) => !ENGINES.contains(&engine),
        };
        match passes {
            false => Ok(()),
            true => Err(denied(
                "With a row filter in force, a table that passes on rows of another one, or a \
                 dictionary, is not read: ask an admin for a filter on that table, too.",
            )),
        }
    }
}
