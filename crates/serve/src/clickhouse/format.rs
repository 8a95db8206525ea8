//! Output formats by how they may travel. The engine's stream renders every block as a document of
//! its own; what that means depends on the format:
//!
//! | way | formats | |
//! | --- | --- | --- |
//! | rows | Native, RowBinary, TSV, CSV, JSONEachRow … | blocks follow each other |
//! | header | `…WithNames`, `…WithNamesAndTypes` | the header is cut from every block but the first |
//! | document | JSON, XML, Pretty…, Parquet, Arrow … and all others | through a pipe ([`super::document`]) |

use super::binary::varint;
use super::error::Failure;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Rows,
    Header(Header),
    Document,
}

/// How the header of a block is told from its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Header {
    /// Lines; a name never holds a line break of its own.
    Lines(usize),
    /// Lines in which `"…"` may hold line breaks.
    QuotedLines(usize),
    /// A count, then that many strings, so many times over.
    Binary(usize),
}

const ROWS: &[&str] = &[
    "Native",
    "RowBinary",
    "TabSeparated",
    "TSV",
    "TabSeparatedRaw",
    "TSVRaw",
    "Raw",
    "CSV",
    "TSKV",
    "JSONEachRow",
    "JSONLines",
    "JSONL",
    "NDJSON",
    "JSONStringsEachRow",
    "JSONCompactEachRow",
    "JSONCompactStringsEachRow",
    "BSONEachRow",
    "MsgPack",
    "Null",
];

/// Whether it can be written into a statement: the URL's may be any text.
pub(super) fn is_name(format: &str) -> bool {
    !format.is_empty() && format.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn way(format: &str) -> Way {
    if ROWS.iter().any(|row| row.eq_ignore_ascii_case(format)) {
        return Way::Rows;
    }
    let format = format.to_ascii_lowercase();
    let (base, lines) = match format.strip_suffix("withnamesandtypes") {
        Some(base) => (base, 2),
        None => match format.strip_suffix("withnames") {
            Some(base) => (base, 1),
            None => return Way::Document,
        },
    };
    match base {
        "tabseparated" | "tsv" | "jsoncompacteachrow" | "jsoncompactstringseachrow" => {
            Way::Header(Header::Lines(lines))
        }
        "csv" => Way::Header(Header::QuotedLines(lines)),
        "rowbinary" => Way::Header(Header::Binary(lines)),
        _ => Way::Document,
    }
}

impl Header {
    /// How many bytes of a block are its header; `None`: it is not one of this kind.
    pub(super) fn len(self, block: &[u8]) -> Option<usize> {
        match self {
            Header::Lines(lines) => line_end(block, lines, false),
            Header::QuotedLines(lines) => line_end(block, lines, true),
            Header::Binary(lists) => {
                let mut at = 0;
                let count = varint(block, &mut at)?;
                for _ in 0..count.checked_mul(lists)? {
                    let length = varint(block, &mut at)?;
                    at = at.checked_add(length).filter(|at| *at <= block.len())?;
                }
                Some(at)
            }
        }
    }
}

fn line_end(block: &[u8], mut lines: usize, quotes: bool) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in block.iter().enumerate() {
        match byte {
            b'"' if quotes => quoted = !quoted,
            b'\n' if !quoted => {
                lines -= 1;
                if lines == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Lets the header through once.
pub(super) struct Cutter {
    header: Header,
    first: Option<Vec<u8>>,
}

impl Cutter {
    pub(super) fn new(header: Header) -> Cutter {
        Cutter { header, first: None }
    }

    /// What of a block goes to the client.
    pub(super) fn cut<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], Failure> {
        let rows = match &self.first {
            Some(first) => block.strip_prefix(&first[..]),
            None => {
                self.first = self.header.len(block).map(|length| block[..length].to_vec());
                self.first.as_ref().map(|_| block)
            }
        };
        rows.ok_or_else(|| {
            Failure::new(49, "LOGICAL_ERROR", "the blocks of the answer differ in their headers")
        })
    }
}

pub(super) fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| format.starts_with(prefix));
    match format.as_str() {
        "xml" => "application/xml; charset=UTF-8",
        "markdown" => "text/markdown; charset=UTF-8",
        "bsoneachrow" | "msgpack" | "native" | "parquet" | "orc" | "avro" => {
            "application/octet-stream"
        }
        "jsoneachrow" | "jsonlines" | "jsonl" | "ndjson" | "jsonstringseachrow" => {
            "application/x-ndjson; charset=UTF-8"
        }
        _ if starts(&["rowbinary", "arrow", "protobuf", "capnproto"]) => "application/octet-stream",
        _ if starts(&["json"]) => "application/json; charset=UTF-8",
        _ if starts(&["csv"]) && format.contains("withnames") => {
            "text/csv; charset=UTF-8; header=present"
        }
        _ if starts(&["csv"]) => "text/csv; charset=UTF-8; header=absent",
        _ if starts(&["tabseparated", "tsv"]) => "text/tab-separated-values; charset=UTF-8",
        _ => "text/plain; charset=UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_are_found_and_cut_once() {
        assert_eq!(way("tsvWithNames"), Way::Header(Header::Lines(1)));
        assert_eq!(way("CSVWithNamesAndTypes"), Way::Header(Header::QuotedLines(2)));
        assert_eq!(way("JSONCompact"), Way::Document);
        assert_eq!(way("TSVRawWithNames"), Way::Document);
        assert_eq!(way("jsoneachrow"), Way::Rows);
        assert_eq!(Header::QuotedLines(1).len(b"\"a\n\"\"b\",\"c\"\n1,2\n"), Some(12));
        assert_eq!(Header::Binary(2).len(b"\x01\x01x\x05UInt8\x07"), Some(9));
        assert_eq!(Header::Binary(2).len(b"\x02\x01x"), None);
        let mut cutter = Cutter::new(Header::Lines(1));
        assert_eq!(cutter.cut(b"a\n1\n").unwrap(), b"a\n1\n");
        assert_eq!(cutter.cut(b"a\n2\n").unwrap(), b"2\n");
        assert!(cutter.cut(b"b\n2\n").is_err());
    }

    proptest! {
        #[test]
        fn any_block_is_measured_without_panic(block in proptest::collection::vec(any::<u8>(), 0..100)) {
            for header in [Header::Lines(2), Header::QuotedLines(1), Header::Binary(2)] {
                if let Some(length) = header.len(&block) {
                    prop_assert!(length <= block.len());
                }
            }
        }
    }
}
