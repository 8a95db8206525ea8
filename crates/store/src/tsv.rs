//! TabSeparated, both ways: how rows of our own tables are written and small answers are read.

use crate::Rows;

pub(crate) fn write(rows: &Rows) -> Vec<u8> {
    let mut text = Vec::new();
    for row in rows {
        for (at, field) in row.iter().enumerate() {
            if at > 0 {
                text.push(b'\t');
            }
            match field {
                None => text.extend_from_slice(b"\\N"),
                Some(field) => field.bytes().for_each(|byte| escape(byte, &mut text)),
            }
        }
        text.push(b'\n');
    }
    text
}

fn escape(byte: u8, text: &mut Vec<u8>) {
    let letter = match byte {
        b'\t' => b't',
        b'\n' => b'n',
        b'\r' => b'r',
        0 => b'0',
        b'\\' => b'\\',
        _ => return text.push(byte),
    };
    text.extend_from_slice(&[b'\\', letter]);
}

pub(crate) fn read(text: &[u8]) -> Rows {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Rows::new();
    }
    let fields = |line: &[u8]| line.split(|&byte| byte == b'\t').map(unescape).collect();
    text.split(|&byte| byte == b'\n').map(fields).collect()
}

fn unescape(field: &[u8]) -> Option<String> {
    if field == b"\\N" {
        return None;
    }
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b't') => text.push(b'\t'),
            Some(b'n') => text.push(b'\n'),
            Some(b'r') => text.push(b'\r'),
            Some(b'0') => text.push(0),
            Some(b'b') => text.push(8),
            Some(b'f') => text.push(12),
            Some(other) => text.push(other),
            None => text.push(b'\\'),
        }
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn rows_come_back(rows: Vec<(Option<String>, String)>) {
            let rows: Rows = rows.into_iter().map(|(a, b)| vec![a, Some(b)]).collect();
            proptest::prop_assert_eq!(read(&write(&rows)), rows);
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
