//! NULLs of a moment: a column that is NOT NULL now, and was before, may have been without it in between,
//! and rows of that time hold NULL. The log does not say so, but it brings them: the column takes them.

use crate::evolve;
use crate::flush::patiently;
use crate::status::Status;
use model::{Block, Result};
use std::sync::Arc;
use store::{Store, Target, ddl};

/// The target as it has to be for the block.
pub(crate) async fn admit(
    target: Arc<Target>,
    block: &Block,
    store: &dyn Store,
    status: &Status,
) -> Result<Arc<Target>> {
    let has_null = |at: usize| block.columns[at].nulls().contains(&1);
    let is_surprised = |column: &&store::TargetColumn| {
        let kind = target.table.columns[column.source].pg.kind();
        !column.nullable && kind.may_be_nullable() && has_null(column.source)
    };
    let names: Vec<String> =
        target.columns.iter().filter(is_surprised).map(|column| column.name.clone()).collect();
    if names.is_empty() {
        return Ok(target);
    }
    let mut admitted = Target::clone(&target);
    let mut steps = Vec::new();
    for column in admitted.columns.iter_mut().filter(|column| names.contains(&column.name)) {
        column.nullable = true;
        // A type that somebody chose stays: what it does not hold is refused, by the rule.
        let natural = target.table.columns[column.source].pg.kind().clickhouse(false);
        if store::without_low_cardinality(&column.clickhouse) == natural && column.default.is_none()
        {
            column.clickhouse = store::nullable(&column.clickhouse);
            steps.push(format!("MODIFY COLUMN {} {}", ddl::ident(&column.name), column.clickhouse));
        }
    }
    if !steps.is_empty() {
        let (table, columns) = (&target.table.name, names.join(", "));
        tracing::info!(%table, %columns, "NULLs of a time without NOT NULL: the columns take them");
        let sql = format!("ALTER TABLE {} {}", ddl::name(&target.rows), steps.join(", "));
        patiently(status, || store.execute(&sql)).await?;
        // The block may be of before what readers see.
        evolve::show_as_shown(&admitted, store, status).await?;
    }
    Ok(Arc::new(admitted))
}
