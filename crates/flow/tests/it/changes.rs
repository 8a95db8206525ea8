//! Everything that an app does to its rows: `verify` compares, once streamed and once copied beside it.

use crate::support::{Mortal, World, assert_equal, wait_until};
use flow::Pipeline;
use flow::status::State;
use std::time::Duration;

const SHOP: &str = "
    create table customers (id int primary key, name text);
    create table orders (id int primary key, customer int references customers on delete cascade on update cascade,
        total numeric(10,2), note text, body text);
    alter table orders alter body set storage external;
    create table pairs (a int, b text, n int, primary key (b, a));
    create table audit (id bigint generated always as identity primary key, what text);
    create function note() returns trigger language plpgsql as $$
        begin insert into audit (what) values (tg_op || new.id); return new; end $$;
    create trigger noted after insert or update on orders for each row execute function note();
    insert into customers select i, 'c' || i from generate_series(1, 50) i;
    insert into orders select i, i % 50 + 1, i / 4.0, null, repeat(md5(i::text), 200) from generate_series(1, 200) i;
    insert into pairs select i % 7, 'b' || i, i from generate_series(1, 100) i;";

/// Each is whole by itself; statements in one line are transactions of their own unless they say so.
const CHANGES: [&str; 14] = [
    // Keys change places inside one transaction.
    "begin; update pairs set a = 100 where b = 'b1'; update pairs set b = 'b1' where b = 'b2'; update pairs set b = 'b2', a = 1 where a = 100; commit",
    "begin; delete from customers where id = 1; insert into customers values (1, 'again'); update customers set id = 1001 where id = 2; insert into customers values (2, 'other'); commit",
    "begin; insert into customers values (60, 'kept'); savepoint a; insert into customers values (61, 'lost'); savepoint b; delete from customers where id < 20; rollback to a; update customers set name = 'after' where id = 60; release savepoint a; commit",
    "begin; update customers set name = 'never'; rollback",
    "copy customers from stdin;\n70\tcopied\n71\t\\N\n72\ttab\\tbed\n\\.\n",
    "insert into customers select i, 'many' from generate_series(1000000, 1003000) i",
    "insert into customers values (1, 'x'), (80, 'y') on conflict (id) do update set name = excluded.name || '!'",
    "insert into customers values (1, 'x'), (81, 'y') on conflict do nothing",
    "merge into customers c using (values (1, 'merged'), (90, 'new'), (60, null)) v(id, name) on c.id = v.id
       when matched and v.name is null then delete when matched then update set name = v.name when not matched then insert values (v.id, v.name)",
    "begin; select count(*) from customers; commit; begin; commit; update customers set id = 3000 where id = 3; delete from customers where id = 5",
    "begin; update orders set note = 'n' where id % 3 = 0; prepare transaction 'one'; update orders set total = total + 1 where id % 3 = 1; commit prepared 'one'",
    "begin; delete from orders; prepare transaction 'two'; rollback prepared 'two'",
    "begin; insert into pairs values (500, 'x', 1); truncate pairs; insert into pairs values (501, 'x', 1); commit; update pairs set n = 2",
    "begin; insert into customers values (9999, 'z'); truncate customers cascade; insert into customers values (1, 'first'); insert into orders values (1, 1, 1, 'o', 'b'); commit; truncate audit restart identity; insert into audit (what) values ('restarted')",
];

/// docs/pains.md 2, 4
#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_does_is_there_afterwards() {
    let world = World::with(
        "c_app",
        &format!("{SHOP} create publication p for all tables"),
        &["max_prepared_transactions = 5"],
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for change in CHANGES {
        world.sql(change);
        assert_equal(&world, &pipeline, change).await;
    }
    pipeline.shutdown().await.unwrap();
}

/// The same while the tables are copied, block by block.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_does_beside_the_copy_is_there_afterwards() {
    let world = World::with(
        "c_beside",
        &format!("{SHOP} create publication p for all tables"),
        &["max_prepared_transactions = 5"],
    );
    let pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(100)));
    for change in CHANGES {
        world.sql(change);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_equal(&world, &pipeline, "beside the copy").await;
    pipeline.shutdown().await.unwrap();
}

const PARTED: &str = "
    create table parted (id int, at date, v text, primary key (id, at)) partition by range (at);
    create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-02-01');
    create table parted_2 partition of parted for values from ('2026-02-01') to ('2026-03-01') partition by list (id);
    create table parted_2_odd partition of parted_2 for values in (1, 3, 5, 7, 9);
    create table parted_2_rest partition of parted_2 default;
    create table loose (id int not null, at date not null, v text, primary key (id, at));
    insert into loose values (1, '2026-03-05', 'loose');
    insert into parted select i, date '2026-01-01' + i % 59, 'v' || i from generate_series(1, 300) i;";

/// Rows that move between partitions, partitions that come and go, with the root published or the leaves.
#[tokio::test(flavor = "multi_thread")]
async fn partitioned_tables_are_one_table_or_their_leaves() {
    for (schema, publication) in [
        (
            "c_root",
            "create publication p for table parted with (publish_via_partition_root = true)",
        ),
        ("c_leaves", "create publication p for all tables"),
    ] {
        let world = World::new(schema, &format!("{PARTED} {publication}"));
        let pipeline = world.start();
        world.settle(&pipeline).await;
        for change in [
            "update parted set at = '2026-02-10' where id = 5; update parted set at = '2026-01-10' where id = 7",
            "insert into parted values (1000, '2026-02-03', 'in the middle'); delete from parted where id % 10 = 0",
            "alter table parted attach partition loose for values from ('2026-03-01') to ('2026-04-01')",
            "update parted set v = 'attached' where at >= '2026-03-01'; insert into parted values (2, '2026-03-09', 'new')",
            "alter table parted detach partition parted_1",
            "insert into parted_1 values (5000, '2026-01-20', 'by itself'); update parted set v = v || '!'",
            "create table parted_4 partition of parted for values from ('2026-04-01') to ('2026-05-01'); insert into parted values (1, '2026-04-02', 'made')",
            "truncate parted_2",
            "drop table parted_1",
        ] {
            world.sql(change);
            assert_equal(&world, &pipeline, &format!("{schema}: {change}")).await;
        }
        // The one that was made as a partition came with nothing.
        let attached = "select count() from millrace.schema_changes final
                        where source_table = '{s}.parted' and change = 'attach partition'";
        let expected = if schema == "c_root" { "1" } else { "0" };
        assert_eq!(world.stored(attached).await, expected, "{schema}");
        pipeline.shutdown().await.unwrap();
    }
}

/// Heaps that are written anew between the halves of a copy: ctids change, and the log says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_heap_that_is_rewritten_between_the_halves_of_a_copy_is_copied_whole() {
    for (schema, rewrite) in [("c_full", "vacuum full m"), ("c_cluster", "cluster m using m_pkey")]
    {
        let world = World::new(
            schema,
            "create table m (id int primary key, v text) with (fillfactor = 20);
             insert into m select i, repeat('v', 300) from generate_series(1, 60000) i order by random();
             create publication p for table m",
        );
        let mortal = Mortal::limited("m", 1);
        let pipeline = Pipeline::start(world.options(), mortal.clone());
        mortal.wait_for_limit().await;
        mortal.kill(pipeline).await;
        world.sql("delete from m where id % 3 = 0");
        world.sql(rewrite);
        world.sql("update m set v = 'after' where id % 5 = 0");
        let pipeline = world.start();
        assert_equal(&world, &pipeline, rewrite).await;
        pipeline.shutdown().await.unwrap();
    }
}

/// What the log does not carry is not published, and is no reason to stop.
#[tokio::test(flavor = "multi_thread")]
async fn inherited_unlogged_and_temporary_tables_are_what_postgres_publishes() {
    let world = World::new(
        "c_kinds",
        "create table base (id int primary key, v text); create table child (more int, primary key (id)) inherits (base);
         create unlogged table fast (id int primary key); create temp table gone (id int primary key);
         insert into base values (1, 'b'); insert into child values (2, 'c', 3); insert into fast values (1);
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.sql("update base set v = v || '!'; insert into child values (3, 'd', 4); insert into fast values (2)");
    assert_equal(&world, &pipeline, "inheritance").await;
    let report = pipeline.handle().report();
    let names: Vec<&str> = report.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["c_kinds.base", "c_kinds.child"]);
    pipeline.shutdown().await.unwrap();
}

/// Each replica identity; NOTHING lets inserts through, and Postgres itself refuses the rest.
#[tokio::test(flavor = "multi_thread")]
async fn every_replica_identity_keeps_its_rows_apart() {
    let world = World::new(
        "c_identity",
        "create table usual (id int primary key, v text, body text);
         create table indexed (id int primary key, k text not null, v text, body text);
         create unique index by_k on indexed (k); alter table indexed replica identity using index by_k;
         create table whole (id int primary key, v text, body text); alter table whole replica identity full;
         alter table usual alter body set storage external; alter table indexed alter body set storage external;
         alter table whole alter body set storage external;
         create table nothing (id int primary key, v text); alter table nothing replica identity nothing;
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for table in ["usual", "indexed", "whole"] {
        let k = if table == "indexed" { ", 'k' || i" } else { "" };
        world.sql(&format!("insert into {table} select i{k}, 'v', repeat(md5(i::text), 200) from generate_series(1, 100) i"));
        world.sql(&format!("update {table} set v = 'w' where id % 2 = 0; delete from {table} where id % 7 = 0; update {table} set id = id + 1000 where id % 5 = 0"));
    }
    world.sql("update indexed set k = 'other' || id where id % 4 = 0");
    world.sql("insert into nothing values (1, 'one')");
    assert!(world.postgres.try_sql("delete from c_identity.nothing").is_err());
    assert_equal(&world, &pipeline, "identities").await;
    world.sql(
        "alter table usual replica identity full; update usual set v = 'full' where id % 3 = 0",
    );
    world.sql("alter table whole replica identity default; update whole set v = 'default', id = id + 5000 where id % 3 = 0");
    world.sql("alter table indexed replica identity default; update indexed set v = 'default' where id % 3 = 0");
    assert_equal(&world, &pipeline, "another identity").await;
    pipeline.shutdown().await.unwrap();
}

/// Row filters and column lists hold for the copy as for the stream; rows move in and out of a filter.
#[tokio::test(flavor = "multi_thread")]
async fn filters_and_column_lists_hold_for_copy_and_stream() {
    let world = World::new(
        "c_lists",
        "create table listed (id int primary key, secret text, v text);
         create table filtered (id int, kind text, v text, primary key (id, kind));
         insert into listed select i, 's', 'v' from generate_series(1, 20) i;
         insert into filtered select i, case when i % 2 = 0 then 'in' else 'out' end, 'v' from generate_series(1, 20) i;
         create publication p for table listed (id, v), filtered where (kind = 'in')",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into listed values (100, 's', 'w'); update listed set secret = 'other', v = 'x' where id = 3; delete from listed where id = 4");
    world.sql("update filtered set kind = 'in' where id = 1; update filtered set kind = 'out' where id = 2; update filtered set v = 'w'; insert into filtered values (100, 'in', ''), (101, 'out', '')");
    assert_equal(&world, &pipeline, "lists").await;
    let names =
        "select name from system.columns where database = '{s}' and table = 'listed' order by name";
    assert_eq!(world.stored(names).await, "id\nv");
    world.sql("alter publication p set table listed (id, v, secret), filtered where (kind = 'in')");
    let handle = pipeline.handle();
    wait_until("the column is published", || {
        let table =
            handle.report().tables.into_iter().find(|t| t.name == "c_lists.listed").unwrap();
        let is_seen = table.schema_change.is_some() && table.state == State::Streaming;
        if is_seen { Ok(()) } else { Err(format!("{table:?}")) }
    })
    .await;
    assert_equal(&world, &pipeline, "a longer list").await;
    pipeline.shutdown().await.unwrap();
}

/// The log does not say that a column had no NOT NULL for a moment, but it brings the rows of it.
#[tokio::test(flavor = "multi_thread")]
async fn nulls_of_a_moment_are_taken() {
    let world = World::new(
        "c_nulls",
        "create type mood as enum ('sad', 'glad');
         create table m (id int primary key, a int not null, b text not null, c mood not null);
         create table e (id int primary key, a int not null, b text not null, c mood not null);
         insert into m select i, i, 'b' || i, 'sad' from generate_series(1, 20) i;
         insert into e select * from m;
         create publication p for table m, e with (publish = 'insert, update, delete, truncate')",
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["m", "e"] {
        world.sql(&format!(
            "alter table {table} alter a drop not null, alter b drop not null, alter c drop not null;
             insert into {table} values (101, null, 'b', 'glad'), (102, 1, null, null);
             delete from {table} where a is null or b is null or c is null;
             insert into {table} values (101, 1, 'b', 'glad');
             alter table {table} alter a set not null, alter b set not null, alter c set not null;
             alter table {table} add d int default 7;
             insert into {table} values (103, 3, 'c', 'sad')"
        ));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, a, b, c, d", "id").await;
    let facts = "select id, a, b, c from {s}.e where id > 100 order by id, a";
    assert_eq!(world.stored(facts).await, "101|1|b|glad\n101||b|glad\n102|1||\n103|3|c|sad");
    world.sql(
        "insert into m values (104, 4, 'd', 'sad'); insert into e values (104, 4, 'd', 'sad')",
    );
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, a, b, c, d", "id").await;
    pipeline.shutdown().await.unwrap();
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, a, b, c, d", "id").await;
    pipeline.shutdown().await.unwrap();
}

/// Where the whole row is the key, which the engine does not alter, NULL has its place before it comes.
#[tokio::test(flavor = "multi_thread")]
async fn nulls_of_a_moment_are_taken_where_the_whole_row_is_the_key() {
    let world = World::new(
        "c_whole_nulls",
        "create table m (a int not null, b text not null); alter table m replica identity full;
         create table h (a int not null, b text not null); alter table h replica identity full;
         insert into m select i, 'b' || i from generate_series(1, 20) i; insert into h select * from m;
         create publication p for table m, h",
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["m", "h"] {
        world.sql(&format!(
            "alter table {table} alter b drop not null;
             insert into {table} values (101, null), (102, 'b'); delete from {table} where b is null;
             alter table {table} alter b set not null;
             insert into {table} values (103, 'c'); delete from {table} where a < 5"
        ));
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "after it").await;
    world.assert_mirror("m", "a, b", "a").await;
    world.sql("alter table m alter b drop not null; insert into m values (104, null)");
    world.settle(&pipeline).await;
    world.assert_mirror("m", "a, b", "a").await;
    pipeline.shutdown().await.unwrap();
}
