//! What a table becomes at the source is followed, or it is copied again: `verify` compares.

use crate::dice::Dice;
use crate::support::{Mortal, World, assert_equal, home, wait_until};
use flow::status::State;
use flow::{Handle, Pipeline};
use std::time::Duration;

/// How each of the table's changes was followed.
async fn followed(world: &World, table: &str) -> String {
    let sql = format!(
        "select change || ' ' || column || ': ' || followed_by from millrace.schema_changes final
         where source_table = '{{s}}.{table}' order by lsn, at, change, column"
    );
    world.stored(&sql).await
}

fn state(handle: &Handle, table: &str) -> Option<State> {
    let report = handle.report();
    report.tables.iter().find(|shown| shown.name == table).map(|shown| shown.state)
}

/// A column that is added, dropped, renamed or wider is no reason for a copy.
///
/// docs/pains.md 10
#[tokio::test(flavor = "multi_thread")]
async fn small_changes_are_followed_in_place() {
    let world = World::new(
        "s_small",
        "create table m (id int primary key, a int not null, b text, n numeric(8,2), v varchar(5));
         insert into m select i, i, 'b' || i, i / 4.0, 'v' from generate_series(1, 50) i;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let changes = [
        "alter table m add plain int",
        "alter table m add c timestamptz not null default now()",
        "alter table m add tags text[] not null default '{}', add f float8 default 0.1",
        "alter table m rename b to words",
        "alter table m drop plain",
        "alter table m alter a drop not null; insert into m (id, a) values (1001, null)",
        "alter table m alter n type numeric(12,2), alter v type varchar(20)",
        "alter table m alter a set default 7; alter table m add late int; alter table m alter late set default 3",
        "delete from m where a is null; alter table m alter a set not null",
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let (before, after) = (100 + 2 * n, 101 + 2 * n);
        world.sql(&format!(
            "insert into m (id, a) values ({before}, 1); {change};
             insert into m (id, a) values ({after}, 2); update m set a = a + 1 where id = {n} + 1"
        ));
        assert_equal(&world, &pipeline, change).await;
    }
    let followed = followed(&world, "m").await;
    assert!(!followed.contains("copy"), "{followed}");
    for change in ["rename column words", "drop column plain", "change type n", "drop not null a"] {
        assert!(followed.contains(&format!("{change}: in place")), "{followed}");
    }
    let columns =
        "select name from system.columns where database = '{s}' and table = 'm' order by position";
    assert_eq!(world.stored(columns).await.replace('\n', " "), "id a words n v c tags f late");
    let shown = pipeline.handle().report().tables.remove(0).schema_change.unwrap();
    assert_eq!((shown.change.as_str(), shown.followed_by.as_str()), ("set not null a", "in place"));
    pipeline.shutdown().await.unwrap();
}

/// Values that changed without a word in the log, and shapes that rows of before do not fit into.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_does_not_say_is_copied_again() {
    let world = World::new(
        "s_large",
        "create table m (id int primary key, a int not null, b text, c text);
         insert into m select i, i, 'b' || i, 'c' || i from generate_series(1, 50) i;
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let changes = [
        ("alter table m alter a type int using a * 2", "copy in place"),
        ("alter table m alter a type bigint using a * 3", "copy in place"),
        ("alter table m add u uuid default gen_random_uuid()", "copy in place"),
        ("alter table m alter b type int using length(b)", "copy in another shape"),
        ("alter table m drop c, add c text", "copy in another shape"),
        (
            "alter table m rename c to d; alter table m rename b to c; alter table m rename d to b",
            "copy in another shape",
        ),
        ("alter table m alter id type bigint", "copy in another shape"),
        ("alter table m rename id to key; alter table m rename key to id", ""),
        ("alter table m drop constraint m_pkey, add primary key (a, id)", "copy in another shape"),
    ];
    for (n, (change, how)) in changes.into_iter().enumerate() {
        let before = followed(&world, "m").await.lines().count();
        let (first, last) = (1000 + 2 * n, 1001 + 2 * n);
        world.sql(&format!(
            "insert into m (id, a) values ({first}, 1); {change};
             insert into m (id, a) values ({last}, 2); update m set a = a + 1 where id = {n} + 1;
             delete from m where id = 50 - {n}"
        ));
        assert_equal(&world, &pipeline, change).await;
        let followed = followed(&world, "m").await;
        let new: Vec<&str> = followed.lines().skip(before).collect();
        assert!(new.iter().all(|line| line.ends_with(how)), "{change}: {new:?}");
        assert_eq!(new.is_empty(), how.is_empty(), "{change}: {new:?}");
    }
    pipeline.shutdown().await.unwrap();
}

/// What happened while nobody read the log, with rows in between that the log still has.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_night_are_followed_in_the_morning() {
    let world = World::new(
        "s_night",
        "create table m (id int primary key, a int not null, b text, gone text);
         create table n (id int primary key, a int);
         create table dropped (id int primary key);
         insert into m select i, i, 'b' || i, 'g' from generate_series(1, 50) i;
         insert into n select i, i from generate_series(1, 50) i;
         insert into dropped select generate_series(1, 5);
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    for sql in [
        "insert into m values (100, 1, 'before', 'g')",
        "alter table m rename b to c; insert into m values (101, 1, 'renamed', 'g')",
        "alter table m drop gone; insert into m values (102, 1, 'dropped')",
        "alter table m add d int default 5; insert into m values (103, 1, 'added', 6)",
        "alter table n alter a type text using 'x' || a; insert into n values (100, 'text')",
        "insert into dropped values (6)",
        "drop table dropped",
        "create table made (id int primary key, v text); insert into made values (1, 'v')",
    ] {
        world.sql(sql);
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "the night").await;
    let followed = followed(&world, "m").await;
    assert!(followed.contains("rename column c: copy in place"), "{followed}");
    let of_view = "select count() from system.columns where database = '{s}' and table = 'n' and type like '%String%'";
    assert_eq!(world.stored(of_view).await, "1");
    assert_eq!(world.stored("select count() from {s}.dropped").await, "5");
    pipeline.shutdown().await.unwrap();
}

/// Tables that come and go without a row of theirs in the log.
///
/// docs/pains.md 15
#[tokio::test(flavor = "multi_thread")]
async fn the_publication_is_followed() {
    let world = World::new(
        "s_published",
        "create table m (id int primary key, v text); create table later (id int primary key);
         insert into m values (1, 'one'); insert into later select generate_series(1, 10);
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let handle = pipeline.handle();
    let reaches = async |table: &str, wanted: State| {
        let name = format!("s_published.{table}");
        wait_until(&format!("{table} {wanted:?}"), || match state(&handle, &name) {
            Some(state) if state == wanted => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    };
    world.sql("alter publication p add table later");
    reaches("later", State::Streaming).await;
    assert_eq!(world.stored("select count() from {s}.later").await, "10");
    world.sql("insert into m values (2, 'two')");
    world.sql("alter publication p drop table m");
    world.sql("insert into m values (3, 'unseen'); delete from m where id = 1");
    reaches("m", State::Removed).await;
    assert!(handle.is_ready());
    assert_eq!(world.stored("select count() from {s}.m").await, "2");
    world.sql("alter publication p add table m");
    reaches("m", State::Streaming).await;
    assert_equal(&world, &pipeline, "published again").await;
    // Another table of the name, of another shape.
    world.sql("drop table later; create table later (id text primary key, v int); insert into later values ('x', 1); alter publication p add table later");
    wait_until("the new one", || {
        let table = handle.report().tables.into_iter().find(|t| t.name == "s_published.later");
        let table = table.ok_or("none")?;
        let is_new = table.state == State::Streaming && table.copied_rows == 1;
        if is_new { Ok(()) } else { Err(format!("{table:?}")) }
    })
    .await;
    assert_equal(&world, &pipeline, "another table of that name").await;
    pipeline.shutdown().await.unwrap();
}

/// The table is rewritten between the snapshot of its copy and the copy: to that snapshot it is empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changes_under_its_copy_is_copied_as_it_is_then() {
    let world = World::new(
        "s_under",
        "create table m (id int primary key, a int); create table n (id int primary key, b text);
         insert into m select i, i from generate_series(1, 200) i;
         insert into n select i, 'n' || i from generate_series(1, 200) i;
         create publication p for table m, n",
    );
    for (n, change) in [
        "alter table m alter a type int using a * 2",
        "alter table n rename b to c",
        "alter table n drop c; alter table n add d int default 4",
        "vacuum full m",
    ]
    .into_iter()
    .enumerate()
    {
        // Its pauses lie between a snapshot and the begin of the copies, and before each block.
        let mortal = Mortal::new(Duration::from_millis(400));
        world.sql("insert into m values ((select max(id) + 1 from m), 0)");
        let pipeline = Pipeline::start(world.options(), mortal);
        let handle = pipeline.handle();
        wait_until("it is connected", || {
            if handle.report().tables.is_empty() { Err("no tables".to_owned()) } else { Ok(()) }
        })
        .await;
        tokio::time::sleep(Duration::from_millis(100 + 150 * n as u64)).await;
        world.sql(change);
        world.sql("insert into m values ((select max(id) + 1 from m), 0)");
        assert_equal(&world, &pipeline, change).await;
        pipeline.shutdown().await.unwrap();
        for table in ["m", "n"] {
            // The next one copies again.
            let raw = format!("drop table s_under_raw.{table} sync");
            home().execute(&raw).await.unwrap();
        }
    }
}

/// A look at the catalog is ahead of the rows that are on their way.
#[tokio::test(flavor = "multi_thread")]
async fn rows_on_their_way_keep_their_shape_when_a_look_follows_a_change() {
    let world = World::new(
        "s_ahead",
        "create table m (id int primary key, v text); create table e (id int primary key, v text);
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(150)));
    world.settle(&pipeline).await;
    for n in 0..6 {
        for id in 0..4 {
            let id = n * 10 + id;
            world.sql(&format!(
                "insert into m (id, v) values ({id}, 'v'); insert into e (id, v) values ({id}, 'v')"
            ));
        }
        world.sql(&format!("alter table m add c{n} int; alter table e add c{n} int; alter table m rename v to w; alter table m rename w to v"));
        // It looks before it compares; what it says is of no interest.
        let options = flow::verify::VerifyOptions { tables: Vec::new(), keys_max: 1 };
        let _ = pipeline.handle().verify(options).await;
    }
    assert_equal(&world, &pipeline, "ahead").await;
    pipeline.shutdown().await.unwrap();
}

/// A column that is kept as text is the same column at every look.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_what_did_not_change_changes_nothing() {
    let mut world = World::new(
        "s_still",
        "create table m (id int primary key, tags text[], span int4range);
         insert into m values (1, '{a,b}', '[1,5)'); create publication p for table m",
    );
    let text = || model::ColumnOptions {
        clickhouse_type: Some("Nullable(String)".into()),
        ..model::ColumnOptions::default()
    };
    let columns = [("tags".to_owned(), text()), ("span".to_owned(), text())].into();
    let options = model::TableOptions { columns, ..model::TableOptions::default() };
    world.tables.insert("s_still.m".into(), options);
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "still").await;
    let version = "select version from millrace.tables final where name = '{s}.m'";
    let before = world.stored(version).await;
    for _ in 0..2 {
        assert_equal(&world, &pipeline, "still").await;
    }
    world.sql("insert into m values (2, '{c}', 'empty')");
    assert_equal(&world, &pipeline, "still").await;
    assert_eq!(world.stored(version).await, before);
    pipeline.shutdown().await.unwrap();
}

/// With other changes beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_table_loses_no_row() {
    let world = World::new(
        "s_renamed",
        "create table m (id int primary key, v text); insert into m select i, 'v' from generate_series(1, 100) i;
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table m rename to n; insert into n values (101, 'w')");
    world.sql("alter table n add more int default 7; insert into n values (102, 'w', 8); alter table n alter v type int using 5; delete from n where id = 1");
    assert_equal(&world, &pipeline, "another name").await;
    let rows = "select count(), sum(v), sum(more) from {s}.n";
    assert_eq!(world.stored(rows).await, "101|505|708");
    pipeline.shutdown().await.unwrap();
    let pipeline = world.start();
    world.sql("insert into n values (103, 5, 7)");
    assert_equal(&world, &pipeline, "after a start").await;
    assert_eq!(world.stored(rows).await, "102|510|715");
    pipeline.shutdown().await.unwrap();
}

/// The seed is printed; `MILLRACE_SEED` repeats it, `MILLRACE_SCHEMA_SECONDS` is for how long.
///
/// docs/pains.md 10
#[tokio::test(flavor = "multi_thread")]
async fn any_changes_in_any_order_are_followed() {
    let from_env = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = from_env("MILLRACE_SEED").unwrap_or(now);
    let budget = Duration::from_secs(from_env("MILLRACE_SCHEMA_SECONDS").unwrap_or(5));
    println!("MILLRACE_SEED={seed}");
    let mut dice = Dice(seed | 1);
    let world = World::new("s_any", "create publication p for all tables")
        .append("facts")
        .history("told")
        .archive("kept");
    let mut tables =
        ["one", "two", "facts", "told", "kept"].map(|name| Shape::create(&world, name));
    let mut pipeline = world.start();
    // What is configured by a name is known by it first.
    world.settle(&pipeline).await;
    let begun = std::time::Instant::now();
    let mut log = Vec::new();
    while begun.elapsed() < budget {
        for _ in 0..dice.index(12) + 1 {
            let table = &mut tables[dice.index(5)];
            table.transaction(&world, &mut dice, &mut log);
            if dice.index(6) == 0 {
                log.push("restart".into());
                pipeline.shutdown().await.unwrap();
                table.transaction(&world, &mut dice, &mut log);
                pipeline = world.start();
            }
            if dice.index(3) == 0 {
                tokio::time::sleep(Duration::from_millis(dice.index(300) as u64)).await;
            }
        }
        let what = format!("MILLRACE_SEED={seed}\n{}", log.join("\n"));
        assert_equal(&world, &pipeline, &what).await;
    }
    println!("{} transactions with changes", log.len());
    pipeline.shutdown().await.unwrap();
}

/// A table as the source has it now: its columns behind `id` and a key.
#[derive(Clone)]
struct Shape {
    name: &'static str,
    key: &'static str,
    columns: Vec<(String, &'static str)>,
    rows: u32,
    named: u32,
}

const TYPES: [&str; 6] = ["int", "bigint", "text", "numeric(10,2)", "timestamptz", "float8"];

impl Shape {
    fn create(world: &World, name: &'static str) -> Shape {
        world.sql(&format!(
            "create table {name} (id int not null unique, key2 text not null unique, a int, b text, primary key (id));
             insert into {name} select i, 'k' || i, i, 'b' || i from generate_series(1, 30) i"
        ));
        let columns = vec![("a".to_owned(), "int"), ("b".to_owned(), "text")];
        Shape { name, key: "id", columns, rows: 30, named: 0 }
    }

    /// Kept as facts: rows come, and their columns change in ways that leave old values what they are.
    fn is_facts(&self) -> bool {
        self.name.starts_with("facts")
    }

    /// The first one, and the one that it may have as well.
    fn names(&self) -> [&'static str; 2] {
        let names = [
            ["one", "first"],
            ["two", "second"],
            ["facts", "facts_2"],
            ["told", "told_2"],
            ["kept", "kept_2"],
        ];
        names.into_iter().find(|names| names.contains(&self.name)).unwrap()
    }

    /// Some changes between rows, all or nothing. What Postgres refuses has not been.
    fn transaction(&mut self, world: &World, dice: &mut Dice, log: &mut Vec<String>) {
        let before = self.clone();
        let mut sql = "begin; ".to_owned();
        for _ in 0..dice.index(3) + 1 {
            sql += &self.write(dice);
            sql += &self.change(dice);
            sql += &self.write(dice);
        }
        sql += " commit;";
        match world.postgres.try_sql(&format!("set search_path = {}; {sql}", world.schema)) {
            Ok(_) => log.push(sql),
            Err(_) => *self = before,
        }
    }

    fn value(ty: &str, dice: &mut Dice) -> String {
        let n = dice.index(1000);
        match (dice.index(5), ty) {
            (0, _) => "default".into(),
            (_, "text") => format!("'t{n}'"),
            (_, "timestamptz") => format!("'2026-01-01'::timestamptz + interval '{n} s'"),
            _ => n.to_string(),
        }
    }

    fn write(&mut self, dice: &mut Dice) -> String {
        let name = self.name;
        let id = dice.index(self.rows as usize) + 1;
        match if self.is_facts() { 3 } else { dice.index(4) } {
            0 => format!("delete from {name} where id = {id};"),
            1 if !self.columns.is_empty() => {
                let (column, ty) = &self.columns[dice.index(self.columns.len())];
                format!("update {name} set {column} = {} where id = {id};", Shape::value(ty, dice))
            }
            2 => {
                self.rows += 1;
                let (rows, id) = (self.rows, id);
                format!("update {name} set id = {rows}, key2 = 'k{rows}' where id = {id};")
            }
            _ => {
                self.rows += 1;
                let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
                let values: Vec<String> =
                    self.columns.iter().map(|(_, ty)| Shape::value(ty, dice)).collect();
                let rest = |list: Vec<String>| {
                    list.into_iter().map(|item| format!(", {item}")).collect::<String>()
                };
                format!(
                    "insert into {name} (id, key2{}) values ({2}, 'k{2}'{1});",
                    rest(names.into_iter().map(str::to_owned).collect()),
                    rest(values),
                    self.rows
                )
            }
        }
    }

    fn change(&mut self, dice: &mut Dice) -> String {
        let name = self.name;
        if dice.index(12) == 0 {
            let [first, other] = self.names();
            self.name = if name == first { other } else { first };
            return format!("alter table {name} rename to {};", self.name);
        }
        let alter = format!("alter table {name}");
        let some = dice.index(self.columns.len().max(1));
        let kinds = if self.is_facts() { 7 } else { 14 };
        let kind = if self.columns.len() < 2 { 0 } else { dice.index(kinds) };
        match kind {
            0 | 1 => {
                self.named += 1;
                // Names come back.
                let column = format!("c{}", self.named % 7);
                if self.columns.iter().any(|(name, _)| *name == column) {
                    return String::new();
                }
                let ty = TYPES[dice.index(TYPES.len())];
                self.columns.push((column.clone(), ty));
                let volatile = match ty {
                    "text" => "md5(random()::text)",
                    "timestamptz" => "clock_timestamp()",
                    _ => "(random() * 100)::int",
                };
                let constant = match ty {
                    "text" => "'it''s'",
                    "timestamptz" => "now()",
                    _ => "7",
                };
                match dice.index(4) {
                    0 => format!("{alter} add {column} {ty} default {volatile};"),
                    1 => format!("{alter} add {column} {ty} not null default {constant};"),
                    2 => format!("{alter} add {column} {ty} default {constant};"),
                    _ => format!("{alter} add {column} {ty};"),
                }
            }
            2 | 3 => {
                let (column, _) = self.columns.remove(some);
                format!("{alter} drop {column};")
            }
            4 | 5 => {
                self.named += 1;
                let to = format!("c{}", self.named % 7);
                if self.columns.iter().any(|(name, _)| *name == to) {
                    return String::new();
                }
                let from = std::mem::replace(&mut self.columns[some].0, to.clone());
                format!("{alter} rename {from} to {to};")
            }
            6 if self.is_facts() => {
                let (column, ty) = &mut self.columns[some];
                *ty = if *ty == "int" { "bigint" } else { "text" };
                format!("{alter} alter {column} drop default, alter {column} type {ty};")
            }
            6 | 7 => {
                let (column, ty) = &mut self.columns[some];
                let (to, using) = match *ty {
                    "int" => ("bigint", format!("{column} + 1")),
                    "bigint" => ("text", format!("'n' || {column}")),
                    "numeric(10,2)" => ("numeric(14,4)", column.clone()),
                    "text" => ("int", format!("length({column})")),
                    "timestamptz" => ("text", format!("{column}::text")),
                    _ => ("numeric(10,2)", format!("round({column}::numeric, 1)")),
                };
                *ty = if to == "numeric(14,4)" { "numeric(10,2)" } else { to };
                format!(
                    "{alter} alter {column} drop default, alter {column} type {to} using {using};"
                )
            }
            8 => {
                let (column, ty) = &self.columns[some];
                match *ty {
                    "int" | "bigint" => {
                        format!("{alter} alter {column} type {ty} using {column} * 2;")
                    }
                    _ => String::new(),
                }
            }
            9 => {
                let (column, _) = &self.columns[some];
                format!("{alter} alter {column} drop not null;")
            }
            10 => {
                let key = if self.key == "id" { "key2" } else { "id" };
                self.key = key;
                let first = self.names()[0];
                format!(
                    "{alter} drop constraint {first}_pkey, add constraint {first}_pkey primary key ({key});"
                )
            }
            11 => {
                let other = (some + 1) % self.columns.len();
                let (a, b) = (self.columns[some].0.clone(), self.columns[other].0.clone());
                self.columns[some].0.clone_from(&b);
                self.columns[other].0.clone_from(&a);
                format!(
                    "{alter} rename {a} to x; {alter} rename {b} to {a}; {alter} rename x to {b};"
                )
            }
            12 => format!("truncate {name};"),
            _ => {
                let (column, ty) = &self.columns[some];
                format!("{alter} drop {column}, add {column} {ty};")
            }
        }
    }
}
