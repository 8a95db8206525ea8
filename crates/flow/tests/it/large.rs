//! A transaction that is larger than any budget, and very many that are small.
//!
//! `make test-large` takes 5 million rows; how much memory the process then has is measured by
//! `make bench ONLY=big_transaction`.

use crate::passing::passes_on;
use crate::support::{Home, World, assert_equal, home, wait_until};
use flow::{Handle, Pipeline};
use model::{Lsn, Result};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use store::{BoxFuture, Insert, Receipt, Store};

const ROWS: u64 = 400_000;
/// Far below what the rows need at once.
const MEMORY_BYTES: usize = 8 << 20;

fn rows() -> u64 {
    std::env::var("MILLRACE_TEST_ROWS").map_or(ROWS, |rows| rows.parse().expect("a number"))
}

/// Looks at what it is given.
struct Watching {
    inner: Home,
    handle: OnceLock<Handle>,
    held_bytes: AtomicUsize,
    held_most: AtomicUsize,
    inserts: AtomicUsize,
    /// The highest position that was durable while rows still came.
    applied_most: AtomicU64,
}

impl Watching {
    fn applied(&self) -> Lsn {
        let report = self.handle.get().expect("it runs").report();
        report.source.applied_lsn.parse().unwrap()
    }
}

impl Store for Watching {
    passes_on!(self => self.inner; execute, record, query, cells, answer_beside);

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        Box::pin(async move {
            let bytes = insert.block.size_bytes();
            let held = self.held_bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
            self.held_most.fetch_max(held, Ordering::SeqCst);
            self.inserts.fetch_add(1, Ordering::SeqCst);
            let done = self.inner.insert(insert).await;
            self.held_bytes.fetch_sub(bytes, Ordering::SeqCst);
            // This piece is durable; what comes after it may be, too.
            self.applied_most.fetch_max(self.applied().0, Ordering::SeqCst);
            done
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_passes_in_pieces_and_is_confirmed_as_one() {
    let rows = rows();
    let world = World::new(
        "large",
        "create table m (id bigint primary key, v text); create publication p for table m",
    );
    let store = Arc::new(Watching {
        inner: home(),
        handle: OnceLock::new(),
        held_bytes: AtomicUsize::new(0),
        held_most: AtomicUsize::new(0),
        inserts: AtomicUsize::new(0),
        applied_most: AtomicU64::new(0),
    });
    let options = flow::Options { memory_bytes: MEMORY_BYTES, ..world.options() };
    let pipeline = Pipeline::start(options, store.clone());
    store.handle.set(pipeline.handle()).ok().unwrap();
    world.settle(&pipeline).await;
    world.sql(&format!("insert into m select i, 'row ' || i from generate_series(1, {rows}) i"));
    let handle = pipeline.handle();
    wait_until("a row is there", || match handle.report().tables[0].streamed_rows {
        0 => Err("none".into()),
        _ => Ok(()),
    })
    .await;
    // However long it takes: the transaction is there as a whole, or its position is not.
    while handle.report().tables[0].streamed_rows < rows {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let commit =
        world.stored("select toUInt64(bitShiftRight(max(_version), 64)) from {s}_raw.m").await;
    let (held, inserts) =
        (store.held_most.load(Ordering::SeqCst), store.inserts.load(Ordering::SeqCst));
    assert!(held <= MEMORY_BYTES, "{held} bytes at once");
    assert!(inserts as u64 >= rows / 140_000, "{inserts} pieces");
    let applied = store.applied_most.load(Ordering::SeqCst);
    assert!(applied < commit.parse().unwrap(), "{applied} of {commit}");
    assert_equal(&world, &pipeline, "the transaction").await;
    assert_eq!(world.stored("select count() from {s}.m").await, rows.to_string());
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_small_transactions_arrive() {
    let world = Arc::new(
        World::new(
            "small",
            "create table m (id int primary key, v int); create table facts (id int primary key);
         create publication p for table m, facts",
        )
        .append("facts"),
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let writers = [0, 1, 2].map(|writer| {
        let world = world.clone();
        std::thread::spawn(move || {
            world.sql(&format!(
                "do $$ begin for i in 1..3000 loop
                   insert into m values ({writer} * 10000 + i, 0); commit;
                   update m set v = i where id = {writer} * 10000 + i / 2; commit;
                   if i % 10 = 0 then delete from m where id = {writer} * 10000 + i; commit; end if;
                   insert into facts values ({writer} * 10000 + i); commit;
                 end loop; end $$"
            ))
        })
    });
    for writer in writers {
        writer.join().unwrap();
    }
    assert_equal(&world, &pipeline, "small ones").await;
    let counts = "select (select count() from {s}.m), (select count() from {s}.facts)";
    assert_eq!(world.stored(counts).await, "8100|9000");
    pipeline.shutdown().await.unwrap();
}
