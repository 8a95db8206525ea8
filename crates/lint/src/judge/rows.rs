//! Statements that change rows. They are in the log; how much at once is the question.

use super::{Context, create};
use crate::finding::{Finding, Level, Lock, Work};
use crate::names;
use model::{Mode, OnUpdate, TableName};
use pg_query::protobuf::{
    CopyStmt, DeleteStmt, InsertStmt, MergeStmt, Node, SelectStmt, UpdateStmt,
};
use pg_query::{NodeEnum, protobuf};

const IN_BATCHES: &str = "in batches by key, each in a transaction of its own, with pauses; the stream takes them as they come";

pub(super) fn update(update: &UpdateStmt, context: Context<'_>) -> Finding {
    let table = context.table(&update.relation);
    let mirror = match context.mode(&table) {
        Mode::Mirror => "every row goes through the log in one transaction, and arrives at its end",
        Mode::Append if context.on_update(&table) == OnUpdate::Ignore => {
            "an append table does not take updates of old rows: they are counted, and what is there stays"
        }
        Mode::Append => "every row that it changes goes through the log, and is written again",
        Mode::History => "every row that it changes is one more row of the history",
    };
    whole(&table, "updated", update.where_clause.as_deref(), mirror)
}

pub(super) fn delete(delete: &DeleteStmt, context: Context<'_>) -> Finding {
    let table = context.table(&delete.relation);
    let mirror = match context.mode(&table) {
        Mode::Mirror if context.keeps_deletes(&table) => {
            "a mirror with deletes = \"keep\" keeps what the source deletes"
        }
        Mode::Mirror => "every row goes through the log in one transaction, and is gone at its end",
        Mode::History => "a history says of every row that it is gone, and keeps what it was",
        Mode::Append => "an append table keeps what the source deletes",
    };
    whole(&table, "deleted", delete.where_clause.as_deref(), mirror)
}

fn whole(table: &TableName, done: &str, condition: Option<&Node>, mirror: &str) -> Finding {
    let code = if done == "updated" { "update" } else { "delete" };
    let perhaps = if condition.is_some() { "perhaps " } else { "" };
    match condition.is_some_and(narrows) {
        false => Finding::new(code, format!("{perhaps}every row of {table} is {done}"))
            .locking(table, Lock::RowExclusive, Work::Scan)
            .mirror(Level::Plan, mirror)
            .instead(IN_BATCHES),
        true => Finding::new(code, format!("rows of {table} are {done}"))
            .locking(table, Lock::RowExclusive, Work::Moment)
            .mirror(Level::Safe, "they are in the log like any others"),
    }
}

/// Whether a condition may be one for few rows. `a IS NULL`, the condition of a backfill, is one for
/// all of them.
fn narrows(node: &Node) -> bool {
    match node.node.as_ref() {
        Some(NodeEnum::AExpr(expression)) => {
            let same = |side: &Option<Box<Node>>| {
                matches!(side.as_ref().and_then(|n| n.node.as_ref()), Some(NodeEnum::AConst(_)))
            };
            // 1 = 1.
            let is_constant = same(&expression.lexpr) && same(&expression.rexpr);
            let operator = names::parts(&expression.name).1;
            let is_distinct = expression.kind == protobuf::AExprKind::AexprDistinct as i32;
            !is_constant && !is_distinct && operator != "<>"
        }
        Some(NodeEnum::BoolExpr(expression)) => {
            match protobuf::BoolExprType::try_from(expression.boolop) {
                Ok(protobuf::BoolExprType::AndExpr) => expression.args.iter().any(narrows),
                Ok(protobuf::BoolExprType::OrExpr) => expression.args.iter().all(narrows),
                _ => false,
            }
        }
        Some(NodeEnum::SubLink(_) | NodeEnum::CurrentOfExpr(_) | NodeEnum::FuncCall(_)) => true,
        _ => false,
    }
}

pub(super) fn insert(insert: &InsertStmt, context: Context<'_>) -> Finding {
    let table = context.table(&insert.relation);
    Finding::new("insert", format!("rows are added to {table}"))
        .locking(&table, Lock::RowExclusive, Work::Moment)
        .mirror(Level::Safe, "they are in the log like any others")
}

pub(super) fn merge(merge: &MergeStmt, context: Context<'_>) -> Finding {
    let table = context.table(&merge.relation);
    Finding::new("merge", format!("rows are merged into {table}"))
        .locking(&table, Lock::RowExclusive, Work::Moment)
        .mirror(Level::Safe, "they are in the log like any others")
}

pub(super) fn copy(copy: &CopyStmt, context: Context<'_>) -> Finding {
    if !copy.is_from {
        return Finding::new("copy_out", "rows are read");
    }
    let table = context.table(&copy.relation);
    Finding::new("insert", format!("rows are copied into {table}"))
        .locking(&table, Lock::RowExclusive, Work::Moment)
        .mirror(Level::Safe, "they are in the log like any others")
}

/// A SELECT may call what moves a slot, or make a table (SELECT INTO).
pub(super) fn select(select: &SelectStmt, context: Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(relation) = select.into_clause.as_ref().and_then(|into| into.rel.clone()) {
        findings.push(create::filled(&context.table(&Some(relation.clone())), &relation, context));
    }
    let called = |nodes: &[Node]| -> Vec<Finding> {
        nodes.iter().filter_map(|node| called(node, context)).collect()
    };
    findings.extend(called(&select.target_list));
    findings.extend(called(&select.from_clause));
    if findings.is_empty() {
        findings.push(Finding::new("select", "rows are read"));
    }
    findings
}

fn called(node: &Node, context: Context<'_>) -> Option<Finding> {
    match node.node.as_ref()? {
        NodeEnum::ResTarget(target) => called(target.val.as_deref()?, context),
        // FROM f(…): a list of lists, of which the first item is the call.
        NodeEnum::RangeFunction(range) => {
            range.functions.iter().find_map(|node| called(node, context))
        }
        NodeEnum::List(list) => list.items.iter().find_map(|node| called(node, context)),
        NodeEnum::TypeCast(cast) => called(cast.arg.as_deref()?, context),
        NodeEnum::FuncCall(call) => slot(call, context),
        _ => None,
    }
}

/// Functions that take a slot, or what it has still to say, from its reader.
fn slot(call: &protobuf::FuncCall, context: Context<'_>) -> Option<Finding> {
    let (_, function) = names::parts(&call.funcname);
    let mirror = match function.as_str() {
        "pg_drop_replication_slot" => {
            "everything stops: what comes after its position is in nobody's hands, and each table has to be copied again"
        }
        "pg_replication_slot_advance"
        | "pg_logical_slot_get_changes"
        | "pg_logical_slot_get_binary_changes" => {
            "changes are taken away from Millrace: they are missing in the mirrors"
        }
        _ => return None,
    };
    let finding = Finding::new("slot", format!("{function} is called"));
    let slot = call.args.first().map(names::value).unwrap_or_default();
    let ours = context.against.map(|against| against.slot.as_str());
    if !slot.is_empty() && ours.is_some_and(|ours| ours != slot) {
        return Some(finding.mirror(Level::Safe, "the slot is not the one of this project"));
    }
    Some(finding.mirror(Level::Plan, mirror).instead("leave the slot to Millrace"))
}
