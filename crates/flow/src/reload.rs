//! Other options for tables, while the process goes on: what is asked and what is answered.
//!
//! What they come to is what a start with them comes to, because it is one: the loop is brought up
//! again. What a start would refuse, or leave a table out for, is found before and changes nothing.

use crate::pipeline::Options;
use crate::status::Status;
use crate::tables::Tables;
use crate::task::in_time;
use model::{Result, TableOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::Store;
use tokio::sync::oneshot;

/// `[tables]` as it is now.
#[derive(Clone, Debug, Default)]
pub struct ReloadOptions {
    pub tables: BTreeMap<String, TableOptions>,
    /// The tables whose section is another one, each with the keys that changed.
    pub changed: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// Those whose section changed.
    pub tables: Vec<ReloadedTable>,
    /// What it comes to is seen once the pipeline goes on.
    pub paused: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReloadedTable {
    pub name: String,
    /// Keys of its section.
    pub changed: Vec<String>,
    pub mode: Option<String>,
    /// What the table does now.
    pub state: Option<String>,
    pub last_error: Option<String>,
}

/// One that was found good; whoever asked waits until the tables are there.
pub(crate) struct Reload {
    pub(crate) options: ReloadOptions,
    pub(crate) reply: oneshot::Sender<Result<Reloaded>>,
}

impl Reload {
    pub(crate) fn answer(self, status: &Status, paused: bool) {
        let shown = status.report().tables;
        let answer = |(name, changed): (String, Vec<String>)| {
            let table = shown.iter().find(|table| table.name == name);
            let mode = table.map(|table| table.mode.to_owned());
            let state = table.map(|table| table.state.name().to_owned());
            let last_error = table.and_then(|table| table.last_error.clone());
            ReloadedTable { name, changed, mode, state, last_error }
        };
        let tables = self.options.changed.into_iter().map(answer).collect();
        let _ = self.reply.send(Ok(Reloaded { tables, paused }));
    }
}

/// Whether the published tables can be kept so. Touches nothing.
pub(crate) async fn check(
    options: &Options,
    wanted: &ReloadOptions,
    store: &dyn Store,
) -> Result<()> {
    let look = async {
        let client = source::client::connect(&options.address).await?;
        source::catalog::published_tables(&client, &options.publication).await
    };
    let published = in_time(look).await?;
    Tables::check(&published, options, &wanted.tables, store).await
}
