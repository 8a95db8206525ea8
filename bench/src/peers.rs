//! The peers that live inside the engine.

use crate::backlog::{self, BACKLOG, Goal};
use crate::host::Host;
use cluster::Cluster;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// ClickHouse's own MaterializedPostgreSQL, with the same work waiting for it as for us.
pub(crate) struct Mpg {
    template: TempDir,
    run: TempDir,
    slot: String,
    master: String,
}

impl Mpg {
    /// Before the work is written: it copies the empty tables and is stopped.
    pub(crate) fn prepare(cluster: &Cluster, table: &str) -> Mpg {
        let template = tempfile::tempdir().expect("a temporary directory");
        let before = slots(cluster);
        let mut host = Host::start(&backlog::place(&template));
        host.query("SET allow_experimental_database_materialized_postgresql = 1");
        host.query(&format!(
            "CREATE DATABASE m ENGINE = MaterializedPostgreSQL('127.0.0.1:{}', 'postgres', 'postgres', '') \
             SETTINGS materialized_postgresql_tables_list = '{table}'",
            cluster.port()
        ));
        let count = format!("SELECT count() FROM m.{table}");
        let came = harness::poll(Duration::from_secs(60), || host.try_query(&count).ok());
        assert_eq!(came.as_deref(), Some("0"), "MaterializedPostgreSQL does not start");
        host.stop();
        let made: Vec<String> =
            slots(cluster).into_iter().filter(|slot| !before.contains(slot)).collect();
        let [slot] = made.as_slice() else { panic!("it made the slots {made:?}") };
        let master = format!("{BACKLOG}_mpg");
        backlog::copy_slot(cluster, slot, &master);
        backlog::drop_slot(cluster, slot);
        let run = tempfile::tempdir().expect("a temporary directory");
        Mpg { template, run, slot: slot.clone(), master }
    }

    /// Seconds from the start of the process until every row answers.
    pub(crate) fn run(&self, cluster: &Cluster, goal: &Goal) -> f64 {
        backlog::copy_slot(cluster, &self.master, &self.slot);
        let place = backlog::place(&self.run);
        let _ = std::fs::remove_dir_all(&place);
        backlog::copy_folder(&backlog::place(&self.template), &place);
        backlog::sync();
        let start = Instant::now();
        let mut host = Host::start(&place);
        let seconds = backlog::reach(start, goal, |sql| host.try_query(sql).unwrap_or_default());
        host.stop();
        backlog::drop_slot(cluster, &self.slot);
        seconds
    }
}

fn slots(cluster: &Cluster) -> Vec<String> {
    let sql = "select slot_name from pg_replication_slots where slot_type = 'logical'";
    cluster.sql(sql).lines().map(str::to_owned).collect()
}

/// Seconds of the engine's own `INSERT INTO … SELECT * FROM postgresql(…)`, from the start of its
/// process.
pub(crate) fn insert_select(cluster: &Cluster, create: &str, table: &str, goal: &Goal) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary directory");
    backlog::sync();
    let start = Instant::now();
    let mut host = Host::start(&backlog::place(&folder));
    host.query("CREATE DATABASE t");
    host.query(create);
    host.query(&format!(
        "INSERT INTO t.{table} SELECT * FROM postgresql('127.0.0.1:{}', 'postgres', '{table}', \
         'postgres', '')",
        cluster.port()
    ));
    let seconds = backlog::reach(start, goal, |sql| host.try_query(sql).unwrap_or_default());
    host.stop();
    seconds
}
