//! Values against what a real Debezium 3.7.0 made of them (`samples/`).

use super::super::known::Known;
use super::super::options::{DecimalMode, Forms, IntervalMode, TimeMode};
use super::super::samples;
use super::super::types::Type;
use super::*;
use model::{Column, PgType, Printed, TableId};
use serde_json::Value;

/// What a column of `kinds` is in JSON, from the text that Postgres prints.
fn written(column: &Column, text: Option<&str>, forms: Forms) -> Value {
    let ty = Type::of(TableId(1), column, forms, &samples::known());
    let field = text.map_or(Field::Null, |text| Field::Text(text.as_bytes()));
    let mut out = Json::default();
    write(&ty, field, &mut out);
    serde_json::from_slice(&out.into_bytes()).unwrap()
}

/// Where Debezium loses what we send.
fn is_ours(column: &str) -> bool {
    matches!(column, "grid" | "nm")
}

fn compare(sample: usize, forms: Forms, change: impl Fn(&str, &Value, &Value) -> bool) {
    let sample = samples::json(sample);
    for (column, text) in samples::kinds() {
        let expected = &sample["value"]["after"][&column.name];
        let written = written(&column, Some(text), forms);
        let is_same = written == *expected || change(&column.name, &written, expected);
        assert!(is_same, "{}: {written} is not {expected}", column.name);
    }
}

#[test]
fn each_type_is_as_debezium_writes_it() {
    compare(14, Forms::default(), |name, written, _| match name {
        "grid" => *written == serde_json::json!([[1, 2], [3, 4]]),
        "nm" => written == "nm",
        _ => false,
    });
}

#[test]
fn decimals_as_text_and_times_as_iso() {
    let forms = Forms {
        decimal: DecimalMode::String,
        time: TimeMode::Isostring,
        interval: IntervalMode::String,
    };
    // hstore was sent as a map there.
    compare(53, forms, |name, _, _| is_ours(name) || name == "hs");
}

#[test]
fn decimals_as_doubles_and_times_as_connect_has_them() {
    let forms = Forms { decimal: DecimalMode::Double, time: TimeMode::Connect, ..Forms::default() };
    // bytea was sent as hex there.
    compare(61, forms, |name, _, _| is_ours(name) || name == "by");
}

#[test]
fn what_has_no_end_or_is_no_number_is_as_debezium_has_it() {
    let text = |name: &str, text: &'static str| (name.to_owned(), text);
    let [plain, iso, connect] = [
        Forms::default(),
        Forms { decimal: DecimalMode::String, time: TimeMode::Isostring, ..Forms::default() },
        Forms { decimal: DecimalMode::Double, time: TimeMode::Connect, ..Forms::default() },
    ];
    let third = [
        text("f8", "NaN"),
        text("num_free", "NaN"),
        text("ts", "infinity"),
        text("tstz", "-infinity"),
    ];
    let thirteenth = [
        text("f8", "Infinity"),
        text("num_free", "NaN"),
        text("ts", "-infinity"),
        text("tstz", "infinity"),
    ];
    let cases =
        [(13, plain, &third), (16, plain, &thirteenth), (54, iso, &third), (62, connect, &third)];
    let kinds = samples::kinds();
    for (sample, forms, values) in cases {
        let sample_json = samples::json(sample);
        for (name, text) in values {
            // A timestamp's year 292,278,994 in place of a word.
            if sample == 54 && name == "ts" {
                continue;
            }
            let (column, _) = kinds.iter().find(|(column, _)| column.name == *name).unwrap();
            let expected = &sample_json["value"]["after"][name];
            assert_eq!(written(column, Some(text), forms), *expected, "{sample} {name}");
        }
    }
    let column = |pg| Column::new("c", pg);
    let date = column(PgType::Date);
    assert_eq!(written(&date, Some("infinity"), plain), i32::MAX);
    assert_eq!(written(&date, Some("-infinity"), iso), "-infinity");
}

#[test]
fn what_is_lost_is_counted_and_nothing_is_made_up_for_it() {
    let column = Column { not_null: true, ..Column::new("n", PgType::Numeric(Some((4, 2)))) };
    let ty = Type::of(TableId(1), &column, Forms::default(), &Known::default());
    let mut json = Json::default();
    assert_eq!(write(&ty, Field::Text(b"NaN"), &mut json), 1);
    assert_eq!(json.into_bytes(), b"null");
    let mut avro = out::Avro::default();
    assert_eq!(write(&ty, Field::Text(b"NaN"), &mut avro), 1);
    assert_eq!(avro.into_bytes(), [2, 0]);
}

#[test]
fn unchanged_values_are_marked_as_debezium_marks_them() {
    let array = |pg| PgType::Array(Box::new(pg), 1);
    let unchanged = |pg| {
        let ty = Type::of(TableId(1), &Column::new("c", pg), Forms::default(), &Known::default());
        let mut out = Json::default();
        let lost = write(&ty, Field::Unchanged, &mut out);
        let value: Value = serde_json::from_slice(&out.into_bytes()).unwrap();
        (lost, value)
    };
    let mark = "__debezium_unavailable_value";
    assert_eq!(unchanged(PgType::Text), (0, mark.into()));
    assert_eq!(unchanged(PgType::Jsonb), (0, mark.into()));
    assert_eq!(unchanged(array(PgType::Text)), (0, serde_json::json!([mark])));
    let letters: Vec<u8> = mark.bytes().collect();
    assert_eq!(unchanged(array(PgType::Int4)), (0, serde_json::json!(letters)));
    assert_eq!(unchanged(PgType::Numeric(None)), (1, Value::Null));
}

#[test]
fn values_that_are_not_there_are_invented_only_where_they_must_be() {
    for (column, _) in samples::kinds() {
        let name = column.name.clone();
        assert_eq!(written(&column, None, Forms::default()), Value::Null, "{name}");
        let column = Column { not_null: true, ..column };
        assert_ne!(written(&column, None, Forms::default()), Value::Null, "{name}");
    }
}

/// A geometry with the number of its system, and one without.
#[test]
fn shapes_are_what_postgis_sends() {
    let pg = PgType::Printed(Printed::Ewkb);
    let column = Column { type_name: "geometry(Point,4326)".into(), ..Column::new("g", pg) };
    let value = written(
        &column,
        Some("0101000020E6100000000000000000F03F0000000000000040"),
        Forms::default(),
    );
    assert_eq!(value["srid"], 4326);
    assert_eq!(value["wkb"], "AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==");
    let value =
        written(&column, Some("0101000000000000000000F03F0000000000000040"), Forms::default());
    assert_eq!(value["srid"], Value::Null);
    let vector = Column::new("v", PgType::Vector);
    let value = written(&vector, Some("[0.1,-2]"), Forms::default());
    assert_eq!(value, serde_json::json!([0.1, -2.0]));
}

fn any_type() -> impl proptest::strategy::Strategy<Value = Column> + use<> {
    proptest::sample::select(samples::kinds()).prop_map(|(column, _)| column)
}

use proptest::strategy::Strategy as _;

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_value_or_lost(
        column in any_type(),
        bytes: Vec<u8>,
        text in "[-+{}\\[\\],.:\"\\\\ 0-9a-zNULinf()=>$%]{0,24}",
        not_null: bool,
    ) {
        let column = Column { not_null, ..column };
        let ty = Type::of(TableId(1), &column, Forms::default(), &Known::default());
        for field in
            [Field::Binary(&bytes), Field::Text(&bytes), Field::Text(text.as_bytes()), Field::Unchanged]
        {
            let mut json = Json::default();
            write(&ty, field, &mut json);
            let json = json.into_bytes();
            proptest::prop_assert!(serde_json::from_slice::<Value>(&json).is_ok(), "{:?}", json);
            write(&ty, field, &mut out::Avro::default());
        }
    }
}
