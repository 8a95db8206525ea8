//! Statements that are printed, and run by somebody else.

use crate::project;
use cluster::Cluster;

/// Run by hand in an empty store, they are what `up` would have made; `up` finds nothing to add.
#[test]
fn what_is_printed_is_what_up_makes() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id bigint primary key, note text, tags text[]);
         create table events (id bigint primary key, name text not null, at timestamptz);
         create table changes (id bigint primary key, total numeric(10,2));
         create publication millrace for all tables;
         insert into orders values (1, 'n', '{a}'); insert into changes values (1, 2.5)",
    );
    let tables = "[tables.\"public.events\"]\nmode = \"append\"\norder_by = [\"name\"]\n\
                  partition_by = \"toYYYYMM(at)\"\n[tables.\"public.changes\"]\nmode = \"history\"\n";
    let of = |project: &harness::Project| {
        let printed = project.run(&["ddl"]);
        assert_eq!(printed.code, Some(0), "{}", printed.talk());
        printed.stdout
    };
    let (by_up, by_hand) = (project(&cluster, tables), project(&cluster, tables));
    let printed = of(&by_up);
    assert!(!by_up.state().exists(), "nothing is opened");
    let mut up = by_up.up();
    up.wait_ready();
    // What the door writes down, and who may come in, is of the embedded engine.
    let made = "SELECT database, name, create_table_query FROM system.tables \
                WHERE database IN ('millrace', 'public', 'public_raw') AND name NOT LIKE 'scratch%' \
                AND name NOT LIKE 'shown_%' AND name NOT IN ('query_log', 'processes', 'access') \
                ORDER BY ALL";
    let wanted = up.query(made);
    assert_eq!(up.stop(), Some(0));
    assert!(printed.contains("CREATE OR REPLACE VIEW `public`.`orders`"), "{printed}");

    std::fs::create_dir(by_hand.state()).unwrap();
    for statement in printed.split_terminator(";\n\n") {
        let ran = by_hand.run(&["sql", statement]);
        assert_eq!(ran.code, Some(0), "{statement}: {}", ran.talk());
    }
    let ran = by_hand.run(&["sql", made]);
    assert_eq!(ran.stdout.trim_end(), wanted);
    assert_eq!(of(&by_hand), printed);
}

#[test]
fn a_clusters_statements_are_printed() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); create publication millrace for table t");
    let project = project(&cluster, "[store]\nurl = \"http://127.0.0.1:1\"\ncluster = \"prod\"\n");
    let printed = project.run(&["ddl"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk());
    for statement in printed.stdout.split_terminator(";\n\n") {
        assert!(statement.contains(" ON CLUSTER 'prod'"), "{statement}");
    }
    assert!(
        printed
            .stdout
            .contains("Distributed('prod', 'public_raw_shard', 't', cityHash64(tuple(`id`)))")
    );
}
