//! Enums and domains: types whose values change without a row being written.

use super::Context;
use crate::finding::{Finding, Level};
use crate::names;
use pg_query::protobuf::{AlterDomainStmt, AlterEnumStmt};

pub(super) fn alter_enum(alter: &AlterEnumStmt, context: Context<'_>) -> Finding {
    let (_, name) = names::parts(&alter.type_name);
    if alter.old_val.is_empty() {
        return Finding::new("enum_add_value", format!("enum {name} gets a value"))
            .mirror(Level::Safe, "labels are kept as text, so a new one needs nothing");
    }
    Finding::new("enum_rename_value", format!("a value of enum {name} is renamed"))
        .touching_all(context.columns_of(&name))
        .mirror(Level::Plan, "old rows show the old label, because none of them is written: `millrace resync` the tables that have it")
        .instead("add the new value, write it, update old rows in batches (those are in the log)")
}

pub(super) fn domain(alter: &AlterDomainStmt) -> Finding {
    let (_, name) = names::parts(&alter.type_name);
    // T default, N drop NOT NULL, O set NOT NULL, C add, X drop, V validate.
    match alter.subtype.as_str() {
        "C" if !is_not_valid(alter) => {
            Finding::new("domain_check", format!("every value of domain {name} is checked"))
                .mirror(
                    Level::Plan,
                    "nothing changes; writers of every table with the domain wait meanwhile",
                )
                .instead("ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT")
        }
        "O" => Finding::new("domain_not_null", format!("no value of domain {name} may be NULL"))
            .mirror(
                Level::Plan,
                "nothing changes; every table with the domain is read while its writers wait",
            ),
        _ => Finding::new("alter_domain", format!("domain {name} changes")),
    }
}

fn is_not_valid(alter: &AlterDomainStmt) -> bool {
    match alter.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(pg_query::NodeEnum::Constraint(made)) => made.skip_validation,
        _ => false,
    }
}
