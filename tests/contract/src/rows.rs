//! Rows as readers see them: the newest once, or as often as they were meant.

use crate::{Home, push, table};
use model::{Block, ColumnOptions, Fate, Mode, Op, TableOptions};
use std::sync::Arc;
use store::{Beside, Insert, Target, ddl};

pub fn a_mirror_shows_the_newest_version_of_each_living_row(home: &Home) {
    let options = TableOptions::default();
    let target = Arc::new(Target::resolve(table("mirrored"), &options, None).unwrap());
    home.make(&target);
    home.make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 1, 1, Some(1050), "{}");
    push(&mut block, Op::Insert, 1, 2, None, "{}");
    push(&mut block, Op::Insert, 1, 3, Some(5), "{}");
    assert_eq!(home.insert(&target, block, None).unwrap(), 3);
    let mut later = Block::new(target.table.clone());
    push(&mut later, Op::Update, 3, 1, Some(-7), "{}");
    push(&mut later, Op::Update, 2, 1, Some(99), "{}");
    push(&mut later, Op::Delete, 2, 3, None, "");
    home.insert(&target, later, None).unwrap();
    let rows = home.rows("SELECT id, price, tags FROM mirrored.t ORDER BY id");
    let text: Vec<String> = rows
        .iter()
        .map(|r| format!("{}={}", r[0].as_ref().unwrap(), r[1].clone().unwrap_or("NULL".into())))
        .collect();
    assert_eq!(text, ["1=-0.07", "2=NULL"]);
    assert_eq!(home.one("SELECT tags[1], tags[2] FROM mirrored.t WHERE id = 1"), "a\n\nb|NULL");
}

pub fn an_append_table_takes_a_token_once_and_converts_types(home: &Home) {
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    options.extra_columns.insert("ingest_ts".into(), "DateTime DEFAULT now()".into());
    let json = ColumnOptions {
        name: Some("properties_json".into()),
        clickhouse_type: Some("JSON".into()),
        ..ColumnOptions::default()
    };
    let text = ColumnOptions { clickhouse_type: Some("String".into()), ..ColumnOptions::default() };
    options.columns.insert("note".into(), json);
    options.columns.insert("id".into(), text);
    let target = Arc::new(Target::resolve(table("appended"), &options, None).unwrap());
    home.make(&target);
    for token in ["a", "a", "b"] {
        let mut block = Block::new(target.table.clone());
        push(&mut block, Op::Insert, 16, 1, Some(1), "{\"plan\": \"pro\"}");
        home.insert(&target, block, Some(token)).unwrap();
    }
    let sql = "SELECT count(), any(id), any(properties_json.plan), any(_lsn), any(toYear(ingest_ts)) > 2000 FROM appended.t";
    assert_eq!(home.one(sql), "2|1|pro|16|1");
}

/// Of numbers the engine puts it there, of texts we do: an empty text would be none of the enum's.
pub fn a_default_takes_the_place_of_null_and_without_one_a_null_is_refused(home: &Home) {
    let chosen = |ty: &str, default: Option<&str>| ColumnOptions {
        clickhouse_type: Some(ty.into()),
        default: default.map(str::to_owned),
        ..ColumnOptions::default()
    };
    let mut options = TableOptions::default();
    options.columns.insert("price".into(), chosen("Decimal(9, 1)", Some("-1 * 0.5")));
    options.columns.insert("note".into(), chosen("Enum8('none' = 1, 'x' = 2)", Some("'none'")));
    let target = Arc::new(Target::resolve(table("fallen"), &options, None).unwrap());
    home.make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 16, 1, None, "x");
    push(&mut block, Op::Insert, 16, 2, Some(150), "x");
    block.columns[3] = block.columns[3].with_nulls(&[1]);
    home.insert(&target, block.clone(), None).unwrap();
    let sql =
        "SELECT toString(groupArray((id, price, note))) FROM (SELECT * FROM fallen.t ORDER BY id)";
    assert_eq!(home.one(sql), "[(1,-0.5,'x'),(2,1.5,'none')]");

    options.columns.insert("note".into(), chosen("String", None));
    let bare = Arc::new(Target::resolve(table("bare"), &options, None).unwrap());
    home.make(&bare);
    let error = home.insert(&bare, block, None).unwrap_err();
    assert_eq!(
        (error.fate(), error.detail_text()),
        (Fate::Refused, Some("NULL has no place in String"))
    );
}

pub fn a_null_where_the_store_has_none_is_refused(home: &Home) {
    let mut plain = (*table("refused")).clone();
    plain.columns[1].not_null = true;
    let target = Target::resolve(Arc::new(plain), &TableOptions::default(), None).unwrap();
    let target = Arc::new(target);
    home.make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 1, 1, None, "{}");
    let error = home.insert(&target, block, None).unwrap_err();
    assert!(error.what().contains("price"), "{error}");
    assert_eq!(home.one("SELECT count() FROM refused.t"), "0");
}

/// More than one of the engine's own blocks, and of several pieces on the way.
pub fn a_large_block_is_one_part_a_partition(home: &Home) {
    const ROWS: i64 = 1_200_000;
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    options.partition_by = Some("id % 2".into());
    options.order_by = vec!["id".into()];
    let target = Arc::new(Target::resolve(table("large"), &options, None).unwrap());
    home.make(&target);
    home.execute("SYSTEM STOP MERGES large.t");
    let mut block = Block::new(target.table.clone());
    (0..ROWS).for_each(|id| push(&mut block, Op::Insert, 16, id, Some(id), "{\"a\": 1}"));
    for _ in 0..2 {
        assert_eq!(home.insert(&target, block.clone(), Some("large")).unwrap(), ROWS as u64);
    }
    let sql = "SELECT count(), sum(id) = sum(toInt64(price * 100)), uniqExact(_part) FROM large.t";
    assert_eq!(home.one(sql), format!("{ROWS}|1|2"));
    home.execute("DROP TABLE large.t SYNC");
}

/// The row that is refused comes last, behind all that was sent before.
pub fn a_refused_block_leaves_nothing(home: &Home) {
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    let json = ColumnOptions { clickhouse_type: Some("JSON".into()), ..ColumnOptions::default() };
    options.columns.insert("note".into(), json);
    let target = Arc::new(Target::resolve(table("left_out"), &options, None).unwrap());
    home.make(&target);
    let mut block = Block::new(target.table.clone());
    (0..200_000).for_each(|id| push(&mut block, Op::Insert, 16, id, None, "{\"a\": 1}"));
    push(&mut block, Op::Insert, 16, 200_000, None, "{\"secret\": ");
    let error = home.insert(&target, block, Some("refused")).unwrap_err();
    assert_eq!(error.fate(), Fate::Refused, "{}", error.report());
    assert!(!error.report().contains("secret"), "{}", error.report());
    assert_eq!(home.one("SELECT count() FROM left_out.t"), "0");
    // Its token is not spent.
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 16, 1, None, "{\"a\": 1}");
    home.insert(&target, block, Some("refused")).unwrap();
    assert_eq!(home.one("SELECT count() FROM left_out.t"), "1");
}

pub fn tables_are_written_at_once(home: &Home) {
    let targets = (0..6).map(|number| {
        let table = table(&format!("at_once_{number}"));
        Arc::new(Target::resolve(table, &TableOptions::default(), None).unwrap())
    });
    let targets: Vec<_> = targets.collect();
    targets.iter().for_each(|target| home.make(target));
    home.wait(async {
        let mut writers = tokio::task::JoinSet::new();
        for target in targets.iter().cloned() {
            let store = home.store.clone();
            writers.spawn(async move {
                for round in 0..5 {
                    let mut block = Block::new(target.table.clone());
                    (0..2_000).for_each(|id| {
                        push(&mut block, Op::Insert, round + 1, id, Some(round as i64), "{}");
                    });
                    let (target, block) = (target.clone(), Arc::new(block));
                    let receipt =
                        store.insert(Insert { target, block, token: None }).await.unwrap();
                    assert_eq!(receipt.rows(), 2_000);
                }
            });
        }
        while let Some(written) = writers.join_next().await {
            written.unwrap();
        }
    });
    for target in &targets {
        let sql = format!("SELECT count(), min(price) FROM {}", ddl::name(&target.name));
        assert_eq!(home.one(&sql), "2000|0.04");
    }
}

/// Two of them at once have each their own.
pub fn a_question_is_asked_about_rows_that_go_with_it(home: &Home) {
    let options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    let target = Arc::new(Target::resolve(table("beside"), &options, None).unwrap());
    let beside = |ids: std::ops::Range<i64>| {
        let mut block = Block::new(target.table.clone());
        for id in ids {
            push(&mut block, Op::Insert, 16, id, Some(id), "{\"--x\": \"\\r\\n--\"}");
        }
        Beside { target: target.clone(), block: Arc::new(block) }
    };
    let name = Beside::TABLE;
    let sum = format!("SELECT count(), sum(id), any(_lsn), any(tags[1]) FROM {name}");
    let one = home.store.query_beside(&sum, beside(0..100_000));
    let other = home.store.query_beside(&sum, beside(0..10));
    let (one, other) = home.wait(async { tokio::join!(one, other) });
    let row = |row: [&str; 4]| vec![row.map(|field| Some(field.to_owned())).to_vec()];
    assert_eq!(one.unwrap(), row(["100000", "4999950000", "16", "a\n\nb"]));
    assert_eq!(other.unwrap(), row(["10", "45", "16", "a\n\nb"]));
    // However long it is.
    let list = (0..30_000).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT count() FROM {name} WHERE id IN ({list})");
    let kinds = vec![model::Kind::UInt64];
    let cells = home.wait(home.store.cells_beside(&sql, kinds, beside(5..15))).unwrap();
    assert_eq!(cells.unwrap()[0].value(0), 10u64.to_le_bytes());
    // And nothing stays.
    let error = home.wait(home.store.query(&sum)).unwrap_err();
    assert!(error.report().contains(name), "{}", error.report());
}

pub fn rows_that_are_deleted_are_gone(home: &Home) {
    let options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    let target = Arc::new(Target::resolve(table("mutated"), &options, None).unwrap());
    home.make(&target);
    let name = ddl::name(&target.rows);
    let (layout, rows) = (home.store.layout(), &target.rows);
    for (round, sql) in [
        layout.delete(rows, |_| "id % 2 = 1".to_owned()),
        layout.delete_some(rows, "(id, _lsn) IN ((2, 16), (4, 16))"),
        // Of which a server has to be told that it is meant.
        layout.delete(rows, |rows| format!("id IN (SELECT id FROM {rows} WHERE id = 999)")),
    ]
    .iter()
    .enumerate()
    {
        let mut block = Block::new(target.table.clone());
        (0..1000).for_each(|id| push(&mut block, Op::Insert, 16, id, Some(id), "{}"));
        home.insert(&target, block, Some(&format!("round {round}"))).unwrap();
        home.wait(home.store.mutate(&target.rows, sql)).unwrap();
        let left = home.one(&format!("SELECT count() FROM {name}"));
        assert_eq!(left, ["500", "1496", "2494"][round], "{sql}");
    }
}
