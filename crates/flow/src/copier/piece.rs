//! One piece: a range through COPY into the store, and its record.

use super::plan::{Past, Piece, predicate};
use super::throttle::Throttle;
use super::{Context, Job};
use crate::history;
use crate::keys::Staged;
use crate::quarantine::{self, Origin, Stage};
use crate::retry::patiently;
use crate::rules::Altered;
use crate::sift;
use crate::tables::CopyState;
use model::{Block, Error, Lsn, Mode, Op, Result, TableName, Version};
use source::copy::{self, Range, Reader, Snapshot, Spare};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use store::{Insert, Rows, Store, Target, Token, ddl};
use tokio::sync::mpsc;

/// Rows in a block: large, because each costs an fsync and makes a part.
pub(super) const ROWS_MAX: usize = 1 << 20;
/// Decoded blocks that wait behind the one that is being inserted.
const BLOCKS_WAITING: usize = 1;

/// A table in this round.
pub(super) struct Run {
    pub(super) job: Job,
    pub(super) xmin: u64,
    relfilenode: u32,
    filter: Option<String>,
    /// Set when an append table started over.
    first: OnceLock<CopyState>,
    left: AtomicUsize,
    tries: AtomicU32,
    looks_up: bool,
    throttle: Option<Throttle>,
    /// Nothing more is to be done in this round.
    over: AtomicBool,
    /// Done or failed: nothing more is to be done at all.
    finished: AtomicBool,
}

impl Run {
    pub(super) fn new(
        job: Job,
        relfilenode: u32,
        filter: Option<String>,
        xmin: u64,
        pieces: &[Piece],
    ) -> Arc<Run> {
        Arc::new(Run {
            throttle: Throttle::new(job.copy.rows_per_second_max),
            job,
            xmin,
            relfilenode,
            filter,
            first: OnceLock::new(),
            left: AtomicUsize::new(pieces.len()),
            tries: AtomicU32::new(0),
            looks_up: pieces.iter().any(|piece| piece.lookup),
            over: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        })
    }

    pub(super) fn looks_up(&self) -> bool {
        self.looks_up
    }

    pub(super) fn set_first(&self, copy: CopyState) {
        let _ = self.first.set(copy);
    }

    /// The job for the next round.
    pub(super) fn job_again(&self) -> Job {
        let copy = self.first.get().copied().unwrap_or(self.job.copy);
        Job { copy, ..self.job.clone() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(super) fn is_unfinished(&self) -> bool {
        !self.finished.load(Ordering::Acquire)
    }

    pub(super) fn count_try(&self) -> u32 {
        self.tries.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Goes on in the next round, under a new snapshot.
    pub(super) fn put_off(&self, why: Error) {
        if !self.over.swap(true, Ordering::AcqRel) {
            tracing::info!(table = %self.job.name, why = %why.report(), "the copy needs a new snapshot");
        }
    }

    /// Whether this ended it.
    pub(super) fn finish(&self) -> bool {
        self.over.store(true, Ordering::Release);
        !self.finished.swap(true, Ordering::AcqRel)
    }

    /// Whether it was the last one.
    pub(super) fn piece_done(&self) -> bool {
        self.left.fetch_sub(1, Ordering::AcqRel) == 1 && self.finish()
    }
}

pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) inserted: bool,
}

/// Copies one piece. Rows are inserted while the next ones are decoded. The reader comes back.
pub(super) async fn copy(
    context: &Context,
    reader: Reader,
    run: &Run,
    piece: &Piece,
    snapshot: &Snapshot,
) -> Result<Reader, Failed> {
    let point = snapshot.consistent_point;
    let inserted = AtomicBool::new(false);
    let failed = |error| Failed { error, inserted: inserted.load(Ordering::Acquire) };
    let is_append = run.job.target.mode == Mode::Append;
    if is_append && !piece.lookup {
        record(context, run, piece, point, false).await.map_err(failed)?;
    }
    let first_xmin = run.job.copy.first_xmin;
    let condition = predicate(piece.which, first_xmin, run.filter.as_deref());
    let (blocks, decoded) = mpsc::channel(BLOCKS_WAITING);
    let wanted = copy::Piece {
        table: run.job.target.table.clone(),
        range: piece.range,
        version: Version::of_copy(point),
        predicate: condition,
        rows_max: run.throttle.as_ref().map_or(ROWS_MAX, Throttle::block_rows),
    };
    let spare = reader.spare();
    let read = reader.read(wanted, blocks);
    let write = insert_all(context, run, piece, snapshot, decoded, &spare, &inserted);
    let (read, written) = tokio::join!(read, write);
    // When the writer fails the reader cannot hand over, which says less.
    let (reader, _rows) = written.and(read).map_err(failed)?;
    if piece.lookup && inserted.load(Ordering::Acquire) {
        let (store, status) = (context.store.as_ref(), &context.status);
        let look = quarantine::look_for_copied(store, status, &run.job.target, point);
        look.await.map_err(failed)?;
    }
    if !piece.lookup || piece.which == super::plan::Which::All {
        record(context, run, piece, point, true).await.map_err(failed)?;
    }
    if piece.which != super::plan::Which::Young {
        let pages = pages_of(std::slice::from_ref(piece), u64::MAX);
        context.status.with_table(&run.job.name, |table| {
            table.pages_done = table.pages_done.saturating_add(pages).min(table.pages_total);
        });
    }
    Ok(reader)
}

async fn insert_all(
    context: &Context,
    run: &Run,
    piece: &Piece,
    snapshot: &Snapshot,
    mut decoded: mpsc::Receiver<Block>,
    spare: &Spare,
    inserted: &AtomicBool,
) -> Result<()> {
    let (target, point) = (&run.job.target, snapshot.consistent_point);
    let mut number = 0;
    while let Some(mut block) = decoded.recv().await {
        number += 1;
        block.note_commit(point, snapshot.taken_us);
        let rejects = std::mem::take(&mut block.rejects);
        let (rejected, altered) = (rejects.len() as u64, Altered::take(&mut block, target));
        let name = token(run, piece, point, number);
        let origin = Origin::Copy { block: name.clone(), looks_up: piece.lookup };
        let (store, status) = (context.store.as_ref(), &context.status);
        // Closing the gate waits for this block, and for what is set aside of it.
        let passing = run.job.gate.pass().await?;
        quarantine::record(store, status, target, rejects, &origin, Stage::Decoder).await?;
        let refused;
        (block, refused) = without_refused(block, target);
        if piece.lookup {
            let lacking = crate::retry::patiently(&context.status, || {
                lacking(context.store.as_ref(), target, &block, point)
            });
            block = block.only(&lacking.await?);
        }
        let block = Arc::new(block);
        let token = (target.mode != Mode::Mirror).then(|| Token::first(name));
        inserted.store(true, Ordering::Release);
        let insert = Insert { target: target.clone(), block: block.clone(), token };
        let rows = sift::write(store, status, insert, &origin).await?;
        drop(passing);
        if let Some(throttle) = &run.throttle {
            throttle.wait_after(block.rows() as u64).await;
        }
        if let Ok(block) = Arc::try_unwrap(block) {
            spare.give(block);
        }
        context.status.with_table(&run.job.name, |table| {
            table.copied_rows += rows.saturating_sub(refused);
            table.rejected_rows += rejected;
            table.count_altered(&target.table, &altered);
            table.count_rows(rows);
        });
    }
    Ok(())
}

/// The block with the keys of refused rows as its mode wants them, and how many there are: facts stay
/// whatever becomes of their keys.
fn without_refused(block: Block, target: &Target) -> (Block, u64) {
    if !block.ops.contains(&Op::Refused) {
        return (block, 0);
    }
    let is_refused = |&row: &usize| block.ops[row] == Op::Refused;
    let (refused, others): (Vec<usize>, Vec<usize>) = (0..block.rows()).partition(is_refused);
    match target.mode {
        Mode::Append => (block.only(&others), 0),
        Mode::History => (history::changes(&block, target), refused.len() as u64),
        Mode::Mirror => (block, refused.len() as u64),
    }
}

/// A block that is tried again within this process is the same block. The position makes it another
/// one in a later attempt, which reads under another snapshot.
fn token(run: &Run, piece: &Piece, point: Lsn, number: u32) -> String {
    let from = piece.range.map_or(0, |range| range.from_page);
    let (target, file) = (&run.job.target.name, run.relfilenode);
    let part = format!("{:?}{}", piece.which, if piece.lookup { "?" } else { "" });
    Token::name(format_args!("copy:{target}:{file}:{from}:{:x}:{part}:{number}", point.0))
}

/// The rows of the block whose keys the store does not hold from before `point`.
async fn lacking(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    point: Lsn,
) -> Result<Vec<usize>> {
    let all: Vec<usize> = (0..block.rows()).collect();
    if all.is_empty() {
        return Ok(all);
    }
    let staged = Staged::new(target, block, &all)?;
    let sql = format!(
        "SELECT DISTINCT l._lsn FROM (SELECT * FROM {} WHERE _lsn < {} AND {}) AS r INNER JOIN {}",
        ddl::name(&target.rows),
        point.0,
        staged.of_keys,
        staged.joined
    );
    let answer = store.query_beside(&sql, staged.beside).await;
    let mut lacking = vec![true; all.len()];
    for row in answer? {
        let at = row.first().and_then(|field| field.as_ref()?.parse::<usize>().ok());
        let at = at.filter(|&at| at < lacking.len());
        lacking[at.ok_or_else(|| Error::bug("a lookup does not read back"))?] = false;
    }
    Ok(all.into_iter().filter(|&row| lacking[row]).collect())
}

/// Pages that the pieces read for the first time.
pub(super) fn pages_of(pieces: &[Piece], total: u64) -> u64 {
    let pages = |range: &Option<Range>| match range {
        Some(Range { from_page, to_page: Some(to) }) => u64::from(to - from_page),
        Some(Range { from_page, to_page: None }) => total.saturating_sub(u64::from(*from_page)),
        None => total,
    };
    let read = pieces.iter().filter(|piece| piece.which != super::plan::Which::Young);
    read.fold(0u64, |sum, piece| sum.saturating_add(pages(&piece.range)))
}

const RANGES: &str = "millrace.copy_ranges (target, relfilenode, from_page, to_page, \
    consistent_point, attempt, row_count, done, version)";

async fn record(context: &Context, run: &Run, piece: &Piece, point: Lsn, done: bool) -> Result<()> {
    let range = piece.range.unwrap_or(Range { from_page: 0, to_page: None });
    let attempt = run.job.copy.attempt;
    let fields = [
        run.job.target.name.to_string(),
        run.relfilenode.to_string(),
        range.from_page.to_string(),
        range.to_page.unwrap_or(u32::MAX).to_string(),
        point.0.to_string(),
        attempt.to_string(),
        "0".to_owned(),
        u8::from(done).to_string(),
        (u64::from(attempt) * 2 + u64::from(done)).to_string(),
    ];
    let rows: Rows = vec![fields.map(Some).to_vec()];
    // Not behind a copy's end: its ranges are forgotten then.
    let _passing = run.job.gate.pass().await?;
    patiently(&context.status, || context.store.record(RANGES, rows.clone())).await
}

/// What is recorded of the target's ranges.
pub(super) async fn ranges_of(context: &Context, target: &Target) -> Result<Vec<Past>> {
    let sql = format!(
        "SELECT relfilenode, from_page, to_page, done FROM millrace.copy_ranges FINAL \
         WHERE target = {} ORDER BY from_page",
        ddl::literal(&target.name.to_string())
    );
    let rows = patiently(&context.status, || context.store.query(&sql)).await?;
    let unreadable = || Error::bug("a row of millrace.copy_ranges does not read back");
    rows.iter().map(|row| read_range(row).ok_or_else(unreadable)).collect()
}

fn read_range(row: &[Option<String>]) -> Option<Past> {
    let [file, from, to, done] = row else { return None };
    let to: u32 = to.as_ref()?.parse().ok()?;
    let range = Range {
        from_page: from.as_ref()?.parse().ok()?,
        to_page: Some(to).filter(|&to| to != u32::MAX),
    };
    let done = done.as_deref()? == "1";
    Some(Past { relfilenode: file.as_ref()?.parse().ok()?, range, done })
}

/// The next copy of the target starts from nothing.
pub(crate) async fn forget_ranges(store: &dyn Store, target: &Target) -> Result<()> {
    let name = ddl::literal(&target.name.to_string());
    let sql = format!("ALTER TABLE millrace.copy_ranges DELETE WHERE target = {name}");
    store.mutate(&TableName::new("millrace", "copy_ranges"), &sql).await
}
