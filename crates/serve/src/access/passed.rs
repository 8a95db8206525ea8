//! Tables that pass on the rows of others, for users with a row filter: a filter goes by the name of
//! the table that is asked, so what stands behind it would be shown whole.

use super::behind::Place;
use super::gate::{Gate, denied};
use super::lists::ENGINES;
use crate::clickhouse::error::Failure;
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    /// A table that she may read keeps its rows itself, or has a filter of its own. Views are read by
    /// the engine as their text is, with the filters: so what they read is looked at in their place.
    pub(super) fn check_passed(&self, database: &str, table: &str) -> Result<()> {
        if self.rights.filters.is_empty() {
            return Ok(());
        }
        let mut next = vec![(database.to_owned(), table.to_owned())];
        let mut seen = BTreeSet::new();
        while let Some(place) = next.pop() {
            if !seen.insert(place.clone()) {
                continue;
            }
            let (database, table) = (place.0.as_str(), place.1.as_str());
            let of_server =
                matches!(database, "system" | "information_schema" | "INFORMATION_SCHEMA");
            if of_server || self.has_filter(database, table) {
                continue;
            }
            let passes = match self.known.engine_of(database, table)?.as_deref() {
                None => false,
                Some("View") => {
                    next.extend(self.read_by_view(&place)?);
                    false
                }
                Some("MaterializedView") => self.passes_on(&place)?,
                Some(engine) => !ENGINES.contains(&engine),
            };
            if passes {
                return Err(denied(
                    "With a row filter in force, a table that passes on rows of another one, or a \
                     dictionary, is not read, nor a view over it: ask an admin for a filter on it, too.",
                ));
            }
        }
        Ok(())
    }

    /// What a materialized view fills is read without the filter that is on it.
    fn passes_on(&self, (database, table): &Place) -> Result<bool> {
        let Some((database, table)) = self.known.target_of(database, table)? else {
            return Ok(true);
        };
        let engine = self.known.engine_of(&database, &table)?;
        let is_ordinary = engine.is_some_and(|engine| ENGINES.contains(&engine.as_str()));
        Ok(self.has_filter(&database, &table) || !is_ordinary)
    }
}
