//! Math against Grafana's page on expressions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::frame::{Item, Value};
use super::Math;
use crate::labels::{Labels, of};

fn number(pairs: &[(&str, &str)], value: f64) -> Item {
    Item::number(of(pairs), Some(value))
}

fn series(pairs: &[(&str, &str)], points: &[(i64, f64)]) -> Item {
    Item {
        labels: of(pairs),
        value: Value::Series(points.iter().map(|(at, value)| (*at, Some(*value))).collect()),
    }
}

fn frames(all: Vec<(&str, Vec<Item>)>) -> BTreeMap<String, Vec<Item>> {
    all.into_iter().map(|(name, items)| (name.to_owned(), items)).collect()
}

fn computed(text: &str, frames: &BTreeMap<String, Vec<Item>>) -> Vec<Item> {
    Math::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).evaluate(frames).unwrap()
}

fn shown(text: &str) -> String {
    let frames = frames(vec![("A", vec![number(&[], 5.0)]), ("my var", vec![number(&[], 7.0)])]);
    match &computed(text, &frames)[0].value {
        Value::Number(value) => value.map_or("null".to_owned(), |value| value.to_string()),
        Value::Series(_) => unreachable!(),
    }
}

#[test]
fn the_grammar() {
    for (text, value) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 2 - 3", "5"),
        ("7 % 4", "3"),
        ("2 ** 3", "8"),
        ("2 * 3 ** 2", "18"),
        ("-2 ** 2", "4"),
        ("-0.8e-2", "-0.008"),
        ("072", "58"),
        ("0x2A", "42"),
        ("2.24", "2.24"),
        (".5", "0.5"),
        ("1 < 2", "1"),
        ("1 > 2", "0"),
        ("2 >= 2 && 1 <= 0", "0"),
        ("0 || 3", "1"),
        ("1 == 1", "1"),
        ("1 != 1", "0"),
        ("!0", "1"),
        ("!5", "0"),
        ("!!5", "1"),
        ("- -5", "5"),
        ("$A * 2", "10"),
        ("${my var} + ${A}", "12"),
        ("$A > 3 && $A < 7", "1"),
        ("1 + 1 == 2 || 0", "1"),
        ("1 / 0", "inf"),
        ("abs(-1)", "1"),
        ("log(-1)", "NaN"),
        ("log(1)", "0"),
        ("round(3.123)", "3"),
        ("round(2.5)", "3"),
        ("ceil(3.123)", "4"),
        ("floor(3.9)", "3"),
        ("is_nan(nan())", "1"),
        ("is_nan(1)", "0"),
        ("is_inf(inf())", "1"),
        ("is_inf(infn())", "1"),
        ("is_null(null())", "1"),
        ("is_null(0)", "0"),
        ("is_number(1)", "1"),
        ("is_number(null())", "0"),
        ("is_number(nan())", "0"),
        ("is_number(inf())", "0"),
        ("infn()", "-inf"),
        ("null() + 1", "null"),
        ("!null()", "null"),
        ("nan() == nan()", "NaN"),
        ("nan() || 1", "NaN"),
        ("1 || nan()", "1"),
        ("0 && nan()", "0"),
        ("abs( $A - 8 )", "3"),
    ] {
        assert_eq!(shown(text), value, "{text}");
    }
}

#[test]
fn what_is_no_formula_is_said() {
    for text in [
        "", "1 +", "(1", "1)", "$", "${A", "foo(1)", "abs", "1 2", "$A $B", "a", "09", "0x",
        "1..2", "&& 1", "1 & 2", "abs()", "\"a\"", "é",
    ] {
        assert!(Math::parse(text).is_err(), "{text}");
    }
    assert!(Math::parse(&"(".repeat(100_000)).is_err());
    assert!(Math::parse(&"-".repeat(10_000)).is_err());
    assert!(Math::parse(&format!("1{}", "+1".repeat(5_000))).is_err());
    assert!(Math::parse("$B").unwrap().evaluate(&BTreeMap::new()).is_err());
}

/// Each rule of the union, in the order of the page.
#[test]
fn items_join_by_their_labels() {
    let none: &[(&str, &str)] = &[];
    type Pairs<'a> = &'a [&'a [(&'a str, &'a str)]];
    let cases: [(&str, Pairs<'_>, Pairs<'_>, Pairs<'_>); 7] = [
        (
            "no labels join anything",
            &[none],
            &[&[("h", "a")], &[("h", "b")]],
            &[&[("h", "a")], &[("h", "b")]],
        ),
        ("one each, they join", &[&[("h", "a")]], &[&[("d", "x")]], &[&[("h", "a")]]),
        (
            "exact labels join",
            &[&[("h", "a")], &[("h", "b")]],
            &[&[("h", "b")], &[("h", "a")]],
            &[&[("h", "a")], &[("h", "b")]],
        ),
        (
            "a subset joins",
            &[&[("h", "a"), ("dc", "MIA")], &[("h", "b"), ("dc", "MIA")]],
            &[&[("h", "a")], &[("h", "b")]],
            &[&[("dc", "MIA"), ("h", "a")], &[("dc", "MIA"), ("h", "b")]],
        ),
        (
            "the other way round",
            &[&[("h", "a")], &[("h", "c")]],
            &[&[("h", "a"), ("dc", "MIA")], &[("h", "z")]],
            &[&[("dc", "MIA"), ("h", "a")]],
        ),
        ("strangers do not", &[&[("h", "a")], &[("h", "b")]], &[&[("h", "c")], &[("h", "d")]], &[]),
        ("of nothing comes nothing", &[], &[&[("h", "a")]], &[]),
    ];
    for (why, left, right, joint) in cases {
        let items = |all: Pairs<'_>| all.iter().map(|pairs| number(pairs, 2.0)).collect();
        let found = computed("$A * $B", &frames(vec![("A", items(left)), ("B", items(right))]));
        let labels: Vec<Labels> = found.iter().map(|item| item.labels.clone()).collect();
        assert_eq!(labels, joint.iter().map(|pairs| of(pairs)).collect::<Vec<_>>(), "{why}");
        assert!(found.iter().all(|item| item.value == Value::Number(Some(4.0))));
    }
}

#[test]
fn ten_thousand_join_ten_thousand() {
    // By pairs it would be a hundred million comparisons of maps: minutes in a debug build.
    let many = |factor: f64| -> Vec<Item> {
        (0..10_000).map(|n| number(&[("host", &n.to_string())], f64::from(n) * factor)).collect()
    };
    let mut other = many(2.0);
    other.reverse();
    let found = computed("$A + $B", &frames(vec![("A", many(1.0)), ("B", other)]));
    assert_eq!(found.len(), 10_000);
    assert_eq!(found[7], number(&[("host", "7")], 21.0));
}

#[test]
fn series_and_numbers() {
    let frames = frames(vec![
        ("A", vec![series(&[], &[(1, 1.0), (2, 2.0), (3, 3.0)])]),
        ("B", vec![series(&[], &[(2, 10.0), (3, 20.0), (4, 30.0)])]),
        ("N", vec![number(&[], 5.0)]),
    ]);
    for (text, points) in [
        ("$A + $N", vec![(1, 6.0), (2, 7.0), (3, 8.0)]),
        ("$N - $A", vec![(1, 4.0), (2, 3.0), (3, 2.0)]),
        ("$A + $B", vec![(2, 12.0), (3, 23.0)]),
        ("abs(0 - $A)", vec![(1, 1.0), (2, 2.0), (3, 3.0)]),
        ("$A > 1", vec![(1, 0.0), (2, 1.0), (3, 1.0)]),
        ("-$A", vec![(1, -1.0), (2, -2.0), (3, -3.0)]),
    ] {
        assert_eq!(computed(text, &frames), [series(&[], &points)], "{text}");
    }
}

#[test]
fn a_union_is_bounded() {
    let many = |key: &str| {
        (0..200)
            .map(|n| Item::number(of(&[(key, &n.to_string()), ("x", "y")]), Some(1.0)))
            .collect::<Vec<_>>()
    };
    let mut left = many("a");
    left.extend((0..200).map(|_| Item::number(Labels::new(), Some(1.0))));
    let frames = frames(vec![("A", left), ("B", many("b"))]);
    assert!(Math::parse("$A + $B").unwrap().evaluate(&frames).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_read_without_a_panic(text in "[0-9a-z$ {}()+*/%<>=!&|.eé_-]{0,80}") {
        if let Ok(math) = Math::parse(&text) {
            let _ = math.evaluate(&frames(vec![("A", vec![number(&[], 1.0)])]));
        }
    }
}
