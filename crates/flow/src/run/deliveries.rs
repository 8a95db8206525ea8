//! What the stream delivers: batches become work; barriers are answered once all before them is done.
//!
//! The reader waits for the answer to a barrier, so rows after it never meet the table of before.

use super::Loop;
use super::following::Answer;
use crate::apply;
use crate::copier;
use crate::flush;
use crate::quarantine;
use model::{Mode, Result, TableId, Version};
use source::stream::{Batch, Delivery};

impl Loop {
    pub(super) async fn on_delivery(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Batch(batch) => self.on_batch(batch).await,
            Delivery::Relation { relation, commit, reply } => {
                match self.on_relation(relation, commit).await {
                    Ok(Answer::Rows(table)) => {
                        let _ = reply.send(table);
                        Ok(())
                    }
                    // Without an answer the reader ends, and asks again in its next life.
                    Ok(Answer::Nothing) => Ok(()),
                    Err(error) => self.lose_session(error),
                }
            }
            Delivery::Truncate { tables, version, done } => {
                self.drain().await?;
                for id in tables {
                    self.truncate(id, version).await?;
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
        self.note_changed().await?;
        self.next = Some(prepared);
        Ok(())
    }

    /// Durable before the position moves past the change of a key, or of a fact.
    async fn note_changed(&mut self) -> Result<()> {
        for entry in self.tables.by_id.values_mut() {
            let (is_rekeyed, is_updated) = (entry.note_rekeyed(), entry.note_updated());
            if is_rekeyed || is_updated {
                let (store, status, state) = (self.store.as_ref(), &self.status, entry.state);
                entry.enter(state, None, store, status).await?;
            }
        }
        Ok(())
    }

    /// Rows from before the TRUNCATE go, those of a copy that still runs too. Facts stay.
    async fn truncate(&mut self, id: TableId, version: Version) -> Result<()> {
        let Some(entry) = self.tables.by_id.get(&id) else { return Ok(()) };
        if entry.target.mode == Mode::Append || entry.is_stopped() {
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
            version.0
        );
        let store = self.store.clone();
        if let Err(error) = flush::patiently(&status, || store.execute(&sql)).await {
            return self.fail_table(id, error).await;
        }
        let name = &target.table.name;
        quarantine::supersede(store.as_ref(), &status, name, Some(version), true).await?;
        if was_copying {
            let forget = || copier::forget_ranges(store.as_ref(), &target);
            flush::patiently(&status, forget).await?;
            self.start_copies(&[id]);
        }
        Ok(())
    }
}
