//! Whether tables can be kept with other options, found out before anything of theirs is touched.

use super::Tables;
use super::known::read_states;
use crate::scratch::{self, Scratch};
use model::{Result, Table, TableOptions};
use std::collections::{BTreeMap, HashMap};
use store::{Store, Target, ddl};

impl Tables {
    /// What a start with these options would refuse, or leave a table out for whose section changed.
    pub(crate) async fn check(
        published: &[Table],
        options: &BTreeMap<String, TableOptions>,
        changed: &BTreeMap<String, Vec<String>>,
        database_pattern: Option<&str>,
        store: &dyn Store,
    ) -> Result<()> {
        let known = read_states(store).await?;
        let tables = Tables {
            by_id: HashMap::new(),
            options: options.clone(),
            database_pattern: database_pattern.map(str::to_owned),
            missed: None,
        };
        for table in published {
            tables.refuse_another_place(table, &known)?;
            if changed.contains_key(&table.name.to_string()) {
                try_out(tables.resolve(table.clone())?, store).await?;
            }
        }
        Ok(())
    }
}

/// The engine alone knows which types and expressions it takes: it makes an empty table of that shape.
async fn try_out(target: Target, store: &dyn Store) -> Result<()> {
    let (name, place) = (target.table.name.to_string(), scratch::place());
    let trial = Target { name: place.clone(), rows: place.clone(), ..target };
    let mut tried = Ok(());
    for statement in ddl::create(&trial) {
        tried = tried.and(store.execute(&statement).await);
    }
    Scratch { place }.drop_table(store).await;
    tried.map_err(|error| error.context(name))
}
