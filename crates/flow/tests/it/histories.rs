//! Tables that keep every change: each once, in order, with the key before; and what is current by them.

use crate::support::{Mortal, World, assert_equal, delete, holder};
use flow::Pipeline;
use flow::quarantine::ReplayOptions;
use flow::resync::ResyncOptions;
use model::{ColumnOptions, Mode, Rule, TableOptions};
use std::time::Duration;

/// Whatever is done to `h` is noted: op, key, key before, value.
const NOTED: &str = "
    create table noted (n bigint generated always as identity primary key, line text);
    create function note() returns trigger language plpgsql as $$ begin
      insert into noted (line) values (case tg_op
        when 'INSERT' then format('insert|%s||%s|%s', new.id, new.v, md5(new.body))
        when 'UPDATE' then format('update|%s|%s|%s|%s', new.id, old.id, new.v, md5(new.body))
        when 'DELETE' then format('delete|%s|%s||', old.id, old.id)
        else 'truncate||||' end); return null; end $$;
    create table h (id int primary key, v text, body text);
    alter table h alter body set storage external;
    create trigger noted after insert or update or delete on h for each row execute function note();
    create trigger emptied after truncate on h execute function note();
    create publication p for table h;";

const CHANGES: &str = "select concat(_op, '|', if(_op = 'truncate', '', toString(id)), '|', \
    ifNull(toString(_key_before.1), ''), '|', ifNull(v, ''), '|', if(body is null, '', lower(hex(MD5(body))))) \
    from {s}.h where _op != 'snapshot' order by _version";

/// Every change that was noted is there, in order, and no other.
async fn assert_changes(world: &World, what: &str) {
    let noted = world.sql("select line from noted order by n");
    let changes = world.stored(CHANGES).await;
    if noted != changes {
        let (noted, changes): (Vec<_>, Vec<_>) =
            (noted.lines().collect(), changes.lines().collect());
        let at = noted.iter().zip(&changes).take_while(|(a, b)| a == b).count();
        let (from, to) = (at.saturating_sub(3), at + 4);
        let some = |lines: &[&str]| lines[from.min(lines.len())..to.min(lines.len())].join("\n");
        panic!(
            "{what}: {} noted, {} kept; from {at} on:\n{}\nkept:\n{}",
            noted.len(),
            changes.len(),
            some(&noted),
            some(&changes)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_has_a_row_for_each_change() {
    let world = World::new(
        "h_rows",
        &format!("{NOTED} alter table h disable trigger noted; insert into h values (1, 'a', 'x'), (2, 'b', 'y');
            alter table h enable trigger noted"),
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for change in [
        "insert into h values (3, 'c', repeat('large', 2000)), (4, null, null)",
        "update h set v = 'paid' where id = 3",
        "begin; update h set id = 30 where id = 3; update h set v = 'late' where id = 30; commit",
        "delete from h where id in (1, 4)",
        "begin; update h set id = -id where id = 2; update h set id = 2 where id = 30; commit",
        "begin; savepoint s; delete from h; rollback to s; insert into h values (5, 'e', 'z') on conflict do nothing; commit",
        "begin; insert into h values (6, 'gone', ''); truncate h; insert into h values (6, 'back', ''); commit",
        "update h set v = v || '!'",
    ] {
        world.sql(change);
        assert_equal(&world, &pipeline, change).await;
        assert_changes(&world, change).await;
    }
    let snapshot = "select _op, id, v, isNull(_key_before.1), abs(_commit_time - now()) < 600 from {s}.h \
        where _op = 'snapshot' order by id";
    assert_eq!(world.stored(snapshot).await, "snapshot|1|a|1|1\nsnapshot|2|b|1|1");
    let times =
        "select countIf(abs(_commit_time - now()) > 600), uniqExact(_commit_time) > 6 from {s}.h";
    assert_eq!(world.stored(times).await, "0|1");
    let holder = holder(world.schema);
    let order =
        format!("select sorting_key from system.tables where database = '{holder}' and name = 'h'");
    assert_eq!(world.stored(&order).await, "id, _version");
    pipeline.shutdown().await.unwrap();
}

/// Killed and started again while it is copied and while it streams: every change once.
async fn torment(schema: &'static str, rows: u32, more: &str, is_copied: bool) {
    let world = World::new(
        schema,
        &format!(
            "{NOTED} {more} alter table h disable trigger noted;
             insert into h select i, 'v' || i, repeat(md5(i::text), 100) from generate_series(1, {rows}) i;
             alter table h enable trigger noted;"
        ),
    )
    .history("h");
    let pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(30)));
    match is_copied {
        true => world.settle(&pipeline).await,
        false => world.wait_for_slot().await,
    }
    drop(pipeline);
    for round in 0..8u64 {
        let store = Mortal::new(Duration::from_millis(round % 4 * 25));
        let pipeline = Pipeline::start(world.options(), store.clone());
        for step in 0..6u64 {
            let n = round * 6 + step;
            world.sql(&format!(
                "insert into h values ({new}, 'new', repeat('n{n}', 2000)), ({new} + 1, 'new', 'small');
                 begin; update h set v = v || 'u{n}' where id % 97 = {n} % 97; delete from h where id % 89 = {n}; commit;
                 update h set body = repeat('b{n}', 1000) where id % 101 = {n};
                 update h set id = -id where id = {new}; update h set v = 'again{n}' where id = -{new};",
                new = 1_000_000 + n * 10,
            ));
            tokio::time::sleep(Duration::from_millis(step * 20)).await;
        }
        store.kill(pipeline).await;
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, schema).await;
    assert_changes(&world, schema).await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_a_history_streams_lose_and_double_no_change() {
    torment("h_kill", 500, "", true).await;
}

/// With the old values in the log the row before a change is known, whatever was copied so far.
#[tokio::test(flavor = "multi_thread")]
async fn kills_while_a_history_is_copied_lose_and_double_no_change() {
    torment("h_copy", 30_000, "alter table h replica identity full;", false).await;
}

/// Without them a row that went before its large value was read is set aside, and said to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_value_nobody_has_is_set_aside() {
    let world = World::new(
        "h_gone",
        &format!("{NOTED} insert into h values (1, 'a', repeat('x', 5000)), (2, 'b', 'y')"),
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // As if it had not been copied yet.
    delete("h_gone", "h", "id = 1").await;
    world.sql("begin; update h set v = 'z' where id = 1; delete from h where id = 1; commit; update h set v = 'w' where id = 2");
    world.settle(&pipeline).await;
    let changes = "select _op, id, v from {s}.h where _op != 'snapshot' order by _version";
    assert_eq!(
        world.stored(changes).await,
        "insert|1|a\ninsert|2|b\nquarantined|1|\ndelete|1|\nupdate|2|w"
            .trim_start_matches("insert|1|a\ninsert|2|b\n")
    );
    let kept = "select op, column, position(reason, 'left its large value alone') > 0 from millrace.quarantine final \
        where source_table = 'h_gone.h'";
    assert_eq!(world.stored(kept).await, "update|body|1");
    pipeline.shutdown().await.unwrap();
}

/// A history goes through schema changes, and a copy adds to it and takes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_adds_to_a_history_and_takes_nothing() {
    let world = World::new(
        "h_again",
        "create table h (id int primary key, v text, n int); insert into h select i, 'v', i from generate_series(1, 50) i;
         create publication p for table h",
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update h set v = 'w' where id <= 10; delete from h where id = 50");
    for change in [
        "alter table h add more text default 'm'; update h set more = 'n' where id = 1",
        "alter table h rename v to status; update h set status = 'x' where id = 2",
        "alter table h rename id to key; update h set key = 1000 where key = 3",
        "alter table h alter n type bigint; update h set n = 5000000000 where key = 4",
        "alter table h alter n type text using 'n' || n; update h set n = 'other' where key = 5",
        "alter table h drop more; insert into h values (60, 's', 't')",
    ] {
        world.sql(change);
        assert_equal(&world, &pipeline, change).await;
    }
    // Its key has another name, and then `n` is a text: what was before stands in tables of its own.
    let changes = "select uniqExact(_table), countIf(_op = 'update'), countIf(_op = 'delete') \
        from merge('{s}', '^h')";
    assert_eq!(world.stored(changes).await, "3|15|1");
    // Changes that it missed: what a copy finds is added.
    pipeline.shutdown().await.unwrap();
    world.drop_slot().await;
    world.sql("delete from h where key = 6; update h set status = 'unseen' where key = 7; insert into h values (61, 'unseen', '')");
    let rows = world.stored("select count() from {s}.h").await.parse::<u32>().unwrap();
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "a gap").await;
    let found = "select _op, key, status from {s}.h where key in (6, 7, 61) order by key, _version";
    assert_eq!(
        world.stored(found).await,
        "snapshot|6|w\ndelete|6|\nsnapshot|7|w\nsnapshot|7|unseen\nsnapshot|61|unseen"
    );
    let rows_now = world.stored("select count() from {s}.h").await.parse::<u32>().unwrap();
    assert!(rows_now > rows);
    // On demand, with changes beside it.
    let options = ResyncOptions { tables: vec!["h_again.h".into()], rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
    world.sql("update h set status = 'beside' where key = 8; update h set key = 2000 where key = 9; truncate h; insert into h values (1, 'x', 'y')");
    assert_equal(&world, &pipeline, "resync").await;
    let beside = "select _op, key from {s}.h where _op not in ('snapshot', 'delete') order by _version desc limit 4";
    assert_eq!(world.stored(beside).await, "insert|1\ntruncate|0\nupdate|2000\nupdate|8");
    pipeline.shutdown().await.unwrap();
}

/// Inserts alone, where nothing tells rows apart; every change, where the whole row does.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_without_a_key_keeps_what_the_log_says() {
    let world = World::new(
        "h_keyless",
        "create table loose (a int, b text); create table whole (a int, b text, c float8, d int[]);
         alter table loose replica identity nothing; alter table whole replica identity full;
         insert into loose values (1, 'one'), (1, 'one'), (2, null);
         insert into whole values (1, 'one', 0.5, '{1}'), (1, 'one', 0.5, '{1}'), (2, null, 'NaN', null);
         create publication p for table loose, whole",
    )
    .history("loose")
    .history("whole");
    let pipeline = Pipeline::start(world.options(), Mortal::limited("loose", 0));
    world.sql("insert into loose values (3, 'beside')");
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(pipeline);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into loose values (1, 'one'), (4, 'four')");
    world.sql("insert into whole values (3, 'x', 1, '{}'); delete from whole where ctid = (select min(ctid) from whole);
        update whole set b = 'two' where a = 2; update whole set c = -1, d = '{2,3}' where a = 1");
    assert_equal(&world, &pipeline, "keyless").await;
    let changes = "select _op, a, b, c, d, _key_before.1, _key_before.2 from {s}.whole where _op != 'snapshot' order by _version";
    assert_eq!(
        world.stored(changes).await,
        "insert|3|x|1|{}||\ndelete|1|one|0.5|{1}|1|one\nupdate|2|two|nan||2|\nupdate|1|one|-1|{2,3}|1|one"
    );
    for table in ["loose", "whole"] {
        let options =
            ResyncOptions { tables: vec![format!("h_keyless.{table}")], rows_per_second_max: 0 };
        pipeline.handle().resync(options).await.unwrap();
        world.sql(
            "insert into loose values (5, 'five'); insert into whole values (5, 'five', 5, '{5}')",
        );
        assert_equal(&world, &pipeline, "resync").await;
    }
    world.sql("truncate loose, whole; insert into loose values (1, 'one'); insert into whole values (1, 'one', 0, null)");
    assert_equal(&world, &pipeline, "truncate").await;
    pipeline.shutdown().await.unwrap();
    // Nobody sees how they are emptied.
    world.drop_slot().await;
    world.sql("truncate loose, whole");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "emptied").await;
    world.sql("insert into loose values (1, 'one'); insert into whole values (1, 'one', 0, null)");
    assert_equal(&world, &pipeline, "emptied and filled").await;
    let current = "select _op from {s}.loose order by _version desc limit 2";
    assert_eq!(world.stored(current).await, "insert\ntruncate");
    pipeline.shutdown().await.unwrap();
}

/// What a snapshot saw that was never whole is not current, nor do DELETEs of rows count that it never brought.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_without_a_key_that_is_emptied_while_it_is_copied_is_empty() {
    let world = World::new(
        "h_cut",
        "create table whole (a int, b text) with (fillfactor = 10); alter table whole replica identity full;
         insert into whole select i, repeat('x', 100) from generate_series(1, 40000) i;
         create publication p for table whole",
    )
    .history("whole");
    let store = Mortal::limited("whole", 1);
    let pipeline = Pipeline::start(world.options(), store.clone());
    store.wait_for_limit().await;
    world.sql("delete from whole");
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.kill(pipeline).await;
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "emptied").await;
    let snapshot = "select count() between 1 and 39999 from {s}.whole where _op = 'snapshot'";
    assert_eq!(world.stored(snapshot).await, "1");
    // As they were.
    world
        .sql("insert into whole select i, repeat('x', 100) from generate_series(1, 40000, 1000) i");
    assert_equal(&world, &pipeline, "filled").await;
    pipeline.shutdown().await.unwrap();
}

/// What a column cannot carry: the history says that there was a change, and gets it by a replay.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_has_a_place_in_the_history() {
    let mut options = TableOptions { mode: Mode::History, ..TableOptions::default() };
    let narrow = ColumnOptions {
        clickhouse_type: Some("Enum8('new' = 1, 'paid' = 2)".into()),
        ..ColumnOptions::default()
    };
    options.columns.insert("status".into(), narrow);
    let world = World::new(
        "h_refused",
        "create table h (id int primary key, status text not null, n numeric);
         insert into h values (1, 'new', 1), (2, 'odd', 2); create publication p for table h",
    )
    .kept_as("h", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update h set status = 'paid' where id = 1; update h set n = 'NaN' where id = 1; insert into h values (3, 'strange', 3);
        update h set status = 'lost', id = 10 where id = 1; delete from h where id = 2");
    world.settle(&pipeline).await;
    let rows = "select _op, id, if(_op in ('snapshot', 'update'), toString(status), ''), _key_before.1 from {s}.h order by _version, id";
    assert_eq!(
        world.stored(rows).await,
        "snapshot|1|new|\nquarantined|2||\nupdate|1|paid|1\nquarantined|1||\nquarantined|3||\nquarantined|10||1\ndelete|2||2"
    );
    world.sql("update h set status = 'new', n = 7 where id = 10; delete from h where id = 3");
    assert_equal(&world, &pipeline, "mended").await;
    pipeline.shutdown().await.unwrap();
    let mut world = world;
    let columns = &mut world.tables.get_mut("h_refused.h").unwrap().columns;
    let rule = Some(Rule::Null);
    columns.insert("n".into(), ColumnOptions { on_unrepresentable: rule, ..Default::default() });
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let options = ReplayOptions { tables: vec!["h_refused.h".into()] };
    let replayed = pipeline.handle().replay(options).await.unwrap();
    assert_eq!((replayed[0].replayed, replayed[0].refused), (1, 3), "{replayed:#?}");
    let rows = "select _op, status, n, _commit_time = (select min(_commit_time) from {s}.h \
        where _op = 'quarantined' and id = 1) from {s}.h where _op = 'update' and id = 1 order by _version";
    assert_eq!(world.stored(rows).await, "update|paid|1|0\nupdate|paid||1");
    assert_equal(&world, &pipeline, "replayed").await;
    pipeline.shutdown().await.unwrap();
}

/// Under another name it goes on with all that it has, and so does an archive.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_history_goes_on() {
    let world = World::new(
        "h_named",
        "create table h (id int primary key, v text); create table a (like h including all);
         insert into h values (1, 'x'), (2, 'y'); insert into a select * from h; create publication p for table h, a",
    )
    .history("h")
    .archive("a");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update h set v = 'z' where id = 1; delete from a where id = 1");
    world.settle(&pipeline).await;
    world.sql("alter table h rename to h2; update h2 set id = 20 where id = 2; alter table a rename to a2; delete from a2 where id = 2; insert into a2 values (3, 'z')");
    assert_equal(&world, &pipeline, "while up").await;
    pipeline.shutdown().await.unwrap();
    world.sql("delete from h2 where id = 1; alter table h2 rename to h3; alter table a2 rename to a3; insert into a3 values (1, 'again')");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "while down").await;
    let changes = "select _op, id, _key_before.1 from {s}.h3 order by _version, id";
    assert_eq!(
        world.stored(changes).await,
        "snapshot|1|\nsnapshot|2|\nupdate|1|1\nupdate|20|2\ndelete|1|1"
    );
    assert_eq!(world.stored("select id, v from {s}.a3 order by id").await, "1|again\n2|y\n3|z");
    pipeline.shutdown().await.unwrap();
}

/// A row of the snapshot that comes by a replay is newer than the others, which stay current.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_into_a_history_without_a_key_hides_no_row() {
    let mut world = World::new(
        "h_loose",
        "create table loose (a int, n numeric); alter table loose replica identity nothing;
         insert into loose values (1, 1), (2, 'NaN'), (3, 3); create publication p for table loose",
    )
    .history("loose");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let columns = &mut world.tables.get_mut("h_loose.loose").unwrap().columns;
    let rule = Some(Rule::Null);
    columns.insert("n".into(), ColumnOptions { on_unrepresentable: rule, ..Default::default() });
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let options = ReplayOptions { tables: vec!["h_loose.loose".into()] };
    let replayed = pipeline.handle().replay(options).await.unwrap();
    assert_eq!((replayed[0].replayed, replayed[0].refused), (1, 0), "{replayed:#?}");
    let rows = "select a, n, dense_rank() over (order by _version) from {s}.loose where _op = 'snapshot' order by a";
    assert_eq!(world.stored(rows).await, "1|1|1\n2||2\n3|3|1");
    assert_equal(&world, &pipeline, "replayed").await;
    world.sql("insert into loose values (4, 4)");
    assert_equal(&world, &pipeline, "and goes on").await;
    pipeline.shutdown().await.unwrap();
}

/// Another key of the same types is another key all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_with_another_key_is_another_table() {
    let world = World::new(
        "h_other",
        "create table h (id int primary key, code int not null); create table o (a int, b int, primary key (a, b));
         create table again (like h including all); insert into h values (1, 10), (2, 20); insert into o values (1, 2), (3, 4);
         insert into again select * from h; create publication p for table h, o, again",
    )
    .history("h")
    .history("o")
    .history("again");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update h set id = 3 where id = 1; update o set a = 5 where a = 1; update again set id = 3 where id = 1");
    assert_equal(&world, &pipeline, "before").await;
    world.sql("alter table h drop constraint h_pkey, add primary key (code); update h set id = 10 where code = 20; insert into h values (10, 2)");
    assert_equal(&world, &pipeline, "while up").await;
    pipeline.shutdown().await.unwrap();
    world.sql("alter table o drop constraint o_pkey, add primary key (b, a); update o set a = 6 where a = 5;
        drop table again; create table again (id int not null, code int primary key);
        alter publication p add table again; insert into again values (1, 1), (2, 1 + 2)");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update again set code = 2 where code = 1");
    assert_equal(&world, &pipeline, "while down").await;
    let holder = holder(world.schema);
    let order = format!(
        "select name, sorting_key from system.tables where database = '{holder}' and engine = 'MergeTree' order by name"
    );
    let order = world.stored(&order).await;
    for wanted in ["h|code, _version", "o|b, a, _version", "again|code, _version"] {
        assert!(order.lines().any(|line| line == wanted), "{order}");
    }
    assert_eq!(order.lines().count(), 6, "what was before stays: {order}");
    pipeline.shutdown().await.unwrap();
}

/// A key that the store refuses is nowhere; the one before it is gone all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_a_refused_key_leaves_no_row_of_before() {
    let narrow = |ty: &str| {
        let mut options = TableOptions { mode: Mode::History, ..TableOptions::default() };
        let narrow = ColumnOptions { clickhouse_type: Some(ty.into()), ..Default::default() };
        options.columns.insert("code".into(), narrow);
        options
    };
    let tables = ["fixed", "named"];
    let world = World::new(
        "h_narrow",
        "create table fixed (code text primary key, v text); create table named (like fixed including all);
         insert into fixed values ('ab', 'x'), ('cd', 'y'), ('ef', 'z'); insert into named select * from fixed;
         create publication p for table fixed, named",
    )
    .kept_as("fixed", narrow("FixedString(2)"))
    .kept_as("named", narrow("Enum8('ab' = 1, 'cd' = 2, 'ef' = 3)"));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // In one transaction, so that rows which are refused and others share a block.
    for table in tables {
        world.sql(&format!(
            "begin; update {table} set code = 'abc' where code = 'ab'; update {table} set v = 'w' where code = 'cd';
             delete from {table} where code = 'ef'; insert into {table} values ('long', 'v'); commit"
        ));
    }
    world.settle(&pipeline).await;
    for table in tables {
        let changes = format!(
            "select _op, toString(code), toString(_key_before.1), _commit_time > now() - 600 \
             from {{s}}.{table} where _op != 'snapshot' order by _version"
        );
        let wanted = "delete|ab|ab|1\nupdate|cd|cd|1\ndelete|ef|ef|1";
        assert_eq!(world.stored(&changes).await, wanted, "{table}");
    }
    // What a key was that was refused nobody knows here.
    world.sql("update fixed set code = 'ij', v = 'back' where code = 'abc'; update named set code = 'ab', v = 'back' where code = 'abc'");
    world.settle(&pipeline).await;
    for (table, code) in [("fixed", "ij"), ("named", "ab")] {
        let last = format!(
            "select _op, toString(code), v, toString(_key_before.1) from {{s}}.{table} order by _version desc limit 1"
        );
        assert_eq!(world.stored(&last).await, format!("update|{code}|back|"), "{table}");
    }
    // An enum without an empty label has no default to send.
    world.sql("begin; truncate fixed, named; insert into fixed values ('gh', 'x'); insert into named values ('cd', 'x'); commit");
    world.settle(&pipeline).await;
    for table in tables {
        let last = format!("select _op from {{s}}.{table} order by _version desc limit 2");
        assert_eq!(world.stored(&last).await, "insert\ntruncate", "{table}");
    }
    pipeline.shutdown().await.unwrap();
}

/// Values are tried by themselves, one column at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_sets_aside_what_is_refused_and_no_more() {
    let mut options = TableOptions { mode: Mode::History, ..TableOptions::default() };
    for (column, ty, rule) in [
        ("u", "Nullable(UUID)", None),
        ("size", "Nullable(Int8)", Some(Rule::Null)),
        ("at", "Nullable(UUID)", Some(Rule::Null)),
    ] {
        let chosen = ColumnOptions {
            clickhouse_type: Some(ty.into()),
            on_unrepresentable: rule,
            ..ColumnOptions::default()
        };
        options.columns.insert(column.into(), chosen);
    }
    let one = "'00000000-0000-0000-0000-000000000001'";
    let world = World::new(
        "h_sifted",
        &format!(
            "create table h (id int primary key, u text, size int, at text);
             insert into h values (1, {one}, 1, {one}), (2, 'odd', 2, {one}); create publication p for table h"
        ),
    )
    .kept_as("h", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(&format!(
        "insert into h values (3, {one}, 300, {one}), (4, {one}, 4, 'odd'), (5, 'odd', 5, {one}), (6, {one}, 6, {one})"
    ));
    world.settle(&pipeline).await;
    let rows = "select id, _op, isNull(u), size, isNull(at) from {s}.h order by id";
    assert_eq!(
        world.stored(rows).await,
        "1|snapshot|0|1|0\n2|quarantined|1||1\n3|insert|0||0\n4|insert|0|4|1\n5|quarantined|1||1\n6|insert|0|6|0"
    );
    pipeline.shutdown().await.unwrap();
}
