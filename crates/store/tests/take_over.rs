//! A data directory of an earlier version. A test binary of its own: it opens the engine again and again.

use store::{Engine, EngineOptions, Store};

const BEFORE: &str = "CREATE TABLE millrace.quarantine (source_table LowCardinality(String), version UInt128, \
    op LowCardinality(String), column String, reason String, row String, \
    at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY (source_table, version, row)";

#[tokio::test]
async fn quarantined_rows_of_before_are_taken_over_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let data_dir = folder.path().to_owned();
        Engine::open(&EngineOptions { data_dir, memory_bytes: 2 << 30 }).unwrap()
    };
    let engine = open();
    let rows = "(source_table, version, op, column, reason, row) VALUES ('public.t', 7, 'insert', 'a', 'why', '{}')";
    for sql in ["DROP TABLE millrace.quarantine SYNC", BEFORE] {
        engine.execute(sql).await.unwrap();
    }
    for sql in [rows, &rows.replace("7,", "8,")] {
        engine.execute(&format!("INSERT INTO millrace.quarantine {sql}")).await.unwrap();
    }
    drop(engine);
    let kept = "SELECT count(), countIf(state = 'waiting' AND id != ''), sum(version) FROM millrace.quarantine FINAL";
    for _ in 0..2 {
        let engine = open();
        let found = engine.query(kept).await.unwrap().remove(0);
        assert_eq!(found, ["2", "2", "15"].map(|field| Some(field.to_owned())));
        drop(engine);
    }
    // A crash between taking the name away and taking the rows over.
    let engine = open();
    engine.execute(&BEFORE.replace("quarantine", "quarantine_before")).await.unwrap();
    for version in ["8", "9"] {
        let rows = rows.replace('7', version);
        engine.execute(&format!("INSERT INTO millrace.quarantine_before {rows}")).await.unwrap();
    }
    drop(engine);
    let found = open().query(kept).await.unwrap().remove(0);
    assert_eq!(found, ["3", "3", "24"].map(|field| Some(field.to_owned())));
}
