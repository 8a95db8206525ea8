//! Pieces, one after the other, find what a comparison of everything finds.

use super::*;
use crate::verify::beside::{Beside, Connection, LOOK_AGAIN_AFTER};
use model::Lsn;
use tokio::sync::watch;

impl Pair {
    fn beside(&self, at: usize) -> Beside {
        Beside {
            subject: Subject { target: self.targets[at].clone(), is_updated: self.is_updated },
            address: self.address.clone(),
            publication: PUBLICATION.into(),
            store: engine(),
            // Nothing streams here.
            settled: watch::channel(Lsn::MAX).1,
            look_again_after: LOOK_AGAIN_AFTER,
        }
    }

    /// A round through one table: rows looked at, and what differs.
    async fn round(&self, at: usize, percent: f64) -> (u64, Vec<String>) {
        let (beside, connection) = (self.beside(at), Connection::default());
        let mut options = PieceOptions { table: String::new(), percent, from: None };
        let (mut rows, mut found) = (0, Vec::new());
        loop {
            let piece = beside.compare(&options, &connection).await.unwrap();
            assert_eq!((&piece.skipped, piece.moving), (&None, 0));
            rows += piece.rows;
            found.extend(piece.differences.iter().map(|d| format!("{} {}", d.kind, d.key)));
            match piece.next {
                // As it travels.
                Some(next) => {
                    let text = serde_json::to_string(&next).unwrap();
                    options.from = Some(serde_json::from_str(&text).unwrap());
                }
                None => break,
            }
        }
        found.sort();
        found.dedup();
        (rows, found)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_through_all_pieces_finds_each_kind_of_difference() {
    let tables = "create table t (id int8 primary key, v text);
                  insert into t select i, repeat('v' || i, 10) from generate_series(-500, 9000) i;
                  analyze t";
    let pair = Pair::start("b_mirror", tables).copied().await;
    let (rows, found) = pair.round(0, 100.0).await;
    assert_eq!((rows, found), (2 * 9501, vec![]));
    let newer = "(SELECT max(_version) + 1 FROM b_mirror_raw.t)";
    bend(&format!("INSERT INTO b_mirror_raw.t SELECT -7, 'x', {newer}, 0")).await;
    bend(&format!("INSERT INTO b_mirror_raw.t SELECT 8, '', {newer}, 1")).await;
    bend(&format!("INSERT INTO b_mirror_raw.t SELECT 30000, 'v', {newer}, 0")).await;
    pair.cluster.sql("insert into t values (200000, null)");
    let (_, found) = pair.round(0, 100.0).await;
    assert_eq!(found, ["changed -7", "extra 30000", "missing 200000", "missing 8"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_is_a_share_of_both_sides_and_a_small_table_is_looked_at() {
    let tables = "create table large (id uuid primary key, v text);
                  insert into large select md5(i::text)::uuid, repeat('v' || i, 10)
                    from generate_series(1, 60000) i;
                  create table small (id int4 primary key); insert into small values (1), (2);
                  create table none (id int4 primary key); analyze";
    let pair = Pair::start("b_sample", tables).copied().await;
    let rows = pair.round(0, 10.0).await;
    assert!((8_000..18_000).contains(&rows.0) && rows.1.is_empty(), "{rows:?}");
    assert_eq!(pair.targets[2].table.name.table, "small");
    assert!(pair.round(2, 100.0).await.0 == 4 && pair.round(2, 0.01).await.0 >= 2);
    assert_eq!(pair.round(1, 1.0).await, (0, vec![]));
    // Nearly all of it is bent: a sample cannot miss that.
    bend("ALTER TABLE b_sample_raw.large UPDATE v = 'bent' WHERE 1 SETTINGS mutations_sync = 1")
        .await;
    let found = pair.round(0, 1.0).await.1;
    assert!(!found.is_empty() && found.iter().all(|f| f.starts_with("changed ")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_every_type_that_tells_rows_apart_are_looked_up() {
    let tables = r#"
        create type mood as enum ('so so', 'it''s');
        create table k1 (id timestamptz primary key, v int);
        insert into k1 values ('2024-02-29 23:59:59.000001+02', 1), ('1950-01-01', 2), ('2250-01-01 12:00', 3);
        create table k2 (id numeric(12, 3), "Day" date, v int, primary key ("Day", id));
        insert into k2 values (1.5, '2024-02-29', 1), (-0.001, '1900-01-01', 2), (7, '2299-12-31', 3);
        create table k3 (m mood, b bool, c char(4), v int, primary key (m, b, c));
        insert into k3 values ('so so', true, 'a', 1), ('it''s', false, 'b''\c', 2);
        create table k4 (t text, o oid, s timestamp, v int, primary key (t, o, s));
        insert into k4 values ('', 1, '2024-01-01', 1), (E'a\tb\n\\x''"', 4294967295, '2024-01-01 00:00:00.5', 2),
            ('ünï 𝄞', 3, '1970-01-01', 3);
        create table k5 (tags text[] primary key, v int); insert into k5 values ('{a,"b c"}', 1), ('{}', 2)"#;
    let pair = Pair::start("b_keys", tables).copied().await;
    for at in 0..pair.targets.len() {
        let name = pair.targets[at].table.name.table.clone();
        let rows = pair.cluster.sql(&format!("select 2 * count(*) from {name}"));
        assert_eq!(pair.round(at, 100.0).await, (rows.parse().unwrap(), vec![]), "{name}");
        bend(&format!(
            "ALTER TABLE b_keys_raw.{name} UPDATE v = v + 10 WHERE 1 SETTINGS mutations_sync = 1"
        ))
        .await;
        let (rows, found) = pair.round(at, 100.0).await;
        assert_eq!((rows, found.len() as u64), (rows, rows / 2), "{name}: {found:?}");
        bend(&format!("ALTER TABLE b_keys_raw.{name} DELETE WHERE 1 SETTINGS mutations_sync = 1"))
            .await;
        assert!(pair.round(at, 100.0).await.1.iter().all(|f| f.starts_with("missing ")), "{name}");
    }
    for (at, target) in pair.targets.iter().enumerate().filter(|(_, t)| t.table.name.table == "k2")
    {
        assert_eq!(
            pair.round(at, 100.0).await.1[0],
            "missing 1900-01-01, -0.001",
            "{}",
            target.name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_key_to_look_up_is_skipped_with_a_reason() {
    let tables = "create table keyless (v int); insert into keyless values (1);
                  create table floats (id float8 primary key); insert into floats values (1)";
    let pair = Pair::start("b_skipped", tables).with("public.keyless", append()).copied().await;
    for (at, why) in [(0, "cannot look its rows up by their key"), (1, "it has no key")] {
        let options = PieceOptions { table: String::new(), percent: 1.0, from: None };
        let piece = pair.beside(at).compare(&options, &Connection::default()).await.unwrap();
        let said = piece.skipped.unwrap();
        assert!(said.contains(why) && said.contains("hint: millrace verify without"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_filters_and_partitions_are_what_they_are() {
    let tables = "create table f (id int4 primary key, ok bool);
                  insert into f select i, i % 2 = 0 from generate_series(1, 1000) i;
                  create table p (id int4 primary key, v text) partition by range (id);
                  create table p1 partition of p for values from (0) to (500);
                  create table p2 partition of p for values from (500) to (5000);
                  insert into p select i, 'v' from generate_series(1, 1000) i;
                  create table facts (id int8 primary key, v int);
                  insert into facts select i, i from generate_series(1, 1000) i;
                  create publication everything for table f where (ok), table p, table facts
                    with (publish_via_partition_root = true)";
    let mut pair = Pair::start("b_filter", tables).with("public.facts", append());
    pair.cluster.sql("alter table f replica identity full");
    pair = pair.copied().await;
    let names: Vec<&str> = pair.targets.iter().map(|t| t.table.name.table.as_str()).collect();
    assert_eq!(names, ["f", "facts", "p"]);
    assert_eq!(pair.round(0, 100.0).await, (1000, vec![]));
    assert_eq!(pair.round(1, 100.0).await, (1000, vec![]));
    assert_eq!(pair.round(2, 100.0).await, (2000, vec![]));
    // A row that the filter leaves out is not there.
    pair.cluster.sql("update f set ok = false where id = 2");
    assert_eq!(pair.round(0, 100.0).await.1, ["extra 2"]);
    pair.cluster.sql("delete from facts where id < 10; update facts set v = 0 where id = 500");
    assert_eq!(pair.round(1, 100.0).await.1, ["changed 500"]);
    pair.is_updated = true;
    assert_eq!(pair.round(1, 100.0).await.1, Vec::<String>::new());
    bend("INSERT INTO b_filter.facts (id, v) SELECT id, v FROM b_filter.facts WHERE id = 700 SETTINGS insert_deduplicate = 0").await;
    assert_eq!(pair.round(1, 100.0).await.1, ["duplicate 700"]);
}
