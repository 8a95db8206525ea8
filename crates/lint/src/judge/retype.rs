//! A column of another type.

use super::{COPIED, COPIED_ANEW, Context};
use crate::finding::{Finding, Level, Lock, Work};
use crate::types::{Cost, Follows, Type, cost, follows};
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnDef, Node};

const ADDITIVE: &str = "add a column of the new type, write both, fill old rows in batches, read the new one, drop the old one a release later";

pub(super) fn judge(
    table: &TableName,
    name: &str,
    def: &ColumnDef,
    context: Context<'_>,
) -> Finding {
    let new = def.type_name.as_ref().map(Type::new);
    let Some(new) = new else {
        return Finding::new("type_change", format!("the type of {table}.{name} changes"));
    };
    let old = context.catalog.column(table, name).map(|column| column.ty.clone());
    let Some(old) = old else { return unknown(table, name, &new, context) };
    let is_computed = def.raw_default.as_deref().is_some_and(|using| !is_plain(using, name, &new));
    let what = format!("{table}.{name} changes from {old} to {new}");
    let finding = |work| {
        Finding::new("type_change", what.clone()).locking(table, Lock::AccessExclusive, work)
    };
    let finding = match cost(&old, &new) {
        _ if is_computed => finding(Work::Rewrite).instead(ADDITIVE),
        Cost::Nothing => finding(Work::Moment),
        Cost::Indexes if context.catalog.is_indexed(table, name) => {
            finding(Work::Scan).instead("drop the index first, and CREATE INDEX CONCURRENTLY afterwards")
        }
        Cost::Indexes => finding(Work::Moment),
        Cost::Rewrite => finding(Work::Rewrite).instead(ADDITIVE),
        Cost::ByTimeZone => finding(Work::Rewrite)
            .instead("SET timezone = 'UTC' in the same session, if the values are meant so: then no row is written"),
    };
    if context.is_excluded(table, name) {
        return finding.mirror(Level::Safe, "the configuration excludes it");
    }
    // Written anew in the same type it is read as before.
    let finding = match follows(&old, &new) {
        Follows::Same => finding,
        Follows::Widened | Follows::Copied => finding.touching_column(table, name),
    };
    // Postgres wrote every row anew: a USING may have changed any value, and the log has none of them.
    let is_rewritten = finding.locks.iter().any(|held| held.work == Work::Rewrite);
    match (follows(&old, &new), is_rewritten) {
        (Follows::Copied, _) => finding.mirror(Level::Plan, COPIED_ANEW),
        (_, true) => {
            finding.mirror(Level::Plan, format!("because Postgres writes its rows anew, {COPIED}"))
        }
        (Follows::Same, false) => {
            finding.mirror(Level::Safe, "the column of the mirror is of the same type")
        }
        (Follows::Widened, false) => finding.mirror(
            Level::Followed,
            "the column is widened in place: each old value is the same in the new type",
        ),
    }
}

/// Nobody told what it was: the worse case, and what would be the better one.
fn unknown(table: &TableName, name: &str, new: &Type, context: Context<'_>) -> Finding {
    let finding = Finding::new("type_change", format!("{table}.{name} becomes {new}"))
        .locking(table, Lock::AccessExclusive, Work::Rewrite)
        .instead(format!("{ADDITIVE}. (Tell what it is now with --schema: varchar to text, and other widenings, touch no row.)"));
    match context.is_excluded(table, name) {
        true => finding.mirror(Level::Safe, "the configuration excludes it"),
        false => finding.touching_column(table, name).mirror(
            Level::Plan,
            format!("unless ClickHouse's type is the same or a wider one, {COPIED_ANEW}"),
        ),
    }
}

/// `USING x`, `USING x::bigint`: what happens without it too.
fn is_plain(using: &Node, name: &str, new: &Type) -> bool {
    match &using.node {
        Some(NodeEnum::ColumnRef(column)) => {
            matches!(&column.fields[..], [only] if crate::names::text(only).as_deref() == Some(name))
        }
        Some(NodeEnum::TypeCast(cast)) => {
            cast.type_name.as_ref().map(Type::new).as_ref() == Some(new)
                && cast.arg.as_deref().is_some_and(|arg| is_plain(arg, name, new))
        }
        _ => false,
    }
}
