//! Schema changes that arrive with the stream, in order.
//!
//! ```text
//! Relation ─▶ as known?        ─▶ go on
//!             fewer columns?   ─▶ an older shape (a replay): written without them
//!             added columns?   ─▶ ALTER TABLE … ADD COLUMN, the view anew
//!             one that is past, from before the copy's position?  ─▶ its rows are in the copy
//!             anything else    ─▶ this table fails with its reason; the others go on
//! ```
//!
//! An added column shows in old rows what Postgres shows there: NULL, or the constant default that
//! it keeps as `attmissingval`. A default that was computed row by row rewrote the table without a
//! word in the log, so such a column is not followed.

use crate::flush::patiently;
use crate::shape;
use crate::status::Status;
use crate::tables::{Around, Entry, Tables};
use model::{Column, Error, Kind, Lsn, Mode, Result, Table, TableId};
use source::client::pg_error;
use source::stream::{Relation, RelationColumn};
use std::sync::Arc;
use store::{Store, Target, TargetColumn, ddl};
use tokio_postgres::Client;

/// Makes the table and what came to it while nobody looked, then the view.
pub(crate) async fn create(target: &Target, around: &Around<'_>) -> Result<()> {
    let (store, status) = (around.store, around.status);
    for statement in ddl::create(target) {
        patiently(status, || store.execute(&statement)).await?;
    }
    let kept = shape::kept(&target.rows, store, status).await?;
    if let Some(difference) = shape::difference(&kept, target, store, status).await? {
        return Err(changed(&target.table, &difference));
    }
    for column in &target.columns {
        if !kept.has(&column.name) {
            add_column(target, column, around).await?;
        }
    }
    if target.mode == Mode::Append {
        return Ok(());
    }
    // Rows of before serve readers as long as they are set aside.
    let aside = shape::aside(target);
    let served = shape::kept(&aside, store, status).await?;
    let view = match served.is_missing() {
        true => ddl::view(target, &target.visible(), &target.rows),
        false => ddl::view(target, &served.visible(), &aside),
    };
    patiently(status, || store.execute(&view)).await
}

/// A copy is done: what it brought is what readers see.
pub(crate) async fn finish_copy(target: &Target, store: &dyn Store, status: &Status) -> Result<()> {
    if target.mode == Mode::Append {
        return Ok(());
    }
    let view = ddl::view(target, &target.visible(), &target.rows);
    let drop = format!("DROP TABLE IF EXISTS {}", ddl::name(&shape::aside(target)));
    for statement in [view, drop] {
        patiently(status, || store.execute(&statement)).await?;
    }
    Ok(())
}

pub(crate) async fn exists(target: &Target, around: &Around<'_>) -> Result<bool> {
    Ok(!shape::kept(&target.rows, around.store, around.status).await?.is_missing())
}

async fn add_column(target: &Target, column: &TargetColumn, around: &Around<'_>) -> Result<()> {
    let source = &target.table.columns[column.source];
    let default = match missing_value(around.client, target.table.id, source).await? {
        Missing::Null => ddl::default(column),
        // One default for the rows of before, and another for NULL.
        Missing::Value(_) if column.default.is_some() => {
            return Err(cannot_follow(&target.table, &source.name));
        }
        Missing::Value(text) => {
            let text = match source.pg.kind() {
                Kind::Bool => if text == "t" { "true" } else { "false" }.to_owned(),
                _ => text,
            };
            let ty = ddl::literal(&column.clickhouse);
            format!(" DEFAULT CAST({}, {ty})", ddl::literal(&text))
        }
        Missing::Unknown => return Err(cannot_follow(&target.table, &source.name)),
    };
    let sql = format!(
        "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}{default}",
        ddl::name(&target.rows),
        ddl::ident(&column.name),
        column.clickhouse
    );
    tracing::info!(table = %target.table.name, column = %source.name, "a column was added");
    patiently(around.status, || around.store.execute(&sql)).await
}

fn cannot_follow(table: &Table, column: &str) -> Error {
    Error::definite(format!("cannot follow the new column {column} of {}", table.name))
        .detail("What its old rows hold is not in the log.")
}

/// What rows from before the column show.
enum Missing {
    Null,
    Value(String),
    Unknown,
}

async fn missing_value(client: &Client, table: TableId, column: &Column) -> Result<Missing> {
    let sql = "select atthasmissing, (attmissingval::text::text[])[1],
                      atthasdef or attidentity <> '' or attgenerated <> '' or attnotnull
                 from pg_attribute where attrelid = $1 and attnum = $2";
    let row = client.query_opt(sql, &[&table.0, &column.attnum]).await;
    let row = row.map_err(|error| pg_error("look at a new column", error))?;
    let Some(row) = row else { return Ok(Missing::Null) };
    let (has_value, value, has_more): (bool, Option<String>, bool) =
        (row.get(0), row.get(1), row.get(2));
    let text_is_the_same = matches!(
        column.pg.kind(),
        Kind::Bool
            | Kind::Int16
            | Kind::Int32
            | Kind::Int64
            | Kind::UInt32
            | Kind::Decimal { .. }
            | Kind::Text
            | Kind::Uuid
            | Kind::Date
    ) && column.pg != model::PgType::Bytea;
    Ok(match (has_value, value) {
        (true, Some(text)) if text_is_the_same => Missing::Value(text),
        (true, _) => Missing::Unknown,
        (false, _) if has_more => Missing::Unknown,
        (false, _) => Missing::Null,
    })
}

/// What to do with a relation.
pub(crate) enum Answer {
    /// Its rows come in this shape.
    Rows(Arc<Table>),
    /// Its rows are not wanted.
    Skip,
    /// It is new here; look it up.
    Unknown,
    /// It cannot be followed.
    Stop(Error),
}

/// Decides about a relation; a shape that was not seen before is made known.
pub(crate) async fn relation(
    tables: &mut Tables,
    relation: &Relation,
    commit: Lsn,
    publication: &str,
    connect: impl AsyncFnOnce() -> Result<Client>,
    store: &dyn Store,
    status: &Status,
) -> Result<Answer> {
    let Some(entry) = tables.by_id.get(&relation.id) else { return Ok(Answer::Unknown) };
    if entry.state == crate::status::State::Failed {
        return Ok(Answer::Skip);
    }
    let same = |target: &&Arc<Target>| is_same(&target.table, relation);
    if let Some(known) = entry.shapes.iter().rev().find(same) {
        return Ok(Answer::Rows(known.table.clone()));
    }
    let full = entry.target.table.clone();
    if let Some(part) = narrowed(&full, relation) {
        return take_shape(tables, relation.id, part, None);
    }
    let client = connect().await?;
    let today = source::catalog::table_by_id(&client, publication, relation.id).await?;
    let Some(today) = today else { return Ok(Answer::Skip) };
    if narrowed(&today, relation).is_none() && is_widened(&today, &full) {
        return older(entry, commit);
    }
    let (Some(part), true) = (narrowed(&today, relation), is_widened(&full, &today)) else {
        return Ok(Answer::Stop(changed(&full, CHANGED)));
    };
    let wide = match tables.resolve(today) {
        Ok(target) => Arc::new(target),
        Err(error) => return Ok(Answer::Stop(error)),
    };
    let around = Around { store, status, client: &client };
    if !exists(&entry.target, &around).await? {
        return Ok(Answer::Stop(missing(&full)));
    }
    match create(&wide, &around).await {
        Ok(()) => take_shape(tables, relation.id, part, Some(wide)),
        Err(error) if crate::flush::needs_help(&error) => Ok(Answer::Stop(error)),
        Err(error) => Err(error),
    }
}

/// Rows of a shape that is past: today's is the one that we have. Before the copy's position they are
/// in the copy.
fn older(entry: &Entry, commit: Lsn) -> Result<Answer> {
    let table = &entry.target.table;
    if entry.needs_copy() && entry.copy.attempt == 0 {
        let what = format!("could not read {} on: its copy has no position yet", table.name);
        return Err(Error::transient(what));
    }
    match commit < entry.copy.first_point {
        true => Ok(Answer::Skip),
        false => Ok(Answer::Stop(changed(table, CHANGED))),
    }
}

fn take_shape(
    tables: &mut Tables,
    id: TableId,
    part: Table,
    wide: Option<Arc<Target>>,
) -> Result<Answer> {
    let shape = match &wide {
        Some(wide) if wide.table.columns == part.columns => wide.clone(),
        _ => match tables.resolve(part) {
            Ok(target) => Arc::new(target),
            Err(error) => return Ok(Answer::Stop(error)),
        },
    };
    let entry: &mut Entry =
        tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
    if let Some(wide) = wide {
        entry.target = wide;
    }
    entry.shapes.push(shape.clone());
    Ok(Answer::Rows(shape.table.clone()))
}

fn missing(table: &Table) -> Error {
    Error::definite(format!("cannot follow a change of {}", table.name))
        .detail("It is not in the store any more.")
}

fn changed(table: &Table, how: &str) -> Error {
    Error::definite(format!("cannot follow a change of {}", table.name)).detail(how)
}

const CHANGED: &str =
    "A column was dropped, renamed, moved or got another type, or the key is another.";

fn is_column(column: &Column, sent: &RelationColumn) -> bool {
    column.name == sent.name && column.type_oid == sent.type_oid && column.typmod == sent.typmod
}

/// Whether the identity that it sends is the table's key, as far as it says.
fn has_same_key(table: &Table, relation: &Relation) -> bool {
    let mut sent: Vec<&str> = relation
        .columns
        .iter()
        .filter(|sent| sent.in_identity)
        .map(|sent| sent.name.as_str())
        .collect();
    let mut key: Vec<&str> = table.key.iter().map(|&at| table.columns[at].name.as_str()).collect();
    sent.sort_unstable();
    key.sort_unstable();
    relation.replica_identity != b'd' || sent.is_empty() || sent == key
}

fn is_same(table: &Table, relation: &Relation) -> bool {
    has_same_key(table, relation)
        && table.columns.len() == relation.columns.len()
        && table.columns.iter().zip(&relation.columns).all(|(c, sent)| is_column(c, sent))
}

/// The table with only the relation's columns. `None`: it lacks one of them, or part of the key.
fn narrowed(table: &Table, relation: &Relation) -> Option<Table> {
    if !has_same_key(table, relation) {
        return None;
    }
    let find = |sent| table.columns.iter().position(|column| is_column(column, sent));
    let places: Vec<usize> = relation.columns.iter().map(find).collect::<Option<_>>()?;
    let key = table.key.iter().map(|at| places.iter().position(|place| place == at));
    Some(Table {
        key: key.collect::<Option<_>>()?,
        columns: places.iter().map(|&at| table.columns[at].clone()).collect(),
        ..table.clone()
    })
}

/// Whether every column is still there as it was, and the key too.
fn is_widened(before: &Table, today: &Table) -> bool {
    let key = |table: &Table| -> Vec<i16> {
        table.key.iter().map(|&at| table.columns[at].attnum).collect()
    };
    before.columns.iter().all(|column| today.columns.contains(column)) && key(before) == key(today)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PgType, ReplicaIdentity, TableName};

    fn column(name: &str, attnum: i16, type_oid: u32) -> Column {
        let pg = PgType::of_builtin(type_oid, -1, 0).unwrap();
        let type_name = String::new();
        Column { name: name.into(), attnum, type_oid, typmod: -1, pg, type_name, not_null: false }
    }

    fn table(columns: Vec<Column>) -> Table {
        Table {
            id: TableId(1),
            name: TableName::new("public", "t"),
            columns,
            key: vec![0],
            identity: ReplicaIdentity::Default,
            objects: Vec::new(),
            excluded: Vec::new(),
            rules: Default::default(),
        }
    }

    fn relation(columns: &[(&str, u32)]) -> Relation {
        let sent = |&(name, type_oid): &(&str, u32)| RelationColumn {
            name: name.to_owned(),
            in_identity: name == "id",
            type_oid,
            typmod: -1,
        };
        Relation {
            id: TableId(1),
            schema: "public".into(),
            table: "t".into(),
            replica_identity: b'd',
            columns: columns.iter().map(sent).collect(),
        }
    }

    #[test]
    fn relations_are_told_apart() {
        let before = table(vec![column("id", 1, 20), column("a", 2, 25)]);
        let today = table(vec![column("id", 1, 20), column("a", 2, 25), column("b", 3, 23)]);
        assert!(is_same(&before, &relation(&[("id", 20), ("a", 25)])));
        assert!(!is_same(&before, &relation(&[("id", 20), ("a", 1043)])));
        assert!(is_widened(&before, &today) && !is_widened(&today, &before));
        let part = narrowed(&today, &relation(&[("id", 20), ("a", 25)])).unwrap();
        assert_eq!((part.columns.len(), part.key), (2, vec![0]));
        assert!(narrowed(&today, &relation(&[("a", 25)])).is_none());
        assert!(narrowed(&before, &relation(&[("id", 20), ("c", 25)])).is_none());
        let mut rekeyed = relation(&[("id", 20), ("a", 25)]);
        rekeyed.columns[1].in_identity = true;
        assert!(!is_same(&before, &rekeyed) && narrowed(&before, &rekeyed).is_none());
    }
}
