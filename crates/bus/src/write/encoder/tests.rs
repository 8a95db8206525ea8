//! Scripted transactions against what a real Debezium 3.7.0 made of the same (`samples/`).

use super::super::encoded::Part;
use super::super::options::DecimalMode;
use super::super::samples::{
    self, DOCS, FULLS, KINDS, NOKEY, ORDERS, PAIRS, kinds_table, orders, small_tables,
};
use super::super::snapshot::Place;
use super::*;
use crate::registry::RegistryOptions;
use proptest::prelude::*;
use serde_json::{Value, json};
use source::decode::tuple::Tuple;
use std::cell::Cell;

thread_local! {
    static NOW_NS: Cell<i64> = const { Cell::new(0) };
}

fn frozen() -> i64 {
    NOW_NS.get()
}

fn encoder(prefix: &str, format: Format) -> Encoder {
    let options = SinkOptions {
        format,
        messages: true,
        transaction_metadata: true,
        ..SinkOptions::new("localhost:9092", prefix)
    };
    let mut encoder = Encoder::new(options, Origin { database: "shop".into() });
    encoder.clock = frozen;
    encoder
}

fn json_encoder(prefix: &str, with_schemas: bool) -> Encoder {
    encoder(prefix, Format::Json { with_schemas })
}

fn tuple(values: &[Option<&str>]) -> Vec<u8> {
    let mut tuple = Tuple::default();
    tuple.begin(values.len());
    for value in values {
        match value {
            None => tuple.null(),
            Some("(unchanged)") => tuple.unchanged(),
            Some(text) => tuple.text(text.as_bytes()),
        }
    }
    tuple.bytes().to_vec()
}

fn begin(xid: u32, first: u64, commit_us: i64) -> Begin {
    Begin { first: Lsn(first), commit: Lsn(first + 1), commit_us, xid }
}

/// A message as samples have it, without what is of the moment and of who made it.
fn shown(message: super::super::Message<'_>) -> Value {
    let parse = |part: Option<Part<'_>>| {
        let value = |part: Part<'_>| serde_json::from_slice(part.joined(&mut Vec::new()));
        part.map_or(Value::Null, |part| value(part).unwrap())
    };
    let header = message
        .other_key
        .map(|(name, key)| json!({"key": name.name(), "value": std::str::from_utf8(key).unwrap()}));
    let (key, value) = (parse(message.key), parse(message.value));
    timeless(json!({"topic": message.topic, "key": key, "value": value, "header": header}))
}

/// A sample likewise.
fn sample(number: usize) -> Value {
    let sample = samples::json(number);
    let headers = sample["headers"].as_array().unwrap();
    let header = headers.iter().find(|header| {
        header["key"].as_str().is_some_and(|key| !key.starts_with("__debezium.context."))
    });
    let (topic, key, value) = (&sample["topic"], &sample["key"], &sample["value"]);
    timeless(json!({"topic": topic, "key": key, "value": value, "header": header}))
}

fn timeless(mut message: Value) -> Value {
    let has_payload = !message["value"]["payload"].is_null();
    let value = if has_payload { &mut message["value"]["payload"] } else { &mut message["value"] };
    // Of a transaction it is the commit's.
    if value["op"].is_string() {
        for name in ["ts_ms", "ts_us", "ts_ns"] {
            value.as_object_mut().unwrap().remove(name);
        }
    }
    if value["source"].is_object() {
        value["source"]["version"] = "any".into();
    }
    message
}

/// The transactions of the samples, as Postgres sent them.
fn script(encoder: &mut Encoder) {
    let text = Field::Text;
    fn old<'a>(is_whole: bool, fields: &'a [Field<'a>]) -> OldRow<'a> {
        OldRow { is_whole, fields }
    }
    let ann = "2026-01-02 03:04:05.678901+00";
    let dan = "2026-11-23 06:45:46.581827+00";
    let cid = "2026-11-23 10:00:00.000001+00";
    encoder.begin(begin(764, 27260624, 1795416346580174));
    let row = tuple(&[Some("3"), Some("cid"), Some("99999999.99"), Some("f"), Some(cid)]);
    encoder.insert(ORDERS, &row, Lsn(27260624)).unwrap();
    encoder.commit(Lsn(27260824));

    encoder.begin(begin(765, 27260824, 1795416346581299));
    let row = tuple(&[Some("1"), Some("ann"), Some("12.30"), Some("t"), Some(ann)]);
    encoder.update(ORDERS, None, &row, Lsn(27260824)).unwrap();
    encoder.commit(Lsn(27260976));

    encoder.begin(begin(766, 27260976, 1795416346581624));
    let key = [text(b"2"), Field::Null, Field::Null, Field::Null, Field::Null];
    encoder.delete(ORDERS, old(false, &key), Lsn(27260976)).unwrap();
    encoder.commit(Lsn(27261096));

    encoder.begin(begin(767, 27261096, 1795416346582031));
    let row = tuple(&[Some("4"), Some("dan"), Some("1.00"), Some("f"), Some(dan)]);
    encoder.insert(ORDERS, &row, Lsn(27261096)).unwrap();
    let row = tuple(&[Some("4"), Some("dan"), Some("2.00"), Some("f"), Some(dan)]);
    encoder.update(ORDERS, None, &row, Lsn(27261248)).unwrap();
    encoder.commit(Lsn(27261400));

    encoder.commit(Lsn(27265136));
    encoder.begin(begin(769, 27265192, 1795416346583097));
    let tags = Some("{xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}");
    let row = tuple(&[Some("1"), Some("t2"), Some("(unchanged)"), tags]);
    encoder.update(DOCS, None, &row, Lsn(27265192)).unwrap();
    encoder.commit(Lsn(27265392));

    encoder.begin(begin(770, 27265392, 1795416346583389));
    let key = [text(b"1"), Field::Null, Field::Null, Field::Null];
    encoder.delete(DOCS, old(false, &key), Lsn(27265392)).unwrap();
    encoder.commit(Lsn(27265616));

    encoder.commit(Lsn(27265896));
    encoder.begin(begin(772, 27265896, 1795416346584012));
    let key = [text(b"1"), text(b"a"), Field::Null];
    let row = tuple(&[Some("1"), Some("b"), Some("10")]);
    encoder.update(PAIRS, Some(old(false, &key)), &row, Lsn(27265896)).unwrap();
    encoder.commit(Lsn(27266104));

    encoder.begin(begin(773, 27266104, 1795416346584321));
    encoder.insert(FULLS, &tuple(&[Some("1"), Some("one")]), Lsn(27266104)).unwrap();
    encoder.commit(Lsn(27266376));
    encoder.begin(begin(774, 27266376, 1795416346584570));
    let before = [text(b"1"), text(b"one")];
    let row = tuple(&[Some("1"), Some("two")]);
    encoder.update(FULLS, Some(old(true, &before)), &row, Lsn(27266376)).unwrap();
    encoder.commit(Lsn(27266512));
    encoder.begin(begin(775, 27266512, 1795416346584756));
    encoder.delete(FULLS, old(true, &[text(b"1"), text(b"two")]), Lsn(27266512)).unwrap();
    encoder.commit(Lsn(27266632));

    encoder.begin(begin(776, 27266632, 1795416346585001));
    encoder.insert(NOKEY, &tuple(&[Some("x"), Some("1")]), Lsn(27266632)).unwrap();
    encoder.commit(Lsn(27266744));
    encoder.begin(begin(777, 27266744, 1795416346585225));
    let (before, row) = ([text(b"x"), text(b"1")], tuple(&[Some("x"), Some("2")]));
    encoder.update(NOKEY, Some(old(true, &before)), &row, Lsn(27266744)).unwrap();
    encoder.commit(Lsn(27266880));
    encoder.begin(begin(778, 27266880, 1795416346585408));
    encoder.delete(NOKEY, old(true, &[text(b"x"), text(b"2")]), Lsn(27266880)).unwrap();
    encoder.commit(Lsn(27268384));

    let message = |prefix, content, lsn, is_transactional| LogicalMessage {
        prefix,
        content,
        lsn: Lsn(lsn),
        is_transactional,
    };
    encoder.begin(begin(782, 27268456, 1795416346587708));
    encoder.message(message("demo", b"{\"hello\":1}", 27268456, true));
    encoder.commit(Lsn(27268568));
    encoder.message(message("demo2", b"plain", 27268568, false));

    encoder.commit(Lsn(27305264));
    encoder.begin(begin(797, 27311072, 1795416348597333));
    encoder.truncate(&[ORDERS, TableId(999), PAIRS], Lsn(27311072));
    encoder.commit(Lsn(27311792));
}

fn relations(encoder: &mut Encoder) {
    encoder.relation(&orders(10, 2)).unwrap();
    for table in small_tables() {
        encoder.relation(&table).unwrap();
    }
}

#[test]
fn transactions_are_told_as_debezium_tells_them() {
    let mut encoder = json_encoder("shop", false);
    relations(&mut encoder);
    script(&mut encoder);
    let encoded = encoder.take(Lsn(27311792));
    let written: Vec<Value> = encoded.messages().map(shown).collect();
    let (bounds, rows): (Vec<_>, Vec<_>) =
        written.into_iter().partition(|message| message["topic"] == "shop.transaction");
    let expected =
        [23, 24, 25, 26, 27, 28, 4, 5, 6, 37, 38, 39, 7, 8, 9, 10, 17, 18, 19, 20, 42, 43, 34, 41];
    assert_eq!(rows.len(), expected.len());
    for (row, number) in rows.iter().zip(expected) {
        assert_eq!(*row, sample(number), "{number}");
    }
    for (bound, number) in bounds.iter().zip(44..=51) {
        assert_eq!(*bound, sample(number), "{number}");
    }
    assert_eq!(
        (encoded.lost, encoded.position),
        (0, Position { through: Lsn(27311792), within: None })
    );
}

#[test]
fn members_of_an_event_come_in_debeziums_order() {
    let mut encoder = json_encoder("shop", false);
    relations(&mut encoder);
    NOW_NS.set(1_795_416_346_681_460_330);
    encoder.begin(begin(764, 27260624, 1795416346580174));
    let cid = "2026-11-23 10:00:00.000001+00";
    let row = tuple(&[Some("3"), Some("cid"), Some("99999999.99"), Some("f"), Some(cid)]);
    encoder.insert(ORDERS, &row, Lsn(27260624)).unwrap();
    let encoded = encoder.take(Lsn(0));
    let message = encoded.messages().nth(1).unwrap();
    let expected = samples::json(23)["value"].to_string();
    let expected = expected.replace("3.7.0.Final", super::super::VERSION);
    assert_eq!(std::str::from_utf8(message.value.unwrap().body).unwrap(), expected);
    assert_eq!(message.key.unwrap().body, b"{\"id\":3}");
    assert!(message.has_context);
    let names: Vec<&str> = encoded.context.iter().map(|(name, _)| name.as_str()).collect();
    let samples = samples::json(23);
    let headers = samples["headers"].as_array().unwrap();
    assert!(names.into_iter().eq(headers.iter().map(|header| header["key"].as_str().unwrap())));
    assert_eq!(encoded.context[3].1.len(), headers[3]["value"].as_str().unwrap().len());
}

#[test]
fn with_schemas_every_message_says_what_it_is() {
    let mut encoder = json_encoder("shopschema", true);
    encoder.options.transaction_metadata = false;
    *encoder.known.write().unwrap() = samples::with_defaults(samples::known());
    let (kinds, row) = kinds_table();
    encoder.relation(&kinds).unwrap();
    encoder.relation(&orders(10, 2)).unwrap();
    let taken_us = 1795416303563378;
    let read = |encoder: &mut Encoder, id, row: &[Option<&str>], place| {
        let row = tuple(row);
        let fields = source::decode::tuple::fields(&row).unwrap();
        let snapshot = Snapshot { place, lsn: Lsn(27246392), xid: Some(758), taken_us };
        encoder.read(id, &fields, &snapshot).unwrap();
    };
    read(&mut encoder, KINDS, &row, Place::First);
    let ann = Some("2026-01-02 03:04:05.678901+00");
    let row = [Some("1"), Some("ann"), Some("12.30"), Some("f"), ann];
    read(&mut encoder, ORDERS, &row, Place::FirstOfTable);
    encoder.last_commit = Some(Lsn(27268384));
    encoder.begin(begin(782, 27268456, 1795416346587708));
    NOW_NS.set(1_795_416_346_881_000_000);
    encoder.message(LogicalMessage {
        prefix: "demo",
        content: b"{\"hello\":1}",
        lsn: Lsn(27268456),
        is_transactional: true,
    });
    let encoded = encoder.take(Lsn(0));
    for (message, number) in encoded.messages().zip([69, 70, 83]) {
        assert_eq!(shown(message), sample(number), "{number}");
    }
}

fn avro() -> Format {
    Format::Avro { registry: RegistryOptions::new("http://localhost") }
}

#[test]
fn schemas_of_avro_are_those_that_debezium_registers() {
    let mut encoder = encoder("shopavro", avro());
    *encoder.known.write().unwrap() = samples::with_defaults(samples::known());
    encoder.relation(&kinds_table().0).unwrap();
    encoder.relation(&orders(14, 4)).unwrap();
    let subjects = &encoder.names.subjects;
    assert_eq!(subjects.len(), 4);
    for subject in subjects {
        let schema: Value = serde_json::from_str(&subject.schema).unwrap();
        assert_eq!(schema, samples::schema(&subject.name), "{}", subject.name);
    }
}

/// A sample's bytes, with our version, and when it was made.
fn avro_sample(at: usize) -> (String, Vec<u8>, Option<Vec<u8>>, i64) {
    use base64::Engine;
    let sample = samples::avro().into_iter().filter(|sample| sample["topic"].is_string()).nth(at);
    let sample = sample.unwrap();
    let decode = |value: &Value| {
        let text = value.as_str()?;
        Some(base64::engine::general_purpose::STANDARD.decode(text).unwrap())
    };
    let mut value = decode(&sample["value"]);
    let mut now_ns = 0;
    if let Some(value) = &mut value {
        let last = value.len() - 9;
        for (at, &byte) in value[last..].iter().enumerate() {
            now_ns |= i64::from(byte & 0x7f) << (7 * at);
        }
        now_ns >>= 1;
        let (theirs, ours) = (b"\x163.7.0.Final", super::super::VERSION.as_bytes());
        let place = value.windows(12).position(|part| part == theirs).unwrap();
        let ours = [&[ours.len() as u8 * 2], ours].concat();
        value.splice(place..place + theirs.len(), ours);
    }
    let topic = sample["topic"].as_str().unwrap().to_owned();
    (topic, decode(&sample["key"]).unwrap(), value, now_ns)
}

#[test]
fn messages_in_avro_are_debeziums_byte_by_byte() {
    let mut encoder = encoder("shopavro", avro());
    encoder.options.transaction_metadata = false;
    *encoder.known.write().unwrap() = samples::with_defaults(samples::known());
    let (kinds, row) = kinds_table();
    encoder.relation(&kinds).unwrap();
    encoder.relation(&orders(14, 4)).unwrap();
    let mut written = Vec::new();
    let mut next = |encoder: &mut Encoder| {
        let mut encoded = encoder.take(Lsn(0));
        encoded.set_ids(&[1, 2, 3, 4]);
        for message in encoded.messages() {
            let bytes = |part: Part<'_>| part.joined(&mut Vec::new()).to_vec();
            let (key, value) = (bytes(message.key.unwrap()), message.value.map(bytes));
            written.push((message.topic.to_owned(), key, value));
        }
        // Of the message that comes next.
        NOW_NS.set(match written.len() {
            at if at < 7 => avro_sample(at).3,
            _ => 0,
        });
    };
    next(&mut encoder);
    let read = |encoder: &mut Encoder, id, row: &[Option<&str>], place| {
        let row = tuple(row);
        let fields = source::decode::tuple::fields(&row).unwrap();
        let taken_us = 1795416559013316;
        let snapshot = Snapshot { place, lsn: Lsn(27391096), xid: Some(801), taken_us };
        encoder.read(id, &fields, &snapshot).unwrap();
    };
    read(&mut encoder, KINDS, &row, Place::First);
    next(&mut encoder);
    let mut nothing = vec![None; row.len()];
    nothing[0] = Some("2");
    read(&mut encoder, KINDS, &nothing, Place::Within);
    next(&mut encoder);
    let snap = Some("2026-11-23 06:48:38.179667+00");
    let row = [Some("10"), Some("snap"), Some("1.5000"), Some("f"), snap];
    read(&mut encoder, ORDERS, &row, Place::Last);
    next(&mut encoder);
    let at = Some("2026-11-23 06:49:53.562864+00");
    let row = |paid| tuple(&[Some("11"), Some("avi"), Some("123.4567"), Some(paid), at]);
    encoder.begin(begin(802, 27391248, 1795416593564304));
    encoder.insert(ORDERS, &row("f"), Lsn(27391248)).unwrap();
    next(&mut encoder);
    encoder.commit(Lsn(27391448));
    encoder.begin(begin(803, 27391448, 1795416593565268));
    encoder.update(ORDERS, None, &row("t"), Lsn(27391448)).unwrap();
    next(&mut encoder);
    encoder.commit(Lsn(27395528));
    encoder.begin(begin(806, 27395528, 1795416593566884));
    let key = [Field::Text(b"11"), Field::Null, Field::Null, Field::Null, Field::Null];
    encoder.delete(ORDERS, OldRow { is_whole: false, fields: &key }, Lsn(27395528)).unwrap();
    next(&mut encoder);
    assert_eq!(written.len(), 7);
    for (at, (topic, key, value)) in written.into_iter().enumerate() {
        let (theirs, their_key, their_value, _) = avro_sample(at);
        // The amount of the fourth and fifth is read off the sample itself.
        assert_eq!((topic, key), (theirs, their_key), "{at}");
        assert_eq!(value, their_value, "{at}");
    }
}

#[test]
fn what_was_sent_before_is_not_sent_again() {
    let all = {
        let mut encoder = json_encoder("shop", false);
        relations(&mut encoder);
        script(&mut encoder);
        let encoded = encoder.take(Lsn(27311792));
        encoded.messages().map(shown).collect::<Vec<_>>()
    };
    // Of the fourth transaction, its first change was sent.
    let mut encoder = json_encoder("shop", false);
    let within = Some((Lsn(27261097), Lsn(27261096)));
    encoder.resume(Position { through: Lsn(27261096), within });
    relations(&mut encoder);
    script(&mut encoder);
    let encoded = encoder.take(Lsn(27311792));
    let rest: Vec<Value> = encoded.messages().map(shown).collect();
    let place =
        all.iter().position(|message| message["value"]["op"] == "u" && message["key"]["id"] == 4);
    assert_eq!(rest, all[place.unwrap()..]);
}

#[test]
fn a_batch_that_ends_within_a_transaction_says_so() {
    let mut encoder = json_encoder("shop", false);
    relations(&mut encoder);
    encoder.begin(begin(7, 100, 1));
    assert_eq!(encoder.take(Lsn(90)).position, Position { through: Lsn(90), within: None });
    encoder.insert(NOKEY, &tuple(&[Some("x"), Some("1")]), Lsn(100)).unwrap();
    let position = encoder.take(Lsn(90)).position;
    assert_eq!(position, Position { through: Lsn(90), within: Some((Lsn(101), Lsn(100))) });
    encoder.commit(Lsn(120));
    assert_eq!(encoder.take(Lsn(120)).position, Position { through: Lsn(120), within: None });
    let mut again = json_encoder("shop", false);
    again.resume(position);
    relations(&mut again);
    again.begin(begin(7, 100, 1));
    again.insert(NOKEY, &tuple(&[Some("x"), Some("1")]), Lsn(100)).unwrap();
    assert_eq!(again.take(Lsn(90)).position, position);
}

#[test]
fn what_is_left_out_is_nowhere_and_a_key_cannot_be() {
    let mut encoder = json_encoder("shop", true);
    encoder.options.transaction_metadata = false;
    encoder.options.tables.exclude = vec!["public.pairs".into()];
    encoder.options.columns_exclude = vec!["*.customer".into()];
    relations(&mut encoder);
    encoder.begin(begin(7, 100, 1));
    let row = tuple(&[Some("3"), Some("cid"), Some("1.00"), Some("f"), None]);
    encoder.insert(ORDERS, &row, Lsn(100)).unwrap();
    encoder.insert(PAIRS, &tuple(&[Some("1"), Some("a"), None]), Lsn(101)).unwrap();
    let encoded = encoder.take(Lsn(90));
    assert_eq!(encoded.messages().len(), 1);
    let text = String::from_utf8_lossy(&encoded.arena).into_owned();
    assert!(!text.contains("customer") && !text.contains("cid"));
    encoder.options.columns_exclude = vec!["*.id".into()];
    let error = encoder.relation(&orders(10, 2)).unwrap_err();
    assert!(error.report().contains("column id of public.orders"), "{error:?}");
}

#[test]
fn a_column_that_clickhouse_keeps_as_text_is_itself() {
    let mut table = orders(10, 2);
    table.columns[2].pg = model::PgType::AsText(Box::new(table.columns[2].pg.clone()));
    let mut encoder = json_encoder("shop", false);
    encoder.options.forms.decimal = DecimalMode::Precise;
    encoder.relation(&table).unwrap();
    let row = tuple(&[Some("3"), Some("c"), Some("12.30"), Some("f"), None]);
    encoder.insert(ORDERS, &row, Lsn(1)).unwrap();
    let encoded = encoder.take(Lsn(0));
    assert_eq!(shown(encoded.messages().next().unwrap())["value"]["after"]["amount"], "BM4=");
}

fn any_field() -> impl Strategy<Value = (u8, Vec<u8>)> {
    (0u8..4, proptest::collection::vec(any::<u8>(), 0..24))
}

fn any_tuple(values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut tuple = Tuple::default();
    tuple.begin(values.len());
    for (form, value) in values {
        match form {
            0 => tuple.null(),
            1 => tuple.unchanged(),
            2 => tuple.text(value),
            _ => tuple.binary(value),
        }
    }
    tuple.bytes().to_vec()
}

proptest! {
    /// Whatever comes, a message is JSON, or there is none.
    #[test]
    fn any_tuples_are_messages_or_errors(
        rows in proptest::collection::vec(proptest::collection::vec(any_field(), 4..6), 1..6),
        is_whole: bool,
        garbage: Vec<u8>,
    ) {
        for format in [Format::Json { with_schemas: false }, avro()] {
            let is_json = format != avro();
            let mut encoder = encoder("shop", format);
            relations(&mut encoder);
            encoder.begin(begin(7, 100, 1));
            for id in [ORDERS, PAIRS, DOCS, FULLS, NOKEY] {
                let _ = encoder.insert(id, &garbage, Lsn(100));
                for row in &rows {
                    let tuple = any_tuple(row);
                    let fields = source::decode::tuple::fields(&tuple).unwrap();
                    let old = OldRow { is_whole, fields: &fields };
                    let _ = encoder.insert(id, &tuple, Lsn(100));
                    let _ = encoder.update(id, Some(old), &any_tuple(&rows[0]), Lsn(101));
                    let _ = encoder.delete(id, old, Lsn(102));
                }
            }
            encoder.commit(Lsn(200));
            for message in encoder.take(Lsn(200)).messages().filter(|_| is_json) {
                for part in [message.key, message.value].into_iter().flatten() {
                    prop_assert!(serde_json::from_slice::<Value>(part.body).is_ok());
                }
            }
        }
    }
}
