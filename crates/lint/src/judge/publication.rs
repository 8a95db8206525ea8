//! The way of the log itself: publications, slots, settings, roles.

use super::{Context, REMOVED};
use crate::catalog::publication::{schemas, tables};
use crate::finding::{Finding, Level, Lock, Touched, Work};
use crate::names;
use model::TableName;
use pg_query::protobuf::{
    AlterPublicationAction as Action, AlterPublicationStmt, AlterRoleStmt, AlterSystemStmt,
    CreatePublicationStmt, ObjectType, RenameStmt,
};

pub(super) fn create(create: &CreatePublicationStmt, context: Context<'_>) -> Finding {
    let finding =
        Finding::new("create_publication", format!("publication {} is created", create.pubname));
    if create.for_all_tables {
        return finding
            .mirror(Level::Followed, "every table is published, and Postgres refuses UPDATE and DELETE of those without a primary key from then on")
            .instead("`millrace check` lists them");
    }
    tables(&create.pubobjects, &context.catalog.schema).iter().fold(finding, |finding, table| {
        finding.also_locking(table, Lock::ShareUpdateExclusive, Work::Moment)
    })
}

/// Somebody else's publication is nobody's business here, as far as we know whose is ours.
fn is_others(name: &str, context: Context<'_>) -> bool {
    context.against.is_some_and(|against| against.publication != name)
}

pub(super) fn alter(alter: &AlterPublicationStmt, context: Context<'_>) -> Vec<Finding> {
    let name = &alter.pubname;
    let whole =
        |what: &str| Finding::new("alter_publication", format!("publication {name}: {what}"));
    if is_others(name, context) {
        return vec![whole("it is not the one of this project")];
    }
    if !alter.options.is_empty() {
        return vec![options(alter, whole)];
    }
    let named = tables(&alter.pubobjects, &context.catalog.schema);
    let of_schemas = schemas(&alter.pubobjects, &context.catalog.schema);
    let action = Action::try_from(alter.action);
    let loses = |touched| (action == Ok(Action::ApDropObjects)).then_some(touched);
    let each = |code, what: &str, level, mirror: &str| -> Vec<Finding> {
        let one = |table: &TableName| {
            Finding::new(code, format!("publication {name}: {what} {table}"))
                .locking(table, Lock::ShareUpdateExclusive, Work::Moment)
                .touching_all(loses(Touched::Table(table.clone())))
                .mirror(level, mirror)
        };
        let of_schema = |schema: &String| {
            whole(&format!("{what} the tables of schema {schema}"))
                .touching_all(loses(Touched::Schema(schema.clone())))
                .mirror(level, mirror)
        };
        named.iter().map(one).chain(of_schemas.iter().map(of_schema)).collect()
    };
    match action {
        Ok(Action::ApDropObjects) => each(
            "publication_drops_table",
            "it does not send any more:",
            Level::Plan,
            REMOVED,
        ),
        Ok(Action::ApSetObjects) => vec![
            whole("it sends other tables")
                .touching_all(not_named(alter, context))
                .mirror(Level::Plan, "tables that are not named become `removed` with their rows kept; new ones are copied and streamed")
                .instead("ADD TABLE and DROP TABLE say one thing each"),
        ],
        _ => each(
            "publication_adds_table",
            "it sends as well:",
            Level::Followed,
            "copied and streamed",
        ),
    }
}

/// The tables that SET leaves out: by name, where it is known what was sent.
fn not_named(alter: &AlterPublicationStmt, context: Context<'_>) -> Vec<Touched> {
    let schema = &context.catalog.schema;
    match context.catalog.lost(alter) {
        Some(lost) => {
            let read = lost.into_iter().filter(|table| context.is_read(table));
            read.map(|table| Touched::Table(table.clone())).collect()
        }
        None => vec![Touched::AllBut {
            tables: tables(&alter.pubobjects, schema),
            schemas: schemas(&alter.pubobjects, schema),
        }],
    }
}

fn options(alter: &AlterPublicationStmt, whole: impl Fn(&str) -> Finding) -> Finding {
    let publish = names::option(&alter.options, "publish");
    let all = ["insert", "update", "delete", "truncate"];
    let lacks = |list: &String| all.iter().any(|word| !list.contains(word));
    if publish.as_ref().is_some_and(lacks) {
        return whole("some changes are not sent any more")
            .mirror(Level::Plan, "the mirrors go on showing what these changes would have changed")
            .instead("publish = 'insert, update, delete, truncate'");
    }
    if names::option(&alter.options, "publish_via_partition_root").is_some() {
        return whole("partitions are sent in another way").mirror(
            Level::Plan,
            "other tables are mirrored: the roots, or each partition; they are copied",
        );
    }
    whole("an option changes").mirror(
        Level::Plan,
        "columns that are sent from now on have no values in old rows: `millrace resync` their tables",
    )
}

pub(super) fn dropped(name: &str, context: Context<'_>) -> Finding {
    let finding = Finding::new("drop_publication", format!("publication {name} is dropped"));
    if is_others(name, context) {
        return finding.mirror(Level::Safe, "it is not the one of this project");
    }
    finding
        .mirror(Level::Plan, "everything stops: the slot cannot be read without it, not even where it is made again later")
        .instead("ALTER PUBLICATION … DROP TABLE for what shall stop")
}

pub(super) fn renamed(rename: &RenameStmt) -> Finding {
    let (old, new) = (&rename.subname, &rename.newname);
    let kind = match ObjectType::try_from(rename.rename_type) {
        Ok(ObjectType::ObjectPublication) => "publication",
        Ok(ObjectType::ObjectRole) => "role",
        _ => "database",
    };
    Finding::new("rename_source", format!("{kind} {old} is renamed to {new}"))
        .mirror(
            Level::Plan,
            "if millrace.toml names it, everything stops until it names the new one",
        )
        .instead("change millrace.toml in the same step")
}

pub(super) fn setting(alter: &AlterSystemStmt) -> Finding {
    let name = alter.setstmt.as_ref().map_or("", |set| set.name.as_str());
    let finding = Finding::new("alter_system", format!("the server's setting {name} changes"));
    match name {
        "wal_level"
        | "max_replication_slots"
        | "max_wal_senders"
        | "max_slot_wal_keep_size"
        | "idle_replication_slot_timeout"
        | "wal_sender_timeout"
        | "" => finding
            .mirror(Level::Plan, "the slot depends on it")
            .instead("`millrace check` afterwards"),
        _ => finding,
    }
}

pub(super) fn role(alter: &AlterRoleStmt) -> Finding {
    let finding = Finding::new("alter_role", "a role changes");
    let is_off = |name| names::option(&alter.options, name).is_some_and(|on| on == "false");
    match is_off("isreplication") || is_off("canlogin") {
        true => finding.mirror(Level::Plan, "if it is Millrace's role, everything stops"),
        false => finding,
    }
}
