//! Users of a project, from the file to the rows that they see.

use crate::{BINARY, says};
use cluster::Cluster;
use harness::{Authority, Project, config};
use std::process::Command;
use std::time::Duration;

const USERS: &str = "[serve.users.root]\npassword = \"topsecret\"\nroles = [\"admin\"]\n\
    [serve.users.vera]\npassword = \"topsecret\"\nroles = [\"viewer\"]\n\
    grants = [\"SELECT ON public.*\"]\n\
    [serve.users.vera.filters]\n\"public.t\" = \"word != 'hidden'\"\n";

const TABLE: &str = "create table t (id int primary key, word text);
    insert into t values (1, 'shown'), (2, 'hidden');
    create table people (id int primary key, salary int);
    insert into people values (1, 1000);
    create publication millrace for table t, people;";

#[test]
fn a_viewer_reads_mirrors_and_not_what_is_behind_them() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let project = Project::new(BINARY, &config(&cluster.url(), USERS));
    let ask = |user: &str, sql: &str| {
        let env = [("CLICKHOUSE_USER", user), ("CLICKHOUSE_PASSWORD", "topsecret")];
        project.run_with(&["sql", sql], &env)
    };
    let answer = |user: &str, sql: &str| {
        let ran = ask(user, sql);
        assert_eq!(ran.code, Some(0), "{user}: {sql}: {}", ran.talk());
        ran.stdout.clone()
    };
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(answer("root", "SELECT count() FROM public.t").trim(), "2");
    assert_eq!(answer("vera", "SELECT groupArray(word) FROM public.t").trim(), "['shown']");
    says(&ask("vera", "SELECT * FROM public_raw.t"), 2, &["Not enough privileges"]);
    says(&ask("vera", "SELECT * FROM millrace.tables"), 2, &["Not enough privileges"]);
    says(&project.run(&["sql", "SELECT 1"]), 2, &["a name and a password are required"]);
    // Of columns the engine knows from the next start on.
    answer("root", "CREATE USER ann IDENTIFIED BY 'topsecret'");
    answer("root", "GRANT SELECT(id) ON public.people TO ann");
    says(&ask("ann", "SELECT id FROM public.people"), 2, &["Not enough privileges"]);
    assert_eq!(up.stop(), Some(0));

    let mut up = project.up();
    up.wait_ready();
    assert_eq!(answer("ann", "SELECT id FROM public.people").trim(), "1");
    says(&ask("ann", "SELECT salary FROM public.people"), 2, &["Not enough privileges"]);
    assert_eq!(answer("vera", "SELECT count() FROM public.people").trim(), "1");
    assert!(!up.log().contains("topsecret"));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn the_port_with_tls_is_beside_the_other_and_asks_for_the_same() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let authority = Authority::new();
    authority.sign("server", "localhost", "DNS:localhost");
    let file = |name: &str| authority.path(name).display().to_string();
    let sealed = format!(
        "[serve]\nclickhouse_tls = \"127.0.0.1:0\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        file("server.pem"),
        file("server.key")
    );
    let config = config(&cluster.url(), USERS).replace("[serve]\n", &sealed);
    let project = Project::new(BINARY, &config);
    let mut up = project.up();
    up.wait_ready();
    let log = up.log();
    let said = log.lines().find_map(|line| line.split("and https://").nth(1));
    let port = said.and_then(|rest| rest.split(',').next()?.rsplit(':').next()).unwrap();
    let ask = |login: &[&str]| {
        let output = Command::new("curl")
            .args(["-sS", "--cacert", &file("ca.pem"), "--data-binary"])
            .arg("SELECT groupArray(word) FROM public.t")
            .args(login)
            .arg(format!("https://localhost:{port}/"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["-u", "vera:topsecret"]).trim(), "['shown']");
    assert!(ask(&[]).contains("a name and a password are required"));
    assert_eq!(up.stop(), Some(0));

    project.configure(&config.replace(&file("server.key"), "none.key"));
    says(&project.up_ends(), 2, &["cannot read serve.key_file", "none.key"]);
}

/// The process is killed as soon as anything of a change can be seen: all of it is there afterwards.
#[test]
fn a_change_of_users_is_kept_whole_or_not_at_all() {
    const ROLES: usize = 60;
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let project = Project::new(BINARY, &config(&cluster.url(), USERS));
    let env = [("CLICKHOUSE_USER", "root"), ("CLICKHOUSE_PASSWORD", "topsecret")];
    let ask = |sql: &str| project.run_with(&["sql", sql], &env).stdout.trim().to_owned();
    for round in 0..3 {
        let up = project.up();
        let names: Vec<String> = (0..ROLES).map(|role| format!("r{round}_{role}")).collect();
        let mut sql = project.command(&["sql", &format!("CREATE ROLE {}", names.join(", "))]);
        let mut sql = sql.envs(env).spawn().unwrap();
        let seen =
            format!("SELECT count() > 0 FROM millrace.access WHERE startsWith(name, 'r{round}_')");
        let found = harness::poll(Duration::from_secs(60), || (ask(&seen) == "1").then_some(()));
        up.kill();
        sql.wait().unwrap();
        assert!(found.is_some());
        let up = project.up();
        let roles = format!("SELECT count() FROM system.roles WHERE name LIKE 'r{round}%'");
        assert_eq!(ask(&roles), ROLES.to_string());
        assert_eq!(up.stop(), Some(0));
    }
}
