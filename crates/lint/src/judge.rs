//! A statement's findings: one a change that it makes.
//!
//! ```text
//! tree ─▶ judge ─┬─▶ alter       ALTER TABLE: column, retype, constraint
//!                ├─▶ create      tables, and what becomes one
//!                ├─▶ remove      DROP, TRUNCATE
//!                ├─▶ rename      tables, columns, schemas
//!                ├─▶ upkeep      indexes, VACUUM, CLUSTER, REINDEX
//!                ├─▶ publication publications, slots, server settings
//!                ├─▶ values      enums, composites, domains
//!                ├─▶ rows        UPDATE, DELETE, INSERT, COPY, SELECT with a side effect
//!                └─▶ body        DO blocks
//! ```
//!
//! What is said of locks and rewrites is what a real server does: `tests/it/claims.rs` runs each kind
//! of statement and compares. What is said of the mirror is what `flow` does.

mod alter;
mod body;
mod column;
mod constraint;
mod create;
mod publication;
mod remove;
mod rename;
mod retype;
mod rows;
mod upkeep;
mod values;

use crate::catalog::{Catalog, Kept};
use crate::finding::{Finding, Level, Lock, Touched, Work};
use crate::names;
use crate::{Against, DEFAULT_PUBLICATION};
use model::{Mode, OnUpdate, TableName};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, ObjectType, RangeVar};

/// What is known while a statement is judged.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) against: Option<&'a Against>,
}

/// A copy begins by itself, and nobody sees a gap (docs/schema-changes.md).
const COPIED: &str = "the table is copied again in place, and serves meanwhile";
const COPIED_ANEW: &str =
    "the table is copied again in another shape; its rows of before serve until that is done";
/// What becomes of a table that is not sent any more.
const REMOVED: &str = "its state becomes `removed`: its rows stay as they are, and are served";

impl Context<'_> {
    fn table(&self, relation: &Option<RangeVar>) -> TableName {
        let schema = &self.catalog.schema;
        relation.as_ref().map_or_else(|| TableName::new("", ""), |it| names::table(it, schema))
    }

    fn tables(&self, nodes: &[Node]) -> Vec<TableName> {
        nodes.iter().filter_map(|node| names::listed(node, &self.catalog.schema)).collect()
    }

    fn on_update(&self, table: &TableName) -> OnUpdate {
        self.options(table).map_or(OnUpdate::Ignore, |options| options.on_update)
    }

    fn keeps_deletes(&self, table: &TableName) -> bool {
        self.options(table).is_some_and(|options| options.keeps_deletes)
    }

    fn keeps_truncated(&self, table: &TableName) -> bool {
        self.options(table).is_some_and(model::TableOptions::survives_truncate)
    }

    fn options(&self, table: &TableName) -> Option<&model::TableOptions> {
        self.against?.tables.get(&table.to_string())
    }

    fn mode(&self, table: &TableName) -> Mode {
        self.options(table).map_or(Mode::Mirror, |options| options.mode)
    }

    pub(crate) fn publication(&self) -> &str {
        self.against.map_or(DEFAULT_PUBLICATION, |against| &against.publication)
    }

    /// Every permanent table counts, unless the schema that was given says what is published.
    pub(crate) fn is_mirrored(&self, table: &TableName) -> bool {
        let kept = self.catalog.table(table).map(|known| known.kept);
        kept.unwrap_or(Kept::Permanent) == Kept::Permanent
            && table.schema != names::TEMPORARY
            && self.catalog.publishes(self.publication(), table).unwrap_or(true)
    }

    /// What readers see of a type. Nobody reads what is new.
    fn columns_of(&self, ty: &str) -> impl Iterator<Item = Touched> {
        let columns = self.catalog.columns_of(ty);
        let seen = columns
            .filter(|(table, column)| self.is_read(table) && !self.is_excluded(table, column));
        seen.map(|(table, column)| Touched::Column(table.clone(), column.to_owned()))
    }

    fn is_read(&self, table: &TableName) -> bool {
        self.is_mirrored(table) && !self.catalog.is_new(table)
    }

    fn is_excluded(&self, table: &TableName, column: &str) -> bool {
        let options = self.options(table).and_then(|options| options.columns.get(column));
        options.is_some_and(|column| column.exclude)
    }

    /// Which setting of the table's names the column.
    fn setting_of(&self, table: &TableName, column: &str) -> Option<String> {
        let options = self.options(table)?;
        let shown = options.columns.get(column).and_then(|column| column.name.as_deref());
        let shown = shown.unwrap_or(column);
        let names = |text: &str| {
            let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.any(|word| word == shown)
        };
        let key = if options.order_by.iter().any(|term| names(term)) {
            "order_by"
        } else if options.partition_by.as_deref().is_some_and(names) {
            "partition_by"
        } else if options.ttl.as_deref().is_some_and(names) {
            "ttl"
        } else if options.columns.contains_key(column) {
            "columns"
        } else {
            return None;
        };
        Some(format!("{key} under [tables.\"{table}\"]"))
    }
}

pub(crate) fn judge(node: &NodeEnum, context: Context<'_>) -> Vec<Finding> {
    match node {
        NodeEnum::AlterTableStmt(alter) => alter::judge(alter, context),
        NodeEnum::RenameStmt(rename) => vec![rename::judge(rename, context)],
        NodeEnum::AlterObjectSchemaStmt(alter) => vec![rename::moved(alter, context)],
        NodeEnum::CreateStmt(create) => vec![create::judge(create, context)],
        NodeEnum::CreateTableAsStmt(create) => create::from_query(create, context),
        NodeEnum::DropStmt(drop) => remove::judge(drop, context),
        NodeEnum::TruncateStmt(truncate) => remove::truncate(truncate, context),
        NodeEnum::DropdbStmt(_) => vec![remove::database()],
        NodeEnum::IndexStmt(index) => vec![upkeep::index(index, context)],
        NodeEnum::ReindexStmt(reindex) => vec![upkeep::reindex(reindex, context)],
        NodeEnum::VacuumStmt(vacuum) => upkeep::vacuum(vacuum, context),
        NodeEnum::ClusterStmt(cluster) => vec![upkeep::cluster(cluster, context)],
        NodeEnum::CreatePublicationStmt(create) => vec![publication::create(create, context)],
        NodeEnum::AlterPublicationStmt(alter) => publication::alter(alter, context),
        NodeEnum::AlterSystemStmt(alter) => vec![publication::setting(alter)],
        NodeEnum::AlterRoleStmt(role) => vec![publication::role(role)],
        NodeEnum::AlterEnumStmt(alter) => vec![values::alter_enum(alter, context)],
        NodeEnum::AlterDomainStmt(alter) => vec![values::domain(alter)],
        NodeEnum::UpdateStmt(update) => vec![rows::update(update, context)],
        NodeEnum::DeleteStmt(delete) => vec![rows::delete(delete, context)],
        NodeEnum::InsertStmt(insert) => vec![rows::insert(insert, context)],
        NodeEnum::MergeStmt(merge) => vec![rows::merge(merge, context)],
        NodeEnum::CopyStmt(copy) => vec![rows::copy(copy, context)],
        NodeEnum::SelectStmt(select) => rows::select(select, context),
        NodeEnum::DoStmt(block) => body::judge(block, context),
        _ => vec![other(node, context)],
    }
}

/// What touches no row and no column.
fn other(node: &NodeEnum, context: Context<'_>) -> Finding {
    let lock_only = |relation: &Option<RangeVar>, lock, code, what: &str| {
        let table = context.table(relation);
        Finding::new(code, format!("{what} {table}")).locking(&table, lock, Work::Moment)
    };
    match node {
        NodeEnum::CreateTrigStmt(trigger) => lock_only(
            &trigger.relation,
            Lock::ShareRowExclusive,
            "create_trigger",
            "a trigger is added to",
        ),
        NodeEnum::CreatePolicyStmt(policy) => {
            lock_only(&policy.table, Lock::AccessExclusive, "policy", "a row policy is added to")
        }
        NodeEnum::AlterPolicyStmt(policy) => {
            lock_only(&policy.table, Lock::AccessExclusive, "policy", "a row policy changes on")
        }
        NodeEnum::RuleStmt(rule) => {
            lock_only(&rule.relation, Lock::AccessExclusive, "create_rule", "a rule is added to")
        }
        NodeEnum::LockStmt(lock) => lock_tables(lock, context),
        NodeEnum::CommentStmt(_) => Finding::new("comment", "a comment"),
        NodeEnum::RefreshMatViewStmt(refresh) => {
            let view = context.table(&refresh.relation);
            Finding::new("materialized_view", format!("{view} is computed anew"))
                .mirror(Level::Safe, "materialized views are not in the log")
        }
        _ if is_harmless(node) => Finding::new("other", "no table's rows or columns change"),
        _ => Finding::new("unknown", "a kind of statement that is not known here").mirror(
            Level::Plan,
            "what becomes of the mirror is not known; look at `millrace status` afterwards",
        ),
    }
}

fn lock_tables(lock: &pg_query::protobuf::LockStmt, context: Context<'_>) -> Finding {
    let mode = match lock.mode {
        1 => Lock::AccessShare,
        2 => Lock::RowShare,
        3 => Lock::RowExclusive,
        4 => Lock::ShareUpdateExclusive,
        5 => Lock::Share,
        6 => Lock::ShareRowExclusive,
        7 => Lock::Exclusive,
        _ => Lock::AccessExclusive,
    };
    let finding = Finding::new("lock_table", format!("a lock is taken: {}", mode.name()));
    context
        .tables(&lock.relations)
        .iter()
        .fold(finding, |finding, table| finding.locking(table, mode, Work::Moment))
}

fn is_harmless(node: &NodeEnum) -> bool {
    matches!(
        node,
        NodeEnum::VariableSetStmt(_)
            | NodeEnum::VariableShowStmt(_)
            | NodeEnum::TransactionStmt(_)
            | NodeEnum::ExplainStmt(_)
            | NodeEnum::CreateSchemaStmt(_)
            | NodeEnum::CreateSeqStmt(_)
            | NodeEnum::AlterSeqStmt(_)
            | NodeEnum::ViewStmt(_)
            | NodeEnum::CreateFunctionStmt(_)
            | NodeEnum::AlterFunctionStmt(_)
            | NodeEnum::CreateExtensionStmt(_)
            | NodeEnum::AlterExtensionStmt(_)
            | NodeEnum::AlterExtensionContentsStmt(_)
            | NodeEnum::CreateEnumStmt(_)
            | NodeEnum::CreateDomainStmt(_)
            | NodeEnum::CompositeTypeStmt(_)
            | NodeEnum::CreateRangeStmt(_)
            | NodeEnum::DefineStmt(_)
            | NodeEnum::CreateCastStmt(_)
            | NodeEnum::CreateTransformStmt(_)
            | NodeEnum::CreateConversionStmt(_)
            | NodeEnum::CreateOpClassStmt(_)
            | NodeEnum::CreateOpFamilyStmt(_)
            | NodeEnum::AlterOpFamilyStmt(_)
            | NodeEnum::AlterOperatorStmt(_)
            | NodeEnum::CreateAmStmt(_)
            | NodeEnum::CreatePlangStmt(_)
            | NodeEnum::CreateStatsStmt(_)
            | NodeEnum::AlterStatsStmt(_)
            | NodeEnum::CreateEventTrigStmt(_)
            | NodeEnum::AlterEventTrigStmt(_)
            | NodeEnum::CreateRoleStmt(_)
            | NodeEnum::AlterRoleSetStmt(_)
            | NodeEnum::DropRoleStmt(_)
            | NodeEnum::GrantStmt(_)
            | NodeEnum::GrantRoleStmt(_)
            | NodeEnum::AlterDefaultPrivilegesStmt(_)
            | NodeEnum::AlterOwnerStmt(_)
            | NodeEnum::ReassignOwnedStmt(_)
            | NodeEnum::CreatedbStmt(_)
            | NodeEnum::AlterDatabaseStmt(_)
            | NodeEnum::AlterDatabaseSetStmt(_)
            | NodeEnum::CreateTableSpaceStmt(_)
            | NodeEnum::DropTableSpaceStmt(_)
            | NodeEnum::CreateFdwStmt(_)
            | NodeEnum::AlterFdwStmt(_)
            | NodeEnum::CreateForeignServerStmt(_)
            | NodeEnum::AlterForeignServerStmt(_)
            | NodeEnum::CreateForeignTableStmt(_)
            | NodeEnum::ImportForeignSchemaStmt(_)
            | NodeEnum::CreateUserMappingStmt(_)
            | NodeEnum::AlterUserMappingStmt(_)
            | NodeEnum::DropUserMappingStmt(_)
            | NodeEnum::CreateSubscriptionStmt(_)
            | NodeEnum::AlterSubscriptionStmt(_)
            | NodeEnum::DropSubscriptionStmt(_)
            | NodeEnum::AlterTsdictionaryStmt(_)
            | NodeEnum::AlterTsconfigurationStmt(_)
            | NodeEnum::AlterCollationStmt(_)
            | NodeEnum::AlterObjectDependsStmt(_)
            | NodeEnum::SecLabelStmt(_)
            | NodeEnum::NotifyStmt(_)
            | NodeEnum::ListenStmt(_)
            | NodeEnum::UnlistenStmt(_)
            | NodeEnum::CheckPointStmt(_)
            | NodeEnum::DiscardStmt(_)
            | NodeEnum::LoadStmt(_)
            | NodeEnum::ConstraintsSetStmt(_)
            | NodeEnum::DeclareCursorStmt(_)
            | NodeEnum::FetchStmt(_)
            | NodeEnum::ClosePortalStmt(_)
            | NodeEnum::DeallocateStmt(_)
    )
}

fn is(kind: i32, object: ObjectType) -> bool {
    kind == object as i32
}
