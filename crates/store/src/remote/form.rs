//! A question with rows beside it: ClickHouse calls them external data.
//!
//! ```text
//! URL     millrace_keys_structure=k0 Int64, … & millrace_keys_format=Native
//! field   query            the text, in as many pieces as it takes
//! file    millrace_keys    the rows: a temporary table of the question
//! ```
//!
//! A table of ours would be on one replica, and the question might come to another one.

use super::upload::{Form, Upload};
use crate::{Beside, insert, native};
use model::Result;
use std::hash::{BuildHasher, RandomState};

/// A server takes fields of up to 128 KiB (`http_max_field_value_size`), and puts those of one name together.
const FIELD_BYTES: usize = 64 << 10;

/// The body, and what the URL says of it.
pub(super) fn of(sql: &str, beside: &Beside) -> Result<(Upload, Vec<(&'static str, String)>)> {
    let boundary = boundary();
    let mut body = Vec::with_capacity(sql.len() + beside.block.size_bytes() + (4 << 10));
    let head = |body: &mut Vec<u8>, what: &str| {
        let text = format!("--{boundary}\r\nContent-Disposition: form-data; {what}\r\n\r\n");
        body.extend_from_slice(text.as_bytes());
    };
    for piece in pieces(sql) {
        head(&mut body, "name=\"query\"");
        body.extend_from_slice(piece.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    let name = Beside::TABLE;
    head(&mut body, &format!("name=\"{name}\"; filename=\"{name}\""));
    native::encode(&beside.target, &beside.block, &mut |bytes| {
        body.extend_from_slice(bytes);
        Ok(())
    })?;
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let settings = vec![
        ("millrace_keys_structure", insert::columns_beside(&beside.target)),
        ("millrace_keys_format", "Native".to_owned()),
    ];
    Ok((Upload::Form(Form { boundary, body: Some(body.into()) }), settings))
}

fn pieces(sql: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), sql);
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(rest.floor_char_boundary(FIELD_BYTES.min(rest.len())));
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// What no data holds by chance.
fn boundary() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("millrace-{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::super::{ANSWER_BYTES_MAX, Remote};
    use super::*;
    use crate::{Store, Target};
    use model::{Block, Column, PgType, Table, TableId, TableName, TableOptions};
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    /// A server whose every answer has so many bytes.
    fn answers(bytes: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let socket = listener.accept().unwrap().0;
            let (mut requests, mut socket) = (BufReader::new(socket.try_clone().unwrap()), socket);
            loop {
                let (mut line, mut length) = (String::new(), 0);
                while line != "\r\n" {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                    if requests.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                }
                requests.read_exact(&mut vec![0; length]).unwrap();
                let head = "HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {}\r\nContent-Length";
                let text = format!("{head}: {bytes}\r\n\r\n{}", "a".repeat(bytes));
                let _ = socket.write_all(text.as_bytes());
            }
        });
        port
    }

    fn table() -> Table {
        let id = Column { type_oid: 23, not_null: true, ..Column::new("id", PgType::Int4) };
        Table { key: vec![0], ..Table::new(TableId(1), TableName::new("public", "t"), vec![id]) }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_none() {
        let table = Arc::new(table());
        let options = TableOptions::default();
        let target = Arc::new(Target::resolve(table.clone(), &options, None).unwrap());
        for (bytes, is_there) in [(ANSWER_BYTES_MAX, true), (ANSWER_BYTES_MAX + 1, false)] {
            let block = Arc::new(Block::new(table.clone()));
            let beside = Beside { target: target.clone(), block };
            let remote = Remote::of_test(answers(bytes));
            let answer = remote.answer_beside("SELECT 1", "RawBLOB", beside).await.unwrap();
            assert_eq!(answer.map(|answer| answer.len()), is_there.then_some(bytes));
        }
    }

    #[test]
    fn a_long_text_goes_in_pieces_and_no_letter_is_cut() {
        let sql = "é".repeat(100_000);
        let pieces = pieces(&sql);
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.len() <= FIELD_BYTES));
        assert!(pieces.concat() == sql);
        assert_ne!(boundary(), boundary());
    }
}
