//! The kernel keeps `millrace up` to its files, whatever an admin asks of the engine; and everything that
//! Millrace does works there.

use crate::{BINARY, project, says, wait_for_state};
use cluster::Cluster;
use harness::{Authority, Project, config};
use std::path::Path;
use std::process::Command;

const TABLE: &str = "create table t (id int primary key, word text);
    insert into t values (1, 'one'), (2, 'two');
    create publication millrace for table t;";

/// What a kernel that cannot do it is told by.
fn holds(project: &Project) -> bool {
    let holds = project.status()["confined"] == true;
    if !holds {
        cluster::skip("this kernel has no Landlock of Linux 5.19 or newer");
    }
    holds
}

#[test]
fn an_admin_reads_and_writes_no_files_of_the_machine() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    if !holds(&project) {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "topsecret").unwrap();
    let (secret, place) = (secret.display(), outside.path().display());
    for text in [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT file('/etc/passwd')",
        "SELECT * FROM default.`/etc/passwd`",
        "SELECT * FROM file('/proc/self/environ', 'RawBLOB')",
        "SELECT * FROM file('/proc/self/root/etc/passwd', 'LineAsString')",
        &format!("SELECT * FROM file('{secret}', 'LineAsString')"),
        &format!("SELECT * FROM file('{place}/*', 'LineAsString')"),
        &format!("INSERT INTO FUNCTION file('{place}/new', 'CSV', 'x Int8') SELECT 1"),
        &format!("CREATE TABLE main.f (x String) ENGINE = File(LineAsString, '{secret}')"),
        &format!("SELECT * FROM sqlite('{place}/new.db', 't')"),
    ] {
        let ran = project.run(&["sql", text]);
        let read = match text.starts_with("CREATE") {
            true => project.run(&["sql", "SELECT * FROM main.f"]),
            false => ran,
        };
        // A pattern finds nothing.
        let nothing = read.code != Some(0) || read.stdout.trim().is_empty();
        assert!(nothing, "{text}: {}", read.talk());
        for mark in ["root:x", "topsecret", "CARGO"] {
            assert!(!read.talk().contains(mark), "{text}: {}", read.talk());
        }
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    says(&project.run(&["status"]), 0, &["the kernel keeps the engine to the data directory"]);
    says(&project.run(&["check"]), 0, &["the kernel keeps `millrace up` to its data directory"]);
    assert!(up.log().contains("the kernel keeps this process"), "{}", up.log());
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn everything_works_within() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let sealed = |folder: &Path| {
        let file = |name: &str| folder.join(name).display().to_string();
        let (cert, key) = (file("live.pem"), file("live.key"));
        format!("clickhouse_tls = \"127.0.0.1:0\"\ncert_file = \"{cert}\"\nkey_file = \"{key}\"\n")
    };
    let folder = tempfile::tempdir().unwrap();
    let renew = || {
        let authority = Authority::new();
        authority.sign("server", "localhost", "DNS:localhost");
        for (from, to) in [("server.pem", "live.pem"), ("server.key", "live.key")] {
            let fresh = folder.path().join("fresh");
            std::fs::copy(authority.path(from), &fresh).unwrap();
            std::fs::rename(&fresh, folder.path().join(to)).unwrap();
        }
        authority
    };
    let authority = renew();
    let users = "[serve.users.root]\npassword = \"${file:secret}\"\nroles = [\"admin\"]\n";
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "topsecret").unwrap();
    let users = users.replace("secret}", &format!("{}}}", secret.display()));
    let written = config(&cluster.socket_url(), &users)
        .replace("[serve]\n", &format!("[serve]\n{}", sealed(folder.path())));
    let project = Project::new(BINARY, &written);
    let ask = |log: &str, authority: &Authority, sql: &str| {
        let said = log.lines().rev().find_map(|line| line.split("and https://").nth(1));
        let port = said.and_then(|rest| rest.split(',').next()?.rsplit(':').next()).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-u", "root:topsecret", "--data-binary", sql, "--cacert"]);
        curl.arg(authority.path("ca.pem")).arg(format!("https://localhost:{port}/"));
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };
    const WORDS: &str = "SELECT groupArray(word) FROM (SELECT word FROM public.t ORDER BY id)";
    let mut up = project.up();
    up.wait_ready();
    if !holds(&project) {
        return;
    }
    assert_eq!(ask(&up.log(), &authority, WORDS).trim(), "['one','two']");
    let authority = renew();
    assert_eq!(ask(&up.log(), &authority, WORDS).trim(), "['one','two']");
    for text in [
        "CREATE DATABASE d",
        "CREATE TABLE d.a (x Int64) ENGINE = MergeTree ORDER BY x",
        "INSERT INTO d.a SELECT number FROM numbers(100000)",
        "OPTIMIZE TABLE d.a FINAL",
        "RENAME TABLE d.a TO main.a",
        "ALTER TABLE main.a DETACH PARTITION tuple()",
        "ALTER TABLE main.a ATTACH PARTITION tuple()",
        "ALTER TABLE main.a DELETE WHERE x = 0 SETTINGS mutations_sync = 2",
        "CREATE TABLE main.b CLONE AS main.a",
        "DROP TABLE main.a SYNC",
        "SELECT number FROM numbers(300000) FORMAT JSON",
        "SELECT number FROM numbers(3000000) ORDER BY cityHash64(number) LIMIT 1 OFFSET 2999999 \
         SETTINGS max_bytes_before_external_sort = 1000000, max_bytes_ratio_before_external_sort = 0",
    ] {
        let answer = ask(&up.log(), &authority, text);
        assert!(!answer.contains("DB::Exception"), "{text}: {answer}");
    }
    cluster.sql("insert into t values (3, 'three')");
    let more =
        format!("{written}\n[tables.\"public.t\"]\nsettings = {{ index_granularity = 4096 }}\n");
    let env = [("CLICKHOUSE_USER", "root"), ("CLICKHOUSE_PASSWORD", "topsecret")];
    assert_eq!(project.run_with(&["verify"], &env).code, Some(0));
    // Put in its place, as editors do.
    let fresh = project.path().join("fresh");
    std::fs::write(&fresh, more).unwrap();
    std::fs::rename(&fresh, project.path().join("millrace.toml")).unwrap();
    let reloaded = project.run(&["reload"]);
    assert!(!reloaded.talk().contains("ermission denied"), "{}", reloaded.talk());
    project.configure(&written);
    assert_eq!(up.stop(), Some(0));

    let mut up = project.up();
    up.wait_ready();
    wait_for_state(&project, "public.t", "streaming");
    assert_eq!(ask(&up.log(), &authority, WORDS).trim(), "['one','two','three']");
    assert_eq!(ask(&up.log(), &authority, "SELECT count() FROM main.b").trim(), "99999");
    assert_eq!(up.stop(), Some(0));
}
