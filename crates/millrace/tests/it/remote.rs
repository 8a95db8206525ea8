//! A store that is a server: our own door, served by a process that runs nothing else and may be killed.

use crate::{BINARY, project, says};
use cluster::{Cluster, free_port};
use harness::{Dice, Door, Project, Proxy, Traffic, config, shop_config, shop_schema, wait_until};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Names the folder and the port of [`serves_a_door`].
const FOLDER: &str = "MILLRACE_TEST_DOOR_FOLDER";
const PORT: &str = "MILLRACE_TEST_DOOR_PORT";

/// A ClickHouse server in a process of its own, on a port that it keeps.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let mut server = Server::absent();
        server.come();
        server
    }

    /// Not there yet.
    pub(crate) fn absent() -> Server {
        Server { folder: tempfile::tempdir().unwrap(), port: free_port(), child: None }
    }

    pub(crate) fn come(&mut self) {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args(["remote::serves_a_door", "--exact", "--nocapture"])
            .env(FOLDER, self.folder.path())
            .env(PORT, self.port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        wait_until("the server answers", || self.door().try_query("SELECT 1").is_ok());
    }

    /// SIGKILL.
    pub(crate) fn go(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn door(&self) -> Door {
        Door::new(&format!("127.0.0.1:{}", self.port))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What a project needs to keep its rows there.
    pub(crate) fn section(&self) -> String {
        section(self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn section(port: u16) -> String {
    format!("[store]\nurl = \"http://127.0.0.1:{port}\"\n")
}

/// Asks nothing unless it is the process of a [`Server`]: then it serves until it is killed.
#[test]
fn serves_a_door() {
    use store::Store;
    let (Some(folder), Some(port)) = (std::env::var_os(FOLDER), std::env::var_os(PORT)) else {
        return;
    };
    let port: u16 = port.to_str().unwrap().parse().unwrap();
    let data_dir = Path::new(&folder).to_owned();
    let is_new = !data_dir.join("engine").exists();
    let options = store::EngineOptions { data_dir, memory_bytes: 2 << 30 };
    let engine = store::Engine::open(&options).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if is_new {
            // Those of an engine of ours; a server has none. The door needs the database.
            let tables = "SELECT name FROM system.tables WHERE database = 'millrace'";
            for name in engine.query(tables).await.unwrap().into_iter().flatten().flatten() {
                engine.execute(&format!("DROP TABLE millrace.{name} SYNC")).await.unwrap();
            }
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let users = serve::access::File::default();
        serve::clickhouse::serve(vec![listener.into()], engine, users, 2, std::future::pending())
            .await
            .unwrap();
    });
}

#[test]
fn rows_reach_a_server_whoever_is_killed_meanwhile() {
    let cluster = Cluster::start();
    cluster.sql(&shop_schema(5_000));
    let mut server = Server::start();
    let project = project(&cluster, &(server.section() + shop_config()));
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let (traffic, mut dice) = (Traffic::start(&cluster.url(), seed), Dice::new(seed));
    let mut up = project.up();
    for round in 0..6 {
        std::thread::sleep(dice.millis(300, 2_500));
        match round % 3 {
            0 => {
                up.kill();
                up = project.up();
            }
            1 => {
                server.go();
                std::thread::sleep(dice.millis(0, 2_000));
                server.come();
            }
            _ => {
                server.go();
                up.kill();
                server.come();
                up = project.up();
            }
        }
    }
    up.wait_ready();
    assert!(traffic.committed() > 50, "{:?}", traffic.last_refusal());
    let rows = traffic.paused(|| project.verify());
    assert!(rows > 10_000, "{rows}");
    let door = server.door();
    let facts = "SELECT count() - uniqExact(event_id) FROM public.events";
    traffic.paused(|| {
        project.verify();
        assert_eq!(door.query(facts), "0");
        let count = cluster.sql("select count(*) from events");
        assert_eq!(door.query("SELECT count() FROM public.events"), count);
    });
    drop(traffic);
    assert_eq!(up.stop(), Some(0));
}

/// What is cut is sent again; facts have their tokens, and mirrors replace themselves.
#[test]
fn a_network_that_breaks_loses_and_doubles_nothing() {
    let cluster = Cluster::start();
    cluster.sql(&shop_schema(2_000));
    let server = Server::start();
    let proxy = Proxy::start(server.port);
    let project = project(&cluster, &(section(proxy.port()) + shop_config()));
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let (traffic, mut dice) = (Traffic::start(&cluster.url(), seed), Dice::new(seed));
    let mut up = project.up();
    up.wait_ready();
    for _ in 0..15 {
        std::thread::sleep(dice.millis(20, 400));
        proxy.cut();
        std::thread::sleep(dice.millis(0, 300));
        proxy.open();
    }
    wait_until("it goes on", || project.status()["source"]["connected"] == true);
    traffic.paused(|| {
        project.verify();
        let door = server.door();
        let count = cluster.sql("select count(*) from events");
        assert_eq!(door.query("SELECT count() FROM public.events"), count);
    });
    drop(traffic);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let mut server = Server::absent();
    let project = project(&cluster, &server.section());
    let mut up = project.up();
    wait_until("status says so", || up.log().contains("could not reach ClickHouse at 127.0.0.1"));
    assert!(up.is_running());
    let ran = project.run(&["status"]);
    assert!(ran.talk().contains("could not reach ClickHouse"), "{}", ran.talk());
    server.come();
    up.wait_ready();
    assert_eq!(server.door().query("SELECT count() FROM public.t"), "1");
    server.go();
    cluster.sql("insert into t values (2)");
    server.come();
    wait_until("the row is there", || {
        server.door().try_query("SELECT count() FROM public.t").is_ok_and(|count| count == "2")
    });
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn check_says_what_is_wrong_with_the_server() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); create publication millrace for table t");
    let mut server = Server::absent();
    let of = |store: &str| Project::new(BINARY, &config(&cluster.url(), store));
    says(&of(&server.section()).run(&["check"]), 1, &["could not reach ClickHouse", "not ready"]);
    server.come();
    says(&of(&server.section()).run(&["check"]), 0, &["ready"]);
    let url =
        format!("[store]\nurl = \"http://ann:wrong${{TEST_NOTHING}}@127.0.0.1:{}\"\n", server.port);
    let ran = of(&url).run_with(&["check"], &[("TEST_NOTHING", "-secret")]);
    says(&ran, 1, &["cannot log in", "ClickHouse error 516", "store.url"]);
    assert!(!ran.talk().contains("wrong-secret"), "{}", ran.talk());
    server.door().query("CREATE DATABASE IF NOT EXISTS millrace");
    server.door().query("CREATE TABLE IF NOT EXISTS millrace.checkpoints (slot String, confirmed UInt64) ENGINE = MergeTree ORDER BY slot");
    server.door().query("INSERT INTO millrace.checkpoints (slot, confirmed) VALUES ('other', 1)");
    says(
        &of(&server.section()).run(&["check"]),
        1,
        &["slot other", "ALTER TABLE millrace.checkpoints DELETE"],
    );
    says(&of(&server.section()).up_ends(), 2, &["for slot millrace", "slot other"]);
    // Another kind of server answers there.
    let elsewhere = of(&section(cluster.port()));
    says(&elsewhere.run(&["check"]), 1, &["not ready", &format!("127.0.0.1:{}", cluster.port())]);
}

#[test]
fn verbs_ask_the_server_with_and_without_an_up() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1), (2)");
    let server = Server::start();
    let project = project(&cluster, &server.section());
    let mut up = project.up();
    up.wait_ready();
    let asked = project.run(&["sql", "SELECT count() FROM public.t"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(0), "2\n"), "{}", asked.talk());
    says(&project.run(&["up"]), 2, &["has it open"]);
    assert_eq!(up.stop(), Some(0));
    let asked = project.run(&["sql", "SELECT max(id) FROM public.t", "--format", "JSONEachRow"]);
    assert_eq!(
        (asked.code, asked.stdout.as_str()),
        (Some(0), "{\"max(id)\":2}\n"),
        "{}",
        asked.talk()
    );
    says(&project.run(&["sql", "SELECT nothing"]), 2, &["UNKNOWN_IDENTIFIER"]);
    says(&project.run(&["quarantine", "list"]), 0, &[]);
    says(&project.run(&["verify"]), 0, &["equal"]);
}
