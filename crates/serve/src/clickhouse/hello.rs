//! The first question of clickhouse-go, and so of Grafana's plugin. It decodes the answer in the
//! form of its own protocol version, and everything after in the form of the version that the
//! answer names. Named 0, it reads the engine's plain Native from then on, byte for byte; so this one
//! block is made by hand.

use super::binary::string;

const QUESTION: &str = "SELECT displayName(), version(), revision(), timezone()";
/// From here on a block says for each column how it is serialised.
const CUSTOM_SERIALIZATION: u64 = 54454;

pub(super) fn is_asked(sql: &str, format: &str, client_protocol_version: u64) -> bool {
    client_protocol_version >= CUSTOM_SERIALIZATION
        && format.eq_ignore_ascii_case("Native")
        && sql.trim().trim_end_matches(';').trim_end() == QUESTION
}

pub(super) fn block(name: &str, version: &str, timezone: &str) -> Vec<u8> {
    // Block info: 1 is_overflows, 2 bucket number -1, 0 its end; then columns and rows.
    let mut out = vec![1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 4, 1];
    for (column, value) in [
        ("displayName()", Some(name)),
        ("version()", Some(version)),
        ("revision()", None),
        ("timezone()", Some(timezone)),
    ] {
        string(&mut out, column);
        string(&mut out, if value.is_some() { "String" } else { "UInt32" });
        // Not a custom serialisation.
        out.push(0);
        match value {
            Some(value) => string(&mut out, value),
            None => out.extend_from_slice(&0u32.to_le_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_question_itself_is_answered_by_hand() {
        assert!(is_asked(
            "SELECT displayName(), version(), revision(), timezone()\n",
            "Native",
            54460
        ));
        assert!(!is_asked(QUESTION, "Native", 0));
        assert!(!is_asked(QUESTION, "JSON", 54460));
        assert!(!is_asked("SELECT version()", "Native", 54460));
    }

    #[test]
    fn the_block_is_of_the_newer_form_and_names_revision_0() {
        let long = "n".repeat(200);
        let block = block(&long, "26.7", "UTC");
        assert_eq!(&block[..10], [1, 0, 2, 255, 255, 255, 255, 0, 4, 1]);
        let expected = [
            b"\x0ddisplayName()\x06String\x00\xc8\x01",
            long.as_bytes(),
            b"\x09version()\x06String\x00\x0426.7",
            b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00",
            b"\x0atimezone()\x06String\x00\x03UTC",
        ]
        .concat();
        assert_eq!(&block[10..], expected);
    }
}
