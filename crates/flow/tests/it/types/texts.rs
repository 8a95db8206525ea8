//! What is kept as Postgres prints it, by choice and in keys.

use super::verify;
use crate::support::{World, assert_same};
use model::{ColumnOptions, TableOptions};

/// Where ClickHouse has no NULL, a text has one; keys can be such texts as well.
///
/// docs/pains.md 9
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_null_can_be_kept_as_text() {
    let columns = "id int4range primary key, tags text[], h hstore, r tstzrange, at point, big text, note int";
    let mut world = World::new(
        "t_texts",
        &format!(
            "create extension hstore; create table m ({columns});
             alter table m alter big set storage external;
             insert into m values
                 ('[1,2)', '[0:1]={{a,NULL}}', 'a=>1, b=>NULL', '[2026-01-01 00:00:00+00,infinity)', '(1,2)', repeat('x', 9000)),
                 ('(,0)', null, null, null, null, null), ('empty', '{{}}', '', 'empty', '(NaN,0)', '');
             create publication p for table m"
        ),
    );
    let text =
        || ColumnOptions { clickhouse_type: Some("Nullable(String)".into()), ..Default::default() };
    let mut columns: std::collections::BTreeMap<_, _> =
        ["tags", "h", "r", "at"].map(|name| (name.to_owned(), text())).into();
    let key = ColumnOptions { clickhouse_type: Some("String".into()), ..Default::default() };
    columns.insert("id".into(), key);
    world.tables.insert("t_texts.m".into(), TableOptions { columns, ..Default::default() });
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "update m set tags = array['x'] where id = '[1,2)'; insert into m select '[7,9)', tags, h, r, at from m where id = '(,0)';
         delete from m where id = 'empty'; update m set id = '[3,)' where id = '(,0)'",
    );
    world.settle(&pipeline).await;
    let list = "id, tags, h, r, at, length(big)";
    let source =
        world.sql(&format!("set timezone = 'UTC'; select {list} from m order by id::text"));
    assert_same(
        "m",
        &source,
        &world.stored(&format!("select {list} from {{s}}.m order by id")).await,
    );
    assert_eq!(world.stored("select count() from {s}.m where tags is null").await, "2");
    verify(&pipeline).await;
    // They are so in every shape that the log has, whoever remembers them.
    pipeline.shutdown().await.unwrap();
    world.sql(
        "insert into m (id, tags) values ('[20,21)', '{{x},{y}}'); alter table m add more point;
         insert into m (id, tags, more) values ('[22,23)', '[2:2]={z}', '(1,2)');
         alter table m drop note; insert into m (id, r) values ('[24,25)', 'empty')",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let list = "id, tags, h, r, at";
    let source =
        world.sql(&format!("set timezone = 'UTC'; select {list} from m order by id::text"));
    let stored = format!("select {list} from {{s}}.m order by id");
    assert_same("m", &source, &world.stored(&stored).await);
    let places = "select countIf(isNaN(more.1)), countIf(more.1 = 1) from {s}.m";
    assert_eq!(world.stored(places).await, "5|1");
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

/// Keys of types that ClickHouse has no NULL of, with values that an UPDATE does not send again.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_many_parts() {
    let world = World::new(
        "t_keys",
        "create type pair as (a int, b text);
         create table booked (room int, during tstzrange, note text, big text, primary key (room, during));
         create table tagged (tags text[] primary key, note text, big text);
         create table paired (p pair primary key, note text, big text);
         alter table booked alter big set storage external;
         alter table tagged alter big set storage external;
         alter table paired alter big set storage external;
         insert into booked values (1, '[2026-01-01,2026-02-01)', 'a', repeat('x', 9000)), (1, 'empty', 'b', '');
         insert into tagged values ('{a,NULL}', 'a', repeat('x', 9000)), ('{}', 'b', '');
         insert into paired values ((1, 'x y'), 'a', repeat('x', 9000)), ((null, ''), 'b', '');
         create publication p for table booked, tagged, paired",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "update booked set note = 'changed' where during = '[2026-01-01,2026-02-01)';
         update booked set during = '(,)' where during = 'empty';
         insert into booked values (2, '[2026-01-01,)', 'c');
         update tagged set note = 'changed' where tags = '{a,NULL}'; delete from tagged where tags = '{}';
         update paired set note = 'changed' where p = (1, 'x y')::pair; delete from paired where note = 'b'",
    );
    world.settle(&pipeline).await;
    let list = "room, during, note, length(big)";
    let source =
        format!("set timezone = 'UTC'; select {list} from booked order by room, during::text");
    let stored = format!("select {list} from {{s}}.booked order by room, during");
    assert_same("booked", &world.sql(&source), &world.stored(&stored).await);
    assert_eq!(
        world.stored("select *, length(big) from {s}.tagged").await.replace('x', ""),
        "{a,NULL}|changed||9000"
    );
    assert_eq!(
        world.stored("select p, note, length(big) from {s}.paired").await,
        "(1,\"x y\")|changed|9000"
    );
    verify(&pipeline).await;
    // From the source itself, as the store's rows are those of before.
    world.sql(
        "begin; update booked set note = 'again'; update booked set note = 'and again'; commit",
    );
    world.settle(&pipeline).await;
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}
