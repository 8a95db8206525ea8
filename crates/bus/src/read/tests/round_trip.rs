//! Rows of any content, written as Connect's converters write them and read back.

use super::*;
use crate::read::fuzzing::speed::long;
use proptest::prelude::*;

/// What a row has of each carrier.
#[derive(Clone, Debug)]
struct Content {
    id: i64,
    truth: Option<bool>,
    small: i16,
    text: Option<String>,
    double: f64,
    bytes: Vec<u8>,
    decimal: i64,
    us: i64,
    list: Vec<Option<String>>,
}

prop_compose! {
    fn content()(
        (id, truth, small) in any::<(i64, Option<bool>, i16)>(),
        text in any::<Option<String>>(),
        double in any::<f64>().prop_filter("JSON has no word for it", |number| number.is_finite()),
        bytes in any::<Vec<u8>>(),
        decimal in -999_999_999_999_999i64..1_000_000_000_000_000,
        us in -2_000_000_000_000_000i64..10_000_000_000_000_000,
        list in proptest::collection::vec(any::<Option<String>>(), 0..4),
    ) -> Content {
        Content { id, truth, small, text, double, bytes, decimal, us, list }
    }
}

/// Placeholders are no content.
fn json(content: &Content) -> String {
    let amount = STANDARD.encode(content.decimal.to_be_bytes());
    let row = serde_json::json!({
        "id": content.id, "truth": content.truth, "small": content.small, "text": content.text,
        "double": content.double, "bytes": STANDARD.encode(&content.bytes), "decimal": amount,
        "us": content.us, "list": content.list,
    });
    let field =
        |name: &str, kind: &str| format!(r#"{{"type":"{kind}","optional":true,"field":"{name}"}}"#);
    let named = |name: &str, kind: &str, of: &str| {
        format!(
            r#"{{"type":"{kind}","optional":true,"name":"{of}","field":"{name}","parameters":{{"scale":"2","connect.decimal.precision":"20"}}}}"#
        )
    };
    let fields = [
        field("id", "int64"),
        field("truth", "boolean"),
        field("small", "int16"),
        field("text", "string"),
        field("double", "double"),
        field("bytes", "bytes"),
        named("decimal", "bytes", "org.apache.kafka.connect.data.Decimal"),
        named("us", "int64", "io.debezium.time.MicroTimestamp"),
        r#"{"type":"array","optional":true,"field":"list","items":{"type":"string","optional":true}}"#.into(),
    ]
    .join(",");
    let schema = format!(
        r#"{{"type":"struct","fields":[{{"type":"struct","field":"after","fields":[{fields}]}},{{"type":"string","field":"op"}}]}}"#
    );
    let payload = super::traps::event("c", "null", &row.to_string());
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

const SCHEMA: &str = r#"{"type":"record","name":"Envelope","fields":[
    {"name":"op","type":"string"},
    {"name":"after","type":["null",{"type":"record","name":"Value","fields":[
        {"name":"id","type":"long"},
        {"name":"truth","type":["null","boolean"]},
        {"name":"small","type":{"type":"int","connect.type":"int16"}},
        {"name":"text","type":["string","null"]},
        {"name":"double","type":"double"},
        {"name":"bytes","type":"bytes"},
        {"name":"decimal","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
        {"name":"us","type":{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}},
        {"name":"list","type":{"type":"array","items":["null","string"]}}]}]},
    {"name":"source","type":{"type":"record","name":"Source","fields":[
        {"name":"schema","type":"string"},{"name":"table","type":"string"}]}}]}"#;

fn text(text: &[u8], out: &mut Vec<u8>) {
    long(text.len() as i64, out);
    out.extend_from_slice(text);
}

fn binary(content: &Content) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 99];
    text(b"c", &mut out);
    long(1, &mut out);
    long(content.id, &mut out);
    match content.truth {
        None => long(0, &mut out),
        Some(truth) => out.extend_from_slice(&[2, u8::from(truth)]),
    }
    long(i64::from(content.small), &mut out);
    match &content.text {
        None => long(1, &mut out),
        Some(value) => {
            long(0, &mut out);
            text(value.as_bytes(), &mut out);
        }
    }
    out.extend_from_slice(&content.double.to_le_bytes());
    text(&content.bytes, &mut out);
    text(&content.decimal.to_be_bytes(), &mut out);
    long(content.us, &mut out);
    // One block an element, each with its size.
    for element in &content.list {
        long(-1, &mut out);
        let mut body = Vec::new();
        match element {
            None => long(0, &mut body),
            Some(value) => {
                long(1, &mut body);
                text(value.as_bytes(), &mut body);
            }
        }
        long(body.len() as i64, &mut out);
        out.extend_from_slice(&body);
    }
    long(0, &mut out);
    text(b"public", &mut out);
    text(b"t", &mut out);
    out
}

fn row_of(reader: &mut Reader, value: Vec<u8>) -> Json {
    let message = Owned { topic: "t".into(), value: Some(value), ..Owned::default() };
    let read = reader.read(&message.message()).unwrap();
    let Read::Change(change) = read else { panic!("{read:?}") };
    let told = rows_of(&change);
    serde_json::from_str(told.strip_prefix("Insert ").unwrap_or_else(|| panic!("{told}"))).unwrap()
}

proptest! {
    /// Both formats are the same row, and the row is what was written.
    #[test]
    fn json_and_avro_say_the_same(content in content()) {
        let row = row_of(&mut reader(Format::DebeziumJson), json(&content).into_bytes());
        let (mut reader, _) = avro();
        reader.registry.as_mut().unwrap().insert(99, SCHEMA, &mut reader.next);
        prop_assert_eq!(&row, &row_of(&mut reader, binary(&content)));
        prop_assert_eq!(&row["id"], &Json::from(content.id.to_string()));
        prop_assert_eq!(&row["text"], &Json::from(content.text.clone()));
        let size = content.decimal.unsigned_abs();
        let sign = if content.decimal < 0 { "-" } else { "" };
        prop_assert_eq!(&row["decimal"], &Json::from(format!("{sign}{}.{:02}", size / 100, size % 100)));
        let hex: String = content.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(&row["bytes"], &Json::from(format!("\\x{hex}")));
        prop_assert_eq!(row["double"].as_str().unwrap().parse::<f64>().unwrap(), content.double);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>(), text in r#"[ {}\[\]:,"a-z0-9\\.]{0,64}"#) {
        fuzzing::json(&bytes);
        fuzzing::json(text.as_bytes());
        fuzzing::avro(&bytes);
        fuzzing::schema(text.as_bytes());
    }

    /// Samples with a few bytes changed get further than noise.
    #[test]
    fn samples_with_errors_are_survived(
        at in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
    ) {
        let (_, messages) = avro();
        let spoil = |value: &Option<Vec<u8>>| {
            let mut bytes = value.clone().unwrap_or_default();
            for (place, byte) in &changes {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = *byte;
                }
            }
            bytes
        };
        let avro = spoil(&messages[at.index(messages.len())].value);
        fuzzing::avro(avro.get(4..).unwrap_or_default());
        let samples = samples();
        fuzzing::json(&spoil(&samples[at.index(samples.len())].value));
    }
}
