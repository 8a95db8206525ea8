//! Rows compared while the stream goes on, and under changes that never pause.

use crate::support::{World, home};
use flow::verify::{Piece, PieceOptions};
use flow::{Handle, Pipeline};
use model::{Mode, TableOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

async fn round(handle: &Handle, table: &str, percent: f64) -> Vec<Piece> {
    let mut options = PieceOptions { table: table.into(), percent, from: None };
    let mut pieces = Vec::new();
    loop {
        let piece = handle.verify_piece(&options).await.unwrap();
        options.from = piece.next.clone();
        pieces.push(piece);
        if options.from.is_none() {
            return pieces;
        }
    }
}

fn found(pieces: &[Piece]) -> Vec<String> {
    let all = pieces.iter().flat_map(|piece| &piece.differences);
    let mut all: Vec<String> = all.map(|d| format!("{} {}", d.kind, d.key)).collect();
    all.sort();
    all.dedup();
    all
}

/// Updates, key changes, deletes and inserts without a pause, some rows many times a second.
async fn churn(url: String, schema: &'static str, stop: Arc<AtomicBool>) {
    let client = source::client::connect(&url.parse().unwrap()).await.unwrap();
    client.batch_execute(&format!("set search_path = {schema}")).await.unwrap();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let sql = format!(
            "update t set v = {n} where id in (1, 2, {a});
             delete from t where id = {b}; insert into t values ({b}, {n});
             update t set id = -id where id = {c} or id = -{c};
             insert into facts values ({n})",
            a = n * 7 % 1000,
            b = 3000 + n % 50,
            c = 5000 + n % 20,
        );
        client.batch_execute(&sql).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_never_rest_are_not_taken_for_different_and_bent_ones_are_found() {
    let world = World::new(
        "beside",
        "create table t (id int primary key, v int);
         insert into t select n, n from generate_series(1, 2500) n;
         insert into t select n, n from generate_series(5000, 5019) n;
         create table facts (id int primary key);
         create publication p for tables in schema beside; analyze t",
    )
    .append("facts");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let stop = Arc::<AtomicBool>::default();
    let traffic = tokio::spawn(churn(world.postgres.url(), "beside", stop.clone()));
    let handle = pipeline.handle();
    for table in ["beside.t", "beside.facts"] {
        let pieces = round(&handle, table, 100.0).await;
        assert_eq!(found(&pieces), Vec::<String>::new(), "{table}");
    }
    for sql in [
        "ALTER TABLE beside_raw.t UPDATE v = 7777777 WHERE id = 2002 SETTINGS mutations_sync = 2",
        "ALTER TABLE beside_raw.t DELETE WHERE id = 2003 SETTINGS mutations_sync = 2",
        "INSERT INTO beside_raw.t SELECT 900000, 1, max(_version), 0 FROM beside_raw.t",
    ] {
        home().execute(sql).await.unwrap();
    }
    let pieces = round(&handle, "beside.t", 100.0).await;
    let found = found(&pieces);
    let expected = ["changed 2002", "extra 900000", "missing 2003"];
    assert_eq!(found, expected);
    stop.store(true, Ordering::Relaxed);
    traffic.await.unwrap();
    let report = handle.report();
    let table = report.tables.iter().find(|table| table.name == "beside.t").unwrap();
    assert!(table.verified.rows > 5_000 && table.verified.differences >= 3, "{table:?}");
    assert!(table.verified.at.is_some());
    pipeline.shutdown().await.unwrap();
}

/// An append table keeps the first value of a fact, and the stream remembers that one was updated.
#[tokio::test(flavor = "multi_thread")]
async fn a_bent_fact_is_told_from_one_that_was_updated() {
    let world = World::new(
        "bent",
        "create table facts (id int primary key, v int);
         create table others (id int primary key, v int);
         insert into facts select n, n from generate_series(1, 100) n;
         insert into others select n, n from generate_series(1, 100) n;
         create publication p for tables in schema bent",
    )
    .append("facts")
    .append("others");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update others set v = 0 where id = 5; insert into facts values (101, 101)");
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["facts", "others"] {
        let sql = format!(
            "ALTER TABLE bent.{table} UPDATE v = -1 WHERE id = 7 SETTINGS mutations_sync = 2"
        );
        home().execute(&sql).await.unwrap();
    }
    // What it knows survives a restart.
    let pipeline: Pipeline = world.start();
    world.settle(&pipeline).await;
    let options = flow::verify::VerifyOptions { tables: vec![], keys_max: 5 };
    let verdict = pipeline.handle().verify(options).await.unwrap();
    let [facts, others] = &verdict.tables[..] else { panic!("{verdict:#?}") };
    assert_eq!((facts.differing_keys, facts.differences[0].kind.as_str()), (1, "changed"));
    assert_eq!((others.differing_keys, others.notes.len()), (0, 1), "{others:#?}");
    assert!(others.notes[0].starts_with("2 rows other than at the source"), "{others:#?}");
    assert_eq!(found(&round(&pipeline.handle(), "bent.facts", 1.0).await), ["changed 7"]);
    assert!(found(&round(&pipeline.handle(), "bent.others", 1.0).await).is_empty());
    let skipped = round(&pipeline.handle(), "bent.none", 1.0).await.remove(0).skipped;
    assert_eq!(skipped.as_deref(), Some("not streamed"));
    pipeline.shutdown().await.unwrap();
}

/// Of a history what is current counts, of an archive what is there.
#[tokio::test(flavor = "multi_thread")]
async fn histories_and_archives_are_looked_at_too() {
    let mut world = World::new(
        "beside_kept",
        "create table h (id int primary key, v int); create table a (id int primary key, v int);
         insert into h select n, n from generate_series(1, 1500) n; insert into a select * from h;
         create publication p for table h, a",
    );
    let history = TableOptions { mode: Mode::History, ..TableOptions::default() };
    let archive = TableOptions { keeps_deletes: true, ..TableOptions::default() };
    world.tables.insert("beside_kept.h".into(), history);
    world.tables.insert("beside_kept.a".into(), archive);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for table in ["h", "a"] {
        world.sql(&format!(
            "update {table} set v = -v where id % 3 = 0; delete from {table} where id % 7 = 0;
             update {table} set id = id + 10000 where id % 11 = 0"
        ));
    }
    world.settle(&pipeline).await;
    let handle = pipeline.handle();
    for table in ["beside_kept.h", "beside_kept.a"] {
        let pieces = round(&handle, table, 100.0).await;
        assert_eq!(found(&pieces), Vec::<String>::new(), "{table}");
        assert!(pieces.iter().all(|piece| piece.skipped.is_none()), "{pieces:?}");
    }
    for sql in [
        "ALTER TABLE beside_kept.h UPDATE v = 7777 WHERE id = 5 SETTINGS mutations_sync = 2",
        "ALTER TABLE beside_kept.h DELETE WHERE id = 14 AND _op = 'delete' SETTINGS mutations_sync = 2",
        "ALTER TABLE beside_kept_raw.a UPDATE v = 7777 WHERE id = 5 SETTINGS mutations_sync = 2",
    ] {
        home().execute(sql).await.unwrap();
    }
    let pieces = round(&handle, "beside_kept.h", 100.0).await;
    assert_eq!(found(&pieces), ["changed 5", "extra 14"]);
    let pieces = round(&handle, "beside_kept.a", 100.0).await;
    assert_eq!(found(&pieces), ["changed 5"]);
    pipeline.shutdown().await.unwrap();
}
