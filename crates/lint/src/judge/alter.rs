//! ALTER TABLE, a finding a command. The statement takes the strongest of their locks.

use super::{COPIED, COPIED_ANEW, Context, REMOVED, column, constraint, is, retype};
use crate::finding::{Finding, Level, Lock, Touched, Work};
use crate::names;
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType as Alter, ObjectType, PartitionCmd,
    ReplicaIdentityStmt,
};

pub(super) fn judge(alter: &AlterTableStmt, context: Context<'_>) -> Vec<Finding> {
    let table = context.table(&alter.relation);
    if is(alter.objtype, ObjectType::ObjectType) {
        return vec![composite(&table, context)];
    }
    if !is(alter.objtype, ObjectType::ObjectTable) {
        return vec![Finding::new("other", format!("{table} is no table"))];
    }
    let commands = alter.cmds.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(command)) => Some(command),
        _ => None,
    });
    commands.map(|command| one(&table, command, context)).collect()
}

fn one(table: &TableName, command: &AlterTableCmd, context: Context<'_>) -> Finding {
    let name = &command.name;
    let def = command.def.as_ref().and_then(|def| def.node.as_ref());
    let kind = Alter::try_from(command.subtype).unwrap_or(Alter::Undefined);
    let brief = |code, what: String| {
        Finding::new(code, what).locking(table, Lock::AccessExclusive, Work::Moment)
    };
    let light = |code, what: String| {
        Finding::new(code, what).locking(table, Lock::ShareUpdateExclusive, Work::Moment)
    };
    let rewrite = |code, what: String| {
        Finding::new(code, what).locking(table, Lock::AccessExclusive, Work::Rewrite)
    };
    match (kind, def) {
        (Alter::AtAddColumn, Some(NodeEnum::ColumnDef(def))) => column::add(table, def, context),
        (Alter::AtDropColumn, _) => column::drop(table, name, context),
        (Alter::AtAlterColumnType, Some(NodeEnum::ColumnDef(def))) => {
            retype::judge(table, name, def, context)
        }
        (Alter::AtAddConstraint, Some(NodeEnum::Constraint(made))) => {
            constraint::add(table, made, context)
        }
        (Alter::AtSetNotNull, _) => constraint::set_not_null(table, name, context),
        (Alter::AtDropNotNull, _) => {
            brief("drop_not_null", format!("{table}.{name} may be NULL from now on"))
                .touching_column(table, name)
                .mirror(Level::Followed, "the column becomes Nullable")
        }
        (Alter::AtDropConstraint, _) => constraint::drop(table, name, context),
        (Alter::AtValidateConstraint, _) => {
            Finding::new("validate_constraint", format!("constraint {name} of {table} is checked"))
                .locking(table, Lock::ShareUpdateExclusive, Work::Scan)
        }
        (Alter::AtColumnDefault, _) => {
            brief("set_default", format!("the default of {table}.{name} changes"))
                .mirror(Level::Safe, "new rows carry their own values; old ones do not change")
        }
        (Alter::AtSetExpression, _) => {
            let finding =
                rewrite("set_expression", format!("{table}.{name} is computed anew in each row"))
                    .mirror(Level::Plan, format!("the new values are not in the log; {COPIED}"));
            match context.is_excluded(table, name) {
                true => finding,
                false => finding.touching_column(table, name),
            }
        }
        (Alter::AtDropExpression, _) => {
            brief("drop_expression", format!("{table}.{name} is no generated column any more"))
                .mirror(Level::Plan, format!("if it was not sent before, {COPIED}"))
        }
        (Alter::AtSetLogged, _) => {
            rewrite("set_logged", format!("{table} is in the log from now on"))
                .mirror(Level::Followed, "if it is published, it is copied and streamed")
        }
        (Alter::AtSetUnLogged, _) => rewrite("set_unlogged", format!("{table} leaves the log"))
            .touching(Touched::Table(table.clone()))
            .mirror(
                Level::Plan,
                format!("{REMOVED} (Postgres refuses this for a table that is published by name)"),
            ),
        (Alter::AtSetAccessMethod, _) => {
            rewrite("set_access_method", format!("{table} is stored in another way"))
        }
        (Alter::AtSetTableSpace, _) => {
            rewrite("set_tablespace", format!("{table} moves to another tablespace"))
        }
        (Alter::AtReplicaIdentity, Some(NodeEnum::ReplicaIdentityStmt(identity))) => {
            replica_identity(table, identity)
        }
        (Alter::AtAttachPartition, Some(NodeEnum::PartitionCmd(part))) => {
            attach(table, part, context)
        }
        (Alter::AtDetachPartition, Some(NodeEnum::PartitionCmd(part))) => {
            detach(table, part, context)
        }
        (Alter::AtAddInherit | Alter::AtDropInherit, Some(NodeEnum::RangeVar(parent))) => {
            let parent = names::table(parent, &context.catalog.schema);
            brief("inherit", format!("the inheritance of {table} from {parent} changes"))
                .also_locking(&parent, Lock::ShareUpdateExclusive, Work::Moment)
                .mirror(
                    Level::Safe,
                    "a mirror holds the rows of its own table, not those of children",
                )
        }
        (Alter::AtEnableRowSecurity | Alter::AtForceRowSecurity, _) => {
            brief("row_security", format!("row policies apply to {table}"))
                .mirror(
                    Level::Followed,
                    "the stream goes on; a copy is refused unless Millrace's role may pass them by",
                )
                .instead("ALTER ROLE … BYPASSRLS for Millrace's role")
        }
        (
            Alter::AtSetStatistics
            | Alter::AtSetOptions
            | Alter::AtResetOptions
            | Alter::AtClusterOn
            | Alter::AtDropCluster
            | Alter::AtSetRelOptions
            | Alter::AtResetRelOptions,
            _,
        ) => light("table_options", format!("a setting of {table} changes")),
        (
            Alter::AtEnableTrig
            | Alter::AtEnableAlwaysTrig
            | Alter::AtEnableReplicaTrig
            | Alter::AtDisableTrig
            | Alter::AtEnableTrigAll
            | Alter::AtDisableTrigAll
            | Alter::AtEnableTrigUser
            | Alter::AtDisableTrigUser,
            _,
        ) => Finding::new("trigger", format!("triggers of {table} are switched")).locking(
            table,
            Lock::ShareRowExclusive,
            Work::Moment,
        ),
        _ => brief("table_property", format!("a property of {table} changes")),
    }
}

fn replica_identity(table: &TableName, identity: &ReplicaIdentityStmt) -> Finding {
    let finding = |what: &str| {
        Finding::new("replica_identity", format!("{table}: {what}")).locking(
            table,
            Lock::AccessExclusive,
            Work::Moment,
        )
    };
    match identity.identity_type.as_str() {
        "f" => finding("the log names old rows by all of their columns").mirror(
            Level::Followed,
            "nothing changes, except that each UPDATE and DELETE writes more log",
        ),
        "n" => finding("the log does not name old rows any more")
            .mirror(Level::Plan, "Postgres refuses UPDATE and DELETE of a published table without an identity, or they are missing in the mirror")
            .instead("leave it at DEFAULT with a primary key, or FULL"),
        "i" => finding("the log names old rows by another index")
            .mirror(Level::Plan, format!("the key of the mirror is another; {COPIED_ANEW}")),
        _ => finding("the log names old rows by the primary key").mirror(
            Level::Followed,
            "as it was before, unless the identity was another index: then the table is copied again",
        ),
    }
}

fn attach(root: &TableName, part: &PartitionCmd, context: Context<'_>) -> Finding {
    let leaf = context.table(&part.name);
    // Empty, and nobody waits for it.
    let is_new = context.catalog.is_new(&leaf);
    let finding = Finding::new("attach_partition", format!("{leaf} becomes a partition of {root}"))
        .locking(root, Lock::ShareUpdateExclusive, Work::Moment);
    if is_new {
        return finding.mirror(Level::Followed, "its rows are the root's from now on");
    }
    finding
        .also_locking(&leaf, Lock::AccessExclusive, Work::Scan)
        .mirror(Level::Plan, format!("rows that it holds already are in no log as the root's: `millrace resync '{root}'` afterwards"))
        .instead("attach an empty table and fill it then; a validated CHECK of the partition's bounds saves the scan")
}

fn detach(root: &TableName, part: &PartitionCmd, context: Context<'_>) -> Finding {
    let leaf = context.table(&part.name);
    let finding = Finding::new("detach_partition", format!("{leaf} leaves {root}"));
    let finding = match part.concurrent {
        true => finding.locking(root, Lock::ShareUpdateExclusive, Work::Moment),
        false => finding
            .locking(root, Lock::AccessExclusive, Work::Moment)
            .also_locking(&leaf, Lock::AccessExclusive, Work::Moment)
            .instead(
                "DETACH PARTITION … CONCURRENTLY, which lets readers and writers of the root go on",
            ),
    };
    finding.mirror(
        Level::Plan,
        format!(
            "the log has no DELETEs for it: its rows stay in the mirror of {root} until a resync"
        ),
    )
}

fn composite(table: &TableName, context: Context<'_>) -> Finding {
    Finding::new("composite_type", format!("the fields of composite type {table} change"))
        .touching_all(context.columns_of(&table.table))
        .mirror(Level::Plan, "columns of that type are kept as text with the fields in it; old rows show the old ones until a resync")
        .instead("make a new type and a new column of it")
}
