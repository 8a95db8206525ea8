//! What modes do with changes: archives, TRUNCATE and UPDATE as it is wanted, and tables without a
//! primary key.

use crate::support::{Mortal, World, assert_equal, assert_same, delete, holder};
use flow::Pipeline;
use flow::resync::ResyncOptions;
use flow::verify::{TableVerdict, VerifyOptions};
use model::{ColumnOptions, Mode, OnUpdate, TableOptions};
use std::time::Duration;

async fn resync(pipeline: &Pipeline, table: &str) {
    let options = ResyncOptions { tables: vec![table.to_owned()], rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
}

/// What verify says of the only table, once it can be compared.
async fn verdict(world: &World, pipeline: &Pipeline) -> TableVerdict {
    world.settle(pipeline).await;
    let options = VerifyOptions { tables: Vec::new(), keys_max: 5 };
    pipeline.handle().verify(options).await.unwrap().tables.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_keeps_what_is_deleted() {
    let world = World::new(
        "d_archive",
        "create table m (id int primary key, v text, n numeric, body text);
         alter table m alter body set storage external;
         insert into m select i, 'v' || i, i, repeat(md5(i::text), 200) from generate_series(1, 20) i;
         create publication p for table m",
    )
    .archive("m");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let kept = async |what: &str, wanted: &str| {
        assert_equal(&world, &pipeline, what).await;
        let rows = "select id, v from {s}.m where id in (1, 2, 3, 4, 104, 5) order by id";
        assert_eq!(world.stored(rows).await, wanted, "{what}");
    };
    world.sql("delete from m where id in (1, 2); update m set v = 'w' where id = 3");
    kept("deleted", "1|v1\n2|v2\n3|w\n4|v4\n5|v5").await;
    // The key that another one took the place of is no row of before.
    world.sql("update m set id = 104 where id = 4");
    kept("rekeyed", "1|v1\n2|v2\n3|w\n5|v5\n104|v4").await;
    world.sql("insert into m values (2, 'again'); begin; insert into m values (50, 'short'); delete from m where id = 50; commit");
    kept("inserted again", "1|v1\n2|again\n3|w\n5|v5\n104|v4").await;
    let report = pipeline.handle().report();
    assert_eq!(report.tables[0].ignored_deletes, 3);
    resync(&pipeline, "d_archive.m").await;
    world.sql("delete from m where id = 5");
    kept("resync", "1|v1\n2|again\n3|w\n5|v5\n104|v4").await;
    // What cannot be carried must not stay as if it were current.
    world.sql("update m set n = 'NaN' where id = 3");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select count() from {s}.m where id = 3").await, "0");
    world.sql("update m set n = 3 where id = 3");
    kept("mended", "1|v1\n2|again\n3|w\n5|v5\n104|v4").await;
    world.sql("truncate m; insert into m values (6, 'six', 0, '')");
    kept("truncated", "1|v1\n2|again\n3|w\n5|v5\n104|v4").await;
    assert_eq!(world.stored("select v from {s}.m where id = 6").await, "six");
    let found = verdict(&world, &pipeline).await;
    assert!(found.notes.iter().any(|note| note.contains("deletes = \"keep\"")), "{found:#?}");
    pipeline.shutdown().await.unwrap();
    // A part of the log is lost, then it is another table of that name, then one of another shape.
    world.drop_slot().await;
    world.sql("delete from m where id = 6; insert into m values (5, 'five', 5, 'b')");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "a gap").await;
    let rows = "select id, v from {s}.m where id < 7 order by id";
    assert_eq!(world.stored(rows).await, "1|v1\n2|again\n3|w\n5|five\n6|six");
    pipeline.shutdown().await.unwrap();
    world.sql(
        "drop table m; create table m (id int primary key, v text, n numeric, body text);
        alter publication p add table m; insert into m values (1, 'other', 1, 'b')",
    );
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "another table").await;
    assert_eq!(world.stored(rows).await, "1|other\n2|again\n3|w\n5|five\n6|six");
    world.sql(
        "alter table m alter n type text using n::text; insert into m values (2, 'new', 'n', 'b')",
    );
    assert_equal(&world, &pipeline, "another shape").await;
    assert_eq!(world.stored(rows).await, "1|other\n2|new");
    let before =
        "select name from system.tables where database = '{s}_raw' and name like 'm\\_before%'";
    let before = world.stored(before).await;
    let rows = format!("select id, v from {{s}}_raw.{before} final where id < 7 order by id");
    assert_eq!(world.stored(&rows).await, "1|other\n2|again\n3|w\n5|five\n6|six");
    pipeline.shutdown().await.unwrap();
}

/// Every way in which a TRUNCATE may come, killed in the middle and read again.
#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_does_what_is_wanted_once() {
    let facts = |keeps_truncated| TableOptions {
        mode: Mode::Append,
        keeps_truncated,
        ..TableOptions::default()
    };
    let changes = |keeps_truncated| TableOptions { mode: Mode::History, ..facts(keeps_truncated) };
    let mirror = |keeps_truncated| TableOptions { mode: Mode::Mirror, ..facts(keeps_truncated) };
    let world = World::new(
        "d_truncate",
        "create table plain (id int primary key, v text); create table kept (like plain including all);
         create table facts (like plain including all); create table gone (like plain including all);
         create table loose (id int, v text); create table told (like plain including all); create table short (like plain including all);
         insert into plain select i, 'before' from generate_series(1, 100) i; insert into kept select * from plain;
         insert into facts select * from plain; insert into gone select * from plain; insert into loose select * from plain;
         insert into told select * from plain; insert into short select * from plain;
         create publication p for all tables",
    )
    .kept_as("kept", mirror(Some(true)))
    .kept_as("facts", facts(None))
    .kept_as("gone", facts(Some(false)))
    .kept_as("loose", facts(Some(false)))
    .kept_as("told", changes(None))
    .kept_as("short", changes(Some(false)));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let tables = ["plain", "kept", "facts", "gone", "loose", "told", "short"];
    let each = |sql: &str| tables.map(|table| sql.replace("{t}", table)).join("; ");
    for round in 0..4u64 {
        let store = Mortal::new(Duration::from_millis(round * 20));
        let pipeline = Pipeline::start(world.options(), store.clone());
        for step in 0..3u64 {
            let n = 1000 * (round + 1) + 10 * step;
            world.sql(&each(&format!(
                "begin; insert into {{t}} values ({n}, 'a'), ({n} + 1, 'a'); truncate {{t}}; insert into {{t}} values ({n} + 2, 'b'); commit;
                 insert into {{t}} values ({n} + 3, 'c')"
            )));
            tokio::time::sleep(Duration::from_millis(40 * step)).await;
        }
        store.kill(pipeline).await;
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "truncated").await;
    for table in ["plain", "gone", "loose"] {
        world.assert_mirror(table, "id, v", "id").await;
    }
    let all = "100 + 12 * 4";
    for table in ["kept", "facts"] {
        let sql = format!("select count() = {all}, uniqExact(id) = {all} from {{s}}.{table}");
        assert_eq!(world.stored(&sql).await, "1|1", "{table}");
    }
    let told = "select countIf(_op = 'truncate'), countIf(_op = 'insert'), uniqExactIf(id, _op = 'insert') from {s}.told";
    assert_eq!(world.stored(told).await, "12|48|48");
    assert_eq!(world.stored("select count(), min(_op) from {s}.short").await, "2|insert");
    pipeline.shutdown().await.unwrap();
}

/// A copy that runs is overtaken by a TRUNCATE.
#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_beside_a_copy_of_facts_leaves_none_of_before() {
    let facts = TableOptions {
        mode: Mode::Append,
        keeps_truncated: Some(false),
        ..TableOptions::default()
    };
    let world = World::new(
        "d_beside",
        "create table f (id int primary key, pad text); create table loose (id int, pad text);
         insert into f select i, repeat('p', 300) from generate_series(1, 100000) i; insert into loose select * from f;
         create publication p for table f, loose",
    )
    .kept_as("f", facts.clone())
    .kept_as("loose", facts);
    let store = Mortal::limited("f", 1);
    let pipeline = Pipeline::start(world.options(), store.clone());
    store.wait_for_limit().await;
    world.sql("insert into f values (-1, ''); begin; insert into f values (-2, ''); insert into loose values (-2, ''); truncate f, loose;
        insert into f values (1, 'new'); insert into loose values (1, 'new'); commit; insert into f values (2, 'new')");
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.kill(pipeline).await;
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "truncated").await;
    for table in ["f", "loose"] {
        world.assert_mirror(table, "id, pad", "id").await;
    }
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_is_as_good_as_a_primary_key() {
    let world = World::new(
        "d_index",
        "create table m (a int not null, b text not null, v text, body text);
         alter table m alter body set storage external; create unique index by_both on m (b, a) include (v);
         alter table m replica identity using index by_both;
         insert into m select i, 'b' || i % 7, 'v', repeat(md5(i::text), 200) from generate_series(1, 100) i;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update m set v = 'w' where a % 3 = 0; delete from m where a % 5 = 0; update m set a = -a where a % 7 = 0;
        begin; update m set b = 'x' where a = 1; update m set b = b || '!', v = 'z' where a < 10; commit");
    assert_equal(&world, &pipeline, "by an index").await;
    world.assert_mirror("m", "a, b, v, body", "a, b").await;
    let holder = holder(&format!("{}_raw", world.schema));
    let key =
        format!("select sorting_key from system.tables where database = '{holder}' and name = 'm'");
    assert_eq!(world.stored(&key).await, "b, a");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_row_is_a_key_where_there_is_no_other() {
    let world = World::new(
        "d_whole",
        "create table m (a int, b text, f float8, n numeric(8,2), at timestamptz, tags text[], r int4range, j jsonb);
         alter table m replica identity full;
         insert into m select i, 'b' || i, i / 3.0, i, '2024-01-01', array['x', 'y' || i], int4range(i, i + 2), '{\"k\": 1}' from generate_series(1, 100) i;
         insert into m values (null, null, null, null, null, null, null, null), (1, 'nan', 'NaN', 1, null, '{}', 'empty', 'null');
         create publication p for table m",
    );
    let pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(100)));
    world.sql("update m set b = 'beside' where a = 50; delete from m where a = 51");
    world.settle(&pipeline).await;
    for change in [
        "update m set b = 'w' where a % 3 = 0; delete from m where a % 5 = 0",
        "update m set f = -1 where f = 'NaN'; update m set b = 'not null' where a is null",
        "update m set tags = null where a = 7; update m set tags = '{}' where a = 7; update m set r = null where a = 8",
        "begin; insert into m (a) values (500), (501); delete from m where a = 500; update m set b = 'x' where a = 501; commit",
        "alter table m add c int default 5; update m set c = 6 where a = 11",
        "truncate m; insert into m (a, b) values (1, 'one'), (2, 'two'), (2, 'two'), (2, 'two')",
    ] {
        world.sql(change);
        assert_equal(&world, &pipeline, change).await;
    }
    assert_eq!(world.stored("select a, b from {s}.m order by a").await, "1|one\n2|two");
    let found = verdict(&world, &pipeline).await;
    assert!(
        found.notes.iter().any(|note| note.contains("2 rows the same as another one")),
        "{found:#?}"
    );
    // One of them goes, and with it all: it is said to be so.
    world.sql("delete from m where ctid = (select min(ctid) from m where a = 2)");
    let found = verdict(&world, &pipeline).await;
    assert_eq!(
        (found.differing_keys, found.differences[0].kind.as_str()),
        (1, "missing"),
        "{found:#?}"
    );
    assert!(found.notes.iter().any(|note| note.contains("ADD PRIMARY KEY")), "{found:#?}");
    world.sql("delete from m where ctid = (select min(ctid) from m where a = 2); alter table m alter a set not null, add primary key (a)");
    assert_equal(&world, &pipeline, "with a key").await;
    assert_eq!(world.stored("select a, b from {s}.m order by a").await, "1|one\n2|two");
    pipeline.shutdown().await.unwrap();
}

/// An UPDATE of a fact is one more row, once, also where a copy was interrupted.
#[tokio::test(flavor = "multi_thread")]
async fn updates_of_facts_are_more_rows_where_that_is_wanted() {
    let options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..TableOptions::default() };
    let world = World::new(
        "d_update",
        "create table f (id int primary key, v text, body text); alter table f alter body set storage external;
         insert into f select i, 'v' || i, repeat(md5(i::text), 100) from generate_series(1, 500) i;
         create publication p for table f",
    )
    .kept_as("f", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for round in 0..5u64 {
        let store = Mortal::new(Duration::from_millis(round * 20));
        let pipeline = Pipeline::start(world.options(), store.clone());
        world.sql(&format!(
            "begin; update f set v = 'u{round}' where id <= 10; update f set v = v || '!' where id = 1; commit;
             update f set id = id + 10000 where id = 20 + {round}; delete from f where id = 100 + {round};
             insert into f values (1000 + {round}, 'new', 'b'); update f set v = 'newer' where id = 1000 + {round}"
        ));
        tokio::time::sleep(Duration::from_millis(100 * round)).await;
        store.kill(pipeline).await;
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "updated").await;
    // 500 copied; ten, one more, a changed key, an insert and its update a round.
    assert_eq!(world.stored("select count(), countIf(body = '') from {s}.f").await, "570|0");
    let one = "select groupArray(v) from (select v from {s}.f where id = 1 order by v)";
    assert_eq!(
        world.stored(one).await,
        "['u0','u0!','u1','u1!','u2','u2!','u3','u3!','u4','u4!','v1']"
    );
    pipeline.shutdown().await.unwrap();
}

/// An UPDATE of a fact takes the place of the row before it, whatever dies in between, also beside its copy.
async fn apply_updates(schema: &'static str, rows: u32, is_copied: bool) {
    let options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Apply, ..TableOptions::default() };
    let world = World::new(
        schema,
        &format!(
            "create table f (id int primary key, v text, body text); alter table f alter body set storage external;
             insert into f select i, 'v' || i, repeat(md5(i::text), 20) from generate_series(1, {rows}) i;
             create publication p for table f"
        ),
    )
    .kept_as("f", options);
    if is_copied {
        let pipeline = world.start();
        world.settle(&pipeline).await;
        pipeline.shutdown().await.unwrap();
    }
    for round in 0..8u64 {
        let store = Mortal::new(Duration::from_millis(round % 4 * 25));
        let pipeline = Pipeline::start(world.options(), store.clone());
        for step in 0..3u64 {
            let n = round * 3 + step;
            world.sql(&format!(
                "begin; update f set v = 'u{n}' where id % 50 = {n}; update f set v = v || '!' where id % 100 = {n}; commit;
                 update f set id = id + 100000 where id = 20 + {n} * 3; update f set v = 'again' where id = 100020 + {n} * 3;
                 begin; insert into f values (200000 + {n}, 'new', 'b'); update f set v = 'newer' where id = 200000 + {n};
                 update f set body = repeat('z{n}', 3000) where id = 200000 + {n}; commit; delete from f where id = 300 + {n}"
            ));
            tokio::time::sleep(Duration::from_millis(60 * step)).await;
        }
        store.kill(pipeline).await;
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "applied").await;
    let doubled = "select id, count() from {s}.f group by id having count() > 1 limit 5";
    assert_eq!(world.stored(doubled).await, "");
    let source = world.sql("select id, v, md5(body) from f order by id");
    let kept = "select id, v, lower(hex(MD5(body))) from {s}.f where id not between 300 and 323 order by id";
    assert_same("f", &source, &world.stored(kept).await);
    // Rows that are deleted at the source stay.
    let deleted = world.stored("select count() from {s}.f where id between 300 and 323").await;
    assert!(!is_copied || deleted == "24", "{deleted}");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_of_facts_are_applied_where_that_is_wanted() {
    apply_updates("d_apply", 500, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_of_facts_are_applied_beside_their_copy() {
    apply_updates("d_applied", 60_000, false).await;
}

/// A table that kept the first values so far goes on with the latest.
#[tokio::test(flavor = "multi_thread")]
async fn on_update_may_change_while_it_is_down() {
    let options =
        |on_update| TableOptions { mode: Mode::Append, on_update, ..TableOptions::default() };
    let mut world = World::new(
        "d_switch",
        "create table f (id int primary key, v text); insert into f values (1, 'a'), (2, 'b'); create publication p for table f",
    )
    .kept_as("f", options(OnUpdate::Ignore));
    for (on_update, value, stored) in [
        (OnUpdate::Ignore, "ignored", "1|a\n2|b"),
        (OnUpdate::Append, "more", "1|a\n1|more\n2|b"),
        (OnUpdate::Apply, "latest", "1|latest\n2|b"),
        (OnUpdate::Ignore, "ignored", "1|latest\n2|b"),
    ] {
        world.tables.insert("d_switch.f".into(), options(on_update));
        let pipeline = world.start();
        world.settle(&pipeline).await;
        world.sql(&format!("update f set v = '{value}' where id = 1"));
        world.settle(&pipeline).await;
        assert_eq!(world.stored("select id, v from {s}.f order by id, v").await, stored);
        assert_equal(&world, &pipeline, value).await;
        pipeline.shutdown().await.unwrap();
    }
}

/// The row that took a key over goes on with its own large value, not with that of the key's row before.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_of_facts_keeps_its_large_value() {
    let options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..TableOptions::default() };
    let world = World::new(
        "d_taken",
        "create table f (id int primary key, body text); alter table f alter body set storage external;
         insert into f select i, repeat(chr(96 + i), 5000) from generate_series(1, 5) i;
         create publication p for table f",
    )
    .kept_as("f", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("delete from f where id = 2");
    world.settle(&pipeline).await;
    world.sql("update f set id = 2 where id = 1");
    world.sql("begin; update f set id = 30 where id = 3; update f set id = 3 where id = 4; update f set id = 4 where id = 30; commit");
    world.settle(&pipeline).await;
    let bodies = "select id, left(body, 1) from {s}.f order by id, _lsn";
    assert_eq!(world.stored(bodies).await, "1|a\n2|b\n2|a\n3|c\n3|d\n4|d\n4|c\n5|e\n30|c");
    assert_equal(&world, &pipeline, "keys changed").await;
    pipeline.shutdown().await.unwrap();
}

/// The batch that was under way goes again as it was cut, whatever is wanted of updates by now.
#[tokio::test(flavor = "multi_thread")]
async fn on_update_may_change_after_a_kill() {
    let options =
        |on_update| TableOptions { mode: Mode::Append, on_update, ..TableOptions::default() };
    let mut world = World::new(
        "d_killed",
        "create table f (id int primary key, v text); insert into f values (0, 'a'); create publication p for table f",
    )
    .kept_as("f", options(OnUpdate::Ignore));
    for (step, (before, now, stored)) in [
        (OnUpdate::Ignore, OnUpdate::Apply, "0|a\n1|new"),
        (OnUpdate::Apply, OnUpdate::Ignore, "0|u1\n1|new\n2|new"),
        (OnUpdate::Append, OnUpdate::Apply, "0|u1\n0|u2\n1|new\n2|new\n3|new"),
        (OnUpdate::Ignore, OnUpdate::Append, "0|u1\n0|u2\n1|new\n2|new\n3|new\n4|new"),
    ]
    .into_iter()
    .enumerate()
    {
        world.tables.insert("d_killed.f".into(), options(before));
        let pipeline = world.start();
        world.settle(&pipeline).await;
        pipeline.shutdown().await.unwrap();
        let store = Mortal::silent("f", false);
        let pipeline = Pipeline::start(world.options(), store.clone());
        world.sql(&format!(
            "begin; update f set v = 'u{step}' where id = 0; insert into f values ({step} + 1, 'new'); commit"
        ));
        store.wait_for_silence().await;
        store.kill(pipeline).await;
        world.tables.insert("d_killed.f".into(), options(now));
        let pipeline = world.start();
        world.settle(&pipeline).await;
        let rows = "select id, v from {s}.f order by id, v";
        assert_eq!(world.stored(rows).await, stored, "{before:?} to {now:?}");
        pipeline.shutdown().await.unwrap();
    }
}

/// Which rows changed in a part of the log that is lost no key tells: all are copied again.
#[tokio::test(flavor = "multi_thread")]
async fn updates_in_a_gap_are_not_lost_where_they_are_wanted() {
    let options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..TableOptions::default() };
    let world = World::new(
        "d_gap",
        "create table f (id int primary key, v text); insert into f values (1, 'a'), (2, 'b'); create publication p for table f",
    )
    .kept_as("f", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.drop_slot().await;
    world.sql("update f set v = 'meanwhile' where id = 1; insert into f values (3, 'c')");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "a gap").await;
    let rows = "select id, v from {s}.f order by id, v";
    assert_eq!(world.stored(rows).await, "1|meanwhile\n2|b\n3|c");
    pipeline.shutdown().await.unwrap();
}

/// A large value that only the source has may be gone by the time an UPDATE is read, or read again.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_row_went_leaves_one_row() {
    let mut options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Apply, ..TableOptions::default() };
    // It does not read back.
    let json = ColumnOptions { clickhouse_type: Some("JSON".into()), ..ColumnOptions::default() };
    options.columns.insert("body".into(), json);
    let world = World::new(
        "d_went",
        "create table f (id int primary key, v text, body jsonb); alter table f alter body set storage external;
         insert into f select i, 'old', jsonb_build_object('a', repeat('x', 5000)) from generate_series(1, 3) i;
         create publication p for table f",
    )
    .kept_as("f", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    // It is there, with what it takes the place of; that goes although it cannot be read again.
    let store = Mortal::silent("f", false);
    let pipeline = Pipeline::start(world.options(), store.clone());
    world.sql("update f set v = 'new' where id in (1, 3)");
    store.wait_for_silence().await;
    store.kill(pipeline).await;
    assert_eq!(world.stored("select count() from {s}.f").await, "5");
    world.sql("delete from f where id = 1");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let rows = "select id, v from {s}.f order by id, v";
    assert_eq!(world.stored(rows).await, "1|new\n2|old\n3|new");
    pipeline.shutdown().await.unwrap();
    // It never came: the row before it is the last that is known.
    world.sql("update f set v = 'unseen' where id = 2; delete from f where id = 2");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_eq!(world.stored(rows).await, "1|new\n2|old\n3|new");
    pipeline.shutdown().await.unwrap();
}

/// With all old values in the log, a key that is all that is kept of a row, or all that there is of it,
/// stays the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_every_column_is_a_key() {
    let mut hidden = TableOptions::default();
    let exclude = ColumnOptions { exclude: true, ..ColumnOptions::default() };
    hidden.columns.insert("secret".into(), exclude);
    let applied =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Apply, ..TableOptions::default() };
    let world = World::new(
        "d_every",
        "create table hidden (id int primary key, secret text); create table pairs (a int, b int, primary key (a, b));
         create table joins (like pairs including all); create table told (like pairs including all);
         alter table hidden replica identity full; alter table pairs replica identity full;
         alter table joins replica identity full; alter table told replica identity full;
         insert into hidden values (1, 'x'), (2, 'y'); insert into pairs values (1, 1), (1, 2);
         insert into joins select * from pairs; insert into told select * from pairs;
         create publication p for all tables",
    )
    .kept_as("hidden", hidden)
    .kept_as("joins", applied)
    .history("told");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update hidden set id = 3 where id = 1; delete from hidden where id = 2");
    for table in ["pairs", "joins", "told"] {
        world.sql(&format!(
            "update {table} set b = 3 where b = 1; insert into {table} values (2, 1)"
        ));
    }
    assert_equal(&world, &pipeline, "every column").await;
    world.assert_mirror("hidden", "id", "id").await;
    world.assert_mirror("pairs", "a, b", "a, b").await;
    world.assert_mirror("joins", "a, b", "a, b").await;
    let holder = holder(world.schema);
    let order = format!(
        "select sorting_key from system.tables where database = '{holder}' and name = 'told'"
    );
    assert_eq!(world.stored(&order).await, "a, b, _version");
    let changes =
        "select change from millrace.schema_changes where source_table like 'd\\_every.%'";
    assert_eq!(world.stored(changes).await, "");
    pipeline.shutdown().await.unwrap();
}

/// A mirror that keeps what is truncated cannot know that a row which the source lacks is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_keeps_truncated_rows_loses_no_change() {
    let keeps = TableOptions { keeps_truncated: Some(true), ..TableOptions::default() };
    let world = World::new(
        "d_keeps",
        "create table m (id int primary key, v text, body text); create table other (like m including all);
         alter table m alter body set storage external; insert into m values (1, 'a', repeat('x', 5000));
         insert into other values (7, 'other', ''); create publication p for table m, other",
    )
    .kept_as("m", keeps);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // As if it had not been copied yet.
    delete("d_keeps_raw", "m", "id = 1").await;
    world.sql("begin; update m set v = 'z' where id = 1; truncate m; commit; insert into m values (2, 'b', '')");
    world.settle(&pipeline).await;
    let kept = "select op, column from millrace.quarantine final where source_table = 'd_keeps.m'";
    assert_eq!(world.stored(kept).await, "update|body");
    pipeline.shutdown().await.unwrap();
    // What it keeps is not in the way of another one that takes its name.
    world.sql("drop table m; alter table other rename to m");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "renamed").await;
    assert_eq!(world.stored("select id from {s}.m order by id").await, "2\n7");
    pipeline.shutdown().await.unwrap();
}
