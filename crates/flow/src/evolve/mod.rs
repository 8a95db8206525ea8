//! Schema changes: the store follows what a table has become at the source.
//!
//! ```text
//! a relation of the stream, a start, a look at the catalog
//!   └▶ today's table, is it what we know?  ─▶ go on
//!        added            ADD COLUMN with what Postgres shows in rows of before
//!        dropped          the column stays, the view hides it
//!        renamed          RENAME COLUMN
//!        wider            MODIFY COLUMN, where every value stays what it is
//!        rewritten        rows got other values without a word in the log: copied again, in place
//!        anything else    copied again in another shape, while the rows of before serve
//! ```
//!
//! What is decided comes from the catalog's `attnum`s ([`Past`]), never from what the store already
//! has: a process that was killed between two statements decides the same once more. The past is
//! recorded last.

mod change;
mod missing;
mod past;
mod widen;

pub(crate) use change::{Change, last, record};
pub(crate) use past::Past;

use crate::again;
use crate::retry::{done, patiently};
use crate::shape::{self, Kept};
use crate::status::Status;
use crate::tables::Around;
use crate::task::in_time;
use missing::Missing;
use model::{Column, Error, Fate, Mode, PgType, Result};
use store::{Step, Store, Target, TargetColumn, ddl};

/// What it takes until the store's table is whole in today's shape.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Need {
    Nothing,
    /// A copy of the facts that are missing.
    Repair,
    /// A copy over the rows that are there, with the reason.
    Copy(String),
    /// A copy into a table of another shape.
    Anew(String),
}

/// Makes the table, or what it takes for it to follow the source, then the view.
pub(crate) async fn bring(target: &Target, past: &Past, around: &Around<'_>) -> Result<Need> {
    let (store, status) = (around.store, around.status);
    done(&store.layout().create(target), store, status).await?;
    if past.has_other_key(target) {
        return Ok(Need::Anew(shape::OTHER_KEY.into()));
    }
    if let Some(column) = clash(target, past) {
        return Ok(Need::Anew(format!("Another column was called {column} before.")));
    }
    let kept = shape::kept(&target.rows, store, status).await?;
    if let Some(why) = rename(target, past, &kept, around).await? {
        return Ok(Need::Anew(why));
    }
    let kept = shape::kept(&target.rows, store, status).await?;
    if let Some(why) = widen(target, &kept, store, status).await? {
        return Ok(Need::Anew(why));
    }
    for column in &target.columns {
        if let Some(why) = shape::default_difference(&kept, column, store, status).await? {
            return Ok(Need::Anew(why));
        }
    }
    let mut need = Need::Nothing;
    for column in &target.columns {
        if let Some(why) = bring_column(target, column, past, &kept, around).await? {
            need = Need::Copy(why);
        }
    }
    add_extra(target, &kept, store, status).await?;
    // Facts stay what they were when they were written.
    if target.mode != Mode::Append && past.is_rewritten(&target.table) {
        need = Need::Copy("Its rows were written anew at the source.".into());
    }
    if need == Need::Nothing && !past.is_empty() {
        need = of_unsaid_rows(target, past);
    }
    spread(target, store, status).await?;
    show(target, store, status).await?;
    Ok(need)
}

/// The same for a table that no catalog describes: columns are only added, and rows of before have their
/// default. What keeps the store's table from it.
#[cfg(feature = "kafka")]
pub(crate) async fn bring_undescribed(
    target: &Target,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    done(&store.layout().create(target), store, status).await?;
    let kept = shape::kept(&target.rows, store, status).await?;
    if let Some(why) = widen(target, &kept, store, status).await? {
        return Ok(Some(why));
    }
    for column in target.columns.iter().filter(|column| !kept.has(&column.name)) {
        let definition = format!("{}{}", column.clickhouse, ddl::default(column));
        alter(target, &[Step::Add(column.name.clone(), definition)], store, status).await?;
    }
    add_extra(target, &kept, store, status).await?;
    spread(target, store, status).await?;
    show(target, store, status).await?;
    Ok(None)
}

/// What is written to, where that is not the table that holds the rows. Nobody else's takes its place.
async fn spread(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    let Some(statement) = store.layout().spread(target) else { return Ok(()) };
    let sql = format!(
        "SELECT engine FROM system.tables WHERE database = {} AND name = {}",
        ddl::literal(&target.rows.schema),
        ddl::literal(&target.rows.table)
    );
    let engines = patiently(status, || store.query(&sql)).await?;
    if let Some(engine) = engines.into_iter().flatten().flatten().find(|e| e != "Distributed") {
        let (name, rows) = (&target.table.name, &target.rows);
        return Err(Error::definite(format!("cannot keep {name} in {rows} on a cluster"))
            .detail(format!("A table with the engine {engine} is there, of one server."))
            .hint(format!(
                "rename it: RENAME TABLE {rows} TO …; or give {name} another place: target = \"…\""
            )));
    }
    patiently(status, || store.execute(&statement)).await
}

/// What the log does not say: a table that was not published for a moment misses rows, partitions come
/// with rows and go with them, and columns pass on their names.
fn of_unsaid_rows(target: &Target, past: &Past) -> Need {
    let is_anew = past.is_published_anew(&target.table);
    let mistaken = || Need::Copy("Columns went and others came between two looks at it.".into());
    match target.mode {
        Mode::Mirror | Mode::History if reads_otherwise(target, past) => {
            Need::Copy("A row type has other fields.".into())
        }
        Mode::Mirror | Mode::History if past.may_be_mistaken(&target.table) => mistaken(),
        Mode::Append if past.are_facts_mistaken(&target.table) => mistaken(),
        Mode::Mirror | Mode::History if is_anew => Need::Copy("It is published anew.".into()),
        Mode::Append if is_anew => Need::Repair,
        Mode::Mirror | Mode::History
            if past.has_gained(&target.table) || past.has_lost(&target.table) =>
        {
            Need::Copy("Partitions came or went with their rows.".into())
        }
        Mode::Append if past.has_gained(&target.table) => Need::Repair,
        _ => Need::Nothing,
    }
}

/// Whether a row type has other fields since. A session reads it as it was at its beginning.
pub(crate) fn reads_otherwise(target: &Target, past: &Past) -> bool {
    target.table.columns.iter().any(|now| past.has_other_fields(now))
}

/// The view: rows of before serve readers as long as they are set aside.
pub(crate) async fn show(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    if target.mode != Mode::Mirror {
        return Ok(());
    }
    let aside = shape::aside(target);
    let served = shape::kept(&aside, store, status).await?;
    let view = match served.is_missing() {
        true => store.layout().view(&target.name, &target.visible(), &target.rows),
        false => store.layout().view(&target.name, &served.visible(), &aside),
    };
    patiently(status, || store.execute(&view)).await
}

/// The view as it is, of columns that have other types now.
pub(crate) async fn show_as_shown(
    target: &Target,
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    let is_aside = !shape::kept(&shape::aside(target), store, status).await?.is_missing();
    let shown = shape::shown(&target.name, store, status).await?;
    if target.mode != Mode::Mirror || is_aside || shown.is_missing() {
        return Ok(());
    }
    let view = store.layout().view(&target.name, &shown.visible(), &target.rows);
    patiently(status, || store.execute(&view)).await
}

/// A column that would take the place of another one's values.
pub(crate) fn clash<'a>(target: &'a Target, past: &Past) -> Option<&'a str> {
    let is_clash = |column: &&TargetColumn| {
        let attnum = target.table.columns[column.source].attnum;
        past.stored_as(attnum) != Some(&column.name)
            && past.is_anothers(attnum, &column.name, &target.table)
    };
    let clash = target.columns.iter().find(is_clash).map(|column| column.name.as_str());
    // One that the engine fills would show what is hidden.
    let mut extra = target.extra_columns.iter().map(|(name, _)| name.as_str());
    clash.or_else(|| extra.find(|name| past.is_hidden(name, &target.table)))
}

/// Gives columns their names. What keeps them from it, in words: then nothing was renamed.
async fn rename(
    target: &Target,
    past: &Past,
    kept: &Kept,
    around: &Around<'_>,
) -> Result<Option<String>> {
    let mut steps = Vec::new();
    for column in &target.columns {
        let attnum = target.table.columns[column.source].attnum;
        let Some(before) = past.stored_as(attnum).filter(|before| *before != column.name) else {
            continue;
        };
        // Where two change places, what was done would look like what is to be done.
        let is_taken = past.live().any(|live| past.stored_as(live.attnum) == Some(&column.name));
        let is_there = kept.has(before);
        if is_taken || is_there && (kept.is_key(before) || kept.has(&column.name)) {
            return Ok(Some(format!("Column {before} is called {} now.", column.name)));
        }
        if is_there {
            steps.push(Step::Rename { before: before.to_owned(), now: column.name.clone() });
        }
    }
    alter(target, &steps, around.store, around.status).await?;
    Ok(None)
}

/// Gives columns their types, where each holds every value that it has. What keeps them from it.
async fn widen(
    target: &Target,
    kept: &Kept,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    if let Some(difference) = shape::key_difference(kept, target) {
        return Ok(Some(difference));
    }
    if let Some(difference) = shape::before_difference(kept, target, store, status).await? {
        return Ok(Some(difference));
    }
    let mut steps = Vec::new();
    for column in &target.columns {
        let Some(before) = shape::misfit(kept, column, store, status).await? else { continue };
        let (name, now) = (&column.name, &column.clickhouse);
        let is_fixed = kept.is_key(name) || store.layout().is_placed_by(target, name);
        if is_fixed || !widen::is_wider(now, &before) {
            return Ok(Some(format!("Column {name} is {now} now, and was {before}.")));
        }
        steps.push(Step::Modify(name.clone(), now.clone()));
    }
    alter(target, &steps, store, status).await?;
    Ok(None)
}

async fn alter(target: &Target, steps: &[Step], store: &dyn Store, status: &Status) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    done(&[store.layout().alter(&target.rows, steps)], store, status).await
}

/// Adds columns that the engine fills itself; those that are there stay what they are.
async fn add_extra(target: &Target, kept: &Kept, store: &dyn Store, status: &Status) -> Result<()> {
    for (name, definition) in target.extra_columns.iter().filter(|(name, _)| !kept.has(name)) {
        let step = Step::Add(name.clone(), definition.clone());
        alter(target, &[step], store, status).await?;
    }
    Ok(())
}

/// Adds a column that is new. Returns why its rows of before need a copy.
async fn bring_column(
    target: &Target,
    column: &TargetColumn,
    past: &Past,
    kept: &Kept,
    around: &Around<'_>,
) -> Result<Option<String>> {
    let source = &target.table.columns[column.source];
    let is_new = match past.is_empty() {
        true => !kept.has(&column.name),
        false => !past.was_there(source.attnum),
    };
    let is_there = kept.has(&column.name);
    if !is_new && is_there && (past.is_empty() || past.stored_as(source.attnum).is_some()) {
        return Ok(None);
    }
    let missing = match is_new {
        true => {
            let is_rewritten = past.is_empty() || past.is_rewritten(&target.table);
            in_time(missing::look_up(around.client, target.table.id, source, is_rewritten)).await?
        }
        // Left out so far, by us or by the publication, or dropped in the store.
        false => Missing::Unknown,
    };
    let (default, why) = match missing {
        // Not where the axes cross, which is a place.
        Missing::Nothing if source.pg == PgType::Point && column.default.is_none() => {
            (" DEFAULT (nan, nan)".to_owned(), None)
        }
        Missing::Nothing => (ddl::default(column), None),
        // One default for the rows of before, and another for NULL.
        Missing::Value(_) if column.default.is_some() => (ddl::default(column), Some(())),
        // The engine would bend what has no place in a type that was chosen.
        Missing::Value(text)
            if !is_natural(column, source) && !store::says(&text, &column.ty()) =>
        {
            (String::new(), Some(()))
        }
        Missing::Value(text) => match default_of(&text, &column.clickhouse, around).await? {
            Some(default) => (default, None),
            None => (String::new(), Some(())),
        },
        Missing::Unknown => (ddl::default(column), Some(())),
    };
    if !is_there {
        let definition = format!("{}{default}", column.clickhouse);
        let step = Step::Add(column.name.clone(), definition);
        alter(target, &[step], around.store, around.status).await?;
    }
    Ok(why.map(|()| format!("What rows of before hold in {} is not in the log.", source.name)))
}

fn is_natural(column: &TargetColumn, source: &Column) -> bool {
    column.ty().base == source.pg.kind().clickhouse(false)
}

/// The clause, if the engine takes the text for a value of that type: a DEFAULT that it does not would
/// fail in every query.
async fn default_of(text: &str, clickhouse: &str, around: &Around<'_>) -> Result<Option<String>> {
    let clause = missing::default(text, clickhouse);
    let trial = format!("SELECT toString({})", clause.trim_start_matches(" DEFAULT "));
    match patiently(around.status, || around.store.query(&trial)).await {
        Ok(_) => Ok(Some(clause)),
        Err(error) if crate::retry::needs_help(&error) || error.fate() == Fate::Refused => Ok(None),
        Err(error) => Err(error),
    }
}

/// A copy is done: what it brought is what readers see.
pub(crate) async fn finish_copy(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    if target.mode != Mode::Mirror {
        return Ok(());
    }
    let view = store.layout().view(&target.name, &target.visible(), &target.rows);
    patiently(status, || store.execute(&view)).await?;
    if target.keeps_gone() {
        return again::keep(&shape::aside(target), &target.rows, store, status).await.map(drop);
    }
    done(&store.layout().drop_table(&shape::aside(target)), store, status).await
}

/// What a table that is made anew at the source finds in the store of the one of before.
pub(crate) async fn past_of_another(target: &Target, around: &Around<'_>) -> Result<Past> {
    let kept = shape::kept(&target.rows, around.store, around.status).await?;
    let visible = target.visible();
    let others = kept.visible().into_iter().filter(|name| !visible.contains(name));
    Ok(Past::hiding(others.map(str::to_owned)))
}

pub(crate) async fn exists(target: &Target, around: &Around<'_>) -> Result<bool> {
    Ok(!shape::kept(&target.rows, around.store, around.status).await?.is_missing())
}
