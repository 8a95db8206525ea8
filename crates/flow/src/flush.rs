//! One batch into the store: records first, then every table's rows, then what was set aside.
//!
//! A flush may be repeated as a whole: mirrors replace themselves, append blocks carry tokens, and
//! a record that is written twice is the same record.

use crate::history;
use crate::intervals::{Record, Takes};
use crate::latest::{self, Turn};
use crate::nulls;
use crate::quarantine::{self, Origin, Stage};
use crate::retry::patiently;
use crate::sift;
use crate::status::Status;
use crate::toast::Filler;
use model::{Block, Error, Fate, Mode, OnUpdate, Reject, Result, TableId};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use store::{Insert, Rows, Store, Target, Token};
use tokio::task::JoinSet;

/// Tables written at the same time: enough to overlap their fsyncs, few enough that two cores keep
/// up with the readers too.
const TABLES_AT_ONCE: usize = 4;

/// The rows of one table, in order.
pub(crate) struct TableWork {
    pub(crate) id: TableId,
    /// Of the rejects.
    pub(crate) target: Arc<Target>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) rejects: Vec<Reject>,
    /// Not while a resync runs over rows that missed changes.
    pub(crate) trusts_store: bool,
    pub(crate) turn: Turn,
    /// For a running copy to see: see [`latest::replace`].
    pub(crate) rekeyed_at: Arc<AtomicU64>,
}

pub(crate) struct Piece {
    /// Of the block's shape.
    pub(crate) target: Arc<Target>,
    pub(crate) block: Arc<Block>,
    /// Of an append batch.
    pub(crate) token: Option<Token>,
    /// To be recorded under that name once the pieces before it are durable: it takes the place of their record.
    pub(crate) record: Option<(String, Record)>,
}

#[derive(Default)]
pub(crate) struct Work {
    pub(crate) tables: Vec<TableWork>,
    /// Fresh records of append tables with the name of their target, for first pieces.
    pub(crate) records: Vec<(String, Record)>,
}

/// What a flush came to: rows written by table, and the tables that cannot go on.
#[derive(Default)]
pub(crate) struct Flushed {
    pub(crate) rows: Vec<(TableId, u64)>,
    pub(crate) failed: Vec<(TableId, Error)>,
}

/// Writes everything, however long the store needs to come back (a full disk, a restart).
pub(crate) async fn flush(
    store: Arc<dyn Store>,
    filler: Arc<Filler>,
    work: Work,
    status: Arc<Status>,
) -> Result<Flushed> {
    if !work.records.is_empty() {
        let rows = work.records.iter().map(|(target, record)| record_row(target, record)).collect();
        record_batches(store.as_ref(), &status, rows).await?;
    }
    let mut flushed = Flushed::default();
    let mut tables = Vec::with_capacity(work.tables.len());
    for mut table in work.tables {
        let rejects = std::mem::take(&mut table.rejects);
        let (origin, stage) = (&Origin::Stream, Stage::Decoder);
        match quarantine::record(store.as_ref(), &status, &table.target, rejects, origin, stage)
            .await
        {
            Ok(()) => tables.push(table),
            Err(error) if error.fate() == Fate::Definite => flushed.failed.push((table.id, error)),
            Err(error) => return Err(error),
        }
    }
    let mut waiting = tables.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < TABLES_AT_ONCE
            && let Some(table) = waiting.next()
        {
            running.spawn(write_table(store.clone(), filler.clone(), table, status.clone()));
        }
        match running.join_next().await {
            None => return Ok(flushed),
            Some(Ok((id, Ok(rows)))) => flushed.rows.push((id, rows)),
            Some(Ok((id, Err(error)))) => flushed.failed.push((id, error)),
            Some(Err(panic)) => {
                return Err(Error::bug("a table's writer ended early").source(panic));
            }
        }
    }
}

async fn write_table(
    store: Arc<dyn Store>,
    filler: Arc<Filler>,
    work: TableWork,
    status: Arc<Status>,
) -> (TableId, Result<u64>) {
    let mut rows = 0;
    for Piece { target, mut block, token, record } in work.pieces {
        if let Some((name, record)) = record {
            let row = record_row(&name, &record);
            if let Err(error) = record_batches(store.as_ref(), &status, vec![row]).await {
                return (work.id, Err(error));
            }
        }
        let whole = block.clone();
        if !block.unchanged.is_empty() {
            let fill = fill(store.as_ref(), &status, &filler, &target, &block, work.trusts_store);
            match fill.await {
                Ok(filled) => block = Arc::new(filled),
                Err(error) => return (work.id, Err(error)),
            }
        }
        let target = match nulls::admit(target, &block, store.as_ref(), &status).await {
            Ok(target) => target,
            Err(error) => return (work.id, Err(error)),
        };
        if target.mode == Mode::History {
            block = Arc::new(history::changes(&block, &target));
        }
        let (replacing, lost) = match target.on_update {
            OnUpdate::Apply => (latest::replacing(&whole), latest::lost(&whole, &block)),
            OnUpdate::Ignore | OnUpdate::Append => Default::default(),
        };
        if target.on_update != OnUpdate::Ignore {
            block = Arc::new(latest::written(&block));
        }
        let insert = Insert { target: target.clone(), block, token };
        match sift::write(store.as_ref(), &status, insert, &Origin::Stream).await {
            Ok(written) => rows += written,
            Err(error) => return (work.id, Err(error)),
        }
        if replacing.is_empty() {
            continue;
        }
        let _turn = work.turn.wait().await;
        let (store, rekeyed_at) = (store.as_ref(), &work.rekeyed_at);
        let replaced =
            latest::replace(store, &status, &target, &whole, &replacing, &lost, rekeyed_at);
        if let Err(error) = replaced.await {
            return (work.id, Err(error));
        }
    }
    (work.id, Ok(rows))
}

async fn fill(
    store: &dyn Store,
    status: &Status,
    filler: &Filler,
    target: &Target,
    block: &Block,
    trusts_store: bool,
) -> Result<Block> {
    let (filled, rejects) = filler.fill(store, status, target, block, trusts_store).await?;
    let name = target.table.name.to_string();
    status.with_table(&name, |table| table.rejected_rows += rejects.len() as u64);
    let (origin, stage) = (&Origin::Stream, Stage::Lookup);
    quarantine::record(store, status, target, rejects, origin, stage).await?;
    Ok(filled)
}

const RECORDS: &str =
    "millrace.batches (target, seq, from_version, through_version, row_count, token, takes)";

async fn record_batches(store: &dyn Store, status: &Status, rows: Rows) -> Result<()> {
    patiently(status, || store.record(RECORDS, rows.clone())).await
}

fn record_row(target: &str, record: &Record) -> Vec<Option<String>> {
    [
        target.to_owned(),
        record.seq.to_string(),
        record.from.0.to_string(),
        record.through.0.to_string(),
        record.rows.to_string(),
        record.token.clone(),
        record.takes.map_or("", Takes::name).to_owned(),
    ]
    .map(Some)
    .to_vec()
}

/// The last record of every append target.
pub(crate) async fn last_records(store: &dyn Store) -> Result<Vec<(String, Record)>> {
    let rows = store
        .query(
            "SELECT target, seq, from_version, through_version, row_count, token, takes \
             FROM millrace.batches FINAL",
        )
        .await?;
    rows.into_iter().map(|row| read_record(row).ok_or_else(unreadable_record)).collect()
}

fn unreadable_record() -> Error {
    Error::bug("a row of millrace.batches does not read back")
}

fn read_record(row: Vec<Option<String>>) -> Option<(String, Record)> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().flatten();
    let target = next()?;
    let record = Record {
        seq: next()?.parse().ok()?,
        from: model::Version(next()?.parse().ok()?),
        through: model::Version(next()?.parse().ok()?),
        rows: next()?.parse().ok()?,
        token: next()?,
        takes: next().and_then(|name| Takes::ALL.into_iter().find(|takes| takes.name() == name)),
    };
    Some((target, record))
}
