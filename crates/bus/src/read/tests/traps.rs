//! What Debezium does that one would not expect, each by its name.

use super::*;
use model::{Fate, Op};

const SOURCE: &str =
    r#""source":{"connector":"postgresql","schema":"public","table":"t","lsn":7,"ts_us":5}"#;

pub(super) fn event(op: &str, before: &str, after: &str) -> String {
    format!(r#"{{"before":{before},"after":{after},{SOURCE},"op":"{op}"}}"#)
}

/// What each message tells, to one reader.
pub(super) fn all(reader: &mut Reader, messages: &[(&str, String)]) -> Vec<String> {
    messages
        .iter()
        .map(|(key, value)| told(reader, &Owned::new("shop.public.t", key, value)))
        .collect()
}

fn declared(columns: &[(&str, &str)]) -> Reader {
    let columns = columns.iter().map(|&(name, pg)| (name.to_owned(), pg.to_owned()));
    let table = model::TableName::new("public", "t");
    let declared = [(table, columns.collect())].into();
    let options = ReaderOptions { declared, ..ReaderOptions::new(Format::DebeziumJson) };
    Reader::new(options, Vec::new()).unwrap()
}

#[test]
fn rows_of_an_incremental_snapshot_have_their_lsn_in_the_sequence() {
    let mut reader = reader(Format::DebeziumJson);
    let value = r#"{"before":null,"after":{"id":1},"op":"r","source":{"schema":"public","table":"t",
        "lsn":null,"sequence":"[\"27303936\",\"27303960\"]","ts_ms":9,"snapshot":"incremental"}}"#;
    let message = Owned::new("x", r#"{"id":1}"#, value);
    let Ok(Read::Change(change)) = reader.read(&message.message()) else { panic!() };
    let sequence = Sequence { last_commit: Some(Lsn(27_303_936)), lsn: Lsn(27_303_960) };
    assert_eq!((change.lsn, change.sequence), (Lsn(27_303_960), Some(sequence)));
    assert_eq!((change.commit_us, change.is_snapshot, change.op), (9_000, true, Op::Insert));
}

/// `""`, `false` and 1970 stand for what was NOT NULL.
#[test]
fn values_of_before_are_invented_but_for_the_key() {
    let mut reader = reader(Format::DebeziumJson);
    let before = r#"{"id":2,"name":"","paid":false,"amount":null}"#;
    let message = Owned::new("shop.public.t", r#"{"id":2}"#, &event("d", before, "null"));
    let Ok(Read::Change(change)) = reader.read(&message.message()) else { panic!() };
    let old = source::decode::tuple::fields(change.old.unwrap()).unwrap();
    assert!(matches!(old[0], source::decode::Field::Text(b"2")));
    assert!(old[1..].iter().all(|field| *field == source::decode::Field::Null));
    assert!(change.new.is_none() && !change.is_tombstone);
}

#[test]
fn a_key_that_changes_is_a_delete_and_an_insert_that_know_of_each_other() {
    let mut reader = reader(Format::DebeziumJson);
    let mut away = Owned::new("x", r#"{"a":1,"b":"a"}"#, &event("d", r#"{"a":1,"b":"a"}"#, "null"));
    away.new_key = Some(br#"{"a":1,"b":"b"}"#.to_vec());
    let mut here = Owned::new("x", r#"{"a":1,"b":"b"}"#, &event("c", "null", r#"{"a":1,"b":"b"}"#));
    here.old_key = away.key.clone();
    let gone = Owned { value: None, ..away.clone() };
    assert_eq!(
        [&away, &gone, &here].map(|message| told(&mut reader, message)),
        [
            r#"public.t Delete {"a":"1","b":"a"} moves to ["1","b"]"#,
            r#"public.t tombstone Delete {"a":"1","b":"a"} moves to ["1","b"]"#,
            r#"public.t Insert {"a":"1","b":"b"} comes from ["1","a"]"#,
        ]
    );
    // A header in a form of its own tells nothing, and harms nothing.
    here.old_key = Some(b"Struct{a=1}".to_vec());
    assert_eq!(told(&mut reader, &here), r#"public.t Insert {"a":"1","b":"b"}"#);
}

#[test]
fn a_table_without_a_key_is_told_apart_by_its_whole_rows() {
    let mut reader = reader(Format::DebeziumJson);
    let row = r#"{"v":"x","n":1}"#;
    let told = all(
        &mut reader,
        &[
            ("", event("c", "null", row)),
            ("", event("u", row, r#"{"v":"x","n":2}"#)),
            ("", event("d", r#"{"v":"x","n":2}"#, "null")),
            ("", String::new()),
        ],
    );
    assert_eq!(
        told[1],
        r#"public.t Delete {"v":"x","n":"1"}Insert {"v":"x","n":"2"} before {"v":"x","n":"1"}"#
    );
    assert_eq!(told[2], r#"public.t Delete {"v":"x","n":"2"}"#);
    assert_eq!(told[3], "Tombstone");
    assert!(reader.tables().next().unwrap().is_its_own_key());
}

#[test]
fn a_truncate_has_no_key_and_takes_none_away() {
    let mut reader = reader(Format::DebeziumJson);
    let told = all(
        &mut reader,
        &[
            ("", event("t", "null", "null")),
            (r#"{"id":1}"#, event("c", "null", r#"{"id":1}"#)),
            ("", event("t", "null", "null")),
        ],
    );
    assert_eq!(told[0], "UnknownTable");
    assert_eq!(told[2], "truncate public.t at 0/7");
    assert_eq!(reader.tables().next().unwrap().key, [0]);
}

#[test]
fn a_value_that_was_not_touched_is_unchanged_in_every_shape_of_the_placeholder() {
    let text = "__debezium_unavailable_value";
    let base64 = STANDARD.encode(text);
    let codes = text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    let columns = [
        ("t", "text", format!("\"{text}\"")),
        ("b", "bytea", format!("\"{base64}\"")),
        ("j", "jsonb", format!("\"{text}\"")),
        ("n", "numeric(100,2)", format!("\"{text}\"")),
        ("ts", "text[]", format!("[\"{text}\"]")),
        ("bs", "bytea[]", format!("[\"{base64}\"]")),
        ("is", "int4[]", format!("[{codes}]")),
        ("us", "uuid[]", r#"["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]"#.to_owned()),
        ("h", "hstore", format!(r#"{{"{text}":"{text}"}}"#)),
        ("hj", "json", format!(r#""{{\"{text}\":\"{text}\"}}""#)),
    ];
    let types: Vec<_> = columns.iter().map(|(name, pg, _)| (*name, *pg)).collect();
    let mut reader = declared(&types);
    let pairs = columns.iter().map(|(name, _, value)| format!("\"{name}\":{value}"));
    let row = format!("{{\"id\":1,{}}}", pairs.collect::<Vec<_>>().join(","));
    let message = Owned::new("x", r#"{"id":1}"#, &event("u", "null", &row));
    let Ok(Read::Change(change)) = reader.read(&message.message()) else { panic!() };
    let fields = source::decode::tuple::fields(change.new.unwrap()).unwrap();
    for (at, (name, ..)) in columns.iter().enumerate() {
        assert_eq!(fields[at + 1], source::decode::Field::Unchanged, "{name}");
    }
}

/// Nothing of such a column may be lost because its first value was not sent.
#[test]
fn a_column_that_is_unchanged_when_it_is_first_seen_is_one() {
    let mut reader = reader(Format::DebeziumJson);
    let row = r#"{"id":1,"body":"__debezium_unavailable_value"}"#;
    let told = all(&mut reader, &[(r#"{"id":1}"#, event("u", "null", row))]);
    assert_eq!(told[0], r#"public.t Update {"id":"1","body":""} unchanged body"#);
}

#[test]
fn transactions_messages_and_heartbeats_are_of_no_table() {
    let mut reader = reader(Format::DebeziumJson);
    for (topic, value, aside) in [
        (
            "x.transaction",
            r#"{"status":"BEGIN","id":"764:1","event_count":null,"ts_ms":1}"#,
            Aside::Transaction,
        ),
        ("__debezium-heartbeat.x", r#"{"ts_ms":1}"#, Aside::Heartbeat),
        (
            "x.message",
            r#"{"op":"m","source":{"schema":"","table":""},"message":{}}"#,
            Aside::LogicalMessage,
        ),
        (
            "x",
            r#"{"source":{},"databaseName":"d","ddl":"create","tableChanges":[]}"#,
            Aside::SchemaChange,
        ),
        ("x", "", Aside::Tombstone),
    ] {
        let message = Owned::new(topic, "", value);
        let read = reader.read(&message.message());
        assert!(matches!(&read, Ok(Read::Aside(found)) if *found == aside), "{topic} {read:?}");
    }
    assert_eq!(reader.tables().count(), 0);
}

#[test]
fn infinity_is_what_debezium_makes_of_it_or_is_refused() {
    let columns = [
        ("d", "date"),
        ("ts", "timestamp"),
        ("tz", "timestamptz"),
        ("f", "float8"),
        ("n", "numeric"),
    ];
    let mut reader = declared(&columns);
    let row = |row: &str| (r#"{"id":1}"#, event("c", "null", &format!("{{\"id\":1,{row}}}")));
    let told = all(
        &mut reader,
        &[
            row(r#""ts":9223372036854775807,"tz":"infinity","f":"NaN""#),
            row(r#""ts":-9223372036854775808,"tz":"-infinity","f":"-Infinity""#),
            row(r#""ts":9223372036825200000"#),
            row(r#""ts":"+292278994-08-16T23:00:00Z""#),
            row(r#""d":-622191234"#),
            row(r#""d":2146033979"#),
            row(r#""d":"+5877611-06-21Z""#),
            row(r#""n":"NAN""#),
        ],
    );
    // ClickHouse's times end where they end: clamped, and counted.
    assert!(
        told[0].contains(r#""ts":"2299-12-31"#) && told[0].contains(r#""f":"NaN""#),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains(r#""ts":"1900-01-01"#) && told[1].contains(r#""f":"-inf""#),
        "{}",
        told[1]
    );
    assert!(told[2].contains(r#""ts":"2299-12-31"#), "{}", told[2]);
    assert!(told[3].contains(r#""ts":"2299-12-31"#), "{}", told[3]);
    for told in &told[4..7] {
        assert!(told.starts_with(r#"public.t Refused {"id":"1""#), "{told}");
        assert!(told.contains("d: it lies outside of what a date can be"), "{told}");
    }
    assert!(told[7].contains("refused"), "{}", told[7]);
}

#[test]
fn bytes_without_a_schema_are_base64_unless_they_could_be_hex() {
    let mut reader = declared(&[("b", "bytea")]);
    let row = |row: &str| (r#"{"id":1}"#, event("c", "null", &format!("{{\"id\":1,{row}}}")));
    let told = all(
        &mut reader,
        &[row(r#""b":"3q2+7w==""#), row(r#""b":"deadbeef00""#), row(r#""b":"deadbeef""#)],
    );
    assert!(told[0].contains("xdeadbeef"), "{}", told[0]);
    assert!(told[1].contains("xdeadbeef00"), "{}", told[1]);
    assert!(told[2].contains("whether it is hex or base64 cannot be told"), "{}", told[2]);
}

/// The scale stands in the schema alone: where there is none, the declared one counts.
#[test]
fn decimals_without_a_schema_have_the_scale_that_was_declared() {
    let mut reader = declared(&[("n", "numeric(10,2)"), ("w", "numeric(9,0)"), ("m", "money")]);
    let row = |row: &str| (r#"{"id":1}"#, event("c", "null", &format!("{{\"id\":1,{row}}}")));
    let told = all(
        &mut reader,
        &[
            row(r#""n":"ARZC","w":"AMg=","m":"AeJA""#),
            row(r#""n":"712.34","w":"123","m":"1234.56""#),
            row(r#""n":712.5,"w":7.0"#),
            row(r#""w":"1234""#),
            row(r#""n":{"scale":1,"value":"ZA=="}"#),
        ],
    );
    assert_eq!(told[0], r#"public.t Insert {"id":"1","n":"712.34","w":"200","m":"1234.56"}"#);
    assert_eq!(told[1], r#"public.t Insert {"id":"1","n":"712.34","w":"123","m":"1234.56"}"#);
    assert!(
        told[2].starts_with(r#"public.t Insert {"id":"1","n":"712.50","w":"7""#),
        "{}",
        told[2]
    );
    assert!(told[3].contains("whether it is digits or base64 cannot be told"), "{}", told[3]);
    assert!(told[4].contains(r#""n":"10.00""#), "{}", told[4]);
}

#[test]
fn poison_says_what_is_wrong_and_the_reader_goes_on() {
    let mut json = reader(Format::DebeziumJson);
    let good = (r#"{"id":1}"#, event("c", "null", r#"{"id":1,"v":"secret"}"#));
    for (key, value, says) in [
        ("", "not JSON secret".to_owned(), "it is no JSON"),
        ("", "{\"before\":".to_owned(), "it is no JSON"),
        ("", "\0\0\0\0\u{1}".to_owned(), "set the format to Avro"),
        ("", "[\"secret\"]".to_owned(), "it is no object"),
        ("", "7".to_owned(), "it is no object"),
        (r#"{"id":1}"#, event("u", "null", "null"), "its `after` is missing"),
        ("", event("d", "null", "null"), "its key is missing"),
        ("7", good.1.clone(), "its key is no object"),
        ("{", good.1.clone(), "its key"),
        ("Struct{id=1}", good.1.clone(), "its key"),
    ] {
        let message = Owned::new("shop.public.t", key, &value);
        let error = json.read(&message.message()).unwrap_err();
        assert_eq!(error.fate(), Fate::Refused);
        let report = error.report();
        assert!(report.contains(says) && !report.contains("secret"), "{report}");
        assert!(report.starts_with("read offset 7 of shop.public.t[0]: "), "{report}");
        assert_eq!(
            all(&mut json, std::slice::from_ref(&good))[0],
            r#"public.t Insert {"id":"1","v":"secret"}"#
        );
    }
    let (mut reader, messages) = avro();
    let mut cut = messages[0].clone();
    cut.value.as_mut().unwrap().truncate(40);
    let mut long = messages[0].clone();
    long.value.as_mut().unwrap().push(0);
    for (message, says) in [
        (cut, "it ends too early"),
        (long, "something follows its end"),
        (Owned::new("x", "", "{}"), "not framed by a schema registry"),
        (Owned::new("x", "", "\0\0"), "not framed by a schema registry"),
    ] {
        let error = reader.read(&message.message()).unwrap_err();
        assert_eq!(error.fate(), Fate::Refused);
        assert!(error.report().contains(says), "{}", error.report());
        assert!(told(&mut reader, &messages[0]).starts_with("public.docs Update"));
    }
}

#[test]
fn flattened_rows_tell_of_themselves_in_fields_that_are_no_columns() {
    let mut reader = reader(Format::DebeziumJson);
    let about = r#""__op":"u","__lsn":77,"__source_ts_ms":5,"__table":"orders","__schema":"sales""#;
    let told_of = |reader: &mut Reader, key: &str, value: &str| {
        told(reader, &Owned::new("some.topic", key, value))
    };
    let key = r#"{"id":1}"#;
    let row = format!(r#"{{"id":1,"v":2,{about},"__deleted":"false"}}"#);
    assert_eq!(told_of(&mut reader, key, &row), r#"sales.orders Update {"id":"1","v":"2"}"#);
    let gone = format!(r#"{{"id":1,"v":2,{about},"__deleted":"true"}}"#);
    assert_eq!(told_of(&mut reader, key, &gone), r#"sales.orders Delete {"id":"1","v":"0"}"#);
    assert_eq!(
        told_of(&mut reader, key, ""),
        r#"sales.orders tombstone Delete {"id":"1","v":"0"}"#
    );
    // A primitive key is no column.
    assert_eq!(
        told_of(&mut reader, "7", r#"{"id":2}"#),
        r#"sales.orders Insert {"id":"2","v":null}"#
    );
    let message = Owned::new("shop.public.u", key, r#"{"id":1,"__lsn":9}"#);
    let Ok(Read::Change(change)) = reader.read(&message.message()) else { panic!() };
    assert_eq!((change.table.name.to_string(), change.lsn), ("public.u".to_owned(), Lsn(9)));
}

#[test]
fn documents_of_mongodb_are_a_column() {
    let mut reader = reader(Format::DebeziumJson);
    let source = r#""source":{"connector":"mongodb","db":"shop","collection":"carts","ts_ms":5}"#;
    let document = r#"{\"_id\": {\"$oid\": \"a1\"}, \"n\": 1}"#;
    let key = r#"{"id":"{\"$oid\": \"a1\"}"}"#;
    let value = |op: &str, after: &str| {
        format!(r#"{{"before":null,"after":{after},{source},"op":"{op}"}}"#)
    };
    let told = [value("c", &format!("\"{document}\"")), value("d", "null"), String::new()]
        .map(|value| told(&mut reader, &Owned::new("m.shop.carts", key, &value)));
    assert_eq!(
        told,
        [
            r#"shop.carts Insert {"_id":"{\"$oid\": \"a1\"}","document":"{\"_id\": {\"$oid\": \"a1\"}, \"n\": 1}"}"#,
            r#"shop.carts Delete {"_id":"{\"$oid\": \"a1\"}","document":""}"#,
            r#"shop.carts tombstone Delete {"_id":"{\"$oid\": \"a1\"}","document":""}"#,
        ]
    );
}

#[test]
fn a_table_of_mysql_is_in_its_database() {
    let mut reader = reader(Format::DebeziumJson);
    let value = r#"{"before":null,"after":{"id":1},"op":"c","source":{"connector":"mysql","db":"shop","table":"t","ts_ms":3,"file":"b.1","pos":4}}"#;
    assert_eq!(
        told(&mut reader, &Owned::new("x", r#"{"id":1}"#, value)),
        r#"shop.t Insert {"id":"1"}"#
    );
}

#[test]
fn a_tombstone_in_a_topic_of_many_tables_is_nobodys() {
    let mut reader = reader(Format::DebeziumJson);
    let of =
        |table: &str| event("c", "null", r#"{"id":1}"#).replace("\"t\"", &format!("\"{table}\""));
    let told = all(
        &mut reader,
        &[
            (r#"{"id":1}"#, of("a")),
            (r#"{"id":1}"#, String::new()),
            (r#"{"id":1}"#, of("b")),
            (r#"{"id":1}"#, String::new()),
        ],
    );
    assert_eq!(told[1], r#"public.a tombstone Delete {"id":"1"}"#);
    assert_eq!(told[3], "Tombstone");
}
