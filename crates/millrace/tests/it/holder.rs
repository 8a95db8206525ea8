//! A transaction that a snapshot waits for.

use cluster::Cluster;
use std::time::Duration;

/// A transaction that writes to `held`, and that a snapshot waits for until this is dropped.
pub(crate) struct Holder<'a>(std::process::Child, &'a Cluster);

impl Holder<'_> {
    pub(crate) fn start(cluster: &Cluster) -> Holder<'_> {
        let child = std::process::Command::new(cluster::program("psql"))
            .args(["-qX", "-h", "127.0.0.1", "-p", &cluster.port().to_string(), "-U", "postgres"])
            .args(["-c", "begin; insert into held values (1); select pg_sleep(600)"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let sleeps = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and wait_event = 'PgSleep'";
        let sleeping = || (cluster.sql(sleeps) == "1").then_some(());
        harness::poll(Duration::from_secs(30), sleeping).unwrap();
        Holder(child, cluster)
    }
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        self.1.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()");
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
