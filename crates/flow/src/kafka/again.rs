//! Messages that could not be read leave the quarantine once they can be.
//!
//! ```text
//! page ─▶ read by the consumer ─▶ replaying, with a token ─▶ read, written by the loop with it ─▶ replayed
//!                └ still refused ─▶ waiting, with today's reason
//! ```
//!
//! Their rows carry the versions that they would have had. What a mirror has newer stays. Facts and changes
//! are written under a token of their own, beside the intervals of their partition, which are long past them:
//! after a crash the same messages go again with it, and the engine drops what had arrived.
//!
//! The first time of reading is for the tables: what a message adds to one is there before the second.

use super::{offsets, poison};
use crate::quarantine::{self, Kept, Replayed, State, WAITING, mark};
use crate::retry::patiently;
use crate::status::{Status, now_us};
use bus::consume::{ConsumerOptions, Control, Part, Poison};
use model::{Error, Fate, Result};
use source::decode::again::Refused;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Store, Token, ddl};
use tokio::sync::{mpsc, oneshot};

/// Rows for the loop to write.
pub(super) struct Write {
    pub(super) parts: Vec<Part>,
    pub(super) token: Token,
    pub(super) done: oneshot::Sender<Result<()>>,
}

/// Runs beside the loop.
pub(super) struct Again {
    pub(super) store: Arc<dyn Store>,
    pub(super) status: Arc<Status>,
    pub(super) consumer: ConsumerOptions,
    pub(super) control: Arc<Control>,
    pub(super) writes: mpsc::Sender<Write>,
}

/// What messages came to.
struct Read {
    parts: Vec<Part>,
    there: Vec<Kept>,
    still: Vec<Kept>,
}

impl Again {
    /// The group's topics that have messages there, as they are listed.
    pub(super) async fn listed(&self) -> Result<BTreeSet<String>> {
        let group = offsets::name(&self.consumer.group);
        let known = offsets::read(self.store.as_ref(), &group).await?;
        let ours: BTreeSet<String> =
            known.keys().map(|place| poison::listed(&place.topic)).collect();
        let sql = format!(
            "SELECT DISTINCT source_table FROM millrace.quarantine FINAL WHERE op = {} \
             AND state IN ('waiting', 'replaying')",
            ddl::literal(poison::OP)
        );
        let found = patiently(&self.status, || self.store.query(&sql)).await?;
        let found = found.into_iter().filter_map(|row| row.into_iter().next()?);
        Ok(found.filter(|name| ours.contains(name)).collect())
    }

    /// Those of these names, as they are listed; without names all.
    pub(super) async fn topics(&self, names: &[String]) -> Result<Vec<Replayed>> {
        let listed = self.listed().await?;
        let mut answers = Vec::new();
        for table in &listed {
            if names.is_empty() || names.contains(table) {
                answers.push(self.run(table.clone()).await);
            }
        }
        // Of which nothing waits.
        let others = names.iter().filter(|name| poison::is_listed(name) && !listed.contains(*name));
        answers.extend(others.map(|name| Replayed { table: name.clone(), ..Replayed::default() }));
        Ok(answers)
    }

    /// However far it comes.
    async fn run(&self, listed: String) -> Replayed {
        let mut done = Replayed { table: listed, ..Replayed::default() };
        if let Err(error) = self.replay(&mut done).await {
            done.skipped = Some(error.report());
        }
        done
    }

    async fn replay(&self, done: &mut Replayed) -> Result<()> {
        self.finish_interrupted(done).await?;
        let mut after = String::new();
        loop {
            let (store, status) = (self.store.as_ref(), &self.status);
            let rows = quarantine::page(store, status, &done.table, WAITING, &after).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.clone();
            let is_large = |kept: &Kept| poison::read(kept).is_some_and(|(_, is_large)| is_large);
            let (large, small): (Vec<Kept>, Vec<Kept>) = rows.into_iter().partition(is_large);
            self.some(small, done).await?;
            // One in memory at a time.
            for kept in large {
                self.some(vec![kept], done).await?;
            }
        }
    }

    async fn some(&self, rows: Vec<Kept>, done: &mut Replayed) -> Result<()> {
        let Read { mut there, still, .. } = self.read(rows).await?;
        self.keep(still, done).await?;
        if there.is_empty() {
            return Ok(());
        }
        let token = Token::name(format_args!("replay:{}:{}", done.table, now_us()));
        let (store, name) = (self.store.as_ref(), &done.table);
        mark(store, &self.status, name, &mut there, State::Replaying, false, &token).await?;
        self.finish(there, Token::first(token), done).await
    }

    /// What a crash interrupted: the same messages with the same token.
    pub(super) async fn finish_interrupted(&self, done: &mut Replayed) -> Result<()> {
        let (store, status) = (self.store.as_ref(), &self.status);
        for token in quarantine::interrupted(store, status, &done.table).await? {
            let which = format!("state = 'replaying' AND token = {}", ddl::literal(&token));
            let rows = quarantine::page(store, status, &done.table, &which, "").await?;
            self.finish(rows, Token::again(token), done).await?;
        }
        Ok(())
    }

    async fn finish(&self, rows: Vec<Kept>, token: Token, done: &mut Replayed) -> Result<()> {
        let Read { parts, mut there, still } = self.read(rows).await?;
        self.keep(still, done).await?;
        let gone = || Error::transient("could not write what was read again: the consumer ended");
        let (written, answer) = oneshot::channel();
        let write = Write { parts, token, done: written };
        self.writes.send(write).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())??;
        let (store, name) = (self.store.as_ref(), &done.table);
        mark(store, &self.status, name, &mut there, State::Replayed, true, "").await?;
        done.replayed += there.len() as u64;
        Ok(())
    }

    /// They wait on, with the reason that they have now.
    async fn keep(&self, mut rows: Vec<Kept>, done: &mut Replayed) -> Result<()> {
        done.refused += rows.len() as u64;
        let (store, name) = (self.store.as_ref(), &done.table);
        mark(store, &self.status, name, &mut rows, State::Waiting, false, "").await
    }

    async fn read(&self, mut rows: Vec<Kept>) -> Result<Read> {
        // As their partition has them.
        rows.sort_by_key(|kept| kept.version);
        let (mut messages, mut there, mut still) = (Vec::new(), Vec::new(), Vec::new());
        for kept in rows {
            match self.message(&kept).await? {
                Ok(message) => {
                    messages.push(message);
                    there.push(kept);
                }
                Err(reason) => still.push(refused(&kept, reason)),
            }
        }
        let reread = self.control.read_again(messages).await?;
        for (at, reason) in reread.refused.into_iter().rev() {
            still.push(refused(&there.remove(at), reason));
        }
        Ok(Read { parts: reread.parts, there, still })
    }

    /// Whole, from its topic if need be; or why it cannot be had.
    async fn message(&self, kept: &Kept) -> Result<Result<Poison, String>> {
        let Some((mut message, is_large)) = poison::read(kept) else {
            return Ok(Err("the message that was kept does not read back".to_owned()));
        };
        if !is_large {
            return Ok(Ok(message));
        }
        let options = self.consumer.clone();
        let fetched = tokio::task::spawn_blocking(move || {
            bus::consume::fetch(&options, &mut message).map(|()| message)
        });
        let broke = |panic| Error::bug("the look for a message broke").source(panic);
        match fetched.await.map_err(broke)? {
            Ok(message) => Ok(Ok(message)),
            Err(error) if error.fate() == Fate::Refused => Ok(Err(error.report())),
            Err(error) => Err(error),
        }
    }
}

fn refused(kept: &Kept, reason: String) -> Kept {
    quarantine::refused(kept, Refused { column: String::new(), reason })
}
