//! What statements do to one another: locks are held to the end of their transaction, some statements
//! refuse to be in one, and without a lock_timeout whoever waits makes others wait.

use crate::finding::{Finding, Level, Lock, Work};
use crate::names;
use crate::text::Wrapped;
use model::TableName;
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, Node, ReindexObjectType, TransactionStmtKind as Kind};

pub(crate) struct Session {
    wrapped: Wrapped,
    /// The file's own BEGIN.
    begun: bool,
    /// Tables that stay locked against writers until the transaction ends.
    held: Vec<(TableName, Lock, usize)>,
    has_timeout: bool,
    /// Said once a file.
    advised: bool,
}

const OUTSIDE: &str = "run it outside: `-- +goose NO TRANSACTION`, `-- migrate:up transaction:false`, `-- no-transaction` (sqlx), `-- +migrate Up notransaction`, or what your tool calls it";

impl Session {
    pub(crate) fn new(wrapped: Wrapped) -> Session {
        Session { wrapped, begun: false, held: Vec::new(), has_timeout: false, advised: false }
    }

    /// What is to be said besides the statement's own findings, which forgot new tables' locks.
    pub(crate) fn after(
        &mut self,
        node: &NodeEnum,
        findings: &[Finding],
        line: usize,
    ) -> Vec<Finding> {
        let mut more = Vec::new();
        match node {
            NodeEnum::TransactionStmt(statement) => self.transaction(statement.kind),
            NodeEnum::VariableSetStmt(set) if set.name == "lock_timeout" => {
                let value = set.args.first().map(names::value).unwrap_or_default();
                self.has_timeout = !value.is_empty() && value != "0";
            }
            NodeEnum::SelectStmt(select) => {
                let mut targets = select.target_list.iter();
                self.has_timeout |= targets.any(sets_lock_timeout);
            }
            _ if refuses_transactions(node) => more.extend(self.outside()),
            _ => {}
        }
        more.extend(self.locks(findings, line));
        more
    }

    fn transaction(&mut self, kind: i32) {
        match Kind::try_from(kind) {
            Ok(Kind::TransStmtBegin | Kind::TransStmtStart) => {
                self.begun = true;
                self.held.clear();
            }
            Ok(Kind::TransStmtCommit | Kind::TransStmtRollback | Kind::TransStmtPrepare) => {
                // Whoever begins and ends transactions is not in one of the tool's.
                if self.wrapped == Wrapped::Unsaid {
                    self.wrapped = Wrapped::No;
                }
                self.begun = false;
                self.held.clear();
            }
            _ => {}
        }
    }

    fn outside(&mut self) -> Option<Finding> {
        if self.begun || self.wrapped == Wrapped::Yes {
            return Some(
                Finding::new(
                    "not_in_transaction",
                    "Postgres refuses this statement inside of a transaction",
                )
                .at_least(Level::Plan)
                .instead(OUTSIDE),
            );
        }
        // It would fail otherwise, so the file runs without.
        self.wrapped = Wrapped::No;
        self.held.clear();
        None
    }

    fn locks(&mut self, findings: &[Finding], line: usize) -> Vec<Finding> {
        let mut more = Vec::new();
        let shares = self.begun || self.wrapped != Wrapped::No;
        let strong = || findings.iter().flat_map(|finding| &finding.locks);
        let works = strong().any(|held| held.work != Work::Moment);
        if let (true, true, Some((table, lock, since))) = (shares, works, self.held.last()) {
            let perhaps = match (self.begun, self.wrapped) {
                (false, Wrapped::Unsaid) => "if the file runs in one transaction, ",
                _ => "",
            };
            let what = format!(
                "{perhaps}{table} stays locked ({}) since line {since} until this is done",
                lock.name()
            );
            more.push(
                Finding::new("lock_held", what)
                    .at_least(Level::Plan)
                    .instead("a migration of its own for it"),
            );
        }
        let blocking: Vec<_> =
            strong().filter(|held| held.lock.blocks_writers()).cloned().collect();
        let earlier = if shares { self.held.clone() } else { Vec::new() };
        let is_new = |table: &TableName| earlier.iter().all(|(held, ..)| held != table);
        let another = blocking.iter().find(|held| is_new(&held.table));
        if let (Some((first, _, since)), Some(another), true) =
            (earlier.first(), another, more.is_empty())
        {
            let what = format!(
                "{} is locked while {first} is, since line {since}: who takes them the other way round, deadlocks",
                another.table
            );
            more.push(
                Finding::new("locks_several", what)
                    .at_least(Level::Followed)
                    .instead("a migration for each table"),
            );
        }
        if shares {
            let taken = blocking.iter().filter(|held| is_new(&held.table));
            self.held.extend(taken.map(|held| (held.table.clone(), held.lock, line)));
        }
        if !blocking.is_empty() && !self.has_timeout && !self.advised {
            self.advised = true;
            more.push(
                Finding::new("lock_timeout", "no lock_timeout is set: behind one long query this statement waits, and everybody else behind it")
                    .at_least(Level::Followed)
                    .instead("SET lock_timeout = '2s'; at the top of the file, and try again when it strikes"),
            );
        }
        more
    }
}

/// `SELECT set_config('lock_timeout', '2s', true)`.
fn sets_lock_timeout(target: &Node) -> bool {
    let value = match &target.node {
        Some(NodeEnum::ResTarget(target)) => target.val.as_ref().and_then(|val| val.node.as_ref()),
        _ => None,
    };
    let Some(NodeEnum::FuncCall(call)) = value else { return false };
    let arguments: Vec<String> = call.args.iter().map(names::value).collect();
    let (_, function) = names::parts(&call.funcname);
    function == "set_config"
        && matches!(&arguments[..], [name, value, ..] if name == "lock_timeout" && value != "0")
}

fn refuses_transactions(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::IndexStmt(index) => index.concurrent,
        NodeEnum::DropStmt(drop) => drop.concurrent,
        NodeEnum::ReindexStmt(reindex) => {
            let kind = ReindexObjectType::try_from(reindex.kind);
            names::is_on(&reindex.params, "concurrently")
                || !matches!(
                    kind,
                    Ok(ReindexObjectType::ReindexObjectIndex
                        | ReindexObjectType::ReindexObjectTable)
                )
        }
        NodeEnum::VacuumStmt(vacuum) => vacuum.is_vacuumcmd,
        NodeEnum::ClusterStmt(cluster) => cluster.relation.is_none(),
        NodeEnum::AlterTableStmt(alter) => alter.cmds.iter().any(|node| match &node.node {
            Some(NodeEnum::AlterTableCmd(command)) => {
                let detaches = command.subtype == AlterTableType::AtDetachPartition as i32;
                let def = command.def.as_ref().and_then(|def| def.node.as_ref());
                detaches && matches!(def, Some(NodeEnum::PartitionCmd(part)) if part.concurrent)
            }
            _ => false,
        }),
        NodeEnum::AlterSystemStmt(_)
        | NodeEnum::CreatedbStmt(_)
        | NodeEnum::DropdbStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_)
        | NodeEnum::DropTableSpaceStmt(_) => true,
        _ => false,
    }
}
