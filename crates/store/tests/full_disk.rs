//! The engine on a disk that fills up under its merges. A test binary of its own: a process has one
//! engine, and this one's disk is full.

use harness::Tmpfs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Engine, EngineOptions, Store};

const ROWS: u32 = 100_000;
/// Without the guard the first or second of them empties the table.
const ROUNDS: u32 = 8;

fn run(engine: &Engine, sql: &str) -> Result<String, String> {
    let mut session = engine.session().map_err(|error| error.report())?;
    let answer = session.query(sql, "TabSeparated", &[]).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(answer.bytes()).trim_end().to_owned())
}

#[test]
fn a_merge_on_a_full_disk_waits_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = match Tmpfs::mount(folder.path(), 192) {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("SKIPPED: a small disk cannot be made here: {why}");
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs: {why}");
            return;
        }
    };
    let options = EngineOptions { data_dir: folder.path().join("data"), memory_bytes: 2 << 30 };
    let engine = Engine::open(&options).unwrap();
    run(&engine, "CREATE DATABASE f").unwrap();
    let create = "CREATE TABLE f.t (id Int32, word String, v UInt128, d UInt8) \
                  ENGINE = ReplacingMergeTree(v, d) ORDER BY id";
    run(&engine, create).unwrap();
    let first =
        format!("INSERT INTO f.t SELECT number, repeat('x', 84), 1, 0 FROM numbers({ROWS})");
    run(&engine, &first).unwrap();
    let mut waited = false;
    for round in 0..ROUNDS {
        let is_free = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(u64::from(round) * 7));
                disk.fill();
                // Long enough to be met; what this finds does not depend on it.
                for _ in 0..20 {
                    std::thread::sleep(Duration::from_millis(20));
                    waited |= engine.is_out_of_room();
                }
                disk.free();
                is_free.store(true, Ordering::Relaxed);
            });
            let mut version = round * 1000 + 2;
            while !is_free.load(Ordering::Relaxed) {
                version += 1;
                let insert = format!(
                    "INSERT INTO f.t SELECT rand() % {ROWS}, 'y', {version}, 0 FROM numbers(50) \
                     SETTINGS async_insert = 0"
                );
                // Refused for want of room is fine; to be told so is the point.
                for sql in [insert.as_str(), "OPTIMIZE TABLE f.t FINAL"] {
                    if let Err(error) = run(&engine, sql) {
                        assert!(error.contains("space"), "{error}");
                    }
                }
            }
        });
        let counted =
            run(&engine, "SELECT count(), uniqExact(id), max(id) FROM f.t FINAL").unwrap();
        assert_eq!(counted, format!("{ROWS}\t{ROWS}\t{}", ROWS - 1), "round {round}");
    }
    assert!(waited, "no write ever met the full disk, so nothing was tested");
    drop(engine);
    // What is on the disk is what was answered.
    let engine = Engine::open(&options).unwrap();
    let counted = run(&engine, "SELECT count(), uniqExact(id) FROM f.t FINAL").unwrap();
    assert_eq!(counted, format!("{ROWS}\t{ROWS}"));
    drop(engine);
    drop(disk);
}
