//! Verbs and their exit codes: 0 done, 1 the answer is no, 2 could not run.

use crate::{boards, err, millrace, out};
use cluster::Cluster;
use std::net::TcpListener;
use std::path::Path;

const SHOP: &str = include_str!("../../../../examples/shop/schema.sql");

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("millrace.toml"), text).unwrap();
}

#[test]
fn config_check_never_connects() {
    let folder = tempfile::tempdir().unwrap();
    let check = || millrace(folder.path(), &["config", "check"]);
    assert_eq!(check().status.code(), Some(2), "no file");
    assert!(err(&check()).contains("hint: make one with `millrace init"), "{}", err(&check()));
    write(folder.path(), "[source]\nurl = \"postgres://ann@192.0.2.1/shop\"\n");
    assert_eq!(check().status.code(), Some(0), "{}", err(&check()));
    write(folder.path(), "[source]\nurl = \"${MILLRACE_TEST_UNSET}\"\n");
    assert_eq!(check().status.code(), Some(0));
    assert!(err(&check()).contains("MILLRACE_TEST_UNSET is not set"));
    write(folder.path(), "[source]\nurll = \"x\"\n");
    assert_eq!(check().status.code(), Some(1));
    assert_eq!(
        err(&check()),
        "error: millrace.toml: cannot use source.urll: there is no such key\nhint: did you mean url?\n"
    );
    write(folder.path(), "[source]\nurl = \"postgres://ann:topsecret@h/shop\"\n");
    assert_eq!(check().status.code(), Some(0));
    assert!(err(&check()).starts_with("warning: source.url holds a password"));
    assert!(!err(&check()).contains("topsecret"));
}

#[test]
fn verbs_that_need_a_running_mill_say_so() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "[source]\nurl = \"${MILLRACE_TEST_UNSET}\"\n");
    let status = millrace(folder.path(), &["status"]);
    assert_eq!(status.status.code(), Some(2));
    assert!(err(&status).contains("hint: millrace up"), "{}", err(&status));
    let sql = millrace(folder.path(), &["sql", "select 1"]);
    assert_eq!(sql.status.code(), Some(2));
    assert!(out(&sql).is_empty());
}

#[test]
fn a_port_in_use_is_named_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = format!(
        "[source]\nurl = \"postgres://ann@127.0.0.1:1/shop\"\n[serve]\nclickhouse = \"127.0.0.1:{port}\"\nui = \"127.0.0.1:0\"\n"
    );
    write(folder.path(), &text);
    let up = millrace(folder.path(), &["up"]);
    assert_eq!(up.status.code(), Some(2));
    assert!(err(&up).contains(&format!("port {port} is in use")), "{}", err(&up));
    assert!(!folder.path().join(".millrace").exists());
}

#[test]
fn sql_without_up_opens_the_store_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "[source]\nurl = \"${MILLRACE_TEST_UNSET}\"\n");
    std::fs::create_dir(folder.path().join(".millrace")).unwrap();
    let sql = |query: &str| millrace(folder.path(), &["sql", query]);
    let made = sql("CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x");
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert_eq!(sql("INSERT INTO t VALUES (1), (2)").status.code(), Some(0));
    assert_eq!(out(&sql("SELECT sum(x), 'a;b' FROM t;")), "3\ta;b\n");
    let csv =
        millrace(folder.path(), &["sql", "--format", "CSVWithNames", "SELECT x FROM t ORDER BY x"]);
    assert_eq!(out(&csv), "\"x\"\n1\n2\n");
    let wrong = sql("SELECT nothing FROM nowhere");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).starts_with("error: ") && out(&wrong).is_empty(), "{}", err(&wrong));
    let data = sql("INSERT INTO t FORMAT TSV\n1\n\nDROP TABLE t");
    assert_eq!(data.status.code(), Some(2));
    assert_eq!(out(&sql("SELECT count() FROM t")), "2\n");
}

#[test]
fn a_missing_library_says_which_command_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "[source]\nurl = \"${MILLRACE_TEST_UNSET}\"\n");
    std::fs::create_dir(folder.path().join(".millrace")).unwrap();
    let sql = std::process::Command::new(env!("CARGO_BIN_EXE_millrace"))
        .current_dir(folder.path())
        .args(["sql", "select 1"])
        .env("MILLRACE_LIBCHDB", folder.path().join("nothing"))
        .output()
        .unwrap();
    assert_eq!(sql.status.code(), Some(2));
    assert!(err(&sql).contains("make setup"), "{}", err(&sql));
}

/// Whoever types an address has no [source] to look into yet.
#[test]
fn init_speaks_of_the_address_that_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start();
    for url in ["postgres//ann@h/shop".to_owned(), cluster.url() + "-nowhere"] {
        let init = millrace(folder.path(), &["init", &url]);
        assert_eq!(init.status.code(), Some(2));
        assert!(err(&init).contains("the address"), "{}", err(&init));
        assert!(!err(&init).contains("[source]"), "{}", err(&init));
    }
    write(folder.path(), "[source]\nurl = \"postgres//ann@h/shop\"\n");
    let check = millrace(folder.path(), &["check"]);
    assert!(err(&check).contains("[source] url: cannot read the address"), "{}", err(&check));
}

const NEXT: &str = "next: cd shop
      millrace transform setup  # dbt, which builds the models
      millrace up
";

const BOARDS: &str = "\
dashboards: pipe, pulse (of public.events, public.orders), product (of public.events), money (of public.orders, public.subscriptions)
alerting: 11 rules, shown on the page; contact-points.yaml says how somebody is told
";

/// The shop, a few rows in it, and what `init` writes for it.
#[test]
fn init_writes_a_project_and_check_finds_it_ready() {
    let cluster = Cluster::start_with(&["max_slot_wal_keep_size = '1GB'"]);
    cluster.sql(SHOP);
    cluster.sql(
        "insert into events select gen_random_uuid(), i, 'view', now(), '{\"a\": 1}' from generate_series(1, 2000) i;
         create table keyless (a int);
         analyze",
    );
    // Counters arrive with a delay of the server's own.
    while cluster.sql("select n_tup_ins from pg_stat_user_tables where relname = 'events'")
        != "2000"
    {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let folder = tempfile::tempdir().unwrap();
    let init = millrace(folder.path(), &["init", &cluster.url(), "--dir", "shop"]);
    assert_eq!(init.status.code(), Some(0), "{}", err(&init));
    assert_eq!(out(&init), "shop/millrace.toml\nshop/dbt/\nshop/dashboards/\nshop/alerting/\n");
    assert!(err(&init).contains("dbt: 7 staging models, 32 tests, and 6 marts"), "{}", err(&init));
    assert!(err(&init).contains(BOARDS), "{}", err(&init));
    assert!(err(&init).contains("slot millrace: created"), "{}", err(&init));
    assert!(!err(&init).contains("does not exist"), "{}", err(&init));
    assert!(err(&init).ends_with(NEXT), "{}", err(&init));
    let shop = folder.path().join("shop");
    let written = std::fs::read_to_string(shop.join("millrace.toml")).unwrap();
    compare_with_golden(&written, &cluster);
    compare_boards_with_golden(&shop);
    assert_eq!(std::fs::read_to_string(shop.join(".gitignore")).unwrap(), ".millrace/\n");
    let published = "select count(*) from pg_publication_tables where pubname = 'millrace'";
    assert_eq!(cluster.sql(published), "7", "all but the one without a key");
    assert_eq!(
        cluster.sql("select plugin from pg_replication_slots where slot_name = 'millrace'"),
        "pgoutput"
    );

    let check = millrace(&shop, &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}{}", out(&check), err(&check));
    assert!(out(&check).contains("7 tables published; 0 errors"), "{}", out(&check));
    let again = millrace(folder.path(), &["init", &cluster.url(), "--dir", "shop"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("it exists"));

    // A password never reaches the file.
    let url = cluster.url().replace("postgres@", "postgres:topsecret@");
    let init = millrace(folder.path(), &["init", &url, "--dir", "other"]);
    assert_eq!(init.status.code(), Some(0), "{}", err(&init));
    let written = std::fs::read_to_string(folder.path().join("other/millrace.toml")).unwrap();
    assert!(written.contains("url = \"${DATABASE_URL}\"") && !written.contains("topsecret"));

    // The answer is no, for people and for programs.
    cluster.sql("alter table users replica identity nothing");
    let check = millrace(&shop, &["check", "--json"]);
    assert_eq!(check.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&out(&check)).unwrap();
    assert_eq!(json["ready"], false);
    assert_eq!(json["findings"][0]["code"], "replica_identity");
}

const SETUP: &str = "millrace transform setup  # dbt, which builds the models";

#[test]
fn init_names_the_cure_before_it_names_up() {
    let cluster = Cluster::start_with(&["wal_level = replica"]);
    cluster.sql("create table t (id int primary key)");
    let folder = tempfile::tempdir().unwrap();
    let next = |dir: &str| {
        let init = millrace(folder.path(), &["init", &cluster.url(), "--dir", dir]);
        assert_eq!(init.status.code(), Some(0), "{}", err(&init));
        err(&init).split_once("first: ").unwrap().1.to_owned()
    };
    let cure = "ALTER SYSTEM SET wal_level = 'logical';  -- then restart Postgres";
    assert_eq!(
        next("shop"),
        format!("{cure}\nnext: cd shop\n      {SETUP}\n      millrace check\n")
    );
    // A slot that is there already makes nothing ready.
    cluster.sql("alter system set wal_level = 'logical'");
    cluster.stop("fast");
    cluster.resume();
    cluster.sql(
        "select pg_create_logical_replication_slot('millrace', 'pgoutput');
         alter table t replica identity nothing",
    );
    let again = next("again");
    let (cure, next) = again.split_once('\n').unwrap();
    assert!(cure.contains("REPLICA IDENTITY DEFAULT; or ALTER PUBLICATION"), "{again}");
    assert_eq!(next, format!("next: cd again\n      {SETUP}\n      millrace check\n"));
}

/// Ports, versions and sizes on disk differ from machine to machine.
fn compare_with_golden(written: &str, cluster: &Cluster) {
    let version = cluster.sql("select current_setting('server_version_num')::int / 10000 || '.' || current_setting('server_version_num')::int % 10000");
    let text = written
        .replace(&cluster.port().to_string(), "PORT")
        .replace(&format!("Postgres {version}."), "Postgres VERSION.");
    let mut plain = String::new();
    for line in text.lines() {
        match line.split_once(" rows, ").filter(|_| line.starts_with('#')) {
            Some((before, _)) => plain += &format!("{before} rows, SIZE.\n"),
            None => plain += &format!("{line}\n"),
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/init.toml");
    if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
        std::fs::write(path, &plain).unwrap();
    }
    assert_eq!(plain, std::fs::read_to_string(path).unwrap_or_default());
}

/// Dashboards and rules: sound, and with the panels that there are for such tables.
fn compare_boards_with_golden(project: &Path) {
    let alerting = boards::files(&project.join("alerting"));
    let dashboards = boards::assert_dashboards(&boards::files(&project.join("dashboards")), "");
    boards::assert_rules(&alerting, &dashboards);
    boards::assert_schemas(&project.join("dashboards"));
    // As they are once somebody takes the comment signs away.
    let told = alerting.iter().map(|(name, text)| {
        let (head, rest) = text.split_once("apiVersion: 1").unwrap();
        (name.clone(), format!("{head}apiVersion: 1{}", rest.replace("\n# ", "\n")))
    });
    boards::assert_rules(&told.collect(), &dashboards);
    // Nothing of the shop's own is left.
    let texts =
        [project.join("dashboards"), project.join("alerting")].map(|folder| boards::files(&folder));
    for (name, text) in texts.iter().flatten() {
        for word in ["shop", "customer", "signup", "signed up", "eur"] {
            let is_word = |at: usize| !text[..at].ends_with(char::is_alphabetic);
            let found = text.to_lowercase().match_indices(word).any(|(at, _)| is_word(at));
            assert!(!found, "{name}: {word}");
        }
    }
    let digest = boards::digest(&dashboards, &alerting["rules.yaml"]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/init-boards.txt");
    if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
        std::fs::write(path, &digest).unwrap();
    }
    assert!(
        digest == std::fs::read_to_string(path).unwrap_or_default(),
        "tests/cli/init-boards.txt is old: MILLRACE_WRITE_DOCS=1 cargo test -p millrace --test cli init"
    );
}

/// Without an `up`: a pipeline for the moment, on any ports, that copies, compares and stops.
#[test]
fn verify_runs_a_pipeline_of_its_own() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key, x text); insert into t select i, 'x' || i from generate_series(1, 500) i");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("[source]\nurl = \"{}\"\n", cluster.url()));
    let verify = || millrace(folder.path(), &["verify", "--json"]);
    let first = verify();
    assert_eq!(first.status.code(), Some(0), "{}{}", out(&first), err(&first));
    let verdict: serde_json::Value = serde_json::from_str(&out(&first)).unwrap();
    assert_eq!(verdict["tables"][0]["store_rows"], 500);
    assert!(!folder.path().join(".millrace/up.json").exists());
    // A row that nobody sent: the answer is no, and the key is listed.
    let forged = "INSERT INTO public_raw.t (id, x, _version, _deleted) VALUES (1, 'forged', 340282366920938463463374607431768211455, 0)";
    assert_eq!(millrace(folder.path(), &["sql", forged]).status.code(), Some(0));
    let second = millrace(folder.path(), &["verify", "public.t"]);
    assert_eq!(second.status.code(), Some(1), "{}{}", out(&second), err(&second));
    assert!(out(&second).contains("1 differing key\n"), "{}", out(&second));
}
