//! Bodies in codings, both ways: HTTP's, and ClickHouse's own frames, by the byte.

use crate::http::{Reply, encode, post, post_with};
use crate::{ports, sql};
use std::io::{Read, Write};

/// The frames of an answer as a client takes them apart: every hash is verified.
fn unframe(mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut methods, mut data) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let (size, length) = (word(17), word(21));
        let (frame, rest) = bytes.split_at(16 + size);
        let hash = cityhash_rs::cityhash_102_128(&frame[16..]).rotate_right(64);
        assert_eq!(frame[..16], hash.to_le_bytes());
        let body = &frame[25..];
        let plain = match frame[16] {
            0x82 => lz4_flex::block::decompress(body, length).unwrap(),
            0x90 => zstd::bulk::decompress(body, length).unwrap(),
            0x02 => body.to_vec(),
            other => panic!("method {other:#x}"),
        };
        assert_eq!(plain.len(), length);
        data.extend(plain);
        methods.push(frame[16]);
        bytes = rest;
    }
    methods.dedup();
    (data, methods)
}

pub(crate) fn frame(data: &[u8]) -> Vec<u8> {
    let body = lz4_flex::block::compress(data);
    let mut head = vec![0x82];
    head.extend_from_slice(&((body.len() + 9) as u32).to_le_bytes());
    head.extend_from_slice(&(data.len() as u32).to_le_bytes());
    head.extend_from_slice(&body);
    let hash = cityhash_rs::cityhash_102_128(&head).rotate_right(64).to_le_bytes();
    [&hash[..], &head].concat()
}

fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.header("x-clickhouse-exception-code").unwrap_or("-"))
}

#[test]
fn answers_come_in_frames_errors_too() {
    let port = ports().door;
    let text = "SELECT number, toString(number % 10) FROM numbers(300000) FORMAT RowBinary";
    let plain = post(port, "/", text).body;
    for (method, byte) in [("", 0x82), ("lz4", 0x82), ("zstd", 0x90), ("none", 0x02)] {
        let target = match method {
            "" => "/?compress=1".to_owned(),
            _ => format!("/?compress=1&network_compression_method={method}"),
        };
        // No second coding around it.
        let reply = post_with(port, &target, &[("Accept-Encoding", "gzip, lz4")], text.as_bytes());
        assert_eq!((reply.status, reply.whole), (200, true));
        assert_eq!(reply.header("content-encoding"), None);
        let (data, methods) = unframe(&reply.body);
        assert!(data == plain, "{method}");
        assert_eq!(methods, [byte], "{method}");

        let reply = post(port, &target, "SELECT nothing");
        assert_eq!(code(&reply), (404, "47"), "{method}");
        let (data, methods) = unframe(&reply.body);
        assert!(data.starts_with(b"Code: 47. DB::Exception: "));
        assert_eq!(methods, [byte], "{method}");
    }
    // By the byte: `SELECT 1` in a frame of no compression.
    let reply = post(port, "/?compress=1&network_compression_method=none", "SELECT 1");
    assert_eq!(reply.body[16..], [0x02, 11, 0, 0, 0, 2, 0, 0, 0, b'1', b'\n']);
    assert_eq!(post(port, "/?compress=1", "SELECT 1 WHERE 0").body, b"");
    assert_eq!(post(port, "/?compress=0", "SELECT 1").body, b"1\n");
    // Refused before it is read, or by the door alone.
    let refused = post_with(port, "/?compress=1", &[("X-ClickHouse-User", "ann")], b"SELECT 1");
    assert_eq!(code(&refused), (403, "516"));
    assert!(unframe(&refused.body).0.starts_with(b"Code: 516."));
    let refused = post(port, "/?compress=1&network_compression_method=lzo", "SELECT 1");
    assert_eq!(code(&refused), (400, "432"));
    assert!(unframe(&refused.body).0.starts_with(b"Code: 432."));
}

#[test]
fn an_error_under_way_is_in_the_frames() {
    let text = "SELECT throwIf(number = 3000000, 'oh'), number FROM numbers(4000000)";
    let reply = post(ports().door, "/?compress=1", text);
    assert_eq!((reply.status, reply.whole), (200, false));
    let (data, _) = unframe(&reply.body);
    let tag = reply.header("x-clickhouse-exception-tag").unwrap();
    let end = format!(" {tag}\r\n__exception__\r\n");
    assert!(data.ends_with(end.as_bytes()));
}

#[test]
fn bodies_in_frames_are_verified() {
    let port = ports().door;
    sql("CREATE TABLE framed (n UInt64) ENGINE = MergeTree ORDER BY n");
    let insert = format!("/?decompress=1&query={}", encode("INSERT INTO framed FORMAT RowBinary"));
    let rows: Vec<u8> = (0..100_000u64).flat_map(u64::to_le_bytes).collect();
    let body: Vec<u8> = rows.chunks(100_001).flat_map(frame).collect();
    assert_eq!(post_with(port, &insert, &[], &body).status, 200);
    assert_eq!(sql("SELECT count(), sum(n) FROM framed"), "100000\t4999950000\n");

    let mut broken = body.clone();
    broken[30] ^= 1;
    assert_eq!(code(&post_with(port, &insert, &[], &broken)), (400, "40"));
    let last = body.len() - 3;
    assert_eq!(code(&post_with(port, &insert, &[], &body[..last])), (400, "33"));
    assert_eq!(code(&post_with(port, &insert, &[], &rows[8..])), (400, "432"), "forgotten");
    assert_eq!(sql("SELECT count() FROM framed"), "100000\n");

    // The statement itself, and a coding of HTTP's around it.
    let text = frame(b"SELECT 6 * 7");
    assert_eq!(post_with(port, "/?decompress=1", &[], &text).text(), "42\n");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).unwrap();
    let gzip = gzip.finish().unwrap();
    let reply = post_with(port, "/?decompress=1", &[("Content-Encoding", "gzip")], &gzip);
    assert_eq!(reply.text(), "42\n");
}

/// A column of a part is frames, too: what the engine itself wrote is what the door reads.
#[test]
fn the_engines_own_frames_are_read() {
    let port = ports().door;
    sql(
        "CREATE TABLE packed (lz UInt64 CODEC(LZ4), zs UInt64 CODEC(ZSTD(3)), no UInt64 CODEC(NONE)) \
         ENGINE = MergeTree ORDER BY tuple() SETTINGS min_bytes_for_wide_part = 0, \
         ratio_of_defaults_for_sparse_serialization = 1",
    );
    // It stays the part that it is.
    sql("SYSTEM STOP MERGES packed");
    sql("INSERT INTO packed SELECT number, number * 2, number * 3 FROM numbers(200000)");
    sql("CREATE TABLE unpacked (n UInt64) ENGINE = MergeTree ORDER BY n");
    let folder = sql(
        "SELECT path FROM system.parts WHERE database = 'main' AND table = 'packed' AND active",
    );
    assert_eq!(folder.lines().count(), 1, "{folder}");
    let insert =
        format!("/?decompress=1&query={}", encode("INSERT INTO unpacked FORMAT RowBinary"));
    for (column, byte) in [("lz", 0x82), ("zs", 0x90), ("no", 0x02)] {
        let bytes = std::fs::read(format!("{}{column}.bin", folder.trim_end()));
        let bytes = bytes.unwrap_or_else(|error| panic!("{folder}{column}: {error}"));
        assert_eq!(bytes[16], byte, "{column}");
        let reply = post_with(port, &insert, &[], &bytes);
        assert_eq!(reply.status, 200, "{column}: {}", reply.text());
        let sums = "SELECT (SELECT (count(), sum(n)) FROM unpacked) = ";
        let of_it = format!("{sums}(SELECT (count(), sum({column})) FROM packed)");
        assert_eq!(sql(&of_it), "1\n", "{column}");
        sql("TRUNCATE TABLE unpacked");
    }
}

#[test]
fn every_coding_goes_both_ways() {
    let port = ports().door;
    let text = b"SELECT sum(number) FROM numbers(10)";
    let written = |coding: &str| -> Vec<u8> {
        match coding {
            "zstd" => zstd::bulk::compress(text, 3).unwrap(),
            _ => {
                let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
                writer.write_all(text).unwrap();
                writer.into_inner()
            }
        }
    };
    for coding in ["zstd", "br"] {
        let body = written(coding);
        let header = [("Content-Encoding", coding), ("Accept-Encoding", coding)];
        let reply = post_with(port, "/", &header, &body);
        assert_eq!(reply.header("content-encoding"), Some(coding));
        let mut out = String::new();
        match coding {
            "zstd" => {
                zstd::stream::read::Decoder::new(&reply.body[..]).unwrap().read_to_string(&mut out)
            }
            _ => brotli::Decompressor::new(&reply.body[..], 4096).read_to_string(&mut out),
        }
        .unwrap();
        assert_eq!(out, "45\n");
        let cut = &body[..body.len() - 1];
        assert_eq!(code(&post_with(port, "/", &header[..1], cut)), (400, "33"), "{coding}");
        // Errors are plain: whoever reads them may not decode.
        let reply = post_with(port, "/", &header[1..], b"SELECT nothing");
        assert_eq!(reply.header("content-encoding"), None);
        assert!(reply.text().starts_with("Code: 47."));
    }
}
