//! A resync that somebody asks for.

use super::Loop;
use super::copies::LET_GO;
use crate::again;
use crate::evolve::{self, Past};
use crate::resync::{ResyncOptions, Resynced};
use crate::tables::Around;
use model::{Error, Result, TableName};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Target;
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
                return Err(
                    Error::definite(what).hint("it moves within seconds; then use that name")
                );
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
        let past = &self.entry(id)?.past;
        // Another column's values would be taken for those of one that is new.
        let past = evolve::clash(&target, past).is_none().then(|| past.with(&target));
        let kept_as = self.begin_again(target, past, rows_per_second_max, client).await?;
        let entry = self.tables.by_id.get(&id).ok_or_else(|| Error::bug("a table went away"))?;
        let kept_as = kept_as.map(|place| place.to_string());
        Ok(Resynced { name: entry.name.clone(), kept_as })
    }

    /// What its copy of before still writes is over first.
    pub(super) async fn begin_again(
        &mut self,
        target: Arc<Target>,
        past: Option<Past>,
        rows_per_second_max: u64,
        client: &Client,
    ) -> Result<Option<TableName>> {
        let id = target.table.id;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client };
        let entry =
            self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
        again::begin(entry, target, past, rows_per_second_max, &around).await
    }
}
