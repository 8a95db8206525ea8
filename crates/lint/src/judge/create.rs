//! New tables.

use super::{Context, is};
use crate::catalog::{Kept, has_key, kept};
use crate::finding::{Finding, Level, Lock, Work};
use model::{Mode, TableName};
use pg_query::NodeEnum;
use pg_query::protobuf::{ConstrType, CreateStmt, CreateTableAsStmt, ObjectType, RangeVar};

const KEYLESS: &str = "it has no primary key: a mirror cannot tell its rows apart, and where all tables are published Postgres refuses its UPDATEs and DELETEs";

pub(super) fn judge(create: &CreateStmt, context: Context<'_>) -> Finding {
    let table = context.table(&create.relation);
    let persistence = create.relation.as_ref().map_or("p", |it| it.relpersistence.as_str());
    if create.partbound.is_some() {
        return partition(&table, create, context);
    }
    let finding = plain(&table, persistence, has_key(create), context);
    let finding = create.inh_relations.iter().fold(finding, |finding, node| match &node.node {
        Some(NodeEnum::RangeVar(parent)) => finding.also_locking(
            &context.table(&Some(parent.clone())),
            Lock::ShareUpdateExclusive,
            Work::Moment,
        ),
        _ => finding,
    });
    referred(create).into_iter().fold(finding, |finding, other| {
        finding.also_locking(&context.table(&Some(other)), Lock::ShareRowExclusive, Work::Moment)
    })
}

fn plain(table: &TableName, persistence: &str, has_key: bool, context: Context<'_>) -> Finding {
    let finding = Finding::new("create_table", format!("table {table} is created"));
    match kept(persistence) {
        Kept::Temporary => {
            return finding.mirror(Level::Safe, "temporary tables are not in the log");
        }
        Kept::Unlogged => return finding.mirror(Level::Safe, "unlogged tables are not in the log"),
        Kept::Permanent => {}
    }
    let finding = finding.about(table);
    if has_key || context.mode(table) != Mode::Mirror {
        return finding.mirror(
            Level::Followed,
            "if the publication takes it in (all tables, or its schema), it is copied and streamed",
        );
    }
    let mut finding = finding.mirror(Level::Plan, KEYLESS).instead(
        "give it a PRIMARY KEY; or REPLICA IDENTITY FULL, and the whole row is its key; for rows that never change: mode = \"append\" in millrace.toml",
    );
    finding.code = "create_table_without_key";
    finding
}

/// Its rows are the root's.
fn partition(table: &TableName, create: &CreateStmt, context: Context<'_>) -> Finding {
    let finding = Finding::new("create_partition", format!("partition {table} is created"))
        .about(table)
        .mirror(Level::Followed, "its rows are the root's (publish_via_partition_root), or it is copied and streamed as a table of its own");
    let roots = create.inh_relations.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::RangeVar(root)) => Some(context.table(&Some(root.clone()))),
        _ => None,
    });
    let made = roots.fold(finding, |finding, root| {
        finding.also_locking(&root, Lock::AccessExclusive, Work::Moment)
    });
    made.instead("CREATE TABLE … (LIKE root INCLUDING ALL), then ATTACH PARTITION, which lets readers and writers of the root go on")
}

/// Tables that its foreign keys name: they are locked for a moment.
fn referred(create: &CreateStmt) -> Vec<RangeVar> {
    let mut found = Vec::new();
    let mut look = |made: &pg_query::protobuf::Constraint| {
        if made.contype == ConstrType::ConstrForeign as i32 {
            found.extend(made.pktable.clone());
        }
    };
    for element in create.table_elts.iter().chain(&create.constraints) {
        match &element.node {
            Some(NodeEnum::Constraint(made)) => look(made),
            Some(NodeEnum::ColumnDef(column)) => {
                crate::catalog::constraints(&column.constraints).for_each(&mut look);
            }
            _ => {}
        }
    }
    found
}

/// CREATE TABLE AS, and materialized views.
pub(super) fn from_query(create: &CreateTableAsStmt, context: Context<'_>) -> Vec<Finding> {
    let relation = create.into.as_ref().and_then(|into| into.rel.clone());
    let table = context.table(&relation);
    if !is(create.objtype, ObjectType::ObjectTable) {
        return vec![
            Finding::new("materialized_view", format!("materialized view {table} is created"))
                .mirror(Level::Safe, "materialized views are not in the log"),
        ];
    }
    vec![filled(&table, &relation.unwrap_or_default(), context)]
}

/// A table that a query makes has no key.
pub(super) fn filled(table: &TableName, relation: &RangeVar, context: Context<'_>) -> Finding {
    plain(table, &relation.relpersistence, false, context)
}
