//! Rows that a copy cannot carry: what was there of their keys is not current any more.

use crate::support::{World, assert_equal};
use flow::Pipeline;
use flow::quarantine::ReplayOptions;
use flow::verify::VerifyOptions;
use model::{ColumnOptions, Rule};

/// The differences of each table.
async fn differences(world: &World, pipeline: &Pipeline) -> Vec<String> {
    world.settle(pipeline).await;
    let options = VerifyOptions { tables: Vec::new(), keys_max: 5 };
    let verdict = pipeline.handle().verify(options).await.unwrap();
    let of = |table: &flow::verify::TableVerdict| {
        let each = table.differences.iter().map(|d| format!("{} {}", d.kind, d.key));
        format!("{}: {}", table.name, each.collect::<Vec<_>>().join(", "))
    };
    verdict.tables.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_copy_cannot_carry_leaves_none_of_before() {
    let mut world = World::new(
        "r_gap",
        "create table a (id int primary key, v numeric); create table h (like a including all);
         create table m (like a including all); create table e (like a including all);
         insert into a select n, n from generate_series(1, 5) n; insert into h select * from a;
         insert into m select * from a; insert into e select * from a; create publication p for all tables",
    )
    .archive("a")
    .history("h")
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_equal(&world, &pipeline, "copied").await;
    pipeline.shutdown().await.unwrap();
    world.drop_slot().await;
    for table in ["a", "h", "m", "e"] {
        world.sql(&format!(
            "update {table} set v = 'NaN' where id = 2; insert into {table} values (6, 'NaN'), (7, 7); delete from {table} where id = 4"
        ));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // Facts are as they were first, and one that was refused is missing.
    let found = differences(&world, &pipeline).await;
    assert_eq!(
        found,
        [
            "r_gap.a: missing 2, missing 6",
            "r_gap.e: missing 6",
            "r_gap.h: missing 2, missing 6",
            "r_gap.m: missing 2, missing 6"
        ]
    );
    assert_eq!(world.stored("select id from {s}.a order by id").await, "1\n3\n4\n5\n7");
    assert_eq!(world.stored("select id from {s}.e order by id").await, "1\n2\n3\n4\n5\n7");
    let told = "select id, _op, v, isNull(_key_before.1) from {s}.h where id in (2, 4, 6) and _op != 'snapshot' order by id";
    let told = world.stored(told).await;
    assert_eq!(told, "2|quarantined||1\n4|delete||0\n6|quarantined||1");
    let copied =
        pipeline.handle().report().tables.iter().map(|t| t.copied_rows).collect::<Vec<_>>();
    assert_eq!(copied, [4, 1, 4, 4]);
    // A newer row wins, and a replay brings the others.
    for table in ["a", "h", "m"] {
        world.sql(&format!("update {table} set v = 22 where id = 2"));
    }
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let null = ColumnOptions { on_unrepresentable: Some(Rule::Null), ..ColumnOptions::default() };
    for name in ["a", "h", "m", "e"] {
        let options = world.tables.entry(format!("r_gap.{name}")).or_default();
        options.columns.insert("v".into(), null.clone());
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
    assert_equal(&world, &pipeline, "replayed").await;
    for table in ["a", "m"] {
        let rows = format!("select id, v from {{s}}.{table} where id in (2, 6) order by id");
        assert_eq!(world.stored(&rows).await, "2|22\n6|", "{table}");
    }
    let told = "select id, _op, v from {s}.h where id in (2, 6) order by id, _version";
    assert_eq!(
        world.stored(told).await,
        "2|snapshot|2\n2|quarantined|\n2|snapshot|\n2|update|22\n6|quarantined|\n6|snapshot|"
    );
    pipeline.shutdown().await.unwrap();
}
