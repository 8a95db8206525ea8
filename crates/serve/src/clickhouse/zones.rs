//! The time zone of `DateTime('Europe/London')` in Native answers. The engine writes Native for a client of
//! protocol 0, and such a one is told `DateTime` (only of this type, and only where it stands alone:
//! `Nullable(DateTime('Europe/London'))` keeps its zone). clickhouse-go and clickhouse-connect then show
//! another time than was stored.
//!
//! So the zone is put back into the names of types. What they are in full says `DESCRIBE (the statement)`:
//!
//! ```text
//! first block ─▶ no column is a bare DateTime ─▶ nothing is done: a search for nine bytes is all it costs
//!                one is ─▶ DESCRIBE, beside the stream: on a fresh connection with the request's settings
//! each block  ─▶ head of column, type name exchanged, data as it is ─▶ …
//! ```
//!
//! A session in which its client has set or made something cannot be had a second time, and a statement
//! on its connection would end the stream: there DESCRIBE comes before it, for every Native SELECT.
//!
//! DESCRIBE runs scalar subqueries; it is what this costs where it is asked. Columns behind one that cannot be measured ([`super::native`]) stay as they are.

use super::native::Block;
use super::run::Work;
use super::sql::Outline;
use store::embedded::{HOME_DATABASE, Session};

const BARE: &[u8] = b"DateTime";

/// What is known of the zones of one answer.
pub(super) enum Zones {
    /// Not looked at yet: the first block decides.
    Beside,
    /// Name and full type of the columns that have one. Mostly none.
    Known(Vec<Option<(String, String)>>),
}

impl Zones {
    /// Without a zone to put back.
    pub(super) fn none() -> Zones {
        Zones::Known(Vec::new())
    }

    /// A block with its types in full, in pieces.
    pub(super) fn put_back<'a>(&'a self, block: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Zones::Known(zones) if !zones.is_empty() => {
                exchanged(zones, block).unwrap_or_else(|| vec![block])
            }
            _ => vec![block],
        }
    }
}

/// Whether a block may have a column of a bare DateTime: eight letters behind their length.
pub(super) fn may_lack(block: &[u8]) -> bool {
    memchr::memmem::find(block, b"\x08DateTime").is_some()
}

fn exchanged<'a>(zones: &'a [Option<(String, String)>], bytes: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut block = Block::new(bytes);
    let (columns, rows) = (block.varint()?, block.varint()?);
    if columns != zones.len() {
        return None;
    }
    let last = zones.iter().rposition(Option::is_some)?;
    let (mut pieces, mut done) = (Vec::new(), 0);
    for zone in &zones[..=last] {
        let name = block.text()?;
        let before = block.at;
        let ty = block.text()?;
        match zone {
            Some((wanted, full)) if ty == BARE && name == wanted.as_bytes() => {
                pieces.extend([&bytes[done..before], full.as_bytes()]);
                done = block.at;
            }
            _ => {}
        }
        let skipped = std::str::from_utf8(ty).ok().and_then(|ty| block.skip(ty, rows));
        if skipped.is_none() {
            break;
        }
    }
    pieces.push(&bytes[done..]);
    Some(pieces)
}

impl Work {
    /// On a connection like the request's own; an answer without zones is better than none, so what
    /// goes wrong here is nobody's error.
    pub(super) fn zones_beside(&self, sql: &str, outline: &Outline) -> Zones {
        // Listed as the statement is, so that it ends with it.
        let lane = self.plain(false);
        let described = lane.ok().and_then(|mut lane| {
            self.set_before(&mut lane, sql, outline).ok()?;
            self.seal(&mut lane).ok()?;
            let described = self.described(&mut lane.kept.session, sql, outline);
            lane.close(&self.door, described.is_some());
            described
        });
        described.unwrap_or_else(Zones::none)
    }

    pub(super) fn zones_before(
        &self,
        session: &mut Session,
        sql: &str,
        outline: &Outline,
    ) -> Zones {
        self.described(session, sql, outline).unwrap_or_else(Zones::none)
    }

    /// For a text that is one statement that reads, by the engine's own count.
    fn described(&self, session: &mut Session, sql: &str, outline: &Outline) -> Option<Zones> {
        let describe = format!("DESCRIBE (\n{}\n)", query(sql, outline)?);
        let class = session.classify(&describe, HOME_DATABASE)?;
        if class.statements != 1 || !class.reads_only {
            return None;
        }
        const LISTS: &str = "JSONCompactStringsEachRow";
        let answer = session.query_and_keep(&describe, LISTS, &self.request.params).ok()?;
        let zones = columns(answer.bytes())?;
        zones.iter().any(Option::is_some).then_some(Zones::Known(zones))
    }
}

/// The statement as it may stand in brackets: without its FORMAT and what ends it.
pub(super) fn query(sql: &str, outline: &Outline) -> Option<String> {
    let end = outline.end;
    match &outline.format_at {
        Some(format) => Some(format!("{}{}", sql.get(..format.start)?, sql.get(format.end..end)?)),
        None => sql.get(..end).map(str::to_owned),
    }
}

/// Name and type of each column that has a zone to lose; a line of DESCRIBE begins with a column's own.
fn columns(answer: &[u8]) -> Option<Vec<Option<(String, String)>>> {
    let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let zone = |line: &[u8]| {
        let [name, ty, ..] = &serde_json::from_slice::<Vec<String>>(line).ok()?[..] else {
            return None;
        };
        let has_zone = ty.starts_with("DateTime('");
        Some(has_zone.then(|| (name.clone(), with_length(ty))))
    };
    lines.map(zone).collect()
}

/// As it stands in a block.
fn with_length(ty: &str) -> String {
    // Zones have short names: their types fit into one byte of length.
    let length = u8::try_from(ty.len()).ok().filter(u8::is_ascii).map(char::from);
    length.map_or_else(|| "\x08DateTime".to_owned(), |length| format!("{length}{ty}"))
}

#[cfg(test)]
mod tests {
    use super::super::sql;
    use super::*;

    fn zones() -> Zones {
        let zone = |name: &str| Some((name.to_owned(), with_length("DateTime('Asia/Tokyo')")));
        Zones::Known(vec![zone("a"), None, zone("c")])
    }

    #[test]
    fn types_are_exchanged_and_nothing_else() {
        let block = b"\x03\x01\x01a\x08DateTime\x01\x02\x03\x04\x01b\x06String\x09\x08DateTime\x01c\x08DateTime\x05\x06\x07\x08";
        let full = b"\x03\x01\x01a\x16DateTime('Asia/Tokyo')\x01\x02\x03\x04\x01b\x06String\x09\x08DateTime\x01c\x16DateTime('Asia/Tokyo')\x05\x06\x07\x08";
        assert_eq!(zones().put_back(block).concat(), full);
        assert!(may_lack(block));
        // Behind what cannot be measured, and in other blocks, nothing is touched.
        let odd = b"\x03\x01\x01a\x08DateTime\x01\x02\x03\x04\x01b\x04JSON..\x01c\x08DateTime....";
        assert_eq!(zones().put_back(odd).concat(), [&full[..27], &odd[13..]].concat());
        for other in [&b"\x02\x01"[..], b"", b"\x03\x01\x01a", b"\x03\x01\x01x\x08DateTime...."] {
            assert_eq!(zones().put_back(other).concat(), other);
        }
        assert!(!may_lack(b"\x0aDateTime64"));
    }

    #[test]
    fn statements_stand_in_brackets_without_their_ends() {
        let bare = |text: &str| query(text, &sql::outline(text)).unwrap();
        assert_eq!(bare("SELECT 1"), "SELECT 1");
        assert_eq!(bare("SELECT 1 FORMAT Native"), "SELECT 1 ");
        assert_eq!(
            bare("SELECT 1 FORMAT Native SETTINGS x = 1 ; -- end"),
            "SELECT 1  SETTINGS x = 1"
        );
        assert_eq!(bare("SELECT 1 AS format;;\n"), "SELECT 1 AS format");
    }
}
