//! What is not read is kept and seen, and what ClickHouse has read our own reader takes over.

use super::{Topic, config, project};
use harness::{Project, Up, wait_until};
use kafka_cluster::Broker;
use serde_json::{Value, json};

#[test]
fn what_cannot_be_read_is_kept_aside_and_the_rest_goes_on() {
    let broker = Broker::start();
    let topic = Topic::new(&broker, "shop.public.orders");
    let types = "engine = \"clickhouse\"\n[source.kafka.types.\"public.orders\"]\ntotal = \"numeric(10,2)\"";
    let project = project(&broker.bootstrap(), "\"shop.public.orders\"", types);
    let up = project.up();
    // It is waited for.
    wait_until("a topic without a row is asked again", || up.log().contains("up:"));
    topic.send("c", 1, json!({"id": 1, "total": "BM4=", "note": "one"}), 8);
    topic.send("c", 2, json!({"id": 2, "total": "BM4=", "note": "two"}), 16);
    up.wait_for("SELECT count() FROM public.orders", "2");
    topic.send_bytes(Some("{\"id\":3}"), Some("this is no JSON"));
    topic.send_bytes(
        None,
        Some("{\"op\":\"t\",\"before\":null,\"after\":null,\"source\":{\"lsn\":17}}"),
    );
    topic.send(
        "u",
        1,
        json!({"id": 1, "total": "BM4=", "note": "__debezium_unavailable_value"}),
        24,
    );
    topic.send("u", 2, json!({"id": 2, "total": "!", "note": "two"}), 32);
    topic.send("c", 4, json!({"id": "four", "total": null, "note": null}), 40);
    topic.send("d", 2, json!(null), 48);
    topic.send_bytes(Some("{\"id\":2}"), None);
    topic.send("c", 5, json!({"id": 5, "total": "BM4=", "note": "five"}), 56);
    up.wait_for(
        "SELECT groupArray((id, total, note)) FROM (SELECT * FROM public.orders ORDER BY id)",
        "[(1,12.3,'one'),(5,12.3,'five')]",
    );
    let errors = "SELECT offset, key, message != '', extract(reason, '^[^:,]*') FROM kafka_millrace.errors ORDER BY offset";
    let wanted = "2\t{\"id\":3}\t1\tit is no JSON object\n3\t\t1\ta TRUNCATE\n\
                  4\t{\"id\":1}\t1\tcolumn note\n5\t{\"id\":2}\t1\tcolumn total\n6\t{\"id\":4}\t1\tcolumn id";
    up.wait_for(errors, wanted);
    wait_until("status counts them", || project.status()["kafka"]["poison_messages"] == 5);
    let shown = project.run(&["status"]);
    assert!(shown.stdout.contains("read by ClickHouse"), "{}", shown.talk());
    assert!(shown.stdout.contains("SELECT * FROM `kafka_millrace`.errors"), "{}", shown.talk());
    let version = up.query("SELECT _version FROM public_raw.orders WHERE id = 5");
    assert_eq!(version, ((((1u128 << 48) + 9) << 64) + 56).to_string());
    up.kill();

    // The same rows by our own hands, with the same versions; but for the value that was left out, which is ours to
    // refuse or to fill.
    let rows = "SELECT groupArray((id, total, _version, _deleted)) FROM (SELECT * FROM public_raw.orders FINAL \
                WHERE id NOT IN (1, 6) ORDER BY ALL)";
    let by_clickhouse = project.run(&["sql", rows]).stdout;
    let types = types.replace("\"clickhouse\"", "\"millrace\"");
    project.configure(&config(&broker.bootstrap(), "\"shop.public.orders\"", &types));
    let mut up = project.up();
    up.wait_ready();
    topic.send("c", 6, json!({"id": 6, "total": "BM4=", "note": "six"}), 64);
    up.wait_for("SELECT max(id) FROM public.orders", "6");
    assert_eq!(up.query(rows), by_clickhouse.trim());
    assert_eq!(up.query("SELECT count() FROM system.tables WHERE engine = 'Kafka'"), "0");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn nothing_is_read_while_it_is_paused_and_everything_after() {
    let broker = Broker::start();
    let topic = Topic::new(&broker, "shop.public.orders");
    let project = project(&broker.bootstrap(), "\"shop.public.orders\"", "engine = \"clickhouse\"");
    let send = |id| topic.send("c", id, json!({"id": id, "note": "n"}), id as u64 * 8);
    (1..=3).for_each(send);
    let up = project.up();
    let (count, readers) = (
        "SELECT count() FROM public.orders",
        "SELECT count() FROM system.tables WHERE engine = 'Kafka'",
    );
    up.wait_for(count, "3");
    let paused = project.run(&["pause"]).talk();
    assert!(paused.contains("paused: ") && paused.contains("retention.ms"), "{paused}");
    assert_eq!(up.query(readers), "0");
    (4..=6).for_each(send);
    // What a kill leaves of it rests as well.
    up.kill();
    let up = project.up();
    wait_until("the pause is seen", || !project.status()["paused_since"].is_null());
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!((up.query(readers), up.query(count)), ("0".to_owned(), "3".to_owned()));
    let resumed = project.run(&["resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.talk());
    up.wait_for(count, "6");
    let reloaded = project.run(&["reload"]);
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.talk());
    send(7);
    up.wait_for(count, "7");
    assert_eq!(up.stop(), Some(0));
}

/// Columns, their types, and what Debezium sends of them without a schema.
fn values() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let infinity = json!(i64::MAX);
    vec![
        ("flag", "bool", vec![json!(true), json!(false)]),
        ("small", "smallint", vec![json!(-32768), json!(32767)]),
        ("whole", "int", vec![json!(i32::MIN), json!(0)]),
        ("large", "bigint", vec![json!(i64::MAX), json!(i64::MIN)]),
        ("f4", "real", vec![json!(1.1), json!("NaN"), json!("-Infinity")]),
        ("f8", "float8", vec![json!(0.1), json!(1e300), json!("Infinity")]),
        (
            "num",
            "numeric(12,2)",
            vec![json!("HL6ZGhQ="), json!("/w=="), json!("gA=="), json!("-12.50"), json!(7.5)],
        ),
        ("wide", "numeric(40,0)", vec![json!("AP////////8="), json!("-12345678901234567890123")]),
        (
            "free",
            "numeric",
            vec![
                json!({"scale": 20, "value": "EQfV61tbpNfG"}),
                json!({"scale": 0, "value": "/w=="}),
                json!("3.25"),
            ],
        ),
        ("cash", "money", vec![json!("AeJA"), json!("/p4=")]),
        ("txt", "text", vec![json!("na\u{ef}ve \"q\" \\ \u{1f980}"), json!("")]),
        ("raw", "bytea", vec![json!("3q2+7w=="), json!("")]),
        ("ref", "uuid", vec![json!("6f9619ff-8b86-d011-b42d-00c04fc964ff")]),
        (
            "day",
            "date",
            vec![json!(20780), json!(-1), json!(200_000), json!(-200_000), json!("2026-02-28")],
        ),
        (
            "us",
            "timestamp",
            vec![
                json!(1_795_395_723_456_789i64),
                json!(-1),
                infinity,
                json!(i64::MIN),
                json!("2026-01-02T03:04:05"),
            ],
        ),
        ("ms", "timestamp(3)", vec![json!(1_795_395_723_456i64), json!(-1)]),
        (
            "zoned",
            "timestamptz",
            vec![
                json!("2026-11-22T19:32:03.456789Z"),
                json!("infinity"),
                json!("-infinity"),
                json!("1700-01-01T00:00:00Z"),
            ],
        ),
        ("clock", "time", vec![json!(3_723_456_789i64), json!(0)]),
        ("j", "json", vec![json!("{\"a\": 1,  \"b\":[1,2]}")]),
        ("mood", "enum", vec![json!("happy")]),
        ("ints", "int[]", vec![json!([1, null, -3]), json!([])]),
        ("texts", "text[]", vec![json!(["a", "b,c", null, "q\"q"])]),
        ("nums", "numeric(10,2)[]", vec![json!(["bg==", null, "ANw="])]),
        ("zones", "timestamptz[]", vec![json!(["2026-11-23T00:00:00.000000Z"])]),
    ]
}

/// Values that no column of theirs holds.
fn odd_values() -> Vec<Value> {
    vec![
        json!({"small": 32768}),
        json!({"num": "not base64"}),
        json!({"num": "123456789012.5"}),
        json!({"num": "1.005"}),
        json!({"ref": "6f9619ff"}),
        json!({"day": 2_146_033_979}),
        json!({"zoned": "yesterday"}),
        json!({"ints": [1, 3_000_000_000u64]}),
        json!({"flag": "perhaps"}),
    ]
}

#[test]
fn values_are_what_our_own_reader_makes_of_them() {
    let broker = Broker::start();
    let topic = Topic::new(&broker, "shop.public.orders");
    let (values, mut id) = (values(), 0);
    let mut send = |row: Value| {
        id += 1;
        let mut row = row;
        row["id"] = json!(id);
        topic.send("c", id, row, id as u64 * 8);
    };
    // The first one has them all.
    send(values.iter().map(|(name, _, of)| ((*name).to_owned(), of[0].clone())).collect());
    for (name, _, of) in &values {
        of.iter().for_each(|value| send(json!({*name: value})));
    }
    send(json!({}));
    let odd = odd_values();
    odd.iter().for_each(|row| send(row.clone()));
    send(json!({"txt": "the last one"}));
    let types: String = values.iter().map(|(name, of, _)| format!("{name} = \"{of}\"\n")).collect();
    let of = |engine| {
        by(engine, &broker, topic.name, &format!("[source.kafka.types.\"public.orders\"]\n{types}"))
    };
    let columns = "SELECT name, type FROM system.columns WHERE database = 'public_raw' AND table = 'orders' ORDER BY position";
    let read = |up: &Up| {
        up.wait_for("SELECT count() FROM public.orders WHERE txt = 'the last one'", "1");
        let rows = up.query("SELECT * FROM public_raw.orders FINAL ORDER BY id FORMAT JSONEachRow");
        (up.query(columns), rows.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let (theirs, ours) = (of("clickhouse"), of("millrace"));
    let (their_up, our_up) = (theirs.up(), ours.up());
    let (their_columns, their_rows) = read(&their_up);
    let (our_columns, our_rows) = read(&our_up);
    assert_eq!(their_columns, our_columns);
    for (theirs, ours) in their_rows.iter().zip(&our_rows) {
        assert_eq!(theirs, ours);
    }
    assert_eq!(their_rows.len(), our_rows.len());
    their_up.wait_for("SELECT count() FROM kafka_clickhouse.errors", &odd.len().to_string());
    our_up.wait_for("SELECT count() FROM millrace.quarantine FINAL", &odd.len().to_string());
    assert_eq!((their_up.stop(), our_up.stop()), (Some(0), Some(0)));
}

/// The same topic, by whom it is read.
fn by(engine: &str, broker: &Broker, topic: &str, more: &str) -> Project {
    let of_kafka = format!("engine = \"{engine}\"\ngroup = \"{engine}\"\n{more}");
    project(&broker.bootstrap(), &format!("\"{topic}\""), &of_kafka)
}

/// Both read the topic, and have the same rows.
#[track_caller]
fn assert_alike(broker: &Broker, topic: &str, more: &str, rows: &str, wanted: &str) {
    for engine in ["clickhouse", "millrace"] {
        let project = by(engine, broker, topic, more);
        let up = project.up();
        up.wait_for(rows, wanted);
        assert_eq!(up.stop(), Some(0), "{engine}");
    }
}

#[test]
fn rows_without_an_envelope_and_objects_of_anybodys_are_read_alike() {
    let broker = Broker::start();
    let topic = Topic::new(&broker, "shop.public.flat");
    for (key, row) in [
        (
            "{\"id\":1}",
            "{\"id\":1,\"note\":\"one\",\"__op\":\"c\",\"__lsn\":8,\"__deleted\":\"false\"}",
        ),
        (
            "{\"id\":2}",
            "{\"id\":2,\"note\":\"two\",\"__op\":\"c\",\"__lsn\":9,\"__deleted\":\"false\"}",
        ),
        (
            "{\"id\":2}",
            "{\"id\":2,\"note\":\"2\",\"__op\":\"u\",\"__lsn\":10,\"__deleted\":\"false\"}",
        ),
        (
            "{\"id\":1}",
            "{\"id\":1,\"note\":\"\",\"__op\":\"d\",\"__lsn\":11,\"__deleted\":\"true\"}",
        ),
    ] {
        topic.send_bytes(Some(key), Some(row));
    }
    let rows = "SELECT id, note, _deleted, _version FROM public_raw.flat FINAL WHERE _deleted = 0";
    let version = (((1u128 << 48) + 2) << 64) + 10;
    let warned = by("clickhouse", &broker, topic.name, "").run(&["kafka", "ddl"]);
    assert!(warned.stderr.contains("delete.tombstone.handling.mode"), "{}", warned.talk());
    assert_alike(&broker, topic.name, "", rows, &format!("2\t2\t0\t{version}"));

    let (topic, again) = (Topic::new(&broker, "clicks"), Topic::new(&broker, "visits"));
    for n in 0..3 {
        let click = format!(
            "{{\"at\":{},\"user\":{{\"id\":{n}}},\"what\":\"x\",\"more\":[{n}],\"y\":null}}",
            1_795_395_723 + n
        );
        topic.send_bytes(None, Some(&click));
        again.send_bytes(None, Some(&click));
    }
    let plain = "format = \"json\"\n[source.kafka.plain.clicks]\ntable = \"public.clicks\"\n[source.kafka.plain.clicks.columns]\n\
                 user_id = { path = \"user.id\", type = \"bigint\" }\nat = { type = \"timestamptz\" }\nmore = { type = \"jsonb\" }\nwhat = {}\n";
    let rows = "SELECT user_id, toUnixTimestamp(assumeNotNull(at)), more, what FROM public.clicks ORDER BY ALL";
    assert_alike(
        &broker,
        topic.name,
        plain,
        rows,
        "0\t1795395723\t[0]\tx\n1\t1795395724\t[1]\tx\n2\t1795395725\t[2]\tx",
    );
    let rest = "format = \"json\"\n[source.kafka.plain.visits]\ntable = \"public.rest\"\nrest = \"rest\"\n\
                [source.kafka.plain.visits.columns]\nat = { type = \"bigint\" }\nuser = { type = \"jsonb\" }\n";
    let rows = "SELECT at - 1795395723, user, rest FROM public.rest ORDER BY at LIMIT 1";
    let wanted = "0\t{\"id\":0}\t{\"what\":\"x\",\"more\":[0],\"y\":null}";
    assert_alike(&broker, again.name, rest, rows, wanted);
}
