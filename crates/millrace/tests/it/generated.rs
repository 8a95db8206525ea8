//! Generated columns. Before 18 the log has none. From 18 on a publication may send the stored ones,
//! and ours does; the virtual ones, which no log ever has, are left out and said to be.

use crate::project;
use cluster::Cluster;
use harness::{Project, Up};

const SENT_FROM: u32 = 18;

fn ready(project: &Project) -> Up {
    let mut up = project.up();
    up.wait_ready();
    up
}

fn notes(project: &Project) -> Vec<(String, String)> {
    let ran = project.run(&["check", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let about = findings.iter().filter(|finding| finding["code"] == "generated_columns");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    about.map(|finding| (text(&finding["what"]), text(&finding["cure"]))).collect()
}

#[test]
fn stored_ones_are_columns_like_any_other_where_the_log_sends_them() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, price numeric(9,2) not null, n int not null,
             total numeric(12,2) not null generated always as (price * n) stored, note text);
         insert into orders values (1, 1.50, 2, default, 'copied'), (2, 2, 2, default, null)",
    );
    let project = project(&cluster, "");
    let up = ready(&project);
    cluster.sql(
        "insert into orders values (3, 0.10, 3, default, 'streamed');
         update orders set n = 10 where id = 1; update orders set note = 'x' where id = 3",
    );
    up.wait_for("SELECT note FROM public.orders WHERE id = 3", "x");
    let sent = cluster::major() >= SENT_FROM;
    if sent {
        assert_eq!(
            up.query("SELECT id, total FROM public.orders ORDER BY id"),
            "1\t15\n2\t4\n3\t0.3"
        );
        assert_eq!(notes(&project), []);
    } else {
        let columns = "SELECT count() FROM system.columns WHERE database = 'public' \
                       AND table = 'orders' AND name = 'total'";
        assert_eq!(up.query(columns), "0");
        let notes = notes(&project);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!(notes[0].0, "the log does not send public.orders.total");
    }
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// A publication that somebody else made, from 18 on: `check` tells the statement, and after it and a
/// resync the column comes along.
#[test]
fn what_a_publication_leaves_out_is_told_with_the_statement_that_sends_it() {
    if cluster::major() < SENT_FROM {
        cluster::skip("its publications never send generated columns");
        return;
    }
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, n int, twice int generated always as (n * 2) stored);
         insert into orders values (1, 1); create publication millrace for table orders",
    );
    let project = project(&cluster, "");
    let up = ready(&project);
    let [(_, cure)] = &notes(&project)[..] else { panic!("{:?}", notes(&project)) };
    cluster.sql(cure);
    let ran = project.run(&["resync", "public.orders"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    cluster.sql("insert into orders values (2, 2)");
    up.wait_for(
        "SELECT groupArray(twice) FROM (SELECT twice FROM public.orders ORDER BY id)",
        "[2,4]",
    );
    assert_eq!(notes(&project), []);
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// Virtual is 18's default kind. Neither the copy nor the stream may take it for a column.
#[test]
fn virtual_ones_are_left_out_and_said_to_be() {
    if cluster::major() < SENT_FROM {
        cluster::skip("it has no virtual columns");
        return;
    }
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, n int, twice int generated always as (n * 2), note text);
         insert into orders values (1, 1, default, 'copied')",
    );
    let project = project(&cluster, "");
    let up = ready(&project);
    cluster.sql(
        "insert into orders values (2, 2, default, 'streamed'); update orders set n = 7 where id = 1;
         alter table orders add thrice int generated always as (n * 3);
         insert into orders values (3, 3, default, 'after')",
    );
    up.wait_for("SELECT n FROM public.orders WHERE id = 3", "3");
    assert_eq!(
        up.query("SELECT * FROM public.orders ORDER BY id"),
        "1\t7\tcopied\n2\t2\tstreamed\n3\t3\tafter"
    );
    let notes = notes(&project);
    let whats: Vec<&str> = notes.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(whats, ["the log does not send public.orders.twice, public.orders.thrice"]);
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}
