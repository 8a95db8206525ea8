//! Rows that can be carried now are written by the ordinary path, and leave the quarantine.
//!
//! ```text
//! mirror  page ─▶ newer in the store? ─▶ decode ─▶ fill ─▶ insert ─▶ replayed
//! others  page ─▶ decode ─▶ try ─▶ replaying, with a token ─▶ insert with it ─▶ replayed
//!                     still refused ─▶ waiting, with today's reason
//! ```
//!
//! # Once
//! - **Mirrors**: the row carries its own version and one more, so that it wins over the DELETE of its
//!   key that took its place, whenever the log is read again, and over nothing else. Twice is once.
//! - **Append tables and histories**: before a block is written, its rows and its token are durable. After a crash
//!   exactly these rows go again with that token, at the next start and before anything else is written,
//!   and the engine drops what had arrived.
//!
//! It runs beside the loop and passes a gate with each page; the loop closes it before the table is
//! truncated, copied again or stopped.

use super::newest::{commits, copied_since, replayed, versions};
use super::page::{self, Kept, mark, refused};
use super::words::Replayed;
use super::{State, WAITING};
use crate::copier::Gate;
use crate::history;
use crate::latest::Turn;
use crate::nulls;
use crate::retry::patiently;
use crate::rules::Altered;
use crate::sift::{self, Passed};
use crate::status::{Status, now_us};
use crate::toast::Filler;
use model::{Block, Error, Lsn, Mode, OnUpdate, Reject, Result, Version};
use source::decode::again::{Refused, push_row};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Insert, Store, Target, Token, ddl};

/// One table's replay.
pub(crate) struct Replay {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) status: Arc<Status>,
    pub(crate) filler: Arc<Filler>,
    pub(crate) target: Arc<Target>,
    pub(crate) gate: Gate,
    pub(crate) turn: Turn,
}

/// Rows of a page that could be decoded, each at its place in the block.
struct Decoded {
    block: Block,
    rows: Vec<Kept>,
    refused: Vec<Kept>,
}

impl Replay {
    /// However far it comes.
    pub(crate) async fn run(self) -> Replayed {
        let name = self.name();
        let mut done = Replayed { table: name, ..Replayed::default() };
        if let Err(error) = self.pages(&mut done).await {
            done.skipped = Some(error.report());
        }
        done
    }

    fn name(&self) -> String {
        self.target.table.name.to_string()
    }

    async fn pages(&self, done: &mut Replayed) -> Result<()> {
        let (store, status, name) = (self.store.as_ref(), &self.status, self.name());
        let mut after = String::new();
        loop {
            let unwanted = |_| {
                Error::transient(format!("could not replay {name} to its end"))
                    .detail("Meanwhile it was truncated, stopped, or began to be copied again.")
            };
            let passing = self.gate.pass().await.map_err(unwanted)?;
            let turn = self.turn.wait().await;
            let rows = page::next(store, status, &name, WAITING, &after).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id.clone();
            match self.target.mode {
                Mode::Mirror => self.mirror(rows, done).await?,
                Mode::Append | Mode::History => self.append(rows, done).await?,
            }
            drop((turn, passing));
        }
    }

    async fn settle(&self, rows: &mut [Kept], state: State) -> Result<()> {
        let (store, name) = (self.store.as_ref(), self.name());
        mark(store, &self.status, &name, rows, state, true, "").await
    }

    /// They wait on, with the reason that they have now.
    async fn keep(&self, rows: &mut [Kept], done: &mut Replayed) -> Result<()> {
        done.refused += rows.len() as u64;
        let (store, name) = (self.store.as_ref(), self.name());
        mark(store, &self.status, &name, rows, State::Waiting, false, "").await
    }

    async fn mirror(&self, rows: Vec<Kept>, done: &mut Replayed) -> Result<()> {
        let store = self.store.as_ref();
        let newest = versions(store, &self.status, &self.target, &rows).await?;
        let (mut past, mut there, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for (kept, newest) in rows.into_iter().zip(newest) {
            let own = replayed(kept.version);
            match newest {
                Some(newest) if newest > own => past.push(kept),
                Some(newest) if newest == own => there.push(kept),
                _ => open.push(kept),
            }
        }
        let decoded = self.decode(&open);
        let mut still = decoded.refused;
        let (whole, lacking) = split(decoded.block, decoded.rows);
        for (block, kept) in lacking {
            let (filled, rejects) =
                self.filler.fill(store, &self.status, &self.target, &block, false).await?;
            match rejects.into_iter().next() {
                Some(reject) => {
                    let Reject { column, reason, .. } = reject;
                    still.push(refused(&kept, Refused { column, reason }));
                }
                // It is gone at the source.
                None if filled.rows() == 0 => past.push(kept),
                None => self.write(filled, vec![kept], None, &mut there, &mut still).await?,
            }
        }
        let (block, rows) = whole;
        self.write(block, rows, None, &mut there, &mut still).await?;
        self.settle(&mut past, State::Superseded).await?;
        self.settle(&mut there, State::Replayed).await?;
        done.superseded += past.len() as u64;
        done.replayed += there.len() as u64;
        self.keep(&mut still, done).await
    }

    async fn append(&self, rows: Vec<Kept>, done: &mut Replayed) -> Result<()> {
        let (store, status, name) = (self.store.as_ref(), &self.status, self.name());
        let rows = match self.target.on_update {
            OnUpdate::Apply => self.latest(rows, done).await?,
            OnUpdate::Ignore | OnUpdate::Append => rows,
        };
        let mut decoded = self.decode(&rows);
        let block = &mut decoded.block;
        // What was never sent cannot be asked for: the row may be another one today.
        let lacks = block.unchanged.iter().map(|mark| (mark.row as usize, mark.column as usize));
        let lacks: BTreeMap<usize, usize> = lacks.collect();
        let mut out: BTreeMap<usize, Refused> = BTreeMap::new();
        for (row, column) in lacks {
            let column = block.table.columns[column].name.clone();
            let reason = "the row was kept without it".to_owned();
            out.insert(row, Refused { column, reason });
        }
        block.unchanged.clear();
        let target = nulls::admit(self.target.clone(), block, store, status).await?;
        if let Some(sifted) = sift::dry(store, status, &target, block).await? {
            for (row, reject) in sifted.refused.into_iter().zip(sifted.rejects) {
                let Reject { column, reason, .. } = reject;
                out.insert(row, Refused { column, reason });
            }
        }
        let (mut going, mut still) = (Vec::new(), decoded.refused);
        for (row, kept) in decoded.rows.into_iter().enumerate() {
            match out.remove(&row) {
                Some(why) => still.push(refused(&kept, why)),
                None => going.push(kept),
            }
        }
        self.keep(&mut still, done).await?;
        if going.is_empty() {
            return Ok(());
        }
        let token = Token::name(format_args!("replay:{}:{}", self.target.name, now_us()));
        mark(store, status, &name, &mut going, State::Replaying, false, &token).await?;
        done.replayed += self.finish(going, Token::first(token), done).await?;
        Ok(())
    }

    /// Without those that a copy could not bring, where an UPDATE beside it left a newer row: any other one is
    /// superseded as the UPDATE is written.
    async fn latest(&self, rows: Vec<Kept>, done: &mut Replayed) -> Result<Vec<Kept>> {
        let (copied, mut rows): (Vec<Kept>, Vec<Kept>) =
            rows.into_iter().partition(|kept| kept.version.is_of_copy());
        let newest = versions(self.store.as_ref(), &self.status, &self.target, &copied).await?;
        let mut past = Vec::new();
        for (kept, newest) in copied.into_iter().zip(newest) {
            let is_past = newest.is_some_and(|newest| newest > kept.version);
            if is_past { past.push(kept) } else { rows.push(kept) }
        }
        self.settle(&mut past, State::Superseded).await?;
        done.superseded += past.len() as u64;
        Ok(rows)
    }

    /// Writes the rows of that token, once. Returns how many.
    async fn finish(&self, rows: Vec<Kept>, token: Token, done: &mut Replayed) -> Result<u64> {
        let decoded = self.decode(&rows);
        let (mut there, mut still) = (Vec::new(), decoded.refused);
        self.write(decoded.block, decoded.rows, Some(token), &mut there, &mut still).await?;
        self.settle(&mut there, State::Replayed).await?;
        self.keep(&mut still, done).await?;
        Ok(there.len() as u64)
    }

    fn decode(&self, rows: &[Kept]) -> Decoded {
        let block = Block::new(self.target.table.clone());
        let mut decoded = Decoded { block, rows: Vec::new(), refused: Vec::new() };
        for kept in rows {
            let version = match self.target.mode {
                Mode::Mirror | Mode::History => replayed(kept.version),
                Mode::Append => kept.version,
            };
            let unreadable = || Refused {
                column: kept.column.clone(),
                reason: "the row that was kept does not read back".to_owned(),
            };
            let pushed = kept.texts().ok_or_else(unreadable);
            let pushed =
                pushed.and_then(|texts| push_row(&mut decoded.block, &texts, kept.op(), version));
            match pushed {
                Ok(()) => decoded.rows.push(kept.clone()),
                Err(why) => decoded.refused.push(refused(kept, why)),
            }
        }
        decoded
    }

    /// What the store takes of the block goes to `there`, the other rows to `still`.
    async fn write(
        &self,
        mut block: Block,
        rows: Vec<Kept>,
        token: Option<Token>,
        there: &mut Vec<Kept>,
        still: &mut Vec<Kept>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (store, status) = (self.store.as_ref(), self.status.as_ref());
        let mut altered = Altered::take(&mut block, &self.target);
        let target = nulls::admit(self.target.clone(), &block, store, status).await?;
        if target.mode == Mode::History {
            block.commits = commits(store, status, &target, &rows).await?;
            block = history::changes(&block, &target);
        }
        let insert = Insert { target: target.clone(), block: Arc::new(block), token };
        let mut out: BTreeMap<usize, Refused> = BTreeMap::new();
        let mut written = rows.len() as u64;
        if let Passed::Sifted(sifted) = sift::pass(store, status, &insert).await? {
            for (row, reject) in sifted.refused.iter().zip(sifted.rejects) {
                let Reject { column, reason, .. } = reject;
                out.insert(*row, Refused { column, reason });
            }
            altered.nulled.extend(sifted.nulled);
            let kept = Insert { block: Arc::new(sifted.kept), ..insert };
            written = patiently(status, || store.insert(kept.clone())).await?.rows();
        }
        status.with_table(&self.name(), |table| {
            table.count_altered(&target.table, &altered);
            table.count_rows(written);
        });
        for (row, kept) in rows.into_iter().enumerate() {
            match out.remove(&row) {
                Some(why) => still.push(refused(&kept, why)),
                None => there.push(kept),
            }
        }
        Ok(())
    }
}

type Part = (Block, Vec<Kept>);

/// The rows that have all their values, and those that lack some, each by itself.
fn split(block: Block, rows: Vec<Kept>) -> (Part, Vec<(Block, Kept)>) {
    let lacks = |row: usize| block.unchanged.iter().any(|mark| mark.row as usize == row);
    let (mut whole, mut at, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for (row, kept) in rows.into_iter().enumerate() {
        match lacks(row) {
            true => lacking.push((block.only(&[row]), kept)),
            false => {
                at.push(row);
                whole.push(kept);
            }
        }
    }
    let mut kept = block.only(&at);
    (kept.clamped, kept.nulled) = (block.clamped, block.nulled);
    ((kept, whole), lacking)
}

/// Of each of these mirrors.
pub(crate) async fn look_for_newer_of(
    targets: &[Arc<Target>],
    store: Arc<dyn Store>,
    status: Arc<Status>,
) -> Result<()> {
    for target in targets {
        look_for_newer(store.as_ref(), &status, target).await?;
    }
    Ok(())
}

/// Marks the rows of a mirror whose keys have newer rows, so that nobody takes them for missing.
async fn look_for_newer(store: &dyn Store, status: &Status, target: &Target) -> Result<()> {
    let name = target.table.name.to_string();
    let mut after = String::new();
    loop {
        let rows = page::next(store, status, &name, WAITING, &after).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.clone();
        let newest = versions(store, status, target, &rows).await?;
        let is_past = |(kept, newest): (Kept, Option<Version>)| {
            newest.is_some_and(|newest| newest > replayed(kept.version)).then_some(kept)
        };
        let mut past: Vec<Kept> = rows.into_iter().zip(newest).filter_map(is_past).collect();
        mark(store, status, &name, &mut past, State::Superseded, false, "").await?;
    }
}

/// The same for an append table whose copy goes on under a snapshot at `point`: what that brought is in
/// the place of what an earlier one, or the stream, could not.
pub(crate) async fn look_for_copied(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    point: Lsn,
) -> Result<()> {
    let name = target.table.name.to_string();
    let before = Version::of_copy(point).0;
    // An interrupted replay of one has not been written, or its key is there.
    let which = format!(
        "state IN ('waiting', 'replaying') AND key != '' AND version < toUInt128('{before}')"
    );
    let mut after = String::new();
    loop {
        let rows = page::next(store, status, &name, &which, &after).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.clone();
        let copied = copied_since(store, status, target, &rows, point).await?;
        let past = rows.into_iter().zip(copied).filter_map(|(kept, is)| is.then_some(kept));
        let mut past: Vec<Kept> = past.collect();
        mark(store, status, &name, &mut past, State::Superseded, false, "").await?;
    }
}

/// Ends what a crash interrupted, before anything else is written: the store still knows the tokens.
pub(crate) async fn finish_interrupted(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    filler: Arc<Filler>,
    target: Arc<Target>,
) -> Result<()> {
    let name = target.table.name.to_string();
    let tokens = interrupted(store.as_ref(), &status, &name).await?;
    let (gate, turn) = (Gate::default(), Turn::default());
    let replay = Replay { store, status, filler, target, gate, turn };
    for token in tokens {
        let which = format!("state = 'replaying' AND token = {}", ddl::literal(&token));
        let rows = page::next(replay.store.as_ref(), &replay.status, &name, &which, "").await?;
        let mut done = Replayed::default();
        let replayed = replay.finish(rows, Token::again(token), &mut done).await?;
        tracing::info!(table = %name, replayed, "ended a replay that was interrupted");
    }
    Ok(())
}

/// The tokens of what was begun and not ended.
pub(crate) async fn interrupted(
    store: &dyn Store,
    status: &Status,
    name: &str,
) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT DISTINCT token FROM millrace.quarantine FINAL \
         WHERE source_table = {} AND state = 'replaying' ORDER BY token",
        ddl::literal(name)
    );
    let tokens = patiently(status, || store.query(&sql)).await?;
    Ok(tokens.into_iter().filter_map(|row| row.into_iter().next()?).collect())
}

/// Why a table cannot be replayed now.
pub(crate) fn not_now(name: &str, state: crate::status::State) -> Replayed {
    let error = match state {
        crate::status::State::Failed => {
            Error::definite(format!("cannot replay {name}: it stopped"))
                .hint("millrace status says why, and what brings it back")
        }
        _ => Error::transient(format!("could not replay {name}: it is being copied"))
            .hint("once it streams: millrace quarantine replay"),
    };
    Replayed { table: name.to_owned(), skipped: Some(error.report()), ..Replayed::default() }
}
