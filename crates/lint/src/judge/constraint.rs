//! What a table's rows must be like. The mirror does not check it; the lock queue feels it.

use super::{COPIED_ANEW, Context};
use crate::finding::{Finding, Level, Lock, Work};
use crate::names;
use model::TableName;
use pg_query::protobuf::{ConstrType, Constraint};

pub(super) fn add(table: &TableName, made: &Constraint, context: Context<'_>) -> Finding {
    let kind = ConstrType::try_from(made.contype).unwrap_or(ConstrType::Undefined);
    let over_index = !made.indexname.is_empty();
    match kind {
        ConstrType::ConstrCheck => check(table, made.skip_validation),
        ConstrType::ConstrNotnull => {
            let column = made.keys.first().and_then(names::text).unwrap_or_default();
            match made.skip_validation {
                true => Finding::new(
                    "not_null_not_valid",
                    format!("new values of {table}.{column} may not be NULL"),
                )
                .locking(table, Lock::AccessExclusive, Work::Moment)
                .mirror(Level::Safe, "the column stays Nullable"),
                false => set_not_null(table, &column, context),
            }
        }
        ConstrType::ConstrForeign => foreign(table, made, context),
        ConstrType::ConstrPrimary => primary(table, over_index),
        ConstrType::ConstrUnique => unique(table, over_index),
        ConstrType::ConstrExclusion => Finding::new(
            "add_exclusion",
            format!("an exclusion constraint is added to {table}"),
        )
        .locking(table, Lock::AccessExclusive, Work::Scan)
        .instead("an exclusion constraint has no NOT VALID: choose the hour, with a lock_timeout"),
        _ => Finding::new("add_constraint", format!("a constraint is added to {table}")).locking(
            table,
            Lock::AccessExclusive,
            Work::Moment,
        ),
    }
}

fn check(table: &TableName, not_valid: bool) -> Finding {
    match not_valid {
        true => Finding::new("add_check_not_valid", format!("new rows of {table} are checked"))
            .locking(table, Lock::AccessExclusive, Work::Moment),
        false => Finding::new("add_check", format!("every row of {table} is checked"))
            .locking(table, Lock::AccessExclusive, Work::Scan)
            .instead("ADD CONSTRAINT … CHECK (…) NOT VALID, then, in a transaction of its own, VALIDATE CONSTRAINT"),
    }
}

fn foreign(table: &TableName, made: &Constraint, context: Context<'_>) -> Finding {
    let other = context.table(&made.pktable);
    let (code, work) = match made.skip_validation {
        true => ("add_foreign_key_not_valid", Work::Moment),
        false => ("add_foreign_key", Work::Scan),
    };
    let finding = Finding::new(code, format!("{table} refers to {other}"))
        .locking(table, Lock::ShareRowExclusive, work)
        .also_locking(&other, Lock::ShareRowExclusive, work);
    match made.skip_validation {
        true => finding,
        false => finding.instead("ADD CONSTRAINT … FOREIGN KEY … NOT VALID, then, in a transaction of its own, VALIDATE CONSTRAINT"),
    }
}

fn primary(table: &TableName, over_index: bool) -> Finding {
    let work = if over_index { Work::Moment } else { Work::Scan };
    let finding = Finding::new("add_primary_key", format!("{table} gets a primary key"))
        .locking(table, Lock::AccessExclusive, work)
        .mirror(Level::Plan, format!("the key tells rows apart and orders them: {COPIED_ANEW}"));
    match over_index {
        // Columns that may be NULL are looked at.
        true => finding.instead("SET NOT NULL on its columns first, or every row is read under the lock; then choose the hour of the copy"),
        false => finding.instead("CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX; then choose the hour of the copy"),
    }
}

fn unique(table: &TableName, over_index: bool) -> Finding {
    match over_index {
        true => Finding::new("add_unique", format!("an index of {table} becomes a constraint"))
            .locking(table, Lock::AccessExclusive, Work::Moment),
        false => Finding::new("add_unique", format!("{table} gets a unique index"))
            .locking(table, Lock::AccessExclusive, Work::Scan)
            .instead("CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX"),
    }
}

pub(super) fn set_not_null(table: &TableName, column: &str, context: Context<'_>) -> Finding {
    let is_known = context.catalog.is_never_null(table, column);
    let work = if is_known { Work::Moment } else { Work::Scan };
    let finding = Finding::new("set_not_null", format!("{table}.{column} may not be NULL"))
        .locking(table, Lock::AccessExclusive, work)
        .mirror(Level::Safe, "the column stays Nullable until the table is copied again");
    match is_known {
        true => finding,
        false => finding.instead(format!(
            "ADD CONSTRAINT … CHECK ({column} IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT, then SET NOT NULL, which reads nothing then"
        )),
    }
}

pub(super) fn drop(table: &TableName, name: &str, context: Context<'_>) -> Finding {
    let finding =
        Finding::new("drop_constraint", format!("constraint {name} of {table} is dropped"))
            .locking(table, Lock::AccessExclusive, Work::Moment);
    let finding = match context.catalog.referred(table, name) {
        Some(other) => finding.also_locking(other, Lock::AccessExclusive, Work::Moment),
        None => finding,
    };
    // Nothing but its name tells what it is, and that name is Postgres's own.
    match name.ends_with("_pkey") {
        true => finding
            .mirror(Level::Plan, "without a key Postgres refuses UPDATE and DELETE of a published table, and the mirror stops")
            .instead("add the new key in the same transaction, or REPLICA IDENTITY USING INDEX before"),
        false => finding,
    }
}
