//! Tables copied again beside a stream that goes on.

use crate::holder::Holder;
use crate::{project, says, wait_for_change, wait_for_state};
use cluster::Cluster;
use harness::{Project, Up};

const APPEND: &str = "[tables.\"public.facts\"]\nmode = \"append\"\norder_by = [\"id\"]\n";

/// Longer than any test looks at it.
const SLOWLY: &[&str] = &["--max-rows-per-second", "100"];

fn resync(project: &Project, args: &[&str]) {
    let ran = project.run(&[&["resync"], args].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
}

fn ready(project: &Project) -> Up {
    let mut up = project.up();
    up.wait_ready();
    up
}

/// Whatever somebody did to it in the store.
///
/// docs/pains.md 14
#[test]
fn a_mirror_is_right_again_and_serves_meanwhile() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, note text);
         create table others (id int primary key);
         insert into orders select n, 'note ' || n from generate_series(1, 20000) n",
    );
    let project = project(&cluster, "");
    let mut up = ready(&project);
    up.query("ALTER TABLE public_raw.orders DELETE WHERE id <= 100 SETTINGS mutations_sync = 2");
    up.query(
        "INSERT INTO public_raw.orders SELECT id + 1000000, note, _version, 0 \
         FROM public_raw.orders WHERE id BETWEEN 201 AND 300",
    );
    up.query(
        "ALTER TABLE public_raw.orders UPDATE note = 'bent' WHERE id BETWEEN 301 AND 400 \
         SETTINGS mutations_sync = 2",
    );
    assert_eq!(project.run(&["verify"]).code, Some(1));
    resync(&project, &[&["public.orders"], SLOWLY].concat());
    assert!(up.query("SELECT count() FROM public.orders").parse::<u32>().unwrap() >= 20_000);
    // The stream goes on, the other table's and its own.
    cluster.sql(
        "insert into others values (1); insert into orders values (0, 'new');
         delete from orders where id = 20000; update orders set note = 'now' where id = 5",
    );
    up.wait_for("SELECT count() FROM public.others", "1");
    up.wait_for("SELECT note FROM public.orders WHERE id = 0", "new");
    wait_for_state(&project, "public.orders", "copying");
    resync(&project, &["public.orders", "public.orders"]);
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.orders"), "20000");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// While the new one is copied, readers see the old one; rows of the old shape that are still in the
/// log do not matter.
///
/// docs/pains.md 10
#[test]
fn a_retyped_mirror_serves_its_rows_of_before_until_the_new_ones_are_there() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, amount int, gone text); create table held (id int);
         insert into orders select n, n, 'x' from generate_series(1, 20000) n",
    );
    let project = project(&cluster, "");
    assert_eq!(ready(&project).stop(), Some(0));
    cluster.sql("insert into orders values (0, 0, 'x')");
    cluster.sql(
        "alter table orders alter amount type text using amount::text || '!';
         alter table orders drop gone; alter table orders drop constraint orders_pkey;
         alter table orders add primary key (amount); insert into orders values (-1, 'new')",
    );
    // Its snapshot waits for a transaction, so the copy has a middle.
    let holder = Holder::start(&cluster);
    let mut up = project.up();
    wait_for_state(&project, "public.orders", "waiting");
    wait_for_change(&project, "public.orders", "copy in another shape");
    assert_eq!(up.query("SELECT sum(amount), any(gone) FROM public.orders"), "200010000\tx");
    drop(holder);
    resync(&project, &[&["public.orders"], SLOWLY].concat());
    wait_for_state(&project, "public.orders", "copying");
    assert_eq!(up.query("SELECT sum(amount), any(gone) FROM public.orders"), "200010000\tx");
    // A second one begins anew, and what readers see stays.
    resync(&project, &[&["public.orders"], SLOWLY].concat());
    assert_eq!(up.query("SELECT sum(amount) FROM public.orders"), "200010000");
    up.kill();
    up = project.up();
    assert_eq!(up.query("SELECT sum(amount) FROM public.orders"), "200010000");
    resync(&project, &["public.orders"]);
    up.wait_ready();
    assert_eq!(up.query("SELECT count(), max(amount) FROM public.orders"), "20002\tnew");
    assert_eq!(up.query("SELECT count() FROM system.tables WHERE name LIKE 'before_%'"), "0");
    cluster.sql("insert into orders values (-2, 'newer')");
    up.wait_for("SELECT count() FROM public.orders", "20003");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// A computed default leaves no word in the log of what the old rows hold; a key that changes alone
/// sends the same columns.
#[test]
fn what_the_log_does_not_say_is_copied_again() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, region int not null, body text);
         alter table orders alter body set storage external;
         insert into orders select n, n % 2, repeat('old', 2000) from generate_series(1, 2000) n",
    );
    let project = project(&cluster, "");
    let mut up = ready(&project);
    cluster.sql("alter table orders add at timestamptz not null default clock_timestamp()");
    cluster.sql("update orders set region = 1 where id = 2");
    wait_for_change(&project, "public.orders", "copy in place");
    cluster.sql("update orders set body = repeat('new', 2000)");
    up.wait_ready();
    assert!(project.verify() > 0);
    cluster.sql("alter table orders drop constraint orders_pkey, add primary key (id, region)");
    cluster.sql("insert into orders values (1, 0, 'another'), (1, 7, 'a third')");
    wait_for_change(&project, "public.orders", "copy in another shape");
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.orders WHERE id = 1"), "3");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// A large value that changed unseen is not taken from the store for an update that leaves it alone.
#[test]
fn a_resync_in_place_brings_no_value_of_before_back() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, n int, body text);
         alter table orders alter body set storage external;
         insert into orders select n, 0, repeat('old', 2000) from generate_series(1, 4000) n",
    );
    let project = project(&cluster, "");
    let mut up = ready(&project);
    up.query(
        "ALTER TABLE public_raw.orders UPDATE body = 'stale' WHERE 1 SETTINGS mutations_sync = 2",
    );
    resync(&project, &["public.orders", "--max-rows-per-second", "2000"]);
    let begun = || project.status()["tables"][0]["state"] != "waiting";
    harness::wait_until("the copy has its position", begun);
    // The last to be copied.
    cluster.sql("update orders set n = 2 where id > 3500");
    up.wait_for("SELECT sum(n) FROM public.orders", "1000");
    up.wait_ready();
    assert_eq!(up.query("SELECT countIf(body = 'stale'), sum(n) FROM public.orders"), "0\t1000");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// Facts may have been purged at the source.
#[test]
fn an_append_table_keeps_its_rows_of_before_under_another_name() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table facts (id int primary key, amount int);
         insert into facts select n, n from generate_series(1, 5000) n",
    );
    let project = project(&cluster, APPEND);
    let mut up = ready(&project);
    cluster.sql("insert into facts values (5001, 1); delete from facts where id <= 1000");
    up.wait_for("SELECT count() FROM public.facts", "5001");
    cluster
        .sql("alter table facts alter amount type text; insert into facts values (5002, 'many')");
    wait_for_change(&project, "public.facts", "copy in another shape");
    up.wait_ready();
    cluster.sql("insert into facts values (5003, '7')");
    up.wait_for("SELECT count() FROM public.facts", "4003");
    let before = up.query("SELECT name FROM system.tables WHERE name LIKE 'facts_before_%'");
    assert_eq!(up.query(&format!("SELECT count() FROM public.{before}")), "5001");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_cannot_be_copied_again_is_said() {
    let cluster = Cluster::start();
    cluster
        .sql("create table orders (id int primary key); create table others (id int primary key)");
    cluster.sql("create publication millrace for table orders");
    let project = project(&cluster, "");
    says(&project.run(&["resync", "public.orders"]), 2, &["it is not running", "millrace up"]);
    let up = ready(&project);
    says(&project.run(&["resync", "public.others"]), 2, &["does not stream here"]);
    says(&project.run(&["resync"]), 2, &["required", "<TABLES>"]);
    assert_eq!(up.stop(), Some(0));
}
