//! pgbench in the background, through restarts of its server.

use cluster::{Cluster, program};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Runs until dropped; a run that dies with its server is followed by the next one.
pub struct Pgbench {
    stop: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Pgbench {
    /// pgbench's own four tables.
    pub fn init(cluster: &Cluster, scale: u32) {
        let output = Command::new(program("pgbench"))
            .args(["-i", "-q", "-s", &scale.to_string(), "-d", "postgres"])
            .args(["-h", "127.0.0.1", "-p", &cluster.port().to_string(), "-U", "postgres"])
            .output()
            .expect("pgbench runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Its standard transactions, so many a second.
    pub fn start(port: u16, per_second: u32) -> Pgbench {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let keeper = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let mut child = spawn(port, per_second);
                while child.try_wait().unwrap().is_none() && !seen.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let _ = child.kill();
                let _ = child.wait();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Pgbench { stop, keeper: Some(keeper) }
    }
}

fn spawn(port: u16, per_second: u32) -> Child {
    Command::new(program("pgbench"))
        .args(["-n", "-c", "2", "-j", "1", "-T", "86400", "-R", &per_second.to_string()])
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "postgres"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pgbench runs")
}

impl Drop for Pgbench {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}
