//! Indexes, and what keeps tables in shape. No row changes, so the log says nothing; who waits matters.

use super::Context;
use crate::finding::{Finding, Level, Lock, Work};
use crate::names;
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{ClusterStmt, IndexStmt, ReindexObjectType, ReindexStmt, VacuumStmt};

const SAME_ROWS: &str = "the rows are the same; a copy that is under way begins that table anew";

pub(super) fn index(index: &IndexStmt, context: Context<'_>) -> Finding {
    let table = context.table(&index.relation);
    let finding = Finding::new("create_index", format!("an index of {table} is built"));
    match index.concurrent {
        true => finding.locking(&table, Lock::ShareUpdateExclusive, Work::Scan),
        false => finding.locking(&table, Lock::Share, Work::Scan).instead(
            "CREATE INDEX CONCURRENTLY, outside of a transaction; writers go on meanwhile",
        ),
    }
}

pub(super) fn reindex(reindex: &ReindexStmt, context: Context<'_>) -> Finding {
    let concurrently = names::is_on(&reindex.params, "concurrently");
    let kind = ReindexObjectType::try_from(reindex.kind);
    let (what, table) = match kind {
        Ok(ReindexObjectType::ReindexObjectTable) => {
            let table = context.table(&reindex.relation);
            (format!("every index of {table} is built anew"), Some(table))
        }
        Ok(ReindexObjectType::ReindexObjectIndex) => {
            let index = context.table(&reindex.relation);
            let table = context.catalog.index(&index.table).cloned();
            (format!("index {} is built anew", index.table), table)
        }
        _ => (format!("every index of {} is built anew", reindex.name), None),
    };
    let finding = Finding::new("reindex", what);
    let instead = "REINDEX … CONCURRENTLY, outside of a transaction; writers go on meanwhile";
    match (concurrently, table) {
        (true, Some(table)) => finding.locking(&table, Lock::ShareUpdateExclusive, Work::Scan),
        (true, None) => finding,
        (false, Some(table)) => finding.locking(&table, Lock::Share, Work::Scan).instead(instead),
        // Its table is not known, and is locked all the same.
        (false, None) => finding
            .mirror(Level::Plan, "nothing changes; writers of its table wait until it is built")
            .instead(instead),
    }
}

pub(super) fn vacuum(vacuum: &VacuumStmt, context: Context<'_>) -> Vec<Finding> {
    let tables = vacuum.rels.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::VacuumRelation(relation)) => Some(context.table(&relation.relation)),
        _ => None,
    });
    let tables: Vec<TableName> = tables.collect();
    let is_full = vacuum.is_vacuumcmd && names::is_on(&vacuum.options, "full");
    if tables.is_empty() {
        let finding = Finding::new("vacuum", "every table is cleaned or analysed");
        return vec![match is_full {
            true => finding
                .mirror(
                    Level::Plan,
                    "the rows are the same, but each table is locked while it is written anew",
                )
                .instead("VACUUM without FULL"),
            false => finding,
        }];
    }
    let one = |table: &TableName| match is_full {
        true => Finding::new("vacuum_full", format!("{table} is written anew"))
            .locking(table, Lock::AccessExclusive, Work::Rewrite)
            .mirror(Level::Safe, SAME_ROWS)
            .instead("VACUUM without FULL; what it frees is used again"),
        // ANALYZE reads a sample.
        false => Finding::new("vacuum", format!("{table} is cleaned or analysed")).locking(
            table,
            Lock::ShareUpdateExclusive,
            if vacuum.is_vacuumcmd { Work::Scan } else { Work::Moment },
        ),
    };
    tables.iter().map(one).collect()
}

pub(super) fn cluster(cluster: &ClusterStmt, context: Context<'_>) -> Finding {
    let instead = "if the order matters, a new table that is filled in that order";
    if cluster.relation.is_none() {
        return Finding::new("cluster", "every clustered table is written anew")
            .mirror(Level::Plan, "the rows are the same, but each table is locked meanwhile")
            .instead(instead);
    }
    let table = context.table(&cluster.relation);
    Finding::new("cluster", format!("{table} is written anew in the order of an index"))
        .locking(&table, Lock::AccessExclusive, Work::Rewrite)
        .mirror(Level::Safe, SAME_ROWS)
        .instead(instead)
}
