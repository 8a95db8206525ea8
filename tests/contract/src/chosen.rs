//! Values in types that were chosen for them: what the engine shows is what came, or they are refused.

use crate::{Home, column, table};
use model::{
    Block, Cells, ColumnOptions, Fate, Kind, Lsn, Op, PgType, Result, Table, TableOptions, Version,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use store::{Target, ddl};

/// A table `t (id, v)` whose `v` has the type that was chosen.
fn chosen(pg: PgType, ty: &str) -> Result<Arc<Target>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut table =
        Table::clone(&table(&format!("chosen_{}", NEXT.fetch_add(1, Ordering::Relaxed))));
    table.columns = vec![column("id", PgType::Int8, true), column("v", pg, false)];
    let mut options = TableOptions::default();
    let ty = Some(ty.to_owned());
    let chosen = ColumnOptions { clickhouse_type: ty, ..ColumnOptions::default() };
    options.columns.insert("v".into(), chosen);
    Target::resolve(Arc::new(table), &options, None).map(Arc::new)
}

/// What the engine shows of each of these values by themselves. `None`: it was refused.
fn shown(home: &Home, pg: PgType, ty: &str, values: &Cells) -> Vec<Option<String>> {
    let target = chosen(pg, ty).unwrap_or_else(|error| panic!("{}", error.report()));
    home.make(&target);
    let write = |row: usize| {
        let mut block = Block::new(target.table.clone());
        block.columns[0].push_fixed((row as i64).to_le_bytes());
        block.columns[1].extend_from(values, row, row + 1);
        block.end_row(Op::Insert, Version::of_change(Lsn(1), Lsn(row as u64)));
        match home.insert(&target, block, None) {
            Ok(_) => true,
            Err(error) if error.fate() == Fate::Refused => false,
            Err(error) => panic!("{ty}: {}", error.report()),
        }
    };
    let name = ddl::name(&target.name);
    let show = |row: usize| home.one(&format!("SELECT toString(v) FROM {name} WHERE id = {row}"));
    let rows = 0..values.rows();
    rows.map(|row| write(row).then(|| show(row))).collect()
}

fn texts(values: &[&str]) -> Cells {
    let mut cells = Cells::new(Kind::Text);
    values.iter().for_each(|value| cells.push_text(value.as_bytes()));
    cells
}

/// What has a place is shown so in the type, with NULL in it and without: the engine would cut and wrap
/// the others, and make NULL of what it does not read.
pub fn texts_are_what_the_type_makes_of_them_or_refused(home: &Home) {
    let uuid = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    for (ty, held, refused) in [
        (
            "Int32",
            &[("2147483647", "2147483647"), ("-0", "0"), ("007", "7")][..],
            &["9999999999", "5.0", "", " 5", "x"][..],
        ),
        ("UInt8", &[("255", "255")], &["256", "-1", "-0"]),
        ("UInt256", &[(most, most)], &["-1"]),
        (
            "Decimal(9, 2)",
            &[("1234567.89", "1234567.89"), ("-1.50000000000000000000000000000", "-1.5")],
            &["1.239", "12345678.1", "1e2"],
        ),
        ("Decimal(5, 2)", &[("0999.99", "999.99")], &["1000"]),
        ("Float64", &[("-1.5E3", "-1500"), ("1e300", "1e300")], &["1e400", "nan", "1x"]),
        ("Date", &[("2149-06-06", "2149-06-06")], &["1960-01-01", "2150-01-01", "2023-02-30"]),
        ("Date32", &[("1900-01-01", "1900-01-01")], &["1899-12-31", "2300-01-01", "2023-02-30"]),
        (
            "DateTime('UTC')",
            &[("2106-02-07 06:28:15", "2106-02-07 06:28:15")],
            &["2106-02-07 06:28:16", "1969-12-31 23:59:59", "1234567890", "2026-01-01 00:00:00.5"],
        ),
        (
            "DateTime64(3, 'UTC')",
            &[
                ("1900-01-01 00:00:00.001", "1900-01-01 00:00:00.001"),
                ("2299-12-31 23:59:59", "2299-12-31 23:59:59.000"),
            ],
            &["2026-01-01 00:00:00.0001", "2026-01-01 24:00:00", "1500-01-01 00:00:00"],
        ),
        ("DateTime64(0, 'UTC')", &[("2026-01-01 00:00:00.0", "2026-01-01 00:00:00")], &["x"]),
        (
            "DateTime64(9, 'UTC')",
            &[("1900-01-01 00:00:00.123456789", "1900-01-01 00:00:00.123456789")],
            &["2299-12-31 23:59:59"],
        ),
        ("UUID", &[(uuid, uuid)], &["61f0c4045cb311e7907ba6006ad3dba0", "x"]),
        ("IPv4", &[("127.0.0.1", "127.0.0.1")], &["127.0.0.1/8", "1.2.3"]),
        ("IPv6", &[("::1", "::1"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4")], &["1.2.3.4", "::1/64"]),
        ("Bool", &[("t", "true"), ("no", "false"), ("yes", "true"), ("0", "false")], &["2", "x"]),
        ("Enum8('a' = 1, '2' = 5)", &[("a", "a"), ("2", "2")], &["1", "5", "b"]),
        ("FixedString(2)", &[("ab", "ab")], &["a", "abc"]),
    ] {
        let values: Vec<&str> =
            held.iter().map(|(value, _)| *value).chain(refused.iter().copied()).collect();
        let wanted = held.iter().map(|(_, shown)| Some((*shown).to_owned()));
        let wanted: Vec<Option<String>> = wanted.chain(refused.iter().map(|_| None)).collect();
        for ty in [ty.to_owned(), format!("Nullable( {ty} )")] {
            assert_eq!(shown(home, PgType::Text, &ty, &texts(&values)), wanted, "{ty}");
        }
        let mut lists = Cells::new(Kind::Array(Box::new(Kind::Text)));
        for value in &values {
            lists.parts_mut()[0].push_text(value.as_bytes());
            lists.end_parts();
        }
        let list = PgType::Array(Box::new(PgType::Text), 1);
        let in_lists = shown(home, list, &format!("Array(Nullable({ty}))"), &lists);
        let has_place =
            |shown: &[Option<String>]| -> Vec<bool> { shown.iter().map(Option::is_some).collect() };
        assert_eq!(has_place(&in_lists), has_place(&wanted), "{ty} in arrays");
        assert!(!in_lists.iter().flatten().any(|list| list.contains("NULL")), "{in_lists:?}");
    }
}

pub fn numbers_and_times_are_what_they_were_or_refused(home: &Home) {
    fn cells<const N: usize>(kind: Kind, values: &[[u8; N]]) -> Cells {
        let mut cells = Cells::new(kind);
        values.iter().for_each(|value| cells.push_fixed(*value));
        cells
    }
    let (nine, of_2106) = (9_999_999_999i64, 4_294_967_296i64);
    let whole = cells(Kind::Int64, &[nine, of_2106 - 1, -1, 1].map(i64::to_le_bytes));
    let decimal = PgType::Numeric(Some((12, 2)));
    let decimals = cells(decimal.kind(), &[123_456i64, 9_999_900, -100].map(i64::to_le_bytes));
    let doubles = [1e300, 3.4028234663852886e38, 3.4028235677973366e38, -0.5, 300.0];
    let doubles = cells(Kind::Float64, &doubles.map(f64::to_le_bytes));
    let days = cells(Kind::Date, &[120_529, 49_710, 49_709, -1].map(i32::to_le_bytes));
    let late = cells(Kind::Time, &[86_400_000_000i64, 1_500_000].map(i64::to_le_bytes));
    for (pg, ty, values, wanted) in [
        (
            PgType::Int8,
            "DateTime('UTC')",
            &whole,
            &["", "2106-02-07 06:28:15", "", "1970-01-01 00:00:01"][..],
        ),
        (PgType::Int8, "Decimal(9, 2)", &whole, &["", "", "-1", "1"]),
        (PgType::Int8, "Decimal(3, 2)", &whole, &["", "", "-1", "1"]),
        (PgType::Int8, "Bool", &whole, &["", "", "", "true"]),
        (decimal.clone(), "Int16", &decimals, &["", "", "-1"]),
        (decimal.clone(), "Int32", &decimals, &["", "99999", "-1"]),
        (decimal.clone(), "Decimal(5, 2)", &decimals, &["", "", "-1"]),
        (decimal, "Decimal(9, 1)", &decimals, &["", "99999", "-1"]),
        (PgType::Float8, "Float32", &doubles, &["", "3.4028235e38", "", "-0.5", "300"]),
        (PgType::Float8, "UInt16", &doubles, &["", "", "", "", "300"]),
        (
            PgType::Date,
            "DateTime64(9, 'UTC')",
            &days,
            &[
                "",
                "2106-02-07 00:00:00.000000000",
                "2106-02-06 00:00:00.000000000",
                "1969-12-31 00:00:00.000000000",
            ],
        ),
        (PgType::Date, "DateTime('UTC')", &days, &["", "", "2106-02-06 00:00:00", ""]),
        (PgType::Date, "Date", &days, &["", "2106-02-07", "2106-02-06", ""]),
        (PgType::Time, "Time64(3)", &late, &["24:00:00.000", "00:00:01.500"]),
    ] {
        let wanted: Vec<Option<String>> =
            wanted.iter().map(|shown| (!shown.is_empty()).then(|| (*shown).to_owned())).collect();
        let ty = format!("Nullable({ty})");
        assert_eq!(shown(home, pg, &ty, values), wanted, "{ty}");
    }
}

/// Another column has a default that the engine puts in the place of NULL: it would do so in arrays as
/// well.
pub fn a_null_in_an_array_stays_one_or_is_refused(home: &Home) {
    let mut table = Table::clone(&table("elements"));
    let ints = PgType::Array(Box::new(PgType::Int4), 1);
    table.columns = vec![
        column("id", PgType::Int8, true),
        column("n", PgType::Int4, false),
        column("list", ints, false),
        column("map", PgType::Hstore, false),
    ];
    let mut options = TableOptions::default();
    for (name, ty, default) in [
        ("n", "Int32", Some("1 + 1")),
        ("list", "Array(Int32)", None),
        ("map", "Map(String, String)", None),
    ] {
        let (clickhouse_type, default) = (Some(ty.to_owned()), default.map(str::to_owned));
        let chosen = ColumnOptions { clickhouse_type, default, ..ColumnOptions::default() };
        options.columns.insert(name.into(), chosen);
    }
    let target = Arc::new(Target::resolve(Arc::new(table), &options, None).unwrap());
    home.make(&target);
    let write = |id: i64, element: Option<i32>, value: Option<&str>| {
        let mut block = Block::new(target.table.clone());
        block.columns[0].push_fixed(id.to_le_bytes());
        block.columns[1].push_null();
        match element {
            Some(element) => block.columns[2].parts_mut()[0].push_fixed(element.to_le_bytes()),
            None => block.columns[2].parts_mut()[0].push_null(),
        }
        block.columns[2].end_parts();
        block.columns[3].parts_mut()[0].push_text(b"k");
        match value {
            Some(value) => block.columns[3].parts_mut()[1].push_text(value.as_bytes()),
            None => block.columns[3].parts_mut()[1].push_null(),
        }
        block.columns[3].end_parts();
        block.end_row(Op::Insert, Version::of_change(Lsn(1), Lsn(1)));
        home.insert(&target, block, None)
            .map_err(|error| (error.fate(), error.detail_text().unwrap().to_owned()))
    };
    assert_eq!(write(1, Some(7), Some("v")), Ok(1));
    let refused =
        |ty: &str| Err((Fate::Refused, format!("the NULL of an element has no place in {ty}")));
    assert_eq!(write(2, None, Some("v")), refused("Array(Int32)"));
    assert_eq!(write(3, Some(7), None), refused("Map(String, String)"));
    assert_eq!(
        home.one("SELECT toString(groupArray((id, n, list, map))) FROM elements.t"),
        "[(1,2,[7],{'k':'v'})]"
    );
}

pub fn a_type_that_would_bend_every_value_is_refused_when_it_is_chosen(_: &Home) {
    for (pg, ty) in [
        (PgType::Text, "DateTime"),
        (PgType::Text, "Array(Int32)"),
        (PgType::Text, "Variant(String, UInt64)"),
        (PgType::Float8, "Decimal(18, 2)"),
        (PgType::Int8, "UUID"),
        (PgType::Int8, "Enum8('a' = 1)"),
        (PgType::Time, "Time"),
        (PgType::Date, "DateTime"),
    ] {
        let error = chosen(pg, ty).unwrap_err();
        assert!(error.what().contains(&format!("t.v as {ty}")), "{}", error.report());
        assert!(error.hint_text().unwrap().starts_with("choose one of "), "{}", error.report());
    }
}
