//! A table as the store has it: whether rows of a target fit into it, and where it goes when not.

use crate::flush::patiently;
use crate::status::Status;
use model::{Mode, Result, TableName};
use store::{Store, Target, ddl};

/// Columns with their types, and what it is ordered by.
#[derive(Default)]
pub(crate) struct Kept {
    columns: Vec<(String, String)>,
    sorting_key: String,
}

impl Kept {
    pub(crate) fn is_missing(&self) -> bool {
        self.columns.is_empty()
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// Without what we add.
    pub(crate) fn visible(&self) -> Vec<&str> {
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !matches!(*name, "_version" | "_deleted")).collect()
    }
}

pub(crate) async fn kept(place: &TableName, store: &dyn Store, status: &Status) -> Result<Kept> {
    let (database, table) = (ddl::literal(&place.schema), ddl::literal(&place.table));
    let sql = format!(
        "SELECT c.name, c.type, t.sorting_key FROM system.columns AS c \
         INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table \
         WHERE c.database = {database} AND c.table = {table} \
         AND t.database = {database} AND t.name = {table} ORDER BY c.position"
    );
    let mut kept = Kept::default();
    for row in patiently(status, || store.query(&sql)).await? {
        let mut fields = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || fields.next().unwrap_or_default();
        kept.columns.push((next(), next()));
        kept.sorting_key = next();
    }
    Ok(kept)
}

/// What keeps the target's rows out of it, in words. Columns that it lacks can be added.
pub(crate) async fn difference(
    kept: &Kept,
    target: &Target,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<String>> {
    let (key, before) = (bare(&target.order_by.join(", ")), bare(&kept.sorting_key));
    if target.mode == Mode::Mirror && key != before {
        return Ok(Some(format!("Its key is ({key}) now, and was ({before}).")));
    }
    for column in &target.columns {
        let Some((_, ty)) = kept.columns.iter().find(|(name, _)| *name == column.name) else {
            continue;
        };
        if *ty != column.clickhouse && !is_same(ty, &column.clickhouse, store, status).await? {
            let (name, now) = (&column.name, &column.clickhouse);
            return Ok(Some(format!("Column {name} is {now} now, and was {ty}.")));
        }
    }
    Ok(None)
}

/// Column names alone: the engine prints as many quotes and parentheses as it likes.
fn bare(key: &str) -> String {
    key.replace(['`', '(', ')'], "")
}

/// Whether two spellings name one type.
async fn is_same(one: &str, other: &str, store: &dyn Store, status: &Status) -> Result<bool> {
    let name = |ty| format!("toTypeName(defaultValueOfTypeName({}))", ddl::literal(ty));
    let sql = format!("SELECT {} = {}", name(one), name(other));
    let rows = patiently(status, || store.query(&sql)).await?;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()) == Some("1"))
}

/// Where the rows of a mirror wait for readers while it is copied in another shape. By the table's
/// oid: no table of the source can be called so.
pub(crate) fn aside(target: &Target) -> TableName {
    TableName::new("millrace", format!("before_{}", target.table.id))
}
