//! The reader: what comes out of a slot, in which order, and where it stops.

use cluster::Cluster;
use model::{Block, Lsn, Op, Table, TableId};
use source::spool::{Keeper, KeeperOptions, Spool};
use source::stream::{Batch, Control, Delivery, StreamOptions, start};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

struct Stream {
    control: Arc<Control>,
    deliveries: Receiver<Delivery>,
    tables: HashMap<TableId, Arc<Table>>,
}

fn tables(url: &str) -> HashMap<TableId, Arc<Table>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async {
        let client = source::client::connect(&url.parse().unwrap()).await.unwrap();
        source::catalog::published_tables(&client, "p").await.unwrap()
    });
    found.into_iter().map(|table| (table.id, Arc::new(table))).collect()
}

impl Stream {
    fn open(url: &str, binary: bool) -> Stream {
        Stream::open_with(url, binary, None, Lsn::ZERO)
    }

    fn open_with(url: &str, binary: bool, spool: Option<Arc<Spool>>, from: Lsn) -> Stream {
        let control = Arc::new(Control::new(Lsn::ZERO));
        let options = StreamOptions {
            address: url.parse().unwrap(),
            slot: "s".into(),
            publication: "p".into(),
            from,
            binary,
            memory_bytes: 64 << 20,
            spool,
        };
        let deliveries = start(options, control.clone());
        Stream { control, deliveries, tables: tables(url) }
    }

    /// The next delivery, relations answered.
    fn next(&mut self) -> Delivery {
        let begun = Instant::now();
        loop {
            match self.deliveries.try_recv() {
                Ok(Delivery::Relation { relation, reply, .. }) => {
                    reply.send(self.tables.get(&relation.id).cloned()).unwrap();
                }
                Ok(delivery) => return delivery,
                Err(TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(1)),
                Err(TryRecvError::Disconnected) => panic!("the stream ended"),
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing came");
        }
    }

    fn batch(&mut self) -> Batch {
        loop {
            match self.next() {
                Delivery::Batch(batch) if !batch.blocks.is_empty() => return batch,
                Delivery::Batch(_) | Delivery::Message { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Changes as `op id note`, until as many have come.
    fn changes(&mut self, count: usize) -> Vec<String> {
        let mut changes = Vec::new();
        while changes.len() < count {
            changes.extend(self.batch().blocks.iter().flat_map(lines));
        }
        changes
    }
}

fn lines(block: &Block) -> Vec<String> {
    let marks = &block.unchanged;
    let line = |row: usize| {
        let id = i64::from_le_bytes(block.columns[0].value(row).try_into().unwrap());
        let note = match block.columns[1].is_null(row) {
            true => "NULL".into(),
            false => String::from_utf8_lossy(block.columns[1].value(row)).into_owned(),
        };
        let kept = marks.iter().any(|mark| mark.row as usize == row);
        let op = match block.ops[row] {
            Op::Insert => "insert",
            Op::Update => "update",
            Op::Delete => "delete",
            Op::Refused | Op::Truncate => "other",
        };
        format!("{op} {id} {}", if kept { "(unchanged)" } else { &note })
    };
    (0..block.rows()).map(line).collect()
}

/// A store that is slow takes rows in the end; from one that fails the reader goes.
#[test]
fn a_reader_goes_from_a_store_that_fails_and_not_from_a_slow_one() {
    let cluster = prepared(&[]);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let mut stream = Stream::open_with(&cluster.url(), true, Some(spool.clone()), Lsn::ZERO);
    cluster.sql("insert into t values (1, 'a')");
    // Longer than it takes to be away.
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(stream.changes(1), ["insert 1 a"]);
    spool.note_store(false);
    for id in 2..20 {
        cluster.sql(&format!("insert into t values ({id}, 'b')"));
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(6));
    let ended = loop {
        if let Delivery::Ended(error) = stream.next() {
            break error;
        }
    };
    assert!(ended.report().contains("the store takes no rows"), "{}", ended.report());
}

/// At its limit the keeper stands within a transaction that is larger: its server has much left to send.
#[test]
fn the_keeper_leaves_the_slot_within_a_transaction() {
    let cluster = prepared(&[]);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 20);
    let _keeper = filled(&cluster, &spool);
    cluster.sql(
        "insert into t select i, md5(i::text) || md5((-i)::text) from generate_series(1, 300000) i",
    );
    wait_until(|| spool.held().is_full);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _quiet = runtime.block_on(spool.quiet());
    let active = "select active from pg_replication_slots where slot_name = 's'";
    assert_eq!((cluster.sql(active), spool.held().is_filled), ("f".into(), false));
}

/// Rows of one COPY share positions, and segments end between them; so does what fits into the spool.
#[test]
fn a_multi_insert_is_not_split_where_a_segment_or_the_spool_ends() {
    for limit in [8 << 20, 1 << 20] {
        let cluster = prepared(&[]);
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().to_owned(), limit);
        let from = confirmed(&cluster);
        let _keeper = filled(&cluster, &spool);
        cluster.sql(&copied(1..=30_000));
        let end: Lsn = cluster.sql("select pg_current_wal_lsn()").parse().unwrap();
        wait_until(|| spool.held().synced >= end || spool.held().is_full);
        assert_eq!(spool.held().is_full, limit == 1 << 20);
        // Beside the note.
        let segments = std::fs::read_dir(folder.path()).unwrap().count() - 1;
        assert!(segments > 1, "{segments}");
        let mut stream = Stream::open_with(&cluster.url(), true, Some(spool.clone()), from);
        let (mut rows, mut last) = (0, None);
        while rows < 30_000 {
            for block in stream.batch().blocks {
                assert_ne!(block.versions.first().copied(), last, "one version in two batches");
                last = block.versions.last().copied();
                rows += block.rows();
            }
        }
        assert_eq!(rows, 30_000);
    }
}

/// Where the store ends and where the spool begins is compared once more when it is read.
#[test]
fn what_lies_before_the_spool_is_not_passed_over() {
    let cluster = prepared(&[]);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let from = confirmed(&cluster);
    cluster.sql("insert into t values (1, 'a')");
    cluster.sql("select pg_replication_slot_advance('s', pg_current_wal_lsn())");
    let _keeper = filled(&cluster, &spool);
    cluster.sql("insert into t values (2, 'b')");
    let end: Lsn = cluster.sql("select pg_current_wal_lsn()").parse().unwrap();
    wait_until(|| spool.held().synced >= end);
    let mut stream = Stream::open_with(&cluster.url(), true, Some(spool.clone()), from);
    let Delivery::Ended(error) = stream.next() else { panic!("it was read") };
    assert_eq!(error.fate(), model::Fate::Definite, "{}", error.report());
    assert!(error.report().contains("does not begin where the store ends"), "{}", error.report());
}

/// A verify holds it as long as it takes, and the server hears and is heard meanwhile.
#[test]
fn what_comes_during_a_hold_goes_to_the_spool_that_is_read() {
    let cluster = prepared(&[]);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let from = confirmed(&cluster);
    let keeper = filled(&cluster, &spool);
    cluster.sql("insert into t values (1, 'a')");
    let hold: Lsn = cluster.sql("select pg_current_wal_insert_lsn()").parse().unwrap();
    cluster.sql("insert into t values (2, 'b')");
    wait_until(|| spool.held().synced >= end(&cluster));
    drop(keeper);
    let mut stream = Stream::open_with(&cluster.url(), true, Some(spool.clone()), from);
    // It waits to be told of the relation.
    stream.control.set_hold(hold);
    assert_eq!(stream.changes(1), ["insert 1 a"]);
    while !matches!(stream.next(), Delivery::Held(held) if held == hold) {}
    cluster.sql("insert into t values (3, 'c')");
    let end = end(&cluster);
    wait_until(|| spool.held().synced >= end);
    stream.control.set_hold(Lsn::MAX);
    assert_eq!(stream.changes(2), ["insert 2 b", "insert 3 c"]);
}

/// To go on in binary form takes another connection.
#[test]
fn a_spool_is_read_to_its_end_where_one_walsender_is_all() {
    let cluster = prepared(&["max_wal_senders = 1"]);
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let from = confirmed(&cluster);
    let keeper = filled(&cluster, &spool);
    cluster.sql("insert into t values (1, 'a')");
    wait_until(|| spool.held().synced >= end(&cluster));
    drop(keeper);
    let mut stream = Stream::open_with(&cluster.url(), true, Some(spool.clone()), from);
    assert_eq!(stream.changes(1), ["insert 1 a"]);
    cluster.sql("insert into t values (2, 'b')");
    assert_eq!(stream.changes(1), ["insert 2 b"]);
}

fn end(cluster: &Cluster) -> Lsn {
    cluster.sql("select pg_current_wal_lsn()").parse().unwrap()
}

fn confirmed(cluster: &Cluster) -> Lsn {
    cluster.sql("select confirmed_flush_lsn from pg_replication_slots").parse().unwrap()
}

/// Nothing that packs well.
fn copied(ids: std::ops::RangeInclusive<u32>) -> String {
    let row = |id: u32| {
        let noise = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{id}\t{noise:016x}{:016x}\n", noise.wrapping_mul(noise | 1))
    };
    format!("copy t from stdin;\n{}\\.\n", ids.map(row).collect::<String>())
}

/// The log goes to the spool.
fn filled(cluster: &Cluster, spool: &Arc<Spool>) -> Keeper {
    let address: source::Address = cluster.url().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(source::timeline::server(&address)).unwrap();
    spool.arm("s", &server).unwrap();
    let options = KeeperOptions { address, slot: "s".into(), publication: "p".into() };
    let keeper = Keeper::start(spool.clone(), options).unwrap();
    wait_until(|| spool.held().is_filled);
    keeper
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never comes to be");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn prepared(settings: &[&str]) -> Cluster {
    let cluster = Cluster::start_with(settings);
    cluster.sql(
        "create table t (id int8 primary key, note text);
         alter table t alter column note set storage external;
         create publication p for table t;
         select pg_create_logical_replication_slot('s', 'pgoutput')",
    );
    cluster
}

#[test]
fn changes_come_in_order_with_rising_versions_in_both_forms() {
    for (binary, socket) in [(true, false), (false, false), (true, true)] {
        let cluster = prepared(&[]);
        let url = if socket { cluster.socket_url() } else { cluster.url() };
        cluster.sql(
            "insert into t values (1, 'one'), (2, null);
             begin; update t set note = 'uno' where id = 1; savepoint a;
             insert into t values (9, 'never'); rollback to a;
             update t set id = 3 where id = 2; delete from t where id = 1; commit;
             insert into t values (4, repeat('x', 9000));
             update t set id = 5 where id = 4",
        );
        let mut stream = Stream::open(&url, binary);
        let mut versions = Vec::new();
        let mut changes = Vec::new();
        while changes.len() < 9 {
            for block in stream.batch().blocks {
                versions.extend(block.versions.clone());
                changes.extend(lines(&block));
            }
        }
        let large = format!("insert 4 {}", "x".repeat(9000));
        let expected = [
            "insert 1 one",
            "insert 2 NULL",
            "update 1 uno",
            "delete 2 ",
            "insert 3 NULL",
            "delete 1 ",
            &large,
            "delete 4 ",
            "insert 5 (unchanged)",
        ];
        assert_eq!(changes, expected);
        assert!(versions.windows(2).all(|pair| pair[0] <= pair[1]), "{versions:?}");
    }
}

#[test]
fn replica_identity_full_fills_unchanged_values() {
    let cluster = prepared(&[]);
    cluster.sql(
        "alter table t replica identity full; insert into t values (1, repeat('y', 9000));
         update t set id = 2",
    );
    let mut stream = Stream::open(&cluster.url(), true);
    let changes = stream.changes(3);
    assert_eq!(changes[1], "delete 1 ");
    assert_eq!(changes[2], format!("insert 2 {}", "y".repeat(9000)));
}

#[test]
fn what_is_confirmed_does_not_come_again_and_the_slot_moves_when_idle() {
    let cluster = prepared(&[]);
    cluster.sql("insert into t values (1, 'a')");
    let mut stream = Stream::open(&cluster.url(), true);
    let batch = stream.batch();
    stream.control.confirm(batch.through);
    stream.control.stop();
    while !stream.control.is_closed() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let slot = "select confirmed_flush_lsn::text from pg_replication_slots";
    assert_eq!(cluster.sql(slot), batch.through.to_string());
    cluster.sql("insert into t values (2, 'b'); create table other (x int); drop table other");
    let mut stream = Stream::open(&cluster.url(), true);
    assert_eq!(stream.changes(1), ["insert 2 b"]);
    // Nothing of ours happens, and still the position goes forward.
    let end: Lsn = cluster.sql("select pg_current_wal_lsn()").parse().unwrap();
    cluster.sql("select pg_logical_emit_message(true, 'other', 'x')");
    while let Delivery::Batch(batch) = stream.next() {
        if batch.through >= end {
            return;
        }
    }
    panic!("not a batch");
}

#[test]
fn a_hold_stops_before_the_first_transaction_at_or_after_it() {
    let cluster = prepared(&[]);
    let mut stream = Stream::open(&cluster.url(), true);
    cluster.sql("insert into t values (1, 'before')");
    let hold: Lsn = cluster.sql("select pg_current_wal_insert_lsn()").parse().unwrap();
    stream.control.set_hold(hold);
    cluster.sql("insert into t values (2, 'after')");
    assert_eq!(stream.changes(1), ["insert 1 before"]);
    let held = loop {
        match stream.next() {
            Delivery::Held(held) => break held,
            Delivery::Batch(batch) => assert!(batch.blocks.is_empty()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(held, hold);
    stream.control.set_hold(Lsn::MAX);
    assert_eq!(stream.changes(1), ["insert 2 after"]);
    // On an idle stream too, and each hold once.
    stream.control.set_hold(Lsn::ZERO);
    while !matches!(stream.next(), Delivery::Held(Lsn::ZERO)) {}
    let later: Lsn = cluster.sql("select pg_current_wal_insert_lsn()").parse().unwrap();
    stream.control.set_hold(later);
    while !matches!(stream.next(), Delivery::Held(held) if held == later) {}
}

#[test]
fn truncate_and_messages_are_barriers_in_order() {
    let cluster = prepared(&[]);
    cluster.sql(
        "insert into t values (1, 'a'); truncate t; insert into t values (2, 'b');
         select pg_logical_emit_message(true, 'millrace', 'tick')",
    );
    let mut stream = Stream::open(&cluster.url(), true);
    assert_eq!(stream.changes(1), ["insert 1 a"]);
    let tables = loop {
        match stream.next() {
            Delivery::Truncate { tables, done, .. } => {
                done.send(()).unwrap();
                break tables;
            }
            Delivery::Batch(batch) => assert!(batch.blocks.is_empty()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(tables, stream.tables.keys().copied().collect::<Vec<_>>());
    assert_eq!(stream.changes(1), ["insert 2 b"]);
    loop {
        if let Delivery::Message { content, .. } = stream.next() {
            assert_eq!(content, b"tick");
            break;
        }
    }
}

#[test]
fn a_multi_insert_is_never_split_and_a_large_transaction_comes_in_pieces() {
    let cluster = prepared(&[]);
    // COPY writes many rows with one record, so that they share a position.
    let rows: String = (1..=50_000).map(|n| format!("{}\tcopied\n", n + 1_000_000)).collect();
    cluster.sql(&format!("copy t from stdin;\n{rows}\\.\n"));
    cluster.sql("insert into t select g, 'n' || g from generate_series(1, 400000) g");
    let mut stream = Stream::open(&cluster.url(), true);
    let (mut rows, mut pieces, mut last) = (0, 0, None);
    while rows < 450_000 {
        for block in stream.batch().blocks {
            assert_ne!(block.versions.first().copied(), last, "one version in two batches");
            last = block.versions.last().copied();
            rows += block.rows();
            pieces += 1;
        }
    }
    assert_eq!(rows, 450_000);
    assert!(pieces > 2, "{pieces}");
}

#[test]
fn errors_say_what_to_do_and_whether_to_try_again() {
    let cluster = prepared(&[]);
    let mut first = Stream::open(&cluster.url(), true);
    cluster.sql("insert into t values (1, 'a')");
    first.batch();
    let mut second = Stream::open(&cluster.url(), true);
    let Delivery::Ended(error) = second.next() else { panic!("two readers of one slot") };
    assert_eq!(error.fate(), model::Fate::Transient, "{}", error.report());
    assert!(error.report().contains("active"), "{}", error.report());
    // The walsender is ended under the reader.
    cluster.sql("select pg_terminate_backend(active_pid) from pg_replication_slots");
    let error = loop {
        if let Delivery::Ended(error) = first.next() {
            break error;
        }
    };
    assert_eq!(error.fate(), model::Fate::Transient, "{}", error.report());
    cluster.sql("select pg_drop_replication_slot('s')");
    let mut third = Stream::open(&cluster.url(), true);
    let Delivery::Ended(error) = third.next() else { panic!("a slot that is not there") };
    assert_eq!(error.fate(), model::Fate::Definite, "{}", error.report());
    assert!(error.report().contains("does not exist"), "{}", error.report());
}
