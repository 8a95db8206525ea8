//! `reload` and SIGHUP, seen from outside.

use crate::{project, says, wait_for_state};
use cluster::Cluster;
use harness::{Project, config, wait_until};

fn columns(column: &str) -> String {
    format!("[tables.\"public.orders\".columns]\n{column}\n")
}

fn configure(project: &Project, cluster: &Cluster, tables: &str) {
    project.configure(&config(&cluster.url(), tables));
}

#[test]
fn the_tables_options_are_taken_while_everything_goes_on() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, amount int, note text);
         create table others (id int primary key); create table facts (id int primary key);
         insert into orders values (1, 1, 'one'); insert into facts values (1);
         create publication millrace for table orders, others",
    );
    let project = project(&cluster, "");
    says(&project.run(&["reload"]), 2, &["it is not running"]);
    let mut up = project.up();
    up.wait_ready();
    let pid = up.pid();
    says(&project.run(&["reload"]), 0, &["nothing changed"]);
    configure(&project, &cluster, &columns("note = { exclude = true }"));
    let said = ["public.orders: columns.note.exclude changed; it goes on with that"];
    says(&project.run(&["reload"]), 0, &said);
    cluster.sql("insert into orders values (2, 2, 'two'); insert into others values (1)");
    up.wait_for("SELECT count() FROM public.others", "1");
    assert_eq!(up.query("SELECT * FROM public.orders ORDER BY id"), "1\t1\n2\t2");
    configure(&project, &cluster, &columns("amount = { type = \"String\" }"));
    let said = ["columns.amount.type, columns.note.exclude changed; it is copied"];
    says(&project.run(&["reload"]), 0, &said);
    up.wait_ready();
    let typed = up.query("SELECT toTypeName(amount), note FROM public.orders WHERE id = 2");
    assert_eq!(typed, "String\ttwo");
    // A table that comes: by its section first, which says what it lacks.
    let facts = "[tables.\"public.facts\"]\nmode = \"append\"\norder_by = [\"id\"]\n";
    configure(&project, &cluster, facts);
    says(
        &project.run(&["reload"]),
        0,
        &["public.facts: mode, order_by changed", "ALTER PUBLICATION"],
    );
    cluster.sql("alter publication millrace add table facts");
    wait_for_state(&project, "public.facts", "streaming");
    assert_eq!(up.query("SELECT engine FROM system.tables WHERE name = 'facts'"), "MergeTree");
    up.wait_ready();
    assert_eq!(up.pid(), pid);
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_file_that_is_wrong_or_wants_a_restart_changes_nothing() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, note text); insert into orders values (1, 'one')",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    let good = config(&cluster.url(), &columns("note = { exclude = true }"));
    let wrong = [
        // The file alone says so. The verb reads it too, for where the data is.
        (good.replace("exclude", "exclud"), "did you mean exclude?"),
        (good.clone() + "\n[[", "cannot read it as TOML"),
        // Only the running process knows.
        (
            good.replace("slot = \"millrace\"", "slot = \"other\""),
            "cannot reload: source.slot changed",
        ),
        (good.clone() + "[limits]\nstream_memory_mib = 64\n", "limits.stream_memory_mib changed"),
        (
            config(&cluster.url(), &columns("notes = { exclude = true }")),
            "cannot find column notes",
        ),
        (config(&cluster.url(), &columns("note = { type = \"Strin\" }")), "Strin"),
        (
            config(&cluster.url(), "[tables.\"public.orders\"]\nmode = \"append\"\n"),
            "cannot keep public.orders as append",
        ),
    ];
    for (text, said) in wrong {
        project.configure(&text);
        says(&project.run(&["reload"]), 2, &[said]);
        let before = up.log().matches(said).count();
        up.hang_up();
        wait_until("SIGHUP says the same", || up.log().matches(said).count() > before);
        assert!(up.is_ready(), "{text}\n{}", up.log());
    }
    assert_eq!(up.query("SELECT * FROM public.orders"), "1\tone");
    project.configure(&good);
    up.hang_up();
    wait_until("SIGHUP reloads", || {
        up.log().contains("reload: public.orders: columns.note.exclude")
    });
    assert_eq!(up.query("SELECT * FROM public.orders"), "1");
    assert!(up.is_running());
    up.wait_ready();
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}
