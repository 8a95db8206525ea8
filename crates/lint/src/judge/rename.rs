//! Names that change. The mirror has the source's names, so whoever reads it must follow.

use super::{Context, is};
use crate::finding::{Finding, Level, Lock, Touched, Work};
use model::TableName;
use pg_query::protobuf::{AlterObjectSchemaStmt, ObjectType, RenameStmt};

pub(super) fn judge(rename: &RenameStmt, context: Context<'_>) -> Finding {
    let table = context.table(&rename.relation);
    let new = &rename.newname;
    let locked = |code, what: String| {
        Finding::new(code, what).locking(&table, Lock::AccessExclusive, Work::Moment)
    };
    match ObjectType::try_from(rename.rename_type).unwrap_or(ObjectType::Undefined) {
        ObjectType::ObjectColumn if is(rename.relation_type, ObjectType::ObjectTable) => {
            column(&table, &rename.subname, new, context)
        }
        ObjectType::ObjectTable => {
            let finding = locked("rename_table", format!("table {table} is renamed to {new}"));
            renamed(finding, &table, context)
        }
        ObjectType::ObjectTabconstraint => {
            locked("rename_constraint", format!("a constraint of {table} is renamed"))
        }
        ObjectType::ObjectSchema => {
            Finding::new("rename_schema", format!("schema {} is renamed to {new}", rename.subname))
                .touching(Touched::Schema(rename.subname.clone()))
                .mirror(Level::Followed, "its tables move into the database of the new name, with their rows; queries that name the old one must follow")
                .instead("change dbt models and dashboards in the same step")
        }
        ObjectType::ObjectAttribute => {
            Finding::new("composite_type", format!("field {} becomes {new}", rename.subname))
                .touching_all(context.columns_of(&table.table))
                .mirror(Level::Plan, "columns of that type are kept as text with the fields in it; old rows show the old name until a resync")
        }
        ObjectType::ObjectPublication | ObjectType::ObjectRole | ObjectType::ObjectDatabase => {
            super::publication::renamed(rename)
        }
        ObjectType::ObjectTrigger | ObjectType::ObjectRule | ObjectType::ObjectPolicy => {
            locked("rename_of_table", format!("{} of {table} is renamed", rename.subname))
        }
        _ => Finding::new("rename_other", format!("{new} is a new name of what is no table")),
    }
}

fn column(table: &TableName, old: &str, new: &str, context: Context<'_>) -> Finding {
    let finding = Finding::new("rename_column", format!("column {old} of {table} becomes {new}"))
        .locking(table, Lock::AccessExclusive, Work::Moment);
    let finding = match context.is_excluded(table, old) {
        true => finding,
        false => finding.touching_column(table, old),
    };
    if let Some(setting) = context.setting_of(table, old) {
        return finding
            .mirror(Level::Plan, format!("{setting} names it by the old name"))
            .instead("change millrace.toml in the same step");
    }
    finding
        .mirror(Level::Followed, "the column is renamed; queries that name it must follow (one of the key: the table is copied again in another shape)")
        .instead("add the new column, write both, fill old rows in batches, read the new one, drop the old one a release later")
}

fn renamed(finding: Finding, table: &TableName, context: Context<'_>) -> Finding {
    let finding = finding.touching(Touched::Table(table.clone()));
    if context.options(table).is_some() {
        return finding
            .mirror(Level::Followed, format!("it moves with its rows, and [tables.\"{table}\"] goes on to hold for it until there is a section of the new name"))
            .instead("name the section in millrace.toml by the new name after the migration; change queries on ClickHouse in the same step");
    }
    finding
        .mirror(Level::Followed, "it moves with its rows; queries that name the old one must follow")
        .instead("change queries on ClickHouse in the same step; a view of the old name lets the app follow later, but it is not mirrored")
}

/// SET SCHEMA.
pub(super) fn moved(alter: &AlterObjectSchemaStmt, context: Context<'_>) -> Finding {
    let table = context.table(&alter.relation);
    if !is(alter.object_type, ObjectType::ObjectTable) {
        return Finding::new("rename_other", "no table moves");
    }
    let what = format!("table {table} moves to schema {}", alter.newschema);
    let finding =
        Finding::new("set_schema", what).locking(&table, Lock::AccessExclusive, Work::Moment);
    renamed(finding, &table, context)
}
