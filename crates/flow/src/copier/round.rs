//! Rounds: one snapshot each, until no table is left.

use super::piece::{self, Run};
use super::plan::{self, Piece};
use super::{Context, Job, Told, What};
use crate::latest;
use crate::quarantine;
use crate::retry;
use crate::status::State;
use crate::tables::CopyState;
use crate::task::in_time;
use model::{Error, Fate, Lsn, Mode, OnUpdate, Result, Table, Version};
use source::copy::{Reader, Snapshot, pages};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use store::{Target, ddl, history};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_postgres::Client;

/// Connections that copy at once: the source keeps cores for its own work.
const CONNECTIONS: usize = 2;

/// Copies the tables, however many snapshots it takes.
pub(crate) async fn copy_tables(context: Context, mut jobs: Vec<Job>) {
    let mut tries = 0;
    while !jobs.is_empty() {
        let before = jobs.len();
        let outcome = round(&context, &mut jobs).await;
        jobs = still_wanted(jobs).await;
        let error = match outcome {
            _ if jobs.is_empty() => return,
            Ok(()) => Error::transient("could not finish the copy under its snapshot"),
            Err(error) => error,
        };
        // The loop is gone: so are we.
        if context.told.is_closed() {
            return;
        }
        tries = if jobs.len() < before { 1 } else { tries + 1 };
        let Some(pause) = retry::pause(error.fate(), tries) else {
            for job in jobs {
                let copy = Error::definite(error.report()).context("copy");
                fail(&context, &job, copy).await;
            }
            return;
        };
        tracing::warn!(error = %error.report(), tables = jobs.len(), "the copy is interrupted");
        for job in &jobs {
            context.status.with_table(&job.name, |table| table.last_error = Some(error.report()));
        }
        tokio::time::sleep(pause).await;
    }
}

async fn still_wanted(jobs: Vec<Job>) -> Vec<Job> {
    let mut wanted = Vec::with_capacity(jobs.len());
    for job in jobs {
        if !job.gate.is_closed().await {
            wanted.push(job);
        }
    }
    wanted
}

/// What a table has to do in this round.
enum Course {
    Pieces(Vec<Piece>),
    /// Delete what is older than the snapshot and copy all.
    StartOver(Vec<Piece>),
}

/// One snapshot. Tables that are finished, failed or closed leave `jobs`.
async fn round(context: &Context, jobs: &mut Vec<Job>) -> Result<()> {
    context.status.set_waiting_for(Some("a snapshot of the source".into()));
    let opened = Snapshot::open(&context.address).await;
    context.status.set_waiting_for(None);
    let snapshot = Arc::new(opened?);
    let mut plan = Plan::default();
    let planned = plan_all(context, &snapshot, jobs, &mut plan).await;
    let worked = match planned {
        Ok(()) => work(context, &snapshot, &mut plan).await,
        Err(error) => Err(error),
    };
    for run in plan.runs {
        if run.is_unfinished() && !run.job.gate.is_closed().await {
            jobs.push(run.job_again());
        }
    }
    worked
}

#[derive(Default)]
struct Plan {
    runs: Vec<Arc<Run>>,
    /// Of which nothing is left to be copied.
    copied: Vec<Arc<Run>>,
    now: Queue,
    /// Once the stream has come as far as the snapshot.
    later: Queue,
    start_over: Vec<(Arc<Run>, Vec<Piece>)>,
}

/// Jobs that could not be planned stay in `jobs`.
async fn plan_all(
    context: &Context,
    snapshot: &Snapshot,
    jobs: &mut Vec<Job>,
    plan: &mut Plan,
) -> Result<()> {
    let mut client = snapshot.client().await?;
    let xmin = Snapshot::xmin(&client).await?;
    while let Some(job) = jobs.last().cloned() {
        match begin(context, &client, job.clone(), snapshot.consistent_point, xmin).await {
            Ok(None) => {}
            Ok(Some((run, Course::Pieces(pieces)))) => {
                if pieces.is_empty() {
                    plan.copied.push(run.clone());
                }
                for piece in pieces {
                    let queue = if piece.lookup { &mut plan.later } else { &mut plan.now };
                    queue.push_back((run.clone(), piece));
                }
                plan.runs.push(run);
            }
            Ok(Some((run, Course::StartOver(pieces)))) => {
                plan.runs.push(run.clone());
                plan.start_over.push((run, pieces));
            }
            Err(error) if error.fate() == Fate::Transient => return Err(error),
            Err(error) => {
                fail(context, &job, error).await;
                // The transaction is over with its first error.
                client = snapshot.client().await?;
            }
        }
        jobs.pop();
    }
    Ok(())
}

/// What is copied is finished beside the rest: it waits for the stream, and the stream for the begin of
/// every table.
async fn work(context: &Context, snapshot: &Arc<Snapshot>, plan: &mut Plan) -> Result<()> {
    let copied = std::mem::take(&mut plan.copied);
    let (worked, finished) =
        tokio::join!(copy(context, snapshot, plan), finish(context, snapshot, copied));
    worked.and(finished)
}

async fn finish(context: &Context, snapshot: &Snapshot, copied: Vec<Arc<Run>>) -> Result<()> {
    for run in copied {
        done(context, &run.job, snapshot.consistent_point).await?;
        run.finish();
    }
    Ok(())
}

async fn copy(context: &Context, snapshot: &Arc<Snapshot>, plan: &mut Plan) -> Result<()> {
    work_off(context, snapshot, std::mem::take(&mut plan.now)).await?;
    for (run, pieces) in std::mem::take(&mut plan.start_over) {
        if begin_anew(context, &run, snapshot).await? {
            plan.later.extend(pieces.into_iter().map(|piece| (run.clone(), piece)));
        }
    }
    if plan.later.is_empty() {
        return Ok(());
    }
    settle(context, snapshot.consistent_point).await?;
    for run in plan.runs.iter().filter(|run| run.looks_up() && run.job.is_rekeyed()) {
        // It changed while we waited: keys no longer tell.
        run.put_off(Error::transient("could not go on: a key changed at the source"));
    }
    work_off(context, snapshot, std::mem::take(&mut plan.later)).await
}

/// Plans a table and makes its begin durable. `None`: there was nothing to do.
async fn begin(
    context: &Context,
    client: &Client,
    job: Job,
    point: Lsn,
    xmin: u64,
) -> Result<Option<(Arc<Run>, Course)>> {
    if job.gate.is_closed().await {
        return Ok(None);
    }
    let table = &job.target.table;
    let today = source::catalog::table_by_id(client, &context.publication, table.id).await?;
    if is_another(today.as_ref(), table) {
        tell(context, &job, What::Changed).await?;
        return Ok(None);
    }
    let heap = pages(client, table.id).await?;
    let filter = source::catalog::row_filter(client, &context.publication, table.id).await?;
    let past = piece::ranges_of(context, &job.target).await?;
    let size = heap.map(|heap| (heap.relfilenode, heap.pages));
    let is_append = job.target.mode == Mode::Append;
    let is_one = is_whole_snapshot(&job.target);
    let first = job.copy.attempt == 0;
    let over = !first && is_append && (!job.target.has_exact_key() || job.is_rekeyed());
    let pieces = match (is_append, first, over) {
        _ if job.copy.repairs => plan::repairing(size),
        (true, false, false) => plan::resumed(size, &past),
        (true, ..) => plan::plain(size, &[]),
        (false, ..) => plan::plain(size, if is_one { &[] } else { &past }),
    };
    let mut copy = CopyState { attempt: job.copy.attempt + 1, ..job.copy };
    if first {
        (copy.first_point, copy.first_xmin) = (point, xmin);
    }
    let job = Job { copy, ..job };
    tell_begin(context, &job).await?;
    let total = size.map_or(1, |(_, pages)| u64::from(pages).max(1));
    context.status.with_table(&job.name, |shown| {
        shown.state = State::Copying;
        shown.pages_total = total;
        shown.pages_done = total.saturating_sub(piece::pages_of(&pieces, total));
    });
    let run = Run::new(job, size.map_or(0, |(file, _)| file), filter, xmin, &pieces);
    let course = if over { Course::StartOver(pieces) } else { Course::Pieces(pieces) };
    Ok(Some((run, course)))
}

/// An append table starts over under this snapshot. The order survives a crash at any point: until
/// the new first position is durable the next attempt starts over as well, from a later one.
async fn begin_anew(context: &Context, run: &Arc<Run>, snapshot: &Snapshot) -> Result<bool> {
    let point = snapshot.consistent_point;
    settle(context, point).await?;
    let rows = &run.job.target.rows;
    let sql = context.store.layout().delete(rows, |_| format!("_lsn < {}", point.0));
    let passing = run.job.gate.pass().await?;
    let deleted =
        crate::retry::patiently(&context.status, || context.store.mutate(rows, &sql)).await;
    if let Err(error) = deleted {
        drop(passing);
        run.finish();
        fail(context, &run.job, error).await;
        return Ok(false);
    }
    let (store, status, name) =
        (context.store.as_ref(), &context.status, &run.job.target.table.name);
    quarantine::supersede(store, status, name, Some(Version::of_copy(point)), true).await?;
    forget(context, run).await?;
    drop(passing);
    let copy = CopyState { first_point: point, first_xmin: run.xmin, ..run.job.copy };
    run.set_first(copy);
    tell_begin(context, &Job { copy, ..run.job.clone() }).await?;
    Ok(true)
}

async fn forget(context: &Context, run: &Run) -> Result<()> {
    let target = &run.job.target;
    crate::retry::patiently(&context.status, || {
        piece::forget_ranges(context.store.as_ref(), target)
    })
    .await
}

/// Waits until everything that committed before `point` is in the store.
async fn settle(context: &Context, point: Lsn) -> Result<()> {
    let mut settled = context.settled.clone();
    let waited = settled.wait_for(|settled| *settled >= point).await;
    waited.map(drop).map_err(|_| Error::transient("could not go on: the pipeline ends"))
}

async fn tell_begin(context: &Context, job: &Job) -> Result<()> {
    let (ack, durable) = oneshot::channel();
    tell(context, job, What::Begin { copy: job.copy, ack }).await?;
    durable.await.map_err(|_| Error::transient("could not begin: the copy is not wanted any more"))
}

/// Whether what was to be copied is not what is there.
fn is_another(today: Option<&Table>, table: &Table) -> bool {
    today.is_none_or(|today| {
        !today.has_columns_of(table)
            || today.name != table.name
            || today.declared_key() != table.declared_key()
            || today.written.may_differ_from(&table.written)
    })
}

/// As of now: a snapshot sees a table that was rewritten after it was taken as an empty one.
async fn is_changed(context: &Context, job: &Job) -> Result<bool> {
    let table = &job.target.table;
    let look = async || {
        let client = source::catalog::connect(&context.address).await?;
        in_time(source::catalog::table_by_id(&client, &context.publication, table.id)).await
    };
    // Whoever asks has nobody to try again.
    let today = crate::retry::patiently(&context.status, look).await?;
    Ok(is_another(today.as_ref(), table))
}

/// A statement was refused: because the table is another one by now?
async fn refused(context: &Context, job: &Job, error: Error) -> Result<()> {
    match is_changed(context, job).await? {
        true => tell(context, job, What::Changed).await,
        false => {
            fail(context, job, error).await;
            Ok(())
        }
    }
}

/// Every range was copied. What the store held before, and no range brought, is gone at the source.
/// `point` is the last snapshot's.
async fn done(context: &Context, job: &Job, point: Lsn) -> Result<()> {
    if is_changed(context, job).await? {
        return tell(context, job, What::Changed).await;
    }
    match sweep(context, job, point).await {
        Ok(()) => tell(context, job, What::Done).await,
        Err(error) => {
            fail(context, job, error).await;
            Ok(())
        }
    }
}

/// What is current of a history without a key is what one snapshot saw, and what came since.
fn is_whole_snapshot(target: &Target) -> bool {
    target.mode == Mode::History && target.table.declared_key().is_empty()
}

async fn sweep(context: &Context, job: &Job, point: Lsn) -> Result<()> {
    if job.target.on_update == OnUpdate::Apply {
        let (store, _passing) = (context.store.as_ref(), job.gate.pass().await?);
        return latest::settle(store, &context.status, &job.target, job.copy.first_point).await;
    }
    // The snapshot that brought it all: what an earlier one saw, and the changes before it, count no more.
    let point = match is_whole_snapshot(&job.target) {
        true => point,
        false if job.copy.sweeps => job.copy.first_point,
        false => return Ok(()),
    };
    // Rows from before the copy's position that the stream still brings must not come after it.
    settle(context, point).await?;
    let _passing = job.gate.pass().await?;
    let version = Version::of_copy(point);
    let sql = match job.target.mode {
        Mode::History => Some(history::sweep(&job.target, version)),
        _ if job.target.keeps_gone() => None,
        _ => Some(ddl::sweep(&job.target, version)),
    };
    let Some(sql) = sql else { return Ok(()) };
    crate::retry::patiently(&context.status, || context.store.execute(&sql)).await
}

async fn tell(context: &Context, job: &Job, what: What) -> Result<()> {
    let sent = context.told.send(Told { id: job.id(), gate: job.gate.clone(), what }).await;
    sent.map_err(|_| Error::transient("could not go on: the pipeline ends"))
}

pub(super) async fn fail(context: &Context, job: &Job, error: Error) {
    let _ = tell(context, job, What::Failed(error)).await;
}

type Queue = VecDeque<(Arc<Run>, Piece)>;

/// Runs the pieces on several connections. An error here means that the snapshot is of no more use.
async fn work_off(context: &Context, snapshot: &Arc<Snapshot>, queue: Queue) -> Result<()> {
    let workers = CONNECTIONS.min(queue.len());
    let queue = Arc::new(Mutex::new(queue));
    let mut running = JoinSet::new();
    for _ in 0..workers {
        running.spawn(worker(context.clone(), snapshot.clone(), queue.clone()));
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended
            .unwrap_or_else(|panic| Err(Error::bug("a copying worker ended early").source(panic)));
        outcome = outcome.and(ended);
    }
    outcome
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Pieces that failed before anything of theirs was inserted go again under the same snapshot.
const TRIES_MOST: u32 = 3;

async fn worker(context: Context, snapshot: Arc<Snapshot>, queue: Arc<Mutex<Queue>>) -> Result<()> {
    let mut idle: Option<Reader> = None;
    loop {
        let next = lock(&queue).pop_front();
        let Some((run, piece)) = next else { return Ok(()) };
        if run.is_over() || run.job.gate.is_closed().await {
            continue;
        }
        let reader = match idle.take() {
            Some(reader) => reader,
            None => snapshot.reader().await?,
        };
        match piece::copy(&context, reader, &run, &piece, &snapshot).await {
            Ok(reader) => {
                idle = Some(reader);
                if run.job.target.on_update == OnUpdate::Apply && run.job_again().is_rekeyed() {
                    // It may have brought a key that the stream had taken away.
                    run.put_off(Error::transient("could not go on: a key changed at the source"));
                    continue;
                }
                if run.piece_done() && !run.job.gate.is_closed().await {
                    done(&context, &run.job, snapshot.consistent_point).await?;
                }
            }
            Err(_) if run.job.gate.is_closed().await => {}
            Err(failed) if failed.error.fate() != Fate::Transient => {
                if run.finish() {
                    refused(&context, &run.job, failed.error).await?;
                }
            }
            Err(failed) => {
                tracing::debug!(error = %failed.error.report(), table = %run.job.name, "a piece of the copy failed");
                let may_repeat = run.job.target.mode == Mode::Mirror || !failed.inserted;
                if may_repeat && run.count_try() <= TRIES_MOST {
                    lock(&queue).push_back((run, piece));
                } else {
                    run.put_off(failed.error);
                }
            }
        }
    }
}
