//! What hurts users of other pipelines and had no test of its own here: see docs/pains.md.

use crate::support::{World, assert_equal};
use std::fmt::Write;

/// docs/pains.md 3
#[tokio::test(flavor = "multi_thread")]
async fn deletes_find_their_row_whatever_key_tells_it() {
    let world = World::new(
        "p_deletes",
        "create table last (v text, n int, id uuid primary key);
         create table other (id int primary key, code text not null, v text);
         create unique index other_code on other (code); alter table other replica identity using index other_code;
         create table whole (id int primary key, v text); alter table whole replica identity full;
         create table zero (a int, b text, primary key (b, a));
         insert into last select 'v', n, md5(n::text)::uuid from generate_series(1, 20) n;
         insert into whole select n, 'v' from generate_series(0, 20) n;
         insert into zero values (0, ''), (0, '0'), (1, ''), (1, '1');
         insert into other select n, 'c' || n, 'v' from generate_series(0, 20) n;
         create publication p for table last, other, whole, zero",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "delete from last where n in (3, 7, 20); delete from other where id in (5, 6);
         delete from whole where id in (5, 6);
         delete from zero where b = '1'",
    );
    assert_equal(&world, &pipeline, "deletes").await;
    // Nothing but those: not the row of an empty or a zero key either.
    assert_eq!(world.stored("select count() from {s}.last").await, "17");
    assert_eq!(
        world.stored("select groupArray((a, b)) from {s}.zero").await,
        "[(0,''),(1,''),(0,'0')]"
    );
    for table in ["whole", "other"] {
        let left = format!("select count(), min(id) from {{s}}.{table}");
        assert_eq!(world.stored(&left).await, "19|0");
    }
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 6
#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_a_transaction_arrives_whole() {
    let (mut create, mut fill) = (String::new(), String::from("begin;"));
    for n in 0..40 {
        let _ = write!(
            create,
            "create table t{n} (id int primary key, v text); insert into t{n} values (0, 'copied');"
        );
        let _ = write!(
            fill,
            "insert into t{n} select i, 'streamed' from generate_series(1, 100 + {n}) i;"
        );
    }
    let world = World::new("p_many", &format!("{create} create publication p for all tables"));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(&format!("{fill} commit"));
    assert_equal(&world, &pipeline, "forty tables").await;
    for n in [0, 17, 39] {
        let count = world.stored(&format!("select count() from {{s}}.t{n}")).await;
        assert_eq!(count, (101 + n).to_string());
    }
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 6
#[tokio::test(flavor = "multi_thread")]
async fn facts_without_a_key_are_as_many_as_they_were() {
    let world = World::new(
        "p_keyless",
        "create table facts (name text, v int);
         insert into facts select 'same', 1 from generate_series(1, 70);
         create publication p for table facts",
    )
    .append("facts");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into facts select 'same', 1 from generate_series(1, 30)");
    world.sql("insert into facts values ('same', 1); insert into facts values (null, null)");
    world.settle(&pipeline).await;
    let count = "select countIf(name = 'same'), countIf(name is null) from {s}.facts";
    assert_eq!(world.stored(count).await, "101|1");
    assert_equal(&world, &pipeline, "no key").await;
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 8
#[tokio::test(flavor = "multi_thread")]
async fn numbers_without_a_scale_and_nulls_stay_what_they_are() {
    let world = World::new(
        "p_numbers",
        "create table m (id int primary key, free numeric, n int, t text, at timestamptz);
         insert into m values (1, 12345678901234567890.000000000123456789, null, null, null),
             (2, -0.1, 0, '', '1970-01-01'), (3, null, -1, 'x', null);
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "insert into m values (11, 12345678901234567890.000000000123456789, null, null, null),
             (12, -0.1, 0, '', '1970-01-01'), (13, null, -1, 'x', null);
         update m set free = 99999999999999999999999999999.5, n = null, t = null where id = 2",
    );
    assert_equal(&world, &pipeline, "numbers").await;
    let nulls = "select groupArray((id, isNull(free), isNull(n), isNull(t), isNull(at))) \
                 from (select * from {s}.m order by id)";
    let of = |id| format!("({id},0,1,1,1)");
    let expected =
        format!("[{},(2,0,1,1,0),(3,1,0,0,1),{},(12,0,0,0,0),(13,1,0,0,1)]", of(1), of(11));
    assert_eq!(world.stored(nulls).await, expected);
    let digits = "select distinct toString(free) from {s}.m where id in (1, 11)";
    assert_eq!(world.stored(digits).await, "12345678901234567890.000000000123456789");
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 9
#[tokio::test(flavor = "multi_thread")]
async fn arrays_may_come_from_an_empty_table_and_be_null() {
    let world = World::new(
        "p_arrays",
        "create table m (id int primary key, tags text[], grid int[][]);
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "insert into m values (1, null, null), (2, '{}', '{}'), (3, '{a,NULL,\"\"}', '{{1,2},{3,4}}'),
             (4, '[5:6]={x,y}', '{{7}}'); update m set tags = null where id = 3",
    );
    assert_equal(&world, &pipeline, "arrays").await;
    assert_eq!(
        world.stored("select id, tags from {s}.m order by id").await,
        "1|[]\n2|[]\n3|[]\n4|['x','y']"
    );
    pipeline.shutdown().await.unwrap();
}
