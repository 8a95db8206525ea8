//! What would go wrong at the server, found before anything is written there. It is asked what it can do,
//! not how old it is: a version's number says little of a fork, or of the Cloud.

use super::line::{Ask, Failed};
use super::profile;
use super::{Quorum, Remote};
use crate::{ddl, tsv};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const BYTES_MAX: usize = 1 << 20;

/// Types that only some tables have: what for, since when, and how to do without.
const SOME_TYPES: [(&str, &str, &str); 1] = [(
    "Nullable(Time64(6))",
    "columns of Postgres's type time; it came with ClickHouse 25.6, and until it is on by default the user needs \
     enable_time_time64_type = 1",
    "take a newer ClickHouse, or clickhouse_type = \"String\" for such a column",
)];
/// Types that rows and our own tables have.
const TYPES: [&str; 6] = [
    "Nullable(Date32)",
    "Nullable(Decimal(76, 38))",
    "Nullable(UInt128)",
    "LowCardinality(Nullable(String))",
    "Map(String, Nullable(String))",
    "DateTime64(6, 'UTC')",
];
/// Settings of ours that an older server may not know, beside those of every statement.
const SETTINGS: [&str; 7] = [
    "insert_deduplication_token",
    "insert_allow_materialized_columns",
    "optimize_on_insert",
    "input_format_null_as_default",
    "lightweight_deletes_sync",
    "deduplicate_blocks_in_dependent_materialized_views",
    "select_sequential_consistency",
];
const TABLE_SETTINGS: [&str; 4] = [
    "fsync_after_insert",
    "fsync_part_directory",
    "non_replicated_deduplication_window",
    "allow_nullable_key",
];
/// What is read there beside our own tables, and whether there is no pipeline without it. Many servers let nobody
/// see most of `system` (`select_from_system_db_requires_grant`).
const READS: [(&str, bool); 5] = [
    ("processes", true),
    ("mutations", true),
    ("tables", true),
    ("columns", true),
    ("parts", false),
];
/// ACCESS_DENIED
pub(super) const DENIED: u32 = 497;
/// UNKNOWN_TABLE, UNKNOWN_DATABASE
const NEVER_MADE: [u32; 2] = [60, 81];
/// What the pipeline does in a database.
const RIGHTS: &str = "SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE";

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// The pipeline cannot run.
    pub is_error: bool,
    /// For programs: `store_grants`.
    pub code: &'static str,
    pub what: String,
    pub why: String,
    pub cure: Option<String>,
}

impl Remark {
    pub(super) fn new(is_error: bool, code: &'static str, what: String) -> Remark {
        Remark { is_error, code, what, why: String::new(), cure: None }
    }
}

impl Remote {
    /// Everything at once; writes nothing. `databases`: where tables would be.
    pub async fn preflight(&self, slot: &str, databases: &[&str]) -> Vec<Remark> {
        let mut found = Vec::new();
        let address = &self.inner.server.options.address;
        if !address.tls && !address.is_loopback() {
            let what = format!("rows go to {} in plain text", address.place());
            let cure = Some("url = \"https://…\" under [store]".into());
            found.push(Remark { cure, ..Remark::new(false, "store_plain", what) });
        }
        let user = match self.look("SELECT currentUser(), version()").await {
            Ok(rows) => rows.into_iter().next().unwrap_or_default(),
            Err(failed) => {
                let error = failed.error("log in at the store", &self.place());
                let why = error.detail_text().unwrap_or_default().to_owned();
                let (report, cure) = (error.report(), error.hint_text().map(str::to_owned));
                let what = report.lines().next().unwrap_or_default().to_owned();
                found.push(Remark { why, cure, ..Remark::new(true, "store_login", what) });
                return found;
            }
        };
        let mut user = user.into_iter().map(Option::unwrap_or_default);
        let (user, version) = (user.next().unwrap_or_default(), user.next().unwrap_or_default());
        found.extend(self.unknown(&version).await);
        found.extend(self.unknown_to_some(&version).await);
        let mut all: Vec<String> = databases.iter().map(|name| (*name).to_owned()).collect();
        all.extend(self.of_shards(databases));
        let databases: Vec<&str> = all.iter().map(String::as_str).collect();
        found.extend(self.missing_rights(&user, &databases).await);
        found.extend(self.missing_of_cluster(&user).await);
        found.extend(self.missing_reads(&user).await);
        found.extend(self.too_few_replicas(&databases).await);
        if let Ok(Some(other)) = self.other_slot(slot).await {
            let what = format!("the pipeline of slot {other} keeps its books at {}", self.place());
            found.push(Remark {
                why: "Two would overwrite each other's in the database millrace.".into(),
                cure: Some(super::forget(&other)),
                ..Remark::new(true, "store_shared", what)
            });
        }
        found
    }

    /// A write whose quorum there are not enough replicas for is tried again without end. What of this the server
    /// does not let us read, or does not know, is no reason to say anything.
    async fn too_few_replicas(&self, databases: &[&str]) -> Option<Remark> {
        let Some(Quorum::Of(wanted)) = self.inner.server.options.quorum else { return None };
        let ours = ["millrace"].iter().chain(databases).map(|name| ddl::literal(name));
        let list = ours.collect::<Vec<_>>().join(", ");
        // Without its Keeper a table tells 0. Our own, once there are any, then those that it could be made in.
        let tables = format!(
            "SELECT concat(database, '.', table), total_replicas FROM system.replicas \
             WHERE database IN ({list}) AND total_replicas > 0 ORDER BY total_replicas LIMIT 1"
        );
        let clusters = "SELECT '', max(replicas) FROM (SELECT count() AS replicas FROM system.clusters \
                        GROUP BY cluster, shard_num) HAVING max(replicas) > 0";
        let mut found = None;
        for sql in [tables.as_str(), clusters] {
            let rows = self.look(sql).await.unwrap_or_default().into_iter();
            found = found.or({ rows }.find_map(read_replicas));
        }
        let (table, count) = found.filter(|(_, count)| *count < u64::from(wanted))?;
        let is_of_table = !table.is_empty();
        let of = match is_of_table {
            true => format!("{table} has {count}"),
            false => format!("no shard of a cluster that the server knows has more than {count}"),
        };
        let what = format!("store.insert_quorum = {wanted}, and {of}");
        let why = "A row counts as written once so many replicas have it: it would be waited for without end.";
        let cure = match count {
            0 | 1 => "remove insert_quorum under [store]; or add replicas".to_owned(),
            count => format!("insert_quorum = {count} under [store], or \"auto\"; or add replicas"),
        };
        let remark = Remark::new(is_of_table, "store_quorum", what);
        Some(Remark { why: why.to_owned(), cure: Some(cure), ..remark })
    }

    pub(super) async fn look(&self, sql: &str) -> Result<crate::Rows, Failed> {
        let answer = self.inner.server.ask(Ask::text(sql.to_owned(), PATIENCE, BYTES_MAX)).await?;
        Ok(tsv::read(&answer))
    }

    /// Whose table of positions that is, if not ours.
    pub(super) async fn other_slot(&self, slot: &str) -> Result<Option<String>, Failed> {
        let slot = ddl::literal(slot);
        let sql = format!("SELECT any(slot) FROM millrace.checkpoints WHERE slot != {slot}");
        let found = match self.look(&sql).await {
            Err(Failed::Exception(said)) if NEVER_MADE.contains(&said.code) => return Ok(None),
            found => found?.into_iter().flatten().flatten(),
        };
        Ok({ found }.find(|slot| !slot.is_empty()))
    }

    /// What the server does not know.
    async fn unknown(&self, version: &str) -> Option<Remark> {
        let mut unknown = Vec::new();
        for ty in TYPES {
            if !self.knows_type(ty).await {
                unknown.push(format!("the type {ty}"));
            }
        }
        // The first one is a parameter of HTTP's, and no setting.
        let ever = profile::AS_EVER[1..].iter().map(|(name, _)| *name);
        let settings: Vec<&str> = SETTINGS.into_iter().chain(ever).collect();
        for (from, names) in [("settings", &settings[..]), ("merge_tree_settings", &TABLE_SETTINGS)]
        {
            let list: Vec<String> = names.iter().map(|name| ddl::literal(name)).collect();
            let sql = format!("SELECT name FROM system.{from} WHERE name IN ({})", list.join(", "));
            // Who may not look there may use them all the same.
            let Ok(rows) = self.look(&sql).await else { continue };
            let known: Vec<String> = rows.into_iter().flatten().flatten().collect();
            let lacks = names.iter().filter(|name| !known.iter().any(|known| known == *name));
            unknown.extend(lacks.map(|name| format!("the setting {name}")));
        }
        if unknown.is_empty() {
            return None;
        }
        let what = format!("ClickHouse {version} does not know {}", unknown.join(", "));
        let cure = "take a newer ClickHouse: 24.4 is the oldest that knows all of them, 26.7 is what Millrace is tested with";
        Some(Remark { cure: Some(cure.into()), ..Remark::new(true, "store_version", what) })
    }

    async fn unknown_to_some(&self, version: &str) -> Vec<Remark> {
        let mut found = Vec::new();
        for (ty, of, cure) in SOME_TYPES {
            if !self.knows_type(ty).await {
                let what = format!("ClickHouse {version} does not know the type {ty}");
                let why = format!("It is for {of}.");
                let cure = Some(cure.to_owned());
                found.push(Remark { why, cure, ..Remark::new(false, "store_version", what) });
            }
        }
        found
    }

    async fn knows_type(&self, ty: &str) -> bool {
        let sql = format!("SELECT toTypeName(defaultValueOfTypeName({}))", ddl::literal(ty));
        !matches!(self.look(&sql).await, Err(Failed::Exception(_)))
    }

    async fn missing_rights(&self, user: &str, databases: &[&str]) -> Option<Remark> {
        let mut missing = Vec::new();
        for database in ["millrace"].iter().chain(databases) {
            let sql = format!("CHECK GRANT {RIGHTS} ON {}.*", ddl::ident(database));
            let rows = match self.look(&sql).await {
                Ok(rows) => rows,
                Err(failed) => return Some(self.not_told(failed, user, databases)),
            };
            if rows.into_iter().flatten().flatten().any(|has| has == "0") {
                missing.push(*database);
            }
        }
        if missing.is_empty() {
            return None;
        }
        let what = format!("{user} may not do in {} what a pipeline does", missing.join(", "));
        let cure = Some(grants(&missing, user));
        Some(Remark { cure, ..Remark::new(true, "store_grants", what) })
    }

    /// An older server does not know CHECK GRANT. Whoever has the rights needs no answer.
    fn not_told(&self, failed: Failed, user: &str, databases: &[&str]) -> Remark {
        let what = format!("it is not known whether {user} may do what a pipeline does");
        let error = failed.error("ask for rights", &self.place());
        let why = error.detail_text().unwrap_or_default().to_owned();
        let all: Vec<&str> = ["millrace"].iter().chain(databases).copied().collect();
        let cure = Some(grants(&all, user));
        Remark { why, cure, ..Remark::new(false, "store_grants", what) }
    }

    /// Each table is asked for itself.
    async fn missing_reads(&self, user: &str) -> Vec<Remark> {
        let mut found = Vec::new();
        for (table, is_error) in READS {
            let asked = self.look(&format!("SELECT * FROM system.{table} LIMIT 0")).await;
            let Err(Failed::Exception(said)) = asked else { continue };
            if said.code != DENIED {
                continue;
            }
            let what = format!("{user} may not read system.{table}");
            let why = match is_error {
                true => "What runs there, or is there already, is looked up in it.",
                false => {
                    "Without it a pipeline does not slow down where the server has too many parts to merge."
                }
            };
            let cure = Some(format!("GRANT SELECT ON system.{table} TO {};", ddl::ident(user)));
            let why = why.to_owned();
            found.push(Remark { why, cure, ..Remark::new(is_error, "store_grants", what) });
        }
        found
    }
}

fn read_replicas(row: Vec<Option<String>>) -> Option<(String, u64)> {
    let mut fields = row.into_iter().flatten();
    Some((fields.next()?, fields.next()?.parse().ok()?))
}

fn grants(databases: &[&str], user: &str) -> String {
    let grant = |database: &&str| {
        format!("GRANT {RIGHTS} ON {}.* TO {};", ddl::ident(database), ddl::ident(user))
    };
    databases.iter().map(grant).collect::<Vec<_>>().join(" ")
}
