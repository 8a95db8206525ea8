//! Every output format of the engine: an answer of many blocks, of whatever size, is what one piece would have
//! been.

use crate::http::post;
use crate::{ports, sql};

/// Pretty puts blocks under one head that come soon behind each other, 50 ms by default: here all of them.
const SOON: [&str; 2] =
    ["output_format_pretty_squash_consecutive_ms", "output_format_pretty_squash_max_wait_ms"];
const SOON_MS: &str = "600000";

/// What came out of a format; an error is its code.
type Outcome = Result<Vec<u8>, u32>;

fn one_piece(text: &str, format: &str) -> Outcome {
    let mut session = ports().engine.session().unwrap();
    SOON.iter().for_each(|name| session.set(name, SOON_MS).unwrap());
    let answer = session.query(text, format, &[]);
    answer.map(|answer| answer.bytes().to_vec()).map_err(|error| error.code)
}

fn through_the_door(text: &str, format: &str) -> Outcome {
    let soon: String = SOON.iter().map(|name| format!("&{name}={SOON_MS}")).collect();
    let reply = post(ports().door, &format!("/?default_format={format}{soon}"), text);
    match reply.status {
        200 => {
            assert!(reply.whole, "{format}: {text}");
            Ok(reply.body)
        }
        _ => Err(reply.header("x-clickhouse-exception-code").unwrap().parse().unwrap()),
    }
}

/// Without what differs from run to run: times, progress, the mark between Avro's blocks.
fn settled(format: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    if format == "Avro" {
        let mark = bytes[bytes.len() - 16..].to_vec();
        while let Some(at) = memchr::memmem::find(&bytes, &mark).filter(|_| mark != [0; 16]) {
            bytes[at..at + 16].fill(0);
        }
    }
    if format.starts_with("JSON") || format == "XML" || format == "GeoJSON" {
        let text = String::from_utf8(bytes).unwrap();
        let kept = text.split_inclusive('\n').filter(|line| {
            let changes =
                ["\"elapsed\"", "<elapsed>", "{\"progress\":", "{\"rows_before_aggregation\""];
            !changes.iter().any(|mark| line.trim_start().starts_with(mark))
        });
        return kept.collect::<String>().into_bytes();
    }
    bytes
}

fn formats() -> Vec<String> {
    let names = sql("SELECT name FROM system.formats WHERE is_output ORDER BY name");
    names.lines().map(str::to_owned).collect()
}

/// Those that need something else than any rows.
fn text_for(format: &str, any: &str) -> String {
    match format {
        "Npy" => format!("SELECT n FROM ({any})"),
        "RawBLOB" | "LineAsString" | "LineAsStringWithNames" | "LineAsStringWithNamesAndTypes" => {
            format!("SELECT s FROM ({any})")
        }
        "ProtobufSingle" => format!("SELECT * FROM ({any}) LIMIT 1"),
        "Prometheus" => {
            format!("SELECT s AS name, toFloat64(n) AS value FROM ({any}) LIMIT 100000")
        }
        "PNG" => format!("SELECT toUInt8(n) AS v FROM ({any}) LIMIT 65536"),
        "GeoJSON" => format!("SELECT (toFloat64(n), 1.5)::Point AS geometry, s FROM ({any})"),
        _ => any.to_owned(),
    }
}

/// One needs a registry of schemas, the other a file of the server's.
const UNASKED: [&str; 2] = ["AvroConfluent", "Template"];

fn differences(any: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let show = |outcome: Outcome| {
        outcome.map(|mut bytes| {
            bytes.truncate(300);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    for format in formats() {
        let text = text_for(&format, any);
        let expected = one_piece(&text, &format).map(|bytes| settled(&format, bytes));
        let found = through_the_door(&text, &format).map(|bytes| settled(&format, bytes));
        if found != expected {
            wrong.push(format!("{format}: {:?} instead of {:?}", show(found), show(expected)));
        } else if let Err(code) = found
            && !UNASKED.contains(&&*format)
        {
            wrong.push(format!("{format}: nothing but an error, {code}"));
        }
    }
    wrong
}

#[test]
fn many_rows_are_one_answer_in_every_format() {
    let any = "SELECT number AS n, concat('row ', toString(number), if(number % 7 = 0, '\\n\"', '')) AS s, \
               if(number % 3 = 0, NULL, number) AS m FROM numbers(300000)";
    let wrong = differences(any);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn many_small_blocks_are_one_answer_in_every_format() {
    sql(
        "CREATE TABLE parted (n UInt64, s String, m Nullable(UInt64)) ENGINE = MergeTree ORDER BY n SETTINGS merge_selector_algorithm = 'Manual'",
    );
    for part in 0..3 {
        sql(&format!("INSERT INTO parted VALUES ({part}, 'a', NULL), ({part}0, 'b', 1)"));
    }
    for any in [
        "SELECT * FROM main.parted ORDER BY n, s SETTINGS max_threads = 1, max_block_size = 1",
        "SELECT 1 AS n, 'x' AS s, CAST(NULL AS Nullable(UInt64)) AS m UNION ALL SELECT 1, 'x', NULL UNION ALL SELECT 1, 'x', NULL",
        "SELECT n, s, CAST(NULL AS Nullable(UInt64)) AS m FROM main.parted WHERE 0",
    ] {
        let wrong = differences(any);
        assert!(wrong.is_empty(), "{any}\n{}", wrong.join("\n"));
    }
}

#[test]
fn totals_and_extremes_have_their_place_in_every_format() {
    let totals = "SELECT n % 3 AS n, any('x') AS s, CAST(NULL AS Nullable(UInt64)) AS m, count() AS c FROM (SELECT number AS n FROM numbers(10)) GROUP BY n WITH TOTALS ORDER BY n LIMIT 2";
    let extremes = "SELECT number AS n, 'x' AS s, CAST(NULL AS Nullable(UInt64)) AS m FROM numbers(5) SETTINGS extremes = 1";
    for text in [totals, extremes] {
        let wrong = differences(text);
        assert!(wrong.is_empty(), "{text}\n{}", wrong.join("\n"));
    }
    // In a session that has set it.
    let ask = |text: &str| post(ports().door, "/?session_id=extremes", text).text();
    ask("SET extremes = 1");
    assert_eq!(
        ask("SELECT number AS n FROM numbers(3) FORMAT CSVWithNames"),
        "\"n\"\n0\n1\n2\n\n0\n2\n"
    );
}
