//! What the stream delivers: batches become work; barriers are answered once all before them is done.
//!
//! The reader waits for the answer to a barrier, so rows after it never meet the table of before.

use super::Loop;
use crate::apply;
use crate::copier;
use crate::evolve::{self, Answer};
use crate::flush;
use crate::quarantine;
use crate::status::State;
use crate::tables::Around;
use model::{Error, Lsn, Mode, Result, Table, TableId};
use source::stream::{Batch, Delivery, Relation};
use std::sync::Arc;

impl Loop {
    pub(super) async fn on_delivery(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Batch(batch) => self.on_batch(batch).await,
            Delivery::Relation { relation, commit, reply } => {
                match self.on_relation(relation, commit).await {
                    Ok(table) => {
                        let _ = reply.send(table);
                        Ok(())
                    }
                    // Without an answer the reader ends, and asks again in its next life.
                    Err(error) => self.lose_session(error),
                }
            }
            Delivery::Truncate { tables, commit, done } => {
                self.drain().await?;
                for id in tables {
                    self.truncate(id, commit).await?;
                }
                let _ = done.send(());
                Ok(())
            }
            Delivery::Message { .. } => Ok(()),
            Delivery::Held(position) => self.on_held(position).await,
            Delivery::Ended(error) => self.lose_session(error),
        }
    }

    pub(super) async fn on_batch(&mut self, batch: Batch) -> Result<()> {
        self.tries = 0;
        self.positions.receive(batch.through);
        self.status.set_slot_health_end(batch.server_end);
        let session = self.session.as_ref().map_or(0, |session| session.number);
        let prepared = apply::prepare(batch, session, &mut self.tables, &self.status)?;
        self.note_rekeyed().await?;
        self.next = Some(prepared);
        Ok(())
    }

    /// Durable before the position moves past the change of a key.
    async fn note_rekeyed(&mut self) -> Result<()> {
        for entry in self.tables.by_id.values_mut() {
            if entry.note_rekeyed() {
                let (store, status) = (self.store.as_ref(), &self.status);
                entry.enter(State::Copying, None, store, status).await?;
            }
        }
        Ok(())
    }

    async fn on_relation(&mut self, relation: Relation, commit: Lsn) -> Result<Option<Arc<Table>>> {
        let address = self.options.address.clone();
        let connect = async || source::client::connect(&address).await;
        let (store, publication) = (self.store.clone(), self.options.publication.clone());
        let status = self.status.clone();
        let answer = evolve::relation(
            &mut self.tables,
            &relation,
            commit,
            &publication,
            connect,
            store.as_ref(),
            &status,
        );
        match answer.await? {
            Answer::Rows(table) => self.in_form(table).map(Some),
            Answer::Skip => Ok(None),
            Answer::Stop(error) => {
                self.fail_table(relation.id, error).await?;
                Ok(None)
            }
            Answer::Unknown if self.left_out.contains(&relation.id) => Ok(None),
            Answer::Unknown => self.admit(relation.id).await,
        }
    }

    /// Refuses a table that this session cannot read: the next one asks for text.
    fn in_form(&self, table: Arc<Table>) -> Result<Arc<Table>> {
        let needs_text = table.columns.iter().any(|column| !column.pg.has_binary());
        if needs_text && self.session.as_ref().is_some_and(|session| session.binary) {
            return Err(Error::transient("could not read a type in its binary form"));
        }
        Ok(table)
    }

    /// A published table that was not there at the start.
    async fn admit(&mut self, id: TableId) -> Result<Option<Arc<Table>>> {
        let client = source::client::connect(&self.options.address).await?;
        let publication = &self.options.publication;
        let Some(table) = source::catalog::table_by_id(&client, publication, id).await? else {
            self.left_out.insert(id);
            return Ok(None);
        };
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client: &client };
        self.tables.add(table, &around).await?;
        let Some(entry) = self.tables.by_id.get(&id) else {
            self.left_out.insert(id);
            return Ok(None);
        };
        let shape = entry.shape().table.clone();
        tracing::info!(table = %entry.name, "a new table");
        self.start_copies(&[id]);
        self.in_form(shape).map(Some)
    }

    /// Rows from before the TRUNCATE go, those of a copy that still runs too. Facts stay.
    async fn truncate(&mut self, id: TableId, commit: Lsn) -> Result<()> {
        let Some(entry) = self.tables.by_id.get(&id) else { return Ok(()) };
        if entry.target.mode == Mode::Append || entry.state == State::Failed {
            return Ok(());
        }
        let was_copying = entry.needs_copy();
        if let Some(gate) = self.gates.remove(&id).filter(|_| was_copying) {
            gate.close().await;
        }
        let (target, status) = (entry.target.clone(), self.status.clone());
        self.end_replay(id).await;
        // By version: the log may be read again, and then newer rows are there.
        let sql = format!(
            "ALTER TABLE {} DELETE WHERE _version < toUInt128('{}') SETTINGS mutations_sync = 2",
            store::ddl::name(&target.rows),
            model::Version::of_copy(commit).0
        );
        let store = self.store.clone();
        if let Err(error) = flush::patiently(&status, || store.execute(&sql)).await {
            return self.fail_table(id, error).await;
        }
        let before = Some(model::Version::of_copy(commit));
        let name = &target.table.name;
        quarantine::supersede(store.as_ref(), &status, name, before, true).await?;
        if was_copying {
            let forget = || copier::forget_ranges(store.as_ref(), &target);
            flush::patiently(&status, forget).await?;
            self.start_copies(&[id]);
        }
        Ok(())
    }
}
