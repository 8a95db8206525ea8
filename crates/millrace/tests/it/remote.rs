//! A store that is a server: a real ClickHouse, in a process that may be killed.

use crate::{BINARY, project, says};
use clickhouse::Server;
use cluster::Cluster;
use harness::{Dice, Project, Proxy, Traffic, config, shop_config, shop_schema, wait_until};

/// Asks nothing unless it is the process of a server.
#[test]
fn is_a_server() {
    clickhouse::serve();
}

/// Not there yet.
pub(crate) fn absent() -> Server {
    Server::absent("remote::is_a_server")
}

pub(crate) fn server() -> Server {
    Server::start("remote::is_a_server")
}

/// What a project needs to keep its rows there.
pub(crate) fn section(port: u16) -> String {
    format!("[store]\nurl = \"http://127.0.0.1:{port}\"\n")
}

#[test]
fn rows_reach_a_server_whoever_is_killed_meanwhile() {
    let cluster = Cluster::start();
    cluster.sql(&shop_schema(5_000));
    let mut server = server();
    let project = project(&cluster, &(section(server.port()) + shop_config()));
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
    let server = server();
    let proxy = Proxy::start(server.port());
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
    let mut server = absent();
    let project = project(&cluster, &section(server.port()));
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
    let mut server = absent();
    let of = |store: &str| Project::new(BINARY, &config(&cluster.url(), store));
    says(
        &of(&section(server.port())).run(&["check"]),
        1,
        &["could not reach ClickHouse", "not ready"],
    );
    server.come();
    says(&of(&section(server.port())).run(&["check"]), 0, &["ready"]);
    let url = format!(
        "[store]\nurl = \"http://ann:wrong${{TEST_NOTHING}}@127.0.0.1:{}\"\n",
        server.port()
    );
    let ran = of(&url).run_with(&["check"], &[("TEST_NOTHING", "-secret")]);
    says(&ran, 1, &["cannot log in", "ClickHouse error 516", "store.url"]);
    assert!(!ran.talk().contains("wrong-secret"), "{}", ran.talk());
    server.door().query("CREATE DATABASE IF NOT EXISTS millrace");
    server.door().query("CREATE TABLE IF NOT EXISTS millrace.checkpoints (slot String, confirmed UInt64) ENGINE = MergeTree ORDER BY slot");
    server.door().query("INSERT INTO millrace.checkpoints (slot, confirmed) VALUES ('other', 1)");
    says(
        &of(&section(server.port())).run(&["check"]),
        1,
        &["slot other", "ALTER TABLE millrace.checkpoints DELETE"],
    );
    says(&of(&section(server.port())).up_ends(), 2, &["for slot millrace", "slot other"]);
    // Another kind of server answers there.
    let elsewhere = of(&section(cluster.port()));
    says(&elsewhere.run(&["check"]), 1, &["not ready", &format!("127.0.0.1:{}", cluster.port())]);
}

#[test]
fn verbs_ask_the_server_with_and_without_an_up() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1), (2)");
    let server = server();
    let project = project(&cluster, &section(server.port()));
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
