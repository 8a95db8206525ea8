//! Messages of a table of five columns, as they come by the million.

use crate::read::Reader;

/// Keys and values.
type Messages = Vec<(Vec<u8>, Vec<u8>)>;

/// Schemas of Avro's messages.
pub fn know(reader: &mut Reader) {
    super::know_samples(reader);
}

fn decimal(row: usize) -> Vec<u8> {
    ((row % 9_000_000 + 1234) as i32).to_be_bytes().to_vec()
}

fn created_at(row: usize) -> String {
    format!("2026-11-23T06:{:02}:{:02}.{:06}Z", row / 60 % 60, row % 60, row % 999_983)
}

fn payload(row: usize) -> String {
    use base64::Engine;
    let amount = base64::engine::general_purpose::STANDARD.encode(decimal(row));
    let (lsn, ms) = (27_238_448 + row * 112, 1_795_416_303_212 + row / 100);
    format!(
        r#"{{"before":null,"after":{{"id":{row},"customer":"customer {}","amount":"{amount}","paid":{},"created_at":"{}"}},"source":{{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":{ms},"snapshot":"false","db":"shop","sequence":"[\"{lsn}\",\"{lsn}\"]","ts_us":{ms}212,"ts_ns":{ms}212000,"schema":"public","table":"orders","txId":{},"lsn":{lsn},"xmin":null,"origin":null,"origin_lsn":null}},"transaction":{{"id":"{}:{lsn}","total_order":1,"data_collection_order":1}},"op":"c","ts_ms":{ms},"ts_us":{ms}503,"ts_ns":{ms}503129}}"#,
        row % 10_007,
        row.is_multiple_of(3),
        created_at(row),
        700 + row / 1000,
        700 + row / 1000,
    )
}

pub fn plain_json(count: usize) -> Messages {
    (0..count)
        .map(|row| (format!(r#"{{"id":{row}}}"#).into_bytes(), payload(row).into_bytes()))
        .collect()
}

pub fn schema_json(count: usize) -> Messages {
    let samples = include_str!("../../../tests/data/debezium.jsonl");
    let sample = samples.lines().find(|line| line.contains("shopschema.public.orders"));
    let sample: serde_json::Value = serde_json::from_str(sample.expect("a sample")).expect("JSON");
    let wrap = |part: &str, payload: String| {
        format!(r#"{{"schema":{},"payload":{payload}}}"#, sample[part]["schema"]).into_bytes()
    };
    (0..count)
        .map(|row| (wrap("key", format!(r#"{{"id":{row}}}"#)), wrap("value", payload(row))))
        .collect()
}

pub(in crate::read) fn long(number: i64, out: &mut Vec<u8>) {
    let mut bits = (number << 1 ^ number >> 63) as u64;
    while bits > 0x7f {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Of the schemas 3 and 4 of the samples.
pub fn avro(count: usize) -> Messages {
    let message = |row: usize| {
        let number = row as i64;
        let mut key = vec![0, 0, 0, 0, 3];
        long(number, &mut key);
        let mut out = vec![0, 0, 0, 0, 4];
        long(0, &mut out);
        long(1, &mut out);
        long(number, &mut out);
        bytes(format!("customer {}", row % 10_007).as_bytes(), &mut out);
        long(1, &mut out);
        bytes(&decimal(row), &mut out);
        out.push(u8::from(row.is_multiple_of(3)));
        bytes(created_at(row).as_bytes(), &mut out);
        let (lsn, us) = (27_238_448 + number * 112, 1_795_416_303_212_000 + number);
        for text in ["3.7.0.Final", "postgresql", "shopavro"] {
            bytes(text.as_bytes(), &mut out);
        }
        long(us / 1000, &mut out);
        long(0, &mut out);
        bytes(b"false", &mut out);
        bytes(b"shop", &mut out);
        long(1, &mut out);
        bytes(format!(r#"["{lsn}","{lsn}"]"#).as_bytes(), &mut out);
        for number in [us, us * 1000] {
            long(1, &mut out);
            long(number, &mut out);
        }
        bytes(b"public", &mut out);
        bytes(b"orders", &mut out);
        for number in [700, lsn] {
            long(1, &mut out);
            long(number, &mut out);
        }
        // xmin, origin, origin_lsn, transaction
        out.extend_from_slice(&[0; 4]);
        bytes(b"c", &mut out);
        for number in [us / 1000, us, us * 1000] {
            long(1, &mut out);
            long(number, &mut out);
        }
        (key, out)
    };
    (0..count).map(message).collect()
}
