//! What a row leaves behind that ClickHouse cannot carry, and what stands in for absent values.

use super::super::again::{Texts, push_key, push_row};
use super::super::row::same_key;
use super::super::{Cursor, Field, Old, push_delete, push_new};
use super::{table, tuple};
use model::{Block, Lsn, Op, PgType, Rule, Table, Unchanged, Version};
use std::sync::Arc;

const VERSION: Version = Version(9);

fn block() -> Block {
    let types = [PgType::Text, PgType::Numeric(Some((4, 1))), PgType::Timestamp, PgType::Text];
    Block::new(Arc::new(table(types)))
}

fn push(block: &mut Block, old: Option<&Old<'_>>, bytes: &[u8]) {
    push_new(&mut Cursor::new(bytes), block, old, Op::Update, VERSION).unwrap();
}

fn texts(fields: [&str; 4]) -> Vec<u8> {
    tuple(b't', &fields.map(|field| Some(field.as_bytes())))
}

fn old(is_whole: bool, bytes: &[u8]) -> Old<'_> {
    Old { is_whole, fields: Field::tuple(&mut Cursor::new(bytes)).unwrap() }
}

/// pgoutput's mark for a value that the UPDATE did not touch.
fn unchanged(mut bytes: Vec<u8>, field: &str) -> Vec<u8> {
    let needle = [&b"t"[..], &(field.len() as i32).to_be_bytes(), field.as_bytes()].concat();
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes.splice(at..at + needle.len(), [b'u']);
    bytes
}

#[test]
fn a_rejected_row_leaves_a_tombstone_and_its_texts() {
    let mut block = block();
    push(&mut block, None, &texts(["k1", "123.4", "2026-01-01 00:00:00", "x"]));
    push(&mut block, None, &texts(["k2", "NaN", "infinity", "a \"b\"\n"]));
    assert_eq!(block.ops, [Op::Update, Op::Refused]);
    assert_eq!(block.columns[0].value(1), b"k2");
    assert_eq!(block.columns[3].value(1), b"");
    let [reject] = &block.rejects[..] else { panic!("one reject") };
    assert_eq!((reject.op, reject.version, reject.column.as_str()), (Op::Update, VERSION, "c1"));
    assert_eq!(reject.reason, "NaN has no place in a Decimal");
    assert_eq!(
        reject.row, r#"{"c0":"k2","c1":"NaN","c2":"infinity","c3":"a \"b\"\n"}"#,
        "not the clamped timestamp"
    );
}

#[test]
fn what_a_rejected_row_clamped_is_not_counted() {
    let types = [PgType::Int8, PgType::Date, PgType::Numeric(Some((2, 0)))];
    let mut block = Block::new(Arc::new(table(types)));
    let bytes = tuple(b't', &[Some(b"1"), Some(b"infinity"), Some(b"NaN")]);
    push(&mut block, None, &bytes);
    assert_eq!((block.clamped.len(), block.rejects.len()), (0, 1));
    let bytes = tuple(b't', &[Some(b"1"), Some(b"infinity"), Some(b"7")]);
    push(&mut block, None, &bytes);
    assert_eq!((block.clamped, block.rejects.len()), ([(1, 1)].into(), 1), "by the column");
}

#[test]
fn without_a_key_a_rejected_row_has_nothing_to_bury() {
    let keyless = Table { key: vec![], ..table([PgType::Numeric(Some((2, 0)))]) };
    let mut block = Block::new(Arc::new(keyless));
    push(&mut block, None, &tuple(b't', &[Some(b"NaN")]));
    assert_eq!((block.rows(), block.rejects.len()), (0, 1));
}

#[test]
fn unchanged_values_come_from_a_whole_old_row() {
    let mut block = block();
    let old_bytes = texts(["k", "1.0", "2026-01-01 00:00:00", "large"]);
    let old = old(true, &old_bytes);
    let new = unchanged(texts(["k", "2.0", "2026-01-01 00:00:00", "?"]), "?");
    push(&mut block, Some(&old), &new);
    assert_eq!(block.columns[3].value(0), b"large");
    assert!(block.unchanged.is_empty());
    let refused = unchanged(texts(["k", "NaN", "2026-01-01 00:00:00", "?"]), "?");
    push(&mut block, Some(&old), &refused);
    assert!(block.rejects[0].row.ends_with(r#""c3":"large"}"#), "{}", block.rejects[0].row);
}

#[test]
fn a_key_only_old_row_gives_the_key_and_nothing_else() {
    let mut block = block();
    let old_bytes = tuple(b't', &[Some(b"long key"), None, None, None]);
    let old = old(false, &old_bytes);
    let new = unchanged(unchanged(texts(["??", "2.0", "2026-01-01 00:00:00", "?"]), "??"), "?");
    push(&mut block, Some(&old), &new);
    assert_eq!(block.columns[0].value(0), b"long key");
    assert!(!block.columns[3].is_null(0));
    assert_eq!(block.unchanged, [Unchanged { row: 0, column: 3 }]);
    let refused = unchanged(texts(["??", "NaN", "2026-01-01 00:00:00", "x"]), "??");
    push(&mut block, Some(&old), &refused);
    assert_eq!((block.ops[1], block.columns[0].value(1)), (Op::Refused, &b"long key"[..]));
}

#[test]
fn marks_of_a_rejected_row_go_with_it() {
    let types = [PgType::Int8, PgType::Text, PgType::Numeric(Some((2, 0)))];
    let mut block = Block::new(Arc::new(table(types)));
    for last in ["1", "NaN", "2"] {
        let bytes = tuple(b't', &[Some(b"1"), Some(b"?"), Some(last.as_bytes())]);
        push(&mut block, None, &unchanged(bytes, "?"));
    }
    assert_eq!(block.ops, [Op::Update, Op::Refused, Op::Update]);
    let marks = [Unchanged { row: 0, column: 1 }, Unchanged { row: 2, column: 1 }];
    assert_eq!(block.unchanged, marks);
}

#[test]
fn a_tuple_cut_short_leaves_the_rows_before_it() {
    let mut block = block();
    let bytes = texts(["k", "1.5", "2026-01-01 00:00:00", "x"]);
    push(&mut block, None, &bytes);
    for end in 0..bytes.len() {
        let mut cursor = Cursor::new(&bytes[..end]);
        push_new(&mut cursor, &mut block, None, Op::Insert, VERSION).unwrap_err();
        assert!(block.columns.iter().all(|column| column.rows() == 1));
    }
    push(&mut block, None, &bytes);
    assert_eq!(block.rows(), 2);
}

#[test]
fn a_delete_carries_its_key_and_defaults() {
    let mut block = block();
    let bytes = tuple(b't', &[Some(b"k"), None, None, None]);
    let old = Field::tuple(&mut Cursor::new(&bytes)).unwrap();
    push_delete(&old, &mut block, Version::of_change(Lsn(2), Lsn(1))).unwrap();
    assert_eq!((block.ops[0], block.columns[0].value(0)), (Op::Delete, &b"k"[..]));
    assert!(block.columns.iter().all(|column| column.rows() == 1 && !column.is_null(0)));
    push_delete(&old[..3], &mut block, VERSION).unwrap_err();
}

#[test]
fn keys_are_compared_by_their_columns() {
    let table = table([PgType::Text, PgType::Text]);
    let text = |text: &'static str| Field::Text(text.as_bytes());
    assert!(same_key(&table, &[text("a"), text("x")], &[text("a"), text("y")]));
    assert!(same_key(&table, &[text("a"), Field::Null], &[Field::Unchanged, text("y")]));
    assert!(!same_key(&table, &[text("a"), Field::Null], &[text("b"), Field::Null]));
}

fn with_rules(rules: &[(usize, Rule)]) -> Block {
    let types = [PgType::Text, PgType::Numeric(Some((4, 1))), PgType::Timestamp, PgType::Text];
    Block::new(Arc::new(Table { rules: rules.iter().copied().collect(), ..table(types) }))
}

#[test]
fn a_rule_that_was_chosen_decides_what_becomes_of_a_value() {
    let bytes = texts(["k", "NaN", "infinity", "x"]);
    let mut nulls = with_rules(&[(1, Rule::Null), (2, Rule::Null)]);
    push(&mut nulls, None, &bytes);
    assert!(nulls.rejects.is_empty() && nulls.clamped.is_empty());
    assert!(nulls.columns[1].is_null(0) && nulls.columns[2].is_null(0));
    assert_eq!(Vec::from_iter(nulls.nulled), [(1, 1), (2, 1)]);
    // Not of a row that is refused for another column.
    let mut one = with_rules(&[(2, Rule::Null)]);
    push(&mut one, None, &bytes);
    assert_eq!((one.rejects[0].column.as_str(), one.nulled.len()), ("c1", 0));
    assert!(one.rejects[0].row.contains("infinity"));

    let times = texts(["k", "1.5", "infinity", "x"]);
    let mut aside = with_rules(&[(2, Rule::Quarantine)]);
    push(&mut aside, None, &times);
    assert_eq!(aside.rejects[0].reason, "it lies outside the years 1900 to 2299");
    assert_eq!((aside.rejects[0].key.as_str(), aside.clamped.len()), (r#"["k"]"#, 0));
    let mut clamped = with_rules(&[(2, Rule::Clamp)]);
    push(&mut clamped, None, &times);
    assert_eq!((clamped.rejects.len(), clamped.clamped.len()), (0, 1));
}

#[test]
fn a_column_that_stops_its_table_is_named_before_one_that_sets_the_row_aside() {
    let bytes = texts(["k", "NaN", "infinity", "x"]);
    for (rules, named) in [
        (&[(2, Rule::Stop)][..], "c2"),
        (&[(1, Rule::Stop), (2, Rule::Stop)], "c1"),
        (&[(3, Rule::Stop)], "c1"),
    ] {
        let mut block = with_rules(rules);
        push(&mut block, None, &bytes);
        assert_eq!(block.rejects[0].column, named, "{rules:?}");
    }
}

#[test]
fn a_column_that_is_left_out_refuses_no_row() {
    let types = [PgType::Text, PgType::Numeric(Some((4, 1))), PgType::Timestamp, PgType::Text];
    let mut block = Block::new(Arc::new(Table { excluded: vec![1, 2], ..table(types) }));
    push(&mut block, None, &texts(["k", "NaN", "infinity", "x"]));
    assert_eq!((block.rows(), block.rejects.len(), block.clamped.len()), (1, 0, 0));
}

#[test]
fn a_row_that_was_set_aside_comes_back_from_its_texts() {
    let mut block = with_rules(&[(1, Rule::Null)]);
    push(&mut block, None, &texts(["k \"1\"", "1.5", "2026-01-01 00:00:00", "a\\b\n"]));
    let table = block.table.clone();
    let texts = |fields: &[(&str, Option<&str>)]| -> Texts {
        let own = |&(name, text): &(&str, Option<&str>)| (name.to_owned(), text.map(str::to_owned));
        fields.iter().map(own).collect()
    };
    let kept = texts(&[
        ("c0", Some("k \"1\"")),
        ("c1", Some("1.5")),
        ("c2", Some("2026-01-01 00:00:00")),
        ("c3", Some("a\\b\n")),
    ]);
    let mut again = Block::new(table.clone());
    push_row(&mut again, &kept, Op::Update, VERSION).unwrap();
    assert_eq!(again.columns, block.columns);
    let nulls = texts(&[("c0", Some("k2")), ("c1", Some("NaN")), ("c2", None)]);
    push_row(&mut again, &nulls, Op::Update, VERSION).unwrap();
    assert!(again.columns[1].is_null(1) && again.columns[2].is_null(1));
    assert_eq!(again.unchanged, [Unchanged { row: 1, column: 3 }]);
    assert_eq!(again.nulled[&1], 1);
    let wrong = texts(&[("c0", Some("k3")), ("c2", Some("yesterday"))]);
    let refused = push_row(&mut again, &wrong, Op::Update, VERSION).unwrap_err();
    assert_eq!((refused.column.as_str(), again.rows(), again.unchanged.len()), ("c2", 2, 1));
    assert!(push_key(&mut again, &["k4".into()], VERSION));
    assert_eq!(again.columns[0].value(2), b"k4");
    assert!(!push_key(&mut again, &[], VERSION));
}
