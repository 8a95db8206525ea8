//! What an event says beside the row: `source`, `transaction`, `op` and the times. All that a
//! transaction's events share is written once.

use super::value::out::{Avro, Json, Out, avro_bytes, decimal, json_text, zigzag};
use model::Lsn;

/// Debezium's form of events is that of 3.7.0; who made them is told by the last part. Tools that
/// compare versions read the numbers.
pub const VERSION: &str = "3.7.0.millrace";
pub(super) const CONNECTOR: &str = "postgresql";

/// Of all events of a transaction, or of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Said<'a> {
    pub name: &'a str,
    pub database: &'a str,
    /// `false`, or the place in a snapshot.
    pub snapshot: &'a str,
    pub commit_us: i64,
    /// The end of the transaction before, if it was seen.
    pub last_commit: Option<Lsn>,
    pub xid: Option<u32>,
}

/// `source`, but for the table and the position.
#[derive(Debug, Default)]
pub(super) struct Head {
    to_sequence: Vec<u8>,
    /// `["1","`
    sequence: Vec<u8>,
    to_names: Vec<u8>,
    to_lsn: Vec<u8>,
}

/// Of one event.
pub(super) struct Event<'a> {
    pub op: u8,
    pub lsn: Lsn,
    /// `"schema":…,"table":…,`
    pub names: &'a [u8],
    pub block: Option<Block>,
    pub now_ns: i64,
}

/// Where the event stands in its transaction.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub xid: u32,
    pub total_order: u64,
    pub collection_order: u64,
}

impl Block {
    pub(super) fn json(self, lsn: Lsn) -> serde_json::Value {
        let mut out = Json::default();
        out.transaction(Some(self), lsn);
        serde_json::from_slice(&out.into_bytes()).unwrap_or_default()
    }
}

/// Writes the envelopes of one format.
pub(super) trait Envelope: Out {
    fn head(said: &Said<'_>) -> Head;
    fn source(&mut self, head: &Head, event: &Event<'_>);
    fn transaction(&mut self, block: Option<Block>, lsn: Lsn);
    /// The end of an event of a row.
    fn tail(&mut self, op: u8, now_ns: i64);
    fn raw(&mut self, bytes: &[u8]);
    /// What stands before each part of the struct.
    fn before(&mut self);
    fn after(&mut self);
    fn to_source(&mut self);
    fn to_transaction(&mut self);
}

fn sequence(last_commit: Option<Lsn>, quote: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    match last_commit {
        Some(lsn) => {
            out.extend_from_slice(quote);
            decimal(lsn.0 as i64, out);
            out.extend_from_slice(quote);
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b',');
    out.extend_from_slice(quote);
}

/// `ts_ms`, `ts_us` and `ts_ns` are one number, cut off.
fn times(ns: i64) -> ([u8; 19], bool) {
    let mut digits = [b'0'; 19];
    let mut rest = ns.max(0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // Until 2286 and since 2001 there is none in front.
    (digits, digits[0] != b'0')
}

impl Envelope for Json {
    fn head(said: &Said<'_>) -> Head {
        let mut head = Head::default();
        let out = &mut head.to_sequence;
        out.extend_from_slice(b"{\"version\":");
        json_text(VERSION.as_bytes(), out);
        out.extend_from_slice(b",\"connector\":");
        json_text(CONNECTOR.as_bytes(), out);
        out.extend_from_slice(b",\"name\":");
        json_text(said.name.as_bytes(), out);
        out.extend_from_slice(b",\"ts_ms\":");
        decimal(said.commit_us.div_euclid(1000), out);
        out.extend_from_slice(b",\"snapshot\":");
        json_text(said.snapshot.as_bytes(), out);
        out.extend_from_slice(b",\"db\":");
        json_text(said.database.as_bytes(), out);
        out.extend_from_slice(b",\"sequence\":\"");
        sequence(said.last_commit, b"\\\"", out);
        let out = &mut head.to_names;
        out.extend_from_slice(b"\\\"]\",\"ts_us\":");
        decimal(said.commit_us, out);
        out.extend_from_slice(b",\"ts_ns\":");
        decimal(said.commit_us.saturating_mul(1000), out);
        out.push(b',');
        let out = &mut head.to_lsn;
        out.extend_from_slice(b"\"txId\":");
        match said.xid {
            Some(xid) => decimal(xid.into(), out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"lsn\":");
        head
    }

    #[inline]
    fn source(&mut self, head: &Head, event: &Event<'_>) {
        self.raw(&head.to_sequence);
        let mark = self.mark();
        self.int(event.lsn.0 as i64);
        let lsn = mark..self.mark();
        self.raw(&head.to_names);
        self.raw(event.names);
        self.raw(&head.to_lsn);
        self.repeat(lsn);
        self.raw(b",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}");
    }

    #[inline]
    fn transaction(&mut self, block: Option<Block>, lsn: Lsn) {
        let Some(Block { xid, total_order, collection_order }) = block else {
            return self.null();
        };
        self.raw(b"{\"id\":\"");
        self.int(xid.into());
        self.raw(b":");
        self.int(lsn.0 as i64);
        self.raw(b"\",\"total_order\":");
        self.int(total_order as i64);
        self.raw(b",\"data_collection_order\":");
        self.int(collection_order as i64);
        self.raw(b"}");
    }

    #[inline]
    fn tail(&mut self, op: u8, now_ns: i64) {
        self.raw(b",\"op\":\"");
        self.raw(&[op]);
        let (digits, is_whole) = times(now_ns);
        let names: [&[u8]; 3] = [b"\",\"ts_ms\":", b",\"ts_us\":", b",\"ts_ns\":"];
        for (at, name) in names.into_iter().enumerate() {
            self.raw(name);
            match is_whole {
                true => self.raw(&digits[..13 + 3 * at]),
                false => self.int(now_ns / 1000i64.pow(2 - at as u32)),
            }
        }
        self.raw(b"}");
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.extend(bytes);
    }

    fn before(&mut self) {
        self.raw(b"{\"before\":");
    }

    fn after(&mut self) {
        self.raw(b",\"after\":");
    }

    fn to_source(&mut self) {
        self.raw(b",\"source\":");
    }

    fn to_transaction(&mut self) {
        self.raw(b",\"transaction\":");
    }
}

impl Envelope for Avro {
    fn head(said: &Said<'_>) -> Head {
        let mut head = Head::default();
        let out = &mut head.to_sequence;
        for text in [VERSION, CONNECTOR, said.name] {
            avro_bytes(text.as_bytes(), out);
        }
        zigzag(said.commit_us.div_euclid(1000), out);
        // The default is the first of the union's types.
        zigzag(0, out);
        avro_bytes(said.snapshot.as_bytes(), out);
        avro_bytes(said.database.as_bytes(), out);
        sequence(said.last_commit, b"\"", &mut head.sequence);
        let out = &mut head.to_names;
        for time in [said.commit_us, said.commit_us.saturating_mul(1000)] {
            zigzag(1, out);
            zigzag(time, out);
        }
        match said.xid {
            Some(xid) => {
                zigzag(1, &mut head.to_lsn);
                zigzag(xid.into(), &mut head.to_lsn);
            }
            None => zigzag(0, &mut head.to_lsn),
        }
        head
    }

    fn source(&mut self, head: &Head, event: &Event<'_>) {
        self.raw(&head.to_sequence);
        let mut sequence = head.sequence.clone();
        decimal(event.lsn.0 as i64, &mut sequence);
        sequence.extend_from_slice(b"\"]");
        self.some();
        self.plain(&sequence);
        self.raw(&head.to_names);
        self.raw(event.names);
        self.raw(&head.to_lsn);
        self.some();
        self.int(event.lsn.0 as i64);
        // xmin, origin and origin_lsn.
        self.raw(&[0, 0, 0]);
    }

    fn transaction(&mut self, block: Option<Block>, lsn: Lsn) {
        let Some(Block { xid, total_order, collection_order }) = block else {
            return self.null();
        };
        self.some();
        self.plain(format!("{xid}:{}", lsn.0).as_bytes());
        self.int(total_order as i64);
        self.int(collection_order as i64);
    }

    fn tail(&mut self, op: u8, now_ns: i64) {
        self.plain(&[op]);
        for unit in [1_000_000, 1000, 1] {
            self.some();
            self.int(now_ns / unit);
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.extend(bytes);
    }

    fn before(&mut self) {}

    fn after(&mut self) {}

    fn to_source(&mut self) {}

    fn to_transaction(&mut self) {}
}
