//! What a cluster needs beside what a server does, and that its replicas agree on what we remember.

use super::Remote;
use super::line::Failed;
use super::preflight::{DENIED, Remark};
use crate::ddl;
use model::{Error, Result};

/// Of all servers, where `ON CLUSTER` and `cluster()` come from; and of those of a replica.
const RIGHTS: [(&str, &str); 2] =
    [("CLUSTER, REMOTE, CREATE TEMPORARY TABLE", "*.*"), ("SYSTEM SYNC REPLICA", "millrace.*")];
/// Paths in Keeper are made of them.
const MACROS: [&str; 2] = ["shard", "replica"];

impl Remote {
    /// Before anything of ours is read: another replica may have taken our last rows, and with an older record a
    /// batch would be cut at other borders. One that cannot be had is waited for.
    pub(super) async fn catch_up(&self) -> Result<()> {
        if self.inner.layout.cluster().is_none() {
            return Ok(());
        }
        let own = ddl::OWN_TABLES.map(|table| format!("millrace.{table}"));
        for table in own.iter().map(String::as_str).chain([ddl::CLAIMS]) {
            let sql = format!("SYSTEM SYNC REPLICA {table} LIGHTWEIGHT");
            self.run(&sql, "read our own tables").await?;
        }
        Ok(())
    }

    /// Whether what is there is one server's, and we are to write to a cluster, or the other way round.
    pub(super) async fn is_laid_out_otherwise(&self) -> Result<bool, Failed> {
        let sql = match self.inner.layout.cluster() {
            None => "SELECT count() FROM system.databases WHERE name = 'millrace_shard'",
            Some(_) => {
                "SELECT count() FROM system.tables WHERE database = 'millrace' AND name = 'checkpoints' \
                 AND NOT EXISTS (SELECT 1 FROM system.databases WHERE name = 'millrace_shard')"
            }
        };
        Ok(self.count(sql).await? > 0)
    }

    pub(super) fn laid_out_otherwise(&self) -> Error {
        let (was, cure) = match self.inner.layout.cluster() {
            None => ("a cluster", "cluster = \"…\" under [store], as before"),
            Some(_) => (
                "one server",
                "remove store.cluster, or begin anew: drop the database millrace and move what it kept",
            ),
        };
        Error::definite(format!("cannot use what is kept at {}", self.place()))
            .detail(format!("It was written as to {was}, where rows are in other tables."))
            .hint(cure)
    }

    /// Databases of a cluster beside these.
    pub(super) fn of_shards(&self, databases: &[&str]) -> Vec<String> {
        match self.inner.layout.cluster() {
            None => Vec::new(),
            Some(_) => {
                let all = ["millrace"].iter().chain(databases);
                all.map(|name| format!("{name}_shard")).collect()
            }
        }
    }

    /// What keeps a cluster from doing what it is told; nothing, where none is wanted.
    pub(super) async fn missing_of_cluster(&self, user: &str) -> Vec<Remark> {
        let Some(cluster) = self.inner.layout.cluster() else { return Vec::new() };
        let (shown, name) = (cluster.name(), ddl::literal(cluster.name()));
        let servers = format!("SELECT count() FROM system.clusters WHERE cluster = {name}");
        let servers = match self.count(&servers).await {
            Ok(0) => return vec![self.unknown_cluster(shown).await],
            Ok(servers) => servers,
            Err(failed) => return vec![self.not_seen(failed, "system.clusters", user)],
        };
        let mut found = Vec::from_iter(self.missing_cluster_rights(user).await);
        found.extend(self.missing_queue().await);
        let list: Vec<String> = MACROS.iter().map(|name| ddl::literal(name)).collect();
        let macros = format!(
            "SELECT count() FROM clusterAllReplicas({name}, system.macros) WHERE macro IN ({})",
            list.join(", ")
        );
        match self.count(&macros).await {
            Ok(macros) if macros >= servers * MACROS.len() as u64 => {}
            Ok(_) => found.push(wrong(
                format!("a server of {shown} lacks the macro shard or replica"),
                "A replicated table's path in Keeper is made of them.",
                "<macros><shard>1</shard><replica>a</replica></macros> on each server, each with its own; they are \
                 shown by SELECT * FROM system.macros",
            )),
            Err(failed) => found.push(self.not_seen(failed, "system.macros", user)),
        }
        let several = format!(
            "SELECT countIf(NOT internal_replication) FROM system.clusters WHERE cluster = {name}"
        );
        // An older server does not say.
        if self.count(&several).await.is_ok_and(|several| several > 0) {
            found.push(wrong(
                format!("{shown} writes every row to each replica by itself"),
                "The replicas send it to each other as well.",
                "<internal_replication>true</internal_replication> in each <shard> of its <remote_servers>",
            ));
        }
        found
    }

    async fn unknown_cluster(&self, name: &str) -> Remark {
        let sql = "SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster";
        let all = self.look(sql).await.unwrap_or_default().into_iter().flatten().flatten();
        let why = match Vec::from_iter(all) {
            all if all.is_empty() => "It knows none.".to_owned(),
            all => format!("It knows {}.", all.join(", ")),
        };
        let what = format!("{} does not know the cluster {name}", self.place());
        wrong(what, &why, "cluster = \"…\" under [store], by its name in system.clusters")
    }

    /// Of statements ON CLUSTER.
    async fn missing_queue(&self) -> Option<Remark> {
        let asked = self.count("SELECT count() FROM system.distributed_ddl_queue").await;
        let Err(Failed::Exception(said)) = asked else { return None };
        let why = format!("Its queue of them cannot be read: ClickHouse error {}.", said.code);
        let what = format!("{} takes no statement ON CLUSTER", self.place());
        let cure = "configure Keeper on every server: <zookeeper> and <distributed_ddl>";
        // Who may not look there may use it all the same.
        (said.code != DENIED).then(|| wrong(what, &why, cure))
    }

    async fn missing_cluster_rights(&self, user: &str) -> Option<Remark> {
        let mut cures = Vec::new();
        for (rights, on) in RIGHTS {
            // An older server does not know CHECK GRANT: what is missing then is told by what needs it.
            let has = self.count(&format!("CHECK GRANT {rights} ON {on}")).await;
            if has.is_ok_and(|has| has == 0) {
                cures.push(format!("GRANT {rights} ON {on} TO {};", ddl::ident(user)));
            }
        }
        if cures.is_empty() {
            return None;
        }
        let what = format!("{user} may not do on a cluster what a pipeline does");
        Some(Remark { cure: Some(cures.join(" ")), ..Remark::new(true, "store_grants", what) })
    }

    /// A table of the system that nobody could read for us.
    fn not_seen(&self, failed: Failed, table: &str, user: &str) -> Remark {
        let is_denied = matches!(&failed, Failed::Exception(said) if said.code == DENIED);
        let error = failed.error(&format!("read {table} of every server"), &self.place());
        let cure = match is_denied {
            true => format!("GRANT SELECT ON {table} TO {};", ddl::ident(user)),
            false => {
                "every server of the cluster has to be up, and to be let in by the others".into()
            }
        };
        wrong(error.what().to_owned(), error.detail_text().unwrap_or_default(), &cure)
    }

    /// The number that is answered.
    async fn count(&self, sql: &str) -> Result<u64, Failed> {
        let rows = self.look(sql).await?;
        let field = rows.into_iter().flatten().flatten().next();
        Ok(field.and_then(|field| field.parse().ok()).unwrap_or_default())
    }
}

fn wrong(what: String, why: &str, cure: &str) -> Remark {
    let (why, cure) = (why.to_owned(), Some(cure.to_owned()));
    Remark { why, cure, ..Remark::new(true, "store_cluster", what) }
}
