//! NULLs of before: a column that is NOT NULL now may have been without it when rows of the log were
//! written, and these hold NULL. The log does not say so, but it brings them: the column takes them.

use crate::evolve;
use crate::retry::done;
use crate::shape;
use crate::status::Status;
use model::{Block, Result};
use std::sync::Arc;
use store::{Step, Store, Target, TargetColumn};

/// The target as it has to be for the block.
pub(crate) async fn admit(
    target: Arc<Target>,
    block: &Block,
    store: &dyn Store,
    status: &Status,
) -> Result<Arc<Target>> {
    let is_surprised = |column: &TargetColumn| {
        let kind = target.table.columns[column.source].pg.kind();
        let has_null = block.columns[column.source].nulls().contains(&1);
        !column.nullable && kind.may_be_nullable() && has_null
    };
    if !target.columns.iter().any(is_surprised) {
        return Ok(target);
    }
    let kept = shape::kept(&target.rows, store, status).await?;
    let mut admitted = Target::clone(&target);
    let (mut steps, mut names) = (Vec::new(), Vec::new());
    for column in admitted.columns.iter_mut().filter(|column| is_surprised(column)) {
        column.nullable = true;
        if column.default.is_some() {
            continue;
        }
        // Of a time when it might be NULL, or of a block before this one.
        if let Some(ty) = kept.type_of(&column.name).filter(|ty| store::takes_null(ty)) {
            column.clickhouse = ty.to_owned();
            continue;
        }
        // A type that somebody chose stays, and so does what rows are ordered by: what it does not hold
        // is refused, by the rule.
        let natural = target.table.columns[column.source].pg.kind().clickhouse(false);
        let is_chosen = store::without_low_cardinality(&column.clickhouse) != natural;
        if !is_chosen && !kept.is_key(&column.name) {
            column.clickhouse = store::nullable(&column.clickhouse);
            steps.push(Step::Modify(column.name.clone(), column.clickhouse.clone()));
            names.push(column.name.clone());
        }
    }
    if !steps.is_empty() {
        let (table, columns) = (&target.table.name, names.join(", "));
        tracing::info!(%table, %columns, "NULLs of a time without NOT NULL: the columns take them");
        done(&store.layout().alter_spread(&target.rows, &steps), store, status).await?;
        // The block may be of before what readers see.
        evolve::show_as_shown(&admitted, store, status).await?;
    }
    Ok(Arc::new(admitted))
}
