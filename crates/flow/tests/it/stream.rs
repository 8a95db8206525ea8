//! Changes that arrive with the stream.

use crate::support::{World, assert_same, wait_until};

/// docs/pains.md 5, 16
#[tokio::test(flavor = "multi_thread")]
async fn changes_reach_mirror_and_facts() {
    let world = World::new(
        "s_changes",
        "create table m (id int primary key, v text); create table e (id int primary key, v text);
         insert into m select n, 'm' || n from generate_series(1, 100) n;
         insert into e select n, 'e' || n from generate_series(1, 100) n;
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    world.assert_mirror("e", "id, v", "id").await;
    world.sql(
        "insert into m values (101, 'new'); update m set v = 'changed' where id <= 5;
         update m set id = 1000 where id = 6; delete from m where id between 10 and 20;
         begin; insert into m values (200, 'a'); update m set v = 'b' where id = 200;
         delete from m where id = 200; insert into m values (200, 'c'); commit;
         insert into e values (101, 'new'); update e set v = 'ignored' where id = 1;
         delete from e where id = 2;",
    );
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    let facts = world.stored("select count(), uniqExact(id), min(v = 'ignored') from {s}.e").await;
    assert_eq!(facts, "101|101|0");
    let report = pipeline.handle().report();
    let facts = report.tables.iter().find(|table| table.name == "s_changes.e").unwrap();
    assert_eq!((facts.ignored_updates, facts.ignored_deletes), (1, 1));
    assert!(report.freshness_ms.p50.is_some());
    let tables = vec!["s_changes.m".to_owned(), "s_changes.nowhere".to_owned()];
    let options = flow::verify::VerifyOptions { tables, keys_max: 1 };
    let verdict = pipeline.handle().verify(options).await.unwrap();
    let compared = verdict.tables.iter().map(|v| (v.name.as_str(), v.skipped.as_deref()));
    let compared: Vec<_> = compared.collect();
    assert_eq!(compared, [("s_changes.m", None), ("s_changes.nowhere", Some("not streamed"))]);
    assert_eq!(verdict.tables[0].differing_keys, 0);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_confirms_what_it_made_durable_and_a_start_goes_on() {
    let world = World::new(
        "s_restart",
        "create table m (id int primary key, v text); create table e (id int primary key, v text);
         create publication p for table m, e",
    )
    .append("e");
    for round in 0..3 {
        let pipeline = world.start();
        let from = round * 1000;
        world.sql(&format!(
            "insert into m select n, 'x' from generate_series({from} + 1, {from} + 1000) n;
             insert into e select n, 'x' from generate_series({from} + 1, {from} + 1000) n;"
        ));
        world.settle(&pipeline).await;
        let end = world.sql("select pg_current_wal_lsn()");
        pipeline.shutdown().await.unwrap();
        let slot = "select confirmed_flush_lsn >= '{end}'::pg_lsn - 65536, active \
                    from pg_replication_slots";
        assert_eq!(world.sql(&slot.replace("{end}", &end)), "t|f");
        // Written while nobody reads.
        world.sql(&format!("update m set v = 'y{round}'; delete from m where id % 10 = {round}"));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    world.assert_mirror("e", "id, v", "id").await;
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 1
#[tokio::test(flavor = "multi_thread")]
async fn unchanged_values_are_filled_and_never_lost() {
    let world = World::new(
        "s_toast",
        "create table m (id int primary key, n int, body text, tags text[]);
         alter table m alter body set storage external, alter tags set storage external;
         create function big(int) returns text language sql as
           $$ select string_agg(md5(n::text || $1), '') from generate_series(1, 200) n $$;
         insert into m select n, 0, big(n), array[big(n), 'a'] from generate_series(1, 20) n;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // From the store; from the batch; twice in a row; with another key; then gone.
    world.sql(
        "update m set n = 1 where id <= 5; update m set n = 2 where id <= 3;
         begin; insert into m values (50, 0, big(50), null); update m set n = 9 where id = 50; commit;
         begin; update m set id = 60 where id = 6; update m set n = 7 where id = 60; commit;
         begin; update m set n = 3 where id = 7; delete from m where id = 7; commit;",
    );
    world.settle(&pipeline).await;
    let source = world.sql("select id, n, md5(body), md5(tags[1]), tags[2] from m order by id");
    let stored = "select id, n, lower(hex(MD5(assumeNotNull(body)))), lower(hex(MD5(assumeNotNull(tags[1])))), tags[2]
                  from {s}.m order by id";
    let stored = world.stored(stored).await;
    // NULL arrays are empty in the store.
    let stored = stored.replace("|d41d8cd98f00b204e9800998ecf8427e|", "||");
    assert_same("m", &source, &stored);
    pipeline.shutdown().await.unwrap();
}

/// Postgres keeps what ClickHouse cannot; the row of before must not pass for the current one.
///
/// docs/pains.md 7
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_update_leaves_no_old_row_and_its_row_in_quarantine() {
    let world = World::new(
        "s_refused",
        "create table m (id int primary key, price numeric(10,2), body text);
         alter table m alter body set storage external;
         insert into m select n, n, repeat('x', 5000) from generate_series(1, 6) n;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // In place; with another key; twice; and one that comes back.
    world.sql(
        "update m set price = 'NaN' where id = 1;
         update m set price = 'NaN', id = 20 where id = 2;
         update m set price = 'NaN' where id = 3; update m set price = 'NaN' where id = 3;
         update m set price = 'NaN' where id = 4;
         update m set price = 4.5, body = repeat('y', 5000) where id = 4;",
    );
    world.settle(&pipeline).await;
    let stored = world.stored("select id, price, length(body) from {s}.m order by id").await;
    assert_eq!(stored, "4|4.5|5000\n5|5|5000\n6|6|5000");
    let quarantine = "select op, column, JSONExtractString(row, 'id') as id, \
                      JSONExtractString(row, 'price') from millrace.quarantine final \
                      where source_table = '{s}.m' order by toInt32(id), version";
    // Of a row that was refused twice the newest waits.
    let updates = ["1", "3", "4"].map(|id| format!("update|price|{id}|NaN")).join("\n");
    // Under a new key it is a delete and an insert.
    let refused = format!("{updates}\ninsert|price|20|NaN");
    assert_eq!(world.stored(quarantine).await, refused);
    let report = pipeline.handle().report();
    assert_eq!(report.tables[0].rejected_rows, 5);
    assert_eq!(report.tables[0].state, flow::status::State::Streaming);
    pipeline.shutdown().await.unwrap();
}

/// Rows that arrive under a new key find their large values under the old one, in the store.
///
/// docs/pains.md 2
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_brings_its_unchanged_values_along() {
    let world = World::new(
        "s_moved",
        "create table m (id int, part text, n int, body text, primary key (part, id));
         alter table m alter body set storage external;
         create function big(int) returns text language sql as
           $$ select string_agg(md5(n::text || $1), '') from generate_series(1, 200) n $$;
         insert into m select n, 'p', 0, big(n) from generate_series(1, 20) n;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // Into the place of another that is deleted first; along a chain; half of the key.
    world.sql(
        "update m set id = 101, n = 1 where id = 1;
         begin; delete from m where id = 3; update m set id = 3, n = 2 where id = 2; commit;
         begin; update m set id = 104 where id = 4; update m set id = 204, n = 3 where id = 104; commit;
         update m set part = 'q' where id in (5, 6); update m set n = 4 where id = 5;",
    );
    world.settle(&pipeline).await;
    let source = world.sql("select id, part, n, md5(body) from m order by id, part");
    let stored =
        "select id, part, n, lower(hex(MD5(assumeNotNull(body)))) from {s}.m order by id, part";
    assert_same("m", &source, &world.stored(stored).await);
    pipeline.shutdown().await.unwrap();
}

/// The store has the value of before the row that went to quarantine.
#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_value_behind_a_row_in_quarantine_is_not_an_older_one() {
    let world = World::new(
        "s_behind",
        "create table m (id int primary key, price numeric(9, 2), body text);
         create function big(int) returns text language sql as
           $$ select string_agg(md5(n::text || $1), '') from generate_series(1, 200) n $$;
         insert into m select n, 1, big(n) from generate_series(1, 3) n;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "update m set price = 'NaN', body = big(11) where id = 1; update m set price = 2 where id = 1;
         update m set price = 'NaN', body = big(12) where id = 2; update m set id = 20, price = 2 where id = 2;
         update m set price = 3 where id = 3; update m set id = 30 where id = 3;",
    );
    world.settle(&pipeline).await;
    let source = world.sql("select id, md5(body) from m order by id");
    let stored = "select id, lower(hex(MD5(assumeNotNull(body)))) from {s}.m order by id";
    assert_same("m", &source, &world.stored(stored).await);
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 4
#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_empties_the_mirror_and_keeps_the_facts() {
    let world = World::new(
        "s_truncate",
        "create table m (id int primary key); create table e (id int primary key);
         insert into m select generate_series(1, 500); insert into e select generate_series(1, 500);
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "insert into m values (501); truncate m, e; insert into m values (1), (2);
               insert into e values (1000);
         begin; insert into m values (3); truncate m; insert into m values (4); commit",
    );
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id", "id").await;
    assert_eq!(world.stored("select count() from {s}.e").await, "501");
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 15
#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_is_copied_and_an_unpublished_one_says_what_helps() {
    let world = World::new(
        "s_new",
        "create table m (id int primary key); create table later (id int primary key, v text);
         insert into later select n, 'x' from generate_series(1, 100) n;
         create publication p for table m",
    )
    .append("nowhere");
    let pipeline = world.start();
    world.settle_to(&pipeline, false).await;
    let report = pipeline.handle().report();
    let missing = report.tables.iter().find(|table| table.name == "s_new.nowhere").unwrap();
    assert!(missing.last_error.as_ref().unwrap().contains("ADD TABLE s_new.nowhere"));
    assert!(!pipeline.handle().is_ready());
    world.sql("alter publication p add table later; insert into later values (101, 'y')");
    let handle = pipeline.handle();
    wait_until("the new table streams", || {
        let report = handle.report();
        let found = report.tables.iter().find(|table| table.name == "s_new.later");
        match found.map(|table| table.state) {
            Some(flow::status::State::Streaming) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    world.settle_to(&pipeline, false).await;
    world.assert_mirror("later", "id, v", "id").await;
    pipeline.shutdown().await.unwrap();
}
