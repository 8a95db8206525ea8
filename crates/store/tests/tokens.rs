//! What remembers an append table's batches, after a crash at the wrong moment. A test binary of its
//! own: it opens the engine again and again.

use std::path::{Path, PathBuf};
use store::{Engine, EngineOptions, Store};

const CREATE: &str = "CREATE TABLE f.t (id Int32, day Date) ENGINE = MergeTree \
     PARTITION BY toYYYYMM(day) ORDER BY id SETTINGS non_replicated_deduplication_window = 100";
/// Three partitions.
const ROWS: &[u8] = b"1\t2026-01-01\n2\t2026-02-01\n3\t2026-03-01\n";

struct Data(tempfile::TempDir);

impl Data {
    fn open(&self) -> Engine {
        let data_dir = self.0.path().to_owned();
        Engine::open(&EngineOptions { data_dir, memory_bytes: 2 << 30 }).unwrap()
    }

    /// The table's folder, which is the one with a log of tokens.
    fn table(&self) -> PathBuf {
        let folders = |path: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(path).unwrap().flatten();
            entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
        };
        let stores = folders(&self.0.path().join("engine/store"));
        let mut tables = stores.iter().flat_map(|store| folders(store));
        tables.find(|table| table.join("deduplication_logs").is_dir()).unwrap()
    }
}

fn insert(engine: &Engine, token: &str) {
    let sql = format!(
        "INSERT INTO f.t SETTINGS async_insert = 0, insert_deduplication_token = '{token}'"
    );
    let mut body = engine.session().unwrap().insert(&sql, "TabSeparated", &[]).unwrap();
    body.append(ROWS).unwrap();
    body.finish().unwrap();
}

fn ids(engine: &Engine) -> String {
    let mut session = engine.session().unwrap();
    let sql = "SELECT arrayStringConcat(groupArray(toString(id)), ' ') FROM (SELECT id FROM f.t ORDER BY id)";
    let answer = session.query(sql, "TabSeparated", &[]).unwrap();
    String::from_utf8_lossy(answer.bytes()).trim_end().to_owned()
}

async fn execute(engine: &Engine, sql: &str) {
    engine.execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_part_never_came_is_forgotten_and_no_other() {
    let data = Data(tempfile::tempdir().unwrap());
    let engine = data.open();
    execute(&engine, "CREATE DATABASE f").await;
    execute(&engine, CREATE).await;
    insert(&engine, "first");
    insert(&engine, "second");
    insert(&engine, "second");
    assert_eq!(ids(&engine), "1 1 2 2 3 3");
    // Their tokens are those of a larger part from now on.
    execute(&engine, "OPTIMIZE TABLE f.t PARTITION 202601 FINAL").await;
    drop(engine);
    // As a kill between the token and the part leaves it.
    let table = data.table();
    let part = std::fs::read_dir(&table).unwrap().flatten().map(|entry| entry.file_name());
    let mut of_march: Vec<_> = part.filter_map(|name| name.into_string().ok()).collect();
    of_march.retain(|name| name.starts_with("202603_"));
    of_march.sort();
    std::fs::remove_dir_all(table.join(of_march.last().unwrap())).unwrap();

    let engine = data.open();
    assert_eq!(ids(&engine), "1 1 2 2 3");
    insert(&engine, "first");
    assert_eq!(ids(&engine), "1 1 2 2 3");
    insert(&engine, "second");
    assert_eq!(ids(&engine), "1 1 2 2 3 3");
    drop(engine);
    // And it is remembered again.
    let engine = data.open();
    insert(&engine, "second");
    assert_eq!(ids(&engine), "1 1 2 2 3 3");
}
