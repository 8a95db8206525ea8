//! Time zones in Native answers, and the measuring of columns that it takes, against the engine's own blocks.

use crate::http::{Reply, encode, post, post_with};
use crate::{ports, sql};
use proptest::prelude::*;

fn native(target: &str, text: &str) -> Reply {
    let reply = post(ports().door, &format!("/?default_format=Native{target}"), text);
    assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    assert!(reply.whole);
    reply
}

/// What the engine itself streams.
fn engine(text: &str) -> Vec<Vec<u8>> {
    let session = ports().engine.session().unwrap();
    let mut chunks = session.select(text, "Native", &[]).unwrap();
    let mut blocks = Vec::new();
    while let Some(chunk) = chunks.next().unwrap() {
        blocks.push(chunk.bytes().to_vec());
    }
    blocks
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn a_bare_date_time_keeps_its_zone() {
    let text = "SELECT toDateTime('2026-07-01 12:00:00', 'Europe/London') AS at, 'DateTime' AS no";
    // By the byte: 11:00:00 UTC.
    let expected =
        b"\x02\x01\x02at\x19DateTime('Europe/London')\x30\xf3\x44\x6a\x02no\x06String\x08DateTime";
    assert_eq!(native("", text).body, expected, "{:?}", native("", text).text());
    for more in [" FORMAT Native", ";", " FORMAT Native SETTINGS max_threads = 1; -- FORMAT"] {
        assert_eq!(native("", &format!("{text}{more}")).body, expected, "{more}");
    }
    // Without a zone of its own, and in others' shadow, nothing changes.
    for text in [
        "SELECT toDateTime(7) AS a, now('UTC') = now() AS b",
        "SELECT toNullable(toDateTime(7, 'Europe/London'))",
        "SELECT 'x\x08DateTime' AS x FROM numbers(3)",
        "SELECT 1 WHERE 0",
    ] {
        assert_eq!(native("", text).body, engine(text).concat(), "{text}");
    }
}

#[test]
fn the_zone_is_found_from_wherever_it_comes() {
    sql("CREATE DATABASE zoned");
    sql("CREATE TABLE zoned.t (at DateTime('Asia/Tokyo'), n UInt8) ENGINE = MergeTree ORDER BY at");
    sql("INSERT INTO zoned.t SELECT number, number FROM numbers(200000)");
    let tokyo = b"\x16DateTime('Asia/Tokyo')";
    // The database of the request, its parameters, every block.
    let target = "&database=zoned&param_n=3&max_block_size=1000";
    let reply = native(target, "SELECT n, at FROM t WHERE n >= {n:UInt8} OR n < 3");
    let found = reply.body.windows(tokyo.len()).filter(|window| window == tokyo).count();
    assert!(found > 3, "{found}");
    assert!(!has(&reply.body, b"\x08DateTime"));
    // In a session, as long as a new one is like it, and where it is not.
    for (session, first) in [
        ("zone-1", "SELECT 1"),
        ("zone-2", "SET max_threads = 1"),
        ("zone-3", "USE zoned"),
        ("zone-4", "CREATE TEMPORARY TABLE t (at DateTime('Asia/Tokyo'), n UInt8)"),
    ] {
        let target = format!("&session_id={session}");
        post(ports().door, &format!("/?session_id={session}"), first);
        let table = if matches!(session, "zone-3" | "zone-4") { "t" } else { "zoned.t" };
        let text = format!("SELECT * FROM {table} UNION ALL SELECT toDateTime(1, 'Asia/Tokyo'), 1");
        let reply = native(&target, &text);
        assert!(has(&reply.body, tokyo) && !has(&reply.body, b"\x08DateTime"), "{session}");
    }
    let moved = "&session_id=zone-5&database=zoned";
    assert!(has(&native(moved, "SELECT at FROM t").body, tokyo));
    // External tables.
    let body =
        b"--B\r\nContent-Disposition: form-data; name=\"e\"; filename=\"\"\r\n\r\n7\n\r\n--B--";
    let target = format!(
        "/?default_format=Native&e_types={}&query={}",
        encode("DateTime('Asia/Tokyo')"),
        encode("SELECT * FROM e")
    );
    let header = [("Content-Type", "multipart/form-data; boundary=B")];
    let reply = post_with(ports().door, &target, &header, body);
    assert!(has(&reply.body, tokyo), "{}", reply.text());
    // What reads only stays one that reads only.
    let reply = native("&readonly=1", "SELECT at FROM zoned.t LIMIT 1");
    assert!(has(&reply.body, tokyo));
}

/// A type that `generateRandom` makes, and all whose columns are measured.
fn types() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("UInt8"),
        Just("Int16"),
        Just("UInt32"),
        Just("Int64"),
        Just("UInt128"),
        Just("Int256"),
        Just("Float32"),
        Just("Float64"),
        Just("Bool"),
        Just("Date"),
        Just("Date32"),
        Just("DateTime('Asia/Tokyo')"),
        Just("DateTime64(3, 'UTC')"),
        Just("UUID"),
        Just("IPv4"),
        Just("IPv6"),
        Just("String"),
        Just("FixedString(5)"),
        Just("Decimal(9, 2)"),
        Just("Decimal(18, 2)"),
        Just("Decimal(38, 2)"),
        Just("Decimal(76, 2)"),
        Just("Enum8('a)' = 1, 'b\\'`' = -2)"),
        Just("Enum16('x' = 300)"),
    ]
    .prop_map(str::to_owned);
    let low = prop_oneof![
        Just("LowCardinality(String)"),
        Just("LowCardinality(Nullable(String))"),
        Just("LowCardinality(FixedString(3))"),
    ]
    .prop_map(str::to_owned);
    let leaf = prop_oneof![3 => plain.clone(), 1 => low, 1 => plain.prop_map(|ty| format!("Nullable({ty})"))];
    leaf.prop_recursive(3, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| format!("Array({ty})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("Tuple(a {a}, `b (` {b})")),
            inner.clone().prop_map(|ty| format!("Tuple({ty})")),
            inner.prop_map(|ty| format!("Map(String, {ty})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    /// The last column's zone comes back only if every column before it was measured right.
    #[test]
    fn columns_of_all_types_are_measured(types in prop::collection::vec(types(), 1..4), seed in any::<u32>(), rows in 1usize..40) {
        let columns: Vec<String> = types.iter().enumerate().map(|(at, ty)| format!("c{at} {ty}")).collect();
        let columns = columns.join(", ").replace('\\', "\\\\").replace('\'', "\\'");
        let text = format!(
            "SELECT *, toDateTime(7, 'Europe/London') AS zzz FROM generateRandom('{columns}', {seed}, 6, 3) LIMIT {rows}"
        );
        let mut expected = engine(&text);
        for block in &mut expected {
            // Its name and type are followed by four bytes a row, and nothing else.
            let head = b"\x03zzz\x08DateTime";
            let at = block.len() - rows * 4 - head.len();
            assert_eq!(&block[at..at + head.len()], head, "one block");
            block.splice(at + 4..at + head.len(), b"\x19DateTime('Europe/London')".iter().copied());
        }
        let expected = expected.concat();
        let found = native("", &text).body;
        // Those of generated columns are put back, too.
        let tokyo = b"\x16DateTime('Asia/Tokyo')";
        let mut plain = found.clone();
        while let Some(at) = plain.windows(tokyo.len()).position(|window| window == tokyo) {
            plain.splice(at..at + tokyo.len(), b"\x08DateTime".iter().copied());
        }
        prop_assert!(plain == expected, "{}", text);
        let bare = types.iter().filter(|ty| ty.starts_with("DateTime('")).count();
        prop_assert_eq!(found.len(), expected.len() + bare * 14, "{}", text);
    }
}

#[test]
fn columns_behind_a_json_stay_as_they_are() {
    let zone = "toDateTime(7, 'Europe/London')";
    let text = format!("SELECT {zone} AS a, '{{\"x\": 1}}'::JSON AS j, {zone} AS b");
    let body = native("", &text).body;
    assert!(has(&body, b"\x01a\x19DateTime('Europe/London')"));
    assert!(has(&body, b"\x01b\x08DateTime"));
    for ty in ["Point", "Ring", "Polygon", "MultiPolygon", "LineString"] {
        let text = format!(
            "SELECT CAST(CAST('{}' AS String) AS {ty}) AS g, {zone} AS b",
            match ty {
                "Point" => "(1,2)",
                "Ring" | "LineString" => "[(1,2),(3,4)]",
                "Polygon" => "[[(1,2),(3,4)],[]]",
                _ => "[[[(1,2),(3,4)]],[]]",
            }
        );
        assert!(has(&native("", &text).body, b"\x01b\x19DateTime('Europe/London')"), "{ty}");
    }
    for value in [
        "tuple()",
        "INTERVAL 1 DAY",
        "NULL",
        "[]",
        "map()",
        "toTime('12:00:00')",
        "sumSimpleState(1)",
        "[NULL]",
    ] {
        let text = format!("SELECT {value} AS g, {zone} AS b FROM numbers(3)");
        assert!(has(&native("", &text).body, b"\x01b\x19DateTime('Europe/London')"), "{value}");
    }
}
