//! Tables that change while their messages are read.

use super::traps::{all, event};
use super::*;
use std::sync::Arc;

const KEY: &str = r#"{"id":1}"#;

fn row(row: &str) -> (&'static str, String) {
    (KEY, event("c", "null", &format!("{{\"id\":1{row}}}")))
}

fn arc(reader: &Reader) -> Arc<Table> {
    reader.tables().next().unwrap().clone()
}

#[test]
fn values_tell_the_types_where_nothing_else_does() {
    let mut reader = reader(Format::DebeziumJson);
    let told = all(
        &mut reader,
        &[
            row(r#","b":true,"i":1,"f":0.5,"s":"x","o":{"a":1},"l":[1],"none":null"#),
            row(r#","i":9223372036854775807"#),
            row(r#","big":9223372036854775808,"none":1,"exact":3.14159265358979323846"#),
            row(r#","f":9007199254740993"#),
            row(r#","b":"x","i":"y""#),
        ],
    );
    assert_eq!(
        told[1],
        r#"public.t Insert {"id":"1","b":null,"i":"9223372036854775807","f":null,"s":null,"o":null,"l":null}"#
    );
    assert_eq!(
        shape_of(&arc(&reader)),
        "(id) id bigint!, b boolean, i bigint, f double precision, s text, o jsonb, l jsonb, \
         big numeric, none bigint, exact numeric"
    );
    assert!(
        told[3].contains("f: the column is double precision, and a decimal number came"),
        "{}",
        told[3]
    );
    assert!(told[4].contains("refused") && told[4].contains(" b: "), "{}", told[4]);
}

/// A double would bend whole numbers beyond 2^53.
#[test]
fn a_whole_number_that_gets_a_fraction_becomes_numeric() {
    let mut reader = reader(Format::DebeziumJson);
    all(&mut reader, &[row(r#","n":9007199254740993"#)]);
    let before = arc(&reader);
    let told = all(&mut reader, &[row(r#","n":0.5"#), row(r#","n":9007199254740993"#)]);
    assert!(!Arc::ptr_eq(&before, &arc(&reader)));
    assert_eq!(shape_of(&arc(&reader)), "(id) id bigint!, n numeric");
    assert!(
        told[0].contains("\"n\":\"0.5000") && told[1].contains("9007199254740993."),
        "{told:?}"
    );
}

#[test]
fn the_shape_is_the_same_arc_until_it_changes() {
    let mut reader = reader(Format::DebeziumJson);
    all(&mut reader, &[row(r#","a":1"#)]);
    let first = arc(&reader);
    all(&mut reader, &[row(r#","a":2"#), row(r#","a":null"#), row("")]);
    assert!(Arc::ptr_eq(&first, &arc(&reader)));
    all(&mut reader, &[row(r#","b":1"#)]);
    let second = arc(&reader);
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!((second.columns[2].attnum, second.id), (3, first.id));
    // Fields in another order are the same columns.
    let told = all(&mut reader, &[(KEY, event("c", "null", r#"{"b":3,"id":1,"a":2}"#))]);
    assert_eq!(told[0], r#"public.t Insert {"id":"1","a":"2","b":"3"}"#);
    assert!(Arc::ptr_eq(&second, &arc(&reader)));
}

#[test]
fn tables_that_are_handed_back_go_on_as_they_were() {
    let mut first = reader(Format::DebeziumJson);
    all(&mut first, &[row(r#","a":1"#)]);
    let known: Vec<Table> = first.tables().map(|table| Table::clone(table)).collect();
    let mut second = Reader::new(ReaderOptions::new(Format::DebeziumJson), known.clone()).unwrap();
    // A delete that only a tombstone tells, before any other message.
    let told_of = told(&mut second, &Owned::new("shop.public.t", KEY, ""));
    assert_eq!(told_of, r#"public.t tombstone Delete {"id":"1","a":"0"}"#);
    assert_eq!(*arc(&second), known[0]);
    let other = event("c", "null", r#"{"id":1}"#).replace("\"t\"", "\"u\"");
    all(&mut second, &[(KEY, other)]);
    assert_eq!(second.tables().last().unwrap().id.0, 2);
}

fn connect(fields: &[&str], payload: &str) -> String {
    let of_row = fields.join(",");
    let row = |name: &str| {
        format!(r#"{{"type":"struct","optional":true,"field":"{name}","fields":[{of_row}]}}"#)
    };
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{},{},{{"type":"string","field":"op"}}]}},"payload":{}}}"#,
        row("before"),
        row("after"),
        event("c", "null", payload)
    )
}

const ID: &str = r#"{"type":"int32","optional":false,"field":"id"}"#;

fn decimal(precision: u8, scale: u8) -> String {
    format!(
        r#"{{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}","connect.decimal.precision":"{precision}"}},"field":"n"}}"#
    )
}

#[test]
fn a_schema_changes_in_the_middle_of_a_batch() {
    let mut reader = reader(Format::DebeziumJson);
    let int = r#"{"type":"int32","optional":false,"field":"i"}"#;
    let long = int.replace("int32", "int64");
    let text = r#"{"type":"string","optional":true,"field":"i"}"#;
    let n2 = decimal(10, 2);
    let n4 = decimal(14, 4);
    let message = |fields: &[&str], payload: &str| (KEY, connect(fields, payload));
    let narrow = message(&[ID, int, &n2], r#"{"id":1,"i":7,"n":"ARZC"}"#);
    let told = all(&mut reader, std::slice::from_ref(&narrow));
    assert_eq!(told[0], r#"public.t Insert {"id":"1","i":"7","n":"712.34"}"#);
    assert_eq!(shape_of(&arc(&reader)), "(id) id integer!, i integer!, n numeric(10,2)");
    let told = all(
        &mut reader,
        &[
            message(&[ID, &long, &n4], r#"{"id":1,"i":8589934592,"n":"ARZC"}"#),
            narrow.clone(),
            message(&[ID, text, &n4], r#"{"id":1,"i":"12","n":null}"#),
            message(&[ID, text, &n4], r#"{"id":1,"i":"twelve","n":null}"#),
            message(&[ID], r#"{"id":1}"#),
            narrow,
        ],
    );
    assert_eq!(shape_of(&arc(&reader)), "(id) id integer!, i bigint, n numeric(14,4)");
    assert_eq!(told[0], r#"public.t Insert {"id":"1","i":"8589934592","n":"7.1234"}"#);
    assert_eq!(told[1], r#"public.t Insert {"id":"1","i":"7","n":"712.3400"}"#);
    assert_eq!(told[2], r#"public.t Insert {"id":"1","i":"12","n":null}"#);
    assert!(told[3].contains("i: the column is bigint, and text came"), "{}", told[3]);
    assert_eq!(told[4], r#"public.t Insert {"id":"1","i":null,"n":null}"#);
    assert_eq!(told[5], told[1]);
}

#[test]
fn what_was_declared_is_what_columns_are() {
    let mut reader = reader(Format::DebeziumJson);
    let error = {
        let table = model::TableName::new("public", "t");
        let columns = [("n".to_owned(), "number".to_owned())].into();
        let declared = [(table, columns)].into();
        let options = ReaderOptions { declared, ..ReaderOptions::new(Format::DebeziumJson) };
        Reader::new(options, Vec::new()).err().unwrap()
    };
    assert_eq!(error.fate(), model::Fate::Definite);
    assert!(error.report().contains("column n of public.t"), "{}", error.report());
    // Objects whose keys are values would become columns without end.
    let wide: String = (0..2000).map(|at| format!(",\"k{at}\":1")).collect();
    let told = all(&mut reader, &[row(&wide), row("")]);
    assert!(told[0].contains("it has 1600 columns already"), "{}", told[0]);
    assert!(told[1].starts_with("public.t Insert"), "{}", told[1]);
}
