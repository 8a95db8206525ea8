//! The river runs: every change of a source reaches the store, whatever ends the process.

use crate::project;
use cluster::Cluster;
use harness::wait_until;

/// One column a type that travels as itself, and some that travel as text.
const KINDS: &str = "
    create type mood as enum ('sad', 'ok', 'happy');
    create table kinds (
        id int primary key, b bool, i2 int2, i4 int4 not null, i8 int8, o oid, f4 float4, f8 float8,
        n numeric(20,6), wide numeric, t text not null, v varchar(20), c char(5), u uuid,
        at timestamptz, wall timestamp, day date, clock time, zoned timetz, span interval,
        j json, jb jsonb, raw bytea, ints int[], words text[], days date[], m mood,
        net inet, price money, spot point, bits bit(3), r int4range);
    insert into kinds values
        (1, true, -32768, 7, 9223372036854775807, 4294967295, 1.5, 'NaN', 12345678901234.654321,
         0.000000000000000001, 'grüße ' || chr(9) || chr(10) || '\\', 'v', 'c',
         'c7d1f4f0-9c51-4a06-9fd4-3c0a1a3f7c11', '2024-02-29 12:34:56.123456+00',
         '1997-01-01 00:00:00.000001', '1900-01-01', '23:59:59.999999', '01:02:03+05',
         '1 mon 2 days 03:04:05', '{\"a\": [1, null]}', '{\"b\": 2}', '\\x00ff0a0a00', '{1,null,3}',
         '{\"a\",null,\"c,d\"}', '{1999-12-31}', 'happy', '10.0.0.1/8', 12.34, '(1,2)', '101', '[1,5)'),
        (2, null, null, 0, null, null, null, null, null, null, '', null, null, null, null, null, null,
         null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);";

/// docs/pains.md 5
#[test]
fn every_kind_of_change_arrives() {
    let cluster = Cluster::start();
    cluster.sql(KINDS);
    cluster.sql("create table pairs (a int, b text, note text, primary key (a, b))");
    cluster.sql("insert into pairs select i, 'k' || i, 'copied' from generate_series(1, 1000) i");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.kinds"), "2");
    project.verify();

    // Inserts, with the same values by stream as by copy.
    cluster.sql("insert into kinds (id, i4, t) values (3, 1, 'streamed')");
    cluster.sql(
        "create temp table k as table kinds; update k set id = id + 100; insert into kinds table k",
    );
    up.wait_for("SELECT count() FROM public.kinds", "6");
    let row = "SELECT b, i2, i8, o, f4, n, wide, t, u, at, wall, day, jb, hex(raw), ints, words, m, net \
               FROM public.kinds WHERE id = ";
    assert_eq!(up.query(&format!("{row}1")), up.query(&format!("{row}101")));
    assert_eq!(
        up.query("SELECT i8, n, u, at, day, hex(raw), ints, m FROM public.kinds WHERE id = 1"),
        "9223372036854775807\t12345678901234.654321\tc7d1f4f0-9c51-4a06-9fd4-3c0a1a3f7c11\t\
         2024-02-29 12:34:56.123456\t1900-01-01\t00FF0A0A00\t[1,NULL,3]\thappy"
    );
    assert_eq!(up.query("SELECT b, i8, t, u FROM public.kinds WHERE id = 2"), "\\N\t\\N\t\t\\N");

    // Updates, deletes, changed keys, transactions that take themselves back.
    cluster.sql("update kinds set n = n + 1, t = t || '!' where id in (1, 3)");
    cluster.sql("delete from kinds where id = 2");
    cluster.sql("update pairs set b = 'moved', note = 'by key' where a = 5");
    cluster.sql("begin; delete from pairs; rollback");
    cluster.sql("begin; savepoint s; delete from pairs where a < 500; rollback to s;
                 delete from pairs where a = 6; insert into pairs values (6, 'k6', 'again'); commit");
    up.wait_for("SELECT count() FROM public.pairs WHERE note = 'again'", "1");
    assert_eq!(up.query("SELECT b, note FROM public.pairs WHERE a = 5"), "moved\tby key");
    assert_eq!(up.query("SELECT count() FROM public.pairs"), "1000");
    assert_eq!(up.query("SELECT t FROM public.kinds WHERE id = 3"), "streamed!");
    assert_eq!(up.query("SELECT count() FROM public.kinds WHERE id = 2"), "0");
    project.verify();

    // TRUNCATE, and what comes after it in the same transaction.
    cluster.sql("begin; truncate pairs; insert into pairs values (1, 'new', 'after'); commit");
    up.wait_for("SELECT a, b, note FROM public.pairs", "1\tnew\tafter");
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// docs/pains.md 1
#[test]
fn large_values_that_an_update_does_not_touch_stay() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table pages (id int primary key, title text, body text, raw bytea);
         alter table pages alter body set storage external;
         insert into pages select i, 't', repeat(md5(i::text), 1000), decode(repeat('00ff', 9000), 'hex')
             from generate_series(1, 50) i",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    // From the store; from a row earlier in the same batch; over a changed key; and when the value
    // is only in the source any more because the update after it changed it again.
    cluster.sql("update pages set title = 'u' where id <= 10");
    cluster.sql(
        "begin; insert into pages values (100, 'n', repeat('x', 50000), null);
         update pages set title = 'n2' where id = 100; update pages set id = 101 where id = 100;
         update pages set id = id + 1000 where id in (11, 12); commit",
    );
    cluster.sql(
        "update pages set title = 'a' where id = 20; update pages set body = 'short' where id = 20",
    );
    up.wait_for("SELECT count() FROM public.pages WHERE title = 'u'", "10");
    up.wait_for("SELECT length(body) FROM public.pages WHERE id = 101", "50000");
    up.wait_for("SELECT length(body) FROM public.pages WHERE id = 1011", "32000");
    up.wait_for("SELECT body, title FROM public.pages WHERE id = 20", "short\ta");
    assert_eq!(up.query("SELECT min(length(body)) FROM public.pages WHERE id < 11"), "32000");
    project.verify();
}

#[test]
fn it_goes_on_after_sigterm_and_after_sigkill() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id bigint primary key, status text);
         create table events (id bigint primary key, name text not null, at timestamptz default now());
         insert into orders select i, 'new' from generate_series(1, 5000) i;
         insert into events select i, 'old' from generate_series(1, 5000) i",
    );
    let project =
        project(&cluster, "[tables.\"public.events\"]\nmode = \"append\"\norder_by = [\"name\"]");
    let mut up = project.up();
    up.wait_ready();
    let work = |n: u32| {
        cluster.sql(&format!(
            "insert into orders select {n} * 10000 + i, 'later' from generate_series(1, 500) i;
             update orders set status = 's{n}' where id % 10 = {n};
             delete from orders where id % 100 = {n} + 50;
             insert into events select {n} * 10000 + i, 'e{n}' from generate_series(1, 500) i"
        ));
    };
    work(1);
    assert_eq!(up.stop(), Some(0), "SIGTERM drains and ends well");
    work(2);
    up = project.up();
    up.wait_ready();
    work(3);
    up.wait_for("SELECT count() FROM public.events", "6500");
    project.verify();
    work(4);
    up.kill();
    work(5);
    up = project.up();
    up.wait_ready();
    project.verify();
    assert_eq!(up.query("SELECT count(), uniqExact(id) FROM public.events"), "7500\t7500");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_is_confirmed_moves_even_when_nothing_of_ours_is_written() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); create table other (id int)");
    cluster.sql("create publication millrace for table t");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into other select generate_series(1, 100000)");
    let end = cluster.sql("select pg_current_wal_lsn()");
    let sql = format!(
        "select confirmed_flush_lsn >= '{end}' from pg_replication_slots where slot_name = 'millrace'"
    );
    wait_until("the slot moves past foreign writes", || cluster.sql(&sql) == "t");
    assert_eq!(up.stop(), Some(0));
}

/// docs/pains.md 17
#[test]
fn status_says_what_happens() {
    let cluster = Cluster::start();
    cluster
        .sql("create table t (id int primary key); insert into t select generate_series(1, 100)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into t values (101)");
    up.wait_for("SELECT count() FROM public.t", "101");
    let status = project.status();
    let table = &status["tables"][0];
    assert_eq!(table["name"], "public.t", "{status}");
    assert_eq!(table["mode"], "mirror", "{status}");
    assert_eq!(table["state"], "streaming", "{status}");
    assert_eq!(table["rows"], 101, "{status}");
    assert_eq!(table["copied_ratio"], 1.0, "{status}");
    assert!(table["last_error"].is_null(), "{status}");
    assert_eq!(status["source"]["slot"], "millrace", "{status}");
    for key in ["received_lsn", "confirmed_lsn", "lag_bytes", "lag_seconds", "wal_status"] {
        assert!(!status["source"][key].is_null(), "{key}: {status}");
    }
    assert!(status["freshness_ms"]["p50"].is_u64(), "{status}");
    assert_eq!(harness::get_status(up.ui(), "/healthz"), Some(200));
    assert_eq!(harness::get_status(up.ui(), "/metrics"), Some(200));
}
