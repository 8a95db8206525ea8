//! Users of a project, from the file to the rows that they see.

use crate::{BINARY, says};
use cluster::Cluster;
use harness::{Project, config};

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
