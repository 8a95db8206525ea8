//! The preflight against real servers: every finding at once, each with a cure that works.

use cluster::Cluster;
use model::{Mode, TableOptions};
use source::preflight::{Finding, Level, Preflight, Wanted, run};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

fn look(url: &str, tables: &BTreeMap<String, TableOptions>) -> Preflight {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = Wanted { publication: "millrace", slot: "millrace", tables };
    runtime.block_on(run(&url.parse().unwrap(), wanted)).unwrap()
}

fn find<'a>(preflight: &'a Preflight, code: &str) -> Vec<&'a Finding> {
    preflight.findings.iter().filter(|finding| finding.code == code).collect()
}

fn errors(preflight: &Preflight) -> Vec<&Finding> {
    preflight.findings.iter().filter(|finding| finding.level == Level::Error).collect()
}

fn as_role(cluster: &Cluster, role: &str) -> String {
    cluster.url().replace("postgres@", &format!("{role}@"))
}

#[test]
fn a_server_that_is_ready_has_no_errors() {
    let cluster = Cluster::start_with(&["max_slot_wal_keep_size = '1GB'"]);
    cluster.sql("create table t (id int primary key); create publication millrace for all tables");
    let preflight = look(&cluster.url(), &BTreeMap::new());
    assert!(errors(&preflight).is_empty(), "{:?}", preflight.findings);
    assert_eq!(find(&preflight, "slot").len(), 1, "{:?}", preflight.findings);
    assert_eq!(preflight.findings.len(), 1, "{:?}", preflight.findings);
    assert_eq!(preflight.tables.len(), 1);
    // Over the Unix socket too.
    assert!(errors(&look(&cluster.socket_url(), &BTreeMap::new())).is_empty());
}

#[test]
fn everything_wrong_is_found_at_once_and_the_cures_cure_it() {
    let cluster = Cluster::start_with(&["wal_level = replica"]);
    cluster.sql(
        "create table keyless (a int, p regclass);
         create table secret (id int primary key);
         create table policed (id int primary key);
         create table forgotten (id int primary key);
         alter table policed enable row level security;
         create publication millrace for table keyless, secret, policed with (publish = 'insert, update');
         create role weak login;
         grant select on keyless, policed to weak",
    );
    let mut tables = BTreeMap::new();
    for name in ["public.forgotten", "public.nowhere"] {
        tables.insert(name.to_owned(), TableOptions::default());
    }
    let preflight = look(&as_role(&cluster, "weak"), &tables);
    for code in [
        "wal_level",
        "replication",
        "select",
        "row_security",
        "replica_identity",
        "no_key",
        "publication_operations",
        "max_slot_wal_keep_size",
        "text_types",
    ] {
        assert_eq!(find(&preflight, code).len(), 1, "{code}: {:?}", preflight.findings);
    }
    assert_eq!(find(&preflight, "publication_coverage").len(), 2, "{:?}", preflight.findings);
    let levels: Vec<Level> = preflight.findings.iter().map(|finding| finding.level).collect();
    assert!(levels.is_sorted(), "errors come first: {levels:?}");

    // The statements as they are printed.
    for code in ["wal_level", "replication", "select", "row_security", "publication_operations"] {
        cluster.sql(find(&preflight, code)[0].cure.as_deref().unwrap());
    }
    let coverage = find(&preflight, "publication_coverage");
    let cure = coverage.iter().filter_map(|finding| finding.cure.as_deref());
    cure.filter(|cure| cure.starts_with("ALTER")).for_each(|cure| drop(cluster.sql(cure)));
    cluster.sql("grant select on forgotten to weak; alter table keyless replica identity full");
    // `start_with` wrote the setting into the file; ALTER SYSTEM wins over it.
    cluster.stop("fast");
    cluster.resume();

    tables.remove("public.nowhere");
    let append = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    tables.insert("public.keyless".into(), append);
    let preflight = look(&as_role(&cluster, "weak"), &tables);
    assert!(errors(&preflight).is_empty(), "{:?}", errors(&preflight));
    assert_eq!(preflight.tables.len(), 4);
}

#[test]
fn what_each_table_without_a_primary_key_can_be_is_said() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table indexed (a int not null); create unique index by_a on indexed (a);
         alter table indexed replica identity using index by_a;
         create table whole (a int); alter table whole replica identity full;
         create table past (a int); create table changes (a int); alter table changes replica identity full;
         create table facts (a int);
         create publication millrace for all tables with (publish = 'insert')",
    );
    let of = |mode| TableOptions { mode, ..TableOptions::default() };
    let tables = BTreeMap::from([
        ("public.past".to_owned(), of(Mode::History)),
        ("public.changes".to_owned(), of(Mode::History)),
        ("public.facts".to_owned(), of(Mode::Append)),
    ]);
    let preflight = look(&cluster.url(), &tables);
    assert!(find(&preflight, "no_key").is_empty(), "{:?}", preflight.findings);
    let [whole] = find(&preflight, "whole_row_key")[..] else { panic!("{:?}", preflight.findings) };
    assert_eq!(whole.what, "public.whole has no key: the whole row is its key");
    let [past] = find(&preflight, "history_without_key")[..] else { panic!("one has no changes") };
    assert_eq!(past.what, "the history of public.past has inserts alone: it has no key");
    // Without the last words, which are a choice.
    let (_, cure) = past.cure.as_deref().unwrap().split_once(" or ").unwrap();
    cluster.sql(cure);
    assert!(find(&look(&cluster.url(), &tables), "history_without_key").is_empty());
    // A mirror of neither.
    let preflight = look(&cluster.url(), &BTreeMap::new());
    let [none] = find(&preflight, "no_key")[..] else { panic!("{:?}", preflight.findings) };
    assert!(none.what.starts_with("public.facts cannot be mirrored"), "{none:?}");
    assert!(none.cure.as_deref().unwrap().contains("REPLICA IDENTITY FULL"), "{none:?}");
}

#[test]
fn tables_outside_the_publication_are_told_with_the_statement_that_adds_them() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key); create publication millrace for table t;
         create table \"New\" (id int primary key); create table keyless (a int);
         create unlogged table scratch (id int primary key);
         create table parted (id int primary key) partition by range (id);
         create table leaf partition of parted for values from (0) to (9);
         alter publication millrace add table leaf",
    );
    let preflight = look(&cluster.url(), &BTreeMap::new());
    let outside = find(&preflight, "publication_outside");
    let whats: Vec<&str> = outside.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "1 table outside publication millrace: public.New",
            "1 table outside publication millrace: public.keyless"
        ]
    );
    assert!(outside.iter().all(|finding| finding.level == Level::Note));
    let cures: Vec<&str> = outside.iter().filter_map(|finding| finding.cure.as_deref()).collect();
    cluster.sql(cures[0]);
    cluster.sql(&cures[1].replace('…', "a"));
    let preflight = look(&cluster.url(), &BTreeMap::new());
    assert!(find(&preflight, "publication_outside").is_empty(), "{:?}", preflight.findings);
    assert!(errors(&preflight).is_empty(), "{:?}", preflight.findings);
}

#[test]
fn a_missing_publication_is_an_error_only_where_we_may_not_create_it() {
    let cluster = Cluster::start();
    cluster.sql("create role weak login replication");
    let level = |preflight: &Preflight| find(preflight, "publication")[0].level;
    let weak = look(&as_role(&cluster, "weak"), &BTreeMap::new());
    assert_eq!(level(&weak), Level::Error);
    assert!(
        find(&weak, "publication")[0].cure.as_deref().unwrap().starts_with("CREATE PUBLICATION")
    );
    assert_eq!(level(&look(&cluster.url(), &BTreeMap::new())), Level::Warning);
}

#[test]
fn slots_that_cannot_be_used_are_told() {
    let cluster = Cluster::start_with(&["max_replication_slots = 1"]);
    cluster.sql("create publication millrace for all tables");
    let slot = |preflight: &Preflight| find(preflight, "slot")[0].clone();
    cluster.sql("select pg_create_physical_replication_slot('millrace')");
    assert!(slot(&look(&cluster.url(), &BTreeMap::new())).what.contains("physical"));
    cluster.sql("select pg_drop_replication_slot('millrace'); create database other");
    let elsewhere = format!("{}/other", cluster.url().rsplit_once('/').unwrap().0);
    cluster.sql("select pg_create_logical_replication_slot('millrace', 'pgoutput')");
    let preflight = look(&elsewhere, &BTreeMap::new());
    assert!(slot(&preflight).what.contains("belongs to database postgres"));
    // The one slot that the server has is ours, so there is room for the stream, not for a copy.
    let room = find(&preflight, "max_replication_slots");
    assert_eq!(room.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Warning]);
    cluster.sql(
        "select pg_drop_replication_slot('millrace'); select pg_create_physical_replication_slot('theirs')",
    );
    let preflight = look(&cluster.url(), &BTreeMap::new());
    assert_eq!(find(&preflight, "max_replication_slots")[0].level, Level::Error);
}

/// Bytes back and forth: as a pooler or a forwarded port looks from outside.
fn forward(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let copies = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
            for (mut from, mut to) in copies.map(|(from, to)| (from.unwrap(), to.unwrap())) {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to).and_then(|_| to.flush());
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    port
}

#[test]
fn something_in_between_is_noticed() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); create publication millrace for all tables");
    let port = forward(cluster.port());
    let preflight =
        look(&format!("postgres://postgres@127.0.0.1:{port}/postgres"), &BTreeMap::new());
    let pooler = find(&preflight, "pooler");
    assert_eq!(pooler.len(), 1, "{:?}", preflight.findings);
    assert!(pooler[0].what.contains(&cluster.port().to_string()));
    assert!(errors(&preflight).is_empty(), "a forwarded port does no harm");
}

#[test]
fn a_server_that_refuses_us_is_an_error_of_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let port = cluster::free_port();
    let address = format!("postgres://postgres@127.0.0.1:{port}/x").parse().unwrap();
    let tables = BTreeMap::new();
    let wanted = Wanted { publication: "p", slot: "s", tables: &tables };
    let error = runtime.block_on(run(&address, wanted)).unwrap_err();
    assert!(error.what().contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// 18 on.
#[test]
fn a_slot_that_the_server_gives_up_by_time_is_foreseen_and_explained() {
    if cluster::major() < 18 {
        cluster::skip("it keeps idle slots for ever");
        return;
    }
    let cluster = Cluster::start_with(&["idle_replication_slot_timeout = '1s'"]);
    cluster.sql(
        "create table t (id int primary key); create publication millrace for all tables;
         select pg_create_logical_replication_slot('millrace', 'pgoutput')",
    );
    // A checkpoint gives up what has been idle for long enough by then.
    let idle = "select pg_sleep(0.2); checkpoint;
                select invalidation_reason from pg_replication_slots";
    assert!((0..150).any(|_| cluster.sql(idle).contains("idle_timeout")));
    let preflight = look(&cluster.url(), &BTreeMap::new());
    assert_eq!(find(&preflight, "slot_lost")[0].what, "slot millrace is lost: idle_timeout");
    let found = find(&preflight, "idle_replication_slot_timeout");
    assert_eq!((found.len(), found[0].what.as_str()), (1, "idle_replication_slot_timeout is 1s"));
    cluster.sql(found[0].cure.as_deref().unwrap());
    // The server reads its settings again in its own time.
    let gone = || find(&look(&cluster.url(), &BTreeMap::new()), found[0].code).is_empty();
    assert!((0..150).any(|_| gone() || !cluster.sql("select pg_sleep(0.1)").is_empty()));
}
