//! What is dropped or emptied.

use super::{Context, REMOVED};
use crate::finding::{Finding, Level, Lock, Touched, Work};
use model::{Mode, TableName};
use pg_query::protobuf::{DropBehavior, DropStmt, ObjectType, TruncateStmt};

pub(super) fn judge(drop: &DropStmt, context: Context<'_>) -> Vec<Finding> {
    let cascades = drop.behavior == DropBehavior::DropCascade as i32;
    let kind = ObjectType::try_from(drop.remove_type).unwrap_or(ObjectType::Undefined);
    let objects = context.tables(&drop.objects);
    let each = |one: &dyn Fn(&TableName) -> Finding| objects.iter().map(one).collect();
    match kind {
        ObjectType::ObjectTable => each(&|name| table(name, context)),
        ObjectType::ObjectIndex => each(&|name| index(name, drop.concurrent, context)),
        ObjectType::ObjectSchema => each(&|name| schema(&name.table, cascades)),
        ObjectType::ObjectPublication => {
            each(&|name| super::publication::dropped(&name.table, context))
        }
        ObjectType::ObjectTrigger | ObjectType::ObjectPolicy | ObjectType::ObjectRule => {
            drop.objects.iter().map(|object| on_table(object, context)).collect()
        }
        ObjectType::ObjectType | ObjectType::ObjectDomain if cascades => {
            each(&|name| cascade(&name.table).touching_all(context.columns_of(&name.table)))
        }
        ObjectType::ObjectExtension | ObjectType::ObjectFunction | ObjectType::ObjectSequence
            if cascades =>
        {
            each(&|name| cascade(&name.table))
        }
        _ => vec![Finding::new("drop_other", "no table is dropped")],
    }
}

fn table(table: &TableName, context: Context<'_>) -> Finding {
    let finding = Finding::new("drop_table", format!("table {table} is dropped")).locking(
        table,
        Lock::AccessExclusive,
        Work::Moment,
    );
    let others = context.catalog.all_referred(table);
    others
        .fold(finding, |finding, other| {
            finding.also_locking(other, Lock::AccessExclusive, Work::Moment)
        })
        .mirror(Level::Plan, REMOVED)
        .touching(Touched::Table(table.clone()))
        .instead("stop using it first; rename it, wait a release, and drop it then. Its rows in ClickHouse are yours to drop")
}

fn index(name: &TableName, concurrently: bool, context: Context<'_>) -> Finding {
    let finding = Finding::new("drop_index", format!("index {} is dropped", name.table));
    let finding = match (context.catalog.index(&name.table), concurrently) {
        (Some(table), false) => finding.locking(table, Lock::AccessExclusive, Work::Moment),
        (Some(table), true) => finding.locking(table, Lock::ShareUpdateExclusive, Work::Moment),
        (None, _) => finding,
    };
    let finding = finding.mirror(Level::Safe, "indexes are not mirrored, unless this one is the replica identity: then UPDATE and DELETE fail");
    match concurrently {
        true => finding,
        false => finding.instead("DROP INDEX CONCURRENTLY, which does not wait for an ACCESS EXCLUSIVE lock of the table"),
    }
}

fn schema(name: &str, cascades: bool) -> Finding {
    let finding = Finding::new("drop_schema", format!("schema {name} is dropped"));
    match cascades {
        true => finding
            .mirror(Level::Plan, format!("its tables go with it: {REMOVED}"))
            .touching(Touched::Schema(name.to_owned())),
        false => finding.mirror(Level::Safe, "an empty schema; with tables in it Postgres refuses"),
    }
}

/// DROP TRIGGER x ON t: the last name is the trigger's.
fn on_table(object: &pg_query::protobuf::Node, context: Context<'_>) -> Finding {
    let mut names = match &object.node {
        Some(pg_query::NodeEnum::List(list)) => crate::names::strings(&list.items),
        _ => Vec::new(),
    };
    let dropped = names.pop().unwrap_or_default();
    let table = names.pop().unwrap_or_default();
    let schema = names.pop().unwrap_or_else(|| context.catalog.schema.clone());
    let table = TableName::new(schema, table);
    Finding::new("drop_of_table", format!("{dropped} of {table} is dropped")).locking(
        &table,
        Lock::AccessExclusive,
        Work::Moment,
    )
}

fn cascade(name: &str) -> Finding {
    Finding::new("drop_cascade", format!("{name} is dropped with all that depends on it"))
        .mirror(Level::Plan, "columns of that type go with it: the views hide them")
        .instead("drop the columns by name first, so that nothing goes unseen")
}

pub(super) fn database() -> Finding {
    Finding::new("drop_database", "a database is dropped").mirror(
        Level::Plan,
        "if it is the source, everything stops; its slot has to be dropped before",
    )
}

pub(super) fn truncate(truncate: &TruncateStmt, context: Context<'_>) -> Vec<Finding> {
    let cascades = truncate.behavior == DropBehavior::DropCascade as i32;
    let one = |table: &TableName| {
        let finding = Finding::new("truncate", format!("table {table} is emptied"))
            // A new file, in which nothing is written.
            .locking(table, Lock::AccessExclusive, Work::Moment);
        if cascades {
            return finding
                .mirror(Level::Plan, "so are all tables that refer to it, and their mirrors")
                .instead("name every table that is meant");
        }
        finding.mirror(
            Level::Followed,
            match (context.mode(table), context.keeps_truncated(table)) {
                (_, true) => "the rows in ClickHouse are kept",
                (Mode::Mirror, false) => "the mirror is emptied at the same position of the log",
                (_, false) => "its rows in ClickHouse go at the same position of the log",
            },
        )
    };
    context.tables(&truncate.relations).iter().map(one).collect()
}
