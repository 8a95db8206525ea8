//! The cluster's statements, executed: by the embedded engine, with a real ZooKeeper beside it.
//!
//! The engine takes everything but `ON CLUSTER` (392) and, without it, `{uuid}`; and a replicated table of it
//! stays read-only, as it has no port for other servers: an ALTER of it is understood and refused (242). So this
//! shows that each statement is one, that tables register in Keeper, that a second run changes nothing, and that
//! a view asks the shard through the Distributed table. A statement takes a second or so, and there are a hundred.
//!
//! `MILLRACE_ZOOKEEPER` names a folder with ZooKeeper's jars: `make test-cluster`.

use crate::of_cluster;
use model::Fate;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::{Cluster, Engine, EngineOptions, Store};

/// The data directory of [`in_a_process_of_its_own`].
const FOLDER: &str = "MILLRACE_TEST_CLUSTER_FOLDER";
const PATIENCE: Duration = Duration::from_secs(120);

struct ZooKeeper(Child);

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_well(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut said = String::new();
    let asked = socket.write_all(b"ruok").and_then(|()| socket.read_to_string(&mut said));
    asked.is_ok() && said == "imok"
}

impl ZooKeeper {
    fn start(jars: &Path, folder: &Path) -> (ZooKeeper, u16) {
        let port = free_port();
        let config = folder.join("zoo.cfg");
        let text = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=2000\n4lw.commands.whitelist=ruok\n",
            folder.join("zookeeper").display()
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("java")
            .args(["-Xmx128m", "-Dzookeeper.forceSync=no", "-cp", &format!("{}/*", jars.display())])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let since = Instant::now();
        while !is_well(port) {
            assert!(since.elapsed() < PATIENCE, "ZooKeeper does not come");
            std::thread::sleep(Duration::from_millis(50));
        }
        (ZooKeeper(child), port)
    }
}

/// The engine may end badly after such tables (seen: a segmentation fault at its exit), so what counts is
/// what its process has written by then.
#[test]
fn the_engine_takes_every_statement() {
    let Some(jars) = std::env::var_os("MILLRACE_ZOOKEEPER") else {
        eprintln!("SKIPPED: no ZooKeeper: make test-cluster");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (_zookeeper, port) = ZooKeeper::start(Path::new(&jars), folder.path());
    // Beside `engine.xml`, which the engine merges it into.
    let more = folder.path().join("data/engine.d");
    std::fs::create_dir_all(&more).unwrap();
    let config = format!(
        "<clickhouse>\n<zookeeper><node><host>127.0.0.1</host><port>{port}</port></node></zookeeper>\n\
         <macros><shard>1</shard><replica>a</replica></macros>\n\
         <remote_servers><prod><shard><internal_replication>true</internal_replication>\
         <replica><host>localhost</host><port>9000</port></replica></shard></prod></remote_servers>\n</clickhouse>\n"
    );
    std::fs::write(more.join("cluster.xml"), config).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["zookeeper::in_a_process_of_its_own", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .spawn()
        .unwrap();
    let since = Instant::now();
    let (said, failed) = (folder.path().join("done"), folder.path().join("failed"));
    while !said.exists() && !failed.exists() && since.elapsed() < PATIENCE * 6 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(!failed.exists(), "{}", std::fs::read_to_string(&failed).unwrap());
    let said = std::fs::read_to_string(&said).expect("a statement hangs");
    // Eight tables of ours and seven targets; the mirrors' views; three ALTERs of replicated tables, twice.
    assert_eq!(said, "15 15 7 | asked asked asked | added | 6");
}

/// Asks nothing unless it is the process that the test above starts.
#[test]
fn in_a_process_of_its_own() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (file, text) = match runtime.block_on(execute(folder)) {
        Ok(said) => ("done", said),
        Err(error) => ("failed", error),
    };
    std::fs::write(folder.join(format!("{file}.next")), text).unwrap();
    std::fs::rename(folder.join(format!("{file}.next")), folder.join(file)).unwrap();
    // Killed here: see above.
    std::thread::sleep(PATIENCE);
}

async fn execute(folder: &Path) -> Result<String, String> {
    let options = EngineOptions { data_dir: folder.join("data"), memory_bytes: 2 << 30 };
    let engine = Engine::open(&options).map_err(|error| error.report())?;
    let read_only = AtomicUsize::new(0);
    // Its own are not those of a cluster.
    let run = async |sql: &str| -> Result<(), String> {
        let since = Instant::now();
        loop {
            match engine.execute(sql).await {
                Ok(()) => return Ok(()),
                // What an ALTER of such a table comes to here: it is understood, and not done.
                Err(error) if error.report().contains("ClickHouse error 242") => {
                    read_only.fetch_add(1, Ordering::Relaxed);
                    return match sql.starts_with("ALTER TABLE") {
                        true => Ok(()),
                        false => Err(format!("{sql}: {}", error.report())),
                    };
                }
                // A busy machine's ZooKeeper is late.
                Err(error) if error.fate() == Fate::Transient && since.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(format!("{sql}: {}", error.report())),
            }
        }
    };
    run("DROP DATABASE millrace SYNC").await?;
    let statements = of_cluster(&Cluster::new("prod"));
    for round in 0..2 {
        for (number, statement) in statements.iter().enumerate() {
            assert!(statement.contains(" ON CLUSTER 'prod'"), "{statement}");
            let here = statement.replace(" ON CLUSTER 'prod'", "");
            let here = here.replace("{uuid}", &format!("of-{number}"));
            run(&here).await.map_err(|error| format!("round {round}: {error}"))?;
        }
    }
    let one = async |sql: &str| -> Result<String, String> {
        let rows = engine.query(sql).await.map_err(|error| format!("{sql}: {}", error.report()))?;
        let fields = rows.into_iter().flatten().map(|field| field.unwrap_or_default());
        Ok(fields.collect::<Vec<_>>().join(" "))
    };
    let tables = one(
        "SELECT countIf(engine LIKE 'Replicated%'), (SELECT count() FROM system.replicas), countIf(engine = 'Distributed') \
         FROM system.tables WHERE database NOT IN ('system')",
    )
    .await?;
    // There is nobody at the shard's port, so it is seen that the view asks there.
    let mut seen = Vec::new();
    for view in ["orders", "lines", "whole"] {
        let asked = engine.query(&format!("SELECT count() FROM public.{view}")).await;
        let report = asked.map_err(|error| error.report()).expect_err("nobody answers");
        seen.push(if report.contains("ClickHouse error 279") { "asked" } else { "not asked" });
    }
    let added = one(
        "SELECT DISTINCT name FROM system.columns WHERE database IN ('public_raw', 'public_raw_shard') \
         AND table = 'orders' AND name = 'added'",
    )
    .await?;
    let read_only = read_only.into_inner();
    Ok(format!("{tables} | {} | {added} | {read_only}", seen.join(" ")))
}
