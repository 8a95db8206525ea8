//! A table copied again while everything goes on: by its snapshot's position the copy is newer than
//! all that it replaces, and older than what the stream brings.
//!
//! | the table | what readers see meanwhile | at the end |
//! | --- | --- | --- |
//! | a mirror, of the same shape | its rows, from the copy or of before, and the stream's | what no copy brought goes |
//! | a mirror, of another shape | the rows of before, set aside in `millrace` | the view moves, they go |
//! | append | what was copied so far | the rows of before stay, under another name |

use super::Loop;
use super::copies::LET_GO;
use crate::evolve;
use crate::flush::patiently;
use crate::quarantine;
use crate::resync::{ResyncOptions, Resynced};
use crate::shape;
use crate::status::{State, Status};
use crate::tables::{Around, CopyState};
use model::{Error, Mode, Result, TableName};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Store, Target, ddl};
use tokio::sync::oneshot;
use tokio_postgres::Client;

impl Loop {
    pub(super) async fn on_resync(
        &mut self,
        options: ResyncOptions,
        reply: oneshot::Sender<Result<Vec<Resynced>>>,
    ) -> Result<()> {
        let (client, wanted) = match self.resync_wanted(&options).await {
            Ok(wanted) => wanted,
            Err(error) => {
                let _ = reply.send(Err(error));
                return Ok(());
            }
        };
        // Rows of the old shape are in their place; the stream comes back with the new one.
        self.drain().await?;
        self.start_anew_after(LET_GO);
        let (mut begun, mut ids, mut failed) = (Vec::new(), Vec::new(), None);
        for target in wanted {
            let id = target.table.id;
            match self.begin_resync(target, options.rows_per_second_max, &client).await {
                Ok(resynced) => {
                    begun.push(resynced);
                    ids.push(id);
                }
                Err(error) => {
                    failed = failed.or_else(|| Some(Error::definite(error.report())));
                    self.fail_table(id, error).await?;
                }
            }
        }
        self.start_copies(&ids);
        let _ = reply.send(failed.map_or(Ok(begun), Err));
        Ok(())
    }

    /// Today's shape of each; nothing is begun when one cannot be.
    async fn resync_wanted(&self, options: &ResyncOptions) -> Result<(Client, Vec<Arc<Target>>)> {
        let client = source::client::connect(&self.options.address).await?;
        let mut wanted = Vec::new();
        for name in BTreeSet::from_iter(&options.tables) {
            let entry = self.tables.by_id.values().find(|entry| entry.name == *name);
            let entry = entry.ok_or_else(|| {
                Error::definite(format!("cannot copy {name} again: it does not stream here"))
                    .hint("millrace status lists the tables, and why one is left out")
            })?;
            let id = entry.target.table.id;
            let today = source::catalog::table_by_id(&client, &self.options.publication, id);
            let today = today.await?.ok_or_else(|| {
                Error::definite(format!("cannot copy {name} again: the publication lacks it")).hint(
                    format!("ALTER PUBLICATION {} ADD TABLE {name}", self.options.publication),
                )
            })?;
            if today.name.to_string() != *name {
                let what = format!("cannot copy {name} again: it is {} now", today.name);
                return Err(Error::definite(what).hint("restart millrace up"));
            }
            wanted.push(Arc::new(self.tables.resolve(today)?));
        }
        Ok((client, wanted))
    }

    async fn begin_resync(
        &mut self,
        target: Arc<Target>,
        rows_per_second_max: u64,
        client: &Client,
    ) -> Result<Resynced> {
        let id = target.table.id;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client };
        let kept = shape::kept(&target.rows, around.store, around.status).await?;
        let is_same = target.mode == Mode::Mirror
            && target.visible().iter().all(|column| kept.has(column))
            && shape::difference(&kept, &target, around.store, around.status).await?.is_none();
        let kept_as = match (is_same, target.mode) {
            (true, _) => None,
            (false, Mode::Mirror) => {
                set_aside(&target, store.as_ref(), &status).await?;
                None
            }
            (false, Mode::Append) => {
                // Facts of before are kept, those that were refused too.
                let name = &target.table.name;
                quarantine::supersede(store.as_ref(), &status, name, None, false).await?;
                Some(keep(&target, store.as_ref(), &status).await?)
            }
        };
        patiently(&status, || crate::copier::forget_ranges(store.as_ref(), &target)).await?;
        let entry =
            self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
        let copy = CopyState { sweeps: is_same, rows_per_second_max, ..CopyState::default() };
        entry.begin_again(target.clone(), copy);
        entry.enter(State::Waiting, None, store.as_ref(), &status).await?;
        status.with_table(&entry.name, |table| (table.copied_rows, table.pages_done) = (0, 0));
        tracing::info!(table = %entry.name, "it is copied again");
        let name = entry.name.clone();
        evolve::create(&target, &around).await?;
        Ok(Resynced { name, kept_as: kept_as.map(|place| place.to_string()) })
    }
}

/// Readers go on with the rows of before. Those that an earlier resync set aside are whole, and what
/// it copied since is not.
async fn set_aside(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    let (rows, aside) = (ddl::name(&target.rows), shape::aside(target));
    let statement = match shape::kept(&aside, store, status).await?.is_missing() {
        true => format!("RENAME TABLE IF EXISTS {rows} TO {}", ddl::name(&aside)),
        false => format!("DROP TABLE IF EXISTS {rows}"),
    };
    patiently(status, || store.execute(&statement)).await
}

/// Facts may be gone at the source, so they are never dropped.
async fn keep(target: &Target, store: &dyn Store, status: &Status) -> Result<TableName> {
    let seconds = crate::status::now_us() / 1_000_000;
    let TableName { schema, table } = &target.rows;
    let place = TableName::new(schema, format!("{table}_before_{seconds}"));
    let (rows, to) = (ddl::name(&target.rows), ddl::name(&place));
    let statement = format!("RENAME TABLE IF EXISTS {rows} TO {to}");
    patiently(status, || store.execute(&statement)).await?;
    Ok(place)
}
