//! Large values that an UPDATE leaves alone, of every kind that Postgres moves out of a row: whatever
//! becomes of them at the source meanwhile, each version of a row has the ones that it had.

use crate::dice::Dice;
use crate::home::home;
use crate::passing::passes_on;
use crate::support::{Mortal, World, assert_equal, assert_same, delete, wait_until};
use flow::Pipeline;
use flow::status::State;
use model::{ColumnOptions, Mode, OnUpdate, Result, TableOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Beside, BoxFuture, Store};

/// What Postgres may move out of a row, each made of a number.
const LARGE: [(&str, &str, &str); 14] = [
    ("tags", "text[]", "array['é', null, ''] || array_fill(md5({n}::text), array[{n} % 3 + 8])"),
    ("grid", "int[][]", "array[array[{n}, null], array[null, 7]] || array_fill({n}, array[20, 2])"),
    (
        "stamps",
        "timestamptz[]",
        "array_fill('2026-01-01'::timestamptz + {n} * interval '1 s', array[40])",
    ),
    (
        "prices",
        "numeric(60,20)[]",
        "array_fill({n} / 7.0, array[{n} % 5 + 20]) || array[null::numeric]",
    ),
    ("flags", "bool[]", "array_fill({n} % 2 = 0, array[200]) || array[null::bool]"),
    ("ids", "uuid[]", "array_fill(md5({n}::text)::uuid, array[30])"),
    (
        "attrs",
        "hstore",
        "hstore(array['a', 'n', md5({n}::text)], array[repeat('v', 400), null, '{n}'])",
    ),
    ("many", "hstore[]", "array_fill(hstore('k{n}', repeat('v', 50)), array[10])"),
    (
        "amount",
        "numeric",
        "{n}::numeric * 1234567890123456789012345678901.00000000000000000000000000012345",
    ),
    ("fine", "numeric(70,30)", "-{n} / 7::numeric(70,30) * 1000000000000000000000000000000"),
    ("raw", "bytea", "decode(repeat(lpad(to_hex({n} % 256), 2, '0') || '00ff', 200), 'hex')"),
    (
        "doc",
        "jsonb",
        "jsonb_build_object('n', {n}, 'long', repeat('d', 500), 'a', array_fill({n}, array[20]))",
    ),
    (
        "spans",
        "int4multirange",
        "(select range_agg(int4range(i * 10, i * 10 + 1 + {n} % 7)) from generate_series(1, 40) i)",
    ),
    ("shape", "polygon", "polygon(12 + {n} % 5, circle(point({n}, 1), 3.5))"),
];

/// `{t}` with large columns, and a trigger that writes each row as it came to be into `noted`, all of
/// whose values are in the log.
fn made(tables: &[&str]) -> String {
    let columns: Vec<String> = LARGE.iter().map(|(name, ty, _)| format!("{name} {ty}")).collect();
    let columns = columns.join(", ");
    let mut sql = format!(
        "create extension hstore;
         create table noted (v bigint generated always as identity primary key, t text, id int, n int, {columns});
         create function note() returns trigger language plpgsql as $$ begin
           insert into noted (t, id, n, {names}) select tg_table_name, new.id, new.n, {new}; return null; end $$;",
        names = names(""),
        new = names("new."),
    );
    for table in tables {
        let external: Vec<String> =
            LARGE.iter().map(|(name, ..)| format!("alter {name} set storage external")).collect();
        sql += &format!(
            "create table {table} (id int primary key, n int, {columns}) with (toast_tuple_target = 128);
             alter table {table} {};
             create trigger noted after insert or update on {table} for each row execute function note();",
            external.join(", ")
        );
    }
    sql + "create publication p for all tables"
}

fn names(prefix: &str) -> String {
    LARGE.map(|(name, ..)| format!("{prefix}{name}")).join(", ")
}

fn value(at: usize, n: u64) -> String {
    LARGE[at].2.replace("{n}", &n.to_string())
}

fn insert(table: &str, id: u64, n: u64) -> String {
    let values: Vec<String> = (0..LARGE.len()).map(|at| value(at, n)).collect();
    format!(
        "insert into {table} (id, n, {}) values ({id}, {n}, {}) on conflict (id) do nothing;",
        names(""),
        values.join(", ")
    )
}

/// The rows that a table was given, in their order, and those that are kept of it.
async fn assert_noted(world: &World, table: &str, order: &str, what: &str) {
    let row = format!("id, '|', ifNull(n, -1), '|', hex(MD5(toString(tuple({}))))", names(""));
    let noted = format!("select concat({row}) from {{s}}.noted where t = '{table}' order by v");
    let kept = format!("select concat({row}) from {{s}}.{table} {order}");
    let (mut noted, mut kept) = (world.stored(&noted).await, world.stored(&kept).await);
    if !order.contains("order by") {
        let sorted = |rows: String| {
            let mut rows: Vec<&str> = rows.lines().collect();
            rows.sort_unstable();
            rows.join("\n")
        };
        (noted, kept) = (sorted(noted), sorted(kept));
    }
    if noted != kept {
        assert_same(&format!("{what}: {table}"), &noted, &kept);
        panic!("{what}: {table} has the rows in another order");
    }
}

impl Dice {
    /// A change of one row: mostly one that leaves large values alone.
    fn change(&mut self, table: &str) -> String {
        let (id, n) = (self.below(6) + 1, self.below(10_000) + 1);
        match self.below(10) {
            0 => insert(table, id, n),
            1 => format!("delete from {table} where id = {id};"),
            2..=4 => format!(
                "update {table} set id = {0}, n = {n} where id = {id} and not exists (select from {table} where id = {0});",
                self.below(6) + 1
            ),
            5..=6 => {
                let at = self.below(LARGE.len() as u64) as usize;
                format!("update {table} set {} = {} where id = {id};", LARGE[at].0, value(at, n))
            }
            _ => format!("update {table} set n = {n} where id = {id};"),
        }
    }
}

/// Each version of a row has the values that it had, whoever was down when they were replaced: kept as
/// a history, as a row for each UPDATE, as the latest one, and in a mirror.
///
/// docs/pains.md 1
#[tokio::test(flavor = "multi_thread")]
async fn each_version_has_the_large_values_that_it_had() {
    let facts = |on_update| TableOptions { mode: Mode::Append, on_update, ..Default::default() };
    let world = World::new("w_versions", &made(&["told", "added", "latest", "shown"]))
        .append("noted")
        .history("told")
        .kept_as("added", facts(OnUpdate::Append))
        .kept_as("latest", facts(OnUpdate::Apply));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let mut dice = Dice::new("each_version_has_the_large_values_that_it_had");
    for table in ["told", "added", "latest", "shown"] {
        let rows: Vec<String> = (1..=4).map(|id| insert(table, id, id)).collect();
        world.sql(&rows.concat());
    }
    world.settle(&pipeline).await;
    let large = "select count(*) from pg_class c where c.relname = 'told' and pg_relation_size(c.reltoastrelid) > 0";
    assert_eq!(world.sql(large), "1");
    pipeline.shutdown().await.unwrap();
    for round in 0..8u64 {
        let store = Mortal::new(Duration::from_millis(round % 4 * 20));
        // Now and then all of it happens while nobody looks.
        let mut pipeline = (round % 3 > 0).then(|| Pipeline::start(world.options(), store.clone()));
        for _ in 0..12 {
            for table in ["told", "added", "latest", "shown"] {
                // Of one commit's rows of `added` nothing says which is the later one.
                let some = if table == "added" { 1 } else { 1 + dice.below(3) };
                let changes: Vec<String> = (0..some).map(|_| dice.change(table)).collect();
                world.sql(&format!("begin; {} commit;", changes.concat()));
            }
            tokio::time::sleep(Duration::from_millis(dice.below(30))).await;
        }
        if let Some(pipeline) = pipeline.take() {
            store.kill(pipeline).await;
        }
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let kept = "select source_table, op, key, column, reason from millrace.quarantine final \
        where source_table like 'w\\_versions.%'";
    assert_eq!(world.stored(kept).await, "");
    assert_equal(&world, &pipeline, "versions").await;
    assert_noted(&world, "told", "where _op in ('insert', 'update') order by _version", "told")
        .await;
    assert_noted(&world, "added", "", "added").await;
    pipeline.shutdown().await.unwrap();
}

/// The same of a mirror while it is copied, and copied again by each start that finds it so.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_has_its_large_values_while_it_is_copied() {
    let world = World::new("w_copied", &made(&["shown"])).append("noted");
    let rows: Vec<String> = (1..=400).map(|id| insert("shown", id, id)).collect();
    world.sql(&format!("{} truncate noted", rows.concat()));
    let mut dice = Dice::new("a_mirror_has_its_large_values_while_it_is_copied");
    for round in 0..6u64 {
        let store = Mortal::new(Duration::from_millis(10 + round * 10));
        let pipeline = Pipeline::start(world.options(), store.clone());
        if round == 0 {
            world.wait_for_slot().await;
        }
        for _ in 0..20 {
            let changes: Vec<String> =
                (0..1 + dice.below(3)).map(|_| dice.change("shown")).collect();
            world.sql(&format!("begin; {} commit;", changes.concat()));
            tokio::time::sleep(Duration::from_millis(dice.below(20))).await;
        }
        store.kill(pipeline).await;
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "copied").await;
    let kept =
        "select count() from millrace.quarantine final where source_table like 'w\\_copied.%'";
    assert_eq!(world.stored(kept).await, "0");
    pipeline.shutdown().await.unwrap();
}

/// What an UPDATE left alone was replaced, and the row went, before anybody looked.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_then_are_not_those_of_now() {
    let world = World::new(
        "w_then",
        "create table h (id int primary key, n int, tags text[], price numeric);
         alter table h alter tags set storage external, alter price set storage external, set (toast_tuple_target = 128);
         create table e (like h including all);
         insert into h values (1, 0, array[repeat('x', 4000), null], 12345678901234567890123456789012345678.5);
         insert into e select * from h; create publication p for table h, e",
    )
    .history("h")
    .kept_as(
        "e",
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..Default::default() },
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for table in ["h", "e"] {
        world.sql(&format!(
            "update {table} set n = 1; update {table} set tags = '{{new}}'; update {table} set n = 2;
             update {table} set price = 7; delete from {table}"
        ));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let rows = "select n, length(tags[1]), length(tags), price from {s}.h where _op in ('snapshot', 'update') order by _version";
    let (old, large) = ("4000|2", "12345678901234567890123456789012345678.5");
    let changes =
        format!("0|{old}|{large}\n1|{old}|{large}\n1|3|1|{large}\n2|3|1|{large}\n2|3|1|7");
    assert_eq!(world.stored(rows).await, changes);
    let rows = "select n, length(tags[1]), length(tags), price from {s}.e order by _lsn";
    assert_eq!(world.stored(rows).await, changes);
    let kept = "select count() from millrace.quarantine final where source_table like 'w\\_then.%'";
    assert_eq!(world.stored(kept).await, "0");
    pipeline.shutdown().await.unwrap();
}

/// A store one of whose answers holds a single large value.
struct Narrow {
    refused: AtomicU64,
}

impl Store for Narrow {
    passes_on!(self => home(); execute, insert, record, query, cells);

    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let is_large = format == "Native" && (beside.block.rows() > 1 || sql.contains(" AS v1"));
        if is_large {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Box::pin(async { Ok(None) });
        }
        Box::pin(async move { home().answer_beside(sql, format, beside).await })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_an_answer_may_hold_is_asked_for_in_halves() {
    let world = World::new(
        "w_halves",
        "create table h (id int primary key, n int, a text, b text);
         alter table h alter a set storage external, alter b set storage external;
         insert into h select i, 0, repeat('a', 4000 + i), repeat('b', 5000 + i) from generate_series(1, 5) i;
         create publication p for table h",
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    // The source has other values by then.
    world.sql("update h set n = 1; update h set a = 'new', b = 'new'");
    let store = Arc::new(Narrow { refused: AtomicU64::new(0) });
    let pipeline = Pipeline::start(world.options(), store.clone());
    world.settle(&pipeline).await;
    let rows = "select id, length(a), length(b) from {s}.h where _op = 'update' and n = 1 order by _version limit 5";
    let old = "1|4001|5001\n2|4002|5002\n3|4003|5003\n4|4004|5004\n5|4005|5005";
    assert_eq!(world.stored(rows).await, old);
    // 5 rows, then 2 and 3 of them, then 1 and 2 of the 3; and both columns of each.
    assert_eq!(store.refused.load(Ordering::SeqCst), 9);
    pipeline.shutdown().await.unwrap();
}

/// The log is read again after a crash, and the store may have another row under the old key by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_under_another_key_takes_no_values_of_who_has_its_old_one() {
    let world = World::new(
        "w_moved",
        "create table m (id int primary key, n int, body text); alter table m alter body set storage external;
         insert into m select i, 0, repeat(md5(i::text), 200) from generate_series(1, 9) i;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let store = Mortal::silent("m", false);
    let pipeline = Pipeline::start(world.options(), store.clone());
    world.sql(
        "begin; update m set id = 19 where id = 5; update m set id = 5 where id = 3; commit;
         begin; update m set n = 1 where id = 7; update m set id = 17 where id = 7; update m set id = 7 where id = 4; commit",
    );
    store.wait_for_silence().await;
    store.kill(pipeline).await;
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "moved").await;
    pipeline.shutdown().await.unwrap();
}

/// More rows than one batch takes: what is before them and what is behind them are two.
const A_BATCH: &str = "insert into f select generate_series(1, 140000);";

/// Who takes a key twice, and leaves it to somebody else, before the first of it is read.
const TWICE: [&str; 2] = [
    "update m set id = 11 where id = 1;",
    "update m set id = 21 where id = 11; update m set id = 11 where id = 2;",
];

/// `m`, mirrored, and `f` for what is between two batches.
async fn moving(schema: &'static str) -> World {
    let world = World::new(
        schema,
        "create table m (id int primary key, body text); alter table m alter body set storage external;
         insert into m select i, repeat(md5(i::text), 200) from generate_series(1, 3) i;
         create table f (id int primary key); create publication p for table m, f",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world
}

/// A row that the store has from before a crash keeps what it has: somebody else has its key at the source.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_written_before_a_crash_takes_no_values_of_today() {
    let world = moving("w_twice").await;
    let store = Mortal::silent("m", false);
    let pipeline = Pipeline::start(world.options(), store.clone());
    world.sql(TWICE[0]);
    store.wait_for_silence().await;
    store.kill(pipeline).await;
    world.sql(A_BATCH);
    world.sql(TWICE[1]);
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "taken twice").await;
    pipeline.shutdown().await.unwrap();
}

/// What the source says of a key is another row's, and does not go on with the one that had it.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_today_does_not_go_on_to_another_key() {
    let world = moving("w_borrowed").await;
    // As if it had not been copied yet.
    delete("w_borrowed_raw", "m", "id = 1").await;
    world.sql(TWICE[0]);
    world.sql(A_BATCH);
    world.sql(TWICE[1]);
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "borrowed").await;
    pipeline.shutdown().await.unwrap();
}

/// A value that is not read back from the store has its row left out, which nobody has under that key any more; what
/// the row had set goes on under the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_left_out_takes_the_one_before_it_along() {
    let fixed =
        ColumnOptions { clickhouse_type: Some("FixedString(256)".into()), ..Default::default() };
    let kept = TableOptions { columns: [("b".to_owned(), fixed)].into(), ..Default::default() };
    let world = World::new(
        "w_left_out",
        "create table m (id int primary key, a text, b text not null);
         alter table m alter a set storage external, alter b set storage external, set (toast_tuple_target = 128);
         insert into m select i, repeat('a', 4000 + i), repeat(md5(i::text), 8) from generate_series(1, 3) i;
         create table f (id int primary key); create publication p for table m, f",
    )
    .kept_as("m", kept);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.sql("update m set a = repeat('new', 2000) where id = 1");
    world.sql(A_BATCH);
    world.sql("update m set id = 11 where id = 1");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "left out").await;
    let rows = world.stored("select id, length(a) from {s}.m order by id").await;
    assert_eq!(rows, "2|4002\n3|4003\n11|6000");
    pipeline.shutdown().await.unwrap();
}

/// Tables whose row 1 is not in the store, as if it had not been copied yet: `h` with its history, `m`
/// mirrored, `e` with a row for each UPDATE.
async fn without_row_1(schema: &'static str) -> World {
    let world = World::new(
        schema,
        "create table h (id int primary key, n int, tags varchar[]); alter table h alter tags set storage external;
         insert into h select i, 0, array[repeat('x', 4000 + i)] from generate_series(1, 3) i;
         create table m (like h including all); insert into m select * from h;
         create table e (like h including all); insert into e select * from h;
         create publication p for all tables",
    )
    .history("h")
    .kept_as(
        "e",
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Append, ..Default::default() },
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for (database, table) in [("", "h"), ("_raw", "m"), ("", "e")] {
        delete(&format!("{schema}{database}"), table, "id = 1").await;
    }
    world
}

fn each(sql: &str) -> String {
    ["h", "m", "e"].map(|table| sql.replace("{t}", table)).concat()
}

const TOLD: &str = "select _op, id, n, length(labels[1]) from {s}.h where _op not in ('snapshot') order by _version";

/// The source knows a column under the name of today.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_was_renamed_meanwhile_is_found() {
    let world = without_row_1("w_renamed").await;
    world.sql(&each("update {t} set n = 1; alter table {t} rename tags to labels; alter table {t} rename id to key;"));
    world.sql(&each("alter table {t} rename key to id; alter table {t} alter labels type text[];"));
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "renamed").await;
    let changes = "update|1|1|4001\nupdate|2|1|4002\nupdate|3|1|4003";
    assert_eq!(world.stored(TOLD).await, changes);
    // In the transaction of the UPDATE, and again without the row.
    delete("w_renamed", "h", "id = 1").await;
    world.sql(
        "begin; update h set n = 2 where id = 1; alter table h rename labels to words; commit",
    );
    assert_equal(&world, &pipeline, "renamed in a transaction").await;
    let words = TOLD.replace("labels", "words");
    assert_eq!(world.stored(&words).await, "update|2|1|4002\nupdate|3|1|4003\nupdate|1|2|4001");
    pipeline.shutdown().await.unwrap();
}

/// What nobody has any more is set aside, and no table stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_was_dropped_meanwhile_stops_nothing() {
    let world = without_row_1("w_dropped").await;
    world.sql(&each("update {t} set n = 1; alter table {t} drop tags;"));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, n", "id").await;
    let told = TOLD.replace("labels", "tags");
    assert_eq!(world.stored(&told).await, "quarantined|1||\nupdate|2|1|4002\nupdate|3|1|4003");
    let facts = "select id, n, length(tags[1]) from {s}.e order by id, n";
    assert_eq!(world.stored(facts).await, "2|0|4002\n2|1|4002\n3|0|4003\n3|1|4003");
    let kept = "select source_table, op, key, column from millrace.quarantine final \
        where source_table like 'w\\_dropped.%' order by source_table";
    assert_eq!(
        world.stored(kept).await,
        "w_dropped.e|update|[\"1\"]|tags\nw_dropped.h|update|[\"1\"]|tags"
    );
    pipeline.shutdown().await.unwrap();
}

/// The last changes of a table are kept, whatever of them can be.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_dropped_meanwhile_loses_no_other_row() {
    let world = without_row_1("w_gone").await;
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(&each(
        "begin; insert into {t} values (4, 4, array['y']); update {t} set n = 1; drop table {t}; commit;",
    ));
    let handle = pipeline.handle();
    wait_until("they are removed", || {
        let tables = handle.report().tables;
        let is_removed = |name: &str| {
            tables.iter().any(|table| table.name == name && table.state == State::Removed)
        };
        match ["w_gone.h", "w_gone.m", "w_gone.e"].into_iter().all(is_removed) {
            true => Ok(()),
            false => Err(format!("{tables:#?}")),
        }
    })
    .await;
    let told = TOLD.replace("labels", "tags");
    assert_eq!(
        world.stored(&told).await,
        "insert|4|4|1\nquarantined|1||\nupdate|2|1|4002\nupdate|3|1|4003\nupdate|4|1|1"
    );
    let facts = "select id, n, length(tags[1]) from {s}.e where n > 0 order by id, n";
    assert_eq!(world.stored(facts).await, "2|1|4002\n3|1|4003\n4|1|1\n4|4|1");
    pipeline.shutdown().await.unwrap();
}
