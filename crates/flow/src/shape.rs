//! A table as the store has it: whether rows of a target fit into it, and where it goes when not.

use crate::retry::patiently;
use crate::status::Status;
use model::{Mode, Result, TableName};
use std::collections::{BTreeMap, BTreeSet};
use store::{Store, Target, TargetColumn, ddl};

/// Of a history.
pub(crate) const OTHER_KEY: &str = "Its key is another one now.";

/// Columns with their types; the names of those that it is ordered by.
#[derive(Default)]
pub(crate) struct Kept {
    columns: Vec<(String, String)>,
    /// What a column is when nothing is given.
    defaults: BTreeMap<String, String>,
    key: BTreeSet<String>,
    /// Those that say to which partition a row belongs.
    partition: BTreeSet<String>,
}

impl Kept {
    pub(crate) fn is_missing(&self) -> bool {
        self.columns.is_empty()
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.type_of(column).is_some()
    }

    pub(crate) fn type_of(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, ty)| ty.as_str())
    }

    /// Whether the place of its rows depends on it: it cannot be altered.
    pub(crate) fn is_key(&self, column: &str) -> bool {
        self.key.contains(column) || self.partition.contains(column)
    }

    /// Without what we add.
    pub(crate) fn visible(&self) -> Vec<&str> {
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !matches!(*name, "_version" | "_deleted")).collect()
    }
}

/// What a table is.
pub(crate) async fn kept(rows: &TableName, store: &dyn Store, status: &Status) -> Result<Kept> {
    shown(&store.layout().holder(rows), store, status).await
}

/// What a view shows.
pub(crate) async fn shown(place: &TableName, store: &dyn Store, status: &Status) -> Result<Kept> {
    // Not joined with system.tables: that waits for every table that is locked.
    let sql = format!(
        "SELECT name, type, is_in_sorting_key, is_in_partition_key, default_expression FROM system.columns \
         WHERE database = {} AND table = {} ORDER BY position",
        ddl::literal(&place.schema),
        ddl::literal(&place.table)
    );
    let mut kept = Kept::default();
    for row in patiently(status, || store.query(&sql)).await? {
        let mut fields = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || fields.next().unwrap_or_default();
        let (name, ty) = (next(), next());
        for key in [&mut kept.key, &mut kept.partition] {
            if next() == "1" {
                key.insert(name.clone());
            }
        }
        kept.defaults.insert(name.clone(), next());
        kept.columns.push((name, ty));
    }
    Ok(kept)
}

/// Whether the target's rows fit into it as it is.
pub(crate) async fn fits(
    kept: &Kept,
    target: &Target,
    store: &dyn Store,
    status: &Status,
) -> Result<bool> {
    let is_whole = target.visible().iter().all(|column| kept.has(column));
    if !is_whole
        || key_difference(kept, target).is_some()
        || before_difference(kept, target, store, status).await?.is_some()
    {
        return Ok(false);
    }
    for column in &target.columns {
        if misfit(kept, column, store, status).await?.is_some() {
            return Ok(false);
        }
        if default_difference(kept, column, store, status).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What differs in the key of a mirror, in words.
pub(crate) fn key_difference(kept: &Kept, target: &Target) -> Option<String> {
    let key = target.table.key.iter().filter_map(|&at| target.column_of(at));
    let key: BTreeSet<String> = key.map(|column| column.name.clone()).collect();
    if target.mode != Mode::Mirror || key == kept.key {
        return None;
    }
    let names = |key: &BTreeSet<String>| Vec::from_iter(key.iter().cloned()).join(", ");
    Some(format!("Its key is ({}) now, and was ({}).", names(&key), names(&kept.key)))
}

/// What differs in the key that a history tells of, in words.
pub(crate) async fn before_difference(
    kept: &Kept,
    target: &Target,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    if target.mode != Mode::History {
        return Ok(None);
    }
    let had = kept.type_of("_key_before");
    let is_same = match (had, store::history::key_before(target)) {
        (None, None) => true,
        (Some(had), Some(now)) => had == now || is_same(had, &now, store, status).await?,
        _ => false,
    };
    Ok((!is_same).then(|| OTHER_KEY.to_owned()))
}

/// The type that the column has there, if it does not take the column's values as they are.
pub(crate) async fn misfit(
    kept: &Kept,
    column: &TargetColumn,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    let Some(ty) = kept.type_of(&column.name) else { return Ok(None) };
    // Where a NULL becomes the default, a column that holds NULL would keep it.
    let keeps_null = column.default.is_some() && store::takes_null(ty);
    let holds = !keeps_null && holds(ty, &column.clickhouse, store, status).await?;
    Ok((!holds).then(|| ty.to_owned()))
}

/// What a NULL becomes has to be the same for rows of before.
pub(crate) async fn default_difference(
    kept: &Kept,
    column: &TargetColumn,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    let Some(default) = &column.default else { return Ok(None) };
    let (name, now) = (&column.name, &default.expression);
    if !kept.has(name) {
        return Ok(None);
    }
    let had = kept.defaults.get(name).map(String::as_str).unwrap_or_default();
    if had.is_empty() {
        return Ok(Some(format!("Column {name} has the default {now} now, and had none.")));
    }
    // Spaces and the like are not what matters.
    let plain = |expression: &str| {
        format!("formatQuerySingleLine({})", ddl::literal(&format!("SELECT {expression}")))
    };
    let sql = format!("SELECT {} = {}", plain(now), plain(had));
    let rows = patiently(status, || store.query(&sql)).await?;
    let same = rows.first().and_then(|row| row.first()?.as_deref()) == Some("1");
    Ok((!same).then(|| format!("Column {name} has the default {now} now, and had {had}.")))
}

/// Whether a column of type `kept` takes values of type `wanted` as they are: of the same, or of what
/// has no NULL any more.
async fn holds(kept: &str, wanted: &str, store: &dyn Store, status: &Status) -> Result<bool> {
    let without_null = match kept.split_once("Nullable(") {
        Some((outer @ ("" | "LowCardinality("), inner)) => {
            inner.strip_suffix(')').map(|inner| format!("{outer}{inner}"))
        }
        _ => None,
    };
    for kept in [Some(kept), without_null.as_deref()].into_iter().flatten() {
        if kept == wanted || is_same(kept, wanted, store, status).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether two spellings name one type.
async fn is_same(one: &str, other: &str, store: &dyn Store, status: &Status) -> Result<bool> {
    let name = |ty| format!("toTypeName(defaultValueOfTypeName({}))", ddl::literal(ty));
    let sql = format!("SELECT {} = {}", name(one), name(other));
    let rows = patiently(status, || store.query(&sql)).await?;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()) == Some("1"))
}

/// Where the rows of a mirror wait for readers while it is copied in another shape.
pub(crate) fn aside(target: &Target) -> TableName {
    aside_of(&target.name)
}

pub(crate) fn aside_of(stored: &TableName) -> TableName {
    TableName::new("millrace", format!("before_{stored}"))
}
