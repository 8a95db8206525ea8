//! Columns that come and go.

use super::{COPIED, COPIED_ANEW, Context};
use crate::catalog::{Made, constraints};
use crate::finding::{Finding, Level, Lock, Work};
use crate::types::Type;
use crate::volatile::volatile;
use model::{Mode, TableName};
use pg_query::protobuf::{ColumnDef, ConstrType};

const UNTIL_THEN: &str = "add the column without a default, set the default in a statement of its own, and fill old rows in batches";

pub(super) fn add(table: &TableName, def: &ColumnDef, context: Context<'_>) -> Finding {
    let name = &def.colname;
    let column = Added::new(def, context);
    let what = |how: String| format!("column {name} is added to {table}{how}");
    let finding = |code, how: String, work| {
        Finding::new(code, what(how)).locking(table, Lock::AccessExclusive, work)
    };
    let copied = |why: &str| format!("{why} written to no log; {COPIED}");
    let made = if let Some(kind) = column.generated {
        match kind {
            Generated::Virtual => finding("add_virtual_column", ", computed by each query".into(), Work::Moment)
                .mirror(Level::Safe, "the log never has it, and the mirror goes on without it"),
            Generated::Stored => finding("add_generated_column", ", computed for each row".into(), Work::Rewrite)
                .mirror(Level::Plan, format!("where the publication sends generated columns (18), the values of old rows are in no log: {COPIED}"))
                .instead("an ordinary column, a trigger that fills it, and old rows in batches; or compute it in ClickHouse"),
        }
    } else if column.is_identity || column.ty.as_ref().is_some_and(Type::is_serial) {
        finding("add_serial_column", ", numbered for each row".into(), Work::Rewrite)
            .mirror(Level::Plan, copied("the numbers of old rows are"))
            .instead(UNTIL_THEN)
    } else if let Some(function) = &column.volatile {
        finding(
            "add_column_volatile_default",
            format!(", its default is {function}"),
            Work::Rewrite,
        )
        .mirror(Level::Plan, copied("what it gives to old rows is"))
        .instead(UNTIL_THEN)
    } else if column.is_checked_domain {
        finding("add_column_domain", ", of a domain with a check".into(), Work::Rewrite)
            .mirror(Level::Followed, "old rows show NULL or the default, as in Postgres")
            .instead(
                "the base type, and the check as a constraint: NOT VALID, then VALIDATE CONSTRAINT",
            )
    } else if column.not_null && !column.has_default {
        finding("add_column_not_null", ", NOT NULL without a default".into(), Work::Scan)
            .mirror(Level::Plan, "Postgres refuses it as soon as the table has a row")
            .instead("give it a constant default, or add it without NOT NULL and set that when it is filled")
    } else if column.has_default {
        let work = if column.is_checked { Work::Scan } else { Work::Moment };
        finding("add_column_default", " with a default".into(), work)
            .mirror(Level::Followed, "old rows show the default, as in Postgres, without a copy")
    } else {
        let work = if column.is_checked { Work::Scan } else { Work::Moment };
        finding("add_column", String::new(), work)
            .mirror(Level::Followed, "old rows show NULL, as in Postgres")
    };
    constrained(made, table, &column, context)
}

/// What is written behind the type comes with the column.
fn constrained(
    mut made: Finding,
    table: &TableName,
    column: &Added<'_>,
    context: Context<'_>,
) -> Finding {
    if column.is_key {
        made.code = "add_key_column";
        let key = format!("the key of the mirror is another; {COPIED_ANEW}");
        return made
            .also_locking(table, Lock::AccessExclusive, Work::Scan)
            .mirror(Level::Plan, key)
            .instead("add the column, fill it, CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX");
    }
    if column.is_unique {
        made = made
            .also_locking(table, Lock::AccessExclusive, Work::Scan)
            .instead("add the column alone, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX");
    } else if column.is_checked {
        made = made
            .instead("add the column alone, then the CHECK as NOT VALID, then VALIDATE CONSTRAINT");
    }
    if let Some(other) = column.references {
        made = made.also_locking(
            &context.table(&Some(other.clone())),
            Lock::ShareRowExclusive,
            Work::Moment,
        );
        // Only values that are there have to be looked up.
        if column.has_default {
            made = made.also_locking(table, Lock::AccessExclusive, Work::Scan).instead(
                "add the column alone, then the foreign key as NOT VALID, then VALIDATE CONSTRAINT",
            );
        }
    }
    made
}

#[derive(Clone, Copy)]
enum Generated {
    Stored,
    Virtual,
}

/// What a column's definition says, wherever it says it.
struct Added<'a> {
    ty: Option<Type>,
    generated: Option<Generated>,
    is_identity: bool,
    has_default: bool,
    /// What makes the default another one in each row.
    volatile: Option<String>,
    not_null: bool,
    is_checked: bool,
    is_unique: bool,
    is_key: bool,
    is_checked_domain: bool,
    references: Option<&'a pg_query::protobuf::RangeVar>,
}

impl<'a> Added<'a> {
    fn new(def: &'a ColumnDef, context: Context<'_>) -> Added<'a> {
        let ty = def.type_name.as_ref().map(Type::new);
        let made = ty.as_ref().and_then(|ty| context.catalog.made(&ty.name));
        let mut added = Added {
            is_checked_domain: matches!(made, Some(Made::Domain { is_checked: true })),
            ty,
            generated: None,
            is_identity: false,
            has_default: false,
            volatile: None,
            not_null: false,
            is_checked: false,
            is_unique: false,
            is_key: false,
            references: None,
        };
        for made in constraints(&def.constraints) {
            match ConstrType::try_from(made.contype).unwrap_or(ConstrType::Undefined) {
                ConstrType::ConstrNotnull => added.not_null = true,
                ConstrType::ConstrIdentity => added.is_identity = true,
                ConstrType::ConstrGenerated => {
                    let is_virtual = made.generated_kind == "v";
                    added.generated =
                        Some(if is_virtual { Generated::Virtual } else { Generated::Stored });
                }
                ConstrType::ConstrDefault => {
                    let expression = made.raw_expr.as_deref();
                    added.has_default = expression.is_some_and(|node| !is_null(node));
                    added.volatile = expression.and_then(|node| volatile(node, context.catalog));
                }
                ConstrType::ConstrCheck => added.is_checked = true,
                ConstrType::ConstrUnique => added.is_unique = true,
                ConstrType::ConstrPrimary => added.is_key = true,
                ConstrType::ConstrForeign => added.references = made.pktable.as_ref(),
                _ => {}
            }
        }
        added
    }
}

fn is_null(node: &pg_query::protobuf::Node) -> bool {
    match &node.node {
        Some(pg_query::NodeEnum::AConst(constant)) => constant.isnull,
        Some(pg_query::NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_null),
        _ => false,
    }
}

pub(super) fn drop(table: &TableName, name: &str, context: Context<'_>) -> Finding {
    let finding = Finding::new("drop_column", format!("column {name} of {table} is dropped"))
        .locking(table, Lock::AccessExclusive, Work::Moment);
    if context.is_excluded(table, name) {
        return finding.mirror(Level::Safe, "the configuration excludes it already");
    }
    let finding = finding.touching_column(table, name);
    if let Some(setting) = context.setting_of(table, name) {
        return finding
            .mirror(Level::Plan, format!("{setting} names it"))
            .instead("change millrace.toml first, and drop the column afterwards");
    }
    let mirror = match context.mode(table) {
        Mode::Mirror => {
            "the view hides it, and what it held is kept; queries that name it fail (if it is part of the key, the table is copied again)"
        }
        Mode::Append | Mode::History => "the column stays, and new rows have its default",
    };
    finding.mirror(Level::Followed, mirror).instead(
        "stop reading it first, in the app and in queries on ClickHouse; drop it a release later",
    )
}
