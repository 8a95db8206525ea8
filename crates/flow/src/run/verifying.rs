//! A question of somebody's: source and store compared, at a position that the stream is held at.
//!
//! The comparison runs beside the loop; what it needs of the loop is that everything up to the
//! position is durable, and which tables can be compared there.

use super::Loop;
use crate::apply::{self, Prepared};
use crate::hold::{self, Held};
use crate::status::State;
use crate::task::Task;
use crate::verify::beside::{Beside, LOOK_AGAIN_AFTER};
use crate::verify::{Verdict, VerifyOptions};
use model::{Error, Lsn, Result};
use source::stream::Batch;
use tokio::sync::oneshot;

/// One at a time; dropped, it lets the stream go on.
pub(super) struct Verifying {
    options: VerifyOptions,
    /// Taken once the position is held and durable.
    held: Option<oneshot::Sender<Held>>,
    task: Task<()>,
}

impl Loop {
    pub(super) fn on_verify(
        &mut self,
        options: VerifyOptions,
        reply: oneshot::Sender<Result<Verdict>>,
    ) {
        let running = self.is_verifying();
        let refused = match &self.session {
            _ if running => Error::transient("could not verify: a verify runs already"),
            _ if self.is_replaying() => Error::transient("could not verify: a replay runs"),
            None => Error::transient("could not verify: the source is not connected"),
            Some(session) => {
                let (held, holding) = oneshot::channel();
                let verify = hold::verify(
                    session.control.clone(),
                    self.options.address.clone(),
                    self.options.publication.clone(),
                    self.store.clone(),
                    hold::wanted(&self.tables, &options),
                    options.clone(),
                    holding,
                );
                let task = Task::spawn(async move {
                    let _ = reply.send(verify.await);
                });
                self.verifying = Some(Verifying { options, held: Some(held), task });
                return;
            }
        };
        let _ = reply.send(Err(refused));
    }

    /// What is needed to look at a table beside the stream, or why it cannot be.
    pub(super) fn beside(&self, table: &str) -> Result<Beside, String> {
        let entry = self.tables.by_id.values().find(|entry| entry.name == table);
        let entry = entry.ok_or("not streamed")?;
        if entry.state != State::Streaming {
            return Err(entry.state.name().to_owned());
        }
        Ok(Beside {
            subject: entry.subject(),
            address: self.options.address.clone(),
            publication: self.options.publication.clone(),
            store: self.store.clone(),
            settled: self.settled.subscribe(),
            look_again_after: LOOK_AGAIN_AFTER,
        })
    }

    pub(super) fn is_verifying(&self) -> bool {
        self.verifying.as_ref().is_some_and(|verifying| !verifying.task.is_finished())
    }

    pub(super) async fn on_held(&mut self, position: Lsn) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        if position.is_zero() || position != session.control.hold_at() {
            return Ok(());
        }
        // Rows held back by append tables are complete now.
        let batch = Batch { through: position, ..Batch::default() };
        let through = apply::prepare(batch, session.number, &mut self.tables, &self.status)?;
        self.drain().await?;
        self.next = Some(Prepared { through: Lsn::ZERO, ..through });
        self.drain().await?;
        if let Some(verifying) = &mut self.verifying
            && let Some(held) = verifying.held.take()
        {
            let _ = held.send(hold::choose(&self.tables, &verifying.options));
        }
        Ok(())
    }
}
