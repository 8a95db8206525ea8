//! Everything that would go wrong later, found now and all at once, each with the statement that
//! cures it. Nothing here changes the source.
//!
//! ```text
//! connect ─▶ pooler ─┬─▶ server        settings, version, room for a slot, TLS, old transactions
//!                    ├─▶ role          replication, SELECT, row policies
//!                    ├─▶ publication   there, whole, and harmless to the app's own writes
//!                    └─▶ slot          whether the one that is there can be read from
//! ```
//!
//! A pooler in between hides the rest, so nothing more is asked then.

mod cloud;
mod generated;
mod outside;
mod pooler;
mod publication;
mod role;
mod server;
mod slot;

use crate::address::Address;
use crate::catalog;
use crate::client::{connect, pg_error};
use cloud::Cloud;
use model::{Mode, Result, Table, TableOptions};
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// What the pipeline would ask of the source.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub publication: &'a str,
    pub slot: &'a str,
    /// By `schema.table`: those that the configuration names.
    pub tables: &'a BTreeMap<String, TableOptions>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The pipeline cannot run, or the app's own statements fail.
    Error,
    /// It runs, and something may hurt later.
    Warning,
    /// Good to know.
    Note,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub level: Level,
    /// What it is about, for programs: `wal_level`, `replica_identity`.
    pub code: &'static str,
    pub what: String,
    pub why: String,
    /// The statement or the step that cures it.
    pub cure: Option<String>,
}

impl Finding {
    pub fn new(level: Level, code: &'static str, what: impl Into<String>) -> Finding {
        Finding { level, code, what: what.into(), why: String::new(), cure: None }
    }

    pub fn why(mut self, why: impl Into<String>) -> Finding {
        self.why = why.into();
        self
    }

    pub fn cure(mut self, cure: impl Into<String>) -> Finding {
        self.cure = Some(cure.into());
        self
    }
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Preflight {
    /// Errors first.
    pub findings: Vec<Finding>,
    /// What is published now.
    pub tables: Vec<Table>,
    /// `15.18`.
    pub server_version: String,
}

impl Preflight {
    /// Nothing that was found keeps the pipeline from running.
    pub fn is_ready(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != Level::Error)
    }
}

/// Looks at everything. An error means that the source could not be asked at all.
pub async fn run(address: &Address, wanted: Wanted<'_>) -> Result<Preflight> {
    let client = connect(address).await?;
    let mut findings = Vec::new();
    if pooler::inspect(address, &client, &mut findings).await? {
        return Ok(Preflight { findings, ..Preflight::default() });
    }
    let version = catalog::server_version(&client).await?;
    let server_version = format!("{}.{}", version / 10_000, version % 10_000);
    let asked = Asked { address, client: &client, version, cloud: Cloud::detect(&client).await? };
    server::inspect(&asked, wanted.slot, &mut findings).await?;
    slot::inspect(&asked, wanted.slot, &mut findings).await?;
    let tables = publication::inspect(&asked, wanted, &mut findings).await?;
    role::inspect(&asked, &tables, &mut findings).await?;
    findings.sort_by_key(|finding| finding.level);
    Ok(Preflight { findings, tables, server_version })
}

/// Who is asked.
struct Asked<'a> {
    address: &'a Address,
    client: &'a Client,
    /// `server_version_num`.
    version: u32,
    cloud: Cloud,
}

impl Asked<'_> {
    async fn row(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.client.query_one(sql, params).await.map_err(reading)
    }

    async fn rows(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.client.query(sql, params).await.map_err(reading)
    }
}

fn reading(error: tokio_postgres::Error) -> model::Error {
    pg_error("look at the source", error)
}

fn mode_of(wanted: Wanted<'_>, table: &Table) -> Mode {
    wanted.tables.get(&table.name.to_string()).map_or(Mode::Mirror, |options| options.mode)
}
