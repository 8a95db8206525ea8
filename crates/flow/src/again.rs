//! A table copied again while everything goes on: by its snapshot's position the copy is newer than
//! all that it replaces, and older than what the stream brings.
//!
//! | the table | what readers see meanwhile | at the end |
//! | --- | --- | --- |
//! | a mirror, of the same shape | its rows, from the copy or of before, and the stream's | what no copy brought goes |
//! | a mirror, of another shape | the rows of before, set aside in `millrace` | the view moves, they go |
//! | a history, of the same shape | its rows, and those of the snapshot as they come | a row says of each key that no copy brought that it is gone |
//! | append; a history of another shape | what was copied so far | the rows of before stay, under another name |

use crate::evolve::{self, Past};
use crate::quarantine;
use crate::retry::{done, patiently};
use crate::shape;
use crate::status::{State, Status};
use crate::tables::{Around, CopyState, Entry};
use model::{Lsn, Mode, OnUpdate, Result, TableName};
use std::sync::Arc;
use store::{Store, Target, ddl};

/// Makes it durable that the table is to be copied in this shape; the copy itself is started by whoever
/// runs the copies. `past` is what its rows in the log may look like; none: the store's columns are not
/// those of today, whatever they are called. Returns where facts of before stay.
pub(crate) async fn begin(
    entry: &mut Entry,
    target: Arc<Target>,
    past: Option<Past>,
    rows_per_second_max: u64,
    around: &Around<'_>,
) -> Result<Option<TableName>> {
    let (store, status) = (around.store, around.status);
    let kept = shape::kept(&target.rows, store, status).await?;
    let in_place = past.is_some()
        && target.mode != Mode::Append
        && shape::fits(&kept, &target, store, status).await?
        && is_older_than_the_log(&target, around).await?;
    let kept_as = match (in_place, target.mode) {
        (true, _) => None,
        (false, Mode::Mirror) => {
            set_aside(&target, store, status).await?;
            None
        }
        (false, Mode::Append | Mode::History) => {
            // Facts and changes of before are kept, those that were refused too.
            let name = &target.table.name;
            quarantine::supersede(store, status, name, None, false).await?;
            let place = keep(&target.rows, &target.rows, store, status).await?;
            entry.forget_batches(store, status).await?;
            Some(place)
        }
    };
    patiently(status, || crate::copier::forget_ranges(store, &target)).await?;
    // What was kept of columns that are no more went with the table.
    let past = past.filter(|_| in_place).unwrap_or_else(|| {
        let mut past = entry.past.only_names();
        past.note(&target);
        past
    });
    // The log may bring rows in shapes of before, which are left to the copy: among them those that say
    // that others are gone.
    let sweeps = target.mode != Mode::Append;
    let copy = CopyState { sweeps, rows_per_second_max, ..CopyState::default() };
    entry.begin_again(target.clone(), past, copy);
    entry.enter(State::Waiting, None, store, status).await?;
    status.with_table(&entry.name, |table| (table.copied_rows, table.pages_done) = (0, 0));
    tracing::info!(table = %entry.name, "it is copied again");
    evolve::bring(&target, &Past::default(), around).await?;
    Ok(kept_as)
}

/// Whether what is missing can be made up for by the facts whose keys the store lacks.
pub(crate) async fn is_repairable(
    target: &Target,
    copy: CopyState,
    is_other_history: bool,
    around: &Around<'_>,
) -> Result<bool> {
    // Of facts that changed meanwhile a key says nothing.
    let stays = target.on_update == OnUpdate::Ignore;
    let by_key =
        stays && target.mode == Mode::Append && target.has_exact_key() && !copy.is_rekeyed();
    Ok(by_key && !is_other_history && is_older_than_the_log(target, around).await?)
}

/// A copy is newer than what is there, unless the server was set back.
async fn is_older_than_the_log(target: &Target, around: &Around<'_>) -> Result<bool> {
    Ok(newest(target, around).await? <= source::catalog::end_of_log(around.client).await?)
}

/// The commit of the newest row that the store has of it.
pub(crate) async fn newest(target: &Target, around: &Around<'_>) -> Result<Lsn> {
    let (store, status) = (around.store, around.status);
    let sql = format!("SELECT max({}) FROM {}", ddl::commit(target.mode), ddl::name(&target.rows));
    let rows = patiently(status, || store.query(&sql)).await?;
    let field = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    Ok(field.and_then(|text| text.parse().ok()).map_or(Lsn::ZERO, Lsn))
}

/// Readers go on with the rows of before. Those that an earlier resync set aside are whole, and what
/// it copied since is not.
async fn set_aside(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    let (layout, aside) = (store.layout(), shape::aside(target));
    let run = async |statements: Vec<String>| done(&statements, store, status).await;
    if !shape::kept(&aside, store, status).await?.is_missing() {
        return run(layout.drop_table(&target.rows)).await;
    }
    let kept = shape::kept(&target.rows, store, status).await?;
    if kept.is_missing() {
        return Ok(());
    }
    // Between these two a reader is told that there is no such table.
    run(layout.rename(&target.rows, &aside)).await?;
    run(vec![layout.view(&target.name, &kept.visible(), &aside)]).await
}

/// Facts may be gone at the source, so they are never dropped: the table is called like `of`, and before
/// when, from now on.
pub(crate) async fn keep(
    rows: &TableName,
    of: &TableName,
    store: &dyn Store,
    status: &Status,
) -> Result<TableName> {
    let TableName { schema, table } = of;
    let mut seconds = crate::status::now_us() / 1_000_000;
    let place = loop {
        let place = TableName::new(schema, format!("{table}_before_{seconds}"));
        if shape::kept(&place, store, status).await?.is_missing() {
            break place;
        }
        seconds += 1;
    };
    if !shape::kept(rows, store, status).await?.is_missing() {
        done(&store.layout().rename(rows, &place), store, status).await?;
    }
    Ok(place)
}
