//! Tables that stop, are left out or go missing in the store: none ever looks whole when it is not,
//! and the printed way back works.

use crate::holder::Holder;
use crate::{project, says, take_way_back, wait_for_change, wait_for_state};
use cluster::Cluster;
use harness::config;
use std::time::Duration;

const APPEND: &str = "[tables.\"public.facts\"]\nmode = \"append\"\norder_by = [\"id\"]\n";

/// A table that somebody dropped in the store comes back whole, and is never an empty one that looks
/// right.
#[test]
fn a_dropped_table_is_copied_again() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key); create table facts (id int primary key, amount text);
         insert into orders select generate_series(1, 1000);
         insert into facts select n, n from generate_series(1, 1000) n",
    );
    let project = project(&cluster, APPEND);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (1001); insert into facts values (1001, 1001)");
    for table in ["orders", "facts"] {
        up.wait_for(&format!("SELECT count() FROM public.{table}"), "1001");
    }
    for rows in ["public_raw.orders", "public.facts"] {
        up.query(&format!("DROP TABLE {rows}"));
    }
    cluster.sql("insert into orders values (1002); insert into facts values (1002, 1002)");
    wait_for_state(&project, "public.orders", "failed");
    wait_for_state(&project, "public.facts", "failed");
    assert_eq!(up.stop(), Some(0));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (1003); insert into facts values (1003, 1003)");
    for table in ["orders", "facts"] {
        up.wait_for(&format!("SELECT count() FROM public.{table}"), "1003");
    }
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// What is to be copied again stays so although the copy never began: it waits for a transaction.
#[test]
fn a_dropped_table_whose_copy_waits_is_not_taken_for_copied() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key); create table held (id int primary key);
         insert into orders select generate_series(1, 1000)",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    up.query("DROP TABLE public_raw.orders");
    assert_eq!(up.stop(), Some(0));
    let holder = Holder::start(&cluster);
    let up = project.up();
    up.wait_for("SELECT count() FROM public.orders", "0");
    std::thread::sleep(Duration::from_millis(500));
    up.kill();
    drop(holder);
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.orders"), "1000");
    assert_eq!(up.stop(), Some(0));
}

/// It may have moved on at the source meanwhile: what was missed is copied, not passed over.
///
/// docs/pains.md 17
#[test]
fn a_table_left_out_at_the_start_stays_out_until_it_is_copied_again() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, note text);
         create table others (id int primary key);
         insert into orders select generate_series(1, 100)",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    let wrong = "[tables.\"public.orders\".columns]\nnotes = { type = \"String\" }\n";
    project.configure(&config(&cluster.url(), wrong));
    let up = project.up();
    let table = wait_for_state(&project, "public.orders", "failed");
    assert!(table["last_error"].to_string().contains("cannot find column notes"), "{table}");
    cluster.sql("insert into orders values (101); insert into others values (1)");
    up.wait_for("SELECT count() FROM public.others", "1");
    assert_eq!(up.stop(), Some(0));
    project.configure(&config(&cluster.url(), ""));
    let mut up = project.up();
    let table = wait_for_state(&project, "public.orders", "failed");
    cluster.sql("insert into orders values (102)");
    take_way_back(&project, &table);
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.orders", "102");
    cluster.sql("insert into orders values (103)");
    up.wait_for("SELECT count() FROM public.orders", "103");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// What was committed while it was not published is sent to nobody.
#[test]
fn a_table_that_was_not_published_for_a_while_is_not_taken_for_whole() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key); create table others (id int primary key);
         insert into orders values (1); create publication millrace for table orders, others",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    cluster.sql("alter publication millrace drop table orders");
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (2); insert into others values (1)");
    up.wait_for("SELECT count() FROM public.others", "1");
    assert_eq!(up.query("SELECT count() FROM public.orders"), "1");
    assert_eq!(up.stop(), Some(0));
    cluster.sql("alter publication millrace add table orders");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.orders"), "2");
    assert_eq!(up.stop(), Some(0));
}

/// A configuration that moves a table loses nothing: it is not begun with.
#[test]
fn a_table_that_the_configuration_moves_keeps_up_from_starting() {
    let cluster = Cluster::start();
    cluster.sql("create table facts (id int primary key); insert into facts values (1)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    project.configure(&config(&cluster.url(), APPEND));
    says(&project.up_ends(), 2, &["cannot keep public.facts as append", "change it back"]);
    cluster.sql("insert into facts values (2)");
    project.configure(&config(&cluster.url(), ""));
    let mut up = project.up();
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.facts", "2");
    assert_eq!(up.stop(), Some(0));
}

/// A change of its shape does not make an empty one of it.
///
/// docs/pains.md 11
#[test]
fn a_dropped_table_that_gets_a_column_stops() {
    let cluster = Cluster::start();
    cluster.sql("create table orders (id int primary key); insert into orders values (1)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    up.query("DROP TABLE public_raw.orders");
    cluster.sql("alter table orders add column more int; insert into orders values (2)");
    let table = wait_for_state(&project, "public.orders", "failed");
    assert!(table["last_error"].to_string().contains("not in the store any more"), "{table}");
    assert_eq!(up.stop(), Some(0));
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.orders"), "2");
    assert_eq!(up.stop(), Some(0));
}

/// The pipeline goes on without it.
///
/// docs/pains.md 11
#[test]
fn a_truncate_of_a_table_that_is_missing_in_the_store_stops_that_table_alone() {
    let cluster = Cluster::start();
    cluster
        .sql("create table orders (id int primary key); create table others (id int primary key)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (1)");
    up.wait_for("SELECT count() FROM public.orders", "1");
    up.query("DROP TABLE public_raw.orders");
    cluster.sql("truncate orders; insert into others values (1)");
    up.wait_for("SELECT count() FROM public.others", "1");
    wait_for_state(&project, "public.orders", "failed");
    assert_eq!(up.stop(), Some(0));
}

/// What is committed in the new shape before the copy's snapshot must not be passed over behind it.
#[test]
fn a_table_whose_columns_change_while_its_copy_waits_is_copied_with_them() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key); create table held (id int primary key);
         insert into orders select generate_series(1, 1000)",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    let holder = Holder::start(&cluster);
    assert_eq!(project.run(&["resync", "public.orders"]).code, Some(0));
    wait_for_state(&project, "public.orders", "waiting");
    cluster.sql("alter table orders add column more int; update orders set more = 1 where id = 1");
    up.wait_for("SELECT count() FROM public.orders WHERE id = 1 AND more = 1", "1");
    cluster.sql("alter table orders rename more to most");
    drop(holder);
    wait_for_change(&project, "public.orders", "in place");
    up.wait_ready();
    cluster.sql("insert into orders values (1001, 2)");
    up.wait_for("SELECT count() FROM public.orders WHERE most > 0", "2");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// Its column holds NULLs here, and need not any more.
#[test]
fn a_column_that_became_not_null_stops_nothing() {
    let cluster = Cluster::start();
    cluster.sql(
        "create type mood as enum ('glad'); create table orders (id int primary key, n int, m mood);
         insert into orders values (1, 1, 'glad')",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    cluster.sql("alter table orders alter n set not null, alter m set not null");
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (2, 2, 'glad')");
    up.wait_for("SELECT sum(n) FROM public.orders", "3");
    assert_eq!(up.stop(), Some(0));
}
