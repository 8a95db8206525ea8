//! What is otherwise where two servers share the rows: which of them has what, and that one may fail alone.

use crate::home::{home, layout, servers};
use crate::support::{World, assert_equal, wait_until};
use flow::status::State;
use model::{
    Block, Column, Lsn, Mode, Op, PgType, Table, TableId, TableName, TableOptions, Version,
};
use std::sync::Arc;
use store::remote::{Remote, RemoteOptions};
use store::{Insert, Store, Target, Token};

async fn made(database: &str, mode: Mode) -> Arc<Target> {
    let column = |name: &str, pg: PgType| Column { not_null: true, ..Column::new(name, pg) };
    let table = Table {
        key: vec![0],
        ..Table::new(
            TableId(1),
            TableName::new(database, "t"),
            vec![column("id", PgType::Int8), column("v", PgType::Text)],
        )
    };
    let options = TableOptions { mode, ..TableOptions::default() };
    let target = Target::resolve(Arc::new(table), &options, None).unwrap();
    let view = || layout().view(&target.name, &target.visible(), &target.rows);
    let view = (mode == Mode::Mirror).then(view);
    for sql in layout().create(&target).into_iter().chain(layout().spread(&target)).chain(view) {
        home().execute(&sql).await.unwrap();
    }
    Arc::new(target)
}

fn block(target: &Target, commit: u64, ids: std::ops::Range<i64>, op: Op) -> Arc<Block> {
    let mut block = Block::new(target.table.clone());
    for id in ids {
        block.columns[0].push_fixed(id.to_le_bytes());
        block.columns[1].push_text(commit.to_string().as_bytes());
        block.end_row(op, Version::of_change(Lsn(commit), Lsn(id as u64)));
    }
    Arc::new(block)
}

fn counts(table: &str) -> Vec<u64> {
    let counts = servers().ask_each(&format!("SELECT count() FROM {table}"));
    counts.iter().map(|count| count.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_on_both_shards_and_each_key_on_one() {
    let target = made("s_spread", Mode::Mirror).await;
    for (commit, ids, op) in
        [(1, 0..1000, Op::Insert), (2, 0..500, Op::Update), (3, 0..100, Op::Delete)]
    {
        let block = block(&target, commit, ids, op);
        let insert = Insert { target: target.clone(), block, token: None };
        assert!(home().insert(insert).await.unwrap().rows() > 0);
    }
    let [one, other] = counts("s_spread_raw_shard.t FINAL")[..] else { panic!("two shards") };
    assert!(one > 300 && other > 300 && one + other == 900, "{one} {other}");
    let all = "SELECT count(), uniqExact(id), countIf(v = '2') FROM s_spread.t";
    // Whoever is asked.
    assert_eq!(servers().ask_each(all), ["900\t900\t400", "900\t900\t400"]);
    home().execute(&layout().truncate(&target.rows)).await.unwrap();
    assert_eq!(counts("s_spread_raw_shard.t"), [0, 0]);
}

/// The half that was written stays what it was when the whole comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_one_shard_refused_comes_again_as_the_missing_half() {
    for mode in [Mode::Append, Mode::History] {
        let database = format!("s_half_{}", mode.name());
        let (target, rows) = (made(&database, mode).await, format!("{database}_shard.t"));
        let insert = || {
            let (target, block) = (target.clone(), block(&target, 7, 0..1000, Op::Insert));
            home_insert(Insert { target, block, token: Some(Token::first("t")) })
        };
        servers().ask(1, &format!("ALTER TABLE {rows} ADD CONSTRAINT no CHECK id < 0"));
        insert().await.unwrap_err();
        let half = counts(&rows);
        assert!(half[0] > 300 && half[1] == 0, "{half:?}");
        // And as often as it is refused.
        insert().await.unwrap_err();
        assert_eq!(counts(&rows), half);
        servers().ask(1, &format!("ALTER TABLE {rows} DROP CONSTRAINT no"));
        for _ in 0..2 {
            insert().await.unwrap();
            assert_eq!(counts(&rows), [half[0], 1000 - half[0]], "{}", mode.name());
        }
    }
}

async fn home_insert(insert: Insert) -> model::Result<u64> {
    Ok(home().insert(insert).await?.rows())
}

/// A number may be another shard's once it is of another type, so such a column is not altered in place.
#[tokio::test(flavor = "multi_thread")]
async fn a_wider_key_of_facts_is_copied_again() {
    let hash = |ty| servers().ask(0, &format!("SELECT cityHash64(tuple(CAST(-7, '{ty}')))"));
    assert_ne!(hash("Int32"), hash("Int64"));
    assert_eq!(hash("Int32"), hash("Nullable(Int32)"));
    let by_name =
        TableOptions { mode: Mode::Append, order_by: vec!["v".into()], ..TableOptions::default() };
    let world = World::new(
        "s_wider",
        "create table e (id int primary key, v text not null, n int);
         insert into e select -i, 'v' || i, i from generate_series(1, 100) i;
         create publication p for table e",
    )
    .kept_as("e", by_name);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table e alter n type bigint; insert into e values (1, 'new', 1)");
    assert_equal(&world, &pipeline, "another column").await;
    let before =
        "select count() from system.tables where database = '{s}' and name like 'e_before_%'";
    assert_eq!(world.stored(before).await, "0");
    world.sql("alter table e alter id type bigint; insert into e values (2, 'new', 2)");
    assert_equal(&world, &pipeline, "the key").await;
    assert_eq!(world.stored("select count(), uniqExact(id) from {s}.e").await, "102|102");
    assert_eq!(world.stored(before).await, "1");
    pipeline.shutdown().await.unwrap();
}

/// These servers have no Keeper, and `check` is the one who says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_lacks_is_found() {
    let remarks = |cluster: &str| {
        let options = RemoteOptions {
            cluster: Some(cluster.into()),
            ..RemoteOptions::new(format!("http://127.0.0.1:{}", servers().port()).parse().unwrap())
        };
        let remote = Remote::new(options).unwrap();
        async move {
            let found = remote.preflight("ours", &["s_found"]).await;
            let of_cluster = found.into_iter().filter(|remark| remark.code == "store_cluster");
            of_cluster.map(|remark| format!("{} {}", remark.what, remark.why)).collect::<Vec<_>>()
        }
    };
    let found = remarks(clickhouse::NAME).await;
    assert!(found.len() == 1 && found[0].contains("ON CLUSTER"), "{found:?}");
    let found = remarks("prodd").await;
    assert!(found.len() == 1 && found[0].contains("It knows prod."), "{found:?}");
}

/// A replica that took our last rows may be another one than the one that is asked now.
#[test]
fn our_own_tables_are_read_once_they_have_caught_up() {
    let heard = servers().heard();
    let at = |statement: &str| heard.iter().position(|heard| heard.starts_with(statement));
    for table in ["checkpoints", "batches", "tables", "quarantine"] {
        let made = at(&format!("CREATE TABLE IF NOT EXISTS millrace.{table} ON CLUSTER 'prod'"));
        let synced = at(&format!("SYSTEM SYNC REPLICA millrace.{table} LIGHTWEIGHT"));
        assert!(made.is_some() && made < synced, "{table}: {heard:?}");
    }
}

/// One server's store and a cluster's have their rows in other tables.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_otherwise_is_refused() {
    // The databases are there once the servers are.
    let _made = home();
    let options = RemoteOptions {
        slot: Some("ours".into()),
        ..RemoteOptions::new(format!("http://127.0.0.1:{}", servers().port()).parse().unwrap())
    };
    let error = Remote::new(options).unwrap().query("SELECT 1").await.unwrap_err();
    assert!(error.report().contains("It was written as to a cluster"), "{}", error.report());
}

/// `CREATE OR REPLACE` would drop it.
#[tokio::test(flavor = "multi_thread")]
async fn somebodys_table_is_not_replaced() {
    servers().ask(0, "CREATE DATABASE s_taken");
    servers()
        .ask(0, "CREATE TABLE s_taken.e (id Int32) ENGINE = MergeTree ORDER BY id AS SELECT 7");
    let world = World::new(
        "s_taken",
        "create table e (id int primary key); create table other (id int primary key);
         insert into other values (1); create publication p for table e, other",
    )
    .append("e");
    let pipeline = world.start();
    world.settle_to(&pipeline, false).await;
    wait_until("the other one is copied", || {
        let report = pipeline.handle().report();
        let state = |name| report.tables.iter().find(|t| t.name == name).map(|t| t.state);
        match (state("s_taken.e"), state("s_taken.other")) {
            (Some(State::Failed), Some(State::Streaming)) => Ok(()),
            states => Err(format!("{states:?}")),
        }
    })
    .await;
    let report = pipeline.handle().report();
    let error = report.tables.iter().find_map(|table| table.last_error.clone()).unwrap();
    assert!(error.contains("A table with the engine MergeTree is there"), "{error}");
    assert_eq!(servers().ask(0, "SELECT * FROM s_taken.e"), "7");
    pipeline.shutdown().await.unwrap();
}
