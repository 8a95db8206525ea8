//! Whether tables can be kept with other options, found out before anything of theirs is touched.

use super::Tables;
use super::known::read_states;
use super::renamed;
use crate::pipeline::Options;
use crate::scratch::{self, Scratch};
use model::{Result, Table, TableOptions};
use std::collections::{BTreeMap, HashMap};
use store::{Layout, Store, Target};

impl Tables {
    /// What a start with the options of `now` would refuse, or leave a table out for that has others than
    /// before.
    pub(crate) async fn check(
        published: &[Table],
        before: &Options,
        now: &BTreeMap<String, TableOptions>,
        store: &dyn Store,
    ) -> Result<()> {
        let known = read_states(store).await?;
        let by_name = |options| renamed::options(published, &known, options, &before.slot).0;
        let before_by_name = by_name(&before.tables);
        let tables = Tables {
            by_id: HashMap::new(),
            left_out: HashMap::new(),
            options: by_name(now),
            database_pattern: before.database_pattern.clone(),
            missed: None,
        };
        for table in published {
            tables.refuse_another_place(table, &known)?;
            let name = table.name.to_string();
            if tables.options.get(&name) != before_by_name.get(&name) {
                try_out(tables.resolve(table.clone())?, store).await?;
            }
        }
        Ok(())
    }
}

/// The engine alone knows which types and expressions it takes: it makes an empty table of that shape.
pub(crate) async fn try_out(target: Target, store: &dyn Store) -> Result<()> {
    let (name, place) = (target.table.name.to_string(), scratch::place());
    let trial = Target { name: place.clone(), rows: place.clone(), ..target };
    let mut tried = Ok(());
    // Of one server, which takes what all do.
    for statement in Layout::EMBEDDED.create(&trial) {
        tried = tried.and(store.execute(&statement).await);
    }
    Scratch { place }.drop_table(store).await;
    tried.map_err(|error| error.context(name))
}
